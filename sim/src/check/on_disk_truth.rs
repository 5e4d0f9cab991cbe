//! What lies in a machine's log files is what its events have said.

use trial_broker::event::BatchFact;
use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::record::batches;

use super::model::{Model, Replica};
use super::{Finding, Property};
use crate::fault::MachineId;
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "on-disk-truth",
    rule: "the batches in a running machine's segment files are those that its log has said it holds",
    source: "storage.internals.log.LocalLog",
};

pub(super) fn sweep(world: &World, model: &Model) -> Option<Finding> {
    model.replicas.iter().find_map(|((partition, machine), replica)| {
        let host = world.machine(*machine)?;
        // A lane that owes is ahead of what has been published.
        let settled = model.running.contains(machine) && !host.owes_any() && replica.log_end_offset > 0;
        settled.then(|| compare(world, partition, *machine, replica)).flatten()
    })
}

fn compare(world: &World, partition: &TopicPartition, machine: MachineId, replica: &Replica) -> Option<Finding> {
    let disk = world.machine(machine)?.disk();
    let directory = disk.directories().find(|path| path.ends_with(&format!("/{partition}")))?;
    let mut segments: Vec<String> =
        disk.names_in(&directory).into_iter().filter(|name| name.ends_with(".log")).collect();
    segments.sort();
    let mut on_disk: Vec<(Offset, Offset, u32)> = Vec::new();
    for segment in &segments {
        let content = disk.cached_content(&format!("{directory}/{segment}"))?;
        on_disk.extend(
            batches(&content).flatten().map(|batch| (batch.base_offset(), batch.last_offset(), batch.crc())),
        );
    }
    let first = replica.log_start_offset;
    let said: Vec<(Offset, Offset, u32)> =
        replica.batches.iter().filter(|batch| batch.last_offset >= first).map(triple).collect();
    let held: Vec<(Offset, Offset, u32)> = on_disk.into_iter().filter(|(_, last, _)| *last >= first).collect();
    (said != held).then(|| {
        let at = said.iter().zip(&held).take_while(|(one, other)| one == other).count();
        let message = format!(
            "{partition} on machine {machine}: batch {at}: said {:?}, on disk {:?} ({} said, {} on disk)",
            said.get(at),
            held.get(at),
            said.len(),
            held.len()
        );
        Finding { property: PROPERTY, partition: Some(partition.clone()), message }
    })
}

fn triple(batch: &BatchFact) -> (Offset, Offset, u32) {
    (batch.base_offset, batch.last_offset, batch.crc)
}
