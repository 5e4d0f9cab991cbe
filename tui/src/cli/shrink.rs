//! `trial shrink`: the smallest scenario that fails in the same way, with its story above it.

use std::fs;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use trial_sim::scenario::print::print as print_file;
use trial_sim::scenario::{Scenario, Seed, Signature, Span, Verdict};
use trial_sim::shrink::{Limits, Progress, shrink, tell};

use super::interrupt::{self, INTERRUPTED};
use super::output::{complain, print};
use super::run::{read, silently};
use super::{Format, WRONG_USE, known_switch};

/// What to shrink, and how long to try.
#[derive(Debug, Args)]
#[command(after_help = "\
The scenario must fail. What comes out fails in the same way: the same rule is broken, by the same kind of thing. It is
an ordinary scenario file; put it under scenarios/regressions/ and the bug is a test from then on. The best so far is
always on disk, and Ctrl-C keeps it.")]
pub struct Shrink {
    /// The scenario file.
    file: PathBuf,
    /// The seed, instead of the file's: 5 or 0x5.
    #[arg(long, value_parser = Seed::parse)]
    seed: Option<Seed>,
    /// Brings a known bug back on every broker and controller, as in `trial run`; may be given several times.
    #[arg(long = "switch", value_name = "NAME", value_parser = known_switch)]
    switches: Vec<String>,
    /// Where to leave the result; beside the file, as NAME.shrunk.toml, unless said.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How many candidates to run, at most.
    #[arg(long, default_value_t = 5_000)]
    runs: usize,
    /// How long to try, at most: "30s". No end unless said.
    #[arg(long, value_parser = Span::parse)]
    budget: Option<Span>,
    /// How many candidates to run at once; all cores unless said. The result does not depend on it.
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
    /// How to say what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// With how many other seeds the result is tried.
const OTHER_SEEDS: u64 = 20;

/// Shrinks a scenario. Returns the exit code: 0 if something that fails is on disk.
pub fn run_shrink(arguments: &Shrink) -> u8 {
    let Some(mut scenario) = read(&arguments.file) else { return WRONG_USE };
    if let Some(seed) = arguments.seed {
        scenario.file.seed = Some(seed);
    }
    for switch in &arguments.switches {
        scenario.turn_on(switch);
    }
    interrupt::watch();
    let report = silently(&scenario);
    if report.verdict == Verdict::Expectation {
        complain("error: an expectation of this scenario does not hold, and no promise is broken");
        complain(
            "hint: what is expected makes sense only with the steps before it; the shrinker looks for broken promises",
        );
        return WRONG_USE;
    }
    let Some(wanted) = Signature::of(&report) else {
        complain(&format!("error: {} passes: there is nothing to shrink", arguments.file.display()));
        complain("hint: name a seed with which it fails: --seed 0x2a");
        return WRONG_USE;
    };
    let out = arguments.out.clone().unwrap_or_else(|| arguments.file.with_extension("shrunk.toml"));
    match search(arguments, &scenario, &wanted, &out) {
        Ok(found) => {
            let _ = print(&found.said(arguments.format));
            if found.is_interrupted { INTERRUPTED } else { 0 }
        }
        Err(error) => {
            complain(&format!("error: cannot write {}: {error}", out.display()));
            WRONG_USE
        }
    }
}

/// What came of it.
struct Found {
    signature: Signature,
    out: PathBuf,
    steps: (usize, usize),
    runs: usize,
    wall: Duration,
    other_seeds: usize,
    is_interrupted: bool,
    finished: bool,
}

fn search(arguments: &Shrink, scenario: &Scenario, wanted: &Signature, out: &Path) -> io::Result<Found> {
    let started = Instant::now();
    let jobs = arguments.jobs.or(std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let limits = Limits { runs: arguments.runs, jobs };
    let fails = |candidate: &Scenario| Signature::of(&silently(candidate)).as_ref() == Some(wanted);
    let mut written = fs::write(out, print_file(&scenario.file));
    let mut listen = |progress: &Progress| {
        if progress.smaller {
            written = fs::write(out, &progress.best.source);
            told(progress);
        }
        let is_late = arguments.budget.is_some_and(|budget| started.elapsed() >= budget.duration());
        let ends = written.is_err() || interrupt::asked() || is_late;
        if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let shrunk = shrink(scenario, limits, &fails, &mut listen);
    written?;
    // Whoever presses Ctrl-C does not want to wait for twenty more runs.
    let fails_with = |seed: &u64| !interrupt::asked() && fails(&with_seed(&shrunk.scenario, Seed(*seed)));
    let other_seeds = (1..=OTHER_SEEDS).filter(fails_with).count();
    let (before, after) = (scenario.file.steps.len(), shrunk.scenario.file.steps.len());
    let origin = format!(
        "Shrunk from {}, seed {}: {before} steps became {after} in {} runs. It fails with {other_seeds} of {OTHER_SEEDS} \
         other seeds.",
        name(&arguments.file),
        scenario.file.seed.unwrap_or_default(),
        shrunk.runs,
    );
    fs::write(out, tell(&shrunk.scenario, None).write(&shrunk.scenario, &origin))?;
    Ok(Found {
        signature: wanted.clone(),
        out: out.to_owned(),
        steps: (before, after),
        runs: shrunk.runs,
        wall: started.elapsed(),
        other_seeds,
        is_interrupted: interrupt::asked(),
        finished: shrunk.finished,
    })
}

fn with_seed(scenario: &Scenario, seed: Seed) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.file.seed = Some(seed);
    scenario
}

/// The file's own name: where it lay is nobody's business later.
fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// On a terminal: how small it is by now.
fn told(progress: &Progress) {
    if io::stderr().is_terminal() {
        let file = &progress.best.file;
        complain(&format!(
            "{:<10} {:>3} steps, {} clients, {} topics after {} runs",
            progress.pass,
            file.steps.len(),
            file.clients.len(),
            file.topics.len(),
            progress.runs
        ));
    }
}

impl Found {
    fn said(&self, format: Format) -> String {
        let (before, after) = self.steps;
        let out = self.out.display();
        match format {
            Format::Text => format!(
                "{}\nshrunk: {before} to {after} steps  runs: {}  wall: {}ms  other seeds: {}/{OTHER_SEEDS}{}\nagain: trial run {out}\n",
                self.signature,
                self.runs,
                self.wall.as_millis(),
                self.other_seeds,
                if self.finished { "" } else { "  (ended early: more may go)" },
            ),
            Format::Json => format!(
                "{}\n",
                serde_json::json!({
                    "signature": self.signature, "file": out.to_string(), "steps_before": before, "steps": after,
                    "runs": self.runs, "wall_ms": self.wall.as_millis() as u64, "other_seeds": self.other_seeds,
                    "other_seeds_tried": OTHER_SEEDS, "finished": self.finished,
                })
            ),
        }
    }
}
