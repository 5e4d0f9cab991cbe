//! Incremental fetches as the client sees them: Kafka's `FetchSessionHandler` (KIP-227).
//!
//! ```text
//!   (0, 0) full ── answer with session s ──▶ (s, 1) changes only ──▶ (s, 2) … (s, 2³¹−1) ─▶ (s, 1)
//!      ▲                                        │ session not found: (0, 0)
//!      └────────────────────────────────────────┘ any other error, lost connection: (s, 0)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{LeaderEpoch, Offset, TopicId, TopicPartition};
use crate::message::{ErrorCode, FetchResponse};

/// What a session holds of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionPartition {
    pub topic_id: TopicId,
    pub fetch_offset: Offset,
    pub leader_epoch: LeaderEpoch,
}

/// A fetch that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SessionFetch {
    pub id: i32,
    pub epoch: i32,
    /// New or changed partitions, in order.
    pub send: Vec<(TopicPartition, SessionPartition)>,
    pub forget: Vec<(TopicId, i32)>,
}

/// The session with one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FetchSession {
    id: i32,
    epoch: i32,
    partitions: BTreeMap<TopicPartition, SessionPartition>,
}

impl FetchSession {
    fn is_full(&self) -> bool {
        self.epoch <= 0
    }

    /// What the session holds of a partition.
    pub fn partition(&self, partition: &TopicPartition) -> Option<&SessionPartition> {
        self.partitions.get(partition)
    }

    /// What it holds.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// The partition of a topic id, as far as the session knows it.
    pub fn find(&self, topic_id: TopicId, index: i32) -> Option<&TopicPartition> {
        let matches = |(partition, held): &(&TopicPartition, &SessionPartition)| {
            held.topic_id == topic_id && partition.partition == index
        };
        self.partitions.iter().find(matches).map(|(partition, _)| partition)
    }

    /// What an answer says nothing of.
    pub fn left_out_of<'a>(
        &'a self,
        response: &'a FetchResponse,
    ) -> impl Iterator<Item = (&'a TopicPartition, &'a SessionPartition)> {
        self.partitions.iter().filter(|(partition, held)| {
            let mut answers = response.partitions.iter();
            !answers.any(|answer| answer.topic_id == held.topic_id && answer.partition == partition.partition)
        })
    }

    /// The next fetch: everything, or what changed against what the broker holds.
    pub fn build(&mut self, wanted: Vec<(TopicPartition, SessionPartition)>) -> SessionFetch {
        let mut forget = Vec::new();
        let send = if self.is_full() {
            wanted.clone()
        } else {
            let names: BTreeSet<&TopicPartition> = wanted.iter().map(|(partition, _)| partition).collect();
            for (partition, held) in &self.partitions {
                let replaced = wanted.iter().any(|(other, next)| other == partition && next.topic_id != held.topic_id);
                if replaced || !names.contains(partition) {
                    forget.push((held.topic_id, partition.partition));
                }
            }
            wanted.iter().filter(|(partition, next)| self.partitions.get(partition) != Some(next)).cloned().collect()
        };
        self.partitions = wanted.into_iter().collect();
        SessionFetch { id: self.id, epoch: self.epoch, send, forget }
    }

    /// The fetch that ends the session, if there is one.
    pub fn close(&self) -> Option<SessionFetch> {
        (self.id != 0).then(|| SessionFetch { id: self.id, epoch: -1, send: Vec::new(), forget: Vec::new() })
    }

    /// The fetch failed: the next one is full and replaces the session.
    pub fn on_error(&mut self) {
        self.epoch = 0;
    }

    /// Takes an answer; gives whether its partitions may be used.
    pub fn on_response(&mut self, response: &FetchResponse) -> bool {
        if response.error == ErrorCode::FetchSessionIdNotFound {
            (self.id, self.epoch) = (0, 0);
            return false;
        }
        if response.error != ErrorCode::None {
            self.epoch = 0;
            return false;
        }
        let known =
            |answer: &crate::message::FetchPartitionResponse| self.find(answer.topic_id, answer.partition).is_some();
        let all_known = response.partitions.iter().all(known);
        if self.is_full() {
            if !all_known || response.partitions.len() != self.partitions.len() {
                (self.id, self.epoch) = (0, 0);
                return false;
            }
            self.id = response.session_id;
            self.epoch = if response.session_id == 0 { 0 } else { 1 };
            return true;
        }
        if !all_known {
            self.epoch = 0;
            return false;
        }
        if response.session_id == 0 {
            (self.id, self.epoch) = (0, 0);
        } else {
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
        true
    }
}
