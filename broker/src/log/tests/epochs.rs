//! The leader epoch cache: the tables of `LeaderEpochFileCacheTest`, and the cases of
//! `UnifiedLogTest` and `LogLoaderTest` about epochs.

use std::sync::Arc;

use super::*;
use crate::log::epoch_cache::EpochCache;

/// A cache with these entries, assigned in order.
fn cache(storage: &mut MemoryStorage, assigned: &[(i32, Offset)]) -> EpochCache {
    storage.create_directory("d").expect("works");
    let mut choices = LowestChoice;
    let mut ctx = Context::new(Now::default(), storage, &mut choices);
    let mut cache = EpochCache::load(&mut ctx, &Arc::from("d")).expect("no file");
    for (epoch, start_offset) in assigned {
        cache.assign(&mut ctx, LeaderEpoch(*epoch), *start_offset).expect("works");
    }
    cache
}

fn list(cache: &EpochCache) -> Vec<(i32, Offset)> {
    cache.entries().iter().map(|entry| (entry.leader_epoch.0, entry.start_offset)).collect()
}

/// The end of an epoch; (−1, −1) when it is not defined, as Kafka writes it.
fn end(cache: &EpochCache, epoch: i32, log_end_offset: Offset) -> (i32, Offset) {
    let end = cache.end_offset_for(LeaderEpoch(epoch), log_end_offset);
    end.map_or((-1, -1), |end| (end.leader_epoch.0, end.end_offset))
}

#[test]
fn epoch_ends_where_the_next_one_begins() {
    type Case = (&'static [(i32, Offset)], Offset, &'static [(i32, (i32, Offset))]);
    let cases: &[Case] = &[
        (&[(2, 11), (2, 12)], 14, &[(2, (2, 14)), (-1, (-1, -1))]),
        (&[(5, 11), (6, 12), (7, 13)], 20, &[(4, (4, 11))]),
        (&[(5, 11), (6, 12), (7, 13), (7, 12)], 20, &[(5, (5, 12)), (6, (5, 12))]),
        (&[(1, 11), (2, 13), (3, 15)], 20, &[(2, (2, 15))]),
        (&[(0, 10), (2, 13), (4, 17)], 20, &[(1, (0, 13)), (2, (2, 17)), (3, (2, 17))]),
        (&[(2, 100)], 200, &[(3, (-1, -1))]),
        (&[(1, 5), (2, 6), (1, 7)], 8, &[(1, (1, 8)), (2, (-1, -1))]),
        (&[], 7, &[(0, (-1, -1))]),
    ];
    for (assigned, log_end_offset, expected) in cases {
        let cache = cache(&mut MemoryStorage::default(), assigned);
        for (epoch, answer) in *expected {
            assert_eq!(end(&cache, *epoch, *log_end_offset), *answer, "epoch {epoch} of {assigned:?}");
        }
    }
}

#[test]
fn new_entry_drops_those_that_contradict_it() {
    type Case = (&'static [(i32, Offset)], &'static [(i32, Offset)]);
    let cases: &[Case] = &[
        (&[(2, 9), (3, 9)], &[(3, 9)]),
        (&[(1, 5), (2, 6), (1, 7)], &[(1, 7)]),
        (&[(2, 6), (3, 5)], &[(3, 5)]),
        (&[(5, 11), (6, 12), (7, 13), (7, 12)], &[(5, 11), (7, 12)]),
        (&[(2, 11), (2, 12)], &[(2, 11)]),
    ];
    for (assigned, expected) in cases {
        assert_eq!(list(&cache(&mut MemoryStorage::default(), assigned)), *expected, "{assigned:?}");
    }
}

#[test]
fn truncation_from_either_side_keeps_what_lies_inside() {
    let entries = [(2, 6), (3, 8), (4, 11)];
    let from_end = |offset| {
        let mut cache = cache(&mut MemoryStorage::default(), &entries);
        cache.truncate_from_end(offset);
        list(&cache)
    };
    assert_eq!(from_end(8), [(2, 6)]);
    assert_eq!(from_end(9), [(2, 6), (3, 8)]);
    assert_eq!(from_end(12), entries);
    let from_start = |entries: &[(i32, Offset)], offset| {
        let mut cache = cache(&mut MemoryStorage::default(), entries);
        cache.truncate_from_start(offset);
        list(&cache)
    };
    assert_eq!(from_start(&entries, 8), [(3, 8), (4, 11)]);
    assert_eq!(from_start(&entries, 9), [(3, 9), (4, 11)]);
    assert_eq!(from_start(&entries, 1), entries);
    assert_eq!(from_start(&entries, 6), entries);
    assert_eq!(from_start(&entries, 11), [(4, 11)]);
    assert_eq!(from_start(&entries, 15), [(4, 15)]);
    assert_eq!(from_start(&[(0, 0), (1, 7), (2, 10)], 5), [(0, 5), (1, 7), (2, 10)]);
    assert_eq!(from_start(&[(0, 0), (1, 7), (2, 10)], -1), [(0, 0), (1, 7), (2, 10)]);
}

