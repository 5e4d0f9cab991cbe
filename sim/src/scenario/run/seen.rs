//! A run that a screen will show: beside its report, who is who in it and when each of its steps came.

use std::collections::BTreeMap;

use trial_broker::time::Time;

use super::execute::Run;
use super::{Measure, Report, RunOptions, Scenario, Seed, Watcher, panics, played};
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
