//! The loss budget: when a lost acknowledged record is a bug, and when it is nobody's fault.
//!
//! ```text
//!   power cut, empty disk, rot ─▶ did it take a committed record from a replica that held them all?
//!                                      └─ yes: the replica is out, until it has caught up
//!   ELR on:  a loss is a bug while fewer than min.insync.replicas members of ISR ∪ ELR are out together
//!   ELR off: a loss is a bug while no member of the last ISR is out
//! ```
//!
//! What counts is what was really removed, as the disk has it right after the incident, and not what a process says when it
//! starts again: a kill takes nothing, and a recovery that cuts more than the disk had lost is a bug. A replica that did not
//! hold everything cannot lose the budget's records. A member that went out stays counted when the controllers drop it from
//! ISR and ELR: that it is no longer named is why they know that it is out.

use trial_broker::event::BatchFact;
use trial_broker::ids::{NodeId, Offset, TopicPartition};
use trial_broker::log::batch_fact;
use trial_broker::record::batches;

use super::model::{Model, Partition, Replica, machine_of};
use super::{Forgiven, acked_record_not_lost, leader_completeness};
use crate::disk::Disk;
use crate::fault::{Fault, MachineId};
use crate::step::{Fact, Step, StepKind};
use crate::world::World;

/// Whether a lossy incident has taken committed records from a replica that has not caught up since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// No.
    #[default]
    None,
    /// Yes, but no set that may lead has named it since: nothing depended on it.
    Unnamed,
    /// Yes, while ISR or ELR named it.
    Counted,
}

const BUDGET_SPENT: &str = "as many replicas that may lead lost committed records together as the loss budget covers";

/// `min.insync.replicas` of a partition with eligible leader replicas (KIP-966); none where they are off.
fn budget(world: &World, partition: &TopicPartition) -> Option<usize> {
    let nodes = world.machines().filter_map(|(_, machine)| machine.node());
    let node = nodes.max_by_key(|node| node.committed_metadata().last_offset())?;
    let (image, config) = (node.committed_metadata(), node.config());
    image.is_elr_enabled().then(|| {
        let settings = image.log_settings(&partition.topic, &config.log, config.node);
        let replicas = image.partition(&partition.topic, partition.partition).map_or(1, |known| known.replicas.len());
        usize::try_from(settings.min_insync_replicas).unwrap_or(1).min(replicas)
    })
}

