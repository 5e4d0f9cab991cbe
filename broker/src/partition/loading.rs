//! Opening the logs that are on the disks when a broker starts (`LogManager.loadLogs`).
//!
//! ```text
//!   start_loading    each directory: was the last stop clean? recovery points, log starts
//!                    (the clean-shutdown file is removed first: a crash from here on is unclean)
//!   load_next_log    one log a step, so that a crash can fall between them
//!   …                strays, of topics that are no longer here, are renamed away
//!   the last one     the metadata is applied to what was loaded, and LogsLoaded is said
//! ```
//!
//! Simplified: Kafka loads with two threads a directory, and loads a stray before it
//! renames it.

use std::collections::{BTreeMap, VecDeque};

use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use crate::context::Context;
use crate::ids::{BrokerEpoch, DirectoryId, Offset, TopicId, TopicPartition};
use crate::log::checkpoint::{self, CheckpointError, FIRST_DIRTY_OFFSETS, LOG_STARTS, RECOVERY_POINTS};
use crate::log::clean_shutdown::{self, CleanShutdown};
use crate::log::{LoadOptions, Log, partition_metadata};
use crate::storage::{StorageError, StorageResult};

/// How far the loading is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Loading {
    /// Nothing has been read yet.
    NotStarted,
    /// Some logs are loaded.
    Running(LoadingState),
    /// All logs are loaded, and the metadata has been applied to them.
    Done,
}

/// What is still to be loaded, and what is loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LoadingState {
    jobs: VecDeque<LoadJob>,
    pub(super) loaded: BTreeMap<TopicPartition, LoadedLog>,
}

/// One log to load.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LoadJob {
    name: TopicPartition,
    directory: DirectoryId,
    path: String,
    clean: bool,
    recovery_point: Offset,
    log_start_offset: Offset,
}

/// A log that is loaded and waits for the metadata to be applied to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LoadedLog {
    pub log: Log,
    pub topic_id: TopicId,
    pub directory: DirectoryId,
}

/// What the name of an entry of a log directory says.
enum Entry {
    /// A partition's log.
    Log(TopicPartition),
    /// A log that was being deleted.
    Deleted,
    /// Something else.
    Other,
}

fn entry(name: &str) -> Entry {
    if name.ends_with("-delete") {
        return Entry::Deleted;
    }
    let Some((topic, partition)) = name.rsplit_once('-') else { return Entry::Other };
    match partition.parse() {
        Ok(partition) if !topic.is_empty() => Entry::Log(TopicPartition::new(topic, partition)),
        _ => Entry::Other,
    }
}

impl ReplicaManager {
    /// The epoch of the last clean stop, if all directories were closed cleanly with the same epoch; else NONE.
    /// For the registration's `previous_broker_epoch`; call it before `start_loading`, which removes the files.
    pub fn previous_broker_epoch(&mut self, ctx: &mut Context) -> BrokerEpoch {
        let mut found = None;
        for index in 0..self.directories.len() {
            let directory = &self.directories[index];
            if !directory.online {
                return BrokerEpoch::NONE;
            }
            let Ok(CleanShutdown::Present(epoch)) = clean_shutdown::read(ctx, &directory.path) else {
                return BrokerEpoch::NONE;
            };
            if found.is_some_and(|found| found != epoch) {
                return BrokerEpoch::NONE;
            }
            found = Some(epoch);
        }
        found.unwrap_or(BrokerEpoch::NONE)
    }

    /// Finds the logs that are on disk: call it once, when the broker has caught up with the metadata and
    /// `apply_metadata` has been told of it; then call [`ReplicaManager::load_next_log`] until it answers `false`.
    pub fn start_loading(&mut self, ctx: &mut Context) {
        assert!(matches!(self.loading, Loading::NotStarted), "the logs are loaded once");
        let mut state = LoadingState::default();
        for index in 0..self.directories.len() {
            let id = self.directories[index].id;
            match self.find_logs(ctx, index) {
                Ok(jobs) => state.jobs.extend(jobs),
                Err(_) => {
                    self.failures.insert(id);
                }
            }
        }
        self.loading = Loading::Running(state);
        self.settle(ctx);
    }

    fn find_logs(&mut self, ctx: &mut Context, index: usize) -> StorageResult<Vec<LoadJob>> {
        let (path, directory) = (self.directories[index].path.clone(), self.directories[index].id);
        ctx.storage.create_directory(&path)?;
        let names = ctx.storage.list(&path)?;
        let clean = matches!(clean_shutdown::read(ctx, &path)?, CleanShutdown::Present(_));
        if clean {
            clean_shutdown::remove(ctx, &path, &self.config.behaviour)?;
        }
        self.directories[index].started_clean = clean;
        let recovery_points = read_or_empty(ctx, &path, RECOVERY_POINTS)?;
        let log_starts = read_or_empty(ctx, &path, LOG_STARTS)?;
        // One that makes no sense takes the directory offline, unlike the other two.
        let first_dirty = checkpoint::read_offsets(ctx, &path, FIRST_DIRTY_OFFSETS);
        self.load_first_dirty(directory, first_dirty.map_err(CheckpointError::as_storage_error)?);
        let mut jobs = Vec::new();
        for entry_name in names {
            let entry_path = format!("{path}/{entry_name}");
            match entry(&entry_name) {
                Entry::Log(name) => jobs.push(LoadJob {
                    directory,
                    path: entry_path,
                    clean,
                    recovery_point: recovery_points.get(&name).copied().unwrap_or(0),
                    log_start_offset: log_starts.get(&name).copied().unwrap_or(0),
                    name,
                }),
                Entry::Deleted => {
                    let at = ctx.now.monotonic + self.config.log.file_delete_delay;
                    self.deletions.insert((at, directory, entry_path));
                }
                Entry::Other => {}
            }
        }
        Ok(jobs)
    }

