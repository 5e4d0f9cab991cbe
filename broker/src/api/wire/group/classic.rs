//! JoinGroup (key 11), SyncGroup (14), Heartbeat (12) and LeaveGroup (13): the classic protocol.

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest as WireHeartbeatRequest, HeartbeatResponse as WireHeartbeatResponse,
    JoinGroupRequest as WireJoinGroupRequest, JoinGroupResponse as WireJoinGroupResponse,
    LeaveGroupRequest as WireLeaveGroupRequest, LeaveGroupResponse as WireLeaveGroupResponse,
    SyncGroupRequest as WireSyncGroupRequest, SyncGroupResponse as WireSyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::super::common::text;
use super::{
    group_id, instance_id, instance_id_since, maybe_text, maybe_text_since, member_id, read_group_id, read_instance_id,
    read_maybe_text, read_member_id,
};
use crate::message::{
    ErrorCode, HeartbeatRequest, HeartbeatResponse, JoinGroupMember, JoinGroupProtocol, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, LeavingMember, LeavingMemberResponse, SyncGroupRequest,
    SyncGroupResponse,
};

pub(in super::super) fn join_group_request(request: &JoinGroupRequest, version: i16) -> WireJoinGroupRequest {
    let protocols = request.protocols.iter().map(|protocol| {
        JoinGroupRequestProtocol::default().with_name(text(&protocol.name)).with_metadata(protocol.metadata.clone())
    });
    let body = WireJoinGroupRequest::default()
        .with_group_id(group_id(&request.group))
        .with_session_timeout_ms(request.session_timeout_ms)
        .with_member_id(member_id(&request.member))
        .with_group_instance_id(instance_id_since(5, version, &request.instance))
        .with_protocol_type(text(&request.protocol_type))
        .with_protocols(protocols.collect())
        .with_reason(maybe_text_since(8, version, &request.reason));
    if version >= 1 { body.with_rebalance_timeout_ms(request.rebalance_timeout_ms) } else { body }
}

/// Version 0 has no rebalance timeout: the session's counts for both (`JoinGroupRequest.maybeOverrideRebalanceTimeout`).
pub(in super::super) fn read_join_group_request(body: &WireJoinGroupRequest, version: i16) -> JoinGroupRequest {
    let protocols = body
        .protocols
        .iter()
        .map(|protocol| JoinGroupProtocol { name: protocol.name.to_string(), metadata: protocol.metadata.clone() });
    JoinGroupRequest {
        group: read_group_id(&body.group_id),
        session_timeout_ms: body.session_timeout_ms,
        rebalance_timeout_ms: if version >= 1 { body.rebalance_timeout_ms } else { body.session_timeout_ms },
        member: read_member_id(&body.member_id),
        instance: read_instance_id(&body.group_instance_id),
        protocol_type: body.protocol_type.to_string(),
        protocols: protocols.collect(),
        reason: read_maybe_text(&body.reason),
    }
}

pub(in super::super) fn join_group_response(response: &JoinGroupResponse, version: i16) -> WireJoinGroupResponse {
    let members = response.members.iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(member_id(&member.member))
            .with_group_instance_id(instance_id_since(5, version, &member.instance))
            .with_metadata(member.metadata.clone())
    });
    // Before version 7 "no assignor" is the empty text.
    let protocol_name = maybe_text(&response.protocol_name).or((version < 7).then(StrBytes::default));
    WireJoinGroupResponse::default()
        .with_error_code(response.error.code())
        .with_generation_id(response.generation)
        .with_protocol_type(maybe_text_since(7, version, &response.protocol_type))
        .with_protocol_name(protocol_name)
        .with_leader(member_id(&response.leader))
        .with_skip_assignment(version >= 9 && response.skip_assignment)
        .with_member_id(member_id(&response.member))
        .with_members(members.collect())
}

pub(in super::super) fn read_join_group_response(body: &WireJoinGroupResponse) -> JoinGroupResponse {
    let members = body.members.iter().map(|member| JoinGroupMember {
        member: read_member_id(&member.member_id),
        instance: read_instance_id(&member.group_instance_id),
        metadata: member.metadata.clone(),
    });
    JoinGroupResponse {
        error: ErrorCode::from_code(body.error_code),
        generation: body.generation_id,
        protocol_type: read_maybe_text(&body.protocol_type),
        protocol_name: read_maybe_text(&body.protocol_name),
        leader: read_member_id(&body.leader),
        skip_assignment: body.skip_assignment,
        member: read_member_id(&body.member_id),
        members: members.collect(),
    }
}

pub(in super::super) fn sync_group_request(request: &SyncGroupRequest, version: i16) -> WireSyncGroupRequest {
    let assignments = request.assignments.iter().map(|(member, assignment)| {
        SyncGroupRequestAssignment::default().with_member_id(member_id(member)).with_assignment(assignment.clone())
    });
    WireSyncGroupRequest::default()
        .with_group_id(group_id(&request.group))
        .with_generation_id(request.generation)
        .with_member_id(member_id(&request.member))
        .with_group_instance_id(instance_id_since(3, version, &request.instance))
        .with_protocol_type(maybe_text_since(5, version, &request.protocol_type))
        .with_protocol_name(maybe_text_since(5, version, &request.protocol_name))
        .with_assignments(assignments.collect())
}

