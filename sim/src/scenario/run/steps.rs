//! The scenario's steps: waiting for the start of one, and doing what it says.

use trial_broker::time::Time;

use super::execute::{LONGEST_WAIT, Monitor, Run, Stop};
use super::judge::{as_diagnostic, judge};
use super::seen::Moment;
use crate::scenario::Scenario;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::format::Action;
use crate::scenario::validate::{PlannedStep, Start};

impl Run<'_> {
    pub(super) fn execute_step(&mut self, step: &PlannedStep) -> Result<(), Stop> {
        let base = self.start_step(step)?;
        self.moments.push(Moment { number: step.number, steps: self.world.steps(), at: self.world.now() });
        self.follow();
        if let (Some(note), Some(_)) = (self.scenario.note_of(step), &self.lanes)
            && !self.was_intervened()
        {
            self.note(base, note);
        }
        match &step.action.value {
            Action::Expect(condition) => self.expect(step, base, condition),
            Action::ExpectError(pattern) => self.expect_error(step, base, pattern),
            Action::ExpectEvent(pattern) => self.expect_event(step, base, pattern),
            Action::Never(_) | Action::NeverEvent(_) => {
                let until = step.within.as_ref().map_or(Time::NEVER, |within| self.deadline_of(base, &within.value));
                self.monitors.push(Monitor { step: step.clone(), until, since: base, broken: false });
                self.previous = base;
                Ok(())
            }
            _ => self.act(step),
        }
    }

    /// Waits for the start of a step. Returns the instant from which `within` counts.
    pub(super) fn start_step(&mut self, step: &PlannedStep) -> Result<Time, Stop> {
        match &step.start {
            Start::At(at) => {
                let at = self.cast.zero() + at.duration();
                self.not_after_the_end(step, at)?;
                let floor = self.floor();
                if at.0 + 1 < floor.0 {
                    self.comes_too_late(step, at);
                }
                let at = at.max(floor);
                self.advance(at)?;
                Ok(at)
            }
            Start::After(after) => {
                let at = (self.previous + after.duration()).max(self.floor());
                let base = self.previous;
                if step.within.is_none() || after.micros > 0 {
                    self.not_after_the_end(step, at)?;
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

    /// The time of a step has passed before its turn came: says which step before it took that time.
    fn comes_too_late(&mut self, step: &PlannedStep, at: Time) {
        let title = format!("{} comes too late", self.title_of(step));
        let label =
            format!("its time was {}; the steps before it ended at {}", self.shown(at), self.shown(self.previous));
        let mut diagnostic = Diagnostic::new(title, step.action.span.clone(), label);
        let scenario = self.scenario;
        let longest = self.ends.partition_point(|end| *end <= at);
        if let (Some(earlier), Some(end)) = (scenario.steps.get(longest), self.ends.get(longest)) {
            let (span, may) = match &earlier.within {
                Some(within) => (within.span.clone(), "shorten its `within`, or "),
                None => (earlier.action.span.clone(), ""),
            };
            let place = scenario.place(&span);
            let label = format!("{} was over at {}", self.title_of(earlier), self.shown(*end));
            let help = format!(
                "{} at {place} overran: {may}let step {} come `after` it instead of `at` a time",
                self.title_of(earlier),
                step.number
            );
            diagnostic = diagnostic.with_context(span, label).with_help(help);
        }
        self.fail_step(step, diagnostic);
    }

    /// What a step waits for holds now: the step is at the next tick, unless it came too early.
    pub(super) fn held(&mut self, step: &PlannedStep) -> Result<Time, Stop> {
        let at = self.floor();
        if let Some(within) = &step.within {
            self.check_not_early(step, within, self.previous);
        }
        self.advance(at)?;
        Ok(at)
    }

    pub(super) fn give_up(&mut self, step: &PlannedStep, diagnostic: Diagnostic) -> Result<Time, Stop> {
        if self.options.until.is_some() {
            return Err(Stop::End);
        }
        self.fail_step(step, diagnostic);
        Err(Stop::Stuck)
    }

    /// How long a `when` may take.
    pub(super) fn deadline(&self, step: &PlannedStep) -> Time {
        match (&step.within, self.end()) {
            (Some(within), _) => self.deadline_of(self.previous, &within.value),
            (None, Some(end)) => end,
            (None, None) => self.previous + LONGEST_WAIT,
        }
    }

    /// A step that lies after the end of the run does not run: by `--until` that is what was asked for, by the
    /// scenario's own end it is a finding.
    pub(super) fn not_after_the_end(&mut self, step: &PlannedStep, at: Time) -> Result<(), Stop> {
        let Some(end) = self.end().filter(|end| at > *end) else { return Ok(()) };
        self.advance(end)?;
        if self.options.until.is_some() {
            return Err(Stop::End);
        }
        let title = format!("{} never ran: its time lies after the end", self.title_of(step));
        let label = format!("it would be at {}, the run ends at {}", self.shown(at), self.shown(end));
        self.fail_step(step, Diagnostic::new(title, step.action.span.clone(), label));
        Err(Stop::Stuck)
    }

    /// Executes an action now.
    pub(super) fn act(&mut self, step: &PlannedStep) -> Result<(), Stop> {
        let at = self.floor();
        self.advance(at)?;
        let resolved = match self.entries(step, at) {
            Ok(resolved) => resolved,
            Err(reason) if step.optional => {
                self.note(at, format!("step {}: {} is left out: {reason}", step.number, step.action.name()));
                self.previous = at;
                return Ok(());
            }
            Err(reason) => {
                let title = format!("{} could not run", self.title_of(step));
                self.fail_step(step, Diagnostic::new(title, step.action.span.clone(), reason));
                return Ok(());
            }
        };
        if !resolved.machines.is_empty() {
            self.note(at, format!("step {}: {}: {}", step.number, step.action.name(), resolved.words(step)));
            self.resolutions.insert(step.number, resolved.machines.into_iter().collect());
        }
        for entry in resolved.entries {
            self.last_entry = self.last_entry.max(entry.at);
            self.world.schedule(entry);
        }
        self.execute_entries(at)?;
        self.previous = at;
        Ok(())
    }
}

/// The names of all events that a scenario asks for.
pub(super) fn wanted_events(scenario: &Scenario) -> Vec<String> {
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
