//! Which fetches between brokers are no part of the story: those that keep only replicas alike that no line tells of, of the
//! topic that clients are warmed with, of `__consumer_offsets`, or (in a combined cluster) of the metadata log.
//!
//! A request of a fetch session names only what changed since the one before (KIP-227), so it is not what a request names that
//! counts, but whom the follower follows when it asks. An answer belongs to where its request does.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{Event, PartitionEvent};
use trial_broker::ids::{CorrelationId, NodeId, TopicPartition};
use trial_broker::message::Api;

use crate::fault::{MachineId, MessageId, MessageKind};
use crate::scenario::trace::Cast;
use crate::step::Step;

/// Whom each broker follows, as far as lines tell of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Following {
    leaders: BTreeMap<(MachineId, TopicPartition), NodeId>,
    /// Requests that were aside, by connection: their answers are too.
    asked: BTreeSet<(u64, CorrelationId)>,
}

impl Following {
    /// Takes in what replicas said at a step.
    pub(super) fn observe(&mut self, cast: &Cast, step: &Step) {
        let Some(machine) = step.machine() else { return };
        for event in &step.events {
            match event {
                Event::Partition(PartitionEvent::BecameFollower { partition, leader, .. })
                    if !cast.is_hidden(partition) =>
                {
                    self.leaders.insert((machine, partition.clone()), *leader);
                }
                Event::Partition(
                    PartitionEvent::BecameLeader { partition, .. } | PartitionEvent::ReplicaRemoved { partition },
                ) => {
                    self.leaders.remove(&(machine, partition.clone()));
                }
                _ => {}
            }
        }
    }

    /// Whether a message that is sent now is no part of the story.
    pub(super) fn is_aside(
        &mut self,
        cast: &Cast,
        (from, to): (MachineId, MachineId),
        (api, kind): (Api, MessageKind),
        (message, correlation_id): (MessageId, CorrelationId),
    ) -> bool {
        let node =
            |machine: MachineId| cast.brokers().iter().find(|(_, broker)| *broker == machine).map(|(node, _)| *node);
        let (Some(_), Some(leader), Api::Fetch) = (node(from), node(to), api) else { return false };
        let asked = (message.connection, correlation_id);
        match kind {
            MessageKind::Response => self.asked.remove(&asked),
            MessageKind::Request => {
                let follows = self.leaders.iter().any(|((who, _), whom)| *who == from && *whom == leader);
                if !follows {
                    self.asked.insert(asked);
                }
                !follows
            }
        }
    }
}
