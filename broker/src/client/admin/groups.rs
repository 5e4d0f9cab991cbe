//! An administrator's calls about groups: list, describe, delete, and delete offsets.
//!
//! ```text
//!   about one group:   FindCoordinator ─▶ the request, to the coordinator ─▶ answered
//!                      to any broker  ◀── NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE,
//!                                         connection lost, broker not in the metadata
//!   the list of all:   Metadata to any broker ─▶ ListGroups to each ─▶ when all have answered
//! ```
//!
//! Sources: `CoordinatorStrategy` and `AdminApiDriver` for one group; `KafkaAdminClient.listGroups` for the list.
//!
//! A look-up is repeated without any back-off, also when no coordinator is available
//! (`AdminApiDriver.clearInflightRequest`): an administrator whose group has none asks once per round trip, for as long as
//! `default.api.timeout.ms`. Requests to one coordinator wait for one another's back-off.
//!
//! A group is described as one of KIP-848 first; where that is not known, DescribeGroups is asked
//! (`DescribeConsumerGroupsHandler`).
//!
//! Simplified: of a list Kafka can also show what was found beside what failed (`ListGroupsResult.valid`); here, as with
//! `all()`, the first failure is the answer.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Verdict;
use crate::api::consumer_protocol;
use crate::client::network::Outcome;
use crate::client::retry::Backoff;
use crate::client::{Call, CallResult, GroupDescription, GroupListing, MemberDescription};
use crate::context::Context;
use crate::event::{ClientEvent, GroupCall};
use crate::ids::{GroupId, NodeId, Ticket, TopicPartition};
use crate::message::{
    ConsumerGroupDescribeRequest, CoordinatorKind, DeleteGroupsRequest, DescribeGroupsRequest, DescribedAssignment,
    DescribedConsumerGroup, DescribedConsumerGroupMember, DescribedGroup, DescribedGroupMember, ErrorCode,
    FindCoordinatorRequest, ListGroupsRequest, ListGroupsResponse, MetadataRequest, OffsetDeleteRequest,
    OffsetDeleteResponse, Request, Response,
};
use crate::time::Time;

/// `ConsumerProtocol.PROTOCOL_TYPE`.
const CONSUMERS: &str = "consumer";

/// The way of a call about one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Coordinated {
    /// The group's coordinator; none while it is being looked up.
    pub coordinator: Option<NodeId>,
    /// By coordinator: how often it was asked, and before when it is not asked again.
    asked: BTreeMap<NodeId, (u32, Time)>,
    /// Once the group is known to be none of KIP-848: what its coordinator said of that.
    classic: Option<Option<String>>,
}

impl Coordinated {
    /// What is asked next.
    pub fn request(&self, call: &Call) -> Request {
        match (call, self.coordinator) {
            (_, None) => {
                let keys = vec![group_of(call).to_string()];
                FindCoordinatorRequest { kind: CoordinatorKind::Group, keys }.into()
            }
            (Call::DescribeGroup { group }, Some(_)) if self.classic.is_some() => {
                DescribeGroupsRequest { groups: vec![group.clone()] }.into()
            }
            (call, Some(_)) => request_of(call),
        }
    }

    /// The request left.
    pub fn sent(&mut self) {
        if let Some(node) = self.coordinator {
            self.asked.entry(node).or_insert((0, Time::ZERO)).0 += 1;
        }
    }

    /// The coordinator's part is over, for now: the group is looked up again.
    pub fn look_up(&mut self) {
        self.coordinator = None;
    }

    /// Before when the coordinator is not asked.
    fn not_before(&self, now: Time) -> Time {
        let known = self.coordinator.and_then(|node| self.asked.get(&node));
        known.map_or(now, |(_, not_before)| (*not_before).max(now))
    }

    /// A request ended.
    pub fn on_outcome(&mut self, ctx: &mut Context, backoff: Backoff, call: &Call, outcome: &Outcome) -> Verdict {
        let now = ctx.now.monotonic;
        let Some(node) = self.coordinator else { return self.on_look_up(now, outcome) };
        let tries = self.asked.get(&node).map_or(0, |(tries, _)| *tries);
        let not_before = now + backoff.after(ctx, tries.saturating_sub(1));
        self.asked.insert(node, (tries, not_before));
        match outcome {
            Outcome::Answered(response) => self.on_answer(ctx, node, call, response),
            Outcome::Disconnected | Outcome::Sent | Outcome::TimedOut => {
                self.look_up();
                Verdict::Onward(now)
            }
            Outcome::UnsupportedVersion => self.unknown_as_modern(now, call, ErrorCode::UnsupportedVersion, None),
        }
    }

