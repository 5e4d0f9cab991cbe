//! What the metadata says to this broker (`ReplicaManager.applyDelta`, `BrokerMetadataPublisher`).
//!
//! ```text
//!   update ─▶ gone from here: stop fetching, answer who waits, rename the log directory away
//!          ─▶ led by me:      stop fetching, create the log if need be, lead
//!          ─▶ led by others:  create the log if need be, follow; a new leader epoch starts the fetcher anew
//!          ─▶ configurations: logs take their new settings
//! ```
//!
//! Deletions come first, because the same update may create a topic of the same name.
//!
//! Simplified: what is published while the logs are being loaded is applied at once when
//! that is done, instead of update by update.

use std::collections::{BTreeMap, BTreeSet};

use super::cleaning::is_compacted;
use super::directories::HighWatermarkCheckpoints;
use super::loading::Loading;
use super::local_partition::{Applied, Partition};
use super::manager::{Hosted, ReplicaManager};
use super::state::PartitionState;
use crate::config::Switch;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{NodeId, TopicId, TopicName, TopicPartition};
use crate::log::{LoadOptions, Log, partition_metadata};
use crate::message::ConfigResource;
use crate::metadata::{MetadataImage, MetadataRecord, MetadataUpdate, PartitionRegistration};
use crate::storage::StorageResult;

/// What an update means to this broker.
#[derive(Debug, Default)]
struct LocalChanges {
    deletes: BTreeSet<TopicPartition>,
    leaders: BTreeMap<TopicPartition, (TopicId, PartitionRegistration)>,
    followers: BTreeMap<TopicPartition, (TopicId, PartitionRegistration)>,
}

impl ReplicaManager {
    /// Applies committed metadata: `image` is the image with `update` already applied; the manager keeps a (shared)
    /// copy.
    pub fn apply_metadata(&mut self, ctx: &mut Context, image: &MetadataImage, update: &MetadataUpdate) {
        let old = std::mem::replace(&mut self.image, image.clone());
        if !matches!(self.loading, Loading::Done) {
            return;
        }
        let changes = if update.is_snapshot { self.all_changes(&old) } else { self.changes_in(&old, update) };
        self.apply_changes(ctx, changes);
        self.apply_configs(update);
        if !update.records.is_empty() {
            self.wake_cleaner(ctx);
        }
    }

    /// Applies the whole image: once, when the logs are loaded.
    pub(super) fn apply_image(&mut self, ctx: &mut Context) {
        let changes = self.all_changes(&MetadataImage::default());
        self.apply_changes(ctx, changes);
    }

    fn changes_in(&self, old: &MetadataImage, update: &MetadataUpdate) -> LocalChanges {
        let mut touched: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        for (_, record) in &update.records {
            match record {
                MetadataRecord::Partition { partition, topic_id, .. }
                | MetadataRecord::PartitionChange { partition, topic_id, .. } => {
                    touched.insert((*topic_id, *partition));
                }
                MetadataRecord::RemoveTopic { topic_id } => {
                    let partitions = old.topic_by_id(*topic_id).map(|topic| &topic.partitions);
                    touched.extend(partitions.into_iter().flatten().map(|(partition, _)| (*topic_id, *partition)));
                }
                MetadataRecord::ClearElr { .. } => return self.all_changes(old),
                _ => {}
            }
        }
        let mut changes = LocalChanges::default();
        for (topic_id, partition) in touched {
            let Some(topic) = self.image.topic_name(topic_id).or_else(|| old.topic_name(topic_id)) else { continue };
            let name = TopicPartition { topic: topic.clone(), partition };
            let registration = self.image.partition_by_id(topic_id, partition);
            self.note_change(&mut changes, old, name, topic_id, registration);
        }
        changes
    }

    fn all_changes(&self, old: &MetadataImage) -> LocalChanges {
        let mut changes = LocalChanges::default();
        for (name, hosted) in self.partitions.iter() {
            let Some(partition) = hosted.online() else { continue };
            let registration = self.image.partition_by_id(partition.topic_id, name.partition);
            if registration.is_none() {
                self.note_change(&mut changes, old, name.clone(), partition.topic_id, None);
            }
        }
        for (name, topic_id, registration) in self.image.partitions() {
            self.note_change(&mut changes, old, name, topic_id, Some(registration));
        }
        changes
    }

    fn note_change(
        &self,
        changes: &mut LocalChanges,
        old: &MetadataImage,
        name: TopicPartition,
        topic_id: TopicId,
        registration: Option<&PartitionRegistration>,
    ) {
        let me = self.config.node;
        match registration.filter(|registration| registration.replicas.contains(&me)) {
            Some(registration) => {
                let known = old.partition_by_id(topic_id, name.partition);
                let known = known.filter(|known| known.replicas.contains(&me));
                if known.is_some_and(|known| known.partition_epoch == registration.partition_epoch) {
                    return;
                }
                let follows = self.partition(&name).is_some_and(|partition| partition.leader().is_none());
                if follows && registration.leader == me && self.config.behaviour.is(Switch::FollowerNeverLeads) {
                    return;
                }
                let mut change = (topic_id, registration.clone());
                let is_preferred = registration.replicas.first() == Some(&me);
                if is_preferred && self.config.behaviour.is(Switch::PreferredReplicaAlwaysLeads) {
                    change.1.leader = me;
                }
                if change.1.leader == me {
                    changes.leaders.insert(name, change);
                } else {
                    changes.followers.insert(name, change);
                }
            }
            None => {
                if self.partition(&name).is_some_and(|partition| partition.topic_id == topic_id) {
                    changes.deletes.insert(name);
                }
            }
        }
    }

