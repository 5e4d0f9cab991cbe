//! `RoundRobinAssignor`: all partitions of all topics in one list, dealt like cards; a member passes on what it does
//! not subscribe to.

use std::collections::BTreeSet;

use super::{
    Assignments, Members, PartitionCounts, compare_members, is_subscribed, nothing_for_anybody, partitions_of,
};

pub(super) fn assign(counts: &PartitionCounts, members: &Members) -> Assignments {
    let mut assignments = nothing_for_anybody(members);
    let mut circle: Vec<_> = members.iter().collect();
    circle.sort_by(|left, right| compare_members(*left, *right));
    let subscribed: BTreeSet<_> = members.values().flat_map(|member| &member.subscription.topics).collect();
    let mut turn = 0;
    for (topic, count) in counts.iter().filter(|(topic, _)| subscribed.contains(topic)) {
        for partition in partitions_of(topic, *count) {
            while !is_subscribed(circle[turn % circle.len()].1, topic) {
                turn += 1;
            }
            let (member, _) = circle[turn % circle.len()];
            assignments.get_mut(member).expect("every member has an entry").push(partition);
            turn += 1;
        }
    }
    assignments
}
