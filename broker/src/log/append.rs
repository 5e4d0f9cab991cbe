//! Appending: as the leader, who stamps and checks, and as a follower, who copies.
//!
//! The order is Kafka's, because a crash or a refusal may fall between any two steps:
//!
//! ```text
//!   validate → epoch entry (synced if new) → size of a segment → roll? → producer checks
//!            → write → producer state → transaction index → last stable offset
//! ```
//!
//! So the epoch of a batch is on disk before the batch, a refused batch may still have
//! rolled a segment, and an append never waits for the disk unless an epoch begins.

use bytes::Bytes;

use super::index::relative_offset;
use super::producer_entry::{BatchMetadata, CompletedTransaction, ProducerAppend, ProducerEntry, ProducerRefusal};
use super::transaction_index::AbortedTransactionEntry;
use super::{AppendError, AppendInfo, AppendOrigin, Log, RefuseReason};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{BatchFact, LogEvent};
use crate::ids::{LeaderEpoch, Offset};
use crate::message::ErrorCode;
use crate::record::{
    BatchProblem, BatchView, NO_TIMESTAMP, TimestampType, batches, stamp, stamp_with_append_time, validate_client_batch,
};
use crate::storage::StorageError;

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        AppendError::Storage(error)
    }
}

/// Batches that are ready to be written.
struct Prepared {
    batches: Vec<BatchView>,
    /// Their concatenation.
    bytes: Bytes,
    max_timestamp: i64,
}

impl Prepared {
    fn new(batches: Vec<BatchView>, bytes: Bytes) -> Self {
        let max_timestamp = batches.iter().map(BatchView::max_timestamp).max().unwrap_or(NO_TIMESTAMP);
        Prepared { batches, bytes, max_timestamp }
    }

    fn first_offset(&self) -> Offset {
        self.batches[0].base_offset()
    }

    fn last_offset(&self) -> Offset {
        self.batches[self.batches.len() - 1].last_offset()
    }

    /// When a leader stamped it; −1 for producers' timestamps.
    fn append_time(&self) -> i64 {
        match self.batches[0].timestamp_type() {
            TimestampType::CreateTime => NO_TIMESTAMP,
            TimestampType::LogAppendTime => self.batches[0].max_timestamp(),
        }
    }
}

/// What the producer checks found.
enum ProducerVerdict {
    Duplicate(BatchMetadata),
    Accepted { appends: Vec<ProducerAppend>, completed: Vec<CompletedTransaction> },
}

impl Log {
    /// Appends as the leader in `leader_epoch`: validates, assigns offsets, stamps the epoch.
    ///
    /// Except with [`AppendOrigin::RaftLeader`], `records` is exactly one batch; a client's has base offset 0.
    /// A duplicate of an idempotent producer's batch is answered with the original's offsets.
    ///
    /// Simplified: the transaction coordinator is not asked whether the partition belongs to the
    /// transaction (KIP-890's verification).
    ///
    /// # Errors
    /// See [`AppendError`]. Nothing is written, except that a segment may have been rolled.
    pub fn append_as_leader(
        &mut self,
        ctx: &mut Context,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
    ) -> Result<AppendInfo, AppendError> {
        let prepared = match origin {
            AppendOrigin::Client | AppendOrigin::Coordinator => self.prepare(ctx, &records, leader_epoch, origin)?,
            AppendOrigin::RaftLeader => self.prepare_raft(&records, leader_epoch)?,
        };
        match prepared {
            Some(prepared) => self.append(ctx, prepared, leader_epoch, Some(origin)),
            None => Ok(self.nothing_appended()),
        }
    }

