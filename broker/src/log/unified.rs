//! The log (`UnifiedLog`).

use bytes::Bytes;

use super::*;
use crate::config::LogSettings;
use crate::context::Context;
use crate::event::LogStartReason;
use crate::ids::{LeaderEpoch, Offset, TopicPartition};
use crate::message;
use crate::storage::StorageResult;

/// One partition's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    partition: TopicPartition,
}

#[allow(unused_variables)]
impl Log {
    /// Opens (and recovers) the log in `directory`; creates directory and first segment when absent.
    ///
    /// # Errors
    /// The disk failed.
    pub fn load(
        ctx: &mut Context,
        partition: TopicPartition,
        directory: &str,
        settings: &LogSettings,
        options: LoadOptions,
    ) -> StorageResult<Log> {
        unimplemented!()
    }
    /// Whose log.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }
    /// Its directory's path.
    pub fn directory(&self) -> &str {
        unimplemented!()
    }
    /// Its settings.
    pub fn settings(&self) -> &LogSettings {
        unimplemented!()
    }
    /// Takes new settings (topic config changed).
    pub fn update_settings(&mut self, settings: &LogSettings) {
        unimplemented!()
    }
    /// Appends as the leader in `leader_epoch`.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_leader(
        &mut self,
        ctx: &mut Context,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
    ) -> Result<AppendInfo, AppendError> {
        unimplemented!()
    }
    /// Appends what the leader of `leader_epoch` sent; batches from the first of a higher epoch on are dropped (KAFKA-18723).
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_follower(
        &mut self,
        ctx: &mut Context,
        records: Bytes,
        leader_epoch: LeaderEpoch,
    ) -> Result<AppendInfo, AppendError> {
        unimplemented!()
    }
    /// Whole batches from the one that holds `from`, below `bound`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(
        &self,
        ctx: &mut Context,
        from: Offset,
        max_bytes: i32,
        bound: Offset,
        min_one_batch: bool,
    ) -> Result<Bytes, ReadError> {
        unimplemented!()
    }
    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        unimplemented!()
    }
    /// What is committed lies below.
    pub fn high_watermark(&self) -> Offset {
        unimplemented!()
    }
    /// What read_committed consumers may see lies below.
    pub fn last_stable_offset(&self) -> Offset {
        unimplemented!()
    }
    /// What is certainly on disk lies below.
    pub fn recovery_point(&self) -> Offset {
        unimplemented!()
    }
    /// The last epoch of the cache.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    /// The epoch cache.
    pub fn epoch_entries(&self) -> &[EpochEntry] {
        unimplemented!()
    }
    /// The base offset of the first segment.
    pub fn first_segment_base_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The base offset of the active segment.
    pub fn active_segment_base_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The size of all segments' .log files.
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }
    /// Raises the high watermark (leader), clamped into [log start, log end]; `Some((from, to))` if it rose.
    pub fn update_high_watermark(&mut self, ctx: &mut Context, high_watermark: Offset) -> Option<(Offset, Offset)> {
        unimplemented!()
    }
    /// Sets the high watermark (follower, load), clamped; may go down.
    pub fn set_follower_high_watermark(
        &mut self,
        ctx: &mut Context,
        high_watermark: Offset,
    ) -> Option<(Offset, Offset)> {
        unimplemented!()
    }
    /// Notes that `epoch` begins at `start_offset`.
    ///
    /// # Errors
    /// The disk failed.
    pub fn assign_epoch(&mut self, ctx: &mut Context, epoch: LeaderEpoch, start_offset: Offset) -> StorageResult<()> {
        unimplemented!()
    }
    /// Where `epoch` ends here; `None` is Kafka's (−1, −1).
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEndOffset> {
        unimplemented!()
    }
    /// The epoch of the record at `offset`, by the cache.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    /// Cuts the end off: the log end offset becomes at most `offset`. `true` if anything was cut.
    ///
    /// # Errors
    /// The disk failed.
    pub fn truncate_to(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<bool> {
        unimplemented!()
    }
    /// Drops everything; the log starts and ends at `offset`.
    ///
    /// # Errors
    /// The disk failed.
    pub fn truncate_fully_and_start_at(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        unimplemented!()
    }
    /// Gives up what lies before `offset`. `Ok(true)` if the start moved.
    ///
    /// # Errors
    /// The disk failed.
    pub fn increment_log_start_offset(
        &mut self,
        ctx: &mut Context,
        offset: Offset,
        reason: LogStartReason,
    ) -> StorageResult<bool> {
        unimplemented!()
    }
    /// Where the batch that holds `offset` begins; at the log end offset: the end of the active segment.
    pub fn position_of(&self, ctx: &mut Context, offset: Offset) -> Result<OffsetPosition, ReadError> {
        unimplemented!()
    }
    /// The first record at or after the log start whose timestamp is at least `timestamp` (ListOffsets).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn offset_for_timestamp(
        &self,
        ctx: &mut Context,
        timestamp: i64,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        unimplemented!()
    }
    /// The first record with the largest timestamp (ListOffsets −3).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn max_timestamp_offset(&self, ctx: &mut Context) -> Result<Option<TimestampOffset>, ReadError> {
        unimplemented!()
    }
    /// Retention: deletes old segments; how many.
    ///
    /// # Errors
    /// The disk failed.
    pub fn delete_old_segments(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        unimplemented!()
    }
    /// Removes `.deleted` files whose delay is over.
    ///
    /// # Errors
    /// The disk failed.
    pub fn remove_deleted_files(&mut self, ctx: &mut Context) -> StorageResult<()> {
        unimplemented!()
    }
    /// When `remove_deleted_files` has something to do next.
    pub fn next_deadline(&self) -> Option<crate::time::Time> {
        unimplemented!()
    }
    /// The flush that a roll asked for, if any.
    pub fn take_flush(&mut self) -> Option<FlushPlan> {
        unimplemented!()
    }
    /// The flush up to here has succeeded: the recovery point advances.
    pub fn flushed(&mut self, up_to: Offset) {
        unimplemented!()
    }
    /// Syncs everything, the active segment included; the recovery point becomes the log end offset.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&mut self, ctx: &mut Context) -> StorageResult<()> {
        unimplemented!()
    }
    /// A clean stop: producer snapshot, flush. The log must not be used afterwards.
    ///
    /// # Errors
    /// The disk failed.
    pub fn close(&mut self, ctx: &mut Context) -> StorageResult<()> {
        unimplemented!()
    }
    /// The aborted transactions that matter to a read of [from, upper).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn aborted_transactions(
        &self,
        ctx: &mut Context,
        from: Offset,
        upper: Offset,
    ) -> Result<Vec<message::AbortedTransaction>, ReadError> {
        unimplemented!()
    }
    /// The log's files with their lengths, for checks and the UI.
    ///
    /// # Errors
    /// The disk failed.
    pub fn files(&self, ctx: &mut Context) -> StorageResult<Vec<(String, u64)>> {
        unimplemented!()
    }
    /// The value for the log-start checkpoint: only logs whose start lies behind the first segment's base are listed.
    pub fn log_start_to_checkpoint(&self) -> Option<Offset> {
        unimplemented!()
    }
}
