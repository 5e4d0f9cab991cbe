//! The edge: the only place that knows the wire types of the `kafka-protocol` crate.
//!
//! ```text
//!   Request / Response  ──wire──▶  Message (Kafka's own types)  ──to_bytes──▶  bytes
//!    (plain values)     ◀─────     api, version, correlation id  ◀──────────
//! ```
//!
//! Fetch at its newest version, of which a cluster sends most, travels as a plain value (`wire/plain_fetch.rs`).
//!
//! [`Message`] is what travels between machines. [`wire`] turns the plain values of
//! [`crate::message`] into it, at a negotiated version, and back. [`versions`] knows
//! which versions each listener announces. [`connections`] is the server's side of
//! connections, [`outgoing`] the client's side of those between processes. [`consumer_protocol`]
//! is the envelope in which members of a classic group talk to each other.
//! [`metadata_answer`], [`producer_ids`] and [`forwarding`] answer what needs no partition.

pub mod connections;
pub mod consumer_protocol;
pub mod forwarding;
mod message;
pub mod metadata_answer;
pub mod outgoing;
pub mod producer_ids;
pub mod versions;
pub mod wire;

pub use message::{Body, Direction, Message, RequestBody, ResponseBody};
pub use wire::WireError;
