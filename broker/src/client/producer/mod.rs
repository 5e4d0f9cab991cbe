//! The producer: Kafka's `KafkaProducer`, `RecordAccumulator` and `Sender` in one machine.
//!
//! ```text
//!   Call::Send ─▶ waits for metadata, for memory ─▶ batch of its partition ─▶ full, or linger over
//!                 (max.block.ms)                                                  │
//!       ┌── acknowledged ◀── request in flight (≤ 5 a node) ◀── connection ready ─┘
//!       │         retriable error, lost connection: back to the front of the queue
//!       └▶ resolved        at delivery.timeout.ms: given up, outcome unknown
//! ```

mod accumulate;
mod batch;
mod batches;
mod complete;
mod partitioner;
mod sender;
mod sequences;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use batch::{Batch, BatchId, QueuedRecord};
use batches::Batches;
use partitioner::StickyPartitioner;
pub use partitioner::{murmur2, partition_for_key};
use sequences::Sequences;

use super::cluster::Cluster;
use super::network::{Completion, Outcome};
use super::retry::{Backoff, is_retriable};
use super::view::BatchView;
use super::{CallResult, ProducerRecord, failed};
use crate::config::{Behaviour, Hazard, ProducerSettings, Switch};
use crate::context::Context;
use crate::effects::Output;
use crate::event::ClientEvent;
use crate::ids::{NodeId, ProducerEpoch, ProducerId, Ticket, TopicName, TopicPartition};
use crate::message::{Acks, ErrorCode, InitProducerIdRequest, Response};
use crate::time::Time;

/// A `send` that waits for metadata or for memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DelayedSend {
    record: QueuedRecord,
    topic: TopicName,
    /// The partition the caller chose.
    partition: Option<i32>,
    deadline: Time,
    /// The metadata's version at the last look: a newer one is worth another question.
    asked_at_version: Option<u64>,
}

/// A `flush` that waits for the batches that existed when it was called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct DelayedFlush {
    ticket: Option<Ticket>,
    batches: BTreeSet<BatchId>,
}

/// How far the producer is with its id (KIP-98).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum IdState {
    /// It is not idempotent and needs none.
    NotNeeded,
    /// It has none: a node is to be asked, not before the given instant.
    Wanted { not_before: Time, target: Option<NodeId> },
    /// It was asked for.
    Asked,
    /// It has one.
    Known,
    /// It was refused for good: nothing is sent any more.
    Refused(ErrorCode),
}

/// The producer's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Producer {
    acks: Acks,
    settings: ProducerSettings,
    retry_backoff: Backoff,
    batches: Batches,
    sticky: BTreeMap<TopicName, StickyPartitioner>,
    /// Sends that wait, in the order of the calls.
    waiting: VecDeque<DelayedSend>,
    flushes: Vec<DelayedFlush>,
    /// Bytes of `buffer.memory` that are not reserved.
    free_memory: i64,
    /// Somebody waits for memory: everything is sent at once.
    memory_exhausted: bool,
    id: IdState,
    sequences: Sequences,
    /// Whether [`Hazard::EpochBumpSendsAgain`] is mended.
    gives_up_doubtful: bool,
    /// The switch [`Switch::ProducerKeepsFailureToItself`].
    keeps_failure_to_itself: bool,
    /// What is added to each offset that its application is told: 0 but for [`Switch::ProducerCountsFromOne`].
    first_offset: i64,
    /// Partitions with a batch in flight, when only one request may be.
    muted: BTreeSet<TopicPartition>,
    /// The batches of each request in flight.
    requests: BTreeMap<u64, Vec<BatchId>>,
    next_request: u64,
    /// Where the last drain of each node began, so that every partition has its turn.
    drain_from: BTreeMap<NodeId, usize>,
    closing: bool,
}