    fn on_look_up(&mut self, now: Time, outcome: &Outcome) -> Verdict {
        let found = match outcome {
            Outcome::Answered(Response::FindCoordinator(response)) => response.coordinators.first(),
            Outcome::Answered(_) => None,
            Outcome::Disconnected | Outcome::Sent | Outcome::TimedOut => return Verdict::Onward(now),
            Outcome::UnsupportedVersion => return Verdict::Failed(ErrorCode::UnsupportedVersion, None),
        };
        match found.map(|found| (found.error, &found.node)) {
            Some((ErrorCode::None, Some((node, _)))) => {
                self.coordinator = Some(*node);
                Verdict::Onward(self.not_before(now))
            }
            Some((ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress, _)) => {
                Verdict::Onward(now)
            }
            Some((ErrorCode::None, None)) | None => Verdict::Failed(ErrorCode::UnknownServerError, None),
            Some((error, _)) => {
                let words = "FindCoordinator request failed due to an unexpected error".to_owned();
                Verdict::Failed(error, Some(words))
            }
        }
    }

    fn on_answer(&mut self, ctx: &mut Context, node: NodeId, call: &Call, response: &Response) -> Verdict {
        let now = ctx.now.monotonic;
        let (error, words, result) = read(ctx, node, call, response);
        match error {
            ErrorCode::None => Verdict::Done(result.unwrap_or(CallResult::Done)),
            ErrorCode::CoordinatorLoadInProgress => Verdict::Onward(self.not_before(now)),
            ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator => {
                self.look_up();
                Verdict::Onward(now)
            }
            ErrorCode::UnsupportedVersion | ErrorCode::GroupIdNotFound => {
                self.unknown_as_modern(now, call, error, words)
            }
            other => Verdict::Failed(other, words),
        }
    }

    /// A group that is described may be a classic one: that is asked once. What was said first says more.
    fn unknown_as_modern(&mut self, now: Time, call: &Call, error: ErrorCode, words: Option<String>) -> Verdict {
        let is_described = matches!(call, Call::DescribeGroup { .. });
        match &self.classic {
            None if is_described => {
                self.classic = Some(words);
                Verdict::Onward(self.not_before(now))
            }
            None => Verdict::Failed(error, words),
            Some(first) => Verdict::Failed(error, first.clone().or(words)),
        }
    }
}

/// The list of all groups, while brokers are asked for their parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupList {
    /// Who waits; nobody once it was abandoned.
    pub ticket: Option<Ticket>,
    /// Who has not answered for good.
    waits_for: BTreeSet<NodeId>,
    /// A group that moves meanwhile is told of twice: the later answer counts.
    found: BTreeMap<GroupId, GroupListing>,
    failed: Option<(ErrorCode, String)>,
}

impl GroupList {
    pub fn new(ticket: Option<Ticket>, brokers: &[NodeId]) -> GroupList {
        let waits_for = brokers.iter().copied().collect();
        GroupList { ticket, waits_for, found: BTreeMap::new(), failed: None }
    }

    /// One broker's part came, or never will. Gives what the call comes to once all have.
    pub fn part(
        &mut self,
        node: NodeId,
        part: Result<Vec<GroupListing>, (ErrorCode, String)>,
    ) -> Option<Result<CallResult, (ErrorCode, String)>> {
        self.waits_for.remove(&node);
        match part {
            Ok(groups) => self.found.extend(groups.into_iter().map(|one| (one.group.clone(), one))),
            Err((error, words)) => {
                self.failed.get_or_insert((error, format!("Error listing groups on {node}: {words}")));
            }
        }
        if !self.waits_for.is_empty() {
            return None;
        }
        Some(match self.failed.take() {
            Some(failed) => Err(failed),
            None => Ok(CallResult::Groups { groups: std::mem::take(&mut self.found).into_values().collect() }),
        })
    }
}

