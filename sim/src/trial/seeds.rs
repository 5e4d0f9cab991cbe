//! The seeds of a trial: in parallel, each world on a fresh thread, to a result that does not depend on how many at once.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::environment::{Environment, variable};
use super::failure::{Failed, Failing};
use super::target::target;
use super::{Cluster, Trial};
use crate::explore::{difference_by, runs_twice};
use crate::people::{Crowd, People, WorldHandle};
use crate::scenario::format::Span;
use crate::scenario::paste::quoted;
use crate::scenario::run::{self, Counts, RunOptions, TraceKind, Watcher, run_with_program, unwatched};
use crate::scenario::{Finding, Report, Scenario, Seed, Signature, Verdict, What};
use crate::shrink::Until;
use crate::world::World;

/// Brings a program to life: given the world, and how the cluster is made of what people hold.
pub(super) type Program<'a> =
    dyn Fn(&mut World, &dyn Fn(WorldHandle, People) -> Cluster) -> Crowd<Result<(), String>> + Sync + 'a;

/// What a trial that passed has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many seeds ran.
    pub seeds: u64,
    /// In how many of them something was forgiven: so much was lost that Kafka promises nothing (a partition of which
    /// every replica is gone, a record beyond the loss budget). A program that waits for a cluster that cannot recover is
    /// ended there.
    pub excused: u64,
    /// One number for everything that happened in all of them: the same for the same seeds and the same build,
    /// whatever the number of jobs.
    pub fingerprint: u64,
    /// Records whose producer was told that they are safe.
    pub records_acknowledged: u64,
    /// Faults that broke something.
    pub faults_executed: u64,
    /// Events that the checks were shown.
    pub events_checked: u64,
}

/// Everything that a seed needs to be run, again and again.
pub(super) struct Play<'a> {
    pub(super) trial: &'a Trial,
    pub(super) environment: &'a Environment,
    pub(super) program: &'a Program<'a>,
    /// The test's name, as cargo knows it.
    pub(super) name: Option<String>,
}

/// The name of the test that runs in this thread, as cargo's harness gives it.
pub(super) fn test_name() -> Option<String> {
    thread::current().name().filter(|name| *name != "main").map(str::to_owned)
}

