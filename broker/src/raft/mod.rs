//! KRaft: the replicated metadata log (KIP-595, KIP-630, KIP-853, KIP-996).
//!
//! One member of the metadata quorum, as a pure machine: it elects leaders, replicates
//! `__cluster_metadata-0` by pull, and hands committed batches to its owner in order.
//!
//! ```text
//!   requests ──▶ ┌──────────────┐ ──▶ Send, Reply            (to other members)
//!   responses ─▶ │     Raft     │ ──▶ Committed              (to controller and broker)
//!   timers ────▶ │ state + Log  │ ──▶ SnapshotLoaded
//!   appends ───▶ └──────────────┘ ──▶ LeaderChanged, ActiveLeader
//! ```
//!
//! Raft with three differences from the paper. Followers *pull*: a leader sends no entries, it
//! answers fetches, and a fetch at offset N acknowledges everything before N. Elections are
//! asked for twice (KIP-996): a *pre-vote* in the old epoch first, so that a member which was
//! cut off cannot force an election upon a quorum that works. And the members that do not vote
//! (observers: the brokers) fetch in the same way.
//!
//! Each public verb handles one thing that happened and then *polls*: it does whatever the
//! state, as it is now, has to do (become a candidate, send the next fetch, write what has
//! lingered), until nothing is left to do at this instant.
//!
//! Simplified: the RPCs that change the voter set (AddRaftVoter, RemoveRaftVoter,
//! UpdateRaftVoter) do not exist here; voter sets written by other means are followed. A
//! member does not ask itself when it looks for a leader among the bootstrap servers.
//!
//! Reading order: `state` (the states, and who votes), `transitions`, `poll` (what each state
//! does by itself), `votes`, `fetching` and `downloads` (the messages), `leader` (the high watermark),
//! `delivery`; below them `metadata_log`, `snapshots`, `quorum_file`, `voters`, `control`.

mod accumulator;
mod connections;
mod control;
mod delivery;
mod downloads;
mod election;
mod fetching;
mod leader;
mod metadata_log;
mod poll;
mod quorum_file;
mod snapshots;
mod state;
mod transitions;
mod types;
mod voters;
mod votes;

#[cfg(test)]
mod tests;

pub use types::*;

use bytes::Bytes;

use self::connections::Connections;
use self::fetching::ParkedFetch;
use self::metadata_log::MetadataLog;
use self::snapshots::SnapshotContent;
use self::state::State;
use self::voters::{Membership, VoterSet};
use crate::config::Voter;
use crate::context::Context;
use crate::event::QuorumStateName;
use crate::ids::{Endpoint, LeaderEpoch, NodeId, Offset, RequestHandle};
use crate::log::Log;
use crate::message::{ReplicaKey, Request, Response, SnapshotId};
use crate::outbox::{give_room, take_filled};
use crate::storage::StorageResult;
use crate::time::Time;

/// How long an orderly leave may take.
const SHUTDOWN_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(5_000);
/// How often old snapshots are looked for.
const CLEANING_INTERVAL: std::time::Duration = std::time::Duration::from_millis(60_000);

/// Whether the member still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Life {
    Running,
    /// Asked to leave; gone at the latest then.
    Leaving {
        until: Time,
    },
    /// Left, or failed.
    Over,
}

/// A member of the metadata quorum.
///
/// Invariants: `delivered ≤ high watermark ≤ log end offset`; the epoch never falls; what an
/// answer promises (a vote, an epoch, an acknowledged offset) is durable before it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    config: RaftConfig,
    /// The bootstrap servers except for this member itself.
    bootstrap: Vec<Endpoint>,
    log: MetadataLog,
    membership: Membership,
    state: State,
    connections: Connections,
    parked: Vec<ParkedFetch>,
    /// The first offset that the owner has not been given; none before anything was.
    delivered: Option<Offset>,
    /// Leader and epoch as last announced.
    announced: (NodeId, LeaderEpoch),
    life: Life,
    next_token: u64,
    next_cleaning: Time,
    /// The last instant at which everything due was done.
    polled_at: Time,
    outbox: Vec<RaftOutput>,
}

