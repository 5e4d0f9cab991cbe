//! The consumer with assigned partitions: Kafka's `KafkaConsumer`, `Fetcher`,
//! `FetchCollector` and `OffsetFetcher` in one machine.
//!
//! ```text
//!   poll ─▶ positions valid? ── no ──▶ ListOffsets / OffsetForLeaderEpoch to the leaders
//!             │ yes
//!             ▼
//!   records buffered? ── yes ─▶ up to max.poll.records to the application, position moves
//!             │ no                        │ before it returns: next fetches leave
//!             ▼                           ▼
//!   one fetch a node, for all its partitions without buffered records ─▶ parked at the broker
//! ```
//!
//! With `polls_by_itself` the application is a loop that polls for ever and takes its
//! records in no time; its next fetches are then always under way.
//!
//! Simplified: Kafka's classic consumer handles the network only inside `poll`. Here
//! answers and time-outs are taken when they come, as the consumer of KIP-945 does in
//! its own thread; but what an application's poll decides (fetch, validate, reset,
//! return records) is done only while somebody polls.

mod application;
mod fetch;
mod offsets;
mod polling;
mod position;
mod records;
mod session;
mod subscription;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub use application::Work;
pub(crate) use subscription::Consumed;
pub use subscription::pattern_mistake;

use application::Application;
use position::{FetchState, PartitionState, Position};
use records::FetchedRecords;
use session::FetchSession;
use subscription::Subscription;

use super::cluster::Cluster;
use super::group::Group;
use super::network::{Asker, Completion};
use super::view::{MembershipView, PositionView};
use super::{CallResult, ClientKind, CloseOptions, ConsumedRecord, OffsetReset, failed, resolve};
use crate::config::{Behaviour, ConsumerSettings, Switch};
use crate::context::Context;
use crate::event::{ClientEvent, PositionReason};
use crate::ids::{NodeId, Offset, Ticket, TopicName, TopicPartition};
use crate::message::{ErrorCode, FetchPartitionResponse, IsolationLevel};
use crate::table::Table;
use crate::time::Time;

/// A `poll` that waits for records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DelayedPoll {
    ticket: Ticket,
    deadline: Time,
}

/// One partition's part of an answered fetch, as yet unread.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CompletedFetch {
    partition: TopicPartition,
    fetch_offset: Offset,
    answer: FetchPartitionResponse,
}

/// An error that a poll raises.
pub(crate) type Raised = (ErrorCode, String);

/// The consumer's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {
    isolation: IsolationLevel,
    offset_reset: OffsetReset,
    polls_by_itself: bool,
    settings: ConsumerSettings,
    /// Switches are the consumer's own.
    behaviour: Behaviour,
    /// Partitions to assign at the first turn.
    to_assign: Option<Vec<TopicPartition>>,
    /// In the order in which they are fetched: what brought data goes to the end.
    order: Vec<TopicPartition>,
    partitions: Table<TopicPartition, PartitionState>,
    /// The metadata's version at which the positions' leaders were last compared.
    seen_version: Option<u64>,
    sessions: BTreeMap<NodeId, FetchSession>,
    /// The fetch in flight to each node.
    fetching: BTreeMap<NodeId, u64>,
    /// Look-ups in flight, with the policy each partition was asked for.
    resetting: BTreeMap<u64, Vec<(TopicPartition, OffsetReset)>>,
    /// Validations in flight, with the position that was asked about.
    validating: BTreeMap<u64, Vec<(TopicPartition, Position)>>,
    next_token: u64,
    completed: VecDeque<CompletedFetch>,
    reading: Option<FetchedRecords>,
    /// What was fetched of partitions that were paused since: it waits until they are resumed.
    set_aside: Vec<FetchedRecords>,
    polls: VecDeque<DelayedPoll>,
    /// Raised by the next poll.
    raised: Option<Raised>,
    /// What ended the application's loop.
    ended: Option<ErrorCode>,
    warming: bool,
    subscription: Subscription,
    /// Topics to subscribe to at the first turn.
    to_subscribe: Option<BTreeSet<TopicName>>,
    /// Its group; taken out while the group does something.
    group: Option<Box<Group>>,
    /// The application, if it polls by itself.
    application: Application,
    closing: bool,
}

