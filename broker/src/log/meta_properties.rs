//! `meta.properties`: whose directory this is (version 1, KIP-858).
//!
//! ```text
//!   cluster.id=AAAAAAAAAAAAAAAAAAAAAA
//!   directory.id=AAAAAAAAAAAAAAAAAAAAZA
//!   node.id=1
//!   version=1
//! ```

use super::checkpoint::CheckpointError;
use super::files;
use super::partition_metadata::parse_uuid;
use crate::context::Context;
use crate::ids::{ClusterId, DirectoryId, NodeId};
use crate::storage::StorageResult;

const FILE: &str = "meta.properties";

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
    let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{FILE}"))? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| CheckpointError::Malformed)?;
    parse(text).map(Some).ok_or(CheckpointError::Malformed)
}

fn parse(text: &str) -> Option<MetaProperties> {
    let value = |name: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    if value("version")? != "1" {
        return None;
    }
    Some(MetaProperties {
        cluster_id: ClusterId(parse_uuid(value("cluster.id")?)?),
        node_id: NodeId(value("node.id")?.parse().ok()?),
        directory_id: DirectoryId(parse_uuid(value("directory.id")?)?),
    })
}

/// Writes it: temporary file, sync, rename, directory sync.
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, properties: &MetaProperties) -> StorageResult<()> {
    let MetaProperties { cluster_id, node_id, directory_id } = properties;
    let content = format!("cluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n");
    files::write_atomically(ctx, directory, FILE, content.as_bytes())
}
