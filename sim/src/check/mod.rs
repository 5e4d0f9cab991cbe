//! Checks: what must never happen, looked at after every step.
//!
//! ```text
//!   step ─▶ model (what an observer who sees everything knows) ─▶ each check ─▶ Violation
//! ```
//!
//! One file a property, each with its source. Checks read published events and the
//! [`model`] that these add up to; a sweep over the disks compares the model with the bytes.
//! Which invariant of Kafka's specifications is looked at by which file, and which by none, is a table in the book
//! (`docs/src/checks.md`). They change nothing: a run has the same fingerprint with and without them.

mod acked_record_not_lost;
mod broker_image_is_replay;
mod caught_up_broker_unfenced;
mod committed_below_high_watermark;
mod deposed_leader_resigns;
mod end_offset_monotonic;
mod epochs_only_grow;
mod evidence;
mod healthy_leader_undisturbed;
mod high_watermark_monotonic;
mod idempotent_record_once;
mod isr_within_replicas;
mod leader_completeness;
pub mod liveness;
mod log_matching;
mod loss_budget;
mod metadata_not_lost;
pub mod model;
mod on_disk_truth;
mod one_leader_per_epoch;
mod order_of_positions;
mod producer_sequence;
mod recovery_point_durable;
mod replayed;
mod replication_quorum_superset;
mod snapshot_at_log_start;
mod topics;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::Serialize;
use trial_broker::event::{Event, LogEvent, PartitionEvent};
use trial_broker::ids::TopicPartition;
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::step::{Fact, Step};
use crate::world::World;
pub use evidence::Evidence;
use model::Model;

/// A property by its name, with the sentence that states it and where that is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Property {
    /// Its name, as scenario files write it.
    pub name: &'static str,
    /// The rule in one sentence.
    pub rule: &'static str,
    /// Where it is documented.
    pub source: &'static str,
}

/// Every property that is checked.
pub const PROPERTIES: &[Property] = &[
    order_of_positions::PROPERTY,
    high_watermark_monotonic::PROPERTY,
    end_offset_monotonic::PROPERTY,
    committed_below_high_watermark::PROPERTY,
    log_matching::PROPERTY,
    acked_record_not_lost::PROPERTY,
    leader_completeness::PROPERTY,
    one_leader_per_epoch::PROPERTY,
    deposed_leader_resigns::PROPERTY,
    caught_up_broker_unfenced::PROPERTY,
    replication_quorum_superset::PROPERTY,
    isr_within_replicas::PROPERTY,
    epochs_only_grow::PROPERTY,
    metadata_not_lost::PROPERTY,
    healthy_leader_undisturbed::PROPERTY,
    snapshot_at_log_start::PROPERTY,
    broker_image_is_replay::PROPERTY,
    producer_sequence::PROPERTY,
    idempotent_record_once::PROPERTY,
    on_disk_truth::PROPERTY,
    recovery_point_durable::PROPERTY,
];

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// At which step it was seen.
    pub step: u64,
    /// When.
    pub at: Time,
    /// On which machine.
    pub machine: Option<MachineId>,
    /// What was seen, with the numbers.
    pub message: String,
    /// The events that prove it, oldest first.
    pub evidence: Vec<Evidence>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.property.name, self.message)?;
        writeln!(f, "  rule: {} ({})", self.property.rule, self.property.source)?;
        for evidence in &self.evidence {
            writeln!(f, "  {evidence}")?;
        }
        Ok(())
    }
}

/// What a check is shown of one event: the event itself, and the model with the event in it.
pub(crate) struct Seen<'a> {
    pub world: &'a World,
    pub model: &'a Model,
    pub machine: MachineId,
    pub event: &'a Event,
}

/// What a check found, before step, time and evidence are added.
pub(crate) struct Finding {
    pub property: Property,
    /// Whose events are the evidence; none for the metadata quorum's.
    pub partition: Option<TopicPartition>,
    pub message: String,
}

/// Something lost, which may be nobody's fault.
pub(crate) struct PossibleLoss {
    pub finding: Finding,
    /// Why it is nobody's fault; none if it is a bug.
    pub excuse: Option<&'static str>,
}

