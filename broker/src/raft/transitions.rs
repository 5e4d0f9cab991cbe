//! How a member passes from one state to the next (`QuorumState`).
//!
//! A transition that changes epoch, leader or vote is durable before anything else happens.
//! Becoming Prospective or Resigned changes none of them and is not written. Every change
//! of state forgets the requests in flight: their answers belong to the state before.

use std::collections::BTreeSet;

use super::accumulator::Accumulator;
use super::election::EpochElection;
use super::leader::{Leader, LeaderStart};
use super::quorum_file::{self, ElectionState};
use super::state::{Candidate, Follower, Prospective, Resigned, State, Unattached};
use super::voters::{VoterSet, matches_key};
use super::{Life, Raft, RaftConfig, RaftOutput, control, metadata_log};
use crate::choice::Purpose;
use crate::config::{Hazard, Switch, Voter};
use crate::context::Context;
use crate::event::{QuorumTransitionReason as Reason, RaftEvent};
use crate::ids::{Endpoint, LeaderEpoch, NodeId};
use crate::message::{ErrorCode, ReplicaKey};
use crate::record::ControlType;
use crate::storage::StorageResult;
use crate::time::Time;

/// A new election timeout, in [T, 2T).
fn draw_election_deadline(ctx: &mut Context, config: &RaftConfig) -> Time {
    let base = config.settings.election_timeout.as_micros() as u64;
    let drawn = ctx.choose(Purpose::ElectionTimeout, base, (2 * base).saturating_sub(1).max(base));
    ctx.now.monotonic + std::time::Duration::from_micros(drawn)
}

/// The state after a start, from what is on disk.
///
/// ```text
///   stored epoch < epoch of the log's last record   Unattached in the log's epoch
///   this member led                                 Resigned: no vote in this epoch, no record in it
///   this member voted for itself                    Candidate in the same epoch, even if it has followed a leader of it since
///                                                   ([`Hazard::FollowerStandsAgain`])
///   a leader that can be reached                    Follower, with its vote
///   otherwise                                       Unattached, with its vote
/// ```
pub(super) fn initial_state(
    ctx: &mut Context,
    config: &RaftConfig,
    stored: ElectionState,
    last_epoch: LeaderEpoch,
    voters: &VoterSet,
) -> State {
    let own_key = ReplicaKey { id: config.node, directory_id: config.directory_id };
    let epoch = stored.epoch;
    let is_voter = voters.is_voter(own_key);
    let election_deadline = |ctx: &mut Context| {
        if is_voter { draw_election_deadline(ctx, config) } else { Time::NEVER }
    };
    let unattached = |ctx: &mut Context, epoch, leader, voted| {
        let election_deadline = election_deadline(ctx);
        State::Unattached(Unattached { epoch, leader, voted, high_watermark: None, election_deadline })
    };
    if epoch < last_epoch {
        return unattached(ctx, last_epoch, None, None);
    }
    if stored.leader == Some(config.node) {
        return State::Resigned(Resigned {
            epoch,
            own_id: config.node,
            own_endpoint: config.endpoint.clone(),
            unacknowledged: voters.ids().into_iter().filter(|id| *id != config.node).collect(),
            preferred_successors: Vec::new(),
            election_deadline: draw_election_deadline(ctx, config),
        });
    }
    // Simplified: Kafka takes any voted self for a candidate (`QuorumState.initialize`), and its `CandidateState` throws where
    // the voter set has no seat for it; here such a member goes on as if it had voted for another.
    let follows = stored.leader.is_some() && config.behaviour.mends(Hazard::FollowerStandsAgain);
    if stored.voted.is_some_and(|voted| matches_key(voted, own_key)) && is_voter && !follows {
        return State::Candidate(Candidate {
            epoch,
            own_key,
            high_watermark: None,
            election: EpochElection::new(voters, config.node),
            election_deadline: draw_election_deadline(ctx, config),
        });
    }
    match stored.leader.map(|leader| (leader, voters.endpoint(leader))) {
        Some((leader, Some(endpoint))) => State::Follower(Follower {
            epoch,
            leader,
            endpoint,
            voted: stored.voted,
            high_watermark: None,
            fetch_deadline: ctx.now.monotonic + config.settings.fetch_timeout,
            has_fetched: false,
            fetching_snapshot: None,
        }),
        Some((leader, None)) => unattached(ctx, epoch, Some(leader), stored.voted),
        None => unattached(ctx, epoch, None, stored.voted),
    }
}

