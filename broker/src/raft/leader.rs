//! What a quorum leader knows of its followers, and the high watermark it derives (`LeaderState`).
//!
//! A follower's fetch offset *is* its acknowledgement: voters flush before they fetch again.
//!
//! ```text
//!   voters' fetch offsets, descending:  20   15   12      the high watermark is the one at index n/2:
//!                                             ▲           two of three hold everything before 15
//!                                   only if above the epoch's start (a leader commits
//!                                   a record of its own epoch first), and never falling
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::accumulator::Accumulator;
use super::voters::{VoterSet, matches_key};
use crate::config::{Behaviour, Switch};
use crate::ids::{Endpoint, LeaderEpoch, NodeId, Offset};
use crate::message::ReplicaKey;
use crate::time::{Now, Time};

/// How far one replica is, as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ReplicaProgress {
    pub(super) key: ReplicaKey,
    /// Its fetch offset: it holds everything before. None until it has fetched in this epoch.
    pub(super) end_offset: Option<Offset>,
    /// Wall clock, milliseconds; −1 for never.
    pub(super) last_fetch_timestamp: i64,
    /// Wall clock, milliseconds; −1 for never.
    pub(super) last_caught_up_timestamp: i64,
    last_fetch_leader_end_offset: Offset,
    last_fetch: Time,
}

impl ReplicaProgress {
    fn new(key: ReplicaKey) -> Self {
        ReplicaProgress {
            key,
            end_offset: None,
            last_fetch_timestamp: -1,
            last_caught_up_timestamp: -1,
            last_fetch_leader_end_offset: -1,
            last_fetch: Time::ZERO,
        }
    }

    /// A replica is caught up at the time of a fetch that asks for the leader's end, or at
    /// the time of the fetch before if it asks for what was the end then.
    fn fetched(&mut self, now: Now, fetch_offset: Offset, leader_end_offset: Option<Offset>) {
        if let Some(leader_end) = leader_end_offset {
            if fetch_offset >= leader_end {
                self.last_caught_up_timestamp = self.last_caught_up_timestamp.max(now.wall.millis());
            } else if self.last_fetch_leader_end_offset > 0 && fetch_offset >= self.last_fetch_leader_end_offset {
                self.last_caught_up_timestamp = self.last_caught_up_timestamp.max(self.last_fetch_timestamp);
            }
            self.last_fetch_leader_end_offset = leader_end;
        }
        self.last_fetch_timestamp = self.last_fetch_timestamp.max(now.wall.millis());
        self.last_fetch = now.monotonic;
        self.end_offset = Some(fetch_offset);
    }
}

/// How long an observer is remembered without a fetch.
const OBSERVER_SESSION_TIMEOUT: Duration = Duration::from_millis(300_000);

/// Leads an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    pub(super) epoch: LeaderEpoch,
    pub(super) own_key: ReplicaKey,
    pub(super) own_endpoint: Endpoint,
    /// Where this leader's first record lies: nothing before the record is committed by it alone.
    pub(super) epoch_start_offset: Offset,
    pub(super) granting_voters: Vec<NodeId>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) accumulator: Accumulator,
    pub(super) resign_requested: bool,
    /// Whether the owner was told that it may append.
    pub(super) announced: bool,
    pub(super) begin_quorum_deadline: Time,
    voters: BTreeMap<NodeId, ReplicaProgress>,
    observers: BTreeMap<ReplicaKey, ReplicaProgress>,
    /// The voters that have fetched since the check-quorum timer was last set.
    fetched_voters: BTreeSet<NodeId>,
    check_quorum_deadline: Time,
    check_quorum_timeout: Duration,
    commits_without_majority: bool,
    commits_by_count: bool,
    checks_quorum: bool,
}

/// What a leader begins with.
pub(super) struct LeaderStart<'a> {
    pub(super) epoch: LeaderEpoch,
    pub(super) own_key: ReplicaKey,
    pub(super) own_endpoint: Endpoint,
    pub(super) epoch_start_offset: Offset,
    pub(super) voters: &'a VoterSet,
    pub(super) granting_voters: Vec<NodeId>,
    pub(super) accumulator: Accumulator,
    pub(super) fetch_timeout: Duration,
    pub(super) behaviour: &'a Behaviour,
}

impl Leader {
    pub(super) fn new(now: Time, start: LeaderStart) -> Self {
        assert!(start.voters.is_voter(start.own_key), "{:?} leads without being a voter", start.own_key);
        // Half as long again as a follower waits: a leader outlives its followers' patience, not the reverse.
        let check_quorum_timeout = start.fetch_timeout * 3 / 2;
        Leader {
            epoch: start.epoch,
            own_key: start.own_key,
            own_endpoint: start.own_endpoint,
            epoch_start_offset: start.epoch_start_offset,
            granting_voters: start.granting_voters,
            high_watermark: None,
            accumulator: start.accumulator,
            resign_requested: false,
            announced: false,
            begin_quorum_deadline: now,
            voters: start.voters.iter().map(|v| (v.replica.id, ReplicaProgress::new(v.replica))).collect(),
            observers: BTreeMap::new(),
            fetched_voters: BTreeSet::new(),
            check_quorum_deadline: now + check_quorum_timeout,
            check_quorum_timeout,
            commits_without_majority: start.behaviour.is(Switch::CommitWithoutMajority),
            commits_by_count: start.behaviour.is(Switch::CommitPreviousEpochByCount),
            checks_quorum: !start.behaviour.is(Switch::NoCheckQuorum),
        }
    }

