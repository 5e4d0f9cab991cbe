//! What the window looks like: pure functions from the model to lines, put into the areas of a frame.
//!
//! ```text
//!   title: what runs, its seed, whether time runs, the time
//!   screens by their digits
//!   the screen ………………………………………………
//!   the lines of the transcript up to now │ a pane that explains, or metrics
//!   slider · what the last step was · keys
//! ```

mod arrows;
mod block;
mod checks;
mod cluster;
mod compare;
mod controller;
mod disk;
mod events;
mod explain;
mod frame;
mod groups;
mod help;
#[cfg(test)]
mod lane_tests;
mod lanes;
mod lesson;
mod menu;
mod metrics;
#[cfg(test)]
mod museum_tests;
mod notes;
#[cfg(test)]
mod page_tests;
mod partition;
#[cfg(test)]
mod picture_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod secret_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
mod words;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::app::{Ask, Cover, Model, Pane, Screen, Spot};
use crate::theme::{Alphabet, Look, Role};
use crate::widget::row::{Row, rows};
use crate::widget::{cut_line, line};
pub use arrows::message_label;
use block::Block;
pub use block::page_of;
pub use lanes::{is_line_shown, is_message_shown};
pub use notes::lines as notes;

/// The smallest window in which there is something to see: columns and rows.
const SMALLEST: (u16, u16) = (40, 10);

/// Below so many rows a question takes the place of what stands around it.
const LOW: u16 = 16;

/// Where a screen and the lines have fewer rows than this between them, only the last line is shown.
const LOWEST: u16 = 8;

/// So many rows of what was said last stand below a screen that is shown to a class.
const CAPTION: u16 = 3;

/// From this width on a pane stands beside the lines instead of in their place.
const ROOM_FOR_TWO: u16 = 100;

/// Draws the window.
pub fn draw(frame: &mut Frame, model: &Model) {
    let area = frame.area();
    frame.render_widget(ratatui::widgets::Block::new().style(model.look.style(Role::Plain)), area);
    for block in blocks(model, area) {
        let lines = block.rows.into_iter().map(|row| row.line).collect();
        put(frame, model.look, block.area, lines);
    }
}

/// How high a picture of this width is on which nothing of the screen is missing; at least so high. Screens that tell the last of
/// what happened take what there is.
pub fn height_of_all(model: &Model, width: u16, least: u16) -> u16 {
    let wanted = match model.screen {
        Screen::Lanes | Screen::Controller => 0,
        Screen::Cluster | Screen::Partition | Screen::Disk | Screen::Groups | Screen::Checks => {
            screen_rows(model, width, u16::MAX).len()
        }
    };
    // Above a picture stands its title, below it what the last step was.
    let has_room = |height: &u16| usize::from(most(model, height.saturating_sub(2))) >= wanted;
    (least..u16::MAX).find(has_room).unwrap_or(least)
}

/// What somebody means who points at a cell of a window of this size.
pub fn spot_at(model: &Model, area: Rect, column: u16, row: u16) -> Option<Spot> {
    let place = Position::new(column, row);
    let block = blocks(model, area).into_iter().find(|block| block.area.contains(place))?;
    let pointed = block.rows.get(usize::from(row - block.area.y))?;
    pointed.spot(column - block.area.x).cloned()
}

/// All that is shown, and where.
fn blocks(model: &Model, area: Rect) -> Vec<Block> {
    if model.cover == Cover::Blank {
        return Vec::new();
    }
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return vec![Block { area, rows: rows(too_small(model, area)) }];
    }
    // A class needs no list of screens and keys; and whoever is asked in a low window needs the question.
    let is_tight = area.height < LOW && is_asking(model);
    let has_keys = !model.mode.is_presented() && !model.mode.is_picture();
    let [title, screens, body, slider, status, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(has_keys && !is_tight)),
        Constraint::Min(0),
        Constraint::Length(u16::from(!model.mode.is_picture() && !is_tight)),
        Constraint::Length(1),
        Constraint::Length(u16::from(has_keys)),
    ])
    .areas(area);
    let mut blocks = vec![
        Block { area: title, rows: vec![frame::title(model, title.width).into()] },
        Block { area: status, rows: vec![frame::status(model).into()] },
    ];
    if !model.mode.is_picture() {
        blocks.push(Block { area: slider, rows: vec![frame::slider(model, slider.width)] });
    }
    if has_keys {
        blocks.push(Block { area: screens, rows: vec![frame::screens(model, screens.width)] });
        blocks.push(Block { area: footer, rows: vec![frame::footer(model, footer.width)] });
    }
    if let Cover::Help { first } = model.cover {
        blocks.push(Block { area: body, rows: rows(help::lines(model.look, first, body.height, body.width)) });
    } else if model.snapshot().is_none() {
        blocks.push(Block::new(model, body, rows(frame::opening(model))));
    } else {
        blocks.extend(of_body(model, body));
    }
    blocks
}

