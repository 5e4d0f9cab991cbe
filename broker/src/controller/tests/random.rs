//! Random walks of a controller: what must hold after every step, whatever is asked.

use super::super::{Controller, ControllerOutput};
use super::{Bench, Options, nodes};
use crate::context::Context;
use crate::ids::*;
use crate::message::*;
use crate::metadata::{MetadataRecord, PartitionRegistration};
use crate::time::{Now, Time};

/// A small generator, so that a failing seed can be run again.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// I2 and I3 of the invariants (KIP-966 `ValidControllerState`, `ValidControllerIsrAndElr`).
fn check_partition(bench: &Bench, partition: &PartitionRegistration, min_isr: usize, at: &str) {
    let image = bench.controller.image();
    let (isr, elr) = (&partition.isr, &partition.elr);
    assert!(isr.iter().all(|node| !elr.contains(node)), "{at}: {partition:?} has a replica in ISR and ELR");
    // Not so the ELR: see `elr_may_keep_a_replica_that_was_reassigned_away`.
    assert!(isr.iter().all(|node| partition.replicas.contains(node)), "{at}: {partition:?} has a stranger");
    assert!(elr.is_empty() || isr.len() < min_isr, "{at}: {partition:?} needs no ELR");
    assert!(isr.iter().all(|node| image.broker(*node).is_some_and(|b| b.is_active())), "{at}: {partition:?}");
    let may_lead = |node: &&NodeId| image.broker(**node).is_some_and(|b| b.is_active());
    let nobody = !isr.iter().chain(elr).filter(|node| partition.replicas.contains(node)).any(|node| may_lead(&node));
    match partition.leader {
        NodeId::NONE => assert!(nobody, "{at}: {partition:?} could have a leader"),
        leader => assert!(isr.contains(&leader), "{at}: {partition:?} is led from outside"),
    }
}

fn step(bench: &mut Bench, draws: &mut Draws, process: &mut u128) {
    let broker = 1 + draws.below(4) as i32;
    // A broker that has begun to stop never wants anything else again.
    let stops = bench.controller.image().broker(NodeId(broker)).is_some_and(|known| known.in_controlled_shutdown);
    match draws.below(12) {
        0 => {
            let clean = draws.below(2) == 0;
            let epoch = if clean { bench.epoch_of(broker) } else { BrokerEpoch::NONE };
            *process += 1;
            bench.register(broker, *process, epoch);
        }
        1 => bench.heartbeat(broker, |request| (request.want_fence, request.want_shut_down) = (!stops, stops)),
        2 => bench.heartbeat(broker, |request| request.want_shut_down = true),
        3..=5 => bench.heartbeat(broker, |request| request.want_shut_down = stops),
        6 | 7 => {
            let isr: Vec<i32> = (1..=4).filter(|_| draws.below(3) > 0).collect();
            if bench.partition("orders").leader.is_some() {
                bench.propose("orders", &isr);
            }
        }
        8 => {
            let target: Vec<i32> = (0..3).map(|index| 1 + (broker - 1 + index) % 4).collect();
            let target = (draws.below(3) > 0).then(|| nodes(&target));
            let partitions = vec![(TopicPartition::new("orders", 0), target)];
            bench.ask(AlterPartitionReassignmentsRequest { partitions, timeout_ms: 1_000 });
        }
        9 => {
            let value = Some((1 + draws.below(3)).to_string());
            let topic = ConfigResource::Topic(TopicName::new("orders"));
            let resources = vec![(topic, vec![("min.insync.replicas".to_owned(), value)])];
            bench.ask(IncrementalAlterConfigsRequest { resources, validate_only: false });
        }
        _ => bench.advance_to(bench.now.0 / 1_000 + draws.below(6_000)),
    }
}

#[test]
fn random_walks_keep_isr_elr_and_leader_consistent_and_standbys_equal() {
    for seed in 0..60 {
        let mut bench = Bench::with_brokers(Options::default());
        bench.start(4);
        bench.create("orders", &[1, 2, 3], &[("min.insync.replicas", "2")]);
        let mut standby = Controller::new(bench.controller.config().clone());
        let mut draws = Draws(seed);
        let mut process = 100;
        let mut before = bench.partition("orders");
        bench.log = Some(Vec::new());
        let image = bench.controller.committed_image().clone();
        let (snapshot, at) = (image.to_records(), image.last_offset());
        let mut ctx = Context::new(Now::default(), &mut bench.storage, &mut bench.choices);
        standby.load_snapshot(&mut ctx, at, &snapshot);
        for number in 0..150 {
            step(&mut bench, &mut draws, &mut process);
            let at = format!("seed {seed}, step {number}\n{}", bench.transcript);
            let after = bench.partition("orders");
            let settings =
                bench.controller.image().log_settings(&TopicName::new("orders"), &Default::default(), NodeId(0));
            let min_isr = (settings.min_insync_replicas as usize).min(after.replicas.len());
            check_partition(&bench, &after, min_isr, &at);
            assert!(after.partition_epoch >= before.partition_epoch, "{at}");
            assert!(after.leader_epoch >= before.leader_epoch, "{at}");
            let changed_leader = after.leader != before.leader;
            assert!(!changed_leader || after.leader_epoch > before.leader_epoch, "{at}");
            assert!(after == before || after.partition_epoch > before.partition_epoch, "{at}");
            before = after;
        }
        follow(&mut bench, &mut standby, seed);
    }
}

/// Everything that was committed, as bytes and back, leads a standby to the same state.
fn follow(bench: &mut Bench, standby: &mut Controller, seed: u64) {
    let written = bench.log.take().expect("kept since the start");
    let read: Vec<(Offset, MetadataRecord)> = written
        .iter()
        .map(|(offset, record)| (*offset, MetadataRecord::decode(&record.encode()).expect("just encoded")))
        .collect();
    let last = bench.log_end_offset - 1;
    let now = Now { monotonic: Time::ZERO, ..Now::default() };
    let mut ctx = Context::new(now, &mut bench.storage, &mut bench.choices);
    standby.replay_committed(&mut ctx, last, &read);
    let faults = standby.take_outputs();
    assert!(!faults.iter().any(|output| matches!(output, ControllerOutput::FatalFault { .. })), "{faults:?}");
    let (ours, theirs) = (bench.controller.committed_image(), standby.committed_image());
    assert_eq!(ours.to_records(), theirs.to_records(), "seed {seed}");
}
