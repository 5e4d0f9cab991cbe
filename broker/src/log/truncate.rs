//! Cutting a log: its end (a follower that diverged), its beginning (records given up), or all of it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::files::{self, DELETED, LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX};
use super::loader::rebuild_producer_state;
use super::segment::{KeptIndexes, Segment};
use super::{Log, ReadError};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{LogEvent, LogStartReason};
use crate::ids::Offset;
use crate::storage::{StorageError, StorageResult};
use crate::time::Time;

impl Log {
    /// Cuts the end off: the log end offset becomes `offset`, if that lies below it. `true` if anything was cut.
    ///
    /// Epoch entries at or behind the new end go in any case: a leader that appended nothing leaves one
    /// behind. The high watermark and the recovery point are lowered if they must; Kafka then writes the
    /// recovery-point checkpoint at once, which is the owner's part.
    ///
    /// # Errors
    /// The disk failed.
    pub fn truncate_to(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<bool> {
        assert!(offset >= 0, "{}: no log is truncated to {offset}", self.partition);
        if offset >= self.log_end_offset {
            if !self.behaviour.is(Switch::TruncationToEndKeepsEpochs) {
                self.epochs.truncate_from_end(self.log_end_offset);
                self.schedule_epoch_write(ctx);
            }
            return Ok(false);
        }
        if offset < self.first_segment_base_offset() {
            self.truncate_fully_and_start_at(ctx, offset)?;
            return Ok(true);
        }
        let from = self.log_end_offset;
        let result = self.cut_end(ctx, offset);
        self.reported(ctx, result)?;
        ctx.emit(LogEvent::LogTruncated { partition: self.partition.clone(), from, to: self.log_end_offset });
        Ok(true)
    }

    fn cut_end(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        let keep = self.segments.partition_point(|segment| segment.base_offset <= offset);
        let removed = self.segments.split_off(keep);
        self.cuts += u64::from(!removed.is_empty());
        self.delete_segments(ctx, &removed)?;
        let kept = KeptIndexes {
            offsets: self.behaviour.is(Switch::TruncationKeepsOffsetIndex),
            times: self.behaviour.is(Switch::TruncationKeepsTimeIndex),
        };
        match self.active().truncate_to(ctx, offset, kept) {
            Ok(_) => {}
            Err(ReadError::Storage(error)) => return Err(error),
            // The cut cannot be found in a damaged file: to Kafka an exception, to the owner a failed disk.
            Err(ReadError::Corrupt | ReadError::OutOfRange) => return Err(StorageError::InputOutput),
        }
        self.set_log_end_offset(offset);
        self.epochs.truncate_from_end(offset);
        self.schedule_epoch_write(ctx);
        self.log_start_offset = self.log_start_offset.min(offset);
        rebuild_producer_state(ctx, &mut self.producers, &self.segments, self.log_start_offset, offset, false)?;
        // The producers were read anew, so a transaction whose marker was committed long ago is unstable once more
        // until the high watermark is told to them. Kafka tells it only where it reaches the new end.
        if self.high_watermark >= offset {
            self.set_follower_high_watermark(ctx, offset);
        }
        Ok(())
    }

    fn set_log_end_offset(&mut self, offset: Offset) {
        self.log_end_offset = offset;
        self.recovery_point = self.recovery_point.min(offset);
        self.truncated_since_flush = Some(self.truncated_since_flush.map_or(offset, |known| known.min(offset)));
        self.flush_requested = self.flush_requested.map(|up_to| up_to.min(offset));
    }

    /// Drops everything; the log starts and ends at `offset`.
    ///
    /// # Errors
    /// The disk failed.
    pub fn truncate_fully_and_start_at(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        let result = self.start_anew(ctx, offset);
        self.reported(ctx, result)?;
        ctx.emit(LogEvent::LogStartedAnew { partition: self.partition.clone(), offset });
        Ok(())
    }

    fn start_anew(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        // The old active segment goes last, so that a crash leaves no directory without a segment.
        self.cuts += 1;
        let mut removed = std::mem::take(&mut self.segments);
        let active = removed.pop().expect("a log always has a segment");
        self.delete_segments(ctx, &removed)?;
        if active.base_offset == offset {
            self.delete_segments(ctx, std::slice::from_ref(&active))?;
            self.segments.push(Segment::open(ctx, &self.directory, offset, "")?.0);
        } else {
            self.segments.push(Segment::open(ctx, &self.directory, offset, "")?.0);
            self.delete_segments(ctx, std::slice::from_ref(&active))?;
        }
        self.set_log_end_offset(offset);
        self.flush_requested = None;
        self.epochs.clear(ctx)?;
        self.producers.truncate_fully(ctx, offset)?;
        self.log_start_offset = offset;
        rebuild_producer_state(ctx, &mut self.producers, &self.segments, offset, offset, false)?;
        self.high_watermark = offset;
        Ok(())
    }

    /// Gives up what lies before `offset`, which must not pass the high watermark. `Ok(true)` if the start moved.
    ///
    /// The files go with the next [`Log::delete_old_segments`]; the checkpoint is written once a minute, so a
    /// crash can move the start back.
    ///
    /// # Errors
    /// The disk failed.
    ///
    /// # Panics
    /// When `offset` lies behind the high watermark: the caller answers OFFSET_OUT_OF_RANGE instead of asking.
    pub fn increment_log_start_offset(
        &mut self,
        ctx: &mut Context,
        offset: Offset,
        reason: LogStartReason,
    ) -> StorageResult<bool> {
        let looks_away = [Switch::RetentionIgnoresHighWatermark, Switch::DeleteRecordsIgnoresHighWatermark];
        assert!(
            offset <= self.high_watermark || looks_away.into_iter().any(|switch| self.behaviour.is(switch)),
            "{}: the log start cannot move to {offset}, behind the high watermark {}",
            self.partition,
            self.high_watermark
        );
        if offset <= self.log_start_offset {
            return Ok(false);
        }
        let from = std::mem::replace(&mut self.log_start_offset, offset);
        self.high_watermark = self.high_watermark.max(offset);
        if !self.behaviour.mends(Hazard::RecoveryPointFollowsLogStart) {
            self.recovery_point = self.recovery_point.max(offset);
        }
        self.epochs.truncate_from_start(offset);
        self.schedule_epoch_write(ctx);
        self.producers.on_log_start(offset);
        let partition = self.partition.clone();
        ctx.emit(LogEvent::LogStartOffsetMoved { partition, from, to: offset, reason });
        Ok(true)
    }

    /// Renames the files of segments that are no longer in the books, with their producer snapshots.
    pub(crate) fn delete_segments(&mut self, ctx: &mut Context, removed: &[Segment]) -> StorageResult<()> {
        let delay = self.settings.file_delete_delay;
        let mut bases: BTreeSet<Offset> = removed.iter().map(|segment| segment.base_offset).collect();
        if self.behaviour.is(Switch::DeletionTakesActiveSegment) {
            bases.extend(self.segments.last().map(|active| active.base_offset));
        }
        let mut paths = rename_segments(ctx, &self.directory, bases.iter().copied())?;
        for base_offset in bases {
            if let Some(snapshot) = self.producers.forget_snapshot(base_offset) {
                paths.extend(mark_deleted(ctx, &snapshot)?);
            }
        }
        self.schedule_deletion(ctx, delay, paths);
        Ok(())
    }

    pub(crate) fn schedule_deletion(&mut self, ctx: &Context, delay: Duration, paths: Vec<String>) {
        if !paths.is_empty() {
            self.deletions.push_back((ctx.now.monotonic + delay, paths));
        }
    }

    pub(crate) fn schedule_epoch_write(&mut self, ctx: &Context) {
        if self.epochs.write_pending && self.epoch_write_due.is_none() {
            self.epoch_write_due = Some(ctx.now.monotonic);
        }
    }

    /// When [`Log::on_timers`] has something to do next.
    pub fn next_deadline(&self) -> Option<Time> {
        let deletion = self.deletions.iter().map(|(due, _)| *due).min();
        deletion.into_iter().chain(self.epoch_write_due).min()
    }

    /// The log's background work: removes `.deleted` files whose delay is over (in Kafka the scheduler's
    /// `delete-file`), and writes the epoch file after a truncation (`leader-epoch-cache-flush`).
    ///
    /// # Errors
    /// The disk failed.
    pub fn on_timers(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let result = self.background_work(ctx);
        self.reported(ctx, result)
    }

    fn background_work(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let now = ctx.now.monotonic;
        if self.epoch_write_due.is_some_and(|due| due <= now) {
            self.epoch_write_due = None;
            match self.behaviour.is(Switch::EpochTruncationNotSynced) {
                true if self.epochs.write_pending => self.epochs.write_unsynced(ctx)?,
                false if self.epochs.write_pending => self.epochs.write(ctx)?,
                true | false => {}
            }
        }
        let is_due = |(due, _): &(Time, Vec<String>)| *due <= now;
        let (due, later): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.deletions).into_iter().partition(is_due);
        self.deletions = later;
        for path in due.iter().flat_map(|(_, paths)| paths) {
            files::remove_if_exists(ctx, path)?;
        }
        Ok(())
    }

    /// Removes `.deleted` files whose delay is over: [`Log::on_timers`] by its older name.
    ///
    /// # Errors
    /// The disk failed.
    pub fn remove_deleted_files(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.on_timers(ctx)
    }
}

/// Gives the files of segments their `.deleted` names; returns these.
pub(crate) fn rename_segments(
    ctx: &mut Context,
    directory: &str,
    bases: impl Iterator<Item = Offset>,
) -> StorageResult<Vec<String>> {
    let mut renamed = Vec::new();
    for base_offset in bases {
        for kind in [LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX] {
            renamed.extend(mark_deleted(ctx, &files::path(directory, base_offset, kind))?);
        }
    }
    Ok(renamed)
}

/// Gives a file its `.deleted` name; returns it if there was such a file.
pub(crate) fn mark_deleted(ctx: &mut Context, path: &str) -> StorageResult<Option<String>> {
    let deleted = format!("{path}{DELETED}");
    Ok(files::rename_if_exists(ctx, path, &deleted)?.then_some(deleted))
}
