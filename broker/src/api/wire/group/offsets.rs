//! OffsetCommit (key 8), OffsetFetch (9) and OffsetDelete (47). Below version 8 OffsetFetch asks about one group.

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition as WireCommit, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest as WireOffsetCommitRequest, OffsetCommitResponse as WireOffsetCommitResponse,
    OffsetDeleteRequest as WireOffsetDeleteRequest, OffsetDeleteResponse as WireOffsetDeleteResponse,
    OffsetFetchRequest as WireOffsetFetchRequest, OffsetFetchResponse as WireOffsetFetchResponse,
    TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::super::common::{by_topic, partition_of, text, topic_name};
use super::{
    group_id, instance_id_since, maybe_text, member_id, read_group_id, read_instance_id, read_maybe_text,
    read_member_id,
};
use crate::ids::{GroupId, LeaderEpoch, TopicPartition};
use crate::message::{
    ErrorCode, OffsetCommitPartition, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchGroup, OffsetFetchGroupResponse, OffsetFetchPartitionResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

pub(in super::super) fn offset_commit_request(request: &OffsetCommitRequest, version: i16) -> WireOffsetCommitRequest {
    let partition = |partition: &OffsetCommitPartition| {
        let body = WireCommit::default()
            .with_partition_index(partition.partition.partition)
            .with_committed_offset(partition.offset)
            .with_committed_metadata(maybe_text(&partition.metadata));
        if version >= 6 { body.with_committed_leader_epoch(partition.leader_epoch.0) } else { body }
    };
    let topics = by_topic(&request.partitions, |partition| &partition.partition.topic).map(|(name, run)| {
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(run.iter().map(partition).collect())
    });
    let body = WireOffsetCommitRequest::default()
        .with_group_id(group_id(&request.group))
        .with_generation_id_or_member_epoch(request.generation_or_member_epoch)
        .with_member_id(member_id(&request.member))
        .with_group_instance_id(instance_id_since(7, version, &request.instance))
        .with_topics(topics.collect());
    if version <= 4 { body.with_retention_time_ms(request.retention_time_ms) } else { body }
}

pub(in super::super) fn read_offset_commit_request(body: &WireOffsetCommitRequest) -> OffsetCommitRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetCommitPartition {
            partition: partition_of(&topic.name, partition.partition_index),
            offset: partition.committed_offset,
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: read_maybe_text(&partition.committed_metadata),
        })
    });
    OffsetCommitRequest {
        group: read_group_id(&body.group_id),
        generation_or_member_epoch: body.generation_id_or_member_epoch,
        member: read_member_id(&body.member_id),
        instance: read_instance_id(&body.group_instance_id),
        retention_time_ms: body.retention_time_ms,
        partitions: partitions.collect(),
    }
}

/// The error of each partition of a topic, in the order of the answer.
pub(super) type Errors = [(TopicPartition, ErrorCode)];

/// An answer's topics: commits and deletions are answered alike, in types of their own.
pub(super) fn topics_of<Partition, Topic>(
    errors: &Errors,
    partition: impl Fn(i32, i16) -> Partition,
    topic: impl Fn(WireTopicName, Vec<Partition>) -> Topic,
) -> Vec<Topic> {
    let runs = by_topic(errors, |(partition, _)| &partition.topic);
    let partitions = |run: &Errors| run.iter().map(|(at, error)| partition(at.partition, error.code())).collect();
    runs.map(|(name, run)| topic(topic_name(name), partitions(run))).collect()
}

/// One partition of such an answer.
pub(super) fn read_error(topic: &WireTopicName, partition: i32, code: i16) -> (TopicPartition, ErrorCode) {
    (partition_of(topic, partition), ErrorCode::from_code(code))
}

pub(in super::super) fn offset_commit_response(response: &OffsetCommitResponse) -> WireOffsetCommitResponse {
    let partition =
        |index, code| OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code);
    let topic = |name, partitions| OffsetCommitResponseTopic::default().with_name(name).with_partitions(partitions);
    WireOffsetCommitResponse::default().with_topics(topics_of(&response.partitions, partition, topic))
}

pub(in super::super) fn read_offset_commit_response(body: &WireOffsetCommitResponse) -> OffsetCommitResponse {
    let read = |topic: &OffsetCommitResponseTopic| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| read_error(&topic.name, it.partition_index, it.error_code)).collect::<Vec<_>>()
    };
    OffsetCommitResponse { partitions: body.topics.iter().flat_map(read).collect() }
}

