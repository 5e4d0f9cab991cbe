//! Taking the next due thing, and folding what came of it.

use std::hash::Hash;
use std::sync::Arc;

use trial_broker::event::Event;
use trial_broker::input::{Input, Lane};
use trial_broker::time::Time;

use super::{DIGEST_EVERY, World};
use crate::fault::{Fault, MachineId, MessageId};
use crate::machine::Waiting;
use crate::network::{Arrival, Wire};
use crate::queue::Subject;
use crate::step::{Detail, Fact, InputKind, Resolution, Step, StepKind};

/// So many steps at one instant are a machine that feeds itself for ever.
const STEPS_AT_ONE_INSTANT: u32 = 1_000_000;

/// What comes of a step while it runs.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    pub(super) facts: Vec<Fact>,
    pub(super) resolutions: Vec<Resolution>,
    pub(super) detail: Option<Arc<Detail>>,
}

impl World {
    /// When the next step is due.
    pub fn next_due(&self) -> Option<Time> {
        let entry = self.entries.first_key_value().map(|((at, _), _)| *at);
        let queued = self.queue.peek().map(|(at, _)| at);
        match (entry, queued) {
            (Some(entry), Some(queued)) => Some(entry.min(queued)),
            (one, other) => one.or(other),
        }
    }

    /// Does the next thing that is due, whenever that is. None when nothing is due, ever.
    ///
    /// # Panics
    /// With the assertion of a machine whose invariant is broken, or when machines keep the
    /// world at one instant for ever.
    pub fn step(&mut self) -> Option<Step> {
        self.step_until(Time::NEVER)
    }

    /// Does the next thing that is due, if it is due before or at `limit`.
    ///
    /// # Panics
    /// As [`World::step`].
    pub fn step_until(&mut self, limit: Time) -> Option<Step> {
        loop {
            let due = self.next_due().filter(|due| *due <= limit)?;
            if let Some(entry) = self.entries.first_entry().filter(|entry| entry.key().0 == due) {
                let fault = entry.remove();
                self.move_to(due);
                return Some(self.execute(fault));
            }
            let (_, subject) = self.queue.pop()?;
            self.move_to(due);
            let mut outcome = Outcome::default();
            if let Some(kind) = self.take(subject, &mut outcome) {
                self.ran_at = Some(self.now);
                return Some(self.finish(kind, outcome));
            }
        }
    }

    /// Takes stale subjects from the top of the queue, so that what is due next is really due.
    fn skip_stale(&mut self) {
        while let Some((_, subject)) = self.queue.peek()
            && self.is_stale(subject)
        {
            self.queue.pop();
        }
    }

    /// Whether nothing will come of a subject, whatever happens before it is due.
    fn is_stale(&self, subject: Subject) -> bool {
        let process = |machine: MachineId| self.machines.get(&machine).and_then(|machine| machine.process.as_ref());
        match subject {
            Subject::Head { connection, direction, generation } => {
                !self.network.is_head(connection, usize::from(direction), generation)
            }
            Subject::Handshake { connection } => !self.network.exists(connection),
            Subject::Room { connection, direction } => !self.network.wants_room(connection, usize::from(direction)),
            Subject::Timer { machine, lane, generation } => {
                process(machine).is_none_or(|process| process.lanes[lane as usize].timer_generation != generation)
            }
            Subject::Paid { machine, lane, step } => {
                self.machines[&machine].is_paused
                    || process(machine).is_none_or(|process| {
                        process.lanes[lane as usize].paying.as_ref().is_none_or(|paying| paying.step != step)
                    })
            }
            Subject::Ready { machine, starts, .. } | Subject::Flush { machine, starts } => {
                process(machine).is_none() || self.machines[&machine].starts != starts
            }
            // Few, and never far ahead: the entry of a sync that a crash took is found when it is due.
            Subject::Landing { .. } => false,
            Subject::Writeback { machine, boots } => {
                !self.machines[&machine].is_powered || self.machines[&machine].boots != boots
            }
        }
    }

    fn move_to(&mut self, due: Time) {
        if due > self.now {
            (self.now, self.steps_now) = (due, 0);
        }
        self.steps_now += 1;
        assert!(
            self.steps_now < STEPS_AT_ONE_INSTANT,
            "time stands still at {:?}: a machine feeds itself for ever",
            self.now
        );
    }

    /// Executes an entry, or a person's call, now.
    pub(super) fn execute(&mut self, fault: Fault) -> Step {
        let mut outcome = Outcome::default();
        fault.hash(&mut self.scratch);
        self.apply(&fault, &mut outcome);
        self.finish(StepKind::Entry(fault), outcome)
    }

    /// Numbers a step and folds it.
    fn finish(&mut self, kind: StepKind, outcome: Outcome) -> Step {
        let Outcome { events, facts, resolutions, detail } = outcome;
        match &kind {
            StepKind::Input { machine, lane, input, pays_until } => {
                (0u8, machine, lane, input, pays_until).hash(&mut self.scratch);
            }
            StepKind::Paid { machine, lane, step } => (1u8, machine, lane, step).hash(&mut self.scratch),
            StepKind::Arrived { machine, input } => (2u8, machine, input).hash(&mut self.scratch),
            StepKind::Network => 3u8.hash(&mut self.scratch),
            StepKind::Disk { machine } => (4u8, machine).hash(&mut self.scratch),
            StepKind::Entry(_) => 5u8.hash(&mut self.scratch),
        }
        self.now.hash(&mut self.scratch);
        let index = self.steps;
        self.steps += 1;
        if self.steps.is_multiple_of(DIGEST_EVERY) {
            let digest = self.digest();
            digest.hash(&mut self.scratch);
        }
        self.fingerprint = self.scratch.fold(self.fingerprint);
        self.skip_stale();
        Step { index, at: self.now, kind, events, facts, resolutions, detail, fingerprint: self.fingerprint }
    }

