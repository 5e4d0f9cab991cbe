//! A shard driven by requests, and what it says and answers.
//!
//! The bench is the runtime: it replays what the shard decides, appends it to a log, and
//! commits it at once unless a test holds it back. After every step the shard's invariants
//! hold, and its hard state is the replay of the log: that is checked here, for all tests.

mod coordinator;
mod random;
mod stage;
mod states;
mod vectors;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::contract::{AfterWrite, Decision, FailedReply, Reply, ReplyWhen, RequestContext, error_for_clients};
use super::record::GroupRecord;
use super::shard::{Shard, ShardSnapshot};
use crate::choice::{Choice, Choices, Purpose};
use crate::config::{Behaviour, GroupCoordinatorSettings};
use crate::context::Context;
use crate::event::{Event, GroupEvent};
use crate::ids::*;
use crate::message::*;
use crate::metadata::{MetadataImage, PartitionRegistration};
use crate::storage::MemoryStorage;
use crate::time::{Now, Time, WallTime};

/// A partition of one replica, for the images of the benches in the folders beside this one.
pub(in crate::group) fn registration() -> PartitionRegistration {
    PartitionRegistration::new(vec![NodeId(1)], vec![DirectoryId::UNASSIGNED], vec![NodeId(1)])
}

/// Ids that differ, and otherwise the lowest answer.
#[derive(Default)]
struct CountingChoices(u64);

impl Choices for CountingChoices {
    fn choose(&mut self, choice: Choice) -> u64 {
        // An id has two halves; the first is never zero.
        if choice.purpose == Purpose::Uuid && choice.low == 1 {
            self.0 += 1;
            return self.0;
        }
        choice.low
    }
}

/// Something in the log: a record, with its producer in a transaction, or a transaction's end.
#[derive(Clone, Debug)]
enum Entry {
    Record(Option<(ProducerId, ProducerEpoch)>, Box<GroupRecord>),
    End(ProducerId, bool),
}

/// What waits for all that is written to be committed.
struct Pending {
    replies: Vec<(RequestHandle, Response, FailedReply)>,
    then: Option<AfterWrite>,
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Said(Response),
    /// The write failed: the runtime answers for the shard.
    Failed(ErrorCode),
}

struct Bench {
    shard: Shard,
    config: Arc<GroupCoordinatorSettings>,
    behaviour: Behaviour,
    storage: MemoryStorage,
    choices: CountingChoices,
    now: Time,
    log: Vec<Entry>,
    committed: ShardSnapshot,
    /// How much of the log is committed.
    high_watermark: usize,
    pending: VecDeque<Pending>,
    holds_writes: bool,
    answers: Vec<(RequestHandle, Answer)>,
    unanswered: BTreeMap<RequestHandle, Api>,
    events: Vec<GroupEvent>,
    next_handle: i32,
}

impl Bench {
    fn new(config: GroupCoordinatorSettings, behaviour: Behaviour) -> Bench {
        let config = Arc::new(config);
        let shard = Shard::new(Arc::clone(&config), behaviour.clone());
        let mut bench = Bench {
            shard,
            config,
            behaviour,
            storage: MemoryStorage::default(),
            choices: CountingChoices::default(),
            now: Time::from_millis(1_000_000),
            log: Vec::new(),
            committed: ShardSnapshot::default(),
            high_watermark: 0,
            pending: VecDeque::new(),
            holds_writes: false,
            answers: Vec::new(),
            unanswered: BTreeMap::new(),
            events: Vec::new(),
            next_handle: 0,
        };
        bench.step(|shard, ctx| shard.loaded(ctx, &MetadataImage::default()));
        bench
    }

