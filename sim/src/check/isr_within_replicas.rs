//! A partition's registration is legal: ISR and ELR are sets of replicas with nobody in both, the leader is in the ISR,
//! and nobody enters the ISR who is fenced.

use std::collections::BTreeSet;

use trial_broker::event::{ControllerEvent, Event};
use trial_broker::ids::NodeId;
use trial_broker::metadata::MetadataImage;

use super::evidence::names;
use super::model::machine_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "isr-within-replicas",
    rule: "ISR and ELR are subsets of the replicas, no broker stands in ISR and ELR at once, a leader is a member of the ISR, \
           no fenced broker enters it, and there is an ELR only while the ISR is smaller than min.insync.replicas",
    source: "PartitionRegistration; KIP-841; KIP-966 (ValidControllerState, ValidControllerIsrAndElr)",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Controller(ControllerEvent::PartitionChanged { partition, leader, isr, elr, replicas, .. }) = seen.event
    else {
        return None;
    };
    let node = seen.world.machine(seen.machine)?.node()?;
    let controller = node.controller()?;
    // The controller is ahead of what is committed, and a name may mean another topic there.
    let topic_id = controller.image().topic_id(&partition.topic)?;
    if !seen.model.is_current(&partition.topic, topic_id) {
        return None;
    }
    let eligible: Vec<NodeId> = isr.iter().chain(elr).copied().collect();
    let distinct: BTreeSet<NodeId> = eligible.iter().copied().collect();
    let entered = seen.model.partitions.get(partition).map_or(&[][..], |known| &known.entered_isr);
    // min.insync.replicas may be about to change: then either value will do.
    let in_sync = |image: &MetadataImage| {
        let config = node.config();
        let settings = image.log_settings(&partition.topic, &config.log, config.node);
        i32::try_from(isr.len()).is_ok_and(|members| members >= settings.min_insync_replicas)
    };
    // Kafka 4.1 leaves a replica in the ELR that was reassigned away: the hazard elr-keeps-removed-replica.
    let wrong = if !isr.iter().all(|node| replicas.contains(node)) {
        "the ISR names a broker that is no replica"
    } else if !elr.iter().all(|node| replicas.contains(node)) {
        "the ELR names a broker that is no replica"
    } else if distinct.len() != eligible.len() {
        "ISR and ELR name a replica twice"
    } else if leader.is_some() && !isr.contains(leader) {
        "the leader is not in the ISR"
    } else if entered.iter().any(|node| seen.model.fenced.contains(node)) {
        "a fenced broker has entered the ISR"
    } else if !elr.is_empty() && [controller.image(), controller.committed_image()].iter().all(|image| in_sync(image)) {
        "there is an ELR although the ISR has min.insync.replicas members"
    } else {
        return None;
    };
    let fenced = entered.iter().map(|node| Proof::on(machine_of(*node), Kind::Broker));
    Some(Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition}: {wrong}: leader {leader}, ISR {}, ELR {}, replicas {}",
            names(isr),
            names(elr),
            names(replicas)
        ),
        proof: [Proof::of(Kind::Registration)].into_iter().chain(fenced).collect(),
    })
}
