//! Groups of consumers: who coordinates them, who is in, who reads what, and how far behind.

use ratatui::text::Line;
use trial_sim::internal::session::{GroupPart, MemberPart, ReadPart};

use super::words;
use crate::app::Model;
use crate::theme::Role;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{counted, heading, line};

/// Each group with a row a member and partition.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let groups = model.snapshot().map_or(&[][..], |snapshot| &snapshot.groups);
    if groups.is_empty() {
        return vec![line(model.look, Role::Plain, "nobody takes itself for a member of a group")];
    }
    let mut lines = Vec::new();
    for group in groups {
        let coordinator = words::nodes(model, &group.coordinators);
        let behind = counted(group.lag, "record");
        let title = format!("GROUP {}: coordinator {coordinator}, {behind} behind", group.group.as_str());
        lines.push(heading(model.look, &title, width));
        lines.extend(table(model, group).without(model.hidden_columns()).lines(model.look, width));
    }
    lines
}

fn table(model: &Model, group: &GroupPart) -> Table {
    let mut rows = Vec::new();
    for member in &group.members {
        if member.reads.is_empty() {
            rows.push(row(model, member, None));
        }
        rows.extend(member.reads.iter().map(|read| row(model, member, Some(read))));
    }
    Table {
        columns: vec![
            column("member", 0),
            column("generation or epoch", 2),
            column("state", 1),
            column("reads", 0),
            column("at", 0),
            column("can read up to", 2),
            column("behind", 1),
        ],
        rows,
        selected: None,
    }
}

fn row(model: &Model, member: &MemberPart, read: Option<&ReadPart>) -> Vec<Cell> {
    let name = model.tape.as_ref().map_or("?", |tape| tape.cast.name(member.machine));
    let epoch = if member.epoch > 0 { member.epoch.to_string() } else { "in none".to_owned() };
    let state = match member.is_settled {
        true => styled(Role::Good, "settled"),
        false => styled(Role::Warning, "joins, or waits for its partitions"),
    };
    let number = |offset: Option<i64>| offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
    let lag = read.and_then(ReadPart::lag);
    let behind = match lag {
        Some(0) => styled(Role::Good, "nothing"),
        Some(records) => styled(Role::Warning, counted(records, "record")),
        None => cell("-"),
    };
    vec![
        cell(name),
        cell(epoch),
        state,
        cell(read.map_or_else(|| "nothing".to_owned(), |read| read.partition.to_string())),
        cell(read.map_or_else(|| "-".to_owned(), |read| number(read.position))),
        cell(read.map_or_else(|| "-".to_owned(), |read| number(read.end))),
        behind,
    ]
}
