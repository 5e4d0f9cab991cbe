//! A classic member joins a KIP-848 group, or joins it again (`classicGroupJoinToConsumerGroup`).
//!
//! A join is what a heartbeat is to a member of the new protocol: it says what the member wants and, in its subscription,
//! what it owns, and is one step of the reconciliation. Nobody else is waited for.

use super::downgrade::{Downgraded, downgrade_replacing, may_replace};
use super::names::by_id;
use crate::api::consumer_protocol::decode_subscription;
use crate::config::MigrationPolicy;
use crate::group::consumer::step;
use crate::group::consumer::{ConsumerGroup, Coordination, Member, Refusal};
use crate::group::contract::RequestContext;
use crate::group::record::{ClassicMemberMetadata, GroupRecord};
use crate::ids::MemberId;
use crate::message::{ConsumerSubscription, ErrorCode, JoinGroupRequest, JoinGroupResponse};

/// `ConsumerProtocol.PROTOCOL_TYPE`.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

/// From this version on a dynamic member that comes without an id is given one and must come again with it (KIP-394).
const REQUIRES_MEMBER_ID: i16 = 4;

/// What a join of a classic member leads to.
pub enum ClassicJoin {
    /// The member must come again with this id.
    IdRequired(MemberId),
    /// The member is in.
    Joined {
        /// The records.
        records: Vec<GroupRecord>,
        /// The answer, once they are written.
        response: JoinGroupResponse,
        /// The classic group that the group has become with it, if it has; its records are among `records`.
        downgraded: Option<Box<Downgraded>>,
    },
}

/// A classic member joins.
///
/// # Errors
///
/// INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID.
pub fn join(
    of: &mut Coordination<'_, '_>,
    group: &ConsumerGroup,
    who: &RequestContext,
    request: &JoinGroupRequest,
) -> Result<ClassicJoin, Refusal> {
    let id = if request.member.is_empty() { step::drawn_id(of) } else { request.member.clone() };
    validate(of, group, request, &id)?;
    if request.member.is_empty() && request.instance.is_none() && who.version >= REQUIRES_MEMBER_ID {
        return Ok(ClassicJoin::IdRequired(id));
    }
    let subscribed = subscribed(of, group, request, &id)?;
    let subscription = subscription(request)?;
    let (before, known) = (subscribed.member, subscribed.known);
    let member = updated(&before, who, request, &subscription);
    let mut records = subscribed.records;
    let replaced = request.instance.as_ref().and_then(|instance| group.static_member(instance));
    let replaced = replaced.filter(|replaced| may_replace(of, group, replaced));
    let update = step::update_group(of, group, &before, known, &member, &mut records, before.regex().is_some())?;
    let owned = by_id(&subscription.owned, of.image);
    let Some(replaced) = replaced else {
        let planned = step::target(of, group, known, &member, &update, &mut records)?;
        let member = step::reconcile(of, group, member, &planned, Some(&owned), &mut records)?;
        return Ok(ClassicJoin::Joined { records, response: response(&member), downgraded: None });
    };
    // Who wants something else makes the group rebalance when it is classic: there is nothing to reconcile before.
    let member = match update.bumped {
        true => member,
        false => {
            let planned = step::unchanged_target(group, &member);
            step::reconcile(of, group, member, &planned, Some(&owned), &mut records)?
        }
    };
    let downgraded = downgrade_replacing(of, group, replaced, &member, update.bumped)?;
    records.extend(downgraded.records.iter().cloned());
    Ok(ClassicJoin::Joined { records, response: response(&member), downgraded: Some(Box::new(downgraded)) })
}

