//! AlterPartition: the order of the checks, from the outermost to the last.

use super::{Bench, Options};
use crate::config::Switch;
use crate::ids::*;
use crate::message::*;

fn with_orders(options: Options) -> Bench {
    let mut bench = Bench::with_brokers(options);
    bench.create("orders", &[1, 2, 3], &[]);
    bench.take();
    bench
}

/// A proposal of broker 1 that is right in everything, changed in one or more things.
fn error_of(bench: &mut Bench, change: impl FnOnce(&mut AlterPartitionRequest)) -> String {
    let mut request = AlterPartitionRequest {
        broker: NodeId(1),
        broker_epoch: bench.epoch_of(1),
        partitions: vec![AlterPartitionProposal {
            topic_id: bench.controller.image().topic_id(&TopicName::new("orders")).expect("created"),
            partition: 0,
            leader_epoch: LeaderEpoch(0),
            new_isr: [1, 2].map(|node| (NodeId(node), bench.epoch_of(node))).to_vec(),
            leader_recovery_state: LeaderRecoveryState::Recovered,
            partition_epoch: PartitionEpoch(0),
        }],
    };
    change(&mut request);
    bench.take();
    bench.ask(request);
    let said = bench.take();
    said.lines().find_map(|line| line.strip_prefix("< ")).expect("an answer").to_owned()
}

