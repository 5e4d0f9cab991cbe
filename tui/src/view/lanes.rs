//! The space-time diagram: a lane a machine, time running down, messages as arrows between the lanes.
//!
//! ```text
//!        time          c1      b1      b2      p1
//!        1.000 s       │       │◀──Produce─────│    arrives 1.010 s
//!        1.010 s       │       ● prod orders-0: p1 acks=all n=1
//! ```
//!
//! An arrow stands where the message was sent. One that has not arrived at this place is drawn with gaps.

use ratatui::text::{Line, Span};
use trial_broker::message::Api;
use trial_broker::time::Time;
use trial_sim::internal::MachineId;
use trial_sim::internal::fault::MessageKind;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{Fate, MachinePart, Passage, Tape, Work};

use crate::app::{Model, Subject};
use crate::theme::{Glyph, Look, Role};
use crate::widget::{heading, line, seconds, word};

/// How wide the column of times is.
const TIME: usize = 15;

/// How wide the column of what became of a message is, at least.
const FATE: usize = 24;

/// How far back messages are looked for, in messages: enough for every row of a large window.
const FAR: usize = 4000;

/// The last rows of the diagram up to now.
pub fn lines(model: &Model, width: u16, most: u16) -> Vec<Line<'static>> {
    let Some(tape) = &model.tape else { return Vec::new() };
    let lanes = Lanes::of(model, width);
    let mut lines = vec![heading(model.look, &title(model), width), lanes.names(model.look)];
    let rows = rows(model, tape, usize::from(most).saturating_sub(lines.len()));
    if rows.is_empty() {
        lines.push(line(model.look, Role::Plain, "no message of this kind so far"));
    }
    lines.extend(rows.iter().map(|row| lanes.row(model.look, tape, row, model.place.steps)));
    lines
}

fn title(model: &Model) -> String {
    match model.subject() {
        Some(Subject::Machine(machine)) => {
            let name = model.tape.as_ref().map_or("?", |tape| tape.cast.name(machine));
            format!("LANES: what {name} sends and gets")
        }
        Some(Subject::Partition(partition)) => format!("LANES: data, and lines about {partition}"),
        None => "LANES".to_owned(),
    }
}

/// One row: a message that was sent, or a line of the transcript.
enum Row<'a> {
    Message(&'a Passage),
    Line(&'a Told),
}

impl Row<'_> {
    fn step(&self) -> u64 {
        match self {
            Row::Message(passage) => passage.sent.0,
            Row::Line(line) => line.step,
        }
    }
}

/// The last so many rows up to now.
fn rows<'a>(model: &Model, tape: &'a Tape, count: usize) -> Vec<Row<'a>> {
    let subject = model.subject();
    let is_controller = |machine: MachineId| {
        let part = model.machines().iter().find(|part| part.id == machine);
        part.is_some_and(|part| part.work == Work::Controller)
    };
    let behind = tape.passages.partition_point(|passage| passage.sent.0 < model.place.steps);
    let messages = tape.passages[..behind].iter().rev().take(FAR).filter(|passage| {
        let is_seen = tape.cast.is_seen(passage.from) && tape.cast.is_seen(passage.to);
        is_seen
            && match &subject {
                Some(Subject::Machine(machine)) => [passage.from, passage.to].contains(machine),
                _ => is_data(passage.api) && !is_controller(passage.from) && !is_controller(passage.to),
            }
    });
    let told = tape.lines_until(model.place.steps).iter().rev().filter(|line| match &subject {
        Some(Subject::Machine(machine)) => line.machines.contains(machine),
        Some(Subject::Partition(partition)) => line.partition.as_ref() == Some(partition),
        None => true,
    });
    let mut rows: Vec<Row> = messages.take(count).map(Row::Message).collect();
    rows.extend(told.take(count).map(Row::Line));
    // A step's line comes before what the step sent.
    rows.sort_by_key(|row| (row.step(), matches!(row, Row::Message(_))));
    rows.split_off(rows.len().saturating_sub(count))
}

/// Whether records and their readers travel with it, and not the cluster's own affairs.
fn is_data(api: Api) -> bool {
    matches!(api, Api::Produce | Api::Fetch | Api::ListOffsets | Api::OffsetForLeaderEpoch)
}

/// Where the lanes stand.
struct Lanes {
    machines: Vec<(MachineId, String)>,
    /// Columns from one lane to the next.
    step: usize,
}

