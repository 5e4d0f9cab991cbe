//! Coordinators on a log of their own: loaded, written, committed, refused, given up.
//!
//! The log here is a list of batches and a high watermark that each test moves by hand.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::choice::LowestChoice;
use crate::event::Event;
use crate::ids::{ConnectionId, GroupId, MemberId, Offset, TopicPartition};
use crate::message::*;
use crate::record::{BatchBuilder, BatchView};
use crate::storage::MemoryStorage;
use crate::time::{Now, WallTime};

mod loading;
mod parted;
mod transactions;
mod unfit;

/// One partition of the offsets topic, as a broker sees it.
#[derive(Clone, Debug)]
pub(in crate::group) struct FakePartition {
    pub leads: bool,
    /// One read gives one of these.
    batches: Vec<Bytes>,
    log_end_offset: Offset,
    high_watermark: Offset,
    max_batch_bytes: usize,
    /// What the next append is refused with.
    refusal: Option<ErrorCode>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::group) struct FakeLog {
    pub partitions: BTreeMap<i32, FakePartition>,
}

impl FakePartition {
    /// An empty partition that this broker leads.
    pub fn led() -> FakePartition {
        FakePartition {
            leads: true,
            batches: Vec::new(),
            log_end_offset: 0,
            high_watermark: 0,
            max_batch_bytes: 1000,
            refusal: None,
        }
    }

    /// The followers have everything.
    pub fn replicate(&mut self) {
        self.high_watermark = self.log_end_offset;
    }

    fn put(&mut self, batch: &Bytes) {
        let count = BatchView::parse(batch).expect("a batch").count();
        let mut stamped = batch.to_vec();
        stamped[..8].copy_from_slice(&self.log_end_offset.to_be_bytes());
        self.batches.push(stamped.into());
        self.log_end_offset += i64::from(count);
    }
}

/// A record as somebody else might have written it.
fn record(key: &[u8], value: Option<&[u8]>) -> Bytes {
    BatchBuilder::new(0).append(0, Some(key), value, &[]).build()
}

impl FakeLog {
    fn led(&self, partition: i32) -> Result<&FakePartition, ErrorCode> {
        self.partitions.get(&partition).filter(|of| of.leads).ok_or(ErrorCode::NotLeaderOrFollower)
    }
}

impl OffsetsLog for FakeLog {
    fn append(&mut self, _: &mut Context, partition: i32, batch: Bytes) -> Result<Offset, ErrorCode> {
        self.led(partition)?;
        let of = self.partitions.get_mut(&partition).expect("it is led");
        if let Some(error) = of.refusal.take() {
            return Err(error);
        }
        of.put(&batch);
        Ok(of.log_end_offset)
    }

    fn read(&mut self, _: &mut Context, partition: i32, from: Option<Offset>, _: i32) -> Result<LogRead, ErrorCode> {
        let of = self.led(partition)?;
        let from = from.unwrap_or(0);
        let holds = |bytes: &&Bytes| BatchView::parse(bytes).expect("a batch").next_offset() > from;
        Ok(LogRead {
            records: of.batches.iter().find(holds).cloned().unwrap_or_default(),
            from,
            log_end_offset: of.log_end_offset,
            high_watermark: of.high_watermark,
        })
    }

    fn max_batch_bytes(&self, partition: i32) -> Result<usize, ErrorCode> {
        self.led(partition).map(|of| of.max_batch_bytes)
    }

    fn high_watermark(&self, partition: i32) -> Option<Offset> {
        self.led(partition).ok().map(|of| of.high_watermark)
    }
}

