//! A coordinator takes commits of members in their present generation or member epoch, and of nobody else.
//!
//! That fences those who believe that they still own something. Who commits without being a member (epoch −1) may do so in
//! a group without members; whether it has any is not looked at here.
//!
//! What a coordinator that has just loaded knows from its log is in no event: until it has said something of a group or member
//! again, its commits are not judged.

use std::collections::BTreeMap;

use trial_broker::event::{GroupEvent, RebalanceReason};
use trial_broker::ids::{GroupId, MemberId};

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "commit-of-current-member",
    rule: "an offset is accepted only from a member of the group, in the group's generation or the member's own epoch",
    source: "KIP-62, KIP-848; ClassicGroup.validateOffsetCommit, ConsumerGroup.validateOffsetCommit",
};

/// Where a member stands, as its coordinator has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    In(i32),
    Removed,
}

/// A group as one coordinator has spoken of it.
#[derive(Clone, Debug, Default)]
struct Group {
    /// The generation, while its protocol is the classic one.
    generation: Option<i32>,
    members: BTreeMap<MemberId, Standing>,
}

/// What coordinators have said of their groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    groups: BTreeMap<(MachineId, GroupId), Group>,
}

impl Check {
    /// What a coordinator has said counts no more: it is gone, or has taken it back.
    pub(super) fn forget(&mut self, machine: MachineId) {
        self.groups.retain(|(on, _), _| *on != machine);
    }

    fn group(&mut self, seen: &Seen, group: &GroupId) -> &mut Group {
        self.groups.entry((seen.machine, group.clone())).or_default()
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &GroupEvent) -> Option<Finding> {
        match event {
            GroupEvent::GenerationCompleted { group, generation, .. } => {
                let known = self.group(seen, group);
                // Who is not in it is told apart from those who are by its generation.
                *known = Group { generation: Some(*generation), members: BTreeMap::new() };
            }
            GroupEvent::MemberMoved { group, member, epoch, .. } => {
                let known = self.group(seen, group);
                known.generation = None;
                known.members.insert(member.clone(), Standing::In(*epoch));
            }
            GroupEvent::MemberRemoved { group, member, .. } => {
                self.group(seen, group).members.insert(member.clone(), Standing::Removed);
            }
            GroupEvent::MemberAdded { group, member, .. } => {
                self.group(seen, group).members.remove(member);
            }
            GroupEvent::MemberReplaced { group, old, new, .. } => {
                let known = self.group(seen, group);
                known.members.insert(old.clone(), Standing::Removed);
                known.members.remove(new);
            }
            GroupEvent::GroupEpochBumped { group, .. } | GroupEvent::TargetAssigned { group, .. } => {
                self.group(seen, group).generation = None;
            }
            // It came from the protocol of KIP-848: until the next generation each member has an epoch of its own.
            GroupEvent::RebalanceBegun { group, reason: RebalanceReason::Downgraded, .. }
            | GroupEvent::GroupForgotten { group, .. } => {
                self.groups.remove(&(seen.machine, group.clone()));
            }
            GroupEvent::ShardLoading { .. }
            | GroupEvent::ShardLoaded { .. }
            | GroupEvent::ShardUnloaded { .. }
            | GroupEvent::GroupRecordsReverted { .. } => self.forget(seen.machine),
            GroupEvent::OffsetCommitted { group, member, epoch, .. } if *epoch >= 0 => {
                let known = self.groups.get(&(seen.machine, group.clone()))?;
                let wrong = known.refuses(member, *epoch)?;
                return Some(Finding {
                    property: PROPERTY,
                    partition: None,
                    message: format!(
                        "group {group}: {} takes a commit of epoch {epoch} of {member}, {wrong}",
                        seen.who()
                    ),
                    proof: vec![Proof::on(seen.machine, Kind::Coordination), Proof::on(seen.machine, Kind::Accepted)],
                });
            }
            _ => {}
        }
        None
    }
}

impl Group {
    /// Why a commit of this member in this epoch is none of a current member, as far as is known.
    fn refuses(&self, member: &MemberId, epoch: i32) -> Option<String> {
        match (self.members.get(member), self.generation) {
            (Some(Standing::Removed), _) => Some("which was removed".to_owned()),
            (Some(Standing::In(own)), None) if *own != epoch => Some(format!("which is in {own}")),
            (_, Some(generation)) if generation != epoch => Some(format!("and the generation is {generation}")),
            _ => None,
        }
    }
}
