//! One segment of a log: a file of batches and its indexes (`LogSegment`).
//!
//! ```text
//!   .log     │batch 40..41│batch 42..42│batch 43..47│…
//!   .index         41→0 ────┘ every index.interval.bytes     position of a batch by its last offset
//!   .timeindex     largest timestamp so far → its batch's last offset
//! ```

use bytes::Bytes;

use super::ReadError;
use super::files::{self, LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX};
use super::index::{OffsetIndex, TimeIndex, relative_offset};
use super::scan::{BatchScanner, ScannedBatch};
use super::transaction_index::TransactionIndex;
use crate::config::LogSettings;
use crate::context::Context;
use crate::ids::Offset;
use crate::record::{BatchHeader, BatchView, NO_TIMESTAMP};
use crate::storage::{FileHandle, StorageResult};

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Segment {
    /// No record in it has a smaller offset.
    pub(crate) base_offset: Offset,
    pub(crate) log: FileHandle,
    /// The length of the `.log` file in bytes.
    pub(crate) size: u64,
    /// Whether the `.log` file was written since the last sync.
    pub(crate) log_dirty: bool,
    /// Whether the directory must be synced for the files' names.
    pub(crate) new_files: bool,
    pub(crate) offset_index: OffsetIndex,
    pub(crate) time_index: TimeIndex,
    pub(crate) transaction_index: TransactionIndex,
    /// The largest timestamp, −1 for none, and the last offset of the batch that has it.
    pub(crate) max_timestamp: (i64, Offset),
    bytes_since_last_index_entry: u64,
    /// Milliseconds of the wall clock at its creation.
    created: i64,
    /// The largest timestamp of the first batch: a segment's age counts from there.
    first_batch_timestamp: Option<i64>,
}

/// Indexes that a truncation leaves as they are: none, but for planted bugs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeptIndexes {
    pub(crate) offsets: bool,
    pub(crate) times: bool,
}

impl Segment {
    /// Opens or creates the segment's files. The second value: whether its transaction index makes sense.
    pub(crate) fn open(
        ctx: &mut Context,
        directory: &str,
        base_offset: Offset,
        suffix: &str,
    ) -> StorageResult<(Segment, bool)> {
        let path = |kind: &str| files::path(directory, base_offset, kind) + suffix;
        let log = ctx.storage.create(&path(LOG))?;
        let size = ctx.storage.length(log)?;
        let offset_index = OffsetIndex::open(ctx, &path(OFFSET_INDEX), base_offset)?;
        let time_index = TimeIndex::open(ctx, &path(TIME_INDEX), base_offset)?;
        let (transaction_index, sane) = TransactionIndex::open(ctx, &path(TRANSACTION_INDEX), base_offset)?;
        let max_timestamp = time_index.last();
        let segment = Segment {
            base_offset,
            log,
            size,
            log_dirty: true,
            new_files: true,
            offset_index,
            time_index,
            transaction_index,
            max_timestamp,
            bytes_since_last_index_entry: 0,
            created: ctx.now.wall.millis(),
            first_batch_timestamp: None,
        };
        Ok((segment, sane))
    }

    /// Appends batches that lie one after another in `bytes`.
    pub(crate) fn append(
        &mut self,
        ctx: &mut Context,
        bytes: &[u8],
        headers: impl Iterator<Item = BatchHeader>,
        index_interval_bytes: i32,
    ) -> StorageResult<()> {
        let mut position = self.size;
        ctx.storage.append(self.log, bytes)?;
        self.size += bytes.len() as u64;
        self.log_dirty = true;
        for header in headers {
            if self.first_batch_timestamp.is_none() {
                self.first_batch_timestamp = Some(header.max_timestamp);
            }
            if header.max_timestamp > self.max_timestamp.0 {
                self.max_timestamp = (header.max_timestamp, header.last_offset());
            }
            if self.bytes_since_last_index_entry > index_interval_bytes.max(0) as u64 {
                self.offset_index.append(ctx, header.last_offset(), position)?;
                self.time_index.maybe_append(ctx, self.max_timestamp.0, self.max_timestamp.1)?;
                self.bytes_since_last_index_entry = 0;
            }
            position += header.size as u64;
            self.bytes_since_last_index_entry += header.size as u64;
        }
        Ok(())
    }

