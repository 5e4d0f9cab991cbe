//! One partition on this broker (`Partition.scala`): its log, and its role.
//!
//! ```text
//!                     apply(state): leader = me
//!            ┌───────────────────────────────────────▶ Leader { followers, isr, epoch start }
//!   Follower │                                            │
//!   { leader }◀───────────────────────────────────────────┘
//!                     apply(state): leader ≠ me
//! ```
//!
//! Every transition comes through [`Partition::apply`], and none goes backwards: a state
//! with a smaller partition epoch is dropped. The same partition epoch is allowed again,
//! because the answer to an AlterPartition may have brought it before the metadata does.

use super::isr::IsrState;
use super::leader::{Leader, Surroundings};
use super::replica::FollowerState;
use super::state::PartitionState;
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{DirectoryId, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition};
use crate::log::Log;
use crate::message::{AlterPartitionProposal, AlterPartitionResult, ErrorCode, LeaderHint, LeaderRecoveryState};
use crate::storage::StorageResult;

/// One partition's replica on this broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    pub(super) name: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) directory: DirectoryId,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) partition_epoch: PartitionEpoch,
    pub(super) role: PartitionRole,
    pub(super) log: Log,
}

/// What this broker is to the partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionRole {
    /// It appends what producers send.
    Leader(Leader),
    /// It copies from the leader.
    Follower {
        /// The leader; [`NodeId::NONE`] if there is none.
        leader: NodeId,
    },
}

/// What became of a state that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// It was older than what is known.
    Ignored,
    /// This broker leads.
    Leads {
        /// Whether the high watermark rose, so that waiting requests must be re-tested.
        high_watermark_rose: bool,
    },
    /// This broker follows.
    Follows {
        /// Whether the fetcher must start anew.
        new_leader_epoch: bool,
    },
}

/// What a follower's fetch, or an answer of the controller, moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    /// Whether the high watermark rose, so that waiting requests must be re-tested.
    pub high_watermark_rose: bool,
    /// An in-sync set to propose.
    pub proposal: Option<AlterPartitionProposal>,
}

impl Partition {
    /// A partition that has not yet heard who leads it.
    pub(super) fn new(name: TopicPartition, topic_id: TopicId, directory: DirectoryId, log: Log) -> Partition {
        Partition {
            name,
            topic_id,
            directory,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch::NONE,
            role: PartitionRole::Follower { leader: NodeId::NONE },
            log,
        }
    }

