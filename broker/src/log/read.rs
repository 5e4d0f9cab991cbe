//! Reading: by offset for fetches, by time for ListOffsets, by position for parked fetches.

use bytes::Bytes;

use super::{Log, OffsetPosition, ReadError, TimestampOffset};
use crate::context::Context;
use crate::ids::Offset;
use crate::message::AbortedTransaction;
use crate::storage::{StorageError, StorageResult};

impl From<StorageError> for ReadError {
    fn from(error: StorageError) -> Self {
        ReadError::Storage(error)
    }
}

impl Log {
    /// Whole batches from the one that holds `from` (which may begin before it), below `bound`.
    ///
    /// At most `max_bytes`; with `min_one_batch` the first batch even if it is larger. All of one
    /// segment, as in Kafka: a reader gets the next segment with its next fetch. Empty at or behind the bound.
    ///
    /// Simplified: Kafka cuts the answer at `max_bytes`, wherever that falls in a batch; readers
    /// throw the partial batch away, so here it is not sent.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(
        &self,
        ctx: &mut Context,
        from: Offset,
        max_bytes: i32,
        bound: Offset,
        min_one_batch: bool,
    ) -> Result<Bytes, ReadError> {
        if from < self.log_start_offset || from > self.log_end_offset {
            return Err(ReadError::OutOfRange);
        }
        if from >= bound.min(self.log_end_offset) {
            return Ok(Bytes::new());
        }
        let result = self.read_segments(ctx, from, max_bytes.max(0) as u64, bound, min_one_batch);
        self.report_read(ctx, result)
    }

    fn read_segments(
        &self,
        ctx: &mut Context,
        from: Offset,
        max_bytes: u64,
        bound: Offset,
        min_one_batch: bool,
    ) -> Result<Bytes, ReadError> {
        let first = self.floor_segment(from).ok_or(ReadError::OutOfRange)?;
        for segment in &self.segments[first..] {
            // A segment may hold nothing from `from` on: compaction, or a gap before the next base offset.
            if let Some(found) = segment.read(ctx, from, max_bytes, bound, min_one_batch)? {
                return Ok(found);
            }
        }
        Ok(Bytes::new())
    }

    fn report_read<T>(&self, ctx: &mut Context, result: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Storage(error)) = result {
            let _ = self.reported::<()>(ctx, Err(error));
        }
        result
    }

    /// Where the batch that holds `offset` begins; at the log end offset: the end of the active segment.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn position_of(&self, ctx: &mut Context, offset: Offset) -> Result<OffsetPosition, ReadError> {
        if offset < self.log_start_offset || offset > self.log_end_offset {
            return Err(ReadError::OutOfRange);
        }
        let first = self.floor_segment(offset).ok_or(ReadError::OutOfRange)?;
        if offset < self.log_end_offset {
            for segment in &self.segments[first..] {
                let found = segment.find(ctx, offset);
                if let Some(batch) = self.report_read(ctx, found)? {
                    let segment_base_offset = segment.base_offset;
                    return Ok(OffsetPosition { segment_base_offset, position_bytes: batch.position });
                }
            }
        }
        let active = &self.segments[self.segments.len() - 1];
        Ok(OffsetPosition { segment_base_offset: active.base_offset, position_bytes: active.size })
    }

    /// The first record at or after the log start whose timestamp is at least `timestamp` (ListOffsets).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn offset_for_timestamp(
        &self,
        ctx: &mut Context,
        timestamp: i64,
    ) -> Result<Option<TimestampOffset>, ReadError> {
        for segment in &self.segments {
            if segment.retention_timestamp(ctx)? >= timestamp {
                return segment.find_by_timestamp(ctx, timestamp, self.log_start_offset);
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp (ListOffsets −3, KIP-734).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn max_timestamp_offset(&self, ctx: &mut Context) -> Result<Option<TimestampOffset>, ReadError> {
        let mut best = &self.segments[0];
        for segment in &self.segments[1..] {
            if segment.max_timestamp.0 > best.max_timestamp.0 {
                best = segment;
            }
        }
        if best.max_timestamp.0 < 0 {
            return Ok(None);
        }
        best.find_by_timestamp(ctx, best.max_timestamp.0, best.base_offset)
    }

    /// The aborted transactions that matter to a read of [from, upper).
    ///
    /// # Errors
    /// None at present: the indexes are in memory.
    pub fn aborted_transactions(
        &self,
        _ctx: &mut Context,
        from: Offset,
        upper: Offset,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let first = self.floor_segment(from).ok_or(ReadError::OutOfRange)?;
        let found = self.collect_aborted(first, from, upper);
        let entry = |entry: &super::AbortedTransactionEntry| AbortedTransaction {
            producer_id: entry.producer_id,
            first_offset: entry.first_offset,
        };
        Ok(found.iter().map(entry).collect())
    }

    /// The entries of the transaction indexes from a segment on whose transactions overlap [from, upper).
    pub(crate) fn collect_aborted(
        &self,
        first_segment: usize,
        from: Offset,
        upper: Offset,
    ) -> Vec<super::AbortedTransactionEntry> {
        let mut found = Vec::new();
        for segment in &self.segments[first_segment..] {
            if segment.transaction_index.collect(from, upper, &mut found) {
                break;
            }
        }
        found
    }

    /// All entries of the transaction indexes, for checks and dumps.
    pub fn aborted_transaction_entries(&self) -> Vec<super::AbortedTransactionEntry> {
        self.segments.iter().flat_map(|segment| segment.transaction_index.entries().iter().copied()).collect()
    }

    /// The names and lengths of the files in the log's directory, for checks and the UI.
    ///
    /// # Errors
    /// The disk failed.
    pub fn files(&self, ctx: &mut Context) -> StorageResult<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for name in ctx.storage.list(&self.directory)? {
            let path = format!("{}/{name}", self.directory);
            match ctx.storage.open(&path).and_then(|file| ctx.storage.length(file)) {
                Ok(length) => files.push((name, length)),
                // A directory, or a file that went away: not one of the log's.
                Err(StorageError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}
