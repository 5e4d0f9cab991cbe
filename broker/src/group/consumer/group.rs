//! A KIP-848 group as its records tell it (`ConsumerGroup`, `ModernGroup`).
//!
//! All of it is hard state. Kafka counts subscriptions, assignors and classic members as they come and go; here they
//! are counted when somebody asks, which is when something changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Member, MemberState, PartitionEpochs, Refusal};
use crate::config::ServerAssignor;
use crate::group::record::{ConsumerGroupMetadataValue, ConsumerGroupRegularExpressionValue, GroupRecord};
use crate::ids::{GroupId, GroupInstanceId, MemberId};
use crate::message::{ErrorCode, PartitionsByTopic};

/// What a group does, as Kafka tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// There is no member.
    Empty,
    /// The target assignment is older than the group.
    Assigning,
    /// Some member has not reached its target.
    Reconciling,
    /// All members have what they shall have.
    Stable,
}

impl GroupState {
    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::Assigning => "Assigning",
            GroupState::Reconciling => "Reconciling",
            GroupState::Stable => "Stable",
        }
    }
}

/// A KIP-848 group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroup {
    /// Its id.
    pub id: GroupId,
    /// The group epoch; 0 if nothing was written yet.
    pub epoch: i32,
    /// The hash of the topics that its members want.
    pub metadata_hash: i64,
    /// For which group epoch the target was made; −1 once that was deleted.
    pub target_epoch: i32,
    pub(super) members: BTreeMap<MemberId, Arc<Member>>,
    /// Which member each static member is. Invariant: each value is a member.
    pub(super) static_members: BTreeMap<GroupInstanceId, MemberId>,
    pub(super) target: BTreeMap<MemberId, Arc<PartitionsByTopic>>,
    pub(super) owners: PartitionEpochs,
    pub(super) regexes: BTreeMap<String, Arc<ConsumerGroupRegularExpressionValue>>,
}

static NOTHING: PartitionsByTopic = PartitionsByTopic::new();

impl ConsumerGroup {
    /// A group of which nothing is written.
    pub fn new(id: GroupId) -> ConsumerGroup {
        ConsumerGroup {
            id,
            epoch: 0,
            metadata_hash: 0,
            target_epoch: 0,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            target: BTreeMap::new(),
            owners: PartitionEpochs::default(),
            regexes: BTreeMap::new(),
        }
    }

    /// What it does.
    pub fn state(&self) -> GroupState {
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.target_epoch {
            GroupState::Assigning
        } else if self.members.values().any(|member| !member.is_reconciled_to(self.target_epoch)) {
            GroupState::Reconciling
        } else {
            GroupState::Stable
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Its members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values().map(Arc::as_ref)
    }

    /// A member.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id).map(Arc::as_ref)
    }

    /// A member that must be one.
    ///
    /// # Errors
    ///
    /// UNKNOWN_MEMBER_ID.
    pub fn known_member(&self, id: &MemberId) -> Result<&Member, Refusal> {
        let unknown = || {
            let text = format!("Member {id} is not a member of group {}.", self.id);
            Refusal::new(ErrorCode::UnknownMemberId, text)
        };
        self.member(id).ok_or_else(unknown)
    }

    /// The member that is this static member.
    pub fn static_member(&self, instance: &GroupInstanceId) -> Option<&Member> {
        self.member(self.static_members.get(instance)?)
    }

    /// In which epochs its partitions are owned.
    pub fn owners(&self) -> &PartitionEpochs {
        &self.owners
    }

    /// What a member shall own.
    pub fn target(&self, member: &MemberId) -> &PartitionsByTopic {
        self.target.get(member).map_or(&NOTHING, Arc::as_ref)
    }

    /// What a member shall own, or, of a static member that comes back, what the one before it shall own.
    pub(super) fn target_of(&self, member: &Member) -> &PartitionsByTopic {
        match member.instance() {
            None => self.target(&member.id),
            Some(instance) => self.static_members.get(instance).map_or(&NOTHING, |before| self.target(before)),
        }
    }

    /// What an expression names, as far as it was looked up.
    pub fn resolved(&self, regex: &str) -> Option<&ConsumerGroupRegularExpressionValue> {
        self.regexes.get(regex).map(Arc::as_ref)
    }

