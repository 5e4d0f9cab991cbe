//! Events of a process: start, registration, stop; and of its connections.

use serde::Serialize;

use crate::ids::{BrokerEpoch, DirectoryId, Offset};
use crate::message::{Api, ErrorCode};

/// Something that happened in a process's life.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LifecycleEvent {
    /// The process started.
    ProcessStarted,
    /// The broker entered another state.
    BrokerStateChanged {
        /// Which.
        to: BrokerState,
    },
    /// The controller registered this broker.
    RegistrationAccepted {
        /// The epoch.
        broker_epoch: BrokerEpoch,
    },
    /// The controller answered this broker's registration with an error.
    RegistrationFailed {
        /// Why.
        error: ErrorCode,
    },
    /// A heartbeat was sent.
    HeartbeatSent {
        /// How far the broker is in the metadata log.
        metadata_offset: Offset,
    },
    /// A heartbeat was not accepted.
    HeartbeatRefused {
        /// Why.
        error: ErrorCode,
    },
    /// The broker applied committed metadata.
    MetadataApplied {
        /// Up to this offset.
        offset: Offset,
    },
    /// A log directory failed.
    LogDirectoryFailed {
        /// Which.
        directory: DirectoryId,
    },
    /// A request was refused before it reached any part: its version, or its size.
    RequestRefused {
        /// Of which API.
        api: Api,
        /// Why.
        error: ErrorCode,
    },
    /// The process ended by itself.
    ProcessExited {
        /// Why.
        reason: ExitReason,
    },
}

/// The states of a broker process (`BrokerState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerState {
    /// Not started.
    NotRunning,
    /// Registers and catches up with the metadata.
    Starting,
    /// Loads its logs.
    Recovery,
    /// Serves clients.
    Running,
    /// Hands its leaderships over.
    PendingControlledShutdown,
    /// Closes its logs.
    ShuttingDown,
}

/// Why a process ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitReason {
    /// It was asked to stop and has done so in order.
    Stopped,
    /// Its last log directory failed.
    AllLogDirectoriesFailed,
    /// The disk with the metadata log failed.
    MetadataLogFailed,
    /// It could not register within initial.broker.registration.timeout.ms.
    RegistrationTimedOut,
    /// The controller did not acknowledge a failed directory in time.
    DirectoryFailureNotAcknowledged,
    /// The metadata on disk contradicts what the quorum committed, or another member called a request of this one invalid.
    FatalFault,
}
