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
mod compaction_keeps_last;
mod deposed_leader_resigns;
mod end_offset_monotonic;
mod epochs_only_grow;
mod evidence;
mod group;
mod healthy_leader_undisturbed;
mod high_watermark_monotonic;
mod history;
mod idempotent_record_once;
mod isr_within_replicas;
mod leader_completeness;
pub mod liveness;
mod log_matching;
mod loss_budget;
mod metadata_not_lost;
pub mod model;
mod no_double_assignment;
mod on_disk_truth;
mod one_leader_per_epoch;
mod order_of_positions;
mod producer_sequence;
mod proof;
mod recovery_point_durable;
mod registrations;
mod replayed;
mod replicas;
mod replication_quorum_superset;
mod retention_keeps_young;
mod seen;
mod snapshot_at_log_start;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use trial_broker::event::{Event, PartitionEvent};
use trial_broker::ids::TopicPartition;
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::step::{Fact, Step};
use crate::world::World;
pub use evidence::{Evidence, event_words};
pub(crate) use log_matching::METADATA_TOPIC;
use model::Model;
pub(crate) use proof::Proof;
pub(crate) use seen::Seen;

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
    no_double_assignment::PROPERTY,
    on_disk_truth::PROPERTY,
    recovery_point_durable::PROPERTY,
    retention_keeps_young::PROPERTY,
    compaction_keeps_last::PROPERTY,
    history::INCONSISTENT_OFFSETS,
    history::DUPLICATE,
    history::LOST_WRITE,
    history::POLL_SKIP,
    history::NONMONOTONIC_POLL,
    history::INTERNAL_POLL_SKIP,
    history::INTERNAL_NONMONOTONIC_POLL,
    history::NONMONOTONIC_SEND,
    history::INTERNAL_NONMONOTONIC_SEND,
    history::UNSEEN,
    history::TRUNCATION_NOTICED,
    history::RESET_ONLY_WHEN_GONE,
    group::ONE_OWNER_IN_A_GROUP,
    group::GROUP_EPOCHS_ONLY_GROW,
    group::COMMIT_OF_CURRENT_MEMBER,
    group::COMMITTED_OFFSET_NOT_LOST,
    group::COMMITS_ONLY_GROW,
    group::MEMBERS_ARE_KNOWN,
    group::TARGET_COVERS_SUBSCRIPTIONS,
    group::STABLE_GROUP_HAS_ITS_TARGET,
    group::SHARES_ARE_EVEN,
    group::COORDINATOR_IS_REPLAY,
    group::STATIC_MEMBER_DISTURBS_NOBODY,
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

/// What a check found, before step, time and evidence are added.
pub(crate) struct Finding {
    pub property: Property,
    /// What it is about; none for the metadata log, its quorum, and machines.
    pub partition: Option<TopicPartition>,
    pub message: String,
    /// Which events the message speaks of, the most telling first.
    pub proof: Vec<Proof>,
}

/// What the checks have found in an event. A dozen of them are asked about each, and nearly all have nothing to say: then
/// that is all that is looked at.
#[derive(Default)]
struct Found(Vec<Finding>);

