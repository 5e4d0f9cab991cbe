//! What stays, what goes, and what is not touched (`LogCleanerTest`, `LogCleanerManagerTest`).

use super::*;
use crate::event::{Event, LogEvent};

/// `testPartialSegmentClean`: a map with room for one key makes progress all the same.
#[test]
fn full_map_cleans_as_far_as_it_reaches() {
    let mut log = compacted(1024);
    for key in [0, 1, 0, 1, 0] {
        log.append(keyed(&[key]), 0).expect("accepted");
    }
    log.roll();
    let passes =
        [(2, vec![1, 0, 1, 0], vec![1, 2, 3, 4]), (3, vec![0, 1, 0], vec![2, 3, 4]), (4, vec![1, 0], vec![3, 4])];
    for (dirty, keys, offsets) in passes {
        assert_eq!(log.clean_from(dirty, &room_for(1)), dirty + 1);
        assert_eq!((log.keys(), log.offsets()), (keys, offsets));
    }
}

/// `testLogCleanerStats`.
#[test]
fn event_says_how_much_was_read_and_kept() {
    let mut log = compacted(1024);
    for key in [0, 1, 0, 1, 0] {
        log.append(keyed(&[key]), 0).expect("accepted");
    }
    log.roll();
    let before = log.log().size_bytes();
    assert_eq!(log.clean_from(2, &room_for(3)), 5);
    let after = log.log().size_bytes();
    let completed = log.events.iter().rev().find_map(|event| match event {
        Event::Log(LogEvent::CleaningCompleted { records_read, records_kept, bytes_read, bytes_kept, .. }) => {
            Some((*records_read, *records_kept, *bytes_read, *bytes_kept))
        }
        _ => None,
    });
    assert_eq!(completed, Some((5, 2, before, after)));
}

/// `testCleaningWithDeletes`, and the horizon of KIP-534.
#[test]
fn tombstone_outlives_its_value_by_the_delete_retention() {
    let mut log = compacted(1024);
    log.append(keyed(&[1, 2]), 0).expect("accepted");
    log.append(tombstone(1), 0).expect("accepted");
    log.roll();
    let dirty = log.clean(0);
    assert_eq!((log.keys(), log.offsets()), (vec![2, 1], vec![1, 2]), "the value goes, the tombstone does not");
    let horizon = START_MILLIS + RETENTION;
    assert_eq!(log.read_all().iter().map(BatchView::delete_horizon).collect::<Vec<_>>(), [None, Some(horizon)]);
    assert_eq!(log.records_of(false)[1].timestamp, START_MILLIS, "a record's timestamp does not change with it");
    log.at(horizon - 1).clean(dirty);
    assert_eq!(log.keys(), [2, 1]);
    log.at(horizon).clean(dirty);
    assert_eq!((log.keys(), log.last_offsets()), (vec![2], vec![1, 2]), "the range ends with its last batch");
    assert!(log.read_all().iter().all(BatchView::is_valid));
}

/// `testCleanTombstone`: only the cleaner's clock counts, whatever the record says.
#[test]
fn tombstone_with_an_ancient_timestamp_stays_as_long_as_any() {
    let mut log = compacted(1024);
    log.at(10 * RETENTION);
    log.append(keyed(&[0]), 0).expect("accepted");
    log.roll();
    log.clean(0);
    let ancient = BatchBuilder::new(0).append(RETENTION, Some(b"0"), None, &[]).build();
    log.append(ancient, 0).expect("accepted");
    log.roll();
    log.clean(1);
    assert_eq!(log.offsets(), [1]);
    log.append(keyed(&[1]), 0).expect("accepted");
    log.roll();
    log.clean(2);
    assert_eq!(log.offsets(), [1, 2]);
}

#[test]
fn record_that_was_rebuilt_is_the_same_record_whatever_its_codec() {
    use crate::record::{Compression, Header};
    for codec in [Compression::None, Compression::Gzip, Compression::Lz4, Compression::Zstd, Compression::Snappy] {
        let mut log = compacted(1 << 20);
        let header = Header { key: Bytes::from_static(b"h"), value: Some(Bytes::from_static(b"1")) };
        let batch = BatchBuilder::new(0)
            .compression(codec)
            .append(START_MILLIS, Some(b"0"), Some(b"old"), &[])
            .append(START_MILLIS + 5, Some(b"1"), Some(b"kept"), std::slice::from_ref(&header))
            .append(START_MILLIS + 3, Some(b"0"), Some(b"new"), &[])
            .append(START_MILLIS + 1, Some(b"2"), Some(b"old"), &[])
            .build();
        log.append(batch, 3).expect("accepted");
        log.append(keyed(&[2]), 3).expect("accepted");
        let before = log.records_of(false);
        log.roll();
        log.clean(0);
        let batches = log.read_all();
        assert_eq!((batches[0].base_offset(), batches[0].last_offset(), batches[0].count()), (0, 3, 2), "{codec:?}");
        assert_eq!((batches[0].leader_epoch(), batches[0].max_timestamp()), (LeaderEpoch(3), START_MILLIS + 5));
        assert!(batches[0].is_valid() && batches[0].compression() == Ok(codec));
        assert_eq!(log.records_of(false), [&before[1..3], &before[4..]].concat(), "{codec:?}");
    }
}

