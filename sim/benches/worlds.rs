//! What a world costs: its steps under load and idle, its copy, its digest, and beside them a bare message of madsim.
//!
//! `cargo bench -p trial-sim`; a name picks some: `cargo bench -p trial-sim -- world`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use trial_sim::internal::World;
use trial_sim::internal::bench::{IDLE, IDLE_PATH, R1, R1_PATH, pass_tokens};
use trial_sim::internal::scenario::run::{Measure, recorded, run_measured};
use trial_sim::internal::scenario::{Scenario, Seed, Span};
use trial_sim::internal::step::Telling;

/// A second of virtual time.
const SECOND: Duration = Duration::from_secs(1);

/// How many bare messages are passed at once.
const MESSAGES: u64 = 6_000;

fn scenario(path: &str, source: &str) -> Scenario {
    Scenario::parse(path, source).unwrap_or_else(|invalid| panic!("{path}: {invalid}"))
}

/// A world of a scenario one second after its time zero, without anybody who records or checks, and how many steps it
/// takes in the second after that.
fn world_of(path: &str, source: &str) -> (World, u64) {
    let recording = recorded(&scenario(path, source), Seed(1), Span { micros: 2_000_000 });
    let end = recording.world().now();
    let from = recording.steps().partition_point(|step| step.at.0 + 1_000_000 < end.0);
    let world = recording.state_at(from as u64);
    let steps = recording.world().steps() - world.steps();
    (world, steps)
}

fn worlds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("world");
    for (name, path, source) in [("a second of R1", R1_PATH, R1), ("an idle second", IDLE_PATH, IDLE)] {
        let (mut world, steps) = world_of(path, source);
        world.set_telling(Telling::Events);
        group.throughput(Throughput::Elements(steps));
        group.bench_function(name, |bencher| {
            let run = |world: &mut World| world.run_until(world.now() + SECOND);
            bencher.iter_batched_ref(|| world.clone(), run, BatchSize::SmallInput);
        });
    }
    let (world, _) = world_of(R1_PATH, R1);
    group.throughput(Throughput::Elements(1));
    group.bench_function("copy", |bencher| bencher.iter(|| black_box(&world).clone()));
    group.bench_function("digest", |bencher| bencher.iter(|| black_box(&world).digest()));
    group.finish();
}

fn runs(criterion: &mut Criterion) {
    let r1 = scenario(R1_PATH, R1);
    let mut group = criterion.benchmark_group("R1");
    group.sample_size(10);
    for (name, checks, recording) in
        [("as it is", true, false), ("without checks", false, false), ("with recording", true, true)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| run_measured(&r1, Seed(1), Measure { checks, recording }));
        });
    }
    group.finish();
}

fn bare_messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("madsim");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function("bare messages", |bencher| bencher.iter(|| pass_tokens(MESSAGES)));
    group.finish();
}

criterion_group!(benches, worlds, runs, bare_messages);
criterion_main!(benches);
