//! Tests of compaction: Kafka's own cases (`LogCleanerTest`), its crash points, and random logs against a map.

mod crash_points;
mod crashes;
mod random;
mod rules;
mod sequences;
mod transactions;

use std::time::Duration;

use bytes::Bytes;

use super::{CleaningPass, CleaningProgress, Dirt, FirstDirty};
use crate::config::{CleanupPolicy, LogManagerSettings, LogSettings, Ratio};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use crate::log::tests::{Fixture, START_MILLIS, marker};
use crate::log::{AppendOrigin, CleaningError};
use crate::record::{BatchBuilder, BatchView};
use crate::time::WallTime;

/// A day: delete.retention.ms by default.
const RETENTION: i64 = 86_400_000;

/// A compacted log whose segments are closed by hand, or at so many bytes.
fn compacted(segment_bytes: i32) -> Fixture {
    Fixture::new(LogSettings {
        internal_segment_bytes: segment_bytes,
        cleanup_policy: CleanupPolicy::COMPACT,
        delete_retention: Duration::from_millis(RETENTION as u64),
        ..LogSettings::default()
    })
}

/// A cleaner whose map has room for so many keys.
fn room_for(keys: i64) -> LogManagerSettings {
    LogManagerSettings {
        cleaner_dedupe_buffer_size: keys * 24,
        cleaner_load_factor: Ratio(1_000_000),
        ..LogManagerSettings::default()
    }
}

fn text(number: i64) -> String {
    number.to_string()
}

/// A producer's batch with one record a key; the value is the key.
fn keyed(keys: &[i64]) -> Bytes {
    batch_of(BatchBuilder::new(0), keys)
}

fn batch_of(mut builder: BatchBuilder, keys: &[i64]) -> Bytes {
    for key in keys {
        builder.push(START_MILLIS, Some(text(*key).as_bytes()), Some(text(*key).as_bytes()), &[]);
    }
    builder.build()
}

/// A batch that deletes a key.
fn tombstone(key: i64) -> Bytes {
    BatchBuilder::new(0).append(START_MILLIS, Some(text(key).as_bytes()), None, &[]).build()
}

/// A producer that counts its sequence numbers.
struct Writer {
    id: i64,
    sequence: i32,
    transactional: bool,
}

impl Writer {
    fn new(id: i64, transactional: bool) -> Writer {
        Writer { id, sequence: 0, transactional }
    }

    fn write(&mut self, log: &mut Fixture, keys: &[i64]) {
        let builder = BatchBuilder::new(0)
            .producer(ProducerId(self.id), ProducerEpoch(0), self.sequence)
            .transactional(self.transactional);
        self.sequence += keys.len() as i32;
        log.append(batch_of(builder, keys), 0).expect("accepted");
    }

    fn end(&self, log: &mut Fixture, commit: bool) {
        let marker = marker(self.id, 0, commit, 0);
        log.with(|log, ctx| log.append_as_leader(ctx, marker, LeaderEpoch(0), AppendOrigin::Coordinator))
            .expect("accepted");
    }
}

impl Fixture {
    fn roll(&mut self) {
        self.with(|log, ctx| log.roll(ctx, None)).expect("the disk works");
    }

    /// Everything is committed.
    fn commit_all(&mut self) {
        self.with(|log, ctx| log.update_high_watermark(ctx, log.log_end_offset()));
    }

    fn at(&mut self, millis: i64) -> &mut Self {
        self.now.wall = WallTime(millis as u64 * 1000);
        self
    }

    /// A pass from `first_dirty` to the active segment; where the next one begins. Where nothing is dirty everything is
    /// read again: Kafka's tests go on with the map of the pass before.
    fn clean_from(&mut self, first_dirty: Offset, settings: &LogManagerSettings) -> Offset {
        let end = self.log().active_segment_base_offset();
        let first_dirty = if first_dirty == end { 0 } else { first_dirty };
        let dirt = Dirt {
            first_dirty: FirstDirty { offset: first_dirty, was_invalid: false },
            first_uncleanable_offset: end,
            clean_bytes: 0,
            cleanable_bytes: 0,
            is_overdue: false,
        };
        self.run_pass(&dirt, settings).expect("the log can be read")
    }

    /// As [`Fixture::clean_from`], with room for any number of keys.
    fn clean(&mut self, first_dirty: Offset) -> Offset {
        self.clean_from(first_dirty, &LogManagerSettings::default())
    }

    fn run_pass(&mut self, dirt: &Dirt, settings: &LogManagerSettings) -> Result<Offset, CleaningError> {
        let mut pass = self.with(|log, ctx| CleaningPass::begin(ctx, log, dirt, settings));
        loop {
            match self.with(|log, ctx| pass.step(ctx, log))? {
                CleaningProgress::Working => {}
                CleaningProgress::Written(_) => pass.synced(),
                CleaningProgress::Done { cleaned_to } => return Ok(cleaned_to),
            }
        }
    }

    /// The keys of all data records, in order.
    fn keys(&mut self) -> Vec<i64> {
        let number = |key: &Bytes| String::from_utf8_lossy(key).parse().expect("a number");
        self.records_of(false).iter().filter_map(|record| record.key.as_ref().map(number)).collect()
    }

    /// The offsets of all records, markers too.
    fn offsets(&mut self) -> Vec<Offset> {
        self.records_of(true).iter().map(|record| record.offset).collect()
    }

    fn records_of(&mut self, with_markers: bool) -> Vec<crate::record::Record> {
        let batches = self.read_all();
        let wanted = batches.iter().filter(|batch| with_markers || !batch.is_control());
        wanted.flat_map(|batch| batch.records().expect("well formed")).collect()
    }

    fn last_offsets(&mut self) -> Vec<Offset> {
        self.read_all().iter().map(BatchView::last_offset).collect()
    }

    fn base_offsets(&mut self) -> Vec<Offset> {
        self.read_all().iter().map(BatchView::base_offset).collect()
    }

    /// The transaction indexes: producer, first offset, last offset, last stable offset.
    fn aborted(&self) -> Vec<(i64, Offset, Offset, Offset)> {
        let entries = self.log().aborted_transaction_entries();
        entries.iter().map(|e| (e.producer_id.0, e.first_offset, e.last_offset, e.last_stable_offset)).collect()
    }
}
