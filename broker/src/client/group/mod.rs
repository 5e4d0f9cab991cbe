//! A consumer as a member of its group: the other end of `crate::group`.
//!
//! ```text
//!   poll ─▶ coordinator known? ─▶ member with an assignment? ─▶ positions: what the group committed
//!             FindCoordinator       classic:  Join, Sync, Heartbeat          OffsetFetch
//!             (coordinator.rs)      consumer: ConsumerGroupHeartbeat         (committed.rs)
//!                                                    │
//!                                                    ▼
//!                                commits: by interval, before a rebalance, at the end, on call
//!                                   OffsetCommit (commit.rs)
//! ```
//!
//! A consumer that chose its partitions itself but names a group commits and looks up
//! positions without being a member.
//!
//! Two clocks run beside each other, as in Kafka's two threads: what the application's poll
//! does ([`Group::poll`]) waits for the application; heartbeats ([`Group::background`]) do not.

pub mod assignor;
mod classic;
mod commit;
mod committed;
mod consumer;
mod coordinator;
mod member;

use std::collections::BTreeSet;
use std::time::Duration;

use self::classic::{ClassicMember, LeaveReason};
use self::commit::{Commit, CommitOutcome, Commits, Consequence, Stage};
use self::committed::{Answer, Committed};
use self::consumer::ConsumerMember;
use self::coordinator::Coordinator;
use self::member::{MemberIdentity, Standing};
use super::cluster::Cluster;
use super::consumer::Consumer;
use super::network::{Asker, Completion};
use super::retry::Backoff;
use super::{CallResult, MembershipView, failed, resolve};
use crate::config::{ConsumerSettings, GroupProtocol, Membership, Switch};
use crate::context::Context;
use crate::event::{CommitCause, CoordinatorLoss, MembershipEvent};
use crate::ids::Ticket;
use crate::message::ErrorCode;
use crate::time::Time;

/// How long a consumer takes to close (`Consumer.close()`).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What both kinds of membership use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shared {
    settings: Membership,
    backoff: Backoff,
    retry_backoff: Duration,
    request_timeout: Duration,
    coordinator: Coordinator,
    commits: Commits,
    committed: Committed,
    next_auto_commit: Time,
    /// Whether anything was done since the last look.
    moved: bool,
}

impl Shared {
    /// Whether the coordinator is known; asks for it if it is not.
    fn ensure_coordinator(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) -> bool {
        let (known, asked) = self.coordinator.ensure(ctx, cluster, || consumer.next_token());
        self.moved |= asked;
        if let Some(error) = self.coordinator.take_fatal() {
            consumer.raise_from_group((error, format!("the coordinator cannot be found: {}", error.name())));
        }
        known
    }

    /// Whether it tells the coordinator that it goes: dynamic members do.
    fn leaves_group(&self) -> bool {
        self.settings.timers.leave_group_on_close && !self.settings.is_static()
    }

    fn restart_auto_commit(&mut self, now: Time) {
        self.next_auto_commit = now + self.settings.timers.auto_commit_interval;
    }

    /// A commit has begun: another turn sends it.
    fn run_commits_soon(&mut self) {
        self.moved = true;
    }
}

/// How far the consumer's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    No,
    /// Commits are waited for.
    Committing {
        until: Time,
    },
    /// Leaving is waited for.
    Leaving {
        until: Time,
    },
    Closed,
}

/// The membership, in one of the two protocols.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Member {
    Classic(Box<ClassicMember>),
    Consumer(Box<ConsumerMember>),
}

/// A consumer's group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    shared: Shared,
    member: Member,
    end: End,
}

impl Group {
    pub fn new(settings: &Membership, consumer: &ConsumerSettings, now: Time) -> Group {
        let backoff = Backoff {
            initial: consumer.retry_backoff,
            max: consumer.retry_backoff_max,
            jitter: consumer.backoff_jitter,
        };
        let shared = Shared {
            backoff,
            retry_backoff: consumer.retry_backoff,
            request_timeout: consumer.request_timeout,
            coordinator: Coordinator::new(settings.group.clone(), backoff),
            commits: Commits::default(),
            committed: Committed::default(),
            next_auto_commit: now + settings.timers.auto_commit_interval,
            moved: false,
            settings: settings.clone(),
        };
        let member = match settings.protocol {
            GroupProtocol::Classic => Member::Classic(Box::new(ClassicMember::new(&shared))),
            GroupProtocol::Consumer => Member::Consumer(Box::new(ConsumerMember::new(now, &shared))),
        };
        Group { member, shared, end: End::No }
    }

    // ---- Polling --------------------------------------------------------------------

