//! When steps start: in one way each, one after the other, and never in the past.

use std::ops::Range;

use super::super::diagnostic::Diagnostic;
use super::super::format::{Condition, EventPattern, Span, Spanned, Step};
use super::Scope;

/// When a step starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// At this time after time zero.
    At(Span),
    /// This long after the step before it ran; at once if the time is zero.
    After(Span),
    /// As soon as this holds.
    When(Box<Spanned<Condition>>),
    /// As soon as this happens.
    WhenEvent(Box<Spanned<EventPattern>>),
}

/// The earliest time at which the next step can run.
pub(super) struct Clock {
    pub(super) earliest: Span,
    /// Where that time is said.
    pub(super) said: Option<Range<usize>>,
}

impl Clock {
    pub(super) fn check(&mut self, step: &Step, scope: &mut Scope) {
        if let Some(after) = &step.after {
            if after.value.micros < 0 {
                let label = "a step follows the one before it";
                scope.mistake(Diagnostic::new("this lies in the past", after.span.clone(), label));
            }
            self.earliest.micros += after.value.micros.max(0);
            self.said = Some(after.span.clone());
        }
        let Some(at) = &step.at else { return };
        if at.value.micros < 0 {
            let label = "time zero is the first instant that a step can have";
            scope.mistake(Diagnostic::new("this step lies in the past", at.span.clone(), label));
        } else if at.value < self.earliest {
            let label = format!("this step is at {}", at.value);
            let mut mistake = Diagnostic::new("this step lies in the past", at.span.clone(), label)
                .with_help("steps stand in the order in which they run");
            if let Some(said) = &self.said {
                let label = format!("the step before it does not run before {}", self.earliest);
                mistake = mistake.with_context(said.clone(), label);
            }
            scope.mistake(mistake);
        } else {
            self.earliest = at.value;
            self.said = Some(at.span.clone());
        }
    }
}

pub(super) fn start_of(step: &Step) -> Start {
    if let Some(at) = &step.at {
        Start::At(at.value)
    } else if let Some(when) = &step.when {
        Start::When(Box::new(when.clone()))
    } else if let Some(pattern) = &step.when_event {
        Start::WhenEvent(Box::new(pattern.clone()))
    } else {
        Start::After(step.after.as_ref().map_or(Span::default(), |after| after.value))
    }
}

/// At most one of the ways to say when; what is waited for must exist.
pub(super) fn check_starts(step: &Spanned<Step>, scope: &mut Scope) {
    let starts: Vec<(&str, Range<usize>)> = [
        ("at", step.at.as_ref().map(|at| at.span.clone())),
        ("after", step.after.as_ref().map(|after| after.span.clone())),
        ("when", step.when.as_ref().map(|when| when.span.clone())),
        ("when-event", step.when_event.as_ref().map(|when| when.span.clone())),
    ]
    .into_iter()
    .filter_map(|(name, span)| Some((name, span?)))
    .collect();
    if let [(first, first_span), (second, second_span), ..] = starts.as_slice() {
        let title = format!("a step starts in one way: `{first}` or `{second}`");
        scope.mistake(
            Diagnostic::new(title, second_span.clone(), "and here").with_context(first_span.clone(), "said here"),
        );
    }
    if let Some(when) = &step.when {
        scope.condition(&when.value, &when.span);
    }
    if let Some(pattern) = &step.when_event {
        scope.pattern(&pattern.value);
    }
}
