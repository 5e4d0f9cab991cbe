//! What a broker passes on to the active controller (KIP-590, `ForwardingManager`).
//!
//! ```text
//!   client ──CreateTopics──▶ broker ──the same request──▶ active controller
//!          ◀────response────        ◀──────response──────
//! ```
//!
//! The request goes out on the forwarding channel, which finds the active controller and
//! tries again for up to 60 s; after that the client reads REQUEST_TIMED_OUT.
//!
//! Simplified: Kafka wraps the request and the client's principal in an Envelope; without
//! principals there is nothing to wrap, and the plain request travels.

use std::collections::BTreeMap;

use super::outgoing::{ChannelFailure, ChannelPurpose, Channels};
use crate::context::Context;
use crate::ids::{NodeId, RequestHandle, TopicId, UNKNOWN_OFFSET};
use crate::message::{
    AlterPartitionReassignmentsResponse, Api, CreatableTopicResult, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteTopicsResponse, DescribeQuorumResponse, ElectLeadersResponse, ErrorCode, IncrementalAlterConfigsResponse,
    Request, Response,
};

/// The token under which requests for producer ids travel on the forwarding channel.
pub const PRODUCER_IDS_TOKEN: u64 = 0;

/// Whether a broker passes this API on to the active controller.
pub fn is_forwarded(api: Api) -> bool {
    match api {
        Api::CreateTopics
        | Api::DeleteTopics
        | Api::CreatePartitions
        | Api::ElectLeaders
        | Api::IncrementalAlterConfigs
        | Api::AlterPartitionReassignments
        | Api::DescribeQuorum => true,
        Api::Produce
        | Api::Fetch
        | Api::ListOffsets
        | Api::Metadata
        | Api::OffsetCommit
        | Api::OffsetFetch
        | Api::FindCoordinator
        | Api::JoinGroup
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::SyncGroup
        | Api::DescribeGroups
        | Api::ListGroups
        | Api::DeleteGroups
        | Api::OffsetDelete
        | Api::TxnOffsetCommit
        | Api::WriteTxnMarkers
        | Api::ConsumerGroupHeartbeat
        | Api::ConsumerGroupDescribe
        | Api::ApiVersions
        | Api::DeleteRecords
        | Api::InitProducerId
        | Api::OffsetForLeaderEpoch
        | Api::Vote
        | Api::BeginQuorumEpoch
        | Api::EndQuorumEpoch
        | Api::AlterPartition
        | Api::FetchSnapshot
        | Api::BrokerRegistration
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::ControllerRegistration => false,
    }
}

/// Requests that were passed on and are not yet answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forwarding {
    next_token: u64,
    waiting: BTreeMap<u64, (RequestHandle, Request)>,
}

/// What to do with the client that asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// Answer it.
    Reply {
        /// Its request.
        handle: RequestHandle,
        /// The answer.
        response: Response,
    },
    /// Close its connection: the controller does not speak the API's version, and the
    /// client must find out anew what is spoken.
    CloseConnection {
        /// Its request.
        handle: RequestHandle,
    },
}

impl Default for Forwarding {
    fn default() -> Self {
        Forwarding { next_token: PRODUCER_IDS_TOKEN + 1, waiting: BTreeMap::new() }
    }
}

impl Forwarding {
    /// Passes a request on.
    pub fn forward(&mut self, ctx: &mut Context, channels: &mut Channels, handle: RequestHandle, request: Request) {
        assert!(is_forwarded(request.api()), "{} is not forwarded", request.api().name());
        let token = self.next_token;
        self.next_token += 1;
        self.waiting.insert(token, (handle, request.clone()));
        channels.send_to_controller(ctx, ChannelPurpose::Forwarding, token, request);
    }

    /// The controller answered, or could not be asked; `None` if the token is not one of these.
    pub fn completed(&mut self, token: u64, result: Result<Response, ChannelFailure>) -> Option<Forwarded> {
        let (handle, request) = self.waiting.remove(&token)?;
        Some(match result {
            Ok(response) => Forwarded::Reply { handle, response },
            Err(ChannelFailure::UnsupportedVersion) => Forwarded::CloseConnection { handle },
            Err(ChannelFailure::TimedOut | ChannelFailure::Disconnected | ChannelFailure::Malformed) => {
                Forwarded::Reply { handle, response: error_response(&request, ErrorCode::RequestTimedOut) }
            }
        })
    }

