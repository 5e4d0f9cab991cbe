//! The votes of one election, or of one round of pre-votes (`EpochElection`).

use std::collections::BTreeMap;

use super::voters::VoterSet;
use crate::ids::NodeId;
use crate::message::ReplicaKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ballot {
    Unrecorded,
    Granted,
    Rejected,
}

/// Who of the voters has answered, and how. The voters are those of the election's beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EpochElection {
    ballots: BTreeMap<NodeId, (ReplicaKey, Ballot)>,
}

impl EpochElection {
    /// An election in which the member has voted for itself.
    pub(super) fn new(voters: &VoterSet, own_id: NodeId) -> Self {
        let ballots = voters.iter().map(|voter| (voter.replica.id, (voter.replica, Ballot::Unrecorded))).collect();
        let mut election = EpochElection { ballots };
        election.record(own_id, true);
        election
    }

    /// Notes an answer. An answer of somebody who does not vote in this election is worth nothing.
    pub(super) fn record(&mut self, voter: NodeId, granted: bool) {
        if let Some((_, ballot)) = self.ballots.get_mut(&voter) {
            *ballot = if granted { Ballot::Granted } else { Ballot::Rejected };
        }
    }

    pub(super) fn has_granted(&self, voter: NodeId) -> bool {
        self.ballots.get(&voter).is_some_and(|(_, ballot)| *ballot == Ballot::Granted)
    }

    pub(super) fn has_rejected(&self, voter: NodeId) -> bool {
        self.ballots.get(&voter).is_some_and(|(_, ballot)| *ballot == Ballot::Rejected)
    }

    /// Whether a majority has granted.
    pub(super) fn is_won(&self) -> bool {
        self.count(Ballot::Granted) >= self.majority()
    }

    /// Whether a majority cannot be reached any more.
    pub(super) fn is_lost(&self) -> bool {
        self.count(Ballot::Granted) + self.count(Ballot::Unrecorded) < self.majority()
    }

    pub(super) fn unrecorded(&self) -> Vec<ReplicaKey> {
        self.with(Ballot::Unrecorded).collect()
    }

    pub(super) fn granting(&self) -> Vec<NodeId> {
        self.with(Ballot::Granted).map(|key| key.id).collect()
    }

    fn with(&self, wanted: Ballot) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.ballots.values().filter(move |(_, ballot)| *ballot == wanted).map(|(key, _)| *key)
    }

    fn count(&self, ballot: Ballot) -> usize {
        self.with(ballot).count()
    }

    fn majority(&self) -> usize {
        self.ballots.len() / 2 + 1
    }
}
