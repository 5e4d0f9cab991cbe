//! Looking at batches without copying them (`DefaultRecordBatch`, `ByteBufferLogInputStream`).

use bytes::Bytes;

use super::batch::{ATTRIBUTES_AT, BatchHeader, HEADER_SIZE};
use super::varint::Cursor;
use super::{Compression, ControlType, EndTransactionMarker, Header, Record, RecordError, TimestampType};
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// A batch in somebody else's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchView {
    header: BatchHeader,
    bytes: Bytes,
}

impl BatchView {
    /// The batch at the beginning of `bytes`; what follows it is ignored.
    ///
    /// # Errors
    /// Header implausible or bytes missing. The checksum is not looked at.
    pub fn parse(bytes: &Bytes) -> Result<BatchView, RecordError> {
        let header = BatchHeader::parse(bytes)?;
        if bytes.len() < header.size {
            return Err(RecordError::Truncated);
        }
        Ok(BatchView { header, bytes: bytes.slice(..header.size) })
    }

    pub(crate) fn header(&self) -> &BatchHeader {
        &self.header
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
        self.header.base_offset
    }

    /// The last offset. Compaction keeps it even when the last record is gone.
    pub fn last_offset(&self) -> Offset {
        self.header.last_offset()
    }

    /// The offset after the last.
    pub fn next_offset(&self) -> Offset {
        self.header.next_offset()
    }

    /// How far the last offset lies behind the first.
    pub fn last_offset_delta(&self) -> i32 {
        self.header.last_offset_delta
    }

    /// The epoch of the leader that appended it.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.header.leader_epoch
    }

    /// The stored CRC-32C.
    pub fn checksum(&self) -> u32 {
        self.header.checksum
    }

    /// Whether the stored checksum is right.
    pub fn is_valid(&self) -> bool {
        crc32c::crc32c(&self.bytes[ATTRIBUTES_AT..]) == self.header.checksum
    }

    /// How many records the header says.
    pub fn count(&self) -> i32 {
        self.header.count
    }

    /// The first record's timestamp.
    pub fn base_timestamp(&self) -> i64 {
        self.header.base_timestamp
    }

    /// The largest timestamp.
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// Who gave the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        self.header.timestamp_type()
    }

    /// The producer's id.
    pub fn producer_id(&self) -> ProducerId {
        self.header.producer_id
    }

    /// The producer's epoch.
    pub fn producer_epoch(&self) -> ProducerEpoch {
        self.header.producer_epoch
    }

    /// The first sequence number.
    pub fn base_sequence(&self) -> i32 {
        self.header.base_sequence
    }

    /// The last sequence number: wraps from 2147483647 to 0.
    pub fn last_sequence(&self) -> i32 {
        self.header.last_sequence()
    }

    /// Whether it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.header.is_transactional()
    }

    /// Whether it holds control records.
    pub fn is_control(&self) -> bool {
        self.header.is_control()
    }

    /// From when on compaction may drop its tombstones or its marker, in milliseconds of the wall clock; none before a
    /// pass has seen them (KIP-534).
    pub fn delete_horizon(&self) -> Option<i64> {
        self.header.delete_horizon()
    }

    /// The codec.
    ///
    /// # Errors
    /// Kafka defines no codec with these bits.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        self.header.compression()
    }

    /// Decompresses and decodes the records. Keys and values of an uncompressed batch share its bytes.
    ///
    /// # Errors
    /// The body is malformed, or holds another number of records than the header says.
    pub fn records(&self) -> Result<Vec<Record>, RecordError> {
        let body = self.bytes.slice(HEADER_SIZE..);
        let body = match self.compression()? {
            Compression::None => body,
            codec => Bytes::from(codec.decompress(&body)?),
        };
        if self.header.count < 0 {
            return Err(RecordError::InvalidCount);
        }
        let mut cursor = Cursor::new(&body);
        let mut records = Vec::with_capacity((self.header.count as usize).min(body.len()));
        for _ in 0..self.header.count {
            if cursor.remaining() == 0 {
                return Err(RecordError::InvalidCount);
            }
            records.push(self.record(&body, &mut cursor)?);
        }
        if cursor.remaining() > 0 {
            return Err(RecordError::InvalidCount);
        }
        Ok(records)
    }

    fn record(&self, body: &Bytes, cursor: &mut Cursor<'_>) -> Result<Record, RecordError> {
        let size = usize::try_from(cursor.varint()?).map_err(|_| RecordError::InvalidRecord)?;
        let start = cursor.position();
        cursor.u8()?;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let key = nullable(body, cursor)?;
        let value = nullable(body, cursor)?;
        let header_count = cursor.varint()?;
        if header_count < 0 || header_count as usize > cursor.remaining() {
            return Err(RecordError::InvalidRecord);
        }
        let mut headers = Vec::with_capacity(header_count as usize);
        for _ in 0..header_count {
            let key = nullable(body, cursor)?.ok_or(RecordError::InvalidRecord)?;
            headers.push(Header { key, value: nullable(body, cursor)? });
        }
        if cursor.position() - start != size || offset_delta < 0 {
            return Err(RecordError::InvalidRecord);
        }
        let timestamp = match self.timestamp_type() {
            TimestampType::CreateTime => self.header.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.header.max_timestamp,
        };
        let offset = self.header.base_offset.saturating_add(i64::from(offset_delta));
        Ok(Record { offset, offset_delta, timestamp, key, value, headers })
    }

    /// The type of the first control record, if this is a control batch that has one.
    pub fn control_type(&self) -> Option<ControlType> {
        if !self.is_control() {
            return None;
        }
        ControlType::from_key(self.records().ok()?.first()?.key.as_deref()?)
    }

    /// The transaction marker in this batch, with its timestamp, if it is one.
    pub fn end_transaction_marker(&self) -> Option<(EndTransactionMarker, i64)> {
        if !self.is_control() {
            return None;
        }
        let records = self.records().ok()?;
        let record = records.first()?;
        let marker = EndTransactionMarker::decode(record.key.as_deref()?, record.value.as_deref()?).ok()?;
        Some((marker, record.timestamp))
    }
}

/// A length and that many bytes of `body`; a length of −1 is null.
fn nullable(body: &Bytes, cursor: &mut Cursor<'_>) -> Result<Option<Bytes>, RecordError> {
    let length = cursor.varint()?;
    if length < 0 {
        return if length == -1 { Ok(None) } else { Err(RecordError::InvalidRecord) };
    }
    let start = cursor.position();
    cursor.take(length as usize)?;
    Ok(Some(body.slice(start..cursor.position())))
}

/// The batches of a concatenation; a partial batch at the end ends it.
#[derive(Clone, Debug)]
pub struct BatchIterator {
    rest: Bytes,
}

/// The batches of `records`, in order.
///
/// A trailing partial batch ends the iteration, because Kafka cuts fetch responses anywhere.
/// A malformed one yields its error once and ends it too: nothing behind it can be found.
pub fn batches(records: &Bytes) -> BatchIterator {
    BatchIterator { rest: records.clone() }
}

impl Iterator for BatchIterator {
    type Item = Result<BatchView, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        match BatchView::parse(&self.rest) {
            Ok(batch) => {
                self.rest = self.rest.slice(batch.size()..);
                Some(Ok(batch))
            }
            Err(RecordError::Truncated) => None,
            Err(error) => {
                self.rest = Bytes::new();
                Some(Err(error))
            }
        }
    }
}
