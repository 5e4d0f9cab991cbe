//! The range assignor (`RangeAssignor`): of each topic, every member gets a contiguous range.
//!
//! Members stand in one order for all topics: static ones by their instance id first, so that a restart changes
//! nothing, then the others by member id. The first ones get the larger ranges. Topics with equal counts of partitions
//! and equal subscribers are therefore cut alike: they are co-partitioned.
//!
//! ```text
//!   7 partitions, 3 members:   A 0 1 2 │ B 3 4 │ C 5 6
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::{AssignorError, GroupAssignment, GroupSpec, MemberSpec, SubscriptionType};
use crate::ids::{MemberId, TopicId};
use crate::message::PartitionsByTopic;

/// A topic while it is cut.
struct TopicRanges {
    partitions: i32,
    /// What each subscriber gets at least.
    quota: i32,
    /// How many subscribers still get one more.
    larger_ranges: i32,
    /// The first partition of the next range.
    next: i32,
}

impl TopicRanges {
    fn new(partitions: i32, subscribers: i32) -> Self {
        TopicRanges { partitions, quota: partitions / subscribers, larger_ranges: partitions % subscribers, next: 0 }
    }

    fn cut(&mut self) -> BTreeSet<i32> {
        let mut length = self.quota;
        if self.larger_ranges > 0 {
            length += 1;
            self.larger_ranges -= 1;
        }
        let start = self.next;
        self.next = (start + length).min(self.partitions);
        (start..self.next).collect()
    }
}

pub(super) fn assign(group: &GroupSpec, kind: SubscriptionType) -> Result<GroupAssignment, AssignorError> {
    let members = in_order(group);
    let mut ranges = match kind {
        SubscriptionType::Homogeneous => ranges_of_all(group, members[0].1)?,
        SubscriptionType::Heterogeneous => ranges_of_each(group)?,
    };
    let everything = members[0].1.subscribed_topics.clone();
    let mut assignment = GroupAssignment::new();
    for (id, member) in members {
        let topics = match kind {
            SubscriptionType::Homogeneous => &everything,
            SubscriptionType::Heterogeneous => &member.subscribed_topics,
        };
        assignment.insert(id.clone(), next_ranges(&mut ranges, topics));
    }
    Ok(assignment)
}

fn next_ranges(ranges: &mut BTreeMap<TopicId, TopicRanges>, topics: &BTreeSet<TopicId>) -> PartitionsByTopic {
    let mut given = PartitionsByTopic::new();
    for topic in topics {
        let range = ranges.get_mut(topic).expect("each wanted topic is cut").cut();
        if !range.is_empty() {
            given.insert(*topic, range);
        }
    }
    given
}

/// All members want what the first wants.
fn ranges_of_all(group: &GroupSpec, first: &MemberSpec) -> Result<BTreeMap<TopicId, TopicRanges>, AssignorError> {
    let subscribers = i32::try_from(group.members.len()).expect("a group's size is an i32");
    let topics = first.subscribed_topics.iter();
    topics.map(|topic| Ok((*topic, TopicRanges::new(group.partition_count(*topic)?, subscribers)))).collect()
}

fn ranges_of_each(group: &GroupSpec) -> Result<BTreeMap<TopicId, TopicRanges>, AssignorError> {
    let mut subscribers: BTreeMap<TopicId, i32> = BTreeMap::new();
    for topic in group.members.values().flat_map(|member| &member.subscribed_topics) {
        *subscribers.entry(*topic).or_default() += 1;
    }
    subscribers
        .into_iter()
        .map(|(topic, count)| Ok((topic, TopicRanges::new(group.partition_count(topic)?, count))))
        .collect()
}

/// Static members by instance, then the others by id.
fn in_order(group: &GroupSpec) -> Vec<(&MemberId, &MemberSpec)> {
    let mut members: Vec<_> = group.members.iter().collect();
    members.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance.clone(), (*id).clone()));
    members
}
