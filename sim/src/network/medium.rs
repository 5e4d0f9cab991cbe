//! What lies between sockets: segments put on their way, and what keeps them from arriving.

use trial_broker::time::Time;

use super::Wire;
use super::{Connection, Content, Direction, Links, Obstacle, Segment};
use crate::queue::Subject;

/// The links, and how much one direction of a connection may have under way.
#[derive(Clone, Debug)]
pub(crate) struct Medium {
    pub(super) links: Links,
    pub(super) send_buffer_bytes: u64,
}

impl Medium {
    /// When something arrives that is sent now; at once on one machine.
    pub(super) fn arrival(
        &mut self,
        wire: &mut Wire,
        connection: &mut Connection,
        direction: usize,
        bytes: u32,
    ) -> Time {
        if connection.is_local() {
            wire.now
        } else {
            let link = connection.link(&mut self.links, direction);
            self.links.arrival(link, bytes, wire.now, wire.streams)
        }
    }

    /// Appends a segment to a direction. Answers when it arrives, if nothing holds it up.
    pub(super) fn push(
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
        way.hear_acknowledgements(wire.now);
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
}

/// Makes the head of a direction due, unless it is already or has not left.
pub(super) fn arm(wire: &mut Wire, connection: u64, direction: usize, way: &mut Direction) {
    if way.is_armed || way.stuck.is_some() {
        return;
    }
    let Some(head) = way.queue.front().filter(|head| head.has_left) else { return };
    way.is_armed = true;
    let subject = Subject::Head { connection, direction: direction as u8, generation: way.generation };
    wire.queue.push(head.due.max(wire.now), subject);
}

/// What keeps the head of a direction from arriving, if anything does.
pub(super) fn obstacle(links: &Links, wire: &Wire, connection: &Connection, direction: usize) -> Option<Obstacle> {
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
