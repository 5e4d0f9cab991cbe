//! Events of a group coordinator: members, generations, offsets, and the shards that keep them.

use serde::Serialize;

use crate::ids::{GroupId, GroupInstanceId, LeaderEpoch, MemberId, Offset, ProducerId, TopicPartition};
use crate::message::{Api, ErrorCode, PartitionsByTopic};

/// Something that happened in a group coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum GroupEvent {
    /// A group's members are called together: each must join again.
    RebalanceBegun {
        /// The group.
        group: GroupId,
        /// Why.
        reason: RebalanceReason,
        /// The generation that ends.
        generation: i32,
    },
    /// All who were waited for have joined, or the time is over: a new generation.
    GenerationCompleted {
        /// The group.
        group: GroupId,
        /// The generation that begins.
        generation: i32,
        /// The assignor that was voted for; none without members.
        protocol: Option<String>,
        /// The member that computes the assignment; none without members.
        leader: Option<MemberId>,
        /// Who is in it.
        members: Vec<MemberId>,
        /// Static members among them that have not joined again in time. They stay members (KIP-345), with the
        /// subscription that they sent for an older generation.
        absent: Vec<MemberId>,
    },
    /// Somebody was told to join again with the id given here (KIP-394): until then it is no member.
    MemberIdGiven {
        /// The group.
        group: GroupId,
        /// The id.
        member: MemberId,
    },
    /// A member was added.
    MemberAdded {
        /// The group.
        group: GroupId,
        /// Its id.
        member: MemberId,
        /// The static member, if it is one.
        instance: Option<GroupInstanceId>,
    },
    /// A static member came back under a new id (KIP-345); the old id is fenced from now on.
    MemberReplaced {
        /// The group.
        group: GroupId,
        /// The static member.
        instance: GroupInstanceId,
        /// Its id so far.
        old: MemberId,
        /// Its id now.
        new: MemberId,
    },
    /// A member was removed.
    MemberRemoved {
        /// The group.
        group: GroupId,
        /// Which.
        member: MemberId,
        /// Why.
        reason: RemovalReason,
    },
    /// A group's state changed.
    GroupStateChanged {
        /// The group.
        group: GroupId,
        /// From which, as Kafka writes it.
        from: &'static str,
        /// To which, as Kafka writes it.
        to: &'static str,
    },
    /// A member was given its assignment.
    AssignmentGiven {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// The generation (classic) or the member's epoch (KIP-848).
        epoch: i32,
    },
    /// A KIP-848 group's epoch grows: its target assignment is to be made anew.
    GroupEpochBumped {
        /// The group.
        group: GroupId,
        /// The new epoch.
        epoch: i32,
        /// Why.
        reason: GroupEpochReason,
    },
    /// A KIP-848 group has a new target assignment.
    TargetAssigned {
        /// The group.
        group: GroupId,
        /// The group epoch that it is for.
        epoch: i32,
        /// The assignor.
        assignor: &'static str,
        /// Of how many members the target is another one now.
        changed: usize,
    },
    /// A KIP-848 member takes a step towards its target, or leaves for a while as a static member.
    MemberMoved {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// Its epoch; −2 if it left for a while.
        epoch: i32,
        /// How far it is, as Kafka writes it.
        state: &'static str,
        /// What it may own.
        assigned: PartitionsByTopic,
        /// What it must give up first.
        revoking: PartitionsByTopic,
    },
    /// An offset was accepted and is being written.
    OffsetCommitted {
        /// The group.
        group: GroupId,
        /// Of which partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
        /// Whose it is; empty from somebody who is no member.
        member: MemberId,
        /// The generation or member epoch that the request named; −1 for none.
        epoch: i32,
    },
    /// An offset of a transaction was accepted and is being written: it counts when the transaction is committed, unless
    /// another one is written behind it.
    OffsetPending {
        /// The group.
        group: GroupId,
        /// Of which partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
        /// Whose transaction it is.
        producer: ProducerId,
    },
    /// The end of a transaction was written: its offsets count, or never will.
    TransactionEnded {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// Whose transaction it was.
        producer: ProducerId,
        /// Whether it was committed.
        committed: bool,
    },
    /// A committed offset is being forgotten.
    OffsetForgotten {
        /// The group.
        group: GroupId,
        /// Of which partition.
        partition: TopicPartition,
        /// The offset.
        offset: Offset,
        /// Why.
        reason: ForgetReason,
    },
    /// A group is being forgotten.
    GroupForgotten {
        /// The group.
        group: GroupId,
        /// Why.
        reason: ForgetReason,
    },
    /// A request was answered with an error.
    GroupRequestRefused {
        /// Of which API.
        api: Api,
        /// About which group.
        group: GroupId,
        /// From which member; empty from somebody who is none.
        member: MemberId,
        /// Why.
        error: ErrorCode,
    },
    /// A broker was elected to coordinate a partition's groups, and begins to read it.
    ShardLoading {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// In which leader epoch.
        leader_epoch: LeaderEpoch,
    },
    /// A record of a type that the coordinator does not know was left out.
    GroupRecordSkipped {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// Where it is.
        offset: Offset,
        /// Its type.
        record_type: i16,
    },
    /// A coordinator could not read its partition: its groups have none until there is another leader.
    ShardLoadFailed {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// Why.
        error: ErrorCode,
    },
    /// A coordinator has read its partition and serves its groups.
    ShardLoaded {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// How many groups it has.
        groups: usize,
    },
    /// A coordinator gave its partition up.
    ShardUnloaded {
        /// The partition of `__consumer_offsets`.
        partition: i32,
    },
    /// A coordinator's records were appended to its partition.
    GroupRecordsAppended {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// The offset behind the last of them.
        end_offset: Offset,
    },
    /// A coordinator's records are committed: what waited for them is answered.
    GroupRecordsCommitted {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// Up to where.
        offset: Offset,
    },
    /// A coordinator's records could not be written: its groups are what they were.
    GroupRecordsReverted {
        /// The partition of `__consumer_offsets`.
        partition: i32,
        /// Why.
        error: ErrorCode,
    },
}

