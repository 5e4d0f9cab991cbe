//! `partition.metadata`: the topic id of a partition's directory (KIP-516).

use super::checkpoint::CheckpointError;
use crate::context::Context;
use crate::ids::TopicId;
use crate::storage::StorageResult;

/// Reads `directory/partition.metadata`; `None` if there is none.
///
/// # Errors
/// Disk failure, or a malformed file.
pub fn read(ctx: &mut Context, directory: &str) -> Result<Option<TopicId>, CheckpointError> {
    let _ = (ctx, directory);
    unimplemented!()
}
/// Writes it: temporary file, sync, rename, directory sync.
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, topic_id: TopicId) -> StorageResult<()> {
    let _ = (ctx, directory, topic_id);
    unimplemented!()
}
