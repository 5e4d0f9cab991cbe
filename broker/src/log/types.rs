//! What goes into a log's verbs and comes out of them.

use std::time::Duration;

use crate::config::Behaviour;
use crate::ids::{LeaderEpoch, Offset};
use crate::message::ErrorCode;
use crate::storage::{FileHandle, StorageError};

/// What a log must be told when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoadOptions {
    /// Whether the directory's clean-shutdown file was there: nothing needs to be recovered.
    pub clean: bool,
    /// From the recovery-point checkpoint; 0 when it has no entry.
    pub recovery_point: Offset,
    /// From the log-start checkpoint; 0 when it has no entry.
    pub log_start_offset: Offset,
    /// `producer.id.expiration.ms`.
    pub producer_expiration: Duration,
    /// Deliberate bugs.
    pub behaviour: Behaviour,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions {
            clean: false,
            recovery_point: 0,
            log_start_offset: 0,
            producer_expiration: Duration::from_millis(86_400_000),
            behaviour: Behaviour::default(),
        }
    }
}

/// Where an append comes from: decides what is validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppendOrigin {
    /// A client's Produce request: everything is checked.
    Client,
    /// A group or transaction coordinator: control batches allowed, sequences and timestamps not checked.
    Coordinator,
    /// The metadata quorum's leader: offsets and epochs are in the batches already and must continue the log.
    RaftLeader,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AppendInfo {
    /// The first appended record's offset; of the original when `duplicate`; the log end offset when nothing was appended.
    pub base_offset: Offset,
    /// The last appended record's offset (`base_offset - 1` when nothing was appended).
    pub last_offset: Offset,
    /// Afterwards.
    pub log_end_offset: Offset,
    /// How many bytes were appended.
    pub bytes: u64,
    /// The batch was in the log already; nothing was appended.
    pub duplicate: bool,
    /// When the leader stamped the append (LogAppendTime), in milliseconds; −1 for CreateTime. The largest timestamp of
    /// the original when `duplicate`.
    pub log_append_time: i64,
}

/// Why an append was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefuseReason {
    /// Not a batch, or its checksum is wrong.
    Corrupt,
    /// Counts and offset deltas of a batch contradict each other.
    InvalidOffsets,
    /// A client sent control records.
    ControlFromClient,
    /// A record without a key, for a compacted topic.
    MissingKey,
    /// A timestamp outside the accepted range.
    InvalidTimestamp,
    /// Larger than max.message.bytes.
    TooLarge,
    /// Larger than a segment.
    LargerThanSegment,
    /// The sequence number has a gap before it.
    OutOfOrderSequence,
    /// The producer's epoch is older than the known one.
    StaleProducerEpoch,
    /// A non-transactional batch while a transaction of the producer is open.
    TransactionOpen,
    /// A marker of an older transaction coordinator.
    StaleCoordinatorEpoch,
    /// More than one batch in a Produce of one partition (v3+), or none.
    NotOneBatch,
}

/// Why nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppendError {
    /// The disk failed: the log directory must go offline.
    Storage(StorageError),
    /// The records may not be appended; the code is for the response.
    Refused(ErrorCode, RefuseReason),
    /// A follower's batch lies before the log end offset (`UnexpectedAppendOffsetException`), or offsets do not rise.
    UnexpectedOffset {
        /// The first offset offered.
        first_offset: Offset,
        /// The last offset offered.
        last_offset: Offset,
        /// Where the log ends.
        log_end_offset: Offset,
    },
}

/// Why nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadError {
    /// The offset lies before the log's start or behind its end.
    OutOfRange,
    /// What lies at the offset is not a batch: the file is damaged.
    Corrupt,
    /// The disk failed.
    Storage(StorageError),
}

/// Where an epoch ends (KIP-101).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpochEndOffset {
    /// The largest epoch that is not above the one asked for.
    pub leader_epoch: LeaderEpoch,
    /// The first offset that does not belong to it.
    pub end_offset: Offset,
}

/// One entry of the leader epoch cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpochEntry {
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
    /// Its first offset.
    pub start_offset: Offset,
}

/// Where an offset lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffsetPosition {
    /// The segment's base offset.
    pub segment_base_offset: Offset,
    /// The position in its file, in bytes.
    pub position_bytes: u64,
}

/// A timestamp and the offset of a record that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimestampOffset {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The record.
    pub offset: Offset,
    /// The epoch of the record's batch.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What a background flush must sync, in order: files, then directories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlushPlan {
    /// The files, in order.
    pub files: Vec<FileHandle>,
    /// The directories, after the files.
    pub directories: Vec<String>,
    /// The recovery point once all of them are synced.
    pub up_to: Offset,
}
