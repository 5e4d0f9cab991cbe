//! A controller driven by requests, and what it says and answers, as a text.
//!
//! The bench is the quorum: it appends what the controller writes and, unless a test holds it
//! back, commits it at once. In a transcript `>` is what is asked, `<` what is answered, and the
//! other lines are events.

mod alter_partition;
mod heartbeat;
mod lifecycle;
mod partition_change;
mod placement;
mod random;
mod topics;
mod vectors;

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use super::{Controller, ControllerConfig, ControllerOutput};
use crate::choice::{Choice, Choices, Purpose};
use crate::config::{Behaviour, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings, Switch};
use crate::context::Context;
use crate::event::{ControllerEvent, Event};
use crate::ids::*;
use crate::message::*;
use crate::metadata::{MetadataRecord, PartitionRegistration, bootstrap_records, supported_features};
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

/// Node ids from numbers.
fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

/// A log directory of a broker; most brokers here have only the first.
fn directory(broker: i32, index: u128) -> DirectoryId {
    DirectoryId(Uuid::from_u128(1000 * (index + 1) + broker as u128))
}

/// Ids that differ, and otherwise the lowest answer.
#[derive(Default)]
struct CountingChoices(u64);

impl Choices for CountingChoices {
    fn choose(&mut self, choice: Choice) -> u64 {
        if choice.purpose != Purpose::Uuid {
            return choice.low;
        }
        self.0 += 1;
        self.0
    }
}

/// How a cluster of these tests differs from the default.
#[derive(Default)]
struct Options {
    without_elr: bool,
    switches: Vec<Switch>,
    min_insync_replicas: Option<i32>,
    two_directories: bool,
}

struct Bench {
    controller: Controller,
    storage: MemoryStorage,
    choices: CountingChoices,
    now: Time,
    /// The metadata log: what lies in it behind the committed part.
    uncommitted: VecDeque<(Offset, MetadataRecord)>,
    log_end_offset: Offset,
    /// What was committed, if a test wants to know.
    log: Option<Vec<(Offset, MetadataRecord)>>,
    hold_commits: bool,
    two_directories: bool,
    next_request: i32,
    transcript: String,
}

impl Bench {
    fn new(options: Options) -> Bench {
        let mut log = LogSettings::default();
        log.min_insync_replicas = options.min_insync_replicas.unwrap_or(log.min_insync_replicas);
        let features: &[(&str, i16)] =
            if options.without_elr { &[("eligible.leader.replicas.version", 0)] } else { &[] };
        let config = ControllerConfig {
            node: NodeId(101),
            cluster_id: ClusterId(Uuid::from_u128(7)),
            settings: ControllerSettings::default(),
            log,
            log_manager: LogManagerSettings::default(),
            group_coordinator: GroupCoordinatorSettings::default(),
            max_idle_interval: Duration::ZERO,
            kraft_version: 1,
            bootstrap_records: bootstrap_records(features),
            behaviour: Behaviour { switches: options.switches.into_iter().collect(), ..Behaviour::default() },
        };
        let mut bench = Bench {
            controller: Controller::new(config),
            storage: MemoryStorage::default(),
            choices: CountingChoices::default(),
            now: Time::ZERO,
            uncommitted: VecDeque::new(),
            // Offset 0 holds the quorum's LeaderChange record.
            log_end_offset: 1,
            log: None,
            hold_commits: false,
            two_directories: options.two_directories,
            next_request: 0,
            transcript: String::new(),
        };
        bench.run(|controller, ctx| controller.activate(ctx, LeaderEpoch(1), 1));
        bench
    }

    /// Three live brokers 1, 2, 3 and nothing said so far.
    fn with_brokers(options: Options) -> Bench {
        let mut bench = Bench::new(options);
        for broker in 1..=3 {
            bench.start(broker);
        }
        bench.transcript.clear();
        bench
    }

    fn say(&mut self, line: &str) {
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }

    /// What was said since the last time.
    fn take(&mut self) -> String {
        std::mem::take(&mut self.transcript)
    }

