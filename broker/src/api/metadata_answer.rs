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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BrokerEpoch, DirectoryId, Endpoint, IncarnationId, LeaderEpoch};
    use crate::message::{Acks, ProducePartition};
    use crate::metadata::MetadataRecord;
    use uuid::Uuid;

    const TOPIC: TopicId = TopicId(Uuid::from_u128(77));

    fn broker(id: i32, fenced: bool) -> MetadataRecord {
        MetadataRecord::RegisterBroker {
            broker: NodeId(id),
            broker_epoch: BrokerEpoch(10),
            incarnation_id: IncarnationId(Uuid::from_u128(1)),
            endpoints: vec![Endpoint::new(&format!("b{id}"), 9092)],
            features: Vec::new(),
            rack: None,
            fenced,
            in_controlled_shutdown: false,
            log_directories: vec![DirectoryId(Uuid::from_u128(100))],
        }
    }

    /// Brokers 2 and 3 live, 1 is fenced; `orders` has a led partition and a leaderless one.
    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        let orders = TopicName::new("orders");
        let nodes = vec![NodeId(1), NodeId(2)];
        let mut led = PartitionRegistration::new(nodes.clone(), vec![DirectoryId::UNASSIGNED; 2], vec![NodeId(2)]);
        led.leader = NodeId(2);
        led.leader_epoch = LeaderEpoch(4);
        let leaderless = PartitionRegistration { leader: NodeId::NONE, ..led.clone() };
        let records = [
            broker(1, true),
            broker(2, false),
            broker(3, false),
            MetadataRecord::Topic { name: orders, topic_id: TOPIC },
            MetadataRecord::Partition { partition: 0, topic_id: TOPIC, registration: led },
            MetadataRecord::Partition { partition: 1, topic_id: TOPIC, registration: leaderless },
        ];
        for (record, offset) in records.iter().zip(0..) {
            image.try_apply(offset, record).expect("the records fit together");
        }
        image
    }

    #[test]
    fn metadata_hides_fenced_brokers_and_says_which_partitions_have_no_leader() {
        let answer = answer_metadata(&image(), &MetadataRequest { topics: None, allow_auto_topic_creation: true });
        let brokers: Vec<i32> = answer.brokers.iter().map(|broker| broker.node.0).collect();
        assert_eq!((brokers, answer.controller_id), (vec![2, 3], NodeId(2)));
        let partitions: Vec<_> = answer.topics[0]
            .partitions
            .iter()
            .map(|partition| {
                (partition.error, partition.leader, partition.leader_epoch, &partition.offline_replicas[..])
            })
            .collect();
        let fenced = [NodeId(1)];
        let expected = vec![
            (ErrorCode::None, NodeId(2), LeaderEpoch(4), &fenced[..]),
            (ErrorCode::LeaderNotAvailable, NodeId::NONE, LeaderEpoch(4), &fenced[..]),
        ];
        assert_eq!(partitions, expected);
    }

    #[test]
    fn metadata_of_topics_that_do_not_exist_says_whether_they_could() {
        let names = ["orders", "absent", "no spaces", "orders"].map(TopicName::new).to_vec();
        let request = MetadataRequest { topics: Some(names), allow_auto_topic_creation: false };
        let answer = answer_metadata(&image(), &request);
        let errors: Vec<ErrorCode> = answer.topics.iter().map(|topic| topic.error).collect();
        let expected = [ErrorCode::None, ErrorCode::UnknownTopicOrPartition, ErrorCode::InvalidTopicException];
        assert_eq!(errors, expected);
    }

    #[test]
    fn a_produce_request_is_completed_in_both_directions() {
        let partition = |topic_id, topic| ProducePartition {
            topic_id,
            topic: TopicName::new(topic),
            partition: 0,
            records: bytes::Bytes::new(),
        };
        let mut request = ProduceRequest {
            transactional_id: None,
            acks: Acks::All,
            timeout_ms: 0,
            partitions: vec![partition(TOPIC, ""), partition(TopicId::ZERO, "orders"), partition(TopicId::ZERO, "no")],
        };
        complete_topics(&image(), &mut request);
        let completed: Vec<_> = request.partitions.iter().map(|of| (of.topic_id, of.topic.as_str())).collect();
        assert_eq!(completed, [(TOPIC, "orders"), (TOPIC, "orders"), (TopicId::ZERO, "no")]);
    }

    #[test]
    fn api_versions_tell_the_finalized_features_and_as_of_when() {
        let mut image = image();
        let level = MetadataRecord::FeatureLevel { name: crate::metadata::METADATA_VERSION.to_owned(), level: 27 };
        image.apply(9, &level);
        let answer = answer_api_versions(&image, Listener::Broker);
        let features: Vec<_> = answer.finalized_features.iter().map(|(name, level)| (name.as_str(), *level)).collect();
        assert_eq!(features, [("kraft.version", 1), ("metadata.version", 27)]);
        assert_eq!(answer.finalized_features_epoch, 9);
    }
}
