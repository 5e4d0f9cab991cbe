//! Commits: Kafka's `commitSync`, `commitAsync` and what is committed by itself (`ConsumerCoordinator`,
//! `CommitRequestManager`).
//!
//! ```text
//!   asked ─▶ coordinator known? ─▶ a member of a stable group? ─▶ sent ─▶ done
//!               │ no: wait            │ no: fails here, nothing is sent    │ refused: by the error again, or for good
//! ```
//!
//! What is committed is a number for each partition: the next offset to read. Commits of an
//! old generation are refused by the coordinator, those of somebody who knows that it is
//! no member by the consumer itself.

use std::time::Duration;

use super::member::{MemberIdentity, Standing};
use crate::client::consumer::Consumed;
use crate::client::network::{Asker, Outcome};
use crate::context::Context;
use crate::event::{CommitCause, MembershipEvent};
use crate::ids::{GroupId, GroupInstanceId, LeaderEpoch, Offset, Ticket, TopicPartition};
use crate::message::{ErrorCode, OffsetCommitPartition, OffsetCommitRequest, Response};
use crate::time::Time;

/// A commit on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Commit {
    pub cause: CommitCause,
    /// Who waits for it.
    pub ticket: Option<Ticket>,
    pub offsets: Vec<Consumed>,
    /// What is remembered beside each of them; empty unless the application says something.
    pub metadata: String,
    /// When the offsets were taken.
    pub begun: Time,
    /// When nobody waits for it any longer; none for those that wait for a coordinator as long as it takes.
    pub deadline: Option<Time>,
    /// Whether who waited has heard that it is late. It may go on all the same, and take effect.
    pub told: bool,
    /// How often it has failed.
    pub attempts: u32,
    pub stage: Stage,
}

impl Commit {
    /// Whether its time is over.
    pub fn is_late(&self, now: Time) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Takes the offsets of now, if there are any.
    pub fn take_newer(&mut self, now: Time, offsets: Vec<Consumed>) {
        if !offsets.is_empty() {
            (self.begun, self.offsets) = (now, offsets);
        }
    }
}

/// How far a commit is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// To be sent as soon as the coordinator can take it, and not before.
    Waiting { not_before: Time },
    /// Sent, as this member.
    InFlight { token: u64, sent_as: MemberIdentity },
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CommitOutcome {
    Done,
    /// Another attempt may succeed.
    Retriable(ErrorCode),
    /// It will not.
    Failed {
        error: ErrorCode,
        unsent: bool,
    },
}

/// What the coordinator's answer asks the member to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    Nothing,
    /// Look for the coordinator again.
    LoseCoordinator(bool),
    /// The member is told; it decides what becomes of itself and of the commit.
    TellMember(ErrorCode),
}

/// All commits of a consumer, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Commits {
    pub pending: Vec<Commit>,
    /// How the commit before a rebalance ended, until the rebalance takes it.
    pub before_rebalance: Option<CommitOutcome>,
    /// Whether a commit of consumed offsets that nobody asked for is on its way. One flag for those of the interval and those
    /// before a rebalance, as in Kafka (`AutoCommitState.hasInflightCommit`): whichever ends first clears it, and so does an
    /// attempt that fails, after the next one has been begun.
    pub auto_commit_in_flight: bool,
}

impl Commits {
    /// A new commit. One without offsets is done at once.
    pub fn begin(
        &mut self,
        ctx: &mut Context,
        cause: CommitCause,
        ticket: Option<Ticket>,
        offsets: Vec<Consumed>,
        time: Option<Duration>,
    ) -> bool {
        if offsets.is_empty() {
            if cause == CommitCause::Rebalance {
                self.before_rebalance = Some(CommitOutcome::Done);
            }
            return false;
        }
        let now = ctx.now.monotonic;
        let (stage, deadline) = (Stage::Waiting { not_before: now }, time.map(|time| now + time));
        let metadata = String::new();
        self.pending.push(Commit {
            cause,
            ticket,
            offsets,
            metadata,
            begun: now,
            deadline,
            told: false,
            attempts: 0,
            stage,
        });
        self.auto_commit_in_flight |= is_automatic(cause);
        true
    }

