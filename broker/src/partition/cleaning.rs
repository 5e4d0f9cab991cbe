//! The cleaner: one pass after another over the filthiest compacted log (`LogCleaner.CleanerThread`, `LogCleanerManager`).
//!
//! ```text
//!   every log.cleaner.backoff.ms   which log is the filthiest? none: wait again
//!        │
//!        ▼
//!   pass ── a step ── 1 ms ── a step ── … ── files to be synced ──(the world syncs)── a step ── …
//!        │
//!        ▼
//!   cleaner-offset-checkpoint, then the next log at once
//!   and each time: what lies before a compacted log's start goes, and what retention no longer wants
//! ```
//!
//! In Kafka a thread does this beside those that serve clients. Here it works in the data lane, which owns the logs, a
//! bounded step at a time; what it has written is synced in the background, so that the lane does not wait for it.
//!
//! Simplified: one cleaner thread (`log.cleaner.threads`), and no limit on its reading and writing
//! (`log.cleaner.io.max.bytes.per.second`); but a healthy disk costs no time here, so a step is followed by a pause of a
//! millisecond. The checkpoint is read once, when the logs are loaded, and not before every pass.
//!
//! Simplified: a broker without a compacted log does not look for one, in order not to wake up for nothing; the instants
//! at which it would have looked are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::manager::{Hosted, ReplicaManager};
use super::output::PartitionOutput;
use super::periodic::next_phase;
use crate::context::Context;
use crate::event::CleaningAbort;
use crate::ids::{DirectoryId, Offset, TopicPartition};
use crate::log::checkpoint::FIRST_DIRTY_OFFSETS;
use crate::log::{CleaningError, CleaningPass, CleaningProgress, Dirt, Log};
use crate::storage::{StorageError, StorageResult};
use crate::time::Time;

/// Between two steps of a pass.
const PACE: Duration = Duration::from_millis(1);

/// What the cleaner knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cleaner {
    /// When it last looked for something to do, or began to live; none before the logs are loaded.
    looked: Option<Time>,
    /// When it goes on; none while there is no compacted log, and while it waits for a flush.
    next_step: Option<Time>,
    pass: Option<Running>,
    /// Where the last pass over each log ended: what `cleaner-offset-checkpoint` says.
    first_dirty: BTreeMap<DirectoryId, BTreeMap<TopicPartition, Offset>>,
    /// Logs that could not be read: they are left alone until the next start.
    uncleanable: BTreeSet<TopicPartition>,
}

/// A pass under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Running {
    pass: CleaningPass,
    directory: DirectoryId,
    /// [`Log::cuts`] at its beginning.
    cuts: u64,
    /// Whether its topic was set to be compacted no more since, even if it is again.
    is_called_off: bool,
    /// The flush that it waits for.
    awaits: Option<u64>,
}

impl Cleaner {
    /// When it goes on.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.next_step
    }

    /// The partition whose log is being cleaned.
    pub fn cleaning(&self) -> Option<&TopicPartition> {
        self.pass.as_ref().map(|running| running.pass.partition())
    }

    /// Logs that could not be read, and are left alone until the next start.
    pub fn uncleanable(&self) -> &BTreeSet<TopicPartition> {
        &self.uncleanable
    }

    /// Where the last pass over a log ended.
    pub fn first_dirty(&self, directory: DirectoryId, name: &TopicPartition) -> Option<Offset> {
        self.first_dirty.get(&directory)?.get(name).copied()
    }

    /// A topic's `cleanup.policy` asks for no compaction any more: the pass over this log ends before its next step
    /// (`LogManager.updateTopicConfig`).
    pub(super) fn call_off(&mut self, name: &TopicPartition) {
        if let Some(running) = self.pass.as_mut().filter(|running| running.pass.partition() == name) {
            running.is_called_off = true;
        }
    }

    /// The directory works no more.
    pub(super) fn directory_failed(&mut self, directory: DirectoryId) {
        self.first_dirty.remove(&directory);
        if self.pass.as_ref().is_some_and(|running| running.directory == directory) {
            self.pass = None;
            self.next_step = self.looked;
        }
    }

    /// The process ends: what a pass has written so far is found, and removed, by the next start.
    pub(super) fn stop(&mut self) {
        *self = Cleaner::default();
    }
}

