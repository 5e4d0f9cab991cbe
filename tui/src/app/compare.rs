//! Two runs beside each other: which other run, where they part, and which of their lines tell of the same.
//!
//! ```text
//!    time       this run            the other
//!    2.400 s    ack orders-0 …      ack orders-0 …        the same
//!    2.500 s  ≠ kill b1                                   the first that the other has not
//!    2.510 s                      ≠ ack orders-0 …        and the first that this one has not
//! ```

use trial_sim::internal::scenario::trace::Told;
use trial_sim::internal::session::Tape;

use super::{Cover, Effect, Lesson, Model, Pane, Place, Status, place};

/// Lines of two runs that stand in one row: of one instant, or one of them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The line of the run that is shown.
    pub own: Option<&'a Told>,
    /// The line of the other.
    pub other: Option<&'a Told>,
}

impl Pair<'_> {
    /// Whether both runs tell the same here.
    pub fn is_same(&self) -> bool {
        matches!((self.own, self.other), (Some(own), Some(other)) if is_same(own, other))
    }
}

/// Whether two lines tell of the same: the numbers of their steps may differ behind the place where their runs part.
fn is_same(one: &Told, other: &Told) -> bool {
    (one.at, one.event, &one.what, &one.cause, &one.machines)
        == (other.at, other.event, &other.what, &other.cause, &other.machines)
}

/// The lines of two runs in order of time: of one instant those that tell the same in one row, then the rest.
pub fn aligned<'a>(own: &'a [Told], other: &'a [Told]) -> Vec<Pair<'a>> {
    let (mut own, mut other) = (own.iter().peekable(), other.iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let pair = match (own.peek().copied(), other.peek().copied()) {
            (None, None) => return pairs,
            (Some(one), None) => Pair { own: Some(one), other: None },
            (None, Some(one)) => Pair { own: None, other: Some(one) },
            (Some(one), Some(two)) if one.at < two.at => Pair { own: Some(one), other: None },
            (Some(one), Some(two)) if two.at < one.at => Pair { own: None, other: Some(two) },
            (Some(one), Some(two)) if is_same(one, two) => Pair { own: Some(one), other: Some(two) },
            (Some(one), Some(two)) => {
                // What comes at this instant in the other run too waits for it.
                let comes = |mut later: std::iter::Peekable<std::slice::Iter<'a, Told>>, wanted: &Told| {
                    std::iter::from_fn(|| later.next_if(|line| line.at == wanted.at)).any(|line| is_same(line, wanted))
                };
                match (comes(other.clone(), one), comes(own.clone(), two)) {
                    (true, _) => Pair { own: None, other: Some(two) },
                    (false, true) => Pair { own: Some(one), other: None },
                    (false, false) => Pair { own: Some(one), other: Some(two) },
                }
            }
        };
        if pair.own.is_some() {
            own.next();
        }
        if pair.other.is_some() {
            other.next();
        }
        pairs.push(pair);
    }
}

/// The rows in which each of the two tells something for the first time that the other does not.
pub fn first_differences(pairs: &[Pair]) -> (Option<usize>, Option<usize>) {
    let own = pairs.iter().position(|pair| pair.own.is_some() && !pair.is_same());
    let other = pairs.iter().position(|pair| pair.other.is_some() && !pair.is_same());
    (own, other)
}

/// The run that the shown one is compared with, and its place among all: the one that was asked for, else the one that it
/// was forked from, else the only other.
pub fn other(model: &Model) -> Option<(usize, &Tape)> {
    let asked = model.compared.filter(|index| *index != model.current);
    let forked_from = model.runs.get(model.current)?.parent.map(|(parent, _)| parent);
    let only = (model.runs.len() == 2).then(|| 1 - model.current);
    let index = asked.or(forked_from).or(only)?;
    Some((index, model.runs.get(index)?.shelved.as_deref()?))
}

/// The lines of a run that is not shown, up to the time of the one that is; of a lesson not beyond a question that waits
/// there.
pub fn told_by_other<'a>(model: &'a Model, index: usize, tape: &'a Tape) -> &'a [Told] {
    let lesson = model.runs.get(index).and_then(|run| run.lesson.as_ref());
    let steps = tape.steps_until(model.place.at);
    match lesson.and_then(Lesson::waiting) {
        Some(question) => {
            let asked = question.asked;
            tape.lines_until_asked(steps.min(asked.steps), model.place.at.min(asked.at), question.number)
        }
        None => tape.lines_at(steps, model.place.at),
    }
}

