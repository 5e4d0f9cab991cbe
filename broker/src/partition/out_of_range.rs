//! A follower whose fetch is out of the leader's range (`AbstractFetcherThread.fetchOffsetAndTruncate`).
//!
//! ```text
//!   OFFSET_OUT_OF_RANGE ─▶ where does the leader's log end?
//!       before the follower's     cut to the leader's end      (the leader was elected uncleanly)
//!       else ─▶ where does it start?
//!           behind the follower's     wipe, start anew there   (the leader has deleted what comes next)
//!           else                      keep the log, fetch again
//! ```
//!
//! Simplified: Kafka asks while it goes through the answer, partition by partition; here
//! the rest of the answer is applied first, and the next fetch waits until all are asked.

use super::fetcher::Awaiting;
use super::manager::ReplicaManager;
use crate::context::Context;
use crate::ids::{LeaderEpoch, NodeId, Offset, TopicPartition};
use crate::message::{
    ErrorCode, IsolationLevel, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, OffsetSpec, Request,
    Response,
};

impl ReplicaManager {
    /// Asks the leader for the offsets of the next partition that is out of range.
    pub(super) fn ask_for_offsets(&mut self, leader: NodeId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if fetcher.in_flight.is_some() {
            return;
        }
        while let Some(partition) = fetcher.out_of_range.pop_front() {
            let Some(state) = fetcher.partitions.get(&partition) else { continue };
            let leader_epoch = state.current_leader_epoch;
            let request = self.offset_request(&partition, leader_epoch, OffsetSpec::Latest);
            return self.send_to_leader(leader, Awaiting::LatestOffset { partition, leader_epoch }, request);
        }
    }

    fn offset_request(&self, partition: &TopicPartition, leader_epoch: LeaderEpoch, spec: OffsetSpec) -> Request {
        Request::ListOffsets(ListOffsetsRequest {
            replica_id: self.config.node,
            isolation: IsolationLevel::ReadUncommitted,
            partitions: vec![ListOffsetsPartition {
                partition: partition.clone(),
                current_leader_epoch: leader_epoch,
                spec,
            }],
        })
    }

    /// Whether an offset that was asked for in `leader_epoch` is still wanted; handles errors.
    fn wanted_offset(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        name: &TopicPartition,
        leader_epoch: LeaderEpoch,
        offset: Result<Offset, ErrorCode>,
    ) -> Option<(Offset, Offset)> {
        let state = self.fetchers.get(&leader).and_then(|fetcher| fetcher.partitions.get(name))?;
        if state.current_leader_epoch != leader_epoch {
            return None;
        }
        match offset {
            Ok(offset) => Some((offset, self.hosted(name).ok()?.log.log_end_offset())),
            Err(error @ ErrorCode::FencedLeaderEpoch) => {
                self.fail_fetch(ctx, leader, name, error);
                None
            }
            Err(error) => {
                self.delay(ctx, leader, name, error);
                None
            }
        }
    }

    /// Out of range: a leader that ends earlier was elected uncleanly; cut to its end.
    pub(super) fn latest_offset_answered(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        name: TopicPartition,
        leader_epoch: LeaderEpoch,
        offset: Result<Offset, ErrorCode>,
    ) {
        let Some((leader_end, own_end)) = self.wanted_offset(ctx, leader, &name, leader_epoch, offset) else { return };
        if leader_end < own_end {
            self.truncate(ctx, leader, &name, leader_end);
        } else {
            let request = self.offset_request(&name, leader_epoch, OffsetSpec::Earliest);
            self.send_to_leader(leader, Awaiting::EarliestOffset { partition: name, leader_epoch }, request);
        }
    }

    /// Out of range: a leader that starts later has deleted what this replica needs next; start anew there.
    pub(super) fn earliest_offset_answered(
        &mut self,
        ctx: &mut Context,
        leader: NodeId,
        name: TopicPartition,
        leader_epoch: LeaderEpoch,
        offset: Result<Offset, ErrorCode>,
    ) {
        let Some((leader_start, own_end)) = self.wanted_offset(ctx, leader, &name, leader_epoch, offset) else {
            return;
        };
        if leader_start <= own_end {
            return self.truncated(ctx, leader, &name, own_end, false);
        }
        let Ok((partition, _)) = self.online(&name) else { return };
        match partition.log.truncate_fully_and_start_at(ctx, leader_start) {
            Ok(()) => self.truncated(ctx, leader, &name, leader_start, true),
            Err(_) => {
                self.note_failure(&name);
                self.fail_fetch(ctx, leader, &name, ErrorCode::KafkaStorageError);
            }
        }
    }
}

/// The offset in the answer to a question about one partition.
pub(super) fn offset_in(name: &TopicPartition, result: Result<Response, ()>) -> Result<Offset, ErrorCode> {
    let Ok(Response::ListOffsets(ListOffsetsResponse { partitions })) = result else {
        return Err(ErrorCode::NetworkException);
    };
    let answer = partitions.iter().find(|answer| answer.partition == *name).ok_or(ErrorCode::UnknownServerError)?;
    if answer.error.is_none() { Ok(answer.offset) } else { Err(answer.error) }
}
