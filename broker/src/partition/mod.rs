//! Replication of partitions: leaders, followers, the in-sync set, the high watermark.
//!
//! A partition is a log that several brokers hold. One of them leads: it appends what
//! producers send and gives every record its offset. The others follow: they fetch, like
//! consumers, but up to the log's end. A follower's fetch at offset N is its
//! acknowledgement of everything before N; there is no other.
//!
//! ```text
//!   producer ──▶ leader ──────────── log ─────────────┐        high watermark = the smallest end
//!                  ▲  │ answers                       │        over the maximal ISR
//!      fetch at N  │  ▼ records, high watermark       │
//!               follower ─────────── log ─────┐       │        the follower hears of it with its
//!                                             │       │        next answer
//!               ├──────── committed ──┤       │       │
//!               log start       high watermark    log end
//! ```
//!
//! Reading order: `isr` and `replica` (what a leader knows), `leader` (the high watermark),
//! `local_partition` (roles and their changes), `read` and `produce` (one partition's part
//! in a request), then the broker's: `manager`, and what it names. `fetcher`,
//! `replicating` and `out_of_range` are the follower's side.
//!
//! Everything waits in the open: produce requests and fetches in a `purgatory`, proposals
//! for the in-sync set in [`AlterPartitionQueue`], followers in their [`FetchState`].

mod alter_partition;
mod applying;
mod cleaning;
mod cluster;
mod coordinating;
mod deleting;
mod directories;
mod fetcher;
mod fetching;
mod isr;
mod leader;
mod loading;
mod local_partition;
mod lookups;
mod manager;
mod out_of_range;
mod output;
mod periodic;
mod produce;
mod producing;
mod proposing;
mod purgatory;
mod read;
mod replica;
mod replicating;
mod selecting;
mod session;
mod state;

pub use alter_partition::AlterPartitionQueue;
pub use cleaning::Cleaner;
pub use deleting::{DelayedDelete, DeleteStatus};
pub use directories::DirectoryState;
pub use fetcher::{Awaiting, FetchPhase, FetchState, FetcherSession, ReplicaFetcher};
pub use fetching::{DelayedFetch, FetchTarget};
pub use isr::IsrState;
pub use leader::Leader;
pub use local_partition::{Partition, PartitionRole};
pub use manager::{Hosted, LogDirectory, ReplicaManager, ReplicaManagerConfig};
pub use output::PartitionOutput;
pub use produce::{DelayedProduce, ProduceStatus};
pub use read::{FetchBound, FetchParameters};
pub use replica::{FollowerFetch, FollowerState};
pub use session::{FetchContext, FetchSession, FetchSessions};
pub use state::PartitionState;

#[cfg(test)]
mod tests;
