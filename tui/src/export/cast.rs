//! A film for asciinema: format 2, a line a picture, at the run's own times.

use std::fmt::Write;

use ratatui::style::{Color, Modifier, Style};
use serde_json::json;

use super::{Film, Picture};

/// Nothing is waited for longer than this, in microseconds: a session that runs out takes nine seconds.
const LONGEST_PAUSE: i64 = 2_000_000;

/// Nothing goes by faster than this.
const SHORTEST_PAUSE: i64 = 400_000;

/// The film of one of the screens, by its place among [`super::SCREENS`].
pub fn cast(film: &Film, screen: usize) -> String {
    let (width, height) = film.size;
    let title = format!("{} ({})", film.title, film.range);
    let mut text = format!("{}\n", json!({ "version": 2, "width": width, "height": height, "title": title }));
    let mut now = 0;
    let mut before = None;
    for frame in &film.frames {
        let passed = before.map_or(0, |before| frame.micros - before);
        if before.is_some() {
            now += passed.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        }
        before = Some(frame.micros);
        if let Some(picture) = frame.pictures.get(screen) {
            let _ = writeln!(text, "{}", json!([now as f64 / 1e6, "o", drawn(picture)]));
        }
    }
    text
}

/// A picture as a terminal is told to draw it, from its upper left corner.
fn drawn(picture: &Picture) -> String {
    let mut text = String::from("\x1b[H");
    for (index, row) in picture.rows.iter().enumerate() {
        if index > 0 {
            text.push_str("\r\n");
        }
        for words in row {
            let _ = write!(text, "\x1b[0{}m{}", codes(words.style), words.text);
        }
    }
    text.push_str("\x1b[0m");
    text
}

/// The numbers of a style, each behind a semicolon.
fn codes(style: Style) -> String {
    let mut codes = String::new();
    for (modifier, code) in [(Modifier::BOLD, 1), (Modifier::UNDERLINED, 4), (Modifier::REVERSED, 7)] {
        if style.add_modifier.contains(modifier) {
            let _ = write!(codes, ";{code}");
        }
    }
    if let Some(code) = style.fg.and_then(number) {
        let _ = write!(codes, ";{code}");
    }
    if let Some(code) = style.bg.and_then(number) {
        let _ = write!(codes, ";{}", code + 10);
    }
    codes
}

/// The number of a colour in the foreground, of the sixteen that the themes use.
fn number(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Black => 30,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Blue => 34,
        Color::Magenta => 35,
        Color::Cyan => 36,
        Color::White => 97,
        Color::LightRed => 91,
        Color::LightGreen => 92,
        Color::LightYellow => 93,
        Color::LightBlue => 94,
        Color::LightMagenta => 95,
        Color::LightCyan => 96,
        _ => return None,
    })
}
