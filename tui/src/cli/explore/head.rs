//! The first line of a file of results: the campaign that it is a part of. A result for each seed follows it.
//!
//! Without it nobody could say of what the files of several shards are the whole: the seeds at either end of a
//! campaign are missed by no neighbour.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use trial_sim::internal::explore::{Farm, Profile};

/// Which seeds a campaign has, and which of them are looked for in this file. Files of older builds do not say it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Head {
    /// From which profile they are drawn.
    pub campaign: Profile,
    /// The first seed of the whole campaign.
    pub first_seed: u64,
    /// The seed after its last one; none if its time alone was limited.
    pub end: Option<u64>,
    /// Which part of it this is, from 0.
    pub part: u64,
    /// Of how many parts.
    pub parts: u64,
    /// Of the seeds that pass, one in so many was run once more with the hazards of Kafka 4.1; 0 where none was.
    #[serde(default)]
    pub faithful_one_in: u64,
}

impl Head {
    /// What is about to be run.
    pub fn of(farm: &Farm) -> Head {
        Head {
            campaign: farm.profile,
            first_seed: farm.seeds.start,
            end: Some(farm.seeds.end).filter(|end| *end != u64::MAX),
            part: farm.shard.index,
            parts: farm.shard.count,
            faithful_one_in: farm.faithful_one_in.map_or(0, NonZeroU64::get),
        }
    }
}