    /// Handles what is due. None if it was stale, or if nothing came of it.
    fn take(&mut self, subject: Subject, outcome: &mut Outcome) -> Option<StepKind> {
        match subject {
            Subject::Head { connection, direction, generation } => {
                let arrival = self.with_wire(&mut outcome.facts, |network, wire| {
                    network.head_due(wire, connection, usize::from(direction), generation)
                });
                self.arrive(connection, direction == 0, arrival, outcome)
            }
            Subject::Handshake { connection } => {
                let arrival =
                    self.with_wire(&mut outcome.facts, |network, wire| network.handshake_due(wire, connection));
                self.arrive(connection, false, arrival, outcome)
            }
            Subject::Room { connection, direction } => self
                .with_wire(&mut outcome.facts, |network, wire| {
                    network.room_due(wire, connection, usize::from(direction))
                })
                .then_some(StepKind::Network),
            Subject::Timer { machine, lane, generation } => self.timer_due(machine, lane, generation, outcome),
            Subject::Ready { machine, lane, starts } => self.lane_ready(machine, lane, starts, outcome),
            Subject::Paid { machine, lane, step } => self.lane_paid(machine, lane, step, outcome),
            Subject::Landing { machine } => {
                let host = self.machines.get_mut(&machine)?;
                host.landing_at = None;
                let landed = host.disk.land_until(self.now);
                self.expect_landing(machine);
                landed.then_some(StepKind::Disk { machine })
            }
            Subject::Flush { machine, starts } => {
                (self.machines.get(&machine)?.starts == starts).then(|| self.advance_flush(machine))?;
                Some(StepKind::Disk { machine })
            }
            Subject::Writeback { machine, boots } => self.write_back(machine, boots),
        }
    }

    /// Hands what arrived on a connection to its machine.
    fn arrive(
        &mut self,
        connection: u64,
        from_opener: bool,
        arrival: Arrival,
        outcome: &mut Outcome,
    ) -> Option<StepKind> {
        match arrival {
            Arrival::Nothing => None,
            Arrival::Silent => Some(StepKind::Network),
            Arrival::Accepted { machine, port } => {
                let process = self.machines.get_mut(&machine)?.process.as_mut()?;
                let id =
                    trial_broker::ids::ConnectionId(trial_broker::ids::ConnectionId::ACCEPTED | process.next_accepted);
                process.next_accepted += 1;
                process.sockets.insert(id, connection);
                let input = Input::Accepted { connection: id, port };
                let lane = process.program.lane_of(&input);
                self.network.accept(connection, id, lane);
                Some(self.offer(machine, lane, input, InputKind::Accepted, None, outcome))
            }
            Arrival::Connected { machine, id, lane } => Some(self.offer(
                machine,
                lane,
                Input::Connected { connection: id },
                InputKind::Connected,
                None,
                outcome,
            )),
            Arrival::Received { machine, id, lane, number, message, bytes } => {
                let message_id = MessageId { connection, from_opener, number };
                let input = Input::Received { connection: id, message };
                let kind = InputKind::Received(message_id);
                Some(self.offer(machine, lane, input, kind, Some((message_id, bytes)), outcome))
            }
            Arrival::Closed { machine, id: Some(id), lane, reason } => {
                let process = self.machines.get_mut(&machine)?.process.as_mut()?;
                process.sockets.remove(&id);
                if reason == trial_broker::input::CloseReason::Reset {
                    // A reset takes what was received and not yet read.
                    process.lane(lane).inbox.retain(|waiting| !is_received_on(waiting, id));
                }
                let input = Input::Closed { connection: id, reason };
                Some(self.offer(machine, lane, input, InputKind::Closed(reason), None, outcome))
            }
            // It was never accepted: nobody knows of it.
            Arrival::Closed { id: None, .. } => Some(StepKind::Network),
        }
    }

    /// Gives an input to a machine: now, if its lane is free and nothing waits for it, else later.
    pub(super) fn offer(
        &mut self,
        machine: MachineId,
        lane: Lane,
        input: Input,
        kind: InputKind,
        message: Option<(MessageId, u32)>,
        outcome: &mut Outcome,
    ) -> StepKind {
        let host = self.machines.get_mut(&machine).expect("an input goes to a machine");
        let is_paused = host.is_paused;
        let Some(process) = host.process.as_mut() else { return StepKind::Network };
        let state = process.lane(lane);
        let waiting = Waiting { input, kind, message };
        if is_paused || state.paying.is_some() || !state.inbox.is_empty() {
            state.inbox.push_back(waiting);
            return StepKind::Arrived { machine, input: kind };
        }
        self.step_machine(machine, lane, waiting, outcome)
    }

    /// Lets the network work with the rest of the world around it.
    pub(super) fn with_wire<R>(
        &mut self,
        facts: &mut Vec<Fact>,
        work: impl FnOnce(&mut crate::network::Network, &mut Wire) -> R,
    ) -> R {
        let mut wire = Wire {
            now: self.now,
            queue: &mut self.queue,
            streams: &mut self.streams,
            machines: &self.machines,
            facts,
            telling: self.telling,
        };
        work(&mut self.network, &mut wire)
    }
}

/// Whether an input that waits is a message of this connection.
pub(super) fn is_received_on(waiting: &Waiting, id: trial_broker::ids::ConnectionId) -> bool {
    matches!(&waiting.input, Input::Received { connection, .. } if *connection == id)
}