impl PossibleLoss {
    /// The finding, if it is a bug; what is excused is kept with its reason instead.
    fn unless_excused(self, forgiven: &mut BTreeSet<Forgiven>) -> Option<Finding> {
        let Finding { property, partition, .. } = &self.finding;
        match self.excuse {
            None => return Some(self.finding),
            Some(reason) => forgiven.insert(Forgiven::new(property, partition, reason)),
        };
        None
    }
}

/// A property that did not hold, and need not have held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Forgiven {
    property: &'static str,
    partition: Option<TopicPartition>,
    reason: &'static str,
}

impl Forgiven {
    fn new(property: &Property, partition: &Option<TopicPartition>, reason: &'static str) -> Forgiven {
        Forgiven { property: property.name, partition: partition.clone(), reason }
    }
}

impl fmt::Display for Forgiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forgiven { property, partition, reason } = self;
        let of = partition.as_ref().map_or(String::new(), |partition| format!(" of {partition}"));
        write!(f, "loss budget: {property}{of}: {reason}")
    }
}

/// How many events are kept a partition, to prove a violation with.
const EVIDENCE: usize = 6;

/// How many steps lie between two sweeps over everything.
const SWEEP_EVERY: u64 = 1_000;

/// All checks of one run.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    model: Model,
    log_matching: log_matching::Check,
    high_watermark_monotonic: high_watermark_monotonic::Check,
    end_offset_monotonic: end_offset_monotonic::Check,
    idempotent_record_once: idempotent_record_once::Check,
    deposed_leader_resigns: deposed_leader_resigns::Check,
    one_leader_per_epoch: one_leader_per_epoch::Check,
    epochs_only_grow: epochs_only_grow::Check,
    metadata_not_lost: metadata_not_lost::Check,
    healthy_leader_undisturbed: healthy_leader_undisturbed::Check,
    broker_image_is_replay: broker_image_is_replay::Check,
    on_disk_truth: on_disk_truth::Check,
    recent: BTreeMap<Option<TopicPartition>, VecDeque<Evidence>>,
    allowed: BTreeSet<String>,
    excused: BTreeMap<&'static str, u64>,
    /// What the loss budget has forgiven.
    forgiven: BTreeSet<Forgiven>,
    events: u64,
}

impl Suite {
    /// All checks, except that violations of these properties are counted instead of reported.
    pub fn new(allowed: impl IntoIterator<Item = String>) -> Suite {
        Suite { allowed: allowed.into_iter().collect(), ..Suite::default() }
    }

