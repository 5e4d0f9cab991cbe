//! The disk in the hands of a step: the storage capability, with stamps and costs.
//!
//! Every operation returns at once. What it costs is added up: the next operation of the
//! step is stamped so much later, and the lane of the step pays the sum before anything
//! that the step said or asked for is seen by anybody.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trial_broker::input::Lane;
use trial_broker::storage::{FileHandle, Storage, StorageError, StorageResult};
use trial_broker::time::{Time, WallTime};

use super::file::File;
use super::tree::{Change, Content, Directory, Inode, PendingChange};
use super::{Disk, GONE, Misbehaviour, ROOT, Undo, UndoKind, handle};
use crate::fault::DiskFailure;

/// A disk during one step of one lane.
#[derive(Debug)]
pub struct DiskAccess<'a> {
    disk: &'a mut Disk,
    start: Time,
    cost: Duration,
    /// None while a process starts or a disk is formatted: that may touch every file.
    lane: Option<Lane>,
    wall: WallTime,
}

/// The kinds of operation, as far as their costs and failures differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Change,
    Grow,
    Sync,
}

impl<'a> DiskAccess<'a> {
    /// The disk during a step that starts now, by the world's clock and by the machine's wall clock.
    pub fn new(disk: &'a mut Disk, start: Time, wall: WallTime, lane: Option<Lane>) -> Self {
        DiskAccess { disk, start, cost: Duration::ZERO, lane, wall }
    }

    /// What the step's operations cost so far.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// When the next operation is issued.
    fn stamp(&self) -> Time {
        self.start + self.cost
    }

    /// What is wrong with the files below this path: adds to the cost, or fails.
    fn suffer(&mut self, path: &str, kind: Kind) -> StorageResult<Duration> {
        let mut extra = Duration::ZERO;
        let now = self.stamp();
        let mut stalled_until = now;
        for condition in self.disk.conditions.iter().filter(|condition| path.starts_with(&condition.path)) {
            match condition.what {
                Misbehaviour::StalledUntil(until) if kind != Kind::Read => stalled_until = stalled_until.max(until),
                Misbehaviour::Slow { sync, .. } if kind == Kind::Sync => extra += sync,
                Misbehaviour::Slow { other, .. } if kind != Kind::Read => extra += other,
                Misbehaviour::Fails(DiskFailure::InputOutput) => return Err(StorageError::InputOutput),
                Misbehaviour::Fails(DiskFailure::NoSpace) if kind == Kind::Grow => return Err(StorageError::NoSpace),
                Misbehaviour::StalledUntil(_) | Misbehaviour::Slow { .. } | Misbehaviour::Fails(_) => {}
            }
        }
        self.cost += stalled_until.since(now);
        // Only what is over for everybody is forgotten: this step may be ahead of the other lanes by what it waits.
        let begun = self.start;
        self.disk
            .conditions
            .retain(|condition| !matches!(condition.what, Misbehaviour::StalledUntil(at) if at <= begun));
        Ok(extra)
    }

    /// Begins an operation on an open file: its lane, and what is wrong with the disk.
    fn on_file(&mut self, file: FileHandle, kind: Kind) -> StorageResult<Duration> {
        let Some(Some(inode)) = self.disk.inodes.get(file.0 as usize) else { return Err(GONE) };
        if inode.file().is_none() {
            return Err(GONE);
        }
        if let (Some(lane), Some(owner)) = (self.lane, inode.owner)
            && lane != owner
        {
            let path = self.disk.path(file.0);
            panic!("lane {lane:?} uses {path}, which belongs to lane {owner:?}: it must ask by an internal input");
        }
        if self.disk.conditions.is_empty() {
            return Ok(Duration::ZERO);
        }
        let path = self.disk.path(file.0);
        let extra = self.suffer(&path, kind)?;
        if kind != Kind::Sync {
            self.cost += extra;
        }
        Ok(extra)
    }

    /// Begins an operation on a path.
    fn on_path(&mut self, path: &str, kind: Kind) -> StorageResult<Duration> {
        if self.disk.conditions.is_empty() {
            return Ok(Duration::ZERO);
        }
        let extra = self.suffer(path, kind)?;
        if kind != Kind::Sync {
            self.cost += extra;
        }
        Ok(extra)
    }

    fn file(&mut self, file: FileHandle) -> &mut File {
        self.disk.inode_mut(file.0).file_mut().expect("a file, as checked before")
    }

