//! A partition of a KIP-848 group has one owner at a time, as far as its coordinator knows.
//!
//! A member owns what it was told it may own, and what it was told to give up, until it says that it did, leaves or is
//! removed. What a coordinator decided is looked at as it decides; if its writes are taken back, or another coordinator
//! takes over, nothing is known any more until members move again. A member that was removed and does not know it yet may
//! go on reading: Kafka allows that, and refuses its commits.

use std::collections::BTreeMap;

use trial_broker::event::{Event, GroupEvent};
use trial_broker::ids::{GroupId, MemberId, TopicId};
use trial_broker::message::PartitionsByTopic;

use super::proof::{Kind, Proof};
use super::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(super) const PROPERTY: Property = Property {
    name: "no-double-assignment",
    rule: "the coordinator of a KIP-848 group gives no member a partition that another one has not given up",
    source: "KIP-848; kafka-tlaplus (NoDoubleAssignment); KAFKA-16147",
};

/// What each member of a group may own.
type Owners = BTreeMap<MemberId, PartitionsByTopic>;

/// What each coordinator has let its members own since it began.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    groups: BTreeMap<(MachineId, GroupId), Owners>,
}

impl Check {
    pub(super) fn observe(&mut self, seen: &Seen) -> Option<Finding> {
        let Event::Group(event) = seen.event else { return None };
        match event {
            GroupEvent::MemberMoved { group, member, assigned, revoking, .. } => {
                let mut owns = assigned.clone();
                for (topic, numbers) in revoking {
                    owns.entry(*topic).or_default().extend(numbers);
                }
                let owners = self.groups.entry((seen.machine, group.clone())).or_default();
                let twice = owned_by_another(owners, member, &owns);
                owners.insert(member.clone(), owns);
                twice.map(|(other, topic, partition)| finding(seen, group, member, &other, topic, partition))
            }
            GroupEvent::MemberReplaced { group, old, new, .. } => {
                let owners = self.groups.entry((seen.machine, group.clone())).or_default();
                if let Some(owns) = owners.remove(old) {
                    owners.insert(new.clone(), owns);
                }
                None
            }
            GroupEvent::MemberRemoved { group, member, .. } => {
                if let Some(owners) = self.groups.get_mut(&(seen.machine, group.clone())) {
                    owners.remove(member);
                }
                None
            }
            GroupEvent::GroupForgotten { group, .. } => {
                self.groups.remove(&(seen.machine, group.clone()));
                None
            }
            GroupEvent::ShardLoaded { .. }
            | GroupEvent::ShardUnloaded { .. }
            | GroupEvent::GroupRecordsReverted { .. } => {
                self.groups.retain(|(machine, _), _| *machine != seen.machine);
                None
            }
            _ => None,
        }
    }
}

/// Whoever else owns one of these partitions.
fn owned_by_another(owners: &Owners, member: &MemberId, owns: &PartitionsByTopic) -> Option<(MemberId, TopicId, i32)> {
    for (other, theirs) in owners.iter().filter(|(other, _)| *other != member) {
        for (topic, numbers) in owns {
            let both = theirs.get(topic).and_then(|theirs| theirs.intersection(numbers).next());
            if let Some(partition) = both {
                return Some((other.clone(), *topic, *partition));
            }
        }
    }
    None
}

fn finding(
    seen: &Seen,
    group: &GroupId,
    member: &MemberId,
    other: &MemberId,
    topic: TopicId,
    partition: i32,
) -> Finding {
    let name = seen.model.topic_name(topic).map_or_else(|| topic.to_string(), ToString::to_string);
    Finding {
        property: PROPERTY,
        partition: None,
        message: format!(
            "group {group}: {} lets {member} own {name}-{partition}, which {other} has not given up",
            seen.who()
        ),
        proof: vec![Proof::on(seen.machine, Kind::Coordination)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(who: &str, partitions: &[i32]) -> Owners {
        [(MemberId::new(who), PartitionsByTopic::from([(TopicId::ZERO, partitions.iter().copied().collect())]))].into()
    }

    #[test]
    fn who_else_owns_a_partition_is_found_and_oneself_is_nobody_else() {
        let known = owners("a", &[0, 1]);
        let wanted = |partitions: &[i32]| owners("b", partitions).remove(&MemberId::new("b")).expect("b");
        let found = owned_by_another(&known, &MemberId::new("b"), &wanted(&[1, 2]));
        assert_eq!(found, Some((MemberId::new("a"), TopicId::ZERO, 1)));
        assert_eq!(owned_by_another(&known, &MemberId::new("b"), &wanted(&[2, 3])), None);
        assert_eq!(owned_by_another(&known, &MemberId::new("a"), &wanted(&[1, 2])), None);
    }
}
