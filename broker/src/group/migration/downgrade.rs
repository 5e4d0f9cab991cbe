//! A KIP-848 group becomes a classic one, because its last member of the new protocol goes (`convertToClassicGroup`).
//!
//! The group epoch becomes the generation, and everybody's target the assignment. Members are called together at once,
//! unless a classic member took a static one's place and wants the same: then nobody notices.

use super::names::assignment_bytes;
use crate::config::Hazard;
use crate::event::{ForgetReason, GroupEvent, RebalanceReason, RemovalReason};
use crate::group::classic::{ClassicGroup, ClassicMember, ClassicState};
use crate::group::consumer::{ConsumerGroup, Coordination, Member, Refusal};
use crate::group::record::GroupRecord;
use crate::ids::MemberId;
use crate::message::{ErrorCode, JoinGroupProtocol};

/// The classic group that a KIP-848 group becomes.
#[derive(Clone, Debug)]
pub struct Downgraded {
    /// The group.
    pub classic: ClassicGroup,
    /// The records of the change.
    pub records: Vec<GroupRecord>,
    /// Why its members are called together; none if they are not.
    pub rebalance: Option<RebalanceReason>,
}

/// The classic group that is left if these members go; none if it stays what it is.
///
/// # Errors
///
/// GROUP_ID_NOT_FOUND if what the classic members said cannot be read.
pub fn downgrade_without(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    leaving: &[Member],
    reason: RemovalReason,
) -> Result<Option<Downgraded>, Refusal> {
    let is_leaving = |member: &Member| leaving.iter().any(|gone| gone.id == member.id);
    let staying: Vec<&Member> = group.members().filter(|member| !is_leaving(member)).collect();
    let is_possible = !staying.is_empty() && staying.iter().all(|member| member.uses_classic_protocol());
    if leaving.is_empty() || !is_possible || !may_downgrade(of, staying.len()) {
        return Ok(None);
    }
    let members = staying.into_iter().map(|member| (member, &member.id));
    let classic = classic_group(of, group, members)?;
    for member in leaving {
        let (id, member) = (group.id.clone(), member.id.clone());
        of.say(GroupEvent::MemberRemoved { group: id, member, reason });
    }
    let mut records = group.tombstones();
    records.push(classic.record());
    told(of, group);
    Ok(Some(Downgraded { classic, records, rebalance: Some(RebalanceReason::Downgraded) }))
}

/// Whether a group whose last member of the new protocol is this static member goes back when a classic one takes its place.
pub(super) fn may_replace(of: &Coordination<'_, '_>, group: &ConsumerGroup, replaced: &Member) -> bool {
    let others = group.members().filter(|member| member.id != replaced.id);
    !replaced.uses_classic_protocol()
        && { others }.all(|member| member.uses_classic_protocol())
        && may_downgrade(of, group.members().len())
}

/// The classic group in which `joining` has the place of `replaced`, and its assignment.
pub(super) fn downgrade_replacing(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    replaced: &Member,
    joining: &Member,
    wants_something_else: bool,
) -> Result<Downgraded, Refusal> {
    let staying = group.members().filter(|member| member.id != replaced.id).map(|member| (member, &member.id));
    let classic = classic_group(of, group, staying.chain([(joining, &replaced.id)]))?;
    let mut records = group.tombstones_with_replaced(&replaced.id, &joining.id);
    records.push(classic.record());
    told(of, group);
    // Kafka's members of such a group do not know that one of them leads.
    let rebalances = wants_something_else || of.behaviour.mends(Hazard::StaticDowngradeHasNoLeader);
    Ok(Downgraded { classic, records, rebalance: rebalances.then_some(RebalanceReason::Downgraded) })
}

fn told(of: &mut Coordination<'_, '_>, group: &ConsumerGroup) {
    of.say(GroupEvent::GroupForgotten { group: group.id.clone(), reason: ForgetReason::Migrated });
}

fn may_downgrade(of: &Coordination<'_, '_>, size: usize) -> bool {
    let max = usize::try_from(of.settings.classic_max_size).unwrap_or(usize::MAX);
    of.settings.consumer_migration_policy.downgrades() && size <= max
}

/// `ClassicGroup.fromConsumerGroup`; each member with the id by which the group knows its target.
fn classic_group<'a>(
    of: &Coordination<'_, '_>,
    group: &ConsumerGroup,
    members: impl Iterator<Item = (&'a Member, &'a MemberId)>,
) -> Result<ClassicGroup, Refusal> {
    let mut classic = ClassicGroup::new(group.id.clone(), of.ctx.now.wall.millis());
    let mut targets = Vec::new();
    for (member, known_as) in members {
        classic.add(classic_member(member), super::classic_member::PROTOCOL_TYPE);
        targets.push((member.id.clone(), group.target(known_as)));
    }
    classic.generation = group.epoch;
    let protocol = classic.select_protocol();
    for (id, target) in targets {
        let member = classic.members.get_mut(&id).expect("it was added");
        let said = member.metadata(&protocol).filter(|said| said.len() >= 2).cloned();
        let said = said.ok_or_else(|| {
            let text = format!("Cannot downgrade the classic group {}: no version.", group.id);
            Refusal::new(ErrorCode::GroupIdNotFound, text)
        })?;
        member.assignment = assignment_bytes(target, &said, of.image);
    }
    classic.protocol = Some(protocol);
    classic.state = ClassicState::Stable;
    classic.subscribed_topics = classic.compute_subscribed_topics();
    Ok(classic)
}

fn classic_member(member: &Member) -> ClassicMember {
    let classic = member.metadata.classic.as_ref().expect("only classic members go into a classic group");
    let protocols = classic.supported_protocols.iter();
    ClassicMember {
        id: member.id.clone(),
        instance: member.instance().cloned(),
        client_id: member.metadata.client_id.clone(),
        client_host: member.metadata.client_host.clone(),
        rebalance_timeout_ms: member.metadata.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocols: protocols
            .map(|(name, said)| JoinGroupProtocol { name: name.clone(), metadata: said.clone() })
            .collect(),
        assignment: bytes::Bytes::new(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
