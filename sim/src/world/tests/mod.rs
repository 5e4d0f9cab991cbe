//! Tests of the world, with toys for programs: TCP, disks, lanes, and the laws of the list.

use std::time::Duration;

use bytes::Bytes;
use trial_broker::client::{Call, CallResult, ProducerRecord};
use trial_broker::ids::Ticket;
use trial_broker::time::Time;

use super::{World, WorldSettings};
use crate::fault::{Entry, Fault, MachineId};
use crate::machine::{MachineConfig, ProgramConfig};
use crate::network::LatencyModel;
use crate::step::{Fact, Resolution, Step};
use crate::toy::ToyConfig;

mod damage;
mod disk;
mod groups;
mod kafka;
mod lanes;
mod laws;
mod recording;
mod replaced;
mod snapshots;
mod storms;
mod tcp;

const A: MachineId = MachineId(1);
const B: MachineId = MachineId(2);

fn ms(millis: u64) -> Time {
    Time::from_millis(millis)
}

fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Two toys, `a` and `b`, that start at once; links of exactly 10 ms; syncs of 100 µs.
fn two() -> World {
    two_with(WorldSettings {
        latency: LatencyModel::Constant(Duration::from_millis(10)),
        sync_cost: us(100),
        ..WorldSettings::default()
    })
}

fn two_with(settings: WorldSettings) -> World {
    let mut world = World::new(0x5, settings);
    for (id, name) in [(A, "a"), (B, "b")] {
        let program = ProgramConfig::Toy(ToyConfig::default());
        world.add_machine(id, MachineConfig { name: name.into(), program });
        world.schedule(Entry::new(Time::ZERO, Fault::Start { machine: id }));
    }
    world
}

fn at(world: &mut World, time: Time, fault: Fault) {
    world.schedule(Entry::new(time, fault));
}

/// Machine `a` sends a request to `b`.
fn ping(world: &mut World, time: Time, ticket: u64) {
    call(world, time, A, ticket, Call::DeleteTopic { name: "b".to_owned() });
}

fn call(world: &mut World, time: Time, machine: MachineId, ticket: u64, call: Call) {
    at(world, time, Fault::Call { machine, ticket: Ticket(ticket), call });
}

fn append(world: &mut World, time: Time, machine: MachineId, ticket: u64, value: &[u8]) {
    let value = Some(Bytes::copy_from_slice(value));
    let record = ProducerRecord { topic: "log".to_owned(), partition: None, key: None, value };
    call(world, time, machine, ticket, Call::Send(record));
}

/// Steps until `time`, and answers every step.
fn steps(world: &mut World, time: Time) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = world.step_until(time) {
        steps.push(step);
    }
    steps
}

/// When each ticket was resolved, and whether well.
fn resolutions(steps: &[Step]) -> Vec<(u64, Time, bool)> {
    let of = |step: &Step| -> Vec<(u64, Time, bool)> {
        let is_good = |result: &CallResult| !matches!(result, CallResult::Failed { .. });
        step.resolutions.iter().map(|Resolution { ticket, result, .. }| (ticket.0, step.at, is_good(result))).collect()
    };
    steps.iter().flat_map(of).collect()
}

fn facts(steps: &[Step]) -> Vec<Fact> {
    steps.iter().flat_map(|step| step.facts.clone()).collect()
}