    /// Remembers how to take an operation back, if it is stamped later than the step's start.
    fn remember(&mut self, inode: u32, what: impl FnOnce(&Disk) -> UndoKind) {
        if self.cost == Duration::ZERO {
            return;
        }
        let undo = Undo { stamp: self.stamp(), lane: self.lane, inode, what: what(self.disk) };
        self.disk.journal.push(undo);
    }

    fn remember_file(&mut self, file: FileHandle, from: u64, end: u64) {
        self.remember(file.0, |disk| UndoKind::File {
            before: disk.inode(file.0).file().expect("a file, as checked before").before(from, end),
            from,
        });
    }

    /// The directory of a path, and the name in it.
    fn parent<'p>(&self, path: &'p str) -> StorageResult<(u32, &'p str)> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let inode = self.disk.lookup(directory).ok_or(GONE)?;
        self.disk.inode(inode).directory().map(|_| (inode, name)).ok_or(GONE)
    }

    /// Changes a directory in the page cache; durable when the directory is synced.
    fn change(&mut self, directory: u32, change: Change) {
        self.remember(directory, |disk| UndoKind::Names {
            cached: disk.inode(directory).directory().expect("a directory").cached.clone(),
            first_change: disk.next_change,
        });
        let number = self.disk.next_change;
        self.disk.next_change += 1;
        let names = self.disk.inode_mut(directory).directory_mut().expect("a directory");
        change.apply(&mut names.cached);
        names.pending.push(PendingChange { number, change });
    }

    /// Says where an inode is linked in the page cache from now on, if anywhere.
    fn link(&mut self, inode: u32, place: Option<(u32, Arc<str>)>) {
        let linked = self.disk.inode_mut(inode);
        linked.cached_link = place.is_some();
        match place {
            Some((parent, name)) => (linked.parent, linked.name) = (parent, name),
            None if self.cost > Duration::ZERO => self.remember(inode, |_| UndoKind::Unlinked),
            None => self.disk.release(inode),
        }
    }

    fn new_inode(&mut self, parent: u32, name: &str, content: Content) -> u32 {
        let owner = match parent {
            ROOT if name.starts_with("metadata") => Some(Lane::Quorum),
            ROOT if name.starts_with("data") => Some(Lane::Data),
            _ => self.disk.inode(parent).owner,
        };
        let name: Arc<str> = Arc::from(name);
        let index = self.disk.inodes.len() as u32;
        let inode = Inode { parent, name: Arc::clone(&name), owner, cached_link: true, durable_links: 0, content };
        self.disk.inodes.push(Some(Arc::new(inode)));
        self.change(parent, Change::Set { name, inode: index });
        index
    }

    /// Takes everything below a directory away, innermost first.
    fn remove_below(&mut self, inode: u32) {
        let Some(names) = self.disk.inode(inode).directory() else { return };
        for (name, child) in names.cached.clone() {
            self.remove_below(child);
            self.change(inode, Change::Remove { name });
            self.link(child, None);
        }
    }
}

