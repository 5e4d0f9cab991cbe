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
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use trial_sim::internal::scenario::Scenario;
use trial_sim::internal::session::{Kept, Lost, News, Session};

use crate::app::{Action, Effect, Message, Mode, Model, Pointing, Saved, Typed, Whereabouts, Whereto, update};
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
    /// What it is for.
    pub mode: Mode,
    /// Whether it listens to the mouse; without, the terminal's own selection of text works.
    pub has_mouse: bool,
    /// What goes wrong after its first frame, if something shall: a test of what happens to the terminal then.
    pub trouble: Option<Trouble>,
}

/// What can go wrong with a window on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Trouble {
    /// It panics.
    Crash,
    /// It draws nothing more and hears nothing more.
    Hang,
}

impl Trouble {
    fn happen(self) {
        match self {
            Trouble::Crash => panic!("this window was asked to crash"),
            Trouble::Hang => loop {
                thread::park();
            },
        }
    }
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
    // A lesson is short, and is asked from its beginning.
    let session = if opening.mode.is_lesson() { Session::open(scenario) } else { Session::open_growing(scenario) };
    let mut sessions = Sessions { open: vec![session], current: 0, is_forking: false };
    let mut screen = Screen::take(opening.has_mouse)?;
    let mut model = Model::new(opening.look, title, opening.begin);
    model.mode = opening.mode;
    if let Some(kept) = opening.kept {
        update(&mut model, Message::Keep(Box::new(kept)));
    }
    let mut before = Instant::now();
    let mut telling = Telling { file: opening.told, told: None };
    // A window in which nothing happens shows what it showed: it leaves the machine to others.
    let mut has_changed = true;
    loop {
        if has_changed {
            screen.draw(|frame| view::draw(frame, &model))?;
        }
        telling.tell(Whereabouts::of(&model));
        if let Some(trouble) = opening.trouble {
            trouble.happen();
        }
        let inputs = inputs_within(FRAME)?;
        let now = Instant::now();
        let passed = now - before;
        before = now;
        let news = sessions.news();
        has_changed = !news.is_empty() || !inputs.is_empty() || model.is_moving();
        for news in news {
            if let Goes::To(closed) = happen(&mut model, &mut sessions, &mut screen, news)? {
                return Ok(closed);
            }
        }
        for input in inputs {
            // What a key means depends on what the one before it has opened.
            let Some(message) = meaning(&model, screen.area()?, input) else { continue };
            if let Goes::To(closed) = happen(&mut model, &mut sessions, &mut screen, message)? {
                return Ok(closed);
            }
        }
        happen(&mut model, &mut sessions, &mut screen, Message::Tick(passed))?;
        match signals.heard() {
            Some(Signal::End(number)) => return Ok(Closed::By(number)),
            Some(Signal::Suspend) => {
                screen.suspend()?;
                has_changed = true;
            }
            None => {}
        }
    }
}

/// Whether the window stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    On,
    To(Closed),
}

/// Something happens, and all that it asks for.
fn happen(model: &mut Model, sessions: &mut Sessions, screen: &mut Screen, first: Message) -> io::Result<Goes> {
    let mut messages = VecDeque::from([first]);
    while let Some(message) = messages.pop_front() {
        for effect in update(model, message) {
            match effect {
                Effect::Look { steps, wanted } => sessions.open[sessions.current].look(steps, wanted),
                Effect::Fork(scenario) => sessions.fork(*scenario),
                Effect::Switch(index) => sessions.current = index,
                Effect::Discard => drop(sessions.open.pop()),
                Effect::List(typed) => messages.push_back(Message::Listed(listed(&typed))),
                Effect::Save { path, text, form } => {
                    messages.push_back(Message::Saved(saved(&path, &text).map(|()| Saved { path, form })));
                }
                Effect::Suspend => screen.suspend()?,
                Effect::Quit => return Ok(Goes::To(Closed::Quit)),
                Effect::Interrupt => return Ok(Goes::To(Closed::By(signal_hook::consts::SIGINT))),
            }
        }
    }
    Ok(Goes::On)
}

/// The sessions of all runs that are open, and which one is looked at.
struct Sessions {
    open: Vec<Session>,
    current: usize,
    /// Whether the last one is still making its run.
    is_forking: bool,
}

impl Sessions {
    /// Opens one more.
    fn fork(&mut self, scenario: Scenario) {
        self.open.push(Session::open(scenario));
        self.is_forking = true;
    }

    /// Everything that the present one has to tell, and one that makes its run.
    fn news(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let told = |session: &Session, messages: &mut Vec<Message>| loop {
            match session.news() {
                Ok(Some(news)) => messages.push(Message::News(news)),
                Ok(None) => return,
                Err(Lost) => return messages.push(Message::Lost),
            }
        };
        told(&self.open[self.current], &mut messages);
        if let Some(session) = self.open.last().filter(|_| self.is_forking) {
            let before = messages.len();
            told(session, &mut messages);
            let is_last = |message: &Message| matches!(message, Message::News(News::Recorded(_)) | Message::Lost);
            self.is_forking = !messages[before..].iter().any(is_last);
        }
        messages
    }
}

/// Tells the teacher's notes where the window is, if there is a file for that. Nobody is helped by a complaint in front of a
/// class.
struct Telling {
    file: Option<PathBuf>,
    told: Option<Whereabouts>,
}

