//! A heartbeat that is no goodbye (`GroupMetadataManager.consumerGroupHeartbeat`), in Kafka's order of steps.

use super::member::JOIN_EPOCH;
use super::step::{self, Subscribed};
use super::{ConsumerGroup, Coordination, Member, Outcome, Refusal};
use crate::config::Hazard;
use crate::group::contract::RequestContext;
use crate::group::record::GroupRecord;
use crate::ids::{GroupInstanceId, MemberId};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, PartitionsByTopic};

/// A member joins or lives. `records` are those of the group's conversion, if there was one.
///
/// # Errors
///
/// As Kafka's: see the functions that this one calls.
pub fn heartbeat(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    who: &RequestContext,
    request: &ConsumerGroupHeartbeatRequest,
    mut records: Vec<GroupRecord>,
) -> Outcome<ConsumerGroupHeartbeatResponse> {
    step::throw_if_full(of, group, &request.member)?;
    let id = if request.member.is_empty() { step::drawn_id(of) } else { request.member.clone() };
    let subscribed = match &request.instance {
        None => dynamic_member(of, group, &id, request)?,
        Some(instance) => static_member(of, group, &id, instance, request)?,
    };
    records.extend(subscribed.records);
    let mut member = updated(&subscribed.member, who, request);
    let (before, known) = (&subscribed.member, subscribed.known);
    // A group that was just made moves away from epoch 0.
    let update = step::update_group(of, group, before, known, &member, &mut records, group.epoch == 0)?;
    let planned = step::target(of, group, known, &member, &update, &mut records)?;
    member = step::reconcile(of, group, member, &planned, request.owned.as_ref(), &mut records)?;
    let settings = of.settings_of(&group.id);
    of.restart_session(&group.id, &id, settings.consumer_session_timeout);
    let response = ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member: Some(member.id.clone()),
        member_epoch: member.epoch,
        heartbeat_interval_ms: millis(settings.consumer_heartbeat_interval),
        assignment: tells_assignment(request, &subscribed.member, &member).then(|| member.assigned.clone()),
    };
    Ok((records, response))
}

/// A member that asked everything anew, or whose assignment changed, is told it.
fn tells_assignment(request: &ConsumerGroupHeartbeatRequest, before: &Member, now: &Member) -> bool {
    let names_topics = request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some();
    let is_full = request.rebalance_timeout_ms != -1 && names_topics && request.owned.is_some();
    request.member_epoch == JOIN_EPOCH || is_full || before.assigned != now.assigned
}

pub(super) fn millis(span: std::time::Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}

/// `getOrMaybeSubscribeDynamicConsumerGroupMember`.
fn dynamic_member<'a>(
    of: &Coordination<'_, '_>,
    group: &'a ConsumerGroup,
    id: &MemberId,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<Subscribed<'a>, Refusal> {
    let known = group.member(id);
    let member = match known {
        Some(member) => member.clone(),
        None if request.member_epoch == JOIN_EPOCH => Member::new(id.clone()),
        None => group.known_member(id)?.clone(),
    };
    let joins_again = request.member_epoch == JOIN_EPOCH && of.behaviour.mends(Hazard::RejoinIsFenced);
    if !joins_again {
        throw_if_epoch_is_invalid(&member, request.member_epoch, request.owned.as_ref())?;
    }
    Ok(Subscribed { member, known, records: Vec::new() })
}

/// `getOrMaybeSubscribeStaticConsumerGroupMember`: in this protocol the incumbent wins, unless it said goodbye.
fn static_member<'a>(
    of: &mut Coordination<'_, '_>,
    group: &'a ConsumerGroup,
    id: &MemberId,
    instance: &GroupInstanceId,
    request: &ConsumerGroupHeartbeatRequest,
) -> Result<Subscribed<'a>, Refusal> {
    let known = group.static_member(instance);
    if request.member_epoch != JOIN_EPOCH {
        let member = step::throw_if_instance_is_not(known, instance, id)?;
        throw_if_epoch_is_invalid(member, request.member_epoch, request.owned.as_ref())?;
        return Ok(Subscribed { member: member.clone(), known, records: Vec::new() });
    }
    let Some(before) = known else {
        let member = group.member(id).cloned().unwrap_or_else(|| Member::new(id.clone()));
        return Ok(Subscribed { member, known: group.member(id), records: Vec::new() });
    };
    if !before.uses_classic_protocol() && before.epoch != super::LEAVE_STATIC_EPOCH {
        // Nobody else asks: the answer to its first join was lost, or it has been fenced.
        if before.id == *id && of.behaviour.mends(Hazard::RejoinIsFenced) {
            return Ok(Subscribed { member: before.clone(), known, records: Vec::new() });
        }
        let text = format!(
            "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by {} member.",
            before.id
        );
        return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, text));
    }
    Ok(step::replaced_static_member(of, group, before, id))
}

/// The epoch of a heartbeat is the member's; or the one before, if the member has nothing that it should not have:
/// then the answer that told it the new epoch was lost (`throwIfConsumerGroupMemberEpochIsInvalid`).
///
/// # Errors
///
/// FENCED_MEMBER_EPOCH.
fn throw_if_epoch_is_invalid(member: &Member, received: i32, owned: Option<&PartitionsByTopic>) -> Result<(), Refusal> {
    let fenced = |than: &str| {
        let text = format!(
            "The consumer group member has a {than} member epoch ({received}) than the one known by the group coordinator \
             ({}). The member must abandon all its partitions and rejoin.",
            member.epoch
        );
        Err(Refusal::new(ErrorCode::FencedMemberEpoch, text))
    };
    if received > member.epoch {
        return fenced("greater");
    }
    let missed_the_answer =
        received == member.previous_epoch && owned.is_some_and(|owned| is_subset(owned, &member.assigned));
    if received < member.epoch && !missed_the_answer { fenced("smaller") } else { Ok(()) }
}

fn is_subset(owned: &PartitionsByTopic, assigned: &PartitionsByTopic) -> bool {
    owned.iter().all(|(topic, numbers)| assigned.get(topic).is_some_and(|assigned| numbers.is_subset(assigned)))
}

/// The member with what the request says of it; what the request leaves out has not changed.
fn updated(member: &Member, who: &RequestContext, request: &ConsumerGroupHeartbeatRequest) -> Member {
    let mut updated = member.clone();
    let said = &mut updated.metadata;
    said.instance = request.instance.clone().or(said.instance.take());
    said.rack = request.rack.clone().or(said.rack.take());
    if request.rebalance_timeout_ms != -1 {
        said.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    said.server_assignor = request.server_assignor.clone().or(said.server_assignor.take());
    said.subscribed_topic_regex = request.subscribed_topic_regex.clone().or(said.subscribed_topic_regex.take());
    said.client_id = who.client_id.clone();
    said.client_host = who.client_host.clone();
    said.classic = None;
    if let Some(names) = &request.subscribed_topic_names {
        updated.subscribe(names.iter().cloned());
    }
    updated
}
