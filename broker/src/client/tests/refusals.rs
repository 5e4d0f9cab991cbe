//! What members make of a coordinator that refuses, and of a subscription or a leader that changes under them.
//!
//! Which errors are tried again differs between Kafka's two consumers, and between their requests.

use super::consumer::{epoch_ends, fetched, nothing_new, orders, partition};
use super::consumer_group::heartbeat;
use super::group::{beat, commit_answer, committed, join_refused, joined, member, unsubscribed};
use super::*;
use crate::api::consumer_protocol::encode_assignment;

/// A member of the classic protocol in generation 1, with partition 0 at offset 5.
fn classic(properties: &[(&str, &str)]) -> Script {
    super::group::settled(properties)
}

/// A member of the protocol of KIP-848 at epoch 1, with partitions 0 and 1 at offsets 5 and 6.
fn modern(properties: &[(&str, &str)]) -> Script {
    let mut script = super::consumer_group::settled(properties);
    script.hush();
    script
}

#[test]
fn a_commit_before_a_rebalance_of_a_topic_that_is_gone_is_not_tried_again() {
    // CommitRequestManager.autoCommitSyncBeforeRebalanceWithRetries: every other retriable error is.
    let mut script = modern(&[("auto.commit.interval.ms", "60000")]);
    script.until(5_000);
    script.answer("b3", heartbeat(1, Some(&[0])));
    script.answer("b3", commit_answer(ErrorCode::UnknownTopicOrPartition));
    insta::assert_snapshot!(script.story(), @r#"
    5000 → b3 ConsumerGroupHeartbeat epoch 1
    5000 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    5000 commit failed: Rebalance, UNKNOWN_TOPIC_OR_PARTITION
    5000 revoked [orders-1]
    5000 assigned [], 1 owned
    5000 → b3 ConsumerGroupHeartbeat epoch 1, owned [0]
    "#);
}

#[test]
fn a_classic_members_commit_before_a_join_is_tried_again_though_the_topic_is_gone() {
    // ConsumerCoordinator.onJoinPrepare asks for nothing but `isRetriable`.
    let mut script = classic(&[("auto.commit.interval.ms", "60000")]);
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::RebalanceInProgress));
    script.answer("b3", commit_answer(ErrorCode::UnknownTopicOrPartition));
    script.until(3_200);
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    3000 → b3 OffsetCommit 1 [orders-0 at 5]
    3000 commit failed: Rebalance, UNKNOWN_TOPIC_OR_PARTITION
    3100 → b3 OffsetCommit 1 [orders-0 at 5]
    "#);
}

#[test]
fn a_commit_on_call_with_a_stale_epoch_fails_though_a_newer_one_is_known() {
    // CommitRequestManager.commitSyncExceptionForError: only the commit before a rebalance goes on with the new epoch.
    let mut script = modern(&[("enable.auto.commit", "false")]);
    script.call(Call::CommitSync);
    script.answer("b3", commit_answer(ErrorCode::StaleMemberEpoch));
    script.until(1_000);
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 5, orders-1 at 6]
    0 commit failed: Sync, STALE_MEMBER_EPOCH
    0 call 1 failed: STALE_MEMBER_EPOCH
    "#);
}

#[test]
fn an_error_that_no_commit_expects_fails_it_in_both_protocols_though_it_is_retriable() {
    // OffsetCommitResponseHandler and OffsetCommitRequestState.onResponse: the last branch is a plain KafkaException.
    for mut script in [classic(&[("enable.auto.commit", "false")]), modern(&[("enable.auto.commit", "false")])] {
        script.call(Call::CommitSync);
        script.answer("b3", commit_answer(ErrorCode::NotEnoughReplicas));
        script.until(1_000);
        let story = script.story();
        assert!(story.ends_with("0 call 1 failed: NOT_ENOUGH_REPLICAS\n"), "{story}");
    }
}

#[test]
fn a_heartbeat_that_fails_for_any_reason_is_sent_again_and_the_application_hears_nothing() {
    // AbstractCoordinator.HeartbeatThread keeps FencedInstanceIdException only.
    let mut script = classic(&[("enable.auto.commit", "false")]);
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::UnknownServerError));
    script.until(3_500);
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    3100 → b3 Heartbeat 1
    "#);
    assert_eq!(script.client.application_error(), None);
}

#[test]
fn a_member_whose_question_about_offsets_is_refused_as_nobodys_fails_its_applications_poll() {
    // CommitRequestManager.fetchOffsetsWithRetries: UnknownMemberIdException is not retriable.
    let mut script = Script::new(member(&[("group.protocol", "consumer")]));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", heartbeat(1, Some(&[0])));
    let mut refused = committed(&[]);
    refused.groups[0].error = ErrorCode::UnknownMemberId;
    script.answer("b3", refused);
    script.until(1_000);
    assert_eq!(script.client.application_error(), Some(ErrorCode::UnknownMemberId));
}

