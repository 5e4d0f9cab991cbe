//! Tests of the log as a whole. Each file says which of Kafka's tests its numbers come from.

mod basics;
mod epochs;
mod indexes;
mod model;
mod producers;
mod recovery;
mod rules;
mod stories;
mod vectors;

use bytes::Bytes;

use super::*;
use crate::choice::LowestChoice;
use crate::config::LogSettings;
use crate::context::Context;
use crate::event::Event;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};
use crate::record::{BatchBuilder, EndTransactionMarker, NO_SEQUENCE};
use crate::storage::{FileHandle, MemoryStorage, Storage, StorageResult};
use crate::time::{Now, Time, WallTime};

pub(super) const DIRECTORY: &str = "data-0/orders-0";

/// A log with a disk of its own.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) storage: MemoryStorage,
    pub(super) now: Now,
    pub(super) settings: LogSettings,
    pub(super) log: Option<Log>,
    pub(super) events: Vec<Event>,
}

pub(super) const START_MILLIS: i64 = 1_000_000;

impl Fixture {
    pub(super) fn new(settings: LogSettings) -> Self {
        let mut fixture = Fixture::without_log(settings);
        fixture.load(LoadOptions::default());
        fixture
    }

    pub(super) fn without_log(settings: LogSettings) -> Self {
        let now = Now { monotonic: Time::ZERO, wall: WallTime(START_MILLIS as u64 * 1000) };
        Fixture { storage: MemoryStorage::default(), now, settings, log: None, events: Vec::new() }
    }

    pub(super) fn small(segment_bytes: i32) -> LogSettings {
        LogSettings { internal_segment_bytes: segment_bytes, ..LogSettings::default() }
    }

    /// Does something with the log and its surroundings.
    pub(super) fn with<T>(&mut self, action: impl FnOnce(&mut Log, &mut Context) -> T) -> T {
        let mut choices = LowestChoice;
        let mut ctx = Context::new(self.now, &mut self.storage, &mut choices);
        let log = self.log.as_mut().expect("the log is open");
        let result = action(log, &mut ctx);
        self.events.extend(ctx.take_effects().events);
        log.assert_invariants();
        result
    }

    pub(super) fn try_load(&mut self, options: LoadOptions) -> StorageResult<Log> {
        let mut choices = LowestChoice;
        let mut ctx = Context::new(self.now, &mut self.storage, &mut choices);
        let partition = TopicPartition::new("orders", 0);
        let log = Log::load(&mut ctx, partition, DIRECTORY, &self.settings, options);
        self.events.extend(ctx.take_effects().events);
        log
    }

    pub(super) fn load(&mut self, options: LoadOptions) {
        self.log = Some(self.try_load(options).expect("the disk works"));
    }

    /// The process dies; the page cache lives.
    pub(super) fn kill_and_restart(&mut self) {
        let recovery_point = self.log().recovery_point();
        self.log = None;
        self.load(LoadOptions { recovery_point, ..LoadOptions::default() });
    }

    pub(super) fn stop_and_restart(&mut self) {
        self.with(|log, ctx| log.close(ctx)).expect("the disk works");
        let log = self.log.take().expect("open");
        let log_start_offset = log.log_start_to_checkpoint().unwrap_or(0);
        self.load(LoadOptions {
            clean: true,
            recovery_point: log.recovery_point(),
            log_start_offset,
            ..LoadOptions::default()
        });
    }

    pub(super) fn log(&self) -> &Log {
        self.log.as_ref().expect("the log is open")
    }

    pub(super) fn append(&mut self, batch: Bytes, epoch: i32) -> Result<AppendInfo, AppendError> {
        self.with(|log, ctx| log.append_as_leader(ctx, batch, LeaderEpoch(epoch), AppendOrigin::Client))
    }

    /// Appends one batch of `count` records as leader.
    pub(super) fn append_records(&mut self, count: usize, epoch: i32) -> AppendInfo {
        self.append(records(count), epoch).expect("accepted")
    }

    /// Appends `batches` batches of one record each.
    pub(super) fn append_many(&mut self, batches: usize, epoch: i32) {
        for _ in 0..batches {
            self.append_records(1, epoch);
        }
    }

    pub(super) fn read_all(&mut self) -> Vec<crate::record::BatchView> {
        let (mut from, end) = (self.log().log_start_offset(), self.log().log_end_offset());
        let mut found = Vec::new();
        while from < end {
            let bytes = self.with(|log, ctx| log.read(ctx, from, 1 << 20, end, true)).expect("readable");
            let batches: Vec<_> = crate::record::batches(&bytes).collect::<Result<_, _>>().expect("well formed");
            let Some(last) = batches.last() else { break };
            from = last.next_offset();
            found.extend(batches);
        }
        found
    }

    /// The handle of a file in the log's directory.
    pub(super) fn file(&mut self, name: &str) -> FileHandle {
        self.storage.open(&format!("{DIRECTORY}/{name}")).expect("the file exists")
    }

    pub(super) fn file_names(&mut self) -> Vec<String> {
        self.storage.list(DIRECTORY).expect("the directory exists")
    }
}

/// A client's batch of `count` records.
pub(super) fn records(count: usize) -> Bytes {
    let mut builder = BatchBuilder::new(0);
    for index in 0..count {
        builder.push(START_MILLIS, None, Some(format!("value {index}").as_bytes()), &[]);
    }
    builder.build()
}

/// A batch of an idempotent or transactional producer.
pub(super) fn producer_records(id: i64, epoch: i16, sequence: i32, count: usize, transactional: bool) -> Bytes {
    let mut builder =
        BatchBuilder::new(0).producer(ProducerId(id), ProducerEpoch(epoch), sequence).transactional(transactional);
    for _ in 0..count {
        builder.push(START_MILLIS, None, Some(b"v"), &[]);
    }
    builder.build()
}

pub(super) fn marker(id: i64, epoch: i16, commit: bool, coordinator_epoch: i32) -> Bytes {
    let marker = EndTransactionMarker { commit, coordinator_epoch };
    BatchBuilder::new(0)
        .producer(ProducerId(id), ProducerEpoch(epoch), NO_SEQUENCE)
        .transactional(true)
        .append_control(START_MILLIS, marker.control_type(), &marker.value())
        .build()
}

pub(super) fn entries(log: &Log) -> Vec<(i32, Offset)> {
    log.epoch_entries().iter().map(|entry| (entry.leader_epoch.0, entry.start_offset)).collect()
}