/// The coordinators of one broker, with partition 0 led in epoch 1 and nothing loaded.
struct Stage {
    coordinators: Coordinators,
    log: FakeLog,
    now_ms: u64,
    /// The reads that were asked for and have not been done.
    loads: Vec<i32>,
    events: Vec<GroupEvent>,
    next_request: i32,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(Behaviour::default())
    }

    fn with(behaviour: Behaviour) -> Stage {
        let settings = Arc::new(GroupCoordinatorSettings::default());
        Stage {
            coordinators: Coordinators::new(settings, behaviour),
            log: FakeLog { partitions: BTreeMap::from([(0, FakePartition::led())]) },
            now_ms: 1000,
            loads: Vec::new(),
            events: Vec::new(),
            next_request: 1,
        }
    }

    /// A stage whose coordinator serves.
    fn serving() -> Stage {
        let mut stage = Stage::new();
        stage.elect(1);
        stage.load();
        stage
    }

    fn partition(&mut self) -> &mut FakePartition {
        self.log.partitions.get_mut(&0).expect("partition 0 is there")
    }

    fn step<T>(&mut self, act: impl FnOnce(&mut Context, &mut Coordinators, &mut FakeLog, &MetadataImage) -> T) -> T {
        let (mut storage, mut choices) = (MemoryStorage::default(), LowestChoice);
        let now = Now { monotonic: Time::from_millis(self.now_ms), wall: WallTime(self.now_ms * 1000) };
        let mut ctx = Context::new(now, &mut storage, &mut choices);
        let image = MetadataImage::default();
        let result = act(&mut ctx, &mut self.coordinators, &mut self.log, &image);
        let effects = ctx.take_effects();
        assert!(effects.outputs.is_empty(), "{:?}", effects.outputs);
        self.loads.extend(self.coordinators.take_reads());
        let groups = effects.events.into_iter().filter_map(|event| match event {
            Event::Group(event) => Some(event),
            _ => None,
        });
        self.events.extend(groups);
        result
    }

    fn elect(&mut self, epoch: i32) {
        self.step(|ctx, coordinators, _, _| coordinators.elected(ctx, 0, LeaderEpoch(epoch)));
    }

    fn resign(&mut self, epoch: i32) {
        self.partition().leads = false;
        self.step(|ctx, coordinators, log, image| coordinators.resigned(ctx, log, image, 0, Some(LeaderEpoch(epoch))));
    }

    /// One read, if one was asked for.
    fn read_once(&mut self) -> bool {
        let Some(partition) = self.loads.pop() else { return false };
        self.step(|ctx, coordinators, log, image| coordinators.go_on_loading(ctx, log, image, partition));
        true
    }

    fn load(&mut self) {
        for _ in 0..100 {
            if !self.read_once() {
                return;
            }
        }
        panic!("the coordinator reads for ever");
    }

    fn at(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.step(|ctx, coordinators, log, image| coordinators.on_timers(ctx, log, image));
    }

    /// The followers have everything.
    fn replicate(&mut self) {
        self.partition().replicate();
        self.step(|ctx, coordinators, log, image| coordinators.look_at_high_watermarks(ctx, log, image));
    }

    fn who(&mut self) -> RequestContext {
        self.next_request += 1;
        RequestContext {
            handle: RequestHandle {
                connection: ConnectionId(ConnectionId::ACCEPTED),
                correlation_id: self.next_request,
            },
            version: 9,
            client_id: "c".to_owned(),
            client_host: "/c".to_owned(),
        }
    }

    /// Somebody who is in no group commits an offset of orders-0.
    fn commit(&mut self, offset: Offset) -> Result<(), ErrorCode> {
        self.commit_with(offset, "")
    }

    fn commit_with(&mut self, offset: Offset, metadata: &str) -> Result<(), ErrorCode> {
        self.commit_of(0, offset, metadata)
    }

    fn commit_of(&mut self, partition: i32, offset: Offset, metadata: &str) -> Result<(), ErrorCode> {
        let who = self.who();
        let partition = OffsetCommitPartition {
            partition: TopicPartition::new("orders", partition),
            offset,
            leader_epoch: LeaderEpoch::NONE,
            metadata: Some(metadata.to_owned()),
        };
        let request = OffsetCommitRequest {
            group: GroupId::new("g"),
            generation_or_member_epoch: -1,
            member: MemberId::default(),
            instance: None,
            retention_time_ms: -1,
            partitions: vec![partition],
        };
        self.step(|ctx, coordinators, log, image| coordinators.write(ctx, log, image, 0, &who, &request.into()))
    }

    fn fetch(&mut self, require_stable: bool) -> Result<(), ErrorCode> {
        let who = self.who();
        let group = OffsetFetchGroup { group: GroupId::new("g"), member: None, member_epoch: -1, partitions: None };
        let request: Request = OffsetFetchRequest { groups: vec![group], require_stable }.into();
        self.step(|ctx, coordinators, log, image| match require_stable {
            true => coordinators.write(ctx, log, image, 0, &who, &request),
            false => coordinators.read(ctx, log, image, 0, &who, &request),
        })
    }

    /// What was answered, in words: `commit NONE`, `fetch 5`.
    fn answers(&mut self) -> Vec<String> {
        let words = |response| match response {
            Response::OffsetCommit(body) => format!("commit {}", body.partitions[0].1.name()),
            Response::TxnOffsetCommit(body) => format!("pending {}", body.partitions[0].1.name()),
            Response::WriteTxnMarkers(body) => format!("marker {}", body.markers[0].1[0].1.name()),
            Response::OffsetFetch(body) => match &body.groups[0] {
                group if !group.error.is_none() => format!("fetch {}", group.error.name()),
                group => match group.partitions.first() {
                    Some(found) if !found.error.is_none() => format!("fetch {}", found.error.name()),
                    Some(found) => format!("fetch {}", found.offset),
                    None => "fetch nothing".to_owned(),
                },
            },
            other => panic!("nobody asked for {other:?}"),
        };
        let answers: Vec<String> =
            self.coordinators.take_answers().into_iter().map(|(_, response)| words(response)).collect();
        self.coordinators.assert_invariants();
        answers
    }
}

