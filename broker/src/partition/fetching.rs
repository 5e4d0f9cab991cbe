//! Fetch requests, as the replica manager takes them (`ReplicaManager.fetchMessages`, `DelayedFetch`).
//!
//! ```text
//!   Fetch ─▶ session says what to read ─▶ read each, book the follower ─┬─ enough, an error, a divergence ─▶ answered
//!                                                                      └─ otherwise parked; when something
//!                         read again (nothing is booked then) ◀────────── happens to a partition, or time is up
//! ```
//!
//! A parked fetch of a follower waits for the *log end*, so a high watermark that moves
//! does not wake it (KAFKA-9952): followers' high watermarks lag by up to
//! replica.fetch.wait.max.ms, and that is right.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use super::purgatory::WaitId;
use super::read::{EpochCheck, FetchBound, FetchParameters, ReadLimit, ReadResult, epoch_of_fetch};
use super::session::FetchContext;
use crate::config::Switch;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{NodeId, RequestHandle, TopicPartition};
use crate::message::{
    ErrorCode, FetchPartition, FetchPartitionResponse, FetchRequest, IsolationLevel, NodeEndpoint, Response,
};

/// A fetch that waits for records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DelayedFetch {
    /// Whom to answer.
    pub handle: RequestHandle,
    /// Who reads, and how.
    pub parameters: FetchParameters,
    /// What it reads, in order.
    pub targets: Vec<FetchTarget>,
    context: FetchContext,
    unreadable: Vec<FetchPartition>,
}

/// One partition of a fetch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchTarget {
    /// Its name.
    pub partition: TopicPartition,
    /// What is asked.
    pub request: FetchPartition,
}

/// What a round of reading found.
#[derive(Default)]
struct Round {
    answers: Vec<FetchPartitionResponse>,
    bytes: u64,
    /// Some partition failed, diverges or is better read elsewhere: the reader must hear of it at once.
    urgent: bool,
}

impl ReplicaManager {
    /// A follower's or consumer's request. Answered by `Reply`, perhaps later.
    pub fn fetch(&mut self, ctx: &mut Context, handle: RequestHandle, request: FetchRequest) {
        let parameters = self.parameters_of(&request);
        let (context, asked) = self.sessions.accept(ctx.now.monotonic, &request);
        let mut targets = Vec::with_capacity(asked.len());
        let mut unreadable = Vec::new();
        for request in asked {
            let topic = match request.topic_id.is_zero() && parameters.by_name {
                true => Some(&request.topic),
                false => self.image.topic_name(request.topic_id),
            };
            match topic {
                Some(topic) if self.image.partition(topic, request.partition).is_some() => {
                    let partition = TopicPartition { topic: topic.clone(), partition: request.partition };
                    targets.push(FetchTarget { partition, request });
                }
                Some(_) | None => unreadable.push(request),
            }
        }
        let delayed = DelayedFetch { handle, parameters, targets, context, unreadable };
        let round = self.read_targets(ctx, &delayed, true);
        let min_bytes = u64::try_from(delayed.parameters.min_bytes).unwrap_or(0);
        if request.max_wait_ms <= 0 || delayed.targets.is_empty() || round.bytes >= min_bytes || round.urgent {
            self.answer_fetch(ctx, delayed, round, false);
        } else if self.fetch_is_complete(ctx, &delayed) {
            let round = self.read_targets(ctx, &delayed, false);
            self.answer_fetch(ctx, delayed, round, false);
        } else {
            let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
            self.park_fetch(ctx, delayed, wait);
        }
        self.settle(ctx);
    }

    fn parameters_of(&self, request: &FetchRequest) -> FetchParameters {
        let max_bytes = request.max_bytes.min(self.config.replication.fetch_max_bytes);
        let bound = if request.replica_id.is_some() {
            FetchBound::LogEnd
        } else {
            match request.isolation {
                IsolationLevel::ReadUncommitted => FetchBound::HighWatermark,
                IsolationLevel::ReadCommitted => FetchBound::LastStable,
            }
        };
        FetchParameters {
            replica: request.replica_id,
            replica_epoch: request.replica_epoch,
            by_name: request.by_name,
            min_bytes: request.min_bytes.min(max_bytes),
            max_bytes,
            bound,
            rack: Some(request.rack_id.as_str()).filter(|rack| !rack.is_empty()).map(Arc::from),
        }
    }

