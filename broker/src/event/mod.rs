//! Events: facts about a step, in the past tense.
//!
//! A machine says what happened to it in events; the trace, the terminal UI, the
//! checks, coverage marks and metrics all feed on the same ones. Wherever something
//! was refused or ignored, the event carries the reason as an enum.

use serde::Serialize;

mod client;
mod controller;
mod group;
mod lifecycle;
mod log;
mod membership;
mod partition;
mod raft;

pub use client::*;
pub use controller::*;
pub use group::*;
pub use lifecycle::*;
pub use log::*;
pub use membership::*;
pub use partition::*;
pub use raft::*;

/// Anything that a machine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Event {
    /// Of a partition's log on one disk.
    Log(LogEvent),
    /// Of a partition's replication.
    Partition(PartitionEvent),
    /// Of the metadata quorum.
    Raft(RaftEvent),
    /// Of the active controller.
    Controller(ControllerEvent),
    /// Of a broker's life.
    Lifecycle(LifecycleEvent),
    /// Of a group coordinator.
    Group(GroupEvent),
    /// Of a client.
    Client(ClientEvent),
    /// Of a consumer as a member of its group.
    Membership(MembershipEvent),
}

macro_rules! family {
    ($($family:ident($event:ty)),*) => {$(
        impl From<$event> for Event {
            fn from(event: $event) -> Event { Event::$family(event) }
        }
    )*};
}
family!(
    Log(LogEvent),
    Partition(PartitionEvent),
    Raft(RaftEvent),
    Controller(ControllerEvent),
    Lifecycle(LifecycleEvent),
    Group(GroupEvent),
    Client(ClientEvent),
    Membership(MembershipEvent)
);
