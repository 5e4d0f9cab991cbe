//! Members want different topics (`UniformHeterogeneousAssignmentBuilder`).
//!
//! 1. Everybody gives up topics that it does not want any more.
//! 2. What nobody has goes, topic by topic, to the least loaded subscribers. Topics with many partitions per subscriber
//!    come first: there is least choice for them.
//! 3. Partitions move from the most to the least loaded subscribers of a topic, topic by topic and again, until a whole
//!    round moves nothing, at most 16 rounds.
//!
//! If subscriptions overlap without being equal, the result may be one step away from balance in each topic and more
//! over all: Kafka accepts that.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::{AssignorError, GroupAssignment, GroupSpec, compare_as_java};
use super::balancer::Balancer;
use crate::ids::{MemberId, TopicId};

/// After so many rounds the balance is good enough.
const MAX_ROUNDS: usize = 16;

/// Kafka's `int[]` of owners has −1 for nobody.
type Owner = Option<usize>;

struct Topic {
    /// Members that want it, by their place in the list of members, ascending.
    subscribers: Vec<usize>,
    /// Who shall own each partition.
    owners: Vec<Owner>,
}

struct Builder {
    members: Vec<MemberId>,
    /// How many partitions each member shall own.
    loads: Vec<usize>,
    topics: BTreeMap<TopicId, Topic>,
}

pub(in super::super) fn assign(group: &GroupSpec) -> Result<GroupAssignment, AssignorError> {
    let mut builder = Builder::new(group)?;
    if builder.topics.is_empty() {
        return Ok(GroupAssignment::new());
    }
    builder.keep_what_is_wanted(group)?;
    builder.assign_the_rest();
    builder.balance();
    Ok(builder.assignment())
}

impl Builder {
    fn new(group: &GroupSpec) -> Result<Self, AssignorError> {
        let mut topics: BTreeMap<TopicId, Topic> = BTreeMap::new();
        for (index, member) in group.members.values().enumerate() {
            for topic in &member.subscribed_topics {
                let partitions = usize::try_from(group.partition_count(*topic)?).expect("a count of partitions");
                let new = || Topic { subscribers: Vec::new(), owners: vec![None; partitions] };
                topics.entry(*topic).or_insert_with(new).subscribers.push(index);
            }
        }
        Ok(Builder { members: group.members.keys().cloned().collect(), loads: vec![0; group.members.len()], topics })
    }

    fn keep_what_is_wanted(&mut self, group: &GroupSpec) -> Result<(), AssignorError> {
        for (index, member) in group.members.values().enumerate() {
            let wanted = member.assignment.iter().filter(|(topic, _)| member.subscribed_topics.contains(topic));
            for (topic, partitions) in wanted {
                let owners = &mut self.topics.get_mut(topic).expect("a wanted topic").owners;
                for partition in partitions {
                    let owner = usize::try_from(*partition).ok().and_then(|at| owners.get_mut(at));
                    *owner.ok_or(AssignorError::UnknownPartition(*topic, *partition))? = Some(index);
                }
                self.loads[index] += partitions.len();
            }
        }
        Ok(())
    }

    fn assign_the_rest(&mut self) {
        for topic in self.in_order(|topic| topic.owners.contains(&None)) {
            let place = &self.topics[&topic];
            let unassigned: Vec<usize> =
                (0..place.owners.len()).filter(|index| place.owners[*index].is_none()).collect();
            let mut balancer = Balancer::new(&place.subscribers, &self.loads);
            for partition in unassigned {
                let member = balancer.next_least_loaded(&self.loads);
                self.give(topic, partition, member);
            }
        }
    }

    /// Until a whole round over the topics moves nothing.
    fn balance(&mut self) {
        let topics = self.in_order(|topic| topic.subscribers.len() >= 2);
        let mut last_moved = None;
        for _ in 0..MAX_ROUNDS {
            for (index, topic) in topics.iter().enumerate() {
                if last_moved == Some(index) {
                    return;
                }
                let moved = self.balance_topic(*topic);
                if moved > 0 || last_moved.is_none() {
                    last_moved = Some(index);
                }
            }
        }
    }

