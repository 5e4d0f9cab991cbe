//! A program of the author's own beside the scenario's steps: people who call clients while faults come and go.
//!
//! ```text
//!   time zero ──▶ program ───────────────────────────────────────▶ its end
//!             └─▶ steps: faults ──▶ healed, recovered ──▶ healed again whenever the program asks ──▶ end of the run
//! ```
//!
//! The steps are executed as ever, and all checks look at every step. When the last step is over the cluster is
//! healed, and the program gets the time that it needs, but not for ever.

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::time::Duration;

use trial_broker::time::Time;

use super::execute::{Run, Stop};
use super::panics::Panicked;
use super::{Counts, Measure, Report, RunOptions, Scenario, Seed, panics, played};
use crate::people::Crowd;
use crate::record::Outside;
use crate::scenario::format::Liveness;
use crate::scenario::report::Verdict;
use crate::scenario::{Excuse, Span, What};
use crate::world::World;

/// What brings a program to life in the world that has reached time zero.
pub(crate) type Start<'a> = dyn FnOnce(&mut World) -> Crowd<Result<(), String>> + Send + 'a;

/// A program, and what a run needs to know of it.
pub(crate) struct Program<'a> {
    /// Brings it to life.
    pub(crate) start: Box<Start<'a>>,
    /// How long it may go on when the cluster is healed.
    pub(crate) patience: Duration,
}

/// Runs a scenario with a program beside its steps, on a thread of its own. `print` takes pieces of the trace;
/// `watcher` sees every step.
///
/// # Panics
/// Only if the operating system gives no thread: what the program panics with is a finding.
pub(crate) fn run_with_program(
    scenario: &Scenario,
    options: RunOptions,
    program: Program,
    print: &mut (dyn FnMut(&str) -> bool + Send),
    watcher: &mut super::Watcher,
) -> (Report, Counts) {
    panics::watch();
    std::thread::scope(|scope| {
        let work = move || {
            let seed: Seed = options.seed.or(scenario.file.seed).unwrap_or_default();
            let mut run = Run::new(scenario, seed, options, print, watcher).measured(Measure::default());
            run.program = Some(program);
            played(&mut run)
        };
        let thread = std::thread::Builder::new().name("trial-world".to_owned());
        let world = thread.spawn_scoped(scope, work).expect("the operating system gives a thread");
        world.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

impl Run<'_> {
    /// Time zero has come: the program begins.
    pub(super) fn start_program(&mut self) {
        if let Some(program) = self.program.take() {
            self.patience = program.patience;
            self.crowd = Some((program.start)(&mut self.world));
        }
    }

    /// People have run: somebody may have come into the world, and the program may have failed.
    pub(super) fn after_slice(&mut self) -> Result<(), Stop> {
        let Some(crowd) = &mut self.crowd else { return Ok(()) };
        let outside = crowd.take_outside();
        let end = crowd.take_end();
        for outside in outside {
            if let Outside::Machine { id, config, .. } = outside {
                let name = config.name.strip_prefix("client-").unwrap_or(&config.name);
                self.cast.add(id, name, None, false);
                if let Some(lanes) = &mut self.lanes {
                    lanes.introduce(id, name);
                }
                self.clients.push((name.to_owned(), id));
            }
        }
        match end {
            None => Ok(()),
            Some(Ok(Ok(()))) => {
                self.program_ended = true;
                Ok(())
            }
            Some(Ok(Err(error))) => Err(self.program_failed(error, None)),
            Some(Err(panic)) => Err(self.program_panicked(panic.as_ref())),
        }
    }

    fn program_panicked(&mut self, panic: &(dyn Any + Send)) -> Stop {
        let Panicked { message, place } = panics::told(panic);
        self.program_failed(message, Some(place))
    }

    /// What the author expected is not so.
    fn program_failed(&mut self, message: String, place: Option<String>) -> Stop {
        let position = format!("at {}, world step {}, seed {}", self.elapsed(), self.world.steps(), self.seed);
        self.found(What::Program { message, place, position });
        self.worsen(Verdict::Expectation);
        Stop::Program
    }

    /// The last step is over: heals the cluster, whenever the program asks for it too, until the program has ended.
    pub(super) fn end_of_program(&mut self, liveness: &Liveness) -> Result<(), Stop> {
        let mut healed_of = None;
        let mut deadline = Time::NEVER;
        loop {
            // What the program itself has broken since the last time is healed, too.
            if healed_of != Some(self.counts.faults_executed) {
                self.recover(liveness)?;
                // What cannot be had from everybody together, a program cannot be asked to wait for.
                let out_of_reach = self.excused.iter().any(|excuse| matches!(excuse, Excuse::Liveness(_)));
                if self.verdict >= Verdict::Liveness || out_of_reach {
                    return Ok(());
                }
                healed_of = Some(self.counts.faults_executed);
                deadline = deadline.min(self.world.now() + self.patience);
            } else if self.program_ended {
                return Ok(());
            }
            if let Some(crowd) = &mut self.crowd {
                crowd.is_recovered();
            }
            let goes_on = |run: &Run| run.program_ended || run.crowd.as_ref().is_some_and(Crowd::asks_for_recovery);
            if !self.wait(deadline, goes_on)? {
                self.program_never_ended();
                return Ok(());
            }
        }
    }

    fn program_never_ended(&mut self) {
        let position = format!("liveness at {}, seed {}", self.elapsed(), self.seed);
        let patience = Span { micros: self.patience.as_micros() as i64 };
        let open = self.crowd.as_ref().map_or(0, Crowd::open_calls);
        self.found(What::NeverEnded { position, patience, open });
        self.worsen(Verdict::Liveness);
    }
}

/// A watcher that looks away.
pub(crate) fn unwatched(_: &World, _: Option<&crate::step::Step>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}
