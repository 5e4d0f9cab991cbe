//! Tests of replication: brokers' replica managers, joined by links of fixed latency, and transcripts of what they say.
//!
//! The harness is a world in miniature: a queue of messages in flight, timers, a
//! controller that accepts proposals (or stays silent), and machines that can be cut off
//! from each other. It knows nothing of Kafka except where each output goes.

mod cleaning;
mod deleting;
mod fetcher_table;
mod leader_numbers;
mod lessons;
mod managers;
mod selecting;
mod sessions;
mod transcript;
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::choice::LowestChoice;
use crate::config::{Behaviour, LogManagerSettings, LogSettings, ReplicationSettings, Switch};
use crate::context::Context;
use crate::event::Event;
use crate::ids::*;
use crate::message::*;
use crate::metadata::{MetadataImage, MetadataRecord, MetadataUpdate, PartitionChange, PartitionRegistration};
use crate::record::BatchBuilder;
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

pub(super) const LEADER: NodeId = NodeId(1);

pub(super) fn directory_of(node: NodeId) -> DirectoryId {
    DirectoryId(Uuid::from_u128(100 + node.0 as u128))
}

pub(super) fn topic_id() -> TopicId {
    TopicId(Uuid::from_u128(7))
}

pub(super) fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// One batch of records with these values, stamped at `timestamp`.
pub(super) fn batch_at(timestamp: i64, values: &[&str]) -> bytes::Bytes {
    let mut batch = BatchBuilder::new(0);
    for value in values {
        batch.push(timestamp, None, Some(value.as_bytes()), &[]);
    }
    batch.build()
}

/// One batch of records with these values.
pub(super) fn batch(values: &[&str]) -> bytes::Bytes {
    batch_at(1, values)
}

/// One broker: its replica manager and its disk.
pub(super) struct Broker {
    pub manager: ReplicaManager,
    pub storage: MemoryStorage,
}

/// What is in flight.
enum Wire {
    /// To a leader, from a follower's fetcher.
    Ask { from: NodeId, to: NodeId, token: u64, request: Request },
    /// Back to the fetcher.
    Answer { from: NodeId, to: NodeId, token: u64, response: Response },
    /// To the controller.
    Propose { from: NodeId, request: AlterPartitionRequest },
    /// Back to the leader.
    Accepted { to: NodeId, response: AlterPartitionResponse },
}

/// What the controller does with proposals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    /// Takes every one.
    Accepts,
    /// Does not answer.
    Silent,
}

pub(super) struct Cluster {
    pub brokers: BTreeMap<NodeId, Broker>,
    pub image: MetadataImage,
    pub now: Time,
    pub latency: Duration,
    pub controller: Controller,
    /// Pairs that cannot reach each other: (from, to).
    pub cut: BTreeSet<(NodeId, NodeId)>,
    pub text: String,
    /// Answers to clients, in order.
    pub answers: Vec<(u64, Response)>,
    pub proposals: Vec<AlterPartitionRequest>,
    /// Changes one answer to a follower on its way; says which one it was by being done with it.
    pub spoil: Option<Box<dyn FnMut(&mut Response) -> bool>>,
    in_flight: BTreeMap<(Time, u64), Wire>,
    next_wire: u64,
    /// Where the answer to a follower's request goes: by the connection and correlation id it was given.
    asked: BTreeMap<RequestHandle, (NodeId, u64, NodeId)>,
    next_handle: i32,
    behaviour: Behaviour,
    settings: ReplicationSettings,
    next_offset: Offset,
}

/// A cluster with the defaults.
pub(super) fn cluster(brokers: i32, min_insync_replicas: &str) -> Cluster {
    Cluster::new(brokers, min_insync_replicas, &[], ReplicationSettings::default())
}

impl Cluster {
    /// Brokers 1 to `count`, unfenced, and the topic `orders` with one partition: replicas 1 to `count`, led by 1.
    pub fn new(count: i32, min_insync_replicas: &str, switches: &[Switch], settings: ReplicationSettings) -> Cluster {
        let mut cluster = Cluster::without_topic(count, switches, settings);
        let records = Cluster::topic_of(count, min_insync_replicas, LEADER, LeaderEpoch(0));
        cluster.publish(records);
        cluster
    }

    /// Brokers 1 to `count`, and nothing that they know.
    pub fn without_topic(count: i32, switches: &[Switch], settings: ReplicationSettings) -> Cluster {
        let mut cluster = Cluster {
            brokers: BTreeMap::new(),
            image: MetadataImage::default(),
            now: Time::ZERO,
            latency: Duration::from_millis(10),
            controller: Controller::Accepts,
            cut: BTreeSet::new(),
            text: String::new(),
            answers: Vec::new(),
            proposals: Vec::new(),
            spoil: None,
            in_flight: BTreeMap::new(),
            next_wire: 0,
            asked: BTreeMap::new(),
            next_handle: 0,
            behaviour: Behaviour { switches: switches.iter().copied().collect(), ..Behaviour::default() },
            settings,
            next_offset: 0,
        };
        for id in 1..=count {
            cluster.start(NodeId(id));
        }
        cluster
    }

