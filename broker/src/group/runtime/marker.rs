//! The end of a transaction in a coordinator's partition (`CoordinatorRuntime.completeTransaction`).
//!
//! A marker is replayed before it is written, as records are, and taken back if the log refuses it: an older producer
//! epoch, or an older transaction coordinator.

use std::time::Duration;

use super::Around;
use super::active::{Active, Waiting, WaitingReply};
use crate::context::Context;
use crate::event::GroupEvent;
use crate::group::answers::refusal;
use crate::group::contract::{FailedReply, RequestContext};
use crate::ids::TopicPartition;
use crate::message::{ErrorCode, Request, TxnMarker, WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use crate::record::{BatchBuilder, EndTransactionMarker, NO_SEQUENCE};

/// `request.timeout.ms` of a broker. Simplified: its default, whatever was set.
const MARKER_TIMEOUT: Duration = Duration::from_secs(30);

impl Active {
    /// Replays and appends the end of a transaction; it is answered when the high watermark has passed the marker.
    pub fn complete_transaction(
        &mut self,
        ctx: &mut Context,
        around: &mut Around,
        who: &RequestContext,
        marker: &TxnMarker,
    ) {
        let request = Request::from(WriteTxnMarkersRequest { markers: vec![marker.clone()] });
        match self.write_marker(ctx, around, marker) {
            Ok(()) => {
                let written = |partition: &TopicPartition| (partition.clone(), ErrorCode::None);
                let errors = marker.partitions.iter().map(written).collect();
                let response = WriteTxnMarkersResponse { markers: vec![(marker.producer_id, errors)] }.into();
                let reply = WaitingReply { handle: who.handle, response, on_failure: FailedReply(request) };
                let deadline = ctx.now.monotonic + MARKER_TIMEOUT;
                let id = self.wait(Waiting { replies: vec![reply], then: None, deadline, version: who.version });
                self.wait_for_pending_writes(ctx, around, id);
            }
            Err(error) => self.answer(who.handle, refusal(&request, who.version, error)),
        }
    }

    fn write_marker(&mut self, ctx: &mut Context, around: &mut Around, marker: &TxnMarker) -> Result<(), ErrorCode> {
        // The marker stands behind all that was decided before it.
        self.flush(ctx, around)?;
        let TxnMarker { producer_id, producer_epoch, committed, coordinator_epoch, .. } = *marker;
        let before = self.shard.snapshot();
        self.shard.replay_end_transaction(producer_id, producer_epoch, committed);
        let end = EndTransactionMarker { commit: committed, coordinator_epoch };
        let batch = BatchBuilder::new(0)
            .producer(producer_id, producer_epoch, NO_SEQUENCE)
            .transactional(true)
            .append_control(ctx.now.wall.millis(), end.control_type(), &end.value());
        match around.log.append(ctx, self.partition, batch.build()) {
            Ok(end_offset) => {
                self.written_up_to(ctx, end_offset);
                let (partition, producer) = (self.partition, producer_id);
                ctx.emit(GroupEvent::TransactionEnded { partition, producer, committed });
                Ok(())
            }
            Err(error) => {
                self.shard.revert(&before);
                ctx.emit(GroupEvent::GroupRecordsReverted { partition: self.partition, error });
                Err(error)
            }
        }
    }
}
