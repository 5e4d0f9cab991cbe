//! The farm: seeds in parallel, each world on a fresh thread, to a result that does not depend on how many ran at once.
//!
//! ```text
//!   next seed ──▶ worker ─┬─▶ world on a fresh thread ─▶ result ──▶ who asked
//!   (shared counter)      └─▶ the same again, for one seed in fifty: both must agree
//! ```

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use xxhash_rust::xxh3::xxh3_64;

use super::{Drawing, Outcome, Profile, SeedResult, run_until, scenario_of};
use crate::scenario::run::{RunOptions, TraceKind, run_watched};
use crate::scenario::{Report, Scenario, Seed, Signature, Verdict};

/// One of several parts of a campaign: the seeds whose number leaves `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, from 0.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl Shard {
    /// The whole campaign.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Reads `2/8`: the third of eight parts.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Shard, String> {
        let expected = || format!("expected a part and how many there are, such as 0/8 to 7/8, found {text:?}");
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        let (index, count) = (index.parse().map_err(|_| expected())?, count.parse().map_err(|_| expected())?);
        if index < count { Ok(Shard { index, count }) } else { Err(expected()) }
    }

    fn takes(self, seed: u64) -> bool {
        seed % self.count == self.index
    }
}

/// Which seeds to run, and how.
#[derive(Clone, Debug)]
pub struct Farm {
    /// What the scenarios are drawn from.
    pub profile: Profile,
    /// How they are drawn.
    pub drawing: Drawing,
    /// Deliberate bugs and older behaviour, on every broker and controller.
    pub switches: Vec<String>,
    /// The seeds.
    pub seeds: Range<u64>,
    /// Which of them.
    pub shard: Shard,
    /// How many worlds at once.
    pub jobs: NonZeroUsize,
}

/// A question that is asked again and again, on every worker's thread.
pub type Asked<'a> = dyn Fn() -> bool + Sync + 'a;

/// One seed in so many runs twice.
const TWICE_ONE_IN: u64 = 50;

/// Runs the seeds. When it is `stopped`, runs under way are given up and what is finished is kept; when it is `closing`,
/// they are finished and no new one begins. `finished` is told each result, in the order in which they come.
pub fn explore(farm: &Farm, stopped: &Asked, closing: &Asked, finished: &mut dyn FnMut(SeedResult)) {
    let next = AtomicU64::new(farm.seeds.start);
    std::thread::scope(|scope| {
        let (results, arriving) = mpsc::channel();
        for _ in 0..farm.jobs.get() {
            let (results, next) = (results.clone(), &next);
            scope.spawn(move || {
                while let Some(seed) = next_seed(farm, next, &|| stopped() || closing()) {
                    let Some(result) = run_one(farm, seed, stopped) else { return };
                    if results.send(result).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for result in arriving {
            finished(result);
        }
    });
}

fn next_seed(farm: &Farm, next: &AtomicU64, stopped: &Asked) -> Option<Seed> {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= farm.seeds.end || stopped() {
            return None;
        }
        if farm.shard.takes(seed) {
            return Some(Seed(seed));
        }
    }
}

/// Whether a seed runs twice: drawn from the seed, so that every way to spread a campaign compares the same ones.
fn runs_twice(seed: Seed) -> bool {
    xxh3_64(&seed.0.to_le_bytes()).is_multiple_of(TWICE_ONE_IN)
}

fn run_one(farm: &Farm, seed: Seed, stopped: &Asked) -> Option<SeedResult> {
    let scenario = scenario_of(farm.profile, seed, farm.drawing, &farm.switches);
    let outcome = run_until(scenario, stopped)?;
    let mut result = SeedResult::of(farm.profile, seed, &outcome);
    if runs_twice(seed) {
        let again = run_until(outcome.scenario.clone(), stopped)?;
        result.twice = true;
        if again.report != outcome.report || again.marks != outcome.marks {
            condemn(&mut result, &outcome, &again);
        }
    }
    Some(result)
}

/// Two runs of one seed differ.
fn condemn(result: &mut SeedResult, one: &Outcome, other: &Outcome) {
    let difference = first_difference(&one.scenario);
    let failure = format!(
        "two runs of one seed differ: fingerprints {:016x} and {:016x}, {} and {} steps\n{difference}",
        one.report.fingerprint, other.report.fingerprint, one.report.steps, other.report.steps
    );
    // The fingerprints are a matter of chance: what the failure has in common with others is that there are two.
    let sentence = "two runs of one seed differ".to_owned();
    let verdict = Verdict::Nondeterminism;
    result.verdict = verdict;
    result.signature = Signature::of(&Report { verdict, failures: vec![sentence], ..Report::default() });
    result.failures.insert(0, failure);
}

/// How many steps are shown before the one in which two runs part.
const CONTEXT: usize = 5;

/// Runs a scenario twice more and shows the first step in which the runs differ, with the steps before it.
pub fn first_difference(scenario: &Scenario) -> String {
    let (one, other) = (steps_in_words(scenario), steps_in_words(scenario));
    let parts = one.iter().zip(&other).position(|(a, b)| a != b);
    let Some(index) = parts.or_else(|| (one.len() != other.len()).then_some(one.len().min(other.len()))) else {
        return "two more runs were equal".to_owned();
    };
    let from = index.saturating_sub(CONTEXT);
    let shown = |steps: &[String]| steps[from..steps.len().min(index + 1)].join("\n  ");
    format!("they part at world step {index}\none:\n  {}\nother:\n  {}", shown(&one), shown(&other))
}

/// Each step on one line: its fingerprint, its time, what it was and what was said.
fn steps_in_words(scenario: &Scenario) -> Vec<String> {
    let mut steps = Vec::new();
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run_watched(scenario, options, &mut |_| true, &mut |_, step| {
        if let Some(step) = step {
            let (fingerprint, at) = (step.fingerprint, step.at.0);
            steps.push(format!("{fingerprint:016x} {at} us {:?} {:?} {:?}", step.kind, step.events, step.facts));
        }
        std::ops::ControlFlow::Continue(())
    });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_the_seeds_out_and_a_part_that_does_not_exist_is_refused() {
        let parts: Vec<Shard> = (0..3).map(|index| Shard { index, count: 3 }).collect();
        for seed in 0..100 {
            assert_eq!(parts.iter().filter(|shard| shard.takes(seed)).count(), 1);
        }
        assert_eq!(Shard::parse("2/8"), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["8/8", "1", "a/b", "0/0", "-1/2"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn between_one_and_five_of_a_hundred_seeds_run_twice() {
        let twice = (0..10_000).filter(|seed| runs_twice(Seed(*seed))).count();
        assert!((100..=500).contains(&twice), "{twice} of 10000");
    }
}
