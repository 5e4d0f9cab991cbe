//! What is true now: the state of machines, read where it lives.

use trial_broker::event::QuorumStateName;
use trial_broker::group::GroupView;
use trial_broker::group::find::{OFFSETS_TOPIC, partition_for};
use trial_broker::ids::{GroupId, LeaderEpoch, NodeId, Offset, TopicName, TopicPartition};
use trial_broker::metadata::{MetadataImage, PartitionRegistration};
use trial_broker::node::Node;

use crate::fault::MachineId;
use crate::machine::ProcessState;
use crate::world::World;

/// The positions of one replica's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Positions {
    pub(crate) log_start_offset: Offset,
    pub(crate) last_stable_offset: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) log_end_offset: Offset,
}

/// The broker or controller process that runs on a machine.
pub(crate) fn node(world: &World, machine: MachineId) -> Option<&Node> {
    world.machine(machine)?.node()
}

/// Whether a machine's process runs, or stands still.
pub(crate) fn is_running(world: &World, machine: MachineId) -> bool {
    world
        .machine(machine)
        .is_some_and(|machine| matches!(machine.state(), ProcessState::Running | ProcessState::Paused))
}

/// The committed metadata, as the process knows it that has heard of the most.
pub(crate) fn metadata(world: &World) -> Option<&MetadataImage> {
    world
        .machines()
        .filter_map(|(_, machine)| machine.node())
        .map(Node::committed_metadata)
        .max_by_key(|image| image.last_offset())
}

/// A partition as the controllers committed it.
pub(crate) fn registration<'w>(world: &'w World, partition: &TopicPartition) -> Option<&'w PartitionRegistration> {
    metadata(world)?.partition(&TopicName::new(partition.topic.as_str()), partition.partition)
}

/// How many partitions a topic has; none if there is no such topic.
pub(crate) fn partition_count(world: &World, topic: &str) -> Option<i32> {
    Some(metadata(world)?.topic(&TopicName::new(topic))?.partitions.len() as i32)
}

/// A group's partition of `__consumer_offsets`; none while there is no such topic.
pub(crate) fn offsets_partition(world: &World, group: &GroupId) -> Option<TopicPartition> {
    let count = partition_count(world, OFFSETS_TOPIC)?;
    Some(TopicPartition::new(OFFSETS_TOPIC, partition_for(group.as_str(), count)))
}

/// The broker that leads a group's partition of `__consumer_offsets`; none while nobody does.
pub(crate) fn coordinator(world: &World, group: &GroupId) -> Option<MachineId> {
    let partition = offsets_partition(world, group)?;
    Some(MachineId(u32::try_from(registration(world, &partition)?.leader.0).ok()?))
}

/// A group as its coordinator knows it; none while nobody coordinates it, or if it does not exist.
pub(crate) fn group(world: &World, group: &GroupId) -> Option<GroupView> {
    node(world, coordinator(world, group)?)?.group(group)
}

/// What was committed for a group of a partition, as its coordinator knows it; none while nobody coordinates it, or if
/// nothing was.
pub(crate) fn committed(world: &World, group: &GroupId, partition: &TopicPartition) -> Option<Offset> {
    let offsets = node(world, coordinator(world, group)?)?.group_offsets(group);
    offsets.into_iter().find(|(of, _)| of == partition).map(|(_, offset)| offset)
}

/// Whether the controllers have fenced a broker; none if it never registered.
pub(crate) fn is_fenced(world: &World, broker: NodeId) -> Option<bool> {
    Some(metadata(world)?.broker(broker)?.fenced)
}

/// The positions of a replica's log on a broker.
pub(crate) fn positions(world: &World, machine: MachineId, partition: &TopicPartition) -> Option<Positions> {
    let log = node(world, machine)?.replicas()?.partition(partition)?.log();
    Some(Positions {
        log_start_offset: log.log_start_offset(),
        last_stable_offset: log.last_stable_offset(),
        high_watermark: log.high_watermark(),
        log_end_offset: log.log_end_offset(),
    })
}

/// The positions of the log of a partition's leader; none while there is none that runs.
pub(crate) fn leader_positions(world: &World, partition: &TopicPartition) -> Option<Positions> {
    let leader = registration(world, partition)?.leader;
    positions(world, MachineId(u32::try_from(leader.0).ok()?), partition)
}

/// A member of the quorum as it describes itself.
pub(crate) fn quorum_member(world: &World, machine: MachineId) -> Option<(QuorumStateName, LeaderEpoch)> {
    let raft = node(world, machine)?.raft();
    Some((raft.state_name(), raft.leader_and_epoch().1))
}

/// The length of a file as the machine's page cache has it.
pub(crate) fn file_length(world: &World, machine: MachineId, path: &str) -> Option<u64> {
    Some(world.machine(machine)?.disk().content(path)?.len() as u64)
}

/// A record of a log: its epoch and its value as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogRecord {
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) value: String,
}

/// The data records of a replica's log, from its start, as its files have them.
pub(crate) fn records(world: &World, machine: MachineId, partition: &TopicPartition) -> Vec<LogRecord> {
    let Some(disk) = world.machine(machine).map(|machine| machine.disk()) else { return Vec::new() };
    let Some(positions) = positions(world, machine, partition) else { return Vec::new() };
    let mut found = Vec::new();
    for file in disk.files() {
        let is_segment = file.path.strip_suffix(".log").is_some_and(|rest| {
            let mut parts = rest.rsplit('/');
            parts.next().is_some() && parts.next() == Some(partition.to_string().as_str())
        });
        if is_segment && let Some(bytes) = disk.content(&file.path) {
            found.extend(records_of(&bytes, positions.log_start_offset));
        }
    }
    found
}

fn records_of(segment: &bytes::Bytes, log_start_offset: Offset) -> Vec<LogRecord> {
    let mut found = Vec::new();
    for batch in trial_broker::record::batches(segment).map_while(Result::ok) {
        if batch.is_control() {
            continue;
        }
        let leader_epoch = batch.leader_epoch();
        for record in batch.records().unwrap_or_default() {
            if batch.base_offset() + i64::from(record.offset_delta) < log_start_offset {
                continue;
            }
            let value =
                record.value.as_deref().map_or(String::new(), |value| String::from_utf8_lossy(value).into_owned());
            found.push(LogRecord { leader_epoch, value });
        }
    }
    found
}
