//! What a lesson adds: what to watch for, the question with its choices, and prediction against outcome.

use ratatui::text::{Line, Span};

use crate::app::{Ask, Lesson, Model, Question};
use crate::theme::{Glyph, Role};
use crate::widget::{heading, line, word, wrapped};

/// What to watch for; at the end what to change.
pub fn banner(model: &Model) -> Option<Line<'static>> {
    let tape = model.tape.as_ref().filter(|_| model.is_lesson)?;
    let lesson = tape.scenario.file.lesson.as_ref()?;
    let (title, text) = match (&lesson.now_change, &lesson.watch_for) {
        (Some(change), _) if model.place.steps >= tape.end() => ("NOW CHANGE ONE THING  ", change),
        (_, Some(watch)) => ("WATCH FOR  ", watch),
        _ => return None,
    };
    Some(Line::from(vec![word(model.look, Role::Done, title), word(model.look, Role::Heading, text.clone())]))
}

/// The question that is open, or the outcome that is shown; none if neither is.
pub fn lines(model: &Model, width: u16) -> Option<Vec<Line<'static>>> {
    let lesson = model.lesson.as_ref()?;
    if let Some(prompt) = &model.prompt
        && let Ask::Prediction(index) = prompt.ask
    {
        let question = lesson.questions.get(index)?;
        return Some(asked(model, question, &prompt.text, width));
    }
    Some(revealed(model, lesson.questions.get(lesson.revealing?)?, width))
}

fn paragraph(model: &Model, role: Role, text: &str, width: u16) -> Vec<Line<'static>> {
    wrapped(text, width).into_iter().map(|text| line(model.look, role, text)).collect()
}

fn asked(model: &Model, question: &Question, typed: &str, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let votes = Lesson::votes(question, typed);
    let mut lines = vec![heading(look, "PREDICT", width)];
    lines.extend(paragraph(model, Role::Heading, &question.ask, width));
    lines.push(Line::default());
    for (number, (choice, votes)) in (1..).zip(question.choices.iter().zip(votes)) {
        lines.push(Line::from(vec![
            word(look, Role::Key, format!("  {number}  ")),
            word(look, if votes > 0 { Role::Leader } else { Role::Plain }, choice.clone()),
            ballots(model, votes),
        ]));
    }
    lines.push(Line::default());
    lines.push(line(look, Role::Plain, "A digit is a vote, Backspace takes one back, Enter goes on."));
    lines
}

/// A sign a vote, and their number.
fn ballots(model: &Model, votes: usize) -> Span<'static> {
    let text = match votes {
        0 => String::new(),
        votes => {
            let signs: String = std::iter::repeat_n(model.look.sign(Glyph::Event), votes.min(30)).collect();
            format!("  {signs} {votes}")
        }
    };
    word(model.look, Role::Leader, text)
}

fn revealed(model: &Model, question: &Question, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let votes = question.votes.clone().unwrap_or_default();
    let mut lines = vec![heading(look, "PREDICTED, AND WHAT CAME", width)];
    lines.extend(paragraph(model, Role::Heading, &question.ask, width));
    lines.push(Line::default());
    for (index, choice) in question.choices.iter().enumerate() {
        let (glyph, role) =
            if index == question.answer { (Glyph::Yes, Role::Good) } else { (Glyph::Lane, Role::Plain) };
        lines.push(Line::from(vec![
            word(look, role, format!("  {} {choice}", look.sign(glyph))),
            ballots(model, votes.get(index).copied().unwrap_or(0)),
        ]));
    }
    lines.push(Line::default());
    if let Some(why) = &question.why {
        lines.extend(paragraph(model, Role::Plain, why, width));
    }
    lines.push(Line::from(vec![word(look, Role::Key, "Space"), word(look, Role::Plain, " goes on")]));
    lines
}
