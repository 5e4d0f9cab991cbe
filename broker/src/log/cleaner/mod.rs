//! Log compaction: of each key only the last value stays (`LogCleaner`, `LogCleanerManager`, `Cleaner`; KIP-58,
//! KIP-354, KIP-534).
//!
//! ```text
//!   log start        first dirty      first uncleanable    active segment
//!      │                  │                   │                 │
//!   ┌──┴────────┬─────────┼─────────┬─────────┼────────┬────────┼──────
//!   │ cleaned before      │ map: key → last offset     │ never touched
//!   └───────────┴─────────┴─────────┴─────────┴────────┴────────┴──────
//!   ╰──────── copied, without what the map outdates ───╯
//! ```
//!
//! A pass reads the dirty part into an [`OffsetMap`], then copies every segment below the map's end into new ones that hold
//! only what is still wanted, syncs them, and puts them in the old ones' place. What is not committed is never cleaned:
//! the range ends at the last stable offset, at the active segment, and where records are younger than
//! min.compaction.lag.ms. Offsets are kept: a compacted log has gaps.
//!
//! Deletions are records too: a *tombstone* (a key without a value) stays until delete.retention.ms after the first pass
//! that saw it, so that a reader who began before can learn of it; then a later pass drops it. The time is written into the
//! batch (its *delete horizon*, KIP-534). Transaction markers wait in the same way, once nothing of their transaction is
//! left.
//!
//! | file | in Kafka |
//! | --- | --- |
//! | `candidates` | which log is the filthiest, and how far it may be cleaned (`LogCleanerManager`, `LogToClean`) |
//! | `offset_map` | from keys to last offsets (`SkimpyOffsetMap`) |
//! | `transactions` | which batches were aborted, which markers are still needed (`CleanedTransactionMetadata`) |
//! | `filter` | what stays of one batch (`MemoryRecords.filterTo`, `Cleaner.cleanInto`) |
//! | `pass` | one pass over one log, in steps (`Cleaner.clean`) |
//! | `swap` | new segments for old ones, safe against crashes (`LocalLog.replaceSegments`) |
//!
//! Who runs passes, when, and what is written to `cleaner-offset-checkpoint` is the replica manager's affair
//! (`partition/cleaning.rs`).

mod candidates;
mod filter;
mod offset_map;
mod pass;
mod swap;
mod transactions;

#[cfg(test)]
mod tests;

pub use candidates::{Dirt, FirstDirty};
pub(crate) use offset_map::OffsetMap;
pub use pass::{CleaningError, CleaningPass, CleaningProgress, CleaningStats};