/// The first version that asks about several groups (KIP-709).
const SEVERAL: i16 = 8;

pub(super) fn runs(partitions: &[TopicPartition]) -> impl Iterator<Item = (WireTopicName, Vec<i32>)> {
    by_topic(partitions, |partition| &partition.topic)
        .map(|(name, run)| (topic_name(name), run.iter().map(|partition| partition.partition).collect()))
}

pub(super) fn read_run(name: &WireTopicName, indexes: &[i32]) -> Vec<TopicPartition> {
    indexes.iter().map(|index| partition_of(name, *index)).collect()
}

/// Version 1 cannot ask for everything: "all" reads as "nothing" there.
pub(in super::super) fn offset_fetch_request(request: &OffsetFetchRequest, version: i16) -> WireOffsetFetchRequest {
    let body = WireOffsetFetchRequest::default().with_require_stable(version >= 7 && request.require_stable);
    if version >= SEVERAL {
        let groups = request.groups.iter().map(|group| offset_fetch_group(group, version));
        return body.with_groups(groups.collect());
    }
    let Some(group) = request.groups.first() else { return body };
    let topics = group.partitions.as_ref().map(|partitions| {
        let topic =
            |(name, indexes)| OffsetFetchRequestTopic::default().with_name(name).with_partition_indexes(indexes);
        runs(partitions).map(topic).collect()
    });
    body.with_group_id(group_id(&group.group)).with_topics(topics.or((version < 2).then(Vec::new)))
}

fn offset_fetch_group(group: &OffsetFetchGroup, version: i16) -> OffsetFetchRequestGroup {
    let topics = group.partitions.as_ref().map(|partitions| {
        let topic =
            |(name, indexes)| OffsetFetchRequestTopics::default().with_name(name).with_partition_indexes(indexes);
        runs(partitions).map(topic).collect()
    });
    let body = OffsetFetchRequestGroup::default().with_group_id(group_id(&group.group)).with_topics(topics);
    if version < 9 {
        return body;
    }
    body.with_member_id(group.member.as_ref().map(member_id)).with_member_epoch(group.member_epoch)
}

pub(in super::super) fn read_offset_fetch_request(body: &WireOffsetFetchRequest, version: i16) -> OffsetFetchRequest {
    let groups = if version >= SEVERAL {
        body.groups.iter().map(read_offset_fetch_group).collect()
    } else {
        let partitions = body
            .topics
            .as_ref()
            .map(|topics| topics.iter().flat_map(|topic| read_run(&topic.name, &topic.partition_indexes)).collect());
        vec![OffsetFetchGroup { group: read_group_id(&body.group_id), member: None, member_epoch: -1, partitions }]
    };
    OffsetFetchRequest { groups, require_stable: body.require_stable }
}

fn read_offset_fetch_group(group: &OffsetFetchRequestGroup) -> OffsetFetchGroup {
    let partitions = group
        .topics
        .as_ref()
        .map(|topics| topics.iter().flat_map(|topic| read_run(&topic.name, &topic.partition_indexes)).collect());
    OffsetFetchGroup {
        group: read_group_id(&group.group_id),
        member: group.member_id.as_ref().map(read_member_id),
        member_epoch: group.member_epoch,
        partitions,
    }
}

pub(in super::super) fn offset_fetch_response(response: &OffsetFetchResponse, version: i16) -> WireOffsetFetchResponse {
    let body = WireOffsetFetchResponse::default();
    if version >= SEVERAL {
        return body.with_groups(response.groups.iter().map(offset_fetch_group_response).collect());
    }
    let Some(group) = response.groups.first() else { return body };
    let partition = |partition: &OffsetFetchPartitionResponse| {
        let body = OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition.partition)
            .with_committed_offset(partition.offset)
            .with_metadata(Some(text(&partition.metadata)))
            .with_error_code(partition.error.code());
        if version >= 5 { body.with_committed_leader_epoch(partition.leader_epoch.0) } else { body }
    };
    let topics = by_topic(&group.partitions, |partition| &partition.partition.topic).map(|(name, run)| {
        OffsetFetchResponseTopic::default()
            .with_name(topic_name(name))
            .with_partitions(run.iter().map(partition).collect())
    });
    let body = body.with_topics(topics.collect());
    // Version 1 has no place for an error of the group: whoever answers it puts the error to each partition.
    if version >= 2 { body.with_error_code(group.error.code()) } else { body }
}

