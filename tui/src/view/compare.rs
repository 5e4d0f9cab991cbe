//! Two runs beside each other, in order of time: a time, what this run tells then, and what the other does.

use ratatui::text::Line;
use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::Tape;

use super::events;
use crate::app::{Model, Pair, Spot, aligned, first_differences, other, told_by_other};
use crate::theme::{Glyph, Role};
use crate::widget::row::Row;
use crate::widget::{cut, heading, line, seconds, word};

/// From this width on the runs stand beside each other, else one below the other.
const BESIDE: u16 = 70;

/// Where the first run begins: behind the times.
const TIME: usize = 16;

/// The last rows up to now under a heading.
pub fn rows(model: &Model, width: u16, height: u16) -> Vec<Row> {
    let (Some(tape), Some((index, other))) = (model.tape.as_deref(), other(model)) else {
        return vec![line(model.look, Role::Plain, "there is no other run").into()];
    };
    let pairs = aligned(model.told(), told_by_other(model, index, other));
    let (own, its) = first_differences(&pairs);
    if width < BESIDE {
        let half = height / 2;
        let first = [own.and_then(|row| pairs[row].own), its.and_then(|row| pairs[row].other)];
        let mut rows = one(model, tape, model.current, model.told(), first[0], (width, height - half));
        rows.extend(one(model, other, index, told_by_other(model, index, other), first[1], (width, half)));
        return rows;
    }
    let mut shown = vec![heading(model.look, "THE SAME TIME IN TWO RUNS", width).into(), names(model, index, width)];
    let is_wanted = |pair: &Pair| {
        let is_shown = |tape: &Tape, line: Option<&Told>| line.is_some_and(|line| events::is_shown(model, tape, line));
        is_shown(tape, pair.own) || is_shown(other, pair.other)
    };
    let room = usize::from(height).saturating_sub(shown.len());
    let wanted: Vec<usize> = (0..pairs.len()).filter(|row| is_wanted(&pairs[*row])).collect();
    let says_again = |row: usize| {
        let told = [pairs[row].own, pairs[row].other];
        told.into_iter().flatten().all(|line| line.is_again) && ![own, its].contains(&Some(row))
    };
    let folds = model.way.is_none() && model.filter.is_none();
    let groups = grouped(&wanted, &|row| folds && says_again(row));
    for group in last_with(&groups, [own, its], room) {
        shown.push(match group.as_slice() {
            [row] => pair_row(model, tape, pairs[*row], (own == Some(*row), its == Some(*row)), width),
            rows => again_row(model, tape, rows.iter().map(|row| pairs[*row]).collect(), width),
        });
    }
    shown
}

/// Each row by itself, or with its neighbours those in which nothing but what was said before is said, where they are many; the
/// last row by itself.
fn grouped(wanted: &[usize], says_again: &dyn Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let Some((last, before)) = wanted.split_last() else { return Vec::new() };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for rows in before.chunk_by(|one, next| says_again(*one) && says_again(*next)) {
        match rows.len() > events::FEW {
            true => groups.push(rows.to_vec()),
            false => groups.extend(rows.iter().map(|row| vec![*row])),
        }
    }
    groups.push(vec![*last]);
    groups
}

/// The last so many rows; those in which the runs part stay above them.
fn last_with(wanted: &[Vec<usize>], first: [Option<usize>; 2], room: usize) -> Vec<Vec<usize>> {
    let mut rows = wanted[wanted.len().saturating_sub(room)..].to_vec();
    let mut first: Vec<Vec<usize>> = first.into_iter().flatten().map(|row| vec![row]).collect();
    first.retain(|row| !rows.contains(row));
    first.sort_unstable();
    first.dedup();
    first.truncate(room / 2);
    let is_full = rows.len() + first.len() > room;
    rows.drain(..if is_full { rows.len() + first.len() - room } else { 0 });
    first.extend(rows);
    first
}

/// One of the two, where they stand one below the other.
fn one(
    model: &Model,
    tape: &Tape,
    index: usize,
    told: &[Told],
    first: Option<&Told>,
    (width, height): (u16, u16),
) -> Vec<Row> {
    let mut rows = events::under(model, tape, &name(model, index), told, first, (width, height));
    rows.resize(usize::from(height), Row::default());
    rows
}

fn name(model: &Model, index: usize) -> String {
    let name = model.runs.get(index).map_or("", |run| run.name.as_str());
    format!("run {}: {name}", index + 1)
}

/// How wide each of the two is.
fn room(width: u16) -> usize {
    usize::from(width).saturating_sub(TIME + 1) / 2
}

fn names(model: &Model, index: usize, width: u16) -> Row {
    let room = room(width);
    let of = |index: usize| format!("{:<room$}", cut(&name(model, index), room.saturating_sub(1), model.look));
    let text = format!("{:<TIME$}{} {}", "", of(model.current), of(index));
    line(model.look, Role::Heading, text).into()
}

/// What both tell, or one of them; the first line that the other has not stands out, with a sign.
fn pair_row(model: &Model, tape: &Tape, pair: Pair, (own_is_first, other_is_first): (bool, bool), width: u16) -> Row {
    let (look, room) = (model.look, room(width));
    let at = pair.own.or(pair.other).map_or(0, |line| tape.cast.micros(line.at));
    let half = |line: Option<&Told>, is_first: bool| {
        let role = match (line.is_some() && pair.is_same(), is_first) {
            (true, _) => Role::Plain,
            (false, true) => Role::Done,
            (false, false) => Role::Heading,
        };
        let sign = if is_first { look.sign(Glyph::Differs) } else { ' ' };
        let text = line.map_or_else(String::new, |line| format!("{sign} {}", words(tape, line)));
        word(look, role, format!("{:<room$} ", cut(&text, room, look)))
    };
    let time = word(look, Role::Plain, format!("{:>14} ", seconds(at)));
    let line = Line::from(vec![time, half(pair.own, own_is_first), half(pair.other, other_is_first)]);
    match pair.own {
        Some(own) => Row::at(line, Spot::Step(own.step)),
        None => line.into(),
    }
}

/// Many rows in one, in which both runs say again what was said before.
fn again_row(model: &Model, tape: &Tape, pairs: Vec<Pair>, width: u16) -> Row {
    let (look, room) = (model.look, room(width));
    let last = pairs.iter().rev().find_map(|pair| pair.own.or(pair.other));
    let half = |of: fn(&Pair<'_>) -> bool, tell: String| {
        let text = if pairs.iter().any(of) { format!("{} {tell}", look.sign(Glyph::Cut)) } else { String::new() };
        word(look, Role::Plain, format!("{:<room$} ", cut(&text, room, look)))
    };
    let own = events::again_words(pairs.iter().filter_map(|pair| pair.own));
    let other = events::again_words(pairs.iter().filter_map(|pair| pair.other));
    let time = word(look, Role::Plain, format!("{:>14} ", seconds(last.map_or(0, |line| tape.cast.micros(line.at)))));
    Line::from(vec![time, half(|pair| pair.own.is_some(), own), half(|pair| pair.other.is_some(), other)]).into()
}

/// A line of the transcript without its time. Both runs have the same machines.
fn words(tape: &Tape, line: &Told) -> String {
    let places: Vec<&str> = line.machines.iter().map(|machine| tape.cast.name(*machine)).collect();
    let parts = [places.join(","), line.event.to_owned(), line.what.clone(), line.cause.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
