//! One replica fetcher: copies this broker's followers from one leader's broker (`AbstractFetcherThread`).
//!
//! ```text
//!             ┌─ truncate those without any epoch ◀───────────────┐
//!             ▼                                                   │
//!   build the next fetch ── nothing to ask ─▶ idle (back-off) ────┤ a partition is added,
//!             │                                                   │ or the back-off is over
//!             ▼ one request in flight                             │
//!          answer ─▶ append, truncate, back off, partition by ────┘
//!                    partition; out of range: ask the leader
//!                    for its offsets first
//! ```
//!
//! A partition's place in the log is its [`FetchState`]. An answer is applied only if the
//! state is still the one that was asked with, so that an answer of an earlier leader
//! epoch, or of before a truncation, changes nothing.
//!
//! Only partitions whose request has changed are looked at when a fetch is built: the
//! session on the leader remembers the others.
//!
//! Simplified: num.replica.fetchers is 1, so there is one fetcher a leader. Partitions
//! are asked for in the order of their names; Kafka asks in the order in which they last
//! changed, which only matters when an answer's size limit is reached.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::{LeaderEpoch, NodeId, Offset, TopicId, TopicPartition, UNKNOWN_OFFSET};
use crate::message::{ErrorCode, FetchPartition, FetchResponse};
use crate::time::Time;

/// Whether a follower may fetch, or must truncate first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchPhase {
    /// It fetches; divergence, if any, comes with the answer.
    Fetching,
    /// Its log has no epoch to compare by, so it truncates to its high watermark before it fetches.
    Truncating,
}

/// Where a follower is (`PartitionFetchState`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchState {
    /// The topic's id.
    pub topic_id: TopicId,
    /// From where it fetches next: its log end offset once it has truncated.
    pub fetch_offset: Offset,
    /// The leader epoch in which it fetches.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of its last record.
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// Whether it may fetch.
    pub phase: FetchPhase,
    /// Until when it backs off after an error.
    pub delayed_until: Option<Time>,
}

impl FetchState {
    fn is_ready(&self, now: Time) -> bool {
        self.phase == FetchPhase::Fetching && self.delayed_until.is_none_or(|until| until <= now)
    }
}

/// What a fetcher waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Awaiting {
    /// The answer to a fetch.
    Fetch,
    /// The leader's end of a partition that was out of range.
    LatestOffset {
        /// Which partition.
        partition: TopicPartition,
        /// The epoch in which it asked.
        leader_epoch: LeaderEpoch,
    },
    /// The leader's start of a partition that was out of range.
    EarliestOffset {
        /// Which partition.
        partition: TopicPartition,
        /// The epoch in which it asked.
        leader_epoch: LeaderEpoch,
    },
}

/// The fetcher of one leader's broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaFetcher {
    pub(super) leader: NodeId,
    pub(super) partitions: BTreeMap<TopicPartition, FetchState>,
    /// Those whose request may differ from what the session remembers.
    changed: BTreeSet<TopicPartition>,
    delayed: BTreeSet<(Time, TopicPartition)>,
    pub(super) truncating: BTreeSet<TopicPartition>,
    pub(super) out_of_range: VecDeque<TopicPartition>,
    pub(super) session: FetcherSession,
    /// What is awaited, with the token of the request.
    pub(super) in_flight: Option<(u64, Awaiting)>,
    /// When an idle fetcher looks for work again.
    pub(super) idle_until: Option<Time>,
}

/// A fetch session on the asking side (`FetchSessionHandler`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FetcherSession {
    /// The session's id; 0 before there is one.
    pub id: i32,
    /// The epoch of the next request; 0 makes it a full one.
    pub epoch: i32,
    /// What the leader was last asked for, by partition.
    pub(super) sent: BTreeMap<TopicPartition, FetchPartition>,
    names: BTreeMap<(TopicId, i32), TopicPartition>,
}

/// What a fetch lists.
pub(super) struct FetchLists {
    /// To read: all, or what changed.
    pub partitions: Vec<FetchPartition>,
    /// To drop from the session.
    pub forgotten: Vec<(TopicId, i32)>,
}

/// Whether an answer may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionVerdict {
    /// Yes.
    Accepted,
    /// No: the session is lost, and the next fetch is a full one.
    Lost,
    /// No, and the partitions back off.
    Failed,
}

