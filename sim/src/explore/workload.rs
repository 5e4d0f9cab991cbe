//! Who uses the cluster of a seed, and what for.
//!
//! A fault schedule finds nothing if the data never takes the needed shape: so producers
//! of every kind of promise are drawn, with batches of one record and of many, with
//! requests in flight that can overtake each other, with retries and without.

use super::Profile;
use super::beside;
use super::cluster::Shape;
use super::draw::{Aspect, Draw};
use super::text::{said, set, spanned};
use crate::scenario::format::action::{Produce, Seek};
use crate::scenario::format::{Client, ClientSettings, Step};
use crate::scenario::{Seed, Span};

/// The most records of one seed: a run should cost faults, not bytes.
const MOST_RECORDS: u64 = 400;

/// An offset that no seed's log reaches.
const BEYOND_THE_END: i64 = 1_000_000;

/// The clients of a seed, and the names of those who can fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Workload {
    pub(super) clients: Vec<Client>,
    /// What they send: the time in microseconds, and the step.
    pub(super) steps: Vec<(i64, Step)>,
}

/// Draws the clients and what they send.
pub(super) fn draw_workload(profile: Profile, seed: Seed, shape: &Shape) -> Workload {
    let mut draw = Draw::new(seed, Aspect::Client, 0);
    let producers = match profile {
        Profile::Lite => 1,
        Profile::Replication => draw.pick(&[2, 2, 3]),
        _ => draw.pick(&[1, 2, 2, 3]),
    };
    let consumers = match profile {
        Profile::Lite => draw.between(0, 1),
        _ => draw.pick(&[0, 1, 1, 2]),
    };
    let mut workload = Workload::default();
    for index in 1..=producers {
        let name = format!("p{index}");
        workload.clients.push(producer(seed, index, &name));
        let streams = produces(profile, seed, index, &name, shape, MOST_RECORDS / producers);
        let is_left_out = |topic: &str| beside::is_reserved(profile, seed, topic);
        let sends = |step: &Step| step.produce.as_ref().is_some_and(|produce| !is_left_out(&produce.value.topic.value));
        workload.steps.extend(streams.into_iter().filter(|(_, step)| sends(step)));
    }
    for index in 1..=consumers {
        let mut reader = consumer(seed, producers + index, &format!("r{index}"), shape);
        workload.steps.extend(looks(seed, index, &mut reader, shape));
        workload.clients.push(reader);
    }
    workload
}

fn client(name: &str) -> Client {
    Client { name: spanned(name.to_owned()), producer: None, consumer: None, admin: None }
}

fn producer(seed: Seed, index: u64, name: &str) -> Client {
    let mut draw = Draw::new(seed, Aspect::Client, index);
    let mut section = ClientSettings::default();
    let settings = &mut section.settings;
    let acks = draw.pick(&["all", "all", "all", "all", "all", "1", "0"]);
    set(settings, "acks", acks);
    if acks == "all" && draw.percent(25) {
        set(settings, "idempotence", false);
    }
    if draw.percent(50) {
        set(settings, "max.in.flight.requests.per.connection", draw.between(1, 5));
    }
    if draw.percent(50) {
        set(settings, "linger.ms", draw.scale(1, 50));
    }
    if draw.percent(30) {
        set(settings, "batch.size", draw.scale(50, 2_000));
    }
    if draw.percent(15) {
        set(settings, "retries", draw.between(0, 3));
    }
    let request = draw.scale(500, 15_000);
    set(settings, "request.timeout.ms", request);
    // Kafka demands delivery.timeout.ms ≥ linger.ms + request.timeout.ms.
    set(settings, "delivery.timeout.ms", request + draw.scale(1_000, 20_000));
    set(settings, "retry.backoff.ms", draw.scale(10, 200));
    set(settings, "metadata.max.age.ms", draw.scale(500, 60_000));
    set(settings, "max.block.ms", draw.scale(1_000, 20_000));
    set(settings, "trial.backoff.jitter", true);
    Client { producer: said(section), ..client(name) }
}

