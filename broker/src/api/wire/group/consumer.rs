//! ConsumerGroupHeartbeat (key 68) and ConsumerGroupDescribe (69): the protocol of KIP-848.

use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as WireDescribedAssignment, DescribedGroup, Member, TopicPartitions as WireDescribedTopicPartitions,
};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as WireOwned;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions as WireAssigned};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest as WireConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse as WireConsumerGroupDescribeResponse,
    ConsumerGroupHeartbeatRequest as WireConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse as WireConsumerGroupHeartbeatResponse, TopicName as WireTopicName,
};

use super::super::common::{read_topic_name, text, topic_name};
use super::{
    group_id, instance_id, maybe_text, maybe_text_since, member_id, read_group_id, read_instance_id, read_maybe_text,
    read_member_id,
};
use crate::ids::{MemberId, TopicId, TopicName};
use crate::message::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DescribedAssignment, DescribedConsumerGroup, DescribedConsumerGroupMember,
    ErrorCode, PartitionsByTopic,
};

fn topic_names(names: &[String]) -> Vec<WireTopicName> {
    names.iter().map(|name| WireTopicName(text(name))).collect()
}

fn read_topic_names(names: &[WireTopicName]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// Partitions by topic; what a careless sender names twice is one.
fn read_partitions(topics: impl Iterator<Item = (uuid::Uuid, Vec<i32>)>) -> PartitionsByTopic {
    let mut partitions = PartitionsByTopic::new();
    for (topic, indexes) in topics {
        partitions.entry(TopicId(topic)).or_default().extend(indexes);
    }
    partitions
}

pub(in super::super) fn consumer_group_heartbeat_request(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
) -> WireConsumerGroupHeartbeatRequest {
    let owned = request.owned.as_ref().map(|owned| {
        let topic = owned.iter().map(|(topic, partitions)| {
            WireOwned::default().with_topic_id(topic.0).with_partitions(partitions.iter().copied().collect())
        });
        topic.collect()
    });
    WireConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(&request.group))
        .with_member_id(member_id(&request.member))
        .with_member_epoch(request.member_epoch)
        .with_instance_id(instance_id(&request.instance))
        .with_rack_id(maybe_text(&request.rack))
        .with_rebalance_timeout_ms(request.rebalance_timeout_ms)
        .with_subscribed_topic_names(request.subscribed_topic_names.as_deref().map(topic_names))
        .with_subscribed_topic_regex(maybe_text_since(1, version, &request.subscribed_topic_regex))
        .with_server_assignor(maybe_text(&request.server_assignor))
        .with_topic_partitions(owned)
}

