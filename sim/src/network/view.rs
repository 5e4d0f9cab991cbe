//! What the network shows of itself: plain values for screens and checks.

use serde::Serialize;
use trial_broker::ids::{ConnectionId, CorrelationId};
use trial_broker::message::Api;
use trial_broker::time::Time;

use crate::fault::{MachineId, MessageId, MessageKind};

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