impl Producer {
    pub fn new(acks: Acks, settings: ProducerSettings, behaviour: &Behaviour) -> Producer {
        let retry_backoff = Backoff {
            initial: settings.retry_backoff,
            max: settings.retry_backoff_max,
            jitter: settings.backoff_jitter,
        };
        let id = if settings.enable_idempotence {
            IdState::Wanted { not_before: Time::ZERO, target: None }
        } else {
            IdState::NotNeeded
        };
        Producer {
            acks,
            retry_backoff,
            batches: Batches::default(),
            sticky: BTreeMap::new(),
            waiting: VecDeque::new(),
            flushes: Vec::new(),
            free_memory: settings.buffer_memory,
            memory_exhausted: false,
            id,
            sequences: Sequences::default(),
            gives_up_doubtful: behaviour.mends(Hazard::EpochBumpSendsAgain),
            keeps_failure_to_itself: behaviour.is(Switch::ProducerKeepsFailureToItself),
            first_offset: i64::from(behaviour.is(Switch::ProducerCountsFromOne)),
            muted: BTreeSet::new(),
            requests: BTreeMap::new(),
            next_request: 1,
            drain_from: BTreeMap::new(),
            closing: false,
            settings,
        }
    }

    fn is_idempotent(&self) -> bool {
        self.id != IdState::NotNeeded
    }

    // ---- Calls --------------------------------------------------------------------

