//! From a failing run to a small file with its story: the shrinker as every caller uses it.
//!
//! ```text
//!   scenario that fails ─▶ signature ─▶ shrink, each smaller one told ─▶ other seeds ─▶ story ─▶ text of a regression
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::pace::{has_its_pace, with_pace, without_words};
use super::{Cut, Limits, Progress, Shrunk, Until, shrink_from, tell};
use crate::explore::{SeedResult, scenario_of};
use crate::scenario::format::File;
use crate::scenario::{Report, Scenario, Seed, Signature, Verdict};

/// With how many other seeds a small scenario is tried.
pub const OTHER_SEEDS: u64 = 20;

/// A scenario that fails, and how.
#[derive(Clone, Debug)]
pub struct Failing {
    /// The scenario, with its switches on.
    pub scenario: Scenario,
    /// What every smaller one must have in common with it.
    pub signature: Signature,
}

/// Why a scenario is not shrunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingToShrink {
    /// It passes.
    Passes,
    /// An expectation does not hold, and no promise is broken. What is expected makes sense only with the steps before
    /// it.
    OnlyExpected,
    /// Two runs of one seed differ: no smaller scenario says why.
    Nondeterminism,
}

/// A failing scenario made small.
#[derive(Clone, Debug)]
pub struct Small {
    /// What the search came to.
    pub shrunk: Shrunk,
    /// Why the search ended early; none if it was not cut off.
    pub cut: Option<Cut>,
    /// How many steps and interventions there were, and how many are left.
    pub steps: (usize, usize),
    /// What it does with other seeds.
    pub other_seeds: OtherSeeds,
    /// The file: the scenario with its story above it and what was found in it.
    pub text: String,
}

/// A small scenario with other seeds than its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherSeeds {
    /// With how many it was tried: [`OTHER_SEEDS`], or fewer if that was cut off.
    pub tried: u64,
    /// With how many of those it fails in the same way.
    pub failed: u64,
    /// Why there are not more; none if all were tried.
    pub cut: Option<Cut>,
}

impl OtherSeeds {
    /// Tries them in turn, until all are tried or it is over. One that was cut off has no answer and is not counted.
    fn try_all(fails: impl Fn(Seed) -> Option<bool>, until: &Until) -> OtherSeeds {
        let mut others = OtherSeeds::default();
        for seed in (1..=OTHER_SEEDS).map(Seed) {
            others.cut = until.cut();
            let Some(failed) = others.cut.is_none().then(|| fails(seed)).flatten() else {
                others.cut = others.cut.or_else(|| until.cut());
                return others;
            };
            others.tried += 1;
            others.failed += u64::from(failed);
        }
        others
    }
}

impl fmt::Display for OtherSeeds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OtherSeeds { tried, failed, cut } = self;
        match cut {
            None => write!(out, "It fails with {failed} of {tried} other seeds."),
            Some(cut) if *tried == 0 => write!(out, "It was not tried with other seeds ({cut})."),
            Some(cut) => {
                write!(out, "It fails with {failed} of {tried} other seeds ({cut}: {OTHER_SEEDS} were to be tried).")
            }
        }
    }
}

impl Failing {
    /// A scenario that has been run.
    ///
    /// # Errors
    /// Why there is nothing to shrink.
    pub fn of(scenario: Scenario, report: &Report) -> Result<Failing, NothingToShrink> {
        Failing::known(scenario, report.verdict, Signature::of(report))
    }

    /// A seed that has been run.
    ///
    /// # Errors
    /// Why there is nothing to shrink.
    pub fn of_seed(result: &SeedResult) -> Result<Failing, NothingToShrink> {
        let scenario = scenario_of(result.profile, result.seed, result.drawing, &result.switches);
        Failing::known(scenario, result.verdict, result.signature.clone())
    }

    fn known(scenario: Scenario, verdict: Verdict, signature: Option<Signature>) -> Result<Failing, NothingToShrink> {
        match (verdict, signature) {
            (Verdict::Expectation, _) => Err(NothingToShrink::OnlyExpected),
            (Verdict::Nondeterminism, _) => Err(NothingToShrink::Nondeterminism),
            (Verdict::Pass, _) | (_, None) => Err(NothingToShrink::Passes),
            (Verdict::Safety | Verdict::Liveness | Verdict::Crash, Some(signature)) => {
                Ok(Failing { scenario, signature })
            }
        }
    }

    /// The same failure as a file of its own: under this name, with a title that says what it is.
    #[must_use]
    pub fn named(mut self, id: &str) -> Failing {
        let File { id: before, title, .. } = &mut self.scenario.file;
        *title = format!("{} (shrunk from {})", self.signature.in_short(), before.value);
        id.clone_into(&mut before.value);
        self
    }

