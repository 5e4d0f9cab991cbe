//! A line that is being typed: where to go.

use super::{Effect, Model, Status, Typed, Whereto, place};

/// What has been typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The text.
    pub text: String,
}

/// The longest text that anybody types here, in bytes.
const LONGEST: usize = 200;

/// Takes in what is typed.
pub(super) fn typed(model: &mut Model, typed: Typed) -> Vec<Effect> {
    let Some(prompt) = &mut model.prompt else { return Vec::new() };
    match typed {
        Typed::Text(text) => {
            let clean = text.chars().filter(|letter| !letter.is_control());
            prompt.text.extend(clean.take(LONGEST.saturating_sub(prompt.text.len())));
        }
        Typed::Backspace => {
            prompt.text.pop();
        }
        Typed::Escape => model.prompt = None,
        Typed::Enter => {
            let text = model.prompt.take().map_or_else(String::new, |prompt| prompt.text);
            return go_to(model, &text);
        }
    }
    Vec::new()
}

fn go_to(model: &mut Model, text: &str) -> Vec<Effect> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let Some(tape) = &model.tape else { return Vec::new() };
    match Whereto::parse(text) {
        Ok(whereto) => {
            let place = place::find(tape, whereto);
            if matches!(whereto, Whereto::Step(step) if step >= tape.end()) {
                let last = tape.end().saturating_sub(1);
                model.status = Some(Status::Refused(format!("the last step is {last}: this is it")));
            }
            model.is_playing = false;
            place::go(model, place)
        }
        Err(reason) => {
            model.status = Some(Status::Refused(reason));
            Vec::new()
        }
    }
}
