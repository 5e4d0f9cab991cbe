//! The space-time diagram: a lane a machine, time running down, messages as arrows between the lanes.
//!
//! ```text
//!        time          c1      b1      b2      p1
//!        1.000 s       │       │◀──Produce─────│    arrives 1.010 s
//!        1.010 s       │       ● prod orders-0: p1 acks=all n=1
//! ```
//!
//! An arrow stands where the message was sent. One that has not arrived at this place is drawn with gaps; what somebody holds
//! up is counted above, however long ago it was sent.

use ratatui::text::{Line, Span};
use trial_broker::message::Api;
use trial_broker::time::Time;
use trial_sim::internal::MachineId;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::{Fate, MachinePart, Passage, Tape, Work};

use super::arrows::{Standing, held_up, message_label};
use super::events::{self, Entry};
use crate::app::{Followed, Model, Spot, Subject, Way, deed_of};
use crate::theme::{Glyph, Look, Role};
use crate::widget::row::Row;
use crate::widget::{cut, heading, line, seconds, word, wrapped};

/// How wide the column of times is.
const TIME: usize = 15;

/// How wide the column of what became of a message is, at least: its name, where that has no room on the arrow, and a time
/// to the microsecond. In a wide window it is a third, for the words of lines.
const FATE: usize = 33;

/// With no more rows than this there are names of lanes and what happened, and nothing else.
const LOWEST: u16 = 4;

/// How far back messages are looked for, in messages: enough for every row of a large window.
const FAR: usize = 4000;

/// The last rows of the diagram up to now.
pub fn rows(model: &Model, width: u16, most: u16) -> Vec<Row> {
    let Some(tape) = &model.tape else { return Vec::new() };
    let lanes = Lanes::of(model, width);
    let mut shown = vec![Row::title(heading(model.look, &title(model, tape), width)), lanes.names(model.look)];
    // In the lowest windows what happened needs the rows.
    if most > LOWEST {
        shown.extend(lanes.kinds(model.look).map(Row::from));
        shown.extend(links(model, tape, width));
    }
    let held = held_up(model).map_or_else(Vec::new, |held| wrapped(&held, width));
    shown.extend(held.into_iter().map(|held| Row::from(line(model.look, Role::Warning, held))));
    let happened = happened(model, tape, usize::from(most).saturating_sub(shown.len()));
    if model.waits_for_named() {
        // What messages name is read of a whole run.
        let text = match model.is_growing {
            true => "messages are known by their partitions when the run is over",
            false => "the messages of the run are being read ...",
        };
        shown.extend(wrapped(text, width).into_iter().map(|text| Row::from(line(model.look, Role::Plain, text))));
    } else if happened.is_empty() {
        shown.push(line(model.look, Role::Plain, "no message of this kind so far").into());
    }
    let deed = deed_of(model, tape);
    shown.extend(happened.iter().map(|one| lanes.row(model, tape, one, deed)));
    shown
}

/// The links of the selected machine, to be selected themselves: as many as there is room for, the selected one always.
fn links(model: &Model, tape: &Tape, width: u16) -> Option<Row> {
    let links = model.links();
    let (from, _) = *links.first()?;
    let title = format!("{:<TIME$}", format!("links of {}", tape.cast.name(from)));
    let subjects: Vec<Subject> = links.into_iter().map(|(from, to)| Subject::Link(from, to)).collect();
    let selected = subjects.iter().position(|subject| model.selected.as_ref() == Some(subject)).unwrap_or(0);
    // A name has two letters, or seldom more; a gap behind it.
    let room = usize::from(width).saturating_sub(TIME) / 5;
    let first = (selected + 1).saturating_sub(room.max(1));
    let name = |subject: &Subject| {
        let Subject::Link(_, to) = subject else { return String::new() };
        format!("{:<5}", format!("-{}", tape.cast.name(*to)))
    };
    let piece = |subject: &Subject| {
        let role = if model.selected.as_ref() == Some(subject) { Role::Selected } else { Role::Key };
        (word(model.look, role, name(subject)), Some(Spot::Subject(subject.clone())))
    };
    let shown = subjects.iter().skip(first).take(room).map(piece);
    Some(Row::of(std::iter::once((word(model.look, Role::Plain, title), None)).chain(shown).collect()))
}

fn title(model: &Model, tape: &Tape) -> String {
    if let Some(way) = &model.way {
        return format!("LANES: the way of {}", way.words(tape));
    }
    let filter = model.filter.as_ref().map_or_else(String::new, |filter| format!(", only with {}", filter.words()));
    let what = match model.subject() {
        Some(Subject::Machine(machine)) => {
            let name = tape.cast.name(machine);
            format!("LANES: what {name} sends and gets")
        }
        Some(Subject::Link(from, to)) => {
            format!("LANES: the link between {} and {}", tape.cast.name(from), tape.cast.name(to))
        }
        Some(Subject::Partition(partition)) => format!("LANES: data, and lines about {partition}"),
        Some(Subject::Message(_)) | None if model.filter.is_some() => "LANES: all machines".to_owned(),
        Some(Subject::Message(_)) | None => "LANES: data".to_owned(),
    };
    what + &filter
}

