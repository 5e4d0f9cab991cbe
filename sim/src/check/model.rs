//! What an observer knows who sees every published event: each replica's log as a list
//! of batches, what is committed, and what the controllers have decided.
//!
//! Nothing here is asked of a machine. The checks compare this with what machines hold.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{BatchFact, ControllerEvent, Event, LogEvent, PartitionEvent};
use trial_broker::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicId, TopicName, TopicPartition};
use trial_broker::message::ErrorCode;
use trial_broker::table::Table;

use super::Forgiven;
use super::loss_budget::Loss;
use super::on_disk_truth;
use super::registrations::Registration;
use super::replicas::Replicas;
pub use super::replicas::{Replica, same};
use super::topics::Topics;
use crate::fault::MachineId;
use crate::step::{Fact, Step};
use crate::world::World;

/// Everything an observer knows.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Every replica that was ever loaded or written.
    pub replicas: Replicas,
    /// Every partition that the controllers or a leader have spoken of.
    pub partitions: Table<TopicPartition, Partition>,
    /// The broker epoch under which each broker is registered.
    pub registrations: BTreeMap<NodeId, BrokerEpoch>,
    /// Brokers that are registered and fenced.
    pub fenced: BTreeSet<NodeId>,
    /// Machines whose process runs.
    pub running: BTreeSet<MachineId>,
    /// The epoch of the quorum in which each controller was last active.
    activated: BTreeMap<MachineId, LeaderEpoch>,
    /// Which topic each name means.
    topics: Topics,
    /// Up to where some replica of a partition has been compacted. Kept when the topic is deleted: a follower that has not
    /// heard of it still takes what its leader sent.
    compacted_to: BTreeMap<(TopicId, TopicPartition), Offset>,
    /// For which partitions somebody has asked for an unclean election.
    pub(super) unclean_wishes: BTreeSet<TopicPartition>,
    /// Whether somebody has asked for one wherever nobody leads.
    pub(super) unclean_wishes_for_all: bool,
    /// Losses that were excused when a new leader made them the truth.
    pub(super) forgiven: BTreeSet<Forgiven>,
}

/// What is known of a partition as a whole.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// The controllers' last committed registration.
    pub registration: Option<Registration>,
    /// Who entered the ISR with it.
    pub entered_isr: Vec<NodeId>,
    /// Every batch below the highest high watermark that a leader has had.
    pub committed: Vec<BatchFact>,
    /// That high watermark.
    pub committed_end: Offset,
    /// The end of what was acknowledged to producers with acks=all.
    pub acked_end: Offset,
    /// Why a loss would be nobody's fault, whatever the loss budget says; none unless an unclean leader was
    /// elected with somebody's leave, or one that had lost what it lacks.
    pub excuse: Option<&'static str>,
    /// The leader epoch in which an excused loss was last made the truth: what older epochs showed counts no more.
    pub rebased_in: Option<LeaderEpoch>,
}

impl Partition {
    /// Whether who is in this epoch has not heard of the leader whose log an excused loss has made the truth.
    pub(super) fn has_overtaken(&self, epoch: Option<LeaderEpoch>) -> bool {
        epoch < self.rebased_in
    }
}

/// The machine on which a broker or controller runs: both have one number.
pub fn machine_of(node: NodeId) -> MachineId {
    MachineId(u32::try_from(node.0).unwrap_or(u32::MAX))
}

impl Model {
    /// The replica of a partition on a machine.
    pub fn replica(&self, partition: &TopicPartition, machine: MachineId) -> Option<&Replica> {
        self.replicas.get(partition, machine)
    }

    /// The topic to which a machine's replica of a partition belongs: not always the one that has the name now.
    pub fn topic_of(&self, partition: &TopicPartition, machine: MachineId) -> TopicId {
        self.replica(partition, machine).map_or(TopicId::ZERO, Replica::topic)
    }

    /// The topic that has this name now.
    pub fn topic_id(&self, name: &TopicName) -> TopicId {
        self.topics.id(name).unwrap_or(TopicId::ZERO)
    }

