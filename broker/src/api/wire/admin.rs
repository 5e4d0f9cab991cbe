//! What administrators ask for: CreateTopics (19), DeleteTopics (20), CreatePartitions
//! (37), ElectLeaders (43), IncrementalAlterConfigs (44), AlterPartitionReassignments (45).

use kafka_protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic as WireCreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic as WireCreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult as WireCreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest as WireAlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse as WireAlterPartitionReassignmentsResponse,
    CreatePartitionsRequest as WireCreatePartitionsRequest, CreatePartitionsResponse as WireCreatePartitionsResponse,
    CreateTopicsRequest as WireCreateTopicsRequest, CreateTopicsResponse as WireCreateTopicsResponse,
    DeleteTopicsRequest as WireDeleteTopicsRequest, DeleteTopicsResponse as WireDeleteTopicsResponse,
    ElectLeadersRequest as WireElectLeadersRequest, ElectLeadersResponse as WireElectLeadersResponse,
    IncrementalAlterConfigsRequest as WireIncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse as WireIncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::WireError;
use super::common::{brokers, by_topic, partition_of, read_brokers, read_topic_name, text, topic_name};
use crate::ids::{GroupId, NodeId, TopicId, TopicName};
use crate::message::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ConfigResource, CreatableTopic,
    CreatableTopicResult, CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ElectionType, ErrorCode, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

fn read_text(text: &Option<StrBytes>) -> Option<String> {
    text.as_ref().map(|text| text.to_string())
}

pub(super) fn create_topics_request(request: &CreateTopicsRequest) -> WireCreateTopicsRequest {
    let topic = |topic: &CreatableTopic| {
        let assignments = topic.assignments.iter().zip(0..).map(|(replicas, partition)| {
            CreatableReplicaAssignment::default().with_partition_index(partition).with_broker_ids(brokers(replicas))
        });
        let configs = topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value))));
        WireCreatableTopic::default()
            .with_name(topic_name(&topic.name))
            .with_num_partitions(topic.num_partitions)
            .with_replication_factor(topic.replication_factor)
            .with_assignments(assignments.collect())
            .with_configs(configs.collect())
    };
    WireCreateTopicsRequest::default()
        .with_topics(request.topics.iter().map(topic).collect())
        .with_timeout_ms(request.timeout_ms)
        .with_validate_only(request.validate_only)
}

pub(super) fn read_create_topics_request(body: &WireCreateTopicsRequest) -> Result<CreateTopicsRequest, WireError> {
    let mut topics = Vec::new();
    for topic in &body.topics {
        // Simplified: Kafka answers INVALID_CONFIG to a value of null.
        let configs = topic
            .configs
            .iter()
            .map(|config| match &config.value {
                Some(value) => Ok((config.name.to_string(), value.to_string())),
                None => Err(WireError::value("topic configuration", &config.name)),
            })
            .collect::<Result<_, _>>()?;
        topics.push(CreatableTopic {
            name: read_topic_name(&topic.name),
            num_partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            assignments: read_assignments(&topic.assignments)?,
            configs,
        });
    }
    Ok(CreateTopicsRequest { topics, timeout_ms: body.timeout_ms, validate_only: body.validate_only })
}

/// The replicas in the order of the partitions, whatever the order on the wire.
/// Simplified: Kafka answers INVALID_REPLICA_ASSIGNMENT to gaps and duplicates.
fn read_assignments(assignments: &[CreatableReplicaAssignment]) -> Result<Vec<Vec<NodeId>>, WireError> {
    let mut sorted: Vec<_> = assignments.iter().collect();
    sorted.sort_by_key(|assignment| assignment.partition_index);
    sorted
        .iter()
        .zip(0..)
        .map(|(assignment, expected)| match assignment.partition_index {
            index if index == expected => Ok(read_brokers(&assignment.broker_ids)),
            index => Err(WireError::value("partition of an assignment", index)),
        })
        .collect()
}

pub(super) fn create_topics_response(response: &CreateTopicsResponse, version: i16) -> WireCreateTopicsResponse {
    let topic = |topic: &CreatableTopicResult| {
        let mut body = WireCreatableTopicResult::default()
            .with_name(topic_name(&topic.name))
            .with_error_code(topic.error.code())
            .with_error_message(topic.error_message.as_deref().map(text));
        if version >= 5 {
            body = body.with_num_partitions(topic.num_partitions).with_replication_factor(topic.replication_factor);
        }
        if version >= 7 {
            body = body.with_topic_id(topic.topic_id.0);
        }
        body
    };
    WireCreateTopicsResponse::default().with_topics(response.topics.iter().map(topic).collect())
}