    /// Reads everything that a fetch asks for, within its limits, in its order.
    fn read_targets(&mut self, ctx: &mut Context, fetch: &DelayedFetch, book: bool) -> Round {
        let mut round = Round { answers: Vec::with_capacity(fetch.targets.len()), ..Round::default() };
        let mut limit = ReadLimit { bytes: fetch.parameters.max_bytes, min_one_batch: true };
        for target in &fetch.targets {
            let result = self.read_target(ctx, &fetch.parameters, target, limit, book);
            let bytes = result.records.len();
            if bytes > 0 {
                limit.min_one_batch = false;
            }
            limit.bytes = limit.bytes.saturating_sub(i32::try_from(bytes).unwrap_or(i32::MAX)).max(0);
            round.bytes += bytes as u64;
            round.urgent |=
                !result.error.is_none() || result.diverging.is_some() || result.preferred_read_replica.is_some();
            round.answers.push(answer_of(&target.request, result));
        }
        round
    }

    fn read_target(
        &mut self,
        ctx: &mut Context,
        parameters: &FetchParameters,
        target: &FetchTarget,
        limit: ReadLimit,
        book: bool,
    ) -> ReadResult {
        let (partition, around) = match self.online(&target.partition) {
            Ok(found) => found,
            Err(error) => return ReadResult::error(error),
        };
        if !target.request.topic_id.is_zero() && partition.topic_id != target.request.topic_id {
            return ReadResult::error(ErrorCode::InconsistentTopicId);
        }
        let (result, moved) = partition.fetch(ctx, &around, parameters, &target.request, limit, book);
        if result.storage_error.is_some() {
            self.note_failure(&target.partition);
        }
        self.after_move(ctx, &target.partition, moved);
        if book && parameters.replica.is_some() {
            // The follower has said where its log starts.
            self.complete_deletes(&target.partition);
        }
        result
    }

    fn park_fetch(&mut self, ctx: &mut Context, delayed: DelayedFetch, wait: Duration) {
        for target in &delayed.targets {
            ctx.emit(PartitionEvent::FetchParked {
                partition: target.partition.clone(),
                replica: delayed.parameters.replica,
                fetch_offset: target.request.fetch_offset,
                max_wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            });
        }
        let watched = delayed.targets.iter().map(|target| target.partition.clone()).collect();
        self.fetches.park(delayed, watched, ctx.now.monotonic + wait);
    }

    /// Whether a fetch need not wait any longer (`DelayedFetch.tryComplete`).
    fn fetch_is_complete(&self, ctx: &mut Context, fetch: &DelayedFetch) -> bool {
        let min_bytes = u64::try_from(fetch.parameters.min_bytes).unwrap_or(0);
        let mut bytes = 0;
        for target in &fetch.targets {
            match self.bytes_for(ctx, &fetch.parameters, target, min_bytes) {
                Some(more) => bytes += more,
                None => return true,
            }
        }
        bytes >= min_bytes
    }

    /// How many bytes wait for a reader; `None` when it must be answered whatever there is: the partition can no
    /// longer be read, the reader lies beyond its bound, on an older segment than it, or has left this log.
    ///
    /// Simplified: positions are looked up anew. Kafka compares the one that it noted when it read (`LogOffsetMetadata`): a
    /// reader at the end of a segment that was rolled since is on an older one there (`DelayedFetch`, case F), and is
    /// answered at once even where it waits for more than one byte.
    fn bytes_for(
        &self,
        ctx: &mut Context,
        parameters: &FetchParameters,
        target: &FetchTarget,
        min_bytes: u64,
    ) -> Option<u64> {
        let partition = self.hosted(&target.partition).ok()?;
        let request = &target.request;
        let epoch = epoch_of_fetch(&self.config.behaviour, request);
        partition.check_epoch(epoch, parameters.is_from_follower()).ok()?;
        let bound = partition.bound(parameters.bound);
        // A follower may be beyond the bound after the leader's log was cut; a consumer, when it reads from a
        // follower whose high watermark lags: it polls in a circle then, as it does in Kafka.
        if request.fetch_offset > bound {
            return None;
        }
        let mut bytes = 0;
        if request.fetch_offset < bound {
            // Anything at all is at least one byte: positions matter only to those who ask for more.
            if min_bytes <= 1 {
                return None;
            }
            let from = partition.log.position_of(ctx, request.fetch_offset).ok()?;
            let to = partition.log.position_of(ctx, bound).ok()?;
            if from.segment_base_offset < to.segment_base_offset {
                return None;
            }
            let most = u64::try_from(request.max_bytes).unwrap_or(0);
            bytes = to.position_bytes.saturating_sub(from.position_bytes).min(most);
        }
        if request.last_fetched_epoch.is_some() && !self.config.behaviour.is(Switch::IgnoreDivergence) {
            let behaviour = &self.config.behaviour;
            match partition.check_last_fetched_epoch(behaviour, request.last_fetched_epoch, request.fetch_offset) {
                EpochCheck::Consistent => {}
                EpochCheck::Diverges(_) | EpochCheck::Unknown => return None,
            }
        }
        Some(bytes)
    }

