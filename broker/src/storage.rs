//! The disk as a capability: what a machine may do to files during a step.
//!
//! Reads and writes go to the page cache, as `write(2)` does: they survive the
//! death of the process and not the loss of power. Only [`Storage::sync`] makes
//! bytes durable, and only [`Storage::sync_directory`] makes the creation, renaming
//! or removal of a file durable. Every operation returns at once; what it costs in
//! virtual time is the implementor's affair.
//!
//! Paths are relative, with `/` between parts: `data/orders-0/00000000000000000000.log`.
//! Two implementations exist: [`MemoryStorage`] here, for tests of the parts, and the
//! simulated disk with page cache, faults and crashes in `trial-sim`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// An open file. Valid until the process ends or the file is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileHandle(pub u32);

/// What a disk can answer instead of doing what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageError {
    /// `ENOENT`: no file or directory of that name.
    NotFound,
    /// `EIO`: the device failed to read or write.
    InputOutput,
    /// `ENOSPC`: no space left on the device.
    NoSpace,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StorageError::NotFound => "no such file or directory",
            StorageError::InputOutput => "input/output error",
            StorageError::NoSpace => "no space left on device",
        })
    }
}

impl std::error::Error for StorageError {}

/// What storage operations return.
pub type StorageResult<T> = Result<T, StorageError>;

/// The files under one machine's directories.
pub trait Storage {
    /// Opens an existing file.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] when there is none.
    fn open(&mut self, path: &str) -> StorageResult<FileHandle>;
    /// Opens a file, creating it empty if there is none. Its directory must exist.
    fn create(&mut self, path: &str) -> StorageResult<FileHandle>;
    /// The file's length in bytes.
    fn length(&mut self, file: FileHandle) -> StorageResult<u64>;
    /// Up to `length` bytes from `position`: fewer only at the end of the file.
    fn read(&mut self, file: FileHandle, position: u64, length: usize) -> StorageResult<Bytes>;
    /// Adds bytes at the end of the file.
    fn append(&mut self, file: FileHandle, bytes: &[u8]) -> StorageResult<()>;
    /// Overwrites bytes at `position`, extending the file if needed.
    fn write(&mut self, file: FileHandle, position: u64, bytes: &[u8]) -> StorageResult<()>;
    /// Cuts the file to `length`; never extends it.
    fn truncate(&mut self, file: FileHandle, length: u64) -> StorageResult<()>;
    /// When the file was last written, by this machine's wall clock.
    fn modified(&mut self, file: FileHandle) -> StorageResult<WallTime>;
    /// Says that the file was last written then (`utimes`); the next write says otherwise.
    fn set_modified(&mut self, file: FileHandle, modified: WallTime) -> StorageResult<()>;
    /// Makes the file's present content and length durable.
    fn sync(&mut self, file: FileHandle) -> StorageResult<()>;
    /// The names directly inside a directory, files and directories, in order.
    fn list(&mut self, directory: &str) -> StorageResult<Vec<String>>;
    /// Renames a file or directory, replacing a file of the new name. Open handles stay valid.
    fn rename(&mut self, from: &str, to: &str) -> StorageResult<()>;
    /// Removes a file, or a directory with all that is in it.
    fn remove(&mut self, path: &str) -> StorageResult<()>;
    /// Creates a directory and its parents; does nothing if it exists.
    fn create_directory(&mut self, path: &str) -> StorageResult<()>;
    /// Makes the entries of a directory durable: creations, renames, removals.
    fn sync_directory(&mut self, path: &str) -> StorageResult<()>;
}

/// A disk that never fails, never loses and costs nothing.
///
/// Two faults it knows: the next operation answers the error `fail_next`, and after `changes_left` more changes nothing is
/// changed any longer, as if the process had died there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemoryStorage {
    files: BTreeMap<FileHandle, Vec<u8>>,
    names: BTreeMap<String, FileHandle>,
    directories: BTreeSet<String>,
    next_handle: u32,
    /// The answer to the next operation, instead of its result.
    pub fail_next: Option<StorageError>,
    /// How many more changes are made; all those behind answer [`StorageError::InputOutput`]. No limit unless set.
    pub changes_left: Option<u32>,
    /// What [`Storage::modified`] answers for every file of which [`Storage::set_modified`] has said nothing.
    pub wall: WallTime,
    modified: BTreeMap<FileHandle, WallTime>,
}

impl MemoryStorage {
    fn content(&mut self, file: FileHandle) -> StorageResult<&mut Vec<u8>> {
        self.check()?;
        self.files.get_mut(&file).ok_or(StorageError::NotFound)
    }

    fn check(&mut self) -> StorageResult<()> {
        self.fail_next.take().map_or(Ok(()), Err)
    }

    /// Whether one more change is made.
    fn change(&mut self) -> StorageResult<()> {
        if let Some(left) = &mut self.changes_left {
            *left = left.checked_sub(1).ok_or(StorageError::InputOutput)?;
        }
        Ok(())
    }
}

