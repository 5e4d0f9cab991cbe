//! The metadata quorum's messages: Vote (52), BeginQuorumEpoch (53), EndQuorumEpoch (54),
//! DescribeQuorum (55), FetchSnapshot (59).
//!
//! On the wire each names the topic `__cluster_metadata` and its one partition; the plain
//! values do not. An error of the whole request (a foreign cluster, a malformed request)
//! is written above the topics and leaves them out, so such an answer names no leader and
//! no epoch: it reads as "unknown".

use bytes::Bytes;
use kafka_protocol::messages::{
    BeginQuorumEpochRequest as WireBeginQuorumEpochRequest, BeginQuorumEpochResponse as WireBeginQuorumEpochResponse,
    DescribeQuorumRequest as WireDescribeQuorumRequest, DescribeQuorumResponse as WireDescribeQuorumResponse,
    EndQuorumEpochRequest as WireEndQuorumEpochRequest, EndQuorumEpochResponse as WireEndQuorumEpochResponse,
    FetchSnapshotRequest as WireFetchSnapshotRequest, FetchSnapshotResponse as WireFetchSnapshotResponse,
    TopicName as WireTopicName, VoteRequest as WireVoteRequest, VoteResponse as WireVoteResponse,
    begin_quorum_epoch_request, begin_quorum_epoch_response, describe_quorum_request as wire_describe_request,
    describe_quorum_response as wire_describe_response, end_quorum_epoch_request, end_quorum_epoch_response,
    fetch_snapshot_request, fetch_snapshot_response, vote_request, vote_response,
};
use kafka_protocol::protocol::StrBytes;

use super::WireError;
use super::common::{METADATA_TOPIC, broker, cluster_id, read_broker, read_cluster_id, text};
use super::controller::CONTROLLER_LISTENER;
use crate::ids::{ClusterId, DirectoryId, Endpoint, LeaderEpoch, NodeId, UNKNOWN_OFFSET};
use crate::message::{
    BeginQuorumEpochRequest, BeginQuorumEpochResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    EndQuorumEpochRequest, EndQuorumEpochResponse, ErrorCode, FetchSnapshotRequest, FetchSnapshotResponse,
    NodeEndpoint, QuorumReplica, ReplicaKey, SnapshotId, VoteRequest, VoteResponse,
};

fn metadata_topic() -> WireTopicName {
    WireTopicName(StrBytes::from_static_str(METADATA_TOPIC))
}

/// Whether an error is one of the whole request, before its one partition was looked at.
fn is_top_level(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::InconsistentClusterId | ErrorCode::UnsupportedVersion)
}

/// The one partition that every quorum message is about.
fn only<'a, T, P>(topics: &'a [T], partitions: impl Fn(&'a T) -> &'a [P]) -> Result<&'a P, WireError> {
    match topics {
        [topic] => match partitions(topic) {
            [partition] => Ok(partition),
            several => Err(WireError::value("partitions of the metadata topic", several.len())),
        },
        several => Err(WireError::value("topics of a quorum message", several.len())),
    }
}

fn read_optional_cluster_id(id: &Option<StrBytes>) -> Result<Option<ClusterId>, WireError> {
    id.as_ref().map(read_cluster_id).transpose()
}

/// The leader's endpoint among those that an answer lists. The quorum's answers carry no rack.
fn endpoint_of(node: i32, host: &StrBytes, port: u16) -> NodeEndpoint {
    NodeEndpoint { node: NodeId(node), endpoint: Endpoint::new(host, port), rack: None }
}

pub(super) fn vote_request(request: &VoteRequest, version: i16) -> WireVoteRequest {
    let mut partition = vote_request::PartitionData::default()
        .with_replica_epoch(request.epoch.0)
        .with_replica_id(broker(request.candidate.id))
        .with_last_offset_epoch(request.last_epoch.0)
        .with_last_offset(request.last_epoch_end_offset);
    let mut body = WireVoteRequest::default().with_cluster_id(request.cluster_id.map(cluster_id));
    if version >= 1 {
        partition = partition
            .with_replica_directory_id(request.candidate.directory_id.0)
            .with_voter_directory_id(request.voter.directory_id.0);
        body = body.with_voter_id(broker(request.voter.id));
    }
    if version >= 2 {
        partition = partition.with_pre_vote(request.pre_vote);
    }
    let topic = vote_request::TopicData::default().with_topic_name(metadata_topic()).with_partitions(vec![partition]);
    body.with_topics(vec![topic])
}

