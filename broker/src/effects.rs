//! What a step asks for ([`Output`]) and what it says of itself (events).

use std::sync::Arc;

use crate::api::Message;
use crate::client::CallResult;
use crate::event::Event;
pub use crate::event::ExitReason;
use crate::ids::{ConnectionId, Endpoint, Ticket};
use crate::input::{Internal, Lane};
use crate::storage::FileHandle;

/// Everything that a step leaves behind, in the order in which it arose.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// To be performed, in order.
    pub outputs: Vec<Output>,
    /// Facts, in the past tense.
    pub events: Vec<Event>,
}

/// Something that the driver must do. Drivers know no Kafka: each is mechanical.
#[derive(Clone, Debug)]
pub enum Output {
    /// Accept connections on this port from now on. Until then they are refused.
    Listen {
        /// The port.
        port: u16,
    },
    /// Stop accepting connections on this port.
    StopListening {
        /// The port.
        port: u16,
    },
    /// Open a connection; answered by `Connected` or `Closed`.
    Connect {
        /// The number it shall have here.
        connection: ConnectionId,
        /// Where to.
        to: Endpoint,
    },
    /// Hand a message to the socket.
    Send {
        /// Which connection.
        connection: ConnectionId,
        /// What.
        message: Arc<Message>,
    },
    /// Close a connection in an orderly way.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Hand an input to another lane of this machine.
    Internal {
        /// Which lane.
        to: Lane,
        /// What.
        input: Internal,
    },
    /// Sync these files and directories in the background; answered by `Flushed`.
    Flush {
        /// Which flush.
        token: u64,
        /// The files, in the order in which to sync them.
        files: Vec<FileHandle>,
        /// The directories to sync after them.
        directories: Vec<String>,
    },
    /// Tell a person what became of a call.
    Resolve {
        /// Which call.
        ticket: Ticket,
        /// What became of it.
        result: CallResult,
    },
    /// End the process. Nothing is stepped after it.
    Exit {
        /// Why.
        reason: ExitReason,
    },
}
