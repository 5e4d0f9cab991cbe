//! Offset, time and transaction index: `OffsetIndexTest`, `TimeIndexTest`, `TransactionIndexTest`.

use super::*;
use crate::log::index::{OffsetIndex, TimeIndex};
use crate::log::transaction_index::TransactionIndex;

fn with_context<T>(action: impl FnOnce(&mut Context) -> T) -> T {
    let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
    action(&mut Context::new(Now::default(), &mut storage, &mut choices))
}

/// `TimeIndexTest`: base 45, entries (10i, 10i + 45).
#[test]
fn time_index_finds_the_last_entry_not_above_the_target() {
    with_context(|ctx| {
        let mut index = TimeIndex::open(ctx, "t", 45).expect("works");
        for i in 1..=5 {
            index.maybe_append(ctx, 10 * i, 10 * i + 45).expect("works");
        }
        assert_eq!(index.lookup(9), (-1, 45));
        assert_eq!(index.lookup(10), (10, 55));
        assert_eq!(index.lookup(25), (20, 65));
        assert_eq!(index.lookup(30), (30, 75));
        let again = TimeIndex::open(ctx, "t", 45).expect("works");
        assert_eq!(again.lookup(25), (20, 65));
        index.maybe_append(ctx, 50, 200).expect("works");
        assert_eq!(index.last(), (50, 95), "an entry whose timestamp does not rise is left out");
    });
}

/// `OffsetIndexTest.truncate`.
#[test]
fn offset_index_truncation_drops_the_target_and_what_follows() {
    with_context(|ctx| {
        let mut index = OffsetIndex::open(ctx, "o", 0).expect("works");
        for offset in 1..10 {
            index.append(ctx, offset, offset as u64 * 10).expect("works");
        }
        let mut truncate = |ctx: &mut Context, offset| {
            index.truncate_to(ctx, offset).expect("works");
            index.last().0
        };
        assert_eq!(truncate(ctx, 12), 9);
        assert_eq!(truncate(ctx, 10), 9);
        assert_eq!(truncate(ctx, 9), 8);
        assert_eq!(truncate(ctx, 5), 4);
        assert_eq!(index.lookup(100), (4, 40));
        assert_eq!(index.lookup(0), (0, 0));
        let file = ctx.storage.open("o").expect("exists");
        assert_eq!(ctx.storage.length(file), Ok(4 * 8));
    });
}

#[test]
fn torn_last_index_entry_is_dropped_so_that_later_ones_stay_aligned() {
    with_context(|ctx| {
        let mut index = OffsetIndex::open(ctx, "o", 0).expect("works");
        index.append(ctx, 1, 10).expect("works");
        ctx.storage.append(index.file, &[1, 2, 3]).expect("works");
        let mut index = OffsetIndex::open(ctx, "o", 0).expect("works");
        index.append(ctx, 2, 20).expect("works");
        assert_eq!(OffsetIndex::open(ctx, "o", 0).expect("works").last(), (2, 20));
    });
}

/// `TransactionIndexTest`: (producer, first, last, last stable).
#[test]
fn transaction_index_collects_what_overlaps_and_knows_when_it_is_complete() {
    with_context(|ctx| {
        let (mut index, _) = TransactionIndex::open(ctx, "x", 0).expect("works");
        for (id, first_offset, last_offset, last_stable_offset) in
            [(0, 0, 10, 11), (1, 5, 15, 13), (2, 18, 35, 25), (3, 32, 50, 40)]
        {
            let producer_id = ProducerId(id);
            let entry = AbortedTransactionEntry { producer_id, first_offset, last_offset, last_stable_offset };
            index.append(ctx, entry).expect("works");
        }
        let (index, sane) = TransactionIndex::open(ctx, "x", 0).expect("works");
        assert!(sane);
        let collect = |from, upper| {
            let mut found = Vec::new();
            let complete = index.collect(from, upper, &mut found);
            (found.iter().map(|entry| entry.producer_id.0).collect::<Vec<_>>(), complete)
        };
        assert_eq!(collect(0, 100), (vec![0, 1, 2, 3], false));
        assert_eq!(collect(0, 32), (vec![0, 1, 2], true));
        assert_eq!(collect(0, 35), (vec![0, 1, 2, 3], true));
        assert_eq!(collect(10, 35), (vec![0, 1, 2, 3], true));
        assert_eq!(collect(11, 35), (vec![1, 2, 3], true));
        assert_eq!(collect(20, 41), (vec![2, 3], false));
        assert!(!TransactionIndex::open(ctx, "x", 11).expect("works").1, "an entry from before the segment");
    });
}
