//! The run itself: the world is stepped, watched, and given the scenario's steps when their time has come.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use trial_broker::ids::{GroupId, ProducerId, Ticket, TopicPartition};
use trial_broker::time::Time;

use super::build::{Built, build};
use super::calls::asks_as_administrator;
use super::events::EventLog;
use super::ledger::Ledger;
use super::measure::{Counts, Measure};
use super::program::Program;
use super::seen::{Follower, Moment, Resolutions};
use super::steps::wanted_events;
use super::{RunOptions, TraceKind, Watcher};
use crate::check::{Suite, Violation};
use crate::fault::MachineId;
use crate::people::{Crowd, Turn};
use crate::scenario::report::Verdict;
use crate::scenario::trace::{Cast, Lanes, Picture, json_lines};
use crate::scenario::validate::PlannedStep;
use crate::scenario::{Excuse, Finding, Scenario, Seed, Span, What};
use crate::session::Camera;
use crate::step::{Step, Telling};
use crate::world::World;

/// Why a run ends before its last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The cluster never came up, or has come to rest.
    Boot { verdict: Verdict, reason: String, state: Option<String> },
    /// Nobody reads what is printed.
    NobodyReads,
    /// The end of the run has come, by `--until`.
    End,
    /// A step can never run.
    Stuck,
    /// A promise was broken.
    Violation,
    /// The program beside the steps has failed.
    Program,
}

/// How long `when` waits that has no `within`, and nothing else ends the run.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How long an administrator waits for an answer at most (`default.api.timeout.ms`, as Kafka sets it).
const LONGEST_CALL: Duration = Duration::from_secs(60);

/// Something that must not become true.
pub(super) struct Monitor {
    pub(super) step: PlannedStep,
    pub(super) until: Time,
    pub(super) since: Time,
    pub(super) broken: bool,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) seed: Seed,
    pub(super) options: RunOptions,
    pub(super) print: &'a mut (dyn FnMut(&str) -> bool + Send),
    watcher: &'a mut Watcher<'a>,
    /// Who hears of the run's own steps, if somebody does.
    pub(super) follower: Option<&'a mut Follower<'a>>,
    pub(super) world: World,
    pub(super) cast: Cast,
    pub(super) brokers: Vec<MachineId>,
    pub(super) controllers: Vec<MachineId>,
    pub(super) clients: Vec<(String, MachineId)>,
    pub(super) ledger: Ledger,
    pub(super) picture: Picture,
    pub(super) events: EventLog,
    pub(super) lanes: Option<Lanes>,
    pub(super) monitors: Vec<Monitor>,
    pub(super) tickets: u64,
    /// How many values were numbered, by producer.
    pub(super) values: BTreeMap<String, u64>,
    /// Where the offsets of each transaction were written, by producer and group.
    pub(super) transactions: BTreeMap<(ProducerId, GroupId), TopicPartition>,
    /// When the controller that was active at time zero became active.
    pub(super) activation: Time,
    /// When the step before the present one ran or held.
    pub(super) previous: Time,
    /// When each of the steps before the present one was over.
    pub(super) ends: Vec<Time>,
    /// Everything that must never happen.
    pub(super) checks: Suite,
    pub(super) measure: Measure,
    /// A program that runs beside the steps, until time zero.
    pub(super) program: Option<Program<'a>>,
    /// The same program, from time zero on.
    pub(super) crowd: Option<Crowd<Result<(), String>>>,
    /// How long the program may go on when the cluster is healed.
    pub(super) patience: Duration,
    pub(super) program_ended: bool,
    pub(super) counts: Counts,
    camera: Camera,
    pub(super) last_step: Option<Step>,
    /// The last instant at which an entry of the scenario is due.
    pub(super) last_entry: Time,
    pub(super) current: Option<usize>,
    pub(super) met: usize,
    /// How many expectations did not come true of those that were made for this run.
    pub(super) unmet: usize,
    pub(super) failures: Vec<Finding>,
    /// How many of the scenario's interventions have run.
    pub(super) interventions: usize,
    /// When the start of each step came.
    pub(super) moments: Vec<Moment>,
    /// Whom the symbolic targets of steps and interventions meant, by their numbers.
    pub(super) resolutions: Resolutions,
    /// Every broken promise, in order.
    pub(super) violations: Vec<Violation>,
    /// The first check that found a broken promise.
    pub(super) property: Option<&'static str>,
    /// What was forgiven, and why.
    pub(super) excused: Vec<Excuse>,
    /// How long the recovery took, if there was one.
    pub(super) recovery: Option<Duration>,
    pub(super) verdict: Verdict,
    pub(super) booted: bool,
}

