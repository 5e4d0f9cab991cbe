//! A heartbeat that is no goodbye (`GroupMetadataManager.consumerGroupHeartbeat`), in Kafka's order of steps.

use super::member::JOIN_EPOCH;
use super::reconcile::{Target, next_assignment};
use super::subscriptions::Subscriptions;
use super::target::NewTarget;
use super::{ConsumerGroup, Coordination, Member, MemberState, Outcome, Refusal};
use crate::config::ServerAssignor;
use crate::event::{GroupEpochReason, GroupEvent};
use crate::group::assignor::SubscriptionType;
use crate::group::contract::RequestContext;
use crate::group::record::GroupRecord;
use crate::ids::{GroupInstanceId, MemberId, TopicId};
use crate::message::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, PartitionsByTopic};

/// A member as it stands in the group, and the records that put it there if it took a static member's place.
pub(crate) struct Subscribed<'a> {
    /// The member; one of which nothing is known if it is new.
    pub member: Member,
    /// Who stands in the group in its place: itself, or the static member that it replaces.
    pub known: Option<&'a Member>,
    /// The records of the replacement.
    pub records: Vec<GroupRecord>,
}

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
    throw_if_full(of, group, &request.member)?;
    let id = if request.member.is_empty() { drawn_id(of) } else { request.member.clone() };
    let subscribed = match &request.instance {
        None => dynamic_member(group, &id, request)?,
        Some(instance) => static_member(of, group, &id, instance, request)?,
    };
    records.extend(subscribed.records);
    let mut member = updated(&subscribed.member, who, request);
    let planned = plan(of, group, &subscribed.member, subscribed.known, &member, &mut records, group.epoch == 0)?;
    member = reconcile(of, group, member, &planned, request.owned.as_ref(), &mut records)?;
    of.restart_session(&group.id, &id, of.settings.consumer_session_timeout);
    let response = ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member: Some(member.id.clone()),
        member_epoch: member.epoch,
        heartbeat_interval_ms: millis(of.settings.consumer_heartbeat_interval),
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

fn drawn_id(of: &mut Coordination<'_, '_>) -> MemberId {
    // Kafka's own text of an id, as ids of topics have it.
    MemberId::new(&TopicId(of.ctx.choose_uuid()).to_string())
}

pub(super) fn millis(span: std::time::Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}

/// # Errors
///
/// GROUP_MAX_SIZE_REACHED for somebody who is not in yet.
pub(crate) fn throw_if_full(of: &Coordination<'_, '_>, group: &ConsumerGroup, id: &MemberId) -> Result<(), Refusal> {
    let max_size = of.settings.consumer_max_size;
    let is_full = group.members().len() >= usize::try_from(max_size).expect("a size is at least 1");
    if is_full && group.member(id).is_none() {
        let text = format!("The consumer group has reached its maximum capacity of {max_size} members.");
        return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, text));
    }
    Ok(())
}

/// `getOrMaybeSubscribeDynamicConsumerGroupMember`.
fn dynamic_member<'a>(
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
    throw_if_epoch_is_invalid(&member, request.member_epoch, request.owned.as_ref())?;
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
        let member = throw_if_instance_is_not(known, instance, id)?;
        throw_if_epoch_is_invalid(member, request.member_epoch, request.owned.as_ref())?;
        return Ok(Subscribed { member: member.clone(), known, records: Vec::new() });
    }
    let Some(before) = known else {
        let member = group.member(id).cloned().unwrap_or_else(|| Member::new(id.clone()));
        return Ok(Subscribed { member, known: group.member(id), records: Vec::new() });
    };
    if !before.uses_classic_protocol() && before.epoch != super::LEAVE_STATIC_EPOCH {
        let text = format!(
            "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by {} member.",
            before.id
        );
        return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, text));
    }
    Ok(replaced_static_member(of, group, before, id))
}

/// A static member comes back: it has what the one before it had, in epoch 0.
pub(crate) fn replaced_static_member<'a>(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    before: &'a Member,
    id: &MemberId,
) -> Subscribed<'a> {
    let member = Member { id: id.clone(), epoch: JOIN_EPOCH, previous_epoch: JOIN_EPOCH, ..before.clone() };
    let mut records = super::member::removal_records(&group.id, &before.id).to_vec();
    records.push(member.metadata_record(&group.id));
    records.push(super::target::target_record(group, id, group.target(&before.id).clone()));
    records.push(member.assignment_record(&group.id));
    let instance = before.instance().expect("a static member has one").clone();
    let (old, new) = (before.id.clone(), id.clone());
    of.say(GroupEvent::MemberReplaced { group: group.id.clone(), instance, old, new });
    Subscribed { member, known: Some(before), records }
}

/// The member that is this static member, if it has this id.
///
/// # Errors
///
/// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
pub(crate) fn throw_if_instance_is_not<'a>(
    known: Option<&'a Member>,
    instance: &GroupInstanceId,
    id: &MemberId,
) -> Result<&'a Member, Refusal> {
    let member =
        known.ok_or_else(|| Refusal::new(ErrorCode::UnknownMemberId, format!("Instance id {instance} is unknown.")))?;
    if member.id != *id {
        let text = format!("Static member {id} with instance id {instance} was fenced by member {}.", member.id);
        return Err(Refusal::new(ErrorCode::FencedInstanceId, text));
    }
    Ok(member)
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

