//! Kafka's requests and responses as plain values.
//!
//! Inside the machines a message is one of these: comparable, hashable, without wire
//! versions and without the fields that Trial has no use for. `api::wire` turns them
//! into the types of the `kafka-protocol` crate, and back, at the version that the
//! connection negotiated: what travels is always Kafka's own message.
//!
//! A field is named as in Kafka's message definitions unless a full word is clearer;
//! `Option` stands where the protocol writes −1 or null for "none".

use serde::{Deserialize, Serialize};

mod admin;
mod controller;
mod error;
mod fetch;
mod group;
mod metadata;
mod offsets;
mod produce;
mod raft;
mod transactions;

pub use admin::*;
pub use controller::*;
pub use error::ErrorCode;
pub use fetch::*;
pub use group::*;
pub use metadata::*;
pub use offsets::*;
pub use produce::*;
pub use raft::*;
pub use transactions::*;

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $key:literal: $request:ty => $response:ty,)*) => {
        /// The APIs that Trial speaks, with Kafka's API keys.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Api {
            $($(#[$doc])* $name = $key,)*
        }

        impl Api {
            /// All of them, in the order of their keys' listing here.
            pub const ALL: &'static [Api] = &[$(Api::$name,)*];

            /// The API with this key, if Trial speaks it.
            pub fn from_key(key: i16) -> Option<Api> {
                match key {
                    $($key => Some(Api::$name),)*
                    _ => None,
                }
            }

            /// Kafka's name of the API, as scenario files and traces write it.
            pub fn name(self) -> &'static str {
                match self { $(Api::$name => stringify!($name),)* }
            }
        }

        /// A request of any API.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Request {
            $($(#[$doc])* $name($request),)*
        }

        impl Request {
            /// The API that this is a request of.
            pub fn api(&self) -> Api {
                match self { $(Request::$name(_) => Api::$name,)* }
            }
        }

        /// A response of any API.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Response {
            $($(#[$doc])* $name($response),)*
        }

        impl Response {
            /// The API that this is a response of.
            pub fn api(&self) -> Api {
                match self { $(Response::$name(_) => Api::$name,)* }
            }
        }

        $(
            impl From<$request> for Request {
                fn from(body: $request) -> Request { Request::$name(body) }
            }
            impl From<$response> for Response {
                fn from(body: $response) -> Response { Response::$name(body) }
            }
        )*
    };
}

messages! {
    /// Append batches to partitions.
    Produce = 0: ProduceRequest => ProduceResponse,
    /// Read batches; for followers and voters also the acknowledgement.
    Fetch = 1: FetchRequest => FetchResponse,
    /// Find the first, last or a timestamp's offset.
    ListOffsets = 2: ListOffsetsRequest => ListOffsetsResponse,
    /// Brokers, topics, partitions and their leaders.
    Metadata = 3: MetadataRequest => MetadataResponse,
    /// Remember how far a group has read.
    OffsetCommit = 8: OffsetCommitRequest => OffsetCommitResponse,
    /// How far a group has read.
    OffsetFetch = 9: OffsetFetchRequest => OffsetFetchResponse,
    /// Which broker coordinates a group or a transactional id.
    FindCoordinator = 10: FindCoordinatorRequest => FindCoordinatorResponse,
    /// Come into a group, classic protocol.
    JoinGroup = 11: JoinGroupRequest => JoinGroupResponse,
    /// A member of a group lives, classic protocol.
    Heartbeat = 12: HeartbeatRequest => HeartbeatResponse,
    /// Leave a group, classic protocol.
    LeaveGroup = 13: LeaveGroupRequest => LeaveGroupResponse,
    /// Bring or get the assignment of a generation, classic protocol.
    SyncGroup = 14: SyncGroupRequest => SyncGroupResponse,
    /// The state of classic groups.
    DescribeGroups = 15: DescribeGroupsRequest => DescribeGroupsResponse,
    /// The groups that a broker coordinates.
    ListGroups = 16: ListGroupsRequest => ListGroupsResponse,
    /// Which versions of which APIs the other side speaks.
    ApiVersions = 18: ApiVersionsRequest => ApiVersionsResponse,
    /// Create topics.
    CreateTopics = 19: CreateTopicsRequest => CreateTopicsResponse,
    /// Delete topics.
    DeleteTopics = 20: DeleteTopicsRequest => DeleteTopicsResponse,
    /// Give up the first records of partitions.
    DeleteRecords = 21: DeleteRecordsRequest => DeleteRecordsResponse,
    /// Get a producer id and epoch.
    InitProducerId = 22: InitProducerIdRequest => InitProducerIdResponse,
    /// Where a leader epoch ended.
    OffsetForLeaderEpoch = 23: OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse,
    /// The end of a transaction, for the partitions that it wrote to.
    WriteTxnMarkers = 27: WriteTxnMarkersRequest => WriteTxnMarkersResponse,
    /// Remember how far a group has read, when the transaction is committed.
    TxnOffsetCommit = 28: TxnOffsetCommitRequest => TxnOffsetCommitResponse,
    /// Add partitions to a topic.
    CreatePartitions = 37: CreatePartitionsRequest => CreatePartitionsResponse,
    /// Forget empty groups.
    DeleteGroups = 42: DeleteGroupsRequest => DeleteGroupsResponse,
    /// Elect preferred or unclean leaders.
    ElectLeaders = 43: ElectLeadersRequest => ElectLeadersResponse,
    /// Change configuration values one by one.
    IncrementalAlterConfigs = 44: IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
    /// Move replicas to other brokers.
    AlterPartitionReassignments = 45: AlterPartitionReassignmentsRequest => AlterPartitionReassignmentsResponse,
    /// Forget a group's offsets.
    OffsetDelete = 47: OffsetDeleteRequest => OffsetDeleteResponse,
    /// A candidate asks a voter for its vote.
    Vote = 52: VoteRequest => VoteResponse,
    /// A new quorum leader announces itself.
    BeginQuorumEpoch = 53: BeginQuorumEpochRequest => BeginQuorumEpochResponse,
    /// A quorum leader resigns.
    EndQuorumEpoch = 54: EndQuorumEpochRequest => EndQuorumEpochResponse,
    /// The state of the metadata quorum.
    DescribeQuorum = 55: DescribeQuorumRequest => DescribeQuorumResponse,
    /// A partition leader proposes an in-sync replica set.
    AlterPartition = 56: AlterPartitionRequest => AlterPartitionResponse,
    /// Read a piece of a metadata snapshot.
    FetchSnapshot = 59: FetchSnapshotRequest => FetchSnapshotResponse,
    /// A broker registers itself with the controller.
    BrokerRegistration = 62: BrokerRegistrationRequest => BrokerRegistrationResponse,
    /// A broker says that it lives, and what it wants to be.
    BrokerHeartbeat = 63: BrokerHeartbeatRequest => BrokerHeartbeatResponse,
    /// A broker asks for a block of producer ids.
    AllocateProducerIds = 67: AllocateProducerIdsRequest => AllocateProducerIdsResponse,
    /// A member of a KIP-848 group lives, joins, leaves.
    ConsumerGroupHeartbeat = 68: ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse,
    /// The state of KIP-848 groups.
    ConsumerGroupDescribe = 69: ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse,
    /// A controller registers itself with the active controller.
    ControllerRegistration = 70: ControllerRegistrationRequest => ControllerRegistrationResponse,
}
