//! The transcript's words without its columns: what a screen lists, one line after the other.
//!
//! A screen has room for colours and for what is around a line; the words are the same.

use std::collections::BTreeSet;

use trial_broker::ids::TopicPartition;
use trial_broker::time::Time;

use super::cast::Cast;
use super::fold::{is_flow, is_repeating};
use super::picture::Picture;
use super::rows::{Change, Memory, rows_of};
use crate::fault::MachineId;
use crate::step::{Step, StepKind};

/// How much a line is worth to somebody who looks for what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Records flow as they should.
    Flow,
    /// Said again and again while something lasts.
    Repeating,
    /// Something has changed: an election, an in-sync set, a process.
    News,
    /// Somebody did it: an entry of the list.
    Done,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The step that it tells of.
    pub step: u64,
    /// Which of the step's events it tells, if it tells one.
    pub of_event: Option<usize>,
    /// When.
    pub at: Time,
    /// The word in the event column: `prod`, `isr`, `kill`.
    pub event: &'static str,
    /// What it is about: a partition, a machine.
    pub what: String,
    /// Why, and with which numbers.
    pub cause: String,
    /// The partition that it is about, if it is about one.
    pub partition: Option<TopicPartition>,
    /// Where it happened.
    pub machines: Vec<MachineId>,
    /// What it is worth.
    pub weight: Weight,
    /// Whether it only says again what was said since the last news: a transcript counts such lines.
    pub is_again: bool,
}

/// What the lines of a run have said since the last news, by event, subject, cause and machines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repetitions {
    said: BTreeSet<(&'static str, String, String, Vec<MachineId>)>,
}

impl Repetitions {
    /// Marks those of the next lines that only say again what was said. What a scenario notes is none.
    pub(crate) fn mark(&mut self, lines: &mut [Told]) {
        for line in lines.iter_mut().filter(|line| line.event != "note") {
            match line.weight {
                Weight::Flow => {}
                Weight::Repeating => {
                    let what = (line.event, line.what.clone(), line.cause.clone(), line.machines.clone());
                    line.is_again = !self.said.insert(what);
                }
                Weight::News | Weight::Done => self.said.clear(),
            }
        }
    }
}

/// Tells steps line by line.
#[derive(Clone, Debug)]
pub struct Teller {
    cast: Cast,
    picture: Picture,
    memory: Memory,
}

impl Teller {
    /// Of a world of which nothing has been told yet.
    pub fn new(cast: Cast) -> Self {
        Teller { cast, picture: Picture::default(), memory: Memory::default() }
    }

    /// The lines of the next step.
    pub fn tell(&mut self, step: &Step) -> Vec<Told> {
        let is_entry = matches!(step.kind, StepKind::Entry(_));
        let mut told = Vec::new();
        let mut events = 0;
        for part in rows_of(&self.cast, &self.picture, &mut self.memory, step) {
            let of_event = match part.change {
                Some(Change::Fact(fact)) => {
                    self.picture.fact(fact);
                    None
                }
                Some(Change::Event(machine, event)) => {
                    self.picture.event(machine, event);
                    events += 1;
                    Some(events - 1)
                }
                None => None,
            };
            let Some(row) = part.row else { continue };
            let weight = match row.event {
                event if is_flow(event) => Weight::Flow,
                event if is_repeating(event) => Weight::Repeating,
                _ if is_entry => Weight::Done,
                _ => Weight::News,
            };
            let cause = row.cause(&self.cast);
            let (event, what, partition, machines) = (row.event, row.what, row.partition, row.at);
            told.push(Told {
                step: step.index,
                of_event,
                at: step.at,
                event,
                what,
                cause,
                partition,
                machines,
                weight,
                is_again: false,
            });
        }
        told
    }
}
