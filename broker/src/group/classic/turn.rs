//! One step of a coordinator with one classic group: what it may see, and what it leaves behind.

use std::time::Duration;

use super::group::{ClassicGroup, Waiting};
use super::member::Parked;
use super::state::ClassicState;
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::event::{GroupEvent, RemovalReason};
use crate::group::contract::{AfterWrite, Decision, Reply, ReplyWhen};
use crate::group::timers::{GroupTimer, Timers};
use crate::ids::{MemberId, RequestHandle};
use crate::message::{ErrorCode, JoinGroupResponse, Response, SyncGroupResponse};

/// What a shard lends to a step with one of its groups.
pub struct TurnContext<'a, 'c> {
    /// Time, choices, events.
    pub ctx: &'a mut Context<'c>,
    /// The shard's timers.
    pub timers: &'a mut Timers,
    /// The coordinator's settings.
    pub config: &'a GroupCoordinatorSettings,
    /// Which Kafka it is.
    pub behaviour: &'a Behaviour,
}

/// One step with one group. Its verbs stand in the files of this folder, by request.
pub struct Turn<'a, 'c> {
    /// What the shard lends.
    pub at: TurnContext<'a, 'c>,
    /// The group.
    pub group: &'a mut ClassicGroup,
    /// What the step leads to.
    pub decision: Decision,
}

impl<'a, 'c> Turn<'a, 'c> {
    /// A step in which nothing has been decided yet.
    pub fn new(at: TurnContext<'a, 'c>, group: &'a mut ClassicGroup) -> Turn<'a, 'c> {
        Turn { at, group, decision: Decision::default() }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.at.ctx.now.wall.millis()
    }

    /// Answers a request at once.
    pub(super) fn answer(&mut self, handle: RequestHandle, response: impl Into<Response>) {
        self.decision.replies.push(Reply { handle, response: response.into(), when: ReplyWhen::Now });
    }

    /// Asks to be told how the write of this step ends.
    pub(super) fn afterwards(&mut self, after: AfterWrite) {
        assert_eq!(self.decision.then, None, "one step waits for one end of its write");
        self.decision.then = Some(after);
    }

    /// Goes on to another state, and says so.
    pub(super) fn transition(&mut self, next: ClassicState) {
        let from = self.group.state.name();
        let now_ms = self.now_ms();
        self.group.transition(next, now_ms);
        self.tell_state(from);
    }

    /// Says that the state is another one than `from`.
    pub(super) fn tell_state(&mut self, from: &'static str) {
        let group = self.group.id.clone();
        self.at.ctx.emit(GroupEvent::GroupStateChanged { group, from, to: self.group.state.name() });
    }

    pub(super) fn arm_after_ms(&mut self, timer: GroupTimer, millis: i32) {
        let delay = Duration::from_millis(millis.max(0) as u64);
        self.at.timers.arm(timer, self.at.ctx.now.monotonic + delay);
    }

    pub(super) fn join_timer(&self) -> GroupTimer {
        GroupTimer::ClassicJoin { group: self.group.id.clone() }
    }

    pub(super) fn sync_timer(&self) -> GroupTimer {
        GroupTimer::ClassicSync { group: self.group.id.clone() }
    }

    pub(super) fn session_timer(&self, member: &MemberId) -> GroupTimer {
        GroupTimer::ClassicSession { group: self.group.id.clone(), member: member.clone() }
    }

    /// A member has shown that it lives: its session begins anew.
    pub fn restart_session(&mut self, member: &MemberId) {
        if let Some(millis) = self.group.members.get(member).map(|member| member.session_timeout_ms) {
            self.arm_after_ms(self.session_timer(member), millis);
        }
    }

    /// Answers a member's join, if it waits (`completeJoinFuture`).
    pub(super) fn answer_join(&mut self, member: &MemberId, response: JoinGroupResponse) {
        let parked = self.group.members.get_mut(member).and_then(|member| member.awaiting_join.take());
        if let Some(Parked { handle: Some(handle) }) = parked {
            self.answer(handle, response);
        }
    }

    /// Answers a member's sync, if it waits (`completeSyncFuture`). Whether it waited.
    pub(super) fn answer_sync(&mut self, member: &MemberId, response: SyncGroupResponse) -> bool {
        let parked = self.group.members.get_mut(member).and_then(|member| member.awaiting_sync.take());
        if let Some(Parked { handle: Some(handle) }) = parked {
            self.answer(handle, response);
        }
        parked.is_some()
    }

    /// Lets a member go. Its join, if one waits, is answered so that the member tries again should it still live.
    pub(super) fn remove_member(&mut self, member: &MemberId, reason: RemovalReason) {
        self.answer_join(member, JoinGroupResponse::refused(MemberId::default(), ErrorCode::UnknownMemberId));
        self.drop_member(member, reason);
    }

    /// Lets a member go without a word.
    pub(super) fn drop_member(&mut self, member: &MemberId, reason: RemovalReason) {
        self.at.timers.cancel(&self.session_timer(member));
        if self.group.remove(member).is_some() || reason == RemovalReason::Left {
            self.tell_removed(member, reason);
        }
    }

    pub(super) fn tell_removed(&mut self, member: &MemberId, reason: RemovalReason) {
        self.at.ctx.emit(GroupEvent::MemberRemoved { group: self.group.id.clone(), member: member.clone(), reason });
    }

    /// The coordinator gives the group up: whoever waits must look for another one (`GroupMetadataManager.onUnloaded`).
    pub fn unload(&mut self) {
        self.transition(ClassicState::Dead);
        self.release_all(ErrorCode::NotCoordinator);
    }

    /// Whoever waits is told to do something else (`completeAllJoinFutures`, `completeAllSyncFutures`).
    pub fn release_all(&mut self, error: ErrorCode) {
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for member in members {
            self.answer_join(&member, JoinGroupResponse::refused(member.clone(), error));
            self.answer_sync(&member, SyncGroupResponse::refused(error));
        }
    }

    /// A request that waits in the group came with a write that failed: it is answered, and to the group it goes on waiting.
    pub fn parked_failed(&mut self, handle: RequestHandle, error: ErrorCode) {
        match self.group.answered_elsewhere(handle) {
            Some(Waiting::Join) => self.answer(handle, JoinGroupResponse::refused(MemberId::default(), error)),
            Some(Waiting::Sync) => self.answer(handle, SyncGroupResponse::refused(error)),
            None => {}
        }
    }
}
