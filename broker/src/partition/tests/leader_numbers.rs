//! Numbers of Kafka's `PartitionTest`, `ReplicaManagerTest` and `AlterPartitionManagerTest` (vectors 4.3): one real
//! leader, whose followers are the test's own fetches.

use super::*;

/// Broker 1 leads `orders` with replicas 1, 2 and 3 and this ISR; 2 and 3 exist only in the metadata.
fn leader_of(isr: &[i32], min_insync_replicas: &str) -> Cluster {
    leader_with(isr, min_insync_replicas, &[])
}

fn leader_with(isr: &[i32], min_insync_replicas: &str, switches: &[Switch]) -> Cluster {
    let mut c = Cluster::new(1, min_insync_replicas, switches, ReplicationSettings::default());
    c.controller = Controller::Silent;
    let all = vec![NodeId(1), NodeId(2), NodeId(3)];
    c.publish(vec![
        register(NodeId(2), BrokerEpoch(10)),
        register(NodeId(3), BrokerEpoch(10)),
        MetadataRecord::PartitionChange {
            partition: 0,
            topic_id: topic_id(),
            change: PartitionChange {
                leader: Some(LEADER),
                isr: Some(isr.iter().map(|id| NodeId(*id)).collect()),
                directories: Some(all.iter().map(|node| directory_of(*node)).collect()),
                replicas: Some(all),
                ..PartitionChange::default()
            },
        },
    ]);
    c
}

