//! The line to paste that draws a seed again, anywhere, and compares it with what was found.
//!
//! ```text
//!   trial replay 0x2a --profile disk --switch vote-twice --faithful --found safety:0123456789abcdef:89abcdef01234567
//!                └── what the scenario is drawn from ─────────────┘         verdict : fingerprint : build
//! ```

use super::{Drawing, Profile, SeedResult};
use crate::scenario::Seed;
use crate::scenario::replay::Found;

/// The command that draws a seed again and runs it.
pub fn command_of(profile: Profile, seed: Seed, drawing: Drawing, switches: &[String]) -> String {
    format!("trial replay {}", drawn_from(profile, seed, drawing, switches))
}

/// A seed with the options that say what it is drawn from, as `trial replay` and `trial shrink` take them.
pub fn drawn_from(profile: Profile, seed: Seed, drawing: Drawing, switches: &[String]) -> String {
    let mut line = format!("{seed} --profile {profile}");
    switches.iter().for_each(|switch| line.push_str(&format!(" --switch {switch}")));
    let Drawing { over_budget, faithful } = drawing;
    for (_, option) in [(over_budget, " --over-budget"), (faithful, " --faithful")].iter().filter(|(is, _)| *is) {
        line.push_str(option);
    }
    line
}

/// What was found, as an option of `trial replay`.
pub fn found_option(found: &Found) -> String {
    format!("--found {}:{}:{}", found.verdict, found.fingerprint, found.build)
}

impl SeedResult {
    /// The seed with what it is drawn from, as `trial replay` and `trial shrink` take it.
    pub fn drawn_from(&self) -> String {
        drawn_from(self.profile, self.seed, self.drawing, &self.switches)
    }

    /// What it came to, for a later run to compare with.
    pub fn found(&self) -> Found {
        Found { verdict: self.verdict, fingerprint: self.fingerprint.clone(), build: self.build.clone() }
    }

    /// The command that runs it again and says whether it came to the same.
    pub fn command(&self) -> String {
        format!("trial replay {} {}", self.drawn_from(), found_option(&self.found()))
    }

    /// The line to paste that says so.
    pub fn again(&self) -> String {
        format!("again: {}", self.command())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_all_that_a_seed_is_drawn_from() {
        let plain = command_of(Profile::Lite, Seed(5), Drawing::default(), &[]);
        assert_eq!(plain, "trial replay 0x5 --profile lite");
        let drawing = Drawing { over_budget: true, faithful: true };
        let all = command_of(Profile::Disk, Seed(42), drawing, &["vote-twice".to_owned()]);
        assert_eq!(all, "trial replay 0x2a --profile disk --switch vote-twice --over-budget --faithful");
    }
}
