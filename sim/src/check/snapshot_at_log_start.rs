//! A metadata log that no longer begins at 0 begins where a snapshot ends: else nobody could replay it.

use trial_broker::event::{Event, LogEvent, RaftEvent};

use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "snapshot-at-log-start",
    rule: "a member of the quorum whose log starts later than at 0 has a snapshot that ends exactly there",
    source: "KIP-630; RaftEventSimulationTest (SnapshotAtLogStart)",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let is_metadata = |topic: &str| topic == super::log_matching::METADATA_TOPIC;
    let may_change = match seen.event {
        Event::Raft(RaftEvent::SnapshotDeleted { .. } | RaftEvent::SnapshotLoaded { .. }) => true,
        Event::Log(LogEvent::LogStartOffsetMoved { partition, .. } | LogEvent::LogLoaded { partition, .. }) => {
            is_metadata(partition.topic.as_str())
        }
        _ => false,
    };
    if !may_change {
        return None;
    }
    let machine = seen.world.machine(seen.machine)?;
    let start = machine.node()?.raft().log_start_offset();
    let name = format!("/{start:020}-");
    let has_snapshot = start == 0
        || machine.disk().files().iter().any(|file| file.path.contains(&name) && file.path.ends_with(".checkpoint"));
    (!has_snapshot).then(|| Finding {
        property: PROPERTY,
        partition: None,
        message: format!("machine {}: the metadata log starts at {start}, and no snapshot ends there", seen.machine),
    })
}
