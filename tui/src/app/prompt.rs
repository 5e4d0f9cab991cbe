//! A line that is being typed: where to go, or what to do to the world.

use trial_sim::internal::scenario::words;

use super::{
    Cover, Early, Effect, Filter, Model, Screen, Status, Typed, Whereto, act, coming, follow, forks, lesson, place,
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Where to go.
    Place,
    /// What to do to the world.
    Command,
    /// Which lines and messages to show.
    Filter,
    /// Which record to follow.
    Record,
    /// What will happen: a lesson's question, by its number. Each digit is a vote.
    Prediction(usize),
}

/// What has been typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked.
    pub ask: Ask,
    /// The text.
    pub text: String,
    /// How it can go on, where there are several ways.
    pub offers: Vec<String>,
    /// Which of them stands in the text, if one went on from one to the next.
    pub turn: Option<usize>,
    /// Why there is none, if somebody asked.
    pub answer: Option<String>,
    /// Whether what is typed at a question was meant for something else: until it is ended nothing is a vote.
    pub is_astray: bool,
    /// Where in the text they begin.
    pub(super) start: usize,
    /// Which of the lines that were typed before stands in the text, the last one first; none if it is a new one.
    pub(super) recalled: Option<usize>,
}

impl Prompt {
    /// Nothing has been typed yet.
    pub fn new(ask: Ask) -> Prompt {
        Prompt {
            ask,
            text: String::new(),
            offers: Vec::new(),
            turn: None,
            answer: None,
            is_astray: false,
            start: 0,
            recalled: None,
        }
    }

    /// What was offered was for another text.
    fn forget_offers(&mut self) {
        self.offers.clear();
        (self.turn, self.answer) = (None, None);
    }

    /// Takes a letter of a vote: a digit for each hand; in a poll the digits of a count, or the blank between two.
    ///
    /// # Errors
    /// It would count for nothing: why.
    fn vote(&mut self, letter: char, choices: usize, is_poll: bool) -> Result<(), String> {
        let counts: Vec<&str> = self.text.split_whitespace().collect();
        let is_choice = letter.to_digit(10).is_some_and(|digit| (1..=choices).contains(&(digit as usize)));
        let is_in_count = self.text.ends_with(|last: char| last.is_ascii_digit());
        match letter {
            // The blank behind the last count ends it: what comes then is not part of it.
            ' ' | '0'..='9' if is_poll && !is_in_count && counts.len() >= choices => {
                Err(format!("there are {choices} choices, and no further count"))
            }
            '0'..='9' if is_poll && is_in_count && counts.last().is_some_and(|count| count.len() >= LONGEST_COUNT) => {
                Err(format!("a count has at most {LONGEST_COUNT} digits"))
            }
            ' ' | '0'..='9' if is_poll => Ok(()),
            '0'..='9' if !is_choice => Err(format!("there is no choice {letter}: there are 1 to {choices}")),
            '0'..='9' if self.text.len() < LONGEST => Ok(()),
            '0'..='9' => Err("no more hands are counted".to_owned()),
            _ => Err(format!("`{letter}` is no vote")),
        }
        .map(|()| self.text.push(letter))
    }

    /// Puts the next of the offers into the text.
    fn turn(&mut self) {
        let next = self.turn.map_or(0, |turn| (turn + 1) % self.offers.len().max(1));
        let Some(offer) = self.offers.get(next) else { return };
        self.text.truncate(self.start);
        self.text.push_str(offer);
        (self.turn, self.answer) = (Some(next), None);
    }
}

/// How many digits the count of a poll has at most: no class is larger.
const LONGEST_COUNT: usize = 4;

/// The longest text that anybody types here, in bytes.
const LONGEST: usize = 200;

