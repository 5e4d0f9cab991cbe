//! Fetch in the quorum: reading, acknowledging and finding the leader in one request (KIP-595, KIP-1166).
//!
//! ```text
//!   fetch at 12 ──▶ leader ── divergence, snapshot, records, error, newer high watermark ──▶ answered at once
//!                     │
//!                     └── nothing new: parked ≤ 500 ms ── the log passes 12, or the high watermark moves ──▶ answered
//! ```
//!
//! A voter flushes before it fetches again, so its fetch offset says what it can never lose.

use super::metadata_log::FetchPosition;
use super::state::State;
use super::{METADATA_TOPIC_ID, Raft, RaftOutput, snapshots};
use crate::config::Switch;
use crate::context::Context;
use crate::event::RaftEvent;
use crate::ids::{LeaderEpoch, NodeId, Offset, RequestHandle};
use crate::message::{
    DescribeQuorumResponse, ErrorCode, FetchPartition, FetchPartitionResponse, FetchRequest, FetchResponse, LeaderHint,
    QuorumReplica, ReplicaKey,
};
use crate::storage::StorageResult;
use crate::time::Time;

/// A fetch that waits for the log to grow or the high watermark to move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ParkedFetch {
    handle: RequestHandle,
    replica: ReplicaKey,
    partition: FetchPartition,
    /// When it is answered with nothing.
    pub(super) deadline: Time,
    /// That answer: what was true when the fetch came.
    empty: FetchResponse,
}

impl Raft {
    pub(super) fn handle_fetch(
        &mut self,
        ctx: &mut Context,
        handle: RequestHandle,
        request: FetchRequest,
    ) -> StorageResult<()> {
        let top_level = |error| FetchResponse { error, session_id: 0, partitions: vec![], node_endpoints: vec![] };
        if !self.has_valid_cluster_id(request.cluster_id) {
            return self.reply_fetch(handle, top_level(ErrorCode::InconsistentClusterId));
        }
        let [partition] = &request.partitions[..] else {
            return self.reply_fetch(handle, top_level(ErrorCode::InvalidRequest));
        };
        if partition.topic_id != METADATA_TOPIC_ID || partition.partition != 0 {
            return self.reply_fetch(handle, top_level(ErrorCode::InvalidRequest));
        }
        if request.max_wait_ms < 0
            || partition.fetch_offset < 0
            || !partition.last_fetched_epoch.is_some()
            || partition.last_fetched_epoch > partition.current_leader_epoch
        {
            let response = self.empty_fetch_response(ErrorCode::InvalidRequest);
            return self.reply_fetch(handle, response);
        }
        let replica = ReplicaKey { id: request.replica_id, directory_id: partition.replica_directory_id };
        let response = self.read_for_fetch(ctx, replica, partition)?;
        if request.max_wait_ms == 0 || has_news(&response, partition) {
            return self.reply_fetch(handle, response);
        }
        self.parked.push(ParkedFetch {
            handle,
            replica,
            partition: partition.clone(),
            deadline: ctx.now.monotonic + std::time::Duration::from_millis(request.max_wait_ms as u64),
            empty: response,
        });
        Ok(())
    }

    fn reply_fetch(&mut self, handle: RequestHandle, response: FetchResponse) -> StorageResult<()> {
        self.outbox.push(RaftOutput::Reply { handle, response: response.into() });
        Ok(())
    }

    /// Who asks a leader must be in the leader's epoch.
    pub(super) fn validate_leader_request(&self, epoch: LeaderEpoch) -> Option<ErrorCode> {
        if epoch < self.state.epoch() {
            Some(ErrorCode::FencedLeaderEpoch)
        } else if epoch > self.state.epoch() {
            Some(ErrorCode::UnknownLeaderEpoch)
        } else if !self.state.is_leader() {
            Some(ErrorCode::NotLeaderOrFollower)
        } else if matches!(self.life, super::Life::Leaving { .. }) {
            Some(ErrorCode::BrokerNotAvailable)
        } else {
            None
        }
    }

    /// Reads for a replica, and takes its fetch offset as the acknowledgement that it is.
    fn read_for_fetch(
        &mut self,
        ctx: &mut Context,
        replica: ReplicaKey,
        partition: &FetchPartition,
    ) -> StorageResult<FetchResponse> {
        if let Some(error) = self.validate_leader_request(partition.current_leader_epoch) {
            return Ok(self.empty_fetch_response(error));
        }
        let fetch_offset = partition.fetch_offset;
        // For an empty log a snapshot is always the shorter way; the bootstrap checkpoint is in the log itself.
        let position = match self.log.latest_snapshot() {
            Some(id) if fetch_offset == 0 && id != snapshots::BOOTSTRAP => FetchPosition::Snapshot(id),
            Some(_) | None => self.log.validate(fetch_offset, partition.last_fetched_epoch),
        };
        let mut records = bytes::Bytes::new();
        if position == FetchPosition::Valid {
            records = self.log.read(ctx, fetch_offset, self.log.end_offset())?;
            let State::Leader(leader) = &mut self.state else { panic!("only a leader reads for a fetch") };
            if leader.update_replica(ctx.now, replica, fetch_offset) {
                self.on_leader_high_watermark(ctx)?;
            }
        }
        let mut response = self.empty_fetch_response(ErrorCode::None);
        let answer = &mut response.partitions[0];
        answer.records = records;
        answer.high_watermark = self.state.high_watermark().unwrap_or(-1);
        match position {
            FetchPosition::Valid => {}
            FetchPosition::Diverging(end) => answer.diverging_epoch = Some(end),
            FetchPosition::Snapshot(id) => answer.snapshot_id = Some(id),
        }
        Ok(response)
    }

