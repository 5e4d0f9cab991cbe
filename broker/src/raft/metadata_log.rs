//! The metadata log: a [`Log`] and the snapshots that replace its beginning (`KafkaMetadataLog`, KIP-630).
//!
//! ```text
//!   ┌ snapshot 120-3 ┐
//!   │ … … … … … … …  │ 120 ──── log ──── 180     latest snapshot ≤ high watermark
//!   └────────────────┘ ▲                          a log start above 0 has a snapshot at or behind it
//!                      log start
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;

use super::snapshots::{self, SnapshotFile, position};
use crate::config::{Behaviour, LogSettings, RaftSettings, Switch};
use crate::context::Context;
use crate::event::{LogStartReason, RaftEvent};
use crate::ids::{LeaderEpoch, Offset, TopicPartition};
use crate::log::{AppendError, AppendInfo, AppendOrigin, LoadOptions, Log, ReadError};
use crate::message::{EpochEndOffset, SnapshotId};
use crate::storage::{StorageError, StorageResult};

/// How a follower's position fits the leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchPosition {
    /// It is a position of this log.
    Valid,
    /// It is not: the log in that epoch ended here.
    Diverging(EpochEndOffset),
    /// It lies before what the log still has: read this snapshot.
    Snapshot(SnapshotId),
}

/// What is kept in memory of a snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SnapshotFacts {
    id: SnapshotId,
    size: u64,
}

/// Log and snapshots in one directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MetadataLog {
    pub(super) log: Log,
    directory: String,
    snapshots: BTreeMap<(LeaderEpoch, Offset), SnapshotFacts>,
    max_fetch_size: i32,
    retention_bytes: i64,
    retention_ms: Option<i64>,
}

/// The directory of the one partition of `__cluster_metadata`.
pub(super) fn partition_directory(directory: &str) -> String {
    format!("{directory}/__cluster_metadata-0")
}

pub(super) fn partition() -> TopicPartition {
    TopicPartition::new("__cluster_metadata", 0)
}

impl MetadataLog {
    /// Opens log and snapshots. The log is recovered from its beginning, as Kafka does: the
    /// metadata log has no recovery-point checkpoint.
    pub(super) fn load(
        ctx: &mut Context,
        directory: &str,
        settings: &RaftSettings,
        behaviour: &Behaviour,
    ) -> StorageResult<MetadataLog> {
        let directory = partition_directory(directory);
        let options = LoadOptions { behaviour: behaviour.clone(), ..LoadOptions::default() };
        let log = Log::load(ctx, partition(), &directory, &log_settings(settings), options)?;
        let mut metadata_log = MetadataLog {
            log,
            directory,
            snapshots: BTreeMap::new(),
            max_fetch_size: settings.internal_max_fetch_size,
            retention_bytes: settings.metadata_max_retention_bytes,
            retention_ms: settings.metadata_max_retention.map(|age| age.as_millis() as i64),
        };
        metadata_log.recover_snapshots(ctx)?;
        // A crash may have fallen between the end of a download and the log's truncation.
        metadata_log.truncate_to_latest_snapshot(ctx)?;
        Ok(metadata_log)
    }

    fn recover_snapshots(&mut self, ctx: &mut Context) -> StorageResult<()> {
        for name in ctx.storage.list(&self.directory)? {
            match snapshots::parse_name(&name) {
                None => {}
                Some(SnapshotFile::Complete(id)) if id.end_offset >= self.log.log_start_offset() => {
                    self.remember(ctx, id)?;
                }
                Some(SnapshotFile::Complete(_) | SnapshotFile::Partial) => {
                    ctx.storage.remove(&format!("{}/{name}", self.directory))?;
                }
            }
        }
        // Without a snapshot that covers what the log no longer has, the state cannot be rebuilt.
        let log_start = self.log.log_start_offset();
        if log_start > 0 && self.latest_snapshot().is_none_or(|id| id.end_offset < log_start) {
            return Err(StorageError::InputOutput);
        }
        Ok(())
    }

    fn remember(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        let facts = SnapshotFacts { id, size: snapshots::size(ctx, &self.directory, id)? };
        self.snapshots.insert(position(id), facts);
        Ok(())
    }

