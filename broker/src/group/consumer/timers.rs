//! What a coordinator remembers of KIP-848 groups besides their records: it is lost when the partition moves.
//!
//! Each member has a *session*: silent for `group.consumer.session.timeout.ms`, it is removed. A member that was told to
//! give partitions up has a *rebalance*: if it stays in that epoch for its own `rebalance_timeout_ms`, it is removed. A
//! member of the classic protocol must *join* again and *sync* in time. If what a timer decided cannot be written, it
//! fires again after half a second (`CoordinatorTimerImpl`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ConsumerGroup, Coordination, Member, MemberState, RegexWork};
use crate::config::Switch;
use crate::event::RemovalReason;
use crate::group::timers::GroupTimer;
use crate::ids::{GroupId, MemberId, Offset};
use crate::time::Time;

/// The topics of a group are looked at again after this long without a change (`METADATA_REFRESH_INTERVAL_MS`).
const METADATA_REFRESH_INTERVAL: Duration = Duration::from_millis(i32::MAX as u64);

/// A timer whose decision could not be written fires again after this long.
pub(crate) const RETRY_BACKOFF: Duration = Duration::from_millis(500);

/// Soft state of all groups of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsumerSoftState {
    /// When a group's topics are to be looked at again, and the group epoch of the last look.
    refresh: BTreeMap<GroupId, (Time, i32)>,
    /// The epoch in which a member was told to give partitions up.
    rebalances: BTreeMap<(GroupId, MemberId), i32>,
    lookups: BTreeMap<GroupId, RegexWork>,
    /// The metadata offset at which topics were created last, as far as this coordinator has seen.
    last_image_with_new_topics: Option<Offset>,
}

impl ConsumerSoftState {
    /// Whether a group's topics are to be looked at.
    pub(super) fn metadata_expired(&self, group: &ConsumerGroup, now: Time) -> bool {
        // Below the epoch of the last look: that write was taken back.
        self.refresh.get(&group.id).is_none_or(|(deadline, epoch)| now >= *deadline || group.epoch < *epoch)
    }

    pub(super) fn metadata_checked(&mut self, group: &ConsumerGroup, now: Time, epoch: i32) {
        self.refresh.insert(group.id.clone(), (now + METADATA_REFRESH_INTERVAL, epoch));
    }

    /// A group's topics changed: its next heartbeat looks at them (`requestMetadataRefresh`).
    pub fn request_refresh(&mut self, group: &GroupId) {
        self.refresh.remove(group);
    }

    /// The metadata moved to this offset; `created` if topics came with it (`onNewMetadataImage`).
    pub fn image_changed(&mut self, offset: Offset, created: bool) {
        if created || self.last_image_with_new_topics.is_none() {
            self.last_image_with_new_topics = Some(offset);
        }
    }

    pub(super) fn last_image_with_new_topics(&self) -> Offset {
        self.last_image_with_new_topics.unwrap_or(-1)
    }

    pub(super) fn is_looking_up(&self, group: &GroupId) -> bool {
        self.lookups.contains_key(group)
    }

    pub(super) fn look_up(&mut self, group: GroupId, work: RegexWork) {
        self.lookups.insert(group, work);
    }

    /// What a lookup found, once.
    pub fn take_lookup(&mut self, group: &GroupId) -> Option<RegexWork> {
        self.lookups.remove(group)
    }
}

/// What a timer that fires means for its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerFate {
    /// The member is removed.
    Remove(Box<Member>, RemovalReason),
    /// It came too late: the member or its rebalance is over.
    Ignored,
}

impl Coordination<'_, '_> {
    /// A member has been heard.
    pub(crate) fn restart_session(&mut self, group: &GroupId, member: &MemberId, timeout: Duration) {
        let timer = GroupTimer::ConsumerSession { group: group.clone(), member: member.clone() };
        self.timers.arm(timer, self.ctx.now.monotonic + timeout);
    }

    /// A member was told to give partitions up.
    pub(super) fn start_rebalance(&mut self, group: &GroupId, member: &Member) {
        self.soft.rebalances.insert((group.clone(), member.id.clone()), member.epoch);
        let timer = GroupTimer::ConsumerRebalance { group: group.clone(), member: member.id.clone() };
        self.timers.arm(timer, self.ctx.now.monotonic + rebalance_timeout(member));
    }

