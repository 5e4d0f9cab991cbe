//! What the member reads from its own log: control records for itself, committed batches for its owner.
//!
//! ```text
//!   log:   ├── delivered ──┤── committed, handed over next ──┤── not committed ──┤
//!                          delivered                  high watermark         log end
//!          ├────────────── control records take effect up to here ─────────────┤
//! ```

use bytes::Bytes;

use super::control::ControlRecord;
use super::metadata_log::MetadataLog;
use super::snapshots;
use super::state::State;
use super::voters::Membership;
use super::{CommittedBatch, Raft, RaftOutput};
use crate::context::Context;
use crate::ids::Offset;
use crate::message::SnapshotId;
use crate::record::{BatchView, batches};
use crate::storage::{StorageError, StorageResult};

/// Follows the control records of snapshot and log, up to the log's end.
///
/// # Errors
/// The disk's; damaged content is an input/output error.
pub(super) fn read_membership(
    ctx: &mut Context,
    log: &mut MetadataLog,
    membership: &mut Membership,
) -> StorageResult<()> {
    let behind_the_log = membership.next_offset.is_none_or(|next| next < log.start_offset());
    if let (true, Some(id)) = (behind_the_log, log.latest_snapshot()) {
        let content = read_snapshot(ctx, log, id)?;
        membership.clear();
        for record in content.control {
            apply(membership, id.end_offset - 1, record);
        }
        membership.next_offset = Some(id.end_offset);
    }
    let mut next = *membership.next_offset.get_or_insert(0);
    while next < log.end_offset() {
        for batch in read_batches(ctx, log, next, log.end_offset())? {
            if batch.is_control() {
                for record in batch.records().map_err(|_| StorageError::InputOutput)? {
                    let decoded = super::control::decode(&record).ok_or(StorageError::InputOutput)?;
                    apply(membership, record.offset, decoded);
                }
            }
            next = batch.next_offset();
        }
        membership.next_offset = Some(next);
    }
    Ok(())
}

fn apply(membership: &mut Membership, offset: Offset, record: ControlRecord) {
    match record {
        ControlRecord::Voters(voters) => membership.add_voters(offset, voters),
        ControlRecord::KRaftVersion(version) => membership.add_kraft_version(offset, version),
        ControlRecord::Other => {}
    }
}

fn read_snapshot(ctx: &mut Context, log: &MetadataLog, id: SnapshotId) -> StorageResult<snapshots::DecodedSnapshot> {
    let bytes = log.read_snapshot(ctx, id)?;
    snapshots::decode(&bytes).ok_or(StorageError::InputOutput)
}

/// The batches from `from`, which must be where one begins, as many as one read gives; never none.
///
/// # Errors
/// The disk's; an input/output error where the file does not hold what was written: Kafka checks
/// every batch on its way to a listener, and ends the process over a bad one.
fn read_batches(ctx: &mut Context, log: &MetadataLog, from: Offset, bound: Offset) -> StorageResult<Vec<BatchView>> {
    let bytes = log.read(ctx, from, bound)?;
    let read: Result<Vec<BatchView>, _> = batches(&bytes).collect();
    let read = read.map_err(|_| StorageError::InputOutput)?;
    let is_sound =
        read.first().is_some_and(|first| first.base_offset() == from) && read.iter().all(BatchView::is_valid);
    if is_sound { Ok(read) } else { Err(StorageError::InputOutput) }
}

impl Raft {
    /// Hands over what is committed and was not yet, and tells a leader's owner when it has everything.
    pub(super) fn deliver(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if let Some(high_watermark) = self.state.high_watermark() {
            self.deliver_snapshot(ctx, high_watermark)?;
            self.deliver_batches(ctx, high_watermark)?;
        }
        self.announce_active_leader();
        Ok(())
    }

    /// A new owner, or one whose next record the log no longer has, is given the newest snapshot.
    fn deliver_snapshot(&mut self, ctx: &mut Context, high_watermark: Offset) -> StorageResult<()> {
        let log_start = self.log.start_offset();
        let next = self.delivered;
        let wants_snapshot = next.is_none_or(|next| next < log_start) && next.unwrap_or(-1) < high_watermark;
        if let (true, Some(id)) = (wants_snapshot, self.log.latest_snapshot()) {
            let content = read_snapshot(ctx, &self.log, id)?;
            self.delivered = Some(id.end_offset);
            self.outbox.push(RaftOutput::SnapshotLoaded { id, records: content.records });
        }
        let next = *self.delivered.get_or_insert(0);
        assert!(
            next >= log_start || next >= high_watermark,
            "no snapshot leads from {next} to the log's start {log_start}"
        );
        Ok(())
    }

    fn deliver_batches(&mut self, ctx: &mut Context, high_watermark: Offset) -> StorageResult<()> {
        let mut next = self.delivered.unwrap_or(0);
        let mut committed = Vec::new();
        while next < high_watermark {
            for batch in read_batches(ctx, &self.log, next, high_watermark)? {
                next = batch.next_offset();
                committed.push(committed_batch(&batch)?);
            }
        }
        if !committed.is_empty() {
            self.delivered = Some(next);
            self.outbox.push(RaftOutput::Committed { batches: committed });
        }
        Ok(())
    }

    /// A leader may append once its owner has been given everything from before its epoch.
    fn announce_active_leader(&mut self) {
        let delivered = self.delivered.unwrap_or(0);
        if let State::Leader(leader) = &mut self.state
            && !leader.announced
            && delivered > leader.epoch_start_offset
        {
            leader.announced = true;
            self.outbox.push(RaftOutput::ActiveLeader { epoch: leader.epoch });
        }
    }
}

fn committed_batch(batch: &BatchView) -> StorageResult<CommittedBatch> {
    let records: Vec<Bytes> = if batch.is_control() {
        Vec::new()
    } else {
        let records = batch.records().map_err(|_| StorageError::InputOutput)?;
        records.into_iter().map(|record| record.value.unwrap_or_default()).collect()
    };
    Ok(CommittedBatch {
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        epoch: batch.leader_epoch(),
        append_timestamp: batch.max_timestamp(),
        records,
    })
}
