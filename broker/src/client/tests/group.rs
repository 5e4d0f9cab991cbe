//! Members of a classic group, told as stories: what leaves, when, and what the application hears.

use super::consumer::{fetched, nothing_new, offset_is};
use super::*;
use crate::api::consumer_protocol::{decode_subscription, encode_assignment, encode_subscription};
use crate::config::Membership;

/// A member of group g that subscribes to the topic `orders` and polls by itself.
pub(super) fn member(properties: &[(&str, &str)]) -> ClientKind {
    let said: Vec<(&str, &str)> = [("group.id", "g")].iter().chain(properties).copied().collect();
    let ClientKind::Consumer { isolation, offset_reset, settings: fetching, .. } =
        consumer(OffsetReset::Earliest, IsolationLevel::ReadUncommitted, properties)
    else {
        unreachable!("it is a consumer")
    };
    ClientKind::Consumer {
        isolation,
        offset_reset,
        assign: Vec::new(),
        subscribe: vec![TopicName::new("orders")],
        group: Membership::of_consumer(&settings(&said)).expect("legal settings").map(Box::new),
        polls_by_itself: true,
        work: Work::default(),
        settings: fetching,
    }
}

fn coordinator_is(node: i32) -> FindCoordinatorResponse {
    let node = Some((NodeId(node), Endpoint::new(&format!("b{node}"), BROKER_PORT)));
    let found = FoundCoordinator { key: "g".to_owned(), error: ErrorCode::None, error_message: None, node };
    FindCoordinatorResponse { coordinators: vec![found] }
}

pub(super) fn join_refused(error: ErrorCode, member: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        error,
        generation: -1,
        protocol_type: None,
        protocol_name: None,
        leader: MemberId::default(),
        skip_assignment: false,
        member: MemberId::new(member),
        members: Vec::new(),
    }
}

/// The member m is in a generation; if it leads, with these members and their owned partitions.
pub(super) fn joined(generation: i32, protocol: &str, members: &[(&str, &[i32])]) -> JoinGroupResponse {
    let one = |(member, owned): &(&str, &[i32])| {
        let subscription = ConsumerSubscription {
            topics: vec![TopicName::new("orders")],
            owned: owned.iter().map(|partition| TopicPartition::new("orders", *partition)).collect(),
            generation: Some(generation - 1),
            ..ConsumerSubscription::default()
        };
        let metadata = encode_subscription(&subscription);
        JoinGroupMember { member: MemberId::new(member), instance: None, metadata }
    };
    JoinGroupResponse {
        error: ErrorCode::None,
        generation,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some(protocol.to_owned()),
        leader: MemberId::new(if members.is_empty() { "another" } else { "m" }),
        member: MemberId::new("m"),
        members: members.iter().map(one).collect(),
        ..join_refused(ErrorCode::None, "m")
    }
}

fn assigned(protocol: &str, partitions: &[i32]) -> SyncGroupResponse {
    let partitions = partitions.iter().map(|partition| TopicPartition::new("orders", *partition)).collect();
    SyncGroupResponse {
        error: ErrorCode::None,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some(protocol.to_owned()),
        assignment: encode_assignment(&ConsumerAssignment { partitions, user_data: None }),
    }
}

pub(super) fn beat(error: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error }
}

