//! Taking a partition over: its records are read and replayed, one read a step (`CoordinatorLoaderImpl`).
//!
//! ```text
//!   log start ──read──▶ ──read──▶ … ──▶ log end, or a read that finds nothing
//! ```
//!
//! The last clause is KAFKA-9065: compaction may have taken every record up to a log end that lies in an empty
//! segment. A loader that insists on reaching the end then reads for ever, and the groups never get a coordinator.

use std::collections::BTreeMap;

use super::Around;
use crate::config::{Behaviour, Switch};
use crate::context::Context;
use crate::event::GroupEvent;
use crate::group::record::{GroupRecord, GroupRecordError};
use crate::group::shard::{Shard, ShardSnapshot};
use crate::ids::Offset;
use crate::message::ErrorCode;
use crate::record::{BatchView, ControlType, batches};

/// A coordinator on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Loading {
    pub shard: Shard,
    /// Where the next read begins; none before the first.
    next_offset: Option<Offset>,
    /// The shard at offsets that may become the last committed one.
    pub snapshots: BTreeMap<Offset, ShardSnapshot>,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more.
    More,
    /// Nothing is left to read, and that is not enough: see [`Switch::LoaderRequiresReachingLeo`].
    Never,
    /// Everything is replayed.
    Done {
        /// The offset behind the last batch. Where compaction has emptied the log's tail it lies before the log's end,
        /// and the first write finds that out: see `Active::flush`.
        end_offset: Offset,
    },
}

impl Loading {
    pub fn new(shard: Shard) -> Loading {
        Loading { shard, next_offset: None, snapshots: BTreeMap::new() }
    }

    /// One read.
    ///
    /// # Errors
    /// The partition is led elsewhere, the disk failed, or a record cannot be read or cannot follow from those before it:
    /// the coordinator fails.
    pub fn read(&mut self, ctx: &mut Context, around: &mut Around, partition: i32) -> Result<Progress, ErrorCode> {
        let max_bytes = around.settings.offsets_load_buffer_size;
        let read = around.log.read(ctx, partition, self.next_offset, max_bytes)?;
        let mut next_offset = read.from;
        for batch in batches(&read.records) {
            let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
            self.replay(ctx, partition, &batch, around.behaviour)?;
            next_offset = batch.next_offset();
            // The high watermark always lies between two batches; what is above it may yet be read as committed.
            if next_offset >= read.high_watermark {
                self.snapshots.insert(next_offset, self.shard.snapshot());
            }
        }
        self.next_offset = Some(next_offset);
        if next_offset < read.log_end_offset {
            if !read.records.is_empty() {
                return Ok(Progress::More);
            } else if around.behaviour.is(Switch::LoaderRequiresReachingLeo) {
                return Ok(Progress::Never);
            }
        }
        self.snapshots.insert(next_offset, self.shard.snapshot());
        Ok(Progress::Done { end_offset: next_offset })
    }

    fn replay(
        &mut self,
        ctx: &mut Context,
        partition: i32,
        batch: &BatchView,
        behaviour: &Behaviour,
    ) -> Result<(), ErrorCode> {
        if batch.is_control() {
            let outcome = batch.control_type();
            if matches!(outcome, Some(ControlType::Commit | ControlType::Abort)) {
                let committed = outcome == Some(ControlType::Commit);
                self.shard.replay_end_transaction(batch.producer_id(), batch.producer_epoch(), committed);
            }
            return Ok(());
        }
        let producer = batch.producer_id().is_some().then(|| (batch.producer_id(), batch.producer_epoch()));
        for record in batch.records().map_err(|_| ErrorCode::CorruptMessage)? {
            match GroupRecord::read(record.key.as_deref().unwrap_or_default(), record.value.as_deref()) {
                Ok(GroupRecord::OffsetCommit { .. }) if behaviour.is(Switch::LoaderForgetsOffsets) => {}
                Ok(replayed) => {
                    let fits = self.shard.replay(record.offset, producer, replayed);
                    fits.map_err(|_| ErrorCode::UnknownServerError)?;
                }
                Err(GroupRecordError::UnknownType(record_type)) => {
                    ctx.emit(GroupEvent::GroupRecordSkipped { partition, offset: record.offset, record_type });
                }
                Err(GroupRecordError::UnknownVersion { .. } | GroupRecordError::Damaged(_)) => {
                    return Err(ErrorCode::UnknownServerError);
                }
            }
        }
        Ok(())
    }
}