    /// Lets the shard do something, and does what it decided.
    fn step(&mut self, act: impl FnOnce(&mut Shard, &mut Context<'_>) -> Vec<Decision>) {
        let decisions = self.act(act);
        for decision in decisions {
            self.take_in(decision);
        }
        if !self.holds_writes {
            self.commit();
        }
        self.assert_invariants();
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Shard, &mut Context<'_>) -> T) -> T {
        let now = Now { monotonic: self.now, wall: WallTime(self.now.0) };
        let mut ctx = Context::new(now, &mut self.storage, &mut self.choices);
        let outcome = act(&mut self.shard, &mut ctx);
        for event in ctx.take_effects().events {
            let Event::Group(event) = event else { panic!("a shard speaks of groups: {event:?}") };
            self.events.push(event);
        }
        outcome
    }

    fn take_in(&mut self, decision: Decision) {
        for record in decision.records {
            self.write(None, record);
        }
        let mut waiting = Vec::new();
        for Reply { handle, response, when } in decision.replies {
            match when {
                ReplyWhen::Now => self.answer(handle, Answer::Said(response)),
                ReplyWhen::Committed { on_failure } => waiting.push((handle, response, on_failure)),
            }
        }
        if !waiting.is_empty() || decision.then.is_some() {
            self.pending.push_back(Pending { replies: waiting, then: decision.then });
        }
    }

    fn write(&mut self, producer: Option<(ProducerId, ProducerEpoch)>, record: GroupRecord) {
        let fits = self.shard.replay(self.log.len() as Offset, producer, record.clone());
        fits.expect("what a shard decides follows from what it knows");
        self.log.push(Entry::Record(producer, Box::new(record)));
    }

    fn end_transaction(&mut self, producer: ProducerId, committed: bool) {
        self.shard.replay_end_transaction(producer, ProducerEpoch(0), committed);
        self.log.push(Entry::End(producer, committed));
        self.step(|_, _| Vec::new());
    }

    fn answer(&mut self, handle: RequestHandle, answer: Answer) {
        assert!(self.unanswered.remove(&handle).is_some(), "{handle:?} is answered twice, now with {answer:?}");
        self.answers.push((handle, answer));
    }

    /// What is written is committed.
    fn commit(&mut self) {
        loop {
            self.high_watermark = self.log.len();
            self.committed = self.shard.snapshot();
            let Some(pending) = self.pending.pop_front() else { return };
            for (handle, response, _) in pending.replies {
                self.answer(handle, Answer::Said(response));
            }
            if let Some(after) = pending.then {
                let image = MetadataImage::default();
                let decision = self.act(|shard, ctx| shard.write_ended(ctx, &image, after, Ok(())));
                self.take_in(decision);
            }
        }
    }

    /// What is written and not committed cannot be written.
    fn fail(&mut self, error: ErrorCode) {
        self.log.truncate(self.high_watermark);
        let committed = self.committed.clone();
        self.shard.revert(&committed);
        self.fail_pending(error);
    }

    /// What is written is not committed in time; it stays in the log.
    fn time_out(&mut self) {
        self.fail_pending(ErrorCode::RequestTimedOut);
    }

    fn fail_pending(&mut self, error: ErrorCode) {
        let image = MetadataImage::default();
        for pending in std::mem::take(&mut self.pending) {
            for (handle, _, _) in pending.replies {
                self.answer(handle, Answer::Failed(error_for_clients(error)));
            }
            if let Some(after) = pending.then {
                let decision = self.act(|shard, ctx| shard.write_ended(ctx, &image, after, Err(error)));
                self.take_in(decision);
            }
        }
        self.step(|_, _| Vec::new());
    }

    fn ask(&mut self, client: &str, version: i16, request: impl Into<Request>) -> RequestHandle {
        let request = request.into();
        let who = self.context(client, version, request.api());
        self.step(|shard, ctx| vec![shard.handle(ctx, &MetadataImage::default(), &who, &request)]);
        who.handle
    }

    fn context(&mut self, client: &str, version: i16, api: Api) -> RequestContext {
        self.next_handle += 1;
        let handle = RequestHandle { connection: ConnectionId(1), correlation_id: self.next_handle };
        self.unanswered.insert(handle, api);
        RequestContext { handle, version, client_id: client.to_owned(), client_host: "c1".to_owned() }
    }

    fn ask_transactional(&mut self, version: i16, request: &TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
        let handle = RequestHandle { connection: ConnectionId(1), correlation_id: 0 };
        let who = RequestContext { handle, version, client_id: "p".to_owned(), client_host: "p1".to_owned() };
        let decision = self.act(|shard, ctx| shard.commit_transactional_offsets(ctx, &who, request));
        assert!(
            decision.records.is_empty() || decision.producer == Some((request.producer_id, request.producer_epoch))
        );
        for record in decision.records {
            self.write(decision.producer, record);
        }
        self.step(|_, _| Vec::new());
        match decision.replies.as_slice() {
            [Reply { response: Response::TxnOffsetCommit(response), .. }] => response.clone(),
            other => panic!("one answer to TxnOffsetCommit, not {other:?}"),
        }
    }

    fn read(&mut self, version: i16, request: impl Into<Request>) -> Response {
        let request = request.into();
        let committed = self.committed.clone();
        let who = self.context("admin", version, request.api());
        self.unanswered.remove(&who.handle);
        self.act(|shard, ctx| shard.read(ctx, &MetadataImage::default(), &committed, &who, &request))
    }

    /// Time passes; what becomes due meanwhile is done at its instant.
    fn wait(&mut self, millis: u64) {
        let until = Time(self.now.0 + millis * 1000);
        while let Some(due) = self.shard.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.step(|shard, ctx| shard.on_timers(ctx, &MetadataImage::default()));
        }
        self.now = until;
    }

    /// This coordinator gives its partition up, and another one loads what is committed.
    fn fail_over(&mut self) {
        let told = self.act(|shard, ctx| shard.unloaded(ctx));
        self.take_in(told);
        self.log.truncate(self.high_watermark);
        let error = ErrorCode::NotCoordinator;
        let image = MetadataImage::default();
        for pending in std::mem::take(&mut self.pending) {
            for (handle, _, _) in pending.replies {
                self.answer(handle, Answer::Failed(error));
            }
            if let Some(after) = pending.then {
                let decision = self.act(|shard, ctx| shard.write_ended(ctx, &image, after, Err(error)));
                self.take_in(decision);
            }
        }
        assert!(self.unanswered.is_empty() || self.has_dropped(), "{:?} wait for ever", self.unanswered);
        self.unanswered.clear();
        self.shard = self.replayed();
        self.step(|shard, ctx| shard.loaded(ctx, &image));
    }

    /// Kafka drops requests that are parked when their member asks again, or leaves while its sync waits.
    fn has_dropped(&self) -> bool {
        self.unanswered.values().all(|api| matches!(api, Api::JoinGroup | Api::SyncGroup))
    }

    /// What a coordinator would know that reads the log.
    fn replayed(&self) -> Shard {
        let mut shard = Shard::new(Arc::clone(&self.config), self.behaviour.clone());
        for (offset, entry) in self.log.iter().enumerate() {
            match entry.clone() {
                Entry::Record(producer, record) => {
                    shard.replay(offset as Offset, producer, *record).expect("it was replayed before");
                }
                Entry::End(producer, committed) => shard.replay_end_transaction(producer, ProducerEpoch(0), committed),
            }
        }
        shard
    }

    fn assert_invariants(&self) {
        self.shard.assert_invariants();
        assert_eq!(self.shard.snapshot(), self.replayed().snapshot(), "what is live is what is in the log");
    }
}
