//! The command line: what can be asked for, and how answers leave the process.
//!
//! Exit codes: 0 pass, 1 a failed expectation or a safety violation, 2 wrong use or an
//! invalid scenario, 3 liveness, 4 crash of a machine's assertion, 5 nondeterminism, 130 Ctrl-C.

mod bench;
mod explore;
mod export;
mod interrupt;
mod lesson;
mod museum;
mod output;
mod play;
mod replay;
mod run;
mod shrink;
mod subject;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use trial_sim::internal::scenario::diagnostic::nearest;
use trial_sim::internal::scenario::vocabulary::{hazard_names, switch_names};
use trial_sim::internal::scenario::{Seed, Span};

/// Wrong use, or an invalid scenario.
const WRONG_USE: u8 = 2;

/// Put Kafka on trial: run, watch and reproduce seeded failure scenarios.
#[derive(Debug, Parser)]
#[command(name = "trial", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  trial run scenarios/lessons/07-leader-loss.toml
  trial run scenarios/lessons/07-leader-loss.toml --seed 0x2a --trace none
  trial play scenarios/lessons/05-below-the-line.toml
  trial lesson 5
  trial museum rep
  trial shrink 0x0 --profile replication --switch truncate-to-high-watermark
  trial explore --budget 60s

Exit codes: 0 pass, 1 expectation or safety, 2 wrong use, 3 liveness, 4 crash, 5 nondeterminism, 130 Ctrl-C";

/// What can be asked for.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and say what came of it.
    Run(Run),
    /// Open a run in a window and move along it, forwards and backwards.
    Play(play::Play),
    /// List the lessons of the course, or open one with its questions.
    Lesson(lesson::LessonOf),
    /// Write a run as a page with a slider, a film, a drawing, or a recording.
    Export(export::Export),
    /// Run a file or a seed again and compare with what was found.
    Replay(replay::ReplayOf),
    /// Make a failing scenario or seed as small as it can be while it fails in the same way.
    Shrink(shrink::Shrink),
    /// Measure how fast worlds run, and what was done for that.
    Bench(bench::Bench),
    /// Show known bugs of Kafka: each without and with its switch, and the check that finds it.
    Museum(museum::Museum),
    /// Run thousands of seeds, each a scenario of its own, and say what they found.
    Explore(explore::Explore),
    /// Join the results of several explorations.
    Merge(explore::Merge),
    /// Print the JSON Schema of scenario files.
    Schema,
}

/// A run's arguments.
#[derive(Debug, Args)]
struct Run {
    /// The scenario file.
    file: PathBuf,
    /// The seed, instead of the file's: 5 or 0x5.
    #[arg(long, value_parser = Seed::parse)]
    seed: Option<Seed>,
    /// Turn on a deliberate bug on every broker and controller, such as the one that a museum piece shows; may be
    /// given more than once.
    #[arg(long = "switch", value_name = "NAME", value_parser = known_switch)]
    switches: Vec<String>,
    /// Mend a failure that Kafka 4.1 itself has, or `all`; may be given more than once.
    #[arg(long, value_name = "HAZARD", value_parser = known_hazard)]
    mended: Vec<String>,
    /// When to end, counted from time zero, instead of the file's end: "60s".
    #[arg(long, value_parser = Span::parse)]
    until: Option<Span>,
    /// What to print of the run.
    #[arg(long, value_enum, default_value_t = Trace::Lanes)]
    trace: Trace,
    /// How to print what came of it; unless said, as text, and behind a trace in JSON as its last line.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// A folder to leave trace and report in.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A file for what the clients called and were told, as operations that Jepsen reads (EDN, one a line).
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// How many worlds run at once unless it is said.
fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The most worlds that one may want to run at once.
const MOST_JOBS: usize = 1024;

/// How many worlds run at once: each has a thread of its own.
fn number_of_jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse::<NonZeroUsize>().ok().filter(|jobs| jobs.get() <= MOST_JOBS);
    jobs.ok_or_else(|| format!("expected a number from 1 to {MOST_JOBS}"))
}

/// Switches as they are kept: in order, each once. Campaigns with the same switches are the same however they were said.
fn in_order(switches: &[String]) -> Vec<String> {
    switches.iter().cloned().collect::<BTreeSet<String>>().into_iter().collect()
}

/// A number from 1 on: no world at all runs nothing.
fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a number from 1 on".to_owned())
}

/// A switch's name, or the one that is nearest to it.
fn known_switch(name: &str) -> Result<String, String> {
    let names = switch_names();
    if names.iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("no switch has a name like that; there are\n  {}", names.join("\n  ")),
    })
}

/// A hazard's name, or "all".
fn known_hazard(name: &str) -> Result<String, String> {
    let names = hazard_names();
    if name == "all" || names.iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("these hazards exist, and `all`:\n  {}", names.join("\n  ")),
    })
}

/// What to print of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Trace {
    /// One line per event, one lane per broker; what flows or repeats is counted.
    Lanes,
    /// The same with every line.
    Full,
    /// One JSON object per event.
    Json,
    /// Only the verdict.
    None,
}

/// How to print a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs the command that was asked for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to the standard output and is a success; a mistake goes to the standard error.
            let code = if error.use_stderr() { WRONG_USE } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let code = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Play(arguments) => play::play(&arguments),
        Command::Lesson(arguments) => lesson::lesson(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Shrink(arguments) => shrink::run_shrink(&arguments),
        Command::Bench(arguments) => bench::bench(&arguments),
        Command::Museum(arguments) => museum::museum(&arguments),
        Command::Explore(arguments) => explore::explore(&arguments),
        Command::Merge(arguments) => explore::merge(&arguments),
        Command::Schema => output::print(&trial_sim::internal::scenario::schema()).map_or(0, |()| 0),
    };
    ExitCode::from(output::exit_code(code))
}
