//! A scenario that a person wrote, with the times at which its steps ran instead of what they waited for.
//!
//! ```text
//!   at = "1s"       produce …              at = "1s"          produce …
//!   within = "2s"   expect …          ─▶
//!   after = "10ms"  kill …                 at = "1.050041s"   kill …
//!   note = "…"      start …                at = "1.050041s"   start …
//!                                          until = "9.3s"
//! ```
//!
//! A person's steps wait for one another, and each expectation holds up the next step until it comes true: where one
//! goes, all behind it come at another moment. With times of their own, steps can go one by one. It is the same run:
//! whoever only looks does not change it.
//!
//! What is said of it was said of the whole: notes, questions and what a lesson or a museum tells go too.

use crate::scenario::Scenario;
use crate::scenario::format::{Action, File, Span, Spanned, Step};
use crate::scenario::print::print;
use crate::scenario::run::Pace;

/// How long a run goes on that a broken promise has ended: what breaks a machine may be due a while after the step
/// before it.
const LONG_ENOUGH: Span = Span::from_millis(1_000);

/// Whether each step of a scenario does something at a time of its own, and nothing is said of it: as it is with what
/// exploration draws.
pub(super) fn has_its_pace(file: &File) -> bool {
    let is_plain = |step: &Step| step.at.is_some() && step.note.is_none() && does_something(step);
    file.steps.iter().all(|step| is_plain(step))
}

/// The scenario without a word for the reader at the steps that do something: it was said of the whole story.
pub(super) fn without_words(scenario: &Scenario) -> Scenario {
    let mut file = scenario.file.clone();
    for step in file.steps.iter_mut().filter(|step| !step.value.actions().is_empty()) {
        step.value.note = None;
    }
    if file == scenario.file {
        return scenario.clone();
    }
    Scenario::parse(&scenario.path, &print(&file)).unwrap_or_else(|_| scenario.clone())
}

/// The file with the pace that its run had: each step that did something then, at its time.
pub(super) fn with_pace(file: &File, pace: &Pace) -> File {
    let numbered = (1..).zip(&file.steps);
    let timed = numbered.filter(|(_, step)| does_something(step)).filter_map(|(number, step)| {
        let value = at_its_time(&step.value, *pace.steps.get(&number)?);
        Some(Spanned { value, span: step.span.clone() })
    });
    let end = pace.over.unwrap_or(Span { micros: pace.end.micros + LONG_ENOUGH.micros });
    File {
        steps: timed.collect(),
        until: Some(file.until.clone().unwrap_or_else(|| Spanned::nowhere(end))),
        lesson: None,
        museum: None,
        hazard: None,
        found: None,
        ..file.clone()
    }
}

fn at_its_time(step: &Step, at: Span) -> Step {
    Step {
        at: Some(Spanned::nowhere(at)),
        after: None,
        when: None,
        when_event: None,
        within: None,
        note: None,
        reveal: false,
        resolved: None,
        ..step.clone()
    }
}

/// Whether a step changes what happens, and does not only look at it or speak of it.
fn does_something(step: &Step) -> bool {
    let only_looks = |action: &Action| {
        matches!(
            action,
            Action::Predict(_)
                | Action::PauseHere(_)
                | Action::Expect(_)
                | Action::ExpectError(_)
                | Action::ExpectEvent(_)
                | Action::Never(_)
                | Action::NeverEvent(_)
                | Action::Note
        )
    };
    step.actions().iter().any(|action| !only_looks(action))
}
