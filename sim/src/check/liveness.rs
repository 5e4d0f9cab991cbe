//! A healed cluster recovers: what must be true in the end, and how long that may take.
//!
//! ```text
//!   last step ─▶ machines that run are the core ─▶ step until every goal holds ─▶ pass
//!                                                  or until the bound has passed ─▶ liveness
//! ```
//!
//! Machines that do not run are given up for good. A goal that the core cannot reach (no member of
//! ISR or ELR runs, too few replicas for `min.insync.replicas`) is excused: Kafka promises safety there,
//! not progress. The run is asked for this by `liveness = true`.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use trial_broker::ids::{LeaderEpoch, NodeId, TopicPartition};
use trial_broker::metadata::PartitionRegistration;
use trial_broker::node::Node;

use super::Property;
use super::model::{Model, machine_of};
use crate::world::World;

/// The property. It is not one of [`super::PROPERTIES`]: those hold after every step, this one in the end.
pub const PROPERTY: Property = Property {
    name: "liveness",
    rule: "after the last fault every partition gets a leader, its running replicas are in sync, and the controllers agree",
    source: "Kafka replication documentation; KIP-631 (fencing and unfencing); KIP-966",
};

/// A goal that has not been reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmet {
    /// About which partition; none if it is about the controllers.
    pub partition: Option<TopicPartition>,
    /// What is missing, with the numbers.
    pub message: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How long a healed cluster may take, from the settings of its nodes: to fence and to elect, to notice
/// who lags, and to ask again what went unanswered.
pub fn bound(world: &World) -> Duration {
    let of_node = |node: &Node| {
        let config = node.config();
        let sessions = config.controller.broker_session_timeout * 2;
        let elections = (config.raft.fetch_timeout + config.raft.election_timeout * 2) * 5;
        let lag = config.replication.replica_lag_time_max * 3 / 2;
        sessions + elections + lag + REQUEST_TIMEOUT
    };
    let nodes = world.machines().filter_map(|(_, machine)| machine.node());
    nodes.map(of_node).max().unwrap_or(REQUEST_TIMEOUT)
}

/// The default of request.timeout.ms, for clients and for what brokers ask each other.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether every goal holds.
///
/// # Errors
/// The goals that do not hold.
pub fn converged(world: &World, model: &Model) -> Result<(), Vec<Unmet>> {
    let mut unmet: Vec<Unmet> = controllers(world).into_iter().collect();
    if let Some(node) = running(world).max_by_key(|node| node.committed_metadata().last_offset()) {
        let core = Core { world, model, best_informed: node };
        let partitions = node.committed_metadata().partitions();
        unmet.extend(partitions.filter_map(|(name, _, registration)| core.partition(&name, registration)));
    }
    if unmet.is_empty() { Ok(()) } else { Err(unmet) }
}

fn running(world: &World) -> impl Iterator<Item = &Node> {
    world.machines().filter_map(|(_, machine)| machine.node())
}

/// One leader of the quorum, known to every controller that runs, if a majority runs.
fn controllers(world: &World) -> Option<Unmet> {
    let members: Vec<(NodeId, LeaderEpoch)> = running(world)
        .filter(|node| node.config().role.is_controller())
        .map(|node| node.raft().leader_and_epoch())
        .collect();
    let voters = running(world).map(|node| node.config().voters.len()).max().unwrap_or(0);
    if members.len() * 2 <= voters {
        return None;
    }
    let distinct: BTreeSet<&(NodeId, LeaderEpoch)> = members.iter().collect();
    let agree = distinct.len() == 1 && members.iter().all(|(leader, _)| leader.is_some());
    (!agree).then(|| Unmet { partition: None, message: format!("the controllers do not agree who leads: {members:?}") })
}

/// The machines that run, and what an observer knows.
struct Core<'a> {
    world: &'a World,
    model: &'a Model,
    /// The node that has heard of the most metadata.
    best_informed: &'a Node,
}

impl Core<'_> {
    fn runs(&self, node: NodeId) -> bool {
        self.model.running.contains(&machine_of(node))
    }

    /// `min.insync.replicas` of a partition's topic.
    fn min_insync_replicas(&self, name: &TopicPartition) -> usize {
        let (image, config) = (self.best_informed.committed_metadata(), self.best_informed.config());
        let settings = image.log_settings(&name.topic, &config.log, config.node);
        usize::try_from(settings.min_insync_replicas).unwrap_or(1)
    }

    /// The first goal of a partition that does not hold.
    fn partition(&self, name: &TopicPartition, registration: &PartitionRegistration) -> Option<Unmet> {
        let eligible = registration.isr.iter().chain(&registration.elr).any(|node| self.runs(*node));
        if !eligible {
            return None;
        }
        let live: BTreeSet<NodeId> = registration.replicas.iter().copied().filter(|node| self.runs(*node)).collect();
        let isr: BTreeSet<NodeId> = registration.isr.iter().copied().collect();
        let min_isr = self.min_insync_replicas(name).min(registration.replicas.len());
        let message = if !self.runs(registration.leader) {
            format!("{name} has no running leader: leader {}, running replicas {live:?}", registration.leader)
        } else if isr != live {
            format!("{name} has ISR {isr:?}, but the replicas that run are {live:?}")
        } else if live.len() >= min_isr {
            self.behind(name, registration)?
        } else {
            return None;
        };
        Some(Unmet { partition: Some(name.clone()), message })
    }

    /// Records that nobody may read yet although there are enough replicas: an acks=all request waits for each.
    fn behind(&self, name: &TopicPartition, registration: &PartitionRegistration) -> Option<String> {
        let node = self.world.machine(machine_of(registration.leader))?.node()?;
        let Some(partition) = node.replicas().and_then(|replicas| replicas.partition(name)) else {
            return Some(format!("{name}: leader {} has not opened its log", registration.leader));
        };
        let (high_watermark, end) = (partition.log().high_watermark(), partition.log().log_end_offset());
        (high_watermark < end).then(|| {
            format!("{name}: leader {} has high watermark {high_watermark} < log end {end}", registration.leader)
        })
    }
}
