//! After the seeds: the fastest seed of each signature is made small, beside what it was found as.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use trial_sim::internal::explore::Campaign;
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::scenario::{Signature, Span};
use trial_sim::internal::shrink::{Failing, Shrunk as Searched, Small};

use crate::cli::interrupt;
use crate::cli::output::complain;
use crate::cli::shrink::Task;

/// How many candidates are run for one signature, at most.
const RUNS: usize = 5_000;

/// What became of each signature that was to be shrunk.
pub type Shrunk = BTreeMap<Signature, Tried>;

/// What became of one.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Tried {
    /// It was made small.
    Shrunk {
        /// Where it lies.
        file: PathBuf,
        /// How many steps there were.
        steps_before: usize,
        /// How many are left.
        steps: usize,
        /// How many candidates were run.
        runs: usize,
        /// Whether nothing more could be taken away.
        finished: bool,
        /// The same in words.
        #[serde(skip)]
        said: String,
    },
    /// A campaign that was resumed had done that already.
    Before {
        /// Where it lies.
        file: PathBuf,
    },
    /// No promise was broken that a smaller scenario can break.
    Nothing,
}

impl Tried {
    /// The small file, as a shell takes it.
    pub fn file(&self) -> Option<String> {
        match self {
            Tried::Shrunk { file, .. } | Tried::Before { file } => {
                Some(quoted(&file.display().to_string()).into_owned())
            }
            Tried::Nothing => None,
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tried::Shrunk { said, .. } => write!(f, "shrunk: {said}"),
            Tried::Before { file } => write!(f, "shrunk before: {}", file.display()),
            Tried::Nothing => f.write_str("not shrunk: no promise was broken that a smaller scenario can break"),
        }
    }
}

/// Shrinks the fastest seed of each signature, each for as long at most. Ctrl-C ends it; the best so far is on disk.
///
/// # Errors
/// A sentence that says what could not be written.
pub fn shrink_all(
    campaign: &Campaign,
    folder: &Path,
    jobs: std::num::NonZeroUsize,
    each: Span,
) -> Result<Shrunk, String> {
    let mut shrunk = Shrunk::new();
    for ((signature, failure), number) in campaign.failures.iter().zip(1..) {
        if interrupt::asked() {
            break;
        }
        let Ok(failing) = Failing::of_seed(&failure.fastest) else {
            shrunk.insert(signature.clone(), Tried::Nothing);
            continue;
        };
        let out = folder.join(format!("{}.shrunk.toml", signature.file_name()));
        // Resumed: what is there has been worked on already.
        if out.exists() {
            shrunk.insert(signature.clone(), Tried::Before { file: out });
            continue;
        }
        let count = campaign.failures.len();
        complain(&format!(
            "shrinking {number} of {count}, for {each} at most (Ctrl-C keeps the best so far): {signature}"
        ));
        let task = Task { failing, from: failure.fastest.drawn_from(), out, runs: RUNS, jobs, budget: Some(each) };
        let done = task.done()?;
        let said = done.in_short(&task.out);
        complain(&format!("  {said}"));
        let Small { shrunk: Searched { runs, finished, .. }, steps: (steps_before, steps), .. } = done.small;
        let tried = Tried::Shrunk { file: task.out, steps_before, steps, runs, finished, said };
        shrunk.insert(signature.clone(), tried);
    }
    Ok(shrunk)
}
