//! Topics, partitions, configurations, elections on request, producer ids.

use super::{Bench, Options, nodes};
use crate::ids::*;
use crate::message::*;

fn create(name: &str, partitions: i32, factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: TopicName::new(name),
        num_partitions: partitions,
        replication_factor: factor,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn ask_to_create(bench: &mut Bench, topics: Vec<CreatableTopic>, validate_only: bool) -> String {
    bench.take();
    bench.ask(CreateTopicsRequest { topics, timeout_ms: 1_000, validate_only });
    bench.take()
}

fn ask_to_set(bench: &mut Bench, resource: ConfigResource, name: &str, value: Option<&str>) -> String {
    bench.take();
    let changes = vec![(name.to_owned(), value.map(str::to_owned))];
    bench.ask(IncrementalAlterConfigsRequest { resources: vec![(resource, changes)], validate_only: false });
    bench.take()
}

#[test]
fn topic_is_created_grown_and_deleted() {
    let mut bench = Bench::with_brokers(Options::default());
    assert_eq!(ask_to_create(&mut bench, vec![create("orders", 2, 2)], true), "< orders NONE\n", "only checked");
    assert!(bench.controller.image().topic_ids().is_empty());
    insta::assert_snapshot!(ask_to_create(&mut bench, vec![create("orders", 2, 3)], false), @"
    orders created, 2 partition(s)
    orders-0: leader 1 in epoch 0, ISR [1, 2, 3], ELR [], version 0 (Created)
    orders-1: leader 2 in epoch 0, ISR [2, 3, 1], ELR [], version 0 (Created)
    < orders NONE
    ");
    let grow = |count, assignments| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: TopicName::new("orders"), count, assignments }],
        timeout_ms: 1_000,
        validate_only: false,
    };
    bench.ask(grow(2, Vec::new()));
    bench.ask(grow(3, vec![nodes(&[3, 1])]));
    bench.ask(grow(3, vec![nodes(&[3, 1, 2])]));
    bench
        .ask(DeleteTopicsRequest { topics: vec![TopicName::new("orders"), TopicName::new("gone")], timeout_ms: 1_000 });
    insta::assert_snapshot!(bench.take(), @"
    < orders INVALID_PARTITIONS
    < orders INVALID_REPLICA_ASSIGNMENT
    orders-2: leader 3 in epoch 0, ISR [3, 1, 2], ELR [], version 0 (Created)
    < orders NONE
    orders deleted
    < orders NONE, gone UNKNOWN_TOPIC_OR_PARTITION
    ");
    assert!(bench.controller.committed_image().topic_ids().is_empty());
}

#[test]
fn topic_that_cannot_be_is_refused() {
    let mut bench = Bench::with_brokers(Options::default());
    bench.create("a.b", &[1], &[]);
    let long = "x".repeat(250);
    let topics = [
        ("a.b", 1, 1, "TOPIC_ALREADY_EXISTS"),
        ("a_b", 1, 1, "INVALID_TOPIC_EXCEPTION"),
        ("", 1, 1, "INVALID_TOPIC_EXCEPTION"),
        ("..", 1, 1, "INVALID_TOPIC_EXCEPTION"),
        ("ö", 1, 1, "INVALID_TOPIC_EXCEPTION"),
        (long.as_str(), 1, 1, "INVALID_TOPIC_EXCEPTION"),
        ("__cluster_metadata", 1, 1, "INVALID_REQUEST"),
        ("none", 0, 1, "INVALID_PARTITIONS"),
        ("none", 1, 0, "INVALID_REPLICATION_FACTOR"),
        ("four", 1, 4, "INVALID_REPLICATION_FACTOR"),
        ("many", 10_001, 1, "POLICY_VIOLATION"),
    ];
    for (name, partitions, factor, error) in topics {
        let said = ask_to_create(&mut bench, vec![create(name, partitions, factor)], false);
        assert_eq!(said, format!("< {name} {error}\n"));
    }
    let twice = vec![create("twice", 1, 1), create("twice", 1, 1)];
    assert_eq!(ask_to_create(&mut bench, twice, false), "< twice INVALID_REQUEST\n");
    let mut by_hand = create("hand", -1, 3);
    by_hand.assignments = vec![nodes(&[1, 2])];
    assert_eq!(ask_to_create(&mut bench, vec![by_hand.clone()], false), "< hand INVALID_REQUEST\n");
    by_hand.replication_factor = -1;
    by_hand.assignments = vec![nodes(&[1, 1])];
    assert_eq!(ask_to_create(&mut bench, vec![by_hand.clone()], false), "< hand INVALID_REPLICA_ASSIGNMENT\n");
    bench.heartbeat(3, |request| request.want_fence = true);
    by_hand.assignments = vec![nodes(&[3])];
    assert_eq!(ask_to_create(&mut bench, vec![by_hand], false), "< hand INVALID_REPLICA_ASSIGNMENT\n");
    let mut bad_config = create("bad", 1, 1);
    bad_config.configs = vec![("min.insync.replicas".to_owned(), "0".to_owned())];
    assert_eq!(ask_to_create(&mut bench, vec![bad_config], false), "< bad INVALID_CONFIG\n");
}

