//! The aborted transactions of a segment (`TransactionIndex`, KIP-98).
//!
//! ```text
//!   34 bytes: version 0 (2) │ producer id (8) │ first offset (8) │ last offset (8) │ last stable offset (8)
//! ```
//!
//! An entry belongs to the segment in which the transaction was *aborted*, so a
//! reader may have to look into later segments than the one it reads. It may stop at
//! the first entry whose last stable offset is not below the end of what it reads:
//! every transaction aborted later began later. The file exists only once it is needed.

use std::sync::Arc;

use super::files;
use crate::context::Context;
use crate::ids::{Offset, ProducerId};
use crate::storage::{FileHandle, StorageError, StorageResult};

const ENTRY: usize = 34;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbortedTransactionEntry {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// The abort marker.
    pub last_offset: Offset,
    /// The last stable offset once it was aborted.
    pub last_stable_offset: Offset,
}

impl AbortedTransactionEntry {
    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[2..10].copy_from_slice(&self.producer_id.0.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.to_be_bytes());
        bytes[26..34].copy_from_slice(&self.last_stable_offset.to_be_bytes());
        bytes
    }

    /// `None` for a version that is not 0.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| i64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        (bytes[..2] == [0, 0]).then(|| AbortedTransactionEntry {
            producer_id: ProducerId(number(2)),
            first_offset: number(10),
            last_offset: number(18),
            last_stable_offset: number(26),
        })
    }
}

/// The index of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TransactionIndex {
    path: Arc<str>,
    /// `None` until the first entry.
    pub(crate) file: Option<FileHandle>,
    entries: Arc<Vec<AbortedTransactionEntry>>,
    /// Whether anything was written since the last sync.
    pub(crate) dirty: bool,
}

impl TransactionIndex {
    /// Opens the file if it exists. The second value says whether its content makes sense:
    /// if not, the segment must be recovered (which rebuilds the index).
    pub(crate) fn open(ctx: &mut Context, path: &str, base_offset: Offset) -> StorageResult<(Self, bool)> {
        let mut index = TransactionIndex { path: Arc::from(path), file: None, entries: Arc::default(), dirty: true };
        let file = match ctx.storage.open(path) {
            Ok(file) => file,
            Err(StorageError::NotFound) => return Ok((index, true)),
            Err(error) => return Err(error),
        };
        index.file = Some(file);
        let bytes = files::read_entries(ctx, file, ENTRY)?;
        let entries: Option<Vec<_>> = bytes.chunks_exact(ENTRY).map(AbortedTransactionEntry::decode).collect();
        let Some(entries) = entries else { return Ok((index, false)) };
        let sane = entries.iter().all(|entry| entry.last_offset >= base_offset);
        index.entries = Arc::new(entries);
        Ok((index, sane))
    }

    /// The file has another name now, or will have it once it is needed.
    pub(crate) fn set_path(&mut self, path: String) {
        self.path = Arc::from(path);
    }

    pub(crate) fn entries(&self) -> &[AbortedTransactionEntry] {
        &self.entries
    }

    /// Adds an entry. Entries that claim to lie at or behind its marker cannot be of this log (the file was
    /// damaged while the broker was down) and go first; Kafka fails the append instead.
    pub(crate) fn append(&mut self, ctx: &mut Context, entry: AbortedTransactionEntry) -> StorageResult<()> {
        if self.entries.iter().any(|known| known.last_offset >= entry.last_offset) {
            self.truncate_to(ctx, entry.last_offset)?;
        }
        let file = match self.file {
            Some(file) => file,
            None => ctx.storage.create(&self.path)?,
        };
        self.file = Some(file);
        ctx.storage.append(file, &entry.encode())?;
        Arc::make_mut(&mut self.entries).push(entry);
        self.dirty = true;
        Ok(())
    }

    /// Drops the entries whose marker lies at `offset` or beyond.
    pub(crate) fn truncate_to(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        let keep = self.entries.iter().take_while(|entry| entry.last_offset < offset).count();
        if let Some(file) = self.file
            && keep < self.entries.len()
        {
            ctx.storage.truncate(file, (keep * ENTRY) as u64)?;
            Arc::make_mut(&mut self.entries).truncate(keep);
            self.dirty = true;
        }
        Ok(())
    }

    /// Drops everything.
    pub(crate) fn reset(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if let Some(file) = self.file {
            ctx.storage.truncate(file, 0)?;
            self.entries = Arc::default();
            self.dirty = true;
        }
        Ok(())
    }

    /// Adds the aborted transactions that overlap [from, upper) to `found`; `true` if later segments cannot add more.
    pub(crate) fn collect(&self, from: Offset, upper: Offset, found: &mut Vec<AbortedTransactionEntry>) -> bool {
        for entry in self.entries.iter() {
            if entry.last_offset >= from && entry.first_offset < upper {
                found.push(*entry);
            }
            if entry.last_stable_offset >= upper {
                return true;
            }
        }
        false
    }
}
