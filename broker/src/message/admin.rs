//! What administrators ask for; brokers forward these to the active controller (KIP-590).

use super::ErrorCode;
use crate::ids::{GroupId, NodeId, TopicId, TopicName, TopicPartition};

/// Create topics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: i32,
    /// Whether only to check.
    pub validate_only: bool,
}

/// One topic to create.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreatableTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; −1 for the broker's default, or when `assignments` say.
    pub num_partitions: i32,
    /// How many replicas each; −1 for the broker's default, or when `assignments` say.
    pub replication_factor: i16,
    /// Replicas by partition, the preferred leader first; empty to let the controller place.
    pub assignments: Vec<Vec<NodeId>>,
    /// Configuration overrides.
    pub configs: Vec<(String, String)>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreateTopicsResponse {
    /// One answer a topic.
    pub topics: Vec<CreatableTopicResult>,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreatableTopicResult {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// Why it was refused.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<String>,
    /// How many partitions.
    pub num_partitions: i32,
    /// How many replicas each.
    pub replication_factor: i16,
}

/// Delete topics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteTopicsRequest {
    /// The topics by name.
    pub topics: Vec<TopicName>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: i32,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteTopicsResponse {
    /// (name, id, error).
    pub topics: Vec<(TopicName, TopicId, ErrorCode)>,
}

/// Add partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: i32,
    /// Whether only to check.
    pub validate_only: bool,
}

/// One topic's new number of partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreatePartitionsTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it shall have.
    pub count: i32,
    /// Replicas of the new partitions; empty to let the controller place.
    pub assignments: Vec<Vec<NodeId>>,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CreatePartitionsResponse {
    /// (name, error, message).
    pub topics: Vec<(TopicName, ErrorCode, Option<String>)>,
}

/// How a leader is to be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElectionType {
    /// The first replica of the assignment.
    Preferred,
    /// Any replica that lives, if no eligible one does.
    Unclean,
}

/// Elect leaders now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectLeadersRequest {
    /// How.
    pub election_type: ElectionType,
    /// Of which partitions; `None` for all.
    pub partitions: Option<Vec<TopicPartition>>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: i32,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectLeadersResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// (partition, error).
    pub partitions: Vec<(TopicPartition, ErrorCode)>,
}

/// What a configuration value belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// One broker.
    Broker(NodeId),
    /// Every broker: the cluster-wide default.
    Cluster,
    /// A group, whether or not there is one of this name.
    Group(GroupId),
}

/// Change configuration values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IncrementalAlterConfigsRequest {
    /// The changes: a value of `None` removes the override.
    pub resources: Vec<(ConfigResource, Vec<(String, Option<String>)>)>,
    /// Whether only to check.
    pub validate_only: bool,
}

/// What became of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IncrementalAlterConfigsResponse {
    /// (resource, error, message).
    pub resources: Vec<(ConfigResource, ErrorCode, Option<String>)>,
}

/// Move replicas (KIP-455).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionReassignmentsRequest {
    /// The new replicas of each partition; `None` cancels.
    pub partitions: Vec<(TopicPartition, Option<Vec<NodeId>>)>,
    /// How long to wait, in milliseconds.
    pub timeout_ms: i32,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionReassignmentsResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// (partition, error, message).
    pub partitions: Vec<(TopicPartition, ErrorCode, Option<String>)>,
}
