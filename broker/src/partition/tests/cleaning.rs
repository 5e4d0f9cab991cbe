//! The cleaner between two passes: `LogCleaner.CleanerThread`.

use super::*;
use crate::storage::Storage;

/// One broker with two partitions of a compacted topic, in each a closed segment with one key twice.
fn two_dirty_logs() -> Cluster {
    let mut c = Cluster::without_topic(1, &[], ReplicationSettings::default());
    let mut records = Cluster::topic_of(1, "1", LEADER, LeaderEpoch(0));
    let Some(MetadataRecord::Partition { registration, .. }) = records.last().cloned() else { panic!("a partition") };
    records.push(MetadataRecord::Partition { partition: 1, topic_id: topic_id(), registration });
    for (name, value) in [("cleanup.policy", "compact"), ("segment.ms", "1000")] {
        records.push(MetadataRecord::Config {
            resource: ConfigResource::Topic(TopicName::new("orders")),
            name: name.to_owned(),
            value: Some(value.to_owned()),
        });
    }
    c.publish(records);
    for partition in 0..2 {
        for timestamp in [1, 2, 5_000] {
            append(&mut c, partition, timestamp);
        }
    }
    c
}

fn append(c: &mut Cluster, partition: i32, timestamp: i64) {
    let mut batch = BatchBuilder::new(0);
    batch.push(timestamp, Some(b"key"), Some(b"value"), &[]);
    let (topic_id, topic, records) = (topic_id(), TopicName::new("orders"), batch.build());
    let partitions = vec![ProducePartition { topic_id, topic, partition, records }];
    let request = ProduceRequest { transactional_id: None, acks: Acks::Leader, timeout_ms: 30_000, partitions };
    c.step(LEADER, |manager, ctx| manager.produce(ctx, client_handle(900), request));
    assert_eq!(c.produce_error(900), Some(ErrorCode::None));
}

#[test]
fn a_log_that_makes_no_sense_costs_the_cleaner_its_turn() {
    // `tryCleanFilthiestLog` gives false for it, and the thread pauses for log.cleaner.backoff.ms: the other log waits, and what
    // retention would delete in compacted logs too (`cleanFilthiestLog`).
    let mut c = two_dirty_logs();
    let broker = c.brokers.get_mut(&LEADER).expect("b1");
    let segment = broker.manager.partition(&orders()).expect("it is there").log().segments().next().expect("one").1;
    let (file, magic_of_the_second) = ("data-0/orders-0/00000000000000000000.log", segment / 2 + 16);
    let file = broker.storage.open(file).expect("the segment");
    broker.storage.write(file, magic_of_the_second, &[9]).expect("the disk works");
    c.begin();
    c.run_until(60_000);
    insta::assert_snapshot!(c.transcript(), @r"
        0 ms  b1 begins to clean orders-0
        1 ms  b1 cleans orders-0 no more: Corrupt
    15001 ms  b1 begins to clean orders-1
    15006 ms  b1 has cleaned orders-1
    ");
}
