//! `meta.properties`: whose directory this is.

use super::checkpoint::CheckpointError;
use crate::context::Context;
use crate::ids::{ClusterId, DirectoryId, NodeId};
use crate::storage::StorageResult;

/// The content of `meta.properties`, version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: ClusterId,
    /// `node.id`.
    pub node_id: NodeId,
    /// `directory.id`.
    pub directory_id: DirectoryId,
}

/// Reads `directory/meta.properties`; `None` if there is none (not formatted).
///
/// # Errors
/// Disk failure, or a malformed file.
pub fn read(ctx: &mut Context, directory: &str) -> Result<Option<MetaProperties>, CheckpointError> {
    let _ = (ctx, directory);
    unimplemented!()
}
/// Writes it: temporary file, sync, rename, directory sync.
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, properties: &MetaProperties) -> StorageResult<()> {
    let _ = (ctx, directory, properties);
    unimplemented!()
}
