//! The idempotent producer's numbers: the part of Kafka's `TransactionManager` that is not
//! about transactions (KIP-98, KIP-360, KIP-588).
//!
//! ```text
//!   last acknowledged sequence < sequences of batches in flight (in order) < next sequence
//! ```
//!
//! A batch keeps its producer id, epoch and sequence through all its attempts, so that the
//! broker recognises a duplicate. When a gap cannot be closed (a batch was given up after
//! it had been sent) the producer raises its epoch by itself and numbers from 0 again.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::{Batch, BatchId, increment_sequence};
use super::batches::Batches;
use crate::client::retry::is_retriable;
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::{ProducerEpoch, ProducerId, TopicPartition};
use crate::message::{ErrorCode, ProducePartitionResponse};

/// No sequence has been acknowledged.
const NO_LAST_ACKED: i32 = -1;

/// What the producer keeps of one partition (`TxnPartitionEntry`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PartitionSequences {
    producer: Option<(ProducerId, ProducerEpoch)>,
    /// Of the next new batch.
    next: i32,
    last_acked: i32,
    /// Batches that have a sequence and are not done, by (id, epoch, sequence): sent and
    /// unanswered, or waiting to be sent again.
    in_flight: Vec<BatchId>,
}

impl Default for PartitionSequences {
    fn default() -> Self {
        PartitionSequences { producer: None, next: 0, last_acked: NO_LAST_ACKED, in_flight: Vec::new() }
    }
}

/// The producer's id and where it is in each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sequences {
    /// The id and epoch; none until InitProducerId is answered.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    partitions: BTreeMap<TopicPartition, PartitionSequences>,
    /// Partitions where a batch was given up after it had been sent: the sequence after it.
    unresolved: BTreeMap<TopicPartition, i32>,
    /// Partitions whose numbers begin again at the next epoch.
    to_rewrite: BTreeSet<TopicPartition>,
    bump_required: bool,
}

impl Sequences {
    fn entry(&mut self, partition: &TopicPartition) -> &mut PartitionSequences {
        self.partitions.entry(partition.clone()).or_default()
    }

