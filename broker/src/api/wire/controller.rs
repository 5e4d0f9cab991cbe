//! What brokers and controllers say to the active controller: AlterPartition (56),
//! BrokerRegistration (62), BrokerHeartbeat (63), AllocateProducerIds (67),
//! ControllerRegistration (70).

use kafka_protocol::messages::alter_partition_request::{
    BrokerState, PartitionData as ProposedPartition, TopicData as ProposedTopic,
};
use kafka_protocol::messages::alter_partition_response::{
    PartitionData as AlteredPartition, TopicData as AlteredTopic,
};
use kafka_protocol::messages::broker_registration_request::{Feature as BrokerFeature, Listener as BrokerListener};
use kafka_protocol::messages::controller_registration_request::{
    Feature as ControllerFeature, Listener as ControllerListener,
};
use kafka_protocol::messages::{
    AllocateProducerIdsRequest as WireAllocateProducerIdsRequest,
    AllocateProducerIdsResponse as WireAllocateProducerIdsResponse, AlterPartitionRequest as WireAlterPartitionRequest,
    AlterPartitionResponse as WireAlterPartitionResponse, BrokerHeartbeatRequest as WireBrokerHeartbeatRequest,
    BrokerHeartbeatResponse as WireBrokerHeartbeatResponse, BrokerRegistrationRequest as WireBrokerRegistrationRequest,
    BrokerRegistrationResponse as WireBrokerRegistrationResponse,
    ControllerRegistrationRequest as WireControllerRegistrationRequest,
    ControllerRegistrationResponse as WireControllerRegistrationResponse, ProducerId as WireProducerId,
};
use kafka_protocol::protocol::StrBytes;

use super::WireError;
use super::common::{broker, brokers, by_topic, cluster_id, read_broker, read_brokers, read_cluster_id, text};
use crate::ids::{
    BrokerEpoch, DirectoryId, Endpoint, IncarnationId, LeaderEpoch, NodeId, PartitionEpoch, ProducerId, TopicId,
};
use crate::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionProposal, AlterPartitionRequest,
    AlterPartitionResponse, AlterPartitionResult, BrokerHeartbeatRequest, BrokerHeartbeatResponse,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ControllerRegistrationRequest,
    ControllerRegistrationResponse, ErrorCode, LeaderRecoveryState,
};

/// Simplified: Trial's processes have one listener a role, without encryption.
const BROKER_LISTENER: &str = "PLAINTEXT";
pub(super) const CONTROLLER_LISTENER: &str = "CONTROLLER";
/// `SecurityProtocol.PLAINTEXT`.
const PLAINTEXT: i16 = 0;

fn recovery_state(state: LeaderRecoveryState) -> i8 {
    match state {
        LeaderRecoveryState::Recovered => 0,
        LeaderRecoveryState::Recovering => 1,
    }
}

fn read_recovery_state(state: i8) -> Result<LeaderRecoveryState, WireError> {
    match state {
        0 => Ok(LeaderRecoveryState::Recovered),
        1 => Ok(LeaderRecoveryState::Recovering),
        other => Err(WireError::value("leader recovery state", other)),
    }
}

pub(super) fn alter_partition_request(request: &AlterPartitionRequest, version: i16) -> WireAlterPartitionRequest {
    let topics = by_topic(&request.partitions, |proposal| proposal.topic_id)
        .map(|(id, run)| {
            let partitions = run.iter().map(|proposal| proposed_partition(proposal, version)).collect();
            ProposedTopic::default().with_topic_id(id.0).with_partitions(partitions)
        })
        .collect();
    WireAlterPartitionRequest::default()
        .with_broker_id(broker(request.broker))
        .with_broker_epoch(request.broker_epoch.0)
        .with_topics(topics)
}