/// `testCleaningWithUnkeyedMessages`: a topic that was not compacted before.
#[test]
fn records_without_a_key_go() {
    let mut log = compacted(1024);
    let settings = LogSettings { cleanup_policy: CleanupPolicy::DELETE, ..log.settings.clone() };
    log.with(|log, _| log.update_settings(&settings));
    log.append_records(2, 0);
    log.append(keyed(&[1]), 0).expect("accepted");
    log.roll();
    log.clean(0);
    assert_eq!(log.offsets(), [2]);
}

/// `LogValidator`: a compacted topic could not keep it.
#[test]
fn compacted_topic_takes_no_record_without_a_key() {
    use crate::log::{AppendError, RefuseReason};
    use crate::message::ErrorCode;
    let mut log = compacted(1024);
    let refused = log.append(crate::log::tests::records(1), 0);
    assert_eq!(refused, Err(AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::MissingKey)));
}

/// `testCleanSegmentsRetainingLastEmptyBatch`.
#[test]
fn range_ends_with_its_last_batch_though_nothing_of_it_is_wanted() {
    let mut log = compacted(1024);
    log.append(keyed(&[1, 2]), 0).expect("accepted");
    log.append(tombstone(1), 0).expect("accepted");
    log.append(tombstone(2), 0).expect("accepted");
    log.roll();
    log.clean(0);
    log.at(START_MILLIS + 2 * RETENTION).clean(4);
    assert_eq!((log.offsets(), log.last_offsets()), (vec![], vec![3]));
    log.kill_and_restart();
    assert_eq!((log.log().log_start_offset(), log.log().log_end_offset()), (0, 4));
}

/// `testCleaningBeyondMissingOffsets`.
#[test]
fn next_pass_begins_behind_offsets_that_nobody_has() {
    let mut log = compacted(100);
    for offset in (0..10).chain(15..25).chain([30]) {
        let batch = BatchBuilder::new(offset).append(START_MILLIS, Some(b"k"), Some(b"v"), &[]);
        let batch = batch.leader_epoch(LeaderEpoch(0)).build();
        log.with(|log, ctx| log.append_as_follower(ctx, batch, LeaderEpoch(0))).expect("accepted");
    }
    assert_eq!(log.log().active_segment_base_offset(), 30);
    assert_eq!(log.clean(0), 30);
    assert_eq!(log.offsets(), [24, 30]);
}

/// `testSegmentGrouping`.
#[test]
fn segments_are_put_together_while_they_fit_into_one() {
    let mut log = compacted(300);
    while log.log().segments().count() < 10 {
        // Keys of one length, so that all batches are of one size.
        log.append(keyed(&[100 + log.log().log_end_offset()]), 0).expect("accepted");
    }
    let sizes: Vec<u64> = log.log().segments().map(|(_, size)| size).collect();
    let bases: Vec<Offset> = log.log().segments().map(|(base, _)| base).collect();
    log.clean(0);
    assert_eq!(log.log().segments().count(), 10, "two of them do not fit into one");
    let larger =
        LogSettings { internal_segment_bytes: sizes[..3].iter().sum::<u64>() as i32 + 1, ..log.settings.clone() };
    log.with(|log, _| log.update_settings(&larger));
    log.clean(0);
    let grouped: Vec<Offset> = log.log().segments().map(|(base, _)| base).collect();
    assert_eq!(grouped, [bases[0], bases[3], bases[6], bases[9]], "three at a time, and the active one by itself");
}

