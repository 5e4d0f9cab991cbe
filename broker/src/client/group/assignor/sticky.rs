//! `StickyAssignor` and `CooperativeStickyAssignor` (KIP-54, KIP-341, KIP-429): what members say they own, which of
//! it counts, and which of the two algorithms runs.
//!
//! A claim counts if its partition still exists. Two members that claim the same partition in the
//! same generation both lose the claim; in different generations the newer one has it. So a
//! zombie that comes back with an old assignment does not take what others have now.
//!
//! As in Kafka a member that subscribes to nothing counts as subscribing to what the next one does, if it comes first.
//!
//! Simplified: Kafka looks only whether the topic still exists, and fails where one was made anew with fewer
//! partitions than its members claim. Kafka's assignor object remembers the largest generation it has ever seen; here it is the largest
//! among the members.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::racks::{Racks, ReplicaRacks};
use super::sticky_constrained::Constrained;
use super::sticky_general::General;
use super::{Assignments, GroupMember, Members, PartitionCounts, partitions_of};
use crate::ids::{MemberId, TopicName, TopicPartition};
use crate::message::ConsumerSubscription;

/// The generation of a member that has none.
pub(super) const DEFAULT_GENERATION: i32 = -1;

/// What a member says it owns, and since which generation (`MemberData`).
pub(super) struct Claim {
    pub partitions: Vec<TopicPartition>,
    pub generation: Option<i32>,
}

/// The claims of all members, settled.
struct Settled {
    all_subscriptions_equal: bool,
    /// Every member, with what it owns without doubt.
    owned: Assignments,
    /// What two members of one generation claim.
    disputed: BTreeSet<TopicPartition>,
    max_generation: i32,
}

/// Whose claims count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The newest claim of each partition, whatever generation it is of.
    Everybody,
    /// Claims of the newest generation only: see [`crate::config::Switch::StickyTrustsOnlyMaxGeneration`].
    NewestGeneration,
}

impl Settled {
    fn forget_older_claims(&mut self, members: &Members, claim: fn(&ConsumerSubscription) -> Claim) {
        for (member, owned) in &mut self.owned {
            let generation = claim(&members[member].subscription).generation.unwrap_or(DEFAULT_GENERATION);
            if generation < self.max_generation {
                owned.clear();
            }
        }
    }
}

pub(super) fn assign(counts: &PartitionCounts, replicas: &ReplicaRacks, members: &Members) -> Assignments {
    assign_by(counts, replicas, members, sticky_claim, Trust::Everybody).0
}

/// What must first be revoked by its present owner is left out of the assignment.
pub(super) fn assign_cooperatively(
    counts: &PartitionCounts,
    replicas: &ReplicaRacks,
    members: &Members,
    trust: Trust,
) -> Assignments {
    let (mut assignments, transferring) = assign_by(counts, replicas, members, cooperative_claim, trust);
    let transferring = transferring.unwrap_or_else(|| added_and_revoked(members, &assignments));
    for (partition, member) in transferring {
        let assigned = assignments.get_mut(&member).expect("every member has an entry");
        assigned.retain(|other| *other != partition);
    }
    assignments
}

/// The assignment, and what moves from one member to another if the algorithm keeps track of it.
pub(super) fn assign_by(
    counts: &PartitionCounts,
    replicas: &ReplicaRacks,
    members: &Members,
    claim: fn(&ConsumerSubscription) -> Claim,
    trust: Trust,
) -> (Assignments, Option<BTreeMap<TopicPartition, MemberId>>) {
    let counts = &subscribed(counts, members);
    let mut settled = settle(counts, members, claim);
    if trust == Trust::NewestGeneration {
        settled.forget_older_claims(members, claim);
    }
    let all: Vec<TopicPartition> = counts.iter().flat_map(|(topic, count)| partitions_of(topic, *count)).collect();
    let racks = Racks::new(members, all.iter(), replicas);
    if settled.all_subscriptions_equal {
        let (assignments, transferring) = Constrained::new(counts, racks, settled.owned, settled.disputed).build();
        return (assignments, Some(transferring));
    }
    let previous = previous_owners(members, claim, settled.max_generation);
    (General::new(counts, racks, members, settled.owned, previous).build(), None)
}

/// The counts of the topics that anybody subscribes to.
fn subscribed(counts: &PartitionCounts, members: &Members) -> PartitionCounts {
    let wanted = |topic: &TopicName| members.values().any(|member| super::is_subscribed(member, topic));
    counts.iter().filter(|(topic, _)| wanted(topic)).map(|(topic, count)| (topic.clone(), *count)).collect()
}

fn settle(counts: &PartitionCounts, members: &Members, claim: fn(&ConsumerSubscription) -> Claim) -> Settled {
    let mut settled = Settled {
        all_subscriptions_equal: true,
        owned: Assignments::new(),
        disputed: BTreeSet::new(),
        max_generation: DEFAULT_GENERATION,
    };
    let mut topics: BTreeSet<&TopicName> = BTreeSet::new();
    let mut owners: BTreeMap<TopicPartition, MemberId> = BTreeMap::new();
    for (member, GroupMember { subscription, .. }) in members {
        let its_topics: BTreeSet<&TopicName> = subscription.topics.iter().collect();
        if topics.is_empty() {
            topics = its_topics;
        } else if its_topics != topics {
            settled.all_subscriptions_equal = false;
        }
        let claim = claim(subscription);
        let generation = claim.generation.unwrap_or(DEFAULT_GENERATION);
        settled.max_generation = settled.max_generation.max(generation);
        settled.owned.insert(member.clone(), Vec::new());
        let exists =
            |claimed: &TopicPartition| counts.get(&claimed.topic).is_some_and(|count| claimed.partition < *count);
        for partition in claim.partitions.into_iter().filter(exists) {
            settle_one(&mut settled, &mut owners, members, member, generation, partition);
        }
    }
    settled
}