    /// The name of a topic that there is.
    pub fn topic_name(&self, id: TopicId) -> Option<&TopicName> {
        self.topics.iter().find(|(_, known)| *known == id).map(|(name, _)| name)
    }

    /// Whether a name means this topic, as far as anybody has said.
    pub fn is_current(&self, name: &TopicName, id: TopicId) -> bool {
        self.topics.is_current(name, id)
    }

    /// What is known of the partition that a machine's replica belongs to; nothing once its topic is deleted.
    pub fn partition_of(&self, partition: &TopicPartition, machine: MachineId) -> Option<&Partition> {
        self.partition_in(partition, self.topic_of(partition, machine))
    }

    /// What is known of a partition of this topic; nothing once the topic is deleted.
    pub(super) fn partition_in(&self, partition: &TopicPartition, topic: TopicId) -> Option<&Partition> {
        self.partitions.get(partition).filter(|_| self.topics.is_current(&partition.topic, topic))
    }

    /// Some replica of the partition that a machine's replica belongs to has been compacted up to here: below it replicas
    /// need not hold the same batches.
    pub fn compacted_to(&self, partition: &TopicPartition, machine: MachineId) -> Offset {
        if self.compacted_to.is_empty() {
            return 0;
        }
        let of_topic = self.topic_of(partition, machine);
        self.compacted_to.get(&(of_topic, partition.clone())).copied().unwrap_or(0)
    }

    /// The epoch of the quorum in which a controller was last active.
    pub fn activated_in(&self, machine: MachineId) -> Option<LeaderEpoch> {
        self.activated.get(&machine).copied()
    }

    /// Whether another controller has been active since this one became it. Such a one may still tell, late, of what it wrote:
    /// it learns that a record is committed when its disk and its network let it, and the other may have committed the record in
    /// its place, and have gone on from it.
    pub fn is_deposed(&self, machine: MachineId) -> bool {
        let newest = self.activated.values().max();
        self.activated.get(&machine).is_some_and(|epoch| Some(epoch) < newest)
    }

    /// Forgets the topics that are not there any more, as a new controller knows.
    pub(super) fn keep_topics(&mut self, is_there: impl Fn(&TopicName, TopicId) -> bool) {
        let known = self.topics.iter().map(|(name, id)| (name.clone(), id));
        let gone: Vec<_> = known.filter(|(name, id)| !is_there(name, *id)).collect();
        for (name, id) in gone {
            self.topics.deleted(&name, id);
            self.forget_partitions(&name);
        }
    }

    /// Somebody speaks of a topic; where it is a new one, what was known of its name is about another.
    pub(super) fn heard_of_topic(&mut self, name: &TopicName, id: TopicId) {
        if self.topics.heard(name, id) {
            self.forget_partitions(name);
        }
    }

    /// Whether a topic of this name was deleted: files may speak of that one still.
    pub(crate) fn had_another(&self, name: &TopicName) -> bool {
        self.topics.had_another(name)
    }

    /// The controllers have deleted a topic; if the name means another by now, that one stays.
    pub(super) fn topic_deleted(&mut self, name: &TopicName, id: TopicId) {
        if self.topics.deleted(name, id) {
            self.forget_partitions(name);
        }
    }

    fn forget_partitions(&mut self, topic: &TopicName) {
        self.partitions.retain(|partition, _| partition.topic != *topic);
    }

    /// A replica takes a role: it belongs to the topic for which the broker made it.
    fn takes_role(&mut self, world: &World, partition: &TopicPartition, machine: MachineId) {
        let replicas = world.machine(machine).and_then(|host| host.node()?.replicas());
        let Some(topic_id) = replicas.and_then(|replicas| Some(replicas.partition(partition)?.topic_id())) else {
            return;
        };
        let replica = self.replica_mut(partition, machine);
        // What was lost of another topic is nothing that this one lacks.
        if replica.topic_id.replace(topic_id).is_some_and(|before| before != topic_id) {
            replica.loss = Loss::None;
        }
        self.heard_of_topic(&partition.topic, topic_id);
    }

