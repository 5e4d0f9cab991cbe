//! One fault with what mends it: steps relative to the instant at which it comes.

use std::slice;

use super::victim::{self, Victim};
use super::{Kind, Stage};
use crate::explore::draw::Draw;
use crate::explore::text::{ids, if_possible, names, said, set, spanned};
use crate::scenario::Span;
use crate::scenario::format::action::{
    AlignTimers, Delay, DiskError, Heal, Lose, MessageKind, Messages, OneClient, Partition, SetLatency,
};
use crate::scenario::format::administration::{
    AlterConfig, CreatePartitions, CreateTopic, DeleteRecords, DeleteTopic, ElectLeader, Reassign,
};
use crate::scenario::format::{Latency, Settings, Step};

/// A fault, and what mends it.
#[derive(Clone, Debug)]
pub(in crate::explore) struct Incident {
    /// When, in microseconds.
    pub(super) at: i64,
    /// What happens: microseconds after that, and the step.
    pub(super) steps: Vec<(i64, Step)>,
    /// Until when, after that, a machine may be without what it had not synced; none if nothing is lost.
    pub(super) out_for: Option<i64>,
    /// On whom.
    pub(super) victim: Victim,
}

/// A fault that is one step.
pub(super) fn once(at: i64, victim: &Victim, step: Step) -> Incident {
    Incident { at, steps: vec![(0, step)], out_for: None, victim: victim.clone() }
}

impl Incident {
    pub(super) fn and(mut self, after: i64, step: Step) -> Incident {
        self.steps.push((after, step));
        self
    }

    fn loses_until(mut self, after: i64) -> Incident {
        self.out_for = Some(after);
        self
    }
}

/// How long a machine stays down.
fn downtime(draw: &mut Draw) -> i64 {
    draw.span(100, 10_000).micros
}

/// The fault of a kind on a victim.
pub(super) fn incident(kind: Kind, at: i64, victim: &Victim, stage: &Stage, number: u64, draw: &mut Draw) -> Incident {
    let once = |step: Step| Incident { at, steps: vec![(0, if_possible(step))], out_for: None, victim: victim.clone() };
    let back = |victim: &Victim| if_possible(Step { start: said(victim.target_when_stopped()), ..Step::default() });
    match kind {
        Kind::Kill => once(Step { kill: said(victim.target()), ..Step::default() }).and(downtime(draw), back(victim)),
        Kind::Restart => once(Step { restart: said(victim.target()), ..Step::default() }),
        Kind::Stop => once(Step { stop: said(victim.target()), ..Step::default() }).and(downtime(draw), back(victim)),
        Kind::Pause => {
            let length = draw.span(50, 12_000);
            once(Step { pause: said(victim::pause(victim, length)), ..Step::default() })
        }
        Kind::PowerCut => power_cut(at, victim, stage, draw, back(victim)),
        Kind::Replace => {
            let broker = Victim::Broker(draw.pick(&stage.shape.brokers));
            let step = Step { replace: said(broker.target()), ..Step::default() };
            Incident { victim: broker, ..once(step) }.loses_until(recovery(stage))
        }
        Kind::Skew => {
            let (by, back) = (draw.span(10, 60_000), draw.percent(50));
            let by = if back { Span { micros: -by.micros } } else { by };
            once(Step { skew: said(victim::skew(victim, by)), ..Step::default() })
        }
        Kind::Isolate
        | Kind::OneWay
        | Kind::Split
        | Kind::Clog
        | Kind::Hold
        | Kind::Drop
        | Kind::Delay
        | Kind::Latency => network(kind, at, victim, stage, draw),
        Kind::Slow | Kind::Stall | Kind::DiskError | Kind::FailedSync | Kind::LostSync => {
            disk(kind, at, victim, stage, draw)
        }
        Kind::AlignTimers => once(Step { align_timers: said(AlignTimers::default()), ..Step::default() }),
        Kind::CreateTopic
        | Kind::DeleteTopic
        | Kind::CreatePartitions
        | Kind::AlterConfig
        | Kind::ElectPreferred
        | Kind::ElectUnclean
        | Kind::DeleteRecords
        | Kind::Reassign => once(administration(kind, stage, number, draw)),
        Kind::ClientCrash => {
            let client = Victim::Client(client(stage, draw));
            let crash = OneClient { client: spanned(client.name()) };
            once(Step { crash: said(crash), ..Step::default() }).and(downtime(draw), back(&client))
        }
        Kind::ClientPause => {
            let client = Victim::Client(client(stage, draw));
            let length = draw.span(50, 12_000);
            once(Step { pause: said(victim::pause(&client, length)), ..Step::default() })
        }
    }
}

