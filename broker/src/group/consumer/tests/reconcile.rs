//! One step of a member: Kafka's `CurrentAssignmentBuilderTest` as a text. What a vector is says [`crate::tests`].
//!
//! ```text
//!   member STATE EPOCH previous EPOCH [has t1:1,2 t2:4] [gives-up t1:1]
//!   owned nobody | elsewhere EPOCH [t1…] | t1:2,3 …        who owns what: nobody anything; others all, or all of a topic
//!   says nothing | says t1:2,3 …                           what the member says it owns; `says -` for: nothing
//!   target EPOCH t1:1,2 …                                  the step
//! ```

use uuid::Uuid;

use super::super::reconcile::{Target, next_assignment};
use super::super::{Member, MemberState, Refusal};
use crate::ids::{MemberId, TopicId};
use crate::message::PartitionsByTopic;
use crate::tests::{Stage, vectors};

/// What stands in the owner map.
enum Owned {
    Nothing,
    /// All, or all of these topics.
    Elsewhere(Vec<TopicId>),
    These(PartitionsByTopic),
}

struct StepStage {
    member: Member,
    owned: Owned,
    says: Option<PartitionsByTopic>,
    outcome: Result<Member, Refusal>,
}

impl Default for StepStage {
    fn default() -> Self {
        let member = Member::new(MemberId::new("member"));
        StepStage { outcome: Ok(member.clone()), member, owned: Owned::Nothing, says: None }
    }
}

pub(super) fn topic(name: &str) -> TopicId {
    TopicId(Uuid::from_u128(name.trim_start_matches('t').parse().expect("t1, t2, …")))
}

/// `t1:1,2 t2:4`; `-` for nothing.
pub(super) fn partitions(words: &[&str]) -> PartitionsByTopic {
    let pairs = words.iter().map_while(|word| word.split_once(':'));
    let numbers = |list: &str| list.split(',').map(|number| number.parse().expect("a partition")).collect();
    pairs.map(|(name, list)| (topic(name), numbers(list))).collect()
}

pub(super) fn shown(partitions: &PartitionsByTopic) -> String {
    let list =
        |numbers: &std::collections::BTreeSet<i32>| numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let name = |topic: &TopicId| topic.0.as_u128();
    let texts: Vec<_> =
        partitions.iter().map(|(topic, numbers)| format!("t{}:{}", name(topic), list(numbers))).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(" ") }
}

fn state(name: &str) -> MemberState {
    let states = [0, 1, 2, 127].map(MemberState::of_code);
    states.into_iter().find(|state| state.name() == name).unwrap_or_else(|| panic!("no state: {name}"))
}

fn after(words: &[&str], name: &str) -> PartitionsByTopic {
    words.iter().position(|word| *word == name).map_or_else(PartitionsByTopic::new, |at| partitions(&words[at + 1..]))
}

impl StepStage {
    fn step(&mut self, epoch: i32, target: &PartitionsByTopic) {
        let is_free = |topic: TopicId, partition: i32| match &self.owned {
            Owned::Nothing => true,
            Owned::Elsewhere(topics) => !topics.is_empty() && !topics.contains(&topic),
            Owned::These(owned) => !super::super::reconcile::contains(owned, topic, partition),
        };
        let target = Target { epoch, partitions: target, owned: self.says.as_ref() };
        self.outcome = next_assignment(&self.member, &target, is_free);
    }
}

impl Stage for StepStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "member" => {
                let mut member = Member::new(MemberId::new("member"));
                member.state = state(words[1]);
                member.epoch = words[2].parse().expect("an epoch");
                member.previous_epoch = words[4].parse().expect("an epoch");
                member.assigned = after(words, "has");
                member.pending_revocation = after(words, "gives-up");
                *self = StepStage { member, ..StepStage::default() };
            }
            "owned" => {
                self.owned = match words[1] {
                    "nobody" => Owned::Nothing,
                    "elsewhere" => Owned::Elsewhere(words[2..].iter().map(|name| topic(name)).collect()),
                    _ => Owned::These(partitions(&words[1..])),
                };
            }
            "says" => self.says = (words[1] != "nothing").then(|| partitions(&words[1..])),
            "target" => self.step(words[1].parse().expect("an epoch"), &partitions(&words[2..])),
            other => panic!("no command: {other}"),
        }
        Vec::new()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        let member = match (words[0], &self.outcome) {
            ("refused", Err(refusal)) => return format!("{:?}", refusal.error),
            (_, outcome) => outcome.as_ref().expect("the step was taken"),
        };
        match words[0] {
            "state" => member.state.name().to_owned(),
            "epoch" => format!("{} after {}", member.epoch, member.previous_epoch),
            "has" => shown(&member.assigned),
            "gives-up" => shown(&member.pending_revocation),
            "moved" => (*member != self.member).to_string(),
            other => panic!("no fact: {other}"),
        }
    }
}

vectors! { StepStage::default();
    a_member_takes_one_step = "step.txt";
}
