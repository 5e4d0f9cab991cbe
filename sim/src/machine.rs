//! A machine: a host with a disk and clocks, and the process on it.
//!
//! ```text
//!   Off ──start──▶ Running ⇄ Paused         power-cut: from anywhere to Off
//!                    │ kill, exit, failed start
//!                    ▼
//!                  Stopped ──start──▶ Running
//! ```
//!
//! A process works in *lanes*: while one pays for its disk operations, what it said and
//! asked for is held back, and what comes for it waits; the others go on.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use trial_broker::client::{Client, ClientConfig};
use trial_broker::context::Context;
use trial_broker::effects::Output;
use trial_broker::event::Event;
use trial_broker::ids::ConnectionId;
use trial_broker::input::{Input, Lane};
use trial_broker::node::{Node, NodeConfig};
use trial_broker::storage::{FileHandle, StorageResult};
use trial_broker::table::Table;
use trial_broker::time::{Now, Time};

use crate::clock::Clock;
use crate::disk::Disk;
use crate::fault::MessageId;
use crate::record::fingerprint::{hash_input, hash_output};
use crate::step::InputKind;
#[cfg(test)]
use crate::toy::{Toy, ToyConfig};

/// What a machine is for: its name and the program that its process runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MachineConfig {
    /// Its host name, by which others connect to it: `b1`, `c2`, `p1`.
    pub name: Arc<str>,
    /// What it runs.
    pub program: ProgramConfig,
}

/// What a process is started with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProgramConfig {
    /// A broker, a controller, or both.
    Node(Box<NodeConfig>),
    /// A client.
    Client(Box<ClientConfig>),
    /// A program of the world's own tests.
    #[cfg(test)]
    Toy(ToyConfig),
}

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// A broker, a controller, or both.
    Node(Box<Node>),
    /// A client.
    Client(Box<Client>),
    /// A program of the world's own tests.
    #[cfg(test)]
    Toy(Box<Toy>),
}

impl Program {
    /// Starts a program with what its disk still holds.
    pub(crate) fn start(config: &ProgramConfig, ctx: &mut Context) -> StorageResult<Program> {
        match config {
            ProgramConfig::Node(config) => Ok(Program::Node(Box::new(Node::recover(config.as_ref().clone(), ctx)?))),
            ProgramConfig::Client(config) => Ok(Program::Client(Box::new(Client::new(config.as_ref().clone(), ctx)))),
            #[cfg(test)]
            ProgramConfig::Toy(config) => Ok(Program::Toy(Box::new(Toy::new(*config, ctx)))),
        }
    }

    /// Writes what must be on a disk before a program can start for the first time.
    pub(crate) fn format(config: &ProgramConfig, ctx: &mut Context) -> StorageResult<()> {
        match config {
            ProgramConfig::Node(config) => Node::format(config, ctx),
            ProgramConfig::Client(_) => Ok(()),
            #[cfg(test)]
            ProgramConfig::Toy(_) => Toy::format(ctx),
        }
    }

    pub(crate) fn step(&mut self, ctx: &mut Context, input: Input) {
        match self {
            Program::Node(node) => node.step(ctx, input),
            Program::Client(client) => client.step(ctx, input),
            #[cfg(test)]
            Program::Toy(toy) => toy.step(ctx, input),
        }
    }

    pub(crate) fn lane_of(&self, input: &Input) -> Lane {
        match self {
            Program::Node(node) => node.lane_of(input),
            Program::Client(_) => Lane::Data,
            #[cfg(test)]
            Program::Toy(_) => Toy::lane_of(input),
        }
    }

    /// Panics if the program's state contradicts itself, as far as it looks after a step of this lane.
    pub(crate) fn assert_invariants(&self, lane: Lane, step: u64) {
        match self {
            Program::Node(node) => node.assert_invariants_in_turn(lane, step),
            Program::Client(_) => {}
            #[cfg(test)]
            Program::Toy(_) => {}
        }
    }

    /// Panics if the program's state contradicts itself anywhere.
    pub(crate) fn assert_all_invariants(&self) {
        match self {
            Program::Node(node) => node.assert_invariants(),
            Program::Client(_) => {}
            #[cfg(test)]
            Program::Toy(toy) => toy.assert_invariants(),
        }
    }

    /// When the earliest timer of a lane is due, by the machine's monotonic clock.
    pub(crate) fn next_deadline(&self, lane: Lane) -> Option<Time> {
        match self {
            Program::Node(node) => node.next_deadline(lane),
            Program::Client(client) => (lane == Lane::Data).then(|| client.next_deadline()).flatten(),
            #[cfg(test)]
            Program::Toy(toy) => toy.next_deadline(lane),
        }
    }
}

/// Whether a machine's process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// The machine is without power.
    Off,
    /// The machine is on; no process runs on it.
    Stopped,
    /// The process runs.
    Running,
    /// The process stands still.
    Paused,
}

/// A machine of the world.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) config: MachineConfig,
    pub(crate) is_powered: bool,
    pub(crate) is_paused: bool,
    pub(crate) process: Option<Process>,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) starts: u32,
    /// How many times its power came back.
    pub(crate) boots: u32,
    /// When the queue will look whether a sync has landed.
    pub(crate) landing_at: Option<Time>,
}

/// A process: a program, its sockets, and its lanes.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) program: Program,
    pub(crate) lanes: [LaneState; Lane::ALL.len()],
    /// The connections of the world that its sockets belong to.
    pub(crate) sockets: Table<ConnectionId, u64>,
    pub(crate) listening: BTreeSet<u16>,
    pub(crate) next_accepted: u64,
    /// Background flushes, one after the other.
    pub(crate) flushes: VecDeque<Flush>,
}