fn client(stage: &Stage, draw: &mut Draw) -> String {
    stage.clients[draw.between(0, stage.clients.len() as u64 - 1) as usize].clone()
}

/// How long after its start a machine counts as not yet caught up: its old session may have to lapse first.
fn recovery(stage: &Stage) -> i64 {
    stage.shape.session_micros as i64 * 2 + 3_000_000
}

pub(super) fn power_cut(at: i64, victim: &Victim, stage: &Stage, draw: &mut Draw, back: Step) -> Incident {
    let lose = draw.pick(&[None, None, None, Some(Lose::All)]);
    let (number, down) = (draw.between(0, u64::from(u32::MAX)), downtime(draw));
    let step = Step { power_cut: said(victim::power_cut(victim, lose, number)), ..Step::default() };
    Incident { at, steps: vec![(0, if_possible(step))], out_for: None, victim: victim.clone() }
        .and(down, back)
        .loses_until(down + recovery(stage))
}

/// A power cut that takes most of what was not synced, and ends soon.
pub(super) fn power_cut_for(
    at: i64,
    down: i64,
    victim: &Victim,
    stage: &Stage,
    draw: &mut Draw,
    back: Step,
) -> Incident {
    let lose = draw.pick(&[None, Some(Lose::All), Some(Lose::All)]);
    let number = draw.between(0, u64::from(u32::MAX));
    let step = Step { power_cut: said(victim::power_cut(victim, lose, number)), ..Step::default() };
    once(at, victim, if_possible(step)).and(down, back).loses_until(down + recovery(stage))
}

const APIS: &[&str] = &[
    "Fetch",
    "Fetch",
    "Produce",
    "AlterPartition",
    "BrokerHeartbeat",
    "BrokerRegistration",
    "Vote",
    "BeginQuorumEpoch",
    "Metadata",
    "FetchSnapshot",
    "OffsetForLeaderEpoch",
    "InitProducerId",
    "ListOffsets",
];

const GROUP_APIS: &[&str] = &[
    "FindCoordinator",
    "JoinGroup",
    "SyncGroup",
    "Heartbeat",
    "LeaveGroup",
    "OffsetCommit",
    "OffsetFetch",
    "ConsumerGroupHeartbeat",
    "ConsumerGroupHeartbeat",
];

