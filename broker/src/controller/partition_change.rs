//! One change of a partition's registration, and the election that comes with it (`PartitionChangeBuilder`).
//!
//! Whatever the reason of a change is, its record is made in the same order:
//!
//! ```text
//!   complete the reassignment? ─▶ eligible leader replicas ─▶ elect ─▶ leader epoch
//!        ─▶ record ELR ─▶ record ISR ─▶ last known leader ─▶ replicas and directories
//! ```
//!
//! Who may lead (KIP-966): a live member of the ISR; if the ISR is empty, a live member of the ELR;
//! if both are empty, the last known leader; and only where unclean elections are allowed, any live
//! replica. The latter two may have lost records: the leader is marked as recovering.

use std::collections::{BTreeMap, BTreeSet};

use super::reassignment;
use crate::ids::{DirectoryId, NodeId};
use crate::message::LeaderRecoveryState;
use crate::metadata::{PartitionChange, PartitionRegistration};

/// How far an election may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Election {
    /// The first replica of the assignment if it is eligible; else as `Online`.
    Preferred,
    /// Keep the leader if it is eligible; else the first eligible replica.
    Online,
    /// As `Online`, and if none is eligible the first live replica.
    Unclean,
}

/// Everything that a change is made from. Targets start as what is in force.
pub(super) struct PartitionChangeBuilder<'a> {
    partition: &'a PartitionRegistration,
    /// Registered, unfenced, not shutting down, and with a directory that works.
    is_acceptable: &'a dyn Fn(NodeId) -> bool,
    /// Where a replica is placed that has no directory yet.
    default_directory: &'a dyn Fn(NodeId) -> DirectoryId,
    /// min(min.insync.replicas, replication factor).
    min_isr: usize,
    elr_enabled: bool,
    pub(super) election: Election,
    pub(super) target_isr: Vec<NodeId>,
    pub(super) target_replicas: Vec<NodeId>,
    pub(super) target_removing: Vec<NodeId>,
    pub(super) target_adding: Vec<NodeId>,
    pub(super) target_leader_recovery_state: LeaderRecoveryState,
    /// Replicas whose broker came back without a clean stop: they may have lost records.
    pub(super) unclean_shutdown_replicas: Vec<NodeId>,
    /// The switch `ElectAnyReplica`: a live replica outside of the ISR counts as eligible.
    pub(super) elect_any_replica: bool,
    /// The switch `AnybodyIsLastKnownLeader`: nobody remembers who led last.
    pub(super) anybody_is_last_known_leader: bool,
    /// Whether `Hazard::ElrKeepsRemovedReplica` is mended.
    pub(super) elr_of_replicas_only: bool,
    /// The switch `ElrOutlivesMinIsr`.
    pub(super) elr_outlives_min_isr: bool,
    /// The switch `IsrKeepsRemovedReplica`.
    pub(super) isr_keeps_removed_replica: bool,
    /// The switch `ElrKeepsInSyncReplicas`.
    pub(super) elr_keeps_in_sync_replicas: bool,
    target_elr: Vec<NodeId>,
    target_directories: BTreeMap<NodeId, DirectoryId>,
}

/// Who is to lead, and whether records may be lost by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elected {
    pub(super) leader: NodeId,
    pub(super) unclean: bool,
}

/// A change that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BuiltChange {
    pub(super) change: PartitionChange,
    pub(super) unclean: bool,
}

impl<'a> PartitionChangeBuilder<'a> {
    /// A change that changes nothing yet.
    pub(super) fn new(
        partition: &'a PartitionRegistration,
        is_acceptable: &'a dyn Fn(NodeId) -> bool,
        default_directory: &'a dyn Fn(NodeId) -> DirectoryId,
        min_isr: usize,
        elr_enabled: bool,
    ) -> Self {
        let directories = partition.replicas.iter().copied().zip(partition.directories.iter().copied());
        PartitionChangeBuilder {
            partition,
            is_acceptable,
            default_directory,
            min_isr,
            elr_enabled,
            election: Election::Online,
            target_isr: partition.isr.clone(),
            target_replicas: partition.replicas.clone(),
            target_removing: partition.removing_replicas.clone(),
            target_adding: partition.adding_replicas.clone(),
            target_leader_recovery_state: partition.leader_recovery_state,
            unclean_shutdown_replicas: Vec::new(),
            elect_any_replica: false,
            anybody_is_last_known_leader: false,
            elr_of_replicas_only: false,
            elr_outlives_min_isr: false,
            isr_keeps_removed_replica: false,
            elr_keeps_in_sync_replicas: false,
            target_elr: partition.elr.clone(),
            target_directories: directories.collect(),
        }
    }

    /// The change, or none if everything stays as it is.
    pub(super) fn build(mut self) -> Option<BuiltChange> {
        let mut change = PartitionChange::default();
        if let Some((replicas, isr)) =
            reassignment::complete(&self.target_removing, &self.target_adding, &self.target_replicas, &self.target_isr)
        {
            self.target_replicas = replicas;
            if !self.isr_keeps_removed_replica {
                self.target_isr = isr;
            }
            self.target_removing.clear();
            self.target_adding.clear();
        }
        self.populate_target_elr();
        let unclean = self.try_election(&mut change);
        // A removed replica must not go on fetching under the old epoch.
        let removes_replica = self.partition.replicas.iter().any(|replica| !self.target_replicas.contains(replica));
        if change.leader.is_none() && removes_replica {
            change.leader = Some(self.partition.leader);
        }
        self.record_elr(&mut change);
        // Without ELR the last in-sync replica stays in the ISR even when it is gone: who else may lead?
        let may_record_isr = change.isr.is_none() && (!self.target_isr.is_empty() || self.elr_enabled);
        if may_record_isr && self.target_isr != self.partition.isr {
            change.isr = Some(self.target_isr.clone());
        }
        self.record_last_known_leader(&mut change);
        self.record_assignment(&mut change);
        if self.target_leader_recovery_state != self.partition.leader_recovery_state {
            change.leader_recovery_state = Some(self.target_leader_recovery_state);
        }
        (change != PartitionChange::default()).then_some(BuiltChange { change, unclean })
    }

