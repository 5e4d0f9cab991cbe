//! Which leader epoch wrote which part of a log (`LeaderEpochFileCache`, KIP-101).
//!
//! ```text
//!   epoch:  3        5             6
//!           ├────────┼─────────────┼──────────▶ offsets
//!   start:  0        120           310         log end offset
//! ```
//!
//! Entries are (epoch, first offset), both strictly rising. The file
//! `leader-epoch-checkpoint` holds them as text. A new entry is on disk, synced, before
//! the data that it describes; a truncation changes memory at once and the file a little
//! later. So after a crash the file may hold entries too many, never too few, and loading
//! cuts off what lies beyond the log's end.

use std::sync::Arc;

use super::checkpoint::{self, CheckpointError};
use super::{EpochEndOffset, EpochEntry, files};
use crate::context::Context;
use crate::ids::{LeaderEpoch, Offset};
use crate::storage::StorageResult;

/// The file in a log's directory.
pub const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

/// The entries in a file with this content; an empty one has none.
///
/// # Errors
/// A malformed content.
pub fn parse_epochs(bytes: &[u8]) -> Result<Vec<EpochEntry>, CheckpointError> {
    checkpoint::parse_lines(bytes)?
        .into_iter()
        .map(|line| parse_entry(line).ok_or(CheckpointError::Malformed))
        .collect()
}

/// The epochs of one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EpochCache {
    directory: Arc<str>,
    entries: Vec<EpochEntry>,
    /// Whether a truncation has not yet been written to the file.
    pub(crate) write_pending: bool,
}

impl EpochCache {
    /// Reads the file; none or an empty one has no entries.
    pub(crate) fn load(ctx: &mut Context, directory: &Arc<str>) -> Result<EpochCache, CheckpointError> {
        let mut cache = EpochCache { directory: directory.clone(), entries: Vec::new(), write_pending: false };
        let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{LEADER_EPOCHS}"))? else { return Ok(cache) };
        for entry in parse_epochs(&bytes)? {
            cache.insert(entry);
        }
        Ok(cache)
    }

    pub(crate) fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    pub(crate) fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// Notes that an epoch begins at an offset; writes the file, synced, if that is news.
    pub(crate) fn assign(&mut self, ctx: &mut Context, epoch: LeaderEpoch, start_offset: Offset) -> StorageResult<()> {
        if self.insert(EpochEntry { leader_epoch: epoch, start_offset }) { self.write(ctx) } else { Ok(()) }
    }

    /// Puts an entry in and drops, from the end, all that contradict it. `false` if it was known.
    pub(crate) fn insert(&mut self, new: EpochEntry) -> bool {
        assert!(
            new.leader_epoch.is_some() && new.start_offset >= 0,
            "an epoch entry is not negative: {} at {}",
            new.leader_epoch,
            new.start_offset
        );
        if let Some(latest) = self.latest()
            && latest.leader_epoch == new.leader_epoch
            && new.start_offset >= latest.start_offset
        {
            return false;
        }
        let contradicts =
            |entry: &EpochEntry| entry.leader_epoch >= new.leader_epoch || entry.start_offset >= new.start_offset;
        while self.entries.last().is_some_and(contradicts) {
            self.entries.pop();
        }
        self.entries.push(new);
        true
    }

    /// Drops the entries that start at `end_offset` or beyond.
    pub(crate) fn truncate_from_end(&mut self, end_offset: Offset) {
        let keep = self.entries.partition_point(|entry| entry.start_offset < end_offset);
        if end_offset >= 0 && keep < self.entries.len() {
            self.entries.truncate(keep);
            self.write_pending = true;
        }
    }

    /// Lets the epoch that `start_offset` lies in begin there, and drops the earlier ones.
    pub(crate) fn truncate_from_start(&mut self, start_offset: Offset) {
        let covered = self.entries.partition_point(|entry| entry.start_offset <= start_offset);
        if covered > 0 {
            self.entries.drain(..covered - 1);
            if self.entries[0].start_offset != start_offset || covered > 1 {
                self.write_pending = true;
            }
            self.entries[0].start_offset = start_offset;
        }
    }

    /// Drops everything and writes the file.
    pub(crate) fn clear(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.entries.clear();
        self.write(ctx)
    }

    /// Where `epoch` ends (`endOffsetFor`); `None` is Kafka's (−1, −1).
    pub(crate) fn end_offset_for(&self, epoch: LeaderEpoch, log_end_offset: Offset) -> Option<EpochEndOffset> {
        if !epoch.is_some() {
            return None;
        }
        if self.latest().is_some_and(|latest| latest.leader_epoch == epoch) {
            return Some(EpochEndOffset { leader_epoch: epoch, end_offset: log_end_offset });
        }
        let higher = self.entries.partition_point(|entry| entry.leader_epoch <= epoch);
        let end_offset = self.entries.get(higher)?.start_offset;
        let leader_epoch = higher.checked_sub(1).map_or(epoch, |floor| self.entries[floor].leader_epoch);
        Some(EpochEndOffset { leader_epoch, end_offset })
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.entries.partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).map(|slot| self.entries[slot].leader_epoch)
    }

    /// Writes the file: temporary file, sync, rename, directory sync.
    pub(crate) fn write(&mut self, ctx: &mut Context) -> StorageResult<()> {
        files::write_atomically(ctx, &self.directory, LEADER_EPOCHS, self.content().as_bytes())?;
        self.write_pending = false;
        Ok(())
    }

    /// Writes the file as [`EpochCache::write`] does, and syncs nothing: [`crate::config::Switch::EpochTruncationNotSynced`].
    pub(crate) fn write_unsynced(&mut self, ctx: &mut Context) -> StorageResult<()> {
        files::replace_unsynced(ctx, &self.directory, LEADER_EPOCHS, self.content().as_bytes())?;
        self.write_pending = false;
        Ok(())
    }

    fn content(&self) -> String {
        let lines = self.entries.iter().map(|entry| format!("{} {}", entry.leader_epoch, entry.start_offset));
        checkpoint::format_lines(lines)
    }
}

fn parse_entry(line: &str) -> Option<EpochEntry> {
    let (epoch, start_offset) = line.split_once(' ')?;
    let (epoch, start_offset): (i32, i64) = (epoch.parse().ok()?, start_offset.parse().ok()?);
    (epoch >= 0 && start_offset >= 0).then_some(EpochEntry { leader_epoch: LeaderEpoch(epoch), start_offset })
}
