//! Names of a log's files, and the two ways in which Kafka writes small ones.
//!
//! A segment's files are named by its base offset in twenty digits; what is about to
//! be deleted or to take its place carries a second suffix:
//!
//! ```text
//!   00000000000000000042.log         .deleted   renamed before it is removed, a minute later
//!                       .index       .cleaned   being written by compaction: worthless after a crash
//!                       .timeindex   .swap      complete, about to replace older segments
//!                       .txnindex
//!                       .snapshot    (producer state up to offset 42)
//! ```

use bytes::Bytes;

use crate::context::Context;
use crate::ids::Offset;
use crate::storage::{FileHandle, StorageError, StorageResult};

pub(crate) const LOG: &str = ".log";
pub(crate) const OFFSET_INDEX: &str = ".index";
pub(crate) const TIME_INDEX: &str = ".timeindex";
pub(crate) const TRANSACTION_INDEX: &str = ".txnindex";
pub(crate) const PRODUCER_SNAPSHOT: &str = ".snapshot";
pub(crate) const DELETED: &str = ".deleted";
pub(crate) const CLEANED: &str = ".cleaned";
pub(crate) const SWAP: &str = ".swap";
/// A raft snapshot on its way out (`00000000000000000042-0000000003.checkpoint.deleted`): the quorum's affair.
pub(crate) const RAFT_SNAPSHOT_DELETED: &str = ".checkpoint.deleted";

/// The path of one file of the segment at `base_offset`.
pub(crate) fn path(directory: &str, base_offset: Offset, suffix: &str) -> String {
    format!("{directory}/{base_offset:020}{suffix}")
}

/// The offset that a file name of a segment begins with.
pub(crate) fn offset_of(name: &str) -> Option<Offset> {
    let (digits, _) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Opens a file and reads all of it; `None` if there is none.
pub(crate) fn read_whole(ctx: &mut Context, path: &str) -> StorageResult<Option<Bytes>> {
    let file = match ctx.storage.open(path) {
        Ok(file) => file,
        Err(StorageError::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = ctx.storage.length(file)?;
    ctx.storage.read(file, 0, length as usize).map(Some)
}

/// Replaces `directory/name` so that a crash leaves the old content or the new, never a mixture:
/// temporary file, sync, rename, directory sync.
pub(crate) fn write_atomically(ctx: &mut Context, directory: &str, name: &str, content: &[u8]) -> StorageResult<()> {
    let path = format!("{directory}/{name}");
    let temporary = format!("{path}.tmp");
    let file = ctx.storage.create(&temporary)?;
    ctx.storage.truncate(file, 0)?;
    ctx.storage.append(file, content)?;
    ctx.storage.sync(file)?;
    ctx.storage.rename(&temporary, &path)?;
    ctx.storage.sync_directory(directory)
}

/// Replaces `directory/name` as [`write_atomically`] does, but leaves it to the kernel when anything of it is durable, and in
/// which order: a power cut may leave the new name with the content of nobody.
pub(crate) fn replace_unsynced(ctx: &mut Context, directory: &str, name: &str, content: &[u8]) -> StorageResult<()> {
    let path = format!("{directory}/{name}");
    let temporary = format!("{path}.tmp");
    let file = ctx.storage.create(&temporary)?;
    ctx.storage.truncate(file, 0)?;
    ctx.storage.append(file, content)?;
    ctx.storage.rename(&temporary, &path)
}

/// Removes a file; it is no error if there is none.
pub(crate) fn remove_if_exists(ctx: &mut Context, path: &str) -> StorageResult<()> {
    match ctx.storage.remove(path) {
        Err(StorageError::NotFound) => Ok(()),
        other => other,
    }
}

/// Renames a file if it exists.
pub(crate) fn rename_if_exists(ctx: &mut Context, from: &str, to: &str) -> StorageResult<bool> {
    match ctx.storage.rename(from, to) {
        Ok(()) => Ok(true),
        Err(StorageError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a file that should hold entries of `entry_size` bytes, drops a torn last entry, and reads it.
pub(crate) fn read_entries(ctx: &mut Context, file: FileHandle, entry_size: usize) -> StorageResult<Bytes> {
    let length = ctx.storage.length(file)?;
    let whole = length - length % entry_size as u64;
    if whole < length {
        ctx.storage.truncate(file, whole)?;
    }
    ctx.storage.read(file, 0, whole as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twenty_digits_name_a_segment() {
        assert_eq!(offset_of("00000000000000000042.log"), Some(42));
        assert_eq!(offset_of("00000000000000000042.log.deleted"), Some(42));
        assert_eq!(offset_of("00000000000000000042-0000000003.checkpoint"), None);
        assert_eq!(offset_of("99999999999999999999.log"), None);
        assert_eq!(offset_of("quorum-state"), None);
        assert_eq!(path("d/t-0", 42, LOG), "d/t-0/00000000000000000042.log");
    }
}
