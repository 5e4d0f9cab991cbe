//! The world: one plain value that can be copied, hashed and stepped.
//!
//! ```text
//!        list of entries                    queue
//!     (time, number)  │                      │  (time, number)
//!                     └──── class 0 first ───┤
//!                                            ▼
//!   machine ◀── input ── head of a connection, timer, inbox of a lane, landing of a sync
//!      │
//!      └── outputs, events ──▶ published at once, or when the lane has paid for its disk
//! ```
//!
//! Time is an integer of one microsecond and moves when the next due thing is taken. At
//! one instant, entries of the list come first, in the order in which they were added;
//! then everything else in the order in which it became due. So an entry that is added at
//! t changes nothing before t.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use trial_broker::api::Message;
use trial_broker::choice::Purpose;
use trial_broker::client::Call;
use trial_broker::ids::Ticket;
use trial_broker::table::Table;
use trial_broker::time::Time;

use crate::disk::Disk;
use crate::fault::{Entry, Fault, MachineId, MessageId};
use crate::machine::{Machine, MachineConfig};
use crate::network::{ConnectionView, InFlightView, Interference, LatencyModel, Links, Network};
use crate::queue::{Queue, Subject};
use crate::record::fingerprint::Scratch;
use crate::step::{Step, Telling};
use crate::stream::Streams;

mod entries;
mod perform;
mod process;
mod run;

use process::Room;

/// After so many steps the digest of the whole state is folded into the fingerprint.
pub const DIGEST_EVERY: u64 = 4096;

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
    /// Whether every message is handed over as bytes that were decoded again, as a socket would,
    /// instead of as a value.
    pub through_bytes: bool,
}

impl Default for WorldSettings {
    /// Links of 1 ms, a 100 KiB send buffer (Kafka's `socket.send.buffer.bytes`), syncs that
    /// cost nothing, no writeback: what lessons with exact numbers are built on.
    fn default() -> Self {
        WorldSettings {
            latency: LatencyModel::default(),
            send_buffer_bytes: 102_400,
            sync_cost: Duration::ZERO,
            writeback: None,
            through_bytes: false,
        }
    }
}

/// Machines, disks, connections, messages in flight, clocks, streams: everything.
///
/// ```
/// use std::time::Duration;
/// use trial_broker::client::{ClientConfig, ClientKind};
/// use trial_broker::config::{Behaviour, ProducerSettings, Properties};
/// use trial_broker::ids::Endpoint;
/// use trial_broker::time::Time;
/// use trial_sim::internal::{Entry, Fault, MachineConfig, MachineId, ProgramConfig, World, WorldSettings};
///
/// let mut world = World::new(0x5, WorldSettings::default());
/// let admin = ClientConfig {
///     client_id: "a1".into(),
///     bootstrap_servers: vec![Endpoint::new("b1", 9092)],
///     kind: ClientKind::Admin { settings: ProducerSettings::from_properties(&Properties::new()).unwrap() },
///     behaviour: Behaviour::default(),
/// };
/// let machine = MachineId(1001);
/// let config = MachineConfig { name: "a1".into(), program: ProgramConfig::Client(Box::new(admin)) };
/// world.add_machine(machine, config);
/// world.schedule(Entry::new(Time::ZERO, Fault::Start { machine }));
/// let step = world.step().expect("the entry is due");
/// assert_eq!(step.at, Time::ZERO);
/// world.run_until(Time::from_millis(10));
/// assert_eq!(world.now(), Time::from_millis(10));
/// ```
#[derive(Clone, Debug)]
pub struct World {
    settings: WorldSettings,
    now: Time,
    machines: Table<MachineId, Machine>,
    names: BTreeMap<Arc<str>, MachineId>,
    network: Network,
    queue: Queue<Subject>,
    entries: BTreeMap<(Time, u64), Fault>,
    next_entry: u64,
    /// The last instant at which something ran that is not an entry: entries can only come later.
    ran_at: Option<Time>,
    streams: Streams,
    /// What an entry wants choices to be answered with.
    answers: BTreeMap<(MachineId, Purpose), VecDeque<u64>>,
    fingerprint: u64,
    steps: u64,
    /// Steps since time last moved: a world that never ends an instant is broken.
    steps_now: u32,
    telling: Telling,
    scratch: Scratch,
    room: Room,
}

impl World {
    /// An empty world at time zero.
    pub fn new(seed: u64, settings: WorldSettings) -> World {
        let network = Network::new(Links::new(settings.latency), settings.send_buffer_bytes);
        World {
            settings,
            now: Time::ZERO,
            machines: Table::default(),
            names: BTreeMap::new(),
            network,
            queue: Queue::default(),
            entries: BTreeMap::new(),
            next_entry: 0,
            ran_at: None,
            streams: Streams::new(seed),
            answers: BTreeMap::new(),
            fingerprint: seed,
            steps: 0,
            steps_now: 0,
            telling: Telling::default(),
            scratch: Scratch::default(),
            room: Room::default(),
        }
    }

