//! The states of a quorum member, and whether each may give its vote (`QuorumState`, KIP-595, KIP-996).
//!
//! ```text
//!               election timeout                 pre-votes won            votes won
//!   Unattached ─────────────────▶ Prospective ─────────────────▶ Candidate ────────▶ Leader
//!      ▲  ▲ │                      │   ▲   ▲ ◀──election timeout──────┘                │
//!      │  │ └─leader found──▶ Follower ┘   └── (fetch timeout)                         │ majority lost,
//!      │  │                      ▲     pre-votes lost, leader known                    ▼ or asked to
//!      │  └─pre-votes lost───────┘                                                  Resigned
//!      └──────────── a higher epoch without a leader; Resigned's timeout (epoch + 1) ──┘
//! ```
//!
//! * **Unattached** knows an epoch, perhaps a leader, and cannot or does not follow it.
//!   → Unattached (higher epoch, or a vote), Prospective, Follower.
//! * **Follower** fetches from a leader. → Unattached, Follower (higher epoch), Prospective.
//! * **Prospective** asks whether it would win, in the epoch it is in.
//!   → Unattached, Follower, Candidate, Prospective (a vote).
//! * **Candidate** stands for election in an epoch of its own. → Unattached, Follower, Prospective, Leader.
//! * **Leader** leads. → Unattached, Follower (both: higher epoch), Resigned.
//! * **Resigned** led and gave up, or was restarted. → Unattached, Follower.

use std::collections::BTreeSet;

use super::election::EpochElection;
use super::leader::Leader;
use super::quorum_file::ElectionState;
use super::voters::matches_key;
use crate::config::{Behaviour, Switch};
use crate::event::{QuorumStateName, VoteRefusal};
use crate::ids::{Endpoint, LeaderEpoch, NodeId, Offset};
use crate::message::{ReplicaKey, SnapshotId};
use crate::time::Time;

/// Knows an epoch but follows nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Unattached {
    pub(super) epoch: LeaderEpoch,
    pub(super) leader: Option<NodeId>,
    pub(super) voted: Option<ReplicaKey>,
    pub(super) high_watermark: Option<Offset>,
    /// When it becomes Prospective; never for an observer.
    pub(super) election_deadline: Time,
}

/// Follows a leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Follower {
    pub(super) epoch: LeaderEpoch,
    pub(super) leader: NodeId,
    pub(super) endpoint: Endpoint,
    pub(super) voted: Option<ReplicaKey>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) fetch_deadline: Time,
    /// Whether a fetch from this leader has succeeded: from then on no pre-vote is given against it.
    pub(super) has_fetched: bool,
    pub(super) fetching_snapshot: Option<SnapshotDownload>,
}

/// A snapshot on its way from the leader, in a `.part` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SnapshotDownload {
    pub(super) id: SnapshotId,
    /// How many bytes have come.
    pub(super) position: u64,
}

/// Asks whether it would win.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Prospective {
    pub(super) epoch: LeaderEpoch,
    pub(super) leader: Option<NodeId>,
    pub(super) leader_endpoint: Option<Endpoint>,
    pub(super) voted: Option<ReplicaKey>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) election: EpochElection,
    pub(super) election_deadline: Time,
}

/// Stands for election; has voted for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) epoch: LeaderEpoch,
    pub(super) own_key: ReplicaKey,
    pub(super) high_watermark: Option<Offset>,
    pub(super) election: EpochElection,
    pub(super) election_deadline: Time,
}

/// Led this epoch and does not any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Resigned {
    pub(super) epoch: LeaderEpoch,
    pub(super) own_id: NodeId,
    pub(super) own_endpoint: Option<Endpoint>,
    /// The voters that have not answered EndQuorumEpoch.
    pub(super) unacknowledged: BTreeSet<NodeId>,
    /// The other voters, the most caught-up first; empty after a restart.
    pub(super) preferred_successors: Vec<ReplicaKey>,
    pub(super) election_deadline: Time,
}

/// The state of a member: what is true in it, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Unattached(Unattached),
    Follower(Follower),
    Prospective(Prospective),
    Candidate(Candidate),
    Leader(Box<Leader>),
    Resigned(Resigned),
}

