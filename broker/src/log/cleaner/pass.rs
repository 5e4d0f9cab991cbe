//! One pass over one log, in steps of bounded work (`Cleaner.doClean`, `Cleaner.cleanSegments`).
//!
//! ```text
//!   Mapping ──▶ Copying a group of segments ──▶ written: to be synced ──synced()──▶ swapped ──▶ the next group … ──▶ done
//!      │               │
//!      ╰── a step reads half of log.cleaner.io.buffer.size at most
//! ```
//!
//! Between two steps the log may be appended to, and may roll: only closed segments are read. If one of these goes (a
//! truncation below the active segment, the topic's deletion), the pass must be given up: [`CleaningPass::abandon`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::candidates::millis;
use super::filter::{Filter, LastRecord};
use super::transactions::CleanedTransactions;
use super::{Dirt, OffsetMap};
use crate::config::{Hazard, LogManagerSettings, Switch};
use crate::context::Context;
use crate::event::{BatchFact, CleaningAbort, LogEvent};
use crate::ids::{Offset, ProducerId, TopicPartition};
use crate::log::scan::BatchScanner;
use crate::log::segment::Segment;
use crate::log::{FlushPlan, Log, batch_fact};
use crate::record::{BatchView, RecordError, batches};
use crate::storage::{StorageError, StorageResult};

/// Why a pass cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CleaningError {
    /// The disk failed: its directory goes offline.
    Storage(StorageError),
    /// What lies in a segment is not what Kafka writes: the partition is not cleaned any more until the next start.
    Corrupt,
}

impl From<StorageError> for CleaningError {
    fn from(error: StorageError) -> Self {
        CleaningError::Storage(error)
    }
}

impl From<RecordError> for CleaningError {
    fn from(_: RecordError) -> Self {
        CleaningError::Corrupt
    }
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CleaningProgress {
    /// There is more to do.
    Working,
    /// These files must be synced; then [`CleaningPass::synced`], and the next step.
    Written(FlushPlan),
    /// Everything below this offset is clean.
    Done {
        /// The offset.
        cleaned_to: Offset,
    },
}

/// What a pass, or a part of it, has read and kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CleaningStats {
    /// Records read while copying.
    pub records_read: u64,
    /// Those that stayed.
    pub records_kept: u64,
    /// Bytes read while copying.
    pub bytes_read: u64,
    /// Those written.
    pub bytes_kept: u64,
    /// Records without a key: they went.
    pub unkeyed: u64,
}

impl CleaningStats {
    fn add(&mut self, other: &CleaningStats) {
        self.records_read += other.records_read;
        self.records_kept += other.records_kept;
        self.bytes_read += other.bytes_read;
        self.bytes_kept += other.bytes_kept;
        self.unkeyed += other.unkeyed;
    }
}

/// One pass over one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CleaningPass {
    partition: TopicPartition,
    first_dirty_offset: Offset,
    first_uncleanable_offset: Offset,
    /// The wall clock at its beginning: what counts for horizons.
    now_ms: i64,
    /// How much is read in one step.
    step_bytes: u64,
    map: Arc<OffsetMap>,
    phase: Phase,
    stats: CleaningStats,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Reading the dirty part.
    Mapping {
        /// The segments that are still to be read, by base offset.
        segments: VecDeque<Offset>,
        /// Where the first of them is read next.
        position: Option<u64>,
        transactions: CleanedTransactions,
    },
    /// Writing new segments.
    Copying {
        /// The groups that are still to be copied, each into one segment.
        groups: VecDeque<Vec<Offset>>,
        transactions: CleanedTransactions,
        group: Option<Box<Group>>,
    },
}

/// Segments that are copied into one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Group {
    sources: Vec<Offset>,
    /// Which of them is being read, and where.
    source: usize,
    position: u64,
    cleaned: Segment,
    last_records: BTreeMap<ProducerId, LastRecord>,
    is_synced: bool,
    stats: CleaningStats,
    /// What was written, for the event.
    written: Vec<BatchFact>,
}

