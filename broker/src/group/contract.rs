//! What a coordinator's shard is asked, and what it answers: records to write, and replies to give.
//!
//! A *shard* is the state of one partition of `__consumer_offsets`: its groups and their
//! offsets. It follows Kafka's own pattern (`GroupCoordinatorShard`): a request leads to a
//! [`Decision`]; the runtime replays the decision's records into the shard at once, appends
//! them to the log, and gives the replies when the high watermark has passed them. If the
//! append fails, the runtime takes the shard back to what it was and tells it so.
//!
//! ```text
//!   request, timer, end of a write ──▶ shard ──▶ Decision ─┬─ records ──▶ replayed, appended ──▶ committed
//!                                                          └─ replies ──▶ at once, or with the commit
//! ```
//!
//! What a shard keeps is of two kinds, as in Kafka. *Hard* state changes only by replay of
//! records, on whichever broker leads the partition, and can be taken back. *Soft* state
//! (who waits for a join, which timer runs) lives with the leader and is lost with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::classic::StaticReplacement;
use super::record::GroupRecord;
use super::timers::GroupTimer;
use crate::ids::{GroupId, MemberId, ProducerEpoch, ProducerId, RequestHandle, TopicName, TopicPartition};
use crate::message::{ErrorCode, Response};

/// Who asks, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestContext {
    /// By which the answer finds its connection.
    pub handle: RequestHandle,
    /// The version of the request: some rules differ by it.
    pub version: i16,
    /// Who asks (`client.id`).
    pub client_id: String,
    /// From where. Simplified: Trial's connections have no addresses; a slash and the `client.id` stand here.
    pub client_host: String,
}

/// What a request, a timer or the end of a write leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decision {
    /// To be replayed and written: all together or not at all, unless they may be parted.
    pub records: Vec<GroupRecord>,
    /// The producer whose transaction the records belong to: they are a batch of their own.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// Whether the records may go into several batches, of which the later ones may fail (`CoordinatorResult.isAtomic`
    /// is false): tombstones of what has expired or whose topic is gone, each of which stands for itself.
    pub may_be_parted: bool,
    /// To be given.
    pub replies: Vec<Reply>,
    /// What the shard wants to hear when the records are committed, or failed to be.
    pub then: Option<AfterWrite>,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    /// To which request.
    pub handle: RequestHandle,
    /// The answer.
    pub response: Response,
    /// When it leaves.
    pub when: ReplyWhen,
}

/// When a reply leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReplyWhen {
    /// At once.
    Now,
    /// When the decision's records are committed, and with them every write before. A decision without records waits
    /// for the writes before it. If the write fails, `on_failure` makes the answer from the error
    /// that clients are to see.
    Committed {
        /// What is asked, to answer it with an error.
        on_failure: FailedReply,
    },
}

/// How a request is answered with an error: the fields that such an answer repeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FailedReply(pub crate::message::Request);

/// What a shard does when a write has ended; given back to [`Decision::then`]'s maker with the outcome. Of a decision without
/// records it is the end of the writes before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AfterWrite {
    /// A request waits in a classic group, for other members or for an assignment. If the write fails, it is answered with
    /// the error (`GroupCoordinatorService.joinGroup`, `syncGroup`).
    ClassicParked {
        /// The group.
        group: GroupId,
        /// The request.
        handle: RequestHandle,
    },
    /// A classic group's assignment is written: its members may have it (`GroupMetadataManager.classicGroupSync`).
    ClassicAssignment {
        /// The group.
        group: GroupId,
        /// The generation that it is for.
        generation: i32,
        /// Everybody's assignment.
        assignments: BTreeMap<MemberId, Bytes>,
        /// The leader's request, which waits in the group.
        handle: RequestHandle,
    },
    /// What a timer of a KIP-848 group decided is written; if it is not, the timer fires again.
    ConsumerTimer {
        /// The timer.
        timer: GroupTimer,
    },
    /// A classic group has become a KIP-848 group.
    ConsumerUpgraded {
        /// The group.
        group: GroupId,
    },
    /// A classic member has joined a KIP-848 group: it must sync in time.
    ConsumerClassicJoined {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// How long it may be silent and how long it may take to sync, in milliseconds; none if the group has become
        /// classic with it.
        sessions: Option<(i32, i32)>,
    },
    /// A classic member of a KIP-848 group gets its assignment.
    ConsumerClassicSynced {
        /// The group.
        group: GroupId,
        /// The member.
        member: MemberId,
        /// How long it may be silent from now on.
        session: Duration,
    },
    /// A returning static member is written: its join, which waits in the group, may be answered.
    ClassicStaticMember {
        /// The group.
        group: GroupId,
        /// Who took whose place.
        replacement: Box<StaticReplacement>,
    },
}

/// How a write ended. An error is the log's own (NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, …); what clients are told of
/// it says [`error_for_clients`].
pub type WriteOutcome = Result<(), ErrorCode>;

/// What clients are told when a coordinator cannot write (`GroupMetadataManager.appendGroupMetadataErrorToResponseError`,
/// `CoordinatorOperationExceptionHelper`).
pub fn error_for_clients(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition | ErrorCode::NotEnoughReplicas | ErrorCode::RequestTimedOut => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => ErrorCode::UnknownServerError,
        other => other,
    }
}

/// What a shard is told of a change of the cluster's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MetadataChange {
    /// Partitions that exist no longer, because their topics were deleted.
    pub deleted: Vec<TopicPartition>,
    /// Topics that came, went, or have other partitions or racks now.
    pub changed_topics: BTreeSet<TopicName>,
    /// Whether some of them came.
    pub topics_created: bool,
}
