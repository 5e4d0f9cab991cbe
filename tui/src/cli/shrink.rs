//! `trial shrink`: the smallest scenario that fails in the same way, with its story above it.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use trial_sim::internal::scenario::format::File;
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::scenario::print::print as print_file;
use trial_sim::internal::scenario::{Seed, Signature, Span};
use trial_sim::internal::shrink::{Failing, Limits, NothingToShrink, OtherSeeds, Progress, Small, Until};

use super::interrupt;
use super::output::{complain, print, write_whole};
use super::run::silently;
use super::subject::Subject;
use super::{Format, WRONG_USE, all_cores, at_least_one, number_of_jobs};

/// What to shrink, and how long to try.
#[derive(Debug, Args)]
#[command(after_help = "\
The run must fail. What comes out fails in the same way: the same rule is broken, by the same kind of thing. It is
an ordinary scenario file; put it under scenarios/regressions/ and the bug is a test from then on. The best so far is
always on disk, and Ctrl-C keeps it. A file that exists is not overwritten.

The exit code is that of the verdict, which the small scenario shares: 1 safety, 3 liveness, 4 crash. It is 2 if there
is nothing to shrink, or nothing could be written.

Examples:
  trial shrink found.toml --out scenarios/regressions/small.toml
  trial shrink 0x0 --profile replication --switch truncate-to-high-watermark")]
