//! Connections and requests under way: Kafka's `NetworkClient`, `ClusterConnectionStates`
//! and `InFlightRequests`.
//!
//! ```text
//!                 connect                 established              versions known
//!  Disconnected ───────────▶ Connecting ───────────────▶ Checking ────────────────▶ Ready
//!       ▲  └ after the reconnect back-off  │ refused, set-up timeout │                │
//!       └──────────────────────────────────┴─────────────────────────┴────────────────┘
//!                    closed, reset, request timeout: every request in flight fails
//! ```
//!
//! A node has one connection. Requests leave it in order and are answered in order, at
//! most `max.in.flight.requests.per.connection` at a time. One request that is not
//! answered within its timeout costs the whole connection.

mod connection;
mod happening;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use connection::{ConnectionState, InFlight, NodeConnection, usable_version};

use super::retry::Backoff;
use super::view::InFlightView;
use crate::api::wire;
use crate::choice::Purpose;
use crate::context::Context;
use crate::effects::Output;
use crate::ids::{ConnectionId, CorrelationId, Endpoint, NodeId};
use crate::message::{Api, Request, Response};
use crate::name::Name;
use crate::time::Time;

/// `socket.connection.setup.timeout.ms`.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// `socket.connection.setup.timeout.max.ms`.
const SETUP_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// `connections.max.idle.ms` of clients: a minute less than the broker's.
const MAX_IDLE: Duration = Duration::from_secs(540);
/// Kafka compares whole milliseconds with "more than"; the first instant that is more.
const MORE_THAN: Duration = Duration::from_micros(1);

/// Which part of the client a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asker {
    /// The connection itself: which versions does the node speak?
    Versions,
    /// The metadata.
    Metadata,
    /// The producer's batches.
    Produce,
    /// The producer's id.
    ProducerId,
    /// The consumer's fetches.
    Fetch,
    /// The consumer's look-ups of offsets.
    ListOffsets,
    /// The consumer's comparison of positions with the leader's epochs.
    Validate,
    /// The consumer's search for its group's coordinator.
    Coordinator,
    /// The consumer's membership: joining, syncing, heartbeats, leaving.
    Member,
    /// The consumer's commits.
    Commit,
    /// The consumer's look-ups of what its group has committed.
    Committed,
    /// An administrator's call.
    Admin,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// It was answered.
    Answered(Response),
    /// It expects no answer and was handed to the socket (acks=0).
    Sent,
    /// The connection was lost.
    Disconnected,
    /// A request on the connection, perhaps this one, was not answered in time.
    TimedOut,
    /// The node speaks no version of the API that this client speaks.
    UnsupportedVersion,
}

/// A request that has ended, on its way to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Completion {
    pub node: NodeId,
    pub asker: Asker,
    /// The asker's own number for the request.
    pub token: u64,
    pub outcome: Outcome,
}

/// How the network behaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NetworkSettings {
    pub client_id: Name,
    pub request_timeout: Duration,
    pub reconnect_backoff: Backoff,
    pub max_in_flight: usize,
}

/// The node to ask when any node will do, and whether any can be asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeastLoaded {
    pub node: Option<NodeId>,
    /// Without this no known node is connected or connectable: time to start again
    /// from the bootstrap servers.
    pub available_or_ready: bool,
}

/// All connections of one client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    settings: NetworkSettings,
    nodes: BTreeMap<NodeId, NodeConnection>,
    next_connection: u64,
    next_correlation_id: CorrelationId,
    completed: VecDeque<Completion>,
    /// Nodes whose connection was lost and that the metadata has not heard of yet.
    lost: VecDeque<NodeId>,
}

impl Network {
    pub fn new(settings: NetworkSettings) -> Network {
        Network {
            settings,
            nodes: BTreeMap::new(),
            next_connection: 1,
            next_correlation_id: 0,
            completed: VecDeque::new(),
            lost: VecDeque::new(),
        }
    }

    // ---- Asking -------------------------------------------------------------------