    pub fn has_in_flight(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).is_some_and(|entry| !entry.in_flight.is_empty())
    }

    fn is_stale(&self, partition: &TopicPartition) -> bool {
        self.partitions.get(partition).and_then(|entry| entry.producer) != self.producer
    }

    fn first_in_flight<'a>(&self, partition: &TopicPartition, batches: &'a Batches) -> Option<&'a Batch> {
        let first = self.partitions.get(partition)?.in_flight.first()?;
        Some(batches.get(*first))
    }

    /// Whether this batch, first in its queue, has to wait for others of its partition
    /// (`RecordAccumulator.shouldStopDrainBatchesForPartition`).
    ///
    /// Only what is in the queue is compared. A batch without numbers may so leave beside the first one that is sent
    /// again, while the refusals of those between are still on their way: it is refused with
    /// OUT_OF_ORDER_SEQUENCE_NUMBER and takes its turn (`TransactionManager.canRetry`: it is not the next one).
    pub fn holds_back(&self, batch: &Batch, batches: &Batches) -> bool {
        let partition = &batch.partition;
        if self.producer.is_none() {
            return true;
        }
        if !batch.has_sequence() {
            // A new epoch starts only where nothing of the old one is under way, and nothing
            // new starts behind a batch of which nobody knows whether it was written.
            return (self.has_in_flight(partition) && self.is_stale(partition))
                || self.unresolved.contains_key(partition);
        }
        // A batch that has a sequence is being sent again: lowest sequence first, which
        // leaves one in flight until the partition is in order again.
        self.first_in_flight(partition, batches).is_some_and(|first| first.base_sequence != batch.base_sequence)
    }

    /// Gives a batch that is about to be sent for the first time its numbers.
    pub fn assign(&mut self, batches: &mut Batches, id: BatchId) {
        let partition = batches.get(id).partition.clone();
        if self.is_stale(&partition) && !self.has_in_flight(&partition) {
            self.start_at_beginning(batches, &partition);
        }
        let producer = self.producer;
        let entry = self.entry(&partition);
        let batch = batches.get_mut(id);
        batch.producer = producer;
        batch.base_sequence = entry.next;
        entry.next = increment_sequence(entry.next, batch.count());
        self.track(batches, id);
    }

    /// Keeps a batch that has numbers among those under way.
    pub fn track(&mut self, batches: &Batches, id: BatchId) {
        let entry = self.entry(&batches.get(id).partition);
        if !entry.in_flight.contains(&id) {
            entry.in_flight.push(id);
        }
        entry.in_flight.sort_by_key(|id| {
            let batch = batches.get(*id);
            (batch.producer, batch.base_sequence)
        });
    }

    pub fn untrack(&mut self, batch: &Batch) {
        if let Some(entry) = self.partitions.get_mut(&batch.partition) {
            entry.in_flight.retain(|id| *id != batch.id);
        }
    }

    fn start_at_beginning(&mut self, batches: &mut Batches, partition: &TopicPartition) {
        let producer = self.producer;
        let entry = self.entry(partition);
        let mut sequence = 0;
        for id in &entry.in_flight {
            let batch = batches.get_mut(*id);
            batch.producer = producer;
            batch.base_sequence = sequence;
            batch.sequence_was_reset = true;
            sequence += batch.count();
        }
        entry.producer = producer;
        entry.next = sequence;
        entry.last_acked = NO_LAST_ACKED;
    }

    // ---- Epochs -------------------------------------------------------------------

    fn request_bump(&mut self, partition: &TopicPartition) {
        self.bump_required = true;
        self.to_rewrite.insert(partition.clone());
    }

    /// What is under way in the partitions for which the epoch is about to be raised, and may have been written: under
    /// another epoch nobody will recognise it.
    pub fn doubtful(&self, batches: &Batches) -> Vec<BatchId> {
        let partitions = self.to_rewrite.iter().filter_map(|partition| self.partitions.get(partition));
        let under_way = partitions.flat_map(|entry| &entry.in_flight).copied();
        under_way.filter(|id| batches.get(*id).may_be_written()).collect()
    }

    /// Raises the epoch if a gap asks for it. At the last epoch the producer needs a new
    /// id: then it has none until InitProducerId is answered.
    pub fn bump_if_required(&mut self, ctx: &mut Context, batches: &mut Batches) {
        if !self.bump_required {
            return;
        }
        self.bump_required = false;
        self.producer = match self.producer {
            Some((id, epoch)) if epoch.0 < i16::MAX => Some((id, epoch.next())),
            _ => None,
        };
        if let Some((producer_id, producer_epoch)) = self.producer {
            ctx.emit(ClientEvent::ProducerIdAssigned { producer_id, producer_epoch });
        }
        for partition in std::mem::take(&mut self.to_rewrite) {
            self.start_at_beginning(batches, &partition);
            self.unresolved.remove(&partition);
        }
    }

    // ---- Outcomes -----------------------------------------------------------------

    /// The batch was acknowledged, perhaps after it had been given up.
    pub fn on_acked(&mut self, batch: &Batch) {
        if let Some(entry) = self.partitions.get_mut(&batch.partition) {
            entry.last_acked = entry.last_acked.max(batch.last_sequence());
        }
        self.untrack(batch);
    }

    /// The batch was given up. `adjust` says that the broker surely did not write it.
    pub fn on_failed(&mut self, batch: &Batch, error: ErrorCode, adjust: bool) {
        self.untrack(batch);
        match error {
            ErrorCode::OutOfOrderSequenceNumber => self.request_bump(&batch.partition),
            ErrorCode::UnknownProducerId => {
                self.partitions.remove(&batch.partition);
                self.unresolved.remove(&batch.partition);
            }
            _ if adjust => self.request_bump(&batch.partition),
            _ => {}
        }
    }

    /// The batch was given up after it had been sent: whether it was written is not known.
    pub fn mark_unresolved(&mut self, batch: &Batch) {
        let after = increment_sequence(batch.last_sequence(), 1);
        let next = self.unresolved.entry(batch.partition.clone()).or_insert(after);
        *next = (*next).max(after);
    }

    /// Where nothing is under way any more, the gap is either closed (what came after it
    /// was acknowledged) or stays for good: then the epoch is raised.
    pub fn resolve(&mut self) {
        let drained: Vec<TopicPartition> =
            self.unresolved.keys().filter(|partition| !self.has_in_flight(partition)).cloned().collect();
        for partition in drained {
            self.unresolved.remove(&partition);
            let next = self.entry(&partition).next;
            if !self.is_next(&partition, next) {
                self.request_bump(&partition);
            }
        }
    }

    fn is_next(&self, partition: &TopicPartition, sequence: i32) -> bool {
        let last_acked = self.partitions.get(partition).map_or(NO_LAST_ACKED, |entry| entry.last_acked);
        sequence.wrapping_sub(last_acked) == 1
    }

    /// Whether a batch that was refused is to be sent again (`TransactionManager.canRetry`).
    pub fn can_retry(&mut self, batch: &Batch, response: &ProducePartitionResponse) -> bool {
        let partition = &batch.partition;
        let unresolved = self.unresolved.get(partition).copied();
        match response.error {
            ErrorCode::UnknownProducerId => {
                // Without a log start offset nothing can be said, and after a reset the error is
                // expected. Else the broker forgot this producer, by retention or otherwise.
                if response.log_start_offset != -1 && !batch.sequence_was_reset {
                    self.request_bump(partition);
                }
                true
            }
            ErrorCode::OutOfOrderSequenceNumber => {
                let behind_another = batch.sequence_was_reset || !self.is_next(partition, batch.base_sequence);
                let expected = unresolved.is_none() && behind_another;
                let certain_gap = unresolved.is_none_or(|sequence| sequence == batch.base_sequence);
                if !expected && certain_gap {
                    self.request_bump(partition);
                }
                true
            }
            error => is_retriable(error),
        }
    }
}
