//! A partition's registration is legal: ISR and ELR are disjoint replicas, the leader is in the ISR.

use std::collections::BTreeSet;

use trial_broker::event::{ControllerEvent, Event};
use trial_broker::ids::NodeId;

use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "isr-within-replicas",
    rule: "ISR and ELR are disjoint subsets of the replicas, and a leader is a member of the ISR",
    source: "PartitionRegistration; KIP-966 (ValidControllerState)",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Controller(ControllerEvent::PartitionChanged { partition, leader, isr, elr, .. }) = seen.event else {
        return None;
    };
    let controller = seen.world.machine(seen.machine)?.node()?.controller()?;
    let registration = controller.image().partition(&partition.topic, partition.partition)?;
    let replicas: BTreeSet<NodeId> = registration.replicas.iter().copied().collect();
    let eligible: Vec<NodeId> = isr.iter().chain(elr).copied().collect();
    let distinct: BTreeSet<NodeId> = eligible.iter().copied().collect();
    let wrong = if !distinct.is_subset(&replicas) {
        "ISR and ELR name a broker that is no replica"
    } else if distinct.len() != eligible.len() {
        "ISR and ELR name a replica twice"
    } else if leader.is_some() && !isr.contains(leader) {
        "the leader is not in the ISR"
    } else {
        return None;
    };
    Some(Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!("{partition}: {wrong}: leader {leader}, ISR {isr:?}, ELR {elr:?}, replicas {replicas:?}"),
    })
}
