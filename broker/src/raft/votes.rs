//! Vote, BeginQuorumEpoch, EndQuorumEpoch, and what every quorum answer carries (KIP-595, KIP-853, KIP-996).
//!
//! ```text
//!   Vote     cluster ─▶ own epochs plausible ─▶ e < mine: fenced ─▶ e > mine: Unattached(e)
//!                    ─▶ meant for me? ─▶ grant table (state.rs) ─▶ vote durable ─▶ answer
//!   Begin    e ≥ mine: follow the sender
//!   End      e ≥ mine: follow the sender, and shorten the patience with it by one's place in its list
//! ```
//!
//! Every answer names its sender's epoch and leader: that is how both spread.

use std::time::Duration;

use super::connections::Peer;
use super::state::State;
use super::{Life, Raft, RaftOutput};
use crate::config::Switch;
use crate::context::Context;
use crate::event::{QuorumTransitionReason as Reason, RaftEvent};
use crate::ids::{ClusterId, Endpoint, LeaderEpoch, NodeId};
use crate::message::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, EndQuorumEpochRequest, EndQuorumEpochResponse, ErrorCode,
    NodeEndpoint, ReplicaKey, VoteRequest, VoteResponse,
};
use crate::storage::StorageResult;

impl Raft {
    pub(super) fn has_valid_cluster_id(&self, cluster_id: Option<ClusterId>) -> bool {
        cluster_id.is_none_or(|id| id == self.config.cluster_id)
    }

    /// The leader as this member's answers name it.
    pub(super) fn leader_endpoints(&self) -> Option<NodeEndpoint> {
        let (node, endpoint) = (self.state.leader()?, self.state.leader_endpoint()?.clone());
        Some(NodeEndpoint { node, endpoint, rack: None })
    }

    fn vote_response(&self, error: ErrorCode, vote_granted: bool) -> VoteResponse {
        let (leader, epoch) = self.leader_and_epoch();
        VoteResponse { error, leader, epoch, vote_granted, leader_endpoint: self.leader_endpoints() }
    }

