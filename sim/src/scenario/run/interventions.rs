//! What somebody does to a run besides its steps: each at its exact time, whatever the steps wait for.
//!
//! ```text
//!   steps           at 1 s ──▶ when isr-size = 1 ··················▶ after 1 s ──▶
//!   interventions                  at 3.2 s: kill b1
//! ```
//!
//! An intervention at t runs before every delivery and timer of t. So a run with one more of them is the same run, event
//! for event, up to its time: a fork.

use std::time::Duration;

use trial_broker::time::Time;

use super::execute::{Run, Stop};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::validate::{PlannedStep, Start};

/// The run goes on for this long after the last of them, so that one sees what comes of it.
const GOES_ON: Duration = Duration::from_secs(30);

impl Run<'_> {
    /// When the next intervention runs: at its time, or at the first instant that has not begun.
    pub(super) fn next_intervention(&self) -> Option<Time> {
        let next = self.scenario.interventions.get(self.interventions).filter(|_| self.booted)?;
        Some(self.time_of(next).max(self.floor()))
    }

    /// Up to when the run goes on because of them.
    pub(super) fn end_of_interventions(&self) -> Option<Time> {
        self.scenario.interventions.last().map(|last| self.time_of(last) + GOES_ON)
    }

    fn time_of(&self, step: &PlannedStep) -> Time {
        match &step.start {
            Start::At(at) => self.cast.zero() + at.duration(),
            Start::After(_) | Start::When(_) | Start::WhenEvent(_) => unreachable!("an intervention has a time"),
        }
    }

    /// Whether the time of the first one has come: what the steps note and expect from then on was written for another run.
    pub(super) fn was_intervened(&self) -> bool {
        let first = self.scenario.first_intervention();
        first.is_some_and(|first| self.world.now() >= self.cast.zero() + first.duration())
    }

    /// Runs the next one: its entries are due now, and stand before all else that is.
    pub(super) fn intervene(&mut self, at: Time) -> Result<bool, Stop> {
        let scenario = self.scenario;
        let step = &scenario.interventions[self.interventions];
        self.interventions += 1;
        if at > self.world.now() {
            self.world.advance_to(at);
        }
        let name = step.action.name();
        if let Some(note) = &step.note {
            self.note(at, note.clone());
        }
        match self.entries(step, at) {
            Ok(resolved) => {
                if !resolved.machines.is_empty() {
                    self.note(at, format!("intervention: {name}: {}", resolved.words(step)));
                    self.resolutions.insert(step.number, resolved.machines.into_iter().collect());
                }
                for entry in resolved.entries {
                    self.last_entry = self.last_entry.max(entry.at);
                    self.world.schedule(entry);
                }
            }
            Err(reason) if step.optional => self.note(at, format!("intervention: {name} is left out: {reason}")),
            Err(reason) => {
                let title = format!("an intervention ({name}) could not run");
                self.fail(Diagnostic::new(title, step.action.span.clone(), reason));
            }
        }
        Ok(true)
    }
}
