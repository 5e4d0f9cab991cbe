//! Who lives, and what each broker may be next (`BrokerHeartbeatTracker`, `BrokerHeartbeatManager`).
//!
//! ```text
//!   FENCED ──caught up──▶ UNFENCED ──wants to stop, leads──▶ CONTROLLED_SHUTDOWN
//!     ▲                      │                                    │ leads nothing, and all others
//!     └──session over, asked─┴──wants to stop, leads nothing──▶ SHUTDOWN_NOW ◀──┘ have seen it
//! ```
//!
//! All of this lives in the active controller's memory only: a new active controller gives
//! everybody a fresh session.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{BrokerEpoch, NodeId, Offset, UNKNOWN_OFFSET};
use crate::message::BrokerHeartbeatRequest;
use crate::time::Time;

/// What the controller takes a broker to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum BrokerControlState {
    /// Leads nothing, is in no ISR.
    Fenced,
    /// Serves.
    Unfenced,
    /// Hands its leaderships over; still serves.
    ControlledShutdown,
    /// May stop; fenced.
    ShutdownNow,
}

impl BrokerControlState {
    pub(super) fn is_fenced(self) -> bool {
        matches!(self, BrokerControlState::Fenced | BrokerControlState::ShutdownNow)
    }
}

/// A broker as its heartbeats show it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct BrokerHeartbeat {
    fenced: bool,
    /// How far it said that it has read the metadata log.
    metadata_offset: Offset,
    /// The end of the write that began its controlled shutdown.
    controlled_shutdown_offset: Option<Offset>,
}

/// Sessions and states of all registered brokers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Heartbeats {
    session_timeout: Duration,
    contacts: BTreeMap<(NodeId, BrokerEpoch), Time>,
    brokers: BTreeMap<NodeId, BrokerHeartbeat>,
}

impl Heartbeats {
    pub(super) fn new(session_timeout: Duration) -> Self {
        Heartbeats { session_timeout, contacts: BTreeMap::new(), brokers: BTreeMap::new() }
    }

    /// A broker was heard of. Any id and epoch is remembered, even one that is not registered.
    pub(super) fn contact(&mut self, broker: NodeId, epoch: BrokerEpoch, now: Time) {
        self.contacts.insert((broker, epoch), now);
    }

    /// A session is judged by its last contact only, fenced or not.
    pub(super) fn has_valid_session(&self, broker: NodeId, epoch: BrokerEpoch, now: Time) -> bool {
        self.contacts.get(&(broker, epoch)).is_some_and(|last| !self.is_expired(*last, now))
    }

    fn is_expired(&self, last: Time, now: Time) -> bool {
        last + self.session_timeout < now
    }

    /// Forgets one expired session, if there is any, and says whose it was.
    pub(super) fn take_expired(&mut self, now: Time) -> Option<(NodeId, BrokerEpoch)> {
        let expired = self.contacts.iter().find(|(_, last)| self.is_expired(**last, now)).map(|(key, _)| *key)?;
        self.contacts.remove(&expired);
        Some(expired)
    }

    /// The registration was replayed, or is about to be.
    ///
    /// Kafka forgets the reported offset here unless the fencing changes: until its next heartbeat
    /// the broker then holds back everybody's controlled shutdown.
    pub(super) fn register(&mut self, broker: NodeId, fenced: bool) {
        let metadata_offset = match self.brokers.get(&broker) {
            Some(known) if known.fenced != fenced => known.metadata_offset,
            _ => UNKNOWN_OFFSET,
        };
        self.touch(broker, fenced, metadata_offset);
    }

    pub(super) fn remove(&mut self, broker: NodeId) {
        self.brokers.remove(&broker);
    }

    pub(super) fn fence(&mut self, broker: NodeId) {
        if let Some(state) = self.brokers.get_mut(&broker) {
            state.fenced = true;
        }
    }

    /// A heartbeat was handled. A broker that is fenced leaves its controlled shutdown: it may stop at once.
    pub(super) fn touch(&mut self, broker: NodeId, fenced: bool, metadata_offset: Offset) {
        let state = self.brokers.entry(broker).or_insert(BrokerHeartbeat {
            fenced,
            metadata_offset,
            controlled_shutdown_offset: None,
        });
        state.fenced = fenced;
        state.metadata_offset = metadata_offset;
        if fenced {
            state.controlled_shutdown_offset = None;
        }
    }

    /// Remembers where a broker's controlled shutdown began; only the first time counts.
    pub(super) fn begin_controlled_shutdown(&mut self, broker: NodeId, offset: Offset) {
        if let Some(state) = self.brokers.get_mut(&broker) {
            assert!(!state.fenced, "fenced broker {broker} cannot be in controlled shutdown (offset {offset})");
            state.controlled_shutdown_offset.get_or_insert(offset);
        }
    }

    /// Brokers that placement may use, with whether they are fenced.
    pub(super) fn usable(&self) -> impl Iterator<Item = (NodeId, bool)> {
        self.brokers
            .iter()
            .filter(|(_, state)| state.controlled_shutdown_offset.is_none())
            .map(|(broker, state)| (*broker, state.fenced))
    }

    /// The offset that every broker in full service has read; none if there is no such broker.
    fn lowest_active_offset(&self) -> Option<Offset> {
        let active = |state: &&BrokerHeartbeat| !state.fenced && state.controlled_shutdown_offset.is_none();
        self.brokers.values().filter(active).map(|state| state.metadata_offset).min()
    }

    /// What the broker is, and what this heartbeat makes of it.
    pub(super) fn next_state(
        &self,
        request: &BrokerHeartbeatRequest,
        registration_offset: Offset,
        leads_something: bool,
    ) -> (BrokerControlState, BrokerControlState) {
        use BrokerControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
        let state = self.brokers.get(&request.broker).expect("a registered broker has a heartbeat state");
        if let Some(shutdown_offset) = state.controlled_shutdown_offset {
            // With nobody else in service there is nobody who could miss the news.
            let seen_by_all = self.lowest_active_offset().is_none_or(|lowest| shutdown_offset <= lowest);
            let done = !leads_something && seen_by_all;
            return (ControlledShutdown, if done { ShutdownNow } else { ControlledShutdown });
        }
        if state.fenced {
            let caught_up = request.current_metadata_offset >= registration_offset;
            let next = match (request.want_shut_down, request.want_fence) {
                (true, _) => ShutdownNow,
                (false, true) => Fenced,
                (false, false) if caught_up => Unfenced,
                (false, false) => Fenced,
            };
            return (Fenced, next);
        }
        let next = match (request.want_fence, request.want_shut_down) {
            (true, true) => ShutdownNow,
            (true, false) => Fenced,
            (false, true) if leads_something => ControlledShutdown,
            (false, true) => ShutdownNow,
            (false, false) => Unfenced,
        };
        (Unfenced, next)
    }
}
