//! The network as TCP: what TCP makes impossible does not happen.
//!
//! No reordering inside a connection, no duplication, no corruption: loss shows as delay,
//! stall or reset. Duplicates in Kafka come from clients that retry, and those are real here.

mod latency;
mod view;

pub use latency::LatencyModel;
pub use view::{ConnectionStateName, ConnectionView, HeldBy, InFlightView};
