//! What `meta.properties` decides before anything else is read: whether a process starts on these directories, and
//! which of a broker's it does without (`KafkaRaftServer.initializeLogDirs`, `MetaPropertiesEnsemble`, KIP-858).
//!
//! ```text
//!                                metadata directory     data directory
//!   no file, or no node in it    refused                refused
//!   unreadable or malformed      refused                offline until the next start
//!   another node or cluster      refused                refused
//!   no directory id              a new one is drawn and written
//! ```
//!
//! An id that is read is the directory's id, whatever anybody thought it was: a voter whose id has changed votes no more.
//!
//! Simplified: a cluster id that is none at all is refused even where no other file contradicts it.

use std::collections::BTreeSet;

use super::config::NodeConfig;
use super::format::data_directory;
use super::quorum::METADATA_DIRECTORY;
use crate::context::Context;
use crate::event::LogEvent;
use crate::ids::{ClusterId, DirectoryId, NodeId};
use crate::log::meta_properties::{self, FoundProperties, MetaProperties};
use crate::log::partition_metadata::parse_uuid;
use crate::storage::{StorageError, StorageResult};

/// The first ids are Kafka's own (`DirectoryId.reserved`): no directory may have one.
const RESERVED: u128 = 100;

/// Takes over from the files what they say of the directories. Answers which data directories, by their number, are
/// offline from the start.
///
/// # Errors
/// Such a process does not start.
pub(super) fn verify(config: &mut NodeConfig, ctx: &mut Context) -> StorageResult<BTreeSet<usize>> {
    let mut seen = Seen { cluster: None, directories: BTreeSet::new() };
    let found = match meta_properties::read(ctx, METADATA_DIRECTORY) {
        Ok(found) => found,
        Err(error) => return refused(ctx, METADATA_DIRECTORY, error.as_storage_error()),
    };
    config.metadata_directory = seen.accept(ctx, config.node, METADATA_DIRECTORY, found)?;
    let mut offline = BTreeSet::new();
    let count = if config.role.is_broker() { config.data_directories.len() } else { 0 };
    for index in 0..count {
        let path = data_directory(index);
        match meta_properties::read(ctx, &path) {
            Ok(found) => config.data_directories[index] = seen.accept(ctx, config.node, &path, found)?,
            Err(error) => {
                ctx.emit(LogEvent::StorageFailed { path, error: error.as_storage_error() });
                offline.insert(index);
            }
        }
    }
    if count > 0 && offline.len() == count {
        return Err(StorageError::InputOutput);
    }
    config.cluster_id = seen.cluster.expect("the metadata directory has told it");
    Ok(offline)
}

/// What the files before this one have said.
struct Seen {
    cluster: Option<ClusterId>,
    directories: BTreeSet<DirectoryId>,
}

impl Seen {
    /// Compares one file with those before it. Answers the directory's id.
    fn accept(
        &mut self,
        ctx: &mut Context,
        node: NodeId,
        path: &str,
        found: Option<FoundProperties>,
    ) -> StorageResult<DirectoryId> {
        let Some(found) = found else { return refused(ctx, path, StorageError::NotFound) };
        let cluster = found.cluster_id.as_deref().and_then(parse_uuid).map(ClusterId);
        let (Some(cluster_id), Some(node_id)) = (cluster, found.node_id) else {
            return refused(ctx, path, StorageError::InputOutput);
        };
        if node_id != node || *self.cluster.get_or_insert(cluster_id) != cluster_id {
            return refused(ctx, path, StorageError::InputOutput);
        }
        let directory_id = match found.directory_id {
            Some(id) => id,
            None => {
                let directory_id = DirectoryId(ctx.choose_uuid());
                meta_properties::write(ctx, path, &MetaProperties { cluster_id, node_id, directory_id })?;
                directory_id
            }
        };
        if directory_id.0.as_u128() < RESERVED || !self.directories.insert(directory_id) {
            return refused(ctx, path, StorageError::InputOutput);
        }
        Ok(directory_id)
    }
}

