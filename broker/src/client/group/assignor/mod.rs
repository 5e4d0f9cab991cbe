//! Who reads what, computed by the group's leader: Kafka's `ConsumerPartitionAssignor` and its four implementations.
//!
//! ```text
//!                         t0: 0 1 2   t1: 0 1 2      members A, B
//!   range                 A 0 1 │ B 2               A 0 1 │ B 2       topic by topic, contiguous
//!   roundrobin            A 0 2 │ B 1               A 1   │ B 0 2     one list, dealt like cards
//!   sticky                as round robin at first; later as little as possible moves
//!   cooperative-sticky    the same, but nothing is given to its new owner before the old one let go of it
//! ```
//!
//! An assignor also says how a rebalance goes. *Eager*: everybody revokes everything before
//! it joins. *Cooperative* (KIP-429): everybody joins with what it owns, revokes what it
//! is not given back, and joins again. A consumer uses the best protocol that **all** its
//! assignors support: with Kafka's default list that is eager.
//!
//! Where it matters in which order Kafka walks a hash map of members, they are walked in that order here too
//! ([`hash_map_order`]): the same members get the same partitions.
//!
//! All but round robin give members what is near to them where that is no less even (KIP-881, racks.rs).

mod racks;
mod range;
mod round_robin;
mod sticky;
mod sticky_constrained;
mod sticky_general;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

pub(crate) use self::racks::ReplicaRacks;
pub(crate) use self::sticky::Trust;
use crate::config::Assignor;
use crate::ids::{GroupInstanceId, MemberId, TopicName, TopicPartition};
use crate::message::ConsumerSubscription;

/// How the members of a group go from one assignment to the next (`RebalanceProtocol`); the better one is the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebalanceProtocol {
    /// All partitions are revoked before a member joins.
    Eager,
    /// Only what goes to somebody else is revoked, and then everybody joins again (KIP-429).
    Cooperative,
}

/// A member as an assignor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct GroupMember {
    pub instance: Option<GroupInstanceId>,
    pub subscription: ConsumerSubscription,
}

/// The members of a generation.
pub(crate) type Members = BTreeMap<MemberId, GroupMember>;

/// How many partitions each topic has; topics that the leader knows nothing of are left out.
pub(crate) type PartitionCounts = BTreeMap<TopicName, i32>;

/// What each member shall read.
pub(crate) type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

impl Assignor {
    fn supports(self, protocol: RebalanceProtocol) -> bool {
        match protocol {
            RebalanceProtocol::Eager => true,
            RebalanceProtocol::Cooperative => self == Assignor::CooperativeSticky,
        }
    }

    /// Who reads what. `trust` is asked by the cooperative assignor, `replicas` by all but round robin.
    ///
    /// # Panics
    /// If there are no members: a group without members has no leader.
    pub(crate) fn assign(
        self,
        counts: &PartitionCounts,
        replicas: &ReplicaRacks,
        members: &Members,
        trust: Trust,
    ) -> Assignments {
        assert!(!members.is_empty(), "an assignment is made by a member");
        match self {
            Assignor::Range => range::assign(counts, replicas, members),
            Assignor::RoundRobin => round_robin::assign(counts, members),
            Assignor::Sticky => sticky::assign(counts, replicas, members),
            Assignor::CooperativeSticky => sticky::assign_cooperatively(counts, replicas, members, trust),
        }
    }
}

/// The best protocol that all these assignors support (`ConsumerCoordinator`'s constructor).
pub(crate) fn protocol_of(assignors: &[Assignor]) -> RebalanceProtocol {
    let all_support = |protocol: RebalanceProtocol| assignors.iter().all(|assignor| assignor.supports(protocol));
    if all_support(RebalanceProtocol::Cooperative) { RebalanceProtocol::Cooperative } else { RebalanceProtocol::Eager }
}

/// What a member's sticky assignors remember of the last assignment they were told (`onAssignment`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AssignorMemory {
    last: Option<(i32, Vec<TopicPartition>)>,
}

impl AssignorMemory {
    /// A rebalance is complete.
    pub fn on_assignment(&mut self, generation: i32, partitions: &[TopicPartition]) {
        self.last = Some((generation, partitions.to_vec()));
    }

    /// What the member sends its leader besides its subscription (`subscriptionUserData`).
    pub fn user_data(&self, assignor: Assignor) -> Option<Bytes> {
        match assignor {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => self.last.as_ref().map(|(generation, owned)| sticky::user_data(*generation, owned)),
            Assignor::CooperativeSticky => {
                let generation = self.last.as_ref().map_or(sticky::DEFAULT_GENERATION, |(generation, _)| *generation);
                Some(Bytes::copy_from_slice(&generation.to_be_bytes()))
            }
        }
    }
}

/// The order of members in range and round robin (`MemberInfo.compareTo`): static members first, by instance id, then
/// the others by member id.
fn compare_members(left: (&MemberId, &GroupMember), right: (&MemberId, &GroupMember)) -> Ordering {
    match (&left.1.instance, &right.1.instance) {
        (Some(left), Some(right)) => left.cmp(right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.0.cmp(right.0),
    }
}

fn is_subscribed(member: &GroupMember, topic: &TopicName) -> bool {
    member.subscription.topics.contains(topic)
}

fn partitions_of(topic: &TopicName, count: i32) -> impl Iterator<Item = TopicPartition> {
    (0..count).map(move |partition| TopicPartition { topic: topic.clone(), partition })
}

/// The order in which Java walks a `HashMap` whose keys are these: by the bits of the hash code that the table's size
/// lets through. Simplified: names that share a bucket, in the order of their ids; in Java in the order of insertion.
fn hash_map_order<'a>(names: impl Iterator<Item = &'a MemberId>) -> Vec<MemberId> {
    let mut names: Vec<MemberId> = names.cloned().collect();
    let mut table = 16;
    while names.len() * 4 > table * 3 {
        table *= 2;
    }
    let bucket = |name: &MemberId| {
        let hash =
            name.as_str().encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
        (hash ^ (hash >> 16)) as usize & (table - 1)
    };
    names.sort_by_key(|name| (bucket(name), name.clone()));
    names
}

fn nothing_for_anybody(members: &Members) -> Assignments {
    members.keys().map(|member| (member.clone(), Vec::new())).collect()
}
