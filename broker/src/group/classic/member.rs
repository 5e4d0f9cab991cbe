//! A member of a classic group (`ClassicGroupMember`).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::ids::{GroupInstanceId, MemberId, RequestHandle};
use crate::message::JoinGroupProtocol;

/// A request that waits in a group.
///
/// When the write that the request came with fails, the request is answered with an error at
/// once; but to the group the member goes on waiting, until it is told otherwise or asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parked {
    /// Whom to answer; none if it was answered with an error already.
    pub handle: Option<RequestHandle>,
}

impl Parked {
    /// A request that is to be answered.
    pub fn new(handle: RequestHandle) -> Parked {
        Parked { handle: Some(handle) }
    }
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassicMember {
    /// Its id, made by the coordinator.
    pub id: MemberId,
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// From where.
    pub client_host: String,
    /// How long the group waits for it to join again, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// The assignors that it can run, best first, with what each must know of it. No name comes twice.
    pub protocols: Vec<JoinGroupProtocol>,
    /// Its assignment; empty while it has none.
    pub assignment: Bytes,
    /// Its join, if it waits.
    pub awaiting_join: Option<Parked>,
    /// Its sync, if it waits.
    pub awaiting_sync: Option<Parked>,
    /// Whether its first join is not answered yet: it knows no id of its own and can send no heartbeat, so that waiting is
    /// no sign of life.
    pub is_new: bool,
}

impl ClassicMember {
    /// Whether it is one that returns under the same name (KIP-345).
    pub fn is_static(&self) -> bool {
        self.instance.is_some()
    }

    /// What it said with an assignor.
    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|known| known.name == protocol).map(|known| &known.metadata)
    }

    /// Whether it can run an assignor.
    pub fn supports(&self, protocol: &str) -> bool {
        self.metadata(protocol).is_some()
    }

    /// The one it likes best of those that all members support.
    ///
    /// # Panics
    /// If it supports none of them: `candidates` were not made from what all support.
    pub fn vote(&self, candidates: &BTreeSet<&str>) -> &str {
        let liked = self.protocols.iter().find(|protocol| candidates.contains(protocol.name.as_str()));
        liked.map(|protocol| protocol.name.as_str()).expect("candidates are what every member supports")
    }

    /// Whether it needs no heartbeat now: whoever waits for an answer cannot be asked for a sign of life. A new
    /// member's waiting does not count (KAFKA-7610).
    pub fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// A request's assignors without repetitions: the first of a name counts.
pub(super) fn distinct(protocols: &[JoinGroupProtocol]) -> Vec<JoinGroupProtocol> {
    let mut names = BTreeSet::new();
    protocols.iter().filter(|protocol| names.insert(protocol.name.clone())).cloned().collect()
}
