//! A client's connections and its metadata together: `NetworkClient` with its
//! `DefaultMetadataUpdater`.
//!
//! A metadata request that is due goes before every other request: no node counts as
//! ready until it has left.

use super::metadata::Metadata;
use super::network::{Asker, Completion, LeastLoaded, Network, Outcome};
use crate::context::Context;
use crate::event::ConnectionLoss;
use crate::ids::{Endpoint, NodeId};
use crate::message::{Request, Response};
use crate::time::Time;

/// The cluster as a client reaches and knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cluster {
    pub network: Network,
    pub metadata: Metadata,
}

impl Cluster {
    /// Whether the node takes a request now; begins to connect to it if need be
    /// (`NetworkClient.ready`).
    pub fn ready(&mut self, ctx: &mut Context, node: NodeId) -> bool {
        if !self.metadata.is_update_due(ctx.now.monotonic) && self.network.can_send(node) {
            return true;
        }
        if let Some(endpoint) = self.metadata.endpoint(node).cloned() {
            self.network.connect_if_possible(ctx, node, &endpoint);
        }
        false
    }

    /// Hands a request to a node that is ready.
    pub fn send(&mut self, ctx: &mut Context, node: NodeId, asker: Asker, token: u64, request: impl Into<Request>) {
        self.network.send(ctx, node, asker, token, request.into());
    }

    /// A node that any request may go to.
    pub fn least_loaded(&self, ctx: &mut Context) -> LeastLoaded {
        self.network.least_loaded(ctx, self.metadata.nodes())
    }

    /// Sends the metadata request if it is due and a node can take it; else begins to
    /// connect to one. Gives whether something was done.
    pub fn maybe_update(&mut self, ctx: &mut Context) -> bool {
        let now = ctx.now.monotonic;
        if !self.metadata.is_update_due(now) {
            return false;
        }
        self.metadata.note_attempt(now);
        let mut least_loaded = self.least_loaded(ctx);
        if !least_loaded.available_or_ready && !self.metadata.is_bootstrapped_only() {
            self.metadata.rebootstrap(now);
            least_loaded = self.least_loaded(ctx);
        }
        let Some(node) = least_loaded.node else { return false };
        if self.network.can_send(node) {
            let request = self.metadata.begin_request(now);
            self.send(ctx, node, Asker::Metadata, 0, request);
            return true;
        }
        if self.network.is_any_connecting(self.metadata.nodes()) {
            return false;
        }
        let endpoint: Option<Endpoint> = self.metadata.endpoint(node).cloned();
        endpoint.is_some_and(|endpoint| self.network.connect_if_possible(ctx, node, &endpoint))
    }

    /// Handles what concerns the cluster itself; gives the next request that ended and
    /// belongs to somebody else.
    pub fn next_completion(&mut self, ctx: &mut Context) -> Option<Completion> {
        loop {
            if self.network.take_lost().is_some() {
                self.metadata.on_disconnect(ctx);
                continue;
            }
            let completion = self.network.take_completion()?;
            if completion.asker != Asker::Metadata {
                return Some(completion);
            }
            match &completion.outcome {
                Outcome::Answered(Response::Metadata(response)) => self.metadata.on_response(ctx, response),
                Outcome::Answered(_)
                | Outcome::Sent
                | Outcome::Disconnected
                | Outcome::TimedOut
                | Outcome::UnsupportedVersion => self.metadata.on_failure(ctx),
            }
        }
    }

    /// Starts again from the bootstrap servers when no metadata could be had for too long
    /// or a broker asked for it: every connection is given up (KIP-1102).
    pub fn maybe_rebootstrap(&mut self, ctx: &mut Context) {
        let now = ctx.now.monotonic;
        if !self.metadata.needs_rebootstrap(now) {
            return;
        }
        let nodes: Vec<NodeId> = self.metadata.nodes().keys().copied().collect();
        for node in nodes {
            self.network.close(ctx, node, ConnectionLoss::Disconnected);
        }
        self.metadata.rebootstrap(now);
    }

    /// When the next thing happens by itself, later than now. What was due by now has been tried and waits for an event,
    /// not for time: it must not hide what comes later.
    pub fn next_deadline(&self, now: Time) -> Option<Time> {
        let network = self.network.next_deadline(now);
        let rebootstrap = self.metadata.rebootstrap_at();
        let update = if self.metadata.is_in_progress() {
            None
        } else if self.metadata.next_update() > now {
            Some(self.metadata.next_update())
        } else {
            // Due, and no node can take it: the next chance by time is the end of a back-off.
            let nodes = self.metadata.nodes().keys();
            nodes.filter_map(|node| self.network.connectable_at(*node)).filter(|at| *at > now).min()
        };
        [network, rebootstrap, update].into_iter().flatten().filter(|at| *at > now).min()
    }
}
