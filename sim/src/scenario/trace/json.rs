//! The events of a run as JSON lines: each with its time, step and machine, and all its fields.

use serde_json::{Map, Value};

use super::cast::Cast;
use crate::fault::MachineId;
use crate::step::{Step, StepKind};

/// The lines of one step, each ended by a newline. Times are microseconds since time zero.
pub fn json_lines(cast: &Cast, step: &Step) -> String {
    let mut lines = String::new();
    let mut line = |kind: &str, machine: Option<&str>, value: Value| {
        let mut object = Map::new();
        object.insert("t_us".to_owned(), Value::from(cast.micros(step.at)));
        object.insert("step".to_owned(), Value::from(step.index));
        if let Some(machine) = machine {
            object.insert("machine".to_owned(), Value::from(machine));
        }
        match value {
            Value::Object(fields) => {
                object.extend(fields);
                // What the world says names its machine by number.
                if let Some(number) =
                    object.get("machine").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok())
                {
                    object.insert("machine".to_owned(), Value::from(cast.name(MachineId(number))));
                }
            }
            other => {
                object.insert(kind.to_owned(), other);
            }
        }
        lines.push_str(&Value::Object(object).to_string());
        lines.push('\n');
    };
    let machine = step.machine().map(|machine| cast.name(machine));
    if let StepKind::Entry(fault) = &step.kind {
        line("fault", None, serde_json::json!({ "fault": as_value(fault) }));
    }
    for fact in &step.facts {
        line("fact", None, as_value(fact));
    }
    for event in &step.events {
        line("event", machine, as_value(event));
    }
    for resolution in &step.resolutions {
        let name = cast.name(resolution.machine);
        line(
            "result",
            Some(name),
            serde_json::json!({ "ticket": resolution.ticket.0, "resolved": as_value(&resolution.result) }),
        );
    }
    lines
}

fn as_value<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}
