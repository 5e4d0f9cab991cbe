//! Actions that are one call of a client or an administrator.

use trial_broker::client::{Call, CloseOptions, GroupMembershipOperation};
use trial_broker::ids::{GroupId, NodeId, TopicName, TopicPartition};
use trial_broker::message::{ConfigResource, ElectionType};

use crate::scenario::format::action::Ending;
use crate::scenario::format::file::ReplicaLists;
use crate::scenario::format::{Action, Spanned};
use crate::scenario::validate::partition_named;

/// Partitions by their checked names.
fn partitions_named(names: &[Spanned<String>]) -> Vec<TopicPartition> {
    names.iter().filter_map(|name| partition_named(&name.value)).collect()
}

/// Whether an action is something that an administrator asks a cluster for.
pub(super) fn asks_as_administrator(action: &Action) -> bool {
    matches!(
        action,
        Action::CreateTopic(_)
            | Action::DeleteTopic(_)
            | Action::CreatePartitions(_)
            | Action::AlterConfig(_)
            | Action::ElectLeader(_)
            | Action::DeleteRecords(_)
            | Action::ListGroups(_)
            | Action::DescribeGroup(_)
            | Action::DeleteGroup(_)
            | Action::DeleteOffsets(_)
            | Action::Reassign(_)
    )
}