    /// Appends what the leader of `leader_epoch` sent; batches from the first of a higher epoch on are
    /// dropped, because a stale leader may serve what it received as a follower of a newer one (KAFKA-18723).
    /// A partial batch at the end is dropped too.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append_as_follower(
        &mut self,
        ctx: &mut Context,
        records: Bytes,
        leader_epoch: LeaderEpoch,
    ) -> Result<AppendInfo, AppendError> {
        let mut kept = parse(&records)?;
        let takes_any_epoch = [Switch::FetchWithoutEpochs, Switch::FetchWithoutCurrentEpoch]
            .into_iter()
            .any(|switch| self.behaviour.is(switch));
        if !takes_any_epoch && let Some(first_newer) = kept.iter().position(|batch| batch.leader_epoch() > leader_epoch)
        {
            kept.truncate(first_newer);
        }
        let Some(first) = kept.first() else { return Ok(self.nothing_appended()) };
        if first.base_offset() < self.log_end_offset {
            return Err(self.unexpected_offset(&kept));
        }
        let length: usize = kept.iter().map(BatchView::size).sum();
        self.append(ctx, Prepared::new(kept, records.slice(..length)), leader_epoch, None)
    }

    fn nothing_appended(&self) -> AppendInfo {
        AppendInfo {
            base_offset: self.log_end_offset,
            last_offset: self.log_end_offset - 1,
            log_end_offset: self.log_end_offset,
            bytes: 0,
            duplicate: false,
            log_append_time: NO_TIMESTAMP,
        }
    }

    fn unexpected_offset(&self, batches: &[BatchView]) -> AppendError {
        AppendError::UnexpectedOffset {
            first_offset: batches[0].base_offset(),
            last_offset: batches[batches.len() - 1].last_offset(),
            log_end_offset: self.log_end_offset,
        }
    }

    /// What a client or coordinator wrote, as it will be stored.
    fn prepare(
        &self,
        ctx: &Context,
        records: &Bytes,
        leader_epoch: LeaderEpoch,
        origin: AppendOrigin,
    ) -> Result<Option<Prepared>, AppendError> {
        let parsed = parse(records)?;
        let [batch] = parsed.as_slice() else {
            return Err(AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::NotOneBatch));
        };
        if origin == AppendOrigin::Client && batch.base_offset() != 0 {
            return Err(AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::InvalidOffsets));
        }
        if batch.size() as u64 > self.settings.max_message_bytes as u64 {
            return Err(AppendError::Refused(ErrorCode::MessageTooLarge, RefuseReason::TooLarge));
        }
        let append_time = match self.settings.message_timestamp_type {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(ctx.now.wall.millis()),
        };
        let max_timestamp = match origin {
            // The producer's timestamps are replaced, so they are not judged (`LogValidator.validateTimestamp`).
            AppendOrigin::Client if append_time.is_some() => {
                validate_client_batch(batch, i64::MAX).map_err(refuse_batch)?
            }
            AppendOrigin::Client => {
                let after_max = i64::try_from(self.settings.message_timestamp_after_max.as_millis());
                let latest = ctx.now.wall.millis().saturating_add(after_max.unwrap_or(i64::MAX));
                validate_client_batch(batch, latest).map_err(refuse_batch)?
            }
            AppendOrigin::Coordinator | AppendOrigin::RaftLeader => batch.max_timestamp(),
        };
        if self.settings.cleanup_policy.compacts && origin == AppendOrigin::Client && lacks_key(batch) {
            return Err(AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::MissingKey));
        }
        let bytes = match append_time {
            Some(now) => stamp_with_append_time(batch, self.log_end_offset, leader_epoch, now),
            None => stamp(batch, self.log_end_offset, leader_epoch, max_timestamp),
        };
        let stored = BatchView::parse(&bytes).expect("stamping leaves a batch whole");
        Ok(Some(Prepared::new(vec![stored], bytes)))
    }

    /// What the quorum's leader wrote: its batches carry offsets and epoch already.
    fn prepare_raft(&self, records: &Bytes, leader_epoch: LeaderEpoch) -> Result<Option<Prepared>, AppendError> {
        let batches = parse(records)?;
        let Some(first) = batches.first() else { return Ok(None) };
        if let Some(wrong) = batches.iter().find(|batch| batch.leader_epoch() != leader_epoch) {
            panic!("the quorum's leader in epoch {leader_epoch} wrote a batch of epoch {}", wrong.leader_epoch());
        }
        if first.base_offset() != self.log_end_offset {
            return Err(self.unexpected_offset(&batches));
        }
        let length: usize = batches.iter().map(BatchView::size).sum();
        Ok(Some(Prepared::new(batches, records.slice(..length))))
    }

    fn append(
        &mut self,
        ctx: &mut Context,
        prepared: Prepared,
        leader_epoch: LeaderEpoch,
        origin: Option<AppendOrigin>,
    ) -> Result<AppendInfo, AppendError> {
        if prepared.batches.windows(2).any(|pair| pair[1].base_offset() < pair[0].next_offset()) {
            return Err(self.unexpected_offset(&prepared.batches));
        }
        for batch in &prepared.batches {
            self.assign_epoch(ctx, batch.leader_epoch(), batch.base_offset())?;
        }
        // None for a follower: all that it was sent at once counts, and that is never more than a segment of its leader's.
        let is_limited = origin.is_some() || !self.behaviour.mends(Hazard::CleanedSegmentOutgrows);
        if is_limited && prepared.bytes.len() as u64 > self.segment_bytes() {
            return Err(AppendError::Refused(ErrorCode::RecordListTooLarge, RefuseReason::LargerThanSegment));
        }
        let rolled = self.maybe_roll(ctx, &prepared);
        self.reported(ctx, rolled)?;
        match self.check_producers(ctx, &prepared.batches, origin)? {
            ProducerVerdict::Duplicate(original) => Ok(AppendInfo {
                base_offset: original.first_offset(),
                last_offset: original.last_offset,
                duplicate: true,
                // As in Kafka (`UnifiedLog.append`), whosever clock it was.
                log_append_time: original.timestamp,
                ..self.nothing_appended()
            }),
            ProducerVerdict::Accepted { appends, completed } => {
                let written = self.write(ctx, &prepared, appends, &completed);
                self.reported(ctx, written)?;
                let info = AppendInfo {
                    base_offset: prepared.first_offset(),
                    last_offset: prepared.last_offset(),
                    log_end_offset: self.log_end_offset,
                    bytes: prepared.bytes.len() as u64,
                    duplicate: false,
                    log_append_time: prepared.append_time(),
                };
                ctx.emit(LogEvent::RecordsAppended {
                    partition: self.partition.clone(),
                    base_offset: info.base_offset,
                    log_end_offset: info.log_end_offset,
                    leader_epoch,
                    bytes: info.bytes,
                    as_leader: origin.is_some(),
                    batches: prepared.batches.iter().map(batch_fact).collect(),
                });
                if self.log_end_offset - self.recovery_point >= self.settings.flush_messages {
                    self.flush(ctx)?;
                }
                Ok(info)
            }
        }
    }

    fn maybe_roll(&mut self, ctx: &mut Context, prepared: &Prepared) -> Result<(), StorageError> {
        let settings = self.settings.clone();
        let (segment_bytes, bytes) = (self.segment_bytes(), prepared.bytes.len() as u64);
        let upto = (prepared.max_timestamp, prepared.last_offset());
        if self.active().should_roll(ctx, &settings, segment_bytes, bytes, upto)? {
            // Behind a gap that compaction has left Kafka's segment begins with its first record. Mended: at the log's end, as
            // far as an index can count from there, so that no gap lies between two segments.
            let counts = relative_offset(self.log_end_offset, prepared.last_offset()).is_some();
            let leaves_no_hole = counts && self.behaviour.mends(Hazard::HoleBetweenSegments);
            self.roll(ctx, (!leaves_no_hole).then(|| prepared.first_offset()))?;
        }
        Ok(())
    }

    /// Duplicates, sequences, epochs and transactions: nothing is changed yet.
    fn check_producers(
        &self,
        ctx: &mut Context,
        batches: &[BatchView],
        origin: Option<AppendOrigin>,
    ) -> Result<ProducerVerdict, AppendError> {
        let check_sequences = !self.behaviour.is(Switch::SequenceNotChecked);
        let mut appends: Vec<ProducerAppend> = Vec::new();
        let mut completed = Vec::new();
        for batch in batches.iter().filter(|batch| batch.producer_id().is_some()) {
            if origin == Some(AppendOrigin::Client)
                && check_sequences
                && let Some(original) =
                    self.producers.producer(batch.producer_id()).and_then(|entry| self.find_duplicate(entry, batch))
            {
                ctx.emit(LogEvent::DuplicateSequence {
                    partition: self.partition.clone(),
                    producer_id: batch.producer_id(),
                    first_sequence: batch.base_sequence(),
                    base_offset: original.first_offset(),
                });
                return Ok(ProducerVerdict::Duplicate(original));
            }
            let known = appends.iter().position(|append| append.producer_id() == batch.producer_id());
            let place = known.unwrap_or_else(|| {
                appends.push(self.producers.prepare(batch.producer_id(), origin, check_sequences));
                appends.len() - 1
            });
            match appends[place].append(batch) {
                Ok(done) => completed.extend(done),
                Err(refusal) => return Err(self.refuse_producer(ctx, batch, refusal)),
            }
        }
        Ok(ProducerVerdict::Accepted { appends, completed })
    }

    fn find_duplicate(&self, entry: &ProducerEntry, batch: &BatchView) -> Option<BatchMetadata> {
        let known = entry.find_duplicate(batch)?;
        let remembered = !self.behaviour.is(Switch::DedupeWindowOfOne) || entry.batches.back() == Some(&known);
        remembered.then_some(known)
    }

    fn refuse_producer(&self, ctx: &mut Context, batch: &BatchView, refusal: ProducerRefusal) -> AppendError {
        let ProducerRefusal { error, reason, expected } = refusal;
        ctx.emit(LogEvent::SequenceRefused {
            partition: self.partition.clone(),
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            first_sequence: batch.base_sequence(),
            expected,
        });
        AppendError::Refused(error, reason)
    }

    fn write(
        &mut self,
        ctx: &mut Context,
        prepared: &Prepared,
        appends: Vec<ProducerAppend>,
        completed: &[CompletedTransaction],
    ) -> Result<(), StorageError> {
        let index_interval_bytes = self.settings.index_interval_bytes;
        let headers = prepared.batches.iter().map(|batch| *batch.header());
        self.active().append(ctx, &prepared.bytes, headers, index_interval_bytes)?;
        self.log_end_offset = prepared.last_offset() + 1;
        for append in appends {
            self.producers.update(append);
        }
        for transaction in completed {
            if transaction.aborted {
                let entry = AbortedTransactionEntry {
                    producer_id: transaction.producer_id,
                    first_offset: transaction.first_offset,
                    last_offset: transaction.last_offset,
                    last_stable_offset: self.producers.last_stable_offset_after(transaction),
                };
                self.active().transaction_index.append(ctx, entry)?;
            }
            self.producers.complete(transaction);
        }
        self.producers.set_map_end_offset(self.log_end_offset);
        Ok(())
    }
}

