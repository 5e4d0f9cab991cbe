//! `trial bench`: how fast is a world, what does it cost, and what was done for that.
//!
//! Every seed runs three times in turn (as it is, without checks, with recording), so that
//! noise meets all three alike. The unit of cost is a message between bare endpoints of
//! madsim, measured between the seeds of the same run.

mod exploring;
mod goals;
mod group;
mod window;

use std::fs;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use trial_sim::internal::bench::{R1, R1_PATH, digest, pass_tokens};
use trial_sim::internal::scenario::run::{Counts, Measure, run_measured};
use trial_sim::internal::scenario::{Scenario, Seed, Verdict};

use goals::Goals;
use window::WindowRows;

use super::interrupt::{self, INTERRUPTED};
use super::output::{complain, print};
use super::{Format, WRONG_USE};

/// How long a bench takes whose number of seeds is not said.
const ENOUGH: Duration = Duration::from_secs(5);

/// Seeds that run before the peak memory is read and anything is timed.
const WARM_UP: u64 = 2;

/// Bare messages that are timed with each seed.
const BARE_MESSAGES: u64 = 30_000;

const HELP: &str = "\
What the figures mean:
  seeds/s        whole runs of the reference scenario per second, boot included, on one thread, all checks on
  speed-up       virtual time since time zero over wall time
  per message    wall time over messages that machines took from connections, everything included
  bare message   the same for a message between two empty endpoints of madsim, measured in the same run
  ratio          the one over the other: machines differ, ratios hardly do
  checks         share of the wall time that goes away with the checks switched off
  recording      what keeping every step for a screen adds
  peak memory    of the whole process (VmHWM), after two runs without recording
  growth         cost of an event (what machines say of themselves), and of a step, with more brokers or partitions, over
                 that of R1
  idle           wall time of ten virtual minutes of a cluster without topics and clients
  jump           wall time to see the world as it was at a step of a recording
  frame          wall time from a sixtieth of a second of playing to its picture, for a screen of the window
  window's jump  wall time from a key that goes elsewhere to its picture
  opening        wall time from a lesson's file to its first picture: the whole run is recorded in it
  its memory     what the process grows by with a minute of R1 open in a window
  cleaner        wall time of a pass of the cleaner (log compaction) over a log of 100,000 records
  rebalance      wall time from the call of the hundredth member of a group until the group is stable with it
  shrink         wall time to make the first random seed that finds a museum bug small, its story included
  suite          wall time of all seeds of the test suite's campaign, at the rate of some of each profile
  idle group     what a hundred members add to an idle minute of a cluster, and to the messages in it

Figures are comparable only when the digest of the scenario is the same and the build is a release build:
  cargo run --release -p trial -- bench --seeds 50

Example:
  trial bench --seeds 20 --format json | jq .seeds_per_second";

/// A bench's arguments.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Bench {
    /// How many seeds to time, from 1 on; enough for about five seconds unless said.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// Leave out the rows for the window, growth, idling and jumps.
    #[arg(long)]
    only_r1: bool,
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    seeds: u64,
    failed: u64,
    virtual_micros: u64,
    counts: Counts,
    wall: Duration,
    wall_without_checks: Duration,
    wall_with_recording: Duration,
    bare_messages: u64,
    bare_wall: Duration,
    peak_kib: Option<u64>,
    /// Whether Ctrl-C came before the last seed.
    is_interrupted: bool,
}

/// Runs the bench. Returns the exit code: 1 if a seed of the reference scenario did not pass.
pub fn bench(arguments: &Bench) -> u8 {
    let scenario = match Scenario::parse(R1_PATH, R1) {
        Ok(scenario) => scenario,
        Err(invalid) => {
            complain(&invalid.to_string());
            return WRONG_USE;
        }
    };
    if cfg!(debug_assertions) {
        complain("note: this is no release build; its figures say little");
    }
    interrupt::watch();
    let figures = measure(&scenario, arguments.seeds);
    if figures.is_interrupted && figures.seeds == 0 {
        complain("interrupted before the first seed was measured");
        return INTERRUPTED;
    }
    let is_more_wanted = !arguments.only_r1 && !figures.is_interrupted;
    let window = is_more_wanted.then(WindowRows::measure).flatten();
    let goals = if is_more_wanted { Goals::measure() } else { None };
    let text = match arguments.format {
        Format::Text => {
            let goals = goals.as_ref().map(Goals::to_text).unwrap_or_default();
            figures.to_text() + &window.as_ref().map(WindowRows::to_text).unwrap_or_default() + &goals
        }
        Format::Json => {
            let mut figures = figures.to_json(goals.as_ref());
            figures["window"] = window.as_ref().map(WindowRows::to_json).unwrap_or_default();
            format!("{figures}\n")
        }
    };
    // A reader that has gone is no failure.
    let _ = print(&text);
    if figures.is_interrupted || interrupt::asked() {
        complain(&format!("interrupted: the figures are those of {} seeds", figures.seeds));
        return INTERRUPTED;
    }
    u8::from(figures.failed > 0 || goals.is_some_and(|goals| goals.failed()))
}

