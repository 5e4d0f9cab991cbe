//! Members of a KIP-848 group, told as stories: each heartbeat, what it says, and what comes of the answer.

use super::consumer::{fetched, nothing_new, partition};
use super::group::{commit_answer, committed, member, unsubscribed};
use super::*;

/// An answer: the member's epoch, and its whole assignment if that is new.
pub(super) fn heartbeat(epoch: i32, assignment: Option<&[i32]>) -> ConsumerGroupHeartbeatResponse {
    let partitions = |partitions: &[i32]| BTreeMap::from([(topic_id("orders"), partitions.iter().copied().collect())]);
    ConsumerGroupHeartbeatResponse {
        error: ErrorCode::None,
        error_message: None,
        member: None,
        member_epoch: epoch,
        heartbeat_interval_ms: 5_000,
        assignment: assignment.map(|list| if list.is_empty() { BTreeMap::new() } else { partitions(list) }),
    }
}

fn refused(error: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse { error, member_epoch: 0, heartbeat_interval_ms: 0, ..heartbeat(0, None) }
}

/// A member whose coordinator is b3, at epoch 1 with partitions 0 and 1 at offsets 5 and 6, its fetches parked.
pub(super) fn settled(properties: &[(&str, &str)]) -> Script {
    let said: Vec<(&str, &str)> = [("group.protocol", "consumer")].iter().chain(properties).copied().collect();
    let mut script = Script::new(member(&said));
    script.leaders.insert(TopicPartition::new("orders", 1), (1, 0));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", heartbeat(1, Some(&[0, 1])));
    script.answer("b3", committed(&[(0, 5), (1, 6)]));
    script.answer("b3", heartbeat(1, None));
    // The first answer of a fetch session names every partition.
    let empty = |at: i32| FetchPartitionResponse { partition: at, ..partition(ErrorCode::None, 5, Bytes::new()) };
    script.answer("b1", FetchResponse { partitions: vec![empty(0), empty(1)], ..nothing_new(77) });
    script
}

#[test]
fn a_member_joins_with_epoch_0_takes_its_assignment_and_acknowledges_it_at_once() {
    let mut script = settled(&[]);
    insta::assert_snapshot!(script.story(), @r#"
    0 coordinator 3
    0 → b3 ConsumerGroupHeartbeat epoch 0, topics [orders], owned [], timeout 300000
    0 joined 1
    0 assigned [orders-0 orders-1], 2 owned
    0 → b3 OffsetFetch [orders-0 orders-1]
    0 → b3 ConsumerGroupHeartbeat epoch 1, owned [0 1]
    0 position orders-0 5: Committed
    0 position orders-1 6: Committed
    "#);
}

#[test]
fn what_has_not_changed_is_not_said_again() {
    let mut script = settled(&[]);
    script.hush();
    script.until(5_000);
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5000 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    "#);
}

#[test]
fn a_partition_that_goes_elsewhere_is_committed_revoked_and_acknowledged_and_the_other_one_goes_on() {
    let mut script = settled(&[]);
    script.hush();
    script.until(5_000);
    // The interval's commit is on its way too.
    script.answer("b3", heartbeat(1, Some(&[0])));
    script.answer("b3", commit_answer(ErrorCode::None));
    script.answer("b3", commit_answer(ErrorCode::None));
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5000 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    5000 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    5000 committed: Interval
    5000 committed: Rebalance
    5000 revoked [orders-1]
    5000 assigned [], 1 owned
    5000 → b3 ConsumerGroupHeartbeat epoch 1, owned [0]
    "#);
}

#[test]
fn a_fenced_member_loses_everything_and_joins_again_under_its_own_id() {
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.hush();
    script.until(5_000);
    script.answer("b3", refused(ErrorCode::FencedMemberEpoch));
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5000 out: FencedMemberEpoch
    5000 lost [orders-0 orders-1]
    5000 → b3 ConsumerGroupHeartbeat epoch 0, topics [orders], owned [], timeout 300000
    "#);
}

#[test]
fn a_dynamic_member_leaves_with_epoch_minus_1_and_a_static_one_with_minus_2() {
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.hush();
    script.call(Call::Close);
    script.answer("b3", heartbeat(-1, None));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0 orders-1]
    0 → b3 ConsumerGroupHeartbeat epoch -1, owned []
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    "#);
    let mut script = settled(&[("enable.auto.commit", "false"), ("group.instance.id", "i")]);
    script.hush();
    script.call(Call::Close);
    script.answer("b3", heartbeat(-2, None));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0 orders-1]
    0 → b3 ConsumerGroupHeartbeat epoch -2, owned []
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    "#);
}

