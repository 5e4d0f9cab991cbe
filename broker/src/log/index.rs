//! The two sparse indexes of a segment (`OffsetIndex`, `TimeIndex`).
//!
//! ```text
//!   .index      8 bytes:  offset − base (4)  │ position in .log (4)
//!   .timeindex 12 bytes:  largest timestamp so far (8) │ offset − base (4)
//! ```
//!
//! An entry is written about every index.interval.bytes, for the *last* offset of a
//! batch but the position of its beginning. A lookup finds the largest entry that is
//! not above the target; the reader scans on from there.
//!
//! Simplified: Kafka maps the files into memory at their full size and cuts them when
//! the segment is closed. Here a file is always as long as its entries, which are also
//! kept in memory, as the mapping does.

use std::sync::Arc;

use super::files;
use crate::context::Context;
use crate::ids::Offset;
use crate::record::NO_TIMESTAMP;
use crate::storage::{FileHandle, StorageResult};

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// `offset − base_offset` if an index can hold it.
pub(crate) fn relative_offset(base_offset: Offset, offset: Offset) -> Option<i32> {
    offset.checked_sub(base_offset).filter(|relative| *relative >= 0).and_then(|relative| i32::try_from(relative).ok())
}

/// The last of the sorted `entries` whose key is not above the target, as Kafka's binary search finds it.
fn floor<T>(entries: &[T], is_above: impl Fn(&T) -> bool) -> Option<usize> {
    entries.partition_point(|entry| !is_above(entry)).checked_sub(1)
}

/// From offsets to positions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OffsetIndex {
    pub(crate) file: FileHandle,
    base_offset: Offset,
    /// (offset − base, position), both rising.
    entries: Arc<Vec<(i32, i32)>>,
    /// Whether anything was written since the last sync.
    pub(crate) dirty: bool,
}

impl OffsetIndex {
    pub(crate) fn open(ctx: &mut Context, path: &str, base_offset: Offset) -> StorageResult<Self> {
        let file = ctx.storage.create(path)?;
        let bytes = files::read_entries(ctx, file, OFFSET_ENTRY)?;
        let number = |bytes: &[u8]| i32::from_be_bytes(bytes.try_into().expect("four bytes"));
        let entries =
            bytes.chunks_exact(OFFSET_ENTRY).map(|entry| (number(&entry[..4]), number(&entry[4..]))).collect();
        Ok(OffsetIndex { file, base_offset, entries: Arc::new(entries), dirty: true })
    }

    pub(crate) fn is_full(&self, max_bytes: i32) -> bool {
        self.entries.len() >= max_bytes as usize / OFFSET_ENTRY
    }

    /// The length of the file.
    pub(crate) fn size_bytes(&self) -> u64 {
        (self.entries.len() * OFFSET_ENTRY) as u64
    }

    /// The offset and position from which to scan for `target`.
    pub(crate) fn lookup(&self, target: Offset) -> (Offset, u64) {
        let relative = target.saturating_sub(self.base_offset);
        match floor(&self.entries, |(offset, _)| i64::from(*offset) > relative) {
            Some(slot) => self.entry(slot),
            None => (self.base_offset, 0),
        }
    }

    fn entry(&self, slot: usize) -> (Offset, u64) {
        let (offset, position) = self.entries[slot];
        // A damaged file may hold anything; a negative position is beyond every file.
        (self.base_offset.saturating_add(i64::from(offset)), position as u32 as u64)
    }

    /// The last entry's offset and position; the segment's beginning if there is none.
    pub(crate) fn last(&self) -> (Offset, u64) {
        self.entries.len().checked_sub(1).map_or((self.base_offset, 0), |slot| self.entry(slot))
    }

    /// Adds an entry; one that does not rise is left out.
    pub(crate) fn append(&mut self, ctx: &mut Context, offset: Offset, position: u64) -> StorageResult<()> {
        let (Some(relative), Ok(position)) = (relative_offset(self.base_offset, offset), i32::try_from(position))
        else {
            return Ok(());
        };
        if self.entries.last().is_some_and(|(last, _)| relative <= *last) {
            return Ok(());
        }
        let mut bytes = [0; OFFSET_ENTRY];
        bytes[..4].copy_from_slice(&relative.to_be_bytes());
        bytes[4..].copy_from_slice(&position.to_be_bytes());
        ctx.storage.append(self.file, &bytes)?;
        Arc::make_mut(&mut self.entries).push((relative, position));
        self.dirty = true;
        Ok(())
    }

