//! What lies in a machine's log directories is what its logs have said and believe.
//!
//! ```text
//!   .log                               exactly the batches that were said
//!   .index .timeindex                  may lag: every entry names a batch that is there            (indexes)
//!   .snapshot                          may be torn by a power cut: else it agrees with the batches (snapshots)
//!   leader-epoch-checkpoint            never lacks an entry; what a truncation took may stay a while
//!   replication-offset-checkpoint      may lag: no high watermark that the replica has not had     (checkpoints)
//!   recovery-point-offset-checkpoint   may lag: never above the recovery point
//!   log-start-offset-checkpoint        may lag: no log start that the replica has not had
//! ```
//!
//! What a log remembers of its producers is compared with its batches as well (producers). That what lies below a recovery point is durable is a property of its own, `recovery-point-durable`.
//!
//! Simplified: transaction indexes are not compared: no client of Trial writes transactions yet, so no world has one.

use std::collections::BTreeMap;

use bytes::Bytes;
use trial_broker::event::BatchFact;
use trial_broker::ids::{Offset, ProducerId, TopicPartition};
use trial_broker::input::Lane;
use trial_broker::log::{EpochEntry, LEADER_EPOCHS, Log, batch_fact, parse_epochs};
use trial_broker::node::Node;
use trial_broker::record::{BatchView, batches};

use super::evidence::name_of;
use super::log_matching::METADATA_TOPIC;
use super::model::{Model, Replica};
use super::proof::{Kind, Proof};
use super::{Finding, Property};
use crate::disk::{CachedFile, Disk, PAGE_BYTES};
use crate::fault::MachineId;
use crate::world::World;

mod checkpoints;
mod indexes;
mod producers;
mod snapshots;

pub(super) const PROPERTY: Property = Property {
    name: "on-disk-truth",
    rule: "the files in a running machine's log directories say what its logs have said, or less where Kafka lets them lag",
    source: "storage.internals.log.LocalLog, LogSegment, ProducerStateManager; LeaderEpochFileCache; LogManager",
};

/// What has been read of the segments. Nothing is taken on trust: pages are compared by the hashes of their bytes, and
/// a segment is read again from the first page that differs; of the page that was its last, from where it ended, if all
/// before that hashes as it did.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    segments: BTreeMap<(MachineId, u32), Segment>,
    /// Files beside the segments that were found in order, as they were then, and the segment with them.
    beside: BTreeMap<(MachineId, u32), (Content, Content)>,
    /// Epoch caches as they were last read, with what they said.
    epochs: BTreeMap<(MachineId, u32), (Content, Vec<EpochEntry>)>,
    checkpoints: checkpoints::Checkpoints,
    /// How many sweeps there were.
    sweeps: usize,
}

/// So many replicas of which nothing was said are looked at in each sweep, in turn: all of them in a small cluster.
const QUIET_REPLICAS: usize = 128;

/// The content of a file: its length, and a number for each page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Content {
    length: u64,
    pages: Vec<u64>,
}

impl Content {
    fn of(file: &CachedFile) -> Content {
        Content { length: file.length(), pages: file.page_digests().collect() }
    }

    /// Whether a file is still as it was: looked at in each sweep, so nothing is made for it.
    fn is_of(&self, file: &CachedFile) -> bool {
        self.length == file.length() && file.page_digests().eq(self.pages.iter().copied())
    }
}

/// A segment file as it was when it was last looked at.
#[derive(Clone, Debug, Default)]
struct Segment {
    content: Content,
    batches: Vec<Held>,
    /// A hash of the bytes of its last page, up to its end. Appends change that page each time, and what stood in it before
    /// need not be read again.
    last_page: u64,
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
    max_timestamp: i64,
    /// Whose it is, and its last sequence number (−1 for what a coordinator wrote in a producer's name); none for markers
    /// and for what no idempotent producer wrote.
    written_by: Option<(ProducerId, i32)>,
}

impl Check {
    /// Looks at every replica, and reads every byte again.
    pub(super) fn sweep_all(&mut self, world: &World, model: &Model) -> Option<Finding> {
        self.segments.clear();
        self.beside.clear();
        self.epochs.clear();
        self.compare_all(world, model, |_, _| true)
    }

    /// Looks at every replica of which something was said since the last sweep, and at some of the others.
    pub(super) fn sweep(&mut self, world: &World, model: &Model) -> Option<Finding> {
        self.sweeps += 1;
        let turns = model.replicas.count() / QUIET_REPLICAS + 1;
        let turn = self.sweeps % turns;
        self.compare_all(world, model, |index, replica| index % turns == turn || replica.is_unswept.get())
    }

