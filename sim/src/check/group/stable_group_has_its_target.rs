//! A KIP-848 group is stable only when each member has what it shall have (G4, *ValidStableGroupState*).
//!
//! A coordinator calls a group stable when each member is in the target's epoch and *says* that nothing is missing. Nobody
//! moves any more then: a member that says so too early never gets the rest. So here it is compared what each has.

use trial_broker::event::GroupEvent;
use trial_broker::group::consumer::{ConsumerGroup, GroupState, Member};
use trial_broker::ids::GroupId;

use super::targets::{consumer_group, finding};
use crate::check::{Finding, Property, Seen};

pub(in crate::check) const PROPERTY: Property = Property {
    name: "stable-group-has-its-target",
    rule: "in a stable group each member has what it shall have, and has nothing to give up",
    source: "KIP-848 (ValidStableGroupState); ConsumerGroup.validateState, ConsumerGroupMember.isReconciledTo",
};

pub(super) fn observe(seen: &Seen, event: &GroupEvent) -> Option<Finding> {
    let id = moved(event)?;
    let group = consumer_group(seen, id).filter(|group| group.state() == GroupState::Stable)?;
    let wrong = group.members().find_map(|member| differs(group, member))?;
    let what = format!("it is stable in epoch {}, and {wrong}", group.epoch);
    Some(finding(seen, PROPERTY, id, &what))
}

/// The group in which members have moved.
fn moved(event: &GroupEvent) -> Option<&GroupId> {
    match event {
        GroupEvent::MemberMoved { group, .. }
        | GroupEvent::MemberRemoved { group, .. }
        | GroupEvent::MemberReplaced { group, .. }
        | GroupEvent::TargetAssigned { group, .. } => Some(group),
        _ => None,
    }
}

fn differs(group: &ConsumerGroup, member: &Member) -> Option<String> {
    let (id, target) = (&member.id, group.target(&member.id));
    if !member.pending_revocation.is_empty() {
        return Some(format!("{id} has {} topics to give up", member.pending_revocation.len()));
    }
    let count = |partitions: &trial_broker::message::PartitionsByTopic| {
        partitions.values().map(std::collections::BTreeSet::len).sum::<usize>()
    };
    (member.assigned != *target)
        .then(|| format!("{id} has {} partitions of the {} that it shall have", count(&member.assigned), count(target)))
}