pub(super) fn committed(offsets: &[(i32, Offset)]) -> OffsetFetchResponse {
    let answer = |(partition, offset): &(i32, Offset)| OffsetFetchPartitionResponse {
        partition: TopicPartition::new("orders", *partition),
        error: ErrorCode::None,
        offset: *offset,
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    let partitions = offsets.iter().map(answer).collect();
    let group = OffsetFetchGroupResponse { group: GroupId::new("g"), error: ErrorCode::None, partitions };
    OffsetFetchResponse { groups: vec![group] }
}

pub(super) fn commit_answer(error: ErrorCode) -> OffsetCommitResponse {
    OffsetCommitResponse { partitions: vec![(TopicPartition::new("orders", 0), error)] }
}

/// A member whose coordinator is b3, in generation 1 with partition 0 at offset 5, its fetch parked.
pub(super) fn settled(properties: &[(&str, &str)]) -> Script {
    let mut script = Script::new(member(properties));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
    script.answer("b3", joined(1, "range", &[]));
    script.answer("b3", assigned("range", &[0]));
    script.answer("b3", committed(&[(0, 5)]));
    script.answer("b1", nothing_new(77));
    script.hush();
    script
}

impl Script {
    /// Whoever is asked says that b3 coordinates.
    pub(super) fn answer_coordinator(&mut self) {
        let asked = ["b1", "b2", "b3", "bootstrap"].into_iter().find(|host| self.asks(host, Api::FindCoordinator));
        let host = asked.expect("somebody is asked for the coordinator");
        self.answer(host, coordinator_is(3));
    }

    /// Whoever is asked knows no coordinator.
    pub(super) fn refuse_coordinator(&mut self) {
        let asked = ["b1", "b2", "b3", "bootstrap"].into_iter().find(|host| self.asks(host, Api::FindCoordinator));
        let host = asked.expect("somebody is asked for the coordinator");
        let mut refused = coordinator_is(3);
        (refused.coordinators[0].error, refused.coordinators[0].node) = (ErrorCode::CoordinatorNotAvailable, None);
        self.answer(host, refused);
    }

    pub(super) fn asks(&self, host: &str, api: Api) -> bool {
        self.connections_to(host).iter().any(|connection| {
            let waiting = self.waiting.get(connection).and_then(|queue| queue.front());
            waiting.is_some_and(|(message, _)| wire::decode_request(message).is_ok_and(|request| request.api() == api))
        })
    }

    /// What was said, without connections, metadata and fetches.
    pub(super) fn story(&mut self) -> String {
        let said = self.said();
        let noise = [" connect ", "Metadata", "Fetch session", "learned", "FindCoordinator"];
        said.lines()
            .filter(|line| !noise.iter().any(|word| line.contains(word)))
            .fold(String::new(), |text, line| text + line + "\n")
    }
}

#[test]
fn a_member_joins_twice_syncs_and_reads_from_where_its_group_stood() {
    // ConsumerCoordinatorTest.testNormalJoinGroupFollower; KIP-394.
    let mut script = Script::new(member(&[]));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
    script.answer("b3", joined(1, "range", &[]));
    script.answer("b3", assigned("range", &[0]));
    script.answer("b3", committed(&[(0, 5)]));
    insta::assert_snapshot!(script.story(), @r#"
    0 coordinator 3
    0 → b3 JoinGroup "" [range cooperative-sticky] ""
    0 → b3 JoinGroup "m" [range cooperative-sticky] "need to re-join with the given member-id: m"
    0 joined 1
    0 → b3 SyncGroup 1 []
    0 assigned [orders-0], 1 owned
    0 → b3 OffsetFetch [orders-0]
    0 position orders-0 5: Committed
    "#);
}

#[test]
fn the_leader_assigns_for_everybody() {
    let mut script = Script::new(member(&[]));
    script.leaders.insert(TopicPartition::new("orders", 1), (2, 0));
    script.leaders.insert(TopicPartition::new("orders", 2), (3, 0));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
    script.hush();
    script.answer("b3", joined(1, "range", &[("a", &[]), ("m", &[])]));
    insta::assert_snapshot!(script.story(), @r#"
    0 joined 1 as leader
    0 → b3 SyncGroup 1 [a: orders-0 orders-1, m: orders-2]
    "#);
}

#[test]
fn a_rebalance_begins_with_a_commit_and_gives_everything_up() {
    // Eager: nothing is kept. The join waits for the commit.
    let mut script = settled(&[]);
    script.answer("b1", fetched(77, 8, log_batch(5, 0, &["x", "y", "z"]).build()));
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::RebalanceInProgress));
    insta::assert_snapshot!(script.story(), @r#"
    0 consumed orders-0 ×3 from 5, position 8
    3000 → b3 Heartbeat 1
    3000 → b3 OffsetCommit 1 [orders-0 at 8]
    "#);
    script.answer("b3", commit_answer(ErrorCode::None));
    insta::assert_snapshot!(script.story(), @r#"
    3000 committed: Rebalance
    3000 revoked [orders-0]
    3000 → b3 JoinGroup "m" [range cooperative-sticky] "group is already rebalancing"
    "#);
}

#[test]
fn a_cooperative_member_keeps_what_it_has_gives_one_up_and_joins_again() {
    let properties = [("partition.assignment.strategy", "cooperative-sticky"), ("enable.auto.commit", "false")];
    let mut script = Script::new(member(&properties));
    script.leaders.insert(TopicPartition::new("orders", 1), (1, 0));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
    script.answer("b3", joined(1, "cooperative-sticky", &[]));
    script.answer("b3", assigned("cooperative-sticky", &[0, 1]));
    script.answer("b3", committed(&[(0, 5), (1, 6)]));
    script.hush();
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::RebalanceInProgress));
    script.answer("b3", joined(2, "cooperative-sticky", &[]));
    script.answer("b3", assigned("cooperative-sticky", &[0]));
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    3000 → b3 JoinGroup "m" [cooperative-sticky] "group is already rebalancing"
    3000 joined 2
    3000 → b3 SyncGroup 2 []
    3000 revoked [orders-1]
    3000 assigned [], 1 owned
    3000 → b3 JoinGroup "m" [cooperative-sticky] "need to revoke partitions and re-join"
    "#);
}

#[test]
fn heartbeats_leave_every_three_seconds_whether_or_not_they_are_answered() {
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.until(6_500);
    script.answer("b3", beat(ErrorCode::None));
    script.answer("b3", beat(ErrorCode::None));
    script.until(9_500);
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    6000 → b3 Heartbeat 1
    9000 → b3 Heartbeat 1
    "#);
}

#[test]
fn a_member_that_the_coordinator_does_not_know_loses_its_partitions_without_a_commit() {
    let mut script = settled(&[]);
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::UnknownMemberId));
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    3000 out: UnknownMember
    3000 commit failed: Rebalance, UNKNOWN_MEMBER_ID, unsent
    3000 lost [orders-0]
    3000 → b3 JoinGroup "" [range cooperative-sticky] "encountered UNKNOWN_MEMBER_ID"
    "#);
}

