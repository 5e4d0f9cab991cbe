//! Plain values to Kafka's wire types and back, at a given version.
//!
//! One file per family of APIs, as in [`crate::message`]. Writing never fails: a value
//! that a version cannot carry is left out, as Kafka's own serializers leave out fields
//! that a version does not have. Reading checks everything that the other side could
//! have got wrong, and answers [`WireError`].

use std::fmt;
use std::sync::Arc;

use kafka_protocol::messages::{RequestKind, ResponseKind};

use super::message::{Body, Message, RequestBody, ResponseBody};
use super::versions::spoken;
use crate::ids::CorrelationId;
use crate::message::{Api, Request, Response};
use crate::name::Name;

/// Why bytes or a wire value are no message of the kind expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WireError {
    /// Not even an API key and a version.
    TooShort {
        /// How many bytes there are.
        bytes: usize,
    },
    /// No API of this key is spoken here.
    UnknownApi {
        /// The key.
        key: i16,
    },
    /// The API is not spoken at this version.
    UnsupportedVersion {
        /// Which API.
        api: Api,
        /// The version.
        version: i16,
    },
    /// The bytes are no message of this API and version.
    Malformed {
        /// Which API.
        api: Api,
        /// The version.
        version: i16,
        /// What the decoder says.
        reason: String,
    },
    /// A response where a request is due, a request where a response is due, or the body
    /// of another API than the header's.
    WrongBody {
        /// The API that the header names.
        api: Api,
    },
    /// A field holds what no correct sender writes, or what Trial does not speak.
    Value {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
}

impl WireError {
    pub(super) fn malformed(api: Api, version: i16, reason: &str) -> WireError {
        WireError::Malformed { api, version, reason: reason.to_owned() }
    }

    /// A field with a value that cannot be taken over.
    fn value(field: &'static str, value: impl fmt::Debug) -> WireError {
        WireError::Value { field, value: format!("{value:?}") }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::TooShort { bytes } => write!(f, "{bytes} bytes are no message"),
            WireError::UnknownApi { key } => write!(f, "API {key} is not spoken here"),
            WireError::UnsupportedVersion { api, version } => {
                write!(f, "{} is not spoken at version {version}", api.name())
            }
            WireError::Malformed { api, version, reason } => {
                write!(f, "these bytes are no {} v{version}: {reason}", api.name())
            }
            WireError::WrongBody { api } => write!(f, "the body does not belong to the header's {}", api.name()),
            WireError::Value { field, value } => write!(f, "{field} holds {value}"),
        }
    }
}

impl std::error::Error for WireError {}

mod admin;
#[cfg(test)]
mod carried;
mod common;
mod controller;
mod fetch;
mod group;
#[cfg(test)]
mod group_samples;
mod metadata;
mod offsets;
pub(super) mod plain_fetch;
mod produce;
mod raft;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

/// A request as a message at this version.
///
/// # Panics
/// If the version is not one that Trial speaks: whoever sends has negotiated it.
pub fn encode_request(request: Request, version: i16, correlation_id: CorrelationId, client_id: Name) -> Message {
    let api = request.api();
    assert!(spoken(api).contains(version), "{} is not spoken at version {version}", api.name());
    let body = match request {
        Request::Fetch(body) if version == plain_fetch::VERSION => RequestBody::Fetch(plain_fetch::request(body)),
        request => RequestBody::Wire(Box::new(wire_request(&request, version))),
    };
    Message { api, version, correlation_id, client_id: Some(client_id), body: Body::Request(body) }
}

