//! What stays of one batch (`Cleaner.cleanInto`, `MemoryRecords.filterTo`, `DefaultRecordBatch.writeEmptyHeader`).
//!
//! ```text
//!   batch ─▶ all records stay, no horizon to set ─▶ its own bytes
//!         ─▶ some stay                           ─▶ rebuilt: same offsets, producer, sequence, last offset
//!         ─▶ none stays, header needed           ─▶ 61 bytes without records
//!         ─▶ none stays                          ─▶ nothing
//! ```
//!
//! A header is needed where it is the last that is known of an active producer (its sequence, or its epoch in a marker),
//! and where the range that is cleaned ends, so that the log does not seem to end earlier.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::OffsetMap;
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::{BatchBuilder, BatchView, Record, RecordError};

/// The last that is known of a producer (`LastRecord`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LastRecord {
    /// The last offset of its last data batch, if one is remembered.
    pub(super) last_data_offset: Option<Offset>,
    pub(super) producer_epoch: ProducerEpoch,
}

/// The rules of one pass.
pub(super) struct Filter<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) last_records: &'a BTreeMap<ProducerId, LastRecord>,
    /// The wall clock when the pass began, in milliseconds.
    pub(super) now_ms: i64,
    pub(super) delete_retention_ms: i64,
    /// The end of the pass's range: the batch that reaches it keeps its header, so that the log's end is not lost
    /// (KAFKA-17076). None with the switch [`Switch::CleanerDropsLastBatch`](crate::config::Switch::CleanerDropsLastBatch).
    /// Where [`Hazard::HoleBetweenSegments`](crate::config::Hazard::HoleBetweenSegments) is mended: the end of what becomes
    /// one segment, so that the next one follows on.
    pub(super) upper_bound: Option<Offset>,
    /// The switch [`Switch::LegacyTombstoneHorizon`](crate::config::Switch::LegacyTombstoneHorizon).
    pub(super) goes_by_timestamps: bool,
}

/// What is written instead of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filtered {
    /// Nothing, if the batch goes.
    pub(super) bytes: Option<Bytes>,
    pub(super) records_kept: u64,
    /// Records without a key: a compacted log has no use for them.
    pub(super) unkeyed: u64,
}

impl Filter<'_> {
    /// Applies the rules. `is_spent` says that the batch's transaction was aborted, or that the marker is needed no more.
    ///
    /// # Errors
    /// The batch cannot be decoded.
    pub(super) fn apply(&self, batch: &BatchView, is_spent: bool) -> Result<Filtered, RecordError> {
        let horizon = match self.goes_by_timestamps {
            true => Some(batch.max_timestamp().saturating_add(self.delete_retention_ms)),
            false => batch.delete_horizon(),
        };
        let horizon_passed = horizon.is_some_and(|horizon| horizon <= self.now_ms);
        let discards = is_spent && (!batch.is_control() || horizon_passed);
        let mut filtered = Filtered::default();
        let mut kept = Vec::new();
        let mut count = 0;
        if !discards {
            let records = batch.records()?;
            count = records.len();
            for record in records {
                if batch.is_control() || self.keeps(horizon, &record, &mut filtered.unkeyed) {
                    kept.push(record);
                }
            }
        }
        filtered.records_kept = kept.len() as u64;
        filtered.bytes = if kept.is_empty() {
            self.needs_header(batch).then(|| BatchBuilder::retaining(batch).build_retained(batch))
        } else {
            let has_tombstone = kept.iter().any(|record| record.value.is_none());
            let sets_horizon = horizon.is_none() && (has_tombstone || (is_spent && batch.is_control()));
            if kept.len() == count && !sets_horizon {
                Some(batch.bytes().clone())
            } else {
                let horizon = if sets_horizon { Some(self.new_horizon()) } else { horizon };
                Some(rebuild(batch, &kept, horizon))
            }
        };
        Ok(filtered)
    }

    fn new_horizon(&self) -> i64 {
        self.now_ms.saturating_add(self.delete_retention_ms)
    }

    /// Whether a data record stays (`Cleaner.shouldRetainRecord`).
    fn keeps(&self, horizon: Option<i64>, record: &Record, unkeyed: &mut u64) -> bool {
        if record.offset > self.map.latest_offset() {
            return true;
        }
        let Some(key) = &record.key else {
            *unkeyed += 1;
            return false;
        };
        let is_last = self.map.get(key).is_none_or(|last| record.offset >= last);
        let is_wanted = record.value.is_some() || horizon.is_none_or(|horizon| self.now_ms < horizon);
        is_last && is_wanted
    }

    /// Whether the batch's header must survive its records.
    fn needs_header(&self, batch: &BatchView) -> bool {
        let is_last_of_producer = batch.producer_id().is_some()
            && self.last_records.get(&batch.producer_id()).is_some_and(|last| match last.last_data_offset {
                Some(offset) => batch.last_offset() == offset,
                None => batch.is_control() && batch.producer_epoch() == last.producer_epoch,
            });
        is_last_of_producer || Some(batch.next_offset()) == self.upper_bound
    }
}

fn rebuild(batch: &BatchView, kept: &[Record], horizon: Option<i64>) -> Bytes {
    let mut builder = BatchBuilder::retaining(batch).delete_horizon(horizon);
    for record in kept {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.push_at(record.offset_delta, record.timestamp, key, value, &record.headers);
    }
    builder.build_retained(batch)
}