    fn empty_fetch_response(&self, error: ErrorCode) -> FetchResponse {
        let (leader, epoch) = self.leader_and_epoch();
        let partition = FetchPartitionResponse {
            topic_id: METADATA_TOPIC_ID,
            topic: crate::ids::TopicName::default(),
            partition: 0,
            error,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: self.log.start_offset(),
            diverging_epoch: None,
            current_leader: Some(LeaderHint { leader, epoch }),
            snapshot_id: None,
            aborted_transactions: Vec::new(),
            preferred_read_replica: NodeId::NONE,
            records: bytes::Bytes::new(),
        };
        FetchResponse {
            error: ErrorCode::None,
            session_id: 0,
            partitions: vec![partition],
            node_endpoints: self.leader_endpoints().into_iter().collect(),
        }
    }

    /// The leader's log has grown: its own progress, perhaps the high watermark, and whoever waits for records.
    pub(super) fn update_leader_end_offset(&mut self, ctx: &mut Context) -> StorageResult<()> {
        let end_offset = self.log.end_offset();
        let State::Leader(leader) = &mut self.state else { return Ok(()) };
        if leader.update_local(end_offset, self.membership.voters()) {
            self.on_leader_high_watermark(ctx)?;
        }
        self.complete_parked_fetches(ctx, |fetch| fetch.partition.fetch_offset < end_offset)
    }

    /// The high watermark rose: every parked fetch is answered, so that followers learn of it
    /// within one round trip (KIP-1166).
    fn on_leader_high_watermark(&mut self, ctx: &mut Context) -> StorageResult<()> {
        if let Some(high_watermark) = self.state.high_watermark() {
            self.note_high_watermark(ctx, high_watermark);
        }
        self.complete_parked_fetches(ctx, |_| true)
    }

    fn note_high_watermark(&mut self, ctx: &mut Context, to: Offset) {
        let from = self.log.log.high_watermark();
        self.log.log.update_high_watermark(ctx, to);
        ctx.emit(RaftEvent::QuorumHighWatermarkAdvanced { from, to });
    }

    /// Reads again for the parked fetches that `wanted` picks, and answers them.
    fn complete_parked_fetches(
        &mut self,
        ctx: &mut Context,
        wanted: impl Fn(&ParkedFetch) -> bool,
    ) -> StorageResult<()> {
        if !self.parked.iter().any(&wanted) {
            return Ok(());
        }
        let (ready, waiting) = std::mem::take(&mut self.parked).into_iter().partition(wanted);
        self.parked = waiting;
        for fetch in ready {
            let response = self.read_for_fetch(ctx, fetch.replica, &fetch.partition)?;
            self.reply_fetch(fetch.handle, response)?;
        }
        Ok(())
    }

    /// The member does not lead any more: whoever waits shall ask somebody else.
    pub(super) fn fail_parked_fetches(&mut self, error: ErrorCode) {
        for fetch in std::mem::take(&mut self.parked) {
            let response = self.empty_fetch_response(error);
            self.outbox.push(RaftOutput::Reply { handle: fetch.handle, response: response.into() });
        }
    }

    /// Nothing came in time: the answer is that of the fetch's arrival.
    pub(super) fn expire_parked_fetches(&mut self, now: Time) {
        if self.parked.iter().all(|fetch| now < fetch.deadline) {
            return;
        }
        let (expired, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.parked).into_iter().partition(|fetch| now >= fetch.deadline);
        self.parked = waiting;
        for fetch in expired {
            self.outbox.push(RaftOutput::Reply { handle: fetch.handle, response: fetch.empty.into() });
        }
    }

