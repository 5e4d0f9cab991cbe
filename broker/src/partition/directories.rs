//! Log directories: their checkpoints, their failure, and how they are closed (`LogManager`).
//!
//! ```text
//!   stop:  fetchers end, parked requests are forgotten
//!          high watermarks are checkpointed                  so that the next start knows what was committed
//!          each log: producer snapshot, flush, close         recovery point = log end offset
//!          each directory whose logs all closed:
//!             recovery points, log starts, clean-shutdown file with the broker epoch (KIP-966)
//! ```
//!
//! When a disk operation fails, its directory is offline until the process is started
//! again (KIP-112): its partitions answer KAFKA_STORAGE_ERROR, and the controller is told.
//!
//! Simplified: the controller is not told which directory a partition was put in
//! (AssignReplicasToDirs, KIP-858); with one directory a broker it knows. Replicas are not
//! moved between directories.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::loading::Loading;
use super::local_partition::Partition;
use super::manager::{Hosted, LogDirectory, ReplicaManager};
use super::output::PartitionOutput;
use crate::config::Switch;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{BrokerEpoch, DirectoryId, Offset, TopicPartition};
use crate::log::checkpoint::{self, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS};
use crate::log::{Log, clean_shutdown};

/// One log directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DirectoryState {
    /// Its path.
    pub path: String,
    /// Its id.
    pub id: DirectoryId,
    /// Whether it works.
    pub online: bool,
    /// Whether its logs were closed in order the last time.
    pub started_clean: bool,
    /// Whether all its logs have been loaded: only then may the next stop count as clean.
    pub loaded_all: bool,
}

impl DirectoryState {
    pub(super) fn new(directory: &LogDirectory) -> DirectoryState {
        DirectoryState {
            path: directory.path.clone(),
            id: directory.id,
            online: directory.is_usable,
            started_clean: false,
            loaded_all: false,
        }
    }
}

/// High watermarks as they were at the last checkpoint, read when a partition is created and only then.
pub(super) type HighWatermarkCheckpoints = BTreeMap<DirectoryId, BTreeMap<TopicPartition, Offset>>;

impl ReplicaManager {
    /// The log directories.
    pub fn directories(&self) -> &[DirectoryState] {
        &self.directories
    }

    fn path_of(&self, id: DirectoryId) -> Option<String> {
        self.directories.iter().find(|directory| directory.id == id && directory.online).map(|d| d.path.clone())
    }

    /// Where to put a new partition: where the controller says, else where the fewest are.
    pub(super) fn choose_directory(&self, assigned: DirectoryId) -> Option<(DirectoryId, String)> {
        if let Some(path) = self.path_of(assigned) {
            return Some((assigned, path));
        }
        let is_reserved = [DirectoryId::UNASSIGNED, DirectoryId::MIGRATING, DirectoryId::LOST].contains(&assigned);
        if !is_reserved && self.directories.iter().any(|directory| !directory.online) {
            // The log may exist, in a directory that failed.
            return None;
        }
        let count = |id: DirectoryId| {
            self.partitions.values().filter_map(Hosted::online).filter(|partition| partition.directory == id).count()
        };
        self.directories
            .iter()
            .filter(|directory| directory.online)
            .min_by_key(|directory| count(directory.id))
            .map(|directory| (directory.id, directory.path.clone()))
    }

    /// The high watermark that the checkpoint has for a partition.
    pub(super) fn checkpointed_high_watermark(
        &mut self,
        ctx: &mut Context,
        checkpoints: &mut HighWatermarkCheckpoints,
        partition: &Partition,
    ) -> Option<Offset> {
        let directory = partition.directory;
        if let Entry::Vacant(vacant) = checkpoints.entry(directory) {
            let path = self.path_of(directory)?;
            match checkpoint::read_offsets(ctx, &path, HIGH_WATERMARKS) {
                Ok(offsets) => {
                    vacant.insert(offsets);
                }
                Err(_) => {
                    self.failures.insert(directory);
                    return None;
                }
            }
        }
        checkpoints.get(&directory)?.get(&partition.name).copied()
    }

    /// The logs of a directory.
    fn logs_in(&self, directory: DirectoryId) -> impl Iterator<Item = (&TopicPartition, &Log)> {
        let hosted = self.partitions.iter().filter_map(move |(name, hosted)| {
            let partition = hosted.online().filter(|partition| partition.directory == directory)?;
            Some((name, &partition.log))
        });
        let loaded = match &self.loading {
            Loading::Running(state) => Some(&state.loaded),
            Loading::NotStarted | Loading::Done => None,
        };
        let loaded = loaded.into_iter().flatten().filter(move |(_, loaded)| loaded.directory == directory);
        hosted.chain(loaded.map(|(name, loaded)| (name, &loaded.log)))
    }

    pub(super) fn write_checkpoint(
        &mut self,
        ctx: &mut Context,
        directory: DirectoryId,
        name: &str,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) {
        let Some(path) = self.path_of(directory) else { return };
        if checkpoint::write_offsets(ctx, &path, name, offsets).is_err() {
            self.failures.insert(directory);
        }
    }

    /// Writes the high watermarks of all directories that hold partitions.
    pub(super) fn checkpoint_high_watermarks(&mut self, ctx: &mut Context) {
        let mut by_directory: BTreeMap<DirectoryId, BTreeMap<TopicPartition, Offset>> = BTreeMap::new();
        for (name, partition) in self.partitions.iter().filter_map(|(name, hosted)| Some((name, hosted.online()?))) {
            let offsets = by_directory.entry(partition.directory).or_default();
            let log = &partition.log;
            let is_ahead = self.config.behaviour.is(Switch::HighWatermarkCheckpointAhead);
            offsets.insert(name.clone(), if is_ahead { log.log_end_offset() } else { log.high_watermark() });
        }
        for (directory, offsets) in by_directory {
            self.write_checkpoint(ctx, directory, HIGH_WATERMARKS, &offsets);
        }
    }

