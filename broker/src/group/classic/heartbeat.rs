//! Heartbeat, and what follows from silence (`classicGroupHeartbeat`, `expireClassicGroupMemberHeartbeat`).

use super::state::ClassicState;
use super::turn::Turn;
use crate::event::{RebalanceReason, RemovalReason};
use crate::ids::MemberId;
use crate::message::{ErrorCode, HeartbeatRequest};

impl Turn<'_, '_> {
    /// A Heartbeat request: whether the member is one, and what it must do.
    ///
    /// # Errors
    /// It is none: COORDINATOR_NOT_AVAILABLE, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID or ILLEGAL_GENERATION.
    pub fn heartbeat(&mut self, request: &HeartbeatRequest) -> Result<ErrorCode, ErrorCode> {
        if self.group.state == ClassicState::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.group.validate_member(&request.member, request.instance.as_ref())?;
        if request.generation != self.group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.group.state {
            ClassicState::Empty | ClassicState::Dead => Ok(ErrorCode::UnknownMemberId),
            ClassicState::PreparingRebalance { .. } => {
                self.restart_session(&request.member);
                Ok(ErrorCode::RebalanceInProgress)
            }
            // A member may send heartbeats as soon as it has its answer to the join.
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                self.restart_session(&request.member);
                Ok(ErrorCode::None)
            }
        }
    }

    /// A session has run out: a member's, or that of somebody who was given an id and did not come again.
    pub fn session_expired(&mut self, member: &MemberId) {
        if self.group.state == ClassicState::Dead {
            return;
        }
        if self.group.pending_joins.remove(member) {
            self.tell_removed(member, RemovalReason::IdNotUsed);
            return self.complete_join_if_all_joined();
        }
        let is_silent = self.group.members.get(member).is_some_and(|it| !it.has_satisfied_heartbeat());
        if is_silent {
            self.remove_member(member, RemovalReason::SessionExpired);
            self.go_on_without(RebalanceReason::SessionExpired);
        }
    }

    /// A member fell out of the group.
    fn go_on_without(&mut self, reason: RebalanceReason) {
        match self.group.state {
            ClassicState::Stable | ClassicState::CompletingRebalance => self.rebalance_or_complete(reason),
            ClassicState::PreparingRebalance { .. } => self.complete_join_if_all_joined(),
            ClassicState::Empty | ClassicState::Dead => {}
        }
    }

    /// Unlike [`Turn::complete_join_phase`] this does not look at the initial delay: when a session runs out in it and
    /// nobody is missing, it ends.
    fn complete_join_if_all_joined(&mut self) {
        if self.group.state.is_preparing() && self.group.has_all_joined() {
            self.begin_generation();
        }
    }
}
