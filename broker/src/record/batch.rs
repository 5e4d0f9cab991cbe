//! What a record is, and what can be wrong with a batch of them.

use bytes::Bytes;

use crate::ids::Offset;

/// The timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;
/// The base sequence of a batch whose producer is not idempotent.
pub const NO_SEQUENCE: i32 = -1;

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

/// Who gave a batch its timestamps (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The leader's wall clock at the append.
    LogAppendTime,
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
