//! From an answer to an outcome: acknowledged, sent again, split, or given up
//! (`Sender.handleProduceResponse`, `completeBatch`, `failBatch`).

use super::batch::{Batch, BatchId, FinalState};
use super::{IdState, Producer};
use crate::client::cluster::Cluster;
use crate::client::network::{Completion, Outcome};
use crate::client::retry::{is_retriable, is_stale_metadata};
use crate::client::{CallResult, failed};
use crate::context::Context;
use crate::effects::Output;
use crate::event::ClientEvent;
use crate::ids::{Offset, TopicId, TopicPartition};
use crate::message::{ErrorCode, LeaderHint, ProducePartitionResponse, ProduceResponse, Response};

impl Producer {
    /// A produce request ended.
    pub fn on_produce(&mut self, ctx: &mut Context, cluster: &mut Cluster, completion: &Completion) {
        let ids = self.requests.remove(&completion.token).expect("a request ends once");
        for id in &ids {
            self.batches.get_mut(*id).in_flight = false;
        }
        match &completion.outcome {
            Outcome::Answered(Response::Produce(response)) => self.on_response(ctx, cluster, &ids, response),
            Outcome::Sent => self.complete_all(ctx, cluster, &ids, ErrorCode::None),
            Outcome::TimedOut => self.complete_all(ctx, cluster, &ids, ErrorCode::RequestTimedOut),
            Outcome::Disconnected => self.complete_all(ctx, cluster, &ids, ErrorCode::NetworkException),
            Outcome::UnsupportedVersion | Outcome::Answered(_) => {
                self.complete_all(ctx, cluster, &ids, ErrorCode::UnsupportedVersion);
            }
        }
        self.finish_flushes(ctx);
    }

    fn complete_all(&mut self, ctx: &mut Context, cluster: &mut Cluster, ids: &[BatchId], error: ErrorCode) {
        for id in ids {
            let partition = self.batches.get(*id).partition.clone();
            let answer = ProducePartitionResponse {
                topic_id: TopicId::ZERO,
                topic: partition.topic.clone(),
                partition: partition.partition,
                error,
                base_offset: -1,
                log_append_time_ms: -1,
                log_start_offset: -1,
                current_leader: None,
            };
            self.complete(ctx, cluster, *id, &answer);
        }
    }

    fn on_response(&mut self, ctx: &mut Context, cluster: &mut Cluster, ids: &[BatchId], response: &ProduceResponse) {
        let mut hints: Vec<(TopicPartition, LeaderHint)> = Vec::new();
        for id in ids {
            let partition = self.batches.get(*id).partition.clone();
            let topic_id = cluster.metadata.topic_id(&partition.topic);
            let answers = || response.partitions.iter().filter(|answer| answer.partition == partition.partition);
            // The topic may have got another id since the request left: one answer is this one's then.
            let answer = answers().find(|answer| answer.topic_id == topic_id).or_else(|| answers().next());
            let Some(answer) = answer.cloned() else {
                self.complete_all(ctx, cluster, &[*id], ErrorCode::UnknownServerError);
                continue;
            };
            if matches!(answer.error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
                hints.extend(answer.current_leader.map(|hint| (partition.clone(), hint)));
            }
            self.complete(ctx, cluster, *id, &answer);
        }
        if !hints.is_empty() {
            cluster.metadata.learn_leaders(ctx, &hints, &response.node_endpoints);
        }
    }

    fn complete(&mut self, ctx: &mut Context, cluster: &mut Cluster, id: BatchId, answer: &ProducePartitionResponse) {
        let batch = self.batches.get(id);
        let partition = batch.partition.clone();
        let error = answer.error;
        if error == ErrorCode::MessageTooLarge && batch.count() > 1 && !batch.is_done() {
            self.split(ctx, id);
        } else if error == ErrorCode::None || error == ErrorCode::DuplicateSequenceNumber {
            let base_offset = if error == ErrorCode::None { answer.base_offset } else { -1 };
            self.acknowledge(ctx, id, base_offset);
        } else {
            if self.can_retry(ctx, id, answer) {
                self.retry(ctx, id, error);
            } else {
                // Attempts that ran out leave the outcome unknown; a refusal does not.
                let refused = self.batches.get(id).attempts < self.settings.retries;
                self.give_up(ctx, id, error, error.name(), refused);
            }
            if is_stale_metadata(error) {
                cluster.metadata.request_update();
            }
        }
        self.muted.remove(&partition);
        self.forget_if_done(id);
    }

    fn can_retry(&mut self, ctx: &Context, id: BatchId, answer: &ProducePartitionResponse) -> bool {
        let batch = self.batches.get(id);
        let in_time = batch.created_at + self.settings.delivery_timeout > ctx.now.monotonic;
        if !in_time || batch.attempts >= self.settings.retries || batch.is_done() {
            return false;
        }
        if self.is_idempotent() {
            let batch = batch.clone();
            self.sequences.can_retry(&batch, answer)
        } else {
            is_retriable(answer.error)
        }
    }

    fn retry(&mut self, ctx: &mut Context, id: BatchId, error: ErrorCode) {
        let attempts = self.batches.get(id).attempts;
        let backoff = self.retry_backoff.after(ctx, attempts as u32);
        self.batches.remove_in_flight(id);
        let batch = self.batches.get_mut(id);
        batch.had_unclear_end |= error != ErrorCode::OutOfOrderSequenceNumber;
        batch.reenqueued(ctx.now.monotonic, backoff);
        let event = ClientEvent::BatchRetried {
            partition: batch.partition.clone(),
            error,
            first_sequence: batch.base_sequence,
        };
        ctx.emit(event);
        let by_sequence = self.is_idempotent();
        self.batches.put_back(id, by_sequence);
    }

