//! Produce (key 0) and InitProducerId (key 22).
//!
//! Up to version 12 a produce request names topics; from 13 on it gives their ids
//! (KIP-516). Versions 3 to 9 have no leader hints (KIP-951).

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint as WireNodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{
    InitProducerIdRequest as WireInitProducerIdRequest, InitProducerIdResponse as WireInitProducerIdResponse,
    ProduceRequest as WireProduceRequest, ProduceResponse as WireProduceResponse, ProducerId as WireProducerId,
    TransactionalId,
};

use super::WireError;
use super::common::{broker, by_topic, read_broker, read_endpoint, read_topic_name, text, topic_name};
use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId, TopicId};
use crate::message::{
    Acks, ErrorCode, InitProducerIdRequest, InitProducerIdResponse, LeaderHint, NodeEndpoint, ProducePartition,
    ProducePartitionResponse, ProduceRequest, ProduceResponse,
};

const FIRST_WITH_TOPIC_IDS: i16 = 13;
const FIRST_WITH_LEADER_HINTS: i16 = 10;

pub(super) fn produce_request(request: &ProduceRequest, version: i16) -> WireProduceRequest {
    let topics = if version >= FIRST_WITH_TOPIC_IDS {
        by_topic(&request.partitions, |partition| partition.topic_id)
            .map(|(id, run)| TopicProduceData::default().with_topic_id(id.0).with_partition_data(batches(run)))
            .collect()
    } else {
        by_topic(&request.partitions, |partition| &partition.topic)
            .map(|(name, run)| {
                TopicProduceData::default().with_name(topic_name(name)).with_partition_data(batches(run))
            })
            .collect()
    };
    WireProduceRequest::default()
        .with_transactional_id(request.transactional_id.as_deref().map(|id| TransactionalId(text(id))))
        .with_acks(match request.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        })
        .with_timeout_ms(request.timeout_ms)
        .with_topic_data(topics)
}

fn batches(partitions: &[ProducePartition]) -> Vec<PartitionProduceData> {
    partitions
        .iter()
        .map(|partition| {
            PartitionProduceData::default()
                .with_index(partition.partition)
                .with_records(Some(partition.records.clone()))
        })
        .collect()
}

pub(super) fn read_produce_request(body: &WireProduceRequest) -> Result<ProduceRequest, WireError> {
    // Simplified: Kafka answers INVALID_REQUIRED_ACKS to other numbers; no client of its own sends them.
    let acks = match body.acks {
        0 => Acks::None,
        1 => Acks::Leader,
        -1 => Acks::All,
        other => return Err(WireError::value("acks", other)),
    };
    let mut partitions = Vec::new();
    for topic in &body.topic_data {
        let name = read_topic_name(&topic.name);
        for partition in &topic.partition_data {
            partitions.push(ProducePartition {
                topic_id: TopicId(topic.topic_id),
                topic: name.clone(),
                partition: partition.index,
                records: partition.records.clone().unwrap_or_default(),
            });
        }
    }
    Ok(ProduceRequest {
        transactional_id: body.transactional_id.as_ref().map(|id| id.to_string()),
        acks,
        timeout_ms: body.timeout_ms,
        partitions,
    })
}

pub(super) fn produce_response(response: &ProduceResponse, version: i16) -> WireProduceResponse {
    let topics = if version >= FIRST_WITH_TOPIC_IDS {
        by_topic(&response.partitions, |partition| partition.topic_id)
            .map(|(id, run)| {
                TopicProduceResponse::default().with_topic_id(id.0).with_partition_responses(outcomes(run, version))
            })
            .collect()
    } else {
        by_topic(&response.partitions, |partition| &partition.topic)
            .map(|(name, run)| {
                TopicProduceResponse::default()
                    .with_name(topic_name(name))
                    .with_partition_responses(outcomes(run, version))
            })
            .collect()
    };
    let node_endpoints = if version >= FIRST_WITH_LEADER_HINTS { &response.node_endpoints[..] } else { &[] };
    WireProduceResponse::default().with_responses(topics).with_node_endpoints(
        node_endpoints
            .iter()
            .map(|node| {
                WireNodeEndpoint::default()
                    .with_node_id(broker(node.node))
                    .with_host(text(&node.endpoint.host))
                    .with_port(i32::from(node.endpoint.port))
                    .with_rack(node.rack.as_deref().map(text))
            })
            .collect(),
    )
}

