//! What crashes do to a disk: a kill, a power cut, and what is told of it.

use trial_broker::time::Time;

use super::file::{File, page_of};
use super::page::{self, PAGE_BYTES};
use super::report::{FileLoss, LossReport};
use super::sync::{Captured, SyncInProgress};
use super::tree::PendingChange;
use super::{Disk, ROOT, UndoKind};
use crate::fault::Lose;
use crate::stream::{Stream, StreamPurpose};

/// In one of so many power cuts everything happens to survive.
const ALL_SURVIVES_ONE_IN: u64 = 16;

impl Disk {
    /// The process dies at `at`: what it did later is taken back, and the kernel finishes the
    /// syncs that were issued.
    pub(crate) fn kill(&mut self, at: Time) {
        self.land_until(at);
        self.syncs.retain(|sync| sync.issued <= at);
        if self.take_back(at) {
            self.rebuild_links();
        }
    }

    /// The power goes at `at`. What was dirty is lost, kept, or drawn from `draw`.
    pub(crate) fn power_cut(&mut self, at: Time, lose: Lose, draw: u64) -> LossReport {
        self.land_until(at);
        self.take_back(at);
        let interrupted: Vec<SyncInProgress> = self.syncs.drain(..).filter(|sync| sync.issued <= at).collect();
        let before = self.snapshot();
        let dirty_bytes = self.dirty_bytes();
        let mut undone = Vec::new();
        let mut stream = Stream::new(draw, StreamPurpose::PowerCut, (0, 0));
        let lose = match lose {
            Lose::Drawn if stream.between(1, ALL_SURVIVES_ONE_IN) == 1 => Lose::None,
            lose => lose,
        };
        match lose {
            Lose::None => self.sync_now(),
            Lose::All => self.drop_pending(&mut undone, |_| 0),
            Lose::Drawn => {
                for sync in interrupted {
                    self.finish_partly(sync, &mut stream);
                }
                self.drop_pending(&mut undone, |pending| stream.between(0, pending as u64) as usize);
                for index in 0..self.inodes.len() {
                    if let Some(file) = self.inodes[index].as_ref().and_then(|inode| inode.file())
                        && !file.is_clean()
                        && let Some(file) = self.inode_mut(index as u32).file_mut()
                    {
                        draw_survivors(file, &mut stream);
                    }
                }
            }
        }
        self.boot();
        LossReport { files: self.compare(&before), undone, dirty_bytes }
    }

    /// Takes back what is stamped later than `at`, newest first. Answers whether anything was.
    fn take_back(&mut self, at: Time) -> bool {
        let mut any = false;
        while let Some(undo) = self.journal.pop() {
            if undo.stamp <= at {
                continue;
            }
            any = true;
            let Some(inode) = &self.inodes[undo.inode as usize] else { continue };
            let is_file = inode.file().is_some();
            let inode = self.inode_mut(undo.inode);
            match undo.what {
                UndoKind::File { before, from } if is_file => {
                    inode.file_mut().expect("a file").undo(before, from);
                }
                UndoKind::Names { cached, first_change } if !is_file => {
                    let names = inode.directory_mut().expect("a directory");
                    names.cached = cached;
                    names.pending.retain(|pending| pending.number < first_change);
                }
                UndoKind::File { .. } | UndoKind::Names { .. } | UndoKind::Unlinked => {}
            }
        }
        any
    }

    /// A sync that the power cut interrupted: some of its pages reached the medium.
    fn finish_partly(&mut self, sync: SyncInProgress, stream: &mut Stream) {
        let Captured::File(capture) = sync.what else { return };
        if self.inodes[sync.inode as usize].is_none() {
            return;
        }
        let Some(file) = self.inode_mut(sync.inode).file_mut() else { return };
        if stream.between(0, 1) == 1 {
            file.durable_length = capture.length;
        }
        for (index, page) in capture.pages {
            if stream.between(0, 1) == 1 {
                file.land_page(index, page);
            }
        }
        file.cut_durable_pages();
    }

    /// Of each directory's un-synced changes, keeps a prefix of the length that `keep` answers.
    fn drop_pending(&mut self, undone: &mut Vec<String>, mut keep: impl FnMut(usize) -> usize) {
        for index in 0..self.inodes.len() as u32 {
            let Some(names) = self.inodes[index as usize].as_ref().and_then(|inode| inode.directory()) else {
                continue;
            };
            if names.pending.is_empty() {
                continue;
            }
            let kept = keep(names.pending.len());
            let lost: &[PendingChange] = &names.pending[kept..];
            let directory = self.path(index);
            undone.extend(lost.iter().map(|pending| pending.change.describe(&directory)));
            let first_lost = lost.first().map_or(self.next_change, |pending| pending.number);
            self.land_directory(index, first_lost);
        }
    }

    /// The machine boots: the page cache is empty, and what the medium holds is what there is.
    fn boot(&mut self) {
        for index in 0..self.inodes.len() as u32 {
            if self.inodes[index as usize].is_none() {
                continue;
            }
            let inode = self.inode_mut(index);
            if let Some(file) = inode.file_mut() {
                file.forget_cache();
            } else if let Some(names) = inode.directory_mut() {
                names.cached = names.durable.clone();
                names.pending.clear();
            }
        }
        self.rebuild_links();
    }

    /// Works out from the directories alone what each inode is named, and gives up what nothing names.
    fn rebuild_links(&mut self) {
        // Giving up a directory may leave what it named without a name.
        while self.rebuild_links_once() {}
    }

