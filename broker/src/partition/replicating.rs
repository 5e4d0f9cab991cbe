//! Following: what the replica manager does for its fetchers (`ReplicaFetcherThread`, `RemoteLeaderEndPoint`).
//!
//! Divergence (KIP-101, KIP-279, KIP-595). The follower's fetch says where its log ends
//! and in which epoch. If the leader's log has another end for that epoch, the answer
//! holds the leader's view (E, end) instead of records, and the follower cuts:
//!
//! ```text
//!   own end of the largest epoch ≤ E      cut to                          then
//!   none                                  min(end, own log end)           done
//!   of an epoch < E                       min(own end, own log end)       asks again with that epoch
//!   of E itself                           min(own end, end, own log end)  done
//! ```

use super::fetcher::{Awaiting, FetchPhase, FetchState, ReplicaFetcher, SessionVerdict};
use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use crate::config::{Behaviour, Hazard, Switch};
use crate::context::Context;
use crate::event::{LogStartReason, PartitionEvent};
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::log::{AppendError, Log};
use crate::message::{
    EpochEndOffset, ErrorCode, FetchKey, FetchPartitionResponse, FetchRequest, FetchResponse, IsolationLevel, Request,
    Response,
};
use crate::metadata::PartitionRegistration;
use crate::storage::StorageError;

/// What became of one partition's fetched records.
enum Replicated {
    /// Applied; whether the high watermark moved.
    Applied { high_watermark_moved: bool },
    /// The partition backs off.
    BackOff(ErrorCode),
    /// The partition is fetched no more until its metadata changes.
    Failed(ErrorCode, Option<StorageError>),
}

impl ReplicaManager {
    /// Starts to fetch a partition from `leader`, in the epoch that it knows.
    pub(super) fn add_to_fetcher(&mut self, name: &TopicPartition, leader: NodeId) {
        let truncates_to_high_watermark = self.config.behaviour.is(Switch::TruncateToHighWatermark);
        let Ok(partition) = self.hosted(name) else { return };
        let last_fetched_epoch = partition.log.latest_epoch().filter(|_| !truncates_to_high_watermark);
        let state = match last_fetched_epoch {
            Some(_) => FetchState {
                topic_id: partition.topic_id,
                fetch_offset: partition.log.log_end_offset(),
                current_leader_epoch: partition.leader_epoch,
                last_fetched_epoch,
                phase: FetchPhase::Fetching,
                delayed_until: None,
            },
            None => FetchState {
                topic_id: partition.topic_id,
                fetch_offset: partition.log.high_watermark(),
                current_leader_epoch: partition.leader_epoch,
                last_fetched_epoch,
                phase: FetchPhase::Truncating,
                delayed_until: None,
            },
        };
        self.failed.remove(name);
        let fetcher = self.fetchers.entry(leader).or_insert_with(|| ReplicaFetcher::new(leader));
        fetcher.add(name, state);
        fetcher.idle_until = None;
    }

    /// Stops to fetch a partition.
    pub(super) fn remove_from_fetchers(&mut self, name: &TopicPartition) {
        self.failed.remove(name);
        for fetcher in self.fetchers.values_mut() {
            fetcher.remove(name);
        }
    }

    /// Ends the fetchers that have nothing left to fetch; whatever they await is never looked at.
    pub(super) fn close_idle_fetchers(&mut self) {
        let idle: Vec<NodeId> =
            self.fetchers.values().filter(|fetcher| fetcher.partitions.is_empty()).map(|f| f.leader).collect();
        for leader in idle {
            self.fetchers.remove(&leader);
            self.outbox.push(PartitionOutput::CloseLeaderConnection { leader });
        }
    }

    /// Lets every fetcher that waits for nothing look for work.
    pub(super) fn run_fetchers(&mut self, ctx: &mut Context) {
        let ready: Vec<NodeId> = self
            .fetchers
            .values()
            .filter(|f| f.in_flight.is_none() && f.idle_until.is_none_or(|until| until <= ctx.now.monotonic))
            .map(|fetcher| fetcher.leader)
            .collect();
        for leader in ready {
            self.run_fetcher(ctx, leader);
        }
    }

