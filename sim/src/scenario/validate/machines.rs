//! Machines by name: `b1`, `controller:active`, `leader:orders-0`.

use std::fmt;
use std::ops::Range;

use trial_broker::ids::TopicPartition;

use super::super::diagnostic::{Diagnostic, suggestion};
use super::super::format::{Spanned, Target, Which};
use super::Scope;

/// A machine as a scenario names it; symbolic names are resolved when the step runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A broker, or a combined process, by its id.
    Broker(i32),
    /// A controller by its id.
    Controller(i32),
    /// A client by its name.
    Client(String),
    /// The leader of a partition.
    Leader(TopicPartition),
    /// The first live follower of a partition, in assignment order.
    Follower(TopicPartition),
    /// The coordinator of a group.
    Coordinator(String),
    /// The controller that is active.
    ActiveController,
    /// The first controller that runs and is not active.
    StandbyController,
    /// The first broker that does not run.
    StoppedBroker,
    /// The first controller that does not run.
    StoppedController,
    /// One of the brokers that run, drawn from the seed.
    AnyBroker,
    /// One of the controllers that run, drawn from the seed.
    AnyController,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Machine::Broker(id) => write!(f, "broker:{id}"),
            Machine::Controller(id) => write!(f, "controller:{id}"),
            Machine::Client(name) => write!(f, "{name}"),
            Machine::Leader(partition) => write!(f, "leader:{partition}"),
            Machine::Follower(partition) => write!(f, "follower:{partition}"),
            Machine::Coordinator(group) => write!(f, "coordinator:group:{group}"),
            Machine::ActiveController => write!(f, "controller:active"),
            Machine::StandbyController => write!(f, "controller:standby"),
            Machine::StoppedBroker => write!(f, "broker:stopped"),
            Machine::StoppedController => write!(f, "controller:stopped"),
            Machine::AnyBroker => write!(f, "broker:any"),
            Machine::AnyController => write!(f, "controller:any"),
        }
    }
}

/// A partition by its name, which has been checked.
pub(crate) fn partition_named(name: &str) -> Option<TopicPartition> {
    let (topic, index) = name.rsplit_once('-')?;
    Some(TopicPartition::new(topic, index.parse().ok()?))
}

/// Reads `b1`, `broker:1`, `c1`, `controller:active`, `leader:orders-0`, or a client's name.
///
/// Which names exist is checked elsewhere: this only tells the forms apart.
pub(crate) fn machine_named(name: &str) -> Machine {
    if let Some((kind, rest)) = name.split_once(':') {
        let id = rest.parse::<i32>().ok();
        match (kind, rest, id) {
            ("broker", "any", _) => return Machine::AnyBroker,
            ("broker", _, Some(id)) => return Machine::Broker(id),
            ("controller", "active", _) => return Machine::ActiveController,
            ("controller", "standby", _) => return Machine::StandbyController,
            ("broker", "stopped", _) => return Machine::StoppedBroker,
            ("controller", "stopped", _) => return Machine::StoppedController,
            ("controller", "any", _) => return Machine::AnyController,
            ("controller", _, Some(id)) => return Machine::Controller(id),
            ("leader", ..) => {
                return partition_named(rest).map_or(Machine::Client(name.to_owned()), Machine::Leader);
            }
            ("follower", ..) => {
                return partition_named(rest).map_or(Machine::Client(name.to_owned()), Machine::Follower);
            }
            ("coordinator", ..) if let Some(group) = rest.strip_prefix("group:") => {
                return Machine::Coordinator(group.to_owned());
            }
            ("client", ..) => return Machine::Client(rest.to_owned()),
            _ => {}
        }
    }
    let number = |prefix| name.strip_prefix(prefix).and_then(|digits: &str| digits.parse::<i32>().ok());
    match (number('b'), number('c')) {
        (Some(id), _) => Machine::Broker(id),
        (_, Some(index)) => Machine::Controller(100 + index),
        _ => Machine::Client(name.to_owned()),
    }
}

