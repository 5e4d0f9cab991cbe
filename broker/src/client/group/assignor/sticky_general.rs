//! The sticky algorithm for members with different subscriptions (`GeneralAssignmentBuilder`).
//!
//! 1. Members keep what they own and still subscribe to.
//! 2. What nobody has goes to the member that has least and may have it, partitions with the fewest possible owners
//!    first.
//! 3. Partitions move from members that have at least two more to those that have less, until no such move is left.
//!    If that does not make the whole better balanced, all of it is taken back.
//!
//! Where racks matter (KIP-881), nobody keeps what is not near, and in 2 partitions go first to members that are near to them.
//! In 3 nobody asks.
//!
//! A partition that would move back where another one of its topic just came from is spared: that other one moves
//! instead ([`Movements`]).

use std::collections::{BTreeMap, BTreeSet};

use super::racks::Racks;
use super::{Assignments, Members, PartitionCounts, is_subscribed, partitions_of};
use crate::ids::{MemberId, TopicName, TopicPartition};

pub(super) struct General<'a> {
    counts: &'a PartitionCounts,
    racks: Racks<'a>,
    /// Who may have each topic.
    candidates: BTreeMap<&'a TopicName, Vec<MemberId>>,
    /// What each member may have.
    topics: BTreeMap<MemberId, BTreeSet<&'a TopicName>>,
    current: Assignments,
    owners: BTreeMap<TopicPartition, MemberId>,
    /// Who owned a partition in an earlier generation.
    previous: BTreeMap<TopicPartition, MemberId>,
    /// Members by how many partitions they have.
    by_load: BTreeSet<(usize, MemberId)>,
    movements: Movements,
    /// Whether somebody owns what it does not subscribe to any more.
    must_revoke: bool,
}

impl<'a> General<'a> {
    pub fn new(
        counts: &'a PartitionCounts,
        racks: Racks<'a>,
        members: &Members,
        owned: Assignments,
        previous: BTreeMap<TopicPartition, MemberId>,
    ) -> Self {
        let subscribers = |topic: &TopicName| {
            members.iter().filter(|(_, member)| is_subscribed(member, topic)).map(|(id, _)| id.clone()).collect()
        };
        let topics_of = |member| counts.keys().filter(move |topic| is_subscribed(member, topic)).collect();
        let mut general = General {
            counts,
            racks,
            candidates: counts.keys().map(|topic| (topic, subscribers(topic))).collect(),
            topics: members.iter().map(|(id, member)| (id.clone(), topics_of(member))).collect(),
            current: owned,
            owners: BTreeMap::new(),
            previous,
            by_load: BTreeSet::new(),
            movements: Movements::default(),
            must_revoke: false,
        };
        general.keep_what_is_still_wanted();
        general
    }

    fn keep_what_is_still_wanted(&mut self) {
        for (member, owned) in &mut self.current {
            let topics = &self.topics[member];
            let before = owned.len();
            owned.retain(|partition| topics.contains(&partition.topic) && !self.racks.mismatch(member, partition));
            self.must_revoke |= owned.len() < before;
            self.owners.extend(owned.iter().map(|partition| (partition.clone(), member.clone())));
        }
    }

    pub fn build(mut self) -> Assignments {
        let all = self.sorted_partitions();
        let free: Vec<TopicPartition> =
            all.iter().filter(|partition| !self.owners.contains_key(partition)).cloned().collect();
        self.by_load = self.current.iter().map(|(member, owned)| (owned.len(), member.clone())).collect();
        self.balance(&all, &free);
        self.current
    }

    /// Partitions of the topics with the fewest possible owners first.
    fn sorted_partitions(&self) -> Vec<TopicPartition> {
        let mut topics: Vec<&TopicName> = self.counts.keys().collect();
        topics.sort_by_key(|topic| (self.candidates[topic].len(), (*topic).clone()));
        topics.into_iter().flat_map(|topic| partitions_of(topic, self.counts[topic])).collect()
    }

    fn balance(&mut self, all: &[TopicPartition], free: &[TopicPartition]) {
        let was_empty = self.by_load.last().is_some_and(|(load, _)| *load == 0);
        let mut left: Vec<&TopicPartition> = free.iter().collect();
        if !self.racks.are_ignored() {
            left.retain(|partition| !self.give_to_least_loaded(partition, true));
        }
        for partition in left {
            self.give_to_least_loaded(partition, false);
        }
        let can_move = |partition: &&TopicPartition| self.candidates[&partition.topic].len() >= 2;
        let movable: Vec<TopicPartition> = all.iter().filter(can_move).cloned().collect();
        let movable_free: Vec<TopicPartition> = free.iter().filter(can_move).cloned().collect();
        let fixed = self.set_fixed_members_aside();
        let before = self.current.clone();
        if !self.must_revoke {
            self.reassign(&movable_free);
        }
        let moved = self.reassign(&movable);
        if !was_empty && moved && imbalance(&self.current) >= imbalance(&before) {
            self.current = before;
        }
        self.current.extend(fixed);
    }

    /// Whether somebody takes it.
    fn give_to_least_loaded(&mut self, partition: &TopicPartition, only_near: bool) -> bool {
        let takes = |(_, member): &&(usize, MemberId)| {
            self.topics[member].contains(&partition.topic) && !(only_near && self.racks.mismatch(member, partition))
        };
        let Some((_, member)) = self.by_load.iter().find(takes).cloned() else { return false };
        self.change_load(&member, |owned| owned.push(partition.clone()));
        self.owners.insert(partition.clone(), member);
        true
    }