fn measure(scenario: &Scenario, seeds: Option<u64>) -> Figures {
    let mut figures = Figures::default();
    complain(&format!("warming up: {WARM_UP} seeds"));
    for seed in (1..=WARM_UP).take_while(|_| !interrupt::asked()) {
        run_measured(scenario, Seed(seed), Measure::default());
    }
    figures.peak_kib = peak_memory_kib();
    let started = Instant::now();
    let mut told = started;
    loop {
        if interrupt::asked() {
            figures.is_interrupted = true;
            return figures;
        }
        figures.one_seed(scenario, Seed(figures.seeds + 1));
        let is_done = match seeds {
            Some(wanted) => figures.seeds >= wanted,
            None => started.elapsed() >= ENOUGH,
        };
        if is_done {
            return figures;
        }
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            complain(&format!("{} seeds, three runs each, in {:.1} s", figures.seeds, started.elapsed().as_secs_f64()));
        }
    }
}

impl Figures {
    /// One seed in three ways, and some bare messages.
    fn one_seed(&mut self, scenario: &Scenario, seed: Seed) {
        let timed = |measure| {
            let started = Instant::now();
            let (report, counts) = run_measured(scenario, seed, measure);
            (started.elapsed(), report, counts)
        };
        let (wall, report, counts) = timed(Measure::default());
        if report.verdict != Verdict::Pass {
            self.failed += 1;
            complain(&format!("seed {seed}: {}\n{}", report.verdict, report.findings()));
        }
        self.seeds += 1;
        self.wall += wall;
        self.virtual_micros += report.virtual_micros;
        self.counts.add(&counts);
        self.wall_without_checks += timed(Measure { checks: false, recording: false }).0;
        self.wall_with_recording += timed(Measure { checks: true, recording: true }).0;
        let started = Instant::now();
        self.bare_messages += pass_tokens(BARE_MESSAGES);
        self.bare_wall += started.elapsed();
    }

    fn seeds_per_second(&self) -> f64 {
        self.seeds as f64 / self.wall.as_secs_f64()
    }

    fn speed_up(&self) -> f64 {
        self.virtual_micros as f64 / 1e6 / self.wall.as_secs_f64()
    }

    fn micros_per(&self, count: u64) -> f64 {
        self.wall.as_secs_f64() * 1e6 / count.max(1) as f64
    }

    fn bare_micros(&self) -> f64 {
        self.bare_wall.as_secs_f64() * 1e6 / self.bare_messages.max(1) as f64
    }

    fn ratio(&self) -> f64 {
        self.micros_per(self.counts.messages_delivered) / self.bare_micros()
    }

    fn checks_percent(&self) -> f64 {
        (1.0 - self.wall_without_checks.as_secs_f64() / self.wall.as_secs_f64()) * 100.0
    }

    fn recording_percent(&self) -> f64 {
        (self.wall_with_recording.as_secs_f64() / self.wall.as_secs_f64() - 1.0) * 100.0
    }

    fn to_text(self) -> String {
        let memory = self.peak_kib.map_or("unknown".to_owned(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        let counts = self.counts;
        format!(
            "scenario       {R1_PATH}, digest {:016x}, {build} build, one thread\n\
             counted        {} seeds ({} failed), {} messages delivered, {} records acknowledged, {} faults executed, {} events seen by checks, {} steps\n\
             speed          {:.1} seeds/s (goal >= 100)\n\
             speed-up       {:.0} x real time (goal >= 3000)\n\
             per message    {:.2} us; bare madsim message {:.2} us; ratio {:.2} (goal <= 1.0)\n\
             per record     {:.1} us for each acknowledged record\n\
             checks         {:.0} % of the run (goal <= 25)\n\
             recording      {:.0} % more (goal <= 30)\n\
             peak memory    {memory} (goal <= 32)\n",
            digest(R1),
            self.seeds,
            self.failed,
            counts.messages_delivered,
            counts.records_acknowledged,
            counts.faults_executed,
            counts.events_checked,
            counts.steps,
            self.seeds_per_second(),
            self.speed_up(),
            self.micros_per(counts.messages_delivered),
            self.bare_micros(),
            self.ratio(),
            self.micros_per(counts.records_acknowledged),
            self.checks_percent(),
            self.recording_percent(),
        )
    }

    fn to_json(self, goals: Option<&Goals>) -> Value {
        let counts = self.counts;
        json!({
            "scenario": R1_PATH,
            "digest": format!("{:016x}", digest(R1)),
            "release": !cfg!(debug_assertions),
            "seeds": self.seeds,
            "failed": self.failed,
            "messages_delivered": counts.messages_delivered,
            "records_acknowledged": counts.records_acknowledged,
            "faults_executed": counts.faults_executed,
            "events_checked": counts.events_checked,
            "steps": counts.steps,
            "seeds_per_second": self.seeds_per_second(),
            "speed_up": self.speed_up(),
            "us_per_message": self.micros_per(counts.messages_delivered),
            "us_per_bare_message": self.bare_micros(),
            "ratio": self.ratio(),
            "us_per_acknowledged_record": self.micros_per(counts.records_acknowledged),
            "checks_percent": self.checks_percent(),
            "events": counts.events,
            "recording_percent_more": self.recording_percent(),
            "peak_memory_kib": self.peak_kib,
            "goals": goals.map(Goals::to_json),
        })
    }
}

/// The most memory that this process has had, in KiB; none where the system does not say.
fn peak_memory_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
