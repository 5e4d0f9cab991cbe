//! Events of a log: what changed in its files.

use serde::Serialize;

use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};
use crate::storage::StorageError;

/// Something that happened to one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LogEvent {
    /// Batches were appended.
    RecordsAppended {
        /// Whose log.
        partition: TopicPartition,
        /// The first record's offset.
        base_offset: Offset,
        /// The log end offset afterwards.
        log_end_offset: Offset,
        /// The epoch of the leader under which they were appended.
        leader_epoch: LeaderEpoch,
        /// How many bytes.
        bytes: u64,
        /// As leader, or as follower.
        as_leader: bool,
        /// What was appended, batch by batch, in order: never empty.
        batches: Vec<BatchFact>,
    },
    /// A batch was recognised as a duplicate and not appended again (KIP-98).
    DuplicateSequence {
        /// Whose log.
        partition: TopicPartition,
        /// Who sent it.
        producer_id: ProducerId,
        /// The batch's first sequence number.
        first_sequence: i32,
        /// The offset at which the original lies.
        base_offset: Offset,
    },
    /// A batch was refused because its sequence number does not follow.
    SequenceRefused {
        /// Whose log.
        partition: TopicPartition,
        /// Who sent it.
        producer_id: ProducerId,
        /// The epoch it sent.
        producer_epoch: ProducerEpoch,
        /// The batch's first sequence number.
        first_sequence: i32,
        /// What would have fitted.
        expected: i32,
    },
    /// The end of the log was cut off.
    LogTruncated {
        /// Whose log.
        partition: TopicPartition,
        /// The log end offset before.
        from: Offset,
        /// The log end offset afterwards.
        to: Offset,
    },
    /// Everything was dropped and the log starts anew.
    LogStartedAnew {
        /// Whose log.
        partition: TopicPartition,
        /// Where it starts and ends.
        offset: Offset,
    },
    /// A segment was closed and a new one begun.
    SegmentRolled {
        /// Whose log.
        partition: TopicPartition,
        /// The new segment's base offset.
        base_offset: Offset,
    },
    /// Segments at the beginning were deleted, or records there given up.
    LogStartOffsetMoved {
        /// Whose log.
        partition: TopicPartition,
        /// Before.
        from: Offset,
        /// Afterwards.
        to: Offset,
        /// Why.
        reason: LogStartReason,
    },
    /// The log was opened.
    LogLoaded {
        /// Whose log.
        partition: TopicPartition,
        /// Where it starts.
        log_start_offset: Offset,
        /// Where it ends.
        log_end_offset: Offset,
        /// Whether the last stop was clean, so that nothing had to be recovered.
        clean: bool,
        /// How many bytes behind the last good batch were cut off.
        dropped_bytes: u64,
    },
    /// A disk operation failed.
    StorageFailed {
        /// On which path.
        path: String,
        /// How.
        error: StorageError,
    },
}

/// One appended batch, as its header says: enough to tell whether two logs hold the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BatchFact {
    /// The first record's offset.
    pub base_offset: Offset,
    /// The last record's offset.
    pub last_offset: Offset,
    /// The leader epoch stamped on it.
    pub leader_epoch: LeaderEpoch,
    /// Its CRC-32C, which covers everything but base offset, length and leader epoch.
    pub crc: u32,
    /// Who produced it; NONE without idempotence.
    pub producer_id: ProducerId,
    /// The producer's epoch.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence number; −1 without idempotence.
    pub base_sequence: i32,
    /// Whether it is part of a transaction.
    pub is_transactional: bool,
    /// Whether it holds a control record.
    pub is_control: bool,
}

/// Why a log's start moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStartReason {
    /// Older than retention.ms.
    RetentionTime,
    /// Larger than retention.bytes.
    RetentionSize,
    /// The leader's log starts later.
    LeaderLogStart,
    /// A client deleted records.
    DeleteRecords,
    /// A snapshot covers what lay before (metadata log).
    Snapshot,
}
