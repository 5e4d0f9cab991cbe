//! A part of the window: rows in an area, and a row that says how many there are no room for.
//!
//! Cells and words that are cut end in a sign; so do rows, here and nowhere else.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::app::{Action, Model, Spot};
use crate::theme::{Look, Role};
use crate::widget::row::Row;
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
        let (count, height) = (rows.len(), usize::from(area.height));
        if count > height {
            let room = height.saturating_sub(1);
            let first = first_of_page(model.page, count, room);
            rows = rows.into_iter().skip(first).take(room).collect();
            rows.push(more(model, (first, room, count)));
            rows.truncate(height);
        }
        Block { area, rows }
    }
}

/// The page of these lines that is open, where no room is for all: for a terminal that shows nothing else.
pub fn page_of(look: Look, lines: Vec<Line<'static>>, page: i32, height: u16) -> Vec<Line<'static>> {
    let (count, height) = (lines.len(), usize::from(height));
    if count <= height {
        return lines;
    }
    let room = height.saturating_sub(1);
    let first = first_of_page(page, count, room);
    let mut shown: Vec<Line<'static>> = lines.into_iter().skip(first).take(room).collect();
    shown.push(line(look, Role::Heading, turning((first, room, count))));
    shown.truncate(height);
    shown
}

/// The first row of a page. Behind the last page comes the first; the last one is full.
fn first_of_page(page: i32, count: usize, room: usize) -> usize {
    let pages = count.div_ceil(room.max(1)).max(1) as i64;
    let page = i64::from(page).rem_euclid(pages) as usize;
    (page * room).min(count.saturating_sub(room))
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
    match (model.is_picture, model.prompt.is_some() || room == 0) {
        (true, _) => line(model.look, Role::Heading, format!("{left} more: a higher picture shows them")).into(),
        // What is typed there are votes and words.
        (false, true) => line(model.look, Role::Heading, format!("{left} more: a higher window shows them")).into(),
        (false, false) => Row::at(line(model.look, Role::Heading, keys), Spot::Key(Action::Turn(1))),
    }
}
