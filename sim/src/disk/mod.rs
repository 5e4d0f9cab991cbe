//! The disk under a machine's files: page cache above, medium below.
//!
//! Kafka acknowledges records from the page cache of every in-sync replica and does not
//! sync them; so what a crash takes depends on what the kernel had written by then. Two
//! versions of everything are kept:
//!
//! ```text
//!              append, write, truncate          create, rename, remove
//!                        │                                │
//!   page cache     pages, length                   names of a directory       survives the process
//!                        │ sync, writeback                │ sync of the directory
//!   medium         pages, length                   names of a directory       survives the power
//! ```
//!
//! * A page is *dirty* while its two versions are not the same shared page.
//! * A sync *captures* what is cached when it is issued and *lands* at its end. What is
//!   durable is therefore never taken back: a crash finds a sync landed, or in progress.
//! * Un-synced changes of a directory are an ordered list, of which a power cut keeps a prefix.
//! * Operations are stamped with the instant at which they are issued. A crash takes back
//!   those that are stamped later than itself; for them alone there is an undo journal.
//!
//! Three stops, never confused: a *kill* loses the process and nothing here; a *power cut*
//! loses or tears what is dirty; a *power cut inside a sync* leaves that sync partly done.
//!
//! Simplified: reads come from the page cache, so that a slow or stalled disk delays only
//! what changes it; one condition lasts until it is lifted, not until a sector is rewritten.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use trial_broker::input::Lane;
use trial_broker::storage::{FileHandle, StorageError};
use trial_broker::time::Time;

mod access;
mod crash;
mod file;
mod page;
mod report;
mod sync;
mod tree;

pub use access::DiskAccess;
pub use page::{PAGE_BYTES, SECTOR_BYTES};
pub use report::{FileLoss, LossReport};

use crate::fault::DiskFailure;
use file::{File, FileUndo};
use sync::SyncInProgress;
use tree::{Content, Directory, Inode, Names};

/// The number of the directory that everything is in.
const ROOT: u32 = 0;

/// The disk of one machine.
#[derive(Clone, Debug)]
pub struct Disk {
    inodes: Vec<Option<Arc<Inode>>>,
    syncs: VecDeque<SyncInProgress>,
    journal: Vec<Undo>,
    conditions: Vec<Condition>,
    sync_cost: Duration,
    next_change: u64,
}

/// How to take back one operation that was stamped later than the start of its step.
#[derive(Clone, Debug)]
struct Undo {
    stamp: Time,
    lane: Option<Lane>,
    inode: u32,
    what: UndoKind,
}

#[derive(Clone, Debug)]
enum UndoKind {
    File {
        before: FileUndo,
        from: u64,
    },
    Names {
        cached: Names,
        first_change: u64,
    },
    /// The inode lost its name; taking that back is the directory's affair, forgetting the inode is not.
    Unlinked,
}

/// Something that is wrong with the files below a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Condition {
    path: String,
    what: Misbehaviour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Misbehaviour {
    Slow { sync: Duration, other: Duration },
    StalledUntil(Time),
    Fails(DiskFailure),
}

/// A file as the page cache has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedFile<'a> {
    /// Its number on the disk. Another file may have had it before.
    pub(crate) number: u32,
    /// Its name in its directory.
    pub(crate) name: &'a str,
    file: &'a File,
}

impl CachedFile<'_> {
    pub(crate) fn length(&self) -> u64 {
        self.file.length
    }

    /// A number for the content of each of its pages, zeros at a page's end not counted. It is kept beside the page
    /// until the page is written.
    pub(crate) fn page_digests(&self) -> impl Iterator<Item = u64> {
        self.file.pages.iter().map(|pair| page::digest(&pair.cached))
    }

    /// Whether the medium holds what the cache holds, up to a position. A page that was synced and has grown since is
    /// dirty, and its first bytes are durable all the same.
    pub(crate) fn is_durable_to(&self, end: u64) -> bool {
        let Some(last) = end.checked_sub(1) else { return true };
        let is_dirty = self.file.dirty.range(..=file::page_of(last) as u32).next().is_some();
        if end <= self.file.durable_length && !is_dirty {
            return true;
        }
        let mut medium = self.file.clone();
        medium.forget_cache();
        medium.length >= end && medium.read(0, end as usize) == self.file.read(0, end as usize)
    }

    /// Its content from a position to its end.
    pub(crate) fn read_from(&self, position: u64) -> bytes::Bytes {
        self.file.read(position, self.file.length.saturating_sub(position) as usize)
    }
}

