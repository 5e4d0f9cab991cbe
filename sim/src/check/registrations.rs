//! What the controllers have decided of partitions and brokers, as far as anybody has said.
//!
//! ```text
//!   the active controller replays a record ─▶ its event
//!   another controller takes over ──────────▶ its image: what its predecessor saw committed, and more
//!   a broker acts on a newer registration ──▶ its image: no controller has lived to say it
//! ```
//!
//! Brokers' images are compared with the committed log by a check of their own (`broker_image_is_replay`), so that they may
//! be believed here.
//!
//! An unclean election excuses what its leader lacks where somebody allowed it: `unclean.leader.election.enable`, or an
//! administrator who asked for one. The last known leader is elected without anybody's leave once ISR and ELR are empty
//! (KIP-966; `PartitionChangeBuilder.canElectLastKnownLeader`), and brokers are struck off both for every stop that was not
//! clean, also for one that lost nothing (`ReplicationControlManager.handleUncleanBrokerShutdown`). So that election excuses
//! nothing by itself. It was the leader: after kills alone it has all that was ever committed. Only what was really taken
//! from it is nobody's fault, since the promise of KIP-966 covers fewer than `min.insync.replicas` stops that were not clean.

use trial_broker::client::Call;
use trial_broker::event::ControllerEvent;
use trial_broker::ids::{LeaderEpoch, NodeId, PartitionEpoch, TopicPartition};
use trial_broker::message::{ElectionType, LeaderRecoveryState};
use trial_broker::metadata::PartitionRegistration;

use super::loss_budget::Loss;
use super::model::{Model, machine_of};
use crate::fault::{Fault, MachineId};
use crate::step::{Step, StepKind};
use crate::world::World;

/// Why nobody is to blame for what an unclean leader lacks.
const UNCLEAN_ELECTION: &str = "an unclean election";

/// The same where nobody allowed it.
const LAST_LEADER_LOST: &str = "the last known leader lost committed records, and nobody else was eligible";

/// A partition's registration, as a controller said when it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The leader; NONE if there is none.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// The eligible leader replicas.
    pub elr: Vec<NodeId>,
    /// The version.
    pub partition_epoch: PartitionEpoch,
}

impl Registration {
    fn of(known: &PartitionRegistration) -> Registration {
        Registration {
            leader: known.leader,
            leader_epoch: known.leader_epoch,
            isr: known.isr.clone(),
            elr: known.elr.clone(),
            partition_epoch: known.partition_epoch,
        }
    }
}

impl Model {
    /// A new controller takes over: what its predecessor wrote and did not see committed is committed now.
    pub(super) fn controller_took_over(&mut self, world: &World, machine: MachineId) {
        let Some(controller) = world.machine(machine).and_then(|host| host.node()?.controller()) else { return };
        let image = controller.committed_image();
        self.fenced = image.brokers().values().filter(|broker| broker.fenced).map(|broker| broker.broker).collect();
        self.keep_topics(|name, id| image.topic_id(name) == Some(id));
        for (partition, topic_id, registration) in image.partitions() {
            self.heard_of_topic(&partition.topic, topic_id);
            self.take_over(world, &partition, registration);
        }
    }

    /// A broker acts on its metadata. A sole voter counts its own log end as committed, answers the fetches that wait, and
    /// flushes after that (`KafkaRaftClient.flushLeaderLog`): if it dies over the flush, brokers know what no controller has
    /// spoken of.
    pub(super) fn broker_acted(&mut self, world: &World, partition: &TopicPartition, machine: MachineId) {
        let Some(node) = world.machine(machine).and_then(|host| host.node()) else { return };
        let Some(told) = node.committed_metadata().partition(&partition.topic, partition.partition) else { return };
        let spoken_of = self.partition_of(partition, machine).and_then(|known| known.registration.as_ref());
        if spoken_of.is_some_and(|known| known.partition_epoch < told.partition_epoch) {
            self.take_over(world, partition, told);
        }
    }

    fn take_over(&mut self, world: &World, partition: &TopicPartition, told: &PartitionRegistration) {
        self.named(partition, told.isr.iter().chain(&told.elr).copied());
        let excuse = self.excuse_of_unclean(world, partition, told.leader);
        let known = self.partitions.get_or_default(partition);
        let is_news = known.registration.as_ref().is_none_or(|old| old.leader_epoch < told.leader_epoch);
        if is_news && told.leader_recovery_state == LeaderRecoveryState::Recovering {
            known.excuse = excuse;
        }
        known.entered_isr.clear();
        known.registration = Some(Registration::of(told));
    }

    /// Notes who has asked for an unclean election of what: it was somebody's wish from then on.
    pub(super) fn observe_wishes(&mut self, step: &Step) {
        let StepKind::Entry(Fault::Call { call, .. }) = &step.kind else { return };
        if let Call::ElectLeaders { election_type: ElectionType::Unclean, partitions } = call {
            match partitions {
                Some(partitions) => self.unclean_wishes.extend(partitions.iter().cloned()),
                None => self.unclean_wishes_for_all = true,
            }
        }
    }

    /// Why nobody is to blame for what this leader of an unclean election lacks; none if somebody may be.
    fn excuse_of_unclean(&self, world: &World, partition: &TopicPartition, leader: NodeId) -> Option<&'static str> {
        let mut nodes = world.machines().filter_map(|(_, machine)| machine.node());
        let is_allowed = nodes.any(|node| {
            let config = node.config();
            let image = node.committed_metadata();
            image.log_settings(&partition.topic, &config.log, config.node).unclean_leader_election
        });
        if is_allowed || self.unclean_wishes_for_all || self.unclean_wishes.contains(partition) {
            return Some(UNCLEAN_ELECTION);
        }
        let has_lost = self.replica(partition, machine_of(leader)).is_some_and(|replica| replica.loss != Loss::None);
        has_lost.then_some(LAST_LEADER_LOST)
    }

    pub(super) fn observe_controller(&mut self, world: &World, event: &ControllerEvent) {
        match event {
            ControllerEvent::BrokerRegistered { broker, broker_epoch, .. } => {
                self.registrations.insert(*broker, *broker_epoch);
                self.fenced.insert(*broker);
            }
            ControllerEvent::BrokerFenced { broker, .. } => {
                self.fenced.insert(*broker);
            }
            ControllerEvent::BrokerUnfenced { broker } => {
                self.fenced.remove(broker);
            }
            ControllerEvent::PartitionChanged {
                partition,
                leader,
                leader_epoch,
                isr,
                elr,
                partition_epoch,
                unclean,
                ..
            } => {
                self.named(partition, isr.iter().chain(elr).copied());
                let excuse = unclean.then(|| self.excuse_of_unclean(world, partition, *leader));
                let known = self.partitions.get_or_default(partition);
                if let Some(excuse) = excuse {
                    known.excuse = excuse;
                }
                let before = known.registration.as_ref().map_or(&[][..], |registration| &registration.isr);
                known.entered_isr = isr.iter().copied().filter(|node| !before.contains(node)).collect();
                known.registration = Some(Registration {
                    leader: *leader,
                    leader_epoch: *leader_epoch,
                    isr: isr.clone(),
                    elr: elr.clone(),
                    partition_epoch: *partition_epoch,
                });
            }
            ControllerEvent::TopicCreated { topic, topic_id, .. } => self.heard_of_topic(topic, *topic_id),
            ControllerEvent::TopicDeleted { topic, topic_id } => self.topic_deleted(topic, *topic_id),
            _ => {}
        }
    }
}
