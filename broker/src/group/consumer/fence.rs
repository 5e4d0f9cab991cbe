//! Who leaves a group, and who is made to (`consumerGroupLeave`, `consumerGroupFenceMembers`).

use super::member::{LEAVE_STATIC_EPOCH, removal_records};
use super::step::throw_if_instance_is_not;
use super::subscriptions::Subscriptions;
use super::{ConsumerGroup, Coordination, Member};
use crate::config::Hazard;
use crate::event::{GroupEpochReason, GroupEvent, RemovalReason};
use crate::group::record::GroupRecord;
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, PartitionsByTopic};

/// What becomes of a member that says goodbye.
pub enum Goodbye {
    /// It is removed, and with it the group may go back to the classic protocol.
    Removes(Box<Member>),
    /// It is a static member that keeps its place for as long as its session lasts.
    Keeps(Vec<GroupRecord>),
}

/// A member says goodbye: −1 for good, −2 as a static member that comes back.
///
/// # Errors
///
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
pub fn leave(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<(Goodbye, ConsumerGroupHeartbeatResponse), super::Refusal> {
    let member = match &request.instance {
        None => group.known_member(&request.member)?,
        Some(instance) => throw_if_instance_is_not(group.static_member(instance), instance, &request.member)?,
    };
    let response = ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member: Some(request.member.clone()),
        member_epoch: request.member_epoch,
        heartbeat_interval_ms: 0,
        assignment: None,
    };
    if request.instance.is_none() || request.member_epoch != LEAVE_STATIC_EPOCH {
        return Ok((Goodbye::Removes(Box::new(member.clone())), response));
    }
    // What it had to give up it has given up by leaving.
    let kept = Member { epoch: LEAVE_STATIC_EPOCH, pending_revocation: PartitionsByTopic::new(), ..member.clone() };
    of.say(GroupEvent::MemberMoved {
        group: group.id.clone(),
        member: kept.id.clone(),
        epoch: kept.epoch,
        state: kept.state.name(),
        assigned: kept.assigned.clone(),
        revoking: PartitionsByTopic::new(),
    });
    Ok((Goodbye::Keeps(vec![kept.assignment_record(&group.id)]), response))
}

/// Members are removed: the group epoch grows, and the next heartbeat makes a new target.
pub fn fence_members(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    members: &[Member],
    reason: RemovalReason,
) -> Vec<GroupRecord> {
    if members.is_empty() {
        return Vec::new();
    }
    let mut records: Vec<GroupRecord> =
        members.iter().flat_map(|member| removal_records(&group.id, &member.id)).collect();
    let gone: Vec<&Member> = members.iter().collect();
    let left = Subscriptions::of(group, &gone, None);
    let orphaned: std::collections::BTreeSet<&str> =
        members.iter().filter_map(Member::regex).filter(|regex| !left.regexes().contains_key(*regex)).collect();
    records.extend(orphaned.into_iter().map(|regex| group.regex_record(regex, None)));
    let epoch = group.epoch + 1;
    records.push(group.epoch_record(epoch, left.metadata_hash(of.image)));
    for member in members {
        of.say(GroupEvent::MemberRemoved { group: group.id.clone(), member: member.id.clone(), reason });
        // A timer of a member that is gone does nothing: to stop it here is not needed, and too early if the records cannot
        // be written.
        if !of.behaviour.mends(Hazard::GoodbyeLeavesGhost) {
            of.stop_all(&group.id, &member.id);
        }
    }
    let reason = GroupEpochReason::MemberRemoved;
    of.say(GroupEvent::GroupEpochBumped { group: group.id.clone(), epoch, reason });
    records
}
