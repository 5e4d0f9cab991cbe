//! The values of `__consumer_offsets`, written at the versions that Kafka 4.1 writes.

use bytes::BufMut;

use super::super::{
    ClassicMemberMetadata, ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue,
    ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue, GroupMetadataValue, OffsetCommitValue,
};
use crate::flexible::{Tags, Writer};
use crate::ids::{GroupInstanceId, MemberId};

/// Version 4; version 1, the only one with an expiry, if the request said how long to keep the offset.
pub(super) fn offset_commit(w: &mut Writer, value: &OffsetCommitValue) {
    if value.expire_timestamp_ms != -1 {
        w.bytes.put_i16(1);
        w.bytes.put_i64(value.offset);
        w.short_string(&value.metadata);
        w.bytes.put_i64(value.commit_timestamp_ms);
        w.bytes.put_i64(value.expire_timestamp_ms);
        return;
    }
    w.bytes.put_i16(4);
    w.bytes.put_i64(value.offset);
    w.bytes.put_i32(value.leader_epoch.0);
    w.string(&value.metadata);
    w.bytes.put_i64(value.commit_timestamp_ms);
    let mut tags = Tags::default();
    if !value.topic_id.is_zero() {
        tags.add(0, |w| w.uuid(value.topic_id.0));
    }
    w.tags(tags);
}

/// Version 3: Kafka 4.1 reads version 4 but does not write it.
pub(super) fn group_metadata(w: &mut Writer, value: &GroupMetadataValue) {
    w.bytes.put_i16(3);
    w.short_string(&value.protocol_type);
    w.bytes.put_i32(value.generation);
    w.nullable_short_string(value.protocol.as_deref());
    w.nullable_short_string(value.leader.as_ref().map(MemberId::as_str));
    w.bytes.put_i64(value.current_state_timestamp_ms);
    w.bytes.put_i32(value.members.len() as i32);
    for member in &value.members {
        w.short_string(member.member.as_str());
        w.nullable_short_string(member.instance.as_ref().map(GroupInstanceId::as_str));
        w.short_string(&member.client_id);
        w.short_string(&member.client_host);
        w.bytes.put_i32(member.rebalance_timeout_ms);
        w.bytes.put_i32(member.session_timeout_ms);
        w.sized_bytes(&member.subscription);
        w.sized_bytes(&member.assignment);
    }
}

pub(super) fn consumer_group_metadata(w: &mut Writer, value: &ConsumerGroupMetadataValue) {
    w.bytes.put_i16(0);
    w.bytes.put_i32(value.epoch);
    let mut tags = Tags::default();
    if value.metadata_hash != 0 {
        tags.add(0, |w| w.bytes.put_i64(value.metadata_hash));
    }
    w.tags(tags);
}

pub(super) fn member_metadata(w: &mut Writer, value: &ConsumerGroupMemberMetadataValue) {
    w.bytes.put_i16(0);
    w.nullable_string(value.instance.as_ref().map(GroupInstanceId::as_str));
    w.nullable_string(value.rack.as_deref());
    w.string(&value.client_id);
    w.string(&value.client_host);
    w.strings(&value.subscribed_topic_names);
    w.nullable_string(value.subscribed_topic_regex.as_deref());
    w.bytes.put_i32(value.rebalance_timeout_ms);
    w.nullable_string(value.server_assignor.as_deref());
    let mut tags = Tags::default();
    if let Some(classic) = &value.classic {
        tags.add(0, |w| classic_member(w, classic));
    }
    w.tags(tags);
}

/// A struct that may be null says in its first byte that it is not.
pub(super) fn classic_member(w: &mut Writer, classic: &ClassicMemberMetadata) {
    w.bytes.put_i8(1);
    w.bytes.put_i32(classic.session_timeout_ms);
    w.length(classic.supported_protocols.len());
    for (name, metadata) in &classic.supported_protocols {
        w.string(name);
        w.length(metadata.len());
        w.bytes.put_slice(metadata);
        w.tags(Tags::default());
    }
    w.tags(Tags::default());
}

pub(super) fn current_assignment(w: &mut Writer, value: &ConsumerGroupCurrentMemberAssignmentValue) {
    w.bytes.put_i16(0);
    w.bytes.put_i32(value.member_epoch);
    w.bytes.put_i32(value.previous_member_epoch);
    w.bytes.put_i8(value.state);
    w.partitions(&value.assigned);
    w.partitions(&value.pending_revocation);
    w.tags(Tags::default());
}

pub(super) fn expression(w: &mut Writer, value: &ConsumerGroupRegularExpressionValue) {
    w.bytes.put_i16(0);
    w.strings(&value.topics);
    w.bytes.put_i64(value.version);
    w.bytes.put_i64(value.timestamp_ms);
    w.tags(Tags::default());
}