    pub(super) fn handle_fetch_response(&mut self, ctx: &mut Context, response: FetchResponse) -> StorageResult<bool> {
        if !response.error.is_none() {
            return Ok(false);
        }
        let Some(partition) = response.partitions.into_iter().next() else { return Ok(false) };
        let hint = partition.current_leader.unwrap_or(LeaderHint { leader: NodeId::NONE, epoch: LeaderEpoch::NONE });
        let endpoint = response.node_endpoints.into_iter().find(|node| node.node == hint.leader);
        let endpoint = endpoint.map(|node| node.endpoint);
        if let Some(handled) = self.handle_common_response(ctx, partition.error, hint.leader, hint.epoch, endpoint)? {
            return Ok(handled);
        }
        if !partition.error.is_none() {
            return Ok(false);
        }
        assert!(matches!(self.state, State::Follower(_)), "{:?} expects no fetch response", self.state.name());
        if let Some(end) = partition.diverging_epoch {
            let offset = self.log.truncate_to_end_offset(ctx, end)?;
            self.membership.truncate_new_entries(offset);
        } else if let Some(id) = partition.snapshot_id {
            // Half a name is no snapshot, and no proof that the leader lives.
            if id.end_offset < 0 || !id.epoch.is_some() {
                return Ok(false);
            }
            self.start_snapshot_download(ctx, id)?;
        } else {
            self.append_fetched(ctx, partition.records)?;
            self.update_follower_high_watermark(ctx, partition.high_watermark);
        }
        self.note_successful_fetch(ctx.now.monotonic);
        Ok(true)
    }

    /// The leader answers: the follower's patience starts anew.
    pub(super) fn note_successful_fetch(&mut self, now: Time) {
        if let State::Follower(state) = &mut self.state {
            state.fetch_deadline = now + self.config.settings.fetch_timeout;
            state.has_fetched = true;
        }
    }

    fn append_fetched(&mut self, ctx: &mut Context, records: bytes::Bytes) -> StorageResult<()> {
        if records.is_empty() {
            return Ok(());
        }
        let epoch = self.state.epoch();
        let Some(info) = self.log.append_as_follower(ctx, records, epoch)? else { return Ok(()) };
        // The next fetch acknowledges these records. Controllers that do not vote flush too: they
        // may be in the voter set by the time the leader counts them.
        let is_controller = self.config.endpoint.is_some();
        if self.config.behaviour.is(Switch::FetchBeforeFlush) {
            self.log.log.take_flush();
        } else if self.is_voter() || is_controller {
            self.log.flush(ctx)?;
        } else {
            self.log.flush_if_rolled(ctx)?;
        }
        self.after_append(ctx, info.base_offset, epoch, false)
    }

    /// A follower knows as committed what the leader says, as far as its own log reaches.
    pub(super) fn update_follower_high_watermark(&mut self, ctx: &mut Context, leader_high_watermark: Offset) {
        if leader_high_watermark < 0 {
            return;
        }
        let known = leader_high_watermark.min(self.log.end_offset());
        let State::Follower(state) = &mut self.state else { return };
        let before = state.high_watermark;
        assert!(
            before.is_none_or(|before| before <= known),
            "the high watermark fell from {before:?} to {known} in epoch {}",
            state.epoch
        );
        if before != Some(known) {
            state.high_watermark = Some(known);
            self.log.log.update_high_watermark(ctx, known);
            ctx.emit(RaftEvent::QuorumHighWatermarkAdvanced { from: before.unwrap_or(-1), to: known });
        }
    }

    pub(super) fn describe_quorum(&mut self, ctx: &mut Context) -> DescribeQuorumResponse {
        let (leader_id, epoch) = self.leader_and_epoch();
        let now_ms = ctx.now.wall.millis();
        let State::Leader(leader) = &mut self.state else {
            return DescribeQuorumResponse {
                error: ErrorCode::NotLeaderOrFollower,
                leader: leader_id,
                epoch,
                high_watermark: -1,
                voters: Vec::new(),
                observers: Vec::new(),
            };
        };
        let own_key = leader.own_key;
        let describe = |progress: &super::leader::ReplicaProgress| {
            let is_self = progress.key == own_key;
            QuorumReplica {
                replica: progress.key,
                log_end_offset: progress.end_offset.unwrap_or(-1),
                last_fetch_timestamp: if is_self { now_ms } else { progress.last_fetch_timestamp },
                last_caught_up_timestamp: if is_self { now_ms } else { progress.last_caught_up_timestamp },
            }
        };
        DescribeQuorumResponse {
            error: ErrorCode::None,
            leader: leader_id,
            epoch,
            high_watermark: leader.high_watermark.unwrap_or(-1),
            voters: leader.voter_progress().map(describe).collect(),
            observers: leader.observer_progress(ctx.now.monotonic).map(describe).collect(),
        }
    }
}

/// Whether an answer says anything that its asker does not know.
fn has_news(response: &FetchResponse, request: &FetchPartition) -> bool {
    let answer = &response.partitions[0];
    // A requester from before KIP-1166 leaves the field at Long.MAX.
    let knows_high_watermark = request.high_watermark.unwrap_or(Offset::MAX);
    !answer.error.is_none()
        || !answer.records.is_empty()
        || answer.diverging_epoch.is_some()
        || answer.snapshot_id.is_some()
        || knows_high_watermark < answer.high_watermark
}