    /// What the metadata log says of the brokers and of the topic.
    pub fn topic_of(count: i32, min_insync_replicas: &str, leader: NodeId, epoch: LeaderEpoch) -> Vec<MetadataRecord> {
        let nodes: Vec<NodeId> = (1..=count).map(NodeId).collect();
        let mut records: Vec<MetadataRecord> = nodes.iter().map(|node| register(*node, BrokerEpoch(10))).collect();
        records.push(MetadataRecord::Topic { name: TopicName::new("orders"), topic_id: topic_id() });
        records.push(MetadataRecord::Config {
            resource: ConfigResource::Topic(TopicName::new("orders")),
            name: "min.insync.replicas".to_owned(),
            value: Some(min_insync_replicas.to_owned()),
        });
        let mut registration =
            PartitionRegistration::new(nodes.clone(), nodes.iter().map(|n| directory_of(*n)).collect(), nodes);
        registration.leader = leader;
        registration.leader_epoch = epoch;
        registration.partition_epoch = PartitionEpoch(0);
        records.push(MetadataRecord::Partition { partition: 0, topic_id: topic_id(), registration });
        records
    }

    /// Starts a broker's process, on the disk it had, and lets it load its logs.
    pub fn start(&mut self, node: NodeId) {
        let storage = self.brokers.remove(&node).map(|broker| broker.storage).unwrap_or_default();
        let config = ReplicaManagerConfig {
            node,
            directories: vec![LogDirectory { path: "data-0".to_owned(), id: directory_of(node), is_usable: true }],
            replication: self.settings.clone(),
            log: LogSettings::default(),
            log_manager: LogManagerSettings::default(),
            behaviour: self.behaviour.clone(),
        };
        let mut storage = storage;
        let mut choices = LowestChoice;
        let now = self.clock();
        let manager = ReplicaManager::new(config, &mut Context::new(now, &mut storage, &mut choices));
        self.brokers.insert(node, Broker { manager, storage });
        let image = self.image.clone();
        self.step(node, |manager, ctx| {
            manager.registered(BrokerEpoch(10));
            let update =
                MetadataUpdate { is_snapshot: true, last_offset: 0, last_epoch: LeaderEpoch(0), records: Vec::new() };
            manager.apply_metadata(ctx, &image, &update);
            manager.start_loading(ctx);
        });
        let mut more = true;
        while more {
            more = false;
            self.step(node, |manager, ctx| more = manager.load_next_log(ctx));
        }
    }

    /// The process is gone; its disk stays as it is.
    pub fn kill(&mut self, node: NodeId) {
        self.say(&format!("b{node} is killed"));
        if let Some(broker) = self.brokers.get_mut(&node) {
            let mut choices = LowestChoice;
            let now = Now { monotonic: self.now, wall: WallTime(0) };
            let config = broker.manager.config.clone();
            broker.manager = ReplicaManager::new(config, &mut Context::new(now, &mut broker.storage, &mut choices));
        }
        for other in self.nodes() {
            self.cut.insert((node, other));
            self.cut.insert((other, node));
        }
        // Whoever waited for an answer loses the connection.
        let waiting: Vec<_> = self.asked.iter().filter(|(_, (_, _, to))| *to == node).map(|(h, _)| *h).collect();
        for handle in waiting {
            let (follower, token, _) = self.asked.remove(&handle).expect("it was there");
            self.fail(follower, node, token);
        }
    }

    pub fn nodes(&self) -> Vec<NodeId> {
        self.brokers.keys().copied().collect()
    }

    fn clock(&self) -> Now {
        Now { monotonic: self.now, wall: WallTime(self.now.0) }
    }

    /// One step of one broker: what it says goes into the transcript, what it wants into the queue.
    pub fn step(&mut self, node: NodeId, action: impl FnOnce(&mut ReplicaManager, &mut Context)) {
        let now = self.clock();
        let broker = self.brokers.get_mut(&node).expect("a broker of the cluster");
        let mut choices = LowestChoice;
        let mut ctx = Context::new(now, &mut broker.storage, &mut choices);
        action(&mut broker.manager, &mut ctx);
        let effects = ctx.take_effects();
        let outputs = broker.manager.take_outputs();
        broker.manager.assert_invariants();
        for event in effects.events {
            self.tell(node, &event);
        }
        for output in outputs {
            self.perform(node, output);
        }
    }

