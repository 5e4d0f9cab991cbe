//! Events of replication: leadership, the high watermark, the in-sync set, fetches.

use serde::Serialize;

use crate::ids::{LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicPartition};
use crate::message::{Acks, ErrorCode, IsolationLevel};

/// Something that happened to one replica of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PartitionEvent {
    /// This replica leads.
    BecameLeader {
        /// Which partition.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// The registration's version.
        partition_epoch: PartitionEpoch,
        /// Where the epoch starts in this log.
        epoch_start_offset: Offset,
        /// The high watermark it starts with.
        high_watermark: Offset,
        /// The in-sync set it starts with.
        isr: Vec<NodeId>,
    },
    /// This replica follows.
    BecameFollower {
        /// Which partition.
        partition: TopicPartition,
        /// Whom; NONE while there is no leader.
        leader: NodeId,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// The registration's version.
        partition_epoch: PartitionEpoch,
        /// The high watermark it goes on with; after a start, that of its last checkpoint.
        high_watermark: Offset,
    },
    /// The leader took a produce request's batches.
    Produced {
        /// Which partition.
        partition: TopicPartition,
        /// What the producer waits for.
        acks: Acks,
        /// The first record's offset.
        base_offset: Offset,
        /// The log end offset afterwards.
        log_end_offset: Offset,
    },
    /// The leader refused a produce request's batches.
    ProduceRefused {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        error: ErrorCode,
    },
    /// A produce request waits for replication.
    ProduceParked {
        /// Which partition.
        partition: TopicPartition,
        /// The high watermark it waits for.
        required_offset: Offset,
    },
    /// A parked produce request was answered.
    ProduceCompleted {
        /// Which partition.
        partition: TopicPartition,
        /// The high watermark it waited for.
        required_offset: Offset,
        /// How it ended.
        error: ErrorCode,
    },
    /// A fetch waits for records.
    FetchParked {
        /// Which partition (one event a partition).
        partition: TopicPartition,
        /// The follower; NONE for a consumer.
        replica: NodeId,
        /// From which offset.
        fetch_offset: Offset,
        /// For how long at most, in milliseconds.
        max_wait_ms: u64,
    },
    /// A fetch was answered.
    FetchAnswered {
        /// Which partition.
        partition: TopicPartition,
        /// The follower; NONE for a consumer.
        replica: NodeId,
        /// From which offset.
        fetch_offset: Offset,
        /// How many bytes.
        bytes: u64,
        /// The high watermark that travels with it; −1 on error.
        high_watermark: Offset,
        /// Whether it could be read.
        error: ErrorCode,
        /// Whether it had been parked.
        parked: bool,
    },
    /// The leader learned how far a follower is.
    FollowerAdvanced {
        /// Which partition.
        partition: TopicPartition,
        /// Which follower.
        replica: NodeId,
        /// Before; −1 if unknown.
        from: Offset,
        /// Its log end offset.
        to: Offset,
    },
    /// A client asked where the partition ends.
    EndOffsetListed {
        /// Which partition.
        partition: TopicPartition,
        /// The end of everything committed, or of what is stable.
        isolation: IsolationLevel,
        /// The answer; none if it was refused.
        offset: Option<Offset>,
    },
    /// The high watermark rose (on a follower it may fall).
    HighWatermarkAdvanced {
        /// Which partition.
        partition: TopicPartition,
        /// Before.
        from: Offset,
        /// Afterwards.
        to: Offset,
        /// Whether this replica leads.
        as_leader: bool,
    },
    /// The leader proposed another in-sync set.
    IsrChangeProposed {
        /// Which partition.
        partition: TopicPartition,
        /// The set in force.
        from: Vec<NodeId>,
        /// The set proposed.
        to: Vec<NodeId>,
    },
    /// Another in-sync set is in force, as this leader knows.
    IsrChanged {
        /// Which partition.
        partition: TopicPartition,
        /// Before.
        from: Vec<NodeId>,
        /// Afterwards.
        to: Vec<NodeId>,
        /// The registration's version.
        partition_epoch: PartitionEpoch,
    },
    /// A proposal was not accepted.
    IsrChangeRefused {
        /// Which partition.
        partition: TopicPartition,
        /// What the controller said.
        error: ErrorCode,
    },
    /// The leader told a follower that its log diverges.
    DivergenceFound {
        /// Which partition.
        partition: TopicPartition,
        /// Which follower.
        replica: NodeId,
        /// The largest epoch both may have.
        epoch: LeaderEpoch,
        /// Where it ends in the leader's log.
        end_offset: Offset,
    },
    /// The follower appended what it had fetched.
    RecordsReplicated {
        /// Which partition.
        partition: TopicPartition,
        /// Its log end offset.
        log_end_offset: Offset,
        /// Its high watermark.
        high_watermark: Offset,
    },
    /// A fetch answer was not applied.
    FetchResponseIgnored {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        reason: FetchIgnored,
    },
    /// The follower waits before it fetches this partition again.
    FetchDelayed {
        /// Which partition.
        partition: TopicPartition,
        /// What the leader said.
        error: ErrorCode,
    },
    /// The follower no longer fetches this partition, until the metadata changes.
    FetcherFailed {
        /// Which partition.
        partition: TopicPartition,
        /// Why.
        error: ErrorCode,
    },
    /// The replica can no longer be used because its log directory failed.
    ReplicaOffline {
        /// Which partition.
        partition: TopicPartition,
    },
    /// The replica was removed from this broker.
    ReplicaRemoved {
        /// Which partition.
        partition: TopicPartition,
    },
}

/// Why a follower did not apply an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchIgnored {
    /// The follower is at another offset by now.
    OtherOffset,
    /// The partition is in another leader epoch by now.
    OtherEpoch,
    /// The partition is no longer fetched from that leader.
    NotFetching,
}
