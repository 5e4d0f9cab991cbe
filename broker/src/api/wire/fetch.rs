//! Fetch (key 1). Topics go by name up to version 12 and by id from 13 on (KIP-516); fetch sessions
//! came with version 7, checks of the leader epoch with 9, of the last fetched epoch with 12.

use kafka_protocol::messages::fetch_request::{FetchPartition as WireFetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction as WireAbortedTransaction, FetchableTopicResponse, NodeEndpoint as WireNodeEndpoint,
    PartitionData,
};
use kafka_protocol::messages::{
    FetchRequest as WireFetchRequest, FetchResponse as WireFetchResponse, ProducerId as WireProducerId,
    TopicName as WireTopicName,
};

use super::WireError;
use super::common::{
    broker, by_topic, cluster_id, read_broker, read_cluster_id, read_endpoint, read_topic_name, text, topic_name,
};
use crate::ids::{BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, ProducerId, TopicId, TopicName};
use crate::message::{
    AbortedTransaction, EpochEndOffset, ErrorCode, FetchKey, FetchPartition, FetchPartitionResponse, FetchRequest,
    FetchResponse, IsolationLevel, LeaderHint, NodeEndpoint, SnapshotId,
};

const FIRST_WITH_LOG_START_OFFSET: i16 = 5;
const FIRST_WITH_SESSIONS: i16 = 7;
const FIRST_WITH_CURRENT_LEADER_EPOCH: i16 = 9;
const FIRST_WITH_RACK: i16 = 11;
/// The first version with last fetched epochs, diverging epochs, leader hints, snapshots and cluster ids (KIP-595).
const FIRST_OF_RAFT: i16 = 12;
const FIRST_WITH_TOPIC_IDS: i16 = 13;
/// Up to this version a consumer need not know KAFKA_STORAGE_ERROR; it is answered NOT_LEADER_OR_FOLLOWER.
const LAST_WITHOUT_STORAGE_ERROR: i16 = 5;
/// The first version that names the fetching replica by id and broker epoch (KIP-903).
const FIRST_WITH_REPLICA_STATE: i16 = 15;
const FIRST_WITH_NODE_ENDPOINTS: i16 = 16;
const FIRST_WITH_DIRECTORY_ID: i16 = 17;
const FIRST_WITH_HIGH_WATERMARK: i16 = 18;
/// The default of the high watermark field: "this replica does not say" (KIP-1166).
pub(super) const HIGH_WATERMARK_NOT_SAID: i64 = i64::MAX;
/// The defaults of an epoch and of what stands beside it, an offset or a leader: the answer does not have the field.
pub(super) const NOT_SAID: (i32, i64) = (-1, -1);

/// A topic as a version names it.
#[derive(PartialEq)]
enum Named<'a> {
    ById(TopicId),
    ByName(&'a TopicName),
}

/// The topic's name, where the version has one.
fn read_name(name: &WireTopicName) -> TopicName {
    if name.is_empty() { TopicName::default() } else { read_topic_name(name) }
}

fn named(id: TopicId, name: &TopicName, version: i16) -> Named<'_> {
    if version >= FIRST_WITH_TOPIC_IDS { Named::ById(id) } else { Named::ByName(name) }
}

pub(super) fn fetch_request(request: &FetchRequest, version: i16) -> WireFetchRequest {
    let topics = by_topic(&request.partitions, move |partition| named(partition.topic_id, &partition.topic, version))
        .map(|(name, run)| {
            let partitions = run.iter().map(|partition| fetch_partition(partition, version)).collect();
            let mut topic = FetchTopic::default();
            topic.partitions = partitions;
            match name {
                Named::ById(id) => topic.topic_id = id.0,
                Named::ByName(name) => topic.topic = topic_name(name),
            }
            topic
        })
        .collect();
    let forgotten = by_topic(&request.forgotten, move |key| named(key.topic_id, &key.topic, version))
        .map(|(name, run)| {
            let topic = ForgottenTopic::default().with_partitions(run.iter().map(|key| key.partition).collect());
            match name {
                Named::ById(id) => topic.with_topic_id(id.0),
                Named::ByName(name) => topic.with_topic(topic_name(name)),
            }
        })
        .collect();
    // Fields are set one by one where every world's hottest messages are made: a `with_` moves the whole message.
    let mut body = WireFetchRequest::default();
    body.max_wait_ms = request.max_wait_ms;
    body.min_bytes = request.min_bytes;
    body.max_bytes = request.max_bytes;
    body.isolation_level = isolation_level(request.isolation);
    body.topics = topics;
    if version >= FIRST_WITH_SESSIONS {
        body.session_id = request.session_id;
        body.session_epoch = request.session_epoch;
        body.forgotten_topics_data = forgotten;
    }
    if version >= FIRST_WITH_RACK && !request.rack_id.is_empty() {
        body.rack_id = text(&request.rack_id);
    }
    if version >= FIRST_OF_RAFT {
        body.cluster_id = request.cluster_id.map(cluster_id);
    }
    if version >= FIRST_WITH_REPLICA_STATE {
        body.replica_state.replica_id = broker(request.replica_id);
        body.replica_state.replica_epoch = request.replica_epoch.0;
    } else {
        body.replica_id = broker(request.replica_id);
    }
    body
}