impl<'a> Run<'a> {
    /// A run of which nothing has happened yet.
    pub(super) fn new(
        scenario: &'a Scenario,
        seed: Seed,
        options: RunOptions,
        print: &'a mut (dyn FnMut(&str) -> bool + Send),
        watcher: &'a mut Watcher<'a>,
    ) -> Self {
        let Built { world, cast, brokers, controllers, clients } = build(scenario, seed.0);
        Run {
            scenario,
            seed,
            options,
            print,
            watcher,
            follower: None,
            world,
            cast,
            brokers,
            controllers,
            clients,
            ledger: Ledger::default(),
            picture: Picture::default(),
            events: EventLog::new(wanted_events(scenario)),
            lanes: None,
            monitors: Vec::new(),
            tickets: 0,
            values: BTreeMap::new(),
            transactions: BTreeMap::new(),
            activation: Time::ZERO,
            previous: Time::ZERO,
            ends: Vec::new(),
            checks: Suite::new(scenario.file.allow.keys().map(|name| name.value.clone())),
            measure: Measure::default(),
            program: None,
            crowd: None,
            patience: Duration::ZERO,
            program_ended: false,
            counts: Counts::default(),
            camera: Camera::default(),
            last_step: None,
            last_entry: Time::ZERO,
            current: None,
            met: 0,
            unmet: 0,
            failures: Vec::new(),
            interventions: 0,
            moments: Vec::new(),
            resolutions: Resolutions::new(),
            violations: Vec::new(),
            property: None,
            excused: Vec::new(),
            recovery: None,
            verdict: Verdict::Pass,
            booted: false,
        }
    }

    /// The same run, with or without checks and recording.
    pub(super) fn measured(mut self, measure: Measure) -> Self {
        self.measure = measure;
        if measure.recording {
            self.world.set_telling(Telling::Messages);
        }
        self
    }

    /// What the run has done.
    pub(super) fn counts(&self) -> Counts {
        let acked: i64 = self.ledger.clients.values().map(|client| client.acked).sum();
        Counts {
            records_acknowledged: u64::try_from(acked).unwrap_or(0),
            events_checked: self.checks.events(),
            ..self.counts
        }
    }

    /// Boots, executes all steps, and lets the run come to its end.
    pub(super) fn play(&mut self) {
        let outcome = self.shown_to_watcher(None).and_then(|()| self.boot()).and_then(|()| self.execute());
        match outcome {
            Ok(()) | Err(Stop::NobodyReads | Stop::End | Stop::Stuck | Stop::Violation | Stop::Program) => {}
            Err(Stop::Boot { verdict, reason, state }) => {
                self.worsen(verdict);
                let again = Some(self.scenario.command(self.seed, None));
                self.failures.push(Finding { what: What::NotBooted { reason, state }, again });
            }
        }
        self.finish();
        self.excused.extend(self.checks.forgiven().map(Excuse::LossBudget));
    }

    pub(super) fn execute(&mut self) -> Result<(), Stop> {
        let scenario = self.scenario;
        for (index, step) in scenario.steps.iter().enumerate() {
            self.current = Some(index);
            let result = self.execute_step(step);
            if result == Err(Stop::Stuck) && self.was_intervened() {
                // What it waits for may never come in this run, of which one wants to see the end.
                break;
            }
            if result == Err(Stop::Stuck) {
                let left = scenario.steps.len() - index - 1;
                if left > 0 {
                    self.failures.push(Finding { what: What::LeftOut(left), again: None });
                }
            }
            result?;
            self.ends.push(self.world.now());
        }
        self.current = None;
        self.end_of_steps()
    }

