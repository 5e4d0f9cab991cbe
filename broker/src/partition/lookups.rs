//! Questions about offsets and epochs (`fetchOffset`, `lastOffsetForLeaderEpoch`).
//!
//! Directly after an election the new leader's high watermark may lie before the start of
//! its epoch: it leads records that are committed and does not know it yet. A client that
//! asks for the end is told to ask again (OFFSET_NOT_AVAILABLE), because the true answer
//! would seem to go backwards.

use super::local_partition::Partition;
use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use crate::config::Switch;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{LeaderEpoch, Offset, RequestHandle, UNKNOWN_OFFSET};
use crate::log::{ReadError, TimestampOffset};
use crate::message::{
    ErrorCode, IsolationLevel, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, OffsetForLeaderEpochPartition, OffsetForLeaderEpochPartitionResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetSpec, Response,
};

/// The timestamp of an answer that is not about a record.
const NO_TIMESTAMP: i64 = -1;

impl ReplicaManager {
    /// A client's or follower's look-up of offsets.
    pub fn list_offsets(&mut self, ctx: &mut Context, handle: RequestHandle, request: ListOffsetsRequest) {
        let isolation = (!request.replica_id.is_some()).then_some(request.isolation);
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for question in &request.partitions {
            let found = match self.hosted(&question.partition) {
                Ok(partition) => partition.list_offset(ctx, question, isolation),
                Err(error) => Err(error),
            };
            if let (Some(isolation), OffsetSpec::Latest) = (isolation, question.spec) {
                ctx.emit(PartitionEvent::EndOffsetListed {
                    partition: question.partition.clone(),
                    isolation,
                    offset: found.ok().flatten().map(|found| found.offset),
                });
            }
            if found == Err(ErrorCode::KafkaStorageError) {
                self.note_failure(&question.partition);
            }
            let (error, found) = match found {
                Ok(found) => (ErrorCode::None, found),
                Err(error) => (error, None),
            };
            partitions.push(ListOffsetsPartitionResponse {
                partition: question.partition.clone(),
                error,
                timestamp: found.map_or(NO_TIMESTAMP, |found| found.timestamp),
                offset: found.map_or(UNKNOWN_OFFSET, |found| found.offset),
                leader_epoch: found.and_then(|found| found.leader_epoch).unwrap_or(LeaderEpoch::NONE),
            });
        }
        let response = Response::ListOffsets(ListOffsetsResponse { partitions });
        self.outbox.push(PartitionOutput::Reply { handle, response });
        self.settle(ctx);
    }

    /// A client's or follower's look-up of epochs.
    pub fn offset_for_leader_epoch(
        &mut self,
        ctx: &mut Context,
        handle: RequestHandle,
        request: OffsetForLeaderEpochRequest,
    ) {
        let partitions = request.partitions.iter().map(|question| self.epoch_end(question)).collect();
        let response = Response::OffsetForLeaderEpoch(OffsetForLeaderEpochResponse { partitions });
        self.outbox.push(PartitionOutput::Reply { handle, response });
        self.settle(ctx);
    }

    fn epoch_end(&self, question: &OffsetForLeaderEpochPartition) -> OffsetForLeaderEpochPartitionResponse {
        let found = self.hosted(&question.partition).and_then(|partition| {
            partition.check_epoch(question.current_leader_epoch, true)?;
            Ok(partition.log.end_offset_for_epoch(question.leader_epoch))
        });
        let (error, end) = match found {
            Ok(end) => (ErrorCode::None, end),
            Err(error) => (error, None),
        };
        OffsetForLeaderEpochPartitionResponse {
            partition: question.partition.clone(),
            error,
            leader_epoch: end.map_or(LeaderEpoch::NONE, |end| end.leader_epoch),
            end_offset: end.map_or(UNKNOWN_OFFSET, |end| end.end_offset),
        }
    }
}

impl Partition {
    /// The offset that is asked for; `isolation` is given by clients only. `None`: there is no such record.
    fn list_offset(
        &self,
        ctx: &mut Context,
        question: &ListOffsetsPartition,
        isolation: Option<IsolationLevel>,
    ) -> Result<Option<TimestampOffset>, ErrorCode> {
        self.check_epoch(question.current_leader_epoch, true)?;
        let end = match isolation {
            Some(IsolationLevel::ReadCommitted) => self.log.last_stable_offset(),
            Some(IsolationLevel::ReadUncommitted) => self.log.high_watermark(),
            None => self.log.log_end_offset(),
        };
        let lags = isolation.is_some()
            && !self.log.behaviour.is(Switch::ListOffsetsIgnoresEpochStart)
            && self.leader().is_some_and(|leader| leader.epoch_start_offset > self.log.high_watermark());
        let found = match question.spec {
            OffsetSpec::Latest if lags => return Err(ErrorCode::OffsetNotAvailable),
            OffsetSpec::Latest => return Ok(Some(no_record(end, Some(self.leader_epoch)))),
            OffsetSpec::Earliest => {
                let start = self.log.log_start_offset();
                return Ok(Some(no_record(start, self.log.epoch_for_offset(start))));
            }
            OffsetSpec::MaxTimestamp => self.log.max_timestamp_offset(ctx),
            OffsetSpec::AtTimestamp(timestamp) => self.log.offset_for_timestamp(ctx, timestamp),
        };
        let visible = found.map_err(code_of)?.filter(|found| found.offset < end);
        if visible.is_none() && lags { Err(ErrorCode::OffsetNotAvailable) } else { Ok(visible) }
    }
}

fn no_record(offset: Offset, leader_epoch: Option<LeaderEpoch>) -> TimestampOffset {
    TimestampOffset { timestamp: NO_TIMESTAMP, offset, leader_epoch }
}

fn code_of(error: ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange => ErrorCode::OffsetOutOfRange,
        ReadError::Corrupt => ErrorCode::CorruptMessage,
        ReadError::Storage(_) => ErrorCode::KafkaStorageError,
    }
}