#[test]
fn new_entry_is_on_disk_at_once_and_a_truncation_only_later() {
    let mut storage = MemoryStorage::default();
    let mut first = cache(&mut storage, &[(2, 6), (3, 8)]);
    first.truncate_from_end(8);
    assert!(first.write_pending);
    assert_eq!(list(&cache(&mut storage, &[])), [(2, 6), (3, 8)], "a crash now brings the entry back");
    let mut choices = LowestChoice;
    first.write(&mut Context::new(Now::default(), &mut storage, &mut choices)).expect("works");
    assert_eq!(list(&cache(&mut storage, &[])), [(2, 6)]);
    let file = storage.open("d/leader-epoch-checkpoint").expect("exists");
    assert_eq!(storage.read(file, 0, 100).expect("works"), &b"0\n1\n2 6\n"[..]);
}

/// `UnifiedLogTest.shouldTruncateLeaderEpochCheckpointFileWhenTruncatingLog`.
#[test]
fn truncating_the_log_truncates_its_epochs() {
    let mut fixture = Fixture::new(Fixture::small(10 * 80));
    for (epoch, count) in [(0, 10), (1, 6), (2, 4)] {
        for _ in 0..count {
            fixture.append_records(1, epoch);
        }
    }
    for (offset, count) in [(20, 3), (11, 2), (10, 1), (0, 0)] {
        fixture.with(|log, ctx| log.truncate_to(ctx, offset)).expect("works");
        assert_eq!(entries(fixture.log()).len(), count, "after truncation to {offset}");
    }
}

/// Museum REP-11: a leader that appends nothing leaves an entry at its log's end, which must not survive.
#[test]
fn truncating_to_the_end_still_drops_an_epoch_without_records() {
    let mut fixture = Fixture::new(LogSettings::default());
    fixture.append_records(4, 0);
    fixture.with(|log, ctx| log.assign_epoch(ctx, LeaderEpoch(3), 4)).expect("works");
    assert_eq!(entries(fixture.log()), [(0, 0), (3, 4)]);
    assert!(!fixture.with(|log, ctx| log.truncate_to(ctx, 4)).expect("works"));
    assert_eq!(entries(fixture.log()), [(0, 0)]);
}

/// `UnifiedLogTest.shouldUpdateOffsetForLeaderEpochsWhenDeletingSegments`.
#[test]
fn deleting_segments_moves_the_first_epoch() {
    let one = records(1).len() as i32;
    let settings = LogSettings { retention_bytes: i64::from(one) * 10, ..Fixture::small(one * 5) };
    let mut fixture = Fixture::new(settings);
    for offset in 0..15 {
        fixture.append_records(
            1,
            match offset {
                0..=6 => 0,
                7..=9 => 1,
                _ => 2,
            },
        );
    }
    assert_eq!(entries(fixture.log()), [(0, 0), (1, 7), (2, 10)]);
    fixture.with(|log, ctx| log.update_high_watermark(ctx, 15));
    assert_eq!(fixture.with(|log, ctx| log.delete_old_segments(ctx)), Ok(1));
    assert_eq!(entries(fixture.log()), [(0, 5), (1, 7), (2, 10)]);
}

/// `LogLoaderTest.testLogRecoversForLeaderEpoch`.
#[test]
fn recovery_finds_the_epochs_that_the_file_lost() {
    let mut leader = Fixture::new(LogSettings::default());
    for epoch in [1, 2, 2, 3] {
        leader.append_records(1, epoch);
    }
    assert_eq!(entries(leader.log()), [(1, 0), (2, 1), (3, 3)]);
    let file = leader.file("leader-epoch-checkpoint");
    leader.storage.truncate(file, 0).expect("works");
    leader.storage.append(file, b"0\n2\n1 0\n2 1\n").expect("works");
    leader.kill_and_restart();
    assert_eq!(entries(leader.log()), [(1, 0), (2, 1), (3, 3)]);
}

/// `PartitionTest.testLastFetchedOffsetValidation`: the epoch part of it.
#[test]
fn ends_of_epochs_for_fetch_validation() {
    let mut fixture = Fixture::new(LogSettings::default());
    for (epoch, count) in [(0, 2), (3, 3), (3, 3), (4, 5), (7, 1), (9, 3)] {
        fixture.append_records(count, epoch);
    }
    fixture.with(|log, ctx| log.assign_epoch(ctx, LeaderEpoch(10), 17)).expect("works");
    let end = |epoch: i32| {
        let end = fixture.log().end_offset_for_epoch(LeaderEpoch(epoch));
        end.map_or((-1, -1), |end| (end.leader_epoch.0, end.end_offset))
    };
    assert_eq!((end(2), end(6), end(5), end(10)), ((0, 2), (4, 13), (4, 13), (10, 17)));
    assert_eq!(end(11), (-1, -1));
    assert_eq!(fixture.log().epoch_for_offset(7), Some(LeaderEpoch(3)));
    assert_eq!(fixture.log().epoch_for_offset(13), Some(LeaderEpoch(7)));
}
