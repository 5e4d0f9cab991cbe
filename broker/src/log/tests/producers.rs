//! Producers and transactions: `ProducerStateManagerTest`, the transaction log walk that
//! `UnifiedLogTest` and `LogLoaderTest` share, and duplicates.

use super::*;
use crate::event::LogEvent;
use crate::message::ErrorCode;

fn refused(result: Result<AppendInfo, AppendError>) -> ErrorCode {
    match result {
        Err(AppendError::Refused(error, _)) => error,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn append_marker(fixture: &mut Fixture, batch: Bytes) -> Result<AppendInfo, AppendError> {
    fixture.with(|log, ctx| log.append_as_leader(ctx, batch, LeaderEpoch(0), AppendOrigin::Coordinator))
}

#[test]
fn the_last_five_batches_are_recognised_and_answered_with_their_old_offsets() {
    let mut fixture = Fixture::new(LogSettings::default());
    for sequence in 0..7 {
        fixture.append(producer_records(1, 0, sequence * 2, 2, false), 0).expect("in order");
    }
    for sequence in 2..7 {
        let info = fixture.append(producer_records(1, 0, sequence * 2, 2, false), 0).expect("a duplicate");
        assert!(info.duplicate);
        assert_eq!((info.base_offset, info.last_offset), (i64::from(sequence) * 2, i64::from(sequence) * 2 + 1));
    }
    assert_eq!(fixture.log().log_end_offset(), 14);
    let sixth = fixture.append(producer_records(1, 0, 2, 2, false), 0);
    assert_eq!(refused(sixth), ErrorCode::OutOfOrderSequenceNumber, "older ones are forgotten");
    let gap = fixture.append(producer_records(1, 0, 15, 1, false), 0);
    assert_eq!(refused(gap), ErrorCode::OutOfOrderSequenceNumber);
    assert!(matches!(
        fixture.events.last(),
        Some(Event::Log(LogEvent::SequenceRefused { first_sequence: 15, expected: 14, .. }))
    ));
}

#[test]
fn sequences_wrap_to_zero_and_nowhere_else() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 0, i32::MAX, 1, false), 0).expect("anything goes for an unknown producer");
    let skipped = fixture.append(producer_records(1, 0, 1, 1, false), 0);
    assert_eq!(refused(skipped), ErrorCode::OutOfOrderSequenceNumber);
    fixture.append(producer_records(1, 0, 0, 1, false), 0).expect("the wrap");
    // A batch across the wrap: MAX − 10 … 9, twenty-one records.
    fixture.append(producer_records(2, 0, i32::MAX - 10, 21, false), 0).expect("unknown producer");
    let entry = fixture.log().producer_state().producer(ProducerId(2)).expect("known");
    assert_eq!((entry.batches[0].first_sequence(), entry.last_sequence()), (i32::MAX - 10, 9));
}

#[test]
fn newer_producer_epoch_starts_at_zero_and_fences_the_older() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 1, 0, 3, false), 0).expect("first");
    let not_zero = fixture.append(producer_records(1, 2, 3, 1, false), 0);
    assert_eq!(refused(not_zero), ErrorCode::OutOfOrderSequenceNumber);
    fixture.append(producer_records(1, 2, 0, 1, false), 0).expect("a new epoch");
    let fenced = fixture.append(producer_records(1, 1, 3, 1, false), 0);
    assert_eq!(refused(fenced), ErrorCode::InvalidProducerEpoch);
}

#[test]
fn non_transactional_batch_is_refused_while_a_transaction_is_open() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 0, 0, 1, true), 0).expect("opens a transaction");
    let result = fixture.append(producer_records(1, 0, 1, 1, false), 0);
    assert_eq!(refused(result), ErrorCode::InvalidTxnState);
}

/// `UnifiedLogTest.testZombieCoordinatorFenced` and the epoch rules of markers.
#[test]
fn marker_of_an_older_coordinator_or_producer_epoch_is_refused() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 5, 0, 1, true), 0).expect("opens");
    append_marker(&mut fixture, marker(1, 5, false, 1)).expect("coordinator epoch 1");
    append_marker(&mut fixture, marker(1, 5, true, 2)).expect("coordinator epoch 2");
    let zombie = append_marker(&mut fixture, marker(1, 5, false, 1));
    assert_eq!(refused(zombie), ErrorCode::TransactionCoordinatorFenced);
    let stale = append_marker(&mut fixture, marker(1, 3, false, 2));
    assert_eq!(refused(stale), ErrorCode::InvalidProducerEpoch);
    // A marker for an unknown producer makes its epoch known: older ones and gaps are refused from then on.
    append_marker(&mut fixture, marker(7, 2, false, 0)).expect("no state yet");
    assert_eq!(refused(fixture.append(producer_records(7, 0, 0, 1, true), 0)), ErrorCode::InvalidProducerEpoch);
    assert_eq!(refused(fixture.append(producer_records(7, 2, 17, 1, true), 0)), ErrorCode::OutOfOrderSequenceNumber);
    fixture.append(producer_records(7, 2, 0, 1, true), 0).expect("sequence 0 of the known epoch");
}

