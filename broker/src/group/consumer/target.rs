//! The target assignment: what each member shall own for a group epoch (`TargetAssignmentBuilder`).

use std::collections::{BTreeMap, BTreeSet};

use super::{ConsumerGroup, Member, Refusal};
use crate::config::{Behaviour, ServerAssignor, Switch};
use crate::group::assignor::{self, GroupAssignment, GroupSpec, MemberSpec, SubscriptionType};
use crate::group::record::GroupRecord;
use crate::ids::{MemberId, TopicName};
use crate::message::{ErrorCode, PartitionsByTopic};
use crate::metadata::MetadataImage;

/// A target assignment that is to be made.
pub(super) struct NewTarget<'a> {
    pub group: &'a ConsumerGroup,
    /// The member whose request asks for it, as it will be.
    pub member: &'a Member,
    /// The group epoch that it is for.
    pub epoch: i32,
    pub kind: SubscriptionType,
    pub assignor: ServerAssignor,
    pub image: &'a MetadataImage,
    pub behaviour: &'a Behaviour,
}

impl NewTarget<'_> {
    /// The records of what changes, and what the member shall own.
    ///
    /// # Errors
    ///
    /// UNKNOWN_SERVER_ERROR if the assignor finds no assignment.
    pub(super) fn make(&self) -> Result<(Vec<GroupRecord>, PartitionsByTopic), Refusal> {
        let mut spec = self.spec();
        self.tamper_before(&mut spec);
        let mut assigned = assignor::assign(self.assignor, &spec).map_err(|error| {
            let text = format!("Failed to compute a new target assignment for epoch {}: {error}", self.epoch);
            Refusal::new(ErrorCode::UnknownServerError, text)
        })?;
        self.tamper_after(&spec, &mut assigned);
        let mut records = Vec::new();
        for id in spec.members.keys() {
            let new = assigned.get(id).cloned().unwrap_or_default();
            // A member that had no target gets a record even if it shall own nothing.
            if self.group.target.get(id).is_none_or(|old| **old != new) {
                records.push(target_record(self.group, id, new));
            }
        }
        records.push(target_epoch_record(self.group, self.epoch));
        Ok((records, assigned.remove(&self.member.id).unwrap_or_default()))
    }

    /// The switches that lie to the assignor.
    fn tamper_before(&self, spec: &mut GroupSpec) {
        if self.behaviour.is(Switch::AssignorBeginsAnew) {
            spec.members.values_mut().for_each(|member| member.assignment.clear());
        }
        if self.behaviour.is(Switch::AssignorIgnoresSubscriptions) {
            let wanted: BTreeSet<_> = spec.partition_counts.keys().copied().collect();
            spec.members.values_mut().for_each(|member| member.subscribed_topics.clone_from(&wanted));
        }
    }

    /// The switches that change what the assignor says.
    fn tamper_after(&self, spec: &GroupSpec, assigned: &mut GroupAssignment) {
        if self.assignor == ServerAssignor::Uniform && self.behaviour.is(Switch::UniformKeepsEverything) {
            keep_everything(spec, assigned);
        }
        if self.behaviour.is(Switch::AssignorForgetsPartition) {
            forget_partition(assigned);
        }
        if self.behaviour.is(Switch::AssignorFavoursFirst) {
            favour_first(assigned);
        }
        if self.behaviour.is(Switch::AssignorGivesTwice) {
            give_twice(assigned);
        }
    }

    fn spec(&self) -> GroupSpec {
        let replaced = self.member.instance().and_then(|instance| self.group.static_members.get(instance));
        let mut members: BTreeMap<MemberId, MemberSpec> = BTreeMap::new();
        for member in self.group.members().filter(|member| Some(&member.id) != replaced) {
            members.insert(member.id.clone(), self.member_spec(member, self.group.target(&member.id)));
        }
        let target = match replaced {
            // A static member that comes back has what the one before it had.
            Some(before) => self.group.target(before),
            None => self.group.target(&self.member.id),
        };
        members.insert(self.member.id.clone(), self.member_spec(self.member, target));
        let wanted: BTreeSet<_> =
            members.values().flat_map(|member| member.subscribed_topics.iter().copied()).collect();
        let count = |topic| {
            let partitions = self.image.topic_by_id(topic)?.partitions.len();
            Some((topic, i32::try_from(partitions).expect("a count of partitions")))
        };
        let partition_counts = wanted.into_iter().filter_map(count).collect();
        GroupSpec { members, subscription_type: self.kind, partition_counts }
    }

    fn member_spec(&self, member: &Member, target: &PartitionsByTopic) -> MemberSpec {
        let resolved = member.regex().and_then(|regex| self.group.resolved(regex));
        let names = member.metadata.subscribed_topic_names.iter();
        let names = names.chain(resolved.into_iter().flat_map(|resolved| &resolved.topics));
        MemberSpec {
            instance: member.instance().cloned(),
            subscribed_topics: names.filter_map(|name| self.image.topic_id(&TopicName::new(name))).collect(),
            assignment: target.clone(),
        }
    }
}

