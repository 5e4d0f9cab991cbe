//! Appending what producers send, and waiting for the followers (`appendRecordsToLeader`, `DelayedProduce`).

use super::local_partition::{Partition, PartitionRole};
use crate::config::Switch;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{Offset, RequestHandle, TopicPartition};
use crate::log::{AppendError, AppendInfo, AppendOrigin};
use crate::message::{Acks, ErrorCode, ProducePartitionResponse};
use crate::storage::StorageError;
use bytes::Bytes;

use super::leader::Surroundings;

/// What became of an append by the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Produced {
    /// What the log says.
    pub info: AppendInfo,
    /// Whether the high watermark rose at once (the maximal ISR is this broker alone).
    pub high_watermark_rose: bool,
}

/// Why a leader did not append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProduceFailed {
    /// For the response.
    pub error: ErrorCode,
    /// The disk failed: the log directory must go offline.
    pub storage_error: Option<StorageError>,
}

impl From<ErrorCode> for ProduceFailed {
    fn from(error: ErrorCode) -> ProduceFailed {
        ProduceFailed { error, storage_error: None }
    }
}

/// A produce request with `acks=all` whose batches are appended, and which waits for the high watermark to pass them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DelayedProduce {
    /// Whom to answer.
    pub handle: RequestHandle,
    /// The batches.
    pub partitions: Vec<ProduceStatus>,
}

/// One batch of a waiting produce request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProduceStatus {
    /// Its partition.
    pub partition: TopicPartition,
    /// The high watermark that it waits for: the offset behind its last record.
    pub required_offset: Offset,
    /// Whether it still waits. While it does, the response's error is REQUEST_TIMED_OUT: what is answered at the
    /// deadline.
    pub pending: bool,
    /// What will be answered.
    pub response: ProducePartitionResponse,
}

impl Partition {
    /// Appends a producer's batch.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER; NOT_ENOUGH_REPLICAS for acks=all below min.insync.replicas; whatever the log refuses.
    pub(super) fn append_as_leader(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        records: Bytes,
        acks: Acks,
        origin: AppendOrigin,
    ) -> Result<Produced, ProduceFailed> {
        let PartitionRole::Leader(leader) = &self.role else { return Err(ErrorCode::NotLeaderOrFollower.into()) };
        if acks == Acks::All && leader.is_under_min_isr(self.log.settings().min_insync_replicas) {
            return Err(ErrorCode::NotEnoughReplicas.into());
        }
        let info = match self.log.append_as_leader(ctx, records, self.leader_epoch, origin) {
            Ok(info) => info,
            Err(AppendError::Storage(error)) => {
                return Err(ProduceFailed { error: ErrorCode::KafkaStorageError, storage_error: Some(error) });
            }
            Err(AppendError::Refused(error, _)) => return Err(error.into()),
            Err(AppendError::UnexpectedOffset { .. }) => return Err(ErrorCode::UnknownServerError.into()),
        };
        if !info.duplicate {
            ctx.emit(PartitionEvent::Produced {
                partition: self.name.clone(),
                acks,
                base_offset: info.base_offset,
                log_end_offset: info.log_end_offset,
            });
        }
        let high_watermark_rose = self.raise_high_watermark(ctx, around);
        Ok(Produced { info, high_watermark_rose })
    }

    /// Whether an acks=all batch that ends before `required_offset` can be answered, and how
    /// (`checkEnoughReplicasReachOffset`). `None`: it waits on.
    pub(super) fn produce_outcome(&self, around: &Surroundings, required_offset: Offset) -> Option<ErrorCode> {
        let PartitionRole::Leader(leader) = &self.role else { return Some(ErrorCode::NotLeaderOrFollower) };
        if self.log.high_watermark() < required_offset && !around.behaviour.is(Switch::AckBeforeReplication) {
            return None;
        }
        // The ISR may have shrunk below the minimum while the batch waited for exactly that shrink.
        let min_isr = leader.effective_min_isr(self.log.settings().min_insync_replicas);
        if leader.isr.maximal().len() >= min_isr {
            Some(ErrorCode::None)
        } else {
            Some(ErrorCode::NotEnoughReplicasAfterAppend)
        }
    }
}
