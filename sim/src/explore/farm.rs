//! The farm: seeds in parallel, each world on a fresh thread, to a result that does not depend on how many ran at once.
//!
//! ```text
//!   next seed ──▶ worker ─┬─▶ world on a fresh thread ─▶ result ──▶ who asked
//!   (shared by all)       └─▶ the same again, for one seed in fifty: both must agree
//! ```

use std::collections::BTreeSet;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;

use super::faithful::{is_sampled, run_faithful};
use super::pool::share_out;
use super::twice::{compare, runs_twice};
use super::{Drawing, Profile, Runner, SeedResult, really, run_until_by, scenario_of};
use crate::scenario::{Seed, Verdict};

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

    /// Whether it takes any of these seeds.
    pub fn takes_any_of(self, seeds: &Range<u64>) -> bool {
        self.of(seeds).next().is_some()
    }

    /// Those of the seeds that it takes, in order. They end before the last number there is: none comes after it.
    fn of(self, seeds: &Range<u64>) -> impl Iterator<Item = u64> + use<> {
        let first = seeds.start % self.count;
        let ahead = if first <= self.index { self.index - first } else { self.count - (first - self.index) };
        let start = seeds.start.checked_add(ahead).unwrap_or(seeds.end);
        let step = usize::try_from(self.count).unwrap_or(usize::MAX);
        (start..seeds.end).step_by(step)
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
    /// Those that have been run before, and are not run again.
    pub known: BTreeSet<Seed>,
    /// Of the seeds that pass with the hazards of Kafka 4.1 mended, one in so many is run once more without that; none
    /// runs no seed so.
    pub faithful_one_in: Option<NonZeroU64>,
}

/// A question that is asked again and again, on every worker's thread.
pub type Asked<'a> = dyn Fn() -> bool + Sync + 'a;

/// Runs the seeds. When it is `stopped`, runs under way are given up and what is finished is kept; when it is `closing`,
/// they are finished and no new one begins. `finished` is told each result, in the order in which they come.
pub fn explore(farm: &Farm, stopped: &Asked, closing: &Asked, finished: &mut dyn FnMut(SeedResult)) {
    explore_by(&really, farm, stopped, closing, finished);
}

/// The same by another runner.
fn explore_by(runner: &Runner, farm: &Farm, stopped: &Asked, closing: &Asked, finished: &mut dyn FnMut(SeedResult)) {
    let seeds = farm.shard.of(&farm.seeds).map(Seed).filter(|seed| !farm.known.contains(seed));
    let work = |seed| if stopped() || closing() { None } else { run_one(runner, farm, seed, stopped) };
    share_out(farm.jobs, seeds, &work, finished);
}

