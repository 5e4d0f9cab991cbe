//! What a replica has below its own high watermark is what is committed there.
//!
//! **Simplified:** a follower takes over its leader's high watermark and then its log start, in one step here. In Kafka they are
//! two calls (`ReplicaFetcherThread.processPartitionData`), and a reader that comes between them may see what the second gives up.

use trial_broker::event::{Event, PartitionEvent};

use super::proof::{Kind, Proof};
use super::{Finding, PossibleLoss, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "committed-below-high-watermark",
    rule: "what a replica, leader or follower, has below its high watermark is committed: readers may see it",
    source: "KAFKA-14704; KIP-392; hachikuji/kafka-specification WeakIsr; KIP-966 (LogMatching, ConsistentRead)",
};

pub(super) fn observe(seen: &Seen) -> Option<PossibleLoss> {
    let (partition, shown) = match seen.event {
        Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, to, .. }) => (partition, *to),
        Event::Partition(PartitionEvent::BecameLeader { partition, high_watermark, .. }) => {
            (partition, *high_watermark)
        }
        _ => return None,
    };
    let known = seen.known(partition).filter(|known| known.registration.is_some())?;
    let replica = seen.replica(partition)?;
    // Between an excused loss and the new leader's first act nobody knows what is committed; and whoever has not heard
    // of that leader shows what it has lost.
    if known.has_overtaken(replica.epoch) {
        return None;
    }
    let machine = seen.who();
    let (message, doubtful) = if shown > known.committed_end {
        let end = known.committed_end;
        let message = format!(
            "{partition}: {machine} has the high watermark {shown}, but only what lies below {end} is committed"
        );
        (message, end)
    } else {
        // A follower hears of its leader's log start in the answer that tells it the high watermark, and says so a little later:
        // what it gives up by that is shown to nobody.
        let start = seen.log_start(partition).filter(|_| replica.leads_in.is_none()).unwrap_or(0);
        let given_up = known.committed.partition_point(|batch| batch.last_offset < start);
        let below = known.committed.partition_point(|batch| batch.last_offset < shown);
        let missing = replica.first_missing(&known.committed[given_up.min(below)..below])?;
        let message = format!(
            "{partition}: {machine} has the high watermark {shown}, but lacks the committed batch {} to {} of epoch {}",
            missing.base_offset, missing.last_offset, missing.leader_epoch
        );
        (message, missing.base_offset)
    };
    let proof = vec![
        Proof::on(seen.machine, Kind::HighWatermark),
        Proof::on(seen.machine, Kind::Role),
        Proof::at(doubtful, Kind::Append),
        Proof::at(doubtful, Kind::HighWatermark),
    ];
    let finding = Finding { property: PROPERTY, partition: Some(partition.clone()), message, proof };
    Some(PossibleLoss { finding, excuse: seen.model.excuse(seen.world, partition) })
}
