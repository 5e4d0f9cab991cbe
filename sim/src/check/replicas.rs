//! Replicas as an observer knows them: each a list of batches with the positions and the role that were said of it.

use std::cell::Cell;
use std::collections::BTreeSet;

use trial_broker::event::BatchFact;
use trial_broker::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicId, TopicPartition};
use trial_broker::table::Table;

use super::loss_budget::Loss;
use crate::fault::MachineId;

/// Every replica that was ever loaded or written, in the order of partitions and machines.
///
/// Looked up several times an event: by a borrowed name, so that nobody has to make a key first.
#[derive(Clone, Debug, Default)]
pub struct Replicas {
    by_partition: Table<TopicPartition, Table<MachineId, Replica>>,
}

impl Replicas {
    /// The replica of a partition on a machine.
    pub fn get(&self, partition: &TopicPartition, machine: MachineId) -> Option<&Replica> {
        self.by_partition.get(partition)?.get(&machine)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, partition: &TopicPartition, machine: MachineId) -> Option<&mut Replica> {
        self.by_partition.get_mut(partition)?.get_mut(&machine)
    }

    /// The replica of a partition on a machine; one of which nothing is known where there was none.
    pub fn get_or_begin(&mut self, partition: &TopicPartition, machine: MachineId) -> &mut Replica {
        self.by_partition.get_or_default(partition).get_or_default(&machine)
    }

    /// The replicas of a partition, by machine.
    pub fn of(&self, partition: &TopicPartition) -> impl Iterator<Item = (MachineId, &Replica)> {
        self.by_partition.get(partition).into_iter().flat_map(Table::iter).map(|(machine, replica)| (*machine, replica))
    }

    /// The same, to change them.
    pub fn of_mut(&mut self, partition: &TopicPartition) -> impl Iterator<Item = (MachineId, &mut Replica)> {
        self.by_partition
            .get_mut(partition)
            .into_iter()
            .flat_map(Table::iter_mut)
            .map(|(machine, replica)| (*machine, replica))
    }

    /// The replicas on a machine, by partition.
    pub fn on_mut(&mut self, machine: MachineId) -> impl Iterator<Item = (&TopicPartition, &mut Replica)> {
        self.by_partition.iter_mut().filter_map(move |(name, on)| Some((name, on.get_mut(&machine)?)))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicPartition, MachineId, &Replica)> {
        self.by_partition
            .iter()
            .flat_map(|(name, on)| on.iter().map(move |(machine, replica)| (name, *machine, replica)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_partition.iter().map(|(_, on)| on.len()).sum()
    }
}

/// One replica's log and role.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// The batches from the log's start to its end.
    pub batches: Vec<BatchFact>,
    /// The topic that it belongs to; none for the metadata log, and before it leads or follows.
    pub topic_id: Option<TopicId>,
    /// Whether a running process has the log open: after a stop it is unknown what is left until it is loaded.
    pub is_open: bool,
    /// Every committed batch below this has been found in the log: it is not looked for again while the log stands.
    /// Without it each acknowledgement would read the whole log.
    pub(super) verified_to: Cell<Offset>,
    /// Whether anything was said of it since a sweep last compared it with its disk.
    pub(super) is_unswept: Cell<bool>,
    /// Where the log starts.
    pub log_start_offset: Offset,
    /// Where it ends.
    pub log_end_offset: Offset,
    /// Its high watermark.
    pub high_watermark: Offset,
    /// The highest high watermark that it has had on this disk.
    pub highest_high_watermark: Offset,
    /// The highest log start that it has had on this disk.
    pub highest_log_start_offset: Offset,
    /// The epoch in which it leads; none while it does not.
    pub leads_in: Option<LeaderEpoch>,
    /// The leader epoch that it knows; none before it has heard of one.
    pub epoch: Option<LeaderEpoch>,
    /// The in-sync set in force, and the proposed one, as far as a leader has said.
    pub isr: BTreeSet<NodeId>,
    /// Members whose addition the leader has proposed.
    pub proposed: BTreeSet<NodeId>,
    /// Whether something has taken committed records from it, and it has not caught up since.
    pub loss: Loss,
    /// The first offset that something has taken from it, committed or not, if it has not fetched since: its leader may still
    /// count on what it had.
    pub(super) forgotten_from: Option<Offset>,
    /// Under which registration of its broker that happened last; none if the controllers had not said any.
    pub(super) forgot_in: Option<BrokerEpoch>,
    /// Where a log that is only compacted was told to begin at the latest, if it was opened with a later beginning.
    pub(super) began_late: Option<Offset>,
    /// Whether its machine lost power since the log was last open: what was cut off may have come back.
    pub(super) lost_power: bool,
}

impl Replica {
    /// The topic that it belongs to; zero where none is known.
    pub fn topic(&self) -> TopicId {
        self.topic_id.unwrap_or(TopicId::ZERO)
    }

