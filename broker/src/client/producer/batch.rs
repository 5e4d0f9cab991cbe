//! A batch on the client's side, from its first record to its acknowledgement: Kafka's
//! `ProducerBatch`.
//!
//! ```text
//!   open ── full, or taken ──▶ closed ── sent ──▶ in flight ── answered ──▶ done
//!                                ▲                   │ retriable error
//!                                └───────────────────┘ same producer id, epoch, sequence
//! ```

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{LeaderEpoch, ProducerEpoch, ProducerId, Ticket, TopicPartition};
use crate::record::{BatchBuilder, NO_SEQUENCE};
use crate::time::Time;

/// The header of a batch of format v2, in bytes.
const BATCH_OVERHEAD: i32 = 61;
/// The most that one record adds to its key and value (`DefaultRecord.MAX_RECORD_OVERHEAD`).
const MAX_RECORD_OVERHEAD: i32 = 21;

/// The number of a batch in one producer, in the order of creation.
pub(crate) type BatchId = u64;

/// One record that waits to be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueuedRecord {
    /// Who waits; nobody once the call was abandoned: the record stays.
    pub ticket: Option<Ticket>,
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
}

impl QueuedRecord {
    /// The size that `send` checks and reserves: what a batch of this record has at most
    /// (`AbstractRecords.estimateSizeInBytesUpperBound`).
    pub fn size_upper_bound(&self) -> i32 {
        BATCH_OVERHEAD + MAX_RECORD_OVERHEAD + field_size(&self.key) + field_size(&self.value) + varint_size(0)
    }

    /// The record's exact size in a batch (`DefaultRecord.sizeInBytes`).
    fn size_in_batch(&self, offset_delta: i32, timestamp_delta: i64) -> i32 {
        let attributes = 1;
        let headers = varint_size(0);
        let body = attributes
            + varint_size(timestamp_delta)
            + varint_size(i64::from(offset_delta))
            + field_size(&self.key)
            + field_size(&self.value)
            + headers;
        varint_size(i64::from(body)) + body
    }
}

/// The size of a key or value with its length, in bytes.
fn field_size(field: &Option<Bytes>) -> i32 {
    match field {
        None => varint_size(-1),
        Some(bytes) => varint_size(bytes.len() as i64) + bytes.len() as i32,
    }
}

/// The size of a zigzag varint, in bytes.
fn varint_size(value: i64) -> i32 {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - zigzag.leading_zeros();
    bits.div_ceil(7).max(1) as i32
}

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FinalState {
    Succeeded,
    Failed,
}

/// A batch. What is true of it changes; its records do not, once it is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub id: BatchId,
    pub partition: TopicPartition,
    pub records: Vec<QueuedRecord>,
    /// The bytes that it has so far; ≤ `write_limit` unless it holds a single record.
    pub size: i32,
    write_limit: i32,
    closed: bool,
    /// Bytes of `buffer.memory` that it holds until it is done and no longer in flight.
    pub reserved: i64,
    /// `delivery.timeout.ms` counts from here.
    pub created_at: Time,
    /// Creation or last failure: linger and back-off count from here.
    pub last_attempt: Time,
    pub last_append: Time,
    /// Failed attempts.
    pub attempts: i32,
    pub retry_backoff: Duration,
    /// An attempt ended in a way that leaves open whether it was written: anything but a refused sequence.
    pub had_unclear_end: bool,
    /// Id, epoch; none before the first send, and without idempotence.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    pub base_sequence: i32,
    /// Its sequence was rewritten while it was under way (`reopened`).
    pub sequence_was_reset: bool,
    pub in_flight: bool,
    pub final_state: Option<FinalState>,
    leader_epoch: Option<LeaderEpoch>,
    /// The attempt at which `leader_epoch` was first seen.
    attempts_at_leader_change: i32,
}

impl Batch {
    pub fn new(id: BatchId, partition: TopicPartition, write_limit: i32, reserved: i64, now: Time) -> Batch {
        Batch {
            id,
            partition,
            records: Vec::new(),
            size: BATCH_OVERHEAD,
            write_limit,
            closed: false,
            reserved,
            created_at: now,
            last_attempt: now,
            last_append: now,
            attempts: 0,
            retry_backoff: Duration::ZERO,
            had_unclear_end: false,
            producer: None,
            base_sequence: NO_SEQUENCE,
            sequence_was_reset: false,
            in_flight: false,
            final_state: None,
            leader_epoch: None,
            attempts_at_leader_change: 0,
        }
    }

