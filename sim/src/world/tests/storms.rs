//! A real cluster under drawn faults: what is asked is answered in the end, and the laws of the list hold for it too.

use super::kafka::{ADMIN, PRODUCER, cluster_with, create_topic};
use super::*;
use crate::fault::{Lose, MessageFilter, MessageTarget};
use crate::stream::{Stream, StreamPurpose};

const SENDS: u64 = 400;

/// A cluster with a topic, a record every 100 ms from the 10th second on, thirty drawn faults
/// up to the 50th, and everything healed and started then.
fn storm(seed: u64) -> World {
    let mut world = cluster_with(seed, false);
    call(&mut world, ms(8000), ADMIN, 1, create_topic());
    for number in 0..SENDS {
        let value = vec![number as u8; 1 + (number as usize * 37) % 900];
        let record =
            ProducerRecord { topic: "orders".to_owned(), partition: None, key: None, value: Some(Bytes::from(value)) };
        call(&mut world, ms(10_000 + number * 100), PRODUCER, 10 + number, Call::Send(record));
    }
    let mut stream = Stream::new(seed, StreamPurpose::Choice, (99, 0));
    for _ in 0..30 {
        let time = Time(stream.between(10_000_000, 50_000_000));
        let fault = draw_fault(&mut stream);
        at(&mut world, time, fault);
    }
    at(&mut world, ms(50_001), Fault::Heal { from: Default::default(), to: Default::default() });
    for machine in (1..=3).map(MachineId) {
        at(&mut world, ms(50_002), Fault::Resume { machine });
        at(&mut world, ms(50_003), Fault::Start { machine });
    }
    world
}

fn draw_fault(stream: &mut Stream) -> Fault {
    let machine = MachineId(stream.between(1, 3) as u32);
    let other = MachineId(stream.between(1, 3) as u32);
    let third = MessageTarget::Next { filter: MessageFilter::default(), nth: 3 };
    match stream.between(0, 15) {
        0 => Fault::Restart { machine },
        1 => Fault::PowerCut { machine, lose: Lose::Drawn, draw: stream.between(0, u64::MAX) },
        2..=4 => Fault::Start { machine },
        5 => Fault::Pause { machine },
        6 => Fault::Resume { machine },
        7 => Fault::Partition { pairs: vec![(machine, other)] },
        8 | 9 => Fault::Heal { from: Default::default(), to: Default::default() },
        10 => Fault::Stall { machine, path: "data".to_owned(), length: us(3_000_000) },
        11 => Fault::Stop { machine },
        12 => Fault::Drop { target: third },
        13 => Fault::Delay { target: third, by: us(700_000) },
        14 => Fault::Slow { machine, path: String::new(), sync: us(20_000), other: us(100) },
        _ => Fault::Kill { machine },
    }
}

#[test]
fn every_send_is_answered_once_the_storm_is_over() {
    for seed in 0..20 {
        let mut world = storm(seed);
        let steps = steps(&mut world, ms(200_000));
        let mut answered: Vec<u64> = resolutions(&steps).into_iter().map(|(ticket, _, _)| ticket).collect();
        answered.sort_unstable();
        let asked: Vec<u64> = std::iter::once(1).chain(10..10 + SENDS).collect();
        assert_eq!(answered, asked, "seed {seed}");
    }
}

#[test]
fn entry_added_to_a_storm_changes_nothing_before_its_time() {
    for seed in 0..6 {
        let mut stream = Stream::new(seed, StreamPurpose::Choice, (100, 0));
        let time = Time(stream.between(10_000_000, 50_000_000));
        let (mut without, mut with) = (storm(seed), storm(seed));
        at(&mut with, time, draw_fault(&mut stream));
        let before = Time(time.0 - 1);
        while let Some(step) = without.step_until(before) {
            let other = with.step_until(before).expect("as many steps as without the entry");
            assert_eq!((step.index, step.fingerprint), (other.index, other.fingerprint), "seed {seed}");
        }
        assert!(with.step_until(before).is_none());
        assert_eq!(with.digest(), without.digest(), "seed {seed}");
    }
}

#[test]
fn copy_of_a_storm_goes_on_as_the_original() {
    for seed in 0..3 {
        let mut world = storm(seed);
        world.run_until(ms(25_000));
        let mut copy = world.clone();
        world.run_until(ms(60_000));
        copy.run_until(ms(60_000));
        assert_eq!((world.fingerprint(), world.digest()), (copy.fingerprint(), copy.digest()), "seed {seed}");
    }
}
