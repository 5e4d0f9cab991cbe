//! What the network shows of itself: plain values for screens and checks.

use std::sync::Arc;

use serde::Serialize;
use trial_broker::api::Message;
use trial_broker::ids::{ConnectionId, CorrelationId};
use trial_broker::message::Api;
use trial_broker::table::Table;
use trial_broker::time::Time;

use super::{Connection, Content, End, Network, Phase, kind_of};
use crate::fault::{MachineId, MessageId, MessageKind};
use crate::machine::Machine;

/// A message between two sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct InFlightView {
    /// Which message.
    pub id: MessageId,
    /// From which machine.
    pub from: MachineId,
    /// To which machine.
    pub to: MachineId,
    /// A request or a response.
    pub kind: MessageKind,
    /// Of which API.
    pub api: Api,
    /// At which version.
    pub version: i16,
    /// By which a response finds its request.
    pub correlation_id: CorrelationId,
    /// Its size on the wire, its length prefix included.
    pub bytes: u32,
    /// When it was handed to the socket.
    pub sent_at: Time,
    /// When it arrives, if nothing holds it up; what is in front of it may make it later.
    pub due_at: Time,
    /// What holds it up, if anything does.
    pub held: Option<HeldBy>,
}

/// Why a message does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBy {
    /// An intervention holds this very message.
    Hold,
    /// A clog.
    Clog,
    /// A partition of the network.
    Partition,
    /// The machine that it goes to is without power.
    PowerOff,
    /// The send buffer is full: it has not left yet.
    SendBuffer,
    /// It waits behind one that is held.
    InFront,
}

/// A connection as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ConnectionView {
    /// Its number in this world.
    pub connection: u64,
    /// The machine that opened it, and the number it has there.
    pub opener: (MachineId, ConnectionId),
    /// The machine that accepted it, and the number it has there once it is accepted.
    pub acceptor: (MachineId, Option<ConnectionId>),
    /// The port that it was opened to.
    pub port: u16,
    /// How far it is.
    pub state: ConnectionStateName,
}

/// The states of a connection, as far as anybody outside needs to tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionStateName {
    /// The handshake is under way.
    Connecting,
    /// Both sides use it.
    Established,
    /// One side has closed or reset it, and the other has not heard of it yet.
    Closing,
    /// One side has vanished without a word, and the other believes in the connection.
    HalfOpen,
}

impl Network {
    /// Every message between two sockets, by connection, direction and order.
    pub(crate) fn in_flight(&self, machines: &Table<MachineId, Machine>) -> Vec<InFlightView> {
        let mut views = Vec::new();
        for (number, connection) in self.connections.iter() {
            for direction in 0..2 {
                self.in_flight_one_way(*number, connection, direction, machines, &mut views);
            }
        }
        views
    }

    fn in_flight_one_way(
        &self,
        connection_number: u64,
        connection: &Connection,
        direction: usize,
        machines: &Table<MachineId, Machine>,
        views: &mut Vec<InFlightView>,
    ) {
        let route = connection.route(direction);
        let mut in_front = None;
        for segment in &connection.directions[direction].queue {
            let Content::Message { number, message, bytes, .. } = &segment.content else { continue };
            let is_off = !machines.get(&route.1).is_some_and(Machine::is_powered);
            let held = if segment.is_held {
                Some(HeldBy::Hold)
            } else if !segment.has_left {
                Some(HeldBy::SendBuffer)
            } else if connection.is_local() {
                None
            } else if self.medium.links.is_blocked(route) {
                Some(HeldBy::Partition)
            } else if self.medium.links.is_clogged(route, Some(message)) {
                Some(HeldBy::Clog)
            } else if is_off {
                Some(HeldBy::PowerOff)
            } else {
                in_front
            };
            if held.is_some() {
                in_front = Some(HeldBy::InFront);
            }
            views.push(InFlightView {
                id: MessageId { connection: connection_number, from_opener: direction == 0, number: *number },
                from: route.0,
                to: route.1,
                kind: kind_of(message),
                api: message.api,
                version: message.version,
                correlation_id: message.correlation_id,
                bytes: *bytes,
                sent_at: segment.sent_at,
                due_at: segment.due,
                held,
            });
        }
    }

    /// A message in flight.
    pub(crate) fn message(&self, id: MessageId) -> Option<Arc<Message>> {
        let queue = &self.connections.get(&id.connection)?.directions[usize::from(!id.from_opener)].queue;
        queue.iter().find_map(|segment| match &segment.content {
            Content::Message { number, message, .. } if *number == id.number => Some(Arc::clone(message)),
            _ => None,
        })
    }

    /// Every connection that at least one side believes in.
    pub(crate) fn connections(&self) -> Vec<ConnectionView> {
        let state = |connection: &Connection| match connection.phase {
            Phase::Syn { .. } | Phase::Answered { .. } | Phase::Refused => ConnectionStateName::Connecting,
            Phase::Open if connection.ends.iter().all(|end| end.is_alive) => ConnectionStateName::Established,
            Phase::Open if connection.directions.iter().any(|way| way.is_finished) => ConnectionStateName::Closing,
            Phase::Open => ConnectionStateName::HalfOpen,
        };
        let opener = |end: &End| (end.machine, end.id.unwrap_or(ConnectionId(0)));
        self.connections
            .iter()
            .map(|(number, connection)| ConnectionView {
                connection: *number,
                opener: opener(&connection.ends[0]),
                acceptor: (connection.ends[1].machine, connection.ends[1].id),
                port: connection.port,
                state: state(connection),
            })
            .collect()
    }
}
