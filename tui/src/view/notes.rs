//! What the teacher reads while the class sees the window: where it is, what comes next, the answer, and the notes.

use ratatui::text::Line;
use trial_sim::internal::session::Tape;

use crate::app::Lesson;
use crate::theme::{Glyph, Look, Role};
use crate::widget::{heading, line, seconds, wrapped};

/// How many lines that lie ahead are told.
const AHEAD: usize = 6;

/// The notes at a place: behind so many steps; without a place the window is not open yet.
pub fn lines(look: Look, tape: &Tape, steps: Option<u64>, width: u16) -> Vec<Line<'static>> {
    let paragraph = |role: Role, text: &str| -> Vec<Line<'static>> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text)).collect()
    };
    let here = steps.unwrap_or_else(|| tape.zero());
    let at = tape.time_at(here).max(tape.cast.zero());
    let mut lines = paragraph(Role::Title, &tape.scenario.file.title);
    lines.push(match steps {
        Some(_) => line(look, Role::Good, format!("the class is at {}", seconds(tape.cast.micros(at)))),
        None => line(look, Role::Warning, "the window of the class is not open yet"),
    });
    let lesson = Lesson::of(tape);
    let next = lesson.questions.iter().find(|question| question.revealed.steps > here);
    if let Some(question) = next {
        let when = seconds(tape.cast.micros(question.asked.at));
        lines.push(heading(look, &format!("THE NEXT QUESTION, AT {when}"), width));
        lines.extend(paragraph(Role::Heading, &question.ask));
        for (index, choice) in question.choices.iter().enumerate() {
            let (glyph, role) =
                if question.answer == Some(index) { (Glyph::Yes, Role::Good) } else { (Glyph::Lane, Role::Plain) };
            lines.push(line(look, role, format!("  {} {choice}", look.sign(glyph))));
        }
        lines.extend(question.why.iter().flat_map(|why| paragraph(Role::Plain, why)));
    }
    lines.push(heading(look, "WHAT COMES NEXT", width));
    let ahead =
        tape.lines_after(here).iter().filter(|line| line.weight >= trial_sim::internal::scenario::trace::Weight::News);
    let ahead: Vec<String> = ahead
        .take(AHEAD)
        .map(|told| format!("{:>13}  {} {} {}", seconds(tape.cast.micros(told.at)), told.event, told.what, told.cause))
        .collect();
    if ahead.is_empty() {
        lines.push(line(look, Role::Plain, "nothing: this is the end"));
    }
    lines.extend(ahead.into_iter().map(|text| line(look, Role::Plain, text)));
    let Some(said) = &tape.scenario.file.lesson else { return lines };
    let parts = [
        ("WHAT MANY BELIEVE", &said.misconception),
        ("WHAT IT TEACHES", &said.learn),
        ("NOTES", &said.notes),
        ("WHAT TO CHANGE NEXT", &said.now_change),
    ];
    for (title, words) in parts {
        if let Some(words) = words {
            lines.push(heading(look, title, width));
            lines.extend(paragraph(Role::Plain, words));
        }
    }
    lines
}
