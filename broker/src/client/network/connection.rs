//! One connection to one node: its state, its requests in flight, its versions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Asker, MORE_THAN};
use crate::api::versions;
use crate::event::ConnectionLoss;
use crate::ids::{ConnectionId, CorrelationId, Endpoint};
use crate::message::Api;
use crate::time::Time;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct InFlight {
    pub correlation_id: CorrelationId,
    pub api: Api,
    pub asker: Asker,
    pub token: u64,
    pub sent_at: Time,
    pub timeout: Duration,
}

impl InFlight {
    /// The first instant that is more than its timeout after it was sent.
    pub fn times_out_at(&self) -> Time {
        self.sent_at + self.timeout + MORE_THAN
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ConnectionState {
    Disconnected,
    Connecting(ConnectionId),
    CheckingVersions(ConnectionId),
    Ready(ConnectionId),
}

impl ConnectionState {
    pub fn connection(self) -> Option<ConnectionId> {
        match self {
            ConnectionState::Disconnected => None,
            ConnectionState::Connecting(connection)
            | ConnectionState::CheckingVersions(connection)
            | ConnectionState::Ready(connection) => Some(connection),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeConnection {
    pub endpoint: Endpoint,
    pub state: ConnectionState,
    /// When it was last tried or lost: the reconnect back-off counts from here.
    pub last_attempt: Time,
    /// Losses since it was last ready.
    pub failed_attempts: u32,
    pub reconnect_backoff: Duration,
    /// Attempts since it was last established.
    pub failed_set_ups: u32,
    pub set_up_timeout: Duration,
    /// Oldest first.
    pub in_flight: VecDeque<InFlight>,
    /// By API key; empty until negotiated.
    pub versions: BTreeMap<i16, (i16, i16)>,
    pub last_activity: Time,
}

impl NodeConnection {
    pub fn can_connect(&self, now: Time) -> bool {
        self.state == ConnectionState::Disconnected && now >= self.last_attempt + self.reconnect_backoff
    }
}

/// Why a connection whose timer is due is given up.
pub(super) fn loss_at(connection: &NodeConnection, now: Time) -> ConnectionLoss {
    let connecting = matches!(connection.state, ConnectionState::Connecting(_));
    let timed_out = connection.in_flight.iter().any(|request| request.times_out_at() <= now);
    if connecting || timed_out { ConnectionLoss::RequestTimedOut } else { ConnectionLoss::Idle }
}

/// The highest version that both sides speak. Before the versions are known only
/// ApiVersions is asked, at the client's own latest version.
pub(super) fn usable_version(known: &BTreeMap<i16, (i16, i16)>, api: Api) -> Option<i16> {
    let latest = versions::latest(api);
    if known.is_empty() {
        return Some(latest);
    }
    let (low, high) = *known.get(&(api as i16))?;
    let version = latest.min(high);
    (version >= low).then_some(version)
}
