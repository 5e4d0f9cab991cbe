//! From `send` to a batch: metadata, memory, partition (`KafkaProducer.doSend`,
//! `RecordAccumulator.append`).

use super::batch::{Batch, BatchId};
use super::{DelayedSend, Producer};
use crate::client::cluster::Cluster;
use crate::client::failed;
use crate::client::producer::partition_for_key;
use crate::context::Context;
use crate::event::ClientEvent;
use crate::ids::{TopicName, TopicPartition};
use crate::message::ErrorCode;

/// What became of one attempt to append a record.
enum Appended {
    Yes,
    /// It stays where it is: metadata is missing.
    NoMetadata,
    /// It stays where it is: memory is missing.
    NoMemory,
    /// It was refused.
    Refused(ErrorCode, String),
}

impl Producer {
    /// Appends what can be appended, in the order of the calls. Gives whether any was.
    pub(super) fn append_waiting(&mut self, ctx: &mut Context, cluster: &mut Cluster) -> bool {
        let mut appended = false;
        let mut index = 0;
        self.memory_exhausted = false;
        while index < self.waiting.len() {
            let mut send = self.waiting.remove(index).expect("the index is below the length");
            match self.try_append(ctx, cluster, &mut send) {
                Appended::Yes => appended = true,
                Appended::NoMetadata => {
                    self.waiting.insert(index, send);
                    index += 1;
                }
                Appended::NoMemory => {
                    // Waiters for memory are served in their order (`BufferPool`).
                    self.waiting.insert(index, send);
                    self.memory_exhausted = true;
                    break;
                }
                Appended::Refused(error, message) => failed(ctx, send.record.ticket, error, &message),
            }
        }
        appended
    }

    /// Gives up sends that waited for `max.block.ms`.
    pub(super) fn expire_waiting(&mut self, ctx: &mut Context, cluster: &Cluster) {
        let now = ctx.now.monotonic;
        let millis = self.settings.max_block.as_millis();
        self.waiting.retain(|send| {
            if send.deadline > now {
                return true;
            }
            let message = match cluster.metadata.partition_count(&send.topic) {
                None => format!("Topic {} not present in metadata after {millis} ms.", send.topic),
                Some(count) if send.partition.is_some_and(|partition| partition >= count) => {
                    format!("Partition of topic {} with partition count {count} is not present in metadata after {millis} ms.", send.topic)
                }
                Some(_) => format!("Failed to allocate memory within the configured max blocking time {millis} ms."),
            };
            failed(ctx, send.record.ticket, ErrorCode::RequestTimedOut, &message);
            false
        });
    }

    fn try_append(&mut self, ctx: &mut Context, cluster: &mut Cluster, send: &mut DelayedSend) -> Appended {
        let topic_error = cluster.metadata.topic_error(&send.topic);
        if topic_error == ErrorCode::InvalidTopicException {
            return Appended::Refused(topic_error, format!("Invalid topics: [{}]", send.topic));
        }
        cluster.metadata.add_topic(&send.topic, ctx.now.monotonic);
        let count = cluster.metadata.partition_count(&send.topic);
        let Some(count) = count.filter(|count| send.partition.is_none_or(|partition| partition < *count)) else {
            let version = cluster.metadata.update_version();
            if send.asked_at_version != Some(version) {
                send.asked_at_version = Some(version);
                cluster.metadata.request_update_for_topic(&send.topic);
            }
            return Appended::NoMetadata;
        };
        let size = send.record.size_upper_bound();
        if size > self.settings.max_request_size || i64::from(size) > self.settings.buffer_memory {
            let message =
                format!("The message is {size} bytes when serialized, which is larger than the producer may send.");
            return Appended::Refused(ErrorCode::MessageTooLarge, message);
        }
        let chosen = match (&send.partition, &send.record.key) {
            (Some(partition), _) => Some(*partition),
            (None, Some(key)) => Some(partition_for_key(key, count)),
            (None, None) => None,
        };
        self.append(ctx, cluster, send, chosen, size)
    }

    fn append(
        &mut self,
        ctx: &mut Context,
        cluster: &Cluster,
        send: &DelayedSend,
        chosen: Option<i32>,
        size: i32,
    ) -> Appended {
        let index = chosen.unwrap_or_else(|| {
            let (available, all) = partitions_of(cluster, &send.topic);
            self.sticky.entry(send.topic.clone()).or_default().current(ctx, &available, &all)
        });
        let partition = TopicPartition { topic: send.topic.clone(), partition: index };
        let Some((id, bytes)) =
            self.append_to_last(ctx, send, &partition).or_else(|| self.append_to_new(ctx, send, &partition, size))
        else {
            return Appended::NoMemory;
        };
        if let Some(ticket) = send.record.ticket {
            ctx.emit(ClientEvent::RecordQueued { ticket, partition: partition.clone() });
        }
        if chosen.is_none() {
            let full = self.batches.get(id).is_full();
            let (available, all) = partitions_of(cluster, &send.topic);
            let sticky = self.sticky.entry(send.topic.clone()).or_default();
            sticky.appended(ctx, bytes, self.settings.batch_size, full, (&available, &all));
        }
        Appended::Yes
    }

    fn append_to_last(
        &mut self,
        ctx: &Context,
        send: &DelayedSend,
        partition: &TopicPartition,
    ) -> Option<(BatchId, i32)> {
        let id = self.batches.last_id(partition)?;
        let batch = self.batches.get_mut(id);
        match batch.try_append(&send.record, ctx.now.monotonic) {
            Some(bytes) => Some((id, bytes)),
            None => {
                batch.close_for_appends();
                None
            }
        }
    }

    fn append_to_new(
        &mut self,
        ctx: &Context,
        send: &DelayedSend,
        partition: &TopicPartition,
        size: i32,
    ) -> Option<(BatchId, i32)> {
        let limit = self.settings.batch_size.max(size);
        let reserved = i64::from(limit);
        if self.free_memory < reserved {
            return None;
        }
        self.free_memory -= reserved;
        let id = self.batches.next_id();
        let mut batch = Batch::new(id, partition.clone(), limit, reserved, ctx.now.monotonic);
        batch.try_append(&send.record, ctx.now.monotonic).expect("a new batch has room for its first record");
        let bytes = batch.size;
        self.batches.insert(batch);
        self.batches.queue_mut(partition).push_back(id);
        Some((id, bytes))
    }
}

/// The partitions with a leader, and all.
fn partitions_of(cluster: &Cluster, topic: &TopicName) -> (Vec<i32>, Vec<i32>) {
    let all: Vec<TopicPartition> = cluster.metadata.partitions_of(topic).collect();
    let available = all.iter().filter(|partition| cluster.metadata.leader(partition).is_some());
    (
        available.map(|partition| partition.partition).collect(),
        all.iter().map(|partition| partition.partition).collect(),
    )
}