    fn run(&mut self, act: impl FnOnce(&mut Controller, &mut Context<'_>)) {
        let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
        let mut ctx = Context::new(now, &mut self.storage, &mut self.choices);
        act(&mut self.controller, &mut ctx);
        for event in ctx.take_effects().events {
            let Event::Controller(event) = event else { panic!("the controller emits its own events only") };
            if let Some(line) = line(&event) {
                self.say(&line);
            }
        }
        for output in self.controller.take_outputs() {
            match output {
                ControllerOutput::Append { write_id, records, .. } => {
                    for record in records {
                        self.uncommitted.push_back((self.log_end_offset, record));
                        self.log_end_offset += 1;
                    }
                    let mut ctx = Context::new(now, &mut self.storage, &mut self.choices);
                    self.controller.appended(&mut ctx, write_id, self.log_end_offset - 1);
                }
                ControllerOutput::Reply { response, .. } => self.say(&format!("< {}", answer(&response))),
                ControllerOutput::FatalFault { reason } => self.say(&format!("fatal fault: {reason}")),
            }
        }
        if !self.hold_commits && !self.uncommitted.is_empty() {
            self.commit();
        }
    }

    /// The quorum commits everything that lies in its log.
    fn commit(&mut self) {
        let records: Vec<(Offset, MetadataRecord)> = self.uncommitted.drain(..).collect();
        let last = self.log_end_offset - 1;
        if let Some(log) = &mut self.log {
            log.extend(records.iter().cloned());
        }
        self.run(|controller, ctx| controller.replay_committed(ctx, last, &records));
    }

    fn ask(&mut self, request: impl Into<Request>) {
        self.next_request += 1;
        let handle = RequestHandle { connection: ConnectionId(1), correlation_id: self.next_request };
        let request = request.into();
        self.run(|controller, ctx| controller.handle_request(ctx, handle, request));
    }

    /// Timers run at the very instants at which they are due.
    fn advance_to(&mut self, millis: u64) {
        let target = Time::from_millis(millis);
        while let Some(at) = self.controller.next_deadline().filter(|at| *at <= target) {
            self.now = at;
            self.run(|controller, ctx| controller.on_timers(ctx));
        }
        self.now = target;
    }

    fn epoch_of(&self, broker: i32) -> BrokerEpoch {
        self.controller.image().broker(NodeId(broker)).expect("registered").broker_epoch
    }

    fn register(&mut self, broker: i32, incarnation: u128, previous_broker_epoch: BrokerEpoch) {
        self.say(&format!("> {}: register broker {broker}, process {incarnation}", clock(self.now)));
        self.ask(BrokerRegistrationRequest {
            broker: NodeId(broker),
            cluster_id: ClusterId(Uuid::from_u128(7)),
            incarnation_id: IncarnationId(Uuid::from_u128(incarnation)),
            listeners: vec![Endpoint::new(&format!("b{broker}"), BROKER_PORT)],
            features: supported_features(),
            rack: None,
            log_directories: (0..=u128::from(self.two_directories)).map(|index| directory(broker, index)).collect(),
            previous_broker_epoch,
        });
    }

    fn heartbeat(&mut self, broker: i32, change: impl FnOnce(&mut BrokerHeartbeatRequest)) {
        let mut request = BrokerHeartbeatRequest {
            broker: NodeId(broker),
            broker_epoch: self.epoch_of(broker),
            current_metadata_offset: self.log_end_offset - 1,
            want_fence: false,
            want_shut_down: false,
            offline_log_directories: Vec::new(),
        };
        change(&mut request);
        self.ask(request);
    }

    /// Registers a broker and unfences it.
    fn start(&mut self, broker: i32) {
        self.register(broker, broker as u128, BrokerEpoch::NONE);
        self.heartbeat(broker, |_| {});
    }

    fn create(&mut self, topic: &str, replicas: &[i32], configs: &[(&str, &str)]) {
        self.say(&format!("> create {topic} on {replicas:?}"));
        self.ask(CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: TopicName::new(topic),
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![nodes(replicas)],
                configs: configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            }],
            timeout_ms: 1_000,
            validate_only: false,
        });
    }

    /// The leader of partition 0 proposes an in-sync set on the basis of what is in force.
    fn propose(&mut self, topic: &str, isr: &[i32]) {
        self.say(&format!("> {topic}-0: the leader proposes {isr:?}"));
        let partition = self.partition(topic);
        let topic_id = self.controller.image().topic_id(&TopicName::new(topic)).expect("created");
        let leader = partition.leader;
        self.ask(AlterPartitionRequest {
            broker: leader,
            broker_epoch: self.epoch_of(leader.0),
            partitions: vec![AlterPartitionProposal {
                topic_id,
                partition: 0,
                leader_epoch: partition.leader_epoch,
                new_isr: isr.iter().map(|node| (NodeId(*node), self.epoch_of(*node))).collect(),
                leader_recovery_state: LeaderRecoveryState::Recovered,
                partition_epoch: partition.partition_epoch,
            }],
        });
    }

    fn partition(&self, topic: &str) -> PartitionRegistration {
        self.controller.image().partition(&TopicName::new(topic), 0).expect("created").clone()
    }
}

