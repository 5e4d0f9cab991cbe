//! The events of a run, and whether one of them fits a pattern.

use std::mem::{Discriminant, discriminant};

use serde_json::Value;
use trial_broker::event::{
    ClientEvent, ControllerEvent, Event, GroupEvent, LifecycleEvent, LogEvent, MembershipEvent, PartitionEvent,
    RaftEvent,
};
use trial_broker::message::ErrorCode;
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::scenario::format::EventPattern;
use crate::step::Step;

/// One published event.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) at: Time,
    pub(super) machine: MachineId,
    pub(super) event: Event,
}

/// The events since time zero that some pattern of the scenario may ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct EventLog {
    /// The names that patterns ask for; events of other names are not kept.
    wanted: Vec<String>,
    kinds: Kinds,
    pub(super) events: Vec<Happened>,
}

impl EventLog {
    /// A log that keeps the events of these names.
    pub(super) fn new(wanted: Vec<String>) -> Self {
        EventLog { wanted, ..EventLog::default() }
    }

    /// Takes in one step.
    pub(super) fn observe(&mut self, step: &Step) {
        if self.wanted.is_empty() {
            return;
        }
        let Some(machine) = step.machine() else { return };
        for event in &step.events {
            if self.kinds.is_wanted(event, &self.wanted) {
                self.events.push(Happened { at: step.at, machine, event: event.clone() });
            }
        }
    }

    /// Forgets what happened before time zero.
    pub(super) fn start_counting(&mut self) {
        self.events.clear();
    }
}

/// Which kinds of event are wanted, learned by looking at the first of each kind: turning each event into JSON only
/// to read its name would cost more than the run.
#[derive(Clone, Debug, Default)]
struct Kinds {
    log: Vec<(Discriminant<LogEvent>, bool)>,
    partition: Vec<(Discriminant<PartitionEvent>, bool)>,
    raft: Vec<(Discriminant<RaftEvent>, bool)>,
    controller: Vec<(Discriminant<ControllerEvent>, bool)>,
    lifecycle: Vec<(Discriminant<LifecycleEvent>, bool)>,
    group: Vec<(Discriminant<GroupEvent>, bool)>,
    client: Vec<(Discriminant<ClientEvent>, bool)>,
    membership: Vec<(Discriminant<MembershipEvent>, bool)>,
}

impl Kinds {
    fn is_wanted(&mut self, event: &Event, wanted: &[String]) -> bool {
        match event {
            Event::Log(inner) => known(&mut self.log, inner, event, wanted),
            Event::Partition(inner) => known(&mut self.partition, inner, event, wanted),
            Event::Raft(inner) => known(&mut self.raft, inner, event, wanted),
            Event::Controller(inner) => known(&mut self.controller, inner, event, wanted),
            Event::Lifecycle(inner) => known(&mut self.lifecycle, inner, event, wanted),
            Event::Group(inner) => known(&mut self.group, inner, event, wanted),
            Event::Client(inner) => known(&mut self.client, inner, event, wanted),
            Event::Membership(inner) => known(&mut self.membership, inner, event, wanted),
        }
    }
}

fn known<T>(kinds: &mut Vec<(Discriminant<T>, bool)>, inner: &T, event: &Event, wanted: &[String]) -> bool {
    let kind = discriminant(inner);
    if let Some((_, is_wanted)) = kinds.iter().find(|(other, _)| *other == kind) {
        return *is_wanted;
    }
    let name = fields(event).get("event").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_wanted = wanted.contains(&name);
    kinds.push((kind, is_wanted));
    is_wanted
}

/// An event's name and fields as JSON.
pub(super) fn fields(event: &Event) -> Value {
    serde_json::to_value(event).unwrap_or(Value::Null)
}

/// Whether an event has the name and the fields of a pattern. Machine and time are the caller's business.
pub(super) fn fits(pattern: &EventPattern, event: &Event) -> bool {
    let found = fields(event);
    found.get("event").and_then(Value::as_str) == Some(pattern.event.as_str())
        && pattern
            .fields
            .iter()
            .all(|(name, wanted)| found.get(&name.value).is_some_and(|found| is_value(&wanted.value, found)))
}

/// Whether a field has the value that the scenario writes: partitions as "orders-0", errors by name or number,
/// numbers as such or as a range.
fn is_value(wanted: &toml::Value, found: &Value) -> bool {
    match (wanted, found) {
        (toml::Value::String(wanted), Value::String(found)) => wanted.eq_ignore_ascii_case(found),
        (toml::Value::String(wanted), Value::Object(fields)) => {
            let (Some(topic), Some(index)) = (fields.get("topic"), fields.get("partition")) else { return false };
            topic.as_str().is_some_and(|topic| *wanted == format!("{topic}-{index}"))
        }
        (toml::Value::Integer(wanted), Value::Number(found)) => found.as_i64() == Some(*wanted),
        (toml::Value::Integer(wanted), Value::String(found)) => {
            let code = i16::try_from(*wanted).map(ErrorCode::from_code);
            code.is_ok_and(|code| code.code() == *wanted as i16 && code.name() == found)
        }
        (toml::Value::Boolean(wanted), Value::Bool(found)) => wanted == found,
        (toml::Value::Table(range), Value::Number(found)) => {
            let end = |name: &str| range.get(name).and_then(toml::Value::as_integer);
            let Some(found) = found.as_i64() else { return false };
            end("min").is_none_or(|min| min <= found) && end("max").is_none_or(|max| found <= max)
        }
        (toml::Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| is_value(wanted, found))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trial_broker::ids::{NodeId, TopicPartition};
    use trial_broker::message::Acks;

    fn pattern(text: &str) -> EventPattern {
        toml::from_str(text).expect("a pattern")
    }

    #[test]
    fn fields_are_compared_as_a_scenario_writes_them() {
        let produced: Event = PartitionEvent::Produced {
            partition: TopicPartition::new("orders", 0),
            acks: Acks::All,
            base_offset: 10,
            log_end_offset: 13,
        }
        .into();
        assert!(fits(&pattern("event = 'produced'\npartition = 'orders-0'\nacks = 'all'"), &produced));
        assert!(fits(&pattern("event = 'produced'\nlog_end_offset = { min = 11, max = 13 }"), &produced));
        assert!(!fits(&pattern("event = 'produced'\nlog_end_offset = { max = 12 }"), &produced));
        assert!(!fits(&pattern("event = 'produced'\npartition = 'orders-1'"), &produced));
        assert!(!fits(&pattern("event = 'produce-refused'"), &produced));
    }

    #[test]
    fn errors_are_named_or_numbered_and_lists_are_lists() {
        let refused: Event = PartitionEvent::ProduceRefused {
            partition: TopicPartition::new("orders", 0),
            error: ErrorCode::NotEnoughReplicas,
        }
        .into();
        assert!(fits(&pattern("event = 'produce-refused'\nerror = 19"), &refused));
        assert!(fits(&pattern("event = 'produce-refused'\nerror = 'NOT_ENOUGH_REPLICAS'"), &refused));
        assert!(!fits(&pattern("event = 'produce-refused'\nerror = 20"), &refused));
        let proposed: Event = PartitionEvent::IsrChangeProposed {
            partition: TopicPartition::new("orders", 0),
            from: vec![NodeId(1), NodeId(2)],
            to: vec![NodeId(1)],
        }
        .into();
        assert!(fits(&pattern("event = 'isr-change-proposed'\nto = [1]"), &proposed));
        assert!(!fits(&pattern("event = 'isr-change-proposed'\nto = [1, 2]"), &proposed));
    }
}
