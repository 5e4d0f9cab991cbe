//! What a record is, what a batch's header says, and what can be wrong with either.
//!
//! ```text
//!   0        8       12           16    17   21        23              27            35           43
//!   ┌────────┬───────┬────────────┬─────┬────┬─────────┬───────────────┬─────────────┬────────────┬─
//!   │ base   │ length│ leader     │magic│ crc│attri-   │ last offset   │ base        │ max        │
//!   │ offset │       │ epoch      │  2  │    │butes    │ delta         │ timestamp   │ timestamp  │
//!   └────────┴───────┴────────────┴─────┴────┴─────────┴───────────────┴─────────────┴────────────┴─
//!   43         51             53             57      61
//!  ─┬──────────┬──────────────┬──────────────┬───────┬──────────
//!   │ producer │ producer     │ base         │ count │ records …
//!   │ id       │ epoch        │ sequence     │       │
//!  ─┴──────────┴──────────────┴──────────────┴───────┴──────────
//! ```
//!
//! `length` counts from the leader epoch on. The checksum (CRC-32C) covers everything
//! from the attributes on: a leader stamps base offset and leader epoch into a batch
//! without touching it.

use bytes::Bytes;

use super::Compression;
use super::varint::Cursor;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use crate::time::TimestampType;

/// The timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;
/// The base sequence of a batch whose producer is not idempotent.
pub const NO_SEQUENCE: i32 = -1;

/// Bytes before the part that `length` counts: base offset and length.
pub(crate) const LENGTH_OVERHEAD: usize = 12;
/// Bytes of a batch before its records.
pub(crate) const HEADER_SIZE: usize = 61;
const LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
pub(crate) const CRC_AT: usize = 17;
pub(crate) const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
pub(crate) const MAX_TIMESTAMP_AT: usize = 35;

pub(crate) const MAGIC_V2: i8 = 2;
pub(crate) const TIMESTAMP_TYPE_BIT: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL_BIT: i16 = 1 << 4;
pub(crate) const CONTROL_BIT: i16 = 1 << 5;
/// The base timestamp is a delete horizon (KIP-534).
pub(crate) const DELETE_HORIZON_BIT: i16 = 1 << 6;
const COMPRESSION_BITS: i16 = 0b111;

/// A record's header: a name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// The name: UTF-8.
    pub key: Bytes,
    /// The value; `None` is Kafka's null.
    pub value: Option<Bytes>,
}

/// One record as it lies in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its offset: the batch's base offset plus `offset_delta`.
    pub offset: Offset,
    /// How far it lies behind the batch's base offset; never negative.
    pub offset_delta: i32,
    /// Milliseconds since 1970 by the batch's timestamp type; [`NO_TIMESTAMP`] for none.
    pub timestamp: i64,
    /// The key; `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// The value; `None` is Kafka's null (a tombstone in a compacted topic).
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<Header>,
}

/// What is wrong with bytes that should be a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordError {
    /// Fewer bytes than the batch says it has: a torn tail, or a cut response.
    Truncated,
    /// The length field is smaller than a header, or negative.
    InvalidSize(i32),
    /// Not format v2.
    UnsupportedMagic(i8),
    /// The checksum does not match.
    InvalidChecksum,
    /// Codec bits that Kafka does not define.
    UnknownCompression(u8),
    /// The compressed body cannot be decompressed.
    CannotDecompress,
    /// A record is malformed, or the records do not fill the body exactly.
    InvalidRecord,
    /// The record count contradicts the last offset delta or the records.
    InvalidCount,
}

/// The 61 bytes before the records, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: Offset,
    /// The whole batch in bytes; at least [`HEADER_SIZE`].
    pub(crate) size: usize,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) checksum: u32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) base_sequence: i32,
    pub(crate) count: i32,
}

/// A field of a header.
fn array<const N: usize>(header: &[u8; HEADER_SIZE], at: usize) -> [u8; N] {
    *header[at..].first_chunk().expect("a field lies in the header")
}

