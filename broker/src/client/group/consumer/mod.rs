//! A member of a KIP-848 group: ConsumerGroupHeartbeat and nothing else (`ConsumerMembershipManager`,
//! `ConsumerHeartbeatRequestManager`).
//!
//! ```text
//!               epoch 0            new target             commit, revoke, assign          the heartbeat says so
//!   Unsubscribed ─▶ Joining ─────────▶ Reconciling ───────────────────────▶ Acknowledging ─────────▶ Stable
//!       ▲              ▲                   ▲                                                            │
//!       │              │                   └──────────── another target ◀───────────────────────────────┤
//!       │              └── Fenced (lost) ◀── FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID ◀────────────────────┤
//!       │              └── Stale (lost) ◀── polled too late: left, joins again at the next poll ◀────────┤
//!       └── Leaving: epoch −1, or −2 of a static member that comes back ◀────────────────────────────────┘
//! ```
//!
//! There is no barrier: each member gives up and takes over at its own heartbeats, and what
//! it keeps it goes on reading. Heartbeats go on while the application works; what needs a
//! commit waits for its poll.
//!
//! Simplified: the application has no rebalance listener that takes time, so what it is told
//! of is told at once, as in a consumer without a listener.

mod heartbeat;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::heartbeat::Sent;
use self::reconcile::Reconciliation;
use super::commit::CommitOutcome;
use super::coordinator::ForCoordinator;
use super::member::{MemberIdentity, Standing};
use super::{Shared, Turn};
use crate::client::GroupMembershipOperation;
use crate::client::network::Asker;
use crate::config::Switch;
use crate::context::Context;
use crate::event::{CommitCause, MembershipEvent, MembershipLoss};
use crate::ids::{MemberId, TopicId, TopicName};
use crate::message::{ErrorCode, PartitionsByTopic};
use crate::time::Time;

/// `org.apache.kafka.clients.consumer.internals.MemberState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum MemberState {
    Unsubscribed,
    /// The next heartbeat carries epoch 0, and everything.
    Joining,
    /// It goes from what it has to its target.
    Reconciling,
    /// The next heartbeat, which leaves at once, says what it owns now.
    Acknowledging,
    Stable,
    /// The next heartbeat carries a leaving epoch.
    Leaving,
    /// Its application polled too late: it has left.
    Stale,
    /// An error that nothing would change.
    Fatal,
}

/// An assignment with a number of its own, which grows with each that differs: what is acknowledged twice is two things
/// (`LocalAssignment`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LocalAssignment {
    /// −1 for none.
    number: i64,
    partitions: PartitionsByTopic,
}

impl LocalAssignment {
    fn none() -> LocalAssignment {
        LocalAssignment { number: -1, partitions: PartitionsByTopic::new() }
    }

