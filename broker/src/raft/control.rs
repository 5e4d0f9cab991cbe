//! Values of the metadata log's control records (KIP-595, KIP-630, KIP-853), byte for byte.
//!
//! All five are "flexible" messages of version 0: the version in front, strings and arrays
//! with an unsigned varint of their length plus one, an empty tagged-field section after
//! every structure.
//!
//! ```text
//!   LeaderChange    version i16 | leader i32 | voters [id i32] | granting voters [id i32]
//!   SnapshotHeader  version i16 | timestamp of the last record in it i64
//!   SnapshotFooter  version i16
//!   KRaftVersion    version i16 | level i16
//!   KRaftVoters     version i16 | [id i32 | directory 16 B | [name, host, port u16] | min i16, max i16]
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::voters::VoterSet;
use crate::config::Voter;
use crate::ids::{DirectoryId, Endpoint, NodeId};
use crate::message::ReplicaKey;
use crate::record::{ControlType, Record};

/// The name of the listener that voters are registered with.
const LISTENER: &str = "CONTROLLER";
/// The kraft.version range that a 4.1 voter supports.
const SUPPORTED_KRAFT_VERSIONS: (i16, i16) = (0, 1);
/// The version of each of these messages in 4.1.
const VERSION: i16 = 0;

/// A control record that the quorum reads back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ControlRecord {
    /// A new voter set.
    Voters(VoterSet),
    /// A new level of kraft.version.
    KRaftVersion(i16),
    /// Any other: nothing that a member must remember.
    Other,
}

pub(super) fn leader_change(leader: NodeId, voters: &[NodeId], granting: &[NodeId]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_i32(leader.0);
    for ids in [voters, granting] {
        put_length(&mut out, ids.len());
        for id in ids {
            out.put_i32(id.0);
            out.put_u8(0);
        }
    }
    out.put_u8(0);
    out.freeze()
}

pub(super) fn snapshot_header(last_timestamp: i64) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_i64(last_timestamp);
    out.put_u8(0);
    out.freeze()
}

pub(super) fn snapshot_footer() -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_u8(0);
    out.freeze()
}

pub(super) fn kraft_version(level: i16) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_i16(level);
    out.put_u8(0);
    out.freeze()
}

pub(super) fn voters(voters: &VoterSet) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    put_length(&mut out, voters.len());
    for voter in voters.iter() {
        out.put_i32(voter.replica.id.0);
        out.put_slice(voter.replica.directory_id.0.as_bytes());
        put_length(&mut out, 1);
        put_string(&mut out, LISTENER);
        put_string(&mut out, &voter.endpoint.host);
        out.put_u16(voter.endpoint.port);
        out.put_u8(0);
        out.put_i16(SUPPORTED_KRAFT_VERSIONS.0);
        out.put_i16(SUPPORTED_KRAFT_VERSIONS.1);
        out.put_u8(0);
        out.put_u8(0);
    }
    out.put_u8(0);
    out.freeze()
}

/// When the last record in a snapshot was appended, from its header record.
pub(super) fn header_timestamp(record: &Record) -> Option<i64> {
    if control_type(record)? != ControlType::SnapshotHeader {
        return None;
    }
    let mut value = record.value.clone()?;
    (value.remaining() >= 10).then(|| {
        value.advance(2);
        value.get_i64()
    })
}

/// What a control record says, or `None` where it cannot be read.
pub(super) fn decode(record: &Record) -> Option<ControlRecord> {
    match control_type(record)? {
        ControlType::KRaftVersion => {
            let mut value = record.value.clone()?;
            (value.remaining() >= 4).then(|| {
                value.advance(2);
                ControlRecord::KRaftVersion(value.get_i16())
            })
        }
        ControlType::KRaftVoters => decode_voters(record.value.clone()?).map(ControlRecord::Voters),
        ControlType::LeaderChange
        | ControlType::SnapshotHeader
        | ControlType::SnapshotFooter
        | ControlType::Abort
        | ControlType::Commit => Some(ControlRecord::Other),
    }
}

