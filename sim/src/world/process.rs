//! Processes: how they start and end, and how their lanes run, pay and wait.

use std::hash::Hash;
use std::sync::Arc;

use trial_broker::choice::{Choice, Choices, Purpose};
use trial_broker::context::Context;
use trial_broker::effects::{Effects, Output};
use trial_broker::event::Event;
use trial_broker::input::{Input, Lane};
use trial_broker::time::Time;

use super::World;
use super::run::Outcome;
use crate::disk::DiskAccess;
use crate::fault::MachineId;
use crate::machine::{Paying, Process, Program, ProgramConfig, Waiting};
use crate::queue::Subject;
use crate::step::{Detail, Fact, InputKind, Step, StepKind, Telling};
use crate::stream::{StreamPurpose, Streams};

/// Answers a step's choices: from the list, if an entry said so, else from the machine's streams.
struct StepChoices<'a> {
    machine: MachineId,
    streams: &'a mut Streams,
    answers: &'a mut std::collections::BTreeMap<(MachineId, Purpose), std::collections::VecDeque<u64>>,
    given: Vec<(Choice, u64)>,
}

impl Choices for StepChoices<'_> {
    fn choose(&mut self, choice: Choice) -> u64 {
        let wanted = if self.answers.is_empty() {
            None
        } else {
            self.answers.get_mut(&(self.machine, choice.purpose)).and_then(|answers| answers.pop_front())
        };
        // The stream moves either way: an answer from the list changes no later draw.
        let subject = (u64::from(self.machine.0), choice.purpose as u64);
        let drawn = self.streams.get(StreamPurpose::Choice, subject).between(choice.low, choice.high);
        let answer = wanted.map_or(drawn, |wanted| wanted.clamp(choice.low, choice.high));
        self.given.push((choice, answer));
        answer
    }
}

/// What a step has left behind empty: the next one writes there, instead of asking for memory of its own.
#[derive(Debug, Default)]
pub(super) struct Room {
    outputs: Vec<Output>,
    events: Vec<Event>,
    /// Size and hash of each message among the outputs.
    messages: Vec<(u32, u64)>,
    choices: Vec<(Choice, u64)>,
}

/// A copy of a world has no room until it is stepped.
impl Clone for Room {
    fn clone(&self) -> Self {
        Room::default()
    }
}

impl World {
    /// Takes a step back that nobody looks at any more: a later one writes its events where these were.
    pub(crate) fn reuse(&mut self, step: &mut Step) {
        if step.events.capacity() > self.room.events.capacity() {
            step.events.clear();
            self.room.events = std::mem::take(&mut step.events);
        }
    }

    /// Steps one lane of a machine, and publishes what it did unless it has to pay first.
    pub(super) fn step_machine(
        &mut self,
        machine: MachineId,
        lane: Lane,
        waiting: Waiting,
        outcome: &mut Outcome,
    ) -> StepKind {
        let Waiting { input, kind, message } = waiting;
        if let Some((id, bytes)) = message {
            let direction = usize::from(!id.from_opener);
            self.with_wire(&mut outcome.facts, |network, wire| network.read(wire, id.connection, direction, bytes));
        }
        self.scratch.input(&input);
        let recorded = (self.telling == Telling::Details).then(|| input.clone());
        let now = self.now;
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        let clocks = host.clock.read(now);
        let process = host.process.as_mut().expect("a process that runs");
        let mut access = DiskAccess::new(&mut host.disk, now, clocks.wall, Some(lane));
        let given = std::mem::take(&mut self.room.choices);
        let mut choices = StepChoices { machine, streams: &mut self.streams, answers: &mut self.answers, given };
        let outputs = std::mem::take(&mut self.room.outputs);
        let events = std::mem::take(&mut self.room.events);
        let mut ctx = Context::new(clocks, &mut access, &mut choices).with_room(outputs, events);
        process.program.step(&mut ctx, input);
        let effects = ctx.take_effects();
        process.program.assert_invariants(lane, self.steps);
        let cost = access.cost();
        let mut given = choices.given;
        let until = (!cost.is_zero()).then(|| now + cost);
        if host.disk.next_landing().is_some() {
            self.expect_landing(machine);
        }
        let messages = self.fold(&effects, &given);
        if self.telling == Telling::Details {
            let detail = Detail {
                input: recorded,
                outputs: effects.outputs.clone(),
                choices: given.clone(),
                said: if until.is_some() { effects.events.clone() } else { Vec::new() },
            };
            outcome.detail = Some(Arc::new(detail));
        }
        given.clear();
        self.room.choices = given;
        match until {
            None => self.publish(machine, lane, effects, messages, outcome),
            Some(until) => self.owe(machine, lane, until, effects, messages),
        }
        StepKind::Input { machine, lane, input: kind, pays_until: until }
    }

