//! A part of the window: rows in an area, and a row that says how many there are no room for.
//!
//! Cells and words that are cut end in a sign; so do rows, here and nowhere else. Headings and the names of columns are repeated
//! on later pages: a value is read with what it is a value of.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::{Action, Model, Spot};
use crate::theme::{Look, Role};
use crate::widget::row::{Kind, Row};
use crate::widget::{counted, line};

/// Rows, and where they stand.
pub(super) struct Block {
    pub(super) area: Rect,
    /// Not more than the area is high.
    pub(super) rows: Vec<Row>,
}

impl Block {
    /// These rows; where they have no room, the page of them that is open, and in the last row how many more there are.
    pub(super) fn new(model: &Model, area: Rect, mut rows: Vec<Row>) -> Block {
        let height = usize::from(area.height);
        if rows.len() > height {
            let (shown, place) = page(rows, model.page, height.saturating_sub(1));
            rows = shown;
            rows.push(more(model, place));
            rows.truncate(height);
        }
        Block { area, rows }
    }
}

/// The page of these lines that is open, where no room is for all: for a terminal that shows nothing else.
pub fn page_of(look: Look, lines: Vec<Line<'static>>, number: i32, height: u16) -> Vec<Line<'static>> {
    let height = usize::from(height);
    if lines.len() <= height {
        return lines;
    }
    let (shown, place) = page(crate::widget::row::rows(lines), number, height.saturating_sub(1));
    let mut shown: Vec<Line<'static>> = shown.into_iter().map(|row| row.line).collect();
    shown.push(line(look, Role::Heading, turning(place)));
    shown.truncate(height);
    shown
}

/// The rows of a page, and which they are: the first, how many, and of how many. Behind the last page comes the first; the last
/// one is full. What is read with all rows of a block, its heading and the names of its columns, stands above them on each page.
fn page(mut rows: Vec<Row>, number: i32, room: usize) -> (Vec<Row>, (usize, usize, usize)) {
    let count = rows.len();
    content_first(&mut rows, room);
    let mut firsts = vec![0];
    let ends_with = |first: usize| first + room - heads(&rows, first, room).len();
    while let Some(&first) = firsts.last().filter(|first| room > 0 && ends_with(**first) < count) {
        firsts.push(ends_with(first));
    }
    if let Some(last) = firsts.last_mut().filter(|last| **last > 0) {
        *last = (0..=*last).find(|first| ends_with(*first) >= count).unwrap_or(*last);
    }
    let first = firsts[i64::from(number).rem_euclid(firsts.len() as i64) as usize];
    let heads = heads(&rows, first, room);
    let own = room - heads.len();
    let shown = heads.into_iter().chain(first..first + own).filter_map(|index| rows.get(index).cloned());
    (shown.collect(), (first, own, count))
}

/// Which rows above this one are read with it: its block's heading and the names of its columns. Where there is little room the
/// nearer of them alone, and where there is hardly any none.
fn heads(rows: &[Row], first: usize, room: usize) -> Vec<usize> {
    if rows.get(first).is_none_or(|row| row.kind == Kind::Title) {
        return Vec::new();
    }
    let above = |kind: Kind, before: usize| (0..before).rev().find(|index| rows[*index].kind == kind);
    let title = above(Kind::Title, first);
    let names = above(Kind::Names, first + 1).filter(|names| title.is_none_or(|title| title < *names));
    let heads: Vec<usize> = names.into_iter().filter(|names| *names < first).chain(title).collect();
    let most = match room {
        0..3 => 0,
        3 => 1,
        4.. => 2,
    };
    let mut heads: Vec<usize> = heads.into_iter().take(most).collect();
    heads.sort_unstable();
    heads
}

/// In the lowest windows headings alone would fill the first page: the first row that tells something comes up to them, and what
/// it takes the place of comes behind it.
fn content_first(rows: &mut [Row], room: usize) {
    let heads = rows.iter().take_while(|row| row.kind != Kind::Content).count();
    if (1..=heads).contains(&room) && heads < rows.len() {
        rows[..=heads].rotate_left(heads + 1 - room);
    }
}

/// Which rows are shown, and how one comes to the others.
fn turning((first, room, count): (usize, usize, usize)) -> String {
    match first {
        0 => format!("{} more: > shows them", counted((count - room) as i64, "row")),
        _ if room == 1 => format!("row {} of {count}: > goes on, < back", first + 1),
        _ => format!("rows {} to {} of {count}: > goes on, < back", first + 1, first + room),
    }
}

/// How many rows are not shown, and how one comes to them.
fn more(model: &Model, (first, room, count): (usize, usize, usize)) -> Row {
    let left = counted((count - room) as i64, "row");
    let keys = turning((first, room, count));
    match (model.mode.is_picture(), model.prompt.is_some() || room == 0) {
        (true, _) => line(model.look, Role::Heading, format!("{left} more: a higher picture shows them")).into(),
        // What is typed there are votes and words.
        (false, true) => line(model.look, Role::Heading, format!("{left} more: a higher window shows them")).into(),
        (false, false) => Row::at(line(model.look, Role::Heading, keys), Spot::Key(Action::Turn(1))),
    }
}
