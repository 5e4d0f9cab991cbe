//! What each state does by itself: timers, and the requests it keeps sending (`KafkaRaftClient.poll`).
//!
//! ```text
//!   Unattached    asks bootstrap servers for the leader; timer over: Prospective
//!   Follower      fetches from its leader; the leader unreachable: asks bootstrap servers; timer over: Prospective
//!   Prospective   asks for pre-votes; timer over: back to Follower or Unattached
//!   Candidate     asks for votes; timer over: Prospective
//!   Leader        writes what has lingered; BeginQuorumEpoch every 1000 ms; no majority for 3000 ms: Resigned
//!   Resigned      EndQuorumEpoch until acknowledged; timer over: Unattached in the next epoch
//! ```

use super::connections::Peer;
use super::fetching::ParkedFetch;
use super::state::State;
use super::{CLEANING_INTERVAL, Life, Raft, RaftDestination, RaftOutput};
use crate::choice::Purpose;
use crate::context::Context;
use crate::event::{QuorumTransitionReason as Reason, RaftEvent};
use crate::ids::{Endpoint, LeaderEpoch, Offset};
use crate::message::{
    BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchPartition, FetchRequest, IsolationLevel, ReplicaKey, Request,
    VoteRequest,
};
use crate::storage::StorageResult;
use crate::time::Time;

/// How long a leader may park a quorum member's fetch, in milliseconds.
const MAX_FETCH_WAIT_MS: i32 = 500;

/// No member needs as many turns at one instant; more are a cycle of transitions.
const MAX_TURNS: usize = 1_000;

impl Raft {
    /// Does everything that is due now, until nothing is.
    pub(super) fn poll(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let now = ctx.now.monotonic;
        for _ in 0..MAX_TURNS {
            self.deliver(ctx)?;
            if self.complete_shutdown(ctx)? {
                return Ok(());
            }
            if !self.poll_state(ctx)? {
                self.deliver(ctx)?;
                self.expire_parked_fetches(now);
                self.maybe_clean(ctx)?;
                self.polled_at = now;
                return Ok(());
            }
        }
        panic!("{:?} in epoch {} does not come to rest", self.state.name(), self.state.epoch());
    }

    /// When [`Raft::on_timers`] has something to do next.
    ///
    /// What was due at the last poll has been done then, or cannot be: an observer, say, that
    /// has no leader to fetch from waits for an answer and not for its timer.
    pub fn next_deadline(&self) -> Option<Time> {
        let leaving = match self.life {
            Life::Over => return None,
            Life::Leaving { until } => until,
            Life::Running => Time::NEVER,
        };
        let of_state = match &self.state {
            State::Unattached(state) => [state.election_deadline, Time::NEVER, Time::NEVER],
            State::Follower(state) => [state.fetch_deadline, Time::NEVER, Time::NEVER],
            State::Prospective(state) => [state.election_deadline, Time::NEVER, Time::NEVER],
            State::Candidate(state) => [state.election_deadline, Time::NEVER, Time::NEVER],
            State::Resigned(state) => [state.election_deadline, Time::NEVER, Time::NEVER],
            State::Leader(leader) => [
                leader.check_quorum_deadline(),
                leader.begin_quorum_deadline,
                leader.accumulator.drain_deadline().unwrap_or(Time::NEVER),
            ],
        };
        let mut next = Time::NEVER;
        let mut consider = |deadline: Time| {
            if deadline > self.polled_at {
                next = next.min(deadline);
            }
        };
        of_state.into_iter().chain([leaving, self.next_cleaning]).for_each(&mut consider);
        self.connections.deadlines().for_each(&mut consider);
        self.parked.iter().for_each(|fetch: &ParkedFetch| consider(fetch.deadline));
        self.log.log.next_deadline().into_iter().for_each(&mut consider);
        (next < Time::NEVER).then_some(next)
    }

    /// Answers whether the state changed, so that another turn is needed.
    fn poll_state(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        match self.state {
            State::Unattached(_) => self.poll_unattached(ctx),
            State::Follower(_) => self.poll_follower(ctx),
            State::Prospective(_) | State::Candidate(_) => self.poll_nominee(ctx),
            State::Leader(_) => self.poll_leader(ctx),
            State::Resigned(_) => self.poll_resigned(ctx),
        }
    }

    fn is_leaving(&self) -> bool {
        matches!(self.life, Life::Leaving { .. })
    }

    fn poll_unattached(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let State::Unattached(state) = &self.state else { return Ok(false) };
        if self.is_voter() {
            if self.is_leaving() {
                return Ok(false);
            }
            if ctx.now.monotonic >= state.election_deadline {
                self.become_prospective(ctx, Reason::ElectionTimedOut)?;
                return Ok(true);
            }
        }
        self.fetch_from_any_bootstrap(ctx);
        Ok(false)
    }

    fn poll_follower(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let State::Follower(state) = &self.state else { return Ok(false) };
        let timed_out = ctx.now.monotonic >= state.fetch_deadline;
        if self.is_voter() {
            if timed_out {
                self.become_prospective(ctx, Reason::FetchTimedOut)?;
                return Ok(true);
            }
            self.fetch_from_best_node(ctx);
        } else if timed_out {
            self.fetch_from_any_bootstrap(ctx);
        } else {
            self.fetch_from_best_node(ctx);
        }
        Ok(false)
    }

