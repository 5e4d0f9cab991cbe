//! The faults of a seed: which kinds, how many, when, on whom, and how they are mended.
//!
//! ```text
//!   swarm: which kinds are on, how often ─┐
//!   each fault: a stream of its own ──────┼─▶ incidents ──▶ referee (loss budget) ──▶ steps in order of time
//!   bursts: several close together ───────┤
//!   together: made for each other ────────┤
//!   members: they join, leave, stall ─────┤
//!   groups: they or offsets are deleted ──┤
//!   transactions: offsets that wait ──────┘
//! ```
//!
//! A subset of the kinds is on in each seed, some are off entirely (swarm testing): a seed
//! that only pauses and clogs reaches states in which a seed with everything never stays.
//! Faults that come close together find more than the same faults apart: a *burst* aims
//! several at one partition's leader and follower, at one machine while it recovers, or at
//! the active controller and a leader while an election goes on.

mod administration;
mod drive;
mod group_administration;
mod incident;
mod membership;
mod network;
mod referee;
mod together;
mod transactions;
mod victim;

use super::Profile;
use super::beside::{self, Room};
use super::cluster::Shape;
use super::draw::{Aspect, Draw};
use super::groups::GroupShape;
use super::text::{at, if_possible, said};
use crate::scenario::Seed;
use crate::scenario::format::Step;

pub(super) use incident::Incident;
use incident::incident;
use victim::Victim;

