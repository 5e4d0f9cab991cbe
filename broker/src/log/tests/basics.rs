//! Appending, reading, rolling, truncating, restarting.

use super::*;

#[test]
fn a_fresh_log_is_empty_and_has_one_segment() {
    let mut fixture = Fixture::new(LogSettings::default());
    assert_eq!((fixture.log().log_start_offset(), fixture.log().log_end_offset()), (0, 0));
    let files = ["00000000000000000000.index", "00000000000000000000.log", "00000000000000000000.timeindex"];
    assert_eq!(fixture.file_names(), files);
}

#[test]
fn leader_assigns_offsets_and_stamps_its_epoch() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append_records(3, 5);
    let info = fixture.append_records(2, 6);
    assert_eq!((info.base_offset, info.last_offset, info.log_end_offset), (3, 4, 5));
    let batches = fixture.read_all();
    assert!(batches.iter().all(crate::record::BatchView::is_valid));
    let stamps: Vec<_> = batches.iter().map(|batch| (batch.base_offset(), batch.leader_epoch().0)).collect();
    assert_eq!(stamps, [(0, 5), (3, 6)]);
    assert_eq!(entries(fixture.log()), [(5, 0), (6, 3)]);
}

#[test]
fn everything_survives_a_stop_and_a_kill_while_the_page_cache_lives() {
    for clean in [true, false] {
        let mut fixture = Fixture::new(Fixture::small(300));
        for epoch in 0..20 {
            fixture.append_records(1 + epoch as usize % 3, epoch / 4);
        }
        let before = (fixture.read_all(), entries(fixture.log()), fixture.log().log_end_offset());
        if clean {
            fixture.stop_and_restart();
        } else {
            fixture.kill_and_restart();
        }
        let after = (fixture.read_all(), entries(fixture.log()), fixture.log().log_end_offset());
        assert_eq!(before, after, "clean: {clean}");
        fixture.append_records(1, 9);
        assert_eq!(fixture.read_all().len(), 21);
    }
}

#[test]
fn read_stays_below_its_bound_and_its_size_and_within_one_segment() {
    let mut fixture = Fixture::new(LogSettings::default());
    for _ in 0..5 {
        fixture.append_records(2, 0);
    }
    let size = fixture.log().size_bytes() as i32 / 5;
    let mut read = |from, max_bytes, bound, min_one| {
        let bytes = fixture.with(|log, ctx| log.read(ctx, from, max_bytes, bound, min_one)).expect("readable");
        let batches: Vec<_> = crate::record::batches(&bytes).flatten().collect();
        (batches.first().map(|batch| batch.base_offset()), batches.len())
    };
    assert_eq!(read(0, i32::MAX, 10, false), (Some(0), 5));
    assert_eq!(read(3, i32::MAX, 10, false), (Some(2), 4), "the batch that holds the offset comes whole");
    assert_eq!(read(0, i32::MAX, 5, false), (Some(0), 2), "a batch that reaches the bound stays out");
    assert_eq!(read(0, size * 2 + 1, 10, false), (Some(0), 2));
    assert_eq!(read(0, 1, 10, true), (Some(0), 1));
    assert_eq!(read(0, 1, 10, false), (None, 0));
    assert_eq!(read(10, 100, 10, true), (None, 0));
    assert_eq!(fixture.with(|log, ctx| log.read(ctx, 11, 100, 10, true)), Err(ReadError::OutOfRange));
}

#[test]
fn truncation_cuts_records_epochs_and_high_watermark() {
    let mut fixture = Fixture::new(Fixture::small(300));
    for epoch in 0..10 {
        fixture.append_records(2, epoch);
    }
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 15));
    assert!(fixture.with(|log, ctx| log.truncate_to(ctx, 9)).expect("works"));
    assert_eq!(fixture.log().log_end_offset(), 9, "Kafka takes the target as the end, even within a batch");
    assert_eq!(fixture.log().high_watermark(), 9);
    assert_eq!(fixture.log().latest_epoch(), Some(LeaderEpoch(4)));
    assert_eq!(fixture.read_all().len(), 4);
    assert!(!fixture.with(|log, ctx| log.truncate_to(ctx, 9)).expect("works"));
}
