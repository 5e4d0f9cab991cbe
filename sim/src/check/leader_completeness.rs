//! Whoever acts as leader of a clean election holds every committed record.

use trial_broker::event::{Event, PartitionEvent};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "leader-completeness",
    rule: "when a replica first acts as leader of a clean election, it holds every committed record",
    source: "KIP-966 (LeaderCompleteness); Vanlightly, Kafka replication",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Partition(PartitionEvent::BecameLeader { partition, leader_epoch, .. }) = seen.event else {
        return None;
    };
    let known = seen.known(partition)?;
    let replica = seen.replica(partition)?;
    let missing = replica.first_missing(&known.committed)?;
    // An unclean election, or a loss within the budget, has been taken account of by the model already.
    Some(Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition}: {} leads in epoch {leader_epoch} without the committed batch {} to {} of epoch {}; its log ends at {}",
            seen.who(),
            missing.base_offset,
            missing.last_offset,
            missing.leader_epoch,
            replica.log_end_offset
        ),
        proof: vec![
            Proof::on(seen.machine, Kind::Role),
            Proof::at(missing.base_offset, Kind::HighWatermark),
            Proof::at(missing.base_offset, Kind::Append),
            Proof::of(Kind::Registration),
            Proof::on(seen.machine, Kind::Bounds),
        ],
    })
}
