//! What brokers and controllers say to the active controller.

use super::ErrorCode;
use crate::ids::{
    BrokerEpoch, ClusterId, DirectoryId, Endpoint, IncarnationId, LeaderEpoch, NodeId, Offset, PartitionEpoch,
    ProducerId, TopicId,
};

/// Whether the log of a partition's leader came from a clean election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeaderRecoveryState {
    /// The usual state.
    #[default]
    Recovered,
    /// The leader was elected uncleanly and has not said that it recovered.
    Recovering,
}

/// A partition leader proposes in-sync replica sets (KIP-497, KIP-841, KIP-903).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionRequest {
    /// The leader.
    pub broker: NodeId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// The proposals.
    pub partitions: Vec<AlterPartitionProposal>,
}

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionProposal {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition's index.
    pub partition: i32,
    /// The leader epoch of the proposer.
    pub leader_epoch: LeaderEpoch,
    /// The proposed set, with the broker epoch of each member's last fetch.
    pub new_isr: Vec<(NodeId, BrokerEpoch)>,
    /// What the leader says of its recovery.
    pub leader_recovery_state: LeaderRecoveryState,
    /// The registration the proposal is based on.
    pub partition_epoch: PartitionEpoch,
}

/// What became of the proposals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionResponse {
    /// An error of the whole request.
    pub error: ErrorCode,
    /// One answer a partition.
    pub partitions: Vec<AlterPartitionResult>,
}

/// What became of one proposal: the registration as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlterPartitionResult {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition's index.
    pub partition: i32,
    /// Why it was refused.
    pub error: ErrorCode,
    /// The leader.
    pub leader: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Whether the leader recovers.
    pub leader_recovery_state: LeaderRecoveryState,
    /// The version of the registration.
    pub partition_epoch: PartitionEpoch,
}

/// A broker process introduces itself (KIP-631).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerRegistrationRequest {
    /// The broker.
    pub broker: NodeId,
    /// The cluster it believes to belong to.
    pub cluster_id: ClusterId,
    /// This process.
    pub incarnation_id: IncarnationId,
    /// Where it listens.
    pub listeners: Vec<Endpoint>,
    /// Feature ranges it supports: (name, lowest, highest).
    pub features: Vec<(String, i16, i16)>,
    /// Its rack.
    pub rack: Option<String>,
    /// Its log directories.
    pub log_directories: Vec<DirectoryId>,
    /// The registration at its last clean stop; NONE after an unclean one (KIP-966).
    pub previous_broker_epoch: BrokerEpoch,
}

/// The registration's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerRegistrationResponse {
    /// Why it was refused.
    pub error: ErrorCode,
    /// The registration's epoch; −1 on error.
    pub broker_epoch: BrokerEpoch,
}

/// A broker lives, and says what it wants to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerHeartbeatRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
    /// How far it has replayed the metadata log.
    pub current_metadata_offset: Offset,
    /// Whether it wants to be fenced (or stay so).
    pub want_fence: bool,
    /// Whether it wants to shut down.
    pub want_shut_down: bool,
    /// Log directories that failed.
    pub offline_log_directories: Vec<DirectoryId>,
}

/// What the controller makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerHeartbeatResponse {
    /// Why it was refused.
    pub error: ErrorCode,
    /// Whether the broker has replayed its own registration.
    pub is_caught_up: bool,
    /// Whether it is fenced.
    pub is_fenced: bool,
    /// Whether it may stop now.
    pub should_shut_down: bool,
}

/// A broker asks for producer ids (KIP-730).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllocateProducerIdsRequest {
    /// The broker.
    pub broker: NodeId,
    /// Its registration.
    pub broker_epoch: BrokerEpoch,
}

/// A block of producer ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllocateProducerIdsResponse {
    /// Why it was refused.
    pub error: ErrorCode,
    /// The first id.
    pub producer_id_start: ProducerId,
    /// How many.
    pub producer_id_len: i32,
}

/// A controller process introduces itself to the active one (KIP-919).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerRegistrationRequest {
    /// The controller.
    pub controller: NodeId,
    /// This process.
    pub incarnation_id: IncarnationId,
    /// Where it listens.
    pub listeners: Vec<Endpoint>,
    /// Feature ranges it supports.
    pub features: Vec<(String, i16, i16)>,
}

/// The registration's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerRegistrationResponse {
    /// Why it was refused.
    pub error: ErrorCode,
}
