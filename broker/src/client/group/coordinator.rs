//! Who coordinates the group: `AbstractCoordinator.lookupCoordinator`, `CoordinatorRequestManager`.
//!
//! ```text
//!   unknown ──FindCoordinator to any node──▶ known, on a connection of its own
//!      ▲     └ failed: back-off, metadata          │ NOT_COORDINATOR …, connection lost,
//!      └───────────────────────────────────────────┘ no heartbeat answered
//! ```
//!
//! The connection is not the one over which records are fetched: a parked fetch would hold
//! up heartbeats. Kafka numbers it `Integer.MAX_VALUE − broker`.
//!
//! Commits and goodbyes are made when the coordinator is known, and wait for its connection
//! (`NetworkClientDelegate.unsentRequests`, `ConsumerNetworkClient.unsent`): for `request.timeout.ms` at most, and not
//! beyond the connection's failure.
//!
//! Simplified: what must be answered before the member goes on (joining, syncing, heartbeats, look-ups) is made when the
//! connection takes it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::client::cluster::Cluster;
use crate::client::network::{Asker, Completion, Outcome, coordinator_connection};
use crate::client::retry::{Backoff, is_retriable};
use crate::context::Context;
use crate::event::{ConnectionLoss, CoordinatorLoss, MembershipEvent};
use crate::ids::{Endpoint, GroupId, NodeId};
use crate::message::{CoordinatorKind, ErrorCode, FindCoordinatorRequest, Request, Response};
use crate::time::Time;

/// A request for the coordinator, which may have to wait for its connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ForCoordinator {
    pub asker: Asker,
    pub token: u64,
    pub request: Request,
    /// What is told when it leaves.
    pub said: MembershipEvent,
    /// Since when what it says is known.
    pub taken: Time,
}

/// A request that waits for the connection to whoever coordinated when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Unsent {
    node: NodeId,
    endpoint: Endpoint,
    /// How long it waits at most (`request.timeout.ms`).
    until: Time,
    what: ForCoordinator,
}

impl ForCoordinator {
    fn leave(self, ctx: &mut Context, cluster: &mut Cluster, connection: NodeId, timeout: Duration) {
        cluster.network.send_for(ctx, connection, self.asker, self.token, self.request, timeout);
        ctx.emit(told_at(self.said, ctx.now.monotonic.since(self.taken)));
    }
}

/// What a consumer knows of its coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Coordinator {
    group: GroupId,
    backoff: Backoff,
    node: Option<(NodeId, Endpoint)>,
    /// What waits for a connection, oldest first.
    unsent: VecDeque<Unsent>,
    /// The question in flight.
    lookup: Option<u64>,
    attempts: u32,
    retry_at: Option<Time>,
    /// The answer that no further question would change.
    fatal: Option<ErrorCode>,
    /// Whether it was just found: the session counts anew.
    found: bool,
}

impl Coordinator {
    pub fn new(group: GroupId, backoff: Backoff) -> Coordinator {
        Coordinator {
            group,
            backoff,
            node: None,
            unsent: VecDeque::new(),
            lookup: None,
            attempts: 0,
            retry_at: None,
            fatal: None,
            found: false,
        }
    }

    /// Whether it is known. A lost connection makes it unknown (`checkAndGetCoordinator`).
    pub fn is_known(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let Some((node, _)) = &self.node else { return false };
        if cluster.network.is_backing_off(coordinator_connection(*node), ctx.now.monotonic) {
            self.lose(ctx, cluster, CoordinatorLoss::Disconnected);
        }
        self.node.is_some()
    }

    /// Whether it is known; asks for it if it is not. Gives also whether a question left.
    pub fn ensure(&mut self, ctx: &mut Context, cluster: &mut Cluster, token: impl FnOnce() -> u64) -> (bool, bool) {
        if self.is_known(ctx, cluster) {
            return (true, false);
        }
        let waits = self.lookup.is_some() || self.retry_at.is_some_and(|at| at > ctx.now.monotonic);
        if waits || self.fatal.is_some() {
            return (false, false);
        }
        let Some(node) = cluster.least_loaded(ctx).node else { return (false, false) };
        if !cluster.ready(ctx, node) {
            return (false, false);
        }
        let token = token();
        self.lookup = Some(token);
        let keys = vec![self.group.to_string()];
        cluster.send(
            ctx,
            node,
            Asker::Coordinator,
            token,
            FindCoordinatorRequest { kind: CoordinatorKind::Group, keys },
        );
        (false, true)
    }

