//! DeleteRecords (KIP-107): the numbers of `DelayedDeleteRecords` and of `Partition.deleteRecordsOnLeader`.

use super::*;

const CLIENT: u64 = 980;

/// Three brokers with ten committed records.
fn ten_records() -> Cluster {
    let mut c = cluster(3, "2");
    c.run(100);
    c.produce(LEADER, 1, Acks::All, &["x"; 10]);
    c.run(1_000);
    assert_eq!(c.produce_error(1), Some(ErrorCode::None));
    c
}

fn delete(c: &mut Cluster, at: NodeId, before: Offset) {
    let request = DeleteRecordsRequest { partitions: vec![(orders(), before)], timeout_ms: 5_000 };
    c.step(at, |manager, ctx| manager.delete_records(ctx, client_handle(CLIENT), &request));
}

/// The error and the low watermark of the answer, if there is one.
fn answered(c: &mut Cluster) -> Option<(ErrorCode, Offset)> {
    match c.take_answer(CLIENT)? {
        Response::DeleteRecords(response) => {
            let answer = &response.partitions[0];
            Some((answer.error, answer.low_watermark))
        }
        other => panic!("{} is no answer to a deletion", other.api().name()),
    }
}

fn starts(c: &Cluster) -> Vec<Offset> {
    c.nodes().into_iter().map(|node| c.partition(node).log().log_start_offset()).collect()
}

#[test]
fn deletion_is_answered_when_every_live_replica_has_followed() {
    let mut c = ten_records();
    delete(&mut c, LEADER, 4);
    assert_eq!((answered(&mut c), starts(&c)), (None, vec![4, 0, 0]), "the followers have not heard of it");
    c.run(2_000);
    assert_eq!((answered(&mut c), starts(&c)), (Some((ErrorCode::None, 4)), vec![4, 4, 4]));
    delete(&mut c, LEADER, 2);
    assert_eq!(answered(&mut c), Some((ErrorCode::None, 4)), "what is gone is gone");
    delete(&mut c, LEADER, -1);
    c.run(2_000);
    assert_eq!(
        (answered(&mut c), starts(&c)),
        (Some((ErrorCode::None, 10)), vec![10, 10, 10]),
        "all that is committed"
    );
}

#[test]
fn nothing_is_deleted_that_is_not_committed_or_not_led_or_to_be_kept() {
    let mut c = ten_records();
    for (at, before, error) in [
        (LEADER, 11, ErrorCode::OffsetOutOfRange),
        (LEADER, -2, ErrorCode::OffsetOutOfRange),
        (NodeId(2), 4, ErrorCode::NotLeaderOrFollower),
    ] {
        delete(&mut c, at, before);
        assert_eq!(answered(&mut c), Some((error, -1)), "before {before} at {at}");
    }
    let unknown = DeleteRecordsRequest { partitions: vec![(TopicPartition::new("other", 0), 0)], timeout_ms: 1 };
    c.step(LEADER, |manager, ctx| manager.delete_records(ctx, client_handle(CLIENT), &unknown));
    assert_eq!(answered(&mut c), Some((ErrorCode::UnknownTopicOrPartition, -1)));
    assert_eq!(starts(&c), [0, 0, 0]);

    let compact = MetadataRecord::Config {
        resource: ConfigResource::Topic(TopicName::new("orders")),
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
    };
    c.publish(vec![compact]);
    delete(&mut c, LEADER, 4);
    assert_eq!(answered(&mut c), Some((ErrorCode::PolicyViolation, -1)));
}

#[test]
fn fenced_replica_is_not_waited_for_and_a_silent_one_is_until_the_time_is_up() {
    let mut c = ten_records();
    c.kill(NodeId(3));
    delete(&mut c, LEADER, 4);
    c.run(4_900);
    assert_eq!(answered(&mut c), None);
    c.run(200);
    assert_eq!(answered(&mut c), Some((ErrorCode::RequestTimedOut, 0)));
    let fence = MetadataRecord::BrokerRegistrationChange {
        broker: NodeId(3),
        broker_epoch: BrokerEpoch(10),
        fenced: Some(true),
        in_controlled_shutdown: None,
        log_directories: None,
    };
    c.publish(vec![fence]);
    delete(&mut c, LEADER, 4);
    assert_eq!(answered(&mut c), Some((ErrorCode::None, 4)));
}

#[test]
fn leader_that_loses_its_place_says_so() {
    let mut c = ten_records();
    c.kill(NodeId(3));
    delete(&mut c, LEADER, 4);
    c.elect(NodeId(2), &[1, 2]);
    assert_eq!(answered(&mut c), Some((ErrorCode::NotLeaderOrFollower, -1)));
}
