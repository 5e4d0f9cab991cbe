//! Building a batch (`MemoryRecordsBuilder`).

use bytes::Bytes;

use super::batch::{
    ATTRIBUTES_AT, CONTROL_BIT, CRC_AT, DELETE_HORIZON_BIT, HEADER_SIZE, LENGTH_OVERHEAD, MAGIC_V2, TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
};
use super::varint::{varint_size, varlong_size, write_varint, write_varlong};
use super::{BatchView, Compression, ControlType, Header, NO_SEQUENCE, NO_TIMESTAMP, TimestampType};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Builds one batch. Records get consecutive offsets, except with [`BatchBuilder::push_at`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchBuilder {
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    compression: Compression,
    timestamp_type: TimestampType,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: i32,
    transactional: bool,
    control: bool,
    /// When compaction may drop the batch's tombstones or marker: stands in place of the base timestamp.
    delete_horizon: Option<i64>,
    /// −1 while there is no record.
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    /// The records, not compressed.
    body: Vec<u8>,
}

impl BatchBuilder {
    /// A batch whose first record gets this offset; producers use 0.
    pub fn new(base_offset: Offset) -> Self {
        BatchBuilder {
            base_offset,
            leader_epoch: LeaderEpoch::NONE,
            compression: Compression::None,
            timestamp_type: TimestampType::CreateTime,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: NO_SEQUENCE,
            transactional: false,
            control: false,
            delete_horizon: None,
            last_offset_delta: -1,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            count: 0,
            body: Vec::new(),
        }
    }

    /// The epoch to stamp; −1 unless said.
    pub fn leader_epoch(mut self, leader_epoch: LeaderEpoch) -> Self {
        self.leader_epoch = leader_epoch;
        self
    }

    /// How the body is compressed; not at all unless said.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Who gave the timestamps; the producer unless said.
    pub fn timestamp_type(mut self, timestamp_type: TimestampType) -> Self {
        self.timestamp_type = timestamp_type;
        self
    }

    /// The idempotent producer's id, epoch and first sequence number.
    pub fn producer(mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Self {
        self.set_producer(id, epoch, base_sequence);
        self
    }

    /// The same in place: a producer learns its sequence when it closes a batch.
    pub fn set_producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
    }

    /// Whether the batch belongs to a transaction.
    pub fn transactional(mut self, transactional: bool) -> Self {
        self.transactional = transactional;
        self
    }

    /// A batch for what compaction keeps of another: its offset, epoch, codec, producer, sequence and kind.
    pub(crate) fn retaining(original: &BatchView) -> Self {
        let mut builder = BatchBuilder::new(original.base_offset())
            .leader_epoch(original.leader_epoch())
            .compression(original.compression().unwrap_or(Compression::None))
            .timestamp_type(original.timestamp_type())
            .producer(original.producer_id(), original.producer_epoch(), original.base_sequence())
            .transactional(original.is_transactional());
        builder.control = original.is_control();
        builder
    }

    /// When the batch's tombstones or marker may be dropped, in milliseconds of the wall clock (KIP-534). Before the first
    /// record.
    pub(crate) fn delete_horizon(mut self, horizon: Option<i64>) -> Self {
        assert!(self.count == 0, "timestamps count from the delete horizon");
        self.delete_horizon = horizon;
        self
    }

    /// Adds a record.
    pub fn append(mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) -> Self {
        self.push(timestamp_ms, key, value, headers);
        self
    }

    /// Adds a control record and makes this a control batch.
    pub fn append_control(mut self, timestamp_ms: i64, control: ControlType, value: &[u8]) -> Self {
        assert!(self.control || self.count == 0, "a batch holds control records or data, never both");
        self.control = true;
        self.push(timestamp_ms, Some(&control.key()), Some(value), &[]);
        self
    }

    /// Adds a record in place (for accumulators).
    pub fn push(&mut self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        self.push_at(self.last_offset_delta + 1, timestamp_ms, key, value, headers);
    }

    /// Adds a record at a given distance from the base offset: compaction and tests leave gaps.
    pub fn push_at(
        &mut self,
        offset_delta: i32,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) {
        assert!(
            offset_delta > self.last_offset_delta,
            "offsets rise within a batch: delta {offset_delta} after {}",
            self.last_offset_delta
        );
        if self.count == 0 {
            self.base_timestamp = self.delete_horizon.unwrap_or(timestamp_ms);
        }
        let timestamp_delta = timestamp_ms - self.base_timestamp;
        let size = record_size(offset_delta, timestamp_delta, key, value, headers);
        self.body.reserve(size + 5);
        write_varint(&mut self.body, size as i32);
        self.body.push(0);
        write_varlong(&mut self.body, timestamp_delta);
        write_varint(&mut self.body, offset_delta);
        write_nullable(&mut self.body, key);
        write_nullable(&mut self.body, value);
        write_varint(&mut self.body, headers.len() as i32);
        for header in headers {
            write_nullable(&mut self.body, Some(&header.key));
            write_nullable(&mut self.body, header.value.as_deref());
        }
        self.last_offset_delta = offset_delta;
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        self.count += 1;
    }

    /// How many records it has.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// How many bytes it would have, uncompressed.
    pub fn estimated_size(&self) -> usize {
        HEADER_SIZE + self.body.len()
    }

    /// How many bytes it would have with one record more, without headers of its own.
    pub fn estimated_size_with(&self, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
        let base_timestamp = if self.count == 0 { timestamp_ms } else { self.base_timestamp };
        let size = record_size(self.last_offset_delta + 1, timestamp_ms - base_timestamp, key, value, &[]);
        self.estimated_size() + varint_size(size as i32) + size
    }

    /// The largest timestamp so far; [`NO_TIMESTAMP`] for none.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The batch.
    ///
    /// # Panics
    /// When it has no record: Kafka never writes an empty batch (only compaction leaves one behind).
    pub fn build(self) -> Bytes {
        assert!(self.count > 0, "a batch has at least one record");
        self.assemble()
    }

    /// What compaction keeps of `original`. The last offset stays, and with it the last sequence number, even if the last
    /// record is gone; without any record only the header is left.
    pub(crate) fn build_retained(mut self, original: &BatchView) -> Bytes {
        assert!(
            self.last_offset_delta <= original.last_offset_delta(),
            "nothing is added: delta {} of {}",
            self.last_offset_delta,
            original.last_offset_delta()
        );
        self.last_offset_delta = original.last_offset_delta();
        if self.count == 0 {
            self.compression = Compression::None;
            self.max_timestamp = original.max_timestamp();
        }
        self.assemble()
    }

    fn assemble(self) -> Bytes {
        let packed = match self.compression {
            Compression::None => None,
            codec => Some(codec.compress(&self.body)),
        };
        let body = packed.as_deref().unwrap_or(&self.body);
        let mut attributes = self.compression.bits();
        if self.timestamp_type == TimestampType::LogAppendTime {
            attributes |= TIMESTAMP_TYPE_BIT;
        }
        if self.transactional {
            attributes |= TRANSACTIONAL_BIT;
        }
        if self.control {
            attributes |= CONTROL_BIT;
        }
        if self.delete_horizon.is_some() {
            attributes |= DELETE_HORIZON_BIT;
        }
        let mut out = Vec::with_capacity(HEADER_SIZE + body.len());
        out.extend_from_slice(&self.base_offset.to_be_bytes());
        out.extend_from_slice(&((HEADER_SIZE - LENGTH_OVERHEAD + body.len()) as i32).to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.0.to_be_bytes());
        out.push(MAGIC_V2 as u8);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&attributes.to_be_bytes());
        out.extend_from_slice(&self.last_offset_delta.to_be_bytes());
        out.extend_from_slice(&self.base_timestamp.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp.to_be_bytes());
        out.extend_from_slice(&self.producer_id.0.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.0.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(body);
        let checksum = crc32c::crc32c(&out[ATTRIBUTES_AT..]);
        out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&checksum.to_be_bytes());
        Bytes::from(out)
    }
}

/// A record's size without its own length field.
fn record_size(
    offset_delta: i32,
    timestamp_delta: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header],
) -> usize {
    let headers_size: usize =
        headers.iter().map(|header| nullable_size(Some(&header.key)) + nullable_size(header.value.as_deref())).sum();
    1 + varlong_size(timestamp_delta)
        + varint_size(offset_delta)
        + nullable_size(key)
        + nullable_size(value)
        + varint_size(headers.len() as i32)
        + headers_size
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(varint_size(-1), |bytes| varint_size(bytes.len() as i32) + bytes.len())
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => write_varint(out, -1),
        Some(bytes) => {
            write_varint(out, bytes.len() as i32);
            out.extend_from_slice(bytes);
        }
    }
}
