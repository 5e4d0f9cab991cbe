//! A partition has one owner in a group: nobody is given what another member has not given up.
//!
//! A member that its coordinator has removed (its session ran out, it did not join again in time, another instance took its
//! place) owns nothing any more, whatever it believes: until it hears of it there may be two that read. Kafka allows that, and
//! fences the old one's commits. So it is too with one that first hears that it was let in when it has been removed again: an answer
//! is no lease (`ConsumerGroupHeartbeatResponse` carries none).
//!
//! A static member of a classic group that did not join again in time is left behind in the same way: it stays in the group, but
//! the new generation is planned without it, by what it said for an older one, and its requests are of an old generation
//! (KIP-345; `GroupMetadataManager.completeClassicGroupJoin` removes dynamic members only). It counts again when it has joined again.
//!
//! Who was removed is a member again when its coordinator takes it in again, or knows it all the same: a removal that a
//! coordinator could not write has not happened. It happens after all if the log in which it lies leads again: then nobody knows
//! that member any more.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{GroupEvent, MembershipEvent};
use trial_broker::ids::{GroupId, MemberId, TopicPartition};

use super::targets::is_known;
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "one-owner-in-a-group",
    rule: "no member of a group is given a partition that another member, which its coordinator has not removed or left behind, has not given up",
    source: "KIP-429, KIP-848 (NoDoubleClientAssignment)",
};

/// Who has what.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// Who each consumer is in its group.
    members: BTreeMap<(MachineId, GroupId), MemberId>,
    owners: BTreeMap<(GroupId, TopicPartition), MachineId>,
    /// Members that their coordinators have removed.
    removed: BTreeSet<(GroupId, MemberId)>,
    /// Members that were let in after all: a coordinator could not write that it has removed them.
    kept: BTreeSet<(GroupId, MemberId)>,
    /// Static members that have not heard of a generation that began without them.
    left_behind: BTreeSet<(GroupId, MemberId)>,
}

impl Check {
    pub(super) fn gone(&mut self, machine: MachineId) {
        self.members.retain(|(of, _), _| *of != machine);
        self.owners.retain(|_, owner| *owner != machine);
    }

    pub(super) fn observe_coordinator(&mut self, event: &GroupEvent) {
        match event {
            GroupEvent::MemberRemoved { group, member, .. } | GroupEvent::MemberReplaced { group, old: member, .. } => {
                self.removed.insert((group.clone(), member.clone()));
            }
            GroupEvent::GenerationCompleted { group, absent, .. } => {
                self.left_behind.extend(absent.iter().map(|member| (group.clone(), member.clone())));
            }
            GroupEvent::MemberAdded { group, member, .. } => {
                self.removed.remove(&(group.clone(), member.clone()));
                self.kept.remove(&(group.clone(), member.clone()));
            }
            _ => {}
        }
    }

    pub(super) fn observe_member(&mut self, seen: &Seen, event: &MembershipEvent) -> Option<Finding> {
        match event {
            MembershipEvent::GroupJoined { group, member, .. } => {
                if is_known(seen.world, group, member)
                    && let Some(kept) = self.removed.take(&(group.clone(), member.clone()))
                {
                    self.kept.insert(kept);
                }
                self.left_behind.remove(&(group.clone(), member.clone()));
                self.members.insert((seen.machine, group.clone()), member.clone());
                None
            }
            MembershipEvent::PartitionsRevoked { group, partitions }
            | MembershipEvent::PartitionsLost { group, partitions } => {
                for partition in partitions {
                    let owned = (group.clone(), partition.clone());
                    if self.owners.get(&owned) == Some(&seen.machine) {
                        self.owners.remove(&owned);
                    }
                }
                None
            }
            MembershipEvent::PartitionsAssigned { group, partitions, .. } => {
                let mut found = None;
                for partition in partitions {
                    let before = self.owners.insert((group.clone(), partition.clone()), seen.machine);
                    let other = before.filter(|owner| *owner != seen.machine && self.is_member(seen, group, *owner));
                    found = found.or(other.map(|owner| two_owners(seen, group, partition, owner)));
                }
                found
            }
            _ => None,
        }
    }

    /// Whether a consumer is a member that its coordinator has neither removed nor left behind.
    fn is_member(&self, seen: &Seen, group: &GroupId, machine: MachineId) -> bool {
        let Some(id) = self.members.get(&(machine, group.clone())) else { return false };
        let member = (group.clone(), id.clone());
        let is_gone =
            self.removed.contains(&member) || (self.kept.contains(&member) && !is_known(seen.world, group, id));
        !is_gone && !self.left_behind.contains(&member)
    }
}

fn two_owners(seen: &Seen, group: &GroupId, partition: &TopicPartition, owner: MachineId) -> Finding {
    Finding {
        property: PROPERTY,
        partition: Some(partition.clone()),
        message: format!(
            "group {group}: {} is given {partition}, which {} has and has not given up",
            seen.who(),
            seen.name(owner)
        ),
        proof: vec![Proof::on(seen.machine, Kind::Membership), Proof::on(owner, Kind::Membership)],
    }
}
