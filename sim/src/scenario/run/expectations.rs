//! Expectations: what must hold now, what must come to hold in time, what must never hold.

use trial_broker::time::Time;

use super::build::ADMIN;
use super::events::{Happened, fits};
use super::execute::{LONGEST_WAIT, Run, Stop};
use super::judge::{as_diagnostic, judge};
use crate::fault::MachineId;
use crate::scenario::Span;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::format::{Action, Condition, ErrorPattern, EventPattern, Names, Origin, Spanned, Spans};
use crate::scenario::validate::{PlannedStep, error_code};

/// How an expectation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It held in time.
    Held,
    /// It held before its range, which has been told.
    TooEarly,
    /// It did not hold.
    NotHeld,
}

impl Run<'_> {
    pub(super) fn expect(&mut self, step: &PlannedStep, base: Time, condition: &Condition) -> Result<(), Stop> {
        let wanted = condition.clone();
        let outcome = self.hold(step, base, move |run| judge(run, &wanted).is_empty())?;
        if outcome == Outcome::NotHeld {
            let mismatches = judge(self, condition);
            let title = format!("{} at {}", self.title_of(step), self.shown(self.world.now()));
            self.fail_step(step, as_diagnostic(title, &mismatches, step.action.span.clone()));
        }
        Ok(())
    }

    pub(super) fn expect_error(&mut self, step: &PlannedStep, base: Time, pattern: &ErrorPattern) -> Result<(), Stop> {
        let machine = pattern.client.as_ref().map_or(Some(ADMIN), |client| self.client(client));
        let wanted = error_code(&pattern.error.value);
        let since = self.previous;
        let has_error = move |run: &Run| {
            let ledger = machine.and_then(|machine| run.ledger.clients.get(&machine));
            ledger.is_some_and(|client| client.errors.iter().any(|(at, error)| *at >= since && Some(*error) == wanted))
        };
        if self.hold(step, base, has_error)? != Outcome::NotHeld {
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
        self.fail_step(step, Diagnostic::new(title, pattern.error.span.clone(), label));
        Ok(())
    }

    pub(super) fn expect_event(&mut self, step: &PlannedStep, base: Time, pattern: &EventPattern) -> Result<(), Stop> {
        let since = self.since(pattern);
        let wanted = pattern.clone();
        let accepts = move |run: &Run| {
            let count = run.count(&wanted, since) as i64;
            wanted.count.as_ref().map_or(count > 0, |wanted| wanted.value.accepts(count))
        };
        // A time in the pattern is a time to wait for.
        let until = pattern.time.as_ref().map(|time| self.deadline_of(self.origin(pattern), &time.value));
        let outcome = match (&step.within, until) {
            (None, Some(until)) => self.hold_until(until, accepts)?,
            _ => self.hold(step, base, accepts)?,
        };
        if outcome != Outcome::NotHeld {
            return Ok(());
        }
        let label = self.what_happened_instead(pattern, since);
        let title = format!("{} at {}", self.title_of(step), self.shown(self.world.now()));
        self.fail_step(step, Diagnostic::new(title, pattern.event.span.clone(), label));
        Ok(())
    }

    pub(super) fn since(&self, pattern: &EventPattern) -> Time {
        match (&pattern.since, &pattern.time) {
            (Some(since), _) => self.origin(pattern) + since.value.duration(),
            (None, Some(_)) => self.cast.zero(),
            (None, None) => self.previous,
        }
    }

    /// From where the times of a pattern count.
    fn origin(&self, pattern: &EventPattern) -> Time {
        match pattern.counted_from.as_ref().map(|origin| origin.value) {
            None => self.cast.zero(),
            Some(Origin::Activation) => self.activation,
        }
    }

    pub(super) fn what_happened_instead(&self, pattern: &EventPattern, since: Time) -> String {
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
    pub(super) fn count(&self, pattern: &EventPattern, since: Time) -> usize {
        self.matching(pattern, since).count()
    }

    pub(super) fn matching<'b>(&'b self, pattern: &'b EventPattern, since: Time) -> impl Iterator<Item = &'b Happened> {
        let from = self.events.events.partition_point(|found| found.at < since);
        let machines = pattern.on.as_ref().map(|names| self.machines(names));
        let origin = self.cast.micros(self.origin(pattern));
        self.events.events[from..].iter().filter(move |found| {
            machines.as_ref().is_none_or(|machines| machines.contains(&found.machine))
                && pattern.time.as_ref().is_none_or(|time| time.value.accepts(self.cast.micros(found.at) - origin))
                && fits(pattern, &found.event)
        })
    }

    pub(super) fn machines(&self, names: &Spanned<Names>) -> Vec<MachineId> {
        names.value.0.iter().filter_map(|name| self.machine_called(name)).collect()
    }

    /// Whether something holds now, or comes to hold within the step's time. What held in time is counted.
    fn hold(&mut self, step: &PlannedStep, base: Time, holds: impl Fn(&Run) -> bool) -> Result<Outcome, Stop> {
        let deadline = match &step.within {
            Some(within) => self.deadline_of(base, &within.value),
            None => self.world.now(),
        };
        let outcome = self.hold_until(deadline, holds)?;
        if let (Outcome::Held, Some(within)) = (outcome, &step.within)
            && !self.check_not_early(step, within, base)
        {
            self.met -= usize::from(!self.was_intervened());
            return Ok(Outcome::TooEarly);
        }
        Ok(outcome)
    }

    /// Whether something holds now, or comes to hold by a time. What held is counted.
    fn hold_until(&mut self, deadline: Time, holds: impl Fn(&Run) -> bool) -> Result<Outcome, Stop> {
        let cut = self.options.until.and(self.end()).filter(|end| *end < deadline);
        let held = if deadline > self.world.now() { self.wait(cut.unwrap_or(deadline), holds)? } else { holds(self) };
        self.previous = self.world.now();
        if held {
            self.met += usize::from(!self.was_intervened());
            return Ok(Outcome::Held);
        }
        // Whoever asked for the beginning of a run did not ask what becomes of this.
        if cut.is_some() { Err(Stop::End) } else { Ok(Outcome::NotHeld) }
    }

    /// The latest instant that a range accepts, counted from `base`; a range without an end is not waited for for ever.
    pub(super) fn deadline_of(&self, base: Time, range: &Spans) -> Time {
        if range.max.micros < i64::MAX {
            return base + range.max.duration();
        }
        self.end().unwrap_or(self.world.now() + LONGEST_WAIT)
    }

    /// Complains if a step's range says that it must not hold yet. Returns whether all is well.
    pub(super) fn check_not_early(&mut self, step: &PlannedStep, within: &Spanned<Spans>, base: Time) -> bool {
        let took = Span { micros: self.world.now().since(base).as_micros() as i64 };
        if !within.value.is_range || took >= within.value.min {
            return true;
        }
        let title = format!("{} came too early", self.title_of(step));
        let label = format!("expected {} after the step before, found {took} after it", within.value);
        self.fail_step(step, Diagnostic::new(title, within.span.clone(), label));
        false
    }

    /// Looks whether something has become true that must not.
    pub(super) fn watch(&mut self) {
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
                self.fail_step(&step, Diagnostic::new(title, step.action.span.clone(), label));
            }
        }
        self.monitors = monitors;
    }
}

/// Whether an action is one of those that the verdict counts.
pub(crate) fn is_expectation(action: &Action) -> bool {
    matches!(
        action,
        Action::Expect(_) | Action::ExpectError(_) | Action::ExpectEvent(_) | Action::Never(_) | Action::NeverEvent(_)
    )
}

impl Action {
    /// Whether it changes nothing: it looks at the run, asks about it or speaks of it.
    pub fn only_looks(&self) -> bool {
        is_expectation(self) || matches!(self, Action::Predict(_) | Action::PauseHere(_) | Action::Note)
    }
}
