//! What a lesson adds: what to watch for, the question with its choices, and prediction against outcome.

use ratatui::text::{Line, Span};

use crate::app::{Ask, Lesson, Model, Question, Spot};
use crate::theme::{Glyph, Look, Role};
use crate::widget::row::{Row, rows};
use crate::widget::{counted, cut, heading, line, word, wrapped};

/// From this width on a text stands beside its title.
const NARROW: u16 = 60;

/// Below so many rows what the screen shows needs them more than what is said about it.
const LOW: u16 = 12;

/// So many lines of what to watch for are shown at most.
const HIGHEST: usize = 3;

/// What to watch for; at the end what to change; in a fork, behind its deed, what was done. As many lines as it takes, at most three; in a low window one, cut short.
pub fn banner(model: &Model, width: u16, height: u16) -> Vec<Line<'static>> {
    let Some(tape) = model.tape.as_ref().filter(|_| model.mode.is_lesson()) else { return Vec::new() };
    let Some(lesson) = tape.scenario.file.lesson.as_ref() else { return Vec::new() };
    let done = model.done_by_now().map(str::to_owned).unwrap_or_default();
    let (title, text) = match (&lesson.now_change, &lesson.watch_for) {
        // What the lesson says was written of another run.
        _ if !done.is_empty() => ("YOUR RUN", &done),
        (Some(change), _) if model.place.steps >= tape.end() => {
            ("NOW CHANGE ONE THING", &with_what_to_do(change, &tape.scenario.path))
        }
        (_, Some(watch)) => ("WATCH FOR", watch),
        _ => return Vec::new(),
    };
    let title_word = word(model.look, Role::Done, format!("{title}  "));
    if height < LOW {
        let room = usize::from(width).saturating_sub(title_word.width());
        return vec![Line::from(vec![title_word, word(model.look, Role::Heading, cut(text, room, model.look))])];
    }
    let indent = if width < NARROW { 0 } else { title_word.width() };
    let room = width.saturating_sub(u16::try_from(indent).unwrap_or(u16::MAX));
    let mut text = wrapped(text, room);
    if text.len() > HIGHEST {
        let rest = text.split_off(HIGHEST - 1).join(" ");
        text.push(cut(&rest, usize::from(room), model.look));
    }
    let text = text.into_iter().map(|text| word(model.look, Role::Heading, text));
    if indent == 0 {
        return std::iter::once(title_word).chain(text).map(Line::from).collect();
    }
    let before =
        std::iter::once(title_word).chain(std::iter::repeat(word(model.look, Role::Plain, " ".repeat(indent))));
    before.zip(text).map(|(before, text)| Line::from(vec![before, text])).collect()
}

/// What to change, with the way to do it unless it names a lesson in which that is done.
pub fn with_what_to_do(change: &str, path: &str) -> String {
    match change.contains("`trial ") {
        true => format!("{change} (q leaves this one.)"),
        false => format!("{change} (In a copy of {path}; `trial play` opens it.)"),
    }
}

/// What is said of the question that is open, or of the outcome that is shown.
pub struct Said {
    /// All of it.
    whole: Vec<Row>,
    /// What stands below all of it wherever there is room beside the screen.
    more: Vec<Row>,
    /// The same without what only sets it off: heading and blank rows.
    close: Vec<Row>,
    /// Of what must be said, the part that is cut first: what is asked, or what came and why.
    first: Vec<Row>,
    /// The part that stands below it in any case: what can be answered, or how one goes on.
    last: Vec<Row>,
}

impl Said {
    /// How many rows it takes.
    pub fn height(&self) -> usize {
        self.whole.len()
    }

    /// All of it; where there is no room, without blanks; where there is none for that either what must be said, and that more
    /// is missing.
    pub fn rows(self, look: Look, height: u16) -> Vec<Row> {
        let room = usize::from(height);
        if self.whole.len() <= room {
            let has_room = self.whole.len() + self.more.len() <= room;
            return self.whole.into_iter().chain(self.more.into_iter().filter(|_| has_room)).collect();
        }
        if self.close.len() <= room {
            return self.close;
        }
        let Said { close, mut first, mut last, .. } = self;
        let missing = close.len().saturating_sub(room.min(first.len() + last.len()));
        let words = word(look, Role::Plain, format!("   {} without room", counted(missing as i64, "row")));
        last.iter_mut().rev().take(1).for_each(|row| row.line.push_span(words.clone()));
        let left = room.saturating_sub(last.len());
        if first.len() > left {
            first.truncate(left);
            let end = word(look, Role::Plain, look.sign(Glyph::Cut).to_string());
            first.iter_mut().rev().take(1).for_each(|row| row.line.push_span(end.clone()));
        }
        first.extend(last);
        first
    }
}

/// The question that is open, or the outcome that is shown; none if neither is.
pub fn said(model: &Model, width: u16) -> Option<Said> {
    let lesson = model.lesson.as_ref()?;
    if let Some(prompt) = &model.prompt
        && let Ask::Prediction(index) = prompt.ask
    {
        return Some(asked(model, lesson.questions.get(index)?, &prompt.text, width));
    }
    Some(revealed(model, lesson.questions.get(lesson.revealing?)?, width))
}

fn paragraph(model: &Model, role: Role, text: &str, width: u16) -> Vec<Line<'static>> {
    wrapped(text, width).into_iter().map(|text| line(model.look, role, text)).collect()
}

