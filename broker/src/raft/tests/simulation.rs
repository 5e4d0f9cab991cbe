//! Random faults against a quorum, with the invariants checked after every step.
//!
//! After Kafka's `RaftEventSimulationTest`, with its checks (R1 to R7) and a stronger
//! fault model: kills keep or lose what was not synced, links are cut one way or both, and
//! nothing waits for the quorum to come to rest in between.
//!
//! ```text
//!   R1  the cluster's highest high watermark never falls
//!   R2  no member's epoch falls
//!   R3  a majority of voters hold everything below the leader's high watermark
//!   R4  no epoch has two leaders
//!   R5  a log that starts above 0 has a snapshot at its start or behind it
//!   R6  a leader is never given a snapshot
//!   R7  owners are given the same value at the same offset (in the harness)
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::harness::World;
use crate::config::{Behaviour, Switch};
use crate::event::QuorumStateName;
use crate::ids::{LeaderEpoch, NodeId, Offset};

/// What the checks remember between steps.
#[derive(Default)]
struct Checks {
    epochs: BTreeMap<NodeId, LeaderEpoch>,
    leaders: BTreeMap<LeaderEpoch, NodeId>,
    high_watermark: Offset,
    /// Where the check R4 may find its violation without panicking.
    two_leaders: bool,
}

impl Checks {
    fn check(&mut self, world: &World) {
        for (id, raft) in world.running() {
            let (_, epoch) = raft.leader_and_epoch();
            let before = self.epochs.insert(id, epoch).unwrap_or(LeaderEpoch(0));
            assert!(epoch >= before, "R2: the epoch of member {id} fell from {before} to {epoch}");
            if raft.state_name() == QuorumStateName::Leader {
                let first = *self.leaders.entry(epoch).or_insert(id);
                self.two_leaders |= first != id;
            }
            let start = raft.log_start_offset();
            let covered = start == 0 || raft.latest_snapshot().is_some_and(|snapshot| snapshot.end_offset >= start);
            assert!(covered, "R5: member {id} starts at {start} with the snapshot {:?}", raft.latest_snapshot());
            let committed = raft.high_watermark().unwrap_or(0);
            assert!(committed <= raft.log_end_offset(), "member {id} knows {committed} committed beyond its log's end");
        }
        let leader = world.leader().map(|id| world.raft(id));
        if let Some((leader, high_watermark)) = leader.and_then(|raft| Some((raft, raft.high_watermark()?))) {
            assert!(
                high_watermark >= self.high_watermark,
                "R1: the high watermark fell from {} to {high_watermark}",
                self.high_watermark
            );
            self.high_watermark = high_watermark;
            self.check_majority(world, leader.voters().len(), high_watermark);
        }
    }

    /// R3, over all voters: what a member that is down holds is on its disk and not looked at,
    /// so it counts as holding everything.
    fn check_majority(&self, world: &World, voters: usize, high_watermark: Offset) {
        let behind = world.running().filter(|(_, raft)| raft.is_voter() && raft.log_end_offset() < high_watermark);
        let holding = voters - behind.count();
        assert!(holding > voters / 2, "R3: only {holding} of {voters} voters hold {high_watermark}");
    }
}

/// One thing done to the quorum.
#[derive(Clone, Debug)]
enum Fault {
    Run(u64),
    Kill(i32, bool),
    Start(i32),
    Cut(i32, i32),
    Heal,
    Append(u64),
    Snapshot(i32),
    Resign,
    Stop(i32),
}

fn fault(members: i32) -> impl Strategy<Value = Fault> {
    let member = 1..=members;
    prop_oneof![
        6 => (1u64..3_000).prop_map(Fault::Run),
        2 => (member.clone(), any::<bool>()).prop_map(|(id, power)| Fault::Kill(id, power)),
        4 => member.clone().prop_map(Fault::Start),
        2 => (member.clone(), member.clone()).prop_map(|(a, b)| Fault::Cut(a, b)),
        2 => Just(Fault::Heal),
        6 => (1u64..5).prop_map(Fault::Append),
        1 => member.clone().prop_map(Fault::Snapshot),
        1 => Just(Fault::Resign),
        1 => member.prop_map(Fault::Stop),
    ]
}

