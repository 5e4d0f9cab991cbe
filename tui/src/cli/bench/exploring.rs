//! The rows of exploration: how long a failing seed takes to become small, and how fast the suite's seeds are.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trial_sim::internal::explore::{Campaign, Drawing, Farm, Hunt, Profile, SUITE_SEEDS, Shard, explore};
use trial_sim::internal::scenario::Verdict;
use trial_sim::internal::shrink::{Failing, Limits, Until};

use crate::cli::output::complain;
use crate::cli::{all_cores, interrupt};

/// The bug that is shrunk: what its museum piece switches on, and among how many seeds it is looked for.
const PIECE: &str = "REP-01";
const SWITCH: &str = "truncate-to-high-watermark";
const MOST_SEEDS: u64 = 200;

/// How many candidates may be run, as `trial shrink` has it.
const MOST_RUNS: usize = 5_000;

/// How long it may take on two cores.
const SHRINK_GOAL: Duration = Duration::from_secs(30);

/// How many of the suite's seeds are run, of each profile by its share.
const SAMPLE: u64 = 200;

/// How long all of the suite's seeds may take on two cores.
const SUITE_GOAL: Duration = Duration::from_secs(120);

/// What was measured of exploration.
#[derive(Clone, Debug)]
pub(super) struct Exploring {
    /// None if the bug was not found.
    shrunk: Option<Shrunk>,
    suite: Suite,
}

/// A failing seed made small, its story and its twenty other seeds included.
#[derive(Clone, Copy, Debug)]
struct Shrunk {
    wall: Duration,
    runs: usize,
    steps: (usize, usize),
}

/// A part of the suite's campaign.
#[derive(Clone, Copy, Debug)]
struct Suite {
    wall: Duration,
    seeds: u64,
    failed: u64,
}

impl Exploring {
    /// Measures the rows. None after Ctrl-C.
    pub(super) fn measure() -> Option<Exploring> {
        complain("a museum bug made small");
        let shrunk = shrunk();
        complain("seeds of the suite");
        let suite = suite();
        (!interrupt::asked()).then_some(Exploring { shrunk, suite })
    }

    /// Whether the bug was not found, or a seed of the suite failed.
    pub(super) fn failed(&self) -> bool {
        self.shrunk.is_none() || self.suite.failed > 0
    }

    pub(super) fn to_text(&self) -> String {
        let cores = all_cores();
        let shrink = match self.shrunk {
            None => format!("not measured: {PIECE} was not found in {MOST_SEEDS} seeds"),
            Some(Shrunk { wall, runs, steps: (before, after) }) => format!(
                "{:.1} s to make the first seed that finds {PIECE} small (goal <= {} s on two cores); {before} to {after} steps, \
                 {runs} candidates, {cores} at once",
                wall.as_secs_f64(),
                SHRINK_GOAL.as_secs(),
            ),
        };
        let Suite { wall, seeds, failed } = self.suite;
        format!(
            "shrink         {shrink}\n\
             suite          {:.0} s for its {SUITE_SEEDS} seeds at this rate (goal <= {} s on two cores); {seeds} of them ran, of each \
             profile by its share, {failed} failed, {:.1} seeds/s, {cores} at once\n",
            self.suite.whole().as_secs_f64(),
            SUITE_GOAL.as_secs(),
            seeds as f64 / wall.as_secs_f64(),
        )
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "jobs": all_cores().get(),
            "shrink": self.shrunk.map(|shrunk| json!({
                "piece": PIECE,
                "wall_ms": shrunk.wall.as_secs_f64() * 1e3,
                "candidates": shrunk.runs,
                "steps_found": shrunk.steps.0,
                "steps_shrunk": shrunk.steps.1,
                "goal_ms": SHRINK_GOAL.as_millis() as u64,
            })),
            "suite": {
                "seeds": self.suite.seeds,
                "failed": self.suite.failed,
                "wall_ms": self.suite.wall.as_secs_f64() * 1e3,
                "whole_ms": self.suite.whole().as_secs_f64() * 1e3,
                "goal_ms": SUITE_GOAL.as_millis() as u64,
            },
        })
    }
}

impl Suite {
    /// How long all seeds of the suite would take.
    fn whole(&self) -> Duration {
        self.wall.mul_f64(SUITE_SEEDS as f64 / self.seeds.max(1) as f64)
    }
}

/// The first find of the piece's first campaign, made small.
fn shrunk() -> Option<Shrunk> {
    let hunt = Hunt {
        piece: PIECE.to_owned(),
        profile: Profile::Default,
        drawing: Drawing::default(),
        switches: vec![SWITCH.to_owned()],
        most: MOST_SEEDS,
        jobs: all_cores(),
    };
    let found = hunt.campaign(0, &interrupt::asked).found()?;
    let failing = Failing::of(found.outcome.scenario, &found.outcome.report).ok()?;
    let limits = Limits { runs: MOST_RUNS, jobs: all_cores() };
    let started = Instant::now();
    let small =
        failing.shrunk("a bench", limits, &Until::new(&interrupt::asked, None), &mut |_| ControlFlow::Continue(()));
    Some(Shrunk { wall: started.elapsed(), runs: small.shrunk.runs, steps: small.steps })
}

fn suite() -> Suite {
    let mut all = Suite { wall: Duration::ZERO, seeds: 0, failed: 0 };
    for profile in Profile::ALL.iter().copied() {
        let farm = Farm {
            profile,
            drawing: Drawing::default(),
            switches: Vec::new(),
            seeds: 0..(SAMPLE * profile.share_of_suite()).div_ceil(100),
            shard: Shard::WHOLE,
            known: BTreeSet::new(),
            jobs: all_cores(),
            faithful_one_in: None,
        };
        let mut campaign = Campaign::default();
        let started = Instant::now();
        explore(&farm, &interrupt::asked, &|| false, &mut |result| campaign.add(&result));
        all.wall += started.elapsed();
        all.seeds += campaign.seeds;
        all.failed += u64::from(campaign.verdict != Verdict::Pass) * campaign.failed.max(1);
    }
    all
}
