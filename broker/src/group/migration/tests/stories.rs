//! What members of both protocols hear while their group changes. What a vector is says [`crate::tests`].
//!
//! ```text
//!   group [policy NAME] [classic-max N] [max N]     a new group, of nobody; topics as they are
//!   topics t1 6
//!   old A joins t1 [as INSTANCE] [anew]             JoinGroup; 'anew' without a member id
//!   old A syncs [A=t1:0,1 B=t1:2,3]                 SyncGroup; assignments from the leader of a classic group
//!   old A beats | leaves [as INSTANCE]              Heartbeat, LeaveGroup
//!   new B joins t1 [as INSTANCE]                    ConsumerGroupHeartbeat with epoch 0
//!   new B beats | acks | leaves                     a heartbeat; one that says what B owns; a goodbye
//!   old A | new B commits t1:0,1 at 5               OffsetCommit in its generation or epoch
//!   admin deletes | forgets t1:0,1                  DeleteGroups, OffsetDelete
//!   wait MS    reload    lose-write
//! ```
//!
//! A client of either kind owns what it was told last; a classic one that joins again says so in its subscription, and
//! gives up everything else. Behind `<` stands what it hears.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::bench::{Bench, topic_id};
use crate::api::consumer_protocol::{decode_assignment, encode_assignment, encode_subscription};
use crate::config::{GroupCoordinatorSettings, Properties};
use crate::event::GroupEvent;
use crate::ids::*;
use crate::message::*;
use crate::tests::{Stage, vectors};

#[derive(Default)]
struct Client {
    member: MemberId,
    /// Its generation or epoch.
    epoch: i32,
    owns: PartitionsByTopic,
    wants: Vec<String>,
    instance: Option<GroupInstanceId>,
}

pub(super) struct MigrationStage {
    pub(super) bench: Bench,
    clients: BTreeMap<String, Client>,
    senders: BTreeMap<RequestHandle, String>,
}

impl Default for MigrationStage {
    fn default() -> Self {
        let bench = Bench::new(GroupCoordinatorSettings::default());
        MigrationStage { bench, clients: BTreeMap::new(), senders: BTreeMap::new() }
    }
}

const GROUP: &str = "g";

fn group_id() -> GroupId {
    GroupId::new(GROUP)
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied()
}

fn partitions(words: &str) -> PartitionsByTopic {
    let (name, list) = words.split_once(':').expect("topic:partitions");
    [(topic_id(name), list.split(',').map(|number| number.parse().expect("a partition")).collect())].into()
}

fn shown(partitions: &PartitionsByTopic) -> String {
    let list =
        |numbers: &std::collections::BTreeSet<i32>| numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let texts: Vec<_> =
        partitions.iter().map(|(topic, numbers)| format!("t{}:{}", topic.0.as_u128(), list(numbers))).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(" ") }
}

fn named(partitions: &PartitionsByTopic) -> Vec<TopicPartition> {
    let name = |topic: &TopicId| format!("t{}", topic.0.as_u128());
    partitions.iter().flat_map(|(id, numbers)| numbers.iter().map(|it| TopicPartition::new(&name(id), *it))).collect()
}

impl MigrationStage {
    fn start(&mut self, words: &[&str]) {
        let mut properties = Properties::new();
        for (word, name) in [
            ("policy", "group.consumer.migration.policy"),
            ("classic-max", "group.max.size"),
            ("max", "group.consumer.max.size"),
        ] {
            if let Some(value) = after(words, word) {
                properties.insert(name.to_owned(), value.to_owned());
            }
        }
        let settings = GroupCoordinatorSettings::from_properties(&properties).expect("legal settings");
        *self = MigrationStage { bench: Bench::new(settings), ..MigrationStage::default() };
    }

    fn send(&mut self, name: &str, version: i16, request: impl Into<Request>) {
        let handle = self.bench.send(version, request);
        self.senders.insert(handle, name.to_owned());
    }

    fn old(&mut self, words: &[&str]) {
        let name = words[1];
        let client = self.clients.entry(name.to_owned()).or_default();
        if let Some(instance) = after(words, "as") {
            client.instance = Some(GroupInstanceId::new(instance));
        }
        let (member, instance, generation) = (client.member.clone(), client.instance.clone(), client.epoch);
        match words[2] {
            "joins" => {
                client.wants = words[3].split(',').map(str::to_owned).collect();
                if words.contains(&"anew") {
                    client.member = MemberId::default();
                    client.owns = PartitionsByTopic::new();
                }
                let request = join_request(client);
                self.send(name, 9, request);
            }
            "syncs" => {
                let assignments = words[3..].iter().filter_map(|word| word.split_once('='));
                let assignments =
                    assignments.map(|(to, list)| (self.clients[to].member.clone(), assignment(list))).collect();
                let (protocol_type, protocol_name) = (Some("consumer".to_owned()), Some("range".to_owned()));
                let request = SyncGroupRequest {
                    group: group_id(),
                    generation,
                    member,
                    instance,
                    protocol_type,
                    protocol_name,
                    assignments,
                };
                self.send(name, 5, request);
            }
            "beats" => self.send(name, 4, HeartbeatRequest { group: group_id(), generation, member, instance }),
            "leaves" => {
                let members = vec![LeavingMember { member, instance, reason: None }];
                self.send(name, 5, LeaveGroupRequest { group: group_id(), members });
            }
            "commits" => self.commits(words),
            other => panic!("a classic member does not {other}"),
        }
    }

