//! `trial replay`: the run of a file again, compared with what was found.

use std::path::PathBuf;

use clap::Args;
use trial_sim::BUILD;
use trial_sim::scenario::Verdict;
use trial_sim::scenario::replay::{Found, Replay};

use super::output::{complain, print};
use super::run::{findings, read, silently};
use super::{Format, WRONG_USE};

/// Which run to repeat.
#[derive(Debug, Args)]
#[command(after_help = "\
A file that was found or shrunk says in [found] what it came to. A file without [found] is run twice, and the two runs
are compared.

Exit codes: those of the run; 5 if the same build did something else.")]
pub struct ReplayOf {
    /// The scenario file.
    file: PathBuf,
    /// How to say what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Repeats a run. Returns the exit code.
pub fn replay(arguments: &ReplayOf) -> u8 {
    let Some(scenario) = read(&arguments.file) else { return WRONG_USE };
    let found = scenario.file.found.clone().unwrap_or_else(|| Found::by_this_build(&silently(&scenario)));
    let report = silently(&scenario);
    let comparison = found.compare(&report);
    let text = match arguments.format {
        Format::Text => format!(
            "{}{comparison}\nreplayed: {}  seed: {}  fingerprint: {:016x}  build: {BUILD}\n",
            findings(&report),
            report.verdict,
            report.seed,
            report.fingerprint,
        ),
        Format::Json => format!(
            "{}\n",
            serde_json::json!({
                "path": scenario.path, "comparison": word(&comparison), "verdict": report.verdict.to_string(),
                "seed": report.seed.to_string(), "fingerprint": format!("{:016x}", report.fingerprint),
                "build": BUILD, "found": found, "failures": report.failures,
            })
        ),
    };
    let _ = print(&text);
    match comparison {
        Replay::Nondeterminism(_) => {
            complain("hint: the first event that differs is shown by comparing `trial run --trace json` of two runs");
            Verdict::Nondeterminism.exit_code()
        }
        Replay::Same | Replay::SameInAnotherBuild(_) | Replay::AnotherBuild(_) => report.verdict.exit_code(),
    }
}

fn word(comparison: &Replay) -> &'static str {
    match comparison {
        Replay::Same => "same",
        Replay::SameInAnotherBuild(_) => "same-in-another-build",
        Replay::AnotherBuild(_) => "another-build",
        Replay::Nondeterminism(_) => "nondeterminism",
    }
}
