//! The consumer's stories.

use super::*;

pub(super) fn orders() -> TopicPartition {
    TopicPartition::new("orders", 0)
}

/// What a leader answers to a fetch of `orders-0`.
pub(super) fn fetched(session_id: i32, high_watermark: Offset, records: Bytes) -> FetchResponse {
    FetchResponse {
        error: ErrorCode::None,
        session_id,
        partitions: vec![partition(ErrorCode::None, high_watermark, records)],
        node_endpoints: Vec::new(),
    }
}

pub(super) fn partition(error: ErrorCode, high_watermark: Offset, records: Bytes) -> FetchPartitionResponse {
    FetchPartitionResponse {
        topic_id: topic_id("orders"),
        topic: crate::ids::TopicName::default(),
        partition: 0,
        error,
        high_watermark,
        last_stable_offset: high_watermark,
        log_start_offset: 0,
        diverging_epoch: None,
        current_leader: None,
        snapshot_id: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: NodeId::NONE,
        records,
    }
}

pub(super) fn nothing_new(session_id: i32) -> FetchResponse {
    FetchResponse { error: ErrorCode::None, session_id, partitions: Vec::new(), node_endpoints: Vec::new() }
}

pub(super) fn offset_is(offset: Offset) -> ListOffsetsResponse {
    let answer = ListOffsetsPartitionResponse {
        partition: orders(),
        error: ErrorCode::None,
        timestamp: -1,
        offset,
        leader_epoch: LeaderEpoch(0),
    };
    ListOffsetsResponse { partitions: vec![answer] }
}

pub(super) fn epoch_ends(epoch: i32, end_offset: Offset) -> OffsetForLeaderEpochResponse {
    let answer = OffsetForLeaderEpochPartitionResponse {
        partition: orders(),
        error: ErrorCode::None,
        leader_epoch: LeaderEpoch(epoch),
        end_offset,
    };
    OffsetForLeaderEpochResponse { partitions: vec![answer] }
}

/// A consumer that has read `count` records of epoch 0 and whose next fetch is parked at b1.
fn at(count: usize, offset_reset: OffsetReset) -> Script {
    let mut script = Script::new(consumer(offset_reset, IsolationLevel::ReadUncommitted, &[]));
    script.until(0);
    if offset_reset == OffsetReset::None {
        let position = Call::Seek { partition: orders(), offset: 0 };
        script.client = Script::new(consumer(OffsetReset::Earliest, IsolationLevel::ReadUncommitted, &[])).client;
        script.call(position);
    }
    script.answer("b1", offset_is(0));
    let values = vec!["x"; count];
    script.answer("b1", fetched(77, count as Offset, log_batch(0, 0, &values).build()));
    script.until(1_000);
    script.hush();
    script
}