fn consumer(seed: Seed, index: u64, name: &str, shape: &Shape) -> Client {
    let mut draw = Draw::new(seed, Aspect::Client, index);
    let partitions = shape.partitions();
    let how_many = draw.between(1, partitions.len() as u64) as usize;
    let assign = draw.some_of(&partitions, how_many).into_iter().map(spanned).collect();
    let mut section = ClientSettings { assign, ..ClientSettings::default() };
    let settings = &mut section.settings;
    set(settings, "fetch.max.wait.ms", draw.scale(100, 500));
    set(settings, "request.timeout.ms", draw.scale(1_000, 15_000));
    set(settings, "metadata.max.age.ms", draw.scale(500, 60_000));
    if draw.percent(30) {
        set(settings, "max.partition.fetch.bytes", draw.scale(100, 5_000));
    }
    if draw.percent(30) {
        set(settings, "auto.offset.reset", draw.pick(&["latest", "earliest"]));
    }
    set(settings, "trial.backoff.jitter", true);
    Client { consumer: said(section), ..client(name) }
}

/// Some consumers look for the end again and again: they seek beyond it, and ask for it when they are told so. What a leader
/// says that was just elected is worth asking for; so some look all the time, at one partition, and one of their questions
/// falls between its election and its followers' first fetches.
fn looks(seed: Seed, index: u64, reader: &mut Client, shape: &Shape) -> Vec<(i64, Step)> {
    let mut draw = Draw::new(seed, Aspect::Look, index);
    let Some(section) = reader.consumer.as_mut().filter(|_| draw.percent(50)) else { return Vec::new() };
    set(&mut section.value.settings, "auto.offset.reset", "latest");
    let mut assigned = section.value.assign.clone();
    let mut count = draw.scale(4, 30);
    if draw.percent(60) {
        assigned.truncate(1);
        count = draw.scale(60, 240);
    }
    (0..count)
        .map(|_| {
            let at = draw.between(100_000, shape.duration.micros as u64 - 1) as i64;
            let partition = assigned[draw.between(0, assigned.len() as u64 - 1) as usize].clone();
            let seek = Seek { client: reader.name.clone(), partition, offset: spanned(BEYOND_THE_END) };
            (at, Step { seek: said(seek), ..Step::default() })
        })
        .collect()
}

/// What a producer sends: streams of records, each to one topic, from its own time on.
fn produces(profile: Profile, seed: Seed, index: u64, name: &str, shape: &Shape, most: u64) -> Vec<(i64, Step)> {
    let mut draw = Draw::new(seed, Aspect::Workload, index);
    let streams = draw.between(1, 2);
    (0..streams)
        .map(|stream| {
            let topic = &shape.topics[draw.between(0, shape.topics.len() as u64 - 1) as usize];
            // Where faults are aimed at what a partition holds, something is written all the time.
            let is_steady = profile == Profile::Replication;
            let start = draw.between(0, if is_steady { 1_000_000 } else { shape.duration.micros as u64 / 4 }) as i64;
            let left = (shape.duration.micros - start) as u64;
            let count = if is_steady {
                draw.between(most / streams / 2, most / streams)
            } else {
                draw.scale(10, most / streams)
            };
            // A stream ends with the faults at the latest: what comes then is answered while all is well.
            let longest = (left / count).max(10_000);
            let every = if is_steady { draw.between(longest / 2, longest) } else { draw.scale(5_000, longest) };
            let keys: Vec<String> =
                if draw.percent(50) { (0..8).map(|key| format!("k{key}")).collect() } else { Vec::new() };
            let bursts = draw.percent(15);
            let partition = draw.percent(25).then(|| draw.between(0, topic.replicas.len() as u64 - 1) as i32);
            let mut compacts = Draw::new(seed, Aspect::Compaction, index << 32 | stream);
            let (keys, tombstones) = match topic.is_compacted {
                true => ((0..compacts.scale(1, 16)).map(|key| format!("k{key}")).collect(), compacts.percent(20)),
                false => (keys, false),
            };
            let produce = Produce {
                client: spanned(name.to_owned()),
                topic: spanned(topic.name.clone()),
                partition: partition.map(spanned),
                count: said(count.min(if bursts { 50 } else { count }) as u32),
                every: (!bursts).then(|| spanned(Span { micros: every as i64 })),
                keys,
                values: Vec::new(),
                tombstones: tombstones.then_some(true),
                together: bursts.then_some(true),
            };
            (start, Step { produce: said(produce), ..Step::default() })
        })
        .collect()
}
