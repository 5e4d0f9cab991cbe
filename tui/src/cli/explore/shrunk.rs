//! After the seeds: the fastest seed of each signature is made small, beside what it was found as.

use std::collections::BTreeMap;
use std::path::Path;

use trial_sim::internal::explore::Campaign;
use trial_sim::internal::scenario::paste::quoted;
use trial_sim::internal::scenario::{Signature, Span};
use trial_sim::internal::shrink::Failing;

use crate::cli::interrupt;
use crate::cli::output::complain;
use crate::cli::shrink::Task;

/// How many candidates are run for one signature, at most.
const RUNS: usize = 5_000;

/// What became of each signature that was to be shrunk.
pub type Shrunk = BTreeMap<Signature, Tried>;

/// What became of one.
pub struct Tried {
    /// The file and its steps, or why there is none, as the report says it.
    pub said: String,
    /// The file, as a shell takes it.
    pub file: Option<String>,
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
            let said = "not shrunk: no promise was broken that a smaller scenario can break".to_owned();
            shrunk.insert(signature.clone(), Tried { said, file: None });
            continue;
        };
        let out = folder.join(format!("{}.shrunk.toml", signature.file_name()));
        let file = Some(quoted(&out.display().to_string()).to_string());
        // Resumed: what is there has been worked on already.
        if out.exists() {
            shrunk.insert(signature.clone(), Tried { said: format!("shrunk before: {}", out.display()), file });
            continue;
        }
        let count = campaign.failures.len();
        complain(&format!(
            "shrinking {number} of {count}, for {each} at most (Ctrl-C keeps the best so far): {signature}"
        ));
        let task = Task { failing, from: failure.fastest.drawn_from(), out, runs: RUNS, jobs, budget: Some(each) };
        let done = task.done()?.in_short(&task.out);
        complain(&format!("  {done}"));
        shrunk.insert(signature.clone(), Tried { said: format!("shrunk: {done}"), file });
    }
    Ok(shrunk)
}