impl Raft {
    /// Makes the initial state durable and goes on from it: a sole voter leads at once.
    pub(super) fn start(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.write_election(ctx, self.state.election())?;
        self.emit_state(ctx, Reason::Started);
        self.fire_leader_change();
        let only_voter = self.membership.voters().is_only_voter(self.own_key());
        match &self.state {
            State::Unattached(_) | State::Follower(_) | State::Resigned(_) if only_voter => {
                self.become_prospective(ctx, Reason::Started)
            }
            State::Candidate(_) => self.maybe_win(ctx),
            State::Resigned(state) if self.config.behaviour.is(Switch::RaftResumeLeaderSameEpoch) => {
                let epoch = state.epoch;
                self.lead(ctx, epoch, Vec::new(), Reason::Started)
            }
            State::Unattached(_) | State::Follower(_) | State::Resigned(_) => Ok(()),
            State::Prospective(_) | State::Leader(_) => unreachable!("no member starts as {:?}", self.state.name()),
        }
    }

    /// A higher epoch without a known leader; or, from Prospective only, the same epoch.
    pub(super) fn become_unattached(
        &mut self,
        ctx: &mut Context,
        epoch: LeaderEpoch,
        leader: Option<NodeId>,
        reason: Reason,
    ) -> StorageResult<()> {
        let same_epoch = epoch == self.state.epoch();
        let legal = epoch > self.state.epoch() || (same_epoch && matches!(self.state, State::Prospective(_)));
        assert!(legal, "Unattached in epoch {epoch} from {:?} in {}", self.state.name(), self.state.epoch());
        // A running election timer runs on: else a stream of higher epochs could put elections off for ever.
        let election_deadline = match &self.state {
            _ if !self.is_voter() => Time::NEVER,
            State::Unattached(state) => state.election_deadline,
            State::Candidate(state) => state.election_deadline,
            State::Resigned(state) => state.election_deadline,
            State::Prospective(state) if !state.election.is_lost() => state.election_deadline,
            State::Prospective(_) | State::Follower(_) | State::Leader(_) => draw_election_deadline(ctx, &self.config),
        };
        let state = Unattached {
            epoch,
            leader,
            voted: self.state.election().voted.filter(|_| same_epoch),
            high_watermark: self.state.high_watermark(),
            election_deadline,
        };
        self.enter_durably(ctx, State::Unattached(state), reason)?;
        self.fire_leader_change();
        self.connections.reset_all();
        Ok(())
    }

    pub(super) fn become_follower(
        &mut self,
        ctx: &mut Context,
        epoch: LeaderEpoch,
        leader: NodeId,
        endpoint: Endpoint,
        reason: Reason,
    ) -> StorageResult<()> {
        let same_epoch = epoch == self.state.epoch();
        assert!(leader != self.config.node, "member {leader} follows itself in epoch {epoch}");
        let legal =
            epoch > self.state.epoch() || (same_epoch && !matches!(self.state, State::Follower(_) | State::Leader(_)));
        assert!(legal, "Follower in epoch {epoch} from {:?} in {}", self.state.name(), self.state.epoch());
        let state = Follower {
            epoch,
            leader,
            endpoint,
            voted: self.state.election().voted.filter(|_| same_epoch),
            high_watermark: self.state.high_watermark(),
            fetch_deadline: ctx.now.monotonic + self.config.settings.fetch_timeout,
            has_fetched: false,
            fetching_snapshot: None,
        };
        self.enter_durably(ctx, State::Follower(state), reason)?;
        self.fire_leader_change();
        self.connections.reset_all();
        self.fail_parked_fetches(ErrorCode::NotLeaderOrFollower);
        Ok(())
    }

    pub(super) fn become_prospective(&mut self, ctx: &mut Context, reason: Reason) -> StorageResult<()> {
        assert!(self.is_voter(), "an observer does not become Prospective");
        let legal = !matches!(self.state, State::Leader(_) | State::Prospective(_));
        assert!(legal, "Prospective from {:?}", self.state.name());
        let election = self.state.election();
        let state = Prospective {
            epoch: election.epoch,
            leader: election.leader,
            leader_endpoint: self.state.leader_endpoint().cloned(),
            voted: election.voted,
            high_watermark: self.state.high_watermark(),
            election: EpochElection::new(self.membership.voters(), self.config.node),
            election_deadline: draw_election_deadline(ctx, &self.config),
        };
        self.enter(ctx, State::Prospective(state), reason);
        self.connections.reset_all();
        if self.config.behaviour.is(Switch::NoPreVote) {
            return self.become_candidate(ctx, reason);
        }
        self.maybe_win(ctx)
    }