    fn rebuild_links_once(&mut self) -> bool {
        let mut gave_up = false;
        let mut cached = vec![None; self.inodes.len()];
        let mut durable = vec![0; self.inodes.len()];
        let mut pending = vec![false; self.inodes.len()];
        for (directory, names) in self
            .inodes
            .iter()
            .enumerate()
            .filter_map(|(index, inode)| Some((index as u32, inode.as_ref()?.directory()?)))
        {
            for (name, inode) in &names.cached {
                cached[*inode as usize] = Some((directory, name.clone()));
            }
            for inode in names.durable.values() {
                durable[*inode as usize] += 1;
            }
            for inode in names.pending.iter().filter_map(|pending| pending.change.inode()) {
                pending[inode as usize] = true;
            }
        }
        for index in 1..self.inodes.len() {
            if self.inodes[index].is_none() {
                continue;
            }
            if cached[index].is_none() && durable[index] == 0 && !pending[index] {
                gave_up |= self.inodes[index].as_ref().is_some_and(|inode| inode.directory().is_some());
                self.inodes[index] = None;
                continue;
            }
            let inode = self.inode_mut(index as u32);
            inode.durable_links = durable[index];
            inode.cached_link = cached[index].is_some();
            if let Some((parent, name)) = cached[index].take() {
                (inode.parent, inode.name) = (parent, name);
            }
        }
        gave_up
    }

    /// Every file with its path, content shared.
    fn snapshot(&self) -> Vec<(String, u32, File)> {
        let mut files = Vec::new();
        self.walk(ROOT, String::new(), &mut |path, index, inode| {
            if let Some(file) = inode.file() {
                files.push((path.to_owned(), index, file.clone()));
            }
        });
        files
    }

    /// What has become of the files of a snapshot.
    fn compare(&self, before: &[(String, u32, File)]) -> Vec<FileLoss> {
        before.iter().filter_map(|(path, index, old)| self.loss(path, *index, old)).collect()
    }

    fn loss(&self, path: &str, index: u32, old: &File) -> Option<FileLoss> {
        let survivor = self.lookup(path).filter(|found| *found == index).and_then(|index| self.inode(index).file());
        let Some(new) = survivor else {
            let changed = (old.length > 0).then_some(0..old.length).into_iter().collect();
            return Some(FileLoss {
                path: path.to_owned(),
                length_before: old.length,
                length_after: 0,
                gone: true,
                changed,
            });
        };
        let mut changed = Vec::new();
        for index in 0..old.pages.len().max(new.pages.len()) {
            let slot = |file: &File| file.pages.get(index).map(|pair| pair.cached.clone()).unwrap_or_default();
            let (old_page, new_page) = (slot(old), slot(new));
            if !page::is_same(&old_page, &new_page) {
                differences(index as u64 * PAGE_BYTES as u64, &old_page, &new_page, old.length, &mut changed);
            }
        }
        let shared = old.length.min(new.length);
        if new.length < old.length && changed.last().is_none_or(|range: &std::ops::Range<u64>| range.end < old.length) {
            match changed.last_mut() {
                Some(last) if last.end >= shared => last.end = old.length,
                _ => changed.push(shared..old.length),
            }
        }
        if changed.is_empty() && old.length == new.length {
            return None;
        }
        Some(FileLoss {
            path: path.to_owned(),
            length_before: old.length,
            length_after: new.length,
            gone: false,
            changed,
        })
    }
}

/// Draws what a power cut leaves of one file.
fn draw_survivors(file: &mut File, stream: &mut Stream) {
    /// What becomes of the file as a whole, before its pages are looked at.
    const ALL_LOST: u64 = 0;
    const ALL_KEPT: u64 = 1;
    match stream.between(0, 3) {
        ALL_LOST => return,
        ALL_KEPT => return file.land_all(),
        _ => {}
    }
    // A length is written by itself: with data that never came it uncovers zeros.
    let length = match (file.durable_length, file.length) {
        (durable, cached) if durable <= cached => match stream.between(0, 2) {
            0 => durable,
            1 => cached,
            _ => stream.between(durable, cached),
        },
        (durable, cached) => [durable, cached][stream.between(0, 1) as usize],
    };
    for index in file.dirty.clone() {
        let pair = &file.pages[index as usize];
        match stream.between(0, 3) {
            0 => {}
            1 => {
                let torn = page::torn(&pair.durable, &pair.cached, || stream.between(0, 1) == 1);
                file.pages[index as usize].durable = torn;
            }
            _ => file.pages[index as usize].durable = pair.cached.clone(),
        }
    }
    file.durable_length = length;
    let last = page_of(length);
    if file.pages.len() <= last && length > 0 {
        file.pages.resize_with(last + 1, Default::default);
    }
    file.cut_durable_pages();
}

/// Adds the byte ranges in which two versions of a page differ, below the old file's end.
fn differences(
    start: u64,
    old: &page::Slot,
    new: &page::Slot,
    old_length: u64,
    changed: &mut Vec<std::ops::Range<u64>>,
) {
    let (mut before, mut after) = (Vec::with_capacity(PAGE_BYTES), Vec::with_capacity(PAGE_BYTES));
    page::read(old, 0, PAGE_BYTES, &mut before);
    page::read(new, 0, PAGE_BYTES, &mut after);
    for offset in (0..PAGE_BYTES).filter(|offset| before[*offset] != after[*offset]) {
        let position = start + offset as u64;
        if position >= old_length {
            break;
        }
        match changed.last_mut() {
            Some(last) if last.end == position => last.end += 1,
            _ => changed.push(position..position + 1),
        }
    }
}
