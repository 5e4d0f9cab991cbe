//! Where requests wait for something to happen to partitions (`DelayedOperationPurgatory`).
//!
//! A waiting request watches its partitions. When something happens to a partition
//! that might complete it, its owner re-tests exactly the requests that watch that
//! partition; nothing polls. A request that is not completed by then ends at its
//! deadline.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::TopicPartition;
use crate::time::Time;

/// The number of a waiting request: smaller numbers have waited longer.
pub type WaitId = u64;

/// Requests that wait.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Purgatory<T> {
    next_id: WaitId,
    waiting: BTreeMap<WaitId, Waiting<T>>,
    watchers: BTreeMap<TopicPartition, BTreeSet<WaitId>>,
    deadlines: BTreeSet<(Time, WaitId)>,
}

/// One waiting request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting<T> {
    operation: T,
    watched: Vec<TopicPartition>,
    deadline: Time,
}

impl<T> Default for Purgatory<T> {
    fn default() -> Self {
        Purgatory { next_id: 0, waiting: BTreeMap::new(), watchers: BTreeMap::new(), deadlines: BTreeSet::new() }
    }
}

impl<T> Purgatory<T> {
    /// Parks a request until `deadline`.
    pub fn park(&mut self, operation: T, watched: Vec<TopicPartition>, deadline: Time) -> WaitId {
        let id = self.next_id;
        self.next_id += 1;
        for partition in &watched {
            self.watchers.entry(partition.clone()).or_default().insert(id);
        }
        self.deadlines.insert((deadline, id));
        self.waiting.insert(id, Waiting { operation, watched, deadline });
        id
    }

    /// The requests that watch a partition, the oldest first.
    pub fn watching(&self, partition: &TopicPartition) -> Vec<WaitId> {
        self.watchers.get(partition).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    /// One request.
    pub fn get_mut(&mut self, id: WaitId) -> Option<&mut T> {
        self.waiting.get_mut(&id).map(|waiting| &mut waiting.operation)
    }

    /// One request.
    pub fn get(&self, id: WaitId) -> Option<&T> {
        self.waiting.get(&id).map(|waiting| &waiting.operation)
    }

    /// Takes a request out, to be answered.
    pub fn remove(&mut self, id: WaitId) -> Option<T> {
        let waiting = self.waiting.remove(&id)?;
        self.deadlines.remove(&(waiting.deadline, id));
        for partition in &waiting.watched {
            if let Some(ids) = self.watchers.get_mut(partition) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.watchers.remove(partition);
                }
            }
        }
        Some(waiting.operation)
    }

    /// Takes out the request that is due first, if it is due.
    pub fn remove_expired(&mut self, now: Time) -> Option<T> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline <= now { self.remove(id) } else { None }
    }

    /// When the next request ends.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// All requests with their deadlines, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&T, Time)> {
        self.waiting.values().map(|waiting| (&waiting.operation, waiting.deadline))
    }

    /// Forgets everybody (the process stops: nobody can be answered any more).
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.watchers.clear();
        self.deadlines.clear();
    }
}
