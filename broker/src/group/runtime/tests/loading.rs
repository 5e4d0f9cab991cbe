//! Partitions that change hands: read, lost, damaged, compacted (`CoordinatorLoaderImplTest`).

use std::collections::BTreeSet;

use super::*;
use crate::config::Switch;

#[test]
fn the_next_coordinator_reads_what_the_last_one_wrote_one_read_a_step() {
    let mut stage = Stage::serving();
    for (offset, now_ms) in [(5, 2000), (6, 3000), (7, 4000)] {
        stage.commit(offset).expect("it serves");
        stage.at(now_ms);
        stage.replicate();
    }
    assert_eq!(stage.answers(), ["commit NONE"; 3]);
    stage.resign(2);
    assert_eq!(stage.commit(8), Err(ErrorCode::NotCoordinator));

    stage.partition().leads = true;
    stage.elect(3);
    let mut reads = 0;
    while stage.read_once() {
        reads += 1;
        if !stage.loads.is_empty() {
            assert_eq!(stage.fetch(false), Err(ErrorCode::CoordinatorLoadInProgress), "after {reads} reads");
        }
    }
    assert_eq!(reads, 3, "three batches");
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 7"]);
    assert!(stage.events.contains(&GroupEvent::ShardLoaded { partition: 0, groups: 1 }));
}

#[test]
fn what_is_above_the_high_watermark_is_loaded_and_not_yet_read() {
    let mut stage = Stage::serving();
    for (offset, now_ms) in [(5, 2000), (6, 3000)] {
        stage.commit(offset).expect("it serves");
        stage.at(now_ms);
    }
    stage.resign(2);
    stage.answers();
    stage.partition().leads = true;
    stage.partition().high_watermark = 1;
    stage.elect(3);
    stage.load();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"]);
    stage.replicate();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 6"]);
}

#[test]
fn whoever_waits_when_the_partition_is_lost_is_sent_away_and_an_older_epoch_loses_nothing() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1005);
    stage.commit(6).expect("it serves");
    stage.partition().leads = true;
    stage.step(|ctx, coordinators, log, image| coordinators.resigned(ctx, log, image, 0, Some(LeaderEpoch(1))));
    assert_eq!(stage.answers(), [""; 0], "epoch 1 is the one it was elected in");
    stage.resign(2);
    assert_eq!(stage.answers(), ["commit NOT_COORDINATOR", "commit NOT_COORDINATOR"]);
    assert_eq!(stage.events.last(), Some(&GroupEvent::ShardUnloaded { partition: 0 }));
}

#[test]
fn a_partition_that_is_lost_while_it_loads_is_not_coordinated() {
    let mut stage = Stage::new();
    stage.elect(1);
    stage.partition().leads = false;
    stage.load();
    assert_eq!(stage.fetch(false), Err(ErrorCode::NotCoordinator));
    let failed = GroupEvent::ShardLoadFailed { partition: 0, error: ErrorCode::NotLeaderOrFollower };
    assert_eq!(stage.events.last(), Some(&failed));
    stage.partition().leads = true;
    stage.elect(2);
    stage.load();
    stage.fetch(false).expect("a new epoch tries again");
}

#[test]
fn a_record_of_an_unknown_type_is_left_out_and_a_damaged_one_ends_the_loading() {
    let mut stage = Stage::new();
    // Type 17 is a streams group's.
    stage.partition().put(&record(b"\0\x11\0\x01g", Some(b"\0\0")));
    stage.elect(1);
    stage.load();
    stage.fetch(false).expect("it serves");
    let skipped = GroupEvent::GroupRecordSkipped { partition: 0, offset: 0, record_type: 17 };
    assert!(stage.events.contains(&skipped));

    let mut stage = Stage::new();
    stage.partition().put(&record(b"\0\x01\0\x01g", Some(b"\0\x04")));
    stage.elect(1);
    stage.load();
    assert_eq!(stage.fetch(false), Err(ErrorCode::NotCoordinator));
}

/// Compaction has taken the last records, and the log's end lies in an empty segment.
fn compacted_tail(stage: &mut Stage) {
    stage.commit(5).expect("it serves");
    stage.at(2000);
    stage.replicate();
    stage.resign(2);
    stage.answers();
    stage.partition().leads = true;
    stage.partition().log_end_offset = 4;
    stage.partition().high_watermark = 4;
    stage.elect(3);
}

#[test]
fn loading_ends_where_nothing_is_left_to_read_though_the_log_goes_on() {
    let mut stage = Stage::serving();
    compacted_tail(&mut stage);
    stage.load();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"]);
}

/// KAFKA-9065, with the switch that brings it back.
#[test]
fn a_loader_that_insists_on_the_log_end_never_serves_again() {
    let mut stage = Stage::with(Behaviour {
        switches: BTreeSet::from([Switch::LoaderRequiresReachingLeo]),
        ..Behaviour::default()
    });
    stage.elect(1);
    stage.load();
    compacted_tail(&mut stage);
    stage.load();
    stage.at(600_000);
    assert_eq!(
        stage.fetch(false),
        Err(ErrorCode::CoordinatorLoadInProgress),
        "it still waits for what will never come"
    );
}

/// Kafka 4.1's coordinator takes the end of the last batch that it has read for the log's end. Its first write lands
/// elsewhere; it is refused although it is in the log, and the coordinator loads itself anew.
#[test]
fn the_first_write_behind_a_compacted_tail_is_refused_and_holds() {
    let mut stage = Stage::serving();
    compacted_tail(&mut stage);
    stage.load();
    stage.commit(9).expect("it serves");
    stage.at(3000);
    assert_eq!(stage.answers(), ["commit NOT_COORDINATOR"]);
    assert_eq!(stage.fetch(false), Err(ErrorCode::CoordinatorLoadInProgress));
    stage.load();
    stage.replicate();
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 9"]);
    stage.commit(10).expect("it serves");
    stage.at(4000);
    stage.replicate();
    assert_eq!(stage.answers(), ["commit NONE"]);
}
