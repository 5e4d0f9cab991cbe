//! A minute in which nothing is asked of anybody: what only comes about when nothing happens (KIP-211).
//!
//! ```text
//!   faults, members that come and go │  nothing: committed offsets grow old  │ the rest of them
//!   ─────────────────────────────────┼───────────────────────────────────────┼─────────────────
//! ```
//!
//! A coordinator keeps offsets for `offsets.retention.minutes`, which is a minute at least, and a scenario is over after half
//! of one. So some seeds with groups are torn apart at one instant: what would come after it comes a minute later. What was under way
//! stays so: who is dead or cut off at that instant is so for a minute, and who commits by itself goes on.

use super::Profile;
use super::cluster::Shape;
use super::draw::{Aspect, Draw};
use super::text::set;
use crate::scenario::Seed;
use crate::scenario::format::{Cluster, Step};

/// Longer than offsets are kept, with time for a coordinator to look.
const QUIET_MICROS: i64 = 66_000_000;

/// In how many seeds of a hundred there is such a minute. They take twice as many steps.
fn percent(profile: Profile) -> u64 {
    match profile {
        Profile::Groups => 8,
        Profile::Default
        | Profile::Lite
        | Profile::Disk
        | Profile::Network
        | Profile::Controllers
        | Profile::Everything
        | Profile::Replication => 0,
    }
}

/// What a seed with a quiet minute is told: offsets are kept for a minute, and looked at more often than that. The instant, in
/// microseconds, behind which everything comes later; none if the seed has no such minute.
pub(super) fn draw_quiet(profile: Profile, seed: Seed, shape: &mut Shape, cluster: &mut Cluster) -> Option<i64> {
    let mut draw = Draw::new(seed, Aspect::Quiet, 0);
    if !draw.percent(percent(profile)) {
        return None;
    }
    set(&mut cluster.config, "offsets.retention.minutes", 1);
    set(&mut cluster.config, "offsets.retention.check.interval.ms", draw.scale(200, 5_000));
    let busy = shape.duration.micros as u64;
    let instant = draw.between(busy / 4, busy * 3 / 4) as i64;
    shape.duration.micros += QUIET_MICROS;
    Some(instant)
}

/// Moves to the other side of the minute what comes after its beginning.
pub(super) fn torn_apart(steps: Vec<(i64, Step)>, instant: Option<i64>) -> Vec<(i64, Step)> {
    let is_later = |at: i64| instant.is_some_and(|instant| at >= instant);
    steps.into_iter().map(|(at, step)| (if is_later(at) { at + QUIET_MICROS } else { at }, step)).collect()
}
