//! What was acknowledged with acks=all is on every replica that may lead, and stays there.

use trial_broker::event::{ControllerEvent, Event, LogEvent, PartitionEvent};
use trial_broker::ids::{NodeId, TopicPartition};

use super::model::{Model, machine_of};
use super::proof::{Kind, Proof};
use super::{Finding, PossibleLoss, Property, Seen};
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "acked-record-not-lost",
    rule: "a record acknowledged with acks=all is in the log of every running member of ISR and ELR, and survives every election within the loss budget",
    source: "KIP-966 (LeaderCandidateCompleteness, NoCommittedRecordLost); Kafka replication documentation",
};

pub(super) fn observe(seen: &Seen) -> Option<PossibleLoss> {
    match seen.event {
        // A member that is cut short, or a set that gains a member: look at everybody who may lead.
        Event::Log(LogEvent::LogTruncated { partition, .. } | LogEvent::LogStartedAnew { partition, .. })
        | Event::Controller(ControllerEvent::PartitionChanged { partition, .. })
        | Event::Partition(PartitionEvent::ProduceCompleted { partition, .. }) => candidates(seen, partition),
        _ => None,
    }
}

/// Every member of ISR and ELR must hold what was acknowledged.
fn candidates(seen: &Seen, partition: &TopicPartition) -> Option<PossibleLoss> {
    let model = seen.model;
    let known = model.partitions.get(partition)?;
    let registration = known.registration.as_ref()?;
    let acked = known.committed.partition_point(|batch| batch.last_offset < known.acked_end);
    for node in registration.isr.iter().chain(&registration.elr) {
        let machine = machine_of(*node);
        let Some(replica) = model.replica(partition, machine) else { continue };
        // A machine that does not run is judged when it leads; so is one that has lost un-synced bytes, as long as the
        // controllers have not heard of its next life. Whoever they name in that one has to hold everything (KIP-903).
        if !model.running.contains(&machine) || model.is_believed_in(*node, replica) {
            continue;
        }
        if let Some(missing) = replica.first_missing(&known.committed[..acked]) {
            let finding = lost(partition, *node, missing.base_offset, missing.last_offset);
            return Some(PossibleLoss { finding, excuse: model.excuse(seen.world, partition) });
        }
    }
    None
}

fn lost(partition: &TopicPartition, node: NodeId, first: i64, last: i64) -> Finding {
    Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!("{partition}: broker {node} may lead, but lacks the acknowledged offsets {first} to {last}"),
        proof: vec![
            Proof::at(first, Kind::Acknowledgement),
            Proof::of(Kind::Registration),
            Proof::at(first, Kind::Append),
            Proof::on(machine_of(node), Kind::Bounds),
            Proof::on(machine_of(node), Kind::Role),
        ],
    }
}

/// At the end the leader must hold everything that was acknowledged. What is excused of one partition says nothing of
/// the next.
pub(super) fn at_end(world: &World, model: &Model) -> Vec<PossibleLoss> {
    let mut found = Vec::new();
    for (partition, known) in model.partitions.iter() {
        let Some(registration) = &known.registration else { continue };
        let Some(replica) = model.replica(partition, machine_of(registration.leader)) else { continue };
        let acked = known.committed.partition_point(|batch| batch.last_offset < known.acked_end);
        if replica.leads_in == Some(registration.leader_epoch)
            && model.partition_of(partition, machine_of(registration.leader)).is_some()
            && let Some(missing) = replica.first_missing(&known.committed[..acked])
        {
            let finding = lost(partition, registration.leader, missing.base_offset, missing.last_offset);
            found.push(PossibleLoss { finding, excuse: model.excuse(world, partition) });
        }
    }
    found
}