#[test]
fn a_position_comes_from_the_leader_and_then_fetches_are_incremental() {
    let mut script = Script::new(consumer(OffsetReset::Earliest, IsolationLevel::ReadUncommitted, &[]));
    script.until(0);
    script.answer("b1", offset_is(0));
    script.answer("b1", fetched(77, 2, log_batch(0, 0, &["a", "b"]).build()));
    script.answer("b1", nothing_new(77));
    script.answer("b1", fetched(77, 3, log_batch(2, 0, &["c"]).build()));
    insta::assert_snapshot!(script.said(), @r"
    0 connect bootstrap
    0 → bootstrap Metadata
    0 connect b1
    0 → b1 ListOffsets orders-0 Earliest
    0 position orders-0 0: Reset
    0 → b1 Fetch session 0/0 [orders-0 from 0 epoch 0]
    0 consumed orders-0 ×2 from 0, position 2
    0 → b1 Fetch session 77/1 [orders-0 from 2 epoch 0]
    0 → b1 Fetch session 77/2 []
    0 consumed orders-0 ×1 from 2, position 3
    0 → b1 Fetch session 77/3 [orders-0 from 3 epoch 0]
    ");
}

#[test]
fn an_unclean_election_moves_the_consumer_to_where_the_logs_part_without_an_error() {
    // Lesson L10; SubscriptionStateTest truncation vectors.
    let mut script = at(9, OffsetReset::Earliest);
    script.leaders.insert(orders(), (2, 1));
    script.reset("b1");
    script.answer("b2", epoch_ends(0, 5));
    insta::assert_snapshot!(script.said(), @r"
    1000 lost node 1, 1 in flight: Disconnected
    1000 connect b2
    1000 → b2 Metadata
    1000 → b2 OffsetForLeaderEpoch orders-0 epoch 0 in 1
    1000 truncated orders-0: 9 > 5
    1000 position orders-0 5: Truncation
    1000 → b2 Fetch session 0/0 [orders-0 from 5 epoch 1]
    ");
    assert_eq!(script.client.application_error(), None);
}

#[test]
fn the_same_log_goes_on_after_validation() {
    let mut script = at(9, OffsetReset::Earliest);
    script.leaders.insert(orders(), (2, 1));
    script.reset("b1");
    script.answer("b2", epoch_ends(0, 9));
    assert!(script.said().ends_with("1000 → b2 Fetch session 0/0 [orders-0 from 9 epoch 1]\n"));
}

#[test]
fn an_epoch_that_the_leader_does_not_know_resets_the_position() {
    let mut script = at(9, OffsetReset::Earliest);
    script.leaders.insert(orders(), (2, 1));
    script.reset("b1");
    script.hush();
    script.answer("b2", epoch_ends(-1, -1));
    script.answer("b2", offset_is(0));
    insta::assert_snapshot!(script.said(), @r"
    1000 truncated orders-0: 9 > -1
    1000 → b2 ListOffsets orders-0 Earliest
    1000 position orders-0 0: Reset
    1000 → b2 Fetch session 0/0 [orders-0 from 0 epoch 1]
    ");
}

#[test]
fn a_new_leader_in_a_fetch_answer_is_validated_at_once() {
    let mut script = at(9, OffsetReset::Earliest);
    script.leaders.insert(orders(), (2, 1));
    let mut answer = partition(ErrorCode::NotLeaderOrFollower, -1, Bytes::new());
    answer.current_leader = Some(LeaderHint { leader: NodeId(2), epoch: LeaderEpoch(1) });
    let endpoint = NodeEndpoint { node: NodeId(2), endpoint: Endpoint::new("b2", BROKER_PORT), rack: None };
    let response = FetchResponse {
        error: ErrorCode::None,
        session_id: 77,
        partitions: vec![answer],
        node_endpoints: vec![endpoint],
    };
    script.answer("b1", response);
    script.answer("b2", epoch_ends(0, 9));
    // No metadata request is needed: the answer named the leader.
    insta::assert_snapshot!(script.said(), @r"
    1000 learned orders-0: 2 in epoch 1
    1000 fetch orders-0: NOT_LEADER_OR_FOLLOWER
    1000 connect b2
    1000 → b2 OffsetForLeaderEpoch orders-0 epoch 0 in 1
    1000 → b2 Fetch session 0/0 [orders-0 from 9 epoch 1]
    ");
}

#[test]
fn out_of_range_follows_the_reset_policy() {
    let mut script = at(9, OffsetReset::Latest);
    let response =
        FetchResponse { partitions: vec![partition(ErrorCode::OffsetOutOfRange, -1, Bytes::new())], ..nothing_new(77) };
    script.answer("b1", response);
    script.answer("b1", offset_is(4));
    insta::assert_snapshot!(script.said(), @r"
    1000 fetch orders-0: OFFSET_OUT_OF_RANGE
    1000 → b1 ListOffsets orders-0 Latest
    1000 position orders-0 4: Reset
    1000 → b1 Fetch session 77/2 [orders-0 from 4 epoch 0]
    ");
}

#[test]
fn read_committed_leaves_aborted_records_out_and_markers_move_the_position() {
    let mut script = Script::new(consumer(OffsetReset::Earliest, IsolationLevel::ReadCommitted, &[]));
    script.until(0);
    script.answer("b1", offset_is(0));
    let producer = |batch: BatchBuilder, id| batch.producer(ProducerId(id), ProducerEpoch(0), 0).transactional(true);
    let abort = BatchBuilder::new(5)
        .leader_epoch(LeaderEpoch(0))
        .producer(ProducerId(7), ProducerEpoch(0), -1)
        .transactional(true)
        .append_control(1, crate::record::ControlType::Abort, &[0, 0, 0, 0, 0, 0]);
    let log = [
        producer(log_batch(0, 0, &["x", "x", "x"]), 7).build(),
        producer(log_batch(3, 0, &["a", "b"]), 9).build(),
        abort.build(),
        producer(log_batch(6, 0, &["c"]), 7).build(),
    ];
    let mut answer = fetched(77, 7, log.concat().into());
    answer.partitions[0].aborted_transactions =
        vec![AbortedTransaction { producer_id: ProducerId(7), first_offset: 0 }];
    script.hush();
    script.answer("b1", answer);
    insta::assert_snapshot!(script.said(), @r"
    0 consumed orders-0 ×3 from 3, position 7
    0 → b1 Fetch session 77/1 [orders-0 from 7 epoch 0]
    ");
    assert!(script.client.is_quiet() && script.client.is_warm());
}

#[test]
fn a_poll_returns_max_poll_records_and_the_next_fetch_leaves_when_all_are_read() {
    let mut kind = consumer(OffsetReset::Earliest, IsolationLevel::ReadUncommitted, &[("max.poll.records", "2")]);
    if let ClientKind::Consumer { polls_by_itself, .. } = &mut kind {
        *polls_by_itself = false;
    }
    let mut script = Script::new(kind);
    script.until(0);
    script.call(Call::Poll { timeout_ms: 100 });
    script.answer("b1", offset_is(0));
    script.hush();
    script.until(200);
    script.answer("b1", fetched(77, 3, log_batch(0, 0, &["a", "b", "c"]).build()));
    script.call(Call::Poll { timeout_ms: 100 });
    script.call(Call::Poll { timeout_ms: 100 });
    insta::assert_snapshot!(script.said(), @r"
    100 call 1 0 records
    200 consumed orders-0 ×2 from 0, position 2
    200 call 2 2 records
    200 consumed orders-0 ×1 from 2, position 3
    200 call 3 1 records
    200 → b1 Fetch session 77/1 [orders-0 from 3 epoch 0]
    ");
}

#[test]
fn a_lost_connection_costs_the_session_and_not_the_position() {
    let mut script = at(9, OffsetReset::Earliest);
    script.reset("b1");
    script.until(1_100);
    insta::assert_snapshot!(script.said(), @r"
    1000 lost node 1, 1 in flight: Disconnected
    1000 connect b2
    1000 → b2 Metadata
    1050 connect b1
    1050 → b1 Fetch session 77/0 [orders-0 from 9 epoch 0]
    ");
}