/// Compares with the run of a number, as it was typed.
pub(super) fn with(model: &mut Model, number: &str) -> Vec<Effect> {
    let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match index.filter(|index| *index < model.runs.len()) {
        Some(index) if index == model.current => {
            model.status = Some(Status::Refused(format!("run {number} is the one that is shown")));
            Vec::new()
        }
        Some(index) => {
            model.compared = Some(index);
            compare(model)
        }
        None => {
            model.status = Some(Status::Refused(format!("there are runs 1 to {}", model.runs.len())));
            Vec::new()
        }
    }
}

/// Goes to the first step that the two runs do not share.
pub(super) fn compare(model: &mut Model) -> Vec<Effect> {
    let (Some(tape), Some((index, other))) = (model.tape.as_deref(), other(model)) else {
        let text = match model.runs.len() {
            0 | 1 => "there is one run, not forked from another: `:` does something and makes another",
            _ => "with which run? `:compare 2`; `:runs` lists them",
        };
        model.status = Some(Status::Said(text.to_owned()));
        return Vec::new();
    };
    let shared = tape.steps.iter().zip(&other.steps);
    let shared = shared.take_while(|(one, other)| one.fingerprint == other.fingerprint).count() as u64;
    // Behind the first step that one of them has alone, which may be the other.
    let at = |tape: &Tape| tape.steps.get(shared as usize).map(|step| step.at);
    let place = match (at(tape), at(other)) {
        (Some(own), Some(other)) if other < own => Place { steps: shared, at: other },
        (None, Some(other)) => Place { steps: shared, at: other.min(tape.time_at(tape.end())) },
        (Some(_) | None, _) => place::behind(tape, shared + 1),
    };
    let text = format!("runs {} and {} are the same for {shared} steps, and part here", model.current + 1, index + 1);
    (model.pane, model.cover, model.is_playing) = (Pane::Compare, Cover::None, false);
    model.status = Some(Status::Said(text));
    place::go(model, place)
}

#[cfg(test)]
mod tests {
    use trial_broker::time::Time;
    use trial_sim::internal::scenario::trace::Weight;

    use super::*;

    fn told(at: u64, what: &str) -> Told {
        Told {
            step: at,
            of_event: None,
            at: Time(at),
            event: "ack",
            what: what.to_owned(),
            cause: String::new(),
            partition: None,
            machines: Vec::new(),
            weight: Weight::Flow,
            is_again: false,
        }
    }

    /// `1a 2b` is a line `a` at 1 and a line `b` at 2.
    fn lines(text: &str) -> Vec<Told> {
        let line = |word: &str| told(word[..1].parse().expect("a digit"), &word[1..]);
        text.split_whitespace().map(line).collect()
    }

    /// `1a=1a 2b|- -|3c`: rows, `=` between lines that tell the same.
    fn rows(own: &str, other: &str) -> String {
        let (own, other) = (lines(own), lines(other));
        let word = |line: Option<&Told>| line.map_or("-".to_owned(), |line| format!("{}{}", line.at.0, line.what));
        let row = |pair: &Pair| {
            let between = if pair.is_same() { "=" } else { "|" };
            format!("{}{between}{}", word(pair.own), word(pair.other))
        };
        aligned(&own, &other).iter().map(row).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_stand_in_order_of_time_and_what_is_the_same_in_one_row() {
        assert_eq!(rows("1a 2b 4d", "1a 3c 4d"), "1a=1a 2b|- -|3c 4d=4d");
        assert_eq!(rows("1a 1b 1c", "1b 1c"), "1a|- 1b=1b 1c=1c");
        assert_eq!(rows("1b 1c", "1a 1b 1c"), "-|1a 1b=1b 1c=1c");
        assert_eq!(rows("1a 2b", "1x 2b"), "1a|1x 2b=2b");
        assert_eq!(rows("", "1a"), "-|1a");
    }

    #[test]
    fn each_run_has_a_first_line_that_the_other_has_not() {
        let (own, other) = (lines("1a 2b 4d"), lines("1a 3c 4d"));
        assert_eq!(first_differences(&aligned(&own, &other)), (Some(1), Some(2)));
        assert_eq!(first_differences(&aligned(&own, &own)), (None, None));
        assert_eq!(first_differences(&aligned(&own, &[])), (Some(0), None));
    }
}
