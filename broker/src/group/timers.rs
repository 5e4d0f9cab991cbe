//! The timers of a shard, each with its meaning (`CoordinatorTimer`).
//!
//! They live with the leader of the partition and are lost with it: a new coordinator
//! restarts every session at full length. All are in monotonic time.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{GroupId, MemberId};
use crate::time::Time;

/// What a timer is for. Arming one that is armed moves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupTimer {
    /// A classic group waits for its members to join (`classicGroupJoinKey`): the initial delay, or the rebalance timeout.
    ClassicJoin {
        /// The group.
        group: GroupId,
    },
    /// A classic group waits for its members to ask for their assignment (`classicGroupSyncKey`).
    ClassicSync {
        /// The group.
        group: GroupId,
    },
    /// A classic member, or somebody who was given a member id, was silent for too long (`classicGroupHeartbeatKey`).
    ClassicSession {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// A KIP-848 member was silent for too long (`groupSessionTimeoutKey`).
    ConsumerSession {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// A KIP-848 member did not give partitions up in time (`groupRebalanceTimeoutKey`).
    ConsumerRebalance {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// A classic member of a KIP-848 group did not join again in time (`consumerGroupJoinKey`).
    ConsumerJoin {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// A classic member of a KIP-848 group did not ask for its assignment in time (`consumerGroupSyncKey`).
    ConsumerSync {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
    },
    /// The topics that a group's expressions name have been looked up.
    ConsumerRegex {
        /// The group.
        group: GroupId,
    },
    /// Offsets are looked for that were kept long enough (`offsets.retention.check.interval.ms`).
    OffsetExpiry,
}

impl GroupTimer {
    /// The classic group that it is about, if it is about one.
    pub fn classic_group(&self) -> Option<&GroupId> {
        match self {
            GroupTimer::ClassicJoin { group }
            | GroupTimer::ClassicSync { group }
            | GroupTimer::ClassicSession { group, .. } => Some(group),
            GroupTimer::ConsumerSession { .. }
            | GroupTimer::ConsumerRebalance { .. }
            | GroupTimer::ConsumerJoin { .. }
            | GroupTimer::ConsumerSync { .. }
            | GroupTimer::ConsumerRegex { .. }
            | GroupTimer::OffsetExpiry => None,
        }
    }
}

/// When each timer of a shard fires.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timers {
    deadlines: BTreeMap<GroupTimer, Time>,
    /// The same, by time. Invariant: as many entries as `deadlines`, pair for pair; asserted of each pair where it goes,
    /// because this is looked at after every step, and timers seldom move.
    order: BTreeSet<(Time, GroupTimer)>,
}

impl Timers {
    /// Lets a timer fire at this instant, instead of when it would have.
    pub fn arm(&mut self, timer: GroupTimer, at: Time) {
        self.cancel(&timer);
        self.order.insert((at, timer.clone()));
        self.deadlines.insert(timer, at);
    }

    /// A timer does not fire; none may be armed.
    pub fn cancel(&mut self, timer: &GroupTimer) {
        if let Some(at) = self.deadlines.remove(timer) {
            let listed = self.order.remove(&(at, timer.clone()));
            assert!(listed, "{timer:?} at {at:?} is not listed by time");
        }
    }

    /// When a timer fires, if it is armed.
    pub fn deadline(&self, timer: &GroupTimer) -> Option<Time> {
        self.deadlines.get(timer).copied()
    }

    /// When the next one fires.
    pub fn next_deadline(&self) -> Option<Time> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the timer that is due first, if one is due.
    pub fn take_due(&mut self, now: Time) -> Option<GroupTimer> {
        let (at, _) = self.order.first()?;
        if *at > now {
            return None;
        }
        let (at, timer) = self.order.pop_first()?;
        assert_eq!(self.deadlines.remove(&timer), Some(at), "{timer:?} is listed by name as it is by time");
        Some(timer)
    }

    /// All of them, the next one first.
    pub fn all(&self) -> impl Iterator<Item = (Time, &GroupTimer)> {
        self.order.iter().map(|(at, timer)| (*at, timer))
    }

    /// None of a classic group's is armed any longer.
    pub fn cancel_classic(&mut self, group: &GroupId) {
        let of_group: Vec<GroupTimer> =
            self.deadlines.keys().filter(|it| it.classic_group() == Some(group)).cloned().collect();
        of_group.iter().for_each(|timer| self.cancel(timer));
    }

    /// None is armed any longer.
    pub fn clear(&mut self) {
        *self = Timers::default();
    }

    /// Both orders hold the same timers.
    pub fn assert_invariants(&self) {
        assert_eq!(self.deadlines.len(), self.order.len(), "a timer is listed by name or by time only");
    }
}