fn clock(now: Time) -> String {
    format!("{:.3} s", now.0 as f64 / 1e6)
}

fn ids(nodes: &[NodeId]) -> String {
    format!("{:?}", nodes.iter().map(|node| node.0).collect::<Vec<_>>())
}

/// An event as a line; none for what every write says.
fn line(event: &ControllerEvent) -> Option<String> {
    Some(match event {
        // The answer itself is told.
        ControllerEvent::HeartbeatAnswered { .. } => return None,
        ControllerEvent::PartitionChanged {
            partition,
            leader,
            leader_epoch,
            isr,
            elr,
            partition_epoch,
            unclean,
            reason,
            ..
        } => {
            let unclean = if *unclean { ", UNCLEAN" } else { "" };
            format!(
                "{partition}: leader {leader} in epoch {leader_epoch}, ISR {}, ELR {}, version {partition_epoch} \
                 ({reason:?}{unclean})",
                ids(isr),
                ids(elr)
            )
        }
        ControllerEvent::TopicCreated { topic, partitions, .. } => {
            format!("{topic} created, {partitions} partition(s)")
        }
        ControllerEvent::TopicDeleted { topic, .. } => format!("{topic} deleted"),
        ControllerEvent::BrokerRegistered { broker, broker_epoch, clean } => {
            format!("broker {broker} registered, epoch {broker_epoch}, {}", if *clean { "clean" } else { "unclean" })
        }
        ControllerEvent::WriteCommitted { .. } => return None,
        other => format!("{other:?}"),
    })
}

/// An answer in short.
fn answer(response: &Response) -> String {
    match response {
        Response::BrokerRegistration(response) => format!("{} epoch {}", response.error.name(), response.broker_epoch),
        Response::BrokerHeartbeat(response) => format!(
            "{} caught up {} fenced {} stop {}",
            response.error.name(),
            response.is_caught_up,
            response.is_fenced,
            response.should_shut_down
        ),
        Response::AlterPartition(response) => match response.partitions.first() {
            None => response.error.name().to_owned(),
            Some(result) if result.error.is_none() => {
                format!("NONE ISR {} version {}", ids(&result.isr), result.partition_epoch)
            }
            Some(result) => result.error.name().to_owned(),
        },
        Response::CreateTopics(response) => {
            let topics = response.topics.iter();
            topics.map(|topic| format!("{} {}", topic.name, topic.error.name())).collect::<Vec<_>>().join(", ")
        }
        Response::DeleteTopics(response) => {
            let topics = response.topics.iter();
            topics.map(|(name, _, error)| format!("{name} {}", error.name())).collect::<Vec<_>>().join(", ")
        }
        Response::CreatePartitions(response) => {
            let topics = response.topics.iter();
            topics.map(|(name, error, _)| format!("{name} {}", error.name())).collect::<Vec<_>>().join(", ")
        }
        Response::ElectLeaders(response) => {
            let partitions = response.partitions.iter();
            partitions.map(|(name, error)| format!("{name} {}", error.name())).collect::<Vec<_>>().join(", ")
        }
        Response::IncrementalAlterConfigs(response) => {
            let resources = response.resources.iter();
            resources.map(|(_, error, _)| error.name().to_owned()).collect::<Vec<_>>().join(", ")
        }
        Response::AlterPartitionReassignments(response) => {
            let partitions = response.partitions.iter();
            partitions.map(|(name, error, _)| format!("{name} {}", error.name())).collect::<Vec<_>>().join(", ")
        }
        Response::AllocateProducerIds(response) => {
            format!("{} from {}", response.error.name(), response.producer_id_start.0)
        }
        other => format!("{other:?}"),
    }
}

impl Bench {
    /// Time passes; these brokers send a heartbeat every two seconds, of which nothing is said.
    fn live_until(&mut self, millis: u64, brokers: &[i32]) {
        loop {
            let next_beat = (self.now.0 / 2_000_000 + 1) * 2_000;
            self.advance_to(next_beat.min(millis));
            if next_beat > millis {
                return;
            }
            for broker in brokers {
                let said = self.take();
                self.heartbeat(*broker, |_| {});
                self.transcript = said;
            }
        }
    }
}
