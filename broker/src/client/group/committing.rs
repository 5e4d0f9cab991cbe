//! A group's commits on their way: begun by an interval, a call or the end, sent to the coordinator, and ended.
//!
//! What a commit is, and what its answer means, stands in [`super::commit`]; here it is seen to that each is sent by the
//! member as it stands then, and that whoever waits hears of it.

use super::commit::{self, Commit, CommitOutcome, Consequence, Stage};
use super::member::{MemberIdentity, Standing};
use super::{Group, Member};
use crate::client::cluster::Cluster;
use crate::client::consumer::{Consumed, Consumer};
use crate::client::network::Completion;
use crate::client::{CallResult, failed, resolve};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{CommitCause, MembershipEvent};
use crate::ids::Ticket;
use crate::message::ErrorCode;

impl Group {
    /// `commitSync` and `commitAsync`.
    pub fn commit(&mut self, ctx: &mut Context, cause: CommitCause, offsets: Vec<Consumed>, ticket: Ticket) {
        let time = self.shared.settings.timers.default_api_timeout;
        if !self.shared.commits.begin(ctx, cause, Some(ticket), offsets, Some(time)) {
            resolve(ctx, Some(ticket), CallResult::Done);
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
        let time = match &self.member {
            Member::Classic(_) => Some(self.shared.settings.timers.default_api_timeout),
            Member::Consumer(_) if self.shared.commits.auto_commit_in_flight => return,
            Member::Consumer(_) => None,
        };
        self.shared.restart_auto_commit(now);
        self.shared.moved |= self.shared.commits.begin(ctx, CommitCause::Interval, None, consumer.consumed(), time);
    }

    pub(super) fn run_commits(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        let now = ctx.now.monotonic;
        for mut commit in std::mem::take(&mut self.shared.commits.pending) {
            let Stage::Waiting { not_before } = commit.stage else {
                self.keep_or_expire(ctx, commit);
                continue;
            };
            if not_before > now || !self.shared.ensure_coordinator(ctx, cluster, consumer) {
                self.keep_or_expire(ctx, commit);
                continue;
            }
            let standing = self.standing(consumer);
            if let Some(outcome) = commit::unsent(&standing) {
                self.end_commit(ctx, commit, outcome);
                continue;
            }
            let sent_as = match standing {
                Standing::Member(identity) => identity,
                Standing::NoneNeeded | Standing::Rebalancing | Standing::Outside => MemberIdentity::nobody(),
            };
            let is_of_its_own = commit::is_automatic(commit.cause) && matches!(self.member, Member::Consumer(_));
            if is_of_its_own && consumer.mends(Hazard::CommitRetryGoesBack) {
                commit.take_newer(now, consumer.consumed());
            }
            if commit.cause == CommitCause::Rebalance && consumer.is(Switch::CommitLagsBeforeRebalance) {
                commit.offsets.iter_mut().for_each(|(_, offset, _)| *offset = (*offset - 1).max(0));
            }
            let settings = &self.shared.settings;
            let request = commit::request(&settings.group, settings.instance.as_ref(), &sent_as, &commit.offsets);
            let token = consumer.next_token();
            if self.shared.coordinator.send(ctx, cluster, commit::ASKER, token, request) {
                let (group, offsets) = (self.shared.settings.group.clone(), commit::told(&commit.offsets));
                let waited_us = now.0.saturating_sub(commit.begun.0);
                ctx.emit(MembershipEvent::CommitSent { group, cause: commit.cause, offsets, waited_us });
                commit.stage = Stage::InFlight { token, sent_as };
                self.shared.moved = true;
            }
            self.keep_or_expire(ctx, commit);
        }
    }

    fn keep_or_expire(&mut self, ctx: &mut Context, commit: Commit) {
        if commit.deadline.is_none_or(|deadline| deadline > ctx.now.monotonic) {
            self.shared.commits.pending.push(commit);
        } else {
            self.end_commit(ctx, commit, CommitOutcome::Failed { error: ErrorCode::RequestTimedOut, unsent: false });
        }
    }

    pub(super) fn on_commit(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let is_it =
            |commit: &Commit| matches!(&commit.stage, Stage::InFlight { token, .. } if *token == completion.token);
        let (mut outcome, consequence) = commit::judge(&completion.outcome);
        match consequence {
            Consequence::Nothing | Consequence::TellMember(_) => {}
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
        let waits = matches!(commit.cause, CommitCause::Sync | CommitCause::Chosen | CommitCause::Close);
        if waits && let CommitOutcome::Retriable(_) = outcome {
            let not_before = ctx.now.monotonic + self.shared.backoff.after(ctx, commit.attempts);
            commit.attempts += 1;
            commit.stage = Stage::Waiting { not_before };
            self.shared.commits.pending.insert(place, commit);
        } else {
            self.end_commit(ctx, commit, outcome);
        }
    }

    /// A commit has ended, whatever comes of it.
    fn end_commit(&mut self, ctx: &mut Context, commit: Commit, outcome: CommitOutcome) {
        self.shared.moved = true;
        ctx.emit(commit::event(&self.shared.settings.group, &commit, outcome));
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
