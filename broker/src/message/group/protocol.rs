//! What members of a classic group tell each other through the coordinator: `ConsumerProtocol` (versions 0–3).
//!
//! The classic coordinator does not read it: a member's subscription travels in its
//! JoinGroup, the leader's answer for each member in the leader's SyncGroup. A group that
//! moves between the protocols is the exception (KIP-848).
//! `crate::api::consumer_protocol` turns these values into bytes and back.

use bytes::Bytes;

use crate::ids::{TopicName, TopicPartition};

/// What a member wants, and what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsumerSubscription {
    /// The topics it subscribes to.
    pub topics: Vec<TopicName>,
    /// What its assignor wants to remember from one rebalance to the next.
    pub user_data: Option<Bytes>,
    /// The partitions that it owns (v1+).
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got them (v2+).
    pub generation: Option<i32>,
    /// Where it stands (v3+).
    pub rack: Option<String>,
}

/// What a member shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConsumerAssignment {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// What the assignor wants to tell the member besides.
    pub user_data: Option<Bytes>,
}
