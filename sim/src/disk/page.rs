//! A page: four kibibytes of a file, shared by reference between the page cache, the
//! medium, and copies of the world, and copied only when it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

/// Bytes in a page.
pub const PAGE_BYTES: usize = 4096;
/// Bytes that a medium writes wholly or not at all.
pub const SECTOR_BYTES: usize = 512;

/// Up to [`PAGE_BYTES`] bytes; what is not there reads as zeros.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// The hash of the bytes once somebody has asked for it; 0 until then.
    digest: AtomicU64,
}

impl Clone for Page {
    fn clone(&self) -> Self {
        Page { bytes: self.bytes.clone(), digest: AtomicU64::new(self.digest.load(Ordering::Relaxed)) }
    }
}

/// A page of a file: none reads as zeros.
pub(super) type Slot = Option<Arc<Page>>;

/// Whether two slots hold the very same page.
pub(super) fn is_same(one: &Slot, other: &Slot) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The bytes of a slot that are not implied zeros.
pub(super) fn bytes(slot: &Slot) -> &[u8] {
    slot.as_ref().map_or(&[], |page| &page.bytes)
}

/// The page of a slot, to be written to.
fn writable(slot: &mut Slot) -> &mut Vec<u8> {
    let page = Arc::make_mut(slot.get_or_insert_default());
    *page.digest.get_mut() = 0;
    &mut page.bytes
}

/// Puts bytes into a page.
pub(super) fn write(slot: &mut Slot, offset: usize, content: &[u8]) {
    let end = offset + content.len();
    assert!(end <= PAGE_BYTES, "a write to {offset}..{end} of a page");
    let bytes = writable(slot);
    if bytes.len() == offset {
        bytes.extend_from_slice(content);
        return;
    }
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(content);
}

/// Cuts a page off at an offset; what lies behind it reads as zeros.
pub(super) fn truncate(slot: &mut Slot, offset: usize) {
    if offset == 0 {
        *slot = None;
    } else if bytes(slot).len() > offset {
        writable(slot).truncate(offset);
    }
}

/// Copies part of a page to the end of `into`, zeros included.
pub(super) fn read(slot: &Slot, offset: usize, length: usize, into: &mut Vec<u8>) {
    let bytes = bytes(slot);
    let start = offset.min(bytes.len());
    let end = (offset + length).min(bytes.len());
    into.extend_from_slice(&bytes[start..end]);
    into.resize(into.len() + length - (end - start), 0);
}

/// A page made of sectors of two others: those that `from_new` names come from `new`.
pub(super) fn torn(old: &Slot, new: &Slot, mut from_new: impl FnMut() -> bool) -> Slot {
    let mut mixed = Vec::with_capacity(PAGE_BYTES);
    for sector in 0..PAGE_BYTES / SECTOR_BYTES {
        let source = if from_new() { new } else { old };
        read(source, sector * SECTOR_BYTES, SECTOR_BYTES, &mut mixed);
    }
    Some(Arc::new(Page { bytes: mixed, digest: AtomicU64::new(0) }))
}

/// The hash of a slot's content, kept beside the page until it is written.
pub(super) fn digest(slot: &Slot) -> u64 {
    let Some(page) = slot else { return 0 };
    let known = page.digest.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let end = page.bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let digest = if end == 0 { 0 } else { xxh3_64(&page.bytes[..end]) };
    page.digest.store(digest, Ordering::Relaxed);
    digest
}
