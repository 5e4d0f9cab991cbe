//! How dirty a log is, and how far it may be cleaned (`LogCleanerManager.cleanableOffsets`, `LogToClean`).
//!
//! ```text
//!   ├── clean ──┼── cleanable ──┼── too young, not committed, or active ──┤
//!            first dirty    first uncleanable: where a segment begins
//!
//!   dirty ratio = cleanable / (clean + cleanable)
//! ```

use std::cmp::Ordering;

use crate::config::{Ratio, Switch};
use crate::context::Context;
use crate::ids::Offset;
use crate::log::Log;
use crate::log::segment::Segment;
use crate::storage::StorageResult;

/// Where the last pass ended, as far as the checkpoint can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FirstDirty {
    /// The first offset that no pass has read.
    pub offset: Offset,
    /// Whether the checkpoint said something that cannot be: it must be written anew.
    pub was_invalid: bool,
}

/// What a pass over one log would find (`LogToClean`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dirt {
    /// Where it would begin to read.
    pub first_dirty: FirstDirty,
    /// Where it would end: the beginning of a segment.
    pub first_uncleanable_offset: Offset,
    /// The bytes of the segments below the first dirty offset.
    pub clean_bytes: u64,
    /// The bytes of the segments from there to the end.
    pub cleanable_bytes: u64,
    /// Whether records have waited for longer than max.compaction.lag.ms: then the ratio does not matter (KIP-354).
    pub is_overdue: bool,
}

impl Dirt {
    /// The bytes of all segments that a pass would rewrite.
    pub fn total_bytes(&self) -> u64 {
        self.clean_bytes + self.cleanable_bytes
    }

    /// Whether a pass is worth its while.
    pub fn is_worth_cleaning(&self, min_ratio: Ratio) -> bool {
        let exceeds = u128::from(self.cleanable_bytes) * 1_000_000
            > u128::from(self.total_bytes()) * u128::from(min_ratio.0.unsigned_abs());
        self.total_bytes() > 0 && ((self.is_overdue && self.cleanable_bytes > 0) || exceeds)
    }

    /// Compares dirty ratios.
    pub fn cmp_ratio(&self, other: &Dirt) -> Ordering {
        let one = u128::from(self.cleanable_bytes) * u128::from(other.total_bytes());
        let two = u128::from(other.cleanable_bytes) * u128::from(self.total_bytes());
        one.cmp(&two)
    }
}

impl Log {
    /// What a pass would find, if the last one ended at `checkpoint`.
    ///
    /// # Errors
    /// The disk failed.
    pub fn dirt(&mut self, ctx: &mut Context, checkpoint: Option<Offset>) -> StorageResult<Dirt> {
        let first_dirty = self.first_dirty(checkpoint);
        let uncleanable = self.first_uncleanable(ctx, first_dirty.offset)?;
        let active = self.segments.len() - 1;
        // What may not be cleaned begins inside a segment: all of that one may not.
        let end = self.floor_segment(uncleanable).unwrap_or(0).min(active);
        let first_uncleanable_offset = self.segments[end].base_offset;
        let start = self.floor_segment(first_dirty.offset.min(first_uncleanable_offset)).unwrap_or(0);
        let clean = self.segments.partition_point(|segment| segment.base_offset < first_dirty.offset);
        let bytes = |segments: &[Segment]| segments.iter().map(|segment| segment.size).sum();
        Ok(Dirt {
            first_dirty,
            first_uncleanable_offset,
            clean_bytes: bytes(&self.segments[..clean]),
            cleanable_bytes: bytes(&self.segments[start.min(end)..end]),
            is_overdue: self.is_overdue(ctx, first_dirty.offset)?,
        })
    }

    fn first_dirty(&self, checkpoint: Option<Offset>) -> FirstDirty {
        let start = self.log_start_offset;
        match checkpoint {
            None => FirstDirty { offset: start, was_invalid: false },
            Some(offset) if (start..=self.log_end_offset).contains(&offset) => {
                FirstDirty { offset, was_invalid: false }
            }
            // Truncated, damaged, or given up since: as if nothing had been cleaned.
            Some(_) => FirstDirty { offset: start, was_invalid: true },
        }
    }

    /// The smallest offset that must not be cleaned; not below the first dirty one.
    fn first_uncleanable(&self, ctx: &mut Context, first_dirty: Offset) -> StorageResult<Offset> {
        let committed = match self.behaviour.is(Switch::CleanBeyondHighWatermark) {
            true => self.log_end_offset,
            false => self.last_stable_offset(),
        };
        let bound = committed.min(self.active_segment_base_offset());
        let young = self.first_young_segment(ctx, first_dirty)?;
        Ok(bound.min(young.unwrap_or(Offset::MAX)).max(first_dirty))
    }

    /// The first segment of the dirty part with a record younger than min.compaction.lag.ms.
    fn first_young_segment(&self, ctx: &mut Context, first_dirty: Offset) -> StorageResult<Option<Offset>> {
        let lag = millis(self.settings.min_compaction_lag);
        if lag == 0 {
            return Ok(None);
        }
        let latest = ctx.now.wall.millis().saturating_sub(lag);
        let (dirty, active) = (self.floor_segment(first_dirty).unwrap_or(0), self.segments.len() - 1);
        for segment in self.segments[..active].iter().skip(dirty) {
            if segment.retention_timestamp(ctx)? > latest {
                return Ok(Some(segment.base_offset));
            }
        }
        Ok(None)
    }

    /// Whether a closed dirty segment began longer ago than max.compaction.lag.ms.
    fn is_overdue(&mut self, ctx: &mut Context, first_dirty: Offset) -> StorageResult<bool> {
        let until = ctx.now.wall.millis().saturating_sub(millis(self.settings.max_compaction_lag));
        let (dirty, active) = (self.floor_segment(first_dirty).unwrap_or(0), self.segments.len() - 1);
        for segment in self.segments[..active].iter_mut().skip(dirty) {
            if segment.first_batch_timestamp(ctx)?.is_some_and(|first| first > 0 && first < until) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// In whole milliseconds, as wall clocks count.
pub(super) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
