//! The same answer to everything: how each response says that nothing was done.

use crate::ids::{BrokerEpoch, ProducerId, TopicId};
use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionReassignmentsResponse, AlterPartitionResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, ControllerRegistrationResponse, CreatableTopicResult, CreatePartitionsResponse,
    CreateTopicsResponse, DeleteTopicsResponse, ElectLeadersResponse, ErrorCode, IncrementalAlterConfigsResponse,
    Request, Response,
};

/// The response that refuses a whole request.
pub(super) fn refusal(request: &Request, error: ErrorCode) -> Response {
    match request {
        Request::CreateTopics(request) => {
            let topics = request.topics.iter().map(|topic| CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: TopicId::ZERO,
                error,
                error_message: None,
                num_partitions: -1,
                replication_factor: -1,
            });
            CreateTopicsResponse { topics: topics.collect() }.into()
        }
        Request::DeleteTopics(request) => {
            let topics = request.topics.iter().map(|name| (name.clone(), TopicId::ZERO, error));
            DeleteTopicsResponse { topics: topics.collect() }.into()
        }
        Request::CreatePartitions(request) => {
            let topics = request.topics.iter().map(|topic| (topic.name.clone(), error, None));
            CreatePartitionsResponse { topics: topics.collect() }.into()
        }
        Request::ElectLeaders(_) => ElectLeadersResponse { error, partitions: Vec::new() }.into(),
        Request::IncrementalAlterConfigs(request) => {
            let resources = request.resources.iter().map(|(resource, _)| (resource.clone(), error, None));
            IncrementalAlterConfigsResponse { resources: resources.collect() }.into()
        }
        Request::AlterPartitionReassignments(_) => {
            AlterPartitionReassignmentsResponse { error, partitions: Vec::new() }.into()
        }
        Request::AlterPartition(_) => AlterPartitionResponse { error, partitions: Vec::new() }.into(),
        Request::BrokerRegistration(_) => BrokerRegistrationResponse { error, broker_epoch: BrokerEpoch::NONE }.into(),
        Request::BrokerHeartbeat(_) => heartbeat_refusal(error).into(),
        Request::AllocateProducerIds(_) => producer_ids_refusal(error).into(),
        Request::ControllerRegistration(_) => ControllerRegistrationResponse { error }.into(),
        other => unreachable!("{:?} is not the controller's to answer", other.api()),
    }
}

/// A heartbeat's answer in which only the error counts; the rest has Kafka's defaults.
pub(super) fn heartbeat_refusal(error: ErrorCode) -> BrokerHeartbeatResponse {
    BrokerHeartbeatResponse { error, is_caught_up: false, is_fenced: true, should_shut_down: false }
}

/// No producer ids.
pub(super) fn producer_ids_refusal(error: ErrorCode) -> AllocateProducerIdsResponse {
    AllocateProducerIdsResponse { error, producer_id_start: ProducerId(0), producer_id_len: 0 }
}
