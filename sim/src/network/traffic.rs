//! Connections at work: handshakes, sending, arriving, closing, and what interventions do.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use trial_broker::api::Message;
use trial_broker::ids::ConnectionId;
use trial_broker::input::{CloseReason, Lane};
use trial_broker::table::Table;
use trial_broker::time::Time;

use super::medium::{arm, obstacle};
use super::{Connection, Content, Direction, End, Intervention, Links, Medium, Phase, kind_of};
use crate::fault::{MachineId, MessageId};
use crate::machine::Machine;
use crate::queue::{Queue, Subject};
use crate::step::{Fact, Telling};
use crate::stream::Streams;

/// Linux sends a SYN six times more after the first, at doubling distances from one second on.
const SYN_RETRIES: u32 = 6;

/// All connections, and what lies between the machines.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(super) connections: Table<u64, Connection>,
    next_connection: u64,
    pub(super) medium: Medium,
    pub(super) interventions: Vec<Intervention>,
}

/// The world around the network, while it works.
pub(crate) struct Wire<'a> {
    pub(crate) now: Time,
    pub(crate) queue: &'a mut Queue<Subject>,
    pub(crate) streams: &'a mut Streams,
    pub(crate) machines: &'a Table<MachineId, Machine>,
    pub(crate) facts: &'a mut Vec<Fact>,
    pub(crate) telling: Telling,
}

impl Wire<'_> {
    pub(super) fn is_powered(&self, machine: MachineId) -> bool {
        self.machines.get(&machine).is_some_and(Machine::is_powered)
    }

    /// Which start of the machine's process listens on a port, if one does.
    fn listener(&self, machine: MachineId, port: u16) -> Option<u32> {
        self.machines.get(&machine)?.listens(port).then(|| self.machines[&machine].starts())
    }
}

/// What an arriving segment means to a machine.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    /// The entry was stale: nothing happens.
    Nothing,
    /// Something happened, but to no process.
    Silent,
    /// A connection was opened to this machine.
    Accepted { machine: MachineId, port: u16 },
    /// A connection that this machine opened is established.
    Connected { machine: MachineId, id: ConnectionId, lane: Lane },
    /// A message.
    Received { machine: MachineId, id: ConnectionId, lane: Lane, number: u64, message: Arc<Message>, bytes: u32 },
    /// A connection is gone.
    Closed { machine: MachineId, id: Option<ConnectionId>, lane: Lane, reason: CloseReason },
}

impl Network {
    pub(crate) fn new(links: Links, send_buffer_bytes: u32) -> Self {
        Network {
            connections: Table::default(),
            next_connection: 1,
            medium: Medium { links, send_buffer_bytes: u64::from(send_buffer_bytes) },
            interventions: Vec::new(),
        }
    }

    // Opening.

    /// Begins to open a connection. Answers its number.
    pub(crate) fn open(&mut self, wire: &mut Wire, opener: End, to: MachineId, port: u16) -> u64 {
        let number = self.next_connection;
        self.next_connection += 1;
        let acceptor = End { machine: to, starts: 0, id: None, lane: Lane::Data, is_alive: false };
        let mut connection = Connection {
            ends: [opener, acceptor],
            port,
            phase: Phase::Syn { attempt: 0, first: wire.now },
            directions: [Direction::default(), Direction::default()],
        };
        let due = self.medium.arrival(wire, &mut connection, 0, 0);
        self.connections.insert(number, connection);
        wire.queue.push(due, Subject::Handshake { connection: number });
        number
    }

