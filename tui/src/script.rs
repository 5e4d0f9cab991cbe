//! Key scripts: sessions with the window as data, each a few keys with a picture behind them.
//!
//! ```text
//!   tui/scripts/lesson-05.keys ──▶ keys on a real run ──┬──▶ a text of all pictures (a snapshot of insta)
//!                                                       └──▶ docs/src/casts/lesson-05.cast, a film for the book
//! ```
//!
//! So what the book shows is what the window does, to the letter. A film is written anew by its name:
//! `TRIAL_GOLDEN=lesson-05 cargo test -p trial --bin trial script`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use trial_sim::internal::scenario::Span;

use crate::app::Message;
use crate::export::{Film, Frame, Picture, cast};
use crate::stage::Stage;

/// Columns and rows of the pictures: those of a plain terminal.
const SIZE: (u16, u16) = (80, 24);

/// How long each picture stands in a film, in microseconds.
const STANDS: i64 = 2_000_000;

/// What is done, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A lesson is opened, with its questions.
    Lesson(String),
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
                Some(("press", keys)) => Line::Press(keys.to_owned()),
                Some(("wait", span)) => Line::Wait(Span::parse(span).expect("a time")),
                _ => panic!("{name}: expected `lesson FILE`, `press KEYS` or `wait TIME`, found {line:?}"),
            };
            lines.push((std::mem::take(&mut comment), line));
        }
        Script { name: name.to_owned(), lines }
    }

    /// Plays it. After each line there is a picture, as text and as it is drawn.
    fn play(&self) -> Vec<(String, String, Picture)> {
        let Some((title, Line::Lesson(path))) = self.lines.first() else {
            panic!("{}: no lesson is opened", self.name)
        };
        let source = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut stage = Stage::questions_of(&source);
        let picture = |stage: &Stage, caption: String| {
            let (text, buffer) = stage.drawn(SIZE.0, SIZE.1);
            (caption, text, Picture::of(&buffer))
        };
        let mut pictures = vec![picture(&stage, title.clone())];
        for (comment, line) in &self.lines[1..] {
            let done = match line {
                Line::Lesson(path) => panic!("{}: a script is about one lesson, and {path} is another", self.name),
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
        pictures
    }
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
        let pictures = script.play();
        let mut text = String::new();
        for (caption, shown, _) in &pictures {
            let _ = writeln!(text, "{caption}\n{shown}");
        }
        let title = pictures[0].0.clone();
        let made = cast::cast(&film(&title, pictures.into_iter().map(|(_, _, picture)| picture).collect()), 0);
        let path = root().join(format!("docs/src/casts/{}.cast", script.name));
        if wanted == script.name {
            fs::write(&path, &made).expect("the film is written");
        }
        if fs::read_to_string(&path).unwrap_or_default() != made {
            behind.push(script.name.clone());
        }
        insta::assert_snapshot!(script.name, text);
    }
    assert_eq!(
        behind,
        Vec::<String>::new(),
        "these films of the book show something else: read them, and write them anew"
    );
}

/// Whoever reads the book finds each film, and the keys that made it.
#[test]
fn the_book_lists_every_film() {
    let page = fs::read_to_string(root().join("docs/src/films.md")).expect("there is a page");
    for script in scripts() {
        assert!(page.contains(&format!("(casts/{}.cast)", script.name)), "{} is not listed", script.name);
        assert!(page.contains(&script.lines[0].0), "{} is not described as it describes itself", script.name);
    }
}
