//! What an idempotent producer was given once is in the log at most once.
//!
//! Sequence numbers alone do not tell: a producer that raises its epoch numbers from 0 again, and a batch
//! that it sends once more under the new epoch looks like a new one. So records are counted: a partition
//! holds no more records of a producer than its application has handed over.
//!
//! What was given up, by retention or on request, is held no more. With it goes what a broker that starts again knows of the
//! producer, and what it sends once more is taken then: so far, and no further, reaches what Kafka promises.
//!
//! Simplified: a producer hands records to a topic's name, so what it gave to a topic that is deleted counts for the
//! next one of that name too.

use std::collections::BTreeMap;

use trial_broker::event::{BatchFact, ClientEvent, Event, PartitionEvent};
use trial_broker::ids::{LeaderEpoch, Offset, ProducerId, TopicId, TopicPartition};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "idempotent-record-once",
    rule: "of an idempotent producer a partition holds no more committed records than the application handed over",
    source: "KIP-98 (idempotent producer guarantees)",
};

/// What producers were given, and what of it was committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// Whose each producer id is.
    owners: BTreeMap<ProducerId, MachineId>,
    handed: BTreeMap<(TopicPartition, MachineId), u64>,
    counted: BTreeMap<(TopicId, TopicPartition), Counted>,
}

/// The committed records of one partition by the client that sent them.
#[derive(Clone, Debug, Default)]
struct Counted {
    /// How many of the committed batches are counted.
    batches: usize,
    /// The leadership whose log was taken for the truth after an excused loss, as it was when they were counted.
    rebased_in: Option<LeaderEpoch>,
    records: BTreeMap<MachineId, u64>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        match seen.event {
            Event::Client(ClientEvent::ProducerIdAssigned { producer_id, .. }) => {
                self.owners.insert(*producer_id, seen.machine);
                None
            }
            Event::Client(ClientEvent::RecordQueued { partition, .. }) => {
                *self.handed.entry((partition.clone(), seen.machine)).or_default() += 1;
                None
            }
            Event::Partition(
                PartitionEvent::HighWatermarkAdvanced { partition, as_leader: true, .. }
                | PartitionEvent::ProduceCompleted { partition, .. },
            ) => self.count(seen, partition),
            _ => None,
        }
    }

    fn count<'a>(&mut self, seen: &Seen<'a>, partition: &'a TopicPartition) -> Option<Finding> {
        let known = seen.known(partition)?;
        let topic_id = seen.topic_id(partition);
        let Check { owners, handed, counted } = self;
        let counted = counted.entry((topic_id, partition.clone())).or_default();
        // An excused loss takes committed batches away, and others may have come since: what is left is counted anew.
        if known.rebased_in != counted.rebased_in || known.committed.len() < counted.batches {
            *counted = Counted { rebased_in: known.rebased_in, ..Counted::default() };
        }
        for batch in &known.committed[counted.batches..] {
            counted.batches += 1;
            let Some(client) = owners.get(&batch.producer_id).filter(|_| !batch.is_control) else { continue };
            let records = counted.records.entry(*client).or_default();
            *records += records_in(batch);
            let handed = handed.get(&(partition.clone(), *client)).copied().unwrap_or(0);
            if *records <= handed {
                continue;
            }
            let start = seen.log_start(partition).unwrap_or(0);
            let held = held(owners, *client, &known.committed[..counted.batches], start);
            if held > handed {
                return Some(Finding {
                    property: PROPERTY,
                    partition: Some(partition.clone()),
                    message: format!(
                        "{partition}: {held} committed records of {}, which was given {handed}; \
                         the last of them are {} to {} of producer {} epoch {}",
                        seen.name(*client),
                        batch.base_offset,
                        batch.last_offset,
                        batch.producer_id.0,
                        batch.producer_epoch
                    ),
                    proof: vec![
                        Proof::on(seen.machine, Kind::Append),
                        Proof::on(*client, Kind::Sent),
                        Proof::on(*client, Kind::ProducerId),
                    ],
                });
            }
        }
        None
    }
}

/// How many of a client's committed records lie in batches that end at or behind the start of the log.
fn held(owners: &BTreeMap<ProducerId, MachineId>, client: MachineId, committed: &[BatchFact], start: Offset) -> u64 {
    let is_of_client = |batch: &&BatchFact| !batch.is_control && owners.get(&batch.producer_id) == Some(&client);
    committed.iter().filter(is_of_client).filter(|batch| batch.last_offset >= start).map(records_in).sum()
}

fn records_in(batch: &BatchFact) -> u64 {
    u64::try_from(batch.last_offset - batch.base_offset + 1).unwrap_or(0)
}
