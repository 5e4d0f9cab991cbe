//! Records of `__consumer_offsets` as bytes (`CoordinatorRecordSerde`, `GroupCoordinatorRecordSerde`).
//!
//! ```text
//!   key     record type (i16) │ fields, never flexible
//!   value   version (i16)     │ fields, flexible from that record's first flexible version on (KIP-482)
//! ```
//!
//! Written are the versions that Kafka 4.1 writes (`GroupCoordinatorRecordHelpers`); read are all that it reads. What is
//! read may be damaged: nothing here panics on it. As in Kafka, bytes behind the last field are not looked at.

use bytes::{BufMut, Bytes};

use super::GroupRecord;
use crate::flexible::{Reader, RecordDecodeError, Tags, Writer};
use crate::ids::{GroupId, MemberId, TopicPartition};

mod fields;
mod read;
#[cfg(test)]
mod tests;
mod write;

use read::Value;

/// The record types (`CoordinatorRecordType`).
mod record_type {
    pub const LEGACY_OFFSET_COMMIT: i16 = 0;
    pub const OFFSET_COMMIT: i16 = 1;
    pub const GROUP_METADATA: i16 = 2;
    pub const CONSUMER_GROUP_METADATA: i16 = 3;
    pub const CONSUMER_GROUP_PARTITION_METADATA: i16 = 4;
    pub const CONSUMER_GROUP_MEMBER_METADATA: i16 = 5;
    pub const CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA: i16 = 6;
    pub const CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER: i16 = 7;
    pub const CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT: i16 = 8;
    pub const CONSUMER_GROUP_REGULAR_EXPRESSION: i16 = 16;
}

/// Why a record of the log is none that this coordinator can replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupRecordError {
    /// A type that is not known: the loader leaves the record out and goes on (`UnknownRecordTypeException`).
    UnknownType(i16),
    /// A version that the type does not have: the loader fails (`UnknownRecordVersionException`).
    UnknownVersion {
        /// The type.
        record_type: i16,
        /// The version of its value.
        version: i16,
    },
    /// The bytes are no such record: the loader fails.
    Damaged(RecordDecodeError),
}

impl From<RecordDecodeError> for GroupRecordError {
    fn from(error: RecordDecodeError) -> GroupRecordError {
        GroupRecordError::Damaged(error)
    }
}

