//! The world: one plain value that can be copied, compared and stepped.

use std::collections::BTreeMap;
use std::time::Duration;

use trial_broker::ids::Ticket;
use trial_broker::time::Time;

use crate::fault::{Entry, Fault, MachineId};
use crate::machine::{Machine, MachineConfig};
use crate::network::{ConnectionView, InFlightView, LatencyModel};
use crate::step::Step;

/// What a world is like before anything is done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorldSettings {
    /// How long a message takes between two machines, unless an entry says otherwise.
    pub latency: LatencyModel,
    /// How many bytes one direction of a connection holds before its sender has to wait.
    pub send_buffer_bytes: u32,
    /// What a sync costs on a healthy disk.
    pub sync_cost: Duration,
    /// How often background writeback makes a drawn part of the page cache durable; none for never.
    pub writeback: Option<Duration>,
}

impl Default for WorldSettings {
    /// Links of 1 ms, a 100 KiB send buffer (Kafka's `socket.send.buffer.bytes`), syncs that cost nothing, no writeback:
    /// what lessons with exact numbers are built on.
    fn default() -> Self {
        WorldSettings {
            latency: LatencyModel::default(),
            send_buffer_bytes: 102_400,
            sync_cost: Duration::ZERO,
            writeback: None,
        }
    }
}

/// Machines, disks, connections, messages in flight, clocks, streams: everything.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    settings: WorldSettings,
    now: Time,
    machines: BTreeMap<MachineId, Machine>,
    entries: BTreeMap<(Time, u64), Fault>,
    fingerprint: u64,
    steps: u64,
}

impl World {
    /// An empty world at time zero.
    pub fn new(seed: u64, settings: WorldSettings) -> World {
        World {
            seed,
            settings,
            now: Time::ZERO,
            machines: BTreeMap::new(),
            entries: BTreeMap::new(),
            fingerprint: seed,
            steps: 0,
        }
    }

    /// Puts a machine into the world: powered, with a newly formatted disk, its process not started.
    pub fn add_machine(&mut self, _id: MachineId, _config: MachineConfig) {}

    /// Adds an entry to the list.
    ///
    /// # Panics
    /// If something has already run at or after `entry.at`: it would not be the same run again.
    pub fn schedule(&mut self, entry: Entry) {
        let number = self.entries.len() as u64;
        self.entries.insert((entry.at, number), entry.fault);
    }

    /// Calls a client machine now, between two steps: for people, whose calls come from outside the list.
    /// `at` lies between now and what is due next.
    pub fn call(&mut self, _at: Time, _machine: MachineId, _ticket: Ticket, _call: trial_broker::client::Call) -> Step {
        unreachable!("nobody calls yet")
    }

    /// Tells a client machine that nobody waits for a call any more.
    pub fn abandon(&mut self, _at: Time, _machine: MachineId, _ticket: Ticket) -> Step {
        unreachable!("nobody calls yet")
    }

    /// Does the next thing that is due, whenever that is. None when nothing is due, ever.
    pub fn step(&mut self) -> Option<Step> {
        None
    }

    /// When the next step is due.
    pub fn next_due(&self) -> Option<Time> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// Lets time pass without a step, at most to what is due next.
    pub fn advance_to(&mut self, time: Time) {
        self.now = time;
    }

    /// The world's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The seed that everything descends from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the world was made with.
    pub fn settings(&self) -> &WorldSettings {
        &self.settings
    }

    /// How many steps have run.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One number for everything that has happened so far.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// One number for the present state: nodes, disks, messages, timers, clocks.
    pub fn digest(&self) -> u64 {
        0
    }

    /// Whether steps carry a [`crate::step::Detail`]. Does not change what happens, nor the fingerprint.
    pub fn keep_detail(&mut self, _keep: bool) {}

    /// All machines, in order of their numbers.
    pub fn machines(&self) -> impl Iterator<Item = (MachineId, &Machine)> {
        self.machines.iter().map(|(id, machine)| (*id, machine))
    }

    /// One machine.
    pub fn machine(&self, id: MachineId) -> Option<&Machine> {
        self.machines.get(&id)
    }

    /// The machine with this host name.
    pub fn machine_named(&self, name: &str) -> Option<MachineId> {
        self.machines().find(|(_, machine)| &*machine.config().name == name).map(|(id, _)| id)
    }

    /// Every message between two sockets, by connection, direction and order.
    pub fn in_flight(&self) -> Vec<InFlightView> {
        Vec::new()
    }

    /// Every connection that at least one side believes in.
    pub fn connections(&self) -> Vec<ConnectionView> {
        Vec::new()
    }

    /// Entries of the list that have not run yet, in the order in which they will.
    pub fn pending_entries(&self) -> impl Iterator<Item = (Time, &Fault)> {
        self.entries.iter().map(|((at, _), fault)| (*at, fault))
    }
}
