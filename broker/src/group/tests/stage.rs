//! How stories about groups are told and shown.
//!
//! ```text
//!   shard [max-size N] [initial-delay MS] [retention MINUTES] [metadata-bytes N] [switch NAME]
//!   join NAME [static X] [protocols range,sticky] [reads TOPIC,TOPIC] [session MS] [rebalance MS] [version N] [type T] [id ID|none]
//!   sync NAME [generation N] [assign NAME:WHAT,NAME:WHAT] [type T] [protocol P] [static X] [id ID]
//!   beat NAME [generation N] [static X] [id ID]
//!   leave NAME…          leave static X…
//!   commit NAME|nobody PARTITION OFFSET [generation N] [static X] [version N] [metadata N] [keep MS] [id ID]
//!   transaction PRODUCER PARTITION OFFSET [NAME]     end PRODUCER commit|abort
//!   fetch PARTITION…|all [stable]     forget PARTITION…     forget group     list [state S] [type T]     describe [version N]
//!   topic-deleted PARTITION…     hold     write     fail ERROR     time-out     wait MS
//!   fail-over           max-size N (of the next coordinator)
//! ```
//!
//! A name stands for a client, with the member id that it was given last; `id` says another, as it is shown. A generation that is not
//! said is the group's. Members are shown as `a-1`: the client, and which id it is. Behind `<` stands what is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::super::classic::ClassicGroup;
use super::super::contract::MetadataChange;
use super::{Answer, Bench};
use crate::config::{Behaviour, GroupCoordinatorSettings, Properties, Switch};
use crate::event::GroupEvent;
use crate::ids::*;
use crate::message::*;
use crate::metadata::MetadataImage;
use crate::tests::{Stage, argument};

/// The group of every story.
const GROUP: &str = "group";

pub(super) struct GroupStage {
    pub(super) bench: Bench,
    /// The member id that each client was given last.
    ids: BTreeMap<String, MemberId>,
    /// Who sent which request.
    senders: BTreeMap<RequestHandle, String>,
    /// The last answer to each client.
    last: BTreeMap<String, String>,
}

impl Default for GroupStage {
    fn default() -> GroupStage {
        let bench = Bench::new(GroupCoordinatorSettings::default(), Behaviour::default());
        GroupStage { bench, ids: BTreeMap::new(), senders: BTreeMap::new(), last: BTreeMap::new() }
    }
}

fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    Some(words.get(at + 1).unwrap_or_else(|| panic!("{name} is followed by a word: {words:?}")))
}

pub(super) fn group_id() -> GroupId {
    GroupId::new(GROUP)
}

pub(super) fn partition(word: &str) -> TopicPartition {
    let (topic, index) = word.rsplit_once('-').unwrap_or_else(|| panic!("no partition: {word}"));
    TopicPartition::new(topic, index.parse().expect("an index"))
}

/// A subscription as consumers write it, version 0.
pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(topics.len() as i32);
    for topic in topics {
        bytes.put_i16(topic.len() as i16);
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

/// `a-00000000-0000-0001-0000-000000000000` as `a-1`.
fn short(member: &MemberId) -> String {
    let id = member.as_str();
    match id.len().checked_sub(36) {
        Some(start) => match uuid::Uuid::parse_str(&id[start..]) {
            Ok(uuid) => format!("{}{}", &id[..start], uuid.as_u64_pair().0),
            Err(_) => id.to_owned(),
        },
        None if id.is_empty() => "none".to_owned(),
        None => id.to_owned(),
    }
}

fn shown<'a>(members: impl IntoIterator<Item = &'a MemberId>) -> String {
    let members: Vec<String> = members.into_iter().map(short).collect();
    if members.is_empty() { "none".to_owned() } else { members.join(",") }
}