    fn become_candidate(&mut self, ctx: &mut Context, reason: Reason) -> StorageResult<()> {
        assert!(self.is_voter(), "an observer does not become Candidate");
        assert!(matches!(self.state, State::Prospective(_)), "Candidate from {:?}", self.state.name());
        let state = Candidate {
            epoch: self.state.epoch().next(),
            own_key: self.own_key(),
            high_watermark: self.state.high_watermark(),
            election: EpochElection::new(self.membership.voters(), self.config.node),
            election_deadline: draw_election_deadline(ctx, &self.config),
        };
        self.enter_durably(ctx, State::Candidate(state), reason)?;
        self.fire_leader_change();
        self.connections.reset_all();
        self.maybe_win(ctx)
    }

    /// Some voter does not know pre-votes: stands for election without having asked.
    pub(super) fn skip_pre_votes(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.become_candidate(ctx, Reason::PreVotesWon)
    }

    /// Goes on from Prospective to Candidate, and from Candidate to Leader, where a majority agrees.
    pub(super) fn maybe_win(&mut self, ctx: &mut Context) -> StorageResult<()> {
        match &self.state {
            State::Prospective(state) if state.election.is_won() => self.become_candidate(ctx, Reason::PreVotesWon),
            State::Candidate(state) if state.election.is_won() => self.become_leader(ctx),
            State::Unattached(_)
            | State::Follower(_)
            | State::Prospective(_)
            | State::Candidate(_)
            | State::Leader(_)
            | State::Resigned(_) => Ok(()),
        }
    }

    /// The high watermark known before is forgotten: only once a majority holds this epoch's
    /// first record can the leader be sure not to announce a smaller one than its predecessor.
    fn become_leader(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let State::Candidate(candidate) = &self.state else { panic!("Leader from {:?}", self.state.name()) };
        let (epoch, granting_voters) = (candidate.epoch, candidate.election.granting());
        self.lead(ctx, epoch, granting_voters, Reason::VotesWon)
    }

    fn lead(
        &mut self,
        ctx: &mut Context,
        epoch: LeaderEpoch,
        granting_voters: Vec<NodeId>,
        reason: Reason,
    ) -> StorageResult<()> {
        let end_offset = self.log.end_offset();
        let settings = &self.config.settings;
        let max_batch_size = settings.internal_max_batch_size as usize;
        let leader = Leader::new(
            ctx.now.monotonic,
            LeaderStart {
                epoch,
                own_key: self.own_key(),
                own_endpoint: self.config.endpoint.clone().expect("a voter has a controller listener"),
                epoch_start_offset: end_offset,
                voters: self.membership.voters(),
                granting_voters,
                accumulator: Accumulator::new(epoch, end_offset, settings.append_linger, max_batch_size),
                fetch_timeout: settings.fetch_timeout,
                behaviour: &self.config.behaviour,
            },
        );
        self.enter_durably(ctx, State::Leader(Box::new(leader)), reason)?;
        self.log.log.assign_epoch(ctx, epoch, end_offset)?;
        self.append_start_of_epoch(ctx);
        self.fire_leader_change();
        self.connections.reset_all();
        Ok(())
    }

    /// The epoch's first batch: who leads, and, where that is news to the log, who votes.
    fn append_start_of_epoch(&mut self, ctx: &mut Context) {
        let voters = self.membership.voters();
        let own_voter = self.config.endpoint.clone().map(|endpoint| Voter { replica: self.own_key(), endpoint });
        let updated = own_voter.and_then(|voter| voters.with_updated(&voter));
        // The bootstrap checkpoint is not replicated: the first leader puts what it says into the log.
        let never_written = self.membership.voters_offset() == Some(-1);
        let version = self.membership.kraft_version();
        let State::Leader(leader) = &mut self.state else { return };
        let change = control::leader_change(leader.own_key.id, &voters.ids(), &leader.granting_voters);
        let mut records = vec![(ControlType::LeaderChange, change)];
        if version >= 1 && (never_written || updated.is_some()) {
            records.push((ControlType::KRaftVersion, control::kraft_version(version)));
            records.push((ControlType::KRaftVoters, control::voters(updated.as_ref().unwrap_or(voters))));
        }
        leader.accumulator.append_control(ctx.now, &records);
    }

