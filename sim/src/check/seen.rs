//! What every check is shown of an event; what one of them has looked up, the next one need not.

use std::cell::Cell;

use trial_broker::event::Event;
use trial_broker::ids::{Offset, TopicId, TopicPartition};

use super::evidence::name_of;
use super::model::{Model, Partition, Replica};
use crate::fault::MachineId;
use crate::world::World;

/// What a check is shown of one event: the event itself, and the model with the event in it.
pub(crate) struct Seen<'a> {
    pub world: &'a World,
    pub model: &'a Model,
    pub machine: MachineId,
    pub event: &'a Event,
    /// What is known of the partition that the event is about, since a check has asked.
    about: About<'a>,
}

/// What was looked up for one check, and will be asked for by the next: they all ask about the event's own partition.
#[derive(Default)]
struct About<'a> {
    replica: Cell<Option<(&'a TopicPartition, Option<&'a Replica>)>>,
    known: Cell<Option<(&'a TopicPartition, Option<&'a Partition>)>>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(world: &'a World, model: &'a Model, machine: MachineId, event: &'a Event) -> Seen<'a> {
        Seen { world, model, machine, event, about: About::default() }
    }

    /// The machine's replica of a partition that the event speaks of.
    pub(super) fn replica(&self, partition: &'a TopicPartition) -> Option<&'a Replica> {
        match self.about.replica.get() {
            Some((asked, replica)) if std::ptr::eq(asked, partition) => replica,
            _ => {
                let replica = self.model.replica(partition, self.machine);
                self.about.replica.set(Some((partition, replica)));
                replica
            }
        }
    }

    /// The topic to which that replica belongs.
    pub(super) fn topic_id(&self, partition: &'a TopicPartition) -> TopicId {
        self.replica(partition).map_or(TopicId::ZERO, Replica::topic)
    }

    /// What is known of the partition as a whole; nothing once its topic is deleted.
    pub(super) fn known(&self, partition: &'a TopicPartition) -> Option<&'a Partition> {
        match self.about.known.get() {
            Some((asked, known)) if std::ptr::eq(asked, partition) => known,
            _ => {
                let known = self.model.partition_in(partition, self.topic_id(partition));
                self.about.known.set(Some((partition, known)));
                known
            }
        }
    }

    /// A machine as the transcript calls it.
    pub(super) fn name(&self, machine: MachineId) -> &'a str {
        name_of(self.world, machine)
    }

    /// The machine whose event it is, as the transcript calls it.
    pub(super) fn who(&self) -> &'a str {
        self.name(self.machine)
    }

    /// Where the machine's log of a partition starts once the step is over: its events come one by one.
    pub(super) fn log_start(&self, partition: &TopicPartition) -> Option<Offset> {
        let replicas = self.world.machine(self.machine)?.node()?.replicas()?;
        Some(replicas.partition(partition)?.log().log_start_offset())
    }
}