    /// Makes it small and tells its story. `from` names where it comes from: a file, a seed. `listen` hears of each batch
    /// of candidates; whoever wants the best so far on disk writes it there. It ends the search; `until` ends that, the
    /// tries with other seeds and whatever runs for them. What was found by then is told, which takes one run more.
    pub fn shrunk(
        &self,
        from: &str,
        limits: Limits,
        until: &Until,
        listen: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Small {
        let searching = until.searching();
        let fails = |candidate: &Scenario| searching.fails_as(candidate, &self.signature);
        let beginning = without_words(&self.scenario);
        let is_written = !has_its_pace(&self.scenario.file);
        let pace = is_written.then(|| searching.pace_of(&beginning)).flatten();
        let paced = pace.map(|pace| with_pace(&beginning.file, &pace));
        let shrunk = shrink_from(&beginning, paced, limits, &fails, listen);
        let cut = searching.cut().filter(|_| !shrunk.finished);
        let fails_with = |seed| until.fails_as(&with_seed(&shrunk.scenario, seed), &self.signature);
        let other_seeds = OtherSeeds::try_all(fails_with, until);
        let deeds = |file: &File| file.steps.len() + file.interventions.len();
        let steps = (deeds(&self.scenario.file), deeds(&shrunk.scenario.file));
        let ended = match cut {
            Some(cut) => format!(" ({cut}: more may go)"),
            None if shrunk.finished => String::new(),
            None => " (ended early: more may go)".to_owned(),
        };
        let (before, after, runs) = (steps.0, steps.1, shrunk.runs);
        let origin = format!("Shrunk from {from}: {before} steps became {after} in {runs} runs{ended}. {other_seeds}");
        let text = tell(&shrunk.scenario, None).write(&shrunk.scenario, &origin);
        Small { shrunk, cut, steps, other_seeds, text }
    }
}

fn with_seed(scenario: &Scenario, seed: Seed) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.file.seed = Some(seed);
    scenario
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::scenario::run::{RunOptions, run};

    /// The leader answers before its followers have the record.
    const TOO_EARLY: &str = r#"
format = 1
id = "too-early"
title = "A leader that acknowledges before anybody else has the record"
seed = 1
[cluster]
brokers = 3
controllers = 3
latency = "10ms"
switches = ["ack-before-replication"]
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
config = { "min.insync.replicas" = 2 }
[[client]]
name = "p1"
producer = { acks = "all", "linger.ms" = 0, "trial.backoff.jitter" = false }
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", values = ["A"] }
[[step]]
within = "2s"
expect = { client = "p1", acked = 1 }
"#;

    fn failing() -> Failing {
        let scenario = Scenario::parse("too-early.toml", TOO_EARLY).unwrap_or_else(|invalid| panic!("{invalid}"));
        let report = run(&scenario, RunOptions::default(), &mut |_| true);
        Failing::of(scenario, &report).unwrap_or_else(|_| panic!("it fails: {report:?}"))
    }

    fn small(until: &Until) -> Small {
        let limits = Limits { runs: 30, jobs: NonZeroUsize::MIN };
        failing().shrunk("too-early.toml", limits, until, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn a_budget_that_is_over_leaves_what_fails_as_it_is_tries_no_other_seed_and_says_so() {
        let small = small(&Until::new(&|| false, Some(Duration::ZERO)));
        assert_eq!((small.shrunk.runs, small.cut, small.steps), (0, Some(Cut::Budget), (2, 2)));
        assert_eq!(small.other_seeds, OtherSeeds { tried: 0, failed: 0, cut: Some(Cut::Budget) });
        let said = "# Shrunk from too-early.toml: 2 steps became 2 in 0 runs (budget: more may go).";
        assert!(small.text.contains(said), "{}", small.text);
        assert!(small.text.contains("not tried with other seeds (budget)."), "{}", small.text);
    }

    #[test]
    fn whoever_asks_for_the_end_does_not_wait_for_the_candidate_under_way_and_it_counts_for_nothing() {
        let (asked, scenario) = (AtomicU64::new(0), failing().scenario);
        let until_asked = |times: u64| {
            asked.store(0, Ordering::Relaxed);
            let stopped = || asked.fetch_add(1, Ordering::Relaxed) >= times;
            Until::new(&stopped, None).play(&scenario)
        };
        assert!(until_asked(u64::MAX).is_some());
        let questions = asked.load(Ordering::Relaxed);
        assert!(questions > 2, "within a run the question is asked again and again: {questions}");
        assert!(until_asked(1).is_none(), "a run that was cut off has no answer");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "it was not run on");
        asked.store(0, Ordering::Relaxed);
        let stopped = || asked.fetch_add(1, Ordering::Relaxed) >= 1;
        let small = small(&Until::new(&stopped, None));
        assert_eq!((small.shrunk.runs, small.cut, small.steps), (0, Some(Cut::Interrupted), (2, 2)));
    }

    #[test]
    fn only_seeds_that_were_tried_are_counted_when_it_is_over() {
        let asked = AtomicU64::new(0);
        let tried = |questions: u64| {
            asked.store(0, Ordering::Relaxed);
            let stopped = || asked.fetch_add(1, Ordering::Relaxed) >= questions;
            OtherSeeds::try_all(|seed| Some(seed.0.is_multiple_of(2)), &Until::new(&stopped, None))
        };
        assert_eq!(tried(0).to_string(), "It was not tried with other seeds (interrupted).");
        assert_eq!(tried(3), OtherSeeds { tried: 3, failed: 1, cut: Some(Cut::Interrupted) });
        assert!(tried(3).to_string().starts_with("It fails with 1 of 3 other seeds (interrupted: "), "{}", tried(3));
        assert_eq!(tried(u64::MAX).to_string(), "It fails with 10 of 20 other seeds.");
    }
}