    fn is_none(&self) -> bool {
        self.number == -1
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConsumerMember {
    /// Made by the member itself when it first polls; it keeps it for life.
    member: MemberId,
    epoch: i32,
    /// Whether its commits name it: they do from its first change of epoch on, also when it has none any more
    /// (`CommitRequestManager.MemberInfo`).
    is_named: bool,
    state: MemberState,
    /// What it owns, as it has last acknowledged or is about to.
    current: LocalAssignment,
    /// What it shall own.
    target: LocalAssignment,
    reconciliation: Option<Reconciliation>,
    /// Names of topics that it has been assigned.
    names: BTreeMap<TopicId, TopicName>,
    /// What the coordinator has been told.
    sent: Sent,
    /// The heartbeat in flight; those whose answers do not matter are not kept.
    in_flight: Option<u64>,
    /// The leaving heartbeat in flight.
    leaving: Option<u64>,
    /// As the coordinator says; zero until it has.
    interval: Duration,
    next_beat: Time,
    retry_at: Option<Time>,
    failures: u32,
    /// When the application's next poll is too late.
    poll_ends: Time,
}

impl ConsumerMember {
    pub fn new(now: Time, shared: &Shared) -> ConsumerMember {
        ConsumerMember {
            member: MemberId::default(),
            epoch: 0,
            is_named: false,
            state: MemberState::Unsubscribed,
            current: LocalAssignment::none(),
            target: LocalAssignment::none(),
            reconciliation: None,
            names: BTreeMap::new(),
            sent: Sent::default(),
            in_flight: None,
            leaving: None,
            interval: Duration::ZERO,
            next_beat: now,
            retry_at: None,
            failures: 0,
            poll_ends: now + shared.settings.timers.max_poll_interval,
        }
    }

    /// Who it is for commits. Without an epoch it says its id all the same, and the coordinator decides.
    pub fn standing(&self) -> Standing {
        let member = if self.is_named { self.member.clone() } else { MemberId::default() };
        Standing::Member(MemberIdentity { member, epoch: if self.epoch > 0 { self.epoch } else { -1 } })
    }

    pub fn identity(&self) -> MemberIdentity {
        MemberIdentity { member: self.member.clone(), epoch: self.epoch }
    }

    /// Whether it has all that it shall have, and has said so.
    pub fn is_settled(&self) -> bool {
        self.state == MemberState::Stable && self.in_flight.is_none()
    }

    /// What a poll of the application does (`onConsumerPoll`, `resetPollTimer`).
    pub fn poll(&mut self, turn: &mut Turn) {
        let now = turn.ctx.now.monotonic;
        if self.member.is_empty() {
            self.member = MemberId::new(&TopicId(turn.ctx.choose_uuid()).to_string());
        }
        if matches!(self.state, MemberState::Unsubscribed | MemberState::Stale) {
            self.join(turn.shared);
        }
        self.poll_ends = now + turn.shared.settings.timers.max_poll_interval;
        self.reconcile(turn, true);
    }

    /// Joins with the next heartbeat (`transitionToJoining`).
    fn join(&mut self, shared: &mut Shared) {
        if self.state == MemberState::Fatal {
            return;
        }
        self.epoch = 0;
        self.state = MemberState::Joining;
        self.target = LocalAssignment::none();
        self.names.clear();
        self.reconciliation = None;
        shared.commits.before_rebalance = None;
        shared.moved = true;
    }

    /// What Kafka's background thread does, whether the application polls or not.
    pub fn background(&mut self, turn: &mut Turn) {
        if self.member.is_empty() {
            return;
        }
        self.reconcile(turn, false);
        self.heartbeat(turn);
    }

    // ---- Losing and leaving -----------------------------------------------------------

    /// The coordinator has fenced it: everything is lost, and it joins again with the same member id (`transitionToFenced`).
    fn fence(&mut self, turn: &mut Turn, reason: MembershipLoss) {
        if matches!(self.state, MemberState::Unsubscribed | MemberState::Leaving) {
            self.state = MemberState::Unsubscribed;
            return;
        }
        self.tell_lost(turn.ctx, turn.shared, reason);
        self.lose_partitions(turn);
        if turn.consumer.is(Switch::FencedMemberStaysOut) {
            self.state = MemberState::Fatal;
            return;
        }
        self.join(turn.shared);
    }

    fn tell_lost(&self, ctx: &mut Context, shared: &Shared, reason: MembershipLoss) {
        let (group, member) = (shared.settings.group.clone(), self.member.clone());
        ctx.emit(MembershipEvent::MembershipLost { group, member, reason });
    }

    fn lose_partitions(&mut self, turn: &mut Turn) {
        let owned = turn.consumer.assigned();
        if turn.consumer.is_subscribed() && !owned.is_empty() {
            let group = turn.shared.settings.group.clone();
            turn.ctx.emit(MembershipEvent::PartitionsLost { group, partitions: owned.into_iter().collect() });
            turn.consumer.assign_from_subscribed(turn.ctx, turn.cluster, BTreeSet::new());
        }
        self.current = LocalAssignment::none();
        self.target = LocalAssignment::none();
        self.reconciliation = None;
    }

    /// The application polled too late: it leaves, and stays out until the next poll (`transitionToSendingLeaveGroup`,
    /// `transitionToStale`). What the coordinator answers does not matter.
    fn leave_by_poll_timer(&mut self, turn: &mut Turn) {
        (self.epoch, self.is_named) = (leaving_epoch(turn.shared), true);
        self.current = LocalAssignment::none();
        self.state = MemberState::Leaving;
        let (group, member) = (turn.shared.settings.group.clone(), self.member.clone());
        let (request, said) =
            (self.request(turn.consumer, turn.shared).into(), MembershipEvent::LeaveSent { group, member });
        let (token, taken) = (turn.consumer.next_token(), turn.ctx.now.monotonic);
        let unsent = ForCoordinator { asker: Asker::Member, token, request, said, taken };
        turn.shared.coordinator.hand_over(turn.ctx, turn.cluster, turn.shared.request_timeout, unsent);
        self.state = MemberState::Stale;
        self.tell_lost(turn.ctx, turn.shared, MembershipLoss::PollTimedOut);
        self.lose_partitions(turn);
        self.sent = Sent::default();
        self.retry_at = None;
        self.next_beat = turn.ctx.now.monotonic;
        turn.shared.moved = true;
    }

    /// Leaves the group: the next heartbeat, which leaves at once, says so.
    pub fn leave(&mut self, turn: &mut Turn) {
        let outside = matches!(self.state, MemberState::Unsubscribed | MemberState::Stale | MemberState::Fatal);
        // Somebody who says nothing: its session runs out (`shouldSendLeaveHeartbeatNow`).
        let remains =
            turn.shared.ending == GroupMembershipOperation::RemainInGroup && !turn.shared.settings.is_static();
        if outside || remains {
            self.state = MemberState::Unsubscribed;
            return;
        }
        (self.epoch, self.is_named) = (leaving_epoch(turn.shared), true);
        self.current = LocalAssignment::none();
        self.target = LocalAssignment::none();
        self.reconciliation = None;
        self.state = MemberState::Leaving;
        self.send(turn);
        if self.state == MemberState::Leaving && turn.shared.coordinator.node().is_none() {
            // Nobody to tell (`onHeartbeatRequestSkipped`).
            self.state = MemberState::Unsubscribed;
        }
    }

    /// Whether the application's partitions are lost rather than revoked if it gives them up now.
    pub fn has_lost_its_partitions(&self) -> bool {
        self.epoch <= 0
    }

    /// Whether it has still to tell the coordinator that it goes, or waits for the answer.
    pub fn is_waiting(&self) -> bool {
        self.state == MemberState::Leaving || self.leaving.is_some()
    }

    /// The coordinator refused a commit: what that says of the commit (`CommitRequestManager`). Of the member the
    /// heartbeats decide. Only the commit before a rebalance is tried again with the epoch that came meanwhile.
    pub fn on_commit_refused(&self, error: ErrorCode, cause: CommitCause) -> CommitOutcome {
        if error == ErrorCode::StaleMemberEpoch && self.epoch > 0 && cause == CommitCause::Rebalance {
            return CommitOutcome::Retriable(error);
        }
        CommitOutcome::Failed { error, unsent: false }
    }

    /// When something happens by itself.
    pub fn deadlines(&self, polling: bool) -> impl Iterator<Item = Time> {
        let outside = matches!(self.state, MemberState::Unsubscribed | MemberState::Stale | MemberState::Fatal);
        let poll = (!polling).then_some(self.poll_ends);
        let beat = self.retry_at.map_or(self.next_beat, |retry| retry.max(self.next_beat));
        [poll, Some(beat)].into_iter().flatten().filter(move |_| !outside)
    }
}

/// Epoch −1 says "I go", −2 "I am a static member and come back" (KIP-848). A static member that leaves for good has no
/// epoch of its own: it says −1 as well (KIP-1092).
fn leaving_epoch(shared: &Shared) -> i32 {
    let goes = shared.ending == GroupMembershipOperation::LeaveGroup;
    if shared.settings.is_static() && !goes { -2 } else { -1 }
}