pub(super) fn read_vote_request(body: &WireVoteRequest) -> Result<VoteRequest, WireError> {
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    Ok(VoteRequest {
        cluster_id: read_optional_cluster_id(&body.cluster_id)?,
        voter: ReplicaKey { id: read_broker(body.voter_id), directory_id: DirectoryId(partition.voter_directory_id) },
        candidate: ReplicaKey {
            id: read_broker(partition.replica_id),
            directory_id: DirectoryId(partition.replica_directory_id),
        },
        epoch: LeaderEpoch(partition.replica_epoch),
        last_epoch: LeaderEpoch(partition.last_offset_epoch),
        last_epoch_end_offset: partition.last_offset,
        pre_vote: partition.pre_vote,
    })
}

pub(super) fn vote_response(response: &VoteResponse, version: i16) -> WireVoteResponse {
    if is_top_level(response.error) {
        return WireVoteResponse::default().with_error_code(response.error.code());
    }
    let partition = vote_response::PartitionData::default()
        .with_error_code(response.error.code())
        .with_leader_id(broker(response.leader))
        .with_leader_epoch(response.epoch.0)
        .with_vote_granted(response.vote_granted);
    let topic = vote_response::TopicData::default().with_topic_name(metadata_topic()).with_partitions(vec![partition]);
    let endpoints = response.leader_endpoint.iter().filter(|_| version >= 1).map(|leader| {
        vote_response::NodeEndpoint::default()
            .with_node_id(broker(leader.node))
            .with_host(text(&leader.endpoint.host))
            .with_port(leader.endpoint.port)
    });
    WireVoteResponse::default().with_topics(vec![topic]).with_node_endpoints(endpoints.collect())
}

pub(super) fn read_vote_response(body: &WireVoteResponse) -> Result<VoteResponse, WireError> {
    if body.error_code != 0 {
        return Ok(VoteResponse {
            error: ErrorCode::from_code(body.error_code),
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
            vote_granted: false,
            leader_endpoint: None,
        });
    }
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let leader = body.node_endpoints.first();
    Ok(VoteResponse {
        error: ErrorCode::from_code(partition.error_code),
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        vote_granted: partition.vote_granted,
        leader_endpoint: leader.map(|leader| endpoint_of(leader.node_id.0, &leader.host, leader.port)),
    })
}

pub(super) fn begin_quorum_epoch_request(
    request: &BeginQuorumEpochRequest,
    version: i16,
) -> WireBeginQuorumEpochRequest {
    let mut partition = begin_quorum_epoch_request::PartitionData::default()
        .with_leader_id(broker(request.leader))
        .with_leader_epoch(request.epoch.0);
    let mut body = WireBeginQuorumEpochRequest::default().with_cluster_id(request.cluster_id.map(cluster_id));
    if version >= 1 {
        partition = partition.with_voter_directory_id(request.voter.directory_id.0);
        let endpoints = request.leader_endpoint.iter().map(|endpoint| {
            begin_quorum_epoch_request::LeaderEndpoint::default()
                .with_name(StrBytes::from_static_str(CONTROLLER_LISTENER))
                .with_host(text(&endpoint.host))
                .with_port(endpoint.port)
        });
        body = body.with_voter_id(broker(request.voter.id)).with_leader_endpoints(endpoints.collect());
    }
    let topic = begin_quorum_epoch_request::TopicData::default()
        .with_topic_name(metadata_topic())
        .with_partitions(vec![partition]);
    body.with_topics(vec![topic])
}

pub(super) fn read_begin_quorum_epoch_request(
    body: &WireBeginQuorumEpochRequest,
) -> Result<BeginQuorumEpochRequest, WireError> {
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    Ok(BeginQuorumEpochRequest {
        cluster_id: read_optional_cluster_id(&body.cluster_id)?,
        voter: ReplicaKey { id: read_broker(body.voter_id), directory_id: DirectoryId(partition.voter_directory_id) },
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        leader_endpoint: body.leader_endpoints.first().map(|leader| Endpoint::new(&leader.host, leader.port)),
    })
}