    /// The batch that holds this offset.
    pub fn batch_at(&self, offset: Offset) -> Option<&BatchFact> {
        let index = self.batches.partition_point(|batch| batch.last_offset < offset);
        self.batches.get(index).filter(|batch| batch.base_offset <= offset)
    }

    /// The first committed batch that this log lacks, if it lacks one.
    pub fn first_missing<'a>(&self, committed: &'a [BatchFact]) -> Option<&'a BatchFact> {
        let known = self.log_start_offset.max(self.verified_to.get());
        let from = committed.partition_point(|batch| batch.last_offset < known);
        for batch in &committed[from..] {
            if !self.holds(batch) {
                return Some(batch);
            }
            self.verified_to.set(batch.last_offset + 1);
        }
        None
    }

    /// Whether it has this very batch.
    pub fn holds(&self, batch: &BatchFact) -> bool {
        self.batch_at(batch.base_offset).is_some_and(|own| same(own, batch))
    }

    pub(super) fn set_high_watermark(&mut self, to: Offset) {
        self.high_watermark = to;
        self.highest_high_watermark = self.highest_high_watermark.max(to);
    }

    pub(super) fn set_log_start(&mut self, to: Offset) {
        self.log_start_offset = to;
        self.highest_log_start_offset = self.highest_log_start_offset.max(to);
        // The high watermark goes along.
        self.highest_high_watermark = self.highest_high_watermark.max(to);
    }

    /// A power cut may undo a truncation, and leave an older batch where a newer one was said to be. What is missing or
    /// torn is another matter: the log has no right to open with it.
    pub(super) fn take_what_came_back(&mut self, found: &[BatchFact]) {
        for batch in found {
            let index = self.batches.partition_point(|known| known.base_offset < batch.base_offset);
            let is_other = |known: &BatchFact| known.base_offset == batch.base_offset && !same(known, batch);
            if self.batches.get(index).is_some_and(is_other) {
                self.batches[index] = *batch;
                self.verified_to.set(self.verified_to.get().min(batch.base_offset));
            }
        }
    }

    /// Segments were replaced: what their range holds now.
    pub(super) fn replace(&mut self, range: std::ops::Range<Offset>, by: &[BatchFact]) {
        let first = self.batches.partition_point(|batch| batch.base_offset < range.start);
        let end = self.batches.partition_point(|batch| batch.base_offset < range.end);
        self.batches.splice(first..end.max(first), by.iter().copied());
        self.verified_to.set(self.verified_to.get().min(range.start));
    }

    pub(super) fn truncate(&mut self, end: Offset) {
        let keep = self.batches.partition_point(|batch| batch.last_offset < end);
        self.batches.truncate(keep);
        let held = self.batches.last().map_or(0, |last| last.last_offset + 1);
        self.verified_to.set(self.verified_to.get().min(held));
        self.log_end_offset = end;
        // `UnifiedLog.truncateTo`: a log that is cut below its start starts there.
        self.log_start_offset = self.log_start_offset.min(end);
        self.high_watermark = self.high_watermark.min(end);
    }
}

/// Whether two batches are the same records, written by the same leader.
pub fn same(one: &BatchFact, other: &BatchFact) -> bool {
    (one.base_offset, one.last_offset, one.leader_epoch, one.crc)
        == (other.base_offset, other.last_offset, other.leader_epoch, other.crc)
}