/// The machine that a checked target names.
pub(crate) fn machine_of(target: &Target) -> Option<Machine> {
    if let Some(which) = &target.broker {
        return Some(match which.value {
            Which::Id(id) => Machine::Broker(id),
            Which::Stopped => Machine::StoppedBroker,
            Which::Any | Which::Active | Which::Standby => Machine::AnyBroker,
        });
    }
    if let Some(which) = &target.controller {
        return Some(match which.value {
            Which::Id(id) => Machine::Controller(id),
            Which::Any => Machine::AnyController,
            Which::Active => Machine::ActiveController,
            Which::Standby => Machine::StandbyController,
            Which::Stopped => Machine::StoppedController,
        });
    }
    let partition = |name: &Option<Spanned<String>>| name.as_ref().and_then(|name| partition_named(&name.value));
    partition(&target.leader)
        .map(Machine::Leader)
        .or_else(|| partition(&target.follower).map(Machine::Follower))
        .or_else(|| target.client.as_ref().map(|name| Machine::Client(name.value.clone())))
        .or_else(|| {
            let group = target.coordinator.as_ref()?.value.strip_prefix("group:")?;
            Some(Machine::Coordinator(group.to_owned()))
        })
}

impl Scope {
    /// Complains unless these name machines of this scenario.
    pub(super) fn machines(&mut self, names: &[String], span: &Range<usize>) {
        for name in names {
            if self.clients.contains_key(name) {
                continue;
            }
            match machine_named(name) {
                Machine::Broker(id) => {
                    self.broker(id, span);
                }
                Machine::Controller(id) => {
                    self.controller(id, span);
                }
                Machine::Client(_) => self.unknown_machine(name, span),
                Machine::Leader(partition) | Machine::Follower(partition) => {
                    self.partition(&partition.to_string(), span);
                }
                Machine::ActiveController
                | Machine::StandbyController
                | Machine::StoppedBroker
                | Machine::StoppedController
                | Machine::AnyBroker
                | Machine::AnyController
                | Machine::Coordinator(_) => {}
            }
        }
    }

    fn unknown_machine(&mut self, name: &str, span: &Range<usize>) {
        if name.strip_prefix("client:").is_some_and(|rest| self.clients.contains_key(rest)) {
            return;
        }
        let mut names: Vec<String> = self.brokers.iter().map(|id| format!("b{id}")).collect();
        names.extend(self.controllers.iter().filter(|id| **id > 100).map(|id| format!("c{}", id - 100)));
        names.extend(self.clients.keys().cloned());
        let label = suggestion(name, names.iter().map(String::as_str).collect::<Vec<_>>());
        let mistake = Diagnostic::new(format!("there is no machine `{name}`"), span.clone(), label)
            .with_help("machines are also named \"leader:orders-0\", \"follower:orders-0\", \"controller:active\"");
        self.mistake(mistake);
    }

    /// Complains unless a target names one machine, in one way.
    pub(super) fn target(&mut self, target: &Target, span: &Range<usize>) {
        let ways = [
            target.broker.is_some(),
            target.controller.is_some(),
            target.leader.is_some(),
            target.follower.is_some(),
            target.client.is_some(),
            target.coordinator.is_some(),
        ];
        match ways.iter().filter(|way| **way).count() {
            0 => self.mistake(
                Diagnostic::new("this does not say which machine", span.clone(), "no machine is named here").with_help(
                    "name one: { broker = 1 }, { leader = \"orders-0\" }, { follower = \"orders-0\" }, \
                     { controller = \"active\" } or { client = \"p1\" }",
                ),
            ),
            1 => {}
            _ => {
                self.mistake(Diagnostic::new("this names a machine in two ways", span.clone(), "one is enough"));
            }
        }
        match &target.broker {
            Some(Spanned { value: Which::Id(id), span }) => {
                self.broker(*id, span);
            }
            Some(Spanned { value: Which::Active | Which::Standby, span }) => {
                let label = "expected a broker's id or \"any\"";
                self.mistake(Diagnostic::new("no broker is active or passive", span.clone(), label));
            }
            Some(Spanned { value: Which::Any | Which::Stopped, .. }) | None => {}
        }
        if let Some(Spanned { value: Which::Id(id), span }) = &target.controller {
            self.controller(*id, span);
        }
        for partition in [&target.leader, &target.follower].into_iter().flatten() {
            self.partition(&partition.value, &partition.span);
        }
        if let Some(name) = &target.client {
            self.client(name, None);
        }
        if let Some(name) = &target.coordinator
            && name.value.strip_prefix("group:").is_none_or(str::is_empty)
        {
            let label = "expected a group: \"group:billing\"";
            let title = format!("`{}` has no coordinator", name.value);
            let mistake = Diagnostic::new(title, name.span.clone(), label);
            self.mistake(mistake.with_help("transactions come in a later version"));
        }
    }
}
