//! Runs a scenario: builds its world, waits for time zero, executes its steps, asks whether what it expects is true.
//!
//! ```text
//!   build ──▶ boot: start, elect, create topics, warm clients ──▶ time zero ──▶ steps ──▶ end
//!                                                                    │            │
//!                                                            phases as offsets   entries of the world's list
//! ```
//!
//! A run has a thread of its own. A broken assertion of a machine ends the run with the
//! verdict *crash*, and with the line that does it again.

mod actions;
mod boot;
mod build;
mod calls;
mod events;
mod execute;
mod expectations;
mod findings;
mod interventions;
mod judge;
mod ledger;
mod measure;
mod panics;
mod program;
mod recover;
mod seen;
mod steps;
mod transactions;
pub(crate) mod view;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::report::Report;
use super::{Scenario, Seed, Span};
use crate::step::Step;
use crate::world::World;

pub(crate) use actions::draw_of_step;
use execute::Run;
pub(crate) use expectations::is_expectation;
pub use measure::{Counts, Measure, recorded, run_measured};
pub(crate) use program::{Program, run_with_program, unwatched};
pub(crate) use seen::{Aftermath, Pace, run_for_its_pace, run_seen};
pub use seen::{Moment, Resolutions};

/// What to print of a run while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceKind {
    /// One line per event, one lane per broker; long stretches in which nothing new happens are counted.
    #[default]
    Lanes,
    /// The same with every line.
    Full,
    /// Of these the lines that tell a story: without what happens all the time while records flow, and without the boot.
    Story,
    /// One JSON object per event.
    Json,
    /// Nothing.
    None,
}

/// How to run a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The seed, instead of the scenario's.
    pub seed: Option<Seed>,
    /// When to end, counted from time zero, instead of the scenario's end. Steps after it do not run.
    pub until: Option<Span>,
    /// What to print.
    pub trace: TraceKind,
}

/// Sees the world after each of its steps, those before time zero included; without a step, before the first one.
/// It may end the run: whatever has not come true by then is nobody's fault.
pub type Watcher<'a> = dyn FnMut(&World, Option<&Step>) -> ControlFlow<()> + Send + 'a;

/// Runs a scenario on a thread of its own. `print` takes pieces of the trace as they come; when it returns false
/// nobody reads any more, and the run ends early.
pub fn run(scenario: &Scenario, options: RunOptions, print: &mut (dyn FnMut(&str) -> bool + Send)) -> Report {
    run_watched(scenario, options, print, &mut |_, _| ControlFlow::Continue(()))
}

/// As [`run`], with somebody who looks at the world itself.
pub fn run_watched(
    scenario: &Scenario,
    options: RunOptions,
    print: &mut (dyn FnMut(&str) -> bool + Send),
    watcher: &mut Watcher,
) -> Report {
    panics::watch();
    on_a_thread_of_its_own(move || run_here(scenario, options, Measure::default(), print, watcher).0)
}

fn on_a_thread_of_its_own<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("trial-world".to_owned())
            .spawn_scoped(scope, work)
            .expect("the operating system gives a thread")
            .join()
            .expect("a panic of the world is caught inside of its thread")
    })
}

/// Runs a scenario on this thread.
fn run_here(
    scenario: &Scenario,
    options: RunOptions,
    measure: Measure,
    print: &mut (dyn FnMut(&str) -> bool + Send),
    watcher: &mut Watcher,
) -> (Report, Counts) {
    let seed = options.seed.or(scenario.file.seed).unwrap_or_default();
    played(&mut Run::new(scenario, seed, options, print, watcher).measured(measure))
}

/// Plays a run to its end; a broken assertion is its end, too.
fn played(run: &mut Run) -> (Report, Counts) {
    let outcome = panics::capturing(|| catch_unwind(AssertUnwindSafe(|| run.play())));
    if let Err(panic) = outcome {
        run.crashed(panics::told(panic.as_ref()));
    }
    (run.report(), run.counts())
}