pub(super) fn read_create_topics_response(body: &WireCreateTopicsResponse) -> CreateTopicsResponse {
    let topics = body.topics.iter().map(|topic| CreatableTopicResult {
        name: read_topic_name(&topic.name),
        topic_id: TopicId(topic.topic_id),
        error: ErrorCode::from_code(topic.error_code),
        error_message: read_text(&topic.error_message),
        num_partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
    });
    CreateTopicsResponse { topics: topics.collect() }
}

pub(super) fn delete_topics_request(request: &DeleteTopicsRequest, version: i16) -> WireDeleteTopicsRequest {
    let body = WireDeleteTopicsRequest::default().with_timeout_ms(request.timeout_ms);
    if version >= 6 {
        let state = |name: &TopicName| DeleteTopicState::default().with_name(Some(topic_name(name)));
        body.with_topics(request.topics.iter().map(state).collect())
    } else {
        body.with_topic_names(request.topics.iter().map(topic_name).collect())
    }
}

pub(super) fn read_delete_topics_request(
    body: &WireDeleteTopicsRequest,
    version: i16,
) -> Result<DeleteTopicsRequest, WireError> {
    let topics = if version >= 6 {
        body.topics
            .iter()
            .map(|topic| match &topic.name {
                Some(name) => Ok(read_topic_name(name)),
                // Simplified: topics are deleted by name only.
                None => Err(WireError::value("topic id to delete", topic.topic_id)),
            })
            .collect::<Result<_, _>>()?
    } else {
        body.topic_names.iter().map(read_topic_name).collect()
    };
    Ok(DeleteTopicsRequest { topics, timeout_ms: body.timeout_ms })
}

pub(super) fn delete_topics_response(response: &DeleteTopicsResponse, version: i16) -> WireDeleteTopicsResponse {
    let topic = |(name, id, error): &(TopicName, TopicId, ErrorCode)| {
        let body = DeletableTopicResult::default().with_name(Some(topic_name(name))).with_error_code(error.code());
        if version >= 6 { body.with_topic_id(id.0) } else { body }
    };
    WireDeleteTopicsResponse::default().with_responses(response.topics.iter().map(topic).collect())
}

pub(super) fn read_delete_topics_response(body: &WireDeleteTopicsResponse) -> DeleteTopicsResponse {
    let topics = body.responses.iter().map(|topic| {
        let name = topic.name.as_ref().map_or_else(|| TopicName::new(""), read_topic_name);
        (name, TopicId(topic.topic_id), ErrorCode::from_code(topic.error_code))
    });
    DeleteTopicsResponse { topics: topics.collect() }
}

pub(super) fn create_partitions_request(request: &CreatePartitionsRequest) -> WireCreatePartitionsRequest {
    let topic = |topic: &CreatePartitionsTopic| {
        // Null stands for "let the controller place".
        let assignments = (!topic.assignments.is_empty()).then(|| {
            let assignment =
                |replicas: &Vec<NodeId>| CreatePartitionsAssignment::default().with_broker_ids(brokers(replicas));
            topic.assignments.iter().map(assignment).collect()
        });
        WireCreatePartitionsTopic::default()
            .with_name(topic_name(&topic.name))
            .with_count(topic.count)
            .with_assignments(assignments)
    };
    WireCreatePartitionsRequest::default()
        .with_topics(request.topics.iter().map(topic).collect())
        .with_timeout_ms(request.timeout_ms)
        .with_validate_only(request.validate_only)
}

pub(super) fn read_create_partitions_request(body: &WireCreatePartitionsRequest) -> CreatePartitionsRequest {
    let topics = body.topics.iter().map(|topic| CreatePartitionsTopic {
        name: read_topic_name(&topic.name),
        count: topic.count,
        assignments: topic
            .assignments
            .iter()
            .flatten()
            .map(|assignment| read_brokers(&assignment.broker_ids))
            .collect(),
    });
    CreatePartitionsRequest { topics: topics.collect(), timeout_ms: body.timeout_ms, validate_only: body.validate_only }
}

pub(super) fn create_partitions_response(response: &CreatePartitionsResponse) -> WireCreatePartitionsResponse {
    let topic = |(name, error, message): &(TopicName, ErrorCode, Option<String>)| {
        CreatePartitionsTopicResult::default()
            .with_name(topic_name(name))
            .with_error_code(error.code())
            .with_error_message(message.as_deref().map(text))
    };
    WireCreatePartitionsResponse::default().with_results(response.topics.iter().map(topic).collect())
}