    fn perform(&mut self, node: NodeId, output: PartitionOutput) {
        match output {
            PartitionOutput::Reply { handle, response } => match self.asked.remove(&handle) {
                Some((follower, token, _)) => {
                    self.send(Wire::Answer { from: node, to: follower, token, response });
                }
                None => self.answers.push((handle.connection.0, response)),
            },
            PartitionOutput::SendToLeader { leader, token, request } => {
                self.send(Wire::Ask { from: node, to: leader, token, request });
            }
            PartitionOutput::SendAlterPartition { request } => {
                self.proposals.push(request.clone());
                self.send(Wire::Propose { from: node, request });
            }
            PartitionOutput::Flush { token, .. } => self.step(node, |manager, ctx| manager.flushed(ctx, token, Ok(()))),
            PartitionOutput::NoReply { handle } => self.say(&format!("client {} needs no answer", handle.connection.0)),
            PartitionOutput::CloseConnection { handle } => {
                self.say(&format!("client {} is disconnected", handle.connection.0));
            }
            PartitionOutput::DirectoryFailed { .. } => self.say(&format!("b{node} lost a directory")),
            PartitionOutput::AllDirectoriesFailed => self.say(&format!("b{node} lost its last directory")),
            PartitionOutput::CloseLeaderConnection { .. }
            | PartitionOutput::LogsLoaded
            | PartitionOutput::LogsClosed => {}
        }
    }

    fn send(&mut self, wire: Wire) {
        let at = self.now + self.latency;
        self.in_flight.insert((at, self.next_wire), wire);
        self.next_wire += 1;
    }

