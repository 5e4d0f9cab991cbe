//! What a broker answers from its metadata image: Metadata, ApiVersions, and the names
//! and ids of topics in a produce request (`KafkaApis`, `KRaftMetadataCache`).
//!
//! Each broker answers from what it has replayed: brokers may disagree for a while, and a
//! client sees their answers change back and forth if it asks several.

use std::collections::BTreeSet;

use super::connections::Listener;
use super::versions;
use crate::ids::{NodeId, TopicId, TopicName};
use crate::message::{
    ApiVersionsResponse, ErrorCode, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic, NodeEndpoint,
    ProduceRequest,
};
use crate::metadata::{BrokerRegistration, MetadataImage, PartitionRegistration, TopicImage, supported_features};

/// Where an unfenced broker listens, as clients are told. `None` for one that is fenced,
/// not registered, or without a listener.
pub fn node_endpoint(image: &MetadataImage, broker: NodeId) -> Option<NodeEndpoint> {
    image.broker(broker).filter(|registration| !registration.fenced).and_then(endpoint_of)
}

fn endpoint_of(broker: &BrokerRegistration) -> Option<NodeEndpoint> {
    let endpoint = broker.endpoint()?.clone();
    Some(NodeEndpoint { node: broker.broker, endpoint, rack: broker.rack.clone() })
}

/// Answers Metadata.
///
/// Simplified: topics are not created by asking for them (auto.create.topics.enable is
/// taken as false); the broker named as controller is the unfenced one with the lowest id,
/// where Kafka draws one: each passes requests on alike.
pub fn answer_metadata(image: &MetadataImage, request: &MetadataRequest) -> MetadataResponse {
    let brokers: Vec<NodeEndpoint> = image.unfenced_brokers().filter_map(endpoint_of).collect();
    let topics = match &request.topics {
        None => {
            let all = image.topic_ids().keys().filter_map(|name| image.topic(name));
            all.map(|topic| answer_topic(image, topic)).collect()
        }
        Some(names) => {
            let mut seen = BTreeSet::new();
            let asked = names.iter().filter(|name| seen.insert(*name));
            asked
                .map(|name| match image.topic(name) {
                    Some(topic) => answer_topic(image, topic),
                    None => unknown_topic(name),
                })
                .collect()
        }
    };
    MetadataResponse {
        error: ErrorCode::None,
        controller_id: brokers.first().map_or(NodeId::NONE, |broker| broker.node),
        brokers,
        topics,
    }
}

fn unknown_topic(name: &TopicName) -> MetadataTopic {
    let error = if is_legal_topic_name(name.as_str()) {
        ErrorCode::UnknownTopicOrPartition
    } else {
        ErrorCode::InvalidTopicException
    };
    MetadataTopic { error, name: name.clone(), topic_id: TopicId::ZERO, partitions: Vec::new() }
}

/// 1 to 249 letters, digits, dots, underscores and hyphens; not just dots (`Topic.validate`).
pub fn is_legal_topic_name(name: &str) -> bool {
    let legal = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

fn answer_topic(image: &MetadataImage, topic: &TopicImage) -> MetadataTopic {
    let partitions = topic.partitions.iter().map(|(index, partition)| answer_partition(image, *index, partition));
    MetadataTopic {
        error: ErrorCode::None,
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}

fn answer_partition(image: &MetadataImage, index: i32, partition: &PartitionRegistration) -> MetadataPartition {
    let is_offline = |replica: &NodeId| match image.broker(*replica) {
        None => true,
        Some(broker) => {
            broker.fenced || broker.endpoint().is_none() || !broker.has_online_directory(partition.directory(*replica))
        }
    };
    // As in Kafka, a leader that is registered but fenced is still named: the record that
    // takes its leadership away comes right behind the one that fences it.
    let (leader, error) = match image.broker(partition.leader) {
        Some(broker) if broker.endpoint().is_some() => (partition.leader, ErrorCode::None),
        Some(_) => (NodeId::NONE, ErrorCode::ListenerNotFound),
        None => (NodeId::NONE, ErrorCode::LeaderNotAvailable),
    };
    MetadataPartition {
        error,
        partition: index,
        leader,
        leader_epoch: partition.leader_epoch,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        offline_replicas: partition.replicas.iter().copied().filter(is_offline).collect(),
    }
}

/// The feature that says how the quorum's voters are kept; Trial's quorums are dynamic (KIP-853).
const KRAFT_VERSION: (&str, i16) = ("kraft.version", 1);

/// Answers ApiVersions: what the listener serves, and the cluster's feature levels as of
/// the last metadata offset that this process has applied.
pub fn answer_api_versions(image: &MetadataImage, listener: Listener) -> ApiVersionsResponse {
    let api_keys = match listener {
        Listener::Broker => versions::supported_by_broker(),
        Listener::Controller => versions::supported_by_controller(),
    };
    let mut finalized: Vec<(String, i16)> =
        image.features().iter().map(|(name, level)| (name.clone(), *level)).collect();
    if finalized.iter().all(|(name, _)| name != KRAFT_VERSION.0) {
        finalized.push((KRAFT_VERSION.0.to_owned(), KRAFT_VERSION.1));
        finalized.sort();
    }
    ApiVersionsResponse {
        error: ErrorCode::None,
        api_keys,
        finalized_features: finalized,
        finalized_features_epoch: image.last_offset(),
        supported_features: supported_features(),
    }
}

/// Completes a produce request, which gives either the ids of topics (v13) or their names:
/// fills in the other from the image. What the image does not know stays empty, and is
/// answered UNKNOWN_TOPIC_ID or UNKNOWN_TOPIC_OR_PARTITION.
pub fn complete_topics(image: &MetadataImage, request: &mut ProduceRequest) {
    for partition in &mut request.partitions {
        if partition.topic_id.is_zero() {
            partition.topic_id = image.topic_id(&partition.topic).unwrap_or(TopicId::ZERO);
        } else if let Some(name) = image.topic_name(partition.topic_id) {
            partition.topic = name.clone();
        }
    }
}
