//! Unseen: acknowledged, and read by nobody although everybody has read all there is.
//!
//! While a run goes on readers may lag, and nothing can be said. When a healed cluster has come to rest, every reader that polls
//! by itself has read to the readable end (that is *liveness*): then a promised record behind the place where a reader waits
//! for more is one that will never come. A lost write is one that a reader went past; here the log ends before it.

use trial_broker::client::ClientKind;
use trial_broker::ids::{Offset, TopicPartition};

use super::{Known, SOURCE};
use crate::check::evidence::name_of;
use crate::check::model::{Model, machine_of};
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property};
use crate::fault::MachineId;
use crate::machine::ProcessState;
use crate::world::World;

pub(in crate::check) const UNSEEN: Property = Property {
    name: "unseen",
    rule: "when a healed cluster has come to rest, readers at its end have seen every record that was acknowledged with acks=all",
    source: SOURCE,
};

impl Known {
    /// A promised record that no reader at the end of the partition has seen, if there is one.
    pub(super) fn unseen(&self, world: &World, model: &Model, partition: &TopicPartition) -> Option<Finding> {
        let readable_end = readable_end(model, partition)?;
        let waiting = self.readers.iter().filter(|(machine, _)| reads_on(world, **machine));
        let standing = waiting.filter_map(|(machine, reader)| Some((*machine, reader.next()?)));
        let (reader, end) = standing.filter(|(_, end)| *end >= readable_end).min_by_key(|(_, end)| *end)?;
        let mut behind = self.records.range(end..);
        let (offset, _) = behind.find(|(_, record)| record.is_promised && !record.is_read)?;
        let name = name_of(world, reader);
        Some(Finding {
            property: UNSEEN,
            partition: Some(partition.clone()),
            message: format!(
                "{partition}: the record at offset {offset} was acknowledged, and {name} waits for more at {end} as if it were not there"
            ),
            proof: vec![Proof::at(*offset, Kind::Told), Proof::on(reader, Kind::Read), Proof::of(Kind::Role)],
        })
    }
}

/// Where the acting leader lets consumers read to; none while nobody leads.
fn readable_end(model: &Model, partition: &TopicPartition) -> Option<Offset> {
    let registration = model.partitions.get(partition)?.registration.as_ref()?;
    let leader = model.replica(partition, machine_of(registration.leader))?;
    (leader.leads_in == Some(registration.leader_epoch)).then_some(leader.high_watermark)
}

/// Whether a consumer runs, polls by itself, and its application has not ended in an error.
fn reads_on(world: &World, machine: MachineId) -> bool {
    let Some(host) = world.machine(machine).filter(|host| host.state() == ProcessState::Running) else { return false };
    let Some(client) = host.client() else { return false };
    let polls = matches!(client.config().kind, ClientKind::Consumer { polls_by_itself: true, .. });
    polls && client.application_error().is_none()
}
