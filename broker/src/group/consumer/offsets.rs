//! Who may commit, and fetch, offsets of a KIP-848 group (`validateOffsetCommit`, `validateOffsetFetch`).
//!
//! The epoch of a commit must be the member's, exactly: a member whose answer with a new epoch was lost is told that it
//! is stale, and tries again with the epoch that it hears. What KIP-848 calls a generation is the member epoch.

use std::collections::BTreeSet;

use super::{ConsumerGroup, Member};
use crate::group::offsets::CommitRequest;
use crate::ids::{MemberId, TopicName};
use crate::message::ErrorCode;

/// From this version of OffsetCommit on, members speak of epochs.
const FIRST_VERSION_WITH_EPOCHS: i16 = 9;

impl ConsumerGroup {
    /// Whether an offset may be committed.
    ///
    /// # Errors
    ///
    /// UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH; ILLEGAL_GENERATION for a member that speaks the classic protocol;
    /// UNSUPPORTED_VERSION.
    pub fn validate_commit(&self, by: &CommitRequest<'_>) -> Result<(), ErrorCode> {
        // An administrator, or a consumer that assigns partitions to itself.
        if by.epoch < 0 && self.is_empty() {
            return Ok(());
        }
        if by.is_transactional && by.epoch == -1 && by.member.is_empty() && by.instance.is_none() {
            return Ok(());
        }
        let member = self.member(by.member).ok_or(ErrorCode::UnknownMemberId)?;
        if !by.is_transactional && !member.uses_classic_protocol() && by.version < FIRST_VERSION_WITH_EPOCHS {
            return Err(ErrorCode::UnsupportedVersion);
        }
        validate_epoch(member, by.epoch)
    }

    /// Whether offsets may be fetched; `self` is the group as it is committed. Old requests name no member.
    ///
    /// # Errors
    ///
    /// UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH; ILLEGAL_GENERATION for a member that speaks the classic protocol.
    pub fn validate_fetch(&self, member: Option<&MemberId>, epoch: i32) -> Result<(), ErrorCode> {
        match member {
            None if epoch < 0 => Ok(()),
            None => Err(ErrorCode::UnknownMemberId),
            Some(id) => validate_epoch(self.member(id).ok_or(ErrorCode::UnknownMemberId)?, epoch),
        }
    }

    /// Whether a topic is wanted: its offsets are neither deleted by administrators nor expired.
    pub fn is_subscribed_to(&self, topic: &TopicName) -> bool {
        super::subscriptions::Subscriptions::now(self).topics().any(|wanted| wanted == topic.as_str())
    }

    /// Whether any of these topics is wanted.
    pub fn wants_any_of(&self, topics: &BTreeSet<TopicName>) -> bool {
        let is_one = |name: &String| topics.iter().any(|topic| topic.as_str() == name);
        self.members().any(|member| member.metadata.subscribed_topic_names.iter().any(is_one))
            || self.regexes.values().any(|resolved| resolved.topics.iter().any(is_one))
    }
}

fn validate_epoch(member: &Member, received: i32) -> Result<(), ErrorCode> {
    match (received == member.epoch, member.uses_classic_protocol()) {
        (true, _) => Ok(()),
        (false, true) => Err(ErrorCode::IllegalGeneration),
        (false, false) => Err(ErrorCode::StaleMemberEpoch),
    }
}
