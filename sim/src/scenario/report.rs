//! What a run came to: the verdict, its numbers, and what was found.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Excuse, Finding, Seed};

/// How a run ended. Later ones are worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything expected came true and no promise was broken.
    #[default]
    Pass,
    /// An expectation of the scenario did not come true.
    Expectation,
    /// A promise that Kafka makes was broken.
    Safety,
    /// A healed cluster did not recover.
    Liveness,
    /// An assertion of a machine was broken.
    Crash,
    /// The same seed gave two different runs.
    Nondeterminism,
}

impl Verdict {
    /// The exit code of the command.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Expectation | Verdict::Safety => 1,
            Verdict::Liveness => 3,
            Verdict::Crash => 4,
            Verdict::Nondeterminism => 5,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Expectation => "expectation",
            Verdict::Safety => "safety",
            Verdict::Liveness => "liveness",
            Verdict::Crash => "crash",
            Verdict::Nondeterminism => "nondeterminism",
        })
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// The seed it ran with.
    pub seed: Seed,
    /// The rolling hash over everything observable that happened.
    pub fingerprint: u64,
    /// How much virtual time passed since time zero, in microseconds.
    pub virtual_micros: u64,
    /// How many steps the world took, those before time zero included.
    pub steps: u64,
    /// How many expectations came true.
    pub expectations_met: usize,
    /// How many expectations the scenario has.
    pub expectations: usize,
    /// The check that found a broken promise, if one did.
    pub property: Option<&'static str>,
    /// What was found.
    pub failures: Vec<Finding>,
    /// What was forgiven, each with its reason.
    pub excused: Vec<Excuse>,
    /// What clients saw that Kafka allows by design, each with how often and why.
    pub by_design: Vec<String>,
    /// How long the core took to recover, in microseconds; none if it had not to, or did not.
    pub recovery_micros: Option<u64>,
}

impl Report {
    /// What was found, in words, with the lines to paste.
    pub fn findings(&self) -> String {
        texts(&self.failures).join("\n")
    }

    /// The last line of every run.
    pub fn verdict_line(&self, wall: Duration) -> String {
        format!(
            "verdict: {}  seed: {}  fingerprint: {:016x}  virtual: {}.{:03}s  steps: {}  wall: {}ms  expectations: {}/{}",
            self.verdict,
            self.seed,
            self.fingerprint,
            self.virtual_micros / 1_000_000,
            self.virtual_micros / 1000 % 1000,
            self.steps,
            wall.as_millis(),
            self.expectations_met,
            self.expectations,
        )
    }

    /// The same for programs: one JSON object.
    pub fn to_json(&self, scenario: &super::Scenario) -> String {
        serde_json::json!({
            "scenario": scenario.file.id.value,
            "path": scenario.path,
            "verdict": self.verdict.to_string(),
            "seed": self.seed.to_string(),
            "fingerprint": format!("{:016x}", self.fingerprint),
            "virtual_us": self.virtual_micros,
            "steps": self.steps,
            "expectations_met": self.expectations_met,
            "expectations": self.expectations,
            "property": self.property,
            "failures": texts(&self.failures),
            "excused": texts(&self.excused),
            "by_design": self.by_design,
            "recovery_us": self.recovery_micros,
        })
        .to_string()
    }
}

/// Each of them in words.
pub fn texts(said: &[impl fmt::Display]) -> Vec<String> {
    said.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_line_is_the_one_that_scripts_read() {
        let report = Report {
            seed: Seed(5),
            fingerprint: 0x0123_4567_89ab_cdef,
            virtual_micros: 60_000_000,
            steps: 12345,
            expectations_met: 12,
            expectations: 12,
            ..Report::default()
        };
        assert_eq!(
            report.verdict_line(Duration::from_millis(21)),
            "verdict: pass  seed: 0x5  fingerprint: 0123456789abcdef  virtual: 60.000s  steps: 12345  wall: 21ms  \
             expectations: 12/12"
        );
    }
}