#[test]
fn an_assignor_that_the_server_does_not_have_ends_the_membership() {
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.hush();
    script.until(5_000);
    script.answer("b3", refused(ErrorCode::UnsupportedAssignor));
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5000 lost [orders-0 orders-1]
    5000 ended by UNSUPPORTED_ASSIGNOR
    "#);
    assert_eq!(script.client.application_error(), Some(ErrorCode::UnsupportedAssignor));
}

#[test]
fn an_application_that_polls_too_late_has_left_and_joins_again_with_its_next_poll() {
    // The background thread leaves (`ConsumerHeartbeatRequestManager.poll`); the member is STALE until the next poll, and
    // nothing is committed of what its application worked on.
    let limits = [("max.poll.interval.ms", "10000"), ("max.poll.records", "4"), ("enable.auto.commit", "false")];
    let mut script = settled(&limits);
    script.hush();
    script.call(Call::Work { per_record_ms: 3_000 });
    script.answer("b1", fetched(77, 9, log_batch(5, 0, &["x", "y", "z", "w"]).build()));
    script.until(5_000);
    script.answer("b3", heartbeat(1, None));
    script.until(10_000);
    script.answer("b3", heartbeat(1, None));
    script.until(13_000);
    insta::assert_snapshot!(script.story(), @r#"
    0 call 1 done
    0 consumed orders-0 ×4 from 5, position 9
    0 begins orders-0 5
    3000 finishes orders-0 5
    3000 begins orders-0 6
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    6000 finishes orders-0 6
    6000 begins orders-0 7
    9000 finishes orders-0 7
    9000 begins orders-0 8
    10000 out: PollTimedOut
    10000 lost [orders-0 orders-1]
    10000 → b3 ConsumerGroupHeartbeat epoch -1, owned []
    12000 finishes orders-0 8
    12000 → b3 ConsumerGroupHeartbeat epoch 0, topics [orders], owned [], timeout 10000
    "#);
}

#[test]
fn a_consumer_that_is_closed_with_an_option_does_what_that_says() {
    // KIP-1092: a static member that goes for good has no epoch of its own for that, and says −1.
    let ends = |membership| Call::End(CloseOptions { membership, timeout_ms: None });
    let mut script = settled(&[("enable.auto.commit", "false"), ("group.instance.id", "i")]);
    script.hush();
    script.call(ends(GroupMembershipOperation::LeaveGroup));
    script.answer("b3", heartbeat(-1, None));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0 orders-1]
    0 → b3 ConsumerGroupHeartbeat epoch -1, owned []
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.hush();
    script.call(ends(GroupMembershipOperation::RemainInGroup));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0 orders-1]
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
    let mut script = settled(&[("enable.auto.commit", "false"), ("group.instance.id", "i")]);
    script.hush();
    script.call(ends(GroupMembershipOperation::RemainInGroup));
    script.answer("b3", heartbeat(-2, None));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0 orders-1]
    0 → b3 ConsumerGroupHeartbeat epoch -2, owned []
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
}

#[test]
fn a_pattern_for_the_coordinator_is_said_once() {
    let mut script = unsubscribed(&[("group.protocol", "consumer"), ("enable.auto.commit", "false")]);
    script.until(0);
    script.call(Call::SubscribePattern { pattern: "order.".to_owned(), on_server: true });
    script.answer_coordinator();
    script.answer("b3", heartbeat(1, Some(&[0])));
    script.answer("b3", committed(&[(0, 5)]));
    script.answer("b3", heartbeat(1, None));
    script.until(5_000);
    insta::assert_snapshot!(script.story(), @r#"
    0 call 1 done
    0 coordinator 3
    0 → b3 ConsumerGroupHeartbeat epoch 0, topics [], pattern `order.`, owned [], timeout 300000
    0 joined 1
    0 assigned [orders-0], 1 owned
    0 → b3 OffsetFetch [orders-0]
    0 → b3 ConsumerGroupHeartbeat epoch 1, owned [0]
    0 position orders-0 5: Committed
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    "#);
}