/// The switch: who has something keeps it, and what nobody has goes where the assignor put it.
fn keep_everything(spec: &GroupSpec, assigned: &mut GroupAssignment) {
    for (id, member) in &spec.members {
        for (topic, numbers) in &member.assignment {
            for others in assigned.values_mut() {
                others.get_mut(topic).into_iter().for_each(|theirs| theirs.retain(|number| !numbers.contains(number)));
            }
            assigned.entry(id.clone()).or_default().entry(*topic).or_default().extend(numbers);
        }
    }
    assigned.values_mut().for_each(|partitions| partitions.retain(|_, numbers| !numbers.is_empty()));
}

/// The switch: one partition is nobody's.
fn forget_partition(assigned: &mut GroupAssignment) {
    let last = assigned.values_mut().rev().find_map(|partitions| partitions.last_entry());
    if let Some(mut numbers) = last {
        numbers.get_mut().pop_last();
        if numbers.get().is_empty() {
            numbers.remove();
        }
    }
}

/// The switch: of each topic that the first member has, it gets a partition of the last one that has some.
fn favour_first(assigned: &mut GroupAssignment) {
    let Some((first, has)) = assigned.first_key_value() else { return };
    let (first, topics) = (first.clone(), has.keys().copied().collect::<Vec<_>>());
    for topic in topics {
        let others = assigned.iter_mut().rev().filter(|(id, _)| **id != first);
        let given = others.filter_map(|(_, partitions)| partitions.get_mut(&topic)?.pop_last()).next();
        assigned.entry(first.clone()).or_default().entry(topic).or_default().extend(given);
    }
    assigned.values_mut().for_each(|partitions| partitions.retain(|_, numbers| !numbers.is_empty()));
}

/// The switch: a partition of the first member is the last one's, too.
fn give_twice(assigned: &mut GroupAssignment) {
    let first = assigned.values().find_map(|partitions| partitions.first_key_value());
    let Some((topic, number)) = first.and_then(|(topic, numbers)| Some((*topic, *numbers.first()?))) else { return };
    let mut last = assigned.last_entry().expect("there is a first one");
    last.get_mut().entry(topic).or_default().insert(number);
}

/// The record of what a member shall own.
pub(super) fn target_record(group: &ConsumerGroup, member: &MemberId, partitions: PartitionsByTopic) -> GroupRecord {
    let (group, member) = (group.id.clone(), member.clone());
    GroupRecord::ConsumerGroupTargetAssignmentMember { group, member, partitions: Some(partitions) }
}

/// The record of the group epoch that the target assignment is for.
pub(super) fn target_epoch_record(group: &ConsumerGroup, epoch: i32) -> GroupRecord {
    GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: group.id.clone(), assignment_epoch: Some(epoch) }
}