/// For which epoch a member is to go where.
pub(crate) struct Planned {
    /// The target assignment's epoch.
    pub target_epoch: i32,
    /// What the member shall own.
    pub target: PartitionsByTopic,
    /// Whether the group epoch grew because of the member.
    pub bumped: bool,
}

/// The group's epoch and its metadata, as a member's request leaves them (steps 1 of Kafka's heartbeat).
pub(crate) struct GroupUpdate {
    /// The group epoch.
    pub epoch: i32,
    /// Whether all members want the same, as far as that was looked at.
    pub kind: Option<SubscriptionType>,
    /// Whether the group epoch grew because of the member.
    pub bumped: bool,
}

/// Steps 1 and 2: the member's record, the group's epoch, the target assignment.
pub(crate) fn plan(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    before: &Member,
    known: Option<&Member>,
    member: &Member,
    records: &mut Vec<GroupRecord>,
    bump: bool,
) -> Result<Planned, Refusal> {
    let update = update_group(of, group, before, known, member, records, bump)?;
    target(of, group, known, member, &update, records)
}

/// Step 1 (`hasMemberSubscriptionChanged`, `maybeUpdateRegularExpressions`, `updateSubscriptionMetadata`).
pub(crate) fn update_group(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    before: &Member,
    known: Option<&Member>,
    member: &Member,
    records: &mut Vec<GroupRecord>,
    bump: bool,
) -> Result<GroupUpdate, Refusal> {
    let names_changed = before.metadata.subscribed_topic_names != member.metadata.subscribed_topic_names;
    if before.metadata != member.metadata {
        records.push(member.metadata_record(&group.id));
    }
    if known.is_none() {
        let (instance, id) = (member.instance().cloned(), member.id.clone());
        of.say(GroupEvent::MemberAdded { group: group.id.clone(), member: id, instance });
    }
    let bumped_by_regex = super::regex::update(of, group, before, member, records)?;
    let bumped = bump || names_changed || bumped_by_regex;
    let replaced: Vec<&Member> = known.into_iter().collect();
    let mut epoch = group.epoch;
    if !bumped && !of.soft.metadata_expired(group, of.ctx.now.monotonic) {
        return Ok(GroupUpdate { epoch, kind: None, bumped });
    }
    let subscriptions = Subscriptions::of(group, &replaced, Some(member));
    let hash = subscriptions.metadata_hash(of.image);
    if bumped || hash != group.metadata_hash {
        epoch += 1;
        records.push(group.epoch_record(epoch, hash));
        let reason = if bumped { GroupEpochReason::MemberChanged } else { GroupEpochReason::TopicsChanged };
        of.say(GroupEvent::GroupEpochBumped { group: group.id.clone(), epoch, reason });
    }
    of.soft.metadata_checked(group, of.ctx.now.monotonic, epoch);
    Ok(GroupUpdate { epoch, kind: Some(subscriptions.kind()), bumped })
}

/// Step 2: a new target assignment, if the group epoch has grown over the one that there is.
pub(crate) fn target(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    known: Option<&Member>,
    member: &Member,
    update: &GroupUpdate,
    records: &mut Vec<GroupRecord>,
) -> Result<Planned, Refusal> {
    if update.epoch <= group.target_epoch {
        let target = group.target_of(member).clone();
        return Ok(Planned { target_epoch: group.target_epoch, target, bumped: update.bumped });
    }
    let asked = group.preferred_assignor(known.map(|known| &known.id), Some(member));
    let assignor: ServerAssignor = asked.unwrap_or(of.settings.consumer_assignors[0]);
    let kind = update.kind.unwrap_or_else(|| Subscriptions::now(group).kind());
    let new = NewTarget { group, member, epoch: update.epoch, kind, assignor, image: of.image };
    let (changes, target) = new.make()?;
    let (id, epoch) = (group.id.clone(), update.epoch);
    of.say(GroupEvent::TargetAssigned { group: id, epoch, assignor: assignor.name(), changed: changes.len() - 1 });
    records.extend(changes);
    Ok(Planned { target_epoch: update.epoch, target, bumped: update.bumped })
}

/// Step 3: the member takes one step towards its target (`maybeReconcile`).
pub(crate) fn reconcile(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    member: Member,
    planned: &Planned,
    owned: Option<&PartitionsByTopic>,
    records: &mut Vec<GroupRecord>,
) -> Result<Member, Refusal> {
    if member.is_reconciled_to(planned.target_epoch) {
        return Ok(member);
    }
    let target = Target { epoch: planned.target_epoch, partitions: &planned.target, owned };
    let next = next_assignment(&member, &target, |topic, partition| group.owners().is_free(topic, partition))?;
    if next == member {
        return Ok(member);
    }
    records.push(next.assignment_record(&group.id));
    of.say(GroupEvent::MemberMoved {
        group: group.id.clone(),
        member: next.id.clone(),
        epoch: next.epoch,
        state: next.state.name(),
        assigned: next.assigned.clone(),
        revoking: next.pending_revocation.clone(),
    });
    // A member of the classic protocol has the timers of its join and sync instead.
    if !next.uses_classic_protocol() {
        if next.state == MemberState::UnrevokedPartitions {
            of.start_rebalance(&group.id, &next);
        } else {
            of.stop_rebalance(&group.id, &next.id);
        }
    }
    Ok(next)
}