fn fetch_partition(partition: &FetchPartition, version: i16) -> WireFetchPartition {
    let mut body = WireFetchPartition::default();
    body.partition = partition.partition;
    body.fetch_offset = partition.fetch_offset;
    body.partition_max_bytes = partition.max_bytes;
    if version >= FIRST_WITH_LOG_START_OFFSET {
        body.log_start_offset = partition.log_start_offset;
    }
    if version >= FIRST_WITH_CURRENT_LEADER_EPOCH {
        body.current_leader_epoch = partition.current_leader_epoch.0;
    }
    if version >= FIRST_OF_RAFT {
        body.last_fetched_epoch = partition.last_fetched_epoch.0;
    }
    if version >= FIRST_WITH_DIRECTORY_ID {
        body.replica_directory_id = partition.replica_directory_id.0;
    }
    if version >= FIRST_WITH_HIGH_WATERMARK {
        body.high_watermark = partition.high_watermark.unwrap_or(HIGH_WATERMARK_NOT_SAID);
    }
    body
}

pub(super) fn isolation_level(isolation: IsolationLevel) -> i8 {
    match isolation {
        IsolationLevel::ReadUncommitted => 0,
        IsolationLevel::ReadCommitted => 1,
    }
}

pub(super) fn read_isolation_level(level: i8) -> Result<IsolationLevel, WireError> {
    match level {
        0 => Ok(IsolationLevel::ReadUncommitted),
        1 => Ok(IsolationLevel::ReadCommitted),
        other => Err(WireError::value("isolation level", other)),
    }
}

pub(super) fn read_fetch_request(body: &WireFetchRequest, version: i16) -> Result<FetchRequest, WireError> {
    let (replica_id, replica_epoch) = if version >= FIRST_WITH_REPLICA_STATE {
        (body.replica_state.replica_id, body.replica_state.replica_epoch)
    } else {
        (body.replica_id, BrokerEpoch::NONE.0)
    };
    let partitions = body.topics.iter().flat_map(|topic| {
        let name = read_name(&topic.topic);
        topic.partitions.iter().map(move |partition| FetchPartition {
            topic_id: TopicId(topic.topic_id),
            topic: name.clone(),
            partition: partition.partition,
            current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
            fetch_offset: partition.fetch_offset,
            last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
            log_start_offset: partition.log_start_offset,
            max_bytes: partition.partition_max_bytes,
            replica_directory_id: DirectoryId(partition.replica_directory_id),
            high_watermark: Some(partition.high_watermark).filter(|said| *said != HIGH_WATERMARK_NOT_SAID),
        })
    });
    let forgotten = body.forgotten_topics_data.iter().flat_map(|topic| {
        let name = read_name(&topic.topic);
        topic.partitions.iter().map(move |partition| FetchKey {
            topic_id: TopicId(topic.topic_id),
            topic: name.clone(),
            partition: *partition,
        })
    });
    Ok(FetchRequest {
        cluster_id: body.cluster_id.as_ref().map(read_cluster_id).transpose()?,
        replica_id: read_broker(replica_id),
        replica_epoch: BrokerEpoch(replica_epoch),
        max_wait_ms: body.max_wait_ms,
        min_bytes: body.min_bytes,
        max_bytes: body.max_bytes,
        isolation: read_isolation_level(body.isolation_level)?,
        session_id: body.session_id,
        session_epoch: body.session_epoch,
        by_name: version < FIRST_WITH_TOPIC_IDS,
        partitions: partitions.collect(),
        forgotten: forgotten.collect(),
        rack_id: body.rack_id.as_str().to_owned(),
    })
}

pub(super) fn fetch_response(response: &FetchResponse, version: i16) -> WireFetchResponse {
    let topics = by_topic(&response.partitions, move |partition| named(partition.topic_id, &partition.topic, version))
        .map(|(name, run)| {
            let partitions = run.iter().map(|partition| fetched_partition(partition, version)).collect();
            let mut topic = FetchableTopicResponse::default();
            topic.partitions = partitions;
            match name {
                Named::ById(id) => topic.topic_id = id.0,
                Named::ByName(name) => topic.topic = topic_name(name),
            }
            topic
        })
        .collect();
    let node_endpoints = if version >= FIRST_WITH_NODE_ENDPOINTS { &response.node_endpoints[..] } else { &[] };
    let mut body = WireFetchResponse::default();
    if version >= FIRST_WITH_SESSIONS {
        body.error_code = response.error.code();
        body.session_id = response.session_id;
    }
    body.responses = topics;
    body.node_endpoints = node_endpoints
        .iter()
        .map(|node| {
            WireNodeEndpoint::default()
                .with_node_id(broker(node.node))
                .with_host(text(&node.endpoint.host))
                .with_port(i32::from(node.endpoint.port))
                .with_rack(node.rack.as_deref().map(text))
        })
        .collect();
    body
}

