//! The producers of a partition and their transactions (`ProducerStateManager`, KIP-98).
//!
//! ```text
//!   offsets      10      20      30      40      50
//!   producer 1   ╞═══════╪═══════╡ commit at 30         completed: still unstable until the
//!   producer 2           ╞═══════╪════════════▶ open    high watermark passes its marker
//!                                                       first unstable offset = 10, then 20
//! ```
//!
//! read_committed consumers see what lies below the *last stable offset*: the smaller of
//! the high watermark and the first unstable offset.
//!
//! The state is written to `<offset>.snapshot` when a segment is rolled and at a clean
//! stop. Loading takes the newest snapshot that is readable and replays the log from there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::files::{self, PRODUCER_SNAPSHOT};
use super::producer_entry::{BatchMetadata, CompletedTransaction, ProducerAppend, ProducerEntry};
use super::{AppendOrigin, LoadOptions};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::{Cursor, NO_SEQUENCE, RecordError};
use crate::storage::{FileHandle, StorageResult};
use crate::time::WallTime;

const SNAPSHOT_VERSION: i16 = 1;
/// Behind version and checksum.
const SNAPSHOT_BODY_AT: usize = 6;

/// A transaction in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionSpan {
    /// Whose.
    pub producer_id: ProducerId,
    /// The offset of its marker, once there is one.
    pub last_offset: Option<Offset>,
}

/// What a log knows of its producers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerState {
    directory: Arc<str>,
    producers: BTreeMap<ProducerId, ProducerEntry>,
    /// Open transactions by their first offset.
    ongoing: BTreeMap<Offset, TransactionSpan>,
    /// Ended transactions, by their first offset, whose marker is not below the high watermark.
    unreplicated: BTreeMap<Offset, TransactionSpan>,
    /// The offsets of the snapshot files.
    snapshots: BTreeSet<Offset>,
    /// Those of them that were written and not synced: the next flush syncs them.
    unsynced: BTreeMap<Offset, FileHandle>,
    /// The state covers the log below this.
    map_end_offset: Offset,
    /// The state was last written at this offset.
    snapshot_offset: Offset,
    /// A producer that wrote nothing for this long is forgotten: `producer.id.expiration.ms`.
    expiration: Duration,
    /// The switch [`Switch::TrustCorruptSnapshot`].
    trusts_snapshots: bool,
    /// The switch [`Switch::SnapshotAheadOfItself`].
    snapshots_next_sequence: bool,
    /// Whether [`Hazard::SnapshotKeepsLastBatch`] is mended.
    snapshots_all_batches: bool,
}

impl ProducerState {
    /// Knows nothing but which snapshots exist.
    pub(crate) fn new(ctx: &mut Context, directory: &Arc<str>, options: &LoadOptions) -> StorageResult<Self> {
        let behaviour = &options.behaviour;
        Ok(ProducerState {
            directory: directory.clone(),
            producers: BTreeMap::new(),
            ongoing: BTreeMap::new(),
            unreplicated: BTreeMap::new(),
            snapshots: list_snapshots(ctx, directory)?,
            unsynced: BTreeMap::new(),
            map_end_offset: 0,
            snapshot_offset: 0,
            expiration: options.producer_expiration,
            trusts_snapshots: behaviour.is(Switch::TrustCorruptSnapshot),
            snapshots_next_sequence: behaviour.is(Switch::SnapshotAheadOfItself),
            snapshots_all_batches: behaviour.mends(Hazard::SnapshotKeepsLastBatch),
        })
    }

    /// All producers, by id.
    pub fn producers(&self) -> &BTreeMap<ProducerId, ProducerEntry> {
        &self.producers
    }

    /// What is known of one producer.
    pub fn producer(&self, producer_id: ProducerId) -> Option<&ProducerEntry> {
        self.producers.get(&producer_id)
    }

    /// Open transactions by their first offset.
    pub fn ongoing_transactions(&self) -> &BTreeMap<Offset, TransactionSpan> {
        &self.ongoing
    }