impl ReplicaManager {
    /// The cleaner.
    pub fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }

    /// Takes in a directory's `cleaner-offset-checkpoint`.
    pub(super) fn load_first_dirty(&mut self, directory: DirectoryId, offsets: BTreeMap<TopicPartition, Offset>) {
        self.cleaner.first_dirty.insert(directory, offsets);
    }

    /// The logs are loaded.
    pub(super) fn start_cleaner(&mut self, ctx: &Context) {
        self.cleaner.looked = Some(ctx.now.monotonic);
        self.wake_cleaner(ctx);
    }

    /// Logs have come or gone, or were set otherwise: there may be something to clean.
    pub(super) fn wake_cleaner(&mut self, ctx: &Context) {
        let Some(looked) = self.cleaner.looked.filter(|_| self.config.log_manager.cleaner_enable) else { return };
        if self.cleaner.pass.is_none() {
            let backoff = self.config.log_manager.cleaner_backoff;
            let due = self.cleaner.next_step.unwrap_or_else(|| next_phase(looked, backoff, ctx.now.monotonic));
            self.cleaner.next_step = self.has_compacted_log().then_some(due);
        }
    }

    fn has_compacted_log(&self) -> bool {
        self.partitions.values().filter_map(Hosted::online).any(|partition| is_compacted(&partition.log))
    }

    /// One step of the cleaner, if it is due.
    pub(super) fn run_cleaner(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        if self.cleaner.next_step.is_none_or(|due| due > now) {
            return;
        }
        self.cleaner.next_step = None;
        match self.cleaner.pass.take() {
            Some(running) => self.continue_pass(ctx, running),
            None => self.look_for_dirt(ctx),
        }
        self.settle(ctx);
    }

    /// Begins a pass over the filthiest log, if one is filthy enough (`grabFilthiestCompactedLog`).
    fn look_for_dirt(&mut self, ctx: &mut Context) {
        self.cleaner.looked = Some(ctx.now.monotonic);
        let mut filthiest: Option<(TopicPartition, Dirt)> = None;
        for name in self.cleanable_logs() {
            let Some(dirt) = self.dirt_of(ctx, &name) else { continue };
            if filthiest.as_ref().is_none_or(|(_, most)| dirt.cmp_ratio(most).is_gt()) {
                filthiest = Some((name, dirt));
            }
        }
        match filthiest {
            Some((name, dirt)) => self.begin_pass(ctx, &name, &dirt),
            None => {
                self.delete_in_compacted_logs(ctx);
                self.wake_after(ctx, self.config.log_manager.cleaner_backoff.max(PACE));
            }
        }
    }

    /// The compacted logs that are not known to be unreadable.
    fn cleanable_logs(&self) -> Vec<TopicPartition> {
        let online = self.partitions.iter().filter_map(|(name, hosted)| Some((name, hosted.online()?)));
        let cleanable = online
            .filter(|(name, partition)| is_compacted(&partition.log) && !self.cleaner.uncleanable.contains(*name));
        cleanable.map(|(name, _)| name.clone()).collect()
    }

    /// What there is to clean in a compacted log, if it is worth a pass.
    fn dirt_of(&mut self, ctx: &mut Context, name: &TopicPartition) -> Option<Dirt> {
        let Some(Hosted::Online(partition)) = self.partitions.get_mut(name) else { return None };
        let directory = partition.directory;
        match partition.log.dirt(ctx, self.cleaner.first_dirty(directory, name)) {
            Ok(dirt) => {
                let min_ratio = partition.log.settings().min_cleanable_dirty_ratio;
                if dirt.first_dirty.was_invalid {
                    self.checkpoint_first_dirty(ctx, directory, name, Some(dirt.first_dirty.offset));
                }
                Some(dirt).filter(|dirt| dirt.is_worth_cleaning(min_ratio))
            }
            Err(_) => {
                self.note_failure(name);
                None
            }
        }
    }

    fn begin_pass(&mut self, ctx: &mut Context, name: &TopicPartition, dirt: &Dirt) {
        let Some(partition) = self.partition(name) else { return };
        let pass = CleaningPass::begin(ctx, &partition.log, dirt, &self.config.log_manager);
        let (directory, cuts) = (partition.directory, partition.log.cuts());
        self.cleaner.pass = Some(Running { pass, directory, cuts, is_called_off: false, awaits: None });
        self.wake_after(ctx, PACE);
    }

    fn continue_pass(&mut self, ctx: &mut Context, mut running: Running) {
        let name = running.pass.partition().clone();
        let Some(Hosted::Online(partition)) = self.partitions.get_mut(&name) else {
            return self.wake_after(ctx, PACE);
        };
        if partition.log.cuts() != running.cuts {
            return self.give_up(ctx, running, CleaningAbort::Truncated);
        }
        if running.is_called_off {
            return self.give_up(ctx, running, CleaningAbort::NotCompacted);
        }
        match running.pass.step(ctx, &mut partition.log) {
            Ok(CleaningProgress::Working) => {
                self.cleaner.pass = Some(running);
                self.after_truncation(&name);
                self.wake_after(ctx, PACE);
            }
            Ok(CleaningProgress::Written(plan)) => {
                let token = self.next_token;
                self.next_token += 1;
                running.awaits = Some(token);
                self.cleaner.pass = Some(running);
                self.outbox.push(PartitionOutput::Flush { token, plan });
            }
            Ok(CleaningProgress::Done { cleaned_to }) => {
                self.checkpoint_first_dirty(ctx, running.directory, &name, Some(cleaned_to));
                self.delete_in_compacted_logs(ctx);
                self.wake_after(ctx, PACE);
            }
            Err(CleaningError::Corrupt) => {
                self.cleaner.uncleanable.insert(name);
                self.give_up(ctx, running, CleaningAbort::Corrupt);
            }
            Err(CleaningError::Storage(_)) => {
                self.note_failure(&name);
                self.wake_after(ctx, PACE);
            }
        }
    }

    /// The answer to a flush that a pass asked for: of this one, or of one that was given up.
    pub(super) fn cleaned_segment_flushed(&mut self, ctx: &Context, token: u64, result: StorageResult<()>) {
        let Some(running) = self.cleaner.pass.as_mut().filter(|running| running.awaits == Some(token)) else { return };
        running.awaits = None;
        match result {
            Ok(()) => running.pass.synced(),
            // Nobody else removes its files: the directory is gone.
            Err(StorageError::NotFound | StorageError::InputOutput | StorageError::NoSpace) => {
                let directory = running.directory;
                self.failures.insert(directory);
            }
        }
        self.wake_after(ctx, PACE);
    }

    fn give_up(&mut self, ctx: &mut Context, running: Running, reason: CleaningAbort) {
        let name = running.pass.partition().clone();
        if let Some(Hosted::Online(partition)) = self.partitions.get(&name)
            && running.pass.abandon(ctx, &partition.log, reason).is_err()
        {
            self.note_failure(&name);
        }
        let pause = match reason {
            CleaningAbort::Truncated | CleaningAbort::Removed | CleaningAbort::NotCompacted => PACE,
            // A turn that ends in an error cleans nothing (`LogCleaner.tryCleanFilthiestLog`).
            CleaningAbort::Corrupt => self.config.log_manager.cleaner_backoff.max(PACE),
        };
        self.wake_after(ctx, pause);
    }

    /// A partition is about to go: nothing of it is cleaned any more, and the checkpoint forgets it.
    pub(super) fn stop_cleaning(&mut self, ctx: &mut Context, name: &TopicPartition) {
        if let Some(running) = self.cleaner.pass.take_if(|running| running.pass.partition() == name) {
            self.give_up(ctx, running, CleaningAbort::Removed);
        }
        self.cleaner.uncleanable.remove(name);
        let Some(directory) = self.partition(name).map(|partition| partition.directory) else { return };
        if self.cleaner.first_dirty(directory, name).is_some() {
            self.checkpoint_first_dirty(ctx, directory, name, None);
        }
    }

    /// A log was cut: what is written from there on is dirty again (`maybeTruncateCheckpoint`).
    pub(super) fn lower_first_dirty(&mut self, ctx: &mut Context, name: &TopicPartition) {
        let Some(partition) = self.partition(name).filter(|partition| is_compacted(&partition.log)) else { return };
        let (directory, active) = (partition.directory, partition.log.active_segment_base_offset());
        if self.cleaner.first_dirty(directory, name).is_some_and(|offset| offset > active) {
            self.checkpoint_first_dirty(ctx, directory, name, Some(active));
        }
    }

    /// Writes `cleaner-offset-checkpoint` with one entry changed, or without it.
    fn checkpoint_first_dirty(
        &mut self,
        ctx: &mut Context,
        directory: DirectoryId,
        name: &TopicPartition,
        offset: Option<Offset>,
    ) {
        let offsets = self.cleaner.first_dirty.entry(directory).or_default();
        match offset {
            Some(offset) => offsets.insert(name.clone(), offset),
            None => offsets.remove(name),
        };
        let hosted = |(name, _): &(&TopicPartition, &Offset)| self.partitions.contains_key(*name);
        let offsets = offsets.iter().filter(hosted).map(|(name, offset)| (name.clone(), *offset)).collect();
        self.write_checkpoint(ctx, directory, FIRST_DIRTY_OFFSETS, &offsets);
    }

    /// Retention of compacted logs: with the cleaner, so that both never work on one log at a time.
    fn delete_in_compacted_logs(&mut self, ctx: &mut Context) {
        for name in self.cleanable_logs() {
            self.delete_old_segments(ctx, &name);
        }
    }

    fn wake_after(&mut self, ctx: &Context, pause: Duration) {
        let is_needed = self.cleaner.pass.is_some() || self.has_compacted_log();
        self.cleaner.next_step = is_needed.then(|| ctx.now.monotonic + pause);
    }
}

/// Whether the cleaner looks after a log.
pub(super) fn is_compacted(log: &Log) -> bool {
    log.settings().cleanup_policy.compacts
}
