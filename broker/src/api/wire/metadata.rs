//! Metadata (key 3) and ApiVersions (key 18).

use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsRequest as WireApiVersionsRequest, ApiVersionsResponse as WireApiVersionsResponse,
    MetadataRequest as WireMetadataRequest, MetadataResponse as WireMetadataResponse,
};

use super::WireError;
use super::common::{broker, brokers, read_broker, read_brokers, read_endpoint, read_topic_name, text, topic_name};
use crate::ids::{LeaderEpoch, TopicId, TopicName};
use crate::message::{
    ApiVersionsRequest, ApiVersionsResponse, ErrorCode, MetadataPartition, MetadataRequest, MetadataResponse,
    MetadataTopic, NodeEndpoint,
};

pub(super) fn metadata_request(request: &MetadataRequest, version: i16) -> WireMetadataRequest {
    let named = |name: &TopicName| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let topics = match &request.topics {
        // In version 0 the empty list asked for all topics.
        None if version == 0 => Some(Vec::new()),
        None => None,
        Some(topics) => Some(topics.iter().map(named).collect()),
    };
    let body = WireMetadataRequest::default().with_topics(topics);
    // Before version 4 the broker always created topics that did not exist, if so configured.
    if version >= 4 { body.with_allow_auto_topic_creation(request.allow_auto_topic_creation) } else { body }
}

pub(super) fn read_metadata_request(body: &WireMetadataRequest, version: i16) -> Result<MetadataRequest, WireError> {
    let read_topic = |topic: &MetadataRequestTopic| match &topic.name {
        Some(name) => Ok(read_topic_name(name)),
        // Simplified: only administrators ask for topics by id (v10+), and Trial's do not.
        None => Err(WireError::value("topic id in a metadata request", topic.topic_id)),
    };
    let topics = match &body.topics {
        None => None,
        Some(topics) if topics.is_empty() && version == 0 => None,
        Some(topics) => Some(topics.iter().map(read_topic).collect::<Result<_, _>>()?),
    };
    Ok(MetadataRequest { topics, allow_auto_topic_creation: body.allow_auto_topic_creation })
}

pub(super) fn metadata_response(response: &MetadataResponse, version: i16) -> WireMetadataResponse {
    let nodes = response
        .brokers
        .iter()
        .map(|node| {
            MetadataResponseBroker::default()
                .with_node_id(broker(node.node))
                .with_host(text(&node.endpoint.host))
                .with_port(i32::from(node.endpoint.port))
                .with_rack(if version >= 1 { node.rack.as_deref().map(text) } else { None })
        })
        .collect();
    let mut body = WireMetadataResponse::default()
        .with_brokers(nodes)
        .with_topics(response.topics.iter().map(|topic| metadata_topic(topic, version)).collect());
    if version >= 1 {
        body = body.with_controller_id(broker(response.controller_id));
    }
    if version >= 13 {
        body = body.with_error_code(response.error.code());
    }
    body
}

fn metadata_topic(topic: &MetadataTopic, version: i16) -> MetadataResponseTopic {
    let body = MetadataResponseTopic::default()
        .with_error_code(topic.error.code())
        .with_name(Some(topic_name(&topic.name)))
        .with_is_internal(version >= 1 && topic.name.is_internal())
        .with_partitions(topic.partitions.iter().map(|partition| metadata_partition(partition, version)).collect());
    if version >= 10 { body.with_topic_id(topic.topic_id.0) } else { body }
}

fn metadata_partition(partition: &MetadataPartition, version: i16) -> MetadataResponsePartition {
    let mut body = MetadataResponsePartition::default()
        .with_error_code(partition.error.code())
        .with_partition_index(partition.partition)
        .with_leader_id(broker(partition.leader))
        .with_replica_nodes(brokers(&partition.replicas))
        .with_isr_nodes(brokers(&partition.isr));
    if version >= 5 {
        body = body.with_offline_replicas(brokers(&partition.offline_replicas));
    }
    if version >= 7 {
        body = body.with_leader_epoch(partition.leader_epoch.0);
    }
    body
}

