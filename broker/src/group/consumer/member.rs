//! A member of a KIP-848 group (`ConsumerGroupMember`).
//!
//! ```text
//!   STABLE ──target moves──▶ UNREVOKED_PARTITIONS ──the member owns them no more──▶ UNRELEASED_PARTITIONS
//!     ▲  ▲                     stays in its epoch                                    in the target's epoch,
//!     │  └──────────────────── nothing is missing ───────────────────────────────────  retries at each heartbeat
//! ```
//!
//! What a member owns, as far as the coordinator must fear, is `assigned` and `pending_revocation` together.

use std::collections::BTreeSet;

use crate::group::record::{ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue, GroupRecord};
use crate::ids::{GroupId, GroupInstanceId, MemberId};
use crate::message::PartitionsByTopic;

/// A member that has just joined, or a static one that came back.
pub const JOIN_EPOCH: i32 = 0;
/// A member leaves.
pub const LEAVE_EPOCH: i32 = -1;
/// A static member leaves and may come back within its session.
pub const LEAVE_STATIC_EPOCH: i32 = -2;

/// How far a member is on its way to the target assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// It has what it shall have, in its epoch.
    Stable,
    /// It was told to give partitions up and has not said that it did.
    UnrevokedPartitions,
    /// Partitions that it shall have are still owned by others.
    UnreleasedPartitions,
    /// The record said something that this version does not know: the member must rejoin without partitions.
    Unknown,
}

impl MemberState {
    /// As it stands in records.
    pub fn code(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            MemberState::Stable => "STABLE",
            MemberState::UnrevokedPartitions => "UNREVOKED_PARTITIONS",
            MemberState::UnreleasedPartitions => "UNRELEASED_PARTITIONS",
            MemberState::Unknown => "UNKNOWN",
        }
    }

    /// What a record says.
    pub fn of_code(code: i8) -> MemberState {
        match code {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// What it said of itself; topic names are sorted and each stands once.
    pub metadata: ConsumerGroupMemberMetadataValue,
    /// Its epoch: the target assignment that it has reached or is leaving; 0 if it has just joined.
    pub epoch: i32,
    /// The epoch before, for the case that the answer with the new one was lost.
    pub previous_epoch: i32,
    /// How far it is.
    pub state: MemberState,
    /// What it may own.
    pub assigned: PartitionsByTopic,
    /// What it must give up, and has not said that it did.
    pub pending_revocation: PartitionsByTopic,
}

impl Member {
    /// Somebody of whom nothing is known yet.
    pub fn new(id: MemberId) -> Member {
        Member {
            id,
            metadata: ConsumerGroupMemberMetadataValue {
                instance: None,
                rack: None,
                client_id: String::new(),
                client_host: String::new(),
                subscribed_topic_names: Vec::new(),
                subscribed_topic_regex: Some(String::new()),
                rebalance_timeout_ms: -1,
                server_assignor: None,
                classic: None,
            },
            epoch: JOIN_EPOCH,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: PartitionsByTopic::new(),
            pending_revocation: PartitionsByTopic::new(),
        }
    }

    /// The static member that it is, if it is one.
    pub fn instance(&self) -> Option<&GroupInstanceId> {
        self.metadata.instance.as_ref()
    }

    /// The expression that names its topics, if it has one.
    pub fn regex(&self) -> Option<&str> {
        self.metadata.subscribed_topic_regex.as_deref().filter(|regex| !regex.is_empty())
    }

    /// Whether it speaks the classic protocol.
    pub fn uses_classic_protocol(&self) -> bool {
        self.metadata.classic.is_some()
    }

    /// Whether there is nothing to do for it.
    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// It wants these topics from now on.
    pub fn subscribe(&mut self, names: impl IntoIterator<Item = String>) {
        self.metadata.subscribed_topic_names = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    }

    /// Its epoch changes, and the one before is remembered.
    pub fn move_to_epoch(&mut self, epoch: i32) {
        self.previous_epoch = self.epoch;
        self.epoch = epoch;
    }

    /// The record of what it said of itself.
    pub fn metadata_record(&self, group: &GroupId) -> GroupRecord {
        let value = Some(self.metadata.clone());
        GroupRecord::ConsumerGroupMemberMetadata { group: group.clone(), member: self.id.clone(), value }
    }

    /// The record of what it owns.
    pub fn assignment_record(&self, group: &GroupId) -> GroupRecord {
        let value = Some(ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned: self.assigned.clone(),
            pending_revocation: self.pending_revocation.clone(),
        });
        GroupRecord::ConsumerGroupCurrentMemberAssignment { group: group.clone(), member: self.id.clone(), value }
    }

    /// Takes the record in.
    pub fn take_metadata(&mut self, value: ConsumerGroupMemberMetadataValue) {
        self.metadata = value;
        let names = std::mem::take(&mut self.metadata.subscribed_topic_names);
        self.subscribe(names);
    }

    /// Takes the record in.
    pub fn take_assignment(&mut self, value: ConsumerGroupCurrentMemberAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::of_code(value.state);
        self.assigned = value.assigned;
        self.pending_revocation = value.pending_revocation;
    }
}

/// The records that say that a member is no more.
pub fn removal_records(group: &GroupId, member: &MemberId) -> [GroupRecord; 3] {
    let (group, member) = (group.clone(), member.clone());
    [
        GroupRecord::ConsumerGroupCurrentMemberAssignment { group: group.clone(), member: member.clone(), value: None },
        GroupRecord::ConsumerGroupTargetAssignmentMember {
            group: group.clone(),
            member: member.clone(),
            partitions: None,
        },
        GroupRecord::ConsumerGroupMemberMetadata { group, member, value: None },
    ]
}