    /// Memory only: a leader that restarts is Resigned in any case.
    pub(super) fn become_resigned(&mut self, ctx: &mut Context, reason: Reason) {
        let State::Leader(leader) = &self.state else { panic!("Resigned from {:?}", self.state.name()) };
        let state = Resigned {
            epoch: leader.epoch,
            own_id: self.config.node,
            own_endpoint: Some(leader.own_endpoint.clone()),
            unacknowledged: self.other_voters(),
            preferred_successors: leader.successors(),
            election_deadline: draw_election_deadline(ctx, &self.config),
        };
        self.fail_parked_fetches(ErrorCode::NotLeaderOrFollower);
        self.enter(ctx, State::Resigned(state), reason);
        self.connections.reset_all();
    }

    fn other_voters(&self) -> BTreeSet<NodeId> {
        self.membership.voters().ids().into_iter().filter(|id| *id != self.config.node).collect()
    }

    /// Records a vote in Unattached or Prospective, durably, and draws a new timer: whoever got the
    /// vote has at least as good a chance as this member.
    pub(super) fn record_vote(&mut self, ctx: &mut Context, candidate: ReplicaKey) -> StorageResult<()> {
        assert!(candidate.id != self.config.node, "member {} votes for itself on request", candidate.id);
        let election_deadline = draw_election_deadline(ctx, &self.config);
        let state = match &self.state {
            State::Unattached(state) if state.voted.is_none() => {
                State::Unattached(Unattached { voted: Some(candidate), election_deadline, ..state.clone() })
            }
            State::Prospective(state) if state.voted.is_none() => State::Prospective(Prospective {
                voted: Some(candidate),
                election: EpochElection::new(self.membership.voters(), self.config.node),
                election_deadline,
                ..state.clone()
            }),
            State::Unattached(_)
            | State::Prospective(_)
            | State::Follower(_)
            | State::Candidate(_)
            | State::Leader(_)
            | State::Resigned(_) => return Ok(()),
        };
        self.enter_durably(ctx, state, Reason::Voted)
    }

    /// A round of pre-votes is lost, or its time is over: back to the leader, if one can be reached.
    pub(super) fn lose_pre_votes(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let State::Prospective(state) = &self.state else { return Ok(()) };
        let (epoch, leader) = (state.epoch, state.leader);
        match (leader, state.leader_endpoint.clone()) {
            (Some(leader), Some(endpoint)) if leader != self.config.node => {
                self.become_follower(ctx, epoch, leader, endpoint, Reason::PreVotesLost)
            }
            (leader, _) => self.become_unattached(ctx, epoch, leader, Reason::PreVotesLost),
        }
    }

    fn enter_durably(&mut self, ctx: &mut Context, state: State, reason: Reason) -> StorageResult<()> {
        self.write_election(ctx, state.election())?;
        self.enter(ctx, state, reason);
        Ok(())
    }

    fn enter(&mut self, ctx: &mut Context, state: State, reason: Reason) {
        assert!(state.epoch() >= self.state.epoch(), "the epoch fell from {} to {}", self.state.epoch(), state.epoch());
        if let State::Follower(Follower { fetching_snapshot: Some(download), .. }) = &self.state {
            let id = download.id;
            self.log.abandon_download(ctx, id);
        }
        self.state = state;
        self.emit_state(ctx, reason);
    }

    fn write_election(&self, ctx: &mut Context, election: ElectionState) -> StorageResult<()> {
        let directory = metadata_log::partition_directory(&self.config.directory);
        let (version, voters) = (self.membership.kraft_version(), self.membership.voters().ids());
        quorum_file::write(ctx, &directory, election, version, &voters, &self.config.behaviour)
    }

    fn emit_state(&self, ctx: &mut Context, reason: Reason) {
        let (leader, epoch) = self.leader_and_epoch();
        ctx.emit(RaftEvent::StateChanged { to: self.state.name(), epoch, leader, reason });
    }

    /// Tells the owner of another leader, once: in a higher epoch, or when one becomes known.
    pub(super) fn fire_leader_change(&mut self) {
        let (leader, epoch) = self.leader_and_epoch();
        let is_news = epoch > self.announced.1 || (leader.is_some() && !self.announced.0.is_some());
        if is_news && self.life != Life::Over {
            self.announced = (leader, epoch);
            let endpoint = self.state.leader_endpoint().cloned();
            self.outbox.push(RaftOutput::LeaderChanged { leader, endpoint, epoch });
        }
    }
}
