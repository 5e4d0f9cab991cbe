//! Which steps speak of a machine, a client or a topic: when it goes, they go with it.

use serde_json::Value;

use crate::scenario::format::{File, Step};

/// Something that a step can speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A broker, or a process that is broker and controller, by its id.
    Broker(u32),
    /// A controller of its own, by its id.
    Controller(u32),
    /// A client by its name.
    Client(String),
    /// A topic by its name.
    Topic(String),
    /// A partition: "orders-0".
    Partition(String),
    /// A group of consumers: "billing".
    Group(String),
}

impl Subject {
    /// Whether a field of a step speaks of it: as a number under the machine's key, or as a name anywhere.
    fn is_named_by(&self, key: &str, value: &Value) -> bool {
        match (self, value) {
            (Subject::Broker(id), Value::Number(number)) => {
                matches!(key, "broker" | "leader" | "replica" | "replicas" | "isr" | "elr")
                    && number.as_u64() == Some(u64::from(*id))
            }
            (Subject::Controller(id), Value::Number(number)) => {
                key == "controller" && number.as_u64() == Some(u64::from(*id))
            }
            (Subject::Broker(id), Value::String(name)) => *name == format!("b{id}") || *name == format!("broker:{id}"),
            (Subject::Controller(id), Value::String(name)) => {
                *name == format!("c{}", id - 100) || *name == format!("controller:{id}")
            }
            (Subject::Client(client), Value::String(name)) => name == client,
            (Subject::Topic(topic), Value::String(name)) => name == topic || names_partition_of(name, topic),
            (Subject::Partition(partition), Value::String(name)) => last_word(name) == partition,
            // "group:billing", or "coordinator:group:billing".
            (Subject::Group(group), Value::String(name)) => {
                name.rsplit_once("group:").is_some_and(|(_, named)| named == group) || (key == "group" && name == group)
            }
            _ => false,
        }
    }
}

/// "leader:orders-0" and "orders-0" name a partition of the topic "orders".
fn names_partition_of(name: &str, topic: &str) -> bool {
    last_word(name).rsplit_once('-').is_some_and(|(of, number)| of == topic && number.parse::<u32>().is_ok())
}

fn last_word(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Whether a step speaks of it.
pub(super) fn mentions(step: &Step, subject: &Subject) -> bool {
    // A step is what its file says of it: looking through that needs no list of all actions, which would go stale.
    serde_json::to_value(step).is_ok_and(|said| is_in("", &said, subject))
}

fn is_in(key: &str, value: &Value, subject: &Subject) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|value| is_in(key, value, subject)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "note" | "predict"))
            .any(|(name, value)| is_in(name, value, subject)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => subject.is_named_by(key, value),
    }
}

/// Takes away all steps that speak of it.
pub(super) fn forget(file: &mut File, subject: &Subject) {
    file.steps.retain(|step| !mentions(step, subject));
}
