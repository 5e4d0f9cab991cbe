//! Everything that can be done to a world: one vocabulary, as data.
//!
//! A fault is always an entry in an explicit, timed list. A generator turns a seed into
//! a list, a person writes a list in a scenario file, a screen appends to a list, a
//! shrinker removes from a list; the world executes a list and nothing else. So an entry
//! holds what it needs to do the same again: its exact time, targets that are already
//! resolved, and, where its effect is drawn, its own draw.
//!
//! ```text
//!   scenario: kill = { leader = "orders-0" }   ──resolve──▶   Entry { at: 41.000123 s, fault: Kill { machine: 1 } }
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trial_broker::choice::Purpose;
use trial_broker::client::Call;
use trial_broker::config::Switch;
use trial_broker::ids::Ticket;
use trial_broker::message::Api;
use trial_broker::time::Time;

use crate::network::LatencyModel;

/// One machine of the world. Whoever builds the world gives the numbers; a broker or
/// controller usually gets its node id, a client a number above all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineId(pub u32);

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One line of the list that a world executes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// When: before every delivery and timer of this instant.
    pub at: Time,
    /// What.
    pub fault: Fault,
}

impl Entry {
    /// An entry of this instant.
    pub fn new(at: Time, fault: Fault) -> Self {
        Entry { at, fault }
    }
}

/// Which un-synced bytes and names a power cut takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lose {
    /// All of them.
    All,
    /// None of them.
    None,
    /// Drawn, from the entry's own number.
    #[default]
    Drawn,
}

/// Which messages are meant. What is not said does not matter: the default is all messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageFilter {
    /// Sent by one of these machines; empty for any.
    pub from: BTreeSet<MachineId>,
    /// Sent to one of these machines; empty for any.
    pub to: BTreeSet<MachineId>,
    /// Of this API.
    pub api: Option<Api>,
    /// Only requests, or only responses.
    pub kind: Option<MessageKind>,
}

/// A request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// A request.
    Request,
    /// A response.
    Response,
}

/// One message of a run: its connection, its direction there, and its number in that direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The connection's number in this world.
    pub connection: u64,
    /// Whether it travels from the side that opened the connection.
    pub from_opener: bool,
    /// Its number in that direction, from 1.
    pub number: u64,
}

/// Which single message an intervention takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageTarget {
    /// The n-th matching message that is sent from now on, counted from 1.
    Next {
        /// Which messages count.
        filter: MessageFilter,
        /// Which of them is taken.
        nth: u32,
    },
    /// One that is in flight now.
    InFlight(MessageId),
}

/// How a disk misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFailure {
    /// Reads and writes fail (`EIO`).
    InputOutput,
    /// Nothing can be added or created (`ENOSPC`).
    NoSpace,
    /// The next sync fails; its pages stay dirty, so that another sync can save them.
    NextSyncFails,
    /// The next sync fails and its pages are marked clean: the next sync succeeds and saves nothing, as on many of Linux's
    /// file systems.
    NextSyncLosesPages,
}

