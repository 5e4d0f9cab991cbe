//! New segments for old ones (`LocalLog.replaceSegments`).
//!
//! ```text
//!   0.log.cleaned            written and synced                       a crash here: it is thrown away
//!   0.log.swap               the new one is complete                  a crash here: the swap is finished at the start
//!   0.log → 0.log.deleted    the old ones step aside
//!   0.log.swap → 0.log       the new one takes their place
//!   (directory synced)
//! ```
//!
//! In each of the renames the `.log` goes first, then its indexes. So at the start whatever is still `.cleaned` says that the
//! first step was not complete, and the old segments are all still there: see `loader`.
//!
//! All of this is one step, because Kafka holds the log's lock meanwhile. A power cut can still fall between any two of the
//! renames, for only the last line makes them durable; a kill can where the disk is slow.

use super::super::files::{self, CLEANED, LOG, OFFSET_INDEX, SWAP, TIME_INDEX, TRANSACTION_INDEX};
use super::super::segment::Segment;
use super::super::truncate::{mark_deleted, rename_segments};
use crate::context::Context;
use crate::ids::Offset;
use crate::log::Log;
use crate::storage::StorageResult;

impl Log {
    /// Begins a segment that is not part of the log; remains of an earlier one go.
    pub(super) fn create_cleaned_segment(&self, ctx: &mut Context, base_offset: Offset) -> StorageResult<Segment> {
        self.remove_cleaned_segment(ctx, base_offset)?;
        Ok(Segment::open(ctx, &self.directory, base_offset, CLEANED)?.0)
    }

    /// Removes a segment that will not become part of the log.
    pub(super) fn remove_cleaned_segment(&self, ctx: &mut Context, base_offset: Offset) -> StorageResult<()> {
        for kind in [LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX] {
            files::remove_if_exists(ctx, &(files::path(&self.directory, base_offset, kind) + CLEANED))?;
        }
        Ok(())
    }

    /// Puts `cleaned`, whose files are complete and synced, in the place of the segments that begin at `old`.
    ///
    /// # Panics
    /// When the log has no such segments, or would be left without its active one: the caller has looked.
    pub(super) fn replace_segments(
        &mut self,
        ctx: &mut Context,
        mut cleaned: Segment,
        old: &[Offset],
    ) -> StorageResult<()> {
        let first = self.segments.iter().position(|segment| segment.base_offset == cleaned.base_offset);
        let first = first.unwrap_or_else(|| panic!("{}: no segment {}", self.partition, cleaned.base_offset));
        let replaced: Vec<Offset> =
            self.segments[first..].iter().take(old.len()).map(|segment| segment.base_offset).collect();
        assert_eq!(replaced, old, "{}: the segments that were read are those that are replaced", self.partition);
        assert!(first + old.len() < self.segments.len(), "{}: the active segment is never cleaned", self.partition);
        cleaned.rename(ctx, &self.directory, CLEANED, SWAP)?;
        let mut deleted = rename_segments(ctx, &self.directory, old.iter().copied())?;
        cleaned.rename(ctx, &self.directory, SWAP, "")?;
        ctx.storage.sync_directory(&self.directory)?;
        self.segments.splice(first..first + old.len(), [cleaned]);
        // Where no segment begins any longer, no snapshot is needed.
        for base_offset in &old[1..] {
            if let Some(snapshot) = self.producers.forget_snapshot(*base_offset) {
                deleted.extend(mark_deleted(ctx, &snapshot)?);
            }
        }
        self.schedule_deletion(ctx, self.settings.file_delete_delay, deleted);
        Ok(())
    }
}
