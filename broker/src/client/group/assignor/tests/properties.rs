//! What any assignment must be, whatever the members say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::super::sticky::user_data;
use super::super::{
    Assignments, GroupMember, Members, PartitionCounts, RebalanceProtocol, ReplicaRacks, Trust, partitions_of,
    protocol_of,
};
use crate::config::Assignor;
use crate::ids::{MemberId, TopicName, TopicPartition};
use crate::message::ConsumerSubscription;

#[derive(Clone, Debug)]
struct Group {
    counts: PartitionCounts,
    replicas: ReplicaRacks,
    members: Members,
}

fn topic(number: usize) -> TopicName {
    TopicName::new(&format!("t{number}"))
}

fn rack(number: u8) -> Arc<str> {
    Arc::from(format!("rack {number}"))
}

/// Up to four topics, up to six members with subscriptions of their own, who may claim anything that they subscribe to.
fn groups() -> impl Strategy<Value = Group> {
    let topics = proptest::collection::vec(1..8_i32, 1..=4);
    let claims = proptest::collection::vec((0..4_usize, 0..10_i32), 0..8);
    // A member in rack 0 says none; a partition has a replica in two racks, which may be one.
    let member = (proptest::collection::btree_set(0..4_usize, 1..=4), claims, -1..4_i32, 0..4_u8);
    let replicas = proptest::collection::vec((1..4_u8, 1..4_u8), 28);
    (topics, replicas, proptest::collection::vec(member, 1..=6)).prop_map(|(counts, replicas, members)| {
        let counts: PartitionCounts =
            counts.iter().enumerate().map(|(number, count)| (topic(number), *count)).collect();
        let all = counts.iter().flat_map(|(topic, count)| partitions_of(topic, *count));
        let racks = replicas.into_iter().map(|(one, another)| BTreeSet::from([rack(one), rack(another)]));
        let replicas = all.zip(racks).collect();
        let member = |(number, member): (usize, (BTreeSet<usize>, Vec<(usize, i32)>, i32, u8))| {
            let (topics, claims, generation, at) = member;
            let claim = |(number, partition): (usize, i32)| TopicPartition { topic: topic(number), partition };
            let owned: BTreeSet<TopicPartition> =
                claims.into_iter().filter(|(number, _)| topics.contains(number)).map(claim).collect();
            let owned: Vec<TopicPartition> = owned.into_iter().collect();
            let subscription = ConsumerSubscription {
                topics: topics.into_iter().map(topic).collect(),
                user_data: Some(user_data(generation, &owned)),
                generation: Some(generation).filter(|generation| *generation >= 0),
                owned,
                rack: (at > 0).then(|| rack(at).to_string()),
            };
            (MemberId::new(&format!("m{number}")), GroupMember { instance: None, subscription })
        };
        Group { counts, replicas, members: members.into_iter().enumerate().map(member).collect() }
    })
}

/// The same, but everybody subscribes to everything.
fn equal_groups() -> impl Strategy<Value = Group> {
    groups().prop_map(|mut group| {
        for member in group.members.values_mut() {
            member.subscription.topics = group.counts.keys().cloned().collect();
        }
        group
    })
}

/// Every member has an entry, nobody has what it did not subscribe to or what does not exist, no partition has two owners.
fn assert_valid(group: &Group, assignments: &Assignments) {
    assert_eq!(assignments.keys().collect::<Vec<_>>(), group.members.keys().collect::<Vec<_>>());
    let mut owners: BTreeMap<&TopicPartition, &MemberId> = BTreeMap::new();
    for (member, assigned) in assignments {
        for partition in assigned {
            assert!(group.members[member].subscription.topics.contains(&partition.topic), "{member} {partition}");
            assert!(partition.partition < group.counts[&partition.topic], "{partition} does not exist");
            let other = owners.insert(partition, member);
            assert_eq!(other, None, "{partition} has two owners: {member} is one");
        }
    }
}

/// How many partitions somebody subscribes to.
fn wanted(group: &Group) -> usize {
    let is_wanted = |topic: &TopicName| group.members.values().any(|member| member.subscription.topics.contains(topic));
    group.counts.iter().filter(|(topic, _)| is_wanted(topic)).map(|(_, count)| *count as usize).sum()
}

