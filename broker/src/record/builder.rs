//! Building a batch.

use bytes::Bytes;

use super::{Compression, ControlType, Header, TimestampType};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Builds one batch. Offsets are given in order of `append` unless `append_with_offset` is used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchBuilder {
    base_offset: Offset,
}

#[allow(unused_variables)]
impl BatchBuilder {
    /// A batch whose first record gets this offset; producers use 0.
    pub fn new(base_offset: Offset) -> Self {
        BatchBuilder { base_offset }
    }
    /// The epoch to stamp; −1 unless said.
    pub fn leader_epoch(self, leader_epoch: LeaderEpoch) -> Self {
        unimplemented!()
    }
    /// How the body is compressed; not at all unless said.
    pub fn compression(self, compression: Compression) -> Self {
        unimplemented!()
    }
    /// Who gave the timestamps; the producer unless said.
    pub fn timestamp_type(self, timestamp_type: TimestampType) -> Self {
        unimplemented!()
    }
    /// The idempotent producer's id, epoch and first sequence number.
    pub fn producer(self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        unimplemented!()
    }
    /// Whether the batch belongs to a transaction.
    pub fn transactional(self, transactional: bool) -> Self {
        unimplemented!()
    }
    /// Adds a record.
    pub fn append(self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> Self {
        unimplemented!()
    }
    /// Adds a control record and makes this a control batch.
    pub fn append_control(self, timestamp_ms: i64, control: ControlType, value: &[u8]) -> Self {
        unimplemented!()
    }
    /// Adds a record in place (for accumulators).
    pub fn push(&mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        unimplemented!()
    }
    /// How many records it has.
    pub fn count(&self) -> usize {
        unimplemented!()
    }
    /// How many bytes it would have, uncompressed.
    pub fn estimated_size(&self) -> usize {
        unimplemented!()
    }
    /// The batch. Panics when it has no record.
    pub fn build(self) -> Bytes {
        unimplemented!()
    }
}
