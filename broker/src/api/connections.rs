//! The server's side of connections: one request at a time on each (`SocketServer`,
//! `KafkaChannel`).
//!
//! A network thread reads one request from a connection, mutes the connection, and reads
//! the next only when the response has been handed to the socket. So what a client sends
//! ahead is *processed* in the order sent, responses leave in that order, and a parked
//! request (a long fetch, an acks=all produce) holds up what is behind it on the same
//! connection, and only there.
//!
//! ```text
//!            received                 respond: the response leaves, or
//!   idle ───────────────▶ processing  no_response: acks=0, nothing to say
//!    ▲                       │   ▲
//!    │     queue empty       ▼   │ next in the queue: take_ready
//!    └───────────────────────●───┘
//! ```
//!
//! After the peer's orderly close the requests that have arrived are still executed, in
//! order, until the first of them has a response to send: that send fails, and what is
//! behind it is discarded. After a reset only the request in processing goes on.
//!
//! Simplified: no limit on all requests together (queued.max.requests), no idle time-out,
//! no quotas, no limit on a request's size.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::Message;
use super::versions::{self, spoken};
use super::wire::{self, WireError};
use crate::context::Context;
use crate::effects::Output;
use crate::event::LifecycleEvent;
use crate::ids::{ConnectionId, CorrelationId, RequestHandle};
use crate::input::CloseReason;
use crate::message::{Api, ApiVersionsResponse, ErrorCode, Request, Response};
use crate::name::Name;
use crate::table::Table;

#[cfg(test)]
mod tests;

/// Which of a process's listeners: it decides which APIs are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listener {
    /// A broker's client listener, port 9092.
    Broker,
    /// A controller's listener, port 9093.
    Controller,
}

impl Listener {
    fn serves(self, api: Api) -> bool {
        match self {
            Listener::Broker => versions::served_by_broker(api),
            Listener::Controller => versions::served_by_controller(api),
        }
    }
}

/// What a handler may want to know of a request beyond its body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestInfo {
    /// The version it came at, and its response will leave at.
    pub version: i16,
    /// Who says to ask (`client.id`).
    pub client_id: Name,
}

/// A request whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incoming {
    /// By which it is answered.
    pub handle: RequestHandle,
    /// What is asked.
    pub request: Request,
    /// Version and client.
    pub info: RequestInfo,
}

/// The accepted connections of one listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerConnections {
    listener: Listener,
    connections: Table<ConnectionId, Connection>,
    ready: VecDeque<Incoming>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Connection {
    /// The request in processing; until it is answered, nothing else of this connection is.
    processing: Option<Processing>,
    queue: VecDeque<Queued>,
    /// The peer has closed in an orderly way: what has arrived is executed, nothing can be sent.
    peer_closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Processing {
    correlation_id: CorrelationId,
    api: Api,
    version: i16,
}

/// A request that is no longer in processing, and its connection.
struct Finished {
    processing: Processing,
    peer_closed: bool,
    /// Whether other requests wait behind it.
    is_followed: bool,
}

/// A request that has arrived and waits for its turn. It is read at once, so that the
/// state holds no wire types, but judged only at its turn, as Kafka parses it only then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Queued {
    api: Api,
    correlation_id: CorrelationId,
    info: RequestInfo,
    request: Result<Request, WireError>,
}

impl ServerConnections {
    /// No connections yet.
    pub fn new(listener: Listener) -> Self {
        ServerConnections { listener, connections: Table::default(), ready: VecDeque::new() }
    }

    /// Somebody connected.
    pub fn accepted(&mut self, connection: ConnectionId) {
        let before = self.connections.insert(connection, Connection::default());
        assert!(before.is_none(), "connection {connection:?} was accepted twice");
    }

    /// Whether this is one of the open connections here.
    pub fn contains(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// A message arrived. Returns the request if it is its turn; `None` if it waits behind
    /// another, was refused, or the connection is gone.
    pub fn received(&mut self, ctx: &mut Context, connection: ConnectionId, message: Arc<Message>) -> Option<Incoming> {
        let of = self.connections.get_mut(&connection)?;
        let request = Queued {
            api: message.api,
            correlation_id: message.correlation_id,
            info: RequestInfo { version: message.version, client_id: message.client_id.unwrap_or_default() },
            request: wire::take_request(message),
        };
        if of.processing.is_some() {
            of.queue.push_back(request);
            return None;
        }
        // Nothing is in processing, so nothing is before it.
        self.judge(ctx, connection, request).or_else(|| self.next(ctx, connection))
    }

    /// Answers a request: the response leaves, and the next request of its connection
    /// becomes ready. A response to a connection that is gone is dropped.
    pub fn respond(&mut self, ctx: &mut Context, handle: RequestHandle, response: Response) {
        let Some(Finished { processing, peer_closed, is_followed }) = self.finish(handle) else { return };
        assert_eq!(
            processing.api,
            response.api(),
            "{handle:?} asked {} and is answered {}",
            processing.api.name(),
            response.api().name()
        );
        if peer_closed {
            // The send fails, and with it all that was still to be read.
            self.connections.remove(&handle.connection);
            return;
        }
        let message = wire::encode_response(response, processing.version, processing.correlation_id);
        ctx.output(Output::Send { connection: handle.connection, message: Arc::new(message) });
        if is_followed {
            self.advance(ctx, handle.connection);
        }
    }

    /// Ends a request that has no response (acks=0): the next of its connection becomes ready.
    pub fn no_response(&mut self, ctx: &mut Context, handle: RequestHandle) {
        if self.finish(handle).is_some() {
            self.advance(ctx, handle.connection);
        }
    }

    /// A request that became ready by `respond` or `no_response`. To be asked until `None`
    /// after each step that answered something.
    pub fn take_ready(&mut self) -> Option<Incoming> {
        self.ready.pop_front()
    }

    /// Closes a connection; what it still had queued is discarded.
    pub fn close(&mut self, ctx: &mut Context, connection: ConnectionId) {
        let Some(closed) = self.connections.remove(&connection) else { return };
        if !closed.peer_closed {
            ctx.output(Output::Close { connection });
        }
    }

    /// Closes all connections, as a process does at its end.
    pub fn close_all(&mut self, ctx: &mut Context) {
        for connection in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(ctx, connection);
        }
    }