    /// Drops the entries for `offset` and beyond.
    pub(crate) fn truncate_to(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        let relative = offset.saturating_sub(self.base_offset);
        let keep = self.entries.partition_point(|(entry, _)| i64::from(*entry) < relative);
        self.keep(ctx, keep)
    }

    /// Drops everything.
    pub(crate) fn reset(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.keep(ctx, 0)
    }

    fn keep(&mut self, ctx: &mut Context, count: usize) -> StorageResult<()> {
        if count < self.entries.len() {
            ctx.storage.truncate(self.file, (count * OFFSET_ENTRY) as u64)?;
            Arc::make_mut(&mut self.entries).truncate(count);
            self.dirty = true;
        }
        Ok(())
    }
}

/// From timestamps to offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TimeIndex {
    pub(crate) file: FileHandle,
    base_offset: Offset,
    /// (timestamp, offset − base), both rising.
    entries: Arc<Vec<(i64, i32)>>,
    /// Whether anything was written since the last sync.
    pub(crate) dirty: bool,
}

impl TimeIndex {
    pub(crate) fn open(ctx: &mut Context, path: &str, base_offset: Offset) -> StorageResult<Self> {
        let file = ctx.storage.create(path)?;
        let bytes = files::read_entries(ctx, file, TIME_ENTRY)?;
        let entry = |entry: &[u8]| {
            let timestamp = i64::from_be_bytes(entry[..8].try_into().expect("eight bytes"));
            (timestamp, i32::from_be_bytes(entry[8..].try_into().expect("four bytes")))
        };
        let entries = bytes.chunks_exact(TIME_ENTRY).map(entry).collect();
        Ok(TimeIndex { file, base_offset, entries: Arc::new(entries), dirty: true })
    }

    /// One slot stays free for the entry that is written when the segment is closed.
    pub(crate) fn is_full(&self, max_bytes: i32) -> bool {
        self.entries.len() + 1 >= max_bytes as usize / TIME_ENTRY
    }

    /// The length of the file.
    pub(crate) fn size_bytes(&self) -> u64 {
        (self.entries.len() * TIME_ENTRY) as u64
    }

    /// The largest indexed timestamp that is not above `target`, and its offset; (−1, base) if none.
    pub(crate) fn lookup(&self, target: i64) -> (i64, Offset) {
        match floor(&self.entries, |(timestamp, _)| *timestamp > target) {
            Some(slot) => self.entry(slot),
            None => (NO_TIMESTAMP, self.base_offset),
        }
    }

    fn entry(&self, slot: usize) -> (i64, Offset) {
        let (timestamp, offset) = self.entries[slot];
        (timestamp, self.base_offset.saturating_add(i64::from(offset)))
    }

    /// The last entry; (−1, base) if there is none.
    pub(crate) fn last(&self) -> (i64, Offset) {
        self.entries.len().checked_sub(1).map_or((NO_TIMESTAMP, self.base_offset), |slot| self.entry(slot))
    }

    /// Adds an entry if its timestamp is larger than the last one.
    pub(crate) fn maybe_append(&mut self, ctx: &mut Context, timestamp: i64, offset: Offset) -> StorageResult<()> {
        let Some(relative) = relative_offset(self.base_offset, offset) else { return Ok(()) };
        let (last_timestamp, last_offset) = self.last();
        if timestamp <= last_timestamp || offset < last_offset {
            return Ok(());
        }
        let mut bytes = [0; TIME_ENTRY];
        bytes[..8].copy_from_slice(&timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&relative.to_be_bytes());
        ctx.storage.append(self.file, &bytes)?;
        Arc::make_mut(&mut self.entries).push((timestamp, relative));
        self.dirty = true;
        Ok(())
    }

    /// Drops the entries for `offset` and beyond.
    pub(crate) fn truncate_to(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        let relative = offset.saturating_sub(self.base_offset);
        let keep = self.entries.partition_point(|(_, entry)| i64::from(*entry) < relative);
        self.keep(ctx, keep)
    }

    /// Drops everything.
    pub(crate) fn reset(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.keep(ctx, 0)
    }

    fn keep(&mut self, ctx: &mut Context, count: usize) -> StorageResult<()> {
        if count < self.entries.len() {
            ctx.storage.truncate(self.file, (count * TIME_ENTRY) as u64)?;
            Arc::make_mut(&mut self.entries).truncate(count);
            self.dirty = true;
        }
        Ok(())
    }
}
