//! Recordings: any state again, and the whole run again.

use super::laws::busy;
use super::*;
use crate::record::Recording;

#[test]
fn any_state_is_the_nearest_copy_stepped_again() {
    let mut recording = Recording::new(busy(3));
    let mut digests = Vec::new();
    let mut added = false;
    while recording.world().steps() < 9000 {
        digests.push((recording.world().digest(), recording.world().fingerprint()));
        if recording.world().now() > ms(1000) && !added {
            added = true;
            let time = recording.world().next_tick();
            recording.schedule(Entry::new(time, Fault::Restart { machine: B }));
        }
        if recording.step_until(ms(600_000)).is_none() {
            break;
        }
    }
    assert!(digests.len() > 8500, "{} steps", digests.len());
    for steps in [0, 1, 100, 4095, 4096, 4097, 5000, 8192, digests.len() - 1] {
        let state = recording.state_at(steps as u64);
        assert_eq!((state.digest(), state.fingerprint()), digests[steps], "after {steps} steps");
    }
    recording.replay().expect("repeated");
}

#[test]
fn people_between_two_due_things_are_repeated_at_their_tick() {
    let mut recording = Recording::new(two());
    recording.run_until(ms(10));
    recording.call(Time(10_123), A, Ticket(1), Call::DescribeQuorum);
    recording.call(Time(10_123), A, Ticket(2), Call::DeleteTopic { name: "b".to_owned() });
    recording.run_until(ms(200));
    recording.replay().expect("repeated");
    let answered = recording.steps().iter().filter(|step| !step.resolutions.is_empty()).map(|step| step.at);
    assert_eq!(answered.collect::<Vec<_>>(), [Time(10_123), Time(50_123)]);
    assert_eq!(recording.last_step_at(Time(10_122)), Some(1));
}