/// None if it was stopped before the seed had run. What is run once more beside it is left out when that is cut off: what was found
/// stays found.
fn run_one(runner: &Runner, farm: &Farm, seed: Seed, stopped: &Asked) -> Option<SeedResult> {
    let scenario = scenario_of(farm.profile, seed, farm.drawing, &farm.switches);
    let outcome = run_until_by(runner, scenario, stopped)?;
    let mut result = SeedResult::of(farm, seed, &outcome);
    if runs_twice(seed)
        && let Some(again) = run_until_by(runner, outcome.scenario.clone(), stopped)
    {
        compare(&mut result, &outcome, &again, runner);
    }
    if result.verdict == Verdict::Pass
        && !farm.drawing.faithful
        && is_sampled(seed, farm.faithful_one_in)
        && let Some(faithful) = run_faithful(&outcome.scenario, stopped)
    {
        result.excused.extend(faithful.excuse().map(|excuse| excuse.to_string()));
        result.faithful = Some(faithful);
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::scenario::run::Watcher;
    use crate::scenario::{Report, Scenario};

    #[test]
    fn shards_share_the_seeds_out_and_a_part_that_does_not_exist_is_refused() {
        let parts: Vec<Shard> = (0..3).map(|index| Shard { index, count: 3 }).collect();
        let ranges = (0..8).flat_map(|start| (start..12).map(move |end| start..end));
        for seeds in ranges.chain(std::iter::once(u64::MAX - 5..u64::MAX)) {
            let mut all = Vec::new();
            for shard in &parts {
                let taken: Vec<u64> = shard.of(&seeds).collect();
                assert!(taken.iter().all(|seed| seed % 3 == shard.index), "{shard:?} of {seeds:?}: {taken:?}");
                assert_eq!(shard.takes_any_of(&seeds), !taken.is_empty(), "{shard:?} of {seeds:?}");
                all.extend(taken);
            }
            all.sort_unstable();
            assert_eq!(all, seeds.collect::<Vec<_>>());
        }
        assert_eq!(Shard::parse("2/8"), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["8/8", "1", "a/b", "0/0", "-1/2"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn farm(seeds: Range<u64>, jobs: usize) -> Farm {
        Farm {
            profile: Profile::Lite,
            drawing: Drawing::default(),
            switches: Vec::new(),
            seeds,
            shard: Shard::WHOLE,
            known: BTreeSet::new(),
            jobs: NonZeroUsize::new(jobs).expect("at least one job"),
            faithful_one_in: None,
        }
    }

    #[test]
    fn at_the_largest_seeds_every_worker_comes_to_the_end_and_no_foreign_seed_is_run() {
        let seeds = u64::MAX - 3..u64::MAX;
        let ended = |scenario: &Scenario, _: &mut Watcher| Report {
            seed: scenario.file.seed.expect("a seed says its number"),
            ..Report::default()
        };
        let begun = AtomicU64::new(0);
        // Whoever runs on is ended by this, long after the three seeds that there are.
        let enough = || begun.fetch_add(1, Ordering::Relaxed) > 100;
        let mut ran = Vec::new();
        explore_by(&ended, &farm(seeds.clone(), 4), &|| false, &enough, &mut |result| ran.push(result.seed.0));
        ran.sort_unstable();
        assert_eq!(ran, seeds.collect::<Vec<_>>());
    }

    /// Ctrl-C comes while a seed that failed is run for the second time.
    #[test]
    fn what_a_seed_has_shown_is_kept_when_its_second_run_is_cut_off() {
        let twice = (0..).find(|seed| runs_twice(Seed(*seed))).expect("some seed runs twice");
        let runs = AtomicU64::new(0);
        let failing = |scenario: &Scenario, watcher: &mut Watcher| {
            if runs.fetch_add(1, Ordering::Relaxed) > 0 {
                return really(scenario, watcher);
            }
            let seed = scenario.file.seed.expect("a seed says its number");
            Report { seed, verdict: Verdict::Safety, ..Report::default() }
        };
        let in_second_run = || runs.load(Ordering::Relaxed) > 1;
        let mut results = Vec::new();
        let mut keep = |result| results.push(result);
        explore_by(&failing, &farm(twice..twice + 1, 1), &in_second_run, &|| false, &mut keep);
        let [result] = results.as_slice() else { panic!("one seed, one result: {results:?}") };
        assert_eq!((result.verdict, result.twice), (Verdict::Safety, false));
    }

    /// A world that is not deterministic: every other run of a seed does its last step a microsecond later, as if a
    /// machine had read a clock.
    #[test]
    fn nondeterminism_is_found_by_the_seeds_that_run_twice_and_shown_at_its_first_event() {
        let twice = (0..).find(|seed| runs_twice(Seed(*seed))).expect("some seed runs twice");
        let farm = farm(twice..twice + 1, 1);
        let runs = AtomicU64::new(0);
        let runner = |scenario: &Scenario, watcher: &mut Watcher| {
            let mut scenario = scenario.clone();
            if runs.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
                let end = scenario.file.until.as_mut().expect("a seed says how long it lasts");
                end.value.micros += 1;
            }
            really(&scenario, watcher)
        };
        let mut results = Vec::new();
        explore_by(&runner, &farm, &|| false, &|| false, &mut |result| results.push(result));
        let [result] = results.as_slice() else { panic!("one seed, one result") };
        assert_eq!((result.verdict, result.twice), (Verdict::Nondeterminism, true), "{:?}", result.failures);
        let shown = &result.failures[0];
        let (same, parts) =
            shown.split_once("; the same in both:\n").and_then(|(_, rest)| rest.split_once("in one:\n")).expect(shown);
        assert_eq!(same.lines().count(), 5, "five steps of context: {shown}");
        let (one, other) = parts.split_once("\nin the other:\n").expect(shown);
        assert!(
            one.lines().count() == 1 && other.lines().count() == 1 && one != other,
            "and the one that differs: {shown}"
        );

        let mut honest = Vec::new();
        explore(&farm, &|| false, &|| false, &mut |result| honest.push(result));
        assert!(honest.iter().all(|result| result.twice && result.verdict != Verdict::Nondeterminism));
    }
}
