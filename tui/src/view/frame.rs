//! What surrounds every screen: title, screens, slider, status and keys.

use ratatui::text::{Line, Span};
use trial_broker::time::Time;
use trial_sim::internal::scenario::Verdict;
use trial_sim::internal::scenario::trace::Weight;
use trial_sim::internal::session::Tape;

use crate::app::{Action, Ask, Message, Model, Prompt, SPEEDS, Screen, Spot, Status};
use crate::keys::{BINDINGS, Binding, COUNTS, VOTES, in_ascii, of_prompt};
use crate::theme::{Alphabet, Glyph, Role};
use crate::widget::row::Row;
use crate::widget::slider::{Mark, slider as slider_line};
use crate::widget::{cut, grouped, line, seconds, word};

/// What runs, and what time it is.
pub fn title(model: &Model, width: u16) -> Line<'static> {
    let look = model.look;
    let Some(tape) = &model.tape else { return line(look, Role::Title, format!("trial  {}", model.opening)) };
    let time = seconds(tape.cast.micros(model.place.at));
    let (glyph, pace) = if model.is_playing { (Glyph::Play, "plays") } else { (Glyph::Still, "paused") };
    let speed = match SPEEDS[model.speed] {
        speed if speed.is_finite() => format!("{speed}{}", look.sign(Glyph::Times)),
        _ => "flat out".to_owned(),
    };
    let right = match width {
        _ if model.mode.is_picture() => time,
        0..60 => format!("{} {pace} {time}", look.sign(glyph)),
        60.. => format!("{} {pace} {speed}  {time:>14}", look.sign(glyph)),
    };
    let room = usize::from(width).saturating_sub(right.chars().count() + 2);
    let left = title_of(model, tape, room);
    let gap = usize::from(width).saturating_sub(left.chars().count() + right.chars().count());
    let role = if model.is_playing { Role::Good } else { Role::Title };
    Line::from(vec![word(look, Role::Title, left), word(look, Role::Plain, " ".repeat(gap)), word(look, role, right)])
}

/// The title, the seed unless it stands in the title, which deliberate bug is on, and the run that is being made: these two stay
/// where the title is cut.
fn title_of(model: &Model, tape: &Tape, room: usize) -> String {
    let title = tape.scenario.file.title.as_str();
    let bugs: Vec<&str> = tape.scenario.bugs().collect();
    let mut kept = if bugs.is_empty() { String::new() } else { format!("   bug on: {}", bugs.join(", ")) };
    // The answer to the key that asked for it is gone with the next key.
    if model.forking.is_some() {
        kept.push_str(&format!("   run {} is being made", model.runs.len()));
    }
    let seed = tape.report.seed.to_string();
    let seed = if title.contains(&seed) { String::new() } else { format!("   seed {seed}") };
    let left = room.saturating_sub(kept.chars().count());
    let text = cut(&format!("{title}{seed}"), left, model.look);
    cut(format!("{text}{kept}").trim_start(), room, model.look)
}