impl Disk {
    /// An empty disk on which a sync costs this.
    pub fn new(sync_cost: Duration) -> Disk {
        let root = Inode {
            parent: ROOT,
            name: Arc::from(""),
            owner: None,
            cached_link: true,
            durable_links: 1,
            content: Content::Directory(Directory::default()),
        };
        Disk {
            inodes: vec![Some(Arc::new(root))],
            syncs: VecDeque::new(),
            journal: Vec::new(),
            conditions: Vec::new(),
            sync_cost,
            next_change: 0,
        }
    }

    // What can be done to it from outside.

    /// Operations on paths that begin so cost more from now on; zeros end all of that there.
    pub(crate) fn slow(&mut self, path: String, sync: Duration, other: Duration) {
        let ends = sync + other == Duration::ZERO;
        self.conditions.retain(|condition| {
            let covered = if ends { condition.path.starts_with(&path) } else { condition.path == path };
            !(covered && matches!(condition.what, Misbehaviour::Slow { .. }))
        });
        if sync + other > Duration::ZERO {
            self.conditions.push(Condition { path, what: Misbehaviour::Slow { sync, other } });
        }
    }

    /// Nothing on paths that begin so stands still any more. What waits already goes on waiting.
    pub(crate) fn unstall(&mut self, path: &str) {
        self.conditions.retain(|condition| {
            !(condition.path.starts_with(path) && matches!(condition.what, Misbehaviour::StalledUntil(_)))
        });
    }

    /// Whether nothing is wrong with it.
    pub fn is_healthy(&self) -> bool {
        self.conditions.is_empty()
    }

    /// No operation on paths that begin so ends before this instant.
    pub(crate) fn stall(&mut self, path: String, until: Time) {
        self.conditions.push(Condition { path, what: Misbehaviour::StalledUntil(until) });
    }

    /// Operations on paths that begin so fail from now on; no failure ends all of them there.
    pub(crate) fn fail(&mut self, path: String, failure: Option<DiskFailure>) {
        match failure {
            Some(failure) => self.conditions.push(Condition { path, what: Misbehaviour::Fails(failure) }),
            None => self.conditions.retain(|condition| {
                !(condition.path.starts_with(&path) && matches!(condition.what, Misbehaviour::Fails(_)))
            }),
        }
    }

    /// Flips bits of one byte, in both versions. Answers whether there is such a byte.
    pub(crate) fn rot(&mut self, path: &str, position: u64, bits: u8) -> bool {
        let Some(inode) = self.lookup(path) else { return false };
        let Some(file) = self.inode_mut(inode).file_mut() else { return false };
        if position >= file.length {
            return false;
        }
        let (index, offset) = (file::page_of(position), (position % PAGE_BYTES as u64) as usize);
        let Some(pair) = file.pages.get_mut(index) else { return false };
        let was_clean = page::is_same(&pair.cached, &pair.durable);
        let flip = |slot: &mut page::Slot| {
            let old = page::bytes(slot).get(offset).copied().unwrap_or(0);
            page::write(slot, offset, &[old ^ bits]);
        };
        flip(&mut pair.cached);
        if was_clean {
            pair.durable = pair.cached.clone();
        } else if position < file.durable_length {
            flip(&mut pair.durable);
        }
        true
    }

    /// Ends a file earlier, in both versions. Answers whether there is such a file, and so much of it.
    pub(crate) fn shorten(&mut self, path: &str, length: u64) -> bool {
        let Some(inode) = self.lookup(path) else { return false };
        let Some(file) = self.inode_mut(inode).file_mut() else { return false };
        if length >= file.length {
            return false;
        }
        file.shorten(length);
        true
    }

    /// The durable bytes of one page land in another file's page as well, unseen by the page
    /// cache until the machine boots. Answers whether both pages are there.
    pub(crate) fn misdirect(&mut self, from: &str, from_page: u32, to: &str, to_page: u32) -> bool {
        let source = self
            .lookup(from)
            .and_then(|inode| Some(self.inode(inode).file()?.pages.get(from_page as usize)?.durable.clone()));
        let (Some(source), Some(target)) = (source, self.lookup(to)) else { return false };
        let Some(file) = self.inode_mut(target).file_mut() else { return false };
        let Some(pair) = file.pages.get_mut(to_page as usize) else { return false };
        pair.durable = source;
        file.cut_durable_pages();
        // The kernel knows nothing of it: the page counts as clean.
        true
    }

