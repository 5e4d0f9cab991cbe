//! Moving along a recording: by steps, lines, news, times. Every move ends at an exact step, and says what to look at.

use trial_broker::time::Time;
use trial_sim::internal::check::PROPERTIES;
use trial_sim::internal::scenario::Span;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::Tape;

use super::{Action, Cover, Effect, Model, Place, Screen, Status, Subject, lesson};
use crate::widget::{grouped, seconds};

/// A place as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereto {
    /// So much after time zero; before it if negative.
    Time(Span),
    /// Behind this step of the world.
    Step(u64),
}

impl Whereto {
    /// Reads `41.5s`, `-200ms`, `2345`; and `41.5`, which is no number of a step, as seconds: so the window writes times.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Whereto, String> {
        let text = text.trim();
        if let Ok(step) = text.replace(['_', ','], "").parse() {
            return Ok(Whereto::Step(step));
        }
        let is_seconds = text.contains('.') && text.parse::<f64>().is_ok_and(f64::is_finite);
        if let (true, Ok(span)) = (is_seconds, Span::parse(&format!("{text}s"))) {
            return Ok(Whereto::Time(span));
        }
        let expected = "expected a time with its unit, such as 41.5s or -200ms, or the number of a step, such as 2345";
        Span::parse(text).map(Whereto::Time).map_err(|_| format!("{expected}; found `{text}`"))
    }
}

/// The place that somebody means.
pub(super) fn find(tape: &Tape, whereto: Whereto) -> Place {
    match whereto {
        Whereto::Step(step) => told(tape, step.saturating_add(1)),
        Whereto::Time(span) => {
            let micros = (tape.cast.zero().0 as i64).saturating_add(span.micros);
            at(tape, Time(u64::try_from(micros).unwrap_or(0)))
        }
    }
}

/// What to say where a place lies outside of the run: the nearest that there is was found instead.
pub(super) fn outside(tape: &Tape, whereto: Whereto) -> Option<String> {
    let (first, last) = (tape.cast.micros(Time::ZERO), tape.cast.micros(tape.time_at(tape.end())));
    match whereto {
        Whereto::Step(step) if step >= tape.end() => Some(format!(
            "there is no step {}: the last one is {}",
            grouped(step),
            grouped(tape.end().saturating_sub(1))
        )),
        Whereto::Time(span) if span.micros > last => {
            Some(format!("there is no {}: the run ends at {}", seconds(span.micros), seconds(last)))
        }
        Whereto::Time(span) if span.micros < first => {
            Some(format!("there is no {}: the power comes on at {}", seconds(span.micros), seconds(first)))
        }
        // Whoever types 30 may have meant seconds.
        Whereto::Step(step) if tape.booted && step < tape.zero() => {
            Some(format!("step {} lies before time zero: {step}s is a time", grouped(step)))
        }
        Whereto::Step(_) | Whereto::Time(_) => None,
    }
}

/// Behind so many steps.
pub(super) fn behind(tape: &Tape, steps: u64) -> Place {
    let steps = steps.min(tape.end());
    Place { steps, at: tape.time_at(steps) }
}

/// The same, when all is told that is told of the last of them: what the scenario notes behind it too.
fn told(tape: &Tape, steps: u64) -> Place {
    let steps = steps.min(tape.end());
    Place { steps, at: tape.told_at(steps) }
}

/// At the end of an instant.
fn at(tape: &Tape, at: Time) -> Place {
    Place { steps: tape.steps_until(at), at: at.min(tape.time_at(tape.end())) }
}

/// Time zero, before anything of it has happened.
pub(super) fn zero(tape: &Tape) -> Place {
    Place { steps: tape.zero(), at: tape.cast.zero() }
}

/// Where a property stands among all.
pub(super) fn property_index(name: &str) -> usize {
    PROPERTIES.iter().position(|property| property.name == name).unwrap_or(0)
}

/// Goes to a place; in a lesson no further than to the next question.
pub(super) fn go(model: &mut Model, place: Place) -> Vec<Effect> {
    model.place = lesson::stop_between(model, model.place, place);
    model.look_here()
}

