//! One partition's log on disk (`UnifiedLog`, `LocalLog`, `LogSegment`, `LogLoader`).
//!
//! ```text
//!   log start        high watermark      log end
//!      │                   │                │
//!   ┌──┴──────┬────────────┼──────┬─────────┤      offsets rise, never repeat
//!   │segment 0│ segment 120│      │ active  │      0 ≤ log start ≤ high watermark ≤ log end
//!   └─────────┴────────────┴──────┴─────────┘      recovery point ≤ log end
//!              ▲
//!        recovery point: what lies before is certainly on disk
//! ```
//!
//! A log is a row of segments. Appends go to the last one and reach the page cache, not
//! the disk: Kafka trusts replication. When a segment is full the next one is rolled and
//! the old one is flushed in the background; only then does the recovery point advance.
//! After an unclean stop everything behind the recovery point is checked again, batch by
//! batch, and cut at the first bad one.
//!
//! Reading order: [`types`](self) (what goes in and out), `unified` (the value and its
//! getters), `append`, `read`, `truncate`, `flush`, `retention`, `cleaner` (compaction), `loader` (recovery);
//! below them `segment`, `index`, `transaction_index`, `epoch_cache`, `producer_state`.
//! Beside the log lie a directory's small files: [`checkpoint`], [`clean_shutdown`],
//! [`meta_properties`], [`partition_metadata`].
//!
//! The metadata quorum keeps its log in the same way, so it uses the same type.

mod append;
pub mod checkpoint;
pub mod clean_shutdown;
mod cleaner;
mod epoch_cache;
mod files;
mod flush;
mod index;
mod loader;
pub mod meta_properties;
pub mod partition_metadata;
mod producer_entry;
mod producer_state;
mod read;
mod retention;
mod scan;
mod segment;
mod transaction_index;
mod truncate;
mod types;
mod unified;

#[cfg(test)]
mod tests;

pub use append::batch_fact;
pub use cleaner::{CleaningError, CleaningPass, CleaningProgress, CleaningStats, Dirt, FirstDirty};
pub use epoch_cache::{LEADER_EPOCHS, parse_epochs};
pub use producer_entry::{BATCHES_TO_RETAIN, BatchMetadata, ProducerEntry};
pub use producer_state::{ProducerState, TransactionSpan, decode_snapshot};
pub use transaction_index::AbortedTransactionEntry;
pub use types::*;
pub use unified::Log;
