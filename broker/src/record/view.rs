//! Looking at a batch without copying it.

use bytes::Bytes;

use super::{Compression, ControlType, Record, RecordError, TimestampType};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// A batch in somebody else's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchView {
    bytes: Bytes,
}

#[allow(unused_variables)]
impl BatchView {
    /// The batch at the beginning of `bytes`; what follows it is ignored.
    ///
    /// # Errors
    /// Header implausible or bytes missing. The checksum is not looked at.
    pub fn parse(bytes: &Bytes) -> Result<BatchView, RecordError> {
        unimplemented!()
    }
    /// The whole batch.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// Its length in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
    /// The first offset.
    pub fn base_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The last offset.
    pub fn last_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The offset after the last.
    pub fn next_offset(&self) -> Offset {
        unimplemented!()
    }
    /// The epoch of the leader that appended it.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        unimplemented!()
    }
    /// The stored CRC-32C.
    pub fn checksum(&self) -> u32 {
        unimplemented!()
    }
    /// Whether the stored checksum is right.
    pub fn is_valid(&self) -> bool {
        unimplemented!()
    }
    /// How many records the header says.
    pub fn count(&self) -> i32 {
        unimplemented!()
    }
    /// The first record's timestamp.
    pub fn base_timestamp(&self) -> i64 {
        unimplemented!()
    }
    /// The largest timestamp.
    pub fn max_timestamp(&self) -> i64 {
        unimplemented!()
    }
    /// Who gave the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        unimplemented!()
    }
    /// The producer's id.
    pub fn producer_id(&self) -> ProducerId {
        unimplemented!()
    }
    /// The producer's epoch.
    pub fn producer_epoch(&self) -> ProducerEpoch {
        unimplemented!()
    }
    /// The first sequence number.
    pub fn base_sequence(&self) -> i32 {
        unimplemented!()
    }
    /// The last sequence number.
    pub fn last_sequence(&self) -> i32 {
        unimplemented!()
    }
    /// Whether it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        unimplemented!()
    }
    /// Whether it holds control records.
    pub fn is_control(&self) -> bool {
        unimplemented!()
    }
    /// The codec.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        unimplemented!()
    }
    /// Decompresses and decodes the records.
    ///
    /// # Errors
    /// The body is malformed.
    pub fn records(&self) -> Result<Vec<Record>, RecordError> {
        unimplemented!()
    }
    /// The type of the first control record, if this is a control batch.
    pub fn control_type(&self) -> Option<ControlType> {
        unimplemented!()
    }
}

/// The batches of a concatenation; a partial batch at the end ends it.
#[derive(Clone, Debug)]
pub struct BatchIterator {
    rest: Bytes,
}

/// The batches of `records`, in order. A trailing partial batch ends the iteration; a malformed one yields an error once.
pub fn batches(records: &Bytes) -> BatchIterator {
    BatchIterator { rest: records.clone() }
}

impl Iterator for BatchIterator {
    type Item = Result<BatchView, RecordError>;
    fn next(&mut self) -> Option<Self::Item> {
        let _ = &self.rest;
        unimplemented!()
    }
}
