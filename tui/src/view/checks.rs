//! What must never happen: each property with whether it held, and the events that prove that it did not.

use ratatui::text::Line;
use trial_sim::internal::check::{PROPERTIES, Violation};
use trial_sim::internal::session::Tape;

use crate::app::{Model, Spot};
use crate::theme::{Glyph, Role};
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{grouped, heading, line, seconds, word, wrapped};

/// The properties, and below them the selected one in words.
pub fn rows(model: &Model, width: u16, most: u16) -> Vec<Row> {
    let Some(tape) = &model.tape else { return Vec::new() };
    let mut shown = vec![Row::from(heading(model.look, "WHAT MUST NEVER HAPPEN", width))];
    let story = story(model, tape, width);
    let table = Table {
        columns: vec![column("", 0), column("property", 0), column("in this run", 0)],
        rows: PROPERTIES.iter().map(|property| row(model, tape, property.name)).collect(),
        selected: Some(model.property),
    };
    let mut lines = table.lines(model.look, width).into_iter();
    let names = lines.next().map(Row::from);
    let rows = lines.enumerate().map(|(index, line)| Row::at(line, Spot::Property(index)));
    let rows: Vec<Row> = names.into_iter().chain(rows).collect();
    let findings = findings(model, tape, width);
    let room = usize::from(most).saturating_sub(shown.len() + story.len() + findings.len() + 1).max(3);
    shown.extend(scrolled(rows, model.property + 1, room));
    shown.push(heading(model.look, "THE SELECTED ONE", width).into());
    shown.extend(story.into_iter().chain(findings).map(Row::from));
    shown
}

/// What else the run came to: expectations that did not come true, a cluster that did not recover, a crash.
fn findings(model: &Model, tape: &Tape, width: u16) -> Vec<Line<'static>> {
    if tape.report.failures.is_empty() || tape.report.property.is_some() || !model.may_tell_end() {
        return Vec::new();
    }
    let mut lines = vec![heading(model.look, "WHAT THE RUN CAME TO", width)];
    let said = tape.report.failures.iter().flat_map(|failure| failure.lines());
    lines.extend(said.map(|text| line(model.look, Role::Bad, text.to_owned())));
    lines
}

/// As many rows as there is room for, the selected one among them.
fn scrolled(rows: Vec<Row>, selected: usize, room: usize) -> Vec<Row> {
    let first = (selected + 1).saturating_sub(room).min(rows.len().saturating_sub(room));
    rows.into_iter().skip(first).take(room).collect()
}

fn violation<'a>(model: &Model, tape: &'a Tape, name: &str) -> Option<&'a Violation> {
    tape.violations.iter().find(|violation| violation.property.name == name && model.may_tell(violation.step))
}

fn row(model: &Model, tape: &Tape, name: &str) -> Vec<Cell> {
    let look = model.look;
    match violation(model, tape, name) {
        Some(violation) => vec![
            styled(Role::Bad, look.sign(Glyph::No).to_string()),
            styled(Role::Bad, name),
            styled(
                Role::Bad,
                format!("broken at {}, step {}", seconds(tape.cast.micros(violation.at)), grouped(violation.step)),
            ),
        ],
        None => {
            let held = if model.may_tell_end() { "held" } else { "held so far" };
            vec![styled(Role::Good, look.sign(Glyph::Yes).to_string()), cell(name), styled(Role::Good, held)]
        }
    }
}

fn story(model: &Model, tape: &Tape, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let Some(property) = PROPERTIES.get(model.property) else { return Vec::new() };
    let mut lines: Vec<Line> = wrapped(&format!("{} ({})", property.rule, property.source), width)
        .into_iter()
        .map(|text| line(look, Role::Plain, text))
        .collect();
    if let Some(violation) = violation(model, tape, property.name) {
        lines.extend(wrapped(&violation.message, width).into_iter().map(|text| line(look, Role::Bad, text)));
        let proof = violation.evidence.iter().map(|event| event.on(tape.cast.name(event.machine)));
        lines.extend(proof.map(|text| line(look, Role::Plain, format!("  {text}"))));
        lines.push(Line::from(vec![word(look, Role::Key, "Enter"), word(look, Role::Plain, " jumps there")]));
    }
    lines
}