    fn replica_mut(&mut self, partition: &TopicPartition, machine: MachineId) -> &mut Replica {
        let replica = self.replicas.get_or_begin(partition, machine);
        replica.is_unswept.set(true);
        replica
    }

    /// Takes in what the world did to machines.
    pub(super) fn observe_facts(&mut self, world: &World, step: &Step) {
        self.observe_wishes(step);
        self.observe_losses(world, step);
        for fact in &step.facts {
            match fact {
                Fact::Started { machine } => {
                    self.running.insert(*machine);
                }
                Fact::Killed { machine } | Fact::Exited { machine, .. } => self.stopped(*machine),
                Fact::PowerCut { machine, .. } => {
                    self.stopped(*machine);
                    self.replicas.on_mut(*machine).for_each(|(_, replica)| replica.lost_power = true);
                }
                Fact::Replaced { machine } => {
                    self.stopped(*machine);
                    self.lost_disk(*machine);
                }
                _ => {}
            }
        }
    }

    fn stopped(&mut self, machine: MachineId) {
        self.running.remove(&machine);
        for (_, replica) in self.replicas.on_mut(machine) {
            replica.leads_in = None;
            replica.is_open = false;
            replica.is_unswept.set(true);
        }
    }

    fn lost_disk(&mut self, machine: MachineId) {
        for (_, replica) in self.replicas.on_mut(machine) {
            let Replica { loss, forgotten_from, forgot_in, .. } = *replica;
            *replica = Replica { loss, forgotten_from, forgot_in, ..Replica::default() };
        }
    }

    /// Takes in one event.
    pub(super) fn observe(&mut self, world: &World, machine: MachineId, event: &Event) {
        match event {
            Event::Log(event) => self.observe_log(world, machine, event),
            Event::Partition(event) => {
                if let PartitionEvent::BecameLeader { partition, .. }
                | PartitionEvent::BecameFollower { partition, .. } = event
                {
                    self.takes_role(world, partition, machine);
                    self.broker_acted(world, partition, machine);
                } else if let PartitionEvent::IsrChanged { partition, .. } = event {
                    self.broker_acted(world, partition, machine);
                }
                self.observe_partition(world, machine, event);
            }
            Event::Controller(ControllerEvent::Activated { epoch }) => {
                self.activated.insert(machine, *epoch);
                self.controller_took_over(world, machine);
            }
            // What it tells has been taken over from it.
            Event::Controller(_) if self.is_deposed(machine) => {}
            Event::Controller(event) => self.observe_controller(world, event),
            Event::Raft(_) | Event::Lifecycle(_) | Event::Group(_) | Event::Client(_) | Event::Membership(_) => {}
        }
    }

