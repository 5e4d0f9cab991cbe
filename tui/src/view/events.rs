//! The lines of the transcript up to now, the last one at the bottom.
//!
//! What comes later is never shown: whoever predicts must not have read it.

use std::borrow::Cow;

use ratatui::text::{Line, Span};
use trial_broker::time::Time;
use trial_sim::internal::scenario::trace::{Told, Weight};
use trial_sim::internal::session::Tape;

use crate::app::{Model, Spot, Subject, deed_of};
use crate::theme::{Glyph, Look, Role};
use crate::widget::row::Row;
use crate::widget::{cut_line, heading, word, wrapped};

/// With less room than this behind its time, its event and what it is about a line is cut; else it goes on in the next row.
const LEAST: u16 = 20;

/// Below this width a line is a sentence and stands in no columns.
const NARROW: u16 = 60;

/// So many lines as there is room for, under a heading.
pub fn rows(model: &Model, width: u16, height: u16) -> Vec<Row> {
    let Some(tape) = &model.tape else { return Vec::new() };
    match height {
        0 => return Vec::new(),
        // A line is worth more than a heading. What picks it out stands beside the screens.
        1 => return last(model, width, height),
        2.. => {}
    }
    let title = match (&model.way, &model.filter) {
        (Some(way), _) => format!("THE WAY OF {} UP TO NOW", way.words(tape)),
        (None, Some(filter)) => format!("LINES UP TO NOW WITH {}", filter.words()),
        (None, None) => "LINES UP TO NOW".to_owned(),
    };
    under(model, tape, &title, model.told(), None, (width, height))
}

/// Whether a line is wanted among those that are shown.
pub fn is_shown(model: &Model, tape: &Tape, line: &Told) -> bool {
    match &model.way {
        Some(way) => way.has(line.step),
        None => model.filter.as_ref().is_none_or(|filter| filter.lets_line(tape, line)),
    }
}

/// What a row of the lines tells.
pub enum Entry<'a> {
    /// One of them.
    Line(&'a Told),
    /// Lines that only say again what was said before, the last one first.
    Again(Vec<&'a Told>),
}

/// So many lines that say again what was said are shown one by one, as in a transcript.
pub const FEW: usize = 4;

/// The entries for as many rows as there is room for, the last one first. Where lines stand that were picked out, by a filter or
/// along a way, each is wanted.
pub fn entries<'a>(
    model: &Model,
    lines: impl Iterator<Item = &'a Told>,
    marked: Option<&Told>,
    room: usize,
) -> Vec<Entry<'a>> {
    let is_whole = model.way.is_none() && model.filter.is_none();
    let is_marked = |line: &Told| marked.is_some_and(|marked| std::ptr::eq(marked, line));
    let folds = |line: &&Told| is_whole && line.is_again && !is_marked(line);
    let mut lines = lines.peekable();
    // The last one is where we are.
    let mut entries: Vec<Entry> = lines.next().map(Entry::Line).into_iter().collect();
    while entries.len() < room
        && let Some(line) = lines.next()
    {
        let mut again = vec![line];
        while folds(&line)
            && let Some(before) = lines.next_if(folds)
        {
            again.push(before);
        }
        match again.len() > FEW {
            true => entries.push(Entry::Again(again)),
            false => entries.extend(again.into_iter().map(Entry::Line)),
        }
    }
    entries
}

/// `24 lines of what was said before: 20 discon, 4 retry`.
pub fn again_words<'a>(lines: impl Iterator<Item = &'a Told>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for line in lines {
        match counts.iter_mut().find(|(event, _)| *event == line.event) {
            Some((_, count)) => *count += 1,
            None => counts.push((line.event, 1)),
        }
    }
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    let counts: Vec<String> = counts.iter().map(|(event, count)| format!("{count} {event}")).collect();
    format!("{all} lines of what was said before: {}", counts.join(", "))
}

/// The last lines, as many as there is room for, without a heading: for a class, which reads the last one.
pub fn last(model: &Model, width: u16, height: u16) -> Vec<Row> {
    rows(model, width, height.saturating_add(1)).into_iter().skip(1).collect()
}

