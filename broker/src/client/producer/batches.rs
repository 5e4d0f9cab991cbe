//! All batches that are not done, by number, and the order in which they are to be sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::batch::{Batch, BatchId};
use crate::ids::{TopicName, TopicPartition};
use crate::table::Table;

/// The batches of one producer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Batches {
    all: BTreeMap<BatchId, Batch>,
    next: BatchId,
    /// Per partition, next to be sent first. A batch in flight is in no queue.
    queues: Table<TopicPartition, VecDeque<BatchId>>,
    /// Per partition, in the order of sending: in flight and not given up.
    in_flight: Table<TopicPartition, Vec<BatchId>>,
}

impl Batches {
    pub fn next_id(&mut self) -> BatchId {
        self.next += 1;
        self.next
    }

    pub fn get(&self, id: BatchId) -> &Batch {
        self.all.get(&id).expect("a batch is kept until it is done and no longer in flight")
    }

    pub fn get_mut(&mut self, id: BatchId) -> &mut Batch {
        self.all.get_mut(&id).expect("a batch is kept until it is done and no longer in flight")
    }

    pub fn contains(&self, id: BatchId) -> bool {
        self.all.contains_key(&id)
    }

    pub fn insert(&mut self, batch: Batch) {
        self.all.insert(batch.id, batch);
    }

    pub fn remove(&mut self, id: BatchId) -> Option<Batch> {
        self.all.remove(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.all.values()
    }

    /// The numbers of all batches whose outcome the application does not know.
    pub fn incomplete(&self) -> BTreeSet<BatchId> {
        self.all.values().filter(|batch| !batch.is_done()).map(|batch| batch.id).collect()
    }

    pub fn queue(&self, partition: &TopicPartition) -> Option<&VecDeque<BatchId>> {
        self.queues.get(partition)
    }

    pub fn queue_mut(&mut self, partition: &TopicPartition) -> &mut VecDeque<BatchId> {
        self.queues.get_or_default(partition)
    }

    pub fn first(&self, partition: &TopicPartition) -> Option<&Batch> {
        self.queue(partition)?.front().map(|id| self.get(*id))
    }

    pub fn last_id(&self, partition: &TopicPartition) -> Option<BatchId> {
        self.queue(partition)?.back().copied()
    }

    /// The partitions for which batches wait to be sent, each with the batch that is next.
    pub fn waiting(&self) -> impl Iterator<Item = (&TopicPartition, BatchId)> {
        self.queues.iter().filter_map(|(partition, queue)| Some((partition, *queue.front()?)))
    }

    /// The first partition whose next batch is such a one.
    pub fn first_waiting(&self, is_such: impl Fn(&Batch) -> bool) -> Option<(TopicPartition, BatchId)> {
        let (partition, id) = self.waiting().find(|(_, id)| is_such(self.get(*id)))?;
        Some((partition.clone(), id))
    }

    /// The queues of one topic: (partition, length).
    pub fn queue_lengths(&self, topic: &TopicName) -> Vec<(i32, u64)> {
        self.queues
            .iter()
            .filter(|(partition, _)| partition.topic == *topic)
            .map(|(partition, queue)| (partition.partition, queue.len() as u64))
            .collect()
    }

    /// Puts a batch back that was sent: by its sequence when it has one, so that the
    /// partition stays in order; else at the front.
    pub fn put_back(&mut self, id: BatchId, by_sequence: bool) {
        let batch = self.get(id);
        let (partition, sequence) = (batch.partition.clone(), batch.base_sequence);
        assert!(!by_sequence || batch.has_sequence(), "an idempotent batch that was sent has a sequence");
        let position = match self.queue(&partition) {
            Some(queue) if by_sequence => queue
                .iter()
                .take_while(|other| {
                    let other = self.get(**other);
                    other.has_sequence() && other.base_sequence < sequence
                })
                .count(),
            _ => 0,
        };
        self.queue_mut(&partition).insert(position, id);
    }

    pub fn add_in_flight(&mut self, id: BatchId) {
        let batch = self.get_mut(id);
        batch.in_flight = true;
        let partition = batch.partition.clone();
        self.in_flight.get_or_default(&partition).push(id);
    }

    pub fn remove_in_flight(&mut self, id: BatchId) {
        let partition = self.get(id).partition.clone();
        if let Some(ids) = self.in_flight.get_mut(&partition) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.in_flight.remove(&partition);
            }
        }
    }

    /// In flight and not given up, per partition in the order of sending.
    pub fn in_flight(&self) -> impl Iterator<Item = &Vec<BatchId>> {
        self.in_flight.values()
    }
}
