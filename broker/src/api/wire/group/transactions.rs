//! TxnOffsetCommit (key 28) and WriteTxnMarkers (27): offsets of transactions, and their ends.

use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    ProducerId as WireProducerId, TransactionalId, TxnOffsetCommitRequest as WireTxnOffsetCommitRequest,
    TxnOffsetCommitResponse as WireTxnOffsetCommitResponse, WriteTxnMarkersRequest as WireWriteTxnMarkersRequest,
    WriteTxnMarkersResponse as WireWriteTxnMarkersResponse,
};

use super::super::common::{by_topic, partition_of, text, topic_name};
use super::offsets::{read_error, read_run, runs, topics_of};
use super::{
    group_id, instance_id_since, maybe_text, member_id, read_group_id, read_instance_id, read_maybe_text,
    read_member_id,
};
use crate::ids::{LeaderEpoch, MemberId, ProducerEpoch, ProducerId};
use crate::message::{
    OffsetCommitPartition, TxnMarker, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

/// The first version that says who commits.
const MEMBERS: i16 = 3;
/// The first version with the leader epoch of the last record read.
const LEADER_EPOCHS: i16 = 2;

pub(in super::super) fn txn_offset_commit_request(
    request: &TxnOffsetCommitRequest,
    version: i16,
) -> WireTxnOffsetCommitRequest {
    let partition = |partition: &OffsetCommitPartition| {
        let body = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(partition.partition.partition)
            .with_committed_offset(partition.offset)
            .with_committed_metadata(maybe_text(&partition.metadata));
        if version >= LEADER_EPOCHS { body.with_committed_leader_epoch(partition.leader_epoch.0) } else { body }
    };
    let topics = by_topic(&request.partitions, |partition| &partition.partition.topic).map(|(name, run)| {
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(run.iter().map(partition).collect())
    });
    let body = WireTxnOffsetCommitRequest::default()
        .with_transactional_id(TransactionalId(text(&request.transactional_id)))
        .with_group_id(group_id(&request.group))
        .with_producer_id(WireProducerId(request.producer_id.0))
        .with_producer_epoch(request.producer_epoch.0)
        .with_topics(topics.collect());
    if version < MEMBERS {
        return body.with_generation_id(-1).with_member_id(member_id(&MemberId::default()));
    }
    body.with_generation_id(request.generation_or_member_epoch)
        .with_member_id(member_id(&request.member))
        .with_group_instance_id(instance_id_since(MEMBERS, version, &request.instance))
}

pub(in super::super) fn read_txn_offset_commit_request(body: &WireTxnOffsetCommitRequest) -> TxnOffsetCommitRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetCommitPartition {
            partition: partition_of(&topic.name, partition.partition_index),
            offset: partition.committed_offset,
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: read_maybe_text(&partition.committed_metadata),
        })
    });
    TxnOffsetCommitRequest {
        transactional_id: body.transactional_id.to_string(),
        group: read_group_id(&body.group_id),
        producer_id: ProducerId(body.producer_id.0),
        producer_epoch: ProducerEpoch(body.producer_epoch),
        generation_or_member_epoch: body.generation_id,
        member: read_member_id(&body.member_id),
        instance: read_instance_id(&body.group_instance_id),
        partitions: partitions.collect(),
    }
}

pub(in super::super) fn txn_offset_commit_response(response: &TxnOffsetCommitResponse) -> WireTxnOffsetCommitResponse {
    let partition =
        |index, code| TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code);
    let topic = |name, partitions| TxnOffsetCommitResponseTopic::default().with_name(name).with_partitions(partitions);
    WireTxnOffsetCommitResponse::default().with_topics(topics_of(&response.partitions, partition, topic))
}

pub(in super::super) fn read_txn_offset_commit_response(body: &WireTxnOffsetCommitResponse) -> TxnOffsetCommitResponse {
    let read = |topic: &TxnOffsetCommitResponseTopic| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| read_error(&topic.name, it.partition_index, it.error_code)).collect::<Vec<_>>()
    };
    TxnOffsetCommitResponse { partitions: body.topics.iter().flat_map(read).collect() }
}

pub(in super::super) fn write_txn_markers_request(request: &WriteTxnMarkersRequest) -> WireWriteTxnMarkersRequest {
    let marker = |marker: &TxnMarker| {
        let topics = runs(&marker.partitions)
            .map(|(name, indexes)| WritableTxnMarkerTopic::default().with_name(name).with_partition_indexes(indexes));
        WritableTxnMarker::default()
            .with_producer_id(WireProducerId(marker.producer_id.0))
            .with_producer_epoch(marker.producer_epoch.0)
            .with_transaction_result(marker.committed)
            .with_coordinator_epoch(marker.coordinator_epoch)
            .with_topics(topics.collect())
    };
    WireWriteTxnMarkersRequest::default().with_markers(request.markers.iter().map(marker).collect())
}

pub(in super::super) fn read_write_txn_markers_request(body: &WireWriteTxnMarkersRequest) -> WriteTxnMarkersRequest {
    let marker = |marker: &WritableTxnMarker| TxnMarker {
        producer_id: ProducerId(marker.producer_id.0),
        producer_epoch: ProducerEpoch(marker.producer_epoch),
        committed: marker.transaction_result,
        coordinator_epoch: marker.coordinator_epoch,
        partitions: marker.topics.iter().flat_map(|topic| read_run(&topic.name, &topic.partition_indexes)).collect(),
    };
    WriteTxnMarkersRequest { markers: body.markers.iter().map(marker).collect() }
}

pub(in super::super) fn write_txn_markers_response(response: &WriteTxnMarkersResponse) -> WireWriteTxnMarkersResponse {
    let partition =
        |index, code| WritableTxnMarkerPartitionResult::default().with_partition_index(index).with_error_code(code);
    let topic = |name, partitions| WritableTxnMarkerTopicResult::default().with_name(name).with_partitions(partitions);
    let markers = response.markers.iter().map(|(producer, errors)| {
        WritableTxnMarkerResult::default()
            .with_producer_id(WireProducerId(producer.0))
            .with_topics(topics_of(errors, partition, topic))
    });
    WireWriteTxnMarkersResponse::default().with_markers(markers.collect())
}

pub(in super::super) fn read_write_txn_markers_response(body: &WireWriteTxnMarkersResponse) -> WriteTxnMarkersResponse {
    let topic = |topic: &WritableTxnMarkerTopicResult| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| read_error(&topic.name, it.partition_index, it.error_code)).collect::<Vec<_>>()
    };
    let marker = |marker: &WritableTxnMarkerResult| {
        (ProducerId(marker.producer_id.0), marker.topics.iter().flat_map(topic).collect())
    };
    WriteTxnMarkersResponse { markers: body.markers.iter().map(marker).collect() }
}
