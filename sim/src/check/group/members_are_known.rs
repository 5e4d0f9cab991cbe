//! A classic group has no members whom nobody knows: each answers to an id that some consumer has named.
//!
//! ```text
//!   JoinGroup without an id ──▶ MEMBER_ID_REQUIRED, with one ──▶ JoinGroup with it ──▶ a member
//!                  └─ the answer is lost: asked again ──▶ another id; the first is forgotten, nobody was it
//! ```
//!
//! An id that was made up and never heard of is a member that will not sync, beat or leave: partitions that it is given are
//! read by nobody until its session is over. Static members are found by their instance id, and need no other.
//!
//! A consumer that waits for the answer to a JoinGroup without an id may be one such member, and not more than one.

use std::collections::BTreeSet;

use trial_broker::event::{GroupEvent, MembershipEvent};
use trial_broker::ids::{GroupId, MemberId};

use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "members-are-known",
    rule: "each dynamic member of a classic group's generation has an id that a consumer has named, or waits to be told",
    source: "KIP-394, KAFKA-7610",
};

/// Who is known, and who waits to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    /// Ids that consumers have named, and those of static members.
    known: BTreeSet<(GroupId, MemberId)>,
    /// Consumers that have asked to join without an id, and were not answered yet.
    waiting: BTreeSet<(GroupId, MachineId)>,
}

impl Check {
    pub(super) fn gone(&mut self, machine: MachineId) {
        self.waiting.retain(|(_, of)| *of != machine);
    }

    pub(super) fn observe_member(&mut self, seen: &Seen, event: &MembershipEvent) {
        match event {
            MembershipEvent::JoinSent { group, member, .. } if member.is_empty() => {
                self.waiting.insert((group.clone(), seen.machine));
            }
            MembershipEvent::JoinSent { group, member, .. } | MembershipEvent::GroupJoined { group, member, .. } => {
                self.waiting.remove(&(group.clone(), seen.machine));
                self.known.insert((group.clone(), member.clone()));
            }
            _ => {}
        }
    }

    pub(super) fn observe_coordinator(&mut self, seen: &Seen, event: &GroupEvent) -> Option<Finding> {
        match event {
            GroupEvent::MemberAdded { group, member, instance: Some(_) }
            | GroupEvent::MemberReplaced { group, new: member, .. } => {
                self.known.insert((group.clone(), member.clone()));
                None
            }
            GroupEvent::GenerationCompleted { group, generation, members, .. } => {
                let is_known = |member: &&MemberId| self.known.contains(&(group.clone(), (*member).clone()));
                let nameless = members.len() - members.iter().filter(is_known).count();
                let waiting = self.waiting.iter().filter(|(of, _)| of == group).count();
                (nameless > waiting).then(|| Finding {
                    property: PROPERTY,
                    partition: None,
                    message: format!(
                        "group {group}: generation {generation} on {} has {nameless} members whose ids nobody was told, and \
                         {waiting} consumers wait to be",
                        seen.who()
                    ),
                    proof: vec![Proof::on(seen.machine, Kind::Coordination), Proof::of(Kind::Joining)],
                })
            }
            _ => None,
        }
    }
}
