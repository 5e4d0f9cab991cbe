//! A classic member in a KIP-848 group asks for its assignment, lives and leaves (`classicGroupSyncToConsumerGroup`,
//! `classicGroupHeartbeatToConsumerGroup`, `classicGroupLeaveToConsumerGroup`).

use std::time::Duration;

use super::classic_member::PROTOCOL_TYPE;
use super::names::assignment_bytes;
use crate::group::consumer::step::throw_if_instance_is_not;
use crate::group::consumer::{ConsumerGroup, Coordination, Member, MemberState, Refusal};
use crate::group::record::ClassicMemberMetadata;
use crate::ids::{GroupInstanceId, MemberId};
use crate::message::{
    ErrorCode, HeartbeatRequest, LeaveGroupRequest, LeavingMember, LeavingMemberResponse, SyncGroupRequest,
    SyncGroupResponse,
};

/// A member asks for its assignment; the answer, and how long its session is when it is given.
///
/// # Errors
///
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, REBALANCE_IN_PROGRESS.
pub fn sync(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    request: &SyncGroupRequest,
) -> Result<(SyncGroupResponse, Duration), Refusal> {
    let (member, classic) = validated(group, &request.member, request.instance.as_ref(), request.generation)?;
    throw_if_protocol_is_another(classic, request)?;
    // Who is still giving partitions up has joined already, and hears what it keeps.
    if group.epoch > member.epoch && member.state != MemberState::UnrevokedPartitions {
        of.await_join(&group.id, member);
        let text = format!("A new rebalance is triggered in group {}.", group.id);
        return Err(Refusal::new(ErrorCode::RebalanceInProgress, text));
    }
    let said = classic.supported_protocols.first().map(|(_, said)| said).filter(|said| said.len() >= 2);
    let text = "Malformed embedded consumer protocol in version deserialization.";
    let said = said.ok_or_else(|| Refusal::new(ErrorCode::UnknownServerError, text))?;
    let response = SyncGroupResponse {
        error: ErrorCode::None,
        protocol_type: request.protocol_type.clone(),
        protocol_name: request.protocol_name.clone(),
        assignment: assignment_bytes(&member.assigned, said, of.image),
    };
    Ok((response, session(classic)))
}

/// A member lives: NONE, or REBALANCE_IN_PROGRESS if it must join again.
///
/// # Errors
///
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION.
pub fn heartbeat(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    request: &HeartbeatRequest,
) -> Result<ErrorCode, Refusal> {
    let (member, classic) = validated(group, &request.member, request.instance.as_ref(), request.generation)?;
    of.restart_session(&group.id, &member.id, session(classic));
    let must_give_up = member.state == MemberState::UnrevokedPartitions;
    let may_have_more = member.state == MemberState::UnreleasedPartitions && !group.waits_for_others(member);
    if member.epoch < group.epoch || must_give_up || may_have_more {
        of.await_join(&group.id, member);
        return Ok(ErrorCode::RebalanceInProgress);
    }
    Ok(ErrorCode::None)
}

/// Who leaves with a LeaveGroup, and what each of them hears.
pub fn leaving(group: &ConsumerGroup, request: &LeaveGroupRequest) -> (Vec<Member>, Vec<LeavingMemberResponse>) {
    let mut gone: Vec<Member> = Vec::new();
    let mut responses = Vec::new();
    for leaving in &request.members {
        let error = match who_leaves(group, leaving) {
            Ok(member) => {
                if !gone.iter().any(|known| known.id == member.id) {
                    gone.push(member.clone());
                }
                ErrorCode::None
            }
            Err(refusal) => refusal.error,
        };
        let (member, instance) = (leaving.member.clone(), leaving.instance.clone());
        responses.push(LeavingMemberResponse { member, instance, error });
    }
    (gone, responses)
}

/// An administrator names a static member and no member id.
fn who_leaves<'a>(group: &'a ConsumerGroup, leaving: &LeavingMember) -> Result<&'a Member, Refusal> {
    let Some(instance) = &leaving.instance else { return group.known_member(&leaving.member) };
    let known = group.static_member(instance);
    match known {
        Some(member) if leaving.member.is_empty() => Ok(member),
        known => throw_if_instance_is_not(known, instance, &leaving.member),
    }
}

fn validated<'a>(
    group: &'a ConsumerGroup,
    id: &MemberId,
    instance: Option<&GroupInstanceId>,
    generation: i32,
) -> Result<(&'a Member, &'a ClassicMemberMetadata), Refusal> {
    let member = match instance {
        None => group.known_member(id)?,
        Some(instance) => throw_if_instance_is_not(group.static_member(instance), instance, id)?,
    };
    let Some(classic) = &member.metadata.classic else {
        let text = format!("Member {id} does not use the classic protocol.");
        return Err(Refusal::new(ErrorCode::UnknownMemberId, text));
    };
    if member.epoch != generation {
        let text = format!("The request generation id {generation} is not equal to the member epoch {}.", member.epoch);
        return Err(Refusal::new(ErrorCode::IllegalGeneration, text));
    }
    Ok((member, classic))
}

fn throw_if_protocol_is_another(classic: &ClassicMemberMetadata, request: &SyncGroupRequest) -> Result<(), Refusal> {
    let told = classic.supported_protocols.first().map(|(name, _)| name.as_str());
    let is_type = request.protocol_type.as_deref().is_none_or(|name| name == PROTOCOL_TYPE);
    let is_name = request.protocol_name.as_deref().is_none_or(|name| Some(name) == told);
    if is_type && is_name {
        return Ok(());
    }
    let text = "The protocol is not the one that was told with the join.";
    Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, text))
}

fn session(classic: &ClassicMemberMetadata) -> Duration {
    Duration::from_millis(u64::try_from(classic.session_timeout_ms).unwrap_or(0))
}