impl CleaningPass {
    /// Begins a pass over the range that `dirt` says.
    pub fn begin(ctx: &mut Context, log: &Log, dirt: &Dirt, settings: &LogManagerSettings) -> CleaningPass {
        let (start, end) = (dirt.first_dirty.offset, dirt.first_uncleanable_offset);
        let first = log.floor_segment(start).unwrap_or(0);
        let dirty = log.segments[first..].iter().map(|segment| segment.base_offset).take_while(|base| *base < end);
        let mut transactions = CleanedTransactions::default();
        transactions.add_aborted(log.collect_aborted(first, log.log_start_offset, end));
        ctx.emit(LogEvent::CleaningStarted {
            partition: log.partition.clone(),
            first_dirty_offset: start,
            first_uncleanable_offset: end,
            clean_bytes: dirt.clean_bytes,
            cleanable_bytes: dirt.cleanable_bytes,
        });
        CleaningPass {
            partition: log.partition.clone(),
            first_dirty_offset: start,
            first_uncleanable_offset: end,
            now_ms: ctx.now.wall.millis(),
            step_bytes: (settings.cleaner_io_buffer_size / 2).max(1) as u64,
            map: Arc::new(OffsetMap::new(OffsetMap::capacity_of(settings))),
            phase: Phase::Mapping { segments: dirty.collect(), position: None, transactions },
            stats: CleaningStats::default(),
        }
    }

    /// Whose log it cleans.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// What has been read and kept so far, in groups that are complete.
    pub fn stats(&self) -> &CleaningStats {
        &self.stats
    }

    /// Goes on. Not to be called between [`CleaningProgress::Written`] and [`CleaningPass::synced`].
    ///
    /// # Errors
    /// See [`CleaningError`]: the pass is over.
    pub fn step(&mut self, ctx: &mut Context, log: &mut Log) -> Result<CleaningProgress, CleaningError> {
        match &mut self.phase {
            Phase::Mapping { .. } => self.map_some(ctx, log),
            Phase::Copying { group: None, .. } => self.begin_group(ctx, log),
            Phase::Copying { group: Some(group), .. } if group.is_synced => self.swap(ctx, log),
            Phase::Copying { .. } => self.copy_some(ctx, log),
        }
    }

    /// What the last step wrote is on disk.
    pub fn synced(&mut self) {
        if let Phase::Copying { group: Some(group), .. } = &mut self.phase {
            group.is_synced = true;
        }
    }

    /// Gives the pass up, and removes what it was writing.
    ///
    /// # Errors
    /// The disk failed.
    pub fn abandon(self, ctx: &mut Context, log: &Log, reason: CleaningAbort) -> StorageResult<()> {
        ctx.emit(LogEvent::CleaningAborted { partition: self.partition.clone(), reason });
        match self.phase {
            Phase::Copying { group: Some(group), .. } => log.remove_cleaned_segment(ctx, group.cleaned.base_offset),
            Phase::Mapping { .. } | Phase::Copying { group: None, .. } => Ok(()),
        }
    }

    /// Reads some of the dirty part into the map.
    fn map_some(&mut self, ctx: &mut Context, log: &Log) -> Result<CleaningProgress, CleaningError> {
        let Phase::Mapping { segments, position, transactions } = &mut self.phase else {
            unreachable!("{}: asked while copying", self.partition);
        };
        let mut is_full = false;
        if let Some(base) = segments.front().copied() {
            let segment = source(log, base)?;
            let map = Arc::make_mut(&mut self.map);
            let from = position.unwrap_or_else(|| segment.offset_index.lookup(self.first_dirty_offset).1);
            let mut scanner = BatchScanner::new(segment.log, from, segment.size);
            while scanner.position() - from < self.step_bytes && !is_full {
                let Some(batch) = scanner.next_batch(ctx)? else { break };
                is_full = !map_batch(map, transactions, &batch, self.first_dirty_offset)?;
            }
            *position = Some(scanner.position());
            if !is_full && scanner.position() - from < self.step_bytes && !scanner.reached_end() {
                return Err(CleaningError::Corrupt);
            }
            if scanner.reached_end() && !is_full {
                segments.pop_front();
                *position = None;
                // What lies between the segment's last record and the next one's first was cleaned before.
                map.read_up_to(segments.front().copied().unwrap_or(self.first_uncleanable_offset) - 1);
            }
        }
        if is_full || segments.is_empty() {
            let groups = self.group_segments(log);
            let transactions = CleanedTransactions::default();
            self.phase = Phase::Copying { groups, transactions, group: None };
        }
        Ok(CleaningProgress::Working)
    }

