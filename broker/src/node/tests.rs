//! One process on a plain disk: what its lanes do with what comes too late.

use super::*;
use crate::choice::LowestChoice;
use crate::config::{
    Behaviour, ControllerSettings, GroupCoordinatorSettings, LogManagerSettings, LogSettings, Properties, RaftSettings,
    ReplicationSettings, Role,
};
use crate::effects::Effects;
use crate::ids::{
    ClusterId, DirectoryId, Endpoint, IncarnationId, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicName,
};
use crate::input::Internal;
use crate::metadata::{MetadataRecord, MetadataUpdate, PartitionRegistration};
use crate::storage::{MemoryStorage, Storage};
use crate::time::Now;
use uuid::Uuid;

mod groups;

pub(super) fn directory(number: u128) -> DirectoryId {
    DirectoryId(Uuid::from_u128(1000 + number))
}

/// Broker and controller 1, with a metadata directory and two data directories.
pub(super) fn config() -> NodeConfig {
    NodeConfig {
        node: NodeId(1),
        role: Role::Combined,
        host: "b1".into(),
        rack: None,
        cluster_id: ClusterId(Uuid::from_u128(7)),
        voters: Vec::new(),
        metadata_directory: directory(0),
        data_directories: vec![directory(1), directory(2)],
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

#[derive(Clone)]
struct Process {
    node: Node,
    storage: MemoryStorage,
}

impl Process {
    fn started() -> Process {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        Node::format(&config(), &mut ctx).expect("a sound disk");
        let node = Node::recover(config(), &mut ctx).expect("a sound disk");
        Process { node, storage }
    }

    fn step(&mut self, input: Input) -> Effects {
        let mut choices = LowestChoice;
        let mut ctx = Context::new(Now::default(), &mut self.storage, &mut choices);
        self.node.step(&mut ctx, input);
        ctx.take_effects()
    }

    fn tell(&mut self, input: Internal) -> Effects {
        self.step(Input::Internal { lane: Lane::Data, input })
    }

    /// Everything that the broker loads before it serves: no logs yet.
    fn load_logs(&mut self) {
        self.tell(Internal::LoadLogs);
        for _ in 0..10 {
            if self.node.replicas().expect("a broker").is_loaded() {
                return;
            }
            self.tell(Internal::LoadNextLog);
        }
        panic!("the logs are never loaded");
    }

    fn directories(&mut self) -> Vec<String> {
        self.storage.list("data-0").expect("a sound disk")
    }
}

/// Metadata in which this broker leads the one partition of a new topic.
fn topic(offset: i64, name: &str) -> Internal {
    update(offset, records_of(offset, name))
}

fn update(offset: i64, records: Vec<MetadataRecord>) -> Internal {
    let records: Vec<(i64, MetadataRecord)> = (offset..).zip(records).collect();
    let last_offset = offset + records.len() as i64 - 1;
    Internal::Metadata(Arc::new(MetadataUpdate {
        is_snapshot: false,
        last_offset,
        last_epoch: LeaderEpoch(1),
        records,
    }))
}

fn records_of(offset: i64, name: &str) -> Vec<MetadataRecord> {
    let topic_id = TopicId(Uuid::from_u128(2000 + offset as u128));
    let mut registration = PartitionRegistration::new(vec![NodeId(1)], vec![directory(1)], vec![NodeId(1)]);
    registration.leader = NodeId(1);
    registration.leader_epoch = LeaderEpoch(0);
    registration.partition_epoch = PartitionEpoch(0);
    let broker = MetadataRecord::RegisterBroker {
        broker: NodeId(1),
        broker_epoch: crate::ids::BrokerEpoch(5),
        incarnation_id: IncarnationId(Uuid::from_u128(1)),
        endpoints: vec![Endpoint::new("b1", BROKER_PORT)],
        features: Vec::new(),
        rack: None,
        fenced: false,
        in_controlled_shutdown: false,
        log_directories: vec![directory(1), directory(2)],
    };
    vec![
        broker,
        MetadataRecord::Topic { name: TopicName::new(name), topic_id },
        MetadataRecord::Partition { partition: 0, topic_id, registration },
    ]
}

/// The quorum lane goes on for a while after the logs are closed, and still says what it learns; connections that were
/// being closed still speak. Whoever opened a file for them would make the stop an unclean one.
#[test]
fn a_data_lane_that_has_shut_down_ignores_whatever_comes_afterwards() {
    let mut process = Process::started();
    process.load_logs();
    process.tell(topic(10, "orders"));
    assert!(process.directories().contains(&"orders-0".to_owned()), "a lane that works does what metadata says");
    let closed = process.tell(Internal::ShutDown);
    assert!(closed.outputs.iter().any(|output| matches!(
        output,
        crate::effects::Output::Internal { to: Lane::Lifecycle, input: Internal::LogsClosed }
    )));
    let storage = process.storage.clone();
    assert!(storage.clone().list("data-0").expect("a sound disk").contains(&".kafka_cleanshutdown".to_owned()));

    let late = [
        Input::Internal { lane: Lane::Data, input: topic(20, "late") },
        Input::Internal { lane: Lane::Data, input: Internal::LoadNextLog },
        Input::Internal { lane: Lane::Data, input: Internal::ShutDown },
        Input::Timers { lane: Lane::Data },
        Input::Flushed { token: 1, result: Ok(()) },
        Input::Accepted { connection: ConnectionId(1 << 63), port: BROKER_PORT },
        Input::Closed { connection: ConnectionId(1 << 63), reason: crate::input::CloseReason::Reset },
    ];
    for input in late {
        assert_eq!(process.node.lane_of(&input), Lane::Data);
        let words = format!("{input:?}");
        let effects = process.step(input);
        assert!(effects.outputs.is_empty() && effects.events.is_empty(), "{words} is answered: {effects:?}");
    }
    assert_eq!(process.storage, storage, "a closed lane touches no file");
    assert_eq!(process.node.next_deadline(Lane::Data), None);
}

/// What was committed is what a controller wrote; but a broker that reads something else must end neither itself nor the
/// world: it takes what it can, and what it cannot it leaves.
#[test]
fn a_data_lane_bears_metadata_that_nobody_meant() {
    let mut base = Process::started();
    base.load_logs();
    base.tell(topic(10, "orders"));
    let mut readable = 0;
    for (index, record) in records_of(20, "payments").iter().enumerate() {
        let bytes = record.encode();
        for position in 0..bytes.len() {
            for bit in [0, 7] {
                let mut damaged = bytes.to_vec();
                damaged[position] ^= 1 << bit;
                let Ok(damaged) = MetadataRecord::decode(&damaged) else { continue };
                readable += 1;
                let mut records = records_of(20, "payments");
                records[index] = damaged;
                let mut process = base.clone();
                process.tell(update(20, records));
                process.tell(topic(30, "payments"));
                process.step(Input::Timers { lane: Lane::Data });
                process.node.assert_invariants();
                process.tell(Internal::ShutDown);
            }
        }
    }
    assert!(readable > 100, "most damages make another record: {readable}");
}
