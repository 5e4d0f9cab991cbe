//! Metadata records as bytes: Kafka's frame and its flexible encoding (KIP-482, KIP-631).
//!
//! ```text
//!   frame version (uvarint 1) │ api key (uvarint) │ version (uvarint) │ fields … │ tagged fields
//! ```
//!
//! Every metadata record type is flexible from version 0: strings and arrays are compact
//! (length + 1 as an unsigned varint, 0 for null), and optional fields travel behind the
//! others as (tag, size, bytes). What is read may be damaged: nothing here panics on it.

use bytes::{BufMut, Bytes};

use super::{MetadataRecord, PartitionChange, PartitionRegistration};
use crate::flexible::{Decoded, Reader, RecordDecodeError, Tags, Writer};
use crate::ids::{
    BrokerEpoch, DirectoryId, GroupId, IncarnationId, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicName,
};
use crate::message::{ConfigResource, LeaderRecoveryState};

/// `ConfigResource.Type.TOPIC` as records carry it.
const RESOURCE_TOPIC: i8 = 2;
/// `ConfigResource.Type.GROUP`.
const RESOURCE_GROUP: i8 = 32;
/// `ConfigResource.Type.BROKER`; an empty name means the cluster-wide default.
const RESOURCE_BROKER: i8 = 4;
/// PartitionChangeRecord: "the leader did not change".
const NO_LEADER_CHANGE: i32 = -2;

impl MetadataRecord {
    /// The record as Kafka 4.1 writes it at metadata.version 4.1-IV1.
    pub fn encode(&self) -> Bytes {
        let (key, version) = self.key_and_version();
        let mut w = Writer::default();
        w.uvarint(1);
        w.uvarint(key);
        w.uvarint(version);
        self.write_fields(&mut w);
        w.bytes.freeze()
    }

    /// The API key of the record type, and the version that it is written in.
    pub fn key_and_version(&self) -> (u32, u32) {
        match self {
            MetadataRecord::RegisterBroker { .. } => (0, 3),
            MetadataRecord::UnregisterBroker { .. } => (1, 0),
            MetadataRecord::Topic { .. } => (2, 0),
            MetadataRecord::Partition { .. } => (3, 2),
            MetadataRecord::Config { .. } => (4, 0),
            MetadataRecord::PartitionChange { .. } => (5, 2),
            MetadataRecord::RemoveTopic { .. } => (9, 0),
            MetadataRecord::FeatureLevel { .. } => (12, 0),
            MetadataRecord::ProducerIds { .. } => (15, 0),
            // Kafka's controller writes each kind of change at the lowest version that can express it.
            MetadataRecord::BrokerRegistrationChange { log_directories: Some(_), .. } => (17, 2),
            MetadataRecord::BrokerRegistrationChange { in_controlled_shutdown: Some(_), .. } => (17, 1),
            MetadataRecord::BrokerRegistrationChange { .. } => (17, 0),
            MetadataRecord::NoOp => (20, 0),
            MetadataRecord::BeginTransaction { .. } => (23, 0),
            MetadataRecord::EndTransaction => (24, 0),
            MetadataRecord::AbortTransaction { .. } => (25, 0),
            MetadataRecord::RegisterController { .. } => (27, 0),
            MetadataRecord::ClearElr { .. } => (28, 0),
        }
    }

