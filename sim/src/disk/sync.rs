//! Making things durable: syncs that take their time, and the kernel's own writeback.

use std::time::Duration;

use trial_broker::storage::{StorageError, StorageResult};
use trial_broker::time::Time;

use super::file::FileCapture;
use super::tree::{Effect, PendingChange};
use super::{Disk, Misbehaviour};
use crate::fault::DiskFailure;
use crate::stream::Stream;

/// A sync that was issued and has not landed.
#[derive(Clone, Debug)]
pub(super) struct SyncInProgress {
    pub(super) inode: u32,
    pub(super) issued: Time,
    pub(super) lands: Time,
    pub(super) what: Captured,
}

#[derive(Clone, Debug)]
pub(super) enum Captured {
    File(FileCapture),
    /// All changes of a directory with numbers below this one.
    Directory {
        before_change: u64,
    },
}

impl Disk {
    /// Begins to sync a file or directory at `at`. Answers when that ends; the caller lets it land then.
    pub(super) fn begin_sync(&mut self, inode: u32, at: Time, extra: Duration) -> StorageResult<Time> {
        self.sync_failure(inode)?;
        let in_front = self.syncs.iter().filter(|sync| sync.inode == inode).map(|sync| sync.lands).max();
        let node = self.inode(inode);
        let (is_clean, what) = match (node.file(), node.directory()) {
            (Some(file), _) => (file.is_clean(), Captured::File(file.capture())),
            (None, names) => (
                names.is_none_or(|names| names.pending.is_empty()),
                Captured::Directory { before_change: self.next_change },
            ),
        };
        // What is clean costs nothing, but a sync of the same file that is under way has to end first.
        let cost = if is_clean { Duration::ZERO } else { self.sync_cost + extra };
        let lands = (at + cost).max(in_front.unwrap_or(Time::ZERO));
        let sync = SyncInProgress { inode, issued: at, lands, what };
        if lands == at {
            self.land(sync)
        } else {
            self.syncs.push_back(sync)
        }
        Ok(lands)
    }

    /// A failed sync, if one is due: reported once, as kernels do.
    fn sync_failure(&mut self, inode: u32) -> StorageResult<()> {
        if self.conditions.is_empty() {
            return Ok(());
        }
        let path = self.path(inode);
        let found = self.conditions.iter().position(|condition| {
            path.starts_with(&condition.path)
                && matches!(
                    condition.what,
                    Misbehaviour::Fails(DiskFailure::NextSyncFails | DiskFailure::NextSyncLosesPages)
                )
        });
        let Some(found) = found else { return Ok(()) };
        let condition = self.conditions.remove(found);
        if condition.what == Misbehaviour::Fails(DiskFailure::NextSyncLosesPages)
            && let Some(file) = self.inode_mut(inode).file_mut()
        {
            // The journal keeps the new length; the pages below it are marked clean and were never written.
            file.dirty.clear();
            file.durable_length = file.length;
            file.cut_durable_pages();
        }
        Err(StorageError::InputOutput)
    }

    /// When the earliest sync in progress lands.
    pub(crate) fn next_landing(&self) -> Option<Time> {
        self.syncs.iter().map(|sync| sync.lands).min()
    }

    /// Lets all syncs land that end at `now` or earlier. Answers whether there were any.
    pub(crate) fn land_until(&mut self, now: Time) -> bool {
        let mut landed = false;
        while let Some(index) = self.syncs.iter().position(|sync| sync.lands <= now) {
            let sync = self.syncs.remove(index).expect("found right now");
            self.land(sync);
            landed = true;
        }
        landed
    }

    fn land(&mut self, sync: SyncInProgress) {
        if self.inodes[sync.inode as usize].is_none() {
            return;
        }
        match sync.what {
            Captured::File(capture) => {
                if let Some(file) = self.inode_mut(sync.inode).file_mut() {
                    file.land(capture);
                }
            }
            Captured::Directory { before_change } => self.land_directory(sync.inode, before_change),
        }
    }

    /// Makes the changes of a directory durable that have numbers below `before_change`.
    pub(super) fn land_directory(&mut self, index: u32, before_change: u64) {
        let Some(inode) = &self.inodes[index as usize] else { return };
        if inode.directory().is_none_or(|names| names.pending.is_empty()) {
            return;
        }
        let Some(names) = self.inode_mut(index).directory_mut() else { return };
        let (landing, pending) =
            std::mem::take(&mut names.pending).into_iter().partition(|pending| pending.number < before_change);
        names.pending = pending;
        let landing: Vec<PendingChange> = landing;
        let effects: Vec<Effect> = landing.iter().map(|landing| landing.change.apply(&mut names.durable)).collect();
        for Effect { added, removed } in &effects {
            for inode in removed.iter().flatten() {
                self.inode_mut(*inode).durable_links -= 1;
            }
            if let Some(inode) = added {
                self.inode_mut(*inode).durable_links += 1;
            }
        }
        for landed in &landing {
            self.release_all(landed.change.inode());
        }
        for Effect { removed, .. } in effects {
            self.release_all(removed.into_iter().flatten());
        }
    }

    /// The kernel writes part of what is dirty, in any order: an index before its log, a log
    /// before its checkpoint.
    pub(crate) fn write_back(&mut self, stream: &mut Stream) {
        for index in 0..self.inodes.len() as u32 {
            let Some(inode) = &self.inodes[index as usize] else { continue };
            if inode.file().is_some_and(|file| !file.is_clean()) {
                self.write_back_file(index, stream);
            } else if let Some(names) = inode.directory()
                && !names.pending.is_empty()
            {
                let keep = stream.between(0, names.pending.len() as u64) as usize;
                if keep > 0 {
                    let before_change = names.pending[keep - 1].number + 1;
                    self.land_directory(index, before_change);
                }
            }
        }
    }

    fn write_back_file(&mut self, index: u32, stream: &mut Stream) {
        let Some(file) = self.inode_mut(index).file_mut() else { return };
        let dirty: Vec<u32> = file.dirty.iter().copied().collect();
        for page in dirty {
            if stream.between(0, 1) == 1 {
                let slot = file.pages[page as usize].cached.clone();
                // A page that lies behind the durable length takes the length along: the
                // kernel writes an inode's size once data behind the old one is written.
                let end = ((u64::from(page) + 1) * super::PAGE_BYTES as u64).min(file.length);
                file.durable_length = file.durable_length.max(end);
                file.land_page(page, slot);
            }
        }
        if file.dirty.is_empty() && file.length != file.durable_length {
            file.durable_length = file.length;
        }
        file.cut_durable_pages();
    }
}
