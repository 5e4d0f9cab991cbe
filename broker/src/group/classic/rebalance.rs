//! From the call to join to the new generation (`prepareRebalance`, `completeClassicGroupJoin`), and the time-outs on the way.

use super::state::{ClassicState, InitialWindow};
use super::turn::Turn;
use crate::config::Switch;
use crate::event::{GroupEvent, RebalanceReason, RemovalReason};
use crate::ids::MemberId;
use crate::message::ErrorCode;

fn millis(span: std::time::Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}

impl Turn<'_, '_> {
    /// Calls the members together; or, if they are joining already, sees whether that was the last one.
    pub(super) fn rebalance_or_complete(&mut self, reason: RebalanceReason) {
        if self.group.state.can_rebalance() { self.prepare_rebalance(reason) } else { self.complete_join_phase() }
    }

    /// Calls the members together: each must join again.
    pub fn prepare_rebalance(&mut self, reason: RebalanceReason) {
        if self.group.state == ClassicState::CompletingRebalance {
            self.reset_assignments(ErrorCode::RebalanceInProgress);
        }
        self.group.pending_syncs.clear();
        self.at.timers.cancel(&self.sync_timer());
        let was_empty = self.group.state == ClassicState::Empty;
        let window = was_empty.then(|| self.first_window());
        if let Some(window) = window {
            self.arm_after_ms(self.join_timer(), window.delay_ms);
        }
        self.transition(ClassicState::PreparingRebalance { was_empty, window });
        let (group, generation) = (self.group.id.clone(), self.group.generation);
        self.at.ctx.emit(GroupEvent::RebalanceBegun { group, reason, generation });
        if !was_empty {
            self.complete_join_or_wait();
        }
    }

    /// A new group waits for a while, that the others may come too; no longer than its members wait.
    fn first_window(&self) -> InitialWindow {
        let delay_ms = millis(self.at.config.classic_initial_rebalance_delay);
        let remaining_ms = (self.group.rebalance_timeout_ms() - delay_ms).max(0);
        InitialWindow { delay_ms, remaining_ms }
    }

    fn complete_join_or_wait(&mut self) {
        if self.group.has_all_joined() {
            self.begin_generation();
        } else {
            self.arm_after_ms(self.join_timer(), self.group.rebalance_timeout_ms());
        }
    }

    /// Completes the join phase if nobody is missing (`maybeCompleteJoinPhase`). A group that was empty waits for
    /// its whole initial delay.
    pub(super) fn complete_join_phase(&mut self) {
        if self.group.state.is_preparing() && !self.group.state.is_initial() && self.group.has_all_joined() {
            self.begin_generation();
        }
    }

    /// The time for joining is over: of the whole phase, or of a part of the initial delay.
    pub fn join_timed_out(&mut self) {
        match self.group.state {
            ClassicState::PreparingRebalance { window: Some(window), .. } => self.window_closed(window),
            _ => self.begin_generation(),
        }
    }

    fn window_closed(&mut self, window: InitialWindow) {
        if !self.group.new_member_added || window.remaining_ms == 0 {
            return self.begin_generation();
        }
        self.group.new_member_added = false;
        let delay_ms = millis(self.at.config.classic_initial_rebalance_delay).min(window.remaining_ms);
        let remaining_ms = (window.remaining_ms - window.delay_ms).max(0);
        let window = Some(InitialWindow { delay_ms, remaining_ms });
        // The same state, a later part of it.
        self.group.state = ClassicState::PreparingRebalance { was_empty: true, window };
        self.arm_after_ms(self.join_timer(), delay_ms);
    }

    /// Begins the new generation with those that have joined, and static members (`completeClassicGroupJoin`).
    pub(super) fn begin_generation(&mut self) {
        self.at.timers.cancel(&self.join_timer());
        let is_missing = |it: &&super::ClassicMember| it.awaiting_join.is_none() && !it.is_static();
        let missing: Vec<MemberId> = self.group.members.values().filter(is_missing).map(|it| it.id.clone()).collect();
        for member in missing {
            self.drop_member(&member, RemovalReason::NotRejoined);
        }
        if self.group.state == ClassicState::Dead {
            return;
        }
        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // Only static members are left, and none has joined: until their sessions run out nobody can lead.
            if let ClassicState::PreparingRebalance { was_empty, .. } = self.group.state {
                self.group.state = ClassicState::PreparingRebalance { was_empty, window: None };
            }
            return self.arm_after_ms(self.join_timer(), self.group.rebalance_timeout_ms());
        }
        let (from, now_ms) = (self.group.state.name(), self.now_ms());
        // Only static ones are left of those that have not joined.
        let absent =
            self.group.members.values().filter(|it| it.awaiting_join.is_none()).map(|it| it.id.clone()).collect();
        self.group.begin_generation(now_ms);
        if self.at.behaviour.is(Switch::GenerationsFall) && self.group.generation > 2 {
            self.group.generation -= 2;
        }
        self.tell_state(from);
        self.tell_new_generation(absent);
        if self.group.state == ClassicState::Empty {
            let record = self.group.record();
            self.decision.records.push(record);
        } else {
            self.answer_joins();
        }
    }

    fn tell_new_generation(&mut self, absent: Vec<MemberId>) {
        self.at.ctx.emit(GroupEvent::GenerationCompleted {
            group: self.group.id.clone(),
            generation: self.group.generation,
            protocol: self.group.protocol.clone(),
            leader: self.group.leader.clone(),
            members: self.group.members.keys().cloned().collect(),
            absent,
        });
    }

    /// Tells everybody of the new generation, the leader with all members, and waits for their syncs.
    fn answer_joins(&mut self) {
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for member in members {
            let response = self.generation_for(&member, self.group.is_leader(&member));
            self.answer_join(&member, response);
            self.restart_session(&member);
            if let Some(known) = self.group.members.get_mut(&member) {
                known.is_new = false;
            }
            self.group.pending_syncs.insert(member);
        }
        self.arm_after_ms(self.sync_timer(), self.group.rebalance_timeout_ms());
    }

    /// The time for syncs is over: whoever has not asked for its assignment is removed (`expirePendingSync`).
    pub fn sync_timed_out(&mut self) {
        let awaits = matches!(self.group.state, ClassicState::CompletingRebalance | ClassicState::Stable);
        if !awaits || self.group.pending_syncs.is_empty() {
            return;
        }
        for member in self.group.pending_syncs.clone() {
            self.drop_member(&member, RemovalReason::NotSynced);
        }
        self.prepare_rebalance(RebalanceReason::SyncTimedOut);
    }
}