    /// Which segments become one (`groupSegmentsBySize`): together they are not larger than a segment, and their offsets
    /// fit into one index.
    fn group_segments(&self, log: &Log) -> VecDeque<Vec<Offset>> {
        let end = self.cleaned_to();
        let segments: Vec<&Segment> = log.segments.iter().take_while(|segment| segment.base_offset < end).collect();
        let (max_bytes, max_index) = (log.segment_bytes(), log.settings.segment_index_bytes.max(0) as u64);
        let sizes =
            |segment: &Segment| [segment.size, segment.offset_index.size_bytes(), segment.time_index.size_bytes()];
        let mut groups: VecDeque<Vec<Offset>> = VecDeque::new();
        let mut total = [0; 3];
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1).map_or(self.first_uncleanable_offset, |next| next.base_offset);
            let own = sizes(segment);
            let sum = [total[0] + own[0], total[1] + own[1], total[2] + own[2]];
            let fits = |group: &Vec<Offset>| {
                sum[0] <= max_bytes
                    && sum[1] <= max_index
                    && sum[2] <= max_index
                    && (own[0] == 0 || next - 1 - group[0] <= i64::from(i32::MAX))
            };
            match groups.back_mut().filter(|group| fits(group)) {
                Some(group) => {
                    group.push(segment.base_offset);
                    total = sum;
                }
                None => {
                    groups.push_back(vec![segment.base_offset]);
                    total = own;
                }
            }
        }
        groups
    }

    fn cleaned_to(&self) -> Offset {
        self.map.latest_offset() + 1
    }

    fn begin_group(&mut self, ctx: &mut Context, log: &Log) -> Result<CleaningProgress, CleaningError> {
        let Phase::Copying { groups, transactions, group } = &mut self.phase else {
            unreachable!("{}: asked while mapping", self.partition);
        };
        let Some(sources) = groups.pop_front() else {
            let cleaned_to = self.cleaned_to();
            ctx.emit(LogEvent::CleaningCompleted {
                partition: self.partition.clone(),
                from: self.first_dirty_offset,
                cleaned_to,
                keys: self.map.len() as u64,
                records_read: self.stats.records_read,
                records_kept: self.stats.records_kept,
                bytes_read: self.stats.bytes_read,
                bytes_kept: self.stats.bytes_kept,
            });
            return Ok(CleaningProgress::Done { cleaned_to });
        };
        let begun = Group {
            source: 0,
            position: 0,
            cleaned: log.create_cleaned_segment(ctx, sources[0])?,
            last_records: last_records(log),
            is_synced: false,
            stats: CleaningStats::default(),
            written: Vec::new(),
            sources,
        };
        begun.enter_source(ctx, log, transactions)?;
        *group = Some(Box::new(begun));
        Ok(CleaningProgress::Working)
    }

    /// Copies some of the group.
    fn copy_some(&mut self, ctx: &mut Context, log: &Log) -> Result<CleaningProgress, CleaningError> {
        let Phase::Copying { transactions, group: Some(group), .. } = &mut self.phase else {
            unreachable!("{}: asked without a group", self.partition);
        };
        let end = match log.behaviour.mends(Hazard::HoleBetweenSegments) {
            true => log.end_of_segment(group.sources[group.sources.len() - 1]),
            false => self.first_uncleanable_offset,
        };
        let filter = Filter {
            map: &self.map,
            last_records: &group.last_records,
            now_ms: self.now_ms,
            delete_retention_ms: millis(log.settings.delete_retention),
            upper_bound: (!log.behaviour.is(Switch::CleanerDropsLastBatch)).then_some(end),
            goes_by_timestamps: log.behaviour.is(Switch::LegacyTombstoneHorizon),
        };
        let segment = source(log, group.sources[group.source])?;
        let mut scanner = BatchScanner::new(segment.log, group.position, segment.size);
        let mut out = Vec::new();
        while scanner.position() - group.position < self.step_bytes {
            let Some(batch) = scanner.next_batch(ctx)? else { break };
            let is_spent = if batch.is_control() {
                let fate = transactions.on_control(&batch)?;
                if let Some(entry) = fate.aborted {
                    group.cleaned.transaction_index.append(ctx, entry)?;
                }
                fate.is_spent
            } else {
                transactions.on_data(&batch)
            };
            let filtered = filter.apply(&batch, is_spent)?;
            group.stats.add(&CleaningStats {
                records_read: u64::try_from(batch.count()).unwrap_or(0),
                records_kept: filtered.records_kept,
                bytes_read: batch.size() as u64,
                bytes_kept: filtered.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
                unkeyed: filtered.unkeyed,
            });
            out.extend_from_slice(filtered.bytes.as_deref().unwrap_or_default());
        }
        let is_short = scanner.position() - group.position < self.step_bytes;
        if is_short && !scanner.reached_end() {
            return Err(CleaningError::Corrupt);
        }
        group.position = scanner.position();
        group.write(ctx, &out.into(), log.settings.index_interval_bytes)?;
        if !scanner.reached_end() {
            return Ok(CleaningProgress::Working);
        }
        (group.source, group.position) = (group.source + 1, 0);
        if group.source < group.sources.len() {
            group.enter_source(ctx, log, transactions)?;
            return Ok(CleaningProgress::Working);
        }
        group.cleaned.close_time_index(ctx)?;
        Ok(CleaningProgress::Written(FlushPlan { files: group.cleaned.files(), ..FlushPlan::default() }))
    }

    /// The group's segment takes its place in the log.
    fn swap(&mut self, ctx: &mut Context, log: &mut Log) -> Result<CleaningProgress, CleaningError> {
        let Phase::Copying { group, .. } = &mut self.phase else {
            unreachable!("{}: asked while mapping", self.partition);
        };
        let mut group = group.take().expect("there is a group");
        group.cleaned.taken_as_synced();
        let base_offset = group.cleaned.base_offset;
        let last = group.sources[group.sources.len() - 1];
        let end_offset = log.end_of_segment(last);
        // Where no record is left, retention goes by the file: cleaning must not make it young.
        let modified = ctx.storage.modified(source(log, last)?.log)?;
        ctx.storage.set_modified(group.cleaned.log, modified)?;
        log.replace_segments(ctx, group.cleaned, &group.sources)?;
        self.stats.add(&group.stats);
        ctx.emit(LogEvent::SegmentsCompacted {
            partition: self.partition.clone(),
            base_offset,
            end_offset,
            segments: group.sources,
            records_read: group.stats.records_read,
            records_kept: group.stats.records_kept,
            bytes_read: group.stats.bytes_read,
            bytes_kept: group.stats.bytes_kept,
            batches: group.written,
        });
        Ok(CleaningProgress::Working)
    }
}