/// `UnifiedLogTest.testLastStableOffsetWithMixedProducerData`.
#[test]
fn last_stable_offset_waits_for_markers_to_be_committed() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 0, 0, 3, true), 0).expect("0..=2");
    fixture.append_records(3, 0);
    fixture.append(producer_records(2, 0, 0, 3, true), 0).expect("6..=8");
    append_marker(&mut fixture, marker(1, 0, false, 0)).expect("9");
    assert_eq!(fixture.log().first_unstable_offset(), Some(0), "the abort is not committed yet");
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 10));
    assert_eq!((fixture.log().first_unstable_offset(), fixture.log().last_stable_offset()), (Some(6), 6));
    append_marker(&mut fixture, marker(2, 0, true, 0)).expect("10");
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 11));
    assert_eq!((fixture.log().first_unstable_offset(), fixture.log().last_stable_offset()), (None, 11));
}

/// `ProducerStateManagerTest`: truncation brings an open transaction back.
#[test]
fn truncating_a_marker_away_reopens_the_transaction() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append_records(2, 0);
    fixture.append(producer_records(1, 0, 0, 3, true), 0).expect("2..=4");
    append_marker(&mut fixture, marker(1, 0, false, 0)).expect("5");
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 6));
    assert_eq!(fixture.log().first_unstable_offset(), None);
    fixture.with(|log, ctx| log.truncate_to(ctx, 5)).expect("works");
    assert_eq!(fixture.log().first_unstable_offset(), Some(2));
    assert!(fixture.log().aborted_transaction_entries().is_empty());
    assert!(fixture.log().producer_state().has_ongoing_transaction(ProducerId(1), ProducerEpoch(0)));
}

/// The walk: who appends how many records; `None` is a producer without id. A marker is one record.
enum Step {
    Data(Option<i64>, usize),
    Abort(i64),
    Commit(i64),
}

const WALK: &[(Step, Offset)] = &[
    (Step::Data(Some(1), 5), 5),
    (Step::Data(None, 3), 8),
    (Step::Data(Some(2), 2), 10),
    (Step::Data(Some(1), 4), 14),
    (Step::Data(Some(3), 3), 17),
    (Step::Data(None, 2), 19),
    (Step::Data(Some(1), 10), 29),
    (Step::Abort(1), 30),
    (Step::Data(Some(2), 6), 36),
    (Step::Data(Some(4), 3), 39),
    (Step::Data(None, 10), 49),
    (Step::Data(Some(3), 9), 58),
    (Step::Commit(3), 59),
    (Step::Data(Some(4), 8), 67),
    (Step::Data(Some(2), 7), 74),
    (Step::Abort(2), 75),
    (Step::Data(None, 10), 85),
    (Step::Data(Some(4), 4), 89),
    (Step::Commit(4), 90),
];

fn walk(fixture: &mut Fixture) {
    let mut sequences = std::collections::BTreeMap::new();
    for (step, end) in WALK {
        match step {
            Step::Data(None, count) => {
                fixture.append_records(*count, 0);
            }
            Step::Data(Some(id), count) => {
                let sequence = sequences.entry(*id).or_insert(0);
                fixture.append(producer_records(*id, 0, *sequence, *count, true), 0).expect("in order");
                *sequence += *count as i32;
            }
            Step::Abort(id) => {
                append_marker(fixture, marker(*id, 0, false, 0)).expect("open");
            }
            Step::Commit(id) => {
                append_marker(fixture, marker(*id, 0, true, 0)).expect("open");
            }
        }
        assert_eq!(fixture.log().log_end_offset(), *end);
    }
}

fn assert_walked(fixture: &Fixture, case: &str) {
    let entries: Vec<_> = fixture
        .log()
        .aborted_transaction_entries()
        .iter()
        .map(|entry| (entry.producer_id.0, entry.first_offset, entry.last_offset, entry.last_stable_offset))
        .collect();
    assert_eq!(entries, [(1, 0, 29, 8), (2, 8, 74, 36)], "{case}");
}

