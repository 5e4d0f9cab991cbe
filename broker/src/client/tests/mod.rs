//! A scripted cluster around one client, and what was said as text.
//!
//! Connections, versions, metadata and producer ids are answered at once, by a cluster
//! whose leaders the script sets. Everything else is written down and waits for the
//! script. A line reads: milliseconds, who speaks to whom, what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::api::{Message, versions, wire};
use crate::choice::LowestChoice;
use crate::config::{Behaviour, ConsumerSettings, ProducerSettings, Properties};
use crate::context::Context;
use crate::effects::Output;
use crate::event::{ClientEvent, Event, MembershipEvent};
use crate::ids::*;
use crate::input::{CloseReason, Input, Lane};
use crate::message::*;
use crate::name::Name;
use crate::record::{BatchBuilder, BatchView};
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

mod admin;
mod admin_groups;
mod consumer;
mod consumer_group;
mod describe;
mod group;
mod late;
mod producer;
mod refusals;
mod vectors;

use describe::describe;

/// One client and the cluster that the script plays.
struct Script {
    client: Client,
    now: Time,
    storage: MemoryStorage,
    leaders: BTreeMap<TopicPartition, (i32, i32)>,
    brokers: Vec<i32>,
    /// Hosts that refuse connections.
    down: BTreeSet<String>,
    /// Hosts whose connections wait to be established.
    slow: BTreeSet<String>,
    hosts: BTreeMap<ConnectionId, String>,
    /// Requests without an answer, oldest first; those that the cluster answers by itself
    /// wait too while one before them does: a broker takes one request at a time.
    waiting: BTreeMap<ConnectionId, VecDeque<(Message, Option<Response>)>>,
    inputs: VecDeque<Input>,
    next_ticket: u64,
    text: String,
}

fn topic_id(name: &str) -> TopicId {
    TopicId(Uuid::from_u128(name.bytes().map(u128::from).sum::<u128>() + 1_000))
}

fn producer(properties: &[(&str, &str)], acks: Acks) -> ClientKind {
    let acks = match acks {
        Acks::All => "all",
        Acks::Leader => "1",
        Acks::None => "0",
    };
    let said: Vec<(&str, &str)> = properties.iter().copied().chain([("acks", acks)]).collect();
    ClientKind::producer(&settings(&said)).expect("legal settings")
}