#[test]
fn new_partition_has_only_replicas_in_service_in_sync() {
    let mut bench = Bench::with_brokers(Options::default());
    bench.heartbeat(1, |request| request.want_fence = true);
    bench.take();
    bench.create("orders", &[1, 2, 3], &[]);
    insta::assert_snapshot!(bench.take(), @"
    > create orders on [1, 2, 3]
    orders created, 1 partition(s)
    orders-0: leader 2 in epoch 0, ISR [2, 3], ELR [], version 0 (Created)
    < orders NONE
    ");
}

#[test]
fn min_insync_replicas_may_not_be_set_per_broker_and_its_change_clears_the_elr() {
    let mut bench = Bench::with_brokers(Options::default());
    let minimum = "min.insync.replicas";
    bench.create("orders", &[1, 2, 3], &[(minimum, "2")]);
    bench.propose("orders", &[1]);
    assert_eq!(ask_to_set(&mut bench, ConfigResource::Broker(NodeId(1)), minimum, Some("1")), "< INVALID_CONFIG\n");
    assert_eq!(ask_to_set(&mut bench, ConfigResource::Cluster, minimum, None), "< INVALID_CONFIG\n");
    let orders = || ConfigResource::Topic(TopicName::new("orders"));
    assert_eq!(ask_to_set(&mut bench, orders(), "no.such.config", Some("1")), "< INVALID_CONFIG\n");
    let unknown = ConfigResource::Topic(TopicName::new("unknown"));
    assert_eq!(ask_to_set(&mut bench, unknown, minimum, Some("1")), "< UNKNOWN_TOPIC_OR_PARTITION\n");
    assert_eq!(bench.partition("orders").elr, nodes(&[2, 3]));
    insta::assert_snapshot!(ask_to_set(&mut bench, orders(), minimum, Some("3")), @"
    orders-0: leader 1 in epoch 0, ISR [1], ELR [], version 2 (ElrCleared)
    < NONE
    ");
    // Nothing is set anew, so nothing is cleared.
    assert_eq!(ask_to_set(&mut bench, orders(), minimum, Some("3")), "< NONE\n");
    assert_eq!(bench.partition("orders").partition_epoch, PartitionEpoch(2));
    // The override goes: the cluster's value, written at activation, counts again.
    ask_to_set(&mut bench, orders(), minimum, None);
    ask_to_set(&mut bench, ConfigResource::Cluster, minimum, Some("2"));
    let settings = bench.controller.image().log_settings(&TopicName::new("orders"), &Default::default(), NodeId(1));
    assert_eq!(settings.min_insync_replicas, 2);
}

#[test]
fn election_on_request() {
    let mut bench = Bench::with_brokers(Options::default());
    bench.create("orders", &[1, 2, 3], &[]);
    let elect = |bench: &mut Bench, election_type, partition| {
        bench.take();
        let partitions = Some(vec![TopicPartition::new("orders", partition)]);
        bench.ask(ElectLeadersRequest { election_type, partitions, timeout_ms: 1_000 });
        bench.take()
    };
    assert_eq!(elect(&mut bench, ElectionType::Preferred, 5), "< orders-5 UNKNOWN_TOPIC_OR_PARTITION\n");
    assert_eq!(elect(&mut bench, ElectionType::Preferred, 0), "< orders-0 ELECTION_NOT_NEEDED\n");
    bench.heartbeat(1, |request| request.want_fence = true);
    assert_eq!(elect(&mut bench, ElectionType::Preferred, 0), "< orders-0 PREFERRED_LEADER_NOT_AVAILABLE\n");
    assert_eq!(elect(&mut bench, ElectionType::Unclean, 0), "< orders-0 ELECTION_NOT_NEEDED\n");
    bench.heartbeat(1, |_| {});
    bench.propose("orders", &[2, 3, 1]);
    insta::assert_snapshot!(elect(&mut bench, ElectionType::Preferred, 0), @"
    orders-0: leader 1 in epoch 2, ISR [2, 3, 1], ELR [], version 3 (ElectionRequested)
    < orders-0 NONE
    ");
    // Only 1 is in sync, and it goes: nobody is left but by an unclean election.
    bench.propose("orders", &[1]);
    bench.heartbeat(1, |request| request.want_fence = true);
    insta::assert_snapshot!(elect(&mut bench, ElectionType::Unclean, 0), @"
    orders-0: leader 2 in epoch 4, ISR [2], ELR [], version 6 (ElectionRequested, UNCLEAN)
    < orders-0 NONE
    ");
}

#[test]
fn unclean_leaders_are_looked_for_every_three_hundred_seconds() {
    let mut bench = Bench::with_brokers(Options::default());
    bench.create("orders", &[1, 2, 3], &[]);
    bench.propose("orders", &[1]);
    bench.live_until(12_000, &[2, 3]);
    ask_to_set(
        &mut bench,
        ConfigResource::Topic(TopicName::new("orders")),
        "unclean.leader.election.enable",
        Some("true"),
    );
    bench.live_until(299_999, &[2, 3]);
    assert_eq!(bench.take(), "", "allowing it elects nobody by itself");
    bench.live_until(300_000, &[2, 3]);
    insta::assert_snapshot!(bench.take(), @"orders-0: leader 2 in epoch 2, ISR [2], ELR [], version 3 (UncleanElection, UNCLEAN)");
}

#[test]
fn producer_ids_come_in_blocks_of_a_thousand_and_never_twice() {
    let mut bench = Bench::with_brokers(Options::default());
    for broker in [1, 2] {
        bench.ask(AllocateProducerIdsRequest { broker: NodeId(broker), broker_epoch: bench.epoch_of(broker) });
    }
    bench.ask(AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: BrokerEpoch(0) });
    insta::assert_snapshot!(bench.take(), @"
    ProducerIdsAllocated { broker: NodeId(1), start: 0 }
    < NONE from 0
    ProducerIdsAllocated { broker: NodeId(2), start: 1000 }
    < NONE from 1000
    < STALE_BROKER_EPOCH from 0
    ");
}
