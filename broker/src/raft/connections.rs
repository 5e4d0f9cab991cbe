//! One request in flight per remote member, and back-off after failures (`RequestManager`).
//!
//! ```text
//!   ready ──send──▶ awaiting a response ──answered well──▶ ready
//!     ▲                 │         └──failed──▶ backing off (20 ms) ──▶ ready
//!     └──timed out (2 s)┘
//! ```
//!
//! Every change of state forgets all connections: an answer to a request of the state
//! before finds nobody who expects it.

use std::time::Duration;

use crate::ids::NodeId;
use crate::time::Time;

/// Whom a request goes to: a member by id, or one of the bootstrap servers, whose id is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Peer {
    /// A member of the quorum.
    Member(NodeId),
    /// The bootstrap server of this index.
    Bootstrap(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Connection {
    AwaitingResponse { token: u64, until: Time },
    BackingOff { until: Time },
}

/// The connections that are not simply ready.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connections {
    /// In order of the peers. Hardly ever more than one, which comes and goes with each request.
    busy: Vec<(Peer, Connection)>,
    request_timeout: Duration,
    retry_backoff: Duration,
}

impl Connections {
    pub(super) fn new(request_timeout: Duration, retry_backoff: Duration) -> Self {
        Connections { busy: Vec::new(), request_timeout, retry_backoff }
    }

    /// Forgets the connections whose wait is over: they are ready.
    fn expire(&mut self, now: Time) {
        // Asked several times a step; seldom is there one.
        let is_over = |connection: &Connection| match connection {
            Connection::AwaitingResponse { until, .. } | Connection::BackingOff { until } => now >= *until,
        };
        if !self.busy.iter().any(|(_, connection)| is_over(connection)) {
            return;
        }
        self.busy.retain(|(_, connection)| !is_over(connection));
    }

    pub(super) fn is_ready(&mut self, peer: Peer, now: Time) -> bool {
        self.expire(now);
        self.of(peer).is_none()
    }

    pub(super) fn is_backing_off(&self, peer: Peer, now: Time) -> bool {
        matches!(self.of(peer), Some(Connection::BackingOff { until }) if now < *until)
    }

    pub(super) fn has_timed_out(&self, peer: Peer, now: Time) -> bool {
        matches!(self.of(peer), Some(Connection::AwaitingResponse { until, .. }) if now >= *until)
    }

    pub(super) fn has_any_in_flight(&mut self, now: Time) -> bool {
        self.expire(now);
        self.busy.iter().any(|(_, connection)| matches!(connection, Connection::AwaitingResponse { .. }))
    }

    /// Who is expected to answer with this token.
    pub(super) fn expecting(&self, wanted: u64) -> Option<Peer> {
        self.busy.iter().find_map(|(peer, connection)| match connection {
            Connection::AwaitingResponse { token, .. } if *token == wanted => Some(*peer),
            _ => None,
        })
    }

    pub(super) fn sent(&mut self, peer: Peer, token: u64, now: Time) {
        let until = now + self.request_timeout;
        self.set(peer, Connection::AwaitingResponse { token, until });
    }

    /// Notes how an answer went, unless a change of state has forgotten the request meanwhile.
    pub(super) fn answered(&mut self, peer: Peer, token: u64, success: bool, now: Time) {
        if self.expecting(token) == Some(peer) {
            if success {
                self.reset(peer);
            } else {
                self.set(peer, Connection::BackingOff { until: now + self.retry_backoff });
            }
        }
    }

    pub(super) fn reset(&mut self, peer: Peer) {
        self.busy.retain(|(other, _)| *other != peer);
    }

    fn of(&self, peer: Peer) -> Option<&Connection> {
        self.busy.iter().find(|(other, _)| *other == peer).map(|(_, connection)| connection)
    }

    fn set(&mut self, peer: Peer, connection: Connection) {
        self.reset(peer);
        let place = self.busy.partition_point(|(other, _)| *other < peer);
        self.busy.insert(place, (peer, connection));
    }

    pub(super) fn reset_all(&mut self) {
        self.busy.clear();
    }

    /// When waits end: at each of these instants something may be sent again.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        self.busy.iter().map(|(_, connection)| match connection {
            Connection::AwaitingResponse { until, .. } | Connection::BackingOff { until } => *until,
        })
    }
}