fn assigned(assignments: &Assignments) -> usize {
    assignments.values().map(Vec::len).sum()
}

fn take(group: &mut Group, assignments: &Assignments, generation: i32) {
    for (id, member) in &mut group.members {
        member.subscription.owned.clone_from(&assignments[id]);
        member.subscription.generation = Some(generation);
        member.subscription.user_data = Some(user_data(generation, &assignments[id]));
    }
}

proptest! {
    #[test]
    fn every_partition_that_somebody_wants_has_one_owner(group in groups()) {
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky] {
            let assignments = assignor.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
            assert_valid(&group, &assignments);
            prop_assert_eq!(assigned(&assignments), wanted(&group), "{}", assignor);
        }
    }

    #[test]
    fn with_equal_subscriptions_nobody_has_two_more_than_another(group in equal_groups()) {
        for assignor in [Assignor::RoundRobin, Assignor::Sticky] {
            let assignments = assignor.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
            let loads = assignments.values().map(Vec::len);
            prop_assert!(loads.clone().max() <= loads.min().map(|least| least + 1), "{}: {:?}", assignor, assignments);
        }
    }

    #[test]
    fn a_sticky_assignment_that_nothing_disturbs_stays(mut group in equal_groups()) {
        // Where racks matter nobody keeps what is not near, and it may go to another member each time.
        group.replicas.clear();
        let first = Assignor::Sticky.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
        take(&mut group, &first, 9);
        let second = Assignor::Sticky.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
        for (member, assigned) in &first {
            let (mut before, mut after) = (assigned.clone(), second[member].clone());
            before.sort();
            after.sort();
            prop_assert_eq!(before, after, "{}", member);
        }
    }

    /// The promise of KIP-429: nothing is taken from one member and given to another in the same round, so nobody has to
    /// stop before it joins; and after at most four rounds (`CooperativeStickyAssignorTest`) everything has an owner.
    #[test]
    fn a_cooperative_assignment_gives_nothing_that_another_member_still_has(mut group in groups()) {
        let nobody = group.members.keys().map(|member| (member.clone(), Vec::new())).collect();
        take(&mut group, &nobody, 1);
        let first = Assignor::CooperativeSticky.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
        take(&mut group, &first, 2);
        // A member goes, another one comes.
        let (gone, member) = group.members.pop_first().expect("a group has members");
        let newcomer = ConsumerSubscription { owned: Vec::new(), generation: None, user_data: None, ..member.subscription };
        group.members.insert(MemberId::new("z"), GroupMember { instance: None, subscription: newcomer });
        for round in 3..7 {
            let assignments = Assignor::CooperativeSticky.assign(&group.counts, &group.replicas, &group.members, Trust::Everybody);
            assert_valid(&group, &assignments);
            for (member, assigned) in &assignments {
                let owned_by_another = |partition: &&TopicPartition| {
                    group.members.iter().any(|(other, it)| other != member && it.subscription.owned.contains(partition))
                };
                prop_assert_eq!(assigned.iter().find(owned_by_another), None, "{} in round {}, after {} went", member, round, gone);
            }
            take(&mut group, &assignments, round);
            if assigned(&assignments) == wanted(&group) {
                return Ok(());
            }
        }
        prop_assert!(false, "four rounds were not enough");
    }
}

#[test]
fn a_consumer_is_cooperative_only_if_all_its_assignors_are() {
    assert_eq!(protocol_of(&[Assignor::CooperativeSticky]), RebalanceProtocol::Cooperative);
    assert_eq!(
        protocol_of(&[Assignor::Range, Assignor::CooperativeSticky]),
        RebalanceProtocol::Eager,
        "Kafka's default"
    );
    assert_eq!(protocol_of(&[Assignor::Sticky]), RebalanceProtocol::Eager);
}

#[test]
fn an_assignor_is_known_by_its_name_and_by_its_class() {
    let class = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    assert_eq!(Assignor::from_name(class), Some(Assignor::CooperativeSticky));
    assert_eq!(Assignor::from_name("roundrobin"), Some(Assignor::RoundRobin));
    assert_eq!(Assignor::from_name("uniform"), None, "that one runs on the server");
}
