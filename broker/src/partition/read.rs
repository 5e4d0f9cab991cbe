//! Reading a partition for a fetch, and booking a follower's progress (`Partition.fetchRecords`).
//!
//! A fetch by a follower is two things at once: it reads, and it acknowledges. The order
//! matters: everything the answer says (log end, high watermark, last stable offset) is
//! sampled *before* the read and before the acknowledgement moves anything, so a follower
//! hears of its own acknowledgement only in the next answer.

use std::sync::Arc;

use bytes::Bytes;

use super::cluster;
use super::leader::Surroundings;
use super::local_partition::{Moved, Partition, PartitionRole};
use super::replica::FollowerFetch;
use crate::config::{Behaviour, Switch};
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{BrokerEpoch, LeaderEpoch, NodeId, Offset, UNKNOWN_OFFSET};
use crate::log::ReadError;
use crate::message::{AbortedTransaction, EpochEndOffset, ErrorCode, FetchPartition};
use crate::record::batches;
use crate::storage::StorageError;

/// Up to where a reader may see (`FetchIsolation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchBound {
    /// A follower copies everything.
    LogEnd,
    /// A consumer sees what is committed.
    HighWatermark,
    /// A read_committed consumer sees what is committed and decided.
    LastStable,
}

/// Who reads, and how (`FetchParams`): the same for all partitions of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchParameters {
    /// The follower; [`NodeId::NONE`] for a consumer.
    pub replica: NodeId,
    /// The follower's registration; −1 if it did not say.
    pub replica_epoch: BrokerEpoch,
    /// Whether topics go by name: then none of them is unknown by its id.
    pub by_name: bool,
    /// How many bytes are worth answering at once.
    pub min_bytes: i32,
    /// The most bytes in the whole answer.
    pub max_bytes: i32,
    /// Up to where the reader may see.
    pub bound: FetchBound,
    /// The consumer's rack (KIP-392).
    pub rack: Option<Arc<str>>,
}

impl FetchParameters {
    /// Whether a follower reads.
    pub fn is_from_follower(&self) -> bool {
        self.replica.is_some()
    }
}

/// What a partition answers to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadResult {
    /// Whether it could be read.
    pub error: ErrorCode,
    /// Before the read; −1 on error.
    pub high_watermark: Offset,
    /// Before the read; −1 on error.
    pub last_stable_offset: Offset,
    /// Before the read; −1 on error.
    pub log_start_offset: Offset,
    /// Where the reader's log leaves this one; no records then.
    pub diverging: Option<EpochEndOffset>,
    /// The batches.
    pub records: Bytes,
    /// What a read_committed consumer must skip.
    pub aborted: Vec<AbortedTransaction>,
    /// The replica that the consumer should read from instead; no records then.
    pub preferred_read_replica: Option<NodeId>,
    /// The disk failed: the log directory must go offline.
    pub storage_error: Option<StorageError>,
}

impl ReadResult {
    /// An answer without records.
    pub fn error(error: ErrorCode) -> ReadResult {
        ReadResult {
            error,
            high_watermark: UNKNOWN_OFFSET,
            last_stable_offset: UNKNOWN_OFFSET,
            log_start_offset: UNKNOWN_OFFSET,
            diverging: None,
            records: Bytes::new(),
            aborted: Vec::new(),
            preferred_read_replica: None,
            storage_error: None,
        }
    }
}

/// What one partition may still add to an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadLimit {
    /// Bytes left in the whole answer.
    pub bytes: i32,
    /// Whether one batch may exceed the limits: true until some partition has given records.
    pub min_one_batch: bool,
}

/// What an epoch look-up says of a reader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EpochCheck {
    /// As far as is known the reader's log is a prefix of this one.
    Consistent,
    /// It leaves this one, there.
    Diverges(EpochEndOffset),
    /// The epoch is not known here.
    Unknown,
}

impl Partition {
    /// The offset below which a reader sees records.
    pub(super) fn bound(&self, bound: FetchBound) -> Offset {
        match bound {
            FetchBound::LogEnd => self.log.log_end_offset(),
            FetchBound::HighWatermark => self.log.high_watermark(),
            FetchBound::LastStable => self.log.last_stable_offset(),
        }
    }

