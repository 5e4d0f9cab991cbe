//! The client machine: what happens to the process, and in which order its parts run.
//!
//! ```text
//!   input ─▶ network ─▶ ┌ metadata request, if due ┐
//!                       │ requests that ended      │ again until nothing moves ─▶ calls resolved
//!                       └ producer/consumer/admin ─┘
//! ```
//!
//! That is the order of one `NetworkClient.poll` with the thread around it: a metadata
//! request that is due leaves before anything else.

use std::collections::BTreeSet;
use std::time::Duration;

use super::admin::Admin;
use super::cluster::Cluster;
use super::consumer::Consumer;
use super::metadata::Metadata;
use super::network::{Asker, Completion, Network};
use super::producer::Producer;
use super::settings;
use super::{
    BatchView, Call, CallResult, ClientConfig, ClientKind, CloseOptions, InFlightView, KnownLeader, MembershipView,
    PositionView, failed, resolve,
};
use crate::context::Context;
use crate::effects::{ExitReason, Output};
use crate::event::CommitCause;
use crate::ids::{NodeId, ProducerEpoch, ProducerId, Ticket, TopicName};
use crate::input::Input;
use crate::message::ErrorCode;
use crate::time::{Time, earliest};

/// The kind of client, with its state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Admin(Box<Admin>),
}

/// A client that sends what it has and then closes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Closing {
    tickets: Vec<Ticket>,
    /// Whether the process ends with it.
    exit: bool,
}

/// How far the client's life is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Life {
    Open,
    Closing(Closing),
    Closed,
}

/// One client process: a producer, a consumer or an admin.
///
/// It runs in one lane, [`crate::input::Lane::Data`]. It does nothing before its first
/// timer, which is due at once: a producer then asks for metadata and a producer id by
/// itself, as Kafka's does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    config: ClientConfig,
    cluster: Cluster,
    role: Role,
    life: Life,
    /// The topics of the last `Call::Warm`, and who waits for it.
    warm_topics: BTreeSet<TopicName>,
    warming: Vec<Ticket>,
    /// Who waits for metadata newer than this version.
    refreshing: Vec<(Ticket, u64)>,
    deadline: Option<Time>,
}

impl Client {
    /// A client as its process starts.
    ///
    /// # Panics
    /// If a producer's settings do not go together, where Kafka's constructor throws a `ConfigException`:
    /// [`ClientKind::producer`] says so before.
    pub fn new(config: ClientConfig, ctx: &mut Context) -> Client {
        if let ClientKind::Producer { acks, settings } = &config.kind
            && let Err(error) = settings.agree(*acks)
        {
            panic!("{}: {error}", config.client_id);
        }
        let (network, metadata) = settings::of(&config);
        let role = match &config.kind {
            ClientKind::Producer { acks, settings } => {
                Role::Producer(Box::new(Producer::new(*acks, settings.clone(), &config.behaviour)))
            }
            ClientKind::Consumer { .. } => {
                Role::Consumer(Box::new(Consumer::new(&config.kind, &config.behaviour, ctx.now.monotonic)))
            }
            ClientKind::Admin { settings } => Role::Admin(Box::new(Admin::new(settings.clone()))),
        };
        Client {
            cluster: Cluster { network: Network::new(network), metadata: Metadata::new(metadata) },
            role,
            life: Life::Open,
            warm_topics: BTreeSet::new(),
            warming: Vec::new(),
            refreshing: Vec::new(),
            deadline: Some(ctx.now.monotonic),
            config,
        }
    }

    /// Takes an input to completion.
    pub fn step(&mut self, ctx: &mut Context, input: Input) {
        if self.life == Life::Closed {
            match input {
                Input::Call { ticket, call } => refuse(ctx, ticket, &call, "the client is closed"),
                Input::Stop => ctx.output(Output::Exit { reason: ExitReason::Stopped }),
                _ => {}
            }
            return;
        }
        match input {
            Input::Connected { connection } => self.cluster.network.on_connected(ctx, connection),
            Input::Closed { connection, .. } => self.cluster.network.on_closed(ctx, connection),
            Input::Received { connection, message } => self.cluster.network.on_received(ctx, connection, message),
            Input::Timers { .. } => {
                self.cluster.network.on_timers(ctx);
                self.cluster.maybe_rebootstrap(ctx);
            }
            Input::Call { ticket, call } => self.call(ctx, ticket, call),
            Input::Abandon { ticket } => self.abandon(ticket),
            Input::Stop => self.begin_close(ctx, None, CloseOptions::default()),
            // A client listens on no port, has no other lane and no files.
            Input::Accepted { .. } | Input::Internal { .. } | Input::Flushed { .. } => {}
        }
        self.run(ctx);
        self.finish_calls(ctx);
        self.deadline = self.earliest_deadline(ctx.now.monotonic);
    }

