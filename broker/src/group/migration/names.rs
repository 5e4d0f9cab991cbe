//! Classic members name topics, KIP-848 groups know their ids (`Utils.toTopicPartitionMap`, `toConsumerProtocolAssignment`).

use bytes::{Bytes, BytesMut};

use crate::api::consumer_protocol::encode_assignment;
use crate::ids::TopicPartition;
use crate::message::{ConsumerAssignment, PartitionsByTopic};
use crate::metadata::MetadataImage;

/// Partitions by id; topics that do not exist are left out.
pub(super) fn by_id(partitions: &[TopicPartition], image: &MetadataImage) -> PartitionsByTopic {
    let mut known = PartitionsByTopic::new();
    for TopicPartition { topic, partition } in partitions {
        if let Some(id) = image.topic_id(topic) {
            known.entry(id).or_default().insert(*partition);
        }
    }
    known
}

/// An assignment as a classic member reads it, at the version at which it wrote its subscription.
pub(super) fn assignment_bytes(partitions: &PartitionsByTopic, subscription: &Bytes, image: &MetadataImage) -> Bytes {
    let named = partitions.iter().filter_map(|(id, numbers)| Some((image.topic_name(*id)?, numbers)));
    let partitions = named.flat_map(|(topic, numbers)| {
        numbers.iter().map(|number| TopicPartition { topic: topic.clone(), partition: *number })
    });
    let assignment = ConsumerAssignment { partitions: partitions.collect(), user_data: None };
    // The fields of an assignment are the same in all versions.
    let mut bytes = BytesMut::from(&encode_assignment(&assignment)[..]);
    bytes[..2].copy_from_slice(&subscription[..2]);
    bytes.freeze()
}
