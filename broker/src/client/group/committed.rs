//! What the group has committed, where a partition has no position (`fetchCommittedOffsets`, KIP-447).
//!
//! The answer is that of the committed state with every transaction ended: while one is open on a partition the
//! coordinator says UNSTABLE_OFFSET_COMMIT, and the consumer asks again.

use std::collections::BTreeSet;

use crate::client::network::Outcome;
use crate::client::retry::is_retriable;
use crate::ids::{GroupId, LeaderEpoch, MemberId, Offset, TopicPartition};
use crate::message::{ErrorCode, OffsetFetchGroup, OffsetFetchRequest, Response};
use crate::time::Time;

/// The question in flight, or when it may be asked again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Committed {
    /// Its number, and what it is about.
    pub asked: Option<(u64, BTreeSet<TopicPartition>)>,
    pub attempts: u32,
    pub retry_at: Option<Time>,
}

/// A committed offset, and the epoch of the record before it.
pub(super) type CommittedOffset = (TopicPartition, Offset, Option<LeaderEpoch>);

/// How a question ended.
pub(super) enum Answer {
    /// What is committed; partitions without an offset are left out.
    Offsets(Vec<CommittedOffset>),
    /// Ask again later; with a coordinator that is found anew if it says so.
    Later {
        lose_coordinator: Option<bool>,
    },
    /// The member's epoch is not the coordinator's any more (KIP-848): ask again with the new one.
    Stale,
    Failed(ErrorCode, String),
}

/// The question. Members of the protocol of KIP-848 say who they are.
pub(super) fn request(
    group: &GroupId,
    member: Option<(MemberId, i32)>,
    partitions: &BTreeSet<TopicPartition>,
) -> OffsetFetchRequest {
    let (member, member_epoch) = match member {
        Some((member, epoch)) => (Some(member), epoch),
        None => (None, -1),
    };
    let partitions = Some(partitions.iter().cloned().collect());
    let group = OffsetFetchGroup { group: group.clone(), member, member_epoch, partitions };
    OffsetFetchRequest { groups: vec![group], require_stable: true }
}

/// What an answer says (`OffsetFetchResponseHandler`).
pub(super) fn judge(outcome: &Outcome) -> Answer {
    let response = match outcome {
        Outcome::Answered(Response::OffsetFetch(response)) => response,
        Outcome::UnsupportedVersion => {
            return Answer::Failed(ErrorCode::UnsupportedVersion, "the coordinator is too old".to_owned());
        }
        Outcome::Answered(_) | Outcome::Sent | Outcome::Disconnected | Outcome::TimedOut => {
            return Answer::Later { lose_coordinator: Some(true) };
        }
    };
    let Some(group) = response.groups.first() else { return Answer::Later { lose_coordinator: None } };
    match group.error {
        ErrorCode::None => {}
        ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
            return Answer::Later { lose_coordinator: Some(false) };
        }
        ErrorCode::StaleMemberEpoch => return Answer::Stale,
        error if is_retriable(error) => return Answer::Later { lose_coordinator: None },
        error => return Answer::Failed(error, format!("Unexpected error in fetch offset response: {}", error.name())),
    }
    let mut offsets = Vec::new();
    for answer in &group.partitions {
        match answer.error {
            ErrorCode::None if answer.offset >= 0 => {
                let epoch = Some(answer.leader_epoch).filter(|epoch| epoch.is_some());
                offsets.push((answer.partition.clone(), answer.offset, epoch));
            }
            ErrorCode::None => {}
            ErrorCode::UnstableOffsetCommit => return Answer::Later { lose_coordinator: None },
            error => {
                let message =
                    format!("Unexpected error in fetch offset response for {}: {}", answer.partition, error.name());
                return Answer::Failed(error, message);
            }
        }
    }
    Answer::Offsets(offsets)
}
