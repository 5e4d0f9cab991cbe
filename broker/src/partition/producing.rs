//! Produce requests, as the replica manager takes them (`ReplicaManager.appendRecords`, `KafkaApis.handleProduceRequest`).
//!
//! ```text
//!   Produce ─▶ append to each partition's log ─┬─ acks 0, 1, or every partition failed ─▶ answered
//!                                              └─ acks all ─▶ DelayedProduce ─▶ answered when the high
//!                                                 watermark passes, leadership is lost, or time is up
//! ```
//!
//! Only then are the requests that wait for these partitions re-tested: the followers'
//! parked fetches are answered *after* the produce request is parked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::manager::ReplicaManager;
use super::output::PartitionOutput;
use super::produce::{DelayedProduce, ProduceFailed, ProduceStatus, Produced};
use super::purgatory::WaitId;
use crate::context::Context;
use crate::event::PartitionEvent;
use crate::ids::{NodeId, RequestHandle, TopicPartition, UNKNOWN_OFFSET};
use crate::log::AppendOrigin;
use crate::message::{
    Acks, ErrorCode, LeaderHint, NodeEndpoint, ProducePartition, ProducePartitionResponse, ProduceRequest,
    ProduceResponse, Response,
};

impl ReplicaManager {
    /// A producer's request. Answered by `Reply` (perhaps later), or for acks=0 by `NoReply` or `CloseConnection`.
    pub fn produce(&mut self, ctx: &mut Context, handle: RequestHandle, request: ProduceRequest) {
        let acks = request.acks;
        let mut statuses = Vec::with_capacity(request.partitions.len());
        let mut moved: Vec<(TopicPartition, bool)> = Vec::new();
        for batch in &request.partitions {
            let (name, outcome) = self.append_batch(ctx, batch, acks);
            if let Ok(produced) = &outcome {
                moved.push((name.clone(), produced.high_watermark_rose));
            }
            statuses.push(self.status_of(ctx, name, batch, outcome));
        }
        let waits = acks == Acks::All && statuses.iter().any(|status| status.response.error.is_none());
        if waits {
            self.park_produce(ctx, handle, statuses, request.timeout_ms);
        } else {
            let responses = statuses.into_iter().map(|status| (status.partition, status.response)).collect();
            self.answer_produce(handle, acks, responses);
        }
        for (name, high_watermark_rose) in moved {
            if high_watermark_rose {
                self.complete_produces(ctx, &name);
            }
            self.complete_fetches(ctx, &name);
        }
        self.settle(ctx);
    }

    fn append_batch(
        &mut self,
        ctx: &mut Context,
        batch: &ProducePartition,
        acks: Acks,
    ) -> (TopicPartition, Result<Produced, ProduceFailed>) {
        let by_id = self.image.topic_name(batch.topic_id).cloned();
        let topic = if batch.topic_id.is_zero() { Some(batch.topic.clone()) } else { by_id };
        let Some(topic) = topic else {
            let name = TopicPartition { topic: batch.topic.clone(), partition: batch.partition };
            return (name, Err(ErrorCode::UnknownTopicId.into()));
        };
        let name = TopicPartition { topic, partition: batch.partition };
        if self.image.partition(&name.topic, name.partition).is_none() {
            return (name, Err(ErrorCode::UnknownTopicOrPartition.into()));
        }
        // Simplified: Kafka lets a client through that calls itself `__admin_client`.
        if name.topic.is_internal() {
            return (name, Err(ErrorCode::InvalidTopicException.into()));
        }
        let (partition, around) = match self.online(&name) {
            Ok(found) => found,
            Err(error) => return (name, Err(error.into())),
        };
        if !batch.topic_id.is_zero() && partition.topic_id != batch.topic_id {
            return (name, Err(ErrorCode::UnknownTopicId.into()));
        }
        let outcome = partition.append_as_leader(ctx, &around, batch.records.clone(), acks, AppendOrigin::Client);
        self.after_append(&name);
        (name, outcome)
    }

    fn status_of(
        &mut self,
        ctx: &mut Context,
        name: TopicPartition,
        batch: &ProducePartition,
        outcome: Result<Produced, ProduceFailed>,
    ) -> ProduceStatus {
        let log_start = self.partition(&name).map_or(UNKNOWN_OFFSET, |partition| partition.log.log_start_offset());
        let mut response = ProducePartitionResponse {
            topic_id: batch.topic_id,
            topic: batch.topic.clone(),
            partition: batch.partition,
            error: ErrorCode::None,
            base_offset: UNKNOWN_OFFSET,
            log_append_time_ms: -1,
            log_start_offset: UNKNOWN_OFFSET,
            current_leader: None,
        };
        let mut required_offset = UNKNOWN_OFFSET;
        match outcome {
            Ok(produced) => {
                required_offset = produced.info.last_offset + 1;
                response.base_offset = produced.info.base_offset;
                response.log_append_time_ms = produced.info.log_append_time;
                response.log_start_offset = log_start;
            }
            Err(failed) => {
                response.error = failed.error;
                ctx.emit(PartitionEvent::ProduceRefused { partition: name.clone(), error: failed.error });
                if failed.storage_error.is_some() {
                    self.note_failure(&name);
                }
            }
        }
        ProduceStatus { partition: name, required_offset, pending: false, response }
    }