    /// Which partition.
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Its topic's id.
    pub fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// The log directory that holds it.
    pub fn directory(&self) -> DirectoryId {
        self.directory
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What this broker is to it.
    pub fn role(&self) -> &PartitionRole {
        &self.role
    }

    /// The leader's side, while this broker leads.
    pub fn leader(&self) -> Option<&Leader> {
        match &self.role {
            PartitionRole::Leader(leader) => Some(leader),
            PartitionRole::Follower { .. } => None,
        }
    }

    /// The leader epoch that this replica knows.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The version of the registration that this replica knows.
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    /// The leader that this replica knows of, and its epoch.
    pub(super) fn leader_hint(&self, node: NodeId) -> LeaderHint {
        let leader = match &self.role {
            PartitionRole::Leader(_) => node,
            PartitionRole::Follower { leader } => *leader,
        };
        LeaderHint { leader, epoch: self.leader_epoch }
    }

    /// Learns who leads.
    ///
    /// # Errors
    /// The disk failed when the epoch's start was noted.
    pub(super) fn apply(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        state: &PartitionState,
    ) -> StorageResult<Applied> {
        if state.partition_epoch < self.partition_epoch {
            return Ok(Applied::Ignored);
        }
        if state.leader == around.node {
            self.make_leader(ctx, around, state)
        } else {
            Ok(self.make_follower(ctx, around, state))
        }
    }

    fn make_leader(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        state: &PartitionState,
    ) -> StorageResult<Applied> {
        let new_epoch = state.leader_epoch > self.leader_epoch;
        let was_leader = self.leader().is_some();
        let old_isr = self.leader().map(|leader| leader.isr.committed().clone());
        let mut leader = match std::mem::replace(&mut self.role, PartitionRole::Follower { leader: around.node }) {
            PartitionRole::Leader(leader) => leader,
            PartitionRole::Follower { .. } => Leader {
                epoch_start_offset: self.log.log_end_offset(),
                isr: IsrState::Committed { isr: Default::default() },
                followers: Default::default(),
            },
        };
        // Whatever was proposed is over: the metadata says what is in force. Kafka thinks so even of a change that the
        // leader has learned before, from the answer to its proposal, and has proposed another one since.
        let is_known = was_leader && !new_epoch && state.partition_epoch == self.partition_epoch;
        if !(is_known && around.behaviour.mends(Hazard::PendingIsrForgotten)) {
            leader.isr = IsrState::Committed { isr: state.isr.iter().copied().collect() };
        }
        leader.followers.retain(|id, _| state.replicas.contains(id));
        for id in state.replicas.iter().filter(|id| **id != around.node) {
            leader.followers.entry(*id).or_insert_with(FollowerState::unknown);
        }
        if new_epoch {
            let start = self.log.log_end_offset();
            // The epoch is noted before anything is appended in it, so that a follower with records of epochs in
            // between, which this leader never saw, is told where to cut.
            self.log.assign_epoch(ctx, state.leader_epoch, start)?;
            leader.epoch_start_offset = start;
            for (id, follower) in &mut leader.followers {
                follower.start_epoch(ctx.now.monotonic, start, was_leader, state.isr.contains(id));
            }
        }
        let isr = leader.isr.committed().clone();
        self.role = PartitionRole::Leader(leader);
        self.leader_epoch = state.leader_epoch;
        self.partition_epoch = state.partition_epoch;
        if new_epoch || !was_leader {
            ctx.emit(PartitionEvent::BecameLeader {
                partition: self.name.clone(),
                leader_epoch: self.leader_epoch,
                partition_epoch: self.partition_epoch,
                epoch_start_offset: self.leader().map_or(0, |leader| leader.epoch_start_offset),
                high_watermark: self.log.high_watermark(),
                isr: isr.iter().copied().collect(),
            });
        } else if let Some(old) = old_isr.filter(|old| *old != isr) {
            ctx.emit(PartitionEvent::IsrChanged {
                partition: self.name.clone(),
                from: old.into_iter().collect(),
                to: isr.into_iter().collect(),
                partition_epoch: self.partition_epoch,
            });
        }
        let high_watermark_rose = self.raise_high_watermark(ctx, around);
        Ok(Applied::Leads { high_watermark_rose })
    }

    fn make_follower(&mut self, ctx: &mut Context, around: &Surroundings, state: &PartitionState) -> Applied {
        let new_leader_epoch = state.leader_epoch > self.leader_epoch;
        let is_late = !self.leader_epoch.is_some() && around.behaviour.is(Switch::FollowerStartsAnEpochLate);
        self.role = PartitionRole::Follower { leader: state.leader };
        self.leader_epoch = if is_late { LeaderEpoch((state.leader_epoch.0 - 1).max(0)) } else { state.leader_epoch };
        self.partition_epoch = state.partition_epoch;
        if new_leader_epoch {
            ctx.emit(PartitionEvent::BecameFollower {
                partition: self.name.clone(),
                leader: state.leader,
                leader_epoch: self.leader_epoch,
                partition_epoch: state.partition_epoch,
                high_watermark: self.log.high_watermark(),
            });
        }
        Applied::Follows { new_leader_epoch }
    }

    /// Compares the leader epoch that a client or follower knows with this replica's.
    ///
    /// # Errors
    /// FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, or NOT_LEADER_OR_FOLLOWER when a leader is needed and this is none.
    pub(super) fn check_epoch(&self, known: LeaderEpoch, needs_leader: bool) -> Result<(), ErrorCode> {
        if known.is_some() && known < self.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if known.is_some() && known > self.leader_epoch {
            return Err(ErrorCode::UnknownLeaderEpoch);
        }
        match self.role {
            PartitionRole::Follower { .. } if needs_leader => Err(ErrorCode::NotLeaderOrFollower),
            PartitionRole::Leader(_) | PartitionRole::Follower { .. } => Ok(()),
        }
    }

    /// Raises the high watermark as far as the known ends allow; whether it rose.
    pub(super) fn raise_high_watermark(&mut self, ctx: &mut Context, around: &Surroundings) -> bool {
        let PartitionRole::Leader(leader) = &self.role else { return false };
        let end = self.log.log_end_offset();
        let min_insync_replicas = self.log.settings().min_insync_replicas;
        let Some(candidate) = leader.high_watermark_candidate(around, end, min_insync_replicas, ctx.now.monotonic)
        else {
            return false;
        };
        let moved = if around.behaviour.is(Switch::HighWatermarkMayFall) {
            self.log.set_follower_high_watermark(ctx, candidate)
        } else {
            self.log.update_high_watermark(ctx, candidate)
        };
        let Some((from, to)) = moved else { return false };
        ctx.emit(PartitionEvent::HighWatermarkAdvanced { partition: self.name.clone(), from, to, as_leader: true });
        true
    }

    /// The high watermark as a follower hears of it, or as it was at the last stop. It may fall.
    pub(super) fn set_follower_high_watermark(&mut self, ctx: &mut Context, high_watermark: Offset) -> bool {
        let Some((from, to)) = self.log.set_follower_high_watermark(ctx, high_watermark) else { return false };
        ctx.emit(PartitionEvent::HighWatermarkAdvanced { partition: self.name.clone(), from, to, as_leader: false });
        true
    }

    /// Proposes `follower` for the ISR if it may enter.
    pub(super) fn expand_isr(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        follower: NodeId,
    ) -> Option<AlterPartitionProposal> {
        let leader = self.leader()?;
        if !leader.should_expand(around, follower, self.log.high_watermark())
            || leader.would_flap(around, follower, &self.log, ctx.now.monotonic)
            || leader.is_beyond_comparison(around, follower, &self.log)
        {
            return None;
        }
        let isr = leader.isr.committed().clone();
        let proposed: Vec<NodeId> = isr.iter().copied().chain([follower]).collect();
        let sent = self.proposal(leader, around, proposed);
        self.propose(ctx, IsrState::PendingExpand { isr, added: follower, sent: sent.clone() });
        Some(sent)
    }

    /// Proposes an ISR without the members that lag; asked every half of replica.lag.time.max.ms.
    pub(super) fn shrink_isr(&mut self, ctx: &mut Context, around: &Surroundings) -> Option<AlterPartitionProposal> {
        let leader = self.leader()?;
        let lag_max = around.settings.replica_lag_time_max;
        let removed = leader.out_of_sync(around.node, self.log.log_end_offset(), ctx.now.monotonic, lag_max);
        if removed.is_empty() {
            return None;
        }
        let isr = leader.isr.committed().clone();
        let proposed: Vec<NodeId> = isr.difference(&removed).copied().collect();
        let sent = self.proposal(leader, around, proposed.clone());
        self.propose(ctx, IsrState::PendingShrink { isr, removed, sent: sent.clone() });
        if around.behaviour.is(Switch::IsrShrinksBeforeCommit) {
            self.shrink_at_once(ctx, proposed);
        }
        Some(sent)
    }

    /// A proposal that names, for each member, the registration that this leader has seen it fetch under (KIP-903):
    /// −1 for a member that has not fetched from this leader, for which the controller vouches itself.
    fn proposal(&self, leader: &Leader, around: &Surroundings, isr: Vec<NodeId>) -> AlterPartitionProposal {
        let epoch_of = |id: &NodeId| {
            if *id == around.node {
                around.broker_epoch
            } else {
                let seen = leader.followers.get(id).and_then(|follower| follower.broker_epoch);
                seen.unwrap_or(crate::ids::BrokerEpoch::NONE)
            }
        };
        let mut new_isr: Vec<_> = isr.iter().map(|id| (*id, epoch_of(id))).collect();
        new_isr.sort_unstable();
        AlterPartitionProposal {
            topic_id: self.topic_id,
            partition: self.name.partition,
            leader_epoch: self.leader_epoch,
            new_isr,
            leader_recovery_state: LeaderRecoveryState::Recovered,
            partition_epoch: self.partition_epoch,
        }
    }

    fn propose(&mut self, ctx: &mut Context, pending: IsrState) {
        let PartitionRole::Leader(leader) = &mut self.role else { return };
        assert!(leader.isr.pending().is_none(), "{}: a second ISR change while one is pending", self.name);
        if let Some(sent) = pending.pending() {
            ctx.emit(PartitionEvent::IsrChangeProposed {
                partition: self.name.clone(),
                from: leader.isr.committed().iter().copied().collect(),
                to: sent.new_isr.iter().map(|(id, _)| *id).collect(),
            });
        }
        leader.isr = pending;
    }

    /// The switch `IsrShrinksBeforeCommit`: the proposal counts before the controllers have taken it.
    fn shrink_at_once(&mut self, ctx: &mut Context, isr: Vec<NodeId>) {
        let PartitionRole::Leader(leader) = &mut self.role else { return };
        let from = leader.isr.committed().iter().copied().collect();
        leader.isr = IsrState::Committed { isr: isr.iter().copied().collect() };
        let (partition, partition_epoch) = (self.name.clone(), self.partition_epoch);
        ctx.emit(PartitionEvent::IsrChanged { partition, from, to: isr, partition_epoch });
    }

    /// The controller's answer to a proposal of this partition (`Err`: why it was not taken).
    ///
    /// `Moved::proposal` is the same proposal again when it must be sent once more.
    pub(super) fn proposal_answered(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        proposal: &AlterPartitionProposal,
        answer: Result<&AlterPartitionResult, ErrorCode>,
    ) -> Moved {
        let PartitionRole::Leader(leader) = &mut self.role else { return Moved::default() };
        if leader.isr.pending() != Some(proposal) {
            // Newer metadata has overtaken the answer: expected, and it knows better.
            return Moved::default();
        }
        match answer {
            Ok(result) => {
                if result.leader_epoch != self.leader_epoch || result.partition_epoch < self.partition_epoch {
                    return Moved::default();
                }
                let from = leader.isr.committed().iter().copied().collect();
                leader.isr = IsrState::Committed { isr: result.isr.iter().copied().collect() };
                self.partition_epoch = result.partition_epoch;
                ctx.emit(PartitionEvent::IsrChanged {
                    partition: self.name.clone(),
                    from,
                    to: result.isr.clone(),
                    partition_epoch: self.partition_epoch,
                });
                Moved { high_watermark_rose: self.raise_high_watermark(ctx, around), proposal: None }
            }
            Err(error) => {
                ctx.emit(PartitionEvent::IsrChangeRefused { partition: self.name.clone(), error });
                match error {
                    // The controller says that it has not taken, and will not take, this proposal.
                    ErrorCode::IneligibleReplica => {
                        leader.isr = leader.isr.reverted();
                        Moved::default()
                    }
                    // Whether it was taken is not known: stay pending, newer metadata will say.
                    ErrorCode::UnknownTopicOrPartition
                    | ErrorCode::UnknownTopicId
                    | ErrorCode::FencedLeaderEpoch
                    | ErrorCode::InvalidUpdateVersion
                    | ErrorCode::InvalidRequest
                    | ErrorCode::NewLeaderElected => Moved::default(),
                    _ => Moved { high_watermark_rose: false, proposal: Some(proposal.clone()) },
                }
            }
        }
    }

    /// The proposal could not even be queued (OPERATION_NOT_ATTEMPTED): nobody has seen it, so nothing is pending.
    pub(super) fn proposal_not_attempted(&mut self) {
        if let PartitionRole::Leader(leader) = &mut self.role {
            leader.isr = leader.isr.reverted();
        }
    }

    /// The high watermark of a log that was just opened: what the checkpoint says, clamped into the log.
    pub(super) fn recover_high_watermark(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        checkpoint: Option<Offset>,
    ) {
        let initial = if around.behaviour.is(Switch::HighWatermarkStartsAtLogEnd) {
            self.log.log_end_offset()
        } else {
            checkpoint.unwrap_or(0)
        };
        self.log.set_follower_high_watermark(ctx, initial);
    }
}
