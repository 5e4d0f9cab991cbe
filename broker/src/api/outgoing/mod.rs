//! The client's side of connections between processes: at most one connection for each
//! purpose and destination, one request in flight on it (`NetworkClient` with one
//! in-flight request, `InterBrokerSendThread`).
//!
//! ```text
//!                 send            connected            ApiVersions answered
//!  Disconnected ───────▶ Connecting ─────▶ Handshaking ─────────▶ Ready ──▶ one request
//!       ▲   after back-off     │                │                   │       in flight,
//!       └──────────────────────┴────────────────┴───────────────────┘       the rest queued
//!         refused, closed, reset, timed out: everything in flight or queued fails
//! ```
//!
//! | purpose | first asks ApiVersions | request time-out | reconnect back-off |
//! | --- | --- | --- | --- |
//! | fetcher | no: versions follow from metadata.version | request.timeout.ms | none; the fetcher backs off itself |
//! | raft | yes | controller.quorum.request.timeout.ms | 50 to 500 ms, ±20 % |
//! | heartbeat | yes | broker.heartbeat.interval.ms | 50 ms |
//! | AlterPartition, forwarding, registration | yes | 30 s | 50 ms |
//!
//! What goes to the active controller, wherever that is, goes through
//! [`Channels::send_to_controller`], which finds it and tries again.
//!
//! Simplified: connections have no idle time-out; connecting may take 10 s each time,
//! without Kafka's growth to 30 s; a request that meets a channel in back-off waits for the
//! next attempt, where Kafka fails it when the back-off is over and lets the caller retry.
//! A member of the quorum that is asked as a bootstrap server is reached by the connection to that member; in Kafka a
//! bootstrap server is a node of its own, with a negative id and another connection (`KafkaRaftClient`), so that a vote
//! never waits behind a fetch sent there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::message::Message;
use super::versions::{self, VersionRange};
use super::wire;
use crate::choice::Purpose;
use crate::context::Context;
use crate::effects::Output;
use crate::ids::{ConnectionId, CorrelationId, Endpoint, NodeId};
use crate::message::{Api, ApiVersionsRequest, Request, Response};
use crate::outbox::{give_room, take_filled};
use crate::table::Table;
use crate::time::{Time, earliest};

mod client_ids;
mod controller;
mod outcome;
#[cfg(test)]
mod tests;

use client_ids::ClientIds;
use controller::ToController;
pub use outcome::{ChannelFailure, ChannelOutput};

/// What a connection between two processes is for. Each purpose has its own, so that a
/// request that is stuck for one purpose never delays another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelPurpose {
    /// A broker fetches from a partition leader.
    Fetcher,
    /// The metadata quorum.
    Raft,
    /// A broker registers itself and says that it lives.
    Heartbeat,
    /// A partition leader proposes in-sync replicas.
    AlterPartition,
    /// A broker passes administrators' requests on, and asks for producer ids.
    Forwarding,
    /// A controller registers itself with the active controller.
    Registration,
}

/// Names a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelKey {
    /// What it is for.
    pub purpose: ChannelPurpose,
    /// Where it leads.
    pub to: Endpoint,
}

/// How a lane's channels behave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelsConfig {
    /// This process: it names the client ids.
    pub node: NodeId,
    /// The first connection number to use. Connections are numbered within a process, so
    /// lanes that open connections share the numbers out: each starts at another number…
    pub first_connection: u64,
    /// …and takes every so many-th.
    pub connection_stride: u64,
    /// `controller.quorum.request.timeout.ms`.
    pub raft_request_timeout: Duration,
    /// `broker.heartbeat.interval.ms`: the longest that a heartbeat is tried.
    pub heartbeat_interval: Duration,
    /// `request.timeout.ms`, for fetchers.
    pub request_timeout: Duration,
}

impl ChannelsConfig {
    fn request_timeout_of(&self, purpose: ChannelPurpose) -> Duration {
        match purpose {
            ChannelPurpose::Fetcher => self.request_timeout,
            ChannelPurpose::Raft => self.raft_request_timeout,
            ChannelPurpose::Heartbeat => self.heartbeat_interval.min(CONTROLLER_SOCKET_TIMEOUT),
            ChannelPurpose::Registration => REGISTRATION_RETRY_TIMEOUT,
            ChannelPurpose::AlterPartition | ChannelPurpose::Forwarding => CONTROLLER_SOCKET_TIMEOUT,
        }
    }
}

