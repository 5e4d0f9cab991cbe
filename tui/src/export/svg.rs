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
/// Behind the last lane, for the words of lines, at least.
const RIGHT: usize = 460;
/// How wide a letter is, with something to spare, and how high a label.
const LETTER: usize = 8;
const HEIGHT: usize = 13;
/// Where on its arrow a label may stand, the best place first, in hundredths of the way.
const PLACES: [usize; 17] = [50, 55, 45, 60, 40, 65, 35, 70, 30, 75, 25, 80, 20, 85, 15, 90, 10];
/// What lies left of this belongs to the times.
const EDGE: usize = LEFT - 15;
/// Above the first row.
const TOP: usize = 60;
/// So many rows are drawn at most.
const MOST: usize = 400;

const NOT_DRAWN: &str = "more instants are not drawn: --from and --to choose others";

const STYLE: &str = "text{font:12px ui-monospace,monospace;fill:#000}.n{font-weight:bold;font-size:14px}.l{stroke:#999}\
.m{stroke:#05a;stroke-width:1.5}.a{fill:#05a}.o{stroke:#a50;stroke-dasharray:5 4}.x{stroke:#b00;stroke-dasharray:2 3}.t{text-anchor:end}\
.c{text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}";

/// Whether a drawing has no row: there was nothing to draw.
pub fn is_empty(drawing: &str) -> bool {
    !drawing.contains("<text class=\"t\"")
}

