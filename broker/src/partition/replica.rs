//! What a leader knows of one follower (`Replica`, `ReplicaState`; KIP-903 for the broker epoch).
//!
//! A follower's fetch at offset N says "I hold everything before N": it is the
//! acknowledgement. A leader keeps no other record of a follower's progress, and
//! forgets all of it when it becomes leader anew.

use std::time::Duration;

use crate::ids::{BrokerEpoch, Offset, UNKNOWN_OFFSET};
use crate::time::Time;

/// One follower, seen from the leader. `None` times stand for Kafka's 0: never.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FollowerState {
    /// Its log end offset; −1 until it has fetched from this leader.
    pub log_end_offset: Offset,
    /// Its log start offset; −1 until it has fetched from this leader.
    pub log_start_offset: Offset,
    /// The leader's log end offset at its last fetch; −1 if unknown. Never falls within a leader's term.
    pub last_fetch_leader_log_end_offset: Offset,
    /// When it last fetched.
    pub last_fetch_time: Option<Time>,
    /// When it was last known to hold everything that the leader held; only moves forward within a term.
    pub last_caught_up_time: Option<Time>,
    /// Its registration, as its last fetch gave it; `None` until it has fetched from this leader.
    pub broker_epoch: Option<BrokerEpoch>,
}

/// One fetch of a follower, as its leader books it.
#[derive(Clone, Copy, Debug)]
pub struct FollowerFetch {
    /// From which offset: its log end offset.
    pub fetch_offset: Offset,
    /// Its log start offset.
    pub log_start_offset: Offset,
    /// When the fetch arrived.
    pub time: Time,
    /// The leader's log end offset before anything was read.
    pub leader_log_end_offset: Offset,
    /// Its registration; −1 if it did not say.
    pub broker_epoch: BrokerEpoch,
}

impl FollowerState {
    /// A follower of which nothing is known yet.
    pub fn unknown() -> FollowerState {
        FollowerState {
            log_end_offset: UNKNOWN_OFFSET,
            log_start_offset: UNKNOWN_OFFSET,
            last_fetch_leader_log_end_offset: 0,
            last_fetch_time: None,
            last_caught_up_time: None,
            broker_epoch: None,
        }
    }

    /// Books a fetch that has passed the fences.
    ///
    /// A fetch at the leader's end is caught up now. A fetch that has reached what was the end at the *previous* fetch
    /// was caught up then: so a follower that is always one batch behind under load still counts as in sync.
    pub fn fetched(&mut self, fetch: &FollowerFetch) {
        if fetch.fetch_offset >= fetch.leader_log_end_offset {
            self.last_caught_up_time = self.last_caught_up_time.max(Some(fetch.time));
        } else if fetch.fetch_offset >= self.last_fetch_leader_log_end_offset {
            self.last_caught_up_time = self.last_caught_up_time.max(self.last_fetch_time);
        }
        self.log_end_offset = fetch.fetch_offset;
        self.log_start_offset = fetch.log_start_offset;
        self.last_fetch_leader_log_end_offset = self.last_fetch_leader_log_end_offset.max(fetch.leader_log_end_offset);
        self.last_fetch_time = Some(fetch.time);
        self.broker_epoch = Some(fetch.broker_epoch);
    }

    /// Starts a leader epoch: members of the ISR are given the benefit of the doubt for one lag period, others none.
    ///
    /// A leader that was re-elected keeps what it knows of the follower's log, because it has been the only one to
    /// whom the follower could have spoken in between.
    pub fn start_epoch(&mut self, now: Time, epoch_start_offset: Offset, was_leader: bool, in_sync: bool) {
        let time = in_sync.then_some(now);
        if was_leader {
            self.last_fetch_leader_log_end_offset = epoch_start_offset;
            self.last_fetch_time = time;
            self.last_caught_up_time = time;
        } else {
            *self = FollowerState {
                last_fetch_leader_log_end_offset: UNKNOWN_OFFSET,
                last_caught_up_time: time,
                ..FollowerState::unknown()
            };
        }
    }

    /// Whether it holds what the leader holds, or has within the last `lag_max`.
    pub fn is_caught_up(&self, leader_log_end_offset: Offset, now: Time, lag_max: Duration) -> bool {
        self.log_end_offset == leader_log_end_offset
            || self.last_caught_up_time.is_some_and(|time| now.since(time) <= lag_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(at: u64, offset: Offset, leader_end: Offset) -> FollowerFetch {
        FollowerFetch {
            fetch_offset: offset,
            log_start_offset: 0,
            time: Time::from_millis(at),
            leader_log_end_offset: leader_end,
            broker_epoch: BrokerEpoch(1),
        }
    }

    /// `ReplicaTest` / `PartitionTest.testShouldNotShrinkIsrIfPreviousFetchIsCaughtUp`: LEO 10 at t0, lag 10 s.
    #[test]
    fn a_follower_one_fetch_behind_was_caught_up_at_its_previous_fetch() {
        let mut follower = FollowerState::unknown();
        follower.start_epoch(Time::from_millis(0), 10, false, true);
        follower.fetched(&fetch(5_000, 5, 10));
        assert_eq!(follower.last_caught_up_time, Some(Time::from_millis(0)), "offset 5 has reached neither end");
        follower.fetched(&fetch(10_001, 10, 15));
        assert_eq!(
            follower.last_caught_up_time,
            Some(Time::from_millis(5_000)),
            "10 was the end at the previous fetch"
        );
        let lag = Duration::from_secs(10);
        assert!(follower.is_caught_up(15, Time::from_millis(15_000), lag));
        assert!(!follower.is_caught_up(15, Time::from_millis(15_001), lag));
    }

    #[test]
    fn a_replica_outside_of_the_isr_has_never_been_caught_up_even_in_the_first_seconds_of_the_world() {
        let mut follower = FollowerState::unknown();
        follower.start_epoch(Time::from_millis(1), 10, false, false);
        assert!(!follower.is_caught_up(10, Time::from_millis(2), Duration::from_secs(30)));
    }

    #[test]
    fn a_re_elected_leader_keeps_what_it_knows_and_a_new_one_does_not() {
        let mut follower = FollowerState::unknown();
        follower.fetched(&fetch(10, 7, 9));
        let mut forgotten = follower.clone();
        follower.start_epoch(Time::from_millis(20), 12, true, true);
        assert_eq!((follower.log_end_offset, follower.last_fetch_leader_log_end_offset), (7, 12));
        assert_eq!(follower.broker_epoch, Some(BrokerEpoch(1)));
        forgotten.start_epoch(Time::from_millis(20), 12, false, true);
        assert_eq!((forgotten.log_end_offset, forgotten.broker_epoch), (-1, None));
    }
}
