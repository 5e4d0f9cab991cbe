//! From a scenario to machines: configurations, ids, and who is who.
//!
//! ```text
//!   b1, b2, …   brokers (or combined processes)   machine and node 1, 2, …
//!   c1, c2, …   controllers                       machine and node 101, 102, …
//!   admin       creates the topics, unseen        machine 1000
//!   p1, …       clients, in the file's order      machine 1001, 1002, …
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trial_broker::client::{ClientConfig, ClientKind, OffsetReset, Work};
use trial_broker::config::{
    Behaviour, ConsumerSettings, ControllerSettings, GroupCoordinatorSettings, Hazard, LogManagerSettings, LogSettings,
    ProducerSettings, Properties, RaftSettings, ReplicationSettings, Role, Switch, Treatment, Voter,
};
use trial_broker::ids::{
    BROKER_PORT, CONTROLLER_PORT, ClusterId, DirectoryId, Endpoint, NodeId, TopicName, TopicPartition,
};
use trial_broker::message::{IsolationLevel, ReplicaKey};
use trial_broker::metadata::ELIGIBLE_LEADER_REPLICAS_VERSION;
use trial_broker::node::NodeConfig;
use uuid::Uuid;

use crate::fault::MachineId;
use crate::machine::{MachineConfig, ProgramConfig};
use crate::network::LatencyModel;
use crate::scenario::format::{Client, ClientSettings, Latency};
use crate::scenario::trace::Cast;
use crate::scenario::vocabulary::{hazard_named, switch_named};
use crate::scenario::{Scenario, validate};
use crate::stream::{Stream, StreamPurpose};
use crate::world::{World, WorldSettings};

/// The machine that creates the topics: no part of the scenario.
pub(super) const ADMIN: MachineId = MachineId(1000);

/// A world whose machines have not been started, and the names of everybody in it.
pub(super) struct Built {
    pub(super) world: World,
    pub(super) cast: Cast,
    /// The machines of the brokers, in order of their ids.
    pub(super) brokers: Vec<MachineId>,
    /// The machines of controllers of their own.
    pub(super) controllers: Vec<MachineId>,
    /// The machines of the clients, by name, in the file's order.
    pub(super) clients: Vec<(String, MachineId)>,
}

/// The stream of what the runner itself draws. Its subjects lie far above those of machines.
pub(super) fn runner_stream(seed: u64, what: u64) -> Stream {
    Stream::new(seed, StreamPurpose::Choice, (u64::MAX, what))
}

/// Builds the world of a scenario.
pub(super) fn build(scenario: &Scenario, seed: u64) -> Built {
    let file = &scenario.file;
    let latency = file.cluster.latency.as_ref().map(|latency| latency_model(&latency.value)).unwrap_or_default();
    let mut world = World::new(seed, WorldSettings { latency, ..WorldSettings::default() });
    let mut cast = Cast::new();
    let plan = ClusterPlan::new(scenario, seed);
    let mut brokers = Vec::new();
    let mut controllers = Vec::new();
    for node in plan.nodes() {
        let machine = MachineId(node.0 as u32);
        let config = plan.node_config(scenario, node);
        let (name, role) = (Arc::from(config.host.as_str()), config.role);
        cast.add(machine, &name, Some(node), role.is_broker());
        if role.is_broker() {
            brokers.push(machine)
        } else {
            controllers.push(machine)
        }
        world.add_machine(machine, MachineConfig { name, program: ProgramConfig::Node(Box::new(config)) });
    }
    let admin = ClientConfig {
        client_id: "admin".into(),
        bootstrap_servers: plan.bootstrap_servers(),
        kind: ClientKind::Admin { settings: ProducerSettings { backoff_jitter: false, ..ProducerSettings::default() } },
        behaviour: Behaviour::default(),
    };
    cast.add(ADMIN, "admin", None, false);
    cast.hide(ADMIN);
    world.add_machine(ADMIN, MachineConfig { name: "admin".into(), program: ProgramConfig::Client(Box::new(admin)) });
    let mut clients = Vec::new();
    for (client, number) in file.clients.iter().zip(ADMIN.0 + 1..) {
        let machine = MachineId(number);
        cast.add(machine, &client.name, None, false);
        let config = client_config(scenario, client, plan.bootstrap_servers());
        // Hosts find each other by name: a consumer may be called c1 as a controller is, its host may not.
        let name: Arc<str> = format!("client-{}", client.name.value).into();
        world.add_machine(machine, MachineConfig { name, program: ProgramConfig::Client(Box::new(config)) });
        clients.push((client.name.value.clone(), machine));
    }
    Built { world, cast, brokers, controllers, clients }
}

