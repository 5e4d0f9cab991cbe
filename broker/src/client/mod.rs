//! The other end: Kafka's Java clients as pure machines.
//!
//! ```text
//!   person ── Call ──▶ ┌──────────────────────────────────────────────┐
//!   person ◀─ Resolve ─│ Producer │ Consumer │ Admin                  │
//!                      ├──────────────────────────────────────────────┤
//!                      │ Cluster: metadata · least loaded node        │
//!                      │ Network: connections · in flight · timeouts  │
//!                      └──────────────────────────────────────────────┘
//!                           Connect · Send · Close ▼   ▲ Connected · Received · Closed
//! ```
//!
//! Reading order: [`Client`], then `network`, `metadata`, `cluster`, then the three kinds.
//!
//! Simplified: where a Java client blocks a thread of the application (`send` on metadata
//! or memory, a consumer's `poll`, an admin's future), here a named value waits
//! (`DelayedSend`, `DelayedPoll`, `AdminCall`), and other calls go on beside it.

mod call;
mod config;
mod described;

mod machine;
mod offset_reset;
mod settings;
mod view;

mod cluster;
mod metadata;
mod network;
mod retry;

mod admin;
mod consumer;
mod group;
mod producer;

pub use call::*;
pub use config::*;
pub use consumer::{Work, pattern_mistake};
pub use described::*;
pub use machine::Client;
pub use offset_reset::{NoOffsetReset, OffsetReset};
pub use producer::{murmur2, partition_for_key};
pub use view::*;

#[cfg(test)]
mod tests;
