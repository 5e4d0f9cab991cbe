//! From a batch to a request: which nodes are ready, which batches leave
//! (`Sender.sendProducerData`, `RecordAccumulator.ready` and `drain`).

use super::batch::BatchId;
use super::{IdState, Producer};
use crate::client::cluster::Cluster;
use crate::client::network::Asker;
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::{NodeId, TopicName, TopicPartition};
use crate::message::{Acks, ErrorCode, ProducePartition, ProduceRequest, Request};
use crate::time::Time;

impl Producer {
    /// One turn of sending: at most one batch of each partition leaves. Gives whether
    /// anything left or was given up.
    pub(super) fn send_batches(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let mut ready = if self.id == IdState::Asked { Vec::new() } else { self.ready_nodes(ctx, cluster) };
        ready.retain(|node| cluster.ready(ctx, *node));
        let drained: Vec<(NodeId, Vec<BatchId>)> =
            ready.into_iter().map(|node| (node, self.drain(ctx, cluster, node))).collect();
        for id in drained.iter().flat_map(|(_, ids)| ids) {
            self.batches.add_in_flight(*id);
            if self.settings.max_in_flight == 1 {
                let partition = self.batches.get(*id).partition.clone();
                self.muted.insert(partition);
            }
        }
        let expired = self.expire(ctx);
        let mut sent = false;
        for (node, ids) in drained {
            if !ids.is_empty() {
                self.send_request(ctx, cluster, node, ids);
                sent = true;
            }
        }
        sent || expired
    }

    /// The leaders of partitions that have something to send. Partitions without a leader
    /// make the client ask for metadata.
    fn ready_nodes(&mut self, ctx: &Context, cluster: &mut Cluster) -> Vec<NodeId> {
        let now = ctx.now.monotonic;
        let (mut ready, mut leaderless): (Vec<NodeId>, Vec<TopicName>) = (Vec::new(), Vec::new());
        let waiting: Vec<(TopicPartition, BatchId)> = self.batches.waiting().map(|(to, id)| (to.clone(), id)).collect();
        for (partition, id) in &waiting {
            self.batches.get_mut(*id).see_leader_epoch(cluster.metadata.leader_epoch(partition));
            match cluster.metadata.leader(partition) {
                None => {
                    leaderless.push(partition.topic.clone());
                }
                Some(leader) => {
                    if !self.muted.contains(partition) && self.sendable_at(partition) <= now {
                        ready.push(leader);
                    }
                }
            }
        }
        // Partitions come in their order, so topics stand together.
        leaderless.dedup();
        for topic in &leaderless {
            cluster.metadata.add_topic(topic, now);
            cluster.metadata.request_update();
        }
        self.update_loads(cluster);
        ready.sort_unstable();
        ready.dedup();
        ready
    }

    /// When the first batch of a partition may leave, as far as the batch is concerned.
    fn sendable_at(&self, partition: &TopicPartition) -> Time {
        let Some(first) = self.batches.first(partition) else { return Time::NEVER };
        let queued = self.batches.queue(partition).map_or(0, |queue| queue.len());
        if first.attempts > 0 && first.is_backing_off(first.last_attempt) {
            return first.last_attempt + first.retry_backoff;
        }
        let at_once =
            queued > 1 || first.is_full() || self.memory_exhausted || self.closing || !self.flushes.is_empty();
        if at_once { Time::ZERO } else { first.last_attempt + self.settings.linger }
    }

    fn update_loads(&mut self, cluster: &Cluster) {
        for (topic, sticky) in &mut self.sticky {
            let queues = self.batches.queue_lengths(topic);
            let known = cluster.metadata.topic(topic).map_or(0, |topic| topic.partitions.len());
            if queues.len() < known {
                // Kafka draws uniformly until every partition had a batch once.
                sticky.update_load(&[], 0);
                continue;
            }
            let total = queues.len();
            let mut with_leader = queues;
            with_leader.retain(|(partition, _)| cluster.metadata.has_leader(topic, *partition));
            sticky.update_load(&with_leader, total);
        }
    }