/// The network's form of a latency.
pub(super) fn latency_model(latency: &Latency) -> LatencyModel {
    match latency {
        Latency::Constant(span) => LatencyModel::Constant(span.duration()),
        Latency::Uniform { min, max } => LatencyModel::Uniform { min: min.duration(), max: max.duration() },
        Latency::Exponential { min, mean } => LatencyModel::Exponential { min: min.duration(), mean: mean.duration() },
        Latency::Bimodal { fast, slow, one_in } => LatencyModel::Bimodal {
            fast: fast.duration(),
            slow: slow.duration(),
            slow_per_mille: (1000 / one_in).min(1000) as u16,
        },
    }
}

/// What all nodes of a cluster have in common.
struct ClusterPlan {
    brokers: Vec<i32>,
    controllers: Vec<i32>,
    combined: bool,
    cluster_id: ClusterId,
    /// Metadata directory and data directories of each node.
    directories: BTreeMap<i32, (DirectoryId, Vec<DirectoryId>)>,
}

impl ClusterPlan {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let cluster = &scenario.file.cluster;
        let (brokers, controllers) = (scenario.brokers(), scenario.controllers());
        let mut stream = runner_stream(seed, 0);
        let mut uuid = || Uuid::from_u64_pair(stream.between(1, u64::MAX), stream.between(0, u64::MAX));
        let cluster_id = ClusterId(uuid());
        let ids: BTreeSet<i32> = brokers.iter().chain(&controllers).copied().collect();
        let directories = ids
            .into_iter()
            .map(|id| {
                let properties = properties_of(scenario, id);
                let settings = LogManagerSettings::from_properties(&properties).unwrap_or_default();
                let metadata = DirectoryId(uuid());
                let data = (0..settings.log_directories).map(|_| DirectoryId(uuid())).collect();
                (id, (metadata, data))
            })
            .collect();
        ClusterPlan { brokers, controllers, combined: cluster.combined.is_some(), cluster_id, directories }
    }

    fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.directories.keys().map(|id| NodeId(*id))
    }

    fn host(&self, id: i32) -> String {
        if self.brokers.contains(&id) { format!("b{id}") } else { format!("c{}", id - 100) }
    }

    fn bootstrap_servers(&self) -> Vec<Endpoint> {
        self.brokers.iter().map(|id| Endpoint::new(&self.host(*id), BROKER_PORT)).collect()
    }

    fn voters(&self) -> Vec<Voter> {
        self.controllers
            .iter()
            .map(|id| Voter {
                replica: ReplicaKey { id: NodeId(*id), directory_id: self.directories[id].0 },
                endpoint: Endpoint::new(&self.host(*id), CONTROLLER_PORT),
            })
            .collect()
    }

    fn role(&self, id: i32) -> Role {
        match (self.combined, self.brokers.contains(&id)) {
            (true, _) => Role::Combined,
            (false, true) => Role::Broker,
            (false, false) => Role::Controller,
        }
    }

    fn node_config(&self, scenario: &Scenario, node: NodeId) -> NodeConfig {
        let file = &scenario.file;
        let racks = &file.cluster.racks;
        let rack = match self.brokers.iter().position(|id| *id == node.0) {
            Some(index) if !racks.is_empty() => Some(racks[index % racks.len()].clone()),
            _ => None,
        };
        let (metadata_directory, data_directories) = self.directories[&node.0].clone();
        let mut config = NodeConfig {
            node,
            role: self.role(node.0),
            host: self.host(node.0).into(),
            rack,
            cluster_id: self.cluster_id,
            voters: self.voters(),
            metadata_directory,
            data_directories,
            features: match file.cluster.elr {
                Some(false) => vec![(ELIGIBLE_LEADER_REPLICAS_VERSION.to_owned(), 0)],
                Some(true) | None => Vec::new(),
            },
            properties: properties_of(scenario, node.0),
            replication: ReplicationSettings::default(),
            log: LogSettings::default(),
            log_manager: LogManagerSettings::default(),
            raft: RaftSettings::default(),
            controller: ControllerSettings::default(),
            group_coordinator: GroupCoordinatorSettings::default(),
            behaviour: Behaviour { switches: switches_of(scenario, node.0), mended: mended_in(scenario) },
        };
        config.read_properties().expect("the settings were checked with the scenario");
        config
    }
}

