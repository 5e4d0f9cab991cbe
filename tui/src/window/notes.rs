//! The teacher's notes on a second terminal: they follow the window that the class sees, and know what comes next.
//!
//! ```text
//!   window before the class ──where it is──▶ a file ──▶ notes: what was, what comes, the answer
//! ```
//!
//! The run is made again here, which takes as long as opening a lesson does; only the place travels.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode};
use ratatui::widgets::Paragraph;
use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::session::{News, Session, Tape};

use super::Closed;
use super::signals::{Signal, Signals};
use super::terminal::Screen;
use crate::app::Whereabouts;
use crate::theme::Look;
use crate::view;

/// How often the place is asked for.
const PATIENCE: Duration = Duration::from_millis(200);

/// Shows the notes of a lesson until somebody closes them.
///
/// # Errors
/// What the terminal answers.
pub fn follow(scenario: Scenario, look: Look, place: &Path) -> io::Result<Closed> {
    let Some(tape) = recorded(scenario) else {
        return Err(io::Error::other("the run ended without a recording"));
    };
    let signals = Signals::watch()?;
    let mut screen = Screen::take(false)?;
    let mut class: Option<Whereabouts> = None;
    let mut page = 0;
    loop {
        // A file that is being written is half a file: what was known before holds until the next look.
        let told = fs::read_to_string(place).ok().and_then(|text| serde_json::from_str(&text).ok());
        class = told.or(class);
        screen.draw(|frame| {
            let lines = view::notes(look, &tape, class.as_ref(), frame.area().width);
            let lines = view::page_of(look, lines, page, frame.area().height);
            frame.render_widget(Paragraph::new(lines), frame.area());
        })?;
        if event::poll(PATIENCE)?
            && let Event::Key(key) = event::read()?
        {
            match key.code {
                KeyCode::Char('q' | 'c') | KeyCode::Esc => return Ok(Closed::Quit),
                KeyCode::Char('>') | KeyCode::PageDown => page += 1,
                KeyCode::Char('<') | KeyCode::PageUp => page -= 1,
                _ => {}
            }
        }
        match signals.heard() {
            Some(Signal::End(number)) => return Ok(Closed::By(number)),
            Some(Signal::Suspend) => screen.suspend()?,
            None => {}
        }
    }
}

fn recorded(scenario: Scenario) -> Option<Box<Tape>> {
    let session = Session::open(scenario);
    loop {
        if let News::Recorded(tape) = session.wait()? {
            return Some(tape);
        }
    }
}
