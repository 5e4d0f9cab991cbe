//! A member of a classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup (`AbstractCoordinator`, `ConsumerCoordinator`).
//!
//! ```text
//!             poll: commit, revoke               all have joined          the leader's assignment
//!   Unjoined ────────────────────▶ Preparing ─────────────────▶ Completing ─────────────────▶ Stable
//!      ▲                           JoinGroup                    SyncGroup                       │ heartbeats
//!      └── unknown member, illegal generation, fenced, poll too late ◀─────────────────────────┤
//!                                  ▲                                                            │
//!                                  └────── a heartbeat says REBALANCE_IN_PROGRESS: at the ◀─────┘
//!                                          next poll; subscription or metadata changed
//! ```
//!
//! Everything in the upper line happens while the application polls: a rebalance waits for
//! the slowest application of the group, for at most `max.poll.interval.ms`. Heartbeats need
//! no poll.
//!
//! Simplified: the answers of the coordinator are taken when they come, also between two
//! polls; what the application is told of (revoked, assigned) still waits for a poll.

mod heartbeat;
mod join;
mod respond;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use self::heartbeat::Heartbeat;
use super::assignor::{AssignorMemory, Members, PartitionCounts, RebalanceProtocol, ReplicaRacks, protocol_of};
use super::commit::CommitOutcome;
use super::coordinator::ForCoordinator;
use super::member::{MemberIdentity, Standing};
use super::{Shared, Turn};
use crate::client::cluster::Cluster;
use crate::client::consumer::Consumer;
use crate::client::network::Asker;
use crate::config::Assignor;
use crate::context::Context;
use crate::event::{CoordinatorLoss, MembershipEvent, MembershipLoss};
use crate::ids::{MemberId, TopicName};
use crate::message::{ErrorCode, HeartbeatRequest, LeaveGroupRequest, LeavingMember, SyncGroupRequest};
use crate::time::Time;

/// `AbstractCoordinator.MemberState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum MemberState {
    /// Not part of a group.
    Unjoined,
    /// JoinGroup was sent, or is about to be.
    Preparing,
    /// It is in a generation and waits for its assignment.
    Completing,
    /// It has its assignment.
    Stable,
}

/// `AbstractCoordinator.Generation`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Generation {
    /// −1 if it is in none.
    id: i32,
    /// Empty if it has none.
    member: MemberId,
    /// The assignor that was chosen.
    protocol: Option<Assignor>,
}

impl Generation {
    fn none() -> Generation {
        Generation { id: -1, member: MemberId::default(), protocol: None }
    }
}

/// A question to the coordinator that is not answered, with the generation in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Join(Generation),
    Sync(Generation),
    Heartbeat(Generation),
    Leave,
}

/// How far the present rebalance is (`joinFuture`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Join {
    Idle,
    /// JoinGroup is to be sent, or was.
    Joining,
    /// This member leads: it waits for metadata of all the group's topics, then it assigns.
    Leading {
        assignor: Assignor,
        members: Members,
        skip: bool,
        /// The version of the metadata beyond which an answer must come, once it is known that one is needed.
        waits_beyond: Option<u64>,
    },
    /// SyncGroup is to be sent.
    Syncing(SyncGroupRequest),
    /// SyncGroup was sent.
    Synced,
    Done(Result<Bytes, JoinFailure>),
}

/// The partitions that are to be assigned: how many each topic has, and in which racks they are (`MetadataSnapshot`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct PartitionSnapshot {
    counts: PartitionCounts,
    replicas: ReplicaRacks,
}

impl PartitionSnapshot {
    /// A leader that says no rack itself does not notice when replicas move to others (`PartitionRackInfo`).
    fn seen_by(self, shared: &Shared) -> PartitionSnapshot {
        let replicas = if shared.settings.rack.is_some() { self.replicas } else { ReplicaRacks::new() };
        PartitionSnapshot { replicas, ..self }
    }
}

