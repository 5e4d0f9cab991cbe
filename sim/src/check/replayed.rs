//! The committed metadata log, replayed by nobody but the observer: what every image of the cluster is measured with.
//!
//! ```text
//!   a running node's metadata log on disk, up to its high watermark ─▶ records ─▶ an image at every offset
//! ```
//!
//! Every committed batch is read once, from whoever holds it. That all hold the same is what log-matching and
//! metadata-not-lost are about.
//!
//! Simplified: bytes become records, and records an image, by the decoder and by the rules that the nodes use too
//! (`MetadataRecord`, `MetadataImage`): a mistake in these is not found, a record that is left out, applied twice, too
//! early or in another order is. Where snapshots have taken the place of records before anybody looked, the image goes
//! on from that of a node.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};

use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::metadata::{MetadataImage, MetadataRecord, TransactionFilter};
use trial_broker::node::Node;
use trial_broker::record::{BatchView, batches};

use super::log_matching::METADATA_TOPIC;
use crate::disk::Disk;
use crate::fault::MachineId;
use crate::machine::Machine;
use crate::world::World;

/// Between two images that are kept for good lie so many batches; the records of those are applied again to get at an
/// image between them.
const APART: usize = 64;

/// The committed metadata, batch by batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Replayed {
    /// The newest image.
    newest: MetadataImage,
    /// The offset of the record that comes next.
    next: Offset,
    transaction: TransactionFilter,
    /// What became visible with each batch, by the batch's last offset.
    visible: BTreeMap<Offset, Vec<(Offset, MetadataRecord)>>,
    /// An image every so many batches, by its offset.
    images: BTreeMap<Offset, MetadataImage>,
    /// What was not read, for an image stood in: of these offsets no image is known.
    gaps: Vec<Range<Offset>>,
    /// The file that the last batch was read from, and where the batch behind it begins.
    cursor: Option<(MachineId, u32, u64)>,
}

impl Replayed {
    /// Reads what was committed since it was last called.
    pub(super) fn catch_up(&mut self, world: &World) {
        loop {
            let before = self.next;
            match self.ahead(world) {
                Some((id, machine, high_watermark)) => self.read(id, machine.disk(), high_watermark),
                None => self.skip_gap(world),
            }
            // A file that was being read may be another one by now: a second look begins at its beginning.
            if self.next == before && self.cursor.take().is_none() {
                return;
            }
        }
    }

    /// The image of an offset, if everything up to there is known to be committed.
    pub(super) fn at(&self, offset: Offset) -> Option<MetadataImage> {
        if offset >= self.next || self.gaps.iter().any(|gap| gap.contains(&offset)) {
            return None;
        }
        if offset + 1 == self.next {
            let mut newest = self.newest.clone();
            newest.set_last_offset(offset);
            return Some(newest);
        }
        let known = self.images.range(..=offset).next_back();
        let (from, mut image) = known.map_or((-1, MetadataImage::default()), |(at, image)| (*at, image.clone()));
        for (_, records) in self.visible.range((Bound::Excluded(from), Bound::Included(offset))) {
            apply(&mut image, records);
        }
        image.set_last_offset(offset);
        Some(image)
    }

    /// A running machine that knows more to be committed than was read: the one read last, if it can be. One whose disk
    /// has not done yet what its last step asked for says nothing: a crash may undo the step, and with it what a lone
    /// voter took for committed.
    fn ahead<'a>(&self, world: &'a World) -> Option<(MachineId, &'a Machine, Offset)> {
        let knows = |(id, machine): (MachineId, &'a Machine)| {
            if machine.owes(Lane::Quorum) {
                return None;
            }
            let high_watermark = machine.node()?.raft().high_watermark()?;
            let has_next = first_offset(machine.disk()).is_some_and(|first| first <= self.next);
            (high_watermark > self.next && has_next).then_some((id, machine, high_watermark))
        };
        let last = self.cursor.and_then(|(id, _, _)| knows((id, world.machine(id)?)));
        last.or_else(|| world.machines().find_map(knows))
    }

    fn read(&mut self, id: MachineId, disk: &Disk, high_watermark: Offset) {
        let directory = metadata_directory();
        for file in disk.files_of(&directory, ".log") {
            let known = self.cursor.filter(|(machine, number, _)| (*machine, *number) == (id, file.number));
            let mut position = known.map_or(0, |(_, _, position)| position);
            for batch in batches(&file.read_from(position)).flatten() {
                position += batch.size() as u64;
                if batch.base_offset() == self.next && batch.last_offset() < high_watermark && batch.is_valid() {
                    self.take(&batch);
                    self.cursor = Some((id, file.number, position));
                }
            }
        }
    }

    fn take(&mut self, batch: &BatchView) {
        let mut visible = Vec::new();
        let records = if batch.is_control() { Vec::new() } else { batch.records().unwrap_or_default() };
        for record in records {
            // What cannot be read stops the nodes that read it: they say so themselves.
            if let Some(Ok(decoded)) = record.value.as_ref().map(|value| MetadataRecord::decode(value)) {
                visible.extend(self.transaction.admit(record.offset, decoded));
            }
        }
        apply(&mut self.newest, &visible);
        self.visible.insert(batch.last_offset(), visible);
        self.next = batch.next_offset();
        if self.visible.len().is_multiple_of(APART) && self.transaction.open_since().is_none() {
            self.newest.set_last_offset(batch.last_offset());
            self.images.insert(batch.last_offset(), self.newest.clone());
        }
    }

    /// Nobody has the next record any more, for a snapshot has taken its place; or nobody who has it knows that it is
    /// committed, while an election goes on. A node's image stands in.
    fn skip_gap(&mut self, world: &World) {
        let published = world.machines().filter(|(_, machine)| !machine.owes(Lane::Quorum));
        let images = published.filter_map(|(_, machine)| machine.node().map(Node::committed_metadata));
        let Some(image) =
            images.filter(|image| image.last_offset() >= self.next).min_by_key(|image| image.last_offset())
        else {
            return;
        };
        self.gaps.push(self.next..image.last_offset());
        self.newest = image.clone();
        self.next = image.last_offset() + 1;
        self.transaction.clear();
        self.images.insert(image.last_offset(), image.clone());
        self.cursor = None;
    }
}

fn apply(image: &mut MetadataImage, records: &[(Offset, MetadataRecord)]) {
    for (offset, record) in records {
        image.apply(*offset, record);
    }
}

/// The first offset that a disk's metadata log holds.
fn first_offset(disk: &Disk) -> Option<Offset> {
    let directory = metadata_directory();
    disk.files_of(&directory, ".log")
        .find_map(|file| batches(&file.read_from(0)).flatten().next().map(|batch| batch.base_offset()))
}

fn metadata_directory() -> String {
    TopicPartition::new(METADATA_TOPIC, 0).to_string()
}
