//! The way of one record, or of one message and its answer: the steps that took it further.
//!
//! ```text
//!   send ─▶ appended by the leader ─▶ replicated by each follower ─▶ committed ─▶ acknowledged ─▶ read
//! ```

use trial_broker::event::{ClientEvent, Event, LogEvent, PartitionEvent};
use trial_broker::ids::{Offset, TopicPartition};

use super::tape::{Fate, Passage, Tape};
use crate::fault::MessageId;
use crate::step::{InputKind, Step, StepKind};

impl Tape {
    /// The steps at which a record got further, in order: it was sent, appended, replicated, committed, acknowledged, read;
    /// or was cut off a log again. Whatever stood at that offset counts: after a truncation that may be another record.
    pub fn way_of_record(&self, partition: &TopicPartition, offset: Offset) -> Vec<u64> {
        let mut way = Way { tape: self, partition, offset, steps: Vec::new() };
        for step in &self.steps {
            way.observe(step);
        }
        way.steps.sort_unstable();
        way.steps.dedup();
        way.steps
    }

    /// The steps at which a message and its answer were sent and arrived, in order.
    pub fn way_of_message(&self, message: MessageId) -> Vec<u64> {
        let Some(first) = self.passage(message) else { return Vec::new() };
        let is_of_it = |other: &&Passage| {
            other.correlation_id == first.correlation_id && other.message.connection == first.message.connection
        };
        let mut steps: Vec<u64> = self
            .passages
            .iter()
            .filter(is_of_it)
            .flat_map(|passage| {
                let end = match passage.fate {
                    Fate::Open => None,
                    Fate::Arrived(step, _) | Fate::Dropped(step, _) => Some(step),
                };
                [Some(passage.sent.0), end]
            })
            .flatten()
            .collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }
}

/// What is known of a record while its run is read.
struct Way<'a> {
    tape: &'a Tape,
    partition: &'a TopicPartition,
    offset: Offset,
    steps: Vec<u64>,
}

impl Way<'_> {
    fn observe(&mut self, step: &Step) {
        for event in &step.events {
            let is_part = match event {
                Event::Log(event) => self.log(step, event),
                Event::Partition(event) => self.partition(event),
                Event::Client(event) => self.client(event),
                _ => false,
            };
            if is_part {
                self.steps.push(step.index);
            }
        }
    }

    fn client(&self, event: &ClientEvent) -> bool {
        match event {
            ClientEvent::BatchAcked { partition, base_offset, records, .. } => {
                let end = base_offset + i64::from(*records);
                partition == self.partition && (*base_offset..end).contains(&self.offset)
            }
            ClientEvent::RecordsConsumed { partition, first_offset, position, .. } => {
                partition == self.partition && (*first_offset..*position).contains(&self.offset)
            }
            _ => false,
        }
    }

    fn partition(&self, event: &PartitionEvent) -> bool {
        match event {
            PartitionEvent::HighWatermarkAdvanced { partition, from, to, .. } => {
                partition == self.partition && (*from..*to).contains(&self.offset)
            }
            _ => false,
        }
    }

    fn log(&mut self, step: &Step, event: &LogEvent) -> bool {
        match event {
            LogEvent::RecordsAppended { partition, base_offset, log_end_offset, as_leader, .. }
                if partition == self.partition && (*base_offset..*log_end_offset).contains(&self.offset) =>
            {
                if *as_leader {
                    self.steps.extend(self.sent_by(step));
                }
                true
            }
            LogEvent::LogTruncated { partition, from, to } => {
                partition == self.partition && (*to..*from).contains(&self.offset)
            }
            _ => false,
        }
    }

    /// The step that sent the request with which a leader appends: published by the step that took it, or by the one that
    /// paid for the disk.
    fn sent_by(&self, step: &Step) -> Option<u64> {
        let taken = match &step.kind {
            StepKind::Paid { step, .. } => self.tape.steps.get(usize::try_from(*step).ok()?)?,
            _ => step,
        };
        match taken.kind {
            StepKind::Input { input: InputKind::Received(message), .. } => Some(self.tape.passage(message)?.sent.0),
            _ => None,
        }
    }
}
