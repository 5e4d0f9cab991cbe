//! Metadata (key 3, v13) and ApiVersions (key 18).

use super::{ErrorCode, NodeEndpoint};
use crate::ids::{LeaderEpoch, NodeId, TopicId, TopicName};

/// Who are the brokers, and who leads these topics' partitions?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataRequest {
    /// The topics by name; `None` asks for all.
    pub topics: Option<Vec<TopicName>>,
    /// Whether a topic that does not exist is to be created.
    pub allow_auto_topic_creation: bool,
}

/// The cluster as the answering broker's image shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataResponse {
    /// An error of the whole request (v13: REBOOTSTRAP_REQUIRED).
    pub error: ErrorCode,
    /// The brokers that are not fenced.
    pub brokers: Vec<NodeEndpoint>,
    /// A broker that forwards to the controller (a random one, under KRaft).
    pub controller_id: NodeId,
    /// The topics.
    pub topics: Vec<MetadataTopic>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataTopic {
    /// Whether it exists.
    pub error: ErrorCode,
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<MetadataPartition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetadataPartition {
    /// LEADER_NOT_AVAILABLE while it has no leader that lives.
    pub error: ErrorCode,
    /// Its index.
    pub partition: i32,
    /// Its leader; NONE if there is none.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas whose broker is fenced or whose directory is lost.
    pub offline_replicas: Vec<NodeId>,
}

/// Which versions do you speak?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiVersionsRequest {
    /// The client's software, for the broker's logs.
    pub client_software_name: String,
    /// Its version.
    pub client_software_version: String,
}

/// The versions of each API, and the cluster's feature levels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiVersionsResponse {
    /// UNSUPPORTED_VERSION when even this request's version is not known.
    pub error: ErrorCode,
    /// (API key, lowest version, highest version).
    pub api_keys: Vec<(i16, i16, i16)>,
    /// Finalized feature levels: name and level.
    pub finalized_features: Vec<(String, i16)>,
    /// The metadata offset at which the features were finalized; −1 if unknown.
    pub finalized_features_epoch: i64,
    /// Supported features: (name, lowest, highest).
    pub supported_features: Vec<(String, i16, i16)>,
}