fn asked(model: &Model, question: &Question, typed: &str, width: u16) -> Said {
    let look = model.look;
    let votes = Lesson::votes(question, typed, model.mode.is_poll());
    let most = votes.iter().copied().max().unwrap_or(0);
    let ask: Vec<Row> = paragraph(model, Role::Heading, &question.ask, width).into_iter().map(Row::from).collect();
    let choices = choices(model, question, typed, width);
    let mut rows = vec![Row::from(heading(look, "PREDICT", width))];
    rows.extend(ask.iter().cloned());
    rows.push(Line::default().into());
    for (choice, votes) in choices.iter().zip(votes) {
        rows.push(choice.clone());
        if model.mode.is_presented() {
            rows.push(bar(model, votes, most, width).into());
            rows.push(Line::default().into());
        }
    }
    rows.push(Line::default().into());
    let how = if model.mode.is_poll() {
        "The count of each choice, with a blank between them; Enter goes on."
    } else {
        "A digit is a vote, Backspace takes one back, Enter goes on."
    };
    let way = "Tab or a click shows another screen; Esc goes on, and asks again when one comes back.";
    let how: Vec<Row> = paragraph(model, Role::Plain, how, width).into_iter().map(Row::from).collect();
    rows.extend(how.iter().cloned());
    let close = ask.iter().chain(&choices).chain(&how).cloned().collect();
    let way = if model.mode.is_presented() { Vec::new() } else { paragraph(model, Role::Plain, way, width) };
    let more = way.into_iter().map(Row::from).collect();
    Said { whole: rows, more, close, first: ask, last: choices }
}

/// The choices, each with its votes unless these are drawn as bars.
fn choices(model: &Model, question: &Question, typed: &str, width: u16) -> Vec<Row> {
    let look = model.look;
    let votes = Lesson::votes(question, typed, model.mode.is_poll());
    let indent = if width < NARROW { " " } else { "  " };
    let row = |(number, (choice, votes)): (usize, (&String, usize))| {
        let mut pieces = vec![
            word(look, Role::Key, format!("{indent}{number}{indent}")),
            word(look, if votes > 0 { Role::Leader } else { Role::Plain }, choice.clone()),
        ];
        pieces.extend(ballots_beside(model, &pieces, votes, width));
        Row::at(Line::from(pieces), Spot::Choice(number))
    };
    (1..).zip(question.choices.iter().zip(votes)).map(row).collect()
}

/// The votes beside a choice, unless they are drawn as bars or would cut it.
fn ballots_beside(model: &Model, choice: &[Span], votes: usize, width: u16) -> Option<Span<'static>> {
    let ballots = ballots(model, votes);
    let needed = choice.iter().map(Span::width).sum::<usize>() + ballots.width();
    (!model.mode.is_presented() && needed <= usize::from(width)).then_some(ballots)
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

/// What is said of an outcome for which nobody has promised anything.
const OF_A_FORK: &str =
    "In this run something else was done before the outcome: what came of it stands above, and in the lines.";

fn revealed(model: &Model, question: &Question, width: u16) -> Said {
    let look = model.look;
    let votes = question.votes.clone().unwrap_or_default();
    let most = votes.iter().copied().max().unwrap_or(0);
    let mut lines = vec![heading(look, "PREDICTED, AND WHAT CAME", width)];
    lines.extend(paragraph(model, Role::Heading, &question.ask, width));
    lines.push(Line::default());
    let outcomes = outcomes(model, question, width);
    for (index, choice) in outcomes.iter().enumerate() {
        lines.push(choice.clone());
        if model.mode.is_presented() {
            lines.push(bar(model, votes.get(index).copied().unwrap_or(0), most, width));
            lines.push(Line::default());
        }
    }
    lines.push(Line::default());
    let why = paragraph(model, Role::Plain, why(question), width);
    lines.extend(why.iter().cloned());
    lines.push(goes_on(model));
    let close = paragraph(model, Role::Heading, &question.ask, width).into_iter().chain(outcomes.iter().cloned());
    let close = close.chain(why.iter().cloned()).chain([goes_on(model)]).collect();
    let came = outcomes.into_iter().enumerate();
    let came = came.filter(|(index, _)| question.answer.is_none_or(|answer| answer == *index));
    Said {
        whole: rows(lines),
        more: Vec::new(),
        close: rows(close),
        first: rows(came.map(|(_, line)| line).chain(why).collect()),
        last: vec![goes_on(model).into()],
    }
}

/// The choices with a sign before the one that came, each with its votes unless these are drawn as bars.
fn outcomes(model: &Model, question: &Question, width: u16) -> Vec<Line<'static>> {
    let look = model.look;
    let indent = if width < NARROW { " " } else { "  " };
    let line = |(index, choice): (usize, &String)| {
        let (glyph, role) =
            if question.answer == Some(index) { (Glyph::Yes, Role::Good) } else { (Glyph::Lane, Role::Plain) };
        let votes = question.votes.iter().flatten().nth(index).copied().unwrap_or(0);
        let mut pieces = vec![word(look, role, format!("{indent}{} {choice}", look.sign(glyph)))];
        pieces.extend(ballots_beside(model, &pieces, votes, width));
        Line::from(pieces)
    };
    question.choices.iter().enumerate().map(line).collect()
}

fn why(question: &Question) -> &str {
    if question.answer.is_some() { question.why.as_deref().unwrap_or("") } else { OF_A_FORK }
}

fn goes_on(model: &Model) -> Line<'static> {
    // A clicker has the dot.
    let keys = if model.mode.is_presented() { "Space Enter ." } else { "Space Enter" };
    Line::from(vec![word(model.look, Role::Key, keys), word(model.look, Role::Plain, " go on")])
}