    fn run_fetcher(&mut self, ctx: &mut Context, leader: NodeId) {
        self.truncate_to_high_watermarks(ctx, leader);
        let ReplicaManager { fetchers, partitions, config, .. } = self;
        let Some(fetcher) = fetchers.get_mut(&leader) else { return };
        let settings = &config.replication;
        let log_start = |name: &TopicPartition| {
            partitions.get(name).and_then(|hosted| hosted.online()).map(|partition| partition.log.log_start_offset())
        };
        let lists = fetcher.next_fetch(ctx.now.monotonic, settings.replica_fetch_max_bytes, log_start);
        let Some(lists) = lists else {
            fetcher.idle_until = Some(ctx.now.monotonic + settings.replica_fetch_backoff);
            return;
        };
        let request = FetchRequest {
            cluster_id: None,
            replica_id: config.node,
            replica_epoch: self.broker_epoch,
            max_wait_ms: i32::try_from(settings.replica_fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
            min_bytes: settings.replica_fetch_min_bytes,
            max_bytes: settings.replica_fetch_response_max_bytes,
            isolation: IsolationLevel::ReadUncommitted,
            session_id: fetcher.session.id,
            session_epoch: fetcher.session.epoch,
            by_name: false,
            partitions: lists.partitions,
            forgotten: lists.forgotten.into_iter().map(FetchKey::by_id).collect(),
            rack_id: String::new(),
        };
        self.send_to_leader(leader, Awaiting::Fetch, Request::Fetch(request));
    }

    pub(super) fn send_to_leader(&mut self, leader: NodeId, awaiting: Awaiting, request: Request) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        assert!(fetcher.in_flight.is_none(), "a second request to leader {leader} while one is in flight");
        let token = self.next_token;
        self.next_token += 1;
        fetcher.in_flight = Some((token, awaiting));
        fetcher.idle_until = None;
        self.outbox.push(PartitionOutput::SendToLeader { leader, token, request });
    }

