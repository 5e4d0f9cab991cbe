//! Following one record from `send` to `ack` to `poll`, or one message to its answer: of the run only its way is shown.

use trial_broker::ids::{Offset, TopicPartition};
use trial_sim::internal::fault::MessageId;
use trial_sim::internal::session::Tape;

use super::{Ask, Effect, Model, Prompt, Status, Subject, place};

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A message and its answer.
    Message(MessageId),
    /// The record at an offset.
    Record(TopicPartition, Offset),
}

/// A way that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whose.
    pub of: Followed,
    /// The steps on it, in order.
    pub steps: Vec<u64>,
}

impl Way {
    /// Its name for people.
    pub fn words(&self, tape: &Tape) -> String {
        match &self.of {
            Followed::Record(partition, offset) => format!("record {offset} of {partition}"),
            Followed::Message(message) => match tape.passage(*message) {
                Some(passage) => {
                    let (from, to) = (tape.cast.name(passage.from), tape.cast.name(passage.to));
                    format!("{} between {from} and {to}", passage.api.name())
                }
                None => "a message".to_owned(),
            },
        }
    }

    /// Whether a step is on it.
    pub fn has(&self, step: u64) -> bool {
        self.steps.binary_search(&step).is_ok()
    }
}

/// Follows what is selected; what is followed already no longer.
pub(super) fn toggle(model: &mut Model) -> Vec<Effect> {
    if model.way.take().is_some() {
        model.status = Some(Status::Said("everything is shown again".to_owned()));
        return Vec::new();
    }
    begin(model)
}

/// Follows what is selected: a message at once, of a partition the record that is asked for.
pub(super) fn begin(model: &mut Model) -> Vec<Effect> {
    match model.subject() {
        Some(Subject::Message(message)) => follow(model, Followed::Message(message)),
        _ => {
            let text = partition(model).map_or_else(String::new, |partition| format!("{partition}@"));
            model.is_playing = false;
            model.prompt = Some(Prompt { text, ..Prompt::new(Ask::Record) });
            Vec::new()
        }
    }
}

/// The partition that is selected, else the one that is shown.
fn partition(model: &Model) -> Option<TopicPartition> {
    match model.subject() {
        Some(Subject::Partition(partition)) => Some(partition),
        _ => model.shown_partition().map(|partition| partition.name.clone()),
    }
}

/// Follows the record that was typed: `orders-0@12`, or its offset alone.
pub(super) fn record(model: &mut Model, typed: &str) -> Vec<Effect> {
    let alone = typed.trim().parse::<Offset>().ok().filter(|offset| *offset >= 0);
    // Who types the whole name behind the one that stands there means the one that he has typed.
    let behind = || typed.split_once('@').and_then(|(_, behind)| parsed(behind));
    match parsed(typed).or_else(behind).or_else(|| partition(model).zip(alone)) {
        Some((partition, offset)) => follow(model, Followed::Record(partition, offset)),
        None => {
            let reason = format!("expected a partition and an offset, such as orders-0@12; found `{typed}`");
            model.status = Some(Status::Refused(reason));
            Vec::new()
        }
    }
}

fn parsed(typed: &str) -> Option<(TopicPartition, Offset)> {
    let (name, offset) = typed.trim().split_once('@')?;
    let (topic, index) = name.rsplit_once('-')?;
    Some((TopicPartition::new(topic, index.parse().ok()?), offset.trim().parse().ok()?))
}

fn follow(model: &mut Model, followed: Followed) -> Vec<Effect> {
    let Some(tape) = model.tape.as_deref() else { return Vec::new() };
    let steps = match &followed {
        Followed::Message(message) => tape.way_of_message(*message),
        Followed::Record(partition, offset) => tape.way_of_record(partition, *offset),
    };
    let way = Way { of: followed, steps };
    let words = way.words(tape);
    let Some(first) = way.steps.first().copied() else {
        model.status = Some(Status::Refused(format!("in this run there is no {words}")));
        return Vec::new();
    };
    model.status = Some(Status::Said(format!("following {words}: up and down go along its way, F ends it")));
    model.way = Some(way);
    place::go_to_step(model, first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_partition_and_offset() {
        assert_eq!(parsed(" my-topic-3@12"), Some((TopicPartition::new("my-topic", 3), 12)));
        for wrong in ["orders-0", "orders@1", "orders-0@", "@3", ""] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