    fn observe_log(&mut self, world: &World, machine: MachineId, event: &LogEvent) {
        match event {
            LogEvent::RecordsAppended { partition, log_end_offset, batches, .. } => {
                let replica = self.replica_mut(partition, machine);
                replica.batches.extend(batches.iter().copied());
                replica.log_end_offset = *log_end_offset;
                replica.forgotten_from = None;
                self.caught_up(partition, machine);
            }
            LogEvent::LogTruncated { partition, to, .. } => self.replica_mut(partition, machine).truncate(*to),
            LogEvent::LogStartedAnew { partition, offset } => {
                let replica = self.replica_mut(partition, machine);
                replica.batches.clear();
                replica.verified_to.set(0);
                replica.set_log_start(*offset);
                replica.log_end_offset = *offset;
                replica.set_high_watermark(*offset);
            }
            LogEvent::LogStartOffsetMoved { partition, to, .. } => {
                self.replica_mut(partition, machine).set_log_start(*to);
            }
            LogEvent::LogLoaded { partition, log_start_offset, log_end_offset, .. } => {
                let replica = self.replica_mut(partition, machine);
                // A step that died before it could speak may have left bytes that nobody has said.
                if *log_end_offset > replica.log_end_offset
                    && let Some(host) = world.machine(machine)
                {
                    let unsaid = on_disk_truth::batches_from(host.disk(), partition, replica.log_end_offset);
                    replica.batches.extend(unsaid);
                }
                replica.truncate(*log_end_offset);
                let told = replica.highest_log_start_offset;
                replica.began_late = (*log_start_offset > told).then_some(told);
                replica.set_log_start(*log_start_offset);
                replica.leads_in = None;
                replica.is_open = true;
                if std::mem::take(&mut replica.lost_power)
                    && let Some(host) = world.machine(machine)
                {
                    replica.take_what_came_back(&on_disk_truth::batches_from(host.disk(), partition, 0));
                }
                self.take_finished_swap(world, partition, machine);
                self.count_forgotten(partition);
            }
            LogEvent::SegmentsCompacted { partition, base_offset, end_offset, batches, .. } => {
                let replica = self.replica_mut(partition, machine);
                replica.replace(*base_offset..*end_offset, batches);
                self.compacted(partition, machine, *end_offset);
            }
            LogEvent::DuplicateSequence { .. }
            | LogEvent::CleaningStarted { .. }
            | LogEvent::CleaningCompleted { .. }
            | LogEvent::CleaningAborted { .. }
            | LogEvent::SequenceRefused { .. }
            | LogEvent::SegmentRolled { .. }
            | LogEvent::StorageFailed { .. } => {}
        }
    }

    fn observe_partition(&mut self, world: &World, machine: MachineId, event: &PartitionEvent) {
        match event {
            PartitionEvent::BecameLeader { partition, leader_epoch, high_watermark, isr, .. } => {
                let replica = self.replica_mut(partition, machine);
                replica.leads_in = Some(*leader_epoch);
                replica.epoch = Some(*leader_epoch);
                replica.set_high_watermark(*high_watermark);
                replica.isr = isr.iter().copied().collect();
                replica.proposed.clear();
                if self.partition_of(partition, machine).is_some() {
                    self.rebase_if_excused(world, partition, machine);
                }
            }
            PartitionEvent::BecameFollower { partition, leader_epoch, .. } => {
                let replica = self.replica_mut(partition, machine);
                replica.leads_in = None;
                replica.epoch = Some(*leader_epoch);
                replica.isr.clear();
                replica.proposed.clear();
            }
            PartitionEvent::HighWatermarkAdvanced { partition, to, as_leader, .. } => {
                self.replica_mut(partition, machine).set_high_watermark(*to);
                if *as_leader {
                    self.commit(partition, machine, *to);
                }
            }
            PartitionEvent::IsrChangeProposed { partition, to, .. } => {
                self.replica_mut(partition, machine).proposed = to.iter().copied().collect();
            }
            PartitionEvent::IsrChanged { partition, to, .. } => {
                let replica = self.replica_mut(partition, machine);
                replica.isr = to.iter().copied().collect();
                replica.proposed.clear();
            }
            PartitionEvent::IsrChangeRefused {
                partition,
                error: ErrorCode::OperationNotAttempted | ErrorCode::IneligibleReplica,
            } => {
                // Of these two the leader knows that nothing was applied: it counts as before. After any other answer it
                // goes on counting those that it has proposed.
                self.replica_mut(partition, machine).proposed.clear();
            }
            PartitionEvent::ProduceCompleted { partition, required_offset, error: ErrorCode::None } => {
                // An acknowledgement is a promise, wherever the high watermark stands.
                self.commit(partition, machine, *required_offset);
                if !self.is_overtaken(partition, machine)
                    && let Some(known) = self.known_to(partition, machine)
                {
                    known.acked_end = known.acked_end.max(*required_offset);
                }
            }
            PartitionEvent::ReplicaRemoved { partition } => {
                // Until the checkpoints are written again they hold what the replica had, also when it is made anew.
                if let Some(replica) = self.replicas.get_mut(partition, machine) {
                    let Replica { highest_high_watermark, highest_log_start_offset, .. } = *replica;
                    *replica = Replica { highest_high_watermark, highest_log_start_offset, ..Replica::default() };
                }
            }
            _ => {}
        }
    }

