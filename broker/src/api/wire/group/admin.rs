//! ListGroups (key 16), DescribeGroups (15) and DeleteGroups (42).
//!
//! Simplified: nobody asks for authorized operations, which Trial has not; answers say "not asked for".

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as WireDescribedGroup, DescribedGroupMember as WireDescribedGroupMember,
};
use kafka_protocol::messages::list_groups_response::ListedGroup as WireListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest as WireDeleteGroupsRequest, DeleteGroupsResponse as WireDeleteGroupsResponse,
    DescribeGroupsRequest as WireDescribeGroupsRequest, DescribeGroupsResponse as WireDescribeGroupsResponse,
    ListGroupsRequest as WireListGroupsRequest, ListGroupsResponse as WireListGroupsResponse,
};

use super::super::common::text;
use super::{
    group_id, instance_id_since, maybe_text_since, member_id, read_group_id, read_instance_id, read_maybe_text,
    read_member_id, read_texts, texts,
};
use crate::message::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
    DescribedGroupMember, ErrorCode, ListGroupsRequest, ListGroupsResponse, ListedGroup,
};

pub(in super::super) fn list_groups_request(request: &ListGroupsRequest, version: i16) -> WireListGroupsRequest {
    let mut body = WireListGroupsRequest::default();
    if version >= 4 {
        body = body.with_states_filter(texts(&request.states));
    }
    if version >= 5 {
        body = body.with_types_filter(texts(&request.types));
    }
    body
}

pub(in super::super) fn read_list_groups_request(body: &WireListGroupsRequest) -> ListGroupsRequest {
    ListGroupsRequest { states: read_texts(&body.states_filter), types: read_texts(&body.types_filter) }
}

pub(in super::super) fn list_groups_response(response: &ListGroupsResponse, version: i16) -> WireListGroupsResponse {
    let group = |group: &ListedGroup| {
        let mut body = WireListedGroup::default()
            .with_group_id(group_id(&group.group))
            .with_protocol_type(text(&group.protocol_type));
        if version >= 4 {
            body = body.with_group_state(text(&group.state));
        }
        if version >= 5 {
            body = body.with_group_type(text(&group.group_type));
        }
        body
    };
    WireListGroupsResponse::default()
        .with_error_code(response.error.code())
        .with_groups(response.groups.iter().map(group).collect())
}

pub(in super::super) fn read_list_groups_response(body: &WireListGroupsResponse) -> ListGroupsResponse {
    let groups = body.groups.iter().map(|group| ListedGroup {
        group: read_group_id(&group.group_id),
        protocol_type: group.protocol_type.to_string(),
        state: group.group_state.to_string(),
        group_type: group.group_type.to_string(),
    });
    ListGroupsResponse { error: ErrorCode::from_code(body.error_code), groups: groups.collect() }
}

pub(in super::super) fn describe_groups_request(request: &DescribeGroupsRequest) -> WireDescribeGroupsRequest {
    WireDescribeGroupsRequest::default().with_groups(request.groups.iter().map(group_id).collect())
}

pub(in super::super) fn read_describe_groups_request(body: &WireDescribeGroupsRequest) -> DescribeGroupsRequest {
    DescribeGroupsRequest { groups: body.groups.iter().map(read_group_id).collect() }
}

pub(in super::super) fn describe_groups_response(
    response: &DescribeGroupsResponse,
    version: i16,
) -> WireDescribeGroupsResponse {
    let member = |member: &DescribedGroupMember| {
        WireDescribedGroupMember::default()
            .with_member_id(member_id(&member.member))
            .with_group_instance_id(instance_id_since(4, version, &member.instance))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_member_metadata(member.metadata.clone())
            .with_member_assignment(member.assignment.clone())
    };
    let groups = response.groups.iter().map(|group| {
        WireDescribedGroup::default()
            .with_error_code(group.error.code())
            .with_error_message(maybe_text_since(6, version, &group.error_message))
            .with_group_id(group_id(&group.group))
            .with_group_state(text(&group.state))
            .with_protocol_type(text(&group.protocol_type))
            .with_protocol_data(text(&group.protocol))
            .with_members(group.members.iter().map(member).collect())
    });
    WireDescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(in super::super) fn read_describe_groups_response(body: &WireDescribeGroupsResponse) -> DescribeGroupsResponse {
    let member = |member: &WireDescribedGroupMember| DescribedGroupMember {
        member: read_member_id(&member.member_id),
        instance: read_instance_id(&member.group_instance_id),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        metadata: member.member_metadata.clone(),
        assignment: member.member_assignment.clone(),
    };
    let groups = body.groups.iter().map(|group| DescribedGroup {
        error: ErrorCode::from_code(group.error_code),
        error_message: read_maybe_text(&group.error_message),
        group: read_group_id(&group.group_id),
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        protocol: group.protocol_data.to_string(),
        members: group.members.iter().map(member).collect(),
    });
    DescribeGroupsResponse { groups: groups.collect() }
}

pub(in super::super) fn delete_groups_request(request: &DeleteGroupsRequest) -> WireDeleteGroupsRequest {
    WireDeleteGroupsRequest::default().with_groups_names(request.groups.iter().map(group_id).collect())
}

pub(in super::super) fn read_delete_groups_request(body: &WireDeleteGroupsRequest) -> DeleteGroupsRequest {
    DeleteGroupsRequest { groups: body.groups_names.iter().map(read_group_id).collect() }
}

pub(in super::super) fn delete_groups_response(response: &DeleteGroupsResponse) -> WireDeleteGroupsResponse {
    let results = response.results.iter().map(|(group, error)| {
        DeletableGroupResult::default().with_group_id(group_id(group)).with_error_code(error.code())
    });
    WireDeleteGroupsResponse::default().with_results(results.collect())
}

pub(in super::super) fn read_delete_groups_response(body: &WireDeleteGroupsResponse) -> DeleteGroupsResponse {
    let results =
        body.results.iter().map(|result| (read_group_id(&result.group_id), ErrorCode::from_code(result.error_code)));
    DeleteGroupsResponse { results: results.collect() }
}
