//! What lies in a machine's log files is what its events have said.
//!
//! Simplified: only the batches in the segments (`.log`) are compared. Not looked at are the offset and time indexes, the
//! producer snapshots, the leader-epoch checkpoint (which Kafka writes some time after a truncation, so that it may be
//! ahead of the log between the two), and the checkpoints of high watermarks and log starts. Of those a bug is found
//! only by what a recovery makes of them. Recovery points have a check of their own, `recovery-point-durable`.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_broker::event::BatchFact;
use trial_broker::ids::{Offset, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::log::batch_fact;
use trial_broker::record::batches;

use super::log_matching::METADATA_TOPIC;
use super::model::{Model, Replica};
use super::{Finding, Property};
use crate::disk::{CachedFile, Disk, PAGE_BYTES};
use crate::fault::MachineId;
use crate::machine::Machine;
use crate::world::World;

pub(super) const PROPERTY: Property = Property {
    name: "on-disk-truth",
    rule: "the batches in a running machine's segment files are those that its log has said it holds",
    source: "storage.internals.log.LocalLog",
};

/// What has been read of the segments. Nothing is taken on trust: pages are compared by the hashes of their bytes, and
/// a segment is read again from the first page that differs.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    segments: BTreeMap<(MachineId, u32), Segment>,
    /// How many sweeps there were.
    sweeps: usize,
}

/// So many replicas of which nothing was said are looked at in each sweep, in turn: all of them in a small cluster.
const QUIET_REPLICAS: usize = 128;

/// A segment file as it was when it was last looked at.
#[derive(Clone, Debug, Default)]
struct Segment {
    length: u64,
    pages: Vec<u64>,
    batches: Vec<Held>,
}

/// A batch in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// Where it ends in the file.
    end: u64,
    first: Offset,
    last: Offset,
    checksum: u32,
    is_valid: bool,
}

impl Check {
    /// Looks at every replica, and reads every byte again.
    pub(super) fn sweep_all(&mut self, world: &World, model: &Model) -> Option<Finding> {
        self.segments.clear();
        self.compare_all(world, model, |_, _| true)
    }

    /// Looks at every replica of which something was said since the last sweep, and at some of the others.
    pub(super) fn sweep(&mut self, world: &World, model: &Model) -> Option<Finding> {
        self.sweeps += 1;
        let turns = model.replicas.len() / QUIET_REPLICAS + 1;
        let turn = self.sweeps % turns;
        self.compare_all(world, model, |index, replica| index % turns == turn || replica.is_unswept.get())
    }

    fn compare_all(
        &mut self,
        world: &World,
        model: &Model,
        is_wanted: impl Fn(usize, &Replica) -> bool,
    ) -> Option<Finding> {
        for (index, ((partition, id), replica)) in model.replicas.iter().enumerate() {
            if !is_wanted(index, replica) || !replica.is_open || !model.running.contains(id) {
                continue;
            }
            let Some(machine) = world.machine(*id).filter(|machine| machine.node().is_some()) else { continue };
            // A lane that owes is ahead of what has been published.
            if Lane::ALL.iter().any(|lane| machine.owes(*lane)) {
                continue;
            }
            let directory = partition.to_string();
            let files = machine.disk().files_of(&directory, ".log").inspect(|file| self.look(*id, file));
            let numbers: Vec<u32> = files.map(|file| file.number).collect();
            // A log that was loaded and then let go, for its topic had been deleted meanwhile, has nothing to say.
            if numbers.is_empty() && !is_held(machine, partition) {
                continue;
            }
            replica.is_unswept.set(false);
            let held = numbers.iter().flat_map(|number| &self.segments[&(*id, *number)].batches);
            let message = match numbers.is_empty() {
                true => Some(": its segment files are gone".to_owned()),
                false => compare(held, replica),
            };
            if let Some(message) = message {
                let message = format!("machine {id}: {partition}{message}");
                return Some(Finding { property: PROPERTY, partition: Some(partition.clone()), message });
            }
        }
        None
    }

    /// Reads what has changed of a segment since it was last looked at.
    fn look(&mut self, machine: MachineId, file: &CachedFile) {
        self.segments.entry((machine, file.number)).or_default().look(file);
    }
}

impl Segment {
    fn look(&mut self, file: &CachedFile) {
        let pages: Vec<u64> = file.page_digests().collect();
        if (file.length(), &pages) == (self.length, &self.pages) {
            return;
        }
        let same = pages.iter().zip(&self.pages).take_while(|(one, other)| one == other).count();
        // Zeros at the end of a page do not show in its hash: where a length has changed, so may bytes have.
        let mut unchanged = (same * PAGE_BYTES) as u64;
        if file.length() != self.length {
            unchanged = unchanged.min(file.length()).min(self.length);
        }
        self.batches.truncate(self.batches.partition_point(|batch| batch.end <= unchanged));
        let mut end = self.batches.last().map_or(0, |last| last.end);
        for batch in batches(&file.read_from(end)).flatten() {
            end += batch.size() as u64;
            self.batches.push(Held {
                end,
                first: batch.base_offset(),
                last: batch.last_offset(),
                checksum: batch.checksum(),
                is_valid: batch.is_valid(),
            });
        }
        (self.length, self.pages) = (file.length(), pages);
    }
}