/// The screen above, the lines and a pane below.
fn of_body(model: &Model, area: Rect) -> Vec<Block> {
    if model.cover == Cover::Lines {
        return vec![Block::new(model, area, events::rows(model, area.width, area.height))];
    }
    let mut blocks = Vec::new();
    let area = match lesson::banner(model, area.width, area.height) {
        _ if area.height < LOW && is_asking(model) => area,
        banner if banner.is_empty() => area,
        banner => {
            let height = u16::try_from(banner.len()).unwrap_or(u16::MAX);
            let [top, rest] = Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(area);
            blocks.push(Block::new(model, top, rows(banner)));
            rest
        }
    };
    let question = lesson::said(model, area.width);
    // For a class a question stands alone, and where it would be cut for the sake of the screen above it.
    let is_alone =
        |said: &lesson::Said| model.mode.is_presented() || said.height() > usize::from(below(model, area.height));
    let question = match question {
        Some(said) if is_alone(&said) => {
            blocks.push(Block::new(model, area, said.rows(model.look, area.height)));
            return blocks;
        }
        question => question,
    };
    let screen = screen_rows(model, area.width, area.height);
    let wanted = u16::try_from(screen.len()).unwrap_or(u16::MAX);
    let [above, below] =
        Layout::vertical([Constraint::Length(wanted.min(most(model, area.height))), Constraint::Min(0)]).areas(area);
    blocks.push(Block::new(model, above, screen));
    match (question, &model.menu) {
        (Some(said), _) => blocks.push(Block::new(model, below, said.rows(model.look, below.height))),
        (None, Some(menu)) => {
            blocks.push(Block::new(model, below, menu::rows(model.look, menu, below.width, below.height)));
        }
        (None, None) => blocks.extend(of_lines(model, below)),
    }
    blocks
}

/// The lines, and a pane beside them or in their place.
fn of_lines(model: &Model, area: Rect) -> Vec<Block> {
    let lines = |area: Rect| Block::new(model, area, events::rows(model, area.width, area.height));
    let pane = |pane: Pane, area: Rect| Block::new(model, area, pane_rows(model, pane, area.width, area.height));
    let is_alone = area.width < ROOM_FOR_TWO || model.mode.is_presented();
    match model.pane {
        // A class reads what was said last, and no list of it; unless something is picked out, which is told above it.
        Pane::None if model.mode.is_presented() && model.filter.is_none() && model.way.is_none() => {
            vec![Block::new(model, area, events::last(model, area.width, area.height.min(CAPTION)))]
        }
        Pane::None => vec![lines(area)],
        // It has the lines of both runs.
        Pane::Compare => vec![pane(Pane::Compare, area)],
        other if is_alone => vec![pane(other, area)],
        other => {
            let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(area);
            vec![lines(left), pane(other, right)]
        }
    }
}

/// Whether a question is open, or its outcome is shown.
fn is_asking(model: &Model) -> bool {
    model.lesson.as_ref().is_some_and(|lesson| lesson.revealing.is_some())
        || model.prompt.as_ref().is_some_and(|prompt| matches!(prompt.ask, Ask::Prediction(_)))
}

/// The most rows that a screen gets.
fn most(model: &Model, height: u16) -> u16 {
    height.saturating_sub(below(model, height))
}

/// The rows that are left below a screen, for the lines or for what stands in their place.
fn below(model: &Model, height: u16) -> u16 {
    match (model.pane, model.screen) {
        _ if is_asking(model) => (height / 2).min(12),
        _ if model.menu.is_some() => (height / 2).min(14),
        (Pane::Explain | Pane::Metrics | Pane::Compare, _) => (height / 2).min(15),
        (Pane::None, _) if model.mode.is_presented() => (height / 4).min(CAPTION),
        // One line, without a heading: the screen needs the rows.
        (Pane::None, _) if height < LOWEST => 1,
        (Pane::None, Screen::Lanes) => height / 5,
        // A picture that is high for the sake of its screen needs no more lines than others.
        (Pane::None, _) if model.mode.is_picture() => (height / 4).clamp(2, 10),
        (Pane::None, _) => (height / 4).max(2),
    }
}

fn screen_rows(model: &Model, width: u16, height: u16) -> Vec<Row> {
    match model.screen {
        Screen::Cluster => cluster::rows(model, width, most(model, height)),
        Screen::Partition => partition::rows(model, width),
        Screen::Lanes => lanes::rows(model, width, most(model, height)),
        Screen::Controller => controller::rows(model, width, most(model, height)),
        Screen::Disk => disk::rows(model, width),
        Screen::Groups => groups::rows(model, width),
        Screen::Checks => checks::rows(model, width, most(model, height)),
    }
}

fn pane_rows(model: &Model, pane: Pane, width: u16, height: u16) -> Vec<Row> {
    match pane {
        Pane::None => Vec::new(),
        Pane::Explain => explain::rows(model, width),
        Pane::Metrics => metrics::rows(model, width),
        Pane::Compare => compare::rows(model, width, height),
    }
}

fn too_small(model: &Model, area: Rect) -> Vec<Line<'static>> {
    let (width, height) = SMALLEST;
    let text = format!("This window is {}×{}; trial needs {width}×{height}.", area.width, area.height);
    crate::widget::wrapped(&text, area.width).into_iter().map(|text| line(model.look, Role::Plain, text)).collect()
}

fn put(frame: &mut Frame, look: Look, area: Rect, lines: Vec<Line<'static>>) {
    let lines = match look.alphabet {
        Alphabet::Unicode => lines,
        Alphabet::Ascii => lines.into_iter().map(in_ascii).collect(),
    };
    let lines: Vec<Line> = lines.into_iter().map(|line| cut_line(line, usize::from(area.width), look)).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// A line in signs that every font has: titles, rules and values come from people, who use others.
fn in_ascii(line: Line<'static>) -> Line<'static> {
    let plain = |sign: char| match sign {
        '≤' => "<=".to_owned(),
        '≥' => ">=".to_owned(),
        '−' | '–' => "-".to_owned(),
        '→' => "->".to_owned(),
        // One sign for one: what stands behind it keeps its column.
        '…' => "~".to_owned(),
        sign if sign.is_ascii() => sign.to_string(),
        _ => "?".to_owned(),
    };
    let spans = line
        .spans
        .into_iter()
        .map(|span| Span::styled(span.content.chars().map(plain).collect::<String>(), span.style));
    Line::from(spans.collect::<Vec<_>>())
}
