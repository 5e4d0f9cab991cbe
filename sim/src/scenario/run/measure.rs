//! A run that is measured: with or without checks and recording, and with its work counted.
//!
//! A rate without what was counted is not a result. Nothing here reads a clock: wall time is
//! the business of whoever calls, outside of the world.

use trial_broker::time::Time;

use super::{Report, RunOptions, Scenario, Seed, Span, TraceKind};
use crate::fault::{Entry, Fault};
use crate::record::Recording;
use crate::step::{InputKind, Step, StepKind};
use crate::world::World;

/// What a measured run does beside the simulation itself. Neither changes what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Whether the checks look at every step.
    pub checks: bool,
    /// Whether every step is kept, and a copy of the world now and then, as the window's session does.
    pub recording: bool,
}

impl Default for Measure {
    /// As an ordinary run: checks, no recording.
    fn default() -> Self {
        Measure { checks: true, recording: false }
    }
}

/// What a run has done, boot included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that a machine took from a connection.
    pub messages_delivered: u64,
    /// Records whose producer was told that they are safe, since time zero.
    pub records_acknowledged: u64,
    /// Entries of the list that break something; those that mend it are not counted.
    pub faults_executed: u64,
    /// Events that the checks were shown; none while checks are off.
    pub events_checked: u64,
    /// Steps of the world.
    pub steps: u64,
    /// What machines have said of themselves.
    pub events: u64,
}

impl Counts {
    /// Takes in one step.
    pub(super) fn observe(&mut self, step: &Step) {
        self.steps += 1;
        self.events += step.events.len() as u64;
        match &step.kind {
            StepKind::Input { input: InputKind::Received(_), .. } => self.messages_delivered += 1,
            StepKind::Entry(fault) if breaks(fault) => self.faults_executed += 1,
            _ => {}
        }
    }

    /// The counts of several runs together.
    pub fn add(&mut self, other: &Counts) {
        self.messages_delivered += other.messages_delivered;
        self.records_acknowledged += other.records_acknowledged;
        self.faults_executed += other.faults_executed;
        self.events_checked += other.events_checked;
        self.steps += other.steps;
        self.events += other.events;
    }
}

/// Whether an entry makes something worse.
fn breaks(fault: &Fault) -> bool {
    match fault {
        Fault::Slow { sync, .. } => !sync.is_zero(),
        Fault::Stall { length, .. } => !length.is_zero(),
        Fault::Fail { failure, .. } => failure.is_some(),
        Fault::Start { .. }
        | Fault::Resume { .. }
        | Fault::Heal { .. }
        | Fault::Unclog { .. }
        | Fault::Release { .. }
        | Fault::SyncNow { .. }
        | Fault::Call { .. }
        | Fault::Abandon { .. }
        | Fault::Answer { .. } => false,
        _ => true,
    }
}

/// A scenario's run as a test holds it: recorded with details and copies from the start of its machines until this
/// long after time zero. It is played once for the list of its entries, which is then given to a world that is recorded.
pub fn recorded(scenario: &Scenario, seed: Seed, until: Span) -> Recording {
    super::panics::watch();
    let (mut entries, mut end) = (Vec::new(), Time::ZERO);
    let mut keep_entries = |world: &World, step: Option<&Step>| {
        if let Some(Step { at, kind: StepKind::Entry(fault), .. }) = step {
            entries.push(Entry::new(*at, fault.clone()));
        }
        end = world.now();
        std::ops::ControlFlow::Continue(())
    };
    let options = RunOptions { seed: Some(seed), until: Some(until), trace: TraceKind::None };
    let measure = Measure { checks: false, recording: false };
    super::run_here(scenario, options, measure, &mut |_| true, &mut keep_entries);
    let mut recording = Recording::new(super::build::build(scenario, seed.0).world);
    for entry in entries {
        recording.schedule(entry);
    }
    recording.run_until(end);
    recording
}

/// Runs a scenario on this thread, without printing anything.
pub fn run_measured(scenario: &Scenario, seed: Seed, measure: Measure) -> (Report, Counts) {
    super::panics::watch();
    let options = RunOptions { seed: Some(seed), until: None, trace: TraceKind::None };
    let mut nobody_reads = |_: &str| true;
    super::run_here(scenario, options, measure, &mut nobody_reads, &mut |_, _| std::ops::ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Verdict;

    const SMALL: &str = r#"
format = 1
id = "small"
title = "Ten records and a crash"
[cluster]
combined = 3
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
[[client]]
name = "p1"
producer = { acks = "all" }
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 10, every = "1ms" }
[[step]]
at = "2s"
kill = { broker = 3 }
[[step]]
at = "3s"
start = { broker = 3 }
[[step]]
at = "5s"
expect = { client = "p1", acked = 10 }
"#;

    #[test]
    fn a_recording_that_is_made_from_the_entries_of_a_run_is_that_run() {
        let scenario = Scenario::parse("small.toml", SMALL).expect("a valid scenario");
        let recording = recorded(&scenario, Seed(5), Span::parse("6s").expect("a span"));
        let (report, _) = run_measured(&scenario, Seed(5), Measure::default());
        let last = recording.step_numbered(report.steps - 1).expect("the recording is longer than the run");
        assert_eq!(last.fingerprint, report.fingerprint);
        recording.replay().expect("a run can be repeated");
    }

    #[test]
    fn what_is_counted_is_what_happened_whether_or_not_anybody_checks_or_records() {
        let scenario = Scenario::parse("small.toml", SMALL).expect("a valid scenario");
        let run = |measure| run_measured(&scenario, Seed(5), measure);
        let (report, counts) = run(Measure::default());
        assert_eq!((report.verdict, counts.records_acknowledged, counts.faults_executed), (Verdict::Pass, 10, 1));
        assert_eq!(counts.steps, report.steps);
        assert!(counts.messages_delivered > 20 && counts.messages_delivered < counts.steps);
        assert!(counts.events_checked > 0);
        let (bare, uncounted) = run(Measure { checks: false, recording: false });
        assert_eq!(uncounted, Counts { events_checked: 0, ..counts });
        let (recorded, same) = run(Measure { checks: true, recording: true });
        assert_eq!(same, counts);
        assert_eq!((bare.fingerprint, recorded.fingerprint), (report.fingerprint, report.fingerprint));
    }
}
