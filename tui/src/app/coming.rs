//! What comes of sessions: a recording, whole or still being made; and what was asked for before there was anything to do it to.
//!
//! ```text
//!   keys ──▶ is there something to see, and no other run being made? ──yes──▶ done at once
//!                      │ no
//!                      ▼
//!            they wait, in order ── a picture comes ──▶ done, one after the other, each at the place of the one before
//! ```

use trial_sim::internal::session::Part;

use super::{Action, Ask, Effect, Lesson, Model, Prompt, Run, Screen, Status, Tape, act, forks, place, prompt};

/// So many keys are kept that are pressed before they can be done.
const MOST_EARLY: usize = 64;

/// What was asked for before it could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Early {
    /// By a key.
    Do(Action),
    /// In a line.
    Typed(Ask, String),
}

/// What there must be for something that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: it is done at once, whatever waits.
    Nothing,
    /// What was asked for before it is done first.
    Order,
    /// A picture of the place where the window is.
    Picture,
    /// That, and no other run being made: it is about that run, or makes another.
    Runs,
}

/// Whether something waits that needs so much.
pub(super) fn must_wait(model: &Model, needs: Needs) -> bool {
    let nothing_is_seen = model.seen.is_none();
    match needs {
        Needs::Nothing => false,
        Needs::Order => !model.early.is_empty(),
        Needs::Picture => !model.early.is_empty() || nothing_is_seen,
        Needs::Runs => !model.early.is_empty() || nothing_is_seen || model.forking.is_some(),
    }
}

/// Does what a key asks for, when there is what that needs.
pub(super) fn act_in_order(model: &mut Model, action: Action) -> Vec<Effect> {
    if must_wait(model, act::needs(action)) {
        wait(model, Early::Do(action));
        return Vec::new();
    }
    act::act(model, action)
}

/// Keeps what cannot be done yet.
pub(super) fn wait(model: &mut Model, early: Early) {
    if model.early.len() < MOST_EARLY {
        model.early.push_back(early);
        let until = if model.forking.is_some() { "the new run is made" } else { "there is something to see" };
        model.status = Some(Status::Said(format!("this waits until {until}")));
    }
}

/// What there must be for a line that was typed. The commands that write a file say themselves what is not there yet.
pub(super) fn needs_of_line(ask: Ask, text: &str) -> Needs {
    match (ask, text.split_whitespace().next()) {
        (Ask::Prediction(_), _) | (Ask::Place | Ask::Command | Ask::Record, None) => Needs::Nothing,
        (Ask::Place | Ask::Filter | Ask::Record, _) | (Ask::Command, Some("save" | "record")) => Needs::Picture,
        (Ask::Command, Some(_)) => Needs::Runs,
    }
}

/// Does what waited for a picture, as far as there is one, and up to the first question.
pub(super) fn do_what_waited(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    while model.is_current() && model.forking.is_none() {
        let Some(early) = model.early.pop_front() else { break };
        model.status = None;
        effects.extend(match early {
            Early::Do(action) => act::act(model, action),
            Early::Typed(ask, text) => prompt::done(model, ask, &text),
        });
        if matches!(model.prompt, Some(Prompt { ask: Ask::Prediction(_), .. })) {
            model.early.clear();
        }
    }
    effects
}

/// The first part of a recording has come: it is opened at time zero. Where one wants to begin elsewhere, is asked, or wants to
/// see what was recorded before, the whole of it is waited for.
pub(super) fn begun(model: &mut Model, tape: Box<Tape>) -> Vec<Effect> {
    if model.mode.is_lesson() || model.begin.is_some() || model.kept.is_some() {
        return Vec::new();
    }
    (model.runs, model.is_growing) = (vec![Run::first(&tape)], true);
    model.news = forks::news_of(&tape);
    let place = place::zero(&tape);
    model.tape = Some(tape);
    place::go(model, place)
}

/// More of it has come.
pub(super) fn grown(model: &mut Model, part: Part) {
    let Some(tape) = model.tape.as_mut().filter(|_| model.is_growing) else { return };
    let read = tape.lines.len();
    tape.grow(part);
    for place in forks::told_as_news(&tape.lines[read..]) {
        // What the scenario notes may stand at a step that was there before.
        if model.news.last().is_none_or(|last| *last < place) {
            model.news.push(place);
        }
    }
}

/// The recording is there: it is opened, or is that of a fork, or the rest of one that is looked at.
pub(super) fn recorded(model: &mut Model, tape: Box<Tape>) -> Vec<Effect> {
    model.progress = None;
    if model.forking.is_some() {
        return forks::recorded(model, tape);
    }
    if model.is_growing {
        return completed(model, tape);
    }
    opened(model, tape)
}

/// The rest of a recording has come that somebody looks at already: he stays where he is, unless he has not gone anywhere.
fn completed(model: &mut Model, tape: Box<Tape>) -> Vec<Effect> {
    model.is_growing = false;
    model.news = forks::news_of(&tape);
    if model.place == place::zero(&tape) && !model.is_playing && !tape.violations.is_empty() {
        return opened(model, tape);
    }
    model.status = Some(match tape.violations.first() {
        Some(violation) => {
            model.property = place::property_index(violation.property.name);
            Status::Refused(format!("this run breaks {}: 6 shows it, Enter there jumps to it", violation.property.name))
        }
        None => Status::Said("the run is over: this is the whole recording".to_owned()),
    });
    model.tape = Some(tape);
    model.look_here()
}

/// Opens a whole recording where it was asked for, else at the violation, else at time zero.
fn opened(model: &mut Model, tape: Box<Tape>) -> Vec<Effect> {
    model.news = forks::news_of(&tape);
    model.runs = vec![Run::first(&tape)];
    model.lesson = model.mode.is_lesson().then(|| Lesson::of(&tape));
    let violation = tape.violations.first();
    if let Some(violation) = violation {
        model.screen = Screen::Checks;
        model.property = place::property_index(violation.property.name);
        let broken = format!("{} is broken here: {}", violation.property.name, violation.message);
        model.status = Some(Status::Refused(broken));
    }
    if let Some((from, to)) = model.kept.as_ref().and_then(|kept| kept.difference(&tape)) {
        let reason = format!("this is not what was recorded: another run from one of the steps {from} to {to} on");
        model.status = Some(Status::Refused(reason));
    }
    if let Some(outside) = model.begin.and_then(|whereto| place::outside(&tape, whereto)) {
        model.status = Some(Status::Refused(outside));
    }
    let place = match model.begin {
        Some(whereto) => place::find(&tape, whereto),
        None => violation.map_or_else(|| place::zero(&tape), |violation| place::behind(&tape, violation.step + 1)),
    };
    model.tape = Some(tape);
    place::go(model, place)
}