impl Model {
    /// Why a loss of committed records would be nobody's fault now; none while it would be a bug.
    pub(super) fn excuse(&self, world: &World, partition: &TopicPartition) -> Option<&'static str> {
        let known = self.partitions.get(partition)?;
        if known.excuse.is_some() {
            return known.excuse;
        }
        self.is_spent(partition, budget(world, partition)).then_some(BUDGET_SPENT)
    }

    /// Whether as many are out as a budget allows; without one, whether any member of the ISR is.
    fn is_spent(&self, partition: &TopicPartition, budget: Option<usize>) -> bool {
        let is_out = |machine| self.replica(partition, machine).is_some_and(|replica| replica.loss != Loss::None);
        match budget {
            Some(budget) => {
                self.replicas.of(partition).filter(|(_, replica)| replica.loss == Loss::Counted).count() >= budget
            }
            None => {
                let registration = self.partitions.get(partition).and_then(|known| known.registration.as_ref());
                registration.is_some_and(|known| known.isr.iter().any(|node| is_out(machine_of(*node))))
            }
        }
    }

    /// Takes in what a step has destroyed. The disks are as the step has left them.
    pub(super) fn observe_losses(&mut self, world: &World, step: &Step) {
        if let StepKind::Entry(Fault::Rot { machine, .. } | Fault::Misdirect { machine, .. }) = &step.kind {
            self.look_for_losses(world, *machine);
        }
        for fact in &step.facts {
            if let Fact::PowerCut { machine, .. } | Fact::Replaced { machine } = fact {
                self.look_for_losses(world, *machine);
            }
        }
    }

    fn look_for_losses(&mut self, world: &World, machine: MachineId) {
        let Some(host) = world.machine(machine) else { return };
        let Model { replicas, partitions, registrations, .. } = self;
        let life = registrations.iter().find(|(node, _)| machine_of(**node) == machine).map(|(_, epoch)| *epoch);
        for (partition, replica) in replicas.on_mut(machine) {
            let Some(known) = partitions.get(partition) else { continue };
            if replica.loss != Loss::None || replica.first_missing(&known.committed).is_some() {
                continue;
            }
            let left = left_of(replica, host.disk(), partition);
            if let Some(missing) = left.first_missing(&replica.batches) {
                replica.forgotten_from = Some(missing.base_offset);
                replica.forgot_in = life;
            }
            if left.first_missing(&known.committed).is_some() {
                replica.loss = loss_of(known, machine);
            }
        }
    }

    /// Whether a replica's machine has lost what it held, and the controllers have not registered another life of its broker
    /// since: what they decide of it is about what it was.
    pub(super) fn is_believed_in(&self, node: NodeId, replica: &Replica) -> bool {
        replica.loss != Loss::None && self.registrations.get(&node).copied() == replica.forgot_in
    }

    /// More is committed, or a replica has loaded what is left of its log: a leader has counted on what it knew a follower to
    /// have, and may not have heard yet that the follower has lost it.
    pub(super) fn count_forgotten(&mut self, partition: &TopicPartition) {
        let Model { replicas, partitions, .. } = self;
        let Some(known) = partitions.get(partition) else { return };
        for (machine, replica) in replicas.of_mut(partition) {
            let Some(from) = replica.forgotten_from.filter(|_| replica.loss == Loss::None) else { continue };
            // What it lacks before that is not what was taken from it.
            if replica.first_missing(&known.committed).is_some_and(|missing| missing.last_offset >= from) {
                replica.loss = loss_of(known, machine);
            }
        }
    }

    /// ISR or ELR names these: from now on something depends on what they lost.
    pub(super) fn named(&mut self, partition: &TopicPartition, members: impl Iterator<Item = NodeId>) {
        for node in members {
            if let Some(replica) = self.replicas.get_mut(partition, machine_of(node))
                && replica.loss == Loss::Unnamed
            {
                replica.loss = Loss::Counted;
            }
        }
    }

    /// A replica that holds every committed record again is no longer out.
    pub(super) fn caught_up(&mut self, partition: &TopicPartition, machine: MachineId) {
        let Some(replica) = self.replicas.get_mut(partition, machine) else { return };
        if replica.loss == Loss::None {
            return;
        }
        if let Some(known) = self.partitions.get(partition)
            && replica.log_end_offset >= known.committed_end
            && replica.first_missing(&known.committed).is_none()
        {
            replica.loss = Loss::None;
        }
    }

    /// After an excused loss the new leader's log is the truth: nothing else can be lost any more. What it shows to readers
    /// at once is committed, whatever older leaders had committed: one that slept through other leaders' losses may know
    /// more than they had left.
    pub(super) fn rebase_if_excused(&mut self, world: &World, partition: &TopicPartition, machine: MachineId) {
        let Some(reason) = self.excuse(world, partition) else { return };
        self.rebase(reason, partition, machine);
        if let Some(shown) = self.replica(partition, machine).map(|leader| leader.high_watermark) {
            self.commit(partition, machine, shown);
        }
    }

    fn rebase(&mut self, reason: &'static str, partition: &TopicPartition, machine: MachineId) {
        let Model { replicas, partitions, forgiven, .. } = self;
        let Some(known) = partitions.get_mut(partition) else { return };
        known.excuse = None;
        let Some(leader) = replicas.get(partition, machine) else { return };
        known.rebased_in = leader.leads_in;
        if leader.first_missing(&known.committed).is_none() {
            return;
        }
        let acked = known.committed.partition_point(|batch| batch.last_offset < known.acked_end);
        let was_acked = leader.first_missing(&known.committed[..acked]).is_some();
        let property = if was_acked { acked_record_not_lost::PROPERTY } else { leader_completeness::PROPERTY };
        forgiven.insert(Forgiven::new(&property, &Some(partition.clone()), reason));
        known.committed.retain(|batch| leader.holds(batch));
        known.committed_end = known.committed_end.min(leader.log_end_offset);
        known.acked_end = known.acked_end.min(leader.log_end_offset);
        for (_, replica) in replicas.of_mut(partition) {
            // What was found before may not be what will be committed instead.
            replica.verified_to.set(0);
            if replica.first_missing(&known.committed).is_none() {
                replica.loss = Loss::None;
            }
        }
    }
}