/// The screens by their digits, what is picked out, what the run came to, and in a fork what was done. Where there is no room for the names of all
/// screens, that of the shown one.
pub fn screens(model: &Model, width: u16) -> Row {
    let width_of =
        |pieces: &[(Span<'static>, Option<Spot>)]| pieces.iter().map(|(word, _)| word.width()).sum::<usize>();
    let whole = screens_named(model, false);
    let mut pieces = if width_of(&whole) <= usize::from(width) { whole } else { screens_named(model, true) };
    // What was done may be cut: it stands in the list of runs too.
    if let Some(run) = model.runs.get(model.current).filter(|_| model.runs.len() > 1) {
        pieces.push((word(model.look, Role::Done, format!("  {}", run.name)), None));
    }
    Row::of(pieces)
}

fn screens_named(model: &Model, is_narrow: bool) -> Vec<(Span<'static>, Option<Spot>)> {
    let look = model.look;
    let mut pieces: Vec<(Span<'static>, Option<Spot>)> = Vec::new();
    for (number, screen) in (1..).zip(Screen::ALL) {
        let is_here = screen == model.screen;
        let text = match (is_narrow, is_here) {
            (true, false) => format!(" {number} "),
            _ => format!(" {number} {} ", screen.name()),
        };
        let role = if is_here { Role::Selected } else { Role::Plain };
        pieces.push((word(look, role, text), Some(Spot::Screen(screen))));
    }
    let way = model.way.as_ref().zip(model.tape.as_ref());
    let picked = way.map(|(way, tape)| format!("  way of {}", way.words(tape)));
    let picked = picked.or_else(|| model.filter.as_ref().map(|filter| format!("  /{}", filter.words())));
    pieces.extend(picked.map(|text| (word(look, Role::Warning, text), None)));
    if model.runs.len() > 1 {
        let text = format!("  run {} of {}", model.current + 1, model.runs.len());
        pieces.push((word(look, Role::Done, text), None));
    }
    if let Some(tape) = model.tape.as_ref().filter(|_| model.is_growing) {
        let words = if is_narrow { "shown up to" } else { "still being made: shown up to" };
        let end = tape.cast.micros(tape.time_at(tape.end()));
        pieces.push((word(look, Role::Warning, format!("  {words} {}", seconds(end))), None));
    }
    if let Some(tape) = model.tape.as_ref().filter(|_| model.may_tell_end()) {
        let (role, glyph) = match tape.report.verdict {
            Verdict::Pass => (Role::Good, Glyph::Yes),
            _ => (Role::Bad, Glyph::No),
        };
        let words = if is_narrow { "" } else { "ends in: " };
        let text = format!("  {words}{} {}", look.sign(glyph), tape.report.verdict);
        pieces.push((word(look, role, text), None));
    }
    pieces
}

/// The slider from time zero to the end; from power on while we are before time zero.
pub fn slider(model: &Model, width: u16) -> Row {
    let Some(tape) = &model.tape else { return Row::default() };
    let first = if model.place.at < tape.cast.zero() { Time::ZERO } else { tape.cast.zero() };
    let last = tape.time_at(tape.end());
    let length = last.0.saturating_sub(first.0).max(1) as f64;
    let part = |at: Time| at.0.saturating_sub(first.0) as f64 / length;
    // In a lesson nothing tells what lies ahead.
    let until = if model.mode.is_lesson() { model.place.at } else { last };
    let lines = tape.lines.iter().filter(|line| line.at >= first && line.at <= until);
    let of = |weight: Weight, glyph: Glyph, role: Role| {
        let lines = lines.clone().filter(move |line| line.weight == weight);
        lines.map(move |line| Mark { at: part(line.at), glyph, role })
    };
    let mut marks: Vec<Mark> = of(Weight::News, Glyph::News, Role::Plain).collect();
    marks.extend(of(Weight::Done, Glyph::Fault, Role::Done));
    let bookmarks = model.bookmarks.iter().map(|steps| tape.time_at(*steps));
    marks.extend(bookmarks.map(|at| Mark { at: part(at), glyph: Glyph::Bookmark, role: Role::Leader }));
    let violations = tape.violations.iter().map(|violation| violation.at).filter(|at| *at <= until);
    marks.extend(violations.map(|at| Mark { at: part(at), glyph: Glyph::No, role: Role::Bad }));
    let line = slider_line(model.look, part(model.place.at), &marks, width);
    let cells = line.spans.into_iter().zip(0..);
    Row::of(cells.map(|(cell, column)| (cell, Some(Spot::Slider { column, width }))).collect())
}

/// The answer to the last key, or else what the last step was.
pub fn status(model: &Model) -> Line<'static> {
    let look = model.look;
    if let Some(prompt) = &model.prompt {
        let asks = match prompt.ask {
            Ask::Place => "go to (41.5s, or a step's number): ",
            Ask::Command => "do: ",
            Ask::Filter => "show only what has these words: ",
            Ask::Record => "follow the record at: ",
            Ask::Prediction(_) if model.mode.is_poll() => "counts: ",
            Ask::Prediction(_) => "votes: ",
        };
        return Line::from(vec![
            word(look, Role::Key, asks),
            word(look, Role::Plain, prompt.text.clone()),
            word(look, Role::Selected, " "),
            match &prompt.answer {
                Some(answer) => word(look, Role::Bad, format!("  {answer}")),
                None => word(look, Role::Plain, format!("  {}", offered(prompt))),
            },
        ]);
    }
    match (&model.status, &model.tape) {
        (Some(Status::Said(text)), _) => line(look, Role::Plain, text.clone()),
        (Some(Status::Refused(text)), _) => line(look, Role::Bad, text.clone()),
        (None, Some(tape)) => line(look, Role::Plain, step_words(model, tape)),
        (None, None) => Line::default(),
    }
}

/// How the typed can go on; once somebody goes from one to the next, from the one that comes next: so the row's end hides none
/// for ever.
fn offered(prompt: &Prompt) -> String {
    let count = prompt.offers.len();
    let first = prompt.turn.map_or(0, |turn| turn + 1);
    // What is typed already need not be read again and again.
    let field = prompt.offers.first().and_then(|offer| offer.split_once('=')).map_or("", |(field, _)| field);
    let values = |offer: &&String| offer.split_once('=').is_some_and(|(other, _)| other == field);
    let length = if prompt.offers.iter().all(|offer| values(&offer)) { field.len() + 1 } else { 0 };
    let from_next = prompt.offers.iter().cycle().skip(first).take(count).map(|offer| &offer[length..]);
    let place = prompt.turn.map(|turn| format!("{} of {count}  ", turn + 1)).unwrap_or_default();
    format!("{place}{}", from_next.collect::<Vec<&str>>().join("  "))
}

fn step_words(model: &Model, tape: &Tape) -> String {
    let waits = if model.is_current() { "" } else { " ..." };
    match model.place.steps.checked_sub(1) {
        Some(step) => {
            let taken = model.contents().and_then(|contents| contents.taken.as_ref());
            let says = taken.map_or_else(String::new, |words| format!(": {words}"));
            format!("step {} of {}: {}{says}{waits}", grouped(step), grouped(tape.end()), tape.sentence(step))
        }
        None => format!("before the first of {} steps", grouped(tape.end())),
    }
}

/// The keys, from the one table: as many as there is room for, help and quit always. A click on one presses it.
pub fn footer(model: &Model, width: u16) -> Row {
    if let Some(prompt) = &model.prompt {
        return prompt_footer(model, prompt.ask);
    }
    let named = BINDINGS.iter().filter_map(|binding| Some((binding, binding.footer?)));
    let (last, first): (Vec<_>, Vec<_>) = named.partition(|(_, does)| matches!(*does, "help" | "quit"));
    let length = |(binding, does): &(&Binding, &str)| short(model, binding, does).chars().count() + does.len() + 3;
    let mut left = usize::from(width).saturating_sub(last.iter().map(length).sum());
    let mut shown = Vec::new();
    for entry in first {
        if length(&entry) <= left {
            left -= length(&entry);
            shown.push(entry);
        }
    }
    let pieces = shown.into_iter().chain(last).flat_map(|(binding, does)| {
        // Of two directions the second is forward.
        let action = binding.keys.iter().take(2).next_back().map(|(_, action)| *action);
        let action = action.filter(|action| !matches!(action, Action::Show(_)));
        // A click is no Ctrl+C.
        let action = action.map(|action| if action == Action::Interrupt { Action::Quit } else { action });
        [
            (word(model.look, Role::Key, short(model, binding, does)), action.map(Spot::Key)),
            (word(model.look, Role::Plain, format!(" {does}  ")), action.map(Spot::Key)),
        ]
    });
    Row::of(pieces.collect())
}

/// The keys while something is typed.
fn prompt_footer(model: &Model, ask: Ask) -> Row {
    let is_poll = matches!(ask, Ask::Prediction(_)) && model.mode.is_poll();
    let letters: &[(&str, &str)] = match ask {
        Ask::Prediction(_) if is_poll => COUNTS,
        Ask::Prediction(_) => VOTES,
        Ask::Place | Ask::Command | Ask::Filter | Ask::Record => &[],
    };
    let letters = letters.iter().flat_map(|(shown, does)| {
        [(word(model.look, Role::Key, *shown), None), (word(model.look, Role::Plain, format!(" {does}  ")), None)]
    });
    let pieces = of_prompt(ask).iter().flat_map(|binding| {
        let spot = match binding.edits.message() {
            Message::Type(typed) => Some(Spot::Typed(typed)),
            _ => None,
        };
        let does = if is_poll { binding.does_in_a_poll() } else { binding.does };
        [
            (word(model.look, Role::Key, binding.shown), spot.clone()),
            (word(model.look, Role::Plain, format!(" {does}  ")), spot),
        ]
    });
    Row::of(letters.chain(pieces).collect())
}

/// The first of several ways to press it.
fn short(model: &Model, binding: &Binding, does: &str) -> String {
    let shown = binding.shown;
    let keys: Vec<&str> = shown.split("  ").next().unwrap_or(shown).split(' ').collect();
    let short = match does {
        "screens" => format!("{}-{}", keys[0], keys[keys.len() - 1]),
        "step" | "line" | "news" | "speed" => keys.join("/"),
        _ => keys[0].to_owned(),
    };
    if model.look.alphabet == Alphabet::Ascii { in_ascii(&short) } else { short }
}

/// What is shown while the run is recorded.
pub fn opening(model: &Model) -> Vec<Line<'static>> {
    let text = match model.progress {
        Some((steps, at)) => {
            format!("recording: {} steps, {} since power on", grouped(steps), seconds(at.0 as i64))
        }
        None => "recording ...".to_owned(),
    };
    vec![Line::default(), line(model.look, Role::Plain, text)]
}
