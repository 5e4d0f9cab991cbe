//! What many seeds came to, whatever the order in which they ran and the machines on which they did.
//!
//! A campaign is a sum: two campaigns over different seeds can be merged, and the result is
//! the one that a single campaign over all of them would have had. So the fingerprint is a
//! sum too (of a hash for each seed), and the *fastest* seed of a signature is the one with
//! the fewest steps of its world, not the one that a busy machine happened to finish first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Drawing, Faithful, Farm, Mark, Outcome, Profile};
use crate::scenario::{Finding, Seed, Signature, Verdict, texts};

/// One seed's result: one JSON line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedResult {
    /// From which profile the scenario was drawn.
    pub profile: Profile,
    /// The seed.
    pub seed: Seed,
    /// How it was drawn.
    pub drawing: Drawing,
    /// What was switched on.
    pub switches: Vec<String>,
    /// The build that ran it: the digest of its sources, in hexadecimal.
    pub build: String,
    /// How the run ended.
    pub verdict: Verdict,
    /// The run's fingerprint, in hexadecimal.
    pub fingerprint: String,
    /// How many steps the world took.
    pub steps: u64,
    /// How much virtual time passed since time zero, in microseconds.
    pub virtual_us: u64,
    /// Whether it ran twice to compare.
    pub twice: bool,
    /// What it came to with the hazards of Kafka 4.1; none if it was not run so.
    #[serde(default)]
    pub faithful: Option<Faithful>,
    /// The marks that it reached.
    pub marks: BTreeSet<Mark>,
    /// What was forgiven, and why.
    pub excused: Vec<String>,
    /// What failures have in common; none if it passed.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// What was found, in words. The line to paste is of the whole result: [`SeedResult::again`].
    pub failures: Vec<String>,
}

impl SeedResult {
    /// The result of a seed that ran.
    pub fn of(farm: &Farm, seed: Seed, outcome: &Outcome) -> SeedResult {
        SeedResult {
            profile: farm.profile,
            seed,
            drawing: farm.drawing,
            switches: farm.switches.clone(),
            build: crate::internal::BUILD.to_owned(),
            verdict: outcome.report.verdict,
            fingerprint: format!("{:016x}", outcome.report.fingerprint),
            steps: outcome.report.steps,
            virtual_us: outcome.report.virtual_micros,
            twice: false,
            faithful: None,
            marks: outcome.marks.clone(),
            excused: texts(&outcome.report.excused),
            signature: outcome.signature.clone(),
            failures: outcome.report.failures.iter().map(Finding::told).collect(),
        }
    }

    /// The finding of which the signature is made, in words.
    pub fn telling(&self) -> &str {
        Signature::telling(self.verdict, &self.failures).map_or("", String::as_str)
    }

    /// This seed's part of a campaign's fingerprint.
    fn hash(&self) -> u64 {
        let text = format!("{} {} {} {}", self.profile, self.seed, self.fingerprint, self.verdict);
        xxh3_64(text.as_bytes())
    }
}

/// What is known of one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seeds that failed so.
    pub seeds: BTreeSet<(Profile, Seed)>,
    /// The one whose world took the fewest steps; the smaller seed, if two took as many.
    pub fastest: SeedResult,
}

/// Many seeds together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    /// How many seeds ran.
    pub seeds: u64,
    /// How many of them did not pass.
    pub failed: u64,
    /// How many ran twice.
    pub twice: u64,
    /// How many were run with the hazards of Kafka 4.1 as well.
    pub faithful: u64,
    /// How many of those failed so.
    pub faithful_failed: u64,
    /// The seeds in which something was forgiven: (profile, seed), and what.
    pub excused: BTreeMap<(Profile, Seed), Vec<String>>,
    /// The failures, by signature.
    pub failures: BTreeMap<Signature, Failure>,
    /// In how many seeds each mark was reached.
    pub marks: BTreeMap<Mark, u64>,
    /// The worst verdict.
    pub verdict: Verdict,
    /// One number for all results.
    pub fingerprint: u64,
}

impl Campaign {
    /// Takes in one seed.
    pub fn add(&mut self, result: &SeedResult) {
        self.seeds += 1;
        self.twice += u64::from(result.twice);
        self.faithful += u64::from(result.faithful.is_some());
        self.faithful_failed += u64::from(result.faithful.iter().any(|run| run.verdict != Verdict::Pass));
        self.fingerprint = self.fingerprint.wrapping_add(result.hash());
        self.verdict = self.verdict.max(result.verdict);
        for mark in &result.marks {
            *self.marks.entry(*mark).or_default() += 1;
        }
        if !result.excused.is_empty() {
            self.excused.insert((result.profile, result.seed), result.excused.clone());
        }
        let Some(signature) = &result.signature else { return };
        self.failed += 1;
        let failure = self
            .failures
            .entry(signature.clone())
            .or_insert_with(|| Failure { seeds: BTreeSet::new(), fastest: result.clone() });
        failure.seeds.insert((result.profile, result.seed));
        let order = |result: &SeedResult| (result.steps, result.profile, result.seed);
        if order(result) < order(&failure.fastest) {
            failure.fastest = result.clone();
        }
    }

    /// The marks that no seed reached.
    pub fn unreached(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL.iter().copied().filter(|mark| !self.marks.contains_key(mark))
    }

    /// The last line of every campaign; the rate is of the caller's clock, in seeds per second.
    pub fn last_line(&self, rate: Option<f64>) -> String {
        let rate = rate.map_or(String::new(), |rate| format!("rate: {rate:.0}/s  "));
        format!(
            "explored: {} seeds  failures: {}  excused: {}  signatures: {}  unreached-marks: {}  {rate}fingerprint: {:016x}",
            self.seeds,
            self.failed,
            self.excused.len(),
            self.failures.len(),
            self.unreached().count(),
            self.fingerprint,
        )
    }
}