fn proposed_partition(proposal: &AlterPartitionProposal, version: i16) -> ProposedPartition {
    let body = ProposedPartition::default()
        .with_partition_index(proposal.partition)
        .with_leader_epoch(proposal.leader_epoch.0)
        .with_leader_recovery_state(recovery_state(proposal.leader_recovery_state))
        .with_partition_epoch(proposal.partition_epoch.0);
    // Version 3 added the broker epochs (KIP-903).
    if version >= 3 {
        let member = |(node, epoch): &(NodeId, BrokerEpoch)| {
            BrokerState::default().with_broker_id(broker(*node)).with_broker_epoch(epoch.0)
        };
        body.with_new_isr_with_epochs(proposal.new_isr.iter().map(member).collect())
    } else {
        body.with_new_isr(proposal.new_isr.iter().map(|(node, _)| broker(*node)).collect())
    }
}

pub(super) fn read_alter_partition_request(
    body: &WireAlterPartitionRequest,
    version: i16,
) -> Result<AlterPartitionRequest, WireError> {
    let mut partitions = Vec::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            let new_isr = if version >= 3 {
                let member = |member: &BrokerState| (read_broker(member.broker_id), BrokerEpoch(member.broker_epoch));
                partition.new_isr_with_epochs.iter().map(member).collect()
            } else {
                // Bare ids count as "broker epoch unknown", which the controller accepts.
                partition.new_isr.iter().map(|id| (read_broker(*id), BrokerEpoch::NONE)).collect()
            };
            partitions.push(AlterPartitionProposal {
                topic_id: TopicId(topic.topic_id),
                partition: partition.partition_index,
                leader_epoch: LeaderEpoch(partition.leader_epoch),
                new_isr,
                leader_recovery_state: read_recovery_state(partition.leader_recovery_state)?,
                partition_epoch: PartitionEpoch(partition.partition_epoch),
            });
        }
    }
    Ok(AlterPartitionRequest {
        broker: read_broker(body.broker_id),
        broker_epoch: BrokerEpoch(body.broker_epoch),
        partitions,
    })
}

pub(super) fn alter_partition_response(response: &AlterPartitionResponse) -> WireAlterPartitionResponse {
    let partition = |result: &AlterPartitionResult| {
        AlteredPartition::default()
            .with_partition_index(result.partition)
            .with_error_code(result.error.code())
            .with_leader_id(broker(result.leader))
            .with_leader_epoch(result.leader_epoch.0)
            .with_isr(brokers(&result.isr))
            .with_leader_recovery_state(recovery_state(result.leader_recovery_state))
            .with_partition_epoch(result.partition_epoch.0)
    };
    let topics = by_topic(&response.partitions, |result| result.topic_id)
        .map(|(id, run)| {
            AlteredTopic::default().with_topic_id(id.0).with_partitions(run.iter().map(partition).collect())
        })
        .collect();
    WireAlterPartitionResponse::default().with_error_code(response.error.code()).with_topics(topics)
}

pub(super) fn read_alter_partition_response(
    body: &WireAlterPartitionResponse,
) -> Result<AlterPartitionResponse, WireError> {
    let mut partitions = Vec::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            partitions.push(AlterPartitionResult {
                topic_id: TopicId(topic.topic_id),
                partition: partition.partition_index,
                error: ErrorCode::from_code(partition.error_code),
                leader: read_broker(partition.leader_id),
                leader_epoch: LeaderEpoch(partition.leader_epoch),
                isr: read_brokers(&partition.isr),
                leader_recovery_state: read_recovery_state(partition.leader_recovery_state)?,
                partition_epoch: PartitionEpoch(partition.partition_epoch),
            });
        }
    }
    Ok(AlterPartitionResponse { error: ErrorCode::from_code(body.error_code), partitions })
}

