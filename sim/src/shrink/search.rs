//! The search itself: the best scenario so far, the candidates, and how much was tried.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::{Fails, Limits, Progress, Shrunk};
use crate::explore::until_last;
use crate::scenario::Scenario;
use crate::scenario::format::File;
use crate::scenario::print::print;

/// A search under way. `best` fails, always.
pub(super) struct Search<'a> {
    best: Scenario,
    limits: Limits,
    fails: &'a Fails<'a>,
    listen: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    pass: &'static str,
    runs: usize,
    improvements: usize,
    is_stopped: bool,
    /// The texts that were tried, so that nothing is tried twice.
    tried: BTreeSet<u64>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        best: Scenario,
        limits: Limits,
        fails: &'a Fails<'a>,
        listen: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Self {
        let tried = BTreeSet::from([digest(&print(&best.file))]);
        Search { best, limits, fails, listen, pass: "", runs: 0, improvements: 0, is_stopped: false, tried }
    }

    /// The smallest file so far.
    pub(super) fn best(&self) -> &File {
        &self.best.file
    }

    /// How often the best has become smaller.
    pub(super) fn improvements(&self) -> usize {
        self.improvements
    }

    /// Whether nothing more may be tried.
    pub(super) fn is_over(&self) -> bool {
        self.is_stopped || self.runs >= self.limits.runs
    }

    /// Another pass begins.
    pub(super) fn begin(&mut self, pass: &'static str) {
        self.pass = pass;
    }

    /// The search ends.
    pub(super) fn end(self) -> Shrunk {
        let finished = !self.is_over();
        Shrunk { scenario: self.best, runs: self.runs, finished }
    }

    /// Makes a candidate the best if it still fails.
    pub(super) fn accepts(&mut self, candidate: File) -> bool {
        self.first_that_fails(vec![candidate]).is_some()
    }

    /// The first candidate, in order, that still fails; it becomes the best. Candidates behind it may have been run
    /// for nothing: they are not counted and may be tried again, so that a search is the same with one job or with many.
    pub(super) fn first_that_fails(&mut self, candidates: Vec<File>) -> Option<usize> {
        if self.is_over() {
            return None;
        }
        let (limits, before, pass, fails) = (self.limits, self.runs, self.pass, self.fails);
        let (best, tried, listen) = (&self.best, &self.tried, &mut self.listen);
        let mut handed_out = BTreeSet::new();
        // None twice, and none that is no valid scenario.
        let worth_a_run = candidates.into_iter().enumerate().filter_map(|(index, file)| {
            let text = print(&file);
            let is_new = !tried.contains(&digest(&text)) && handed_out.insert(digest(&text));
            let scenario = is_new.then(|| Scenario::parse(&best.path, &text).ok()).flatten()?;
            Some(Candidate { index, scenario })
        });
        let left = worth_a_run.take(limits.runs.saturating_sub(before));
        let run = |candidate: Candidate| (fails(&candidate.scenario), candidate);
        let is_last = |(fails, _): &(Option<bool>, Candidate)| *fails != Some(false);
        let (mut runs, mut is_stopped) = (before, false);
        let results = until_last(limits.jobs, left, &run, &is_last, &mut |result| {
            if is_last(result) {
                return ControlFlow::Continue(());
            }
            runs += 1;
            let heard = listen(&Progress { pass, runs, best, smaller: false });
            is_stopped |= heard.is_break();
            heard
        });
        self.is_stopped |= is_stopped;
        self.take_in(results)
    }

    /// Counts what came, up to the first that failed or was cut off.
    fn take_in(&mut self, results: Vec<(Option<bool>, Candidate)>) -> Option<usize> {
        for (fails, Candidate { index, scenario }) in results {
            let Some(fails) = fails else {
                self.is_stopped = true;
                return None;
            };
            self.runs += 1;
            self.tried.insert(digest(&scenario.source));
            if fails {
                self.best = scenario;
                self.improvements += 1;
                let progress = Progress { pass: self.pass, runs: self.runs, best: &self.best, smaller: true };
                self.is_stopped |= (self.listen)(&progress).is_break();
                return Some(index);
            }
        }
        None
    }
}

/// A smaller scenario that may still fail.
struct Candidate {
    /// Its place among those that were proposed together.
    index: usize,
    scenario: Scenario,
}

fn digest(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    const START: &str = r#"
format = 1
id = "start"
title = "What is made smaller"
until = "10s"
[cluster]
combined = 1
"#;

    /// The start with another title.
    fn titled(title: &str) -> File {
        let text = START.replace("What is made smaller", title);
        Scenario::parse("start.toml", &text).unwrap_or_else(|invalid| panic!("{invalid}")).file
    }

    /// Runs what is asked of a search with so many jobs; what it came to, and how many runs that took.
    fn with_jobs<T>(jobs: usize, fails: &Fails, asked: impl FnOnce(&mut Search) -> T) -> (T, usize) {
        let best = Scenario::parse("start.toml", START).unwrap_or_else(|invalid| panic!("{invalid}"));
        let limits = Limits { runs: 100, jobs: NonZeroUsize::new(jobs).expect("at least one") };
        let mut listen = |_: &Progress| ControlFlow::Continue(());
        let mut search = Search::new(best, limits, fails, &mut listen);
        let answer = asked(&mut search);
        (answer, search.runs)
    }

    #[test]
    fn of_two_equal_candidates_one_is_run_however_many_run_at_once() {
        let fails: &Fails = &|scenario| Some(scenario.file.title == "c");
        for jobs in 1..=4 {
            let candidates = ["a", "a", "b", "a", "c"].map(titled).to_vec();
            let came = with_jobs(jobs, fails, |search| search.first_that_fails(candidates));
            assert_eq!(came, (Some(4), 3), "{jobs} jobs");
        }
    }

    #[test]
    fn what_ran_behind_the_first_that_fails_may_be_tried_again_however_many_run_at_once() {
        let fails: &Fails = &|scenario| Some(scenario.file.title != "a");
        for jobs in 1..=4 {
            let came = with_jobs(jobs, fails, |search| {
                let first = search.first_that_fails(["a", "b", "c"].map(titled).to_vec());
                (first, search.accepts(titled("c")))
            });
            assert_eq!(came, ((Some(1), true), 3), "{jobs} jobs");
        }
    }

    /// A mistake of Trial's own, outside of any world: nobody may take it for a scenario that passes.
    #[test]
    fn a_candidate_that_breaks_the_shrinker_itself_is_no_answer_however_many_run_at_once() {
        let fails: &Fails =
            &|scenario| if scenario.file.title == "b" { panic!("a mistake of its own") } else { Some(false) };
        for jobs in 1..=3 {
            let candidates = ["a", "b", "c"].map(titled).to_vec();
            let search = || with_jobs(jobs, fails, |search| search.first_that_fails(candidates));
            let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(search));
            let said = broken.err().and_then(|panic| panic.downcast_ref::<&str>().copied());
            assert_eq!(said, Some("a mistake of its own"), "{jobs} jobs");
        }
    }
}
