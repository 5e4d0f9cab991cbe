//! Control records: what leaders and coordinators write between the data.
//!
//! Their key is a version and a type, two bytes each; their value depends on the type.
//! Consumers skip them, but they take offsets like any record.

use std::sync::Arc;

use uuid::Uuid;

use super::RecordError;
use super::varint::{Cursor, write_unsigned};
use crate::ids::{DirectoryId, Endpoint, NodeId};
use crate::message::ReplicaKey;
use crate::name::Name;

/// The type in a control record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// A transaction was aborted.
    Abort,
    /// A transaction was committed.
    Commit,
    /// A quorum leader begins its epoch (KIP-595).
    LeaderChange,
    /// First record of a metadata snapshot (KIP-630).
    SnapshotHeader,
    /// Last record of a metadata snapshot (KIP-630).
    SnapshotFooter,
    /// The level of kraft.version (KIP-853).
    KRaftVersion,
    /// The voter set (KIP-853).
    KRaftVoters,
}

impl ControlType {
    /// The key of a control record of this type.
    pub fn key(self) -> [u8; 4] {
        let code = self as i16;
        let [high, low] = code.to_be_bytes();
        [0, 0, high, low]
    }

    /// The type that a key names; `None` for types that Trial does not know.
    pub fn from_key(key: &[u8]) -> Option<ControlType> {
        let mut cursor = Cursor::new(key);
        if cursor.i16().ok()? < 0 {
            return None;
        }
        match cursor.i16().ok()? {
            0 => Some(ControlType::Abort),
            1 => Some(ControlType::Commit),
            2 => Some(ControlType::LeaderChange),
            3 => Some(ControlType::SnapshotHeader),
            4 => Some(ControlType::SnapshotFooter),
            5 => Some(ControlType::KRaftVersion),
            6 => Some(ControlType::KRaftVoters),
            _ => None,
        }
    }
}

/// The value of an abort or commit marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndTransactionMarker {
    /// Commit rather than abort.
    pub commit: bool,
    /// The epoch of the transaction coordinator's partition leader.
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// The control type of the marker.
    pub fn control_type(self) -> ControlType {
        if self.commit { ControlType::Commit } else { ControlType::Abort }
    }

    /// The record's value: version 0 and the coordinator's epoch.
    pub fn value(self) -> [u8; 6] {
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        value
    }

    /// Reads a marker.
    ///
    /// # Errors
    /// Another control record, or a malformed one.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<EndTransactionMarker, RecordError> {
        let commit = match ControlType::from_key(key) {
            Some(ControlType::Commit) => true,
            Some(ControlType::Abort) => false,
            _ => return Err(RecordError::InvalidRecord),
        };
        let mut cursor = Cursor::new(value);
        cursor.i16()?;
        Ok(EndTransactionMarker { commit, coordinator_epoch: cursor.i32()? })
    }
}

/// The value of a LEADER_CHANGE record, version 1 (KIP-853).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaderChange {
    /// The new leader.
    pub leader: NodeId,
    /// The voters of its epoch.
    pub voters: Vec<ReplicaKey>,
    /// Those who voted for it.
    pub granting_voters: Vec<ReplicaKey>,
}

impl LeaderChange {
    /// The record's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = 1_i16.to_be_bytes().to_vec();
        out.extend_from_slice(&self.leader.0.to_be_bytes());
        for voters in [&self.voters, &self.granting_voters] {
            write_length(&mut out, voters.len());
            for voter in voters {
                out.extend_from_slice(&voter.id.0.to_be_bytes());
                out.extend_from_slice(voter.directory_id.0.as_bytes());
                write_unsigned(&mut out, 0);
            }
        }
        write_unsigned(&mut out, 0);
        out
    }

    /// Reads the record's value.
    ///
    /// # Errors
    /// Malformed.
    pub fn decode(value: &[u8]) -> Result<LeaderChange, RecordError> {
        let mut cursor = Cursor::new(value);
        let version = cursor.i16()?;
        let leader = NodeId(cursor.i32()?);
        let mut voters = || -> Result<Vec<ReplicaKey>, RecordError> {
            let mut list = Vec::new();
            for _ in 0..read_length(&mut cursor)? {
                let id = NodeId(cursor.i32()?);
                let directory_id =
                    if version >= 1 { DirectoryId(Uuid::from_u128(cursor.u128()?)) } else { DirectoryId::UNASSIGNED };
                list.push(ReplicaKey { id, directory_id });
                skip_tags(&mut cursor)?;
            }
            Ok(list)
        };
        Ok(LeaderChange { leader, voters: voters()?, granting_voters: voters()? })
    }
}

/// The value of a SNAPSHOT_HEADER record, version 0: the append time of the last record that the snapshot covers.
pub fn snapshot_header(last_contained_log_timestamp: i64) -> Vec<u8> {
    let mut out = 0_i16.to_be_bytes().to_vec();
    out.extend_from_slice(&last_contained_log_timestamp.to_be_bytes());
    write_unsigned(&mut out, 0);
    out
}

