//! Opening a log, and recovering it after an unclean stop (`LogLoader`).
//!
//! ```text
//!   1  remove *.deleted and *.cleaned; finish interrupted swaps (*.swap)
//!   2  open every segment; an index without a .log goes; a segment without an index is recovered
//!   3  after an unclean stop: recover every segment from the recovery point on;
//!      at the first bad batch cut there and delete what follows
//!   4  a log that ends before its checkpointed start is dropped and begins anew there
//!   5  cut the epoch cache to the log's ends
//!   6  producer state: newest readable snapshot, then replay the tail
//! ```
//!
//! To recover a segment is to read it batch by batch, check every checksum, rebuild its
//! indexes, and note epochs that the cache does not know.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::epoch_cache::EpochCache;
use super::files::{
    self, CLEANED, DELETED, LOG, OFFSET_INDEX, RAFT_SNAPSHOT_DELETED, SWAP, TIME_INDEX, TRANSACTION_INDEX,
};
use super::index::relative_offset;
use super::producer_entry::{CompletedTransaction, ProducerAppend};
use super::producer_state::ProducerState;
use super::scan::BatchScanner;
use super::segment::Segment;
use super::transaction_index::AbortedTransactionEntry;
use super::truncate::{mark_deleted, rename_segments};
use super::unified::floor_segment;
use super::{LoadOptions, Log};
use crate::config::{Hazard, LogSettings, Switch};
use crate::context::Context;
use crate::event::LogEvent;
use crate::ids::{Offset, ProducerId, TopicPartition};
use crate::record::BatchView;
use crate::storage::{StorageError, StorageResult};

/// Offsets above this are not believed: nothing ever counted so far.
const HIGHEST_OFFSET: Offset = i64::MAX / 4;

/// A log being opened.
struct Loader<'a> {
    directory: Arc<str>,
    settings: &'a LogSettings,
    options: &'a LoadOptions,
    /// From the checkpoint.
    log_start_offset: Offset,
    segments: Vec<Segment>,
    epochs: EpochCache,
    /// Paths under their `.deleted` names.
    deleted: Vec<String>,
    dropped_bytes: u64,
}

pub(crate) fn load(
    ctx: &mut Context,
    partition: TopicPartition,
    directory: &str,
    settings: &LogSettings,
    options: LoadOptions,
) -> StorageResult<Log> {
    let directory: Arc<str> = Arc::from(directory);
    create_directory(ctx, &directory)?;
    let epochs = EpochCache::load(ctx, &directory).map_err(|error| error.as_storage_error())?;
    let mut loader = Loader {
        directory: directory.clone(),
        settings,
        options: &options,
        log_start_offset: options.log_start_offset.clamp(0, HIGHEST_OFFSET),
        segments: Vec::new(),
        epochs,
        deleted: Vec::new(),
        dropped_bytes: 0,
    };
    loader.finish_interrupted_work(ctx)?;
    loader.open_segments(ctx)?;
    let (log_end_offset, recovery_point) = loader.recover(ctx)?;
    loader.epochs.truncate_from_end(log_end_offset);
    loader.epochs.truncate_from_start(loader.log_start_offset);
    let log_start_offset = loader.log_start_offset.max(loader.segments[0].base_offset);

    let mut producers = ProducerState::new(ctx, &directory, &options)?;
    let bases: BTreeSet<Offset> = loader.segments.iter().map(|segment| segment.base_offset).collect();
    producers.remove_stray_snapshots(ctx, &bases)?;
    // Without a snapshot Kafka takes the producers of a log that was closed in order for unknown: a hazard.
    let trusts_absence = options.clean && !options.behaviour.mends(Hazard::CleanStopForgetsProducers);
    rebuild_producer_state(ctx, &mut producers, &loader.segments, log_start_offset, log_end_offset, trusts_absence)?;

    let recovery_point = match options.behaviour.mends(Hazard::RecoveryPointFollowsLogStart) {
        true => recovery_point,
        false => recovery_point.max(log_start_offset),
    };
    let Loader { segments, epochs, deleted, dropped_bytes, .. } = loader;
    let mut log = Log {
        partition,
        directory,
        settings: Arc::new(settings.clone()),
        behaviour: Arc::new(options.behaviour.clone()),
        segments,
        log_start_offset,
        log_end_offset,
        high_watermark: log_start_offset,
        recovery_point,
        epochs,
        producers,
        deletions: VecDeque::new(),
        epoch_write_due: None,
        flush_requested: None,
        truncated_since_flush: None,
        cuts: 0,
    };
    log.schedule_deletion(ctx, settings.file_delete_delay, deleted);
    log.schedule_epoch_write(ctx);
    log.assert_invariants();
    ctx.emit(LogEvent::LogLoaded {
        partition: log.partition.clone(),
        log_start_offset,
        log_end_offset,
        clean: options.clean,
        dropped_bytes,
    });
    Ok(log)
}

