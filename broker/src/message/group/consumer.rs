//! ConsumerGroupHeartbeat (key 68, v0–1): the one request of the protocol of KIP-848.

use std::collections::{BTreeMap, BTreeSet};

use super::super::ErrorCode;
use crate::ids::{GroupId, GroupInstanceId, MemberId, TopicId};

/// Partitions by topic.
pub type PartitionsByTopic = BTreeMap<TopicId, BTreeSet<i32>>;

/// A member lives; what it does not repeat has not changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupHeartbeatRequest {
    /// The group.
    pub group: GroupId,
    /// The member; made by the client from version 1 on, empty at a first heartbeat of version 0.
    pub member: MemberId,
    /// 0 to join, −1 to leave, −2 to leave as a static member that comes back, else the member's epoch.
    pub member_epoch: i32,
    /// The static member, if it is one; none if it has not changed.
    pub instance: Option<GroupInstanceId>,
    /// Where it stands; none if that has not changed.
    pub rack: Option<String>,
    /// How many milliseconds the member may take to give partitions up; −1 if that has not changed.
    pub rebalance_timeout_ms: i32,
    /// The topics; none if they have not changed.
    pub subscribed_topic_names: Option<Vec<String>>,
    /// An expression that names topics (v1+); none if it has not changed, empty for none any more.
    pub subscribed_topic_regex: Option<String>,
    /// The assignor to run on the server; none if that has not changed or any is welcome.
    pub server_assignor: Option<String>,
    /// The partitions that the member owns; none if they have not changed.
    pub owned: Option<PartitionsByTopic>,
}

/// The member's epoch, and its assignment if that is new.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupHeartbeatResponse {
    /// Whether it is a member.
    pub error: ErrorCode,
    /// What is wrong, in words.
    pub error_message: Option<String>,
    /// The member's id.
    pub member: Option<MemberId>,
    /// Its epoch.
    pub member_epoch: i32,
    /// When the next heartbeat is due, in milliseconds.
    pub heartbeat_interval_ms: i32,
    /// All partitions that it may own now; none if that has not changed.
    pub assignment: Option<PartitionsByTopic>,
}