    fn apply_changes(&mut self, ctx: &mut Context, changes: LocalChanges) {
        let LocalChanges { deletes, leaders, followers } = changes;
        self.delete_partitions(ctx, deletes);
        let changed = !leaders.is_empty() || !followers.is_empty();
        let mut checkpoints = HighWatermarkCheckpoints::default();
        for name in leaders.keys() {
            self.remove_from_fetchers(name);
        }
        for (name, (topic_id, registration)) in leaders {
            self.lead(ctx, &mut checkpoints, name, topic_id, &registration);
        }
        let mut to_start = Vec::new();
        let mut to_stop = Vec::new();
        for (name, (topic_id, registration)) in followers {
            let Some(new_epoch) = self.follow(ctx, &mut checkpoints, &name, topic_id, &registration) else { continue };
            let leaderless = !registration.leader.is_some() || !registration.isr.contains(&self.config.node);
            if self.in_controlled_shutdown && leaderless {
                to_stop.push(name);
            } else if new_epoch && !self.goes_on_fetching(&name, &registration) {
                to_start.push((name, registration.leader));
            }
        }
        self.start_fetching(ctx, to_start);
        for name in to_stop {
            self.remove_from_fetchers(&name);
            self.complete_produces(ctx, &name);
            self.complete_fetches(ctx, &name);
        }
        if changed {
            self.close_idle_fetchers();
        }
        self.settle(ctx);
        self.run_fetchers(ctx);
        self.settle(ctx);
    }

    fn lead(
        &mut self,
        ctx: &mut Context,
        checkpoints: &mut HighWatermarkCheckpoints,
        name: TopicPartition,
        topic_id: TopicId,
        registration: &PartitionRegistration,
    ) {
        match self.apply_state(ctx, checkpoints, &name, topic_id, registration) {
            Some(Applied::Leads { high_watermark_rose: true }) => {
                self.complete_fetches(ctx, &name);
                self.complete_produces(ctx, &name);
            }
            Some(Applied::Leads { high_watermark_rose: false } | Applied::Ignored) | None => {}
            Some(Applied::Follows { .. }) => unreachable!("{name} was to be led by this broker"),
        }
    }

    /// Whether the fetcher must start anew; `None` when the log is offline.
    fn follow(
        &mut self,
        ctx: &mut Context,
        checkpoints: &mut HighWatermarkCheckpoints,
        name: &TopicPartition,
        topic_id: TopicId,
        registration: &PartitionRegistration,
    ) -> Option<bool> {
        match self.apply_state(ctx, checkpoints, name, topic_id, registration)? {
            Applied::Ignored => Some(false),
            Applied::Follows { new_leader_epoch } => Some(new_leader_epoch),
            Applied::Leads { .. } => unreachable!("{name} was to be led by another broker"),
        }
    }

    fn apply_state(
        &mut self,
        ctx: &mut Context,
        checkpoints: &mut HighWatermarkCheckpoints,
        name: &TopicPartition,
        topic_id: TopicId,
        registration: &PartitionRegistration,
    ) -> Option<Applied> {
        if !self.ensure_partition(ctx, checkpoints, name, topic_id, registration) {
            return None;
        }
        let Ok((partition, around)) = self.online(name) else { return None };
        match partition.apply(ctx, &around, &PartitionState::from(registration)) {
            Ok(applied) => Some(applied),
            Err(_) => {
                self.note_failure(name);
                None
            }
        }
    }

    fn start_fetching(&mut self, ctx: &mut Context, partitions: Vec<(TopicPartition, NodeId)>) {
        for (name, _) in &partitions {
            self.remove_from_fetchers(name);
        }
        for (name, leader) in &partitions {
            // Without a leader, or with one that nobody knows how to reach, there is nothing to fetch from.
            if leader.is_some() && self.image.broker(*leader).is_some_and(|broker| broker.endpoint().is_some()) {
                self.add_to_fetcher(name, *leader);
            }
        }
        for (name, _) in &partitions {
            self.complete_produces(ctx, name);
            self.complete_fetches(ctx, name);
        }
    }