    pub fn count(&self) -> i32 {
        self.records.len() as i32
    }

    pub fn is_full(&self) -> bool {
        self.closed || (!self.records.is_empty() && self.size >= self.write_limit)
    }

    /// No record enters any more.
    pub fn close(&mut self) {
        self.closed = true;
        self.sequence_was_reset = false;
    }

    pub fn close_for_appends(&mut self) {
        self.closed = true;
    }

    /// Adds a record if there is room, giving the bytes added. A batch always has room
    /// for its first record.
    pub fn try_append(&mut self, record: &QueuedRecord, now: Time) -> Option<i32> {
        if self.is_full() {
            return None;
        }
        let base = self.records.first().map_or(record.timestamp_ms, |first| first.timestamp_ms);
        let added = record.size_in_batch(self.count(), record.timestamp_ms - base);
        if !self.records.is_empty() && self.size + added > self.write_limit {
            return None;
        }
        self.size += added;
        self.records.push(record.clone());
        self.last_append = now;
        Some(added)
    }

    pub fn has_sequence(&self) -> bool {
        self.base_sequence != NO_SEQUENCE
    }

    pub fn last_sequence(&self) -> i32 {
        if self.has_sequence() { increment_sequence(self.base_sequence, self.count() - 1) } else { NO_SEQUENCE }
    }

    pub fn is_done(&self) -> bool {
        self.final_state.is_some()
    }

    /// It goes back to its queue after a failed attempt.
    pub fn reenqueued(&mut self, now: Time, backoff: Duration) {
        self.attempts += 1;
        self.last_attempt = self.last_append.max(now);
        self.last_append = self.last_append.max(now);
        self.retry_backoff = backoff;
    }

    /// Whether it was sent before (`inRetry`).
    pub fn in_retry(&self) -> bool {
        self.attempts > 0
    }

    /// Whether some attempt of it may have been written, or may still be.
    pub fn may_be_written(&self) -> bool {
        self.in_flight || self.had_unclear_end
    }

    /// Takes note of the leader epoch that it would be sent to.
    pub fn see_leader_epoch(&mut self, latest: Option<LeaderEpoch>) {
        if let Some(latest) = latest
            && self.leader_epoch.is_none_or(|known| known < latest)
        {
            self.attempts_at_leader_change = self.attempts;
            self.leader_epoch = Some(latest);
        }
    }

    /// Whether it waits out its retry back-off. A leader that changed since the failure is
    /// another reason to try, so the wait ends (KIP-951).
    pub fn is_backing_off(&self, now: Time) -> bool {
        let leader_changed = self.attempts >= 1 && self.attempts == self.attempts_at_leader_change;
        self.attempts > 0 && !leader_changed && now < self.last_attempt + self.retry_backoff
    }

    /// The bytes to send.
    pub fn build(&self) -> Bytes {
        let mut builder = BatchBuilder::new(0);
        if let Some((id, epoch)) = self.producer {
            builder = builder.producer(id, epoch, self.base_sequence);
        }
        for record in &self.records {
            builder.push(record.timestamp_ms, record.key.as_deref(), record.value.as_deref(), &[]);
        }
        builder.build()
    }
}

/// A sequence number so many further: they wrap from 2³¹−1 to 0.
pub(crate) fn increment_sequence(sequence: i32, by: i32) -> i32 {
    if sequence > i32::MAX - by { by - (i32::MAX - sequence) - 1 } else { sequence + by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        // DefaultRecordBatchTest.testIncrementSequence
        assert_eq!(increment_sequence(0, 10), 10);
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 5, 10), 4);
    }

    #[test]
    fn varints_have_kafkas_sizes() {
        // ByteUtilsTest: 63 → 1 byte, 64 → 2, 8191 → 2, 8192 → 3, −1 → 1.
        for (value, size) in [(0, 1), (-1, 1), (63, 1), (64, 2), (-64, 1), (-65, 2), (8191, 2), (8192, 3)] {
            assert_eq!(varint_size(value), size, "{value}");
        }
    }
}
