//! Hunting a known bug: how many seeds plain exploration needs before a check sees it, and how small the story gets.
//!
//! ```text
//!   piece, campaign k ─▶ first seed = hash(piece, k) ─▶ seed, seed + 1, … ─▶ a promise breaks with the switches,
//!                                                                            and passes without them: found
//!   median of five campaigns = the museum's number
//! ```
//!
//! The generator reads no switches, so each seed is the same scenario with the bug and without
//! it. What counts is a property that is seen from outside (verdicts *safety* and *liveness*):
//! an assertion of a machine may stand in the code that carries the switch, and proves nothing.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use xxhash_rust::xxh3::xxh3_64;

use super::{Asked, Drawing, Outcome, Profile, run_seed};
use crate::scenario::run::{RunOptions, TraceKind, run};
use crate::scenario::{Report, Scenario, Seed, Signature, Verdict};
use crate::shrink::{Limits, shrink};

/// How many campaigns a hunt has: their median says more than one lucky seed.
pub const CAMPAIGNS: u64 = 5;

/// Which bug is hunted, and how.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The piece's number: every piece has seeds of its own.
    pub piece: String,
    /// What the scenarios are drawn from.
    pub profile: Profile,
    /// How they are drawn.
    pub drawing: Drawing,
    /// The switches that bring the bug back.
    pub switches: Vec<String>,
    /// After how many seeds a campaign gives up.
    pub most: u64,
    /// How many worlds at once. What comes out does not depend on it.
    pub jobs: NonZeroUsize,
}

/// A seed that found the bug.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many seeds it took, this one included.
    pub seeds: u64,
    /// What it came to.
    pub outcome: Outcome,
}

impl Hunt {
    /// The hunt for the bug of a piece of the museum, where the piece says that it is to be looked for; none if it has no
    /// bug.
    pub fn of(piece: &Scenario, most: u64, jobs: NonZeroUsize) -> Option<Hunt> {
        let museum = piece.file.museum.as_ref().filter(|museum| !museum.switches.is_empty())?;
        let named = museum.profile.as_ref().map_or(Profile::default().name(), |profile| profile.value.as_str());
        Some(Hunt {
            piece: museum.piece.value.clone(),
            profile: Profile::ALL.iter().copied().find(|profile| profile.name() == named)?,
            drawing: Drawing { faithful: museum.faithful, ..Drawing::default() },
            switches: museum.switches.iter().map(|switch| switch.value.clone()).collect(),
            most,
            jobs,
        })
    }

    /// The first seed of a campaign; the others follow it. Seeds have 48 bits, so that a file can say them.
    pub fn first_seed(&self, campaign: u64) -> Seed {
        Seed(xxh3_64(format!("{} {campaign}", self.piece).as_bytes()) >> 16)
    }

    /// Runs a campaign; none if its seeds did not suffice, or somebody stopped it.
    pub fn campaign(&self, campaign: u64, stopped: &Asked) -> Option<Found> {
        let first = self.first_seed(campaign).0;
        let jobs = self.jobs.get() as u64;
        let mut tried = 0;
        while tried < self.most && !stopped() {
            let together = tried..(tried + jobs).min(self.most);
            let results: Vec<Option<Found>> = std::thread::scope(|scope| {
                let workers: Vec<_> = together.map(|n| scope.spawn(move || self.attempt(first, n))).collect();
                workers.into_iter().map(|worker| worker.join().expect("a panic of a world is caught in it")).collect()
            });
            if let Some(found) = results.into_iter().flatten().next() {
                return Some(found);
            }
            tried += jobs;
        }
        None
    }

    fn attempt(&self, first: u64, n: u64) -> Option<Found> {
        let run = |switches: &[String]| run_seed(self.profile, Seed(first + n), self.drawing, switches);
        let outcome = run(&self.switches);
        let is_the_bug = breaks_a_promise(&outcome.report) && run(&[]).report.verdict == Verdict::Pass;
        is_the_bug.then_some(Found { seeds: n + 1, outcome })
    }
}

/// Whether a check saw something from outside.
fn breaks_a_promise(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Safety | Verdict::Liveness)
}

/// The median of campaigns; none if more than half of them found nothing.
pub fn median(needed: &[Option<u64>]) -> Option<u64> {
    let mut sorted: Vec<u64> = needed.iter().map(|seeds| seeds.unwrap_or(u64::MAX)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().filter(|seeds| *seeds != u64::MAX)
}

impl Found {
    /// The smallest scenario that fails in the same way, as far as so many runs lead.
    pub fn shrunk(&self, runs: usize, jobs: NonZeroUsize, stopped: &Asked) -> Scenario {
        let wanted = &self.outcome.signature;
        let fails = |candidate: &Scenario| {
            let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
            Signature::of(&run(candidate, options, &mut |_| true)) == *wanted
        };
        let mut listen = |_: &crate::shrink::Progress| {
            if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        shrink(&self.outcome.scenario, Limits { runs, jobs }, &fails, &mut listen).scenario
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_five_is_the_third_and_campaigns_without_a_find_are_the_longest() {
        assert_eq!(median(&[Some(9), Some(1), None, Some(4), Some(2)]), Some(4));
        assert_eq!(median(&[None, Some(1), None, Some(4), None]), None);
    }

    #[test]
    fn campaigns_of_a_piece_begin_at_seeds_of_their_own_that_a_file_can_say() {
        let hunt = |piece: &str| Hunt {
            piece: piece.to_owned(),
            profile: Profile::Default,
            drawing: Drawing::default(),
            switches: Vec::new(),
            most: 1,
            jobs: NonZeroUsize::MIN,
        };
        let mut first: Vec<u64> = (0..CAMPAIGNS).map(|k| hunt("REP-01").first_seed(k).0).collect();
        first.extend((0..CAMPAIGNS).map(|k| hunt("REP-02").first_seed(k).0));
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 2 * CAMPAIGNS as usize);
        assert!(first.iter().all(|seed| *seed < 1 << 48));
    }
}
