//! What leaves late, or after all: commits whose time is over, goodbyes that wait for a connection.
//!
//! Kafka's two consumers differ here: `ConsumerCoordinator` gives up what it waits for, `CommitRequestManager` only what has
//! failed before.

use super::consumer::{fetched, nothing_new};
use super::consumer_group::heartbeat;
use super::group::commit_answer;
use super::*;

const BY_HAND: [(&str, &str); 2] = [("enable.auto.commit", "false"), ("default.api.timeout.ms", "3000")];

/// A member of the protocol of KIP-848 at epoch 1, with partitions 0 and 1 at offsets 5 and 6.
fn modern(properties: &[(&str, &str)]) -> Script {
    let mut script = super::consumer_group::settled(properties);
    script.hush();
    script
}

/// The same, its coordinator lost and looked for.
fn modern_without_coordinator(properties: &[(&str, &str)]) -> Script {
    let mut script = modern(properties);
    script.reset("b3");
    script.until(1);
    script.hush();
    script
}

/// The coordinator is found, again, by a question behind the parked fetch.
fn find_coordinator(script: &mut Script) {
    script.answer("b1", nothing_new(77));
    script.answer_coordinator();
}

#[test]
fn a_commit_that_was_never_sent_leaves_after_its_caller_has_heard_of_a_timeout() {
    // RetriableRequestState.maybeExpire asks for an attempt; ConsumerUtils.getResult does not.
    let mut script = modern_without_coordinator(&BY_HAND);
    script.call(Call::CommitSync);
    script.until(4_000);
    find_coordinator(&mut script);
    script.answer("b3", commit_answer(ErrorCode::None));
    insta::assert_snapshot!(script.story(), @r#"
    3001 commit failed: Sync, REQUEST_TIMED_OUT, unsent
    3001 call 1 failed: REQUEST_TIMED_OUT
    4000 coordinator 3
    4000 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    4000 committed: Sync
    "#);
}

#[test]
fn a_commit_that_has_failed_is_given_up_once_its_time_is_over() {
    let mut script = modern(&BY_HAND);
    script.call(Call::CommitSync);
    script.answer("b3", commit_answer(ErrorCode::CoordinatorLoadInProgress));
    script.reset("b3");
    script.until(4_000);
    find_coordinator(&mut script);
    script.until(4_900);
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    0 lost node 3, 0 in flight: Disconnected
    0 coordinator 3 lost: Disconnected
    3000 commit failed: Sync, REQUEST_TIMED_OUT
    3000 call 1 failed: REQUEST_TIMED_OUT
    4000 coordinator 3
    "#);
}

#[test]
fn a_commit_in_flight_is_told_of_as_late_and_may_be_accepted_all_the_same() {
    let mut script = modern(&BY_HAND);
    script.call(Call::CommitSync);
    script.until(3_500);
    script.answer("b3", commit_answer(ErrorCode::None));
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    3000 commit failed: Sync, REQUEST_TIMED_OUT
    3000 call 1 failed: REQUEST_TIMED_OUT
    3500 committed: Sync
    "#);
}

#[test]
fn a_classic_consumer_does_not_send_a_commit_whose_time_is_over() {
    // ConsumerCoordinator.commitOffsetsSync: whoever waits sends it.
    let mut script = super::group::settled(&BY_HAND);
    script.reset("b3");
    script.until(1);
    script.hush();
    script.call(Call::CommitSync);
    script.until(4_000);
    find_coordinator(&mut script);
    script.until(5_000);
    insta::assert_snapshot!(script.story(), @r#"
    3001 commit failed: Sync, REQUEST_TIMED_OUT, unsent
    3001 call 1 failed: REQUEST_TIMED_OUT
    4000 coordinator 3
    4000 → b3 Heartbeat 1
    "#);
}

#[test]
fn a_commit_that_nobody_waits_for_is_not_tried_again() {
    // CommitRequestManager.commitAsync, ConsumerCoordinator.commitOffsetsAsync: RetriableCommitFailedException.
    for mut script in [super::group::settled(&BY_HAND), modern(&BY_HAND)] {
        script.call(Call::CommitAsync);
        script.answer("b3", commit_answer(ErrorCode::CoordinatorLoadInProgress));
        script.until(2_000);
        let story = script.story();
        assert!(story.ends_with("0 call 1 failed: COORDINATOR_LOAD_IN_PROGRESS\n"), "{story}");
    }
}

#[test]
fn a_classic_consumers_commit_that_nobody_waits_for_asks_for_the_coordinator_once() {
    // ConsumerCoordinator.commitOffsetsAsync hangs on one look-up; that of KIP-848 waits for as long as it takes.
    for (mut script, fails) in [(super::group::settled(&BY_HAND), true), (modern(&BY_HAND), false)] {
        script.reset("b3");
        script.until(1);
        script.hush();
        script.call(Call::CommitAsync);
        script.answer("b1", nothing_new(77));
        script.refuse_coordinator();
        assert_eq!(script.story().contains("call 1 failed: COORDINATOR_NOT_AVAILABLE"), fails);
        script.until(200);
        find_coordinator(&mut script);
        let sends = script.story().contains("→ b3 OffsetCommit 1");
        assert_eq!(sends, !fails);
    }
}

#[test]
fn a_member_whose_poll_timer_ends_while_its_connection_is_set_up_says_that_it_leaves_when_it_is() {
    // NetworkClientDelegate.trySend keeps it for request.timeout.ms.
    let mut script = late_application();
    script.establish("b3");
    insta::assert_snapshot!(script.story(), @r#"
    10000 out: PollTimedOut
    10000 lost [orders-0 orders-1]
    10500 → b3 ConsumerGroupHeartbeat epoch -1, owned []
    "#);
}

#[test]
fn a_goodbye_is_dropped_when_its_connection_fails() {
    // NetworkClientDelegate.checkDisconnects. The next thing that the coordinator hears is that the member joins, when its application
    // polls again.
    let mut script = late_application();
    script.slow.clear();
    script.reset("b3");
    script.until(20_500);
    insta::assert_snapshot!(script.said(), @r"
    10000 out: PollTimedOut
    10000 lost [orders-0 orders-1]
    10500 lost node 3, 0 in flight: Disconnected
    10500 → b1 Metadata
    20000 finishes orders-0 5
    20000 connect b3
    20000 → b3 ConsumerGroupHeartbeat epoch 0, topics [orders], owned [], timeout 10000
    ");
}

/// A member whose application works for too long, its coordinator's connection being set up when the timer ends.
fn late_application() -> Script {
    let mut script = modern(&[("max.poll.interval.ms", "10000"), ("enable.auto.commit", "false")]);
    script.call(Call::Work { per_record_ms: 20_000 });
    script.answer("b1", fetched(77, 6, log_batch(5, 0, &["x"]).build()));
    script.until(5_000);
    script.answer("b3", heartbeat(1, None));
    script.until(9_000);
    script.slow.insert("b3".to_owned());
    script.reset("b3");
    script.until(9_500);
    find_coordinator(&mut script);
    script.hush();
    script.until(10_500);
    script
}

#[test]
fn a_member_that_was_fenced_commits_under_its_id_without_an_epoch() {
    // OffsetCommitRequestState.toUnsentRequest names the member always: the coordinator says STALE_MEMBER_EPOCH then, not
    // UNKNOWN_MEMBER_ID.
    let mut script = modern(&BY_HAND);
    script.until(5_000);
    script.answer("b3", ConsumerGroupHeartbeatResponse { error: ErrorCode::FencedMemberEpoch, ..heartbeat(0, None) });
    script.hush();
    script.call(Call::CommitOffsets { offsets: vec![(TopicPartition::new("orders", 0), 5)], metadata: String::new() });
    assert_eq!(script.story(), "5000 → b3 OffsetCommit -1 [orders-0 at 5]\n");
}

#[test]
fn a_member_that_joins_asks_a_coordinator_that_loads_without_a_pause() {
    // AbstractHeartbeatRequestManager.poll: `shouldHeartbeatNow` goes past the back-off.
    let mut script = Script::new(super::group::member(&[("group.protocol", "consumer")]));
    script.until(0);
    script.answer_coordinator();
    let loading =
        || ConsumerGroupHeartbeatResponse { error: ErrorCode::CoordinatorLoadInProgress, ..heartbeat(0, None) };
    script.answer("b3", loading());
    script.answer("b3", loading());
    let story = script.story();
    assert_eq!(story.matches("0 → b3 ConsumerGroupHeartbeat epoch 0").count(), 3, "{story}");
}

#[test]
fn a_stable_member_waits_before_it_asks_a_coordinator_that_loads_again() {
    let mut script = modern(&BY_HAND);
    script.until(5_000);
    script.answer(
        "b3",
        ConsumerGroupHeartbeatResponse { error: ErrorCode::CoordinatorLoadInProgress, ..heartbeat(0, None) },
    );
    script.until(5_200);
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5100 → b3 ConsumerGroupHeartbeat epoch 1, topics [orders], owned [0 1], timeout 300000
    "#);
}
