//! Fetch at its newest version, as plain values: four of five messages that a cluster sends are one or its answer.
//!
//! Every other message travels in the types of `kafka-protocol`. Here the way into those types, through the codec and out
//! of them again costs as much as all that a machine does with a fetch that finds nothing. So these two travel as the plain
//! values that their reader has, and their bytes are written field by field. Reading bytes goes by the codec, as with all
//! others: whatever is read back compares the two ways, and a test compares their bytes.

use bytes::BufMut;
use uuid::Uuid;

use super::common::by_topic;
use super::fetch::{HIGH_WATERMARK_NOT_SAID, NOT_SAID, isolation_level};
use crate::ids::{BrokerEpoch, NodeId, TopicId, TopicName};
use crate::message::{FetchPartition, FetchPartitionResponse, FetchRequest, FetchResponse, NodeEndpoint};

/// The version that processes of Trial agree upon. Topics go by id (KIP-516).
pub(crate) const VERSION: i16 = 18;

/// A request as its reader has it: without what the version does not carry.
pub(super) fn request(request: FetchRequest) -> FetchRequest {
    let mut carried = FetchRequest { by_name: false, ..request };
    for partition in &mut carried.partitions {
        forget(&mut partition.topic);
        partition.high_watermark = partition.high_watermark.filter(|said| *said != HIGH_WATERMARK_NOT_SAID);
    }
    carried.forgotten.iter_mut().for_each(|key| forget(&mut key.topic));
    carried
}

/// A response as its reader has it: without what the version does not carry.
pub(super) fn response(mut carried: FetchResponse) -> FetchResponse {
    for partition in &mut carried.partitions {
        forget(&mut partition.topic);
        let is_said = |epoch: i32, beside: i64| (epoch, beside) != NOT_SAID;
        partition.diverging_epoch = partition.diverging_epoch.filter(|end| is_said(end.epoch.0, end.end_offset));
        partition.current_leader = partition.current_leader.filter(|hint| is_said(hint.epoch.0, hint.leader.0.into()));
        partition.snapshot_id = partition.snapshot_id.filter(|id| is_said(id.epoch.0, id.end_offset));
    }
    carried
}

/// Names do not travel where ids do; nearly always there is none to begin with.
fn forget(topic: &mut TopicName) {
    if !topic.as_str().is_empty() {
        *topic = TopicName::default();
    }
}

/// Appends the body of a request, as [`request`] gives it.
pub(crate) fn write_request(bytes: &mut Vec<u8>, request: &FetchRequest) {
    bytes.put_i32(request.max_wait_ms);
    bytes.put_i32(request.min_bytes);
    bytes.put_i32(request.max_bytes);
    bytes.put_i8(isolation_level(request.isolation));
    bytes.put_i32(request.session_id);
    bytes.put_i32(request.session_epoch);
    put_by_topic(bytes, &request.partitions, |partition| partition.topic_id, put_partition);
    put_by_topic(bytes, &request.forgotten, |key| key.topic_id, |bytes, key| bytes.put_i32(key.partition));
    put_text(bytes, &request.rack_id);
    let is_replica = request.replica_id != NodeId::NONE || request.replica_epoch != BrokerEpoch::NONE;
    put_varint(bytes, usize::from(request.cluster_id.is_some()) + usize::from(is_replica));
    if let Some(cluster_id) = request.cluster_id {
        put_tag(bytes, 0, |bytes| put_bytes(bytes, &cluster_id.digits()));
    }
    if is_replica {
        put_tag(bytes, 1, |bytes| {
            bytes.put_i32(request.replica_id.0);
            bytes.put_i64(request.replica_epoch.0);
            put_no_tags(bytes);
        });
    }
}

fn put_partition(bytes: &mut Vec<u8>, partition: &FetchPartition) {
    bytes.put_i32(partition.partition);
    bytes.put_i32(partition.current_leader_epoch.0);
    bytes.put_i64(partition.fetch_offset);
    bytes.put_i32(partition.last_fetched_epoch.0);
    bytes.put_i64(partition.log_start_offset);
    bytes.put_i32(partition.max_bytes);
    let directory = Some(partition.replica_directory_id.0).filter(|id| *id != Uuid::nil());
    put_varint(bytes, usize::from(directory.is_some()) + usize::from(partition.high_watermark.is_some()));
    if let Some(id) = directory {
        put_tag(bytes, 0, |bytes| bytes.put_slice(id.as_bytes()));
    }
    if let Some(high_watermark) = partition.high_watermark {
        put_tag(bytes, 1, |bytes| bytes.put_i64(high_watermark));
    }
}