fn refused<T>(ctx: &mut Context, directory: &str, error: StorageError) -> StorageResult<T> {
    ctx.emit(LogEvent::StorageFailed { path: format!("{directory}/meta.properties"), error });
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::LowestChoice;
    use crate::node::tests::{config, directory};
    use crate::storage::{MemoryStorage, Storage};
    use crate::time::Now;
    use uuid::Uuid;

    fn line(name: &str, value: &str) -> String {
        format!("{name}={value}\n")
    }

    /// The usual file of a directory, with some of its lines exchanged or left out.
    fn file(id: DirectoryId, changes: &[(&str, Option<&str>)]) -> String {
        let (cluster, id) = (ClusterId(Uuid::from_u128(7)).to_string(), id.to_string());
        let usual = [("cluster.id", cluster.as_str()), ("directory.id", &id), ("node.id", "1"), ("version", "1")];
        let value = |name, usual| changes.iter().find(|(of, _)| *of == name).map_or(Some(usual), |(_, value)| *value);
        usual.into_iter().filter_map(|(name, usual)| Some(line(name, value(name, usual)?))).collect()
    }

    /// What comes of the directories `metadata`, `data-0` and `data-1` with these files.
    fn verified(files: [Option<String>; 3]) -> StorageResult<(NodeConfig, BTreeSet<usize>)> {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        for (path, content) in ["metadata", "data-0", "data-1"].into_iter().zip(files) {
            storage.create_directory(path)?;
            if let Some(content) = content {
                let file = storage.create(&format!("{path}/meta.properties"))?;
                storage.append(file, content.as_bytes())?;
            }
        }
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        let mut config = config();
        let offline = verify(&mut config, &mut ctx)?;
        Ok((config, offline))
    }

    fn with(place: usize, changes: &[(&str, Option<&str>)]) -> StorageResult<(NodeConfig, BTreeSet<usize>)> {
        let changes = |at: usize| if at == place { changes } else { &[] };
        verified([0, 1, 2].map(|at| Some(file(directory(at as u128), changes(at)))))
    }

    #[test]
    fn files_as_they_were_formatted_change_nothing() {
        assert_eq!(with(0, &[]), Ok((config(), BTreeSet::new())));
    }

    #[test]
    fn a_directory_that_was_never_formatted_is_refused() {
        for place in 0..3 {
            let mut files = [0, 1, 2].map(|at| Some(file(directory(at), &[])));
            files[place] = None;
            assert_eq!(verified(files), Err(StorageError::NotFound), "directory {place}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_ends_a_metadata_directory_and_takes_a_data_directory_offline() {
        let damages: [(&str, Option<&str>); 5] = [
            ("version", Some("2")),
            ("version", Some("one")),
            ("node.id", Some("x")),
            ("directory.id", Some("short")),
            ("cluster.id", None),
        ];
        for damage in damages {
            assert_eq!(with(0, &[damage]), Err(StorageError::InputOutput), "{damage:?}");
            assert_eq!(with(2, &[damage]), Ok((config(), [1].into())), "{damage:?}");
        }
    }

    #[test]
    fn without_a_version_it_is_version_0_which_names_no_node_and_is_refused() {
        for place in 0..3 {
            assert_eq!(with(place, &[("version", None)]), Err(StorageError::InputOutput));
        }
    }

    #[test]
    fn a_directory_of_another_node_or_cluster_is_refused() {
        let other = ClusterId(Uuid::from_u128(8)).to_string();
        for change in [("node.id", Some("2")), ("cluster.id", Some(other.as_str())), ("cluster.id", Some("none"))] {
            assert_eq!(with(1, &[change]), Err(StorageError::InputOutput), "{change:?}");
        }
    }

    #[test]
    fn a_directory_is_what_its_file_says() {
        let other = directory(77).to_string();
        let (config, _) = with(2, &[("directory.id", Some(&other))]).expect("accepted");
        assert_eq!(config.data_directories, [directory(1), directory(77)]);
        let twice = directory(1).to_string();
        assert_eq!(with(2, &[("directory.id", Some(&twice))]), Err(StorageError::InputOutput), "two of one id");
        let reserved = DirectoryId::LOST.to_string();
        assert_eq!(with(2, &[("directory.id", Some(&reserved))]), Err(StorageError::InputOutput));
    }

    #[test]
    fn a_directory_without_an_id_is_given_one() {
        let (config, offline) = with(2, &[("directory.id", None)]).expect("accepted");
        assert!(offline.is_empty());
        assert!(![directory(1), directory(2)].contains(&config.data_directories[1]));
    }

    #[test]
    fn a_broker_without_any_data_directory_does_not_start() {
        let broken = |at| Some(file(directory(at), &[("version", Some("9"))]));
        assert_eq!(verified([Some(file(directory(0), &[])), broken(1), broken(2)]), Err(StorageError::InputOutput));
    }
}