    /// Where the first transaction begins that is open, or whose end is not replicated yet.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let first = |transactions: &BTreeMap<Offset, TransactionSpan>| transactions.keys().next().copied();
        match (first(&self.ongoing), first(&self.unreplicated)) {
            (Some(open), Some(ended)) => Some(open.min(ended)),
            (open, ended) => open.or(ended),
        }
    }

    /// Whether this producer has a transaction open here in this epoch.
    pub fn has_ongoing_transaction(&self, producer_id: ProducerId, producer_epoch: ProducerEpoch) -> bool {
        self.producers.get(&producer_id).is_some_and(|entry| {
            entry.current_transaction_first_offset.is_some() && entry.producer_epoch == producer_epoch
        })
    }

    /// The state covers the log below this.
    pub fn map_end_offset(&self) -> Offset {
        self.map_end_offset
    }

    /// The offsets of the snapshot files.
    pub fn snapshot_offsets(&self) -> &BTreeSet<Offset> {
        &self.snapshots
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.unreplicated.is_empty()
    }

    pub(crate) fn set_map_end_offset(&mut self, offset: Offset) {
        self.map_end_offset = offset;
    }

    pub(crate) fn prepare(
        &self,
        producer_id: ProducerId,
        origin: Option<AppendOrigin>,
        check_sequences: bool,
    ) -> ProducerAppend {
        let nothing = ProducerEntry::empty(producer_id);
        ProducerAppend::new(self.producers.get(&producer_id).unwrap_or(&nothing), origin, check_sequences)
    }

    pub(crate) fn update(&mut self, append: ProducerAppend) {
        let (changed, started) = append.into_changes();
        let producer_id = changed.producer_id;
        self.producers.entry(producer_id).or_insert_with(|| ProducerEntry::empty(producer_id)).update(changed);
        for first_offset in started {
            self.ongoing.insert(first_offset, TransactionSpan { producer_id, last_offset: None });
        }
    }

    /// The last stable offset once this transaction has ended, the high watermark aside.
    pub(crate) fn last_stable_offset_after(&self, completed: &CompletedTransaction) -> Offset {
        let other = self.ongoing.iter().find(|(_, open)| open.producer_id != completed.producer_id);
        other.map_or(completed.last_offset.saturating_add(1), |(first_offset, _)| *first_offset)
    }

    /// A transaction has ended; it stays unstable until its marker is replicated.
    pub(crate) fn complete(&mut self, completed: &CompletedTransaction) {
        self.ongoing.remove(&completed.first_offset);
        let span = TransactionSpan { producer_id: completed.producer_id, last_offset: Some(completed.last_offset) };
        self.unreplicated.insert(completed.first_offset, span);
    }

    pub(crate) fn on_high_watermark(&mut self, high_watermark: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, span| span.last_offset.is_none_or(|last| last >= high_watermark));
        }
    }

    pub(crate) fn on_log_start(&mut self, log_start_offset: Offset) {
        self.on_high_watermark(log_start_offset);
        self.map_end_offset = self.map_end_offset.max(log_start_offset);
        self.snapshot_offset = self.snapshots.last().copied().unwrap_or(log_start_offset);
    }

    /// Whether a producer without an open transaction may be forgotten that last wrote at this time, in milliseconds.
    pub fn may_forget(&self, last_timestamp: i64, now: WallTime) -> bool {
        let expiration = i64::try_from(self.expiration.as_millis()).unwrap_or(i64::MAX);
        now.millis().saturating_sub(last_timestamp) >= expiration
    }

    /// Whether a producer without an open transaction has written nothing for too long.
    fn is_expired(&self, now: WallTime, entry: &ProducerEntry) -> bool {
        entry.current_transaction_first_offset.is_none() && self.may_forget(entry.last_timestamp, now)
    }

    /// Forgets those that have written nothing for too long.
    pub(crate) fn remove_expired(&mut self, now: WallTime) {
        let expired = |(id, entry): (&ProducerId, &ProducerEntry)| self.is_expired(now, entry).then_some(*id);
        let expired: Vec<ProducerId> = self.producers.iter().filter_map(expired).collect();
        for producer in expired {
            self.producers.remove(&producer);
        }
    }

    /// Prepares for a log that ends at `log_end_offset`: drops snapshots outside, and unless the
    /// state already covers exactly that, loads the newest snapshot that is readable.
    pub(crate) fn truncate_and_reload(
        &mut self,
        ctx: &mut Context,
        log_start_offset: Offset,
        log_end_offset: Offset,
    ) -> StorageResult<()> {
        let outside = |offset: &Offset| *offset > log_end_offset || *offset <= log_start_offset;
        for offset in self.snapshots.iter().copied().filter(outside).collect::<Vec<_>>() {
            self.remove_snapshot(ctx, offset)?;
        }
        if log_end_offset == self.map_end_offset {
            self.on_log_start(log_start_offset);
            return Ok(());
        }
        self.producers.clear();
        self.ongoing.clear();
        self.unreplicated.clear();
        self.load_newest_snapshot(ctx, log_start_offset)
    }

    fn load_newest_snapshot(&mut self, ctx: &mut Context, log_start_offset: Offset) -> StorageResult<()> {
        while let Some(offset) = self.snapshots.last().copied() {
            let bytes = files::read_whole(ctx, &self.snapshot_path(offset))?.unwrap_or_default();
            let decoded = decode_snapshot(&bytes)
                .or_else(|error| if self.trusts_snapshots { Ok(Vec::new()) } else { Err(error) });
            if let Ok(entries) = decoded {
                for entry in entries {
                    if !self.is_expired(ctx.now.wall, &entry) {
                        self.load_entry(entry);
                    }
                }
                self.snapshot_offset = offset;
                self.map_end_offset = offset;
                return Ok(());
            }
            // A snapshot that a crash left half-written is worth nothing; the one before it is.
            self.remove_snapshot(ctx, offset)?;
        }
        self.snapshot_offset = log_start_offset;
        self.map_end_offset = log_start_offset;
        Ok(())
    }

    fn load_entry(&mut self, entry: ProducerEntry) {
        if let Some(first_offset) = entry.current_transaction_first_offset {
            let span = TransactionSpan { producer_id: entry.producer_id, last_offset: None };
            self.ongoing.insert(first_offset, span);
        }
        match self.producers.get_mut(&entry.producer_id) {
            Some(known) => known.update(entry),
            None => {
                self.producers.insert(entry.producer_id, entry);
            }
        }
    }

    /// Forgets everything; the log starts anew at `offset`.
    pub(crate) fn truncate_fully(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        self.producers.clear();
        self.ongoing.clear();
        self.unreplicated.clear();
        for snapshot in self.snapshots.iter().copied().collect::<Vec<_>>() {
            self.remove_snapshot(ctx, snapshot)?;
        }
        self.snapshot_offset = 0;
        self.map_end_offset = offset;
        Ok(())
    }

    /// Writes the state at its end offset, if it has moved since the last time.
    pub(crate) fn take_snapshot(&mut self, ctx: &mut Context, sync: bool) -> StorageResult<()> {
        if self.map_end_offset <= self.snapshot_offset {
            return Ok(());
        }
        let offset = self.map_end_offset;
        let file = ctx.storage.create(&self.snapshot_path(offset))?;
        ctx.storage.truncate(file, 0)?;
        let mut content = encode_snapshot(&self.producers, self.snapshots_all_batches);
        if self.snapshots_next_sequence {
            content = encode_snapshot(&one_sequence_ahead(&self.producers), self.snapshots_all_batches);
        }
        ctx.storage.append(file, &content)?;
        if sync && !self.trusts_snapshots {
            ctx.storage.sync(file)?;
            self.unsynced.remove(&offset);
        } else {
            self.unsynced.insert(offset, file);
        }
        self.snapshots.insert(offset);
        self.snapshot_offset = offset;
        Ok(())
    }

    /// The snapshots that are to be synced; they are taken for synced from now on.
    pub(crate) fn take_unsynced(&mut self) -> Vec<FileHandle> {
        let unsynced = std::mem::take(&mut self.unsynced).into_values();
        if self.trusts_snapshots { Vec::new() } else { unsynced.collect() }
    }

    /// Takes the snapshot at `offset` out of the books; its path, for a later removal.
    pub(crate) fn forget_snapshot(&mut self, offset: Offset) -> Option<String> {
        self.unsynced.remove(&offset);
        self.snapshots.remove(&offset).then(|| self.snapshot_path(offset))
    }

    /// Removes snapshots at offsets where no segment begins, except the newest of them if it lies
    /// behind the last segment's base: that one was written at a clean stop.
    pub(crate) fn remove_stray_snapshots(&mut self, ctx: &mut Context, bases: &BTreeSet<Offset>) -> StorageResult<()> {
        self.snapshots = list_snapshots(ctx, &self.directory)?;
        let mut strays: Vec<Offset> = self.snapshots.difference(bases).copied().collect();
        let newest_is_of_use = match (strays.last(), bases.last()) {
            (Some(stray), Some(base)) => stray >= base,
            _ => true,
        };
        if newest_is_of_use {
            strays.pop();
        }
        for offset in strays {
            self.remove_snapshot(ctx, offset)?;
        }
        Ok(())
    }

    fn remove_snapshot(&mut self, ctx: &mut Context, offset: Offset) -> StorageResult<()> {
        self.snapshots.remove(&offset);
        self.unsynced.remove(&offset);
        files::remove_if_exists(ctx, &self.snapshot_path(offset))
    }

    fn snapshot_path(&self, offset: Offset) -> String {
        files::path(&self.directory, offset, PRODUCER_SNAPSHOT)
    }
}

