//! The search itself: the best scenario so far, the candidates, and how much was tried.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
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
    /// for nothing: they are not counted, so that a search is the same with one job or with many.
    pub(super) fn first_that_fails(&mut self, candidates: Vec<File>) -> Option<usize> {
        let mut candidates = candidates.into_iter().enumerate();
        loop {
            let batch: Vec<(usize, Scenario)> = candidates
                .by_ref()
                .filter_map(|(index, file)| Some((index, self.worth_a_run(&file)?)))
                .take(self.limits.jobs.get().min(self.limits.runs.saturating_sub(self.runs)))
                .collect();
            if batch.is_empty() || self.is_over() {
                return None;
            }
            let found = self.run_all(&batch).into_iter().position(|fails| fails);
            self.runs += found.map_or(batch.len(), |position| position + 1);
            let winner = found.and_then(|position| batch.into_iter().nth(position));
            let index = winner.map(|(index, scenario)| {
                self.best = scenario;
                self.improvements += 1;
                index
            });
            let progress = Progress { pass: self.pass, runs: self.runs, best: &self.best, smaller: index.is_some() };
            self.is_stopped |= (self.listen)(&progress).is_break();
            if index.is_some() {
                return index;
            }
        }
    }

    /// The candidate as a scenario, if it is valid and was not tried before.
    fn worth_a_run(&self, file: &File) -> Option<Scenario> {
        let text = print(file);
        if self.tried.contains(&digest(&text)) {
            return None;
        }
        Scenario::parse(&self.best.path, &text).ok()
    }

    /// Whether each candidate fails, all run at once.
    fn run_all(&mut self, batch: &[(usize, Scenario)]) -> Vec<bool> {
        self.tried.extend(batch.iter().map(|(_, scenario)| digest(&scenario.source)));
        let fails = self.fails;
        if let [(_, only)] = batch {
            return vec![fails(only)];
        }
        thread::scope(|scope| {
            let runs: Vec<_> = batch.iter().map(|(_, scenario)| scope.spawn(move || fails(scenario))).collect();
            runs.into_iter().map(|run| run.join().unwrap_or(false)).collect()
        })
    }
}

fn digest(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
