//! The logs of the offsets topic, as coordinators see them (`PartitionWriter`, `CoordinatorLoader`).

use bytes::Bytes;

use crate::context::Context;
use crate::ids::Offset;
use crate::message::ErrorCode;

/// What a coordinator can do with the partitions of `__consumer_offsets` that its broker leads: a partition is named by
/// its number. The broker's replica manager is one; tests have another.
pub trait OffsetsLog {
    /// Appends one batch as the partition's leader, and does not wait for the followers. Kafka appends with `acks=1`: too
    /// few in-sync replicas refuse nothing, but the high watermark then stands still and the write times out.
    ///
    /// Answers the offset behind the batch.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER; whatever the log refuses.
    fn append(&mut self, ctx: &mut Context, partition: i32, batch: Bytes) -> Result<Offset, ErrorCode>;

    /// Reads up to the log's end, from this offset or from the log's start.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER; the disk failed.
    fn read(
        &mut self,
        ctx: &mut Context,
        partition: i32,
        from: Option<Offset>,
        max_bytes: i32,
    ) -> Result<LogRead, ErrorCode>;

    /// The largest batch that the partition takes, in bytes.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER.
    fn max_batch_bytes(&self, partition: i32) -> Result<usize, ErrorCode>;

    /// The high watermark, while this broker leads.
    fn high_watermark(&self, partition: i32) -> Option<Offset>;
}

/// What a read of a log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRead {
    /// Whole batches; none at the end of the log, or where compaction has left nothing.
    pub records: Bytes,
    /// Where the read began.
    pub from: Offset,
    /// The log end offset.
    pub log_end_offset: Offset,
    /// The high watermark.
    pub high_watermark: Offset,
}