fn offset_fetch_group_response(group: &OffsetFetchGroupResponse) -> OffsetFetchResponseGroup {
    let partition = |partition: &OffsetFetchPartitionResponse| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(partition.partition.partition)
            .with_committed_offset(partition.offset)
            .with_committed_leader_epoch(partition.leader_epoch.0)
            .with_metadata(Some(text(&partition.metadata)))
            .with_error_code(partition.error.code())
    };
    let topics = by_topic(&group.partitions, |partition| &partition.partition.topic).map(|(name, run)| {
        OffsetFetchResponseTopics::default()
            .with_name(topic_name(name))
            .with_partitions(run.iter().map(partition).collect())
    });
    OffsetFetchResponseGroup::default()
        .with_group_id(group_id(&group.group))
        .with_error_code(group.error.code())
        .with_topics(topics.collect())
}

/// The answer of a version below 8 does not name its group.
pub(in super::super) fn read_offset_fetch_response(
    body: &WireOffsetFetchResponse,
    version: i16,
) -> OffsetFetchResponse {
    if version >= SEVERAL {
        return OffsetFetchResponse { groups: body.groups.iter().map(read_offset_fetch_group_response).collect() };
    }
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetFetchPartitionResponse {
            partition: partition_of(&topic.name, partition.partition_index),
            error: ErrorCode::from_code(partition.error_code),
            offset: partition.committed_offset,
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: read_metadata(&partition.metadata),
        })
    });
    let group = OffsetFetchGroupResponse {
        group: GroupId::default(),
        error: ErrorCode::from_code(body.error_code),
        partitions: partitions.collect(),
    };
    OffsetFetchResponse { groups: vec![group] }
}

fn read_offset_fetch_group_response(group: &OffsetFetchResponseGroup) -> OffsetFetchGroupResponse {
    let partitions = group.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| OffsetFetchPartitionResponse {
            partition: partition_of(&topic.name, partition.partition_index),
            error: ErrorCode::from_code(partition.error_code),
            offset: partition.committed_offset,
            leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
            metadata: read_metadata(&partition.metadata),
        })
    });
    OffsetFetchGroupResponse {
        group: read_group_id(&group.group_id),
        error: ErrorCode::from_code(group.error_code),
        partitions: partitions.collect(),
    }
}

/// Null stands for the empty text.
fn read_metadata(metadata: &Option<StrBytes>) -> String {
    metadata.as_ref().map(|metadata| metadata.to_string()).unwrap_or_default()
}

pub(in super::super) fn offset_delete_request(request: &OffsetDeleteRequest) -> WireOffsetDeleteRequest {
    let topics = runs(&request.partitions).map(|(name, indexes)| {
        let partitions =
            indexes.into_iter().map(|index| OffsetDeleteRequestPartition::default().with_partition_index(index));
        OffsetDeleteRequestTopic::default().with_name(name).with_partitions(partitions.collect())
    });
    WireOffsetDeleteRequest::default().with_group_id(group_id(&request.group)).with_topics(topics.collect())
}

pub(in super::super) fn read_offset_delete_request(body: &WireOffsetDeleteRequest) -> OffsetDeleteRequest {
    let partitions = body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| partition_of(&topic.name, partition.partition_index))
    });
    OffsetDeleteRequest { group: read_group_id(&body.group_id), partitions: partitions.collect() }
}

pub(in super::super) fn offset_delete_response(response: &OffsetDeleteResponse) -> WireOffsetDeleteResponse {
    let partition =
        |index, code| OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(code);
    let topic = |name, partitions| OffsetDeleteResponseTopic::default().with_name(name).with_partitions(partitions);
    let topics = topics_of(&response.partitions, partition, topic);
    WireOffsetDeleteResponse::default().with_error_code(response.error.code()).with_topics(topics)
}

pub(in super::super) fn read_offset_delete_response(body: &WireOffsetDeleteResponse) -> OffsetDeleteResponse {
    let read = |topic: &OffsetDeleteResponseTopic| {
        let partitions = topic.partitions.iter();
        partitions.map(|it| read_error(&topic.name, it.partition_index, it.error_code)).collect::<Vec<_>>()
    };
    let partitions = body.topics.iter().flat_map(read).collect();
    OffsetDeleteResponse { error: ErrorCode::from_code(body.error_code), partitions }
}