fn fetched_partition(partition: &FetchPartitionResponse, version: i16) -> PartitionData {
    // Kafka leaves the list of aborted transactions away (null) unless the reader asked
    // for committed records only; to a reader an empty list means the same.
    let aborted = (!partition.aborted_transactions.is_empty()).then(|| {
        partition
            .aborted_transactions
            .iter()
            .map(|aborted| {
                WireAbortedTransaction::default()
                    .with_producer_id(WireProducerId(aborted.producer_id.0))
                    .with_first_offset(aborted.first_offset)
            })
            .collect()
    });
    let error = match partition.error {
        ErrorCode::KafkaStorageError if version <= LAST_WITHOUT_STORAGE_ERROR => ErrorCode::NotLeaderOrFollower,
        error => error,
    };
    let mut body = PartitionData::default();
    body.partition_index = partition.partition;
    body.error_code = error.code();
    body.high_watermark = partition.high_watermark;
    body.last_stable_offset = partition.last_stable_offset;
    body.aborted_transactions = aborted;
    body.records = Some(partition.records.clone());
    if version >= FIRST_WITH_LOG_START_OFFSET {
        body.log_start_offset = partition.log_start_offset;
    }
    if version >= FIRST_WITH_RACK {
        body.preferred_read_replica = broker(partition.preferred_read_replica);
    }
    // Simplified: Kafka's brokers give a consumer leader hints from version 16 on; here they do where the field exists.
    if version >= FIRST_OF_RAFT {
        set_news(&mut body, partition);
    }
    body
}

/// What most answers have nothing to say of, and then leave as it is.
fn set_news(body: &mut PartitionData, partition: &FetchPartitionResponse) {
    if let Some(diverging) = partition.diverging_epoch {
        body.diverging_epoch.epoch = diverging.epoch.0;
        body.diverging_epoch.end_offset = diverging.end_offset;
    }
    if let Some(hint) = partition.current_leader {
        body.current_leader.leader_id = broker(hint.leader);
        body.current_leader.leader_epoch = hint.epoch.0;
    }
    if let Some(snapshot) = partition.snapshot_id {
        body.snapshot_id.end_offset = snapshot.end_offset;
        body.snapshot_id.epoch = snapshot.epoch.0;
    }
}

pub(super) fn read_fetch_response(body: &WireFetchResponse) -> Result<FetchResponse, WireError> {
    let partitions = body.responses.iter().flat_map(|topic| {
        let name = read_name(&topic.topic);
        topic.partitions.iter().map(move |partition| FetchPartitionResponse {
            topic: name.clone(),
            ..read_fetched_partition(TopicId(topic.topic_id), partition)
        })
    });
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
    Ok(FetchResponse {
        error: ErrorCode::from_code(body.error_code),
        session_id: body.session_id,
        partitions: partitions.collect(),
        node_endpoints,
    })
}

fn read_fetched_partition(topic_id: TopicId, partition: &PartitionData) -> FetchPartitionResponse {
    let diverging = &partition.diverging_epoch;
    let leader = &partition.current_leader;
    let snapshot = &partition.snapshot_id;
    FetchPartitionResponse {
        topic_id,
        topic: TopicName::default(),
        partition: partition.partition_index,
        error: ErrorCode::from_code(partition.error_code),
        high_watermark: partition.high_watermark,
        last_stable_offset: partition.last_stable_offset,
        log_start_offset: partition.log_start_offset,
        diverging_epoch: ((diverging.epoch, diverging.end_offset) != NOT_SAID)
            .then_some(EpochEndOffset { epoch: LeaderEpoch(diverging.epoch), end_offset: diverging.end_offset }),
        current_leader: ((leader.leader_epoch, i64::from(leader.leader_id.0)) != NOT_SAID)
            .then(|| LeaderHint { leader: read_broker(leader.leader_id), epoch: LeaderEpoch(leader.leader_epoch) }),
        snapshot_id: ((snapshot.epoch, snapshot.end_offset) != NOT_SAID)
            .then_some(SnapshotId { end_offset: snapshot.end_offset, epoch: LeaderEpoch(snapshot.epoch) }),
        aborted_transactions: partition
            .aborted_transactions
            .iter()
            .flatten()
            .map(|aborted| AbortedTransaction {
                producer_id: ProducerId(aborted.producer_id.0),
                first_offset: aborted.first_offset,
            })
            .collect(),
        preferred_read_replica: NodeId(partition.preferred_read_replica.0),
        records: partition.records.clone().unwrap_or_default(),
    }
}