fn wire_request(request: &Request, version: i16) -> RequestKind {
    match request {
        Request::Produce(body) => RequestKind::Produce(produce::produce_request(body, version)),
        Request::Fetch(body) => RequestKind::Fetch(fetch::fetch_request(body, version)),
        Request::ListOffsets(body) => RequestKind::ListOffsets(offsets::list_offsets_request(body, version)),
        Request::DeleteRecords(body) => RequestKind::DeleteRecords(offsets::delete_records_request(body)),
        Request::Metadata(body) => RequestKind::Metadata(metadata::metadata_request(body, version)),
        Request::OffsetCommit(body) => RequestKind::OffsetCommit(group::offsets::offset_commit_request(body, version)),
        Request::OffsetFetch(body) => RequestKind::OffsetFetch(group::offsets::offset_fetch_request(body, version)),
        Request::FindCoordinator(body) => {
            RequestKind::FindCoordinator(group::coordinator::find_coordinator_request(body, version))
        }
        Request::JoinGroup(body) => RequestKind::JoinGroup(group::classic::join_group_request(body, version)),
        Request::Heartbeat(body) => RequestKind::Heartbeat(group::classic::heartbeat_request(body, version)),
        Request::LeaveGroup(body) => RequestKind::LeaveGroup(group::classic::leave_group_request(body, version)),
        Request::SyncGroup(body) => RequestKind::SyncGroup(group::classic::sync_group_request(body, version)),
        Request::DescribeGroups(body) => RequestKind::DescribeGroups(group::admin::describe_groups_request(body)),
        Request::ListGroups(body) => RequestKind::ListGroups(group::admin::list_groups_request(body, version)),
        Request::DeleteGroups(body) => RequestKind::DeleteGroups(group::admin::delete_groups_request(body)),
        Request::OffsetDelete(body) => RequestKind::OffsetDelete(group::offsets::offset_delete_request(body)),
        Request::TxnOffsetCommit(body) => {
            RequestKind::TxnOffsetCommit(group::transactions::txn_offset_commit_request(body, version))
        }
        Request::WriteTxnMarkers(body) => {
            RequestKind::WriteTxnMarkers(group::transactions::write_txn_markers_request(body))
        }
        Request::ConsumerGroupHeartbeat(body) => {
            RequestKind::ConsumerGroupHeartbeat(group::consumer::consumer_group_heartbeat_request(body, version))
        }
        Request::ConsumerGroupDescribe(body) => {
            RequestKind::ConsumerGroupDescribe(group::consumer::consumer_group_describe_request(body))
        }
        Request::ApiVersions(body) => RequestKind::ApiVersions(metadata::api_versions_request(body, version)),
        Request::CreateTopics(body) => RequestKind::CreateTopics(admin::create_topics_request(body)),
        Request::DeleteTopics(body) => RequestKind::DeleteTopics(admin::delete_topics_request(body, version)),
        Request::InitProducerId(body) => RequestKind::InitProducerId(produce::init_producer_id_request(body, version)),
        Request::OffsetForLeaderEpoch(body) => {
            RequestKind::OffsetForLeaderEpoch(offsets::offset_for_leader_epoch_request(body, version))
        }
        Request::CreatePartitions(body) => RequestKind::CreatePartitions(admin::create_partitions_request(body)),
        Request::ElectLeaders(body) => RequestKind::ElectLeaders(admin::elect_leaders_request(body, version)),
        Request::IncrementalAlterConfigs(body) => {
            RequestKind::IncrementalAlterConfigs(admin::incremental_alter_configs_request(body))
        }
        Request::AlterPartitionReassignments(body) => {
            RequestKind::AlterPartitionReassignments(admin::alter_partition_reassignments_request(body))
        }
        Request::Vote(body) => RequestKind::Vote(raft::vote_request(body, version)),
        Request::BeginQuorumEpoch(body) => {
            RequestKind::BeginQuorumEpoch(raft::begin_quorum_epoch_request(body, version))
        }
        Request::EndQuorumEpoch(body) => RequestKind::EndQuorumEpoch(raft::end_quorum_epoch_request(body, version)),
        Request::DescribeQuorum(_) => RequestKind::DescribeQuorum(raft::describe_quorum_request()),
        Request::AlterPartition(body) => {
            RequestKind::AlterPartition(controller::alter_partition_request(body, version))
        }
        Request::FetchSnapshot(body) => RequestKind::FetchSnapshot(raft::fetch_snapshot_request(body, version)),
        Request::BrokerRegistration(body) => {
            RequestKind::BrokerRegistration(controller::broker_registration_request(body, version))
        }
        Request::BrokerHeartbeat(body) => {
            RequestKind::BrokerHeartbeat(controller::broker_heartbeat_request(body, version))
        }
        Request::AllocateProducerIds(body) => {
            RequestKind::AllocateProducerIds(controller::allocate_producer_ids_request(body))
        }
        Request::ControllerRegistration(body) => {
            RequestKind::ControllerRegistration(controller::controller_registration_request(body))
        }
    }
}

