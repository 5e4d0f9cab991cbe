//! Same seed, same run: in any order, on any thread, in another process, with and without
//! those who look on.
//!
//! That the digest sees one byte of a disk, one timer and one message in flight is tested
//! beside the world (`sim/src/world/tests/laws.rs`), on machines small enough to see why.

use std::process::{Command, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use trial_broker::time::Time;
use trial_sim::internal::explore::{difference, whole_trace};
use trial_sim::internal::record::Recording;
use trial_sim::internal::scenario::run::{RunOptions, TraceKind};
use trial_sim::internal::scenario::{Scenario, Seed, Verdict};
use trial_sim::internal::step::Telling;
use trial_sim::internal::{Entry, Fault, MachineId};
use trial_tests::captured::Captured;
use trial_tests::lessons;

/// In another process of this test: leave the whole trace of [`PLAYED`] in this file, and nothing else matters.
const VARIABLE: &str = "TRIAL_TEST_TRACE_TO";

/// The seed that is played in two processes.
const PLAYED: u64 = 1;

/// A cluster whose leader dies, with a producer and a consumer.
fn lesson() -> Scenario {
    lessons::read("07-leader-loss")
}

fn run(scenario: &Scenario, seed: u64, trace: TraceKind) -> Captured {
    let run = Captured::run(scenario, RunOptions { seed: Some(Seed(seed)), trace, ..RunOptions::default() });
    assert_eq!(run.report.verdict, Verdict::Pass, "seed {seed:#x}: {:?}", run.report.failures);
    run
}

fn fingerprint(seed: u64) -> u64 {
    run(&lesson(), seed, TraceKind::None).report.fingerprint
}

#[test]
fn same_seed_same_fingerprint_in_any_order_and_on_any_thread() {
    let forwards = [fingerprint(1), fingerprint(2)];
    let backwards = [fingerprint(2), fingerprint(1)];
    assert_eq!(forwards, [backwards[1], backwards[0]], "the order of runs counts");
    assert_ne!(forwards[0], forwards[1], "the seed does not count");
    let elsewhere = std::thread::spawn(|| fingerprint(1)).join().expect("the run ends");
    assert_eq!(forwards[0], elsewhere, "the thread counts");
}

fn trace(seed: u64) -> Vec<String> {
    let mut scenario = lesson();
    scenario.file.seed = Some(Seed(seed));
    whole_trace(&scenario)
}

#[test]
fn same_seed_same_trace_in_two_processes_step_by_step() {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return std::fs::write(path, trace(PLAYED).join("\n")).expect("the caller names a file");
    }
    let path = std::env::temp_dir().join(format!("trial-trace-{}", std::process::id()));
    let status = Command::new(std::env::current_exe().expect("this test is a file"))
        .args(["same_seed_same_trace_in_two_processes"])
        .env(VARIABLE, &path)
        .stdout(Stdio::null())
        .status()
        .expect("this test can be started again");
    assert!(status.success(), "the other process failed");
    let there = std::fs::read_to_string(&path).expect("the other process leaves its trace");
    std::fs::remove_file(&path).expect("removed");
    let there: Vec<String> = there.lines().map(str::to_owned).collect();
    let here = trace(PLAYED);
    assert!(here.len() > 1_000, "a trace of {} steps", here.len());
    assert_eq!(difference(&here, &there), None, "the process counts");
    assert!(difference(&here, &trace(PLAYED + 1)).is_some(), "the trace does not say what happens");
}

#[test]
fn trace_checks_and_recording_change_nothing() {
    let scenario = lesson();
    let plain = run(&scenario, 3, TraceKind::None);
    assert_eq!(run(&scenario, 3, TraceKind::Lanes).report.fingerprint, plain.report.fingerprint, "the trace counts");

    // Without checks, expectations and everything else that the runner does besides the list.
    let mut bare = plain.again();
    for (at, fingerprint) in &plain.fingerprints {
        let step = bare.step().expect("the run takes as many steps as before");
        assert_eq!((step.at, step.fingerprint), (*at, *fingerprint), "step {}: who looks on counts", step.index);
    }

    let mut recording = Recording::new(plain.base.clone());
    for entry in &plain.entries {
        recording.schedule(entry.clone());
    }
    for _ in 0..plain.steps() {
        recording.step_until(Time::NEVER);
    }
    assert_eq!(recording.world().fingerprint(), plain.report.fingerprint, "recording counts");
}

#[test]
fn copy_from_the_middle_repeats_what_follows() {
    let run = run(&lesson(), 4, TraceKind::None);
    let mut world = run.again();
    world.set_telling(Telling::Details);
    let half = run.steps() / 2;
    for _ in 0..half {
        world.step();
    }
    let mut copy = world.clone();
    for _ in half..run.steps() {
        let (one, other) = (world.step().expect("a step"), copy.step().expect("a step"));
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "a copy goes another way");
    }
    assert_eq!(copy.fingerprint(), run.report.fingerprint);
    assert_eq!(copy.digest(), world.digest());
}

/// Something that can be done to the classroom's machines 1 to 3.
fn fault() -> impl Strategy<Value = Fault> {
    let machine = (1..=3u32).prop_map(MachineId);
    (machine, 1..=3u32, 0..6u8).prop_map(|(machine, other, kind)| match kind {
        0 => Fault::Kill { machine },
        1 => Fault::Start { machine },
        2 => Fault::Pause { machine },
        3 => Fault::Resume { machine },
        4 => Fault::Partition { pairs: vec![(machine, MachineId(other)), (MachineId(other), machine)] },
        _ => Fault::Heal { from: Default::default(), to: Default::default() },
    })
}

#[test]
fn added_entries_change_nothing_before_the_first_of_them() {
    let run = run(&lesson(), 5, TraceKind::None);
    let last = run.fingerprints[run.steps() - 1].0;
    let entries = prop::collection::vec((0.05..0.95f64, fault()), 1..4);
    let mut runner = TestRunner::deterministic();
    for _ in 0..6 {
        let added = entries.new_tree(&mut runner).expect("a list is drawn").current();
        let added: Vec<Entry> = added
            .into_iter()
            .map(|(part, fault)| Entry::new(Time::ZERO + Duration::from_micros((last.0 as f64 * part) as u64), fault))
            .collect();
        let first = added.iter().map(|entry| entry.at).min().expect("the list has an entry");
        let mut world = run.again();
        for entry in &added {
            world.schedule(entry.clone());
        }
        for (at, fingerprint) in run.fingerprints.iter().take_while(|(at, _)| *at < first) {
            let step = world.step().expect("the run begins as before");
            assert_eq!((step.at, step.fingerprint), (*at, *fingerprint), "{added:?} acts before its time");
        }
        let step = world.step().expect("the entry runs");
        assert_eq!(step.at, first);
        assert!(
            !run.fingerprints.iter().any(|(_, known)| *known == step.fingerprint),
            "{added:?} is not in the fingerprint"
        );
    }
}
