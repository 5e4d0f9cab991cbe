//! The run itself: the world is stepped, watched, and given the scenario's steps when their time has come.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use trial_broker::time::Time;

use super::build::{Built, build};
use super::events::{EventLog, Happened, fits};
use super::judge::{as_diagnostic, judge};
use super::ledger::Ledger;
use super::measure::{Counts, Kept, Measure};
use super::{RunOptions, TraceKind, Watcher};
use crate::check::{Suite, Violation, liveness};
use crate::fault::MachineId;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::format::{Action, Condition, ErrorPattern, EventPattern, Names, Spanned, Spans};
use crate::scenario::report::{Report, Verdict};
use crate::scenario::trace::{Cast, Lanes, Picture, json_lines};
use crate::scenario::validate::{PlannedStep, Start, error_code, machine_named};
use crate::scenario::{Scenario, Seed, Span};
use crate::step::Step;
use crate::world::World;

/// Why a run ends before its last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The cluster never came up.
    Boot(String),
    /// Nobody reads what is printed.
    NobodyReads,
    /// The end of the run has come, by `--until`.
    End,
    /// A step can never run.
    Stuck,
    /// A promise was broken.
    Violation,
}

/// How long `when` waits that has no `within`, and nothing else ends the run.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Something that must not become true.
struct Monitor {
    step: PlannedStep,
    until: Time,
    since: Time,
    broken: bool,
}

