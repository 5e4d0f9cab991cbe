//! Who suffers a fault, and how a scenario names them.

use super::Stage;
use crate::explore::draw::Draw;
use crate::explore::text::{said, spanned};
use crate::scenario::Span;
use crate::scenario::format::action::{DiskError, Fail, Lose, Pause, PowerCut, Skew, Slow, Stall, Target};
use crate::scenario::format::{Seed, Which};

/// A machine, by its id or by what it does when the fault comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// A broker, or a combined process.
    Broker(i32),
    /// A controller of its own.
    Controller(i32),
    /// The leader of a partition.
    Leader(String),
    /// The first follower of a partition that runs.
    Follower(String),
    /// The active controller.
    ActiveController,
    /// The first controller that runs and is not active.
    StandbyController,
    /// A client.
    Client(String),
    /// The coordinator of a group.
    Coordinator(String),
}

impl Victim {
    /// As the target of an action.
    pub(super) fn target(&self) -> Target {
        match self {
            Victim::Broker(id) => Target { broker: said(Which::Id(*id)), ..Target::default() },
            Victim::Controller(id) => Target { controller: said(Which::Id(*id)), ..Target::default() },
            Victim::Leader(partition) => Target { leader: said(partition.clone()), ..Target::default() },
            Victim::Follower(partition) => Target { follower: said(partition.clone()), ..Target::default() },
            Victim::ActiveController => Target { controller: said(Which::Active), ..Target::default() },
            Victim::StandbyController => Target { controller: said(Which::Standby), ..Target::default() },
            Victim::Client(name) => Target { client: said(name.clone()), ..Target::default() },
            Victim::Coordinator(group) => Target { coordinator: said(format!("group:{group}")), ..Target::default() },
        }
    }

    /// As the target of what brings it back after it has stopped: whoever is named by what it does no longer does it.
    pub(super) fn target_when_stopped(&self) -> Target {
        match self {
            Victim::Broker(_) | Victim::Controller(_) | Victim::Client(_) => self.target(),
            Victim::Leader(_) | Victim::Follower(_) | Victim::Coordinator(_) => {
                Target { broker: said(Which::Stopped), ..Target::default() }
            }
            Victim::ActiveController | Victim::StandbyController => {
                Target { controller: said(Which::Stopped), ..Target::default() }
            }
        }
    }

    /// As a machine's name in faults of the network.
    pub(super) fn name(&self) -> String {
        match self {
            Victim::Broker(id) => format!("b{id}"),
            Victim::Controller(id) => format!("c{}", id - 100),
            Victim::Leader(partition) => format!("leader:{partition}"),
            Victim::Follower(partition) => format!("follower:{partition}"),
            Victim::ActiveController => "controller:active".to_owned(),
            Victim::StandbyController => "controller:standby".to_owned(),
            Victim::Client(name) => name.clone(),
            Victim::Coordinator(group) => format!("coordinator:group:{group}"),
        }
    }

    /// Whether it is named by its id, so that it is the same machine later.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Victim::Broker(_) | Victim::Controller(_) | Victim::Client(_))
    }
}

/// Anybody of the cluster: controllers as often as the profile likes, else brokers by id or by what they do.
pub(super) fn any(stage: &Stage, draw: &mut Draw) -> Victim {
    let shape = stage.shape;
    let aims_at_controller = draw.percent(stage.profile.controllers_percent());
    let partitions = shape.partitions();
    let partition = partitions[draw.between(0, partitions.len() as u64 - 1) as usize].clone();
    let (broker, way) = (draw.pick(&shape.brokers), draw.between(0, 9));
    if aims_at_controller {
        return match way {
            0..=4 => Victim::ActiveController,
            5 => Victim::StandbyController,
            _ if shape.is_combined() => Victim::Broker(broker),
            _ => Victim::Controller(draw.pick(&shape.controllers)),
        };
    }
    // Drawn last, and only where there are groups: seeds without them are what they were.
    if !stage.groups.is_empty() && draw.percent(25) {
        return coordinator(stage, draw);
    }
    match way {
        0..=2 => Victim::Leader(partition),
        3 => Victim::Follower(partition),
        _ => Victim::Broker(broker),
    }
}

/// Whoever coordinates one of the groups.
pub(super) fn coordinator(stage: &Stage, draw: &mut Draw) -> Victim {
    Victim::Coordinator(stage.groups[draw.between(0, stage.groups.len() as u64 - 1) as usize].name.clone())
}

/// The same machine for what must name it by its id.
pub(super) fn settled(victim: &Victim, stage: &Stage, draw: &mut Draw) -> Victim {
    let shape = stage.shape;
    let (broker, controller) = (draw.pick(&shape.brokers), shape.controllers.first().copied());
    match victim {
        Victim::Broker(_) | Victim::Controller(_) | Victim::Client(_) => victim.clone(),
        Victim::ActiveController | Victim::StandbyController if controller.is_some() => {
            Victim::Controller(draw.pick(&shape.controllers))
        }
        _ => Victim::Broker(broker),
    }
}

/// Fills the fields by which an action names its machine.
macro_rules! aimed {
    ($victim:expr, $kind:ident { $($field:ident: $value:expr),* }) => {{
        let Target { broker, controller, leader, follower, client, coordinator } = $victim.target();
        $kind { broker, controller, leader, follower, client, coordinator, $($field: $value),* }
    }};
}

pub(super) fn power_cut(victim: &Victim, lose: Option<Lose>, draw: u64) -> PowerCut {
    aimed!(victim, PowerCut { lose: lose.map(spanned), draw: said(Seed(draw)) })
}

pub(super) fn pause(victim: &Victim, length: Span) -> Pause {
    aimed!(victim, Pause { length: said(length) })
}

pub(super) fn skew(victim: &Victim, by: Span) -> Skew {
    aimed!(victim, Skew { by: said(by) })
}

pub(super) fn slow(victim: &Victim, sync: Span) -> Slow {
    aimed!(victim, Slow { sync: said(sync) })
}

pub(super) fn stall(victim: &Victim, length: Span) -> Stall {
    aimed!(victim, Stall { length: said(length) })
}

pub(super) fn fail(victim: &Victim, error: DiskError, path: Option<String>) -> Fail {
    aimed!(victim, Fail { error: said(error), path: path.map(spanned) })
}
