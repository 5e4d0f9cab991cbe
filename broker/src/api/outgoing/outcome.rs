//! What becomes of the requests that a process sends to others.

use super::{ChannelKey, ChannelPurpose};
use crate::message::Response;

/// Why a request has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelFailure {
    /// The connection could not be made, or broke before the response came.
    Disconnected,
    /// No response within the time-out; a connection with a request on it is closed then.
    TimedOut,
    /// The other side serves no version of the API that is spoken here.
    UnsupportedVersion,
    /// The response is not one to the request.
    Malformed,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChannelOutput {
    /// It was answered.
    Response {
        /// By which channel.
        key: ChannelKey,
        /// Which request.
        token: u64,
        /// The answer.
        response: Response,
    },
    /// It will not be answered.
    Failed {
        /// By which channel.
        key: ChannelKey,
        /// Which request.
        token: u64,
        /// Why.
        reason: ChannelFailure,
    },
    /// The active controller answered a request.
    FromController {
        /// On which channel.
        purpose: ChannelPurpose,
        /// Which request.
        token: u64,
        /// The answer.
        response: Response,
    },
    /// No active controller answered a request in time, or it cannot be asked.
    ControllerFailed {
        /// On which channel.
        purpose: ChannelPurpose,
        /// Which request.
        token: u64,
        /// Why.
        reason: ChannelFailure,
    },
}