pub(super) fn fetch_request(replica: i32, at: Offset, epoch: i32, last_fetched: i32) -> FetchRequest {
    FetchRequest {
        cluster_id: None,
        replica_id: NodeId(replica),
        replica_epoch: BrokerEpoch(if replica < 0 { -1 } else { 10 }),
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation: IsolationLevel::ReadUncommitted,
        session_id: 0,
        session_epoch: -1,
        by_name: false,
        partitions: vec![FetchPartition {
            topic_id: topic_id(),
            topic: TopicName::default(),
            partition: 0,
            current_leader_epoch: LeaderEpoch(epoch),
            fetch_offset: at,
            last_fetched_epoch: LeaderEpoch(last_fetched),
            log_start_offset: 0,
            max_bytes: 1 << 20,
            replica_directory_id: DirectoryId::UNASSIGNED,
            high_watermark: None,
        }],
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

pub(super) fn ask(c: &mut Cluster, request: FetchRequest) -> FetchPartitionResponse {
    c.step(LEADER, |manager, ctx| manager.fetch(ctx, client_handle(950), request));
    match c.take_answer(950) {
        Some(Response::Fetch(mut response)) => response.partitions.remove(0),
        other => panic!("no answer to a fetch: {other:?}"),
    }
}

/// A follower's fetch in the leader's epoch: "I hold everything before `at`".
fn follow(c: &mut Cluster, replica: i32, at: Offset) -> FetchPartitionResponse {
    let epoch = c.partition(LEADER).leader_epoch().0;
    ask(c, fetch_request(replica, at, epoch, -1))
}

fn append(c: &mut Cluster, count: usize) {
    c.produce(LEADER, 960, Acks::Leader, &vec!["x"; count]);
    assert_eq!(c.produce_error(960), Some(ErrorCode::None));
}

fn high_watermark(c: &Cluster) -> Offset {
    c.partition(LEADER).log().high_watermark()
}

fn isr(c: &Cluster) -> &IsrState {
    &c.partition(LEADER).leader().expect("it leads").isr
}

fn nodes(ids: &[i32]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn last_proposal(c: &Cluster) -> Vec<i32> {
    let proposal = &c.proposals.last().expect("a proposal").partitions[0];
    proposal.new_isr.iter().map(|(node, _)| node.0).collect()
}

/// The controller's answer to the last proposal.
pub(super) fn answer(c: &mut Cluster, error: ErrorCode) {
    let proposal = c.proposals.last().expect("a proposal").partitions[0].clone();
    let result = AlterPartitionResult {
        topic_id: topic_id(),
        partition: 0,
        error,
        leader: LEADER,
        leader_epoch: proposal.leader_epoch,
        isr: proposal.new_isr.iter().map(|(node, _)| *node).collect(),
        leader_recovery_state: LeaderRecoveryState::Recovered,
        partition_epoch: PartitionEpoch(proposal.partition_epoch.0 + 1),
    };
    let response = AlterPartitionResponse { error: ErrorCode::None, partitions: vec![result] };
    c.step(LEADER, |manager, ctx| manager.handle_alter_partition_response(ctx, Ok(response)));
}

/// `testIsrExpansion`.
#[test]
fn isr_expansion_proposes_a_follower_only_when_it_has_reached_the_high_watermark() {
    let mut c = leader_of(&[1], "1");
    append(&mut c, 10);
    assert_eq!(high_watermark(&c), 10);
    follow(&mut c, 2, 3);
    assert!(c.proposals.is_empty());
    follow(&mut c, 2, 10);
    assert_eq!(last_proposal(&c), [1, 2]);
    assert_eq!((isr(&c).committed(), isr(&c).maximal()), (&nodes(&[1]), nodes(&[1, 2])));
    answer(&mut c, ErrorCode::None);
    assert_eq!(isr(&c), &IsrState::Committed { isr: nodes(&[1, 2]) });
}

/// `testMaybeShrinkIsr`: the lag is 30 s, asked every 15 s; a follower at the leader's end never falls out.
#[test]
fn isr_shrink_happens_after_the_lag_and_frees_the_high_watermark_only_when_the_controller_has_committed_it() {
    let mut c = leader_of(&[1, 2, 3], "1");
    append(&mut c, 10);
    follow(&mut c, 2, 10);
    c.run_until(30_000);
    assert!(c.proposals.is_empty(), "exactly at the lag a follower is still in sync");
    c.run_until(44_999);
    assert!(c.proposals.is_empty());
    c.run_until(45_000);
    assert_eq!(last_proposal(&c), [1, 2]);
    assert_eq!((isr(&c).committed().len(), isr(&c).maximal().len(), high_watermark(&c)), (3, 3, 0));
    answer(&mut c, ErrorCode::None);
    assert_eq!((isr(&c).committed(), high_watermark(&c)), (&nodes(&[1, 2]), 10));
}

/// `testHighWatermarkAdvanceShouldNotAdvanceWhenUnderMinISR`.
#[test]
fn below_min_isr_the_high_watermark_stands_still_until_the_larger_isr_is_committed() {
    let mut c = leader_of(&[1, 2], "3");
    append(&mut c, 10);
    follow(&mut c, 2, 10);
    assert_eq!(high_watermark(&c), 0);
    follow(&mut c, 3, 10);
    assert_eq!((isr(&c).maximal().len(), high_watermark(&c)), (3, 0));
    answer(&mut c, ErrorCode::None);
    assert_eq!(high_watermark(&c), 10);

    let mut before_3_7 = leader_with(&[1, 2], "3", &[Switch::HighWatermarkBelowMinIsr]);
    append(&mut before_3_7, 10);
    follow(&mut before_3_7, 2, 10);
    assert_eq!(high_watermark(&before_3_7), 10, "the switch must bring the old rule back");
}

/// ISR-04, `testHighWatermarkIncreasesWithFencedOrShutdownFollower`: 3 is caught up and not in the ISR.
#[test]
fn a_caught_up_follower_outside_of_the_isr_holds_the_high_watermark_back_unless_it_may_not_enter() {
    for fenced in [false, true] {
        let mut c = leader_of(&[1, 2], "1");
        follow(&mut c, 3, 0);
        // The proposal that this causes is refused, so that 3 stays outside.
        answer(&mut c, ErrorCode::IneligibleReplica);
        if fenced {
            c.publish(vec![MetadataRecord::BrokerRegistrationChange {
                broker: NodeId(3),
                broker_epoch: BrokerEpoch(10),
                fenced: Some(true),
                in_controlled_shutdown: None,
                log_directories: None,
            }]);
        }
        append(&mut c, 10);
        follow(&mut c, 2, 10);
        assert_eq!(high_watermark(&c), if fenced { 10 } else { 0 }, "fenced: {fenced}");
    }
}

#[test]
fn an_isr_member_that_has_not_fetched_since_the_election_blocks_the_high_watermark() {
    let mut c = leader_of(&[1, 2, 3], "1");
    append(&mut c, 10);
    follow(&mut c, 2, 10);
    assert_eq!(high_watermark(&c), 0);
    follow(&mut c, 3, 4);
    assert_eq!(high_watermark(&c), 4);

    let mut bug = leader_with(&[1, 2, 3], "1", &[Switch::HighWatermarkIgnoresUnknown]);
    append(&mut bug, 10);
    follow(&mut bug, 2, 10);
    assert_eq!(high_watermark(&bug), 10, "the switch must lose the guard");
}

/// `testMonotonicOffsetsAfterLeaderChange`.
#[test]
fn offsets_do_not_go_backwards_for_clients_after_a_leader_change() {
    let mut c = leader_of(&[1, 2, 3], "1");
    for (timestamp, count) in [(10, 1), (11, 1), (-1, 1), (20, 1), (21, 1)] {
        let records = batch_at(timestamp, &vec!["x"; count]);
        let request = ProduceRequest {
            transactional_id: None,
            acks: Acks::Leader,
            timeout_ms: 1,
            partitions: vec![ProducePartition {
                topic_id: topic_id(),
                topic: TopicName::new("orders"),
                partition: 0,
                records,
            }],
        };
        c.step(LEADER, |manager, ctx| manager.produce(ctx, client_handle(960), request));
    }
    follow(&mut c, 2, 2);
    follow(&mut c, 3, 2);
    let latest = OffsetSpec::Latest;
    assert_eq!(list(&mut c, 2, latest), (ErrorCode::None, 5));
    assert_eq!(list(&mut c, -1, latest), (ErrorCode::None, 2));
    assert_eq!(list(&mut c, -1, OffsetSpec::AtTimestamp(30)), (ErrorCode::None, -1));
    c.elect(NodeId(2), &[1, 2, 3]);
    assert_eq!(list(&mut c, -1, latest), (ErrorCode::NotLeaderOrFollower, -1));
    c.elect(LEADER, &[1, 2, 3]);
    assert_eq!(list(&mut c, 2, latest), (ErrorCode::None, 5));
    assert_eq!(list(&mut c, -1, latest), (ErrorCode::OffsetNotAvailable, -1));
    assert_eq!(list(&mut c, -1, OffsetSpec::AtTimestamp(11)), (ErrorCode::None, 1));
    assert_eq!(list(&mut c, -1, OffsetSpec::AtTimestamp(100)), (ErrorCode::OffsetNotAvailable, -1));
    assert_eq!(list(&mut c, -1, OffsetSpec::Earliest), (ErrorCode::None, 0));
    follow(&mut c, 2, 5);
    follow(&mut c, 3, 5);
    assert_eq!(list(&mut c, -1, latest), (ErrorCode::None, 5));
}

fn list(c: &mut Cluster, replica: i32, spec: OffsetSpec) -> (ErrorCode, Offset) {
    let request = ListOffsetsRequest {
        replica_id: NodeId(replica),
        isolation: IsolationLevel::ReadUncommitted,
        partitions: vec![ListOffsetsPartition { partition: orders(), current_leader_epoch: LeaderEpoch::NONE, spec }],
    };
    c.step(LEADER, |manager, ctx| manager.list_offsets(ctx, client_handle(970), request));
    match c.take_answer(970) {
        Some(Response::ListOffsets(response)) => (response.partitions[0].error, response.partitions[0].offset),
        other => panic!("no answer to a look-up: {other:?}"),
    }
}

/// `testFenceFollowerFetchWithStaleBrokerEpoch` (KIP-903).
#[test]
fn a_fetch_of_an_older_process_of_that_broker_is_refused_and_not_booked() {
    let mut c = leader_of(&[1], "1");
    append(&mut c, 10);
    c.publish(vec![register(NodeId(2), BrokerEpoch(20))]);
    let answer = follow(&mut c, 2, 10);
    assert_eq!(answer.error, ErrorCode::NotLeaderOrFollower);
    assert_eq!(c.partition(LEADER).leader().expect("it leads").followers[&NodeId(2)].log_end_offset, -1);
    assert!(c.proposals.is_empty());
    let epoch = c.partition(LEADER).leader_epoch().0;
    let fresh = FetchRequest { replica_epoch: BrokerEpoch(20), ..fetch_request(2, 10, epoch, -1) };
    assert_eq!(ask(&mut c, fresh).error, ErrorCode::None);
    assert_eq!(last_proposal(&c), [1, 2]);
    assert_eq!(c.proposals[0].partitions[0].new_isr[1], (NodeId(2), BrokerEpoch(20)));
}

/// `testDoNotResetReplicaStateIfLeaderEpochIsNotBumped`, `testIgnoreLeaderPartitionStateChangeWithOlderPartitionEpoch`.
#[test]
fn the_same_leader_epoch_keeps_what_is_known_and_an_older_partition_epoch_changes_nothing() {
    let mut c = leader_of(&[1, 2, 3], "1");
    append(&mut c, 10);
    follow(&mut c, 2, 7);
    let before = c.partition(LEADER).clone();
    c.change(PartitionChange { isr: Some(vec![NodeId(1), NodeId(2)]), ..PartitionChange::default() });
    let leader = c.partition(LEADER).leader().expect("it leads");
    assert_eq!(leader.followers[&NodeId(2)].log_end_offset, 7);
    assert_eq!(leader.isr.committed(), &nodes(&[1, 2]));
    assert_eq!(high_watermark(&c), 7, "3 no longer holds it back");
    let stale = PartitionState {
        leader: NodeId(2),
        leader_epoch: LeaderEpoch(9),
        partition_epoch: before.partition_epoch(),
        isr: vec![NodeId(2)],
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
    };
    c.step(LEADER, |manager, ctx| {
        let (partition, around) = manager.online(&orders()).expect("it is here");
        assert_eq!(partition.apply(ctx, &around, &stale), Ok(super::super::local_partition::Applied::Ignored));
    });
    assert!(c.partition(LEADER).leader().is_some());
}

/// `testLastFetchedOffsetValidation`: (last fetched epoch, fetch offset) against the leader's epochs.
#[test]
fn the_last_fetched_epoch_decides_whether_a_follower_has_left_the_leaders_log() {
    let mut c = leader_of(&[1], "1");
    // The harness has used epochs 0 and 1, so Kafka's epochs 0, 3, 4, 7, 9, 10 stand here for 1, 3, 4, 7, 9, 10.
    let lead = |c: &mut Cluster, epoch: i32| {
        while c.partition(LEADER).leader_epoch().0 < epoch {
            c.elect(LEADER, &[1]);
        }
    };
    for (epoch, count) in [(1, 2), (3, 3), (3, 3), (4, 5), (7, 1), (9, 3)] {
        lead(&mut c, epoch);
        append(&mut c, count);
    }
    lead(&mut c, 10);
    assert_eq!(c.partition(LEADER).log().log_end_offset(), 17);
    let check = |c: &mut Cluster, last: i32, at: Offset| {
        let answer = ask(c, fetch_request(2, at, 10, last));
        match (answer.error, answer.diverging_epoch) {
            (ErrorCode::None, None) => "ok".to_owned(),
            (ErrorCode::None, Some(end)) => format!("({},{})", end.epoch, end.end_offset),
            (error, _) => error.name().to_owned(),
        }
    };
    let table = [
        (2, 5, "(1,2)"),
        (1, 4, "(1,2)"),
        (6, 6, "(4,13)"),
        (5, 9, "(4,13)"),
        (10, 18, "(10,17)"),
        (1, 2, "ok"),
        (7, 14, "ok"),
        (9, 17, "ok"),
        (10, 17, "ok"),
        (11, 5, "OFFSET_OUT_OF_RANGE"),
    ];
    for (last, at, expected) in table {
        assert_eq!(check(&mut c, last, at), expected, "({last},{at})");
    }
    let start = |c: &mut Cluster, offset: Offset| {
        c.step(LEADER, |manager, ctx| {
            let (partition, _) = manager.online(&orders()).expect("it is here");
            let reason = crate::event::LogStartReason::DeleteRecords;
            partition.log.increment_log_start_offset(ctx, offset, reason).expect("the disk works");
        });
    };
    start(&mut c, 5);
    for (last, at, expected) in [(2, 8, "(2,5)"), (1, 5, "ok"), (3, 5, "ok"), (1, 0, "OFFSET_OUT_OF_RANGE")] {
        assert_eq!(check(&mut c, last, at), expected, "log start 5: ({last},{at})");
    }
    start(&mut c, 10);
    for (last, at) in [(5, 6), (3, 6)] {
        assert_eq!(check(&mut c, last, at), "OFFSET_OUT_OF_RANGE", "log start 10: ({last},{at})");
    }
}

/// `testAlterIsrNewLeaderElected`, `…UnknownTopic`, `…InvalidVersion`, `…UnexpectedError`; `testSingleInFlightAlterIsr`.
#[test]
fn each_answer_of_the_controller_to_a_proposal_reverts_waits_or_retries() {
    let proposed = || {
        let mut c = leader_of(&[1], "1");
        append(&mut c, 10);
        follow(&mut c, 2, 10);
        follow(&mut c, 3, 10);
        assert_eq!(c.proposals.len(), 1, "one change in flight a partition");
        c
    };
    for error in [
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::UnknownTopicId,
        ErrorCode::FencedLeaderEpoch,
        ErrorCode::InvalidUpdateVersion,
        ErrorCode::InvalidRequest,
        ErrorCode::NewLeaderElected,
    ] {
        let mut c = proposed();
        answer(&mut c, error);
        assert!(isr(&c).pending().is_some(), "{error:?}: it waits for metadata");
        assert_eq!(c.proposals.len(), 1, "{error:?}: and does not ask again");
    }
    let mut refused = proposed();
    answer(&mut refused, ErrorCode::IneligibleReplica);
    assert_eq!(isr(&refused), &IsrState::Committed { isr: nodes(&[1]) });
    let mut retried = proposed();
    answer(&mut retried, ErrorCode::NotController);
    assert_eq!(retried.proposals.len(), 2, "the same proposal again, at once");
    assert_eq!(retried.proposals[0], retried.proposals[1]);
}

/// `AlterPartitionManagerTest`: a request that failed as a whole is sent again after 50 ms.
#[test]
fn a_request_to_the_controller_that_failed_as_a_whole_is_sent_again_after_50_ms() {
    let mut c = leader_of(&[1], "1");
    append(&mut c, 1);
    follow(&mut c, 2, 1);
    c.step(LEADER, |manager, ctx| manager.handle_alter_partition_response(ctx, Err(())));
    c.run(49);
    assert_eq!(c.proposals.len(), 1);
    c.run(1);
    assert_eq!(c.proposals.len(), 2);
    assert!(isr(&c).pending().is_some());
}

#[test]
fn newer_metadata_overtakes_a_proposal_and_its_late_answer_changes_nothing() {
    let mut c = leader_of(&[1], "1");
    append(&mut c, 1);
    follow(&mut c, 2, 1);
    c.change(PartitionChange { isr: Some(vec![NodeId(1), NodeId(3)]), ..PartitionChange::default() });
    answer(&mut c, ErrorCode::None);
    assert_eq!(isr(&c), &IsrState::Committed { isr: nodes(&[1, 3]) });
}

/// Epoch checks on the leader's side (rule 15), and KIP-951's hint.
#[test]
fn a_fetch_in_another_leader_epoch_is_refused_with_a_hint_where_the_leader_is() {
    let mut c = leader_of(&[1], "1");
    let fenced = ask(&mut c, fetch_request(-1, 0, 0, -1));
    assert_eq!(fenced.error, ErrorCode::FencedLeaderEpoch);
    assert_eq!(fenced.current_leader, Some(LeaderHint { leader: LEADER, epoch: LeaderEpoch(1) }));
    assert_eq!(ask(&mut c, fetch_request(-1, 0, 2, -1)).error, ErrorCode::UnknownLeaderEpoch);
    assert_eq!(ask(&mut c, fetch_request(-1, 0, -1, -1)).error, ErrorCode::None);
    assert_eq!(ask(&mut c, fetch_request(9, 0, 1, -1)).error, ErrorCode::UnknownLeaderEpoch, "9 is no replica");
    assert_eq!(ask(&mut c, fetch_request(9, 0, -1, -1)).error, ErrorCode::NotLeaderOrFollower);
    c.elect(NodeId(2), &[1, 2]);
    c.produce(LEADER, 960, Acks::All, &["late"]);
    match c.take_answer(960) {
        Some(Response::Produce(response)) => {
            assert_eq!(response.partitions[0].error, ErrorCode::NotLeaderOrFollower);
            let hint = Some(LeaderHint { leader: NodeId(2), epoch: LeaderEpoch(2) });
            assert_eq!(response.partitions[0].current_leader, hint);
            assert_eq!(response.node_endpoints[0].endpoint.host.as_str(), "b2");
        }
        other => panic!("no answer to a produce: {other:?}"),
    }
}

#[test]
fn a_producer_that_waits_is_told_when_the_leader_is_gone_and_when_its_time_is_up() {
    let mut c = leader_of(&[1, 2, 3], "1");
    c.produce(LEADER, 960, Acks::All, &["a"]);
    c.produce(LEADER, 961, Acks::All, &["b"]);
    c.run_until(30_000);
    assert_eq!(c.produce_error(960), Some(ErrorCode::RequestTimedOut));
    c.produce(LEADER, 962, Acks::All, &["c"]);
    c.elect(NodeId(2), &[1, 2, 3]);
    assert_eq!(c.produce_error(962), Some(ErrorCode::NotLeaderOrFollower));
}

/// ISR-09: the ISR shrinks below the minimum while a batch waits for exactly that shrink.
#[test]
fn a_batch_that_the_shrunken_isr_commits_is_answered_not_enough_replicas_after_append() {
    let mut c = leader_of(&[1, 2], "2");
    c.produce(LEADER, 960, Acks::All, &["a"]);
    c.change(PartitionChange { isr: Some(vec![LEADER]), ..PartitionChange::default() });
    assert_eq!(c.produce_error(960), None, "below the minimum the high watermark stands still");
    c.publish(vec![MetadataRecord::Config {
        resource: ConfigResource::Topic(TopicName::new("orders")),
        name: "min.insync.replicas".to_owned(),
        value: Some("1".to_owned()),
    }]);
    append(&mut c, 1);
    assert_eq!(c.produce_error(960), Some(ErrorCode::None), "the new minimum counts from the next event on");
}

/// Before version 13 a fetch names its topics (KIP-516), and is answered by name.
#[test]
fn a_fetch_by_name_reads_what_a_fetch_by_id_reads() {
    let mut c = leader_of(&[1], "1");
    append(&mut c, 3);
    let epoch = c.partition(LEADER).leader_epoch().0;
    let by_name = |name: &str| {
        let mut request = fetch_request(-1, 0, epoch, -1);
        request.by_name = true;
        request.partitions[0].topic_id = TopicId::ZERO;
        request.partitions[0].topic = TopicName::new(name);
        request
    };
    let by_id = ask(&mut c, fetch_request(-1, 0, epoch, -1));
    let named = ask(&mut c, by_name("orders"));
    assert_eq!((named.error, named.topic_id, named.topic.as_str()), (ErrorCode::None, TopicId::ZERO, "orders"));
    assert_eq!((named.records, named.high_watermark), (by_id.records, 3));
    assert_eq!(ask(&mut c, by_name("other")).error, ErrorCode::UnknownTopicOrPartition);
    let mut by_no_id = fetch_request(-1, 0, epoch, -1);
    by_no_id.partitions[0].topic_id = TopicId::ZERO;
    assert_eq!(ask(&mut c, by_no_id).error, ErrorCode::UnknownTopicId);
}
