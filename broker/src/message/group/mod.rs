//! What consumers and administrators say to a group coordinator, and what it answers.
//!
//! ```text
//!   coordinator.rs   FindCoordinator: which broker coordinates this group
//!   classic.rs       JoinGroup, SyncGroup, Heartbeat, LeaveGroup: the classic protocol
//!   consumer.rs      ConsumerGroupHeartbeat: the protocol of KIP-848
//!   offsets.rs       OffsetCommit, OffsetFetch, OffsetDelete, TxnOffsetCommit
//!   protocol.rs      what members tell each other: subscriptions and assignments
//!   admin.rs         ListGroups, DescribeGroups, ConsumerGroupDescribe, DeleteGroups
//! ```

mod admin;
mod classic;
mod consumer;
mod coordinator;
mod offsets;
mod protocol;

pub use admin::*;
pub use classic::*;
pub use consumer::*;
pub use coordinator::*;
pub use offsets::*;
pub use protocol::*;

use super::Api;

impl Api {
    /// Whether a request is for the group coordinator, or asks for it.
    pub fn is_about_groups(self) -> bool {
        match self {
            Api::OffsetCommit
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
            // For a partition of the offsets topic the group coordinator writes it.
            | Api::WriteTxnMarkers
            | Api::ConsumerGroupHeartbeat
            | Api::ConsumerGroupDescribe => true,
            Api::Produce
            | Api::Fetch
            | Api::ListOffsets
            | Api::Metadata
            | Api::ApiVersions
            | Api::CreateTopics
            | Api::DeleteTopics
            | Api::DeleteRecords
            | Api::InitProducerId
            | Api::OffsetForLeaderEpoch
            | Api::CreatePartitions
            | Api::ElectLeaders
            | Api::IncrementalAlterConfigs
            | Api::AlterPartitionReassignments
            | Api::Vote
            | Api::BeginQuorumEpoch
            | Api::EndQuorumEpoch
            | Api::DescribeQuorum
            | Api::AlterPartition
            | Api::FetchSnapshot
            | Api::BrokerRegistration
            | Api::BrokerHeartbeat
            | Api::AllocateProducerIds
            | Api::ControllerRegistration => false,
        }
    }
}