/// Reads a SNAPSHOT_HEADER: the append time of the last record that the snapshot covers.
///
/// # Errors
/// Malformed.
pub fn decode_snapshot_header(value: &[u8]) -> Result<i64, RecordError> {
    let mut cursor = Cursor::new(value);
    cursor.i16()?;
    cursor.i64()
}

/// The value of a SNAPSHOT_FOOTER record, version 0.
pub fn snapshot_footer() -> Vec<u8> {
    vec![0, 0, 0]
}

/// The value of a KRAFT_VERSION record, version 0.
pub fn kraft_version(level: i16) -> Vec<u8> {
    let mut out = 0_i16.to_be_bytes().to_vec();
    out.extend_from_slice(&level.to_be_bytes());
    write_unsigned(&mut out, 0);
    out
}

/// Reads a KRAFT_VERSION record: the level.
///
/// # Errors
/// Malformed.
pub fn decode_kraft_version(value: &[u8]) -> Result<i16, RecordError> {
    let mut cursor = Cursor::new(value);
    cursor.i16()?;
    cursor.i16()
}

/// One voter in a KRAFT_VOTERS record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoterRecord {
    /// Who, on which disk.
    pub key: ReplicaKey,
    /// Where it listens, by listener name.
    pub endpoints: Vec<(Arc<str>, Endpoint)>,
    /// The lowest kraft.version that it speaks.
    pub min_supported_version: i16,
    /// The highest kraft.version that it speaks.
    pub max_supported_version: i16,
}

/// The value of a KRAFT_VOTERS record, version 0.
pub fn encode_voters(voters: &[VoterRecord]) -> Vec<u8> {
    let mut out = 0_i16.to_be_bytes().to_vec();
    write_length(&mut out, voters.len());
    for voter in voters {
        out.extend_from_slice(&voter.key.id.0.to_be_bytes());
        out.extend_from_slice(voter.key.directory_id.0.as_bytes());
        write_length(&mut out, voter.endpoints.len());
        for (name, endpoint) in &voter.endpoints {
            for text in [name.as_ref(), endpoint.host.as_str()] {
                write_length(&mut out, text.len());
                out.extend_from_slice(text.as_bytes());
            }
            out.extend_from_slice(&endpoint.port.to_be_bytes());
            write_unsigned(&mut out, 0);
        }
        out.extend_from_slice(&voter.min_supported_version.to_be_bytes());
        out.extend_from_slice(&voter.max_supported_version.to_be_bytes());
        // One empty list of tagged fields ends the version range, one the voter.
        write_unsigned(&mut out, 0);
        write_unsigned(&mut out, 0);
    }
    write_unsigned(&mut out, 0);
    out
}

/// Reads a KRAFT_VOTERS record.
///
/// # Errors
/// Malformed.
pub fn decode_voters(value: &[u8]) -> Result<Vec<VoterRecord>, RecordError> {
    let mut cursor = Cursor::new(value);
    cursor.i16()?;
    let mut voters = Vec::new();
    for _ in 0..read_length(&mut cursor)? {
        let id = NodeId(cursor.i32()?);
        let directory_id = DirectoryId(Uuid::from_u128(cursor.u128()?));
        let mut endpoints = Vec::new();
        for _ in 0..read_length(&mut cursor)? {
            let name = read_text(&mut cursor)?;
            let host = Name::new(&read_text(&mut cursor)?);
            endpoints.push((name, Endpoint { host, port: cursor.u16()? }));
            skip_tags(&mut cursor)?;
        }
        let (min_supported_version, max_supported_version) = (cursor.i16()?, cursor.i16()?);
        skip_tags(&mut cursor)?;
        skip_tags(&mut cursor)?;
        let key = ReplicaKey { id, directory_id };
        voters.push(VoterRecord { key, endpoints, min_supported_version, max_supported_version });
    }
    Ok(voters)
}

/// Compact lengths are written as length + 1; 0 would be null.
fn write_length(out: &mut Vec<u8>, length: usize) {
    write_unsigned(out, length as u64 + 1);
}

fn read_length(cursor: &mut Cursor<'_>) -> Result<usize, RecordError> {
    let length = (cursor.unsigned()? as usize).checked_sub(1).ok_or(RecordError::InvalidRecord)?;
    // Every element has at least one byte, so a longer list is damaged; this also bounds what is allocated.
    if length > cursor.remaining() { Err(RecordError::InvalidRecord) } else { Ok(length) }
}

fn read_text(cursor: &mut Cursor<'_>) -> Result<Arc<str>, RecordError> {
    let length = read_length(cursor)?;
    let text = std::str::from_utf8(cursor.take(length)?).map_err(|_| RecordError::InvalidRecord)?;
    Ok(Arc::from(text))
}

fn skip_tags(cursor: &mut Cursor<'_>) -> Result<(), RecordError> {
    for _ in 0..cursor.unsigned()? {
        cursor.unsigned()?;
        let size = cursor.unsigned()? as usize;
        cursor.take(size)?;
    }
    Ok(())
}
