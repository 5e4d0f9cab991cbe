//! What a coordinator shows of its groups: plain values for screens, checks and whoever waits for a stable group.
//!
//! It is the state as it is now, also where its records are not committed yet: administrators, who ask with
//! DescribeGroups and ConsumerGroupDescribe, see the committed one.

use serde::Serialize;

use super::classic::{ClassicGroup, ClassicMember, ClassicState};
use super::consumer::{ConsumerGroup, GroupState, Member};
use super::coordinator::GroupCoordinator;
use super::find::partition_for;
use super::kind::Group;
use super::shard::Shard;
use crate::api::consumer_protocol::decode_assignment;
use crate::config::GroupProtocol;
use crate::ids::{GroupId, GroupInstanceId, MemberId, Offset, TopicPartition};
use crate::message::PartitionsByTopic;
use crate::metadata::MetadataImage;

/// A group as its coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct GroupView {
    /// Its id.
    pub group: GroupId,
    /// Which protocol its members are coordinated by.
    pub protocol: GroupProtocol,
    /// Where it stands.
    pub state: GroupStateName,
    /// The generation (classic) or group epoch (KIP-848).
    pub epoch: i32,
    /// The assignor of its generation (classic), or the one that most members ask for (KIP-848); none where nobody has
    /// chosen one yet, or nobody asks for one and the broker's own first counts.
    pub assignor: Option<String>,
    /// Its members, in the order of their ids.
    pub members: Vec<GroupMemberView>,
}

/// A member of a group as the coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct GroupMemberView {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// The generation (classic) or its own member epoch (KIP-848).
    pub epoch: i32,
    /// What it was given.
    pub assigned: Vec<TopicPartition>,
    /// What it was told to give up and has not said that it did; nothing in the classic protocol.
    pub revoking: Vec<TopicPartition>,
    /// What it shall have: in the classic protocol what it was given.
    pub target: Vec<TopicPartition>,
}

/// `org.apache.kafka.common.GroupState`: the states of both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupStateName {
    /// Nobody is in it; offsets may be.
    Empty,
    /// Classic: members are called together and join.
    PreparingRebalance,
    /// Classic: the leader's assignment is awaited.
    CompletingRebalance,
    /// KIP-848: the target assignment is older than the group.
    Assigning,
    /// KIP-848: some member has not reached its target.
    Reconciling,
    /// Each member has what it shall have, or may ask for it.
    Stable,
    /// Classic: the coordinator has given the group up.
    Dead,
}

impl GroupStateName {
    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            GroupStateName::Empty => "Empty",
            GroupStateName::PreparingRebalance => "PreparingRebalance",
            GroupStateName::CompletingRebalance => "CompletingRebalance",
            GroupStateName::Assigning => "Assigning",
            GroupStateName::Reconciling => "Reconciling",
            GroupStateName::Stable => "Stable",
            GroupStateName::Dead => "Dead",
        }
    }
}

impl From<ClassicState> for GroupStateName {
    fn from(state: ClassicState) -> Self {
        match state {
            ClassicState::Empty => GroupStateName::Empty,
            ClassicState::PreparingRebalance { .. } => GroupStateName::PreparingRebalance,
            ClassicState::CompletingRebalance => GroupStateName::CompletingRebalance,
            ClassicState::Stable => GroupStateName::Stable,
            ClassicState::Dead => GroupStateName::Dead,
        }
    }
}

impl From<GroupState> for GroupStateName {
    fn from(state: GroupState) -> Self {
        match state {
            GroupState::Empty => GroupStateName::Empty,
            GroupState::Assigning => GroupStateName::Assigning,
            GroupState::Reconciling => GroupStateName::Reconciling,
            GroupState::Stable => GroupStateName::Stable,
        }
    }
}