    /// `Producer.send`.
    pub fn send(&mut self, ctx: &mut Context, cluster: &mut Cluster, ticket: Ticket, record: ProducerRecord) {
        if self.closing {
            failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "the producer is closed");
            return;
        }
        let topic = TopicName::new(&record.topic);
        if record.partition.is_some_and(|partition| partition < 0) {
            failed(ctx, Some(ticket), ErrorCode::InvalidRequest, "a partition's index is never negative");
            return;
        }
        let queued = QueuedRecord {
            ticket: Some(ticket),
            timestamp_ms: ctx.now.wall.millis(),
            key: record.key,
            value: record.value,
        };
        let deadline = ctx.now.monotonic + self.settings.max_block;
        self.waiting.push_back(DelayedSend {
            record: queued,
            topic,
            partition: record.partition,
            deadline,
            asked_at_version: None,
        });
        self.append_waiting(ctx, cluster);
    }

    /// `Producer.flush`.
    pub fn flush(&mut self, ctx: &mut Context, ticket: Option<Ticket>) {
        self.flushes.push(DelayedFlush { ticket, batches: self.batches.incomplete() });
        self.finish_flushes(ctx);
    }

    /// Nobody waits for this call any more. A record that was appended stays in its batch,
    /// as a future that nobody reads; one that still waits is not sent.
    pub fn abandon(&mut self, ticket: Ticket) {
        self.waiting.retain(|send| send.record.ticket != Some(ticket));
        for flush in &mut self.flushes {
            flush.ticket = flush.ticket.filter(|waiting| *waiting != ticket);
        }
        let ids: Vec<BatchId> = self.batches.iter().map(|batch| batch.id).collect();
        for id in ids {
            for record in &mut self.batches.get_mut(id).records {
                record.ticket = record.ticket.filter(|waiting| *waiting != ticket);
            }
        }
    }

    /// Takes no more records and sends what there is (`close`).
    pub fn close(&mut self, ctx: &mut Context) {
        self.closing = true;
        for send in std::mem::take(&mut self.waiting) {
            failed(
                ctx,
                send.record.ticket,
                ErrorCode::InvalidRequest,
                "the producer was closed while send was in progress",
            );
        }
        self.memory_exhausted = false;
    }

    /// Whether everything that was sent has an outcome.
    pub fn is_drained(&self) -> bool {
        self.batches.iter().all(Batch::is_done) && self.requests.is_empty() && self.waiting.is_empty()
    }

    fn finish_flushes(&mut self, ctx: &mut Context) {
        let batches = &self.batches;
        let is_open = |id: &BatchId| batches.contains(*id) && !batches.get(*id).is_done();
        self.flushes.retain_mut(|flush| {
            flush.batches.retain(is_open);
            if !flush.batches.is_empty() {
                return true;
            }
            if let Some(ticket) = flush.ticket {
                ctx.output(Output::Resolve { ticket, result: CallResult::Done });
            }
            false
        });
    }

    // ---- Running ------------------------------------------------------------------

    /// One turn of the sender (`Sender.runOnce`). Gives whether anything was done.
    pub fn run(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        self.expire_waiting(ctx, cluster);
        let appended = self.append_waiting(ctx, cluster);
        self.sequences.resolve();
        if let IdState::Refused(error) = self.id {
            return self.fail_all(ctx, error) || appended;
        }
        if self.gives_up_doubtful {
            self.give_up_doubtful(ctx);
        }
        self.sequences.bump_if_required(ctx, &mut self.batches);
        if self.id == IdState::Known && self.sequences.producer.is_none() {
            self.id = IdState::Wanted { not_before: ctx.now.monotonic, target: None };
        }
        match self.id {
            IdState::NotNeeded | IdState::Known => {}
            IdState::Wanted { .. } => {
                if self.ask_for_id(ctx, cluster) {
                    return true;
                }
            }
            // The sender thread does nothing else until the answer comes.
            IdState::Asked | IdState::Refused(_) => {}
        }
        let sent = self.send_batches(ctx, cluster);
        self.finish_flushes(ctx);
        sent || appended
    }

    fn ask_for_id(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let IdState::Wanted { not_before, target } = &mut self.id else { return false };
        let now = ctx.now.monotonic;
        if *not_before > now {
            return false;
        }
        if target.is_some_and(|node| cluster.network.is_disconnected(node)) {
            // The node could not be reached: the sender thread sleeps before it looks for another.
            *not_before = now + self.settings.retry_backoff;
            *target = None;
            cluster.metadata.request_update();
            return false;
        }
        let known = target.filter(|node| cluster.metadata.endpoint(*node).is_some());
        let Some(node) = known.or_else(|| cluster.least_loaded(ctx).node) else { return false };
        *target = Some(node);
        if !cluster.ready(ctx, node) {
            return false;
        }
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
        };
        self.id = IdState::Asked;
        cluster.send(ctx, node, super::network::Asker::ProducerId, 0, request);
        true
    }

    /// The request for an id ended.
    pub fn on_id(&mut self, ctx: &mut Context, completion: &Completion) {
        if self.id != IdState::Asked {
            return;
        }
        let again = IdState::Wanted { not_before: ctx.now.monotonic + self.settings.retry_backoff, target: None };
        let Outcome::Answered(Response::InitProducerId(response)) = &completion.outcome else {
            self.id = again;
            return;
        };
        match response.error {
            ErrorCode::None => {
                self.id = IdState::Known;
                self.sequences.producer = Some((response.producer_id, response.producer_epoch));
                ctx.emit(ClientEvent::ProducerIdAssigned {
                    producer_id: response.producer_id,
                    producer_epoch: response.producer_epoch,
                });
            }
            error if is_retriable(error) => self.id = again,
            error => self.id = IdState::Refused(error),
        }
    }

    // ---- Views --------------------------------------------------------------------

    /// The id and epoch, once known.
    pub fn producer_id(&self) -> Option<(ProducerId, ProducerEpoch)> {
        self.sequences.producer
    }

    /// Whether it has what it needs to send: an id, if it is idempotent.
    pub fn has_id(&self) -> bool {
        matches!(self.id, IdState::NotNeeded | IdState::Known)
    }

    pub fn views(&self) -> Vec<BatchView> {
        let mut batches: Vec<_> = self.batches.iter().collect();
        batches.sort_by_key(|batch| (batch.partition.clone(), !batch.has_sequence(), batch.base_sequence, batch.id));
        let view = |batch: &Batch| BatchView {
            partition: batch.partition.clone(),
            records: batch.count(),
            first_sequence: batch.base_sequence,
            attempts: batch.attempts,
            in_flight: batch.in_flight,
            created_at: batch.created_at,
        };
        batches.into_iter().filter(|batch| !batch.is_done()).map(view).collect()
    }

    /// When the next thing happens by itself, later than now.
    pub fn next_deadline(&self, cluster: &Cluster, now: Time) -> Option<Time> {
        let waiting = self.waiting.iter().map(|send| send.deadline).filter(|at| *at > now).min();
        let id = match self.id {
            IdState::Wanted { not_before, .. } => Some(not_before),
            IdState::NotNeeded | IdState::Asked | IdState::Known | IdState::Refused(_) => None,
        };
        [waiting, id, self.next_batch_deadline(cluster, now)].into_iter().flatten().filter(|at| *at > now).min()
    }
}
