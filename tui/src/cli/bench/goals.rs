//! The rows beside R1: does a run cost more where there is more, what does idling cost, and how
//! long does a jump into a recording take.
//!
//! Each row says what was counted, and has its goal beside it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trial_sim::internal::bench::{CLEANED_RECORDS, DirtyLog, GROWN, IDLE, IDLE_PATH, R1, R1_PATH, digest};
use trial_sim::internal::scenario::run::{Counts, Measure, recorded, run_measured};
use trial_sim::internal::scenario::{Scenario, Seed, Span, Verdict};

use super::exploring::Exploring;
use super::group::Groups;
use crate::cli::interrupt;
use crate::cli::output::complain;

/// How often each run is timed. The middle one counts.
pub(super) const ROUNDS: usize = 3;

/// How many steps are jumped to. They are spread by the golden ratio, the same in every bench.
const JUMPS: u64 = 40;

/// How long the recording is that is jumped into, from time zero.
const RECORDED: Span = Span { micros: 60_000_000 };

/// How much more an event may cost where there is more of something.
const GROWTH_GOAL: f64 = 1.5;
/// How long ten idle minutes may take.
const IDLE_GOAL: Duration = Duration::from_millis(50);
/// How long a jump may take.
const JUMP_GOAL: Duration = Duration::from_millis(50);

/// A timed run without recording.
#[derive(Clone, Copy, Debug)]
struct Timed {
    wall: Duration,
    counts: Counts,
    verdict: Verdict,
}

impl Timed {
    fn nanos_per(&self, count: u64) -> f64 {
        self.wall.as_secs_f64() * 1e9 / count.max(1) as f64
    }
}

/// What was measured beside R1.
#[derive(Clone, Debug)]
pub(super) struct Goals {
    reference: Timed,
    grown: Vec<Timed>,
    idle: Timed,
    jumps: Jumps,
    cleaning: Cleaning,
    groups: Groups,
    exploring: Exploring,
}

/// How long a pass of the cleaner took, and what became of the records.
#[derive(Clone, Copy, Debug)]
struct Cleaning {
    wall: Duration,
    records_read: u64,
    records_kept: u64,
}

/// How long it took to see the world as it was when so many steps had run.
#[derive(Clone, Copy, Debug)]
struct Jumps {
    median: Duration,
    worst: Duration,
    steps: u64,
}

impl Goals {
    /// Measures every row. None after Ctrl-C.
    pub(super) fn measure() -> Option<Goals> {
        complain("growth: R1, 30 brokers, 3000 partitions");
        let reference = timed(R1_PATH, R1)?;
        let grown = GROWN.iter().map(|(_, path, text)| timed(path, text)).collect::<Option<Vec<_>>>()?;
        complain("ten idle minutes");
        let idle = timed(IDLE_PATH, IDLE)?;
        complain("jumps into a recording");
        let jumps = jumps()?;
        complain("a pass of the cleaner");
        let cleaning = cleaning()?;
        complain("groups of a hundred members");
        let groups = Groups::measure()?;
        Some(Goals { reference, grown, idle, jumps, cleaning, groups, exploring: Exploring::measure()? })
    }

    /// Whether a run did not end well.
    pub(super) fn failed(&self) -> bool {
        let failed = |timed: &Timed| timed.verdict != Verdict::Pass;
        self.grown.iter().chain([&self.reference, &self.idle]).any(failed)
            || self.groups.failed()
            || self.exploring.failed()
    }

    /// What an event costs, and what a step costs, over what they cost in R1. Neither alone is fair: a fetch of a
    /// thousand partitions is one step and a thousand events, and a large cluster's quorum traffic is steps without events.
    fn growth(&self, grown: &Timed) -> (f64, f64) {
        let ratio = |count: fn(&Counts) -> u64| {
            grown.nanos_per(count(&grown.counts)) / self.reference.nanos_per(count(&self.reference.counts))
        };
        (ratio(|counts| counts.events), ratio(|counts| counts.steps))
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for ((what, path, source), grown) in GROWN.iter().zip(&self.grown) {
            let counts = grown.counts;
            let (of_event, of_step) = self.growth(grown);
            text += &format!(
                "growth         {what}: {of_event:.2} x R1's cost of an event, {of_step:.2} x of a step (goal <= {GROWTH_GOAL}); {:.0} ns for each of {} events, \
                 {:.1} us for each of {} steps, {} messages delivered; {path}, digest {:016x}{}\n",
                grown.nanos_per(counts.events),
                counts.events,
                grown.nanos_per(counts.steps) / 1e3,
                counts.steps,
                counts.messages_delivered,
                digest(source),
                failure(grown),
            );
        }
        let (idle, jumps) = (&self.idle, &self.jumps);
        text += &format!(
            "idle           {:.0} ms for ten minutes of three idle brokers (goal <= {} ms); {} steps, {} messages delivered; \
             {IDLE_PATH}, digest {:016x}{}\n",
            idle.wall.as_secs_f64() * 1e3,
            IDLE_GOAL.as_millis(),
            idle.counts.steps,
            idle.counts.messages_delivered,
            digest(IDLE),
            failure(idle),
        );
        text += &format!(
            "jump           {:.1} ms in the middle, {:.1} ms at worst (goal <= {} ms) to each of {JUMPS} steps of a recording of R1, \
             {RECORDED} and boot, {} steps\n",
            jumps.median.as_secs_f64() * 1e3,
            jumps.worst.as_secs_f64() * 1e3,
            JUMP_GOAL.as_millis(),
            jumps.steps,
        );
        let cleaning = &self.cleaning;
        text += &format!(
            "cleaner        {:.1} ms for a pass over a log of {CLEANED_RECORDS} records; {:.0} ns for each of the {} that it read, {} stay\n",
            cleaning.wall.as_secs_f64() * 1e3,
            cleaning.wall.as_secs_f64() * 1e9 / cleaning.records_read.max(1) as f64,
            cleaning.records_read,
            cleaning.records_kept,
        );
        text + &self.groups.to_text() + &self.exploring.to_text()
    }