    /// Loads one log; `true` if there are more. The last one puts `LogsLoaded` into the outputs.
    pub fn load_next_log(&mut self, ctx: &mut Context) -> bool {
        let Loading::Running(state) = &mut self.loading else { return false };
        let job = loop {
            let job = state.jobs.pop_front();
            // A directory that failed meanwhile has no logs.
            let works = |job: &LoadJob| self.directories.iter().any(|d| d.id == job.directory && d.online);
            if job.as_ref().is_none_or(works) {
                break job;
            }
        };
        if let Some(job) = job {
            let directory = job.directory;
            if self.load(ctx, job).is_err() {
                self.failures.insert(directory);
            }
            self.settle(ctx);
        }
        let Loading::Running(state) = &self.loading else { return false };
        if !state.jobs.is_empty() {
            return true;
        }
        self.finish_loading(ctx);
        false
    }

    fn load(&mut self, ctx: &mut Context, job: LoadJob) -> StorageResult<()> {
        let topic_id = match partition_metadata::read(ctx, &job.path) {
            Ok(topic_id) => topic_id,
            Err(CheckpointError::Storage(error)) => return Err(error),
            // Kafka takes the whole directory offline when the file is there and makes no sense.
            Err(CheckpointError::Malformed) => return Err(StorageError::InputOutput),
        };
        let Some(topic_id) = topic_id.filter(|topic_id| !self.is_stray(&job.name, *topic_id)) else {
            let stray = format!("{}.{}-stray", job.path, ctx.choose_uuid().simple());
            return ctx.storage.rename(&job.path, &stray);
        };
        let settings = self.image.log_settings(&job.name.topic, &self.config.log, self.config.node);
        let options = LoadOptions {
            clean: job.clean,
            recovery_point: job.recovery_point,
            log_start_offset: job.log_start_offset,
            producer_expiration: self.config.log_manager.producer_id_expiration,
            behaviour: self.config.behaviour.clone(),
        };
        let log = Log::load(ctx, job.name.clone(), &job.path, &settings, options)?;
        if let Loading::Running(state) = &mut self.loading {
            state.loaded.insert(job.name, LoadedLog { log, topic_id, directory: job.directory });
        }
        Ok(())
    }

    /// Whether a log found on disk belongs to nothing that this broker should have. A log without a topic id has
    /// never been written to.
    fn is_stray(&self, name: &TopicPartition, topic_id: TopicId) -> bool {
        let registration = self.image.partition_by_id(topic_id, name.partition);
        !registration.is_some_and(|registration| registration.replicas.contains(&self.config.node))
    }

    /// The loaded log of a partition that is being created.
    pub(super) fn take_loaded(&mut self, name: &TopicPartition, topic_id: TopicId) -> Option<LoadedLog> {
        let Loading::Running(state) = &mut self.loading else { return None };
        if state.loaded.get(name)?.topic_id != topic_id {
            return None;
        }
        state.loaded.remove(name)
    }

    fn finish_loading(&mut self, ctx: &mut Context) {
        for directory in self.directories.iter_mut().filter(|directory| directory.online) {
            directory.loaded_all = true;
        }
        self.discard_unclaimed(ctx);
        self.apply_image(ctx);
        self.update_all_settings();
        self.loading = Loading::Done;
        self.tasks.start(ctx.now.monotonic, &self.config);
        self.start_cleaner(ctx);
        self.settle(ctx);
        self.outbox.push(PartitionOutput::LogsLoaded);
    }

    /// Logs whose topic was deleted while others were being loaded.
    fn discard_unclaimed(&mut self, ctx: &mut Context) {
        let Loading::Running(state) = &self.loading else { return };
        let gone: Vec<TopicPartition> = state
            .loaded
            .iter()
            .filter(|(name, loaded)| self.is_stray(name, loaded.topic_id))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let Loading::Running(state) = &mut self.loading else { return };
            let Some(loaded) = state.loaded.remove(&name) else { continue };
            let delay = loaded.log.settings().file_delete_delay;
            self.discard_log(ctx, &name, loaded.directory, loaded.log.directory(), delay);
        }
    }
}

/// A checkpoint that cannot be understood counts as empty: more is recovered than need be.
fn read_or_empty(ctx: &mut Context, directory: &str, name: &str) -> StorageResult<BTreeMap<TopicPartition, Offset>> {
    match checkpoint::read_offsets(ctx, directory, name) {
        Ok(offsets) => Ok(offsets),
        Err(CheckpointError::Malformed) => Ok(BTreeMap::new()),
        Err(CheckpointError::Storage(error)) => Err(error),
    }
}
