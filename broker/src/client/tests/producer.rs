//! The producer's stories.

use super::*;

/// A producer that knows the cluster, has its id and has written one record.
fn with_history(properties: &[(&str, &str)]) -> Script {
    let mut script = Script::new(producer(properties, Acks::All));
    script.until(0);
    script.send("0");
    script.until(10);
    script.acked("b1", 0);
    script.until(1_000);
    script.hush();
    script
}

#[test]
fn first_record_needs_metadata_an_id_and_a_connection() {
    let mut script = Script::new(producer(&[], Acks::All));
    script.until(0);
    script.send("0");
    script.acked("b1", 0);
    // The bootstrap server is a node of its own (−1), whatever its host: the first request to a
    // node opens a connection to it.
    insta::assert_snapshot!(script.said(), @r"
    0 connect bootstrap
    0 → bootstrap Metadata
    0 producer id 7 epoch 0
    0 connect b1
    0 → b1 Metadata
    0 → b1 Produce orders-0 epoch 0 sequence 0 [0]
    0 call 1 orders-0 at 0
    ");
}

#[test]
fn a_lost_answer_is_no_second_record_retry_keeps_the_sequence() {
    let mut script = with_history(&[]);
    script.send("1");
    script.reset("b1");
    script.until(1_200);
    script.acked("b1", 1);
    // Retry and reconnect wait 100 ms (retry.backoff.ms) and 50 ms; the longer one counts.
    insta::assert_snapshot!(script.said(), @r"
    1000 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    1000 lost node 1, 1 in flight: Disconnected
    1000 retry orders-0 sequence 1: NETWORK_EXCEPTION
    1000 connect b2
    1000 → b2 Metadata
    1100 connect b1
    1100 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    1200 call 2 orders-0 at 1
    ");
}

#[test]
fn a_timed_out_request_costs_the_connection_and_the_lowest_sequence_goes_first() {
    let mut script = with_history(&[]);
    for value in ["1", "2", "3"] {
        script.send(value);
    }
    // request.timeout.ms is 30 s: at exactly 30 s nothing happens yet.
    script.until(31_000);
    insta::assert_snapshot!(script.said(), @r"
    1000 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    1000 → b1 Produce orders-0 epoch 0 sequence 2 [2]
    1000 → b1 Produce orders-0 epoch 0 sequence 3 [3]
    ");
    script.until(31_200);
    script.acked("b1", 1);
    script.acked("b1", 2);
    script.acked("b1", 3);
    insta::assert_snapshot!(script.said(), @r"
    31000.001 lost node 1, 3 in flight: RequestTimedOut
    31000.001 retry orders-0 sequence 1: REQUEST_TIMED_OUT
    31000.001 retry orders-0 sequence 2: REQUEST_TIMED_OUT
    31000.001 retry orders-0 sequence 3: REQUEST_TIMED_OUT
    31000.001 close b1
    31000.001 connect b2
    31000.001 → b2 Metadata
    31100.001 connect b1
    31100.001 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    31200 call 2 orders-0 at 1
    31200 → b1 Produce orders-0 epoch 0 sequence 2 [2]
    31200 call 3 orders-0 at 2
    31200 → b1 Produce orders-0 epoch 0 sequence 3 [3]
    31200 call 4 orders-0 at 3
    ");
}

#[test]
fn no_more_than_five_requests_are_in_flight_and_then_batches_grow() {
    let mut script = with_history(&[]);
    for value in ["1", "2", "3", "4", "5", "6", "7"] {
        script.send(value);
    }
    script.hush();
    assert_eq!(script.client.in_flight().len(), 5);
    script.acked("b1", 1);
    insta::assert_snapshot!(script.said(), @r"
    1000 call 2 orders-0 at 1
    1000 → b1 Produce orders-0 epoch 0 sequence 6 [6 7]
    ");
}

#[test]
fn a_new_leader_in_the_error_answer_costs_no_back_off() {
    // KIP-951, lesson L14.
    let mut script = with_history(&[]);
    script.send("1");
    script.leaders.insert(TopicPartition::new("orders", 0), (2, 1));
    script.answer("b1", produced(ErrorCode::NotLeaderOrFollower, -1, Some((2, 1))));
    script.acked("b2", 1);
    insta::assert_snapshot!(script.said(), @r"
    1000 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    1000 retry orders-0 sequence 1: NOT_LEADER_OR_FOLLOWER
    1000 learned orders-0: 2 in epoch 1
    1000 connect b2
    1000 → b1 Metadata
    1000 → b2 Produce orders-0 epoch 0 sequence 1 [1]
    1000 call 2 orders-0 at 1
    ");
}

#[test]
fn an_older_leader_in_an_error_answer_is_not_believed() {
    let mut script = with_history(&[]);
    script.leaders.insert(TopicPartition::new("orders", 0), (2, 1));
    script.call(Call::RefreshMetadata);
    script.hush();
    script.send("1");
    // b2 answers with what it knew before: node 1 in epoch 0.
    script.answer("b2", produced(ErrorCode::NotLeaderOrFollower, -1, Some((1, 0))));
    insta::assert_snapshot!(script.said(), @r"
    1000 connect b2
    1000 → b2 Produce orders-0 epoch 0 sequence 1 [1]
    1000 retry orders-0 sequence 1: NOT_LEADER_OR_FOLLOWER
    ");
    script.until(1_100);
    insta::assert_snapshot!(script.said(), @r"
    1100 → b1 Metadata
    1100 → b2 Produce orders-0 epoch 0 sequence 1 [1]
    ");
}

#[test]
fn batches_behind_a_refused_one_are_out_of_order_and_all_go_again_in_order() {
    // Lesson L06, third run.
    let mut script = with_history(&[]);
    for value in ["1", "2", "3"] {
        script.send(value);
    }
    script.hush();
    script.refused("b1", ErrorCode::NotEnoughReplicas);
    script.refused("b1", ErrorCode::OutOfOrderSequenceNumber);
    script.refused("b1", ErrorCode::OutOfOrderSequenceNumber);
    script.until(1_100);
    script.acked("b1", 1);
    script.acked("b1", 2);
    script.acked("b1", 3);
    insta::assert_snapshot!(script.said(), @r"
    1000 retry orders-0 sequence 1: NOT_ENOUGH_REPLICAS
    1000 retry orders-0 sequence 2: OUT_OF_ORDER_SEQUENCE_NUMBER
    1000 retry orders-0 sequence 3: OUT_OF_ORDER_SEQUENCE_NUMBER
    1100 → b1 Produce orders-0 epoch 0 sequence 1 [1]
    1100 call 2 orders-0 at 1
    1100 → b1 Produce orders-0 epoch 0 sequence 2 [2]
    1100 call 3 orders-0 at 2
    1100 → b1 Produce orders-0 epoch 0 sequence 3 [3]
    1100 call 4 orders-0 at 3
    ");
}

#[test]
fn a_gap_right_after_the_last_acknowledged_batch_raises_the_epoch() {
    // TransactionManager.canRetry: the batch is the next one, so nothing before it can fill the gap.
    let mut script = with_history(&[]);
    script.send("1");
    script.hush();
    script.refused("b1", ErrorCode::OutOfOrderSequenceNumber);
    script.until(1_100);
    insta::assert_snapshot!(script.said(), @r"
    1000 retry orders-0 sequence 1: OUT_OF_ORDER_SEQUENCE_NUMBER
    1000 producer id 7 epoch 1
    1100 → b1 Produce orders-0 epoch 1 sequence 0 [1]
    ");
}

#[test]
fn a_batch_given_up_after_a_retry_leaves_a_gap_that_raises_the_epoch() {
    let mut script = with_history(&[("request.timeout.ms", "1000"), ("delivery.timeout.ms", "1500")]);
    script.send("1");
    script.until(2_400);
    script.hush();
    script.until(2_500);
    script.send("2");
    // Record 1 is in flight for the second time. Its outcome is not known, its caller is told
    // so, and record 2 starts a new epoch.
    insta::assert_snapshot!(script.said(), @r"
    2500 give up orders-0 ×1: REQUEST_TIMED_OUT
    2500 producer id 7 epoch 1
    2500 call 2 failed: REQUEST_TIMED_OUT
    2500 → b1 Produce orders-0 epoch 1 sequence 0 [2]
    ");
}

#[test]
fn without_idempotence_a_retry_may_overtake() {
    let mut script = Script::new(producer(&[("enable.idempotence", "false")], Acks::All));
    script.until(0);
    script.send("0");
    script.acked("b1", 0);
    for value in ["1", "2"] {
        script.send(value);
    }
    script.hush();
    script.refused("b1", ErrorCode::NotEnoughReplicas);
    script.acked("b1", 1);
    script.until(100);
    insta::assert_snapshot!(script.said(), @r"
    0 retry orders-0 sequence -1: NOT_ENOUGH_REPLICAS
    0 call 3 orders-0 at 1
    100 → b1 Produce orders-0 epoch -1 sequence -1 [1]
    ");
}

#[test]
fn acks_0_is_a_success_as_soon_as_it_is_sent() {
    let mut script = Script::new(producer(&[("enable.idempotence", "false")], Acks::None));
    script.until(0);
    script.send("0");
    script.hush();
    script.send("1");
    insta::assert_snapshot!(script.said(), @r"
    0 → b1 Produce orders-0 epoch -1 sequence -1 [1]
    0 call 2 orders-0 at -1
    ");
}

#[test]
fn linger_gathers_records_and_a_flush_ends_it() {
    let mut script = with_history(&[("linger.ms", "5")]);
    script.send("1");
    script.until(1_003);
    script.send("2");
    script.until(1_005);
    script.send("3");
    script.call(Call::Flush);
    script.acked("b1", 1);
    script.acked("b1", 3);
    insta::assert_snapshot!(script.said(), @r"
    1005 → b1 Produce orders-0 epoch 0 sequence 1 [1 2]
    1005 → b1 Produce orders-0 epoch 0 sequence 3 [3]
    1005 call 2 orders-0 at 1
    1005 call 3 orders-0 at 2
    1005 call 4 orders-0 at 3
    1005 call 5 done
    ");
}

#[test]
fn an_unknown_topic_blocks_send_for_max_block() {
    let mut script = Script::new(producer(&[("max.block.ms", "500")], Acks::All));
    script.leaders.clear();
    script.until(0);
    script.send("0");
    script.until(1_000);
    assert!(script.said().contains("\n500 call 1 failed: REQUEST_TIMED_OUT\n"));
}

#[test]
fn a_batch_too_large_for_the_topic_is_split_and_sent_again() {
    let mut script = with_history(&[("linger.ms", "5"), ("batch.size", "200")]);
    let long = "x".repeat(60);
    script.send(&long);
    script.send("2");
    script.until(1_005);
    script.hush();
    // The split uses batch.size; what was one batch of two records stays one here, so a smaller
    // answer cannot be had: Kafka splits by the same rule and would try for ever. Two batches
    // come about when the batch outgrew batch.size, which only compression allows.
    script.refused("b1", ErrorCode::MessageTooLarge);
    insta::assert_snapshot!(script.said(), @r"
    1005 retry orders-0 sequence 1: MESSAGE_TOO_LARGE
    1005 → b1 Produce orders-0 epoch 0 sequence 1 [xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx 2]
    ");
}

#[test]
fn a_warm_producer_knows_leaders_and_has_its_id() {
    let mut script = Script::new(producer(&[], Acks::All));
    script.leaders.insert(TopicPartition::new("orders", 1), (2, 0));
    assert!(!script.client.is_warm());
    script.until(0);
    script.call(Call::Warm { topics: vec!["orders".to_owned()] });
    script.until(200);
    assert!(script.client.is_warm() && script.client.is_quiet());
    insta::assert_snapshot!(script.said(), @r"
    0 connect bootstrap
    0 → bootstrap Metadata
    0 producer id 7 epoch 0
    0 connect b1
    0 → b1 Metadata
    0 connect b2
    0 call 1 done
    ");
}