    pub(super) fn start_offset(&self) -> Offset {
        self.log.log_start_offset()
    }

    pub(super) fn end_offset(&self) -> Offset {
        self.log.log_end_offset()
    }

    /// The epoch of the last record; of the snapshot where the log is empty behind one; else 0.
    pub(super) fn last_epoch(&self) -> LeaderEpoch {
        let of_snapshot = || self.latest_snapshot().map_or(LeaderEpoch(0), |id| id.epoch);
        self.log.latest_epoch().unwrap_or_else(of_snapshot)
    }

    pub(super) fn latest_snapshot(&self) -> Option<SnapshotId> {
        self.snapshots.values().next_back().map(|facts| facts.id)
    }

    pub(super) fn earliest_snapshot(&self) -> Option<SnapshotId> {
        self.snapshots.values().next().map(|facts| facts.id)
    }

    pub(super) fn has_snapshot(&self, id: SnapshotId) -> bool {
        self.snapshots.contains_key(&position(id))
    }

    /// A snapshot's whole content.
    pub(super) fn read_snapshot(&self, ctx: &mut Context, id: SnapshotId) -> StorageResult<Bytes> {
        snapshots::read(ctx, &self.directory, id)
    }

    /// Where `epoch` ends in this log; below the oldest epoch, the position of the oldest snapshot.
    pub(super) fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        match (self.log.end_offset_for_epoch(epoch), self.earliest_snapshot()) {
            (Some(found), Some(snapshot)) if found.end_offset == snapshot.end_offset && found.leader_epoch == epoch => {
                EpochEndOffset { epoch: snapshot.epoch, end_offset: snapshot.end_offset }
            }
            (Some(found), _) => EpochEndOffset { epoch: found.leader_epoch, end_offset: found.end_offset },
            (None, _) => EpochEndOffset { epoch: self.last_epoch(), end_offset: self.end_offset() },
        }
    }

    /// How a follower fits that holds everything before `offset` and whose last record is of `epoch`.
    pub(super) fn validate(&self, offset: Offset, epoch: LeaderEpoch) -> FetchPosition {
        let start = self.start_offset();
        if start == 0 && offset == 0 && epoch == LeaderEpoch(0) {
            return FetchPosition::Valid;
        }
        if let (Some(earliest), Some(latest)) = (self.earliest_snapshot(), self.latest_snapshot()) {
            let not_in_log = offset < start || (offset == start && epoch != earliest.epoch) || epoch < earliest.epoch;
            if not_in_log {
                return FetchPosition::Snapshot(latest);
            }
        }
        let end = self.end_offset_for_epoch(epoch);
        if end.epoch != epoch || end.end_offset < offset { FetchPosition::Diverging(end) } else { FetchPosition::Valid }
    }

    /// Batches from `offset`, whole ones, up to the size of one fetch answer.
    pub(super) fn read(&self, ctx: &mut Context, offset: Offset, bound: Offset) -> StorageResult<Bytes> {
        match self.log.read(ctx, offset, self.max_fetch_size, bound, true) {
            Ok(bytes) => Ok(bytes),
            Err(ReadError::Storage(error)) => Err(error),
            Err(ReadError::Corrupt) => Err(StorageError::InputOutput),
            Err(ReadError::OutOfRange) => panic!(
                "metadata read at {offset} outside of the log from {} to {}",
                self.start_offset(),
                self.end_offset()
            ),
        }
    }

    pub(super) fn append_as_leader(
        &mut self,
        ctx: &mut Context,
        batch: Bytes,
        epoch: LeaderEpoch,
    ) -> StorageResult<AppendInfo> {
        match self.log.append_as_leader(ctx, batch, epoch, AppendOrigin::RaftLeader) {
            Ok(info) => Ok(info),
            Err(AppendError::Storage(error)) => Err(error),
            Err(error) => panic!("the quorum leader's own batch was refused: {error:?}"),
        }
    }

    /// Appends what the leader sent; damaged batches are dropped and will be fetched again.
    pub(super) fn append_as_follower(
        &mut self,
        ctx: &mut Context,
        records: Bytes,
        epoch: LeaderEpoch,
    ) -> StorageResult<Option<AppendInfo>> {
        match self.log.append_as_follower(ctx, records, epoch) {
            Ok(info) => Ok(Some(info)),
            Err(AppendError::Storage(error)) => Err(error),
            Err(AppendError::Refused(..)) => Ok(None),
            Err(error @ AppendError::UnexpectedOffset { .. }) => {
                panic!("an answer to another fetch was appended: {error:?}")
            }
        }
    }

    /// Makes everything durable. Whatever flush a segment roll has asked for is covered by it.
    pub(super) fn flush(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.log.take_flush();
        if self.log.behaviour.is(Switch::RaftNoFlush) {
            return Ok(());
        }
        self.log.flush(ctx)
    }

    /// An observer need not flush, but what a segment roll asks for is done at once.
    ///
    /// Simplified: Kafka flushes rolled segments in the background.
    pub(super) fn flush_if_rolled(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if self.log.take_flush().is_some() { self.log.flush(ctx) } else { Ok(()) }
    }

    /// The leader said that the logs agree only before `end`: cuts this one back; answers to where.
    ///
    /// # Errors
    /// The disk's; an input/output error where that would take committed records: somebody's disk has lost what was
    /// promised, and Kafka's process ends over it (`KafkaMetadataLog.truncateTo`).
    pub(super) fn truncate_to_end_offset(&mut self, ctx: &mut Context, end: EpochEndOffset) -> StorageResult<Offset> {
        let offset = if end.epoch == LeaderEpoch(0) {
            end.end_offset.min(self.end_offset())
        } else {
            let own = self.end_offset_for_epoch(end.epoch);
            if own.epoch == end.epoch { own.end_offset.min(end.end_offset) } else { own.end_offset }
        };
        if offset < self.log.high_watermark() {
            return Err(StorageError::InputOutput);
        }
        let from = self.end_offset();
        self.log.truncate_to(ctx, offset)?;
        ctx.emit(RaftEvent::MetadataTruncated { from, to: self.end_offset() });
        Ok(offset)
    }

    /// Drops the whole log where the newest snapshot lies behind its end. Answers whether it did.
    pub(super) fn truncate_to_latest_snapshot(&mut self, ctx: &mut Context) -> StorageResult<bool> {
        let log_position = (self.log.latest_epoch().unwrap_or(LeaderEpoch(0)), self.end_offset());
        match self.latest_snapshot() {
            Some(id) if position(id) > log_position => {
                self.log.truncate_fully_and_start_at(ctx, id.end_offset)?;
                self.forget_before(ctx, id)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }

    /// Whether a snapshot may be taken at `id`: committed, in this log, and where a batch begins.
    pub(super) fn may_create(&self, ctx: &mut Context, id: SnapshotId, committed: Offset) -> StorageResult<bool> {
        let in_log = id.end_offset >= self.start_offset()
            && id.end_offset <= committed
            && !self.has_snapshot(id)
            && self.validate(id.end_offset, id.epoch) == FetchPosition::Valid;
        if !in_log || id.end_offset == self.end_offset() {
            return Ok(in_log);
        }
        // A follower that restarts from the snapshot fetches from its end: a batch across it could not be appended.
        let bytes = self.read(ctx, id.end_offset, self.end_offset())?;
        let first = crate::record::batches(&bytes).next();
        Ok(first.is_some_and(|batch| batch.is_ok_and(|batch| batch.base_offset() == id.end_offset)))
    }

    /// Writes a snapshot made here.
    pub(super) fn create_snapshot(&mut self, ctx: &mut Context, id: SnapshotId, parts: &[Bytes]) -> StorageResult<()> {
        snapshots::write(ctx, &self.directory, id, parts)?;
        self.remember(ctx, id)?;
        ctx.emit(RaftEvent::SnapshotCreated { snapshot: id });
        Ok(())
    }

    pub(super) fn start_download(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        snapshots::start_part(ctx, &self.directory, id)
    }

    /// Adds a piece of a snapshot that is being fetched; answers its size afterwards.
    pub(super) fn append_download(&mut self, ctx: &mut Context, id: SnapshotId, piece: &[u8]) -> StorageResult<u64> {
        snapshots::append_part(ctx, &self.directory, id, piece)
    }

    pub(super) fn finish_download(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        snapshots::freeze_part(ctx, &self.directory, id)?;
        self.remember(ctx, id)
    }

    pub(super) fn abandon_download(&mut self, ctx: &mut Context, id: SnapshotId) {
        // The remains are also removed at the next start; that they could not be removed now does no harm.
        let _ = ctx.storage.remove(&snapshots::part_path(&self.directory, id));
    }

    /// Deletes what newer snapshots make superfluous, the oldest first, while there is too much
    /// or it is too old. The newest snapshot always stays.
    ///
    /// What fails ends nothing: Kafka logs it, and tries again at the next cleaning
    /// (`RaftMetadataLogCleanerManager.maybeClean`). So it is with a snapshot that does not tell its age, and with a start
    /// behind the high watermark, which a process does not know before its first fetch.
    ///
    /// # Errors
    /// The disk's, where files could not be changed: Kafka takes the directory for failed, and its quorum thread ends over
    /// the next append.
    pub(super) fn clean(&mut self, ctx: &mut Context) -> StorageResult<()> {
        while self.snapshots.len() >= 2 {
            let mut oldest_two = self.snapshots.values().copied();
            let (Some(oldest), Some(next)) = (oldest_two.next(), oldest_two.next()) else { return Ok(()) };
            let snapshot_bytes: u64 = self.snapshots.values().map(|facts| facts.size).sum();
            let total = (snapshot_bytes + self.log.size_bytes()) as i64;
            let too_large = self.retention_bytes >= 0 && total > self.retention_bytes;
            let too_old = match self.retention_ms {
                Some(retention) if !too_large => self.age_ms(ctx, oldest.id).is_some_and(|age| age > retention),
                Some(_) | None => false,
            };
            if !(too_large || too_old) || !self.delete_before(ctx, next.id)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How long ago the last record in a snapshot was appended, in milliseconds; none if the file does not say.
    fn age_ms(&self, ctx: &mut Context, id: SnapshotId) -> Option<i64> {
        let bytes = self.read_snapshot(ctx, id).ok()?;
        Some(ctx.now.wall.millis() - snapshots::last_contained_timestamp(&bytes)?)
    }

    /// Lets the log start at an existing snapshot. Answers whether anything went: nothing does while the snapshot ends behind
    /// the high watermark.
    pub(super) fn delete_before(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<bool> {
        let is_committed = id.end_offset <= self.log.high_watermark();
        let allowed = self.has_snapshot(id) && self.start_offset() < id.end_offset && is_committed;
        if !allowed || !self.log.increment_log_start_offset(ctx, id.end_offset, LogStartReason::Snapshot)? {
            return Ok(false);
        }
        let segments = self.log.delete_old_segments(ctx)?;
        let before = self.snapshots.len();
        self.forget_before(ctx, id)?;
        if self.log.behaviour.is(Switch::LogStartWithoutSnapshot) {
            self.snapshots.remove(&position(id));
            ctx.storage.remove(&snapshots::path(&self.directory, id))?;
        }
        Ok(segments > 0 || self.snapshots.len() < before)
    }

    /// Simplified: the files go at once instead of after file.delete.delay.ms, since nobody keeps them open.
    fn forget_before(&mut self, ctx: &mut Context, id: SnapshotId) -> StorageResult<()> {
        let kept = self.snapshots.split_off(&position(id));
        let forgotten = std::mem::replace(&mut self.snapshots, kept);
        for facts in forgotten.into_values() {
            ctx.storage.remove(&snapshots::path(&self.directory, facts.id))?;
            ctx.emit(RaftEvent::SnapshotDeleted { snapshot: facts.id });
        }
        Ok(())
    }
}

/// The metadata log's own settings: no retention but by snapshots, batches up to the quorum's limit.
fn log_settings(settings: &RaftSettings) -> LogSettings {
    LogSettings {
        segment_bytes: settings.log_segment_bytes,
        internal_segment_bytes: settings.internal_log_segment_bytes,
        segment_age: settings.log_segment_age,
        retention: None,
        retention_bytes: -1,
        max_message_bytes: settings.internal_max_batch_size,
        ..LogSettings::default()
    }
}