    /// The connection to it, if a request may be handed over now; begins to connect if need be.
    pub fn ready(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> Option<NodeId> {
        if !self.is_known(ctx, cluster) {
            return None;
        }
        let (node, endpoint) = self.node.clone()?;
        connection_to(ctx, cluster, node, &endpoint)
    }

    /// Sends a request to it, if it can be handed over now.
    pub fn send(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        asker: Asker,
        token: u64,
        request: impl Into<Request>,
    ) -> bool {
        let Some(connection) = self.ready(ctx, cluster) else { return false };
        cluster.send(ctx, connection, asker, token, request);
        true
    }

    /// Takes a request for the coordinator, which is known, and sends it as soon as the connection takes it: now if it can.
    pub fn hand_over(&mut self, ctx: &mut Context, cluster: &mut Cluster, timeout: Duration, what: ForCoordinator) {
        let (node, endpoint) = self.node.clone().expect("a request is made for a coordinator that is known");
        match connection_to(ctx, cluster, node, &endpoint) {
            Some(connection) if self.unsent.is_empty() => what.leave(ctx, cluster, connection, timeout),
            Some(_) | None => {
                let until = ctx.now.monotonic + timeout;
                self.unsent.push_back(Unsent { node, endpoint, until, what });
            }
        }
    }

    /// Sends what waits, as far as the connection takes it. Gives the first request that will not be sent any more, if there is one:
    /// its connection failed, or it waited for too long.
    pub fn send_unsent(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> Option<Completion> {
        let now = ctx.now.monotonic;
        let mut place = 0;
        while let Some(Unsent { node, endpoint, until, .. }) = self.unsent.get(place) {
            let connection = coordinator_connection(*node);
            let left = until.since(now);
            let outcome = if *until <= now {
                Outcome::TimedOut
            } else if connection_to(ctx, cluster, *node, endpoint).is_some() {
                let unsent = self.unsent.remove(place).expect("looked at above");
                unsent.what.leave(ctx, cluster, connection, left);
                continue;
            } else if cluster.network.is_disconnected(connection) {
                Outcome::Disconnected
            } else {
                place += 1;
                continue;
            };
            let ForCoordinator { asker, token, .. } = self.unsent.remove(place).expect("looked at above").what;
            return Some(Completion { node: connection, asker, token, outcome });
        }
        None
    }

    /// Whether the request with this number waits for a connection.
    pub fn is_unsent(&self, token: u64) -> bool {
        self.unsent.iter().any(|unsent| unsent.what.token == token)
    }

    /// It is not known any more. Unless the connection is what was lost, it is given up, with all that is in flight on it.
    pub fn lose(&mut self, ctx: &mut Context, cluster: &mut Cluster, reason: CoordinatorLoss) {
        let Some((node, _)) = self.node.take() else { return };
        ctx.emit(MembershipEvent::CoordinatorLost { group: self.group.clone(), node, reason });
        if reason != CoordinatorLoss::Disconnected {
            cluster.network.close(ctx, coordinator_connection(node), ConnectionLoss::Disconnected);
        }
    }

    /// A question ended; gives why, if it found nobody who can be asked.
    pub fn on_found(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) -> Option<ErrorCode> {
        if self.lookup != Some(completion.token) {
            return None;
        }
        self.lookup = None;
        let error = match &completion.outcome {
            Outcome::Answered(Response::FindCoordinator(response)) => match response.coordinators.first() {
                Some(found) if found.error == ErrorCode::None => match found.node.clone() {
                    Some((node, endpoint)) => {
                        self.found(ctx, cluster, node, endpoint);
                        return self.node.is_none().then_some(ErrorCode::CoordinatorNotAvailable);
                    }
                    None => ErrorCode::CoordinatorNotAvailable,
                },
                Some(found) => found.error,
                None => ErrorCode::UnknownServerError,
            },
            Outcome::UnsupportedVersion => ErrorCode::UnsupportedVersion,
            Outcome::Answered(_) | Outcome::Sent | Outcome::Disconnected | Outcome::TimedOut => {
                ErrorCode::NetworkException
            }
        };
        if !is_retriable(error) {
            self.fatal = Some(error);
            return Some(error);
        }
        self.retry_at = Some(ctx.now.monotonic + self.backoff.after(ctx, self.attempts));
        self.attempts += 1;
        cluster.metadata.request_update();
        Some(error)
    }

    fn found(&mut self, ctx: &mut Context, cluster: &mut Cluster, node: NodeId, endpoint: Endpoint) {
        ctx.emit(MembershipEvent::CoordinatorFound { group: self.group.clone(), node });
        let connection = coordinator_connection(node);
        self.node = Some((node, endpoint.clone()));
        self.found = true;
        cluster.network.connect_if_possible(ctx, connection, &endpoint);
        if cluster.network.is_backing_off(connection, ctx.now.monotonic) {
            // Found, and it cannot be reached: asking again at once would find the same.
            self.lose(ctx, cluster, CoordinatorLoss::Disconnected);
            self.retry_at = Some(ctx.now.monotonic + self.backoff.after(ctx, self.attempts));
            self.attempts += 1;
        } else {
            self.attempts = 0;
            self.retry_at = None;
        }
    }

    /// Whether it was found since the last look.
    pub fn take_found(&mut self) -> bool {
        std::mem::take(&mut self.found)
    }

    /// The error that ended the search, once.
    pub fn take_fatal(&mut self) -> Option<ErrorCode> {
        self.fatal.take()
    }

    /// Which broker, as far as it is known.
    pub fn node(&self) -> Option<NodeId> {
        self.node.as_ref().map(|(node, _)| *node)
    }

    pub fn deadlines(&self, cluster: &Cluster) -> impl Iterator<Item = Time> + use<> {
        let reconnect =
            self.node.as_ref().and_then(|(node, _)| cluster.network.connectable_at(coordinator_connection(*node)));
        let given_up = self.unsent.iter().map(|unsent| unsent.until).min();
        [self.retry_at, reconnect, given_up].into_iter().flatten()
    }
}

/// The connection to a broker as coordinator, if a request may be handed over now; begins to connect if need be.
fn connection_to(ctx: &mut Context, cluster: &mut Cluster, node: NodeId, endpoint: &Endpoint) -> Option<NodeId> {
    let connection = coordinator_connection(node);
    let due = cluster.metadata.is_update_due(ctx.now.monotonic);
    if !due && cluster.network.can_send(connection) {
        return Some(connection);
    }
    cluster.network.connect_if_possible(ctx, connection, endpoint);
    None
}

/// What is told of a request that leaves: of a commit also how long it had waited.
fn told_at(mut said: MembershipEvent, waited: Duration) -> MembershipEvent {
    if let MembershipEvent::CommitSent { waited_us, .. } = &mut said {
        *waited_us = waited.as_micros() as u64;
    }
    said
}
