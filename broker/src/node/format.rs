//! Formatting: what `kafka-storage.sh format` leaves on a machine's disk before its first start.

use super::Node;
use super::config::NodeConfig;
use super::quorum::METADATA_DIRECTORY;
use crate::context::Context;
use crate::ids::DirectoryId;
use crate::log::meta_properties::{self, MetaProperties};
use crate::raft::Raft;
use crate::storage::StorageResult;

/// The name of a broker's n-th log directory.
pub(super) fn data_directory(index: usize) -> String {
    format!("data-{index}")
}

impl Node {
    /// Writes `meta.properties` into every directory and, on a voter, the checkpoint with the
    /// first voters of a dynamic quorum (KIP-853).
    ///
    /// # Errors
    /// What the disk answers.
    pub fn format(config: &NodeConfig, ctx: &mut Context) -> StorageResult<()> {
        let mut directories: Vec<(String, DirectoryId)> =
            vec![(METADATA_DIRECTORY.to_owned(), config.metadata_directory)];
        if config.role.is_broker() {
            directories
                .extend(config.data_directories.iter().enumerate().map(|(index, id)| (data_directory(index), *id)));
        }
        for (directory, directory_id) in directories {
            ctx.storage.create_directory(&directory)?;
            let properties = MetaProperties { cluster_id: config.cluster_id, node_id: config.node, directory_id };
            meta_properties::write(ctx, &directory, &properties)?;
        }
        if config.role.is_controller() {
            Raft::format(ctx, METADATA_DIRECTORY, &config.voters, Vec::new())?;
        }
        Ok(())
    }
}