    /// Whether a reader whose last record has `last_fetched_epoch` and ends at `fetch_offset` has left this log (KIP-595).
    pub(super) fn check_last_fetched_epoch(
        &self,
        behaviour: &Behaviour,
        last_fetched_epoch: LeaderEpoch,
        fetch_offset: Offset,
    ) -> EpochCheck {
        let Some(end) = self.log.end_offset_for_epoch(last_fetched_epoch) else { return EpochCheck::Unknown };
        if behaviour.is(Switch::EpochReplyWithoutEpoch) {
            let end = EpochEndOffset { epoch: last_fetched_epoch, end_offset: end.end_offset };
            return if end.end_offset < fetch_offset { EpochCheck::Diverges(end) } else { EpochCheck::Consistent };
        }
        if end.leader_epoch < last_fetched_epoch || end.end_offset < fetch_offset {
            EpochCheck::Diverges(EpochEndOffset { epoch: end.leader_epoch, end_offset: end.end_offset })
        } else {
            EpochCheck::Consistent
        }
    }

    /// Reads for a fetch. `book` is whether a follower's progress is booked: not when a parked fetch is read again,
    /// because what it says has been booked when it arrived.
    pub(super) fn fetch(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        parameters: &FetchParameters,
        request: &FetchPartition,
        limit: ReadLimit,
        book: bool,
    ) -> (ReadResult, Moved) {
        let from_follower = parameters.is_from_follower();
        if let Err(error) = self.check_epoch(epoch_of_fetch(around.behaviour, request), from_follower) {
            return (ReadResult::error(error), Moved::default());
        }
        if from_follower && let Err(error) = self.check_is_replica(parameters.replica, request.current_leader_epoch) {
            return (ReadResult::error(error), Moved::default());
        }
        if let Some(preferred) =
            self.preferred_read_replica(around, parameters, request.fetch_offset, ctx.now.monotonic)
        {
            return (ReadResult { preferred_read_replica: Some(preferred), ..self.positions() }, Moved::default());
        }
        let leader_log_end_offset = self.log.log_end_offset();
        let result = self.read(ctx, around, parameters, request, limit);
        if !from_follower || !book || !result.error.is_none() || result.diverging.is_some() {
            return (result, Moved::default());
        }
        let fetch = FollowerFetch {
            fetch_offset: request.fetch_offset,
            log_start_offset: request.log_start_offset,
            time: ctx.now.monotonic,
            leader_log_end_offset,
            broker_epoch: parameters.replica_epoch,
        };
        match self.book_follower_fetch(ctx, around, parameters.replica, &fetch) {
            Ok(moved) => (result, moved),
            Err(error) => (ReadResult::error(error), Moved::default()),
        }
    }

