//! Kafka's `AbstractFetcherThreadTest` (vectors 4.2), with real logs on both sides.

use super::*;
use crate::event::LogStartReason;

fn logs_agree(c: &Cluster, a: NodeId, b: NodeId) {
    let (a, b) = (c.partition(a).log(), c.partition(b).log());
    assert_eq!(a.log_end_offset(), b.log_end_offset());
    assert_eq!(a.epoch_entries(), b.epoch_entries());
}

/// b1 and b2 lead in turn, cut off from each other: b1 writes in the even epochs, b2 in the odd ones.
fn apart() -> Cluster {
    let mut c = cluster(2, "1");
    c.cut.insert((NodeId(1), NodeId(2)));
    c.cut.insert((NodeId(2), NodeId(1)));
    c
}

/// `testTruncation`: follower a@0e0 b@1e2 c@2e4, leader a@0e1 b@1e3 c@2e5, followed in epoch 5.
#[test]
fn logs_that_share_no_epoch_are_cut_epoch_by_epoch_until_they_agree() {
    let mut c = apart();
    for (epoch, value) in ["a", "b", "c"].iter().enumerate() {
        if epoch > 0 {
            c.elect(NodeId(1), &[1]);
        }
        c.produce(NodeId(1), 900, Acks::Leader, &[value]);
        c.elect(NodeId(2), &[2]);
        c.produce(NodeId(2), 901, Acks::Leader, &[value]);
    }
    assert_eq!(c.partition(NodeId(2)).leader_epoch(), LeaderEpoch(5));
    c.cut.clear();
    c.run(5_000);
    logs_agree(&c, NodeId(1), NodeId(2));
    assert_eq!(c.partition(NodeId(1)).log().high_watermark(), 3);
}

/// b2 stands at 1, and b1's log goes from 2 to 4.
fn behind_the_log_start() -> Cluster {
    let mut c = cluster(2, "1");
    c.run(1_000);
    c.produce(LEADER, 900, Acks::Leader, &["0"]);
    c.run(1_000);
    c.cut.insert((NodeId(2), LEADER));
    c.change(PartitionChange { isr: Some(vec![LEADER]), ..PartitionChange::default() });
    c.run(1_000);
    c.produce(LEADER, 900, Acks::Leader, &["1"]);
    c.produce(LEADER, 900, Acks::Leader, &["2"]);
    c.run(40_000);
    c.produce(LEADER, 900, Acks::Leader, &["3"]);
    assert_eq!(c.partition(LEADER).log().high_watermark(), 4);
    c.step(LEADER, |manager, ctx| {
        let (partition, _) = manager.online(&orders()).expect("it is here");
        partition.log.increment_log_start_offset(ctx, 2, LogStartReason::DeleteRecords).expect("the disk works");
    });
    c.cut.clear();
    c
}

/// `testFencedOffsetResetAfterOutOfRange`: whoever asks an old epoch's leader where its log begins is told no more.
#[test]
fn a_follower_that_is_fenced_while_it_looks_for_the_log_start_gives_up() {
    let mut c = behind_the_log_start();
    c.spoil = Some(Box::new(|response| {
        let Response::ListOffsets(offsets) = response else { return false };
        let start = offsets.partitions.iter_mut().find(|answer| answer.offset == 2);
        start.map(|answer| answer.error = ErrorCode::FencedLeaderEpoch).is_some()
    }));
    c.run(3_000);
    assert!(c.spoil.is_none(), "it asked");
    assert!(c.brokers[&NodeId(2)].manager.failed_partitions().contains(&orders()));
    assert_eq!(c.partition(NodeId(2)).log().log_end_offset(), 1);
}

/// `testCorruptMessage`: what arrives damaged is fetched again.
#[test]
fn a_follower_fetches_again_what_arrived_damaged() {
    let mut c = cluster(2, "1");
    c.run(1_000);
    c.spoil = Some(Box::new(|response| {
        let Response::Fetch(fetch) = response else { return false };
        let Some(answer) = fetch.partitions.iter_mut().find(|answer| !answer.records.is_empty()) else { return false };
        let mut bytes = answer.records.to_vec();
        bytes[30] ^= 0x55;
        answer.records = bytes.into();
        true
    }));
    c.produce(LEADER, 900, Acks::Leader, &["a", "b"]);
    c.run(500);
    assert!(c.spoil.is_none(), "it was fetched");
    assert_eq!(c.partition(NodeId(2)).log().log_end_offset(), 0);
    c.run(2_000);
    assert_eq!(c.partition(NodeId(2)).log().log_end_offset(), 2);
    assert!(c.brokers[&NodeId(2)].manager.failed_partitions().is_empty());
}

/// `testFollowerFetchOutOfRangeLow`: the leader's log starts behind the follower's end.
#[test]
fn a_follower_behind_the_leaders_log_start_starts_anew_there() {
    let mut c = behind_the_log_start();
    c.run(3_000);
    let log = c.partition(NodeId(2)).log();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (2, 4));
    assert_eq!(c.brokers[&NodeId(2)].manager.failed_partitions().len(), 0);
}

