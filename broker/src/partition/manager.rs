//! All replicas of one broker (`ReplicaManager` and `LogManager`).
//!
//! This file holds the state and what all of its verbs share; the verbs themselves stand
//! in files of their own:
//!
//! ```text
//!   producing   fetching   lookups   deleting   what clients and followers ask
//!   applying                           what the metadata says: who leads, who follows, what is gone
//!   replicating                        what the fetchers do for the partitions that follow
//!   proposing                          what leaders tell the controller
//!   loading   directories   periodic   cleaning   the logs on their disks
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::alter_partition::AlterPartitionQueue;
use super::cleaning::Cleaner;
use super::deleting::DelayedDelete;
use super::directories::DirectoryState;
use super::fetcher::ReplicaFetcher;
use super::fetching::DelayedFetch;
use super::leader::Surroundings;
use super::loading::Loading;
use super::local_partition::{Moved, Partition};
use super::output::PartitionOutput;
use super::periodic::PeriodicTasks;
use super::produce::DelayedProduce;
use super::purgatory::Purgatory;
use super::session::FetchSessions;
use crate::config::{Behaviour, LogManagerSettings, LogSettings, ReplicationSettings};
use crate::context::Context;
use crate::ids::{BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, Offset, TopicId, TopicName, TopicPartition};
use crate::message::{ErrorCode, LeaderHint};
use crate::metadata::MetadataImage;
use crate::outbox::{give_room, take_filled};
use crate::storage::{StorageError, StorageResult};
use crate::table::Table;
use crate::time::Time;

/// One of a broker's log directories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogDirectory {
    /// Its path on the machine: `data-0`.
    pub path: String,
    /// Its id (KIP-858).
    pub id: DirectoryId,
    /// Whether its `meta.properties` could be read; else it is offline until the process is started again.
    pub is_usable: bool,
}

/// What a replica manager is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaManagerConfig {
    /// This broker.
    pub node: NodeId,
    /// Its log directories.
    pub directories: Vec<LogDirectory>,
    /// Replication settings.
    pub replication: ReplicationSettings,
    /// The static defaults of topics' logs (the broker's properties).
    pub log: LogSettings,
    /// Log background settings.
    pub log_manager: LogManagerSettings,
    /// Deliberate bugs.
    pub behaviour: Behaviour,
}

/// A partition of which this broker holds a replica (`HostedPartition`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Hosted {
    /// It can be used.
    Online(Box<Partition>),
    /// Its log directory failed.
    Offline {
        /// Of which topic: one of the same name made later is another, and may be created elsewhere.
        topic_id: TopicId,
    },
}

impl Hosted {
    /// The partition, if it can be used.
    pub fn online(&self) -> Option<&Partition> {
        match self {
            Hosted::Online(partition) => Some(partition),
            Hosted::Offline { .. } => None,
        }
    }
}

/// A background flush under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PendingFlush {
    pub partition: TopicPartition,
    pub topic_id: TopicId,
    pub directory: DirectoryId,
    pub up_to: Offset,
}

/// All replicas of one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaManager {
    pub(super) config: ReplicaManagerConfig,
    pub(super) broker_epoch: BrokerEpoch,
    pub(super) in_controlled_shutdown: bool,
    pub(super) image: MetadataImage,
    pub(super) partitions: Table<TopicPartition, Hosted>,
    pub(super) produces: Purgatory<DelayedProduce>,
    pub(super) fetches: Purgatory<DelayedFetch>,
    pub(super) deletes: Purgatory<DelayedDelete>,
    pub(super) sessions: FetchSessions,
    pub(super) fetchers: BTreeMap<NodeId, ReplicaFetcher>,
    /// Partitions that follow but are not fetched, because fetching failed in a way that only new metadata mends.
    pub(super) failed: BTreeSet<TopicPartition>,
    pub(super) alter_partition: AlterPartitionQueue,
    pub(super) directories: Vec<DirectoryState>,
    pub(super) loading: Loading,
    pub(super) tasks: PeriodicTasks,
    pub(super) cleaner: Cleaner,
    pub(super) flushes: BTreeMap<u64, PendingFlush>,
    /// Directories of deleted partitions, and when they are removed from the disk.
    pub(super) deletions: BTreeSet<(Time, DirectoryId, String)>,
    /// When logs have files of their own to remove.
    pub(super) log_deadlines: BTreeSet<(Time, TopicPartition)>,
    pub(super) next_token: u64,
    /// Directories that failed during this call.
    pub(super) failures: BTreeSet<DirectoryId>,
    pub(super) outbox: Vec<PartitionOutput>,
}

