//! Real programs in the world: a cluster boots, a topic is created, a record is acknowledged.

use std::collections::BTreeMap;

use super::*;
use crate::people::run_in;
use crate::trial::Producer;
use trial_broker::client::{ClientConfig, ClientKind};
use trial_broker::config::{
    Behaviour, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings, ProducerSettings,
    Properties, RaftSettings, ReplicationSettings, Role, Voter,
};
use trial_broker::ids::{BROKER_PORT, CONTROLLER_PORT, ClusterId, DirectoryId, Endpoint, NodeId};
use trial_broker::message::{Acks, ReplicaKey};
use trial_broker::node::NodeConfig;
use uuid::Uuid;

pub(super) const PRODUCER: MachineId = MachineId(1001);
pub(super) const ADMIN: MachineId = MachineId(1002);

fn node_config(id: i32) -> NodeConfig {
    let directory = |id: i32| DirectoryId(Uuid::from_u128(0x1000 + id as u128));
    let voter = |id: i32| Voter {
        replica: ReplicaKey { id: NodeId(id), directory_id: directory(id) },
        endpoint: Endpoint::new(&format!("b{id}"), CONTROLLER_PORT),
    };
    NodeConfig {
        node: NodeId(id),
        role: Role::Combined,
        host: format!("b{id}").into(),
        rack: None,
        cluster_id: ClusterId(Uuid::from_u128(7)),
        voters: (1..=3).map(voter).collect(),
        metadata_directory: directory(id),
        data_directories: vec![DirectoryId(Uuid::from_u128(0x2000 + id as u128))],
        features: Vec::new(),
        properties: Properties::new(),
        replication: ReplicationSettings::default(),
        log: LogSettings::default(),
        log_manager: LogManagerSettings::default(),
        raft: RaftSettings::default(),
        controller: ControllerSettings::default(),
        group_coordinator: GroupCoordinatorSettings::default(),
        behaviour: Behaviour::default(),
    }
}

/// Three combined processes, a producer, an admin.
fn cluster(seed: u64) -> World {
    cluster_with(seed, false)
}

pub(super) fn cluster_with(seed: u64, through_bytes: bool) -> World {
    cluster_of(seed, through_bytes, |_| {})
}

/// The same cluster with other settings.
pub(super) fn cluster_of(seed: u64, through_bytes: bool, settle: impl Fn(&mut NodeConfig)) -> World {
    let latency = LatencyModel::Exponential { min: us(500), mean: us(2000) };
    let settings = WorldSettings { latency, sync_cost: us(500), through_bytes, ..WorldSettings::default() };
    let mut world = World::new(seed, settings);
    let bootstrap_servers: Vec<Endpoint> = (1..=3).map(|id| Endpoint::new(&format!("b{id}"), BROKER_PORT)).collect();
    for id in 1..=3 {
        let mut config = node_config(id);
        settle(&mut config);
        let program = ProgramConfig::Node(Box::new(config));
        world.add_machine(MachineId(id as u32), MachineConfig { name: format!("b{id}").into(), program });
    }
    let settings = ProducerSettings::default();
    let producer = ClientKind::Producer { acks: Acks::All, settings: settings.clone() };
    for (id, name, kind) in [(PRODUCER, "p1", producer), (ADMIN, "a1", ClientKind::Admin { settings })] {
        let config = ClientConfig {
            client_id: name.into(),
            bootstrap_servers: bootstrap_servers.clone(),
            kind,
            behaviour: Behaviour::default(),
        };
        let program = ProgramConfig::Client(Box::new(config));
        world.add_machine(id, MachineConfig { name: name.into(), program });
    }
    let all: Vec<MachineId> = world.machines().map(|(id, _)| id).collect();
    for machine in all {
        at(&mut world, Time::ZERO, Fault::Start { machine });
    }
    world
}

pub(super) fn create_topic() -> Call {
    Call::CreateTopic {
        name: "orders".to_owned(),
        partitions: 1,
        replication_factor: 3,
        replicas: Vec::new(),
        configs: BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]),
    }
}

#[test]
fn cluster_boots_and_acknowledges_what_survives_the_power_cut_of_its_leader() {
    let run = run_in(cluster(5), |world, people| async move {
        world.sleep(Duration::from_secs(10)).await;
        people.client(ADMIN).done(create_topic()).await.expect("the topic is created");
        let producer = Producer(people.client(PRODUCER));
        let mut offsets = Vec::new();
        for value in ["one", "two", "three"] {
            let sent = producer.send(("orders", value)).await.expect("acknowledged");
            offsets.push((sent.partition.to_string(), sent.offset));
        }
        world.apply(Fault::PowerCut { machine: MachineId(1), lose: crate::fault::Lose::All, draw: 0 });
        world.sleep(Duration::from_secs(15)).await;
        let offset = producer.send(("orders", "four")).await.map(|sent| sent.offset).expect("two replicas are enough");
        offsets.push(("orders-0".to_owned(), offset));
        world.apply(Fault::Start { machine: MachineId(1) });
        world.sleep(Duration::from_secs(10)).await;
        let offset = producer.send(("orders", "five")).await.map(|sent| sent.offset).expect("acknowledged");
        offsets.push(("orders-0".to_owned(), offset));
        offsets
    });
    let expected: Vec<(String, i64)> = (0..5).map(|offset| ("orders-0".to_owned(), offset)).collect();
    assert_eq!(run.result, expected);
    run.recording.replay().expect("repeated without people");
    let steps = run.recording.world().steps();
    let half = run.recording.state_at(steps / 2);
    assert_eq!(half.steps(), steps / 2);
}

#[test]
fn same_seed_same_cluster_and_another_seed_another() {
    let fingerprint = |seed| {
        let mut world = cluster(seed);
        world.run_until(ms(12_000));
        (world.fingerprint(), world.digest(), world.steps())
    };
    assert_eq!(fingerprint(1), fingerprint(1));
    assert_ne!(fingerprint(1).0, fingerprint(2).0);
}

#[test]
fn messages_survive_their_bytes_and_the_run_is_the_same() {
    let fingerprint = |through_bytes| {
        let mut world = cluster_with(3, through_bytes);
        at(&mut world, ms(9000), Fault::Call { machine: ADMIN, ticket: Ticket(1), call: create_topic() });
        let record = ProducerRecord { topic: "orders".to_owned(), partition: None, key: None, value: Some("x".into()) };
        call(&mut world, ms(11_000), PRODUCER, 2, Call::Send(record));
        let steps = steps(&mut world, ms(15_000));
        let answers: Vec<bool> = resolutions(&steps).into_iter().map(|(_, _, good)| good).collect();
        (answers, world.fingerprint())
    };
    let (answers, by_value) = fingerprint(false);
    assert_eq!(answers, [true, true]);
    assert_eq!(fingerprint(true).1, by_value);
}
