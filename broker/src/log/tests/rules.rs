//! What a leader refuses, what a follower drops, when segments roll and when they go:
//! `LogValidatorTest`, `UnifiedLogTest`.

use std::time::Duration;

use super::*;
use crate::config::Switch;
use crate::message::ErrorCode;
use crate::record::{ControlType, TimestampType, stamp};

fn refusal(result: Result<AppendInfo, AppendError>) -> (ErrorCode, RefuseReason) {
    match result {
        Err(AppendError::Refused(error, reason)) => (error, reason),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// A batch as a leader of `epoch` would have stored it at `base_offset`.
fn replicated(base_offset: Offset, count: usize, epoch: i32) -> Bytes {
    let batch = crate::record::BatchView::parse(&records(count)).expect("whole");
    stamp(&batch, base_offset, LeaderEpoch(epoch), batch.max_timestamp())
}

#[test]
fn leader_refuses_what_breaks_the_rules_of_a_batch() {
    let settings = LogSettings { max_message_bytes: 400, ..Fixture::small(300) };
    let mut fixture = Fixture::new(settings);
    let mut damaged = records(1).to_vec();
    damaged[70] ^= 1;
    let late = BatchBuilder::new(0).append(START_MILLIS + 3_600_001, None, None, &[]).build();
    let control = BatchBuilder::new(0).append_control(0, ControlType::Commit, &[0; 6]).build();
    let big = BatchBuilder::new(0).append(0, None, Some(&[0; 250]), &[]).build();
    let huge = BatchBuilder::new(0).append(0, None, Some(&[0; 400]), &[]).build();
    let two = Bytes::from([records(1), records(1)].concat());
    for (batch, expected) in [
        (Bytes::from(damaged), (ErrorCode::CorruptMessage, RefuseReason::Corrupt)),
        (replicated(7, 1, 0), (ErrorCode::InvalidRecord, RefuseReason::InvalidOffsets)),
        (late, (ErrorCode::InvalidTimestamp, RefuseReason::InvalidTimestamp)),
        (control, (ErrorCode::InvalidRecord, RefuseReason::ControlFromClient)),
        (big, (ErrorCode::RecordListTooLarge, RefuseReason::LargerThanSegment)),
        (huge, (ErrorCode::MessageTooLarge, RefuseReason::TooLarge)),
        (two, (ErrorCode::InvalidRecord, RefuseReason::NotOneBatch)),
        (Bytes::new(), (ErrorCode::InvalidRecord, RefuseReason::NotOneBatch)),
    ] {
        assert_eq!(refusal(fixture.append(batch, 0)), expected);
    }
    assert_eq!(fixture.log().log_end_offset(), 0);
    let just_in_time = BatchBuilder::new(0).append(START_MILLIS + 3_600_000, None, None, &[]).build();
    fixture.append(just_in_time, 0).expect("an hour ahead is allowed");
}

/// `LogValidatorTest.testLogAppendTimeNonCompressedV2`, and the answer to a duplicate (`UnifiedLog.append`).
#[test]
fn leader_stamps_its_own_time_where_the_topic_says_so() {
    let settings = LogSettings { message_timestamp_type: TimestampType::LogAppendTime, ..LogSettings::default() };
    let mut fixture = Fixture::new(settings);
    let far_ahead = BatchBuilder::new(0).append(START_MILLIS + 9_000_000, None, None, &[]).build();
    let info = fixture.append(far_ahead, 0).expect("the producer's clock is not asked");
    assert_eq!(info.log_append_time, START_MILLIS);
    let stored = &fixture.read_all()[0];
    assert!(stored.is_valid() && stored.timestamp_type() == TimestampType::LogAppendTime);
    let records = stored.records().expect("whole");
    assert_eq!((stored.max_timestamp(), records[0].timestamp), (START_MILLIS, START_MILLIS));

    let mut by_producers = Fixture::new(LogSettings::default());
    let first = by_producers.append(producer_records(1, 0, 0, 1, false), 0).expect("accepted");
    let again = by_producers.append(producer_records(1, 0, 0, 1, false), 0).expect("a duplicate");
    assert_eq!((first.log_append_time, again.duplicate, again.log_append_time), (-1, true, START_MILLIS));
}

#[test]
fn log_is_synced_when_so_many_records_are_not() {
    let mut fixture = Fixture::new(LogSettings { flush_messages: 3, ..LogSettings::default() });
    let mut points = Vec::new();
    for _ in 0..7 {
        fixture.append_records(1, 0);
        points.push(fixture.log().recovery_point());
    }
    assert_eq!(points, [0, 0, 3, 3, 3, 6, 6]);
}

/// KAFKA-18723: a stale leader serves what it received as a follower of a newer epoch.
#[test]
fn follower_drops_batches_from_the_first_of_a_newer_epoch_on() {
    let mut fixture = Fixture::new(LogSettings::default());
    let bytes = [replicated(0, 2, 3), replicated(2, 1, 5), replicated(3, 1, 4)].concat();
    let info = fixture.with(|log, ctx| log.append_as_follower(ctx, Bytes::from(bytes), LeaderEpoch(4)));
    assert_eq!(info.map(|info| (info.base_offset, info.log_end_offset)), Ok((0, 2)));
    assert_eq!(entries(fixture.log()), [(3, 0)]);
    let only_newer = fixture.with(|log, ctx| log.append_as_follower(ctx, replicated(2, 1, 5), LeaderEpoch(4)));
    assert_eq!(only_newer.map(|info| (info.bytes, info.log_end_offset)), Ok((0, 2)));
}

/// `UnifiedLogTest.testAppendBelowExpectedOffsetThrowsException`.
#[test]
fn follower_refuses_what_it_already_has_and_copies_the_rest_byte_for_byte() {
    let mut fixture = Fixture::new(LogSettings::default());
    let bytes = replicated(0, 5, 1);
    let mut with_partial_tail = bytes.to_vec();
    with_partial_tail.extend_from_slice(&replicated(5, 1, 1)[..30]);
    fixture
        .with(|log, ctx| log.append_as_follower(ctx, Bytes::from(with_partial_tail), LeaderEpoch(1)))
        .expect("a cut tail is normal");
    assert_eq!(fixture.log().log_end_offset(), 5);
    assert_eq!(fixture.read_all()[0].bytes(), &bytes);
    let again = fixture.with(|log, ctx| log.append_as_follower(ctx, replicated(4, 1, 1), LeaderEpoch(1)));
    assert_eq!(again, Err(AppendError::UnexpectedOffset { first_offset: 4, last_offset: 4, log_end_offset: 5 }));
    // Compaction leaves gaps: a follower may jump ahead.
    let ahead = fixture.with(|log, ctx| log.append_as_follower(ctx, replicated(9, 1, 1), LeaderEpoch(1)));
    assert_eq!(ahead.map(|info| info.log_end_offset), Ok(10));
    let read = fixture.with(|log, ctx| log.read(ctx, 6, 1000, 10, true)).expect("in range");
    assert_eq!(crate::record::batches(&read).flatten().next().map(|batch| batch.base_offset()), Some(9));
}

#[test]
fn quorum_leader_keeps_its_own_offsets() {
    let mut fixture = Fixture::new(LogSettings::default());
    let bytes = Bytes::from([replicated(0, 2, 4), replicated(2, 3, 4)].concat());
    let info = fixture.with(|log, ctx| log.append_as_leader(ctx, bytes, LeaderEpoch(4), AppendOrigin::RaftLeader));
    assert_eq!(info.map(|info| (info.base_offset, info.last_offset)), Ok((0, 4)));
    let gap = fixture
        .with(|log, ctx| log.append_as_leader(ctx, replicated(6, 1, 4), LeaderEpoch(4), AppendOrigin::RaftLeader));
    assert_eq!(gap, Err(AppendError::UnexpectedOffset { first_offset: 6, last_offset: 6, log_end_offset: 5 }));
}

#[test]
fn segment_rolls_by_size_age_and_full_index() {
    let one = records(1).len() as i32;
    let mut by_size = Fixture::new(Fixture::small(one * 2));
    by_size.append_many(5, 0);
    assert_eq!(by_size.log().segments().map(|(base, _)| base).collect::<Vec<_>>(), [0, 2, 4]);

    let mut by_age = Fixture::new(LogSettings { segment_age: Duration::from_millis(10), ..LogSettings::default() });
    for timestamp in [0, 10, 11, 12, 22, 5] {
        let batch = BatchBuilder::new(0).append(timestamp, None, None, &[]).build();
        by_age.append(batch, 0).expect("accepted");
    }
    let bases: Vec<_> = by_age.log().segments().map(|(base, _)| base).collect();
    assert_eq!(bases, [0, 2, 4], "the age is the records', counted from the segment's first batch");

    // Room for two offset entries (16 bytes) is room for one time entry; one slot of it stays free.
    let settings = LogSettings { segment_index_bytes: 24, index_interval_bytes: 0, ..LogSettings::default() };
    let mut by_index = Fixture::new(settings);
    for timestamp in 0..6 {
        let batch = BatchBuilder::new(0).append(timestamp, None, None, &[]).build();
        by_index.append(batch, 0).expect("accepted");
    }
    let bases: Vec<_> = by_index.log().segments().map(|(base, _)| base).collect();
    assert_eq!(bases, [0, 2, 4], "the second batch of a segment writes its first index entry");
}

#[test]
fn relative_offset_that_does_not_fit_rolls_a_segment() {
    let mut fixture = Fixture::new(LogSettings::default());
    let far = i64::from(i32::MAX) + 1;
    for offset in [0, far - 1, far] {
        fixture.with(|log, ctx| log.append_as_follower(ctx, replicated(offset, 1, 0), LeaderEpoch(0))).expect("fits");
    }
    assert_eq!(fixture.log().segments().map(|(base, _)| base).collect::<Vec<_>>(), [0, far]);
}

/// `UnifiedLogTest.testCannotDeleteSegmentsAtOrAboveHighWatermark`.
#[test]
fn retention_never_deletes_at_or_beyond_the_high_watermark() {
    let one = records(1).len() as i32;
    let settings = LogSettings { retention_bytes: 0, ..Fixture::small(one * 5) };
    for high_watermark in 0..=30 {
        let mut fixture = Fixture::new(settings.clone());
        fixture.append_many(30, 0);
        fixture.with(|log, ctx| log.update_high_watermark(ctx, high_watermark));
        fixture.with(|log, ctx| log.delete_old_segments(ctx)).expect("works");
        assert_eq!(fixture.log().log_start_offset(), high_watermark / 5 * 5);
        assert_eq!(fixture.log().log_end_offset(), 30);
    }
    let mut fixture = Fixture::without_log(settings);
    let mut options = LoadOptions::default();
    options.behaviour.switches.insert(Switch::RetentionIgnoresHighWatermark);
    fixture.load(options);
    fixture.append_many(30, 0);
    fixture.with(|log, ctx| log.delete_old_segments(ctx)).expect("works");
    assert_eq!(fixture.log().log_start_offset(), 30, "the planted bug deletes what nobody has committed");
}

#[test]
fn retention_by_size_keeps_at_least_what_was_asked_for() {
    let one = records(1).len() as i64;
    let settings = LogSettings { retention_bytes: one * 12, ..Fixture::small(one as i32 * 5) };
    let mut fixture = Fixture::new(settings);
    fixture.append_many(30, 0);
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 30));
    assert_eq!(fixture.with(|log, ctx| log.delete_old_segments(ctx)), Ok(3));
    assert_eq!(fixture.log().size_bytes(), one as u64 * 15);
}

