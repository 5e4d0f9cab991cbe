//! LeaveGroup: members go, or an administrator sends static members away (`classicGroupLeave`).

use super::state::ClassicState;
use super::turn::Turn;
use crate::event::{RebalanceReason, RemovalReason};
use crate::ids::MemberId;
use crate::message::{ErrorCode, LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeavingMemberResponse};

impl Turn<'_, '_> {
    /// A LeaveGroup request: one answer a member.
    pub fn leave(&mut self, request: &LeaveGroupRequest) -> LeaveGroupResponse {
        if self.group.state == ClassicState::Dead {
            return LeaveGroupResponse { error: ErrorCode::CoordinatorNotAvailable, members: Vec::new() };
        }
        let members: Vec<LeavingMemberResponse> =
            request.members.iter().map(|leaving| self.one_leaves(leaving)).collect();
        if members.iter().any(|left| left.error.is_none()) {
            match self.group.state {
                ClassicState::Stable | ClassicState::CompletingRebalance => {
                    self.rebalance_or_complete(RebalanceReason::MemberLeft);
                }
                ClassicState::PreparingRebalance { .. } => self.complete_join_phase(),
                ClassicState::Empty | ClassicState::Dead => {}
            }
        }
        LeaveGroupResponse { error: ErrorCode::None, members }
    }

    fn one_leaves(&mut self, leaving: &LeavingMember) -> LeavingMemberResponse {
        let error = match self.who_leaves(leaving) {
            Ok((member, reason)) => {
                self.remove_member(&member, reason);
                ErrorCode::None
            }
            Err(error) => error,
        };
        LeavingMemberResponse { member: leaving.member.clone(), instance: leaving.instance.clone(), error }
    }

    /// Who is meant. An administrator names a static member and no member id.
    fn who_leaves(&self, leaving: &LeavingMember) -> Result<(MemberId, RemovalReason), ErrorCode> {
        if leaving.member.is_empty() {
            let named = leaving.instance.as_ref().and_then(|instance| self.group.static_members.get(instance));
            let member = named.cloned().ok_or(ErrorCode::UnknownMemberId)?;
            return Ok((member, RemovalReason::RemovedByAdministrator));
        }
        if !self.group.pending_joins.contains(&leaving.member) {
            self.group.validate_member(&leaving.member, leaving.instance.as_ref())?;
        }
        Ok((leaving.member.clone(), RemovalReason::Left))
    }
}