    fn compare_all(
        &mut self,
        world: &World,
        model: &Model,
        is_wanted: impl Fn(usize, &Replica) -> bool,
    ) -> Option<Finding> {
        for (index, (partition, id, replica)) in model.replicas.iter().enumerate() {
            if !is_wanted(index, replica) || !replica.is_open || !model.running.contains(&id) {
                continue;
            }
            let Some(machine) = world.machine(id).filter(|machine| machine.node().is_some()) else { continue };
            // A lane that owes is ahead of what has been published.
            if Lane::ALL.iter().any(|lane| machine.owes(*lane)) {
                continue;
            }
            let directory = partition.to_string();
            let files = machine.disk().files_of(&directory, ".log").inspect(|file| self.look(id, file));
            let numbers: Vec<(Offset, u32)> =
                files.filter_map(|file| Some((base_offset(&file)?, file.number))).collect();
            let log = machine.node().and_then(|node| log_of(node, partition));
            // A log that was loaded and then let go, for its topic had been deleted meanwhile, has nothing to say.
            if numbers.is_empty() && log.is_none() {
                continue;
            }
            replica.is_unswept.set(false);
            let held = numbers.iter().flat_map(|(_, number)| &self.segments[&(id, *number)].batches);
            let message = match numbers.is_empty() {
                true => Some(": its segment files are gone".to_owned()),
                false => compare(held.clone(), replica),
            };
            let from = replica.log_start_offset;
            let forgotten = || producers::compare(held, from, log?, machine.now(world.now()).wall);
            let message = message.or_else(forgotten);
            let message = message.or_else(|| self.look_beside(id, machine.disk(), &directory, &numbers));
            let message = message.or_else(|| log.and_then(|log| self.compare_epochs(id, machine.disk(), log)));
            if let Some(message) = message {
                let message = format!("{}: {partition}{message}", name_of(world, id));
                return Some(finding(Some(partition.clone()), id, message));
            }
        }
        self.checkpoints.look(world, model)
    }

    /// Looks at the indexes and producer snapshots of a log, as far as they or their segments have changed. The segments
    /// are named by their base offsets, in order, and the numbers of their files.
    fn look_beside(
        &mut self,
        machine: MachineId,
        disk: &Disk,
        directory: &str,
        numbers: &[(Offset, u32)],
    ) -> Option<String> {
        let nothing = Segment::default();
        for file in disk.files_of(directory, "") {
            let Some((_, disagrees)) = BESIDE.iter().find(|(ending, _)| file.name.ends_with(ending)) else { continue };
            let Some(base) = base_offset(&file) else { continue };
            let number = numbers.iter().find(|(own, _)| *own == base).map(|(_, number)| *number);
            let segment = number.map_or(&nothing, |number| &self.segments[&(machine, number)]);
            let known = self.beside.get(&(machine, file.number));
            if known.is_some_and(|(own, beside)| own.is_of(&file) && *beside == segment.content) {
                continue;
            }
            let all = numbers.iter().map(|(base, number)| (*base, &self.segments[&(machine, *number)])).collect();
            if let Some(message) = disagrees(base, &file.read_from(0), segment, &all) {
                return Some(format!(", {}: {message}", file.name));
            }
            self.beside.insert((machine, file.number), (Content::of(&file), segment.content.clone()));
        }
        None
    }

    /// The epoch cache is written, synced, before the batches of a new epoch; what a truncation took from it is
    /// written a little later (`LeaderEpochFileCache`).
    fn compare_epochs(&mut self, machine: MachineId, disk: &Disk, log: &Log) -> Option<String> {
        let path = [log.directory(), LEADER_EPOCHS].join("/");
        let Some(file) = disk.cached(&path) else { return differing_epochs(&[], log) };
        let (content, written) = self.epochs.entry((machine, file.number)).or_default();
        if !content.is_of(&file) {
            let Ok(entries) = parse_epochs(&file.read_from(0)) else {
                return Some(format!(", {LEADER_EPOCHS}: it cannot be read"));
            };
            (*content, *written) = (Content::of(&file), entries);
        }
        differing_epochs(written, log)
    }

    /// Reads what has changed of a segment since it was last looked at.
    fn look(&mut self, machine: MachineId, file: &CachedFile) {
        self.segments.entry((machine, file.number)).or_default().look(file);
    }
}

/// Files of a machine that are not as its log says: what was last done to that log.
fn finding(partition: Option<TopicPartition>, machine: MachineId, message: String) -> Finding {
    let kinds = match partition {
        Some(_) => vec![Kind::Append, Kind::Bounds, Kind::HighWatermark, Kind::Role],
        None => vec![Kind::Life],
    };
    let proof = kinds.into_iter().map(|kind| Proof::on(machine, kind)).collect();
    Finding { property: PROPERTY, partition, message, proof }
}

