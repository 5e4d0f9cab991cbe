//! Where requests wait for something to happen to partitions (`DelayedOperationPurgatory`).
//!
//! A waiting request watches its partitions. When something happens to a partition
//! that might complete it, its owner re-tests exactly the requests that watch that
//! partition; nothing polls. A request that is not completed by then ends at its
//! deadline.
//!
//! Few requests wait at a time, and most wait for a moment: they stand in sorted lists, where coming and going costs no
//! memory of its own.

use std::collections::BTreeMap;

use crate::ids::TopicPartition;
use crate::time::Time;

/// The number of a waiting request: smaller numbers have waited longer.
pub type WaitId = u64;

/// Requests that wait.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Purgatory<T> {
    next_id: WaitId,
    /// By number: whoever comes goes to the end.
    waiting: Vec<(WaitId, Waiting<T>)>,
    /// Who watches a partition, the oldest first; no partition that nobody watches.
    watchers: BTreeMap<TopicPartition, Vec<WaitId>>,
    /// In order.
    deadlines: Vec<(Time, WaitId)>,
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
        Purgatory { next_id: 0, waiting: Vec::new(), watchers: BTreeMap::new(), deadlines: Vec::new() }
    }
}

impl<T> Purgatory<T> {
    /// Parks a request until `deadline`.
    pub fn park(&mut self, operation: T, watched: Vec<TopicPartition>, deadline: Time) -> WaitId {
        let id = self.next_id;
        self.next_id += 1;
        for partition in &watched {
            let watchers = self.watchers.entry(partition.clone()).or_default();
            // A request may name a partition twice.
            if watchers.last() != Some(&id) {
                watchers.push(id);
            }
        }
        let place = self.deadlines.partition_point(|due| *due < (deadline, id));
        self.deadlines.insert(place, (deadline, id));
        self.waiting.push((id, Waiting { operation, watched, deadline }));
        id
    }

    /// The requests that watch a partition, the oldest first.
    pub fn watching(&self, partition: &TopicPartition) -> Vec<WaitId> {
        self.watchers.get(partition).cloned().unwrap_or_default()
    }

    /// One request.
    pub fn get_mut(&mut self, id: WaitId) -> Option<&mut T> {
        let place = self.place(id)?;
        Some(&mut self.waiting[place].1.operation)
    }

    /// One request.
    pub fn get(&self, id: WaitId) -> Option<&T> {
        Some(&self.waiting[self.place(id)?].1.operation)
    }

    /// Takes a request out, to be answered.
    pub fn remove(&mut self, id: WaitId) -> Option<T> {
        let (_, waiting) = self.waiting.remove(self.place(id)?);
        let due = self.deadlines.binary_search(&(waiting.deadline, id)).expect("whoever waits has a deadline");
        self.deadlines.remove(due);
        for partition in &waiting.watched {
            if let Some(ids) = self.watchers.get_mut(partition) {
                ids.retain(|watcher| *watcher != id);
                if ids.is_empty() {
                    self.watchers.remove(partition);
                }
            }
        }
        Some(waiting.operation)
    }

    fn place(&self, id: WaitId) -> Option<usize> {
        self.waiting.binary_search_by_key(&id, |(waits, _)| *waits).ok()
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
        self.waiting.iter().map(|(_, waiting)| (&waiting.operation, waiting.deadline))
    }

    /// Forgets everybody (the process stops: nobody can be answered any more).
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.watchers.clear();
        self.deadlines.clear();
    }
}