#[test]
fn retention_by_time_takes_the_active_segment_too_and_rolls_a_new_one_first() {
    let settings = LogSettings { retention: Some(Duration::from_millis(100)), ..LogSettings::default() };
    let mut fixture = Fixture::new(settings);
    fixture.append_records(3, 0);
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 3));
    fixture.now.wall = WallTime((START_MILLIS as u64 + 100) * 1000);
    assert_eq!(fixture.with(|log, ctx| log.delete_old_segments(ctx)), Ok(0));
    fixture.now.wall = WallTime((START_MILLIS as u64 + 101) * 1000);
    assert_eq!(fixture.with(|log, ctx| log.delete_old_segments(ctx)), Ok(1));
    assert_eq!((fixture.log().log_start_offset(), fixture.log().log_end_offset()), (3, 3));
    assert_eq!(fixture.log().segments().collect::<Vec<_>>(), [(3, 0)]);
    assert_eq!(fixture.with(|log, ctx| log.delete_old_segments(ctx)), Ok(0), "an empty segment stays");
}

/// `UnifiedLogTest.testHighWatermarkMaintenance`, `testMaybeUpdateHighWatermarkAsFollower`.
#[test]
fn high_watermark_stays_within_the_log() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append_records(3, 0);
    let raise = |fixture: &mut Fixture, to| fixture.with(|log, ctx| log.update_high_watermark(ctx, to));
    assert_eq!(raise(&mut fixture, 1), Some((0, 1)));
    assert_eq!(raise(&mut fixture, 5), Some((1, 3)));
    assert_eq!(raise(&mut fixture, 2), None, "a leader's never goes down");
    fixture.append_records(3, 0);
    assert_eq!(raise(&mut fixture, 6), Some((3, 6)));
    fixture.with(|log, ctx| log.truncate_to(ctx, 3)).expect("works");
    assert_eq!(fixture.log().high_watermark(), 3);
    assert_eq!(fixture.with(|log, ctx| log.set_follower_high_watermark(ctx, 1)), Some((3, 1)));
    fixture.with(|log, ctx| log.truncate_fully_and_start_at(ctx, 4)).expect("works");
    let log = fixture.log();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.high_watermark()), (4, 4, 4));
}

