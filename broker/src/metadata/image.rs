//! The metadata image: what the records of the metadata log add up to.
//!
//! Brokers, clients' answers and the controller's decisions are all made from such an
//! image. Its maps are shared by reference count and copied on write, so that an image
//! can be handed to another lane, or kept as "the last committed state", for nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::registration::{BrokerRegistration, ControllerRegistration, TopicImage, topic_config_name};
use super::{MetadataRecord, PartitionChange, PartitionRegistration};
use crate::config::{LogSettings, Properties};
use crate::ids::{BrokerEpoch, NodeId, Offset, TopicId, TopicName, TopicPartition};
use crate::message::ConfigResource;

/// Why a record could not be applied: it contradicts what came before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApplyError(pub String);

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ApplyError {}

/// The cluster's metadata up to some offset. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataImage {
    brokers: Arc<BTreeMap<NodeId, BrokerRegistration>>,
    controllers: Arc<BTreeMap<NodeId, ControllerRegistration>>,
    topics: Arc<BTreeMap<TopicId, Arc<TopicImage>>>,
    topic_ids: Arc<BTreeMap<TopicName, TopicId>>,
    configs: Arc<BTreeMap<ConfigResource, Properties>>,
    features: Arc<BTreeMap<String, i16>>,
    next_producer_id: i64,
    last_offset: Offset,
}

impl Default for MetadataImage {
    fn default() -> Self {
        MetadataImage {
            brokers: Arc::default(),
            controllers: Arc::default(),
            topics: Arc::default(),
            topic_ids: Arc::default(),
            configs: Arc::default(),
            features: Arc::default(),
            next_producer_id: 0,
            last_offset: crate::ids::UNKNOWN_OFFSET,
        }
    }
}

impl MetadataImage {
    /// All registered brokers, fenced ones too.
    pub fn brokers(&self) -> &BTreeMap<NodeId, BrokerRegistration> {
        &self.brokers
    }

    /// One broker.
    pub fn broker(&self, broker: NodeId) -> Option<&BrokerRegistration> {
        self.brokers.get(&broker)
    }

    /// The brokers that clients may be told of: those that are not fenced.
    pub fn unfenced_brokers(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.brokers.values().filter(|broker| !broker.fenced)
    }

    /// The controllers that registered themselves.
    pub fn controllers(&self) -> &BTreeMap<NodeId, ControllerRegistration> {
        &self.controllers
    }