impl GroupStage {
    fn start(&mut self, words: &[&str]) {
        let mut properties = Properties::new();
        for (word, name) in [
            ("max-size", "group.max.size"),
            ("initial-delay", "group.initial.rebalance.delay.ms"),
            ("retention", "offsets.retention.minutes"),
            ("metadata-bytes", "offset.metadata.max.bytes"),
        ] {
            if let Some(value) = after(words, word) {
                properties.insert(name.to_owned(), value.to_owned());
            }
        }
        let settings = GroupCoordinatorSettings::from_properties(&properties).expect("legal settings");
        let switch = after(words, "switch").map(|name| {
            serde_json::from_value::<Switch>(serde_json::Value::String(name.to_owned())).expect("a switch")
        });
        let behaviour = Behaviour { switches: switch.into_iter().collect(), ..Behaviour::default() };
        *self = GroupStage { bench: Bench::new(settings, behaviour), ..GroupStage::default() };
    }

    pub(super) fn group(&self) -> Option<Arc<ClassicGroup>> {
        self.bench.shard.classic_group(&self.bench.shard.hard, &group_id())
    }

    fn id(&self, words: &[&str], name: &str) -> MemberId {
        match after(words, "id") {
            Some("none") => MemberId::default(),
            Some(other) => self.named(other),
            None => self.ids.get(name).cloned().unwrap_or_default(),
        }
    }

    /// A client's last member id, or one as it is shown: `a-1`.
    fn named(&self, word: &str) -> MemberId {
        let long = || {
            let (name, number) = word.rsplit_once('-')?;
            Some(MemberId::new(&format!("{name}-{}", uuid::Uuid::from_u64_pair(number.parse().ok()?, 0))))
        };
        self.ids.get(word).cloned().or_else(long).unwrap_or_else(|| MemberId::new(word))
    }

    fn generation(&self, words: &[&str]) -> i32 {
        argument(words, "generation").map_or_else(|| self.group().map_or(-1, |group| group.generation), |it| it as i32)
    }

    fn instance(words: &[&str]) -> Option<GroupInstanceId> {
        after(words, "static").map(GroupInstanceId::new)
    }

    fn ask(&mut self, name: &str, words: &[&str], version: i16, request: impl Into<Request>) {
        let version = argument(words, "version").map_or(version, |version| version as i16);
        // The answer may come within the step.
        let next = RequestHandle { connection: ConnectionId(1), correlation_id: self.bench.next_handle + 1 };
        self.senders.insert(next, name.to_owned());
        let handle = self.bench.ask(name, version, request);
        assert_eq!(handle, next);
    }

    fn join(&mut self, words: &[&str]) {
        let name = words[1];
        let topics: Vec<&str> = after(words, "reads").unwrap_or("t").split(',').collect();
        let metadata = subscription(&topics);
        let names = after(words, "protocols").unwrap_or("range").split(',').filter(|name| *name != "none");
        let protocols = names.map(|name| JoinGroupProtocol { name: name.to_owned(), metadata: metadata.clone() });
        let request = JoinGroupRequest {
            group: group_id(),
            session_timeout_ms: argument(words, "session").unwrap_or(10_000) as i32,
            rebalance_timeout_ms: argument(words, "rebalance").unwrap_or(300_000) as i32,
            member: self.id(words, name),
            instance: Self::instance(words),
            protocol_type: after(words, "type").unwrap_or("consumer").replace("none", ""),
            protocols: protocols.collect(),
            reason: None,
        };
        self.ask(name, words, 9, request);
    }

    fn sync(&mut self, words: &[&str]) {
        let assignments = after(words, "assign").unwrap_or("").split(',').filter(|pair| !pair.is_empty());
        let assignments = assignments.map(|pair| {
            let (name, what) = pair.split_once(':').expect("NAME:WHAT");
            (self.ids[name].clone(), Bytes::copy_from_slice(what.as_bytes()))
        });
        let request = SyncGroupRequest {
            group: group_id(),
            generation: self.generation(words),
            member: self.id(words, words[1]),
            instance: Self::instance(words),
            protocol_type: after(words, "type").map(str::to_owned),
            protocol_name: after(words, "protocol").map(str::to_owned),
            assignments: assignments.collect(),
        };
        self.ask(words[1], words, 5, request);
    }

    fn beat(&mut self, words: &[&str]) {
        let (generation, member) = (self.generation(words), self.id(words, words[1]));
        let instance = Self::instance(words);
        self.ask(words[1], words, 4, HeartbeatRequest { group: group_id(), generation, member, instance });
    }

