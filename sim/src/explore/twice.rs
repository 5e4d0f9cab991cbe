//! One seed in fifty runs twice: the two must agree, and where they do not, the first step in which they part is shown.

use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64;

use super::{Outcome, Runner, SeedResult, really};
use crate::check::event_words;
use crate::scenario::{Finding, Report, Scenario, Seed, Signature, Verdict, What};

/// One seed in so many runs twice.
const ONE_IN: u64 = 50;

/// Whether a seed runs twice: drawn from the seed, so that every way to spread a campaign compares the same ones.
pub(crate) fn runs_twice(seed: Seed) -> bool {
    xxh3_64(&seed.0.to_le_bytes()).is_multiple_of(ONE_IN)
}

/// Takes in the second run of a seed. Two runs that differ are the worst that a campaign can find.
pub(super) fn compare(result: &mut SeedResult, one: &Outcome, other: &Outcome, runner: &Runner) {
    result.twice = true;
    if other.report == one.report && other.marks == one.marks {
        return;
    }
    let difference = difference_by(runner, &one.scenario).unwrap_or_else(|| "two more runs were equal".to_owned());
    let said = format!(
        "two runs of one seed differ: fingerprints {:016x} and {:016x}, {} and {} steps",
        one.report.fingerprint, other.report.fingerprint, one.report.steps, other.report.steps
    );
    let finding = Finding { what: What::TwoRuns { said, difference }, again: None };
    result.failures.insert(0, finding.told());
    let verdict = Verdict::Nondeterminism;
    result.verdict = verdict;
    result.signature = Signature::of(&Report { verdict, failures: vec![finding], ..Report::default() });
}

/// How many steps are shown before the one in which two runs part.
const CONTEXT: usize = 5;

/// Runs a scenario twice and shows the first step in which the runs differ, with the steps before it in both; none if
/// they are equal.
pub fn first_difference(scenario: &Scenario) -> Option<String> {
    difference_by(&really, scenario)
}

/// The same for runs by a runner of somebody's own.
pub(crate) fn difference_by(runner: &Runner, scenario: &Scenario) -> Option<String> {
    difference(&steps_by(runner, scenario), &steps_by(runner, scenario))
}

/// The first line in which two whole traces differ, below the lines before it, which are the same; none if they are equal.
pub fn difference(one: &[String], other: &[String]) -> Option<String> {
    let parts = one.iter().zip(other).position(|(a, b)| a != b);
    let index = parts.or_else(|| (one.len() != other.len()).then_some(one.len().min(other.len())))?;
    let from = index.saturating_sub(CONTEXT);
    let shown = |step: Option<&String>| step.map_or("(it is over)", String::as_str).to_owned();
    let same: String = one[from..index].iter().map(|step| format!("  {step}\n")).collect();
    let (one, other) = (shown(one.get(index)), shown(other.get(index)));
    Some(format!(
        "they part at world step {index}; the same in both:\n{same}in one:\n  {one}\nin the other:\n  {other}"
    ))
}

/// The whole trace of a run, each step on one line: its fingerprint, its time, what it was and what was said.
pub fn whole_trace(scenario: &Scenario) -> Vec<String> {
    steps_by(&really, scenario)
}

fn steps_by(runner: &Runner, scenario: &Scenario) -> Vec<String> {
    let mut steps = Vec::new();
    runner(scenario, &mut |_, step| {
        if let Some(step) = step {
            let (fingerprint, at) = (step.fingerprint, step.at.0);
            let said: Vec<String> = step.events.iter().map(event_words).collect();
            steps.push(format!("{fingerprint:016x} {at} us {:?} [{}] {:?}", step.kind, said.join("; "), step.facts));
        }
        ControlFlow::Continue(())
    });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_one_and_five_of_a_hundred_seeds_run_twice() {
        let twice = (0..10_000).filter(|seed| runs_twice(Seed(*seed))).count();
        assert!((100..=500).contains(&twice), "{twice} of 10000");
    }

    #[test]
    fn two_traces_part_at_their_first_difference_or_where_one_ends() {
        let trace = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(difference(&trace("a b c"), &trace("a b c")), None);
        let shown = difference(&trace("a b c d"), &trace("a b x d")).expect("they differ");
        let expected = "they part at world step 2; the same in both:\n  a\n  b\nin one:\n  c\nin the other:\n  x";
        assert_eq!(shown, expected);
        let shown = difference(&trace("a b"), &trace("a")).expect("one is longer");
        let expected = "they part at world step 1; the same in both:\n  a\nin one:\n  b\nin the other:\n  (it is over)";
        assert_eq!(shown, expected);
    }
}