/// Goes where somebody means.
pub(super) fn go_to(model: &mut Model, whereto: Whereto) -> Vec<Effect> {
    go_and_stop(model, |tape, _| find(tape, whereto))
}

/// Goes behind so many steps.
pub(super) fn go_to_step(model: &mut Model, steps: u64) -> Vec<Effect> {
    go_and_stop(model, |tape, _| behind(tape, steps))
}

/// Goes to where all is told of the last of so many steps.
pub(super) fn go_to_told(model: &mut Model, steps: u64) -> Vec<Effect> {
    go_and_stop(model, |tape, _| told(tape, steps))
}

/// Goes to the end of an instant.
pub(super) fn go_to_time(model: &mut Model, time: Time) -> Vec<Effect> {
    go_and_stop(model, |tape, _| at(tape, time))
}

/// Lets time run or stand; from the end it runs anew.
pub(super) fn play_or_pause(model: &mut Model) {
    let Some(tape) = &model.tape else { return };
    if !model.is_playing && model.place.steps >= tape.end() {
        model.status = Some(Status::Said("this is the end of the recording: g goes back to time zero".to_owned()));
        return;
    }
    model.is_playing = !model.is_playing;
    if let (true, Some(snapshot)) = (model.is_playing, model.snapshot()) {
        model.metrics_before = tape.metrics(snapshot);
    }
}

/// Moves as a key asks.
pub(super) fn move_on(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(tape) = &model.tape else { return Vec::new() };
    let here = model.place.steps;
    let subject = model.subject();
    if let Some(place) = note_ahead(model, tape, action) {
        return go_and_stop(model, |_, _| place);
    }
    let target = match action {
        Action::Step(direction) => here.checked_add_signed(i64::from(direction)).filter(|steps| *steps <= tape.end()),
        Action::Line(direction) => match &model.way {
            Some(way) => beside_step(&way.steps, here, direction),
            None if proof(model).is_some() => beside_step(&proof(model).unwrap_or_default(), here, direction),
            None => line(tape, here, direction, |line| {
                model.filter.as_ref().is_none_or(|filter| filter.lets_line(tape, line))
            }),
        },
        Action::LineOfSelected(direction) => {
            line(tape, here, direction, |line| subject.as_ref().is_some_and(|subject| is_about(tape, line, subject)))
        }
        Action::News(direction) => beside(&model.news, here, direction),
        Action::ToBookmark(direction) => {
            let marks: Vec<u64> = model.bookmarks.iter().copied().collect();
            beside(&marks, here, direction)
        }
        Action::Scrub(direction) => return go_and_stop(model, |tape, here| scrubbed(tape, here.at, direction)),
        Action::ToZero => return go_and_stop(model, |tape, _| zero(tape)),
        Action::ToEnd => Some(tape.end()),
        _ => None,
    };
    match target {
        // Whoever goes to a line wants to read it.
        Some(steps) if matches!(action, Action::Line(_) | Action::News(_)) => go_to_told(model, steps),
        Some(steps) => go_to_step(model, steps),
        None => {
            model.status = Some(Status::Said(format!("there is {} in this direction", sought(action))));
            Vec::new()
        }
    }
}

/// Where a note stands that comes before the next step, if the next line or news is that note.
fn note_ahead(model: &Model, tape: &Tape, action: Action) -> Option<Place> {
    if !matches!(action, Action::Line(1) | Action::News(1)) || model.way.is_some() || proof(model).is_some() {
        return None;
    }
    let here = model.place;
    let ahead = &tape.lines_until(here.steps)[tape.lines_at(here.steps, here.at).len()..];
    let filter = model.filter.as_ref().filter(|_| action == Action::Line(1));
    let is_wanted = |line: &Told| filter.is_none_or(|filter| filter.lets_line(tape, line));
    ahead.iter().find(|line| is_wanted(line)).map(|line| Place { steps: here.steps, at: line.at })
}

