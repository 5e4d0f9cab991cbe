//! The batch that a coordinator fills until it is written (`CoordinatorBatch`).

use super::WaitingId;
use crate::group::record::GroupRecord;
use crate::group::shard::ShardSnapshot;
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::{BatchBuilder, NO_SEQUENCE};
use crate::time::Time;

/// Records that are replayed and not yet in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Batch {
    builder: BatchBuilder,
    /// What its records may take in bytes, header included.
    max_bytes: usize,
    /// The offset that its next record will have, if the log takes the batch.
    pub next_offset: Offset,
    /// When its first record came: it is written one linger later.
    pub opened_at: Time,
    /// The shard before its first record: what the shard goes back to if the batch cannot be written.
    pub before: ShardSnapshot,
    /// Who waits for it.
    pub waiting: Vec<WaitingId>,
}

/// A record's key and value as bytes.
pub(super) type RecordBytes = (bytes::Bytes, Option<bytes::Bytes>);

/// The records of one write as bytes.
pub(super) fn encode(records: &[GroupRecord]) -> Vec<RecordBytes> {
    records.iter().map(|record| (record.key_bytes(), record.value_bytes())).collect()
}

impl Batch {
    /// An empty one. A transaction's batch is written in its producer's name, without sequence numbers: the coordinator
    /// vouches for it (`RecordBatch.NO_SEQUENCE`).
    pub fn new(
        base_offset: Offset,
        max_bytes: usize,
        now: Time,
        before: ShardSnapshot,
        producer: Option<(ProducerId, ProducerEpoch)>,
    ) -> Batch {
        let builder = BatchBuilder::new(0);
        let builder = match producer {
            Some((id, epoch)) => builder.producer(id, epoch, NO_SEQUENCE).transactional(true),
            None => builder,
        };
        Batch { builder, max_bytes, next_offset: base_offset, opened_at: now, before, waiting: Vec::new() }
    }

    /// Whether a whole write fits behind what is there. An empty batch takes any: the log may refuse it.
    pub fn has_room_for(&self, records: &[RecordBytes], timestamp_ms: i64) -> bool {
        let mut alone = BatchBuilder::new(0);
        for (key, value) in records {
            alone.push(timestamp_ms, Some(key), value.as_deref(), &[]);
        }
        self.is_empty() || self.builder.estimated_size() + alone.estimated_size() <= self.max_bytes
    }

    /// Whether one record more fits behind what is there. An empty batch takes any.
    pub fn has_room_for_one(&self, record: &RecordBytes, timestamp_ms: i64) -> bool {
        let (key, value) = record;
        self.is_empty() || self.builder.estimated_size_with(timestamp_ms, Some(key), value.as_deref()) <= self.max_bytes
    }

    pub fn push(&mut self, timestamp_ms: i64, (key, value): &RecordBytes) {
        self.builder.push(timestamp_ms, Some(key), value.as_deref(), &[]);
        self.next_offset += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.builder.count() == 0
    }

    pub fn is_full(&self) -> bool {
        !self.is_empty() && self.builder.estimated_size() >= self.max_bytes
    }

    pub fn bytes(&self) -> bytes::Bytes {
        self.builder.clone().build()
    }
}