impl ReplicaManager {
    /// A replica manager without logs; the phases of its periodic tasks are counted from now.
    pub fn new(config: ReplicaManagerConfig, ctx: &mut Context) -> ReplicaManager {
        let directories = config.directories.iter().map(DirectoryState::new).collect();
        ReplicaManager {
            broker_epoch: BrokerEpoch::NONE,
            in_controlled_shutdown: false,
            image: MetadataImage::default(),
            partitions: Table::default(),
            produces: Purgatory::default(),
            fetches: Purgatory::default(),
            deletes: Purgatory::default(),
            sessions: FetchSessions::new(
                config.replication.max_incremental_fetch_session_cache_slots,
                &config.behaviour,
            ),
            fetchers: BTreeMap::new(),
            failed: BTreeSet::new(),
            alter_partition: AlterPartitionQueue::default(),
            directories,
            loading: Loading::NotStarted,
            tasks: PeriodicTasks::new(ctx.now.monotonic),
            cleaner: Cleaner::default(),
            flushes: BTreeMap::new(),
            deletions: BTreeSet::new(),
            log_deadlines: BTreeSet::new(),
            next_token: 1,
            failures: BTreeSet::new(),
            outbox: Vec::new(),
            config,
        }
    }

    /// What the last call wants done, in order. Must be drained after every call.
    pub fn take_outputs(&mut self) -> Vec<PartitionOutput> {
        take_filled(&mut self.outbox)
    }

    /// Takes a list back that was emptied: what comes next is written there.
    pub fn reuse(&mut self, emptied: Vec<PartitionOutput>) {
        give_room(&mut self.outbox, emptied);
    }

    /// The controller registered this broker under this epoch.
    pub fn registered(&mut self, broker_epoch: BrokerEpoch) {
        self.broker_epoch = broker_epoch;
    }

    /// A controlled shutdown has begun: partitions without a leader, or without this broker in the ISR, stop fetching
    /// as soon as the metadata says so.
    pub fn controlled_shutdown_started(&mut self) {
        self.in_controlled_shutdown = true;
    }

    /// The metadata as last applied.
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The settings of a topic's logs on this broker.
    pub fn log_settings(&self, topic: &TopicName) -> LogSettings {
        self.image.log_settings(topic, &self.config.log, self.config.node)
    }

    /// The replicas of this broker, by name.
    pub fn partitions(&self) -> &Table<TopicPartition, Hosted> {
        &self.partitions
    }

    /// A replica of this broker that can be used.
    pub fn partition(&self, name: &TopicPartition) -> Option<&Partition> {
        self.partitions.get(name)?.online()
    }

    /// The produce requests that wait, with their deadlines, the oldest first.
    pub fn delayed_produces(&self) -> impl Iterator<Item = (&DelayedProduce, Time)> {
        self.produces.iter()
    }

    /// The fetches that wait, with their deadlines, the oldest first.
    pub fn delayed_fetches(&self) -> impl Iterator<Item = (&DelayedFetch, Time)> {
        self.fetches.iter()
    }

    /// The requests to give records up that wait, with their deadlines, the oldest first.
    pub fn delayed_deletes(&self) -> impl Iterator<Item = (&DelayedDelete, Time)> {
        self.deletes.iter()
    }

    /// The fetch sessions that clients and followers hold here.
    pub fn fetch_sessions(&self) -> &FetchSessions {
        &self.sessions
    }

    /// The fetchers, by the leader's broker.
    pub fn fetchers(&self) -> &BTreeMap<NodeId, ReplicaFetcher> {
        &self.fetchers
    }

    /// Partitions that follow but are no longer fetched, until their metadata changes.
    pub fn failed_partitions(&self) -> &BTreeSet<TopicPartition> {
        &self.failed
    }

    /// The proposals for in-sync sets on their way to the controller.
    pub fn alter_partition_queue(&self) -> &AlterPartitionQueue {
        &self.alter_partition
    }

    /// Whether all logs are loaded.
    pub fn is_loaded(&self) -> bool {
        matches!(self.loading, Loading::Done)
    }

