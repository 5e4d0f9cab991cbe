//! The same run again: was it what a finder said, or is this another build?
//!
//! ```text
//!   [found] fingerprint, verdict, build ──┐
//!                                         ├──▶ the same, another build's, or nondeterminism
//!   a run of the same file now ───────────┘
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{Report, Verdict};

/// What a file says of the run for which it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Found {
    /// How the run ended: "safety".
    pub verdict: Verdict,
    /// The rolling hash over everything that happened, in hexadecimal.
    pub fingerprint: String,
    /// The build that ran it: the digest of its sources, in hexadecimal.
    pub build: String,
}

impl Found {
    /// What this build found.
    pub fn by_this_build(report: &Report) -> Found {
        Found {
            verdict: report.verdict,
            fingerprint: format!("{:016x}", report.fingerprint),
            build: crate::BUILD.to_owned(),
        }
    }

    /// Compares a run of this build with what was found.
    pub fn compare(&self, report: &Report) -> Replay {
        let again = Found::by_this_build(report);
        if again == *self {
            Replay::Same
        } else if again.build == self.build {
            Replay::Nondeterminism(again)
        } else if again.verdict == self.verdict && again.fingerprint == self.fingerprint {
            Replay::SameInAnotherBuild(again)
        } else {
            Replay::AnotherBuild(again)
        }
    }
}

/// How a run compares with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same build did the same.
    Same,
    /// Another build did the same.
    SameInAnotherBuild(Found),
    /// Another build did something else: nothing that a fingerprint promises.
    AnotherBuild(Found),
    /// The same build did something else. That must never be.
    Nondeterminism(Found),
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replay::Same => f.write_str("the same run: verdict and fingerprint are those that were found"),
            Replay::SameInAnotherBuild(now) => {
                write!(f, "the same run, although this is another build ({})", now.build)
            }
            Replay::AnotherBuild(now) => write!(
                f,
                "another run: this is another build ({}), and it ends in {} with fingerprint {}",
                now.build, now.verdict, now.fingerprint
            ),
            Replay::Nondeterminism(now) => write!(
                f,
                "nondeterminism: this build found something else before; now it ends in {} with fingerprint {}",
                now.verdict, now.fingerprint
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_a_promise_of_one_build_only() {
        let report = Report { verdict: Verdict::Safety, fingerprint: 7, ..Report::default() };
        let found = Found::by_this_build(&report);
        assert_eq!(found.compare(&report), Replay::Same);

        let other = Report { fingerprint: 8, ..report.clone() };
        assert!(matches!(found.compare(&other), Replay::Nondeterminism(_)));

        let elsewhere = Found { build: "another".to_owned(), ..found };
        assert!(matches!(elsewhere.compare(&report), Replay::SameInAnotherBuild(_)));
        assert!(matches!(elsewhere.compare(&other), Replay::AnotherBuild(_)));
    }
}
