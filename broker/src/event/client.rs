//! Events of clients: what their applications would see or log.

use serde::Serialize;

use crate::ids::{GroupId, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Ticket, TopicPartition};
use crate::message::{Acks, Api, ErrorCode};

/// Something that happened in a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ClientEvent {
    /// The client connected to a node.
    ConnectionOpened {
        /// Which node; NONE for a bootstrap server.
        node: NodeId,
    },
    /// A connection was lost or given up.
    ConnectionLost {
        /// To which node.
        node: NodeId,
        /// How many requests were unanswered.
        in_flight: u32,
        /// Why.
        reason: ConnectionLoss,
    },
    /// A request failed without an answer.
    RequestFailed {
        /// Of which API.
        api: Api,
        /// To which node.
        node: NodeId,
    },
    /// Metadata was refreshed.
    MetadataUpdated {
        /// The leaders known now: (partition, leader, epoch).
        leaders: Vec<(TopicPartition, NodeId, LeaderEpoch)>,
    },
    /// A leader was learned from an error answer (KIP-951).
    LeaderLearned {
        /// Of which partition.
        partition: TopicPartition,
        /// The leader.
        leader: NodeId,
        /// Its epoch.
        epoch: LeaderEpoch,
    },
    /// The producer got its id, or raised its epoch by itself.
    ProducerIdAssigned {
        /// The id.
        producer_id: ProducerId,
        /// The epoch.
        producer_epoch: ProducerEpoch,
    },
    /// A record was handed to the producer and given a partition.
    RecordQueued {
        /// Which call.
        ticket: Ticket,
        /// Where it will go.
        partition: TopicPartition,
    },
    /// A batch left, for the first time or again.
    BatchSent {
        /// Where to.
        partition: TopicPartition,
        /// The broker.
        node: NodeId,
        /// How many records.
        records: i32,
        /// Its first sequence number; −1 without idempotence.
        first_sequence: i32,
        /// How many times it was sent before.
        attempt: i32,
        /// What it waits for.
        acks: Acks,
    },
    /// A batch was acknowledged.
    BatchAcked {
        /// Where.
        partition: TopicPartition,
        /// The first record's offset; −1 with acks=0.
        base_offset: Offset,
        /// How many records.
        records: i32,
        /// What it waited for.
        acks: Acks,
    },
    /// A batch will be sent again.
    BatchRetried {
        /// Where to.
        partition: TopicPartition,
        /// Why.
        error: ErrorCode,
        /// Its first sequence number; −1 without idempotence.
        first_sequence: i32,
    },
    /// A batch was given up: its records may or may not be in the log.
    BatchFailed {
        /// Where to.
        partition: TopicPartition,
        /// Why.
        error: ErrorCode,
        /// How many records.
        records: i32,
    },
    /// The consumer's position in a partition is known or has changed by other means than reading.
    PositionSet {
        /// Which partition.
        partition: TopicPartition,
        /// The offset of the next record to read.
        offset: Offset,
        /// Why.
        reason: PositionReason,
    },
    /// The consumer's application got records.
    RecordsConsumed {
        /// Of which partition.
        partition: TopicPartition,
        /// The first one's offset.
        first_offset: Offset,
        /// The position afterwards.
        position: Offset,
        /// How many.
        records: i32,
        /// Which, in the order in which the application got them.
        read: Vec<RecordFact>,
        /// The leader epochs of the first and the last one (`ConsumerRecord.leaderEpoch`).
        epochs: (LeaderEpoch, LeaderEpoch),
    },
    /// A fetch was answered with an error.
    FetchFailed {
        /// Of which partition.
        partition: TopicPartition,
        /// Which.
        error: ErrorCode,
    },
    /// A poll threw an error, and the application that polls in a loop ended with it: nobody polls any more. What its consumer
    /// does beside polls goes on.
    ApplicationEnded {
        /// What the poll threw.
        error: ErrorCode,
    },
    /// The log was cut off below the consumer's position.
    TruncationDetected {
        /// Of which partition.
        partition: TopicPartition,
        /// Where the consumer was.
        position: Offset,
        /// Where the logs part.
        divergent_offset: Offset,
    },
    /// An administrator was told which groups there are.
    GroupsListed {
        /// The groups, by their ids.
        groups: Vec<GroupId>,
    },
    /// An administrator was told how a group stands.
    GroupDescribed {
        /// The group.
        group: GroupId,
        /// "classic" or "consumer".
        group_type: String,
        /// Its state, as Kafka writes it.
        state: String,
        /// The broker that answered.
        coordinator: NodeId,
        /// How many members it has.
        members: usize,
    },
    /// An administrator was told that a group is deleted.
    GroupDeleted {
        /// The group.
        group: GroupId,
    },
    /// What an administrator asked about a group came to nothing.
    GroupCallFailed {
        /// The group.
        group: GroupId,
        /// What was asked for.
        call: GroupCall,
        /// Why it came to nothing.
        error: ErrorCode,
    },
    /// An administrator was told that offsets of a group are deleted.
    GroupOffsetsDeleted {
        /// The group.
        group: GroupId,
        /// Of which partitions.
        partitions: Vec<TopicPartition>,
    },
}

/// What an administrator can ask for about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupCall {
    /// How it stands.
    Describe,
    /// That it is deleted.
    Delete,
    /// That offsets of it are deleted.
    DeleteOffsets,
}

/// One record as an application got it: enough to tell whether it is the one that another application sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct RecordFact {
    /// Its offset.
    pub offset: Offset,
    /// What it holds.
    #[serde(flatten)]
    pub content: ContentFact,
}

/// What a record holds, as far as two records must be told apart. Texts of one length that differ in four neighbouring bytes
/// or fewer never share a checksum, and records that are numbered differ so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ContentFact {
    /// The CRC-32C of its key; 0 without one.
    pub key_crc: u32,
    /// The CRC-32C of its value; 0 for a tombstone.
    pub value_crc: u32,
}

impl ContentFact {
    /// What a record with this key and value holds.
    pub fn of(key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let checksum = |bytes: Option<&[u8]>| bytes.map_or(0, crc32c::crc32c);
        ContentFact { key_crc: checksum(key), value_crc: checksum(value) }
    }
}

/// Why a client lost a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionLoss {
    /// A request was not answered in time.
    RequestTimedOut,
    /// The other side refused, closed or reset it.
    Disconnected,
    /// Nothing was said on it for too long.
    Idle,
}

/// Why a consumer's position changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PositionReason {
    /// auto.offset.reset said so.
    Reset,
    /// The application asked.
    Seek,
    /// The group had committed it.
    Committed,
    /// The log diverged, and the consumer went to where the logs part.
    Truncation,
}