fn settle_one(
    settled: &mut Settled,
    owners: &mut BTreeMap<TopicPartition, MemberId>,
    members: &Members,
    member: &MemberId,
    generation: i32,
    partition: TopicPartition,
) {
    let Some(other) = owners.get(&partition).cloned() else {
        owners.insert(partition.clone(), member.clone());
        settled.owned.get_mut(member).expect("has just been added").push(partition);
        return;
    };
    let others_generation = members[&other].subscription.generation.unwrap_or(DEFAULT_GENERATION);
    if generation < others_generation {
        return;
    }
    settled.owned.get_mut(&other).expect("owners are members").retain(|owned| *owned != partition);
    owners.insert(partition.clone(), member.clone());
    if generation == others_generation {
        settled.disputed.insert(partition);
    } else {
        settled.owned.get_mut(member).expect("has just been added").push(partition);
    }
}

/// Who owned what in generations before the newest one; where several did, the latest of them.
fn previous_owners(
    members: &Members,
    claim: fn(&ConsumerSubscription) -> Claim,
    max_generation: i32,
) -> BTreeMap<TopicPartition, MemberId> {
    let mut previous: BTreeMap<TopicPartition, (MemberId, i32)> = BTreeMap::new();
    for (member, GroupMember { subscription, .. }) in members {
        let claim = claim(subscription);
        let generation = claim.generation.unwrap_or(DEFAULT_GENERATION);
        if generation >= max_generation {
            continue;
        }
        for partition in claim.partitions {
            let entry = previous.entry(partition).or_insert_with(|| (member.clone(), generation));
            if generation > entry.1 {
                *entry = (member.clone(), generation);
            }
        }
    }
    previous.into_iter().map(|(partition, (member, _))| (partition, member)).collect()
}

/// Partitions that a member would get although another one still owns them.
fn added_and_revoked(members: &Members, assignments: &Assignments) -> BTreeMap<TopicPartition, MemberId> {
    let mut added: BTreeMap<TopicPartition, MemberId> = BTreeMap::new();
    let mut revoked: BTreeSet<&TopicPartition> = BTreeSet::new();
    for (member, assigned) in assignments {
        let owned = &members[member].subscription.owned;
        let new = assigned.iter().filter(|partition| !owned.contains(partition));
        added.extend(new.map(|partition| (partition.clone(), member.clone())));
        revoked.extend(owned.iter().filter(|partition| !assigned.contains(partition)));
    }
    added.retain(|partition, _| revoked.contains(partition));
    added
}

// ---- What members say --------------------------------------------------------------------

/// An eager member has revoked everything before it joins: what it had stands in its user data.
pub(super) fn sticky_claim(subscription: &ConsumerSubscription) -> Claim {
    let bytes = subscription.user_data.clone().unwrap_or_default();
    if bytes.is_empty() {
        return Claim { partitions: Vec::new(), generation: None };
    }
    read_user_data(bytes).unwrap_or(Claim { partitions: Vec::new(), generation: Some(DEFAULT_GENERATION) })
}

/// A cooperative member joins with what it owns.
fn cooperative_claim(subscription: &ConsumerSubscription) -> Claim {
    let partitions = subscription.owned.clone();
    if subscription.generation.is_some() {
        return Claim { partitions, generation: subscription.generation };
    }
    let generation = subscription.user_data.clone().map(|mut bytes| bytes.try_get_i32().unwrap_or(DEFAULT_GENERATION));
    Claim { partitions, generation }
}

/// The user data of a sticky member: `STICKY_ASSIGNOR_USER_DATA_V1`.
pub(super) fn user_data(generation: i32, owned: &[TopicPartition]) -> Bytes {
    let mut by_topic: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for partition in owned {
        by_topic.entry(&partition.topic).or_default().push(partition.partition);
    }
    let mut bytes = BytesMut::new();
    bytes.put_i32(by_topic.len() as i32);
    for (topic, partitions) in by_topic {
        bytes.put_i16(topic.as_str().len() as i16);
        bytes.put_slice(topic.as_str().as_bytes());
        bytes.put_i32(partitions.len() as i32);
        for partition in partitions {
            bytes.put_i32(partition);
        }
    }
    bytes.put_i32(generation);
    bytes.freeze()
}

/// Version 1; version 0 has no generation.
fn read_user_data(mut bytes: Bytes) -> Option<Claim> {
    let mut partitions = Vec::new();
    for _ in 0..bytes.try_get_i32().ok()? {
        let length = usize::try_from(bytes.try_get_i16().ok()?).ok()?;
        if bytes.len() < length {
            return None;
        }
        let name = bytes.split_to(length);
        let topic = TopicName::new(std::str::from_utf8(&name).ok()?);
        for _ in 0..bytes.try_get_i32().ok()? {
            partitions.push(TopicPartition { topic: topic.clone(), partition: bytes.try_get_i32().ok()? });
        }
    }
    Some(Claim { partitions, generation: bytes.try_get_i32().ok() })
}
