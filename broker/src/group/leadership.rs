//! What committed metadata says to a group coordinator: who leads the partitions of the offsets topic, and which topics
//! changed (`BrokerMetadataPublisher.updateCoordinator`, `GroupCoordinatorService.onNewMetadataImage`).

use std::collections::BTreeSet;

use super::contract::MetadataChange;
use super::coordinator::{Broker, GroupCoordinator};
use super::find::OFFSETS_TOPIC;
use crate::context::Context;
use crate::ids::{TopicId, TopicName, TopicPartition};
use crate::metadata::{MetadataImage, MetadataRecord, MetadataUpdate};

impl GroupCoordinator {
    /// Takes up what committed metadata says: who leads the partitions of the offsets topic, and which topics changed.
    /// `old` is the image before the update, `broker.image` the one after it.
    pub fn apply_metadata(
        &mut self,
        ctx: &mut Context,
        broker: &mut Broker,
        old: &MetadataImage,
        update: &MetadataUpdate,
    ) {
        if self.partition_count.is_none() {
            return;
        }
        let touched = match update.is_snapshot {
            true => all_partitions(broker.image).into_iter().chain(self.coordinators.partitions()).collect(),
            false => touched_partitions(old, broker.image, update),
        };
        self.apply_leadership(ctx, broker, touched);
        let change = metadata_change(old, broker.image, update);
        if change != MetadataChange::default() {
            let Broker { log, image } = broker;
            self.coordinators.metadata_changed(ctx, *log, image, &change);
        }
    }

    pub(super) fn apply_leadership(&mut self, ctx: &mut Context, broker: &mut Broker, partitions: BTreeSet<i32>) {
        let topic = offsets_topic();
        let Broker { log, image } = broker;
        for partition in partitions {
            match image.partition(&topic, partition) {
                Some(now) if now.leader == self.node => self.coordinators.elected(ctx, partition, now.leader_epoch),
                Some(now) => self.coordinators.resigned(ctx, *log, image, partition, Some(now.leader_epoch)),
                None => self.coordinators.resigned(ctx, *log, image, partition, None),
            }
        }
    }
}

pub(super) fn offsets_topic() -> TopicName {
    TopicName::new(OFFSETS_TOPIC)
}

pub(super) fn all_partitions(image: &MetadataImage) -> BTreeSet<i32> {
    image.topic(&offsets_topic()).into_iter().flat_map(|topic| topic.partitions.keys().copied()).collect()
}

/// The partitions of the offsets topic that an update is about.
fn touched_partitions(old: &MetadataImage, new: &MetadataImage, update: &MetadataUpdate) -> BTreeSet<i32> {
    let topic = offsets_topic();
    let (before, now) = (old.topic_id(&topic), new.topic_id(&topic));
    let is_it = |id| before == Some(id) || now == Some(id);
    let mut touched = BTreeSet::new();
    for (_, record) in &update.records {
        match record {
            MetadataRecord::Partition { partition, topic_id, .. }
            | MetadataRecord::PartitionChange { partition, topic_id, .. }
                if is_it(*topic_id) =>
            {
                touched.insert(*partition);
            }
            MetadataRecord::RemoveTopic { topic_id } if is_it(*topic_id) => touched.extend(all_partitions(old)),
            _ => {}
        }
    }
    touched
}

/// Which topics an update changes, and which partitions it removes.
fn metadata_change(old: &MetadataImage, new: &MetadataImage, update: &MetadataUpdate) -> MetadataChange {
    let mut change = changed_topics(old, new, update);
    let came = |name: &TopicName| new.topic_id(name).is_some() && new.topic_id(name) != old.topic_id(name);
    change.topics_created = change.changed_topics.iter().any(came);
    change
}

fn changed_topics(old: &MetadataImage, new: &MetadataImage, update: &MetadataUpdate) -> MetadataChange {
    let mut change = MetadataChange::default();
    if update.is_snapshot {
        change.changed_topics = old.topic_ids().keys().chain(new.topic_ids().keys()).cloned().collect();
        let is_gone = |(_, id, _): &(TopicPartition, TopicId, _)| new.topic_by_id(*id).is_none();
        change.deleted = old.partitions().filter(is_gone).map(|(name, _, _)| name).collect();
        return change;
    }
    for (_, record) in &update.records {
        let id = match record {
            MetadataRecord::Topic { topic_id, .. }
            | MetadataRecord::Partition { topic_id, .. }
            | MetadataRecord::PartitionChange { topic_id, .. } => *topic_id,
            MetadataRecord::RemoveTopic { topic_id } => {
                let topic = old.topic_by_id(*topic_id);
                change.deleted.extend(topic.into_iter().flat_map(|topic| {
                    let name = &topic.name;
                    topic.partitions.keys().map(|index| TopicPartition { topic: name.clone(), partition: *index })
                }));
                *topic_id
            }
            _ => continue,
        };
        change.changed_topics.extend(new.topic_name(id).or_else(|| old.topic_name(id)).cloned());
    }
    change
}