/// Creates the log's directory if there is none.
///
/// Kafka does not sync the parent directory afterwards; the file systems it runs on make a new
/// directory durable with the first synced file in it. Here that is said outright.
fn create_directory(ctx: &mut Context, directory: &str) -> StorageResult<()> {
    match ctx.storage.list(directory) {
        Ok(_) => return Ok(()),
        Err(StorageError::NotFound) => {}
        Err(error) => return Err(error),
    }
    ctx.storage.create_directory(directory)?;
    match directory.rsplit_once('/') {
        Some((parent, _)) => ctx.storage.sync_directory(parent),
        None => Ok(()),
    }
}

impl Loader<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Step 1: what a crash left half-done.
    fn finish_interrupted_work(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let names = ctx.storage.list(&self.directory)?;
        let mut first_cleaned = Offset::MAX;
        for name in &names {
            let Some(offset) = files::offset_of(name) else { continue };
            if name.ends_with(CLEANED) {
                first_cleaned = first_cleaned.min(offset);
            }
            let deleted = name.ends_with(DELETED) && !name.ends_with(RAFT_SNAPSHOT_DELETED);
            if deleted || name.ends_with(CLEANED) {
                files::remove_if_exists(ctx, &self.path(name))?;
            }
        }
        let mut swaps = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(SWAP)) {
            match files::offset_of(name) {
                // Part of a split that had not got as far as this: worthless.
                Some(offset) if offset >= first_cleaned => files::remove_if_exists(ctx, &self.path(name))?,
                Some(_) => swaps.push(name.clone()),
                None => {}
            }
        }
        if swaps.is_empty() { Ok(()) } else { self.finish_swaps(ctx, &names, &swaps) }
    }

    /// The swapped-in segments are complete: those that they replace go, they take their place.
    fn finish_swaps(&mut self, ctx: &mut Context, names: &[String], swaps: &[String]) -> StorageResult<()> {
        let (mut first, mut end) = (Offset::MAX, Offset::MIN);
        for name in swaps {
            let base_offset = files::offset_of(name).filter(|_| name.ends_with(&format!("{LOG}{SWAP}")));
            let Some(base_offset) = base_offset else { continue };
            let (segment, _) = Segment::open(ctx, &self.directory, base_offset, SWAP)?;
            first = first.min(base_offset);
            end = end.max(segment.read_next_offset(ctx)?.unwrap_or(base_offset));
        }
        let first = self.first_replaced(names, first);
        for name in names.iter().filter(|name| !name.ends_with(SWAP) && !name.ends_with(DELETED)) {
            if files::offset_of(name).is_some_and(|offset| offset >= first && offset < end) {
                files::remove_if_exists(ctx, &self.path(name))?;
            }
        }
        for name in ctx.storage.list(&self.directory)? {
            if let Some(plain) = name.strip_suffix(SWAP) {
                files::rename_if_exists(ctx, &self.path(&name), &self.path(plain))?;
            }
        }
        Ok(())
    }

    /// Where the segments begin that the swapped-in ones replace: where these begin, unless
    /// [`Switch::SwapTakesSegmentBefore`] looks for the segment that holds that offset.
    fn first_replaced(&self, names: &[String], first_swapped: Offset) -> Offset {
        if !self.options.behaviour.is(Switch::SwapTakesSegmentBefore) {
            return first_swapped;
        }
        let segments = names.iter().filter(|name| name.ends_with(LOG)).filter_map(|name| files::offset_of(name));
        segments.filter(|base| *base <= first_swapped).max().unwrap_or(first_swapped)
    }

    /// Step 2: opens the segments in order, because a transaction may span several.
    fn open_segments(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let names: BTreeSet<String> = ctx.storage.list(&self.directory)?.into_iter().collect();
        for name in &names {
            let Some(offset) = files::offset_of(name) else { continue };
            let has = |kind: &str| names.contains(&format!("{offset:020}{kind}"));
            if [OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX].iter().any(|kind| name.ends_with(kind)) && !has(LOG) {
                files::remove_if_exists(ctx, &self.path(name))?;
            }
            if !name.ends_with(LOG) {
                continue;
            }
            let (segment, transaction_index_is_sane) = Segment::open(ctx, &self.directory, offset, "")?;
            self.segments.push(segment);
            if !has(OFFSET_INDEX) || !transaction_index_is_sane {
                self.recover_segment(ctx, self.segments.len() - 1)?;
            }
        }
        Ok(())
    }

    /// Steps 3 and 4; the log end offset and the recovery point.
    fn recover(&mut self, ctx: &mut Context) -> StorageResult<(Offset, Offset)> {
        if !self.options.clean && !self.segments.is_empty() {
            let mut next = floor_segment(&self.segments, self.options.recovery_point).unwrap_or(0);
            while next < self.segments.len() {
                let dropped = self.recover_segment(ctx, next)?;
                next += 1;
                if dropped > 0 || self.is_hole_before(ctx, next)? {
                    // Behind a bad batch nothing can be trusted to follow on.
                    let rest = self.segments.split_off(next);
                    self.delete(ctx, &rest)?;
                }
            }
        }
        let mut log_end_offset = None;
        if !self.segments.is_empty() {
            let end = self.end_of_last_segment(ctx)?;
            if end >= self.log_start_offset {
                log_end_offset = Some(end);
            } else {
                // Segments were lost: what is left lies before the start that was promised.
                let all = std::mem::take(&mut self.segments);
                self.delete(ctx, &all)?;
                self.epochs.clear(ctx)?;
                let mut producers = ProducerState::new(ctx, &self.directory, self.options)?;
                producers.truncate_fully(ctx, self.log_start_offset)?;
            }
        }
        if self.segments.is_empty() {
            let (segment, _) = Segment::open(ctx, &self.directory, self.log_start_offset, "")?;
            self.segments.push(segment);
        }
        Ok(match log_end_offset {
            Some(end) if self.options.clean => (end, end),
            // Recovery syncs nothing, so it does not advance the recovery point.
            Some(end) => (end, self.options.recovery_point.clamp(0, end)),
            None => (self.log_start_offset, self.options.recovery_point.clamp(0, self.log_start_offset)),
        })
    }

    /// Whether a segment begins behind the end of the one before it. Kafka does not ask: [`Hazard::HoleBetweenSegments`].
    /// In its compacted logs that would mean nothing; mended, the gaps of compaction lie inside segments (`Log::maybe_roll`,
    /// `Filter::upper_bound`).
    fn is_hole_before(&mut self, ctx: &mut Context, index: usize) -> StorageResult<bool> {
        let Some(base_offset) = self.segments.get(index).map(|segment| segment.base_offset) else { return Ok(false) };
        if !self.options.behaviour.mends(Hazard::HoleBetweenSegments) {
            return Ok(false);
        }
        let before = &self.segments[index - 1];
        Ok(before.read_next_offset(ctx)?.unwrap_or(before.base_offset) < base_offset)
    }

    /// Simplified: where a file is damaged behind a clean stop, Kafka fails to start the broker; here the
    /// last segment is then recovered as after an unclean one.
    fn end_of_last_segment(&mut self, ctx: &mut Context) -> StorageResult<Offset> {
        let last = self.segments.len() - 1;
        let in_range = |segment: &Segment, end: Offset| {
            end == segment.base_offset || relative_offset(segment.base_offset, end - 1).is_some()
        };
        if let Some(end) = self.segments[last].read_next_offset(ctx)?
            && in_range(&self.segments[last], end)
        {
            return Ok(end);
        }
        self.recover_segment(ctx, last)?;
        Ok(self.segments[last].read_next_offset(ctx)?.unwrap_or(self.segments[last].base_offset))
    }

    fn delete(&mut self, ctx: &mut Context, segments: &[Segment]) -> StorageResult<()> {
        let bases: Vec<Offset> = segments.iter().map(|segment| segment.base_offset).collect();
        self.dropped_bytes += segments.iter().map(|segment| segment.size).sum::<u64>();
        self.deleted.extend(rename_segments(ctx, &self.directory, bases.iter().copied())?);
        for base_offset in bases {
            let snapshot = files::path(&self.directory, base_offset, files::PRODUCER_SNAPSHOT);
            self.deleted.extend(mark_deleted(ctx, &snapshot)?);
        }
        Ok(())
    }

    /// Checks one segment and rebuilds its indexes; how many bytes were cut off its end.
    fn recover_segment(&mut self, ctx: &mut Context, index: usize) -> StorageResult<u64> {
        let mut producers = ProducerState::new(ctx, &self.directory, self.options)?;
        let base_offset = self.segments[index].base_offset;
        rebuild_producer_state(ctx, &mut producers, &self.segments, self.log_start_offset, base_offset, false)?;
        let valid_bytes = self.check_batches(ctx, index, &mut producers)?;
        let dropped = self.segments[index].drop_tail(ctx, valid_bytes)?;
        self.dropped_bytes += dropped;
        // So that the next segment's recovery need not read this one again.
        producers.take_snapshot(ctx, true)?;
        Ok(dropped)
    }

    /// Reads a segment from the front; how many bytes are good.
    fn check_batches(&mut self, ctx: &mut Context, index: usize, producers: &mut ProducerState) -> StorageResult<u64> {
        let keeps_bad_batches = self.options.behaviour.is(Switch::RecoveryKeepsTornTail);
        let segment = &mut self.segments[index];
        segment.reset_indexes(ctx)?;
        let mut scanner = BatchScanner::new(segment.log, 0, segment.size);
        let (mut valid_bytes, mut last_index_entry, mut expected) = (0, 0, segment.base_offset);
        while let Some(batch) = scanner.next_batch(ctx)? {
            // The checksum does not cover the base offset.
            // Simplified: Kafka does not look at it (`LogSegment.recover`): it would keep a batch whose offsets go
            // backwards, and split a segment in which one lies too far ahead (`ensureOffsetInRange`). Here it ends the log.
            let in_order = batch.base_offset() >= expected
                && batch.last_offset_delta() >= 0
                && relative_offset(segment.base_offset, batch.last_offset()).is_some();
            if !in_order || !(batch.is_valid() || keeps_bad_batches) {
                break;
            }
            if self.options.behaviour.mends(Hazard::TruncationReturns) && is_of_another_epoch(&self.epochs, &batch) {
                break;
            }
            let interval = self.settings.index_interval_bytes;
            segment.index_recovered(ctx, &batch, valid_bytes, &mut last_index_entry, interval)?;
            let epoch = batch.leader_epoch();
            if epoch.is_some() && self.epochs.latest().is_none_or(|latest| epoch > latest.leader_epoch) {
                self.epochs.assign(ctx, epoch, batch.base_offset())?;
            }
            replay_batch(ctx, segment, producers, &batch)?;
            valid_bytes = scanner.position();
            expected = batch.next_offset();
        }
        Ok(valid_bytes)
    }
}

