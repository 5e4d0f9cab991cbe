//! What lies below a log's recovery point is on the medium: after a crash nobody looks there.

use trial_broker::ids::Offset;
use trial_broker::input::Lane;
use trial_broker::node::Node;
use trial_broker::record::batches;

use super::evidence::name_of;
use super::model::Model;
use super::on_disk_truth::log_of;
use super::proof::{Kind, Proof};
use super::{Finding, Property};
use crate::disk::CachedFile;
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "recovery-point-durable",
    rule: "every batch below a log's recovery point is durable: recovery after an unclean stop begins there",
    source: "storage.internals.log.UnifiedLog.flush; LogManager.checkpointLogRecoveryOffsets",
};

pub(super) fn sweep(world: &World, model: &Model) -> Option<Finding> {
    let open = model.replicas.iter().filter(|(_, on, replica)| replica.is_open && model.running.contains(on));
    for (partition, id, _) in open {
        let Some(machine) = world.machine(id) else { continue };
        // A lane that owes is ahead of its disk.
        if Lane::ALL.iter().any(|lane| machine.owes(*lane)) {
            continue;
        }
        let recovery_point = |node: &Node| {
            let log = log_of(node, partition)?;
            // Where a log was given up to its start, its recovery point moves along: nothing lies between the two.
            Some(log.recovery_point()).filter(|recovery_point| *recovery_point > log.log_start_offset())
        };
        let Some(recovery_point) = machine.node().and_then(recovery_point) else { continue };
        let directory = partition.to_string();
        if machine.disk().files_of(&directory, ".log").any(|segment| !is_durable(&segment, recovery_point)) {
            let message = format!(
                "{}: {partition} has recovery point {recovery_point}, and lies not on the medium up to there",
                name_of(world, id)
            );
            let proof = [Kind::Append, Kind::Bounds].map(|kind| Proof::on(id, kind)).into();
            return Some(Finding { property: PROPERTY, partition: Some(partition.clone()), message, proof });
        }
    }
    None
}

/// Whether those batches of a segment that end below an offset are durable.
fn is_durable(segment: &CachedFile, end: Offset) -> bool {
    if segment.is_durable_to(segment.length()) {
        return true;
    }
    let content = segment.read_from(0);
    let below = batches(&content).flatten().take_while(|batch| batch.last_offset() < end);
    segment.is_durable_to(below.map(|batch| batch.size() as u64).sum())
}