    /// All topics, in the order of their ids.
    pub fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.topics.values().map(Arc::as_ref)
    }

    /// All topics' names with their ids, in the order of the names.
    pub fn topic_ids(&self) -> &BTreeMap<TopicName, TopicId> {
        &self.topic_ids
    }

    /// A topic by name.
    pub fn topic(&self, name: &TopicName) -> Option<&TopicImage> {
        self.topic_by_id(*self.topic_ids.get(name)?)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, topic_id: TopicId) -> Option<&TopicImage> {
        self.topics.get(&topic_id).map(Arc::as_ref)
    }

    /// A topic's id.
    pub fn topic_id(&self, name: &TopicName) -> Option<TopicId> {
        self.topic_ids.get(name).copied()
    }

    /// A topic's name.
    pub fn topic_name(&self, topic_id: TopicId) -> Option<&TopicName> {
        self.topic_by_id(topic_id).map(|topic| &topic.name)
    }

    /// A partition by its topic's name.
    pub fn partition(&self, topic: &TopicName, partition: i32) -> Option<&PartitionRegistration> {
        self.topic(topic)?.partitions.get(&partition)
    }

    /// A partition by its topic's id.
    pub fn partition_by_id(&self, topic_id: TopicId, partition: i32) -> Option<&PartitionRegistration> {
        self.topic_by_id(topic_id)?.partitions.get(&partition)
    }

    /// All partitions, by topic name and index.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, TopicId, &PartitionRegistration)> {
        self.topic_ids.iter().flat_map(move |(name, topic_id)| {
            let partitions = self.topics.get(topic_id).map(|topic| topic.partitions.iter());
            partitions.into_iter().flatten().map(move |(partition, registration)| {
                (TopicPartition { topic: name.clone(), partition: *partition }, *topic_id, registration)
            })
        })
    }

    /// Dynamic configuration values of one resource.
    pub fn config(&self, resource: &ConfigResource) -> Option<&Properties> {
        self.configs.get(resource)
    }

    /// All dynamic configuration values.
    pub fn configs(&self) -> &BTreeMap<ConfigResource, Properties> {
        &self.configs
    }

    /// All finalized feature levels.
    pub fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// A feature's finalized level; 0 if it is off or unknown.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// Whether eligible leader replicas are kept (KIP-966).
    pub fn is_elr_enabled(&self) -> bool {
        self.feature(super::ELIGIBLE_LEADER_REPLICAS_VERSION) > 0
    }

    /// The first producer id that has not been given to any broker.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// The offset of the last record applied; −1 before the first.
    pub fn last_offset(&self) -> Offset {
        self.last_offset
    }

    /// Says that the log was read up to this offset, control records included.
    pub fn set_last_offset(&mut self, offset: Offset) {
        self.last_offset = self.last_offset.max(offset);
    }

    /// The settings in force for a topic's logs on one broker: the topic's own value, else the
    /// broker's dynamic one, else the cluster-wide dynamic default, else `static_settings`.
    ///
    /// A value that cannot be read is ignored, as Kafka's brokers log it and keep the old one.
    pub fn log_settings(&self, topic: &TopicName, static_settings: &LogSettings, broker: NodeId) -> LogSettings {
        let topic = ConfigResource::Topic(topic.clone());
        let mut settings = static_settings.clone();
        // The later resource wins: each of its values replaces what the earlier ones left.
        for resource in [&ConfigResource::Cluster, &ConfigResource::Broker(broker), &topic] {
            for (name, value) in self.config(resource).into_iter().flatten() {
                let _ = settings.replace(topic_config_name(name), value);
            }
        }
        settings
    }

    /// Applies one record. A record that contradicts the image is left out, as on Kafka's
    /// brokers, where it is a logged fault; the controller uses [`MetadataImage::try_apply`].
    pub fn apply(&mut self, offset: Offset, record: &MetadataRecord) {
        // Ignored on purpose: a broker that met a fault goes on with what it has.
        let _ = self.try_apply(offset, record);
    }

    /// Applies one record.
    ///
    /// # Errors
    /// The record speaks of a broker, topic or partition that the image does not have.
    /// Nothing but the offset has changed then.
    pub fn try_apply(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), ApplyError> {
        self.set_last_offset(offset);
        match record {
            MetadataRecord::RegisterBroker { .. }
            | MetadataRecord::UnregisterBroker { .. }
            | MetadataRecord::BrokerRegistrationChange { .. } => self.apply_to_brokers(offset, record),
            MetadataRecord::Topic { name, topic_id } => {
                let topic = TopicImage { name: name.clone(), topic_id: *topic_id, partitions: BTreeMap::new() };
                Arc::make_mut(&mut self.topics).insert(*topic_id, Arc::new(topic));
                Arc::make_mut(&mut self.topic_ids).insert(name.clone(), *topic_id);
                Ok(())
            }
            MetadataRecord::Partition { partition, topic_id, registration } => {
                self.topic_mut(*topic_id)?.partitions.insert(*partition, registration.clone());
                Ok(())
            }
            MetadataRecord::PartitionChange { partition, topic_id, change } => {
                let topic = self.topic_mut(*topic_id)?;
                let found = topic.partitions.get_mut(partition);
                let registration = found.ok_or_else(|| ApplyError(format!("no partition {topic_id}:{partition}")))?;
                registration.apply(change);
                Ok(())
            }
            MetadataRecord::RemoveTopic { topic_id } => self.remove_topic(*topic_id),
            MetadataRecord::Config { resource, name, value } => {
                self.set_config(resource, name, value.as_deref());
                Ok(())
            }
            MetadataRecord::FeatureLevel { name, level } => {
                let features = Arc::make_mut(&mut self.features);
                match level {
                    0 => features.remove(name),
                    level => features.insert(name.clone(), *level),
                };
                Ok(())
            }
            MetadataRecord::ProducerIds { next_producer_id, .. } => {
                self.next_producer_id = *next_producer_id;
                Ok(())
            }
            MetadataRecord::RegisterController { controller, incarnation_id, endpoints, features } => {
                let registration = ControllerRegistration {
                    controller: *controller,
                    incarnation_id: *incarnation_id,
                    endpoints: endpoints.clone(),
                    features: features.clone(),
                };
                Arc::make_mut(&mut self.controllers).insert(*controller, registration);
                Ok(())
            }
            MetadataRecord::ClearElr { topic } => self.clear_elr(topic.as_ref()),
            MetadataRecord::NoOp
            | MetadataRecord::BeginTransaction { .. }
            | MetadataRecord::EndTransaction
            | MetadataRecord::AbortTransaction { .. } => Ok(()),
        }
    }

    fn apply_to_brokers(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), ApplyError> {
        let brokers = Arc::make_mut(&mut self.brokers);
        let check = |brokers: &BTreeMap<NodeId, BrokerRegistration>, broker: NodeId, epoch: BrokerEpoch| match brokers
            .get(&broker)
        {
            Some(known) if known.broker_epoch == epoch => Ok(()),
            Some(known) => Err(ApplyError(format!("broker {broker} has epoch {}, not {epoch}", known.broker_epoch))),
            None => Err(ApplyError(format!("broker {broker} is not registered"))),
        };
        match record {
            MetadataRecord::RegisterBroker {
                broker,
                incarnation_id,
                broker_epoch,
                endpoints,
                features,
                rack,
                fenced,
                in_controlled_shutdown,
                log_directories,
            } => {
                let registration = BrokerRegistration {
                    broker: *broker,
                    broker_epoch: *broker_epoch,
                    incarnation_id: *incarnation_id,
                    endpoints: endpoints.clone(),
                    features: features.clone(),
                    rack: rack.clone(),
                    fenced: *fenced,
                    in_controlled_shutdown: *in_controlled_shutdown,
                    directories: log_directories.clone(),
                    registration_offset: offset,
                };
                brokers.insert(*broker, registration);
            }
            MetadataRecord::UnregisterBroker { broker, broker_epoch } => {
                check(brokers, *broker, *broker_epoch)?;
                brokers.remove(broker);
            }
            MetadataRecord::BrokerRegistrationChange {
                broker,
                broker_epoch,
                fenced,
                in_controlled_shutdown,
                log_directories,
            } => {
                check(brokers, *broker, *broker_epoch)?;
                if let Some(registration) = brokers.get_mut(broker) {
                    registration.fenced = fenced.unwrap_or(registration.fenced);
                    // A broker never comes back from a controlled shutdown but by registering anew.
                    registration.in_controlled_shutdown |= in_controlled_shutdown.unwrap_or(false);
                    // An empty list says "unchanged": that the last directory failed cannot be written.
                    if let Some(directories) = log_directories.as_ref().filter(|list| !list.is_empty()) {
                        registration.directories = directories.clone();
                    }
                }
            }
            other => unreachable!("{other:?} does not speak of brokers"),
        }
        Ok(())
    }

    /// The records behind `offset` turned out to lie `shift` further back than was expected.
    pub(crate) fn shift_registrations_after(&mut self, offset: Offset, shift: Offset) {
        for broker in Arc::make_mut(&mut self.brokers).values_mut() {
            if broker.registration_offset > offset {
                broker.registration_offset += shift;
            }
        }
        self.last_offset += shift;
    }

    fn topic_mut(&mut self, topic_id: TopicId) -> Result<&mut TopicImage, ApplyError> {
        // Looked up before the maps are copied: a contradiction must not cost a copy.
        if !self.topics.contains_key(&topic_id) {
            return Err(ApplyError(format!("no topic {topic_id}")));
        }
        let topic = Arc::make_mut(&mut self.topics).get_mut(&topic_id).expect("looked up just above");
        Ok(Arc::make_mut(topic))
    }

    fn remove_topic(&mut self, topic_id: TopicId) -> Result<(), ApplyError> {
        let removed = Arc::make_mut(&mut self.topics).remove(&topic_id);
        let topic = removed.ok_or_else(|| ApplyError(format!("no topic {topic_id}")))?;
        Arc::make_mut(&mut self.topic_ids).remove(&topic.name);
        Arc::make_mut(&mut self.configs).remove(&ConfigResource::Topic(topic.name.clone()));
        Ok(())
    }

    fn set_config(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        let configs = Arc::make_mut(&mut self.configs);
        let values = configs.entry(resource.clone()).or_default();
        match value {
            Some(value) => values.insert(name.to_owned(), value.to_owned()),
            None => values.remove(name),
        };
        if values.is_empty() {
            configs.remove(resource);
        }
    }

    /// Only partitions that had something to forget get another version.
    fn clear_elr(&mut self, topic: Option<&TopicName>) -> Result<(), ApplyError> {
        let topic_ids = match topic {
            None => self.topics.keys().copied().collect(),
            Some(name) => vec![self.topic_id(name).ok_or_else(|| ApplyError(format!("no topic {name}")))?],
        };
        for topic_id in topic_ids {
            for registration in self.topic_mut(topic_id)?.partitions.values_mut() {
                if registration.elr.is_empty() && registration.last_known_elr.is_empty() {
                    continue;
                }
                registration.apply(&PartitionChange {
                    elr: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    ..PartitionChange::default()
                });
            }
        }
        Ok(())
    }

    /// Records that make up this image from nothing: a snapshot's content, in Kafka's order
    /// (features, controllers and brokers, topics, configurations, producer ids).
    pub fn to_records(&self) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        let first = self.features.get_key_value(super::METADATA_VERSION);
        let others = self.features.iter().filter(|(name, _)| *name != super::METADATA_VERSION);
        // Readers must know metadata.version before anything else.
        for (name, level) in first.into_iter().chain(others) {
            records.push(MetadataRecord::FeatureLevel { name: name.clone(), level: *level });
        }
        records.extend(self.controllers.values().map(controller_record));
        records.extend(self.brokers.values().map(broker_record));
        for topic in self.topics.values() {
            let topic_id = topic.topic_id;
            records.push(MetadataRecord::Topic { name: topic.name.clone(), topic_id });
            records.extend(topic.partitions.iter().map(|(partition, registration)| MetadataRecord::Partition {
                partition: *partition,
                topic_id,
                registration: registration.clone(),
            }));
        }
        for (resource, values) in self.configs.iter() {
            records.extend(values.iter().map(|(name, value)| MetadataRecord::Config {
                resource: resource.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            }));
        }
        if self.next_producer_id > 0 {
            records.push(MetadataRecord::ProducerIds {
                broker: NodeId::NONE,
                broker_epoch: BrokerEpoch::NONE,
                next_producer_id: self.next_producer_id,
            });
        }
        records
    }
}

fn controller_record(controller: &ControllerRegistration) -> MetadataRecord {
    MetadataRecord::RegisterController {
        controller: controller.controller,
        incarnation_id: controller.incarnation_id,
        endpoints: controller.endpoints.clone(),
        features: controller.features.clone(),
    }
}

fn broker_record(broker: &BrokerRegistration) -> MetadataRecord {
    MetadataRecord::RegisterBroker {
        broker: broker.broker,
        incarnation_id: broker.incarnation_id,
        broker_epoch: broker.broker_epoch,
        endpoints: broker.endpoints.clone(),
        features: broker.features.clone(),
        rack: broker.rack.clone(),
        fenced: broker.fenced,
        in_controlled_shutdown: broker.in_controlled_shutdown,
        log_directories: broker.directories.clone(),
    }
}