    /// The next attempt to commit before a rebalance: it waits before it is sent, for the one before it has just failed.
    ///
    /// Commits of the interval are not held back meanwhile. The failed attempt clears their flag only after this one has set it: of
    /// two callbacks of a future Java runs the one that was added last first
    /// (`CommitRequestManager.autoCommitSyncBeforeRebalanceWithRetries` after `requestAutoCommit`).
    pub fn begin_later(
        &mut self,
        ctx: &mut Context,
        offsets: Vec<Consumed>,
        time: Duration,
        wait: Duration,
        failed: u32,
    ) {
        if self.begin(ctx, CommitCause::Rebalance, None, offsets, Some(time))
            && let Some(commit) = self.pending.last_mut()
        {
            commit.stage = Stage::Waiting { not_before: ctx.now.monotonic + wait };
            commit.attempts = failed;
            self.auto_commit_in_flight = false;
        }
    }

    /// Whether one of this cause is not ended.
    pub fn is_pending(&self, cause: CommitCause) -> bool {
        self.pending.iter().any(|commit| commit.cause == cause)
    }

    /// Whether somebody waits for one, as far as anybody does.
    pub fn are_waited_for(&self) -> bool {
        self.pending.iter().any(|commit| !commit.told)
    }

    /// When the next one may be sent, or is not waited for any longer.
    pub fn deadlines(&self) -> impl Iterator<Item = Time> {
        let begins = |commit: &Commit| match commit.stage {
            Stage::Waiting { not_before } => Some(not_before),
            Stage::InFlight { .. } => None,
        };
        let late = |commit: &Commit| commit.deadline.filter(|_| !commit.told);
        self.pending.iter().flat_map(move |commit| [begins(commit), late(commit)]).flatten()
    }
}

/// Whether a commit is one that the consumer makes by itself while it runs.
pub(super) fn is_automatic(cause: CommitCause) -> bool {
    match cause {
        CommitCause::Interval | CommitCause::Rebalance => true,
        CommitCause::Sync | CommitCause::Async | CommitCause::Chosen | CommitCause::Close => false,
    }
}

/// Whether it is tried again until its time is over (`commitSync`, also that of `close`).
pub(super) fn is_synchronous(cause: CommitCause) -> bool {
    match cause {
        CommitCause::Sync | CommitCause::Chosen | CommitCause::Close => true,
        CommitCause::Interval | CommitCause::Rebalance | CommitCause::Async => false,
    }
}

/// The offsets of a commit as an event tells them.
pub(super) fn told(offsets: &[Consumed]) -> Vec<(TopicPartition, Offset)> {
    offsets.iter().map(|(partition, offset, _)| (partition.clone(), *offset)).collect()
}

/// The request of a commit. A classic consumer that is no member says no instance either.
pub(super) fn request(
    group: &GroupId,
    instance: Option<&GroupInstanceId>,
    identity: &MemberIdentity,
    commit: &Commit,
) -> OffsetCommitRequest {
    let partition = |(partition, offset, epoch): &Consumed| OffsetCommitPartition {
        partition: partition.clone(),
        offset: *offset,
        leader_epoch: epoch.unwrap_or(LeaderEpoch::NONE),
        metadata: Some(commit.metadata.clone()),
    };
    OffsetCommitRequest {
        group: group.clone(),
        generation_or_member_epoch: identity.epoch,
        member: identity.member.clone(),
        instance: instance.cloned(),
        retention_time_ms: -1,
        partitions: commit.offsets.iter().map(partition).collect(),
    }
}

/// Why a consumer that should be a member does not even send a commit.
pub(super) fn unsent(standing: &Standing) -> Option<CommitOutcome> {
    match standing {
        Standing::NoneNeeded | Standing::Member(_) => None,
        Standing::Rebalancing => Some(CommitOutcome::Failed { error: ErrorCode::RebalanceInProgress, unsent: true }),
        // CommitFailedException, which has no error code of its own.
        Standing::Outside => Some(CommitOutcome::Failed { error: ErrorCode::UnknownMemberId, unsent: true }),
    }
}