    /// Re-tests the fetches that wait for a partition.
    pub(super) fn complete_fetches(&mut self, ctx: &mut Context, name: &TopicPartition) {
        for id in self.fetches.watching(name) {
            self.retest_fetch(ctx, id);
        }
    }

    fn retest_fetch(&mut self, ctx: &mut Context, id: WaitId) {
        let complete = self.fetches.get(id).is_some_and(|fetch| self.fetch_is_complete(ctx, fetch));
        if complete && let Some(delayed) = self.fetches.remove(id) {
            let round = self.read_targets(ctx, &delayed, false);
            self.answer_fetch(ctx, delayed, round, true);
        }
    }

    /// Answers the fetches whose time is up, with whatever there is.
    pub(super) fn expire_fetches(&mut self, ctx: &mut Context) {
        while let Some(delayed) = self.fetches.remove_expired(ctx.now.monotonic) {
            let round = self.read_targets(ctx, &delayed, false);
            self.answer_fetch(ctx, delayed, round, true);
        }
    }

    fn answer_fetch(&mut self, ctx: &mut Context, fetch: DelayedFetch, round: Round, parked: bool) {
        let DelayedFetch { handle, parameters, targets, context, unreadable } = fetch;
        let mut answers = round.answers;
        let mut endpoints: BTreeMap<NodeId, NodeEndpoint> = BTreeMap::new();
        for (answer, target) in answers.iter_mut().zip(&targets) {
            if matches!(answer.error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
                let hint = self.leader_hint(&target.partition);
                answer.current_leader = Some(hint);
                if !parameters.is_from_follower() {
                    self.add_endpoint(hint, &mut endpoints);
                }
            }
        }
        for request in &unreadable {
            let known = parameters.by_name || self.image.topic_name(request.topic_id).is_some();
            let error = if known { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::UnknownTopicId };
            answers.push(answer_of(request, ReadResult::error(error)));
        }
        let asked: Vec<FetchPartition> = match context {
            FetchContext::Full { .. } => {
                targets.iter().map(|target| target.request.clone()).chain(unreadable).collect()
            }
            FetchContext::Refused(_) | FetchContext::Sessionless | FetchContext::Incremental { .. } => Vec::new(),
        };
        let endpoints = endpoints.into_values().collect();
        let response = self.sessions.answer(ctx, &context, &parameters, &asked, answers, endpoints);
        self.tell_answered(ctx, &parameters, &targets, &response.partitions, parked);
        self.outbox.push(PartitionOutput::Reply { handle, response: Response::Fetch(response) });
    }

    /// One event a partition that is in the answer: what a session leaves out has not changed.
    fn tell_answered(
        &self,
        ctx: &mut Context,
        parameters: &FetchParameters,
        targets: &[FetchTarget],
        answers: &[FetchPartitionResponse],
        parked: bool,
    ) {
        // Answers stand in the order of the targets, with some left out and those that could not be read behind them.
        let mut targets = targets.iter();
        for answer in answers {
            let is_of = |request: &FetchPartition| {
                (request.topic_id, &request.topic, request.partition)
                    == (answer.topic_id, &answer.topic, answer.partition)
            };
            let Some(target) = targets.find(|target| is_of(&target.request)) else { return };
            ctx.emit(PartitionEvent::FetchAnswered {
                partition: target.partition.clone(),
                replica: parameters.replica,
                fetch_offset: target.request.fetch_offset,
                bytes: answer.records.len() as u64,
                high_watermark: answer.high_watermark,
                error: answer.error,
                parked,
            });
        }
    }
}

fn answer_of(request: &FetchPartition, result: ReadResult) -> FetchPartitionResponse {
    FetchPartitionResponse {
        topic_id: request.topic_id,
        topic: request.topic.clone(),
        partition: request.partition,
        error: result.error,
        high_watermark: result.high_watermark,
        last_stable_offset: result.last_stable_offset,
        log_start_offset: result.log_start_offset,
        diverging_epoch: result.diverging,
        current_leader: None,
        snapshot_id: None,
        aborted_transactions: result.aborted,
        preferred_read_replica: result.preferred_read_replica.unwrap_or(NodeId::NONE),
        records: result.records,
    }
}