    /// Moves partitions of one topic from the most to the least loaded of its subscribers; how many it moved.
    fn balance_topic(&mut self, topic: TopicId) -> usize {
        let place = &self.topics[&topic];
        let mut balancer = Balancer::new(&place.subscribers, &self.loads);
        if balancer.imbalance(&self.loads) <= 1 {
            return 0;
        }
        let mut to_give = partitions_of_each(&place.owners);
        let mut moved = 0;
        while let Some(from) = most_loaded_with_any(&mut balancer, &to_give, &self.loads) {
            let partition = to_give.get_mut(&from).and_then(Vec::pop).expect("it has one to give");
            let to = balancer.next_least_loaded(&self.loads);
            if balancer.is_balanced() {
                break;
            }
            self.give(topic, partition, to);
            moved += 1;
        }
        moved
    }

    fn give(&mut self, topic: TopicId, partition: usize, member: usize) {
        let owner = &mut self.topics.get_mut(&topic).expect("a wanted topic").owners[partition];
        if let Some(before) = owner.replace(member) {
            self.loads[before] -= 1;
        }
        self.loads[member] += 1;
    }

    /// Topics by partitions per subscriber, most first, then by subscribers, fewest first, then by id.
    fn in_order(&self, which: impl Fn(&Topic) -> bool) -> Vec<TopicId> {
        let mut topics: Vec<_> = self.topics.iter().filter(|(_, topic)| which(topic)).collect();
        topics.sort_by(|(one_id, one), (other_id, other)| {
            compare_choice(one, other).then_with(|| compare_as_java(**one_id, **other_id))
        });
        topics.into_iter().map(|(id, _)| *id).collect()
    }

    fn assignment(self) -> GroupAssignment {
        let mut assignment: GroupAssignment = self.members.iter().map(|id| (id.clone(), BTreeMap::new())).collect();
        for (id, topic) in self.topics {
            for (partition, owner) in topic.owners.iter().enumerate() {
                if let Some(member) = owner {
                    let owned = assignment.get_mut(&self.members[*member]).expect("each member has an entry");
                    owned.entry(id).or_default().insert(i32::try_from(partition).expect("it was an i32"));
                }
            }
        }
        assignment
    }
}

/// The next most loaded subscriber that has partitions of this topic to give; those without are left out from then on.
fn most_loaded_with_any(
    balancer: &mut Balancer,
    to_give: &BTreeMap<usize, Vec<usize>>,
    loads: &[usize],
) -> Option<usize> {
    loop {
        let member = balancer.next_most_loaded(loads)?;
        if to_give.get(&member).is_some_and(|partitions| !partitions.is_empty()) {
            return Some(member);
        }
        balancer.exclude_most_loaded();
    }
}

/// What each member had of a topic before it is balanced, ascending: it gives the last first, and never what it just got.
fn partitions_of_each(owners: &[Owner]) -> BTreeMap<usize, Vec<usize>> {
    let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (partition, owner) in owners.iter().enumerate() {
        let member = owner.expect("each partition of a topic has an owner before it is balanced");
        owned.entry(member).or_default().push(partition);
    }
    owned
}

/// Fractions without rounding: p1/s1 against p2/s2. Kafka divides as doubles, which tell the same for counts of partitions.
fn compare_choice(one: &Topic, other: &Topic) -> Ordering {
    let (one_partitions, other_partitions) = (one.owners.len(), other.owners.len());
    let (one_subscribers, other_subscribers) = (one.subscribers.len(), other.subscribers.len());
    (other_partitions * one_subscribers)
        .cmp(&(one_partitions * other_subscribers))
        .then(one_subscribers.cmp(&other_subscribers))
}
