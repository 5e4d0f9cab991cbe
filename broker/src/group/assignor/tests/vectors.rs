//! Kafka's tests of the assignors as texts: `RangeAssignorTest`, `OptimizedUniformAssignmentBuilderTest`,
//! `UniformHeterogeneousAssignmentBuilderTest`. What a vector is says [`crate::tests`].
//!
//! ```text
//!   topics t1 3 t2 5                    topics and their partitions; their ids ascend in this order
//!   member A t1,t2 [as INSTANCE] [owns t1:0,1 t2:3]     '-' for no topic
//!   without A                           the member is gone
//!   assign range|uniform same|different
//!   keep                                the members shall own now what was assigned
//! ```

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::*;
use crate::tests::{Stage, vectors};

#[derive(Default)]
struct AssignorStage {
    topics: BTreeMap<String, (TopicId, i32)>,
    members: BTreeMap<MemberId, MemberSpec>,
    assigned: Option<Result<GroupAssignment, AssignorError>>,
}

impl AssignorStage {
    /// A topic that no line declares has an id, but no partitions.
    fn topic(&self, name: &str) -> TopicId {
        self.topics.get(name).map_or(TopicId(Uuid::from_u128(u128::MAX)), |(id, _)| *id)
    }

    fn declare(&mut self, words: &[&str]) {
        self.topics = words
            .chunks(2)
            .zip(1..)
            .map(|(pair, id)| (pair[0].to_owned(), (TopicId(Uuid::from_u128(id)), pair[1].parse().expect("a count"))))
            .collect();
    }

    fn partitions(&self, words: &[&str]) -> PartitionsByTopic {
        let numbers = |list: &str| list.split(',').map(|number| number.parse().expect("a partition")).collect();
        let pairs = words.iter().map(|word| word.split_once(':').expect("topic:partitions"));
        pairs.map(|(topic, list)| (self.topic(topic), numbers(list))).collect()
    }

    fn member(&mut self, words: &[&str]) {
        let after = |name| words.iter().position(|word| *word == name).map(|at| at + 1);
        let topics = words[2].split(',').filter(|name| *name != "-");
        let spec = MemberSpec {
            instance: after("as").map(|at| GroupInstanceId::new(words[at])),
            subscribed_topics: topics.map(|name| self.topic(name)).collect(),
            assignment: after("owns").map_or_else(PartitionsByTopic::new, |at| self.partitions(&words[at..])),
        };
        self.members.insert(MemberId::new(words[1]), spec);
    }

    fn assign(&mut self, name: &str, kind: &str) {
        let group = GroupSpec {
            members: self.members.clone(),
            subscription_type: match kind {
                "same" => SubscriptionType::Homogeneous,
                "different" => SubscriptionType::Heterogeneous,
                other => panic!("no kind of subscriptions: {other}"),
            },
            partition_counts: self.topics.values().copied().collect(),
        };
        self.assigned = Some(assign(ServerAssignor::of_name(name).expect("an assignor"), &group));
    }

    fn shown(&self, partitions: &PartitionsByTopic) -> String {
        let name = |id: &TopicId| self.topics.iter().find(|(_, (known, _))| known == id).map_or("?", |(name, _)| name);
        let list = |numbers: &BTreeSet<i32>| numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
        let mut texts: Vec<_> =
            partitions.iter().map(|(id, numbers)| format!("{}:{}", name(id), list(numbers))).collect();
        texts.sort();
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(" ") }
    }
}

impl Stage for AssignorStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "topics" => {
                self.declare(&words[1..]);
                self.members.clear();
            }
            "member" => self.member(words),
            "without" => drop(self.members.remove(&MemberId::new(words[1])).expect("a member")),
            "assign" => self.assign(words[1], words[2]),
            "keep" => {
                let assigned = self.assigned.clone().expect("something was assigned").expect("it was");
                for (id, member) in &mut self.members {
                    member.assignment = assigned.get(id).cloned().unwrap_or_default();
                }
            }
            other => panic!("no command: {other}"),
        }
        Vec::new()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        match (words[0], self.assigned.as_ref().expect("something was assigned")) {
            ("refused", Err(AssignorError::NonExistentTopic(_))) => "a topic that does not exist".to_owned(),
            ("members", Ok(assigned)) => assigned.len().to_string(),
            (member, Ok(assigned)) => {
                assigned.get(&MemberId::new(member)).map_or("not there".to_owned(), |partitions| self.shown(partitions))
            }
            (_, outcome) => format!("{outcome:?}"),
        }
    }
}

vectors! { AssignorStage::default();
    range = "range.txt";
    uniform_with_equal_subscriptions = "uniform_same.txt";
    uniform_with_different_subscriptions = "uniform_different.txt";
}