    /// Lets the run come to its end, and the cluster recover if it must. Whoever asked for a beginning sees no more than
    /// that; but a recovery starts where the scenario says, however long one wants to watch it.
    fn end_of_steps(&mut self) -> Result<(), Stop> {
        let zero = self.cast.zero();
        let last = self.previous.max(self.last_entry);
        let own_end = self.scenario.file.until.as_ref().map_or(last, |until| zero + until.value.duration());
        let own_end = own_end.max(self.end_of_interventions().unwrap_or(own_end));
        let scenario = self.scenario;
        match (&scenario.file.liveness, self.end()) {
            (Some(liveness), _) if self.crowd.is_some() => {
                self.advance(own_end)?;
                self.end_of_program(liveness)
            }
            (Some(liveness), end) if end.is_none_or(|end| own_end <= end) => {
                self.advance(own_end)?;
                self.recover(liveness)
            }
            (_, Some(end)) => self.advance(end),
            (_, None) => {
                self.advance(own_end)?;
                self.last_answer()
            }
        }
    }

    /// What an administrator has asked for in the last step is answered before the run ends.
    fn last_answer(&mut self) -> Result<(), Stop> {
        let last = self.scenario.steps.last().map(|step| &step.action.value);
        if !last.is_some_and(asks_as_administrator) {
            return Ok(());
        }
        let asked = Ticket(self.tickets);
        self.wait(self.world.now() + LONGEST_CALL, |run| run.ledger.results.contains_key(&asked)).map(|_| ())
    }

    /// When the run ends, if that is said.
    pub(super) fn end(&self) -> Option<Time> {
        let at = |span: Span| self.cast.zero() + span.duration();
        let said = self.scenario.file.until.as_ref().map(|until| at(until.value));
        let said = said.map(|end| end.max(self.end_of_interventions().unwrap_or(end)));
        self.options.until.map(at).or(said)
    }

    /// Time zero has come.
    pub(super) fn start_of_time(&mut self, zero: Time) {
        self.cast.set_zero(zero);
        self.activation = self.ledger.active.values().copied().max().unwrap_or(zero);
        self.previous = zero;
        self.last_entry = zero;
        self.booted = true;
        self.ledger.start_counting();
        self.events.start_counting();
        let lanes = match self.options.trace {
            TraceKind::Lanes => Some(Lanes::new(self.cast.clone(), self.picture.clone())),
            TraceKind::Full => Some(Lanes::in_full(self.cast.clone(), self.picture.clone())),
            TraceKind::Story => Some(Lanes::as_a_story(self.cast.clone(), self.picture.clone())),
            TraceKind::Json | TraceKind::None => None,
        };
        if let Some(mut lanes) = lanes {
            if self.options.trace != TraceKind::Story {
                let phases = format!("{}\n", self.phases().join("\n"));
                let _ = (self.print)(&phases);
            }
            let _ = (self.print)(&format!("\n{}", lanes.take()));
            self.lanes = Some(lanes);
        }
        self.start_program();
        self.follow();
    }

    /// Tells whoever follows the run how far it has come.
    pub(super) fn follow(&mut self) {
        if let Some(follower) = &mut self.follower {
            follower(&self.cast, &self.moments);
        }
    }

    // ---- Stepping -----------------------------------------------------------------

    /// Lets the world do the next thing that is due, and watches it.
    pub(super) fn step_once(&mut self) -> Result<(), Stop> {
        let Some(step) = self.world.step() else {
            let reason = "nothing is due any more: the world has come to rest".to_owned();
            return Err(Stop::Boot { verdict: Verdict::Liveness, reason, state: None });
        };
        self.see(step)
    }