/// Whether the epochs that are known say that another one wrote at a batch's offset: a power cut has brought back what was cut
/// off. Only an epoch behind all of them is news, of a record that came after they were last written.
fn is_of_another_epoch(epochs: &EpochCache, batch: &BatchView) -> bool {
    let epoch = batch.leader_epoch();
    let is_news = epochs.latest().is_none_or(|latest| epoch > latest.leader_epoch);
    !is_news && epochs.epoch_for_offset(batch.base_offset()).is_some_and(|known| epoch != known)
}

/// Lets a recovered batch act on producer state and transaction index.
fn replay_batch(
    ctx: &mut Context,
    segment: &mut Segment,
    producers: &mut ProducerState,
    batch: &BatchView,
) -> StorageResult<()> {
    if batch.producer_id().is_some() {
        let mut append = producers.prepare(batch.producer_id(), None, false);
        let completed = append.append(batch).ok().flatten();
        producers.update(append);
        if let Some(transaction) = completed {
            if transaction.aborted {
                let entry = AbortedTransactionEntry {
                    producer_id: transaction.producer_id,
                    first_offset: transaction.first_offset,
                    last_offset: transaction.last_offset,
                    last_stable_offset: producers.last_stable_offset_after(&transaction),
                };
                segment.transaction_index.append(ctx, entry)?;
            }
            producers.complete(&transaction);
        }
    }
    producers.set_map_end_offset(batch.next_offset());
    Ok(())
}