/// Goes to a place of the recording; whoever moves wants to look, so time stands.
fn go_and_stop(model: &mut Model, to: impl FnOnce(&Tape, Place) -> Place) -> Vec<Effect> {
    model.is_playing = false;
    let Some(tape) = &model.tape else { return Vec::new() };
    let place = to(tape, model.place);
    go(model, place)
}

fn sought(action: Action) -> &'static str {
    match action {
        Action::News(_) => "no further news",
        Action::ToBookmark(_) => "no bookmark: m sets one",
        Action::LineOfSelected(_) => "no further line about what is selected",
        Action::Line(_) => "no further line",
        _ => "no further step",
    }
}

/// The nearest of some places before or behind here.
fn beside(places: &[u64], here: u64, direction: i8) -> Option<u64> {
    let before = places.partition_point(|place| *place < here);
    if direction < 0 {
        return before.checked_sub(1).map(|index| places[index]);
    }
    places[before..].iter().copied().find(|place| *place > here)
}

/// Behind the nearest of some steps before or after here.
fn beside_step(steps: &[u64], here: u64, direction: i8) -> Option<u64> {
    let places: Vec<u64> = steps.iter().map(|step| step + 1).collect();
    beside(&places, here, direction)
}

/// Behind the step of the nearest line before or behind here that is wanted.
fn line(tape: &Tape, here: u64, direction: i8, is_wanted: impl Fn(&Told) -> bool) -> Option<u64> {
    if direction < 0 {
        let before = tape.lines_until(here.saturating_sub(1));
        return before.iter().rev().find(|line| is_wanted(line)).map(|line| line.step + 1);
    }
    tape.lines_after(here).iter().find(|line| is_wanted(line)).map(|line| line.step + 1)
}

/// Whether a line tells of a machine, a partition, or of what a message did.
pub(super) fn is_about(tape: &Tape, line: &Told, subject: &Subject) -> bool {
    match subject {
        Subject::Machine(machine) => line.machines.contains(machine),
        Subject::Link(from, to) => line.machines.contains(from) && line.machines.contains(to),
        Subject::Partition(partition) => line.partition.as_ref() == Some(partition),
        Subject::Message(message) => tape.way_of_message(*message).contains(&line.step),
    }
}

/// A twentieth of the time from time zero to the end.
fn scrubbed(tape: &Tape, from: Time, direction: i8) -> Place {
    let (zero, end) = (tape.cast.zero(), tape.time_at(tape.end()));
    let part = end.0.saturating_sub(zero.0) / 20;
    let to =
        if direction < 0 { from.0.saturating_sub(part).max(zero.0) } else { from.0.saturating_add(part).min(end.0) };
    at(tape, Time(to))
}

/// The steps of the events that prove the selected violation, in order, where the window shows them: one walks along them.
fn proof(model: &Model) -> Option<Vec<u64>> {
    if model.screen != Screen::Checks || model.cover != Cover::None {
        return None;
    }
    let name = PROPERTIES.get(model.property)?.name;
    let mut broken = model.tape.iter().flat_map(|tape| &tape.violations);
    let violation = broken.find(|violation| violation.property.name == name && model.may_tell(violation.step))?;
    let mut steps: Vec<u64> = violation.evidence.iter().map(|event| event.step).collect();
    steps.push(violation.step);
    steps.sort_unstable();
    steps.dedup();
    Some(steps)
}

/// Jumps to where the selected property was broken.
pub(super) fn to_violation(model: &mut Model) -> Vec<Effect> {
    let name = PROPERTIES.get(model.property).map_or("", |property| property.name);
    let violations = model.tape.iter().flat_map(|tape| &tape.violations);
    match violations.into_iter().find(|violation| violation.property.name == name).map(|violation| violation.step) {
        Some(step) => go_and_stop(model, |tape, _| behind(tape, step + 1)),
        None => {
            model.status = Some(Status::Said(format!("{name} was not broken in this run")));
            Vec::new()
        }
    }
}
