//! OffsetCommit (key 8, v2–9), OffsetFetch (9, v1–9), OffsetDelete (47, v0), TxnOffsetCommit (28, v0–5).
//!
//! Version 10 of the first two, with topic ids, is not stable in 4.1.

use super::super::ErrorCode;
use crate::ids::{GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, ProducerEpoch, ProducerId, TopicPartition};

/// Remember that everything before these offsets is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group: GroupId,
    /// The generation (classic) or member epoch (KIP-848); −1 from somebody who is no member.
    pub generation_or_member_epoch: i32,
    /// The member; empty from somebody who is none.
    pub member: MemberId,
    /// The static member, if it is one (v7+).
    pub instance: Option<GroupInstanceId>,
    /// How long to keep the offsets, in milliseconds (v2–4); −1 for the broker's own.
    pub retention_time_ms: i64,
    /// The offsets.
    pub partitions: Vec<OffsetCommitPartition>,
}

/// One partition's offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read (v6+); NONE if unknown.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the client wants to remember with it.
    pub metadata: Option<String>,
}

/// Which were remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetCommitResponse {
    /// One answer a partition.
    pub partitions: Vec<(TopicPartition, ErrorCode)>,
}

/// A transaction's offsets: they count when the transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnOffsetCommitRequest {
    /// The transactional id.
    pub transactional_id: String,
    /// The group.
    pub group: GroupId,
    /// Who writes.
    pub producer_id: ProducerId,
    /// Which instance of it.
    pub producer_epoch: ProducerEpoch,
    /// The generation or member epoch (v3+); −1 if the producer does not say.
    pub generation_or_member_epoch: i32,
    /// The member (v3+); empty if the producer does not say.
    pub member: MemberId,
    /// The static member, if it is one (v3+).
    pub instance: Option<GroupInstanceId>,
    /// The offsets.
    pub partitions: Vec<OffsetCommitPartition>,
}

/// Which were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnOffsetCommitResponse {
    /// One answer a partition.
    pub partitions: Vec<(TopicPartition, ErrorCode)>,
}

/// What was committed?
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchRequest {
    /// By group; exactly one below version 8.
    pub groups: Vec<OffsetFetchGroup>,
    /// Whether to refuse partitions with offsets of open transactions (v7+).
    pub require_stable: bool,
}

/// One group's question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchGroup {
    /// The group.
    pub group: GroupId,
    /// The member (v9+), if it is one that asks.
    pub member: Option<MemberId>,
    /// Its epoch (v9+); −1 if it is no member.
    pub member_epoch: i32,
    /// The partitions; none for all that have offsets (v2+).
    pub partitions: Option<Vec<TopicPartition>>,
}

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchResponse {
    /// By group.
    pub groups: Vec<OffsetFetchGroupResponse>,
}

/// One group's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchGroupResponse {
    /// The group.
    pub group: GroupId,
    /// Whether it could be answered.
    pub error: ErrorCode,
    /// One answer a partition.
    pub partitions: Vec<OffsetFetchPartitionResponse>,
}

/// One partition's committed offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetFetchPartitionResponse {
    /// The partition.
    pub partition: TopicPartition,
    /// UNSTABLE_OFFSET_COMMIT while a transaction is open on it, if asked for.
    pub error: ErrorCode,
    /// The offset; −1 if none is committed.
    pub offset: Offset,
    /// The leader epoch of the last record read; NONE if unknown.
    pub leader_epoch: LeaderEpoch,
    /// What was remembered with it.
    pub metadata: String,
}

/// Forget these offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetDeleteRequest {
    /// The group.
    pub group: GroupId,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Which were forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetDeleteResponse {
    /// Of the whole request.
    pub error: ErrorCode,
    /// One answer a partition; none if the request failed.
    pub partitions: Vec<(TopicPartition, ErrorCode)>,
}
