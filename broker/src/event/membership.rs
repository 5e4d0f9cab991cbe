//! Events of a consumer's membership in a group: what its application would see in callbacks, or log.

use serde::Serialize;

use crate::ids::{GroupId, MemberId, NodeId, Offset, TopicPartition};
use crate::message::ErrorCode;

/// Something that happened in a consumer as a member of its group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum MembershipEvent {
    /// The consumer knows who coordinates its group.
    CoordinatorFound {
        /// The group.
        group: GroupId,
        /// Its coordinator.
        node: NodeId,
    },
    /// The consumer does not know any more who coordinates its group.
    CoordinatorLost {
        /// The group.
        group: GroupId,
        /// Who did.
        node: NodeId,
        /// Why.
        reason: CoordinatorLoss,
    },
    /// The consumer asked to join, or to join again.
    JoinSent {
        /// The group.
        group: GroupId,
        /// Its member id; empty if it has none.
        member: MemberId,
        /// Why.
        reason: String,
    },
    /// The consumer is in a new generation (classic), or its member epoch changed (KIP-848).
    GroupJoined {
        /// The group.
        group: GroupId,
        /// Its member id.
        member: MemberId,
        /// The generation or member epoch.
        epoch: i32,
        /// Whether it computes the assignment.
        leads: bool,
    },
    /// `onPartitionsAssigned`: these partitions came to the consumer.
    PartitionsAssigned {
        /// The group.
        group: GroupId,
        /// Those that it did not have before.
        partitions: Vec<TopicPartition>,
        /// How many it has now.
        owned: usize,
    },
    /// `onPartitionsRevoked`: the consumer gave these partitions up.
    PartitionsRevoked {
        /// The group.
        group: GroupId,
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// `onPartitionsLost`: somebody else may have these partitions already.
    PartitionsLost {
        /// The group.
        group: GroupId,
        /// Which.
        partitions: Vec<TopicPartition>,
    },
    /// The consumer is no member any more, as far as it knows.
    MembershipLost {
        /// The group.
        group: GroupId,
        /// Its member id until now.
        member: MemberId,
        /// Why.
        reason: MembershipLoss,
    },
    /// The consumer asked to leave.
    LeaveSent {
        /// The group.
        group: GroupId,
        /// Its member id.
        member: MemberId,
    },
    /// Offsets were sent to the coordinator.
    CommitSent {
        /// The group.
        group: GroupId,
        /// What asked for it.
        cause: CommitCause,
        /// The offsets, each the next one to read.
        offsets: Vec<(TopicPartition, Offset)>,
        /// How long it had waited to be sent, in microseconds: the offsets were taken so long ago.
        waited_us: u64,
    },
    /// The coordinator has written them.
    CommitDone {
        /// The group.
        group: GroupId,
        /// What asked for it.
        cause: CommitCause,
        /// The offsets.
        offsets: Vec<(TopicPartition, Offset)>,
    },
    /// They were not written, or nobody knows: a commit of which its caller hears that it is late may go on, and be done.
    CommitFailed {
        /// The group.
        group: GroupId,
        /// What asked for it.
        cause: CommitCause,
        /// Why.
        error: ErrorCode,
        /// Whether the consumer did not even send them: it is no member, a rebalance is under way, or there is no coordinator.
        unsent: bool,
    },
    /// The application began to work on a record.
    RecordBegun {
        /// Of which partition.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
    },
    /// The application is done with a record.
    RecordFinished {
        /// Of which partition.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
    },
}

/// Why a consumer does not know its coordinator any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoordinatorLoss {
    /// The connection was lost, or a request on it was not answered in time.
    Disconnected,
    /// It said that it is not, or not yet, the coordinator.
    Refused,
    /// No heartbeat was answered for `session.timeout.ms`.
    SessionTimedOut,
}

/// Why a consumer is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipLoss {
    /// The coordinator does not know it.
    UnknownMember,
    /// The coordinator is at another generation.
    IllegalGeneration,
    /// Its member epoch is not the coordinator's (KIP-848).
    FencedMemberEpoch,
    /// Another consumer with its instance id has taken its place.
    FencedInstance,
    /// Its application did not poll for `max.poll.interval.ms`.
    PollTimedOut,
    /// A rebalance ended while it was no member.
    RebalanceOvertaken,
}

/// What asked for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitCause {
    /// `auto.commit.interval.ms` is over.
    Interval,
    /// A rebalance begins, and positions are committed by themselves.
    Rebalance,
    /// The consumer is closed, and positions are committed by themselves.
    Close,
    /// The application, and it waits (`commitSync`).
    Sync,
    /// The application, of offsets that it chose itself, and it waits (`commitSync(Map)`).
    Chosen,
    /// The application, and it does not wait (`commitAsync`).
    Async,
}
