//! The edge: the only place that knows the wire types of the `kafka-protocol` crate.
//!
//! [`Message`] is what travels between machines. [`wire`] turns the plain values of
//! [`crate::message`] into it, at a negotiated version, and back.

mod message;
pub mod wire;

pub use message::{Body, Message};