    fn acknowledge(&mut self, ctx: &mut Context, id: BatchId, base_offset: Offset) {
        let batch = self.batches.get(id).clone();
        if self.is_idempotent() {
            self.sequences.on_acked(&batch);
        }
        self.batches.remove_in_flight(id);
        if batch.is_done() {
            // It was given up before: its application has been told so, and the record is there.
            return;
        }
        self.batches.get_mut(id).final_state = Some(FinalState::Succeeded);
        ctx.emit(ClientEvent::BatchAcked {
            partition: batch.partition.clone(),
            base_offset,
            records: batch.count(),
            acks: self.acks,
        });
        for (index, record) in batch.records.iter().enumerate() {
            if let Some(ticket) = record.ticket {
                let offset = if base_offset < 0 { -1 } else { self.first_offset + base_offset + index as i64 };
                let result = CallResult::Sent { partition: batch.partition.clone(), offset };
                ctx.output(Output::Resolve { ticket, result });
            }
        }
    }

    /// Tells the application that the batch failed. Whether it was written may be unknown;
    /// `refused` says that it surely was not.
    pub(super) fn give_up(&mut self, ctx: &mut Context, id: BatchId, error: ErrorCode, message: &str, refused: bool) {
        let batch = self.batches.get(id).clone();
        self.batches.remove_in_flight(id);
        if !batch.is_done() {
            self.batches.get_mut(id).final_state = Some(FinalState::Failed);
            ctx.emit(ClientEvent::BatchFailed { partition: batch.partition.clone(), error, records: batch.count() });
            for record in batch.records.iter().filter(|_| !self.keeps_failure_to_itself) {
                failed(ctx, record.ticket, error, message);
            }
            if self.is_idempotent() {
                self.sequences.on_failed(&batch, error, refused);
            }
        }
        self.forget_if_done(id);
    }

    /// [`Hazard::EpochBumpSendsAgain`](crate::config::Hazard::EpochBumpSendsAgain), mended: before the epoch is raised, what
    /// may have been written is given up.
    pub(super) fn give_up_doubtful(&mut self, ctx: &mut Context) {
        for id in self.sequences.doubtful(&self.batches) {
            let partition = self.batches.get(id).partition.clone();
            self.batches.queue_mut(&partition).retain(|other| *other != id);
            let message = "the producer's epoch was raised while it was unknown whether the record was written";
            self.give_up(ctx, id, ErrorCode::RequestTimedOut, message, false);
        }
    }

    /// Lets go of a batch that nobody needs any more, and of its memory. One that was given
    /// up in flight is kept until its request ends (KAFKA-19012).
    fn forget_if_done(&mut self, id: BatchId) {
        if !self.batches.contains(id) {
            return;
        }
        let batch = self.batches.get(id);
        if batch.is_done() && !batch.in_flight {
            self.free_memory += batch.reserved;
            self.batches.remove(id);
        }
    }

    /// Fails everything after a fatal error of the producer's id.
    pub(super) fn fail_all(&mut self, ctx: &mut Context, error: ErrorCode) -> bool {
        assert!(matches!(self.id, IdState::Refused(_)));
        let open = self.batches.incomplete();
        for id in &open {
            let partition = self.batches.get(*id).partition.clone();
            self.batches.queue_mut(&partition).retain(|other| other != id);
            self.give_up(ctx, *id, error, "the producer is in an error state", false);
        }
        self.finish_flushes(ctx);
        !open.is_empty()
    }

    /// A batch that is too large for its topic becomes several, of `batch.size` at most.
    fn split(&mut self, ctx: &mut Context, id: BatchId) {
        let big = self.batches.get(id).clone();
        if self.is_idempotent() {
            self.sequences.untrack(&big);
        }
        self.batches.remove_in_flight(id);
        let mut parts: Vec<Batch> = Vec::new();
        for record in &big.records {
            let fits = parts.last_mut().is_some_and(|part| part.try_append(record, big.last_append).is_some());
            if !fits {
                let limit = self.settings.batch_size.max(record.size_upper_bound());
                let mut part = Batch::new(self.batches.next_id(), big.partition.clone(), limit, 0, big.created_at);
                part.try_append(record, big.last_append).expect("a new batch has room for its first record");
                parts.push(part);
            }
        }
        let mut sequence = big.base_sequence;
        for part in &mut parts {
            part.close_for_appends();
            if big.has_sequence() {
                part.producer = big.producer;
                part.base_sequence = sequence;
                sequence = super::batch::increment_sequence(sequence, part.count());
            }
        }
        ctx.emit(ClientEvent::BatchRetried {
            partition: big.partition.clone(),
            error: ErrorCode::MessageTooLarge,
            first_sequence: big.base_sequence,
        });
        self.free_memory += big.reserved;
        self.batches.remove(id);
        for part in parts.into_iter().rev() {
            let part_id = part.id;
            self.batches.insert(part);
            if self.is_idempotent() {
                self.sequences.track(&self.batches, part_id);
            }
            self.batches.put_back(part_id, self.is_idempotent());
        }
        // Whoever flushes waits for the parts instead.
        for flush in &mut self.flushes {
            if flush.batches.remove(&id) {
                flush.batches.extend(self.batches.incomplete());
            }
        }
    }
}
