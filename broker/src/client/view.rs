//! What a client shows of itself: plain values for screens and checks.

use serde::Serialize;

use crate::ids::{CorrelationId, GroupId, LeaderEpoch, MemberId, NodeId, Offset, TopicName, TopicPartition};
use crate::message::Api;
use crate::time::Time;

/// A request that was sent and not yet answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct InFlightView {
    /// To which node; negative for a bootstrap server.
    pub node: NodeId,
    /// Of which API.
    pub api: Api,
    /// Its number on the connection.
    pub correlation_id: CorrelationId,
    /// When it was handed to the socket.
    pub sent_at: Time,
}

/// A batch that a producer has not yet seen acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct BatchView {
    /// Where it goes.
    pub partition: TopicPartition,
    /// How many records it holds.
    pub records: i32,
    /// Its first sequence number; −1 while it has none.
    pub first_sequence: i32,
    /// How many times it was sent.
    pub attempts: i32,
    /// Whether a request with it is unanswered.
    pub in_flight: bool,
    /// When its first record was handed over: `delivery.timeout.ms` counts from here.
    pub created_at: Time,
}

/// A partition's leader as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct KnownLeader {
    /// The partition.
    pub partition: TopicPartition,
    /// Its leader; NONE if the client knows of none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub epoch: LeaderEpoch,
}

/// A consumer in its group, as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct MembershipView {
    /// The group.
    pub group: GroupId,
    /// Its member id; empty if it has none.
    pub member: MemberId,
    /// Its generation (classic) or member epoch (KIP-848); −1, or not positive, if it is in none.
    pub epoch: i32,
    /// Who it takes for its coordinator.
    pub coordinator: Option<NodeId>,
    /// Whether it has its assignment and knows of no rebalance.
    pub settled: bool,
    /// Whether it wants to be a member.
    pub subscribed: bool,
    /// The topics it subscribes to; none if its coordinator looks for them.
    pub topics: Vec<TopicName>,
    /// The partitions it has.
    pub assigned: Vec<TopicPartition>,
}

/// Where a consumer stands in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PositionView {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the next record that the application will get; none while unknown.
    pub offset: Option<Offset>,
    /// What is being done about the position.
    pub state: FetchStateName,
    /// The high watermark of the last answer; none before the first one.
    pub high_watermark: Option<Offset>,
}

/// `SubscriptionState.FetchStates`: what a consumer does about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchStateName {
    /// The position is not known yet.
    Initializing,
    /// The position is being looked up (`auto.offset.reset`).
    AwaitingReset,
    /// The position is being compared with the leader's epochs (KIP-320).
    AwaitingValidation,
    /// The partition can be fetched.
    Fetching,
}
