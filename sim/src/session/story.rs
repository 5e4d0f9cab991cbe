//! The way of one record, or of one message and its answer: the steps that took it further.
//!
//! ```text
//!   send ─▶ appended by the leader ─▶ replicated by each follower ─▶ committed ─▶ acknowledged ─▶ read
//! ```

use std::collections::BTreeMap;

use trial_broker::event::{BatchFact, ClientEvent, Event, LogEvent, PartitionEvent};
use trial_broker::ids::{Offset, ProducerId, TopicPartition};
use trial_broker::message::Api;

use super::tape::{Fate, Passage, Tape};
use crate::fault::{MachineId, MessageId};
use crate::step::{InputKind, Step, StepKind};

impl Tape {
    /// The steps at which a record got further, in order: it was sent, appended, replicated, committed, acknowledged, read;
    /// or was cut off a log again. Whatever stood at that offset counts: after a truncation that may be another record.
    pub fn way_of_record(&self, partition: &TopicPartition, offset: Offset) -> Vec<u64> {
        let (producers, sent) = (BTreeMap::new(), BTreeMap::new());
        let mut way = Way { tape: self, partition, offset, producers, sent, steps: Vec::new() };
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
    /// The present id of each idempotent producer.
    producers: BTreeMap<MachineId, ProducerId>,
    /// The step that sent the batch of a producer's sequence number last.
    sent: BTreeMap<(ProducerId, i32), u64>,
    steps: Vec<u64>,
}

impl Way<'_> {
    fn observe(&mut self, step: &Step) {
        for event in &step.events {
            let is_part = match event {
                Event::Log(event) => self.log(step, event),
                Event::Partition(event) => self.partition(event),
                Event::Client(event) => self.client(step, event),
                _ => false,
            };
            if is_part {
                self.steps.push(step.index);
            }
        }
    }

    fn client(&mut self, step: &Step, event: &ClientEvent) -> bool {
        match event {
            ClientEvent::ProducerIdAssigned { producer_id, .. } => {
                self.producers.extend(step.machine().map(|machine| (machine, *producer_id)));
                false
            }
            ClientEvent::BatchSent { partition, first_sequence, .. } if partition == self.partition => {
                let producer = step.machine().and_then(|machine| self.producers.get(&machine));
                self.sent.extend(producer.map(|producer| ((*producer, *first_sequence), step.index)));
                false
            }
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
            PartitionEvent::HighWatermarkAdvanced { partition, from, to, .. }
            | PartitionEvent::FollowerAdvanced { partition, from, to, .. } => {
                partition == self.partition && (*from..*to).contains(&self.offset)
            }
            _ => false,
        }
    }

    fn log(&mut self, step: &Step, event: &LogEvent) -> bool {
        match event {
            LogEvent::RecordsAppended { partition, base_offset, log_end_offset, as_leader, batches, .. }
                if partition == self.partition && (*base_offset..*log_end_offset).contains(&self.offset) =>
            {
                if *as_leader {
                    let batch =
                        batches.iter().find(|batch| (batch.base_offset..=batch.last_offset).contains(&self.offset));
                    self.steps.extend(batch.and_then(|batch| self.sent_by(step, batch)));
                }
                true
            }
            LogEvent::LogTruncated { partition, from, to } => {
                partition == self.partition && (*to..*from).contains(&self.offset)
            }
            _ => false,
        }
    }

    /// The step that sent the request with which a leader appends. A request may have waited at the leader, behind the one
    /// before it on its connection, so an idempotent producer's is found by its sequence number. Without one it is the
    /// request that this step took, or the step that paid for the disk after taking it.
    fn sent_by(&self, step: &Step, batch: &BatchFact) -> Option<u64> {
        if let Some(sent) = self.sent.get(&(batch.producer_id, batch.base_sequence)) {
            return Some(*sent);
        }
        let taken = match &step.kind {
            StepKind::Paid { step, .. } => self.tape.steps.get(usize::try_from(*step).ok()?)?,
            _ => step,
        };
        let StepKind::Input { input: InputKind::Received(message), .. } = taken.kind else { return None };
        let request = self.tape.passage(message)?;
        (request.api == Api::Produce).then_some(request.sent.0)
    }
}
