//! A run out of the window: the same screens as pictures, for people without a terminal.
//!
//! ```text
//!   session ──▶ model ──▶ view ──▶ pictures ──┬──▶ html: one page with a slider, which needs no network
//!                  │                          └──▶ cast: a film that asciinema plays
//!                  ├──▶ svg: the lanes as a drawing
//!                  └──▶ a recording, which opens in a window again
//! ```
//!
//! Nothing here draws anything of its own, and nothing reads a clock: the same run makes the same files, to the byte.

pub mod cast;
pub mod html;
mod picture;
pub mod svg;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use trial_sim::internal::scenario::trace::Weight;
use trial_sim::internal::scenario::{Scenario, Span};
use trial_sim::internal::session::{News, Session, Tape};

use crate::app::{Action, Effect, Filter, Message, Mode, Model, Screen, Whereto, update};
use crate::theme::Look;
use crate::view;
use crate::widget::seconds;
pub use picture::Picture;

/// The screens that are shown.
pub const SCREENS: [Screen; 7] = Screen::ALL;

/// So many moments are shown at most: a page stays small enough to be sent by mail.
const MOST: usize = 300;

/// So many of these at most are of regular times, where nothing was told for a while.
const REGULAR: usize = 60;

/// No picture of a page is higher, in rows, unless it was asked for.
const HIGHEST: u16 = 160;

/// From one regular time to the next, in milliseconds: the first that is long enough for a run is taken.
const EVERY: [u64; 12] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// How high the pictures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Height {
    /// As a terminal is: what has no room is counted.
    Fixed,
    /// At least so high, and higher where a screen needs it: a page scrolls.
    AsNeeded,
}

/// One moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds since time zero.
    pub micros: i64,
    /// So many steps have been taken.
    pub steps: u64,
    /// The window at this moment: a picture for each of [`SCREENS`].
    pub pictures: Vec<Picture>,
}

/// What a mark on the slider stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// Something was done to the world.
    Done,
    /// A promise was broken.
    Broken,
}

/// A mark on the slider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Microseconds since time zero.
    pub micros: i64,
    /// What it stands for.
    pub kind: MarkKind,
    /// What was done, or which promise was broken.
    pub words: String,
}

/// A run as pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Film {
    /// What was run.
    pub title: String,
    /// Columns and rows of each picture.
    pub size: (u16, u16),
    /// The moments, in order.
    pub frames: Vec<Frame>,
    /// When something was done or a promise was broken, in order, broken promises last.
    pub marks: Vec<Mark>,
    /// The moment and the screen with which it opens, by their places: those of the window.
    pub opens: (usize, usize),
    /// Which moments these are, for whoever looks at them.
    pub range: String,
}

/// A run that was made, and is looked at.
pub struct Looked {
    session: Session,
    /// What a window would know, at time zero.
    pub model: Model,
}

impl Looked {
    /// Makes the run. None if its thread ends without a recording.
    pub fn at(scenario: Scenario, look: Look) -> Option<Looked> {
        let title = scenario.caption();
        let session = Session::open(scenario);
        let mut model = Model::new(look, title, None);
        model.mode = Mode::Picture;
        while model.tape.is_none() {
            let news = session.wait()?;
            happen(&session, &mut model, Message::News(news));
        }
        happen(&session, &mut model, Message::Do(Action::ToZero));
        Some(Looked { session, model })
    }

    /// Shows on the lanes only what has these words.
    pub fn filter(&mut self, filter: Option<Filter>) {
        let Looked { session, model } = self;
        model.filter = filter;
        happen(session, model, Message::Do(Action::Show(Screen::Lanes)));
    }

    /// Takes its pictures.
    pub fn film(&mut self, size: (u16, u16), height: Height) -> Film {
        let Looked { session, model } = self;
        let marks = model.tape.as_deref().map_or_else(Vec::new, marks);
        let (moments, range) = model.tape.as_deref().map_or_else(Default::default, moments);
        let frames: Vec<Frame> = moments.into_iter().map(|to| frame(session, model, to, size, height)).collect();
        let opens = model.tape.as_deref().map_or((0, 0), |tape| opens(tape, &frames));
        Film { title: model.opening.clone(), size, frames, marks, opens, range }
    }
}

/// Where a window would open: at the first broken promise with its proof, else at time zero.
fn opens(tape: &Tape, frames: &[Frame]) -> (usize, usize) {
    let Some(violation) = tape.violations.first() else { return (0, 0) };
    let moment = frames.iter().position(|frame| frame.steps > violation.step);
    let screen = SCREENS.iter().position(|screen| *screen == Screen::Checks);
    moment.zip(screen).unwrap_or((0, 0))
}