/// Appends the body of a response, as [`response`] gives it.
pub(crate) fn write_response(bytes: &mut Vec<u8>, response: &FetchResponse) {
    bytes.put_i32(0); // No broker of Trial throttles.
    bytes.put_i16(response.error.code());
    bytes.put_i32(response.session_id);
    put_by_topic(bytes, &response.partitions, |partition| partition.topic_id, put_answer);
    if response.node_endpoints.is_empty() {
        return put_no_tags(bytes);
    }
    put_varint(bytes, 1);
    put_tag(bytes, 0, |bytes| {
        put_length(bytes, response.node_endpoints.len());
        response.node_endpoints.iter().for_each(|node| put_endpoint(bytes, node));
    });
}

fn put_answer(bytes: &mut Vec<u8>, answer: &FetchPartitionResponse) {
    bytes.put_i32(answer.partition);
    bytes.put_i16(answer.error.code());
    bytes.put_i64(answer.high_watermark);
    bytes.put_i64(answer.last_stable_offset);
    bytes.put_i64(answer.log_start_offset);
    if answer.aborted_transactions.is_empty() {
        // Null, as the codec's way has it.
        put_varint(bytes, 0);
    } else {
        put_length(bytes, answer.aborted_transactions.len());
        for aborted in &answer.aborted_transactions {
            bytes.put_i64(aborted.producer_id.0);
            bytes.put_i64(aborted.first_offset);
            put_no_tags(bytes);
        }
    }
    bytes.put_i32(answer.preferred_read_replica.0);
    put_length(bytes, answer.records.len());
    bytes.put_slice(&answer.records);
    let said = [answer.diverging_epoch.is_some(), answer.current_leader.is_some(), answer.snapshot_id.is_some()];
    put_varint(bytes, said.into_iter().map(usize::from).sum());
    if let Some(end) = answer.diverging_epoch {
        put_tag(bytes, 0, |bytes| {
            bytes.put_i32(end.epoch.0);
            bytes.put_i64(end.end_offset);
            put_no_tags(bytes);
        });
    }
    if let Some(hint) = answer.current_leader {
        put_tag(bytes, 1, |bytes| {
            bytes.put_i32(hint.leader.0);
            bytes.put_i32(hint.epoch.0);
            put_no_tags(bytes);
        });
    }
    if let Some(snapshot) = answer.snapshot_id {
        put_tag(bytes, 2, |bytes| {
            bytes.put_i64(snapshot.end_offset);
            bytes.put_i32(snapshot.epoch.0);
            put_no_tags(bytes);
        });
    }
}

fn put_endpoint(bytes: &mut Vec<u8>, node: &NodeEndpoint) {
    bytes.put_i32(node.node.0);
    put_text(bytes, &node.endpoint.host);
    bytes.put_i32(node.endpoint.port.into());
    match &node.rack {
        Some(rack) => put_text(bytes, rack),
        None => put_varint(bytes, 0),
    }
    put_no_tags(bytes);
}

/// Partitions under their topics: neighbours share an entry.
fn put_by_topic<T>(bytes: &mut Vec<u8>, items: &[T], topic: fn(&T) -> TopicId, put: fn(&mut Vec<u8>, &T)) {
    put_length(bytes, by_topic(items, topic).count());
    for (id, run) in by_topic(items, topic) {
        bytes.put_slice(id.0.as_bytes());
        put_length(bytes, run.len());
        run.iter().for_each(|item| put(bytes, item));
        put_no_tags(bytes);
    }
}

/// A tagged field: its number, its size, and what it holds.
fn put_tag(bytes: &mut Vec<u8>, tag: u8, put: impl FnOnce(&mut Vec<u8>)) {
    bytes.put_u8(tag);
    let size_at = bytes.len();
    // Room for the size: one byte says that of all these fields, but for a long list of endpoints.
    bytes.put_u8(0);
    put(bytes);
    let size = bytes.len() - size_at - 1;
    if size < 0x80 {
        bytes[size_at] = size as u8;
    } else {
        let held = bytes.split_off(size_at + 1);
        bytes.truncate(size_at);
        put_varint(bytes, size);
        bytes.extend(held);
    }
}

fn put_no_tags(bytes: &mut Vec<u8>) {
    bytes.put_u8(0);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_bytes(bytes, text.as_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, content: &[u8]) {
    put_length(bytes, content.len());
    bytes.put_slice(content);
}

/// A compact length: one more than the count, so that 0 can stand for null (KIP-482).
fn put_length(bytes: &mut Vec<u8>, count: usize) {
    put_varint(bytes, count + 1);
}

fn put_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.put_u8(value as u8);
}
