//! log start ≤ high watermark ≤ log end, on every replica (and the last stable offset between, on leaders).

use trial_broker::event::{Event, LogEvent, PartitionEvent};

use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "order-of-positions",
    rule: "log start offset ≤ high watermark ≤ log end offset on every replica",
    source: "storage.internals.log.UnifiedLog; hachikuji/kafka-specification TypeOk",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let partition = match seen.event {
        Event::Log(
            LogEvent::RecordsAppended { partition, .. }
            | LogEvent::LogTruncated { partition, .. }
            | LogEvent::LogStartOffsetMoved { partition, .. }
            | LogEvent::LogStartedAnew { partition, .. },
        )
        | Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, .. }) => partition,
        _ => return None,
    };
    let replica = seen.model.replica(partition, seen.machine)?;
    let (start, high, end) = (replica.log_start_offset, replica.high_watermark, replica.log_end_offset);
    // The metadata log's high watermark is the quorum's, and not an event of a partition.
    let is_metadata = partition.topic.as_str() == super::log_matching::METADATA_TOPIC;
    // A follower hears of its leader's high watermark and log start in one answer; only a leader knows its own.
    let high = match replica.leads_in {
        Some(_) => high,
        None if is_metadata => start,
        None => high.max(start),
    };
    (start > high || high > end).then(|| Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition} on machine {}: log start {start}, high watermark {high}, log end {end}",
            seen.machine
        ),
    })
}
