//! Records of `__consumer_offsets`: what a group coordinator writes, and reads back when it takes a partition over.
//!
//! A record is a key (an i16 type and its fields) and a value (an i16 version and its
//! fields); a key without a value is a tombstone. A coordinator's state is the replay of
//! its partition's records, so that a new leader knows what the old one answered.
//! Kafka's names are kept (`GroupCoordinatorRecordHelpers`, `CoordinatorRecordType`).

mod codec;

use bytes::Bytes;

pub use codec::GroupRecordError;

use crate::ids::{GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, TopicId, TopicPartition};
use crate::message::PartitionsByTopic;

/// One record: about what, and what is true of it now. `None` as a value is a tombstone: it is no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GroupRecord {
    /// Key type 1, value version 4 (version 1 when the request said how long to keep it): a committed offset.
    OffsetCommit {
        /// The group.
        group: GroupId,
        /// The partition.
        partition: TopicPartition,
        /// What is committed.
        value: Option<OffsetCommitValue>,
    },
    /// Key type 2, value version 3: a classic group's generation.
    GroupMetadata {
        /// The group.
        group: GroupId,
        /// Its generation.
        value: Option<GroupMetadataValue>,
    },
    /// Key type 3: a KIP-848 group's epoch.
    ConsumerGroupMetadata {
        /// The group.
        group: GroupId,
        /// Its epoch.
        value: Option<ConsumerGroupMetadataValue>,
    },
    /// Key type 4: Kafka 4.1 writes only tombstones of it.
    ConsumerGroupPartitionMetadata {
        /// The group.
        group: GroupId,
    },
    /// Key type 5: what a member said of itself.
    ConsumerGroupMemberMetadata {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// What it said.
        value: Option<ConsumerGroupMemberMetadataValue>,
    },
    /// Key type 6: for which group epoch the target assignment was made.
    ConsumerGroupTargetAssignmentMetadata {
        /// The group.
        group: GroupId,
        /// The group epoch.
        assignment_epoch: Option<i32>,
    },
    /// Key type 7: what a member shall own.
    ConsumerGroupTargetAssignmentMember {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// The partitions.
        partitions: Option<PartitionsByTopic>,
    },
    /// Key type 8: what a member owns, and is giving up.
    ConsumerGroupCurrentMemberAssignment {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// What it owns.
        value: Option<ConsumerGroupCurrentMemberAssignmentValue>,
    },
    /// Key type 16: which topics an expression names.
    ConsumerGroupRegularExpression {
        /// The group.
        group: GroupId,
        /// The expression.
        expression: String,
        /// The topics.
        value: Option<ConsumerGroupRegularExpressionValue>,
    },
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitValue {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read; NONE if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the client wants to remember with it.
    pub metadata: String,
    /// When it was committed, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
    /// When it expires, in milliseconds since 1970, if the request said how long to keep it; −1 otherwise.
    pub expire_timestamp_ms: i64,
    /// The topic's id, if the request named it; zero otherwise.
    pub topic_id: TopicId,
}

/// A classic group's generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupMetadataValue {
    /// "consumer", "connect", …
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The assignor; none while there are no members.
    pub protocol: Option<String>,
    /// The member that computes assignments; none while there are no members.
    pub leader: Option<MemberId>,
    /// Since when the group is in its state, in milliseconds since 1970; −1 if unknown.
    pub current_state_timestamp_ms: i64,
    /// The members.
    pub members: Vec<GroupMetadataMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupMetadataMember {
    /// Its id.
    pub member: MemberId,
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// From where.
    pub client_host: String,
    /// How long the group waits for it to rejoin, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// Its session, in milliseconds.
    pub session_timeout_ms: i32,
    /// What it said with the chosen assignor.
    pub subscription: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// A KIP-848 group's epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupMetadataValue {
    /// The group epoch.
    pub epoch: i32,
    /// A hash of the subscribed topics' metadata (tag 0).
    pub metadata_hash: i64,
}

/// What a member of a KIP-848 group said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupMemberMetadataValue {
    /// The static member, if it is one.
    pub instance: Option<GroupInstanceId>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Who it is (`client.id`).
    pub client_id: String,
    /// From where.
    pub client_host: String,
    /// The topics.
    pub subscribed_topic_names: Vec<String>,
    /// The expression, if it has one.
    pub subscribed_topic_regex: Option<String>,
    /// How long it may take to give partitions up, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// The assignor to run on the server, if it asks for one.
    pub server_assignor: Option<String>,
    /// What a member that speaks the classic protocol said when it joined (tag 0).
    pub classic: Option<ClassicMemberMetadata>,
}

/// A classic member in a KIP-848 group, while the group migrates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassicMemberMetadata {
    /// Its session, in milliseconds.
    pub session_timeout_ms: i32,
    /// Its assignors, each with its subscription.
    pub supported_protocols: Vec<(String, Bytes)>,
}

/// What a member of a KIP-848 group owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupCurrentMemberAssignmentValue {
    /// Its epoch.
    pub member_epoch: i32,
    /// The epoch before: an answer may have been lost.
    pub previous_member_epoch: i32,
    /// 0 stable, 1 unrevoked partitions, 2 unreleased partitions, 127 unknown.
    pub state: i8,
    /// What it owns.
    pub assigned: PartitionsByTopic,
    /// What it is giving up.
    pub pending_revocation: PartitionsByTopic,
}

/// Which topics an expression names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroupRegularExpressionValue {
    /// The topics.
    pub topics: Vec<String>,
    /// The metadata offset at which they were looked up.
    pub version: i64,
    /// When, in milliseconds since 1970.
    pub timestamp_ms: i64,
}
