//! The log as a value: what it holds, and what can be asked of it without touching the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use super::epoch_cache::EpochCache;
use super::producer_state::ProducerState;
use super::segment::Segment;
use super::{EpochEndOffset, EpochEntry, LoadOptions, loader};
use crate::config::{Behaviour, LogSettings, Switch};
use crate::context::Context;
use crate::event::LogEvent;
use crate::ids::{LeaderEpoch, Offset, TopicPartition};
use crate::storage::StorageResult;
use crate::time::Time;

/// One partition's log.
///
/// `log_start_offset ≤ high_watermark ≤ log_end_offset`; `recovery_point ≤ log_end_offset`;
/// the segments' base offsets rise and there is always at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    pub(crate) partition: TopicPartition,
    pub(crate) directory: Arc<str>,
    pub(crate) settings: Arc<LogSettings>,
    pub(crate) behaviour: Arc<Behaviour>,
    /// In order of base offset; the last one is active.
    pub(crate) segments: Vec<Segment>,
    pub(crate) log_start_offset: Offset,
    pub(crate) log_end_offset: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) recovery_point: Offset,
    pub(crate) epochs: EpochCache,
    pub(crate) producers: ProducerState,
    /// Files under their `.deleted` names, and when to remove them.
    pub(crate) deletions: VecDeque<(Time, Vec<String>)>,
    /// When the epoch file is to be written after a truncation: at the next opportunity.
    pub(crate) epoch_write_due: Option<Time>,
    /// A roll asked for a flush of everything below this.
    pub(crate) flush_requested: Option<Offset>,
    /// The lowest truncation since the last flush was handed out: what lies beyond was written after it.
    pub(crate) truncated_since_flush: Option<Offset>,
    /// How often whole segments were cut off its end.
    pub(crate) cuts: u64,
}

impl Log {
    /// Opens (and recovers) the log in `directory`; creates directory and first segment when absent.
    ///
    /// The high watermark begins at the log start: the owner sets it from its checkpoint.
    ///
    /// # Errors
    /// The disk failed, or `leader-epoch-checkpoint` is malformed (Kafka takes the directory offline for that too).
    pub fn load(
        ctx: &mut Context,
        partition: TopicPartition,
        directory: &str,
        settings: &LogSettings,
        options: LoadOptions,
    ) -> StorageResult<Log> {
        let result = loader::load(ctx, partition, directory, settings, options);
        if let Err(error) = &result {
            ctx.emit(LogEvent::StorageFailed { path: directory.to_owned(), error: *error });
        }
        result
    }

    /// Whose log.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Its directory's path.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Its settings.
    pub fn settings(&self) -> &LogSettings {
        &self.settings
    }

    /// Takes new settings (topic config changed).
    pub fn update_settings(&mut self, settings: &LogSettings) {
        if *self.settings != *settings {
            self.settings = Arc::new(settings.clone());
        }
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// What is committed lies below.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// What read_committed consumers may see lies below.
    pub fn last_stable_offset(&self) -> Offset {
        match self.first_unstable_offset() {
            Some(first_unstable) if first_unstable < self.high_watermark => first_unstable,
            None if self.behaviour.is(Switch::LastStableOffsetIgnoresHighWatermark) => self.log_end_offset,
            _ => self.high_watermark,
        }
    }

    /// Where the first transaction begins that is open, or whose end is not replicated yet.
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        self.producers.first_unstable_offset().map(|offset| offset.max(self.log_start_offset))
    }

