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
//! What somebody did to the run besides its steps (`[[intervention]]`) stands among them from then on.
//!
//! What is said of it was said of the whole: notes, questions and what a lesson or a museum tells go too.

use crate::scenario::FIRST_INTERVENTION;
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
    file.interventions.is_empty() && file.steps.iter().all(|step| is_plain(&step.value))
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

/// The file with the pace that its run had: each step that did something then, at its time. An intervention comes before
/// the steps of its instant, as it did.
pub(super) fn with_pace(file: &File, pace: &Pace) -> File {
    let numbered = (1..).zip(&file.steps);
    let steps = numbered.filter_map(|(number, step)| Some((number, step, *pace.steps.get(&number)?)));
    let numbered = (FIRST_INTERVENTION..).zip(&file.interventions);
    let interventions = numbered.filter_map(|(number, step)| Some((number, step, step.at.as_ref()?.value)));
    let mut done: Vec<_> = interventions.chain(steps).filter(|(_, step, _)| does_something(step)).collect();
    done.sort_by_key(|(.., at)| at.micros);
    let seed = file.seed.unwrap_or_default();
    let timed = done.into_iter().map(|(number, step, at)| {
        let mut value = at_its_time(&step.value, at);
        if let Some(cut) = value.power_cut.as_mut().filter(|cut| cut.lose.is_none() && cut.draw.is_none()) {
            cut.value.draw = Some(Spanned::nowhere(Seed(draw_of_step(seed, number))));
        }
        Spanned { value, span: step.span.clone() }
    });
    // What came true at the end had happened by then: an end that is said comes before what happens at its instant.
    let over = pace.over.map(|over| Span { micros: over.micros + 1 });
    let said = file.until.as_ref().map(|until| until.value).or(over);
    // Because of interventions a run goes on for longer than its file says.
    let said = said.filter(|_| file.interventions.is_empty());
    let end = said.unwrap_or(Span { micros: pace.end.micros + LONG_ENOUGH.micros });
    File {
        steps: timed.collect(),
        interventions: Vec::new(),
        until: Some(Spanned::nowhere(end)),
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
        with_its_pace(WRITTEN, over)
    }

    fn with_its_pace(written: &str, over: Option<i64>) -> File {
        let written = Scenario::parse("written.toml", written).unwrap_or_else(|invalid| panic!("{invalid}"));
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

    #[test]
    fn what_was_done_besides_the_steps_stands_among_them_and_draws_what_it_drew() {
        let interventions = r#"
[[intervention]]
at = "2s"
power-cut = { broker = 1 }
[[intervention]]
at = "1.02s"
note = "Somebody starts it by hand."
start = { broker = 1 }
"#;
        let file = with_its_pace(&format!("{WRITTEN}{interventions}"), Some(9_000));
        assert!(has_its_pace(&file), "{}", print(&file));
        let at = |step: &Spanned<Step>| step.at.as_ref().map(|at| at.value);
        let starts: Vec<_> = file.steps.iter().filter_map(at).collect();
        assert_eq!(starts, [1_000, 1_020, 1_050, 2_000, 2_000, 2_000].map(Span::from_millis));
        let first_cut = file.steps.iter().find_map(|step| step.power_cut.as_ref());
        let draw = first_cut.and_then(|cut| cut.draw.as_ref()).map(|draw| draw.value);
        assert_eq!(draw, Some(Seed(draw_of_step(Seed(0x2a), FIRST_INTERVENTION))), "it comes before the step's own");
        let until = file.until.map(|until| until.value);
        assert_eq!(until, Some(Span::from_millis(4_000)), "it showed some time after the last step was over");
    }
}