pub(super) fn begin_quorum_epoch_response(
    response: &BeginQuorumEpochResponse,
    version: i16,
) -> WireBeginQuorumEpochResponse {
    if is_top_level(response.error) {
        return WireBeginQuorumEpochResponse::default().with_error_code(response.error.code());
    }
    let partition = begin_quorum_epoch_response::PartitionData::default()
        .with_error_code(response.error.code())
        .with_leader_id(broker(response.leader))
        .with_leader_epoch(response.epoch.0);
    let topic = begin_quorum_epoch_response::TopicData::default()
        .with_topic_name(metadata_topic())
        .with_partitions(vec![partition]);
    let endpoints = response.leader_endpoint.iter().filter(|_| version >= 1).map(|leader| {
        begin_quorum_epoch_response::NodeEndpoint::default()
            .with_node_id(broker(leader.node))
            .with_host(text(&leader.endpoint.host))
            .with_port(leader.endpoint.port)
    });
    WireBeginQuorumEpochResponse::default().with_topics(vec![topic]).with_node_endpoints(endpoints.collect())
}

pub(super) fn read_begin_quorum_epoch_response(
    body: &WireBeginQuorumEpochResponse,
) -> Result<BeginQuorumEpochResponse, WireError> {
    if body.error_code != 0 {
        return Ok(BeginQuorumEpochResponse {
            error: ErrorCode::from_code(body.error_code),
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
            leader_endpoint: None,
        });
    }
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let leader = body.node_endpoints.first();
    Ok(BeginQuorumEpochResponse {
        error: ErrorCode::from_code(partition.error_code),
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        leader_endpoint: leader.map(|leader| endpoint_of(leader.node_id.0, &leader.host, leader.port)),
    })
}

pub(super) fn end_quorum_epoch_request(request: &EndQuorumEpochRequest, version: i16) -> WireEndQuorumEpochRequest {
    let partition = end_quorum_epoch_request::PartitionData::default()
        .with_leader_id(broker(request.leader))
        .with_leader_epoch(request.epoch.0);
    let body = WireEndQuorumEpochRequest::default().with_cluster_id(request.cluster_id.map(cluster_id));
    let topic = |partition| {
        let topic = end_quorum_epoch_request::TopicData::default();
        vec![topic.with_topic_name(metadata_topic()).with_partitions(vec![partition])]
    };
    if version == 0 {
        let successors = request.preferred_candidates.iter().map(|candidate| candidate.id.0).collect();
        return body.with_topics(topic(partition.with_preferred_successors(successors)));
    }
    let candidates = request.preferred_candidates.iter().map(|candidate| {
        end_quorum_epoch_request::ReplicaInfo::default()
            .with_candidate_id(broker(candidate.id))
            .with_candidate_directory_id(candidate.directory_id.0)
    });
    let endpoints = request.leader_endpoint.iter().map(|endpoint| {
        end_quorum_epoch_request::LeaderEndpoint::default()
            .with_name(StrBytes::from_static_str(CONTROLLER_LISTENER))
            .with_host(text(&endpoint.host))
            .with_port(endpoint.port)
    });
    body.with_topics(topic(partition.with_preferred_candidates(candidates.collect())))
        .with_leader_endpoints(endpoints.collect())
}

pub(super) fn read_end_quorum_epoch_request(
    body: &WireEndQuorumEpochRequest,
    version: i16,
) -> Result<EndQuorumEpochRequest, WireError> {
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let preferred_candidates = if version == 0 {
        let key = |id: &i32| ReplicaKey { id: NodeId(*id), directory_id: DirectoryId::UNASSIGNED };
        partition.preferred_successors.iter().map(key).collect()
    } else {
        let key = |candidate: &end_quorum_epoch_request::ReplicaInfo| ReplicaKey {
            id: read_broker(candidate.candidate_id),
            directory_id: DirectoryId(candidate.candidate_directory_id),
        };
        partition.preferred_candidates.iter().map(key).collect()
    };
    Ok(EndQuorumEpochRequest {
        cluster_id: read_optional_cluster_id(&body.cluster_id)?,
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        preferred_candidates,
        leader_endpoint: body.leader_endpoints.first().map(|leader| Endpoint::new(&leader.host, leader.port)),
    })
}

pub(super) fn end_quorum_epoch_response(response: &EndQuorumEpochResponse, version: i16) -> WireEndQuorumEpochResponse {
    if is_top_level(response.error) {
        return WireEndQuorumEpochResponse::default().with_error_code(response.error.code());
    }
    let partition = end_quorum_epoch_response::PartitionData::default()
        .with_error_code(response.error.code())
        .with_leader_id(broker(response.leader))
        .with_leader_epoch(response.epoch.0);
    let topic = end_quorum_epoch_response::TopicData::default()
        .with_topic_name(metadata_topic())
        .with_partitions(vec![partition]);
    let endpoints = response.leader_endpoint.iter().filter(|_| version >= 1).map(|leader| {
        end_quorum_epoch_response::NodeEndpoint::default()
            .with_node_id(broker(leader.node))
            .with_host(text(&leader.endpoint.host))
            .with_port(leader.endpoint.port)
    });
    WireEndQuorumEpochResponse::default().with_topics(vec![topic]).with_node_endpoints(endpoints.collect())
}