    /// Below min ISR, whoever drops out of the ISR stays eligible: it holds all that was committed,
    /// because the high watermark stands still from now on. At or above it nobody else is eligible.
    fn populate_target_elr(&mut self) {
        if !self.elr_enabled {
            return;
        }
        if self.target_isr.len() >= self.min_isr && !self.elr_outlives_min_isr {
            self.target_elr.clear();
            return;
        }
        let candidates: BTreeSet<NodeId> = self.target_elr.iter().chain(&self.partition.isr).copied().collect();
        self.target_elr = candidates
            .into_iter()
            .filter(|replica| self.elr_keeps_in_sync_replicas || !self.target_isr.contains(replica))
            .filter(|replica| !self.unclean_shutdown_replicas.contains(replica))
            .filter(|replica| !self.elr_of_replicas_only || self.target_replicas.contains(replica))
            .collect();
    }

    /// Who would lead after this change, from the targets as they are now.
    pub(super) fn elect(&self) -> Elected {
        let clean = |leader| Elected { leader, unclean: false };
        let preferred = self.target_replicas.first().copied();
        if self.election == Election::Preferred
            && let Some(preferred) = preferred.filter(|replica| self.is_valid_leader(*replica))
        {
            return clean(preferred);
        }
        if self.is_valid_leader(self.partition.leader) {
            return clean(self.partition.leader);
        }
        if let Some(leader) = self.target_replicas.iter().find(|replica| self.is_valid_leader(**replica)) {
            return clean(*leader);
        }
        if let Some(leader) = self.electable_last_known_leader() {
            return Elected { leader, unclean: true };
        }
        if self.elect_any_replica
            && let Some(leader) = self.target_replicas.iter().find(|replica| (self.is_acceptable)(**replica))
        {
            return clean(*leader);
        }
        if self.election == Election::Unclean
            && let Some(leader) = self.target_replicas.iter().find(|replica| (self.is_acceptable)(**replica))
        {
            return Elected { leader: *leader, unclean: true };
        }
        clean(NodeId::NONE)
    }

    fn is_valid_leader(&self, replica: NodeId) -> bool {
        let eligible =
            self.target_isr.contains(&replica) || (self.target_isr.is_empty() && self.target_elr.contains(&replica));
        eligible && (self.is_acceptable)(replica)
    }

    /// Needs no unclean.leader.election.enable: nobody else can ever be eligible again.
    fn electable_last_known_leader(&self) -> Option<NodeId> {
        if !self.elr_enabled || !self.target_elr.is_empty() || !self.target_isr.is_empty() {
            return None;
        }
        if self.anybody_is_last_known_leader {
            return self.target_replicas.iter().copied().find(|replica| (self.is_acceptable)(*replica));
        }
        match self.partition.last_known_elr[..] {
            [last] if (self.is_acceptable)(last) => Some(last),
            _ => None,
        }
    }

    /// Returns whether the leader that it puts into the change was elected uncleanly.
    fn try_election(&mut self, change: &mut PartitionChange) -> bool {
        let elected = self.elect();
        if elected.leader == self.partition.leader {
            return false;
        }
        if self.target_elr.contains(&elected.leader) {
            self.target_isr = vec![elected.leader];
            self.target_elr.retain(|replica| *replica != elected.leader);
        }
        change.leader = Some(elected.leader);
        if elected.unclean {
            change.isr = Some(vec![elected.leader]);
            if self.partition.leader_recovery_state != LeaderRecoveryState::Recovering {
                change.leader_recovery_state = Some(LeaderRecoveryState::Recovering);
            }
        }
        elected.unclean
    }

    fn record_elr(&mut self, change: &mut PartitionChange) {
        // Only an unclean election has put an ISR into the change so far.
        let is_unclean_election = change.isr.is_some();
        if is_unclean_election || !self.elr_enabled {
            self.target_elr.clear();
        }
        if self.target_elr != self.partition.elr {
            change.elr = Some(self.target_elr.clone());
        }
    }

    fn record_last_known_leader(&self, change: &mut PartitionChange) {
        if !self.elr_enabled {
            return;
        }
        match change.leader {
            Some(NodeId::NONE) if self.partition.last_known_elr.is_empty() => {
                change.last_known_elr = Some(vec![self.partition.leader]);
            }
            Some(leader) if leader.is_some() && !self.partition.last_known_elr.is_empty() => {
                change.last_known_elr = Some(Vec::new());
            }
            _ => {}
        }
    }

    fn record_assignment(&self, change: &mut PartitionChange) {
        if !self.target_replicas.is_empty() {
            let directory = |replica: &NodeId| {
                self.target_directories.get(replica).copied().unwrap_or_else(|| (self.default_directory)(*replica))
            };
            let directories: Vec<DirectoryId> = self.target_replicas.iter().map(directory).collect();
            if directories != self.partition.directories {
                change.directories = Some(directories);
            }
            if self.target_replicas != self.partition.replicas {
                change.replicas = Some(self.target_replicas.clone());
            }
        }
        if self.target_removing != self.partition.removing_replicas {
            change.removing_replicas = Some(self.target_removing.clone());
        }
        if self.target_adding != self.partition.adding_replicas {
            change.adding_replicas = Some(self.target_adding.clone());
        }
    }
}