/// The loss of a machine's replica: it counts if the machine is named as one that may lead.
fn loss_of(known: &Partition, machine: MachineId) -> Loss {
    let named = known.registration.iter().flat_map(|known| known.isr.iter().chain(&known.elr));
    let counts = named.copied().any(|node| machine_of(node) == machine);
    if counts { Loss::Counted } else { Loss::Unnamed }
}

/// A replica with what its disk still holds. A log that ends before it was said to start has forgotten that, too.
fn left_of(replica: &Replica, disk: &Disk, partition: &TopicPartition) -> Replica {
    let batches = surviving(disk, partition);
    let directory = partition.to_string();
    let segments = disk.files_of(&directory, ".log");
    let bases = segments.filter_map(|file| file.name.strip_suffix(".log")?.parse::<Offset>().ok());
    let end = bases.chain(batches.last().map(|batch| batch.last_offset + 1)).max().unwrap_or(0);
    Replica { batches, log_start_offset: replica.log_start_offset.min(end), ..Replica::default() }
}

/// The batches of a partition that a disk still holds: up to the first that is torn, as recovery will find them.
fn surviving(disk: &Disk, partition: &TopicPartition) -> Vec<BatchFact> {
    let directory = partition.to_string();
    let contents: Vec<_> = disk.files_of(&directory, ".log").map(|file| file.read_from(0)).collect();
    let found = contents.iter().flat_map(batches);
    let whole = found.map_while(|batch| batch.ok().filter(|batch| batch.is_valid()));
    whole.map(|batch| batch_fact(&batch)).collect()
}

#[cfg(test)]
mod tests {
    use trial_broker::ids::{LeaderEpoch, PartitionEpoch};

    use super::super::registrations::Registration;
    use super::*;

    fn orders() -> TopicPartition {
        TopicPartition::new("orders", 0)
    }

    /// A partition with these losses on machines 1, 2, …, and this ISR.
    fn model(losses: &[Loss], isr: &[i32]) -> Model {
        let mut model = Model::default();
        for (machine, loss) in (1..).zip(losses) {
            model.replicas.get_or_begin(&orders(), MachineId(machine)).loss = *loss;
        }
        model.partitions.get_or_default(&orders()).registration = Some(Registration {
            leader: NodeId(1),
            leader_epoch: LeaderEpoch(0),
            isr: isr.iter().copied().map(NodeId).collect(),
            elr: Vec::new(),
            partition_epoch: PartitionEpoch(0),
        });
        model
    }

    #[test]
    fn with_elr_a_loss_is_a_bug_while_fewer_than_min_insync_replicas_are_out_together() {
        let (within, spent) = ([Loss::Counted, Loss::None, Loss::None], [Loss::Counted, Loss::Counted, Loss::None]);
        assert!(!model(&within, &[2, 3]).is_spent(&orders(), Some(2)));
        assert!(model(&spent, &[3]).is_spent(&orders(), Some(2)), "they count although the ISR has dropped them");
        assert!(model(&within, &[2, 3]).is_spent(&orders(), Some(1)));
    }

    #[test]
    fn with_elr_a_replica_that_nothing_depends_on_does_not_count_until_it_is_named() {
        let mut model = model(&[Loss::Counted, Loss::Unnamed, Loss::None], &[1, 3]);
        assert!(!model.is_spent(&orders(), Some(2)));
        model.named(&orders(), [NodeId(2), NodeId(3)].into_iter());
        assert!(model.is_spent(&orders(), Some(2)));
        assert_eq!(model.replica(&orders(), MachineId(3)).map(|replica| replica.loss), Some(Loss::None));
    }

    #[test]
    fn without_elr_a_loss_is_a_bug_while_no_member_of_the_last_isr_is_out() {
        let losses = [Loss::None, Loss::Counted, Loss::None];
        assert!(!model(&losses, &[1, 3]).is_spent(&orders(), None));
        assert!(model(&losses, &[1, 2]).is_spent(&orders(), None));
    }
}
