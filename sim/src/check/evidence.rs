//! The events that prove a violation, in words that fit on a line.
//!
//! ```text
//!   step 2345 b1 isr-changed from=[1] partition=orders-0 partition_epoch=2 to=[1,3]
//! ```

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use trial_broker::event::Event;
use trial_broker::ids::NodeId;
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::machine::Machine;
use crate::world::World;

/// Nodes as people write them: "1, 2, 3"; "nobody" if there are none.
pub(super) fn names<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> String {
    let names: Vec<String> = nodes.into_iter().map(ToString::to_string).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// A machine as the transcript calls it. Hosts find each other by name, so a client's host is not called as the client is.
pub(super) fn name_of(world: &World, machine: MachineId) -> &str {
    let host = world.machine(machine).map_or("?", Machine::name);
    host.strip_prefix("client-").unwrap_or(host)
}

/// How many elements of a list are told, so that an append of a thousand batches stays a line.
const LISTED: usize = 8;

/// One event that belongs to a proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// At which step.
    pub step: u64,
    /// When.
    pub at: Time,
    /// On which machine.
    pub machine: MachineId,
    /// What it said.
    pub event: Event,
}

impl Evidence {
    /// The event on one line, its machine called by this name.
    pub fn on(&self, machine: &str) -> String {
        format!("step {} {machine} {}", self.step, event_words(&self.event))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.on(&format!("machine {}", self.machine)))
    }
}

/// An event with its fields on one line.
pub fn event_words(event: &Event) -> String {
    event_text(&serde_json::to_value(event).unwrap_or(Value::Null))
}

/// An event says what it is in `event`; its `part` of the machine is plain from that.
fn event_text(event: &Value) -> String {
    let Value::Object(fields) = event else { return value_text(event) };
    let name = fields.get("event").map_or_else(String::new, value_text);
    let told = fields.iter().filter(|(field, _)| !matches!(field.as_str(), "event" | "part"));
    format!("{name}{}", fields_text(told))
}

fn fields_text<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> String {
    fields.into_iter().map(|(name, value)| format!(" {name}={}", value_text(value))).collect()
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.len() > LISTED => {
            let first: Vec<String> = list[..LISTED].iter().map(value_text).collect();
            format!("[{} and {} more]", first.join(","), list.len() - LISTED)
        }
        Value::Array(list) => format!("[{}]", list.iter().map(value_text).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => match (fields.get("topic"), fields.get("partition"), fields.len()) {
            (Some(topic), Some(partition), 2) => format!("{}-{}", value_text(topic), value_text(partition)),
            _ => format!("{{{}}}", fields_text(fields).trim_start()),
        },
        Value::Null => "none".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use trial_broker::event::PartitionEvent;
    use trial_broker::ids::{PartitionEpoch, TopicPartition};

    use super::*;

    #[test]
    fn an_event_is_one_readable_line() {
        let event = Event::Partition(PartitionEvent::IsrChanged {
            partition: TopicPartition::new("orders", 0),
            from: vec![NodeId(1)],
            to: vec![NodeId(1), NodeId(3)],
            partition_epoch: PartitionEpoch(2),
        });
        let evidence = Evidence { step: 2345, at: Time::ZERO, machine: MachineId(1), event };
        assert_eq!(
            evidence.on("b1"),
            "step 2345 b1 isr-changed from=[1] partition=orders-0 partition_epoch=2 to=[1,3]"
        );
    }
}