/// `LogCleanerManager.cleanableOffsets`.
#[test]
fn nothing_is_cleaned_that_is_not_committed_or_active_or_too_young() {
    let mut log = compacted(1 << 20);
    for _ in 0..4 {
        log.append(keyed(&[1, 2]), 0).expect("accepted");
        log.roll();
    }
    let range = |log: &mut Fixture, checkpoint| {
        let dirt = log.with(|log, ctx| log.dirt(ctx, checkpoint)).expect("the disk works");
        (dirt.first_dirty.offset, dirt.first_uncleanable_offset)
    };
    assert_eq!(range(&mut log, None), (0, 0), "nothing is committed");
    log.with(|log, ctx| log.update_high_watermark(ctx, 5));
    assert_eq!(range(&mut log, None), (0, 4), "the segment that reaches beyond the high watermark stays");
    log.commit_all();
    assert_eq!(range(&mut log, None), (0, 8), "all but the active one");
    Writer::new(1, true).write(&mut log, &[3]);
    log.append(keyed(&[4]), 0).expect("accepted");
    log.roll();
    log.commit_all();
    assert_eq!(range(&mut log, None), (0, 8), "an open transaction");
    assert_eq!(range(&mut log, Some(4)), (4, 8));
    assert_eq!(range(&mut log, Some(99)), (0, 8), "a checkpoint beyond the end is not believed");
    let patient = LogSettings { min_compaction_lag: Duration::from_millis(10), ..log.settings.clone() };
    log.with(|log, _| log.update_settings(&patient));
    log.at(START_MILLIS + 9);
    assert_eq!(range(&mut log, Some(2)), (2, 2), "too young");
    log.at(START_MILLIS + 10);
    assert_eq!(range(&mut log, Some(2)), (2, 8));
}

/// `LogToClean`, KIP-354.
#[test]
fn log_is_worth_a_pass_when_it_is_dirty_enough_or_has_waited_too_long() {
    let mut log = compacted(1 << 20);
    for _ in 0..4 {
        log.append(keyed(&[1, 2]), 0).expect("accepted");
        log.roll();
    }
    log.commit_all();
    let segment = log.log().segments().next().expect("there is one").1;
    let dirt = |log: &mut Fixture, checkpoint| log.with(|log, ctx| log.dirt(ctx, checkpoint)).expect("the disk works");
    let half = dirt(&mut log, Some(4));
    assert_eq!((half.clean_bytes, half.cleanable_bytes), (2 * segment, 2 * segment));
    assert!(!half.is_worth_cleaning(Ratio(500_000)), "the ratio must be exceeded");
    assert!(half.is_worth_cleaning(Ratio(499_999)));
    assert!(dirt(&mut log, Some(2)).cmp_ratio(&half).is_gt());
    let overdue = LogSettings { max_compaction_lag: Duration::from_millis(5), ..log.settings.clone() };
    log.with(|log, _| log.update_settings(&overdue));
    assert!(!dirt(&mut log.clone(), Some(4)).is_overdue);
    log.at(START_MILLIS + 6);
    assert!(dirt(&mut log, Some(4)).is_overdue && dirt(&mut log, Some(4)).is_worth_cleaning(Ratio(1_000_000)));
    assert!(!dirt(&mut log, Some(8)).is_worth_cleaning(Ratio(0)), "there is nothing to clean");
}

/// What Kafka calls an uncleanable partition (KAFKA-7215).
#[test]
fn segment_that_makes_no_sense_ends_the_pass() {
    use crate::storage::Storage;
    let mut log = compacted(1 << 20);
    log.append(keyed(&[1, 2]), 0).expect("accepted");
    log.append(keyed(&[1, 2]), 0).expect("accepted");
    log.roll();
    log.commit_all();
    let file = log.file("00000000000000000000.log");
    let size = log.log().segments().next().expect("there is one").1;
    log.storage.write(file, size / 2 + 16, &[9]).expect("the magic of the second batch");
    let dirt = log.with(|log, ctx| log.dirt(ctx, None)).expect("the disk works");
    assert_eq!(log.run_pass(&dirt, &LogManagerSettings::default()), Err(CleaningError::Corrupt));
}

/// Nothing of the first segment stays: only its file says how old it is, and a pass must not make it young.
#[test]
fn cleaned_segment_is_as_old_as_its_last_source() {
    let mut log = compacted(100);
    for _ in 0..3 {
        log.append(keyed(&[0]), 0).expect("accepted");
    }
    log.roll();
    log.storage.wall = WallTime(7_000_000);
    log.clean(0);
    log.storage.wall = WallTime(9_000_000);
    let ages = log.with(|log, ctx| {
        let ages = log.segments.iter().map(|segment| segment.retention_timestamp(ctx).expect("the disk works"));
        ages.collect::<Vec<_>>()
    });
    assert_eq!((log.offsets(), ages), (vec![2], vec![7_000, 7_000, START_MILLIS, 9_000]));
}
