//! What the hot paths of the machines cost: record batches, a log on a disk that costs nothing, messages as bytes.
//!
//! `cargo bench -p trial-broker`; a name picks some: `cargo bench -p trial-broker -- log`.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use trial_broker::api::{Direction, Message, versions, wire};
use trial_broker::choice::LowestChoice;
use trial_broker::config::LogSettings;
use trial_broker::context::Context;
use trial_broker::ids::{
    BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition,
};
use trial_broker::log::{AppendOrigin, LoadOptions, Log};
use trial_broker::message::{Api, FetchPartition, FetchRequest, IsolationLevel, Request};
use trial_broker::name::Name;
use trial_broker::record::{BatchBuilder, BatchView, batches, validate_client_batch};
use trial_broker::storage::MemoryStorage;
use trial_broker::time::{Now, Time, WallTime};
use uuid::Uuid;

/// How many records a batch has here.
const RECORDS: i32 = 10;

/// How many batches are appended to a log, and read from it.
const BATCHES: i32 = 100;

/// An idempotent producer's batch of records with 100 bytes of value each.
fn batch(first_sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(0).producer(ProducerId(7), ProducerEpoch(0), first_sequence);
    for _ in 0..RECORDS {
        builder.push(1, Some(b"key"), Some(&[7; 100]), &[]);
    }
    builder.build()
}

fn record_batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record batch");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("build", |bencher| bencher.iter(|| batch(black_box(0))));
    let bytes = batch(0);
    group.bench_function("parse and validate", |bencher| {
        bencher.iter(|| {
            let batch = BatchView::parse(black_box(&bytes)).expect("a batch");
            assert!(batch.is_valid());
            validate_client_batch(&batch, i64::MAX).expect("a valid batch")
        });
    });
    group.finish();
}

/// A log and its disk.
#[derive(Clone)]
struct Fixture {
    storage: MemoryStorage,
    log: Log,
}

fn with<T>(storage: &mut MemoryStorage, action: impl FnOnce(&mut Context) -> T) -> T {
    let now = Now { monotonic: Time::ZERO, wall: WallTime(1_000_000_000) };
    let mut choices = LowestChoice;
    action(&mut Context::new(now, storage, &mut choices))
}

impl Fixture {
    fn new() -> Fixture {
        let mut storage = MemoryStorage::default();
        let partition = TopicPartition::new("orders", 0);
        let log = with(&mut storage, |ctx| {
            ctx.storage.create_directory("data-0/orders-0").expect("a healthy disk");
            Log::load(ctx, partition, "data-0/orders-0", &LogSettings::default(), LoadOptions::default())
        });
        Fixture { storage, log: log.expect("a healthy disk") }
    }

    fn append(&mut self, records: &[Bytes]) {
        with(&mut self.storage, |ctx| {
            for batch in records {
                let appended = self.log.append_as_leader(ctx, batch.clone(), LeaderEpoch(0), AppendOrigin::Client);
                appended.expect("a valid batch");
            }
        });
    }
}

fn logs(criterion: &mut Criterion) {
    let records: Vec<Bytes> = (0..BATCHES).map(|index| batch(index * RECORDS)).collect();
    let mut group = criterion.benchmark_group("log");
    group.throughput(Throughput::Elements(BATCHES as u64));
    let empty = Fixture::new();
    group.bench_function("append as leader", |bencher| {
        bencher.iter_batched_ref(|| empty.clone(), |fixture| fixture.append(&records), BatchSize::SmallInput);
    });
    let mut full = Fixture::new();
    full.append(&records);
    let end = full.log.log_end_offset();
    group.bench_function("read, a batch at a time", |bencher| {
        bencher.iter(|| {
            let Fixture { storage, log } = &mut full;
            let mut from = 0;
            while from < end {
                let read = with(storage, |ctx| log.read(ctx, from, 1, end, true)).expect("an offset of the log");
                from = batches(&read).flatten().last().expect("at least one batch").next_offset();
            }
            from
        });
    });
    group.finish();
}

/// A follower's fetch of three partitions.
fn fetch() -> Request {
    let partition = |partition| FetchPartition {
        topic_id: TopicId(Uuid::from_u128(7)),
        topic: TopicName::default(),
        partition,
        current_leader_epoch: LeaderEpoch(3),
        fetch_offset: 1_000,
        last_fetched_epoch: LeaderEpoch(3),
        log_start_offset: 0,
        max_bytes: 1_048_576,
        replica_directory_id: DirectoryId(Uuid::from_u128(8)),
        high_watermark: Some(999),
    };
    let request = FetchRequest {
        cluster_id: None,
        replica_id: NodeId(2),
        replica_epoch: BrokerEpoch(5),
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 10_485_760,
        isolation: IsolationLevel::ReadUncommitted,
        session_id: 12,
        session_epoch: 34,
        partitions: (0..3).map(partition).collect(),
        forgotten: Vec::new(),
        rack_id: String::new(),
        by_name: false,
    };
    request.into()
}

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire");
    let (request, version) = (fetch(), versions::latest(Api::Fetch));
    let client_id = Name::new("broker-2-fetcher-0");
    let encode = || wire::encode_request(request.clone(), version, 7, client_id);
    group.bench_function("fetch to a message", |bencher| bencher.iter(encode));
    let message = encode();
    group.bench_function("message to a fetch", |bencher| bencher.iter(|| wire::decode_request(black_box(&message))));
    let mut buffer = Vec::new();
    group.bench_function("message to bytes", |bencher| {
        bencher.iter(|| {
            buffer.clear();
            message.append_to(&mut buffer);
            buffer.len()
        });
    });
    let bytes = message.to_bytes();
    group.bench_function("bytes to a message", |bencher| {
        bencher.iter(|| Message::from_bytes(black_box(bytes.clone()), Direction::Request).expect("a message"));
    });
    group.finish();
}

criterion_group!(benches, record_batches, logs, messages);
criterion_main!(benches);