pub(super) fn read_metadata_response(body: &WireMetadataResponse) -> Result<MetadataResponse, WireError> {
    let nodes = body
        .brokers
        .iter()
        .map(|node| {
            Ok(NodeEndpoint {
                node: read_broker(node.node_id),
                endpoint: read_endpoint(&node.host, node.port)?,
                rack: node.rack.as_ref().map(|rack| rack.to_string()),
            })
        })
        .collect::<Result<_, _>>()?;
    let read_partition = |partition: &MetadataResponsePartition| MetadataPartition {
        error: ErrorCode::from_code(partition.error_code),
        partition: partition.partition_index,
        leader: read_broker(partition.leader_id),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: read_brokers(&partition.replica_nodes),
        isr: read_brokers(&partition.isr_nodes),
        offline_replicas: read_brokers(&partition.offline_replicas),
    };
    let topics = body
        .topics
        .iter()
        .map(|topic| MetadataTopic {
            error: ErrorCode::from_code(topic.error_code),
            // Null stands for a topic asked for by an id that does not exist.
            name: topic.name.as_ref().map_or_else(|| TopicName::new(""), read_topic_name),
            topic_id: TopicId(topic.topic_id),
            partitions: topic.partitions.iter().map(read_partition).collect(),
        })
        .collect();
    Ok(MetadataResponse {
        error: ErrorCode::from_code(body.error_code),
        brokers: nodes,
        controller_id: read_broker(body.controller_id),
        topics,
    })
}

pub(super) fn api_versions_request(request: &ApiVersionsRequest, version: i16) -> WireApiVersionsRequest {
    if version < 3 {
        return WireApiVersionsRequest::default();
    }
    WireApiVersionsRequest::default()
        .with_client_software_name(text(&request.client_software_name))
        .with_client_software_version(text(&request.client_software_version))
}

pub(super) fn read_api_versions_request(body: &WireApiVersionsRequest) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: body.client_software_name.to_string(),
        client_software_version: body.client_software_version.to_string(),
    }
}

pub(super) fn api_versions_response(response: &ApiVersionsResponse, version: i16) -> WireApiVersionsResponse {
    let keys = response
        .api_keys
        .iter()
        .map(|(key, lowest, highest)| {
            ApiVersion::default().with_api_key(*key).with_min_version(*lowest).with_max_version(*highest)
        })
        .collect();
    let body = WireApiVersionsResponse::default().with_error_code(response.error.code()).with_api_keys(keys);
    if version < 3 {
        return body;
    }
    // Before version 4 a client took a lowest version of 0 for a broken answer, so Kafka
    // leaves such features out of it (KAFKA-17011).
    let supported = response
        .supported_features
        .iter()
        .filter(|(_, lowest, _)| version >= 4 || *lowest != 0)
        .map(|(name, lowest, highest)| {
            SupportedFeatureKey::default().with_name(text(name)).with_min_version(*lowest).with_max_version(*highest)
        })
        .collect();
    let finalized = response
        .finalized_features
        .iter()
        .map(|(name, level)| {
            FinalizedFeatureKey::default()
                .with_name(text(name))
                .with_min_version_level(*level)
                .with_max_version_level(*level)
        })
        .collect();
    body.with_supported_features(supported)
        .with_finalized_features(finalized)
        .with_finalized_features_epoch(response.finalized_features_epoch)
}

pub(super) fn read_api_versions_response(body: &WireApiVersionsResponse) -> ApiVersionsResponse {
    ApiVersionsResponse {
        error: ErrorCode::from_code(body.error_code),
        api_keys: body.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect(),
        finalized_features: body
            .finalized_features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.max_version_level))
            .collect(),
        finalized_features_epoch: body.finalized_features_epoch,
        supported_features: body
            .supported_features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.min_version, feature.max_version))
            .collect(),
    }
}
