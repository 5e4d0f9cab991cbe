//! OffsetCommit and TxnOffsetCommit: what the two have in common, and a classic group's rules for them.

use crate::group::classic::{ClassicGroup, ClassicState};
use crate::group::record::OffsetCommitValue;
use crate::ids::{GroupInstanceId, MemberId, TopicId};
use crate::message::{ErrorCode, OffsetCommitPartition, OffsetCommitRequest, TxnOffsetCommitRequest};

/// Who commits, as a group looks at it.
#[derive(Clone, Copy, Debug)]
pub struct CommitRequest<'a> {
    /// The generation (classic) or member epoch (KIP-848); negative if none was said.
    pub epoch: i32,
    /// The member; empty if none was said.
    pub member: &'a MemberId,
    /// The static member, if one was said.
    pub instance: Option<&'a GroupInstanceId>,
    /// Whether it is a transaction's.
    pub is_transactional: bool,
    /// The version of the request.
    pub version: i16,
}

impl<'a> CommitRequest<'a> {
    /// A plain commit.
    pub fn plain(request: &'a OffsetCommitRequest, version: i16) -> CommitRequest<'a> {
        let OffsetCommitRequest { generation_or_member_epoch, member, instance, .. } = request;
        let (epoch, instance) = (*generation_or_member_epoch, instance.as_ref());
        CommitRequest { epoch, member, instance, is_transactional: false, version }
    }

    /// A transaction's commit.
    pub fn transactional(request: &'a TxnOffsetCommitRequest, version: i16) -> CommitRequest<'a> {
        let TxnOffsetCommitRequest { generation_or_member_epoch, member, instance, .. } = request;
        let (epoch, instance) = (*generation_or_member_epoch, instance.as_ref());
        CommitRequest { epoch, member, instance, is_transactional: true, version }
    }
}

impl ClassicGroup {
    /// Whether somebody may commit offsets of this group (`ClassicGroup.validateOffsetCommit`). A member may while others
    /// join, with the generation that ends; not while the new assignment is awaited.
    ///
    /// # Errors
    /// COORDINATOR_NOT_AVAILABLE, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION or REBALANCE_IN_PROGRESS.
    pub fn validate_commit(&self, request: &CommitRequest<'_>) -> Result<(), ErrorCode> {
        let is_empty = self.state == ClassicState::Empty;
        if self.state == ClassicState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        // An administrator, or a consumer that assigns itself: as long as nobody else is in the group.
        if request.epoch < 0 && is_empty {
            return Ok(());
        }
        if request.epoch >= 0 || !request.member.is_empty() || request.instance.is_some() {
            self.validate_member(request.member, request.instance)?;
            if request.epoch != self.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !request.is_transactional && !is_empty {
            // Older transactional requests have no fields for the member.
            return Err(ErrorCode::UnknownMemberId);
        }
        if !request.is_transactional && self.state == ClassicState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }
}

/// Whether what a client wants to have remembered is too long. Kafka counts Java's characters, which are UTF-16 units,
/// although the setting's name says bytes.
pub fn metadata_is_too_long(metadata: Option<&str>, max: i32) -> bool {
    metadata.is_some_and(|text| text.encode_utf16().count() as i64 > i64::from(max))
}

/// The value of an offset's record. `retention_ms` is what the request said of how long to keep it; −1 for nothing.
pub fn value_of(partition: &OffsetCommitPartition, now_ms: i64, retention_ms: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset: partition.offset,
        leader_epoch: partition.leader_epoch,
        metadata: partition.metadata.clone().unwrap_or_default(),
        commit_timestamp_ms: now_ms,
        expire_timestamp_ms: if retention_ms == -1 { -1 } else { now_ms.saturating_add(retention_ms) },
        topic_id: TopicId::ZERO,
    }
}