/// Takes in what is typed.
pub(super) fn typed(model: &mut Model, typed: Typed) -> Vec<Effect> {
    let Some(prompt) = &mut model.prompt else { return Vec::new() };
    if model.cover == Cover::Blank {
        // Whoever cannot see the question cannot have meant an answer.
        model.cover = Cover::None;
        return Vec::new();
    }
    if prompt.is_astray {
        match typed {
            Typed::Text(_) | Typed::Complete | Typed::Astray(_) | Typed::Recall(_) => {}
            Typed::Enter | Typed::Escape | Typed::Backspace => {
                prompt.is_astray = false;
                prompt.answer = Some("digits are votes again".to_owned());
            }
        }
        return Vec::new();
    }
    match typed {
        Typed::Text(text) if matches!(prompt.ask, Ask::Prediction(_)) => {
            let is_poll = model.mode.is_poll();
            let choices = lesson::choices(model.lesson.as_ref(), prompt.ask);
            prompt.forget_offers();
            prompt.answer = text.chars().filter_map(|letter| prompt.vote(letter, choices, is_poll).err()).last();
        }
        Typed::Text(text) => {
            let clean = text.chars().filter(|letter| !letter.is_control());
            prompt.text.extend(clean.take(LONGEST.saturating_sub(prompt.text.len())));
            prompt.forget_offers();
        }
        Typed::Backspace => {
            prompt.text.pop();
            prompt.forget_offers();
        }
        Typed::Complete => return complete(model),
        Typed::Recall(direction) => recall(model, direction),
        Typed::Astray(letter) => {
            prompt.is_astray = true;
            let answer = format!("`{letter}` waits until the question is answered; Enter goes back to the votes");
            prompt.answer = Some(answer);
        }
        Typed::Escape => {
            let prompt = model.prompt.take();
            // Nobody answers: the lesson goes on all the same.
            if let Some(Prompt { ask: Ask::Prediction(index), .. }) = prompt {
                return lesson::left(model, index);
            }
        }
        Typed::Enter => {
            let Some(Prompt { ask, text, .. }) = model.prompt.take() else { return Vec::new() };
            model.status = None;
            remember(model, ask, &text);
            let effects = done_in_order(model, ask, text.clone());
            keep_what_is_refused(model, ask, text);
            return effects;
        }
    }
    Vec::new()
}

/// So many lines are kept that were typed.
const REMEMBERED: usize = 100;

/// Keeps a line that was typed, for whoever wants it again.
fn remember(model: &mut Model, ask: Ask, text: &str) {
    let is_line = !matches!(ask, Ask::Prediction(_)) && !text.trim().is_empty();
    if is_line && model.typed.last().is_none_or(|(last, line)| (*last, line.as_str()) != (ask, text)) {
        model.typed.push((ask, text.to_owned()));
        let many = model.typed.len().saturating_sub(REMEMBERED);
        model.typed.drain(..many);
    }
}

/// A line of which nothing came stays open with the reason, to be mended.
fn keep_what_is_refused(model: &mut Model, ask: Ask, text: String) {
    // Whoever wanted to go beyond the end is at the end, and is told so.
    let is_done = match ask {
        Ask::Place => Whereto::parse(&text).is_ok(),
        Ask::Prediction(_) => true,
        Ask::Command | Ask::Filter | Ask::Record => false,
    };
    // What nobody can do at this place is not mended by other words.
    if is_done || model.prompt.is_some() || (ask == Ask::Command && !forks::can_do_something(model)) {
        return;
    }
    if let Some(Status::Refused(reason)) = model.status.take_if(|status| matches!(status, Status::Refused(_))) {
        model.prompt = Some(Prompt { text, answer: Some(reason), ..Prompt::new(ask) });
    }
}

/// Puts a line that was typed before into the text, of those that were asked the same; behind the last one an empty one.
fn recall(model: &mut Model, direction: i8) {
    let Some(prompt) = &mut model.prompt else { return };
    let before: Vec<&String> =
        model.typed.iter().rev().filter(|(ask, _)| *ask == prompt.ask).map(|(_, line)| line).collect();
    // A line that was refused stands in the text already.
    let is_there = prompt.recalled.is_none() && before.first().is_some_and(|last| **last == prompt.text);
    let here = prompt.recalled.or(is_there.then_some(0));
    let wanted = match (here, direction) {
        (None, ..0) => Some(0),
        (Some(here), ..0) => Some((here + 1).min(before.len().saturating_sub(1))),
        (Some(here), _) => here.checked_sub(1),
        (None, _) => None,
    };
    let text = wanted.and_then(|wanted| before.get(wanted));
    prompt.text = text.map_or_else(String::new, |line| (*line).clone());
    prompt.recalled = wanted;
    prompt.forget_offers();
}

/// Does what was typed, when there is what that needs.
pub(super) fn done_in_order(model: &mut Model, ask: Ask, text: String) -> Vec<Effect> {
    if coming::must_wait(model, coming::needs_of_line(ask, &text)) {
        coming::wait(model, Early::Typed(ask, text));
        return Vec::new();
    }
    done(model, ask, &text)
}

/// Does what was typed.
pub(super) fn done(model: &mut Model, ask: Ask, text: &str) -> Vec<Effect> {
    match ask {
        Ask::Prediction(index) => lesson::answered(model, index, text),
        Ask::Filter => {
            model.filter = Filter::parse(text);
            if model.screen == Screen::Partition {
                act::choose_partition(model);
            }
            model.look_here()
        }
        _ if text.trim().is_empty() => Vec::new(),
        Ask::Place => go_to(model, text),
        Ask::Command => forks::command(model, text),
        Ask::Record => follow::record(model, text),
    }
}

