//! A lesson: the run stops at each question, takes an answer or the votes of a class, goes on, and shows prediction and
//! outcome side by side.
//!
//! ```text
//!   plays ──▶ question: predict ──Enter──▶ plays ──▶ the step behind it: reveal ──Space──▶ plays
//! ```

use trial_broker::time::Time;
use trial_sim::internal::scenario::Action;
use trial_sim::internal::scenario::run::Moment;
use trial_sim::internal::session::Tape;

use super::{Ask, Cover, Effect, Model, Place, Prompt, place};

/// A question of the scenario, and where in the recording it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The number of its step in the scenario, which is the same in every run of the lesson.
    pub number: usize,
    /// What is asked.
    pub ask: String,
    /// What can be answered.
    pub choices: Vec<String>,
    /// Which of them it is; none in a run in which something else was done before that was seen.
    pub answer: Option<usize>,
    /// The rule behind it.
    pub why: Option<String>,
    /// Columns that would give the answer away.
    pub hide: Vec<String>,
    /// From when on these are hidden: since the scenario's last deed before it, for the question is what came of that.
    pub hidden_from: Time,
    /// Where it is asked.
    pub asked: Place,
    /// Where it can be seen: at the step that says so, or else at the next one that comes later.
    pub revealed: Place,
    /// How many votes each choice has; none before it was answered.
    pub votes: Option<Vec<usize>>,
    /// Whether somebody went on without an answer: whoever comes to it again is asked again.
    pub is_left: bool,
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
            let later = revealing(tape, index).or_else(|| later_than(tape, index).next());
            let end = Place { steps: tape.end(), at: tape.time_at(tape.end()) };
            questions.push(Question {
                number: moment.number,
                ask: predict.ask.clone(),
                choices: predict.choices.clone(),
                answer: predict.choices.iter().position(|choice| *choice == predict.answer.value),
                why: predict.why.clone(),
                hide: predict.hide.clone(),
                hidden_from: last_deed(tape, index).unwrap_or(moment.at),
                asked: Place { steps: moment.steps, at: moment.at },
                revealed: later.map_or(end, |later| Place { steps: later.steps, at: later.at }),
                votes: None,
                is_left: false,
            });
        }
        Lesson { questions, revealing: None }
    }

    /// The lesson of a run in which something was done, there or in one of the runs that it was forked from, first at this
    /// instant. What comes behind it was asked of another run, so only what was asked before is asked here too; and where its outcome lies behind the deed, nobody has said what it will be.
    pub fn of_fork(tape: &Tape, deed: Time, before: &Lesson) -> Lesson {
        let mut lesson = Lesson::of(tape);
        lesson.questions.retain(|question| question.asked.at <= deed);
        for question in &mut lesson.questions {
            question.answer = question.answer.filter(|_| question.revealed.at < deed);
        }
        lesson.take_votes_of(before);
        lesson
    }

    /// Whoever has voted in another run of the lesson is not asked again.
    pub fn take_votes_of(&mut self, other: &Lesson) {
        for question in self.questions.iter_mut().filter(|question| question.votes.is_none()) {
            let same = other.questions.iter().find(|other| other.number == question.number);
            question.votes = same.and_then(|same| same.votes.clone());
        }
    }

    /// The first question that nobody has answered.
    pub fn waiting(&self) -> Option<&Question> {
        self.questions.iter().find(|question| question.votes.is_none())
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

/// When something was done last before the step of a moment.
fn last_deed(tape: &Tape, index: usize) -> Option<Time> {
    let is_deed = |moment: &&Moment| {
        let step = moment.number.checked_sub(1).and_then(|number| tape.scenario.steps.get(number));
        step.is_some_and(|step| !step.action.value.only_looks())
    };
    tape.moments[..index].iter().rev().find(is_deed).map(|moment| moment.at)
}

/// The steps that come later than the one of a moment.
fn later_than(tape: &Tape, index: usize) -> impl Iterator<Item = &Moment> {
    let asked = tape.moments[index].at;
    tape.moments[index..].iter().filter(move |later| later.at > asked)
}

/// The step behind a question that says that it answers it; none if the next question comes before, or the run did not come
/// so far: then its end is what came of it.
fn revealing(tape: &Tape, index: usize) -> Option<&Moment> {
    let step = |moment: &Moment| tape.scenario.steps.get(moment.number.checked_sub(1)?);
    let is_asking = |moment: &Moment| step(moment).is_some_and(|step| matches!(step.action.value, Action::Predict(_)));
    let behind = tape.moments[index + 1..].iter().take_while(|later| !is_asking(later));
    behind.filter(|later| later.at > tape.moments[index].at).find(|later| step(later).is_some_and(|step| step.reveal))
}

/// Where a way from here to there comes to a stand: at a question without an answer, or where an answer is to be seen.
pub(super) fn stop_between(model: &mut Model, from: Place, to: Place) -> Place {
    let Some(lesson) = &mut model.lesson else { return to };
    lesson.revealing = None;
    for question in lesson.questions.iter_mut().filter(|question| question.is_left && to.at < question.asked.at) {
        (question.votes, question.is_left) = (None, false);
    }
    for (index, question) in lesson.questions.iter().enumerate() {
        if question.votes.is_none() && question.asked.at <= to.at && from.at <= question.asked.at {
            (model.prompt, model.is_playing) = (Some(Prompt::new(Ask::Prediction(index))), false);
            // A question that nobody sees would be a window that does not answer.
            (model.cover, model.menu) = (Cover::None, None);
            return question.asked;
        }
        if question.votes.is_some() && from.at < question.revealed.at && question.revealed.at <= to.at {
            (lesson.revealing, model.is_playing) = (Some(index), false);
            return question.revealed;
        }
    }
    to
}

/// A place of a run that was just taken up; no further than its first question without an answer.
pub(super) fn no_further_than_asked(model: &Model, place: Place) -> Place {
    let waiting = model.lesson.as_ref().and_then(Lesson::waiting);
    waiting.map(|question| question.asked).filter(|asked| asked.at < place.at).unwrap_or(place)
}

/// Takes the answer, or nobody's, and goes on.
pub(super) fn answered(model: &mut Model, index: usize, typed: &str) -> Vec<Effect> {
    let is_poll = model.mode.is_poll();
    if let Some(question) = model.lesson.as_mut().and_then(|lesson| lesson.questions.get_mut(index)) {
        question.votes = Some(Lesson::votes(question, typed, is_poll));
    }
    place::play_or_pause(model);
    Vec::new()
}

/// Goes on without an answer.
pub(super) fn left(model: &mut Model, index: usize) -> Vec<Effect> {
    let effects = answered(model, index, "");
    if let Some(question) = model.lesson.as_mut().and_then(|lesson| lesson.questions.get_mut(index)) {
        question.is_left = true;
    }
    effects
}

/// How many choices the question has that a prompt asks.
pub(super) fn choices(lesson: Option<&Lesson>, ask: Ask) -> usize {
    match ask {
        Ask::Prediction(index) => {
            lesson.and_then(|lesson| lesson.questions.get(index)).map_or(0, |it| it.choices.len())
        }
        Ask::Place | Ask::Command | Ask::Filter | Ask::Record => 0,
    }
}

/// What a click on a choice types: its digit; in a poll one vote more in its count.
pub(super) fn vote_for(model: &mut Model, number: usize) -> String {
    let Some(Prompt { ask: Ask::Prediction(index), text, is_astray, .. }) = &mut model.prompt else {
        return String::new();
    };
    // Whoever points at a choice means it.
    *is_astray = false;
    if !model.mode.is_poll() {
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
