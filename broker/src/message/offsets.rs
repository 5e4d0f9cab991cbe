//! ListOffsets (key 2, v1–10) and OffsetForLeaderEpoch (key 23, v2–4).

use super::{ErrorCode, IsolationLevel};
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// −1: the end that the asker may see.
    Latest,
    /// −2: the log start offset.
    Earliest,
    /// −3: the offset of the record with the largest timestamp.
    MaxTimestamp,
    /// The first record with this timestamp, in milliseconds since 1970, or later.
    AtTimestamp(i64),
}

/// Find offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsRequest {
    /// The follower; [`NodeId::NONE`] for a client.
    pub replica_id: NodeId,
    /// Decides what "latest" means to a client.
    pub isolation: IsolationLevel,
    /// What to find.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One partition's question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch the asker knows.
    pub current_leader_epoch: LeaderEpoch,
    /// Which offset.
    pub spec: OffsetSpec,
}

/// The offsets found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsResponse {
    /// One answer a partition.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

/// One partition's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListOffsetsPartitionResponse {
    /// The partition.
    pub partition: TopicPartition,
    /// Whether it could be answered.
    pub error: ErrorCode,
    /// The timestamp of the record found; −1 if none.
    pub timestamp: i64,
    /// The offset; −1 if none.
    pub offset: Offset,
    /// The leader epoch of the record found.
    pub leader_epoch: LeaderEpoch,
}

/// Where did these leader epochs end?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochRequest {
    /// The follower; [`NodeId::NONE`] for a consumer.
    pub replica_id: NodeId,
    /// What to look up.
    pub partitions: Vec<OffsetForLeaderEpochPartition>,
}

/// One partition's question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch the asker knows.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch to look up.
    pub leader_epoch: LeaderEpoch,
}

/// The ends found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochResponse {
    /// One answer a partition.
    pub partitions: Vec<OffsetForLeaderEpochPartitionResponse>,
}

/// One partition's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetForLeaderEpochPartitionResponse {
    /// The partition.
    pub partition: TopicPartition,
    /// Whether it could be answered.
    pub error: ErrorCode,
    /// The largest epoch not above the one asked for.
    pub leader_epoch: LeaderEpoch,
    /// The first offset after it; −1 if unknown.
    pub end_offset: Offset,
}
