//! Disks: files, what of them is only in the page cache, and what the last power cut took.

use ratatui::text::Line;
use trial_sim::internal::MachineId;
use trial_sim::internal::session::{FilePart, MachinePart, Tape};
use trial_sim::internal::step::Fact;

use super::words;
use crate::app::{Model, Subject};
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{bytes, counted, heading, line, seconds};

/// The disk of the selected machine, or of all nodes one after the other.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let selected = match model.subject() {
        Some(Subject::Machine(machine)) => Some(machine),
        _ => None,
    };
    let nodes = model.machines().iter().filter(|machine| machine.work.is_node());
    let shown = nodes.filter(|machine| selected.is_none_or(|id| id == machine.id));
    let mut rows = Vec::new();
    for machine in shown {
        let process = words::process(model.look, machine.state).text;
        let title = format!("{}: {process}, {} not on the medium", machine.name, bytes(machine.dirty_bytes));
        rows.push(Row::title(heading(model.look, &title, width)));
        let whole = files(model, machine, str::to_owned);
        let files = if whole.has_room_down_to(0, width) { whole } else { files(model, machine, shortened) };
        rows.extend(files.rows(model.look, width));
        let loss = model.tape.as_ref().and_then(|tape| loss(model, tape, machine.id));
        rows.extend(loss.into_iter().flatten().map(Row::from));
    }
    if rows.is_empty() {
        rows.push(line(model.look, Role::Plain, "a client has no disk: Tab selects another machine").into());
    }
    rows
}

/// A path without the noughts before the number of a segment: `data-0/orders-0/…0.log`.
fn shortened(path: &str) -> String {
    let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
    let digits = name.chars().take_while(char::is_ascii_digit).count();
    let number = name[..digits].trim_start_matches('0');
    match digits {
        0..20 => path.to_owned(),
        _ => format!("{folder}…{}{}", if number.is_empty() { "0" } else { number }, &name[digits..]),
    }
}

fn files(model: &Model, machine: &MachinePart, called: fn(&str) -> String) -> Table {
    // Empty files say nothing to anybody.
    let files = machine.files.iter().filter(|file| file.length > 0 || file.dirty_pages > 0);
    Table {
        columns: vec![
            column("file", 0).keeping_ends(),
            column("length", 0),
            column("on the medium", 1),
            column("synced at", 2),
            column("may be lost", 0),
        ],
        rows: files.map(|file| row(model, file, called)).collect(),
        selected: None,
    }
}

fn row(model: &Model, file: &FilePart, called: fn(&str) -> String) -> Vec<Cell> {
    let after = match (file.name_is_durable, file.dirty_pages) {
        (false, _) => styled(Role::Bad, "the whole file: its name is not durable"),
        (true, 0) => styled(Role::Good, "nothing"),
        (true, pages) => styled(Role::Warning, counted(pages as i64, "dirty page")),
    };
    let synced = file.synced.zip(model.tape.as_ref()).map(|(at, tape)| seconds(tape.cast.micros(at)));
    vec![
        cell(called(&file.path)),
        cell(bytes(file.length)),
        cell(bytes(file.durable_length)),
        cell(synced.unwrap_or_else(|| "never".to_owned())),
        after,
    ]
}

/// What the last power cut so far took from a machine.
fn loss(model: &Model, tape: &Tape, machine: MachineId) -> Option<Vec<Line<'static>>> {
    let steps = &tape.steps[..(model.place.steps as usize).min(tape.steps.len())];
    let (at, report) = steps.iter().rev().find_map(|step| {
        let cut = step.facts.iter().find_map(|fact| match fact {
            Fact::PowerCut { machine: cut, report } if *cut == machine => Some(report),
            _ => None,
        });
        Some((step.at, cut?))
    })?;
    let when = seconds(tape.cast.micros(at));
    let mut lines = vec![line(
        model.look,
        Role::Done,
        format!("the power cut at {when} found {} that were not durable:", bytes(report.dirty_bytes)),
    )];
    for file in &report.files {
        let text = match file.gone {
            true => format!("  {} is gone, with {}", file.path, bytes(file.length_before)),
            false => {
                format!("  {}: {} before, {} after", file.path, bytes(file.length_before), bytes(file.length_after))
            }
        };
        lines.push(line(model.look, Role::Bad, text));
    }
    lines.extend(report.undone.iter().map(|undone| line(model.look, Role::Bad, format!("  not: {undone}"))));
    if report.is_empty() {
        lines.push(line(model.look, Role::Good, "  nothing was lost"));
    }
    Some(lines)
}
