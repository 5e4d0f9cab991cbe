//! The same run again: was it what a finder said, or is this another build?
//!
//! ```text
//!   [found] fingerprint, verdict, build ──┐
//!                                         ├──▶ the same, another build's, or nondeterminism
//!   a run of the same file now ───────────┘
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::report::{Report, Verdict};

/// What a file says of the run for which it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Found {
    /// How the run ended: "safety".
    pub verdict: Verdict,
    /// The rolling hash over everything that happened, in hexadecimal.
    #[serde(deserialize_with = "sixteen_digits")]
    pub fingerprint: String,
    /// The build that ran it: the digest of its sources, in hexadecimal.
    #[serde(deserialize_with = "sixteen_digits")]
    pub build: String,
}

/// Whether a text is a number of 64 bits as reports write it.
fn is_number(text: &str) -> bool {
    text.len() == 16 && text.chars().all(|digit| digit.is_ascii_hexdigit())
}

fn sixteen_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_number(&text) {
        Ok(text)
    } else {
        Err(D::Error::custom("expected 16 hexadecimal digits, as a report writes them"))
    }
}

impl Found {
    /// What this build found.
    pub fn by_this_build(report: &Report) -> Found {
        Found {
            verdict: report.verdict,
            fingerprint: format!("{:016x}", report.fingerprint),
            build: crate::internal::BUILD.to_owned(),
        }
    }

    /// Reads `safety:0123456789abcdef:89abcdef01234567`: verdict, fingerprint and build, as reports write them.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Found, String> {
        let expected = || format!("expected VERDICT:FINGERPRINT:BUILD as a report writes it, found {text:?}");
        let [verdict, fingerprint, build] = text.split(':').collect::<Vec<_>>()[..] else { return Err(expected()) };
        let verdict = serde_json::from_value(verdict.into()).map_err(|_| expected())?;
        if !is_number(fingerprint) || !is_number(build) {
            return Err(expected());
        }
        Ok(Found { verdict, fingerprint: fingerprint.to_owned(), build: build.to_owned() })
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
    /// Nobody says what was found before; two runs of now did the same.
    TwiceTheSame,
    /// Nobody says what was found before, and two runs of now differ. That must never be.
    TwiceDifferent(Found, Found),
}

impl Replay {
    /// Compares two runs of now, of which nobody says what they came to before.
    pub fn twice(one: &Report, other: &Report) -> Replay {
        if one == other {
            return Replay::TwiceTheSame;
        }
        Replay::TwiceDifferent(Found::by_this_build(one), Found::by_this_build(other))
    }

    /// Whether the same build did two things.
    pub fn is_nondeterminism(&self) -> bool {
        match self {
            Replay::Nondeterminism(_) | Replay::TwiceDifferent(..) => true,
            Replay::Same | Replay::SameInAnotherBuild(_) | Replay::AnotherBuild(_) | Replay::TwiceTheSame => false,
        }
    }
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
            Replay::TwiceTheSame => {
                f.write_str("nothing says what was found before; two runs now have the same verdict and fingerprint")
            }
            Replay::TwiceDifferent(one, other) => write!(
                f,
                "nondeterminism: one run ends in {} with fingerprint {}, the next in {} with fingerprint {}",
                one.verdict, one.fingerprint, other.verdict, other.fingerprint
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

    #[test]
    fn where_nothing_was_found_before_two_runs_of_now_are_compared() {
        let report = Report { verdict: Verdict::Safety, fingerprint: 7, ..Report::default() };
        let twice = Replay::twice(&report, &report);
        assert_eq!(twice, Replay::TwiceTheSame);
        assert!(!twice.to_string().contains("that were found"), "{twice}");
        assert!(Replay::twice(&report, &Report { fingerprint: 8, ..report.clone() }).is_nondeterminism());
    }

    #[test]
    fn what_a_report_writes_of_a_finding_is_read_back() {
        let found = Found::by_this_build(&Report { verdict: Verdict::Liveness, fingerprint: 7, ..Report::default() });
        let written = format!("{}:{}:{}", found.verdict, found.fingerprint, found.build);
        assert_eq!(Found::parse(&written), Ok(found));
        for wrong in ["safety", "safety:12:34", "good:0123456789abcdef:0123456789abcdef", "", "a:b:c:d"] {
            assert!(Found::parse(wrong).is_err(), "{wrong}");
        }
    }
}