    fn leave(&mut self, words: &[&str]) {
        let leaving = |member, instance| LeavingMember { member, instance, reason: None };
        let members = if words[1] == "static" {
            words[2..].iter().map(|it| leaving(MemberId::default(), Some(GroupInstanceId::new(it)))).collect()
        } else {
            words[1..].iter().map(|name| leaving(self.named(name), None)).collect()
        };
        self.ask("leaver", words, 5, LeaveGroupRequest { group: group_id(), members });
    }

    fn commit(&mut self, words: &[&str]) {
        let is_nobody = words[1] == "nobody";
        let length = argument(words, "metadata").unwrap_or(0) as usize;
        let generation =
            if is_nobody { argument(words, "generation").unwrap_or(-1) as i32 } else { self.generation(words) };
        let request = OffsetCommitRequest {
            group: group_id(),
            generation_or_member_epoch: generation,
            member: if is_nobody { MemberId::default() } else { self.id(words, words[1]) },
            instance: Self::instance(words),
            retention_time_ms: argument(words, "keep").unwrap_or(-1),
            partitions: vec![OffsetCommitPartition {
                partition: partition(words[2]),
                offset: words[3].parse().expect("an offset"),
                leader_epoch: LeaderEpoch(5),
                metadata: (length > 0).then(|| "é".repeat(length)),
            }],
        };
        self.ask(words[1], words, 9, request);
    }

    fn transaction(&mut self, words: &[&str]) -> Vec<String> {
        let member = words.get(4).map(|name| self.named(name));
        let generation = member.as_ref().map_or(-1, |_| self.generation(words));
        let request = TxnOffsetCommitRequest {
            transactional_id: "tx".to_owned(),
            group: group_id(),
            producer_id: ProducerId(words[1].parse().expect("a producer id")),
            producer_epoch: ProducerEpoch(0),
            generation_or_member_epoch: generation,
            member: member.unwrap_or_default(),
            instance: None,
            partitions: vec![OffsetCommitPartition {
                partition: partition(words[2]),
                offset: words[3].parse().expect("an offset"),
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            }],
        };
        let response = self.bench.ask_transactional(5, &request);
        response.partitions.iter().map(|(partition, error)| format!("< {partition} {}", error.name())).collect()
    }

    fn fetch(&mut self, words: &[&str]) -> Vec<String> {
        let partitions: Vec<TopicPartition> =
            words[1..].iter().filter(|word| word.contains('-')).map(|word| partition(word)).collect();
        let asked = OffsetFetchGroup {
            group: group_id(),
            member: None,
            member_epoch: -1,
            partitions: (words[1] != "all").then_some(partitions),
        };
        if words.contains(&"stable") {
            let request = OffsetFetchRequest { groups: vec![asked], require_stable: true };
            self.ask("reader", words, 9, request);
            return Vec::new();
        }
        let response = self.bench.read(9, OffsetFetchRequest { groups: vec![asked], require_stable: false });
        vec![format!("< {}", response_text(&response))]
    }

    fn show(&self, answer: &Answer) -> String {
        match answer {
            Answer::Failed(error) => format!("{} (the write failed)", error.name()),
            Answer::Said(response) => response_text(response),
        }
    }

    /// What was said since the last command.
    fn said(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = std::mem::take(&mut self.bench.events).iter().filter_map(event_text).collect();
        for (handle, answer) in std::mem::take(&mut self.bench.answers) {
            let name = self.senders.remove(&handle).expect("somebody asked");
            if let Answer::Said(Response::JoinGroup(join)) = &answer
                && matches!(join.error, ErrorCode::None | ErrorCode::MemberIdRequired)
            {
                self.ids.insert(name.clone(), join.member.clone());
            }
            let text = self.show(&answer);
            lines.push(format!("< {name}: {text}"));
            self.last.insert(name, text);
        }
        lines
    }
}

