//! What an answer means for its call: done, failed, or to be tried again.

use crate::client::retry::is_retriable;
use crate::client::{Call, CallResult};
use crate::ids::NodeId;
use crate::message::{ErrorCode, QuorumReplica, Response};
use crate::time::Time;

/// What an answer means for its call.
pub(super) enum Verdict {
    Done(CallResult),
    /// The same again after a back-off, to whoever it concerns then.
    Retry(ErrorCode),
    Failed(ErrorCode, Option<String>),
    /// What comes next is known; not before this time.
    Onward(Time),
    /// Each of these brokers is asked for its part.
    Ask(Vec<NodeId>),
}

/// What the errors of several partitions mean together: the first one counts, and all are asked for again if it may pass.
fn first_error(mut errors: impl Iterator<Item = ErrorCode>) -> Verdict {
    match errors.find(|error| !error.is_none()) {
        Some(error) if is_retriable(error) => Verdict::Retry(error),
        Some(error) => Verdict::Failed(error, None),
        None => Verdict::Done(CallResult::Done),
    }
}

/// What an error means: NOT_CONTROLLER is tried again at the next controller, every other
/// one is final.
fn judge(error: ErrorCode, message: Option<String>) -> Verdict {
    match error {
        ErrorCode::None => Verdict::Done(CallResult::Done),
        ErrorCode::NotController => Verdict::Retry(error),
        other => Verdict::Failed(other, message),
    }
}

pub(super) fn verdict_on(call: &Call, response: &Response) -> Verdict {
    let missing = || Verdict::Failed(ErrorCode::UnknownServerError, Some("The answer holds no result".to_owned()));
    match response {
        Response::CreateTopics(response) => match response.topics.first() {
            Some(topic) => judge(topic.error, topic.error_message.clone()),
            None => missing(),
        },
        Response::DeleteTopics(response) => match response.topics.first() {
            Some((_, _, error)) => judge(*error, None),
            None => missing(),
        },
        Response::CreatePartitions(response) => match response.topics.first() {
            Some((_, error, message)) => judge(*error, message.clone()),
            None => missing(),
        },
        Response::IncrementalAlterConfigs(response) => match response.resources.first() {
            Some((_, error, message)) => judge(*error, message.clone()),
            None => missing(),
        },
        Response::AlterPartitionReassignments(response) => match (response.error, response.partitions.first()) {
            (ErrorCode::None, Some((_, error, message))) => judge(*error, message.clone()),
            (ErrorCode::None, None) => missing(),
            (error, _) => judge(error, None),
        },
        Response::DeleteRecords(response) => match response.partitions.first() {
            Some(answer) if is_retriable(answer.error) => Verdict::Retry(answer.error),
            Some(answer) => judge(answer.error, None),
            None => missing(),
        },
        Response::TxnOffsetCommit(response) => first_error(response.partitions.iter().map(|(_, error)| *error)),
        Response::WriteTxnMarkers(response) => {
            first_error(response.markers.iter().flat_map(|(_, errors)| errors).map(|(_, error)| *error))
        }
        Response::ElectLeaders(response) => {
            // That a partition needs no election is what was wanted; kafka-leader-election says so too.
            let mut errors = response.partitions.iter().map(|(_, error)| *error);
            let refused = errors.find(|error| !matches!(error, ErrorCode::None | ErrorCode::ElectionNotNeeded));
            match refused {
                _ if response.error != ErrorCode::None => Verdict::Failed(response.error, None),
                Some(error) => Verdict::Failed(error, None),
                None => Verdict::Done(CallResult::Done),
            }
        }
        Response::DescribeQuorum(response) => match response.error {
            ErrorCode::None => {
                let progress = |replicas: &[QuorumReplica]| {
                    replicas.iter().map(|member| (member.replica.id, member.log_end_offset)).collect()
                };
                Verdict::Done(CallResult::Quorum {
                    leader: response.leader,
                    epoch: response.epoch,
                    high_watermark: response.high_watermark,
                    voters: progress(&response.voters),
                    observers: progress(&response.observers),
                })
            }
            error if is_retriable(error) => Verdict::Retry(error),
            error => Verdict::Failed(error, None),
        },
        other => unreachable!("{:?} is no answer to {call:?}", other.api()),
    }
}