impl Segment {
    fn look(&mut self, file: &CachedFile) {
        if self.content.is_of(file) {
            return;
        }
        let content = Content::of(file);
        let same = content.pages.iter().zip(&self.content.pages).take_while(|(one, other)| one == other).count();
        // Zeros at the end of a page do not show in its hash: where a length has changed, so may bytes have.
        let mut unchanged = (same * PAGE_BYTES) as u64;
        if content.length != self.content.length {
            unchanged = unchanged.min(content.length).min(self.content.length);
        }
        if unchanged >= last_page_of(self.content.length)
            && digest_of_last_page(file, self.content.length) == self.last_page
        {
            unchanged = self.content.length;
        }
        self.batches.truncate(self.batches.partition_point(|batch| batch.end <= unchanged));
        let mut end = self.batches.last().map_or(0, |last| last.end);
        for batch in batches(&file.read_from(end)).flatten() {
            end += batch.size() as u64;
            self.batches.push(Held::new(end, &batch));
        }
        self.last_page = digest_of_last_page(file, content.length);
        self.content = content;
    }

    /// The batch that ends with this offset, and where it begins in the file.
    fn batch_ending_at(&self, last: Offset) -> Option<(u64, &Held)> {
        let index = self.batches.partition_point(|batch| batch.last < last);
        let batch = self.batches.get(index).filter(|batch| batch.last == last)?;
        let start = index.checked_sub(1).map_or(0, |before| self.batches[before].end);
        Some((start, batch))
    }
}

impl Held {
    fn new(end: u64, batch: &BatchView) -> Held {
        let is_data_of_a_producer = batch.producer_id().is_some() && !batch.is_control();
        Held {
            end,
            first: batch.base_offset(),
            last: batch.last_offset(),
            checksum: batch.checksum(),
            is_valid: batch.is_valid(),
            max_timestamp: batch.max_timestamp(),
            written_by: is_data_of_a_producer.then(|| (batch.producer_id(), batch.last_sequence())),
        }
    }
}

/// Where the last page of so many bytes begins.
fn last_page_of(length: u64) -> u64 {
    length / PAGE_BYTES as u64 * PAGE_BYTES as u64
}

/// A hash of what the last page of a file's first so many bytes holds of them.
fn digest_of_last_page(file: &CachedFile, length: u64) -> u64 {
    let begins = last_page_of(length);
    let bytes = file.read_from(begins);
    xxhash_rust::xxh3::xxh3_64(&bytes[..bytes.len().min((length - begins) as usize)])
}

/// The offset that the name of a segment's file begins with.
fn base_offset(file: &CachedFile) -> Option<Offset> {
    file.name.split_once('.').and_then(|(digits, _)| digits.parse().ok())
}

/// What one of the files beside the segments says that is not so: its offset, its bytes, the segment of that offset, all.
type Disagrees = fn(Offset, &[u8], &Segment, &BTreeMap<Offset, &Segment>) -> Option<String>;

/// The kinds of files beside the segments.
const BESIDE: [(&str, Disagrees); 3] =
    [(".index", indexes::offsets), (".timeindex", indexes::times), (".snapshot", snapshots::producers)];

/// The log of a partition, if the process holds it open: it has a segment file at least then, if an empty one.
pub(super) fn log_of<'a>(node: &'a Node, partition: &TopicPartition) -> Option<&'a Log> {
    match partition.topic.as_str() == METADATA_TOPIC {
        true => Some(node.raft().log()),
        false => Some(node.replicas()?.partition(partition)?.log()),
    }
}

/// What an epoch cache says otherwise than its log.
fn differing_epochs(written: &[EpochEntry], log: &Log) -> Option<String> {
    let believed = log.epoch_entries();
    let lacks = |entry: &&EpochEntry| {
        let holds =
            |known: &EpochEntry| known.leader_epoch == entry.leader_epoch && known.start_offset <= entry.start_offset;
        !written.iter().any(holds)
    };
    let is_right = match log.epochs_are_to_be_written() {
        true => !believed.iter().any(|entry| lacks(&entry)),
        false => written == believed,
    };
    let told = |entries: &[EpochEntry]| -> Vec<(i32, Offset)> {
        entries.iter().map(|entry| (entry.leader_epoch.0, entry.start_offset)).collect()
    };
    (!is_right).then(|| format!(", {LEADER_EPOCHS}: it says {:?}, the log {:?}", told(written), told(believed)))
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