/// What a drawing says of instants that it has no room for, if there are such.
pub fn left_out(drawing: &str) -> Option<&str> {
    // Behind it the drawing ends.
    let text = drawing.lines().nth_back(1)?.split_once('>')?.1.split_once('<')?.0;
    text.contains(NOT_DRAWN).then_some(text)
}

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
    let rows = Rows::of(&instants, &lines, &passages);
    let behind = LEFT + lanes.len() * LANE - LANE / 2;
    let longest = lines.iter().map(|line| words(line).chars().count()).max().unwrap_or(0);
    let width = (LEFT + lanes.len().saturating_sub(1) * LANE + RIGHT).max(behind + longest * LETTER);
    let height = rows.end + 2 * ROW;
    let title = escaped(&tape.scenario.caption());
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
    let drawn = passages.iter().filter_map(|passage| {
        let y = rows.at(passage.sent.1)?;
        Some(Arrow::of(
            passage,
            (lane_of(passage.from)?, lane_of(passage.to)?),
            y,
            end(passage).and_then(|at| rows.at(at)),
        ))
    });
    let drawn: Vec<Arrow> = drawn.collect();
    for arrow in &drawn {
        arrow.draw(&mut svg);
    }
    // Behind all arrows, so that none goes through a name.
    let mut labels = Labels::default();
    for arrow in &drawn {
        let (x, y) = labels.place(arrow.from, arrow.to, &arrow.label);
        let _ = writeln!(svg, "<text class=\"c\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(&arrow.label));
    }
    let mut row: BTreeMap<Time, usize> = BTreeMap::new();
    for line in lines {
        let Some(y) = rows.at(line.at) else { continue };
        for x in line.machines.iter().filter_map(|machine| lane_of(*machine)) {
            let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
        }
        let place = row.entry(line.at).or_default();
        let words = escaped(&words(line));
        let _ = writeln!(svg, "<text x=\"{behind}\" y=\"{}\">{words}</text>", y + 4 + *place * ROW);
        *place += 1;
    }
    if left_out > 0 {
        let y = rows.end + ROW;
        let _ = writeln!(svg, "<text x=\"8\" y=\"{y}\">{left_out} {NOT_DRAWN}</text>");
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line of the transcript in one.
fn words(line: &Told) -> String {
    let words = [line.event, line.what.as_str(), line.cause.as_str()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Where labels stand: no two in one place, as long as their arrows leave them one.
#[derive(Default)]
struct Labels {
    /// The middles of their lower edges, and half their widths.
    taken: Vec<(usize, usize, usize)>,
}

impl Labels {
    /// A place on the way between two points that is free; if none is, the one that meets the fewest others.
    fn place(&mut self, from: (usize, usize), to: (usize, usize), text: &str) -> (usize, usize) {
        let half = text.chars().count() * LETTER / 2;
        let on_the_way = |from: usize, to: usize, part: usize| (from * (100 - part) + to * part) / 100;
        let at = |part: usize| (on_the_way(from.0, to.0, part), on_the_way(from.1, to.1, part).saturating_sub(4));
        let met = |&(x, y): &(usize, usize)| {
            let meets = |&&(other_x, other_y, other): &&(usize, usize, usize)| {
                x.abs_diff(other_x) < half + other && y.abs_diff(other_y) < HEIGHT
            };
            self.taken.iter().filter(meets).count() + usize::from(x < EDGE + half)
        };
        let (x, y) = PLACES.map(at).into_iter().min_by_key(met).unwrap_or_else(|| at(50));
        self.taken.push((x, y, half));
        (x, y)
    }
}

/// When a message came to its end, if it did.
fn end(passage: &Passage) -> Option<Time> {
    match passage.fate {
        Fate::Open => None,
        Fate::Arrived(_, at) | Fate::Dropped(_, at) => Some(at),
    }
}

/// Where each instant stands: as many rows as it has lines, and one for every two messages, whose names want room; at least
/// one.
struct Rows {
    places: BTreeMap<Time, usize>,
    end: usize,
}

impl Rows {
    fn of(instants: &[Time], lines: &[&Told], passages: &[&Passage]) -> Rows {
        let mut end = TOP + ROW / 2;
        let mut places = BTreeMap::new();
        for instant in instants {
            places.insert(*instant, end);
            let lines = lines.iter().filter(|line| line.at == *instant).count();
            let sent = passages.iter().filter(|passage| passage.sent.1 == *instant).count();
            end += ROW * lines.max(sent.div_ceil(2)).max(1);
        }
        Rows { places, end }
    }

    fn at(&self, instant: Time) -> Option<usize> {
        self.places.get(&instant).copied()
    }
}

/// A message on its way over the lanes.
struct Arrow {
    /// `m` if it arrived; `x` if it was lost, `o` if it never came as far as this drawing goes: these are dashed.
    class: &'static str,
    from: (usize, usize),
    to: (usize, usize),
    label: String,
}

impl Arrow {
    fn of(passage: &Passage, (from, to): (usize, usize), y: usize, arrives: Option<usize>) -> Arrow {
        let class = match passage.fate {
            Fate::Arrived(..) if arrives.is_some() => "m",
            Fate::Dropped(..) => "x",
            Fate::Arrived(..) | Fate::Open => "o",
        };
        // What did not arrive ends half way.
        let to = if class == "m" { to } else { (from + to) / 2 };
        Arrow { class, from: (from, y), to: (to, arrives.unwrap_or(y + ROW)), label: message_label(passage) }
    }

    fn draw(&self, svg: &mut String) {
        let Arrow { class, from: (x1, y1), to: (x2, y2), .. } = self;
        let head = if *class == "m" { " marker-end=\"url(#head)\"" } else { "" };
        let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"{head}/>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_that_none_overlap(labels: &[(usize, usize)], text: &str) {
        for (index, one) in labels.iter().enumerate() {
            assert!(one.0 >= EDGE + text.len() * LETTER / 2, "{one:?} stands in the times");
            for other in &labels[..index] {
                let is_beside = one.0.abs_diff(other.0) >= text.len() * LETTER || one.1.abs_diff(other.1) >= HEIGHT;
                assert!(is_beside, "{one:?} and {other:?} overlap");
            }
        }
    }

    #[test]
    fn labels_of_arrows_that_run_close_together_stand_beside_each_other() {
        let mut labels = Labels::default();
        let text = "Produce answer";
        let all = [730, 880, 1030].map(|to| labels.place((130, 200), (to, 240), text));
        assert_that_none_overlap(&all, text);
    }

    /// Three brokers that answer each other at one instant: six arrows between three lanes.
    #[test]
    fn labels_of_arrows_that_all_cross_stand_beside_each_other_and_not_in_the_times() {
        let mut labels = Labels::default();
        let lane = |number: usize| LEFT + number * LANE;
        let text = "Fetch answer";
        let all = [(1, 0), (1, 2), (2, 1), (2, 0), (0, 1), (0, 2)]
            .map(|(from, to)| labels.place((lane(from), 200), (lane(to), 200 + 3 * ROW), text));
        assert_that_none_overlap(&all, text);
    }
}