    /// What a poll does for the membership; gives whether the member has its assignment, and positions may be looked
    /// after.
    pub fn poll(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) -> bool {
        if consumer.is_warming() && self.shared.ensure_coordinator(ctx, cluster, consumer) {
            self.shared.coordinator.ready(ctx, cluster);
        }
        if consumer.is_subscribed() {
            match &mut self.member {
                Member::Classic(member) => {
                    if !member.poll(ctx, cluster, consumer, &mut self.shared) {
                        return false;
                    }
                }
                Member::Consumer(member) => member.poll(ctx, cluster, consumer, &mut self.shared),
            }
        }
        self.commit_by_interval(ctx, consumer);
        true
    }

    fn commit_by_interval(&mut self, ctx: &mut Context, consumer: &Consumer) {
        let now = ctx.now.monotonic;
        if !self.shared.settings.timers.enable_auto_commit || now < self.shared.next_auto_commit {
            return;
        }
        self.shared.restart_auto_commit(now);
        let time = self.shared.settings.timers.default_api_timeout;
        self.shared.moved |= self.shared.commits.begin(ctx, CommitCause::Interval, None, consumer.consumed(), time);
    }

    /// Asks what the group has committed for partitions without a position; gives whether there are none left, so that
    /// the rest may be looked up by `auto.offset.reset`.
    pub fn look_up_committed(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) -> bool {
        let wanted = consumer.initializing();
        if wanted.is_empty() {
            return true;
        }
        let shared = &mut self.shared;
        let waits = shared.committed.retry_at.is_some_and(|at| at > ctx.now.monotonic);
        if waits || shared.committed.asked.is_some() {
            return false;
        }
        if !shared.ensure_coordinator(ctx, cluster, consumer) || shared.coordinator.ready(ctx, cluster).is_none() {
            return false;
        }
        let member = match &self.member {
            Member::Consumer(member) if consumer.is_subscribed() => Some(member.identity()),
            Member::Classic(_) | Member::Consumer(_) => None,
        };
        let member = member.filter(|identity| identity.epoch > 0).map(|identity| (identity.member, identity.epoch));
        let request = committed::request(&shared.settings.group, member, &wanted);
        let token = consumer.next_token();
        if shared.coordinator.send(ctx, cluster, Asker::Committed, token, request) {
            shared.committed.asked = Some((token, wanted));
            shared.moved = true;
        }
        false
    }

    // ---- Beside the polls -------------------------------------------------------------

    /// Heartbeats, commits under way, the end.
    pub fn background(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        let belongs = consumer.is_subscribed() && self.end == End::No;
        match &mut self.member {
            Member::Classic(member) if belongs => member.background(ctx, cluster, consumer, &mut self.shared),
            Member::Consumer(member) if belongs || member.is_waiting() => {
                member.background(ctx, cluster, consumer, &mut self.shared);
            }
            Member::Classic(_) | Member::Consumer(_) => {}
        }
        self.run_commits(ctx, cluster, consumer);
        self.run_end(ctx, cluster, consumer);
    }

    fn standing(&self, consumer: &Consumer) -> Standing {
        match &self.member {
            _ if !consumer.is_subscribed() => Standing::NoneNeeded,
            Member::Classic(member) => member.standing(),
            Member::Consumer(member) => member.standing(),
        }
    }

