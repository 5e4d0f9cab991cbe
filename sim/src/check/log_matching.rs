//! If two logs have a batch of the same offset and epoch, it is the same batch, and so is what precedes it.

use std::collections::BTreeMap;

use trial_broker::event::{BatchFact, Event, LogEvent};
use trial_broker::ids::{LeaderEpoch, Offset, TopicId, TopicPartition};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "log-matching",
    rule: "the same offset and leader epoch on two replicas means the same bytes there, and the same log before",
    source: "Raft §5.3; KIP-101, KIP-595; KRaft specification MetadataLogMatching",
};

/// The topic of the metadata log.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";

/// What was first seen at an offset and epoch.
#[derive(Clone, Copy, Debug)]
struct First {
    batch: BatchFact,
    /// Who had it.
    machine: MachineId,
    /// Offset and epoch of the batch before it, where the log had one.
    previous: Option<(Offset, LeaderEpoch)>,
}

/// Every batch ever appended anywhere, once; the metadata log's topic is zero.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    first: BTreeMap<TopicId, BTreeMap<TopicPartition, BTreeMap<(LeaderEpoch, Offset), First>>>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let Event::Log(LogEvent::RecordsAppended { partition, batches, .. }) = seen.event else { return None };
        let replica = seen.replica(partition)?;
        let first_new = replica.batches.len() - batches.len();
        let of_topic = self.first.entry(replica.topic_id.unwrap_or(TopicId::ZERO)).or_default();
        let known = match of_topic.get_mut(partition) {
            Some(known) => known,
            None => of_topic.entry(partition.clone()).or_default(),
        };
        // What was compacted before it was copied is another batch than it was, or is not there at all.
        let compacted_to = seen.model.compacted_to(partition, seen.machine);
        for (at, batch) in (first_new..).zip(batches).filter(|(_, batch)| batch.base_offset >= compacted_to) {
            let previous =
                at.checked_sub(1).map(|before| &replica.batches[before]).map(|b| (b.base_offset, b.leader_epoch));
            let first = known.entry((batch.leader_epoch, batch.base_offset)).or_insert(First {
                batch: *batch,
                machine: seen.machine,
                previous,
            });
            let differs = is_another(&first.batch, batch);
            let other_past = matches!(
                (first.previous, previous),
                (Some(one), Some(other)) if one != other && one.0.min(other.0) >= compacted_to
            );
            // What a follower had before its leader's log start it cannot compare, and gives up with the same answer.
            let is_given_up = || {
                let start = seen.log_start(partition).unwrap_or(0);
                previous.is_some_and(|(offset, _)| offset < start)
            };
            if differs || (other_past && !is_given_up()) {
                let other = seen.name(first.machine);
                let now = First { batch: *batch, machine: seen.machine, previous };
                return Some(Finding {
                    property: PROPERTY,
                    partition: Some(partition.clone()),
                    message: format!("{partition}, {}", difference((seen.who(), &now), (other, first))),
                    proof: vec![Proof::at(batch.base_offset, Kind::Append), Proof::of(Kind::Role)],
                });
            }
        }
        None
    }
}

/// What one replica has, and what another had in its place.
fn difference((who, now): (&str, &First), (other, first): (&str, &First)) -> String {
    let (batch, before, before_first) = (&now.batch, place(now.previous), place(first.previous));
    let at = format!("offset {}, epoch {}", batch.base_offset, batch.leader_epoch);
    if is_another(&first.batch, batch) {
        let (has, had) = (describe(batch), describe(&first.batch));
        format!("{at}: {who} has {has} {before}, {other} had {had} {before_first}")
    } else {
        format!("{at}: {who} has the same batch as {other}, but {before}, where {other} had it {before_first}")
    }
}

/// Whether two batches of one offset and epoch are different ones.
fn is_another(one: &BatchFact, other: &BatchFact) -> bool {
    one.crc != other.crc || one.last_offset != other.last_offset
}

fn place(previous: Option<(Offset, LeaderEpoch)>) -> String {
    match previous {
        Some((offset, epoch)) => format!("after offset {offset} of epoch {epoch}"),
        None => "at the start of its log".to_owned(),
    }
}

fn describe(batch: &BatchFact) -> String {
    format!("offsets {} to {} with CRC {}", batch.base_offset, batch.last_offset, batch.crc)
}