    /// When the leader gives up for want of a majority; never with one voter.
    pub(super) fn check_quorum_deadline(&self) -> Time {
        if self.voters.len() == 1 || !self.checks_quorum { Time::NEVER } else { self.check_quorum_deadline }
    }

    /// A Fetch or FetchSnapshot has come: once a majority has fetched, the timer starts anew.
    pub(super) fn note_fetch(&mut self, now: Time, key: ReplicaKey) {
        if self.voters.get(&key.id).is_some_and(|voter| matches_key(voter.key, key)) {
            self.fetched_voters.insert(key.id);
        }
        // The leader counts for itself, if it votes at all: it may be on its way out of the voter set.
        let majority = self.voters.len() / 2 + 1;
        let needed = majority - usize::from(self.voters.contains_key(&self.own_key.id));
        if self.fetched_voters.len() >= needed {
            self.fetched_voters.clear();
            self.check_quorum_deadline = now + self.check_quorum_timeout;
        }
    }

    /// The leader's own log has grown, or the voters changed. Answers whether the high watermark rose.
    pub(super) fn update_local(&mut self, end_offset: Offset, voters: &VoterSet) -> bool {
        let own_key = self.own_key;
        let own = self.progress(own_key);
        assert!(
            own.end_offset.is_none_or(|before| before <= end_offset),
            "the leader's end offset fell from {:?} to {end_offset}",
            own.end_offset
        );
        own.end_offset = Some(end_offset);
        self.update_voters(voters);
        self.maybe_advance()
    }

    /// A replica has fetched. Answers whether the high watermark rose.
    pub(super) fn update_replica(&mut self, now: Now, key: ReplicaKey, fetch_offset: Offset) -> bool {
        assert!(key.id != self.own_key.id, "{key:?} fetches from itself");
        if !key.id.is_some() {
            return false;
        }
        let own_key = self.own_key;
        let leader_end_offset = self.progress(own_key).end_offset;
        self.progress(key).fetched(now, fetch_offset, leader_end_offset);
        self.note_fetch(now.monotonic, key);
        let is_voter = self.voters.get(&key.id).is_some_and(|voter| matches_key(voter.key, key));
        is_voter && self.maybe_advance()
    }

    /// The other voters, the most caught-up first: who should lead next.
    pub(super) fn successors(&self) -> Vec<ReplicaKey> {
        let others = self.by_descending_offset().into_iter().filter(|voter| !matches_key(voter.key, self.own_key));
        others.map(|voter| voter.key).collect()
    }

    pub(super) fn voter_progress(&self) -> impl Iterator<Item = &ReplicaProgress> {
        self.voters.values()
    }

    /// The observers that have fetched lately; forgets the others.
    pub(super) fn observer_progress(&mut self, now: Time) -> impl Iterator<Item = &ReplicaProgress> {
        let own_key = self.own_key;
        self.observers
            .retain(|key, progress| now.since(progress.last_fetch) < OBSERVER_SESSION_TIMEOUT || *key == own_key);
        self.observers.values()
    }

    fn progress(&mut self, key: ReplicaKey) -> &mut ReplicaProgress {
        if self.voters.get(&key.id).is_some_and(|voter| matches_key(voter.key, key)) {
            self.voters.get_mut(&key.id).expect("looked up just now")
        } else {
            self.observers.entry(key).or_insert_with(|| ReplicaProgress::new(key))
        }
    }

    /// Follows the voter set in force: who enters it keeps the progress it had as an observer.
    fn update_voters(&mut self, voters: &VoterSet) {
        let mut old = std::mem::take(&mut self.voters);
        for voter in voters.iter() {
            let key = voter.replica;
            let known = match old.remove(&key.id) {
                Some(progress) if matches_key(progress.key, key) => Some(progress),
                Some(other_directory) => {
                    self.observers.entry(other_directory.key).or_insert(other_directory);
                    self.observers.remove(&key)
                }
                None => self.observers.remove(&key),
            };
            let mut progress = known.unwrap_or_else(|| ReplicaProgress::new(key));
            progress.key = key;
            self.voters.insert(key.id, progress);
        }
        for progress in old.into_values() {
            self.observers.entry(progress.key).or_insert(progress);
        }
    }

    /// Unknown offsets last; equal ones by key.
    fn by_descending_offset(&self) -> Vec<&ReplicaProgress> {
        let mut sorted: Vec<&ReplicaProgress> = self.voters.values().collect();
        sorted.sort_by_key(|voter| (std::cmp::Reverse(voter.end_offset), voter.key));
        sorted
    }

    fn maybe_advance(&mut self) -> bool {
        let sorted = self.by_descending_offset();
        let index = if self.commits_without_majority { (sorted.len() / 2).saturating_sub(1) } else { sorted.len() / 2 };
        let Some(candidate) = sorted.get(index).and_then(|voter| voter.end_offset) else { return false };
        // A smaller value comes from a change of the voter set, or from a voter that lost what it
        // had acknowledged; what was announced as committed stays so.
        let of_this_epoch = candidate > self.epoch_start_offset || self.commits_by_count;
        if !of_this_epoch || self.high_watermark.is_some_and(|known| candidate <= known) {
            return false;
        }
        self.high_watermark = Some(candidate);
        true
    }
}
