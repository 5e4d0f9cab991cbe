//! A process that dies anywhere in a pass: before each change of its disk, in random logs.
//!
//! ```text
//!   pass:   create, append … sync │ rename .cleaned → .swap │ rename old → .deleted │ rename .swap → │ …
//!           ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲  ▲   it dies before each of these
//! ```
//!
//! What the start after it finds must read as the log did: for each key its last value. A power cut takes a suffix of the changes
//! to a directory, and what was synced it leaves: that is a death at an earlier point.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::choice::LowestChoice;
use crate::config::Behaviour;
use crate::context::Context;
use crate::log::LoadOptions;

/// What a reader of the whole log believes, and where it ends.
fn read(log: &mut Fixture) -> (BTreeMap<i64, i64>, Offset) {
    let number = |bytes: &Bytes| String::from_utf8_lossy(bytes).parse::<i64>().expect("a number");
    let mut values = BTreeMap::new();
    for record in log.records_of(false) {
        let key = number(record.key.as_ref().expect("every record has one"));
        match &record.value {
            Some(_) => values.insert(key, record.offset),
            None => values.remove(&key),
        };
    }
    (values, log.log().log_end_offset())
}

/// A pass over a log whose process dies after so many changes of the disk; whether the pass was over before.
fn dies_in_a_pass(log: &mut Fixture, changes: u32, room: i64) -> bool {
    let mut choices = LowestChoice;
    log.storage.changes_left = Some(changes);
    let mut ctx = Context::new(log.now, &mut log.storage, &mut choices);
    let mut open = log.log.take().expect("the log is open");
    let recovery_point = open.recovery_point();
    let dirt = Dirt {
        first_dirty: FirstDirty { offset: 0, was_invalid: false },
        first_uncleanable_offset: open.active_segment_base_offset(),
        clean_bytes: 0,
        cleanable_bytes: 0,
        is_overdue: false,
    };
    let mut pass = CleaningPass::begin(&mut ctx, &open, &dirt, &room_for(room));
    let is_over = loop {
        match pass.step(&mut ctx, &mut open) {
            Ok(CleaningProgress::Working) => {}
            Ok(CleaningProgress::Written(_)) => pass.synced(),
            Ok(CleaningProgress::Done { .. }) => break true,
            Err(_) => break false,
        }
    };
    log.storage.changes_left = None;
    let behaviour = Behaviour::clone(&open.behaviour);
    log.load(LoadOptions { recovery_point, behaviour, ..LoadOptions::default() });
    is_over
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn wherever_a_pass_dies_the_log_reads_as_before(
        keys in prop::collection::vec((0i64..6, prop::bool::weighted(0.2)), 4..30),
        segment_bytes in 150..500i32,
        room in 3i64..10,
        is_flushed in any::<bool>(),
        is_mended in any::<bool>(),
    ) {
        let mut log = compacted(segment_bytes);
        // Mended, whatever lies behind a hole between two segments is dropped: a pass must leave none.
        let behaviour = if is_mended { Behaviour::mended() } else { Behaviour::default() };
        log.load(LoadOptions { behaviour, ..LoadOptions::default() });
        for (key, deletes) in keys {
            log.append(if deletes { tombstone(key) } else { keyed(&[key]) }, 0).expect("accepted");
        }
        log.roll();
        log.commit_all();
        if is_flushed {
            log.with(|log, ctx| log.flush(ctx)).expect("the disk works");
        }
        let before = read(&mut log);
        for changes in 0.. {
            let mut dying = log.clone();
            let is_over = dies_in_a_pass(&mut dying, changes, room);
            prop_assert_eq!(&read(&mut dying), &before, "dead after {} changes", changes);
            let names = dying.file_names();
            prop_assert!(!names.iter().any(|name| name.ends_with(".cleaned") || name.ends_with(".swap")), "{:?}", names);
            // The next process cleans what that one left.
            dying.clean(0);
            prop_assert_eq!(&read(&mut dying), &before, "cleaned after a death after {} changes", changes);
            if is_over {
                break;
            }
        }
    }
}