fn settings(properties: &[(&str, &str)]) -> Properties {
    let quiet = [("linger.ms", "0"), ("trial.backoff.jitter", "false")];
    quiet.iter().chain(properties).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn consumer(offset_reset: OffsetReset, isolation: IsolationLevel, properties: &[(&str, &str)]) -> ClientKind {
    ClientKind::Consumer {
        isolation,
        offset_reset,
        assign: vec![TopicPartition::new("orders", 0)],
        subscribe: Vec::new(),
        group: None,
        polls_by_itself: true,
        work: Work::default(),
        settings: ConsumerSettings::from_properties(&settings(properties)).expect("legal settings"),
    }
}

impl Script {
    /// A client of brokers b1, b2 and b3; b1 leads `orders-0` in epoch 0.
    fn new(kind: ClientKind) -> Script {
        let config = ClientConfig {
            client_id: Name::new("p1"),
            bootstrap_servers: vec![Endpoint::new("bootstrap", BROKER_PORT)],
            kind,
            behaviour: Behaviour::default(),
        };
        let mut storage = MemoryStorage::default();
        let mut choices = LowestChoice;
        let start = Time::from_millis(0);
        let now = Now { monotonic: start, wall: WallTime(start.0) };
        let client = Client::new(config, &mut Context::new(now, &mut storage, &mut choices));
        Script {
            client,
            now: start,
            storage,
            leaders: BTreeMap::from([(TopicPartition::new("orders", 0), (1, 0))]),
            brokers: vec![1, 2, 3],
            down: BTreeSet::new(),
            slow: BTreeSet::new(),
            hosts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            inputs: VecDeque::new(),
            next_ticket: 1,
            text: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let (millis, micros) = (self.now.0 / 1000, self.now.0 % 1000);
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:03}") };
        writeln!(self.text, "{millis}{fraction} {line}").expect("text");
    }

    /// What was said since the last look.
    fn said(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Forgets what was said: the story begins here.
    fn hush(&mut self) {
        self.text.clear();
    }

    fn give(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.drain_inputs();
    }

    fn drain_inputs(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
            let mut choices = LowestChoice;
            let mut ctx = Context::new(now, &mut self.storage, &mut choices);
            self.client.step(&mut ctx, input);
            let effects = ctx.take_effects();
            for event in &effects.events {
                self.tell(event);
            }
            for output in effects.outputs {
                self.perform(output);
            }
        }
    }

    fn tell(&mut self, event: &Event) {
        let event = match event {
            Event::Client(event) => event,
            Event::Membership(event) => return self.tell_of_membership(event),
            other => panic!("a client emits client events, not {other:?}"),
        };
        let line = match event {
            ClientEvent::ConnectionLost { node, in_flight, reason } => {
                format!("lost node {node}, {in_flight} in flight: {reason:?}")
            }
            ClientEvent::LeaderLearned { partition, leader, epoch } => {
                format!("learned {partition}: {leader} in epoch {epoch}")
            }
            ClientEvent::ProducerIdAssigned { producer_id, producer_epoch } => {
                format!("producer id {} epoch {producer_epoch}", producer_id.0)
            }
            ClientEvent::BatchRetried { partition, error, first_sequence } => {
                format!("retry {partition} sequence {first_sequence}: {}", error.name())
            }
            ClientEvent::BatchFailed { partition, error, records } => {
                format!("give up {partition} ×{records}: {}", error.name())
            }
            ClientEvent::PositionSet { partition, offset, reason } => {
                format!("position {partition} {offset}: {reason:?}")
            }
            ClientEvent::RecordsConsumed { partition, first_offset, position, records, .. } => {
                format!("consumed {partition} ×{records} from {first_offset}, position {position}")
            }
            ClientEvent::ApplicationEnded { error } => format!("ended by {}", error.name()),
            ClientEvent::FetchFailed { partition, error } => format!("fetch {partition}: {}", error.name()),
            ClientEvent::TruncationDetected { partition, position, divergent_offset } => {
                format!("truncated {partition}: {position} > {divergent_offset}")
            }
            ClientEvent::GroupsListed { groups } => {
                format!("groups [{}]", groups.iter().map(GroupId::as_str).collect::<Vec<_>>().join(" "))
            }
            ClientEvent::GroupDescribed { group, group_type, state, coordinator, members } => {
                format!("group {group}: {group_type}, {state}, {members} members, at {coordinator}")
            }
            ClientEvent::GroupDeleted { group } => format!("group {group} is deleted"),
            ClientEvent::GroupCallFailed { group, call, error } => {
                format!("group {group}: {call:?} fails: {}", error.name())
            }
            ClientEvent::GroupOffsetsDeleted { group, partitions } => {
                let names: Vec<String> = partitions.iter().map(TopicPartition::to_string).collect();
                format!("group {group}: deleted offsets of [{}]", names.join(" "))
            }
            ClientEvent::ConnectionOpened { .. }
            | ClientEvent::RequestFailed { .. }
            | ClientEvent::MetadataUpdated { .. }
            | ClientEvent::RecordQueued { .. }
            | ClientEvent::BatchSent { .. }
            | ClientEvent::BatchAcked { .. } => return,
        };
        self.line(&line);
    }

    fn tell_of_membership(&mut self, event: &MembershipEvent) {
        let list = |partitions: &[TopicPartition]| {
            partitions.iter().map(TopicPartition::to_string).collect::<Vec<_>>().join(" ")
        };
        let line = match event {
            MembershipEvent::CoordinatorFound { node, .. } => format!("coordinator {node}"),
            MembershipEvent::CoordinatorLost { node, reason, .. } => format!("coordinator {node} lost: {reason:?}"),
            MembershipEvent::GroupJoined { epoch, leads, .. } => {
                format!("joined {epoch}{}", if *leads { " as leader" } else { "" })
            }
            MembershipEvent::PartitionsAssigned { partitions, owned, .. } => {
                format!("assigned [{}], {owned} owned", list(partitions))
            }
            MembershipEvent::PartitionsRevoked { partitions, .. } => format!("revoked [{}]", list(partitions)),
            MembershipEvent::PartitionsLost { partitions, .. } => format!("lost [{}]", list(partitions)),
            MembershipEvent::MembershipLost { reason, .. } => format!("out: {reason:?}"),
            MembershipEvent::CommitDone { cause, .. } => format!("committed: {cause:?}"),
            MembershipEvent::CommitFailed { cause, error, unsent, .. } => {
                let unsent = if *unsent { ", unsent" } else { "" };
                format!("commit failed: {cause:?}, {}{unsent}", error.name())
            }
            MembershipEvent::RecordBegun { partition, offset } => format!("begins {partition} {offset}"),
            MembershipEvent::RecordFinished { partition, offset } => format!("finishes {partition} {offset}"),
            MembershipEvent::JoinSent { .. }
            | MembershipEvent::LeaveSent { .. }
            | MembershipEvent::CommitSent { .. } => return,
        };
        self.line(&line);
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect { connection, to } => {
                self.line(&format!("connect {}", to.host));
                if self.down.contains(&*to.host) {
                    self.inputs.push_back(Input::Closed { connection, reason: CloseReason::Refused });
                } else {
                    self.hosts.insert(connection, to.host.to_string());
                    if !self.slow.contains(&*to.host) {
                        self.inputs.push_back(Input::Connected { connection });
                    }
                }
            }
            Output::Close { connection } => {
                let host = self.hosts.remove(&connection).expect("an open connection");
                self.waiting.remove(&connection);
                self.line(&format!("close {host}"));
            }
            Output::Send { connection, message } => self.request(connection, &message),
            Output::Resolve { ticket, result } => {
                let result = match result {
                    CallResult::Sent { partition, offset } => format!("{partition} at {offset}"),
                    CallResult::Records { records } => format!("{} records", records.len()),
                    CallResult::Groups { groups } => format!("{} groups", groups.len()),
                    CallResult::Group { description } => format!("{} members", description.members.len()),
                    CallResult::Done => "done".to_owned(),
                    CallResult::Quorum { leader, epoch, .. } => format!("quorum of {leader} in epoch {epoch}"),
                    CallResult::Failed { error, .. } => format!("failed: {}", error.name()),
                };
                self.line(&format!("call {} {result}", ticket.0));
            }
            other => self.line(&format!("{other:?}")),
        }
    }

    fn request(&mut self, connection: ConnectionId, message: &Message) {
        let host = self.hosts[&connection].clone();
        let request = wire::decode_request(message).expect("a request");
        let at_once = match &request {
            Request::ApiVersions(_) => Some(Response::ApiVersions(ApiVersionsResponse {
                error: ErrorCode::None,
                api_keys: versions::supported_by_broker(),
                finalized_features: Vec::new(),
                finalized_features_epoch: -1,
                supported_features: Vec::new(),
            })),
            Request::Metadata(request) => {
                self.line(&format!("→ {host} Metadata"));
                Some(Response::Metadata(self.metadata(request)))
            }
            Request::InitProducerId(_) => Some(Response::InitProducerId(InitProducerIdResponse {
                error: ErrorCode::None,
                producer_id: ProducerId(7),
                producer_epoch: ProducerEpoch(0),
            })),
            other => {
                let line = format!("→ {host} {}", describe(other));
                self.line(&line);
                None
            }
        };
        self.waiting.entry(connection).or_default().push_back((message.clone(), at_once));
        self.answer_by_itself(connection);
    }

    fn answer_by_itself(&mut self, connection: ConnectionId) {
        let Some(queue) = self.waiting.get_mut(&connection) else { return };
        while let Some((message, Some(response))) = queue.front() {
            let answer = wire::encode_response(response.clone(), message.version, message.correlation_id);
            queue.pop_front();
            self.inputs.push_back(Input::Received { connection, message: Arc::new(answer) });
        }
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let endpoint = |id: &i32| NodeEndpoint {
            node: NodeId(*id),
            endpoint: Endpoint::new(&format!("b{id}"), BROKER_PORT),
            rack: None,
        };
        let all = || self.leaders.keys().map(|partition| partition.topic.clone()).collect::<BTreeSet<_>>();
        let topics = request.topics.clone().unwrap_or_else(|| all().into_iter().collect());
        let topic = |name: TopicName| {
            let partitions: Vec<MetadataPartition> = self
                .leaders
                .iter()
                .filter(|(partition, _)| partition.topic == name)
                .map(|(partition, (leader, epoch))| MetadataPartition {
                    error: ErrorCode::None,
                    partition: partition.partition,
                    leader: NodeId(*leader),
                    leader_epoch: LeaderEpoch(*epoch),
                    replicas: vec![NodeId(*leader)],
                    isr: vec![NodeId(*leader)],
                    offline_replicas: Vec::new(),
                })
                .collect();
            let error = if partitions.is_empty() { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::None };
            MetadataTopic { error, topic_id: topic_id(name.as_str()), name, partitions }
        };
        MetadataResponse {
            error: ErrorCode::None,
            brokers: self.brokers.iter().map(endpoint).collect(),
            controller_id: NodeId(1),
            topics: topics.into_iter().map(topic).collect(),
        }
    }

    // ---- What the script does -----------------------------------------------------

    /// Lets time pass to the given millisecond: timers fire on the way.
    fn until(&mut self, millis: u64) {
        self.until_micros(millis * 1000);
    }

    fn until_micros(&mut self, micros: u64) {
        while let Some(deadline) = self.client.next_deadline().filter(|deadline| deadline.0 <= micros) {
            assert!(deadline >= self.now, "a deadline lies in the past: {deadline:?} at {:?}", self.now);
            self.now = deadline;
            self.give(Input::Timers { lane: Lane::Data });
            assert!(self.client.next_deadline().is_none_or(|next| next > self.now), "a timer did not advance");
        }
        self.now = Time(micros);
    }

    fn call(&mut self, call: Call) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.give(Input::Call { ticket, call });
    }

    fn send(&mut self, value: &str) {
        self.send_to(0, value);
    }

    fn send_to(&mut self, partition: i32, value: &str) {
        self.call(Call::Send(ProducerRecord {
            topic: "orders".to_owned(),
            partition: Some(partition),
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
        }));
    }

    /// Answers the oldest request that waits at a host.
    fn answer(&mut self, host: &str, response: impl Into<Response>) {
        let connection = self
            .connections_to(host)
            .into_iter()
            .find(|connection| self.waiting.get(connection).is_some_and(|queue| !queue.is_empty()));
        let connection = connection.expect("a waiting request");
        let (request, _) = self.waiting.get_mut(&connection).and_then(VecDeque::pop_front).expect("a waiting request");
        let answer = wire::encode_response(response.into(), request.version, request.correlation_id);
        self.inputs.push_back(Input::Received { connection, message: Arc::new(answer) });
        self.answer_by_itself(connection);
        self.drain_inputs();
    }

    /// The oldest request that waits at a host.
    fn oldest_request(&self, host: &str) -> Request {
        let waiting = |connection: &ConnectionId| self.waiting.get(connection).and_then(VecDeque::front);
        let (message, _) = self.connections_to(host).iter().find_map(waiting).expect("a waiting request");
        wire::decode_request(message).expect("a request")
    }

    fn connections_to(&self, host: &str) -> Vec<ConnectionId> {
        self.hosts.iter().filter(|(_, other)| *other == host).map(|(connection, _)| *connection).collect()
    }

    /// Answers the oldest produce of one partition at a host.
    fn acked(&mut self, host: &str, base_offset: Offset) {
        self.answer(host, produced(ErrorCode::None, base_offset, None));
    }

    fn refused(&mut self, host: &str, error: ErrorCode) {
        self.answer(host, produced(error, -1, None));
    }

    /// The connections to a slow host are established.
    fn establish(&mut self, host: &str) {
        self.slow.remove(host);
        for connection in self.connections_to(host) {
            self.give(Input::Connected { connection });
        }
    }

    /// Resets every connection to a host.
    fn reset(&mut self, host: &str) {
        let lost = self.connections_to(host);
        for connection in lost {
            self.hosts.remove(&connection);
            self.waiting.remove(&connection);
            self.give(Input::Closed { connection, reason: CloseReason::Reset });
        }
    }
}

fn produced(error: ErrorCode, base_offset: Offset, hint: Option<(i32, i32)>) -> ProduceResponse {
    let answer = ProducePartitionResponse {
        topic_id: topic_id("orders"),
        topic: TopicName::new("orders"),
        partition: 0,
        error,
        base_offset,
        log_append_time_ms: -1,
        log_start_offset: if error == ErrorCode::None { 0 } else { -1 },
        current_leader: hint.map(|(leader, epoch)| LeaderHint { leader: NodeId(leader), epoch: LeaderEpoch(epoch) }),
    };
    let endpoint = |(leader, _): (i32, i32)| NodeEndpoint {
        node: NodeId(leader),
        endpoint: Endpoint::new(&format!("b{leader}"), BROKER_PORT),
        rack: None,
    };
    ProduceResponse { partitions: vec![answer], node_endpoints: hint.map(endpoint).into_iter().collect() }
}

/// A batch of values as it lies in a log.
fn log_batch(base_offset: Offset, epoch: i32, values: &[&str]) -> BatchBuilder {
    let mut builder = BatchBuilder::new(base_offset).leader_epoch(LeaderEpoch(epoch));
    for value in values {
        builder.push(1, None, Some(value.as_bytes()), &[]);
    }
    builder
}