    /// A replica that the leader does not know of: with a matching epoch the leader may only be behind with its
    /// metadata (a reassignment adds replicas without a new epoch), so the follower is told to retry.
    fn check_is_replica(&self, replica: NodeId, known: LeaderEpoch) -> Result<(), ErrorCode> {
        match &self.role {
            PartitionRole::Leader(leader) if leader.followers.contains_key(&replica) => Ok(()),
            PartitionRole::Leader(_) | PartitionRole::Follower { .. } if known.is_some() => {
                Err(ErrorCode::UnknownLeaderEpoch)
            }
            PartitionRole::Leader(_) | PartitionRole::Follower { .. } => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    /// An answer that says where the log stands, and nothing else.
    fn positions(&self) -> ReadResult {
        ReadResult {
            high_watermark: self.log.high_watermark(),
            last_stable_offset: self.log.last_stable_offset(),
            log_start_offset: self.log.log_start_offset(),
            ..ReadResult::error(ErrorCode::None)
        }
    }

    fn read(
        &self,
        ctx: &mut Context,
        around: &Surroundings,
        parameters: &FetchParameters,
        request: &FetchPartition,
        limit: ReadLimit,
    ) -> ReadResult {
        let mut result = self.positions();
        if request.last_fetched_epoch.is_some() && !around.behaviour.is(Switch::IgnoreDivergence) {
            let check =
                self.check_last_fetched_epoch(around.behaviour, request.last_fetched_epoch, request.fetch_offset);
            // An unknown epoch, or an offset before the log's start, is out of range whether or not it diverges.
            if check == EpochCheck::Unknown || request.fetch_offset < result.log_start_offset {
                return ReadResult::error(ErrorCode::OffsetOutOfRange);
            }
            if let EpochCheck::Diverges(end) = check {
                ctx.emit(PartitionEvent::DivergenceFound {
                    partition: self.name.clone(),
                    replica: parameters.replica,
                    epoch: end.epoch,
                    end_offset: end.end_offset,
                });
                result.diverging = Some(end);
                return result;
            }
        }
        let max_bytes = request.max_bytes.min(limit.bytes);
        let bound = self.bound(parameters.bound);
        let is_followers = !parameters.is_from_follower() && self.leader().is_none();
        let refuses = around.behaviour.is(Switch::FollowerOutOfRangeAboveHighWatermark);
        if refuses && is_followers && request.fetch_offset > bound {
            return ReadResult::error(ErrorCode::OffsetOutOfRange);
        }
        match self.log.read(ctx, request.fetch_offset, max_bytes, bound, limit.min_one_batch) {
            Ok(records) => result.records = records,
            Err(error) => return read_failed(error),
        }
        if parameters.bound == FetchBound::LastStable {
            match self.aborted_transactions(ctx, request.fetch_offset, &result.records) {
                Ok(aborted) => result.aborted = aborted,
                Err(error) => return read_failed(error),
            }
        }
        result
    }

    /// What a read_committed consumer must skip among these records.
    ///
    /// Simplified: Kafka takes the upper end from the offset index, and may list transactions beyond the last
    /// batch read; the consumer drops those.
    fn aborted_transactions(
        &self,
        ctx: &mut Context,
        from: Offset,
        records: &Bytes,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let Some(upper) = batches(records).filter_map(Result::ok).map(|batch| batch.next_offset()).last() else {
            return Ok(Vec::new());
        };
        self.log.aborted_transactions(ctx, from, upper)
    }

    /// Books how far a follower is, and draws the consequences in Kafka's order: expand the ISR, then raise the high
    /// watermark (only if the follower's end moved).
    ///
    /// # Errors
    /// NOT_LEADER_OR_FOLLOWER when a newer process of that broker is registered: nothing is booked then (KIP-903).
    pub(super) fn book_follower_fetch(
        &mut self,
        ctx: &mut Context,
        around: &Surroundings,
        replica: NodeId,
        fetch: &FollowerFetch,
    ) -> Result<Moved, ErrorCode> {
        let PartitionRole::Leader(leader) = &mut self.role else { return Err(ErrorCode::NotLeaderOrFollower) };
        let Some(follower) = leader.followers.get_mut(&replica) else { return Err(ErrorCode::NotLeaderOrFollower) };
        let registered = cluster::alive_broker_epoch(around.image, replica);
        if fetch.broker_epoch != BrokerEpoch::NONE && registered.is_some_and(|epoch| epoch > fetch.broker_epoch) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let from = follower.log_end_offset;
        follower.fetched(fetch);
        let advanced = from != fetch.fetch_offset;
        if advanced {
            ctx.emit(PartitionEvent::FollowerAdvanced {
                partition: self.name.clone(),
                replica,
                from,
                to: fetch.fetch_offset,
            });
        }
        let proposal = self.expand_isr(ctx, around, replica);
        let high_watermark_rose = advanced && self.raise_high_watermark(ctx, around);
        Ok(Moved { high_watermark_rose, proposal })
    }
}

/// The epoch in which a fetch was sent, as far as the leader looks at it.
pub(super) fn epoch_of_fetch(behaviour: &Behaviour, request: &FetchPartition) -> LeaderEpoch {
    let looks_away = behaviour.is(Switch::FetchWithoutEpochs) || behaviour.is(Switch::FetchWithoutCurrentEpoch);
    if looks_away { LeaderEpoch::NONE } else { request.current_leader_epoch }
}

fn read_failed(error: ReadError) -> ReadResult {
    match error {
        ReadError::OutOfRange => ReadResult::error(ErrorCode::OffsetOutOfRange),
        ReadError::Corrupt => ReadResult::error(ErrorCode::CorruptMessage),
        ReadError::Storage(error) => {
            ReadResult { storage_error: Some(error), ..ReadResult::error(ErrorCode::KafkaStorageError) }
        }
    }
}
