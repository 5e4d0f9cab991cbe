//! When offsets expire (KIP-211; `Group.offsetExpirationCondition`, `OffsetExpirationConditionImpl`).
//!
//! | group | expires, after offsets.retention.minutes |
//! | --- | --- |
//! | without members that ever were | each offset, counted from its commit |
//! | Empty | all offsets, counted from when it became empty |
//! | Stable, of consumers whose topics are known | offsets of topics that nobody reads, counted from their commit |
//! | any other | nothing |
//!
//! An offset whose request said how long to keep it expires then, and offsets of open transactions never.

use super::{GroupOffsets, StoredOffset};
use crate::group::classic::{ClassicGroup, ClassicState};
use crate::ids::{TopicName, TopicPartition};

/// From when a group's offsets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpiryCondition {
    /// From their commit.
    SinceCommit,
    /// From this instant, in milliseconds since 1970.
    Since(i64),
}

impl ExpiryCondition {
    fn is_expired(self, stored: &StoredOffset, now_ms: i64, retention_ms: i64) -> bool {
        let value = &stored.value;
        if value.expire_timestamp_ms != -1 {
            return now_ms >= value.expire_timestamp_ms;
        }
        let base = match self {
            ExpiryCondition::SinceCommit => value.commit_timestamp_ms,
            ExpiryCondition::Since(instant) => instant,
        };
        now_ms - base >= retention_ms
    }
}

impl ClassicGroup {
    /// From when this group's offsets are counted; none if they do not expire now.
    pub fn expiry_condition(&self) -> Option<ExpiryCondition> {
        if self.protocol_type.is_none() {
            return Some(ExpiryCondition::SinceCommit);
        }
        match self.state {
            ClassicState::Empty => {
                Some(self.state_since_ms.map_or(ExpiryCondition::SinceCommit, ExpiryCondition::Since))
            }
            ClassicState::Stable if self.has_consumers() && self.subscribed_topics.is_some() => {
                Some(ExpiryCondition::SinceCommit)
            }
            ClassicState::Stable
            | ClassicState::PreparingRebalance { .. }
            | ClassicState::CompletingRebalance
            | ClassicState::Dead => None,
        }
    }
}

impl GroupOffsets {
    /// The partitions whose offsets expire now.
    pub fn expired(
        &self,
        condition: ExpiryCondition,
        is_subscribed: impl Fn(&TopicName) -> bool,
        now_ms: i64,
        retention_ms: i64,
    ) -> Vec<(TopicPartition, StoredOffset)> {
        let is_expired = |partition: &TopicPartition, stored: &StoredOffset| {
            !is_subscribed(&partition.topic)
                && condition.is_expired(stored, now_ms, retention_ms)
                && !self.pending.contains_key(partition)
        };
        let expired = self.committed.iter().filter(|(partition, stored)| is_expired(partition, stored));
        expired.map(|(partition, stored)| (partition.clone(), stored.clone())).collect()
    }
}
