//! A consumer as a member of its group: the other end of `crate::group`.
//!
//! ```text
//!   poll ─▶ coordinator known? ─▶ member with an assignment? ─▶ positions: what the group committed
//!             FindCoordinator       classic:  Join, Sync, Heartbeat          OffsetFetch
//!             (coordinator.rs)      consumer: ConsumerGroupHeartbeat         (committed.rs)
//!                                                    │
//!                                                    ▼
//!                                commits: by interval, before a rebalance, at the end, on call
//!                                   OffsetCommit (commit.rs, committing.rs)
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
mod committing;
mod consumer;
mod coordinator;
mod member;

use std::collections::BTreeSet;
use std::time::Duration;

use self::classic::{ClassicMember, LeaveReason};
use self::commit::Commits;
use self::committed::{Answer, Committed};
use self::consumer::ConsumerMember;
use self::coordinator::Coordinator;
use self::member::Standing;
use super::cluster::Cluster;
use super::consumer::Consumer;
use super::network::{Asker, Completion};
use super::retry::Backoff;
use super::{CloseOptions, GroupMembershipOperation, MembershipView};
use crate::config::{ConsumerSettings, GroupProtocol, Membership};
use crate::context::Context;
use crate::event::{CommitCause, CoordinatorLoss, MembershipEvent};
use crate::message::ErrorCode;
use crate::time::Time;

/// How long a consumer takes to close, unless it is told (`ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a member works with while it takes a turn: its instant, the cluster as its client reaches it, the consumer whose
/// membership it is, and what both kinds of membership use.
struct Turn<'a, 'c> {
    ctx: &'a mut Context<'c>,
    cluster: &'a mut Cluster,
    consumer: &'a mut Consumer,
    shared: &'a mut Shared,
}

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
    /// What becomes of the membership when it ends.
    ending: GroupMembershipOperation,
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

    /// Whether a classic member tells the coordinator that it goes: dynamic members do (`shouldSendLeaveGroupRequest`).
    fn leaves_group(&self) -> bool {
        self.settings.timers.leave_group_on_close
            && match self.ending {
                GroupMembershipOperation::Default => !self.settings.is_static(),
                GroupMembershipOperation::LeaveGroup => true,
                GroupMembershipOperation::RemainInGroup => false,
            }
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

impl Member {
    /// Whether it is a member of a KIP-848 group with an epoch that the coordinator gave it.
    fn has_epoch(&self) -> bool {
        match self {
            Member::Classic(_) => false,
            Member::Consumer(member) => member.identity().epoch > 0,
        }
    }
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
            ending: GroupMembershipOperation::Default,
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
        consumer.match_pattern(ctx, cluster);
        if consumer.is_subscribed() && !consumer.waits_for_names() {
            match &mut self.member {
                Member::Classic(member) => {
                    if !member.poll(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }) {
                        return false;
                    }
                }
                Member::Consumer(member) => member.poll(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }),
            }
        }
        self.commit_by_interval(ctx, consumer);
        true
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

    /// Whether its membership is of the classic protocol.
    pub fn is_classic(&self) -> bool {
        matches!(self.member, Member::Classic(_))
    }

    // ---- Beside the polls -------------------------------------------------------------

    /// Heartbeats, commits under way, the end.
    pub fn background(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        self.send_unsent(ctx, cluster, consumer);
        let belongs = consumer.is_subscribed() && self.end == End::No;
        match &mut self.member {
            Member::Classic(member) if belongs => {
                member.background(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared })
            }
            Member::Consumer(member) if belongs || member.is_waiting() => {
                member.background(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared });
            }
            Member::Classic(_) | Member::Consumer(_) => {}
        }
        self.run_commits(ctx, cluster, consumer);
        self.run_end(ctx, cluster, consumer);
    }

    /// What waits for the coordinator's connection leaves, or fails.
    fn send_unsent(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        while let Some(failed) = self.shared.coordinator.send_unsent(ctx, cluster) {
            self.on_completion(ctx, cluster, consumer, &failed);
        }
    }

    fn standing(&self, consumer: &Consumer) -> Standing {
        match &self.member {
            Member::Classic(_) if !consumer.is_subscribed() => Standing::NoneNeeded,
            Member::Classic(member) => member.standing(),
            Member::Consumer(member) => member.standing(),
        }
    }

    // ---- Leaving --------------------------------------------------------------------

    /// `Consumer.unsubscribe`: the partitions are given up, the group is left.
    pub fn unsubscribe(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer) {
        self.give_up_partitions(ctx, cluster, consumer);
        self.leave(ctx, cluster, consumer, LeaveReason::Unsubscribed);
    }

    fn leave(&mut self, ctx: &mut Context, cluster: &mut Cluster, consumer: &mut Consumer, reason: LeaveReason) {
        match &mut self.member {
            Member::Classic(member) => {
                member.leave(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }, reason)
            }
            Member::Consumer(member) => member.leave(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }),
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
    pub fn close(&mut self, ctx: &mut Context, consumer: &Consumer, options: CloseOptions) {
        let timeout = options.timeout_ms.map_or(CLOSE_TIMEOUT, Duration::from_millis).min(self.shared.request_timeout);
        let until = ctx.now.monotonic + timeout;
        self.end = End::Committing { until };
        self.shared.ending = options.membership;
        if self.shared.settings.timers.enable_auto_commit {
            self.shared.commits.begin(ctx, CommitCause::Close, None, consumer.consumed(), Some(timeout));
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
                if !self.shared.commits.are_waited_for() || now >= until {
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
            Asker::Coordinator => {
                if let Some(error) = self.shared.coordinator.on_found(ctx, cluster, completion) {
                    self.on_coordinator_not_found(ctx, error);
                }
            }
            Asker::Member => match &mut self.member {
                Member::Classic(member) => {
                    member.on_completion(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }, completion)
                }
                Member::Consumer(member) => {
                    member.on_completion(&mut Turn { ctx, cluster, consumer, shared: &mut self.shared }, completion);
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
            // The next question names the member's new epoch, after the pause of a question that failed.
            Answer::Stale if self.member.has_epoch() => {
                committed.retry_at = Some(ctx.now.monotonic + self.shared.backoff.after(ctx, committed.attempts));
                committed.attempts += 1;
            }
            Answer::Stale => {
                committed.retry_at = Some(ctx.now.monotonic + self.shared.retry_backoff);
                let message = "the member has left its group since it asked for committed offsets".to_owned();
                consumer.raise_from_group((ErrorCode::StaleMemberEpoch, message));
            }
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
            subscribed: consumer.is_subscribed(),
            topics: consumer.topics().iter().cloned().collect(),
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
