//! The end of a partition, as clients are told it, never goes back.
//!
//! A leader that was just elected may not know yet how much its predecessors committed: its own high
//! watermark lies before the start of its epoch. A client that is told that number would take records that
//! others have read for not yet written.
//!
//! A leader that was deposed and has not heard of it goes on telling what it knows, to clients that have not heard
//! of it either: whoever knows the newer epoch says so in the request, and is refused there with UNKNOWN_LEADER_EPOCH
//! (KIP-320). So what older epochs tell is not compared with what newer ones have told.

use std::collections::BTreeMap;

use trial_broker::event::{Event, PartitionEvent};
use trial_broker::ids::{LeaderEpoch, Offset, TopicId, TopicPartition};
use trial_broker::message::IsolationLevel;

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};

pub(super) const PROPERTY: Property = Property {
    name: "end-offset-monotonic",
    rule: "the end offset of a partition that clients are told never falls, neither in a leader's epoch nor in a later one, unless committed records were lost",
    source: "KIP-207, KAFKA-2334; Partition.fetchOffsetForTimestamp",
};

/// The end that clients were last told of each partition, in the newest epoch whose leader told one.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    told: BTreeMap<(TopicId, TopicPartition, IsolationLevel), (LeaderEpoch, Offset)>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let Event::Partition(PartitionEvent::EndOffsetListed { partition, isolation, offset: Some(offset) }) =
            seen.event
        else {
            return None;
        };
        // After an unclean election, or a loss that nobody is to blame for, the log may end earlier.
        let committed_end = seen.known(partition).map_or(0, |known| known.committed_end);
        let epoch = seen.replica(partition)?.leads_in?;
        let key = (seen.topic_id(partition), partition.clone(), *isolation);
        let last = self.told.get(&key).copied();
        if last.is_some_and(|(newest, _)| epoch < newest) {
            return None;
        }
        self.told.insert(key, (epoch, *offset));
        let (_, told) = last?;
        let before = told.min(committed_end);
        (*offset < before).then(|| Finding {
            property: PROPERTY,
            partition: Some(partition.clone()),
            message: format!(
                "{partition}: {} tells a client that the partition ends at {offset}; before, {before} was told",
                seen.who()
            ),
            proof: vec![Proof::of(Kind::ToldEnd), Proof::on(seen.machine, Kind::Role), Proof::of(Kind::HighWatermark)],
        })
    }
}
