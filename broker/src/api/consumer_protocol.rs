//! Subscriptions and assignments as bytes: Kafka's `ConsumerProtocol`.
//!
//! ```text
//!   version (i16) │ ConsumerProtocolSubscription or ConsumerProtocolAssignment at that version
//! ```
//!
//! Kafka 4.1 writes version 3 and reads all of 0–3; a version above is read as 3, so that
//! newer members can be understood as far as they say the same.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicName as WireTopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use crate::ids::{TopicName, TopicPartition};
use crate::message::{ConsumerAssignment, ConsumerSubscription};

/// The version that Kafka 4.1 writes, and the highest it reads.
const LATEST: i16 = 3;

/// A member's subscription as bytes. Topics and owned partitions are sorted, as Kafka sorts them.
pub fn encode_subscription(subscription: &ConsumerSubscription) -> Bytes {
    let mut topics = subscription.topics.clone();
    topics.sort();
    let mut owned = subscription.owned.clone();
    owned.sort();
    let owned = by_topic(&owned)
        .into_iter()
        .map(|(topic, partitions)| OwnedTopic::default().with_topic(wire_name(&topic)).with_partitions(partitions));
    let body = ConsumerProtocolSubscription::default()
        .with_topics(topics.iter().map(|topic| StrBytes::from_string(topic.to_string())).collect())
        .with_user_data(subscription.user_data.clone())
        .with_owned_partitions(owned.collect())
        .with_generation_id(subscription.generation.unwrap_or(-1))
        .with_rack_id(subscription.rack.clone().map(StrBytes::from_string));
    prefixed(|bytes| body.encode(bytes, LATEST).is_ok())
}

/// A member's subscription, if the bytes are one.
pub fn decode_subscription(bytes: &Bytes) -> Option<ConsumerSubscription> {
    let mut bytes = bytes.clone();
    let version = read_version(&mut bytes)?;
    let body = ConsumerProtocolSubscription::decode(&mut bytes, version).ok()?;
    let owned = body.owned_partitions.iter().flat_map(|owned| partitions(&owned.topic, &owned.partitions));
    Some(ConsumerSubscription {
        topics: body.topics.iter().map(|topic| TopicName::new(topic)).collect(),
        owned: owned.collect(),
        user_data: body.user_data,
        generation: Some(body.generation_id).filter(|generation| *generation >= 0),
        rack: body.rack_id.map(|rack| rack.to_string()).filter(|rack| !rack.is_empty()),
    })
}

/// A member's assignment as bytes; topics in the order of their first partition.
pub fn encode_assignment(assignment: &ConsumerAssignment) -> Bytes {
    let assigned = by_topic(&assignment.partitions)
        .into_iter()
        .map(|(topic, partitions)| AssignedTopic::default().with_topic(wire_name(&topic)).with_partitions(partitions));
    let body = ConsumerProtocolAssignment::default()
        .with_assigned_partitions(assigned.collect())
        .with_user_data(assignment.user_data.clone());
    prefixed(|bytes| body.encode(bytes, LATEST).is_ok())
}

/// A member's assignment, if the bytes are one.
pub fn decode_assignment(bytes: &Bytes) -> Option<ConsumerAssignment> {
    let mut bytes = bytes.clone();
    let version = read_version(&mut bytes)?;
    let body = ConsumerProtocolAssignment::decode(&mut bytes, version).ok()?;
    let assigned = body.assigned_partitions.iter().flat_map(|topic| partitions(&topic.topic, &topic.partitions));
    Some(ConsumerAssignment { partitions: assigned.collect(), user_data: body.user_data })
}

fn prefixed(encode: impl FnOnce(&mut BytesMut) -> bool) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(LATEST);
    assert!(encode(&mut bytes), "version {LATEST} carries every field");
    bytes.freeze()
}

fn read_version(bytes: &mut Bytes) -> Option<i16> {
    let version = (bytes.len() >= 2).then(|| bytes.get_i16())?;
    (version >= 0).then_some(version.min(LATEST))
}

fn wire_name(topic: &TopicName) -> WireTopicName {
    WireTopicName(StrBytes::from_string(topic.to_string()))
}

fn partitions(topic: &WireTopicName, indexes: &[i32]) -> impl Iterator<Item = TopicPartition> {
    let topic = TopicName::new(topic.as_str());
    indexes.iter().map(move |index| TopicPartition { topic: topic.clone(), partition: *index })
}

/// Partitions under their topics, each topic once, in the order in which they first come.
fn by_topic(partitions: &[TopicPartition]) -> Vec<(TopicName, Vec<i32>)> {
    let mut places: BTreeMap<&TopicName, usize> = BTreeMap::new();
    let mut topics: Vec<(TopicName, Vec<i32>)> = Vec::new();
    for partition in partitions {
        let place = *places.entry(&partition.topic).or_insert_with(|| {
            topics.push((partition.topic.clone(), Vec::new()));
            topics.len() - 1
        });
        topics[place].1.push(partition.partition);
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: TopicName::new(topic), partition }
    }

    #[test]
    fn a_subscription_has_the_bytes_of_kafkas_version_3() {
        let subscription = ConsumerSubscription {
            topics: vec![TopicName::new("b"), TopicName::new("a")],
            user_data: None,
            owned: vec![partition("a", 1), partition("a", 0)],
            generation: Some(7),
            rack: Some("r".to_owned()),
        };
        let expected: &[u8] = &[
            0, 3, // the version
            0, 0, 0, 2, 0, 1, b'a', 0, 1, b'b', // topics, sorted
            0xff, 0xff, 0xff, 0xff, // no user data
            0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, // owned partitions, sorted
            0, 0, 0, 7, // the generation
            0, 1, b'r', // the rack
        ];
        let bytes = encode_subscription(&subscription);
        assert_eq!(bytes, expected);
        let read = decode_subscription(&bytes).expect("written a line above");
        assert_eq!(read.owned, [partition("a", 0), partition("a", 1)]);
        assert_eq!((read.generation, read.rack.as_deref()), (Some(7), Some("r")));
    }

    #[test]
    fn an_assignment_goes_there_and_back() {
        let assignment = ConsumerAssignment {
            partitions: vec![partition("b", 2), partition("a", 0), partition("b", 0)],
            user_data: Some(Bytes::from_static(b"x")),
        };
        let read = decode_assignment(&encode_assignment(&assignment)).expect("written here");
        assert_eq!(read.partitions, [partition("b", 2), partition("b", 0), partition("a", 0)]);
        assert_eq!(read.user_data, assignment.user_data);
    }

    #[test]
    fn older_members_say_less_and_newer_ones_are_read_as_far_as_they_say_the_same() {
        // Version 0: topics and user data only.
        let old = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff]);
        let read = decode_subscription(&old).expect("version 0");
        assert_eq!((read.topics.len(), read.owned.len(), read.generation), (1, 0, None));
        let mut newer = BytesMut::from(&encode_subscription(&read)[..]);
        newer[1] = 9;
        assert_eq!(decode_subscription(&newer.freeze()), Some(read));
    }

    #[test]
    fn bytes_that_are_no_subscription_are_refused() {
        assert_eq!(decode_subscription(&Bytes::from_static(&[0])), None, "not even a version");
        assert_eq!(decode_subscription(&Bytes::from_static(&[0xff, 0xff, 0, 0])), None, "a negative version");
        assert_eq!(decode_assignment(&Bytes::from_static(&[0, 1, 0])), None, "cut off");
    }
}
