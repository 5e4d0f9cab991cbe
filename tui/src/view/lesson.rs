//! What a lesson adds: what to watch for, the question with its choices, and prediction against outcome.

use ratatui::text::{Line, Span};

use crate::app::{Ask, Lesson, Model, Question, Spot};
use crate::theme::{Glyph, Role};
use crate::widget::row::Row;
use crate::widget::{heading, line, word, wrapped};

/// From this width on a text stands beside its title.
const NARROW: u16 = 60;

/// Below so many rows what the screen shows needs them more than what is said about it.
const LOW: u16 = 12;

/// What to watch for; at the end what to change. As many lines as it takes, at most three; in a low window one, cut short.
pub fn banner(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    let Some(tape) = model.tape.as_ref().filter(|_| model.is_lesson) else { return Vec::new() };
    let Some(lesson) = tape.scenario.file.lesson.as_ref() else { return Vec::new() };
    let (title, text) = match (&lesson.now_change, &lesson.watch_for) {
        (Some(change), _) if model.place.steps >= tape.end() => ("NOW CHANGE ONE THING", change),
        (_, Some(watch)) => ("WATCH FOR", watch),
        _ => return Vec::new(),
    };
    let title_word = word(model.look, Role::Done, format!("{title}  "));
    if height < LOW {
        let room = usize::from(width).saturating_sub(title_word.width());
        let cut: String = match text.chars().count() > room {
            true => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            false => text.clone(),
        };
        return vec![Line::from(vec![title_word, word(model.look, Role::Heading, cut)])];
    }
    let indent = if width < NARROW { 0 } else { title_word.width() };
    let room = width.saturating_sub(u16::try_from(indent).unwrap_or(u16::MAX));
    let text = wrapped(text, room).into_iter().take(3).map(|text| word(model.look, Role::Heading, text));
    if indent == 0 {
        return std::iter::once(title_word).chain(text).map(Line::from).collect();
    }
    let before =
        std::iter::once(title_word).chain(std::iter::repeat(word(model.look, Role::Plain, " ".repeat(indent))));
    before.zip(text).map(|(before, text)| Line::from(vec![before, text])).collect()
}

/// The question that is open, or the outcome that is shown; none if neither is.
pub fn rows(model: &Model, width: u16) -> Option<Vec<Row>> {
    let lesson = model.lesson.as_ref()?;
    if let Some(prompt) = &model.prompt
        && let Ask::Prediction(index) = prompt.ask
    {
        let question = lesson.questions.get(index)?;
        return Some(asked(model, question, &prompt.text, width));
    }
    let lines = revealed(model, lesson.questions.get(lesson.revealing?)?, width);
    Some(lines.into_iter().map(Row::from).collect())
}

fn paragraph(model: &Model, role: Role, text: &str, width: u16) -> Vec<Line<'static>> {
    wrapped(text, width).into_iter().map(|text| line(model.look, role, text)).collect()
}

fn asked(model: &Model, question: &Question, typed: &str, width: u16) -> Vec<Row> {
    let look = model.look;
    let votes = Lesson::votes(question, typed, model.is_poll);
    let most = votes.iter().copied().max().unwrap_or(0);
    let mut rows = vec![Row::from(heading(look, "PREDICT", width))];
    rows.extend(paragraph(model, Role::Heading, &question.ask, width).into_iter().map(Row::from));
    rows.push(Line::default().into());
    for (number, (choice, votes)) in (1..).zip(question.choices.iter().zip(votes)) {
        let mut pieces = vec![
            word(look, Role::Key, format!("  {number}  ")),
            word(look, if votes > 0 { Role::Leader } else { Role::Plain }, choice.clone()),
        ];
        if !model.is_presented {
            pieces.push(ballots(model, votes));
        }
        rows.push(Row::at(Line::from(pieces), Spot::Choice(number)));
        if model.is_presented {
            rows.push(bar(model, votes, most, width).into());
            rows.push(Line::default().into());
        }
    }
    rows.push(Line::default().into());
    let how = if model.is_poll {
        "The count of each choice, with a blank between them; Enter goes on."
    } else {
        "A digit is a vote, Backspace takes one back, Enter goes on."
    };
    rows.extend(paragraph(model, Role::Plain, how, width).into_iter().map(Row::from));
    rows
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

/// Votes as a bar beside the longest, for the last row of the room.
fn bar(model: &Model, votes: usize, most: usize, width: u16) -> Line<'static> {
    let room = usize::from(width).saturating_sub(12);
    let length = votes * room / most.max(1);
    let signs: String = std::iter::repeat_n(model.look.sign(Glyph::Durable), length).collect();
    line(model.look, Role::Leader, format!("     {signs} {votes}"))
}

fn revealed(model: &Model, question: &Question, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let votes = question.votes.clone().unwrap_or_default();
    let most = votes.iter().copied().max().unwrap_or(0);
    let mut lines = vec![heading(look, "PREDICTED, AND WHAT CAME", width)];
    lines.extend(paragraph(model, Role::Heading, &question.ask, width));
    lines.push(Line::default());
    for (index, choice) in question.choices.iter().enumerate() {
        let (glyph, role) =
            if question.answer == Some(index) { (Glyph::Yes, Role::Good) } else { (Glyph::Lane, Role::Plain) };
        let votes = votes.get(index).copied().unwrap_or(0);
        let mut pieces = vec![word(look, role, format!("  {} {choice}", look.sign(glyph)))];
        if !model.is_presented {
            pieces.push(ballots(model, votes));
        }
        lines.push(Line::from(pieces));
        if model.is_presented {
            lines.push(bar(model, votes, most, width));
            lines.push(Line::default());
        }
    }
    lines.push(Line::default());
    let other =
        "In this run something else was done before the outcome: what came of it stands above, and in the lines.";
    let words = if question.answer.is_some() { question.why.as_deref() } else { Some(other) };
    lines.extend(words.into_iter().flat_map(|words| paragraph(model, Role::Plain, words, width)));
    lines.push(Line::from(vec![word(look, Role::Key, "Space"), word(look, Role::Plain, " goes on")]));
    lines
}
