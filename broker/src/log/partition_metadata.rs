//! `partition.metadata`: the topic id of a partition's directory (KIP-516).
//!
//! ```text
//!   version: 0
//!   topic_id: AAAAAAAAAAAAAAAAAAAAZA
//! ```
//!
//! It must be on disk before the first record is.

use uuid::Uuid;

use super::checkpoint::CheckpointError;
use super::files;
use crate::context::Context;
use crate::ids::TopicId;
use crate::storage::StorageResult;

const FILE: &str = "partition.metadata";

/// Reads `directory/partition.metadata`; `None` if there is none.
///
/// # Errors
/// Disk failure, or a malformed file.
pub fn read(ctx: &mut Context, directory: &str) -> Result<Option<TopicId>, CheckpointError> {
    let Some(bytes) = files::read_whole(ctx, &format!("{directory}/{FILE}"))? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| CheckpointError::Malformed)?;
    parse(text).map(Some).ok_or(CheckpointError::Malformed)
}

fn parse(text: &str) -> Option<TopicId> {
    let mut lines = text.lines();
    if lines.next()?.strip_prefix("version:")?.trim() != "0" {
        return None;
    }
    let id = parse_uuid(lines.next()?.strip_prefix("topic_id:")?.trim())?;
    (!id.is_nil()).then_some(TopicId(id))
}

/// Writes it: temporary file, sync, rename, directory sync.
///
/// # Errors
/// The disk failed.
pub fn write(ctx: &mut Context, directory: &str, topic_id: TopicId) -> StorageResult<()> {
    files::write_atomically(ctx, directory, FILE, format!("version: 0\ntopic_id: {topic_id}").as_bytes())
}

/// Reads Kafka's URL-safe base64 of an id: 22 characters.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 22 {
        return None;
    }
    let mut bits = 0_u128;
    for (index, byte) in text.bytes().enumerate() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        // The last digit carries two bits; the other four are padding.
        bits = if index == 21 { bits << 2 | u128::from(digit >> 4) } else { bits << 6 | u128::from(digit) };
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_text_is_read_as_it_is_written() {
        for bits in [0, 1, 2, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            let id = TopicId(Uuid::from_u128(bits));
            assert_eq!(parse_uuid(&id.to_string()), Some(id.0));
        }
        assert_eq!(parse_uuid("too short"), None);
    }
}