/// The request that a message carries.
///
/// # Errors
/// A version that is not spoken, a response, or a field with a value that no correct
/// sender writes.
pub fn decode_request(message: &Message) -> Result<Request, WireError> {
    let (api, version) = (message.api, message.version);
    if !spoken(api).contains(version) {
        return Err(WireError::UnsupportedVersion { api, version });
    }
    let Body::Request(body) = &message.body else { return Err(WireError::WrongBody { api }) };
    let request = match body {
        RequestBody::Fetch(body) => body.clone().into(),
        RequestBody::Wire(body) => read_request(body, api, version)?,
    };
    if request.api() == api { Ok(request) } else { Err(WireError::WrongBody { api }) }
}

/// The same for the one who received the message: what travelled as a plain value is moved out of it, unless a recording
/// or a screen holds it too.
///
/// # Errors
/// As [`decode_request`].
pub fn take_request(message: Arc<Message>) -> Result<Request, WireError> {
    match Arc::try_unwrap(message) {
        Ok(Message {
            api: Api::Fetch,
            version: plain_fetch::VERSION,
            body: Body::Request(RequestBody::Fetch(body)),
            ..
        }) => Ok(body.into()),
        Ok(message) => decode_request(&message),
        Err(shared) => decode_request(&shared),
    }
}

fn read_request(body: &RequestKind, api: Api, version: i16) -> Result<Request, WireError> {
    Ok(match body {
        RequestKind::Produce(body) => produce::read_produce_request(body)?.into(),
        RequestKind::Fetch(body) => fetch::read_fetch_request(body, version)?.into(),
        RequestKind::ListOffsets(body) => offsets::read_list_offsets_request(body)?.into(),
        RequestKind::DeleteRecords(body) => offsets::read_delete_records_request(body).into(),
        RequestKind::Metadata(body) => metadata::read_metadata_request(body, version)?.into(),
        RequestKind::OffsetCommit(body) => group::offsets::read_offset_commit_request(body).into(),
        RequestKind::OffsetFetch(body) => group::offsets::read_offset_fetch_request(body, version).into(),
        RequestKind::FindCoordinator(body) => group::coordinator::read_find_coordinator_request(body, version)?.into(),
        RequestKind::JoinGroup(body) => group::classic::read_join_group_request(body, version).into(),
        RequestKind::Heartbeat(body) => group::classic::read_heartbeat_request(body).into(),
        RequestKind::LeaveGroup(body) => group::classic::read_leave_group_request(body, version).into(),
        RequestKind::SyncGroup(body) => group::classic::read_sync_group_request(body).into(),
        RequestKind::DescribeGroups(body) => group::admin::read_describe_groups_request(body).into(),
        RequestKind::ListGroups(body) => group::admin::read_list_groups_request(body).into(),
        RequestKind::DeleteGroups(body) => group::admin::read_delete_groups_request(body).into(),
        RequestKind::OffsetDelete(body) => group::offsets::read_offset_delete_request(body).into(),
        RequestKind::TxnOffsetCommit(body) => group::transactions::read_txn_offset_commit_request(body).into(),
        RequestKind::WriteTxnMarkers(body) => group::transactions::read_write_txn_markers_request(body).into(),
        RequestKind::ConsumerGroupHeartbeat(body) => {
            group::consumer::read_consumer_group_heartbeat_request(body).into()
        }
        RequestKind::ConsumerGroupDescribe(body) => group::consumer::read_consumer_group_describe_request(body).into(),
        RequestKind::ApiVersions(body) => metadata::read_api_versions_request(body).into(),
        RequestKind::CreateTopics(body) => admin::read_create_topics_request(body)?.into(),
        RequestKind::DeleteTopics(body) => admin::read_delete_topics_request(body, version)?.into(),
        RequestKind::InitProducerId(body) => produce::read_init_producer_id_request(body).into(),
        RequestKind::OffsetForLeaderEpoch(body) => offsets::read_offset_for_leader_epoch_request(body).into(),
        RequestKind::CreatePartitions(body) => admin::read_create_partitions_request(body).into(),
        RequestKind::ElectLeaders(body) => admin::read_elect_leaders_request(body)?.into(),
        RequestKind::IncrementalAlterConfigs(body) => admin::read_incremental_alter_configs_request(body)?.into(),
        RequestKind::AlterPartitionReassignments(body) => {
            admin::read_alter_partition_reassignments_request(body).into()
        }
        RequestKind::Vote(body) => raft::read_vote_request(body)?.into(),
        RequestKind::BeginQuorumEpoch(body) => raft::read_begin_quorum_epoch_request(body)?.into(),
        RequestKind::EndQuorumEpoch(body) => raft::read_end_quorum_epoch_request(body, version)?.into(),
        RequestKind::DescribeQuorum(body) => raft::read_describe_quorum_request(body)?.into(),
        RequestKind::AlterPartition(body) => controller::read_alter_partition_request(body, version)?.into(),
        RequestKind::FetchSnapshot(body) => raft::read_fetch_snapshot_request(body)?.into(),
        RequestKind::BrokerRegistration(body) => controller::read_broker_registration_request(body)?.into(),
        RequestKind::BrokerHeartbeat(body) => controller::read_broker_heartbeat_request(body).into(),
        RequestKind::AllocateProducerIds(body) => controller::read_allocate_producer_ids_request(body).into(),
        RequestKind::ControllerRegistration(body) => controller::read_controller_registration_request(body).into(),
        _ => return Err(WireError::WrongBody { api }),
    })
}

