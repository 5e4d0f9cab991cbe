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

use super::pool::until_last;
use super::{Asked, Drawing, Outcome, Profile, run_until, scenario_of};
use crate::scenario::{Report, Scenario, Seed, Verdict};
use crate::shrink::{Limits, Progress, Until, shrink};

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

/// How a campaign ended.
#[derive(Clone, Debug)]
pub enum HuntEnd {
    /// A seed found the bug.
    Found(Box<Found>),
    /// All of its seeds were run, and none found it.
    NotFound,
    /// Somebody stopped it: what its other seeds would have found is not known.
    Stopped,
}

impl HuntEnd {
    /// The seed that found the bug, if one did.
    pub fn found(self) -> Option<Found> {
        match self {
            HuntEnd::Found(found) => Some(*found),
            HuntEnd::NotFound | HuntEnd::Stopped => None,
        }
    }
}

/// What one seed of a campaign came to.
enum Attempt {
    Finds(Box<Found>),
    Misses,
    Stopped,
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

    /// Runs a campaign.
    pub fn campaign(&self, campaign: u64, stopped: &Asked) -> HuntEnd {
        let first = self.first_seed(campaign).0;
        let attempt = |n| self.attempt(first, n, stopped);
        // Where one was stopped a later seed may have found it, and that one might have been the first.
        let is_last = |attempt: &Attempt| !matches!(attempt, Attempt::Misses);
        let mut attempts = until_last(self.jobs, 0..self.most, &attempt, &is_last, &mut |_| ControlFlow::Continue(()));
        match attempts.pop() {
            Some(Attempt::Finds(found)) => HuntEnd::Found(found),
            Some(Attempt::Stopped) => HuntEnd::Stopped,
            Some(Attempt::Misses) | None => HuntEnd::NotFound,
        }
    }

    fn attempt(&self, first: u64, n: u64, stopped: &Asked) -> Attempt {
        if stopped() {
            return Attempt::Stopped;
        }
        let run = |switches: &[String]| {
            run_until(scenario_of(self.profile, Seed(first + n), self.drawing, switches), stopped)
        };
        let Some(outcome) = run(&self.switches) else { return Attempt::Stopped };
        if !breaks_a_promise(&outcome.report) {
            return Attempt::Misses;
        }
        match run(&[]) {
            None => Attempt::Stopped,
            Some(without) if without.report.verdict == Verdict::Pass => {
                Attempt::Finds(Box::new(Found { seeds: n + 1, outcome }))
            }
            Some(_) => Attempt::Misses,
        }
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
    /// The smallest scenario that fails in the same way, as far as so many runs lead; none if somebody stopped it: how
    /// small it would have become is not known then.
    pub fn shrunk(&self, runs: usize, jobs: NonZeroUsize, stopped: &Asked) -> Option<Scenario> {
        let wanted = self.outcome.signature.as_ref()?;
        let until = Until::new(stopped, None);
        let fails = |candidate: &Scenario| until.fails_as(candidate, wanted);
        let mut listen = |_: &Progress| ControlFlow::Continue(());
        let shrunk = shrink(&self.outcome.scenario, Limits { runs, jobs }, &fails, &mut listen);
        (!stopped()).then_some(shrunk.scenario)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_median_of_five_is_the_third_and_campaigns_without_a_find_are_the_longest() {
        assert_eq!(median(&[Some(9), Some(1), None, Some(4), Some(2)]), Some(4));
        assert_eq!(median(&[None, Some(1), None, Some(4), None]), None);
    }

    fn hunt(piece: &str) -> Hunt {
        Hunt {
            piece: piece.to_owned(),
            profile: Profile::Lite,
            drawing: Drawing::default(),
            switches: Vec::new(),
            most: 1,
            jobs: NonZeroUsize::MIN,
        }
    }

    #[test]
    fn campaign_that_was_stopped_before_or_within_a_seed_says_so_and_one_that_ran_them_all_says_that() {
        let asked = AtomicU64::new(0);
        let after = |asks: u64| {
            asked.store(0, Ordering::Relaxed);
            hunt("REP-01").campaign(0, &|| asked.fetch_add(1, Ordering::Relaxed) >= asks)
        };
        assert!(matches!(after(0), HuntEnd::Stopped), "before its first seed");
        assert!(matches!(after(20), HuntEnd::Stopped), "within its first seed");
        assert_eq!(asked.load(Ordering::Relaxed), 21, "nothing was run on after that");
        assert!(matches!(after(u64::MAX), HuntEnd::NotFound), "without a switch nothing is found");
    }

    #[test]
    fn campaigns_of_a_piece_begin_at_seeds_of_their_own_that_a_file_can_say() {
        let mut first: Vec<u64> = (0..CAMPAIGNS).map(|k| hunt("REP-01").first_seed(k).0).collect();
        first.extend((0..CAMPAIGNS).map(|k| hunt("REP-02").first_seed(k).0));
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 2 * CAMPAIGNS as usize);
        assert!(first.iter().all(|seed| *seed < 1 << 48));
    }
}