    fn least_loaded(&self, topic: &TopicName) -> Option<MemberId> {
        let may_have = |(_, member): &&(usize, MemberId)| self.topics[member].contains(topic);
        self.by_load.iter().find(may_have).map(|(_, member)| member.clone())
    }

    fn change_load(&mut self, member: &MemberId, change: impl FnOnce(&mut Vec<TopicPartition>)) {
        let owned = self.current.get_mut(member).expect("every member has an entry");
        let listed = self.by_load.remove(&(owned.len(), member.clone()));
        assert!(listed, "{member} is listed with its {} partitions", owned.len());
        change(owned);
        self.by_load.insert((owned.len(), member.clone()));
    }

    /// Takes members out of the balance that have all they may have, none of which anybody else may have.
    fn set_fixed_members_aside(&mut self) -> Assignments {
        let is_fixed = |member: &MemberId, owned: &[TopicPartition]| {
            owned.len() >= self.most_for(member)
                && owned.iter().all(|partition| self.candidates[&partition.topic].len() < 2)
        };
        let fixed: Vec<MemberId> =
            self.current.iter().filter(|(member, owned)| is_fixed(member, owned)).map(|(id, _)| id.clone()).collect();
        let mut aside = Assignments::new();
        for member in fixed {
            let owned = self.current.remove(&member).expect("found there");
            self.by_load.remove(&(owned.len(), member.clone()));
            aside.insert(member, owned);
        }
        aside
    }

    fn most_for(&self, member: &MemberId) -> usize {
        self.topics[member].iter().map(|topic| self.counts[*topic] as usize).sum()
    }

    fn is_balanced(&self) -> bool {
        let (Some((least, _)), Some((most, _))) = (self.by_load.first(), self.by_load.last()) else { return true };
        if *least + 1 >= *most {
            return true;
        }
        self.by_load.iter().all(|(load, member)| {
            let owned = &self.current[member];
            let could_have = self.topics[member].iter().flat_map(|topic| partitions_of(topic, self.counts[*topic]));
            let takes = |partition: TopicPartition| {
                let owner = self.owners.get(&partition).and_then(|owner| self.current.get(owner));
                !owned.contains(&partition) && owner.is_some_and(|others| *load + 1 < others.len())
            };
            !could_have.into_iter().any(takes)
        })
    }

    /// Moves partitions until nothing is gained; gives whether any moved.
    fn reassign(&mut self, partitions: &[TopicPartition]) -> bool {
        let mut moved = false;
        loop {
            let mut moved_in_this_round = false;
            for partition in partitions {
                if self.is_balanced() {
                    break;
                }
                moved_in_this_round |= self.reassign_one(partition);
            }
            moved |= moved_in_this_round;
            if !moved_in_this_round {
                return moved;
            }
        }
    }

    fn reassign_one(&mut self, partition: &TopicPartition) -> bool {
        let Some(owner) = self.owners.get(partition).filter(|owner| self.current.contains_key(*owner)) else {
            return false;
        };
        let load = self.current[owner].len();
        let has_less = |member: &MemberId| self.current.get(member).is_some_and(|owned| load > owned.len() + 1);
        if let Some(previous) = self.previous.get(partition).filter(|previous| has_less(previous)).cloned() {
            self.move_to(partition, previous);
            return true;
        }
        if !self.candidates[&partition.topic].iter().any(has_less) {
            return false;
        }
        let to = self.least_loaded(&partition.topic).expect("a candidate was found");
        self.move_to(partition, to);
        true
    }

    fn move_to(&mut self, partition: &TopicPartition, to: MemberId) {
        let from = self.owners[partition].clone();
        let partition = self.movements.instead_of(partition, &from, &to);
        let from = self.owners[&partition].clone();
        self.movements.record(&partition, &from, &to);
        self.change_load(&from, |owned| owned.retain(|other| *other != partition));
        self.change_load(&to, |owned| owned.push(partition.clone()));
        self.owners.insert(partition, to);
    }
}

/// The sum of the differences between all pairs of members.
fn imbalance(assignments: &Assignments) -> usize {
    let loads: Vec<usize> = assignments.values().map(Vec::len).collect();
    let mut sum = 0;
    for (place, load) in loads.iter().enumerate() {
        sum += loads[place + 1..].iter().map(|other| load.abs_diff(*other)).sum::<usize>();
    }
    sum
}

/// Which partitions have moved from whom to whom (`PartitionMovements`).
#[derive(Default)]
struct Movements {
    by_partition: BTreeMap<TopicPartition, (MemberId, MemberId)>,
}

impl Movements {
    /// If one of the same topic has moved the other way, that one moves back instead.
    fn instead_of(&self, partition: &TopicPartition, from: &MemberId, to: &MemberId) -> TopicPartition {
        let from = self.by_partition.get(partition).map_or(from, |(first, _)| first);
        let reverse = |(other, pair): &(&TopicPartition, &(MemberId, MemberId))| {
            other.topic == partition.topic && pair.0 == *to && pair.1 == *from
        };
        self.by_partition.iter().find(reverse).map_or(partition, |(other, _)| other).clone()
    }

    fn record(&mut self, partition: &TopicPartition, from: &MemberId, to: &MemberId) {
        let first = self.by_partition.remove(partition).map_or_else(|| from.clone(), |(first, _)| first);
        if first != *to {
            self.by_partition.insert(partition.clone(), (first, to.clone()));
        }
    }
}