fn validate(
    of: &Coordination<'_, '_>,
    group: &ConsumerGroup,
    request: &JoinGroupRequest,
    id: &MemberId,
) -> Result<(), Refusal> {
    let inconsistent = |text: String| Err(Refusal::new(ErrorCode::InconsistentGroupProtocol, text));
    if of.settings.consumer_migration_policy == MigrationPolicy::Disabled {
        return inconsistent(format!(
            "Cannot join the consumer group {} with the classic protocol because the group migration is disabled.",
            group.id
        ));
    }
    step::throw_if_full(of, group, id)?;
    if !supports(group, request) {
        return inconsistent(format!("Member {id}'s protocols are not supported."));
    }
    Ok(())
}

/// Whether all classic members can run one of the assignors (`supportsClassicProtocols`); they never do, but the group may
/// become classic again.
fn supports(group: &ConsumerGroup, request: &JoinGroupRequest) -> bool {
    let runs = |member: &Member, name: &str| {
        let classic = member.metadata.classic.as_ref();
        classic.is_some_and(|classic| classic.supported_protocols.iter().any(|(known, _)| known == name))
    };
    let classic: Vec<&Member> = group.members().filter(|member| member.uses_classic_protocol()).collect();
    request.protocol_type == PROTOCOL_TYPE
        && request.protocols.iter().any(|it| classic.iter().all(|member| runs(member, &it.name)))
}

/// In the classic protocol a static member that comes without an id takes the place of the one before it.
fn subscribed<'a>(
    of: &mut Coordination<'_, '_>,
    group: &'a ConsumerGroup,
    request: &JoinGroupRequest,
    id: &MemberId,
) -> Result<step::Subscribed<'a>, Refusal> {
    let Some(instance) = &request.instance else { return Ok(known_or_new(group, id)) };
    let known = group.static_member(instance);
    match known {
        Some(before) if request.member.is_empty() => Ok(step::replaced_static_member(of, group, before, id)),
        None if request.member.is_empty() => Ok(known_or_new(group, id)),
        known => {
            let member = step::throw_if_instance_is_not(known, instance, id)?.clone();
            Ok(step::Subscribed { member, known, records: Vec::new() })
        }
    }
}

fn known_or_new<'a>(group: &'a ConsumerGroup, id: &MemberId) -> step::Subscribed<'a> {
    let known = group.member(id);
    let member = known.cloned().unwrap_or_else(|| Member::new(id.clone()));
    step::Subscribed { member, known, records: Vec::new() }
}

fn subscription(request: &JoinGroupRequest) -> Result<ConsumerSubscription, Refusal> {
    let said = request.protocols.first().and_then(|protocol| decode_subscription(&protocol.metadata));
    let text = "Malformed embedded consumer protocol in subscription deserialization.";
    said.ok_or_else(|| Refusal::new(ErrorCode::UnknownServerError, text))
}

fn updated(
    member: &Member,
    who: &RequestContext,
    request: &JoinGroupRequest,
    subscription: &ConsumerSubscription,
) -> Member {
    let mut updated = member.clone();
    updated.subscribe(subscription.topics.iter().map(|topic| topic.to_string()));
    let said = &mut updated.metadata;
    said.instance = request.instance.clone().or(said.instance.take());
    said.rack = subscription.rack.clone().or(said.rack.take());
    if request.rebalance_timeout_ms != -1 {
        said.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    // Classic members resolve expressions themselves.
    said.subscribed_topic_regex = Some(String::new());
    said.client_id = who.client_id.clone();
    said.client_host = who.client_host.clone();
    said.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: request.session_timeout_ms,
        supported_protocols: request.protocols.iter().map(|it| (it.name.clone(), it.metadata.clone())).collect(),
    });
    updated
}

/// Nobody leads: the member is told neither a leader nor the others.
fn response(member: &Member) -> JoinGroupResponse {
    let classic = member.metadata.classic.as_ref();
    JoinGroupResponse {
        generation: member.epoch,
        protocol_type: Some(PROTOCOL_TYPE.to_owned()),
        protocol_name: classic.and_then(|classic| Some(classic.supported_protocols.first()?.0.clone())),
        ..JoinGroupResponse::refused(member.id.clone(), ErrorCode::None)
    }
}