fn network(kind: Kind, at: i64, victim: &Victim, stage: &Stage, draw: &mut Draw) -> Incident {
    let name = victim.name();
    let once = |step: Step| Incident { at, steps: vec![(0, if_possible(step))], out_for: None, victim: victim.clone() };
    let length = draw.span(100, 12_000).micros;
    let everybody = stage.shape.machines();
    let others: Vec<String> = everybody.iter().filter(|other| **other != name).cloned().collect();
    let some = draw.between(1, others.len().max(1) as u64) as usize;
    let some = draw.some_of(&others, some);
    match kind {
        Kind::Isolate | Kind::OneWay => {
            // Who is named by what it does cannot be left out of a list of ids: it is cut off from its clients too.
            let (settled, outward) = (victim::settled(victim, stage, draw), draw.percent(50));
            let name = settled.name();
            let others: Vec<String> = everybody.iter().filter(|other| **other != name).cloned().collect();
            let (from, to) = if outward { (vec![name.clone()], others) } else { (others, vec![name.clone()]) };
            if kind == Kind::OneWay {
                let partial: Vec<String> = some.iter().filter(|other| **other != name).cloned().collect();
                let (from, to) = match (outward, partial.is_empty()) {
                    (_, true) => (from, to),
                    (true, false) => (from, partial),
                    (false, false) => (partial, to),
                };
                let cut = Partition { groups: None, from: said(names(&from)), to: said(names(&to)) };
                let heal = Heal { from: said(names(&from)), to: said(names(&to)) };
                return Incident { victim: settled, ..once(Step { partition: said(cut), ..Step::default() }) }
                    .and(length, Step { heal: said(heal), ..Step::default() });
            }
            let rest: Vec<String> = everybody.iter().filter(|other| **other != name).cloned().collect();
            let groups = vec![spanned(names(slice::from_ref(&name))), spanned(names(&rest))];
            let cut = Partition { groups: said(groups), from: None, to: None };
            let heal_from = Heal { from: said(names(slice::from_ref(&name))), to: None };
            let heal_to = Heal { from: None, to: said(names(&[name])) };
            Incident { victim: settled, ..once(Step { partition: said(cut), ..Step::default() }) }
                .and(length, Step { heal: said(heal_from), ..Step::default() })
                .and(length, Step { heal: said(heal_to), ..Step::default() })
        }
        Kind::Split => {
            let shuffled = draw.shuffled(&everybody);
            let cut = draw.between(1, shuffled.len() as u64 - 1) as usize;
            let groups = vec![spanned(names(&shuffled[..cut])), spanned(names(&shuffled[cut..]))];
            let cut = Partition { groups: said(groups), from: None, to: None };
            once(Step { partition: said(cut), ..Step::default() })
                .and(length, Step { heal: said(Heal::default()), ..Step::default() })
        }
        Kind::Latency => {
            let slower = Latency::Exponential { min: Span { micros: 1_000 }, mean: draw.span(20, 300) };
            let settled = victim::settled(victim, stage, draw);
            let from = said(names(&[settled.name()]));
            let set = SetLatency { from: from.clone(), to: None, is: spanned(slower) };
            let usual = SetLatency { from, to: None, is: spanned(stage.shape.latency.clone()) };
            once(Step { latency: said(set), ..Step::default() })
                .and(length, Step { latency: said(usual), ..Step::default() })
        }
        Kind::Delay => {
            let (filter, nth) = (messages(&name, stage, draw), draw.scale(1, 20) as u32);
            let delay = Delay {
                by: spanned(draw.span(20, 5_000)),
                from: filter.from,
                to: filter.to,
                api: filter.api,
                kind: filter.kind,
                nth: said(nth),
                in_flight: None,
            };
            once(Step { delay: said(delay), ..Step::default() })
        }
        Kind::Drop => {
            let filter = messages(&name, stage, draw);
            let drop = Messages { nth: said(draw.scale(1, 20) as u32), ..filter };
            once(Step { drop: said(drop), ..Step::default() })
        }
        Kind::Hold => {
            let filter = messages(&victim::settled(victim, stage, draw).name(), stage, draw);
            let hold = Messages { nth: said(draw.scale(1, 10) as u32), ..filter.clone() };
            once(Step { hold: said(hold), ..Step::default() })
                .and(length, Step { release: said(filter), ..Step::default() })
        }
        _ => {
            let filter = messages(&victim::settled(victim, stage, draw).name(), stage, draw);
            once(Step { clog: said(filter.clone()), ..Step::default() })
                .and(length, Step { unclog: said(filter), ..Step::default() })
        }
    }
}

/// Messages from or to a machine, usually of one API.
fn messages(name: &str, stage: &Stage, draw: &mut Draw) -> Messages {
    let (outward, any_api, api) = (draw.percent(50), draw.percent(20), draw.pick(APIS));
    let kind = draw.pick(&[None, Some(MessageKind::Request), Some(MessageKind::Response)]);
    // Drawn last, and only where there are groups: seeds without them are what they were.
    let about_groups = !stage.groups.is_empty() && draw.percent(40);
    let api = if about_groups { draw.pick(GROUP_APIS) } else { api };
    let machine = said(names(&[name]));
    let (from, to) = if outward { (machine, None) } else { (None, machine) };
    Messages {
        from,
        to,
        api: (!any_api).then(|| spanned(api.to_owned())),
        kind: kind.map(spanned),
        nth: None,
        in_flight: None,
    }
}