    /// Puts a machine into the world: powered, with a newly formatted disk that is all
    /// durable, its process not started.
    ///
    /// # Panics
    /// If the number or the name is taken, or the disk cannot be formatted.
    pub fn add_machine(&mut self, id: MachineId, config: MachineConfig) {
        let name = Arc::clone(&config.name);
        let machine = Machine::new(config, Disk::new(self.settings.sync_cost));
        assert!(self.machines.insert(id, machine).is_none(), "two machines have the number {id}");
        let taken = self.names.insert(Arc::clone(&name), id);
        assert!(taken.is_none(), "two machines have the name {name}");
        self.format(id);
        self.expect_writeback(id);
    }

    /// Adds an entry to the list.
    ///
    /// # Panics
    /// If something else has already run at or after `entry.at`: no re-run could do the same.
    pub fn schedule(&mut self, entry: Entry) {
        assert!(
            entry.at >= self.now && self.ran_at.is_none_or(|ran| entry.at > ran),
            "an entry at {:?} comes too late at {:?}: {:?}",
            entry.at,
            self.now,
            entry.fault
        );
        let number = self.next_entry;
        self.next_entry += 1;
        self.entries.insert((entry.at, number), entry.fault);
    }

    /// The first instant at which an entry can still be added.
    pub fn next_tick(&self) -> Time {
        match self.ran_at {
            Some(ran) if ran >= self.now => Time(ran.0 + 1),
            _ => self.now,
        }
    }

    /// Calls a client machine now, between two steps: for people, whose calls come from
    /// outside the list. `at` lies between now and what is due next.
    pub fn call(&mut self, at: Time, machine: MachineId, ticket: Ticket, call: Call) -> Step {
        self.advance_to(at);
        self.execute(Fault::Call { machine, ticket, call })
    }

    /// Tells a client machine now that nobody waits for a call any more.
    pub fn abandon(&mut self, at: Time, machine: MachineId, ticket: Ticket) -> Step {
        self.advance_to(at);
        self.execute(Fault::Abandon { machine, ticket })
    }

    /// Lets time pass without a step, at most to what is due next.
    pub fn advance_to(&mut self, time: Time) {
        assert!(time >= self.now, "time runs backwards, from {:?} to {time:?}", self.now);
        if time > self.now {
            let due = self.next_due();
            assert!(due.is_none_or(|due| time <= due), "{time:?} lies behind what is due at {due:?}");
            (self.now, self.steps_now) = (time, 0);
        }
    }

    /// Steps everything that is due before or at `time`, and lets time pass until then.
    pub fn run_until(&mut self, time: Time) {
        while self.step_until(time).is_some() {}
        if time > self.now {
            self.advance_to(time);
        }
    }

    // What it shows of itself.

    /// The world's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The seed that everything descends from.
    pub fn seed(&self) -> u64 {
        self.streams.root()
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

    /// One number for the present state: programs, disks, messages in flight, timers, clocks,
    /// streams. It leaves out entries that have not run, and whatever only numbers things.
    pub fn digest(&self) -> u64 {
        let mut scratch = Scratch::default();
        self.now.hash(&mut scratch);
        for (id, machine) in self.machines.iter() {
            (id, machine).hash(&mut scratch);
        }
        self.network.hash(&mut scratch);
        self.streams.hash(&mut scratch);
        self.answers.hash(&mut scratch);
        scratch.finish()
    }

    /// Looks at all that processes hold; after a step a process looks at less.
    ///
    /// # Panics
    /// When one of them contradicts itself.
    pub(crate) fn assert_invariants(&self) {
        let processes = self.machines.values().filter_map(|machine| machine.process.as_ref());
        processes.for_each(|process| process.program.assert_all_invariants());
    }

    /// How much the next steps tell. Changes neither what happens nor the fingerprint.
    pub fn set_telling(&mut self, telling: Telling) {
        self.telling = telling;
    }

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
        self.names.get(name).copied()
    }

    /// Every message between two sockets, by connection, direction and order.
    pub fn in_flight(&self) -> Vec<InFlightView> {
        self.network.in_flight(&self.machines)
    }

    /// A message in flight.
    pub fn message(&self, id: MessageId) -> Option<Arc<Message>> {
        self.network.message(id)
    }

    /// Every connection that at least one side believes in.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.network.connections()
    }

    /// What entries have done to the network that is still in force.
    pub fn network_interference(&self) -> Interference {
        self.network.interference()
    }

    /// Entries of the list that have not run yet, in the order in which they will.
    pub fn pending_entries(&self) -> impl Iterator<Item = (Time, &Fault)> {
        self.entries.iter().map(|((at, _), fault)| (*at, fault))
    }
}

#[cfg(test)]
mod tests;