    /// Appends a step's effects to what will be folded. Answers size and hash of each message.
    fn fold(&mut self, effects: &Effects, given: &[(Choice, u64)]) -> Vec<(u32, u64)> {
        let mut messages = std::mem::take(&mut self.room.messages);
        messages.extend(effects.outputs.iter().filter_map(|output| self.scratch.output(output)));
        effects.events.hash(&mut self.scratch);
        self.scratch.choices(given);
        messages
    }

    /// What a step did leaves the machine.
    fn publish(
        &mut self,
        machine: MachineId,
        lane: Lane,
        effects: Effects,
        mut messages: Vec<(u32, u64)>,
        outcome: &mut Outcome,
    ) {
        let Effects { mut outputs, events } = effects;
        // Nearly always nothing was published before it in the same step.
        if outcome.events.is_empty() {
            outcome.events = events;
        } else {
            outcome.events.extend(events);
        }
        self.perform(machine, lane, &mut outputs, &messages, outcome);
        messages.clear();
        (self.room.outputs, self.room.messages) = (outputs, messages);
        self.arm_timer(machine, lane);
    }

    /// A lane has to pay before anybody sees what it did.
    fn owe(&mut self, machine: MachineId, lane: Lane, until: Time, effects: Effects, messages: Vec<(u32, u64)>) {
        let step = self.steps;
        let Effects { outputs, events } = effects;
        let state = self.process(machine).lane(lane);
        assert!(state.paying.is_none(), "a lane that pays was stepped");
        state.paying = Some(Paying { step, until, outputs, messages, events });
        // Its timer waits until it has paid.
        state.armed = None;
        state.timer_generation = state.timer_generation.wrapping_add(1);
        self.queue.push(until, Subject::Paid { machine, lane, step });
    }

    /// A lane may have paid: then what its step said and asked for is published.
    pub(super) fn lane_paid(
        &mut self,
        machine: MachineId,
        lane: Lane,
        step: u64,
        outcome: &mut Outcome,
    ) -> Option<StepKind> {
        let now = self.now;
        let host = self.machines.get_mut(&machine)?;
        if host.is_paused {
            // It is published when the process goes on.
            return None;
        }
        let process = host.process.as_mut()?;
        let paying = &mut process.lane(lane).paying;
        paying.as_ref().filter(|paying| paying.step == step && paying.until <= now)?;
        // Several syncs of one step land one after the other, the last of them at this very instant. Its landing may stand
        // behind in the queue: what is said must lie on the medium first.
        if host.disk.next_landing().is_some_and(|lands| lands <= now) {
            self.queue.push(now, Subject::Paid { machine, lane, step });
            return None;
        }
        let paying = paying.take()?;
        // What starting a process has cost is owed by all its lanes, and is settled with the last of them.
        host.disk.settle(Some(lane));
        if process.lanes.iter().all(|lane| lane.paying.is_none()) {
            host.disk.settle(None);
        }
        let effects = Effects { outputs: paying.outputs, events: paying.events };
        self.publish(machine, lane, effects, paying.messages, outcome);
        if self.machines[&machine].process.is_some() {
            self.make_ready(machine, lane);
        }
        Some(StepKind::Paid { machine, lane, step })
    }