pub(super) fn read_create_partitions_response(body: &WireCreatePartitionsResponse) -> CreatePartitionsResponse {
    let topics = body.results.iter().map(|topic| {
        (read_topic_name(&topic.name), ErrorCode::from_code(topic.error_code), read_text(&topic.error_message))
    });
    CreatePartitionsResponse { topics: topics.collect() }
}

pub(super) fn elect_leaders_request(request: &ElectLeadersRequest, version: i16) -> WireElectLeadersRequest {
    let topics = request.partitions.as_ref().map(|partitions| {
        by_topic(partitions, |partition| &partition.topic)
            .map(|(name, run)| {
                TopicPartitions::default()
                    .with_topic(topic_name(name))
                    .with_partitions(run.iter().map(|partition| partition.partition).collect())
            })
            .collect()
    });
    let body = WireElectLeadersRequest::default().with_topic_partitions(topics).with_timeout_ms(request.timeout_ms);
    // Version 0 knew only preferred leaders (KIP-460).
    if version >= 1 {
        body.with_election_type(match request.election_type {
            ElectionType::Preferred => 0,
            ElectionType::Unclean => 1,
        })
    } else {
        body
    }
}

pub(super) fn read_elect_leaders_request(body: &WireElectLeadersRequest) -> Result<ElectLeadersRequest, WireError> {
    let election_type = match body.election_type {
        0 => ElectionType::Preferred,
        1 => ElectionType::Unclean,
        other => return Err(WireError::value("election type", other)),
    };
    let partitions = body.topic_partitions.as_ref().map(|topics| {
        topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|partition| partition_of(&topic.topic, *partition)))
            .collect()
    });
    Ok(ElectLeadersRequest { election_type, partitions, timeout_ms: body.timeout_ms })
}

pub(super) fn elect_leaders_response(response: &ElectLeadersResponse, version: i16) -> WireElectLeadersResponse {
    let topics = by_topic(&response.partitions, |(partition, _)| &partition.topic)
        .map(|(name, run)| {
            let results = run.iter().map(|(partition, error)| {
                PartitionResult::default().with_partition_id(partition.partition).with_error_code(error.code())
            });
            ReplicaElectionResult::default().with_topic(topic_name(name)).with_partition_result(results.collect())
        })
        .collect();
    let body = WireElectLeadersResponse::default().with_replica_election_results(topics);
    if version >= 1 { body.with_error_code(response.error.code()) } else { body }
}

pub(super) fn read_elect_leaders_response(body: &WireElectLeadersResponse) -> ElectLeadersResponse {
    let partitions = body.replica_election_results.iter().flat_map(|topic| {
        topic
            .partition_result
            .iter()
            .map(|result| (partition_of(&topic.topic, result.partition_id), ErrorCode::from_code(result.error_code)))
    });
    ElectLeadersResponse { error: ErrorCode::from_code(body.error_code), partitions: partitions.collect() }
}

/// `ConfigResource.Type` of Kafka's clients.
const TOPIC_RESOURCE: i8 = 2;
const BROKER_RESOURCE: i8 = 4;
const GROUP_RESOURCE: i8 = 32;
/// `AlterConfigOp.OpType` of Kafka's clients.
const SET: i8 = 0;
const DELETE: i8 = 1;

fn resource(resource: &ConfigResource) -> (i8, StrBytes) {
    match resource {
        ConfigResource::Topic(name) => (TOPIC_RESOURCE, text(name.as_str())),
        ConfigResource::Broker(node) => (BROKER_RESOURCE, StrBytes::from_string(node.to_string())),
        // The broker without a name is every broker (KIP-226).
        ConfigResource::Cluster => (BROKER_RESOURCE, text("")),
        ConfigResource::Group(group) => (GROUP_RESOURCE, text(group.as_str())),
    }
}

fn read_resource(kind: i8, name: &StrBytes) -> Result<ConfigResource, WireError> {
    match (kind, name.as_str()) {
        (TOPIC_RESOURCE, name) => Ok(ConfigResource::Topic(TopicName::new(name))),
        (BROKER_RESOURCE, "") => Ok(ConfigResource::Cluster),
        (BROKER_RESOURCE, name) => {
            let id = name.parse().map_err(|_| WireError::value("broker of a configuration", name))?;
            Ok(ConfigResource::Broker(NodeId(id)))
        }
        (GROUP_RESOURCE, group) => Ok(ConfigResource::Group(GroupId::new(group))),
        // Simplified: no client metrics or loggers.
        (other, _) => Err(WireError::value("configuration resource type", other)),
    }
}

