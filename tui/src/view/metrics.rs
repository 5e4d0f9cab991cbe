//! Numbers as operators know them, with what they were when time stood still last.

use trial_sim::internal::session::Metric;

use crate::app::Model;
use crate::theme::Role;
use crate::widget::row::Row;
use crate::widget::table::{Cell, Table, cell, column, styled};
use crate::widget::{heading, line, wrapped};

/// A row a number.
pub fn rows(model: &Model, width: u16) -> Vec<Row> {
    let mut rows = vec![Row::title(heading(model.look, "METRICS", width))];
    let (Some(tape), Some(snapshot)) = (&model.tape, model.snapshot()) else { return rows };
    let now = tape.metrics(snapshot);
    let table = Table {
        columns: vec![column("name", 0), column("now", 0), column("since pause", 1)],
        rows: now.iter().map(|metric| row(model, metric)).collect(),
        selected: None,
    };
    rows.extend(table.rows(model.look, width));
    let said = wrapped("counts are since time zero; Kafka shows them as rates", width);
    rows.extend(said.into_iter().map(|text| Row::from(line(model.look, Role::Plain, text))));
    rows
}

fn row(model: &Model, metric: &Metric) -> Vec<Cell> {
    let is_healthy = metric.healthy.is_none_or(|healthy| healthy == metric.value);
    let role = if is_healthy { Role::Plain } else { Role::Bad };
    let before = model.metrics_before.iter().find(|before| before.name == metric.name);
    let change = match before {
        Some(before) if before.value != metric.value => {
            styled(Role::Warning, format!("was {}, now {}", before.value, metric.value))
        }
        _ => cell(""),
    };
    vec![styled(role, metric.name), styled(role, metric.value.to_string()), change]
}
