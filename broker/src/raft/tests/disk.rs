//! A disk that can lose power: what was not synced is gone.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::storage::{FileHandle, MemoryStorage, Storage, StorageResult};
use crate::time::WallTime;

/// The page cache in front, and what a loss of power leaves.
///
/// A file's content is durable as of its last sync; its name as of the directory's last sync.
/// Simplified: removals and directories are durable at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    cache: MemoryStorage,
    paths: BTreeMap<FileHandle, String>,
    synced: BTreeMap<FileHandle, Bytes>,
    durable: BTreeMap<String, FileHandle>,
}

impl Disk {
    /// The disk after a loss of power.
    pub(super) fn power_cut(&self) -> Disk {
        let mut disk = Disk::default();
        for (path, old_handle) in &self.durable {
            let (directory, _) = path.rsplit_once('/').unwrap_or(("", path));
            disk.cache.create_directory(directory).unwrap();
            let content = self.synced.get(old_handle).cloned().unwrap_or_default();
            let handle = disk.create(path).unwrap();
            disk.append(handle, &content).unwrap();
            disk.synced.insert(handle, content);
            disk.durable.insert(path.clone(), handle);
        }
        disk
    }
}

impl Storage for Disk {
    fn open(&mut self, path: &str) -> StorageResult<FileHandle> {
        self.cache.open(path)
    }

    fn create(&mut self, path: &str) -> StorageResult<FileHandle> {
        let handle = self.cache.create(path)?;
        self.paths.insert(handle, path.to_owned());
        Ok(handle)
    }

    fn length(&mut self, file: FileHandle) -> StorageResult<u64> {
        self.cache.length(file)
    }

    fn read(&mut self, file: FileHandle, position: u64, length: usize) -> StorageResult<Bytes> {
        self.cache.read(file, position, length)
    }

    fn append(&mut self, file: FileHandle, bytes: &[u8]) -> StorageResult<()> {
        self.cache.append(file, bytes)
    }

    fn write(&mut self, file: FileHandle, position: u64, bytes: &[u8]) -> StorageResult<()> {
        self.cache.write(file, position, bytes)
    }

    fn truncate(&mut self, file: FileHandle, length: u64) -> StorageResult<()> {
        self.cache.truncate(file, length)
    }

    fn modified(&mut self, file: FileHandle) -> StorageResult<WallTime> {
        self.cache.modified(file)
    }

    fn set_modified(&mut self, file: FileHandle, modified: WallTime) -> StorageResult<()> {
        self.cache.set_modified(file, modified)
    }

    fn sync(&mut self, file: FileHandle) -> StorageResult<()> {
        let length = self.cache.length(file)?;
        let content = self.cache.read(file, 0, length as usize)?;
        self.synced.insert(file, content);
        Ok(())
    }

    fn list(&mut self, directory: &str) -> StorageResult<Vec<String>> {
        self.cache.list(directory)
    }

    fn rename(&mut self, from: &str, to: &str) -> StorageResult<()> {
        self.cache.rename(from, to)?;
        let moved: Vec<FileHandle> = self.paths.iter().filter(|(_, path)| *path == from).map(|(h, _)| *h).collect();
        self.paths.retain(|_, path| path != to);
        for handle in moved {
            self.paths.insert(handle, to.to_owned());
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> StorageResult<()> {
        self.cache.remove(path)?;
        self.paths.retain(|_, known| known != path);
        self.durable.remove(path);
        Ok(())
    }

    fn create_directory(&mut self, path: &str) -> StorageResult<()> {
        self.cache.create_directory(path)
    }

    fn sync_directory(&mut self, path: &str) -> StorageResult<()> {
        let inside = |name: &str| name.rsplit_once('/').is_some_and(|(directory, _)| directory == path);
        self.durable.retain(|name, _| !inside(name));
        for (handle, name) in &self.paths {
            if inside(name) {
                self.durable.insert(name.clone(), *handle);
            }
        }
        Ok(())
    }
}
