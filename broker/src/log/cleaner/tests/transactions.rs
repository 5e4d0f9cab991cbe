//! Transactions under compaction (`LogCleanerTest`): aborted data goes, markers stay as long as anything of their
//! transaction does and delete.retention.ms longer.

use std::time::Duration;

use super::*;

/// Long after everything was written.
const LATER: i64 = START_MILLIS + 10 * RETENTION;

/// Two passes: the first sets horizons, the second finds them passed.
fn clean_twice(log: &mut Fixture, first_dirty: Offset, millis: i64) -> Offset {
    log.at(millis).clean(first_dirty);
    log.at(millis + RETENTION + 1).clean(first_dirty)
}

/// `testAbortMarkerRemoval`.
#[test]
fn aborted_data_goes_at_once_and_its_marker_a_retention_after_the_pass_that_found_nothing_of_it() {
    let mut log = compacted(256);
    let mut producer = Writer::new(1, true);
    producer.write(&mut log, &[1]);
    producer.write(&mut log, &[2, 3]);
    producer.end(&mut log, false);
    producer.write(&mut log, &[3]);
    producer.end(&mut log, true);
    log.roll();
    let first_dirty = log.at(LATER).clean(0);
    assert_eq!((log.keys(), log.offsets()), (vec![3], vec![3, 4, 5]));
    clean_twice(&mut log, first_dirty, LATER);
    assert_eq!((log.keys(), log.offsets()), (vec![3], vec![4, 5]));
}

/// `testCommitMarkerRemoval`.
#[test]
fn commit_marker_stays_while_anything_of_its_transaction_does() {
    let mut log = compacted(256);
    let mut producer = Writer::new(1, true);
    producer.write(&mut log, &[1]);
    producer.write(&mut log, &[2, 3]);
    producer.end(&mut log, true);
    producer.write(&mut log, &[2]);
    producer.end(&mut log, true);
    log.roll();
    let dirty = log.at(LATER).clean(0);
    assert_eq!((log.keys(), log.offsets()), (vec![1, 3, 2], vec![0, 2, 3, 4, 5]));
    producer.write(&mut log, &[1, 3]);
    producer.end(&mut log, true);
    log.roll();
    let dirty = log.clean(dirty);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 1, 3], vec![3, 4, 5, 6, 7, 8]));
    let dirty = log.clean(dirty);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 1, 3], vec![3, 4, 5, 6, 7, 8]), "not yet: the same instant");
    log.at(LATER * 2).clean(dirty);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 1, 3], vec![4, 5, 6, 7, 8]));
}

/// `testBasicTransactionAwareCleaning`.
#[test]
fn abort_that_is_still_needed_is_in_the_new_segments_index() {
    let mut log = compacted(2048);
    let (mut one, mut two) = (Writer::new(1, true), Writer::new(2, true));
    one.write(&mut log, &[1, 2]);
    two.write(&mut log, &[2, 3]);
    one.write(&mut log, &[3, 4]);
    one.end(&mut log, false);
    two.end(&mut log, true);
    one.write(&mut log, &[2]);
    one.end(&mut log, true);
    let aborted = log.aborted();
    assert_eq!(aborted.len(), 1);
    log.roll();
    log.clean(0);
    assert_eq!((log.keys(), log.offsets()), (vec![3, 2], vec![3, 6, 7, 8, 9]));
    assert_eq!(log.aborted(), aborted);
}

/// `testMultiPassSegmentCleaningWithAbortedTransactions`: a map with room for three keys.
#[test]
fn aborts_are_remembered_where_a_pass_reads_only_a_part_of_the_segment() {
    let mut log = compacted(1 << 20);
    let settings = LogSettings { delete_retention: Duration::from_secs(50), ..log.settings.clone() };
    log.with(|log, _| log.update_settings(&settings));
    let (mut one, mut two) = (Writer::new(1, true), Writer::new(2, true));
    one.write(&mut log, &[1, 2]);
    two.write(&mut log, &[2, 3]);
    one.write(&mut log, &[3, 4]);
    one.end(&mut log, true);
    two.end(&mut log, true);
    one.write(&mut log, &[2, 3]);
    one.end(&mut log, false);
    two.write(&mut log, &[4, 5]);
    one.write(&mut log, &[5, 6]);
    one.end(&mut log, true);
    two.end(&mut log, false);
    two.write(&mut log, &[6, 7]);
    two.end(&mut log, true);
    log.roll();
    let aborted = vec![(1, 8, 10, 11), (2, 11, 16, 17)];
    assert_eq!(log.aborted(), aborted);

    let dirty = log.clean_from(0, &room_for(3));
    assert_eq!(dirty, 4);
    assert_eq!(log.base_offsets(), [0, 2, 4, 6, 7, 10, 13, 15, 16, 17, 19]);
    assert_eq!(log.offsets(), [0, 2, 3, 4, 5, 6, 7, 10, 13, 14, 15, 16, 17, 18, 19]);
    assert_eq!(log.aborted(), aborted);

    let dirty = log.clean_from(dirty, &room_for(3));
    assert_eq!(dirty, 14);
    assert_eq!(log.base_offsets(), [0, 2, 4, 6, 7, 10, 13, 15, 16, 17, 19]);
    assert_eq!(log.offsets(), [0, 2, 4, 5, 6, 7, 10, 13, 14, 15, 16, 17, 18, 19]);
    assert_eq!(log.aborted(), vec![]);

    let dirty = log.at(START_MILLIS + 50_000).clean_from(dirty, &room_for(3));
    assert_eq!(dirty, 20);
    assert_eq!(log.base_offsets(), [0, 2, 4, 6, 7, 13, 15, 17, 19]);
    assert_eq!(log.offsets(), [0, 2, 4, 5, 6, 7, 13, 15, 17, 18, 19]);
    assert_eq!(log.aborted(), vec![]);
}

