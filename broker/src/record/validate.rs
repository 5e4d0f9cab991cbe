//! What a leader checks and stamps before it appends (`LogValidator`).

use bytes::Bytes;

use super::batch::{ATTRIBUTES_AT, CRC_AT, LEADER_EPOCH_AT, MAX_TIMESTAMP_AT, TIMESTAMP_TYPE_BIT};
use super::{BatchView, NO_TIMESTAMP, TimestampType};
use crate::ids::{LeaderEpoch, Offset};

/// Why a leader refuses a client's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchProblem {
    /// Offset deltas and record count contradict each other, or the body is malformed.
    InvalidOffsets,
    /// Clients may not write control records.
    ControlFromClient,
    /// An idempotent producer's batch without a sequence number.
    InvalidSequence,
    /// A record's timestamp lies too far in the future, or the type is not CreateTime.
    InvalidTimestamp,
}

/// Checks a client's batch and finds the largest timestamp of its records.
///
/// The checksum has been verified before. `latest` is the largest accepted timestamp in
/// milliseconds; a record without a timestamp is exempt.
///
/// # Errors
/// The first problem found, in Kafka's order: the batch's numbers, then its records.
pub fn validate_client_batch(batch: &BatchView, latest: i64) -> Result<i64, BatchProblem> {
    let count_from_offsets = i64::from(batch.last_offset_delta()) + 1;
    if count_from_offsets <= 0 || batch.count() <= 0 || count_from_offsets != i64::from(batch.count()) {
        return Err(BatchProblem::InvalidOffsets);
    }
    if batch.is_control() {
        return Err(BatchProblem::ControlFromClient);
    }
    if batch.producer_id().is_some() && batch.base_sequence() < 0 {
        return Err(BatchProblem::InvalidSequence);
    }
    let records = batch.records().map_err(|_| BatchProblem::InvalidOffsets)?;
    if batch.timestamp_type() == TimestampType::LogAppendTime
        || records.iter().any(|record| record.timestamp != NO_TIMESTAMP && record.timestamp > latest)
    {
        return Err(BatchProblem::InvalidTimestamp);
    }
    // Simplified: Kafka rebuilds a compressed batch whose inner offsets are not 0, 1, 2, …; such a
    // batch is refused here. No client of the last ten years sends one.
    if records.iter().enumerate().any(|(index, record)| record.offset_delta != index as i32) {
        return Err(BatchProblem::InvalidOffsets);
    }
    Ok(records.iter().map(|record| record.timestamp).max().unwrap_or(NO_TIMESTAMP))
}

/// The batch as the leader stores it: base offset and leader epoch stamped, the largest timestamp put right.
///
/// The checksum covers the timestamps and nothing of the rest, so it changes only with them.
pub fn stamp(batch: &BatchView, base_offset: Offset, leader_epoch: LeaderEpoch, max_timestamp: i64) -> Bytes {
    let mut bytes = batch.bytes().to_vec();
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.0.to_be_bytes());
    if max_timestamp != batch.max_timestamp() {
        bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
        let checksum = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&checksum.to_be_bytes());
    }
    Bytes::from(bytes)
}

/// As [`stamp`], with the leader's clock for the timestamps of all its records (`LogAppendTime`): `now` in milliseconds.
pub fn stamp_with_append_time(batch: &BatchView, base_offset: Offset, leader_epoch: LeaderEpoch, now: i64) -> Bytes {
    let mut bytes = stamp(batch, base_offset, leader_epoch, now).to_vec();
    let attributes = i16::from_be_bytes([bytes[ATTRIBUTES_AT], bytes[ATTRIBUTES_AT + 1]]) | TIMESTAMP_TYPE_BIT;
    bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
    bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&checksum.to_be_bytes());
    Bytes::from(bytes)
}