/// The data of `PartitionTest.testMonotonicOffsetsAfterLeaderChange`: timestamps 10, 11, then none, 20, 21.
#[test]
fn offsets_are_found_by_time() {
    let mut fixture = Fixture::new(LogSettings::default());
    let batch = |timestamps: &[i64]| {
        let mut builder = BatchBuilder::new(0);
        timestamps.iter().for_each(|timestamp| builder.push(*timestamp, None, None, &[]));
        builder.build()
    };
    fixture.append(batch(&[10, 11]), 0).expect("accepted");
    fixture.append(batch(&[-1, 20, 21]), 1).expect("accepted");
    let mut find = |timestamp| {
        let found = fixture.with(|log, ctx| log.offset_for_timestamp(ctx, timestamp)).expect("readable");
        found.map(|found| (found.timestamp, found.offset, found.leader_epoch.map(|epoch| epoch.0)))
    };
    assert_eq!(find(0), Some((10, 0, Some(0))));
    assert_eq!(find(11), Some((11, 1, Some(0))));
    assert_eq!(find(12), Some((20, 3, Some(1))));
    assert_eq!(find(21), Some((21, 4, Some(1))));
    assert_eq!(find(30), None);
    let newest = fixture.with(|log, ctx| log.max_timestamp_offset(ctx)).expect("readable");
    assert_eq!(newest.map(|newest| newest.offset), Some(4));
}

#[test]
fn positions_tell_segments_apart() {
    let one = records(1).len() as u64;
    let mut fixture = Fixture::new(Fixture::small(one as i32 * 2));
    fixture.append_many(4, 0);
    let mut position = |offset| {
        let position = fixture.with(|log, ctx| log.position_of(ctx, offset)).expect("in range");
        (position.segment_base_offset, position.position_bytes)
    };
    assert_eq!(position(1), (0, one));
    assert_eq!(position(2), (2, 0));
    assert_eq!(position(4), (2, one * 2), "the log end lies behind the last batch of the active segment");
}
