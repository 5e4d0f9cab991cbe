//! The queue of what is due: a heap of (time, class, number), and nothing that it could decide.
//!
//! Entries of the fault list are not in it: they have a class of their own that comes
//! first, with numbers of their own, so that adding one changes no number here. A subject
//! that is due may be stale (a timer that was set anew, a message whose connection is
//! gone): each subject carries a generation or a state by which that is seen, and is
//! skipped without being a step.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use trial_broker::input::Lane;
use trial_broker::time::Time;

use crate::fault::MachineId;

/// What can be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The head of one direction of a connection arrives.
    Head { connection: u64, direction: u8, generation: u32 },
    /// A segment of a handshake arrives, or is sent again.
    Handshake { connection: u64 },
    /// An acknowledgement may make room in a send buffer.
    Room { connection: u64, direction: u8 },
    /// A timer of a lane.
    Timer { machine: MachineId, lane: Lane, generation: u32 },
    /// Something waits for a lane that is free now.
    Ready { machine: MachineId, lane: Lane, starts: u32 },
    /// A lane has paid.
    Paid { machine: MachineId, lane: Lane, step: u64 },
    /// A sync lands.
    Landing { machine: MachineId },
    /// The next file of a background flush.
    Flush { machine: MachineId, starts: u32 },
    /// The kernel writes back.
    Writeback { machine: MachineId, boots: u32 },
}

/// Subjects with the time at which they are due; ties in the order in which they were pushed.
#[derive(Clone, Debug)]
pub(crate) struct Queue<S> {
    heap: BinaryHeap<Reverse<Due<S>>>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Due<S> {
    at: Time,
    number: u64,
    subject: S,
}

impl<S> PartialEq for Due<S> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<S> Eq for Due<S> {}

impl<S> PartialOrd for Due<S> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<S> Ord for Due<S> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<S> Default for Queue<S> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), next_number: 0 }
    }
}

impl<S: Copy> Queue<S> {
    /// Makes a subject due at this time, after all that is already due then.
    pub(crate) fn push(&mut self, at: Time, subject: S) {
        self.heap.push(Reverse(Due { at, number: self.next_number, subject }));
        self.next_number += 1;
    }

    /// What is due first, and when.
    pub(crate) fn peek(&self) -> Option<(Time, S)> {
        self.heap.peek().map(|Reverse(due)| (due.at, due.subject))
    }

    /// Takes what is due first.
    pub(crate) fn pop(&mut self) -> Option<(Time, S)> {
        self.heap.pop().map(|Reverse(due)| (due.at, due.subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_leave_in_the_order_in_which_they_came() {
        let mut queue = Queue::default();
        for (at, subject) in [(5, 'b'), (3, 'a'), (5, 'c'), (5, 'd')] {
            queue.push(Time(at), subject);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, subject)| subject).collect();
        assert_eq!(order, "abcd");
    }
}
