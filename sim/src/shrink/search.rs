//! The search itself: the best scenario so far, the candidates, and how much was tried.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::thread;

use super::{Fails, Limits, Progress, Shrunk};
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
        let mut candidates = candidates.into_iter().enumerate();
        loop {
            let batch = self.next_batch(&mut candidates);
            if batch.is_empty() || self.is_over() {
                return None;
            }
            let mut found = None;
            for ((index, scenario), fails) in batch.iter().zip(self.run_all(&batch)) {
                let Some(fails) = fails else {
                    self.is_stopped = true;
                    break;
                };
                self.runs += 1;
                self.tried.insert(digest(&scenario.source));
                if fails {
                    self.best = scenario.clone();
                    self.improvements += 1;
                    found = Some(*index);
                    break;
                }
            }
            let progress = Progress { pass: self.pass, runs: self.runs, best: &self.best, smaller: found.is_some() };
            self.is_stopped |= (self.listen)(&progress).is_break();
            if found.is_some() {
                return found;
            }
        }
    }

    /// As many candidates as may run at once, each with its number; none twice.
    fn next_batch(&self, candidates: &mut impl Iterator<Item = (usize, File)>) -> Vec<(usize, Scenario)> {
        let most = self.limits.jobs.get().min(self.limits.runs.saturating_sub(self.runs));
        let mut batch: Vec<(usize, Scenario)> = Vec::with_capacity(most);
        while batch.len() < most {
            let Some((index, file)) = candidates.next() else { break };
            let is_new = |scenario: &Scenario| batch.iter().all(|(_, other)| other.source != scenario.source);
            if let Some(scenario) = self.worth_a_run(&file).filter(is_new) {
                batch.push((index, scenario));
            }
        }
        batch
    }

    /// The candidate as a scenario, if it is valid and was not tried before.
    fn worth_a_run(&self, file: &File) -> Option<Scenario> {
        let text = print(file);
        if self.tried.contains(&digest(&text)) {
            return None;
        }
        Scenario::parse(&self.best.path, &text).ok()
    }

    /// Whether each candidate fails, all run at once; none for what was cut off.
    fn run_all(&self, batch: &[(usize, Scenario)]) -> Vec<Option<bool>> {
        let fails = self.fails;
        if let [(_, only)] = batch {
            return vec![fails(only)];
        }
        thread::scope(|scope| {
            let runs: Vec<_> = batch.iter().map(|(_, scenario)| scope.spawn(move || fails(scenario))).collect();
            // What breaks outside of a world is no answer to anything.
            runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    }
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
