//! What a campaign came to, for people and for programs.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::json;
use trial_sim::internal::BUILD;
use trial_sim::internal::explore::{Campaign, Failure, Mark, Profile};
use trial_sim::internal::scenario::{Seed, Signature};

use super::shrunk::{Shrunk, Tried};

/// How many of a signature's seeds are named.
const MOST_SEEDS: usize = 12;

/// A campaign that is over.
pub struct Report<'a> {
    pub campaign: &'a Campaign,
    /// The one profile that it had, if it had one.
    pub profile: Option<Profile>,
    /// Seeds per second; none where nothing was run.
    pub rate: Option<f64>,
    /// What became of each signature that was to be shrunk.
    pub shrunk: &'a Shrunk,
    /// Seeds of which results differ from file to file.
    pub differing: &'a BTreeSet<(Profile, Seed)>,
    /// How it ended.
    pub end: End,
}

/// Whether all was run that was to be run, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It came to its end: its last seed, or its time.
    Ended,
    /// Ctrl-C ended it.
    Interrupted {
        /// Whether it has a folder, so that it can go on.
        goes_on: bool,
    },
    /// Of what was joined something is missing.
    Incomplete,
}

impl Report<'_> {
    /// Signatures, marks, what was forgiven if that is asked for, and the line that scripts read.
    pub fn text(&self, list_excused: bool) -> String {
        let mut text = String::new();
        for (signature, failure) in &self.campaign.failures {
            text.push_str(&one_failure(signature, failure, self.shrunk.get(signature)));
        }
        for (profile, seed) in self.differing {
            let _ =
                writeln!(text, "nondeterminism: profile {profile} seed {seed}: its results differ from file to file");
        }
        text.push_str(&self.marks());
        if list_excused {
            for ((profile, seed), reasons) in &self.campaign.excused {
                let _ = writeln!(text, "excused: profile {profile} seed {seed}: {}", reasons.join("; "));
            }
        }
        text.push_str(&self.faithful());
        text.push_str(&self.end());
        let _ = writeln!(text, "{}", self.campaign.last_line(self.rate));
        text
    }

    /// That these are not all the seeds, where they are not: the last line looks the same.
    fn end(&self) -> String {
        let run = self.campaign.seeds;
        match self.end {
            End::Ended => String::new(),
            End::Interrupted { goes_on } => {
                let how =
                    if goes_on { "the same command with --resume goes on" } else { "with --out one can --resume" };
                format!("interrupted: {run} seeds have a result, and the rest has none; {how}\n")
            }
            End::Incomplete => {
                format!("incomplete: of what was joined there are {run} seeds, and something is missing\n")
            }
        }
    }

    /// In how many seeds each mark was reached. Those that the profile must reach and did not stand on top; of the others
    /// that nobody reached the names are enough, for many profiles never draw what leads to them.
    fn marks(&self) -> String {
        let is_wanted = |mark: &Mark| self.profile.is_some_and(|profile| profile.must_reach().contains(mark));
        let (missed, others): (Vec<Mark>, Vec<Mark>) = self.campaign.unreached().partition(is_wanted);
        let mut text = String::from("marks: in how many seeds\n");
        for mark in missed {
            let _ = writeln!(text, "       0  {mark}: {}  (this profile ought to reach it)", mark.sentence());
        }
        let mut reached: Vec<(u64, Mark)> = self.campaign.marks.iter().map(|(mark, count)| (*count, *mark)).collect();
        reached.sort();
        for (count, mark) in reached.into_iter().filter(|(count, _)| *count > 0) {
            let _ = writeln!(text, "{count:>8}  {mark}: {}", mark.sentence());
        }
        if !others.is_empty() {
            let names = others.iter().map(|mark| mark.name()).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "       0  {} others: {names}", others.len());
        }
        text
    }

    /// What the hazards of Kafka 4.1 would have done, and in how many seeds that was asked.
    fn faithful(&self) -> String {
        match (self.campaign.faithful, self.campaign.faithful_failed) {
            (0, _) => String::new(),
            (asked, failed) => format!(
                "faithful to Kafka 4.1: {failed} of {asked} seeds fail that pass with its hazards mended (a sample of them)\n"
            ),
        }
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let campaign = self.campaign;
        let failures: Vec<_> = campaign
            .failures
            .iter()
            .map(|(signature, failure)| {
                json!({
                    "signature": signature,
                    "count": failure.seeds.len(),
                    "seeds": failure.seeds.iter().map(|(_, seed)| seed).collect::<Vec<_>>(),
                    "fastest": failure.fastest,
                    "again": failure.fastest.command(),
                    "shrunk": self.shrunk.get(signature),
                })
            })
            .collect();
        let marks: serde_json::Map<_, _> = Mark::ALL
            .iter()
            .map(|mark| (mark.name().to_owned(), json!(campaign.marks.get(mark).copied().unwrap_or(0))))
            .collect();
        let excused: Vec<_> = campaign
            .excused
            .iter()
            .map(|((profile, seed), reasons)| json!({ "profile": profile, "seed": seed, "reasons": reasons }))
            .collect();
        let required: Vec<Mark> = self.profile.map_or(Vec::new(), |profile| profile.must_reach().to_vec());
        let missed: Vec<&str> =
            campaign.unreached().filter(|mark| required.contains(mark)).map(|mark| mark.name()).collect();
        let differing: Vec<_> =
            self.differing.iter().map(|(profile, seed)| json!({ "profile": profile, "seed": seed })).collect();
        let object = json!({
            "profile": self.profile,
            "build": BUILD,
            "seeds": campaign.seeds,
            "failed": campaign.failed,
            "twice": campaign.twice,
            "faithful": { "seeds": campaign.faithful, "failed": campaign.faithful_failed },
            "excused": excused,
            "signatures": failures,
            "marks": marks,
            "unreached_marks": campaign.unreached().count(),
            "unreached_required_marks": missed,
            "differing": differing,
            "interrupted": matches!(self.end, End::Interrupted { .. }),
            "incomplete": self.end != End::Ended,
            "verdict": campaign.verdict,
            "seeds_per_second": self.rate,
            "fingerprint": format!("{:016x}", campaign.fingerprint),
        });
        format!("{object}\n")
    }
}

