//! A group's commits on their way: begun by an interval, a call or the end, sent to the coordinator, and ended.
//!
//! What a commit is, and what its answer means, stands in [`super::commit`]; here it is seen to that each is sent by the
//! member as it stands then, and that whoever waits hears of it.

use std::time::Duration;

use super::commit::{self, Commit, CommitOutcome, Consequence, Stage};
use super::coordinator::ForCoordinator;
use super::member::{MemberIdentity, Standing};
use super::{Group, Member, Shared};
use crate::client::cluster::Cluster;
use crate::client::consumer::{Consumed, Consumer};
use crate::client::network::Completion;
use crate::client::{CallResult, failed, resolve};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{CommitCause, MembershipEvent};
use crate::ids::Ticket;
use crate::message::ErrorCode;
use crate::time::Time;

impl Group {
    /// `commitSync` and `commitAsync`.
    pub fn commit(&mut self, ctx: &mut Context, cause: CommitCause, offsets: Vec<Consumed>, ticket: Ticket) {
        let time = if commit::is_synchronous(cause) {
            Some(self.shared.settings.timers.default_api_timeout)
        } else {
            self.time_of_asynchronous()
        };
        if !self.shared.commits.begin(ctx, cause, Some(ticket), offsets, time) {
            resolve(ctx, Some(ticket), CallResult::Done);
        }
    }

    /// The commit of this call, which has just begun, has this remembered beside its offsets.
    pub fn remember_with_commit(&mut self, ticket: Ticket, metadata: &str) {
        let begun = self.shared.commits.pending.iter_mut().filter(|commit| commit.ticket == Some(ticket));
        begun.for_each(|commit| metadata.clone_into(&mut commit.metadata));
    }

    /// How long a commit waits for a coordinator that nobody waits for. That of a classic consumer hangs on one question for the
    /// coordinator (`ConsumerCoordinator.commitOffsetsAsync`), which waits for a connection for so long; the other one has
    /// no limit (`CommitRequestManager.commitAsync`).
    fn time_of_asynchronous(&self) -> Option<Duration> {
        match &self.member {
            Member::Classic(_) => Some(self.shared.request_timeout),
            Member::Consumer(_) => None,
        }
    }

    /// What the interval asks for. A classic consumer commits however many are on their way
    /// (`ConsumerCoordinator.maybeAutoCommitOffsetsAsync`). The other one waits for the one before, and gives none up for
    /// its age (`CommitRequestManager.maybeAutoCommitAsync`).
    pub(super) fn commit_by_interval(&mut self, ctx: &mut Context, consumer: &Consumer) {
        let now = ctx.now.monotonic;
        if !self.shared.settings.timers.enable_auto_commit || now < self.shared.next_auto_commit {
            return;
        }
        if matches!(&self.member, Member::Consumer(_)) && self.shared.commits.auto_commit_in_flight {
            return;
        }
        let time = self.time_of_asynchronous();
        self.shared.restart_auto_commit(now);
        self.shared.moved |= self.shared.commits.begin(ctx, CommitCause::Interval, None, consumer.consumed(), time);
    }

    pub(super) fn run_commits(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        let now = ctx.now.monotonic;
        for mut commit in std::mem::take(&mut self.shared.commits.pending) {
            self.tell_of_lateness(ctx, &mut commit);
            if self.is_given_up(now, &commit) {
                let outcome = self.late(&commit);
                self.end_commit(ctx, commit, outcome);
                continue;
            }
            let Stage::Waiting { not_before } = commit.stage else {
                self.shared.commits.pending.push(commit);
                continue;
            };
            if not_before > now || !self.shared.ensure_coordinator(ctx, cluster, consumer) {
                self.shared.commits.pending.push(commit);
                continue;
            }
            let standing = self.standing(consumer);
            if let Some(outcome) = commit::unsent(&standing) {
                self.end_commit(ctx, commit, outcome);
                continue;
            }
            self.send_commit(ctx, cluster, consumer, &mut commit, standing);
            if self.is_given_up(now, &commit) {
                let outcome = self.late(&commit);
                self.end_commit(ctx, commit, outcome);
            } else {
                self.shared.commits.pending.push(commit);
            }
        }
    }

