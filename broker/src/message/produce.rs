//! Produce (key 0, v3–13) and InitProducerId (key 22).

use bytes::Bytes;

use super::ErrorCode;
use crate::ids::{LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, TopicId, TopicName};

/// How many acknowledgements a producer waits for (`acks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Acks {
    /// `0`: no response at all.
    None,
    /// `1`: the leader has appended.
    Leader,
    /// `all` (−1): every member of the maximal in-sync set has appended.
    All,
}

/// Append these batches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProduceRequest {
    /// The transactional id, for transactional batches.
    pub transactional_id: Option<String>,
    /// What to wait for.
    pub acks: Acks,
    /// How long the broker may wait for the acknowledgements, in milliseconds.
    pub timeout_ms: i32,
    /// The batches by topic and partition; one batch a partition (magic 2).
    pub partitions: Vec<ProducePartition>,
}

/// The batch for one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducePartition {
    /// The topic's id (v13+).
    pub topic_id: TopicId,
    /// The topic's name: on the wire only up to v12; kept here for traces.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: i32,
    /// One record batch, as bytes.
    pub records: Bytes,
}

/// What became of each batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProduceResponse {
    /// One answer a partition.
    pub partitions: Vec<ProducePartitionResponse>,
    /// Where the leaders named in the answers listen (KIP-951).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducePartitionResponse {
    /// The topic's id (v13+).
    pub topic_id: TopicId,
    /// The topic's name, as the request gave it: on the wire only up to v12.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: i32,
    /// Whether it was appended.
    pub error: ErrorCode,
    /// The offset of the batch's first record; −1 on error.
    pub base_offset: Offset,
    /// The broker's timestamp with LogAppendTime; −1 with CreateTime.
    pub log_append_time_ms: i64,
    /// The log start offset; −1 on error.
    pub log_start_offset: Offset,
    /// A hint where the leader is (KIP-951), on NOT_LEADER_OR_FOLLOWER.
    pub current_leader: Option<LeaderHint>,
}

/// The leader that the answering broker knows of (KIP-951).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaderHint {
    /// The leader; [`NodeId::NONE`] if there is none.
    pub leader: NodeId,
    /// Its epoch.
    pub epoch: LeaderEpoch,
}

/// A broker and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeEndpoint {
    /// The broker.
    pub node: NodeId,
    /// Its client listener.
    pub endpoint: crate::ids::Endpoint,
    /// Its rack, if configured.
    pub rack: Option<String>,
}

/// Give me a producer id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InitProducerIdRequest {
    /// The transactional id; none for a producer that is only idempotent.
    pub transactional_id: Option<String>,
    /// After how many milliseconds the coordinator aborts a transaction.
    pub transaction_timeout_ms: i32,
    /// The id the producer has, to raise its epoch.
    pub producer_id: ProducerId,
    /// The epoch the producer has.
    pub producer_epoch: ProducerEpoch,
}

/// The producer's id and epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InitProducerIdResponse {
    /// Whether it worked.
    pub error: ErrorCode,
    /// The id.
    pub producer_id: ProducerId,
    /// The epoch.
    pub producer_epoch: ProducerEpoch,
}
