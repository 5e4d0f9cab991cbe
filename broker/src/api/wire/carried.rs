//! What a version cannot carry: the fields, by API, that come back as their defaults. Everything else comes back as it was.

use crate::ids::{
    BrokerEpoch, DirectoryId, GroupId, LeaderEpoch, MemberId, NodeId, ProducerEpoch, ProducerId, TopicId, TopicName,
    UNKNOWN_OFFSET,
};
use crate::message::*;

const NOBODY: ReplicaKey = ReplicaKey { id: NodeId::NONE, directory_id: DirectoryId::UNASSIGNED };

/// A topic is named by name before a version and by id from it on.
fn topic(id: &mut TopicId, name: &mut TopicName, version: i16, first_with_ids: i16) {
    if version >= first_with_ids {
        *name = TopicName::default();
    } else {
        *id = TopicId::ZERO;
    }
}

/// A request as this version carries it.
pub(super) fn request(mut request: Request, version: i16) -> Request {
    match &mut request {
        Request::Produce(body) => {
            for partition in &mut body.partitions {
                topic(&mut partition.topic_id, &mut partition.topic, version, 13);
            }
        }
        Request::Fetch(body) => fetch_request(body, version),
        Request::ListOffsets(body) => {
            if version < 2 {
                body.isolation = IsolationLevel::ReadUncommitted;
            }
            if version < 4 {
                body.partitions.iter_mut().for_each(|partition| partition.current_leader_epoch = LeaderEpoch::NONE);
            }
        }
        Request::Metadata(body) => {
            // In version 0 no topics are all topics.
            if version == 0 && body.topics.as_ref().is_some_and(Vec::is_empty) {
                body.topics = None;
            }
            if version < 4 {
                body.allow_auto_topic_creation = true;
            }
        }
        Request::FindCoordinator(_)
        | Request::JoinGroup(_)
        | Request::SyncGroup(_)
        | Request::Heartbeat(_)
        | Request::LeaveGroup(_)
        | Request::OffsetCommit(_)
        | Request::TxnOffsetCommit(_)
        | Request::OffsetFetch(_)
        | Request::ListGroups(_)
        | Request::ConsumerGroupHeartbeat(_) => group_request(&mut request, version),
        Request::ApiVersions(body) if version < 3 => {
            body.client_software_name.clear();
            body.client_software_version.clear();
        }
        Request::InitProducerId(body) if version < 3 => {
            body.producer_id = ProducerId::NONE;
            body.producer_epoch = ProducerEpoch::NONE;
        }
        Request::OffsetForLeaderEpoch(body) if version < 3 => body.replica_id = NodeId::NONE,
        Request::ElectLeaders(body) if version < 1 => body.election_type = ElectionType::Preferred,
        Request::Vote(body) => {
            if version < 1 {
                body.voter = NOBODY;
                body.candidate.directory_id = DirectoryId::UNASSIGNED;
            }
            if version < 2 {
                body.pre_vote = false;
            }
        }
        Request::BeginQuorumEpoch(body) if version < 1 => {
            body.voter = NOBODY;
            body.leader_endpoint = None;
        }
        Request::EndQuorumEpoch(body) if version < 1 => {
            let candidates = body.preferred_candidates.iter_mut();
            candidates.for_each(|candidate| candidate.directory_id = DirectoryId::UNASSIGNED);
            body.leader_endpoint = None;
        }
        Request::AlterPartition(body) if version < 3 => {
            let members = body.partitions.iter_mut().flat_map(|partition| &mut partition.new_isr);
            members.for_each(|(_, epoch)| *epoch = BrokerEpoch::NONE);
        }
        Request::FetchSnapshot(body) if version < 1 => body.replica.directory_id = DirectoryId::UNASSIGNED,
        Request::BrokerRegistration(body) => {
            if version < 2 {
                body.log_directories.clear();
            }
            if version < 3 {
                body.previous_broker_epoch = BrokerEpoch::NONE;
            }
            if version < 4 {
                body.features.retain(|(_, lowest, _)| *lowest != 0);
            }
        }
        Request::BrokerHeartbeat(body) if version < 1 => body.offline_log_directories.clear(),
        _ => {}
    }
    request
}

fn fetch_request(body: &mut FetchRequest, version: i16) {
    body.by_name = version < 13;
    for key in &mut body.forgotten {
        topic(&mut key.topic_id, &mut key.topic, version, 13);
    }
    for partition in &mut body.partitions {
        topic(&mut partition.topic_id, &mut partition.topic, version, 13);
        if version < 5 {
            partition.log_start_offset = UNKNOWN_OFFSET;
        }
        if version < 9 {
            partition.current_leader_epoch = LeaderEpoch::NONE;
        }
        if version < 12 {
            partition.last_fetched_epoch = LeaderEpoch::NONE;
        }
        if version < 17 {
            partition.replica_directory_id = DirectoryId::UNASSIGNED;
        }
        if version < 18 {
            partition.high_watermark = None;
        }
    }
    if version < 7 {
        // No session is asked for.
        (body.session_id, body.session_epoch) = (0, -1);
        body.forgotten.clear();
    }
    if version < 11 {
        body.rack_id.clear();
    }
    if version < 12 {
        body.cluster_id = None;
    }
    if version < 15 {
        body.replica_epoch = BrokerEpoch::NONE;
    }
}

