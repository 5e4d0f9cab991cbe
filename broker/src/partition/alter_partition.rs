//! How proposals for in-sync sets reach the controller (`AlterPartitionManager`; KIP-497).
//!
//! ```text
//!   partition ──submit──▶ unsent (at most one a partition) ──one request in flight──▶ controller
//!                           ▲                                        │
//!                           └── kept until its own answer is there ──┘
//! ```
//!
//! One request carries everything that waits. A request that failed as a whole is sent
//! again after 50 ms, without limit: a partition stays pending until it is answered or
//! newer metadata overtakes it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::TopicId;
use crate::message::AlterPartitionProposal;
use crate::time::Time;

/// How long a request that failed as a whole waits before it is sent again.
pub(super) const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// The proposals of one broker on their way to the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AlterPartitionQueue {
    unsent: BTreeMap<(TopicId, i32), AlterPartitionProposal>,
    in_flight: Option<Vec<AlterPartitionProposal>>,
    retry_at: Option<Time>,
}

impl AlterPartitionQueue {
    /// Queues a proposal; `false` if one of that partition is queued already (OPERATION_NOT_ATTEMPTED).
    pub(super) fn submit(&mut self, proposal: AlterPartitionProposal) -> bool {
        let key = (proposal.topic_id, proposal.partition);
        if self.unsent.contains_key(&key) {
            return false;
        }
        self.unsent.insert(key, proposal);
        true
    }

    /// What to send now: everything that waits, unless a request is in flight.
    pub(super) fn next_request(&mut self) -> Option<Vec<AlterPartitionProposal>> {
        if self.unsent.is_empty() || self.in_flight.is_some() {
            return None;
        }
        let proposals: Vec<_> = self.unsent.values().cloned().collect();
        self.in_flight = Some(proposals.clone());
        Some(proposals)
    }

    /// The request in flight was answered, or failed as a whole: what it carried.
    pub(super) fn answered(&mut self) -> Vec<AlterPartitionProposal> {
        self.in_flight.take().unwrap_or_default()
    }

    /// A proposal has its own answer: another of that partition may be queued.
    pub(super) fn settle(&mut self, proposal: &AlterPartitionProposal) {
        self.unsent.remove(&(proposal.topic_id, proposal.partition));
    }

    /// Sends again at that time.
    pub(super) fn retry_at(&mut self, time: Time) {
        self.retry_at = Some(time);
    }

    /// Whether the time to send again has come; asked once.
    pub(super) fn take_due_retry(&mut self, now: Time) -> bool {
        let due = self.retry_at.is_some_and(|time| time <= now);
        if due {
            self.retry_at = None;
        }
        due
    }

    /// When to send again.
    pub fn next_deadline(&self) -> Option<Time> {
        self.retry_at
    }

    /// What waits to be sent, or to be answered.
    pub fn proposals(&self) -> impl Iterator<Item = &AlterPartitionProposal> {
        self.unsent.values()
    }

    /// Whether a request is in flight.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }
}
