//! Rolling segments, and making bytes durable.
//!
//! ```text
//!   roll ──▶ flush_requested ──take_flush──▶ FlushPlan ──(the world syncs)──▶ flushed(up_to)
//!                                                                            recovery point := up_to
//! ```
//!
//! Kafka syncs a rolled segment on a background thread. Here the log hands out what
//! must be synced, and learns of its success by an input. Until then the recovery point
//! stays, and recovery after a crash begins there.

use super::files::{self, LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX};
use super::segment::Segment;
use super::{FlushPlan, Log};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::LogEvent;
use crate::ids::Offset;
use crate::storage::StorageResult;

impl Log {
    /// Begins a new segment at the log's end, or at `first_offset` if that lies behind it.
    pub(crate) fn roll(&mut self, ctx: &mut Context, first_offset: Option<Offset>) -> StorageResult<()> {
        let base_offset = first_offset.unwrap_or(0).max(self.log_end_offset);
        let active = self.active();
        if active.base_offset == base_offset && active.size == 0 {
            // Rolled for a full index of no entries (KAFKA-6388): a new empty segment would be the same again.
            return Ok(());
        }
        assert!(
            base_offset > active.base_offset,
            "a rolled segment begins behind the active one: {base_offset} after {}",
            active.base_offset
        );
        active.close_time_index(ctx)?;
        for kind in [LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX] {
            files::remove_if_exists(ctx, &files::path(&self.directory, base_offset, kind))?;
        }
        let (segment, _) = Segment::open(ctx, &self.directory, base_offset, "")?;
        self.segments.push(segment);
        // The snapshot lies where the segment begins, so that recovery of the segment can start with it.
        self.producers.set_map_end_offset(base_offset);
        self.producers.take_snapshot(ctx, false)?;
        self.flush_requested = Some(base_offset);
        ctx.emit(LogEvent::SegmentRolled { partition: self.partition.clone(), base_offset });
        Ok(())
    }

    /// The flush that a roll asked for, if any: to be answered with [`Log::flushed`] once all of it is synced.
    ///
    /// A file that is gone when its turn comes (`NotFound`) was deleted meanwhile: that is no failure.
    pub fn take_flush(&mut self) -> Option<FlushPlan> {
        let up_to = self.flush_requested.take()?;
        if self.behaviour.is(Switch::RecoveryPointWithoutFlush) {
            self.recovery_point = self.recovery_point.max(up_to);
            return None;
        }
        self.truncated_since_flush = None;
        let mut plan = FlushPlan { files: self.producers.take_unsynced(), up_to, ..FlushPlan::default() };
        if up_to <= self.recovery_point {
            return Some(plan).filter(|plan| !plan.files.is_empty());
        }
        let (from, to) = self.segments_between(self.recovery_point, up_to);
        for segment in &self.segments[from..to] {
            plan.files.extend(segment.files());
        }
        let is_new = |segment: &Segment| segment.base_offset >= self.recovery_point;
        if self.segments[from..to].iter().any(is_new) || self.makes_deletions_durable() {
            plan.directories.push(self.directory.to_string());
        }
        Some(plan)
    }

    /// The flush up to here has succeeded: the recovery point advances.
    ///
    /// Kafka advances it even beyond a truncation that fell between flush and answer; what was
    /// written since then is not synced, so here it stops at the truncation.
    pub fn flushed(&mut self, up_to: Offset) {
        let up_to = self.truncated_since_flush.map_or(up_to, |truncated| up_to.min(truncated));
        self.recovery_point = self.recovery_point.max(up_to.min(self.log_end_offset));
    }

    /// Syncs everything, the active segment included; the recovery point becomes the log end offset.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let result = self.flush_all(ctx);
        self.reported(ctx, result)
    }

    fn flush_all(&mut self, ctx: &mut Context) -> StorageResult<()> {
        for snapshot in self.producers.take_unsynced() {
            ctx.storage.sync(snapshot)?;
        }
        self.flush_requested = None;
        let (from, to) = self.segments_between(self.recovery_point, self.log_end_offset + 1);
        let mut new_files = self.makes_deletions_durable();
        for segment in &mut self.segments[from..to] {
            new_files |= segment.base_offset >= self.recovery_point && segment.new_files;
            segment.sync(ctx)?;
            segment.new_files = false;
        }
        if new_files {
            ctx.storage.sync_directory(&self.directory)?;
        }
        self.recovery_point = self.log_end_offset;
        Ok(())
    }

    /// Whether a flush has to see to it that segments which were deleted stay deleted: nobody has synced them, and the recovery
    /// point is about to pass them. Kafka does not ask: [`Hazard::RecoveryPointFollowsLogStart`].
    fn makes_deletions_durable(&self) -> bool {
        let were_deleted = self.recovery_point < self.segments[0].base_offset;
        were_deleted && self.behaviour.mends(Hazard::RecoveryPointFollowsLogStart)
    }

    /// The segments that hold offsets of [from, to).
    fn segments_between(&self, from: Offset, to: Offset) -> (usize, usize) {
        let first = self.floor_segment(from).unwrap_or(0);
        let end = self.segments.partition_point(|segment| segment.base_offset < to);
        (first, end.max(first))
    }

    /// A clean stop: everything is synced, the producer state written. The log must not be used afterwards.
    ///
    /// As in Kafka the producer snapshot's file is synced but not its directory, and the last
    /// time index entry is written after the sync: a power cut right after a clean stop can lose both
    /// ([`Hazard::CleanStopForgetsProducers`], [`Hazard::CleanStopForgetsTime`]).
    ///
    /// # Errors
    /// The disk failed.
    pub fn close(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let result = self.close_files(ctx);
        self.reported(ctx, result)
    }

    fn close_files(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.flush_all(ctx)?;
        self.producers.take_snapshot(ctx, true)?;
        if self.epochs.write_pending {
            self.epochs.write(ctx)?;
            self.epoch_write_due = None;
        }
        self.active().close_time_index(ctx)?;
        if self.behaviour.mends(Hazard::CleanStopForgetsTime) { self.active().sync(ctx) } else { Ok(()) }
    }
}