    /// Writes the recovery points of a directory.
    pub(super) fn checkpoint_recovery_points(&mut self, ctx: &mut Context, directory: DirectoryId) {
        let is_ahead = self.config.behaviour.is(Switch::RecoveryPointCheckpointAhead);
        let offset = |log: &Log| if is_ahead { log.log_end_offset() } else { log.recovery_point() };
        let offsets = self.logs_in(directory).map(|(name, log)| (name.clone(), offset(log))).collect();
        self.write_checkpoint(ctx, directory, RECOVERY_POINTS, &offsets);
    }

    /// Writes the log start offsets of a directory: only of logs that start inside their first segment.
    pub(super) fn checkpoint_log_starts(&mut self, ctx: &mut Context, directory: DirectoryId) {
        let is_ahead = self.config.behaviour.is(Switch::LogStartCheckpointAhead);
        let offset = |log: &Log| if is_ahead { Some(log.log_end_offset()) } else { log.log_start_to_checkpoint() };
        let offsets = self.logs_in(directory).filter_map(|(name, log)| Some((name.clone(), offset(log)?))).collect();
        self.write_checkpoint(ctx, directory, LOG_STARTS, &offsets);
    }

    /// The ids of the directories that work.
    pub fn online_directories(&self) -> Vec<DirectoryId> {
        self.directories.iter().filter(|directory| directory.online).map(|directory| directory.id).collect()
    }

    /// Renames a log's directory away; it is removed after a delay, so that readers of its files can finish.
    pub(super) fn discard_log(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        directory: DirectoryId,
        path: &str,
        delay: Duration,
    ) {
        let Some(parent) = self.path_of(directory) else { return };
        let renamed = format!("{parent}/{name}.{}-delete", ctx.choose_uuid().simple());
        match ctx.storage.rename(path, &renamed) {
            Ok(()) => {
                self.deletions.insert((ctx.now.monotonic + delay, directory, renamed));
            }
            Err(_) => {
                self.failures.insert(directory);
            }
        }
    }

    /// Takes a directory offline.
    pub(super) fn fail_directory(&mut self, ctx: &mut Context, id: DirectoryId) {
        let Some(directory) = self.directories.iter_mut().find(|directory| directory.id == id && directory.online)
        else {
            return;
        };
        directory.online = false;
        self.cleaner.directory_failed(id);
        let lost: Vec<TopicPartition> = self
            .partitions
            .iter()
            .filter(|(_, hosted)| hosted.online().is_some_and(|partition| partition.directory == id))
            .map(|(name, _)| name.clone())
            .collect();
        for name in lost {
            self.remove_from_fetchers(&name);
            if let Some(hosted) = self.partitions.get_mut(&name)
                && let Some(topic_id) = hosted.online().map(|partition| partition.topic_id)
            {
                *hosted = Hosted::Offline { topic_id };
                ctx.emit(PartitionEvent::ReplicaOffline { partition: name });
            }
        }
        if let Loading::Running(state) = &mut self.loading {
            state.loaded.retain(|_, loaded| loaded.directory != id);
        }
        self.deletions.retain(|(_, directory, _)| *directory != id);
        self.flushes.retain(|_, flush| flush.directory != id);
        self.close_idle_fetchers();
        self.outbox.push(PartitionOutput::DirectoryFailed { directory: id });
        if self.directories.iter().all(|directory| !directory.online) {
            self.outbox.push(PartitionOutput::AllDirectoriesFailed);
        }
    }

    /// Closes everything in order and says `LogsClosed`. Nothing may be asked of the manager afterwards.
    pub fn shut_down(&mut self, ctx: &mut Context, broker_epoch: BrokerEpoch) {
        self.cleaner.stop();
        self.fetchers.clear();
        self.produces.clear();
        self.fetches.clear();
        self.deletes.clear();
        self.checkpoint_high_watermarks(ctx);
        self.settle(ctx);
        for directory in self.online_directories() {
            if self.close_logs(ctx, directory) {
                self.checkpoint_recovery_points(ctx, directory);
                self.checkpoint_log_starts(ctx, directory);
                self.write_clean_shutdown(ctx, directory, broker_epoch);
            }
        }
        self.partitions.clear();
        self.loading = Loading::NotStarted;
        self.failures.clear();
        self.outbox.push(PartitionOutput::LogsClosed);
    }

    /// Whether all logs of a directory closed without an error.
    fn close_logs(&mut self, ctx: &mut Context, directory: DirectoryId) -> bool {
        let mut closed = true;
        for hosted in self.partitions.values_mut() {
            if let Hosted::Online(partition) = hosted
                && partition.directory == directory
            {
                closed &= partition.log.close(ctx).is_ok();
            }
        }
        if let Loading::Running(state) = &mut self.loading {
            for loaded in state.loaded.values_mut().filter(|loaded| loaded.directory == directory) {
                closed &= loaded.log.close(ctx).is_ok();
            }
        }
        closed
    }

    fn write_clean_shutdown(&mut self, ctx: &mut Context, id: DirectoryId, broker_epoch: BrokerEpoch) {
        let Some(directory) = self.directories.iter().find(|directory| directory.id == id) else { return };
        let complete = directory.started_clean || directory.loaded_all;
        if complete && !self.failures.contains(&id) {
            let path = directory.path.clone();
            // A file that could not be written makes the stop an unclean one, which is what it then is.
            let _ = clean_shutdown::write(ctx, &path, broker_epoch);
        }
    }
}
