//! What a quorum member is given, and what it asks for.

use bytes::Bytes;

use crate::config::{Behaviour, RaftSettings};
use crate::ids::{ClusterId, DirectoryId, Endpoint, LeaderEpoch, NodeId, Offset, RequestHandle, TopicId};
use crate::message::{Request, Response, SnapshotId};
use crate::storage::StorageError;

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
    /// The id of the metadata directory on this disk: it names the voter together with the node's id.
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

/// A committed batch of metadata records; empty where the batch held the log's own control records.
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
    /// Send a request; answer with [`Raft::handle_response`](super::Raft::handle_response) and the same token.
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
    /// These batches are committed: in order and without gaps. A batch of the log's own control
    /// records appears without records, so that its offsets are known to be passed.
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
    ///
    /// A leader that resigns is not announced as gone before a higher epoch is known, as in Kafka:
    /// its owner notices by [`NotLeader`].
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
    /// The shutdown is complete: the log is flushed, and the member does nothing any more.
    Exited,
    /// Another member called a request of this one invalid, which cannot be: the member does nothing any more, and the
    /// process must end (`RaftIoThread` hands what is thrown to the fatal fault handler).
    FatalFault,
    /// The disk with the metadata log failed: the member does nothing any more, and the process must end.
    Failed {
        /// How.
        error: StorageError,
    },
}

/// Why an append was refused: this member does not lead in that epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotLeader {
    /// The leader it knows of; NONE while unknown.
    pub leader: NodeId,
    /// The epoch it is in.
    pub epoch: LeaderEpoch,
}