    /// Everything that is cached becomes durable, but what a step has changed that a slow or stalled disk has not come to
    /// yet: a crash before that would have to take it back from the medium too.
    pub(crate) fn sync_now(&mut self) {
        let ahead: BTreeSet<u32> = self.journal.iter().map(|undo| undo.inode).collect();
        self.syncs.retain(|sync| ahead.contains(&sync.inode));
        for index in 0..self.inodes.len() {
            if ahead.contains(&(index as u32)) {
                continue;
            }
            if self.inodes[index].as_ref().is_some_and(|inode| inode.file().is_some_and(|file| !file.is_clean()))
                && let Some(file) = self.inode_mut(index as u32).file_mut()
            {
                file.land_all();
            }
            self.land_directory(index as u32, self.next_change);
        }
    }

    // What it shows of itself.

    /// Every file with its path, in order of the paths.
    pub fn files(&self) -> Vec<FileView> {
        let mut found = Vec::new();
        self.walk(ROOT, String::new(), &mut |path, _, inode| {
            if let Some(file) = inode.file() {
                found.push(FileView {
                    path: path.to_owned(),
                    length: file.length,
                    durable_length: file.durable_length,
                    dirty_pages: file.dirty.iter().copied().collect(),
                    name_is_durable: inode.durable_links > 0,
                    synced: file.synced,
                });
            }
        });
        found
    }

    /// What the page cache holds of a file; none if there is no such file.
    pub fn content(&self, path: &str) -> Option<bytes::Bytes> {
        let file = self.inode(self.lookup(path)?).file()?;
        Some(file.read(0, file.length as usize))
    }

