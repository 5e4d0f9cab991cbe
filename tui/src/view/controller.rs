//! The metadata quorum: who leads it, how far each metadata log is, and how far behind the brokers' images are.

use ratatui::text::Line;
use trial_sim::internal::session::{MachinePart, QuorumPart};

use super::words;
use crate::app::Model;
use crate::theme::Role;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{counted, heading};

/// Voters, then those that only watch.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let nodes = model.machines().iter().filter(|machine| machine.work.is_node());
    let (voters, observers): (Vec<&MachinePart>, Vec<&MachinePart>) =
        nodes.partition(|machine| machine.quorum.as_ref().is_some_and(|quorum| quorum.is_voter));
    let end = model.machines().iter().filter_map(|machine| machine.quorum.as_ref());
    let end = end.map(|quorum| quorum.log_end_offset).max().unwrap_or(0);
    let mut lines = vec![heading(model.look, "METADATA QUORUM: THOSE THAT VOTE", width)];
    lines.extend(table(model, &voters, end).without(model.hidden_columns()).lines(model.look, width));
    if !observers.is_empty() {
        lines.push(heading(model.look, "THOSE THAT WATCH, OR DO NOT RUN", width));
        lines.extend(table(model, &observers, end).without(model.hidden_columns()).lines(model.look, width));
    }
    lines
}

fn table(model: &Model, machines: &[&MachinePart], end: i64) -> Table {
    Table {
        columns: vec![
            column("name", 0),
            column("process", 2),
            column("state", 0),
            column("follows", 2),
            column("voted for", 3),
            column("log end", 1),
            column("committed", 1),
            column("behind", 2),
            column("broker's image", 4),
            column("broker", 5),
        ],
        rows: machines.iter().map(|machine| row(model, machine, end)).collect(),
        selected: None,
    }
}

fn row(model: &Model, machine: &MachinePart, end: i64) -> Vec<Cell> {
    let of = |tell: &dyn Fn(&QuorumPart) -> String| cell(machine.quorum.as_ref().map_or_else(|| "-".to_owned(), tell));
    let behind = match machine.quorum.as_ref().map(|quorum| end - quorum.log_end_offset) {
        None => cell("-"),
        Some(0) => styled(Role::Good, "nothing"),
        Some(records) => styled(Role::Warning, counted(records, "record")),
    };
    vec![
        cell(machine.name.clone()),
        words::process(model.look, machine.state),
        words::quorum(model.look, machine.quorum.as_ref()),
        of(&|quorum| words::node(model, quorum.leader)),
        of(&|quorum| quorum.voted_for.map_or_else(|| "-".to_owned(), |node| words::node(model, node))),
        of(&|quorum| quorum.log_end_offset.to_string()),
        of(&|quorum| quorum.high_watermark.map_or_else(|| "unknown".to_owned(), |offset| offset.to_string())),
        behind,
        of(&|quorum| quorum.broker_image.map_or_else(|| "-".to_owned(), |offset| format!("up to {offset}"))),
        words::broker(machine.broker.as_ref()),
    ]
}
