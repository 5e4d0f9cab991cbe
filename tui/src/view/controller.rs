//! The metadata quorum: who leads it, how far each metadata log is, how far behind the brokers' images are, and what the
//! controllers wrote last.

use trial_sim::internal::session::{MachinePart, MetadataPart, QuorumPart};

use super::words;
use crate::app::Model;
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{counted, heading};

/// Voters, then those that only watch, then as many of the last metadata records as there is room for.
pub fn rows(model: &Model, width: u16, most: u16) -> Vec<Row> {
    let nodes = model.machines().iter().filter(|machine| machine.work.is_node());
    let (voters, observers): (Vec<&MachinePart>, Vec<&MachinePart>) =
        nodes.partition(|machine| machine.quorum.as_ref().is_some_and(|quorum| quorum.is_voter));
    let end = model.machines().iter().filter_map(|machine| machine.quorum.as_ref());
    let end = end.map(|quorum| quorum.log_end_offset).max().unwrap_or(0);
    let mut rows = vec![Row::title(heading(model.look, "METADATA QUORUM: THOSE THAT VOTE", width))];
    rows.extend(table(model, &voters, end).without(&model.hidden_columns()).rows(model.look, width));
    if !observers.is_empty() {
        rows.push(Row::title(heading(model.look, "THOSE THAT WATCH, OR DO NOT RUN", width)));
        rows.extend(table(model, &observers, end).without(&model.hidden_columns()).rows(model.look, width));
    }
    let records = model.snapshot().map_or(&[][..], |snapshot| &snapshot.metadata);
    // A heading, and the names of the columns.
    let room = usize::from(most).saturating_sub(rows.len() + 2).min(records.len());
    // What is hidden of partitions and brokers stands in these records too.
    if room > 0 && model.hidden_columns().is_empty() {
        rows.push(Row::title(heading(model.look, "THE LAST METADATA RECORDS", width)));
        rows.extend(written(&records[records.len() - room..]).rows(model.look, width));
    }
    rows
}

fn written(records: &[MetadataPart]) -> Table {
    let row = |record: &MetadataPart| {
        let committed = if record.is_committed { styled(Role::Good, "yes") } else { styled(Role::Warning, "not yet") };
        vec![
            cell(record.offset.to_string()),
            cell(record.epoch.to_string()),
            committed,
            styled(Role::Heading, record.kind),
            cell(record.words.clone()),
        ]
    };
    Table {
        columns: vec![
            column("offset", 0),
            column("epoch", 2),
            column("committed", 0),
            column("record", 0),
            column("says", 0),
        ],
        rows: records.iter().map(row).collect(),
        selected: None,
    }
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
