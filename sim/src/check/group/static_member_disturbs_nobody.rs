//! A static member that goes away and comes back within its session costs no other member a partition (G9, KIP-345).
//!
//! ```text
//!   classic    Stable ─ it joins under a new id ─▶ Stable               the coordinator answers with what it had
//!   KIP-848    it leaves with epoch −2, or dies; comes back in epoch 0   the target stays what it is
//! ```
//!
//! Looked at while nothing else happens to the group. Who joins, leaves, or wants something else, a topic that changes, a
//! session that runs out, and an assignor that only the one who came back votes for are reasons to rebalance.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::event::{GroupEpochReason, GroupEvent, MembershipEvent, RebalanceReason};
use trial_broker::group::consumer::{ConsumerGroup, LEAVE_STATIC_EPOCH, Member};
use trial_broker::ids::{GroupId, GroupInstanceId, MemberId};

use super::targets::{consumer_group, finding};
use crate::check::proof::{Kind, Proof};
use crate::check::{Finding, Property, Seen};
use crate::fault::MachineId;

pub(in crate::check) const PROPERTY: Property = Property {
    name: "static-member-disturbs-nobody",
    rule: "while a static member that comes back within its session is all that happens to a group, nobody else gives anything up",
    source: "KIP-345, KIP-814, KIP-848; GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin",
};

/// A member by what stays when it comes back.
type Who = (Option<GroupInstanceId>, Option<MemberId>);

/// What the members of a group want: names, and an expression.
type Wanted = BTreeMap<Who, (Vec<String>, Option<String>)>;

/// What coordinators have said of their groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Check {
    groups: BTreeMap<(MachineId, GroupId), Group>,
}

/// A group as one coordinator has spoken of it.
#[derive(Clone, Debug, Default)]
struct Group {
    /// The state of a classic group.
    state: Option<&'static str>,
    /// The assignor of a classic group's generation.
    protocol: Option<String>,
    /// What the members of a KIP-848 group want, while each that is there has what it shall have.
    settled: Option<Wanted>,
    watch: Option<Watch>,
}

/// A static member is away, or has come back, and nothing else has happened since.
#[derive(Clone, Debug)]
struct Watch {
    instance: GroupInstanceId,
    /// Whether a classic group's members were called together for it.
    rebalances: bool,
    /// Who gave something up since.
    disturbed: Option<MachineId>,
}

impl Watch {
    fn of(instance: &GroupInstanceId) -> Watch {
        Watch { instance: instance.clone(), rebalances: false, disturbed: None }
    }
}

impl Check {
    /// What a coordinator has said counts no more: it is gone, or has taken it back.
    pub(super) fn forget(&mut self, machine: MachineId) {
        self.groups.retain(|(on, _), _| *on != machine);
    }

    /// A member gives partitions up: a rebalance that it was called to has cost it something.
    pub(super) fn observe_member(&mut self, seen: &Seen, event: &MembershipEvent) {
        let MembershipEvent::PartitionsRevoked { group: id, .. } = event else { return };
        for ((_, of), group) in &mut self.groups {
            if let Some(watch) = group.watch.as_mut().filter(|watch| of == id && watch.rebalances) {
                watch.disturbed.get_or_insert(seen.machine);
            }
        }
    }

    pub(super) fn observe(&mut self, seen: &Seen, event: &GroupEvent) -> Option<Finding> {
        let id = match event {
            GroupEvent::ShardLoading { .. }
            | GroupEvent::ShardLoaded { .. }
            | GroupEvent::ShardUnloaded { .. }
            | GroupEvent::GroupRecordsReverted { .. } => {
                self.forget(seen.machine);
                return None;
            }
            GroupEvent::GroupForgotten { group, .. } => {
                self.groups.remove(&(seen.machine, group.clone()));
                return None;
            }
            GroupEvent::RebalanceBegun { group, .. }
            | GroupEvent::GenerationCompleted { group, .. }
            | GroupEvent::GroupStateChanged { group, .. }
            | GroupEvent::MemberAdded { group, .. }
            | GroupEvent::MemberRemoved { group, .. }
            | GroupEvent::MemberReplaced { group, .. }
            | GroupEvent::MemberMoved { group, .. }
            | GroupEvent::GroupEpochBumped { group, .. }
            | GroupEvent::TargetAssigned { group, .. } => group,
            _ => return None,
        };
        let group = self.groups.entry((seen.machine, id.clone())).or_default();
        let modern = consumer_group(seen, id);
        let found = group.observe(seen, id, event, modern);
        if let Some(modern) = modern {
            group.settle(modern);
        }
        found
    }
}

