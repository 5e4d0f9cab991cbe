//! What can happen to a machine: the inputs of its steps, and the lanes they run in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::api::Message;
use crate::client::Call;
use crate::ids::{BrokerEpoch, ConnectionId, DirectoryId, NodeId, Offset, Ticket};
use crate::metadata::MetadataUpdate;
use crate::storage::StorageError;

/// The parts of one machine that wait for a disk independently of each other.
///
/// Kafka has threads for this; a lane is what a thread's blocking on `fsync` would
/// hold up. Each lane owns its part of the machine's state and its files, and another
/// lane reaches it only by an [`Internal`] input: so a stalled disk stops fetching and
/// appending while heartbeats still pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// The metadata quorum, the controller, and the metadata loader.
    Quorum,
    /// Registration, heartbeats, controlled shutdown.
    Lifecycle,
    /// Partitions, fetchers, and the clients' connections.
    /// Simplified: one lane for all log directories of a broker.
    Data,
}

impl Lane {
    /// All lanes, in the order in which simultaneous work is done.
    pub const ALL: [Lane; 3] = [Lane::Quorum, Lane::Lifecycle, Lane::Data];
}

/// Why a connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseReason {
    /// Nobody listens there.
    Refused,
    /// The connection could not be made in time.
    ConnectTimedOut,
    /// The other side closed it in an orderly way.
    Closed,
    /// The other side, or the network, reset it: what was not yet read is lost.
    Reset,
}

/// Something that happens to a machine; each is handled to completion by one step.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody connected to a port that this process listens on.
    Accepted {
        /// The number it has here.
        connection: ConnectionId,
        /// The port.
        port: u16,
    },
    /// A connection that this process opened is established.
    Connected {
        /// Which.
        connection: ConnectionId,
    },
    /// A connection is gone, or never came about.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// A message arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        message: Arc<Message>,
    },
    /// At least one timer of this lane is due.
    Timers {
        /// Which lane.
        lane: Lane,
    },
    /// Another lane of this machine has something to say.
    Internal {
        /// To which lane.
        lane: Lane,
        /// What.
        input: Internal,
    },
    /// A background flush is done.
    Flushed {
        /// Which.
        token: u64,
        /// Whether it worked.
        result: Result<(), StorageError>,
    },
    /// A person calls a client machine.
    Call {
        /// By which the answer finds the person.
        ticket: Ticket,
        /// What is asked.
        call: Call,
    },
    /// A person no longer waits for a call's answer.
    Abandon {
        /// Which call.
        ticket: Ticket,
    },
    /// The process is asked to stop in order, as by SIGTERM.
    Stop,
}

/// What one lane tells another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Internal {
    /// Quorum → Data: committed metadata to apply, in order.
    Metadata(Arc<MetadataUpdate>),
    /// Quorum → Lifecycle, Data: who leads the quorum, as far as this node knows.
    ControllerChanged {
        /// The active controller; NONE while unknown.
        leader: NodeId,
        /// Where it listens.
        endpoint: Option<crate::ids::Endpoint>,
    },
    /// Data → Lifecycle: the metadata offset that the broker has applied.
    MetadataApplied {
        /// The last offset applied.
        offset: Offset,
    },
    /// Lifecycle → Data: the broker is registered under this epoch.
    Registered {
        /// The epoch.
        broker_epoch: BrokerEpoch,
    },
    /// Lifecycle → Data: the broker has caught up with the metadata; load the logs.
    LoadLogs,
    /// Data → Data: go on loading logs (one a step, so that a crash can fall between).
    LoadNextLog,
    /// Data → Data: go on loading a coordinator (one read a step, so that a crash or another leader can fall between).
    LoadCoordinator {
        /// The partition of `__consumer_offsets`.
        partition: i32,
    },
    /// Data → Lifecycle: all logs are loaded; the broker may ask to be unfenced.
    LogsLoaded,
    /// Lifecycle → Data: the broker is unfenced for the first time; serve clients.
    Serve,
    /// Lifecycle → Data: a controlled shutdown has begun.
    ControlledShutdownStarted,
    /// Lifecycle → Data: the controller lets the broker go; close the logs.
    ShutDown,
    /// Data → Lifecycle, Quorum: the logs are closed; the process may end.
    LogsClosed,
    /// Data → Lifecycle: a log directory failed.
    DirectoryFailed {
        /// Which.
        directory: DirectoryId,
    },
    /// Lifecycle → Quorum: everything else is closed; leave the quorum and end.
    LeaveQuorum,
}