    /// Something may wait for a lane that is free.
    pub(super) fn make_ready(&mut self, machine: MachineId, lane: Lane) {
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        let (starts, is_paused) = (host.starts, host.is_paused);
        let Some(process) = host.process.as_mut() else { return };
        let state = process.lane(lane);
        if !is_paused && state.paying.is_none() && !state.inbox.is_empty() && !state.is_ready {
            state.is_ready = true;
            self.queue.push(self.now, Subject::Ready { machine, lane, starts });
        }
    }

    /// Takes the first input that waits for a lane.
    pub(super) fn lane_ready(
        &mut self,
        machine: MachineId,
        lane: Lane,
        starts: u32,
        outcome: &mut Outcome,
    ) -> Option<StepKind> {
        let host = self.machines.get_mut(&machine)?;
        if host.starts != starts {
            return None;
        }
        let is_paused = host.is_paused;
        let state = host.process.as_mut()?.lane(lane);
        state.is_ready = false;
        if is_paused || state.paying.is_some() {
            return None;
        }
        let waiting = state.inbox.pop_front()?;
        let kind = self.step_machine(machine, lane, waiting, outcome);
        self.make_ready(machine, lane);
        Some(kind)
    }

    /// Arms the timer of a lane for its earliest deadline.
    pub(super) fn arm_timer(&mut self, machine: MachineId, lane: Lane) {
        let now = self.now;
        let Some(host) = self.machines.get_mut(&machine) else { return };
        let clock = host.clock;
        let is_paused = host.is_paused;
        let Some(process) = host.process.as_mut() else { return };
        let due = process.program.next_deadline(lane).map(|deadline| clock.world_time(deadline).max(now));
        let state = process.lane(lane);
        if state.paying.is_some() || is_paused || state.armed == due {
            return;
        }
        state.armed = due;
        state.timer_generation = state.timer_generation.wrapping_add(1);
        let generation = state.timer_generation;
        if let Some(due) = due.filter(|due| *due != Time::NEVER) {
            self.queue.push(due, Subject::Timer { machine, lane, generation });
        }
    }

    pub(super) fn timer_due(
        &mut self,
        machine: MachineId,
        lane: Lane,
        generation: u32,
        outcome: &mut Outcome,
    ) -> Option<StepKind> {
        let state = self.machines.get_mut(&machine)?.process.as_mut()?.lane(lane);
        if state.timer_generation != generation {
            return None;
        }
        state.armed = None;
        let input = Input::Timers { lane };
        Some(self.offer(machine, lane, input, InputKind::Timers, None, outcome))
    }

    /// Starts a machine's process with what its disk holds.
    pub(super) fn start_process(&mut self, machine: MachineId, outcome: &mut Outcome) {
        let now = self.now;
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        host.starts += 1;
        host.is_paused = false;
        let clocks = host.clock.read(now);
        let mut access = DiskAccess::new(&mut host.disk, now, clocks.wall, None);
        let mut choices =
            StepChoices { machine, streams: &mut self.streams, answers: &mut self.answers, given: Vec::new() };
        let mut ctx = Context::new(clocks, &mut access, &mut choices);
        let started = Program::start(&host.config.program, &mut ctx);
        let effects = ctx.take_effects();
        let (cost, given) = (access.cost(), choices.given);
        match started {
            Ok(program) => {
                host.process = Some(Process::new(program));
                outcome.facts.push(Fact::Started { machine });
            }
            Err(error) => {
                host.disk.settle(None);
                outcome.facts.push(Fact::StartFailed { machine, error });
                // What was synced before the mistake lands, whoever asked for it.
                self.expect_landing(machine);
                return;
            }
        }
        self.expect_landing(machine);
        let messages = self.fold(&effects, &given);
        if self.telling == Telling::Details {
            let outputs = effects.outputs.clone();
            let said = if cost.is_zero() { Vec::new() } else { effects.events.clone() };
            outcome.detail = Some(Arc::new(Detail { input: None, outputs, choices: given, said }));
        }
        if cost.is_zero() {
            self.publish(machine, Lane::Quorum, effects, messages, outcome);
        } else {
            let until = now + cost;
            self.owe(machine, Lane::Quorum, until, effects, messages);
            for lane in [Lane::Lifecycle, Lane::Data] {
                self.owe(machine, lane, until, Effects::default(), Vec::new());
            }
        }
        for lane in Lane::ALL {
            self.arm_timer(machine, lane);
            self.make_ready(machine, lane);
        }
    }