impl Found {
    #[inline]
    fn note(&mut self, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.0.push(finding);
        }
    }
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
pub struct Forgiven {
    /// The property, by its name.
    pub property: &'static str,
    /// Of which partition it did not hold; none if it is about no single one.
    pub partition: Option<TopicPartition>,
    /// Why that is nobody's fault.
    pub reason: &'static str,
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
        write!(f, "{property}{of}: {reason}")
    }
}

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
    no_double_assignment: no_double_assignment::Check,
    on_disk_truth: on_disk_truth::Check,
    history: history::Check,
    group: group::Check,
    recent: proof::Recent,
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

    /// What did not hold and was forgiven because more was lost than the loss budget covers.
    pub fn forgiven(&self) -> impl Iterator<Item = Forgiven> {
        self.forgiven.union(&self.model.forgiven).cloned()
    }

    /// What clients saw that Kafka allows by design, and how often.
    pub fn by_design(&self) -> Vec<String> {
        self.history.by_design().said()
    }

    /// The cluster was healed and has recovered: clients have seen what there is to see.
    pub fn recovered(&mut self) {
        self.history.recovered();
    }

    /// Looks at a step that the world has just made.
    pub fn observe(&mut self, world: &World, step: &Step) -> Option<Violation> {
        self.model.observe_facts(world, step);
        self.healthy_leader_undisturbed.observe_facts(step);
        self.history.observe_step(world, step);
        self.group.observe_facts(step);
        for fact in &step.facts {
            if let Fact::Replaced { machine } = fact {
                self.epochs_only_grow.replaced(*machine);
            }
        }
        let mut violation = None;
        if let Some(machine) = step.machine() {
            for event in &step.events {
                self.recent.remember(step, machine, event);
                let found = self.observe_event(world, step, machine, event);
                if !found.is_empty() {
                    violation = violation.or(self.report(step, Some(machine), found));
                }
            }
        }
        for resolution in &step.resolutions {
            let lost = self.history.resolved(world, &self.model, resolution);
            let found: Vec<_> = lost.into_iter().filter_map(|lost| lost.unless_excused(&mut self.forgiven)).collect();
            violation = violation.or(self.report(step, step.machine(), found));
        }
        if let Some(found) = self.deposed_leader_resigns.observe(world, step) {
            violation = violation.or(self.report(step, step.machine(), [found]));
        }
        if step.index % SWEEP_EVERY == SWEEP_EVERY - 1 || step.facts.iter().any(is_incident) {
            let found = self.sweep(world);
            violation = violation.or(self.report(step, None, found));
        }
        violation
    }

    /// Looks at everything once more when a run ends.
    pub fn end(&mut self, world: &World, last: &Step) -> Option<Violation> {
        let mut found = Vec::new();
        found.extend(self.on_disk_truth.sweep_all(world, &self.model));
        found.extend(self.broker_image_is_replay.sweep_all(world));
        found.extend(self.sweep(world));
        let mut lost = acked_record_not_lost::at_end(world, &self.model);
        lost.extend(self.history.at_end(world, &self.model));
        lost.extend(self.group.sweep_all(world, &self.model));
        found.extend(lost.into_iter().filter_map(|lost| lost.unless_excused(&mut self.forgiven)));
        self.report(last, None, found)
    }

    /// What the checks have to say of an event. An event is shown to those that speak of its part, and to each of them
    /// whatever the others have found: some keep a state, and what one finds may be allowed.
    fn observe_event(&mut self, world: &World, step: &Step, machine: MachineId, event: &Event) -> Vec<Finding> {
        self.model.observe(world, machine, event);
        let seen = Seen::new(world, &self.model, machine, event);
        self.events += 1;
        let mut found = Found::default();
        let mut unless_excused = |loss: PossibleLoss| loss.unless_excused(&mut self.forgiven);
        match event {
            Event::Log(_) => {
                found.note(order_of_positions::observe(&seen));
                found.note(self.log_matching.observe(&seen));
                found.note(producer_sequence::observe(&seen));
                found.note(acked_record_not_lost::observe(&seen).and_then(&mut unless_excused));
                found.note(snapshot_at_log_start::observe(&seen));
                found.note(compaction_keeps_last::observe(&seen));
                found.note(retention_keeps_young::observe(&seen));
                found.0.extend(self.history.observe(&seen, step.index).into_iter().filter_map(unless_excused));
            }
            Event::Partition(PartitionEvent::FetchAnswered { .. }) => {
                found.note(self.high_watermark_monotonic.observe(&seen));
            }
            Event::Partition(event) if is_for_people(event) => {}
            Event::Partition(_) => {
                found.note(order_of_positions::observe(&seen));
                found.note(self.high_watermark_monotonic.observe(&seen));
                found.note(self.end_offset_monotonic.observe(&seen));
                found.note(self.one_leader_per_epoch.observe(&seen));
                found.note(self.epochs_only_grow.observe(&seen));
                found.note(replication_quorum_superset::observe(&seen));
                found.note(self.idempotent_record_once.observe(&seen));
                found.note(leader_completeness::observe(&seen));
                found.note(acked_record_not_lost::observe(&seen).and_then(&mut unless_excused));
                found.note(committed_below_high_watermark::observe(&seen).and_then(unless_excused));
            }
            Event::Raft(_) => {
                self.broker_image_is_replay.observe(&seen);
                found.note(self.one_leader_per_epoch.observe(&seen));
                found.note(self.epochs_only_grow.observe(&seen));
                found.note(self.metadata_not_lost.observe(&seen));
                found.note(self.healthy_leader_undisturbed.observe(&seen));
                found.note(snapshot_at_log_start::observe(&seen));
            }
            Event::Controller(_) if self.model.is_deposed(machine) => {
                found.note(self.epochs_only_grow.observe(&seen));
            }
            Event::Controller(_) => {
                found.note(self.epochs_only_grow.observe(&seen));
                found.note(isr_within_replicas::observe(&seen));
                found.note(caught_up_broker_unfenced::observe(&seen));
                found.note(replication_quorum_superset::observe(&seen));
                found.note(acked_record_not_lost::observe(&seen).and_then(unless_excused));
            }
            Event::Client(_) => {
                found.note(self.idempotent_record_once.observe(&seen));
                let lost = self.history.observe(&seen, step.index).into_iter().chain(self.group.observe(&seen));
                found.0.extend(lost.filter_map(unless_excused));
            }
            Event::Group(_) => {
                found.note(self.no_double_assignment.observe(&seen));
                found.0.extend(self.group.observe(&seen).into_iter().filter_map(unless_excused));
            }
            Event::Membership(_) => {
                let lost = self.history.observe(&seen, step.index).into_iter().chain(self.group.observe(&seen));
                found.0.extend(lost.filter_map(unless_excused));
            }
            Event::Lifecycle(_) => {}
        }
        found.0
    }

    fn sweep(&mut self, world: &World) -> Vec<Finding> {
        let mut found = Vec::new();
        found.extend(self.on_disk_truth.sweep(world, &self.model));
        found.extend(recovery_point_durable::sweep(world, &self.model));
        found.extend(self.broker_image_is_replay.sweep(world));
        let differing = self.group.sweep(world, &self.model);
        found.extend(differing.and_then(|loss| loss.unless_excused(&mut self.forgiven)));
        found
    }

    /// The first finding that the scenario does not allow; those that it allows are counted.
    fn report(
        &mut self,
        step: &Step,
        machine: Option<MachineId>,
        found: impl IntoIterator<Item = Finding>,
    ) -> Option<Violation> {
        let (allowed, reported): (Vec<Finding>, Vec<Finding>) =
            found.into_iter().partition(|finding| self.allowed.contains(finding.property.name));
        for finding in allowed {
            *self.excused.entry(finding.property.name).or_default() += 1;
        }
        let finding = reported.into_iter().next()?;
        Some(Violation {
            property: finding.property,
            step: step.index,
            at: step.at,
            machine,
            evidence: self.recent.prove(&finding),
            message: finding.message,
        })
    }
}

