//! Connections as stories: what is processed when, and what leaves.

use super::*;
use crate::api::Body;
use crate::choice::LowestChoice;
use crate::message::{Acks, ApiVersionsRequest, MetadataRequest, MetadataResponse, ProduceRequest, VoteResponse};
use crate::name::Name;
use crate::storage::MemoryStorage;
use crate::time::Now;

const CLIENT: ConnectionId = ConnectionId(ConnectionId::ACCEPTED);

/// A listener with one connection, and what it wants done, as text.
struct Fixture {
    connections: ServerConnections,
    storage: MemoryStorage,
    choices: LowestChoice,
}

impl Fixture {
    fn new() -> Self {
        let mut connections = ServerConnections::new(Listener::Broker);
        connections.accepted(CLIENT);
        Fixture { connections, storage: MemoryStorage::default(), choices: LowestChoice }
    }

    /// Runs a step; says what was taken into processing and what left.
    fn step(&mut self, step: impl FnOnce(&mut ServerConnections, &mut Context) -> Option<Incoming>) -> String {
        let mut ctx = Context::new(Now::default(), &mut self.storage, &mut self.choices);
        let mut taken = step(&mut self.connections, &mut ctx);
        let mut said = Vec::new();
        for output in ctx.take_effects().outputs {
            said.push(match output {
                Output::Send { message, .. } => {
                    format!("answer {} v{} #{}", message.api.name(), message.version, message.correlation_id)
                }
                Output::Close { .. } => "close".to_owned(),
                other => format!("{other:?}"),
            });
        }
        while let Some(incoming) = taken.take().or_else(|| self.connections.take_ready()) {
            said.push(format!("process {} #{}", incoming.request.api().name(), incoming.handle.correlation_id));
        }
        said.join(", ")
    }

    fn receive(&mut self, correlation_id: CorrelationId, request: impl Into<Request>) -> String {
        let request = request.into();
        let message = Arc::new(wire::encode_request(
            request.clone(),
            versions::latest(request.api()),
            correlation_id,
            Name::from("c"),
        ));
        self.step(|connections, ctx| connections.received(ctx, CLIENT, message))
    }

    fn respond(&mut self, correlation_id: CorrelationId, response: impl Into<Response>) -> String {
        let response = response.into();
        self.step(|connections, ctx| {
            connections.respond(ctx, RequestHandle { connection: CLIENT, correlation_id }, response);
            None
        })
    }

    fn no_response(&mut self, correlation_id: CorrelationId) -> String {
        self.step(|connections, ctx| {
            connections.no_response(ctx, RequestHandle { connection: CLIENT, correlation_id });
            None
        })
    }
}

fn metadata() -> MetadataRequest {
    MetadataRequest { topics: None, allow_auto_topic_creation: false }
}

fn answer() -> MetadataResponse {
    MetadataResponse {
        error: ErrorCode::None,
        brokers: Vec::new(),
        controller_id: crate::ids::NodeId::NONE,
        topics: Vec::new(),
    }
}

fn produce() -> ProduceRequest {
    ProduceRequest { transactional_id: None, acks: Acks::None, timeout_ms: 0, partitions: Vec::new() }
}

#[test]
fn order_a_request_waits_until_the_one_before_it_is_answered() {
    let mut it = Fixture::new();
    assert_eq!(it.receive(1, metadata()), "process Metadata #1");
    assert_eq!(it.receive(2, metadata()), "");
    assert_eq!(it.receive(3, metadata()), "");
    assert_eq!(it.respond(1, answer()), "answer Metadata v13 #1, process Metadata #2");
    assert_eq!(it.respond(2, answer()), "answer Metadata v13 #2, process Metadata #3");
    assert_eq!(it.respond(3, answer()), "answer Metadata v13 #3");
}

#[test]
fn order_acks_0_has_no_answer_and_still_holds_up_what_is_behind_it() {
    let mut it = Fixture::new();
    assert_eq!(it.receive(1, produce()), "process Produce #1");
    assert_eq!(it.receive(2, metadata()), "");
    assert_eq!(it.no_response(1), "process Metadata #2");
}

