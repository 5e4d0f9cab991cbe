//! FindCoordinator (key 10). Below version 4 it asks for one key, and the answer does not repeat it.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest as WireFindCoordinatorRequest,
    FindCoordinatorResponse as WireFindCoordinatorResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::super::WireError;
use super::super::common::{broker, read_broker, read_endpoint, text};
use super::{maybe_text, read_maybe_text, read_texts, texts};
use crate::ids::{Endpoint, NodeId};
use crate::message::{CoordinatorKind, ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse, FoundCoordinator};

/// The first version that asks for several keys (KIP-699).
const SEVERAL: i16 = 4;

pub(in super::super) fn find_coordinator_request(
    request: &FindCoordinatorRequest,
    version: i16,
) -> WireFindCoordinatorRequest {
    let mut body = WireFindCoordinatorRequest::default();
    if version >= 1 {
        body = body.with_key_type(match request.kind {
            CoordinatorKind::Group => 0,
            CoordinatorKind::Transaction => 1,
        });
    }
    if version >= SEVERAL {
        body.with_coordinator_keys(texts(&request.keys))
    } else {
        body.with_key(request.keys.first().map(|key| text(key)).unwrap_or_default())
    }
}

pub(in super::super) fn read_find_coordinator_request(
    body: &WireFindCoordinatorRequest,
    version: i16,
) -> Result<FindCoordinatorRequest, WireError> {
    let kind = match body.key_type {
        0 => CoordinatorKind::Group,
        1 => CoordinatorKind::Transaction,
        // Simplified: 2 is a share group's (KIP-932), which Trial has not. Kafka answers INVALID_REQUEST to the others.
        other => return Err(WireError::value("key type", other)),
    };
    let keys = if version >= SEVERAL { read_texts(&body.coordinator_keys) } else { vec![body.key.to_string()] };
    Ok(FindCoordinatorRequest { kind, keys })
}

/// A node as three fields; "no node" is −1, "", −1.
fn node_fields(node: &Option<(NodeId, Endpoint)>) -> (BrokerId, StrBytes, i32) {
    match node {
        Some((node, endpoint)) => (broker(*node), text(&endpoint.host), i32::from(endpoint.port)),
        None => (broker(NodeId::NONE), StrBytes::default(), -1),
    }
}

fn read_node(node: BrokerId, host: &StrBytes, port: i32) -> Result<Option<(NodeId, Endpoint)>, WireError> {
    let node = read_broker(node);
    if node.is_some() { Ok(Some((node, read_endpoint(host, port)?))) } else { Ok(None) }
}

pub(in super::super) fn find_coordinator_response(
    response: &FindCoordinatorResponse,
    version: i16,
) -> WireFindCoordinatorResponse {
    let body = WireFindCoordinatorResponse::default();
    if version >= SEVERAL {
        let coordinator = |found: &FoundCoordinator| {
            let (node, host, port) = node_fields(&found.node);
            Coordinator::default()
                .with_key(text(&found.key))
                .with_node_id(node)
                .with_host(host)
                .with_port(port)
                .with_error_code(found.error.code())
                .with_error_message(maybe_text(&found.error_message))
        };
        return body.with_coordinators(response.coordinators.iter().map(coordinator).collect());
    }
    let found = response.coordinators.first();
    let (node, host, port) = node_fields(found.map_or(&None, |found| &found.node));
    let body = body.with_node_id(node).with_host(host).with_port(port);
    // Version 0 has no message; the codec then holds the empty text.
    let message = found.and_then(|found| maybe_text(&found.error_message));
    let message = if version >= 1 { message } else { Some(StrBytes::default()) };
    body.with_error_code(found.map_or(ErrorCode::None, |found| found.error).code()).with_error_message(message)
}

pub(in super::super) fn read_find_coordinator_response(
    body: &WireFindCoordinatorResponse,
    version: i16,
) -> Result<FindCoordinatorResponse, WireError> {
    if version < SEVERAL {
        let found = FoundCoordinator {
            key: String::new(),
            error: ErrorCode::from_code(body.error_code),
            error_message: read_maybe_text(&body.error_message).filter(|_| version >= 1),
            node: read_node(body.node_id, &body.host, body.port)?,
        };
        return Ok(FindCoordinatorResponse { coordinators: vec![found] });
    }
    let coordinator = |found: &Coordinator| {
        Ok(FoundCoordinator {
            key: found.key.to_string(),
            error: ErrorCode::from_code(found.error_code),
            error_message: read_maybe_text(&found.error_message),
            node: read_node(found.node_id, &found.host, found.port)?,
        })
    };
    Ok(FindCoordinatorResponse {
        coordinators: body.coordinators.iter().map(coordinator).collect::<Result<_, WireError>>()?,
    })
}
