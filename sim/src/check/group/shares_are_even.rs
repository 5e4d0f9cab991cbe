//! Assignors share evenly, and let members keep what they have (G5: *balanced*; KIP-54, KIP-429, KIP-848).
//!
//! ```text
//!   uniform, sticky, round robin   all want the same: no two members differ by more than one partition
//!                                  else: whoever has something of a topic has at most one more than any who wants it
//!                                        (the server's uniform assignor only)
//!   range                          of each topic no two subscribers differ by more than one
//!   uniform                        all want the same: nobody loses what its share allows
//! ```
//!
//! Cooperative-sticky is not asked: between the two rounds of its rebalance what moves is nobody's. That a group comes to
//! rest at all is a clause of *liveness*.

use std::collections::BTreeMap;

use trial_broker::event::GroupEvent;
use trial_broker::group::consumer::ConsumerGroup;
use trial_broker::ids::{GroupId, MemberId, TopicName, TopicPartition};

use super::targets::{
    Shares, finding, image_of, newest_target, shares_of_generation, shares_of_target, stable_classic_group,
};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "shares-are-even",
    rule: "members that want the same get shares that differ by one partition at most, and keep what their share allows",
    source: "KIP-54, KIP-429, KIP-848; UniformAssignor, RangeAssignor, StickyAssignor, RoundRobinAssignor",
};

/// The last target that each coordinator has made of each group.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    last: BTreeMap<(MachineId, GroupId), Shares>,
}

impl Check {
    /// What a coordinator has said counts no more: it is gone, or has taken it back.
    pub(super) fn forget(&mut self, machine: MachineId) {
        self.last.retain(|(on, _), _| *on != machine);
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &GroupEvent) -> Option<Finding> {
        match event {
            GroupEvent::TargetAssigned { group, epoch, assignor, .. } => {
                let known = newest_target(seen, group, *epoch)?;
                let shares = shares_of_target(known, image_of(seen)?);
                let before = self.last.insert((seen.machine, group.clone()), shares.clone());
                let before = before.filter(|_| all_named_alike(known));
                let wrong = uneven(assignor, &shares, true)
                    .or_else(|| taken_away(seen, before.as_ref()?, &shares).filter(|_| *assignor == "uniform"))?;
                Some(finding(seen, PROPERTY, group, &format!("the target of epoch {epoch} ({assignor}) {wrong}")))
            }
            GroupEvent::GroupStateChanged { group, to: "Stable", .. } => {
                let known = stable_classic_group(seen, group)?;
                let (assignor, generation) = (known.protocol.as_deref()?, known.generation);
                let wrong = uneven(assignor, &shares_of_generation(known)?, false)?;
                let what = format!("the assignment of generation {generation} ({assignor}) {wrong}");
                Some(finding(seen, PROPERTY, group, &what))
            }
            GroupEvent::MemberRemoved { group, member, .. } => {
                if let Some(last) = self.last.get_mut(&(seen.machine, group.clone())) {
                    last.has.remove(member);
                }
                None
            }
            GroupEvent::MemberReplaced { group, old, new, .. } => {
                if let Some(last) = self.last.get_mut(&(seen.machine, group.clone()))
                    && let Some(had) = last.has.remove(old)
                {
                    last.has.insert(new.clone(), had);
                }
                None
            }
            GroupEvent::RebalanceBegun { group, .. } | GroupEvent::GroupForgotten { group, .. } => {
                self.last.remove(&(seen.machine, group.clone()));
                None
            }
            GroupEvent::ShardLoading { .. }
            | GroupEvent::ShardLoaded { .. }
            | GroupEvent::ShardUnloaded { .. }
            | GroupEvent::GroupRecordsReverted { .. } => {
                self.forget(seen.machine);
                None
            }
            _ => None,
        }
    }
}

/// Who has too much beside whom, by the rules of this assignor.
fn uneven(assignor: &str, shares: &Shares, on_server: bool) -> Option<String> {
    match assignor {
        "range" => shares.topics().into_iter().find_map(|topic| uneven_in(shares, topic)),
        "uniform" | "sticky" | "roundrobin" if shares.are_of_equals() => {
            apart(shares.wants.keys(), |member| shares.load(member))
        }
        "uniform" if on_server => shares.topics().into_iter().find_map(|topic| unshared(shares, topic)),
        _ => None,
    }
}

/// Two of these that differ by more than one.
fn apart<'a>(members: impl Iterator<Item = &'a MemberId>, load: impl Fn(&MemberId) -> usize) -> Option<String> {
    let loads: Vec<(usize, &MemberId)> = members.map(|member| (load(member), member)).collect();
    let ((least, poor), (most, rich)) = (loads.iter().min()?, loads.iter().max()?);
    (most - least > 1).then(|| format!("gives {most} partitions to {rich}, and {least} to {poor}"))
}

/// Two subscribers of a topic that differ by more than one in it.
fn uneven_in(shares: &Shares, topic: &TopicName) -> Option<String> {
    let load = |member: &MemberId| shares.has[member].iter().filter(|partition| partition.topic == *topic).count();
    apart(shares.subscribers(topic), load).map(|apart| format!("{apart} of {topic}"))
}

/// Somebody has something of a topic, and more than one more than somebody else who wants it.
fn unshared(shares: &Shares, topic: &TopicName) -> Option<String> {
    let (least, poor) = shares.subscribers(topic).map(|member| (shares.load(member), member)).min()?;
    let has_some = |member: &&MemberId| shares.has[*member].iter().any(|partition| partition.topic == *topic);
    let (most, rich) = shares.subscribers(topic).filter(has_some).map(|member| (shares.load(member), member)).max()?;
    (most > least + 1).then(|| {
        format!("gives {most} partitions to {rich}, some of {topic}, and {least} to {poor}, which wants it too")
    })
}

/// Whether all members name the same topics, and none uses an expression: then shares are plain quotas.
fn all_named_alike(group: &ConsumerGroup) -> bool {
    let mut members = group.members();
    let first = members.next().map(|member| &member.metadata.subscribed_topic_names);
    group.members().all(|member| member.regex().is_none())
        && members.all(|member| Some(&member.metadata.subscribed_topic_names) == first)
}

/// Who has less of what it had than its share allows.
fn taken_away(seen: &Seen, before: &Shares, shares: &Shares) -> Option<String> {
    if !shares.are_of_equals() {
        return None;
    }
    let total: usize = shares.has.keys().map(|member| shares.load(member)).sum();
    let share = total / shares.has.len().max(1);
    for (member, has) in &shares.has {
        let Some(had) = before.has.get(member) else { continue };
        // A topic whose name another one had before is not the one that was shared out then.
        let is_kept = |partition: &&TopicPartition| {
            shares.wants[member].contains(&partition.topic) && !seen.model.had_another(&partition.topic)
        };
        let wanted = had.iter().filter(is_kept).count();
        // A coordinator that has not heard of a topic's end goes on with it: that is part of the share.
        let kept = had.intersection(has).count();
        if kept < wanted.min(share) {
            return Some(format!("leaves {kept} to {member} of {wanted} that it had, and its share is {share}"));
        }
    }
    None
}