    fn write_fields(&self, w: &mut Writer) {
        match self {
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
                w.bytes.put_i32(broker.0);
                w.boolean(false); // isMigratingZkBroker
                w.uuid(incarnation_id.0);
                w.bytes.put_i64(broker_epoch.0);
                w.endpoints(endpoints, "PLAINTEXT");
                w.features(features);
                w.nullable_string(rack.as_deref());
                w.boolean(*fenced);
                w.boolean(*in_controlled_shutdown);
                let mut tags = Tags::default();
                if !log_directories.is_empty() {
                    tags.add(0, |w| w.directories(log_directories));
                }
                w.tags(tags);
            }
            MetadataRecord::UnregisterBroker { broker, broker_epoch } => {
                w.bytes.put_i32(broker.0);
                w.bytes.put_i64(broker_epoch.0);
                w.tags(Tags::default());
            }
            MetadataRecord::Topic { name, topic_id } => {
                w.string(name.as_str());
                w.uuid(topic_id.0);
                w.tags(Tags::default());
            }
            MetadataRecord::Partition { partition, topic_id, registration } => {
                w.bytes.put_i32(*partition);
                w.uuid(topic_id.0);
                write_registration(w, registration);
            }
            MetadataRecord::Config { resource, name, value } => {
                let (kind, resource_name) = match resource {
                    ConfigResource::Topic(topic) => (RESOURCE_TOPIC, topic.to_string()),
                    ConfigResource::Broker(node) => (RESOURCE_BROKER, node.to_string()),
                    ConfigResource::Cluster => (RESOURCE_BROKER, String::new()),
                    ConfigResource::Group(group) => (RESOURCE_GROUP, group.to_string()),
                };
                w.bytes.put_i8(kind);
                w.string(&resource_name);
                w.string(name);
                w.nullable_string(value.as_deref());
                w.tags(Tags::default());
            }
            MetadataRecord::PartitionChange { partition, topic_id, change } => {
                w.bytes.put_i32(*partition);
                w.uuid(topic_id.0);
                w.tags(change_tags(change));
            }
            MetadataRecord::RemoveTopic { topic_id } => {
                w.uuid(topic_id.0);
                w.tags(Tags::default());
            }
            MetadataRecord::FeatureLevel { name, level } => {
                w.string(name);
                w.bytes.put_i16(*level);
                w.tags(Tags::default());
            }
            MetadataRecord::ProducerIds { broker, broker_epoch, next_producer_id } => {
                w.bytes.put_i32(broker.0);
                w.bytes.put_i64(broker_epoch.0);
                w.bytes.put_i64(*next_producer_id);
                w.tags(Tags::default());
            }
            MetadataRecord::BrokerRegistrationChange {
                broker,
                broker_epoch,
                fenced,
                in_controlled_shutdown,
                log_directories,
            } => {
                w.bytes.put_i32(broker.0);
                w.bytes.put_i64(broker_epoch.0);
                let mut tags = Tags::default();
                if let Some(fenced) = fenced {
                    tags.add(0, |w| w.bytes.put_i8(if *fenced { 1 } else { -1 }));
                }
                if let Some(shutdown) = in_controlled_shutdown {
                    tags.add(1, |w| w.bytes.put_i8(i8::from(*shutdown)));
                }
                // Kafka writes an array in a tagged field only if there is something in it.
                if let Some(directories) = log_directories.as_ref().filter(|list| !list.is_empty()) {
                    tags.add(2, |w| w.directories(directories));
                }
                w.tags(tags);
            }
            MetadataRecord::NoOp | MetadataRecord::EndTransaction => w.tags(Tags::default()),
            MetadataRecord::BeginTransaction { name: text } | MetadataRecord::AbortTransaction { reason: text } => {
                let mut tags = Tags::default();
                tags.add(0, |w| w.string(text));
                w.tags(tags);
            }
            MetadataRecord::RegisterController { controller, incarnation_id, endpoints, features } => {
                w.bytes.put_i32(controller.0);
                w.uuid(incarnation_id.0);
                w.boolean(false); // zkMigrationReady
                w.endpoints(endpoints, "CONTROLLER");
                w.features(features);
                w.tags(Tags::default());
            }
            MetadataRecord::ClearElr { topic } => {
                w.string(topic.as_ref().map_or("", |topic| topic.as_str()));
                w.tags(Tags::default());
            }
        }
    }

    /// Reads one record, of any version that Kafka 4.1 defines for its type.
    ///
    /// # Errors
    /// Bytes that are not such a record; never a panic, whatever the bytes are.
    pub fn decode(bytes: &[u8]) -> Result<MetadataRecord, RecordDecodeError> {
        let mut r = Reader { bytes };
        let frame = r.uvarint()?;
        if frame != 1 {
            return Err(RecordDecodeError::UnknownFrame(frame));
        }
        let key = r.uvarint()?;
        let version = r.uvarint()?;
        let newest = match key {
            0 => 3,
            3 | 5 | 17 => 2,
            1 | 2 | 4 | 7 | 8 | 9 | 12 | 15 | 20 | 23 | 24 | 25 | 27 | 28 => 0,
            _ => return Err(RecordDecodeError::UnknownType(key)),
        };
        if version > newest {
            return Err(RecordDecodeError::UnknownVersion(key, version));
        }
        let record = read_fields(&mut r, key, version)?;
        if r.bytes.is_empty() { Ok(record) } else { Err(RecordDecodeError::TrailingBytes(r.bytes.len())) }
    }
}

