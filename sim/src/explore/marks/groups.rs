//! Marks of groups: what coordinators and members come through.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{ForgetReason, GroupEvent, MembershipEvent, MembershipLoss, RebalanceReason, RemovalReason};
use trial_broker::group::GroupStateName;
use trial_broker::ids::GroupId;
use trial_broker::message::{Api, ErrorCode};

use super::Mark;
use crate::fault::MachineId;
use crate::world::World;

/// What is remembered of groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// The groups whose members wait for an assignment, by their coordinator.
    syncing: BTreeSet<(MachineId, GroupId)>,
    /// The groups that rebalance, in either protocol, by their coordinator.
    rebalancing: BTreeSet<(MachineId, GroupId)>,
    /// How many partitions each member has.
    owned: BTreeMap<MachineId, usize>,
}

impl Groups {
    /// A process coordinates no group any more, and is member of none.
    pub(super) fn lost(&mut self, machine: MachineId) -> Vec<Mark> {
        self.owned.remove(&machine);
        let mut marks = Vec::new();
        for (waiting, mark) in [
            (&mut self.syncing, Mark::CoordinatorMovedDuringSync),
            (&mut self.rebalancing, Mark::CoordinatorMovedDuringRebalance),
        ] {
            let before = waiting.len();
            waiting.retain(|(coordinator, _)| *coordinator != machine);
            marks.extend((waiting.len() < before).then_some(mark));
        }
        marks
    }

    /// Looks at what a coordinator does.
    pub(super) fn observe(&mut self, world: &World, machine: MachineId, event: &GroupEvent) -> Vec<Mark> {
        match event {
            GroupEvent::GroupStateChanged { group, to, .. } => {
                self.is_now(machine, group, to);
                Vec::new()
            }
            GroupEvent::RebalanceBegun { group, reason, .. } => {
                self.rebalancing.insert((machine, group.clone()));
                Vec::from_iter((*reason == RebalanceReason::Downgraded).then_some(Mark::GroupChangedProtocol))
            }
            GroupEvent::GroupEpochBumped { group, .. } => {
                self.rebalancing.insert((machine, group.clone()));
                Vec::new()
            }
            GroupEvent::MemberMoved { group, .. } => {
                let view = world.machine(machine).and_then(|machine| machine.node()?.group(group));
                if view.is_some_and(|view| view.state == GroupStateName::Stable) {
                    self.rebalancing.remove(&(machine, group.clone()));
                }
                Vec::new()
            }
            GroupEvent::GroupForgotten { group, reason } => {
                self.rebalancing.remove(&(machine, group.clone()));
                Vec::from_iter((*reason == ForgetReason::Migrated).then_some(Mark::GroupChangedProtocol))
            }
            GroupEvent::OffsetForgotten { reason: ForgetReason::Expired, .. } => vec![Mark::OffsetsExpired],
            GroupEvent::MemberReplaced { .. } => vec![Mark::StaticMemberReplaced],
            GroupEvent::MemberRemoved { reason, .. } => Vec::from_iter(of_removal(*reason)),
            GroupEvent::GroupRequestRefused { api, error, .. } => of_refusal(*api, *error),
            GroupEvent::ShardLoaded { groups, .. } if *groups > 0 => {
                let node = world.machine(machine).and_then(|machine| machine.node());
                let has_members = node.is_some_and(|node| node.group_views().iter().any(|it| !it.members.is_empty()));
                Vec::from_iter(has_members.then_some(Mark::ShardLoadedWithMembers))
            }
            GroupEvent::ShardUnloaded { .. } => {
                let mut marks = self.lost(machine);
                marks.push(Mark::CoordinatorMoved);
                marks
            }
            GroupEvent::GroupRecordsReverted { .. } => vec![Mark::CoordinatorWriteReverted],
            _ => Vec::new(),
        }
    }

    /// A classic group is in this state.
    fn is_now(&mut self, machine: MachineId, group: &GroupId, state: &str) {
        let entry = (machine, group.clone());
        match state {
            "CompletingRebalance" => {
                self.syncing.insert(entry);
            }
            "PreparingRebalance" => {
                self.syncing.remove(&entry);
                self.rebalancing.insert(entry);
            }
            _ => {
                self.syncing.remove(&entry);
                self.rebalancing.remove(&entry);
            }
        }
    }

    /// Looks at what a member does.
    pub(super) fn observe_member(&mut self, machine: MachineId, event: &MembershipEvent) -> Option<Mark> {
        match event {
            MembershipEvent::PartitionsAssigned { owned, .. } => {
                self.owned.insert(machine, *owned);
                None
            }
            MembershipEvent::PartitionsRevoked { partitions, .. } => {
                let owned = self.owned.entry(machine).or_default();
                *owned = owned.saturating_sub(partitions.len());
                (*owned > 0 && !partitions.is_empty()).then_some(Mark::PartitionsMovedOneByOne)
            }
            MembershipEvent::PartitionsLost { partitions, .. } => {
                self.owned.remove(&machine);
                (!partitions.is_empty()).then_some(Mark::PartitionsLost)
            }
            MembershipEvent::MembershipLost { reason: MembershipLoss::PollTimedOut, .. } => {
                Some(Mark::PollIntervalExceeded)
            }
            _ => None,
        }
    }
}

fn of_removal(reason: RemovalReason) -> Option<Mark> {
    match reason {
        RemovalReason::SessionExpired => Some(Mark::MemberSessionExpired),
        RemovalReason::NotRejoined | RemovalReason::NotSynced | RemovalReason::NotRevoked => Some(Mark::MemberTooSlow),
        RemovalReason::Left
        | RemovalReason::RemovedByAdministrator
        | RemovalReason::IdNotUsed
        | RemovalReason::Fenced
        | RemovalReason::GroupTooLarge => None,
    }
}

fn of_refusal(api: Api, error: ErrorCode) -> Vec<Mark> {
    let fences = matches!(
        error,
        ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::StaleMemberEpoch
    );
    match error {
        ErrorCode::CoordinatorLoadInProgress => vec![Mark::CoordinatorLoadSeen],
        _ if fences && api == Api::OffsetCommit => vec![Mark::OffsetCommitRefused, Mark::MemberFenced],
        _ if fences => vec![Mark::MemberFenced],
        _ => Vec::new(),
    }
}