pub(super) fn read_end_quorum_epoch_response(
    body: &WireEndQuorumEpochResponse,
) -> Result<EndQuorumEpochResponse, WireError> {
    if body.error_code != 0 {
        return Ok(EndQuorumEpochResponse {
            error: ErrorCode::from_code(body.error_code),
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
            leader_endpoint: None,
        });
    }
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let leader = body.node_endpoints.first();
    Ok(EndQuorumEpochResponse {
        error: ErrorCode::from_code(partition.error_code),
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        leader_endpoint: leader.map(|leader| endpoint_of(leader.node_id.0, &leader.host, leader.port)),
    })
}

pub(super) fn describe_quorum_request() -> WireDescribeQuorumRequest {
    let topic = wire_describe_request::TopicData::default()
        .with_topic_name(metadata_topic())
        .with_partitions(vec![wire_describe_request::PartitionData::default()]);
    WireDescribeQuorumRequest::default().with_topics(vec![topic])
}

pub(super) fn read_describe_quorum_request(
    body: &WireDescribeQuorumRequest,
) -> Result<DescribeQuorumRequest, WireError> {
    only(&body.topics, |topic| &topic.partitions).map(|_| DescribeQuorumRequest)
}

pub(super) fn describe_quorum_response(response: &DescribeQuorumResponse, version: i16) -> WireDescribeQuorumResponse {
    if is_top_level(response.error) {
        return WireDescribeQuorumResponse::default().with_error_code(response.error.code());
    }
    let replicas = |replicas: &[QuorumReplica]| -> Vec<wire_describe_response::ReplicaState> {
        replicas.iter().map(|replica| quorum_replica(replica, version)).collect()
    };
    let partition = wire_describe_response::PartitionData::default()
        .with_error_code(response.error.code())
        .with_leader_id(broker(response.leader))
        .with_leader_epoch(response.epoch.0)
        .with_high_watermark(response.high_watermark)
        .with_current_voters(replicas(&response.voters))
        .with_observers(replicas(&response.observers));
    let topic =
        wire_describe_response::TopicData::default().with_topic_name(metadata_topic()).with_partitions(vec![partition]);
    WireDescribeQuorumResponse::default().with_topics(vec![topic])
}

fn quorum_replica(replica: &QuorumReplica, version: i16) -> wire_describe_response::ReplicaState {
    let mut body = wire_describe_response::ReplicaState::default()
        .with_replica_id(broker(replica.replica.id))
        .with_log_end_offset(replica.log_end_offset);
    if version >= 1 {
        body = body
            .with_last_fetch_timestamp(replica.last_fetch_timestamp)
            .with_last_caught_up_timestamp(replica.last_caught_up_timestamp);
    }
    if version >= 2 {
        body = body.with_replica_directory_id(replica.replica.directory_id.0);
    }
    body
}

pub(super) fn read_describe_quorum_response(
    body: &WireDescribeQuorumResponse,
) -> Result<DescribeQuorumResponse, WireError> {
    if body.error_code != 0 {
        return Ok(DescribeQuorumResponse {
            error: ErrorCode::from_code(body.error_code),
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
            high_watermark: UNKNOWN_OFFSET,
            voters: Vec::new(),
            observers: Vec::new(),
        });
    }
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let read = |replica: &wire_describe_response::ReplicaState| QuorumReplica {
        replica: ReplicaKey {
            id: read_broker(replica.replica_id),
            directory_id: DirectoryId(replica.replica_directory_id),
        },
        log_end_offset: replica.log_end_offset,
        last_fetch_timestamp: replica.last_fetch_timestamp,
        last_caught_up_timestamp: replica.last_caught_up_timestamp,
    };
    Ok(DescribeQuorumResponse {
        error: ErrorCode::from_code(partition.error_code),
        leader: read_broker(partition.leader_id),
        epoch: LeaderEpoch(partition.leader_epoch),
        high_watermark: partition.high_watermark,
        voters: partition.current_voters.iter().map(read).collect(),
        observers: partition.observers.iter().map(read).collect(),
    })
}