    /// A process is no more: the kernel closes its sockets, and what its lanes owed is dropped.
    pub(super) fn end_process(&mut self, machine: MachineId, outcome: &mut Outcome) {
        let now = self.now;
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        let Some(process) = host.process.take() else { return };
        process.program.assert_all_invariants();
        host.is_paused = false;
        host.disk.kill(now);
        drop_unpaid(machine, &process, outcome);
        for (id, number) in process.sockets.iter() {
            let has_unread = process
                .lanes
                .iter()
                .any(|lane| lane.inbox.iter().any(|waiting| super::run::is_received_on(waiting, *id)));
            self.with_wire(&mut outcome.facts, |network, wire| {
                network.close(wire, *number, machine, *id, has_unread);
            });
        }
    }

    /// Formats a machine's new disk, and makes all of it durable.
    pub(super) fn format(&mut self, machine: MachineId) {
        let now = self.now;
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        let clocks = host.clock.read(now);
        let mut access = DiskAccess::new(&mut host.disk, now, clocks.wall, None);
        let mut choices =
            StepChoices { machine, streams: &mut self.streams, answers: &mut self.answers, given: Vec::new() };
        let mut ctx = Context::new(clocks, &mut access, &mut choices);
        let formatted = Program::format(&host.config.program, &mut ctx);
        assert!(formatted.is_ok(), "the disk of machine {machine} cannot be formatted: {formatted:?}");
        host.disk.settle(None);
        host.disk.sync_now();
    }

    /// The kernel of a machine writes part of its page cache.
    pub(super) fn write_back(&mut self, machine: MachineId, boots: u32) -> Option<StepKind> {
        let host = self.machines.get_mut(&machine).filter(|host| host.is_powered && host.boots == boots)?;
        let stream = self.streams.get(StreamPurpose::Writeback, (u64::from(machine.0), 0));
        host.disk.write_back(stream);
        self.expect_writeback(machine);
        Some(StepKind::Disk { machine })
    }

    /// Lets the kernel of a machine that has power write back when it is time.
    pub(super) fn expect_writeback(&mut self, machine: MachineId) {
        if let Some(period) = self.settings.writeback {
            let boots = self.machines[&machine].boots;
            self.queue.push(self.now + period, Subject::Writeback { machine, boots });
        }
    }

    /// New directory ids for a machine whose disk is exchanged.
    pub(super) fn renew_directories(&mut self, machine: MachineId, draw: u64) {
        let host = self.machines.get_mut(&machine).expect("a machine of the world");
        let mut stream = crate::stream::Stream::new(draw, StreamPurpose::Directory, (u64::from(machine.0), 0));
        if let ProgramConfig::Node(config) = &mut host.config.program {
            let ids = std::iter::once(&mut config.metadata_directory).chain(&mut config.data_directories);
            for id in ids {
                let bits = (stream.between(1, u64::MAX), stream.between(0, u64::MAX));
                *id = trial_broker::ids::DirectoryId(uuid::Uuid::from_u64_pair(bits.0, bits.1));
            }
        }
    }
}

/// Tells which steps a dying process leaves unpaid.
pub(super) fn drop_unpaid(machine: MachineId, process: &Process, outcome: &mut Outcome) {
    let mut steps: Vec<u64> =
        process.lanes.iter().filter_map(|lane| lane.paying.as_ref()).map(|paying| paying.step).collect();
    steps.dedup();
    outcome.facts.extend(steps.into_iter().map(|step| Fact::Dropped { machine, step }));
}
