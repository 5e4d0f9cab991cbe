//! Key scripts: sessions with the window as data, each a few keys with a picture behind them.
//!
//! ```text
//!   tui/scripts/lesson-05.keys ──▶ keys on a real run ──┬──▶ a text of all pictures (a snapshot of insta)
//!                                                       ├──▶ docs/src/casts/lesson-05.cast, a film for the book
//!                                                       └──▶ docs/src/casts/lesson-05-1.svg, what it has drawn
//! ```
//!
//! So what the book shows is what the window does, to the letter. Films are written anew by their names:
//! `TRIAL_GOLDEN=lesson-05,lesson-07 cargo test -p trial --bin trial script`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use trial_sim::internal::scenario::{Scenario, Span};

use crate::app::{Filter, Message};
use crate::export::{Film, Frame, Looked, Picture, cast, svg};
use crate::stage::Stage;
use crate::theme::Look;

/// Columns and rows of the pictures: those of a plain terminal.
const SIZE: (u16, u16) = (80, 24);

/// How long each picture stands in a film, in microseconds.
const STANDS: i64 = 2_000_000;

/// What is done, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A lesson is opened, with its questions.
    Lesson(String),
    /// A piece of the museum is opened, with its bug on.
    Museum(String),
    /// The lanes of the run are drawn from one time to another, with what has these words.
    Draw(Span, Span, String),
    /// Keys are pressed, as [`Stage::press`] takes them.
    Press(String),
    /// Time passes outside.
    Wait(Span),
}

/// A session as data.
struct Script {
    name: String,
    /// Each line with the comment above it.
    lines: Vec<(String, Line)>,
}

impl Script {
    fn parse(name: &str, text: &str) -> Script {
        let mut lines = Vec::new();
        let mut comment = String::new();
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("# ") {
                comment = words.to_owned();
                continue;
            }
            let line = match line.split_once(' ') {
                Some(("lesson", path)) => Line::Lesson(path.to_owned()),
                Some(("museum", path)) => Line::Museum(path.to_owned()),
                Some(("draw", what)) => drawing(what).unwrap_or_else(|| panic!("{name}: draw FROM TO WORDS: {what:?}")),
                Some(("press", keys)) => Line::Press(keys.to_owned()),
                Some(("wait", span)) => Line::Wait(Span::parse(span).expect("a time")),
                _ => panic!(
                    "{name}: expected `lesson FILE`, `museum FILE`, `press KEYS`, `wait TIME` or `draw FROM TO WORDS`, found {line:?}"
                ),
            };
            lines.push((std::mem::take(&mut comment), line));
        }
        Script { name: name.to_owned(), lines }
    }

    /// The window with what the first line opens.
    fn opened(&self) -> Stage {
        let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        match self.lines.first() {
            Some((_, Line::Lesson(path))) => Stage::questions_of(&read(path)),
            Some((_, Line::Museum(path))) => {
                let mut stage = Stage::of(Scenario::parse(path, &read(path)).expect("a valid scenario").with_its_bug());
                stage.record();
                stage
            }
            _ => panic!("{}: it opens no lesson and no piece of the museum", self.name),
        }
    }

    /// Plays it. After each line there is a picture, as text and as it is drawn; and what is to be drawn is drawn.
    fn play(&self) -> Played {
        let mut stage = self.opened();
        let mut drawings = Vec::new();
        let title = &self.lines[0].0;
        let picture = |stage: &Stage, caption: String| {
            let (text, buffer) = stage.drawn(SIZE.0, SIZE.1);
            (caption, text, Picture::of(&buffer))
        };
        let mut pictures = vec![picture(&stage, title.clone())];
        for (comment, line) in &self.lines[1..] {
            let done = match line {
                Line::Lesson(path) | Line::Museum(path) => {
                    panic!("{}: a script is about one run, and {path} is another", self.name)
                }
                Line::Draw(from, to, words) => {
                    drawings.push(drawn(&stage, (*from, *to), words));
                    continue;
                }
                Line::Press(keys) => {
                    stage.press(keys);
                    format!("press {keys}")
                }
                Line::Wait(span) => {
                    stage.happen(Message::Tick(span.duration()));
                    format!("wait {span}")
                }
            };
            pictures.push(picture(&stage, format!("{comment}  [{done}]").trim_start().to_owned()));
        }
        Played { pictures, drawings }
    }
}

