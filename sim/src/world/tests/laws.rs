//! The laws: same seed, same fingerprint; a copy goes on as the original; an entry changes nothing before it.

use std::sync::Arc;

use trial_broker::api::wire::encode_request;
use trial_broker::effects::Output;
use trial_broker::ids::ConnectionId;
use trial_broker::input::{Input, Lane};
use trial_broker::message::{ApiVersionsRequest, Request};

use super::*;
use crate::fault::{Lose, MessageFilter, MessageTarget};
use crate::machine::{Program, Waiting};
use crate::record::fingerprint::Scratch;
use crate::step::{InputKind, Telling};
use crate::stream::{Stream, StreamPurpose};

/// A world with drawn latencies, and a list drawn from `seed`.
pub(super) fn busy(seed: u64) -> World {
    let latency = LatencyModel::Exponential { min: us(500), mean: us(3000) };
    let settings =
        WorldSettings { latency, sync_cost: us(700), writeback: Some(us(50_000)), ..WorldSettings::default() };
    let mut world = World::new(seed, settings);
    for (id, name) in [(A, "a"), (B, "b"), (MachineId(3), "c")] {
        let program = ProgramConfig::Toy(ToyConfig::default());
        world.add_machine(id, MachineConfig { name: name.into(), program });
        at(&mut world, Time::ZERO, Fault::Start { machine: id });
    }
    let mut stream = Stream::new(seed, StreamPurpose::Choice, (77, 0));
    for ticket in 0..300 {
        let time = Time(stream.between(1000, 3_000_000));
        let machine = MachineId(stream.between(1, 3) as u32);
        let drawn = draw_fault(&mut stream, machine, ticket);
        at(&mut world, time, drawn);
    }
    world
}

fn draw_fault(stream: &mut Stream, machine: MachineId, ticket: u64) -> Fault {
    let other = ["a", "b", "c"][stream.between(0, 2) as usize].to_owned();
    let value = Some(Bytes::from(vec![ticket as u8; stream.between(1, 3000) as usize]));
    let record = ProducerRecord { topic: "log".to_owned(), partition: None, key: None, value };
    let call = |call| Fault::Call { machine, ticket: Ticket(ticket), call };
    match stream.between(0, 19) {
        0 => Fault::Kill { machine },
        1 => Fault::PowerCut { machine, lose: Lose::Drawn, draw: stream.between(0, u64::MAX) },
        2..=4 => Fault::Start { machine },
        5 => Fault::Pause { machine },
        6 => Fault::Resume { machine },
        7 => Fault::Partition { pairs: vec![(machine, MachineId(stream.between(1, 3) as u32))] },
        8 => Fault::Heal { from: Default::default(), to: Default::default() },
        9 => Fault::Stall { machine, path: String::new(), length: us(20_000) },
        10 => Fault::Drop { target: MessageTarget::Next { filter: MessageFilter::default(), nth: 2 } },
        11 => call(Call::Close),
        12 => call(Call::Flush),
        13 => call(Call::DescribeQuorum),
        14..=15 => call(Call::Send(record)),
        _ => call(Call::DeleteTopic { name: other }),
    }
}

fn run(world: &mut World) -> Vec<String> {
    world.set_telling(Telling::Details);
    steps(world, ms(4000)).iter().map(|step| format!("{step:?}")).collect()
}

#[test]
fn same_seed_same_fingerprint_in_any_order_and_on_any_thread() {
    let fingerprint = |seed| {
        let mut world = busy(seed);
        world.run_until(ms(4000));
        (world.fingerprint(), world.digest(), world.steps())
    };
    let forwards: Vec<_> = (0..6).map(fingerprint).collect();
    let mut backwards: Vec<_> = (0..6).rev().map(fingerprint).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let threads: Vec<_> = (0..6).map(|seed| std::thread::spawn(move || fingerprint(seed))).collect();
    let elsewhere: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("the world runs")).collect();
    assert_eq!(forwards, elsewhere);
    assert_ne!(forwards[0].0, forwards[1].0);
}

#[test]
fn detail_changes_nothing() {
    let (mut plain, mut detailed) = (busy(1), busy(1));
    detailed.set_telling(Telling::Details);
    plain.run_until(ms(4000));
    detailed.run_until(ms(4000));
    assert_eq!(plain.fingerprint(), detailed.fingerprint());
}

#[test]
fn copy_goes_on_as_the_original_step_for_step() {
    let mut world = busy(2);
    world.run_until(ms(1500));
    let mut copy = world.clone();
    assert_eq!(copy.digest(), world.digest());
    assert_eq!(run(&mut copy), run(&mut world));
    assert_eq!((copy.fingerprint(), copy.digest()), (world.fingerprint(), world.digest()));
}

#[test]
fn added_entry_changes_nothing_before_its_time() {
    for seed in 0..12 {
        let mut stream = Stream::new(seed, StreamPurpose::Choice, (78, 0));
        let time = Time(stream.between(1000, 3_000_000));
        let machine = MachineId(stream.between(1, 3) as u32);
        let (mut without, mut with) = (busy(seed), busy(seed));
        let added = draw_fault(&mut stream, machine, 1000);
        at(&mut with, time, added);
        for world in [&mut without, &mut with] {
            world.set_telling(Telling::Details);
        }
        let before = Time(time.0 - 1);
        let one: Vec<String> = steps(&mut without, before).iter().map(|step| format!("{step:?}")).collect();
        let other: Vec<String> = steps(&mut with, before).iter().map(|step| format!("{step:?}")).collect();
        assert_eq!(one, other, "seed {seed}");
        assert_eq!(without.digest(), with.digest(), "seed {seed}");
    }
}