/// A request that was read from bytes, as it would have been handed over. One whose fields make no sense stays as it is:
/// that is judged at its turn.
pub(super) fn carried_request(body: RequestKind, version: i16) -> RequestBody {
    if let RequestKind::Fetch(fetch) = &body
        && version == plain_fetch::VERSION
        && let Ok(fetch) = fetch::read_fetch_request(fetch, version)
    {
        return RequestBody::Fetch(fetch);
    }
    RequestBody::Wire(Box::new(body))
}

/// A response as a message, at the version of its request.
///
/// # Panics
/// If the version is not one that Trial speaks: requests of other versions are refused
/// before anything answers them.
pub fn encode_response(response: Response, version: i16, correlation_id: CorrelationId) -> Message {
    let api = response.api();
    assert!(spoken(api).contains(version), "{} is not spoken at version {version}", api.name());
    let body = match response {
        Response::Fetch(body) if version == plain_fetch::VERSION => ResponseBody::Fetch(plain_fetch::response(body)),
        response => ResponseBody::Wire(Box::new(wire_response(&response, version))),
    };
    Message { api, version, correlation_id, client_id: None, body: Body::Response(body) }
}

fn wire_response(response: &Response, version: i16) -> ResponseKind {
    match response {
        Response::Produce(body) => ResponseKind::Produce(produce::produce_response(body, version)),
        Response::Fetch(body) => ResponseKind::Fetch(fetch::fetch_response(body, version)),
        Response::ListOffsets(body) => ResponseKind::ListOffsets(offsets::list_offsets_response(body, version)),
        Response::DeleteRecords(body) => ResponseKind::DeleteRecords(offsets::delete_records_response(body)),
        Response::Metadata(body) => ResponseKind::Metadata(metadata::metadata_response(body, version)),
        Response::OffsetCommit(body) => ResponseKind::OffsetCommit(group::offsets::offset_commit_response(body)),
        Response::OffsetFetch(body) => ResponseKind::OffsetFetch(group::offsets::offset_fetch_response(body, version)),
        Response::FindCoordinator(body) => {
            ResponseKind::FindCoordinator(group::coordinator::find_coordinator_response(body, version))
        }
        Response::JoinGroup(body) => ResponseKind::JoinGroup(group::classic::join_group_response(body, version)),
        Response::Heartbeat(body) => ResponseKind::Heartbeat(group::classic::heartbeat_response(body)),
        Response::LeaveGroup(body) => ResponseKind::LeaveGroup(group::classic::leave_group_response(body, version)),
        Response::SyncGroup(body) => ResponseKind::SyncGroup(group::classic::sync_group_response(body, version)),
        Response::DescribeGroups(body) => {
            ResponseKind::DescribeGroups(group::admin::describe_groups_response(body, version))
        }
        Response::ListGroups(body) => ResponseKind::ListGroups(group::admin::list_groups_response(body, version)),
        Response::DeleteGroups(body) => ResponseKind::DeleteGroups(group::admin::delete_groups_response(body)),
        Response::OffsetDelete(body) => ResponseKind::OffsetDelete(group::offsets::offset_delete_response(body)),
        Response::TxnOffsetCommit(body) => {
            ResponseKind::TxnOffsetCommit(group::transactions::txn_offset_commit_response(body))
        }
        Response::WriteTxnMarkers(body) => {
            ResponseKind::WriteTxnMarkers(group::transactions::write_txn_markers_response(body))
        }
        Response::ConsumerGroupHeartbeat(body) => {
            ResponseKind::ConsumerGroupHeartbeat(group::consumer::consumer_group_heartbeat_response(body))
        }
        Response::ConsumerGroupDescribe(body) => {
            ResponseKind::ConsumerGroupDescribe(group::consumer::consumer_group_describe_response(body, version))
        }
        Response::ApiVersions(body) => ResponseKind::ApiVersions(metadata::api_versions_response(body, version)),
        Response::CreateTopics(body) => ResponseKind::CreateTopics(admin::create_topics_response(body, version)),
        Response::DeleteTopics(body) => ResponseKind::DeleteTopics(admin::delete_topics_response(body, version)),
        Response::InitProducerId(body) => ResponseKind::InitProducerId(produce::init_producer_id_response(body)),
        Response::OffsetForLeaderEpoch(body) => {
            ResponseKind::OffsetForLeaderEpoch(offsets::offset_for_leader_epoch_response(body))
        }
        Response::CreatePartitions(body) => ResponseKind::CreatePartitions(admin::create_partitions_response(body)),
        Response::ElectLeaders(body) => ResponseKind::ElectLeaders(admin::elect_leaders_response(body, version)),
        Response::IncrementalAlterConfigs(body) => {
            ResponseKind::IncrementalAlterConfigs(admin::incremental_alter_configs_response(body))
        }
        Response::AlterPartitionReassignments(body) => {
            ResponseKind::AlterPartitionReassignments(admin::alter_partition_reassignments_response(body))
        }
        Response::Vote(body) => ResponseKind::Vote(raft::vote_response(body, version)),
        Response::BeginQuorumEpoch(body) => {
            ResponseKind::BeginQuorumEpoch(raft::begin_quorum_epoch_response(body, version))
        }
        Response::EndQuorumEpoch(body) => ResponseKind::EndQuorumEpoch(raft::end_quorum_epoch_response(body, version)),
        Response::DescribeQuorum(body) => ResponseKind::DescribeQuorum(raft::describe_quorum_response(body, version)),
        Response::AlterPartition(body) => ResponseKind::AlterPartition(controller::alter_partition_response(body)),
        Response::FetchSnapshot(body) => ResponseKind::FetchSnapshot(raft::fetch_snapshot_response(body, version)),
        Response::BrokerRegistration(body) => {
            ResponseKind::BrokerRegistration(controller::broker_registration_response(body))
        }
        Response::BrokerHeartbeat(body) => ResponseKind::BrokerHeartbeat(controller::broker_heartbeat_response(body)),
        Response::AllocateProducerIds(body) => {
            ResponseKind::AllocateProducerIds(controller::allocate_producer_ids_response(body))
        }
        Response::ControllerRegistration(body) => {
            ResponseKind::ControllerRegistration(controller::controller_registration_response(body))
        }
    }
}

