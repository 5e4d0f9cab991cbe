//! The replica manager around its partitions: starting, stopping, disks, topics that come and go.

use super::*;
use crate::log::clean_shutdown;
use crate::storage::{Storage, StorageError};

fn stop(c: &mut Cluster, node: NodeId) {
    c.step(node, |manager, ctx| manager.shut_down(ctx, BrokerEpoch(10)));
}

#[test]
fn a_clean_stop_keeps_the_high_watermark_and_says_under_which_epoch_it_was() {
    let mut c = cluster(1, "1");
    c.produce(LEADER, 900, Acks::All, &["a", "b"]);
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
    stop(&mut c, LEADER);
    let broker = c.brokers.get_mut(&LEADER).expect("b1");
    let config = broker.manager.config.clone();
    let mut choices = LowestChoice;
    let mut ctx = Context::new(Now::default(), &mut broker.storage, &mut choices);
    let mut again = ReplicaManager::new(config, &mut ctx);
    assert_eq!(again.previous_broker_epoch(&mut ctx), BrokerEpoch(10));
    c.start(LEADER);
    assert_eq!(c.partition(LEADER).log().high_watermark(), 2);
    assert_eq!(c.partition(LEADER).log().log_end_offset(), 2);
    let broker = c.brokers.get_mut(&LEADER).expect("b1");
    let mut choices = LowestChoice;
    let mut ctx = Context::new(Now::default(), &mut broker.storage, &mut choices);
    let clean = clean_shutdown::read(&mut ctx, "data-0");
    assert_eq!(clean, Ok(clean_shutdown::CleanShutdown::Absent), "a crash from here on is an unclean stop");
}

#[test]
fn after_a_crash_a_follower_starts_with_the_high_watermark_of_the_last_checkpoint() {
    let mut c = cluster(2, "1");
    c.run_until(1_000);
    c.produce(LEADER, 900, Acks::All, &["a", "b"]);
    c.run_until(6_000);
    c.produce(LEADER, 900, Acks::All, &["c"]);
    c.run_until(7_000);
    assert_eq!(c.partition(NodeId(2)).log().high_watermark(), 3);
    c.kill(NodeId(2));
    c.start(NodeId(2));
    let log = c.partition(NodeId(2)).log();
    assert_eq!((log.high_watermark(), log.log_end_offset()), (2, 3), "the checkpoint is of 5 s");
}

#[test]
#[should_panic(expected = "outputs were left behind")]
fn an_output_that_a_step_leaves_behind_is_seen_before_the_next_one_hides_it() {
    let mut c = cluster(1, "1");
    let manager = &mut c.brokers.get_mut(&LEADER).expect("b1").manager;
    manager.assert_nothing_is_left();
    manager.outbox.push(PartitionOutput::LogsClosed);
    manager.assert_nothing_is_left();
}

#[test]
#[should_panic(expected = "orders-0: log start 0 ≤ high watermark 3 ≤ end 2")]
fn a_high_watermark_beyond_the_end_of_the_log_is_seen() {
    let mut c = cluster(1, "1");
    c.produce(LEADER, 900, Acks::All, &["a", "b"]);
    let manager = &mut c.brokers.get_mut(&LEADER).expect("b1").manager;
    manager.assert_invariants();
    let (partition, _) = manager.online(&orders()).expect("it is hosted");
    partition.log.high_watermark = 3;
    manager.assert_invariants();
}

#[test]
fn a_deleted_topic_leaves_its_directory_renamed_for_a_minute() {
    let mut c = cluster(1, "1");
    c.produce(LEADER, 900, Acks::All, &["a"]);
    c.publish(vec![MetadataRecord::RemoveTopic { topic_id: topic_id() }]);
    assert!(c.brokers[&LEADER].manager.partition(&orders()).is_none());
    let listed = |c: &mut Cluster| {
        let names = c.brokers.get_mut(&LEADER).expect("b1").storage.list("data-0").expect("it is there");
        names.into_iter().filter(|name| name.starts_with("orders-0")).collect::<Vec<_>>()
    };
    let names = listed(&mut c);
    assert!(names.len() == 1 && names[0].ends_with("-delete"), "{names:?}");
    c.run_until(59_999);
    assert_eq!(listed(&mut c).len(), 1);
    c.run_until(60_000);
    assert_eq!(listed(&mut c).len(), 0);
    c.produce(LEADER, 901, Acks::All, &["b"]);
    assert_eq!(c.produce_error(901), Some(ErrorCode::UnknownTopicId));
}

