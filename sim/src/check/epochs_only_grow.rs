//! Epochs only grow: a partition's two, a broker's, and the quorum's on each member.
//!
//! A controller tells of a partition when it learns that its own record of it is committed. One whose disk stood still may learn
//! that when another has long been active, in a later epoch of the quorum, has committed the record in its place and has gone on
//! from it. So what counts is the order of the tellers' epochs, and not the order in which they tell.

use std::collections::BTreeMap;

use trial_broker::event::{ControllerEvent, Event, PartitionEvent, RaftEvent};
use trial_broker::ids::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

use super::model::machine_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "epochs-only-grow",
    rule: "leader, partition, broker and quorum epochs never fall, and a change of leader raises the leader epoch",
    source: "KIP-101, KIP-497, KIP-631, KIP-595",
};

/// Leader epoch, partition epoch and leader of a partition.
type Standing = (LeaderEpoch, PartitionEpoch, NodeId);

/// The last epochs seen of everything that has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// What the active controller of each epoch of the quorum told last of each partition.
    committed: BTreeMap<(TopicId, TopicPartition), BTreeMap<LeaderEpoch, Standing>>,
    local: BTreeMap<(TopicId, TopicPartition, MachineId), LeaderEpoch>,
    brokers: BTreeMap<NodeId, BrokerEpoch>,
    quorum: BTreeMap<MachineId, LeaderEpoch>,
}

impl Check {
    /// The machine has a new, empty disk: its quorum member is another one (KIP-853), and begins at epoch 0.
    pub(super) fn replaced(&mut self, machine: MachineId) {
        self.quorum.remove(&machine);
        self.local.retain(|(_, _, on), _| *on != machine);
    }

    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        match seen.event {
            Event::Controller(ControllerEvent::PartitionChanged {
                partition,
                leader,
                leader_epoch,
                partition_epoch,
                ..
            }) => {
                let now = (*leader_epoch, *partition_epoch, *leader);
                let topic_id = seen.model.topic_id(&partition.topic);
                let told_in = seen.model.activated_in(seen.machine).unwrap_or(LeaderEpoch(0));
                let told = self.committed.entry((topic_id, partition.clone())).or_default();
                let before = told.range(..=told_in).next_back().map(|(_, standing)| *standing);
                let after = told.range(told_in.next()..).next().map(|(_, standing)| *standing);
                told.insert(told_in, now);
                let wrong = before
                    .and_then(|before| fallen(partition, before, now))
                    .or_else(|| fallen(partition, now, after?))?;
                let proof = vec![Proof::of(Kind::Registration)];
                Some(Finding { property: PROPERTY, partition: Some(partition.clone()), message: wrong, proof })
            }
            Event::Partition(
                PartitionEvent::BecameLeader { partition, leader_epoch, .. }
                | PartitionEvent::BecameFollower { partition, leader_epoch, .. },
            ) => {
                let topic_id = seen.topic_id(partition);
                let before = self.local.insert((topic_id, partition.clone(), seen.machine), *leader_epoch)?;
                (*leader_epoch < before && seen.model.running.contains(&seen.machine)).then(|| Finding {
                    property: PROPERTY,
                    partition: Some(partition.clone()),
                    message: format!("{partition} on {}: leader epoch {leader_epoch} after {before}", seen.who()),
                    proof: vec![Proof::on(seen.machine, Kind::Role), Proof::of(Kind::Registration)],
                })
            }
            Event::Controller(ControllerEvent::BrokerRegistered { broker, broker_epoch, .. }) => {
                let before = self.brokers.insert(*broker, *broker_epoch)?;
                (*broker_epoch < before).then(|| Finding {
                    property: PROPERTY,
                    partition: None,
                    message: format!("broker {broker}: broker epoch {broker_epoch} after {before}"),
                    proof: vec![Proof::on(machine_of(*broker), Kind::Broker)],
                })
            }
            Event::Raft(RaftEvent::StateChanged { epoch, .. }) => {
                let before = self.quorum.insert(seen.machine, *epoch)?;
                (*epoch < before).then(|| Finding {
                    property: PROPERTY,
                    partition: None,
                    message: format!("quorum member {}: epoch {epoch} after {before}", seen.who()),
                    proof: vec![Proof::on(seen.machine, Kind::Quorum), Proof::on(seen.machine, Kind::Vote)],
                })
            }
            _ => None,
        }
    }
}

/// What is wrong if a partition stands so after it stood so.
fn fallen(partition: &TopicPartition, before: Standing, now: Standing) -> Option<String> {
    let fell = now.0 < before.0 || now.1 <= before.1;
    let kept = now.2 != before.2 && now.0 == before.0;
    (fell || kept).then(|| {
        format!(
            "{partition}: leader {} in leader epoch {}, partition epoch {}, after leader {} in {}, {}",
            now.2, now.0, now.1, before.2, before.0, before.1
        )
    })
}
