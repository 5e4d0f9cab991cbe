//! A classic group's record, and the group that a new coordinator makes of it (`newGroupMetadataRecord`,
//! `GroupMetadataManager.replay`).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::group::ClassicGroup;
use super::member::ClassicMember;
use super::state::ClassicState;
use crate::group::record::{GroupMetadataMember, GroupMetadataValue, GroupRecord};
use crate::ids::{GroupId, MemberId};
use crate::message::JoinGroupProtocol;

impl ClassicGroup {
    /// The group's record with the assignments that its members have.
    pub fn record(&self) -> GroupRecord {
        let assignments = self.members.values().map(|it| (it.id.clone(), it.assignment.clone())).collect();
        self.record_with(&assignments)
    }

    /// The group's record with assignments that its members do not have yet.
    pub(super) fn record_with(&self, assignments: &BTreeMap<MemberId, Bytes>) -> GroupRecord {
        let members = self.members.values().map(|it| self.member_record(it, assignments[&it.id].clone())).collect();
        self.record_of(GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp_ms: self.state_since_ms.unwrap_or(-1),
            members,
        })
    }

    /// The record of a group that was just made: nothing but its name is known.
    pub fn new_group_record(&self) -> GroupRecord {
        self.record_of(GroupMetadataValue {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            current_state_timestamp_ms: self.state_since_ms.unwrap_or(-1),
            members: Vec::new(),
        })
    }

    /// The record that forgets the group.
    pub fn tombstone(group: &GroupId) -> GroupRecord {
        GroupRecord::GroupMetadata { group: group.clone(), value: None }
    }

    fn record_of(&self, value: GroupMetadataValue) -> GroupRecord {
        GroupRecord::GroupMetadata { group: self.id.clone(), value: Some(value) }
    }

    fn member_record(&self, member: &ClassicMember, assignment: Bytes) -> GroupMetadataMember {
        let protocol = self.protocol.as_deref().expect("a group with members is written with their assignor");
        GroupMetadataMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol).cloned().expect("all members support the assignor"),
            assignment,
        }
    }

    /// The group that a coordinator begins with: Stable if it had members, Empty otherwise. Of what members
    /// said, only what they said with the assignor is known.
    pub fn from_written(id: &GroupId, value: Option<&GroupMetadataValue>) -> ClassicGroup {
        let mut group = ClassicGroup::new(id.clone(), -1);
        group.state_since_ms = None;
        let Some(value) = value else { return group };
        group.state_since_ms = (value.current_state_timestamp_ms != -1).then_some(value.current_state_timestamp_ms);
        group.generation = value.generation;
        group.protocol_type = (!value.protocol_type.is_empty()).then(|| value.protocol_type.clone());
        group.protocol.clone_from(&value.protocol);
        for member in &value.members {
            group.add(loaded_member(member, value), &value.protocol_type);
        }
        if let Some(leader) = value.leader.as_ref().filter(|leader| group.members.contains_key(leader)) {
            group.leader = Some(leader.clone());
        }
        if !group.members.is_empty() {
            group.state = ClassicState::Stable;
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }
}

fn loaded_member(member: &GroupMetadataMember, value: &GroupMetadataValue) -> ClassicMember {
    let rebalance_timeout_ms =
        if member.rebalance_timeout_ms == -1 { member.session_timeout_ms } else { member.rebalance_timeout_ms };
    let name = value.protocol.clone().unwrap_or_default();
    ClassicMember {
        id: member.member.clone(),
        instance: member.instance.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout_ms,
        session_timeout_ms: member.session_timeout_ms,
        protocols: vec![JoinGroupProtocol { name, metadata: member.subscription.clone() }],
        assignment: member.assignment.clone(),
        awaiting_join: None,
        awaiting_sync: None,
        is_new: false,
    }
}