pub(super) fn incremental_alter_configs_request(
    request: &IncrementalAlterConfigsRequest,
) -> WireIncrementalAlterConfigsRequest {
    let change = |(name, value): &(String, Option<String>)| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(if value.is_some() { SET } else { DELETE })
            .with_value(value.as_deref().map(text))
    };
    let resources = request.resources.iter().map(|(of, changes)| {
        let (kind, name) = resource(of);
        AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(name)
            .with_configs(changes.iter().map(change).collect())
    });
    WireIncrementalAlterConfigsRequest::default()
        .with_resources(resources.collect())
        .with_validate_only(request.validate_only)
}

pub(super) fn read_incremental_alter_configs_request(
    body: &WireIncrementalAlterConfigsRequest,
) -> Result<IncrementalAlterConfigsRequest, WireError> {
    let read_change = |change: &AlterableConfig| match (change.config_operation, &change.value) {
        (SET, Some(value)) => Ok((change.name.to_string(), Some(value.to_string()))),
        (DELETE, _) => Ok((change.name.to_string(), None)),
        // Simplified: no appending to and subtracting from lists.
        (other, _) => Err(WireError::value("configuration operation", other)),
    };
    let mut resources = Vec::new();
    for of in &body.resources {
        let changes = of.configs.iter().map(read_change).collect::<Result<_, _>>()?;
        resources.push((read_resource(of.resource_type, &of.resource_name)?, changes));
    }
    Ok(IncrementalAlterConfigsRequest { resources, validate_only: body.validate_only })
}

pub(super) fn incremental_alter_configs_response(
    response: &IncrementalAlterConfigsResponse,
) -> WireIncrementalAlterConfigsResponse {
    let answers = response.resources.iter().map(|(of, error, message)| {
        let (kind, name) = resource(of);
        AlterConfigsResourceResponse::default()
            .with_resource_type(kind)
            .with_resource_name(name)
            .with_error_code(error.code())
            .with_error_message(message.as_deref().map(text))
    });
    WireIncrementalAlterConfigsResponse::default().with_responses(answers.collect())
}

pub(super) fn read_incremental_alter_configs_response(
    body: &WireIncrementalAlterConfigsResponse,
) -> Result<IncrementalAlterConfigsResponse, WireError> {
    let read = |answer: &AlterConfigsResourceResponse| {
        let of = read_resource(answer.resource_type, &answer.resource_name)?;
        Ok((of, ErrorCode::from_code(answer.error_code), read_text(&answer.error_message)))
    };
    Ok(IncrementalAlterConfigsResponse { resources: body.responses.iter().map(read).collect::<Result<_, _>>()? })
}

pub(super) fn alter_partition_reassignments_request(
    request: &AlterPartitionReassignmentsRequest,
) -> WireAlterPartitionReassignmentsRequest {
    let topics = by_topic(&request.partitions, |(partition, _)| &partition.topic)
        .map(|(name, run)| {
            let partitions = run.iter().map(|(partition, replicas)| {
                ReassignablePartition::default()
                    .with_partition_index(partition.partition)
                    .with_replicas(replicas.as_deref().map(brokers))
            });
            ReassignableTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
        })
        .collect();
    WireAlterPartitionReassignmentsRequest::default().with_timeout_ms(request.timeout_ms).with_topics(topics)
}

pub(super) fn read_alter_partition_reassignments_request(
    body: &WireAlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let replicas = partition.replicas.as_deref().map(read_brokers);
            (partition_of(&topic.name, partition.partition_index), replicas)
        })
    });
    AlterPartitionReassignmentsRequest { partitions: partitions.collect(), timeout_ms: body.timeout_ms }
}

pub(super) fn alter_partition_reassignments_response(
    response: &AlterPartitionReassignmentsResponse,
) -> WireAlterPartitionReassignmentsResponse {
    let topics = by_topic(&response.partitions, |(partition, _, _)| &partition.topic)
        .map(|(name, run)| {
            let partitions = run.iter().map(|(partition, error, message)| {
                ReassignablePartitionResponse::default()
                    .with_partition_index(partition.partition)
                    .with_error_code(error.code())
                    .with_error_message(message.as_deref().map(text))
            });
            ReassignableTopicResponse::default().with_name(topic_name(name)).with_partitions(partitions.collect())
        })
        .collect();
    WireAlterPartitionReassignmentsResponse::default().with_error_code(response.error.code()).with_responses(topics)
}

pub(super) fn read_alter_partition_reassignments_response(
    body: &WireAlterPartitionReassignmentsResponse,
) -> AlterPartitionReassignmentsResponse {
    let partitions = body.responses.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let error = ErrorCode::from_code(partition.error_code);
            (partition_of(&topic.name, partition.partition_index), error, read_text(&partition.error_message))
        })
    });
    AlterPartitionReassignmentsResponse {
        error: ErrorCode::from_code(body.error_code),
        partitions: partitions.collect(),
    }
}
