//! Replication of partitions: leaders, followers, the in-sync set, the high watermark.

mod manager;
mod output;

pub use manager::{LogDirectory, ReplicaManager, ReplicaManagerConfig};
pub use output::PartitionOutput;
