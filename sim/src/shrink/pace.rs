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
//! whoever only looks does not change it, and what a power cut destroys is still drawn from the number that the step had.
//!
//! What is said of it was said of the whole: notes, questions and what a lesson or a museum tells go too.

use crate::scenario::Scenario;
use crate::scenario::format::{File, Seed, Span, Spanned, Step};
use crate::scenario::print::print;
use crate::scenario::run::{Pace, draw_of_step};

/// How long a run goes on that a broken promise has ended: what breaks a machine may be due a while after the step
/// before it.
const LONG_ENOUGH: Span = Span::from_millis(1_000);

/// Whether each step of a scenario does something at a time of its own, and nothing is said of it: as it is with what
/// exploration draws.
pub(super) fn has_its_pace(file: &File) -> bool {
    let is_plain = |step: &Step| step.at.is_some() && step.note.is_none() && does_something(step);
    file.steps.iter().all(|step| is_plain(&step.value))
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
        let mut value = at_its_time(&step.value, *pace.steps.get(&number)?);
        if let Some(cut) = value.power_cut.as_mut().filter(|cut| cut.lose.is_none() && cut.draw.is_none()) {
            let draw = draw_of_step(file.seed.unwrap_or_default(), number);
            cut.value.draw = Some(Spanned::nowhere(Seed(draw)));
        }
        Some(Spanned { value, span: step.span.clone() })
    });
    // What came true at the end had happened by then: an end that is said comes before what happens at its instant.
    let over = pace.over.map(|over| Span { micros: over.micros + 1 });
    let end = over.unwrap_or(Span { micros: pace.end.micros + LONG_ENOUGH.micros });
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
    step.actions().iter().any(|action| !action.only_looks())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const WRITTEN: &str = r#"
format = 1
id = "written"
title = "Each step waits for the one before"
seed = 0x2a
[cluster]
combined = 1
[[step]]
at = "1s"
note = "It dies."
kill = { broker = 1 }
[[step]]
within = "2s"
expect-event = { event = "process-exited" }
[[step]]
after = "10ms"
start = { broker = 1 }
[[step]]
power-cut = { broker = 1 }
[[step]]
power-cut = { broker = 1, lose = "all" }
[[step]]
note = "Nobody sees this any more."
start = { broker = 1 }
"#;

    fn paced(over: Option<i64>) -> File {
        let written = Scenario::parse("written.toml", WRITTEN).unwrap_or_else(|invalid| panic!("{invalid}"));
        assert!(!has_its_pace(&written.file));
        let times = [1_000, 1_000, 1_050, 2_000, 2_000].map(Span::from_millis);
        let steps: BTreeMap<usize, Span> = (1..).zip(times).collect();
        let pace = Pace { steps, over: over.map(Span::from_millis), end: Span::from_millis(3_000) };
        with_pace(&written.file, &pace)
    }

    #[test]
    fn what_is_done_gets_its_time_what_only_looks_goes_and_what_never_came_too() {
        let file = paced(None);
        assert!(has_its_pace(&file), "{}", print(&file));
        let text = print(&file);
        let steps: Vec<&str> = text.split("[[step]]").skip(1).map(str::trim).collect();
        let draw = Seed(draw_of_step(Seed(0x2a), 4));
        let cut = format!("at = \"2s\"\npower-cut = {{ broker = 1, draw = \"{draw}\" }}");
        let expected = [
            "at = \"1s\"\nkill = { broker = 1 }",
            "at = \"1.05s\"\nstart = { broker = 1 }",
            cut.as_str(),
            "at = \"2s\"\npower-cut = { broker = 1, lose = \"all\" }",
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn the_run_ends_when_it_did_or_some_time_after_what_ended_it() {
        let until = |over| paced(over).until.map(|until| until.value);
        assert_eq!(until(Some(9_000)), Some(Span { micros: 9_000_001 }));
        assert_eq!(until(None), Some(Span::from_millis(4_000)));
    }
}
