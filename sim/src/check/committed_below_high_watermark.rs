//! What a replica has below its own high watermark is what is committed there.

use trial_broker::event::{Event, PartitionEvent};

use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "committed-below-high-watermark",
    rule: "a replica, leader or follower, moves its high watermark only over records that are committed: readers may see them",
    source: "KAFKA-14704; KIP-392; hachikuji/kafka-specification WeakIsr; KIP-966 (LogMatching, ConsistentRead)",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    let Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, to, .. }) = seen.event else {
        return None;
    };
    let known = seen.model.partitions.get(partition)?;
    // Between an excused loss and the new leader's first act nobody knows what is committed.
    if known.excuse.is_some() {
        return None;
    }
    let replica = seen.model.replica(partition, seen.machine)?;
    let below = known.committed.partition_point(|batch| batch.last_offset < *to);
    let missing = replica.first_missing(&known.committed[..below])?;
    Some(Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "{partition}: machine {} moves its high watermark to {to}, but what it has at offset {} is not the committed batch {}..={} of epoch {}",
            seen.machine, missing.base_offset, missing.base_offset, missing.last_offset, missing.leader_epoch
        ),
    })
}
