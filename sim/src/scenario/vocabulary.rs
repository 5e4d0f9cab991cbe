//! The names that a scenario may use and that live elsewhere: events, checks, faults.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use trial_broker::config::{Hazard, Switch};

/// The sources that declare the machines' events. Names are read from the declarations themselves: a list of our
/// own would be one event behind.
const SOURCES: &[&str] = &[
    include_str!("../../../broker/src/event/log.rs"),
    include_str!("../../../broker/src/event/partition.rs"),
    include_str!("../../../broker/src/event/raft.rs"),
    include_str!("../../../broker/src/event/controller.rs"),
    include_str!("../../../broker/src/event/lifecycle.rs"),
    include_str!("../../../broker/src/event/group.rs"),
    include_str!("../../../broker/src/event/client.rs"),
    include_str!("../../../broker/src/event/membership.rs"),
];

/// Each event's name and the names of its fields.
pub fn events() -> &'static BTreeMap<String, Vec<String>> {
    static EVENTS: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    EVENTS.get_or_init(|| {
        let mut events = BTreeMap::new();
        for source in SOURCES {
            read_events(source, &mut events);
        }
        events
    })
}

/// Reads the variants of `pub enum …Event` and their fields from a source that rustfmt has laid out.
fn read_events(source: &str, events: &mut BTreeMap<String, Vec<String>>) {
    let mut inside = false;
    let mut current: Option<String> = None;
    for line in source.lines() {
        if line.starts_with("pub enum ") {
            inside = line.trim_end_matches(" {").ends_with("Event");
        } else if line == "}" {
            inside = false;
        } else if inside && line.starts_with("    ") && !line.trim_start().starts_with(['/', '#', '}']) {
            let word: String =
                line.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if line.starts_with("        ") {
                if let Some(event) = &current {
                    events.entry(event.clone()).or_default().push(word);
                }
            } else {
                let name = kebab(&word);
                events.entry(name.clone()).or_default();
                current = Some(name);
            }
        }
    }
}

/// `BrokerFenced` as serde writes it: `broker-fenced`.
pub(super) fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The checks, by the names that `always` and `allow` use.
pub fn checks() -> Vec<&'static str> {
    crate::check::PROPERTIES.iter().map(|property| property.name).chain(["liveness"]).collect()
}

/// The switch with this name.
pub fn switch_named(name: &str) -> Option<Switch> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

/// The names of all switches, by asking serde which it would have taken.
pub fn switch_names() -> Vec<String> {
    let error = serde_json::from_str::<Switch>("\"?\"").err().map(|error| error.to_string()).unwrap_or_default();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

/// The hazard with this name.
pub fn hazard_named(name: &str) -> Option<Hazard> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
}

/// The names of all hazards.
pub fn hazard_names() -> Vec<String> {
    let name = |hazard: &Hazard| serde_json::to_value(hazard).ok()?.as_str().map(str::to_owned);
    Hazard::ALL.iter().filter_map(name).collect()
}

/// The kinds of fault that `swarm` can draw.
pub const SWARM: &[&str] = &[
    "kill",
    "power-cut",
    "stop",
    "pause",
    "restart",
    "replace",
    "skew",
    "partition",
    "clog",
    "latency",
    "drop",
    "delay",
    "slow",
    "stall",
    "fail",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_are_read_as_serde_writes_them() {
        use trial_broker::event::{ControllerEvent, Event, FenceReason};
        let event: Event =
            ControllerEvent::BrokerFenced { broker: trial_broker::ids::NodeId(1), reason: FenceReason::SessionExpired }
                .into();
        let json = serde_json::to_value(&event).expect("events serialise");
        let name = json["event"].as_str().expect("an event has a name");
        let fields = events().get(name).expect("the event is known");
        assert_eq!(fields, &["broker", "reason"]);
        assert!(events().len() > 60, "only {} events found", events().len());
    }
}