/// Why a KIP-848 group's epoch grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupEpochReason {
    /// The group is new, or a member joined, or wants other topics.
    MemberChanged,
    /// A member left, or was removed.
    MemberRemoved,
    /// Partitions or racks of a wanted topic changed, or it came or went.
    TopicsChanged,
    /// An expression names other topics now.
    ExpressionResolved,
}

/// Why a group's members are called together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebalanceReason {
    /// A member was added.
    MemberJoined,
    /// A member joined again with other assignors or other subscriptions.
    MemberChanged,
    /// The leader joined again.
    LeaderRejoined,
    /// A member joined again while an assignment was awaited.
    RejoinedWhileSyncing,
    /// A static member came back and the assignor is another one now, or an assignment was awaited.
    StaticMemberReplaced,
    /// A member left.
    MemberLeft,
    /// A member's session ran out.
    SessionExpired,
    /// Members did not ask for their assignment in time.
    SyncTimedOut,
    /// The assignment could not be written.
    AssignmentNotWritten,
    /// A returning static member could not be written.
    StaticMemberNotWritten,
    /// The coordinator loaded the group, and it has more members than it may have.
    TooLarge,
    /// The group came from the protocol of KIP-848.
    Downgraded,
}

/// Why a member was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalReason {
    /// It left.
    Left,
    /// An administrator removed it.
    RemovedByAdministrator,
    /// Its session ran out.
    SessionExpired,
    /// It did not join again in time.
    NotRejoined,
    /// It did not ask for its assignment in time.
    NotSynced,
    /// It did not give partitions up in time (KIP-848).
    NotRevoked,
    /// It was told an id and did not join with it in time (KIP-394).
    IdNotUsed,
    /// Another instance of the same static member took its place.
    Fenced,
    /// The group has more members than it may have (group.max.size).
    GroupTooLarge,
}

/// Why an offset or a group is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForgetReason {
    /// It was kept for as long as offsets.retention.minutes says.
    Expired,
    /// Somebody asked for it.
    Deleted,
    /// The topic was deleted.
    TopicDeleted,
    /// The group changed its protocol.
    Migrated,
}