    pub(super) fn stop_rebalance(&mut self, group: &GroupId, member: &MemberId) {
        self.soft.rebalances.remove(&(group.clone(), member.clone()));
        self.timers.cancel(&GroupTimer::ConsumerRebalance { group: group.clone(), member: member.clone() });
    }

    /// A member of the classic protocol must join again, if it is not awaited already.
    pub(crate) fn await_join(&mut self, group: &GroupId, member: &Member) {
        let timer = GroupTimer::ConsumerJoin { group: group.clone(), member: member.id.clone() };
        if self.timers.deadline(&timer).is_none() {
            self.timers.arm(timer, self.ctx.now.monotonic + rebalance_timeout(member));
        }
    }

    pub(crate) fn stop_awaiting_join(&mut self, group: &GroupId, member: &MemberId) {
        self.timers.cancel(&GroupTimer::ConsumerJoin { group: group.clone(), member: member.clone() });
    }

    /// A member of the classic protocol must ask for its assignment.
    pub(crate) fn await_sync(&mut self, group: &GroupId, member: &MemberId, timeout: Duration) {
        let timer = GroupTimer::ConsumerSync { group: group.clone(), member: member.clone() };
        self.timers.arm(timer, self.ctx.now.monotonic + timeout);
    }

    pub(crate) fn stop_awaiting_sync(&mut self, group: &GroupId, member: &MemberId) {
        self.timers.cancel(&GroupTimer::ConsumerSync { group: group.clone(), member: member.clone() });
    }

    /// A member is gone.
    pub(crate) fn stop_all(&mut self, group: &GroupId, member: &MemberId) {
        self.timers.cancel(&GroupTimer::ConsumerSession { group: group.clone(), member: member.clone() });
        self.stop_rebalance(group, member);
        self.stop_awaiting_join(group, member);
        self.stop_awaiting_sync(group, member);
    }

    /// A coordinator has loaded the group: every session begins anew, and every rebalance (`onLoaded`).
    pub fn group_loaded(&mut self, group: &ConsumerGroup) {
        for member in group.members() {
            self.restart_session(&group.id, &member.id, self.settings_of(&group.id).consumer_session_timeout);
            if member.state == MemberState::UnrevokedPartitions {
                self.start_rebalance(&group.id, member);
            }
        }
    }

    /// What a timer of a member means now that it fires.
    pub fn timer_fired(&mut self, group: &ConsumerGroup, member: &MemberId, timer: &GroupTimer) -> TimerFate {
        let Some(member) = group.member(member) else { return TimerFate::Ignored };
        let remove = |reason| TimerFate::Remove(Box::new(member.clone()), reason);
        match timer {
            GroupTimer::ConsumerSession { .. } if self.behaviour.is(Switch::SessionsNeverEnd) => TimerFate::Ignored,
            GroupTimer::ConsumerSession { .. } => remove(RemovalReason::SessionExpired),
            GroupTimer::ConsumerJoin { .. } => remove(RemovalReason::NotRejoined),
            GroupTimer::ConsumerSync { .. } => remove(RemovalReason::NotSynced),
            GroupTimer::ConsumerRebalance { .. } => {
                match self.soft.rebalances.get(&(group.id.clone(), member.id.clone())) {
                    Some(epoch) if *epoch == member.epoch => remove(RemovalReason::NotRevoked),
                    _ => TimerFate::Ignored,
                }
            }
            GroupTimer::ClassicJoin { .. }
            | GroupTimer::ClassicSync { .. }
            | GroupTimer::ClassicSession { .. }
            | GroupTimer::ConsumerRegex { .. }
            | GroupTimer::OffsetExpiry => panic!("{timer:?} is no timer of a member of a consumer group"),
        }
    }
}

fn rebalance_timeout(member: &Member) -> Duration {
    Duration::from_millis(u64::try_from(member.metadata.rebalance_timeout_ms).unwrap_or(0))
}
