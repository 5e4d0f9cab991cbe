//! Retention: deleting whole segments from the front (`deleteOldSegments`).
//!
//! Three rules, in this order: the log start has moved past the segment; the log is
//! larger than retention.bytes without it; its newest record is older than
//! retention.ms. None may touch a segment that reaches to or beyond the high watermark:
//! what is not committed is not old.

use super::Log;
use crate::config::Switch;
use crate::context::Context;
use crate::event::LogStartReason;
use crate::ids::Offset;
use crate::storage::StorageResult;

impl Log {
    /// Deletes the segments that retention no longer keeps; how many.
    ///
    /// Where cleanup.policy does not say `delete`, only what lies before the log start.
    ///
    /// # Errors
    /// The disk failed.
    pub fn delete_old_segments(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        let result = self.apply_retention(ctx);
        self.reported(ctx, result)
    }

    fn apply_retention(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        let mut deleted = self.delete_before_log_start(ctx)?;
        if !self.settings.cleanup_policy.deletes {
            return Ok(deleted);
        }
        deleted += self.delete_by_size(ctx)?;
        deleted += self.delete_by_time(ctx)?;
        Ok(deleted)
    }

    fn delete_before_log_start(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        let log_start_offset = self.log_start_offset;
        let count = self.deletable(ctx, |_, _, next_base| {
            Ok(next_base.is_some_and(|base_offset| base_offset <= log_start_offset))
        })?;
        self.delete_first(ctx, count, LogStartReason::DeleteRecords)
    }

    fn delete_by_size(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        let Ok(limit) = u64::try_from(self.settings.retention_bytes) else { return Ok(0) };
        let Some(mut excess) = self.size_bytes().checked_sub(limit) else { return Ok(0) };
        let count = self.deletable(ctx, |log, segment, _| {
            let size = log.segments[segment].size;
            match excess.checked_sub(size) {
                Some(left) => {
                    excess = left;
                    Ok(true)
                }
                None => Ok(false),
            }
        })?;
        self.delete_first(ctx, count, LogStartReason::RetentionSize)
    }

    fn delete_by_time(&mut self, ctx: &mut Context) -> StorageResult<usize> {
        let Some(retention) = self.settings.retention else { return Ok(0) };
        let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let now = ctx.now.wall.millis();
        let mut ages = Vec::with_capacity(self.segments.len());
        let counts_from_first = self.behaviour.is(Switch::RetentionCountsFromFirstBatch);
        for segment in &mut self.segments {
            let first = if counts_from_first { segment.first_batch_timestamp(ctx)? } else { None };
            let youngest = first.map_or_else(|| segment.retention_timestamp(ctx), Ok)?;
            ages.push(now.saturating_sub(youngest));
        }
        let count = self.deletable(ctx, |_, segment, _| Ok(ages[segment] > retention))?;
        self.delete_first(ctx, count, LogStartReason::RetentionTime)
    }

    /// How many segments from the front may go: a prefix, never at or beyond the high watermark,
    /// and never an empty active segment.
    fn deletable(
        &self,
        _ctx: &mut Context,
        mut expired: impl FnMut(&Log, usize, Option<Offset>) -> StorageResult<bool>,
    ) -> StorageResult<usize> {
        let ignores_high_watermark = self.behaviour.is(Switch::RetentionIgnoresHighWatermark);
        let mut count = 0;
        while let Some(segment) = self.segments.get(count) {
            let next_base = self.segments.get(count + 1).map(|next| next.base_offset);
            let upper_bound = next_base.unwrap_or(self.log_end_offset);
            let committed = self.high_watermark >= upper_bound || ignores_high_watermark;
            let last_and_empty = next_base.is_none() && segment.size == 0;
            if !committed || last_and_empty || !expired(self, count, next_base)? {
                break;
            }
            count += 1;
        }
        Ok(count)
    }

    fn delete_first(&mut self, ctx: &mut Context, count: usize, reason: LogStartReason) -> StorageResult<usize> {
        if count == 0 {
            return Ok(0);
        }
        if count == self.segments.len() {
            // There is always a segment: the active one can only go after a new one has been rolled.
            self.roll(ctx, None)?;
        }
        let log_start_offset = self.segments[count].base_offset;
        self.increment_log_start_offset(ctx, log_start_offset, reason)?;
        let kept = self.segments.split_off(count);
        let removed = std::mem::replace(&mut self.segments, kept);
        self.delete_segments(ctx, &removed)?;
        Ok(count)
    }

    /// Forgets producers without an open transaction that wrote nothing for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, ctx: &Context) {
        self.producers.remove_expired(ctx.now.wall);
    }
}