fn run(world: &mut World, checks: &mut Checks, millis: u64) {
    let until = world.now + Duration::from_millis(millis);
    let mut turns = 0;
    while world.turn(until) {
        checks.check(world);
        reap(world);
        turns += 1;
        assert!(turns < 200_000, "the quorum does not come to rest at {:?}", world.now);
    }
}

/// A member that has left in an orderly way is gone.
fn reap(world: &mut World) {
    let left: Vec<NodeId> =
        world.machines.iter().filter(|(_, m)| m.exited && m.raft.is_some()).map(|(id, _)| *id).collect();
    for id in left {
        world.kill(id, false);
    }
}

fn apply(world: &mut World, checks: &mut Checks, fault: &Fault) {
    let is_up = |world: &World, id: NodeId| world.machines[&id].raft.is_some();
    match *fault {
        Fault::Run(millis) => run(world, checks, millis),
        Fault::Kill(id, power_cut) => world.kill(NodeId(id), power_cut),
        Fault::Start(id) if !is_up(world, NodeId(id)) => world.start(NodeId(id)),
        Fault::Cut(a, b) if a != b => {
            world.cut.insert((NodeId(a), NodeId(b)));
        }
        Fault::Heal => world.cut.clear(),
        Fault::Append(count) => {
            if let Some(leader) = world.leader() {
                world.append(leader, count);
            }
        }
        Fault::Snapshot(id) if is_up(world, NodeId(id)) => {
            if world.snapshot(NodeId(id)) {
                let id = NodeId(id);
                world.with(id, |raft, ctx| {
                    let latest = raft.latest_snapshot().expect("it was taken just now");
                    raft.log.delete_before(ctx, latest).unwrap();
                });
            }
        }
        Fault::Resign => {
            if let Some(leader) = world.leader() {
                let epoch = world.raft(leader).leader_and_epoch().1;
                world.with(leader, |raft, ctx| raft.resign(ctx, epoch));
            }
        }
        Fault::Stop(id) if is_up(world, NodeId(id)) => {
            world.with(NodeId(id), |raft, ctx| raft.shut_down(ctx));
        }
        Fault::Start(_) | Fault::Cut(..) | Fault::Snapshot(_) | Fault::Stop(_) => {}
    }
    reap(world);
    checks.check(world);
}

fn seeded(voters: i32, observers: i32, seed: u64, behaviour: &Behaviour) -> World {
    let mut world = World::new(voters, observers, behaviour);
    for (id, machine) in &mut world.machines {
        machine.script.stream = Some(seed.wrapping_mul(31).wrapping_add(id.0 as u64));
    }
    world.start_all();
    world
}