#[test]
fn a_commit_is_written_one_linger_after_it_came_and_answered_when_the_high_watermark_has_passed_it() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1004);
    assert_eq!(stage.partition().log_end_offset, 0, "group.coordinator.append.linger.ms is 5");
    stage.at(1005);
    assert_eq!(stage.partition().log_end_offset, 1);
    assert_eq!(stage.answers(), [""; 0]);
    stage.replicate();
    assert_eq!(stage.answers(), ["commit NONE"]);
}

#[test]
fn commits_of_one_linger_share_a_batch_and_are_answered_in_order() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1003);
    stage.commit(6).expect("it serves");
    stage.at(1005);
    assert_eq!((stage.partition().log_end_offset, stage.partition().batches.len()), (2, 1));
    stage.replicate();
    assert_eq!(stage.answers(), ["commit NONE", "commit NONE"]);
}

#[test]
fn a_write_that_does_not_fit_into_the_batch_closes_it_before_its_time() {
    let mut stage = Stage::serving();
    stage.commit_with(5, &"x".repeat(500)).expect("it serves");
    stage.commit_with(6, &"x".repeat(500)).expect("it serves");
    assert_eq!(stage.partition().log_end_offset, 1, "the first is written, the second opens a batch");
    stage.at(1005);
    assert_eq!((stage.partition().log_end_offset, stage.partition().batches.len()), (2, 2));
}

#[test]
fn a_read_sees_what_is_committed_and_a_stable_read_waits_for_what_is_not() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1005);
    stage.replicate();
    stage.commit(9).expect("it serves");
    stage.fetch(false).expect("it serves");
    stage.fetch(true).expect("it serves");
    assert_eq!(stage.answers(), ["commit NONE", "fetch 5"]);
    stage.at(1010);
    assert_eq!(stage.answers(), [""; 0]);
    stage.replicate();
    assert_eq!(stage.answers(), ["commit NONE", "fetch 9"]);
    stage.fetch(true).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 9"], "nothing is pending");
}

#[test]
fn a_batch_that_the_log_refuses_is_taken_back() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1005);
    stage.replicate();
    stage.commit(9).expect("it serves");
    stage.partition().refusal = Some(ErrorCode::MessageTooLarge);
    stage.at(1010);
    assert_eq!(stage.answers(), ["commit NONE", "commit UNKNOWN_SERVER_ERROR"]);
    assert!(
        stage.events.contains(&GroupEvent::GroupRecordsReverted { partition: 0, error: ErrorCode::MessageTooLarge })
    );
    stage.fetch(true).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"], "the ninth was never written");
}

/// Kafka appends with acks=1: too few in-sync replicas refuse nothing, they only keep the high watermark where it is.
#[test]
fn a_commit_that_is_not_replicated_in_time_is_refused_and_may_hold_all_the_same() {
    let mut stage = Stage::serving();
    stage.commit(5).expect("it serves");
    stage.at(1005);
    stage.at(5999);
    assert_eq!(stage.answers(), [""; 0]);
    stage.at(6000);
    assert_eq!(stage.answers(), ["commit COORDINATOR_NOT_AVAILABLE"], "offsets.commit.timeout.ms is 5000");
    stage.fetch(true).expect("it serves");
    stage.at(11_000);
    assert_eq!(stage.answers(), ["fetch NOT_COORDINATOR"], "consumers do not know the other error here");
    stage.replicate();
    assert_eq!(stage.answers(), [""; 0], "nobody is answered twice");
    stage.fetch(false).expect("it serves");
    assert_eq!(stage.answers(), ["fetch 5"]);
}
