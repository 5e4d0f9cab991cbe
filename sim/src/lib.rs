//! A seeded world for Kafka's machines: time, network, disks, crashes, people.
//!
//! ```text
//!   scenario file ─┐                                        ┌─▶ check: what must never happen
//!   people ────────┼─▶ list of entries ─▶ World ─▶ steps ───┼─▶ record: fingerprint, recording
//!   generator ─────┘    (fault)             │               └─▶ screens
//!                                           │
//!            machine ── lanes of a broker, controller or client process
//!            network ── TCP: connections, segments, partitions
//!            disk ───── page cache over a medium
//!            clock ──── skew and drift          stream ── keyed randomness
//! ```
//!
//! Read [`world`] first, then [`fault`] (what can be done), [`step`] (what is told),
//! [`machine`], [`network`] and [`disk`], and [`people`] for programs of your own.
//!
//! The same seed and the same list give the same run, to the last byte: on any thread, in
//! any order, any number of times.

pub mod bench;
pub mod check;
pub mod clock;
pub mod disk;
pub mod explore;
pub mod fault;
pub mod machine;
pub mod network;
pub mod people;
mod queue;
pub mod record;
pub mod scenario;
pub mod shrink;
pub mod step;
pub mod stream;
#[cfg(test)]
mod toy;
mod trial;
pub mod world;

/// Which build this is: a digest of the sources that decide what a seed does, in hexadecimal.
///
/// A fingerprint is the same for the same seed *and the same build*.
pub const BUILD: &str = env!("TRIAL_BUILD");

pub use explore::Profile;
pub use people::CallFailed;
pub use trial::{Admin, Cluster, Consumer, Ending, Failed, Faults, Passed, Producer, RecordMetadata, Sending, Trial};
pub use trial_broker::client::{ConsumedRecord, ProducerRecord};
pub use trial_broker::ids::TopicPartition;
pub use trial_broker::message::ErrorCode;

pub use fault::{Entry, Fault, MachineId};
pub use machine::{Machine, MachineConfig, ProgramConfig};
pub use people::{People, WorldHandle, run};
pub use step::Step;
pub use world::{World, WorldSettings};
