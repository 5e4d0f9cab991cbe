//! ListOffsets (key 2), DeleteRecords (key 21) and OffsetForLeaderEpoch (key 23).

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::list_offsets_request::{
    ListOffsetsPartition as WireListOffsetsPartition, ListOffsetsTopic,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse as WireListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset as WireEpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    DeleteRecordsRequest as WireDeleteRecordsRequest, DeleteRecordsResponse as WireDeleteRecordsResponse,
    ListOffsetsRequest as WireListOffsetsRequest, ListOffsetsResponse as WireListOffsetsResponse,
    OffsetForLeaderEpochRequest as WireOffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse as WireOffsetForLeaderEpochResponse,
};

use super::WireError;
use super::common::{broker, by_topic, partition_of, read_broker, topic_name};
use super::fetch::{isolation_level, read_isolation_level};
use crate::ids::{LeaderEpoch, NodeId};
use crate::message::{
    DeleteRecordsPartitionResponse, DeleteRecordsRequest, DeleteRecordsResponse, ErrorCode, ListOffsetsPartition,
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochPartition,
    OffsetForLeaderEpochPartitionResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec,
};

/// "Any replica may answer": what a consumer writes as replica id of OffsetForLeaderEpoch.
const CONSUMER_REPLICA_ID: i32 = -1;

pub(super) fn list_offsets_request(request: &ListOffsetsRequest, version: i16) -> WireListOffsetsRequest {
    let partition = |partition: &ListOffsetsPartition| {
        let body = WireListOffsetsPartition::default()
            .with_partition_index(partition.partition.partition)
            .with_timestamp(match partition.spec {
                OffsetSpec::Latest => -1,
                OffsetSpec::Earliest => -2,
                OffsetSpec::MaxTimestamp => -3,
                OffsetSpec::AtTimestamp(timestamp) => timestamp,
            });
        if version >= 4 { body.with_current_leader_epoch(partition.current_leader_epoch.0) } else { body }
    };
    let topics = by_topic(&request.partitions, |partition| &partition.partition.topic)
        .map(|(name, run)| {
            ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(run.iter().map(partition).collect())
        })
        .collect();
    let body = WireListOffsetsRequest::default().with_replica_id(broker(request.replica_id)).with_topics(topics);
    if version >= 2 { body.with_isolation_level(isolation_level(request.isolation)) } else { body }
}

pub(super) fn read_list_offsets_request(body: &WireListOffsetsRequest) -> Result<ListOffsetsRequest, WireError> {
    let mut partitions = Vec::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            let spec = match partition.timestamp {
                -1 => OffsetSpec::Latest,
                -2 => OffsetSpec::Earliest,
                -3 => OffsetSpec::MaxTimestamp,
                timestamp if timestamp >= 0 => OffsetSpec::AtTimestamp(timestamp),
                // Simplified: −4 and −5 ask about tiered storage, which Trial has not.
                other => return Err(WireError::value("timestamp of ListOffsets", other)),
            };
            partitions.push(ListOffsetsPartition {
                partition: partition_of(&topic.name, partition.partition_index),
                current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
                spec,
            });
        }
    }
    Ok(ListOffsetsRequest {
        replica_id: read_broker(body.replica_id),
        isolation: read_isolation_level(body.isolation_level)?,
        partitions,
    })
}

pub(super) fn delete_records_request(request: &DeleteRecordsRequest) -> WireDeleteRecordsRequest {
    let topics = by_topic(&request.partitions, |(partition, _)| &partition.topic).map(|(name, run)| {
        let partitions = run.iter().map(|(partition, offset)| {
            DeleteRecordsPartition::default().with_partition_index(partition.partition).with_offset(*offset)
        });
        DeleteRecordsTopic::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    WireDeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(request.timeout_ms)
}

pub(super) fn read_delete_records_request(body: &WireDeleteRecordsRequest) -> DeleteRecordsRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        let of_topic = topic.partitions.iter();
        of_topic.map(|partition| (partition_of(&topic.name, partition.partition_index), partition.offset))
    });
    DeleteRecordsRequest { partitions: partitions.collect(), timeout_ms: body.timeout_ms }
}

pub(super) fn delete_records_response(response: &DeleteRecordsResponse) -> WireDeleteRecordsResponse {
    let topics = by_topic(&response.partitions, |answer| &answer.partition.topic).map(|(name, run)| {
        let partitions = run.iter().map(|answer| {
            DeleteRecordsPartitionResult::default()
                .with_partition_index(answer.partition.partition)
                .with_low_watermark(answer.low_watermark)
                .with_error_code(answer.error.code())
        });
        DeleteRecordsTopicResult::default().with_name(topic_name(name)).with_partitions(partitions.collect())
    });
    WireDeleteRecordsResponse::default().with_topics(topics.collect())
}