/// What is worth a picture, and how that is said: time zero, the step of every line (where these are too many, of every change)
/// and of every broken promise, the end, and regular times wherever nothing was told for as long as from one of these to the next.
fn moments(tape: &Tape) -> (Vec<Message>, String) {
    let of = |least: Weight| {
        let lines = tape.lines_after(tape.zero()).iter().filter(|line| line.weight >= least);
        let mut steps: Vec<u64> = lines.map(|line| line.step).collect();
        steps.dedup();
        steps
    };
    let most = MOST - REGULAR - 2;
    let all = of(Weight::Flow);
    let (mut steps, what) = if all.len() > most { (of(Weight::News), "change") } else { (all, "line") };
    let in_all = steps.len();
    thin(&mut steps, most);
    let thinned = steps.len();
    steps.extend(tape.violations.iter().map(|violation| violation.step));
    steps.sort_unstable();
    steps.dedup();
    let (zero, last) = (tape.cast.zero(), tape.time_at(tape.end()));
    let every = regular(last.0.saturating_sub(zero.0));
    let times = (1..).map(|number| zero.0 + number * every).take_while(|at| *at < last.0).take(REGULAR);
    let is_told = |at: u64| {
        let behind = steps.partition_point(|step| tape.told_at(*step + 1).0 <= at);
        steps[..behind].last().is_some_and(|step| tape.told_at(*step + 1).0 + every > at)
    };
    let regular = times.filter(|at| !is_told(*at)).map(|at| {
        let micros = i64::try_from(at - zero.0).unwrap_or(i64::MAX);
        (at, Message::Go(Whereto::Time(Span { micros })))
    });
    let told = steps.iter().map(|step| (tape.told_at(*step + 1).0, Message::Go(Whereto::Step(*step))));
    let mut between: Vec<(u64, Message)> = told.chain(regular).collect();
    between.sort_by_key(|(at, _)| *at);
    let mut messages = vec![Message::Do(Action::ToZero)];
    messages.extend(between.into_iter().map(|(_, message)| message));
    messages.push(Message::Do(Action::ToEnd));
    let which = if thinned < in_all { format!("{thinned} of {in_all} {what}s") } else { format!("every {what}") };
    let range = format!(
        "{} moments from 0.000 s to {}: {which}, and one in {} where nothing is told",
        messages.len(),
        seconds(tape.cast.micros(last)),
        seconds(every as i64)
    );
    (messages, range)
}

/// Leaves so many of these, the first and the last among them, and as many out of one part as of another.
fn thin(steps: &mut Vec<u64>, most: usize) {
    let (count, last) = (steps.len(), most.saturating_sub(1).max(1));
    if count > most {
        *steps = (0..most).map(|number| steps[number * (count - 1) / last]).collect();
    }
}

/// From one regular time to the next, for a run of so many microseconds: at most [`REGULAR`] of them.
fn regular(length: u64) -> u64 {
    let micros = EVERY.map(|millis| millis * 1000);
    micros.into_iter().find(|every| length / every <= REGULAR as u64).unwrap_or(length / REGULAR as u64)
}

/// When something was done to the world, or a promise broken.
fn marks(tape: &Tape) -> Vec<Mark> {
    let done = tape.lines_after(tape.zero()).iter().filter(|line| line.weight == Weight::Done);
    let done = done.map(|line| (line.at, MarkKind::Done, format!("{} {}: {}", line.event, line.what, line.cause)));
    let broken = tape.violations.iter().map(|violation| {
        let words = format!("{}: {}", violation.property.name, violation.message);
        (violation.at, MarkKind::Broken, words)
    });
    let mut marks: Vec<Mark> = Vec::new();
    for (at, kind, words) in done.chain(broken) {
        let micros = tape.cast.micros(at);
        // What was done at one instant has one mark.
        match marks.last_mut().filter(|last| (last.micros, last.kind) == (micros, kind)) {
            Some(last) => last.words += &format!("; {words}"),
            None => marks.push(Mark { micros, kind, words }),
        }
    }
    marks
}

fn frame(session: &Session, model: &mut Model, to: Message, (width, least): (u16, u16), height: Height) -> Frame {
    happen(session, model, to);
    let pictures = SCREENS.map(|screen| {
        happen(session, model, Message::Do(Action::Show(screen)));
        let height = match height {
            Height::Fixed => least,
            Height::AsNeeded => view::height_of_all(model, width, least).min(HIGHEST.max(least)),
        };
        picture_of(model, (width, height))
    });
    let micros = model.tape.as_ref().map_or(0, |tape| tape.cast.micros(model.place.at));
    Frame { micros, steps: model.place.steps, pictures: pictures.to_vec() }
}

fn picture_of(model: &Model, (width, height): (u16, u16)) -> Picture {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| view::draw(frame, model));
    Picture::of(terminal.backend().buffer())
}

/// Something happens, and the session's answers with it.
fn happen(session: &Session, model: &mut Model, message: Message) {
    for effect in update(model, message) {
        if let Effect::Look { steps, wanted } = effect {
            session.look(steps, wanted);
            if let Some(seen @ News::Seen(_)) = session.wait() {
                happen(session, model, Message::News(seen));
            }
        }
    }
}

#[cfg(test)]
mod tests;
