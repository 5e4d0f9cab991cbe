//! Crashes of a disk: what each kind of stop leaves of a checkpoint and of a log.
//!
//! A checkpoint is written as Kafka writes its small files, from 1000 µs on:
//!
//! ```text
//!   1000  create tmp, append, sync tmp ──100──▶ 1100  rename, sync directory ──100──▶ 1200
//! ```

use std::collections::BTreeSet;

use super::*;
use crate::fault::{DiskFailure, Lose};
use crate::toy::{CHECKPOINT, LOG};

/// What a checkpoint and its temporary file look like after a crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Absent,
    Old,
    New,
    Torn,
}
use State::{Absent, New, Old, Torn};

fn state(content: Option<Bytes>) -> State {
    match content {
        None => Absent,
        Some(content) if &content[..] == b"old" => Old,
        Some(content) if content.len() == 2048 && content.iter().all(|byte| *byte == b'n') => New,
        Some(_) => Torn,
    }
}

/// The states of (checkpoint, temporary file) after this crash at this microsecond.
fn crash(at_micros: u64, fault: Fault) -> (State, State) {
    let mut world = two();
    call(&mut world, Time(1000), A, 1, Call::Close);
    at(&mut world, Time(at_micros), fault);
    steps(&mut world, ms(50));
    let disk = world.machine(A).expect("a").disk();
    (state(disk.content(CHECKPOINT)), state(disk.content("data-0/checkpoint.tmp")))
}

fn power_cuts(at_micros: u64) -> BTreeSet<(State, State)> {
    (0..400).map(|draw| crash(at_micros, Fault::PowerCut { machine: A, lose: Lose::Drawn, draw })).collect()
}

#[test]
fn checkpoint_a_kill_inside_the_sync_leaves_old_and_a_complete_temporary_file() {
    for time in [1001, 1050, 1099] {
        assert_eq!(crash(time, Fault::Kill { machine: A }), (Old, New), "a kill at {time}");
    }
}

#[test]
fn checkpoint_a_kill_after_the_rename_leaves_the_new_one() {
    for time in [1100, 1150, 1199, 1200, 2000] {
        assert_eq!(crash(time, Fault::Kill { machine: A }), (New, Absent), "a kill at {time}");
    }
}

#[test]
fn checkpoint_a_power_cut_inside_the_first_sync_tears_only_the_temporary_file() {
    let seen = power_cuts(1050);
    assert!(seen.iter().all(|(checkpoint, _)| *checkpoint == Old), "{seen:?}");
    let temporary: BTreeSet<State> = seen.into_iter().map(|(_, temporary)| temporary).collect();
    assert_eq!(temporary, [Absent, New, Torn].into());
}

#[test]
fn checkpoint_a_power_cut_inside_the_directory_sync_leaves_old_or_new_and_never_a_torn_one() {
    for time in [1100, 1150, 1199] {
        assert_eq!(power_cuts(time), [(Old, Absent), (Old, New), (New, Absent)].into(), "cuts at {time}");
    }
}

#[test]
fn checkpoint_a_power_cut_after_the_directory_sync_leaves_the_new_one() {
    for time in [1200, 5000] {
        assert_eq!(power_cuts(time), [(New, Absent)].into(), "cuts at {time}");
    }
}

#[test]
fn what_a_lane_has_paid_for_lies_on_the_medium_when_it_says_so() {
    let mut world = two();
    call(&mut world, Time(1000), A, 1, Call::Close);
    let answer = std::iter::from_fn(|| world.step_until(ms(2))).find(|step| !step.resolutions.is_empty());
    assert_eq!(answer.map(|step| step.at), Some(Time(1200)), "after two syncs, one after the other");
    let disk = world.machine(A).expect("a").disk();
    assert_eq!(disk.next_landing(), None, "nothing is still to land that was paid for");
}

#[test]
fn lose_all_and_lose_none_are_exact() {
    let cut = |lose| Fault::PowerCut { machine: A, lose, draw: 0 };
    assert_eq!(crash(1150, cut(Lose::All)), (Old, Absent));
    assert_eq!(crash(1150, cut(Lose::None)), (New, Absent));
}

