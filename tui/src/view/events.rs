//! The lines of the transcript up to now, the last one at the bottom.
//!
//! What comes later is never shown: whoever predicts must not have read it.

use ratatui::text::Line;
use trial_sim::internal::scenario::trace::{Told, Weight};
use trial_sim::internal::session::Tape;

use crate::app::{Model, Subject, parent};
use crate::theme::{Glyph, Look, Role};
use crate::widget::{heading, word};

/// So many lines as there is room for, under a heading.
pub fn lines(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    let Some(tape) = &model.tape else { return Vec::new() };
    if height == 0 {
        return Vec::new();
    }
    under(model, tape, "LINES UP TO NOW", tape.lines_until(model.place.steps), width, height)
}

/// The lines of the run from which this one was forked, up to the same time.
pub fn other_lines(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    match parent(model) {
        Some(tape) if height > 0 => {
            let told = tape.lines_until(tape.steps_until(model.place.at));
            under(model, tape, "THE RUN THAT IT LEFT", told, width, height)
        }
        _ => vec![crate::widget::line(model.look, Role::Plain, "this run was not forked from another")],
    }
}

fn under(model: &Model, tape: &Tape, title: &str, told: &[Told], width: u16, height: u16) -> Vec<Line<'static>> {
    let subject = model.subject();
    let first = told.len().saturating_sub(usize::from(height) - 1);
    let mut lines = vec![heading(model.look, title, width)];
    let last = told.len().checked_sub(1);
    for (index, line) in told.iter().enumerate().skip(first) {
        lines.push(row(model.look, tape, line, Some(index) == last, subject.as_ref()));
    }
    if told.is_empty() {
        lines.push(crate::widget::line(model.look, Role::Plain, "nothing has happened yet"));
    }
    lines
}

fn row(look: Look, tape: &Tape, line: &Told, is_last: bool, subject: Option<&Subject>) -> Line<'static> {
    let cursor = if is_last { look.sign(Glyph::Cursor) } else { ' ' };
    let micros = tape.cast.micros(line.at);
    let time = format!("{cursor}{:>13} ", crate::widget::seconds(micros));
    let places: Vec<&str> = line.machines.iter().map(|machine| tape.cast.name(*machine)).collect();
    let is_subject = match subject {
        Some(Subject::Machine(machine)) => line.machines.contains(machine),
        Some(Subject::Partition(partition)) => line.partition.as_ref() == Some(partition),
        None => false,
    };
    let role = match line.weight {
        Weight::Done => Role::Done,
        Weight::News => Role::Heading,
        Weight::Flow | Weight::Repeating => Role::Plain,
    };
    let mark = if is_subject { Role::Leader } else { Role::Plain };
    Line::from(vec![
        word(look, if is_last { Role::Heading } else { Role::Plain }, time),
        word(look, mark, format!("{:<3} ", places.join(","))),
        word(look, role, format!("{:<7} ", line.event)),
        word(look, mark, format!("{:<12} ", line.what)),
        word(look, Role::Plain, line.cause.clone()),
    ])
}