    fn run_commits(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
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
            if commit.cause == CommitCause::Rebalance && consumer.is(Switch::CommitLagsBeforeRebalance) {
                commit.offsets.iter_mut().for_each(|(_, offset, _)| *offset = (*offset - 1).max(0));
            }
            let settings = &self.shared.settings;
            let request = commit::request(&settings.group, settings.instance.as_ref(), &sent_as, &commit.offsets);
            let token = consumer.next_token();
            if self.shared.coordinator.send(ctx, cluster, commit::ASKER, token, request) {
                let (group, offsets) = (self.shared.settings.group.clone(), commit::told(&commit.offsets));
                ctx.emit(MembershipEvent::CommitSent { group, cause: commit.cause, offsets });
                commit.stage = Stage::InFlight { token, sent_as };
                self.shared.moved = true;
            }
            self.keep_or_expire(ctx, commit);
        }
    }

    fn keep_or_expire(&mut self, ctx: &mut Context, commit: Commit) {
        if commit.deadline > ctx.now.monotonic {
            self.shared.commits.pending.push(commit);
        } else {
            self.end_commit(ctx, commit, CommitOutcome::Failed { error: ErrorCode::RequestTimedOut, unsent: false });
        }
    }

    /// A commit has ended, whatever comes of it.
    fn end_commit(&mut self, ctx: &mut Context, commit: Commit, outcome: CommitOutcome) {
        self.shared.moved = true;
        ctx.emit(commit::event(&self.shared.settings.group, &commit, outcome));
        match commit.cause {
            CommitCause::Interval => {
                if let CommitOutcome::Retriable(_) = outcome {
                    self.shared.next_auto_commit = ctx.now.monotonic + self.shared.retry_backoff;
                }
            }
            CommitCause::Rebalance => self.shared.commits.before_rebalance = Some(outcome),
            CommitCause::Close => {}
            CommitCause::Sync | CommitCause::Async => match outcome {
                CommitOutcome::Done => resolve(ctx, commit.ticket, CallResult::Done),
                CommitOutcome::Retriable(error) | CommitOutcome::Failed { error, .. } => {
                    failed(ctx, commit.ticket, error, commit::message(outcome));
                }
            },
        }
    }

    // ---- Calls ----------------------------------------------------------------------

    /// `commitSync` and `commitAsync`, of the positions.
    pub fn commit(&mut self, ctx: &mut Context, consumer: &Consumer, cause: CommitCause, ticket: Ticket) {
        let time = self.shared.settings.timers.default_api_timeout;
        if !self.shared.commits.begin(ctx, cause, Some(ticket), consumer.consumed(), time) {
            resolve(ctx, Some(ticket), CallResult::Done);
        }
    }

    /// Nobody waits for this call any more; what was sent stays sent.
    pub fn abandon(&mut self, ticket: Ticket) {
        for commit in &mut self.shared.commits.pending {
            commit.ticket = commit.ticket.filter(|waiting| *waiting != ticket);
        }
    }

    /// `Consumer.unsubscribe`: the partitions are given up, the group is left.
    pub fn unsubscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        self.give_up_partitions(ctx, cluster, consumer);
        self.leave(ctx, cluster, consumer, LeaveReason::Unsubscribed);
    }

    fn leave(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer, reason: LeaveReason) {
        match &mut self.member {
            Member::Classic(member) => member.leave(ctx, cluster, consumer, &mut self.shared, reason),
            Member::Consumer(member) => member.leave(ctx, cluster, consumer, &mut self.shared),
        }
    }

    /// `onLeavePrepare`.
    fn give_up_partitions(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        let owned = consumer.assigned();
        if !consumer.is_subscribed() || owned.is_empty() {
            return;
        }
        let group = self.shared.settings.group.clone();
        let partitions = owned.into_iter().collect();
        let lost = match &self.member {
            Member::Classic(member) => member.has_lost_its_partitions(),
            Member::Consumer(member) => member.has_lost_its_partitions(),
        };
        ctx.emit(if lost {
            MembershipEvent::PartitionsLost { group, partitions }
        } else {
            MembershipEvent::PartitionsRevoked { group, partitions }
        });
        consumer.assign_from_subscribed(ctx, cluster, BTreeSet::new());
    }

    // ---- The end --------------------------------------------------------------------

    /// Commits what was read, then leaves.
    pub fn close(&mut self, ctx: &mut Context, consumer: &Consumer) {
        let until = ctx.now.monotonic + CLOSE_TIMEOUT;
        self.end = End::Committing { until };
        if self.shared.settings.timers.enable_auto_commit {
            self.shared.commits.begin(ctx, CommitCause::Close, None, consumer.consumed(), CLOSE_TIMEOUT);
        }
    }

    /// Whether nothing more will leave.
    pub fn is_closed(&self) -> bool {
        self.end == End::Closed
    }

    fn run_end(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        let now = ctx.now.monotonic;
        match self.end {
            End::No | End::Closed => {}
            End::Committing { until } => {
                if self.shared.commits.pending.is_empty() || now >= until {
                    self.give_up_partitions(ctx, cluster, consumer);
                    self.leave(ctx, cluster, consumer, LeaveReason::Closed);
                    self.end = End::Leaving { until };
                    self.shared.moved = true;
                }
            }
            End::Leaving { until } => {
                let waiting = match &self.member {
                    Member::Classic(member) => member.is_waiting(),
                    Member::Consumer(member) => member.is_waiting(),
                };
                if !waiting || self.shared.coordinator.node().is_none() || now >= until {
                    self.end = End::Closed;
                    self.shared.moved = true;
                }
            }
        }
    }

    // ---- Answers --------------------------------------------------------------------

    /// A request of the membership ended.
    pub fn on_completion(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        consumer: &mut Consumer,
        completion: &Completion,
    ) {
        match completion.asker {
            Asker::Coordinator => self.shared.coordinator.on_found(ctx, cluster, completion),
            Asker::Member => match &mut self.member {
                Member::Classic(member) => member.on_completion(ctx, cluster, &mut self.shared, completion),
                Member::Consumer(member) => {
                    member.on_completion(ctx, cluster, consumer, &mut self.shared, completion);
                }
            },
            Asker::Commit => self.on_commit(ctx, cluster, completion),
            Asker::Committed => self.on_committed(ctx, cluster, consumer, completion),
            Asker::Versions
            | Asker::Metadata
            | Asker::Produce
            | Asker::ProducerId
            | Asker::Fetch
            | Asker::ListOffsets
            | Asker::Validate
            | Asker::Admin => unreachable!("a group does not ask as {:?}", completion.asker),
        }
    }

    fn on_commit(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
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
                Member::Consumer(member) => member.on_commit_refused(error),
            };
        }
        let waits = matches!(commit.cause, CommitCause::Sync | CommitCause::Close);
        if waits && let CommitOutcome::Retriable(_) = outcome {
            let not_before = ctx.now.monotonic + self.shared.backoff.after(ctx, commit.attempts);
            commit.attempts += 1;
            commit.stage = Stage::Waiting { not_before };
            self.shared.commits.pending.insert(place, commit);
        } else {
            self.end_commit(ctx, commit, outcome);
        }
    }

    fn lose_coordinator(&mut self, ctx: &mut Context, cluster: &mut Cluster, disconnected: bool) {
        let reason = if disconnected { CoordinatorLoss::Disconnected } else { CoordinatorLoss::Refused };
        self.shared.coordinator.lose(ctx, cluster, reason);
    }

    fn on_committed(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        consumer: &mut Consumer,
        completion: &Completion,
    ) {
        let committed = &mut self.shared.committed;
        let Some((_, asked)) = committed.asked.take_if(|(token, _)| *token == completion.token) else { return };
        match committed::judge(&completion.outcome) {
            Answer::Offsets(offsets) => {
                committed.attempts = 0;
                committed.retry_at = None;
                consumer.take_committed(ctx, cluster, &asked, &offsets);
            }
            Answer::Later { lose_coordinator } => {
                committed.retry_at = Some(ctx.now.monotonic + self.shared.backoff.after(ctx, committed.attempts));
                committed.attempts += 1;
                if let Some(disconnected) = lose_coordinator {
                    self.lose_coordinator(ctx, cluster, disconnected);
                }
            }
            // The next question names the member's new epoch.
            Answer::Stale => committed.retry_at = Some(ctx.now.monotonic + self.shared.retry_backoff),
            Answer::Failed(error, message) => {
                committed.retry_at = Some(ctx.now.monotonic + self.shared.retry_backoff);
                consumer.raise_from_group((error, message));
            }
        }
    }

    // ---- Views ----------------------------------------------------------------------

    /// Whether anything was done since the last look.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.shared.moved)
    }

    /// Whether the member has its assignment, its coordinator is known, and nothing is under way.
    pub fn is_settled(&self, consumer: &Consumer) -> bool {
        let joined = match &self.member {
            _ if !consumer.is_subscribed() => true,
            Member::Classic(member) => member.is_settled(),
            Member::Consumer(member) => member.is_settled(),
        };
        joined && self.shared.committed.asked.is_none() && self.shared.coordinator.node().is_some()
    }

    /// The membership as the consumer sees it.
    pub fn view(&self, consumer: &Consumer) -> MembershipView {
        let identity = match &self.member {
            Member::Classic(member) => member.identity(),
            Member::Consumer(member) => member.identity(),
        };
        MembershipView {
            group: self.shared.settings.group.clone(),
            member: identity.member,
            epoch: identity.epoch,
            coordinator: self.shared.coordinator.node(),
            settled: self.is_settled(consumer),
            assigned: consumer.assigned().into_iter().collect(),
        }
    }

    /// When the next thing happens by itself.
    pub fn next_deadline(&self, cluster: &Cluster, consumer: &Consumer, now: Time) -> Option<Time> {
        let polling = consumer.is_active();
        let shared = &self.shared;
        let (classic, modern) = match &self.member {
            _ if !consumer.is_subscribed() => (None, None),
            Member::Classic(member) => (Some(member.deadlines(polling)), None),
            Member::Consumer(member) => (None, Some(member.deadlines(polling))),
        };
        let member = classic.into_iter().flatten().chain(modern.into_iter().flatten());
        let auto = (polling && shared.settings.timers.enable_auto_commit).then_some(shared.next_auto_commit);
        let committed = shared.committed.retry_at.filter(|_| polling);
        let end = match self.end {
            End::No | End::Closed => None,
            End::Committing { until } | End::Leaving { until } => Some(until),
        };
        let own = [auto, committed, end].into_iter().flatten();
        let shared = shared.commits.deadlines().chain(shared.coordinator.deadlines(cluster));
        member.chain(own).chain(shared).filter(|at| *at > now).min()
    }
}