    fn park_produce(
        &mut self,
        ctx: &mut Context,
        handle: RequestHandle,
        mut partitions: Vec<ProduceStatus>,
        timeout_ms: i32,
    ) {
        for status in partitions.iter_mut().filter(|status| status.response.error.is_none()) {
            status.pending = true;
            status.response.error = ErrorCode::RequestTimedOut;
        }
        let mut delayed = DelayedProduce { handle, partitions };
        if self.test_produce(&mut delayed) {
            self.complete_produce(ctx, delayed);
            return;
        }
        for status in delayed.partitions.iter().filter(|status| status.pending) {
            ctx.emit(PartitionEvent::ProduceParked {
                partition: status.partition.clone(),
                required_offset: status.required_offset,
            });
        }
        let watched = delayed.partitions.iter().map(|status| status.partition.clone()).collect();
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        self.produces.park(delayed, watched, ctx.now.monotonic + timeout);
    }

    /// Whether every batch is settled. A batch that is settled stays so, whatever happens while others still wait.
    fn test_produce(&self, delayed: &mut DelayedProduce) -> bool {
        for status in delayed.partitions.iter_mut().filter(|status| status.pending) {
            let outcome = match self.hosted(&status.partition) {
                Ok(partition) => partition.produce_outcome(&self.around(), status.required_offset),
                Err(error) => Some(error),
            };
            if let Some(error) = outcome {
                status.pending = false;
                status.response.error = error;
            }
        }
        delayed.partitions.iter().all(|status| !status.pending)
    }

    /// Re-tests the produce requests that wait for a partition.
    pub(super) fn complete_produces(&mut self, ctx: &mut Context, name: &TopicPartition) {
        for id in self.produces.watching(name) {
            self.retest_produce(ctx, id);
        }
        // What wakes these wakes requests to give records up as well.
        self.complete_deletes(name);
    }

    fn retest_produce(&mut self, ctx: &mut Context, id: WaitId) {
        let Some(mut delayed) = self.produces.get(id).cloned() else { return };
        if self.test_produce(&mut delayed) {
            self.produces.remove(id);
            self.complete_produce(ctx, delayed);
        } else if let Some(waiting) = self.produces.get_mut(id) {
            *waiting = delayed;
        }
    }

    /// Answers the produce requests whose time is up.
    pub(super) fn expire_produces(&mut self, ctx: &mut Context) {
        while let Some(delayed) = self.produces.remove_expired(ctx.now.monotonic) {
            self.complete_produce(ctx, delayed);
        }
    }

    fn complete_produce(&mut self, ctx: &mut Context, delayed: DelayedProduce) {
        for status in delayed.partitions.iter().filter(|status| status.required_offset >= 0) {
            ctx.emit(PartitionEvent::ProduceCompleted {
                partition: status.partition.clone(),
                required_offset: status.required_offset,
                error: status.response.error,
            });
        }
        let responses = delayed.partitions.into_iter().map(|status| (status.partition, status.response)).collect();
        self.answer_produce(delayed.handle, Acks::All, responses);
    }

    fn answer_produce(
        &mut self,
        handle: RequestHandle,
        acks: Acks,
        responses: Vec<(TopicPartition, ProducePartitionResponse)>,
    ) {
        let mut endpoints: BTreeMap<NodeId, NodeEndpoint> = BTreeMap::new();
        let mut partitions = Vec::with_capacity(responses.len());
        let failed = responses.iter().any(|(_, response)| !response.error.is_none());
        for (name, mut response) in responses {
            if response.error == ErrorCode::NotLeaderOrFollower {
                let hint = self.leader_hint(&name);
                self.add_endpoint(hint, &mut endpoints);
                response.current_leader = Some(hint);
            }
            partitions.push(response);
        }
        let output = match acks {
            Acks::None if failed => PartitionOutput::CloseConnection { handle },
            Acks::None => PartitionOutput::NoReply { handle },
            Acks::Leader | Acks::All => {
                let response = ProduceResponse { partitions, node_endpoints: endpoints.into_values().collect() };
                PartitionOutput::Reply { handle, response: Response::Produce(response) }
            }
        };
        self.outbox.push(output);
    }

    pub(super) fn add_endpoint(&self, hint: LeaderHint, endpoints: &mut BTreeMap<NodeId, NodeEndpoint>) {
        if let Some(endpoint) = super::cluster::node_endpoint(&self.image, hint) {
            endpoints.insert(hint.leader, endpoint);
        }
    }
}
