//! Connections at work: handshakes, sending, arriving, closing, and what interventions do.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use trial_broker::api::Message;
use trial_broker::ids::ConnectionId;
use trial_broker::input::{CloseReason, Lane};
use trial_broker::time::Time;

use super::link::matches;
use super::view::{ConnectionStateName, ConnectionView, HeldBy, InFlightView};
use super::{Connection, Content, Direction, End, LinkSetting, Links, Obstacle, Phase, Segment, kind_of};
use crate::fault::{MachineId, MessageFilter, MessageId, MessageTarget};
use crate::machine::Machine;
use crate::queue::{Queue, Subject};
use crate::step::Fact;
use crate::stream::Streams;

/// Linux sends a SYN six times more after the first, at doubling distances from one second on.
const SYN_RETRIES: u32 = 6;

/// All connections, and what lies between the machines.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    links: Links,
    interventions: Vec<Intervention>,
    send_buffer_bytes: u64,
}

/// What an entry waits to do to a message that is yet to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Intervention {
    filter: MessageFilter,
    /// How many matching messages are still to come, the one that is taken included.
    remaining: u32,
    action: Action,
}

/// What can be done to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Drop,
    Delay(Duration),
    Hold,
}

/// The world around the network, while it works.
pub(crate) struct Wire<'a> {
    pub(crate) now: Time,
    pub(crate) queue: &'a mut Queue<Subject>,
    pub(crate) streams: &'a mut Streams,
    pub(crate) machines: &'a BTreeMap<MachineId, Machine>,
    pub(crate) facts: &'a mut Vec<Fact>,
    pub(crate) keep_detail: bool,
}