    /// The assignor that most members ask for, if `replaced` becomes `with`; none if nobody asks for one.
    ///
    /// Of several with equal votes Kafka takes one by the order of a hash map: here the last by name.
    pub(in crate::group) fn preferred_assignor(
        &self,
        replaced: Option<&MemberId>,
        with: Option<&Member>,
    ) -> Option<ServerAssignor> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        let others = self.members().filter(|member| Some(&member.id) != replaced);
        for name in others.chain(with).filter_map(|member| member.metadata.server_assignor.as_deref()) {
            *votes.entry(name).or_default() += 1;
        }
        let (name, _) = votes.into_iter().max_by_key(|(name, votes)| (*votes, *name))?;
        ServerAssignor::of_name(name)
    }

    /// How many members speak the classic protocol.
    pub fn classic_members(&self) -> usize {
        self.members().filter(|member| member.uses_classic_protocol()).count()
    }

    /// Whether a member that shall have partitions which it has not may only wait: others own some of them.
    pub fn waits_for_others(&self, member: &Member) -> bool {
        member.state == MemberState::UnreleasedPartitions
            && self.target(&member.id).iter().any(|(topic, numbers)| {
                let lacks = |number: &&i32| !super::reconcile::contains(&member.assigned, *topic, **number);
                numbers.iter().filter(lacks).any(|number| !self.owners.is_free(*topic, *number))
            })
    }

    /// The record of its epoch.
    pub(super) fn epoch_record(&self, epoch: i32, metadata_hash: i64) -> GroupRecord {
        let value = Some(ConsumerGroupMetadataValue { epoch, metadata_hash });
        GroupRecord::ConsumerGroupMetadata { group: self.id.clone(), value }
    }

    /// The records after which there is no such group, whoever is still in it (`createGroupTombstoneRecords`).
    pub fn tombstones(&self) -> Vec<GroupRecord> {
        self.tombstones_of(self.members.keys())
    }

    /// The same, where `joining` stands in the place of `leaving` by records of the same decision.
    pub fn tombstones_with_replaced(&self, leaving: &MemberId, joining: &MemberId) -> Vec<GroupRecord> {
        self.tombstones_of(self.members.keys().map(|id| if id == leaving { joining } else { id }))
    }

    fn tombstones_of<'a>(&'a self, members: impl Iterator<Item = &'a MemberId> + Clone) -> Vec<GroupRecord> {
        let group = || self.id.clone();
        let current = |id: &MemberId| GroupRecord::ConsumerGroupCurrentMemberAssignment {
            group: group(),
            member: id.clone(),
            value: None,
        };
        let target = |id: &MemberId| GroupRecord::ConsumerGroupTargetAssignmentMember {
            group: group(),
            member: id.clone(),
            partitions: None,
        };
        let metadata = |id: &MemberId| GroupRecord::ConsumerGroupMemberMetadata {
            group: group(),
            member: id.clone(),
            value: None,
        };
        let mut records: Vec<GroupRecord> = members.clone().map(current).collect();
        records.extend(members.clone().map(target));
        records.push(GroupRecord::ConsumerGroupTargetAssignmentMetadata { group: group(), assignment_epoch: None });
        records.extend(members.map(metadata));
        records.extend(self.regexes.keys().map(|regex| self.regex_record(regex, None)));
        records.push(GroupRecord::ConsumerGroupPartitionMetadata { group: group() });
        records.push(GroupRecord::ConsumerGroupMetadata { group: group(), value: None });
        records
    }

    /// The record of what an expression names; a tombstone if nobody uses it any more.
    pub(super) fn regex_record(&self, regex: &str, value: Option<ConsumerGroupRegularExpressionValue>) -> GroupRecord {
        let (group, expression) = (self.id.clone(), regex.to_owned());
        GroupRecord::ConsumerGroupRegularExpression { group, expression, value }
    }

    /// Whether it may be deleted by an administrator: only if it is empty.
    ///
    /// # Errors
    ///
    /// NON_EMPTY_GROUP.
    pub fn validate_delete(&self) -> Result<(), ErrorCode> {
        if self.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// What must hold whenever a decision's records are in.
    ///
    /// The owner map says the same as the members do; each static member is a member.
    pub fn assert_invariants(&self, owners_are_exact: bool) {
        for (instance, id) in &self.static_members {
            let member =
                self.member(id).unwrap_or_else(|| panic!("{instance} is {id}, which is no member of {}", self.id));
            assert_eq!(member.instance(), Some(instance), "{id} of {}", self.id);
        }
        if !owners_are_exact {
            return;
        }
        let mut owned = 0;
        for member in self.members() {
            assert!(
                member.epoch <= self.epoch,
                "{} of {}: epoch {} > {}",
                member.id,
                self.id,
                member.epoch,
                self.epoch
            );
            for (topic, numbers) in member.assigned.iter().chain(&member.pending_revocation) {
                owned += numbers.len();
                for number in numbers {
                    let epoch = self.owners.epoch(*topic, *number);
                    assert_eq!(epoch, Some(member.epoch), "{} of {} owns {topic}-{number}", member.id, self.id);
                }
            }
        }
        assert_eq!(owned, self.owners.all().count(), "a partition of {} is owned twice, or by nobody", self.id);
    }
}
