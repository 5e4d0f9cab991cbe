//! What consumers and administrators say to group coordinators, as Kafka's wire types: the files of [`crate::message`]'s group family.

use kafka_protocol::messages::GroupId as WireGroupId;
use kafka_protocol::protocol::StrBytes;

use super::common::text;
use crate::ids::{GroupId, GroupInstanceId, MemberId};

pub(super) mod admin;
pub(super) mod classic;
pub(super) mod consumer;
pub(super) mod coordinator;
pub(super) mod offsets;
pub(super) mod transactions;

fn group_id(group: &GroupId) -> WireGroupId {
    WireGroupId(text(group.as_str()))
}

fn read_group_id(group: &WireGroupId) -> GroupId {
    GroupId::new(group.as_str())
}

fn member_id(member: &MemberId) -> StrBytes {
    text(member.as_str())
}

fn read_member_id(member: &StrBytes) -> MemberId {
    MemberId::new(member)
}

fn instance_id(instance: &Option<GroupInstanceId>) -> Option<StrBytes> {
    instance.as_ref().map(|instance| text(instance.as_str()))
}

/// A static member's id from the version on that has the field; none before.
fn instance_id_since(first: i16, version: i16, instance: &Option<GroupInstanceId>) -> Option<StrBytes> {
    if version >= first { instance_id(instance) } else { None }
}

fn read_instance_id(instance: &Option<StrBytes>) -> Option<GroupInstanceId> {
    instance.as_ref().map(|instance| GroupInstanceId::new(instance))
}

fn maybe_text(value: &Option<String>) -> Option<StrBytes> {
    value.as_deref().map(text)
}

fn maybe_text_since(first: i16, version: i16, value: &Option<String>) -> Option<StrBytes> {
    if version >= first { maybe_text(value) } else { None }
}

fn read_maybe_text(value: &Option<StrBytes>) -> Option<String> {
    value.as_ref().map(|value| value.to_string())
}

fn read_texts(values: &[StrBytes]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

fn texts(values: &[String]) -> Vec<StrBytes> {
    values.iter().map(|value| text(value)).collect()
}
