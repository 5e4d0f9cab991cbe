//! What the environment says: which seeds, how many at once, which faults, how much to tell.
//!
//! ```text
//!   TRIAL_SEED=0x11        this seed alone
//!   TRIAL_SEEDS=5000       seeds 0 to 4999;  TRIAL_SEEDS=5000..6000 or 0x1388..0x1770 those
//!   TRIAL_JOBS=4           so many worlds at once; one a core unless said
//!   TRIAL_FAULTS=FILE      the faults listed in this file, instead of the trial's own
//!   TRIAL_TRACE=lanes      the transcript of a single seed: lanes, full or json
//! ```

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::scenario::Seed;
use crate::scenario::run::TraceKind;

/// What the environment asks of every trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) seed: Option<Seed>,
    pub(super) seeds: Option<Range<u64>>,
    pub(super) jobs: Option<NonZeroUsize>,
    /// The path of a list of faults.
    pub(super) faults: Option<String>,
    pub(super) trace: TraceKind,
}

impl Environment {
    /// Reads variables.
    ///
    /// # Errors
    /// A sentence that names the variable and what was expected.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Environment, String> {
        let wrong = |name: &str, text: &str, expected: &str| format!("{name}={text:?}: expected {expected}");
        let seed = variable("TRIAL_SEED")
            .map(|text| {
                let seed = Seed::parse(&text).ok().filter(|seed| seed.0 < u64::MAX);
                seed.ok_or_else(|| wrong("TRIAL_SEED", &text, "a number below 2^64 - 1, such as 17 or 0x11"))
            })
            .transpose()?;
        let seeds = variable("TRIAL_SEEDS")
            .map(|text| {
                range(&text).ok_or_else(|| wrong("TRIAL_SEEDS", &text, "how many, such as 5000, or a range A..B"))
            })
            .transpose()?;
        let jobs = variable("TRIAL_JOBS")
            .map(|text| text.parse().map_err(|_| wrong("TRIAL_JOBS", &text, "a number from 1")))
            .transpose()?;
        let trace = match variable("TRIAL_TRACE").as_deref() {
            None | Some("none") => TraceKind::None,
            Some("lanes") => TraceKind::Lanes,
            Some("full") => TraceKind::Full,
            Some("json") => TraceKind::Json,
            Some(other) => return Err(wrong("TRIAL_TRACE", other, "lanes, full, json or none")),
        };
        Ok(Environment { seed, seeds, jobs, faults: variable("TRIAL_FAULTS"), trace })
    }
}

/// A variable of the environment, if it is set.
#[expect(clippy::disallowed_methods, reason = "it chooses which runs there are, not what happens in them")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `5000` or `5000..6000`, in digits or, as seeds are printed, in hexadecimal ones; never empty.
fn range(text: &str) -> Option<Range<u64>> {
    let number = |text: &str| Some(Seed::parse(text).ok()?.0);
    let range = match text.split_once("..") {
        Some((start, end)) => number(start)?..number(end)?,
        None => 0..number(text)?,
    };
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Environment, String> {
        Environment::read(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn the_environment_chooses_seed_count_and_jobs() {
        assert_eq!(Environment::read(|_| None).map(|it| it.trace), Ok(TraceKind::None));
        assert_eq!(read("TRIAL_SEED", "0x11").map(|it| it.seed), Ok(Some(Seed(17))));
        assert_eq!(read("TRIAL_SEEDS", "5000").map(|it| it.seeds), Ok(Some(0..5000)));
        assert_eq!(read("TRIAL_SEEDS", "7..9").map(|it| it.seeds), Ok(Some(7..9)));
        assert_eq!(read("TRIAL_SEEDS", "0x10..0x2a").map(|it| it.seeds), Ok(Some(16..42)));
        assert_eq!(read("TRIAL_SEEDS", "0x10").map(|it| it.seeds), Ok(Some(0..16)));
        assert_eq!(read("TRIAL_JOBS", "3").map(|it| it.jobs.map(NonZeroUsize::get)), Ok(Some(3)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        for (name, value) in [
            ("TRIAL_SEED", "x"),
            ("TRIAL_SEED", "0xffffffffffffffff"),
            ("TRIAL_SEEDS", "0"),
            ("TRIAL_SEEDS", "9..7"),
            ("TRIAL_JOBS", "0"),
            ("TRIAL_TRACE", "loud"),
        ] {
            let complaint = read(name, value).expect_err(value);
            assert!(complaint.starts_with(&format!("{name}={value:?}: expected ")), "{complaint}");
        }
    }
}