impl Telling {
    fn tell(&mut self, here: Option<Whereabouts>) {
        let (Some(file), Some(here)) = (&self.file, here) else { return };
        if self.told.as_ref() != Some(&here) {
            let _ = fs::write(file, serde_json::to_string(&here).unwrap_or_default());
            self.told = Some(here);
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let last = self.told.clone();
        self.tell(last.map(|last| Whereabouts { is_open: false, ..last }));
    }
}

/// The paths that begin with what was typed, in order; a folder with a slash at its end. What cannot be read is nowhere.
fn listed(typed: &str) -> Vec<String> {
    let (folder, begun) = typed.split_at(typed.rfind('/').map_or(0, |slash| slash + 1));
    let entries = fs::read_dir(if folder.is_empty() { "." } else { folder });
    let path = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        // Hidden files are meant only by who says so.
        let is_meant = name.starts_with(begun) && (begun.starts_with('.') || !name.starts_with('.'));
        let slash = if entry.path().is_dir() { "/" } else { "" };
        is_meant.then(|| format!("{folder}{name}{slash}"))
    };
    let mut paths: Vec<String> = entries.into_iter().flatten().flatten().filter_map(path).collect();
    paths.sort_unstable();
    paths
}

/// Writes a file that is not there yet.
fn saved(path: &str, text: &str) -> Result<(), String> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("there is a file {path}, which stays as it is: take another name"),
        io::ErrorKind::NotFound => format!("{path} is not written: there is no such folder"),
        _ => format!("{path} is not written: {error}"),
    })
}

/// The keys and clicks that come within a while, as the terminal tells them.
fn inputs_within(while_: Duration) -> io::Result<Vec<Event>> {
    let mut inputs = Vec::new();
    let mut patience = while_;
    while event::poll(patience)? {
        patience = Duration::ZERO;
        inputs.push(event::read()?);
    }
    Ok(inputs)
}

/// What a key or a click means to the window as it is now. A window of another size is drawn anew by itself.
fn meaning(model: &Model, area: Rect, input: Event) -> Option<Message> {
    let ask = model.prompt.as_ref().map(|prompt| prompt.ask);
    match input {
        Event::Key(key) if key.kind != KeyEventKind::Release => keys::message(key, ask),
        Event::Mouse(mouse) => pointed(model, area, mouse),
        Event::Paste(text) if ask.is_some() => Some(Message::Type(Typed::Text(text))),
        _ => None,
    }
}

/// What somebody means who uses a mouse: the wheel goes from line to line.
fn pointed(model: &Model, area: Rect, mouse: MouseEvent) -> Option<Message> {
    let how = match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Pointing::Click,
        MouseEventKind::Down(MouseButton::Right) => Pointing::Second,
        MouseEventKind::Drag(MouseButton::Left) => Pointing::Drag,
        // Whoever is asked stays where the question is.
        MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if model.prompt.is_some() => return None,
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

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::stage::Stage;

    /// Keys that come in one go, as from a script: each means what it means behind the one before it.
    fn pressed_at_once(stage: &mut Stage, keys: &[KeyCode]) {
        for code in keys {
            let input = Event::Key(KeyEvent::new(*code, KeyModifiers::NONE));
            let message = meaning(&stage.model, Rect::new(0, 0, 120, 40), input).expect("a key that means something");
            stage.happen(message);
        }
    }

    #[test]
    fn a_vote_right_behind_the_key_that_leads_to_its_question_counts() {
        let mut stage = Stage::with_questions();
        pressed_at_once(&mut stage, &[KeyCode::Char('G'), KeyCode::Char('1'), KeyCode::Enter]);
        let lesson = stage.model.lesson.as_ref().expect("a lesson");
        assert_eq!(lesson.questions[0].votes, Some(vec![1, 0, 0]));
    }

    #[test]
    fn what_is_typed_right_behind_a_menu_that_asks_goes_into_its_line() {
        let mut stage = Stage::lesson(Look::default());
        stage.press("t1s<Enter>");
        let is_client = |machine: &&trial_sim::internal::session::MachinePart| machine.name == "p1";
        let client = stage.model.machines().iter().find(is_client).expect("a producer").id;
        stage.model.selected = Some(crate::app::Subject::Machine(client));
        pressed_at_once(&mut stage, &[KeyCode::Char('d'), KeyCode::Enter, KeyCode::Char('o'), KeyCode::Char('k')]);
        let typed = stage.model.prompt.as_ref().map(|prompt| prompt.text.as_str());
        assert_eq!((typed, stage.model.runs.len()), (Some("produce client=p1 topic=ok"), 1));
    }

    #[test]
    fn a_path_goes_on_with_the_files_and_folders_that_begin_so() {
        let folder = std::env::temp_dir().join(format!("trial-listed-{}", std::process::id()));
        fs::create_dir_all(folder.join("forks")).expect("a folder");
        for name in ["fork.toml", "other.toml", ".hidden"] {
            fs::write(folder.join(name), "").expect("written");
        }
        let names = |typed: &str| {
            let before = format!("{}/", folder.display());
            let paths = listed(&format!("{before}{typed}"));
            paths.iter().map(|path| path.strip_prefix(&before).expect("as typed").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("fo"), ["fork.toml", "forks/"]);
        assert_eq!(names(""), ["fork.toml", "forks/", "other.toml"]);
        assert_eq!((names("."), names("x")), (vec![".hidden".to_owned()], Vec::new()));
        assert_eq!(names("nowhere/x"), Vec::<String>::new());
        let _ = fs::remove_dir_all(folder);
    }
}
