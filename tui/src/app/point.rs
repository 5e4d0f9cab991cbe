//! Pointing: a click does what a key does, on what it points at.

use trial_broker::time::Time;

use super::{Action, Ask, Effect, Model, Pointing, Spot, Subject, Typed, coming, lesson, menu, place, prompt};

/// Somebody points at something.
pub(super) fn point(model: &mut Model, spot: Spot, how: Pointing) -> Vec<Effect> {
    match (spot, how) {
        (Spot::Slider { column, width }, _) => slide(model, column, width),
        // Whoever drags over anything else means nothing by it.
        (_, Pointing::Drag) => Vec::new(),
        (Spot::Item(index), _) => menu::choose(model, Some(index)),
        (Spot::Choice(number), _) => {
            let vote = lesson::vote_for(model, number);
            prompt::typed(model, Typed::Text(vote))
        }
        (Spot::Typed(typed), _) => prompt::typed(model, typed),
        // At a question one may look at other screens: that is no answer.
        (Spot::Screen(screen), _) if is_asked(model) => coming::act_in_order(model, Action::Show(screen)),
        // What is typed is ended first.
        _ if model.prompt.is_some() => Vec::new(),
        (Spot::Key(action), _) => coming::act_in_order(model, action),
        (Spot::Screen(screen), _) => coming::act_in_order(model, Action::Show(screen)),
        (Spot::Step(step), _) => place::go_to_told(model, step + 1),
        (Spot::Property(index), _) => {
            model.property = index;
            Vec::new()
        }
        (Spot::Subject(subject), how) => select(model, subject, how),
    }
}

/// Whether a lesson's question is open.
fn is_asked(model: &Model) -> bool {
    model.prompt.as_ref().is_some_and(|prompt| matches!(prompt.ask, Ask::Prediction(_)))
}

/// The first click selects; one more, or the second button, asks what can be done.
fn select(model: &mut Model, subject: Subject, how: Pointing) -> Vec<Effect> {
    let is_again = model.selected.as_ref() == Some(&subject);
    model.status = None;
    model.menu = None;
    if let Subject::Partition(partition) = &subject {
        model.partition = Some(partition.clone());
    }
    model.selected = Some(subject);
    if is_again || how == Pointing::Second { menu::open(model) } else { Vec::new() }
}

/// To the part of the run at which the slider was taken.
fn slide(model: &mut Model, column: u16, width: u16) -> Vec<Effect> {
    let Some(tape) = &model.tape else { return Vec::new() };
    if model.prompt.is_some() {
        return Vec::new();
    }
    let first = if model.place.at < tape.cast.zero() { Time::ZERO } else { tape.cast.zero() };
    let length = tape.time_at(tape.end()).0.saturating_sub(first.0);
    let part = f64::from(column) / f64::from(width.saturating_sub(1).max(1));
    let at = Time(first.0 + (length as f64 * part.min(1.0)) as u64);
    place::go_to_time(model, at)
}