    /// A segment of a handshake arrives.
    pub(crate) fn handshake_due(&mut self, wire: &mut Wire, number: u64) -> Arrival {
        let Some(mut connection) = self.connections.remove(&number) else { return Arrival::Nothing };
        let opener = connection.ends[0].clone();
        let gone = |reason| Arrival::Closed { machine: opener.machine, id: opener.id, lane: opener.lane, reason };
        if !opener.is_alive {
            return Arrival::Silent;
        }
        let arrival = match connection.phase {
            Phase::Syn { attempt, first } => {
                let to = connection.ends[1].machine;
                if self.loses(&connection, 0) || !wire.is_powered(to) {
                    if attempt == SYN_RETRIES {
                        return gone(CloseReason::ConnectTimedOut);
                    }
                    self.send_syn_again(wire, number, &mut connection, attempt + 1, first);
                } else {
                    connection.phase = match wire.listener(to, connection.port) {
                        Some(starts) => {
                            connection.ends[1].starts = starts;
                            Phase::Answered { attempt, first }
                        }
                        None => Phase::Refused,
                    };
                    let due = self.medium.arrival(wire, &mut connection, 1, 0);
                    wire.queue.push(due, Subject::Handshake { connection: number });
                }
                Arrival::Silent
            }
            Phase::Answered { attempt, first } if self.loses(&connection, 1) => {
                if attempt == SYN_RETRIES {
                    return gone(CloseReason::ConnectTimedOut);
                }
                self.send_syn_again(wire, number, &mut connection, attempt + 1, first);
                Arrival::Silent
            }
            Phase::Refused => return gone(CloseReason::Refused),
            Phase::Answered { .. } => {
                connection.phase = Phase::Open;
                connection.ends[1].is_alive = true;
                self.medium.push(wire, number, &mut connection, 0, Content::Established);
                Arrival::Connected {
                    machine: opener.machine,
                    id: opener.id.expect("the opener numbers its connection"),
                    lane: opener.lane,
                }
            }
            Phase::Open => unreachable!("an open connection has no handshake under way"),
        };
        self.connections.insert(number, connection);
        arrival
    }

    /// Whether a bare segment that arrives now in this direction is lost.
    fn loses(&self, connection: &Connection, direction: usize) -> bool {
        let route = connection.route(direction);
        !connection.is_local() && (self.medium.links.is_blocked(route) || self.medium.links.is_clogged(route, None))
    }

    fn send_syn_again(&mut self, wire: &mut Wire, number: u64, connection: &mut Connection, attempt: u32, first: Time) {
        connection.phase = Phase::Syn { attempt, first };
        let sent = first + Duration::from_secs((1 << attempt) - 1);
        let due = sent.max(wire.now) + self.medium.links.typical(connection.route(0));
        wire.queue.push(due, Subject::Handshake { connection: number });
    }

    /// The process knows the connection by this number from now on, and handles it in this lane.
    pub(crate) fn accept(&mut self, number: u64, id: ConnectionId, lane: Lane) {
        let end = &mut self.connections.get_mut(&number).expect("just accepted").ends[1];
        (end.id, end.lane) = (Some(id), lane);
    }

    // Sending.

