//! Generations and member epochs never fall: not for a member that was given its assignment in one.
//!
//! A generation that was begun and never written may come again: a classic coordinator keeps it in memory until the group's
//! leader has sent the assignment, and the next coordinator counts on from the last one that was written.

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
}

impl Check {
    pub(super) fn observe_coordinator(&mut self, event: &GroupEvent) {
        // A group of the same name begins anew.
        if let GroupEvent::GroupForgotten { group, .. } = event {
            self.assigned.retain(|(of, _), _| of != group);
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