impl Group {
    fn observe(
        &mut self,
        seen: &Seen,
        id: &GroupId,
        event: &GroupEvent,
        modern: Option<&ConsumerGroup>,
    ) -> Option<Finding> {
        match event {
            GroupEvent::GroupStateChanged { to, .. } => self.state = Some(*to),
            GroupEvent::MemberReplaced { instance, .. } => {
                let was_settled = self.state == Some("Stable") || self.settled.is_some();
                if was_settled {
                    self.watch.get_or_insert_with(|| Watch::of(instance));
                }
            }
            GroupEvent::RebalanceBegun { reason: RebalanceReason::StaticMemberReplaced, .. } => {
                self.watch.iter_mut().for_each(|watch| watch.rebalances = true);
            }
            GroupEvent::GenerationCompleted { protocol, .. } => {
                let is_same = self.protocol == *protocol;
                self.protocol.clone_from(protocol);
                let watch = self.watch.take().filter(|watch| is_same && watch.rebalances)?;
                let disturbed = watch.disturbed?;
                let what = format!("{} gave partitions up in a rebalance", seen.name(disturbed));
                return Some(disturbance(seen, id, &watch, &what, Some(disturbed)));
            }
            GroupEvent::RebalanceBegun { .. } | GroupEvent::MemberAdded { .. } | GroupEvent::MemberRemoved { .. } => {
                self.watch = None;
            }
            GroupEvent::MemberMoved { member, epoch, revoking, .. } => {
                let instance = modern.and_then(|modern| modern.member(member)).and_then(Member::instance);
                if let Some(instance) = instance.filter(|_| *epoch == LEAVE_STATIC_EPOCH && self.settled.is_some()) {
                    self.watch.get_or_insert_with(|| Watch::of(instance));
                }
                let watch = self.watch.as_ref().filter(|watch| Some(&watch.instance) != instance)?;
                if !revoking.is_empty() {
                    let what = format!("{member} is told to give partitions up");
                    return Some(disturbance(seen, id, watch, &what, None));
                }
            }
            GroupEvent::GroupEpochBumped { reason, .. } => {
                let wants = modern.map(wanted);
                if *reason != GroupEpochReason::MemberChanged || wants != self.settled {
                    self.watch = None;
                }
            }
            _ => {}
        }
        None
    }

    /// Looks where a KIP-848 group stands after an event. While a static member is away nothing new is settled.
    fn settle(&mut self, group: &ConsumerGroup) {
        let is_away = |member: &&Member| member.epoch == LEAVE_STATIC_EPOCH;
        let is_there = |member: &Member| member.is_reconciled_to(group.target_epoch);
        let others_have = group.members().filter(|member| !is_away(member)).all(is_there);
        if group.epoch == group.target_epoch && others_have {
            self.settled = Some(wanted(group));
            if !group.members().any(|member| is_away(&member)) {
                self.watch = None;
            }
        } else if self.watch.is_none() {
            self.settled = None;
        }
    }
}

fn wanted(group: &ConsumerGroup) -> Wanted {
    let who = |member: &Member| match member.instance() {
        Some(instance) => (Some(instance.clone()), None),
        None => (None, Some(member.id.clone())),
    };
    let wants = |member: &Member| {
        let names: BTreeSet<String> = member.metadata.subscribed_topic_names.iter().cloned().collect();
        (names.into_iter().collect(), member.regex().map(str::to_owned))
    };
    group.members().map(|member| (who(member), wants(member))).collect()
}

fn disturbance(seen: &Seen, group: &GroupId, watch: &Watch, what: &str, disturbed: Option<MachineId>) -> Finding {
    let back = format!("all that happened is that the static member {} came back, and {what}", watch.instance);
    let mut finding = finding(seen, PROPERTY, group, &back);
    finding.proof.extend(disturbed.map(|machine| Proof::on(machine, Kind::Membership)));
    finding
}
