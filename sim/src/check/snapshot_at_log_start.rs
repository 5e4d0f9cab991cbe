//! A metadata log that no longer begins at 0 begins where a snapshot ends: else nobody could replay it.
//!
//! Only segments that lie below the snapshot as a whole are deleted, and the log's start is written down nowhere
//! (`KafkaMetadataLog.apply` opens it with start 0). So a log that is opened again begins where its first segment does, at or
//! before the oldest snapshot: that is enough to replay it, and all that Kafka has then.

use trial_broker::event::{Event, LogEvent, RaftEvent};
use trial_broker::ids::Offset;

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "snapshot-at-log-start",
    rule: "a member of the quorum whose log starts later than at 0 has a snapshot that ends exactly there, \
           or behind that where it has just started",
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
    let has_just_started = matches!(seen.event, Event::Log(LogEvent::LogLoaded { .. }));
    let fits = |end: Offset| if has_just_started { end >= start } else { end == start };
    let has_snapshot =
        start == 0 || machine.disk().files().iter().filter_map(|file| snapshot_end(&file.path)).any(fits);
    (!has_snapshot).then(|| Finding {
        property: PROPERTY,
        partition: None,
        message: format!("{}: the metadata log starts at {start}, and no snapshot ends there", seen.who()),
        proof: [Kind::Bounds, Kind::Snapshot].map(|kind| Proof::on(seen.machine, kind)).into(),
    })
}

/// Where a snapshot ends, by its file's name: `00000000000000000024-0000000003.checkpoint`.
fn snapshot_end(path: &str) -> Option<Offset> {
    let (_, name) = path.rsplit_once('/')?;
    name.strip_suffix(".checkpoint")?.split_once('-')?.0.parse().ok()
}
