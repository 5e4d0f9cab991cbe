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

use crate::app::{Action, Effect, Filter, Message, Model, Screen, Whereto, update};
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

/// From one regular time to the next, in milliseconds: the first that is long enough for a run is taken.
const EVERY: [u64; 12] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// One moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds since time zero.
    pub micros: i64,
    /// The window at this moment: a picture for each of [`SCREENS`].
    pub pictures: Vec<Picture>,
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
    /// When something was done or a promise was broken, in microseconds since time zero, in order.
    pub marks: Vec<i64>,
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
        model.is_picture = true;
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
    pub fn film(&mut self, size: (u16, u16)) -> Film {
        let Looked { session, model } = self;
        let marks = model.tape.as_deref().map_or_else(Vec::new, marks);
        let (moments, range) = model.tape.as_deref().map_or_else(Default::default, moments);
        let frames = moments.into_iter().map(|to| frame(session, model, to, size)).collect();
        Film { title: model.opening.clone(), size, frames, marks, range }
    }
}

/// What is worth a picture, and how that is said: time zero, the step of every line (where these are too many, of every change),
/// the end, and regular times wherever nothing was told for as long as from one of these to the next.
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
    let (zero, last) = (tape.cast.zero(), tape.time_at(tape.end()));
    let every = regular(last.0.saturating_sub(zero.0));
    let times = (1..).map(|number| zero.0 + number * every).take_while(|at| *at < last.0).take(REGULAR);
    let is_told = |at: u64| {
        let behind = steps.partition_point(|step| tape.time_at(*step + 1).0 <= at);
        steps[..behind].last().is_some_and(|step| tape.time_at(*step + 1).0 + every > at)
    };
    let regular = times.filter(|at| !is_told(*at)).map(|at| {
        let micros = i64::try_from(at - zero.0).unwrap_or(i64::MAX);
        (at, Message::Go(Whereto::Time(Span { micros })))
    });
    let told = steps.iter().map(|step| (tape.time_at(*step + 1).0, Message::Go(Whereto::Step(*step))));
    let mut between: Vec<(u64, Message)> = told.chain(regular).collect();
    between.sort_by_key(|(at, _)| *at);
    let mut messages = vec![Message::Do(Action::ToZero)];
    messages.extend(between.into_iter().map(|(_, message)| message));
    messages.push(Message::Do(Action::ToEnd));
    let which =
        if steps.len() < in_all { format!("{} of {in_all} {what}s", steps.len()) } else { format!("every {what}") };
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
fn marks(tape: &Tape) -> Vec<i64> {
    let done = tape.lines_after(tape.zero()).iter().filter(|line| line.weight == Weight::Done).map(|line| line.at);
    let broken = tape.violations.iter().map(|violation| violation.at);
    let mut marks: Vec<i64> = done.chain(broken).map(|at| tape.cast.micros(at)).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn frame(session: &Session, model: &mut Model, to: Message, size: (u16, u16)) -> Frame {
    happen(session, model, to);
    let pictures = SCREENS.map(|screen| {
        happen(session, model, Message::Do(Action::Show(screen)));
        picture_of(model, size)
    });
    let micros = model.tape.as_ref().map_or(0, |tape| tape.cast.micros(model.place.at));
    Frame { micros, pictures: pictures.to_vec() }
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
