//! Fetch (key 1, v4–18): read, and for followers and voters acknowledge.

use bytes::Bytes;

use super::{ErrorCode, LeaderHint, NodeEndpoint};
use crate::ids::{BrokerEpoch, ClusterId, DirectoryId, LeaderEpoch, NodeId, Offset, ProducerId, TopicId, TopicName};

/// What a consumer wants to see of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationLevel {
    /// Everything below the high watermark.
    #[default]
    ReadUncommitted,
    /// Everything below the last stable offset, aborted records filtered out.
    ReadCommitted,
}

/// A snapshot of the metadata log: everything before `end_offset`, last written in `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SnapshotId {
    /// The first offset not in the snapshot.
    pub end_offset: Offset,
    /// The leader epoch of the last record in it.
    pub epoch: LeaderEpoch,
}

/// Where a leader epoch ends in a log: the answer of an epoch look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct EpochEndOffset {
    /// The epoch found; may be smaller than the one asked for.
    pub epoch: LeaderEpoch,
    /// The first offset after it.
    pub end_offset: Offset,
}

/// A partition as a fetch names it: by its topic's id from version 13 on, by its topic's name before (KIP-516). What
/// is not said is zero, or empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchKey {
    /// The topic's id (v13+).
    pub topic_id: TopicId,
    /// The topic's name (v4–12).
    pub topic: TopicName,
    /// The partition's index.
    pub partition: i32,
}

impl FetchKey {
    /// The name that version 13 and later have for a partition.
    pub fn by_id((topic_id, partition): (TopicId, i32)) -> FetchKey {
        FetchKey { topic_id, topic: TopicName::default(), partition }
    }
}

/// Read these partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchRequest {
    /// The quorum member's cluster, in fetches of the metadata log.
    pub cluster_id: Option<ClusterId>,
    /// The follower; [`NodeId::NONE`] for a consumer.
    pub replica_id: NodeId,
    /// The follower's registration (KIP-903); −1 for consumers and quorum members.
    pub replica_epoch: BrokerEpoch,
    /// How long the broker may wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// How many bytes are worth answering at once.
    pub min_bytes: i32,
    /// The most bytes in the whole answer; one batch may exceed it.
    pub max_bytes: i32,
    /// Committed transactions only, or all below the high watermark.
    pub isolation: IsolationLevel,
    /// The fetch session; 0 for none (KIP-227).
    pub session_id: i32,
    /// The session's epoch: 0 asks for a session, −1 refuses one.
    pub session_epoch: i32,
    /// Whether topics go by name (v4–12), in this request and in a session that it makes.
    pub by_name: bool,
    /// The partitions to read; in an incremental fetch only those that changed.
    pub partitions: Vec<FetchPartition>,
    /// The partitions to drop from the session.
    pub forgotten: Vec<FetchKey>,
    /// The consumer's rack, for fetching from the closest replica.
    pub rack_id: String,
}

/// One partition to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchPartition {
    /// The topic's id; zero where it goes by name.
    pub topic_id: TopicId,
    /// The topic's name; empty where it goes by id.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: i32,
    /// The leader epoch that the reader knows; NONE to skip the check.
    pub current_leader_epoch: LeaderEpoch,
    /// Where to read from. From a follower: "I hold everything before this".
    pub fetch_offset: Offset,
    /// The epoch of the last record the reader has; NONE to skip divergence detection.
    pub last_fetched_epoch: LeaderEpoch,
    /// The follower's log start offset; −1 for consumers.
    pub log_start_offset: Offset,
    /// The most bytes from this partition.
    pub max_bytes: i32,
    /// The directory the quorum member keeps the log in (KIP-853).
    pub replica_directory_id: DirectoryId,
    /// The quorum member's high watermark (KIP-1166): `None` means the field's default,
    /// Long.MAX ("not supported"), as broker followers and consumers leave it; −1 is unknown.
    pub high_watermark: Option<Offset>,
}

impl FetchPartition {
    /// Which partition is meant.
    pub fn key(&self) -> FetchKey {
        FetchKey { topic_id: self.topic_id, topic: self.topic.clone(), partition: self.partition }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchResponse {
    /// An error of the whole request: session errors.
    pub error: ErrorCode,
    /// The session; 0 if there is none.
    pub session_id: i32,
    /// What was read, by partition.
    pub partitions: Vec<FetchPartitionResponse>,
    /// Where the leaders named in the answers listen (KIP-951).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// What was read of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchPartitionResponse {
    /// The topic's id; zero where it goes by name.
    pub topic_id: TopicId,
    /// The topic's name; empty where it goes by id.
    pub topic: TopicName,
    /// The partition's index.
    pub partition: i32,
    /// Whether it could be read.
    pub error: ErrorCode,
    /// The leader's high watermark; −1 on error.
    pub high_watermark: Offset,
    /// The last stable offset; −1 on error.
    pub last_stable_offset: Offset,
    /// The log start offset; −1 on error.
    pub log_start_offset: Offset,
    /// Where the reader's log diverges from the leader's (KIP-595): no records then.
    pub diverging_epoch: Option<EpochEndOffset>,
    /// The leader, on an error that says it is another one, and in every quorum answer.
    pub current_leader: Option<LeaderHint>,
    /// The snapshot to fetch instead (metadata log only).
    pub snapshot_id: Option<SnapshotId>,
    /// Aborted transactions in the range (read_committed).
    pub aborted_transactions: Vec<AbortedTransaction>,
    /// The replica a consumer should read from instead.
    pub preferred_read_replica: NodeId,
    /// The batches.
    pub records: Bytes,
}

impl FetchPartitionResponse {
    /// Which partition is meant.
    pub fn key(&self) -> FetchKey {
        FetchKey { topic_id: self.topic_id, topic: self.topic.clone(), partition: self.partition }
    }
}

/// One aborted transaction, so that a consumer can skip its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbortedTransaction {
    /// Whose transaction.
    pub producer_id: ProducerId,
    /// Its first offset in the partition.
    pub first_offset: Offset,
}
