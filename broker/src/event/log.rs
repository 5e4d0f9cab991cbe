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
    /// The cleaner begins a pass over the log (compaction).
    CleaningStarted {
        /// Whose log.
        partition: TopicPartition,
        /// Where the last pass ended.
        first_dirty_offset: Offset,
        /// Where this one ends.
        first_uncleanable_offset: Offset,
        /// The bytes that were cleaned before.
        clean_bytes: u64,
        /// The bytes that were not.
        cleanable_bytes: u64,
    },
    /// Segments were replaced by one that holds only what is still wanted.
    SegmentsCompacted {
        /// Whose log.
        partition: TopicPartition,
        /// Where the segment begins: the base offset of the first that it replaces.
        base_offset: Offset,
        /// Where the next segment begins.
        end_offset: Offset,
        /// The base offsets of those that it replaces.
        segments: Vec<Offset>,
        /// How many records these held.
        records_read: u64,
        /// How many it holds.
        records_kept: u64,
        /// How many bytes they held.
        bytes_read: u64,
        /// How many it holds.
        bytes_kept: u64,
        /// What it holds, batch by batch, in order.
        batches: Vec<BatchFact>,
    },
    /// A pass over the log is complete.
    CleaningCompleted {
        /// Whose log.
        partition: TopicPartition,
        /// Where it began to read.
        from: Offset,
        /// Everything below this has been read.
        cleaned_to: Offset,
        /// How many keys it found from there to here.
        keys: u64,
        /// How many records it copied, or left out.
        records_read: u64,
        /// How many of them are left.
        records_kept: u64,
        /// How many bytes it copied, or left out.
        bytes_read: u64,
        /// How many of them are left.
        bytes_kept: u64,
    },
    /// A pass over the log was given up; the log is as it was, apart from groups of segments that were replaced already.
    CleaningAborted {
        /// Whose log.
        partition: TopicPartition,
        /// Why.
        reason: CleaningAbort,
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

/// Why a pass of the cleaner was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CleaningAbort {
    /// Segments that it reads were cut off.
    Truncated,
    /// The partition is no longer here.
    Removed,
    /// Its topic's `cleanup.policy` asks for no compaction any more.
    NotCompacted,
    /// What it read makes no sense: the partition is not cleaned again before the next start.
    Corrupt,
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
