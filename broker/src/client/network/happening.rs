//! What happens to connections: they are established, answer, are lost, and grow old.

use std::sync::Arc;

use super::connection::{ConnectionState, InFlight, NodeConnection, loss_at};
use super::{Asker, Completion, MAX_IDLE, MORE_THAN, Network, Outcome, public};
use crate::api::{Message, wire};
use crate::context::Context;
use crate::effects::Output;
use crate::event::{ClientEvent, ConnectionLoss};
use crate::ids::{ConnectionId, NodeId};
use crate::message::{ApiVersionsRequest, ErrorCode, Request, Response};
use crate::time::Time;

impl Network {
    /// A connection is established: ask for the versions before anything else.
    pub fn on_connected(&mut self, ctx: &mut Context, connection: ConnectionId) {
        let Some(node) = self.node_of(connection) else { return };
        let state = self.nodes.get_mut(&node).expect("found by its connection");
        if state.state != ConnectionState::Connecting(connection) {
            return;
        }
        state.state = ConnectionState::CheckingVersions(connection);
        state.failed_set_ups = 0;
        state.last_activity = ctx.now.monotonic;
        ctx.emit(ClientEvent::ConnectionOpened { node: public(node) });
        let request = ApiVersionsRequest {
            client_software_name: "apache-kafka-java".to_owned(),
            client_software_version: "4.1.0".to_owned(),
        };
        self.send(ctx, node, Asker::Versions, 0, Request::ApiVersions(request));
    }

    /// A connection is gone, or never came about.
    pub fn on_closed(&mut self, ctx: &mut Context, connection: ConnectionId) {
        if let Some(node) = self.node_of(connection) {
            self.lose(ctx, node, ConnectionLoss::Disconnected);
        }
    }

    /// A message arrived: it answers the oldest request of its connection.
    pub fn on_received(&mut self, ctx: &mut Context, connection: ConnectionId, message: Arc<Message>) {
        let Some(node) = self.node_of(connection) else { return };
        let state = self.nodes.get_mut(&node).expect("found by its connection");
        state.last_activity = ctx.now.monotonic;
        let Some(request) = state.in_flight.pop_front() else {
            // Nothing was asked: the other side does not speak Kafka. Kafka's client throws and closes.
            self.close(ctx, node, ConnectionLoss::Disconnected);
            return;
        };
        assert_eq!(
            request.correlation_id, message.correlation_id,
            "answers come in the order of the requests of a connection (node {node}, {:?})",
            request.api
        );
        match wire::take_response(message) {
            Ok(Response::ApiVersions(response)) if request.asker == Asker::Versions => {
                self.on_versions(ctx, node, &response);
            }
            Ok(response) => {
                let outcome = Outcome::Answered(response);
                self.completed.push_back(Completion { node, asker: request.asker, token: request.token, outcome });
            }
            Err(_) => {
                let outcome = Outcome::Disconnected;
                self.completed.push_back(Completion { node, asker: request.asker, token: request.token, outcome });
                self.close(ctx, node, ConnectionLoss::Disconnected);
            }
        }
    }

    fn on_versions(&mut self, ctx: &mut Context, node: NodeId, response: &crate::message::ApiVersionsResponse) {
        if response.error != ErrorCode::None {
            // Simplified: Kafka asks again at an older version. All nodes of a Trial cluster
            // know the client's version of this request.
            self.close(ctx, node, ConnectionLoss::Disconnected);
            return;
        }
        let state = self.nodes.get_mut(&node).expect("the answer came on its connection");
        let ConnectionState::CheckingVersions(connection) = state.state else { return };
        state.versions = response.api_keys.iter().map(|(key, low, high)| (*key, (*low, *high))).collect();
        state.state = ConnectionState::Ready(connection);
        state.failed_attempts = 0;
    }

    /// When the earliest timer is due that is not due yet.
    pub fn next_deadline(&self, now: Time) -> Option<Time> {
        self.nodes.values().filter_map(|connection| self.deadline_of(connection)).filter(|at| *at > now).min()
    }

