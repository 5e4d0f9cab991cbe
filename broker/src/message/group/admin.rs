//! ListGroups (key 16, v0–5), DescribeGroups (15, v0–6), ConsumerGroupDescribe (69, v0–1), DeleteGroups (42, v0–2).

use bytes::Bytes;

use super::super::ErrorCode;
use super::PartitionsByTopic;
use crate::ids::{GroupId, GroupInstanceId, MemberId, TopicName};

/// Which groups does this broker coordinate?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListGroupsRequest {
    /// Only those in these states (v4+); empty for all.
    pub states: Vec<String>,
    /// Only those of these types (v5+); empty for all.
    pub types: Vec<String>,
}

/// The groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListGroupsResponse {
    /// Whether they could be listed.
    pub error: ErrorCode,
    /// One line a group.
    pub groups: Vec<ListedGroup>,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListedGroup {
    /// The group.
    pub group: GroupId,
    /// What kind of group: "consumer", "connect", …
    pub protocol_type: String,
    /// Its state, as Kafka writes it (v4+).
    pub state: String,
    /// "classic" or "consumer" (v5+).
    pub group_type: String,
}

/// Tell about these groups, if they are of the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribeGroupsRequest {
    /// Which.
    pub groups: Vec<GroupId>,
}

/// About them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribeGroupsResponse {
    /// One answer a group.
    pub groups: Vec<DescribedGroup>,
}

/// A group of the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribedGroup {
    /// Whether it is known.
    pub error: ErrorCode,
    /// What is wrong, in words (v6+).
    pub error_message: Option<String>,
    /// The group.
    pub group: GroupId,
    /// Its state, as Kafka writes it.
    pub state: String,
    /// What kind of group: "consumer", "connect", …
    pub protocol_type: String,
    /// The assignor; empty unless the group is stable.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedGroupMember>,
}

/// A member of such a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribedGroupMember {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one (v4+).
    pub instance: Option<GroupInstanceId>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// From where.
    pub client_host: String,
    /// What it said with the chosen assignor.
    pub metadata: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// Tell about these groups, if they are of the protocol of KIP-848.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupDescribeRequest {
    /// Which.
    pub groups: Vec<GroupId>,
}

/// About them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupDescribeResponse {
    /// One answer a group.
    pub groups: Vec<DescribedConsumerGroup>,
}

/// A group of the protocol of KIP-848.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribedConsumerGroup {
    /// Whether it is known.
    pub error: ErrorCode,
    /// What is wrong, in words.
    pub error_message: Option<String>,
    /// The group.
    pub group: GroupId,
    /// Its state, as Kafka writes it.
    pub state: String,
    /// Grows with what the members are and want.
    pub group_epoch: i32,
    /// The group epoch that the target assignment was made for.
    pub assignment_epoch: i32,
    /// The assignor.
    pub assignor: String,
    /// Its members.
    pub members: Vec<DescribedConsumerGroupMember>,
}

/// A member of such a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DescribedConsumerGroupMember {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Its epoch.
    pub member_epoch: i32,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// From where.
    pub client_host: String,
    /// The topics.
    pub subscribed_topic_names: Vec<String>,
    /// The expression, if it has one.
    pub subscribed_topic_regex: Option<String>,
    /// What it owns.
    pub assignment: DescribedAssignment,
    /// What it shall own.
    pub target_assignment: DescribedAssignment,
    /// 0 of the classic protocol, 1 of KIP-848 (v1+); −1 unknown.
    pub member_type: i8,
}

/// Partitions of topics whose names are told too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DescribedAssignment {
    /// The partitions.
    pub partitions: PartitionsByTopic,
    /// The names of their topics, in the order of `partitions`.
    pub names: Vec<TopicName>,
}

/// Forget these groups, which must be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteGroupsRequest {
    /// Which.
    pub groups: Vec<GroupId>,
}

/// Which are forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteGroupsResponse {
    /// One answer a group.
    pub results: Vec<(GroupId, ErrorCode)>,
}