impl Storage for DiskAccess<'_> {
    fn open(&mut self, path: &str) -> StorageResult<FileHandle> {
        self.on_path(path, Kind::Read)?;
        let inode = self.disk.lookup(path).ok_or(GONE)?;
        self.disk.inode(inode).file().map(|_| handle(inode)).ok_or(GONE)
    }

    fn create(&mut self, path: &str) -> StorageResult<FileHandle> {
        if let Some(inode) = self.disk.lookup(path) {
            self.on_path(path, Kind::Read)?;
            return self.disk.inode(inode).file().map(|_| handle(inode)).ok_or(GONE);
        }
        self.on_path(path, Kind::Grow)?;
        let (parent, name) = self.parent(path)?;
        let file = File { modified: self.wall, ..File::default() };
        Ok(handle(self.new_inode(parent, name, Content::File(file))))
    }

    fn length(&mut self, file: FileHandle) -> StorageResult<u64> {
        self.on_file(file, Kind::Read)?;
        Ok(self.disk.inode(file.0).file().map_or(0, |file| file.length))
    }

    fn read(&mut self, file: FileHandle, position: u64, length: usize) -> StorageResult<Bytes> {
        self.on_file(file, Kind::Read)?;
        Ok(self.disk.inode(file.0).file().map_or_else(Bytes::new, |file| file.read(position, length)))
    }

    fn append(&mut self, file: FileHandle, bytes: &[u8]) -> StorageResult<()> {
        self.on_file(file, Kind::Grow)?;
        let wall = self.wall;
        if self.cost > Duration::ZERO {
            let length = self.file(file).length;
            self.remember_file(file, length, length + bytes.len() as u64);
        }
        let content = self.file(file);
        content.write(content.length, bytes, wall);
        Ok(())
    }

    fn write(&mut self, file: FileHandle, position: u64, bytes: &[u8]) -> StorageResult<()> {
        let end = position + bytes.len() as u64;
        let grows = self.disk.inodes.get(file.0 as usize).is_some_and(|inode| {
            inode.as_ref().and_then(|inode| inode.file()).is_some_and(|content| content.length < end)
        });
        self.on_file(file, if grows { Kind::Grow } else { Kind::Change })?;
        self.remember_file(file, position, end);
        let wall = self.wall;
        self.file(file).write(position, bytes, wall);
        Ok(())
    }

    fn truncate(&mut self, file: FileHandle, length: u64) -> StorageResult<()> {
        self.on_file(file, Kind::Change)?;
        self.remember_file(file, length, u64::MAX);
        let wall = self.wall;
        self.file(file).truncate(length, wall);
        Ok(())
    }

    fn modified(&mut self, file: FileHandle) -> StorageResult<WallTime> {
        self.on_file(file, Kind::Read)?;
        Ok(self.file(file).modified)
    }

    fn set_modified(&mut self, file: FileHandle, modified: WallTime) -> StorageResult<()> {
        self.on_file(file, Kind::Change)?;
        let length = self.file(file).length;
        self.remember_file(file, length, length);
        self.file(file).modified = modified;
        Ok(())
    }

    fn sync(&mut self, file: FileHandle) -> StorageResult<()> {
        let extra = self.on_file(file, Kind::Sync)?;
        let at = self.stamp();
        let lands = self.disk.begin_sync(file.0, self.start, at, extra)?;
        self.cost += lands.since(at);
        Ok(())
    }

    fn list(&mut self, directory: &str) -> StorageResult<Vec<String>> {
        self.on_path(directory, Kind::Read)?;
        let inode = self.disk.lookup(directory).ok_or(GONE)?;
        let names = self.disk.inode(inode).directory().ok_or(GONE)?;
        Ok(names.cached.keys().map(|name| name.to_string()).collect())
    }

    fn rename(&mut self, from: &str, to: &str) -> StorageResult<()> {
        self.on_path(from, Kind::Change)?;
        let inode = self.disk.lookup(from).ok_or(GONE)?;
        let (old_parent, old_name) = self.parent(from)?;
        let (new_parent, new_name) = self.parent(to)?;
        let (old_name, new_name): (Arc<str>, Arc<str>) = (Arc::from(old_name), Arc::from(new_name));
        let replaced = self.disk.lookup(to).filter(|replaced| *replaced != inode);
        if old_parent == new_parent {
            self.change(new_parent, Change::Rename { from: old_name, to: Arc::clone(&new_name), inode });
        } else {
            self.change(new_parent, Change::Set { name: Arc::clone(&new_name), inode });
            self.change(old_parent, Change::Remove { name: old_name });
        }
        self.link(inode, Some((new_parent, new_name)));
        if let Some(replaced) = replaced {
            self.link(replaced, None);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> StorageResult<()> {
        self.on_path(path, Kind::Change)?;
        let inode = self.disk.lookup(path).ok_or(GONE)?;
        let (parent, name) = self.parent(path)?;
        self.remove_below(inode);
        self.change(parent, Change::Remove { name: Arc::from(name) });
        self.link(inode, None);
        Ok(())
    }

    fn create_directory(&mut self, path: &str) -> StorageResult<()> {
        self.on_path(path, Kind::Grow)?;
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = match self.disk.inode(at).directory().ok_or(GONE)?.cached.get(name) {
                Some(inode) => *inode,
                None => self.new_inode(at, name, Content::Directory(Directory::default())),
            };
        }
        Ok(())
    }

    fn sync_directory(&mut self, path: &str) -> StorageResult<()> {
        let extra = self.on_path(path, Kind::Sync)?;
        let inode = self.disk.lookup(path).ok_or(GONE)?;
        let at = self.stamp();
        let lands = self.disk.begin_sync(inode, self.start, at, extra)?;
        self.cost += lands.since(at);
        Ok(())
    }
}