impl FetcherSession {
    fn insert(&mut self, name: &TopicPartition, request: FetchPartition) {
        self.names.insert((request.topic_id, request.partition), name.clone());
        self.sent.insert(name.clone(), request);
    }

    fn remove(&mut self, name: &TopicPartition) -> Option<(TopicId, i32)> {
        let request = self.sent.remove(name)?;
        let key = (request.topic_id, request.partition);
        self.names.remove(&key);
        Some(key)
    }

    /// The partition that an answer is about, and what was asked.
    pub(super) fn asked(&self, topic_id: TopicId, partition: i32) -> Option<(&TopicPartition, &FetchPartition)> {
        let name = self.names.get(&(topic_id, partition))?;
        Some((name, self.sent.get(name)?))
    }

    /// No answer came: whether the leader has counted the request is unknown, so the session must end.
    pub(super) fn failed(&mut self) {
        self.epoch = 0;
    }

    fn reset(&mut self) {
        self.id = 0;
        self.epoch = 0;
    }

    /// Takes an answer's session fields.
    pub(super) fn answered(&mut self, response: &FetchResponse) -> SessionVerdict {
        match response.error {
            ErrorCode::None => {}
            ErrorCode::FetchSessionIdNotFound => {
                self.reset();
                return SessionVerdict::Lost;
            }
            ErrorCode::FetchSessionTopicIdError => {
                self.failed();
                return SessionVerdict::Failed;
            }
            _ => {
                self.failed();
                return SessionVerdict::Lost;
            }
        }
        let is_known = |answer: &crate::message::FetchPartitionResponse| {
            self.names.contains_key(&(answer.topic_id, answer.partition))
        };
        let all_known = response.partitions.iter().all(is_known);
        if self.epoch == 0 {
            if !all_known || response.partitions.len() != self.sent.len() {
                self.reset();
                return SessionVerdict::Lost;
            }
            self.id = response.session_id;
            self.epoch = i32::from(response.session_id != 0);
        } else if !all_known {
            self.failed();
            return SessionVerdict::Lost;
        } else if response.session_id == 0 {
            self.reset();
        } else {
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
        SessionVerdict::Accepted
    }
}

impl ReplicaFetcher {
    /// A fetcher without partitions.
    pub(super) fn new(leader: NodeId) -> ReplicaFetcher {
        ReplicaFetcher {
            leader,
            partitions: BTreeMap::new(),
            changed: BTreeSet::new(),
            delayed: BTreeSet::new(),
            truncating: BTreeSet::new(),
            out_of_range: VecDeque::new(),
            session: FetcherSession::default(),
            in_flight: None,
            idle_until: None,
        }
    }

    /// From whose broker it fetches.
    pub fn leader(&self) -> NodeId {
        self.leader
    }

    /// Its partitions.
    pub fn partitions(&self) -> &BTreeMap<TopicPartition, FetchState> {
        &self.partitions
    }

    /// What it waits for; `None` while it idles.
    pub fn awaiting(&self) -> Option<&Awaiting> {
        self.in_flight.as_ref().map(|(_, awaiting)| awaiting)
    }

    /// Its session.
    pub fn session(&self) -> &FetcherSession {
        &self.session
    }

    /// Adds a partition, or gives it its new epoch. In the same epoch what is known is kept.
    pub(super) fn add(&mut self, name: &TopicPartition, state: FetchState) {
        let known = self.partitions.get(name);
        if known.is_some_and(|known| known.current_leader_epoch == state.current_leader_epoch) {
            return;
        }
        self.set(name, state);
    }

    /// Gives a partition a new state.
    pub(super) fn set(&mut self, name: &TopicPartition, state: FetchState) {
        self.remove(name);
        if let Some(until) = state.delayed_until {
            self.delayed.insert((until, name.clone()));
        }
        if state.phase == FetchPhase::Truncating {
            self.truncating.insert(name.clone());
        }
        self.partitions.insert(name.clone(), state);
    }

    /// Drops a partition; the session is told with the next fetch.
    pub(super) fn remove(&mut self, name: &TopicPartition) -> bool {
        self.changed.insert(name.clone());
        self.truncating.remove(name);
        self.out_of_range.retain(|other| other != name);
        let Some(state) = self.partitions.remove(name) else { return false };
        if let Some(until) = state.delayed_until {
            self.delayed.remove(&(until, name.clone()));
        }
        true
    }

