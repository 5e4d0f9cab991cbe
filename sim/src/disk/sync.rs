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
    /// Begins to sync a file or directory at `at`, which may lie ahead of `now`: a step that waits for a stalled disk
    /// is ahead by its costs. Answers when that ends; the caller lets it land then.
    pub(super) fn begin_sync(&mut self, inode: u32, now: Time, at: Time, extra: Duration) -> StorageResult<Time> {
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
        // A sync that costs nothing lands at once, but not before its time: a crash may come before that.
        if lands <= now {
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
                    file.synced = Some(sync.lands);
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
    /// before its checkpoint. It leaves alone what a step has changed that a slow or stalled disk has not come to yet:
    /// a crash before that would have to take it back from the medium too.
    pub(crate) fn write_back(&mut self, stream: &mut Stream) {
        for index in 0..self.inodes.len() as u32 {
            let Some(inode) = &self.inodes[index as usize] else { continue };
            if self.journal.iter().any(|undo| undo.inode == index) {
                continue;
            }
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

#[cfg(test)]
mod tests {
    use trial_broker::storage::Storage;
    use trial_broker::time::WallTime;

    use super::*;
    use crate::disk::access::DiskAccess;

    const CHECKPOINT: &str = "data-0/checkpoint";

    fn access(disk: &mut Disk, at: u64) -> DiskAccess<'_> {
        DiskAccess::new(disk, Time(at), WallTime(0), None)
    }

    /// As Kafka writes its small files: beside the old one, made durable, and then in its place.
    fn write_checkpoint(disk: &mut Disk, at: u64, content: &[u8]) -> Duration {
        let mut storage = access(disk, at);
        storage.create_directory("data-0").expect("a healthy disk");
        let file = storage.create("data-0/checkpoint.tmp").expect("a healthy disk");
        storage.append(file, content).expect("a healthy disk");
        storage.sync(file).expect("a healthy disk");
        storage.rename("data-0/checkpoint.tmp", CHECKPOINT).expect("a healthy disk");
        storage.sync_directory("data-0").expect("a healthy disk");
        storage.cost()
    }

    /// A sync that costs nothing used to land at once even when its step was ahead of the world by the length of a
    /// stall: a kill then took the new file back, and the old one was no longer there.
    #[test]
    fn kill_during_a_stall_takes_back_a_step_whose_syncs_cost_nothing_and_the_old_file_is_still_there() {
        let mut disk = Disk::new(Duration::ZERO);
        assert_eq!(write_checkpoint(&mut disk, 1, b"old"), Duration::ZERO);
        disk.sync_now();
        disk.stall(String::new(), Time(1_000));
        assert_eq!(write_checkpoint(&mut disk, 10, b"new"), Duration::from_micros(990));
        disk.kill(Time(500));
        assert_eq!(disk.content(CHECKPOINT).as_deref(), Some(&b"old"[..]));
        disk.power_cut(Time(600), crate::fault::Lose::All, 0);
        assert_eq!(disk.content(CHECKPOINT).as_deref(), Some(&b"old"[..]));
    }

    #[test]
    fn stall_is_met_by_every_step_that_begins_before_its_end_and_by_none_after() {
        let mut disk = Disk::new(Duration::ZERO);
        disk.stall(String::new(), Time(1_000));
        assert_eq!(write_checkpoint(&mut disk, 10, b"one"), Duration::from_micros(990));
        assert_eq!(write_checkpoint(&mut disk, 20, b"two"), Duration::from_micros(980));
        assert_eq!(write_checkpoint(&mut disk, 1_000, b"three"), Duration::ZERO);
    }

    #[test]
    fn operators_sync_leaves_alone_what_a_stalled_disk_has_not_come_to() {
        let mut disk = Disk::new(Duration::ZERO);
        write_checkpoint(&mut disk, 1, b"old");
        disk.stall(String::new(), Time(1_000));
        write_checkpoint(&mut disk, 10, b"new");
        disk.sync_now();
        disk.power_cut(Time(500), crate::fault::Lose::None, 0);
        assert_eq!(disk.content(CHECKPOINT).as_deref(), Some(&b"old"[..]));
    }

    #[test]
    fn writeback_leaves_alone_what_a_stalled_disk_has_not_come_to() {
        let mut disk = Disk::new(Duration::ZERO);
        write_checkpoint(&mut disk, 1, b"old");
        disk.sync_now();
        disk.stall(String::new(), Time(1_000));
        write_checkpoint(&mut disk, 10, b"new");
        for seed in 0..8 {
            disk.write_back(&mut Stream::new(seed, crate::stream::StreamPurpose::Writeback, (0, 0)));
        }
        disk.power_cut(Time(500), crate::fault::Lose::All, 0);
        assert_eq!(disk.content(CHECKPOINT).as_deref(), Some(&b"old"[..]));
    }
}
