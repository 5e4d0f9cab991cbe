//! The first line of a file of results: the campaign that it is a part of. A result for each seed follows it.
//!
//! Without it nobody could say of what the files of several shards are the whole: the seeds at either end of a
//! campaign are missed by no neighbour. Nor could a campaign be resumed: what else was asked for would not be known.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use trial_sim::internal::BUILD;
use trial_sim::internal::explore::{Drawing, Farm, Profile};
use trial_sim::internal::scenario::Seed;

/// The format of files of results: what an older or newer build wrote in another one is refused.
pub const FORMAT: u64 = 1;

/// Which seeds a campaign has, and which of them are looked for in this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// [`FORMAT`].
    pub format: u64,
    /// The build that runs it: the digest of its sources, in hexadecimal.
    pub build: String,
    /// From which profile they are drawn.
    pub campaign: Profile,
    /// How they are drawn.
    pub drawing: Drawing,
    /// What is switched on.
    pub switches: Vec<String>,
    /// The first seed of the whole campaign.
    pub first_seed: u64,
    /// The seed after its last one; none if its time alone was limited.
    pub end: Option<u64>,
    /// Which part of it this is, from 0.
    pub part: u64,
    /// Of how many parts.
    pub parts: u64,
    /// Of the seeds that pass, one in so many was run once more with the hazards of Kafka 4.1; 0 where none was.
    pub faithful_one_in: u64,
}

impl Head {
    /// What is about to be run.
    pub fn of(farm: &Farm) -> Head {
        Head {
            format: FORMAT,
            build: BUILD.to_owned(),
            campaign: farm.profile,
            drawing: farm.drawing,
            switches: farm.switches.clone(),
            first_seed: farm.seeds.start,
            end: Some(farm.seeds.end).filter(|end| *end != u64::MAX),
            part: farm.shard.index,
            parts: farm.shard.count,
            faithful_one_in: farm.faithful_one_in.map_or(0, NonZeroU64::get),
        }
    }

    /// The options of `trial explore` that begin this campaign.
    pub fn options(&self) -> String {
        let mut line = format!("--profile {} --seeds {}..", self.campaign, Seed(self.first_seed));
        line.push_str(&self.end.map_or(String::new(), |end| Seed(end).to_string()));
        if self.parts > 1 {
            line.push_str(&format!(" --shard {}/{}", self.part, self.parts));
        }
        self.switches.iter().for_each(|switch| line.push_str(&format!(" --switch {switch}")));
        let Drawing { over_budget, faithful } = self.drawing;
        for (_, option) in [(over_budget, " --over-budget"), (faithful, " --faithful")].iter().filter(|(is, _)| *is) {
            line.push_str(option);
        }
        format!("{line} --faithful-one-in {}", self.faithful_one_in)
    }
}
