//! Kafka's tests of assignors as texts: `RangeAssignorTest`, `RoundRobinAssignorTest`, `AbstractStickyAssignorTest`,
//! `StickyAssignorTest`, `CooperativeStickyAssignorTest`. What a vector is says [`crate::tests`].
//!
//! ```text
//!   topics NAME=COUNT …                                       how many partitions there are, from now on
//!   replicas COUNT racks=A,B,…                                so many of each partition, on brokers in these racks in turn
//!   member ID topics=A,B [instance=I] [owns=A-0,…] [generation=N] [rack=A]    joins, or joins again
//!   without ID                                                has left
//!   assign range|roundrobin|sticky|cooperative-sticky
//!   take generation=N                                         all join again with what they were assigned
//! ```
//!
//! The facts: what a member is assigned, by its id (`sorted ID`: in the order of names); `far`: how many partitions are at members
//! in whose rack they have no replica; `transferring`: what moves from a member to another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::sticky::{Trust, assign_by, sticky_claim, user_data};
use super::super::{Assignments, GroupMember, Members, PartitionCounts, ReplicaRacks, partitions_of};
use crate::config::Assignor;
use crate::ids::{GroupInstanceId, MemberId, TopicName, TopicPartition};
use crate::message::ConsumerSubscription;
use crate::tests::{Stage, vectors};

#[derive(Default)]
struct AssignorStage {
    counts: PartitionCounts,
    replicas: ReplicaRacks,
    members: Members,
    assignments: Assignments,
    transferring: BTreeMap<TopicPartition, MemberId>,
}

fn value<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').filter(|item| !item.is_empty())
}

fn partition(text: &str) -> TopicPartition {
    let (topic, partition) = text.rsplit_once('-').expect("a topic and a number");
    TopicPartition::new(topic, partition.parse().expect("a number"))
}

fn generation(words: &[&str]) -> Option<i32> {
    value(words, "generation").map(|text| text.parse().expect("a number"))
}

/// A member as its assignor sends it: what it owns, and the same in the assignor's own words.
fn joined(topics: Vec<TopicName>, owned: Vec<TopicPartition>, generation: Option<i32>) -> ConsumerSubscription {
    let user_data = generation.map(|generation| user_data(generation, &owned));
    ConsumerSubscription { topics, user_data, owned, generation: generation.filter(|known| *known >= 0), rack: None }
}

/// The replicas of all partitions in a row, each partition's beginning one broker further (`AbstractPartitionAssignorTest`).
fn replicas(counts: &PartitionCounts, words: &[&str]) -> ReplicaRacks {
    let count: usize = words[1].parse().expect("a number");
    let racks: Vec<&str> = list(value(words, "racks")).collect();
    let all = counts.iter().flat_map(|(topic, count)| partitions_of(topic, *count));
    let near = |first: usize| (first..first + count).map(|broker| Arc::from(racks[broker % racks.len()])).collect();
    all.enumerate().map(|(first, partition)| (partition, near(first))).collect()
}

fn member(words: &[&str]) -> GroupMember {
    let topics = list(value(words, "topics")).map(TopicName::new).collect();
    let owned = list(value(words, "owns")).map(partition).collect();
    let instance = value(words, "instance").map(GroupInstanceId::new);
    let rack = value(words, "rack").map(str::to_owned);
    GroupMember { instance, subscription: ConsumerSubscription { rack, ..joined(topics, owned, generation(words)) } }
}

impl AssignorStage {
    fn far(&self) -> usize {
        let is_far = |member: &MemberId, partition: &TopicPartition| {
            let racks = self.replicas.get(partition);
            let rack = self.members[member].subscription.rack.as_deref();
            rack.is_some_and(|rack| !racks.is_some_and(|racks| racks.contains(rack)))
        };
        let of_one = |(member, assigned): (&MemberId, &Vec<TopicPartition>)| {
            assigned.iter().filter(|partition| is_far(member, partition)).count()
        };
        self.assignments.iter().map(of_one).sum()
    }

    fn assign(&mut self, assignor: Assignor) {
        self.assignments = assignor.assign(&self.counts, &self.replicas, &self.members, Trust::Everybody);
        let (_, transferring) = assign_by(&self.counts, &self.replicas, &self.members, sticky_claim, Trust::Everybody);
        self.transferring = transferring.unwrap_or_default();
    }
}

impl Stage for AssignorStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "topics" => {
                let count = |word: &&str| {
                    let (name, count) = word.split_once('=').expect("a name and a count");
                    (TopicName::new(name), count.parse().expect("a number"))
                };
                self.counts = words[1..].iter().map(count).collect();
            }
            "replicas" => self.replicas = replicas(&self.counts, words),
            "member" => {
                self.members.insert(MemberId::new(words[1]), member(words));
            }
            "without" => {
                self.members.remove(&MemberId::new(words[1])).expect("it was a member");
            }
            "assign" => self.assign(Assignor::from_name(words[1]).expect("an assignor")),
            "take" => {
                for (id, member) in &mut self.members {
                    let owned = self.assignments.get(id).cloned().unwrap_or_default();
                    let rack = member.subscription.rack.take();
                    let again = joined(member.subscription.topics.clone(), owned, generation(words));
                    member.subscription = ConsumerSubscription { rack, ..again };
                }
            }
            other => panic!("no such command: {other}"),
        }
        Vec::new()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        if words[0] == "far" {
            return self.far().to_string();
        }
        let texts: Vec<String> = match words[0] {
            "transferring" => self.transferring.iter().map(|(partition, to)| format!("{partition} to {to}")).collect(),
            "sorted" => {
                let mut assigned = self.assignments[&MemberId::new(words[1])].clone();
                assigned.sort();
                assigned.iter().map(TopicPartition::to_string).collect()
            }
            member => self.assignments[&MemberId::new(member)].iter().map(TopicPartition::to_string).collect(),
        };
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(" ") }
    }
}

vectors! {
    AssignorStage::default();
    range = "range.txt";
    round_robin = "round_robin.txt";
    sticky_with_equal_subscriptions = "sticky_constrained.txt";
    sticky_with_generations = "sticky_generations.txt";
    sticky_with_mixed_subscriptions = "sticky_general.txt";
    cooperative_sticky = "cooperative_sticky.txt";
    range_with_racks = "range_racks.txt";
    sticky_with_racks = "sticky_racks.txt";
}
