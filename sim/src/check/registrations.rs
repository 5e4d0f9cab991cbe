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

use trial_broker::event::ControllerEvent;
use trial_broker::ids::{LeaderEpoch, NodeId, PartitionEpoch, TopicPartition};
use trial_broker::message::LeaderRecoveryState;
use trial_broker::metadata::PartitionRegistration;

use super::model::Model;
use crate::fault::MachineId;
use crate::world::World;

/// Why nobody is to blame for what an unclean leader lacks.
const UNCLEAN_ELECTION: &str = "an unclean election";

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
            self.take_over(&partition, registration);
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
            self.take_over(partition, told);
        }
    }

    fn take_over(&mut self, partition: &TopicPartition, told: &PartitionRegistration) {
        self.named(partition, told.isr.iter().chain(&told.elr).copied());
        let known = self.partitions.entry(partition.clone()).or_default();
        let is_news = known.registration.as_ref().is_none_or(|old| old.leader_epoch < told.leader_epoch);
        if is_news && told.leader_recovery_state == LeaderRecoveryState::Recovering {
            known.excuse = Some(UNCLEAN_ELECTION);
        }
        known.entered_isr.clear();
        known.registration = Some(Registration::of(told));
    }

    pub(super) fn observe_controller(&mut self, event: &ControllerEvent) {
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
                let known = self.partitions.entry(partition.clone()).or_default();
                if *unclean {
                    known.excuse = Some(UNCLEAN_ELECTION);
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
