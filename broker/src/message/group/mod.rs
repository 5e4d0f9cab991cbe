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
