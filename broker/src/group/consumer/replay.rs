//! A group's records taken in (`GroupMetadataManager.replay`, record types 3 to 8 and 16).
//!
//! A group and a member begin with whatever record names them first. They end with a tombstone, which Kafka accepts
//! only when what hangs on them has gone before: a coordinator that finds it otherwise does not load.

use std::fmt;
use std::sync::Arc;

use super::{ConsumerGroup, LEAVE_EPOCH, Member, StillOwned};
use crate::config::{Behaviour, Switch};
use crate::group::record::GroupRecord;
use crate::ids::{GroupId, MemberId};
use crate::message::PartitionsByTopic;

/// What a record did to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// There is such a group.
    Kept,
    /// There is no such group any more.
    Removed,
}

/// A record that cannot follow the ones before it. Kafka throws an IllegalStateException: a loading coordinator gives
/// up, a write fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// A partition has two owners.
    StillOwned(StillOwned),
    /// A group is deleted that still has members, target assignments or a target epoch.
    GroupStillInUse(GroupId),
    /// A member is deleted that still has an assignment or a target.
    MemberStillInUse(GroupId, MemberId),
    /// The group speaks the classic protocol.
    ClassicGroup(GroupId),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::StillOwned(owned) => owned.fmt(f),
            ReplayError::GroupStillInUse(group) => {
                write!(f, "group {group} is deleted and still has members or targets")
            }
            ReplayError::MemberStillInUse(group, member) => {
                write!(f, "member {member} of group {group} is deleted and still has an assignment or a target")
            }
            ReplayError::ClassicGroup(group) => write!(f, "group {group} is not a consumer group"),
        }
    }
}

impl From<StillOwned> for ReplayError {
    fn from(owned: StillOwned) -> Self {
        ReplayError::StillOwned(owned)
    }
}

/// Whether a record says that something is no more: of a group that is not there it says nothing.
pub fn is_tombstone(record: &GroupRecord) -> bool {
    match record {
        GroupRecord::OffsetCommit { value, .. } => value.is_none(),
        GroupRecord::GroupMetadata { value, .. } => value.is_none(),
        GroupRecord::ConsumerGroupMetadata { value, .. } => value.is_none(),
        GroupRecord::ConsumerGroupPartitionMetadata { .. } => true,
        GroupRecord::ConsumerGroupMemberMetadata { value, .. } => value.is_none(),
        GroupRecord::ConsumerGroupTargetAssignmentMetadata { assignment_epoch, .. } => assignment_epoch.is_none(),
        GroupRecord::ConsumerGroupTargetAssignmentMember { partitions, .. } => partitions.is_none(),
        GroupRecord::ConsumerGroupCurrentMemberAssignment { value, .. } => value.is_none(),
        GroupRecord::ConsumerGroupRegularExpression { value, .. } => value.is_none(),
    }
}

impl ConsumerGroup {
    /// Takes a record of this group in.
    ///
    /// # Errors
    ///
    /// It cannot follow what is known.
    ///
    /// # Panics
    ///
    /// The record is none of this kind of group: an offset or a classic group's.
    pub fn replay(&mut self, record: GroupRecord, behaviour: &Behaviour) -> Result<Replayed, ReplayError> {
        match record {
            GroupRecord::ConsumerGroupMetadata { value: Some(value), .. } => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            GroupRecord::ConsumerGroupMetadata { value: None, .. } => return self.remove_group(),
            // Kafka 4.1 writes only tombstones, and none of an older version's records are read here.
            GroupRecord::ConsumerGroupPartitionMetadata { .. } => {}
            GroupRecord::ConsumerGroupMemberMetadata { member, value: Some(value), .. } => {
                let mut new = self.member_or_new(&member);
                new.take_metadata(value);
                self.update_member(new, behaviour)?;
            }
            GroupRecord::ConsumerGroupMemberMetadata { member, value: None, .. } => self.remove_member(&member)?,
            GroupRecord::ConsumerGroupTargetAssignmentMetadata { assignment_epoch, .. } => {
                if assignment_epoch.is_none() && !self.target.is_empty() {
                    return Err(ReplayError::GroupStillInUse(self.id.clone()));
                }
                self.target_epoch = assignment_epoch.unwrap_or(-1);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { member, partitions: Some(partitions), .. } => {
                self.target.insert(member, Arc::new(partitions));
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember { member, partitions: None, .. } => {
                self.target.remove(&member);
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { member, value: Some(value), .. } => {
                let mut new = self.member_or_new(&member);
                new.take_assignment(value);
                self.update_member(new, behaviour)?;
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment { member, value: None, .. } => {
                self.member_owns_nothing(&member, behaviour)?;
            }
            GroupRecord::ConsumerGroupRegularExpression { expression, value, .. } => match value {
                Some(value) => drop(self.regexes.insert(expression, Arc::new(value))),
                None => drop(self.regexes.remove(&expression)),
            },
            GroupRecord::OffsetCommit { .. } | GroupRecord::GroupMetadata { .. } => {
                panic!("{record:?} is no record of a consumer group")
            }
        }
        Ok(Replayed::Kept)
    }

    fn member_or_new(&self, id: &MemberId) -> Member {
        self.member(id).cloned().unwrap_or_else(|| Member::new(id.clone()))
    }

    pub(super) fn update_member(&mut self, new: Member, behaviour: &Behaviour) -> Result<(), ReplayError> {
        let old = self.members.get(&new.id).cloned();
        if behaviour.is(Switch::PartitionEpochLostOnReassign) {
            self.owners.replace_losing_reassigned(old.as_deref(), &new);
        } else {
            if let Some(old) = &old {
                self.owners.remove(old);
            }
            self.owners.add(&new)?;
        }
        if let Some(instance) = new.instance() {
            self.static_members.insert(instance.clone(), new.id.clone());
        }
        self.members.insert(new.id.clone(), Arc::new(new));
        Ok(())
    }

    fn member_owns_nothing(&mut self, id: &MemberId, behaviour: &Behaviour) -> Result<(), ReplayError> {
        let Some(mut member) = self.member(id).cloned() else { return Ok(()) };
        member.epoch = LEAVE_EPOCH;
        member.previous_epoch = LEAVE_EPOCH;
        member.assigned = PartitionsByTopic::new();
        member.pending_revocation = PartitionsByTopic::new();
        self.update_member(member, behaviour)
    }

    fn remove_member(&mut self, id: &MemberId) -> Result<(), ReplayError> {
        let Some(member) = self.members.get(id) else { return Ok(()) };
        if member.epoch != LEAVE_EPOCH || self.target.contains_key(id) {
            return Err(ReplayError::MemberStillInUse(self.id.clone(), id.clone()));
        }
        if let Some(instance) = member.instance() {
            self.static_members.remove(instance);
        }
        self.owners.remove(member);
        self.members.remove(id);
        Ok(())
    }

    fn remove_group(&self) -> Result<Replayed, ReplayError> {
        if self.members.is_empty() && self.target.is_empty() && self.target_epoch == -1 {
            Ok(Replayed::Removed)
        } else {
            Err(ReplayError::GroupStillInUse(self.id.clone()))
        }
    }
}
