//! What a screen sees of a world between two steps: plain values, read from the machines' own getters.
//!
//! A screen computes no protocol fact. What it needs and does not find here is to be added here.

mod groups;
mod machines;
mod metadata;
mod partitions;
mod replica_log;

use serde::Serialize;
use trial_broker::ids::TopicPartition;
use trial_broker::time::Time;

pub use groups::{CoordinatorPart, GroupPart, MemberPart, ReadPart};
pub use machines::{BrokerPart, ClientPart, FilePart, MachinePart, QuorumPart, Work};
pub use metadata::MetadataPart;
pub use partitions::{IsrPhase, ParkedPart, PartitionPart, ReplicaPart, ReplicaRole};
pub use replica_log::{LogBatch, LogPart};

use crate::network::{InFlightView, Interference};
use crate::scenario::trace::Cast;
use crate::world::World;

/// What is asked for beside what is always told, because it costs more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The logs of this partition's replicas, batch by batch.
    pub logs_of: Option<TopicPartition>,
    /// The files on the disks.
    pub files: bool,
    /// The last records of the metadata log.
    pub metadata: bool,
    /// Which partitions the messages of the whole run name: the run is stepped once more for the first who asks.
    pub named: bool,
}

/// The world when so many steps had run.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// How many steps had run.
    pub steps: u64,
    /// The world's time.
    pub at: Time,
    /// The machines, in order of their numbers; none that is no part of the story.
    pub machines: Vec<MachinePart>,
    /// The partitions of the scenario's topics, in order of their names.
    pub partitions: Vec<PartitionPart>,
    /// The groups that coordinators know or clients take themselves for members of, in order of their names.
    pub groups: Vec<GroupPart>,
    /// The logs that were asked for.
    pub logs: Vec<LogPart>,
    /// The end of the metadata log, if it was asked for.
    pub metadata: Vec<MetadataPart>,
    /// Messages between two sockets.
    pub in_flight: Vec<InFlightView>,
    /// What entries have done to the network that is still in force.
    pub interference: Interference,
}

impl Snapshot {
    /// Looks at a world.
    pub fn of(world: &World, cast: &Cast, wanted: &Wanted) -> Snapshot {
        let is_seen = |machine| cast.is_seen(machine);
        let logs = wanted.logs_of.iter().flat_map(|partition| replica_log::logs(world, cast, partition)).collect();
        let machines = machines::machines(world, cast, wanted.files);
        let partitions = partitions::partitions(world, cast);
        Snapshot {
            steps: world.steps(),
            at: world.now(),
            groups: groups::groups(world, &machines, &partitions),
            machines,
            partitions,
            logs,
            metadata: if wanted.metadata { metadata::metadata(world) } else { Vec::new() },
            in_flight: world.in_flight().into_iter().filter(|m| is_seen(m.from) && is_seen(m.to)).collect(),
            interference: world.network_interference(),
        }
    }

    /// A partition by its name.
    pub fn partition(&self, name: &TopicPartition) -> Option<&PartitionPart> {
        self.partitions.iter().find(|partition| partition.name == *name)
    }
}