/// Whether the process holds the replica's log open: it has a segment file at least then, if an empty one.
fn is_held(machine: &Machine, partition: &TopicPartition) -> bool {
    let replicas = machine.node().and_then(|node| node.replicas());
    partition.topic.as_str() == METADATA_TOPIC
        || replicas.is_some_and(|replicas| replicas.partition(partition).is_some())
}

/// The batches on disk, in the order of the segments' names, against those that were said.
fn compare<'a>(held: impl Iterator<Item = &'a Held> + Clone, replica: &Replica) -> Option<String> {
    if let Some(torn) = held.clone().find(|batch| !batch.is_valid) {
        return Some(format!(": the batch at offset {} does not match its checksum", torn.first));
    }
    let first = replica.log_start_offset;
    let held = held.map(|batch| (batch.first, batch.last, batch.checksum)).filter(|(_, last, _)| *last >= first);
    let said = replica.batches.iter().map(|batch| (batch.base_offset, batch.last_offset, batch.crc));
    let said = said.filter(|(_, last, _)| *last >= first);
    if said.clone().eq(held.clone()) {
        return None;
    }
    let at = said.clone().zip(held.clone()).take_while(|(one, other)| one == other).count();
    Some(format!(
        ", batch {at}: said {:?}, on disk {:?} ({} said, {} on disk)",
        said.clone().nth(at),
        held.clone().nth(at),
        said.count(),
        held.count()
    ))
}

/// The batches of a partition that lie on a machine's disk from an offset on.
pub(super) fn batches_from(disk: &Disk, partition: &TopicPartition, from: Offset) -> Vec<BatchFact> {
    let directory = partition.to_string();
    let contents: Vec<Bytes> = disk.files_of(&directory, ".log").map(|file| file.read_from(0)).collect();
    let found = contents.iter().flat_map(|content| batches(content).flatten().collect::<Vec<_>>());
    found.filter(|batch| batch.base_offset() >= from).map(|batch| batch_fact(&batch)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trial_broker::record::BatchBuilder;
    use trial_broker::storage::Storage;
    use trial_broker::time::{Time, WallTime};

    use super::*;
    use crate::disk::DiskAccess;
    use crate::stream::{Stream, StreamPurpose};

    const PATH: &str = "data-0/orders-0/00000000000000000000.log";

    fn held(check: &mut Check, disk: &Disk) -> Vec<Held> {
        let file = disk.files_of("orders-0", ".log").next().expect("the segment");
        check.look(MachineId(1), &file);
        check.segments[&(MachineId(1), file.number)].batches.clone()
    }

    /// One batch at an offset, with so many bytes of value.
    fn batch(offset: Offset, bytes: u64) -> Bytes {
        BatchBuilder::new(offset).append(0, None, Some(&vec![7; bytes as usize]), &[]).build()
    }

    #[test]
    fn what_was_read_before_and_what_has_changed_add_up_to_what_lies_on_the_disk() {
        let mut disk = Disk::new(Duration::ZERO);
        let mut access = DiskAccess::new(&mut disk, Time::ZERO, WallTime(0), None);
        access.create_directory("data-0").expect("a healthy disk");
        access.create_directory("data-0/orders-0").expect("a healthy disk");
        let handle = access.create(PATH).expect("a healthy disk");
        let mut stream = Stream::new(7, StreamPurpose::Writeback, (0, 0));
        let (mut check, mut ends, mut broken) = (Check::default(), vec![0], 0);
        for round in 0..400 {
            let mut access = DiskAccess::new(&mut disk, Time(round), WallTime(0), None);
            let length = ends[ends.len() - 1];
            match stream.between(0, 9) {
                0 => {
                    ends.truncate(stream.between(1, ends.len() as u64) as usize);
                    access.truncate(handle, ends[ends.len() - 1]).expect("a healthy disk");
                }
                1 if length > 0 => {
                    let at = stream.between(0, length - 1);
                    assert!(disk.rot(PATH, at, 1) && disk.rot(PATH, at, 2));
                    broken += usize::from(held(&mut check, &disk).iter().any(|batch| !batch.is_valid));
                    assert!(disk.rot(PATH, at, 3), "what was broken is mended");
                }
                _ => {
                    let bytes = batch(ends.len() as Offset, stream.between(0, 3000));
                    access.append(handle, &bytes).expect("a healthy disk");
                    ends.push(length + bytes.len() as u64);
                }
            }
            let seen = held(&mut check, &disk);
            assert_eq!(seen, held(&mut Check::default(), &disk), "round {round}");
            assert_eq!(seen.len(), ends.len() - 1);
        }
        assert!(broken > 0, "a flipped bit was never seen");
    }
}