    /// How many requests wait for the controller.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The answer that says the same error of everything that was asked.
fn error_response(request: &Request, error: ErrorCode) -> Response {
    match request {
        Request::CreateTopics(body) => {
            let result = |topic: &crate::message::CreatableTopic| CreatableTopicResult {
                name: topic.name.clone(),
                topic_id: TopicId::ZERO,
                error,
                error_message: None,
                num_partitions: -1,
                replication_factor: -1,
            };
            CreateTopicsResponse { topics: body.topics.iter().map(result).collect() }.into()
        }
        Request::DeleteTopics(body) => {
            let topics = body.topics.iter().map(|name| (name.clone(), TopicId::ZERO, error)).collect();
            DeleteTopicsResponse { topics }.into()
        }
        Request::CreatePartitions(body) => {
            let topics = body.topics.iter().map(|topic| (topic.name.clone(), error, None)).collect();
            CreatePartitionsResponse { topics }.into()
        }
        Request::ElectLeaders(body) => {
            let partitions = body.partitions.iter().flatten().map(|partition| (partition.clone(), error)).collect();
            ElectLeadersResponse { error, partitions }.into()
        }
        Request::IncrementalAlterConfigs(body) => {
            let resources = body.resources.iter().map(|(of, _)| (of.clone(), error, None)).collect();
            IncrementalAlterConfigsResponse { resources }.into()
        }
        Request::AlterPartitionReassignments(body) => {
            let partitions = body.partitions.iter().map(|(partition, _)| (partition.clone(), error, None)).collect();
            AlterPartitionReassignmentsResponse { error, partitions }.into()
        }
        Request::DescribeQuorum(_) => DescribeQuorumResponse {
            error,
            leader: NodeId::NONE,
            epoch: crate::ids::LeaderEpoch::NONE,
            high_watermark: UNKNOWN_OFFSET,
            voters: Vec::new(),
            observers: Vec::new(),
        }
        .into(),
        other => unreachable!("{} is not forwarded", other.api().name()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::outgoing::ChannelsConfig;
    use crate::choice::LowestChoice;
    use crate::ids::{ConnectionId, TopicName};
    use crate::message::DeleteTopicsRequest;
    use crate::storage::MemoryStorage;
    use crate::time::Now;

    fn handle(correlation_id: i32) -> RequestHandle {
        RequestHandle { connection: ConnectionId(ConnectionId::ACCEPTED), correlation_id }
    }

    #[test]
    fn an_answer_finds_the_client_that_asked_and_silence_is_a_time_out_of_all_it_asked_for() {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        let mut ctx = Context::new(Now::default(), &mut storage, &mut choices);
        let mut channels = Channels::new(ChannelsConfig {
            node: NodeId(1),
            first_connection: 1,
            connection_stride: 1,
            raft_request_timeout: Duration::from_secs(2),
            heartbeat_interval: Duration::from_secs(2),
            request_timeout: Duration::from_secs(30),
        });
        let mut forwarding = Forwarding::default();
        let orders = TopicName::new("orders");
        let delete = DeleteTopicsRequest { topics: vec![orders.clone()], timeout_ms: 1000 };
        for correlation_id in 1..=3 {
            forwarding.forward(&mut ctx, &mut channels, handle(correlation_id), delete.clone().into());
        }
        let done: Response =
            DeleteTopicsResponse { topics: vec![(orders.clone(), TopicId::ZERO, ErrorCode::None)] }.into();
        let reply = Forwarded::Reply { handle: handle(2), response: done.clone() };
        assert_eq!(forwarding.completed(2, Ok(done.clone())), Some(reply));
        let timed_out = DeleteTopicsResponse { topics: vec![(orders, TopicId::ZERO, ErrorCode::RequestTimedOut)] };
        let reply = Forwarded::Reply { handle: handle(1), response: timed_out.into() };
        assert_eq!(forwarding.completed(1, Err(ChannelFailure::TimedOut)), Some(reply));
        let close = Forwarded::CloseConnection { handle: handle(3) };
        assert_eq!(forwarding.completed(3, Err(ChannelFailure::UnsupportedVersion)), Some(close));
        assert_eq!(forwarding.completed(PRODUCER_IDS_TOKEN, Ok(done)), None);
        assert!(forwarding.is_empty());
    }
}