impl State {
    pub(super) fn name(&self) -> QuorumStateName {
        match self {
            State::Unattached(_) => QuorumStateName::Unattached,
            State::Follower(_) => QuorumStateName::Follower,
            State::Prospective(_) => QuorumStateName::Prospective,
            State::Candidate(_) => QuorumStateName::Candidate,
            State::Leader(_) => QuorumStateName::Leader,
            State::Resigned(_) => QuorumStateName::Resigned,
        }
    }

    pub(super) fn epoch(&self) -> LeaderEpoch {
        match self {
            State::Unattached(state) => state.epoch,
            State::Follower(state) => state.epoch,
            State::Prospective(state) => state.epoch,
            State::Candidate(state) => state.epoch,
            State::Leader(state) => state.epoch,
            State::Resigned(state) => state.epoch,
        }
    }

    /// What of the state is durable: a member recovers from this.
    pub(super) fn election(&self) -> ElectionState {
        let (leader, voted) = match self {
            State::Unattached(state) => (state.leader, state.voted),
            State::Follower(state) => (Some(state.leader), state.voted),
            State::Prospective(state) => (state.leader, state.voted),
            State::Candidate(state) => (None, Some(state.own_key)),
            State::Leader(state) => (Some(state.own_key.id), None),
            State::Resigned(state) => (Some(state.own_id), None),
        };
        ElectionState { epoch: self.epoch(), leader, voted }
    }

    pub(super) fn leader(&self) -> Option<NodeId> {
        self.election().leader
    }

    pub(super) fn leader_endpoint(&self) -> Option<&Endpoint> {
        match self {
            State::Unattached(_) | State::Candidate(_) => None,
            State::Follower(state) => Some(&state.endpoint),
            State::Prospective(state) => state.leader_endpoint.as_ref(),
            State::Leader(state) => Some(&state.own_endpoint),
            State::Resigned(state) => state.own_endpoint.as_ref(),
        }
    }

    pub(super) fn high_watermark(&self) -> Option<Offset> {
        match self {
            State::Unattached(state) => state.high_watermark,
            State::Follower(state) => state.high_watermark,
            State::Prospective(state) => state.high_watermark,
            State::Candidate(state) => state.high_watermark,
            State::Leader(state) => state.high_watermark,
            State::Resigned(_) => None,
        }
    }

    pub(super) fn is_leader(&self) -> bool {
        matches!(self, State::Leader(_))
    }

    /// Whether the member gives its vote (or would give it) to `candidate`, whose log is
    /// `up_to_date` or not; the request's epoch is the member's own.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn can_grant_vote(
        &self,
        candidate: ReplicaKey,
        up_to_date: bool,
        pre_vote: bool,
        behaviour: &Behaviour,
    ) -> Result<(), VoteRefusal> {
        if behaviour.is(Switch::VoteTwice) && !pre_vote && !self.is_leader() {
            return Ok(());
        }
        if behaviour.is(Switch::VoteOnlyOnce) && !pre_vote && self.epoch() > LeaderEpoch(1) {
            return Err(VoteRefusal::LogBehind);
        }
        let if_up_to_date = if up_to_date { Ok(()) } else { Err(VoteRefusal::LogBehind) };
        match self {
            State::Unattached(_) | State::Prospective(_) if pre_vote => if_up_to_date,
            State::Unattached(Unattached { voted: Some(voted), .. })
            | State::Prospective(Prospective { voted: Some(voted), .. }) => {
                if matches_key(*voted, candidate) {
                    Ok(())
                } else {
                    Err(VoteRefusal::AlreadyVoted)
                }
            }
            State::Unattached(Unattached { leader: Some(_), .. })
            | State::Prospective(Prospective { leader: Some(_), .. }) => Err(VoteRefusal::LeaderKnown),
            State::Unattached(_) | State::Prospective(_) => if_up_to_date,
            State::Follower(follower) if pre_vote => {
                if follower.has_fetched && !behaviour.is(Switch::PreVoteGrantedByFollower) {
                    Err(VoteRefusal::LeaderAlive)
                } else {
                    if_up_to_date
                }
            }
            State::Follower(_) => Err(VoteRefusal::LeaderKnown),
            State::Candidate(_) | State::Resigned(_) if pre_vote => if_up_to_date,
            State::Candidate(_) | State::Resigned(_) | State::Leader(_) => Err(VoteRefusal::OwnCandidacy),
        }
    }
}
