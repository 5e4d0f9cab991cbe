//! The lines of the transcript up to now, the last one at the bottom.
//!
//! What comes later is never shown: whoever predicts must not have read it.

use ratatui::text::Line;
use trial_sim::internal::scenario::trace::{Told, Weight};
use trial_sim::internal::session::Tape;

use crate::app::{Model, Spot, Subject, parent, told_by_parent};
use crate::theme::{Glyph, Look, Role};
use crate::widget::row::Row;
use crate::widget::{heading, word};

/// So many lines as there is room for, under a heading.
pub fn rows(model: &Model, width: u16, height: u16) -> Vec<Row> {
    let Some(tape) = &model.tape else { return Vec::new() };
    if height == 0 {
        return Vec::new();
    }
    let title = match (&model.way, &model.filter) {
        (Some(way), _) => format!("THE WAY OF {} UP TO NOW", way.words(tape)),
        (None, Some(filter)) => format!("LINES UP TO NOW WITH {}", filter.words()),
        (None, None) => "LINES UP TO NOW".to_owned(),
    };
    under(model, tape, &title, model.told(), width, height)
}

/// The lines of the run from which this one was forked, up to the same time.
pub fn other_rows(model: &Model, width: u16, height: u16) -> Vec<Row> {
    match parent(model) {
        Some(tape) if height > 0 => {
            under(model, tape, "THE RUN THAT IT LEFT", told_by_parent(model, tape), width, height)
        }
        _ => vec![crate::widget::line(model.look, Role::Plain, "this run was not forked from another").into()],
    }
}

/// Whether a line is wanted among those that are shown.
pub fn is_shown(model: &Model, tape: &Tape, line: &Told) -> bool {
    match &model.way {
        Some(way) => way.has(line.step),
        None => model.filter.as_ref().is_none_or(|filter| filter.lets_line(tape, line)),
    }
}

fn under(model: &Model, tape: &Tape, title: &str, told: &[Told], width: u16, height: u16) -> Vec<Row> {
    let subject = model.subject();
    let wanted = told.iter().rev().filter(|line| is_shown(model, tape, line));
    let mut shown: Vec<&Told> = wanted.take(usize::from(height) - 1).collect();
    shown.reverse();
    let mut rows = vec![Row::from(heading(model.look, title, width))];
    let last = shown.len().checked_sub(1);
    for (index, line) in shown.iter().enumerate() {
        let drawn = row(model.look, tape, line, Some(index) == last, subject.as_ref());
        rows.push(Row::at(drawn, Spot::Step(line.step)));
    }
    if shown.is_empty() {
        let text = if told.is_empty() { "nothing has happened yet" } else { "no such line so far" };
        rows.push(crate::widget::line(model.look, Role::Plain, text).into());
    }
    rows
}

fn row(look: Look, tape: &Tape, line: &Told, is_last: bool, subject: Option<&Subject>) -> Line<'static> {
    let cursor = if is_last { look.sign(Glyph::Cursor) } else { ' ' };
    let micros = tape.cast.micros(line.at);
    let time = format!("{cursor}{:>13} ", crate::widget::seconds(micros));
    let places: Vec<&str> = line.machines.iter().map(|machine| tape.cast.name(*machine)).collect();
    let is_subject = match subject {
        Some(Subject::Machine(machine)) => line.machines.contains(machine),
        Some(Subject::Link(from, to)) => line.machines.contains(from) && line.machines.contains(to),
        Some(Subject::Partition(partition)) => line.partition.as_ref() == Some(partition),
        Some(Subject::Message(_)) | None => false,
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