impl Consumer {
    pub fn new(kind: &ClientKind, behaviour: &Behaviour, now: Time) -> Consumer {
        let ClientKind::Consumer { isolation, offset_reset, assign, subscribe, group, polls_by_itself, work, settings } =
            kind
        else {
            unreachable!("a consumer is made from a consumer's configuration");
        };
        Consumer {
            isolation: *isolation,
            offset_reset: *offset_reset,
            polls_by_itself: *polls_by_itself,
            settings: settings.clone(),
            behaviour: behaviour.clone(),
            to_assign: (subscribe.is_empty()).then(|| assign.clone()),
            order: Vec::new(),
            partitions: Table::default(),
            seen_version: None,
            sessions: BTreeMap::new(),
            fetching: BTreeMap::new(),
            resetting: BTreeMap::new(),
            validating: BTreeMap::new(),
            next_token: 1,
            completed: VecDeque::new(),
            reading: None,
            set_aside: Vec::new(),
            polls: VecDeque::new(),
            raised: None,
            ended: None,
            warming: false,
            subscription: Subscription::None,
            to_subscribe: (!subscribe.is_empty()).then(|| subscribe.iter().cloned().collect()),
            group: group.as_ref().map(|membership| Box::new(Group::new(membership, settings, now))),
            application: Application::new(*work),
            closing: false,
        }
    }

    // ---- Calls --------------------------------------------------------------------

    /// `Consumer.assign`: positions of partitions that stay are kept.
    pub fn assign(&mut self, ctx: &mut Context, cluster: &mut Cluster, partitions: Vec<TopicPartition>) {
        self.to_assign = None;
        self.subscription = Subscription::Partitions;
        self.partitions.retain(|partition, _| partitions.contains(partition));
        self.order.retain(|partition| partitions.contains(partition));
        self.completed.retain(|fetch| partitions.contains(&fetch.partition));
        if self.reading.as_ref().is_some_and(|reading| !partitions.contains(&reading.partition)) {
            self.reading = None;
        }
        self.set_aside.retain(|fetched| partitions.contains(&fetched.partition));
        for partition in partitions {
            if !self.partitions.contains_key(&partition) {
                cluster.metadata.add_topic(&partition.topic, ctx.now.monotonic);
                self.order.push(partition.clone());
                self.partitions.insert(partition, PartitionState::new());
            }
        }
    }