/// What an answer says of a commit, before the member has its word (`OffsetCommitResponseHandler`).
pub(super) fn judge(outcome: &Outcome) -> (CommitOutcome, Consequence) {
    let response = match outcome {
        Outcome::Answered(Response::OffsetCommit(response)) => response,
        Outcome::UnsupportedVersion => {
            let error = ErrorCode::UnsupportedVersion;
            return (CommitOutcome::Failed { error, unsent: true }, Consequence::Nothing);
        }
        Outcome::Answered(_) | Outcome::Sent | Outcome::Disconnected | Outcome::TimedOut => {
            return (CommitOutcome::Retriable(ErrorCode::NetworkException), Consequence::LoseCoordinator(true));
        }
    };
    let mut errors = response.partitions.iter().map(|(_, error)| *error);
    let Some(error) = errors.find(|error| *error != ErrorCode::None) else {
        return (CommitOutcome::Done, Consequence::Nothing);
    };
    let failed = CommitOutcome::Failed { error, unsent: false };
    match error {
        ErrorCode::CoordinatorLoadInProgress | ErrorCode::UnknownTopicOrPartition => {
            (CommitOutcome::Retriable(error), Consequence::Nothing)
        }
        ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator | ErrorCode::RequestTimedOut => {
            (CommitOutcome::Retriable(error), Consequence::LoseCoordinator(false))
        }
        ErrorCode::FencedInstanceId
        | ErrorCode::RebalanceInProgress
        | ErrorCode::UnknownMemberId
        | ErrorCode::IllegalGeneration
        | ErrorCode::StaleMemberEpoch => (failed, Consequence::TellMember(error)),
        // Anything else is unexpected and fails for good in both protocols, retriable or not.
        _ => (failed, Consequence::Nothing),
    }
}

/// A commit that ends, as an event.
pub(super) fn event(group: &GroupId, commit: &Commit, outcome: CommitOutcome) -> MembershipEvent {
    let (group, cause) = (group.clone(), commit.cause);
    let (error, unsent) = match outcome {
        CommitOutcome::Done => {
            return MembershipEvent::CommitDone { group, cause, offsets: told(&commit.offsets) };
        }
        CommitOutcome::Retriable(error) => (error, matches!(commit.stage, Stage::Waiting { .. })),
        CommitOutcome::Failed { error, unsent } => (error, unsent),
    };
    MembershipEvent::CommitFailed { group, cause, error, unsent }
}

/// What the application is told of a commit that failed.
pub(super) fn message(outcome: CommitOutcome) -> &'static str {
    match outcome {
        CommitOutcome::Done => "committed",
        CommitOutcome::Retriable(_) => "RetriableCommitFailed: the commit failed, and another one may succeed",
        CommitOutcome::Failed { error: ErrorCode::RebalanceInProgress, .. } => {
            "RebalanceInProgress: complete the rebalance by calling poll, then commit again"
        }
        CommitOutcome::Failed { error: ErrorCode::RequestTimedOut, .. } => {
            "Timeout: the commit was not acknowledged in time; it may yet take effect"
        }
        CommitOutcome::Failed { error: ErrorCode::FencedInstanceId, .. } => {
            "FencedInstanceId: another member of the group has this group.instance.id"
        }
        CommitOutcome::Failed {
            error: ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::StaleMemberEpoch,
            ..
        } => {
            "CommitFailed: the consumer is no member of its group any more; its partitions may belong to somebody else"
        }
        CommitOutcome::Failed { error: ErrorCode::OffsetMetadataTooLarge, .. } => {
            "OffsetMetadataTooLarge: what is said beside an offset is longer than offset.metadata.max.bytes"
        }
        CommitOutcome::Failed { error: ErrorCode::InvalidCommitOffsetSize, .. } => {
            "InvalidCommitOffsetSize: the offsets are more than __consumer_offsets takes at once"
        }
        CommitOutcome::Failed { .. } => "Unexpected error in commit",
    }
}

/// How requests about offsets are told apart from others.
pub(super) const ASKER: Asker = Asker::Commit;
