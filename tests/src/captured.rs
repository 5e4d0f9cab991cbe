//! A scenario's run with all that is needed to do it again without the runner.
//!
//! ```text
//!   runner ── base world (before its first step) ──┐
//!      └───── the entries that it executed ────────┴──▶ the same run: no checks, no trace, no waiting for time zero
//! ```

use std::ops::ControlFlow;

use trial_broker::time::Time;
use trial_sim::internal::scenario::run::{RunOptions, run_watched};
use trial_sim::internal::scenario::{Report, Scenario};
use trial_sim::internal::step::StepKind;
use trial_sim::internal::{Entry, World};

/// A run that was watched.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The world before its first step: nothing has been scheduled.
    pub base: World,
    /// Every entry that was executed, in order.
    pub entries: Vec<Entry>,
    /// After each step: when it was, and the fingerprint.
    pub fingerprints: Vec<(Time, u64)>,
    /// What the run came to.
    pub report: Report,
}

impl Captured {
    /// Runs a scenario and captures it.
    ///
    /// # Panics
    /// If the run never began.
    pub fn run(scenario: &Scenario, options: RunOptions) -> Captured {
        let (mut base, mut entries, mut fingerprints) = (None, Vec::new(), Vec::new());
        let report = run_watched(scenario, options, &mut |_| true, &mut |world, step| {
            match step {
                None => base = Some(world.clone()),
                Some(step) => {
                    if let StepKind::Entry(fault) = &step.kind {
                        entries.push(Entry::new(step.at, fault.clone()));
                    }
                    fingerprints.push((step.at, step.fingerprint));
                }
            }
            ControlFlow::Continue(())
        });
        Captured { base: base.expect("the watcher saw the world before its first step"), entries, fingerprints, report }
    }

    /// The world before its first step, with everything on its list that the run executed.
    pub fn again(&self) -> World {
        let mut world = self.base.clone();
        for entry in &self.entries {
            world.schedule(entry.clone());
        }
        world
    }

    /// How many steps the run took.
    pub fn steps(&self) -> usize {
        self.fingerprints.len()
    }
}
