//! Draws of the explorer: one stream for each aspect of a scenario, so that what is drawn of one leaves the others alone.
//!
//! A seed whose third producer gets another setting keeps its cluster, its faults and
//! their times; a new kind of fault at the end of the list leaves every older one where
//! it was. That is why these are keyed streams and not one long sequence of draws (decision 11).

use crate::scenario::{Seed, Span};
use crate::stream::{Stream, StreamPurpose};

/// What is drawn. The order is part of every seed: new aspects go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    /// How many machines, and how long everything lasts.
    Topology,
    /// Latencies.
    Network,
    /// Settings of brokers.
    BrokerSettings,
    /// Settings of logs.
    LogSettings,
    /// Settings of the metadata quorum.
    QuorumSettings,
    /// One topic; the index is its number.
    Topic,
    /// One client; the index is its number.
    Client,
    /// What one producer sends; the index is its number.
    Workload,
    /// Which kinds of faults there are, and how many.
    Swarm,
    /// The faults of one kind; the index is the kind's.
    Fault,
    /// Bursts: several faults close together.
    Burst,
    /// The core that must recover when the faults are over.
    Core,
    /// A member that is away while the others clean their metadata logs.
    Absence,
    /// How one consumer looks for the end of its partitions; the index is its number.
    Look,
    /// Faults that are made for each other; the index is that of the story.
    Together,
    /// How many groups there are, and how their coordinators are set.
    Groups,
    /// One group; the index is its number.
    Group,
    /// One member of a group; the index is its number.
    Member,
    /// What one member does while the scenario runs; the index is its number.
    Membership,
    /// Whether and how a topic is compacted; the index is its number.
    Compaction,
    /// Whether consumers read at the replica next to them; the index is the client's number, 0 the cluster.
    NearbyReads,
    /// Which records are given up on request.
    DeleteRecords,
    /// Whether there is a minute in which nothing happens, and when.
    Quiet,
    /// What administrators do to a group; the index is that of the group, from 0.
    GroupAdministration,
    /// Which commits of a member nobody waits for; the index is the member's number.
    AsynchronousCommits,
    /// Stories that are told beside everything else; the index is the story's number, its draws have an index of their own.
    Beside,
    /// Offsets that a group gets in transactions; the index is that of the group, from 0.
    GroupTransactions,
}

/// The draws of one aspect.
pub(super) struct Draw(Stream);

impl Draw {
    /// The stream of an aspect under a seed.
    pub(super) fn new(seed: Seed, aspect: Aspect, index: u64) -> Self {
        Draw(Stream::new(seed.0, StreamPurpose::Explore, (aspect as u64, index)))
    }

    /// A number in `low..=high`, each equally likely.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.between(low, high)
    }

    /// A number in `low..=high`, each order of magnitude equally likely: small ones matter as much as large ones.
    pub(super) fn scale(&mut self, low: u64, high: u64) -> u64 {
        assert!(0 < low && low <= high, "no orders of magnitude in {low}..={high}");
        let octaves = u64::from(high.ilog2() - low.ilog2());
        let octave = low << self.between(0, octaves);
        self.between(octave, (octave * 2 - 1).min(high).max(octave)).clamp(low, high)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.between(0, 99) < chance
    }

    /// One of several, each equally likely.
    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.between(0, of.len() as u64 - 1) as usize]
    }

    /// A span in `low..=high` milliseconds, each order of magnitude equally likely, exact to the microsecond.
    pub(super) fn span(&mut self, low_ms: u64, high_ms: u64) -> Span {
        Span { micros: self.scale(low_ms * 1000, high_ms * 1000) as i64 }
    }

    /// So many of these, in their order.
    pub(super) fn some_of<T: Clone>(&mut self, of: &[T], how_many: usize) -> Vec<T> {
        let mut left: Vec<usize> = (0..of.len()).collect();
        let mut taken: Vec<usize> = (0..how_many.min(of.len()))
            .map(|_| left.swap_remove(self.between(0, left.len() as u64 - 1) as usize))
            .collect();
        taken.sort_unstable();
        taken.into_iter().map(|index| of[index].clone()).collect()
    }

    /// The same in another order.
    pub(super) fn shuffled<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        let mut left = of.to_vec();
        (0..of.len()).map(|_| left.swap_remove(self.between(0, left.len() as u64 - 1) as usize)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_magnitude_are_equally_likely_and_both_ends_are_reached() {
        let mut draw = Draw::new(Seed(1), Aspect::Topology, 0);
        let drawn: Vec<u64> = (0..4000).map(|_| draw.scale(1, 1000)).collect();
        assert_eq!(drawn.iter().min(), Some(&1));
        assert!(drawn.iter().all(|number| (1..=1000).contains(number)));
        let below_32 = drawn.iter().filter(|number| **number < 32).count();
        assert!((1600..=2400).contains(&below_32), "half of ten octaves, found {below_32} of 4000");
    }

    #[test]
    fn a_choice_of_some_keeps_their_order_and_has_none_twice() {
        let mut draw = Draw::new(Seed(2), Aspect::Topology, 0);
        for count in 0..6 {
            let taken = draw.some_of(&[1, 2, 3, 4, 5], count);
            assert_eq!(taken.len(), count.min(5));
            assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        }
        let mut all = draw.shuffled(&[1, 2, 3]);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    }
}
