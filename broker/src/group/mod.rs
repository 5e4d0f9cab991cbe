//! The group coordinator: who reads which partition, and how far they have read.
//!
//! Each group belongs to one partition of the topic `__consumer_offsets`; the broker that
//! leads the partition coordinates the group. Everything that a coordinator promises is a
//! record in that partition, so that the next leader can keep the promise.
//!
//! ```text
//!   record/      the records of __consumer_offsets, and their bytes
//!   contract.rs  what a shard is asked and what it answers
//!   shard.rs     one partition's groups, offsets and timers
//!   kind.rs      what records say of a group
//!   timers.rs    what a shard waits for, and until when
//!   consumer/    groups of the protocol of KIP-848
//!   assignor/    who shall own which partition, computed on the server
//! ```

pub mod assignor;
pub mod consumer;
pub mod contract;
pub mod kind;
pub mod record;
pub mod shard;
pub mod timers;