    /// Makes sure that a partition is there: from the logs that were loaded, or with a new log. `false` if its
    /// directory failed, or if it is a partition of another topic that is there.
    fn ensure_partition(
        &mut self,
        ctx: &mut Context,
        checkpoints: &mut HighWatermarkCheckpoints,
        name: &TopicPartition,
        topic_id: TopicId,
        registration: &PartitionRegistration,
    ) -> bool {
        match self.partitions.get(name) {
            // Another topic of the same name, without the removal of this one: to Kafka's publisher of metadata a fault,
            // which it logs, and then goes on with what it has.
            Some(Hosted::Online(partition)) => return partition.topic_id == topic_id,
            Some(Hosted::Offline { topic_id: offline }) if *offline == topic_id => return false,
            Some(Hosted::Offline { .. }) | None => {}
        }
        let directory = registration.directory(self.config.node);
        let Some(mut partition) = self.create_partition(ctx, name, topic_id, directory) else {
            self.partitions.insert(name.clone(), Hosted::Offline { topic_id });
            return false;
        };
        let checkpoint = self.checkpointed_high_watermark(ctx, checkpoints, &partition);
        partition.recover_high_watermark(ctx, &self.around(), checkpoint);
        self.partitions.insert(name.clone(), Hosted::Online(Box::new(partition)));
        true
    }

    fn create_partition(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        topic_id: TopicId,
        assigned: crate::ids::DirectoryId,
    ) -> Option<Partition> {
        if let Some(loaded) = self.take_loaded(name, topic_id) {
            return Some(Partition::new(name.clone(), topic_id, loaded.directory, loaded.log));
        }
        let (directory, path) = self.choose_directory(assigned)?;
        match self.create_log(ctx, name, topic_id, &path) {
            Ok(log) => Some(Partition::new(name.clone(), topic_id, directory, log)),
            Err(_) => {
                self.failures.insert(directory);
                None
            }
        }
    }

    fn create_log(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        topic_id: TopicId,
        directory: &str,
    ) -> StorageResult<Log> {
        let settings = self.image.log_settings(&name.topic, &self.config.log, self.config.node);
        let options = LoadOptions {
            clean: true,
            recovery_point: 0,
            log_start_offset: 0,
            producer_expiration: self.config.log_manager.producer_id_expiration,
            behaviour: self.config.behaviour.clone(),
        };
        let path = format!("{directory}/{name}");
        let log = Log::load(ctx, name.clone(), &path, &settings, options)?;
        partition_metadata::write(ctx, &path, topic_id)?;
        Ok(log)
    }

    fn delete_partitions(&mut self, ctx: &mut Context, deletes: BTreeSet<TopicPartition>) {
        let mut touched = BTreeSet::new();
        for name in &deletes {
            self.remove_from_fetchers(name);
        }
        for name in deletes {
            self.stop_cleaning(ctx, &name);
            let Some(Hosted::Online(partition)) = self.partitions.remove(&name) else { continue };
            ctx.emit(PartitionEvent::ReplicaRemoved { partition: name.clone() });
            self.complete_produces(ctx, &name);
            self.complete_fetches(ctx, &name);
            touched.insert(partition.directory);
            let delay = partition.log.settings().file_delete_delay;
            self.discard_log(ctx, &name, partition.directory, partition.log.directory(), delay);
        }
        for directory in touched {
            self.checkpoint_recovery_points(ctx, directory);
            self.checkpoint_log_starts(ctx, directory);
        }
        self.close_idle_fetchers();
    }

    /// Gives logs their new settings.
    fn apply_configs(&mut self, update: &MetadataUpdate) {
        let mut topics: BTreeSet<&TopicName> = BTreeSet::new();
        let mut all = update.is_snapshot;
        for (_, record) in &update.records {
            match record {
                MetadataRecord::Config { resource: ConfigResource::Topic(topic), .. } => {
                    topics.insert(topic);
                }
                MetadataRecord::Config { .. } => all = true,
                _ => {}
            }
        }
        let compacted = self.partitions.iter().filter(|(name, hosted)| {
            topics.contains(&&name.topic) && hosted.online().is_some_and(|partition| is_compacted(&partition.log))
        });
        let compacted: Vec<TopicPartition> = compacted.map(|(name, _)| name.clone()).collect();
        if all {
            self.update_all_settings();
        } else {
            self.update_settings_of(&topics);
        }
        for name in compacted {
            if self.partition(&name).is_some_and(|partition| !is_compacted(&partition.log)) {
                self.cleaner.call_off(&name);
            }
        }
    }

    fn update_settings_of(&mut self, topics: &BTreeSet<&TopicName>) {
        for topic in topics {
            let first = TopicPartition { topic: (*topic).clone(), partition: 0 };
            let names: Vec<TopicPartition> = self
                .partitions
                .iter_from(&first)
                .map(|(name, _)| name.clone())
                .take_while(|name| name.topic == **topic)
                .collect();
            self.update_settings(&names);
        }
    }

    /// Gives all logs the settings that the image has for them.
    pub(super) fn update_all_settings(&mut self) {
        let names: Vec<TopicPartition> = self.partitions.keys().cloned().collect();
        self.update_settings(&names);
    }

    fn update_settings(&mut self, names: &[TopicPartition]) {
        for name in names {
            let settings = self.image.log_settings(&name.topic, &self.config.log, self.config.node);
            if let Some(Hosted::Online(partition)) = self.partitions.get_mut(name) {
                partition.log.update_settings(&settings);
            }
        }
    }
}
