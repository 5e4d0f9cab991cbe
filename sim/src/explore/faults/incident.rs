//! One fault with what mends it: steps relative to the instant at which it comes.

use super::administration::Call;
use super::drive::Drive;
use super::network::Disturbance;
use super::victim::{self, Victim};
use super::{Kind, Stage};
use crate::explore::draw::Draw;
use crate::explore::text::{if_possible, said, spanned};
use crate::scenario::Span;
use crate::scenario::format::Step;
use crate::scenario::format::action::{AlignTimers, Lose, OneClient};

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

    pub(super) fn loses_until(mut self, after: i64) -> Incident {
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
    let once = |step: Step| once(at, victim, if_possible(step));
    let back = |victim: &Victim| if_possible(Step { start: said(victim.target_when_stopped()), ..Step::default() });
    match kind {
        Kind::Kill => once(Step { kill: said(victim.target()), ..Step::default() }).and(downtime(draw), back(victim)),
        Kind::Restart => once(Step { restart: said(victim.target()), ..Step::default() }),
        Kind::Stop => once(Step { stop: said(victim.target()), ..Step::default() }).and(downtime(draw), back(victim)),
        Kind::Pause => once(pause(victim, draw)),
        Kind::PowerCut => power_cut(at, victim, stage, draw, back(victim)),
        Kind::Replace => replace(at, stage, draw),
        Kind::Skew => once(skew(victim, draw)),
        Kind::Isolate => Disturbance::new(at, victim, stage, draw).isolate(),
        Kind::OneWay => Disturbance::new(at, victim, stage, draw).one_way(),
        Kind::Split => Disturbance::new(at, victim, stage, draw).split(),
        Kind::Clog => Disturbance::new(at, victim, stage, draw).clog(),
        Kind::Hold => Disturbance::new(at, victim, stage, draw).hold(),
        Kind::Drop => Disturbance::new(at, victim, stage, draw).drop_one(),
        Kind::Delay => Disturbance::new(at, victim, stage, draw).delay(),
        Kind::Latency => Disturbance::new(at, victim, stage, draw).latency(),
        Kind::Slow => Drive::new(at, victim, stage, draw).slow(),
        Kind::Stall => Drive::new(at, victim, stage, draw).stall(),
        Kind::DiskError => Drive::new(at, victim, stage, draw).error(),
        Kind::FailedSync => Drive::new(at, victim, stage, draw).failed_sync(),
        Kind::LostSync => Drive::new(at, victim, stage, draw).lost_sync(),
        Kind::AlignTimers => once(Step { align_timers: said(AlignTimers::default()), ..Step::default() }),
        Kind::CreateTopic => once(Call::new(stage, draw).create_topic(number)),
        Kind::DeleteTopic => once(Call::new(stage, draw).delete_topic()),
        Kind::CreatePartitions => once(Call::new(stage, draw).create_partitions(number)),
        Kind::AlterConfig => once(Call::new(stage, draw).alter_config()),
        Kind::ElectPreferred => once(Call::new(stage, draw).elect_preferred()),
        Kind::ElectUnclean => once(Call::new(stage, draw).elect_unclean()),
        Kind::DeleteRecords => once(Call::new(stage, draw).delete_records()),
        Kind::Reassign => once(Call::new(stage, draw).reassign()),
        Kind::ClientCrash => {
            let client = Victim::Client(client(stage, draw));
            let crash = OneClient { client: spanned(client.name()) };
            once(Step { crash: said(crash), ..Step::default() }).and(downtime(draw), back(&client))
        }
        Kind::ClientPause => {
            let client = Victim::Client(client(stage, draw));
            once(pause(&client, draw))
        }
    }
}

fn pause(victim: &Victim, draw: &mut Draw) -> Step {
    let length = draw.span(50, 12_000);
    Step { pause: said(victim::pause(victim, length)), ..Step::default() }
}

/// A wall clock jumps, forwards or back.
fn skew(victim: &Victim, draw: &mut Draw) -> Step {
    let (by, back) = (draw.span(10, 60_000), draw.percent(50));
    let by = if back { Span { micros: -by.micros } } else { by };
    Step { skew: said(victim::skew(victim, by)), ..Step::default() }
}

/// A broker comes back with an empty disk.
fn replace(at: i64, stage: &Stage, draw: &mut Draw) -> Incident {
    let broker = Victim::Broker(draw.pick(&stage.shape.brokers));
    let step = Step { replace: said(broker.target()), ..Step::default() };
    once(at, &broker, if_possible(step)).loses_until(recovery(stage))
}

fn client(stage: &Stage, draw: &mut Draw) -> String {
    stage.clients[draw.between(0, stage.clients.len() as u64 - 1) as usize].clone()
}

/// How long after its start a machine counts as not yet caught up: its old session may have to lapse first.
pub(super) fn recovery(stage: &Stage) -> i64 {
    stage.shape.session_micros as i64 * 2 + 3_000_000
}

pub(super) fn power_cut(at: i64, victim: &Victim, stage: &Stage, draw: &mut Draw, back: Step) -> Incident {
    let lose = draw.pick(&[None, None, None, Some(Lose::All)]);
    let (number, down) = (draw.between(0, u64::from(u32::MAX)), downtime(draw));
    let step = Step { power_cut: said(victim::power_cut(victim, lose, number)), ..Step::default() };
    once(at, victim, if_possible(step)).and(down, back).loses_until(down + recovery(stage))
}

/// A power cut that takes some of what was not synced, and ends soon.
pub(super) fn power_cut_of_some(
    at: i64,
    down: i64,
    victim: &Victim,
    stage: &Stage,
    draw: &mut Draw,
    back: Step,
) -> Incident {
    let number = draw.between(0, u64::from(u32::MAX));
    let step = Step { power_cut: said(victim::power_cut(victim, None, number)), ..Step::default() };
    once(at, victim, if_possible(step)).and(down, back).loses_until(down + recovery(stage))
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
