//! Positions: looked up where there is none, validated where the leader changed
//! (`OffsetFetcher`, KIP-320).

use std::collections::BTreeMap;

use super::position::{FetchState, Position, Validation};
use super::{Consumer, OffsetReset};
use crate::client::cluster::Cluster;
use crate::client::network::{Asker, Completion, Outcome};
use crate::config::{Hazard, Switch};
use crate::context::Context;
use crate::event::{ClientEvent, PositionReason};
use crate::ids::{LeaderEpoch, NodeId, TopicPartition};
use crate::message::{
    EpochEndOffset, ErrorCode, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
    OffsetForLeaderEpochPartition, OffsetForLeaderEpochRequest, Response,
};

impl Consumer {
    // ---- Reset --------------------------------------------------------------------

    /// Asks the leaders for the offsets of partitions without a position.
    pub(super) fn reset_positions(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let now = ctx.now.monotonic;
        let mut by_node: BTreeMap<NodeId, Vec<(TopicPartition, OffsetReset)>> = BTreeMap::new();
        for (partition, state) in self.partitions.iter() {
            let FetchState::AwaitingReset(policy) = state.state else { continue };
            if !state.may_ask(now) {
                continue;
            }
            match cluster.metadata.current_leader(partition).leader {
                None => cluster.metadata.request_update_at_once(),
                Some(leader) if cluster.network.is_backing_off(leader, now) => {}
                Some(leader) => by_node.entry(leader).or_default().push((partition.clone(), policy)),
            }
        }
        let mut sent = false;
        for (node, partitions) in by_node {
            if !cluster.ready(ctx, node) {
                continue;
            }
            let question = |(partition, policy): &(TopicPartition, OffsetReset)| ListOffsetsPartition {
                partition: partition.clone(),
                current_leader_epoch: cluster.metadata.leader_epoch(partition).unwrap_or(LeaderEpoch::NONE),
                spec: policy.spec(ctx.now.wall).expect("without a policy no position is looked up"),
            };
            let request = ListOffsetsRequest {
                replica_id: NodeId::NONE,
                isolation: self.isolation,
                partitions: partitions.iter().map(question).collect(),
            };
            for (partition, _) in &partitions {
                self.retry_at(partition, now + self.settings.request_timeout);
            }
            let token = self.token();
            self.resetting.insert(token, partitions);
            cluster.send(ctx, node, Asker::ListOffsets, token, request);
            sent = true;
        }
        sent
    }

    fn retry_at(&mut self, partition: &TopicPartition, at: crate::time::Time) {
        if let Some(state) = self.partitions.get_mut(partition) {
            state.next_retry = Some(at);
        }
    }

    /// A look-up ended.
    pub(super) fn on_offsets(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let asked = self.resetting.remove(&completion.token).expect("a request ends once");
        let answers: &[ListOffsetsPartitionResponse] = match &completion.outcome {
            Outcome::Answered(Response::ListOffsets(response)) => &response.partitions,
            _ => &[],
        };
        for (partition, policy) in asked {
            let answer = answers.iter().find(|answer| answer.partition == partition);
            match answer {
                Some(answer) if answer.error == ErrorCode::None => {
                    self.set_position(ctx, cluster, &partition, policy, answer);
                }
                _ => {
                    // Whatever the error: Kafka tries again after retry.backoff.ms.
                    self.retry_at(&partition, ctx.now.monotonic + self.settings.retry_backoff);
                    cluster.metadata.request_update();
                }
            }
        }
    }

    fn set_position(
        &mut self,
        ctx: &mut Context,
        cluster: &mut Cluster,
        partition: &TopicPartition,
        policy: OffsetReset,
        answer: &ListOffsetsPartitionResponse,
    ) {
        let leader = cluster.metadata.current_leader(partition);
        if answer.leader_epoch.is_some() {
            cluster.metadata.see_epoch(partition, answer.leader_epoch);
        }
        // A seek, or a reset by another policy, has overtaken the answer.
        let Some(state) = self.partitions.get_mut(partition) else { return };
        if state.state != FetchState::AwaitingReset(policy) || answer.offset < 0 {
            return;
        }
        state.seek_unvalidated(Position { offset: answer.offset, offset_epoch: None, leader });
        let (partition, offset, reason) = (partition.clone(), answer.offset, PositionReason::Reset);
        ctx.emit(ClientEvent::PositionSet { partition, offset, reason });
    }

    // ---- Validation -----------------------------------------------------------------

