//! A program for the world's own tests: it shows what the world does, and knows no Kafka.
//!
//! Calls are its commands: `DeleteTopic { name: "b" }` sends a request to machine `b` (over
//! one connection, opened at need) and is resolved by the answer; `Send` appends to a log;
//! `Flush` syncs it; `Close` writes a checkpoint with a temporary file; `Warm` flushes in the
//! background; `RefreshMetadata` closes its connections; `DescribeQuorum` draws a number.
//! In its lifecycle lane it beats, every 100 ms. `SendAll` hands over messages that a test has written itself: each
//! record's value goes to the machine that its topic names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trial_broker::api::wire::{encode_request, encode_response};
use trial_broker::api::{Body, Direction, Message};
use trial_broker::choice::Purpose;
use trial_broker::client::{Call, CallResult};
use trial_broker::context::Context;
use trial_broker::effects::Output;
use trial_broker::event::{ExitReason, LifecycleEvent};
use trial_broker::ids::{ConnectionId, Endpoint, Ticket, TopicPartition};
use trial_broker::input::{Input, Lane};
use trial_broker::message::{Api, ApiVersionsRequest, ApiVersionsResponse, ErrorCode, Request, Response};
use trial_broker::storage::{FileHandle, StorageResult};
use trial_broker::time::Time;

/// How a toy is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ToyConfig {
    /// Whether it answers requests.
    pub is_silent: bool,
    /// How many beats it takes until its state contradicts itself; none if it never does.
    pub breaks_after: Option<i64>,
}

