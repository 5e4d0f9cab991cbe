//! The group coordinator: who reads which partition, and how far they have read.
//!
//! Each group belongs to one partition of the topic `__consumer_offsets`; the broker that
//! leads the partition coordinates the group. Everything that a coordinator promises is a
//! record in that partition, so that the next leader can keep the promise.
//!
//! ```text
//!   find.rs      which broker coordinates a group, and in which partition
//!   coordinator.rs
//!                a broker's coordinator: it checks requests (check.rs), finds their partition, and puts answers
//!                together (gathering.rs, answers.rs), those about transactions in transactions.rs; leadership.rs: what the cluster's metadata says to it
//!   runtime/     the coordinator of one partition: loaded, written, committed, given up
//!   record/      the records of __consumer_offsets, and their bytes
//!   contract.rs  what a shard is asked and what it answers
//!   shard.rs     one partition's groups, offsets and timers; what it is asked by members (groups.rs), about
//!                offsets (committing.rs) and by administrators (admin.rs)
//!   kind.rs      what records say of a group
//!   timers.rs    what a shard waits for, and until when
//!   classic/     groups whose members agree among themselves
//!   consumer/    groups of the protocol of KIP-848; how they meet a shard: modern.rs
//!   migration/   from the one protocol to the other, and classic members among new ones
//!   offsets/     how far groups have read
//!   assignor/    who shall own which partition, computed on the server
//!   view.rs      what screens and checks may see of a group
//! ```

mod admin;
mod answers;
mod any;
pub mod assignor;
mod check;
pub mod classic;
mod committing;
pub mod consumer;
pub mod contract;
pub mod coordinator;
pub mod find;
mod gathering;
mod groups;
pub mod kind;
mod leadership;
pub mod migration;
mod modern;
pub mod offsets;
pub mod record;
pub mod runtime;
pub mod shard;
pub mod timers;
mod transactions;
mod view;

pub use view::{GroupMemberView, GroupStateName, GroupView};

#[cfg(test)]
mod tests;
