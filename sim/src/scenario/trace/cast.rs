//! Who is who in a world: numbers to names, and which machines get a lane.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::ids::{NodeId, TopicPartition};
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::scenario::is_in_the_background;

/// The machines of a run, by number, name and node id; and when its time zero is.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    names: BTreeMap<MachineId, String>,
    /// The brokers in lane order: node id and machine.
    brokers: Vec<(NodeId, MachineId)>,
    nodes: BTreeMap<NodeId, String>,
    zero: Time,
    /// Machines that are no part of the story.
    unseen: BTreeSet<MachineId>,
}

impl Cast {
    /// Nobody yet, time zero at the beginning of the world.
    pub fn new() -> Self {
        Cast::default()
    }

    /// Adds a machine. A broker gets a lane; `node` is none for clients.
    pub fn add(&mut self, machine: MachineId, name: &str, node: Option<NodeId>, is_broker: bool) {
        self.names.insert(machine, name.to_owned());
        if let Some(node) = node {
            self.nodes.insert(node, name.to_owned());
            if is_broker {
                self.brokers.push((node, machine));
            }
        }
    }

    /// Keeps a machine out of the transcript.
    pub fn hide(&mut self, machine: MachineId) {
        self.unseen.insert(machine);
    }

    /// Whether a machine is part of the story.
    pub fn is_seen(&self, machine: MachineId) -> bool {
        !self.unseen.contains(&machine)
    }

    /// Sets the instant from which times are counted.
    pub fn set_zero(&mut self, zero: Time) {
        self.zero = zero;
    }

    /// The instant from which times are counted.
    pub fn zero(&self) -> Time {
        self.zero
    }

    /// Microseconds since time zero; negative before it.
    pub fn micros(&self, at: Time) -> i64 {
        at.0 as i64 - self.zero.0 as i64
    }

    /// A machine's name.
    pub fn name(&self, machine: MachineId) -> &str {
        self.names.get(&machine).map_or("?", String::as_str)
    }

    /// The name of the machine of a broker or controller; "none" for no node.
    pub fn node_name(&self, node: NodeId) -> String {
        match self.nodes.get(&node) {
            Some(name) => name.clone(),
            None if node.is_some() => format!("node {node}"),
            None => "none".to_owned(),
        }
    }

    /// Several of them: `b2,b3`.
    pub fn node_names(&self, nodes: &[NodeId]) -> String {
        nodes.iter().map(|node| self.node_name(*node)).collect::<Vec<_>>().join(",")
    }

    /// The brokers in lane order.
    pub fn brokers(&self) -> &[(NodeId, MachineId)] {
        &self.brokers
    }

    /// The lane of a machine, if it has one.
    pub fn lane(&self, machine: MachineId) -> Option<usize> {
        self.brokers.iter().position(|(_, broker)| *broker == machine)
    }

    /// Whether a partition is Kafka's own, or only there to warm clients.
    pub fn is_hidden(&self, partition: &TopicPartition) -> bool {
        is_in_the_background(partition.topic.as_str())
    }
}