    /// Lets time pass up to `until`: messages arrive, timers fire.
    pub fn run_until(&mut self, until_ms: u64) {
        let until = Time::from_millis(until_ms);
        loop {
            let message = self.in_flight.keys().next().map(|(time, _)| *time);
            let timer = self.brokers.values().filter_map(|broker| broker.manager.next_deadline()).min();
            let Some(next) = [message, timer].into_iter().flatten().min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            for node in self.nodes() {
                if self.brokers[&node].manager.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                    self.step(node, |manager, ctx| manager.on_timers(ctx));
                }
            }
            while let Some(key) = self.in_flight.keys().next().copied().filter(|(time, _)| *time <= self.now) {
                let wire = self.in_flight.remove(&key).expect("it was there");
                self.deliver(wire);
            }
        }
        self.now = until;
    }

    /// Lets so many milliseconds pass.
    pub fn run(&mut self, millis: u64) {
        self.run_until(self.now.0 / 1000 + millis);
    }

    fn deliver(&mut self, wire: Wire) {
        match wire {
            Wire::Ask { from, to, token, request } => {
                if self.cut.contains(&(from, to)) || self.cut.contains(&(to, from)) {
                    return self.fail(from, to, token);
                }
                let handle =
                    RequestHandle { connection: ConnectionId(from.0 as u64), correlation_id: self.next_handle };
                self.next_handle += 1;
                self.asked.insert(handle, (from, token, to));
                self.step(to, |manager, ctx| match request {
                    Request::Fetch(request) => manager.fetch(ctx, handle, request),
                    Request::ListOffsets(request) => manager.list_offsets(ctx, handle, request),
                    other => panic!("a fetcher does not send {}", other.api().name()),
                });
            }
            Wire::Answer { from, to, token, mut response } => {
                if self.cut.contains(&(from, to)) {
                    return self.fail(to, from, token);
                }
                if self.spoil.as_mut().is_some_and(|spoil| spoil(&mut response)) {
                    self.spoil = None;
                }
                self.step(to, |manager, ctx| manager.handle_leader_response(ctx, from, token, Ok(response)));
            }
            Wire::Propose { from, request } => {
                if self.controller == Controller::Accepts {
                    self.accept(from, request);
                }
            }
            Wire::Accepted { to, response } => {
                self.step(to, |manager, ctx| manager.handle_alter_partition_response(ctx, Ok(response)));
            }
        }
    }

    /// A fetcher's connection breaks.
    fn fail(&mut self, follower: NodeId, leader: NodeId, token: u64) {
        self.step(follower, |manager, ctx| manager.handle_leader_response(ctx, leader, token, Err(())));
    }

    /// The controller takes a proposal: the answer is on its way, and so is the metadata.
    fn accept(&mut self, from: NodeId, request: AlterPartitionRequest) {
        let mut results = Vec::new();
        let mut records = Vec::new();
        for proposal in request.partitions {
            let isr: Vec<NodeId> = proposal.new_isr.iter().map(|(node, _)| *node).collect();
            results.push(AlterPartitionResult {
                topic_id: proposal.topic_id,
                partition: proposal.partition,
                error: ErrorCode::None,
                leader: from,
                leader_epoch: proposal.leader_epoch,
                isr: isr.clone(),
                leader_recovery_state: LeaderRecoveryState::Recovered,
                partition_epoch: PartitionEpoch(proposal.partition_epoch.0 + 1),
            });
            records.push(MetadataRecord::PartitionChange {
                partition: proposal.partition,
                topic_id: proposal.topic_id,
                change: PartitionChange { isr: Some(isr), ..PartitionChange::default() },
            });
        }
        self.send(Wire::Accepted {
            to: from,
            response: AlterPartitionResponse { error: ErrorCode::None, partitions: results },
        });
        self.publish(records);
    }

    /// Commits metadata and shows it to every broker that can be reached.
    pub fn publish(&mut self, records: Vec<MetadataRecord>) {
        let records: Vec<(Offset, MetadataRecord)> = records
            .into_iter()
            .map(|record| {
                self.next_offset += 1;
                (self.next_offset, record)
            })
            .collect();
        for (offset, record) in &records {
            self.image.apply(*offset, record);
        }
        let update =
            MetadataUpdate { is_snapshot: false, last_offset: self.next_offset, last_epoch: LeaderEpoch(0), records };
        let image = self.image.clone();
        for node in self.nodes() {
            if !self.cut.contains(&(node, node)) {
                self.step(node, |manager, ctx| manager.apply_metadata(ctx, &image, &update));
            }
        }
    }

    /// The controller changes the partition.
    pub fn change(&mut self, change: PartitionChange) {
        self.publish(vec![MetadataRecord::PartitionChange { partition: 0, topic_id: topic_id(), change }]);
    }

    /// The controller makes another broker the leader; the ISR is what is given.
    pub fn elect(&mut self, leader: NodeId, isr: &[i32]) {
        self.say(&format!("the controller makes b{leader} the leader"));
        let isr = isr.iter().map(|id| NodeId(*id)).collect();
        self.change(PartitionChange { leader: Some(leader), isr: Some(isr), ..PartitionChange::default() });
    }

    /// A producer sends one batch to a broker.
    pub fn produce(&mut self, to: NodeId, client: u64, acks: Acks, values: &[&str]) {
        let request = ProduceRequest {
            transactional_id: None,
            acks,
            timeout_ms: 30_000,
            partitions: vec![ProducePartition {
                topic_id: topic_id(),
                topic: TopicName::new("orders"),
                partition: 0,
                records: batch(values),
            }],
        };
        let handle = client_handle(client);
        self.step(to, |manager, ctx| manager.produce(ctx, handle, request));
    }

    pub fn partition(&self, node: NodeId) -> &Partition {
        self.brokers[&node].manager.partition(&orders()).expect("a replica that can be used")
    }

    /// The answer to a client, if there is one.
    pub fn take_answer(&mut self, client: u64) -> Option<Response> {
        let at = self.answers.iter().position(|(to, _)| *to == client)?;
        Some(self.answers.remove(at).1)
    }

    /// A broker that missed metadata catches up.
    pub fn catch_up(&mut self, node: NodeId) {
        let image = self.image.clone();
        let update =
            MetadataUpdate { is_snapshot: true, last_offset: 0, last_epoch: LeaderEpoch(0), records: Vec::new() };
        self.step(node, |manager, ctx| manager.apply_metadata(ctx, &image, &update));
    }

    /// The error that a producer was answered with.
    pub fn produce_error(&mut self, client: u64) -> Option<ErrorCode> {
        match self.take_answer(client)? {
            Response::Produce(response) => Some(response.partitions[0].error),
            other => panic!("{} is no answer to a produce", other.api().name()),
        }
    }
}

pub(super) fn client_handle(client: u64) -> RequestHandle {
    RequestHandle { connection: ConnectionId(client), correlation_id: 0 }
}

pub(super) fn register(node: NodeId, broker_epoch: BrokerEpoch) -> MetadataRecord {
    register_in(node, broker_epoch, None)
}

pub(super) fn register_in(node: NodeId, broker_epoch: BrokerEpoch, rack: Option<&str>) -> MetadataRecord {
    MetadataRecord::RegisterBroker {
        broker: node,
        incarnation_id: IncarnationId(Uuid::from_u128(1000 + broker_epoch.0 as u128)),
        broker_epoch,
        endpoints: vec![Endpoint::new(&format!("b{node}"), BROKER_PORT)],
        features: Vec::new(),
        rack: rack.map(str::to_owned),
        fenced: false,
        in_controlled_shutdown: false,
        log_directories: vec![directory_of(node)],
    }
}
