//! Events of the metadata quorum.

use serde::Serialize;

use crate::ids::{LeaderEpoch, NodeId, Offset};
use crate::message::{ReplicaKey, SnapshotId};

/// Something that happened to one member of the metadata quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RaftEvent {
    /// The member entered another state.
    StateChanged {
        /// Which.
        to: QuorumStateName,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Whom it follows; NONE while unknown.
        leader: NodeId,
        /// Why.
        reason: QuorumTransitionReason,
    },
    /// The member gave its vote, or its pre-vote.
    VoteGranted {
        /// To whom.
        candidate: ReplicaKey,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Whether it only said that it would.
        pre_vote: bool,
    },
    /// The member refused its vote, or its pre-vote.
    VoteRefused {
        /// To whom.
        candidate: ReplicaKey,
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Whether it was only asked whether it would.
        pre_vote: bool,
        /// Why.
        reason: VoteRefusal,
    },
    /// Records were appended to the metadata log.
    MetadataAppended {
        /// The first record's offset.
        base_offset: Offset,
        /// The log end offset afterwards.
        log_end_offset: Offset,
        /// The epoch they carry.
        epoch: LeaderEpoch,
        /// As leader, or as follower.
        as_leader: bool,
    },
    /// The metadata log was cut back to what the leader has.
    MetadataTruncated {
        /// The log end offset before.
        from: Offset,
        /// The log end offset afterwards.
        to: Offset,
    },
    /// The quorum's high watermark rose, as far as this member knows.
    QuorumHighWatermarkAdvanced {
        /// Before; −1 if unknown.
        from: Offset,
        /// Afterwards.
        to: Offset,
    },
    /// A snapshot was written.
    SnapshotCreated {
        /// Which.
        snapshot: SnapshotId,
    },
    /// A snapshot was fetched from the leader and is in force.
    SnapshotLoaded {
        /// Which.
        snapshot: SnapshotId,
    },
    /// A snapshot, and what it made superfluous in the log, was deleted.
    SnapshotDeleted {
        /// Which.
        snapshot: SnapshotId,
    },
}

/// The states of a quorum member (KIP-595, KIP-996).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumStateName {
    /// Knows an epoch but no leader that it follows.
    Unattached,
    /// Follows a leader.
    Follower,
    /// Asks whether it would win an election.
    Prospective,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
    /// Led, and gave it up.
    Resigned,
}

impl QuorumStateName {
    /// The word that scenario files and screens use.
    pub fn word(self) -> &'static str {
        match self {
            QuorumStateName::Unattached => "unattached",
            QuorumStateName::Follower => "follower",
            QuorumStateName::Prospective => "prospective",
            QuorumStateName::Candidate => "candidate",
            QuorumStateName::Leader => "leader",
            QuorumStateName::Resigned => "resigned",
        }
    }
}

/// Why a member changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumTransitionReason {
    /// The process started.
    Started,
    /// No leader was found within the election timeout.
    ElectionTimedOut,
    /// The leader did not answer within the fetch timeout.
    FetchTimedOut,
    /// A majority would vote for this member.
    PreVotesWon,
    /// A majority would not.
    PreVotesLost,
    /// A majority voted for this member.
    VotesWon,
    /// The vote was given to another member.
    Voted,
    /// A message carried a higher epoch.
    HigherEpoch,
    /// A message named the leader.
    LeaderFound,
    /// The leader did not hear from a majority for too long.
    MajorityLost,
    /// The leader resigned.
    LeaderResigned,
    /// The process is asked to stop.
    ShuttingDown,
}

/// Why a vote was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteRefusal {
    /// Another candidate has it.
    AlreadyVoted,
    /// The member knows a leader of this epoch.
    LeaderKnown,
    /// The member leads or stands itself.
    OwnCandidacy,
    /// The candidate's log ends before the member's.
    LogBehind,
    /// The member has fetched from its leader and sees no reason to change it.
    LeaderAlive,
}
