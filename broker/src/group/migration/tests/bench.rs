//! A shard that writes to a list of records. After each write a shard that reads the list must know the same.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::choice::{Choice, Choices};
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::event::{Event, GroupEvent};
use crate::group::contract::{Decision, MetadataChange, ReplyWhen, RequestContext};
use crate::group::record::GroupRecord;
use crate::group::shard::Shard;
use crate::group::tests::registration;
use crate::ids::*;
use crate::message::*;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

#[derive(Default)]
struct CountingChoices(u64);

impl Choices for CountingChoices {
    fn choose(&mut self, _: Choice) -> u64 {
        self.0 += 1;
        self.0
    }
}

pub(super) struct Bench {
    pub shard: Shard,
    pub image: MetadataImage,
    /// What happened since it was last asked for.
    pub events: Vec<GroupEvent>,
    /// Answers since they were last asked for.
    pub answers: Vec<(RequestHandle, Response)>,
    /// The next write is taken back.
    pub lose_next_write: bool,
    settings: Arc<GroupCoordinatorSettings>,
    log: Vec<GroupRecord>,
    now: Time,
    storage: MemoryStorage,
    choices: CountingChoices,
    next_request: i32,
}

pub(super) fn topic_id(name: &str) -> TopicId {
    TopicId(Uuid::from_u128(name.trim_start_matches('t').parse().expect("t1, t2, …")))
}

impl Bench {
    pub fn new(settings: GroupCoordinatorSettings) -> Bench {
        let settings = Arc::new(settings);
        let mut bench = Bench {
            shard: Shard::new(settings.clone(), Behaviour::default()),
            image: MetadataImage::default(),
            events: Vec::new(),
            answers: Vec::new(),
            lose_next_write: false,
            settings,
            log: Vec::new(),
            now: Time::ZERO,
            storage: MemoryStorage::default(),
            choices: CountingChoices::default(),
            next_request: 0,
        };
        bench.with(|shard, ctx, image| shard.loaded(ctx, image));
        bench
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Shard, &mut Context<'_>, &MetadataImage) -> T) -> T {
        let now = Now { monotonic: self.now, wall: WallTime(1_700_000_000_000_000 + self.now.0) };
        let mut ctx = Context::new(now, &mut self.storage, &mut self.choices);
        let done = work(&mut self.shard, &mut ctx, &self.image);
        let events = ctx.take_effects().events.into_iter();
        self.events.extend(events.filter_map(|event| if let Event::Group(event) = event { Some(event) } else { None }));
        done
    }

    /// Sends a request; its handle.
    pub fn send(&mut self, version: i16, request: impl Into<Request>) -> RequestHandle {
        self.next_request += 1;
        let handle = RequestHandle { connection: ConnectionId(1), correlation_id: self.next_request };
        let who = RequestContext { handle, version, client_id: "c".to_owned(), client_host: "h".to_owned() };
        let request = request.into();
        let decision = self.with(|shard, ctx, image| shard.handle(ctx, image, &who, &request));
        self.carry_out(decision);
        handle
    }

    fn carry_out(&mut self, decision: Decision) {
        let before = self.shard.snapshot();
        let lost = !decision.records.is_empty() && std::mem::take(&mut self.lose_next_write);
        for (index, record) in decision.records.iter().enumerate() {
            let offset = i64::try_from(self.log.len() + index).expect("few records");
            self.shard.replay(offset, None, record.clone()).expect("a record that follows");
        }
        let outcome = if lost { Err(ErrorCode::NotEnoughReplicas) } else { Ok(()) };
        match lost {
            true => self.shard.revert(&before),
            false => {
                self.shard.appended();
                self.log.extend(decision.records);
            }
        }
        let leaves = |when: &ReplyWhen| !lost || *when == ReplyWhen::Now;
        let answers = decision.replies.into_iter().filter(|reply| leaves(&reply.when));
        self.answers.extend(answers.map(|reply| (reply.handle, reply.response)));
        if let Some(then) = decision.then {
            let decision = self.with(|shard, ctx, image| shard.write_ended(ctx, image, then, outcome));
            self.carry_out(decision);
        }
        self.assert_sound();
    }

    fn assert_sound(&self) {
        self.shard.assert_invariants();
        let mut again = Shard::new(self.settings.clone(), Behaviour::default());
        for (offset, record) in (0..).zip(&self.log) {
            again.replay(offset, None, record.clone()).expect("a record that follows");
        }
        assert_eq!(again.snapshot(), self.shard.snapshot(), "who reads the records knows the same");
    }

    /// Lets time pass, and timers fire.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.shard.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let decisions = self.with(|shard, ctx, image| shard.on_timers(ctx, image));
            decisions.into_iter().for_each(|decision| self.carry_out(decision));
        }
        self.now = end;
    }

    /// A new coordinator reads the records.
    pub fn reload(&mut self) {
        self.shard = Shard::new(self.settings.clone(), Behaviour::default());
        for (offset, record) in (0..).zip(self.log.clone()) {
            self.shard.replay(offset, None, record).expect("a record that follows");
        }
        let decisions = self.with(|shard, ctx, image| shard.loaded(ctx, image));
        decisions.into_iter().for_each(|decision| self.carry_out(decision));
    }

    /// A topic is created.
    pub fn create_topic(&mut self, name: &str, partitions: i32) {
        let (topic_id, name) = (topic_id(name), TopicName::new(name));
        let mut offset = self.image.last_offset() + 1;
        self.image.apply(offset, &MetadataRecord::Topic { name: name.clone(), topic_id });
        for partition in 0..partitions {
            offset += 1;
            self.image.apply(offset, &MetadataRecord::Partition { partition, topic_id, registration: registration() });
        }
        let change =
            MetadataChange { changed_topics: [name].into(), topics_created: true, ..MetadataChange::default() };
        let decisions = self.with(|shard, ctx, image| shard.metadata_changed(ctx, image, &change));
        decisions.into_iter().for_each(|decision| self.carry_out(decision));
    }
}
