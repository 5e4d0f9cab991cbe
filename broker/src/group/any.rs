//! A group of either protocol, as offsets and administrators see it (`Group`).

use std::sync::Arc;

use super::classic::{ClassicGroup, ClassicState};
use super::modern::Held;
use super::offsets::{CommitRequest, ExpiryCondition};
use super::record::GroupRecord;
use super::shard::{Hard, Shard};
use crate::ids::{GroupId, TopicName};
use crate::message::ErrorCode;

/// A group as it is now.
pub(super) enum AnyGroup {
    /// Of the classic protocol.
    Classic(Arc<ClassicGroup>),
    /// Of the protocol of KIP-848.
    Modern(Held),
}

impl Shard {
    /// A group that exists in some state of the shard, as it is now.
    pub(super) fn any_group(&self, hard: &Hard, id: &GroupId) -> Option<AnyGroup> {
        let modern = hard.consumer_group(id).map(AnyGroup::Modern);
        modern.or_else(|| self.classic_group(hard, id).map(AnyGroup::Classic))
    }
}

impl AnyGroup {
    /// Whether somebody may commit offsets.
    ///
    /// # Errors
    /// As the protocol says.
    pub(super) fn validate_commit(&self, by: &CommitRequest<'_>) -> Result<(), ErrorCode> {
        match self {
            AnyGroup::Classic(group) => group.validate_commit(by),
            AnyGroup::Modern(group) => group.validate_commit(by),
        }
    }

    /// Whether offsets may be deleted, of topics that nobody reads.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND or NON_EMPTY_GROUP.
    pub(super) fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            AnyGroup::Classic(group) => group.validate_offset_delete(),
            AnyGroup::Modern(_) => Ok(()),
        }
    }

    /// From when the group's offsets are counted; none if they do not expire now. Those of a KIP-848 group do, one by
    /// one, as soon as nobody wants their topic.
    pub(super) fn expiry_condition(&self) -> Option<ExpiryCondition> {
        match self {
            AnyGroup::Classic(group) => group.expiry_condition(),
            AnyGroup::Modern(_) => Some(ExpiryCondition::SinceCommit),
        }
    }

    /// Whether members read a topic, or may.
    pub(super) fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        match self {
            AnyGroup::Classic(group) => group.is_subscribed_to(topic),
            AnyGroup::Modern(group) => group.is_subscribed_to(topic),
        }
    }

    /// Why the group may not be deleted, if it may not.
    pub(super) fn delete_refusal(&self) -> ErrorCode {
        match self {
            AnyGroup::Modern(group) => group.validate_delete().err().unwrap_or(ErrorCode::None),
            AnyGroup::Classic(group) => match group.state {
                ClassicState::Dead => ErrorCode::GroupIdNotFound,
                ClassicState::Empty => ErrorCode::None,
                ClassicState::PreparingRebalance { .. } | ClassicState::CompletingRebalance | ClassicState::Stable => {
                    ErrorCode::NonEmptyGroup
                }
            },
        }
    }

    /// The records that forget the group, if nobody is in it.
    pub(super) fn tombstones_if_empty(&self) -> Vec<GroupRecord> {
        match self {
            AnyGroup::Classic(group) if group.state == ClassicState::Empty => vec![ClassicGroup::tombstone(&group.id)],
            AnyGroup::Modern(group) if group.is_empty() => group.tombstones(),
            AnyGroup::Classic(_) | AnyGroup::Modern(_) => Vec::new(),
        }
    }
}
