//! Who votes: the voter set and its history (KIP-853).
//!
//! The set in force is the last one *appended*, committed or not: a member acts on a new
//! set from the moment it holds the record, and returns to the one before if the record is
//! truncated away. So the history is kept by offset.
//!
//! ```text
//!   snapshot (−1 or its last offset)      offset 7            offset 90 (not committed)
//!        {1, 2, 3}            ──────▶    {1, 2, 3, 4}  ──────▶    {1, 2, 3, 4, 5}   ← in force
//! ```

use std::collections::BTreeMap;

use crate::config::Voter;
use crate::ids::{Endpoint, NodeId, Offset};
use crate::message::ReplicaKey;

/// The voters, by id, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct VoterSet(Vec<Voter>);

impl VoterSet {
    pub(super) fn new(mut voters: Vec<Voter>) -> Self {
        voters.sort_by_key(|voter| voter.replica.id);
        assert!(voters.windows(2).all(|pair| pair[0].replica.id != pair[1].replica.id), "a voter twice in {voters:?}");
        VoterSet(voters)
    }

    pub(super) fn as_slice(&self) -> &[Voter] {
        &self.0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Voter> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn ids(&self) -> Vec<NodeId> {
        self.0.iter().map(|voter| voter.replica.id).collect()
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&Voter> {
        self.0.iter().find(|voter| voter.replica.id == id)
    }

    pub(super) fn endpoint(&self, id: NodeId) -> Option<Endpoint> {
        self.get(id).map(|voter| voter.endpoint.clone())
    }

    /// Whether this member on this disk votes: the same id on an empty disk is another replica.
    pub(super) fn is_voter(&self, key: ReplicaKey) -> bool {
        self.get(key.id).is_some_and(|voter| matches_key(voter.replica, key))
    }

    pub(super) fn is_only_voter(&self, key: ReplicaKey) -> bool {
        self.0.len() == 1 && self.is_voter(key)
    }

    /// The set with this voter's endpoint renewed, if it votes and its endpoint differs.
    pub(super) fn with_updated(&self, updated: &Voter) -> Option<VoterSet> {
        let known = self.get(updated.replica.id)?;
        if !matches_key(known.replica, updated.replica) || known == updated {
            return None;
        }
        let voters = self.0.iter().map(|voter| if voter.replica.id == updated.replica.id { updated } else { voter });
        Some(VoterSet(voters.cloned().collect()))
    }
}

/// Whether `key` is the replica `known`, whose directory may not be known.
pub(super) fn matches_key(known: ReplicaKey, key: ReplicaKey) -> bool {
    known.id == key.id && (known.directory_id.is_zero() || known.directory_id == key.directory_id)
}

/// What the control records of snapshot and log add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Membership {
    voters: BTreeMap<Offset, VoterSet>,
    kraft_versions: BTreeMap<Offset, i16>,
    /// The first offset not read yet; none before the first read.
    pub(super) next_offset: Option<Offset>,
    nobody: VoterSet,
}

impl Membership {
    /// The voters in force: the last set appended, committed or not.
    pub(super) fn voters(&self) -> &VoterSet {
        self.voters.values().next_back().unwrap_or(&self.nobody)
    }

    /// Where that set was written; −1 for the bootstrap checkpoint, none while there is none.
    pub(super) fn voters_offset(&self) -> Option<Offset> {
        self.voters.keys().next_back().copied()
    }

    /// The level of kraft.version: 0 without a record.
    pub(super) fn kraft_version(&self) -> i16 {
        self.kraft_versions.values().next_back().copied().unwrap_or(0)
    }

    /// The voters as of `offset`, and the level of kraft.version, for a snapshot that ends there.
    pub(super) fn at(&self, offset: Offset) -> (Option<VoterSet>, i16) {
        let voters = self.voters.range(..=offset).next_back().map(|(_, voters)| voters.clone());
        let version = self.kraft_versions.range(..=offset).next_back().map_or(0, |(_, version)| *version);
        (voters, version)
    }

    pub(super) fn add_voters(&mut self, offset: Offset, voters: VoterSet) {
        self.voters.insert(offset, voters);
    }

    pub(super) fn add_kraft_version(&mut self, offset: Offset, version: i16) {
        self.kraft_versions.insert(offset, version);
    }

    /// Forgets everything, before a snapshot is read.
    pub(super) fn clear(&mut self) {
        self.voters.clear();
        self.kraft_versions.clear();
    }

    /// The log was truncated: what was read from `end_offset` on never happened.
    pub(super) fn truncate_new_entries(&mut self, end_offset: Offset) {
        self.voters.split_off(&end_offset);
        self.kraft_versions.split_off(&end_offset);
        self.next_offset = self.next_offset.map(|next| next.min(end_offset));
    }

    /// A snapshot ends at `start_offset`: of what lies before, only the last entry is still in force.
    pub(super) fn truncate_old_entries(&mut self, start_offset: Offset) {
        keep_last_before(&mut self.voters, start_offset);
        keep_last_before(&mut self.kraft_versions, start_offset);
    }
}

fn keep_last_before<T>(history: &mut BTreeMap<Offset, T>, start_offset: Offset) {
    if let Some(last) = history.range(..=start_offset).next_back().map(|(offset, _)| *offset) {
        *history = history.split_off(&last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DirectoryId;
    use uuid::Uuid;

    fn set(ids: &[i32]) -> VoterSet {
        let voter = |id: &i32| Voter {
            replica: ReplicaKey { id: NodeId(*id), directory_id: DirectoryId(Uuid::from_u128(*id as u128)) },
            endpoint: Endpoint::new(&format!("c{id}"), 9093),
        };
        VoterSet::new(ids.iter().map(voter).collect())
    }

    #[test]
    fn an_uncommitted_voter_set_is_in_force_until_it_is_truncated() {
        let mut membership = Membership::default();
        membership.add_voters(-1, set(&[1, 2, 3]));
        membership.add_voters(9, set(&[1, 2, 3, 4]));
        assert_eq!(membership.voters(), &set(&[1, 2, 3, 4]));
        membership.truncate_new_entries(9);
        assert_eq!(membership.voters(), &set(&[1, 2, 3]));
        assert_eq!(membership.voters_offset(), Some(-1));
    }

    #[test]
    fn a_voter_id_on_another_disk_is_not_that_voter() {
        let key = |directory| ReplicaKey { id: NodeId(1), directory_id: DirectoryId(Uuid::from_u128(directory)) };
        assert!(set(&[1, 2]).is_voter(key(1)));
        assert!(!set(&[1, 2]).is_voter(key(77)));
    }
}
