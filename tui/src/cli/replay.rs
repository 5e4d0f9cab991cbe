//! `trial replay`: a run again, compared with what was found.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use trial_sim::internal::BUILD;
use trial_sim::internal::explore::first_difference;
use trial_sim::internal::scenario::replay::{Found, Replay};
use trial_sim::internal::scenario::{Report, Scenario, Verdict, texts};
use trial_sim::internal::session::{Kept, News, Session, Tape};

use super::output::{complain, print};
use super::run::{findings, silently, silently_with_history};
use super::subject::Subject;
use super::{Format, WRONG_USE};

/// Which run to repeat.
#[derive(Debug, Args)]
#[command(after_help = "\
A file that was found or shrunk says in [found] what it came to; of a seed, --found says it, as reports of `trial explore`
write it. Where nobody says it, the run is done twice, and the two are compared. A recording holds marks of its run, which
are compared with those of the run that is made now.

Examples:
  trial replay found/safety-log-matching-0123abcd.toml
  trial replay 0x2a --profile disk

Exit codes: those of the run; 5 if the same build did something else.")]
pub struct ReplayOf {
    #[command(flatten)]
    subject: Subject,
    /// What was found before: VERDICT:FINGERPRINT:BUILD.
    #[arg(long, value_name = "FOUND", value_parser = Found::parse)]
    found: Option<Found>,
    /// A file for what the clients called and were told, as operations that Jepsen reads (EDN, one a line).
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// How to say what came of it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Repeats a run. Returns the exit code.
pub fn replay(arguments: &ReplayOf) -> u8 {
    let subject = &arguments.subject;
    if let Some(path) = subject.recording() {
        return recording(arguments, path);
    }
    let Some(scenario) = subject.scenario() else { return WRONG_USE };
    let of_file = scenario.file.found.clone();
    if subject.is_changed() && subject.is_file() && of_file.is_some() {
        complain(
            "error: [found] says what this file came to as it stands: with --switch or --mended it is another run",
        );
        complain("hint: `trial run` takes both");
        return WRONG_USE;
    }
    let found = arguments.found.clone().or(of_file);
    let report = match &arguments.history {
        Some(file) => silently_with_history(&scenario, file),
        None => Some(silently(&scenario)),
    };
    let Some(report) = report else { return WRONG_USE };
    let comparison = match &found {
        Some(found) => found.compare(&report),
        None => Replay::twice(&silently(&scenario), &report),
    };
    let text = match arguments.format {
        Format::Text => format!(
            "{}{}{comparison}\nreplayed: {}  seed: {}  fingerprint: {:016x}  build: {BUILD}\n",
            findings(&report),
            look_line(subject, &report),
            report.verdict,
            report.seed,
            report.fingerprint,
        ),
        Format::Json => format!(
            "{}\n",
            serde_json::json!({
                "path": subject.is_file().then_some(&scenario.path), "comparison": word(&comparison), "verdict": report.verdict.to_string(),
                "seed": report.seed.to_string(), "fingerprint": format!("{:016x}", report.fingerprint),
                "build": BUILD, "found": found, "failures": texts(&report.failures),
                "excused": texts(&report.excused),
            })
        ),
    };
    let _ = print(&text);
    if comparison.is_nondeterminism() {
        complain(&first_difference(&scenario).unwrap_or_else(|| {
            "two more runs now are equal, so this build is not to blame. What was found is of another run: another --profile, \
             --switch or seed, a file or --found that was changed since, or another compiler or machine"
                .to_owned()
        }));
        return Verdict::Nondeterminism.exit_code();
    }
    report.verdict.exit_code()
}

/// Makes the run of a recording again, and compares it with its marks. Returns the exit code.
fn recording(arguments: &ReplayOf, path: &Path) -> u8 {
    let refuse = |what: &str, hint: &str| {
        complain(&format!("error: the recording {} cannot be repeated: {what}", path.display()));
        complain(&format!("hint: {hint}"));
        WRONG_USE
    };
    if arguments.found.is_some() || arguments.history.is_some() || arguments.subject.is_changed() {
        return refuse("a recording says itself what its run was", "name it alone, or give its scenario");
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(&error.to_string(), "look at the file"),
    };
    let kept = match Kept::parse(&bytes) {
        Ok(kept) => kept,
        Err((what, hint)) => return refuse(&what, &hint),
    };
    let scenario = match kept.scenario() {
        Ok(scenario) => scenario,
        Err(complaint) => return refuse(&complaint, "the build that made it can repeat it"),
    };
    let Some(tape) = recorded(scenario) else {
        return refuse("the run ended without a recording", "run its scenario to see why");
    };
    let difference = kept.difference(&tape);
    let is_of_this_build = kept.refusal().is_none();
    let comparison = match difference {
        None => "the same run, step for step where it was marked".to_owned(),
        Some((from, to)) => format!("another run from one of the steps {from} to {to} on"),
    };
    let other_build = if is_of_this_build { "" } else { " (it was made by another build)" };
    let report = &tape.report;
    let text = match arguments.format {
        Format::Text => format!(
            "{}{}{comparison}{other_build}\nreplayed: {}  seed: {}  fingerprint: {:016x}  build: {BUILD}\n",
            findings(report),
            look_line(&arguments.subject, report),
            report.verdict,
            report.seed,
            report.fingerprint,
        ),
        Format::Json => format!(
            "{}\n",
            serde_json::json!({
                "path": path.display().to_string(), "same": difference.is_none(), "first_difference": difference,
                "same_build": is_of_this_build, "verdict": report.verdict.to_string(), "seed": report.seed.to_string(),
                "fingerprint": format!("{:016x}", report.fingerprint), "build": BUILD,
            })
        ),
    };
    let _ = print(&text);
    match (difference, is_of_this_build) {
        // Another build may do something else; the same one may not.
        (Some(_), true) => Verdict::Nondeterminism.exit_code(),
        _ => report.verdict.exit_code(),
    }
}

/// The line to paste that opens a failed run in a window.
fn look_line(subject: &Subject, report: &Report) -> String {
    if report.failures.is_empty() { String::new() } else { format!("look: trial play {}\n", subject.words()) }
}

/// A run, recorded.
fn recorded(scenario: Scenario) -> Option<Box<Tape>> {
    let session = Session::open(scenario);
    loop {
        if let News::Recorded(tape) = session.wait()? {
            return Some(tape);
        }
    }
}

fn word(comparison: &Replay) -> &'static str {
    match comparison {
        Replay::Same => "same",
        Replay::SameInAnotherBuild(_) => "same-in-another-build",
        Replay::AnotherBuild(_) => "another-build",
        Replay::Nondeterminism(_) | Replay::TwiceDifferent(..) => "nondeterminism",
        Replay::TwiceTheSame => "twice-the-same",
    }
}