#[test]
fn log_a_power_cut_never_takes_what_was_synced_and_tells_what_it_took() {
    let mut lengths = BTreeSet::new();
    for draw in 0..200 {
        let mut world = two();
        append(&mut world, ms(1), A, 1, &[1; 5000]);
        call(&mut world, ms(2), A, 2, Call::Flush);
        append(&mut world, ms(3), A, 3, &[2; 9000]);
        at(&mut world, ms(4), Fault::PowerCut { machine: A, lose: Lose::Drawn, draw });
        let steps = steps(&mut world, ms(5));
        let content = world.machine(A).expect("a").disk().content(LOG).expect("its name was durable");
        assert!(content.len() >= 5000 && content[..5000].iter().all(|byte| *byte == 1), "draw {draw}");
        assert!(content[5000..].iter().all(|byte| [0, 2].contains(byte)), "draw {draw}");
        lengths.insert(content.len());
        let Some(Fact::PowerCut { report, .. }) =
            facts(&steps).into_iter().find(|fact| matches!(fact, Fact::PowerCut { .. }))
        else {
            panic!("a power cut tells what it took");
        };
        let lost: Vec<bool> =
            (0..14_000).map(|position| content.get(position) != Some(&if position < 5000 { 1 } else { 2 })).collect();
        let told: Vec<bool> = (0..14_000)
            .map(|position| {
                report
                    .files
                    .iter()
                    .any(|file| file.path == LOG && file.changed.iter().any(|range| range.contains(&position)))
            })
            .collect();
        assert!(lost == told, "draw {draw}: the report differs from the loss");
    }
    assert!(lengths.contains(&5000) && lengths.contains(&14_000) && lengths.len() > 10, "{lengths:?}");
}

#[test]
fn failed_sync_that_keeps_pages_dirty_can_be_made_good_and_the_other_loses_them_silently() {
    let survivors = |failure| {
        let mut world = two();
        append(&mut world, ms(1), A, 1, &[7; 100]);
        at(&mut world, ms(2), Fault::Fail { machine: A, path: "data-0".to_owned(), failure: Some(failure) });
        call(&mut world, ms(3), A, 2, Call::Flush);
        call(&mut world, ms(4), A, 3, Call::Flush);
        at(&mut world, ms(5), Fault::PowerCut { machine: A, lose: Lose::All, draw: 0 });
        let steps = steps(&mut world, ms(6));
        let answers: Vec<(u64, bool)> = resolutions(&steps).iter().map(|(ticket, _, good)| (*ticket, *good)).collect();
        assert_eq!(answers, [(1, true), (2, false), (3, true)]);
        let content = world.machine(A).expect("a").disk().content(LOG).expect("the log has a name");
        content.iter().filter(|byte| **byte == 7).count()
    };
    assert_eq!(survivors(DiskFailure::NextSyncFails), 100);
    assert_eq!(survivors(DiskFailure::NextSyncLosesPages), 0);
}

#[test]
fn failing_and_full_disks_answer_with_errors_and_a_replaced_one_is_empty() {
    let mut world = two();
    append(&mut world, ms(1), A, 1, b"one");
    let fail = |failure| Fault::Fail { machine: A, path: String::new(), failure };
    at(&mut world, ms(2), fail(Some(DiskFailure::NoSpace)));
    append(&mut world, ms(3), A, 2, b"two");
    call(&mut world, ms(4), A, 3, Call::Flush);
    at(&mut world, ms(5), fail(None));
    append(&mut world, ms(6), A, 4, b"three");
    let before = steps(&mut world, ms(7));
    let good: Vec<(u64, bool)> = resolutions(&before).iter().map(|(ticket, _, good)| (*ticket, *good)).collect();
    assert_eq!(good, [(1, true), (2, false), (3, true), (4, true)]);
    at(&mut world, ms(8), Fault::Replace { machine: A, draw: 3 });
    steps(&mut world, ms(9));
    assert_eq!(world.machine(A).expect("a").disk().content(LOG).map(|content| content.len()), Some(0));
}

#[test]
fn writeback_makes_durable_without_a_sync_in_its_own_order() {
    let mut world = two_with(WorldSettings { writeback: Some(Duration::from_secs(5)), ..WorldSettings::default() });
    append(&mut world, ms(1), A, 1, &[7; 100_000]);
    steps(&mut world, ms(4999));
    assert!(world.machine(A).expect("a").disk().dirty_bytes() >= 100_000);
    steps(&mut world, ms(5001));
    let dirty = world.machine(A).expect("a").disk().dirty_bytes();
    assert!((1..100_000).contains(&dirty), "{dirty} bytes are dirty after one round");
    steps(&mut world, ms(120_000));
    assert_eq!(world.machine(A).expect("a").disk().dirty_bytes(), 0);
}

#[test]
fn decayed_bits_are_the_same_on_every_reading_and_after_a_boot() {
    let mut world = two();
    append(&mut world, ms(1), A, 1, b"abc");
    call(&mut world, ms(2), A, 2, Call::Flush);
    at(&mut world, ms(3), Fault::Rot { machine: A, path: LOG.to_owned(), position: 1, bits: 0x20 });
    at(&mut world, ms(4), Fault::PowerCut { machine: A, lose: Lose::All, draw: 0 });
    for time in [3, 5] {
        steps(&mut world, ms(time));
        assert_eq!(world.machine(A).expect("a").disk().content(LOG).as_deref(), Some(&b"aBc"[..]));
    }
}