pub(in super::super) fn read_sync_group_request(body: &WireSyncGroupRequest) -> SyncGroupRequest {
    let assignments = body
        .assignments
        .iter()
        .map(|assignment| (read_member_id(&assignment.member_id), assignment.assignment.clone()));
    SyncGroupRequest {
        group: read_group_id(&body.group_id),
        generation: body.generation_id,
        member: read_member_id(&body.member_id),
        instance: read_instance_id(&body.group_instance_id),
        protocol_type: read_maybe_text(&body.protocol_type),
        protocol_name: read_maybe_text(&body.protocol_name),
        assignments: assignments.collect(),
    }
}

pub(in super::super) fn sync_group_response(response: &SyncGroupResponse, version: i16) -> WireSyncGroupResponse {
    WireSyncGroupResponse::default()
        .with_error_code(response.error.code())
        .with_protocol_type(maybe_text_since(5, version, &response.protocol_type))
        .with_protocol_name(maybe_text_since(5, version, &response.protocol_name))
        .with_assignment(response.assignment.clone())
}

pub(in super::super) fn read_sync_group_response(body: &WireSyncGroupResponse) -> SyncGroupResponse {
    SyncGroupResponse {
        error: ErrorCode::from_code(body.error_code),
        protocol_type: read_maybe_text(&body.protocol_type),
        protocol_name: read_maybe_text(&body.protocol_name),
        assignment: body.assignment.clone(),
    }
}

pub(in super::super) fn heartbeat_request(request: &HeartbeatRequest, version: i16) -> WireHeartbeatRequest {
    WireHeartbeatRequest::default()
        .with_group_id(group_id(&request.group))
        .with_generation_id(request.generation)
        .with_member_id(member_id(&request.member))
        .with_group_instance_id(instance_id_since(3, version, &request.instance))
}

pub(in super::super) fn read_heartbeat_request(body: &WireHeartbeatRequest) -> HeartbeatRequest {
    HeartbeatRequest {
        group: read_group_id(&body.group_id),
        generation: body.generation_id,
        member: read_member_id(&body.member_id),
        instance: read_instance_id(&body.group_instance_id),
    }
}

pub(in super::super) fn heartbeat_response(response: &HeartbeatResponse) -> WireHeartbeatResponse {
    WireHeartbeatResponse::default().with_error_code(response.error.code())
}

pub(in super::super) fn read_heartbeat_response(body: &WireHeartbeatResponse) -> HeartbeatResponse {
    HeartbeatResponse { error: ErrorCode::from_code(body.error_code) }
}

/// The first version in which several members leave together (KIP-345).
const SEVERAL: i16 = 3;

pub(in super::super) fn leave_group_request(request: &LeaveGroupRequest, version: i16) -> WireLeaveGroupRequest {
    let body = WireLeaveGroupRequest::default().with_group_id(group_id(&request.group));
    if version < SEVERAL {
        return body.with_member_id(request.members.first().map(|one| member_id(&one.member)).unwrap_or_default());
    }
    let members = request.members.iter().map(|one| {
        MemberIdentity::default()
            .with_member_id(member_id(&one.member))
            .with_group_instance_id(instance_id(&one.instance))
            .with_reason(maybe_text_since(5, version, &one.reason))
    });
    body.with_members(members.collect())
}

pub(in super::super) fn read_leave_group_request(body: &WireLeaveGroupRequest, version: i16) -> LeaveGroupRequest {
    let group = read_group_id(&body.group_id);
    if version < SEVERAL {
        let member = LeavingMember { member: read_member_id(&body.member_id), instance: None, reason: None };
        return LeaveGroupRequest { group, members: vec![member] };
    }
    let members = body.members.iter().map(|one| LeavingMember {
        member: read_member_id(&one.member_id),
        instance: read_instance_id(&one.group_instance_id),
        reason: read_maybe_text(&one.reason),
    });
    LeaveGroupRequest { group, members: members.collect() }
}

/// Below version 3 the one member's error stands in the place of the request's (`LeaveGroupResponse.getError`).
pub(in super::super) fn leave_group_response(response: &LeaveGroupResponse, version: i16) -> WireLeaveGroupResponse {
    let body = WireLeaveGroupResponse::default();
    if version < SEVERAL {
        let members = response.members.iter().map(|member| member.error);
        let error = std::iter::once(response.error).chain(members).find(|error| !error.is_none());
        return body.with_error_code(error.unwrap_or_default().code());
    }
    let members = response.members.iter().map(|one| {
        MemberResponse::default()
            .with_member_id(member_id(&one.member))
            .with_group_instance_id(instance_id(&one.instance))
            .with_error_code(one.error.code())
    });
    body.with_error_code(response.error.code()).with_members(members.collect())
}

pub(in super::super) fn read_leave_group_response(body: &WireLeaveGroupResponse) -> LeaveGroupResponse {
    let members = body.members.iter().map(|one| LeavingMemberResponse {
        member: read_member_id(&one.member_id),
        instance: read_instance_id(&one.group_instance_id),
        error: ErrorCode::from_code(one.error_code),
    });
    LeaveGroupResponse { error: ErrorCode::from_code(body.error_code), members: members.collect() }
}