/// Whether no check speaks of an event of a partition: more than half of all events are such, and only people read them.
fn is_for_people(event: &PartitionEvent) -> bool {
    match event {
        PartitionEvent::Produced { .. }
        | PartitionEvent::ProduceRefused { .. }
        | PartitionEvent::ProduceParked { .. }
        | PartitionEvent::FetchParked { .. }
        | PartitionEvent::FollowerAdvanced { .. }
        | PartitionEvent::DivergenceFound { .. }
        | PartitionEvent::RecordsReplicated { .. }
        | PartitionEvent::FetchResponseIgnored { .. }
        | PartitionEvent::FetchDelayed { .. }
        | PartitionEvent::FetcherFailed { .. }
        | PartitionEvent::ReplicaOffline { .. } => true,
        PartitionEvent::BecameLeader { .. }
        | PartitionEvent::BecameFollower { .. }
        | PartitionEvent::ProduceCompleted { .. }
        | PartitionEvent::FetchAnswered { .. }
        | PartitionEvent::EndOffsetListed { .. }
        | PartitionEvent::HighWatermarkAdvanced { .. }
        | PartitionEvent::IsrChangeProposed { .. }
        | PartitionEvent::IsrChanged { .. }
        | PartitionEvent::IsrChangeRefused { .. }
        | PartitionEvent::ReplicaRemoved { .. } => false,
    }
}

/// Whether everything is worth a look after a fact. A message sent is none, and is told only while details are kept.
fn is_incident(fact: &Fact) -> bool {
    !matches!(fact, Fact::MessageSent { .. })
}