    /// Whether a segment must be begun before `bytes` more, up to `last_offset`, are appended.
    pub(crate) fn should_roll(
        &mut self,
        ctx: &mut Context,
        settings: &LogSettings,
        segment_bytes: u64,
        bytes: u64,
        (max_timestamp, last_offset): (i64, Offset),
    ) -> StorageResult<bool> {
        if self.size + bytes > segment_bytes {
            return Ok(true);
        }
        let segment_age = i64::try_from(settings.longest_segment_age().as_millis()).unwrap_or(i64::MAX);
        if self.size > 0 && self.waited(ctx, max_timestamp)? > segment_age {
            return Ok(true);
        }
        Ok(self.offset_index.is_full(settings.segment_index_bytes)
            || self.time_index.is_full(settings.segment_index_bytes)
            || relative_offset(self.base_offset, last_offset).is_none())
    }

    /// The largest timestamp of the first batch; none while there is no batch.
    pub(crate) fn first_batch_timestamp(&mut self, ctx: &mut Context) -> StorageResult<Option<i64>> {
        if self.first_batch_timestamp.is_none()
            && let Some(first) = BatchScanner::new(self.log, 0, self.size).next_header(ctx)?
        {
            self.first_batch_timestamp = Some(first.header.max_timestamp);
        }
        Ok(self.first_batch_timestamp)
    }

    /// Gives the files another suffix, the `.log` first. A crash may fall between any two of them.
    pub(crate) fn rename(&mut self, ctx: &mut Context, directory: &str, from: &str, to: &str) -> StorageResult<()> {
        for kind in [LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX] {
            let path = files::path(directory, self.base_offset, kind);
            files::rename_if_exists(ctx, &format!("{path}{from}"), &format!("{path}{to}"))?;
        }
        self.transaction_index.set_path(files::path(directory, self.base_offset, TRANSACTION_INDEX) + to);
        Ok(())
    }

    /// How long the segment has been filling: in the batches' own timestamps, which a restart does not change.
    fn waited(&mut self, ctx: &mut Context, max_timestamp: i64) -> StorageResult<i64> {
        Ok(match self.first_batch_timestamp(ctx)? {
            Some(first) if first >= 0 => max_timestamp.saturating_sub(first),
            _ => ctx.now.wall.millis() - self.created,
        })
    }

    /// The batch that holds `offset`, or the first one behind it; `None` if the segment ends before.
    pub(crate) fn find(&self, ctx: &mut Context, offset: Offset) -> Result<Option<ScannedBatch>, ReadError> {
        let (_, start) = self.offset_index.lookup(offset);
        let mut scanner = BatchScanner::new(self.log, start, self.size);
        while let Some(batch) = scanner.next_header(ctx).map_err(ReadError::Storage)? {
            if batch.header.last_offset() >= offset {
                return Ok(Some(batch));
            }
        }
        if scanner.reached_end() { Ok(None) } else { Err(ReadError::Corrupt) }
    }

    /// Whole batches from the one that holds `from`: those whose last offset is below `bound`, at most
    /// `max_bytes` (or one batch, if asked for). `None` if the segment ends before `from`.
    pub(crate) fn read(
        &self,
        ctx: &mut Context,
        from: Offset,
        max_bytes: u64,
        bound: Offset,
        min_one_batch: bool,
    ) -> Result<Option<Bytes>, ReadError> {
        // One read usually gets both the batches to be skipped behind the index entry and the wanted ones.
        const SKIPPED: u64 = 4096 + 1024;
        let (_, start) = self.offset_index.lookup(from);
        let wanted = (SKIPPED + max_bytes).min(self.size.saturating_sub(start));
        let window = ctx.storage.read(self.log, start, wanted as usize).map_err(ReadError::Storage)?;
        let Some((skipped, first)) = skip_to(&window, from)? else {
            return self.read_from_scan(ctx, from, max_bytes, bound, min_one_batch);
        };
        let mut end = skipped;
        let mut header = first;
        loop {
            let size = header.size as u64;
            let taken = (end - skipped) as u64;
            let fits = taken + size <= max_bytes || (taken == 0 && min_one_batch);
            if header.last_offset() >= bound || !fits {
                break;
            }
            if end + header.size > window.len() {
                // Only the first batch can reach beyond the window, when it is larger than what was asked for.
                if taken == 0 && start + end as u64 + size <= self.size {
                    let whole = ctx.storage.read(self.log, start + end as u64, header.size);
                    return whole.map(Some).map_err(ReadError::Storage);
                }
                break;
            }
            end += header.size;
            match BatchHeader::parse(&window[end..]) {
                Ok(next) => header = next,
                Err(_) => break,
            }
        }
        Ok(Some(window.slice(skipped..end)))
    }

