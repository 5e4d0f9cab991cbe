//! Snapshot files of the metadata log (KIP-630).
//!
//! ```text
//!   00000000000000000120-0000000003.checkpoint        everything before offset 120, last written in epoch 3
//!   00000000000000000120-0000000003.checkpoint.part   one that is being written
//!
//!   header (+ kraft.version, voters) │ data batches … │ footer          offsets inside start at 0
//! ```
//!
//! Written to the `.part` name, synced, renamed, and the directory synced: a snapshot exists
//! whole or not at all.

use bytes::Bytes;

use super::control;
use super::voters::VoterSet;
use crate::context::Context;
use crate::ids::{LeaderEpoch, Offset};
use crate::message::SnapshotId;
use crate::record::{BatchBuilder, ControlType, batches};
use crate::storage::StorageResult;

/// The checkpoint that a cluster's first voters are formatted with; it is never replicated.
pub(super) const BOOTSTRAP: SnapshotId = SnapshotId { end_offset: 0, epoch: LeaderEpoch(0) };

/// A data batch in a snapshot stays below this many bytes of records.
const DATA_BATCH_BYTES: usize = 1024 * 1024;

pub(super) fn path(directory: &str, id: SnapshotId) -> String {
    format!("{directory}/{:020}-{:010}.checkpoint", id.end_offset, id.epoch.0)
}

pub(super) fn part_path(directory: &str, id: SnapshotId) -> String {
    format!("{}.part", path(directory, id))
}

/// What a file's name says: a snapshot, or the remains of an unfinished one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SnapshotFile {
    Complete(SnapshotId),
    Partial,
}

pub(super) fn parse_name(name: &str) -> Option<SnapshotFile> {
    if name.ends_with(".checkpoint.part") || name.ends_with(".checkpoint.deleted") {
        return Some(SnapshotFile::Partial);
    }
    let (end_offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    if end_offset.len() != 20 || epoch.len() != 10 {
        return None;
    }
    let id = SnapshotId { end_offset: end_offset.parse().ok()?, epoch: LeaderEpoch(epoch.parse().ok()?) };
    Some(SnapshotFile::Complete(id))
}

/// The order of snapshots: by epoch, then by offset, as Kafka compares log positions.
pub(super) fn position(id: SnapshotId) -> (LeaderEpoch, Offset) {
    (id.epoch, id.end_offset)
}

/// A snapshot's bytes.
pub(super) struct SnapshotContent<'a> {
    pub(super) last_timestamp: i64,
    pub(super) kraft_version: i16,
    pub(super) voters: Option<&'a VoterSet>,
    pub(super) records: &'a [Bytes],
}

pub(super) fn encode(id: SnapshotId, now_ms: i64, content: &SnapshotContent) -> Vec<Bytes> {
    let mut header = BatchBuilder::new(0).leader_epoch(id.epoch).append_control(
        now_ms,
        ControlType::SnapshotHeader,
        &control::snapshot_header(content.last_timestamp),
    );
    if content.kraft_version >= 1 {
        let version = control::kraft_version(content.kraft_version);
        header = header.append_control(now_ms, ControlType::KRaftVersion, &version);
        if let Some(voters) = content.voters {
            header = header.append_control(now_ms, ControlType::KRaftVoters, &control::voters(voters));
        }
    }
    let mut next_offset = header.count() as Offset;
    let mut encoded = vec![header.build()];
    let mut rest = content.records;
    while !rest.is_empty() {
        let mut batch = BatchBuilder::new(next_offset).leader_epoch(id.epoch);
        let mut bytes = 0;
        while let Some((record, others)) = rest.split_first()
            && (bytes == 0 || bytes + record.len() <= DATA_BATCH_BYTES)
        {
            bytes += record.len().max(1);
            batch.push(now_ms, None, Some(record), &[]);
            rest = others;
        }
        next_offset += batch.count() as Offset;
        encoded.push(batch.build());
    }
    let footer = BatchBuilder::new(next_offset).leader_epoch(id.epoch);
    encoded.push(footer.append_control(now_ms, ControlType::SnapshotFooter, &control::snapshot_footer()).build());
    encoded
}

/// Writes a whole snapshot and makes it durable; answers its size in bytes.
pub(super) fn write(ctx: &mut Context, directory: &str, id: SnapshotId, parts: &[Bytes]) -> StorageResult<u64> {
    start_part(ctx, directory, id)?;
    let mut size = 0;
    for part in parts {
        size = append_part(ctx, directory, id, part)?;
    }
    freeze_part(ctx, directory, id)?;
    Ok(size)
}

pub(super) fn start_part(ctx: &mut Context, directory: &str, id: SnapshotId) -> StorageResult<()> {
    let file = ctx.storage.create(&part_path(directory, id))?;
    ctx.storage.truncate(file, 0)
}

/// Answers the size afterwards.
pub(super) fn append_part(ctx: &mut Context, directory: &str, id: SnapshotId, bytes: &[u8]) -> StorageResult<u64> {
    let file = ctx.storage.open(&part_path(directory, id))?;
    ctx.storage.append(file, bytes)?;
    ctx.storage.length(file)
}

pub(super) fn freeze_part(ctx: &mut Context, directory: &str, id: SnapshotId) -> StorageResult<()> {
    let file = ctx.storage.open(&part_path(directory, id))?;
    ctx.storage.sync(file)?;
    ctx.storage.rename(&part_path(directory, id), &path(directory, id))?;
    ctx.storage.sync_directory(directory)
}

pub(super) fn read(ctx: &mut Context, directory: &str, id: SnapshotId) -> StorageResult<Bytes> {
    let file = ctx.storage.open(&path(directory, id))?;
    let length = ctx.storage.length(file)?;
    ctx.storage.read(file, 0, length as usize)
}

/// How many bytes a snapshot has.
pub(super) fn size(ctx: &mut Context, directory: &str, id: SnapshotId) -> StorageResult<u64> {
    let file = ctx.storage.open(&path(directory, id))?;
    ctx.storage.length(file)
}

/// When the last record in a snapshot was appended, in milliseconds: its header says so, and nothing else is read. None
/// where the header is damaged.
pub(super) fn last_contained_timestamp(bytes: &Bytes) -> Option<i64> {
    let header = batches(bytes).next()?.ok().filter(|batch| batch.is_valid() && batch.is_control())?;
    header.records().ok()?.first().and_then(control::header_timestamp)
}

/// What a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DecodedSnapshot {
    pub(super) control: Vec<control::ControlRecord>,
    pub(super) records: Vec<Bytes>,
}

/// Reads a snapshot's bytes; none where they are damaged.
pub(super) fn decode(bytes: &Bytes) -> Option<DecodedSnapshot> {
    let mut decoded = DecodedSnapshot::default();
    for batch in batches(bytes) {
        let batch = batch.ok().filter(|batch| batch.is_valid())?;
        for record in batch.records().ok()? {
            if !batch.is_control() {
                decoded.records.push(record.value.unwrap_or_default());
            } else if control::header_timestamp(&record).is_none() {
                decoded.control.push(control::decode(&record)?);
            }
        }
    }
    Some(decoded)
}
