//! A lesson: the run stops at each question, takes an answer or the votes of a class, goes on, and shows prediction and
//! outcome side by side.
//!
//! ```text
//!   plays ──▶ question: predict ──Enter──▶ plays ──▶ the step behind it: reveal ──Space──▶ plays
//! ```

use trial_sim::internal::scenario::Action;
use trial_sim::internal::session::Tape;

use super::{Ask, Effect, Model, Place, Prompt, place};

/// A question of the scenario, and where in the recording it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub ask: String,
    /// What can be answered.
    pub choices: Vec<String>,
    /// Which of them it is.
    pub answer: usize,
    /// The rule behind it.
    pub why: Option<String>,
    /// Columns that would give the answer away.
    pub hide: Vec<String>,
    /// Where it is asked.
    pub asked: Place,
    /// Where it can be seen: at the next step of the scenario that comes later.
    pub revealed: Place,
    /// How many votes each choice has; none before it was answered.
    pub votes: Option<Vec<usize>>,
}

/// What a lesson knows beside its run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lesson {
    /// The questions, in order.
    pub questions: Vec<Question>,
    /// The question whose outcome is shown.
    pub revealing: Option<usize>,
}

impl Lesson {
    /// The lesson of a recording.
    pub fn of(tape: &Tape) -> Lesson {
        let mut questions = Vec::new();
        for (index, moment) in tape.moments.iter().enumerate() {
            let step = moment.number.checked_sub(1).and_then(|number| tape.scenario.steps.get(number));
            let Some(Action::Predict(predict)) = step.map(|step| &step.action.value) else { continue };
            let later = tape.moments[index..].iter().find(|later| later.at > moment.at);
            let end = Place { steps: tape.end(), at: tape.time_at(tape.end()) };
            questions.push(Question {
                ask: predict.ask.clone(),
                choices: predict.choices.clone(),
                answer: predict.choices.iter().position(|choice| *choice == predict.answer.value).unwrap_or(0),
                why: predict.why.clone(),
                hide: predict.hide.clone(),
                asked: Place { steps: moment.steps, at: moment.at },
                revealed: later.map_or(end, |later| Place { steps: later.steps, at: later.at }),
                votes: None,
            });
        }
        Lesson { questions, revealing: None }
    }

    /// How many votes each choice has in what was typed: a digit a vote; in a poll the counts themselves, one a choice.
    pub fn votes(question: &Question, typed: &str, is_poll: bool) -> Vec<usize> {
        if is_poll {
            let counts = typed.split_whitespace().map(|count| count.parse().unwrap_or(0));
            return counts.chain(std::iter::repeat(0)).take(question.choices.len()).collect();
        }
        let count = |choice: usize| typed.chars().filter(|digit| digit.to_digit(10) == Some(choice as u32)).count();
        (1..=question.choices.len()).map(count).collect()
    }
}

/// Where a way from here to there comes to a stand: at a question without an answer, or where an answer is to be seen.
pub(super) fn stop_between(model: &mut Model, from: Place, to: Place) -> Place {
    let Some(lesson) = &mut model.lesson else { return to };
    lesson.revealing = None;
    for (index, question) in lesson.questions.iter().enumerate() {
        if question.votes.is_none() && question.asked.at <= to.at && from.at <= question.asked.at {
            (model.prompt, model.is_playing) = (Some(Prompt::new(Ask::Prediction(index))), false);
            return question.asked;
        }
        if question.votes.is_some() && from.at < question.revealed.at && question.revealed.at <= to.at {
            (lesson.revealing, model.is_playing) = (Some(index), false);
            return question.revealed;
        }
    }
    to
}

/// Takes the answer, or nobody's, and goes on.
pub(super) fn answered(model: &mut Model, index: usize, typed: &str) -> Vec<Effect> {
    let is_poll = model.is_poll;
    if let Some(question) = model.lesson.as_mut().and_then(|lesson| lesson.questions.get_mut(index)) {
        question.votes = Some(Lesson::votes(question, typed, is_poll));
    }
    place::play_or_pause(model);
    Vec::new()
}

/// What a click on a choice types: its digit; in a poll one vote more in its count.
pub(super) fn vote_for(model: &mut Model, number: usize) -> String {
    let Some(Prompt { ask: Ask::Prediction(index), text, .. }) = &mut model.prompt else { return String::new() };
    if !model.is_poll {
        return number.to_string();
    }
    let Some(question) = model.lesson.as_ref().and_then(|lesson| lesson.questions.get(*index)) else {
        return String::new();
    };
    let mut counts = Lesson::votes(question, text, true);
    if let Some(count) = number.checked_sub(1).and_then(|index| counts.get_mut(index)) {
        *count += 1;
    }
    text.clear();
    counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}
