//! JoinGroup: a member comes in, or comes in again (`classicGroupJoin*`).

use super::group::MemberSays;
use super::member::{ClassicMember, Parked, distinct};
use super::state::ClassicState;
use super::turn::Turn;
use crate::config::{CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT, Switch};
use crate::event::{GroupEvent, RebalanceReason, RemovalReason};
use crate::group::contract::{AfterWrite, RequestContext};
use crate::ids::{GroupInstanceId, MemberId};
use crate::message::{ErrorCode, JoinGroupRequest, JoinGroupResponse};

/// From this version on a member that comes without an id is given one and must come again with it (KIP-394).
const REQUIRES_MEMBER_ID: i16 = 4;

impl JoinGroupRequest {
    pub(super) fn says(&self) -> MemberSays {
        MemberSays {
            protocols: distinct(&self.protocols),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
        }
    }
}

impl Turn<'_, '_> {
    /// A JoinGroup request, from a member with or without an id.
    pub fn join(&mut self, who: &RequestContext, request: &JoinGroupRequest) {
        if !self.accepts(&request.member) {
            if self.group.members.contains_key(&request.member) {
                self.drop_member(&request.member, RemovalReason::GroupTooLarge);
            } else {
                self.group.remove(&request.member);
            }
            return self.refuse_join(who, MemberId::default(), ErrorCode::GroupMaxSizeReached);
        }
        if request.member.is_empty() { self.join_anew(who, request) } else { self.join_again(who, request) }
    }

    fn refuse_join(&mut self, who: &RequestContext, member: MemberId, error: ErrorCode) {
        self.answer(who.handle, JoinGroupResponse::refused(member, error));
    }

    /// Whether there is room for whoever asks (`acceptJoiningMember`). While members join, those count that
    /// have joined: of a group that is too large, the last ones are sent away.
    fn accepts(&self, member: &MemberId) -> bool {
        let room = self.at.config.classic_max_size as usize;
        let known = self.group.members.get(member);
        match self.group.state {
            ClassicState::Empty | ClassicState::Dead => true,
            ClassicState::PreparingRebalance { .. } => {
                known.is_some_and(|member| member.awaiting_join.is_some()) || self.group.awaiting_join() < room
            }
            ClassicState::CompletingRebalance | ClassicState::Stable => {
                known.is_some() || self.group.members.len() < room
            }
        }
    }

    /// What both kinds of join ask first.
    fn refusal(&self, request: &JoinGroupRequest) -> Option<ErrorCode> {
        if self.group.state == ClassicState::Dead {
            Some(ErrorCode::CoordinatorNotAvailable)
        } else if !self.group.supports(&request.protocol_type, &request.protocols) {
            Some(ErrorCode::InconsistentGroupProtocol)
        } else {
            None
        }
    }

    fn join_anew(&mut self, who: &RequestContext, request: &JoinGroupRequest) {
        if let Some(error) = self.refusal(request) {
            return self.refuse_join(who, MemberId::default(), error);
        }
        let name = request.instance.as_ref().map_or(who.client_id.as_str(), GroupInstanceId::as_str);
        let member = MemberId::new(&format!("{name}-{}", self.at.ctx.choose_uuid()));
        match &request.instance {
            Some(instance) => match self.group.static_members.get(instance).cloned() {
                Some(old) => self.replace_static_member(who, request, instance, &old, &member),
                None => self.add_member(who, request, member),
            },
            None if self.requires_member_id(who) => self.give_member_id(who, request, member),
            None => self.add_member(who, request, member),
        }
    }

    fn requires_member_id(&self, who: &RequestContext) -> bool {
        who.version >= REQUIRES_MEMBER_ID && !self.at.behaviour.is(Switch::JoinWithoutMemberId)
    }

    /// Whoever is not heard of again with its id within a session is forgotten.
    fn give_member_id(&mut self, who: &RequestContext, request: &JoinGroupRequest, member: MemberId) {
        self.group.pending_joins.insert(member.clone());
        self.arm_after_ms(self.session_timer(&member), request.session_timeout_ms);
        self.at.ctx.emit(GroupEvent::MemberIdGiven { group: self.group.id.clone(), member: member.clone() });
        self.refuse_join(who, member, ErrorCode::MemberIdRequired);
    }

