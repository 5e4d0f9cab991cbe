//! A leader's high watermark never falls while it leads.

use std::collections::BTreeMap;

use trial_broker::event::{Event, PartitionEvent};
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, TopicId, TopicPartition};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "high-watermark-monotonic",
    rule: "the high watermark that a leader has, and shows to consumers, never falls within its epoch",
    source: "KIP-207; Partition.maybeIncrementLeaderHW",
};

/// The highest high watermark of each leader in its epoch of a topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    highest: BTreeMap<(TopicPartition, MachineId), ((TopicId, LeaderEpoch), Offset)>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let (partition, shown) = match seen.event {
            Event::Partition(PartitionEvent::HighWatermarkAdvanced { partition, to, as_leader: true, .. }) => {
                (partition, *to)
            }
            Event::Partition(PartitionEvent::FetchAnswered {
                partition,
                replica: NodeId::NONE,
                high_watermark,
                ..
            }) if *high_watermark >= 0 => (partition, *high_watermark),
            _ => return None,
        };
        let epoch = seen.replica(partition)?.leads_in?;
        let led = (seen.topic_id(partition), epoch);
        let key = (partition.clone(), seen.machine);
        let highest = self.highest.entry(key).or_insert((led, shown));
        if highest.0 != led {
            *highest = (led, shown);
        }
        if shown < highest.1 {
            return Some(Finding {
                property: PROPERTY,
                partition: Some(partition.clone()),
                message: format!(
                    "{partition}, leader {} in epoch {epoch}: the high watermark fell from {} to {shown}",
                    seen.who(),
                    highest.1
                ),
                proof: [Kind::Fetched, Kind::HighWatermark, Kind::Role]
                    .map(|kind| Proof::on(seen.machine, kind))
                    .into(),
            });
        }
        highest.1 = shown;
        None
    }
}
