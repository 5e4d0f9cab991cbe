//! A broker's or controller's image of the cluster is the replay of the committed metadata log to its offset.
//!
//! The observer replays the log itself ([`Replayed`]): a record that all nodes leave out is missed as well as one that
//! a single node leaves out, and a node is measured however far it lies behind.

use std::collections::BTreeMap;

use trial_broker::event::{Event, RaftEvent};
use trial_broker::ids::Offset;
use trial_broker::input::Lane;
use trial_broker::metadata::MetadataImage;

use super::evidence::name_of;
use super::proof::{Kind, Proof};
use super::replayed::Replayed;
use super::{Finding, Property, Seen};
use crate::fault::MachineId;
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "broker-image-is-replay",
    rule: "a node's image of the cluster is the replay of the committed metadata log to the image's offset",
    source: "KIP-500, KIP-631 (MetadataLoader)",
};

/// The log as the observer replays it, and which images were found to be like it.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    replayed: Replayed,
    /// The offset at which each image was looked at, by machine, start of its process, and the image's place in it.
    looked_at: BTreeMap<(MachineId, u32, usize), Offset>,
}

impl Check {
    /// Reads the log before a snapshot lets nodes delete it.
    pub(super) fn observe(&mut self, seen: &Seen) {
        if let Event::Raft(RaftEvent::SnapshotCreated { .. }) = seen.event {
            self.replayed.catch_up(seen.world);
        }
    }

    /// Looks at every image, those that have not moved on since they were looked at included.
    pub(super) fn sweep_all(&mut self, world: &World) -> Option<Finding> {
        self.looked_at.clear();
        self.sweep(world)
    }

    /// Looks at every image that has moved on.
    pub(super) fn sweep(&mut self, world: &World) -> Option<Finding> {
        self.replayed.catch_up(world);
        // Most nodes stand at one offset.
        let mut last: Option<MetadataImage> = None;
        for (id, machine) in world.machines() {
            // What a step has done that is not paid for is nobody's business yet: a crash may undo it.
            let Some(node) = machine.node().filter(|_| !Lane::ALL.iter().any(|lane| machine.owes(*lane))) else {
                continue;
            };
            let of_controller = node.controller().map(|controller| controller.committed_image());
            let images = [Some(node.committed_metadata()), node.broker_metadata(), of_controller];
            for (place, image) in images.into_iter().enumerate() {
                let Some(image) = image else { continue };
                let key = (id, machine.starts(), place);
                if self.looked_at.get(&key) == Some(&image.last_offset()) {
                    continue;
                }
                let known = last.take().filter(|replayed| replayed.last_offset() == image.last_offset());
                let Some(replayed) = known.or_else(|| self.replayed.at(image.last_offset())) else { continue };
                if !is_same(image, &replayed) {
                    return Some(Finding {
                        property: PROPERTY,
                        partition: None,
                        message: format!(
                            "{} at metadata offset {} has another image than the log adds up to",
                            name_of(world, id),
                            image.last_offset()
                        ),
                        proof: vec![
                            Proof::on(id, Kind::Applied),
                            Proof::at(image.last_offset(), Kind::Append).only_on(id),
                            Proof::on(id, Kind::QuorumHighWatermark),
                        ],
                    });
                }
                self.looked_at.insert(key, image.last_offset());
                last = Some(replayed);
            }
        }
        None
    }
}

/// What an image remembers of where its records lay is lost in a snapshot: only the records count.
fn is_same(one: &MetadataImage, other: &MetadataImage) -> bool {
    one == other || one.to_records() == other.to_records()
}
