//! One file: what the page cache holds of it, and what the medium holds.

use std::collections::BTreeSet;

use bytes::Bytes;
use trial_broker::time::{Time, WallTime};

use super::page::{self, PAGE_BYTES, Slot};

/// A page in its two versions.
#[derive(Clone, Debug, Default)]
pub(super) struct PagePair {
    pub(super) cached: Slot,
    pub(super) durable: Slot,
}

/// A file's content. Pages behind a length are empty in the version whose length it is.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) length: u64,
    pub(super) durable_length: u64,
    pub(super) pages: Vec<PagePair>,
    /// Pages that a sync or the writeback still has to write. A page that differs and is
    /// not in here was lost by a failed sync that marked it clean.
    pub(super) dirty: BTreeSet<u32>,
    pub(super) modified: WallTime,
    /// When a sync of it landed last; it changes nothing that the disk does.
    pub(super) synced: Option<Time>,
}

/// What a sync has taken to write: durable when it lands.
#[derive(Clone, Debug)]
pub(super) struct FileCapture {
    pub(super) length: u64,
    pub(super) pages: Vec<(u32, Slot)>,
}

/// What a file was before an operation, as far as the operation changes it.
#[derive(Clone, Debug)]
pub(super) struct FileUndo {
    length: u64,
    modified: WallTime,
    pages: Vec<(u32, Slot)>,
}

pub(super) fn page_of(position: u64) -> usize {
    (position / PAGE_BYTES as u64) as usize
}

impl File {
    /// Whether the medium holds what the page cache holds, as far as the kernel knows.
    pub(super) fn is_clean(&self) -> bool {
        self.dirty.is_empty() && self.length == self.durable_length
    }

    pub(super) fn read(&self, position: u64, length: usize) -> Bytes {
        let start = position.min(self.length);
        let end = position.saturating_add(length as u64).min(self.length);
        let mut content = Vec::with_capacity((end - start) as usize);
        let mut at = start;
        while at < end {
            let offset = (at % PAGE_BYTES as u64) as usize;
            let part = (PAGE_BYTES - offset).min((end - at) as usize);
            match self.pages.get(page_of(at)) {
                Some(pair) => page::read(&pair.cached, offset, part, &mut content),
                None => content.resize(content.len() + part, 0),
            }
            at += part as u64;
        }
        Bytes::from(content)
    }

    pub(super) fn write(&mut self, position: u64, content: &[u8], modified: WallTime) {
        let mut at = position;
        let mut rest = content;
        while !rest.is_empty() {
            let index = page_of(at);
            let offset = (at % PAGE_BYTES as u64) as usize;
            let (part, behind) = rest.split_at(rest.len().min(PAGE_BYTES - offset));
            if self.pages.len() <= index {
                self.pages.resize_with(index + 1, PagePair::default);
            }
            page::write(&mut self.pages[index].cached, offset, part);
            self.mark_dirty(index as u32);
            at += part.len() as u64;
            rest = behind;
        }
        self.length = self.length.max(at);
        self.modified = modified;
    }

    pub(super) fn truncate(&mut self, length: u64, modified: WallTime) {
        if length >= self.length {
            return;
        }
        let first = page_of(length);
        for index in first..self.pages.len() {
            let keep = if index == first { (length % PAGE_BYTES as u64) as usize } else { 0 };
            let before = self.pages[index].cached.clone();
            page::truncate(&mut self.pages[index].cached, keep);
            if !page::is_same(&before, &self.pages[index].cached) {
                self.mark_dirty(index as u32);
            }
        }
        self.length = length;
        self.modified = modified;
        self.forget_empty_pages();
    }

    /// Cuts both versions, behind the kernel's back: what was clean stays clean.
    pub(super) fn shorten(&mut self, length: u64) {
        let was_clean = self.is_clean();
        self.truncate(length, self.modified);
        if was_clean {
            self.land_all();
        } else {
            self.durable_length = self.durable_length.min(length);
            self.cut_durable_pages();
            self.forget_empty_pages();
        }
    }

    fn mark_dirty(&mut self, index: u32) {
        if self.dirty.last() != Some(&index) {
            self.dirty.insert(index);
        }
    }

    /// Drops page pairs at the end that hold nothing in either version.
    fn forget_empty_pages(&mut self) {
        while self.pages.last().is_some_and(|pair| pair.cached.is_none() && pair.durable.is_none()) {
            self.pages.pop();
            self.dirty.remove(&(self.pages.len() as u32));
        }
    }

    /// What a sync that starts now will make durable.
    pub(super) fn capture(&self) -> FileCapture {
        let pages = self.dirty.iter().map(|index| (*index, self.pages[*index as usize].cached.clone())).collect();
        FileCapture { length: self.length, pages }
    }

    /// A sync ends: what it captured is on the medium.
    pub(super) fn land(&mut self, capture: FileCapture) {
        for (index, page) in capture.pages {
            self.land_page(index, page);
        }
        self.durable_length = capture.length;
        self.cut_durable_pages();
        self.forget_empty_pages();
    }

