//! Which broker coordinates a group (`KafkaApis.getCoordinator`), and which partition is whose.
//!
//! Each broker answers from the metadata that it has applied: whoever leads the group's
//! partition of `__consumer_offsets` there. A topic that does not exist yet is asked for.

use crate::ids::{Endpoint, NodeId, TopicName};
use crate::message::{
    CoordinatorKind, CreatableTopic, CreateTopicsRequest, ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse,
    FoundCoordinator,
};
use crate::metadata::MetadataImage;

use crate::config::GroupCoordinatorSettings;

/// The topic in which group coordinators keep what they promise.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What a broker answers to FindCoordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The answer.
    pub response: FindCoordinatorResponse,
    /// Whether the offsets topic was needed and does not exist.
    pub topic_is_missing: bool,
}

/// The partition of `__consumer_offsets` that holds a group: Java's hash of its name, without the sign.
pub fn partition_for(group: &str, partitions: i32) -> i32 {
    java_hash(group).checked_abs().unwrap_or(0) % partitions
}

/// `String.hashCode`: over UTF-16 code units.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// Answers FindCoordinator.
pub fn find_coordinators(image: &MetadataImage, request: &FindCoordinatorRequest, partitions: i32) -> Found {
    let topic = TopicName::new(OFFSETS_TOPIC);
    let topic_exists = image.topic(&topic).is_some();
    let find = |key: &String| {
        let node = match request.kind {
            CoordinatorKind::Group => leader_of(image, &topic, partition_for(key, partitions)),
            // Simplified: no broker coordinates transactions yet.
            CoordinatorKind::Transaction => None,
        };
        let (error, message) = match node {
            Some(_) => (ErrorCode::None, "NONE"),
            None => (ErrorCode::CoordinatorNotAvailable, "The coordinator is not available."),
        };
        FoundCoordinator { key: key.clone(), error, error_message: Some(message.to_owned()), node }
    };
    let coordinators = request.keys.iter().map(find).collect();
    let topic_is_missing = request.kind == CoordinatorKind::Group && !topic_exists && !request.keys.is_empty();
    Found { response: FindCoordinatorResponse { coordinators }, topic_is_missing }
}

/// A partition's leader, if it is alive and says where it listens.
fn leader_of(image: &MetadataImage, topic: &TopicName, partition: i32) -> Option<(NodeId, Endpoint)> {
    let leader = image.partition(topic, partition)?.leader;
    let broker = image.broker(leader).filter(|broker| !broker.fenced)?;
    Some((leader, broker.endpoint()?.clone()))
}

/// What a broker asks the controller for when the offsets topic is needed (`AutoTopicCreationManager`).
///
/// Simplified: Kafka also says `compression.type=producer`, which is the default and which Trial does not have as a
/// setting of topics.
pub fn create_offsets_topic(settings: &GroupCoordinatorSettings, timeout_ms: i32) -> CreateTopicsRequest {
    let segment_bytes = settings.offsets_topic_segment_bytes.to_string();
    let topic = CreatableTopic {
        name: TopicName::new(OFFSETS_TOPIC),
        num_partitions: settings.offsets_topic_partitions,
        replication_factor: settings.offsets_topic_replication_factor,
        assignments: Vec::new(),
        configs: vec![("cleanup.policy".to_owned(), "compact".to_owned()), ("segment.bytes".to_owned(), segment_bytes)],
    };
    CreateTopicsRequest { topics: vec![topic], timeout_ms, validate_only: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand: "a" is 97; "ab" is 97·31 + 98; U+1F600 is the pair D83D DE00 in UTF-16.
    #[test]
    fn a_group_is_hashed_as_java_hashes_strings() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("a"), 97);
        assert_eq!(java_hash("ab"), 97 * 31 + 98);
        assert_eq!(java_hash("\u{1F600}"), 0xD83D * 31 + 0xDE00);
        // The best known text whose hash is the smallest number, which has no absolute value.
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        assert_eq!(partition_for("ab", 50), 5);
    }
}
