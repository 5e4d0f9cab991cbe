//! The administrator's stories.

use super::*;

pub(super) fn admin() -> Script {
    let settings = ProducerSettings::from_properties(&settings(&[])).expect("legal settings");
    let mut script = Script::new(ClientKind::Admin { settings });
    script.until(0);
    script.hush();
    script
}

fn create() -> Call {
    Call::CreateTopic {
        name: "orders".to_owned(),
        partitions: 1,
        replication_factor: 3,
        replicas: Vec::new(),
        configs: BTreeMap::new(),
    }
}

fn created(error: ErrorCode) -> CreateTopicsResponse {
    CreateTopicsResponse {
        topics: vec![CreatableTopicResult {
            name: TopicName::new("orders"),
            topic_id: topic_id("orders"),
            error,
            error_message: None,
            num_partitions: 1,
            replication_factor: 3,
        }],
    }
}

#[test]
fn a_topic_that_exists_is_a_final_answer() {
    let mut script = admin();
    script.call(create());
    script.answer("b1", created(ErrorCode::TopicAlreadyExists));
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 CreateTopics
    0 call 1 failed: TOPIC_ALREADY_EXISTS
    ");
}

#[test]
fn a_lost_connection_and_a_wrong_controller_are_tried_again() {
    let mut script = admin();
    script.until(1_000);
    script.call(create());
    script.reset("b1");
    script.until(1_100);
    script.answer("b1", created(ErrorCode::NotController));
    script.until(1_300);
    script.answer("b1", created(ErrorCode::None));
    insta::assert_snapshot!(script.said(), @r"
    1000 connect b1
    1000 → b1 CreateTopics
    1000 lost node 1, 1 in flight: Disconnected
    1000 connect b2
    1000 → b2 Metadata
    1100 connect b1
    1100 → b1 CreateTopics
    1200 → b1 Metadata
    1300 → b1 CreateTopics
    1300 call 1 done
    ");
}

#[test]
fn a_call_without_an_answer_fails_after_a_minute() {
    let mut script = admin();
    script.call(create());
    script.until(60_000);
    let said = script.said();
    assert!(said.contains("30000.001 close b1\n"), "the request times out first: {said}");
    assert!(said.contains("60000 call 1 failed: REQUEST_TIMED_OUT\n"), "{said}");
}

#[test]
fn a_transaction_ends_behind_its_offsets_which_may_need_more_than_one_try() {
    let offsets = TopicPartition::new("orders", 0);
    let (producer_id, producer_epoch) = (ProducerId(9), ProducerEpoch(0));
    let committed = |error| TxnOffsetCommitResponse { partitions: vec![(TopicPartition::new("t", 0), error)] };
    let mut script = admin();
    script.call(Call::CommitInTransaction {
        at: offsets.clone(),
        group: GroupId::new("billing"),
        producer_id,
        producer_epoch,
        offsets: vec![(TopicPartition::new("t", 0), 4)],
    });
    script.call(Call::EndTransaction { at: offsets.clone(), producer_id, producer_epoch, committed: true });
    script.until(100);
    script.answer("b1", committed(ErrorCode::CoordinatorNotAvailable));
    script.until(1_000);
    script.answer("b1", committed(ErrorCode::None));
    script.answer("b1", WriteTxnMarkersResponse { markers: vec![(producer_id, vec![(offsets, ErrorCode::None)])] });
    insta::assert_snapshot!(script.said(), @r"
    0 connect b1
    0 → b1 Metadata
    0 → b1 TxnOffsetCommit
    200 → b1 TxnOffsetCommit
    1000 call 1 done
    1000 → b1 WriteTxnMarkers
    1000 call 2 done
    ");
}