    /// Hands a message to a socket. What is sent into a closed connection is lost, as always.
    pub(crate) fn send(
        &mut self,
        wire: &mut Wire,
        number: u64,
        machine: MachineId,
        id: ConnectionId,
        message: &Arc<Message>,
        (bytes, digest): (u32, u64),
    ) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let direction = connection.end_of(machine, id);
        assert!(
            connection.phase == Phase::Open,
            "{machine} sends {} on connection {} before it is established",
            message.api.name(),
            id.0
        );
        if connection.directions[direction].is_closed {
            return;
        }
        let in_direction = connection.directions[direction].next_number + 1;
        let content = Content::Message { number: in_direction, message: Arc::clone(message), bytes, digest };
        let due = self.medium.push(wire, number, connection, direction, content);
        let message_id = MessageId { connection: number, from_opener: direction == 0, number: in_direction };
        let route = connection.route(direction);
        if wire.telling >= Telling::Messages {
            wire.facts.push(Fact::MessageSent {
                message: message_id,
                from: route.0,
                to: route.1,
                kind: kind_of(message),
                api: message.api,
                correlation_id: message.correlation_id,
                bytes,
                due,
            });
        }
        if self.interventions.is_empty() || connection.is_local() {
            return;
        }
        if let Some(action) = self.count_message(route, message) {
            self.intervene(wire, message_id, action);
        }
    }

    /// The receiving process has read a message: its bytes leave the buffer once the sender hears of it.
    pub(crate) fn read(&mut self, wire: &mut Wire, number: u64, direction: usize, bytes: u32) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let is_local = connection.is_local();
        let back = connection.route(1 - direction);
        if is_local {
            connection.directions[direction].unacknowledged -= u64::from(bytes);
            return;
        }
        let links = &mut self.medium.links;
        let at = if links.is_blocked(back) {
            Time::NEVER
        } else {
            let link = connection.link(links, 1 - direction);
            wire.now + links.typical_of(link)
        };
        let way = &mut connection.directions[direction];
        // One is kept for many: nobody can tell two acknowledgements of one instant apart.
        match way.acknowledgements.back_mut() {
            Some((last, freed)) if *last == at => *freed += bytes,
            _ => way.acknowledgements.push_back((at, bytes)),
        }
        if at != Time::NEVER && way.queue.back().is_some_and(|segment| !segment.has_left) {
            wire.queue.push(at, Subject::Room { connection: number, direction: direction as u8 });
        }
    }

    /// An acknowledgement arrives: what waits for room may leave. Answers whether anything did.
    pub(crate) fn room_due(&mut self, wire: &mut Wire, number: u64, direction: usize) -> bool {
        let Some(connection) = self.connections.get_mut(&number) else { return false };
        connection.directions[direction].hear_acknowledgements(wire.now);
        let mut any = false;
        while let Some(waiting) = connection.directions[direction].queue.iter().position(|segment| !segment.has_left) {
            let way = &connection.directions[direction];
            let bytes = way.queue[waiting].content.bytes();
            if bytes > 0 && way.unacknowledged >= self.medium.send_buffer_bytes {
                break;
            }
            let due = self.medium.arrival(wire, connection, direction, bytes);
            let way = &mut connection.directions[direction];
            way.unacknowledged += u64::from(bytes);
            way.last_due = way.last_due.max(due);
            let segment = &mut way.queue[waiting];
            (segment.has_left, segment.due) = (true, way.last_due);
            arm(wire, number, direction, way);
            any = true;
        }
        any
    }

    /// Whether a connection is there.
    pub(crate) fn exists(&self, number: u64) -> bool {
        self.connections.contains_key(&number)
    }

    /// Whether this is the entry of a direction's present head.
    pub(crate) fn is_head(&self, number: u64, direction: usize, generation: u32) -> bool {
        self.connections.get(&number).is_some_and(|connection| {
            let way = &connection.directions[direction];
            way.is_armed && way.generation == generation
        })
    }

    /// Whether anything waits for room in a send buffer.
    pub(crate) fn wants_room(&self, number: u64, direction: usize) -> bool {
        self.connections
            .get(&number)
            .is_some_and(|connection| connection.directions[direction].queue.back().is_some_and(|last| !last.has_left))
    }

    // Arriving.

    /// The head of a direction is due.
    pub(crate) fn head_due(&mut self, wire: &mut Wire, number: u64, direction: usize, generation: u32) -> Arrival {
        let Some(connection) = self.connections.get_mut(&number) else { return Arrival::Nothing };
        let way = &connection.directions[direction];
        if way.generation != generation || !way.is_armed {
            return Arrival::Nothing;
        }
        let obstacle = obstacle(&self.medium.links, wire, connection, direction);
        let way = &mut connection.directions[direction];
        way.is_armed = false;
        way.generation = way.generation.wrapping_add(1);
        way.stuck = obstacle;
        if obstacle.is_some() {
            return Arrival::Silent;
        }
        let segment = way.queue.pop_front().expect("an armed direction has a head");
        arm(wire, number, direction, way);
        let receiver = connection.ends[1 - direction].clone();
        if !receiver.is_alive {
            self.answer_from_nobody(wire, number, 1 - direction);
            return Arrival::Silent;
        }
        let (machine, id, lane) = (receiver.machine, receiver.id, receiver.lane);
        match segment.content {
            Content::Established => match wire.listener(machine, connection.port) {
                Some(starts) if starts == receiver.starts => Arrival::Accepted { machine, port: connection.port },
                _ => {
                    connection.ends[1 - direction].is_alive = false;
                    self.answer_from_nobody(wire, number, 1 - direction);
                    Arrival::Silent
                }
            },
            Content::Message { number, message, bytes, .. } => Arrival::Received {
                machine,
                id: id.expect("a message comes after the handshake"),
                lane,
                number,
                message,
                bytes,
            },
            Content::Fin => {
                self.bury(number, 1 - direction);
                Arrival::Closed { machine, id, lane, reason: CloseReason::Closed }
            }
            Content::Reset => {
                self.bury(number, 1 - direction);
                Arrival::Closed { machine, id, lane, reason: CloseReason::Reset }
            }
        }
    }

    /// An end is no more. The connection is forgotten with its second end.
    fn bury(&mut self, number: u64, end: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.ends[end].is_alive = false;
        connection.directions[end].is_closed = true;
        if !connection.ends[1 - end].is_alive {
            self.connections.remove(&number);
        }
    }

    /// A segment came to a socket that is not there: the kernel answers with a reset.
    fn answer_from_nobody(&mut self, wire: &mut Wire, number: u64, end: usize) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if !connection.ends[1 - end].is_alive {
            self.connections.remove(&number);
            return;
        }
        connection.directions[end].is_closed = true;
        if !connection.directions[end].is_finished {
            connection.directions[end].is_finished = true;
            self.medium.push(wire, number, connection, end, Content::Reset);
        }
    }

    // Ending.

    /// A process closes its socket, or the kernel does after its death. `has_unread` says
    /// whether it had not read all that arrived: then the other side gets a reset.
    pub(crate) fn close(
        &mut self,
        wire: &mut Wire,
        number: u64,
        machine: MachineId,
        id: ConnectionId,
        has_unread: bool,
    ) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = connection.end_of(machine, id);
        connection.ends[end].is_alive = false;
        // Before the handshake is done only the opener knows of it.
        if connection.phase != Phase::Open || !connection.ends[1 - end].is_alive {
            self.connections.remove(&number);
            return;
        }
        let way = &mut connection.directions[end];
        way.is_closed = true;
        if !way.is_finished {
            way.is_finished = true;
            let content = if has_unread { Content::Reset } else { Content::Fin };
            self.medium.push(wire, number, connection, end, content);
        }
    }

    /// A machine lost its power: its sockets are gone without a word, with what they had to send.
    pub(crate) fn power_off(&mut self, machine: MachineId) {
        self.connections.retain(|_, connection| {
            for end in 0..2 {
                if connection.ends[end].machine == machine {
                    connection.ends[end].is_alive = false;
                    let way = &mut connection.directions[end];
                    way.queue.clear();
                    way.generation = way.generation.wrapping_add(1);
                    (way.is_armed, way.stuck, way.is_closed) = (false, None, true);
                }
            }
            // A handshake goes on as long as its opener lives.
            connection.ends[0].is_alive || connection.ends[1].is_alive
        });
    }
}

#[cfg(test)]
impl Network {
    /// Puts another message in the place of the only one in flight: the same segment with other bytes.
    pub(crate) fn replace_message(&mut self, with: &Arc<Message>, weight: (u32, u64)) {
        let ways = self.connections.values_mut().flat_map(|connection| &mut connection.directions);
        for segment in ways.flat_map(|way| &mut way.queue) {
            if let Content::Message { message, bytes, digest, .. } = &mut segment.content {
                *message = Arc::clone(with);
                (*bytes, *digest) = weight;
            }
        }
    }
}

/// Connections are hashed by what they hold; their numbers only tell them apart.
impl Hash for Network {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for connection in self.connections.values() {
            connection.hash(state);
        }
        self.medium.links.hash(state);
        self.interventions.hash(state);
    }
}
