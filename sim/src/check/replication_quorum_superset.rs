//! The leader in force counts at least the replicas that the controllers count.

use std::collections::BTreeSet;

use trial_broker::event::{ControllerEvent, Event, PartitionEvent};
use trial_broker::ids::NodeId;

use super::evidence::names;
use super::model::machine_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "replication-quorum-superset",
    rule: "the maximal ISR of the leader in force contains the ISR that the controllers have committed",
    source: "KIP-497; Vanlightly, Kafka replication §6.5.2",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let partition = match seen.event {
        Event::Controller(ControllerEvent::PartitionChanged { partition, .. })
        | Event::Partition(
            PartitionEvent::IsrChanged { partition, .. }
            | PartitionEvent::IsrChangeProposed { partition, .. }
            | PartitionEvent::HighWatermarkAdvanced { partition, as_leader: true, .. },
        ) => partition,
        _ => return None,
    };
    let registration = seen.model.partitions.get(partition)?.registration.as_ref()?;
    seen.model.partition_of(partition, machine_of(registration.leader))?;
    let leader = seen.model.replica(partition, machine_of(registration.leader))?;
    // Until the leader has heard of its own epoch it cannot know the set that goes with it.
    if leader.leads_in != Some(registration.leader_epoch) {
        return None;
    }
    let is_counted = |node: &NodeId| leader.isr.contains(node) || leader.proposed.contains(node);
    let uncounted: Vec<NodeId> = registration.isr.iter().filter(|node| !is_counted(node)).copied().collect();
    (!uncounted.is_empty()).then(|| Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition}: leader {} counts {}, the controllers have committed {}: {} not counted",
            registration.leader,
            names(&leader.isr.union(&leader.proposed).copied().collect::<BTreeSet<_>>()),
            names(&registration.isr),
            names(&uncounted)
        ),
        proof: vec![
            Proof::on(machine_of(registration.leader), Kind::InSync),
            Proof::of(Kind::Registration),
            Proof::on(machine_of(registration.leader), Kind::HighWatermark),
            Proof::on(machine_of(registration.leader), Kind::Role),
        ],
    })
}
