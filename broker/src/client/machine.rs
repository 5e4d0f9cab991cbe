//! The client machine. (Being built.)

use crate::client::{BatchView, ClientConfig, InFlightView, KnownLeader, PositionView};
use crate::context::Context;
use crate::ids::{ProducerEpoch, ProducerId};
use crate::input::Input;
use crate::time::Time;

/// One client process: a producer, a consumer or an admin.
///
/// It runs in one lane, [`crate::input::Lane::Data`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    config: ClientConfig,
}

impl Client {
    /// A client as its process starts: it connects to nobody before it needs to.
    pub fn new(config: ClientConfig, _ctx: &mut Context) -> Client {
        Client { config }
    }

    /// Takes an input to completion.
    pub fn step(&mut self, _ctx: &mut Context, _input: Input) {}

    /// When the earliest timer is due, on the monotonic clock.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// What it was started with.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Whether no request is in flight except fetches, which a broker may have parked.
    pub fn is_quiet(&self) -> bool {
        true
    }

    /// Whether it knows all that the last `Call::Warm` asked it to learn.
    pub fn is_warm(&self) -> bool {
        false
    }

    /// Requests without an answer, oldest first on each connection.
    pub fn in_flight(&self) -> Vec<InFlightView> {
        Vec::new()
    }

    /// The producer's batches that are not acknowledged, in order within a partition.
    pub fn batches(&self) -> Vec<BatchView> {
        Vec::new()
    }

    /// The leaders that the client knows.
    pub fn known_leaders(&self) -> Vec<KnownLeader> {
        Vec::new()
    }

    /// Where a consumer stands, by partition.
    pub fn positions(&self) -> Vec<PositionView> {
        Vec::new()
    }

    /// The idempotent producer's id and epoch, once it has them.
    pub fn producer_id(&self) -> Option<(ProducerId, ProducerEpoch)> {
        None
    }
}
