//! There is at most one leader in an epoch: of a partition, and of the metadata quorum.

use std::collections::BTreeMap;

use trial_broker::event::{Event, PartitionEvent, QuorumStateName, RaftEvent};
use trial_broker::ids::{LeaderEpoch, TopicId, TopicPartition};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "one-leader-per-epoch",
    rule: "two machines never lead the same partition, or the quorum, in the same leader epoch",
    source: "Raft (election safety); KRaft specification; KAFKA-10527",
};

/// Who led in each epoch of a topic's partition. The quorum's partition is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    leaders: BTreeMap<(TopicId, Option<TopicPartition>, LeaderEpoch), MachineId>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let (topic_id, partition, epoch) = match seen.event {
            Event::Partition(PartitionEvent::BecameLeader { partition, leader_epoch, .. }) => {
                (seen.topic_id(partition), Some(partition.clone()), *leader_epoch)
            }
            Event::Raft(RaftEvent::StateChanged { to: QuorumStateName::Leader, epoch, .. }) => {
                (TopicId::ZERO, None, *epoch)
            }
            _ => return None,
        };
        let first = *self.leaders.entry((topic_id, partition.clone(), epoch)).or_insert(seen.machine);
        (first != seen.machine).then(|| Finding {
            property: PROPERTY,
            message: format!(
                "{}: {} and {} both lead in epoch {epoch}",
                partition.as_ref().map_or("the metadata quorum".to_owned(), TopicPartition::to_string),
                seen.name(first),
                seen.who()
            ),
            proof: match &partition {
                Some(_) => vec![
                    Proof::on(seen.machine, Kind::Role),
                    Proof::on(first, Kind::Role),
                    Proof::of(Kind::Registration),
                ],
                None => {
                    vec![Proof::on(seen.machine, Kind::Quorum), Proof::on(first, Kind::Quorum), Proof::of(Kind::Vote)]
                }
            },
            partition,
        })
    }
}
