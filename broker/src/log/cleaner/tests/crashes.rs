//! The crash points of `LogCleanerTest.testRecoveryAfterCrash`. Every point there is stands in `crash_points`.

use std::collections::BTreeMap;

use super::*;
use crate::log::LoadOptions;
use crate::log::tests::DIRECTORY;
use crate::storage::Storage;

const KINDS: [&str; 3] = [".log", ".index", ".timeindex"];

/// A log of nine closed segments in which every key is written twice, and a pass that makes them one.
fn dirty() -> Fixture {
    let mut log = compacted(300);
    log.settings.index_interval_bytes = 1;
    let settings = log.settings.clone();
    log.with(|log, _| log.update_settings(&settings));
    while log.log().segments().count() < 10 {
        let key = log.log().log_end_offset() / 2;
        log.append(keyed(&[key]), 0).expect("accepted");
    }
    let whole = LogSettings { internal_segment_bytes: 1 << 20, ..settings };
    log.with(|log, _| log.update_settings(&whole));
    log.with(|log, ctx| log.flush(ctx)).expect("the disk works");
    log
}

/// What lies in the directory, by name.
fn files(log: &mut Fixture) -> BTreeMap<String, Bytes> {
    let names = log.file_names();
    names
        .into_iter()
        .map(|name| {
            let file = log.file(&name);
            let length = log.storage.length(file).expect("the disk works");
            (name, log.storage.read(file, 0, length as usize).expect("the disk works"))
        })
        .collect()
}

fn rename(log: &mut Fixture, from: &str, to: &str) {
    log.storage.rename(&format!("{DIRECTORY}/{from}"), &format!("{DIRECTORY}/{to}")).expect("the file is there");
}

/// The originals have not stepped aside yet.
fn bring_back_the_deleted(log: &mut Fixture) {
    for name in log.file_names().iter().filter_map(|name| name.strip_suffix(".deleted")) {
        rename(log, &format!("{name}.deleted"), name);
    }
}

fn first(kind: &str) -> String {
    format!("{:020}{kind}", 0)
}

/// Cleans, puts the files as they were at a point of the swap, and starts again after an unclean stop. Whether what was
/// found is what the log held before the pass, or what it held after.
fn recovered(at: impl FnOnce(&mut Fixture)) -> Outcome {
    let mut log = dirty();
    let before = log.keys();
    log.clean(0);
    let after = log.keys();
    assert!(after.len() * 2 <= before.len() + 2, "{} of {}", after.len(), before.len());
    let recovery_point = log.log().recovery_point();
    log.log = None;
    at(&mut log);
    log.load(LoadOptions { recovery_point, ..LoadOptions::default() });
    let found = log.keys();
    let rest = log.file_names();
    assert!(rest.iter().all(|name| !name.ends_with(".cleaned") && !name.ends_with(".swap")), "{rest:?}");
    if found == before {
        Outcome::AsBefore
    } else {
        assert_eq!(found, after, "neither as before nor as after");
        Outcome::Cleaned
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    AsBefore,
    Cleaned,
}

/// Point 1.
#[test]
fn crash_before_the_new_segment_is_known_to_be_complete_leaves_everything() {
    let outcome = recovered(|log| {
        for kind in KINDS {
            rename(log, &first(kind), &(first(kind) + ".cleaned"));
        }
        bring_back_the_deleted(log);
    });
    assert_eq!(outcome, Outcome::AsBefore);
}

/// Point 2.
#[test]
fn crash_while_the_new_segment_is_being_renamed_leaves_everything() {
    let outcome = recovered(|log| {
        rename(log, &first(".log"), &(first(".log") + ".swap"));
        for kind in &KINDS[1..] {
            rename(log, &first(kind), &(first(kind) + ".cleaned"));
        }
        bring_back_the_deleted(log);
    });
    assert_eq!(outcome, Outcome::AsBefore);
}

/// Point 3.
#[test]
fn crash_before_the_old_segments_step_aside_is_made_up_for() {
    let outcome = recovered(|log| {
        for kind in KINDS {
            rename(log, &first(kind), &(first(kind) + ".swap"));
        }
        bring_back_the_deleted(log);
    });
    assert_eq!(outcome, Outcome::Cleaned);
}

/// Point 4.
#[test]
fn crash_before_the_new_segment_takes_its_place_is_made_up_for() {
    let outcome = recovered(|log| {
        for kind in KINDS {
            rename(log, &first(kind), &(first(kind) + ".swap"));
        }
    });
    assert_eq!(outcome, Outcome::Cleaned);
}

/// Points 5 and 6.
#[test]
fn crash_while_the_new_segment_takes_its_place_or_after_it_is_made_up_for() {
    let outcome = recovered(|log| rename(log, &first(".timeindex"), &(first(".timeindex") + ".swap")));
    assert_eq!(outcome, Outcome::Cleaned);
    assert_eq!(recovered(|_| {}), Outcome::Cleaned);
}

#[test]
fn what_a_pass_that_was_given_up_has_written_goes() {
    let mut log = dirty();
    let before = files(&mut log);
    let dirt = Dirt {
        first_dirty: FirstDirty { offset: 0, was_invalid: false },
        first_uncleanable_offset: log.log().active_segment_base_offset(),
        clean_bytes: 0,
        cleanable_bytes: 0,
        is_overdue: false,
    };
    let settings = LogManagerSettings::default();
    let mut pass = log.with(|log, ctx| CleaningPass::begin(ctx, log, &dirt, &settings));
    while !log.file_names().iter().any(|name| name.ends_with(".cleaned")) {
        log.with(|log, ctx| pass.step(ctx, log)).expect("the log can be read");
    }
    let reason = crate::event::CleaningAbort::Truncated;
    log.with(|log, ctx| pass.abandon(ctx, log, reason)).expect("the disk works");
    assert_eq!(files(&mut log), before);
}