    /// The answer to a `SendToLeader`; `Err` when the connection could not be made, broke, or stayed silent.
    pub fn handle_leader_response(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        token: u64,
        result: Result<Response, ()>,
    ) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        // An answer to a fetcher that has been ended and begun again meanwhile: expected, and not for this one.
        let Some((_, awaiting)) = fetcher.in_flight.take_if(|(awaited, _)| *awaited == token) else { return };
        match (awaiting, result) {
            (Awaiting::Fetch, Ok(Response::Fetch(response))) => self.fetch_answered(ctx, leader, response),
            (Awaiting::Fetch, _) => {
                fetcher.session.failed();
                self.delay_all(ctx, leader);
            }
            (Awaiting::LatestOffset { partition, leader_epoch }, result) => {
                let offset = super::out_of_range::offset_in(&partition, result);
                self.latest_offset_answered(ctx, leader, partition, leader_epoch, offset);
            }
            (Awaiting::EarliestOffset { partition, leader_epoch }, result) => {
                let offset = super::out_of_range::offset_in(&partition, result);
                self.earliest_offset_answered(ctx, leader, partition, leader_epoch, offset);
            }
        }
        self.ask_for_offsets(leader);
        self.settle(ctx);
        if self.fetchers.get(&leader).is_some_and(|fetcher| fetcher.in_flight.is_none()) {
            self.run_fetcher(ctx, leader);
            self.settle(ctx);
        }
    }

    fn delay_all(&mut self, ctx: &mut Context, leader: NodeId) {
        let names: Vec<TopicPartition> =
            self.fetchers.get(&leader).map(|f| f.partitions.keys().cloned().collect()).unwrap_or_default();
        for name in names {
            self.delay(ctx, leader, &name, ErrorCode::NetworkException);
        }
    }

    pub(super) fn delay(&mut self, ctx: &mut Context, leader: NodeId, name: &TopicPartition, error: ErrorCode) {
        let now = ctx.now.monotonic;
        let until = now + self.config.replication.replica_fetch_backoff;
        if self.fetchers.get_mut(&leader).is_some_and(|fetcher| fetcher.delay(name, now, until)) {
            ctx.emit(PartitionEvent::FetchDelayed { partition: name.clone(), error });
        }
    }

    pub(super) fn fail_fetch(&mut self, ctx: &mut Context, leader: NodeId, name: &TopicPartition, error: ErrorCode) {
        if self.fetchers.get_mut(&leader).is_some_and(|fetcher| fetcher.remove(name)) {
            self.failed.insert(name.clone());
            ctx.emit(PartitionEvent::FetcherFailed { partition: name.clone(), error });
        }
    }

    fn fetch_answered(&mut self, ctx: &mut Context, leader: NodeId, response: FetchResponse) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        match fetcher.session.answered(&response) {
            SessionVerdict::Accepted => {}
            SessionVerdict::Lost => return,
            SessionVerdict::Failed => return self.delay_all(ctx, leader),
        }
        let mut diverging = Vec::new();
        let mut delayed = Vec::new();
        let mut moved = Vec::new();
        for answer in &response.partitions {
            let Some((name, epoch)) = self.accept_answer(ctx, leader, answer) else { continue };
            match answer.error {
                ErrorCode::None => match answer.diverging_epoch {
                    // Nothing else of the answer is looked at before the log has been cut.
                    Some(end) => {
                        if self.config.behaviour.is(Switch::HighWatermarkBeforeTruncation) {
                            self.expose_what_diverges(ctx, &name, answer);
                        }
                        diverging.push((name, end));
                    }
                    None => match self.replicate(ctx, &name, epoch, answer) {
                        Replicated::Applied { high_watermark_moved } => {
                            self.replicated(leader, &name, !answer.records.is_empty());
                            if high_watermark_moved {
                                moved.push(name);
                            }
                        }
                        Replicated::BackOff(error) => delayed.push((name, error)),
                        Replicated::Failed(error, storage) => {
                            if storage.is_some() {
                                self.note_failure(&name);
                            }
                            self.fail_fetch(ctx, leader, &name, error);
                        }
                    },
                },
                ErrorCode::OffsetOutOfRange => {
                    if let Some(fetcher) = self.fetchers.get_mut(&leader) {
                        fetcher.out_of_range.push_back(name);
                    }
                }
                // Fenced in the epoch that this replica still believes in: only new metadata can help.
                ErrorCode::FencedLeaderEpoch => self.fail_fetch(ctx, leader, &name, answer.error),
                error => delayed.push((name, error)),
            }
        }
        for (name, end) in diverging {
            self.truncate_diverging(ctx, leader, &name, end);
        }
        for (name, error) in delayed {
            self.delay(ctx, leader, &name, error);
        }
        for name in moved {
            self.complete_fetches(ctx, &name);
        }
    }

    /// Whether an answer may be applied: its partition, and the epoch in which it is fetched.
    fn accept_answer(
        &self,
        ctx: &mut Context,
        leader: NodeId,
        answer: &FetchPartitionResponse,
    ) -> Option<(TopicPartition, LeaderEpoch)> {
        let fetcher = self.fetchers.get(&leader)?;
        let (name, sent) = fetcher.session.asked(answer.topic_id, answer.partition)?;
        match fetcher.check_answer(name, sent, ctx.now.monotonic) {
            Ok(state) => Some((name.clone(), state.current_leader_epoch)),
            Err(reason) => {
                ctx.emit(PartitionEvent::FetchResponseIgnored { partition: name.clone(), reason });
                None
            }
        }
    }

    /// Appends fetched records, then takes over the leader's high watermark and log start, in this order.
    fn replicate(
        &mut self,
        ctx: &mut Context,
        name: &TopicPartition,
        leader_epoch: LeaderEpoch,
        answer: &FetchPartitionResponse,
    ) -> Replicated {
        let fetch_offset = self
            .fetchers
            .values()
            .find_map(|fetcher| fetcher.partitions.get(name))
            .map_or(-1, |state| state.fetch_offset);
        let Ok((partition, around)) = self.online(name) else {
            return Replicated::Failed(ErrorCode::KafkaStorageError, None);
        };
        if fetch_offset != partition.log.log_end_offset() {
            return Replicated::Failed(ErrorCode::UnknownServerError, None);
        }
        let cuts = partition.log.cuts();
        if !answer.records.is_empty() {
            match append(ctx, &mut partition.log, answer, leader_epoch, around.behaviour) {
                Ok(()) => {}
                Err(AppendError::Storage(error)) => {
                    return Replicated::Failed(ErrorCode::KafkaStorageError, Some(error));
                }
                Err(AppendError::Refused(error @ (ErrorCode::CorruptMessage | ErrorCode::InvalidRecord), _)) => {
                    return Replicated::BackOff(error);
                }
                Err(AppendError::Refused(error, _)) => return Replicated::Failed(error, None),
                Err(AppendError::UnexpectedOffset { .. }) => {
                    return Replicated::Failed(ErrorCode::UnknownServerError, None);
                }
            }
        }
        let high_watermark_moved = partition.set_follower_high_watermark(ctx, answer.high_watermark);
        let start = answer.log_start_offset;
        let start_moved = partition.log.increment_log_start_offset(ctx, start, LogStartReason::LeaderLogStart);
        if !answer.records.is_empty() {
            ctx.emit(PartitionEvent::RecordsReplicated {
                partition: name.clone(),
                log_end_offset: partition.log.log_end_offset(),
                high_watermark: partition.log.high_watermark(),
            });
        }
        let began_anew = partition.log.cuts() != cuts;
        self.after_append(name);
        if began_anew {
            self.lower_first_dirty(ctx, name);
        }
        match start_moved {
            Ok(true) => self.after_truncation(name),
            Ok(false) => {}
            Err(error) => return Replicated::Failed(ErrorCode::KafkaStorageError, Some(error)),
        }
        Replicated::Applied { high_watermark_moved }
    }

    /// Moves a partition's fetch state to the end of its log.
    fn replicated(&mut self, leader: NodeId, name: &TopicPartition, appended: bool) {
        let epochs_ignored = self.asks_no_more();
        let forgets = epochs_ignored || self.config.behaviour.is(Switch::LastEpochLostOnEmptyFetch);
        let ReplicaManager { fetchers, partitions, .. } = self;
        let Some(fetcher) = fetchers.get_mut(&leader) else { return };
        if let Some(partition) = partitions.get(name).and_then(|hosted| hosted.online())
            && let Some(state) = fetcher.partitions.get_mut(name)
        {
            if appended {
                state.fetch_offset = partition.log.log_end_offset();
                state.last_fetched_epoch = partition.log.latest_epoch().filter(|_| !epochs_ignored);
            } else if forgets {
                state.last_fetched_epoch = None;
            }
        }
        fetcher.mark_changed(name);
    }

    /// Whether a follower that has begun to fetch leaves out the epoch of its last record: protocols in which the
    /// question where the logs part is asked once, or never.
    fn asks_no_more(&self) -> bool {
        [Switch::TruncateToHighWatermark, Switch::EpochReplyWithoutEpoch, Switch::FetchWithoutEpochs]
            .into_iter()
            .any(|switch| self.config.behaviour.is(switch))
    }

    /// The switch `SkipTruncationIfLeaderUnchanged`: whether a partition goes on where it is, in the new epoch.
    pub(super) fn goes_on_fetching(&mut self, name: &TopicPartition, registration: &PartitionRegistration) -> bool {
        if !self.config.behaviour.is(Switch::SkipTruncationIfLeaderUnchanged) {
            return false;
        }
        let Some(fetcher) = self.fetchers.get_mut(&registration.leader) else { return false };
        let Some(state) = fetcher.partitions.get_mut(name) else { return false };
        state.current_leader_epoch = registration.leader_epoch;
        state.last_fetched_epoch = None;
        fetcher.mark_changed(name);
        true
    }

    /// The switch `HighWatermarkBeforeTruncation`: readers see the leader's high watermark on a log that is not yet
    /// the leader's.
    fn expose_what_diverges(&mut self, ctx: &mut Context, name: &TopicPartition, answer: &FetchPartitionResponse) {
        let Ok((partition, _)) = self.online(name) else { return };
        if partition.set_follower_high_watermark(ctx, answer.high_watermark) {
            self.complete_fetches(ctx, name);
        }
    }

    /// Cuts the log where the leader says that it leaves the leader's.
    fn truncate_diverging(&mut self, ctx: &mut Context, leader: NodeId, name: &TopicPartition, end: EpochEndOffset) {
        let Some(state) = self.fetchers.get(&leader).and_then(|f| f.partitions.get(name)).cloned() else { return };
        let Ok(partition) = self.hosted(name) else { return };
        let offset = truncation_offset(&partition.log, end, state.fetch_offset);
        self.truncate(ctx, leader, name, offset);
    }

    /// Those without any epoch in their log cannot be compared with the leader's: they cut to their high watermark.
    fn truncate_to_high_watermarks(&mut self, ctx: &mut Context, leader: NodeId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        for name in std::mem::take(&mut fetcher.truncating) {
            let Some(state) = self.fetchers.get(&leader).and_then(|f| f.partitions.get(&name)) else { continue };
            let offset = state.fetch_offset;
            self.truncate(ctx, leader, &name, offset);
        }
        self.settle(ctx);
    }

    /// Cuts a partition's log, and fetches from there.
    pub(super) fn truncate(&mut self, ctx: &mut Context, leader: NodeId, name: &TopicPartition, offset: Offset) {
        let Ok((partition, _)) = self.online(name) else { return };
        match partition.log.truncate_to(ctx, offset) {
            Ok(cut) => self.truncated(ctx, leader, name, offset, cut),
            Err(_) => {
                self.note_failure(name);
                self.fail_fetch(ctx, leader, name, ErrorCode::KafkaStorageError);
            }
        }
    }

    pub(super) fn truncated(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        name: &TopicPartition,
        offset: Offset,
        cut: bool,
    ) {
        let Ok(directory) = self.hosted(name).map(|partition| partition.directory) else { return };
        let epochs_ignored = self.asks_no_more();
        let Ok(partition) = self.hosted(name) else { return };
        let last_fetched_epoch = partition.log.latest_epoch().filter(|_| !epochs_ignored);
        if let Some(fetcher) = self.fetchers.get_mut(&leader)
            && let Some(state) = fetcher.partitions.get(name).cloned()
        {
            fetcher.set(
                name,
                FetchState { fetch_offset: offset, last_fetched_epoch, phase: FetchPhase::Fetching, ..state },
            );
        }
        self.after_truncation(name);
        if cut {
            // A recovery point beyond the new end must not survive a crash: recovery would skip what is written next.
            self.checkpoint_recovery_points(ctx, directory);
            self.lower_first_dirty(ctx, name);
        }
    }
}

