//! What administrators ask of a shard: list, describe and delete groups.

use std::sync::Arc;

use bytes::Bytes;

use super::classic::{ClassicGroup, ClassicMember, ClassicState};
use super::contract::{Decision, RequestContext};
use super::kind::Group;
use super::record::GroupRecord;
use super::shard::{Hard, Shard};
use crate::context::Context;
use crate::event::{ForgetReason, GroupEvent};
use crate::ids::GroupId;
use crate::message::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
    DescribedGroupMember, ErrorCode, ListGroupsRequest, ListGroupsResponse, ListedGroup,
};

/// From this version on DescribeGroups tells that a group does not exist; before, it is shown as Dead.
const TELLS_MISSING_GROUPS: i16 = 6;

impl Shard {
    /// A classic group that exists in some state of the shard, as it is now.
    pub(super) fn classic_group(&self, hard: &Hard, group: &GroupId) -> Option<Arc<ClassicGroup>> {
        let Group::Classic(written) = hard.groups.get(group).map(Arc::as_ref)? else { return None };
        let live = self.classic.get(group).cloned();
        Some(live.unwrap_or_else(|| Arc::new(ClassicGroup::from_written(group, written.metadata.as_ref()))))
    }

    /// ListGroups: those in the asked states and of the asked types; upper and lower case mean the same.
    pub(super) fn list_groups(&self, hard: &Hard, request: &ListGroupsRequest) -> ListGroupsResponse {
        let is_asked = |asked: &[String], found: &str| {
            asked.is_empty() || asked.iter().any(|name| name.trim().eq_ignore_ascii_case(found))
        };
        let all = hard.groups.keys().filter_map(|id| self.listed(hard, id));
        let found = all.filter(|it| is_asked(&request.states, &it.state) && is_asked(&request.types, &it.group_type));
        ListGroupsResponse { error: ErrorCode::None, groups: found.collect() }
    }

    /// A group as it is now.
    #[cfg(test)]
    pub(super) fn listed_group(&self, id: &GroupId) -> Option<ListedGroup> {
        self.listed(&self.hard, id)
    }

    fn listed(&self, hard: &Hard, id: &GroupId) -> Option<ListedGroup> {
        if let Some(group) = hard.consumer_group(id) {
            return Some(group.listed());
        }
        let group = self.classic_group(hard, id)?;
        Some(ListedGroup {
            group: id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            state: group.state.name().to_owned(),
            group_type: "classic".to_owned(),
        })
    }

    /// DescribeGroups: classic groups, with what members said and were assigned.
    pub(super) fn describe_groups(
        &self,
        hard: &Hard,
        who: &RequestContext,
        request: &DescribeGroupsRequest,
    ) -> DescribeGroupsResponse {
        let describe = |id: &GroupId| match self.classic_group(hard, id) {
            Some(group) => group.describe(),
            None => missing_group(id, hard.groups.contains_key(id), who.version),
        };
        DescribeGroupsResponse { groups: request.groups.iter().map(describe).collect() }
    }

    /// DeleteGroups: empty groups, with their offsets.
    pub(super) fn delete_groups(
        &mut self,
        ctx: &mut Context<'_>,
        who: &RequestContext,
        request: &DeleteGroupsRequest,
    ) -> Decision {
        let (mut records, mut results) = (Vec::new(), Vec::new());
        for id in &request.groups {
            let group = self.any_group(&self.hard, id);
            let error = group.map_or(ErrorCode::GroupIdNotFound, |group| group.delete_refusal());
            if error.is_none() {
                records.extend(self.tombstones_of(ctx, id, ForgetReason::Deleted));
                records.extend(self.group_tombstones_if_empty(ctx, id, ForgetReason::Deleted));
            }
            results.push((id.clone(), error));
        }
        let decision = Decision { records, ..Decision::default() };
        decision.then_answer(who, request.clone(), DeleteGroupsResponse { results })
    }

    /// The records that forget a group, if nobody is in it (`maybeDeleteGroup`).
    pub(super) fn group_tombstones_if_empty(
        &self,
        ctx: &mut Context<'_>,
        group: &GroupId,
        reason: ForgetReason,
    ) -> Vec<GroupRecord> {
        let tombstones = self.any_group(&self.hard, group).map(|group| group.tombstones_if_empty()).unwrap_or_default();
        if !tombstones.is_empty() {
            ctx.emit(GroupEvent::GroupForgotten { group: group.clone(), reason });
        }
        tombstones
    }
}

fn missing_group(group: &GroupId, is_of_another_protocol: bool, version: i16) -> DescribedGroup {
    let words = match is_of_another_protocol {
        true => format!("Group {group} is not a classic group."),
        false => format!("Group {group} not found."),
    };
    let is_told = version >= TELLS_MISSING_GROUPS;
    DescribedGroup {
        error: if is_told { ErrorCode::GroupIdNotFound } else { ErrorCode::None },
        error_message: is_told.then_some(words),
        group: group.clone(),
        state: ClassicState::Dead.name().to_owned(),
        protocol_type: String::new(),
        protocol: String::new(),
        members: Vec::new(),
    }
}

impl ClassicGroup {
    /// As DescribeGroups shows it: what members said only while it is Stable.
    fn describe(&self) -> DescribedGroup {
        let protocol = match self.state {
            ClassicState::Stable => self.protocol.clone().unwrap_or_default(),
            _ => String::new(),
        };
        DescribedGroup {
            error: ErrorCode::None,
            error_message: None,
            group: self.id.clone(),
            state: self.state.name().to_owned(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: self.members.values().map(|member| describe_member(member, &protocol)).collect(),
            protocol,
        }
    }

    /// Whether offsets of this group may be deleted: of consumers those of topics that nobody reads; of others none
    /// while somebody is in it.
    ///
    /// # Errors
    /// GROUP_ID_NOT_FOUND or NON_EMPTY_GROUP.
    pub(super) fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            ClassicState::Dead => Err(ErrorCode::GroupIdNotFound),
            ClassicState::Empty => Ok(()),
            ClassicState::PreparingRebalance { .. } | ClassicState::CompletingRebalance | ClassicState::Stable => {
                if self.has_consumers() {
                    Ok(())
                } else {
                    Err(ErrorCode::NonEmptyGroup)
                }
            }
        }
    }
}

fn describe_member(member: &ClassicMember, protocol: &str) -> DescribedGroupMember {
    DescribedGroupMember {
        member: member.id.clone(),
        instance: member.instance.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: member.metadata(protocol).cloned().unwrap_or_else(Bytes::new),
        assignment: member.assignment.clone(),
    }
}
