//! SyncGroup: members ask for their assignment, and the leader brings everybody's (`classicGroupSync`).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::member::Parked;
use super::state::ClassicState;
use super::turn::Turn;
use crate::event::{GroupEvent, RebalanceReason};
use crate::group::contract::{AfterWrite, RequestContext, WriteOutcome};
use crate::ids::MemberId;
use crate::message::{ErrorCode, SyncGroupRequest, SyncGroupResponse};

impl Turn<'_, '_> {
    /// A SyncGroup request.
    pub fn sync(&mut self, who: &RequestContext, request: &SyncGroupRequest) {
        if let Err(error) = self.validate_sync(request) {
            return self.answer(who.handle, SyncGroupResponse::refused(error));
        }
        match self.group.state {
            // No member: validation has answered.
            ClassicState::Empty | ClassicState::Dead => unreachable!("{} has no members", self.group.state.name()),
            ClassicState::PreparingRebalance { .. } => {
                self.answer(who.handle, SyncGroupResponse::refused(ErrorCode::RebalanceInProgress));
            }
            ClassicState::CompletingRebalance => self.wait_for_assignment(who, request),
            ClassicState::Stable => {
                self.has_synced(&request.member);
                let response = self.assignment_of(&request.member);
                self.answer(who.handle, response);
                self.tell_assignment(&request.member);
            }
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let group = &self.group;
        let differs = |said: &Option<String>, known: &Option<String>| matches!((said, known), (Some(said), Some(known)) if said != known);
        match group.state {
            ClassicState::Empty => return Err(ErrorCode::UnknownMemberId),
            ClassicState::Dead => return Err(ErrorCode::CoordinatorNotAvailable),
            ClassicState::PreparingRebalance { .. } | ClassicState::CompletingRebalance | ClassicState::Stable => {}
        }
        group.validate_member(&request.member, request.instance.as_ref())?;
        if request.generation != group.generation {
            Err(ErrorCode::IllegalGeneration)
        } else if differs(&request.protocol_type, &group.protocol_type)
            || differs(&request.protocol_name, &group.protocol)
        {
            Err(ErrorCode::InconsistentGroupProtocol)
        } else {
            Ok(())
        }
    }

    /// Its sync was awaited, and has come.
    fn has_synced(&mut self, member: &MemberId) {
        self.group.pending_syncs.remove(member);
        if self.group.pending_syncs.is_empty() {
            self.at.timers.cancel(&self.sync_timer());
        }
    }

    /// The sync waits in the group. The leader's brings the assignment, which is written first.
    fn wait_for_assignment(&mut self, who: &RequestContext, request: &SyncGroupRequest) {
        let member = self.group.members.get_mut(&request.member).expect("only a member syncs");
        member.awaiting_sync = Some(Parked::new(who.handle));
        self.has_synced(&request.member);
        if !self.group.is_leader(&request.member) {
            return self.wait_for_write(who);
        }
        let mut assignments: BTreeMap<MemberId, Bytes> = request.assignments.iter().cloned().collect();
        for member in self.group.members.keys() {
            assignments.entry(member.clone()).or_default();
        }
        self.decision.records.push(self.group.record_with(&assignments));
        self.afterwards(AfterWrite::ClassicAssignment {
            group: self.group.id.clone(),
            generation: request.generation,
            assignments,
            handle: who.handle,
        });
    }

    /// The assignment is committed, or could not be written. Meanwhile another rebalance may have begun: then nobody waits for it.
    pub fn assignment_written(
        &mut self,
        generation: i32,
        assignments: &BTreeMap<MemberId, Bytes>,
        outcome: WriteOutcome,
    ) {
        if self.group.state != ClassicState::CompletingRebalance || self.group.generation != generation {
            return;
        }
        match outcome {
            Ok(()) => {
                for (id, member) in &mut self.group.members {
                    member.assignment = assignments.get(id).cloned().unwrap_or_default();
                }
                self.answer_syncs(ErrorCode::None);
                self.transition(ClassicState::Stable);
            }
            Err(error) => {
                self.reset_assignments(error);
                self.rebalance_or_complete(RebalanceReason::AssignmentNotWritten);
            }
        }
    }

    /// Nobody has an assignment any longer, and whoever waits for one is told why.
    pub(super) fn reset_assignments(&mut self, error: ErrorCode) {
        for member in self.group.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.answer_syncs(error);
    }

    /// Answers all syncs that wait. Their sessions begin anew: waiting had kept them alive (`propagateAssignment`).
    fn answer_syncs(&mut self, error: ErrorCode) {
        let members: Vec<MemberId> = self.group.members.keys().cloned().collect();
        for member in members {
            let response =
                if error.is_none() { self.assignment_of(&member) } else { SyncGroupResponse::refused(error) };
            if self.answer_sync(&member, response) {
                self.restart_session(&member);
                if error.is_none() {
                    self.tell_assignment(&member);
                }
            }
        }
    }

    fn assignment_of(&self, member: &MemberId) -> SyncGroupResponse {
        SyncGroupResponse {
            error: ErrorCode::None,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            assignment: self.group.members[member].assignment.clone(),
        }
    }

    fn tell_assignment(&mut self, member: &MemberId) {
        let (group, epoch) = (self.group.id.clone(), self.group.generation);
        self.at.ctx.emit(GroupEvent::AssignmentGiven { group, member: member.clone(), epoch });
    }
}