/// Brings producer state to `last_offset`: newest usable snapshot, then the log from there on.
///
/// Leaves snapshots at the last two segments' bases and at `last_offset`, so that a later truncation or
/// restart finds one nearby. After a clean stop without any snapshot there is nothing to rebuild from: the
/// state stays empty.
pub(crate) fn rebuild_producer_state(
    ctx: &mut Context,
    producers: &mut ProducerState,
    segments: &[Segment],
    log_start_offset: Offset,
    last_offset: Offset,
    after_clean_stop: bool,
) -> StorageResult<()> {
    let last_two = segments[segments.len().saturating_sub(2)..].iter().map(|segment| segment.base_offset);
    let snapshot_at: BTreeSet<Offset> = last_two.chain([last_offset]).collect();
    if after_clean_stop && producers.snapshot_offsets().is_empty() {
        for offset in snapshot_at {
            producers.set_map_end_offset(offset);
            producers.take_snapshot(ctx, true)?;
        }
        return Ok(());
    }
    let was_empty = producers.is_empty() && producers.map_end_offset() >= last_offset;
    producers.truncate_and_reload(ctx, log_start_offset, last_offset)?;
    // A state that was empty while it covered more than this stays empty when it covers less.
    if last_offset > producers.map_end_offset() && !was_empty {
        let first = floor_segment(segments, producers.map_end_offset()).unwrap_or(0);
        for segment in
            segments[first.min(segments.len())..].iter().take_while(|segment| segment.base_offset < last_offset)
        {
            let from = segment.base_offset.max(producers.map_end_offset()).max(log_start_offset);
            producers.set_map_end_offset(from);
            if snapshot_at.contains(&segment.base_offset) {
                producers.take_snapshot(ctx, true)?;
            }
            replay_segment(ctx, producers, segment, from, last_offset)?;
        }
    }
    producers.set_map_end_offset(last_offset);
    producers.take_snapshot(ctx, true)?;
    Ok(())
}

/// Lets the batches of [from, to) act on producer state.
fn replay_segment(
    ctx: &mut Context,
    producers: &mut ProducerState,
    segment: &Segment,
    from: Offset,
    to: Offset,
) -> StorageResult<()> {
    let (_, start) = segment.offset_index.lookup(from);
    let mut scanner = BatchScanner::new(segment.log, start, segment.size);
    let mut appends: BTreeMap<ProducerId, ProducerAppend> = BTreeMap::new();
    let mut completed: Vec<CompletedTransaction> = Vec::new();
    while let Some(batch) = scanner.next_batch(ctx)? {
        if batch.last_offset() >= to {
            break;
        }
        if batch.last_offset() < from || !batch.producer_id().is_some() {
            continue;
        }
        let append =
            appends.entry(batch.producer_id()).or_insert_with(|| producers.prepare(batch.producer_id(), None, false));
        completed.extend(append.append(&batch).ok().flatten());
    }
    for append in appends.into_values() {
        producers.update(append);
    }
    for transaction in &completed {
        producers.complete(transaction);
    }
    Ok(())
}
