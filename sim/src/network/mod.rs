//! The network as TCP: what TCP makes impossible does not happen.
//!
//! No reordering inside a connection, no duplication, no corruption: loss shows as delay,
//! stall or reset. Duplicates in Kafka come from clients that retry, and those are real here.
//!
//! ```text
//!   Output::Send ─▶ [send buffer] ─▶ segment ─▶ … ─▶ head of its direction ─▶ Input::Received
//!                    bounded          latency,         one queue entry;
//!                                     bandwidth        held by a hold, a clog, a partition
//! ```
//!
//! * A direction is a queue of segments, of which only the head has an entry in the world's
//!   queue: whatever holds the head holds all behind it.
//! * An acknowledgement frees the send buffer when the receiving process has *read* the
//!   bytes. Simplified: one buffer stands for the sender's send buffer and the receiver's
//!   window, and a message finds room in it as a whole.
//! * A partition loses segments, and TCP sends them again: they arrive one latency after the
//!   heal. Simplified: the retransmission timer is not waited for, and never gives up.
//! * Nobody learns of a machine that lost its power until the machine is back and answers a
//!   segment that it does not know with a reset.

mod connection;
mod interventions;
mod latency;
mod link;
mod medium;
mod traffic;
mod view;

pub use latency::LatencyModel;
pub use view::{ConnectionStateName, ConnectionView, HeldBy, InFlightView};

pub(crate) use connection::{Connection, Content, Direction, End, Obstacle, Phase, Segment, kind_of};
pub use interventions::Interference;
pub(crate) use interventions::{Action, Intervention};
pub(crate) use link::{LinkSetting, Links};
pub(crate) use medium::Medium;
pub(crate) use traffic::{Arrival, Network, Wire};