    /// Whether somebody has come by this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.clients.contains_key(name)
    }

    fn commits(&mut self, words: &[&str]) {
        let (name, offset) = (words[1], after(words, "at").and_then(|at| at.parse().ok()).expect("an offset"));
        let client = &self.clients[name];
        let offset =
            |partition| OffsetCommitPartition { partition, offset, leader_epoch: LeaderEpoch::NONE, metadata: None };
        let request = OffsetCommitRequest {
            group: group_id(),
            generation_or_member_epoch: client.epoch,
            member: client.member.clone(),
            instance: client.instance.clone(),
            retention_time_ms: -1,
            partitions: named(&partitions(words[3])).into_iter().map(offset).collect(),
        };
        self.send(name, 9, request);
    }

    fn administers(&mut self, words: &[&str]) {
        self.clients.entry(words[0].to_owned()).or_default();
        match words[1] {
            "deletes" => self.send(words[0], 2, DeleteGroupsRequest { groups: vec![group_id()] }),
            "forgets" => {
                let partitions = named(&partitions(words[2]));
                self.send(words[0], 0, OffsetDeleteRequest { group: group_id(), partitions });
            }
            other => panic!("an administrator does not {other}"),
        }
    }

    fn arrives(&mut self, words: &[&str]) {
        let name = words[1];
        let client = self.clients.entry(name.to_owned()).or_default();
        if words[2] == "commits" {
            return self.commits(words);
        }
        if let Some(instance) = after(words, "as") {
            client.instance = Some(GroupInstanceId::new(instance));
        }
        let mut request = ConsumerGroupHeartbeatRequest {
            group: group_id(),
            member: MemberId::new(name),
            member_epoch: client.epoch,
            instance: client.instance.clone(),
            rack: None,
            rebalance_timeout_ms: -1,
            subscribed_topic_names: None,
            subscribed_topic_regex: None,
            server_assignor: None,
            owned: None,
        };
        match words[2] {
            "joins" => {
                request.member_epoch = 0;
                request.rebalance_timeout_ms = 60_000;
                request.subscribed_topic_names = Some(words[3].split(',').map(str::to_owned).collect());
                request.owned = Some(PartitionsByTopic::new());
                client.member = MemberId::new(name);
            }
            "beats" => {}
            "acks" => request.owned = Some(client.owns.clone()),
            "leaves" => request.member_epoch = if words.contains(&"for-a-while") { -2 } else { -1 },
            other => panic!("a new member does not {other}"),
        }
        self.send(name, 1, request);
    }

    /// What everybody heard, and what happened.
    fn tell(&mut self) -> Vec<String> {
        let mut lines: Vec<String> =
            std::mem::take(&mut self.bench.events).iter().filter_map(|it| self.line(it)).collect();
        for (handle, response) in std::mem::take(&mut self.bench.answers) {
            let name = self.senders[&handle].clone();
            let again = response_wants_id(&response);
            let heard = self.hear(&name, response);
            lines.push(format!("< {name} {heard}"));
            if again {
                let client = &self.clients[&name];
                let request = join_request(client);
                self.send(&name, 9, request);
                lines.extend(self.tell());
            }
        }
        lines
    }

    fn hear(&mut self, name: &str, response: Response) -> String {
        let client = self.clients.get_mut(name).expect("a client");
        let error = |error: ErrorCode| format!("{error:?}");
        match response {
            Response::JoinGroup(join) => {
                if !join.member.is_empty() {
                    client.member = join.member;
                }
                if !join.error.is_none() {
                    return error(join.error);
                }
                client.epoch = join.generation;
                let leads = if join.leader == client.member { ", leads" } else { "" };
                format!("joined, generation {}{leads}", join.generation)
            }
            Response::SyncGroup(sync) if sync.error.is_none() => {
                client.owns = decoded(&sync.assignment);
                format!("may own {}", shown(&client.owns))
            }
            Response::SyncGroup(sync) => error(sync.error),
            Response::Heartbeat(heartbeat) => error(heartbeat.error),
            Response::LeaveGroup(leave) => error(leave.members.first().map_or(leave.error, |it| it.error)),
            Response::ConsumerGroupHeartbeat(beat) if beat.error.is_none() => {
                client.epoch = beat.member_epoch;
                match beat.assignment {
                    Some(told) => {
                        client.owns = told;
                        format!("epoch {}: {}", client.epoch, shown(&client.owns))
                    }
                    None => format!("epoch {}", client.epoch),
                }
            }
            Response::ConsumerGroupHeartbeat(beat) => error(beat.error),
            Response::OffsetCommit(commit) => error(commit.partitions.first().expect("one was sent").1),
            Response::DeleteGroups(deletion) => error(deletion.results.first().expect("one was sent").1),
            Response::OffsetDelete(deletion) => {
                error(deletion.partitions.first().map_or(deletion.error, |(_, error)| *error))
            }
            other => panic!("nobody asked for {other:?}"),
        }
    }

    fn line(&self, event: &GroupEvent) -> Option<String> {
        let name = |member: &MemberId| {
            let known = self.clients.iter().find(|(_, client)| client.member == *member);
            known.map_or_else(|| "?".to_owned(), |(name, _)| name.clone())
        };
        Some(match event {
            GroupEvent::GroupForgotten { reason, .. } => format!("the group is no more: {reason:?}"),
            GroupEvent::GroupStateChanged { from, to, .. } => format!("{from} to {to}"),
            GroupEvent::RebalanceBegun { reason, .. } => format!("all are called together: {reason:?}"),
            GroupEvent::GroupEpochBumped { epoch, reason, .. } => format!("group epoch {epoch}: {reason:?}"),
            GroupEvent::MemberRemoved { member, reason, .. } => format!("{} is removed: {reason:?}", name(member)),
            GroupEvent::MemberMoved { member, epoch, state, assigned, revoking, .. } => {
                let gives_up =
                    if revoking.is_empty() { String::new() } else { format!(", gives up {}", shown(revoking)) };
                format!("{} {state} in epoch {epoch}: {}{gives_up}", name(member), shown(assigned))
            }
            _ => return None,
        })
    }
}