    /// What an observer knows.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How many events the checks have been shown. Most of them concern few of the checks.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How often each allowed property was violated.
    pub fn excused(&self) -> &BTreeMap<&'static str, u64> {
        &self.excused
    }

    /// What did not hold and was forgiven because more was lost than the loss budget covers, each with its reason.
    pub fn forgiven(&self) -> Vec<String> {
        self.forgiven.iter().chain(&self.model.forgiven).map(ToString::to_string).collect()
    }

    /// Looks at a step that the world has just made.
    pub fn observe(&mut self, world: &World, step: &Step) -> Option<Violation> {
        self.model.observe_facts(world, step);
        self.healthy_leader_undisturbed.observe_facts(step);
        for fact in &step.facts {
            if let Fact::Replaced { machine } = fact {
                self.epochs_only_grow.replaced(*machine);
            }
        }
        let mut found = None;
        if let Some(machine) = step.machine() {
            for event in &step.events {
                self.remember(step, machine, event);
                let finding = self.observe_event(world, machine, event);
                found = found.or_else(|| finding.and_then(|finding| self.report(step, Some(machine), finding)));
            }
        }
        let finding = self.deposed_leader_resigns.observe(world, step);
        found = found.or_else(|| finding.and_then(|finding| self.report(step, step.machine(), finding)));
        if step.index % SWEEP_EVERY == SWEEP_EVERY - 1 || step.facts.iter().any(is_incident) {
            let finding = self.sweep(world);
            found = found.or_else(|| finding.and_then(|finding| self.report(step, None, finding)));
        }
        found
    }

    /// Looks at everything once more when a run ends.
    pub fn end(&mut self, world: &World, last: &Step) -> Option<Violation> {
        let finding = self.on_disk_truth.sweep_all(world, &self.model);
        let finding = finding.or_else(|| self.broker_image_is_replay.sweep_all(world));
        let finding = finding.or_else(|| self.sweep(world));
        let lost = acked_record_not_lost::at_end(world, &self.model);
        let lost = lost.into_iter().filter_map(|lost| lost.unless_excused(&mut self.forgiven)).next();
        let finding = finding.or(lost);
        finding.and_then(|finding| self.report(last, None, finding))
    }

    fn observe_event(&mut self, world: &World, machine: MachineId, event: &Event) -> Option<Finding> {
        self.model.observe(world, machine, event);
        let seen = Seen { world, model: &self.model, machine, event };
        self.events += 1;
        self.broker_image_is_replay.observe(&seen);
        order_of_positions::observe(&seen)
            .or_else(|| self.high_watermark_monotonic.observe(&seen))
            .or_else(|| self.end_offset_monotonic.observe(&seen))
            .or_else(|| self.log_matching.observe(&seen))
            .or_else(|| self.one_leader_per_epoch.observe(&seen))
            .or_else(|| self.epochs_only_grow.observe(&seen))
            .or_else(|| isr_within_replicas::observe(&seen))
            .or_else(|| caught_up_broker_unfenced::observe(&seen))
            .or_else(|| replication_quorum_superset::observe(&seen))
            .or_else(|| producer_sequence::observe(&seen))
            .or_else(|| self.idempotent_record_once.observe(&seen))
            .or_else(|| leader_completeness::observe(&seen))
            .or_else(|| acked_record_not_lost::observe(&seen)?.unless_excused(&mut self.forgiven))
            .or_else(|| committed_below_high_watermark::observe(&seen)?.unless_excused(&mut self.forgiven))
            .or_else(|| self.metadata_not_lost.observe(&seen))
            .or_else(|| self.healthy_leader_undisturbed.observe(&seen))
            .or_else(|| snapshot_at_log_start::observe(&seen))
    }

    fn sweep(&mut self, world: &World) -> Option<Finding> {
        self.on_disk_truth
            .sweep(world, &self.model)
            .or_else(|| recovery_point_durable::sweep(world, &self.model))
            .or_else(|| self.broker_image_is_replay.sweep(world))
    }

    fn report(&mut self, step: &Step, machine: Option<MachineId>, finding: Finding) -> Option<Violation> {
        if self.allowed.contains(finding.property.name) {
            *self.excused.entry(finding.property.name).or_default() += 1;
            return None;
        }
        let evidence = self.recent.get(&finding.partition).map(|recent| recent.iter().cloned().collect());
        Some(Violation {
            property: finding.property,
            step: step.index,
            at: step.at,
            machine,
            message: finding.message,
            evidence: evidence.unwrap_or_default(),
        })
    }

    /// Keeps the last events that could prove something: changes of leadership, ISR, log end by truncation, high watermark.
    fn remember(&mut self, step: &Step, machine: MachineId, event: &Event) {
        let Some(about) = subject_of_proof(event) else { return };
        let recent = self.recent.entry(about).or_default();
        if recent.len() == EVIDENCE {
            recent.pop_front();
        }
        recent.push_back(Evidence { step: step.index, at: step.at, machine, event: event.clone() });
    }
}

/// Whether everything is worth a look after a fact. A message sent is none, and is told only while details are kept.
fn is_incident(fact: &Fact) -> bool {
    !matches!(fact, Fact::MessageSent { .. })
}

/// Whose proof an event may belong to; `None` if it proves nothing, `Some(None)` for the metadata quorum.
fn subject_of_proof(event: &Event) -> Option<Option<TopicPartition>> {
    match event {
        Event::Log(LogEvent::LogTruncated { partition, .. } | LogEvent::LogLoaded { partition, .. })
        | Event::Partition(
            PartitionEvent::BecameLeader { partition, .. }
            | PartitionEvent::BecameFollower { partition, .. }
            | PartitionEvent::HighWatermarkAdvanced { partition, .. }
            | PartitionEvent::IsrChanged { partition, .. }
            | PartitionEvent::ProduceCompleted { partition, .. },
        )
        | Event::Controller(trial_broker::event::ControllerEvent::PartitionChanged { partition, .. }) => {
            Some(Some(partition.clone()))
        }
        Event::Raft(_) => Some(None),
        Event::Log(_) | Event::Partition(_) | Event::Controller(_) | Event::Lifecycle(_) | Event::Client(_) => None,
    }
}
