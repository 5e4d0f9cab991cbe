//! Generations and member epochs never fall: not for a member that was given its assignment in one.
//!
//! A generation that was begun and never written may come again: a classic coordinator keeps it in memory until the group's
//! leader has sent the assignment, and the next coordinator counts on from the last one that was written.
//!
//! A group that is deleted, or goes from one protocol to the other, begins anew, and counts from the beginning. What its former
//! life answered may come late, when it is committed at last: it says nothing of a member that the new life has added.

use std::collections::BTreeMap;

use trial_broker::event::{GroupEvent, MembershipEvent};
use trial_broker::ids::{GroupId, MemberId};

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "group-epochs-only-grow",
    rule: "a member that was given its assignment in a generation or member epoch is never in an earlier one again",
    source: "KIP-62, KIP-848 (ValidMemberEpoch)",
};

/// In which epochs members are.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// The last epoch that each consumer was told, with its member id.
    joined: BTreeMap<(MachineId, GroupId), (MemberId, i32)>,
    /// The last epoch in which each member was given its assignment.
    assigned: BTreeMap<(GroupId, MemberId), i32>,
    /// How often each group has begun anew.
    lives: BTreeMap<GroupId, u32>,
    /// In which life of its group each member was last added.
    added: BTreeMap<(GroupId, MemberId), u32>,
}

impl Check {
    pub(super) fn observe_coordinator(&mut self, event: &GroupEvent) {
        match event {
            // A group of the same name begins anew.
            GroupEvent::GroupForgotten { group, .. } => {
                *self.lives.entry(group.clone()).or_default() += 1;
                self.assigned.retain(|(of, _), _| of != group);
            }
            GroupEvent::MemberAdded { group, member, .. } => {
                let life = self.lives.get(group).copied().unwrap_or_default();
                let member = (group.clone(), member.clone());
                if self.added.insert(member.clone(), life).is_some_and(|before| before < life) {
                    self.assigned.remove(&member);
                }
            }
            _ => {}
        }
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &MembershipEvent) -> Option<Finding> {
        match event {
            MembershipEvent::GroupJoined { group, member, epoch, .. } => {
                self.joined.insert((seen.machine, group.clone()), (member.clone(), *epoch));
                let before = self.assigned.get(&(group.clone(), member.clone())).copied()?;
                (*epoch < before).then(|| Finding {
                    property: PROPERTY,
                    partition: None,
                    message: format!(
                        "group {group}: {} is in epoch {epoch}, and was given its assignment in {before}",
                        seen.who()
                    ),
                    proof: vec![Proof::on(seen.machine, Kind::Membership), Proof::of(Kind::Coordination)],
                })
            }
            MembershipEvent::PartitionsAssigned { group, .. } => {
                let (member, epoch) = self.joined.get(&(seen.machine, group.clone()))?;
                self.assigned.insert((group.clone(), member.clone()), *epoch);
                None
            }
            _ => None,
        }
    }
}
