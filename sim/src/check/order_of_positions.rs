//! log start ≤ last stable offset ≤ high watermark ≤ log end, on every replica.
//!
//! **Simplified:** on a follower the log start is not compared with the two positions in the middle, which it hears of
//! a little later.

use trial_broker::event::{Event, LogEvent, PartitionEvent};
use trial_broker::ids::TopicPartition;

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "order-of-positions",
    rule: "log start offset ≤ last stable offset ≤ high watermark ≤ log end offset on every replica",
    source: "storage.internals.log.UnifiedLog; hachikuji/kafka-specification TypeOk; KIP-98",
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
    let replica = seen.replica(partition)?;
    let (start, high, end) = (replica.log_start_offset, replica.high_watermark, replica.log_end_offset);
    // The metadata log's high watermark is the quorum's, and not an event of a partition.
    let is_metadata = partition.topic.as_str() == super::log_matching::METADATA_TOPIC;
    // A follower hears of its leader's high watermark and log start in one answer; only a leader knows its own.
    let high = match replica.leads_in {
        Some(_) => high,
        None if is_metadata => start,
        None => high.max(start),
    };
    let wrong = match start > high || high > end {
        true => Some(format!("log start {start}, high watermark {high}, log end {end}")),
        false => last_stable_offset(seen, partition, replica.leads_in.is_some()),
    };
    wrong.map(|wrong| Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!("{partition} on {}: {wrong}", seen.who()),
        proof: [Kind::Append, Kind::HighWatermark, Kind::Bounds, Kind::Role]
            .map(|kind| Proof::on(seen.machine, kind))
            .into(),
    })
}

/// Whether the last stable offset lies outside of its bounds. No event tells it: it is compared with the other positions
/// of the same log, as the broker holds them.
fn last_stable_offset(seen: &Seen, partition: &TopicPartition, is_leader: bool) -> Option<String> {
    let log = seen.world.machine(seen.machine)?.node()?.replicas()?.partition(partition)?.log();
    let (start, stable, high) = (log.log_start_offset(), log.last_stable_offset(), log.high_watermark());
    (stable > high || (is_leader && start > stable))
        .then(|| format!("log start {start}, last stable offset {stable}, high watermark {high}"))
}
