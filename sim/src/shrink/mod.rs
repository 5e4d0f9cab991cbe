//! Makes a failing scenario small: what is left is what the failure needs.
//!
//! ```text
//!   scenario ─▶ take away: steps, clients, partitions, machines, settings ─▶ fewer records
//!            ─▶ shorter waits ─▶ rounder times ─▶ … until nothing more can go
//!            ─▶ steps that go with another seed ─▶ all of it again
//!                        │
//!                candidate ─▶ does it still fail in the same way? ─▶ the new best
//! ```
//!
//! The method is delta debugging (Zeller and Hildebrandt, 2002): large pieces are taken away
//! first, then smaller ones. It works on the text that a person will read: each candidate is
//! printed, read back and checked like any scenario, so what comes out is valid by construction.
//! Streams of randomness are apart and faults carry their own draws, so that what is taken away
//! leaves the rest as it was wherever that is possible. A scenario that a person wrote is given its pace first (`pace`).
//!
//! What *fails in the same way* means is asked of the caller; the shrinker knows no cluster.

mod failure;
mod groups;
mod machines;
mod mention;
mod pace;
mod parts;
mod records;
mod search;
mod story;
mod times;
mod until;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use crate::scenario::Scenario;
use crate::scenario::format::File;
pub use failure::{Failing, NothingToShrink, OTHER_SEEDS, OtherSeeds, Small};
use search::Search;
pub use story::{Retelling, tell};
pub use until::{Cut, Until};

/// Whether a candidate fails in the same way; none if it was cut off, which ends the search. Several are asked about at
/// once, each on a thread of its own.
pub type Fails<'a> = dyn Fn(&Scenario) -> Option<bool> + Sync + 'a;

/// How much may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many candidates may be run, at most.
    pub runs: usize,
    /// How many candidates run at once. What comes out does not depend on it.
    pub jobs: NonZeroUsize,
}

/// How far the search is, told after each batch of candidates.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is being tried: "steps", "times".
    pub pass: &'static str,
    /// How many candidates were run.
    pub runs: usize,
    /// The smallest scenario so far.
    pub best: &'a Scenario,
    /// Whether it has just become smaller.
    pub smaller: bool,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest scenario that was found.
    pub scenario: Scenario,
    /// How many candidates were run.
    pub runs: usize,
    /// Whether nothing more could be taken away; false if the limits, the listener or a candidate that was
    /// cut off ended the search.
    pub finished: bool,
}

/// One way to make a scenario smaller, with its name.
struct Pass {
    name: &'static str,
    run: fn(&mut Search),
}

/// In the order in which they save the most time: short lists first, numbers last. What goes only with another seed is
/// tried when nothing else goes any more.
const PASSES: &[Pass] = &[
    Pass { name: "steps", run: parts::take_away_steps },
    Pass { name: "groups", run: parts::take_away_groups },
    Pass { name: "clients", run: parts::take_away_clients },
    Pass { name: "topics", run: parts::take_away_topics },
    Pass { name: "partitions", run: machines::fewer_partitions },
    Pass { name: "machines", run: machines::fewer_machines },
    Pass { name: "settings", run: parts::take_away_settings },
    Pass { name: "records", run: records::fewer_records },
    Pass { name: "waits", run: times::shorter_waits },
    Pass { name: "times", run: times::rounder_times },
    Pass { name: "draws", run: records::plainer_faults },
];

/// What is tried when none of [`PASSES`] leads further.
const LAST_PASS: Pass = Pass { name: "other seeds", run: parts::take_away_steps_on_other_schedules };

/// What can be made smaller where the cluster and the workload are code: the list of faults alone.
const FAULT_PASSES: &[Pass] = &[
    Pass { name: "steps", run: parts::take_away_steps },
    Pass { name: "waits", run: times::shorter_waits },
    Pass { name: "times", run: times::rounder_times },
    Pass { name: "draws", run: records::plainer_faults },
];

/// Makes a scenario smaller for as long as it fails in the same way. The first scenario is taken at its word:
/// it is not asked about.
///
/// `listen` hears of each batch of candidates, and may end the search; the best so far is kept.
pub fn shrink(
    scenario: &Scenario,
    limits: Limits,
    fails: &Fails,
    listen: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Shrunk {
    shrink_from(scenario, None, limits, fails, listen)
}

/// As [`shrink`], from another beginning if that one fails too.
fn shrink_from(
    scenario: &Scenario,
    beginning: Option<File>,
    limits: Limits,
    fails: &Fails,
    listen: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Shrunk {
    let mut search = Search::new(scenario.clone(), limits, fails, listen);
    if let Some(beginning) = beginning {
        search.begin("pace");
        search.accepts(beginning);
    }
    shrink_by(PASSES, Some(&LAST_PASS), search)
}

/// As [`shrink`], but the cluster, its topics and its clients stay as they are; and the seed, by which the program's own
/// draws go.
pub(crate) fn shrink_faults(
    scenario: &Scenario,
    limits: Limits,
    fails: &Fails,
    listen: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Shrunk {
    shrink_by(FAULT_PASSES, None, Search::new(scenario.clone(), limits, fails, listen))
}

fn shrink_by(passes: &[Pass], last: Option<&Pass>, mut search: Search) -> Shrunk {
    loop {
        let before = search.improvements();
        for pass in passes {
            search.begin(pass.name);
            (pass.run)(&mut search);
        }
        if let Some(last) = last.filter(|_| search.improvements() == before) {
            search.begin(last.name);
            (last.run)(&mut search);
        }
        if search.is_over() || search.improvements() == before {
            return search.end();
        }
    }
}
