//! Offset checkpoint files of a log directory.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::ids::{Offset, TopicPartition};
use crate::storage::StorageError;

/// `replication-offset-checkpoint`: high watermarks.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// `recovery-point-offset-checkpoint`.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// `log-start-offset-checkpoint`.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";

/// Why a checkpoint or a small text file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckpointError {
    /// The disk failed.
    Storage(StorageError),
    /// The content is not what Kafka writes.
    Malformed,
}

/// Reads `directory/name`; a missing or empty file has no entries.
///
/// # Errors
/// Disk failure, or a malformed file.
pub fn read_offsets(
    ctx: &mut Context,
    directory: &str,
    name: &str,
) -> Result<BTreeMap<TopicPartition, Offset>, CheckpointError> {
    let _ = (ctx, directory, name);
    unimplemented!()
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
) -> Result<(), StorageError> {
    let _ = (ctx, directory, name, offsets);
    unimplemented!()
}
