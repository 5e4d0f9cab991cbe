//! Names and numbers that identify things in a Kafka cluster.
//!
//! Kafka has four kinds of epoch, and confusing two of them is a bug class of its
//! own. Here each is a type, so the compiler refuses the confusion:
//!
//! ```text
//!   LeaderEpoch     grows when a partition (or the metadata quorum) gets a leader
//!   PartitionEpoch  grows when anything in a partition's registration changes
//!   BrokerEpoch     grows when a broker process registers with the controller
//!   ProducerEpoch   grows when a producer instance replaces an earlier one
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::name::Name;

/// A position in a log: the number of a record, or the number the next one will get.
///
/// Offsets are never negative in a log; Kafka's protocol uses −1 for "unknown".
pub type Offset = i64;

/// The offset that Kafka's protocol writes for "not known".
pub const UNKNOWN_OFFSET: Offset = -1;

/// `node.id`: one broker, controller, or combined process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub i32);

impl NodeId {
    /// Kafka's "no node": no leader, no preferred replica, a consumer's replica id.
    pub const NONE: NodeId = NodeId(-1);

    /// Whether this names a real node.
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How many bytes of a topic's name are compared as one number.
const SHORT: usize = size_of::<u64>();

/// A topic's name. Cheap to clone, and cheap to compare: maps by partition are searched several times a step. So the
/// beginning stands beside the text, as a number that orders as its bytes do; the text is read only where two long names
/// begin alike.
#[derive(Clone, Deserialize)]
#[serde(from = "Name")]
pub struct TopicName {
    /// The first bytes, the first of them most significant, with zeros behind a name that is shorter.
    beginning: u64,
    text: Name,
}

impl From<Name> for TopicName {
    fn from(text: Name) -> Self {
        let mut beginning = [0; SHORT];
        let known = text.len().min(SHORT);
        beginning[..known].copy_from_slice(&text.as_str().as_bytes()[..known]);
        TopicName { beginning: u64::from_be_bytes(beginning), text }
    }
}

impl Default for TopicName {
    fn default() -> Self {
        TopicName::from(Name::default())
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TopicName").field(&self.text).finish()
    }
}

impl Serialize for TopicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl Hash for TopicName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Ord for TopicName {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other {
            return Ordering::Equal;
        }
        let by_beginning = self.beginning.cmp(&other.beginning);
        if by_beginning.is_ne() { by_beginning } else { self.text.cmp(&other.text) }
    }
}