fn response_text(response: &Response) -> String {
    match response {
        Response::JoinGroup(join) if join.error.is_none() => {
            let skip = if join.skip_assignment { ", keeps the assignment" } else { "" };
            format!(
                "generation {}, {}, {} leads {}{skip}",
                join.generation,
                join.protocol_name.as_deref().unwrap_or("no assignor"),
                short(&join.leader),
                shown(join.members.iter().map(|member| &member.member)),
            )
        }
        Response::JoinGroup(join) => format!("{} {}", join.error.name(), short(&join.member)),
        Response::SyncGroup(sync) if sync.error.is_none() => {
            format!("assigned '{}'", String::from_utf8_lossy(&sync.assignment))
        }
        Response::SyncGroup(sync) => sync.error.name().to_owned(),
        Response::Heartbeat(heartbeat) => heartbeat.error.name().to_owned(),
        Response::LeaveGroup(leave) => {
            let members = leave.members.iter().map(|it| match &it.instance {
                Some(instance) => format!("{instance} {}", it.error.name()),
                None => format!("{} {}", short(&it.member), it.error.name()),
            });
            members.collect::<Vec<_>>().join(", ")
        }
        Response::OffsetCommit(commit) => partition_errors(&commit.partitions),
        Response::OffsetDelete(delete) if delete.error.is_none() => partition_errors(&delete.partitions),
        Response::OffsetDelete(delete) => delete.error.name().to_owned(),
        Response::OffsetFetch(fetch) => {
            let told = fetch.groups[0].partitions.iter().map(|it| match it.error {
                ErrorCode::None => format!("{} {}", it.partition, it.offset),
                error => format!("{} {}", it.partition, error.name()),
            });
            let told: Vec<String> = told.collect();
            if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
        }
        Response::DeleteGroups(delete) => delete.results[0].1.name().to_owned(),
        Response::ListGroups(list) => {
            let told = list
                .groups
                .iter()
                .map(|it| format!("{} {} {} '{}'", it.group, it.group_type, it.state, it.protocol_type));
            let told: Vec<String> = told.collect();
            if told.is_empty() { "none".to_owned() } else { told.join(", ") }
        }
        Response::DescribeGroups(describe) => describe.groups.iter().map(described).collect::<Vec<_>>().join(", "),
        other => panic!("no group's answer: {other:?}"),
    }
}

fn partition_errors(partitions: &[(TopicPartition, ErrorCode)]) -> String {
    let told = partitions.iter().map(|(partition, error)| format!("{partition} {}", error.name()));
    told.collect::<Vec<_>>().join(", ")
}

fn described(group: &DescribedGroup) -> String {
    let member = |it: &DescribedGroupMember| {
        format!(
            "{} said {} bytes has '{}'",
            short(&it.member),
            it.metadata.len(),
            String::from_utf8_lossy(&it.assignment)
        )
    };
    let members: Vec<String> = group.members.iter().map(member).collect();
    let members = if members.is_empty() { "nobody".to_owned() } else { members.join("; ") };
    format!("{} {} '{}' '{}': {members}", group.error.name(), group.state, group.protocol_type, group.protocol)
}

/// Answers tell the rest.
fn event_text(event: &GroupEvent) -> Option<String> {
    Some(match event {
        GroupEvent::RebalanceBegun { reason, generation, .. } => {
            format!("rebalance: {reason:?}, generation {generation} ends")
        }
        GroupEvent::GenerationCompleted { generation, members, .. } => {
            format!("generation {generation}: {}", shown(members))
        }
        GroupEvent::MemberReplaced { instance, old, new, .. } => {
            format!("{instance}: {} takes the place of {}", short(new), short(old))
        }
        GroupEvent::MemberRemoved { member, reason, .. } => format!("{} removed: {reason:?}", short(member)),
        GroupEvent::GroupStateChanged { from, to, .. } => format!("{from} -> {to}"),
        GroupEvent::OffsetForgotten { partition, offset, reason, .. } => {
            format!("{partition} at {offset} forgotten: {reason:?}")
        }
        GroupEvent::GroupForgotten { reason, .. } => format!("the group is forgotten: {reason:?}"),
        GroupEvent::MemberAdded { member, .. } => format!("{} added", short(member)),
        GroupEvent::MemberIdGiven { .. }
        | GroupEvent::AssignmentGiven { .. }
        | GroupEvent::OffsetCommitted { .. }
        | GroupEvent::OffsetPending { .. }
        | GroupEvent::GroupRequestRefused { .. } => return None,
        other => panic!("a shard does not say this: {other:?}"),
    })
}