/// `UnifiedLogTest.testTransactionIndexUpdated`, `testTransactionIndexUpdatedThroughReplication`.
#[test]
fn transaction_walk_on_leader_and_follower() {
    for settings in [LogSettings::default(), Fixture::small(1000)] {
        let mut leader = Fixture::new(settings.clone());
        walk(&mut leader);
        assert_walked(&leader, "leader");
        let mut follower = Fixture::new(settings);
        for batch in leader.read_all() {
            follower
                .with(|log, ctx| log.append_as_follower(ctx, batch.bytes().clone(), LeaderEpoch(0)))
                .expect("the leader's own bytes");
        }
        assert_walked(&follower, "follower");
        for fixture in [&mut leader, &mut follower] {
            for (high_watermark, unstable) in [(30, Some(8)), (75, Some(36)), (90, None)] {
                fixture.with(|log, ctx| log.update_high_watermark(ctx, high_watermark));
                assert_eq!(fixture.log().first_unstable_offset(), unstable, "at {high_watermark}");
            }
            let aborted = fixture.with(|log, ctx| log.aborted_transactions(ctx, 0, 90)).expect("readable");
            assert_eq!(aborted.len(), 2);
        }
    }
}

/// `LogLoaderTest.testFullTransactionIndexRecovery`, `testRecoverOnlyLastSegment`.
#[test]
fn transaction_walk_after_the_index_files_are_lost() {
    for remove in [".txnindex", ".index", ".timeindex", ".snapshot"] {
        for clean in [false, true] {
            let mut fixture = Fixture::new(Fixture::small(1000));
            walk(&mut fixture);
            if clean {
                fixture.with(|log, ctx| log.close(ctx)).expect("works");
            }
            for name in fixture.file_names().iter().filter(|name| name.ends_with(remove)) {
                fixture.storage.remove(&format!("{DIRECTORY}/{name}")).expect("exists");
            }
            // A lost .txnindex cannot be noticed behind a clean stop: an absent file means no entries.
            if clean && remove == ".txnindex" {
                continue;
            }
            fixture.log = None;
            fixture.load(LoadOptions { clean, recovery_point: if clean { 90 } else { 0 }, ..LoadOptions::default() });
            assert_walked(&fixture, &format!("without {remove}, clean: {clean}"));
            assert_eq!(fixture.read_all().len(), WALK.len());
        }
    }
}

#[test]
fn restart_keeps_open_transactions_and_the_last_sequence() {
    for clean in [true, false] {
        let mut fixture = Fixture::new(Fixture::small(500));
        for round in 0..6 {
            fixture.append(producer_records(1, 0, round * 2, 2, false), 0).expect("in order");
            fixture.append(producer_records(2, 0, round, 1, true), 0).expect("in order");
        }
        if clean {
            fixture.stop_and_restart();
        } else {
            fixture.kill_and_restart();
        }
        let again = fixture.append(producer_records(1, 0, 10, 2, false), 0).expect("a duplicate of the last batch");
        assert!(again.duplicate, "clean: {clean}");
        assert_eq!(again.base_offset, 15);
        assert_eq!(fixture.log().first_unstable_offset(), Some(2));
        fixture.append(producer_records(1, 0, 12, 2, false), 0).expect("goes on");
    }
}

#[test]
fn half_written_snapshot_is_passed_over_for_the_one_before() {
    let mut fixture = Fixture::new(Fixture::small(300));
    for sequence in 0..12 {
        fixture.append(producer_records(1, 0, sequence, 1, false), 0).expect("in order");
    }
    fixture.with(|log, ctx| log.close(ctx)).expect("works");
    let snapshots: Vec<_> = fixture.file_names().into_iter().filter(|name| name.ends_with(".snapshot")).collect();
    assert!(snapshots.len() >= 2);
    let newest = fixture.file(&snapshots[snapshots.len() - 1]);
    fixture.storage.truncate(newest, 20).expect("works");
    fixture.log = None;
    fixture.load(LoadOptions { clean: true, recovery_point: 12, ..LoadOptions::default() });
    assert_eq!(fixture.log().producer_state().producer(ProducerId(1)).map(ProducerEntry::last_sequence), Some(11));
}

#[test]
fn expired_producers_are_forgotten_unless_a_transaction_is_open() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append(producer_records(1, 0, 0, 1, false), 0).expect("plain");
    fixture.append(producer_records(2, 0, 0, 1, true), 0).expect("open transaction");
    fixture.with(|log, ctx| log.remove_expired_producers(ctx));
    assert_eq!(fixture.log().producer_state().producers().len(), 2, "nothing is a day old");
    fixture.now.wall = WallTime((START_MILLIS as u64 + 86_400_000) * 1000);
    fixture.with(|log, ctx| log.remove_expired_producers(ctx));
    let left: Vec<_> = fixture.log().producer_state().producers().keys().map(|id| id.0).collect();
    assert_eq!(left, [2]);
}
