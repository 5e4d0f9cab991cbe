//! Damaged disks: whatever has become of its files, a machine comes up, takes a log directory offline, or refuses to
//! start, as Kafka does. It never panics, and neither does anybody who talks to it.
//!
//! ```text
//!   cluster runs ── machines stop ── bytes flip, files end early or are empty ── start ── traffic ── restart ── traffic
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::kafka::{ADMIN, PRODUCER, cluster_of, create_topic};
use super::*;
use crate::fault::Lose;
use crate::machine::ProcessState;
use crate::stream::{Stream, StreamPurpose};
use trial_broker::client::{ClientConfig, ClientKind, OffsetReset, Work};
use trial_broker::config::{Behaviour, ConsumerSettings};
use trial_broker::event::{Event, ExitReason, LifecycleEvent};
use trial_broker::ids::{BROKER_PORT, DirectoryId, Endpoint, TopicPartition};
use trial_broker::message::IsolationLevel;

/// How many damaged disks each test tries.
const CASES: u64 = 60;

const CONSUMER: MachineId = MachineId(1003);
const NODES: [MachineId; 3] = [MachineId(1), MachineId(2), MachineId(3)];

/// The kinds of files that a machine has by the time it stops: see [`kind_of`]. Offset index and transaction index of the
/// metadata log are empty.
const KINDS: &[&str] = &[
    "data-0/.kafka_cleanshutdown",
    "data-0/log-start-offset-checkpoint",
    "data-0/meta.properties",
    "data-0/orders-0/.index",
    "data-0/orders-0/.log",
    "data-0/orders-0/.snapshot",
    "data-0/orders-0/.timeindex",
    "data-0/orders-0/leader-epoch-checkpoint",
    "data-0/orders-0/partition.metadata",
    "data-0/recovery-point-offset-checkpoint",
    "data-0/replication-offset-checkpoint",
    "data-1/.kafka_cleanshutdown",
    "data-1/log-start-offset-checkpoint",
    "data-1/meta.properties",
    "data-1/recovery-point-offset-checkpoint",
    "metadata/__cluster_metadata-0/.checkpoint",
    "metadata/__cluster_metadata-0/.log",
    "metadata/__cluster_metadata-0/.snapshot",
    "metadata/__cluster_metadata-0/.timeindex",
    "metadata/__cluster_metadata-0/leader-epoch-checkpoint",
    "metadata/__cluster_metadata-0/quorum-state",
    "metadata/meta.properties",
];

/// How the machines stop whose disks are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Halt {
    /// One of them loses its power; the others go on.
    PowerOfOne,
    /// All of them lose their power.
    PowerOfAll,
    /// One of them closes its logs in order, so that nothing of them is recovered at the next start.
    OrderOfOne,
}

/// What became of the damaged machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It runs, with all that it had.
    CameUp,
    /// It runs, or has ended, without a log directory.
    LostDirectory,
    /// It did not start, or ended over what it found.
    Refused,
}

fn send(world: &mut World, from: Time, first_ticket: u64, count: u64) {
    for number in 0..count {
        let value = vec![number as u8; 100 + (number as usize * 37) % 300];
        let record =
            ProducerRecord { topic: "orders".to_owned(), partition: None, key: None, value: Some(Bytes::from(value)) };
        call(world, Time(from.0 + number * 50_000), PRODUCER, first_ticket + number, Call::Send(record));
    }
}

/// A cluster that has run for 20 s with small segments and many snapshots, and whose machines have just stopped.
fn stopped(halt: Halt) -> World {
    let mut world = cluster_of(11, false, |config| {
        config.log.internal_segment_bytes = 4096;
        config.log.index_interval_bytes = 512;
        config.raft.internal_log_segment_bytes = 4096;
        config.raft.snapshot_max_new_record_bytes = 1500;
        let second = DirectoryId(uuid::Uuid::from_u128(0x3000 + config.node.0 as u128));
        config.data_directories.push(second);
    });
    let consumer = ClientKind::Consumer {
        isolation: IsolationLevel::ReadCommitted,
        offset_reset: OffsetReset::Earliest,
        assign: vec![TopicPartition::new("orders", 0)],
        subscribe: Vec::new(),
        group: None,
        polls_by_itself: true,
        work: Work::default(),
        settings: ConsumerSettings::default(),
    };
    let bootstrap_servers = (1..=3).map(|id| Endpoint::new(&format!("b{id}"), BROKER_PORT)).collect();
    let config =
        ClientConfig { client_id: "c1".into(), bootstrap_servers, kind: consumer, behaviour: Behaviour::default() };
    let program = ProgramConfig::Client(Box::new(config));
    world.add_machine(CONSUMER, MachineConfig { name: "c1".into(), program });
    call(&mut world, ms(8000), ADMIN, 1, create_topic());
    send(&mut world, ms(10_000), 100, 120);
    let fault = |machine| match halt {
        Halt::PowerOfOne | Halt::PowerOfAll => Fault::PowerCut { machine, lose: Lose::Drawn, draw: 5 },
        Halt::OrderOfOne => Fault::Stop { machine },
    };
    let machines = if halt == Halt::PowerOfAll { &NODES[..] } else { &NODES[..1] };
    for machine in machines {
        at(&mut world, ms(15_900), fault(*machine));
    }
    world.run_until(ms(19_999));
    world
}

