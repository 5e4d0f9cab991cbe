//! Apache Kafka 4.1 as pure state machines.
//!
//! Nothing in this crate does I/O, reads a clock, starts a thread or draws a random
//! number. A machine is a value; a step takes an [`input::Input`], changes the value,
//! and returns [`effects::Effects`]: what must be done next, and what happened.
//!
//! ```text
//!                Input ──▶ ┌─────────────────────────┐ ──▶ Output  send, connect, listen, flush, resolve, exit
//!  Now, Choices, Storage   │  a machine: plain data   │
//!                      ──▶ └─────────────────────────┘ ──▶ Event   facts, in the past tense
//! ```
//!
//! There are two machines: [`node::Node`], a broker, a controller or both in one process, and
//! [`client::Client`], a producer, a consumer or an administrator. They know each other only by
//! the messages that travel between them.
//!
//! # The contract of a step
//!
//! * One input, handled to completion. Nobody is called back, nothing blocks.
//! * Time comes in with the step ([`time::Now`]); so do the machine's files ([`storage::Storage`])
//!   and the answers to what Kafka would draw at random ([`choice::Choices`]).
//! * What must wait is a named value with an owner, a deadline and a reason: a
//!   [`partition::DelayedProduce`] waits for a high watermark, a [`partition::DelayedFetch`] for bytes.
//! * What was refused or ignored is an event with its reason. A broken invariant panics, with
//!   the numbers: that is a bug of this crate, and the run that found it can be repeated.
//!
//! # The parts of a node
//!
//! ```text
//!   node ─┬─ quorum lane ──── raft ──── log ──── record
//!         │                   controller ── metadata
//!         ├─ lifecycle lane ─ lifecycle
//!         └─ data lane ────── partition ── log ── record
//!                             group: coordinators, which see a log as records out and replay in
//!                             api: connections, channels, forwarding, wire
//! ```
//!
//! Read in this order: [`ids`], [`message`], [`event`] for the words; [`context`], [`input`] and [`effects`] for
//! the contract; then one part at a time, from the bytes upwards: [`record`], [`log`], [`partition`];
//! [`metadata`], [`raft`], [`controller`], [`lifecycle`], [`group`]; [`client`] for the other end; [`api`] for the
//! edge; and [`node`], which carries what one part says to another and decides nothing itself.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(not(madsim))]
compile_error!(
    "Trial must be compiled with `--cfg madsim`. The workspace's .cargo/config.toml sets it; an environment variable \
     RUSTFLAGS (or RUSTDOCFLAGS) replaces that setting without a word. Unset it, or add `--cfg madsim` to it."
);

pub mod api;
pub mod choice;
pub mod client;
pub mod config;
pub mod context;
pub mod controller;
pub mod effects;
pub mod event;
mod flexible;
pub mod group;
pub mod ids;
pub mod input;
pub mod lifecycle;
pub mod log;
pub mod message;
pub mod metadata;
pub mod name;
pub mod node;
mod outbox;
pub mod partition;
pub mod raft;
pub mod record;
pub mod storage;
pub mod table;
pub mod time;

#[cfg(test)]
mod tests;
