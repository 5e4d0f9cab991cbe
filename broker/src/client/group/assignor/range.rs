//! `RangeAssignor`: each topic's partitions in order, cut into contiguous pieces, one for each of its subscribers.
//!
//! Topics with the same subscribers and as many partitions are cut alike, so that a join over their keys finds both
//! sides at one member. The first members get one more where a topic cannot be cut evenly, in every topic again: with
//! many small topics they carry more.
//!
//! Where racks matter (KIP-881), members first get what is near to them, up to the same share; what is left is cut as ever. Of
//! topics that are cut alike a member gets a partition only if that number is near in all of them: staying together
//! comes before being near, and an even share before both.

use std::collections::{BTreeMap, BTreeSet};

use super::racks::{ReplicaRacks, are_worth_a_look, rack_of};
use super::{
    Assignments, Members, PartitionCounts, compare_members, is_subscribed, nothing_for_anybody, partitions_of,
};
use crate::ids::{MemberId, TopicName, TopicPartition};

pub(super) fn assign(counts: &PartitionCounts, replicas: &ReplicaRacks, members: &Members) -> Assignments {
    let mut assignments = nothing_for_anybody(members);
    let mut topics: Vec<Topic> =
        counts.iter().map(|(topic, count)| Topic::new(topic, *count, replicas, members)).collect();
    let looks_at_racks = topics.iter().any(|topic| topic.looks_at_racks);
    if looks_at_racks {
        assign_what_is_near(&mut topics, &mut assignments);
    }
    for topic in &mut topics {
        topic.cut(&mut assignments, |_, _, _| true);
    }
    if looks_at_racks {
        assignments.values_mut().for_each(|assigned| assigned.sort());
    }
    assignments
}

/// Topics with the same subscribers and as many partitions go together.
fn assign_what_is_near(topics: &mut [Topic], assignments: &mut Assignments) {
    let mut alike: BTreeMap<(BTreeSet<&MemberId>, i32), Vec<&mut Topic>> = BTreeMap::new();
    for topic in topics.iter_mut().filter(|topic| topic.knows_racks()) {
        let subscribers = topic.subscribers.iter().map(|subscriber| subscriber.member).collect();
        alike.entry((subscribers, topic.count)).or_default().push(topic);
    }
    for ((_, count), mut together) in alike {
        match together.as_mut_slice() {
            [topic] if topic.looks_at_racks => topic.cut(assignments, Topic::is_near),
            [_] => {}
            together => cut_together(together, count, assignments),
        }
    }
}

/// Each number goes to the first subscriber that is near to it in all topics, and has room for it in all of them.
fn cut_together(topics: &mut [&mut Topic], count: i32, assignments: &mut Assignments) {
    for partition in 0..count {
        let takes =
            |place: &usize| topics.iter().all(|topic| topic.is_near(*place, partition) && topic.room(*place) > 0);
        let Some(place) = (0..topics[0].subscribers.len()).find(takes) else { continue };
        for topic in topics.iter_mut() {
            topic.give(place, partition, assignments);
        }
    }
}

/// A topic that is being cut (`TopicAssignmentState`).
struct Topic<'a> {
    name: &'a TopicName,
    count: i32,
    replicas: &'a ReplicaRacks,
    subscribers: Vec<Subscriber<'a>>,
    looks_at_racks: bool,
    free: BTreeSet<i32>,
    each: usize,
    /// How many subscribers may still get one more.
    with_one_more: usize,
}

struct Subscriber<'a> {
    member: &'a MemberId,
    rack: Option<&'a str>,
    has: usize,
}

impl<'a> Topic<'a> {
    fn new(name: &'a TopicName, count: i32, replicas: &'a ReplicaRacks, members: &'a Members) -> Topic<'a> {
        let mut subscribed: Vec<_> = members.iter().filter(|(_, member)| is_subscribed(member, name)).collect();
        subscribed.sort_by(|left, right| compare_members(*left, *right));
        let subscriber = |(member, _)| Subscriber { member, rack: rack_of(members, member), has: 0 };
        let subscribers: Vec<Subscriber> = subscribed.into_iter().map(subscriber).collect();
        let racks = subscribers.iter().filter_map(|subscriber| subscriber.rack).collect();
        let partitions: Vec<TopicPartition> = partitions_of(name, count).collect();
        Topic {
            name,
            count,
            replicas,
            looks_at_racks: are_worth_a_look(&racks, partitions.iter(), replicas),
            free: (0..count).collect(),
            each: (count as usize).checked_div(subscribers.len()).unwrap_or(0),
            with_one_more: (count as usize).checked_rem(subscribers.len()).unwrap_or(0),
            subscribers,
        }
    }

    fn knows_racks(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.rack.is_some())
    }

    /// Whoever says no rack is near to everything.
    fn is_near(&self, place: usize, partition: i32) -> bool {
        let Some(rack) = self.subscribers[place].rack else { return true };
        let partition = TopicPartition { topic: self.name.clone(), partition };
        self.replicas.get(&partition).is_some_and(|racks| racks.contains(rack))
    }

    /// How many more a subscriber may get.
    fn room(&self, place: usize) -> usize {
        (self.each + usize::from(self.with_one_more > 0)).saturating_sub(self.subscribers[place].has)
    }

    /// Each subscriber in turn gets as much as it may have of what it may have.
    fn cut(&mut self, assignments: &mut Assignments, may_have: impl Fn(&Topic<'a>, usize, i32) -> bool) {
        for place in 0..self.subscribers.len() {
            let wanted = self.free.iter().copied().filter(|partition| may_have(self, place, *partition));
            let piece: Vec<i32> = wanted.take(self.room(place)).collect();
            for partition in piece {
                self.give(place, partition, assignments);
            }
        }
    }

    fn give(&mut self, place: usize, partition: i32, assignments: &mut Assignments) {
        self.free.remove(&partition);
        self.subscribers[place].has += 1;
        if self.subscribers[place].has > self.each {
            self.with_one_more -= 1;
        }
        let assigned = assignments.get_mut(self.subscribers[place].member).expect("every member has an entry");
        assigned.push(TopicPartition { topic: self.name.clone(), partition });
    }
}