fn outcomes(partitions: &[ProducePartitionResponse], version: i16) -> Vec<PartitionProduceResponse> {
    partitions
        .iter()
        .map(|partition| {
            let hint = partition.current_leader.filter(|_| version >= FIRST_WITH_LEADER_HINTS);
            PartitionProduceResponse::default()
                .with_index(partition.partition)
                .with_error_code(partition.error.code())
                .with_base_offset(partition.base_offset)
                .with_log_append_time_ms(partition.log_append_time_ms)
                .with_log_start_offset(if version >= 5 { partition.log_start_offset } else { -1 })
                .with_current_leader(hint.map_or_else(LeaderIdAndEpoch::default, |hint| {
                    LeaderIdAndEpoch::default().with_leader_id(broker(hint.leader)).with_leader_epoch(hint.epoch.0)
                }))
        })
        .collect()
}

pub(super) fn read_produce_response(body: &WireProduceResponse) -> Result<ProduceResponse, WireError> {
    let mut partitions = Vec::new();
    for topic in &body.responses {
        let name = read_topic_name(&topic.name);
        for partition in &topic.partition_responses {
            let leader = &partition.current_leader;
            partitions.push(ProducePartitionResponse {
                topic_id: TopicId(topic.topic_id),
                topic: name.clone(),
                partition: partition.index,
                error: ErrorCode::from_code(partition.error_code),
                base_offset: partition.base_offset,
                log_append_time_ms: partition.log_append_time_ms,
                log_start_offset: partition.log_start_offset,
                current_leader: (*leader != LeaderIdAndEpoch::default()).then(|| LeaderHint {
                    leader: read_broker(leader.leader_id),
                    epoch: LeaderEpoch(leader.leader_epoch),
                }),
            });
        }
    }
    let node_endpoints = body
        .node_endpoints
        .iter()
        .map(|node| {
            Ok(NodeEndpoint {
                node: read_broker(node.node_id),
                endpoint: read_endpoint(&node.host, node.port)?,
                rack: node.rack.as_ref().map(|rack| rack.to_string()),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(ProduceResponse { partitions, node_endpoints })
}

pub(super) fn init_producer_id_request(request: &InitProducerIdRequest, version: i16) -> WireInitProducerIdRequest {
    let body = WireInitProducerIdRequest::default()
        .with_transactional_id(request.transactional_id.as_deref().map(|id| TransactionalId(text(id))))
        .with_transaction_timeout_ms(request.transaction_timeout_ms);
    // Before version 3 a producer could not raise the epoch it has (KIP-360).
    if version >= 3 {
        body.with_producer_id(WireProducerId(request.producer_id.0)).with_producer_epoch(request.producer_epoch.0)
    } else {
        body
    }
}

pub(super) fn read_init_producer_id_request(body: &WireInitProducerIdRequest) -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: body.transactional_id.as_ref().map(|id| id.to_string()),
        transaction_timeout_ms: body.transaction_timeout_ms,
        producer_id: ProducerId(body.producer_id.0),
        producer_epoch: ProducerEpoch(body.producer_epoch),
    }
}

pub(super) fn init_producer_id_response(response: &InitProducerIdResponse) -> WireInitProducerIdResponse {
    WireInitProducerIdResponse::default()
        .with_error_code(response.error.code())
        .with_producer_id(WireProducerId(response.producer_id.0))
        .with_producer_epoch(response.producer_epoch.0)
}

pub(super) fn read_init_producer_id_response(body: &WireInitProducerIdResponse) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error: ErrorCode::from_code(body.error_code),
        producer_id: ProducerId(body.producer_id.0),
        producer_epoch: ProducerEpoch(body.producer_epoch),
    }
}
