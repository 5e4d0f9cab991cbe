//! A machine: a host with a disk and clocks, and the process on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use trial_broker::client::{Client, ClientConfig};
use trial_broker::input::Lane;
use trial_broker::node::NodeConfig;
use trial_broker::time::Now;

use crate::clock::Clock;
use crate::disk::Disk;

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
}

/// A running program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// A client.
    Client(Box<Client>),
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
    pub(crate) state: ProcessState,
    pub(crate) program: Option<Program>,
    pub(crate) lanes: BTreeMap<Lane, ()>,
    pub(crate) disk: Disk,
    pub(crate) clock: Clock,
    pub(crate) starts: u32,
}

impl Machine {
    /// Its name and program.
    pub fn config(&self) -> &MachineConfig {
        &self.config
    }

    /// Whether its process runs.
    pub fn state(&self) -> ProcessState {
        self.state
    }

    /// The client that runs on it.
    pub fn client(&self) -> Option<&Client> {
        match self.program.as_ref()? {
            Program::Client(client) => Some(client),
        }
    }

    /// Whether a lane still pays for its last step: its state is then ahead of what anybody may see.
    pub fn owes(&self, lane: Lane) -> bool {
        self.lanes.contains_key(&lane)
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
    pub fn now(&self, world: trial_broker::time::Time) -> Now {
        self.clock.read(world)
    }

    /// How many times its process was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }
}
