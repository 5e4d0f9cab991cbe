//! Ranges: what a lesson says of all seeds, over two hundred of them.
//!
//! A range comes from phases of periodic tasks that a seed draws. All seeds lie inside, and
//! both ends are approached within a tenth of the range: a range that nobody approaches is
//! as wrong as one that somebody leaves.

use std::ops::ControlFlow;

use trial_broker::event::{ControllerEvent, Event, FenceReason, PartitionEvent, QuorumStateName, RaftEvent};
use trial_broker::ids::{LeaderEpoch, NodeId};
use trial_broker::time::Time;
use trial_sim::scenario::Seed;
use trial_sim::scenario::run::{RunOptions, TraceKind, run_watched};
use trial_sim::step::{Step, StepKind};
use trial_sim::{Fault, MachineId};
use trial_tests::{lessons, parallel};

const SEEDS: u64 = 200;

/// How one seed went.
#[derive(Clone, Copy, Debug)]
struct Found {
    seconds: f64,
    /// How many epochs the quorum's last leader is ahead of the one before.
    epochs: i32,
}

fn epoch_of(event: &Event) -> Option<i32> {
    match event {
        Event::Raft(RaftEvent::StateChanged { to: QuorumStateName::Leader, epoch, .. }) => Some(epoch.0),
        _ => None,
    }
}

/// From the step whose entry is `from` to the first event, on any machine, that is `to`.
fn seconds(lesson: &str, seed: u64, from: fn(&Fault) -> bool, to: fn(MachineId, &Event) -> bool) -> Option<Found> {
    let scenario = lessons::read(lesson);
    let mut since: Option<Time> = None;
    let mut took = None;
    let mut active = Vec::new();
    let options = RunOptions { seed: Some(Seed(seed)), trace: TraceKind::None, ..RunOptions::default() };
    let mut watch = |step: &Step| {
        active.extend(step.events.iter().filter_map(epoch_of));
        if let StepKind::Entry(fault) = &step.kind
            && from(fault)
        {
            since = Some(step.at);
        }
        if let (Some(since), Some(machine)) = (since, step.machine())
            && step.events.iter().any(|event| to(machine, event))
        {
            let epochs = active.windows(2).last().map_or(0, |pair| pair[1] - pair[0]);
            took = Some(Found { seconds: step.at.since(since).as_secs_f64(), epochs });
        }
        if took.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    run_watched(&scenario, options, &mut |_| true, &mut |_, step| match step {
        Some(step) => watch(step),
        None => ControlFlow::Continue(()),
    });
    took
}

/// Checks a range, in seconds.
fn prove(lesson: &str, min: f64, max: f64, from: fn(&Fault) -> bool, to: fn(MachineId, &Event) -> bool) {
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let found = parallel::map(&seeds, |seed| (*seed, seconds(lesson, *seed, from, to)));
    let never: Vec<u64> = found.iter().filter(|(_, took)| took.is_none()).map(|(seed, _)| *seed).collect();
    assert!(never.is_empty(), "{lesson}: it never happened with the seeds {never:?}");
    judge(lesson, min, max, found.into_iter().filter_map(|(seed, took)| Some((took?, seed))).collect());
}

/// Whether all lie inside of a range, and approach its ends.
fn judge(lesson: &str, min: f64, max: f64, found: Vec<(Found, u64)>) {
    let mut found: Vec<(f64, u64)> = found.into_iter().map(|(found, seed)| (found.seconds, seed)).collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (first, last) = (found[0], found[found.len() - 1]);
    let shown = format!(
        "{lesson}: {min} to {max} s promised; found {} (seed {:#x}) to {} s (seed {:#x})",
        first.0, first.1, last.0, last.1
    );
    assert!(first.0 >= min && last.0 <= max, "left: {shown}");
    let tenth = (max - min) / 10.0;
    assert!(first.0 <= min + tenth && last.0 >= max - tenth, "not approached: {shown}");
}

fn is_fence(event: &Event, broker: i32) -> bool {
    let fence = ControllerEvent::BrokerFenced { broker: NodeId(broker), reason: FenceReason::SessionExpired };
    *event == Event::Controller(fence)
}

/// Last contact 2.01 s before the kill to 0.01 s after it, a session of 9.0 s, a check every 1.125 s, and 20 to 45 ms
/// until the decision is committed (docs: decision 10).
#[test]
fn dead_follower_is_fenced_after_7_01_to_10_18_seconds() {
    prove("04-dead-follower", 7.01, 10.18, |fault| matches!(fault, Fault::Kill { .. }), |_, event| is_fence(event, 3));
}

/// Last caught up at 59.93 s, out of sync for more than 30 s at a check every 15 s, in force 65 to 105 ms later (docs:
/// decision 10): counted from the clog at 59.95 s.
#[test]
fn slow_follower_leaves_the_isr_at_90_to_105_seconds() {
    prove(
        "04-slow-follower",
        89.995 - 59.95,
        105.035 - 59.95,
        |fault| matches!(fault, Fault::Clog { .. }),
        |machine, event| {
            let leaves = |to: &[NodeId]| to == [NodeId(1), NodeId(2)];
            machine == MachineId(1)
                && matches!(event, Event::Partition(PartitionEvent::IsrChanged { to, .. }) if leaves(to))
        },
    );
}

#[test]
fn dead_leader_is_fenced_after_7_01_to_10_18_seconds() {
    prove("07-leader-loss", 7.01, 10.18, |fault| matches!(fault, Fault::Kill { .. }), |_, event| is_fence(event, 1));
}

/// The fence, and 65 ms until the new leader knows.
#[test]
fn second_leader_begins_7_to_10_2_seconds_after_the_cut() {
    prove(
        "09-two-leaders",
        7.0,
        10.2,
        |fault| matches!(fault, Fault::Partition { .. }),
        |machine, event| {
            machine == MachineId(2)
                && matches!(event, Event::Partition(PartitionEvent::BecameLeader { partition, leader_epoch, .. })
                    if partition.topic.as_str() == "orders" && *leader_epoch == LeaderEpoch(1))
        },
    );
}

/// Both survivors time out 2.0 s after their last fetch answer; the smaller election timeout decides, two epochs later.
/// Survivors whose draws lie within one trip of each other split the vote once more (there is no candidate backoff):
/// such a seed needs more epochs, and more time. They are one in fifty (docs: decision 10), and not what the range
/// speaks of.
#[test]
fn split_vote_ends_after_3_06_to_4_06_seconds() {
    let killed = |fault: &Fault| matches!(fault, Fault::Kill { .. });
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let all = parallel::map(&seeds, |seed| {
        let found = seconds("13-split-vote", *seed, killed, |_, event| epoch_of(event).is_some());
        (found.expect("a leader is elected"), *seed)
    });
    let (split_once, split_again): (Vec<_>, Vec<_>) = all.into_iter().partition(|(found, _)| found.epochs == 2);
    assert!((1..=12).contains(&split_again.len()), "four of two hundred are expected: {split_again:?}");
    assert!(split_again.iter().all(|(found, _)| found.epochs > 2 && found.seconds > 4.0), "{split_again:?}");
    // The kill falls one microsecond after the last answers.
    judge("13-split-vote", 3.059_999, 4.06, split_once);
}
