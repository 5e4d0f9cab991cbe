//! Names: the directories of a disk, as the page cache has them and as the medium has them.
//!
//! A change of a directory is cached at once and durable when that directory is synced;
//! until then it is one of an ordered list of which a power cut keeps a prefix. A rename
//! within one directory is one change: it cannot be kept by half.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_broker::input::Lane;

use super::file::File;

/// The names in a directory, with what they stand for.
pub(super) type Names = BTreeMap<Arc<str>, u32>;

/// A file or a directory, apart from its name.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    /// The directory that it was last linked into, and its name there.
    pub(super) parent: u32,
    pub(super) name: Arc<str>,
    /// The lane that owns it; none for clients' files and for what lies above the log directories.
    pub(super) owner: Option<Lane>,
    /// Whether the page cache has a name for it.
    pub(super) cached_link: bool,
    /// How many names the medium has for it: two after half of a rename between directories.
    pub(super) durable_links: u32,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    File(File),
    Directory(Directory),
}

/// A directory's names in both versions, and what lies between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub(super) cached: Names,
    pub(super) durable: Names,
    pub(super) pending: Vec<PendingChange>,
}

/// A change of a directory that is not durable yet.
#[derive(Clone, Debug)]
pub(super) struct PendingChange {
    /// Its number among all changes of the disk.
    pub(super) number: u64,
    pub(super) change: Change,
}

/// Which inodes a change gave a name, and which it took one from.
pub(super) struct Effect {
    pub(super) added: Option<u32>,
    pub(super) removed: [Option<u32>; 2],
}

/// What can happen to a directory.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A name is given.
    Set { name: Arc<str>, inode: u32 },
    /// A name is taken away.
    Remove { name: Arc<str> },
    /// A name becomes another, and what had that one loses it.
    Rename { from: Arc<str>, to: Arc<str>, inode: u32 },
}

impl Change {
    /// Changes names, and says which inodes gained or lost one.
    pub(super) fn apply(&self, names: &mut Names) -> Effect {
        match self {
            Change::Set { name, inode } => {
                Effect { added: Some(*inode), removed: [names.insert(Arc::clone(name), *inode), None] }
            }
            Change::Remove { name } => Effect { added: None, removed: [names.remove(name), None] },
            Change::Rename { from, to, inode } => {
                let old = names.remove(from);
                Effect { added: Some(*inode), removed: [old, names.insert(Arc::clone(to), *inode)] }
            }
        }
    }

    /// The inode that the change gives a name to.
    pub(super) fn inode(&self) -> Option<u32> {
        match self {
            Change::Set { inode, .. } | Change::Rename { inode, .. } => Some(*inode),
            Change::Remove { .. } => None,
        }
    }

    /// In words, for a loss report.
    pub(super) fn describe(&self, directory: &str) -> String {
        let path = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        match self {
            Change::Set { name, .. } => format!("created {}", path(name)),
            Change::Remove { name } => format!("removed {}", path(name)),
            Change::Rename { from, to, .. } => format!("renamed {} to {}", path(from), path(to)),
        }
    }
}

impl Inode {
    pub(super) fn file(&self) -> Option<&File> {
        match &self.content {
            Content::File(file) => Some(file),
            Content::Directory(_) => None,
        }
    }

    pub(super) fn file_mut(&mut self) -> Option<&mut File> {
        match &mut self.content {
            Content::File(file) => Some(file),
            Content::Directory(_) => None,
        }
    }

    pub(super) fn directory(&self) -> Option<&Directory> {
        match &self.content {
            Content::Directory(directory) => Some(directory),
            Content::File(_) => None,
        }
    }

    pub(super) fn directory_mut(&mut self) -> Option<&mut Directory> {
        match &mut self.content {
            Content::Directory(directory) => Some(directory),
            Content::File(_) => None,
        }
    }
}