#[test]
fn a_log_of_a_topic_that_was_deleted_meanwhile_is_a_stray() {
    let mut c = cluster(1, "1");
    c.produce(LEADER, 900, Acks::All, &["a"]);
    stop(&mut c, LEADER);
    c.image.apply(99, &MetadataRecord::RemoveTopic { topic_id: topic_id() });
    c.start(LEADER);
    let names = c.brokers.get_mut(&LEADER).expect("b1").storage.list("data-0").expect("it is there");
    assert!(names.iter().any(|name| name.starts_with("orders-0.") && name.ends_with("-stray")), "{names:?}");
    assert!(c.brokers[&LEADER].manager.partitions().is_empty());
}

#[test]
fn a_failed_disk_takes_the_replica_offline_and_is_reported_once() {
    let mut c = cluster(1, "1");
    c.brokers.get_mut(&LEADER).expect("b1").storage.fail_next = Some(StorageError::InputOutput);
    c.begin();
    c.produce(LEADER, 900, Acks::Leader, &["a"]);
    c.produce(LEADER, 901, Acks::Leader, &["b"]);
    insta::assert_snapshot!(c.transcript(), @r"
    0 ms  b1 refuses to append: KAFKA_STORAGE_ERROR
    0 ms  b1 takes its replica offline
    0 ms  b1 lost a directory
    0 ms  b1 lost its last directory
    0 ms  b1 refuses to append: KAFKA_STORAGE_ERROR
    ");
    assert_eq!(c.produce_error(900), Some(ErrorCode::KafkaStorageError));
    assert_eq!(c.produce_error(901), Some(ErrorCode::KafkaStorageError));
}

#[test]
fn a_producer_without_acknowledgements_learns_of_an_error_only_by_losing_its_connection() {
    let mut c = cluster(1, "1");
    c.begin();
    c.produce(LEADER, 900, Acks::None, &["a"]);
    c.elect(NodeId::NONE, &[1]);
    c.produce(LEADER, 901, Acks::None, &["b"]);
    let text = c.transcript();
    assert!(text.contains("client 900 needs no answer"), "{text}");
    assert!(text.contains("client 901 is disconnected"), "{text}");
}

#[test]
fn acknowledging_before_replication_is_a_bug_that_the_switch_brings() {
    let mut c = Cluster::new(2, "1", &[Switch::AckBeforeReplication], ReplicationSettings::default());
    c.produce(LEADER, 900, Acks::All, &["a"]);
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
    assert_eq!(c.partition(LEADER).log().high_watermark(), 0);
}

/// `UnifiedLogTest.testPeriodicProducerIdExpiration`.
#[test]
fn a_producer_that_is_silent_for_too_long_is_forgotten_at_the_next_check() {
    let mut c = Cluster::without_topic(1, &[], ReplicationSettings::default());
    let settings = &mut c.brokers.get_mut(&LEADER).expect("b1").manager.config.log_manager;
    settings.producer_id_expiration = Duration::from_millis(200);
    c.publish(Cluster::topic_of(1, "1", LEADER, LeaderEpoch(0)));
    let mut records = BatchBuilder::new(0).producer(ProducerId(23), ProducerEpoch(0), 0);
    records.push(0, None, Some(b"foo"), &[]);
    let partition = ProducePartition {
        topic_id: topic_id(),
        topic: TopicName::new("orders"),
        partition: 0,
        records: records.build(),
    };
    let request =
        ProduceRequest { transactional_id: None, acks: Acks::All, timeout_ms: 1_000, partitions: vec![partition] };
    c.step(LEADER, |manager, ctx| manager.produce(ctx, client_handle(900), request));
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
    let knows = |c: &Cluster| c.partition(LEADER).log().producer_state().producer(ProducerId(23)).is_some();
    c.run_until(599_999);
    assert!(knows(&c), "nobody has looked yet");
    c.run_until(600_000);
    assert!(!knows(&c));
}
