//! What lies in a machine's log files is what its events have said.

use bytes::Bytes;
use trial_broker::event::BatchFact;
use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::log::batch_fact;
use trial_broker::record::batches;

use super::model::{Model, Replica};
use super::{Finding, Property};
use crate::disk::Disk;
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "on-disk-truth",
    rule: "the batches in a running machine's segment files are those that its log has said it holds",
    source: "storage.internals.log.LocalLog",
};

pub(super) fn sweep(world: &World, model: &Model) -> Option<Finding> {
    world.machines().find_map(|(id, machine)| {
        // A lane that owes is ahead of what has been published.
        let owes = Lane::ALL.iter().any(|lane| machine.owes(*lane));
        if owes || !model.running.contains(&id) || machine.node().is_none() {
            return None;
        }
        let segments: Vec<String> =
            machine.disk().files().into_iter().map(|file| file.path).filter(|path| path.ends_with(".log")).collect();
        let on_it = model.replicas.iter().filter(|((_, on), replica)| *on == id && replica.is_open);
        on_it.map(|((partition, _), replica)| (partition, replica)).find_map(|(partition, replica)| {
            let here = format!("/{partition}/");
            let own = segments.iter().filter(|path| path.contains(&here));
            compare(machine.disk(), own, partition, replica)
                .map(|finding| Finding { message: format!("machine {id}: {}", finding.message), ..finding })
        })
    })
}

/// The batches on disk, in the order of the segments' names, against those that were said.
fn compare<'a>(
    disk: &Disk,
    segments: impl Iterator<Item = &'a String>,
    partition: &TopicPartition,
    replica: &Replica,
) -> Option<Finding> {
    let mut held: Vec<(Offset, Offset, u32)> = Vec::new();
    let mut any = false;
    for segment in segments {
        any = true;
        let content = disk.content(segment)?;
        for batch in batches(&content).flatten() {
            if !batch.is_valid() {
                let message =
                    format!("{partition}: the batch at offset {} does not match its checksum", batch.base_offset());
                return Some(Finding { property: PROPERTY, partition: Some(partition.clone()), message });
            }
            held.push((batch.base_offset(), batch.last_offset(), batch.checksum()));
        }
    }
    // A log that is not loaded yet has nothing to say.
    if !any {
        return None;
    }
    let first = replica.log_start_offset;
    held.retain(|(_, last, _)| *last >= first);
    let said: Vec<(Offset, Offset, u32)> =
        replica.batches.iter().filter(|batch| batch.last_offset >= first).map(triple).collect();
    (said != held).then(|| {
        let at = said.iter().zip(&held).take_while(|(one, other)| one == other).count();
        let message = format!(
            "{partition}, batch {at}: said {:?}, on disk {:?} ({} said, {} on disk)",
            said.get(at),
            held.get(at),
            said.len(),
            held.len()
        );
        Finding { property: PROPERTY, partition: Some(partition.clone()), message }
    })
}

/// The batches of a partition that lie on a machine's disk from an offset on.
pub(super) fn batches_from(disk: &Disk, partition: &TopicPartition, from: Offset) -> Vec<BatchFact> {
    let here = format!("/{partition}/");
    let files = disk.files().into_iter().map(|file| file.path);
    let segments = files.filter(|path| path.contains(&here) && path.ends_with(".log"));
    let contents: Vec<Bytes> = segments.filter_map(|path| disk.content(&path)).collect();
    let found = contents.iter().flat_map(|content| batches(content).flatten().collect::<Vec<_>>());
    found.filter(|batch| batch.base_offset() >= from).map(|batch| batch_fact(&batch)).collect()
}

fn triple(batch: &BatchFact) -> (Offset, Offset, u32) {
    (batch.base_offset, batch.last_offset, batch.crc)
}