fn one_failure(signature: &Signature, failure: &Failure, shrunk: Option<&Tried>) -> String {
    let fastest = &failure.fastest;
    let mut text = format!(
        "signature: {signature}\n  {} seeds; fastest: profile {} seed {}, {} steps, verdict {}\n",
        failure.seeds.len(),
        fastest.profile,
        fastest.seed,
        fastest.steps,
        fastest.verdict
    );
    text.push_str(&others(failure));
    for line in fastest.telling().lines() {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "  look: trial play {}", fastest.drawn_from());
    let _ = writeln!(text, "  its scenario: trial explore --print-scenario {}", fastest.drawn_from());
    let _ = match shrunk {
        Some(shrunk) => writeln!(text, "  {shrunk}"),
        None => writeln!(text, "  to shrink it: trial shrink {}", fastest.drawn_from()),
    };
    if let Some(file) = shrunk.and_then(Tried::file) {
        let _ = writeln!(text, "  look at the shrunk one: trial play {file}");
        let _ = writeln!(text, "  run the shrunk one: trial run {file}");
    }
    let _ = writeln!(text, "  {}", fastest.again());
    text
}

/// The other seeds that failed so: the first of them, for whoever wants to look at another.
fn others(failure: &Failure) -> String {
    let fastest = (failure.fastest.profile, failure.fastest.seed);
    let others: Vec<String> =
        failure.seeds.iter().filter(|one| **one != fastest).map(|(_, seed)| seed.to_string()).collect();
    let more = others.len().saturating_sub(MOST_SEEDS);
    let named = others.iter().take(MOST_SEEDS).cloned().collect::<Vec<_>>().join(", ");
    match (others.len(), more) {
        (0, _) => String::new(),
        (_, 0) => format!("  the others: {named}\n"),
        (_, more) => format!("  the others: {named} and {more} more (results.jsonl has them all)\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_a_signature_are_named_beside_the_fastest() {
        let result = |seed: u64, steps: u64| -> trial_sim::internal::explore::SeedResult {
            let result = json!({
                "profile": "lite", "seed": format!("{seed:#x}"), "drawing": {}, "switches": [], "build": "b",
                "verdict": "safety", "fingerprint": "00", "steps": steps, "virtual_us": 1, "twice": false, "marks": [],
                "excused": [], "signature": "safety log-matching: b# differs", "failures": ["a\nlog-matching: b1 differs"],
            });
            serde_json::from_value(result).expect("a result")
        };
        let mut campaign = Campaign::default();
        campaign.add(&result(9, 10));
        let said = |campaign: &Campaign| campaign.failures.values().map(others).collect::<String>();
        assert_eq!(said(&campaign), "");
        campaign.add(&result(5, 99));
        assert_eq!(said(&campaign), "  the others: 0x5\n");
        (20..40).for_each(|seed| campaign.add(&result(seed, 99)));
        let said = said(&campaign);
        assert!(said.starts_with("  the others: 0x5, 0x14, 0x15") && said.contains(" and 9 more"), "{said}");
    }

    #[test]
    fn marks_that_the_profile_must_reach_stand_on_top_and_other_zeros_are_one_line() {
        let mut campaign = Campaign::default();
        campaign.marks.insert(Mark::IsrShrunk, 7);
        let report = Report {
            campaign: &campaign,
            profile: Some(Profile::Lite),
            rate: None,
            shrunk: &Shrunk::new(),
            differing: &BTreeSet::new(),
            end: End::Ended,
        };
        let text = report.marks();
        let lines: Vec<&str> = text.lines().collect();
        let wanted = Profile::Lite.must_reach().len();
        assert!(lines[1].starts_with("       0  leader-moved-during-fetch: "), "{text}");
        assert!(lines[2].starts_with("       0  former-leader-truncated: "), "{text}");
        assert!(lines[1..wanted].iter().all(|line| line.ends_with("  (this profile ought to reach it)")), "{text}");
        assert!(lines[wanted].starts_with("       7  isr-shrunk: "), "{text}");
        let others = Mark::ALL.len() - wanted;
        assert!(lines[wanted + 1].starts_with(&format!("       0  {others} others: two-leaders-at-once, ")), "{text}");
        assert_eq!(lines.len(), wanted + 2, "{text}");
    }
}
