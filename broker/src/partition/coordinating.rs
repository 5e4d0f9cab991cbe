//! What coordinators ask of the partitions that hold their records (`CoordinatorPartitionWriter`).

use bytes::Bytes;

use super::local_partition::Partition;
use super::manager::ReplicaManager;
use crate::context::Context;
use crate::ids::{Offset, TopicPartition};
use crate::log::{AppendOrigin, ReadError};
use crate::message::{Acks, ErrorCode};

impl ReplicaManager {
    /// A partition that this broker leads.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER, or why it is not hosted here.
    pub fn led(&self, name: &TopicPartition) -> Result<&Partition, ErrorCode> {
        let partition = self.hosted(name)?;
        partition.leader().map(|_| partition).ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// Appends a coordinator's batch as the leader, without waiting for followers; answers the offset behind it. Kafka
    /// appends with `acks=1`, so that too few in-sync replicas do not refuse it.
    ///
    /// # Errors
    /// As a produce request's.
    pub fn append_for_coordinator(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        batch: Bytes,
    ) -> Result<Offset, ErrorCode> {
        let (partition, around) = self.online(name)?;
        let outcome = partition.append_as_leader(ctx, &around, batch, Acks::Leader, AppendOrigin::Coordinator);
        self.after_append(name);
        let result = match outcome {
            Ok(produced) => {
                if produced.high_watermark_rose {
                    self.complete_produces(ctx, name);
                }
                self.complete_fetches(ctx, name);
                Ok(produced.info.last_offset + 1)
            }
            Err(failed) => {
                if failed.storage_error.is_some() {
                    self.note_failure(name);
                }
                Err(failed.error)
            }
        };
        self.settle(ctx);
        result
    }

    /// Reads what a coordinator has written, up to the log's end. Nothing where compaction has left nothing.
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER; OFFSET_OUT_OF_RANGE; the disk failed.
    pub fn read_for_coordinator(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        from: Offset,
        max_bytes: i32,
    ) -> Result<Bytes, ErrorCode> {
        let log = self.led(name)?.log();
        match log.read(ctx, from, max_bytes, log.log_end_offset(), true) {
            Ok(records) => Ok(records),
            Err(ReadError::OutOfRange) => Err(ErrorCode::OffsetOutOfRange),
            Err(ReadError::Corrupt) => Err(ErrorCode::CorruptMessage),
            Err(ReadError::Storage(_)) => {
                self.note_failure(name);
                self.settle(ctx);
                Err(ErrorCode::KafkaStorageError)
            }
        }
    }
}
