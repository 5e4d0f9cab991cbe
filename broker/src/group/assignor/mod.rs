//! Assignors on the server: which member of a group shall own which partition (KIP-848).
//!
//! An assignor is a function of what the members want and of what they shall own already. It says nothing of what a
//! member owns at the moment: to get there, one member after another, is the work of the reconciliation.
//!
//! ```text
//!   range.rs               each topic is cut into contiguous ranges                     RangeAssignor
//!   uniform/homogeneous    all members want the same topics: equal shares, sticky       UniformHomogeneousAssignmentBuilder
//!   uniform/heterogeneous  they want different ones: balanced step by step, sticky      UniformHeterogeneousAssignmentBuilder
//! ```
//!
//! Kafka walks through members, topics and partitions in the order of its hash maps in several places, which no
//! contract fixes. Here the order is always ascending: members by id, topics by id, partitions by number. It is one of
//! the orders that Kafka may have, and the one that Kafka's own tests fix where they must (`TestGroupSpecImpl`).

mod range;
#[cfg(test)]
mod tests;
mod uniform;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::ServerAssignor;
use crate::ids::{GroupInstanceId, MemberId, TopicId};
use crate::message::PartitionsByTopic;

/// What each member shall own.
pub type GroupAssignment = BTreeMap<MemberId, PartitionsByTopic>;

/// A member, as an assignor sees it. No assignor of Kafka 4.1 reads racks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberSpec {
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// The topics that it wants, those that exist.
    pub subscribed_topics: BTreeSet<TopicId>,
    /// What it shall own so far.
    pub assignment: PartitionsByTopic,
}

/// A group, as an assignor sees it (`GroupSpec`).
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// The members.
    pub members: BTreeMap<MemberId, MemberSpec>,
    /// Whether they all want the same topics.
    pub subscription_type: SubscriptionType,
    /// How many partitions each topic has; at least of the topics that somebody wants.
    pub partition_counts: BTreeMap<TopicId, i32>,
}

/// Whether all members want the same topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionType {
    /// All the same.
    Homogeneous,
    /// Not all the same.
    Heterogeneous,
}

/// Why there is no assignment (`PartitionAssignorException`); the member whose heartbeat asked gets UNKNOWN_SERVER_ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignorError {
    /// A member wants a topic that does not exist.
    NonExistentTopic(TopicId),
    /// A member shall own a partition that the coordinator's metadata does not have (yet): Kafka's array has no such index.
    UnknownPartition(TopicId, i32),
    /// More partitions than all quotas together: two members had the same partition.
    PartitionsLeftUnassigned,
}

impl fmt::Display for AssignorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AssignorError::NonExistentTopic(topic) => {
                write!(f, "a member is subscribed to topic {topic}, which does not exist")
            }
            AssignorError::UnknownPartition(topic, partition) => {
                write!(f, "topic {topic} has no partition {partition}")
            }
            AssignorError::PartitionsLeftUnassigned => f.write_str("partitions were left unassigned"),
        }
    }
}

/// What each member shall own. Members may be missing in the result: they shall own nothing.
///
/// # Errors
///
/// A wanted topic without a partition count, or partitions that two members had.
pub fn assign(assignor: ServerAssignor, group: &GroupSpec) -> Result<GroupAssignment, AssignorError> {
    if group.members.is_empty() {
        return Ok(GroupAssignment::new());
    }
    match (assignor, group.subscription_type) {
        (ServerAssignor::Range, kind) => range::assign(group, kind),
        (ServerAssignor::Uniform, SubscriptionType::Homogeneous) => uniform::homogeneous::assign(group),
        (ServerAssignor::Uniform, SubscriptionType::Heterogeneous) => uniform::heterogeneous::assign(group),
    }
}

impl GroupSpec {
    fn partition_count(&self, topic: TopicId) -> Result<i32, AssignorError> {
        self.partition_counts.get(&topic).copied().ok_or(AssignorError::NonExistentTopic(topic))
    }
}

/// Java compares the halves of an id as signed numbers (`Uuid.compareTo`).
fn compare_as_java(one: TopicId, other: TopicId) -> Ordering {
    let halves = |topic: TopicId| {
        let (high, low) = topic.0.as_u64_pair();
        (high.cast_signed(), low.cast_signed())
    };
    halves(one).cmp(&halves(other))
}