pub(super) fn broker_registration_request(
    request: &BrokerRegistrationRequest,
    version: i16,
) -> WireBrokerRegistrationRequest {
    let listener = |endpoint: &Endpoint| {
        BrokerListener::default()
            .with_name(StrBytes::from_static_str(BROKER_LISTENER))
            .with_host(text(&endpoint.host))
            .with_port(endpoint.port)
            .with_security_protocol(PLAINTEXT)
    };
    // Before version 4 a lowest version of 0 was taken for an error; Kafka leaves such features out.
    let features = request
        .features
        .iter()
        .filter(|(_, lowest, _)| version >= 4 || *lowest != 0)
        .map(|(name, lowest, highest)| {
            BrokerFeature::default()
                .with_name(text(name))
                .with_min_supported_version(*lowest)
                .with_max_supported_version(*highest)
        })
        .collect();
    let mut body = WireBrokerRegistrationRequest::default()
        .with_broker_id(broker(request.broker))
        .with_cluster_id(cluster_id(request.cluster_id))
        .with_incarnation_id(request.incarnation_id.0)
        .with_listeners(request.listeners.iter().map(listener).collect())
        .with_features(features)
        .with_rack(request.rack.as_deref().map(text));
    if version >= 2 {
        body = body.with_log_dirs(request.log_directories.iter().map(|directory| directory.0).collect());
    }
    if version >= 3 {
        body = body.with_previous_broker_epoch(request.previous_broker_epoch.0);
    }
    body
}

pub(super) fn read_broker_registration_request(
    body: &WireBrokerRegistrationRequest,
) -> Result<BrokerRegistrationRequest, WireError> {
    Ok(BrokerRegistrationRequest {
        broker: read_broker(body.broker_id),
        cluster_id: read_cluster_id(&body.cluster_id)?,
        incarnation_id: IncarnationId(body.incarnation_id),
        listeners: body.listeners.iter().map(|listener| Endpoint::new(&listener.host, listener.port)).collect(),
        features: body
            .features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.min_supported_version, feature.max_supported_version))
            .collect(),
        rack: body.rack.as_ref().map(|rack| rack.to_string()),
        log_directories: body.log_dirs.iter().map(|directory| DirectoryId(*directory)).collect(),
        previous_broker_epoch: BrokerEpoch(body.previous_broker_epoch),
    })
}

pub(super) fn broker_registration_response(response: &BrokerRegistrationResponse) -> WireBrokerRegistrationResponse {
    WireBrokerRegistrationResponse::default()
        .with_error_code(response.error.code())
        .with_broker_epoch(response.broker_epoch.0)
}

pub(super) fn read_broker_registration_response(body: &WireBrokerRegistrationResponse) -> BrokerRegistrationResponse {
    BrokerRegistrationResponse {
        error: ErrorCode::from_code(body.error_code),
        broker_epoch: BrokerEpoch(body.broker_epoch),
    }
}

pub(super) fn broker_heartbeat_request(request: &BrokerHeartbeatRequest, version: i16) -> WireBrokerHeartbeatRequest {
    let body = WireBrokerHeartbeatRequest::default()
        .with_broker_id(broker(request.broker))
        .with_broker_epoch(request.broker_epoch.0)
        .with_current_metadata_offset(request.current_metadata_offset)
        .with_want_fence(request.want_fence)
        .with_want_shut_down(request.want_shut_down);
    if version >= 1 {
        body.with_offline_log_dirs(request.offline_log_directories.iter().map(|directory| directory.0).collect())
    } else {
        body
    }
}

pub(super) fn read_broker_heartbeat_request(body: &WireBrokerHeartbeatRequest) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest {
        broker: read_broker(body.broker_id),
        broker_epoch: BrokerEpoch(body.broker_epoch),
        current_metadata_offset: body.current_metadata_offset,
        want_fence: body.want_fence,
        want_shut_down: body.want_shut_down,
        offline_log_directories: body.offline_log_dirs.iter().map(|directory| DirectoryId(*directory)).collect(),
    }
}