#[test]
fn a_coordinator_that_is_none_any_more_is_looked_for_and_the_membership_stays() {
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.until(3_000);
    script.answer("b3", beat(ErrorCode::NotCoordinator));
    // The question goes to the one node that is connected, and waits there behind the parked fetch.
    script.answer("b1", nothing_new(77));
    script.answer_coordinator();
    // The same one again, and its connection was closed less than reconnect.backoff.ms ago: asked once more.
    script.until(3_150);
    script.answer("b1", nothing_new(77));
    script.answer_coordinator();
    script.until(5_000);
    insta::assert_snapshot!(script.story(), @r#"
    3000 → b3 Heartbeat 1
    3000 coordinator 3 lost: Refused
    3000 lost node 3, 0 in flight: Disconnected
    3000 close b3
    3000 coordinator 3
    3000 coordinator 3 lost: Disconnected
    3150 coordinator 3
    3150 → b3 Heartbeat 1
    "#);
}

#[test]
fn an_application_that_polls_too_late_has_left_and_its_commit_is_not_even_sent() {
    // Lesson 18: the heartbeat thread leaves; the poll after the work finds that nothing may be committed.
    let mut script = settled(&[("max.poll.interval.ms", "10000"), ("max.poll.records", "4")]);
    script.call(Call::Work { per_record_ms: 3_000 });
    script.answer("b1", fetched(77, 9, log_batch(5, 0, &["x", "y", "z", "w"]).build()));
    for _ in 0..3 {
        script.until(script.now.0 / 1000 + 3_000);
        script.answer("b3", beat(ErrorCode::None));
    }
    script.until(12_000);
    insta::assert_snapshot!(script.story(), @r#"
    0 call 1 done
    0 consumed orders-0 ×4 from 5, position 9
    0 begins orders-0 5
    3000 finishes orders-0 5
    3000 begins orders-0 6
    3000 → b3 Heartbeat 1
    6000 finishes orders-0 6
    6000 begins orders-0 7
    6000 → b3 Heartbeat 1
    9000 finishes orders-0 7
    9000 begins orders-0 8
    9000 → b3 Heartbeat 1
    10000 out: PollTimedOut
    10000 → b3 LeaveGroup "consumer poll timeout has expired."
    12000 finishes orders-0 8
    12000 commit failed: Rebalance, UNKNOWN_MEMBER_ID, unsent
    12000 lost [orders-0]
    12000 → b3 JoinGroup "" [range cooperative-sticky] "consumer pro-actively leaving the group"
    "#);
}

#[test]
fn a_dynamic_member_commits_and_leaves_when_it_is_closed_and_a_static_one_only_commits() {
    let mut script = settled(&[]);
    script.call(Call::Close);
    script.answer("b3", commit_answer(ErrorCode::None));
    script.answer("b3", LeaveGroupResponse { error: ErrorCode::None, members: Vec::new() });
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 5]
    0 committed: Close
    0 revoked [orders-0]
    0 → b3 LeaveGroup "the consumer is being closed"
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    "#);
    let mut script = settled(&[("group.instance.id", "i")]);
    script.call(Call::Close);
    script.answer("b3", commit_answer(ErrorCode::None));
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 5]
    0 committed: Close
    0 revoked [orders-0]
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    "#);
}