    /// Prospective or Candidate. While leaving, an election already begun goes on: it may end
    /// with another leader, or with this one, who can then resign.
    fn poll_nominee(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let (deadline, election) = match &self.state {
            State::Prospective(state) => (state.election_deadline, &state.election),
            State::Candidate(state) => (state.election_deadline, &state.election),
            State::Unattached(_) | State::Follower(_) | State::Leader(_) | State::Resigned(_) => return Ok(false),
        };
        let is_prospective = matches!(self.state, State::Prospective(_));
        if !self.is_leaving() && ctx.now.monotonic >= deadline {
            if is_prospective {
                self.lose_pre_votes(ctx)?;
            } else {
                self.become_prospective(ctx, Reason::ElectionTimedOut)?;
            }
            return Ok(true);
        }
        if !election.is_lost() {
            for voter in election.unrecorded() {
                self.send_vote(ctx, voter, is_prospective);
            }
        }
        Ok(false)
    }

    fn poll_leader(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let now = ctx.now.monotonic;
        let leaving = self.is_leaving();
        let State::Leader(leader) = &self.state else { return Ok(false) };
        if leaving || leader.resign_requested || now >= leader.check_quorum_deadline() {
            let reason = match (leaving, leader.resign_requested) {
                (true, _) => Reason::ShuttingDown,
                (false, true) => Reason::LeaderResigned,
                (false, false) => Reason::MajorityLost,
            };
            self.become_resigned(ctx, reason);
            return Ok(true);
        }
        self.append_lingered(ctx)?;
        self.send_begin_quorum_epochs(ctx);
        Ok(false)
    }

    /// Writes the accumulated batches where it is time to.
    ///
    /// The leader counts its own log end before it has flushed. With two voters or more that is
    /// safe, since no answer leaves before the flush; a sole voter commits one call before it.
    fn append_lingered(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let State::Leader(leader) = &mut self.state else { return Ok(()) };
        if leader.accumulator.drain_deadline().is_none_or(|deadline| ctx.now.monotonic < deadline) {
            return Ok(());
        }
        let epoch = leader.epoch;
        for batch in leader.accumulator.drain() {
            let info = self.log.append_as_leader(ctx, batch, epoch)?;
            self.after_append(ctx, info.base_offset, epoch, true)?;
        }
        self.update_leader_end_offset(ctx)?;
        self.log.flush(ctx)
    }

    /// Says what was appended, and follows the control records in it.
    pub(super) fn after_append(
        &mut self,
        ctx: &mut Context,
        base_offset: Offset,
        epoch: LeaderEpoch,
        as_leader: bool,
    ) -> StorageResult<()> {
        let log_end_offset = self.log.end_offset();
        ctx.emit(RaftEvent::MetadataAppended { base_offset, log_end_offset, epoch, as_leader });
        super::delivery::read_membership(ctx, &mut self.log, &mut self.membership)
    }

    /// BeginQuorumEpoch goes to every other voter, at once and again and again, acknowledged or not: a
    /// follower that lost its state, or its way, has no other means to be found.
    fn send_begin_quorum_epochs(&mut self, ctx: &mut Context) {
        let State::Leader(leader) = &mut self.state else { return };
        if ctx.now.monotonic < leader.begin_quorum_deadline {
            return;
        }
        leader.begin_quorum_deadline = ctx.now.monotonic + self.config.settings.fetch_timeout / 2;
        let epoch = leader.epoch;
        let leader_endpoint = leader.own_endpoint.clone();
        for voter in self.membership.voters().clone().iter() {
            if voter.replica.id != self.config.node {
                let request = BeginQuorumEpochRequest {
                    cluster_id: Some(self.config.cluster_id),
                    voter: voter.replica,
                    leader: self.config.node,
                    epoch,
                    leader_endpoint: Some(leader_endpoint.clone()),
                };
                self.send(ctx, Peer::Member(voter.replica.id), voter.endpoint.clone(), |_| request.into());
            }
        }
    }