/// The type in a control record's key: version i16, type i16.
fn control_type(record: &Record) -> Option<ControlType> {
    let mut key = record.key.clone()?;
    if key.remaining() < 4 {
        return None;
    }
    key.advance(2);
    Some(match key.get_i16() {
        0 => ControlType::Abort,
        1 => ControlType::Commit,
        2 => ControlType::LeaderChange,
        3 => ControlType::SnapshotHeader,
        4 => ControlType::SnapshotFooter,
        5 => ControlType::KRaftVersion,
        6 => ControlType::KRaftVoters,
        _ => return None,
    })
}

fn decode_voters(mut value: Bytes) -> Option<VoterSet> {
    take(&mut value, 2)?;
    let count = length(&mut value)?;
    let mut voters = Vec::new();
    for _ in 0..count {
        let id = NodeId(take(&mut value, 4)?.get_i32());
        let directory = DirectoryId(Uuid::from_slice(&take(&mut value, 16)?).ok()?);
        let mut endpoint = None;
        for _ in 0..length(&mut value)? {
            let _name = string(&mut value)?;
            let host = string(&mut value)?;
            let port = take(&mut value, 2)?.get_u16();
            skip_tags(&mut value)?;
            endpoint.get_or_insert(Endpoint::new(&host, port));
        }
        take(&mut value, 4)?;
        skip_tags(&mut value)?;
        skip_tags(&mut value)?;
        voters.push(Voter { replica: ReplicaKey { id, directory_id: directory }, endpoint: endpoint? });
    }
    Some(VoterSet::new(voters))
}

fn put_length(out: &mut BytesMut, length: usize) {
    let mut value = length as u32 + 1;
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn put_string(out: &mut BytesMut, text: &str) {
    put_length(out, text.len());
    out.put_slice(text.as_bytes());
}

fn take(value: &mut Bytes, length: usize) -> Option<Bytes> {
    (value.remaining() >= length).then(|| value.split_to(length))
}

fn varint(value: &mut Bytes) -> Option<u32> {
    let mut result = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = take(value, 1)?.get_u8();
        result |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(result);
        }
    }
    None
}

fn length(value: &mut Bytes) -> Option<usize> {
    varint(value)?.checked_sub(1).map(|length| length as usize)
}

fn string(value: &mut Bytes) -> Option<String> {
    let length = length(value)?;
    String::from_utf8(take(value, length)?.to_vec()).ok()
}

fn skip_tags(value: &mut Bytes) -> Option<()> {
    for _ in 0..varint(value)? {
        varint(value)?;
        let length = varint(value)? as usize;
        take(value, length)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voter(id: i32) -> Voter {
        Voter {
            replica: ReplicaKey { id: NodeId(id), directory_id: DirectoryId(Uuid::from_u128(id as u128 + 100)) },
            endpoint: Endpoint::new(&format!("c{id}"), 9093),
        }
    }

    #[test]
    fn voters_record_reads_back_what_was_written() {
        let set = VoterSet::new(vec![voter(1), voter(2), voter(3)]);
        assert_eq!(decode_voters(voters(&set)), Some(set));
    }

    #[test]
    fn voters_record_cut_short_is_refused_not_a_panic() {
        let bytes = voters(&VoterSet::new(vec![voter(1)]));
        for length in 0..bytes.len() - 1 {
            assert_eq!(decode_voters(bytes.slice(..length)), None, "a prefix of {length} bytes");
        }
    }

    #[test]
    fn leader_change_is_kafkas_bytes() {
        // version 0, leader 1, two voters (length + 1 = 3) each with an empty tag section, one granting voter.
        let expected = [0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 1, 0, 0];
        assert_eq!(leader_change(NodeId(1), &[NodeId(1), NodeId(2)], &[NodeId(1)])[..], expected);
    }
}
