//! From a failing run to a small file with its story: the shrinker as every caller uses it.
//!
//! ```text
//!   scenario that fails ─▶ signature ─▶ shrink, each smaller one told ─▶ other seeds ─▶ story ─▶ text of a regression
//! ```

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
    /// With how many of [`OTHER_SEEDS`] other seeds it fails in the same way.
    pub other_seeds: u64,
    /// The file: the scenario with its story above it and what was found in it.
    pub text: String,
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
        let fails_with = |seed: &u64| !stopped() && fails(&with_seed(&shrunk.scenario, Seed(*seed)));
        let other_seeds = (1..=OTHER_SEEDS).filter(fails_with).count() as u64;
        let steps = (self.scenario.file.steps.len(), shrunk.scenario.file.steps.len());
        let origin = format!(
            "Shrunk from {from}: {} steps became {} in {} runs. It fails with {other_seeds} of {OTHER_SEEDS} other seeds.",
            steps.0, steps.1, shrunk.runs,
        );
        let text = tell(&shrunk.scenario, None).write(&shrunk.scenario, &origin);
        Small { shrunk, steps, other_seeds, text }
    }
}

fn with_seed(scenario: &Scenario, seed: Seed) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.file.seed = Some(seed);
    scenario
}
