//! Histories: what clients saw, judged as Jepsen's workload for Kafka judges it (`jepsen.tests.kafka`).
//!
//! ```text
//!   send of A ──▶ told: offset 5      what was told with acks=all is a promise
//!   poll      ──▶ read: 5 is A        what was read is a fact
//!                 both are the partition as its clients know it: an offset holds one record, a record lies at one offset,
//!                 and a reader comes by every one of them
//! ```
//!
//! One file a family: [`sends`], [`polls`], [`records`] and [`unseen`]; and two that Jepsen has no name for, because only an
//! observer of the logs can tell: [`lineage`] and [`resets`]. Other checks look at replicas and see more, earlier.
//! These see what they cannot: what the clients themselves make of right answers, and that what was found inside would have
//! been noticed outside. Nothing is asked of a machine here but the settings of producers.
//!
//! Records are compared by checksums of key and value. Two that are equal are two records all the same: what is counted is how
//! often such a record was handed over, and at how many offsets it was read.
//!
//! What belongs to transactions is missing until there are some: aborted reads (G1a), precommitted reads, and cycles of
//! dependencies (G0, G1c, G-single, G2). They belong beside [`polls`], and need what a transaction's end makes of
//! [`Handed`]; until then a reader that returns committed records only is not told from one that returns all.
//!
//! Simplified: of a name that another topic had before, and of a partition of which more was lost than the loss budget
//! covers, nothing is asked any more, for clients may have answers of before and after at once.

mod by_design;
mod lineage;
mod polls;
mod promise;
mod records;
mod resets;
mod sends;
mod unseen;

use std::collections::BTreeMap;

use trial_broker::client::{Call, CallResult, ProducerRecord};
use trial_broker::event::{ClientEvent, ContentFact, Event, LogEvent, MembershipEvent};
use trial_broker::ids::{Offset, Ticket, TopicPartition};

use super::model::Model;
use super::{Finding, PossibleLoss, Seen};
use crate::fault::{Fault, MachineId};
use crate::step::{Fact, Resolution, Step, StepKind};
use crate::world::World;
pub(super) use by_design::ByDesign;
pub(super) use lineage::TRUNCATION_NOTICED;
use polls::{Gap, Reader};
pub(super) use polls::{INTERNAL_NONMONOTONIC_POLL, INTERNAL_POLL_SKIP, NONMONOTONIC_POLL, POLL_SKIP};
use promise::Promise;
use records::{Content, Record};
pub(super) use records::{DUPLICATE, INCONSISTENT_OFFSETS, LOST_WRITE};
pub(super) use resets::RESET_ONLY_WHEN_GONE;
use sends::Line;
pub(super) use sends::{INTERNAL_NONMONOTONIC_SEND, NONMONOTONIC_SEND};
pub(super) use unseen::UNSEEN;

/// Where the names and their meaning come from.
const SOURCE: &str = "Jepsen's workload for Kafka (jepsen.tests.kafka)";

/// Why nothing is asked of a partition's clients any more.
const NO_PROMISE_LEFT: &str = "an election after which nothing is promised of what clients had seen";

/// A record that was handed to a producer, and of which its application knows nothing yet.
#[derive(Clone, Copy, Debug)]
struct Handed {
    machine: MachineId,
    /// Its place among all records that were handed over.
    order: u64,
    /// The call: several records of one call are one operation.
    call: Ticket,
    content: ContentFact,
    promise: Promise,
}

/// A partition as its clients know it.
#[derive(Clone, Debug, Default)]
struct Known {
    records: BTreeMap<Offset, Record>,
    contents: BTreeMap<ContentFact, Content>,
    /// What each producer was told, in the order in which it was handed over.
    lines: BTreeMap<MachineId, Line>,
    readers: BTreeMap<MachineId, Reader>,
    /// Offsets that readers came by without getting anything, as long as the log was not compacted.
    gaps: Vec<Gap>,
    /// Whether a cleaner was at it, on any replica.
    is_compacted: bool,
}

impl Known {
    /// Whether compaction may have taken a record.
    fn may_be_gone(&self, record: &Record) -> bool {
        self.is_compacted && record.content.key_crc != 0
    }

    /// A cleaner was at the log: whoever came by an offset may have come too late.
    fn compacted(&mut self) {
        self.is_compacted = true;
        self.gaps.clear();
    }
}

/// What clients saw, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    handed: BTreeMap<Ticket, Handed>,
    orders: u64,
    partitions: BTreeMap<TopicPartition, Known>,
    by_design: ByDesign,
    /// Whether the cluster was healed and has recovered: readers have read what there is.
    has_recovered: bool,
}

impl Check {
    /// What Kafka allows by design, and how often it was seen.
    pub(super) fn by_design(&self) -> &ByDesign {
        &self.by_design
    }

    /// Every reader has read what there is.
    pub(super) fn recovered(&mut self) {
        self.has_recovered = true;
    }

    /// Takes in what people called, and which clients are gone, before the step's events.
    pub(super) fn observe_step(&mut self, world: &World, step: &Step) {
        match &step.kind {
            StepKind::Entry(Fault::Call { machine, ticket, call }) => {
                let is_ignored = step.facts.iter().any(|fact| matches!(fact, Fact::Ignored { .. }));
                if !is_ignored {
                    self.called(world, *machine, *ticket, call);
                }
            }
            StepKind::Entry(Fault::Abandon { ticket, .. }) => {
                self.handed.remove(ticket);
            }
            _ => {}
        }
        for fact in &step.facts {
            match fact {
                Fact::Killed { machine } | Fact::Exited { machine, .. } | Fact::PowerCut { machine, .. } => {
                    self.gone(world, *machine);
                }
                _ => {}
            }
        }
    }