impl Lanes {
    fn of(model: &Model, width: u16) -> Lanes {
        let name = |part: &MachinePart| (part.id, part.name.clone());
        let machines: Vec<(MachineId, String)> = model.machines().iter().map(name).collect();
        let room = usize::from(width).saturating_sub(TIME + FATE);
        let step = (room / machines.len().max(1)).clamp(3, 14);
        Lanes { machines, step }
    }

    fn column(&self, machine: MachineId) -> Option<usize> {
        self.machines.iter().position(|(id, _)| *id == machine).map(|index| index * self.step)
    }

    fn names(&self, look: Look) -> Line<'static> {
        let step = self.step;
        let names: String = self.machines.iter().map(|(_, name)| format!("{name:<step$}")).collect();
        Line::from(vec![word(look, Role::Plain, " ".repeat(TIME)), word(look, Role::Heading, names)])
    }

    /// The lanes where nothing happens.
    fn empty(&self, look: Look) -> Vec<char> {
        let mut signs = vec![' '; self.machines.len().max(1) * self.step];
        for index in 0..self.machines.len() {
            signs[index * self.step] = look.sign(Glyph::Lane);
        }
        signs
    }

    fn row(&self, look: Look, tape: &Tape, row: &Row, now: u64) -> Line<'static> {
        let time = |at: Time| Span::raw(format!("{:>13}  ", seconds(tape.cast.micros(at))));
        match row {
            Row::Message(passage) => {
                let (signs, role, fate) = self.message(look, tape, passage, now);
                let signs: String = signs.into_iter().collect();
                Line::from(vec![time(passage.sent.1), word(look, role, signs), word(look, role, fate)])
            }
            Row::Line(told) => {
                let mut signs = self.empty(look);
                for machine in &told.machines {
                    if let Some(column) = self.column(*machine) {
                        signs[column] = look.sign(Glyph::Event);
                    }
                }
                let signs: String = signs.into_iter().collect();
                let text = format!("{} {} {}", told.event, told.what, told.cause);
                Line::from(vec![time(told.at), word(look, Role::Plain, signs), word(look, Role::Heading, text)])
            }
        }
    }

    /// The lanes with an arrow, how they look, and what became of the message as far as it is known now.
    fn message(&self, look: Look, tape: &Tape, passage: &Passage, now: u64) -> (Vec<char>, Role, String) {
        let mut signs = self.empty(look);
        let (role, fate) = match passage.fate {
            Fate::Arrived(step, at) if step < now => {
                (Role::Plain, format!("arrives {}", seconds(tape.cast.micros(at))))
            }
            Fate::Dropped(step, _) if step < now => (Role::Bad, "is lost".to_owned()),
            Fate::Arrived(..) | Fate::Dropped(..) | Fate::Open => (Role::Warning, "is on its way".to_owned()),
        };
        if let (Some(from), Some(to)) = (self.column(passage.from), self.column(passage.to)) {
            draw_arrow(look, &mut signs, from, to, role == Role::Warning);
            if write_label(&mut signs, from.min(to), from.max(to), &label(passage)) {
                return (signs, role, fate);
            }
        }
        (signs, role, format!("{} {fate}", label(passage)))
    }
}

fn label(passage: &Passage) -> String {
    match passage.kind {
        MessageKind::Request => passage.api.name().to_owned(),
        MessageKind::Response => format!("{} answer", passage.api.name()),
    }
}

fn draw_arrow(look: Look, signs: &mut [char], from: usize, to: usize, is_open: bool) {
    let (left, right) = (from.min(to), from.max(to));
    for (column, sign) in signs.iter_mut().enumerate().take(right).skip(left + 1) {
        *sign = if is_open && column % 2 == 0 { ' ' } else { look.sign(Glyph::Rule) };
    }
    if to > from && right > left + 1 {
        signs[right - 1] = look.sign(Glyph::Right);
    } else if right > left + 1 {
        signs[left + 1] = look.sign(Glyph::Left);
    }
}

/// Writes a word into the middle of an arrow; says whether the arrow is long enough for it.
fn write_label(signs: &mut [char], left: usize, right: usize, text: &str) -> bool {
    let room = right.saturating_sub(left + 5);
    let length = text.chars().count();
    if length > room {
        return false;
    }
    let start = left + 3 + (room - length) / 2;
    for (sign, letter) in signs[start..].iter_mut().zip(text.chars()) {
        *sign = letter;
    }
    true
}
