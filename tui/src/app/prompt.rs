//! A line that is being typed: where to go, or what to do to the world.

use trial_sim::internal::scenario::words;

use super::{Cover, Effect, Filter, Model, Status, Typed, Whereto, follow, forks, lesson, place};

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
}

impl Prompt {
    /// Nothing has been typed yet.
    pub fn new(ask: Ask) -> Prompt {
        Prompt { ask, text: String::new(), offers: Vec::new() }
    }
}

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
    match typed {
        Typed::Text(text) => {
            let is_vote = matches!(prompt.ask, Ask::Prediction(_));
            let can_be = |letter: char| letter.is_ascii_digit() || (model.is_poll && letter == ' ');
            let clean = text.chars().filter(|letter| !letter.is_control() && (!is_vote || can_be(*letter)));
            prompt.text.extend(clean.take(LONGEST.saturating_sub(prompt.text.len())));
            prompt.offers.clear();
        }
        Typed::Backspace => {
            prompt.text.pop();
            prompt.offers.clear();
        }
        Typed::Complete => return complete(model),
        Typed::Escape => {
            let prompt = model.prompt.take();
            // Nobody answers: the lesson goes on all the same.
            if let Some(Prompt { ask: Ask::Prediction(index), .. }) = prompt {
                return lesson::answered(model, index, "");
            }
        }
        Typed::Enter => {
            let Some(Prompt { ask, text, .. }) = model.prompt.take() else { return Vec::new() };
            return match ask {
                Ask::Prediction(index) => lesson::answered(model, index, &text),
                Ask::Filter => {
                    model.filter = Filter::parse(&text);
                    Vec::new()
                }
                _ if text.trim().is_empty() => Vec::new(),
                Ask::Place => go_to(model, &text),
                Ask::Command => forks::command(model, &text),
                Ask::Record => follow::record(model, &text),
            };
        }
    }
    Vec::new()
}

/// Types as much as there is only one way to go on; what files there are, only the world outside knows.
fn complete(model: &mut Model) -> Vec<Effect> {
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
    go_on(model, start, offers);
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
    go_on(model, start, paths);
    // Of many paths in one folder the last part tells them apart.
    for offer in model.prompt.iter_mut().flat_map(|prompt| &mut prompt.offers) {
        let end = offer.trim_end_matches('/').rfind('/').map_or(0, |slash| slash + 1);
        offer.drain(..end);
    }
}

/// Puts what all ways begin with behind the first so many bytes of what was typed; a blank where there is one way only.
fn go_on(model: &mut Model, start: usize, offers: Vec<String>) {
    let Some(prompt) = &mut model.prompt else { return };
    let Some(common) = common_beginning(&offers) else {
        prompt.offers.clear();
        return;
    };
    prompt.text.truncate(start);
    prompt.text.push_str(&common);
    match offers.as_slice() {
        [only] if !only.ends_with(['=', '/']) => {
            prompt.text.push(' ');
            prompt.offers.clear();
        }
        [only] if only.ends_with('/') => prompt.offers.clear(),
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