impl GroupCoordinator {
    /// All groups of the partitions that are coordinated here, by partition and then by id. Topics have the names that
    /// `image` knows; those that it does not know are left out.
    pub fn group_views(&self, image: &MetadataImage) -> Vec<GroupView> {
        self.shards().flat_map(|(_, shard)| shard.group_views(image)).collect()
    }

    /// A group that is coordinated here; none if it is not here, or does not exist.
    pub fn group_view(&self, group: &GroupId, image: &MetadataImage) -> Option<GroupView> {
        self.shard_of(group)?.group_view(group, image)
    }

    /// What was committed for a group that is coordinated here, by partition: the next offset to read. Offsets of open
    /// transactions are not among them.
    pub fn group_offsets(&self, group: &GroupId) -> Vec<(TopicPartition, Offset)> {
        let offsets = self.shard_of(group).and_then(|shard| shard.hard.offsets.of(group));
        let committed = offsets.into_iter().flat_map(|offsets| &offsets.committed);
        committed.map(|(partition, stored)| (partition.clone(), stored.value.offset)).collect()
    }

    fn shard_of(&self, group: &GroupId) -> Option<&Shard> {
        let partition = partition_for(group.as_str(), self.partition_count());
        self.shards().find(|(served, _)| *served == partition).map(|(_, shard)| shard)
    }
}

impl Shard {
    /// Its groups, in the order of their ids.
    pub fn group_views(&self, image: &MetadataImage) -> Vec<GroupView> {
        self.hard.groups.keys().filter_map(|id| self.group_view(id, image)).collect()
    }

    /// A group, if it exists.
    pub fn group_view(&self, id: &GroupId, image: &MetadataImage) -> Option<GroupView> {
        match self.hard.groups.get(id)?.as_ref() {
            Group::Consumer(group) => Some(group.view(image)),
            Group::Classic(_) => self.classic_group(&self.hard, id).map(|group| group.view()),
        }
    }
}

impl ClassicGroup {
    fn view(&self) -> GroupView {
        GroupView {
            group: self.id.clone(),
            protocol: GroupProtocol::Classic,
            state: self.state.into(),
            epoch: self.generation,
            assignor: self.protocol.clone(),
            members: self.members.values().map(|member| self.member_view(member)).collect(),
        }
    }

    fn member_view(&self, member: &ClassicMember) -> GroupMemberView {
        let mut assigned = decode_assignment(&member.assignment).map(|it| it.partitions).unwrap_or_default();
        assigned.sort();
        GroupMemberView {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            epoch: self.generation,
            target: assigned.clone(),
            assigned,
            revoking: Vec::new(),
        }
    }
}

impl ConsumerGroup {
    fn view(&self, image: &MetadataImage) -> GroupView {
        GroupView {
            group: self.id.clone(),
            protocol: GroupProtocol::Consumer,
            state: self.state().into(),
            epoch: self.epoch,
            assignor: self.preferred_assignor(None, None).map(|assignor| assignor.name().to_owned()),
            members: self.members().map(|member| self.member_view(member, image)).collect(),
        }
    }

    fn member_view(&self, member: &Member, image: &MetadataImage) -> GroupMemberView {
        GroupMemberView {
            member: member.id.clone(),
            instance: member.instance().cloned(),
            client_id: member.metadata.client_id.clone(),
            epoch: member.epoch,
            assigned: by_name(&member.assigned, image),
            revoking: by_name(&member.pending_revocation, image),
            target: by_name(self.target(&member.id), image),
        }
    }
}

/// Partitions of topics that exist, with their names, sorted.
fn by_name(partitions: &PartitionsByTopic, image: &MetadataImage) -> Vec<TopicPartition> {
    let named = partitions.iter().filter_map(|(id, numbers)| Some((image.topic_name(*id)?, numbers)));
    let mut named: Vec<TopicPartition> = named
        .flat_map(|(topic, numbers)| {
            numbers.iter().map(|number| TopicPartition { topic: topic.clone(), partition: *number })
        })
        .collect();
    named.sort();
    named
}
