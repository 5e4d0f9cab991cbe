//! `RangeAssignor`: each topic's partitions in order, cut into contiguous pieces, one for each of its subscribers.
//!
//! Topics with the same subscribers and as many partitions are cut alike, so that a join over their keys finds both
//! sides at one member. The first members get one more where a topic cannot be cut evenly, in every topic again: with
//! many small topics they carry more.

use super::{
    Assignments, Members, PartitionCounts, compare_members, is_subscribed, nothing_for_anybody, partitions_of,
};

pub(super) fn assign(counts: &PartitionCounts, members: &Members) -> Assignments {
    let mut assignments = nothing_for_anybody(members);
    for (topic, count) in counts {
        let mut subscribers: Vec<_> = members.iter().filter(|(_, member)| is_subscribed(member, topic)).collect();
        subscribers.sort_by(|left, right| compare_members(*left, *right));
        if subscribers.is_empty() {
            continue;
        }
        let each = *count as usize / subscribers.len();
        let with_one_more = *count as usize % subscribers.len();
        let mut partitions = partitions_of(topic, *count);
        for (place, (member, _)) in subscribers.into_iter().enumerate() {
            let share = each + usize::from(place < with_one_more);
            let assigned = assignments.get_mut(member).expect("every member has an entry");
            assigned.extend(partitions.by_ref().take(share));
        }
    }
    assignments
}