pub(super) fn read_delete_records_response(body: &WireDeleteRecordsResponse) -> DeleteRecordsResponse {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|answer| DeleteRecordsPartitionResponse {
            partition: partition_of(&topic.name, answer.partition_index),
            low_watermark: answer.low_watermark,
            error: ErrorCode::from_code(answer.error_code),
        })
    });
    DeleteRecordsResponse { partitions: partitions.collect() }
}

pub(super) fn list_offsets_response(response: &ListOffsetsResponse, version: i16) -> WireListOffsetsResponse {
    let partition = |partition: &ListOffsetsPartitionResponse| {
        let body = WireListOffsetsPartitionResponse::default()
            .with_partition_index(partition.partition.partition)
            .with_error_code(partition.error.code())
            .with_timestamp(partition.timestamp)
            .with_offset(partition.offset);
        if version >= 4 { body.with_leader_epoch(partition.leader_epoch.0) } else { body }
    };
    let topics = by_topic(&response.partitions, |partition| &partition.partition.topic)
        .map(|(name, run)| {
            ListOffsetsTopicResponse::default()
                .with_name(topic_name(name))
                .with_partitions(run.iter().map(partition).collect())
        })
        .collect();
    WireListOffsetsResponse::default().with_topics(topics)
}

pub(super) fn read_list_offsets_response(body: &WireListOffsetsResponse) -> ListOffsetsResponse {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| ListOffsetsPartitionResponse {
            partition: partition_of(&topic.name, partition.partition_index),
            error: ErrorCode::from_code(partition.error_code),
            timestamp: partition.timestamp,
            offset: partition.offset,
            leader_epoch: LeaderEpoch(partition.leader_epoch),
        })
    });
    ListOffsetsResponse { partitions: partitions.collect() }
}

pub(super) fn offset_for_leader_epoch_request(
    request: &OffsetForLeaderEpochRequest,
    version: i16,
) -> WireOffsetForLeaderEpochRequest {
    let partition = |partition: &OffsetForLeaderEpochPartition| {
        OffsetForLeaderPartition::default()
            .with_partition(partition.partition.partition)
            .with_current_leader_epoch(partition.current_leader_epoch.0)
            .with_leader_epoch(partition.leader_epoch.0)
    };
    let topics = by_topic(&request.partitions, |partition| &partition.partition.topic)
        .map(|(name, run)| {
            OffsetForLeaderTopic::default()
                .with_topic(topic_name(name))
                .with_partitions(run.iter().map(partition).collect())
        })
        .collect();
    // Before version 3 nobody said who asked, which the field's default (−2, a debugging tool) stands for.
    let replica = if version >= 3 { request.replica_id } else { NodeId(-2) };
    WireOffsetForLeaderEpochRequest::default().with_replica_id(broker(replica)).with_topics(topics)
}

pub(super) fn read_offset_for_leader_epoch_request(
    body: &WireOffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetForLeaderEpochPartition {
            partition: partition_of(&topic.topic, partition.partition),
            current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
            leader_epoch: LeaderEpoch(partition.leader_epoch),
        })
    });
    let replica_id = if body.replica_id.0 < 0 { NodeId(CONSUMER_REPLICA_ID) } else { read_broker(body.replica_id) };
    OffsetForLeaderEpochRequest { replica_id, partitions: partitions.collect() }
}

pub(super) fn offset_for_leader_epoch_response(
    response: &OffsetForLeaderEpochResponse,
) -> WireOffsetForLeaderEpochResponse {
    let partition = |partition: &OffsetForLeaderEpochPartitionResponse| {
        WireEpochEndOffset::default()
            .with_partition(partition.partition.partition)
            .with_error_code(partition.error.code())
            .with_leader_epoch(partition.leader_epoch.0)
            .with_end_offset(partition.end_offset)
    };
    let topics = by_topic(&response.partitions, |partition| &partition.partition.topic)
        .map(|(name, run)| {
            OffsetForLeaderTopicResult::default()
                .with_topic(topic_name(name))
                .with_partitions(run.iter().map(partition).collect())
        })
        .collect();
    WireOffsetForLeaderEpochResponse::default().with_topics(topics)
}

pub(super) fn read_offset_for_leader_epoch_response(
    body: &WireOffsetForLeaderEpochResponse,
) -> OffsetForLeaderEpochResponse {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetForLeaderEpochPartitionResponse {
            partition: partition_of(&topic.topic, partition.partition),
            error: ErrorCode::from_code(partition.error_code),
            leader_epoch: LeaderEpoch(partition.leader_epoch),
            end_offset: partition.end_offset,
        })
    });
    OffsetForLeaderEpochResponse { partitions: partitions.collect() }
}
