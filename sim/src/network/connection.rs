//! One TCP connection: two ends, two directions, and the segments between them.
//!
//! ```text
//!   opener                                   acceptor
//!     │ SYN ───────────────────────────────────▶ │   refused by a reset if nobody listens
//!     │ ◀────────────────────────────── SYN, ACK │
//!   Connected                                    │
//!     │ ACK ───────────────────────────────────▶ Accepted
//!     │ message, message, … ───────────────────▶ │   in order, one head at a time
//!     │ ◀─────────────────── FIN, or a reset     │
//!   Closed
//! ```

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use trial_broker::api::{Body, Message};
use trial_broker::ids::ConnectionId;
use trial_broker::input::Lane;
use trial_broker::time::Time;

use super::Links;
use crate::fault::{MachineId, MessageKind};

/// One side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct End {
    pub(crate) machine: MachineId,
    /// Which start of that machine's process the socket belongs to.
    pub(crate) starts: u32,
    /// The number by which the process knows it; none until it is accepted.
    pub(crate) id: Option<ConnectionId>,
    /// The lane that handles it.
    pub(crate) lane: Lane,
    /// Whether the process believes in it.
    pub(crate) is_alive: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// A SYN is on its way, for the n-th time.
    Syn { attempt: u32, first: Time },
    /// A SYN-ACK is on its way back.
    Answered { attempt: u32, first: Time },
    /// A reset is on its way back: nobody listens.
    Refused,
    /// The opener uses it.
    Open,
}

/// A connection between two sockets. Direction 0 is from the opener, direction 1 to it.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Connection {
    pub(crate) ends: [End; 2],
    pub(crate) port: u16,
    pub(crate) phase: Phase,
    pub(crate) directions: [Direction; 2],
}

impl Connection {
    /// Whether both ends are on one machine: such a connection costs nothing and never fails.
    pub(crate) fn is_local(&self) -> bool {
        self.ends[0].machine == self.ends[1].machine
    }

    /// Which end it is that this machine knows by this number: the direction that it sends in.
    pub(crate) fn end_of(&self, machine: MachineId, id: ConnectionId) -> usize {
        usize::from(!(self.ends[0].machine == machine && self.ends[0].id == Some(id)))
    }

    /// The number of the link that a direction uses.
    pub(crate) fn link(&mut self, links: &mut Links, direction: usize) -> usize {
        let route = self.route(direction);
        *self.directions[direction].link.get_or_insert_with(|| links.number(route))
    }

    /// The machines of a direction: from, to.
    pub(crate) fn route(&self, direction: usize) -> (MachineId, MachineId) {
        (self.ends[direction].machine, self.ends[1 - direction].machine)
    }
}

/// What travels one way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Direction {
    pub(crate) queue: VecDeque<Segment>,
    /// Tells the queue entry of the present head from stale ones.
    pub(crate) generation: u32,
    /// Whether the head has an entry in the world's queue.
    pub(crate) is_armed: bool,
    /// What holds the head up, if something does.
    pub(crate) stuck: Option<Obstacle>,
    pub(crate) next_number: u64,
    pub(crate) last_due: Time,
    /// Bytes that were sent and are not acknowledged.
    pub(crate) unacknowledged: u64,
    /// Acknowledgements under way: when they arrive, and for how many bytes. `NEVER`: a partition keeps them.
    pub(crate) acknowledgements: VecDeque<(Time, u32)>,
    /// Whether the sender can send nothing more.
    pub(crate) is_closed: bool,
    /// Whether a FIN or a reset is under way or has arrived.
    pub(crate) is_finished: bool,
    /// The number of its link, since it was first used.
    pub(crate) link: Option<usize>,
}

impl Direction {
    /// Acknowledgements that have arrived make room in the send buffer.
    pub(crate) fn hear_acknowledgements(&mut self, now: Time) {
        while self.acknowledgements.front().is_some_and(|(at, _)| *at <= now) {
            let (_, freed) = self.acknowledgements.pop_front().expect("looked at right now");
            self.unacknowledged -= u64::from(freed);
        }
    }
}

impl Hash for Direction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.queue.hash(state);
        (self.unacknowledged, self.is_closed, self.is_finished, self.last_due).hash(state);
        (&self.acknowledgements, self.next_number).hash(state);
    }
}

/// What keeps the head of a direction from arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Obstacle {
    Hold,
    Clog,
    Partition,
    PowerOff,
}

/// What travels as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) content: Content,
    pub(crate) sent_at: Time,
    pub(crate) due: Time,
    /// An intervention holds it.
    pub(crate) is_held: bool,
    /// Whether it found room in the send buffer.
    pub(crate) has_left: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The last segment of the handshake.
    Established,
    /// A Kafka message.
    Message { number: u64, message: Arc<Message>, bytes: u32, digest: u64 },
    /// An orderly end.
    Fin,
    /// A disorderly end.
    Reset,
}

impl Content {
    /// How much room it takes in the send buffer.
    pub(crate) fn bytes(&self) -> u32 {
        match self {
            Content::Message { bytes, .. } => *bytes,
            Content::Established | Content::Fin | Content::Reset => 0,
        }
    }
}

impl Hash for Segment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.content {
            Content::Established => state.write_u8(0),
            Content::Message { digest, number, .. } => {
                state.write_u8(1);
                (digest, number).hash(state);
            }
            Content::Fin => state.write_u8(2),
            Content::Reset => state.write_u8(3),
        }
        (self.sent_at, self.due, self.is_held, self.has_left).hash(state);
    }
}

/// Whether a message is a request or a response.
pub(crate) fn kind_of(message: &Message) -> MessageKind {
    match message.body {
        Body::Request(_) => MessageKind::Request,
        Body::Response(_) => MessageKind::Response,
    }
}
