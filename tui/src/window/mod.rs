//! The window itself: a terminal that is lent and given back, keys that come in, frames that go out.
//!
//! The only place that knows terminal, clock and thread at once. It decides nothing: what happens is said to
//! [`crate::app::update`], and what that asks for is done.

mod notes;
mod signals;
mod terminal;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossterm::event::{
    self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Rect;
use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::session::{Kept, Lost, Session};

use crate::app::{Action, Effect, Message, Model, Pointing, Typed, Whereto, update};
use crate::keys;
use crate::theme::Look;
use crate::view;
pub use notes::follow;
use signals::{Signal, Signals};
use terminal::Screen;

/// How long a frame is shown at least: sixty of them in a second.
const FRAME: Duration = Duration::from_millis(16);

/// What a window is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// How it looks.
    pub look: Look,
    /// Where in the recording it begins, if that is said.
    pub begin: Option<Whereto>,
    /// The recording that the run repeats, if it was read from a file.
    pub kept: Option<Kept>,
    /// A file that is told where the window is, for the teacher's notes on another terminal.
    pub told: Option<PathBuf>,
    /// Whether it is a lesson, with questions.
    pub is_lesson: bool,
    /// Whether the counts of a class's votes are typed.
    pub is_poll: bool,
    /// Whether it is shown to a class: less at once, and large.
    pub is_presented: bool,
    /// Whether it listens to the mouse; without, the terminal's own selection of text works.
    pub has_mouse: bool,
    /// Whether it panics after its first frame: a test of what happens to the terminal then.
    pub crashes: bool,
}

/// Why a window closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Somebody wanted to quit.
    Quit,
    /// A signal ended it: its number.
    By(i32),
}

/// Opens a window on a scenario's run, until somebody closes it.
///
/// # Errors
/// What the terminal answers.
pub fn open(scenario: Scenario, opening: Opening) -> io::Result<Closed> {
    let title = scenario.file.title.clone();
    let signals = Signals::watch()?;
    let mut sessions = Sessions { open: vec![Session::open(scenario)], current: 0 };
    let mut screen = Screen::take(opening.has_mouse)?;
    let mut model = Model::new(opening.look, title, opening.begin);
    model.is_lesson = opening.is_lesson;
    if let Some(kept) = opening.kept {
        update(&mut model, Message::Keep(Box::new(kept)));
    }
    (model.is_poll, model.is_presented) = (opening.is_poll, opening.is_presented);
    let mut before = Instant::now();
    let mut told = None;
    loop {
        screen.draw(|frame| view::draw(frame, &model))?;
        if let Some(file) = &opening.told
            && told != Some(model.place.steps)
            && model.tape.is_some()
        {
            told = Some(model.place.steps);
            tell(file, model.place.steps);
        }
        assert!(!opening.crashes, "this window was asked to crash");
        let mut messages = sessions.news();
        messages.extend(keys_within(FRAME, &model, screen.area()?)?);
        let now = Instant::now();
        messages.push(Message::Tick(now - before));
        before = now;
        let mut messages = VecDeque::from(messages);
        while let Some(message) = messages.pop_front() {
            for effect in update(&mut model, message) {
                match effect {
                    Effect::Look { steps, wanted } => sessions.open[sessions.current].look(steps, wanted),
                    Effect::Fork(scenario) => sessions.fork(*scenario),
                    Effect::Switch(index) => sessions.current = index,
                    Effect::Save { path, text, command } => {
                        messages.push_back(Message::Saved(saved(&path, &text).map(|()| format!("{command} {path}"))));
                    }
                    Effect::Suspend => screen.suspend()?,
                    Effect::Quit => return Ok(Closed::Quit),
                }
            }
        }
        match signals.heard() {
            Some(Signal::End(number)) => return Ok(Closed::By(number)),
            Some(Signal::Suspend) => screen.suspend()?,
            None => {}
        }
    }
}

/// The sessions of all runs that are open, and which one is listened to.
struct Sessions {
    open: Vec<Session>,
    current: usize,
}

impl Sessions {
    /// Opens one more, and listens to it.
    fn fork(&mut self, scenario: Scenario) {
        self.open.push(Session::open(scenario));
        self.current = self.open.len() - 1;
    }

    /// Everything that the present one has to tell.
    fn news(&self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            match self.open[self.current].news() {
                Ok(Some(news)) => messages.push(Message::News(news)),
                Ok(None) => return messages,
                Err(Lost) => {
                    messages.push(Message::Lost);
                    return messages;
                }
            }
        }
    }
}

/// Tells the teacher's notes where the window is. Nobody is helped by a complaint in front of a class.
fn tell(file: &Path, steps: u64) {
    let _ = fs::write(file, format!("{steps}\n"));
}

/// Writes a file that is not there yet.
fn saved(path: &str, text: &str) -> Result<(), String> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{path} is not written: {error}"))
}

/// The keys and clicks that come within a while, as messages. A window of another size is drawn anew by itself.
fn keys_within(while_: Duration, model: &Model, area: Rect) -> io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    let mut patience = while_;
    while event::poll(patience)? {
        patience = Duration::ZERO;
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let message = if model.prompt.is_some() { typed(key) } else { keys::action(key).map(Message::Do) };
                let opens_prompt = matches!(
                    message,
                    Some(Message::Do(Action::AskPlace | Action::AskCommand | Action::AskFilter | Action::Follow))
                );
                messages.extend(message);
                if opens_prompt {
                    // What follows is typed into it.
                    break;
                }
            }
            Event::Mouse(mouse) => {
                messages.extend(pointed(model, area, mouse));
                if matches!(mouse.kind, MouseEventKind::Down(_)) {
                    // What the next one means depends on what this one opens.
                    break;
                }
            }
            Event::Paste(text) if model.prompt.is_some() => messages.push(Message::Type(Typed::Text(text))),
            _ => {}
        }
    }
    Ok(messages)
}

/// What somebody means who uses a mouse: the wheel goes from line to line.
fn pointed(model: &Model, area: Rect, mouse: MouseEvent) -> Option<Message> {
    let how = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Pointing::Click,
        MouseEventKind::Down(MouseButton::Right) => Pointing::Second,
        MouseEventKind::Drag(MouseButton::Left) => Pointing::Drag,
        MouseEventKind::ScrollUp => return Some(Message::Do(Action::Line(-1))),
        MouseEventKind::ScrollDown => return Some(Message::Do(Action::Line(1))),
        MouseEventKind::Down(MouseButton::Middle)
        | MouseEventKind::Drag(MouseButton::Right | MouseButton::Middle)
        | MouseEventKind::Up(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => return None,
    };
    view::spot_at(model, area, mouse.column, mouse.row).map(|spot| Message::Point(spot, how))
}

/// What a key means while a prompt is open.
fn typed(key: KeyEvent) -> Option<Message> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(Message::Type(match key.code {
        KeyCode::Char('c') if is_control => Typed::Escape,
        // Escape, and a letter right behind it: terminals send the same for both.
        KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::ALT) => Typed::Escape,
        KeyCode::Char(letter) if !is_control => Typed::Text(letter.to_string()),
        KeyCode::Backspace => Typed::Backspace,
        KeyCode::Tab => Typed::Complete,
        KeyCode::Enter => Typed::Enter,
        KeyCode::Esc => Typed::Escape,
        _ => return None,
    }))
}