/// A response as this version carries it.
pub(super) fn response(mut response: Response, version: i16) -> Response {
    match &mut response {
        Response::Produce(body) => {
            for partition in &mut body.partitions {
                topic(&mut partition.topic_id, &mut partition.topic, version, 13);
                if version < 5 {
                    partition.log_start_offset = UNKNOWN_OFFSET;
                }
                if version < 10 {
                    partition.current_leader = None;
                }
            }
            if version < 10 {
                body.node_endpoints.clear();
            }
        }
        Response::Fetch(body) => fetch_response(body, version),
        Response::ListOffsets(body) if version < 4 => {
            body.partitions.iter_mut().for_each(|partition| partition.leader_epoch = LeaderEpoch::NONE);
        }
        Response::Metadata(body) => metadata_response(body, version),
        Response::FindCoordinator(_)
        | Response::JoinGroup(_)
        | Response::SyncGroup(_)
        | Response::LeaveGroup(_)
        | Response::OffsetFetch(_)
        | Response::ListGroups(_)
        | Response::DescribeGroups(_)
        | Response::ConsumerGroupDescribe(_) => group_response(&mut response, version),
        Response::ApiVersions(body) => {
            if version < 3 {
                body.supported_features.clear();
                body.finalized_features.clear();
                body.finalized_features_epoch = -1;
            }
            if version < 4 {
                body.supported_features.retain(|(_, lowest, _)| *lowest != 0);
            }
        }
        Response::CreateTopics(body) => {
            for topic in &mut body.topics {
                if version < 5 {
                    (topic.num_partitions, topic.replication_factor) = (-1, -1);
                }
                if version < 7 {
                    topic.topic_id = TopicId::ZERO;
                }
            }
        }
        Response::DeleteTopics(body) if version < 6 => {
            body.topics.iter_mut().for_each(|(_, id, _)| *id = TopicId::ZERO);
        }
        Response::ElectLeaders(body) if version < 1 => body.error = ErrorCode::None,
        Response::Vote(body) if version < 1 => body.leader_endpoint = None,
        Response::BeginQuorumEpoch(body) if version < 1 => body.leader_endpoint = None,
        Response::EndQuorumEpoch(body) if version < 1 => body.leader_endpoint = None,
        Response::FetchSnapshot(body) if version < 1 => body.leader_endpoint = None,
        Response::DescribeQuorum(body) => {
            for replica in body.voters.iter_mut().chain(&mut body.observers) {
                if version < 1 {
                    (replica.last_fetch_timestamp, replica.last_caught_up_timestamp) = (-1, -1);
                }
                if version < 2 {
                    replica.replica.directory_id = DirectoryId::UNASSIGNED;
                }
            }
        }
        _ => {}
    }
    response
}

fn fetch_response(body: &mut FetchResponse, version: i16) {
    for partition in &mut body.partitions {
        topic(&mut partition.topic_id, &mut partition.topic, version, 13);
        if version < 5 {
            partition.log_start_offset = UNKNOWN_OFFSET;
        }
        if version < 6 && partition.error == ErrorCode::KafkaStorageError {
            partition.error = ErrorCode::NotLeaderOrFollower;
        }
        if version < 11 {
            partition.preferred_read_replica = NodeId::NONE;
        }
        if version < 12 {
            (partition.diverging_epoch, partition.current_leader, partition.snapshot_id) = (None, None, None);
        }
    }
    if version < 7 {
        (body.error, body.session_id) = (ErrorCode::None, 0);
    }
    if version < 16 {
        body.node_endpoints.clear();
    }
}

fn metadata_response(body: &mut MetadataResponse, version: i16) {
    if version < 1 {
        body.brokers.iter_mut().for_each(|broker| broker.rack = None);
        body.controller_id = NodeId::NONE;
    }
    if version < 13 {
        body.error = ErrorCode::None;
    }
    for topic in &mut body.topics {
        if version < 10 {
            topic.topic_id = TopicId::ZERO;
        }
        for partition in &mut topic.partitions {
            if version < 5 {
                partition.offline_replicas.clear();
            }
            if version < 7 {
                partition.leader_epoch = LeaderEpoch::NONE;
            }
        }
    }
}

/// What there is one of below a version: the first, or a default where there is none.
fn one<T>(items: &mut Vec<T>, default: impl FnOnce() -> T) {
    items.truncate(1);
    if items.is_empty() {
        items.push(default());
    }
}