impl Process {
    pub(crate) fn new(program: Program) -> Self {
        Process {
            program,
            lanes: std::array::from_fn(|_| LaneState::default()),
            sockets: Table::default(),
            listening: BTreeSet::new(),
            next_accepted: 1,
            flushes: VecDeque::new(),
        }
    }

    pub(crate) fn lane(&mut self, lane: Lane) -> &mut LaneState {
        &mut self.lanes[lane as usize]
    }
}

/// What waits for a lane, what it owes, and its timer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneState {
    pub(crate) inbox: VecDeque<Waiting>,
    pub(crate) paying: Option<Paying>,
    /// When its timer is armed, by the world's clock, and which arming that is.
    pub(crate) armed: Option<Time>,
    pub(crate) timer_generation: u32,
    /// Whether the inbox has an entry in the world's queue.
    pub(crate) is_ready: bool,
}

/// An input that waits for its lane.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) input: Input,
    pub(crate) kind: InputKind,
    /// The message that it is, and its size: read once it is stepped.
    pub(crate) message: Option<(MessageId, u32)>,
}

/// What a step has left behind that its lane has not paid for yet.
#[derive(Clone, Debug)]
pub(crate) struct Paying {
    pub(crate) step: u64,
    pub(crate) until: Time,
    pub(crate) outputs: Vec<Output>,
    /// Size and hash of each message among the outputs.
    pub(crate) messages: Vec<(u32, u64)>,
    pub(crate) events: Vec<Event>,
}

/// A background flush.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flush {
    pub(crate) token: u64,
    pub(crate) files: VecDeque<FileHandle>,
    pub(crate) directories: VecDeque<String>,
}

impl Machine {
    pub(crate) fn new(config: MachineConfig, disk: Disk) -> Self {
        Machine {
            config,
            is_powered: true,
            is_paused: false,
            process: None,
            disk,
            clock: Clock::default(),
            starts: 0,
            boots: 0,
            landing_at: None,
        }
    }

    /// Its name and program.
    pub fn config(&self) -> &MachineConfig {
        &self.config
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether its process runs.
    pub fn state(&self) -> ProcessState {
        match (self.is_powered, &self.process) {
            (false, _) => ProcessState::Off,
            (true, None) => ProcessState::Stopped,
            (true, Some(_)) if self.is_paused => ProcessState::Paused,
            (true, Some(_)) => ProcessState::Running,
        }
    }

    /// Whether it has power: its kernel then answers for its sockets.
    pub fn is_powered(&self) -> bool {
        self.is_powered
    }

    /// Whether its process accepts connections on a port.
    pub fn listens(&self, port: u16) -> bool {
        self.process.as_ref().is_some_and(|process| process.listening.contains(&port))
    }

    /// The broker or controller that runs on it.
    pub fn node(&self) -> Option<&Node> {
        match &self.process.as_ref()?.program {
            Program::Node(node) => Some(node),
            Program::Client(_) => None,
            #[cfg(test)]
            Program::Toy(_) => None,
        }
    }

    /// The client that runs on it.
    pub fn client(&self) -> Option<&Client> {
        match &self.process.as_ref()?.program {
            Program::Client(client) => Some(client),
            Program::Node(_) => None,
            #[cfg(test)]
            Program::Toy(_) => None,
        }
    }

    /// The toy that runs on it.
    #[cfg(test)]
    pub(crate) fn toy(&self) -> Option<&Toy> {
        match &self.process.as_ref()?.program {
            Program::Toy(toy) => Some(toy),
            Program::Node(_) | Program::Client(_) => None,
        }
    }

    /// Whether a lane still pays for its last step: its state is then ahead of what anybody may see.
    pub fn owes(&self, lane: Lane) -> bool {
        self.process.as_ref().is_some_and(|process| process.lanes[lane as usize].paying.is_some())
    }

    /// Until when a lane pays.
    pub fn pays_until(&self, lane: Lane) -> Option<Time> {
        Some(self.process.as_ref()?.lanes[lane as usize].paying.as_ref()?.until)
    }

    /// How many inputs wait for a lane.
    pub fn waiting(&self, lane: Lane) -> usize {
        self.process.as_ref().map_or(0, |process| process.lanes[lane as usize].inbox.len())
    }

    /// Whether its process is about to end, for it was asked to: a process that stands still, or waits for its disk, has
    /// not heard of it yet.
    pub fn is_stopping(&self) -> bool {
        let waits = |lane: &LaneState| lane.inbox.iter().any(|waiting| waiting.kind == InputKind::Stop);
        self.process.as_ref().is_some_and(|process| process.lanes.iter().any(waits))
            || self.node().is_some_and(Node::is_stopping)
    }

    /// When the timer of a lane is due, by the world's clock.
    pub fn armed(&self, lane: Lane) -> Option<Time> {
        self.process.as_ref()?.lanes[lane as usize].armed
    }

    /// Its disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Its clocks.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What its clocks show at an instant of the world.
    pub fn now(&self, world: Time) -> Now {
        self.clock.read(world)
    }

    /// How many times its process was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }
}

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.config.hash(state);
        (self.is_powered, self.is_paused, self.starts, self.clock).hash(state);
        self.disk.hash(state);
        let Some(process) = &self.process else { return };
        process.program.hash(state);
        for lane in &process.lanes {
            lane.armed.hash(state);
            for waiting in &lane.inbox {
                waiting.kind.hash(state);
                hash_input(&waiting.input, state);
            }
            if let Some(paying) = &lane.paying {
                (paying.until, &paying.messages, &paying.events).hash(state);
                paying.outputs.iter().for_each(|output| hash_output(output, state));
            }
        }
        (&process.sockets, &process.listening, process.next_accepted, &process.flushes).hash(state);
    }
}
