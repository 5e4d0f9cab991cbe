//! A classic group becomes a KIP-848 group, because a member of the new protocol joins it (`convertToConsumerGroup`).
//!
//! Everybody keeps what the last generation gave: the generation becomes the epoch of group, target and members. The
//! newcomer then bumps the group epoch as any other does, and the classic members hear of it with their next heartbeats.

use std::time::Duration;

use super::names::by_id;
use crate::api::consumer_protocol::{decode_assignment, decode_subscription};
use crate::config::{Behaviour, Hazard};
use crate::event::{ForgetReason, GroupEvent};
use crate::group::classic::{ClassicGroup, ClassicMember};
use crate::group::consumer::{ConsumerGroup, Coordination, Member, Outcome, Refusal, Subscriptions};
use crate::group::record::{ClassicMemberMetadata, ConsumerGroupMetadataValue, GroupRecord};
use crate::message::{ErrorCode, PartitionsByTopic};

/// The KIP-848 group that a classic group becomes, with the records of the change. It has passed [`validate_upgrade`].
///
/// # Errors
///
/// GROUP_ID_NOT_FOUND, as Kafka says it, if the group cannot be converted; UNKNOWN_SERVER_ERROR for one whose
/// first generation is not complete, where Kafka finds no assignor.
pub fn upgrade(of: &mut Coordination<'_, '_>, classic: &ClassicGroup) -> Outcome<ConsumerGroup> {
    let mut members = Vec::new();
    for member in classic.members.values() {
        members.push(converted(of, classic, member)?);
    }
    let mut records = vec![ClassicGroup::tombstone(&classic.id)];
    records.extend(records_of(of, classic, &members));
    let mut group = ConsumerGroup::new(classic.id.clone());
    for record in &records[1..] {
        let replayed = group.replay(record.clone(), &Behaviour::default());
        // Two members may claim the same partition: the leader of a classic group may assign what it likes.
        replayed.map_err(|error| Refusal::new(ErrorCode::UnknownServerError, error.to_string()))?;
    }
    for member in classic.members.values() {
        let session = Duration::from_millis(u64::try_from(member.session_timeout_ms).unwrap_or(0));
        of.restart_session(&classic.id, &member.id, session);
    }
    // It is another group than the one of this name that may have been of KIP-848 before.
    of.soft.request_refresh(&classic.id);
    of.say(GroupEvent::GroupForgotten { group: classic.id.clone(), reason: ForgetReason::Migrated });
    Ok((records, group))
}

/// Whether a classic group may be converted at all (`validateOnlineUpgrade`).
///
/// # Errors
///
/// GROUP_ID_NOT_FOUND if it may not.
pub fn validate_upgrade(of: &Coordination<'_, '_>, classic: &ClassicGroup) -> Result<(), Refusal> {
    let max = usize::try_from(of.settings.consumer_max_size).unwrap_or(usize::MAX);
    let why = if !of.settings.consumer_migration_policy.upgrades() {
        "online upgrade is disabled"
    } else if !classic.has_consumers() {
        "the group does not use the consumer embedded protocol"
    } else if classic.members.len() > max {
        "the group size exceeds the consumer group maximum size"
    } else {
        return Ok(());
    };
    Err(cannot(classic, why))
}

fn cannot(classic: &ClassicGroup, why: &str) -> Refusal {
    let text = format!("Cannot upgrade classic group {} to consumer group because {why}.", classic.id);
    Refusal::new(ErrorCode::GroupIdNotFound, text)
}

fn converted(of: &Coordination<'_, '_>, classic: &ClassicGroup, member: &ClassicMember) -> Result<Member, Refusal> {
    let protocol = classic.protocol.as_deref().or_else(|| {
        // Every assignor of a consumer carries the same subscription.
        let first = member.protocols.first().map(|protocol| protocol.name.as_str());
        first.filter(|_| of.behaviour.mends(Hazard::UpgradeAmidFirstRebalance))
    });
    let said = protocol.and_then(|protocol| member.metadata(protocol));
    let said = said.ok_or_else(|| Refusal::new(ErrorCode::UnknownServerError, "No value present"))?;
    let malformed = || cannot(classic, "the embedded consumer protocol is malformed");
    let subscription = decode_subscription(said).ok_or_else(malformed)?;
    let mut converted = Member::new(member.id.clone());
    converted.epoch = classic.generation;
    converted.previous_epoch = classic.generation;
    converted.assigned = assigned(of, classic, member)?;
    converted.subscribe(subscription.topics.iter().map(|topic| topic.to_string()));
    let metadata = &mut converted.metadata;
    metadata.instance.clone_from(&member.instance);
    metadata.rack = subscription.rack;
    metadata.rebalance_timeout_ms = member.rebalance_timeout_ms;
    metadata.client_id.clone_from(&member.client_id);
    metadata.client_host.clone_from(&member.client_host);
    metadata.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: member.session_timeout_ms,
        supported_protocols: member.protocols.iter().map(|it| (it.name.clone(), it.metadata.clone())).collect(),
    });
    Ok(converted)
}

/// What a member has. One that has not synced yet has nothing.
fn assigned(
    of: &Coordination<'_, '_>,
    classic: &ClassicGroup,
    member: &ClassicMember,
) -> Result<PartitionsByTopic, Refusal> {
    if member.assignment.is_empty() {
        return Ok(PartitionsByTopic::new());
    }
    let malformed = || cannot(classic, "the embedded consumer protocol is malformed");
    let assignment = decode_assignment(&member.assignment).ok_or_else(malformed)?;
    if assignment.user_data.is_some_and(|data| !data.is_empty()) {
        return Err(cannot(classic, "an unsupported custom assignor is in use"));
    }
    Ok(by_id(&assignment.partitions, of.image))
}

/// `createConsumerGroupRecords`.
fn records_of(of: &Coordination<'_, '_>, classic: &ClassicGroup, members: &[Member]) -> Vec<GroupRecord> {
    let (id, epoch) = (&classic.id, classic.generation);
    // Kafka reckons with a newcomer that changes what is subscribed to, and so bumps the epoch. A static one need not.
    let metadata_hash = if of.behaviour.mends(Hazard::StaticUpgradeOverlooksPartitions) {
        0
    } else {
        Subscriptions::of_members(members.iter()).metadata_hash(of.image)
    };
    let mut records: Vec<GroupRecord> = members.iter().map(|member| member.metadata_record(id)).collect();
    let value = Some(ConsumerGroupMetadataValue { epoch, metadata_hash });
    records.push(GroupRecord::ConsumerGroupMetadata { group: id.clone(), value });
    records.extend(members.iter().map(|member| GroupRecord::ConsumerGroupTargetAssignmentMember {
        group: id.clone(),
        member: member.id.clone(),
        partitions: Some(member.assigned.clone()),
    }));
    let assignment_epoch = Some(epoch);
    records.push(GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: id.clone(), assignment_epoch });
    records.extend(members.iter().map(|member| member.assignment_record(id)));
    records
}