#[test]
fn close_orderly_what_has_arrived_is_executed_until_the_first_answer_cannot_be_sent() {
    let mut it = Fixture::new();
    assert_eq!(it.receive(1, produce()), "process Produce #1");
    assert_eq!(it.receive(2, produce()), "");
    assert_eq!(it.receive(3, metadata()), "");
    assert_eq!(it.receive(4, metadata()), "");
    it.connections.closed(CLIENT, CloseReason::Closed);
    assert_eq!(it.no_response(1), "process Produce #2");
    assert_eq!(it.no_response(2), "process Metadata #3");
    assert_eq!(it.respond(3, answer()), "");
    assert!(it.connections.is_empty());
}

#[test]
fn close_reset_what_waits_is_discarded_and_the_answer_in_the_making_is_dropped() {
    let mut it = Fixture::new();
    assert_eq!(it.receive(1, produce()), "process Produce #1");
    assert_eq!(it.receive(2, produce()), "");
    it.connections.closed(CLIENT, CloseReason::Reset);
    assert_eq!(it.no_response(1), "");
    assert!(it.connections.is_empty());
}

#[test]
fn refuse_an_unknown_version_closes_the_connection_but_of_api_versions_it_is_answered() {
    let mut it = Fixture::new();
    let request = ApiVersionsRequest { client_software_name: String::new(), client_software_version: String::new() };
    let mut message = wire::encode_request(request.into(), 4, 1, Name::from("c"));
    message.version = 99;
    let said = it.step(|connections, ctx| connections.received(ctx, CLIENT, Arc::new(message)));
    assert_eq!(said, "answer ApiVersions v0 #1");

    let mut message = wire::encode_request(metadata().into(), 13, 2, Name::from("c"));
    message.version = 99;
    let said = it.step(|connections, ctx| connections.received(ctx, CLIENT, Arc::new(message)));
    assert_eq!(said, "close");
    assert!(it.connections.is_empty());
}

#[test]
fn refuse_at_its_turn_a_malformed_request_does_not_hurt_those_before_it() {
    let mut it = Fixture::new();
    assert_eq!(it.receive(1, metadata()), "process Metadata #1");
    let mut message = wire::encode_request(produce().into(), 13, 2, Name::from("c"));
    message.body = Body::Response(match wire::encode_response(answer().into(), 13, 2).body {
        Body::Response(body) => body,
        Body::Request(_) => panic!("a response has a response's body"),
    });
    assert_eq!(it.step(|connections, ctx| connections.received(ctx, CLIENT, Arc::new(message))), "");
    assert_eq!(it.respond(1, answer()), "answer Metadata v13 #1, close");
}

#[test]
fn refuse_a_broker_listener_does_not_serve_the_quorum() {
    let mut it = Fixture::new();
    let vote = crate::message::VoteRequest {
        cluster_id: None,
        voter: crate::message::ReplicaKey {
            id: crate::ids::NodeId(1),
            directory_id: crate::ids::DirectoryId::UNASSIGNED,
        },
        candidate: crate::message::ReplicaKey {
            id: crate::ids::NodeId(2),
            directory_id: crate::ids::DirectoryId::UNASSIGNED,
        },
        epoch: crate::ids::LeaderEpoch(1),
        last_epoch: crate::ids::LeaderEpoch(0),
        last_epoch_end_offset: 0,
        pre_vote: false,
    };
    assert_eq!(it.receive(1, vote), "close");
}

#[test]
#[should_panic(expected = "asked Metadata and is answered Vote")]
fn a_request_cannot_be_answered_with_another_apis_response() {
    let mut it = Fixture::new();
    it.receive(1, metadata());
    it.respond(
        1,
        VoteResponse {
            error: ErrorCode::None,
            leader: crate::ids::NodeId::NONE,
            epoch: crate::ids::LeaderEpoch(0),
            vote_granted: false,
            leader_endpoint: None,
        },
    );
}