pub(super) fn fetch_snapshot_request(request: &FetchSnapshotRequest, version: i16) -> WireFetchSnapshotRequest {
    let snapshot = fetch_snapshot_request::SnapshotId::default()
        .with_end_offset(request.snapshot_id.end_offset)
        .with_epoch(request.snapshot_id.epoch.0);
    let mut partition = fetch_snapshot_request::PartitionSnapshot::default()
        .with_current_leader_epoch(request.current_leader_epoch.0)
        .with_snapshot_id(snapshot)
        .with_position(request.position);
    if version >= 1 {
        partition = partition.with_replica_directory_id(request.replica.directory_id.0);
    }
    let topic =
        fetch_snapshot_request::TopicSnapshot::default().with_name(metadata_topic()).with_partitions(vec![partition]);
    WireFetchSnapshotRequest::default()
        .with_cluster_id(request.cluster_id.map(cluster_id))
        .with_replica_id(broker(request.replica.id))
        .with_max_bytes(request.max_bytes)
        .with_topics(vec![topic])
}

pub(super) fn read_fetch_snapshot_request(body: &WireFetchSnapshotRequest) -> Result<FetchSnapshotRequest, WireError> {
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    Ok(FetchSnapshotRequest {
        cluster_id: read_optional_cluster_id(&body.cluster_id)?,
        replica: ReplicaKey {
            id: read_broker(body.replica_id),
            directory_id: DirectoryId(partition.replica_directory_id),
        },
        current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
        snapshot_id: SnapshotId {
            end_offset: partition.snapshot_id.end_offset,
            epoch: LeaderEpoch(partition.snapshot_id.epoch),
        },
        position: partition.position,
        max_bytes: body.max_bytes,
    })
}

pub(super) fn fetch_snapshot_response(response: &FetchSnapshotResponse, version: i16) -> WireFetchSnapshotResponse {
    if is_top_level(response.error) {
        return WireFetchSnapshotResponse::default().with_error_code(response.error.code());
    }
    let snapshot = fetch_snapshot_response::SnapshotId::default()
        .with_end_offset(response.snapshot_id.end_offset)
        .with_epoch(response.snapshot_id.epoch.0);
    let leader = fetch_snapshot_response::LeaderIdAndEpoch::default()
        .with_leader_id(broker(response.leader))
        .with_leader_epoch(response.epoch.0);
    let partition = fetch_snapshot_response::PartitionSnapshot::default()
        .with_error_code(response.error.code())
        .with_snapshot_id(snapshot)
        .with_current_leader(leader)
        .with_size(response.size)
        .with_position(response.position)
        .with_unaligned_records(response.bytes.clone());
    let topic =
        fetch_snapshot_response::TopicSnapshot::default().with_name(metadata_topic()).with_partitions(vec![partition]);
    let endpoints = response.leader_endpoint.iter().filter(|_| version >= 1).map(|leader| {
        fetch_snapshot_response::NodeEndpoint::default()
            .with_node_id(broker(leader.node))
            .with_host(text(&leader.endpoint.host))
            .with_port(leader.endpoint.port)
    });
    WireFetchSnapshotResponse::default().with_topics(vec![topic]).with_node_endpoints(endpoints.collect())
}

pub(super) fn read_fetch_snapshot_response(
    body: &WireFetchSnapshotResponse,
) -> Result<FetchSnapshotResponse, WireError> {
    if body.error_code != 0 {
        return Ok(FetchSnapshotResponse {
            error: ErrorCode::from_code(body.error_code),
            snapshot_id: SnapshotId { end_offset: UNKNOWN_OFFSET, epoch: LeaderEpoch::NONE },
            leader: NodeId::NONE,
            epoch: LeaderEpoch::NONE,
            size: 0,
            position: 0,
            bytes: Bytes::new(),
            leader_endpoint: None,
        });
    }
    let partition = only(&body.topics, |topic| &topic.partitions)?;
    let leader = body.node_endpoints.first();
    Ok(FetchSnapshotResponse {
        error: ErrorCode::from_code(partition.error_code),
        snapshot_id: SnapshotId {
            end_offset: partition.snapshot_id.end_offset,
            epoch: LeaderEpoch(partition.snapshot_id.epoch),
        },
        leader: read_broker(partition.current_leader.leader_id),
        epoch: LeaderEpoch(partition.current_leader.leader_epoch),
        size: partition.size,
        position: partition.position,
        bytes: partition.unaligned_records.clone(),
        leader_endpoint: leader.map(|leader| endpoint_of(leader.node_id.0, &leader.host, leader.port)),
    })
}
