//! Stories of KIP-848 groups as texts, with what Kafka's `GroupMetadataManagerTest` and `ConsumerGroupTest` assert in them.
//! What a vector is says [`crate::tests`].
//!
//! ```text
//!   topics t1 6 t2 3                  topics are created, or get more partitions
//!   join A t1,t2 [as INSTANCE] [regex EXPRESSION] [assignor NAME] [patience MS]      '-' for no topic
//!   beat A [in EPOCH] [wants t1,t2] [regex EXPRESSION] [as INSTANCE] [patience MS] [owns t1:0,1 …]   epoch as it heard
//!   ack A                             a heartbeat that says: I own what I was told
//!   leave A [for-a-while] [as INSTANCE]
//!   commit A in EPOCH [version V]     whether an offset would be taken
//!   wait MS      reload               a new coordinator reads the records
//!   lose-write                        the next write is taken back
//!   limit N                           group.consumer.max.size
//! ```
//!
//! Behind `<` stands what the member hears.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::*;
use super::bench::{Bench, joining, plain};
use super::reconcile::{partitions, shown};
use crate::group::offsets::CommitRequest;
use crate::ids::{GroupInstanceId, MemberId};
use crate::message::{ConsumerGroupHeartbeatRequest, PartitionsByTopic};
use crate::tests::{Stage, vectors};

#[derive(Default)]
struct StoryStage {
    bench: Bench,
    /// What each member has heard: its epoch, its assignment.
    heard: BTreeMap<String, (i32, PartitionsByTopic)>,
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied()
}

fn names(word: &str) -> Vec<String> {
    word.split(',').filter(|name| *name != "-").map(str::to_owned).collect()
}

impl StoryStage {
    fn send(&mut self, name: &str, words: &[&str], mut request: ConsumerGroupHeartbeatRequest) {
        request.instance = after(words, "as").map(GroupInstanceId::new);
        request.subscribed_topic_regex = after(words, "regex").map(str::to_owned);
        if let Some(patience) = after(words, "patience") {
            request.rebalance_timeout_ms = patience.parse().expect("milliseconds");
        }
        request.server_assignor = after(words, "assignor").map(str::to_owned);
        let heard = match self.bench.beat(&request) {
            Err(refusal) => format!("{:?}", refusal.error),
            Ok(response) => {
                let member = response.member.expect("who was accepted has an id");
                assert!(name == "?" || member.as_str() == name, "{member} is spoken to as {name}");
                let known = self.heard.entry(member.to_string()).or_default();
                known.0 = response.member_epoch;
                let told = response.assignment.map(|assignment| {
                    let text = shown(&assignment);
                    known.1 = assignment;
                    format!(": {text}")
                });
                format!("epoch {}{}", response.member_epoch, told.unwrap_or_default())
            }
        };
        self.bench.said.push(format!("< {name} {heard}"));
    }

    fn join(&mut self, words: &[&str]) {
        let topics = names(words[2]);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut request = joining(if words[1] == "?" { "" } else { words[1] }, &topics);
        if words[2] == "-" && after(words, "regex").is_some() {
            request.subscribed_topic_names = None;
        }
        self.send(words[1], words, request);
    }

    fn beat(&mut self, words: &[&str], says_all: bool) {
        let (epoch, has) = self.heard.get(words[1]).cloned().unwrap_or_default();
        let epoch = after(words, "in").map_or(epoch, |epoch| epoch.parse().expect("an epoch"));
        let mut request = plain(words[1], epoch);
        request.subscribed_topic_names = after(words, "wants").map(names);
        let owns = words.iter().position(|word| *word == "owns").map(|at| partitions(&words[at + 1..]));
        request.owned = owns.or(says_all.then_some(has));
        self.send(words[1], words, request);
    }

    fn commit(&mut self, words: &[&str]) {
        let member = MemberId::new(if words[1] == "nobody" { "" } else { words[1] });
        let by = CommitRequest {
            member: &member,
            instance: None,
            epoch: after(words, "in").expect("in EPOCH").parse().expect("an epoch"),
            is_transactional: words.contains(&"transactional"),
            version: after(words, "version").map_or(9, |version| version.parse().expect("a version")),
        };
        let outcome = self.bench.group.as_ref().expect("a group").validate_commit(&by);
        self.bench.said.push(format!(
            "< {} {}",
            words[1],
            outcome.map_or_else(|error| format!("{error:?}"), |()| "taken".to_owned())
        ));
    }
}

impl Stage for StoryStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "new-group" => *self = StoryStage::default(),
            "topics" => {
                words[1..].chunks(2).for_each(|pair| self.bench.set_topic(pair[0], pair[1].parse().expect("a count")))
            }
            "join" => self.join(words),
            "beat" => self.beat(words, false),
            "ack" => self.beat(words, true),
            "leave" => {
                let epoch = if words.contains(&"for-a-while") { LEAVE_STATIC_EPOCH } else { LEAVE_EPOCH };
                self.send(words[1], words, plain(words[1], epoch));
            }
            "commit" => self.commit(words),
            "wait" => self.bench.wait(Duration::from_millis(words[1].parse().expect("milliseconds"))),
            "reload" => self.bench.reload(),
            "lose-write" => self.bench.lose_next_write = true,
            "limit" => self.bench.settings.consumer_max_size = words[1].parse().expect("a size"),
            other => panic!("no command: {other}"),
        }
        std::mem::take(&mut self.bench.said)
    }

    fn fact(&mut self, words: &[&str]) -> String {
        let group = self.bench.group.as_ref().expect("a group");
        match words {
            ["heard", member] => {
                let (epoch, has) = &self.heard[*member];
                format!("epoch {epoch}, {}", shown(has))
            }
            ["group"] => format!("{}, epoch {}, target {}", group.state().name(), group.epoch, group.target_epoch),
            ["members"] => group.members().map(|member| member.id.to_string()).collect::<Vec<_>>().join(" "),
            ["state", member] => group.member(&MemberId::new(member)).expect("a member").state.name().to_owned(),
            ["epochs", member] => {
                let member = group.member(&MemberId::new(member)).expect("a member");
                format!("{} after {}", member.epoch, member.previous_epoch)
            }
            ["target", member] => shown(group.target(&MemberId::new(member))),
            ["told"] => self.bench.said.join(" "),
            other => panic!("no fact: {other:?}"),
        }
    }
}

vectors! { StoryStage::default();
    epochs_of_heartbeats_are_validated = "epochs.txt";
    members_join_one_by_one_and_partitions_move = "reconciliation.txt";
    static_members_leave_and_come_back = "static_members.txt";
    members_that_are_silent_or_slow_are_removed = "timeouts.txt";
    topics_by_expression = "expressions.txt";
}