/// Who calls what; nobody stands for the unseen administrator.
pub(super) fn call_of(action: &Action) -> Option<(Option<Spanned<String>>, Call)> {
    let nodes = |list: &Vec<Spanned<i32>>| list.iter().map(|id| NodeId(id.value)).collect::<Vec<_>>();
    let lists = |lists: &Option<Spanned<ReplicaLists>>| {
        lists.iter().flat_map(|lists| &lists.value).map(|list| nodes(&list.value)).collect::<Vec<_>>()
    };
    Some(match action {
        Action::Poll(poll) => {
            let timeout_ms = poll.timeout.as_ref().map_or(0, |timeout| timeout.value.duration().as_millis() as u64);
            (Some(poll.client.clone()), Call::Poll { timeout_ms })
        }
        Action::Seek(seek) => {
            let partition = partition_named(&seek.partition.value)?;
            (Some(seek.client.clone()), Call::Seek { partition, offset: seek.offset.value })
        }
        Action::RefreshMetadata(one) => (Some(one.client.clone()), Call::RefreshMetadata),
        Action::CommitOffsets(commit) if commit.asynchronous == Some(true) => {
            (Some(commit.client.clone()), Call::CommitAsync)
        }
        Action::CommitOffsets(commit) if commit.offsets.is_empty() => (Some(commit.client.clone()), Call::CommitSync),
        Action::CommitOffsets(commit) => {
            let chosen = commit.offsets.iter();
            let offsets = chosen.map(|(name, offset)| Some((partition_named(&name.value)?, offset.value)));
            let metadata = commit.metadata.as_ref().map_or_else(String::new, |metadata| metadata.value.clone());
            (Some(commit.client.clone()), Call::CommitOffsets { offsets: offsets.collect::<Option<_>>()?, metadata })
        }
        Action::Close(close) => {
            let options = CloseOptions {
                timeout_ms: close.timeout.as_ref().map(|timeout| timeout.value.duration().as_millis() as u64),
                membership: match close.group {
                    None => GroupMembershipOperation::Default,
                    Some(Ending::Leave) => GroupMembershipOperation::LeaveGroup,
                    Some(Ending::Remain) => GroupMembershipOperation::RemainInGroup,
                },
            };
            (Some(close.client.clone()), Call::End(options))
        }
        Action::Leave(one) => (Some(one.client.clone()), Call::Unsubscribe),
        Action::Join(join) if !join.topics.is_empty() => {
            let topics = join.topics.iter().map(|topic| topic.value.clone()).collect();
            (Some(join.client.clone()), Call::Subscribe { topics })
        }
        Action::Join(join) => {
            let on_server = join.server_pattern.is_some();
            let pattern = join.server_pattern.as_ref().or(join.pattern.as_ref())?.value.clone();
            (Some(join.client.clone()), Call::SubscribePattern { pattern, on_server })
        }
        Action::Work(work) => {
            let per_record_ms = work.is.value.duration().as_millis() as u64;
            (Some(work.client.clone()), Call::Work { per_record_ms })
        }
        Action::PausePartitions(some) => (Some(some.client.clone()), Call::Pause(partitions_named(&some.partitions))),
        Action::ResumePartitions(some) => (Some(some.client.clone()), Call::Resume(partitions_named(&some.partitions))),
        Action::CreateTopic(topic) => {
            let call = Call::CreateTopic {
                name: topic.name.value.clone(),
                partitions: topic.partitions.as_ref().map_or(-1, |count| count.value as i32),
                replication_factor: topic.replication_factor.as_ref().map_or(-1, |count| count.value as i16),
                replicas: lists(&topic.replicas),
                configs: topic.config.properties(),
            };
            (topic.client.clone(), call)
        }
        Action::DeleteTopic(topic) => (topic.client.clone(), Call::DeleteTopic { name: topic.name.value.clone() }),
        Action::CreatePartitions(more) => {
            let call = Call::CreatePartitions {
                topic: more.topic.value.clone(),
                count: more.count.value as i32,
                replicas: lists(&more.replicas),
            };
            (more.client.clone(), call)
        }
        Action::AlterConfig(config) => {
            let resource = match (&config.topic, &config.group, &config.broker) {
                (Some(topic), _, _) => ConfigResource::Topic(TopicName::new(&topic.value)),
                (None, Some(group), _) => ConfigResource::Group(GroupId::new(&group.value)),
                (None, None, Some(broker)) => ConfigResource::Broker(NodeId(broker.value)),
                (None, None, None) => ConfigResource::Cluster,
            };
            let set = config.set.0.iter().map(|(name, value)| (name.value.clone(), Some(value.0.clone())));
            let removed = config.remove.iter().map(|name| (name.value.clone(), None));
            (config.client.clone(), Call::AlterConfig { resource, values: set.chain(removed).collect() })
        }
        Action::ElectLeader(elect) => {
            let election_type =
                if elect.unclean == Some(true) { ElectionType::Unclean } else { ElectionType::Preferred };
            let partitions = match &elect.partition {
                Some(name) => Some(vec![partition_named(&name.value)?]),
                None => None,
            };
            (elect.client.clone(), Call::ElectLeaders { election_type, partitions })
        }
        Action::DeleteRecords(records) => {
            let partition = partition_named(&records.partition.value)?;
            let before = records.before.as_ref().map(|offset| offset.value);
            (records.client.clone(), Call::DeleteRecords { partition, before })
        }
        Action::ListGroups(list) => {
            let texts = |list: &[Spanned<String>]| list.iter().map(|text| text.value.clone()).collect();
            (list.client.clone(), Call::ListGroups { states: texts(&list.states), types: texts(&list.types) })
        }
        Action::DescribeGroup(one) => {
            (one.client.clone(), Call::DescribeGroup { group: GroupId::new(&one.group.value) })
        }
        Action::DeleteGroup(one) => (one.client.clone(), Call::DeleteGroup { group: GroupId::new(&one.group.value) }),
        Action::DeleteOffsets(delete) => {
            let (group, partitions) = (GroupId::new(&delete.group.value), partitions_named(&delete.partitions));
            (delete.client.clone(), Call::DeleteOffsets { group, partitions })
        }
        Action::Reassign(reassign) => {
            let partition = partition_named(&reassign.partition.value)?;
            let replicas = reassign.replicas.as_ref().map(|list| nodes(&list.value));
            (reassign.client.clone(), Call::Reassign { partition, replicas })
        }
        _ => return None,
    })
}
