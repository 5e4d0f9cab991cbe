//! The values of `__consumer_offsets`, read at all versions that Kafka 4.1 reads.

use bytes::Bytes;
use uuid::Uuid;

use super::super::{
    ClassicMemberMetadata, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue, GroupMetadataMember, GroupMetadataValue,
    OffsetCommitValue,
};
use super::{GroupRecordError, record_type};
use crate::flexible::{Decoded, Reader, RecordDecodeError};
use crate::ids::{GroupInstanceId, LeaderEpoch, MemberId, TopicId};

/// A value's fields behind its version.
pub(super) struct Value<'a> {
    version: i16,
    pub(super) fields: Reader<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn open(record_type: i16, bytes: &'a [u8]) -> Result<Value<'a>, GroupRecordError> {
        let mut fields = Reader { bytes };
        let version = fields.i16()?;
        let highest = match record_type {
            record_type::OFFSET_COMMIT | record_type::GROUP_METADATA => 4,
            _ => 0,
        };
        if !(0..=highest).contains(&version) {
            return Err(GroupRecordError::UnknownVersion { record_type, version });
        }
        Ok(Value { version, fields })
    }

    /// A text of a record that became flexible with version 4.
    fn text(&mut self) -> Decoded<String> {
        if self.version >= 4 { self.fields.string() } else { self.fields.short_string() }
    }

    fn nullable_text(&mut self) -> Decoded<Option<String>> {
        if self.version >= 4 { self.fields.nullable_string() } else { self.fields.nullable_short_string() }
    }

    fn bytes(&mut self) -> Decoded<Bytes> {
        if self.version >= 4 { self.fields.compact_bytes() } else { self.fields.sized_bytes() }
    }
}

pub(super) fn offset_commit(value: &mut Value<'_>, record_type: i16) -> Decoded<OffsetCommitValue> {
    let version = value.version;
    let is_legacy = record_type == record_type::LEGACY_OFFSET_COMMIT;
    let offset = value.fields.i64()?;
    let leader_epoch = if version >= 3 { LeaderEpoch(value.fields.i32()?) } else { LeaderEpoch::NONE };
    let metadata = value.text()?;
    let commit_timestamp_ms = value.fields.i64()?;
    let expire_timestamp_ms = if version == 1 && !is_legacy { value.fields.i64()? } else { -1 };
    let mut topic_id = Uuid::nil();
    if version >= 4 {
        value.fields.tags(|tag, field| {
            if tag == 0 {
                topic_id = field.uuid()?;
            }
            Ok(())
        })?;
    }
    let topic_id = TopicId(topic_id);
    Ok(OffsetCommitValue { offset, leader_epoch, metadata, commit_timestamp_ms, expire_timestamp_ms, topic_id })
}

pub(super) fn group_metadata(value: &mut Value<'_>) -> Decoded<GroupMetadataValue> {
    let version = value.version;
    let protocol_type = value.text()?;
    let generation = value.fields.i32()?;
    let protocol = value.nullable_text()?;
    let leader = value.nullable_text()?.map(|leader| MemberId::new(&leader));
    let current_state_timestamp_ms = if version >= 2 { value.fields.i64()? } else { -1 };
    let count = match version {
        4 => value.fields.uvarint()?.checked_sub(1),
        _ => u32::try_from(value.fields.i32()?).ok(),
    };
    let mut members = Vec::new();
    for _ in 0..count.ok_or(RecordDecodeError::Malformed("a list of members"))? {
        members.push(group_member(value)?);
    }
    if version >= 4 {
        value.fields.tags(|_, _| Ok(()))?;
    }
    Ok(GroupMetadataValue { protocol_type, generation, protocol, leader, current_state_timestamp_ms, members })
}

pub(super) fn group_member(value: &mut Value<'_>) -> Decoded<GroupMetadataMember> {
    let version = value.version;
    let member = GroupMetadataMember {
        member: MemberId::new(&value.text()?),
        instance: if version >= 3 { value.nullable_text()?.map(|id| GroupInstanceId::new(&id)) } else { None },
        client_id: value.text()?,
        client_host: value.text()?,
        rebalance_timeout_ms: if version >= 1 { value.fields.i32()? } else { -1 },
        session_timeout_ms: value.fields.i32()?,
        subscription: value.bytes()?,
        assignment: value.bytes()?,
    };
    if version >= 4 {
        value.fields.tags(|_, _| Ok(()))?;
    }
    Ok(member)
}

pub(super) fn consumer_group_metadata(value: &mut Value<'_>) -> Decoded<ConsumerGroupMetadataValue> {
    let epoch = value.fields.i32()?;
    let mut metadata_hash = 0;
    value.fields.tags(|tag, field| {
        if tag == 0 {
            metadata_hash = field.i64()?;
        }
        Ok(())
    })?;
    Ok(ConsumerGroupMetadataValue { epoch, metadata_hash })
}

pub(super) fn member_metadata(value: &mut Value<'_>) -> Decoded<ConsumerGroupMemberMetadataValue> {
    let r = &mut value.fields;
    let mut metadata = ConsumerGroupMemberMetadataValue {
        instance: r.nullable_string()?.map(|id| GroupInstanceId::new(&id)),
        rack: r.nullable_string()?,
        client_id: r.string()?,
        client_host: r.string()?,
        subscribed_topic_names: r.strings()?,
        subscribed_topic_regex: r.nullable_string()?,
        rebalance_timeout_ms: r.i32()?,
        server_assignor: r.nullable_string()?,
        classic: None,
    };
    r.tags(|tag, field| {
        if tag == 0 && field.i8()? >= 0 {
            metadata.classic = Some(classic_member(field)?);
        }
        Ok(())
    })?;
    Ok(metadata)
}

pub(super) fn classic_member(r: &mut Reader<'_>) -> Decoded<ClassicMemberMetadata> {
    let session_timeout_ms = r.i32()?;
    let supported_protocols = r.nullable_array(|r| {
        let protocol = (r.string()?, r.compact_bytes()?);
        r.tags(|_, _| Ok(()))?;
        Ok(protocol)
    })?;
    r.tags(|_, _| Ok(()))?;
    let supported_protocols = supported_protocols.ok_or(RecordDecodeError::Malformed("a list of protocols"))?;
    Ok(ClassicMemberMetadata { session_timeout_ms, supported_protocols })
}

pub(super) fn current_assignment(value: &mut Value<'_>) -> Decoded<ConsumerGroupCurrentMemberAssignmentValue> {
    let r = &mut value.fields;
    Ok(ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: r.i32()?,
        previous_member_epoch: r.i32()?,
        state: r.i8()?,
        assigned: r.partitions()?,
        pending_revocation: r.partitions()?,
    })
}

pub(super) fn expression(value: &mut Value<'_>) -> Decoded<ConsumerGroupRegularExpressionValue> {
    let r = &mut value.fields;
    Ok(ConsumerGroupRegularExpressionValue { topics: r.strings()?, version: r.i64()?, timestamp_ms: r.i64()? })
}
