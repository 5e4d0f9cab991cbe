//! What an administrator is told of groups: `GroupListing`, `ConsumerGroupDescription`, `MemberDescription`.

use serde::Serialize;

use crate::ids::{GroupId, GroupInstanceId, MemberId, NodeId, TopicPartition};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct GroupListing {
    /// The group.
    pub group: GroupId,
    /// "classic" or "consumer".
    pub group_type: String,
    /// "consumer" for a group of consumers; empty while nobody has joined it.
    pub protocol_type: String,
    /// Its state, as Kafka writes it.
    pub state: String,
}

/// One group, as its coordinator shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct GroupDescription {
    /// The group.
    pub group: GroupId,
    /// "classic" or "consumer".
    pub group_type: String,
    /// Its state, as Kafka writes it.
    pub state: String,
    /// The broker that answered.
    pub coordinator: NodeId,
    /// The assignor; empty in a classic group that is not stable.
    pub assignor: String,
    /// Group epoch and the epoch of the target assignment; none of a classic group.
    pub epochs: Option<(i32, i32)>,
    /// Its members, in the order of their ids.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MemberDescription {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// What it owns.
    pub assigned: Vec<TopicPartition>,
    /// What it shall own; none in a classic group.
    pub target: Option<Vec<TopicPartition>>,
    /// Its epoch; none in a classic group.
    pub epoch: Option<i32>,
}
