//! A broker's or controller's image of the cluster is the replay of the committed metadata log to its offset.

use std::collections::BTreeMap;

use trial_broker::ids::Offset;
use trial_broker::metadata::MetadataImage;

use super::{Finding, Property};
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "broker-image-is-replay",
    rule: "two nodes that have replayed the metadata log to the same offset have the same image of the cluster",
    source: "KIP-500, KIP-631 (MetadataLoader)",
};

/// The first image seen at each of the latest offsets.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    images: BTreeMap<Offset, MetadataImage>,
}

/// How many offsets are remembered: nodes lag behind each other by a few batches.
const REMEMBERED: usize = 64;

impl Check {
    pub(super) fn sweep(&mut self, world: &World) -> Option<Finding> {
        for (id, machine) in world.machines() {
            let Some(node) = machine.node() else { continue };
            let of_controller = node.controller().map(|controller| controller.committed_image());
            let images = [Some(node.committed_metadata()), node.broker_metadata(), of_controller];
            for image in images.into_iter().flatten() {
                let first = self.images.entry(image.last_offset()).or_insert_with(|| image.clone());
                // What an image remembers of where its records lay is lost in a snapshot: only the records count.
                if first != image && first.to_records() != image.to_records() {
                    return Some(Finding {
                        property: PROPERTY,
                        partition: None,
                        message: format!("machine {id} at metadata offset {} has another image", image.last_offset()),
                    });
                }
            }
        }
        while self.images.len() > REMEMBERED {
            self.images.pop_first();
        }
        None
    }
}
