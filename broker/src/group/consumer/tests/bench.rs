//! A coordinator with one KIP-848 group: it writes to a list of records, and what it writes is committed at once.
//!
//! After every write the group must be sound, and a coordinator that reads the list must know the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::timers::RETRY_BACKOFF;
use super::super::*;
use super::reconcile::{shown, topic};
use crate::choice::{Choice, Choices};
use crate::config::{Behaviour, Switch};
use crate::event::{Event, GroupEvent};
use crate::group::contract::RequestContext;
use crate::group::tests::registration;
use crate::group::timers::GroupTimer;
use crate::ids::*;
use crate::message::*;
use crate::metadata::MetadataRecord;
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

/// Ids that differ.
#[derive(Default)]
struct CountingChoices(u64);

impl Choices for CountingChoices {
    fn choose(&mut self, _: Choice) -> u64 {
        self.0 += 1;
        self.0
    }
}

pub(super) struct Bench {
    pub group: Option<ConsumerGroup>,
    pub log: Vec<GroupRecord>,
    pub settings: GroupCoordinatorSettings,
    pub behaviour: Behaviour,
    pub said: Vec<String>,
    /// The next write is taken back.
    pub lose_next_write: bool,
    pub timers: Timers,
    image: MetadataImage,
    soft: ConsumerSoftState,
    now: Time,
    storage: MemoryStorage,
    choices: CountingChoices,
}

impl Default for Bench {
    fn default() -> Self {
        let mut bench = Bench {
            group: None,
            log: Vec::new(),
            settings: GroupCoordinatorSettings::default(),
            behaviour: Behaviour::default(),
            said: Vec::new(),
            lose_next_write: false,
            timers: Timers::default(),
            image: MetadataImage::default(),
            soft: ConsumerSoftState::default(),
            now: Time::ZERO,
            storage: MemoryStorage::default(),
            choices: CountingChoices::default(),
        };
        bench.soft.image_changed(0, false);
        bench
    }
}

fn group_id() -> GroupId {
    GroupId::new("g")
}

impl Bench {
    /// Works on the group; events become lines.
    fn with<T>(&mut self, work: impl FnOnce(&mut Coordination<'_, '_>, &ConsumerGroup) -> T) -> T {
        self.try_with(|of, group| Ok(work(of, group))).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    /// The same; a refused request leaves no lines.
    fn try_with<T>(
        &mut self,
        work: impl FnOnce(&mut Coordination<'_, '_>, &ConsumerGroup) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let group = self.group.clone().unwrap_or_else(|| ConsumerGroup::new(group_id()));
        let wall = WallTime(1_700_000_000_000_000 + self.now.0);
        let now = Now { monotonic: self.now, wall };
        let mut ctx = Context::new(now, &mut self.storage, &mut self.choices);
        let (settings, behaviour) = (&self.settings, &self.behaviour);
        let (timers, soft) = (&mut self.timers, &mut self.soft);
        let mut of = Coordination::new(&mut ctx, &self.image, settings, behaviour, timers, soft);
        let result = work(&mut of, &group);
        if result.is_ok() {
            of.tell();
        }
        let events = ctx.take_effects().events;
        self.said.extend(events.iter().filter_map(line));
        result
    }

    /// Takes a decision's records in, and holds what must hold then. Whether they stay.
    fn write(&mut self, records: Vec<GroupRecord>) -> bool {
        if std::mem::take(&mut self.lose_next_write) {
            self.said.push("the write is taken back".to_owned());
            return false;
        }
        for record in &records {
            replay(&mut self.group, record.clone(), &self.behaviour);
        }
        self.log.extend(records);
        self.assert_sound();
        true
    }

    fn assert_sound(&self) {
        if let Some(group) = &self.group {
            group.assert_invariants(!self.behaviour.is(Switch::PartitionEpochLostOnReassign));
        }
        self.timers.assert_invariants();
        let mut again = None;
        self.log.iter().for_each(|record| replay(&mut again, record.clone(), &self.behaviour));
        assert_eq!(again, self.group, "who reads the records knows the same");
    }

    pub fn beat(&mut self, request: &ConsumerGroupHeartbeatRequest) -> Result<ConsumerGroupHeartbeatResponse, Refusal> {
        if self.group.is_none() && request.member_epoch != JOIN_EPOCH {
            return Err(Refusal::new(ErrorCode::GroupIdNotFound, "no such group"));
        }
        let who = RequestContext {
            handle: RequestHandle { connection: ConnectionId(1), correlation_id: 1 },
            version: 1,
            client_id: "client".to_owned(),
            client_host: "c1".to_owned(),
        };
        let outcome = if request.member_epoch < 0 {
            self.try_with(|of, group| {
                leave(of, group, request).map(|(goodbye, response)| match goodbye {
                    Goodbye::Keeps(records) => (records, response),
                    Goodbye::Removes(member) => {
                        (fence_members(of, group, &[*member], crate::event::RemovalReason::Left), response)
                    }
                })
            })
        } else {
            self.try_with(|of, group| heartbeat(of, group, &who, request, Vec::new()))
        };
        let (records, response) = outcome?;
        let lost = || Refusal::new(ErrorCode::CoordinatorNotAvailable, "the write failed");
        self.write(records).then_some(response).ok_or_else(lost)
    }

    /// Lets time pass, and timers fire.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.timers.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let timer = self.timers.take_due(self.now).expect("one is due");
            self.fire(&timer);
        }
        self.now = end;
    }

    fn fire(&mut self, timer: &GroupTimer) {
        let records = match timer {
            GroupTimer::ConsumerRegex { group } => {
                let work = self.soft.take_lookup(group).expect("a lookup has ended");
                let records = self.with(|of, group| regexes_resolved(of, group, work));
                // What is not written is looked up again when a member's heartbeat asks for it.
                self.write(records);
                return;
            }
            GroupTimer::ConsumerSession { member, .. } | GroupTimer::ConsumerRebalance { member, .. } => {
                self.with(|of, group| match of.timer_fired(group, member, timer) {
                    TimerFate::Remove(member, reason) => fence_members(of, group, &[*member], reason),
                    TimerFate::Ignored => Vec::new(),
                })
            }
            other => panic!("{other:?} in a group without classic members"),
        };
        if !self.write(records) {
            self.timers.arm(timer.clone(), self.now + RETRY_BACKOFF);
        }
    }

    /// Another coordinator reads the records.
    pub fn reload(&mut self) {
        self.timers.clear();
        self.soft = ConsumerSoftState::default();
        self.soft.image_changed(self.image.last_offset(), false);
        if self.group.is_some() {
            self.with(|of, group| of.group_loaded(group));
        }
    }

    /// Topics are created, or get more partitions.
    pub fn set_topic(&mut self, name: &str, partitions: i32) {
        let (topic_id, topic_name) = (topic(name), TopicName::new(name));
        let known = self.image.topic(&topic_name).map_or(0, |topic| topic.partitions.len());
        let mut offset = self.image.last_offset() + 1;
        if known == 0 {
            self.image.apply(offset, &MetadataRecord::Topic { name: topic_name, topic_id });
        }
        for partition in i32::try_from(known).expect("few")..partitions {
            offset += 1;
            self.image.apply(offset, &MetadataRecord::Partition { partition, topic_id, registration: registration() });
        }
        self.soft.image_changed(self.image.last_offset(), known == 0);
        // The bench's only group is told of every change.
        self.soft.request_refresh(&group_id());
    }

    pub fn topics(&self) -> BTreeMap<TopicId, i32> {
        self.image.topics().map(|topic| (topic.topic_id, i32::try_from(topic.partitions.len()).expect("few"))).collect()
    }
}