fn list_snapshots(ctx: &mut Context, directory: &str) -> StorageResult<BTreeSet<Offset>> {
    let names = ctx.storage.list(directory)?;
    let snapshots = names.iter().filter(|name| name.ends_with(PRODUCER_SNAPSHOT));
    Ok(snapshots.filter_map(|name| files::offset_of(name)).collect())
}

/// What [`Switch::SnapshotAheadOfItself`] writes down.
fn one_sequence_ahead(producers: &BTreeMap<ProducerId, ProducerEntry>) -> BTreeMap<ProducerId, ProducerEntry> {
    let mut ahead = producers.clone();
    for batch in ahead.values_mut().filter_map(|entry| entry.batches.back_mut()) {
        batch.last_sequence += 1;
    }
    ahead
}

/// Version, checksum of the rest, entries (`ProducerSnapshot`, version 1).
///
/// With `all_batches` a producer has an entry for each batch that is remembered, oldest first; Kafka writes only the last.
pub(crate) fn encode_snapshot(producers: &BTreeMap<ProducerId, ProducerEntry>, all_batches: bool) -> Vec<u8> {
    let mut out = SNAPSHOT_VERSION.to_be_bytes().to_vec();
    out.extend_from_slice(&[0; 8]);
    let mut entries: i32 = 0;
    for entry in producers.values() {
        let older = if all_batches { entry.batches.len().saturating_sub(1) } else { 0 };
        for batch in entry.batches.iter().take(older).map(Some).chain([entry.batches.back()]) {
            encode_entry(&mut out, entry, batch);
            entries += 1;
        }
    }
    out[SNAPSHOT_BODY_AT..SNAPSHOT_BODY_AT + 4].copy_from_slice(&entries.to_be_bytes());
    let checksum = crc32c::crc32c(&out[SNAPSHOT_BODY_AT..]);
    out[2..SNAPSHOT_BODY_AT].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// A producer with one of its batches; with none where it is known by a marker only.
fn encode_entry(out: &mut Vec<u8>, entry: &ProducerEntry, batch: Option<&BatchMetadata>) {
    out.extend_from_slice(&entry.producer_id.0.to_be_bytes());
    out.extend_from_slice(&entry.producer_epoch.0.to_be_bytes());
    out.extend_from_slice(&batch.map_or(NO_SEQUENCE, |batch| batch.last_sequence).to_be_bytes());
    out.extend_from_slice(&batch.map_or(-1, |batch| batch.last_offset).to_be_bytes());
    out.extend_from_slice(&batch.map_or(0, |batch| batch.offset_delta).to_be_bytes());
    out.extend_from_slice(&entry.last_timestamp.to_be_bytes());
    out.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
    out.extend_from_slice(&entry.current_transaction_first_offset.unwrap_or(-1).to_be_bytes());
}

/// Reads a snapshot. Of each producer it holds only the last batch, so after a restart only that one
/// is recognised as a duplicate, unless the log behind the snapshot is replayed.
///
/// # Errors
/// Another version, a wrong checksum, or an end too early.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Vec<ProducerEntry>, RecordError> {
    let mut cursor = Cursor::new(bytes);
    if cursor.i16()? != SNAPSHOT_VERSION {
        return Err(RecordError::InvalidRecord);
    }
    if cursor.u32()? != crc32c::crc32c(&bytes[SNAPSHOT_BODY_AT..]) {
        return Err(RecordError::InvalidChecksum);
    }
    let mut entries = Vec::new();
    for _ in 0..cursor.i32()? {
        let mut entry = ProducerEntry::empty(ProducerId(cursor.i64()?));
        entry.producer_epoch = ProducerEpoch(cursor.i16()?);
        let last_sequence = cursor.i32()?;
        let last_offset = cursor.i64()?;
        let offset_delta = cursor.i32()?;
        entry.last_timestamp = cursor.i64()?;
        entry.coordinator_epoch = cursor.i32()?;
        entry.current_transaction_first_offset = Some(cursor.i64()?).filter(|offset| *offset >= 0);
        if last_offset >= 0 {
            let timestamp = entry.last_timestamp;
            entry.batches.push_back(BatchMetadata { last_sequence, last_offset, offset_delta, timestamp });
        }
        entries.push(entry);
    }
    Ok(entries)
}