/// Everybody up and every link whole: a leader within a few election rounds, and progress.
fn assert_recovers(world: &mut World, checks: &mut Checks) {
    world.cut.clear();
    // Whoever is about to leave is gone after this, and is started again with the others.
    run(world, checks, 6_000);
    for id in world.machines.keys().copied().collect::<Vec<_>>() {
        if world.machines[&id].raft.is_none() {
            world.start(id);
        }
    }
    run(world, checks, 30_000);
    let leader = world.leader().expect("a whole quorum elects a leader within 30 s");
    assert!(world.append(leader, 1));
    run(world, checks, 2_000);
    let end = world.raft(leader).log_end_offset();
    for (id, raft) in world.running() {
        assert_eq!(raft.high_watermark(), Some(end), "member {id} does not know everything as committed");
        assert_eq!(raft.log_end_offset(), end, "member {id} does not have the whole log");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// canElectInitialLeader, canRecoverAfterAllNodesKilled, canMakeProgress…: one property for all of them.
    #[test]
    fn no_faults_make_a_quorum_contradict_itself_and_it_recovers_when_they_end(
        voters in 1i32..=5,
        observers in 0i32..=2,
        seed in any::<u64>(),
        faults in prop::collection::vec(fault(7), 0..60),
    ) {
        let mut world = seeded(voters, observers, seed, &Behaviour::default());
        let mut checks = Checks::default();
        run(&mut world, &mut checks, 3_000);
        for fault in &faults {
            if let Fault::Kill(id, _) | Fault::Start(id) | Fault::Snapshot(id) | Fault::Stop(id) = fault
                && *id > voters + observers
            {
                continue;
            }
            apply(&mut world, &mut checks, fault);
            prop_assert!(!checks.two_leaders, "R4: an epoch has two leaders");
        }
        assert_recovers(&mut world, &mut checks);
        prop_assert!(!checks.two_leaders, "R4: an epoch has two leaders");
    }

    /// canMakeProgressIfMajorityIsReachable: {1,2} | {3,4,5}.
    #[test]
    fn a_reachable_majority_makes_progress(seed in any::<u64>()) {
        let mut world = seeded(5, 0, seed, &Behaviour::default());
        let mut checks = Checks::default();
        run(&mut world, &mut checks, 10_000);
        for a in [1, 2] {
            for b in [3, 4, 5] {
                world.cut.insert((NodeId(a), NodeId(b)));
                world.cut.insert((NodeId(b), NodeId(a)));
            }
        }
        run(&mut world, &mut checks, 30_000);
        let leader = world.leader().expect("three of five elect a leader");
        prop_assert!(leader.0 >= 3);
        let before = world.raft(leader).high_watermark();
        world.append(leader, 1);
        run(&mut world, &mut checks, 1_000);
        prop_assert!(world.raft(leader).high_watermark() > before);
        prop_assert!(!checks.two_leaders, "R4: an epoch has two leaders");
    }

    /// canElectNewLeaderAfterOldLeaderFailure.
    #[test]
    fn the_others_go_on_without_a_leader_that_has_gone_and_it_catches_up_when_it_returns(
        voters in 3i32..=5,
        observers in 0i32..=2,
        seed in any::<u64>(),
        orderly in any::<bool>(),
    ) {
        let mut world = seeded(voters, observers, seed, &Behaviour::default());
        let mut checks = Checks::default();
        run(&mut world, &mut checks, 10_000);
        let gone = assert_commits(&mut world, &mut checks, None);
        if orderly {
            world.with(gone, |raft, ctx| raft.shut_down(ctx));
            run(&mut world, &mut checks, 6_000);
        } else {
            world.kill(gone, false);
        }
        run(&mut world, &mut checks, 30_000);
        assert_commits(&mut world, &mut checks, Some(gone));
        world.start(gone);
        run(&mut world, &mut checks, 30_000);
        assert_commits(&mut world, &mut checks, None);
        prop_assert!(!checks.two_leaders, "R4: an epoch has two leaders");
    }

    /// canElectNewLeaderAfterOldLeaderPartitionedAway, canMakeProgressAfterBackToBackLeaderFailures.
    #[test]
    fn the_others_go_on_without_a_leader_that_is_cut_off_and_without_the_next_one(
        voters in 3i32..=5,
        observers in 0i32..=2,
        seed in any::<u64>(),
    ) {
        let mut world = seeded(voters, observers, seed, &Behaviour::default());
        let mut checks = Checks::default();
        run(&mut world, &mut checks, 10_000);
        let first = assert_commits(&mut world, &mut checks, None);
        cut_off(&mut world, first);
        run(&mut world, &mut checks, 30_000);
        let second = assert_commits(&mut world, &mut checks, Some(first));
        world.cut.clear();
        cut_off(&mut world, second);
        run(&mut world, &mut checks, 30_000);
        assert_commits(&mut world, &mut checks, Some(second));
        prop_assert!(!checks.two_leaders, "R4: an epoch has two leaders");
    }
}

/// No message passes between a member and the others.
fn cut_off(world: &mut World, member: NodeId) {
    let others: Vec<NodeId> = world.machines.keys().copied().filter(|id| *id != member).collect();
    for other in others {
        world.cut.insert((member, other));
        world.cut.insert((other, member));
    }
}

/// Somebody leads and commits, and all but the one that is away hear of it; answers who.
fn assert_commits(world: &mut World, checks: &mut Checks, away: Option<NodeId>) -> NodeId {
    let leader = world.leader().expect("somebody leads");
    assert_ne!(Some(leader), away, "who is away cannot lead");
    let before = world.raft(leader).high_watermark();
    assert!(world.append(leader, 10));
    run(world, checks, 2_000);
    let committed = world.raft(leader).high_watermark();
    assert!(committed > before, "nothing is committed behind {before:?}");
    for (id, raft) in world.running().filter(|(id, _)| Some(*id) != away) {
        assert_eq!(raft.high_watermark(), committed, "member {id} has not heard what is committed");
    }
    leader
}

/// Runs a script from 40 seeds; answers what the checks said where they failed first.
fn first_violation(behaviour: &Behaviour, script: &impl Fn(&mut World, &mut Checks)) -> Option<String> {
    (0..40).find_map(|seed| {
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut world = seeded(3, 0, seed, behaviour);
            let mut checks = Checks::default();
            script(&mut world, &mut checks);
            checks.two_leaders
        }));
        match attempt {
            Ok(two_leaders) => two_leaders.then(|| "R4: an epoch has two leaders".to_owned()),
            Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_default()),
        }
    })
}

