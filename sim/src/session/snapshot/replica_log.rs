//! A partition's logs as their files have them: batch by batch, and what of them a power cut would leave.

use serde::Serialize;
use trial_broker::ids::{LeaderEpoch, NodeId, Offset, ProducerId, TopicPartition};

use crate::disk::Disk;
use crate::fault::MachineId;
use crate::scenario::run::view;
use crate::scenario::trace::Cast;
use crate::world::World;

/// The log of one replica.
#[derive(Clone, Debug, Serialize)]
pub struct LogPart {
    /// Whose.
    pub node: NodeId,
    /// On which machine.
    pub machine: MachineId,
    /// Its batches in order of their offsets; of a process that does not run too: its files are there.
    pub batches: Vec<LogBatch>,
}

/// One batch of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogBatch {
    /// The offset of its first record.
    pub first: Offset,
    /// The offset of its last record.
    pub last: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Who produced it; NONE without idempotence.
    pub producer_id: ProducerId,
    /// Its first sequence number; −1 without idempotence.
    pub base_sequence: i32,
    /// Whether it holds a control record.
    pub is_control: bool,
    /// Whether the medium holds all of it.
    pub is_durable: bool,
    /// The values of its records as text, cut short.
    pub values: Vec<String>,
}

/// So many characters of a value are told.
const LONGEST_VALUE: usize = 40;

/// The logs of a partition, in the order of its replicas.
pub(super) fn logs(world: &World, cast: &Cast, partition: &TopicPartition) -> Vec<LogPart> {
    let Some(registration) = view::registration(world, partition) else { return Vec::new() };
    let holders = registration.replicas.iter().filter_map(|node| {
        let (_, machine) = cast.brokers().iter().find(|(broker, _)| broker == node)?;
        let disk = world.machine(*machine)?.disk();
        Some(LogPart { node: *node, machine: *machine, batches: batches(disk, partition) })
    });
    holders.collect()
}

fn batches(disk: &Disk, partition: &TopicPartition) -> Vec<LogBatch> {
    let directory = partition.to_string();
    let is_segment = |path: &str| {
        let mut parts = path.rsplit('/');
        parts.next().is_some_and(|name| name.ends_with(".log")) && parts.next() == Some(directory.as_str())
    };
    let mut found = Vec::new();
    for file in disk.files().into_iter().filter(|file| is_segment(&file.path)) {
        let Some(bytes) = disk.content(&file.path) else { continue };
        let mut position = 0;
        for batch in trial_broker::record::batches(&bytes).map_while(Result::ok) {
            let end = position + batch.size() as u64;
            let text = |value: Option<&[u8]>| -> String {
                value.map_or_else(String::new, |value| {
                    String::from_utf8_lossy(value).chars().take(LONGEST_VALUE).collect()
                })
            };
            let records = if batch.is_control() { Vec::new() } else { batch.records().unwrap_or_default() };
            found.push(LogBatch {
                first: batch.base_offset(),
                last: batch.last_offset(),
                leader_epoch: batch.leader_epoch(),
                producer_id: batch.producer_id(),
                base_sequence: batch.base_sequence(),
                is_control: batch.is_control(),
                is_durable: file.name_is_durable && disk.is_durable(&file.path, position, end),
                values: records.iter().map(|record| text(record.value.as_deref())).collect(),
            });
            position = end;
        }
    }
    found.sort_by_key(|batch| batch.first);
    found
}
