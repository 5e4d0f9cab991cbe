//! Partitions as a screen sees them: what the controllers committed, and what each replica believes.

use serde::Serialize;
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicName, TopicPartition};
use trial_broker::message::ConfigResource;
use trial_broker::metadata::{MetadataImage, PartitionRegistration};
use trial_broker::partition::{IsrState, Partition, PartitionRole, ReplicaManager};
use trial_broker::time::Time;

use crate::fault::MachineId;
use crate::machine::ProcessState;
use crate::scenario::run::view;
use crate::scenario::trace::Cast;
use crate::world::World;

/// A partition as the controllers committed it, and its replicas.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionPart {
    /// Its name.
    pub name: TopicPartition,
    /// Its leader; NONE if it has none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The registration's version.
    pub partition_epoch: PartitionEpoch,
    /// The replicas that are in sync.
    pub isr: Vec<NodeId>,
    /// Those that are not.
    pub out_of_sync: Vec<NodeId>,
    /// Those that may lead although they are not in sync (KIP-966).
    pub elr: Vec<NodeId>,
    /// `min.insync.replicas`, but never more than there are replicas.
    pub min_isr: usize,
    /// Fewer replicas are in sync than there are.
    pub is_under_replicated: bool,
    /// Fewer are in sync than acks=all, and the high watermark, need.
    pub is_under_min_isr: bool,
    /// Its replicas, in the order of their assignment.
    pub replicas: Vec<ReplicaPart>,
}

/// One replica of a partition.
#[derive(Clone, Debug, Serialize)]
pub struct ReplicaPart {
    /// Whose.
    pub node: NodeId,
    /// On which machine.
    pub machine: MachineId,
    /// Whether its process runs.
    pub process: ProcessState,
    /// What it takes itself for; none while its process does not run or has not loaded its log.
    pub role: Option<ReplicaRole>,
    /// The leader epoch that it knows.
    pub leader_epoch: LeaderEpoch,
    /// The first offset of its log.
    pub log_start_offset: Offset,
    /// Up to where its log was synced.
    pub recovery_point: Offset,
    /// Up to where its records belong to no open transaction.
    pub last_stable_offset: Offset,
    /// Up to where it knows its records to be committed.
    pub high_watermark: Offset,
    /// The end of its log.
    pub log_end_offset: Offset,
    /// What is parked at it because of this partition.
    pub parked: Vec<ParkedPart>,
}

/// What a replica takes itself for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaRole {
    /// It leads.
    Leader {
        /// Its in-sync set, and what it wants of it.
        isr: IsrPhase,
        /// How far it knows its followers to be; none of whom it has not heard.
        followers: Vec<(NodeId, Option<Offset>)>,
    },
    /// It follows.
    Follower {
        /// Whom; NONE if nobody.
        leader: NodeId,
    },
}

/// A leader's in-sync set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IsrPhase {
    /// As the controller committed it.
    Committed,
    /// It has proposed that a follower enters, who holds the high watermark back already.
    PendingExpand(NodeId),
    /// It has proposed that followers leave, who still hold the high watermark back.
    PendingShrink(Vec<NodeId>),
}

/// A request that waits at a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParkedPart {
    /// A produce request waits for replication.
    Produce {
        /// The high watermark that it waits for.
        required_offset: Offset,
        /// When it is given up, by the broker's monotonic clock.
        deadline: Time,
    },
    /// A fetch waits for records.
    Fetch {
        /// The follower; NONE for a consumer.
        replica: NodeId,
        /// From which offset.
        fetch_offset: Offset,
        /// When it is answered empty, by the broker's monotonic clock.
        deadline: Time,
    },
}

/// All partitions of topics that are part of the story.
pub(super) fn partitions(world: &World, cast: &Cast) -> Vec<PartitionPart> {
    let Some(image) = view::metadata(world) else { return Vec::new() };
    let seen = image.partitions().filter(|(name, ..)| !cast.is_hidden(name));
    let mut parts: Vec<PartitionPart> =
        seen.map(|(name, _, registration)| part(world, image, name, registration)).collect();
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    parts
}

