//! One step of a member towards its target assignment (`CurrentAssignmentBuilder`).
//!
//! A step happens at a member's own heartbeat and never waits for another member:
//!
//! ```text
//!   stays    = assigned ∩ target
//!   to go    = assigned ∖ target     not empty, and still owned ⇒ UNREVOKED, same epoch: only `stays` until it is gone
//!   to come  = target ∖ assigned     what another member still owns is left out ⇒ UNRELEASED, target's epoch
//!                                    nothing is left out ⇒ STABLE, target's epoch
//! ```

use super::{Member, MemberState, Refusal};
use crate::ids::TopicId;
use crate::message::{ErrorCode, PartitionsByTopic};

/// Where a member is to go, and what it says of itself.
pub struct Target<'a> {
    /// The target assignment's epoch.
    pub epoch: i32,
    /// The target assignment.
    pub partitions: &'a PartitionsByTopic,
    /// What the member says it owns; none if it says nothing, which means: the same as before.
    pub owned: Option<&'a PartitionsByTopic>,
}

/// The member after the step; as it was, if it cannot move.
///
/// # Errors
///
/// FENCED_MEMBER_EPOCH for a member in an unknown state that still owns partitions.
pub fn next_assignment(
    member: &Member,
    target: &Target<'_>,
    is_free: impl Fn(TopicId, i32) -> bool,
) -> Result<Member, Refusal> {
    let from_epoch = match member.state {
        MemberState::Stable if member.epoch == target.epoch => return Ok(member.clone()),
        MemberState::UnrevokedPartitions if still_owns(target.owned, &member.pending_revocation) => {
            return Ok(member.clone());
        }
        // It has given everything up: it moves on, at least by one epoch.
        MemberState::UnrevokedPartitions => member.epoch + 1,
        MemberState::Stable | MemberState::UnreleasedPartitions => member.epoch,
        MemberState::Unknown if target.owned.is_none_or(|owned| !owned.is_empty()) => {
            return Err(Refusal::new(
                ErrorCode::FencedMemberEpoch,
                "The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.",
            ));
        }
        MemberState::Unknown => target.epoch,
    };
    Ok(step(member, from_epoch, target, is_free))
}

fn step(member: &Member, from_epoch: i32, target: &Target<'_>, is_free: impl Fn(TopicId, i32) -> bool) -> Member {
    let stays = intersection(&member.assigned, target.partitions);
    let to_go = difference(&member.assigned, &stays);
    let missing = difference(target.partitions, &stays);
    // What a member itself has yet to give up is not somebody else's.
    let available = retain(&missing, |topic, partition| {
        is_free(topic, partition) || contains(&member.pending_revocation, topic, partition)
    });
    let mut next = member.clone();
    if !to_go.is_empty() && still_owns(target.owned, &to_go) {
        next.state = MemberState::UnrevokedPartitions;
        next.move_to_epoch(from_epoch);
        next.assigned = stays;
        next.pending_revocation = to_go;
        return next;
    }
    let all_available = available == missing;
    next.state = if all_available { MemberState::Stable } else { MemberState::UnreleasedPartitions };
    next.move_to_epoch(target.epoch);
    next.assigned = union(stays, available);
    next.pending_revocation = PartitionsByTopic::new();
    next
}

/// Whether a member owns any of these, as far as it says. If it says nothing, it does.
fn still_owns(owned: Option<&PartitionsByTopic>, partitions: &PartitionsByTopic) -> bool {
    owned.is_none_or(|owned| !intersection(owned, partitions).is_empty())
}

/// Whether a partition is among these.
pub fn contains(partitions: &PartitionsByTopic, topic: TopicId, partition: i32) -> bool {
    partitions.get(&topic).is_some_and(|numbers| numbers.contains(&partition))
}

fn retain(partitions: &PartitionsByTopic, keep: impl Fn(TopicId, i32) -> bool) -> PartitionsByTopic {
    let mut kept = PartitionsByTopic::new();
    for (topic, numbers) in partitions {
        for number in numbers.iter().filter(|number| keep(*topic, **number)) {
            kept.entry(*topic).or_default().insert(*number);
        }
    }
    kept
}

/// What stands in both.
pub(super) fn intersection(one: &PartitionsByTopic, other: &PartitionsByTopic) -> PartitionsByTopic {
    retain(one, |topic, partition| contains(other, topic, partition))
}

fn difference(one: &PartitionsByTopic, other: &PartitionsByTopic) -> PartitionsByTopic {
    retain(one, |topic, partition| !contains(other, topic, partition))
}

fn union(mut one: PartitionsByTopic, other: PartitionsByTopic) -> PartitionsByTopic {
    for (topic, numbers) in other {
        one.entry(topic).or_default().extend(numbers);
    }
    one
}