/// The response that a message carries.
///
/// # Errors
/// A version that is not spoken, a request, or a field with a value that no correct
/// sender writes.
pub fn decode_response(message: &Message) -> Result<Response, WireError> {
    let (api, version) = (message.api, message.version);
    if !spoken(api).contains(version) {
        return Err(WireError::UnsupportedVersion { api, version });
    }
    let Body::Response(body) = &message.body else { return Err(WireError::WrongBody { api }) };
    let response = match body {
        ResponseBody::Fetch(body) => body.clone().into(),
        ResponseBody::Wire(body) => read_response(body, api, version)?,
    };
    if response.api() == api { Ok(response) } else { Err(WireError::WrongBody { api }) }
}

/// The same for the one who received the message: see [`take_request`].
///
/// # Errors
/// As [`decode_response`].
pub fn take_response(message: Arc<Message>) -> Result<Response, WireError> {
    match Arc::try_unwrap(message) {
        Ok(Message {
            api: Api::Fetch,
            version: plain_fetch::VERSION,
            body: Body::Response(ResponseBody::Fetch(body)),
            ..
        }) => Ok(body.into()),
        Ok(message) => decode_response(&message),
        Err(shared) => decode_response(&shared),
    }
}

fn read_response(body: &ResponseKind, api: Api, version: i16) -> Result<Response, WireError> {
    Ok(match body {
        ResponseKind::Produce(body) => produce::read_produce_response(body)?.into(),
        ResponseKind::Fetch(body) => fetch::read_fetch_response(body)?.into(),
        ResponseKind::ListOffsets(body) => offsets::read_list_offsets_response(body).into(),
        ResponseKind::DeleteRecords(body) => offsets::read_delete_records_response(body).into(),
        ResponseKind::Metadata(body) => metadata::read_metadata_response(body)?.into(),
        ResponseKind::OffsetCommit(body) => group::offsets::read_offset_commit_response(body).into(),
        ResponseKind::OffsetFetch(body) => group::offsets::read_offset_fetch_response(body, version).into(),
        ResponseKind::FindCoordinator(body) => {
            group::coordinator::read_find_coordinator_response(body, version)?.into()
        }
        ResponseKind::JoinGroup(body) => group::classic::read_join_group_response(body).into(),
        ResponseKind::Heartbeat(body) => group::classic::read_heartbeat_response(body).into(),
        ResponseKind::LeaveGroup(body) => group::classic::read_leave_group_response(body).into(),
        ResponseKind::SyncGroup(body) => group::classic::read_sync_group_response(body).into(),
        ResponseKind::DescribeGroups(body) => group::admin::read_describe_groups_response(body).into(),
        ResponseKind::ListGroups(body) => group::admin::read_list_groups_response(body).into(),
        ResponseKind::DeleteGroups(body) => group::admin::read_delete_groups_response(body).into(),
        ResponseKind::OffsetDelete(body) => group::offsets::read_offset_delete_response(body).into(),
        ResponseKind::TxnOffsetCommit(body) => group::transactions::read_txn_offset_commit_response(body).into(),
        ResponseKind::WriteTxnMarkers(body) => group::transactions::read_write_txn_markers_response(body).into(),
        ResponseKind::ConsumerGroupHeartbeat(body) => {
            group::consumer::read_consumer_group_heartbeat_response(body).into()
        }
        ResponseKind::ConsumerGroupDescribe(body) => {
            group::consumer::read_consumer_group_describe_response(body).into()
        }
        ResponseKind::ApiVersions(body) => metadata::read_api_versions_response(body).into(),
        ResponseKind::CreateTopics(body) => admin::read_create_topics_response(body).into(),
        ResponseKind::DeleteTopics(body) => admin::read_delete_topics_response(body).into(),
        ResponseKind::InitProducerId(body) => produce::read_init_producer_id_response(body).into(),
        ResponseKind::OffsetForLeaderEpoch(body) => offsets::read_offset_for_leader_epoch_response(body).into(),
        ResponseKind::CreatePartitions(body) => admin::read_create_partitions_response(body).into(),
        ResponseKind::ElectLeaders(body) => admin::read_elect_leaders_response(body).into(),
        ResponseKind::IncrementalAlterConfigs(body) => admin::read_incremental_alter_configs_response(body)?.into(),
        ResponseKind::AlterPartitionReassignments(body) => {
            admin::read_alter_partition_reassignments_response(body).into()
        }
        ResponseKind::Vote(body) => raft::read_vote_response(body)?.into(),
        ResponseKind::BeginQuorumEpoch(body) => raft::read_begin_quorum_epoch_response(body)?.into(),
        ResponseKind::EndQuorumEpoch(body) => raft::read_end_quorum_epoch_response(body)?.into(),
        ResponseKind::DescribeQuorum(body) => raft::read_describe_quorum_response(body)?.into(),
        ResponseKind::AlterPartition(body) => controller::read_alter_partition_response(body)?.into(),
        ResponseKind::FetchSnapshot(body) => raft::read_fetch_snapshot_response(body)?.into(),
        ResponseKind::BrokerRegistration(body) => controller::read_broker_registration_response(body).into(),
        ResponseKind::BrokerHeartbeat(body) => controller::read_broker_heartbeat_response(body).into(),
        ResponseKind::AllocateProducerIds(body) => controller::read_allocate_producer_ids_response(body).into(),
        ResponseKind::ControllerRegistration(body) => controller::read_controller_registration_response(body).into(),
        _ => return Err(WireError::WrongBody { api }),
    })
}

/// The same for a response.
pub(super) fn carried_response(body: ResponseKind, version: i16) -> ResponseBody {
    if let ResponseKind::Fetch(fetch) = &body
        && version == plain_fetch::VERSION
        && let Ok(fetch) = fetch::read_fetch_response(fetch)
    {
        return ResponseBody::Fetch(fetch);
    }
    ResponseBody::Wire(Box::new(body))
}