    fn called(&mut self, world: &World, machine: MachineId, ticket: Ticket, call: &Call) {
        match call {
            Call::Send(record) => self.send(world, machine, ticket, std::slice::from_ref(record)),
            Call::SendAll(records) => self.send(world, machine, ticket, records),
            Call::Assign(partitions) => {
                for (partition, known) in &mut self.partitions {
                    if !partitions.contains(partition) {
                        known.readers.remove(&machine);
                    }
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, world: &World, machine: MachineId, call: Ticket, records: &[ProducerRecord]) {
        let promise = Promise::of(world, machine);
        for (record, index) in records.iter().zip(0..) {
            let handed = Handed { machine, order: self.orders, call, content: record.content(), promise };
            self.handed.insert(Ticket(call.0 + index), handed);
            self.orders += 1;
        }
    }

    /// A client's process is gone: what it was handed is as if it had been forgotten, and its successor begins anew.
    fn gone(&mut self, world: &World, machine: MachineId) {
        if world.machine(machine).is_none_or(|host| host.node().is_some()) {
            return;
        }
        self.handed.retain(|_, handed| handed.machine != machine);
        for known in self.partitions.values_mut() {
            known.lines.remove(&machine);
            known.readers.remove(&machine);
        }
    }

    /// Takes in an event of the step with this number: what a consumer returns in one step is one poll.
    pub(super) fn observe(&mut self, seen: &Seen, step: u64) -> Vec<PossibleLoss> {
        let event = match seen.event {
            Event::Client(event) => event,
            Event::Membership(
                MembershipEvent::PartitionsRevoked { partitions, .. }
                | MembershipEvent::PartitionsLost { partitions, .. },
            ) => {
                for partition in partitions {
                    known_of(&mut self.partitions, partition).given_up(seen.machine);
                }
                return Vec::new();
            }
            Event::Log(LogEvent::SegmentsCompacted { partition, .. }) => {
                known_of(&mut self.partitions, partition).compacted();
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        match event {
            ClientEvent::RecordQueued { ticket, partition } => {
                if let Some(handed) = self.handed.get(ticket).copied() {
                    known_of(&mut self.partitions, partition).hand_over(&handed);
                }
                Vec::new()
            }
            ClientEvent::RecordsConsumed { partition, position, read, epochs, .. } => {
                if seen.model.had_another(&partition.topic) {
                    return Vec::new();
                }
                let known = known_of(&mut self.partitions, partition);
                let found = known.consumed(seen, partition, (step, *position), read, &mut self.by_design);
                let mut found: Vec<_> =
                    found.into_iter().map(|finding| judged(seen.world, seen.model, finding)).collect();
                // Losses excuse nothing here: whoever read what was lost must hear of it.
                let unnoticed = known.read_on(seen, partition, read, *epochs);
                found.extend(unnoticed.map(|finding| PossibleLoss { finding, excuse: None }));
                found
            }
            ClientEvent::PositionSet { partition, offset, reason } => {
                let known = known_of(&mut self.partitions, partition);
                let found = known.was_reset(seen, partition, *reason);
                known.moved(seen.machine, partition, *offset, *reason, &mut self.by_design);
                found.into_iter().map(|finding| judged(seen.world, seen.model, finding)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Takes in an answer to a person.
    pub(super) fn resolved(&mut self, world: &World, model: &Model, resolution: &Resolution) -> Vec<PossibleLoss> {
        let Some(handed) = self.handed.remove(&resolution.ticket) else { return Vec::new() };
        let CallResult::Sent { partition, offset } = &resolution.result else { return Vec::new() };
        // Without an offset nothing was told; and what the leader alone has is no promise.
        if *offset < 0 || !handed.promise.is_durable || model.had_another(&partition.topic) {
            return Vec::new();
        }
        let known = known_of(&mut self.partitions, partition);
        let name = super::evidence::name_of(world, handed.machine);
        let mut found = known.promised(world, partition, *offset, &handed);
        found.extend(known.told(partition, *offset, &handed, name, &mut self.by_design));
        found.into_iter().map(|finding| judged(world, model, finding)).collect()
    }

    /// What is to be said of the whole when a run ends.
    pub(super) fn at_end(&self, world: &World, model: &Model) -> Vec<PossibleLoss> {
        if !self.has_recovered {
            return Vec::new();
        }
        let of_current = self.partitions.iter().filter(|(partition, _)| !model.had_another(&partition.topic));
        let found = of_current.filter_map(|(partition, known)| known.unseen(world, model, partition));
        found.map(|finding| judged(world, model, finding)).collect()
    }
}

/// What is known of a partition. A name is copied only when it is new.
fn known_of<'a>(partitions: &'a mut BTreeMap<TopicPartition, Known>, partition: &TopicPartition) -> &'a mut Known {
    if !partitions.contains_key(partition) {
        partitions.insert(partition.clone(), Known::default());
    }
    partitions.get_mut(partition).expect("it was put there if it was missing")
}

/// A finding with what excuses it.
fn judged(world: &World, model: &Model, finding: Finding) -> PossibleLoss {
    let known = finding.partition.as_ref().and_then(|partition| Some((partition, model.partitions.get(partition)?)));
    let excuse = known.and_then(|(partition, known)| match known.rebased_in {
        Some(_) => Some(NO_PROMISE_LEFT),
        None => model.excuse(world, partition),
    });
    PossibleLoss { finding, excuse }
}