impl Raft {
    /// Writes the checkpoint that a new cluster starts from: the voters, and the first metadata.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn format(
        ctx: &mut Context,
        directory: &str,
        voters: &[Voter],
        bootstrap_records: Vec<Bytes>,
    ) -> StorageResult<()> {
        let directory = metadata_log::partition_directory(directory);
        ctx.storage.create_directory(&directory)?;
        let voters = VoterSet::new(voters.to_vec());
        let content =
            SnapshotContent { last_timestamp: 0, kraft_version: 1, voters: Some(&voters), records: &bootstrap_records };
        let parts = snapshots::encode(snapshots::BOOTSTRAP, ctx.now.wall.millis(), &content);
        snapshots::write(ctx, &directory, snapshots::BOOTSTRAP, &parts).map(|_| ())
    }

    /// Opens log, snapshots and quorum state, and takes the state that they prescribe.
    ///
    /// # Errors
    /// What the disk answers; a quorum-state file or snapshot that cannot be understood is an
    /// [`InputOutput`](crate::storage::StorageError::InputOutput) error: Kafka does not start with one either.
    pub fn recover(ctx: &mut Context, config: RaftConfig) -> StorageResult<Raft> {
        let mut log = MetadataLog::load(ctx, &config.directory, &config.settings, &config.behaviour)?;
        let mut membership = Membership::default();
        delivery::read_membership(ctx, &mut log, &mut membership)?;
        let directory = metadata_log::partition_directory(&config.directory);
        let stored = quorum_file::read(ctx, &directory)?.unwrap_or(quorum_file::ElectionState::INITIAL);
        let state = transitions::initial_state(ctx, &config, stored, log.last_epoch(), membership.voters());
        let bootstrap = config.bootstrap.iter().filter(|endpoint| config.endpoint.as_ref() != Some(*endpoint));
        let mut raft = Raft {
            bootstrap: bootstrap.cloned().collect(),
            connections: Connections::new(config.settings.request_timeout, config.settings.retry_backoff),
            config,
            log,
            membership,
            state,
            parked: Vec::new(),
            delivered: None,
            announced: (NodeId::NONE, LeaderEpoch::NONE),
            life: Life::Running,
            next_token: 1,
            next_cleaning: ctx.now.monotonic + CLEANING_INTERVAL,
            polled_at: ctx.now.monotonic,
            outbox: Vec::new(),
        };
        raft.start(ctx)?;
        raft.poll(ctx)?;
        Ok(raft)
    }

    /// Handles a request of another member (Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot,
    /// DescribeQuorum): answered by [`RaftOutput::Reply`], now or later.
    pub fn handle_request(&mut self, ctx: &mut Context, handle: RequestHandle, request: Request) {
        self.step(ctx, |raft, ctx| {
            let response = match request {
                Request::Vote(request) => raft.handle_vote(ctx, request)?.into(),
                Request::BeginQuorumEpoch(request) => raft.handle_begin_quorum_epoch(ctx, request)?.into(),
                Request::EndQuorumEpoch(request) => raft.handle_end_quorum_epoch(ctx, request)?.into(),
                Request::Fetch(request) => return raft.handle_fetch(ctx, handle, request),
                Request::FetchSnapshot(request) => raft.handle_fetch_snapshot(ctx, request)?.into(),
                Request::DescribeQuorum(_) => raft.describe_quorum(ctx).into(),
                other => panic!("{:?} is no request to the metadata quorum", other.api()),
            };
            raft.outbox.push(RaftOutput::Reply { handle, response });
            Ok(())
        });
    }

    /// Handles the answer to a request, or the failure to get one. Answers that came too late are ignored.
    pub fn handle_response(&mut self, ctx: &mut Context, token: u64, result: Result<Response, ()>) {
        self.step(ctx, |raft, ctx| {
            // Expected: the state has changed since the request was sent, or it timed out.
            let Some(peer) = raft.connections.expecting(token) else { return Ok(()) };
            let success = match result {
                Ok(Response::Vote(response)) => raft.handle_vote_response(ctx, peer, response)?,
                Ok(Response::BeginQuorumEpoch(response)) => raft.handle_begin_quorum_response(ctx, response)?,
                Ok(Response::EndQuorumEpoch(response)) => raft.handle_end_quorum_response(ctx, peer, response)?,
                Ok(Response::Fetch(response)) => raft.handle_fetch_response(ctx, response)?,
                Ok(Response::FetchSnapshot(response)) => raft.handle_fetch_snapshot_response(ctx, response)?,
                Ok(other) => panic!("{:?} answers no request of the metadata quorum", other.api()),
                Err(()) => false,
            };
            raft.connections.answered(peer, token, success, ctx.now.monotonic);
            Ok(())
        });
    }

    /// Fires everything that is due, and sends what may be sent.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        self.step(ctx, |_, _| Ok(()));
    }

    /// What the last call left behind.
    pub fn take_outputs(&mut self) -> Vec<RaftOutput> {
        take_filled(&mut self.outbox)
    }

    /// Takes a list back that was emptied: what comes next is written there.
    pub fn reuse(&mut self, emptied: Vec<RaftOutput>) {
        give_room(&mut self.outbox, emptied);
    }

    /// Accepts records for the log: they are written after the append linger, in order.
    /// Answers the offset of the last of them. An atomic append is one batch; its records must
    /// fit into `internal.metadata.max.batch.size.in.bytes`.
    ///
    /// # Errors
    /// This member does not lead in `epoch`.
    pub fn prepare_append(
        &mut self,
        ctx: &mut Context,
        epoch: LeaderEpoch,
        records: Vec<Bytes>,
        atomic: bool,
    ) -> Result<Offset, NotLeader> {
        let not_leader = NotLeader { leader: self.leader_and_epoch().0, epoch: self.state.epoch() };
        assert!(epoch <= self.state.epoch(), "an append for epoch {epoch} from the future of {}", self.state.epoch());
        let State::Leader(leader) = &mut self.state else { return Err(not_leader) };
        if leader.epoch != epoch || self.life == Life::Over {
            return Err(not_leader);
        }
        let mut last_offset = None;
        let pieces = if atomic { vec![&records[..]] } else { records.chunks(1).collect() };
        for piece in pieces {
            last_offset = Some(leader.accumulator.append(ctx.now, piece));
        }
        let last_offset = last_offset.expect("an append without records");
        self.step(ctx, |_, _| Ok(()));
        Ok(last_offset)
    }

    /// Writes the snapshot `id` with these data records. What it makes superfluous goes later, by the
    /// retention of `metadata.max.retention.*`, looked at once a minute. Answers false where the snapshot exists already, is not committed yet, or does not lie
    /// where a batch of this log ends. `last_timestamp` is the append time of the last record in
    /// it, in milliseconds.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn create_snapshot(
        &mut self,
        ctx: &mut Context,
        id: SnapshotId,
        last_timestamp: i64,
        records: Vec<Bytes>,
    ) -> StorageResult<bool> {
        let committed = self.high_watermark().unwrap_or(0);
        if self.life == Life::Over || !self.log.may_create(ctx, id, committed)? {
            return Ok(false);
        }
        let (voters, kraft_version) = self.membership.at(id.end_offset - 1);
        let content = SnapshotContent { last_timestamp, kraft_version, voters: voters.as_ref(), records: &records };
        let parts = snapshots::encode(id, ctx.now.wall.millis(), &content);
        self.log.create_snapshot(ctx, id, &parts)?;
        self.membership.truncate_old_entries(id.end_offset);
        Ok(true)
    }

    /// Gives up leadership of `epoch`; does nothing in another epoch or state.
    pub fn resign(&mut self, ctx: &mut Context, epoch: LeaderEpoch) {
        self.step(ctx, |raft, _| {
            if let State::Leader(leader) = &mut raft.state
                && leader.epoch == epoch
            {
                leader.resign_requested = true;
            }
            Ok(())
        });
    }

    /// Leaves the quorum in an orderly way: [`RaftOutput::Exited`] follows, at most 5 s later.
    /// A leader resigns first and stays until another one is known.
    pub fn shut_down(&mut self, ctx: &mut Context) {
        self.step(ctx, |raft, ctx| {
            if raft.life == Life::Running {
                raft.life = Life::Leaving { until: ctx.now.monotonic + SHUTDOWN_TIMEOUT };
            }
            Ok(())
        });
    }

    /// Whether the member leaves the quorum, or has left it.
    pub fn is_stopping(&self) -> bool {
        self.life != Life::Running
    }

    /// The leader this member knows of (NONE while unknown), and its epoch.
    pub fn leader_and_epoch(&self) -> (NodeId, LeaderEpoch) {
        (self.state.leader().unwrap_or(NodeId::NONE), self.state.epoch())
    }

    /// Where that leader listens, if known.
    pub fn leader_endpoint(&self) -> Option<&Endpoint> {
        self.state.leader_endpoint()
    }

    /// The first offset not known to be committed; none while unknown.
    pub fn high_watermark(&self) -> Option<Offset> {
        self.state.high_watermark()
    }

    /// The offset that the next record of the log will get.
    pub fn log_end_offset(&self) -> Offset {
        self.log.end_offset()
    }

    /// The first offset in the log.
    pub fn log_start_offset(&self) -> Offset {
        self.log.start_offset()
    }

    /// The state's name.
    pub fn state_name(&self) -> QuorumStateName {
        self.state.name()
    }

    /// The voters, by the last record in log or snapshot.
    pub fn voters(&self) -> &[Voter] {
        self.membership.voters().as_slice()
    }

    /// Whether this member votes.
    pub fn is_voter(&self) -> bool {
        self.membership.voters().is_voter(self.own_key())
    }

    /// The vote this member has given in its epoch, if any.
    pub fn voted_for(&self) -> Option<ReplicaKey> {
        self.state.election().voted
    }

    /// The newest snapshot.
    pub fn latest_snapshot(&self) -> Option<SnapshotId> {
        self.log.latest_snapshot()
    }

    /// The log, for checks and screens.
    pub fn log(&self) -> &Log {
        &self.log.log
    }

    /// The first offset that the owner has not been given.
    pub fn delivered_offset(&self) -> Offset {
        self.delivered.unwrap_or(0)
    }

    /// This member as a voter: its id on this disk.
    fn own_key(&self) -> ReplicaKey {
        ReplicaKey { id: self.config.node, directory_id: self.config.directory_id }
    }

    /// Does one thing and then everything that follows from it; a failed disk ends it all.
    fn step(&mut self, ctx: &mut Context, work: impl FnOnce(&mut Raft, &mut Context) -> StorageResult<()>) {
        if self.life == Life::Over {
            return;
        }
        let done = work(self, ctx).and_then(|()| if self.life == Life::Over { Ok(()) } else { self.poll(ctx) });
        if let Err(error) = done {
            self.life = Life::Over;
            self.outbox.push(RaftOutput::Failed { error });
        }
    }
}