    /// What is certainly on disk lies below.
    pub fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// The last epoch of the cache.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest().map(|entry| entry.leader_epoch)
    }

    /// The epoch cache.
    pub fn epoch_entries(&self) -> &[EpochEntry] {
        self.epochs.entries()
    }

    /// Whether a truncation has changed the epoch cache and `leader-epoch-checkpoint` has not been written since: it
    /// then holds entries too many, never too few.
    pub fn epochs_are_to_be_written(&self) -> bool {
        self.epochs.write_pending
    }

    /// Where `epoch` ends here; `None` is Kafka's (−1, −1).
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<EpochEndOffset> {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// The epoch of the record at `offset`, by the cache.
    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_for_offset(offset)
    }

    /// Notes that `epoch` begins at `start_offset`; on disk, synced, when this returns.
    ///
    /// # Errors
    /// The disk failed.
    pub fn assign_epoch(&mut self, ctx: &mut Context, epoch: LeaderEpoch, start_offset: Offset) -> StorageResult<()> {
        if self.behaviour.is(Switch::EpochsNotCheckpointed) {
            self.epochs.insert(EpochEntry { leader_epoch: epoch, start_offset });
            return Ok(());
        }
        let result = self.epochs.assign(ctx, epoch, start_offset);
        self.reported(ctx, result)
    }

    /// How often whole segments were cut off its end since it was opened: whoever reads closed segments over several steps
    /// must then stop.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// The base offset of the first segment.
    pub fn first_segment_base_offset(&self) -> Offset {
        self.segments[0].base_offset
    }

    /// The base offset of the active segment.
    pub fn active_segment_base_offset(&self) -> Offset {
        self.segments[self.segments.len() - 1].base_offset
    }

    /// The base offsets and sizes of the segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = (Offset, u64)> + '_ {
        self.segments.iter().map(|segment| (segment.base_offset, segment.size))
    }

    /// The size of all segments' `.log` files in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Producers and transactions.
    pub fn producer_state(&self) -> &ProducerState {
        &self.producers
    }

    /// Whether the log holds no record.
    pub fn is_empty(&self) -> bool {
        self.log_start_offset == self.log_end_offset
    }

    /// Raises the high watermark (leader), clamped into [log start, log end]; `Some((from, to))` if it rose.
    pub fn update_high_watermark(&mut self, ctx: &mut Context, high_watermark: Offset) -> Option<(Offset, Offset)> {
        if high_watermark <= self.high_watermark {
            return None;
        }
        self.set_follower_high_watermark(ctx, high_watermark)
    }

    /// Sets the high watermark (follower, load), clamped into [log start, log end]; may go down.
    pub fn set_follower_high_watermark(
        &mut self,
        _ctx: &mut Context,
        high_watermark: Offset,
    ) -> Option<(Offset, Offset)> {
        let from = self.high_watermark;
        self.high_watermark = high_watermark.clamp(self.log_start_offset, self.log_end_offset);
        self.producers.on_high_watermark(self.high_watermark);
        (self.high_watermark != from).then_some((from, self.high_watermark))
    }

    /// The value for the log-start checkpoint: only logs whose start lies behind the first segment's base are listed.
    pub fn log_start_to_checkpoint(&self) -> Option<Offset> {
        (self.log_start_offset > self.first_segment_base_offset()).then_some(self.log_start_offset)
    }

    /// Checks what must hold between the fields.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_invariants(&self) {
        assert!(
            self.log_start_offset <= self.high_watermark && self.high_watermark <= self.log_end_offset,
            "{}: log start {} ≤ high watermark {} ≤ log end {}",
            self.partition,
            self.log_start_offset,
            self.high_watermark,
            self.log_end_offset
        );
        assert!(
            self.recovery_point <= self.log_end_offset,
            "{}: recovery point {} ≤ log end {}",
            self.partition,
            self.recovery_point,
            self.log_end_offset
        );
        assert!(
            self.segments.windows(2).all(|pair| pair[0].base_offset < pair[1].base_offset),
            "{}: the segments' base offsets rise",
            self.partition
        );
        assert!(
            self.first_segment_base_offset() <= self.log_start_offset
                && self.active_segment_base_offset() <= self.log_end_offset,
            "{}: segments {}..={} lie around log {}..{}",
            self.partition,
            self.first_segment_base_offset(),
            self.active_segment_base_offset(),
            self.log_start_offset,
            self.log_end_offset
        );
    }

    pub(crate) fn active(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log always has a segment")
    }

    /// The index of the segment that holds `offset`, if the log reaches back that far.
    pub(crate) fn floor_segment(&self, offset: Offset) -> Option<usize> {
        floor_segment(&self.segments, offset)
    }

    /// Where the segment that begins at `base_offset` ends: where the next one begins.
    pub(crate) fn end_of_segment(&self, base_offset: Offset) -> Offset {
        let next = self.segments.partition_point(|segment| segment.base_offset <= base_offset);
        self.segments.get(next).map_or(self.log_end_offset, |segment| segment.base_offset)
    }

    /// internal.segment.bytes beats segment.bytes.
    pub(crate) fn segment_bytes(&self) -> u64 {
        let bytes = match self.settings.internal_segment_bytes {
            0 => self.settings.segment_bytes,
            internal => internal,
        };
        bytes as u64
    }

    /// Says so when the disk failed.
    pub(crate) fn reported<T>(&self, ctx: &mut Context, result: StorageResult<T>) -> StorageResult<T> {
        if let Err(error) = &result {
            ctx.emit(LogEvent::StorageFailed { path: self.directory.to_string(), error: *error });
        }
        result
    }
}

/// The index of the last segment that begins at or before `offset`.
pub(crate) fn floor_segment(segments: &[Segment], offset: Offset) -> Option<usize> {
    segments.partition_point(|segment| segment.base_offset <= offset).checked_sub(1)
}