impl Play<'_> {
    /// Runs the seeds, and looks closer at the lowest one that fails.
    #[track_caller]
    pub(super) fn run(&self) -> Result<Passed, Box<Failed>> {
        let seeds = match (self.environment.seed, &self.environment.seeds) {
            (Some(seed), _) => seed.0..seed.0.saturating_add(1),
            (None, Some(seeds)) => seeds.clone(),
            (None, None) => 0..self.trial.seeds,
        };
        // Whatever makes no sense is said once, before anything runs.
        self.scenario(Seed(seeds.start));
        let jobs = self.environment.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let (passed, failing) = self.run_all(&seeds, jobs);
        match failing {
            None => Ok(passed),
            Some(failing) => Err(Box::new(Failed::look_closer(self, *failing, &passed, jobs))),
        }
    }

    /// All seeds, until one of them fails: those that are under way are finished, and the lowest counts.
    fn run_all(&self, seeds: &Range<u64>, jobs: NonZeroUsize) -> (Passed, Option<Box<Failing>>) {
        let has_failed = AtomicBool::new(false);
        // A counter would begin again at zero behind the largest seed; a range that is handed out ends.
        let left = Mutex::new(seeds.clone());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let results: Mutex<BTreeMap<u64, Result<(Report, Counts), Box<Failing>>>> = Mutex::default();
        let work = || {
            while !has_failed.load(Ordering::Relaxed) {
                let Some(seed) = next() else { return };
                let twice = seeds.end - seeds.start > 1 && (seed == seeds.start || runs_twice(Seed(seed)));
                let result = self.run_seed(Seed(seed), twice);
                has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, result);
            }
        };
        thread::scope(|scope| {
            for _ in 0..jobs.get() {
                scope.spawn(work);
            }
        });
        let mut passed = Passed::default();
        for result in results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            match result {
                Ok((report, counts)) => passed.add(&report, &counts),
                Err(failing) => return (passed, Some(failing)),
            }
        }
        (passed, None)
    }

    fn run_seed(&self, seed: Seed, twice: bool) -> Result<(Report, Counts), Box<Failing>> {
        let scenario = self.scenario(seed);
        let trace = if twice { TraceKind::None } else { self.trace() };
        let (mut report, counts) = self.run_traced(&scenario, trace);
        if twice && report.verdict == Verdict::Pass {
            let (again, _) = self.run_once(&scenario);
            if again != report {
                report = self.two_runs(&scenario, report, &again);
            }
        }
        match Signature::of(&report) {
            None => Ok((report, counts)),
            Some(signature) => Err(Box::new(Failing { scenario, report, signature })),
        }
    }

    /// Two runs of one seed differ: the report says where.
    fn two_runs(&self, scenario: &Scenario, one: Report, other: &Report) -> Report {
        let difference =
            difference_by(&|scenario, watcher| self.run_watched(scenario, TraceKind::None, watcher).0, scenario);
        let difference = difference.unwrap_or_else(|| "two more runs were equal".to_owned());
        let said = format!(
            "nondeterminism: two runs of seed {} differ: the program depends on more than its seed (a clock, entropy or \
             state that two runs share)\nfingerprints {:016x} and {:016x}",
            one.seed, one.fingerprint, other.fingerprint
        );
        let finding = Finding { what: What::TwoRuns { said, difference }, again: None };
        Report { verdict: Verdict::Nondeterminism, failures: vec![finding], ..one }
    }

    /// A transcript is for whoever looks at one seed.
    fn trace(&self) -> TraceKind {
        if self.environment.seed.is_some() { self.environment.trace } else { TraceKind::None }
    }

    /// The scenario of a seed.
    ///
    /// # Panics
    /// With what is wrong with the cluster or with the list of faults.
    #[track_caller]
    pub(super) fn scenario(&self, seed: Seed) -> Scenario {
        let within = Span { micros: self.trial.faults_for.as_micros() as i64 };
        let scenario = self.trial.faults.scenario("the trial", &self.trial.file, seed, within);
        match scenario {
            Ok(scenario) => Scenario { command: Some(self.line(seed, None)), ..scenario },
            Err(invalid) => {
                panic!("the cluster or the faults of this trial make no sense; written as a scenario, here:\n{invalid}")
            }
        }
    }

    /// Runs a scenario with the program beside it, without a word.
    pub(super) fn run_once(&self, scenario: &Scenario) -> (Report, Counts) {
        self.run_traced(scenario, TraceKind::None)
    }

    /// The same until it is over; none if it was cut off.
    pub(super) fn run_until(&self, scenario: &Scenario, until: &Until) -> Option<Report> {
        until.watching(|watcher| self.run_watched(scenario, TraceKind::None, watcher).0)
    }

    fn run_traced(&self, scenario: &Scenario, trace: TraceKind) -> (Report, Counts) {
        self.run_watched(scenario, trace, &mut unwatched)
    }

    fn run_watched(&self, scenario: &Scenario, trace: TraceKind, watcher: &mut Watcher) -> (Report, Counts) {
        let options = RunOptions { trace, ..RunOptions::default() };
        let mut print = |piece: &str| {
            say(piece);
            true
        };
        run_with_program(scenario, options, self.beside(scenario), &mut print, watcher)
    }

    /// The program as a run takes it.
    fn beside<'p>(&'p self, scenario: &'p Scenario) -> run::Program<'p> {
        let seed = scenario.file.seed.unwrap_or_default();
        let start = move |world: &mut World| {
            let zero = world.now();
            (self.program)(world, &|handle, people| {
                Cluster::new(handle, people, zero, seed.0, (scenario.brokers(), scenario.controllers()))
            })
        };
        run::Program { start: Box::new(start), patience: self.trial.patience }
    }

    /// The line to paste that runs one seed again, with the faults of a file if there is one.
    pub(super) fn line(&self, seed: Seed, faults: Option<&str>) -> String {
        let faults = faults.or(self.environment.faults.as_deref());
        let faults = faults.map(|path| format!(" TRIAL_FAULTS={}", quoted(path))).unwrap_or_default();
        let package = variable("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
        let target = own_target().map(|target| format!(" {target}")).unwrap_or_default();
        let test = self.name.as_ref().map(|name| format!(" {name} -- --exact")).unwrap_or_default();
        format!("TRIAL_SEED={seed}{faults} cargo test{package}{target}{test}")
    }
}

/// What chooses the target that runs now, among those of its package; none if it cannot be known.
fn own_target() -> Option<String> {
    let (package, folder) = (variable("CARGO_PKG_NAME")?, variable("CARGO_MANIFEST_DIR")?);
    target(&std::env::current_exe().ok()?, &package, &|path| Path::new(&folder).join(path).is_file())
}

impl Passed {
    /// Whether of several seeds every one was forgiven something. One alone may be run to look at it.
    pub(super) fn has_shown_nothing(&self) -> bool {
        self.seeds > 1 && self.excused == self.seeds
    }

    fn add(&mut self, report: &Report, counts: &Counts) {
        self.seeds += 1;
        self.excused += u64::from(!report.excused.is_empty());
        let both = [report.seed.0.to_le_bytes(), report.fingerprint.to_le_bytes()].concat();
        self.fingerprint = xxh3_64_with_seed(&both, self.fingerprint);
        self.records_acknowledged += counts.records_acknowledged;
        self.faults_executed += counts.faults_executed;
        self.events_checked += counts.events_checked;
    }
}

/// Says something where the test harness keeps it with the test.
#[expect(clippy::print_stdout, reason = "a test's own words")]
pub(super) fn say(words: &str) {
    print!("{words}");
}