    /// The partition's log start moved: the leader is told with the next fetch.
    pub(super) fn mark_changed(&mut self, name: &TopicPartition) {
        if self.partitions.contains_key(name) {
            self.changed.insert(name.clone());
        }
    }

    /// Lets a partition back off, unless it already does.
    pub(super) fn delay(&mut self, name: &TopicPartition, now: Time, until: Time) -> bool {
        let Some(state) = self.partitions.get_mut(name) else { return false };
        if state.delayed_until.is_some_and(|until| until > now) {
            return false;
        }
        if let Some(over) = state.delayed_until.replace(until) {
            self.delayed.remove(&(over, name.clone()));
        }
        self.delayed.insert((until, name.clone()));
        self.changed.insert(name.clone());
        true
    }

    /// Whether an answer to `sent` may still be applied, and if not why.
    pub(super) fn check_answer(
        &self,
        name: &TopicPartition,
        sent: &FetchPartition,
        now: Time,
    ) -> Result<&FetchState, crate::event::FetchIgnored> {
        use crate::event::FetchIgnored;
        let state = self.partitions.get(name).ok_or(FetchIgnored::NotFetching)?;
        if sent.current_leader_epoch != state.current_leader_epoch {
            Err(FetchIgnored::OtherEpoch)
        } else if sent.fetch_offset != state.fetch_offset {
            Err(FetchIgnored::OtherOffset)
        } else if !state.is_ready(now) {
            Err(FetchIgnored::NotFetching)
        } else {
            Ok(state)
        }
    }

    /// What the next fetch lists; `None` if there is nothing to say to the leader. `log_start` gives a partition's
    /// log start offset, `None` while its log is offline.
    pub(super) fn next_fetch(
        &mut self,
        now: Time,
        max_bytes: i32,
        log_start: impl Fn(&TopicPartition) -> Option<Offset>,
    ) -> Option<FetchLists> {
        while let Some((until, name)) = self.delayed.first().cloned() {
            if until > now {
                break;
            }
            self.delayed.pop_first();
            self.changed.insert(name.clone());
            if let Some(state) = self.partitions.get_mut(&name) {
                state.delayed_until = None;
            }
        }
        let mut lists = FetchLists { partitions: Vec::new(), forgotten: Vec::new() };
        let changed = if self.session.epoch == 0 {
            self.session.sent.clear();
            self.session.names.clear();
            self.changed.clear();
            self.partitions.keys().cloned().collect()
        } else {
            std::mem::take(&mut self.changed)
        };
        let mut added = Vec::new();
        for name in changed {
            let wanted = self.request_for(&name, now, max_bytes, &log_start);
            match (wanted, self.session.sent.get(&name)) {
                (None, None) => {}
                (None, Some(_)) => lists.forgotten.extend(self.session.remove(&name)),
                (Some(wanted), None) => {
                    added.push(wanted.clone());
                    self.session.insert(&name, wanted);
                }
                (Some(wanted), Some(sent)) if wanted == *sent => {}
                (Some(wanted), Some(sent)) => {
                    // A topic of the same name, deleted and made again, is another partition to the session.
                    if wanted.topic_id != sent.topic_id {
                        lists.forgotten.extend(self.session.remove(&name));
                    }
                    lists.partitions.push(wanted.clone());
                    self.session.insert(&name, wanted);
                }
            }
        }
        lists.partitions.append(&mut added);
        let silent = self.session.sent.is_empty() && lists.forgotten.is_empty();
        (!silent).then_some(lists)
    }

    fn request_for(
        &self,
        name: &TopicPartition,
        now: Time,
        max_bytes: i32,
        log_start: impl Fn(&TopicPartition) -> Option<Offset>,
    ) -> Option<FetchPartition> {
        let state = self.partitions.get(name).filter(|state| state.is_ready(now))?;
        Some(FetchPartition {
            topic_id: state.topic_id,
            topic: crate::ids::TopicName::default(),
            partition: name.partition,
            current_leader_epoch: state.current_leader_epoch,
            fetch_offset: state.fetch_offset,
            last_fetched_epoch: state.last_fetched_epoch.unwrap_or(LeaderEpoch::NONE),
            log_start_offset: log_start(name).unwrap_or(UNKNOWN_OFFSET),
            max_bytes,
            replica_directory_id: crate::ids::DirectoryId::UNASSIGNED,
            // Only quorum members say what high watermark they know (KIP-1166).
            high_watermark: None,
        })
    }
}
