//! Names, notes and findings: what a run says of itself.

use std::time::Duration;

use trial_broker::time::Time;

use super::TraceKind;
use super::execute::{Run, Stop};
use super::expectations::is_expectation;
use super::panics::Panicked;
use crate::check::{Evidence, Violation};
use crate::fault::MachineId;
use crate::scenario::Span;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::report::{Report, Verdict};
use crate::scenario::validate::PlannedStep;
use crate::scenario::{Excuse, Finding, Position, What};

impl Run<'_> {
    /// The machine of a client.
    pub(super) fn client(&self, name: &str) -> Option<MachineId> {
        self.clients.iter().find(|(known, _)| known == name).map(|(_, machine)| *machine)
    }

    /// The controller that became active last.
    pub(super) fn active_controller(&self) -> Option<MachineId> {
        self.ledger.active.iter().max_by_key(|(_, since)| **since).map(|(machine, _)| *machine)
    }

    pub(super) fn shown(&self, at: Time) -> String {
        Span { micros: self.cast.micros(at) }.to_string()
    }

    pub(super) fn title_of(&self, step: &PlannedStep) -> String {
        format!("step {} ({})", step.number, step.action.name())
    }

    pub(super) fn note(&mut self, at: Time, text: String) {
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

    /// A step found something else than its author. Once somebody has intervened this is another run than the one of which he
    /// wrote: then nothing is wrong.
    pub(super) fn fail_step(&mut self, step: &PlannedStep, diagnostic: Diagnostic) {
        if self.was_intervened() {
            if !is_expectation(&step.action) {
                self.note(self.world.now(), format!("{}: {}", diagnostic.title, diagnostic.primary.1));
            }
            return;
        }
        self.unmet += usize::from(is_expectation(&step.action));
        self.fail(diagnostic);
    }

    pub(super) fn fail(&mut self, diagnostic: Diagnostic) {
        let shown = diagnostic.render(&self.scenario.path, &self.scenario.source);
        self.found(What::Step { title: diagnostic.title, shown });
        self.worsen(Verdict::Expectation);
    }

    /// A promise was broken: the proof, and the end of the run.
    pub(super) fn violated(&mut self, violation: &Violation) -> Stop {
        let at = Span { micros: self.cast.micros(violation.at) };
        let when = match self.booted {
            true => format!("at {at}"),
            false => format!("before time zero, {at} after power-on"),
        };
        let machine = violation.machine.map_or(String::new(), |machine| format!(" on {}", self.cast.name(machine)));
        let named = |event: &Evidence| (self.cast.name(event.machine).to_owned(), event.clone());
        let what = What::Broken {
            property: violation.property,
            message: violation.message.clone(),
            position: format!("safety {when}, world step {}{machine}, seed {}", violation.step, self.seed),
            evidence: violation.evidence.iter().map(named).collect(),
        };
        self.failures.push(Finding { what, again: Some(self.command_for(at)) });
        self.property.get_or_insert(violation.property.name);
        self.violations.push(violation.clone());
        self.worsen(Verdict::Safety);
        Stop::Violation
    }

    /// Keeps what was found now.
    pub(super) fn found(&mut self, what: What) {
        let again = Some(self.command_for(self.elapsed()));
        self.failures.push(Finding { what, again });
    }

    /// The time since time zero; before it, since power-on.
    pub(super) fn elapsed(&self) -> Span {
        Span { micros: self.cast.micros(self.world.now()) }
    }

    /// The command that shows again what was found at this time. A run ends before what comes at the instant of its end, so it
    /// is told the next one. What happens before time zero has no time that one could run until.
    fn command_for(&self, found: Span) -> String {
        let until = Span { micros: found.micros + 1 };
        self.scenario.command(self.seed, self.booted.then_some(until))
    }

    pub(super) fn worsen(&mut self, verdict: Verdict) {
        self.verdict = self.verdict.max(verdict);
    }

    pub(super) fn finish(&mut self) {
        let looks_back = self.measure.checks && self.booted && self.verdict < Verdict::Safety;
        if looks_back {
            self.world.assert_invariants();
        }
        if let Some(last) = self.last_step.take().filter(|_| looks_back)
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
        let aside = self.expectations_in_file() - self.expectations();
        if let (Some(first), 1..) = (self.scenario.first_intervention(), aside) {
            self.excused.push(Excuse::Intervention { expectations: aside, at: first });
        }
    }

    /// How many expectations the scenario has.
    fn expectations_in_file(&self) -> usize {
        self.scenario.steps.iter().filter(|step| is_expectation(&step.action)).count()
    }

    /// How many of them are about this run: behind the first intervention it is another one than the one of which its
    /// author wrote.
    fn expectations(&self) -> usize {
        if self.was_intervened() { self.met + self.unmet } else { self.expectations_in_file() }
    }

    /// Where the run is, for a crash.
    fn position(&self) -> Position {
        let step = self.current.and_then(|index| self.scenario.steps.get(index));
        let step = step.map(|step| (step.number, self.scenario.place(&step.span)));
        Position { step, at: self.elapsed(), world_step: self.world.steps() }
    }

    /// A machine has broken an assertion of its own: that is the end of the run.
    pub(super) fn crashed(&mut self, panic: Panicked) {
        let Panicked { message, place } = panic;
        self.found(What::Crash { message, place, position: self.position() });
        self.verdict = Verdict::Crash;
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
            expectations: self.expectations(),
            property: self.property,
            failures: self.failures.clone(),
            excused: self.excused.clone(),
            by_design: self.checks.by_design(),
            recovery_micros: self.recovery.map(|took| took.as_micros() as u64),
        }
    }
}