/// What a row tells: a message that was sent, or a line of the transcript.
enum Happened<'a> {
    Message(&'a Passage),
    Line(&'a Told),
    /// Lines that only say again what was said before, the last one first.
    Again(Vec<&'a Told>),
}

impl Happened<'_> {
    /// When, and with which step: a note is made later than the step that it stands behind. A step's line comes before what
    /// the step sent.
    fn place(&self) -> (Time, u64, bool) {
        match self {
            Happened::Message(passage) => (passage.sent.1, passage.sent.0, true),
            Happened::Line(line) => (line.at, line.step, false),
            Happened::Again(lines) => (lines[0].at, lines[0].step, false),
        }
    }
}

/// The last so many things up to now.
fn happened<'a>(model: &'a Model, tape: &'a Tape, count: usize) -> Vec<Happened<'a>> {
    let behind = tape.passages.partition_point(|passage| passage.sent.0 < model.place.steps);
    let messages = tape.passages[..behind].iter().rev().take(FAR).filter(|passage| {
        tape.cast.is_seen(passage.from) && tape.cast.is_seen(passage.to) && is_message_shown(model, tape, passage)
    });
    let told = model.told().iter().rev().filter(|line| is_line_shown(model, tape, line));
    let mut all: Vec<Happened> = messages.take(count).map(Happened::Message).collect();
    all.extend(events::entries(model, told, None, count).into_iter().map(|entry| match entry {
        Entry::Line(line) => Happened::Line(line),
        Entry::Again(lines) => Happened::Again(lines),
    }));
    // They were taken from the last one on: what one step tells stays in its order.
    all.reverse();
    all.sort_by_key(Happened::place);
    all.split_off(all.len().saturating_sub(count))
}

/// Whether a message is drawn: what is followed, or else what the filter lets through of what is selected. Without either that
/// is data, and what passes between brokers and clients, without fetches that serve only partitions that no line tells of.
pub fn is_message_shown(model: &Model, tape: &Tape, passage: &Passage) -> bool {
    if let Some(way) = &model.way {
        return match &way.of {
            Followed::Message(_) => way.has(passage.sent.0) && is_of_message(tape, way, passage),
            // A message that left on the way and got further on it.
            Followed::Record(..) => {
                way.has(passage.sent.0) && matches!(passage.fate, Fate::Arrived(step, _) if way.has(step))
            }
        };
    }
    if model.selected == Some(Subject::Message(passage.message)) {
        return true;
    }
    if let Some(Subject::Machine(machine)) = model.subject()
        && ![passage.from, passage.to].contains(&machine)
    {
        return false;
    }
    if let Some(Subject::Link(from, to)) = model.subject()
        && [(from, to), (to, from)].iter().all(|link| *link != (passage.from, passage.to))
    {
        return false;
    }
    if let Some(filter) = &model.filter {
        let named = model.seen.as_ref().and_then(|seen| seen.named.as_deref());
        return filter.lets_passage(tape, named, passage);
    }
    let is_controller = |machine: MachineId| {
        let part = model.machines().iter().find(|part| part.id == machine);
        part.is_some_and(|part| part.work == Work::Controller)
    };
    matches!(model.subject(), Some(Subject::Machine(_) | Subject::Link(..)))
        || (is_data(passage.api) && !passage.is_aside && !is_controller(passage.from) && !is_controller(passage.to))
}

/// Whether a message is the one that is followed, or its answer.
fn is_of_message(tape: &Tape, way: &Way, passage: &Passage) -> bool {
    let Followed::Message(message) = way.of else { return false };
    tape.passage(message).is_some_and(|first| {
        (first.correlation_id, first.message.connection) == (passage.correlation_id, passage.message.connection)
    })
}

/// Whether a line is drawn.
pub fn is_line_shown(model: &Model, tape: &Tape, line: &Told) -> bool {
    if model.way.is_some() || model.filter.is_some() {
        return events::is_shown(model, tape, line);
    }
    match model.subject() {
        Some(Subject::Machine(machine)) => line.machines.contains(&machine),
        Some(Subject::Link(from, to)) => line.machines.contains(&from) && line.machines.contains(&to),
        Some(Subject::Partition(partition)) => line.partition.as_ref() == Some(&partition),
        Some(Subject::Message(_)) | None => true,
    }
}

/// Whether records, their readers or the groups of these travel with it, and not the cluster's own affairs.
fn is_data(api: Api) -> bool {
    let of_groups = [
        Api::JoinGroup,
        Api::SyncGroup,
        Api::LeaveGroup,
        Api::Heartbeat,
        Api::ConsumerGroupHeartbeat,
        Api::OffsetCommit,
        Api::OffsetFetch,
    ];
    matches!(api, Api::Produce | Api::Fetch | Api::ListOffsets | Api::OffsetForLeaderEpoch) || of_groups.contains(&api)
}

/// Where the lanes stand.
struct Lanes {
    machines: Vec<(MachineId, String)>,
    works: Vec<Work>,
    /// Columns from one lane to the next.
    step: usize,
}

impl Lanes {
    fn of(model: &Model, width: u16) -> Lanes {
        let name = |part: &MachinePart| (part.id, part.name.clone());
        let machines: Vec<(MachineId, String)> = model.machines().iter().map(name).collect();
        let room = usize::from(width).saturating_sub(TIME + FATE.max(usize::from(width) / 3));
        let step = (room / machines.len().max(1)).clamp(3, 14);
        let works = model.machines().iter().map(|part| part.work).collect();
        Lanes { machines, works, step }
    }

    fn column(&self, machine: MachineId) -> Option<usize> {
        self.machines.iter().position(|(id, _)| *id == machine).map(|index| index * self.step)
    }

    fn names(&self, look: Look) -> Row {
        let step = self.step;
        let name = |(id, name): &(MachineId, String)| {
            (
                word(look, Role::Heading, format!("{:<step$}", cut(name, step - 1, look))),
                Some(Spot::Subject(Subject::Machine(*id))),
            )
        };
        let margin = (word(look, Role::Plain, " ".repeat(TIME)), None);
        Row::of(std::iter::once(margin).chain(self.machines.iter().map(name)).collect())
    }

    /// What the machines are for, where two of them have one name: a controller c1 and a consumer c1.
    fn kinds(&self, look: Look) -> Option<Line<'static>> {
        let has_double = self
            .machines
            .iter()
            .enumerate()
            .any(|(index, (_, name))| self.machines[..index].iter().any(|(_, before)| before == name));
        let room = self.step - 1;
        let kind = |work: &Work| {
            let (word, letters) = match work {
                Work::Broker => ("broker", "br"),
                Work::Controller => ("ctrl", "ct"),
                Work::Combined => ("both", "bo"),
                Work::Producer => ("sends", "se"),
                Work::Consumer => ("reads", "re"),
                Work::Admin => ("admin", "ad"),
            };
            // Whole words in all lanes, or in all of them the two letters that tell them apart.
            format!("{:<1$}", if room < "broker".len() { letters } else { word }, self.step)
        };
        let kinds: String = self.works.iter().map(kind).collect();
        has_double.then(|| Line::from(vec![word(look, Role::Plain, " ".repeat(TIME)), word(look, Role::Plain, kinds)]))
    }

    /// The lanes where nothing happens.
    fn empty(&self, look: Look) -> Vec<char> {
        let mut signs = vec![' '; self.machines.len().max(1) * self.step];
        for index in 0..self.machines.len() {
            signs[index * self.step] = look.sign(Glyph::Lane);
        }
        signs
    }

    /// One thing that happened; of what was noted behind a deed it says so.
    fn row(&self, model: &Model, tape: &Tape, one: &Happened, deed: Option<Time>) -> Row {
        let look = model.look;
        let time = |at: Time| Span::raw(format!("{:>13}  ", seconds(tape.cast.micros(at))));
        match one {
            Happened::Message(passage) => {
                let (signs, role, fate) = self.message(model, tape, passage);
                let signs: String = signs.into_iter().collect();
                let subject = Subject::Message(passage.message);
                let role = if model.selected.as_ref() == Some(&subject) { Role::Selected } else { role };
                let line = Line::from(vec![time(passage.sent.1), word(look, role, signs), word(look, role, fate)]);
                Row::at(line, Spot::Subject(subject))
            }
            Happened::Line(told) => {
                let text = format!("{} {} {}", told.event, told.what, events::cause(told, deed));
                let signs = self.with_events(look, &[told]);
                let line =
                    Line::from(vec![time(told.at), word(look, Role::Plain, signs), word(look, Role::Heading, text)]);
                Row::at(line, Spot::Step(told.step))
            }
            Happened::Again(lines) => {
                let text = format!("{} {}", look.sign(Glyph::Cut), events::again_words(lines.iter().rev().copied()));
                let signs = self.with_events(look, lines);
                let line =
                    Line::from(vec![time(lines[0].at), word(look, Role::Plain, signs), word(look, Role::Plain, text)]);
                Row::at(line, Spot::Step(lines[0].step))
            }
        }
    }

    /// The lanes with a sign where the machines of these lines are.
    fn with_events(&self, look: Look, lines: &[&Told]) -> String {
        let mut signs = self.empty(look);
        for column in lines.iter().flat_map(|line| &line.machines).filter_map(|machine| self.column(*machine)) {
            signs[column] = look.sign(Glyph::Event);
        }
        signs.into_iter().collect()
    }

    /// The lanes with an arrow, how they look, and what became of the message as far as it is known now.
    fn message(&self, model: &Model, tape: &Tape, passage: &Passage) -> (Vec<char>, Role, String) {
        let mut signs = self.empty(model.look);
        let standing = Standing::of(model, passage);
        let (role, fate) = (standing.role(), standing.words(tape));
        if let (Some(from), Some(to)) = (self.column(passage.from), self.column(passage.to)) {
            standing.draw(model.look, &mut signs, from, to);
            if write_label(&mut signs, from.min(to), from.max(to), &message_label(passage)) {
                return (signs, role, fate);
            }
        }
        (signs, role, format!("{} {fate}", message_label(passage)))
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