    /// The surroundings that partitions see.
    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            node: self.config.node,
            broker_epoch: self.broker_epoch,
            image: &self.image,
            settings: &self.config.replication,
            behaviour: &self.config.behaviour,
        }
    }

    /// A partition to change, and its surroundings.
    ///
    /// # Errors
    /// See [`ReplicaManager::hosted`].
    pub(super) fn online(&mut self, name: &TopicPartition) -> Result<(&mut Partition, Surroundings<'_>), ErrorCode> {
        let ReplicaManager { partitions, image, config, broker_epoch, .. } = self;
        match partitions.get_mut(name) {
            Some(Hosted::Online(partition)) => {
                let around = Surroundings {
                    node: config.node,
                    broker_epoch: *broker_epoch,
                    image,
                    settings: &config.replication,
                    behaviour: &config.behaviour,
                };
                Ok((partition, around))
            }
            Some(Hosted::Offline { .. }) => Err(ErrorCode::KafkaStorageError),
            None => Err(absent(image, name)),
        }
    }

    /// A partition of this broker.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR when its directory failed; NOT_LEADER_OR_FOLLOWER when it exists elsewhere;
    /// UNKNOWN_TOPIC_OR_PARTITION when it does not exist.
    pub(super) fn hosted(&self, name: &TopicPartition) -> Result<&Partition, ErrorCode> {
        match self.partitions.get(name) {
            Some(Hosted::Online(partition)) => Ok(partition),
            Some(Hosted::Offline { .. }) => Err(ErrorCode::KafkaStorageError),
            None => Err(absent(&self.image, name)),
        }
    }

    /// Who leads a partition, as this broker knows best (KIP-951).
    pub(super) fn leader_hint(&self, name: &TopicPartition) -> LeaderHint {
        if let Some(partition) = self.partition(name) {
            return partition.leader_hint(self.config.node);
        }
        match self.image.partition(&name.topic, name.partition) {
            Some(registration) => LeaderHint { leader: registration.leader, epoch: registration.leader_epoch },
            None => LeaderHint { leader: NodeId::NONE, epoch: LeaderEpoch::NONE },
        }
    }

    /// Draws the consequences of what moved in a partition.
    pub(super) fn after_move(&mut self, ctx: &mut Context, name: &TopicPartition, moved: Moved) {
        if let Some(proposal) = moved.proposal {
            self.submit_proposal(ctx, name, proposal);
        }
        if moved.high_watermark_rose {
            self.complete_fetches(ctx, name);
            self.complete_produces(ctx, name);
        }
    }

    /// Takes up what an append may have left: a segment that was closed is flushed in the background.
    pub(super) fn after_append(&mut self, name: &TopicPartition) {
        let Some(Hosted::Online(partition)) = self.partitions.get_mut(name) else { return };
        let Some(plan) = partition.log.take_flush() else { return };
        let token = self.next_token;
        self.next_token += 1;
        let pending = PendingFlush {
            partition: name.clone(),
            topic_id: partition.topic_id,
            directory: partition.directory,
            up_to: plan.up_to,
        };
        self.flushes.insert(token, pending);
        self.outbox.push(PartitionOutput::Flush { token, plan });
    }

    /// Takes up what a truncation or deletion may have left: files that wait to be removed.
    pub(super) fn after_truncation(&mut self, name: &TopicPartition) {
        if let Some(deadline) = self.partition(name).and_then(|partition| partition.log.next_deadline()) {
            self.log_deadlines.insert((deadline, name.clone()));
        }
    }

    /// The answer to a `Flush`.
    pub fn flushed(&mut self, ctx: &mut Context, token: u64, result: StorageResult<()>) {
        let Some(flush) = self.flushes.remove(&token) else {
            self.cleaned_segment_flushed(ctx, token, result);
            return self.settle(ctx);
        };
        match result {
            Ok(()) => {
                if let Some(Hosted::Online(partition)) = self.partitions.get_mut(&flush.partition)
                    && partition.topic_id == flush.topic_id
                {
                    // What was cut off meanwhile is not on disk any more.
                    let up_to = flush.up_to.min(partition.log.log_end_offset());
                    partition.log.flushed(up_to);
                }
            }
            // A file of the plan was deleted before its turn came (truncation, topic deletion): no failure.
            // The recovery point stays; the next flush begins there.
            Err(StorageError::NotFound) => {}
            Err(StorageError::InputOutput | StorageError::NoSpace) => {
                self.failures.insert(flush.directory);
            }
        }
        self.settle(ctx);
    }

    /// Remembers that an operation on a partition's log failed: its directory goes offline when this call ends.
    pub(super) fn note_failure(&mut self, name: &TopicPartition) {
        if let Some(directory) = self.partition(name).map(|partition| partition.directory) {
            self.failures.insert(directory);
        }
    }

    /// Ends a call: takes failed directories offline.
    pub(super) fn settle(&mut self, ctx: &mut Context) {
        while let Some(directory) = self.failures.pop_first() {
            self.fail_directory(ctx, directory);
        }
    }

    /// What a step has found is done before it ends: the next one would hide that it was late.
    ///
    /// # Panics
    /// When something is left.
    pub fn assert_nothing_is_left(&self) {
        assert!(self.outbox.is_empty(), "outputs were left behind: {:?}", self.outbox);
        assert!(self.failures.is_empty(), "failed directories were not taken offline: {:?}", self.failures);
    }

    /// What must hold between steps.
    ///
    /// # Panics
    /// When it does not.
    pub fn assert_invariants(&self) {
        self.assert_nothing_is_left();
        for (name, hosted) in self.partitions.iter() {
            let Some(partition) = hosted.online() else { continue };
            let log = &partition.log;
            let (start, high, end) = (log.log_start_offset(), log.high_watermark(), log.log_end_offset());
            assert!(start <= high && high <= end, "{name}: log start {start} ≤ high watermark {high} ≤ end {end}");
            if let Some(leader) = partition.leader() {
                let began = leader.epoch_start_offset;
                assert!(began <= end, "{name}: leads from {began}, behind its log end {end}");
                assert!(!leader.followers.contains_key(&self.config.node), "{name}: follows itself");
            }
        }
    }
}

fn absent(image: &MetadataImage, name: &TopicPartition) -> ErrorCode {
    match image.partition(&name.topic, name.partition) {
        Some(_) => ErrorCode::NotLeaderOrFollower,
        None => ErrorCode::UnknownTopicOrPartition,
    }
}