    /// Takes the first batch of each partition that this node leads, whether its linger is
    /// over or not, as far as the request's size allows.
    fn drain(&mut self, ctx: &Context, cluster: &Cluster, node: NodeId) -> Vec<BatchId> {
        let led: Vec<TopicPartition> = cluster.metadata.led_by(node).collect();
        let mut drained = Vec::new();
        if led.is_empty() {
            return drained;
        }
        let now = ctx.now.monotonic;
        let start = self.drain_from.get(&node).copied().unwrap_or(0) % led.len();
        let mut size = 0;
        for step in 0..led.len() {
            let index = (start + step) % led.len();
            self.drain_from.insert(node, index);
            let partition = &led[index];
            if self.muted.contains(partition) {
                continue;
            }
            let Some(id) = self.batches.queue(partition).and_then(|queue| queue.front().copied()) else { continue };
            let batch = self.batches.get_mut(id);
            batch.see_leader_epoch(cluster.metadata.leader_epoch(partition));
            if batch.is_backing_off(now) {
                continue;
            }
            if size + batch.size > self.settings.max_request_size && !drained.is_empty() {
                break;
            }
            if self.is_idempotent() && self.sequences.holds_back(self.batches.get(id), &self.batches) {
                // Kafka ends the whole drain here, also for the node's other partitions.
                break;
            }
            self.batches.queue_mut(partition).pop_front();
            if self.is_idempotent() && !self.batches.get(id).has_sequence() {
                self.sequences.assign(&mut self.batches, id);
            }
            let batch = self.batches.get_mut(id);
            batch.close();
            size += batch.size;
            drained.push(id);
        }
        drained
    }

    fn send_request(&mut self, ctx: &mut Context, cluster: &mut Cluster, node: NodeId, ids: Vec<BatchId>) {
        let mut partitions = Vec::new();
        for id in &ids {
            let batch = self.batches.get(*id);
            partitions.push(ProducePartition {
                topic_id: cluster.metadata.topic_id(&batch.partition.topic),
                topic: batch.partition.topic.clone(),
                partition: batch.partition.partition,
                records: batch.build(),
            });
            ctx.emit(ClientEvent::BatchSent {
                partition: batch.partition.clone(),
                node,
                records: batch.count(),
                first_sequence: batch.base_sequence,
                attempt: batch.attempts,
                acks: self.acks,
            });
        }
        let request = Request::Produce(ProduceRequest {
            transactional_id: None,
            acks: self.acks,
            timeout_ms: self.settings.request_timeout.as_millis() as i32,
            partitions,
        });
        let token = self.next_request;
        self.next_request += 1;
        self.requests.insert(token, ids);
        match self.acks {
            Acks::None => cluster.network.send_without_answer(ctx, node, Asker::Produce, token, request),
            Acks::Leader | Acks::All => cluster.network.send(ctx, node, Asker::Produce, token, request),
        }
    }

    /// Gives up what was created `delivery.timeout.ms` ago, queued or in flight.
    fn expire(&mut self, ctx: &mut Context) -> bool {
        let now = ctx.now.monotonic;
        let timeout = self.settings.delivery_timeout;
        let is_over = |created_at: Time| created_at + timeout <= now;
        let mut queued = Vec::new();
        while let Some((partition, id)) = self.batches.first_waiting(|batch| is_over(batch.created_at)) {
            self.batches.queue_mut(&partition).pop_front();
            queued.push(id);
        }
        let mut in_flight: Vec<BatchId> = Vec::new();
        for ids in self.batches.in_flight() {
            in_flight.extend(ids.iter().take_while(|id| is_over(self.batches.get(**id).created_at)));
        }
        for id in queued.iter().chain(&in_flight) {
            let batch = self.batches.get(*id).clone();
            let message = format!(
                "Expiring {} record(s) for {}:{} ms has passed since batch creation",
                batch.count(),
                batch.partition,
                now.since(batch.created_at).as_millis()
            );
            self.give_up(ctx, *id, ErrorCode::RequestTimedOut, &message, false);
            // Kafka marks it only if an earlier attempt failed; one that is in flight for the
            // first time is left to its answer.
            if self.is_idempotent() && batch.in_retry() {
                self.sequences.mark_unresolved(&batch);
            }
        }
        !queued.is_empty() || !in_flight.is_empty()
    }

    /// When the next batch becomes ready, or is given up, later than now. A batch that is ready and whose leader cannot be
    /// reached waits for the connection, and must be given up all the same.
    pub(super) fn next_batch_deadline(&self, cluster: &Cluster, now: Time) -> Option<Time> {
        let mut earliest: Option<Time> = None;
        let mut consider = |time: Time| {
            if time > now {
                earliest = Some(earliest.map_or(time, |known: Time| known.min(time)));
            }
        };
        for batch in self.batches.iter().filter(|batch| !batch.is_done()) {
            consider(batch.created_at + self.settings.delivery_timeout);
        }
        for (partition, _) in self.batches.waiting() {
            if self.muted.contains(partition) {
                continue;
            }
            let Some(leader) = cluster.metadata.leader(partition) else { continue };
            let ready_at = self.sendable_at(partition);
            let connectable = cluster.network.connectable_at(leader).unwrap_or(Time::ZERO);
            consider(ready_at.max(connectable));
        }
        earliest
    }
}