    /// Does one thing that is due at or before an instant, by the world or by the program beside the steps. Answers
    /// whether there was anything.
    fn turn(&mut self, limit: Time) -> Result<bool, Stop> {
        match self.next_intervention().filter(|at| *at <= limit) {
            Some(at) => Ok(self.turn_of_world(Time(at.0 - 1))? || self.intervene(at)?),
            None => self.turn_of_world(limit),
        }
    }

    /// The same, but for what somebody does besides the steps.
    fn turn_of_world(&mut self, limit: Time) -> Result<bool, Stop> {
        let Some(crowd) = &mut self.crowd else {
            let Some(step) = self.world.step_until(limit) else { return Ok(false) };
            return self.see(step).map(|()| true);
        };
        match crowd.turn(&mut self.world, limit) {
            Turn::Stepped(step) => self.see(step).map(|()| true),
            Turn::Passed => self.after_slice().map(|()| true),
            Turn::Reached => Ok(false),
        }
    }

    /// Watches a step. This is the one place where steps are seen.
    fn see(&mut self, step: Step) -> Result<(), Stop> {
        let violation = if self.measure.checks { self.checks.observe(&self.world, &step) } else { None };
        self.counts.observe(&step);
        if self.measure.recording {
            self.camera.observe(&self.world, Some(&step));
        }
        self.ledger.observe(&step);
        // Only lanes are drawn from it.
        if matches!(self.options.trace, TraceKind::Lanes | TraceKind::Full | TraceKind::Story) {
            self.picture.observe(&step);
        }
        self.events.observe(&step);
        if self.booted {
            self.show(&step)?;
            self.watch();
        }
        if let Some(crowd) = &mut self.crowd {
            crowd.after(&self.world, &step);
        }
        let watched = self.shown_to_watcher(Some(&step));
        if let Some(before) = &mut self.last_step {
            self.world.reuse(before);
        }
        self.last_step = Some(step);
        match violation {
            Some(violation) => Err(self.violated(&violation)),
            None => watched,
        }
    }

    fn shown_to_watcher(&mut self, step: Option<&Step>) -> Result<(), Stop> {
        match (self.watcher)(&self.world, step) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::NobodyReads),
        }
    }

    /// Prints what a step is worth.
    pub(super) fn show(&mut self, step: &Step) -> Result<(), Stop> {
        let text = match self.options.trace {
            TraceKind::Lanes | TraceKind::Full | TraceKind::Story => self.lanes.as_mut().map(|lanes| {
                lanes.observe(step);
                lanes.take()
            }),
            TraceKind::Json => Some(json_lines(&self.cast, step)),
            TraceKind::None => None,
        };
        if let Some(text) = text.filter(|text| !text.is_empty())
            && !(self.print)(&text)
        {
            return Err(Stop::NobodyReads);
        }
        Ok(())
    }

    /// Steps until just before an instant, lets time pass up to it, and executes the entries of that instant: they
    /// stand before whatever else happens then.
    pub(super) fn advance(&mut self, until: Time) -> Result<(), Stop> {
        if let Some(before) = until.0.checked_sub(1) {
            while self.turn(Time(before))? {}
        }
        if self.world.now() < until {
            self.world.advance_to(until);
        }
        self.execute_entries(until)
    }

    /// Executes the entries that are due by now.
    pub(super) fn execute_entries(&mut self, now: Time) -> Result<(), Stop> {
        while self.world.pending_entries().next().is_some_and(|(at, _)| at <= now) {
            self.step_once()?;
        }
        Ok(())
    }

    /// The first instant at which an entry can still be executed: now, or the next tick if now has begun.
    pub(super) fn floor(&self) -> Time {
        self.world.next_tick()
    }

    /// Steps until something holds. Returns whether it came to hold, no later than the deadline.
    pub(super) fn wait(&mut self, deadline: Time, holds: impl Fn(&Run) -> bool) -> Result<bool, Stop> {
        loop {
            if holds(self) {
                return Ok(true);
            }
            if !self.turn(deadline)? {
                self.world.advance_to(deadline.max(self.world.now()));
                return Ok(false);
            }
        }
    }
}
