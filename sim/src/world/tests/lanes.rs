//! Lanes: what pays waits, what does not goes on, and a crash takes back what was not paid for.

use super::*;
use crate::fault::Lose;
use crate::step::StepKind;
use trial_broker::event::{Event, LifecycleEvent};
use trial_broker::input::Lane;

#[test]
fn stalled_data_lane_waits_while_the_heart_goes_on_beating() {
    let mut world = two();
    at(&mut world, ms(150), Fault::Stall { machine: A, path: String::new(), length: Duration::from_secs(1) });
    append(&mut world, ms(160), A, 1, b"held up");
    append(&mut world, ms(170), A, 2, b"behind it");
    let before = steps(&mut world, ms(1140));
    assert!(resolutions(&before).is_empty());
    assert!(world.machine(A).expect("a").owes(Lane::Data));
    assert_eq!(world.machine(A).expect("a").waiting(Lane::Data), 1);
    let beats = |steps: &[Step]| {
        let is_beat = |event: &Event| matches!(event, Event::Lifecycle(LifecycleEvent::HeartbeatSent { .. }));
        steps
            .iter()
            .filter(|step| step.machine() == Some(A))
            .flat_map(|step| &step.events)
            .filter(|e| is_beat(e))
            .count()
    };
    assert_eq!(beats(&before), 11, "one each 100 ms");
    let after = steps(&mut world, ms(2000));
    assert_eq!(resolutions(&after), [(1, ms(1150), true), (2, ms(1150), true)]);
}

/// The first machine's state contradicts itself after its third beat, and no step looks at what is broken.
fn with_a_broken_machine() -> World {
    let mut world = two();
    let program = ProgramConfig::Toy(ToyConfig { breaks_after: Some(3), ..ToyConfig::default() });
    world.add_machine(MachineId(3), MachineConfig { name: "c".into(), program });
    at(&mut world, Time::ZERO, Fault::Start { machine: MachineId(3) });
    world.run_until(ms(250));
    world.assert_invariants();
    world.run_until(ms(350));
    world
}

#[test]
#[should_panic(expected = "a toy that beats no more goes on")]
fn what_is_broken_in_a_process_is_seen_when_it_is_killed() {
    let mut world = with_a_broken_machine();
    at(&mut world, ms(400), Fault::Kill { machine: MachineId(3) });
    world.run_until(ms(500));
}

#[test]
#[should_panic(expected = "a toy that beats no more goes on")]
fn what_is_broken_in_a_process_is_seen_when_its_power_is_cut() {
    let mut world = with_a_broken_machine();
    at(&mut world, ms(400), Fault::PowerCut { machine: MachineId(3), lose: Lose::All, draw: 0 });
    world.run_until(ms(500));
}

#[test]
#[should_panic(expected = "a toy that beats no more goes on")]
fn what_is_broken_in_a_process_is_seen_when_somebody_looks_at_the_whole_world() {
    with_a_broken_machine().assert_invariants();
}

#[test]
fn killed_before_it_paid_what_it_did_is_dropped_and_taken_back() {
    let mut world = two();
    append(&mut world, ms(100), A, 1, b"one");
    at(&mut world, ms(150), Fault::Stall { machine: A, path: "data-0".to_owned(), length: Duration::from_secs(1) });
    append(&mut world, ms(160), A, 2, b"two");
    at(&mut world, ms(500), Fault::Kill { machine: A });
    let steps = steps(&mut world, ms(2000));
    assert_eq!(resolutions(&steps), [(1, ms(100), true)]);
    let dropped: Vec<u64> = facts(&steps)
        .iter()
        .filter_map(|fact| match fact {
            Fact::Dropped { step, .. } => Some(*step),
            _ => None,
        })
        .collect();
    let unpaid: Vec<u64> = steps
        .iter()
        .filter(|step| matches!(&step.kind, StepKind::Entry(Fault::Call { ticket: Ticket(2), .. })))
        .map(|step| step.index)
        .collect();
    assert_eq!(dropped, unpaid);
    assert_eq!(world.machine(A).expect("a").disk().content(crate::toy::LOG).as_deref(), Some(&b"one"[..]));
}

#[test]
fn paused_process_sees_its_timers_when_it_goes_on() {
    let mut world = two();
    at(&mut world, ms(150), Fault::Pause { machine: A });
    ping(&mut world, ms(160), 1);
    at(&mut world, ms(950), Fault::Resume { machine: A });
    let steps = steps(&mut world, ms(1100));
    assert_eq!(resolutions(&steps), [(1, ms(990), true)]);
    let beats: Vec<Time> =
        steps.iter().filter(|step| step.machine() == Some(A) && !step.events.is_empty()).map(|step| step.at).collect();
    assert_eq!(beats, [ms(100), ms(950), ms(1050)]);
}

#[test]
fn background_flush_answers_when_the_disk_has_done_it() {
    let mut world = two();
    append(&mut world, ms(100), A, 1, b"one");
    call(&mut world, ms(200), A, 2, Call::Warm { topics: Vec::new() });
    append(&mut world, Time(200_050), A, 3, b"two");
    let steps = steps(&mut world, ms(300));
    assert_eq!(resolutions(&steps)[1..], [(3, Time(200_050), true), (2, Time(200_100), true)]);
    let disk = world.machine(A).expect("a").disk();
    assert_eq!(disk.durable_content(crate::toy::LOG).as_deref(), Some(&b"one"[..]));
    assert_eq!(disk.content(crate::toy::LOG).as_deref(), Some(&b"onetwo"[..]));
}

#[test]
fn drifting_clock_moves_the_timers_and_a_skew_does_not() {
    let mut world = two();
    at(&mut world, Time(1), Fault::Skew { machine: A, wall_offset_micros: -5_000_000, drift_ppm: 0 });
    at(&mut world, Time(1), Fault::Skew { machine: B, wall_offset_micros: 0, drift_ppm: 100_000 });
    let steps = steps(&mut world, ms(1000));
    let beats = |machine| {
        let is_beat = |step: &&Step| step.machine() == Some(machine) && !step.events.is_empty();
        steps.iter().filter(is_beat).count()
    };
    assert_eq!((beats(A), beats(B)), (10, 10));
    let (a, b) = (world.machine(A).expect("a"), world.machine(B).expect("b"));
    assert_eq!(a.armed(Lane::Lifecycle), Some(ms(1100)));
    assert!(b.armed(Lane::Lifecycle).expect("armed") < ms(1005), "a clock that is 10 % fast");
    assert_eq!(b.now(ms(1000)).wall.0 - a.now(ms(1000)).wall.0, 5_000_000 + 99_999);
}