    fn join_again(&mut self, who: &RequestContext, request: &JoinGroupRequest) {
        let member = request.member.clone();
        if let Some(error) = self.refusal(request) {
            return self.refuse_join(who, member, error);
        }
        if self.group.pending_joins.contains(&member) {
            return match request.instance {
                // Kafka throws IllegalStateException: ids are given to dynamic members only.
                Some(_) => self.refuse_join(who, MemberId::default(), ErrorCode::UnknownServerError),
                None => self.add_member(who, request, member),
            };
        }
        if let Err(error) = self.group.validate_member(&member, request.instance.as_ref()) {
            return self.refuse_join(who, member, error);
        }
        let has_changed = self.group.members[&member].protocols != distinct(&request.protocols);
        match self.group.state {
            ClassicState::PreparingRebalance { .. } => {
                self.update_member(who, request, RebalanceReason::MemberChanged);
            }
            // The answer to its join may have been lost: it gets it again.
            ClassicState::CompletingRebalance if !has_changed => {
                let is_leader = self.group.is_leader(&member);
                self.tell_generation(who, member, is_leader);
            }
            ClassicState::CompletingRebalance => {
                self.update_member(who, request, RebalanceReason::MemberChanged);
            }
            // So a leader can call the others together for changes that no member's subscription shows, such as new partitions.
            ClassicState::Stable if self.group.is_leader(&member) => {
                self.update_member(who, request, RebalanceReason::LeaderRejoined);
            }
            ClassicState::Stable if has_changed => {
                self.update_member(who, request, RebalanceReason::MemberChanged);
            }
            ClassicState::Stable => self.tell_generation(who, member, false),
            ClassicState::Empty | ClassicState::Dead => self.refuse_join(who, member, ErrorCode::UnknownMemberId),
        }
    }

    /// The present generation, to a member that asks for it once more.
    fn tell_generation(&mut self, who: &RequestContext, member: MemberId, with_members: bool) {
        let response = self.generation_for(&member, with_members);
        self.answer(who.handle, response);
    }

    /// The present generation, as a member is told of it.
    pub(super) fn generation_for(&self, member: &MemberId, with_members: bool) -> JoinGroupResponse {
        JoinGroupResponse {
            error: ErrorCode::None,
            generation: self.group.generation,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            leader: self.group.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member: member.clone(),
            members: if with_members { self.group.joined_members() } else { Vec::new() },
        }
    }

    fn update_member(&mut self, who: &RequestContext, request: &JoinGroupRequest, reason: RebalanceReason) {
        self.group.update_member(&request.member, &request.says(), Some(Parked::new(who.handle)));
        self.wait_for_write(who);
        self.rebalance_or_complete(reason);
    }

    fn add_member(&mut self, who: &RequestContext, request: &JoinGroupRequest, id: MemberId) {
        let says = request.says();
        let member = ClassicMember {
            id: id.clone(),
            instance: request.instance.clone(),
            client_id: who.client_id.clone(),
            client_host: who.client_host.clone(),
            rebalance_timeout_ms: says.rebalance_timeout_ms,
            session_timeout_ms: says.session_timeout_ms,
            protocols: says.protocols,
            assignment: bytes::Bytes::new(),
            awaiting_join: Some(Parked::new(who.handle)),
            awaiting_sync: None,
            is_new: !self.at.behaviour.is(Switch::JoinWithoutMemberId),
        };
        if self.group.state.is_initial() {
            self.group.new_member_added = true;
        }
        let (group, instance) = (self.group.id.clone(), member.instance.clone());
        self.group.add(member, &request.protocol_type);
        self.at.ctx.emit(GroupEvent::MemberAdded { group, member: id.clone(), instance });
        // It has no id yet and can send no heartbeat; and while its join is parked the broker does not see that its
        // connection is gone. So it may wait for this long, whatever its session.
        let until = self.at.ctx.now.monotonic + CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT;
        self.at.timers.arm(self.session_timer(&id), until);
        self.wait_for_write(who);
        self.rebalance_or_complete(RebalanceReason::MemberJoined);
    }

    /// The request waits in the group. If a write that it came with fails, it is answered with the error.
    pub(super) fn wait_for_write(&mut self, who: &RequestContext) {
        self.afterwards(AfterWrite::ClassicParked { group: self.group.id.clone(), handle: who.handle });
    }
}
