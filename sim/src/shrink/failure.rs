//! From a failing run to a small file with its story: the shrinker as every caller uses it.
//!
//! ```text
//!   scenario that fails ─▶ signature ─▶ shrink, each smaller one told ─▶ other seeds ─▶ story ─▶ text of a regression
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::{Limits, Progress, Shrunk, shrink, tell};
use crate::explore::{Asked, SeedResult, scenario_of};
use crate::scenario::run::{RunOptions, TraceKind, run};
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
    /// How many steps there were, and how many are left.
    pub steps: (usize, usize),
    /// What it does with other seeds.
    pub other_seeds: OtherSeeds,
    /// The file: the scenario with its story above it and what was found in it.
    pub text: String,
}

/// A small scenario with other seeds than its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherSeeds {
    /// With how many it was tried: [`OTHER_SEEDS`], or fewer if somebody asked for the end.
    pub tried: u64,
    /// With how many of those it fails in the same way.
    pub failed: u64,
}

impl OtherSeeds {
    /// Tries them in turn, until all are tried or somebody asks for the end.
    fn try_all(fails: impl Fn(Seed) -> bool, stopped: &Asked) -> OtherSeeds {
        let mut others = OtherSeeds::default();
        for seed in (1..=OTHER_SEEDS).map(Seed).take_while(|_| !stopped()) {
            others.tried += 1;
            others.failed += u64::from(fails(seed));
        }
        others
    }
}

impl fmt::Display for OtherSeeds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OtherSeeds { tried, failed } = self;
        match *tried {
            0 => write!(out, "It was not tried with other seeds (interrupted)."),
            OTHER_SEEDS => write!(out, "It fails with {failed} of {tried} other seeds."),
            _ => write!(
                out,
                "It fails with {failed} of {tried} other seeds (interrupted: {OTHER_SEEDS} were to be tried)."
            ),
        }
    }
}

/// Runs a scenario for what it comes to.
fn play(scenario: &Scenario) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run(scenario, options, &mut |_| true)
}

/// Whether a scenario fails as the signature says.
fn fails_as(scenario: &Scenario, signature: &Signature) -> bool {
    Signature::of(&play(scenario)).as_ref() == Some(signature)
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

    /// Makes it small and tells its story. `from` names where it comes from: a file, a seed. `listen` hears of each batch
    /// of candidates; whoever wants the best so far on disk writes it there. It ends the search, as `stopped` does;
    /// what was found by then is told.
    pub fn shrunk(
        &self,
        from: &str,
        limits: Limits,
        stopped: &Asked,
        listen: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Small {
        let fails = |candidate: &Scenario| fails_as(candidate, &self.signature);
        let shrunk = shrink(&self.scenario, limits, &fails, &mut |progress| {
            if stopped() { ControlFlow::Break(()) } else { listen(progress) }
        });
        // Whoever asks for the end does not want to wait for twenty more runs.
        let other_seeds = OtherSeeds::try_all(|seed| fails(&with_seed(&shrunk.scenario, seed)), stopped);
        let steps = (self.scenario.file.steps.len(), shrunk.scenario.file.steps.len());
        let origin =
            format!("Shrunk from {from}: {} steps became {} in {} runs. {other_seeds}", steps.0, steps.1, shrunk.runs);
        let text = tell(&shrunk.scenario, None).write(&shrunk.scenario, &origin);
        Small { shrunk, steps, other_seeds, text }
    }
}

fn with_seed(scenario: &Scenario, seed: Seed) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.file.seed = Some(seed);
    scenario
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn only_seeds_that_were_tried_are_counted_when_somebody_asks_for_the_end() {
        let asked = AtomicU64::new(0);
        let after = |runs: u64| move |asked: &AtomicU64| asked.fetch_add(1, Ordering::Relaxed) >= runs;
        let tried = |runs: u64| {
            asked.store(0, Ordering::Relaxed);
            OtherSeeds::try_all(|seed| seed.0.is_multiple_of(2), &|| after(runs)(&asked))
        };
        assert_eq!(tried(0).to_string(), "It was not tried with other seeds (interrupted).");
        assert_eq!(tried(3), OtherSeeds { tried: 3, failed: 1 });
        assert!(tried(3).to_string().starts_with("It fails with 1 of 3 other seeds (interrupted: "), "{}", tried(3));
        assert_eq!(tried(u64::MAX).to_string(), "It fails with 10 of 20 other seeds.");
    }
}