/// Whether the call is about one group, and so for its coordinator.
pub(super) fn is_coordinated(call: &Call) -> bool {
    matches!(call, Call::DescribeGroup { .. } | Call::DeleteGroup { .. } | Call::DeleteOffsets { .. })
}

fn group_of(call: &Call) -> &GroupId {
    match call {
        Call::DescribeGroup { group } | Call::DeleteGroup { group } | Call::DeleteOffsets { group, .. } => group,
        other => unreachable!("{other:?} is about no group"),
    }
}

/// Which brokers are there? No topic is asked about.
pub(super) fn brokers_request() -> Request {
    MetadataRequest { topics: Some(Vec::new()), allow_auto_topic_creation: true }.into()
}

/// The answer: an empty list of brokers is worth asking again (`StaleMetadataException`).
pub(super) fn brokers_verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Answered(Response::Metadata(response)) if response.brokers.is_empty() => {
            Verdict::Retry(ErrorCode::LeaderNotAvailable)
        }
        Outcome::Answered(Response::Metadata(response)) => {
            Verdict::Ask(response.brokers.iter().map(|broker| broker.node).collect())
        }
        Outcome::Answered(_) => Verdict::Failed(ErrorCode::UnknownServerError, None),
        Outcome::Disconnected | Outcome::Sent | Outcome::TimedOut => Verdict::Retry(ErrorCode::NetworkException),
        Outcome::UnsupportedVersion => Verdict::Failed(ErrorCode::UnsupportedVersion, None),
    }
}

/// One broker's part of the list.
pub(super) fn part_verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Answered(Response::ListGroups(response)) => match response.error {
            ErrorCode::None => Verdict::Done(CallResult::Groups { groups: listings(response) }),
            error @ (ErrorCode::CoordinatorLoadInProgress | ErrorCode::CoordinatorNotAvailable) => {
                Verdict::Retry(error)
            }
            error => Verdict::Failed(error, None),
        },
        Outcome::Answered(_) => Verdict::Failed(ErrorCode::UnknownServerError, None),
        Outcome::Disconnected | Outcome::Sent | Outcome::TimedOut => Verdict::Retry(ErrorCode::NetworkException),
        Outcome::UnsupportedVersion => Verdict::Failed(ErrorCode::UnsupportedVersion, None),
    }
}

/// The request that answers the call.
pub(super) fn request_of(call: &Call) -> Request {
    match call.clone() {
        Call::ListGroups { states, types } => ListGroupsRequest { states, types }.into(),
        Call::DescribeGroup { group } => ConsumerGroupDescribeRequest { groups: vec![group] }.into(),
        Call::DeleteGroup { group } => DeleteGroupsRequest { groups: vec![group] }.into(),
        Call::DeleteOffsets { group, partitions } => OffsetDeleteRequest { group, partitions }.into(),
        other => unreachable!("{other:?} is not about groups"),
    }
}

/// What a coordinator's answer says: its error, the words with it, and what was asked for.
fn read(
    ctx: &mut Context,
    node: NodeId,
    call: &Call,
    response: &Response,
) -> (ErrorCode, Option<String>, Option<CallResult>) {
    let missing = (ErrorCode::UnknownServerError, Some("The answer holds no result".to_owned()), None);
    let described = |(error, words), description| match error {
        ErrorCode::None => (ErrorCode::None, None, Some(CallResult::Group { description })),
        error => (error, words, None),
    };
    match response {
        Response::ConsumerGroupDescribe(response) => response.groups.first().map_or(missing, |group| {
            described((group.error, group.error_message.clone()), modern_description(node, group))
        }),
        Response::DescribeGroups(response) => response.groups.first().map_or(missing, |group| {
            if !matches!(group.protocol_type.as_str(), "" | CONSUMERS) {
                let words = format!("GroupId {} is not a consumer group ({}).", group.group, group.protocol_type);
                return (ErrorCode::InvalidRequest, Some(words), None);
            }
            described((group.error, group.error_message.clone()), classic_description(node, group))
        }),
        Response::DeleteGroups(response) => response.results.first().map_or(missing, |(_, error)| (*error, None, None)),
        Response::OffsetDelete(response) => {
            let (error, kept) = deleted(ctx, group_of(call), response);
            // What is wrong with a partition is final, also if another call could do better.
            let failed = kept.map(|error| CallResult::Failed { error, message: error.name().to_owned() });
            (error, None, failed)
        }
        other => unreachable!("{:?} is no answer to {call:?}", other.api()),
    }
}

