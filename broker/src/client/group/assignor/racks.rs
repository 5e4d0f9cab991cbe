//! In which racks members and replicas are (KIP-881; `AbstractPartitionAssignor.useRackAwareAssignment`).
//!
//! Racks are looked at only where that can make a difference: members say where they are, replicas are in racks of theirs, and
//! some partitions are not in all of those. As in Kafka every replica counts, in sync or not, alive or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Members;
use crate::ids::{MemberId, TopicPartition};

/// The racks of each partition's replicas; partitions without a replica in a rack may be left out.
pub(crate) type ReplicaRacks = BTreeMap<TopicPartition, BTreeSet<Arc<str>>>;

/// A member's rack, if it says one.
pub(super) fn rack_of<'a>(members: &'a Members, member: &MemberId) -> Option<&'a str> {
    members.get(member)?.subscription.rack.as_deref().filter(|rack| !rack.is_empty())
}

/// Whether racks are to be looked at. The partitions are all that are to be assigned.
pub(super) fn are_worth_a_look<'a>(
    members: &BTreeSet<&str>,
    partitions: impl Iterator<Item = &'a TopicPartition>,
    replicas: &ReplicaRacks,
) -> bool {
    let nowhere = BTreeSet::new();
    let racks: Vec<&BTreeSet<Arc<str>>> =
        partitions.map(|partition| replicas.get(partition).unwrap_or(&nowhere)).collect();
    let all: BTreeSet<&str> = racks.iter().copied().flatten().map(AsRef::as_ref).collect();
    !members.is_disjoint(&all) && racks.iter().any(|of_one| of_one.len() < all.len())
}

/// Racks as the sticky assignors look at them: nobody is in one where that makes no difference (`RackInfo`).
pub(super) struct Racks<'a> {
    members: BTreeMap<&'a MemberId, &'a str>,
    replicas: &'a ReplicaRacks,
    /// How many members are in each rack.
    population: BTreeMap<&'a str, usize>,
}

impl<'a> Racks<'a> {
    pub fn new(
        members: &'a Members,
        partitions: impl Iterator<Item = &'a TopicPartition>,
        replicas: &'a ReplicaRacks,
    ) -> Racks<'a> {
        let mut known: BTreeMap<&MemberId, &str> =
            members.keys().filter_map(|member| Some((member, rack_of(members, member)?))).collect();
        if !are_worth_a_look(&known.values().copied().collect(), partitions, replicas) {
            known.clear();
        }
        let mut population = BTreeMap::new();
        for rack in known.values() {
            *population.entry(*rack).or_default() += 1;
        }
        Racks { members: known, replicas, population }
    }

    /// Whether nobody looks at racks.
    pub fn are_ignored(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a member is in a rack, and no replica of the partition in the same.
    pub fn mismatch(&self, member: &MemberId, partition: &TopicPartition) -> bool {
        let Some(rack) = self.members.get(member) else { return false };
        !self.replicas.get(partition).is_some_and(|racks| racks.contains(*rack))
    }

    /// Partitions that few members are near to come first.
    pub fn sort_by_members_near(&self, partitions: &mut [TopicPartition]) {
        partitions.sort_by_key(|partition| {
            let near = |rack: &Arc<str>| self.population.get(rack.as_ref()).copied().unwrap_or(0);
            self.replicas.get(partition).into_iter().flatten().map(near).sum::<usize>()
        });
    }

    /// The place of the next member that is in a rack of the partition's, from the first place on and round.
    pub fn next_near<'m>(
        &self,
        partition: &TopicPartition,
        mut members: impl Iterator<Item = &'m MemberId>,
    ) -> Option<usize> {
        members.position(|member| self.members.contains_key(member) && !self.mismatch(member, partition))
    }
}
