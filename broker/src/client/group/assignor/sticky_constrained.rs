//! The sticky algorithm for members that all subscribe to the same topics (`ConstrainedAssignmentBuilder`).
//!
//! With P partitions and M members, each gets ⌊P/M⌋ (*min quota*) and P mod M of them one more (*max quota*):
//!
//! 1. Each member keeps what it owns up to its quota, lowest partition numbers first; what is above is free. Members
//!    come in the order of a hash map: the first ones that own enough have the max quota.
//! 2. What nobody has is dealt to the members below the min quota, in order of member id, then to those at it.
//!
//! Where racks matter (KIP-881), nobody keeps what is not near, and before 2 what nobody has is dealt to members that are
//! near to it, up to the same quotas; partitions with few members near come first.
//!
//! What one member had and another one gets is *transferring*: a cooperative group gives it in a second rebalance.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::racks::Racks;
use super::{Assignments, PartitionCounts, hash_map_order, partitions_of};
use crate::ids::{MemberId, TopicPartition};

pub(super) struct Constrained<'a> {
    counts: &'a PartitionCounts,
    racks: Racks<'a>,
    owned: Assignments,
    disputed: BTreeSet<TopicPartition>,
    min_quota: usize,
    max_quota: usize,
    /// How many members shall have more than the min quota; 0 if the quotas are equal.
    expected_over_min: usize,
    over_min: usize,
    below_min: Vec<MemberId>,
    /// Those at the min quota that may still get one more.
    at_min: VecDeque<MemberId>,
    assignments: Assignments,
    /// What a member owned above its quota.
    freed: BTreeMap<TopicPartition, MemberId>,
    transferring: BTreeMap<TopicPartition, MemberId>,
}

impl<'a> Constrained<'a> {
    pub fn new(
        counts: &'a PartitionCounts,
        racks: Racks<'a>,
        owned: Assignments,
        disputed: BTreeSet<TopicPartition>,
    ) -> Self {
        let partitions: usize = counts.values().map(|count| *count as usize).sum();
        let members = owned.len();
        Constrained {
            counts,
            racks,
            disputed,
            min_quota: partitions / members,
            max_quota: partitions.div_ceil(members),
            expected_over_min: partitions % members,
            over_min: 0,
            below_min: Vec::new(),
            at_min: VecDeque::new(),
            assignments: owned.keys().map(|member| (member.clone(), Vec::new())).collect(),
            freed: BTreeMap::new(),
            transferring: BTreeMap::new(),
            owned,
        }
    }

    /// The assignment, and who gets what somebody else had.
    pub fn build(mut self) -> (Assignments, BTreeMap<TopicPartition, MemberId>) {
        let mut owned = std::mem::take(&mut self.owned);
        for member in hash_map_order(self.assignments.keys()) {
            let owned = owned.remove(&member).expect("every member has an entry");
            self.keep(&member, owned);
        }
        self.below_min.sort();
        self.at_min.make_contiguous().sort();
        let kept: BTreeSet<TopicPartition> = self.assignments.values().flatten().cloned().collect();
        let all = self.counts.iter().flat_map(|(topic, count)| partitions_of(topic, *count));
        let mut free: Vec<TopicPartition> = all.filter(|partition| !kept.contains(partition)).collect();
        if !self.racks.are_ignored() {
            self.racks.sort_by_members_near(&mut free);
            free = self.deal_what_is_near(free);
        }
        self.deal(free);
        self.assert_quotas();
        (self.assignments, self.transferring)
    }

    fn keep(&mut self, member: &MemberId, owned: Vec<TopicPartition>) {
        let (far, mut owned): (Vec<_>, Vec<_>) =
            owned.into_iter().partition(|partition| self.racks.mismatch(member, partition));
        self.freed.extend(far.into_iter().map(|partition| (partition, member.clone())));
        owned.retain(|partition| !self.disputed.contains(partition));
        owned.sort_by(|left, right| (left.partition, &left.topic).cmp(&(right.partition, &right.topic)));
        let quota = if owned.len() < self.min_quota {
            self.below_min.push(member.clone());
            owned.len()
        } else if owned.len() >= self.max_quota && self.over_min < self.expected_over_min {
            self.over_min += 1;
            if self.over_min == self.expected_over_min {
                self.at_min.clear();
            }
            self.max_quota
        } else {
            if self.over_min < self.expected_over_min {
                self.at_min.push_back(member.clone());
            }
            self.min_quota
        };
        let freed = owned.split_off(quota);
        self.freed.extend(freed.into_iter().map(|partition| (partition, member.clone())));
        self.assignments.insert(member.clone(), owned);
    }

    /// Deals to members below the min quota in turn, then to those at it; gives what nobody is near to who has room.
    fn deal_what_is_near(&mut self, free: Vec<TopicPartition>) -> Vec<TopicPartition> {
        let mut turn = 0;
        let mut left = Vec::new();
        for partition in free {
            let round = self.below_min.iter().cycle().skip(turn).take(self.below_min.len());
            if let Some(steps) = self.racks.next_near(&partition, round) {
                turn = (turn + steps) % self.below_min.len();
                let member = self.below_min[turn].clone();
                let count = self.give(partition, &member);
                if count >= self.min_quota {
                    self.below_min.remove(turn);
                    if count < self.max_quota && self.over_min < self.expected_over_min {
                        self.at_min.push_back(member);
                    }
                } else {
                    turn += 1;
                }
                turn = turn.checked_rem(self.below_min.len()).unwrap_or(0);
            } else if let Some(place) = self.racks.next_near(&partition, self.at_min.iter()) {
                let member = self.at_min[place].clone();
                if self.give(partition, &member) == self.max_quota {
                    self.at_min.remove(place);
                    self.over_min += 1;
                    if self.over_min == self.expected_over_min {
                        self.at_min.clear();
                    }
                }
            } else {
                left.push(partition);
            }
        }
        left
    }

    fn deal(&mut self, free: Vec<TopicPartition>) {
        let mut turn = 0;
        for partition in free {
            let member = if self.below_min.is_empty() {
                self.at_min.pop_front().expect("the quotas add up to the number of partitions")
            } else {
                if turn >= self.below_min.len() {
                    turn = 0;
                }
                turn += 1;
                self.below_min[turn - 1].clone()
            };
            let count = self.give(partition, &member);
            if count == self.min_quota {
                turn -= 1;
                self.below_min.remove(turn);
                self.at_min.push_back(member);
            } else if count == self.max_quota {
                self.over_min += 1;
            }
        }
    }

    /// Gives how many the member has then.
    fn give(&mut self, partition: TopicPartition, member: &MemberId) -> usize {
        let was_anothers = self.freed.get(&partition).is_some_and(|owner| owner != member);
        if was_anothers || self.disputed.contains(&partition) {
            self.transferring.insert(partition.clone(), member.clone());
        }
        let assigned = self.assignments.get_mut(member).expect("every member has an entry");
        assigned.push(partition);
        assigned.len()
    }

    fn assert_quotas(&self) {
        for (member, assigned) in &self.assignments {
            let quotas = self.min_quota..=self.max_quota;
            assert!(quotas.contains(&assigned.len()), "{member} has {} partitions, not {quotas:?}", assigned.len());
        }
    }
}
