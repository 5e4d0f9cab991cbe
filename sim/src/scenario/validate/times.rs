//! Lengths of time: none is negative, and no message travels in no time.

use super::super::diagnostic::Diagnostic;
use super::super::format::{Latency, Span, Spanned, Spans};
use super::Scope;

/// The shortest way of a message: much less, and a cluster does nothing but answer itself while no time passes.
const SHORTEST_LATENCY: Span = Span { micros: 50 };

/// What stands under a time that is negative.
const NOT_NEGATIVE: &str = "expected a time that is not negative";

impl Scope {
    /// A length of time is not negative.
    pub(super) fn length(&mut self, length: Option<&Spanned<Span>>) {
        if let Some(length) = length.filter(|length| length.value.micros < 0) {
            self.mistake(Diagnostic::new("nothing lasts less than no time", length.span.clone(), NOT_NEGATIVE));
        }
    }

    /// Nobody waits for what has been.
    pub(super) fn waits(&mut self, within: &Spanned<Spans>) {
        if within.value.min.micros < 0 || within.value.max.micros < 0 {
            self.mistake(Diagnostic::new("nothing can be waited for in the past", within.span.clone(), NOT_NEGATIVE));
        }
    }

    /// A message takes some time: always, or where it is drawn most of the time.
    pub(super) fn latency(&mut self, latency: &Spanned<Latency>) {
        let (shortest, usual) = match latency.value {
            Latency::Constant(span) => (span, span),
            Latency::Uniform { min, max } => (min, max),
            Latency::Exponential { min, mean } => (min, mean),
            Latency::Bimodal { fast, slow, .. } => (slow, fast),
        };
        if shortest.micros < 0 || usual < SHORTEST_LATENCY {
            let label = format!("expected at least {SHORTEST_LATENCY}; with \"10ms\" numbers are easy to follow");
            self.mistake(Diagnostic::new("no message travels so fast", latency.span.clone(), label));
        }
    }
}