    /// Asks the new leaders where the epochs of the positions end.
    pub(super) fn validate_positions(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let now = ctx.now.monotonic;
        let mut by_node: BTreeMap<NodeId, Vec<(TopicPartition, Position)>> = BTreeMap::new();
        for (partition, state) in self.partitions.iter() {
            let FetchState::AwaitingValidation(position) = state.state else { continue };
            if !state.may_ask(now) {
                continue;
            }
            match position.leader.leader {
                None => cluster.metadata.request_update_at_once(),
                Some(leader) => by_node.entry(leader).or_default().push((partition.clone(), position)),
            }
        }
        let mut sent = false;
        for (node, partitions) in by_node {
            if !cluster.ready(ctx, node) {
                continue;
            }
            let question = |(partition, position): &(TopicPartition, Position)| OffsetForLeaderEpochPartition {
                partition: partition.clone(),
                current_leader_epoch: position.leader.epoch.unwrap_or(LeaderEpoch::NONE),
                leader_epoch: position.offset_epoch.unwrap_or(LeaderEpoch::NONE),
            };
            let request = OffsetForLeaderEpochRequest {
                replica_id: NodeId::NONE,
                partitions: partitions.iter().map(question).collect(),
            };
            for (partition, _) in &partitions {
                self.retry_at(partition, now + self.settings.request_timeout);
            }
            let token = self.token();
            self.validating.insert(token, partitions);
            cluster.send(ctx, node, Asker::Validate, token, request);
            sent = true;
        }
        sent
    }

    /// A validation ended.
    pub(super) fn on_validation(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let asked = self.validating.remove(&completion.token).expect("a request ends once");
        let answers = match &completion.outcome {
            Outcome::Answered(Response::OffsetForLeaderEpoch(response)) => response.partitions.as_slice(),
            _ => &[],
        };
        for (partition, position) in asked {
            match answers.iter().find(|answer| answer.partition == partition) {
                Some(answer) if answer.error == ErrorCode::None => {
                    let end = EpochEndOffset { epoch: answer.leader_epoch, end_offset: answer.end_offset };
                    self.finish_validation(ctx, &partition, position, end);
                }
                _ => {
                    self.retry_at(&partition, ctx.now.monotonic + self.settings.retry_backoff);
                    cluster.metadata.request_update();
                }
            }
        }
    }

    fn finish_validation(
        &mut self,
        ctx: &mut Context,
        partition: &TopicPartition,
        asked: Position,
        answer: EpochEndOffset,
    ) {
        let Some(state) = self.partitions.get_mut(partition) else { return };
        let Some(validation) = state.validate(asked, answer, &self.behaviour) else { return };
        let truncated = |divergent_offset| ClientEvent::TruncationDetected {
            partition: partition.clone(),
            position: asked.offset,
            divergent_offset,
        };
        match (validation, self.offset_reset) {
            (Validation::Same, _) => {
                let drops = self.behaviour.mends(Hazard::PausedRecordsOutliveTruncation);
                let back = i64::from(self.behaviour.is(Switch::ConsumerStepsBackForNewLeader));
                state.seek_validated(Position { offset: asked.offset - back, ..asked });
                if drops {
                    self.drop_buffered(partition);
                }
            }
            (Validation::Diverged(end), OffsetReset::None) => {
                ctx.emit(truncated(end.end_offset));
                let message =
                    format!("Detected log truncation with diverging offset {} for {partition}", end.end_offset);
                self.raise(ErrorCode::OffsetOutOfRange, message);
            }
            (Validation::Diverged(end), OffsetReset::Latest | OffsetReset::Earliest | OffsetReset::ByDuration(_)) => {
                // Not the reset policy: the position goes to where the logs part.
                state.seek_validated(Position {
                    offset: end.end_offset,
                    offset_epoch: Some(end.epoch),
                    leader: asked.leader,
                });
                ctx.emit(truncated(end.end_offset));
                let (partition, offset) = (partition.clone(), end.end_offset);
                ctx.emit(ClientEvent::PositionSet { partition, offset, reason: PositionReason::Truncation });
            }
            (Validation::Undefined, OffsetReset::None) => {
                ctx.emit(truncated(-1));
                let message = format!("Detected log truncation for {partition}; the diverging offset is not known");
                self.raise(ErrorCode::OffsetOutOfRange, message);
            }
            (
                Validation::Undefined,
                policy @ (OffsetReset::Latest | OffsetReset::Earliest | OffsetReset::ByDuration(_)),
            ) => {
                ctx.emit(truncated(-1));
                state.reset(policy);
            }
        }
    }
}