fn disk(kind: Kind, at: i64, victim: &Victim, stage: &Stage, draw: &mut Draw) -> Incident {
    let settled = victim::settled(victim, stage, draw);
    let length = draw.span(100, 10_000);
    let path = draw.pick(&[None, Some("data-0"), Some("data-0"), Some("metadata")]).map(str::to_owned);
    let once = |step: Step| Incident { at, steps: vec![(0, step)], out_for: None, victim: settled.clone() };
    let fails = |error| Step { fail: said(victim::fail(&settled, error, path.clone())), ..Step::default() };
    let well = Step { fail: said(victim::fail(&settled, DiskError::None, path.clone())), ..Step::default() };
    let start = Step { start: said(settled.target()), ..Step::default() };
    match kind {
        Kind::Slow => {
            let slow = |sync| Step { slow: said(victim::slow(&settled, sync)), ..Step::default() };
            once(slow(draw.span(2, 400))).and(length.micros, slow(Span::default()))
        }
        Kind::Stall => once(Step { stall: said(victim::stall(&settled, length)), ..Step::default() }),
        Kind::DiskError => {
            let error = draw.pick(&[DiskError::Eio, DiskError::Enospc]);
            // A process that has given up a log directory takes it back only when it starts again.
            let restart = Step { restart: said(settled.target()), ..Step::default() };
            once(fails(error)).and(length.micros, well).and(length.micros, restart)
        }
        Kind::FailedSync => once(fails(DiskError::FailedSync)).and(length.micros, start),
        _ => {
            // What a lost sync has lost is missed only when the machine loses its power before it is written again.
            let incident = once(fails(DiskError::LostSync)).and(length.micros, start);
            incident.loses_until(length.micros + recovery(stage))
        }
    }
}

/// What an administrator asks for. Calls may fail: that is part of their life.
fn administration(kind: Kind, stage: &Stage, number: u64, draw: &mut Draw) -> Step {
    let shape = stage.shape;
    let topic = &shape.topics[draw.between(0, shape.topics.len() as u64 - 1) as usize];
    let name = topic.name.clone();
    let index = draw.between(0, topic.replicas.len() as u64 - 1) as usize;
    let partition = format!("{name}-{index}");
    match kind {
        Kind::CreateTopic => {
            let factor = draw.between(1, shape.brokers.len().min(3) as u64) as usize;
            let replicas = draw.some_of(&shape.brokers, factor);
            let create = CreateTopic {
                client: None,
                name: spanned(format!("new{number}")),
                partitions: None,
                replication_factor: None,
                replicas: said(vec![spanned(ids(&replicas))]),
                config: Settings::default(),
            };
            Step { create_topic: said(create), ..Step::default() }
        }
        Kind::DeleteTopic => {
            Step { delete_topic: said(DeleteTopic { client: None, name: spanned(name) }), ..Step::default() }
        }
        Kind::CreatePartitions => {
            let count = topic.replicas.len() as u64 + number + 1;
            let create =
                CreatePartitions { client: None, topic: spanned(name), count: said_count(count), replicas: None };
            Step { create_partitions: said(create), ..Step::default() }
        }
        Kind::AlterConfig => {
            let mut settings = Settings::default();
            match draw.between(0, 3) {
                0 => {
                    let most = topic.replicas[0].len() as u64;
                    set(&mut settings, "min.insync.replicas", draw.between(topic.min_isr, most));
                }
                1 => set(&mut settings, "segment.ms", draw.scale(500, 10_000)),
                2 => set(&mut settings, "retention.bytes", draw.scale(1_000, 50_000)),
                _ => set(&mut settings, "max.message.bytes", draw.scale(100, 100_000)),
            }
            let alter = AlterConfig {
                client: None,
                topic: said(name),
                broker: None,
                group: None,
                set: settings,
                remove: Vec::new(),
            };
            Step { alter_config: said(alter), ..Step::default() }
        }
        Kind::DeleteRecords => {
            let before = draw.percent(60).then(|| spanned(draw.scale(1, 200) as i64));
            let delete = DeleteRecords { client: None, partition: spanned(partition), before };
            Step { delete_records: said(delete), ..Step::default() }
        }
        Kind::ElectPreferred | Kind::ElectUnclean => {
            let unclean = (kind == Kind::ElectUnclean).then_some(true);
            let all = unclean.is_none() && draw.percent(50);
            let elect = ElectLeader { client: None, partition: (!all).then(|| spanned(partition)), unclean };
            Step { elect_leader: said(elect), ..Step::default() }
        }
        _ => {
            let factor = if draw.percent(70) {
                topic.replicas[index].len() as u64
            } else {
                draw.between(1, shape.brokers.len() as u64)
            };
            let replicas: Vec<i32> = draw.shuffled(&shape.brokers).into_iter().take(factor as usize).collect();
            let cancels = draw.percent(15);
            let reassign = Reassign {
                client: None,
                partition: spanned(partition),
                replicas: (!cancels).then(|| spanned(ids(&replicas))),
            };
            Step { reassign: said(reassign), ..Step::default() }
        }
    }
}

fn said_count(count: u64) -> crate::scenario::format::Spanned<u32> {
    spanned(count as u32)
}
