//! What a client makes of an error, and how long it waits before it tries again.
//!
//! Kafka's Java clients sort errors by the class of their exception: a
//! `RetriableException` is worth another attempt, an `InvalidMetadataException` (which
//! is retriable too) says that the client's picture of the cluster is out of date.

use std::time::Duration;

use crate::choice::Purpose;
use crate::context::Context;
use crate::message::ErrorCode;

/// Whether another attempt may succeed (`RetriableException`).
pub(crate) fn is_retriable(error: ErrorCode) -> bool {
    is_stale_metadata(error)
        || matches!(
            error,
            ErrorCode::CorruptMessage
                | ErrorCode::RequestTimedOut
                | ErrorCode::CoordinatorNotAvailable
                | ErrorCode::NotCoordinator
                | ErrorCode::NotEnoughReplicas
                | ErrorCode::NotEnoughReplicasAfterAppend
                | ErrorCode::NotController
                | ErrorCode::ConcurrentTransactions
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::FetchSessionIdNotFound
                | ErrorCode::InvalidFetchSessionEpoch
                | ErrorCode::FetchSessionTopicIdError
                | ErrorCode::UnknownLeaderEpoch
                | ErrorCode::OffsetNotAvailable
                | ErrorCode::UnstableOffsetCommit
        )
}

/// Whether the error says that leaders or topics are not what the client believes
/// (`InvalidMetadataException`): it then asks for metadata.
pub(crate) fn is_stale_metadata(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::KafkaStorageError
            | ErrorCode::ListenerNotFound
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::PreferredLeaderNotAvailable
            | ErrorCode::EligibleLeadersNotAvailable
            | ErrorCode::ElectionNotNeeded
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
    )
}

/// A wait that doubles with each attempt up to a maximum, spread by ±20 %
/// (`ExponentialBackoff`).
///
/// Simplified: Kafka draws the spread anew each time it looks whether the wait is over;
/// here it is drawn once, when the wait begins, so that the wait has one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Backoff {
    /// The first wait.
    pub initial: Duration,
    /// The longest wait, spread included.
    pub max: Duration,
    /// Whether it is spread at all.
    pub jitter: bool,
}

impl Backoff {
    /// The wait before attempt number `attempts` + 1, in whole milliseconds.
    pub fn after(&self, ctx: &mut Context, attempts: u32) -> Duration {
        let initial = self.initial.min(self.max);
        if self.max <= self.initial {
            return initial;
        }
        let doubled = initial.saturating_mul(1_u32.checked_shl(attempts.min(31)).unwrap_or(u32::MAX)).min(self.max);
        if !self.jitter {
            return doubled;
        }
        let per_mille = ctx.choose(Purpose::BackoffJitter, 800, 1_200);
        let millis = doubled.as_millis() as u64 * per_mille / 1_000;
        Duration::from_millis(millis).min(self.max)
    }
}