fn read_fields(r: &mut Reader<'_>, key: u32, version: u32) -> Decoded<MetadataRecord> {
    let record = match key {
        0 => return read_register_broker(r, version),
        3 => return read_partition(r, version),
        5 => return read_partition_change(r),
        17 => return read_registration_change(r),
        23 => return Ok(MetadataRecord::BeginTransaction { name: r.optional_text()? }),
        25 => return Ok(MetadataRecord::AbortTransaction { reason: r.optional_text()? }),
        1 => MetadataRecord::UnregisterBroker { broker: r.node()?, broker_epoch: BrokerEpoch(r.i64()?) },
        2 => MetadataRecord::Topic { name: TopicName::new(&r.string()?), topic_id: TopicId(r.uuid()?) },
        4 => {
            let kind = r.i8()?;
            let resource_name = r.string()?;
            let resource = match (kind, resource_name.as_str()) {
                (RESOURCE_TOPIC, topic) => ConfigResource::Topic(TopicName::new(topic)),
                (RESOURCE_BROKER, "") => ConfigResource::Cluster,
                (RESOURCE_GROUP, group) => ConfigResource::Group(GroupId::new(group)),
                (RESOURCE_BROKER, node) => ConfigResource::Broker(NodeId(
                    node.parse().map_err(|_| RecordDecodeError::Malformed("a broker's config resource"))?,
                )),
                _ => return Err(RecordDecodeError::Malformed("a config resource type")),
            };
            MetadataRecord::Config { resource, name: r.string()?, value: r.nullable_string()? }
        }
        // The fence records of clusters before 3.3 are read, never written.
        7 | 8 => MetadataRecord::BrokerRegistrationChange {
            broker: r.node()?,
            broker_epoch: BrokerEpoch(r.i64()?),
            fenced: Some(key == 7),
            in_controlled_shutdown: None,
            log_directories: None,
        },
        9 => MetadataRecord::RemoveTopic { topic_id: TopicId(r.uuid()?) },
        12 => MetadataRecord::FeatureLevel { name: r.string()?, level: r.i16()? },
        15 => MetadataRecord::ProducerIds {
            broker: r.node()?,
            broker_epoch: BrokerEpoch(r.i64()?),
            next_producer_id: r.i64()?,
        },
        20 => MetadataRecord::NoOp,
        24 => MetadataRecord::EndTransaction,
        27 => {
            let controller = r.node()?;
            let incarnation_id = IncarnationId(r.uuid()?);
            r.i8()?; // zkMigrationReady
            MetadataRecord::RegisterController {
                controller,
                incarnation_id,
                endpoints: r.endpoints()?,
                features: r.features()?,
            }
        }
        28 => {
            let topic = r.string()?;
            MetadataRecord::ClearElr { topic: (!topic.is_empty()).then(|| TopicName::new(&topic)) }
        }
        other => return Err(RecordDecodeError::UnknownType(other)),
    };
    r.tags(|_, _| Ok(()))?;
    Ok(record)
}

fn write_registration(w: &mut Writer, registration: &PartitionRegistration) {
    w.nodes(&registration.replicas);
    w.nodes(&registration.isr);
    w.nodes(&registration.removing_replicas);
    w.nodes(&registration.adding_replicas);
    w.bytes.put_i32(registration.leader.0);
    w.bytes.put_i32(registration.leader_epoch.0);
    w.bytes.put_i32(registration.partition_epoch.0);
    w.directories(&registration.directories);
    let mut tags = Tags::default();
    if registration.leader_recovery_state == LeaderRecoveryState::Recovering {
        tags.add(0, |w| w.bytes.put_i8(1));
    }
    if !registration.elr.is_empty() {
        tags.add(1, |w| w.nodes(&registration.elr));
    }
    if !registration.last_known_elr.is_empty() {
        tags.add(2, |w| w.nodes(&registration.last_known_elr));
    }
    w.tags(tags);
}

fn change_tags(change: &PartitionChange) -> Tags {
    let mut tags = Tags::default();
    let list = |tag, list: &Option<Vec<NodeId>>, tags: &mut Tags| {
        if let Some(nodes) = list {
            tags.add(tag, |w| w.nodes(nodes));
        }
    };
    list(0, &change.isr, &mut tags);
    if let Some(leader) = change.leader {
        tags.add(1, |w| w.bytes.put_i32(leader.0));
    }
    list(2, &change.replicas, &mut tags);
    list(3, &change.removing_replicas, &mut tags);
    list(4, &change.adding_replicas, &mut tags);
    if let Some(state) = change.leader_recovery_state {
        tags.add(5, |w| w.bytes.put_i8(recovery_code(state)));
    }
    list(6, &change.elr, &mut tags);
    list(7, &change.last_known_elr, &mut tags);
    if let Some(directories) = &change.directories {
        tags.add(8, |w| w.directories(directories));
    }
    tags
}

fn recovery_code(state: LeaderRecoveryState) -> i8 {
    match state {
        LeaderRecoveryState::Recovered => 0,
        LeaderRecoveryState::Recovering => 1,
    }
}