/// What came of a script.
struct Played {
    /// What was done, and what was seen then.
    pictures: Vec<(String, String, Picture)>,
    /// What was drawn, as SVG.
    drawings: Vec<String>,
}

/// `12.4s 12.8s produce p2`: from, to, and what words.
fn drawing(what: &str) -> Option<Line> {
    let mut words = what.splitn(3, ' ');
    let mut time = || Span::parse(words.next()?).ok();
    let (from, to) = (time()?, time()?);
    Some(Line::Draw(from, to, words.next().unwrap_or_default().to_owned()))
}

/// The lanes of a run between two times, as `trial export --svg` draws them.
fn drawn(stage: &Stage, (from, to): (Span, Span), words: &str) -> String {
    let tape = stage.model.tape.as_ref().expect("a run");
    let mut looked = Looked::at(tape.scenario.clone(), Look::default()).expect("a run comes to its end");
    looked.filter(Filter::parse(words));
    let zero = tape.cast.zero();
    svg::svg(&looked.model, tape, zero + from.duration(), zero + to.duration())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tui/ lies in the workspace").to_owned()
}

/// All scripts, in the order of their names.
fn scripts() -> Vec<Script> {
    let folder = root().join("tui/scripts");
    let entries = fs::read_dir(&folder).expect("there are scripts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Script::parse(&name, &fs::read_to_string(path).expect("a text"))
    };
    paths.iter().map(read).collect()
}

/// A film of the pictures.
fn film(title: &str, pictures: Vec<Picture>) -> Film {
    let frame = |(index, picture): (i64, Picture)| Frame { micros: index * STANDS, steps: 0, pictures: vec![picture] };
    let range = format!("{} pictures, one behind each line of its script", pictures.len());
    let frames = (0..).zip(pictures).map(frame).collect();
    Film { title: title.to_owned(), size: SIZE, frames, marks: Vec::new(), opens: (0, 0), range }
}

/// Each picture is read before it is accepted; and the book shows the same ones.
#[test]
fn what_the_scripts_show_is_what_was_read_and_what_the_films_of_the_book_show() {
    let wanted = std::env::var("TRIAL_GOLDEN").unwrap_or_default();
    let mut behind = Vec::new();
    for script in scripts() {
        let Played { pictures, drawings } = script.play();
        let mut text = String::new();
        for (caption, shown, _) in &pictures {
            let _ = writeln!(text, "{caption}\n{shown}");
        }
        let title = pictures[0].0.clone();
        let made = cast::cast(&film(&title, pictures.into_iter().map(|(_, _, picture)| picture).collect()), 0);
        let numbered = (1..).zip(drawings).map(|(number, drawing)| (format!("-{number}.svg"), drawing));
        for (ending, made) in std::iter::once((".cast".to_owned(), made)).chain(numbered) {
            let path = root().join(format!("docs/src/casts/{}{ending}", script.name));
            if wanted.split(',').any(|name| name == script.name) {
                fs::write(&path, &made).expect("it is written");
            }
            if fs::read_to_string(&path).unwrap_or_default() != made {
                behind.push(format!("{}{ending}", script.name));
            }
        }
        insta::assert_snapshot!(script.name, text);
    }
    assert_eq!(
        behind,
        Vec::<String>::new(),
        "these films and drawings of the book show something else: read them, and write them anew"
    );
}

/// Whoever reads the book finds each film, and the keys that made it.
#[test]
fn the_book_lists_every_film() {
    let page = fs::read_to_string(root().join("docs/src/films.md")).expect("there is a page");
    for script in scripts() {
        assert!(page.contains(&format!("(casts/{}.cast)", script.name)), "{} is not listed", script.name);
        assert!(page.contains(&script.lines[0].0), "{} is not described as it describes itself", script.name);
        let drawings = script.lines.iter().filter(|(_, line)| matches!(line, Line::Draw(..))).count();
        for number in 1..=drawings {
            assert!(page.contains(&format!("(casts/{}-{number}.svg)", script.name)), "{}-{number}", script.name);
        }
    }
}
