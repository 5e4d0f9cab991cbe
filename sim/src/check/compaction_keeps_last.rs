//! Compaction takes nothing from a log that a reader would miss.
//!
//! When a segment has taken the place of others, those still lie beside it under their `.deleted` names. Every record of
//! theirs that is not in the new one must be one of these:
//!
//! ```text
//!   outdated     a later record of the same key is committed, and not of an aborted transaction
//!   aborted      its transaction ended with an abort
//!   unkeyed      it has no key
//!   a tombstone  whose delete horizon was set by an earlier pass, and has passed (KIP-534)
//! ```
//!
//! And a log that is only compacted, never deleted from, does not begin later than it was told to: a swap that a crash has
//! broken would leave neither the old segments nor the new one.
//!
//! Simplified: which transactions were aborted is told by the markers that are still in the log, and of a topic without
//! transactions by nothing at all.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use trial_broker::event::{Event, LogEvent};
use trial_broker::ids::{Offset, ProducerId, TopicPartition};
use trial_broker::record::{BatchView, ControlType, Record, batches};

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::disk::Disk;

pub(super) const PROPERTY: Property = Property {
    name: "compaction-keeps-last",
    rule: "compaction drops only records that a committed later one of the same key outdates, and deletions whose horizon has passed",
    source: "KIP-58, KIP-534; Cleaner.shouldRetainRecord, LogCleanerManager.cleanableOffsets",
};

pub(super) fn observe(seen: &Seen) -> Option<Finding> {
    match seen.event {
        Event::Log(LogEvent::SegmentsCompacted { .. }) => judge_swap(seen),
        Event::Log(LogEvent::LogLoaded { partition, .. }) => judge_start(seen, partition),
        _ => None,
    }
}

/// Nothing moves the start of a log that is only compacted, but what is said.
fn judge_start<'a>(seen: &Seen<'a>, partition: &'a TopicPartition) -> Option<Finding> {
    let replica = seen.replica(partition)?;
    let told = replica.began_late?;
    let message = format!(
        "{partition}: the log of {} begins at {}, and was never told to begin later than at {told}",
        seen.who(),
        replica.log_start_offset
    );
    let proof = [Kind::Bounds, Kind::Append].map(|kind| Proof::on(seen.machine, kind)).into();
    Some(Finding { property: PROPERTY, partition: Some(partition.clone()), message, proof })
}

fn judge_swap(seen: &Seen) -> Option<Finding> {
    let Event::Log(LogEvent::SegmentsCompacted { partition, base_offset, segments, .. }) = seen.event else {
        return None;
    };
    let disk = seen.world.machine(seen.machine)?.disk();
    let old = replaced(disk, partition, segments)?;
    let committed_end = seen.known(partition)?.committed_end;
    let log = Contents::of(disk, partition, &old, segments);
    let new: BTreeMap<Offset, Record> = log.new_records(*base_offset);
    let last = log.last_of_each_key(committed_end);
    for (batch, record) in old.iter().flat_map(records) {
        let is_kept = new.get(&record.offset) == Some(&record);
        if is_kept || log.is_aborted(batch, record.offset) {
            continue;
        }
        let Some(key) = &record.key else { continue };
        let is_outdated = last.get(key).is_some_and(|last| *last > record.offset);
        let had_its_time = record.value.is_none() && batch.delete_horizon().is_some();
        if !is_outdated && !had_its_time {
            let message = format!(
                "{partition}: the cleaner of {} has dropped offset {}, and nothing that is committed (below {committed_end}) \
                 has come after it for its key",
                seen.who(),
                record.offset
            );
            return Some(Finding {
                property: PROPERTY,
                partition: Some(partition.clone()),
                message,
                proof: vec![
                    Proof::on(seen.machine, Kind::Bounds),
                    Proof::at(record.offset, Kind::Append),
                    Proof::on(seen.machine, Kind::HighWatermark),
                ],
            });
        }
    }
    None
}

/// The batches of segments that were replaced; none if they are gone from the disk by now.
fn replaced(disk: &Disk, partition: &TopicPartition, segments: &[Offset]) -> Option<Vec<BatchView>> {
    let directory = partition.to_string();
    let mut old = Vec::new();
    for base in segments {
        let name = format!("{base:020}.log.deleted");
        let file = disk.files_of(&directory, ".log.deleted").find(|file| file.name == name)?;
        old.extend(batches(&file.read_from(0)).flatten());
    }
    Some(old)
}

fn records(batch: &BatchView) -> impl Iterator<Item = (&BatchView, Record)> {
    let records = if batch.is_control() { Vec::new() } else { batch.records().unwrap_or_default() };
    records.into_iter().map(move |record| (batch, record))
}

/// A log as it was before a swap, and the segments as they are now.
struct Contents {
    /// The batches that are in the log now, by segment.
    now: BTreeMap<Offset, Vec<BatchView>>,
    /// Those that were there before.
    before: Vec<BatchView>,
    /// Where transactions ended, by producer, and whether by an abort.
    ends: BTreeMap<ProducerId, BTreeMap<Offset, bool>>,
}

impl Contents {
    fn of(disk: &Disk, partition: &TopicPartition, old: &[BatchView], segments: &[Offset]) -> Contents {
        let directory = partition.to_string();
        let mut now = BTreeMap::new();
        for file in disk.files_of(&directory, ".log") {
            if let Some(base) = file.name.split_once('.').and_then(|(digits, _)| digits.parse::<Offset>().ok()) {
                now.insert(base, batches(&file.read_from(0)).flatten().collect::<Vec<_>>());
            }
        }
        let was_replaced: BTreeSet<Offset> = segments.iter().copied().collect();
        let others = now.iter().filter(|(base, _)| !was_replaced.contains(base)).flat_map(|(_, held)| held.clone());
        let before: Vec<BatchView> = others.chain(old.iter().cloned()).collect();
        let mut ends: BTreeMap<ProducerId, BTreeMap<Offset, bool>> = BTreeMap::new();
        for batch in before.iter().filter(|batch| batch.is_control()) {
            let is_abort = batch.control_type() == Some(ControlType::Abort);
            ends.entry(batch.producer_id()).or_default().insert(batch.last_offset(), is_abort);
        }
        Contents { now, before, ends }
    }

    fn new_records(&self, base_offset: Offset) -> BTreeMap<Offset, Record> {
        let held = self.now.get(&base_offset).into_iter().flatten();
        held.flat_map(records).map(|(_, record)| (record.offset, record)).collect()
    }

    fn is_aborted(&self, batch: &BatchView, offset: Offset) -> bool {
        let ends = self.ends.get(&batch.producer_id()).filter(|_| batch.is_transactional());
        ends.and_then(|ends| ends.range(offset..).next()).is_some_and(|(_, is_abort)| *is_abort)
    }

    fn last_of_each_key(&self, committed_end: Offset) -> BTreeMap<Bytes, Offset> {
        let mut last = BTreeMap::new();
        for (batch, record) in self.before.iter().flat_map(records) {
            if let Some(key) = record.key.filter(|_| record.offset < committed_end)
                && !self.is_aborted(batch, record.offset)
            {
                let known = last.entry(key).or_insert(record.offset);
                *known = record.offset.max(*known);
            }
        }
        last
    }
}
