//! Offset checkpoint files of a log directory (`OffsetCheckpointFile`, `CheckpointFile`).
//!
//! ```text
//!   0                 version
//!   2                 how many lines follow
//!   orders 0 1042     topic, partition, offset
//!   orders 1 998
//! ```
//!
//! They are replaced as a whole, so a crash leaves the old content or the new.

use std::collections::BTreeMap;

use super::files;
use crate::context::Context;
use crate::ids::{Offset, TopicPartition};
use crate::storage::{StorageError, StorageResult};

/// `replication-offset-checkpoint`: high watermarks.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// `recovery-point-offset-checkpoint`.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// `log-start-offset-checkpoint`.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";

/// `cleaner-offset-checkpoint`: the first offsets that no pass of the cleaner has read.
pub const FIRST_DIRTY_OFFSETS: &str = "cleaner-offset-checkpoint";

/// Why a checkpoint or a small text file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckpointError {
    /// The disk failed.
    Storage(StorageError),
    /// The content is not what Kafka writes.
    Malformed,
}

impl From<StorageError> for CheckpointError {
    fn from(error: StorageError) -> Self {
        CheckpointError::Storage(error)
    }
}

impl CheckpointError {
    /// As the error of the disk that holds the file: Kafka takes the directory offline for both.
    pub fn as_storage_error(self) -> StorageError {
        match self {
            CheckpointError::Storage(error) => error,
            CheckpointError::Malformed => StorageError::InputOutput,
        }
    }
}

/// Reads `directory/name`; a missing or empty file has no entries.
///
/// # Errors
/// Disk failure, or a malformed file. For recovery points and log starts Kafka then goes on
/// as if there were no entries; for high watermarks the directory goes offline.
pub fn read_offsets(
    ctx: &mut Context,
    directory: &str,
    name: &str,
) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
    let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{name}"))? else { return Ok(BTreeMap::new()) };
    parse_offsets(&bytes)
}

/// What a checkpoint file with this content says; an empty one has no entries.
///
/// # Errors
/// A malformed content.
pub fn parse_offsets(bytes: &[u8]) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
    parse_lines(bytes)?.into_iter().map(|line| parse_offset(line).ok_or(CheckpointError::Malformed)).collect()
}

fn parse_offset(line: &str) -> Option<(TopicPartition, Offset)> {
    let mut parts = line.split_whitespace();
    let (topic, partition, offset) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((TopicPartition::new(topic, partition.parse().ok()?), offset.parse().ok()?))
}

/// Writes `directory/name`: temporary file, sync, rename, directory sync.
///
/// # Errors
/// The disk failed.
pub fn write_offsets(
    ctx: &mut Context,
    directory: &str,
    name: &str,
    offsets: &BTreeMap<TopicPartition, Offset>,
) -> StorageResult<()> {
    let lines =
        offsets.iter().map(|(partition, offset)| format!("{} {} {offset}", partition.topic, partition.partition));
    files::write_atomically(ctx, directory, name, format_lines(lines).as_bytes())
}

/// Version, count, lines.
pub(crate) fn format_lines(lines: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The lines behind version and count; none for an empty file.
pub(crate) fn parse_lines(bytes: &[u8]) -> Result<Vec<&str>, CheckpointError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Malformed)?;
    let mut lines = text.lines();
    if lines.next() != Some("0") {
        return Err(CheckpointError::Malformed);
    }
    let Some(count) = lines.next() else { return Ok(Vec::new()) };
    let count: usize = count.parse().map_err(|_| CheckpointError::Malformed)?;
    let lines: Vec<&str> = lines.collect();
    if lines.len() == count { Ok(lines) } else { Err(CheckpointError::Malformed) }
}
