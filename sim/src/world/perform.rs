//! Performing what machines ask for. Nothing here knows Kafka: each output is mechanical.

use std::collections::VecDeque;
use std::sync::Arc;

use trial_broker::api::{Body, Direction, Message};
use trial_broker::effects::Output;
use trial_broker::ids::{ConnectionId, Endpoint};
use trial_broker::input::{CloseReason, Input, Lane};
use trial_broker::storage::{Storage, StorageResult};

use super::World;
use super::run::{Outcome, is_received_on};
use crate::disk::DiskAccess;
use crate::fault::MachineId;
use crate::machine::{Flush, Process, Waiting};
use crate::network::End;
use crate::queue::Subject;
use crate::step::{Fact, InputKind, Resolution};

/// A message as its receiver would read it from its bytes.
fn decoded(message: &Message) -> Arc<Message> {
    let direction = match message.body {
        Body::Request(_) => Direction::Request,
        Body::Response(_) => Direction::Response { api: message.api, version: message.version },
    };
    let decoded = Message::from_bytes(message.to_bytes(), direction);
    let decoded =
        decoded.unwrap_or_else(|error| panic!("{} does not survive its bytes: {error:?}", message.api.name()));
    Arc::new(decoded)
}

impl World {
    /// Performs the outputs of a step, in order, and leaves none. `messages` has size and hash of each message among them.
    pub(super) fn perform(
        &mut self,
        machine: MachineId,
        lane: Lane,
        outputs: &mut Vec<Output>,
        messages: &[(u32, u64)],
        outcome: &mut Outcome,
    ) {
        let mut messages = messages.iter();
        for output in outputs.drain(..) {
            let Some(process) = self.machines.get_mut(&machine).and_then(|machine| machine.process.as_mut()) else {
                // An exit among the outputs was the last thing that the process did.
                return;
            };
            match output {
                Output::Listen { port } => {
                    process.listening.insert(port);
                }
                Output::StopListening { port } => {
                    process.listening.remove(&port);
                }
                Output::Connect { connection, to } => self.connect(machine, lane, connection, &to, outcome),
                Output::Send { connection, message } => {
                    let weight = *messages.next().expect("each message was weighed");
                    if let Some(number) = process.sockets.get(&connection).copied() {
                        let message = if self.settings.through_bytes { decoded(&message) } else { message };
                        self.with_wire(&mut outcome.facts, |network, wire| {
                            network.send(wire, number, machine, connection, &message, weight);
                        });
                    }
                }
                Output::Close { connection } => self.close(machine, connection, outcome),
                Output::Internal { to, input } => {
                    let waiting = Waiting {
                        input: Input::Internal { lane: to, input },
                        kind: InputKind::Internal,
                        message: None,
                    };
                    process.lane(to).inbox.push_back(waiting);
                    self.make_ready(machine, to);
                }
                Output::Flush { token, files, directories } => {
                    let flush = Flush { token, files: files.into(), directories: VecDeque::from(directories) };
                    process.flushes.push_back(flush);
                    if process.flushes.len() == 1 {
                        self.advance_flush(machine);
                    }
                }
                Output::Resolve { ticket, result } => {
                    outcome.resolutions.push(Resolution { machine, ticket, result });
                }
                Output::Exit { reason } => {
                    outcome.facts.push(Fact::Exited { machine, reason });
                    self.end_process(machine, outcome);
                }
            }
        }
    }

    fn connect(&mut self, machine: MachineId, lane: Lane, id: ConnectionId, to: &Endpoint, outcome: &mut Outcome) {
        let starts = self.machines[&machine].starts;
        let Some(target) = self.names.get(&*to.host).copied() else {
            let input = Input::Closed { connection: id, reason: CloseReason::Refused };
            let waiting = Waiting { input, kind: InputKind::Closed(CloseReason::Refused), message: None };
            self.process(machine).lane(lane).inbox.push_back(waiting);
            self.make_ready(machine, lane);
            return;
        };
        let opener = End { machine, starts, id: Some(id), lane, is_alive: true };
        let number = self.with_wire(&mut outcome.facts, |network, wire| network.open(wire, opener, target, to.port));
        let taken = self.process(machine).sockets.insert(id, number);
        assert!(taken.is_none(), "machine {machine} opens connection {} twice", id.0);
    }

    fn close(&mut self, machine: MachineId, id: ConnectionId, outcome: &mut Outcome) {
        let process = self.process(machine);
        // The other side may have closed it meanwhile: that is expected.
        let Some(number) = process.sockets.remove(&id) else { return };
        let mut has_unread = false;
        for lane in &mut process.lanes {
            let before = lane.inbox.len();
            lane.inbox.retain(|waiting| !is_received_on(waiting, id));
            has_unread |= lane.inbox.len() != before;
            // Whatever else waits about this connection is of no interest to who closed it.
            lane.inbox.retain(|waiting| {
                !matches!(&waiting.input,
                Input::Connected { connection } | Input::Closed { connection, .. } if *connection == id)
            });
        }
        self.with_wire(&mut outcome.facts, |network, wire| network.close(wire, number, machine, id, has_unread));
    }

    pub(super) fn process(&mut self, machine: MachineId) -> &mut Process {
        let machine = self.machines.get_mut(&machine).expect("a machine of the world");
        machine.process.as_mut().expect("a process that runs")
    }

    /// Goes on with a machine's first background flush until it has to wait for the disk.
    pub(super) fn advance_flush(&mut self, machine: MachineId) {
        let now = self.now;
        loop {
            let Some(host) = self.machines.get_mut(&machine) else { return };
            let wall = host.clock.read(now).wall;
            let starts = host.starts;
            let Some(process) = host.process.as_mut() else { return };
            let Some(flush) = process.flushes.front_mut() else { return };
            let mut access = DiskAccess::new(&mut host.disk, now, wall, None);
            let result: Option<StorageResult<()>> = if let Some(file) = flush.files.pop_front() {
                Some(access.sync(file))
            } else {
                flush.directories.pop_front().map(|directory| access.sync_directory(&directory))
            };
            let cost = access.cost();
            match result {
                Some(Ok(())) => {
                    self.expect_landing(machine);
                    if !cost.is_zero() {
                        self.queue.push(now + cost, Subject::Flush { machine, starts });
                        return;
                    }
                }
                Some(Err(error)) => self.flushed(machine, Err(error)),
                None => self.flushed(machine, Ok(())),
            }
        }
    }

    /// A background flush is done: its lane hears of it.
    fn flushed(&mut self, machine: MachineId, result: StorageResult<()>) {
        let process = self.process(machine);
        let flush = process.flushes.pop_front().expect("the flush that is done");
        let input = Input::Flushed { token: flush.token, result };
        let lane = process.program.lane_of(&input);
        process.lane(lane).inbox.push_back(Waiting { input, kind: InputKind::Flushed, message: None });
        self.make_ready(machine, lane);
    }

    /// Lets the earliest sync of a disk land when it is due.
    pub(super) fn expect_landing(&mut self, machine: MachineId) {
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        if let Some(at) = host.disk.next_landing()
            && host.landing_at.is_none_or(|expected| at < expected)
        {
            host.landing_at = Some(at);
            self.queue.push(at, Subject::Landing { machine });
        }
    }
}