pub struct Shrink {
    #[command(flatten)]
    subject: Subject,
    /// The seed, instead of the file's: 5 or 0x5.
    #[arg(long, value_parser = Seed::parse)]
    seed: Option<Seed>,
    /// Where to leave the result; beside the file as NAME.shrunk.toml, or here as PROFILE-SEED.shrunk.toml, unless said.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How many candidates to run, at most.
    #[arg(long, default_value = "5000", value_parser = at_least_one)]
    runs: NonZeroUsize,
    /// How long to try, at most: "30s", of which a fifth is for other seeds. No end unless said.
    #[arg(long, value_parser = Span::parse)]
    budget: Option<Span>,
    /// How many candidates to run at once; all cores unless said. The result does not depend on it.
    #[arg(long, value_parser = number_of_jobs)]
    jobs: Option<NonZeroUsize>,
    /// How to say what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Shrinks a scenario. Returns the exit code: that of what was found, which an interruption does not make better.
pub fn run_shrink(arguments: &Shrink) -> u8 {
    let subject = &arguments.subject;
    if arguments.seed.is_some() && !subject.is_file() {
        complain("error: the seed is said twice: --seed is for files");
        return WRONG_USE;
    }
    let Some(mut scenario) = subject.scenario() else { return WRONG_USE };
    if let Some(seed) = arguments.seed {
        scenario.file.seed = Some(seed);
    }
    let out = arguments.out.clone().unwrap_or_else(|| subject.beside("shrunk.toml"));
    if subject.is_at(&out) {
        complain(&format!("error: {} is what is to be shrunk: it would be overwritten", out.display()));
        return WRONG_USE;
    }
    if arguments.budget.is_some_and(|budget| budget.duration().is_zero()) {
        complain("error: a budget of no time is over before the first candidate: say --budget 30s");
        return WRONG_USE;
    }
    if out.is_dir() {
        complain(&format!("error: {} is a folder: name a file in it with --out", out.display()));
        return WRONG_USE;
    }
    // A link that leads nowhere is something too.
    if out.symlink_metadata().is_ok() {
        complain(&format!("error: {} exists: it is not overwritten", out.display()));
        complain("hint: name another file with --out, or move that one away");
        return WRONG_USE;
    }
    interrupt::watch();
    let report = silently(&scenario);
    let failing = match Failing::of(scenario, &report) {
        Ok(failing) => failing,
        Err(reason) => {
            refuse(reason, &subject.name());
            return WRONG_USE;
        }
    };
    let jobs = arguments.jobs.unwrap_or_else(all_cores);
    let task = Task { failing, from: subject.name(), out, runs: arguments.runs.get(), jobs, budget: arguments.budget };
    match task.done() {
        Ok(done) => {
            let _ = print(&done.said(&task, arguments.format));
            report.verdict.exit_code()
        }
        Err(complaint) => {
            complain(&complaint);
            WRONG_USE
        }
    }
}

fn refuse(reason: NothingToShrink, name: &str) {
    let (error, hint) = match reason {
        NothingToShrink::Passes => (
            format!("{name} passes: there is nothing to shrink"),
            "name what it fails with: --switch for a deliberate bug, --seed 0x2a for a file; for exploration another seed, or \
             --profile, --over-budget and --faithful as they were when it failed",
        ),
        NothingToShrink::OnlyExpected => (
            "an expectation of this scenario does not hold, and no promise is broken".to_owned(),
            "what is expected makes sense only with the steps before it; the shrinker looks for broken promises",
        ),
        NothingToShrink::Nondeterminism => (
            "two runs of this seed differ: no smaller scenario says why".to_owned(),
            "`trial replay` shows the first step in which they part",
        ),
    };
    complain(&format!("error: {error}"));
    complain(&format!("hint: {hint}"));
}

/// A failure that is to be shrunk, and where the best so far is kept.
pub struct Task {
    pub failing: Failing,
    /// Where it comes from, for its story.
    pub from: String,
    pub out: PathBuf,
    pub runs: usize,
    pub jobs: NonZeroUsize,
    pub budget: Option<Span>,
}

/// What came of it.
pub struct Done {
    pub small: Small,
    wall: Duration,
}

impl Task {
    /// Shrinks, with the best so far always on disk.
    ///
    /// # Errors
    /// A sentence that says what could not be written.
    pub fn done(&self) -> Result<Done, String> {
        let started = Instant::now();
        let limits = Limits { runs: self.runs, jobs: self.jobs };
        let keep = |text: &str| {
            let written = write_whole(&self.out, text);
            written.map_err(|error| format!("error: cannot write {}: {error}", self.out.display()))
        };
        let failing = self.failing.clone().named(&id_of(&self.out));
        keep(&print_file(&failing.scenario.file))?;
        let mut written = Ok(());
        let until = Until::new(&interrupt::asked, self.budget.map(Span::duration));
        let told = Told::start();
        let small = failing.shrunk(&self.from, limits, &until, &mut |progress| {
            if progress.smaller {
                written = keep(&progress.best.source);
                told.show(progress);
            }
            if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        told.end();
        written?;
        keep(&small.text)?;
        Ok(Done { small, wall: started.elapsed() })
    }
}

/// The id of a scenario in this file: its name, as a regression has it.
fn id_of(out: &Path) -> String {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.strip_suffix(".toml").unwrap_or(&name);
    let stem = stem.strip_suffix(".shrunk").unwrap_or(stem).to_ascii_lowercase();
    let plain: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if plain.is_empty() { "shrunk".to_owned() } else { plain }
}

/// On a terminal, in one line of its width: how small it is by now.
struct Told(Option<ProgressBar>);

impl Told {
    fn start() -> Told {
        let style = ProgressStyle::with_template("{wide_msg}").expect("the template is one");
        Told(io::stderr().is_terminal().then(|| ProgressBar::new_spinner().with_style(style)))
    }

    fn show(&self, progress: &Progress) {
        let Some(bar) = &self.0 else { return };
        let File { steps, clients, topics, .. } = &progress.best.file;
        let (steps, clients, topics) = (steps.len(), clients.len(), topics.len());
        let Progress { pass, runs, .. } = progress;
        bar.set_message(format!("{steps} steps, {clients} clients, {topics} topics after {runs} runs ({pass})"));
        bar.tick();
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Done {
    /// In one line, with the file.
    pub fn in_short(&self, out: &Path) -> String {
        let (before, after) = self.small.steps;
        format!("{}: {before} to {after} steps, in {} runs{}", out.display(), self.small.shrunk.runs, self.ended())
    }

    /// Why the search ended before it had tried everything; nothing if it had.
    fn ended(&self) -> String {
        match self.small.cut {
            _ if self.small.shrunk.finished => String::new(),
            Some(cut) => format!("  ({cut}: more may go)"),
            None => "  (ended early: more may go)".to_owned(),
        }
    }

    fn said(&self, task: &Task, format: Format) -> String {
        let Small { shrunk, cut, steps: (before, after), other_seeds, .. } = &self.small;
        let OtherSeeds { tried, failed, cut: others_cut } = other_seeds;
        let (out, signature): (_, &Signature) = (task.out.display(), &task.failing.signature);
        let wall = self.wall.as_millis() as u64;
        let ended = self.ended();
        match format {
            Format::Text => format!(
                "{signature}\nshrunk: {before} to {after} steps  runs: {}  wall: {wall}ms  \
                 other seeds: {failed}/{tried}{ended}\nagain: trial replay {}\n",
                shrunk.runs,
                quoted(&out.to_string()),
            ),
            Format::Json => format!(
                "{}\n",
                serde_json::json!({
                    "signature": signature, "file": out.to_string(), "steps_before": before, "steps": after,
                    "runs": shrunk.runs, "wall_ms": wall, "other_seeds": failed,
                    "other_seeds_tried": tried, "finished": shrunk.finished,
                    "cut": cut.or(*others_cut).map(|cut| cut.to_string()),
                })
            ),
        }
    }
}