    /// As `read`, when the wanted batch lies further behind its index entry than usual.
    fn read_from_scan(
        &self,
        ctx: &mut Context,
        from: Offset,
        max_bytes: u64,
        bound: Offset,
        min_one_batch: bool,
    ) -> Result<Option<Bytes>, ReadError> {
        let Some(first) = self.find(ctx, from)? else { return Ok(None) };
        let (start, mut end) = (first.position, first.position);
        let mut scanner = BatchScanner::new(self.log, start, self.size);
        while let Some(batch) = scanner.next_header(ctx).map_err(ReadError::Storage)? {
            let size = batch.header.size as u64;
            let fits = end + size - start <= max_bytes || (end == start && min_one_batch);
            if batch.header.last_offset() >= bound || !fits {
                break;
            }
            end += size;
        }
        ctx.storage.read(self.log, start, (end - start) as usize).map(Some).map_err(ReadError::Storage)
    }

    /// Where the segment's records end: the offset after its last batch.
    ///
    /// `None` when its content cannot be walked: the file or its index is damaged.
    pub(crate) fn read_next_offset(&self, ctx: &mut Context) -> StorageResult<Option<Offset>> {
        let (_, start) = self.offset_index.last();
        let mut scanner = BatchScanner::new(self.log, start, self.size);
        let mut next = None;
        while let Some(batch) = scanner.next_header(ctx)? {
            next = Some(batch.header.next_offset());
        }
        if !scanner.reached_end() || start > self.size {
            return Ok(None);
        }
        Ok(Some(next.unwrap_or(self.base_offset)).filter(|next| *next >= self.base_offset))
    }

    /// Cuts off what lies at `offset` and beyond; how many bytes that were.
    pub(crate) fn truncate_to(
        &mut self,
        ctx: &mut Context,
        offset: Offset,
        kept: KeptIndexes,
    ) -> Result<u64, ReadError> {
        let cut = self.find(ctx, offset)?.map(|batch| batch.position);
        self.cut(ctx, offset, cut, kept).map_err(ReadError::Storage)
    }

    fn cut(
        &mut self,
        ctx: &mut Context,
        offset: Offset,
        position: Option<u64>,
        kept: KeptIndexes,
    ) -> StorageResult<u64> {
        if !kept.offsets {
            self.offset_index.truncate_to(ctx, offset)?;
        }
        if !kept.times {
            self.time_index.truncate_to(ctx, offset)?;
        }
        self.transaction_index.truncate_to(ctx, offset)?;
        let before = self.size;
        if let Some(position) = position {
            ctx.storage.truncate(self.log, position)?;
            self.size = position;
            self.log_dirty = true;
        }
        if self.size == 0 {
            self.created = ctx.now.wall.millis();
            self.first_batch_timestamp = None;
        }
        self.bytes_since_last_index_entry = 0;
        if self.max_timestamp.0 >= 0 {
            self.max_timestamp = self.largest_timestamp(ctx)?;
        }
        Ok(before - self.size)
    }

    /// The largest timestamp by the time index and the batches behind its last entry.
    fn largest_timestamp(&self, ctx: &mut Context) -> StorageResult<(i64, Offset)> {
        let mut largest = self.time_index.last();
        let (_, start) = self.offset_index.lookup(largest.1);
        let mut scanner = BatchScanner::new(self.log, start, self.size);
        while let Some(batch) = scanner.next_header(ctx)? {
            if batch.header.max_timestamp > largest.0 {
                largest = (batch.header.max_timestamp, batch.header.last_offset());
            }
        }
        Ok(largest)
    }

    /// Empties the indexes before they are built anew from the batches.
    pub(crate) fn reset_indexes(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.offset_index.reset(ctx)?;
        self.time_index.reset(ctx)?;
        self.transaction_index.reset(ctx)?;
        self.max_timestamp = (NO_TIMESTAMP, self.base_offset);
        self.bytes_since_last_index_entry = 0;
        Ok(())
    }

    /// Indexes one batch during recovery; `last_index_entry` is the position of the batch indexed last.
    pub(crate) fn index_recovered(
        &mut self,
        ctx: &mut Context,
        batch: &BatchView,
        position: u64,
        last_index_entry: &mut u64,
        index_interval_bytes: i32,
    ) -> StorageResult<()> {
        if batch.max_timestamp() > self.max_timestamp.0 {
            self.max_timestamp = (batch.max_timestamp(), batch.last_offset());
        }
        if position - *last_index_entry > index_interval_bytes.max(0) as u64 {
            self.offset_index.append(ctx, batch.last_offset(), position)?;
            self.time_index.maybe_append(ctx, self.max_timestamp.0, self.max_timestamp.1)?;
            *last_index_entry = position;
        }
        Ok(())
    }