fn group_request(request: &mut Request, version: i16) {
    match request {
        Request::FindCoordinator(body) => {
            if version < 1 {
                body.kind = CoordinatorKind::Group;
            }
            if version < 4 {
                one(&mut body.keys, String::new);
            }
        }
        Request::JoinGroup(body) => {
            if version < 1 {
                body.rebalance_timeout_ms = body.session_timeout_ms;
            }
            if version < 5 {
                body.instance = None;
            }
            if version < 8 {
                body.reason = None;
            }
        }
        Request::SyncGroup(body) => {
            if version < 3 {
                body.instance = None;
            }
            if version < 5 {
                (body.protocol_type, body.protocol_name) = (None, None);
            }
        }
        Request::Heartbeat(body) if version < 3 => body.instance = None,
        Request::LeaveGroup(body) => {
            if version < 3 {
                let nobody = || LeavingMember { member: MemberId::default(), instance: None, reason: None };
                one(&mut body.members, nobody);
                body.members[0].instance = None;
            }
            if version < 5 {
                body.members.iter_mut().for_each(|member| member.reason = None);
            }
        }
        Request::OffsetCommit(body) => {
            if version >= 5 {
                body.retention_time_ms = -1;
            }
            if version < 6 {
                body.partitions.iter_mut().for_each(|partition| partition.leader_epoch = LeaderEpoch::NONE);
            }
            if version < 7 {
                body.instance = None;
            }
        }
        Request::TxnOffsetCommit(body) => {
            if version < 2 {
                body.partitions.iter_mut().for_each(|partition| partition.leader_epoch = LeaderEpoch::NONE);
            }
            if version < 3 {
                body.generation_or_member_epoch = -1;
                body.member = MemberId::default();
                body.instance = None;
            }
        }
        Request::OffsetFetch(body) => offset_fetch_request(body, version),
        Request::ListGroups(body) => {
            if version < 4 {
                body.states.clear();
            }
            if version < 5 {
                body.types.clear();
            }
        }
        Request::ConsumerGroupHeartbeat(body) if version < 1 => body.subscribed_topic_regex = None,
        _ => {}
    }
}

fn offset_fetch_request(body: &mut OffsetFetchRequest, version: i16) {
    if version < 7 {
        body.require_stable = false;
    }
    if version < 8 {
        let nothing = || OffsetFetchGroup {
            group: GroupId::default(),
            member: None,
            member_epoch: -1,
            // An array that nobody set is empty.
            partitions: Some(Vec::new()),
        };
        one(&mut body.groups, nothing);
    }
    for group in &mut body.groups {
        if version < 2 {
            group.partitions.get_or_insert_default();
        }
        if version < 9 {
            (group.member, group.member_epoch) = (None, -1);
        }
    }
}

fn group_response(response: &mut Response, version: i16) {
    match response {
        Response::FindCoordinator(body) if version < 4 => {
            let nothing =
                || FoundCoordinator { key: String::new(), error: ErrorCode::None, error_message: None, node: None };
            one(&mut body.coordinators, nothing);
            body.coordinators[0].key.clear();
            if version < 1 {
                body.coordinators[0].error_message = None;
            }
        }
        Response::JoinGroup(body) => {
            if version < 5 {
                body.members.iter_mut().for_each(|member| member.instance = None);
            }
            if version < 7 {
                body.protocol_type = None;
                body.protocol_name.get_or_insert_default();
            }
            if version < 9 {
                body.skip_assignment = false;
            }
        }
        Response::SyncGroup(body) if version < 5 => (body.protocol_type, body.protocol_name) = (None, None),
        Response::LeaveGroup(body) if version < 3 => {
            let first = body.members.iter().map(|member| member.error).find(|error| !error.is_none());
            if body.error.is_none() {
                body.error = first.unwrap_or_default();
            }
            body.members.clear();
        }
        Response::OffsetFetch(body) if version < 8 => {
            let nothing = || OffsetFetchGroupResponse {
                group: GroupId::default(),
                error: ErrorCode::None,
                partitions: Vec::new(),
            };
            one(&mut body.groups, nothing);
            let group = &mut body.groups[0];
            group.group = GroupId::default();
            if version < 2 {
                group.error = ErrorCode::None;
            }
            if version < 5 {
                group.partitions.iter_mut().for_each(|partition| partition.leader_epoch = LeaderEpoch::NONE);
            }
        }
        Response::ListGroups(body) => {
            for group in &mut body.groups {
                if version < 4 {
                    group.state.clear();
                }
                if version < 5 {
                    group.group_type.clear();
                }
            }
        }
        Response::DescribeGroups(body) => {
            for group in &mut body.groups {
                if version < 4 {
                    group.members.iter_mut().for_each(|member| member.instance = None);
                }
                if version < 6 {
                    group.error_message = None;
                }
            }
        }
        Response::ConsumerGroupDescribe(body) if version < 1 => {
            let members = body.groups.iter_mut().flat_map(|group| &mut group.members);
            members.for_each(|member| member.member_type = -1);
        }
        _ => {}
    }
}
