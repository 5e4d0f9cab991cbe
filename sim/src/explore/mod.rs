//! Exploration: thousands of seeds, each a scenario of its own, and what they found.
//!
//! ```text
//!   profile, seed ─▶ generate ─▶ scenario ─▶ run ─▶ Outcome { report, signature, marks }
//!                     draw         File       │            │
//!                     cluster     (printable) │            ▼
//!                     workload                │     Campaign: failures by signature, marks, one fingerprint
//!                     faults              switches
//! ```
//!
//! The generator turns a seed into an explicit list of timed steps and reads nothing else:
//! switches are turned on in the scenario afterwards, so that a seed is the same scenario
//! with a bug and without it. [`run_seed`] is the whole of one seed; [`explore`] runs many,
//! on all cores, in any order, to the same result.

mod again;
mod beside;
mod campaign;
mod cluster;
mod draw;
mod faithful;
mod farm;
mod faults;
mod generate;
mod groups;
mod hunt;
pub mod marks;
mod pool;
mod profile;
mod quiet;
mod readers;
pub(crate) mod text;
mod twice;
mod workload;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::scenario::print::print;
use crate::scenario::run::{RunOptions, TraceKind, Watcher, run_watched};
use crate::scenario::{Report, Scenario, Seed, Signature};

pub use again::{command_of, drawn_from, found_option};
pub use campaign::{Campaign, Failure, SeedResult};
pub use faithful::Faithful;
pub use farm::{Asked, Farm, Shard, explore};
pub use generate::{Drawing, generate};
pub(crate) use generate::{faults_for, mended_hazards};
pub use hunt::{CAMPAIGNS, Found, Hunt, HuntEnd, median};
pub use marks::Mark;
pub(crate) use pool::until_last;
pub use profile::{Profile, SUITE_SEEDS, TOO_RARE};
pub use twice::{difference, first_difference, whole_trace};
pub(crate) use twice::{difference_by, runs_twice};

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The scenario that was run, with its text; its switches are on.
    pub scenario: Scenario,
    /// How the run ended.
    pub report: Report,
    /// What it has in common with other failures; none if it passed.
    pub signature: Option<Signature>,
    /// The marks that it reached.
    pub marks: BTreeSet<Mark>,
}

/// The scenario of a seed, as text and as what the text says, with these switches on. The text is what `trial run`
/// takes; what fails in it is told with the line that draws it again.
///
/// # Panics
/// The generator wrote a scenario that is not valid: a mistake of the generator, shown with its text.
pub fn scenario_of(profile: Profile, seed: Seed, drawing: Drawing, switches: &[String]) -> Scenario {
    let mut file = generate(profile, seed, drawing);
    file.cluster.value.switches = switches.iter().cloned().map(crate::scenario::format::Spanned::nowhere).collect();
    let text = print(&file);
    let path = format!("{}.toml", file.id.value);
    let mut scenario = Scenario::parse(&path, &text).unwrap_or_else(|invalid| panic!("{invalid}\n{text}"));
    scenario.command = Some(command_of(profile, seed, drawing, switches));
    scenario
}

/// Draws the scenario of a seed, turns the switches on, and runs it on a thread of its own.
pub fn run_seed(profile: Profile, seed: Seed, drawing: Drawing, switches: &[String]) -> Outcome {
    run_until(scenario_of(profile, seed, drawing, switches), &|| false).expect("nobody stops it")
}

/// Runs a scenario without a trace and shows its steps.
pub(crate) type Runner<'a> = dyn Fn(&Scenario, &mut Watcher) -> Report + Sync + 'a;

/// The runner of every campaign.
pub(crate) fn really(scenario: &Scenario, watcher: &mut Watcher) -> Report {
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run_watched(scenario, options, &mut |_| true, watcher)
}

/// Runs a scenario to its end; none if somebody stopped it before that.
pub(crate) fn run_until(scenario: Scenario, stopped: &Asked) -> Option<Outcome> {
    run_until_by(&really, scenario, stopped)
}

/// The same by another runner.
fn run_until_by(runner: &Runner, scenario: Scenario, stopped: &Asked) -> Option<Outcome> {
    let mut observer = marks::Observer::default();
    let mut was_stopped = false;
    let report = runner(&scenario, &mut |world, step| {
        if let Some(step) = step {
            observer.observe(world, step);
        }
        was_stopped = stopped();
        if was_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if was_stopped {
        return None;
    }
    let signature = Signature::of(&report);
    Some(Outcome { scenario, report, signature, marks: observer.reached() })
}
