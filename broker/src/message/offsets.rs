//! ListOffsets (key 2, v1–10), DeleteRecords (key 21, v0–2) and OffsetForLeaderEpoch (key 23, v2–4).

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

/// Give up the first records of partitions (KIP-107).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteRecordsRequest {
    /// Where each shall start; −1 for the high watermark.
    pub partitions: Vec<(TopicPartition, Offset)>,
    /// How long to wait until all replicas have followed, in milliseconds.
    pub timeout_ms: i32,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteRecordsResponse {
    /// One answer a partition.
    pub partitions: Vec<DeleteRecordsPartitionResponse>,
}

/// What became of one partition's records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteRecordsPartitionResponse {
    /// The partition.
    pub partition: TopicPartition,
    /// The smallest log start of its replicas that live; −1 with an error.
    pub low_watermark: Offset,
    /// Whether the records are given up.
    pub error: ErrorCode,
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
