//! People: exact times, no matter how many tasks lie between an answer and what is done about it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::time::TimeHandle;
use trial_broker::client::{Call, CallResult};

use super::*;
use crate::machine::ProgramConfig;
use crate::network::LatencyModel;
use crate::toy::ToyConfig;

const A: MachineId = MachineId(1);
const B: MachineId = MachineId(2);

/// Two toys on links of exactly 10 ms.
fn two(seed: u64, latency: LatencyModel) -> World {
    let mut world = World::new(seed, WorldSettings { latency, ..WorldSettings::default() });
    for (id, name) in [(A, "a"), (B, "b")] {
        let program = ProgramConfig::Toy(ToyConfig::default());
        world.add_machine(id, MachineConfig { name: name.into(), program });
        world.schedule(Entry::new(Time::ZERO, Fault::Start { machine: id }));
    }
    world
}

fn exact(seed: u64) -> World {
    two(seed, LatencyModel::Constant(Duration::from_millis(10)))
}

fn drawn(seed: u64) -> World {
    two(seed, LatencyModel::Exponential { min: Duration::from_micros(300), mean: Duration::from_micros(2500) })
}

fn ping() -> Call {
    Call::DeleteTopic { name: "b".to_owned() }
}

#[test]
fn answers_come_at_the_tick_at_which_the_machine_gives_them() {
    let run = run_in(exact(1), |world, people| async move {
        world.sleep(Duration::from_millis(1)).await;
        let person = people.client(A);
        let mut times = Vec::new();
        for _ in 0..3 {
            assert_eq!(person.call(ping()).await, CallResult::Done);
            times.push(world.now());
        }
        times
    });
    assert_eq!(run.result, [41, 61, 81].map(Time::from_millis));
    run.recording.replay().expect("people's runs are repeated without people");
}

/// Five people who ask again as soon as they are answered: by themselves, or through a task and a channel.
fn five(seed: u64, hops: bool) -> (u64, Vec<(u64, Time)>) {
    let run = run_in(drawn(seed), move |world, people| async move {
        world.sleep(Duration::from_millis(1)).await;
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (world, person, log) = (world.clone(), people.client(if number % 2 == 0 { A } else { B }), log.clone());
            tasks.push(madsim::task::spawn(async move {
                world.sleep(Duration::from_micros(number)).await;
                for _ in 0..20 {
                    let call = Call::DeleteTopic { name: if number % 2 == 0 { "b" } else { "a" }.to_owned() };
                    let answer = person.call(call);
                    if hops {
                        madsim::task::spawn(async move {
                            madsim::task::spawn(answer).await.expect("the task runs");
                        })
                        .await
                        .expect("the task runs");
                    } else {
                        answer.await;
                    }
                    log.lock().expect("one at a time").push((number, world.now()));
                    world.sleep(Duration::from_micros(100 + 7 * number)).await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("the task runs");
        }
        std::mem::take(&mut *log.lock().expect("one at a time"))
    });
    (run.recording.world().fingerprint(), run.result)
}

#[test]
fn hops_through_tasks_and_channels_cost_no_time_and_change_nothing() {
    for seed in 0..4 {
        let (fingerprint, log) = five(seed, false);
        assert_eq!(log.len(), 100);
        let (with_hops, mut hopped) = five(seed, true);
        assert_eq!(fingerprint, with_hops, "seed {seed}");
        // Who of several woken at one instant writes first is madsim's draw.
        let mut plain = log;
        for log in [&mut plain, &mut hopped] {
            log.sort_by_key(|(number, time)| (*time, *number));
        }
        assert_eq!(plain, hopped, "seed {seed}");
    }
}

#[test]
fn same_seed_same_run_in_fresh_threads() {
    assert_eq!(five(7, false), five(7, false));
    assert_ne!(five(7, false).0, five(8, false).0);
}

#[test]
fn programs_on_madsim_share_the_timeline_to_a_millisecond() {
    let run = run_in(exact(3), |world, people| async move {
        let person = people.client(A);
        let looks = madsim::task::spawn({
            let world = world.clone();
            async move {
                let mut apart = Vec::new();
                for _ in 0..50 {
                    madsim::time::sleep(Duration::from_millis(10)).await;
                    assert_eq!(person.call(ping()).await, CallResult::Done);
                    let (ours, theirs) = (world.now(), TimeHandle::current().elapsed());
                    apart.push(theirs.abs_diff(Duration::from_micros(ours.0)));
                }
                apart
            }
        });
        looks.await.expect("the task runs")
    });
    let worst = run.result.iter().max().expect("50 looks");
    assert!(*worst <= Duration::from_millis(1), "{worst:?} apart");
    run.recording.replay().expect("repeated without people");
}

#[test]
fn call_that_nobody_waits_for_any_more_is_abandoned_in_a_step() {
    let run = run_in(exact(4), |world, people| async move {
        world.sleep(Duration::from_millis(1)).await;
        let answer = madsim::time::timeout(Duration::from_millis(15), people.client(A).call(ping())).await;
        assert!(answer.is_err(), "40 ms are needed");
        world.sleep(Duration::from_millis(50)).await;
    });
    let abandoned =
        run.recording.outside().iter().any(|outside| matches!(outside, crate::record::Outside::Abandon { .. }));
    assert!(abandoned);
    run.recording.replay().expect("repeated");
}

#[test]
fn killed_client_fails_what_its_people_wait_for() {
    let run = run_in(exact(5), |world, people| async move {
        world.sleep(Duration::from_millis(1)).await;
        let answer = people.client(A).call(ping());
        world.schedule(Entry::new(Time::from_millis(20), Fault::Kill { machine: A }));
        let result = answer.await;
        assert!(matches!(result, CallResult::Failed { .. }), "{result:?}");
        let never = people.client(A).call(ping()).await;
        assert!(matches!(never, CallResult::Failed { .. }), "{never:?}");
        world.now()
    });
    assert_eq!(run.result, Time::from_millis(20));
}

#[test]
fn conditions_are_seen_at_the_step_that_makes_them_true() {
    let run = run_in(exact(6), |world, _people| async move {
        let has_beaten = |beats: i64| {
            move |world: &World| {
                world.machine(A).and_then(|machine| machine.toy()).is_some_and(|toy| toy.beats >= beats)
            }
        };
        assert!(world.until(Duration::from_secs(5), has_beaten(7)).await);
        let then = world.now();
        assert!(!world.until(Duration::from_millis(250), has_beaten(20)).await);
        (then, world.now())
    });
    assert_eq!(run.result, (Time::from_millis(700), Time::from_millis(950)));
}

#[test]
#[should_panic(expected = "a person's own panic")]
fn panic_of_a_person_is_the_panic_of_the_run() {
    run_in(exact(7), |world, _people| async move {
        world.sleep(Duration::from_millis(5)).await;
        assert!(world.now() == Time::ZERO, "a person's own panic");
    });
}

#[test]
#[should_panic(expected = "nothing is due")]
fn world_in_which_everybody_waits_for_ever_says_so() {
    run(1, |_world, _people| std::future::pending::<()>());
}
