//! From keys to the last offset at which each was written (`SkimpyOffsetMap`).
//!
//! **Simplified:** the keys themselves are kept, and found exactly. Kafka keeps an MD5 hash of each, in 24 bytes a slot: two keys
//! with one hash would be taken for one. As many keys fit in as Kafka has slots.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::config::{LogManagerSettings, Ratio};
use crate::ids::Offset;

/// An MD5 hash and an offset.
const BYTES_PER_SLOT: i64 = 16 + 8;

/// The last offset of each key of a stretch of a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OffsetMap {
    offsets: BTreeMap<Bytes, Offset>,
    /// What lies above was not read: nothing can be said of it. −1 while nothing was.
    latest_offset: Offset,
    capacity: usize,
}

impl OffsetMap {
    /// An empty map with room for so many keys.
    pub(crate) fn new(capacity: usize) -> OffsetMap {
        OffsetMap { offsets: BTreeMap::new(), latest_offset: -1, capacity }
    }

    /// How many keys fit into `log.cleaner.dedupe.buffer.size` at `log.cleaner.io.buffer.load.factor`.
    pub(crate) fn capacity_of(settings: &LogManagerSettings) -> usize {
        let Ratio(millionths) = settings.cleaner_load_factor;
        let slots = settings.cleaner_dedupe_buffer_size.max(0) / BYTES_PER_SLOT;
        usize::try_from(slots.saturating_mul(i64::from(millionths)) / 1_000_000).unwrap_or(usize::MAX)
    }

    /// Notes a key at an offset; `false` if the map is full, whether the key is known or not.
    pub(crate) fn put(&mut self, key: Bytes, offset: Offset) -> bool {
        if self.offsets.len() >= self.capacity {
            return false;
        }
        self.offsets.insert(key, offset);
        self.latest_offset = offset;
        true
    }

    /// Everything up to here was read.
    pub(crate) fn read_up_to(&mut self, offset: Offset) {
        self.latest_offset = offset;
    }

    /// The last offset of a key.
    pub(crate) fn get(&self, key: &Bytes) -> Option<Offset> {
        self.offsets.get(key).copied()
    }

    /// The last offset that was read.
    pub(crate) fn latest_offset(&self) -> Offset {
        self.latest_offset
    }

    /// How many keys it knows.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }
}
