//! A seeded world for Kafka's machines: time, network, disks, crashes, people.

pub mod bench;
pub mod check;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod machine;
pub mod network;
pub mod people;
mod queue;
pub mod record;
pub mod scenario;
pub mod step;
pub mod stream;
#[cfg(test)]
mod toy;
pub mod world;

pub use fault::{Entry, Fault, MachineId};
pub use machine::{Machine, MachineConfig, ProgramConfig};
pub use people::{People, WorldHandle, run};
pub use step::Step;
pub use world::{World, WorldSettings};
