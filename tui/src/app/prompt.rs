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
        Typed::Complete => complete(model),
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

/// Types as much as there is only one way to go on.
fn complete(model: &mut Model) {
    let (Some(prompt), Some(tape)) = (&mut model.prompt, &model.tape) else { return };
    if prompt.ask != Ask::Command {
        return;
    }
    let mut offers = match prompt.text.strip_prefix("run ") {
        Some(typed) => (1..=model.runs.len()).map(|run| run.to_string()).filter(|run| run.starts_with(typed)).collect(),
        None => words::completions(&tape.scenario, &prompt.text),
    };
    let is_first_word = !prompt.text.contains(char::is_whitespace);
    offers.extend(
        forks::COMMANDS
            .iter()
            .filter(|name| is_first_word && name.starts_with(&prompt.text))
            .map(|name| (*name).to_owned()),
    );
    let start = prompt.text.rfind(char::is_whitespace).map_or(0, |end| end + 1);
    let Some(common) = common_beginning(&offers) else { return };
    prompt.text.truncate(start);
    prompt.text.push_str(&common);
    match offers.as_slice() {
        [only] if !only.ends_with('=') => {
            prompt.text.push(' ');
            prompt.offers.clear();
        }
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
            if matches!(whereto, Whereto::Step(step) if step >= tape.end()) {
                let last = tape.end().saturating_sub(1);
                model.status = Some(Status::Refused(format!("the last step is {last}: this is it")));
            }
            place::go(model, place)
        }
        Err(reason) => {
            model.status = Some(Status::Refused(reason));
            Vec::new()
        }
    }
}
