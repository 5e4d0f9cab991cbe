//! What the teacher reads while the class sees the window: where it is, what comes next, the answer, and the notes.

use ratatui::text::Line;
use trial_sim::internal::scenario::trace::Weight;
use trial_sim::internal::session::Tape;

use crate::app::{Lesson, Whereabouts};
use crate::theme::{Glyph, Look, Role};
use crate::widget::{heading, line, seconds, wrapped};

/// How many lines that lie ahead are told.
const AHEAD: usize = 6;

/// Columns before what they say.
const TIME: u16 = 15;

/// The notes of a lesson for where the window of its class is; unless it is known, that is not open yet.
///
/// Questions and what comes next are those of the lesson's own run: of a fork nobody knows them before it is looked at.
pub fn lines(look: Look, tape: &Tape, class: Option<&Whereabouts>, width: u16) -> Vec<Line<'static>> {
    let paragraph = |role: Role, text: &str| -> Vec<Line<'static>> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text)).collect()
    };
    let mut lines = paragraph(Role::Title, &tape.scenario.file.title);
    let id = &tape.scenario.file.id.value;
    let (role, said) = match class {
        None => (Role::Warning, "the window of the class is not open yet".to_owned()),
        Some(class) if class.lesson != *id => (
            Role::Bad,
            format!("the window of the class shows another lesson, {}: these notes are of {id}", class.lesson),
        ),
        Some(Whereabouts { is_open: false, .. }) => (Role::Warning, "the window of the class was closed".to_owned()),
        Some(Whereabouts { run, deed: Some(deed), micros, .. }) => {
            let at = seconds(*micros);
            let text = format!("the class is at {at} of run {run} ({deed}): what comes there these notes do not know");
            (Role::Warning, text)
        }
        Some(class) => (Role::Good, format!("the class is at {}", seconds(class.micros))),
    };
    lines.extend(paragraph(role, &said));
    let part = |title: &str, words: Option<&String>| -> Vec<Line<'static>> {
        let Some(words) = words else { return Vec::new() };
        std::iter::once(heading(look, title, width)).chain(paragraph(Role::Plain, words)).collect()
    };
    let written = tape.scenario.file.lesson.as_ref();
    lines.extend(part("NOTES", written.and_then(|lesson| lesson.notes.as_ref())));
    let follows = class.is_none_or(|class| class.lesson == *id && class.deed.is_none());
    if follows {
        let here = class.map_or_else(|| tape.zero(), |class| class.steps);
        lines.extend(question_behind(look, tape, here, width));
        lines.extend(ahead_of(look, tape, here, width));
    }
    lines.extend(part("WHAT MANY BELIEVE", written.and_then(|lesson| lesson.misconception.as_ref())));
    lines.extend(part("WHAT IT TEACHES", written.and_then(|lesson| lesson.learn.as_ref())));
    lines.extend(part("WHAT TO CHANGE NEXT", written.and_then(|lesson| lesson.now_change.as_ref())));
    lines
}

/// The question that comes next, or that was asked and whose outcome is still to be seen, with its answer.
fn question_behind(look: Look, tape: &Tape, here: u64, width: u16) -> Vec<Line<'static>> {
    let lesson = Lesson::of(tape);
    let Some(question) = lesson.questions.iter().find(|question| question.revealed.steps > here) else {
        return Vec::new();
    };
    let paragraph = |role: Role, text: &str| -> Vec<Line<'static>> {
        wrapped(text, width).into_iter().map(|text| line(look, role, text)).collect()
    };
    let when = seconds(tape.cast.micros(question.asked.at));
    let title = if question.asked.steps < here {
        format!("ASKED AT {when}, TO BE REVEALED")
    } else {
        format!("THE NEXT QUESTION, AT {when}")
    };
    let mut lines = vec![heading(look, &title, width)];
    lines.extend(paragraph(Role::Heading, &question.ask));
    for (index, choice) in question.choices.iter().enumerate() {
        let (glyph, role) =
            if question.answer == Some(index) { (Glyph::Yes, Role::Good) } else { (Glyph::Lane, Role::Plain) };
        lines.push(line(look, role, format!("  {} {choice}", look.sign(glyph))));
    }
    lines.extend(question.why.iter().flat_map(|why| paragraph(Role::Plain, why)));
    lines
}