impl std::fmt::Display for GroupRecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GroupRecordError::UnknownType(record_type) => write!(f, "record type {record_type} is not known"),
            GroupRecordError::UnknownVersion { record_type, version } => {
                write!(f, "record type {record_type} has no version {version}")
            }
            GroupRecordError::Damaged(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for GroupRecordError {}

impl GroupRecord {
    /// The key, as Kafka 4.1 writes it.
    pub fn key_bytes(&self) -> Bytes {
        let mut w = Writer::default();
        w.bytes.put_i16(self.record_type());
        w.short_string(self.group().as_str());
        match self {
            GroupRecord::OffsetCommit { partition, .. } => {
                w.short_string(partition.topic.as_str());
                w.bytes.put_i32(partition.partition);
            }
            GroupRecord::ConsumerGroupMemberMetadata { member, .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMember { member, .. }
            | GroupRecord::ConsumerGroupCurrentMemberAssignment { member, .. } => w.short_string(member.as_str()),
            GroupRecord::ConsumerGroupRegularExpression { expression, .. } => w.short_string(expression),
            GroupRecord::GroupMetadata { .. }
            | GroupRecord::ConsumerGroupMetadata { .. }
            | GroupRecord::ConsumerGroupPartitionMetadata { .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. } => {}
        }
        w.bytes.freeze()
    }

    /// The value, as Kafka 4.1 writes it; none for a tombstone.
    pub fn value_bytes(&self) -> Option<Bytes> {
        let mut w = Writer::default();
        match self {
            GroupRecord::OffsetCommit { value, .. } => write::offset_commit(&mut w, value.as_ref()?),
            GroupRecord::GroupMetadata { value, .. } => write::group_metadata(&mut w, value.as_ref()?),
            GroupRecord::ConsumerGroupPartitionMetadata { .. } => return None,
            GroupRecord::ConsumerGroupMetadata { value, .. } => write::consumer_group_metadata(&mut w, value.as_ref()?),
            GroupRecord::ConsumerGroupMemberMetadata { value, .. } => write::member_metadata(&mut w, value.as_ref()?),
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { assignment_epoch, .. } => {
                w.bytes.put_i16(0);
                w.bytes.put_i32((*assignment_epoch)?);
                w.tags(Tags::default());
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { partitions, .. } => {
                w.bytes.put_i16(0);
                w.partitions(partitions.as_ref()?);
                w.tags(Tags::default());
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { value, .. } => {
                write::current_assignment(&mut w, value.as_ref()?);
            }
            GroupRecord::ConsumerGroupRegularExpression { value, .. } => write::expression(&mut w, value.as_ref()?),
        }
        Some(w.bytes.freeze())
    }

    fn record_type(&self) -> i16 {
        match self {
            GroupRecord::OffsetCommit { .. } => record_type::OFFSET_COMMIT,
            GroupRecord::GroupMetadata { .. } => record_type::GROUP_METADATA,
            GroupRecord::ConsumerGroupMetadata { .. } => record_type::CONSUMER_GROUP_METADATA,
            GroupRecord::ConsumerGroupPartitionMetadata { .. } => record_type::CONSUMER_GROUP_PARTITION_METADATA,
            GroupRecord::ConsumerGroupMemberMetadata { .. } => record_type::CONSUMER_GROUP_MEMBER_METADATA,
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { .. } => {
                record_type::CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { .. } => {
                record_type::CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { .. } => {
                record_type::CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT
            }
            GroupRecord::ConsumerGroupRegularExpression { .. } => record_type::CONSUMER_GROUP_REGULAR_EXPRESSION,
        }
    }

    /// The group that the record is about.
    pub fn group(&self) -> &GroupId {
        match self {
            GroupRecord::OffsetCommit { group, .. }
            | GroupRecord::GroupMetadata { group, .. }
            | GroupRecord::ConsumerGroupMetadata { group, .. }
            | GroupRecord::ConsumerGroupPartitionMetadata { group }
            | GroupRecord::ConsumerGroupMemberMetadata { group, .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata { group, .. }
            | GroupRecord::ConsumerGroupTargetAssignmentMember { group, .. }
            | GroupRecord::ConsumerGroupCurrentMemberAssignment { group, .. }
            | GroupRecord::ConsumerGroupRegularExpression { group, .. } => group,
        }
    }

    /// The record that these bytes are.
    ///
    /// Simplified: a value of type 4 is read as an unknown type. Kafka 4.1 writes none; only a log of 4.0 has them.
    ///
    /// # Errors
    /// An unknown type, an unknown version of a known type, or damage.
    pub fn read(key: &[u8], value: Option<&[u8]>) -> Result<GroupRecord, GroupRecordError> {
        let mut key = Reader { bytes: key };
        let record_type = key.i16()?;
        if !is_known(record_type) {
            return Err(GroupRecordError::UnknownType(record_type));
        }
        let group = GroupId::new(&key.short_string()?);
        let mut value = value.map(|bytes| Value::open(record_type, bytes)).transpose()?;
        let value = value.as_mut();
        Ok(match record_type {
            record_type::LEGACY_OFFSET_COMMIT | record_type::OFFSET_COMMIT => GroupRecord::OffsetCommit {
                group,
                partition: TopicPartition::new(&key.short_string()?, key.i32()?),
                value: value.map(|value| read::offset_commit(value, record_type)).transpose()?,
            },
            record_type::GROUP_METADATA => {
                GroupRecord::GroupMetadata { group, value: value.map(read::group_metadata).transpose()? }
            }
            record_type::CONSUMER_GROUP_METADATA => GroupRecord::ConsumerGroupMetadata {
                group,
                value: value.map(read::consumer_group_metadata).transpose()?,
            },
            record_type::CONSUMER_GROUP_MEMBER_METADATA => GroupRecord::ConsumerGroupMemberMetadata {
                group,
                member: MemberId::new(&key.short_string()?),
                value: value.map(read::member_metadata).transpose()?,
            },
            record_type::CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA => {
                let assignment_epoch = value.map(|value| value.fields.i32()).transpose()?;
                GroupRecord::ConsumerGroupTargetAssignmentMetadata { group, assignment_epoch }
            }
            record_type::CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER => GroupRecord::ConsumerGroupTargetAssignmentMember {
                group,
                member: MemberId::new(&key.short_string()?),
                partitions: value.map(|value| value.fields.partitions()).transpose()?,
            },
            record_type::CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT => {
                GroupRecord::ConsumerGroupCurrentMemberAssignment {
                    group,
                    member: MemberId::new(&key.short_string()?),
                    value: value.map(read::current_assignment).transpose()?,
                }
            }
            record_type::CONSUMER_GROUP_REGULAR_EXPRESSION => GroupRecord::ConsumerGroupRegularExpression {
                group,
                expression: key.short_string()?,
                value: value.map(read::expression).transpose()?,
            },
            _ if value.is_some() => return Err(GroupRecordError::UnknownType(record_type)),
            _ => GroupRecord::ConsumerGroupPartitionMetadata { group },
        })
    }
}

fn is_known(record_type: i16) -> bool {
    matches!(
        record_type,
        record_type::LEGACY_OFFSET_COMMIT
            ..=record_type::CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT | record_type::CONSUMER_GROUP_REGULAR_EXPRESSION
    )
}