    /// A replica was compacted up to here. What is missing below is judged when it is dropped (`compaction_keeps_last`), and
    /// no longer by comparison with what was committed there.
    fn compacted(&mut self, partition: &TopicPartition, machine: MachineId, end: Offset) {
        let of_topic = self.topic_of(partition, machine);
        let compacted_to = self.compacted_to.entry((of_topic, partition.clone())).or_default();
        *compacted_to = end.max(*compacted_to);
        let Some(known) = self.known_to(partition, machine) else { return };
        known.committed.retain(|batch| batch.last_offset >= end);
    }

    /// A process may have died between the swap of segments and saying so, or the start has finished a swap. Only of a
    /// compacted topic, and only of what is committed.
    fn take_finished_swap(&mut self, world: &World, partition: &TopicPartition, machine: MachineId) {
        let Some(host) = world.machine(machine) else { return };
        let replicas = host.node().and_then(|node| node.replicas());
        let policy = replicas.map(|replicas| replicas.log_settings(&partition.topic).cleanup_policy);
        // Retention may have moved the start, and died before it said so.
        if policy.is_none_or(|policy| policy.deletes) {
            self.replica_mut(partition, machine).began_late = None;
        }
        if !policy.is_some_and(|policy| policy.compacts) {
            return;
        }
        let found = on_disk_truth::batches_from(host.disk(), partition, 0);
        let replica = self.replica_mut(partition, machine);
        let start = replica.log_start_offset;
        let of_log = |batches: &[BatchFact]| batches.partition_point(|batch| batch.last_offset < start);
        let (said, held) = (&replica.batches[of_log(&replica.batches)..], &found[of_log(&found)..]);
        let common = said.iter().rev().zip(held.iter().rev()).take_while(|(one, other)| same(one, other)).count();
        let differs_to = |batches: &[BatchFact]| {
            batches.len().checked_sub(common + 1).map_or(start, |index| batches[index].last_offset + 1)
        };
        let end = differs_to(said).max(differs_to(held));
        if end > start && end <= replica.highest_high_watermark {
            replica.batches = found;
            replica.verified_to.set(0);
            self.compacted(partition, machine, end);
        }
    }

    /// What is known of the partition that a machine's replica belongs to, unless its topic is deleted.
    fn known_to(&mut self, partition: &TopicPartition, machine: MachineId) -> Option<&mut Partition> {
        let is_current = self.topics.is_current(&partition.topic, self.topic_of(partition, machine));
        is_current.then(|| self.partitions.get_or_default(partition))
    }

    /// Whether a replica has not heard of the leader whose log an excused loss has made the truth. The old leader may be
    /// the last of its ISR, and acknowledge to itself: all of that is lost with what was lost.
    pub(super) fn is_overtaken(&self, partition: &TopicPartition, machine: MachineId) -> bool {
        let epoch = || self.replica(partition, machine).and_then(|replica| replica.epoch);
        let known = self.partitions.get(partition).filter(|known| known.rebased_in.is_some());
        known.is_some_and(|known| known.has_overtaken(epoch()))
    }

    /// What a leader has below its high watermark is committed, if nothing else is committed there already.
    pub(super) fn commit(&mut self, partition: &TopicPartition, machine: MachineId, high_watermark: Offset) {
        let Some(replica) = self.replicas.get(partition, machine) else { return };
        // A leader that has not heard that its topic is deleted commits for nobody.
        if !self.topics.is_current(&partition.topic, replica.topic()) {
            return;
        }
        let known = self.partitions.get_or_default(partition);
        if known.has_overtaken(replica.epoch) {
            return;
        }
        let from = replica.batches.partition_point(|batch| batch.last_offset < known.committed_end);
        let before = known.committed.len();
        for batch in replica.batches[from..].iter().take_while(|batch| batch.last_offset < high_watermark) {
            known.committed.push(*batch);
        }
        known.committed_end = known.committed_end.max(high_watermark);
        if known.committed.len() > before {
            self.count_forgotten(partition);
        }
    }
}