    /// The cached files with this ending of every directory that has this name and lies in a directory of the root,
    /// in order of their paths.
    pub(crate) fn files_of<'a>(&'a self, directory: &'a str, ending: &'a str) -> impl Iterator<Item = CachedFile<'a>> {
        let names_of = |inode: u32| self.inode(inode).directory().into_iter().flat_map(|names| &names.cached);
        let found = names_of(ROOT).filter_map(move |(_, top)| self.inode(*top).directory()?.cached.get(directory));
        found.flat_map(move |inode| names_of(*inode)).filter(move |(name, _)| name.ends_with(ending)).filter_map(
            move |(name, number)| {
                let file = self.inode(*number).file()?;
                Some(CachedFile { number: *number, name, file })
            },
        )
    }

    /// A file as the page cache has it; none if there is no such file.
    pub(crate) fn cached<'a>(&'a self, path: &'a str) -> Option<CachedFile<'a>> {
        let number = self.lookup(path)?;
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        Some(CachedFile { number, name, file: self.inode(number).file()? })
    }

    /// What the medium holds of a file, under its present name; none if there is no such file.
    pub fn durable_content(&self, path: &str) -> Option<bytes::Bytes> {
        let mut file = self.inode(self.lookup(path)?).file()?.clone();
        file.forget_cache();
        Some(file.read(0, file.length as usize))
    }

    /// Whether a byte range of a file is wholly on the medium.
    pub fn is_durable(&self, path: &str, from: u64, to: u64) -> bool {
        let Some(file) = self.lookup(path).and_then(|inode| self.inode(inode).file()) else { return false };
        let last = file::page_of(to.max(from + 1) - 1) as u32;
        to <= file.durable_length && file.dirty.range(file::page_of(from) as u32..=last).next().is_none()
    }

    /// Bytes of the page cache that are not durable, in whole pages.
    pub fn dirty_bytes(&self) -> u64 {
        self.inodes.iter().flatten().filter_map(|inode| inode.file()).map(File::dirty_bytes).sum()
    }

    // Inner ways.

    fn inode(&self, index: u32) -> &Inode {
        self.inodes[index as usize].as_ref().expect("an inode in use")
    }

    fn inode_mut(&mut self, index: u32) -> &mut Inode {
        Arc::make_mut(self.inodes[index as usize].as_mut().expect("an inode in use"))
    }

    /// The file or directory that the page cache has under a path.
    fn lookup(&self, path: &str) -> Option<u32> {
        let mut inode = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            inode = *self.inode(inode).directory()?.cached.get(name)?;
        }
        Some(inode)
    }

    /// The path of an inode, by its latest names.
    fn path(&self, inode: u32) -> String {
        let mut parts = Vec::new();
        let mut at = inode;
        while at != ROOT {
            let Some(inode) = self.inodes[at as usize].as_ref() else { break };
            parts.push(&*inode.name);
            at = inode.parent;
        }
        parts.reverse();
        parts.join("/")
    }

    /// Calls `visit` for everything below a directory, by its cached names, in order of the paths.
    fn walk(&self, directory: u32, path: String, visit: &mut impl FnMut(&str, u32, &Inode)) {
        let Some(names) = self.inode(directory).directory() else { return };
        for (name, index) in &names.cached {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
            let inode = self.inode(*index);
            visit(&path, *index, inode);
            if inode.directory().is_some() {
                self.walk(*index, path, visit);
            }
        }
    }

    /// Gives up those of these inodes that nothing names, in either version or in a change that may yet land.
    fn release_all(&mut self, inodes: impl IntoIterator<Item = u32>) {
        for inode in inodes {
            self.release(inode);
        }
    }

    fn release(&mut self, index: u32) {
        let Some(inode) = self.inodes[index as usize].as_ref() else { return };
        if inode.cached_link || inode.durable_links > 0 || self.is_pending(inode.parent, index) {
            return;
        }
        let children: Vec<u32> = inode
            .directory()
            .map(|names| {
                let pending = names.pending.iter().filter_map(|pending| pending.change.inode());
                names.durable.values().copied().chain(pending).collect()
            })
            .unwrap_or_default();
        let named: Vec<u32> =
            inode.directory().map(|names| names.durable.values().copied().collect()).unwrap_or_default();
        self.inodes[index as usize] = None;
        for child in named {
            self.inode_mut(child).durable_links -= 1;
        }
        self.release_all(children);
    }

    /// Whether a change of this directory that is not durable yet names the inode.
    fn is_pending(&self, directory: u32, inode: u32) -> bool {
        self.inodes[directory as usize]
            .as_ref()
            .and_then(|directory| directory.directory())
            .is_some_and(|names| names.pending.iter().any(|pending| pending.change.inode() == Some(inode)))
    }

    /// A step of this lane is paid for: nothing of it will be taken back.
    pub(crate) fn settle(&mut self, lane: Option<Lane>) {
        if self.journal.is_empty() {
            return;
        }
        let (settled, open) = std::mem::take(&mut self.journal).into_iter().partition(|undo| undo.lane == lane);
        self.journal = open;
        let settled: Vec<Undo> = settled;
        for undo in settled {
            if matches!(undo.what, UndoKind::Unlinked) && self.inodes[undo.inode as usize].is_some() {
                self.release(undo.inode);
            }
        }
    }
}

/// Two disks are equal in what they will do: numbers that only tell things apart do not count.
impl Hash for Disk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (index, inode) in self.inodes.iter().enumerate() {
            let Some(inode) = inode else { continue };
            state.write_usize(index);
            match &inode.content {
                Content::File(file) => {
                    (file.length, file.durable_length, file.modified).hash(state);
                    for pair in &file.pages {
                        state.write_u64(page::digest(&pair.cached));
                        if !page::is_same(&pair.cached, &pair.durable) {
                            state.write_u64(page::digest(&pair.durable));
                        }
                    }
                    file.dirty.hash(state);
                }
                Content::Directory(directory) => {
                    directory.cached.hash(state);
                    directory.durable.hash(state);
                    state.write_usize(directory.pending.len());
                }
            }
        }
        for sync in &self.syncs {
            (sync.inode, sync.lands).hash(state);
        }
        self.conditions.hash(state);
    }
}

/// A file as screens and checks see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// Its length in the page cache.
    pub length: u64,
    /// Its length on the medium.
    pub durable_length: u64,
    /// The numbers of the pages that are not on the medium as they are in the page cache.
    pub dirty_pages: Vec<u32>,
    /// Whether a power cut would leave a name for it.
    pub name_is_durable: bool,
    /// When a sync that its machine asked for landed last; none if none did. What the kernel writes by itself is no sync.
    pub synced: Option<Time>,
}

/// The handle under which a program knows an inode.
fn handle(inode: u32) -> FileHandle {
    FileHandle(inode)
}

/// What an operation on a handle without a file is answered.
const GONE: StorageError = StorageError::NotFound;