/// Declares the kinds of faults, and all of them in order.
macro_rules! kinds {
    ($($(#[$what:meta])* $kind:ident,)*) => {
        /// The kinds of faults. The order is part of every seed: new kinds go to the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Kind {
            $($(#[$what])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub(super) const ALL: &'static [Kind] = &[$(Kind::$kind),*];
        }
    };
}

kinds! {
    /// A process dies, and starts after a while.
    Kill,
    /// A process dies and starts at once.
    Restart,
    /// A process is asked to stop, and starts after a while.
    Stop,
    /// A process stands still for a while.
    Pause,
    /// A machine loses its power, and comes back after a while.
    PowerCut,
    /// A broker comes back with an empty disk.
    Replace,
    /// A wall clock jumps.
    Skew,
    /// A machine is cut off, both ways.
    Isolate,
    /// Nothing passes from one machine to some others.
    OneWay,
    /// The cluster falls into two groups.
    Split,
    /// Messages of a kind are held back for a while.
    Clog,
    /// One message is held for a while.
    Hold,
    /// One message is lost.
    Drop,
    /// One message is late.
    Delay,
    /// Messages take longer for a while.
    Latency,
    /// Syncs are slow for a while.
    Slow,
    /// A disk answers nothing for a while.
    Stall,
    /// A disk answers with errors until it is exchanged.
    DiskError,
    /// One sync fails, and its pages stay dirty.
    FailedSync,
    /// One sync fails, and its pages are gone.
    LostSync,
    /// The voters' election timeouts become equal.
    AlignTimers,
    /// A topic is created.
    CreateTopic,
    /// A topic is deleted.
    DeleteTopic,
    /// A topic gets more partitions.
    CreatePartitions,
    /// A topic's settings change.
    AlterConfig,
    /// Preferred leaders are elected.
    ElectPreferred,
    /// A leader is elected whatever is lost by it.
    ElectUnclean,
    /// A partition moves.
    Reassign,
    /// A client dies, and starts after a while.
    ClientCrash,
    /// A client stands still for a while.
    ClientPause,
    /// The first records of a partition are given up.
    DeleteRecords,
}

impl Kind {
    /// Whether topics, their settings or their committed records are not what they were before it.
    fn changes_topics(self) -> bool {
        matches!(
            self,
            Kind::DeleteTopic | Kind::CreatePartitions | Kind::AlterConfig | Kind::ElectUnclean | Kind::DeleteRecords
        )
    }

    /// Whether it hits one machine in a way that several of them close together make worse.
    fn is_sharp(self) -> bool {
        matches!(
            self,
            Kind::Kill
                | Kind::Restart
                | Kind::Stop
                | Kind::Pause
                | Kind::PowerCut
                | Kind::Isolate
                | Kind::OneWay
                | Kind::Clog
                | Kind::Stall
        )
    }
}

/// What the faults of a seed are drawn for.
pub(super) struct Stage<'a> {
    pub(super) profile: Profile,
    pub(super) seed: Seed,
    pub(super) shape: &'a Shape,
    /// The names of the clients.
    pub(super) clients: Vec<String>,
    /// The groups to which some of them belong.
    pub(super) groups: Vec<GroupShape>,
    /// Whether nobody touches what a program of somebody's own relies on: its topics, their settings, their records.
    pub(super) spares_topics: bool,
}

/// Draws all faults, each with its time in microseconds. What is still broken at the end is healed by the run itself.
pub(super) fn draw_faults(stage: &Stage, over_budget: bool) -> Vec<(i64, Step)> {
    let kinds = swarm(stage);
    let mut incidents: Vec<Incident> = Vec::new();
    for (kind, count) in &kinds {
        incidents.extend((0..*count).map(|number| single(stage, *kind, number)));
    }
    let sharp: Vec<Kind> = kinds.iter().map(|(kind, _)| *kind).filter(|kind| kind.is_sharp()).collect();
    if !sharp.is_empty() && !beside::is_quiet(stage.profile, stage.seed) {
        let count = Draw::new(stage.seed, Aspect::Burst, 0).pick(stage.profile.bursts());
        incidents.extend((1..=count).flat_map(|number| burst(stage, &sharp, number)));
    }
    incidents.extend(absence(stage));
    incidents.extend(together::together(stage));
    incidents.extend(membership::memberships(stage));
    incidents.extend(group_administration::administrations(stage));
    incidents.extend(transactions::transactions(stage));
    if !stage.spares_topics {
        incidents.extend(together::told_beside(stage));
    }
    // A stable order: by time, then by the order in which they were drawn.
    incidents.sort_by_key(|incident| incident.at);
    if !over_budget {
        incidents = referee::within_budget(incidents, stage.shape);
    }
    let end = stage.shape.duration.micros;
    let mut timed: Vec<(i64, Step)> = incidents
        .into_iter()
        .flat_map(|incident| incident.steps.into_iter().map(move |(after, step)| (incident.at + after, step)))
        .filter(|(micros, _)| *micros < end)
        .collect();
    timed.sort_by_key(|(micros, _)| *micros);
    timed
}

/// Both lists in order of time, each step at an instant of its own: entries of one instant would otherwise come late.
pub(super) fn merged(workload: Vec<(i64, Step)>, faults: Vec<(i64, Step)>) -> Vec<Step> {
    let mut timed: Vec<(i64, Step)> = workload.into_iter().chain(faults).collect();
    timed.sort_by_key(|(micros, _)| *micros);
    let mut last = -2;
    let mut steps = Vec::new();
    for (micros, step) in timed {
        last = micros.max(last + 2);
        steps.push(at(last, step));
    }
    steps
}

/// Which kinds are on, and how many faults there are of each.
fn swarm(stage: &Stage) -> Vec<(Kind, u64)> {
    let mut draw = Draw::new(stage.seed, Aspect::Swarm, 0);
    let most = if beside::is_quiet(stage.profile, stage.seed) { 3 } else { stage.profile.most_single_faults() };
    let total = draw.scale(2, most);
    let mut weights: Vec<(Kind, u64)> = Vec::new();
    for kind in stage.profile.kinds().iter().filter(|kind| possible(**kind, stage)) {
        let mut own = Draw::new(stage.seed, Aspect::Swarm, 1 + *kind as u64);
        let (is_on, weight) = (own.percent(stage.profile.kinds_percent()), own.pick(&[1, 2, 4, 8]));
        if is_on {
            weights.push((*kind, weight));
        }
    }
    match beside::room(stage.profile, stage.seed) {
        Room::Everything => {}
        Room::OneKind => weights = if weights.is_empty() { weights } else { vec![draw.pick(&weights)] },
        Room::Nothing => weights.clear(),
    }
    let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
    weights.into_iter().map(|(kind, weight)| (kind, (total * weight).div_ceil(sum.max(1)))).collect()
}

/// Whether there is somebody to suffer it.
fn possible(kind: Kind, stage: &Stage) -> bool {
    let shape = stage.shape;
    if stage.spares_topics && kind.changes_topics() {
        return false;
    }
    match kind {
        Kind::Split | Kind::OneWay | Kind::Isolate => shape.machines().len() > 1,
        // A voter's disk is never replaced: its vote would be lost with it for the whole run.
        Kind::Replace => !shape.is_combined() && shape.brokers.len() > 1,
        Kind::ClientCrash | Kind::ClientPause => !stage.clients.is_empty(),
        Kind::Reassign => shape.brokers.len() > 1,
        // Who reads on at what was committed must cope with a log that begins later.
        Kind::DeleteRecords => !stage.groups.is_empty(),
        Kind::Kill
        | Kind::Restart
        | Kind::Stop
        | Kind::Pause
        | Kind::PowerCut
        | Kind::Skew
        | Kind::Clog
        | Kind::Hold
        | Kind::Drop
        | Kind::Delay
        | Kind::Latency
        | Kind::Slow
        | Kind::Stall
        | Kind::DiskError
        | Kind::FailedSync
        | Kind::LostSync
        | Kind::AlignTimers
        | Kind::CreateTopic
        | Kind::DeleteTopic
        | Kind::CreatePartitions
        | Kind::AlterConfig
        | Kind::ElectPreferred
        | Kind::ElectUnclean => true,
    }
}

/// One fault, with a stream of its own.
fn single(stage: &Stage, kind: Kind, number: u64) -> Incident {
    let mut draw = Draw::new(stage.seed, Aspect::Fault, (kind as u64) << 32 | number);
    let at = draw.between(100_000, stage.shape.duration.micros as u64 - 1) as i64;
    let victim = victim::any(stage, &mut draw);
    incident(kind, at, &victim, stage, number, &mut draw)
}

/// One member is away while the others clean their metadata logs, a minute after they have started, and finds the start
/// of the log beyond its end when it is back.
fn absence(stage: &Stage) -> Option<Incident> {
    let shape = stage.shape;
    if !shape.cleans_metadata || shape.machines().len() < 2 {
        return None;
    }
    let mut draw = Draw::new(stage.seed, Aspect::Absence, 1);
    let is_controller = draw.percent(60) && !shape.is_combined();
    let (broker, at) = (draw.pick(&shape.brokers), draw.between(1_000_000, 25_000_000) as i64);
    let victim = match is_controller {
        true => Victim::Controller(draw.pick(&shape.controllers)),
        false => Victim::Broker(broker),
    };
    let kill = if_possible(Step { kill: said(victim.target()), ..Step::default() });
    let start = if_possible(Step { start: said(victim.target()), ..Step::default() });
    let away = shape.duration.micros - at - draw.between(500_000, 2_000_000) as i64;
    Some(Incident { at, steps: vec![(0, kill), (away, start)], out_for: None, victim })
}

/// Several faults close together.
fn burst(stage: &Stage, sharp: &[Kind], number: u64) -> Vec<Incident> {
    let mut draw = Draw::new(stage.seed, Aspect::Burst, number);
    let shape = stage.shape;
    let partitions = shape.partitions();
    let partition = partitions[draw.between(0, partitions.len() as u64 - 1) as usize].clone();
    let (leader, follower) = (Victim::Leader(partition.clone()), Victim::Follower(partition));
    let session_ms = shape.session_micros / 1000;
    let ways = if stage.groups.is_empty() { 4 } else { 6 };
    let (victims, gap_ms): (Vec<Victim>, u64) = match draw.between(0, ways) {
        // Leader after leader, about as far apart as an election takes.
        0 => (vec![leader.clone(), leader.clone(), leader], session_ms * 2),
        1 => (vec![leader, follower], 300),
        2 => (vec![follower, leader], 300),
        // The same machine while it recovers.
        3 => {
            let broker = Victim::Broker(draw.pick(&shape.brokers));
            (vec![broker.clone(), broker.clone(), broker], 3_000)
        }
        4 => (vec![Victim::ActiveController, leader, Victim::ActiveController], 1_500),
        // Coordinator after coordinator, while the next one loads.
        _ => {
            let coordinator = victim::coordinator(stage, &mut draw);
            (vec![coordinator.clone(), coordinator.clone(), coordinator], session_ms * 2)
        }
    };
    let mut at = draw.between(100_000, shape.duration.micros as u64 - 1) as i64;
    let mut incidents = Vec::new();
    for (victim, index) in victims.iter().zip(0u64..) {
        let kind = draw.pick(sharp);
        let mut own = Draw::new(stage.seed, Aspect::Burst, number << 32 | index);
        incidents.push(incident(kind, at, victim, stage, index, &mut own));
        at += draw.span(1, gap_ms.max(2)).micros;
    }
    incidents
}