/// Why a rebalance failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum JoinFailure {
    /// Join again at once: unknown member, illegal generation, another rebalance.
    Again(ErrorCode),
    /// Join again at once with the member id that was given (KIP-394).
    MemberIdRequired,
    /// Join again after a while.
    Later(ErrorCode),
    /// The application is told.
    Fatal(ErrorCode, String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClassicMember {
    protocol: RebalanceProtocol,
    state: MemberState,
    generation: Generation,
    rejoin_needed: bool,
    rejoin_reason: String,
    /// Whether what must be done before a join (commit, revoke) is still to be done.
    needs_prepare: bool,
    /// When a join no longer waits for the commit before it.
    prepare_ends: Option<Time>,
    join: Join,
    /// Not before this instant is a failed join, or the commit before one, tried again.
    retry_at: Option<Time>,
    asked: BTreeMap<u64, Asked>,
    heartbeat: Heartbeat,
    is_leader: bool,
    /// What it subscribed to when it last joined.
    joined_topics: Option<BTreeSet<TopicName>>,
    /// What anybody in the group subscribes to, if it leads.
    group_topics: BTreeSet<TopicName>,
    /// The partitions of these topics now, at this version of the metadata (`metadataSnapshot`).
    partitions: (Option<u64>, PartitionSnapshot),
    /// What they were when it assigned them (`assignmentSnapshot`).
    assigned_partitions: Option<PartitionSnapshot>,
    memory: AssignorMemory,
    /// What the next poll fails with: the heartbeats found that the instance is fenced.
    failure: Option<ErrorCode>,
}

impl ClassicMember {
    pub fn new(shared: &Shared) -> ClassicMember {
        ClassicMember {
            protocol: protocol_of(&shared.settings.assignors),
            state: MemberState::Unjoined,
            generation: Generation::none(),
            rejoin_needed: true,
            rejoin_reason: String::new(),
            needs_prepare: true,
            prepare_ends: None,
            join: Join::Idle,
            retry_at: None,
            asked: BTreeMap::new(),
            heartbeat: Heartbeat::new(shared.settings.timers.clone(), shared.backoff),
            is_leader: false,
            joined_topics: None,
            group_topics: BTreeSet::new(),
            partitions: (None, PartitionSnapshot::default()),
            assigned_partitions: None,
            memory: AssignorMemory::default(),
            failure: None,
        }
    }

    /// Who it is for commits.
    pub fn standing(&self) -> Standing {
        match self.state {
            MemberState::Stable => Standing::Member(self.identity()),
            MemberState::Preparing | MemberState::Completing => Standing::Rebalancing,
            MemberState::Unjoined => Standing::Outside,
        }
    }

    pub fn identity(&self) -> MemberIdentity {
        MemberIdentity { member: self.generation.member.clone(), epoch: self.generation.id }
    }

    /// Whether it has its assignment and no rebalance is known of.
    pub fn is_settled(&self) -> bool {
        self.state == MemberState::Stable && !self.rejoin_needed && self.join == Join::Idle
    }

    /// One turn of `ConsumerCoordinator.poll`; gives whether the member has its assignment.
    pub fn poll(&mut self, turn: &mut Turn) -> bool {
        self.heartbeat.poll(turn.ctx.now.monotonic);
        self.see_metadata(turn.cluster, turn.consumer, turn.shared);
        if let Some(error) = self.failure.take() {
            turn.consumer.raise_from_group((
                error,
                "the static member was fenced by another one with its instance id".to_owned(),
            ));
            return false;
        }
        if !turn.shared.ensure_coordinator(turn.ctx, turn.cluster, turn.consumer) {
            return false;
        }
        !self.needs_rejoin(turn.consumer) || self.join_if_needed(turn)
    }

    /// The metadata changed: so may have the partitions to assign.
    fn see_metadata(&mut self, cluster: &Cluster, consumer: &Consumer, shared: &Shared) {
        let version = cluster.metadata.update_version();
        if self.partitions.0 == Some(version) {
            return;
        }
        let now = self.partitions_of(cluster, consumer.topics());
        self.partitions = (Some(version), now.seen_by(shared));
    }

    fn partitions_of(&self, cluster: &Cluster, subscribed: &BTreeSet<TopicName>) -> PartitionSnapshot {
        let topics = if self.group_topics.is_empty() { subscribed } else { &self.group_topics };
        let known = topics.iter().filter_map(|topic| Some((topic.clone(), cluster.metadata.partition_count(topic)?)));
        let counts: PartitionCounts = known.collect();
        let all = counts.keys().flat_map(|topic| cluster.metadata.partitions_of(topic));
        let racks = all.map(|partition| (cluster.metadata.racks_of(&partition), partition));
        let in_racks = racks.filter(|(racks, _)| !racks.is_empty());
        let replicas = in_racks.map(|(racks, partition)| (partition, racks)).collect();
        PartitionSnapshot { counts, replicas }
    }

    /// Whether a rebalance is to begin, or under way (`rejoinNeededOrPending`).
    fn needs_rejoin(&mut self, consumer: &Consumer) -> bool {
        if self.assigned_partitions.as_ref().is_some_and(|assigned| *assigned != self.partitions.1) {
            self.request_rejoin_if_necessary("cached metadata has changed");
        } else if self.joined_topics.as_ref().is_some_and(|joined| joined != consumer.topics()) {
            self.request_rejoin_if_necessary("subscription has changed");
        }
        self.rejoin_needed || self.join != Join::Idle
    }

    fn request_rejoin_if_necessary(&mut self, reason: &str) {
        if !self.rejoin_needed {
            self.request_rejoin(reason);
        }
    }

    fn request_rejoin(&mut self, reason: &str) {
        reason.clone_into(&mut self.rejoin_reason);
        self.rejoin_needed = true;
    }

    /// It is in no generation any more, and joins at the next poll (`resetStateAndRejoin`).
    fn reset(&mut self, ctx: &mut Context, shared: &Shared, reason: MembershipLoss, keeps_member_id: bool) {
        if self.state != MemberState::Unjoined {
            let (group, member) = (shared.settings.group.clone(), self.generation.member.clone());
            ctx.emit(MembershipEvent::MembershipLost { group, member, reason });
        }
        self.state = MemberState::Unjoined;
        let member = if keeps_member_id { self.generation.member.clone() } else { MemberId::default() };
        self.generation = Generation { id: -1, member, protocol: None };
        self.request_rejoin(reason_text(reason));
        self.needs_prepare = true;
    }

    // ---- Heartbeats -----------------------------------------------------------------

    /// What Kafka's heartbeat thread does, whether the application polls or not.
    pub fn background(&mut self, turn: &mut Turn) {
        self.lead(turn);
        self.send_sync(turn);
        if turn.shared.coordinator.take_found() {
            self.heartbeat.reset_session(turn.ctx.now.monotonic);
        }
        if matches!(self.state, MemberState::Unjoined | MemberState::Preparing) || self.failure.is_some() {
            self.heartbeat.enabled = false;
        }
        if !self.heartbeat.enabled {
            return;
        }
        let now = turn.ctx.now.monotonic;
        if !turn.shared.ensure_coordinator(turn.ctx, turn.cluster, turn.consumer) {
            return;
        }
        if self.heartbeat.session_is_over(now) {
            turn.shared.coordinator.lose(turn.ctx, turn.cluster, CoordinatorLoss::SessionTimedOut);
            turn.shared.moved = true;
        } else if !turn.consumer.is_active() && self.heartbeat.poll_is_late(now) {
            self.leave(turn, LeaveReason::PollTimedOut);
            turn.shared.moved = true;
        } else if self.heartbeat.is_due(now) {
            self.beat(turn);
        }
    }

    fn beat(&mut self, turn: &mut Turn) {
        let request = HeartbeatRequest {
            group: turn.shared.settings.group.clone(),
            generation: self.generation.id,
            member: self.generation.member.clone(),
            instance: turn.shared.settings.instance.clone(),
        };
        let token = turn.consumer.next_token();
        if turn.shared.coordinator.send(turn.ctx, turn.cluster, Asker::Member, token, request) {
            self.asked.insert(token, Asked::Heartbeat(self.generation.clone()));
            self.heartbeat.sent(turn.ctx.now.monotonic);
            turn.shared.moved = true;
        }
    }

    // ---- Leaving --------------------------------------------------------------------

    /// Leaves the group if it is a dynamic member of one, and forgets its generation (`maybeLeaveGroup`).
    pub fn leave(&mut self, turn: &mut Turn, reason: LeaveReason) {
        let joined = self.state != MemberState::Unjoined && !self.generation.member.is_empty();
        if joined && turn.shared.leaves_group() && turn.shared.coordinator.is_known(turn.ctx, turn.cluster) {
            let member = self.generation.member.clone();
            let leaving =
                LeavingMember { member: member.clone(), instance: None, reason: Some(reason.text().to_owned()) };
            let group = turn.shared.settings.group.clone();
            let request = LeaveGroupRequest { group: group.clone(), members: vec![leaving] };
            let (token, taken) = (turn.consumer.next_token(), turn.ctx.now.monotonic);
            let said = MembershipEvent::LeaveSent { group, member };
            let unsent = ForCoordinator { asker: Asker::Member, token, request: request.into(), said, taken };
            turn.shared.coordinator.hand_over(turn.ctx, turn.cluster, turn.shared.request_timeout, unsent);
            self.asked.insert(token, Asked::Leave);
        }
        match reason {
            LeaveReason::PollTimedOut => self.reset(turn.ctx, turn.shared, MembershipLoss::PollTimedOut, false),
            LeaveReason::Closed | LeaveReason::Unsubscribed => {
                self.state = MemberState::Unjoined;
                self.generation = Generation::none();
                self.request_rejoin(reason.text());
                self.needs_prepare = true;
            }
        }
        self.heartbeat.enabled = false;
    }

    /// Whether the application's partitions are lost rather than revoked if it gives them up now (`onLeavePrepare`).
    pub fn has_lost_its_partitions(&self) -> bool {
        let outside = self.generation.id == -1 || self.generation.member.is_empty();
        outside || matches!(self.state, MemberState::Preparing | MemberState::Completing)
    }

    /// Whether a request of it is unanswered.
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The coordinator refused a commit (`OffsetCommitResponseHandler`): what that says of the member, and of the commit.
    pub fn on_commit_refused(
        &mut self,
        ctx: &mut Context,
        shared: &Shared,
        error: ErrorCode,
        sent_as: &MemberIdentity,
    ) -> CommitOutcome {
        let unchanged = *sent_as == self.identity();
        let rebalancing = !unchanged && self.state == MemberState::Preparing;
        let failed = |error| CommitOutcome::Failed { error, unsent: false };
        match error {
            ErrorCode::RebalanceInProgress => {
                self.request_rejoin("offset commit failed since group is already rebalancing");
                failed(error)
            }
            _ if rebalancing => failed(ErrorCode::RebalanceInProgress),
            ErrorCode::FencedInstanceId => failed(error),
            ErrorCode::IllegalGeneration => {
                self.reset(ctx, shared, MembershipLoss::IllegalGeneration, true);
                failed(error)
            }
            _ => {
                self.reset(ctx, shared, MembershipLoss::UnknownMember, false);
                failed(error)
            }
        }
    }

    /// When the next thing happens by itself.
    pub fn deadlines(&self, polling: bool) -> impl Iterator<Item = Time> {
        let join = [self.retry_at, self.prepare_ends].into_iter().flatten().filter(move |_| polling);
        join.chain(self.heartbeat.deadlines(polling))
    }
}

/// Why a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaveReason {
    PollTimedOut,
    Closed,
    Unsubscribed,
}

impl LeaveReason {
    /// What it tells the coordinator (KIP-800).
    fn text(self) -> &'static str {
        match self {
            LeaveReason::PollTimedOut => "consumer poll timeout has expired.",
            LeaveReason::Closed => "the consumer is being closed",
            LeaveReason::Unsubscribed => "the consumer unsubscribed from all topics",
        }
    }
}

/// What it tells the coordinator when it joins again.
fn reason_text(reason: MembershipLoss) -> &'static str {
    match reason {
        MembershipLoss::UnknownMember => "encountered UNKNOWN_MEMBER_ID",
        MembershipLoss::IllegalGeneration => "encountered ILLEGAL_GENERATION",
        MembershipLoss::FencedMemberEpoch => "encountered FENCED_MEMBER_EPOCH",
        MembershipLoss::FencedInstance => "encountered FENCED_INSTANCE_ID",
        MembershipLoss::PollTimedOut => "consumer pro-actively leaving the group",
        MembershipLoss::RebalanceOvertaken => "rebalance failed since the generation was reset",
    }
}
