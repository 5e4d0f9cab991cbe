//! The state of the partitions as the events tell it: who leads, how far each log is.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{ControllerEvent, Event, LogEvent, MembershipEvent, PartitionEvent};
use trial_broker::ids::{LeaderEpoch, MemberId, NodeId, Offset, TopicPartition};

use crate::fault::MachineId;
use crate::step::{Fact, Step};

/// One replica as its broker's events tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaPicture {
    /// The log end offset.
    pub log_end_offset: Offset,
    /// The high watermark; none from the start of the process until it says with which one it goes on.
    pub high_watermark: Option<Offset>,
    /// Whether the broker takes itself for the leader.
    pub leads: bool,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionPicture {
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) isr: Vec<NodeId>,
    pub(super) leader: NodeId,
    /// What made the controllers choose this leader, in words.
    pub(super) replicas: BTreeMap<MachineId, ReplicaPicture>,
}

impl Default for PartitionPicture {
    fn default() -> Self {
        PartitionPicture {
            leader_epoch: LeaderEpoch::NONE,
            isr: Vec::new(),
            leader: NodeId::NONE,
            replicas: BTreeMap::new(),
        }
    }
}

/// The state of the cluster as the events tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub(super) partitions: BTreeMap<TopicPartition, PartitionPicture>,
    /// Machines whose process does not run.
    pub(super) down: BTreeSet<MachineId>,
    /// Machines whose process stands still.
    pub(super) paused: BTreeSet<MachineId>,
    /// Brokers that were registered: only these have stopped before, in order or not.
    pub(super) registered: BTreeSet<NodeId>,
    /// Which consumer a member id belongs to.
    pub(super) members: BTreeMap<MemberId, MachineId>,
}

impl Picture {
    /// Takes in one step: its facts, then its events.
    pub fn observe(&mut self, step: &Step) {
        for fact in &step.facts {
            self.fact(fact);
        }
        if let Some(machine) = step.machine() {
            for event in &step.events {
                self.event(machine, event);
            }
        }
    }

    /// A replica, if its broker has spoken of it.
    pub fn replica(&self, partition: &TopicPartition, machine: MachineId) -> Option<ReplicaPicture> {
        self.partitions.get(partition)?.replicas.get(&machine).copied()
    }

    pub(super) fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Started { machine } => {
                self.down.remove(machine);
                self.paused.remove(machine);
                // Until it has loaded its logs nobody knows how far they are.
                self.forget(*machine);
            }
            Fact::Killed { machine } | Fact::Exited { machine, .. } | Fact::PowerCut { machine, .. } => {
                self.down.insert(*machine);
                for partition in self.partitions.values_mut() {
                    if let Some(replica) = partition.replicas.get_mut(machine) {
                        replica.leads = false;
                    }
                }
            }
            Fact::Replaced { machine } => self.forget(*machine),
            Fact::Paused { machine } => {
                self.paused.insert(*machine);
            }
            Fact::Resumed { machine } => {
                self.paused.remove(machine);
            }
            Fact::StartFailed { .. }
            | Fact::Dropped { .. }
            | Fact::MessageSent { .. }
            | Fact::MessageHeld { .. }
            | Fact::MessageDelayed { .. }
            | Fact::MessageDropped { .. }
            | Fact::Ignored { .. } => {}
        }
    }

    fn forget(&mut self, machine: MachineId) {
        for partition in self.partitions.values_mut() {
            partition.replicas.remove(&machine);
        }
    }

    pub(super) fn event(&mut self, machine: MachineId, event: &Event) {
        match event {
            Event::Log(event) => self.log(machine, event),
            Event::Partition(event) => self.partition(machine, event),
            Event::Controller(ControllerEvent::PartitionChanged { partition, leader, leader_epoch, isr, .. }) => {
                let known = self.partitions.entry(partition.clone()).or_default();
                known.leader = *leader;
                known.leader_epoch = *leader_epoch;
                known.isr.clone_from(isr);
            }
            Event::Controller(ControllerEvent::TopicDeleted { topic, .. }) => {
                self.partitions.retain(|partition, _| partition.topic != *topic);
            }
            Event::Controller(ControllerEvent::BrokerRegistered { broker, .. }) => {
                self.registered.insert(*broker);
            }
            Event::Membership(
                MembershipEvent::JoinSent { member, .. } | MembershipEvent::GroupJoined { member, .. },
            ) if !member.as_str().is_empty() => {
                self.members.insert(member.clone(), machine);
            }
            Event::Raft(_)
            | Event::Controller(_)
            | Event::Lifecycle(_)
            | Event::Group(_)
            | Event::Client(_)
            | Event::Membership(_) => {}
        }
    }

    fn entry(&mut self, partition: &TopicPartition, machine: MachineId) -> &mut ReplicaPicture {
        self.partitions.entry(partition.clone()).or_default().replicas.entry(machine).or_default()
    }

    fn log(&mut self, machine: MachineId, event: &LogEvent) {
        match event {
            LogEvent::RecordsAppended { partition, log_end_offset, .. }
            | LogEvent::LogLoaded { partition, log_end_offset, .. } => {
                self.entry(partition, machine).log_end_offset = *log_end_offset;
            }
            LogEvent::LogTruncated { partition, to, .. } | LogEvent::LogStartedAnew { partition, offset: to } => {
                let replica = self.entry(partition, machine);
                replica.log_end_offset = *to;
                replica.high_watermark = replica.high_watermark.map(|offset| offset.min(*to));
            }
            _ => {}
        }
    }

    fn partition(&mut self, machine: MachineId, event: &PartitionEvent) {
        match event {
            PartitionEvent::BecameLeader {
                partition, leader_epoch, high_watermark, isr, epoch_start_offset, ..
            } => {
                let known = self.partitions.entry(partition.clone()).or_default();
                // A broker that was cut off may speak of an epoch that is over elsewhere.
                if *leader_epoch >= known.leader_epoch {
                    known.leader_epoch = *leader_epoch;
                    known.isr.clone_from(isr);
                }
                let replica = known.replicas.entry(machine).or_default();
                replica.leads = true;
                replica.high_watermark = Some(*high_watermark);
                replica.log_end_offset = replica.log_end_offset.max(*epoch_start_offset);
            }
            PartitionEvent::BecameFollower { partition, high_watermark, .. } => {
                let replica = self.entry(partition, machine);
                replica.leads = false;
                replica.high_watermark = Some(*high_watermark);
            }
            PartitionEvent::HighWatermarkAdvanced { partition, to, .. } => {
                self.entry(partition, machine).high_watermark = Some(*to);
            }
            PartitionEvent::RecordsReplicated { partition, log_end_offset, high_watermark } => {
                let replica = self.entry(partition, machine);
                replica.log_end_offset = *log_end_offset;
                replica.high_watermark = Some(*high_watermark);
            }
            PartitionEvent::IsrChanged { partition, to, .. } => {
                self.partitions.entry(partition.clone()).or_default().isr.clone_from(to);
            }
            PartitionEvent::ReplicaRemoved { partition } | PartitionEvent::ReplicaOffline { partition } => {
                if let Some(known) = self.partitions.get_mut(partition) {
                    known.replicas.remove(&machine);
                }
            }
            _ => {}
        }
    }
}
