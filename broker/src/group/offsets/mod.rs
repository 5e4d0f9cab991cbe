//! Committed offsets: how far each group has read (`OffsetMetadataManager`).
//!
//! ```text
//!   plain commit ──────────────────────────────▶ committed
//!   commit in a transaction ──▶ pending ─ commit ─▶ committed, unless something newer is there
//!                                       └ abort ──▶ nothing
//!   tombstone ──▶ neither committed nor pending
//! ```
//!
//! All of this is hard state: it changes by replay only, on the coordinator that wrote the
//! record and on the one that comes after it alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::OffsetCommitValue;
use crate::ids::{GroupId, Offset, ProducerId, TopicPartition};

mod commit;
mod expiry;
mod fetch;

pub use commit::{CommitRequest, metadata_is_too_long, value_of};
pub use expiry::ExpiryCondition;
pub use fetch::fetch;

/// An offset, and where its record stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredOffset {
    /// What was committed.
    pub value: OffsetCommitValue,
    /// The position of its record in the offsets topic: of two, the later one counts.
    pub record_offset: Offset,
}

/// The offsets of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupOffsets {
    /// What counts.
    pub committed: BTreeMap<TopicPartition, StoredOffset>,
    /// What counts when a producer's open transaction is committed. No partition is without a producer.
    pub pending: BTreeMap<TopicPartition, BTreeMap<ProducerId, StoredOffset>>,
}

impl GroupOffsets {
    fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }
}

/// The offsets of a shard's groups. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OffsetStore {
    /// Invariant: no group without an offset.
    groups: Arc<BTreeMap<GroupId, Arc<GroupOffsets>>>,
}

impl OffsetStore {
    /// One group's offsets, if it has any.
    pub fn of(&self, group: &GroupId) -> Option<&GroupOffsets> {
        self.groups.get(group).map(Arc::as_ref)
    }

    /// The groups that have offsets, in the order of their names.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &GroupOffsets)> {
        self.groups.iter().map(|(group, offsets)| (group, offsets.as_ref()))
    }

    /// Takes in an offset's record: of a plain commit, or of a transaction's.
    pub fn put(
        &mut self,
        group: &GroupId,
        partition: TopicPartition,
        producer: Option<ProducerId>,
        stored: StoredOffset,
    ) {
        let offsets = Arc::make_mut(Arc::make_mut(&mut self.groups).entry(group.clone()).or_default());
        match producer {
            None => {
                offsets.committed.insert(partition, stored);
            }
            Some(producer) => {
                offsets.pending.entry(partition).or_default().insert(producer, stored);
            }
        }
    }

    /// Takes in an offset's tombstone: what is pending for the partition goes with it.
    pub fn remove(&mut self, group: &GroupId, partition: &TopicPartition) {
        self.change(group, |offsets| {
            offsets.committed.remove(partition);
            offsets.pending.remove(partition);
        });
    }

    /// A transaction has ended. Its offsets count if it was committed and nothing was written behind them; with
    /// `always` they count whatever was (see [`crate::config::Switch::PendingOffsetsAlwaysApply`]).
    pub fn end_transaction(&mut self, producer: ProducerId, committed: bool, always: bool) {
        let concerned = |offsets: &GroupOffsets| offsets.pending.values().any(|by| by.contains_key(&producer));
        let groups: Vec<GroupId> =
            self.groups().filter(|(_, offsets)| concerned(offsets)).map(|(group, _)| group.clone()).collect();
        for group in groups {
            self.change(&group, |offsets| offsets.end_transaction(producer, committed, always));
        }
    }

    /// Changes a group's offsets, if it has any; a group without offsets is not kept.
    fn change(&mut self, group: &GroupId, change: impl FnOnce(&mut GroupOffsets)) {
        if !self.groups.contains_key(group) {
            return;
        }
        let groups = Arc::make_mut(&mut self.groups);
        let offsets = Arc::make_mut(groups.entry(group.clone()).or_default());
        change(offsets);
        if offsets.is_empty() {
            groups.remove(group);
        }
    }

    /// What must hold between two steps.
    pub fn assert_invariants(&self) {
        for (group, offsets) in self.groups() {
            assert!(!offsets.is_empty(), "{group} is kept without an offset");
            for (partition, producers) in &offsets.pending {
                assert!(!producers.is_empty(), "{group}: {partition} is pending for nobody");
            }
        }
    }
}

impl GroupOffsets {
    fn end_transaction(&mut self, producer: ProducerId, committed: bool, always: bool) {
        let mut ended = Vec::new();
        self.pending.retain(|partition, producers| {
            ended.extend(producers.remove(&producer).map(|stored| (partition.clone(), stored)));
            !producers.is_empty()
        });
        for (partition, stored) in ended.into_iter().filter(|_| committed) {
            // The cleaner may have taken away what lay between: only positions tell which was written last.
            let before = self.committed.get(&partition).map(|before| before.record_offset);
            if always || before.is_none_or(|before| stored.record_offset > before) {
                self.committed.insert(partition, stored);
            }
        }
    }
}
