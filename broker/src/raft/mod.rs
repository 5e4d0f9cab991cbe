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

use bytes::Bytes;

use crate::config::{Behaviour, RaftSettings, Voter};
use crate::context::Context;
use crate::event::QuorumStateName;
use crate::ids::{ClusterId, DirectoryId, Endpoint, LeaderEpoch, NodeId, Offset, RequestHandle, TopicId};
use crate::message::{Request, Response, SnapshotId};
use crate::storage::StorageResult;
use crate::time::Time;

/// The id of the topic `__cluster_metadata` in every cluster.
pub const METADATA_TOPIC_ID: TopicId = TopicId(uuid::Uuid::from_u128(1));

/// What a quorum member is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RaftConfig {
    /// The quorum's settings.
    pub settings: RaftSettings,
    /// `node.id`.
    pub node: NodeId,
    /// The member's own controller listener; none for a broker, which never leads.
    pub endpoint: Option<Endpoint>,
    /// The id of the metadata directory on this disk.
    pub directory_id: DirectoryId,
    /// The cluster that the storage was formatted for.
    pub cluster_id: ClusterId,
    /// `controller.quorum.bootstrap.servers`.
    pub bootstrap: Vec<Endpoint>,
    /// The metadata directory: `metadata`.
    pub directory: String,
    /// Which Kafka the member behaves as.
    pub behaviour: Behaviour,
}

/// Whom a request goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RaftDestination {
    /// The member; none for a bootstrap server, whose id is not known.
    pub node: Option<NodeId>,
    /// Where it listens.
    pub endpoint: Endpoint,
}

/// A committed batch of metadata records, without the log's own control records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommittedBatch {
    /// The first record's offset; the others follow without gaps.
    pub base_offset: Offset,
    /// The last record's offset.
    pub last_offset: Offset,
    /// The epoch of the leader that appended it.
    pub epoch: LeaderEpoch,
    /// When it was appended, by that leader's wall clock, milliseconds.
    pub append_timestamp: i64,
    /// The records' values.
    pub records: Vec<Bytes>,
}

/// What the member wants of its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RaftOutput {
    /// Send a request; answer with [`Raft::handle_response`] and the same token.
    Send {
        /// To whom.
        to: RaftDestination,
        /// By which the answer finds its request.
        token: u64,
        /// What.
        request: Request,
    },
    /// Answer a request.
    Reply {
        /// Which.
        handle: RequestHandle,
        /// With what.
        response: Response,
    },
    /// These batches are committed. In order, without gaps except for control records.
    Committed {
        /// The batches.
        batches: Vec<CommittedBatch>,
    },
    /// A snapshot replaces everything that was committed before.
    SnapshotLoaded {
        /// Which.
        id: SnapshotId,
        /// The values of its data records.
        records: Vec<Bytes>,
    },
    /// The member learnt of another leader, or that there is none in this epoch.
    LeaderChanged {
        /// The leader; NONE while unknown.
        leader: NodeId,
        /// Where it listens, if known.
        endpoint: Option<Endpoint>,
        /// The epoch.
        epoch: LeaderEpoch,
    },
    /// This member leads and has handed over everything committed before its epoch:
    /// its owner may append from now on.
    ActiveLeader {
        /// The epoch.
        epoch: LeaderEpoch,
    },
    /// The shutdown is complete.
    Exited,
}

/// Why an append was refused: this member does not lead in that epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotLeader {
    /// The leader it knows of; NONE while unknown.
    pub leader: NodeId,
    /// The epoch it is in.
    pub epoch: LeaderEpoch,
}

/// A member of the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    config: RaftConfig,
    outbox: Vec<RaftOutput>,
}

impl Raft {
    /// Writes the checkpoint that a new cluster starts from: the voters, and the first metadata.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn format(
        _ctx: &mut Context,
        _directory: &str,
        _voters: &[Voter],
        _bootstrap_records: Vec<Bytes>,
    ) -> StorageResult<()> {
        unimplemented!()
    }

    /// Opens log, snapshots and quorum state, and takes the state that they prescribe.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn recover(_ctx: &mut Context, _config: RaftConfig) -> StorageResult<Raft> {
        unimplemented!()
    }

    /// Handles a request of another member (Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch, FetchSnapshot,
    /// DescribeQuorum): answered by [`RaftOutput::Reply`], now or later.
    pub fn handle_request(&mut self, _ctx: &mut Context, _handle: RequestHandle, _request: Request) {
        unimplemented!()
    }

    /// Handles the answer to a request, or the failure to get one. Answers that came too late are ignored.
    pub fn handle_response(&mut self, _ctx: &mut Context, _token: u64, _result: Result<Response, ()>) {
        unimplemented!()
    }

    /// Fires everything that is due, and sends what may be sent.
    pub fn on_timers(&mut self, _ctx: &mut Context) {
        unimplemented!()
    }

    /// When [`Raft::on_timers`] has something to do next.
    pub fn next_deadline(&self) -> Option<Time> {
        unimplemented!()
    }

    /// What the last call left behind.
    pub fn take_outputs(&mut self) -> Vec<RaftOutput> {
        std::mem::take(&mut self.outbox)
    }

    /// Accepts records for the log: they are written after the append linger, in order.
    /// Answers the offset of the last of them. An atomic append is one batch.
    ///
    /// # Errors
    /// This member does not lead in `epoch`.
    pub fn prepare_append(
        &mut self,
        _ctx: &mut Context,
        _epoch: LeaderEpoch,
        _records: Vec<Bytes>,
        _atomic: bool,
    ) -> Result<Offset, NotLeader> {
        unimplemented!()
    }

    /// Writes the snapshot `id` with these data records, and cleans up what it makes superfluous.
    /// Answers false where the snapshot exists already or does not lie on a committed batch's end.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn create_snapshot(
        &mut self,
        _ctx: &mut Context,
        _id: SnapshotId,
        _last_timestamp: i64,
        _records: Vec<Bytes>,
    ) -> StorageResult<bool> {
        unimplemented!()
    }

    /// Gives up leadership of `epoch`; does nothing in another epoch or state.
    pub fn resign(&mut self, _ctx: &mut Context, _epoch: LeaderEpoch) {
        unimplemented!()
    }

    /// Leaves the quorum in an orderly way: [`RaftOutput::Exited`] follows, at most 5 s later.
    pub fn shut_down(&mut self, _ctx: &mut Context) {
        unimplemented!()
    }

    /// The leader this member knows of (NONE while unknown), and its epoch.
    pub fn leader_and_epoch(&self) -> (NodeId, LeaderEpoch) {
        unimplemented!()
    }

    /// Where that leader listens, if known.
    pub fn leader_endpoint(&self) -> Option<Endpoint> {
        unimplemented!()
    }

    /// The first offset not known to be committed; none while unknown.
    pub fn high_watermark(&self) -> Option<Offset> {
        unimplemented!()
    }

    /// The offset that the next record of the log will get.
    pub fn log_end_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The first offset in the log.
    pub fn log_start_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The state's name.
    pub fn state_name(&self) -> QuorumStateName {
        unimplemented!()
    }

    /// The voters, by the last record in log or snapshot.
    pub fn voters(&self) -> &[Voter] {
        unimplemented!()
    }

    /// The newest snapshot.
    pub fn latest_snapshot(&self) -> Option<SnapshotId> {
        unimplemented!()
    }
}
