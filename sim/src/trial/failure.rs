//! A trial that failed: which seed, what was seen, which of its faults are needed, and the line that shows it again.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use super::faults::as_list;
use super::seeds::{Passed, Play, say};
use crate::scenario::{Finding, Report, Scenario, Signature, Verdict};
use crate::shrink::{Limits, Progress, Until, shrink_faults};

/// How many smaller lists of faults are tried.
const TRIES: usize = 300;

/// How long smaller lists are tried, at most: somebody waits for the test.
const SHRINKING: Duration = Duration::from_secs(60);

/// A seed that fails.
pub(super) struct Failing {
    pub(super) scenario: Scenario,
    pub(super) report: Report,
    pub(super) signature: Signature,
}

/// What a failed trial has to say. Its `Display` is the whole story.
#[derive(Clone, Debug)]
pub struct Failed {
    /// The seed that failed: the lowest that does.
    pub seed: u64,
    /// How many seeds below it passed.
    pub passed: u64,
    /// The check that found a broken promise of Kafka's, by its name; none if it was the program that failed, or no
    /// promise was broken.
    pub property: Option<&'static str>,
    /// What was found, in words.
    pub findings: Vec<String>,
    /// The faults that are left after shrinking, as [`Faults::listed`](crate::Faults::listed) takes them; empty if it
    /// fails without any.
    pub faults: String,
    /// How many faults and repairs the seed had, and how many are left.
    pub steps: (usize, usize),
    /// The lines to paste: the seed as it was, and, if it could be written down, with the faults that are left.
    pub again: Vec<String>,
}

impl Failed {
    /// Shrinks the faults of a seed that fails.
    pub(super) fn look_closer(play: &Play, failing: Failing, passed: &Passed, jobs: NonZeroUsize) -> Failed {
        let Failing { scenario, report, signature } = failing;
        let before = scenario.file.steps.len();
        let shrunk = if before == 0 || report.verdict == Verdict::Nondeterminism {
            scenario
        } else {
            say(&format!("seed {} fails; its faults are shrunk for a minute at most: {signature}\n", report.seed));
            let until = Until::new(&|| false, Some(SHRINKING));
            let fails = |candidate: &Scenario| {
                let report = play.run_until(candidate, &until)?;
                Some(Signature::of(&report).as_ref() == Some(&signature))
            };
            let mut listen = |_: &Progress| ControlFlow::Continue(());
            shrink_faults(&scenario, Limits { runs: TRIES, jobs }, &fails, &mut listen).scenario
        };
        let faults = as_list(&shrunk);
        let kept = (before > 0).then(|| keep(play, &faults, report.seed.0)).flatten();
        let lines = [Some(play.line(report.seed, None)), kept.map(|path| play.line(report.seed, Some(&path)))];
        Failed {
            seed: report.seed.0,
            passed: passed.seeds,
            property: report.property,
            findings: report.failures.iter().map(Finding::told).collect(),
            faults,
            steps: (before, shrunk.file.steps.len()),
            again: lines.into_iter().flatten().collect(),
        }
    }
}

/// Writes a list of faults beside the test's own binary, for the line to paste. Answers the path; none if the binary does
/// not lie where cargo puts it, or nothing can be written there.
fn keep(play: &Play, faults: &str, seed: u64) -> Option<String> {
    let binary = std::env::current_exe().ok()?;
    let folder = binary.parent().filter(|folder| folder.ends_with("deps") || folder.ends_with("examples"))?;
    let folder: PathBuf = folder.parent()?.join("trial");
    std::fs::create_dir_all(&folder).ok()?;
    let plain = |character: char| if character.is_ascii_alphanumeric() || character == '_' { character } else { '-' };
    let name: String = play.name.as_deref().unwrap_or("trial").chars().map(plain).collect();
    let path = folder.join(format!("{name}-{seed:#x}.toml"));
    std::fs::write(&path, faults).ok()?;
    Some(path.display().to_string())
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {:#x} fails ({} seeds before it passed)", self.seed, self.passed)?;
        for finding in &self.findings {
            writeln!(f, "\n{finding}")?;
        }
        match self.steps {
            (0, _) => {}
            (before, 0) => writeln!(f, "\nit fails without any of its {before} faults and repairs")?,
            (before, left) => {
                writeln!(
                    f,
                    "\nof its {before} faults and repairs it needs {left}, to be kept with `Faults::listed`:\n"
                )?;
                self.faults.trim_end().lines().try_for_each(|line| writeln!(f, "    {line}"))?;
            }
        }
        writeln!(f)?;
        self.again.iter().try_for_each(|line| writeln!(f, "again: {line}"))
    }
}

impl std::error::Error for Failed {}
