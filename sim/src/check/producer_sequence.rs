//! A producer's sequence numbers are contiguous in the log: nothing twice, nothing missing.

use trial_broker::event::{BatchFact, Event, LogEvent};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "producer-sequence",
    rule: "within a producer's epoch the sequence numbers of a partition's batches are contiguous, each once",
    source: "KIP-98; ProducerAppendInfo",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Log(LogEvent::RecordsAppended { partition, batches, as_leader, .. }) = seen.event else { return None };
    let replica = seen.replica(partition)?;
    let first_new = replica.batches.len() - batches.len();
    let compacted_to = seen.model.compacted_to(partition, seen.machine);
    for (index, batch) in replica.batches.iter().enumerate().skip(first_new) {
        // A copy of what was compacted before has gaps.
        if batch.base_offset < compacted_to {
            continue;
        }
        if !batch.producer_id.is_some() || batch.is_control || batch.base_sequence < 0 {
            continue;
        }
        let of_producer = |other: &&BatchFact| other.producer_id == batch.producer_id && !other.is_control;
        let Some(previous) = replica.batches[..index].iter().rev().find(of_producer) else { continue };
        // What retention has deleted a broker may have forgotten, and who is not known may begin anywhere (KIP-360).
        if previous.last_offset < replica.log_start_offset {
            continue;
        }
        let expected = match previous.producer_epoch == batch.producer_epoch {
            true => after(previous),
            false => 0,
        };
        // A follower hears of its leader's log start in the answer that brings the records, and says so a little later.
        let is_given_up = || !as_leader && seen.log_start(partition).is_some_and(|start| previous.last_offset < start);
        let follows = batch.producer_epoch >= previous.producer_epoch && batch.base_sequence == expected;
        if !follows && !is_given_up() {
            return Some(Finding {
                property: PROPERTY,
                partition: Some(partition.clone()),
                message: format!(
                    "{partition} on {}: producer {} epoch {} has sequence {} at offset {}, expected {expected}: sequence {} lies at offset {}",
                    seen.who(),
                    batch.producer_id.0,
                    batch.producer_epoch,
                    batch.base_sequence,
                    batch.base_offset,
                    previous.base_sequence,
                    previous.base_offset
                ),
                proof: [batch, previous]
                    .map(|batch| Proof::at(batch.base_offset, Kind::Append).only_on(seen.machine))
                    .into(),
            });
        }
    }
    None
}

/// The sequence number that follows a batch; after 2147483647 comes 0.
fn after(batch: &BatchFact) -> i32 {
    let records = batch.last_offset - batch.base_offset + 1;
    ((i64::from(batch.base_sequence) + records) % (i64::from(i32::MAX) + 1)) as i32
}