    /// Whether a request can be handed to this node now.
    pub fn can_send(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|connection| {
            matches!(connection.state, ConnectionState::Ready(_))
                && connection.in_flight.len() < self.settings.max_in_flight
        })
    }

    /// Whether the connection is established and its versions are known.
    pub fn is_ready(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|connection| matches!(connection.state, ConnectionState::Ready(_)))
    }

    /// Whether the last attempt to reach the node failed and it is too early for another.
    pub fn is_backing_off(&self, node: NodeId, now: Time) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|connection| connection.state == ConnectionState::Disconnected && !connection.can_connect(now))
    }

    /// Whether the node's connection is lost.
    pub fn is_disconnected(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|connection| connection.state == ConnectionState::Disconnected)
    }

    fn can_connect(&self, node: NodeId, now: Time) -> bool {
        self.nodes.get(&node).is_none_or(|connection| connection.can_connect(now))
    }

    fn is_connecting(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|connection| matches!(connection.state, ConnectionState::Connecting(_)))
    }

    fn is_preparing(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|connection| {
            matches!(connection.state, ConnectionState::Connecting(_) | ConnectionState::CheckingVersions(_))
        })
    }

    /// Whether any of these nodes is being connected to.
    pub fn is_any_connecting(&self, nodes: &BTreeMap<NodeId, Endpoint>) -> bool {
        nodes.keys().any(|node| self.is_connecting(*node))
    }

    /// Whether anything but fetches is under way: a request, or a connection being made.
    pub fn is_quiet(&self) -> bool {
        self.completed.is_empty()
            && self.nodes.values().all(|connection| {
                matches!(connection.state, ConnectionState::Ready(_) | ConnectionState::Disconnected)
                    && connection.in_flight.iter().all(|request| request.api == Api::Fetch)
            })
    }

    /// Whether a request of this part is unanswered at this node.
    pub fn has_in_flight(&self, node: NodeId, asker: Asker) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|connection| connection.in_flight.iter().any(|request| request.asker == asker))
    }

    pub fn in_flight(&self) -> Vec<InFlightView> {
        let view = |node: NodeId, request: &InFlight| InFlightView {
            node: if node.is_some() { public(node) } else { node },
            api: request.api,
            correlation_id: request.correlation_id,
            sent_at: request.sent_at,
        };
        self.nodes
            .iter()
            .flat_map(|(node, connection)| connection.in_flight.iter().map(move |request| view(*node, request)))
            .collect()
    }

    /// The node to ask when any will do: a ready one with the fewest requests in flight,
    /// else one that is being connected to, else the one not tried for the longest.
    pub fn least_loaded(&self, ctx: &mut Context, nodes: &BTreeMap<NodeId, Endpoint>) -> LeastLoaded {
        let now = ctx.now.monotonic;
        let ids: Vec<NodeId> = nodes.keys().copied().collect();
        assert!(!ids.is_empty(), "a client always knows its bootstrap servers");
        let offset = match ids.len() {
            1 => 0,
            count => ctx.choose(Purpose::LeastLoadedNode, 0, count as u64 - 1) as usize,
        };
        let mut ready: Option<(usize, NodeId)> = None;
        let mut connecting = None;
        let mut connectable: Option<(Time, NodeId)> = None;
        let mut any_ready = false;
        for index in 0..ids.len() {
            let node = ids[(offset + index) % ids.len()];
            any_ready |= self.is_ready(node);
            if self.can_send(node) {
                let load = self.nodes[&node].in_flight.len();
                if load == 0 {
                    return LeastLoaded { node: Some(node), available_or_ready: true };
                }
                if ready.is_none_or(|(least, _)| load < least) {
                    ready = Some((load, node));
                }
            } else if self.is_preparing(node) {
                connecting = Some(node);
            } else if self.can_connect(node, now) {
                let tried = self.nodes.get(&node).map_or(Time::ZERO, |connection| connection.last_attempt);
                if connectable.is_none_or(|(earliest, _)| earliest > tried) {
                    connectable = Some((tried, node));
                }
            }
        }
        let node = ready.map(|(_, node)| node).or(connecting).or(connectable.map(|(_, node)| node));
        LeastLoaded { node, available_or_ready: node.is_some() || any_ready }
    }

    // ---- Doing --------------------------------------------------------------------

    /// Begins to connect, if the node may be connected to now.
    pub fn connect_if_possible(&mut self, ctx: &mut Context, node: NodeId, endpoint: &Endpoint) -> bool {
        if !self.can_connect(node, ctx.now.monotonic) {
            return false;
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let now = ctx.now.monotonic;
        let known = self.nodes.get(&node).is_some_and(|known| known.endpoint.host == endpoint.host);
        if !known {
            let set_up_timeout = self.set_up_backoff().after(ctx, 0);
            let fresh = NodeConnection {
                endpoint: endpoint.clone(),
                state: ConnectionState::Disconnected,
                last_attempt: now,
                failed_attempts: 0,
                reconnect_backoff: Duration::ZERO,
                failed_set_ups: 0,
                set_up_timeout,
                in_flight: VecDeque::new(),
                versions: BTreeMap::new(),
                last_activity: now,
            };
            self.nodes.insert(node, fresh);
        }
        let state = self.nodes.get_mut(&node).expect("the node was known or has just been added");
        state.endpoint = endpoint.clone();
        state.last_attempt = now;
        state.state = ConnectionState::Connecting(connection);
        ctx.output(Output::Connect { connection, to: endpoint.clone() });
        true
    }

    fn set_up_backoff(&self) -> Backoff {
        Backoff { initial: SETUP_TIMEOUT, max: SETUP_TIMEOUT_MAX, jitter: self.settings.reconnect_backoff.jitter }
    }

    /// Hands a request to a node's connection. The caller has made sure that it can.
    pub fn send(&mut self, ctx: &mut Context, node: NodeId, asker: Asker, token: u64, request: Request) {
        let timeout = self.settings.request_timeout;
        self.send_with_timeout(ctx, node, asker, token, request, timeout, true);
    }

    /// Hands over a request that has less time than `request.timeout.ms`.
    pub fn send_for(
        &mut self,
        ctx: &mut Context,
        node: NodeId,
        asker: Asker,
        token: u64,
        request: Request,
        timeout: Duration,
    ) {
        self.send_with_timeout(ctx, node, asker, token, request, timeout, true);
    }

    /// Hands over a request that is never answered (acks=0): it is complete at once.
    pub fn send_without_answer(&mut self, ctx: &mut Context, node: NodeId, asker: Asker, token: u64, request: Request) {
        let timeout = self.settings.request_timeout;
        self.send_with_timeout(ctx, node, asker, token, request, timeout, false);
    }

    #[expect(clippy::too_many_arguments, reason = "the one place that knows everything about a request")]
    fn send_with_timeout(
        &mut self,
        ctx: &mut Context,
        node: NodeId,
        asker: Asker,
        token: u64,
        request: Request,
        timeout: Duration,
        expects_answer: bool,
    ) {
        let api = request.api();
        let client_id = self.settings.client_id;
        let correlation_id = self.next_correlation_id;
        let connection = self.nodes.get_mut(&node).expect("a request goes to a node that is connected");
        let id = connection.state.connection().expect("a request goes to a node that is connected");
        let Some(version) = usable_version(&connection.versions, api) else {
            self.completed.push_back(Completion { node, asker, token, outcome: Outcome::UnsupportedVersion });
            return;
        };
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1) & i32::MAX;
        let message = wire::encode_request(request, version, correlation_id, client_id);
        connection.last_activity = ctx.now.monotonic;
        ctx.output(Output::Send { connection: id, message: Arc::new(message) });
        if expects_answer {
            let sent_at = ctx.now.monotonic;
            connection.in_flight.push_back(InFlight { correlation_id, api, asker, token, sent_at, timeout });
        } else {
            self.completed.push_back(Completion { node, asker, token, outcome: Outcome::Sent });
        }
    }

    /// Whether a request has ended or a connection was lost since the last look.
    pub fn has_news(&self) -> bool {
        !self.completed.is_empty() || !self.lost.is_empty()
    }

    /// The next request that has ended.
    pub fn take_completion(&mut self) -> Option<Completion> {
        self.completed.pop_front()
    }

    /// The next node whose connection was lost since the last look.
    pub fn take_lost(&mut self) -> Option<NodeId> {
        self.lost.pop_front()
    }
}

/// The number of the connection that a consumer keeps to this broker as its group's coordinator.
pub(crate) fn coordinator_connection(broker: NodeId) -> NodeId {
    assert!(broker.is_some() && broker.0 < i32::MAX / 2, "{broker} is a broker's number");
    NodeId(i32::MAX - broker.0)
}

/// Bootstrap servers have negative numbers of their own inside; outside they are "no node". Connections to
/// coordinators have large ones; outside they are the broker's.
fn public(node: NodeId) -> NodeId {
    if !node.is_some() {
        NodeId::NONE
    } else if node.0 > i32::MAX / 2 {
        NodeId(i32::MAX - node.0)
    } else {
        node
    }
}