impl Group {
    /// Learns which transactions the next source holds that were aborted.
    fn enter_source(
        &self,
        ctx: &mut Context,
        log: &Log,
        transactions: &mut CleanedTransactions,
    ) -> Result<(), CleaningError> {
        let base = self.sources[self.source];
        let segment = source(log, base)?;
        let upper = match self.sources.get(self.source + 1) {
            Some(next) => *next,
            None => segment.read_next_offset(ctx)?.ok_or(CleaningError::Corrupt)?,
        };
        let index = log.floor_segment(base).unwrap_or(0);
        transactions.add_aborted(log.collect_aborted(index, log.log_start_offset, upper));
        Ok(())
    }

    fn write(&mut self, ctx: &mut Context, bytes: &bytes::Bytes, index_interval_bytes: i32) -> StorageResult<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let kept: Vec<BatchView> = batches(bytes).map(|batch| batch.expect("just written")).collect();
        let headers = kept.iter().map(|batch| *batch.header());
        self.cleaned.append(ctx, bytes, headers, index_interval_bytes)?;
        self.written.extend(kept.iter().map(batch_fact));
        Ok(())
    }
}

/// A closed segment that the pass reads.
fn source(log: &Log, base_offset: Offset) -> Result<&Segment, CleaningError> {
    let index = log.floor_segment(base_offset).filter(|index| log.segments[*index].base_offset == base_offset);
    let index = index.unwrap_or_else(|| panic!("{}: segment {base_offset} went during a pass", log.partition));
    Ok(&log.segments[index])
}

/// Reads a batch into the map; `false` if the map is full.
fn map_batch(
    map: &mut OffsetMap,
    transactions: &mut CleanedTransactions,
    batch: &BatchView,
    from: Offset,
) -> Result<bool, CleaningError> {
    let is_data = if batch.is_control() {
        transactions.on_control(batch)?;
        false
    } else {
        !transactions.on_data(batch)
    };
    // What was aborted must not outdate what was committed.
    if is_data {
        for record in batch.records()? {
            if let Some(key) = record.key.filter(|_| record.offset >= from)
                && !map.put(key, record.offset)
            {
                return Ok(false);
            }
        }
    }
    if batch.last_offset() >= from {
        map.read_up_to(batch.last_offset());
    }
    Ok(true)
}

/// The last that the log knows of each producer.
fn last_records(log: &Log) -> BTreeMap<ProducerId, LastRecord> {
    let known = log.producers.producers().iter();
    known
        .map(|(id, entry)| {
            let last_data_offset = entry.batches.back().map(|batch| batch.last_offset);
            (*id, LastRecord { last_data_offset, producer_epoch: entry.producer_epoch })
        })
        .collect()
}
