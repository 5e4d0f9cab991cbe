//! Kafka on trial, for people who write tests: a seeded world in which a cluster fails and a program must not.
//!
//! ```
//! use trial_sim::{Cluster, Faults, Trial};
//!
//! // Of a test: one leader dies, and starts again.
//! let storm = "
//!     [[step]]
//!     at = '2s'
//!     kill = { leader = 'orders-0' }
//!
//!     [[step]]
//!     at = '20s'
//!     start = { broker = 'stopped' }
//! ";
//! Trial::new().topic("orders", 1, 3).faults(Faults::listed(storm)).seeds(2).run(async |cluster: Cluster| {
//!     let producer = cluster.producer();
//!     for number in 0..10 {
//!         let sent = producer.send(("orders", format!("order {number}"))).await.expect("Kafka retries");
//!         assert_eq!(sent.offset, number);
//!         cluster.sleep(std::time::Duration::from_secs(1)).await;
//!     }
//!     cluster.recovered().await;
//!     let read = cluster.consumer("orders").read_to_end().await.expect("the cluster serves");
//!     assert_eq!(read.len(), 10);
//! });
//! ```
//!
//! [`Trial`] says which cluster, which [`Faults`] and how many seeds; the program is an async function of the
//! [`Cluster`], from which it gets its [`Producer`], [`Consumer`] (with assigned partitions), [`Member`] (of a group) and
//! [`Admin`]. A trial runs inside a plain `#[test]`, needs `--cfg madsim`, and is told from outside by variables which
//! seeds to run ([`Trial::run`]). The book's page "Testing your own code" (`docs/src/testing.md`) tells the whole.
//!
//! The same seed and the same list of faults give the same run, to the last byte: on any thread, in any order, any number
//! of times.
//!
//! # Inside
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
//! Who reads the code begins with `world`, then `fault` (what can be done), `step` (what is told), `machine`, `network`
//! and `disk`, `people` for programs beside the machines, and `trial` for what stands above.

mod bench;
mod check;
mod clock;
mod disk;
mod explore;
mod fault;
mod history;
mod machine;
mod network;
mod people;
mod queue;
mod record;
mod register;
mod scenario;
mod session;
mod shrink;
mod step;
mod stream;
#[cfg(test)]
mod toy;
mod trial;
mod world;

pub use explore::Profile;
pub use people::CallFailed;
pub use trial::{
    Admin, Cluster, Consumer, Ending, Failed, Faults, Member, Passed, Producer, RecordMetadata, Sending, Trial,
};

pub use trial_broker::client::{ConsumedRecord, GroupDescription, GroupListing, MemberDescription, ProducerRecord};
pub use trial_broker::ids::TopicPartition;
pub use trial_broker::message::ErrorCode;

/// The whole of it, for the command `trial`, its screens and the project's own tests. Nothing here is promised to anybody
/// else: what a test needs and does not find at the root is worth a word to us.
#[doc(hidden)]
pub mod internal {
    pub use crate::fault::{Entry, Fault, MachineId};
    pub use crate::machine::{Machine, MachineConfig, ProgramConfig};
    pub use crate::people::{People, WorldHandle, run, run_in};
    pub use crate::step::Step;
    pub use crate::world::{World, WorldSettings};

    /// Which build this is: a digest of the sources that decide what a seed does, in hexadecimal.
    ///
    /// A fingerprint is the same for the same seed *and the same build*.
    pub const BUILD: &str = env!("TRIAL_BUILD");

    /// See there.
    pub mod bench {
        pub use crate::bench::*;
    }
    /// See there.
    pub mod check {
        pub use crate::check::*;
    }
    /// See there.
    pub mod clock {
        pub use crate::clock::*;
    }
    /// See there.
    pub mod disk {
        pub use crate::disk::*;
    }
    /// See there.
    pub mod explore {
        pub use crate::explore::*;
    }
    /// See there.
    pub mod history {
        pub use crate::history::*;
    }
    /// See there.
    pub mod fault {
        pub use crate::fault::*;
    }
    /// See there.
    pub mod machine {
        pub use crate::machine::*;
    }
    /// See there.
    pub mod network {
        pub use crate::network::*;
    }
    /// See there.
    pub mod people {
        pub use crate::people::*;
    }
    /// See there.
    pub mod record {
        pub use crate::record::*;
    }
    /// See there.
    pub mod scenario {
        pub use crate::scenario::*;
    }
    /// See there.
    pub mod session {
        pub use crate::session::*;
    }
    /// See there.
    pub mod shrink {
        pub use crate::shrink::*;
    }
    /// See there.
    pub mod step {
        pub use crate::step::*;
    }
    /// See there.
    pub mod stream {
        pub use crate::stream::*;
    }
    /// See there.
    pub mod world {
        pub use crate::world::*;
    }
}

/// The code in the book's page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/testing.md")]
mod book {}
