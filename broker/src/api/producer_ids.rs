//! Producer ids: a broker hands them out one by one from blocks of 1000 that it gets from
//! the controller (KIP-730, `RPCProducerIdManager`).
//!
//! ```text
//!   current block  [first ......... 90 %: ask for the next .... last]
//!   next block     [...]  becomes current when the current one is used up
//! ```
//!
//! While there is no block, a producer is told COORDINATOR_LOAD_IN_PROGRESS and asks again.
//! Simplified: only ids without a transactional id; this broker coordinates no transactions.

use std::time::Duration;

use crate::context::Context;
use crate::ids::{BrokerEpoch, NodeId, ProducerEpoch, ProducerId};
use crate::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, ErrorCode, InitProducerIdRequest, InitProducerIdResponse,
};
use crate::time::Time;

/// The next request after one that failed.
const RETRY_BACKOFF: Duration = Duration::from_millis(50);

/// A block of ids: `first <= next <= first + size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Block {
    first: i64,
    size: i64,
    next: i64,
}

impl Block {
    /// The last id of the block; −1 of the empty block at the start.
    fn last(self) -> i64 {
        self.first + self.size - 1
    }

    fn claim(&mut self) -> Option<i64> {
        let id = self.next;
        (id <= self.last()).then(|| {
            self.next += 1;
            id
        })
    }
}

/// Gives out producer ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerIdManager {
    node: NodeId,
    current: Block,
    next: Option<Block>,
    /// Stays set until the block asked for has come into use, so that none is asked for twice.
    is_requested: bool,
    retry_at: Option<Time>,
    outbox: Option<AllocateProducerIdsRequest>,
}

impl ProducerIdManager {
    /// No block yet; the first is asked for when the first id is.
    pub fn new(node: NodeId) -> Self {
        ProducerIdManager {
            node,
            current: Block::default(),
            next: None,
            is_requested: false,
            retry_at: None,
            outbox: None,
        }
    }

    /// Answers InitProducerId.
    pub fn init_producer_id(
        &mut self,
        ctx: &mut Context,
        request: &InitProducerIdRequest,
        broker_epoch: BrokerEpoch,
    ) -> InitProducerIdResponse {
        let refuse = |error| InitProducerIdResponse {
            error,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
        };
        let has_id = request.producer_id != ProducerId::NONE;
        let has_epoch = request.producer_epoch != ProducerEpoch::NONE;
        match request.transactional_id.as_deref() {
            _ if has_id != has_epoch => refuse(ErrorCode::InvalidRequest),
            Some("") => refuse(ErrorCode::InvalidRequest),
            Some(_) => refuse(ErrorCode::NotCoordinator),
            // Without a transactional id there is nothing to continue: always a new id, epoch 0.
            None => match self.generate(ctx, broker_epoch) {
                Some(producer_id) => {
                    InitProducerIdResponse { error: ErrorCode::None, producer_id, producer_epoch: ProducerEpoch(0) }
                }
                None => refuse(ErrorCode::CoordinatorLoadInProgress),
            },
        }
    }

    fn generate(&mut self, ctx: &mut Context, broker_epoch: BrokerEpoch) -> Option<ProducerId> {
        loop {
            if let Some(id) = self.current.claim() {
                if id == self.current.first + self.current.size * 9 / 10 {
                    self.maybe_request(ctx, broker_epoch);
                }
                return Some(ProducerId(id));
            }
            let Some(block) = self.next.take() else {
                self.maybe_request(ctx, broker_epoch);
                return None;
            };
            self.current = block;
            self.is_requested = false;
        }
    }

    fn maybe_request(&mut self, ctx: &mut Context, broker_epoch: BrokerEpoch) {
        let is_backing_off = self.retry_at.is_some_and(|retry_at| ctx.now.monotonic < retry_at);
        if is_backing_off || self.is_requested || self.next.is_some() {
            return;
        }
        self.is_requested = true;
        self.retry_at = None;
        self.outbox = Some(AllocateProducerIdsRequest { broker: self.node, broker_epoch });
    }

    /// A request for the active controller, on the forwarding channel, if one is wanted.
    pub fn take_request(&mut self) -> Option<AllocateProducerIdsRequest> {
        self.outbox.take()
    }

    /// The controller answered; `None` if nobody did in time.
    pub fn handle_response(&mut self, ctx: &mut Context, response: Option<AllocateProducerIdsResponse>) {
        let Some(response) = response else {
            self.is_requested = false;
            return;
        };
        let first = response.producer_id_start.0;
        let size = i64::from(response.producer_id_len);
        let is_sane = first >= self.current.last() && first >= 0 && size >= 0 && first <= i64::MAX - size;
        if response.error.is_none() && is_sane {
            self.next = Some(Block { first, size, next: first });
        } else {
            self.retry_at = Some(ctx.now.monotonic + RETRY_BACKOFF);
            self.is_requested = false;
        }
    }
}