impl Stage for GroupStage {
    fn command(&mut self, words: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        match words[0] {
            "shard" => self.start(words),
            "join" => self.join(words),
            "sync" => self.sync(words),
            "beat" => self.beat(words),
            "leave" => self.leave(words),
            "commit" => self.commit(words),
            "transaction" => lines = self.transaction(words),
            "end" => {
                let producer = ProducerId(words[1].parse().expect("a producer id"));
                self.bench.end_transaction(producer, words[2] == "commit");
            }
            "fetch" => lines = self.fetch(words),
            "forget" if words[1] == "group" => {
                self.ask("admin", words, 2, DeleteGroupsRequest { groups: vec![group_id()] });
            }
            "forget" => {
                let partitions = words[1..].iter().map(|word| partition(word)).collect();
                self.ask("admin", words, 0, OffsetDeleteRequest { group: group_id(), partitions });
            }
            "list" => {
                let filter = |name: &str| after(words, name).map(str::to_owned).into_iter().collect();
                let request = ListGroupsRequest { states: filter("state"), types: filter("type") };
                lines.push(format!("< {}", response_text(&self.bench.read(5, request))));
            }
            "describe" => {
                let version = argument(words, "version").unwrap_or(6) as i16;
                let request = DescribeGroupsRequest { groups: vec![group_id()] };
                lines.push(format!("< {}", response_text(&self.bench.read(version, request))));
            }
            "topic-deleted" => {
                let deleted = words[1..].iter().map(|word| partition(word)).collect();
                let change = MetadataChange { deleted, ..MetadataChange::default() };
                self.bench.step(|shard, ctx| shard.metadata_changed(ctx, &MetadataImage::default(), &change));
            }
            "hold" => self.bench.holds_writes = true,
            "write" => {
                self.bench.holds_writes = false;
                self.bench.step(|_, _| Vec::new());
            }
            "fail" => {
                let error = (-1..130).map(ErrorCode::from_code).find(|error| error.name() == words[1]);
                self.bench.holds_writes = false;
                self.bench.fail(error.unwrap_or_else(|| panic!("no error: {words:?}")));
            }
            "time-out" => self.bench.time_out(),
            "wait" => self.bench.wait(crate::tests::number(words, 1) as u64),
            "fail-over" => self.bench.fail_over(),
            "max-size" => {
                let classic_max_size = crate::tests::number(words, 1) as i32;
                let config = self.bench.config.as_ref().clone();
                self.bench.config = Arc::new(GroupCoordinatorSettings { classic_max_size, ..config });
            }
            other => panic!("unknown command {other}"),
        }
        lines.extend(self.said());
        lines
    }

    fn fact(&mut self, words: &[&str]) -> String {
        let group = self.group();
        let of_group = |read: &dyn Fn(&ClassicGroup) -> String| group.as_deref().map_or("none".to_owned(), read);
        match words[0] {
            "state" => of_group(&|group| group.state.name().to_owned()),
            "generation" => of_group(&|group| group.generation.to_string()),
            "members" => of_group(&|group| shown(group.members.keys())),
            "size" => of_group(&|group| group.members.len().to_string()),
            "leader" => of_group(&|group| shown(&group.leader)),
            "protocol" => of_group(&|group| group.protocol.clone().unwrap_or("none".to_owned())),
            "pending" => of_group(&|group| shown(&group.pending_joins)),
            "awaits" => of_group(&|group| {
                shown(group.members.values().filter(|it| it.awaiting_join.is_some()).map(|it| &it.id))
            }),
            "answer" => self.last.get(words[1]).cloned().unwrap_or_else(|| "none yet".to_owned()),
            "records" => self.bench.log.len().to_string(),
            "committed" => {
                let offsets = self.bench.shard.hard.offsets.of(&group_id());
                let stored = offsets.and_then(|offsets| offsets.committed.get(&partition(words[1])));
                stored.map_or("none".to_owned(), |stored| stored.value.offset.to_string())
            }
            "expires" => {
                let offsets = self.bench.shard.hard.offsets.of(&group_id()).expect("offsets");
                let value = &offsets.committed[&partition(words[1])].value;
                (value.expire_timestamp_ms - value.commit_timestamp_ms).to_string()
            }
            other => panic!("unknown fact {other}"),
        }
    }
}