impl BatchHeader {
    /// Decodes the header at the beginning of `bytes`; the records need not be there.
    ///
    /// # Errors
    /// `Truncated` when the header is cut; `InvalidSize`, `UnsupportedMagic` when it is implausible.
    pub(crate) fn parse(bytes: &[u8]) -> Result<BatchHeader, RecordError> {
        // Reading a log is reading many headers. Where the length is known, no field is compared with it.
        match bytes.first_chunk::<HEADER_SIZE>() {
            Some(whole) => Self::decode(whole),
            None => Self::decode(bytes),
        }
    }

    /// What a scan must know of a batch that it passes by: its last offset, and its size in bytes. As [`BatchHeader::parse`]
    /// in all that can be wrong; a scan passes by many batches for each that it reads.
    pub(crate) fn peek(bytes: &[u8]) -> Result<(Offset, usize), RecordError> {
        let Some(whole) = bytes.first_chunk::<HEADER_SIZE>() else {
            return Self::decode(bytes).map(|header| (header.last_offset(), header.size));
        };
        let length = i32::from_be_bytes(array(whole, LENGTH_AT));
        if length < (HEADER_SIZE - LENGTH_OVERHEAD) as i32 || whole[MAGIC_AT] as i8 != MAGIC_V2 {
            return Self::decode(whole).map(|header| (header.last_offset(), header.size));
        }
        let base_offset = Offset::from_be_bytes(array(whole, 0));
        let last_offset_delta = i32::from_be_bytes(array(whole, LAST_OFFSET_DELTA_AT));
        Ok((base_offset.saturating_add(i64::from(last_offset_delta)), LENGTH_OVERHEAD + length as usize))
    }

    #[inline(always)]
    fn decode(bytes: &[u8]) -> Result<BatchHeader, RecordError> {
        let mut cursor = Cursor::new(bytes);
        let cut = |_| RecordError::Truncated;
        let base_offset = cursor.i64().map_err(cut)?;
        let length = cursor.i32().map_err(cut)?;
        if length < (HEADER_SIZE - LENGTH_OVERHEAD) as i32 {
            return Err(RecordError::InvalidSize(length));
        }
        let leader_epoch = LeaderEpoch(cursor.i32().map_err(cut)?);
        let magic = cursor.u8().map_err(cut)? as i8;
        if magic != MAGIC_V2 {
            return Err(RecordError::UnsupportedMagic(magic));
        }
        Ok(BatchHeader {
            base_offset,
            size: LENGTH_OVERHEAD + length as usize,
            leader_epoch,
            checksum: cursor.u32().map_err(cut)?,
            attributes: cursor.i16().map_err(cut)?,
            last_offset_delta: cursor.i32().map_err(cut)?,
            base_timestamp: cursor.i64().map_err(cut)?,
            max_timestamp: cursor.i64().map_err(cut)?,
            producer_id: ProducerId(cursor.i64().map_err(cut)?),
            producer_epoch: ProducerEpoch(cursor.i16().map_err(cut)?),
            base_sequence: cursor.i32().map_err(cut)?,
            count: cursor.i32().map_err(cut)?,
        })
    }

    /// Saturates: a damaged header must not overflow.
    pub(crate) fn last_offset(&self) -> Offset {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    pub(crate) fn next_offset(&self) -> Offset {
        self.last_offset().saturating_add(1)
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    pub(crate) fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    pub(crate) fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE_BIT == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }

    pub(crate) fn compression(&self) -> Result<Compression, RecordError> {
        Compression::from_bits((self.attributes & COMPRESSION_BITS) as u8)
    }

    /// Sequence numbers wrap from 2147483647 to 0.
    pub(crate) fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            NO_SEQUENCE
        } else {
            add_to_sequence(self.base_sequence, self.last_offset_delta)
        }
    }
}

/// `sequence + increment` in the ring of non-negative `i32`; `increment` is not negative.
pub fn add_to_sequence(sequence: i32, increment: i32) -> i32 {
    ((i64::from(sequence) + i64::from(increment)) & i64::from(i32::MAX)) as i32
}

/// `sequence - decrement` in the ring of non-negative `i32`; `decrement` is not negative.
pub fn subtract_from_sequence(sequence: i32, decrement: i32) -> i32 {
    ((i64::from(sequence) - i64::from(decrement)) & i64::from(i32::MAX)) as i32
}
