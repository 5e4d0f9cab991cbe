//! The metadata quorum's own messages: Vote, BeginQuorumEpoch, EndQuorumEpoch,
//! FetchSnapshot, DescribeQuorum (KIP-595, KIP-630, KIP-853, KIP-996).
//!
//! Every answer names the leader its sender knows of and its epoch: that is how
//! epochs and leaders spread. Simplified: the topic-partition arrays of the wire
//! format always hold the one partition of `__cluster_metadata`, so they are
//! flattened here.

use bytes::Bytes;

use super::{ErrorCode, NodeEndpoint, SnapshotId};
use crate::ids::{ClusterId, DirectoryId, Endpoint, LeaderEpoch, NodeId, Offset};

/// A voter as the quorum knows it: an id on one particular disk (KIP-853).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ReplicaKey {
    /// The node.
    pub id: NodeId,
    /// Its metadata directory; `UNASSIGNED` where it is not known.
    pub directory_id: DirectoryId,
}

/// Will you vote for me?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoteRequest {
    /// The candidate's cluster.
    pub cluster_id: Option<ClusterId>,
    /// The voter that is asked.
    pub voter: ReplicaKey,
    /// The candidate.
    pub candidate: ReplicaKey,
    /// The epoch it stands for; in a pre-vote the epoch it has.
    pub epoch: LeaderEpoch,
    /// The epoch of its last record.
    pub last_epoch: LeaderEpoch,
    /// Its log end offset.
    pub last_epoch_end_offset: Offset,
    /// Whether it only asks whether it would win (KIP-996).
    pub pre_vote: bool,
}

/// The voter's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoteResponse {
    /// Why the request was not even considered.
    pub error: ErrorCode,
    /// The leader the voter knows of.
    pub leader: NodeId,
    /// The voter's epoch.
    pub epoch: LeaderEpoch,
    /// Whether the vote was given.
    pub vote_granted: bool,
    /// Where the leader listens.
    pub leader_endpoint: Option<NodeEndpoint>,
}

/// I lead this epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BeginQuorumEpochRequest {
    /// The leader's cluster.
    pub cluster_id: Option<ClusterId>,
    /// The voter that is told.
    pub voter: ReplicaKey,
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Where it listens.
    pub leader_endpoint: Option<Endpoint>,
}

/// Noted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BeginQuorumEpochResponse {
    /// Why it was refused.
    pub error: ErrorCode,
    /// The leader the voter knows of.
    pub leader: NodeId,
    /// The voter's epoch.
    pub epoch: LeaderEpoch,
    /// Where the leader listens.
    pub leader_endpoint: Option<NodeEndpoint>,
}

/// I no longer lead this epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndQuorumEpochRequest {
    /// The leader's cluster.
    pub cluster_id: Option<ClusterId>,
    /// The leader that resigns.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Who should stand for election, the most caught-up first.
    pub preferred_candidates: Vec<ReplicaKey>,
    /// Where the leader listens.
    pub leader_endpoint: Option<Endpoint>,
}

/// Noted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndQuorumEpochResponse {
    /// Why it was refused.
    pub error: ErrorCode,
    /// The leader the voter knows of.
    pub leader: NodeId,
    /// The voter's epoch.
    pub epoch: LeaderEpoch,
    /// Where the leader listens.
    pub leader_endpoint: Option<NodeEndpoint>,
}

/// Read a piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchSnapshotRequest {
    /// The reader's cluster.
    pub cluster_id: Option<ClusterId>,
    /// The reader.
    pub replica: ReplicaKey,
    /// The epoch the reader is in.
    pub current_leader_epoch: LeaderEpoch,
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
    /// From which byte.
    pub position: i64,
    /// The most bytes.
    pub max_bytes: i32,
}

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchSnapshotResponse {
    /// Why there is none.
    pub error: ErrorCode,
    /// The snapshot.
    pub snapshot_id: SnapshotId,
    /// The leader the answering node knows of.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The whole snapshot's size in bytes.
    pub size: i64,
    /// Where this piece begins.
    pub position: i64,
    /// The piece.
    pub bytes: Bytes,
    /// Where the leader listens.
    pub leader_endpoint: Option<NodeEndpoint>,
}

/// How is the quorum?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribeQuorumRequest;

/// The quorum as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribeQuorumResponse {
    /// NOT_LEADER_OR_FOLLOWER when the answering node does not lead.
    pub error: ErrorCode,
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// The quorum's high watermark.
    pub high_watermark: Offset,
    /// The voters and how far they are.
    pub voters: Vec<QuorumReplica>,
    /// The observers and how far they are.
    pub observers: Vec<QuorumReplica>,
}

/// One member's progress as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumReplica {
    /// The member.
    pub replica: ReplicaKey,
    /// Its log end offset; −1 if unknown.
    pub log_end_offset: Offset,
    /// When it last fetched, wall clock, milliseconds; −1 if unknown.
    pub last_fetch_timestamp: i64,
    /// When it was last caught up, wall clock, milliseconds; −1 if unknown.
    pub last_caught_up_timestamp: i64,
}
