//! Apache Kafka 4.1 as pure state machines.
//!
//! Nothing in this crate does I/O, reads a clock, starts a thread or draws a random
//! number. A machine is a value; a step takes an [`input::Input`], changes the value,
//! and returns [`effects::Effects`]: what must be done next, and what happened.
//!
//! ```text
//!              Input ──▶ ┌─────────────────────────────┐ ──▶ Output  (send, connect, flush, …)
//!   Now, Choices, Storage│  machine: a plain value     │
//!                    ──▶ └─────────────────────────────┘ ──▶ Event   (facts, in the past tense)
//! ```
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
pub mod ids;
pub mod input;
pub mod lifecycle;
pub mod log;
pub mod message;
pub mod metadata;
pub mod node;
pub mod partition;
pub mod raft;
pub mod record;
pub mod storage;
pub mod time;