/// Tells which offsets are deleted. Gives the error of the whole, and that of the first partition that has one.
fn deleted(ctx: &mut Context, group: &GroupId, response: &OffsetDeleteResponse) -> (ErrorCode, Option<ErrorCode>) {
    let done = response.partitions.iter().filter(|(_, error)| error.is_none());
    let partitions: Vec<TopicPartition> = done.map(|(partition, _)| partition.clone()).collect();
    if response.error.is_none() && !partitions.is_empty() {
        ctx.emit(ClientEvent::GroupOffsetsDeleted { group: group.clone(), partitions });
    }
    let refused = response.partitions.iter().map(|(_, error)| *error).find(|error| !error.is_none());
    (response.error, refused)
}

fn listings(response: &ListGroupsResponse) -> Vec<GroupListing> {
    let listing = |it: &crate::message::ListedGroup| GroupListing {
        group: it.group.clone(),
        group_type: it.group_type.clone(),
        protocol_type: it.protocol_type.clone(),
        state: it.state.clone(),
    };
    response.groups.iter().map(listing).collect()
}

fn classic_description(coordinator: NodeId, group: &DescribedGroup) -> GroupDescription {
    let member = |it: &DescribedGroupMember| MemberDescription {
        member: it.member.clone(),
        instance: it.instance.clone(),
        client_id: it.client_id.clone(),
        assigned: consumer_protocol::decode_assignment(&it.assignment).map(|it| it.partitions).unwrap_or_default(),
        target: None,
        epoch: None,
    };
    GroupDescription {
        group: group.group.clone(),
        group_type: "classic".to_owned(),
        state: group.state.clone(),
        coordinator,
        assignor: group.protocol.clone(),
        epochs: None,
        members: group.members.iter().map(member).collect(),
    }
}

fn modern_description(coordinator: NodeId, group: &DescribedConsumerGroup) -> GroupDescription {
    let member = |it: &DescribedConsumerGroupMember| MemberDescription {
        member: it.member.clone(),
        instance: it.instance.clone(),
        client_id: it.client_id.clone(),
        assigned: partitions_of(&it.assignment),
        target: Some(partitions_of(&it.target_assignment)),
        epoch: Some(it.member_epoch),
    };
    GroupDescription {
        group: group.group.clone(),
        group_type: "consumer".to_owned(),
        state: group.state.clone(),
        coordinator,
        assignor: group.assignor.clone(),
        epochs: Some((group.group_epoch, group.assignment_epoch)),
        members: group.members.iter().map(member).collect(),
    }
}

fn partitions_of(assignment: &DescribedAssignment) -> Vec<TopicPartition> {
    let topics = assignment.names.iter().zip(assignment.partitions.values());
    topics
        .flat_map(|(topic, partitions)| {
            partitions.iter().map(|partition| TopicPartition::new(topic.as_str(), *partition))
        })
        .collect()
}

/// A call about one group that came to nothing, as an event.
pub(super) fn failed(call: &Call, error: ErrorCode) -> Option<ClientEvent> {
    let kind = match call {
        Call::DescribeGroup { .. } => GroupCall::Describe,
        Call::DeleteGroup { .. } => GroupCall::Delete,
        Call::DeleteOffsets { .. } => GroupCall::DeleteOffsets,
        _ => return None,
    };
    Some(ClientEvent::GroupCallFailed { group: group_of(call).clone(), call: kind, error })
}

/// What a call that is done comes to, as an event.
pub(super) fn done(call: &Call, result: &CallResult) -> Option<ClientEvent> {
    match (call, result) {
        (_, CallResult::Groups { groups }) => {
            Some(ClientEvent::GroupsListed { groups: groups.iter().map(|one| one.group.clone()).collect() })
        }
        (_, CallResult::Group { description }) => Some(ClientEvent::GroupDescribed {
            group: description.group.clone(),
            group_type: description.group_type.clone(),
            state: description.state.clone(),
            coordinator: description.coordinator,
            members: description.members.len(),
        }),
        (Call::DeleteGroup { group }, CallResult::Done) => Some(ClientEvent::GroupDeleted { group: group.clone() }),
        _ => None,
    }
}
