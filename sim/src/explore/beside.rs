//! Stories that are told beside everything else that a seed draws, and what they ask of its topics and its groups.
//!
//! ```text
//!   a generation goes by   a member does not hear of a generation, and joins the next with what it had before
//! ```
//!
//! Such a story needs circumstances that meet once in many thousand seeds: an assignor, partitions that can move. So whether a
//! seed tells one is drawn by itself, from a stream of its own, before anything else: where it does not, the seed is what
//! it was. What happens in them stands in `faults/together/`.

use super::Profile;
use super::draw::{Aspect, Draw};
use crate::scenario::Seed;

/// The stories. The number is part of every seed: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    GenerationGoesBy = 1,
}

/// How many partitions a topic has at least whose owners are to change one by one.
const SHARED_PARTITIONS: usize = 6;

impl Beside {
    /// In how many seeds of a hundred it is told, where that is possible.
    fn percent(self, profile: Profile) -> u64 {
        match (self, profile) {
            (Beside::GenerationGoesBy, Profile::Groups) => 15,
            _ => 0,
        }
    }

    /// Whether a seed tells it.
    pub(super) fn is_told(self, profile: Profile, seed: Seed) -> bool {
        Draw::new(seed, Aspect::Beside, self as u64).percent(self.percent(profile))
    }

    /// What is drawn of it.
    pub(super) fn draw(self, seed: Seed) -> Draw {
        Draw::new(seed, Aspect::Beside, (self as u64) << 32)
    }
}

/// More partitions for the first topic, where they are to move between members: as many replicas each as the others have.
pub(super) fn more_partitions(profile: Profile, seed: Seed, index: u64, replicas: &mut Vec<Vec<i32>>, brokers: &[i32]) {
    if index != 1 || !Beside::GenerationGoesBy.is_told(profile, seed) {
        return;
    }
    let mut draw = Draw::new(seed, Aspect::Beside, (Beside::GenerationGoesBy as u64) << 32 | 1);
    let factor = replicas[0].len();
    while replicas.len() < SHARED_PARTITIONS {
        replicas.push(draw.shuffled(brokers).into_iter().take(factor).collect());
    }
}

/// Whether few other things happen in a seed: a story of groups that others talk over comes to nothing.
pub(super) fn is_quiet(profile: Profile, seed: Seed) -> bool {
    Beside::GenerationGoesBy.is_told(profile, seed)
}