    fn poll_resigned(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let State::Resigned(state) = &self.state else { return Ok(false) };
        let epoch = state.epoch;
        let request = EndQuorumEpochRequest {
            cluster_id: Some(self.config.cluster_id),
            leader: self.config.node,
            epoch,
            preferred_candidates: state.preferred_successors.clone(),
            leader_endpoint: state.own_endpoint.clone(),
        };
        let timed_out = ctx.now.monotonic >= state.election_deadline;
        for id in state.unacknowledged.clone() {
            if let Some(endpoint) = self.membership.voters().endpoint(id) {
                self.send(ctx, Peer::Member(id), endpoint, |_| request.clone().into());
            }
        }
        if timed_out && !self.is_leaving() {
            // In the same epoch it would have to follow itself, and answers naming it leader would still be true.
            self.become_unattached(ctx, epoch.next(), None, Reason::ElectionTimedOut)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Fetches from the leader; while it cannot be reached, asks around whether there is another.
    fn fetch_from_best_node(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        let State::Follower(state) = &self.state else { return };
        let (peer, endpoint) = (Peer::Member(state.leader), state.endpoint.clone());
        if self.connections.has_timed_out(peer, now) {
            self.connections.reset(peer);
            self.fetch_from_any_bootstrap(ctx);
        } else if self.connections.is_backing_off(peer, now) {
            self.fetch_from_any_bootstrap(ctx);
        } else if !self.connections.has_any_in_flight(now) {
            self.send(ctx, peer, endpoint, |raft| match raft.snapshot_request() {
                Some(request) => request.into(),
                None => raft.fetch_request().into(),
            });
        }
    }

    /// Sends a fetch to a bootstrap server, drawn at random, if no request is on its way.
    fn fetch_from_any_bootstrap(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        let count = self.bootstrap.len();
        if count == 0 || self.connections.has_any_in_flight(now) {
            return;
        }
        if (0..count).all(|index| !self.connections.is_ready(Peer::Bootstrap(index), now)) {
            return;
        }
        let start = ctx.choose(Purpose::BootstrapServer, 0, count as u64 - 1) as usize;
        let mut indexes = (0..count).map(|step| (start + step) % count);
        if let Some(index) = indexes.find(|index| self.connections.is_ready(Peer::Bootstrap(*index), now)) {
            let endpoint = self.bootstrap[index].clone();
            self.send(ctx, Peer::Bootstrap(index), endpoint, |raft| raft.fetch_request().into());
        }
    }

    fn send_vote(&mut self, ctx: &mut Context, voter: ReplicaKey, pre_vote: bool) {
        let Some(endpoint) = self.membership.voters().endpoint(voter.id) else { return };
        self.send(ctx, Peer::Member(voter.id), endpoint, |raft| {
            let request = VoteRequest {
                cluster_id: Some(raft.config.cluster_id),
                voter,
                candidate: raft.own_key(),
                epoch: raft.state.epoch(),
                last_epoch: raft.log.last_epoch(),
                last_epoch_end_offset: raft.log.end_offset(),
                pre_vote,
            };
            request.into()
        });
    }

    /// Sends a request unless another one is on its way to that peer, or it is being left alone.
    fn send(&mut self, ctx: &mut Context, peer: Peer, endpoint: Endpoint, request: impl FnOnce(&Raft) -> Request) {
        if !self.connections.is_ready(peer, ctx.now.monotonic) {
            return;
        }
        let token = self.next_token;
        self.next_token += 1;
        self.connections.sent(peer, token, ctx.now.monotonic);
        let node = match peer {
            Peer::Member(id) => Some(id),
            Peer::Bootstrap(_) => None,
        };
        let request = request(self);
        self.outbox.push(RaftOutput::Send { to: RaftDestination { node, endpoint }, token, request });
    }

    fn fetch_request(&self) -> FetchRequest {
        let partition = FetchPartition {
            topic_id: super::METADATA_TOPIC_ID,
            topic: crate::ids::TopicName::default(),
            partition: 0,
            current_leader_epoch: self.state.epoch(),
            fetch_offset: self.log.end_offset(),
            last_fetched_epoch: self.log.last_epoch(),
            log_start_offset: self.log.start_offset(),
            max_bytes: i32::MAX,
            replica_directory_id: self.config.directory_id,
            high_watermark: Some(self.state.high_watermark().unwrap_or(-1)),
        };
        FetchRequest {
            cluster_id: Some(self.config.cluster_id),
            replica_id: self.config.node,
            replica_epoch: crate::ids::BrokerEpoch::NONE,
            max_wait_ms: MAX_FETCH_WAIT_MS,
            min_bytes: 0,
            max_bytes: self.config.settings.internal_max_fetch_size,
            isolation: IsolationLevel::ReadUncommitted,
            session_id: 0,
            session_epoch: -1,
            by_name: false,
            partitions: vec![partition],
            forgotten: Vec::new(),
            rack_id: String::new(),
        }
    }

    /// Whether the member is gone: it is no voter, or alone, or another one leads; or its time is over.
    fn complete_shutdown(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let Life::Leaving { until } = self.life else { return Ok(false) };
        let voters = self.membership.voters();
        let another_leads = self.state.leader().is_some_and(|leader| leader != self.config.node);
        let done = ctx.now.monotonic >= until
            || !voters.is_voter(self.own_key())
            || voters.is_only_voter(self.own_key())
            || another_leads;
        if done {
            self.log.flush(ctx)?;
            self.life = Life::Over;
            self.outbox.push(RaftOutput::Exited);
        }
        Ok(done)
    }

    fn maybe_clean(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if self.log.log.next_deadline().is_some_and(|deadline| ctx.now.monotonic >= deadline) {
            self.log.log.remove_deleted_files(ctx)?;
        }
        if ctx.now.monotonic < self.next_cleaning {
            return Ok(());
        }
        self.next_cleaning = ctx.now.monotonic + CLEANING_INTERVAL;
        self.log.clean(ctx)
    }
}
