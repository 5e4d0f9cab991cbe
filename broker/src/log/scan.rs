//! Walking the batches of a file from the front, through a window that is read as a whole.

use bytes::Bytes;

use crate::context::Context;
use crate::record::{BatchHeader, BatchView, HEADER_SIZE};
use crate::storage::{FileHandle, StorageResult};

/// How much is read at once.
const WINDOW: usize = 16 * 1024;

/// Where a batch lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScannedBatch {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

/// Walks the batches between two positions of a file; stops at the first that is malformed or cut.
#[derive(Clone, Debug)]
pub(crate) struct BatchScanner {
    file: FileHandle,
    position: u64,
    end: u64,
    window: Bytes,
    window_at: u64,
}

impl BatchScanner {
    pub(crate) fn new(file: FileHandle, position: u64, end: u64) -> Self {
        BatchScanner { file, position, end, window: Bytes::new(), window_at: position }
    }

    /// Behind the last good batch.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether the walk ended because nothing is left, rather than at something that is no batch.
    pub(crate) fn reached_end(&self) -> bool {
        self.position == self.end
    }

    /// The next batch's header and position.
    pub(crate) fn next_header(&mut self, ctx: &mut Context) -> StorageResult<Option<ScannedBatch>> {
        let Some(header) = self.peek(ctx)? else { return Ok(None) };
        let position = self.position;
        self.position += header.size as u64;
        Ok(Some(ScannedBatch { position, header }))
    }

    /// The next batch as a whole.
    pub(crate) fn next_batch(&mut self, ctx: &mut Context) -> StorageResult<Option<BatchView>> {
        let Some(header) = self.peek(ctx)? else { return Ok(None) };
        let bytes = self.bytes(ctx, header.size)?;
        let Ok(batch) = BatchView::parse(&bytes) else { return Ok(None) };
        self.position += header.size as u64;
        Ok(Some(batch))
    }

    fn peek(&mut self, ctx: &mut Context) -> StorageResult<Option<BatchHeader>> {
        if self.position.saturating_add(HEADER_SIZE as u64) > self.end {
            return Ok(None);
        }
        let bytes = self.bytes(ctx, HEADER_SIZE)?;
        let header = BatchHeader::parse(&bytes).ok();
        Ok(header.filter(|header| header.size as u64 <= self.end - self.position))
    }

    /// `length` bytes from the position: fewer only at the end of the file.
    fn bytes(&mut self, ctx: &mut Context, length: usize) -> StorageResult<Bytes> {
        let inside = self.position.checked_sub(self.window_at).map(|offset| offset as usize);
        if let Some(offset) = inside
            && offset + length <= self.window.len()
        {
            return Ok(self.window.slice(offset..offset + length));
        }
        let wanted = (length.max(WINDOW) as u64).min(self.end - self.position) as usize;
        self.window = ctx.storage.read(self.file, self.position, wanted)?;
        self.window_at = self.position;
        Ok(self.window.slice(..length.min(self.window.len())))
    }
}
