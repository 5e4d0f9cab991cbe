//! What the window looks like: pure functions from the model to lines, put into the areas of a frame.
//!
//! ```text
//!   title: what runs, its seed, whether time runs, the time
//!   screens by their digits
//!   the screen ………………………………………………
//!   the lines of the transcript up to now │ a pane that explains, or metrics
//!   slider · what the last step was · keys
//! ```

mod checks;
mod cluster;
mod controller;
mod disk;
mod events;
mod explain;
mod frame;
mod groups;
mod help;
mod lanes;
mod lesson;
mod metrics;
mod partition;
#[cfg(test)]
mod tests;
mod words;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use crate::app::{Ask, Model, Pane, Screen};
use crate::theme::{Alphabet, Look, Role};
use crate::widget::line;

/// The smallest window in which there is something to see: columns and rows.
const SMALLEST: (u16, u16) = (40, 10);

/// From this width on a pane stands beside the lines instead of in their place.
const ROOM_FOR_TWO: u16 = 100;

/// Draws the window.
pub fn draw(frame: &mut Frame, model: &Model) {
    let area = frame.area();
    frame.render_widget(Block::new().style(model.look.style(Role::Plain)), area);
    if model.is_blank {
        return;
    }
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        put(frame, model.look, area, too_small(model, area));
        return;
    }
    let [title, screens, body, slider, status, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    put(frame, model.look, title, vec![frame::title(model, title.width)]);
    put(frame, model.look, screens, vec![frame::screens(model, screens.width)]);
    put(frame, model.look, slider, vec![frame::slider(model, slider.width)]);
    put(frame, model.look, status, vec![frame::status(model)]);
    put(frame, model.look, footer, vec![frame::footer(model, footer.width)]);
    if model.is_help {
        put(frame, model.look, body, help::lines(model.look, body.height, body.width));
    } else if model.tape.is_none() {
        put(frame, model.look, body, frame::opening(model));
    } else {
        draw_body(frame, body, model);
    }
}

/// The screen above, the lines and a pane below.
fn draw_body(frame: &mut Frame, area: Rect, model: &Model) {
    if model.is_zoomed {
        put(frame, model.look, area, events::lines(model, area.width, area.height));
        return;
    }
    let area = match lesson::banner(model) {
        Some(banner) => {
            let [top, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
            put(frame, model.look, top, vec![banner]);
            rest
        }
        None => area,
    };
    let screen = screen_lines(model, area.width, area.height);
    let wanted = u16::try_from(screen.len()).unwrap_or(u16::MAX);
    let [above, below] =
        Layout::vertical([Constraint::Length(wanted.min(most(model, area.height))), Constraint::Min(0)]).areas(area);
    put(frame, model.look, above, screen);
    if let Some(question) = lesson::lines(model, below.width) {
        put(frame, model.look, below, question);
        return;
    }
    match model.pane {
        Pane::None => put(frame, model.look, below, events::lines(model, below.width, below.height)),
        pane if below.width < ROOM_FOR_TWO => {
            put(frame, model.look, below, pane_lines(model, pane, below.width, below.height))
        }
        pane => {
            let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(below);
            put(frame, model.look, left, events::lines(model, left.width, left.height));
            put(frame, model.look, right, pane_lines(model, pane, right.width, right.height));
        }
    }
}

/// The most rows that a screen gets: some are left for the lines.
fn most(model: &Model, height: u16) -> u16 {
    let is_asking = model.lesson.as_ref().is_some_and(|lesson| lesson.revealing.is_some())
        || model.prompt.as_ref().is_some_and(|prompt| matches!(prompt.ask, Ask::Prediction(_)));
    let below = match (model.pane, model.screen) {
        _ if is_asking => (height / 2).min(12),
        (Pane::Explain | Pane::Metrics | Pane::Compare, _) => (height / 2).min(15),
        (Pane::None, Screen::Lanes) => height / 5,
        (Pane::None, _) => (height / 4).max(2),
    };
    height.saturating_sub(below)
}

fn screen_lines(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    match model.screen {
        Screen::Cluster => cluster::lines(model, width, most(model, height)),
        Screen::Partition => partition::lines(model, width),
        Screen::Lanes => lanes::lines(model, width, most(model, height)),
        Screen::Controller => controller::lines(model, width),
        Screen::Disk => disk::lines(model, width),
        Screen::Groups => groups::lines(model, width),
        Screen::Checks => checks::lines(model, width, most(model, height)),
    }
}

fn pane_lines(model: &Model, pane: Pane, width: u16, height: u16) -> Vec<Line<'static>> {
    match pane {
        Pane::None => Vec::new(),
        Pane::Explain => explain::lines(model, width),
        Pane::Metrics => metrics::lines(model, width),
        Pane::Compare => events::other_lines(model, width, height),
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
    frame.render_widget(Paragraph::new(lines), area);
}

/// A line in signs that every font has: titles, rules and values come from people, who use others.
fn in_ascii(line: Line<'static>) -> Line<'static> {
    let plain = |sign: char| match sign {
        '≤' => "<=".to_owned(),
        '≥' => ">=".to_owned(),
        '−' | '–' => "-".to_owned(),
        '→' => "->".to_owned(),
        '…' => "...".to_owned(),
        sign if sign.is_ascii() => sign.to_string(),
        _ => "?".to_owned(),
    };
    let spans = line
        .spans
        .into_iter()
        .map(|span| Span::styled(span.content.chars().map(plain).collect::<String>(), span.style));
    Line::from(spans.collect::<Vec<_>>())
}
