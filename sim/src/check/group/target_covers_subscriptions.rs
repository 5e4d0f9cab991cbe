//! A target assignment gives every wanted partition to one member, and that one wants it (G2, *LegalTargetAssignment*).
//!
//! Looked at when a KIP-848 coordinator has made a target, with the metadata that it made it from. Of a classic group it is
//! looked at when the leader's assignment is there: nobody is given what it does not read, and nothing is given twice. That
//! nothing is left out cannot be asked of it: a cooperative assignor leaves out what is still owned by another, and what
//! partitions a topic has the leader knows from metadata of its own.

use std::collections::BTreeMap;

use trial_broker::event::GroupEvent;
use trial_broker::ids::{MemberId, TopicPartition};
use trial_broker::metadata::MetadataImage;

use super::targets::{
    Shares, finding, image_of, newest_target, shares_of_generation, shares_of_target, stable_classic_group,
};
use crate::check::{Finding, Property, Seen};

pub(in crate::check) const PROPERTY: Property = Property {
    name: "target-covers-subscriptions",
    rule: "a target assignment gives every partition of every subscribed topic to one member, which is subscribed to it",
    source: "KIP-848 (LegalTargetAssignment); TargetAssignmentBuilder, ConsumerPartitionAssignor",
};

pub(super) fn observe(seen: &Seen, event: &GroupEvent) -> Option<Finding> {
    match event {
        GroupEvent::TargetAssigned { group: id, epoch, .. } => {
            let group = newest_target(seen, id, *epoch)?;
            let image = image_of(seen)?;
            let shares = shares_of_target(group, image);
            let wrong = illegal(&shares).or_else(|| left_out(&shares, image))?;
            Some(finding(seen, PROPERTY, id, &format!("the target of epoch {epoch} {wrong}")))
        }
        GroupEvent::GroupStateChanged { group: id, to: "Stable", .. } => {
            let group = stable_classic_group(seen, id)?;
            let wrong = illegal(&shares_of_generation(group)?)?;
            Some(finding(seen, PROPERTY, id, &format!("the assignment of generation {} {wrong}", group.generation)))
        }
        _ => None,
    }
}

/// What a member has and does not want, or two have.
fn illegal(shares: &Shares) -> Option<String> {
    let mut owners: BTreeMap<&TopicPartition, &MemberId> = BTreeMap::new();
    for (member, partitions) in &shares.has {
        for partition in partitions {
            if !shares.wants[member].contains(&partition.topic) {
                return Some(format!("gives {partition} to {member}, which is not subscribed to it"));
            }
            if let Some(other) = owners.insert(partition, member) {
                return Some(format!("gives {partition} to {other} and to {member}"));
            }
        }
    }
    None
}

/// What somebody wants and nobody has.
fn left_out(shares: &Shares, image: &MetadataImage) -> Option<String> {
    for name in shares.topics() {
        for number in image.topic(name)?.partitions.keys() {
            let partition = TopicPartition { topic: name.clone(), partition: *number };
            if !shares.has.values().any(|partitions| partitions.contains(&partition)) {
                return Some(format!("gives {partition} to nobody"));
            }
        }
    }
    None
}
