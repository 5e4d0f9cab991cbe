//! A run that a screen will show: beside its report, who is who in it and when each of its steps came. And the pace of a
//! run: that alone.

use std::collections::BTreeMap;

use trial_broker::time::Time;

use super::execute::Run;
use super::{
    Measure, Report, RunOptions, Scenario, Seed, Span, TraceKind, Watcher, on_a_thread_of_its_own, panics, played,
};
use crate::check::Violation;
use crate::scenario::trace::Cast;
use crate::step::Telling;

/// When the start of one of the scenario's steps came: its time, or what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The step's number in the file, from 1.
    pub number: usize,
    /// How many steps the world had taken.
    pub steps: u64,
    /// When.
    pub at: Time,
}

/// Whom symbolic targets meant, each with the machine's name; by the number of the step or intervention that has them.
pub type Resolutions = BTreeMap<usize, BTreeMap<String, String>>;

/// What a run leaves beside its report.
#[derive(Debug)]
pub(crate) struct Aftermath {
    pub(crate) report: Report,
    pub(crate) cast: Cast,
    /// Whether time zero was reached.
    pub(crate) booted: bool,
    pub(crate) moments: Vec<Moment>,
    pub(crate) resolutions: Resolutions,
    pub(crate) violations: Vec<Violation>,
}

/// Hears, from time zero on, who is who and when the start of each step came so far.
pub(crate) type Follower<'a> = dyn FnMut(&Cast, &[Moment]) + Send + 'a;

/// Runs a scenario on this thread for somebody who keeps its steps: they tell what was sent, too.
pub(crate) fn run_seen(
    scenario: &Scenario,
    options: RunOptions,
    watcher: &mut Watcher,
    follower: &mut Follower,
) -> Aftermath {
    panics::watch();
    let seed: Seed = options.seed.or(scenario.file.seed).unwrap_or_default();
    let mut nobody_reads = |_: &str| true;
    let mut run = Run::new(scenario, seed, options, &mut nobody_reads, watcher).measured(Measure::default());
    run.world.set_telling(Telling::Messages);
    run.follower = Some(follower);
    let (report, _) = played(&mut run);
    let Run { cast, booted, moments, resolutions, violations, .. } = run;
    Aftermath { report, cast, booted, moments, resolutions, violations }
}

/// When what: all that a scenario leaves to its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The steps that came, by their numbers from 1, each with the time after time zero at which it did.
    pub(crate) steps: BTreeMap<usize, Span>,
    /// When the last of them was over, with all that it brings; none if the run ended before that.
    pub(crate) over: Option<Span>,
    /// When the run ended.
    pub(crate) end: Span,
}

/// Runs a scenario, on a thread of its own, for nothing but its pace.
pub(crate) fn run_for_its_pace(scenario: &Scenario, watcher: &mut Watcher) -> Pace {
    panics::watch();
    on_a_thread_of_its_own(move || {
        let seed: Seed = scenario.file.seed.unwrap_or_default();
        let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
        let mut nobody_reads = |_: &str| true;
        let mut run = Run::new(scenario, seed, options, &mut nobody_reads, watcher).measured(Measure::default());
        let (report, _) = played(&mut run);
        let after_zero = |at: Time| Span { micros: run.cast.micros(at) };
        let steps = run.moments.iter().map(|moment| (moment.number, after_zero(moment.at))).collect();
        let all_over = run.booted && run.ends.len() == scenario.steps.len();
        let over = all_over.then(|| after_zero(run.previous.max(run.last_entry)));
        Pace { steps, over, end: Span { micros: report.virtual_micros as i64 } }
    })
}
