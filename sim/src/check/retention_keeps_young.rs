//! Retention by age takes no segment that holds a young record.
//!
//! What was deleted still lies on the disk for a while, under another name: there its timestamps are read. A log that
//! believes its time index rather than its batches may think a segment older than it is.
//!
//! **Simplified:** a segment whose files are gone already (file.delete.delay.ms) when its deletion is published is not
//! looked at; its disk must have stood still for as long as that.

use trial_broker::event::{Event, LogEvent, LogStartReason};
use trial_broker::log::batch_fact;
use trial_broker::record::batches;

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "retention-keeps-young",
    rule: "retention by age deletes no segment that holds a record younger than retention.ms",
    source: "storage.internals.log.UnifiedLog.deleteRetentionMsBreachedSegments; LogSegment.largestTimestamp; KIP-33",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Log(LogEvent::LogStartOffsetMoved { partition, from, to, reason: LogStartReason::RetentionTime }) =
        seen.event
    else {
        return None;
    };
    let machine = seen.world.machine(seen.machine)?;
    let log = machine.node()?.replicas()?.partition(partition)?.log();
    let retention = i64::try_from(log.settings().retention?.as_millis()).unwrap_or(i64::MAX);
    let replica = seen.replica(partition)?;
    let now = machine.now(seen.world.now()).wall.millis();
    let directory = partition.to_string();
    let files: Vec<_> = machine.disk().files_of(&directory, ".log.deleted").map(|file| file.read_from(0)).collect();
    let deleted = files.iter().flat_map(|content| batches(content).flatten());
    // Segments that a truncation has cut off have the same ending, and are no part of the log.
    let of_log = deleted.filter(|batch| batch.base_offset() < *to && replica.holds(&batch_fact(batch)));
    let young = of_log.filter(|batch| now - batch.max_timestamp() <= retention).last()?;
    let age = now - young.max_timestamp();
    let (first, last) = (young.base_offset(), young.last_offset());
    Some(Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition}: {} has deleted the offsets {from}..{to} for their age, but {first} to {last} are {age} ms old, and retention.ms is {retention}",
            seen.who()
        ),
        proof: vec![
            Proof::at(first, Kind::Append).only_on(seen.machine),
            Proof::on(seen.machine, Kind::Bounds),
            Proof::at(first, Kind::HighWatermark),
        ],
    })
}
