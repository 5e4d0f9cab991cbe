//! What ends a search before it has tried everything: somebody who asks for the end, or its time.
//!
//! ```text
//!   the whole budget  ├──────────── search ────────────┼── other seeds ──┤
//!                                        four fifths ──┘
//! ```
//!
//! A candidate that is cut off has no answer, and counts for nothing: what was found by then is
//! never wrong, only larger than it might have become.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::explore::Asked;
use crate::scenario::run::{Pace, RunOptions, TraceKind, Watcher, run_for_its_pace, run_watched};
use crate::scenario::{Report, Scenario, Signature};

/// After so many steps of a world the question is asked again: a clock is slower than a step.
const ASKED_EVERY: u64 = 256;

/// Why something ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Somebody asked for it.
    Interrupted,
    /// Its time was over.
    Budget,
}

/// The word that reports have for it.
impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Cut::Interrupted => "interrupted",
            Cut::Budget => "budget",
        })
    }
}

/// Until when something goes on.
pub struct Until<'a> {
    stopped: &'a Asked<'a>,
    started: Instant,
    /// How long it may take from the start on; none for as long as it takes.
    budget: Option<Duration>,
}

impl<'a> Until<'a> {
    /// From now on: until somebody asks for the end, or so much time has passed.
    pub fn new(stopped: &'a Asked<'a>, budget: Option<Duration>) -> Until<'a> {
        Until { stopped, started: Instant::now(), budget }
    }

    /// Why it is over; none if it is not.
    pub fn cut(&self) -> Option<Cut> {
        if (self.stopped)() {
            return Some(Cut::Interrupted);
        }
        self.budget.filter(|budget| self.started.elapsed() >= *budget).map(|_| Cut::Budget)
    }

    /// The part of the time in which the search goes on: the rest is for what comes after it.
    pub(super) fn searching(&self) -> Until<'a> {
        Until { budget: self.budget.map(|budget| budget / 5 * 4), ..*self }
    }

    /// Runs something that shows each of its steps; none if it was cut off.
    pub(crate) fn watching<R>(&self, run: impl FnOnce(&mut Watcher) -> R) -> Option<R> {
        let (mut steps, mut is_cut) = (0_u64, false);
        let came = run(&mut |_, _| {
            is_cut |= steps.is_multiple_of(ASKED_EVERY) && self.cut().is_some();
            steps += 1;
            if is_cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (!is_cut).then_some(came)
    }

    /// Runs a scenario for what it comes to; none if it was cut off.
    pub(crate) fn play(&self, scenario: &Scenario) -> Option<Report> {
        let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
        self.watching(|watcher| run_watched(scenario, options, &mut |_| true, watcher))
    }

    /// Runs a scenario for when what came in it; none if it was cut off.
    pub(super) fn pace_of(&self, scenario: &Scenario) -> Option<Pace> {
        self.watching(|watcher| run_for_its_pace(scenario, watcher))
    }

    /// Whether a scenario fails as the signature says; none if it was cut off.
    pub(crate) fn fails_as(&self, scenario: &Scenario, signature: &Signature) -> Option<bool> {
        self.play(scenario).map(|report| Signature::of(&report).as_ref() == Some(signature))
    }
}