pub(in super::super) fn read_consumer_group_heartbeat_request(
    body: &WireConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatRequest {
    let owned = body
        .topic_partitions
        .as_ref()
        .map(|topics| read_partitions(topics.iter().map(|topic| (topic.topic_id, topic.partitions.clone()))));
    ConsumerGroupHeartbeatRequest {
        group: read_group_id(&body.group_id),
        member: read_member_id(&body.member_id),
        member_epoch: body.member_epoch,
        instance: read_instance_id(&body.instance_id),
        rack: read_maybe_text(&body.rack_id),
        rebalance_timeout_ms: body.rebalance_timeout_ms,
        subscribed_topic_names: body.subscribed_topic_names.as_deref().map(read_topic_names),
        subscribed_topic_regex: read_maybe_text(&body.subscribed_topic_regex),
        server_assignor: read_maybe_text(&body.server_assignor),
        owned,
    }
}

pub(in super::super) fn consumer_group_heartbeat_response(
    response: &ConsumerGroupHeartbeatResponse,
) -> WireConsumerGroupHeartbeatResponse {
    let assignment = response.assignment.as_ref().map(|assignment| {
        let topics = assignment.iter().map(|(topic, partitions)| {
            WireAssigned::default().with_topic_id(topic.0).with_partitions(partitions.iter().copied().collect())
        });
        Assignment::default().with_topic_partitions(topics.collect())
    });
    WireConsumerGroupHeartbeatResponse::default()
        .with_error_code(response.error.code())
        .with_error_message(maybe_text(&response.error_message))
        .with_member_id(response.member.as_ref().map(member_id))
        .with_member_epoch(response.member_epoch)
        .with_heartbeat_interval_ms(response.heartbeat_interval_ms)
        .with_assignment(assignment)
}

pub(in super::super) fn read_consumer_group_heartbeat_response(
    body: &WireConsumerGroupHeartbeatResponse,
) -> ConsumerGroupHeartbeatResponse {
    let assignment = body.assignment.as_ref().map(|assignment| {
        read_partitions(assignment.topic_partitions.iter().map(|topic| (topic.topic_id, topic.partitions.clone())))
    });
    ConsumerGroupHeartbeatResponse {
        error: ErrorCode::from_code(body.error_code),
        error_message: read_maybe_text(&body.error_message),
        member: body.member_id.as_ref().map(|member| MemberId::new(member)),
        member_epoch: body.member_epoch,
        heartbeat_interval_ms: body.heartbeat_interval_ms,
        assignment,
    }
}

pub(in super::super) fn consumer_group_describe_request(
    request: &ConsumerGroupDescribeRequest,
) -> WireConsumerGroupDescribeRequest {
    WireConsumerGroupDescribeRequest::default().with_group_ids(request.groups.iter().map(group_id).collect())
}

pub(in super::super) fn read_consumer_group_describe_request(
    body: &WireConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest { groups: body.group_ids.iter().map(read_group_id).collect() }
}

pub(in super::super) fn consumer_group_describe_response(
    response: &ConsumerGroupDescribeResponse,
    version: i16,
) -> WireConsumerGroupDescribeResponse {
    let groups = response.groups.iter().map(|group| {
        let members = group.members.iter().map(|member| described_member(member, version));
        DescribedGroup::default()
            .with_error_code(group.error.code())
            .with_error_message(maybe_text(&group.error_message))
            .with_group_id(group_id(&group.group))
            .with_group_state(text(&group.state))
            .with_group_epoch(group.group_epoch)
            .with_assignment_epoch(group.assignment_epoch)
            .with_assignor_name(text(&group.assignor))
            .with_members(members.collect())
    });
    WireConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}

fn described_member(member: &DescribedConsumerGroupMember, version: i16) -> Member {
    let body = Member::default()
        .with_member_id(member_id(&member.member))
        .with_instance_id(instance_id(&member.instance))
        .with_rack_id(maybe_text(&member.rack))
        .with_member_epoch(member.member_epoch)
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host))
        .with_subscribed_topic_names(topic_names(&member.subscribed_topic_names))
        .with_subscribed_topic_regex(maybe_text(&member.subscribed_topic_regex))
        .with_assignment(described_assignment(&member.assignment))
        .with_target_assignment(described_assignment(&member.target_assignment));
    if version >= 1 { body.with_member_type(member.member_type) } else { body }
}

fn described_assignment(assignment: &DescribedAssignment) -> WireDescribedAssignment {
    let topics = assignment.partitions.iter().zip(&assignment.names).map(|((topic, partitions), name)| {
        WireDescribedTopicPartitions::default()
            .with_topic_id(topic.0)
            .with_topic_name(topic_name(name))
            .with_partitions(partitions.iter().copied().collect())
    });
    WireDescribedAssignment::default().with_topic_partitions(topics.collect())
}

pub(in super::super) fn read_consumer_group_describe_response(
    body: &WireConsumerGroupDescribeResponse,
) -> ConsumerGroupDescribeResponse {
    let groups = body.groups.iter().map(|group| DescribedConsumerGroup {
        error: ErrorCode::from_code(group.error_code),
        error_message: read_maybe_text(&group.error_message),
        group: read_group_id(&group.group_id),
        state: group.group_state.to_string(),
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        assignor: group.assignor_name.to_string(),
        members: group.members.iter().map(read_described_member).collect(),
    });
    ConsumerGroupDescribeResponse { groups: groups.collect() }
}

fn read_described_member(member: &Member) -> DescribedConsumerGroupMember {
    DescribedConsumerGroupMember {
        member: read_member_id(&member.member_id),
        instance: read_instance_id(&member.instance_id),
        rack: read_maybe_text(&member.rack_id),
        member_epoch: member.member_epoch,
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        subscribed_topic_names: read_topic_names(&member.subscribed_topic_names),
        subscribed_topic_regex: read_maybe_text(&member.subscribed_topic_regex),
        assignment: read_described_assignment(&member.assignment),
        target_assignment: read_described_assignment(&member.target_assignment),
        member_type: member.member_type,
    }
}

/// The names stand in the order of the ids, whatever the order on the wire.
fn read_described_assignment(assignment: &WireDescribedAssignment) -> DescribedAssignment {
    let topics = &assignment.topic_partitions;
    let partitions = read_partitions(topics.iter().map(|topic| (topic.topic_id, topic.partitions.clone())));
    let name = |id: &TopicId| -> TopicName {
        let found = topics.iter().find(|topic| topic.topic_id == id.0);
        found.map(|topic| read_topic_name(&topic.topic_name)).unwrap_or_default()
    };
    let names = partitions.keys().map(name).collect();
    DescribedAssignment { partitions, names }
}