impl PartialEq for TopicName {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicName {}

impl PartialOrd for TopicName {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopicName {
    /// A topic name from text.
    pub fn new(name: &str) -> Self {
        TopicName::from(Name::new(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &'static str {
        self.text.as_str()
    }

    /// Whether Kafka keeps its own records there: clients may read the topic, but not write to it (`Topic.isInternal`).
    pub fn is_internal(&self) -> bool {
        matches!(self.as_str(), "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One partition of a topic, by name: `orders-0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: TopicName,
    /// The partition's index, from 0.
    pub partition: i32,
}

/// By topic, then by index. Most comparisons are among partitions of one topic.
impl Ord for TopicPartition {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.topic == other.topic { self.partition.cmp(&other.partition) } else { self.topic.cmp(&other.topic) }
    }
}

impl PartialOrd for TopicPartition {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopicPartition {
    /// A partition of the topic with this name.
    pub fn new(topic: &str, partition: i32) -> Self {
        TopicPartition { topic: TopicName::new(topic), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

macro_rules! kafka_uuid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Kafka's all-zero id, which stands for "none".
            pub const ZERO: $name = $name(Uuid::nil());

            /// Whether this is the all-zero id.
            pub fn is_zero(self) -> bool {
                self.0.is_nil()
            }

            /// The id as Kafka writes it: 22 characters of URL-safe base64.
            pub fn to_text(self) -> String {
                String::from_utf8(self.digits().to_vec()).expect("the alphabet is ASCII")
            }

            /// The characters of [`Self::to_text`], for whoever writes them elsewhere.
            pub(crate) fn digits(self) -> [u8; 22] {
                base64_url(self.0.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_text())
            }
        }
    };
}

kafka_uuid! {
    /// A topic's id (KIP-516): a topic deleted and created again gets another.
    TopicId
}
kafka_uuid! {
    /// A log directory's id (KIP-858): an empty disk gets another, so a voter that
    /// lost its metadata is not mistaken for the one that voted.
    DirectoryId
}
kafka_uuid! {
    /// A broker process's incarnation: drawn at each start.
    IncarnationId
}
kafka_uuid! {
    /// The cluster's id, drawn when its storage is formatted.
    ClusterId
}

impl DirectoryId {
    /// `DirectoryId.UNASSIGNED`: the controller does not know the directory yet.
    pub const UNASSIGNED: DirectoryId = DirectoryId(Uuid::nil());
    /// `DirectoryId.LOST`: the directory is offline.
    pub const LOST: DirectoryId = DirectoryId(Uuid::from_u128(1));
    /// `DirectoryId.MIGRATING`: the replica comes from a cluster without directory ids.
    pub const MIGRATING: DirectoryId = DirectoryId(Uuid::from_u128(2));
}

/// Kafka prints ids as URL-safe base64 without padding: 22 characters.
fn base64_url(bytes: &[u8; 16]) -> [u8; 22] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = u128::from_be_bytes(*bytes);
    // 22 digits of 6 bits hold 132 bits: the last digit carries 2 bits and 4 zeros.
    let mut digits = [0; 22];
    digits[21] = ALPHABET[(bits << 4 & 63) as usize];
    let mut rest = bits >> 2;
    for digit in digits[..21].iter_mut().rev() {
        *digit = ALPHABET[(rest & 63) as usize];
        rest >>= 6;
    }
    digits
}

macro_rules! epoch {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Kafka's "no epoch known".
            pub const NONE: $name = $name(-1);

            /// Whether an epoch is known.
            pub fn is_some(self) -> bool {
                self.0 >= 0
            }

            /// The epoch after this one.
            pub fn next(self) -> $name {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

epoch! {
    /// The term of a leader, of a partition (KIP-101) or of the metadata quorum (KIP-595).
    LeaderEpoch(i32)
}
epoch! {
    /// The version of a partition's registration (KIP-497, KIP-841).
    PartitionEpoch(i32)
}
epoch! {
    /// One registration of a broker process: an offset of the metadata log (KIP-631).
    BrokerEpoch(i64)
}
epoch! {
    /// One instance of a producer with a given id (KIP-98).
    ProducerEpoch(i16)
}

/// The id of an idempotent or transactional producer (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProducerId(pub i64);

impl ProducerId {
    /// A producer without an id: neither idempotent nor transactional.
    pub const NONE: ProducerId = ProducerId(-1);

    /// Whether the producer has an id.
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

/// Where a process listens: a machine's host name and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The machine's host name; in the simulated world its name, such as `b1` or `c2`.
    pub host: Name,
    /// The TCP port.
    pub port: u16,
}

impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.host.cmp(&other.host).then(self.port.cmp(&other.port))
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Endpoint {
    /// An endpoint from its two parts.
    pub fn new(host: &str, port: u16) -> Self {
        Endpoint { host: Name::new(host), port }
    }
}

/// The port of a broker's client listener.
pub const BROKER_PORT: u16 = 9092;
/// The port of a controller's listener.
pub const CONTROLLER_PORT: u16 = 9093;

/// One end of a TCP connection, numbered within one process.
///
/// A process numbers the connections that it opens itself from 1; those that it
/// accepted carry [`ConnectionId::ACCEPTED`] in their number, given by the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The bit that marks a connection as accepted rather than opened.
    pub const ACCEPTED: u64 = 1 << 32;

    /// Whether the other side opened this connection.
    pub fn is_accepted(self) -> bool {
        self.0 & Self::ACCEPTED != 0
    }
}

/// The number by which a response finds its request on one connection.
pub type CorrelationId = i32;

/// A request that a part has yet to answer: enough to find its connection again, and
/// nothing that could not be copied with the machine's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestHandle {
    /// On which connection it came.
    pub connection: ConnectionId,
    /// Its correlation id there.
    pub correlation_id: CorrelationId,
}

/// One call that a person (or a scenario) made of a client machine and awaits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticket(pub u64);

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;

    #[test]
    fn uuid_text_is_kafkas_url_safe_base64() {
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(DirectoryId::LOST.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn topic_names_are_ordered_and_hashed_as_their_text_is() {
        let texts =
            ["", "\0", "a", "a\0", "a\0\0\0\0\0\0\0", "orders", "orders\0", "orders-a", "orders-ab", "orders-b"];
        let texts = texts.into_iter().chain(["__consumer_offsets", "__consumer_groups", "\u{e4}", "z"]);
        let texts: Vec<&str> = texts.collect();
        let hash = |value: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            value(&mut hasher);
            hasher.finish()
        };
        for one in &texts {
            for other in &texts {
                let names = (TopicName::new(one), TopicName::new(other));
                assert_eq!(names.0.cmp(&names.1), one.cmp(other), "{one:?} and {other:?}");
                assert_eq!(names.0 == names.1, one == other, "{one:?} and {other:?}");
            }
            let name = TopicName::new(one);
            assert_eq!(hash(&|hasher| name.hash(hasher)), hash(&|hasher| one.hash(hasher)));
        }
    }
}

macro_rules! group_name {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Default, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// From text.
            pub fn new(text: &str) -> Self {
                $name(Arc::from(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it is the empty text, by which the protocol says "none".
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

group_name! {
    /// `group.id`: a group of consumers.
    GroupId;
    /// A member of a group. The classic protocol's are made by the coordinator, those of KIP-848 (version 1) by the client.
    MemberId;
    /// `group.instance.id`: a static member, the same one across restarts (KIP-345).
    GroupInstanceId;
}