    /// `Consumer.poll`.
    pub fn poll(&mut self, ctx: &mut Context, ticket: Ticket, timeout: Duration) {
        if self.polls_by_itself {
            failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "this consumer's application polls by itself");
            return;
        }
        self.polls.push_back(DelayedPoll { ticket, deadline: ctx.now.monotonic + timeout });
    }

    /// `Consumer.seek`.
    pub fn seek(
        &mut self,
        ctx: &mut Context,
        cluster: &Cluster,
        ticket: Ticket,
        partition: &TopicPartition,
        offset: Offset,
    ) {
        let leader = cluster.metadata.current_leader(partition);
        match self.partitions.get_mut(partition) {
            Some(state) if offset >= 0 => {
                let behind = i64::from(self.behaviour.is(Switch::ConsumerSeeksBehind));
                state.seek_unvalidated(Position { offset: offset + behind, offset_epoch: None, leader });
                let reason = PositionReason::Seek;
                ctx.emit(ClientEvent::PositionSet { partition: partition.clone(), offset, reason });
                resolve(ctx, Some(ticket), CallResult::Done);
            }
            Some(_) => failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "an offset is never negative"),
            None => {
                let message = format!("No current assignment for partition {partition}");
                failed(ctx, Some(ticket), ErrorCode::InvalidRequest, &message);
            }
        }
    }

    /// Nobody waits for this poll any more: what it would have returned stays for the next.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.polls.retain(|poll| poll.ticket != ticket);
        if let Some(group) = &mut self.group {
            group.abandon(ticket);
        }
    }

    /// Whether somebody waits for it to become warm.
    pub(crate) fn is_warming(&self) -> bool {
        self.warming
    }

    /// Learns positions and keeps fetches parked even while nobody polls, to become warm.
    pub fn set_warming(&mut self, warming: bool) {
        self.warming = warming;
    }

    /// Commits and leaves its group, if it has one; then ends the fetch sessions, whose answers are not waited for.
    pub fn close(&mut self, ctx: &mut Context, cluster: &mut Cluster, options: CloseOptions) {
        self.closing = true;
        for poll in std::mem::take(&mut self.polls) {
            failed(ctx, Some(poll.ticket), ErrorCode::InvalidRequest, "the consumer was closed");
        }
        if let Some(mut group) = self.group.take() {
            group.close(ctx, self, options);
            self.group = Some(group);
        }
        self.end_sessions(ctx, cluster);
    }

    /// Whether nothing more will leave.
    pub fn is_drained(&self) -> bool {
        self.group.as_ref().is_none_or(|group| group.is_closed())
    }

    fn end_sessions(&mut self, ctx: &mut Context, cluster: &mut Cluster) {
        let ends: Vec<_> = self.sessions.iter().filter_map(|(node, session)| Some((*node, session.close()?))).collect();
        for (node, end) in ends {
            if cluster.network.can_send(node) {
                self.send_fetch(ctx, cluster, node, &end);
            }
        }
    }

    // ---- Answers ------------------------------------------------------------------

    /// A request ended.
    pub fn on_completion(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        match completion.asker {
            Asker::Fetch => self.on_fetch(ctx, cluster, completion),
            Asker::ListOffsets => self.on_offsets(ctx, cluster, completion),
            Asker::Validate => self.on_validation(ctx, cluster, completion),
            Asker::Coordinator | Asker::Member | Asker::Commit | Asker::Committed => {
                self.with_group(ctx, |group, ctx, consumer| group.on_completion(ctx, cluster, consumer, completion));
            }
            Asker::Versions | Asker::Metadata | Asker::Produce | Asker::ProducerId | Asker::Admin => {
                unreachable!("a consumer does not ask as {:?}", completion.asker)
            }
        }
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    // ---- Views --------------------------------------------------------------------

    /// Where it stands, by partition.
    pub fn views(&self) -> Vec<PositionView> {
        let view = |(partition, state): (&TopicPartition, &PartitionState)| PositionView {
            partition: partition.clone(),
            offset: state.position().map(|position| position.offset),
            state: state.name(),
            high_watermark: state.high_watermark,
        };
        self.partitions.iter().map(view).collect()
    }

    /// Its group, if it has one.
    pub fn membership(&self) -> Option<MembershipView> {
        self.group.as_ref().map(|group| group.view(self))
    }

    /// The error that ended the application's loop.
    pub fn ended(&self) -> Option<ErrorCode> {
        self.ended
    }

    /// The end of the partition as this consumer sees it.
    fn end_of(&self, state: &PartitionState) -> Option<Offset> {
        match self.isolation {
            IsolationLevel::ReadUncommitted => state.high_watermark,
            IsolationLevel::ReadCommitted => state.last_stable_offset,
        }
    }

    /// Whether each partition is either read to its end, or to where its leader has nothing new, with a fetch under way to its
    /// leader or to the replica that this has named, or has records that nobody polls for.
    pub fn is_parked(&self, cluster: &Cluster) -> bool {
        let parked = |(partition, state): (&TopicPartition, &PartitionState)| {
            if !self.polls_by_itself && self.is_buffered(partition) {
                return true;
            }
            let Some(position) = state.valid_position() else { return false };
            let at_end = self.end_of(state).map_or(state.without_news, |end| position.offset >= end);
            let mut nodes = position.leader.leader.into_iter().chain(state.told_to_read_at());
            at_end && nodes.any(|node| cluster.network.has_in_flight(node, Asker::Fetch))
        };
        let settled = self.group.as_ref().is_none_or(|group| group.is_settled(self));
        let begun = self.to_assign.is_none() && self.to_subscribe.is_none();
        begun && settled && self.partitions.iter().all(parked)
    }

    /// When the next thing happens by itself.
    pub fn next_deadline(&self, cluster: &Cluster, now: Time) -> Option<Time> {
        let group = self.group.as_ref().and_then(|group| group.next_deadline(cluster, self, now));
        let beside = [self.application.next_deadline(), group].into_iter().flatten();
        if !self.is_active() {
            return beside.filter(|at| *at > now).min();
        }
        let polls = self.polls.iter().map(|poll| poll.deadline);
        let retries = self.partitions.values().filter_map(|state| match state.state {
            FetchState::AwaitingReset(_) | FetchState::AwaitingValidation(_) => state.next_retry,
            FetchState::Initializing | FetchState::Fetching(_) => None,
        });
        let leaders = self.partitions.iter().filter_map(|(partition, state)| {
            let leader = state.position().map(|position| position.leader.leader);
            leader.unwrap_or_else(|| cluster.metadata.leader(partition))
        });
        let elsewhere = self.partitions.values().filter_map(PartitionState::told_to_read_at);
        let reconnects = leaders.chain(elsewhere).filter_map(|node| cluster.network.connectable_at(node));
        // What is due already waits for something else.
        polls.chain(retries).chain(reconnects).chain(beside).filter(|at| *at > now).min()
    }
}

/// Whether any record or movement came of a poll.
type Collected = (Vec<ConsumedRecord>, bool);