    /// When the earliest timer is due, on the monotonic clock.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn earliest_deadline(&self, now: Time) -> Option<Time> {
        if self.life == Life::Closed {
            return None;
        }
        let role = match &self.role {
            Role::Producer(producer) => producer.next_deadline(&self.cluster, now),
            Role::Consumer(consumer) => consumer.next_deadline(&self.cluster, now),
            Role::Admin(admin) => admin.next_deadline(&self.cluster, now),
        };
        earliest([self.cluster.next_deadline(now), role])
    }

    // ---- Calls --------------------------------------------------------------------

    fn call(&mut self, ctx: &mut Context, ticket: Ticket, call: Call) {
        if self.life != Life::Open && !matches!(call, Call::Close | Call::End(_)) {
            refuse(ctx, ticket, &call, "the client is being closed");
            return;
        }
        match (call, &mut self.role) {
            (Call::RefreshMetadata, _) => {
                self.refreshing.push((ticket, self.cluster.metadata.update_version()));
                self.cluster.metadata.request_update();
            }
            (Call::Warm { topics }, _) => {
                self.warm_topics = topics.iter().map(|topic| TopicName::new(topic)).collect();
                self.warming.push(ticket);
            }
            (Call::Close, _) => self.begin_close(ctx, Some(ticket), CloseOptions::default()),
            (Call::End(options), Role::Consumer(_)) => {
                self.begin_close(ctx, Some(ticket), options);
                if let Life::Closing(closing) = &mut self.life {
                    closing.exit = true;
                }
            }
            (Call::Send(record), Role::Producer(producer)) => producer.send(ctx, &mut self.cluster, ticket, record),
            (Call::SendAll(records), Role::Producer(producer)) => {
                for (number, record) in (ticket.0..).zip(records) {
                    producer.send(ctx, &mut self.cluster, Ticket(number), record);
                }
            }
            (Call::Flush, Role::Producer(producer)) => producer.flush(ctx, Some(ticket)),
            (Call::Assign(partitions), Role::Consumer(consumer)) if partitions.is_empty() => {
                consumer.unsubscribe(ctx, &mut self.cluster);
                resolve(ctx, Some(ticket), CallResult::Done);
            }
            (Call::Assign(partitions), Role::Consumer(consumer)) => match consumer.refuses_assignment() {
                Some(reason) => failed(ctx, Some(ticket), ErrorCode::InvalidRequest, reason),
                None => {
                    consumer.assign(ctx, &mut self.cluster, partitions);
                    resolve(ctx, Some(ticket), CallResult::Done);
                }
            },
            (call, Role::Consumer(_)) if call.is_about_a_group() => self.group_call(ctx, ticket, call),
            (Call::Poll { timeout_ms }, Role::Consumer(consumer)) => {
                consumer.poll(ctx, ticket, Duration::from_millis(timeout_ms));
            }
            (Call::Seek { partition, offset }, Role::Consumer(consumer)) => {
                consumer.seek(ctx, &self.cluster, ticket, &partition, offset);
            }
            (call, Role::Admin(admin)) if Admin::understands(&call) => admin.call(ctx, ticket, call),
            (call, _) => {
                let message = format!("this client does not do {}", call.method());
                refuse(ctx, ticket, &call, &message);
            }
        }
    }

    fn group_call(&mut self, ctx: &mut Context, ticket: Ticket, call: Call) {
        let Role::Consumer(consumer) = &mut self.role else { unreachable!("only a consumer has a group") };
        let cluster = &mut self.cluster;
        let done = match call {
            Call::Subscribe { topics } if !topics.is_empty() => match consumer.refuses_subscription() {
                Some(reason) => Err(reason.to_owned()),
                None => {
                    consumer.subscribe(ctx, cluster, topics.iter().map(|topic| TopicName::new(topic)).collect());
                    Ok(())
                }
            },
            Call::SubscribePattern { pattern, on_server } => consumer.subscribe_pattern(cluster, pattern, on_server),
            Call::Subscribe { .. } | Call::Unsubscribe => {
                consumer.unsubscribe(ctx, cluster);
                Ok(())
            }
            Call::Pause(partitions) => consumer.set_paused(&partitions, true),
            Call::Resume(partitions) => consumer.set_paused(&partitions, false),
            Call::Work { per_record_ms } => {
                consumer.set_work_per_record(Duration::from_millis(per_record_ms));
                Ok(())
            }
            // Resolved when the commit has ended.
            Call::CommitSync => return consumer.commit(ctx, CommitCause::Sync, ticket),
            Call::CommitAsync => return consumer.commit(ctx, CommitCause::Async, ticket),
            Call::CommitOffsets { offsets, metadata } => {
                return consumer.commit_chosen(ctx, offsets, &metadata, ticket);
            }
            other => unreachable!("{} is no call about a group", other.method()),
        };
        match done {
            Ok(()) => resolve(ctx, Some(ticket), CallResult::Done),
            Err(message) => failed(ctx, Some(ticket), ErrorCode::InvalidRequest, &message),
        }
    }

    fn abandon(&mut self, ticket: Ticket) {
        self.warming.retain(|waiting| *waiting != ticket);
        self.refreshing.retain(|(waiting, _)| *waiting != ticket);
        if let Life::Closing(closing) = &mut self.life {
            closing.tickets.retain(|waiting| *waiting != ticket);
        }
        match &mut self.role {
            Role::Producer(producer) => producer.abandon(ticket),
            Role::Consumer(consumer) => consumer.abandon(ticket),
            Role::Admin(admin) => admin.abandon(ticket),
        }
    }

    /// Sends what there is, then closes. Without a ticket it is the process that stops.
    fn begin_close(&mut self, ctx: &mut Context, ticket: Option<Ticket>, options: CloseOptions) {
        if self.life == Life::Open {
            self.life = Life::Closing(Closing::default());
            match &mut self.role {
                Role::Producer(producer) => producer.close(ctx),
                Role::Consumer(consumer) => consumer.close(ctx, &mut self.cluster, options),
                Role::Admin(admin) => admin.close(ctx),
            }
        }
        if let Life::Closing(closing) = &mut self.life {
            closing.tickets.extend(ticket);
            closing.exit |= ticket.is_none();
        }
    }

    fn finish_calls(&mut self, ctx: &mut Context) {
        let version = self.cluster.metadata.update_version();
        let done = self.refreshing.extract_if(.., |(_, asked_at)| *asked_at < version);
        for (ticket, _) in done.collect::<Vec<_>>() {
            resolve(ctx, Some(ticket), CallResult::Done);
        }
        // An application that has ended in an error gets no warmer.
        let is_warm = || self.application_error().is_some() || self.is_warm();
        if !self.warming.is_empty() && self.is_quiet() && is_warm() {
            for ticket in std::mem::take(&mut self.warming) {
                resolve(ctx, Some(ticket), CallResult::Done);
            }
        }
        self.finish_close(ctx);
    }

    fn finish_close(&mut self, ctx: &mut Context) {
        let drained = match &self.role {
            Role::Producer(producer) => producer.is_drained(),
            Role::Consumer(consumer) => consumer.is_drained(),
            Role::Admin(_) => true,
        };
        let Life::Closing(closing) = &self.life else { return };
        if !drained {
            return;
        }
        let closing = closing.clone();
        self.life = Life::Closed;
        self.cluster.network.close_all(ctx);
        let waiting = std::mem::take(&mut self.warming).into_iter();
        let waiting = waiting.chain(std::mem::take(&mut self.refreshing).into_iter().map(|(ticket, _)| ticket));
        for ticket in waiting.collect::<Vec<_>>() {
            failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "the client was closed");
        }
        for ticket in closing.tickets {
            resolve(ctx, Some(ticket), CallResult::Done);
        }
        if closing.exit {
            ctx.output(Output::Exit { reason: ExitReason::Stopped });
        }
    }

    // ---- Running ------------------------------------------------------------------

    fn run(&mut self, ctx: &mut Context) {
        for turn in 0.. {
            assert!(turn < 100_000, "the client {} does not come to rest", self.config.client_id);
            self.warm_up(ctx);
            let mut moved = self.cluster.maybe_update(ctx);
            moved |= self.cluster.network.has_news();
            while let Some(completion) = self.cluster.next_completion(ctx) {
                self.complete(ctx, &completion);
            }
            moved |= match &mut self.role {
                Role::Producer(producer) => producer.run(ctx, &mut self.cluster),
                Role::Consumer(consumer) => consumer.run(ctx, &mut self.cluster),
                Role::Admin(admin) => admin.run(ctx, &mut self.cluster),
            };
            // The turn itself may have found the metadata wanting.
            if !moved && !self.cluster.network.has_news() && !self.cluster.maybe_update(ctx) {
                return;
            }
        }
    }

    fn complete(&mut self, ctx: &mut Context, completion: &Completion) {
        match (&mut self.role, completion.asker) {
            (Role::Producer(producer), Asker::Produce) => producer.on_produce(ctx, &mut self.cluster, completion),
            (Role::Producer(producer), Asker::ProducerId) => producer.on_id(ctx, completion),
            (Role::Consumer(consumer), _) => consumer.on_completion(ctx, &mut self.cluster, completion),
            (Role::Admin(admin), _) => admin.on_completion(ctx, &mut self.cluster, completion),
            (Role::Producer(_), asker) => unreachable!("a producer asks nothing as {asker:?}"),
        }
    }

    /// Learns what a long-running client of the warm topics would know.
    fn warm_up(&mut self, ctx: &mut Context) {
        if let Role::Consumer(consumer) = &mut self.role {
            consumer.set_warming(!self.warming.is_empty());
        }
        if self.warming.is_empty() {
            return;
        }
        let now = ctx.now.monotonic;
        for topic in &self.warm_topics {
            self.cluster.metadata.add_topic(topic, now);
        }
        for node in self.warm_leaders() {
            self.cluster.ready(ctx, node);
        }
    }

    fn warm_leaders(&self) -> BTreeSet<NodeId> {
        let metadata = &self.cluster.metadata;
        let partitions = self.warm_topics.iter().flat_map(|topic| metadata.partitions_of(topic));
        partitions.filter_map(|partition| metadata.leader(&partition)).collect()
    }

    // ---- Views --------------------------------------------------------------------

    /// What it was started with.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Whether no request is in flight except fetches, which a broker may have parked, and
    /// no connection is being made.
    pub fn is_quiet(&self) -> bool {
        self.cluster.network.is_quiet()
    }

    /// Whether it knows all that a long-running client of the topics of the last
    /// `Call::Warm` would: metadata and a connection to each leader; a producer its id, a
    /// consumer the end of each of its partitions, with its next fetches under way.
    pub fn is_warm(&self) -> bool {
        let metadata = &self.cluster.metadata;
        let known = |topic: &TopicName| {
            metadata.partition_count(topic).is_some()
                && metadata.partitions_of(topic).all(|partition| metadata.leader(&partition).is_some())
        };
        let connected = || self.warm_leaders().into_iter().all(|node| self.cluster.network.is_ready(node));
        let role = match &self.role {
            Role::Producer(producer) => producer.has_id(),
            Role::Consumer(consumer) => consumer.is_parked(&self.cluster),
            Role::Admin(_) => true,
        };
        !metadata.is_bootstrapped_only()
            && !metadata.is_wanted()
            && role
            && self.warm_topics.iter().all(known)
            && connected()
    }

    /// Requests without an answer, oldest first on each connection.
    pub fn in_flight(&self) -> Vec<InFlightView> {
        self.cluster.network.in_flight()
    }

    /// The producer's batches that are not acknowledged, in order within a partition.
    pub fn batches(&self) -> Vec<BatchView> {
        match &self.role {
            Role::Producer(producer) => producer.views(),
            Role::Consumer(_) | Role::Admin(_) => Vec::new(),
        }
    }

    /// The leaders that the client knows.
    pub fn known_leaders(&self) -> Vec<KnownLeader> {
        self.cluster.metadata.known_leaders()
    }

    /// Where a consumer stands, by partition.
    pub fn positions(&self) -> Vec<PositionView> {
        match &self.role {
            Role::Consumer(consumer) => consumer.views(),
            Role::Producer(_) | Role::Admin(_) => Vec::new(),
        }
    }

    /// A consumer's group, if it has one.
    pub fn membership(&self) -> Option<MembershipView> {
        match &self.role {
            Role::Consumer(consumer) => consumer.membership(),
            Role::Producer(_) | Role::Admin(_) => None,
        }
    }

    /// The error that ended the application's loop of a consumer that polls by itself.
    pub fn application_error(&self) -> Option<ErrorCode> {
        match &self.role {
            Role::Consumer(consumer) => consumer.ended(),
            Role::Producer(_) | Role::Admin(_) => None,
        }
    }

    /// The idempotent producer's id and epoch, once it has them.
    pub fn producer_id(&self) -> Option<(ProducerId, ProducerEpoch)> {
        match &self.role {
            Role::Producer(producer) => producer.producer_id(),
            Role::Consumer(_) | Role::Admin(_) => None,
        }
    }
}

/// Tells everybody who waits for a call that this client does not do it.
fn refuse(ctx: &mut Context, ticket: Ticket, call: &Call, message: &str) {
    let records = if let Call::SendAll(records) = call { records.len() as u64 } else { 1 };
    for number in 0..records {
        failed(ctx, Some(Ticket(ticket.0 + number)), ErrorCode::InvalidRequest, message);
    }
}