fn response_wants_id(response: &Response) -> bool {
    matches!(response, Response::JoinGroup(join) if join.error == ErrorCode::MemberIdRequired)
}

fn join_request(client: &Client) -> JoinGroupRequest {
    let topics = client.wants.iter().map(|name| TopicName::new(name)).collect();
    let subscription = ConsumerSubscription { topics, owned: named(&client.owns), ..ConsumerSubscription::default() };
    JoinGroupRequest {
        group: group_id(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 60_000,
        member: client.member.clone(),
        instance: client.instance.clone(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupProtocol { name: "range".to_owned(), metadata: encode_subscription(&subscription) }],
        reason: None,
    }
}

fn assignment(list: &str) -> Bytes {
    encode_assignment(&ConsumerAssignment { partitions: named(&partitions(list)), user_data: None })
}

fn decoded(bytes: &Bytes) -> PartitionsByTopic {
    let mut owned = PartitionsByTopic::new();
    // Whom the leader forgets has nothing.
    if bytes.is_empty() {
        return owned;
    }
    for it in decode_assignment(bytes).expect("an assignment").partitions {
        owned.entry(topic_id(it.topic.as_str())).or_default().insert(it.partition);
    }
    owned
}

impl Stage for MigrationStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        match words[0] {
            "group" => self.start(words),
            "topics" => {
                words[1..]
                    .chunks(2)
                    .for_each(|pair| self.bench.create_topic(pair[0], pair[1].parse().expect("a count")));
            }
            "old" => self.old(words),
            "new" => self.arrives(words),
            "admin" => self.administers(words),
            "wait" => self.bench.wait(Duration::from_millis(words[1].parse().expect("milliseconds"))),
            "reload" => self.bench.reload(),
            "lose-write" => self.bench.lose_next_write = true,
            other => panic!("no command: {other}"),
        }
        self.tell()
    }

    fn fact(&mut self, words: &[&str]) -> String {
        match words {
            ["group"] => self
                .bench
                .shard
                .listed_group(&group_id())
                .map_or("none".to_owned(), |group| format!("{} {}", group.group_type, group.state)),
            ["owns", name] => shown(&self.clients[*name].owns),
            ["epoch", name] => self.clients[*name].epoch.to_string(),
            other => panic!("no fact: {other:?}"),
        }
    }
}

vectors! { MigrationStage::default();
    an_empty_group_goes_either_way = "empty.txt";
    a_group_of_consumers_is_upgraded_while_it_lives = "upgrade.txt";
    a_group_goes_back_when_the_last_new_member_goes = "downgrade.txt";
    classic_members_live_in_a_new_group = "mixed.txt";
    the_policy_says_which_way_is_open = "policy.txt";
}