/// What a shard does with a record.
fn replay(group: &mut Option<ConsumerGroup>, record: GroupRecord, behaviour: &Behaviour) {
    if group.is_none() && is_tombstone(&record) {
        return;
    }
    let known = group.get_or_insert_with(|| ConsumerGroup::new(group_id()));
    match known.replay(record, behaviour).unwrap_or_else(|error| panic!("{error}")) {
        Replayed::Kept => {}
        Replayed::Removed => *group = None,
    }
}

fn line(event: &Event) -> Option<String> {
    let Event::Group(event) = event else { return None };
    Some(match event {
        GroupEvent::MemberAdded { member, .. } => format!("{member} is new"),
        GroupEvent::MemberReplaced { old, new, .. } => format!("{new} takes the place of {old}"),
        GroupEvent::MemberRemoved { member, reason, .. } => format!("{member} is removed: {reason:?}"),
        GroupEvent::GroupEpochBumped { epoch, reason, .. } => format!("group epoch {epoch}: {reason:?}"),
        GroupEvent::TargetAssigned { epoch, assignor, changed, .. } => {
            format!("target for epoch {epoch} by {assignor}, {changed} changed")
        }
        GroupEvent::MemberMoved { member, epoch, state, assigned, revoking, .. } => {
            let gives_up = if revoking.is_empty() { String::new() } else { format!(", gives up {}", shown(revoking)) };
            format!("{member} {state} in epoch {epoch}: {}{gives_up}", shown(assigned))
        }
        other => format!("{other:?}"),
    })
}

/// A heartbeat that says nothing but that a member lives.
pub(super) fn plain(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group: group_id(),
        member: MemberId::new(member),
        member_epoch: epoch,
        instance: None,
        rack: None,
        rebalance_timeout_ms: -1,
        subscribed_topic_names: None,
        subscribed_topic_regex: None,
        server_assignor: None,
        owned: None,
    }
}

/// A member joins with these topics.
pub(super) fn joining(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(topics.iter().map(|name| (*name).to_owned()).collect()),
        owned: Some(PartitionsByTopic::new()),
        ..plain(member, JOIN_EPOCH)
    }
}

/// Every partition that members may own, each with its owners.
pub(super) fn owners(group: &ConsumerGroup) -> BTreeMap<(TopicId, i32), BTreeSet<MemberId>> {
    let mut owners: BTreeMap<(TopicId, i32), BTreeSet<MemberId>> = BTreeMap::new();
    for member in group.members() {
        for (topic, numbers) in member.assigned.iter().chain(&member.pending_revocation) {
            for number in numbers {
                owners.entry((*topic, *number)).or_default().insert(member.id.clone());
            }
        }
    }
    owners
}