    fn deadline_of(&self, connection: &NodeConnection) -> Option<Time> {
        let set_up = connection.last_attempt + connection.set_up_timeout + MORE_THAN;
        match connection.state {
            ConnectionState::Disconnected => None,
            ConnectionState::Connecting(_) => Some(set_up),
            ConnectionState::CheckingVersions(_) | ConnectionState::Ready(_) => {
                let timeout = connection.in_flight.iter().map(InFlight::times_out_at).min();
                Some(timeout.unwrap_or(Time::NEVER).min(connection.last_activity + MAX_IDLE))
            }
        }
    }

    /// When the node may next be connected to; `None` if it is not waiting for that.
    pub fn connectable_at(&self, node: NodeId) -> Option<Time> {
        let connection = self.nodes.get(&node)?;
        (connection.state == ConnectionState::Disconnected)
            .then_some(connection.last_attempt + connection.reconnect_backoff)
    }

    /// Closes what was not established, not answered, or not used for too long.
    pub fn on_timers(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        let due: Vec<(NodeId, ConnectionLoss)> = self
            .nodes
            .iter()
            .filter(|(_, connection)| self.deadline_of(connection).is_some_and(|deadline| deadline <= now))
            .map(|(node, connection)| (*node, loss_at(connection, now)))
            .collect();
        for (node, loss) in due {
            self.close(ctx, node, loss);
        }
    }

    /// Closes a connection from this side.
    pub fn close(&mut self, ctx: &mut Context, node: NodeId, loss: ConnectionLoss) {
        let connection = self.nodes.get(&node).and_then(|connection| connection.state.connection());
        if let Some(connection) = connection {
            ctx.output(Output::Close { connection });
            self.lose(ctx, node, loss);
        }
    }

    /// Closes every connection, as the process ends: nothing is told to anybody.
    pub fn close_all(&mut self, ctx: &mut Context) {
        for connection in self.nodes.values().filter_map(|connection| connection.state.connection()) {
            ctx.output(Output::Close { connection });
        }
        self.nodes.clear();
        self.completed.clear();
        self.lost.clear();
    }

    fn lose(&mut self, ctx: &mut Context, node: NodeId, loss: ConnectionLoss) {
        let backoff = self.settings.reconnect_backoff;
        let set_up = self.set_up_backoff();
        let connection = self.nodes.get_mut(&node).expect("only a known connection is lost");
        connection.last_attempt = ctx.now.monotonic;
        connection.reconnect_backoff = backoff.after(ctx, connection.failed_attempts);
        connection.failed_attempts += 1;
        if matches!(connection.state, ConnectionState::Connecting(_)) {
            connection.failed_set_ups += 1;
        } else {
            connection.failed_set_ups = 0;
        }
        connection.set_up_timeout = set_up.after(ctx, connection.failed_set_ups);
        connection.state = ConnectionState::Disconnected;
        connection.versions.clear();
        let failed = std::mem::take(&mut connection.in_flight);
        ctx.emit(ClientEvent::ConnectionLost { node: public(node), in_flight: failed.len() as u32, reason: loss });
        // Kafka walks the requests oldest first here; the batches find their order by their sequences.
        for request in failed {
            ctx.emit(ClientEvent::RequestFailed { api: request.api, node: public(node) });
            if request.asker == Asker::Versions {
                continue;
            }
            let outcome = match loss {
                ConnectionLoss::RequestTimedOut => Outcome::TimedOut,
                ConnectionLoss::Disconnected | ConnectionLoss::Idle => Outcome::Disconnected,
            };
            self.completed.push_back(Completion { node, asker: request.asker, token: request.token, outcome });
        }
        self.lost.push_back(node);
    }

    fn node_of(&self, connection: ConnectionId) -> Option<NodeId> {
        self.nodes.iter().find(|(_, state)| state.state.connection() == Some(connection)).map(|(node, _)| *node)
    }
}
