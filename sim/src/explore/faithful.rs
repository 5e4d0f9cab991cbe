//! What the hazards of Kafka 4.1 would have done: a sample of a campaign's seeds runs once more, faithful to Kafka.
//!
//! ```text
//!   seed, hazards mended ─▶ pass ─▶ one in so many: the same, faithful ─▶ fails? ─▶ each hazard by itself: which?
//! ```
//!
//! Exploration runs with the hazards mended, so that it finds something else. A seed that
//! passes so and fails when the machines are faithful was forgiven by a hazard. To run every
//! seed in both ways would halve a campaign; so a sample is drawn from the seeds' numbers,
//! the same for every way to spread a campaign, and its size is said with its result.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Asked, Outcome, run_until};
use crate::scenario::vocabulary::hazard_names;
use crate::scenario::{Excuse, Scenario, Seed, Signature, Verdict};

/// So that the sample has nothing to do with the seeds that run twice.
const SAMPLE: u64 = 0x6b61_666b_6134_2e31;

/// What a seed came to with the hazards of Kafka 4.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faithful {
    /// How it ended.
    pub verdict: Verdict,
    /// What failed; none if it passed.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// The hazards each of which is enough; none if it passed, or if it takes several together.
    #[serde(default)]
    pub hazards: Vec<String>,
}

impl Faithful {
    /// Runs a scenario without a mended hazard; where it fails, each hazard by itself as well.
    pub fn of(scenario: &Scenario) -> Faithful {
        run_faithful(scenario, &|| false).expect("nobody stops it")
    }

    /// What the hazards did; none if nothing came of them.
    pub fn excuse(&self) -> Option<Excuse> {
        let signature = self.signature.clone()?;
        Some(Excuse::Hazard { hazards: self.hazards.clone(), signature })
    }
}

/// Whether a seed is in the sample.
pub(super) fn is_sampled(seed: Seed, one_in: Option<NonZeroU64>) -> bool {
    one_in.is_some_and(|one_in| xxh3_64_with_seed(&seed.0.to_le_bytes(), SAMPLE).is_multiple_of(one_in.get()))
}

/// Runs a scenario once more without a mended hazard; none if somebody stopped it.
pub(super) fn run_faithful(scenario: &Scenario, stopped: &Asked) -> Option<Faithful> {
    let outcome = without(scenario, &hazard_names(), stopped)?;
    let mut hazards = Vec::new();
    if outcome.signature.is_some() {
        for name in hazard_names() {
            if without(scenario, std::slice::from_ref(&name), stopped)?.signature.is_some() {
                hazards.push(name);
            }
        }
    }
    Some(Faithful { verdict: outcome.report.verdict, signature: outcome.signature, hazards })
}

/// Runs a scenario with these hazards as Kafka has them.
fn without(scenario: &Scenario, hazards: &[String], stopped: &Asked) -> Option<Outcome> {
    let mut scenario = scenario.clone();
    scenario.file.cluster.value.hazards.retain(|name, _| !hazards.contains(&name.value));
    run_until(scenario, stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_is_as_large_as_it_says_and_none_without_a_size() {
        let sampled = |one_in| (0..10_000).filter(|seed| is_sampled(Seed(*seed), NonZeroU64::new(one_in))).count();
        assert_eq!((sampled(0), sampled(1)), (0, 10_000));
        assert!((900..=1_100).contains(&sampled(10)), "{} of 10000", sampled(10));
    }
}