/// Something that is done to the world, with resolved targets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    // Machines and processes.
    /// The machine is powered on if it was off, and its process starts with what the disk holds.
    Start {
        /// Which.
        machine: MachineId,
    },
    /// The process dies; the kernel and its page cache live on.
    Kill {
        /// Which.
        machine: MachineId,
    },
    /// The machine loses its power, and stays off until it is started.
    PowerCut {
        /// Which.
        machine: MachineId,
        /// What becomes of what was not synced.
        lose: Lose,
        /// What the loss is drawn from.
        draw: u64,
    },
    /// The process is asked to stop in order (SIGTERM).
    Stop {
        /// Which.
        machine: MachineId,
    },
    /// The process stands still, as in a long garbage collection; the kernel goes on.
    Pause {
        /// Which.
        machine: MachineId,
    },
    /// A paused process goes on.
    Resume {
        /// Which.
        machine: MachineId,
    },
    /// Kill, if it runs, and start.
    Restart {
        /// Which.
        machine: MachineId,
    },
    /// The process is killed if it runs, and the disk is exchanged for an empty, newly
    /// formatted one with new directory ids. It is not started.
    Replace {
        /// Which.
        machine: MachineId,
        /// What the new directory ids are drawn from.
        draw: u64,
    },
    /// The machine behaves with these switches from its next start on.
    Upgrade {
        /// Which.
        machine: MachineId,
        /// The switches that are on.
        switches: BTreeSet<Switch>,
    },
    /// The machine's clocks go another way from now on.
    Skew {
        /// Which.
        machine: MachineId,
        /// Its wall clock is this far from the world's, in microseconds.
        wall_offset_micros: i64,
        /// Both its clocks run faster by this many parts in a million (slower if negative).
        drift_ppm: i32,
    },

    // The network.
    /// Nothing passes from the first to the second machine of each pair.
    Partition {
        /// Directed pairs: a two-way partition names both directions.
        pairs: Vec<(MachineId, MachineId)>,
    },
    /// Partitions and clogs end: all of them when both sets are empty, else those between these machines.
    Heal {
        /// From these machines; empty for any.
        from: BTreeSet<MachineId>,
        /// To these machines; empty for any.
        to: BTreeSet<MachineId>,
    },
    /// Matching messages are held back, with everything behind them on their connections, until unclog or heal.
    Clog {
        /// Which.
        filter: MessageFilter,
    },
    /// Ends the clog with exactly this filter; the default filter ends all clogs.
    Unclog {
        /// Which.
        filter: MessageFilter,
    },
    /// Links have another latency from now on.
    Latency {
        /// From these machines; empty for any.
        from: BTreeSet<MachineId>,
        /// To these machines; empty for any.
        to: BTreeSet<MachineId>,
        /// How long a message takes.
        latency: LatencyModel,
    },
    /// Links have another bandwidth from now on.
    Bandwidth {
        /// From these machines; empty for any.
        from: BTreeSet<MachineId>,
        /// To these machines; empty for any.
        to: BTreeSet<MachineId>,
        /// Bytes a second; none for without limit.
        bytes_per_second: Option<u64>,
    },
    /// A message is lost, which resets its connection.
    Drop {
        /// Which.
        target: MessageTarget,
    },
    /// A message is late, and so is what follows it on its connection.
    Delay {
        /// Which.
        target: MessageTarget,
        /// By how much.
        by: Duration,
    },
    /// A message is held until it is released, and so is what follows it on its connection.
    Hold {
        /// Which.
        target: MessageTarget,
    },
    /// Held messages that match go on, and interventions that wait for such messages are forgotten.
    Release {
        /// Which.
        filter: MessageFilter,
    },

    // The disk.
    /// Operations take this long from now on, on top of what they cost anyway; zeros end that.
    Slow {
        /// Which machine's disk.
        machine: MachineId,
        /// Only files whose path begins so; empty for all.
        path: String,
        /// Each sync.
        sync: Duration,
        /// Each other operation.
        other: Duration,
    },
    /// No operation ends before the given time has passed; a time of zero ends all stalls there.
    Stall {
        /// Which machine's disk.
        machine: MachineId,
        /// Only files whose path begins so; empty for all.
        path: String,
        /// For how long.
        length: Duration,
    },
    /// Operations fail from now on; or, with no failure, all is well again.
    Fail {
        /// Which machine's disk.
        machine: MachineId,
        /// Only files whose path begins so; empty for all.
        path: String,
        /// How.
        failure: Option<DiskFailure>,
    },
    /// One byte of a file decays, in the page cache and on the medium.
    Rot {
        /// Which machine's disk.
        machine: MachineId,
        /// The file.
        path: String,
        /// Where in the file.
        position: u64,
        /// The bits that flip.
        bits: u8,
    },
    /// A file ends earlier than it did, in the page cache and on the medium, as after a careless repair of the file
    /// system; a length of 0 leaves it empty.
    Shorten {
        /// Which machine's disk.
        machine: MachineId,
        /// The file.
        path: String,
        /// How many of its bytes are left.
        length: u64,
    },
    /// A write of the drive goes astray: one page's durable bytes land in another file's page.
    Misdirect {
        /// Which machine's disk.
        machine: MachineId,
        /// The file whose page is written.
        from: String,
        /// The number of the page there.
        from_page: u32,
        /// The file that is hit.
        to: String,
        /// The number of the page that is hit.
        to_page: u32,
    },
    /// Everything in the page cache becomes durable, at no cost.
    SyncNow {
        /// Which machine's disk.
        machine: MachineId,
    },

    // People and choices.
    /// A person calls a client machine.
    Call {
        /// Which.
        machine: MachineId,
        /// By which the answer is found.
        ticket: Ticket,
        /// What is asked.
        call: Call,
    },
    /// A person no longer waits for an answer.
    Abandon {
        /// Of which machine.
        machine: MachineId,
        /// Which call.
        ticket: Ticket,
    },
    /// The next choices of this purpose on this machine are answered with these numbers
    /// (each brought into the choice's range) instead of being drawn.
    Answer {
        /// Which machine.
        machine: MachineId,
        /// Of which purpose.
        purpose: Purpose,
        /// The answers, in order. None at all forgets what was left of earlier ones.
        values: Vec<u64>,
    },
}