    pub(super) fn to_json(&self) -> Value {
        let row = |timed: &Timed, path: &str, source: &str| {
            json!({
                "scenario": path,
                "digest": format!("{:016x}", digest(source)),
                "passed": timed.verdict == Verdict::Pass,
                "wall_ms": timed.wall.as_secs_f64() * 1e3,
                "events": timed.counts.events,
                "steps": timed.counts.steps,
                "messages_delivered": timed.counts.messages_delivered,
                "ns_per_event": timed.nanos_per(timed.counts.events),
                "ns_per_step": timed.nanos_per(timed.counts.steps),
            })
        };
        let mut growth = vec![json!({ "what": "R1", "run": row(&self.reference, R1_PATH, R1) })];
        growth.extend(GROWN.iter().zip(&self.grown).map(|((what, path, source), grown)| {
            let (of_event, of_step) = self.growth(grown);
            json!({
                "what": what,
                "run": row(grown, path, source),
                "ratio_of_an_event": of_event,
                "ratio_of_a_step": of_step,
                "goal": GROWTH_GOAL,
            })
        }));
        json!({
            "growth": growth,
            "idle": { "run": row(&self.idle, IDLE_PATH, IDLE), "goal_ms": IDLE_GOAL.as_millis() as u64 },
            "jump": {
                "median_ms": self.jumps.median.as_secs_f64() * 1e3,
                "worst_ms": self.jumps.worst.as_secs_f64() * 1e3,
                "jumps": JUMPS,
                "recorded_steps": self.jumps.steps,
                "goal_ms": JUMP_GOAL.as_millis() as u64,
            },
            "cleaner": {
                "wall_ms": self.cleaning.wall.as_secs_f64() * 1e3,
                "records": CLEANED_RECORDS,
                "records_read": self.cleaning.records_read,
                "records_kept": self.cleaning.records_kept,
            },
            "groups": self.groups.to_json(),
            "exploring": self.exploring.to_json(),
        })
    }
}

fn failure(timed: &Timed) -> String {
    if timed.verdict == Verdict::Pass { String::new() } else { format!("; the run ended with: {}", timed.verdict) }
}

/// The middle one of some runs of a scenario with its own seed. None after Ctrl-C.
fn timed(path: &str, source: &str) -> Option<Timed> {
    let scenario = Scenario::parse(path, source).unwrap_or_else(|invalid| panic!("{path} is built in: {invalid}"));
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        if interrupt::asked() {
            return None;
        }
        let started = Instant::now();
        let (report, counts) = run_measured(&scenario, scenario.file.seed.unwrap_or_default(), Measure::default());
        runs.push(Timed { wall: started.elapsed(), counts, verdict: report.verdict });
    }
    runs.sort_by_key(|run| run.wall);
    Some(runs[ROUNDS / 2])
}

/// The middle one of some passes over the same log. None after Ctrl-C.
fn cleaning() -> Option<Cleaning> {
    let dirty = DirtyLog::new();
    let mut passes = Vec::new();
    for _ in 0..ROUNDS {
        if interrupt::asked() {
            return None;
        }
        let mut log = dirty.clone();
        let started = Instant::now();
        let (records_read, records_kept) = log.clean();
        passes.push(Cleaning { wall: started.elapsed(), records_read, records_kept });
    }
    passes.sort_by_key(|pass| pass.wall);
    Some(passes[ROUNDS / 2])
}

fn jumps() -> Option<Jumps> {
    let scenario = Scenario::parse(R1_PATH, R1).unwrap_or_else(|invalid| panic!("{R1_PATH} is built in: {invalid}"));
    let recording = recorded(&scenario, Seed(1), RECORDED);
    let steps = recording.world().steps();
    let mut took = Vec::new();
    for jump in 1..=JUMPS {
        if interrupt::asked() {
            return None;
        }
        let share = (jump as f64 * 0.618_033_988_75).fract();
        let step = (steps as f64 * share) as u64;
        let started = Instant::now();
        let world = recording.state_at(step);
        took.push(started.elapsed());
        assert_eq!(world.steps(), step, "a jump ends where it was to end");
    }
    took.sort();
    Some(Jumps { median: took[took.len() / 2], worst: took[took.len() - 1], steps })
}
