//! The steps that a heartbeat of the new protocol and a join of the classic one have in common, in Kafka's order.

use super::member::JOIN_EPOCH;
use super::reconcile::{Target, next_assignment};
use super::subscriptions::Subscriptions;
use super::target::NewTarget;
use super::{ConsumerGroup, Coordination, Member, MemberState, Refusal};
use crate::config::{ServerAssignor, Switch};
use crate::event::{GroupEpochReason, GroupEvent};
use crate::group::assignor::SubscriptionType;
use crate::group::record::GroupRecord;
use crate::ids::{GroupInstanceId, MemberId, TopicId};
use crate::message::{ErrorCode, PartitionsByTopic};

/// A member as it stands in the group, and the records that put it there if it took a static member's place.
pub(crate) struct Subscribed<'a> {
    /// The member; one of which nothing is known if it is new.
    pub member: Member,
    /// Who stands in the group in its place: itself, or the static member that it replaces.
    pub known: Option<&'a Member>,
    /// The records of the replacement.
    pub records: Vec<GroupRecord>,
}

/// An id for a member that comes without one.
pub(crate) fn drawn_id(of: &mut Coordination<'_, '_>) -> MemberId {
    // Kafka's own text of an id, as ids of topics have it.
    MemberId::new(&TopicId(of.ctx.choose_uuid()).to_string())
}

/// There is room for whoever asks, or it is in already.
///
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

/// For which epoch a member is to go where.
pub(crate) struct Planned {
    /// The target assignment's epoch.
    pub target_epoch: i32,
    /// What the member shall own.
    pub target: PartitionsByTopic,
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
    let is_back = known.is_some_and(|known| known.id != member.id);
    let is_back = is_back && of.behaviour.is(Switch::StaticMemberAlwaysRebalances);
    let bumped = bump || names_changed || bumped_by_regex || is_back;
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
        return Ok(unchanged_target(group, member));
    }
    let asked = group.preferred_assignor(known.map(|known| &known.id), Some(member));
    let assignor: ServerAssignor = asked.unwrap_or(of.settings.consumer_assignors[0]);
    let kind = update.kind.unwrap_or_else(|| Subscriptions::now(group).kind());
    let (image, behaviour) = (of.image, of.behaviour);
    let new = NewTarget { group, member, epoch: update.epoch, kind, assignor, image, behaviour };
    let (changes, target) = new.make()?;
    let (id, epoch) = (group.id.clone(), update.epoch);
    of.say(GroupEvent::TargetAssigned { group: id, epoch, assignor: assignor.name(), changed: changes.len() - 1 });
    records.extend(changes);
    Ok(Planned { target_epoch: update.epoch, target })
}

/// The target assignment that there is.
pub(crate) fn unchanged_target(group: &ConsumerGroup, member: &Member) -> Planned {
    Planned { target_epoch: group.target_epoch, target: group.target_of(member).clone() }
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
    let waits = member.state == MemberState::UnreleasedPartitions && member.epoch == planned.target_epoch;
    if waits && of.behaviour.is(Switch::WaitingMemberWaitsForEver) {
        return Ok(member);
    }
    let target = Target { epoch: planned.target_epoch, partitions: &planned.target, owned };
    let mut next = next_assignment(&member, &target, |topic, partition| group.owners().is_free(topic, partition))?;
    if of.behaviour.is(Switch::WaitingMemberCountsAsStable) && next.state == MemberState::UnreleasedPartitions {
        next.state = MemberState::Stable;
    }
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