    fn send_commit(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        consumer: &mut Consumer,
        commit: &mut Commit,
        standing: Standing,
    ) {
        let (sent_as, says_instance) = match standing {
            Standing::Member(identity) => (identity, true),
            Standing::NoneNeeded | Standing::Rebalancing | Standing::Outside => (MemberIdentity::nobody(), false),
        };
        let is_of_its_own = commit::is_automatic(commit.cause) && matches!(self.member, Member::Consumer(_));
        if is_of_its_own && consumer.mends(Hazard::CommitRetryGoesBack) {
            commit.take_newer(ctx.now.monotonic, consumer.consumed());
        }
        if commit.cause == CommitCause::Rebalance && consumer.is(Switch::CommitLagsBeforeRebalance) {
            commit.offsets.iter_mut().for_each(|(_, offset, _)| *offset = (*offset - 1).max(0));
        }
        let Shared { settings, coordinator, request_timeout, moved, .. } = &mut self.shared;
        let instance = settings.instance.as_ref().filter(|_| says_instance);
        let request = commit::request(&settings.group, instance, &sent_as, commit).into();
        let (group, offsets) = (settings.group.clone(), commit::told(&commit.offsets));
        let said = MembershipEvent::CommitSent { group, cause: commit.cause, offsets, waited_us: 0 };
        let token = consumer.next_token();
        let unsent = ForCoordinator { asker: commit::ASKER, token, request, said, taken: commit.begun };
        coordinator.hand_over(ctx, cluster, *request_timeout, unsent);
        commit.stage = Stage::InFlight { token, sent_as };
        *moved = true;
    }

    /// Who waits for a commit of a KIP-848 consumer waits no longer than its time (`ConsumerUtils.getResult`). The commit
    /// itself goes on.
    fn tell_of_lateness(&self, ctx: &mut Context, commit: &mut Commit) {
        let is_late = commit.is_late(ctx.now.monotonic) && commit::is_synchronous(commit.cause) && !commit.told;
        if is_late && matches!(self.member, Member::Consumer(_)) {
            let outcome = self.late(commit);
            ctx.emit(commit::event(&self.shared.settings.group, commit, outcome));
            failed(ctx, commit.ticket.take(), ErrorCode::RequestTimedOut, commit::message(outcome));
            commit.told = true;
        }
    }

    /// Whether a commit whose time is over ends with that. In a classic consumer whoever waits sends it, at least once if the
    /// coordinator is known, and then no more (`ConsumerCoordinator.commitOffsetsSync`). The other one looks when it could
    /// send it (`CommitRequestManager.PendingRequests.drain`), and gives up only what has failed before: a commit that was
    /// never sent leaves, however late (`RetriableRequestState.maybeExpire`).
    fn is_given_up(&self, now: Time, commit: &Commit) -> bool {
        let waits = matches!(commit.stage, Stage::Waiting { .. });
        let knows_whom_to_send_it = self.shared.coordinator.node().is_some();
        commit.is_late(now)
            && match &self.member {
                Member::Classic(_) if waits => commit.begun < now || !knows_whom_to_send_it,
                Member::Classic(_) => !matches!(commit.cause, CommitCause::Interval | CommitCause::Async),
                Member::Consumer(_) => waits && commit.attempts > 0 && knows_whom_to_send_it,
            }
    }

    /// How a commit ends whose time is over.
    fn late(&self, commit: &Commit) -> CommitOutcome {
        let error = ErrorCode::RequestTimedOut;
        let unsent = match &commit.stage {
            Stage::Waiting { .. } => commit.attempts == 0,
            Stage::InFlight { token, .. } => self.shared.coordinator.is_unsent(*token),
        };
        match commit.cause {
            CommitCause::Interval | CommitCause::Async => CommitOutcome::Retriable(error),
            CommitCause::Rebalance | CommitCause::Sync | CommitCause::Chosen | CommitCause::Close => {
                CommitOutcome::Failed { error, unsent }
            }
        }
    }