    /// Cuts the file behind the last good batch; how many bytes that were.
    pub(crate) fn drop_tail(&mut self, ctx: &mut Context, valid_bytes: u64) -> StorageResult<u64> {
        let dropped = self.size - valid_bytes;
        if dropped > 0 {
            ctx.storage.truncate(self.log, valid_bytes)?;
            self.size = valid_bytes;
            self.log_dirty = true;
        }
        self.close_time_index(ctx)?;
        Ok(dropped)
    }

    /// Writes the last time index entry: done when the segment is closed or rolled.
    pub(crate) fn close_time_index(&mut self, ctx: &mut Context) -> StorageResult<()> {
        self.time_index.maybe_append(ctx, self.max_timestamp.0, self.max_timestamp.1)
    }

    /// The first record with a timestamp of at least `timestamp` and an offset of at least `from`.
    pub(crate) fn find_by_timestamp(
        &self,
        ctx: &mut Context,
        timestamp: i64,
        from: Offset,
    ) -> Result<Option<super::TimestampOffset>, ReadError> {
        let (_, indexed) = self.time_index.lookup(timestamp);
        let (_, start) = self.offset_index.lookup(indexed.max(from));
        let mut scanner = BatchScanner::new(self.log, start, self.size);
        while let Some(batch) = scanner.next_batch(ctx).map_err(ReadError::Storage)? {
            if batch.max_timestamp() < timestamp {
                continue;
            }
            let records = batch.records().map_err(|_| ReadError::Corrupt)?;
            let found = records.iter().find(|record| record.timestamp >= timestamp && record.offset >= from);
            if let Some(record) = found {
                return Ok(Some(super::TimestampOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: Some(batch.leader_epoch()).filter(|epoch| epoch.is_some()),
                }));
            }
        }
        Ok(None)
    }

    /// The age that retention goes by: the largest timestamp, or the file's when no record has one. The file of a cleaned segment
    /// is as old as the last one that it came from.
    pub(crate) fn retention_timestamp(&self, ctx: &mut Context) -> StorageResult<i64> {
        if self.max_timestamp.0 >= 0 {
            return Ok(self.max_timestamp.0);
        }
        Ok(ctx.storage.modified(self.log)?.millis())
    }

    /// The files that a flush must sync, in Kafka's order.
    pub(crate) fn files(&self) -> Vec<FileHandle> {
        let always = [self.log, self.offset_index.file, self.time_index.file];
        always.into_iter().chain(self.transaction_index.file).collect()
    }

    /// Somebody else has synced all of its files.
    pub(crate) fn taken_as_synced(&mut self) {
        self.log_dirty = false;
        self.offset_index.dirty = false;
        self.time_index.dirty = false;
        self.transaction_index.dirty = false;
    }

    /// Syncs what was written since the last time.
    pub(crate) fn sync(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if std::mem::take(&mut self.log_dirty) {
            ctx.storage.sync(self.log)?;
        }
        if std::mem::take(&mut self.offset_index.dirty) {
            ctx.storage.sync(self.offset_index.file)?;
        }
        if std::mem::take(&mut self.time_index.dirty) {
            ctx.storage.sync(self.time_index.file)?;
        }
        if std::mem::take(&mut self.transaction_index.dirty)
            && let Some(file) = self.transaction_index.file
        {
            ctx.storage.sync(file)?;
        }
        Ok(())
    }
}

/// The position and header of the first batch in `window` that reaches `from`; `None` if it is not in there.
fn skip_to(window: &Bytes, from: Offset) -> Result<Option<(usize, BatchHeader)>, ReadError> {
    let mut position = 0;
    while position < window.len() {
        match BatchHeader::peek(&window[position..]) {
            Ok((last_offset, size)) if last_offset < from => position += size,
            Ok(_) => {
                let header = BatchHeader::parse(&window[position..]).map_err(|_| ReadError::Corrupt)?;
                return Ok(Some((position, header)));
            }
            Err(crate::record::RecordError::Truncated) => return Ok(None),
            Err(_) => return Err(ReadError::Corrupt),
        }
    }
    Ok(None)
}