pub(super) fn broker_heartbeat_response(response: &BrokerHeartbeatResponse) -> WireBrokerHeartbeatResponse {
    WireBrokerHeartbeatResponse::default()
        .with_error_code(response.error.code())
        .with_is_caught_up(response.is_caught_up)
        .with_is_fenced(response.is_fenced)
        .with_should_shut_down(response.should_shut_down)
}

pub(super) fn read_broker_heartbeat_response(body: &WireBrokerHeartbeatResponse) -> BrokerHeartbeatResponse {
    BrokerHeartbeatResponse {
        error: ErrorCode::from_code(body.error_code),
        is_caught_up: body.is_caught_up,
        is_fenced: body.is_fenced,
        should_shut_down: body.should_shut_down,
    }
}

pub(super) fn allocate_producer_ids_request(request: &AllocateProducerIdsRequest) -> WireAllocateProducerIdsRequest {
    WireAllocateProducerIdsRequest::default()
        .with_broker_id(broker(request.broker))
        .with_broker_epoch(request.broker_epoch.0)
}

pub(super) fn read_allocate_producer_ids_request(body: &WireAllocateProducerIdsRequest) -> AllocateProducerIdsRequest {
    AllocateProducerIdsRequest { broker: read_broker(body.broker_id), broker_epoch: BrokerEpoch(body.broker_epoch) }
}

pub(super) fn allocate_producer_ids_response(
    response: &AllocateProducerIdsResponse,
) -> WireAllocateProducerIdsResponse {
    WireAllocateProducerIdsResponse::default()
        .with_error_code(response.error.code())
        .with_producer_id_start(WireProducerId(response.producer_id_start.0))
        .with_producer_id_len(response.producer_id_len)
}

pub(super) fn read_allocate_producer_ids_response(
    body: &WireAllocateProducerIdsResponse,
) -> AllocateProducerIdsResponse {
    AllocateProducerIdsResponse {
        error: ErrorCode::from_code(body.error_code),
        producer_id_start: ProducerId(body.producer_id_start.0),
        producer_id_len: body.producer_id_len,
    }
}

pub(super) fn controller_registration_request(
    request: &ControllerRegistrationRequest,
) -> WireControllerRegistrationRequest {
    let listener = |endpoint: &Endpoint| {
        ControllerListener::default()
            .with_name(StrBytes::from_static_str(CONTROLLER_LISTENER))
            .with_host(text(&endpoint.host))
            .with_port(endpoint.port)
            .with_security_protocol(PLAINTEXT)
    };
    let feature = |(name, lowest, highest): &(String, i16, i16)| {
        ControllerFeature::default()
            .with_name(text(name))
            .with_min_supported_version(*lowest)
            .with_max_supported_version(*highest)
    };
    WireControllerRegistrationRequest::default()
        .with_controller_id(request.controller.0)
        .with_incarnation_id(request.incarnation_id.0)
        .with_listeners(request.listeners.iter().map(listener).collect())
        .with_features(request.features.iter().map(feature).collect())
}

pub(super) fn read_controller_registration_request(
    body: &WireControllerRegistrationRequest,
) -> ControllerRegistrationRequest {
    ControllerRegistrationRequest {
        controller: NodeId(body.controller_id),
        incarnation_id: IncarnationId(body.incarnation_id),
        listeners: body.listeners.iter().map(|listener| Endpoint::new(&listener.host, listener.port)).collect(),
        features: body
            .features
            .iter()
            .map(|feature| (feature.name.to_string(), feature.min_supported_version, feature.max_supported_version))
            .collect(),
    }
}

pub(super) fn controller_registration_response(
    response: &ControllerRegistrationResponse,
) -> WireControllerRegistrationResponse {
    WireControllerRegistrationResponse::default().with_error_code(response.error.code())
}

pub(super) fn read_controller_registration_response(
    body: &WireControllerRegistrationResponse,
) -> ControllerRegistrationResponse {
    ControllerRegistrationResponse { error: ErrorCode::from_code(body.error_code) }
}
