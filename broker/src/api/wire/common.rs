//! What several APIs share: texts, ids, endpoints, leader hints, grouping by topic.
//!
//! Kafka's messages nest partitions under topics; the plain values list partitions. As
//! Kafka's own builders do, a new topic entry begins whenever the topic differs from the
//! one before: the order of the partitions survives the trip, which fetch sessions need.

use kafka_protocol::messages::{BrokerId, TopicName as WireTopicName};
use kafka_protocol::protocol::StrBytes;

use super::WireError;
use crate::ids::{ClusterId, Endpoint, NodeId, TopicName, TopicPartition};

/// The name of the metadata quorum's topic, which Vote and its kind carry by name.
pub(super) const METADATA_TOPIC: &str = "__cluster_metadata";

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn topic_name(name: &TopicName) -> WireTopicName {
    WireTopicName(text(name.as_str()))
}

pub(super) fn read_topic_name(name: &WireTopicName) -> TopicName {
    TopicName::new(name.as_str())
}

pub(super) fn partition_of(name: &WireTopicName, partition: i32) -> TopicPartition {
    TopicPartition { topic: read_topic_name(name), partition }
}

pub(super) fn broker(node: NodeId) -> BrokerId {
    BrokerId(node.0)
}

pub(super) fn read_broker(id: BrokerId) -> NodeId {
    NodeId(id.0)
}

pub(super) fn brokers(nodes: &[NodeId]) -> Vec<BrokerId> {
    nodes.iter().map(|node| broker(*node)).collect()
}

pub(super) fn read_brokers(ids: &[BrokerId]) -> Vec<NodeId> {
    ids.iter().map(|id| read_broker(*id)).collect()
}

/// A port as the data APIs carry it: an `i32` that must be one.
pub(super) fn read_endpoint(host: &StrBytes, port: i32) -> Result<Endpoint, WireError> {
    let port = u16::try_from(port).map_err(|_| WireError::value("port", port))?;
    Ok(Endpoint::new(host, port))
}

pub(super) fn cluster_id(id: ClusterId) -> StrBytes {
    StrBytes::from_string(id.to_text())
}

/// Trial's cluster ids are always Kafka's 22 characters of base64, as `kafka-storage random-uuid` makes them.
pub(super) fn read_cluster_id(text: &StrBytes) -> Result<ClusterId, WireError> {
    let refuse = || WireError::value("cluster id", text);
    if text.len() != 22 {
        return Err(refuse());
    }
    let mut bits: u128 = 0;
    for (index, letter) in text.bytes().enumerate() {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return Err(refuse()),
        };
        // The last digit holds 2 bits and 4 zeros: 22 digits are 132 bits, an id has 128.
        bits = match index {
            21 if digit & 0b1111 == 0 => (bits << 2) | u128::from(digit >> 4),
            21 => return Err(refuse()),
            _ => (bits << 6) | u128::from(digit),
        };
    }
    Ok(ClusterId(uuid::Uuid::from_u128(bits)))
}

/// Partitions by topic: runs of neighbours with the same topic.
pub(super) fn by_topic<'a, T, K: PartialEq>(
    items: &'a [T],
    topic: impl Fn(&'a T) -> K + 'a,
) -> impl Iterator<Item = (K, &'a [T])> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let first = topic(rest.first()?);
        let length = rest.iter().take_while(|item| topic(item) == first).count();
        let (run, after) = rest.split_at(length);
        rest = after;
        Some((first, run))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ids_survive_and_odd_ones_are_refused() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = ClusterId(uuid::Uuid::from_u128(bits));
            assert_eq!(read_cluster_id(&cluster_id(id)), Ok(id));
        }
        for odd in ["", "short", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAB"] {
            assert!(read_cluster_id(&text(odd)).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_neighbours_share_a_topic_entry() {
        let runs: Vec<(char, usize)> = by_topic(&['a', 'a', 'b', 'a'], |c| *c).map(|(k, run)| (k, run.len())).collect();
        assert_eq!(runs, [('a', 2), ('b', 1), ('a', 1)]);
    }
}
