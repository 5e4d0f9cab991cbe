//! What a power cut took: file by file, so that the caller can say which records it was.

use std::ops::Range;

use serde::Serialize;

/// What a power cut did to one machine's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct LossReport {
    /// Files whose content is not what the page cache had, in order of their paths.
    pub files: Vec<FileLoss>,
    /// Directory changes that were undone: `created data/a`, `renamed data/a.tmp to data/a`, `removed data/b`.
    pub undone: Vec<String>,
    /// How many bytes were not durable before the cut.
    pub dirty_bytes: u64,
}

impl LossReport {
    /// Whether nothing at all was lost.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.undone.is_empty()
    }
}

/// What a power cut did to one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct FileLoss {
    /// The path that the file had when the power went.
    pub path: String,
    /// Its length then, in bytes.
    pub length_before: u64,
    /// Its length now; 0 when the file is gone.
    pub length_after: u64,
    /// Whether the file is gone altogether.
    pub gone: bool,
    /// The byte ranges, below both lengths or cut off, whose content is not what it was.
    pub changed: Vec<Range<u64>>,
}
