//! A window without a terminal, for tests: a real run, keys as people press them, frames as texts.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::session::{News, Session};

use crate::app::{Effect, Message, Mode, Model, Pointing, Whereto, update};
use crate::keys;
use crate::theme::Look;
use crate::view;

/// Lesson 5: below min.insync.replicas.
pub const LESSON: &str = include_str!("../../scenarios/lessons/05-below-the-line.toml");

/// A session and the model that it feeds.
pub struct Stage {
    sessions: Vec<Session>,
    current: usize,
    /// Whether forks are recorded when the test says so, and not at once.
    pub is_slow: bool,
    /// What was told while an answer was waited for.
    late: VecDeque<News>,
    /// What the window knows.
    pub model: Model,
    /// What the model asked for that is not the session's business.
    pub asked: Vec<Effect>,
}

impl Stage {
    /// Plays lesson 5 up to where a window opens.
    pub fn lesson(look: Look) -> Stage {
        Stage::open(LESSON, look, None)
    }

    /// Opens lesson 5 with its questions.
    pub fn with_questions() -> Stage {
        Stage::questions_of(LESSON)
    }

    /// Opens a lesson with its questions.
    pub fn questions_of(source: &str) -> Stage {
        let mut model = Model::new(Look::default(), "a lesson".to_owned(), None);
        model.mode = Mode::Lesson { is_poll: false, is_presented: false };
        Stage::with(source, model)
    }

    /// Plays a scenario up to where a window opens.
    pub fn open(source: &str, look: Look, begin: Option<Whereto>) -> Stage {
        Stage::with(source, Model::new(look, "a scenario".to_owned(), begin))
    }

    fn with(source: &str, model: Model) -> Stage {
        let mut stage = Stage { model, ..Stage::waiting(source) };
        stage.record();
        stage
    }

    /// A scenario whose run is under way.
    pub fn waiting(source: &str) -> Stage {
        Stage::of(Scenario::parse("a.toml", source).expect("a valid scenario"))
    }

    /// The same for a scenario that was changed since it was read.
    pub fn of(scenario: Scenario) -> Stage {
        let model = Model::new(Look::default(), "a scenario".to_owned(), None);
        let sessions = vec![Session::open(scenario)];
        Stage { sessions, current: 0, is_slow: false, late: VecDeque::new(), model, asked: Vec::new() }
    }

    /// A scenario whose run is under way, and has come so far that something of it can be looked at.
    pub fn growing(source: &str) -> Stage {
        let scenario = Scenario::parse("a.toml", source).expect("a valid scenario");
        let mut stage = Stage { sessions: vec![Session::open_growing(scenario.clone())], ..Stage::of(scenario) };
        while stage.model.tape.is_none() {
            let news = stage.sessions[0].wait().expect("a run comes to its end");
            assert!(!matches!(news, News::Recorded(_)), "it is too short to be seen growing");
            stage.happen(Message::News(news));
        }
        stage
    }

    /// Waits until there is more of a growing run.
    pub fn go_on(&mut self) {
        loop {
            let news = self.late.pop_front().or_else(|| self.sessions[0].wait()).expect("a run comes to its end");
            let is_more = matches!(news, News::Grown(_));
            assert!(!matches!(news, News::Recorded(_)), "it is over");
            self.happen(Message::News(news));
            if is_more {
                return;
            }
        }
    }

    /// Waits until the run is recorded that was opened last.
    pub fn record(&mut self) {
        loop {
            let late = self.late.pop_front();
            let last = self.sessions.last().expect("there is one");
            let news = late.or_else(|| last.wait()).expect("a run comes to its end");
            let is_over = matches!(news, News::Recorded(_));
            self.happen(Message::News(news));
            if is_over {
                return;
            }
        }
    }

    /// Something happens, and the session's answers with it.
    pub fn happen(&mut self, message: Message) {
        for effect in update(&mut self.model, message) {
            match effect {
                Effect::Look { steps, wanted } => {
                    let session = &self.sessions[self.current];
                    session.look(steps, wanted);
                    let seen = loop {
                        match session.wait().expect("a question is answered") {
                            seen @ News::Seen(_) => break seen,
                            other => self.late.push_back(other),
                        }
                    };
                    assert!(matches!(&seen, News::Seen(seen) if seen.snapshot.steps == steps));
                    self.happen(Message::News(seen));
                }
                Effect::Fork(scenario) => {
                    self.sessions.push(Session::open(*scenario));
                    if !self.is_slow {
                        self.record();
                    }
                }
                Effect::Switch(index) => self.current = index,
                Effect::Discard => drop(self.sessions.pop()),
                other => self.asked.push(other),
            }
        }
    }

    /// Presses keys: letters stand for themselves, `<Tab>`, `<Enter>`, `<Right>` and the like for theirs.
    pub fn press(&mut self, script: &str) {
        let mut rest = script;
        while let Some(first) = rest.chars().next() {
            let (code, after) = match rest.strip_prefix('<').and_then(|named| named.split_once('>')) {
                Some((name, after)) => (named(name), after),
                None => (KeyCode::Char(first), &rest[first.len_utf8()..]),
            };
            rest = after;
            self.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
    }

    fn key(&mut self, key: KeyEvent) {
        let message = keys::message(key, self.model.prompt.as_ref().map(|prompt| prompt.ask));
        let message = message.unwrap_or_else(|| panic!("no key {key:?}"));
        self.happen(message);
    }

    /// Clicks on the first place of a window of this size that shows some words.
    pub fn click(&mut self, words: &str, how: Pointing) {
        let (width, height) = (120, 40);
        let shown = self.shown(width, height);
        let rows = shown.lines().zip(0u16..);
        // Each row of the picture stands between quotation marks.
        let place = rows.clone().find_map(|(row, y)| {
            let before = row.strip_prefix('"')?.split(words).next()?;
            row.contains(words).then_some((before.chars().count() as u16, y))
        });
        let (column, row) = place.unwrap_or_else(|| panic!("there is no {words:?} in\n{shown}"));
        let spot = view::spot_at(&self.model, Rect::new(0, 0, width, height), column, row);
        let spot = spot.unwrap_or_else(|| panic!("{words:?} at {column}, {row} means nothing"));
        self.happen(Message::Point(spot, how));
    }

    /// The window at a size, as text.
    pub fn shown(&self, width: u16, height: u16) -> String {
        self.drawn(width, height).0
    }

    /// The window at a size, as text and with its styles.
    pub fn drawn(&self, width: u16, height: u16) -> (String, Buffer) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend of memory");
        terminal.draw(|frame| view::draw(frame, &self.model)).expect("a backend of memory");
        let text = if width == 0 { String::new() } else { terminal.backend().to_string() };
        (text, terminal.backend().buffer().clone())
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Backspace" => KeyCode::Backspace,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "PgUp" => KeyCode::PageUp,
        "PgDn" => KeyCode::PageDown,
        other => panic!("no key <{other}>"),
    }
}