impl Wire<'_> {
    fn is_powered(&self, machine: MachineId) -> bool {
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
            connections: BTreeMap::new(),
            next_connection: 1,
            links,
            interventions: Vec::new(),
            send_buffer_bytes: u64::from(send_buffer_bytes),
        }
    }

    // Opening.

    /// Begins to open a connection. Answers its number.
    pub(crate) fn open(&mut self, wire: &mut Wire, opener: End, to: MachineId, port: u16) -> u64 {
        let number = self.next_connection;
        self.next_connection += 1;
        let acceptor = End { machine: to, starts: 0, id: None, lane: Lane::Data, is_alive: false };
        let connection = Connection {
            ends: [opener, acceptor],
            port,
            phase: Phase::Syn { attempt: 0, first: wire.now },
            directions: [Direction::default(), Direction::default()],
        };
        let due = self.arrival(wire, &connection, 0, 0);
        self.connections.insert(number, connection);
        wire.queue.push(due, Subject::Handshake { connection: number });
        number
    }

    fn arrival(&mut self, wire: &mut Wire, connection: &Connection, direction: usize, bytes: u32) -> Time {
        if connection.is_local() {
            wire.now
        } else {
            self.links.arrival(connection.route(direction), bytes, wire.now, wire.streams)
        }
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
                    let due = self.arrival(wire, &connection, 1, 0);
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
                self.push_segment(wire, number, &mut connection, 0, Content::Established);
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
        !connection.is_local() && (self.links.is_blocked(route) || self.links.is_clogged(route, None))
    }

    fn send_syn_again(&mut self, wire: &mut Wire, number: u64, connection: &mut Connection, attempt: u32, first: Time) {
        connection.phase = Phase::Syn { attempt, first };
        let sent = first + Duration::from_secs((1 << attempt) - 1);
        let due = sent.max(wire.now) + self.links.typical(connection.route(0));
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
        let Some(mut connection) = self.connections.remove(&number) else { return };
        let direction = usize::from(!(connection.ends[0].machine == machine && connection.ends[0].id == Some(id)));
        assert!(
            connection.phase == Phase::Open,
            "{machine} sends {} on connection {} before it is established",
            message.api.name(),
            id.0
        );
        if !connection.directions[direction].is_closed {
            let message_number = connection.directions[direction].next_number + 1;
            let content = Content::Message { number: message_number, message: Arc::clone(message), bytes, digest };
            let due = self.push_segment(wire, number, &mut connection, direction, content);
            let message_id = MessageId { connection: number, from_opener: direction == 0, number: message_number };
            let route = connection.route(direction);
            if wire.keep_detail {
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
            if !self.interventions.is_empty()
                && !connection.is_local()
                && let Some(action) = self.intervention(route, message)
            {
                self.intervene(wire, number, &mut connection, message_id, action);
            }
        }
        self.connections.insert(number, connection);
    }

    /// Appends a segment to a direction. Answers when it arrives, if nothing holds it up.
    fn push_segment(
        &mut self,
        wire: &mut Wire,
        number: u64,
        connection: &mut Connection,
        direction: usize,
        content: Content,
    ) -> Time {
        let bytes = content.bytes();
        let is_first = connection.directions[direction].queue.iter().all(|segment| segment.has_left);
        let way = &mut connection.directions[direction];
        if matches!(content, Content::Message { .. }) {
            way.next_number += 1;
        }
        while way.acknowledgements.front().is_some_and(|(at, _)| *at <= wire.now) {
            let (_, freed) = way.acknowledgements.pop_front().expect("looked at right now");
            way.unacknowledged -= u64::from(freed);
        }
        let has_left = is_first && (bytes == 0 || way.unacknowledged < self.send_buffer_bytes);
        let mut due = Time::NEVER;
        if has_left {
            way.unacknowledged += u64::from(bytes);
            due = self.arrival(wire, connection, direction, bytes).max(connection.directions[direction].last_due);
            connection.directions[direction].last_due = due;
        }
        let segment = Segment { content, sent_at: wire.now, due, is_held: false, has_left };
        let way = &mut connection.directions[direction];
        way.queue.push_back(segment);
        arm(wire, number, direction, way);
        if !has_left
            && let Some((at, _)) = way.acknowledgements.front()
            && *at != Time::NEVER
        {
            wire.queue.push(*at, Subject::Room { connection: number, direction: direction as u8 });
        }
        due
    }

    /// The receiving process has read a message: its bytes leave the buffer once the sender hears of it.
    pub(crate) fn read(&mut self, wire: &mut Wire, number: u64, direction: usize, bytes: u32) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let way = &mut connection.directions[direction];
        if connection.ends[0].machine == connection.ends[1].machine {
            way.unacknowledged -= u64::from(bytes);
            return;
        }
        let back = (connection.ends[1 - direction].machine, connection.ends[direction].machine);
        let at = if self.links.is_blocked(back) { Time::NEVER } else { wire.now + self.links.typical(back) };
        let way = &mut self.connections.get_mut(&number).expect("found right now").directions[direction];
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
        let Some(mut connection) = self.connections.remove(&number) else { return false };
        let way = &mut connection.directions[direction];
        while way.acknowledgements.front().is_some_and(|(at, _)| *at <= wire.now) {
            let (_, freed) = way.acknowledgements.pop_front().expect("looked at right now");
            way.unacknowledged -= u64::from(freed);
        }
        let mut any = false;
        while let Some(waiting) = connection.directions[direction].queue.iter().position(|segment| !segment.has_left) {
            let way = &connection.directions[direction];
            let bytes = way.queue[waiting].content.bytes();
            if bytes > 0 && way.unacknowledged >= self.send_buffer_bytes {
                break;
            }
            let due = self.arrival(wire, &connection, direction, bytes);
            let way = &mut connection.directions[direction];
            way.unacknowledged += u64::from(bytes);
            way.last_due = way.last_due.max(due);
            let segment = &mut way.queue[waiting];
            (segment.has_left, segment.due) = (true, way.last_due);
            arm(wire, number, direction, way);
            any = true;
        }
        self.connections.insert(number, connection);
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
        let obstacle = obstacle(&self.links, wire, connection, direction);
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
        let Some(mut connection) = self.connections.remove(&number) else { return };
        if !connection.ends[1 - end].is_alive {
            return;
        }
        connection.directions[end].is_closed = true;
        if !connection.directions[end].is_finished {
            connection.directions[end].is_finished = true;
            self.push_segment(wire, number, &mut connection, end, Content::Reset);
        }
        self.connections.insert(number, connection);
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
        let Some(mut connection) = self.connections.remove(&number) else { return };
        let end = usize::from(!(connection.ends[0].machine == machine && connection.ends[0].id == Some(id)));
        if connection.phase != Phase::Open {
            // The opener gave up before the handshake was done.
            return;
        }
        connection.ends[end].is_alive = false;
        if !connection.ends[1 - end].is_alive {
            return;
        }
        let way = &mut connection.directions[end];
        way.is_closed = true;
        if !way.is_finished {
            way.is_finished = true;
            let content = if has_unread { Content::Reset } else { Content::Fin };
            self.push_segment(wire, number, &mut connection, end, content);
        }
        self.connections.insert(number, connection);
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

    // Interventions.

    pub(crate) fn partition(&mut self, pairs: &[(MachineId, MachineId)]) {
        self.links.partition(pairs);
    }

    pub(crate) fn clog(&mut self, filter: MessageFilter) {
        self.links.clog(filter);
    }

    pub(crate) fn unclog(&mut self, wire: &mut Wire, filter: &MessageFilter) {
        self.links.unclog(filter);
        self.free(wire);
    }

    pub(crate) fn heal(&mut self, wire: &mut Wire, from: &BTreeSet<MachineId>, to: &BTreeSet<MachineId>) {
        self.links.heal(from, to);
        self.free(wire);
    }

    pub(crate) fn set_link(&mut self, from: BTreeSet<MachineId>, to: BTreeSet<MachineId>, what: LinkSetting) {
        self.links.set(from, to, what);
    }

    /// Arms every direction again whose obstacle is gone, and lets acknowledgements go on.
    pub(crate) fn free(&mut self, wire: &mut Wire) {
        for (number, connection) in &mut self.connections {
            if connection.is_local() {
                continue;
            }
            for direction in 0..2 {
                let route = connection.route(direction);
                let way = &connection.directions[direction];
                if way.stuck.is_some() && obstacle(&self.links, wire, connection, direction).is_none() {
                    let typical = self.links.typical(route);
                    unstick(wire, *number, direction, &mut connection.directions[direction], typical);
                }
                if !self.links.is_blocked((route.1, route.0)) {
                    let back = wire.now + self.links.typical((route.1, route.0));
                    let way = &mut connection.directions[direction];
                    let mut any = false;
                    for (at, _) in way.acknowledgements.iter_mut().filter(|(at, _)| *at == Time::NEVER) {
                        *at = back;
                        any = true;
                    }
                    if any {
                        wire.queue.push(back, Subject::Room { connection: *number, direction: direction as u8 });
                    }
                }
            }
        }
    }

    /// Does something to a message: to one in flight at once, to one that is yet to be sent when it is.
    /// Answers whether there is something to do it to.
    pub(crate) fn target(&mut self, wire: &mut Wire, target: MessageTarget, action: Action) -> bool {
        match target {
            MessageTarget::Next { filter, nth } => {
                self.interventions.push(Intervention { filter, remaining: nth.max(1), action });
                true
            }
            MessageTarget::InFlight(message) => {
                let Some(mut connection) = self.connections.remove(&message.connection) else { return false };
                let found = !connection.is_local()
                    && self.intervene(wire, message.connection, &mut connection, message, action);
                self.connections.insert(message.connection, connection);
                found
            }
        }
    }

    /// Counts a message that is being sent; answers what is to be done to it.
    fn intervention(&mut self, route: (MachineId, MachineId), message: &Message) -> Option<Action> {
        let mut due = None;
        for intervention in &mut self.interventions {
            if matches(&intervention.filter, route, Some(message)) {
                intervention.remaining -= 1;
                if intervention.remaining == 0 {
                    due = due.or(Some(intervention.action));
                }
            }
        }
        self.interventions.retain(|intervention| intervention.remaining > 0);
        due
    }

    fn intervene(
        &mut self,
        wire: &mut Wire,
        number: u64,
        connection: &mut Connection,
        message: MessageId,
        action: Action,
    ) -> bool {
        let direction = usize::from(!message.from_opener);
        let typical = self.links.typical(connection.route(direction));
        let way = &mut connection.directions[direction];
        let wanted = message.number;
        let is_wanted =
            |segment: &Segment| matches!(segment.content, Content::Message { number, .. } if number == wanted);
        let Some(index) = way.queue.iter().position(is_wanted) else { return false };
        match action {
            Action::Hold => {
                way.queue[index].is_held = true;
                wire.facts.push(Fact::MessageHeld { message });
            }
            Action::Delay(by) => {
                let mut least = Time::ZERO;
                for segment in way.queue.iter_mut().skip(index).filter(|segment| segment.has_left) {
                    if least == Time::ZERO {
                        segment.due += by;
                    }
                    segment.due = segment.due.max(least);
                    least = segment.due;
                }
                way.last_due = way.last_due.max(least);
                wire.facts.push(Fact::MessageDelayed { message });
                if index == 0 {
                    arm_anew(wire, number, direction, way);
                }
            }
            Action::Drop => {
                let due = way.queue[index].due.min(wire.now + typical);
                way.queue.truncate(index);
                let reset = Segment {
                    content: Content::Reset,
                    sent_at: wire.now,
                    due: due.max(wire.now),
                    is_held: false,
                    has_left: true,
                };
                way.queue.push_back(reset);
                (way.is_closed, way.is_finished) = (true, true);
                arm_anew(wire, number, direction, way);
                let back = &mut connection.directions[1 - direction];
                back.is_closed = true;
                if !back.is_finished {
                    back.is_finished = true;
                    self.push_segment(wire, number, connection, 1 - direction, Content::Reset);
                }
                wire.facts.push(Fact::MessageDropped { message });
            }
        }
        true
    }

    /// Held messages that match go on, and interventions that wait for such messages are forgotten.
    pub(crate) fn release(&mut self, wire: &mut Wire, filter: &MessageFilter) -> bool {
        let before = self.interventions.len();
        self.interventions.retain(|intervention| *filter != MessageFilter::default() && intervention.filter != *filter);
        let mut any = self.interventions.len() != before;
        for connection in self.connections.values_mut() {
            for direction in 0..2 {
                let route = connection.route(direction);
                for segment in connection.directions[direction].queue.iter_mut().filter(|segment| segment.is_held) {
                    if let Content::Message { message, .. } = &segment.content
                        && matches(filter, route, Some(message))
                    {
                        segment.is_held = false;
                        any = true;
                    }
                }
            }
        }
        self.free(wire);
        any
    }

    // Views.

    /// Every message between two sockets, by connection, direction and order.
    pub(crate) fn in_flight(&self, machines: &BTreeMap<MachineId, Machine>) -> Vec<InFlightView> {
        let mut views = Vec::new();
        for (number, connection) in &self.connections {
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
        machines: &BTreeMap<MachineId, Machine>,
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
            } else if self.links.is_blocked(route) {
                Some(HeldBy::Partition)
            } else if self.links.is_clogged(route, Some(message)) {
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

/// Connections are hashed by what they hold; their numbers only tell them apart.
impl Hash for Network {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for connection in self.connections.values() {
            connection.hash(state);
        }
        self.links.hash(state);
        self.interventions.hash(state);
    }
}

/// The obstacle of a direction is gone: its head goes on.
fn unstick(wire: &mut Wire, number: u64, direction: usize, way: &mut Direction, typical: Duration) {
    let was = way.stuck.take();
    // What a partition or a dead machine lost is sent again; what was held is only let go.
    if matches!(was, Some(Obstacle::Partition | Obstacle::PowerOff)) {
        let mut least = wire.now + typical;
        for segment in way.queue.iter_mut().filter(|segment| segment.has_left) {
            segment.due = segment.due.max(least);
            least = segment.due;
        }
        way.last_due = way.last_due.max(least);
    }
    arm(wire, number, direction, way);
}

/// The head of a direction has changed: its old entry is stale.
fn arm_anew(wire: &mut Wire, number: u64, direction: usize, way: &mut Direction) {
    way.generation = way.generation.wrapping_add(1);
    (way.is_armed, way.stuck) = (false, None);
    arm(wire, number, direction, way);
}

/// Makes the head of a direction due, unless it is already or has not left.
fn arm(wire: &mut Wire, connection: u64, direction: usize, way: &mut Direction) {
    if way.is_armed || way.stuck.is_some() {
        return;
    }
    let Some(head) = way.queue.front().filter(|head| head.has_left) else { return };
    way.is_armed = true;
    let subject = Subject::Head { connection, direction: direction as u8, generation: way.generation };
    wire.queue.push(head.due.max(wire.now), subject);
}

/// What keeps the head of a direction from arriving, if anything does.
fn obstacle(links: &Links, wire: &Wire, connection: &Connection, direction: usize) -> Option<Obstacle> {
    let head = connection.directions[direction].queue.front()?;
    if head.is_held {
        return Some(Obstacle::Hold);
    }
    if connection.is_local() {
        return None;
    }
    let route = connection.route(direction);
    if links.is_blocked(route) {
        return Some(Obstacle::Partition);
    }
    let message = match &head.content {
        Content::Message { message, .. } => Some(&**message),
        Content::Established | Content::Fin | Content::Reset => None,
    };
    if links.is_clogged(route, message) {
        return Some(Obstacle::Clog);
    }
    (!wire.is_powered(route.1)).then_some(Obstacle::PowerOff)
}
