//! Interventions: what entries of the list do to links and to single messages.

use std::collections::BTreeSet;
use std::time::Duration;

use trial_broker::api::Message;
use trial_broker::time::Time;

use super::link::matches;
use super::medium::{arm, obstacle};
use super::{Connection, Content, Direction, LinkSetting, Network, Obstacle, Segment, Wire, kind_of};
use crate::fault::{MachineId, MessageFilter, MessageId, MessageTarget};
use crate::queue::Subject;
use crate::step::{Fact, TakenMessage};

/// What an entry waits to do to a message that is yet to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Intervention {
    filter: MessageFilter,
    /// How many matching messages are still to come, the one that is taken included.
    remaining: u32,
    action: Action,
}

/// What can be done to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It is lost, which resets its connection.
    Drop,
    /// It is late by so much.
    Delay(Duration),
    /// It waits until it is released.
    Hold,
}

/// What entries have done to the network that is still in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Interference {
    /// Whether some machines cannot reach others, or some messages cannot pass.
    pub is_cut: bool,
    /// Whether a message is held, or will be.
    pub holds_messages: bool,
    /// Whether a link has another latency or bandwidth than it had at power on.
    pub has_other_links: bool,
}

impl Network {
    pub(crate) fn interference(&self) -> Interference {
        let directions = self.connections.values().flat_map(|connection| &connection.directions);
        let is_held = directions.flat_map(|direction| &direction.queue).any(|segment| segment.is_held);
        Interference {
            is_cut: self.medium.links.is_cut(),
            holds_messages: is_held || !self.interventions.is_empty(),
            has_other_links: self.medium.links.has_rules(),
        }
    }

    pub(crate) fn partition(&mut self, pairs: &[(MachineId, MachineId)]) {
        self.medium.links.partition(pairs);
    }

    pub(crate) fn clog(&mut self, filter: MessageFilter) {
        self.medium.links.clog(filter);
    }

    pub(crate) fn unclog(&mut self, wire: &mut Wire, filter: &MessageFilter) {
        self.medium.links.unclog(filter);
        self.free(wire);
    }

    pub(crate) fn heal(&mut self, wire: &mut Wire, from: &BTreeSet<MachineId>, to: &BTreeSet<MachineId>) {
        self.medium.links.heal(from, to);
        self.free(wire);
    }

    pub(crate) fn set_link(&mut self, from: BTreeSet<MachineId>, to: BTreeSet<MachineId>, what: LinkSetting) {
        self.medium.links.set(from, to, what);
    }

    /// Arms every direction again whose obstacle is gone, and lets acknowledgements go on.
    pub(crate) fn free(&mut self, wire: &mut Wire) {
        for (number, connection) in self.connections.iter_mut() {
            if connection.is_local() {
                continue;
            }
            for direction in 0..2 {
                let route = connection.route(direction);
                let way = &connection.directions[direction];
                if way.stuck.is_some() && obstacle(&self.medium.links, wire, connection, direction).is_none() {
                    let typical = self.medium.links.typical(route);
                    unstick(wire, *number, direction, &mut connection.directions[direction], typical);
                }
                if !self.medium.links.is_blocked((route.1, route.0)) {
                    let back = wire.now + self.medium.links.typical((route.1, route.0));
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
                let is_local = self.connections.get(&message.connection).is_none_or(Connection::is_local);
                !is_local && self.intervene(wire, message, action)
            }
        }
    }

    /// Counts a message that is being sent; answers what is to be done to it.
    pub(super) fn count_message(&mut self, route: (MachineId, MachineId), message: &Message) -> Option<Action> {
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

    /// Does something to a message in flight. Answers whether there is such a message.
    pub(super) fn intervene(&mut self, wire: &mut Wire, message: MessageId, action: Action) -> bool {
        let (number, direction) = (message.connection, usize::from(!message.from_opener));
        let Some(connection) = self.connections.get_mut(&number) else { return false };
        let (from, to) = connection.route(direction);
        let typical = self.medium.links.typical((from, to));
        let way = &mut connection.directions[direction];
        let wanted = message.number;
        let found = way.queue.iter().enumerate().find_map(|(index, segment)| match &segment.content {
            Content::Message { number, message, .. } if *number == wanted => {
                Some((index, TakenMessage { from, to, api: message.api, kind: kind_of(message) }))
            }
            _ => None,
        });
        let Some((index, what)) = found else { return false };
        match action {
            Action::Hold => {
                way.queue[index].is_held = true;
                wire.facts.push(Fact::MessageHeld { message, what });
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
                wire.facts.push(Fact::MessageDelayed { message, what });
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
                    self.medium.push(wire, number, connection, 1 - direction, Content::Reset);
                }
                wire.facts.push(Fact::MessageDropped { message, what });
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