/// `testCleanWithTransactionsSpanningSegments`.
#[test]
fn transactions_that_span_segments_are_known_in_each_of_them() {
    let mut log = compacted(1024);
    let (mut one, mut two, mut three) = (Writer::new(1, true), Writer::new(2, true), Writer::new(3, true));
    one.write(&mut log, &[1, 2]);
    three.write(&mut log, &[2, 3]);
    two.write(&mut log, &[3, 4]);
    log.roll();
    two.write(&mut log, &[5, 6]);
    three.write(&mut log, &[6, 7]);
    one.write(&mut log, &[7, 8]);
    two.end(&mut log, false);
    three.write(&mut log, &[8, 9]);
    three.end(&mut log, true);
    one.write(&mut log, &[9, 10]);
    one.end(&mut log, false);
    let dirty = log.clean(0);
    assert_eq!(log.keys(), [2, 3, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10]);
    log.roll();
    two.write(&mut log, &[11]);
    one.write(&mut log, &[12]);
    log.clean(dirty);
    assert_eq!(log.keys(), [2, 3, 6, 7, 8, 9, 11, 12]);
}

/// `testCommitMarkerRetentionWithEmptyBatch`.
#[test]
fn empty_batch_keeps_its_transactions_marker() {
    let mut log = compacted(256);
    let (mut one, mut two) = (Writer::new(1, true), Writer::new(2, true));
    one.write(&mut log, &[2, 3]);
    log.roll();
    two.write(&mut log, &[2, 3]);
    two.end(&mut log, true);
    log.roll();
    log.append(keyed(&[2]), 0).expect("accepted");
    log.append(keyed(&[3]), 0).expect("accepted");
    one.end(&mut log, true);
    log.roll();
    let mut dirty = log.at(LATER).clean(0);
    for _ in 0..2 {
        assert_eq!((log.keys(), log.offsets()), (vec![2, 3], vec![4, 5, 6, 7]));
        assert_eq!(log.last_offsets(), [1, 3, 4, 5, 6, 7]);
        dirty = log.clean(dirty);
    }
    two.write(&mut log, &[1]);
    two.end(&mut log, true);
    log.roll();
    let dirty = log.clean(dirty);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 3, 1], vec![4, 5, 6, 7, 8, 9]));
    assert_eq!(log.last_offsets(), [1, 4, 5, 6, 7, 8, 9]);
    clean_twice(&mut log, dirty, LATER);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 3, 1], vec![5, 6, 7, 8, 9]));
    assert_eq!(log.last_offsets(), [1, 5, 6, 7, 8, 9]);
}

/// `testAbortMarkerRetentionWithEmptyBatch`.
#[test]
fn empty_batch_of_an_aborted_transaction_keeps_marker_and_index() {
    let mut log = compacted(256);
    let mut producer = Writer::new(1, true);
    producer.write(&mut log, &[2, 3]);
    producer.end(&mut log, false);
    log.roll();
    let indexed = vec![(1, 0, 2, 3)];
    assert_eq!(log.aborted(), indexed);
    let dirty = log.at(LATER).clean(0);
    assert_eq!((log.aborted(), log.offsets(), log.last_offsets()), (indexed.clone(), vec![2], vec![1, 2]));
    let dirty = clean_twice(&mut log, dirty, LATER);
    assert_eq!((log.aborted(), log.offsets(), log.last_offsets()), (indexed.clone(), vec![2], vec![1, 2]));
    producer.write(&mut log, &[1]);
    log.roll();
    let dirty = log.at(LATER).clean(dirty);
    assert_eq!((log.keys(), log.offsets(), log.last_offsets()), (vec![1], vec![2, 3], vec![2, 3]));
    assert_eq!(log.aborted(), indexed, "the empty batch was still read");
    clean_twice(&mut log, dirty, LATER);
    assert_eq!((log.keys(), log.offsets(), log.last_offsets()), (vec![1], vec![3], vec![3]));
    assert_eq!(log.aborted(), vec![]);
}

/// `testCleanEmptyControlBatch`.
#[test]
fn marker_of_a_producer_without_data_leaves_its_header_for_the_epoch() {
    let mut log = compacted(256);
    Writer::new(1, true).end(&mut log, true);
    log.append(keyed(&[2]), 0).expect("accepted");
    log.append(keyed(&[3]), 0).expect("accepted");
    log.roll();
    let dirty = clean_twice(&mut log, 0, LATER);
    for _ in 0..2 {
        assert_eq!((log.keys(), log.offsets(), log.last_offsets()), (vec![2, 3], vec![1, 2], vec![0, 1, 2]));
        log.at(LATER * 2).clean(dirty);
    }
}

/// `testCommittedTransactionSpanningSegments`, `testAbortedTransactionSpanningSegments`.
#[test]
fn marker_in_another_segment_than_its_data_stays_with_it() {
    for (commit, offsets) in [(true, vec![0, 1]), (false, vec![1])] {
        let mut log = compacted(128);
        let mut producer = Writer::new(1, true);
        producer.write(&mut log, &[1]);
        log.roll();
        producer.end(&mut log, commit);
        log.roll();
        log.at(LATER).clean(0);
        assert_eq!((log.offsets(), log.last_offsets()), (offsets.clone(), vec![0, 1]));
        log.at(LATER * 2).clean(0);
        assert_eq!((log.offsets(), log.last_offsets()), (offsets, vec![0, 1]));
    }
}
