//! Groups that change their protocol while they live (KIP-848, "Online upgrade and downgrade").
//!
//! ```text
//!                    a member of the new protocol joins a group of consumers
//!   classic group ─────────────────────────────────────────────────────────────▶ KIP-848 group
//!                 ◀─────────────────────────────────────────────────────────────  with classic members
//!                    the last member of the new protocol leaves, is removed, or comes back as a classic one
//! ```
//!
//! In between, classic members live in a KIP-848 group: what they ask with JoinGroup, SyncGroup, Heartbeat and LeaveGroup
//! is answered from the group's epochs. Their generation is their member epoch; a member that must give something up or
//! may have more is told REBALANCE_IN_PROGRESS, joins again, and says with its subscription what it owns.
//!
//! `group.consumer.migration.policy` says which way is open. An empty group may always go either way.
//!
//! ```text
//!   upgrade.rs         classic to KIP-848      convertToConsumerGroup, ConsumerGroup.fromClassicGroup
//!   downgrade.rs       KIP-848 to classic      convertToClassicGroup, ClassicGroup.fromConsumerGroup
//!   classic_member.rs  joins                   classicGroupJoinToConsumerGroup
//!   classic_life.rs    syncs, heartbeats, leaves
//!   names.rs           partitions by topic name, as classic members know them, and by id
//! ```

mod classic_life;
mod classic_member;
mod downgrade;
mod names;
mod upgrade;

#[cfg(test)]
mod tests;

pub use classic_life::{heartbeat, leaving, sync};
pub use classic_member::{ClassicJoin, join};
pub use downgrade::{Downgraded, downgrade_without};
pub use upgrade::{upgrade, validate_upgrade};