#[test]
fn an_expired_interval_commits_what_was_returned_before_it() {
    // The position is committed at the next poll, not before: an idle poll goes on all the time.
    let mut script = settled(&[("auto.commit.interval.ms", "5000")]);
    script.answer("b1", fetched(77, 7, log_batch(5, 0, &["x", "y"]).build()));
    script.until(5_500);
    insta::assert_snapshot!(script.story(), @r#"
    0 consumed orders-0 ×2 from 5, position 7
    3000 → b3 Heartbeat 1
    5000 → b3 OffsetCommit 1 [orders-0 at 7]
    "#);
}

#[test]
fn a_partition_without_a_committed_offset_begins_by_the_reset_policy() {
    let mut script = Script::new(member(&[]));
    script.until(0);
    script.answer_coordinator();
    script.answer("b3", join_refused(ErrorCode::MemberIdRequired, "m"));
    script.answer("b3", joined(1, "range", &[]));
    script.answer("b3", assigned("range", &[0]));
    script.hush();
    script.answer("b3", committed(&[(0, -1)]));
    script.answer("b1", offset_is(2));
    insta::assert_snapshot!(script.story(), @r#"
    0 → b1 ListOffsets orders-0 Earliest
    0 position orders-0 2: Reset
    "#);
}

fn ends(membership: GroupMembershipOperation) -> Call {
    Call::End(CloseOptions { membership, timeout_ms: None })
}

#[test]
fn a_consumer_that_is_closed_with_an_option_does_what_that_says_static_or_not() {
    // KIP-1092. The coordinator takes a static member out by its member id.
    let mut script = settled(&[("group.instance.id", "i"), ("enable.auto.commit", "false")]);
    script.call(ends(GroupMembershipOperation::LeaveGroup));
    script.answer("b3", LeaveGroupResponse { error: ErrorCode::None, members: Vec::new() });
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0]
    0 → b3 LeaveGroup "the consumer is being closed"
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
    let mut script = settled(&[("enable.auto.commit", "false")]);
    script.call(ends(GroupMembershipOperation::RemainInGroup));
    insta::assert_snapshot!(script.story(), @r#"
    0 revoked [orders-0]
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
}

#[test]
fn a_consumer_that_may_take_no_time_to_close_waits_for_no_answer() {
    let mut script = settled(&[]);
    script.call(Call::End(CloseOptions { timeout_ms: Some(0), membership: GroupMembershipOperation::Default }));
    // What it has to say leaves all the same (`AbstractCoordinator.close`); nobody hears whether it arrived.
    insta::assert_snapshot!(script.story(), @r#"
    0 commit failed: Close, REQUEST_TIMED_OUT
    0 revoked [orders-0]
    0 → b3 OffsetCommit 1 [orders-0 at 5]
    0 → b3 LeaveGroup "the consumer is being closed"
    0 close bootstrap
    0 close b1
    0 close b3
    0 call 1 done
    0 Exit { reason: Stopped }
    "#);
}

#[test]
fn an_application_commits_offsets_of_its_own_choice_and_a_negative_one_is_none() {
    let mut script = settled(&[]);
    script.call(Call::CommitOffsets { offsets: vec![(TopicPartition::new("orders", 0), 2)], metadata: String::new() });
    script.answer("b3", commit_answer(ErrorCode::None));
    script.call(Call::CommitOffsets { offsets: vec![(TopicPartition::new("orders", 0), -1)], metadata: String::new() });
    insta::assert_snapshot!(script.story(), @r#"
    0 → b3 OffsetCommit 1 [orders-0 at 2]
    0 committed: Chosen
    0 call 1 done
    0 call 2 failed: INVALID_REQUEST
    "#);
}

#[test]
fn a_consumer_that_subscribes_may_not_be_assigned_partitions_nor_subscribe_in_another_way() {
    let mut script = settled(&[]);
    script.call(Call::Assign(vec![TopicPartition::new("orders", 0)]));
    script.call(Call::SubscribePattern { pattern: "or.*".to_owned(), on_server: false });
    insta::assert_snapshot!(script.story(), @r#"
    0 call 1 failed: INVALID_REQUEST
    0 call 2 failed: INVALID_REQUEST
    "#);
}

/// A consumer of group g without a subscription.
pub(super) fn unsubscribed(properties: &[(&str, &str)]) -> Script {
    let kind = match member(properties) {
        ClientKind::Consumer { isolation, offset_reset, assign, group, polls_by_itself, work, settings, .. } => {
            let subscribe = Vec::new();
            ClientKind::Consumer { isolation, offset_reset, assign, subscribe, group, polls_by_itself, work, settings }
        }
        other => other,
    };
    Script::new(kind)
}

#[test]
fn a_member_that_subscribes_by_a_pattern_joins_with_the_topics_that_it_matches_whole() {
    let mut script = unsubscribed(&[]);
    for topic in ["reorders", "orders-abroad"] {
        script.leaders.insert(TopicPartition::new(topic, 0), (1, 0));
    }
    script.until(0);
    script.call(Call::SubscribePattern { pattern: "order.".to_owned(), on_server: false });
    script.answer_coordinator();
    let Request::JoinGroup(join) = script.oldest_request("b3") else { panic!("it joins") };
    let subscription = decode_subscription(&join.protocols[0].metadata).expect("a subscription");
    assert_eq!(subscription.topics, [TopicName::new("orders")]);
}

#[test]
fn a_classic_member_leaves_no_pattern_to_its_coordinator_and_reads_its_own_before_it_subscribes() {
    let mut script = unsubscribed(&[]);
    script.call(Call::SubscribePattern { pattern: "order.".to_owned(), on_server: true });
    script.call(Call::SubscribePattern { pattern: "order(".to_owned(), on_server: false });
    insta::assert_snapshot!(script.story(), @r#"
    0 call 1 failed: INVALID_REQUEST
    0 call 2 failed: INVALID_REQUEST
    "#);
}