/// The last lines of a run under a title; one of them may be marked as the first that another run has not, and stays above
/// them.
pub fn under(
    model: &Model,
    tape: &Tape,
    title: &str,
    told: &[Told],
    marked: Option<&Told>,
    (width, height): (u16, u16),
) -> Vec<Row> {
    let Some(mut room) = usize::from(height).checked_sub(1) else { return Vec::new() };
    let subject = model.subject();
    let mut rows = vec![Row::title(heading(model.look, title, width))];
    let mut shown: Vec<Vec<Row>> = Vec::new();
    let mut used = 0;
    let deed = deed_of(model, tape);
    let is_marked = |line: &Told| marked.is_some_and(|marked| std::ptr::eq(marked, line));
    // The marked one has a row in any case.
    let above = marked.filter(|_| room > 1);
    room -= usize::from(above.is_some());
    let mut is_there = false;
    let wanted = told.iter().rev().filter(|line| is_shown(model, tape, line));
    for entry in entries(model, wanted, marked, room) {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Again(lines) => {
                let time = crate::widget::seconds(tape.cast.micros(lines[0].at));
                let text =
                    format!(" {time:>13} {} {}", model.look.sign(Glyph::Cut), again_words(lines.iter().rev().copied()));
                shown
                    .push(vec![Row::at(crate::widget::line(model.look, Role::Plain, text), Spot::Step(lines[0].step))]);
                used += 1;
                if used == room {
                    break;
                }
                continue;
            }
        };
        let sign = match (is_marked(line), shown.is_empty()) {
            (true, _) => model.look.sign(Glyph::Differs),
            (false, true) => model.look.sign(Glyph::Cursor),
            (false, false) => ' ',
        };
        let mut lines =
            drawn(model.look, tape, (line, &cause(line, deed)), (sign, shown.is_empty()), subject.as_ref(), width);
        // Of the uppermost what there is room for.
        if lines.len() > room - used {
            lines.truncate(room - used);
            let more = word(model.look, Role::Plain, format!(" {}", model.look.sign(Glyph::Cut)));
            let last = lines.pop().map(|mut line| {
                line.push_span(more);
                cut_line(line, usize::from(width), model.look)
            });
            lines.extend(last);
        }
        used += lines.len();
        shown.push(lines.into_iter().map(|drawn| Row::at(drawn, Spot::Step(line.step))).collect());
        is_there |= is_marked(line);
        room += usize::from(above.is_some() && is_marked(line));
        if used == room {
            break;
        }
    }
    if let Some(line) = above.filter(|_| !is_there) {
        let sign = model.look.sign(Glyph::Differs);
        let drawn = drawn(model.look, tape, (line, &cause(line, deed)), (sign, false), subject.as_ref(), width)
            .into_iter()
            .take(1);
        shown.push(drawn.map(|drawn| Row::at(drawn, Spot::Step(line.step))).collect());
    }
    if shown.is_empty() {
        let text = if told.is_empty() { "nothing has happened yet" } else { "no such line so far" };
        rows.push(crate::widget::line(model.look, Role::Plain, text).into());
    }
    rows.extend(shown.into_iter().rev().flatten());
    rows
}

/// What a line says. What an author notes is about the run that he has seen: in a fork, behind what was done there, it may be
/// wrong.
pub fn cause(line: &Told, deed: Option<Time>) -> Cow<'_, str> {
    match deed {
        Some(deed) if line.event == "note" && line.at > deed => {
            Cow::Owned(format!("(written for run 1) {}", line.cause))
        }
        _ => Cow::Borrowed(&line.cause),
    }
}

/// A line, in as many rows as its words take: what people note is to be read to its end.
fn drawn(
    look: Look,
    tape: &Tape,
    (line, cause): (&Told, &str),
    (sign, is_last): (char, bool),
    subject: Option<&Subject>,
    width: u16,
) -> Vec<Line<'static>> {
    let micros = tape.cast.micros(line.at);
    // Where there is hardly room for words nothing stands in columns.
    let column = |text: &str, column: usize| match width {
        0..NARROW if text.is_empty() => String::new(),
        0..NARROW => format!("{text} "),
        NARROW.. => format!("{text:<column$} "),
    };
    let time = match width {
        0..NARROW => format!("{sign}{} ", crate::widget::seconds(micros)),
        NARROW.. => format!("{sign}{:>13} ", crate::widget::seconds(micros)),
    };
    let places: Vec<&str> = line.machines.iter().map(|machine| tape.cast.name(*machine)).collect();
    let is_subject = match subject {
        Some(Subject::Machine(machine)) => line.machines.contains(machine),
        Some(Subject::Link(from, to)) => line.machines.contains(from) && line.machines.contains(to),
        Some(Subject::Partition(partition)) => line.partition.as_ref() == Some(partition),
        Some(Subject::Message(_)) | None => false,
    };
    let role = match line.weight {
        Weight::Done => Role::Done,
        Weight::News => Role::Heading,
        Weight::Flow | Weight::Repeating => Role::Plain,
    };
    let mark = if is_subject { Role::Leader } else { Role::Plain };
    let mut spans = vec![
        word(look, if is_last { Role::Heading } else { Role::Plain }, time),
        word(look, mark, column(&places.join(","), 3)),
        word(look, role, column(line.event, 7)),
        word(look, mark, column(&line.what, 12)),
    ];
    let begun: usize = spans.iter().map(|span| span.width()).sum();
    let room = width.saturating_sub(u16::try_from(begun).unwrap_or(u16::MAX));
    if room < LEAST || cause.chars().count() <= usize::from(room) {
        spans.push(word(look, Role::Plain, cause.to_owned()));
        return vec![Line::from(spans)];
    }
    let mut words = wrapped(cause, room).into_iter().map(|text| word(look, Role::Plain, text));
    spans.extend(words.next());
    let rest = words.map(|text| Line::from(vec![Span::raw(" ".repeat(begun)), text]));
    std::iter::once(Line::from(spans)).chain(rest).collect()
}
