//! How each request to a group coordinator is answered with an error (`getErrorResponse`, `handleOperationException`).

use bytes::Bytes;

use super::contract::error_for_clients;
use crate::ids::{GroupId, LeaderEpoch, TopicPartition, UNKNOWN_OFFSET};
use crate::message::{
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, DeleteGroupsResponse, DescribeGroupsResponse,
    DescribedConsumerGroup, DescribedGroup, ErrorCode, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupResponse, ListGroupsResponse, OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchGroup,
    OffsetFetchGroupResponse, OffsetFetchPartitionResponse, OffsetFetchResponse, Request, Response, SyncGroupResponse,
    TxnMarker, TxnOffsetCommitResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

/// The first version of OffsetFetch whose answer has a place for an error of the group.
const OFFSET_FETCH_GROUP_ERROR: i16 = 2;

/// The first version of TxnOffsetCommit whose senders know that a coordinator may be loading.
const TXN_OFFSET_COMMIT_KNOWS_LOADING: i16 = 2;

/// The answer to a request that failed. `error` is the log's or the runtime's own; clients are told what
/// [`error_for_clients`] makes of it, with two exceptions that Kafka makes for older clients.
///
/// # Panics
/// If the request is none that a group coordinator answers.
pub fn refusal(request: &Request, version: i16, error: ErrorCode) -> Response {
    let told = error_for_clients(error);
    match request {
        Request::JoinGroup(body) => join_refusal(body, told).into(),
        Request::SyncGroup(_) => {
            SyncGroupResponse { error: told, protocol_type: None, protocol_name: None, assignment: Bytes::new() }.into()
        }
        // While the group is loading the coordinator cannot know better: the member shall live.
        Request::Heartbeat(_) if told == ErrorCode::CoordinatorLoadInProgress => {
            HeartbeatResponse { error: ErrorCode::None }.into()
        }
        Request::Heartbeat(_) => HeartbeatResponse { error: told }.into(),
        Request::LeaveGroup(_) => LeaveGroupResponse { error: told, members: Vec::new() }.into(),
        Request::ConsumerGroupHeartbeat(_) => consumer_heartbeat_refusal(told, None).into(),
        Request::OffsetCommit(body) => {
            let partitions = body.partitions.iter().map(|of| (of.partition.clone(), told)).collect();
            OffsetCommitResponse { partitions }.into()
        }
        Request::TxnOffsetCommit(body) => {
            // Producers before 2.0 may die of COORDINATOR_LOAD_IN_PROGRESS (KAFKA-7296).
            let is_old = version < TXN_OFFSET_COMMIT_KNOWS_LOADING && told == ErrorCode::CoordinatorLoadInProgress;
            let told = if is_old { ErrorCode::CoordinatorNotAvailable } else { told };
            let partitions = body.partitions.iter().map(|of| (of.partition.clone(), told)).collect();
            TxnOffsetCommitResponse { partitions }.into()
        }
        Request::WriteTxnMarkers(body) => markers_refusal(body, error).into(),
        Request::OffsetFetch(body) => {
            // Consumers before 3.9 do not know COORDINATOR_NOT_AVAILABLE here (`handleOffsetFetchException`).
            let told = if told == ErrorCode::CoordinatorNotAvailable { ErrorCode::NotCoordinator } else { told };
            let groups = body.groups.iter().map(|group| offset_fetch_refusal(group, version, told)).collect();
            OffsetFetchResponse { groups }.into()
        }
        Request::OffsetDelete(_) => OffsetDeleteResponse { error: told, partitions: Vec::new() }.into(),
        Request::ListGroups(_) => ListGroupsResponse { error: told, groups: Vec::new() }.into(),
        Request::DescribeGroups(body) => {
            let groups = body.groups.iter().map(|group| described_refusal(group, told)).collect();
            DescribeGroupsResponse { groups }.into()
        }
        Request::ConsumerGroupDescribe(body) => {
            let groups = body.groups.iter().map(|group| described_consumer_refusal(group, told)).collect();
            ConsumerGroupDescribeResponse { groups }.into()
        }
        Request::DeleteGroups(body) => {
            DeleteGroupsResponse { results: body.groups.iter().map(|group| (group.clone(), told)).collect() }.into()
        }
        other => panic!("{} is not answered by a group coordinator", other.api().name()),
    }
}

/// Markers that were not written. A transaction coordinator does not expect the errors of a group coordinator: that one is
/// not ready yet (`KafkaApis.handleWriteTxnMarkersRequest`).
fn markers_refusal(request: &WriteTxnMarkersRequest, error: ErrorCode) -> WriteTxnMarkersResponse {
    let told = match error {
        ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress | ErrorCode::NotCoordinator => {
            ErrorCode::NotLeaderOrFollower
        }
        other => other,
    };
    let refused = |marker: &TxnMarker| {
        (marker.producer_id, marker.partitions.iter().map(|partition| (partition.clone(), told)).collect())
    };
    WriteTxnMarkersResponse { markers: request.markers.iter().map(refused).collect() }
}

/// A join that failed; the member hears its id again.
pub fn join_refusal(request: &JoinGroupRequest, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error,
        generation: -1,
        protocol_type: None,
        protocol_name: Some(String::new()),
        leader: Default::default(),
        skip_assignment: false,
        member: request.member.clone(),
        members: Vec::new(),
    }
}

/// A heartbeat of KIP-848 that failed.
pub fn consumer_heartbeat_refusal(error: ErrorCode, message: Option<&str>) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        error,
        error_message: message.map(str::to_owned),
        member: None,
        member_epoch: 0,
        heartbeat_interval_ms: 0,
        assignment: None,
    }
}

/// `OffsetFetchResponse.groupError`: version 1 tells the error of each partition.
pub(super) fn offset_fetch_refusal(
    group: &OffsetFetchGroup,
    version: i16,
    error: ErrorCode,
) -> OffsetFetchGroupResponse {
    let partition = |partition: &TopicPartition| OffsetFetchPartitionResponse {
        partition: partition.clone(),
        error,
        offset: UNKNOWN_OFFSET,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    if version >= OFFSET_FETCH_GROUP_ERROR {
        return OffsetFetchGroupResponse { group: group.group.clone(), error, partitions: Vec::new() };
    }
    let partitions = group.partitions.iter().flatten().map(partition).collect();
    OffsetFetchGroupResponse { group: group.group.clone(), error: ErrorCode::None, partitions }
}

fn described_refusal(group: &GroupId, error: ErrorCode) -> DescribedGroup {
    DescribedGroup {
        error,
        error_message: None,
        group: group.clone(),
        state: String::new(),
        protocol_type: String::new(),
        protocol: String::new(),
        members: Vec::new(),
    }
}

/// A group of KIP-848 that cannot be described.
pub fn described_consumer_refusal(group: &GroupId, error: ErrorCode) -> DescribedConsumerGroup {
    DescribedConsumerGroup {
        error,
        error_message: None,
        group: group.clone(),
        state: String::new(),
        group_epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        members: Vec::new(),
    }
}