fn recovery_state(code: i8) -> Decoded<Option<LeaderRecoveryState>> {
    match code {
        -1 => Ok(None),
        0 => Ok(Some(LeaderRecoveryState::Recovered)),
        1 => Ok(Some(LeaderRecoveryState::Recovering)),
        _ => Err(RecordDecodeError::Malformed("a leader recovery state")),
    }
}

fn read_register_broker(r: &mut Reader<'_>, version: u32) -> Decoded<MetadataRecord> {
    let broker = r.node()?;
    if version >= 2 {
        r.i8()?; // isMigratingZkBroker
    }
    let incarnation_id = IncarnationId(r.uuid()?);
    let broker_epoch = BrokerEpoch(r.i64()?);
    let endpoints = r.endpoints()?;
    let features = r.features()?;
    let rack = r.nullable_string()?;
    let fenced = r.boolean()?;
    let in_controlled_shutdown = version >= 1 && r.boolean()?;
    let mut log_directories = Vec::new();
    r.tags(|tag, field| {
        if tag == 0 && version >= 3 {
            log_directories = field.directories()?;
        }
        Ok(())
    })?;
    Ok(MetadataRecord::RegisterBroker {
        broker,
        incarnation_id,
        broker_epoch,
        endpoints,
        features,
        rack,
        fenced,
        in_controlled_shutdown,
        log_directories,
    })
}

fn read_partition(r: &mut Reader<'_>, version: u32) -> Decoded<MetadataRecord> {
    let partition = r.i32()?;
    let topic_id = TopicId(r.uuid()?);
    let mut registration = PartitionRegistration {
        replicas: r.nodes()?,
        directories: Vec::new(),
        isr: r.nodes()?,
        removing_replicas: r.nodes()?,
        adding_replicas: r.nodes()?,
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: r.node()?,
        leader_recovery_state: LeaderRecoveryState::Recovered,
        leader_epoch: LeaderEpoch(r.i32()?),
        partition_epoch: PartitionEpoch(r.i32()?),
    };
    registration.directories =
        if version >= 1 { r.directories()? } else { vec![DirectoryId::MIGRATING; registration.replicas.len()] };
    if registration.directories.len() != registration.replicas.len() {
        return Err(RecordDecodeError::Malformed("the number of a partition's directories"));
    }
    r.tags(|tag, field| {
        match tag {
            0 => {
                registration.leader_recovery_state =
                    recovery_state(field.i8()?)?.ok_or(RecordDecodeError::Malformed("a leader recovery state"))?;
            }
            1 => registration.elr = field.nullable_nodes()?.unwrap_or_default(),
            2 => registration.last_known_elr = field.nullable_nodes()?.unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(MetadataRecord::Partition { partition, topic_id, registration })
}

fn read_partition_change(r: &mut Reader<'_>) -> Decoded<MetadataRecord> {
    let partition = r.i32()?;
    let topic_id = TopicId(r.uuid()?);
    let mut change = PartitionChange::default();
    r.tags(|tag, field| {
        match tag {
            0 => change.isr = field.nullable_nodes()?,
            1 => {
                let leader = field.i32()?;
                change.leader = (leader != NO_LEADER_CHANGE).then_some(NodeId(leader));
            }
            2 => change.replicas = field.nullable_nodes()?,
            3 => change.removing_replicas = field.nullable_nodes()?,
            4 => change.adding_replicas = field.nullable_nodes()?,
            5 => change.leader_recovery_state = recovery_state(field.i8()?)?,
            6 => change.elr = field.nullable_nodes()?,
            7 => change.last_known_elr = field.nullable_nodes()?,
            8 => change.directories = field.nullable_directories()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(MetadataRecord::PartitionChange { partition, topic_id, change })
}

fn read_registration_change(r: &mut Reader<'_>) -> Decoded<MetadataRecord> {
    let broker = r.node()?;
    let broker_epoch = BrokerEpoch(r.i64()?);
    let (mut fenced, mut in_controlled_shutdown, mut log_directories) = (None, None, None);
    r.tags(|tag, field| {
        match tag {
            0 => {
                fenced = match field.i8()? {
                    -1 => Some(false),
                    0 => None,
                    1 => Some(true),
                    _ => return Err(RecordDecodeError::Malformed("a fencing change")),
                };
            }
            1 => in_controlled_shutdown = (field.i8()? == 1).then_some(true),
            2 => log_directories = Some(field.directories()?).filter(|list| !list.is_empty()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(MetadataRecord::BrokerRegistrationChange {
        broker,
        broker_epoch,
        fenced,
        in_controlled_shutdown,
        log_directories,
    })
}