/// `testFollowerFetchOutOfRangeHigh`: the leader has lost its log; the follower's epoch is unknown to it.
#[test]
fn a_follower_of_a_leader_that_lost_its_log_is_emptied_as_well() {
    let mut c = cluster(2, "1");
    c.run(1_000);
    c.produce(LEADER, 900, Acks::All, &["0", "1"]);
    c.run(1_000);
    c.kill(LEADER);
    c.brokers.get_mut(&LEADER).expect("b1").storage = MemoryStorage::default();
    c.cut.clear();
    c.start(LEADER);
    c.elect(LEADER, &[1]);
    c.run(3_000);
    let log = c.partition(NodeId(2)).log();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (0, 0, 0));
}

/// `PartitionTest.testIgnoreFollowerPartitionStateChangeWithOlderPartitionEpoch`: the same state again is nothing new, an
/// older one is not even looked at.
#[test]
fn a_follower_ignores_an_older_partition_epoch_and_learns_nothing_from_its_own() {
    use super::super::local_partition::Applied;
    let mut c = cluster(2, "1");
    c.run(1_000);
    let before = c.partition(NodeId(2)).clone();
    let own = before.partition_epoch();
    let answers = [(own, Applied::Follows { new_leader_epoch: false }), (PartitionEpoch(own.0 - 1), Applied::Ignored)];
    for (partition_epoch, answer) in answers {
        let state = PartitionState {
            leader: LEADER,
            leader_epoch: before.leader_epoch(),
            partition_epoch,
            isr: vec![LEADER, NodeId(2)],
            replicas: vec![LEADER, NodeId(2)],
        };
        c.step(NodeId(2), |manager, ctx| {
            let (partition, around) = manager.online(&orders()).expect("it is here");
            assert_eq!(partition.apply(ctx, &around, &state), Ok(answer));
        });
        assert_eq!(*c.partition(NodeId(2)), before);
    }
}

/// L03: what an earlier leader's answer still holds is dropped, even if it arrives.
#[test]
fn an_answer_of_an_earlier_leader_changes_nothing_after_the_leader_has_changed() {
    let mut c = cluster(3, "1");
    c.run(1_000);
    c.produce(LEADER, 900, Acks::Leader, &["late"]);
    // The answers are in flight when b2 becomes the leader and b3 follows it.
    c.elect(NodeId(2), &[2, 3]);
    c.run(1_000);
    assert_eq!(c.partition(NodeId(2)).log().log_end_offset(), 0);
    assert_eq!(c.partition(NodeId(3)).log().log_end_offset(), 0);
    assert_eq!(c.partition(LEADER).log().log_end_offset(), 0, "what nobody else had is cut from the old leader's log");
}

#[test]
fn a_broken_connection_makes_all_partitions_back_off_for_a_second() {
    let mut c = cluster(2, "1");
    c.run_until(1_000);
    c.begin();
    c.cut.insert((NodeId(2), LEADER));
    c.run_until(3_600);
    let text = c.transcript();
    let backs_off: Vec<&str> = text.lines().filter(|line| line.contains("b2 backs off")).collect();
    assert_eq!(backs_off.len(), 3, "{text}");
    let state = &c.brokers[&NodeId(2)].manager.fetchers()[&LEADER].partitions()[&orders()];
    assert!(state.delayed_until.is_some());
}

/// The switch that goes back to before KIP-101 loses an acknowledged record: the follower learns of the high watermark
/// late, cuts to the old one when the leader changes, and the leader's failure does the rest.
#[test]
fn truncating_to_the_high_watermark_instead_of_the_epoch_loses_what_was_acknowledged() {
    let run = |switches: &[Switch]| {
        let mut c = Cluster::new(2, "1", switches, ReplicationSettings::default());
        c.run(1_000);
        c.produce(LEADER, 900, Acks::All, &["acknowledged"]);
        c.run(50);
        assert_eq!(c.produce_error(900), Some(ErrorCode::None));
        assert_eq!(c.partition(NodeId(2)).log().high_watermark(), 0, "b2 has not heard of it");
        // b1 is elected again, and b2 follows it in a new epoch as soon as its parked fetch has been answered. Before
        // the answer to its first fetch in that epoch b1 is gone.
        c.elect(LEADER, &[1, 2]);
        for _ in 0..700 {
            c.run(1);
            if c.partition(NodeId(2)).log().log_end_offset() == 0 {
                break;
            }
        }
        c.kill(LEADER);
        c.elect(NodeId(2), &[2]);
        c.partition(NodeId(2)).log().log_end_offset()
    };
    assert_eq!(run(&[]), 1);
    assert_eq!(run(&[Switch::TruncateToHighWatermark]), 0, "the switch must lose the record");
}