    /// An epoch below this member's is fenced; a negative sender is none.
    fn validate_voter_request(&self, sender: NodeId, epoch: LeaderEpoch) -> Option<ErrorCode> {
        if epoch < self.state.epoch() {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if !sender.is_some() {
            Some(ErrorCode::InvalidRequest)
        } else {
            None
        }
    }

    /// Whether a request that names a voter means this member on this disk.
    fn is_own_voter_key(&self, voter: ReplicaKey) -> bool {
        let any_directory = voter.directory_id.is_zero();
        voter.id == self.config.node && (any_directory || voter.directory_id == self.config.directory_id)
    }

    pub(super) fn handle_vote(&mut self, ctx: &mut Context, request: VoteRequest) -> StorageResult<VoteResponse> {
        if !self.has_valid_cluster_id(request.cluster_id) {
            return Ok(self.vote_response(ErrorCode::InconsistentClusterId, false));
        }
        // A candidate stands in an epoch of its own; one that asks for pre-votes may have written in the epoch it is in.
        let illegal_epoch =
            if request.pre_vote { request.last_epoch > request.epoch } else { request.last_epoch >= request.epoch };
        if illegal_epoch || request.last_epoch_end_offset < 0 || !request.last_epoch.is_some() {
            return Ok(self.vote_response(ErrorCode::InvalidRequest, false));
        }
        if let Some(error) = self.validate_voter_request(request.candidate.id, request.epoch) {
            return Ok(self.vote_response(error, false));
        }
        if request.epoch > self.state.epoch() {
            self.become_unattached(ctx, request.epoch, None, Reason::HigherEpoch)?;
        }
        if !self.is_own_voter_key(request.voter) {
            return Ok(self.vote_response(ErrorCode::InvalidVoterKey, false));
        }
        let own_position = (self.log.last_epoch(), self.log.end_offset());
        let up_to_date = (request.last_epoch, request.last_epoch_end_offset) >= own_position;
        let (candidate, epoch, pre_vote) = (request.candidate, request.epoch, request.pre_vote);
        let verdict = self.state.can_grant_vote(candidate, up_to_date, pre_vote, &self.config.behaviour);
        match verdict {
            Ok(()) => {
                if !pre_vote {
                    self.record_vote(ctx, candidate)?;
                }
                ctx.emit(RaftEvent::VoteGranted { candidate, epoch, pre_vote });
            }
            Err(reason) => ctx.emit(RaftEvent::VoteRefused { candidate, epoch, pre_vote, reason }),
        }
        Ok(self.vote_response(ErrorCode::None, verdict.is_ok()))
    }

    /// Answers whether the connection is fit for the next request; so do the other response handlers.
    pub(super) fn handle_vote_response(
        &mut self,
        ctx: &mut Context,
        peer: Peer,
        response: VoteResponse,
    ) -> StorageResult<bool> {
        if response.error == ErrorCode::UnsupportedVersion {
            // The voter does not know pre-votes: from before KIP-996. Stand for election without them.
            if let State::Prospective(_) = self.state {
                self.skip_pre_votes(ctx)?;
                return Ok(true);
            }
            return Ok(false);
        }
        let endpoint = response.leader_endpoint.map(|leader| leader.endpoint);
        if let Some(handled) =
            self.handle_common_response(ctx, response.error, response.leader, response.epoch, endpoint)?
        {
            return Ok(handled);
        }
        if !response.error.is_none() {
            return Ok(false);
        }
        let Peer::Member(voter) = peer else { return Ok(true) };
        match &mut self.state {
            State::Prospective(state) => {
                state.election.record(voter, response.vote_granted);
                if state.election.is_lost() {
                    self.lose_pre_votes(ctx)?;
                } else {
                    self.maybe_win(ctx)?;
                }
            }
            State::Candidate(state) => {
                let flips = if response.vote_granted {
                    state.election.has_rejected(voter)
                } else {
                    state.election.has_granted(voter)
                };
                assert!(!flips, "voter {voter} changed its vote in epoch {}", state.epoch);
                // A candidate that has lost waits for its timer: another round at once would only disturb the winner.
                state.election.record(voter, response.vote_granted);
                self.maybe_win(ctx)?;
            }
            State::Unattached(_) | State::Follower(_) | State::Leader(_) | State::Resigned(_) => {}
        }
        Ok(true)
    }

    pub(super) fn handle_begin_quorum_epoch(
        &mut self,
        ctx: &mut Context,
        request: BeginQuorumEpochRequest,
    ) -> StorageResult<BeginQuorumEpochResponse> {
        let error = if !self.has_valid_cluster_id(request.cluster_id) {
            ErrorCode::InconsistentClusterId
        } else if let Some(error) = self.validate_voter_request(request.leader, request.epoch) {
            error
        } else {
            self.maybe_transition(ctx, Some(request.leader), request.epoch, request.leader_endpoint)?;
            if self.is_own_voter_key(request.voter) { ErrorCode::None } else { ErrorCode::InvalidVoterKey }
        };
        let (leader, epoch) = self.leader_and_epoch();
        Ok(BeginQuorumEpochResponse { error, leader, epoch, leader_endpoint: self.leader_endpoints() })
    }

    /// The acknowledgement is worth nothing more: the next BeginQuorumEpoch goes out all the same.
    pub(super) fn handle_begin_quorum_response(
        &mut self,
        ctx: &mut Context,
        response: BeginQuorumEpochResponse,
    ) -> StorageResult<bool> {
        let endpoint = response.leader_endpoint.map(|leader| leader.endpoint);
        let handled = self.handle_common_response(ctx, response.error, response.leader, response.epoch, endpoint)?;
        Ok(handled.unwrap_or(response.error.is_none()))
    }

    pub(super) fn handle_end_quorum_epoch(
        &mut self,
        ctx: &mut Context,
        request: EndQuorumEpochRequest,
    ) -> StorageResult<EndQuorumEpochResponse> {
        let error = if !self.has_valid_cluster_id(request.cluster_id) {
            ErrorCode::InconsistentClusterId
        } else if let Some(error) = self.validate_voter_request(request.leader, request.epoch) {
            error
        } else {
            self.maybe_transition(ctx, Some(request.leader), request.epoch, request.leader_endpoint.clone())?;
            let backoff = self.election_backoff(&request.preferred_candidates);
            if let State::Follower(state) = &mut self.state
                && state.leader == request.leader
            {
                state.fetch_deadline = ctx.now.monotonic + backoff;
            }
            ErrorCode::None
        };
        let (leader, epoch) = self.leader_and_epoch();
        Ok(EndQuorumEpochResponse { error, leader, epoch, leader_endpoint: self.leader_endpoints() })
    }

    /// How long to wait after a leader's resignation: the first in its list not at all, the
    /// others twice as long as the one before, who is not in it the maximum. An empty list, as a
    /// restarted leader sends, lets everybody be first.
    fn election_backoff(&self, candidates: &[ReplicaKey]) -> Duration {
        let max = self.config.settings.election_backoff_max;
        let position = candidates.iter().position(|candidate| self.is_own_voter_key(*candidate));
        match position.unwrap_or(candidates.len()) {
            0 => Duration::ZERO,
            position if position >= candidates.len() => max,
            position => {
                let base = (max.as_millis() as u64) >> (candidates.len() - 1);
                Duration::from_millis(base << (position - 1)).min(max)
            }
        }
    }

    pub(super) fn handle_end_quorum_response(
        &mut self,
        ctx: &mut Context,
        peer: Peer,
        response: EndQuorumEpochResponse,
    ) -> StorageResult<bool> {
        let endpoint = response.leader_endpoint.map(|leader| leader.endpoint);
        if let Some(handled) =
            self.handle_common_response(ctx, response.error, response.leader, response.epoch, endpoint)?
        {
            return Ok(handled);
        }
        if let (State::Resigned(state), Peer::Member(voter), true) = (&mut self.state, peer, response.error.is_none()) {
            state.unacknowledged.remove(&voter);
        }
        Ok(response.error.is_none())
    }

    /// What epoch and leader in an answer mean, whatever it answers. `Some` where the rest of
    /// the answer is of no interest any more.
    pub(super) fn handle_common_response(
        &mut self,
        ctx: &mut Context,
        error: ErrorCode,
        leader: NodeId,
        epoch: LeaderEpoch,
        endpoint: Option<Endpoint>,
    ) -> StorageResult<Option<bool>> {
        if error == ErrorCode::InconsistentClusterId {
            return Ok(Some(false));
        }
        let leader = leader.is_some().then_some(leader);
        if epoch < self.state.epoch() || error == ErrorCode::UnknownLeaderEpoch {
            return Ok(Some(true));
        }
        let is_stale = matches!(error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
        if epoch > self.state.epoch() || is_stale {
            self.maybe_transition(ctx, leader, epoch, endpoint)?;
            return Ok(Some(true));
        }
        // Simplified: Kafka 4.1 asks only whether no leader is known. A member that has restarted, and knows
        // the leader's id but not where it listens, then fails on the leader's own answer to its fetch
        // (`KafkaRaftClient.handleFetchResponse`, `QuorumState.followerStateOrThrow`). It takes a leader outside the
        // voter set that the member knows, so a change of the set, which Trial does not speak: no world has it.
        if leader.is_some() && (self.state.leader().is_none() || matches!(self.state, State::Unattached(_))) {
            // An observer can learn of the leader and append what it sent with one answer.
            self.maybe_transition(ctx, leader, epoch, endpoint)?;
            return Ok(if error.is_none() { None } else { Some(true) });
        }
        match error {
            ErrorCode::BrokerNotAvailable => Ok(Some(false)),
            ErrorCode::InvalidVoterKey => Ok(Some(true)),
            ErrorCode::InvalidRequest => {
                self.life = Life::Over;
                self.outbox.push(RaftOutput::FatalFault);
                Ok(Some(false))
            }
            _ => Ok(None),
        }
    }

    /// Follows what a message says of epoch and leader, if that is news.
    pub(super) fn maybe_transition(
        &mut self,
        ctx: &mut Context,
        leader: Option<NodeId>,
        epoch: LeaderEpoch,
        endpoint: Option<Endpoint>,
    ) -> StorageResult<()> {
        self.assert_consistent_leader(leader, epoch);
        let is_higher = epoch > self.state.epoch();
        let is_found = epoch == self.state.epoch() && leader.is_some() && self.follows_nobody();
        let known = leader.and_then(|id| endpoint.or_else(|| self.membership.voters().endpoint(id)).map(|e| (id, e)));
        match known {
            Some((leader, endpoint)) if is_higher => {
                self.become_follower(ctx, epoch, leader, endpoint, Reason::HigherEpoch)
            }
            Some((leader, endpoint)) if is_found => {
                self.become_follower(ctx, epoch, leader, endpoint, Reason::LeaderFound)
            }
            None if is_higher => self.become_unattached(ctx, epoch, leader, Reason::HigherEpoch),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether hearing of this epoch's leader, and where it listens, is news.
    fn follows_nobody(&self) -> bool {
        self.state.leader().is_none() || self.state.leader_endpoint().is_none()
    }

    /// Two leaders in one epoch would mean that some voter voted twice; nothing after that can be trusted.
    fn assert_consistent_leader(&self, leader: Option<NodeId>, epoch: LeaderEpoch) {
        let (own_leader, own_epoch) = (self.state.leader(), self.state.epoch());
        let consistent = match leader {
            Some(leader) if leader == self.config.node && epoch == own_epoch => own_leader == Some(leader),
            Some(leader) => epoch != own_epoch || own_leader.is_none_or(|known| known == leader),
            None => true,
        };
        let planted = self.config.behaviour.is(Switch::VoteTwice) || self.config.behaviour.is(Switch::VoteNotDurable);
        assert!(
            consistent || planted,
            "epoch {epoch} has two leaders: {leader:?} by a message, {own_leader:?} by member {}",
            self.config.node
        );
    }
}