/// Whether `path` is `directory` itself or lies inside it.
fn is_within(path: &str, directory: &str) -> bool {
    path == directory || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Storage for MemoryStorage {
    fn open(&mut self, path: &str) -> StorageResult<FileHandle> {
        self.check()?;
        self.names.get(path).copied().ok_or(StorageError::NotFound)
    }

    fn create(&mut self, path: &str) -> StorageResult<FileHandle> {
        self.change()?;
        self.check()?;
        if let Some(handle) = self.names.get(path) {
            return Ok(*handle);
        }
        let handle = FileHandle(self.next_handle);
        self.next_handle += 1;
        self.files.insert(handle, Vec::new());
        self.names.insert(path.to_owned(), handle);
        Ok(handle)
    }

    fn length(&mut self, file: FileHandle) -> StorageResult<u64> {
        Ok(self.content(file)?.len() as u64)
    }

    fn read(&mut self, file: FileHandle, position: u64, length: usize) -> StorageResult<Bytes> {
        let content = self.content(file)?;
        let start = (position as usize).min(content.len());
        let end = start.saturating_add(length).min(content.len());
        Ok(Bytes::copy_from_slice(&content[start..end]))
    }

    fn append(&mut self, file: FileHandle, bytes: &[u8]) -> StorageResult<()> {
        self.change()?;
        self.content(file)?.extend_from_slice(bytes);
        self.modified.remove(&file);
        Ok(())
    }

    fn write(&mut self, file: FileHandle, position: u64, bytes: &[u8]) -> StorageResult<()> {
        self.change()?;
        let content = self.content(file)?;
        let end = position as usize + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[position as usize..end].copy_from_slice(bytes);
        self.modified.remove(&file);
        Ok(())
    }

    fn truncate(&mut self, file: FileHandle, length: u64) -> StorageResult<()> {
        self.change()?;
        self.content(file)?.truncate(length as usize);
        self.modified.remove(&file);
        Ok(())
    }

    fn modified(&mut self, file: FileHandle) -> StorageResult<WallTime> {
        self.content(file)?;
        Ok(self.modified.get(&file).copied().unwrap_or(self.wall))
    }

    fn set_modified(&mut self, file: FileHandle, modified: WallTime) -> StorageResult<()> {
        self.change()?;
        self.content(file)?;
        self.modified.insert(file, modified);
        Ok(())
    }

    fn sync(&mut self, file: FileHandle) -> StorageResult<()> {
        self.change()?;
        self.content(file).map(|_| ())
    }

    fn list(&mut self, directory: &str) -> StorageResult<Vec<String>> {
        self.check()?;
        if !self.directories.contains(directory) {
            return Err(StorageError::NotFound);
        }
        let children: BTreeSet<String> = self
            .names
            .keys()
            .chain(self.directories.iter())
            .filter_map(|path| path.strip_prefix(directory)?.strip_prefix('/'))
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        Ok(children.into_iter().collect())
    }

    fn rename(&mut self, from: &str, to: &str) -> StorageResult<()> {
        self.change()?;
        self.check()?;
        let moved = |path: &String| is_within(path, from).then(|| format!("{to}{}", &path[from.len()..]));
        let names: Vec<(String, String)> = self.names.keys().filter_map(|p| Some((p.clone(), moved(p)?))).collect();
        let directories: Vec<(String, String)> =
            self.directories.iter().filter_map(|p| Some((p.clone(), moved(p)?))).collect();
        if names.is_empty() && directories.is_empty() {
            return Err(StorageError::NotFound);
        }
        for (old, new) in names {
            if let Some(handle) = self.names.remove(&old)
                && let Some(replaced) = self.names.insert(new, handle)
            {
                self.files.remove(&replaced);
            }
        }
        for (old, new) in directories {
            self.directories.remove(&old);
            self.directories.insert(new);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> StorageResult<()> {
        self.change()?;
        self.check()?;
        let files: Vec<String> = self.names.keys().filter(|name| is_within(name, path)).cloned().collect();
        let directories: Vec<String> = self.directories.iter().filter(|name| is_within(name, path)).cloned().collect();
        if files.is_empty() && directories.is_empty() {
            return Err(StorageError::NotFound);
        }
        for name in files {
            if let Some(handle) = self.names.remove(&name) {
                self.files.remove(&handle);
            }
        }
        for name in directories {
            self.directories.remove(&name);
        }
        Ok(())
    }

    fn create_directory(&mut self, path: &str) -> StorageResult<()> {
        self.change()?;
        self.check()?;
        let mut end = 0;
        for part in path.split('/') {
            end += part.len();
            self.directories.insert(path[..end].to_owned());
            end += 1;
        }
        Ok(())
    }

    fn sync_directory(&mut self, _path: &str) -> StorageResult<()> {
        self.change()?;
        self.check()
    }
}