    /// One page reaches the medium.
    pub(super) fn land_page(&mut self, index: u32, page: Slot) {
        if self.pages.len() <= index as usize {
            self.pages.resize_with(index as usize + 1, PagePair::default);
        }
        let pair = &mut self.pages[index as usize];
        pair.durable = page;
        if page::is_same(&pair.durable, &pair.cached) {
            self.dirty.remove(&index);
        }
    }

    /// Keeps the rule that durable pages hold nothing behind the durable length.
    pub(super) fn cut_durable_pages(&mut self) {
        let first = page_of(self.durable_length);
        for index in first..self.pages.len() {
            let keep = if index == first { (self.durable_length % PAGE_BYTES as u64) as usize } else { 0 };
            let pair = &mut self.pages[index];
            if page::bytes(&pair.durable).len() > keep {
                let shared = page::is_same(&pair.durable, &pair.cached);
                page::truncate(&mut pair.durable, keep);
                if shared && pair.cached.is_some() {
                    self.dirty.insert(index as u32);
                }
            }
        }
    }

    /// Everything becomes durable at once.
    pub(super) fn land_all(&mut self) {
        for pair in &mut self.pages {
            pair.durable = pair.cached.clone();
        }
        self.durable_length = self.length;
        self.dirty.clear();
        self.forget_empty_pages();
    }

    /// The page cache is gone: what the medium holds is what there is.
    pub(super) fn forget_cache(&mut self) {
        for pair in &mut self.pages {
            pair.cached = pair.durable.clone();
        }
        self.length = self.durable_length;
        self.dirty.clear();
        self.forget_empty_pages();
    }

    /// What an operation that touches the file from `position` to `end` would have to undo.
    pub(super) fn before(&self, position: u64, end: u64) -> FileUndo {
        let last = page_of(end.max(self.length)).min(self.pages.len().saturating_sub(1));
        let pages = (page_of(position)..=last)
            .filter_map(|index| Some((index as u32, self.pages.get(index)?.cached.clone())))
            .collect();
        FileUndo { length: self.length, modified: self.modified, pages }
    }

    /// Takes an operation back.
    pub(super) fn undo(&mut self, undo: FileUndo, from: u64) {
        let first = page_of(from);
        for index in first..self.pages.len() {
            self.pages[index].cached = None;
        }
        for (index, page) in undo.pages {
            if self.pages.len() <= index as usize {
                self.pages.resize_with(index as usize + 1, PagePair::default);
            }
            self.pages[index as usize].cached = page;
        }
        for index in first..self.pages.len() {
            let pair = &self.pages[index];
            if page::is_same(&pair.cached, &pair.durable) {
                self.dirty.remove(&(index as u32));
            } else {
                self.dirty.insert(index as u32);
            }
        }
        self.length = undo.length;
        self.modified = undo.modified;
        self.forget_empty_pages();
    }

    /// Bytes of the page cache that the medium does not have yet, in whole pages.
    pub(super) fn dirty_bytes(&self) -> u64 {
        self.dirty.len() as u64 * PAGE_BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrote(file: &mut File, position: u64, content: &[u8]) {
        file.write(position, content, WallTime(0));
    }

    #[test]
    fn a_file_reads_what_was_written_over_page_borders_and_holes() {
        let mut file = File::default();
        wrote(&mut file, 4000, &[7; 200]);
        assert_eq!(file.length, 4200);
        let content = file.read(0, 10_000);
        assert_eq!(content.len(), 4200);
        assert!(content[..4000].iter().all(|byte| *byte == 0) && content[4000..].iter().all(|byte| *byte == 7));
        file.truncate(4100, WallTime(1));
        wrote(&mut file, 4150, b"x");
        assert_eq!(&file.read(4090, 20)[..], &[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_sync_makes_durable_what_there_was_when_it_began() {
        let mut file = File::default();
        wrote(&mut file, 0, b"one");
        let capture = file.capture();
        wrote(&mut file, 3, b"two");
        file.land(capture);
        assert!(!file.is_clean(), "what was written meanwhile is still dirty");
        file.forget_cache();
        assert_eq!(&file.read(0, 100)[..], b"one");
    }

    #[test]
    fn a_shortened_file_is_short_in_both_versions_and_as_clean_as_before() {
        let mut file = File::default();
        wrote(&mut file, 0, &[1; 9000]);
        file.land_all();
        file.shorten(5000);
        assert!(file.is_clean());
        wrote(&mut file, 5000, &[2; 5000]);
        file.shorten(6000);
        assert_eq!((file.length, file.durable_length), (6000, 5000));
        file.forget_cache();
        assert_eq!(file.read(0, 10_000), Bytes::from(vec![1; 5000]));
    }

    #[test]
    fn an_undone_truncation_is_as_if_it_had_never_been() {
        let mut file = File::default();
        wrote(&mut file, 0, &[1; 9000]);
        file.land_all();
        let undo = file.before(10, u64::MAX);
        file.truncate(10, WallTime(1));
        wrote(&mut file, 10, &[2; 20]);
        file.undo(undo, 10);
        assert!(file.is_clean());
        assert_eq!(file.read(0, 10_000), Bytes::from(vec![1; 9000]));
    }
}
