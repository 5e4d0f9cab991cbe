//! A static member comes back under a new id (KIP-345, KIP-814; `updateStaticMemberThenRebalanceOrCompleteJoin`).
//!
//! The newcomer takes the old member's place with its assignment, and no rebalance is needed:
//! a restart within the session costs the group nothing. The old id is fenced at once; the
//! new one is told when it is committed, so that no coordinator after this one knows the old.

use super::group::MemberSays;
use super::member::{ClassicMember, Parked};
use super::state::ClassicState;
use super::turn::Turn;
use crate::config::{Hazard, Switch};
use crate::event::{GroupEvent, RebalanceReason};
use crate::group::contract::{AfterWrite, RequestContext};
use crate::ids::{GroupInstanceId, MemberId, RequestHandle};
use crate::message::{ErrorCode, JoinGroupRequest, JoinGroupResponse, SyncGroupResponse};

/// From this version on a returning leader can be told that it leads and must keep the assignment (KIP-814).
const CAN_SKIP_ASSIGNMENT: i16 = 9;

/// A static member's return that is being written: what is needed to tell it, or to take it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticReplacement {
    /// The static member.
    pub instance: GroupInstanceId,
    /// Its id so far.
    pub old: MemberId,
    /// Its id now.
    pub new: MemberId,
    /// What it had said before.
    pub said: MemberSays,
    /// Who led before.
    pub leader: Option<MemberId>,
    /// Its request.
    pub handle: RequestHandle,
    /// The request's version.
    pub version: i16,
}

impl ClassicMember {
    fn says(&self) -> MemberSays {
        MemberSays {
            protocols: self.protocols.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
        }
    }
}

impl Turn<'_, '_> {
    pub(super) fn replace_static_member(
        &mut self,
        who: &RequestContext,
        request: &JoinGroupRequest,
        instance: &GroupInstanceId,
        old: &MemberId,
        new: &MemberId,
    ) {
        let leader = self.group.leader.clone();
        let said = self.group.members[old].says();
        self.exchange(instance, old, new);
        self.group.update_member(new, &request.says(), Some(Parked::new(who.handle)));
        let replacement = StaticReplacement {
            instance: instance.clone(),
            old: old.clone(),
            new: new.clone(),
            said,
            leader,
            handle: who.handle,
            version: who.version,
        };
        let always_rebalances = self.at.behaviour.is(Switch::StaticMemberAlwaysRebalances);
        match self.group.state {
            ClassicState::Stable if self.group.protocol == Some(self.group.select_protocol()) && !always_rebalances => {
                self.decision.records.push(self.group.record());
                let group = self.group.id.clone();
                self.afterwards(AfterWrite::ClassicStaticMember { group, replacement: Box::new(replacement) });
            }
            ClassicState::Stable | ClassicState::PreparingRebalance { .. } => {
                self.wait_for_write(who);
                self.rebalance_or_complete(RebalanceReason::StaticMemberReplaced);
            }
            // The leader may be assigning to the old id at this moment: the new one would get nothing.
            ClassicState::CompletingRebalance => {
                self.wait_for_write(who);
                self.prepare_rebalance(RebalanceReason::StaticMemberReplaced);
            }
            ClassicState::Empty | ClassicState::Dead => {
                unreachable!("a group in state {} has no static member {instance}", self.group.state.name())
            }
        }
    }

    /// One id takes the other's place in the group. Whoever waits under the old one is fenced.
    fn exchange(&mut self, instance: &GroupInstanceId, old: &MemberId, new: &MemberId) {
        self.answer_join(old, JoinGroupResponse::refused(old.clone(), ErrorCode::FencedInstanceId));
        self.answer_sync(old, SyncGroupResponse::refused(ErrorCode::FencedInstanceId));
        let member = self.group.members.remove(old).expect("a static member's id is a member's");
        let member =
            ClassicMember { id: new.clone(), is_new: false, awaiting_join: None, awaiting_sync: None, ..member };
        self.group.members.insert(new.clone(), member);
        if self.group.is_leader(old) {
            self.group.leader = Some(new.clone());
        }
        self.group.static_members.insert(instance.clone(), new.clone());
        self.at.timers.cancel(&self.session_timer(old));
        self.restart_session(new);
        let (group, instance) = (self.group.id.clone(), instance.clone());
        self.at.ctx.emit(GroupEvent::MemberReplaced { group, instance, old: old.clone(), new: new.clone() });
    }

    /// The return is committed: the member learns its id and the generation. A leader is told that it leads, and that it
    /// must not assign anew.
    pub fn static_member_written(&mut self, replacement: &StaticReplacement) {
        let new = &replacement.new;
        let response = if replacement.version >= CAN_SKIP_ASSIGNMENT {
            let is_leader = self.group.is_leader(new);
            JoinGroupResponse { skip_assignment: is_leader, ..self.generation_for(new, is_leader) }
        } else {
            // A client that cannot be told so must not take itself for the leader: it is shown who led before.
            let leader = replacement.leader.clone().unwrap_or_default();
            JoinGroupResponse { leader, ..self.generation_for(new, false) }
        };
        self.answer_join(new, response);
        // In Kafka nobody asks whether the session has run out meanwhile.
        if self.at.behaviour.mends(Hazard::SlowReturnHasNoSession) {
            self.restart_session(new);
        }
    }

    /// The return could not be written: the old id is the member again.
    pub fn static_member_not_written(&mut self, replacement: &StaticReplacement, error: ErrorCode) {
        let is_waiting = self.group.answered_elsewhere(replacement.handle).is_some();
        if self.group.members.contains_key(&replacement.new) {
            self.group.update_member(&replacement.new, &replacement.said, None);
            self.exchange(&replacement.instance, &replacement.new, &replacement.old);
        }
        if is_waiting {
            let leader = replacement.leader.clone().unwrap_or_default();
            let present = self.generation_for(&MemberId::default(), false);
            self.answer(replacement.handle, JoinGroupResponse { error, leader, ..present });
        }
    }
}