/// The next changes, each to its end.
fn ahead_of(look: Look, tape: &Tape, here: u64, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![heading(look, "WHAT COMES NEXT", width)];
    let ahead = tape.lines_after(here).iter().filter(|line| line.weight >= Weight::News);
    for told in ahead.take(AHEAD) {
        let text = format!("{} {} {}", told.event, told.what, told.cause);
        let mut when = seconds(tape.cast.micros(told.at));
        for text in wrapped(&text, width.saturating_sub(TIME)) {
            lines.push(line(look, Role::Plain, format!("{:>13}  {text}", std::mem::take(&mut when))));
        }
    }
    if lines.len() == 1 {
        lines.push(line(look, Role::Plain, "nothing: this is the end"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    fn noted(stage: &Stage, class: &Whereabouts) -> String {
        let tape = stage.model.runs[0].shelved.as_deref().or(stage.model.tape.as_deref()).expect("the lesson");
        let lines = lines(Look::default(), tape, Some(class), 100);
        lines.iter().map(Line::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Steps have other numbers in every run, and what comes in one of them comes in no other.
    #[test]
    fn of_a_fork_the_notes_tell_its_own_time_and_nothing_of_what_comes() {
        let mut stage = Stage::lesson(Look::default());
        stage.press("t2.5s<Enter>");
        let here = Whereabouts::of(&stage.model).expect("it is recorded");
        let before = noted(&stage, &here);
        assert!(before.contains("the class is at 2.500 s") && before.contains("THE NEXT QUESTION"), "{before}");
        assert!(before.contains("NOTES") && before.contains("The question stops"), "{before}");
        stage.press("Kt10s<Enter>");
        let here = Whereabouts::of(&stage.model).expect("it is recorded");
        let fork = noted(&stage, &here);
        assert!(fork.contains("the class is at 10.000 s of run 2 (kill leader=orders-0 at 2.5s)"), "{fork}");
        assert!(!fork.contains("THE NEXT QUESTION") && !fork.contains("WHAT COMES NEXT"), "{fork}");
        assert!(fork.contains("WHAT IT TEACHES"), "{fork}");
    }

    /// Time runs on between a question and what answers it, and the teacher still wants to have the answer before him.
    #[test]
    fn a_question_that_was_asked_is_no_longer_the_next_one() {
        let mut stage = Stage::with_questions();
        stage.press("G");
        let noted_here = |stage: &Stage| noted(stage, &Whereabouts::of(&stage.model).expect("it is recorded"));
        let tape = stage.model.tape.as_deref().expect("it is recorded");
        let when = seconds(tape.cast.micros(stage.model.place.at));
        let asked = noted_here(&stage);
        assert!(asked.contains(&format!("THE NEXT QUESTION, AT {when}")), "{asked}");
        stage.press("2<Enter><Right>");
        let behind = noted_here(&stage);
        assert!(behind.contains(&format!("ASKED AT {when}, TO BE REVEALED")), "{behind}");
        assert!(!behind.contains("THE NEXT QUESTION"), "{behind}");
    }

    #[test]
    fn of_another_lesson_and_of_a_window_that_was_closed_the_notes_say_so() {
        let stage = Stage::lesson(Look::default());
        let here = Whereabouts::of(&stage.model).expect("it is recorded");
        let closed = noted(&stage, &Whereabouts { is_open: false, ..here.clone() });
        assert!(closed.contains("was closed") && !closed.contains("the class is at"), "{closed}");
        let other = noted(&stage, &Whereabouts { lesson: "leader-loss".to_owned(), ..here });
        assert!(other.contains("another lesson, leader-loss") && !other.contains("WHAT COMES NEXT"), "{other}");
    }
}