    /// The coordinator was not found: a classic consumer's commits that nobody waits for do not ask a second time.
    pub(super) fn on_coordinator_not_found(&mut self, ctx: &mut Context, error: ErrorCode) {
        if matches!(self.member, Member::Consumer(_)) {
            return;
        }
        for commit in std::mem::take(&mut self.shared.commits.pending) {
            let hangs_on_it = matches!(commit.cause, CommitCause::Interval | CommitCause::Async)
                && matches!(commit.stage, Stage::Waiting { .. });
            if hangs_on_it {
                self.end_commit(ctx, commit, CommitOutcome::Retriable(error));
            } else {
                self.shared.commits.pending.push(commit);
            }
        }
    }

    pub(super) fn on_commit(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let is_it =
            |commit: &Commit| matches!(&commit.stage, Stage::InFlight { token, .. } if *token == completion.token);
        let (mut outcome, consequence) = commit::judge(&completion.outcome);
        match consequence {
            Consequence::Nothing | Consequence::TellMember(_) => {}
            // What waited for its connection for too long says nothing of the coordinator.
            Consequence::LoseCoordinator(true) if !cluster.network.is_disconnected(completion.node) => {}
            Consequence::LoseCoordinator(disconnected) => self.lose_coordinator(ctx, cluster, disconnected),
        }
        let Some(place) = self.shared.commits.pending.iter().position(is_it) else { return };
        let mut commit = self.shared.commits.pending.remove(place);
        if let (Consequence::TellMember(error), Stage::InFlight { sent_as, .. }) = (consequence, &commit.stage)
            && sent_as.is_member()
        {
            outcome = match &mut self.member {
                Member::Classic(member) => member.on_commit_refused(ctx, &self.shared, error, sent_as),
                Member::Consumer(member) => member.on_commit_refused(error, commit.cause),
            };
        }
        let is_retriable = matches!(outcome, CommitOutcome::Retriable(_)) && commit::is_synchronous(commit.cause);
        if is_retriable && !commit.is_late(ctx.now.monotonic) {
            let not_before = ctx.now.monotonic + self.shared.backoff.after(ctx, commit.attempts);
            commit.attempts += 1;
            commit.stage = Stage::Waiting { not_before };
            self.shared.commits.pending.insert(place, commit);
        } else if is_retriable {
            let outcome = self.late(&commit);
            self.end_commit(ctx, commit, outcome);
        } else {
            self.end_commit(ctx, commit, outcome);
        }
    }

    /// A commit has ended, whatever comes of it.
    fn end_commit(&mut self, ctx: &mut Context, commit: Commit, outcome: CommitOutcome) {
        self.shared.moved = true;
        if !commit.told || outcome == CommitOutcome::Done {
            ctx.emit(commit::event(&self.shared.settings.group, &commit, outcome));
        }
        if commit::is_automatic(commit.cause) {
            self.shared.commits.auto_commit_in_flight = false;
        }
        match commit.cause {
            CommitCause::Interval => {
                // Only a classic consumer does not wait for the next interval: CommitRequestManager looks for an error that
                // requests of the interval never end with (RetriableCommitFailedException).
                if let (CommitOutcome::Retriable(_), Member::Classic(_)) = (outcome, &self.member) {
                    self.shared.next_auto_commit = ctx.now.monotonic + self.shared.retry_backoff;
                }
            }
            CommitCause::Rebalance => self.shared.commits.before_rebalance = Some(outcome),
            CommitCause::Close => {}
            CommitCause::Sync | CommitCause::Chosen | CommitCause::Async => match outcome {
                CommitOutcome::Done => resolve(ctx, commit.ticket, CallResult::Done),
                CommitOutcome::Retriable(error) | CommitOutcome::Failed { error, .. } => {
                    failed(ctx, commit.ticket, error, commit::message(outcome));
                }
            },
        }
    }

    /// Nobody waits for this call any more; what was sent stays sent.
    pub fn abandon(&mut self, ticket: Ticket) {
        for commit in &mut self.shared.commits.pending {
            commit.ticket = commit.ticket.filter(|waiting| *waiting != ticket);
        }
    }
}