#[test]
fn alter_partition_the_first_check_that_fails_is_the_answer() {
    let mut bench = with_orders(Options::default());
    // Each proposal is wrong in everything that the later ones are wrong in as well.
    let wrong_isr = vec![(NodeId(2), BrokerEpoch(1)), (NodeId(2), BrokerEpoch(1)), (NodeId(9), BrokerEpoch(1))];
    let mut ask = |change: &dyn Fn(&mut AlterPartitionProposal), broker: i32| {
        error_of(&mut bench, |request| {
            request.broker = NodeId(broker);
            request.broker_epoch = BrokerEpoch(8 + 2 * i64::from(broker - 1));
            let proposal = &mut request.partitions[0];
            proposal.new_isr = wrong_isr.clone();
            proposal.leader_recovery_state = LeaderRecoveryState::Recovering;
            change(proposal);
        })
    };
    assert_eq!(ask(&|p| p.topic_id = TopicId::ZERO, 2), "UNKNOWN_TOPIC_ID");
    assert_eq!(ask(&|p| p.partition = 7, 2), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(ask(&|p| p.leader_epoch = LeaderEpoch(1), 2), "NOT_CONTROLLER");
    let newer_version = |p: &mut AlterPartitionProposal| {
        p.partition_epoch = PartitionEpoch(1);
        p.leader_epoch = LeaderEpoch(-1);
    };
    assert_eq!(ask(&newer_version, 2), "NOT_CONTROLLER");
    let older = |p: &mut AlterPartitionProposal| {
        p.leader_epoch = LeaderEpoch(-1);
        p.partition_epoch = PartitionEpoch(-1);
    };
    assert_eq!(ask(&older, 2), "FENCED_LEADER_EPOCH");
    assert_eq!(ask(&|p| p.partition_epoch = PartitionEpoch(-1), 2), "INVALID_REQUEST", "not the leader");
    assert_eq!(ask(&|p| p.partition_epoch = PartitionEpoch(-1), 1), "INVALID_UPDATE_VERSION");
    assert_eq!(ask(&|_| {}, 1), "INVALID_REQUEST", "no set, not within the replicas, without the leader");
}

#[test]
fn alter_partition_refuses_who_is_not_in_service_or_not_the_one_who_fetched() {
    let mut bench = with_orders(Options::default());
    assert_eq!(error_of(&mut bench, |r| r.broker_epoch = BrokerEpoch(1)), "STALE_BROKER_EPOCH");
    assert_eq!(error_of(&mut bench, |r| r.broker = NodeId(9)), "STALE_BROKER_EPOCH");
    let recovering = |r: &mut AlterPartitionRequest| {
        r.partitions[0].leader_recovery_state = LeaderRecoveryState::Recovering;
        r.partitions[0].new_isr.truncate(1);
    };
    assert_eq!(error_of(&mut bench, recovering), "INVALID_REQUEST", "it had recovered");
    let other_process = |r: &mut AlterPartitionRequest| r.partitions[0].new_isr[1].1 = BrokerEpoch(1);
    assert_eq!(error_of(&mut bench, other_process), "INELIGIBLE_REPLICA");
    bench.heartbeat(2, |request| request.want_fence = true);
    // Fencing took 2 out: version 1.
    let with_fenced = |r: &mut AlterPartitionRequest| r.partitions[0].partition_epoch = PartitionEpoch(1);
    assert_eq!(error_of(&mut bench, with_fenced), "INELIGIBLE_REPLICA");
    let unknown_epoch = |r: &mut AlterPartitionRequest| {
        r.partitions[0].partition_epoch = PartitionEpoch(1);
        r.partitions[0].new_isr = vec![(NodeId(1), BrokerEpoch::NONE), (NodeId(3), BrokerEpoch::NONE)];
    };
    assert_eq!(error_of(&mut bench, unknown_epoch), "NONE ISR [1, 3] version 1", "nothing changes: no new version");
}

#[test]
fn alter_partition_that_completes_a_reassignment_may_cost_the_leadership() {
    let mut bench = with_orders(Options::default());
    bench.start(4);
    bench.take();
    bench.ask(AlterPartitionReassignmentsRequest {
        partitions: vec![(TopicPartition::new("orders", 0), Some(super::nodes(&[2, 3, 4])))],
        timeout_ms: 1_000,
    });
    bench.propose("orders", &[1, 2, 3, 4]);
    insta::assert_snapshot!(bench.take(), @"
    orders-0: leader 1 in epoch 0, ISR [1, 2, 3], ELR [], version 1 (Reassignment)
    < orders-0 NONE
    > orders-0: the leader proposes [1, 2, 3, 4]
    orders-0: leader 2 in epoch 1, ISR [2, 3, 4], ELR [], version 2 (AlterPartition)
    < NEW_LEADER_ELECTED
    ");
    let partition = bench.partition("orders");
    assert_eq!((partition.replicas, partition.adding_replicas), (super::nodes(&[2, 3, 4]), Vec::new()));
}

#[test]
fn reassignment_is_cancelled_to_where_it_came_from() {
    let mut bench = with_orders(Options::default());
    bench.start(4);
    let name = TopicPartition::new("orders", 0);
    let mut ask = |target: Option<&[i32]>| {
        bench.take();
        let partitions = vec![(name.clone(), target.map(super::nodes))];
        bench.ask(AlterPartitionReassignmentsRequest { partitions, timeout_ms: 1_000 });
        bench.take()
    };
    assert_eq!(ask(None), "< orders-0 NO_REASSIGNMENT_IN_PROGRESS\n");
    assert_eq!(ask(Some(&[1, 9])), "< orders-0 INVALID_REPLICA_ASSIGNMENT\n");
    ask(Some(&[4, 2, 3]));
    // A replica leaves the set, so the epoch rises although the leader stays.
    assert!(ask(None).starts_with("orders-0: leader 1 in epoch 1, ISR [1, 2, 3], ELR [], version 2"));
    // The replicas are those of before, but not in the order of before: Kafka only takes out what was added.
    assert_eq!(bench.partition("orders").replicas, super::nodes(&[2, 3, 1]));
}

#[test]
fn alter_partition_with_the_planted_bug_takes_any_version() {
    let switches = vec![Switch::AlterPartitionIgnoresPartitionEpoch];
    let mut bench = with_orders(Options { switches, ..Options::default() });
    let old = |r: &mut AlterPartitionRequest| r.partitions[0].partition_epoch = PartitionEpoch(-1);
    assert_eq!(error_of(&mut bench, old), "NONE ISR [1, 2] version 1");
}

#[test]
fn elr_may_keep_a_replica_that_was_reassigned_away() {
    // Kafka 4.1 does not take a removed replica out of the ELR (`maybePopulateTargetElr`). The stranger can
    // never be elected, and while it is there the last known leader is not asked either: the partition stays
    // without a leader until somebody orders an unclean election.
    let mut bench = Bench::with_brokers(Options { min_insync_replicas: Some(2), ..Options::default() });
    bench.start(4);
    bench.create("orders", &[1, 2, 3], &[]);
    let name = TopicPartition::new("orders", 0);
    let reassign = |bench: &mut Bench, target: Option<&[i32]>| {
        let partitions = vec![(name.clone(), target.map(super::nodes))];
        bench.ask(AlterPartitionReassignmentsRequest { partitions, timeout_ms: 1_000 });
    };
    reassign(&mut bench, Some(&[1, 2, 4]));
    bench.propose("orders", &[1, 4]);
    bench.propose("orders", &[1]);
    bench.take();
    reassign(&mut bench, None);
    bench.live_until(10_125, &[2, 3, 4]);
    bench.register(1, 21, BrokerEpoch::NONE);
    bench.heartbeat(1, |_| {});
    insta::assert_snapshot!(bench.take(), @"
    orders-0: leader 1 in epoch 1, ISR [1], ELR [4], version 4 (Reassignment)
    < orders-0 NONE
    BrokerFenced { broker: NodeId(1), reason: SessionExpired }
    orders-0: leader -1 in epoch 2, ISR [], ELR [1, 4], version 5 (BrokerFenced)
    > 10.125 s: register broker 1, process 21
    orders-0: leader -1 in epoch 2, ISR [], ELR [4], version 6 (UncleanShutdown)
    broker 1 registered, epoch 24, unclean
    < NONE epoch 24
    BrokerUnfenced { broker: NodeId(1) }
    < NONE caught up true fenced false stop false
    ");
    assert_eq!(bench.partition("orders").replicas, super::nodes(&[1, 2, 3]));
}
