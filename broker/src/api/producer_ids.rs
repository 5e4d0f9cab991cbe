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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::LowestChoice;
    use crate::storage::MemoryStorage;
    use crate::time::Now;

    const EPOCH: BrokerEpoch = BrokerEpoch(3);

    fn at<T>(millis: u64, step: impl FnOnce(&mut Context) -> T) -> T {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        let now = Now { monotonic: Time::from_millis(millis), ..Now::default() };
        step(&mut Context::new(now, &mut storage, &mut choices))
    }

    fn plain() -> InitProducerIdRequest {
        InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
        }
    }

    fn block(start: i64) -> Option<AllocateProducerIdsResponse> {
        Some(AllocateProducerIdsResponse {
            error: ErrorCode::None,
            producer_id_start: ProducerId(start),
            producer_id_len: 1000,
        })
    }

    fn ask(manager: &mut ProducerIdManager, millis: u64) -> Result<i64, ErrorCode> {
        let response = at(millis, |ctx| manager.init_producer_id(ctx, &plain(), EPOCH));
        if response.error.is_none() { Ok(response.producer_id.0) } else { Err(response.error) }
    }

    /// `ProducerIdManagerTest.testGenerateProducerId` and `testContiguousIds` with blocks of 1000.
    #[test]
    fn the_next_block_is_asked_for_when_nine_tenths_are_used_and_no_id_is_given_twice() {
        let mut manager = ProducerIdManager::new(NodeId(1));
        assert_eq!(ask(&mut manager, 0), Err(ErrorCode::CoordinatorLoadInProgress));
        let request = AllocateProducerIdsRequest { broker: NodeId(1), broker_epoch: EPOCH };
        assert_eq!(manager.take_request(), Some(request.clone()));
        // Nobody is asked twice at a time.
        assert_eq!(ask(&mut manager, 1), Err(ErrorCode::CoordinatorLoadInProgress));
        assert_eq!(manager.take_request(), None);

        at(2, |ctx| manager.handle_response(ctx, block(5000)));
        let mut given: Vec<i64> = (0..900).map(|_| ask(&mut manager, 3).expect("the block has ids")).collect();
        assert_eq!(manager.take_request(), None);
        given.push(ask(&mut manager, 3).expect("the block has ids"));
        assert_eq!(manager.take_request(), Some(request));
        at(4, |ctx| manager.handle_response(ctx, block(8000)));
        given.extend((901..1002).map(|_| ask(&mut manager, 5).expect("two blocks have ids")));
        let expected: Vec<i64> = (5000..6000).chain(8000..8002).collect();
        assert_eq!(given, expected);
    }

    /// `ProducerIdManagerTest.testRetryBackoff`: 50 ms after an error, at once after silence.
    #[test]
    fn an_error_backs_off_and_silence_does_not() {
        let mut manager = ProducerIdManager::new(NodeId(1));
        let _ = ask(&mut manager, 0);
        assert!(manager.take_request().is_some());
        let refused = AllocateProducerIdsResponse {
            error: ErrorCode::StaleBrokerEpoch,
            producer_id_start: ProducerId(0),
            producer_id_len: 0,
        };
        at(10, |ctx| manager.handle_response(ctx, Some(refused)));
        let _ = ask(&mut manager, 59);
        assert_eq!(manager.take_request(), None);
        let _ = ask(&mut manager, 60);
        assert!(manager.take_request().is_some());
        at(61, |ctx| manager.handle_response(ctx, None));
        let _ = ask(&mut manager, 61);
        assert!(manager.take_request().is_some());
    }

    #[test]
    fn transactional_producers_are_sent_away_and_half_an_identity_is_no_identity() {
        let mut manager = ProducerIdManager::new(NodeId(1));
        let mut error = |request| at(0, |ctx| manager.init_producer_id(ctx, &request, EPOCH)).error;
        let transactional = |id: &str| InitProducerIdRequest { transactional_id: Some(id.to_owned()), ..plain() };
        assert_eq!(error(transactional("t")), ErrorCode::NotCoordinator);
        assert_eq!(error(transactional("")), ErrorCode::InvalidRequest);
        let half = InitProducerIdRequest { producer_id: ProducerId(4), ..plain() };
        assert_eq!(error(half), ErrorCode::InvalidRequest);
    }
}
