//! What holds of every assignment, whatever the group.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::*;

/// A group: counts of partitions, and for each member the topics it wants and (by member) what it had.
fn groups(same: bool) -> impl Strategy<Value = GroupSpec> {
    let counts = prop::collection::vec(1..8i32, 1..5);
    counts.prop_flat_map(move |counts| {
        let topics = counts.len();
        let wanted = prop::collection::vec(prop::collection::btree_set(0..topics, 1..=topics), 1..7);
        let owners = prop::collection::vec(prop::collection::vec(prop::option::of(0..7usize), 8), topics);
        (Just(counts), wanted, owners).prop_map(move |(counts, wanted, owners)| group(same, &counts, &wanted, &owners))
    })
}

fn topic(index: usize) -> TopicId {
    TopicId(Uuid::from_u128(index as u128 + 1))
}

fn group(same: bool, counts: &[i32], wanted: &[BTreeSet<usize>], owners: &[Vec<Option<usize>>]) -> GroupSpec {
    let mut members = BTreeMap::new();
    for (index, wants) in wanted.iter().enumerate() {
        let wants = if same { &wanted[0] } else { wants };
        let mut assignment = PartitionsByTopic::new();
        for (at, count) in counts.iter().enumerate() {
            let owned = (0..*count).filter(|partition| owners[at][*partition as usize] == Some(index));
            let owned: BTreeSet<i32> = owned.collect();
            if !owned.is_empty() {
                assignment.insert(topic(at), owned);
            }
        }
        let subscribed_topics = wants.iter().map(|at| topic(*at)).collect();
        let member = MemberSpec { instance: None, subscribed_topics, assignment };
        members.insert(MemberId::new(&format!("m{index}")), member);
    }
    let subscription_type = if same { SubscriptionType::Homogeneous } else { SubscriptionType::Heterogeneous };
    let partition_counts = counts.iter().enumerate().map(|(at, count)| (topic(at), *count)).collect();
    GroupSpec { members, subscription_type, partition_counts }
}

fn pairs(partitions: &PartitionsByTopic) -> BTreeSet<(TopicId, i32)> {
    partitions.iter().flat_map(|(topic, numbers)| numbers.iter().map(|number| (*topic, *number))).collect()
}

/// Every partition that somebody wants has one owner, who wants it.
fn assert_legal(group: &GroupSpec, assignment: &GroupAssignment) {
    let mut given = BTreeSet::new();
    for (id, partitions) in assignment {
        for (topic, partition) in pairs(partitions) {
            assert!(group.members[id].subscribed_topics.contains(&topic), "{id} does not want {topic}");
            assert!(given.insert((topic, partition)), "{topic}-{partition} has two owners");
        }
    }
    let wanted: BTreeSet<TopicId> =
        group.members.values().flat_map(|member| member.subscribed_topics.clone()).collect();
    let all = wanted.iter().flat_map(|topic| (0..group.partition_counts[topic]).map(|number| (*topic, number)));
    assert_eq!(given, all.collect());
}

fn load(assignment: &GroupAssignment, id: &MemberId) -> usize {
    assignment.get(id).map_or(0, |partitions| pairs(partitions).len())
}

/// The same members, owning what they were assigned.
fn afterwards(group: &GroupSpec, assignment: &GroupAssignment) -> GroupSpec {
    let mut after = group.clone();
    for (id, member) in &mut after.members {
        member.assignment = assignment.get(id).cloned().unwrap_or_default();
    }
    after
}

proptest! {
    #[test]
    fn every_wanted_partition_has_one_owner_who_wants_it(group in prop_oneof![groups(true), groups(false)]) {
        for assignor in [ServerAssignor::Uniform, ServerAssignor::Range] {
            assert_legal(&group, &assign(assignor, &group).expect("every topic exists"));
        }
    }

    #[test]
    fn equal_subscriptions_get_equal_shares(group in groups(true)) {
        let assignment = assign(ServerAssignor::Uniform, &group).expect("every topic exists");
        let loads: Vec<usize> = group.members.keys().map(|id| load(&assignment, id)).collect();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{loads:?}");
    }

    /// What a member had within the smaller share, and wants, it keeps.
    #[test]
    fn nobody_loses_what_its_share_allows(group in groups(true)) {
        let assignment = assign(ServerAssignor::Uniform, &group).expect("every topic exists");
        let total: usize = assignment.values().map(|partitions| pairs(partitions).len()).sum();
        for (id, member) in &group.members {
            let had: BTreeSet<_> = pairs(&member.assignment).into_iter().filter(|(topic, _)| member.subscribed_topics.contains(topic)).collect();
            let kept = pairs(&assignment[id]).intersection(&had).count();
            prop_assert!(kept >= had.len().min(total / group.members.len()), "{id} had {had:?}, kept {kept}");
        }
    }

    /// A topic's subscribers who all want the same differ by one at most: Kafka's promise for different subscriptions.
    #[test]
    fn in_a_topic_nobody_could_give_to_a_less_loaded_subscriber(group in groups(false)) {
        let assignment = assign(ServerAssignor::Uniform, &group).expect("every topic exists");
        let rich = |id: &MemberId, topic| assignment[id].contains_key(topic);
        for topic in group.partition_counts.keys() {
            let wants: Vec<&MemberId> = group.members.iter().filter(|(_, member)| member.subscribed_topics.contains(topic)).map(|(id, _)| id).collect();
            let least = wants.iter().map(|id| load(&assignment, id)).min().unwrap_or(0);
            for id in wants.iter().filter(|id| rich(id, topic)) {
                prop_assert!(load(&assignment, id) <= least + 1, "{id} has {} and owns of {topic}, another has {least}", load(&assignment, id));
            }
        }
    }

    #[test]
    fn assigning_again_moves_nothing(group in prop_oneof![groups(true), groups(false)]) {
        for assignor in [ServerAssignor::Uniform, ServerAssignor::Range] {
            let first = assign(assignor, &group).expect("every topic exists");
            prop_assert_eq!(&assign(assignor, &afterwards(&group, &first)).expect("every topic exists"), &first);
        }
    }
}