/// The offset to cut to when the leader answers that `end.epoch` ends at `end.end_offset` in its log.
fn truncation_offset(log: &Log, end: EpochEndOffset, fetch_offset: Offset) -> Offset {
    let own_log_end = log.log_end_offset();
    if end.end_offset < 0 {
        return fetch_offset;
    }
    if !end.epoch.is_some() {
        return end.end_offset.min(own_log_end);
    }
    match log.end_offset_for_epoch(end.epoch) {
        None => end.end_offset.min(own_log_end),
        Some(own) if own.leader_epoch != end.epoch => own.end_offset.min(own_log_end),
        Some(own) => own.end_offset.min(end.end_offset).min(own_log_end),
    }
}

/// Appends as a follower. An empty log whose start lies inside the first batch begins anew at that batch.
fn append(
    ctx: &mut Context,
    log: &mut Log,
    answer: &FetchPartitionResponse,
    leader_epoch: LeaderEpoch,
    behaviour: &Behaviour,
) -> Result<(), AppendError> {
    // What lies below the leader's log start is given up: a log that ends there has nothing to keep. Kafka does not ask.
    let keeps_nothing = |log: &Log, end: Offset| {
        end == log.log_start_offset()
            || (behaviour.mends(Hazard::BatchAcrossLogStart) && end <= answer.log_start_offset)
    };
    match log.append_as_follower(ctx, answer.records.clone(), leader_epoch) {
        Err(AppendError::UnexpectedOffset { first_offset, last_offset, log_end_offset })
            if keeps_nothing(log, log_end_offset) && first_offset < log_end_offset && last_offset >= log_end_offset =>
        {
            log.truncate_fully_and_start_at(ctx, first_offset).map_err(AppendError::Storage)?;
            log.append_as_follower(ctx, answer.records.clone(), leader_epoch).map(|_| ())
        }
        result => result.map(|_| ()),
    }
}