#[test]
fn a_position_that_waits_for_its_validation_is_not_committed() {
    // SubscriptionState.allConsumed takes valid positions only: the new leader's log may end before it.
    let mut script = classic(&[]);
    script.answer("b1", fetched(77, 7, log_batch(5, 0, &["x", "y"]).build()));
    script.leaders.insert(orders(), (2, 1));
    let mut answer = partition(ErrorCode::NotLeaderOrFollower, -1, Bytes::new());
    answer.current_leader = Some(LeaderHint { leader: NodeId(2), epoch: LeaderEpoch(1) });
    let endpoint = NodeEndpoint { node: NodeId(2), endpoint: Endpoint::new("b2", BROKER_PORT), rack: None };
    script.answer("b1", FetchResponse { partitions: vec![answer], node_endpoints: vec![endpoint], ..nothing_new(77) });
    script.until(6_000);
    insta::assert_snapshot!(script.story(), @r#"
    0 consumed orders-0 ×2 from 5, position 7
    0 fetch orders-0: NOT_LEADER_OR_FOLLOWER
    0 → b2 OffsetForLeaderEpoch orders-0 epoch 0 in 1
    3000 → b3 Heartbeat 1
    6000 → b3 Heartbeat 1
    "#);
    script.answer("b2", epoch_ends(0, 7));
    script.answer("b3", beat(ErrorCode::None));
    script.answer("b3", beat(ErrorCode::None));
    script.until(10_000);
    assert!(script.story().contains("10000 → b3 OffsetCommit 1 [orders-0 at 7]"));
}

#[test]
fn a_topic_that_is_no_longer_subscribed_to_is_neither_fetched_nor_returned_though_its_partition_is_still_held() {
    // SubscriptionState.isFetchableAndSubscribed; the answer that was on its way is thrown away.
    let mut script = modern(&[("enable.auto.commit", "false")]);
    script.leaders.insert(TopicPartition::new("payments", 0), (2, 0));
    script.call(Call::Subscribe { topics: vec!["payments".to_owned()] });
    script.answer("b1", fetched(77, 7, log_batch(5, 0, &["x", "y"]).build()));
    insta::assert_snapshot!(script.story(), @"0 call 1 done");
    // Nor is it asked for again.
    assert!(!script.asks("b1", Api::Fetch));
}

#[test]
fn a_leader_may_know_topics_of_a_pattern_before_its_member_does() {
    // SubscriptionState.checkAssignmentMatchedSubscription asks the pattern; ConsumerCoordinator.maybeUpdateJoinedSubscription takes
    // the topic over. A topic that the pattern does not match is a reason to join again.
    for (topic, taken) in [("orderz", true), ("payments", false)] {
        let mut script = unsubscribed(&[("enable.auto.commit", "false")]);
        script.until(0);
        script.call(Call::SubscribePattern { pattern: "order.".to_owned(), on_server: false });
        script.answer_coordinator();
        script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
        script.answer("b3", joined(1, "range", &[]));
        let partitions = vec![TopicPartition::new("orders", 0), TopicPartition::new(topic, 0)];
        let assignment = SyncGroupResponse {
            error: ErrorCode::None,
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            assignment: encode_assignment(&ConsumerAssignment { partitions, user_data: None }),
        };
        script.hush();
        script.answer("b3", assignment);
        let story = script.story();
        assert_eq!(story.contains("assigned [orders-0 orderz-0], 2 owned"), taken, "{story}");
        assert_eq!(story.contains("does not match the current subscription"), !taken, "{story}");
    }
}

#[test]
fn a_question_about_offsets_with_a_stale_epoch_is_asked_again_after_a_pause_that_grows() {
    // CommitRequestManager.fetchOffsetsWithRetries: STALE_MEMBER_EPOCH is retried as any other error that may pass.
    let mut script = Script::new(member(&[("group.protocol", "consumer"), ("enable.auto.commit", "false")]));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", heartbeat(1, Some(&[0])));
    let stale = || {
        let mut refused = committed(&[]);
        refused.groups[0].error = ErrorCode::StaleMemberEpoch;
        refused
    };
    script.answer("b3", stale());
    script.answer("b3", heartbeat(1, None));
    script.until(100);
    script.answer("b3", stale());
    script.until(300);
    insta::assert_snapshot!(script.story(), @r"
    0 coordinator 3
    0 → b3 ConsumerGroupHeartbeat epoch 0, topics [orders], owned [], timeout 300000
    0 joined 1
    0 assigned [orders-0], 1 owned
    0 → b3 OffsetFetch [orders-0]
    0 → b3 ConsumerGroupHeartbeat epoch 1, owned [0]
    100 → b3 OffsetFetch [orders-0]
    300 → b3 OffsetFetch [orders-0]
    ");
}

#[test]
fn an_application_that_polls_after_a_fatal_join_joins_at_once() {
    // ConsumerCoordinator.joinGroupIfNeeded sleeps only after an error that may pass; this one is thrown.
    let mut kind = member(&[]);
    if let ClientKind::Consumer { polls_by_itself, .. } = &mut kind {
        *polls_by_itself = false;
    }
    let mut script = Script::new(kind);
    script.until(0);
    script.call(Call::Poll { timeout_ms: 1_000 });
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::InconsistentGroupProtocol, ""));
    script.call(Call::Poll { timeout_ms: 1_000 });
    insta::assert_snapshot!(script.story(), @r#"
    0 coordinator 3
    0 → b3 JoinGroup "" [range cooperative-sticky] ""
    0 call 1 failed: INCONSISTENT_GROUP_PROTOCOL
    0 → b3 JoinGroup "" [range cooperative-sticky] "rebalance failed due to INCONSISTENT_GROUP_PROTOCOL"
    "#);
}
