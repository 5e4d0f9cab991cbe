//! Giving up the first records of partitions (`deleteRecords`, `DelayedDeleteRecords`; KIP-107).
//!
//! ```text
//!   leader moves its log start ─▶ parked ─▶ followers hear of it with their next fetch, move theirs, and say so with
//!                                           the fetch after it ─▶ the low watermark has risen: answered
//! ```
//!
//! The *low watermark* is the smallest log start of the leader and of the replicas whose brokers live. Nothing beyond the
//! high watermark can be given up, and nothing of a topic whose cleanup.policy does not delete. A leader that is elected
//! later may start earlier: log starts are each replica's own.

use std::time::Duration;

use super::leader::Surroundings;
use super::local_partition::Partition;
use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use super::purgatory::WaitId;
use crate::config::Switch;
use crate::context::Context;
use crate::event::LogStartReason;
use crate::ids::{Offset, RequestHandle, TopicPartition, UNKNOWN_OFFSET};
use crate::message::{
    DeleteRecordsPartitionResponse, DeleteRecordsRequest, DeleteRecordsResponse, ErrorCode, Response,
};

/// "Everything that is committed": the offset −1 of a request.
const HIGH_WATERMARK: Offset = -1;

/// A request whose leader has moved its log start, and which waits for the other replicas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DelayedDelete {
    /// Whom to answer.
    pub handle: RequestHandle,
    /// The partitions.
    pub partitions: Vec<DeleteStatus>,
}

/// One partition of a waiting request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeleteStatus {
    /// Which.
    pub partition: TopicPartition,
    /// The low watermark that it waits for.
    pub required_offset: Offset,
    /// Whether it still waits. While it does, the response's error is REQUEST_TIMED_OUT: what is answered at the deadline.
    pub pending: bool,
    /// What will be answered.
    pub response: DeleteRecordsPartitionResponse,
}

impl Partition {
    /// The smallest log start of this leader and of the followers whose brokers are unfenced; none if this is no leader.
    pub(super) fn low_watermark(&self, around: &Surroundings) -> Option<Offset> {
        let followers = self.leader()?.followers.iter();
        let lives = |id| around.image.broker(id).is_some_and(|broker| !broker.fenced);
        let starts = followers.filter(|(id, _)| lives(**id)).map(|(_, follower)| follower.log_start_offset);
        Some(starts.fold(self.log.log_start_offset(), Offset::min))
    }
}

impl ReplicaManager {
    /// An administrator gives records up. Answered by `Reply`, perhaps later.
    pub fn delete_records(&mut self, ctx: &mut Context, handle: RequestHandle, request: &DeleteRecordsRequest) {
        let asked = request.partitions.iter();
        let partitions = asked.map(|(name, offset)| self.delete_before(ctx, name, *offset)).collect();
        let mut delayed = DelayedDelete { handle, partitions };
        if self.test_delete(&mut delayed) {
            self.answer_delete(delayed);
        } else {
            let watched = delayed.partitions.iter().map(|status| status.partition.clone()).collect();
            let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
            self.deletes.park(delayed, watched, ctx.now.monotonic + timeout);
        }
        self.settle(ctx);
    }

    /// Moves the log start of a partition that this broker leads.
    fn delete_before(&mut self, ctx: &mut Context, name: &TopicPartition, offset: Offset) -> DeleteStatus {
        let moved = self.move_log_start(ctx, name, offset);
        let (required_offset, error) = match moved {
            Ok(required_offset) => (required_offset, ErrorCode::RequestTimedOut),
            Err(error) => (UNKNOWN_OFFSET, error),
        };
        let known = self.partition(name).and_then(|partition| partition.low_watermark(&self.around()));
        let low_watermark = known.filter(|_| moved.is_ok()).unwrap_or(UNKNOWN_OFFSET);
        let response = DeleteRecordsPartitionResponse { partition: name.clone(), low_watermark, error };
        DeleteStatus { partition: name.clone(), required_offset, pending: moved.is_ok(), response }
    }

    fn move_log_start(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        offset: Offset,
    ) -> Result<Offset, ErrorCode> {
        if self.image.partition(&name.topic, name.partition).is_none() {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        if name.topic.is_internal() {
            return Err(ErrorCode::InvalidTopicException);
        }
        let (partition, _) = self.online(name)?;
        if partition.leader().is_none() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        if !partition.log.settings().cleanup_policy.deletes {
            return Err(ErrorCode::PolicyViolation);
        }
        let offset = if offset == HIGH_WATERMARK { partition.log.high_watermark() } else { offset };
        let end = match partition.log.behaviour.is(Switch::DeleteRecordsIgnoresHighWatermark) {
            true => partition.log.log_end_offset(),
            false => partition.log.high_watermark(),
        };
        if !(0..=end).contains(&offset) {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        match partition.log.increment_log_start_offset(ctx, offset, LogStartReason::DeleteRecords) {
            Ok(true) => self.after_truncation(name),
            Ok(false) => {}
            Err(_) => {
                self.note_failure(name);
                return Err(ErrorCode::KafkaStorageError);
            }
        }
        Ok(offset)
    }

    /// Whether every partition is settled. One that is settled stays so.
    fn test_delete(&self, delayed: &mut DelayedDelete) -> bool {
        for status in delayed.partitions.iter_mut().filter(|status| status.pending) {
            let outcome = match self.hosted(&status.partition) {
                Ok(partition) => partition.low_watermark(&self.around()).ok_or(ErrorCode::NotLeaderOrFollower),
                Err(error) => Err(error),
            };
            let (error, low_watermark) = match outcome {
                Ok(low_watermark) if low_watermark < status.required_offset => continue,
                Ok(low_watermark) => (ErrorCode::None, low_watermark),
                Err(error) => (error, UNKNOWN_OFFSET),
            };
            status.pending = false;
            status.response.error = error;
            status.response.low_watermark = low_watermark;
        }
        delayed.partitions.iter().all(|status| !status.pending)
    }

    /// Re-tests the requests that wait for a partition's low watermark.
    pub(super) fn complete_deletes(&mut self, name: &TopicPartition) {
        for id in self.deletes.watching(name) {
            self.retest_delete(id);
        }
    }

    fn retest_delete(&mut self, id: WaitId) {
        let Some(mut delayed) = self.deletes.get(id).cloned() else { return };
        if self.test_delete(&mut delayed) {
            self.deletes.remove(id);
            self.answer_delete(delayed);
        } else if let Some(waiting) = self.deletes.get_mut(id) {
            *waiting = delayed;
        }
    }

    /// Answers the requests whose time is up.
    pub(super) fn expire_deletes(&mut self, ctx: &Context) {
        while let Some(delayed) = self.deletes.remove_expired(ctx.now.monotonic) {
            self.answer_delete(delayed);
        }
    }

    fn answer_delete(&mut self, delayed: DelayedDelete) {
        let partitions = delayed.partitions.into_iter().map(|status| status.response).collect();
        let response = Response::DeleteRecords(DeleteRecordsResponse { partitions });
        self.outbox.push(PartitionOutput::Reply { handle: delayed.handle, response });
    }
}