/// `socket.connection.setup.timeout.ms`.
const CONNECTION_SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// `controller.socket.timeout.ms`.
const CONTROLLER_SOCKET_TIMEOUT: Duration = Duration::from_secs(30);
/// What `ControllerServer` gives a controller's registration.
const REGISTRATION_RETRY_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_BACKOFF_MS: u64 = 50;
const MAX_RAFT_BACKOFF_MS: u64 = 500;

/// All channels of one lane of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channels {
    config: ChannelsConfig,
    client_ids: ClientIds,
    channels: Table<ChannelKey, Channel>,
    keys: Table<ConnectionId, ChannelKey>,
    next_connection: u64,
    next_correlation_id: CorrelationId,
    controller: Option<Endpoint>,
    to_controller: BTreeMap<ChannelPurpose, ToController>,
    outputs: Vec<ChannelOutput>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Channel {
    state: ChannelState,
    queue: VecDeque<QueuedRequest>,
    /// Attempts to connect that failed since the last one that succeeded.
    failures: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ChannelState {
    Disconnected { retry_at: Time },
    Connecting { connection: ConnectionId, deadline: Time },
    Handshaking { connection: ConnectionId, correlation_id: CorrelationId, deadline: Time },
    Ready { connection: ConnectionId, versions: BTreeMap<Api, i16>, in_flight: Option<InFlight> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InFlight {
    token: u64,
    api: Api,
    correlation_id: CorrelationId,
    deadline: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct QueuedRequest {
    token: u64,
    request: Request,
    deadline: Time,
}

impl Channel {
    fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            ChannelState::Disconnected { .. } => None,
            ChannelState::Connecting { connection, .. }
            | ChannelState::Handshaking { connection, .. }
            | ChannelState::Ready { connection, .. } => Some(connection),
        }
    }

    /// When the connection counts as broken.
    fn deadline(&self) -> Option<Time> {
        match &self.state {
            ChannelState::Disconnected { .. } => None,
            ChannelState::Connecting { deadline, .. } | ChannelState::Handshaking { deadline, .. } => Some(*deadline),
            ChannelState::Ready { in_flight, .. } => in_flight.as_ref().map(|request| request.deadline),
        }
    }
}

impl Channels {
    /// No channels yet.
    pub fn new(config: ChannelsConfig) -> Self {
        assert!(config.first_connection > 0 && config.connection_stride > 0, "connections are numbered from 1");
        Channels {
            next_connection: config.first_connection,
            client_ids: ClientIds::new(config.node),
            config,
            channels: Table::default(),
            keys: Table::default(),
            next_correlation_id: 0,
            controller: None,
            to_controller: BTreeMap::new(),
            outputs: Vec::new(),
        }
    }

    /// Sends a request as soon as those before it on the channel are answered; what becomes
    /// of it appears in [`Channels::take_outputs`] under `token`.
    pub fn send(&mut self, ctx: &mut Context, key: ChannelKey, token: u64, request: Request) {
        let deadline = ctx.now.monotonic + self.config.request_timeout_of(key.purpose);
        let channel = self.channels.get_or_insert_with(key.clone(), || Channel {
            state: ChannelState::Disconnected { retry_at: Time::ZERO },
            queue: VecDeque::new(),
            failures: 0,
        });
        channel.queue.push_back(QueuedRequest { token, request, deadline });
        self.advance(ctx, &key);
    }

    /// Whether this connection is one of these channels'.
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.keys.contains_key(&connection)
    }

    /// A connection is established.
    pub fn connected(&mut self, ctx: &mut Context, connection: ConnectionId) {
        let Some(key) = self.keys.get(&connection).cloned() else { return };
        if key.purpose == ChannelPurpose::Fetcher {
            let versions = Api::ALL.iter().map(|api| (*api, versions::latest(*api))).collect();
            self.become_ready(ctx, &key, connection, versions);
            return;
        }
        let request = ApiVersionsRequest {
            client_software_name: "apache-kafka-java".to_owned(),
            client_software_version: "4.1.0".to_owned(),
        };
        let correlation_id = self.transmit(ctx, &key, connection, request.into(), versions::latest(Api::ApiVersions));
        let deadline = ctx.now.monotonic + self.config.request_timeout_of(key.purpose);
        self.channel(&key).state = ChannelState::Handshaking { connection, correlation_id, deadline };
    }

    /// A connection is gone, or never came about.
    pub fn closed(&mut self, ctx: &mut Context, connection: ConnectionId) {
        if let Some(key) = self.keys.get(&connection).cloned() {
            self.break_channel(ctx, &key, ChannelFailure::Disconnected, false);
        }
        self.settle(ctx);
    }

    /// A message arrived.
    pub fn received(&mut self, ctx: &mut Context, connection: ConnectionId, message: Arc<Message>) {
        let Some(key) = self.keys.get(&connection).cloned() else { return };
        let answers = message.correlation_id;
        let answer = wire::take_response(message);
        match (&mut self.channel(&key).state, answer) {
            (ChannelState::Handshaking { correlation_id, .. }, Ok(Response::ApiVersions(answer)))
                if *correlation_id == answers && answer.error.is_none() =>
            {
                let ranges = answer.api_keys.iter().filter_map(|(key, lowest, highest)| {
                    let api = Api::from_key(*key)?;
                    let range = VersionRange { lowest: *lowest, highest: *highest };
                    Some((api, versions::spoken(api).highest_common(range)?))
                });
                let versions = ranges.collect();
                self.become_ready(ctx, &key, connection, versions);
            }
            (ChannelState::Ready { in_flight, .. }, Ok(response))
                if in_flight
                    .as_ref()
                    .is_some_and(|request| request.correlation_id == answers && request.api == response.api()) =>
            {
                let request = in_flight.take().expect("matched above");
                self.outputs.push(ChannelOutput::Response { key: key.clone(), token: request.token, response });
                self.advance(ctx, &key);
            }
            // Simplified: an older server's ApiVersions is not negotiated down.
            _ => self.break_channel(ctx, &key, ChannelFailure::Malformed, true),
        }
        self.settle(ctx);
    }

    /// Does everything that is due: requests and connections that timed out fail, channels
    /// whose back-off is over connect again.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        for key in self.channels.keys().cloned().collect::<Vec<_>>() {
            if self.channel(&key).deadline().is_some_and(|deadline| deadline <= now) {
                self.break_channel(ctx, &key, ChannelFailure::TimedOut, true);
                continue;
            }
            // Requests of one channel have one time-out, so the first to expire is in front.
            while self.channel(&key).queue.front().is_some_and(|request| request.deadline <= now) {
                let request = self.channel(&key).queue.pop_front().expect("looked at above");
                let reason = ChannelFailure::TimedOut;
                self.outputs.push(ChannelOutput::Failed { key: key.clone(), token: request.token, reason });
            }
            self.advance(ctx, &key);
        }
        self.settle(ctx);
    }

    /// When [`Channels::on_timers`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        let mut first = self.controller_deadline();
        for channel in self.channels.values() {
            let reconnect = match channel.state {
                ChannelState::Disconnected { retry_at } if !channel.queue.is_empty() => Some(retry_at),
                _ => None,
            };
            let queued = channel.queue.front().map(|request| request.deadline);
            first = earliest([first, channel.deadline(), reconnect, queued]);
        }
        first
    }

    /// What became of requests since the last call, in order.
    pub fn take_outputs(&mut self) -> Vec<ChannelOutput> {
        take_filled(&mut self.outputs)
    }

    /// Takes a list back that was emptied: what comes next is written there.
    pub fn reuse(&mut self, emptied: Vec<ChannelOutput>) {
        give_room(&mut self.outputs, emptied);
    }

    /// Closes a channel that is no longer needed; its requests are forgotten without a word.
    pub fn close(&mut self, ctx: &mut Context, key: &ChannelKey) {
        if let Some(connection) = self.channels.remove(key).and_then(|channel| channel.connection()) {
            self.keys.remove(&connection);
            ctx.output(Output::Close { connection });
        }
    }

    /// Closes all channels, as a process does at its end.
    pub fn close_all(&mut self, ctx: &mut Context) {
        for key in self.channels.keys().cloned().collect::<Vec<_>>() {
            self.close(ctx, &key);
        }
        self.to_controller.clear();
    }

    fn channel(&mut self, key: &ChannelKey) -> &mut Channel {
        self.channels.get_mut(key).expect("a key with a connection or an entry names a channel")
    }

    fn become_ready(
        &mut self,
        ctx: &mut Context,
        key: &ChannelKey,
        connection: ConnectionId,
        versions: BTreeMap<Api, i16>,
    ) {
        let channel = self.channel(key);
        channel.state = ChannelState::Ready { connection, versions, in_flight: None };
        channel.failures = 0;
        self.advance(ctx, key);
    }

    /// Connects, or sends the next request, if there is one and nothing is in its way.
    fn advance(&mut self, ctx: &mut Context, key: &ChannelKey) {
        let now = ctx.now.monotonic;
        loop {
            let channel = self.channel(key);
            match &channel.state {
                ChannelState::Disconnected { retry_at } if *retry_at <= now && !channel.queue.is_empty() => {
                    let connection = ConnectionId(self.next_connection);
                    self.next_connection += self.config.connection_stride;
                    self.keys.insert(connection, key.clone());
                    let deadline = now + CONNECTION_SETUP_TIMEOUT;
                    self.channel(key).state = ChannelState::Connecting { connection, deadline };
                    ctx.output(Output::Connect { connection, to: key.to.clone() });
                    return;
                }
                ChannelState::Ready { in_flight: None, connection, versions } => {
                    let connection = *connection;
                    let Some(next) = channel.queue.front() else { return };
                    let version = versions.get(&next.request.api()).copied();
                    let next = channel.queue.pop_front().expect("looked at above");
                    let Some(version) = version else {
                        let reason = ChannelFailure::UnsupportedVersion;
                        self.outputs.push(ChannelOutput::Failed { key: key.clone(), token: next.token, reason });
                        continue;
                    };
                    let api = next.request.api();
                    let correlation_id = self.transmit(ctx, key, connection, next.request, version);
                    let sent = InFlight {
                        token: next.token,
                        api,
                        correlation_id,
                        deadline: now + self.config.request_timeout_of(key.purpose),
                    };
                    if let ChannelState::Ready { in_flight, .. } = &mut self.channel(key).state {
                        *in_flight = Some(sent);
                    }
                    return;
                }
                ChannelState::Disconnected { .. }
                | ChannelState::Connecting { .. }
                | ChannelState::Handshaking { .. }
                | ChannelState::Ready { in_flight: Some(_), .. } => return,
            }
        }
    }

    fn transmit(
        &mut self,
        ctx: &mut Context,
        key: &ChannelKey,
        connection: ConnectionId,
        request: Request,
        version: i16,
    ) -> CorrelationId {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1).max(0);
        let client_id = self.client_ids.of(key.purpose);
        let message = wire::encode_request(request, version, correlation_id, client_id);
        ctx.output(Output::Send { connection, message: Arc::new(message) });
        correlation_id
    }

    /// The connection is lost: everything on it and behind it fails, and the next attempt
    /// waits for the back-off.
    fn break_channel(&mut self, ctx: &mut Context, key: &ChannelKey, reason: ChannelFailure, close: bool) {
        let channel = self.channel(key);
        let connection = channel.connection();
        let failures = channel.failures;
        channel.failures = failures.saturating_add(1);
        let mut lost = Vec::new();
        if let ChannelState::Ready { in_flight: Some(request), .. } = &channel.state {
            lost.push((request.token, reason));
        }
        // What was not sent yet failed for want of a connection, whatever broke it.
        lost.extend(channel.queue.drain(..).map(|request| (request.token, ChannelFailure::Disconnected)));
        let retry_at = ctx.now.monotonic + reconnect_backoff(ctx, key.purpose, failures);
        self.channel(key).state = ChannelState::Disconnected { retry_at };
        if let Some(connection) = connection {
            self.keys.remove(&connection);
            if close {
                ctx.output(Output::Close { connection });
            }
        }
        let failed = |(token, reason)| ChannelOutput::Failed { key: key.clone(), token, reason };
        self.outputs.extend(lost.into_iter().map(failed));
    }
}

/// `ExponentialBackoff`: constant where the first and the longest back-off are equal.
fn reconnect_backoff(ctx: &mut Context, purpose: ChannelPurpose, failures: u32) -> Duration {
    match purpose {
        ChannelPurpose::Fetcher => Duration::ZERO,
        ChannelPurpose::Raft => {
            let grown = (FIRST_BACKOFF_MS << failures.min(8)).min(MAX_RAFT_BACKOFF_MS);
            let per_mille = ctx.choose(Purpose::BackoffJitter, 800, 1200);
            Duration::from_millis((grown * per_mille / 1000).min(MAX_RAFT_BACKOFF_MS))
        }
        ChannelPurpose::Heartbeat
        | ChannelPurpose::AlterPartition
        | ChannelPurpose::Forwarding
        | ChannelPurpose::Registration => Duration::from_millis(FIRST_BACKOFF_MS),
    }
}