fn part(
    world: &World,
    image: &MetadataImage,
    name: TopicPartition,
    registration: &PartitionRegistration,
) -> PartitionPart {
    let replicas: Vec<ReplicaPart> =
        registration.replicas.iter().filter_map(|node| replica(world, &name, *node)).collect();
    let min_isr = min_insync_replicas(image, &name).min(registration.replicas.len());
    PartitionPart {
        leader: registration.leader,
        leader_epoch: registration.leader_epoch,
        partition_epoch: registration.partition_epoch,
        isr: registration.isr.clone(),
        out_of_sync: registration.replicas.iter().filter(|node| !registration.isr.contains(node)).copied().collect(),
        elr: registration.elr.clone(),
        min_isr,
        is_under_replicated: registration.isr.len() < registration.replicas.len(),
        is_under_min_isr: registration.isr.len() < min_isr,
        replicas,
        name,
    }
}

/// The topic's setting, else the cluster's, else Kafka's own.
fn min_insync_replicas(image: &MetadataImage, name: &TopicPartition) -> usize {
    let topic = ConfigResource::Topic(TopicName::new(name.topic.as_str()));
    let of = |resource: &ConfigResource| image.config(resource)?.get("min.insync.replicas")?.parse().ok();
    of(&topic).or_else(|| of(&ConfigResource::Cluster)).unwrap_or(1)
}

fn replica(world: &World, name: &TopicPartition, node: NodeId) -> Option<ReplicaPart> {
    let id = MachineId(u32::try_from(node.0).ok()?);
    let machine = world.machine(id)?;
    let manager = machine.node().and_then(|node| node.replicas());
    let partition = manager.and_then(|manager| manager.partition(name));
    let offset = |of: fn(&trial_broker::log::Log) -> Offset| partition.map_or(0, |partition| of(partition.log()));
    Some(ReplicaPart {
        node,
        machine: id,
        process: machine.state(),
        role: partition.map(role),
        leader_epoch: partition.map_or(LeaderEpoch::NONE, Partition::leader_epoch),
        log_start_offset: offset(trial_broker::log::Log::log_start_offset),
        recovery_point: offset(trial_broker::log::Log::recovery_point),
        last_stable_offset: offset(trial_broker::log::Log::last_stable_offset),
        high_watermark: offset(trial_broker::log::Log::high_watermark),
        log_end_offset: offset(trial_broker::log::Log::log_end_offset),
        parked: manager.map_or_else(Vec::new, |manager| parked(manager, name)),
    })
}

fn role(partition: &Partition) -> ReplicaRole {
    match partition.role() {
        PartitionRole::Follower { leader } => ReplicaRole::Follower { leader: *leader },
        PartitionRole::Leader(leader) => ReplicaRole::Leader {
            isr: match &leader.isr {
                IsrState::Committed { .. } => IsrPhase::Committed,
                IsrState::PendingExpand { added, .. } => IsrPhase::PendingExpand(*added),
                IsrState::PendingShrink { removed, .. } => IsrPhase::PendingShrink(removed.iter().copied().collect()),
            },
            followers: leader
                .followers
                .iter()
                .map(|(node, state)| (*node, Some(state.log_end_offset).filter(|offset| *offset >= 0)))
                .collect(),
        },
    }
}

fn parked(manager: &ReplicaManager, name: &TopicPartition) -> Vec<ParkedPart> {
    let produces = manager.delayed_produces().flat_map(|(produce, deadline)| {
        let waiting = produce.partitions.iter().filter(|status| status.pending && status.partition == *name);
        waiting.map(move |status| ParkedPart::Produce { required_offset: status.required_offset, deadline })
    });
    let fetches = manager.delayed_fetches().flat_map(|(fetch, deadline)| {
        let targets = fetch.targets.iter().filter(|target| target.partition == *name);
        targets.map(move |target| ParkedPart::Fetch {
            replica: fetch.parameters.replica,
            fetch_offset: target.request.fetch_offset,
            deadline,
        })
    });
    produces.chain(fetches).collect()
}