/// A check that can fail: with the switch on some seed breaks it, with the switch off none does.
fn assert_found(switch: Switch, expected: &[&str], script: impl Fn(&mut World, &mut Checks)) {
    assert_eq!(first_violation(&Behaviour::default(), &script), None, "without {switch:?}");
    let found = first_violation(&Behaviour { switches: [switch].into(), ..Behaviour::default() }, &script);
    let found = found.unwrap_or_else(|| panic!("nothing notices {switch:?}"));
    assert!(expected.iter().any(|text| found.contains(text)), "{switch:?} was noticed as: {found}");
}

#[test]
fn the_majority_check_finds_a_leader_that_commits_alone() {
    assert_found(Switch::CommitWithoutMajority, &["R3"], |world, checks| {
        run(world, checks, 5_000);
        if let Some(leader) = world.leader() {
            world.append(leader, 1);
        }
        run(world, checks, 100);
    });
}

#[test]
fn the_checks_find_voters_that_acknowledge_before_they_flush() {
    // A record is acknowledged by both followers, then everybody loses power and the followers
    // come back without it.
    assert_found(Switch::FetchBeforeFlush, &["R1", "R7"], |world, checks| {
        run(world, checks, 5_000);
        let Some(leader) = world.leader() else { return };
        world.append(leader, 3);
        run(world, checks, 500);
        let followers: Vec<NodeId> = world.machines.keys().copied().filter(|id| *id != leader).collect();
        for id in [&followers[..], &[leader]].concat() {
            world.kill(id, true);
        }
        for id in followers {
            world.start(id);
        }
        run(world, checks, 10_000);
    });
}

#[test]
fn the_single_leader_check_finds_voters_that_vote_twice() {
    assert_found(Switch::VoteTwice, &["R4"], |world, checks| {
        for id in 1..=3 {
            world.kill(NodeId(id), false);
            // All three stand at the same time, again and again.
            world.machines.get_mut(&NodeId(id)).unwrap().script.election_timeouts_ms.extend([1_000; 3]);
            world.start(NodeId(id));
        }
        run(world, checks, 5_000);
    });
}