/// A run under way.
pub struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) seed: Seed,
    options: RunOptions,
    print: &'a mut (dyn FnMut(&str) -> bool + Send),
    watcher: &'a mut Watcher<'a>,
    pub(super) world: World,
    pub(super) cast: Cast,
    pub(super) brokers: Vec<MachineId>,
    pub(super) controllers: Vec<MachineId>,
    pub(super) clients: Vec<(String, MachineId)>,
    pub(super) ledger: Ledger,
    picture: Picture,
    events: EventLog,
    lanes: Option<Lanes>,
    monitors: Vec<Monitor>,
    pub(super) tickets: u64,
    /// How many values were numbered, by producer.
    pub(super) values: BTreeMap<String, u64>,
    /// When the step before the present one ran or held.
    previous: Time,
    /// Everything that must never happen.
    checks: Suite,
    measure: Measure,
    counts: Counts,
    kept: Kept,
    last_step: Option<Step>,
    /// The last instant at which an entry of the scenario is due.
    last_entry: Time,
    current: Option<usize>,
    met: usize,
    failures: Vec<String>,
    verdict: Verdict,
    booted: bool,
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
            previous: Time::ZERO,
            checks: Suite::new(scenario.file.allow.keys().map(|name| name.value.clone())),
            measure: Measure::default(),
            counts: Counts::default(),
            kept: Kept::default(),
            last_step: None,
            last_entry: Time::ZERO,
            current: None,
            met: 0,
            failures: Vec::new(),
            verdict: Verdict::Pass,
            booted: false,
        }
    }

    /// The same run, with or without checks and recording.
    pub(super) fn measured(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self.world.keep_detail(measure.recording);
        self
    }

    /// What the run has done.
    pub(super) fn counts(&self) -> Counts {
        let acked: i64 = self.ledger.clients.values().map(|client| client.acked).sum();
        Counts {
            records_acknowledged: u64::try_from(acked).unwrap_or(0),
            checks_evaluated: self.checks.evaluated(),
            ..self.counts
        }
    }

    /// Boots, executes all steps, and lets the run come to its end.
    pub(super) fn play(&mut self) {
        let outcome = self.shown_to_watcher(None).and_then(|()| self.boot()).and_then(|()| self.execute());
        match outcome {
            Ok(()) | Err(Stop::NobodyReads | Stop::End | Stop::Stuck | Stop::Violation) => {}
            Err(Stop::Boot(reason)) => {
                self.worsen(Verdict::Crash);
                self.failures.push(reason);
            }
        }
        self.finish();
    }

    fn execute(&mut self) -> Result<(), Stop> {
        let scenario = self.scenario;
        for (index, step) in scenario.steps.iter().enumerate() {
            self.current = Some(index);
            let result = self.execute_step(step);
            if result == Err(Stop::Stuck) {
                let left = scenario.steps.len() - index - 1;
                if left > 0 {
                    self.failures.push(format!("{left} steps after it did not run"));
                }
            }
            result?;
        }
        self.current = None;
        let end = match self.end() {
            Some(end) => end,
            None => self.previous.max(self.last_entry),
        };
        self.advance(end)?;
        if scenario.file.liveness { self.recover() } else { Ok(()) }
    }

    /// Gives the cluster the time that its settings promise, and says what has not recovered by then.
    fn recover(&mut self) -> Result<(), Stop> {
        let bound = liveness::bound(&self.world);
        let deadline = self.world.now() + bound;
        if self.wait(deadline, |run| run.unmet().is_empty())? {
            return Ok(());
        }
        let at = Span { micros: self.cast.micros(self.world.now()) };
        let goals: Vec<String> = self.unmet().iter().map(|unmet| format!("  {unmet}")).collect();
        let (name, rule) = (liveness::PROPERTY.name, liveness::PROPERTY.rule);
        let seconds = bound.as_secs();
        self.failures.push(format!(
            "{name}: after {seconds}s without a fault the cluster has not recovered\n{}\n  rule: {rule}\n{}",
            goals.join("\n"),
            self.replay_line(at)
        ));
        self.worsen(Verdict::Liveness);
        Ok(())
    }

    /// The goals of recovery that do not hold now.
    fn unmet(&self) -> Vec<String> {
        let goals = liveness::converged(&self.world, self.checks.model()).err().unwrap_or_default();
        let mut unmet: Vec<String> = goals.iter().map(ToString::to_string).collect();
        for (name, machine) in &self.clients {
            let Some(client) = self.ledger.clients.get(machine) else { continue };
            let pending = client.sent - client.acked - client.failed;
            if pending > 0 {
                unmet.push(format!("{name} waits for {pending} records"));
            }
        }
        unmet
    }

    /// When the run ends, if that is said.
    fn end(&self) -> Option<Time> {
        let said = self.scenario.file.until.as_ref().map(|until| until.value);
        self.options.until.or(said).map(|span| self.cast.zero() + span.duration())
    }

    /// Time zero has come.
    pub(super) fn start_of_time(&mut self, zero: Time) {
        self.cast.set_zero(zero);
        self.previous = zero;
        self.last_entry = zero;
        self.booted = true;
        self.ledger.start_counting();
        self.events.start_counting();
        let mut lines = self.phases();
        lines.push(String::new());
        if self.options.trace == TraceKind::Lanes {
            let _ = (self.print)(&lines.join("\n"));
            let mut lanes = Lanes::new(self.cast.clone(), self.picture.clone());
            let _ = (self.print)(&format!("\n{}", lanes.take()));
            self.lanes = Some(lanes);
        }
    }

    // ---- Stepping -----------------------------------------------------------------

    /// Lets the world do the next thing that is due, and watches it. This is the one place where steps are seen.
    pub(super) fn step_once(&mut self) -> Result<(), Stop> {
        let Some(step) = self.world.step() else {
            return Err(Stop::Boot("nothing is due any more: the world has come to rest".to_owned()));
        };
        let violation = if self.measure.checks { self.checks.observe(&self.world, &step) } else { None };
        self.counts.observe(&step);
        if self.measure.recording {
            self.kept.observe(&self.world, &step);
        }
        self.ledger.observe(&step);
        self.picture.observe(&step);
        self.events.observe(&step);
        if self.booted {
            self.show(&step)?;
            self.watch();
        }
        let watched = self.shown_to_watcher(Some(&step));
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
    fn show(&mut self, step: &Step) -> Result<(), Stop> {
        let text = match self.options.trace {
            TraceKind::Lanes => self.lanes.as_mut().map(|lanes| {
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

    /// A promise was broken: the proof, and the end of the run.
    fn violated(&mut self, violation: &Violation) -> Stop {
        let at = Span { micros: self.cast.micros(violation.at) };
        let machine = violation.machine.map_or(String::new(), |machine| format!(" on {}", self.cast.name(machine)));
        let seed = self.seed;
        let text = format!(
            "safety at {at}, world step {}{machine}, seed {seed}\n{violation}{}",
            violation.step,
            self.replay_line(at)
        );
        self.failures.push(text);
        self.worsen(Verdict::Safety);
        Stop::Violation
    }

    /// Steps until just before an instant, lets time pass up to it, and executes the entries of that instant: they
    /// stand before whatever else happens then.
    pub(super) fn advance(&mut self, until: Time) -> Result<(), Stop> {
        while self.world.next_due().is_some_and(|due| due < until) {
            self.step_once()?;
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
    fn wait(&mut self, deadline: Time, holds: impl Fn(&Run) -> bool) -> Result<bool, Stop> {
        loop {
            if holds(self) {
                return Ok(true);
            }
            match self.world.next_due() {
                Some(due) if due <= deadline => self.step_once()?,
                _ => {
                    self.world.advance_to(deadline.max(self.world.now()));
                    return Ok(false);
                }
            }
        }
    }

    // ---- Steps --------------------------------------------------------------------

    fn execute_step(&mut self, step: &PlannedStep) -> Result<(), Stop> {
        let base = self.start_step(step)?;
        if let (Some(note), Some(_)) = (&step.note, &self.lanes) {
            self.note(base, note.clone());
        }
        match &step.action.value {
            Action::Expect(condition) => self.expect(step, base, condition),
            Action::ExpectError(pattern) => self.expect_error(step, base, pattern),
            Action::ExpectEvent(pattern) => self.expect_event(step, base, pattern),
            Action::Never(_) | Action::NeverEvent(_) => {
                let until = step.within.as_ref().map_or(Time::NEVER, |within| base + within.value.max.duration());
                self.monitors.push(Monitor { step: step.clone(), until, since: base, broken: false });
                self.previous = base;
                Ok(())
            }
            _ => self.act(step),
        }
    }

    /// Waits for the start of a step. Returns the instant from which `within` counts.
    fn start_step(&mut self, step: &PlannedStep) -> Result<Time, Stop> {
        match &step.start {
            Start::At(at) => {
                let at = self.cast.zero() + at.duration();
                self.not_after_the_end(at)?;
                let floor = self.floor();
                if at.0 + 1 < floor.0 {
                    let title = format!("{} comes too late", self.title_of(step));
                    let label = format!("the steps before it ended at {}", self.shown(self.world.now()));
                    self.fail(step, Diagnostic::new(title, step.action.span.clone(), label));
                }
                let at = at.max(floor);
                self.advance(at)?;
                Ok(at)
            }
            Start::After(after) => {
                let at = (self.previous + after.duration()).max(self.floor());
                let base = self.previous;
                if step.within.is_none() || after.micros > 0 {
                    self.not_after_the_end(at)?;
                    self.advance(at)?;
                }
                Ok(if after.micros > 0 { at } else { base })
            }
            Start::When(condition) => {
                let deadline = self.deadline(step);
                let wanted = condition.value.clone();
                if self.wait(deadline, |run| judge(run, &wanted).is_empty())? {
                    return self.held(step);
                }
                let mismatches = judge(self, &condition.value);
                let title = format!("{} never ran: what it waits for never held", self.title_of(step));
                self.give_up(step, as_diagnostic(title, &mismatches, condition.span.clone()))
            }
            Start::WhenEvent(pattern) => {
                let deadline = self.deadline(step);
                let (since, wanted) = (self.previous, pattern.value.clone());
                if self.wait(deadline, |run| run.count(&wanted, since) > 0)? {
                    return self.held(step);
                }
                let title = format!("{} never ran: what it waits for never happened", self.title_of(step));
                let label = format!("not seen until {}", self.shown(self.world.now()));
                self.give_up(step, Diagnostic::new(title, pattern.span.clone(), label))
            }
        }
    }

    /// What a step waits for holds now: the step is at the next tick, unless it came too early.
    fn held(&mut self, step: &PlannedStep) -> Result<Time, Stop> {
        let at = self.floor();
        if let Some(within) = &step.within {
            self.check_not_early(step, within, self.previous);
        }
        self.advance(at)?;
        Ok(at)
    }

    fn give_up(&mut self, step: &PlannedStep, diagnostic: Diagnostic) -> Result<Time, Stop> {
        if self.options.until.is_some() {
            return Err(Stop::End);
        }
        self.fail(step, diagnostic);
        Err(Stop::Stuck)
    }

    /// How long a `when` may take.
    fn deadline(&self, step: &PlannedStep) -> Time {
        match (&step.within, self.end()) {
            (Some(within), _) => self.previous + within.value.max.duration(),
            (None, Some(end)) => end,
            (None, None) => self.previous + LONGEST_WAIT,
        }
    }

    fn not_after_the_end(&mut self, at: Time) -> Result<(), Stop> {
        match (self.options.until, self.end()) {
            (Some(_), Some(end)) if at > end => {
                self.advance(end)?;
                Err(Stop::End)
            }
            _ => Ok(()),
        }
    }

    /// Executes an action now.
    fn act(&mut self, step: &PlannedStep) -> Result<(), Stop> {
        let at = self.floor();
        self.advance(at)?;
        let resolved = match self.entries(step, at) {
            Ok(resolved) => resolved,
            Err(reason) => {
                let title = format!("{} could not run", self.title_of(step));
                self.fail(step, Diagnostic::new(title, step.action.span.clone(), reason));
                return Ok(());
            }
        };
        if !resolved.words.is_empty() {
            let text = format!("step {}: {}: {}", step.number, step.action.name(), resolved.words.join(", "));
            self.note(at, text);
        }
        for entry in resolved.entries {
            self.last_entry = self.last_entry.max(entry.at);
            self.world.schedule(entry);
        }
        self.execute_entries(at)?;
        self.previous = at;
        Ok(())
    }

    // ---- Expectations -------------------------------------------------------------

    fn expect(&mut self, step: &PlannedStep, base: Time, condition: &Condition) -> Result<(), Stop> {
        let wanted = condition.clone();
        let held = self.hold(step, base, move |run| judge(run, &wanted).is_empty())?;
        if held {
            self.met += 1;
        } else {
            let mismatches = judge(self, condition);
            let title = format!("{} at {}", self.title_of(step), self.shown(self.world.now()));
            self.fail(step, as_diagnostic(title, &mismatches, step.action.span.clone()));
        }
        Ok(())
    }

    fn expect_error(&mut self, step: &PlannedStep, base: Time, pattern: &ErrorPattern) -> Result<(), Stop> {
        let (machine, wanted) = (self.client(&pattern.client), error_code(&pattern.error.value));
        let since = self.previous;
        let has_error = move |run: &Run| {
            let ledger = machine.and_then(|machine| run.ledger.clients.get(&machine));
            ledger.is_some_and(|client| client.errors.iter().any(|(at, error)| *at >= since && Some(*error) == wanted))
        };
        if self.hold(step, base, has_error)? {
            self.met += 1;
            return Ok(());
        }
        let ledger = machine.and_then(|machine| self.ledger.clients.get(&machine));
        let found: Vec<String> = ledger
            .iter()
            .flat_map(|client| &client.errors)
            .filter(|(at, _)| *at >= since)
            .map(|(at, error)| format!("{} at {}", error.name(), self.shown(*at)))
            .collect();
        let label = if found.is_empty() {
            "no call has failed since the step before".to_owned()
        } else {
            format!("found {}", found.join(", "))
        };
        let title = format!("{} at {}", self.title_of(step), self.shown(self.world.now()));
        self.fail(step, Diagnostic::new(title, pattern.error.span.clone(), label));
        Ok(())
    }

    fn expect_event(&mut self, step: &PlannedStep, base: Time, pattern: &EventPattern) -> Result<(), Stop> {
        let since = self.since(pattern);
        let wanted = pattern.clone();
        let accepts = move |run: &Run| {
            let count = run.count(&wanted, since) as i64;
            wanted.count.as_ref().map_or(count > 0, |wanted| wanted.value.accepts(count))
        };
        // A time in the pattern is a time to wait for.
        let until = pattern.time.as_ref().map(|time| self.cast.zero() + time.value.max.duration());
        let held = match (&step.within, until) {
            (None, Some(until)) if until > self.world.now() => {
                let held = self.wait(until, accepts)?;
                self.previous = self.world.now();
                held
            }
            _ => self.hold(step, base, accepts)?,
        };
        if held {
            self.met += 1;
            return Ok(());
        }
        let label = self.what_happened_instead(pattern, since);
        let title = format!("{} at {}", self.title_of(step), self.shown(self.world.now()));
        self.fail(step, Diagnostic::new(title, pattern.event.span.clone(), label));
        Ok(())
    }

    fn since(&self, pattern: &EventPattern) -> Time {
        match (&pattern.since, &pattern.time) {
            (Some(since), _) => self.cast.zero() + since.value.duration(),
            (None, Some(_)) => self.cast.zero(),
            (None, None) => self.previous,
        }
    }

    fn what_happened_instead(&self, pattern: &EventPattern, since: Time) -> String {
        let loose = EventPattern { time: None, ..pattern.clone() };
        let times: Vec<String> = self.matching(&loose, since).map(|found| self.shown(found.at)).collect();
        if !times.is_empty() {
            return format!("it happened {} times: at {}", times.len(), times[..times.len().min(5)].join(", "));
        }
        let named = EventPattern { event: pattern.event.clone(), ..EventPattern::default() };
        let others = self.matching(&named, since).count();
        match others {
            0 => "no such event happened".to_owned(),
            others => format!("{others} events of this name happened, with other fields or elsewhere"),
        }
    }

    /// How many events fit a pattern, its time included.
    fn count(&self, pattern: &EventPattern, since: Time) -> usize {
        self.matching(pattern, since).count()
    }

    fn matching<'b>(&'b self, pattern: &'b EventPattern, since: Time) -> impl Iterator<Item = &'b Happened> {
        let from = self.events.events.partition_point(|found| found.at < since);
        let machines = pattern.on.as_ref().map(|names| self.machines(names));
        self.events.events[from..].iter().filter(move |found| {
            machines.as_ref().is_none_or(|machines| machines.contains(&found.machine))
                && pattern.time.as_ref().is_none_or(|time| time.value.accepts(self.cast.micros(found.at)))
                && fits(pattern, &found.event)
        })
    }

    fn machines(&self, names: &Spanned<Names>) -> Vec<MachineId> {
        let resolve = |name: &String| self.client(name).or_else(|| self.resolve(&machine_named(name)).ok());
        names.value.0.iter().filter_map(resolve).collect()
    }

    /// Whether something holds now, or comes to hold within the step's time.
    fn hold(&mut self, step: &PlannedStep, base: Time, holds: impl Fn(&Run) -> bool) -> Result<bool, Stop> {
        let Some(within) = &step.within else {
            let held = holds(self);
            self.previous = self.world.now();
            return Ok(held);
        };
        let deadline = base + within.value.max.duration();
        let held = self.wait(deadline, holds)?;
        if held && !self.check_not_early(step, within, base) {
            self.previous = self.world.now();
            // Told already: it held, but too early.
            return Ok(true);
        }
        self.previous = self.world.now();
        Ok(held)
    }

    /// Complains if a step's range says that it must not hold yet. Returns whether all is well.
    fn check_not_early(&mut self, step: &PlannedStep, within: &Spanned<Spans>, base: Time) -> bool {
        let took = Span { micros: self.world.now().since(base).as_micros() as i64 };
        if !within.value.is_range || took >= within.value.min {
            return true;
        }
        let title = format!("{} came too early", self.title_of(step));
        let label = format!("expected after {}, found after {took}", within.value);
        self.fail(step, Diagnostic::new(title, within.span.clone(), label));
        self.met = self.met.saturating_sub(1);
        false
    }

    /// Looks whether something has become true that must not.
    fn watch(&mut self) {
        if self.monitors.is_empty() {
            return;
        }
        let now = self.world.now();
        let mut monitors = std::mem::take(&mut self.monitors);
        for monitor in monitors.iter_mut().filter(|monitor| !monitor.broken && now <= monitor.until) {
            let broken = match &monitor.step.action.value {
                Action::Never(condition) => judge(self, condition).is_empty(),
                Action::NeverEvent(pattern) => self.count(pattern, monitor.since) > 0,
                _ => false,
            };
            if broken {
                monitor.broken = true;
                let title = format!("{} at {}", self.title_of(&monitor.step), self.shown(now));
                let label = "this must never be, and it is";
                let step = monitor.step.clone();
                self.fail(&step, Diagnostic::new(title, step.action.span.clone(), label));
            }
        }
        self.monitors = monitors;
    }

    // ---- Names and findings ---------------------------------------------------------

    /// The machine of a client.
    pub(super) fn client(&self, name: &str) -> Option<MachineId> {
        self.clients.iter().find(|(known, _)| known == name).map(|(_, machine)| *machine)
    }

    /// The controller that became active last.
    pub(super) fn active_controller(&self) -> Option<MachineId> {
        self.ledger.active.iter().max_by_key(|(_, since)| **since).map(|(machine, _)| *machine)
    }

    fn shown(&self, at: Time) -> String {
        Span { micros: self.cast.micros(at) }.to_string()
    }

    fn title_of(&self, step: &PlannedStep) -> String {
        format!("step {} ({})", step.number, step.action.name())
    }

    fn note(&mut self, at: Time, text: String) {
        let micros = self.cast.micros(at);
        let text = match (&mut self.lanes, self.options.trace) {
            (Some(lanes), _) => {
                lanes.note(micros, &text);
                lanes.take()
            }
            (None, TraceKind::Json) => {
                format!("{}\n", serde_json::json!({ "t_us": micros, "note": text }))
            }
            (None, _) => return,
        };
        let _ = (self.print)(&text);
    }

    fn fail(&mut self, step: &PlannedStep, diagnostic: Diagnostic) {
        let at = Span { micros: self.cast.micros(self.world.now()) };
        let shown = diagnostic.render(&self.scenario.path, &self.scenario.source);
        let replay = self.replay_line(at);
        let _ = step;
        self.failures.push(format!("{shown}\n{replay}"));
        self.worsen(Verdict::Expectation);
    }

    /// The line to paste that shows the same again.
    fn replay_line(&self, until: Span) -> String {
        format!("again: trial run {} --seed {} --until {until}", self.scenario.path, self.seed)
    }

    fn worsen(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
    }

    fn finish(&mut self) {
        if let Some(last) =
            self.last_step.take().filter(|_| self.measure.checks && self.booted && self.verdict < Verdict::Safety)
            && let Some(violation) = self.checks.end(&self.world, &last)
        {
            self.violated(&violation);
        }
        if let Some(lanes) = &mut self.lanes {
            let text = lanes.finish();
            let _ = (self.print)(&text);
        }
        let kept = self.monitors.iter().filter(|monitor| !monitor.broken).count();
        self.met += kept;
    }

    /// Where the run is, for a crash.
    pub(super) fn position(&self) -> String {
        let step = self.current.and_then(|index| self.scenario.steps.get(index));
        let place = step.map_or_else(
            || "outside of the scenario's steps".to_owned(),
            |step| format!("during step {} ({})", step.number, self.scenario.place(&step.span)),
        );
        let at = Span { micros: self.cast.micros(self.world.now()) };
        format!("{place}, at {at}, world step {}\n{}", self.world.steps(), self.replay_line(at))
    }

    /// What the run came to.
    pub(super) fn report(&self) -> Report {
        let passed = if self.booted { self.world.now().since(self.cast.zero()) } else { Duration::ZERO };
        Report {
            verdict: self.verdict,
            seed: self.seed,
            fingerprint: self.world.fingerprint(),
            virtual_micros: passed.as_micros() as u64,
            steps: self.world.steps(),
            expectations_met: self.met,
            expectations: self.scenario.steps.iter().filter(|step| is_expectation(&step.action)).count(),
            failures: self.failures.clone(),
        }
    }
}

fn is_expectation(action: &Action) -> bool {
    matches!(
        action,
        Action::Expect(_) | Action::ExpectError(_) | Action::ExpectEvent(_) | Action::Never(_) | Action::NeverEvent(_)
    )
}

/// The names of all events that a scenario asks for.
fn wanted_events(scenario: &Scenario) -> Vec<String> {
    let mut names = Vec::new();
    for step in &scenario.steps {
        match &step.action.value {
            Action::ExpectEvent(pattern) | Action::NeverEvent(pattern) => names.push(pattern.event.value.clone()),
            _ => {}
        }
        if let Start::WhenEvent(pattern) = &step.start {
            names.push(pattern.event.value.clone());
        }
    }
    names
}