/// Types as much as there is only one way to go on, and where there are several, asked again, one after the other; what files
/// there are, only the world outside knows.
fn complete(model: &mut Model) -> Vec<Effect> {
    if let Some(prompt) = model.prompt.as_mut().filter(|prompt| !prompt.offers.is_empty()) {
        prompt.turn();
        return Vec::new();
    }
    let (Some(prompt), Some(tape)) = (&model.prompt, &model.tape) else { return Vec::new() };
    if prompt.ask != Ask::Command {
        return Vec::new();
    }
    let typed = prompt.text.as_str();
    if let Some((_, path)) = with_path(typed) {
        return vec![Effect::List(path.to_owned())];
    }
    let number = ["run ", "compare "].iter().find_map(|command| typed.strip_prefix(command));
    let mut offers = match number {
        Some(typed) => (1..=model.runs.len()).map(|run| run.to_string()).filter(|run| run.starts_with(typed)).collect(),
        None => words::completions(&tape.scenario, typed),
    };
    let is_first_word = !typed.contains(char::is_whitespace);
    let commands = forks::COMMANDS.iter().filter(|name| is_first_word && name.starts_with(typed));
    offers.extend(commands.map(|name| (*name).to_owned()));
    let start = typed.rfind(char::is_whitespace).map_or(0, |end| end + 1);
    // Whoever wants it types its first sign: otherwise nothing later is to be left out by a slip.
    let drops = !is_first_word && typed[start..].starts_with('-') && forks::DROP_LATER.starts_with(&typed[start..]);
    offers.extend(drops.then(|| forks::DROP_LATER.to_owned()));
    let answer = match number {
        Some(typed) => format!("there is no run {typed}: there are runs 1 to {}", model.runs.len()),
        None => words::nothing_goes_on(typed, forks::COMMANDS),
    };
    go_on(model, start, offers, answer);
    Vec::new()
}

/// A command that takes a file, with the blank behind it, and what has been typed of the path.
fn with_path(typed: &str) -> Option<(&str, &str)> {
    let command = ["save ", "record "].into_iter().find(|command| typed.starts_with(command))?;
    Some(typed.split_at(command.len()))
}

/// The world outside has said which paths begin as the typed one does.
pub(super) fn listed(model: &mut Model, paths: &[String]) {
    let typed = model.prompt.as_ref().filter(|prompt| prompt.ask == Ask::Command);
    let Some((command, typed)) = typed.and_then(|prompt| with_path(&prompt.text)) else { return };
    // What was typed since the question is not to be lost.
    let paths: Vec<String> = paths.iter().filter(|path| path.starts_with(typed)).cloned().collect();
    let start = command.len();
    go_on(model, start, paths, "no file begins so: Enter takes the name as it is".to_owned());
    // Of many paths in one folder the last part tells them apart.
    let Some(prompt) = &mut model.prompt else { return };
    let end_of_folder = |path: &str| path.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
    prompt.start += prompt.offers.first().map_or(0, |path| end_of_folder(path));
    for offer in &mut prompt.offers {
        offer.drain(..end_of_folder(offer));
    }
}

/// Puts what all ways begin with behind the first so many bytes of what was typed; a blank where there is one way only. Where
/// there is none, answers.
fn go_on(model: &mut Model, start: usize, offers: Vec<String>, answer: String) {
    let Some(prompt) = &mut model.prompt else { return };
    prompt.forget_offers();
    let Some(common) = common_beginning(&offers) else {
        prompt.answer = Some(answer);
        return;
    };
    prompt.start = start;
    prompt.text.truncate(start);
    prompt.text.push_str(&common);
    match offers.as_slice() {
        [only] if !only.ends_with(['=', '/']) => prompt.text.push(' '),
        // More is to be typed, or to be asked for.
        [_] => {}
        _ => prompt.offers = offers,
    }
}

/// What all words begin with; none where there is no word.
fn common_beginning(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let shared = |other: &String| first.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let length = rest.iter().map(shared).min().unwrap_or(usize::MAX);
    Some(first.chars().take(length).collect())
}

fn go_to(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(tape) = &model.tape else { return Vec::new() };
    match Whereto::parse(text) {
        Ok(whereto) => {
            let place = place::find(tape, whereto);
            if let Some(outside) = place::outside(tape, whereto) {
                model.status = Some(Status::Refused(outside));
            }
            place::go(model, place)
        }
        Err(reason) => {
            model.status = Some(Status::Refused(reason));
            Vec::new()
        }
    }
}