pub const PORT: u16 = 9092;
pub const LOG: &str = "data-0/log";
pub const CHECKPOINT: &str = "data-0/checkpoint";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Toy {
    config: ToyConfig,
    log: FileHandle,
    pub beats: i64,
    pub next_beat: Time,
    pub appended: i64,
    next_connection: u64,
    next_request: i32,
    peers: BTreeMap<String, Peer>,
    pub closed: Vec<(ConnectionId, trial_broker::input::CloseReason)>,
    flushing: VecDeque<Ticket>,
    /// Correlation ids of the requests that were received, in order.
    pub received: Vec<i32>,
    pub drawn: Vec<u64>,
    /// The bytes of the answers to messages that a test has written itself, in order.
    pub answers: Vec<Bytes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Peer {
    connection: ConnectionId,
    is_connected: bool,
    /// Calls, with the message that a test has written.
    unsent: VecDeque<(Ticket, Option<Bytes>)>,
    unanswered: BTreeMap<i32, Ticket>,
}

const BEAT: Duration = Duration::from_millis(100);

impl Toy {
    pub fn format(ctx: &mut Context) -> StorageResult<()> {
        ctx.storage.create_directory("data-0")?;
        ctx.storage.create(LOG)?;
        let checkpoint = ctx.storage.create(CHECKPOINT)?;
        ctx.storage.append(checkpoint, b"old")
    }

    pub fn new(config: ToyConfig, ctx: &mut Context) -> Toy {
        ctx.output(Output::Listen { port: PORT });
        let log = ctx.storage.open(LOG).expect("the toy's disk is formatted");
        Toy {
            config,
            log,
            beats: 0,
            next_beat: ctx.now.monotonic + BEAT,
            appended: ctx.storage.length(log).expect("the log is readable") as i64,
            next_connection: 1,
            next_request: 1,
            peers: BTreeMap::new(),
            closed: Vec::new(),
            flushing: VecDeque::new(),
            received: Vec::new(),
            drawn: Vec::new(),
            answers: Vec::new(),
        }
    }

    pub fn assert_invariants(&self) {
        assert!(self.config.breaks_after.is_none_or(|beats| self.beats < beats), "a toy that beats no more goes on");
    }

    pub fn lane_of(input: &Input) -> Lane {
        match input {
            Input::Timers { lane } | Input::Internal { lane, .. } => *lane,
            Input::Stop => Lane::Lifecycle,
            _ => Lane::Data,
        }
    }

    pub fn next_deadline(&self, lane: Lane) -> Option<Time> {
        (lane == Lane::Lifecycle).then_some(self.next_beat)
    }

    pub fn step(&mut self, ctx: &mut Context, input: Input) {
        match input {
            Input::Timers { .. } => {
                self.beats += 1;
                self.next_beat = ctx.now.monotonic + BEAT;
                ctx.emit(LifecycleEvent::HeartbeatSent { metadata_offset: self.appended });
            }
            Input::Connected { connection } => {
                for peer in self.peers.values_mut().filter(|peer| peer.connection == connection) {
                    peer.is_connected = true;
                    while let Some((ticket, written)) = peer.unsent.pop_front() {
                        send(ctx, peer, &mut self.next_request, ticket, written);
                    }
                }
            }
            Input::Closed { connection, reason } => {
                self.closed.push((connection, reason));
                let lost: Vec<String> = self
                    .peers
                    .iter()
                    .filter(|(_, peer)| peer.connection == connection)
                    .map(|(name, _)| name.clone())
                    .collect();
                for peer in lost.into_iter().filter_map(|name| self.peers.remove(&name)) {
                    let unsent = peer.unsent.into_iter().map(|(ticket, _)| ticket);
                    for ticket in peer.unanswered.into_values().chain(unsent) {
                        let result =
                            CallResult::Failed { error: ErrorCode::NetworkException, message: format!("{reason:?}") };
                        ctx.output(Output::Resolve { ticket, result });
                    }
                }
            }
            Input::Received { connection, message } => self.receive(ctx, connection, &message),
            Input::Call { ticket, call } => self.call(ctx, ticket, call),
            Input::Flushed { .. } => {
                if let Some(ticket) = self.flushing.pop_front() {
                    ctx.output(Output::Resolve { ticket, result: CallResult::Done });
                }
            }
            Input::Stop => ctx.output(Output::Exit { reason: ExitReason::Stopped }),
            Input::Accepted { .. } | Input::Internal { .. } | Input::Abandon { .. } => {}
        }
    }

    fn receive(&mut self, ctx: &mut Context, connection: ConnectionId, message: &Message) {
        match message.body {
            Body::Request(_) => {
                self.received.push(message.correlation_id);
                if !self.config.is_silent {
                    let answer = Response::ApiVersions(ApiVersionsResponse {
                        error: ErrorCode::None,
                        api_keys: Vec::new(),
                        finalized_features: Vec::new(),
                        finalized_features_epoch: -1,
                        supported_features: Vec::new(),
                    });
                    let message = Arc::new(encode_response(answer, 3, message.correlation_id));
                    ctx.output(Output::Send { connection, message });
                }
            }
            Body::Response(_) => {
                if message.api != Api::ApiVersions {
                    self.answers.push(message.to_bytes());
                }
                for peer in self.peers.values_mut().filter(|peer| peer.connection == connection) {
                    if let Some(ticket) = peer.unanswered.remove(&message.correlation_id) {
                        ctx.output(Output::Resolve { ticket, result: CallResult::Done });
                    }
                }
            }
        }
    }

    /// Sends a request to a machine, over one connection that is opened at need.
    fn send(&mut self, ctx: &mut Context, name: &str, ticket: Ticket, written: Option<Bytes>) {
        let next_connection = &mut self.next_connection;
        let peer = self.peers.entry(name.to_owned()).or_insert_with(|| {
            let connection = ConnectionId(*next_connection);
            *next_connection += 1;
            ctx.output(Output::Connect { connection, to: Endpoint::new(name, PORT) });
            Peer { connection, is_connected: false, unsent: VecDeque::new(), unanswered: BTreeMap::new() }
        });
        if peer.is_connected {
            send(ctx, peer, &mut self.next_request, ticket, written);
        } else {
            peer.unsent.push_back((ticket, written));
        }
    }

    fn call(&mut self, ctx: &mut Context, ticket: Ticket, call: Call) {
        let done = Output::Resolve { ticket, result: CallResult::Done };
        match call {
            Call::DeleteTopic { name } => self.send(ctx, &name, ticket, None),
            Call::SendAll(records) => {
                for record in records {
                    self.send(ctx, &record.topic, ticket, record.value);
                }
            }
            Call::Send(record) => {
                let value = record.value.unwrap_or_default();
                let offset = self.appended;
                if let Err(error) = ctx.storage.append(self.log, &value) {
                    let result = CallResult::Failed { error: ErrorCode::KafkaStorageError, message: error.to_string() };
                    return ctx.output(Output::Resolve { ticket, result });
                }
                self.appended += value.len() as i64;
                let result = CallResult::Sent { partition: TopicPartition::new("log", 0), offset };
                ctx.output(Output::Resolve { ticket, result });
            }
            Call::Flush => {
                let result = match ctx.storage.sync(self.log) {
                    Ok(()) => CallResult::Done,
                    Err(error) => {
                        CallResult::Failed { error: ErrorCode::KafkaStorageError, message: error.to_string() }
                    }
                };
                ctx.output(Output::Resolve { ticket, result });
            }
            Call::Close => {
                checkpoint(ctx).expect("a healthy disk");
                ctx.output(done);
            }
            Call::Warm { .. } => {
                self.flushing.push_back(ticket);
                let directories = vec!["data-0".to_owned()];
                ctx.output(Output::Flush { token: ticket.0, files: vec![self.log], directories });
            }
            Call::RefreshMetadata => {
                for peer in std::mem::take(&mut self.peers).into_values() {
                    ctx.output(Output::Close { connection: peer.connection });
                }
                ctx.output(done);
            }
            Call::DescribeQuorum => {
                self.drawn.push(ctx.choose(Purpose::ElectionTimeout, 1000, 2000));
                ctx.output(done);
            }
            other => panic!("a toy does not know {other:?}"),
        }
    }
}

/// What Kafka does with its small files: a temporary one, synced, renamed, and the directory synced.
fn checkpoint(ctx: &mut Context) -> StorageResult<()> {
    let temporary = ctx.storage.create("data-0/checkpoint.tmp")?;
    ctx.storage.append(temporary, &[b'n'; 2048])?;
    ctx.storage.sync(temporary)?;
    ctx.storage.rename("data-0/checkpoint.tmp", CHECKPOINT)?;
    ctx.storage.sync_directory("data-0")
}

fn send(ctx: &mut Context, peer: &mut Peer, next_request: &mut i32, ticket: Ticket, written: Option<Bytes>) {
    let message = match written {
        Some(bytes) => Message::from_bytes(bytes, Direction::Request).expect("a test writes sound messages"),
        None => {
            let correlation_id = *next_request;
            *next_request += 1;
            let request = Request::ApiVersions(ApiVersionsRequest {
                client_software_name: "toy".to_owned(),
                client_software_version: correlation_id.to_string(),
            });
            encode_request(request, 3, correlation_id, "toy".into())
        }
    };
    peer.unanswered.insert(message.correlation_id, ticket);
    ctx.output(Output::Send { connection: peer.connection, message: Arc::new(message) });
}
