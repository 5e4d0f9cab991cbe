//! Offset and time indexes: they may lag behind their segment, and every entry names a batch of it
//! (`LogSegment.append`, `OffsetIndex`, `TimeIndex`).
//!
//! ```text
//!   .index       8 bytes:  offset − base (4) │ position (4)       a batch begins there and ends with that offset
//!   .timeindex  12 bytes:  timestamp (8) │ offset − base (4)      the batch that ends there has it as its largest
//! ```

use std::collections::BTreeMap;

use trial_broker::ids::Offset;

use super::Segment;

fn number<const SIZE: usize>(bytes: &[u8]) -> [u8; SIZE] {
    bytes.try_into().expect("as many bytes as the entry has")
}

/// What an offset index says that its segment does not hold.
pub(super) fn offsets(
    base: Offset,
    content: &[u8],
    segment: &Segment,
    _: &BTreeMap<Offset, &Segment>,
) -> Option<String> {
    let mut before = None;
    for entry in content.chunks(8) {
        if entry.len() < 8 {
            return Some("it ends within an entry".to_owned());
        }
        let offset = base + i64::from(i32::from_be_bytes(number(&entry[..4])));
        let position = u64::from(u32::from_be_bytes(number(&entry[4..])));
        let named = segment.batch_ending_at(offset).map(|(start, _)| start);
        if before.is_some_and(|before| before >= (offset, position)) || named != Some(position) {
            return Some(format!(
                "it has offset {offset} at position {position}; the batch that ends with it begins at {named:?}"
            ));
        }
        before = Some((offset, position));
    }
    None
}

/// What a time index says that its segment does not hold.
pub(super) fn times(base: Offset, content: &[u8], segment: &Segment, _: &BTreeMap<Offset, &Segment>) -> Option<String> {
    let mut before = None;
    for entry in content.chunks(12) {
        if entry.len() < 12 {
            return Some("it ends within an entry".to_owned());
        }
        let timestamp = i64::from_be_bytes(number(&entry[..8]));
        let offset = base + i64::from(i32::from_be_bytes(number(&entry[8..])));
        let largest = segment.batch_ending_at(offset).map(|(_, batch)| batch.max_timestamp);
        let rises = before.is_none_or(|(time, at)| time < timestamp && at <= offset);
        if !rises || largest != Some(timestamp) {
            return Some(format!(
                "it has timestamp {timestamp} at offset {offset}; the batch that ends there has {largest:?}"
            ));
        }
        before = Some((timestamp, offset));
    }
    None
}
