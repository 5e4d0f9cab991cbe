//! The lanes as a drawing: a lane a machine, time running down, a message as an arrow from where it was sent to where it arrived.
//!
//! ```text
//!      0.010 s   │ ╲           │
//!                │   ╲ Fetch   │
//!      0.020 s   │     ─────▶  ● fetch orders-0
//! ```
//!
//! Every instant at which something happens has a row of its own, so that a pause of nine seconds takes no more room than one
//! of ten milliseconds: the times stand beside them.

use std::collections::BTreeMap;
use std::fmt::Write;

use trial_broker::time::Time;
use trial_sim::internal::MachineId;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{Fate, Passage, Tape};

use super::html::escaped;
use crate::app::Model;
use crate::view::{is_line_shown, is_message_shown, message_label};
use crate::widget::seconds;

/// From one row to the next, in pixels.
const ROW: usize = 22;
/// From one lane to the next.
const LANE: usize = 150;
/// Before the first lane.
const LEFT: usize = 130;
/// Behind the last lane, for the words of lines.
const RIGHT: usize = 460;
/// Above the first row.
const TOP: usize = 60;
/// So many rows are drawn at most.
const MOST: usize = 400;

const STYLE: &str = "text{font:12px ui-monospace,monospace;fill:#000}.n{font-weight:bold;font-size:14px}.l{stroke:#999}\
.m{stroke:#05a;stroke-width:1.5}.a{fill:#05a}.o{stroke:#a50;stroke-dasharray:5 4}.x{stroke:#b00;stroke-dasharray:2 3}.t{text-anchor:end}\
.c{text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}";

/// A span of time, as a drawing. Nothing of the model but its filter and what is selected decides what is in it.
pub fn svg(model: &Model, tape: &Tape, from: Time, to: Time) -> String {
    let within = |at: Time| from <= at && at <= to;
    let lanes: Vec<(MachineId, &str)> =
        model.machines().iter().map(|machine| (machine.id, tape.cast.name(machine.id))).collect();
    let lane_of = |machine: MachineId| lanes.iter().position(|(id, _)| *id == machine).map(|index| LEFT + index * LANE);
    let is_drawn = |passage: &&Passage| {
        within(passage.sent.1)
            && lane_of(passage.from).is_some()
            && lane_of(passage.to).is_some()
            && is_message_shown(model, tape, passage)
    };
    let passages: Vec<&Passage> = tape.passages.iter().filter(is_drawn).collect();
    let lines: Vec<&Told> =
        tape.lines.iter().filter(|line| within(line.at) && is_line_shown(model, tape, line)).collect();
    let mut instants: Vec<Time> =
        passages.iter().flat_map(|passage| [Some(passage.sent.1), end(passage)]).flatten().collect();
    instants.extend(lines.iter().map(|line| line.at));
    instants.sort_unstable();
    instants.dedup();
    let left_out = instants.len().saturating_sub(MOST);
    instants.truncate(MOST);
    let rows = Rows::of(&instants, &lines);
    let (width, height) = (LEFT + lanes.len().saturating_sub(1) * LANE + RIGHT, rows.end + 2 * ROW);
    let title = escaped(&tape.scenario.file.title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\">\
         <path class=\"a\" d=\"M0,0 L9,4 L0,8 z\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<text class=\"n\" x=\"8\" y=\"20\">{title}</text>\n"
    );
    for (index, (_, name)) in lanes.iter().enumerate() {
        let x = LEFT + index * LANE;
        let _ = writeln!(svg, "<line class=\"l\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{}\"/>", rows.end);
        let _ = writeln!(
            svg,
            "<text class=\"n\" text-anchor=\"middle\" x=\"{x}\" y=\"{}\">{}</text>",
            TOP - 12,
            escaped(name)
        );
    }
    for instant in &instants {
        if let Some(y) = rows.at(*instant) {
            let time = seconds(tape.cast.micros(*instant));
            let _ = writeln!(svg, "<text class=\"t\" x=\"{}\" y=\"{}\">{time}</text>", LEFT - 20, y + 4);
        }
    }
    for passage in passages {
        if let (Some(from), Some(to), Some(y)) = (lane_of(passage.from), lane_of(passage.to), rows.at(passage.sent.1)) {
            arrow(&mut svg, passage, (from, to), y, end(passage).and_then(|at| rows.at(at)));
        }
    }
    let behind = LEFT + lanes.len() * LANE - LANE / 2;
    let mut row: BTreeMap<Time, usize> = BTreeMap::new();
    for line in lines {
        let Some(y) = rows.at(line.at) else { continue };
        for x in line.machines.iter().filter_map(|machine| lane_of(*machine)) {
            let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
        }
        let place = row.entry(line.at).or_default();
        let words = escaped(format!("{} {} {}", line.event, line.what, line.cause).trim());
        let _ = writeln!(svg, "<text x=\"{behind}\" y=\"{}\">{words}</text>", y + 4 + *place * ROW);
        *place += 1;
    }
    if left_out > 0 {
        let y = rows.end + ROW;
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{y}\">{left_out} more instants are not drawn: --from and --to choose others</text>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// When a message came to its end, if it did.
fn end(passage: &Passage) -> Option<Time> {
    match passage.fate {
        Fate::Open => None,
        Fate::Arrived(_, at) | Fate::Dropped(_, at) => Some(at),
    }
}

/// Where each instant stands: as many rows as it has lines, at least one.
struct Rows {
    places: BTreeMap<Time, usize>,
    end: usize,
}

impl Rows {
    fn of(instants: &[Time], lines: &[&Told]) -> Rows {
        let mut end = TOP + ROW / 2;
        let mut places = BTreeMap::new();
        for instant in instants {
            places.insert(*instant, end);
            let lines = lines.iter().filter(|line| line.at == *instant).count();
            end += ROW * lines.max(1);
        }
        Rows { places, end }
    }

    fn at(&self, instant: Time) -> Option<usize> {
        self.places.get(&instant).copied()
    }
}

/// A message: dashed if it was lost, or never came as far as this drawing goes.
fn arrow(svg: &mut String, passage: &Passage, (from, to): (usize, usize), y: usize, arrives: Option<usize>) {
    let class = match passage.fate {
        Fate::Arrived(..) if arrives.is_some() => "m",
        Fate::Dropped(..) => "x",
        Fate::Arrived(..) | Fate::Open => "o",
    };
    let below = arrives.unwrap_or(y + ROW);
    // What did not arrive ends half way.
    let to = if class == "m" { to } else { (from + to) / 2 };
    let head = if class == "m" { " marker-end=\"url(#head)\"" } else { "" };
    let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{below}\"{head}/>");
    let (x, y) = ((from + to) / 2, (y + below) / 2 - 4);
    let _ = writeln!(svg, "<text class=\"c\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(&message_label(passage)));
}