    /// The peer, or the network, has ended a connection.
    pub fn closed(&mut self, connection: ConnectionId, reason: CloseReason) {
        let Some(of) = self.connections.get_mut(&connection) else { return };
        match reason {
            // Whatever waits in the queue waits behind a request in processing.
            CloseReason::Closed if of.processing.is_some() => of.peer_closed = true,
            CloseReason::Closed | CloseReason::Reset | CloseReason::Refused | CloseReason::ConnectTimedOut => {
                self.connections.remove(&connection);
            }
        }
    }

    /// How many connections are open.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether no connection is open.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// The request in processing on each connection, and how many wait behind it.
    pub fn occupied(&self) -> impl Iterator<Item = (ConnectionId, Api, usize)> {
        self.connections.iter().filter_map(|(id, of)| of.processing.as_ref().map(|now| (*id, now.api, of.queue.len())))
    }

    /// Takes the request out of processing; `None` if its connection is gone.
    fn finish(&mut self, handle: RequestHandle) -> Option<Finished> {
        let of = self.connections.get_mut(&handle.connection)?;
        let processing = of.processing.take();
        let expected = processing.as_ref().map(|processing| processing.correlation_id);
        assert_eq!(expected, Some(handle.correlation_id), "{handle:?} is not the request in processing");
        Some(Finished { processing: processing?, peer_closed: of.peer_closed, is_followed: !of.queue.is_empty() })
    }

    fn advance(&mut self, ctx: &mut Context, connection: ConnectionId) {
        if let Some(incoming) = self.next(ctx, connection) {
            self.ready.push_back(incoming);
        }
    }

    /// Puts the next request of a connection into processing, if none is.
    fn next(&mut self, ctx: &mut Context, connection: ConnectionId) -> Option<Incoming> {
        loop {
            let of = self.connections.get_mut(&connection)?;
            if of.processing.is_some() {
                return None;
            }
            let Some(queued) = of.queue.pop_front() else {
                if of.peer_closed {
                    self.connections.remove(&connection);
                }
                return None;
            };
            if let Some(incoming) = self.judge(ctx, connection, queued) {
                return Some(incoming);
            }
        }
    }

    /// Puts a request into processing whose turn it is, or refuses it: then the connection is closed, or its next request
    /// is to be looked at.
    fn judge(&mut self, ctx: &mut Context, connection: ConnectionId, queued: Queued) -> Option<Incoming> {
        let served = self.listener.serves(queued.api);
        match queued.request {
            Ok(request) if served => {
                let of = self.connections.get_mut(&connection)?;
                of.processing = Some(Processing {
                    correlation_id: queued.correlation_id,
                    api: queued.api,
                    version: queued.info.version,
                });
                let handle = RequestHandle { connection, correlation_id: queued.correlation_id };
                Some(Incoming { handle, request, info: queued.info })
            }
            Err(WireError::UnsupportedVersion { api: Api::ApiVersions, .. }) => {
                self.refuse_api_versions(ctx, connection, queued.correlation_id);
                None
            }
            Ok(_) => self.refuse(ctx, connection, queued.api, ErrorCode::InvalidRequest),
            Err(WireError::UnsupportedVersion { api, .. }) => {
                self.refuse(ctx, connection, api, ErrorCode::UnsupportedVersion)
            }
            Err(_) => self.refuse(ctx, connection, queued.api, ErrorCode::InvalidRequest),
        }
    }

    /// An API that is not served here, a version that is not spoken, a malformed body: the
    /// connection is closed, and the client is left to guess (`SocketServer`).
    fn refuse<T>(&mut self, ctx: &mut Context, connection: ConnectionId, api: Api, error: ErrorCode) -> Option<T> {
        ctx.emit(LifecycleEvent::RequestRefused { api, error });
        self.close(ctx, connection);
        None
    }

    /// The one unsupported version that is answered: a newer client learns from version 0
    /// of the answer which ApiVersions the server knows, and asks again (KIP-511).
    fn refuse_api_versions(&mut self, ctx: &mut Context, connection: ConnectionId, correlation_id: CorrelationId) {
        let error = ErrorCode::UnsupportedVersion;
        ctx.emit(LifecycleEvent::RequestRefused { api: Api::ApiVersions, error });
        let range = spoken(Api::ApiVersions);
        let response = ApiVersionsResponse {
            error,
            api_keys: vec![(Api::ApiVersions as i16, range.lowest, range.highest)],
            finalized_features: Vec::new(),
            finalized_features_epoch: -1,
            supported_features: Vec::new(),
        };
        if self.connections[&connection].peer_closed {
            self.connections.remove(&connection);
            return;
        }
        let message = wire::encode_response(response.into(), 0, correlation_id);
        ctx.output(Output::Send { connection, message: Arc::new(message) });
    }
}
