//! What the replica manager wants from its surroundings (the node performs these, in order).

use crate::ids::{DirectoryId, NodeId, RequestHandle};
use crate::log::FlushPlan;
use crate::message::{AlterPartitionRequest, Request, Response};

/// Something that the node must do for the replica manager; see [`super::ReplicaManager::take_outputs`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionOutput {
    /// Answer a client's or follower's request.
    Reply {
        /// Which request.
        handle: RequestHandle,
        /// The answer.
        response: Response,
    },
    /// A produce request with `acks=0` is done: there is no answer, and the connection may go on.
    NoReply {
        /// Which request.
        handle: RequestHandle,
    },
    /// A produce request with `acks=0` failed: the only way to say so is to close the connection.
    CloseConnection {
        /// Which request.
        handle: RequestHandle,
    },
    /// A replica fetcher speaks to a leader: a Fetch or a ListOffsets, one in flight a leader.
    /// Answer with [`super::ReplicaManager::handle_leader_response`].
    SendToLeader {
        /// The leader's broker.
        leader: NodeId,
        /// Comes back with the answer; an answer with another token than the last is dropped.
        token: u64,
        /// The request.
        request: Request,
    },
    /// Nothing is fetched from this broker any more: its fetcher connection may be closed.
    CloseLeaderConnection {
        /// The broker.
        leader: NodeId,
    },
    /// Propose in-sync sets to the active controller; one request in flight a broker. Answer with
    /// [`super::ReplicaManager::handle_alter_partition_response`].
    SendAlterPartition {
        /// The proposals.
        request: AlterPartitionRequest,
    },
    /// Sync files in the background; answer with [`super::ReplicaManager::flushed`].
    Flush {
        /// Comes back with the answer.
        token: u64,
        /// What to sync.
        plan: FlushPlan,
    },
    /// A log directory failed: its partitions are offline, and the controller must hear of it.
    DirectoryFailed {
        /// Which.
        directory: DirectoryId,
    },
    /// The last log directory failed: a broker without any ends.
    AllDirectoriesFailed,
    /// All logs are loaded (answers `start_loading`).
    LogsLoaded,
    /// All logs are closed (answers `shut_down`).
    LogsClosed,
}