/// The cluster's settings, and one node's on top of them.
fn properties_of(scenario: &Scenario, id: i32) -> Properties {
    let mut properties = scenario.file.cluster.config.properties();
    for node in scenario.file.nodes.iter().filter(|node| node.id.value == id) {
        properties.extend(node.config.properties());
    }
    properties
}

fn mended_in(scenario: &Scenario) -> BTreeSet<Hazard> {
    let mended = scenario.file.cluster.hazards.iter().filter(|(_, treatment)| **treatment == Treatment::Mended);
    mended.filter_map(|(name, _)| hazard_named(&name.value)).collect()
}

fn switches_of(scenario: &Scenario, id: i32) -> BTreeSet<Switch> {
    let own = scenario.file.nodes.iter().filter(|node| node.id.value == id).flat_map(|node| &node.switches);
    scenario.file.cluster.switches.iter().chain(own).filter_map(|name| switch_named(&name.value)).collect()
}

/// A client as its section says.
fn client_config(scenario: &Scenario, client: &Client, bootstrap_servers: Vec<Endpoint>) -> ClientConfig {
    let kind = match (&client.producer, &client.consumer, &client.admin) {
        (Some(section), _, _) => producer(section),
        (_, Some(section), _) => consumer(section),
        (_, _, Some(section)) => admin(section),
        (None, None, None) => unreachable!("a client's kind was checked with the scenario"),
    };
    let switches = scenario.file.cluster.switches.iter().filter_map(|name| switch_named(&name.value)).collect();
    let behaviour = Behaviour { switches, mended: mended_in(scenario) };
    ClientConfig { client_id: client.name.as_str().into(), bootstrap_servers, kind, behaviour }
}

fn producer(section: &ClientSettings) -> ClientKind {
    ClientKind::producer(&validate::producer_properties(&section.settings))
        .expect("the settings were checked with the scenario")
}

fn admin(section: &ClientSettings) -> ClientKind {
    ClientKind::admin(&validate::client_properties(&section.settings))
        .expect("the settings were checked with the scenario")
}

fn consumer(section: &ClientSettings) -> ClientKind {
    let text = |name: &str| section.settings.get(name).map(|value| value.0.clone());
    let settings = ConsumerSettings::of_consumer(&validate::client_properties(&section.settings))
        .expect("the settings were checked with the scenario");
    ClientKind::Consumer {
        isolation: match text("isolation.level").as_deref() {
            Some("read_committed") => IsolationLevel::ReadCommitted,
            _ => IsolationLevel::ReadUncommitted,
        },
        offset_reset: text("auto.offset.reset")
            .map_or(OffsetReset::Earliest, |said| said.parse().expect("the settings were checked with the scenario")),
        assign: section.assign.iter().filter_map(|name| partition_named(name)).collect(),
        subscribe: section.subscribe.iter().map(|topic| TopicName::new(&topic.value)).collect(),
        group: validate::membership_of(section).expect("the settings were checked with the scenario").map(Box::new),
        polls_by_itself: text("poll").as_deref() != Some("asked"),
        work: Work {
            per_record: validate::span_of(&section.settings, "work").unwrap_or_default(),
            polls_every: validate::span_of(&section.settings, "poll-every"),
        },
        settings,
    }
}

/// A partition by its checked name.
pub(super) fn partition_named(name: &str) -> Option<TopicPartition> {
    validate::partition_named(name)
}