/// A world of two with a record on a disk, armed timers, and one message on its way.
fn in_the_middle() -> World {
    let mut world = two();
    append(&mut world, ms(100), A, 1, b"abc");
    ping(&mut world, ms(120), 2);
    world.run_until(ms(145));
    assert_eq!(world.in_flight().len(), 1);
    world
}

#[test]
fn digest_sees_a_byte_on_a_disk() {
    let world = in_the_middle();
    let changed = |fault| {
        let mut copy = world.clone();
        at(&mut copy, Time(145_001), fault);
        copy.step();
        copy.advance_to(Time(145_001));
        copy.digest()
    };
    let nothing = Fault::Resume { machine: A };
    let rot = Fault::Rot { machine: A, path: crate::toy::LOG.to_owned(), position: 2, bits: 1 };
    assert_ne!(changed(rot), changed(nothing.clone()));
    let mut same = world.clone();
    same.advance_to(Time(145_001));
    assert_eq!(changed(nothing), same.digest(), "an entry without effect");
    assert_ne!(world.digest(), same.digest(), "the time");
}

#[test]
fn digest_sees_when_a_timer_is_armed_and_for_when_its_owner_wants_it() {
    let world = in_the_middle();
    let changed = |change: fn(&mut crate::machine::Process)| {
        let mut copy = world.clone();
        change(copy.machines.get_mut(&A).and_then(|machine| machine.process.as_mut()).expect("it runs"));
        copy.digest()
    };
    assert_eq!(changed(|_| {}), world.digest());
    let armed = changed(|process| {
        let armed = &mut process.lane(Lane::Lifecycle).armed;
        *armed = armed.map(|at| at + us(1));
    });
    assert_ne!(armed, world.digest(), "the world's side of a timer");
    let wanted = changed(|process| match &mut process.program {
        Program::Toy(toy) => toy.next_beat += us(1),
        Program::Node(_) | Program::Client(_) => panic!("a world of toys"),
    });
    assert_ne!(wanted, world.digest(), "the machine's side of a timer");
}

#[test]
fn digest_sees_a_byte_of_a_message_in_flight() {
    let world = in_the_middle();
    let changed = |name: &str| {
        let versions =
            ApiVersionsRequest { client_software_name: name.to_owned(), client_software_version: "1".to_owned() };
        let message = Arc::new(encode_request(Request::ApiVersions(versions), 3, 1, "toy".into()));
        let output = Output::Send { connection: ConnectionId(1), message: Arc::clone(&message) };
        let weight = Scratch::default().output(&output).expect("a message has a weight");
        let mut copy = world.clone();
        copy.network.replace_message(&message, weight);
        copy.digest()
    };
    assert_eq!(changed("toy"), changed("toy"));
    assert_ne!(changed("toy"), changed("toz"));
}

#[test]
fn digest_sees_what_waits_for_a_lane_and_with_what_a_machine_would_start() {
    let world = in_the_middle();
    let waiting = |ticket| {
        let mut copy = world.clone();
        let process = copy.machines.get_mut(&A).and_then(|machine| machine.process.as_mut()).expect("it runs");
        let input = Input::Abandon { ticket: Ticket(ticket) };
        process.lane(Lane::Data).inbox.push_back(Waiting { input, kind: InputKind::Stop, message: None });
        copy.digest()
    };
    assert_eq!(waiting(1), waiting(1));
    assert_ne!(waiting(1), waiting(2));
    let mut silent = world.clone();
    let machine = silent.machines.get_mut(&A).expect("a machine of the world");
    machine.config.program = ProgramConfig::Toy(ToyConfig { is_silent: true, ..ToyConfig::default() });
    assert_ne!(silent.digest(), world.digest());
}

#[test]
fn answers_from_the_list_replace_draws_and_move_no_other() {
    let drawn = |answer: Option<u64>| {
        let mut world = two();
        if let Some(value) = answer {
            let purpose = trial_broker::choice::Purpose::ElectionTimeout;
            at(&mut world, ms(1), Fault::Answer { machine: A, purpose, values: vec![value] });
        }
        for ticket in 0..3 {
            call(&mut world, ms(2 + ticket), A, ticket, Call::DescribeQuorum);
        }
        steps(&mut world, ms(10));
        world.machine(A).and_then(|machine| machine.toy()).expect("the toy runs").drawn.clone()
    };
    let (free, answered) = (drawn(None), drawn(Some(1234)));
    assert_eq!(answered[0], 1234);
    assert_eq!(answered[1..], free[1..]);
}

#[test]
#[should_panic(expected = "comes too late")]
fn entry_in_the_past_is_refused() {
    let mut world = two();
    world.run_until(ms(100));
    at(&mut world, ms(100), Fault::Kill { machine: A });
}
