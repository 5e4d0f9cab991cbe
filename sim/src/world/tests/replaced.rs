//! A voter whose disk was exchanged: the same node on a new directory is another replica (KIP-853). It fetches as an
//! observer, votes for nobody, and counts for nothing, until somebody adds it to the voters; Trial has no such request.

use trial_broker::event::{Event, QuorumStateName, RaftEvent};
use trial_broker::ids::NodeId;
use trial_broker::raft::Raft;

use super::kafka::{ADMIN, cluster_of};
use super::*;

const NODES: [MachineId; 3] = [MachineId(1), MachineId(2), MachineId(3)];

fn raft(world: &World, machine: MachineId) -> &Raft {
    world.machine(machine).and_then(|machine| machine.node()).expect("a process that runs").raft()
}

/// The member that says of itself that it leads.
fn leader(world: &World) -> Option<MachineId> {
    let leads = |machine: &MachineId| {
        let node = world.machine(*machine).and_then(|machine| machine.node());
        node.is_some_and(|node| node.raft().state_name() == QuorumStateName::Leader)
    };
    NODES.into_iter().find(leads)
}

/// What one machine says of votes and elections in these steps.
fn says_of_elections(steps: &[Step], machine: MachineId) -> Vec<RaftEvent> {
    let mut said = Vec::new();
    for step in steps.iter().filter(|step| step.machine() == Some(machine)) {
        for event in &step.events {
            match event {
                Event::Raft(event @ RaftEvent::VoteGranted { .. }) => said.push(event.clone()),
                Event::Raft(
                    event @ RaftEvent::StateChanged {
                        to: QuorumStateName::Prospective | QuorumStateName::Candidate | QuorumStateName::Leader,
                        ..
                    },
                ) => said.push(event.clone()),
                _ => {}
            }
        }
    }
    said
}

#[test]
fn replaced_voter_observes_and_votes_no_more_and_the_quorum_goes_on_without_its_vote() {
    for seed in 1..=4 {
        let mut world = cluster_of(seed, false, |_| {});
        world.run_until(ms(10_000));
        let first = leader(&world).expect("a leader after ten seconds");
        let replaced = NODES.into_iter().find(|machine| *machine != first).expect("one of the other two");
        let other = NODES.into_iter().find(|machine| ![first, replaced].contains(machine)).expect("the third");
        let voters = raft(&world, first).voters().to_vec();
        at(&mut world, ms(11_000), Fault::Replace { machine: replaced, draw: seed });
        at(&mut world, ms(12_000), Fault::Start { machine: replaced });
        // The two voters that are left are a majority of three: the quorum goes on.
        let before = raft(&world, first).high_watermark().expect("a leader knows it");
        let mut after = steps(&mut world, ms(30_000));
        assert_eq!(leader(&world), Some(first), "seed {seed}");
        let high_watermark = raft(&world, first).high_watermark().expect("a leader knows it");
        assert!(high_watermark > before, "seed {seed}: nothing was committed after {before}");
        // The observer has what they have.
        let observer = raft(&world, replaced);
        assert_eq!(observer.state_name(), QuorumStateName::Follower, "seed {seed}");
        assert_eq!(observer.leader_and_epoch(), raft(&world, first).leader_and_epoch());
        assert!(!observer.is_voter() && observer.log_end_offset() >= high_watermark, "seed {seed}");
        assert_eq!(raft(&world, first).voters(), voters, "seed {seed}: nobody has changed the voters");

        call(&mut world, ms(30_001), ADMIN, 1, Call::DescribeQuorum);
        let described = steps(&mut world, ms(33_000));
        let answer = described.iter().flat_map(|step| &step.resolutions).next().expect("an answer");
        let CallResult::Quorum { observers, .. } = &answer.result else { panic!("seed {seed}: {answer:?}") };
        let node = NodeId(replaced.0 as i32);
        assert!(observers.iter().any(|(id, end)| *id == node && *end > 0), "seed {seed}: {observers:?}");

        // One voter alone elects nobody, however long the observer stands beside it.
        at(&mut world, ms(34_000), Fault::PowerCut { machine: first, lose: crate::fault::Lose::None, draw: 0 });
        after.extend(steps(&mut world, ms(60_000)));
        assert_eq!(leader(&world), None, "seed {seed}: {other} was elected by one vote of three");
        at(&mut world, ms(60_001), Fault::Start { machine: first });
        after.extend(steps(&mut world, ms(80_000)));
        let second = leader(&world).expect("two voters elect a leader");
        assert_ne!(second, replaced, "seed {seed}");
        assert_eq!(raft(&world, replaced).leader_and_epoch(), raft(&world, second).leader_and_epoch(), "seed {seed}");
        assert_eq!(says_of_elections(&after, replaced), [], "seed {seed}");
        assert_ne!(says_of_elections(&after, other), [], "seed {seed}: the other voter took part");
    }
}