/// All whole batches, each with a right checksum and a sensible offset range.
fn parse(records: &Bytes) -> Result<Vec<BatchView>, AppendError> {
    let corrupt = AppendError::Refused(ErrorCode::CorruptMessage, RefuseReason::Corrupt);
    let mut found = Vec::new();
    for batch in batches(records) {
        let batch = batch.map_err(|_| corrupt)?;
        if !batch.is_valid() || batch.last_offset_delta() < 0 || batch.base_offset() < 0 {
            return Err(corrupt);
        }
        found.push(batch);
    }
    Ok(found)
}

/// Whether a batch, which has been read before, holds a record that compaction could not keep.
fn lacks_key(batch: &BatchView) -> bool {
    batch.records().is_ok_and(|records| records.iter().any(|record| record.key.is_none()))
}

/// What an event says of a batch: read from its header, unchanged.
pub fn batch_fact(batch: &BatchView) -> BatchFact {
    BatchFact {
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        leader_epoch: batch.leader_epoch(),
        crc: batch.checksum(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
    }
}

fn refuse_batch(problem: BatchProblem) -> AppendError {
    match problem {
        BatchProblem::InvalidOffsets | BatchProblem::InvalidSequence => {
            AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::InvalidOffsets)
        }
        BatchProblem::ControlFromClient => {
            AppendError::Refused(ErrorCode::InvalidRecord, RefuseReason::ControlFromClient)
        }
        BatchProblem::InvalidTimestamp => {
            AppendError::Refused(ErrorCode::InvalidTimestamp, RefuseReason::InvalidTimestamp)
        }
    }
}
