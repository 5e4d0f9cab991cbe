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

/// What a file says. Version 1 always has a cluster and a node; version 0, which a file is that names no version, promises
/// nothing, and names its node by a property of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FoundProperties {
    /// `cluster.id`, as it stands there.
    pub cluster_id: Option<String>,
    /// `node.id`; none in version 0 without a `broker.id`.
    pub node_id: Option<NodeId>,
    /// `directory.id`; none before KIP-858.
    pub directory_id: Option<DirectoryId>,
}

/// Reads `directory/meta.properties`; `None` if there is none (not formatted).
///
/// # Errors
/// Disk failure, or a malformed file: an unknown version, a missing or impossible value.
pub fn read(ctx: &mut Context, directory: &str) -> Result<Option<FoundProperties>, CheckpointError> {
    let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{FILE}"))? else { return Ok(None) };
    // Properties files are Latin-1: no byte is wrong by itself.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    parse(&text).map(Some).ok_or(CheckpointError::Malformed)
}

/// Simplified: of the syntax of properties files only lines of `key=value` and comments are known.
fn parse(text: &str) -> Option<FoundProperties> {
    let value = |name: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    };
    let version: i32 = value("version").map_or(Some(0), |text| text.parse().ok())?;
    let cluster_id = value("cluster.id").map(str::to_owned);
    let node_id = match version {
        0 => value("broker.id").map(str::parse).transpose().ok()?,
        1 => Some(value("node.id")?.parse().ok()?),
        _ => return None,
    };
    if version == 1 && cluster_id.is_none() {
        return None;
    }
    let directory_id = match value("directory.id") {
        Some(text) => Some(DirectoryId(parse_uuid(text)?)),
        None => None,
    };
    Some(FoundProperties { cluster_id, node_id: node_id.map(NodeId), directory_id })
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
