//! All members want the same topics (`UniformHomogeneousAssignmentBuilder`).
//!
//! With P partitions and M members each member shall own ⌊P/M⌋, and P mod M of them one more. Each keeps what it has up
//! to its share; what nobody has, or somebody has too much, fills the others up.
//!
//! The one more goes to those that have it already; a member that has room for it leaves it to a later one, unless only
//! as many members are left as there are extra partitions.

use super::super::{AssignorError, GroupAssignment, GroupSpec};
use std::collections::BTreeSet;

use crate::ids::{MemberId, TopicId};
use crate::message::PartitionsByTopic;

pub(in super::super) fn assign(group: &GroupSpec) -> Result<GroupAssignment, AssignorError> {
    let first = group.members.values().next().expect("a group to assign has members");
    let topics = first.subscribed_topics.clone();
    if topics.is_empty() {
        return Ok(GroupAssignment::new());
    }
    let (unassigned, total) = unassigned_partitions(group, &topics)?;
    let mut builder = Builder::new(group.members.len(), topics, unassigned, total);
    for (index, (id, member)) in group.members.iter().enumerate() {
        builder.keep(index, id, &member.assignment);
    }
    builder.fill()
}

/// What nobody has, and how many partitions there are.
fn unassigned_partitions(
    group: &GroupSpec,
    topics: &BTreeSet<TopicId>,
) -> Result<(Vec<(TopicId, i32)>, usize), AssignorError> {
    let assigned: BTreeSet<(TopicId, i32)> = group
        .members
        .values()
        .flat_map(|member| &member.assignment)
        .flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
        .collect();
    let mut unassigned = Vec::new();
    let mut total = 0;
    for topic in topics {
        let partitions = group.partition_count(*topic)?;
        unassigned.extend((0..partitions).map(|partition| (*topic, partition)).filter(|one| !assigned.contains(one)));
        total += usize::try_from(partitions).expect("a count of partitions");
    }
    Ok((unassigned, total))
}

struct Builder {
    topics: BTreeSet<TopicId>,
    members: usize,
    /// ⌊P/M⌋.
    quota: usize,
    /// How many members still get one more.
    extras: usize,
    unassigned: Vec<(TopicId, i32)>,
    /// Who has room, and for how many.
    unfilled: Vec<(MemberId, usize)>,
    target: GroupAssignment,
}

impl Builder {
    fn new(members: usize, topics: BTreeSet<TopicId>, unassigned: Vec<(TopicId, i32)>, total: usize) -> Self {
        let (quota, extras) = (total / members, total % members);
        Builder { topics, members, quota, extras, unassigned, unfilled: Vec::new(), target: GroupAssignment::new() }
    }

    /// A member keeps up to its quota (`maybeRevokePartitions`).
    fn keep(&mut self, index: usize, id: &MemberId, old: &PartitionsByTopic) {
        let mut takes_extra = self.extras > 0;
        let mut room = self.quota + usize::from(takes_extra);
        let mut kept = PartitionsByTopic::new();
        for (topic, partitions) in old.iter().filter(|(topic, _)| self.topics.contains(topic)) {
            let (stay, go) = split(partitions, room);
            room -= stay.len();
            self.unassigned.extend(go.into_iter().map(|partition| (*topic, partition)));
            if !stay.is_empty() {
                kept.insert(*topic, stay);
            }
        }
        if room > 0 && takes_extra && self.members - index > self.extras {
            room -= 1;
            takes_extra = false;
        }
        if room > 0 {
            self.unfilled.push((id.clone(), room));
        }
        self.extras -= usize::from(takes_extra);
        self.target.insert(id.clone(), kept);
    }

    /// Who has room gets what is left (`assignRemainingPartitions`).
    fn fill(mut self) -> Result<GroupAssignment, AssignorError> {
        let mut left = self.unassigned.into_iter();
        for (id, room) in self.unfilled {
            let target = self.target.get_mut(&id).expect("an unfilled member is one");
            for (topic, partition) in left.by_ref().take(room) {
                target.entry(topic).or_default().insert(partition);
            }
        }
        if left.next().is_some() { Err(AssignorError::PartitionsLeftUnassigned) } else { Ok(self.target) }
    }
}

/// The first `room` partitions, and the others.
fn split(partitions: &BTreeSet<i32>, room: usize) -> (BTreeSet<i32>, Vec<i32>) {
    (partitions.iter().take(room).copied().collect(), partitions.iter().skip(room).copied().collect())
}