/// One, two or three injuries to the files of a disk; a file of any kind is as likely as any other kind.
fn injuries(world: &World, machine: MachineId, stream: &mut Stream) -> Vec<Fault> {
    let mut by_kind: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
    for file in world.machine(machine).expect("a machine").disk().files() {
        if file.length > 0 {
            by_kind.entry(kind_of(&file.path)).or_default().push((file.path, file.length));
        }
    }
    let kinds: Vec<&Vec<(String, u64)>> = by_kind.values().collect();
    let mut pick = |count: usize| stream.between(0, count as u64 - 1) as usize;
    (0..=pick(3))
        .map(|_| {
            let files = kinds[pick(kinds.len())];
            let (path, length) = files[pick(files.len())].clone();
            let at = pick(length as usize) as u64;
            match pick(4) {
                0 => Fault::Shorten { machine, path, length: 0 },
                1 => Fault::Shorten { machine, path, length: at },
                _ => Fault::Rot { machine, path, position: at, bits: 1 << pick(8) },
            }
        })
        .collect()
}

/// A file's kind: the directory it is in, and its name without numbers.
fn kind_of(path: &str) -> String {
    let plain = |text: &str| text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
    path.split('/').map(plain).collect::<Vec<_>>().join("/")
}

/// Starts everybody with one damaged disk, lets records flow, starts the damaged machine once more.
fn run_on(mut world: World, machine: MachineId, injuries: &[Fault]) -> BTreeSet<Fate> {
    for injury in injuries {
        at(&mut world, ms(20_000), injury.clone());
    }
    for machine in NODES {
        at(&mut world, ms(20_001), Fault::Start { machine });
    }
    at(&mut world, ms(24_000), Fault::Start { machine: CONSUMER });
    send(&mut world, ms(25_000), 500, 60);
    at(&mut world, ms(35_000), Fault::Restart { machine });
    send(&mut world, ms(38_000), 700, 20);
    let mut fates = BTreeSet::new();
    for step in steps(&mut world, ms(45_000)) {
        let is_exit = |event: &Event| matches!(event, Event::Lifecycle(LifecycleEvent::ProcessExited { reason }) if *reason != ExitReason::Stopped);
        let is_loss = |event: &Event| matches!(event, Event::Lifecycle(LifecycleEvent::LogDirectoryFailed { .. }));
        let has_refused = |fact: &Fact| matches!(fact, Fact::StartFailed { .. });
        if step.events.iter().any(is_loss) {
            fates.insert(Fate::LostDirectory);
        }
        if step.events.iter().any(is_exit) || step.facts.iter().any(has_refused) {
            fates.insert(Fate::Refused);
        }
    }
    if fates.is_empty() && world.machine(machine).expect("a machine").state() == ProcessState::Running {
        fates.insert(Fate::CameUp);
    }
    fates
}

fn survive(halt: Halt, cases: u64) {
    let base = stopped(halt);
    let mut fates = BTreeSet::new();
    let mut hurt = BTreeSet::new();
    let mut panics = Vec::new();
    for case in 0..cases {
        let mut stream = Stream::new(case, StreamPurpose::Choice, (101, halt as u64));
        let machine = match halt {
            Halt::PowerOfAll => NODES[stream.between(0, 2) as usize],
            Halt::PowerOfOne | Halt::OrderOfOne => NODES[0],
        };
        let injuries = injuries(&base, machine, &mut stream);
        for injury in &injuries {
            if let Fault::Rot { path, .. } | Fault::Shorten { path, .. } = injury {
                hurt.insert(kind_of(path));
            }
        }
        let world = base.clone();
        match catch_unwind(AssertUnwindSafe(|| run_on(world, machine, &injuries))) {
            Ok(came_to) => fates.extend(came_to),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                panics.push(format!("case {case}: {words}: {injuries:?}"));
            }
        }
    }
    assert!(panics.is_empty(), "{halt:?}: {} panics\n{}", panics.len(), panics.join("\n"));
    assert_eq!(fates, [Fate::CameUp, Fate::LostDirectory, Fate::Refused].into(), "{halt:?}: not every fate was met");
    assert!(hurt.len() >= KINDS.len() - 6, "{halt:?}: few kinds of files were hurt: {hurt:?}");
}

#[test]
fn damage_after_a_power_cut_ends_no_machine_by_a_panic() {
    survive(Halt::PowerOfOne, CASES);
}

#[test]
fn damage_in_a_cluster_without_power_ends_no_machine_by_a_panic() {
    survive(Halt::PowerOfAll, CASES);
}

#[test]
fn damage_to_logs_that_were_closed_in_order_ends_no_machine_by_a_panic() {
    survive(Halt::OrderOfOne, CASES);
}

#[test]
fn damage_reaches_every_kind_of_file_that_a_machine_writes() {
    let mut kinds = BTreeSet::new();
    for halt in [Halt::PowerOfOne, Halt::OrderOfOne] {
        let world = stopped(halt);
        let files = world.machine(NODES[0]).expect("a machine").disk().files();
        kinds.extend(files.iter().filter(|file| file.length > 0).map(|file| kind_of(&file.path)));
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(kinds, KINDS);
}
