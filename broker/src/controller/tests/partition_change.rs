//! The table of `PartitionChangeBuilderTest`, with ELR and the last known leader as 4.1 runs them.

use super::super::partition_change::{Election, PartitionChangeBuilder};
use super::super::reassignment;
use super::nodes;
use crate::ids::{DirectoryId, LeaderEpoch, NodeId, PartitionEpoch};
use crate::message::LeaderRecoveryState;
use crate::metadata::{PartitionChange, PartitionRegistration};

fn partition(replicas: &[i32], isr: &[i32], elr: &[i32], last_known: &[i32], leader: i32) -> PartitionRegistration {
    PartitionRegistration {
        replicas: nodes(replicas),
        directories: vec![DirectoryId::UNASSIGNED; replicas.len()],
        isr: nodes(isr),
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        elr: nodes(elr),
        last_known_elr: nodes(last_known),
        leader: NodeId(leader),
        leader_recovery_state: LeaderRecoveryState::Recovered,
        leader_epoch: LeaderEpoch(100),
        partition_epoch: PartitionEpoch(200),
    }
}

fn foo() -> PartitionRegistration {
    partition(&[2, 1, 3], &[2, 1, 3], &[], &[], 1)
}

/// A reassignment is under way: 1 leaves, 4 comes.
fn bar() -> PartitionRegistration {
    PartitionRegistration {
        removing_replicas: nodes(&[1]),
        adding_replicas: nodes(&[4]),
        ..partition(&[1, 2, 3, 4], &[1, 2, 3], &[], &[], 1)
    }
}

fn with_builder<T>(
    partition: &PartitionRegistration,
    offline: &[i32],
    min_isr: usize,
    use_builder: impl FnOnce(PartitionChangeBuilder<'_>) -> T,
) -> T {
    let acceptable = |node: NodeId| !offline.contains(&node.0);
    let directory = |_| DirectoryId::UNASSIGNED;
    use_builder(PartitionChangeBuilder::new(partition, &acceptable, &directory, min_isr, true))
}

/// The change that `adjust` leads to, with ELR on.
fn change(
    partition: &PartitionRegistration,
    offline: &[i32],
    min_isr: usize,
    adjust: impl FnOnce(&mut PartitionChangeBuilder<'_>),
) -> Option<PartitionChange> {
    with_builder(partition, offline, min_isr, |mut builder| {
        adjust(&mut builder);
        builder.build().map(|built| built.change)
    })
}

#[test]
fn election_first_eligible_replica_in_assignment_order() {
    // testElectLeader: replica 3 is offline in FOO, nobody is in BAZ.
    let elect = |partition: &PartitionRegistration, offline: &[i32], election, isr: Option<&[i32]>| {
        with_builder(partition, offline, 2, |mut builder| {
            builder.election = election;
            if let Some(isr) = isr {
                builder.target_isr = nodes(isr);
            }
            let elected = builder.elect();
            (elected.leader.0, elected.unclean)
        })
    };
    let foo = foo();
    assert_eq!(elect(&foo, &[3], Election::Preferred, None), (2, false));
    assert_eq!(elect(&foo, &[3], Election::Online, None), (1, false), "the leader that leads is kept");
    assert_eq!(elect(&foo, &[3], Election::Unclean, None), (1, false));
    assert_eq!(elect(&foo, &[3], Election::Online, Some(&[1, 3])), (1, false));
    assert_eq!(elect(&foo, &[3], Election::Unclean, Some(&[1, 3])), (1, false));
    assert_eq!(elect(&foo, &[3], Election::Online, Some(&[3])), (-1, false));
    assert_eq!(elect(&foo, &[3], Election::Unclean, Some(&[3])), (2, true));
    let with_four = with_builder(&foo, &[3], 2, |mut builder| {
        builder.election = Election::Unclean;
        builder.target_isr = nodes(&[4]);
        builder.target_replicas = nodes(&[2, 1, 3, 4]);
        let elected = builder.elect();
        (elected.leader.0, elected.unclean)
    });
    assert_eq!(with_four, (4, false));
    let baz = partition(&[2, 1, 3], &[1, 3], &[], &[], 3);
    for election in [Election::Preferred, Election::Online, Election::Unclean] {
        assert_eq!(elect(&baz, &[], election, None), (3, false), "{election:?}");
    }
}

#[test]
fn change_nothing_to_do_writes_nothing() {
    // testNoChange
    assert_eq!(change(&foo(), &[3], 2, |_| {}), None);
    assert_eq!(change(&foo(), &[3], 2, |b| b.election = Election::Unclean), None);
    assert_eq!(change(&bar(), &[3], 2, |_| {}), None);
}

#[test]
fn leader_epoch_rises_with_the_leader_not_with_the_isr() {
    // testIsrChangeDoesntBumpLeaderEpoch, testIsrChangeAndLeaderChange, testLeaderEpochBumpOnNewReplicaSetDisjoint
    let shrink = change(&foo(), &[3], 2, |b| b.target_isr = nodes(&[2, 1]));
    assert_eq!(shrink, Some(PartitionChange { isr: Some(nodes(&[2, 1])), ..PartitionChange::default() }));
    let moved = change(&foo(), &[3], 2, |b| b.target_isr = nodes(&[2, 3]));
    let expected = PartitionChange { isr: Some(nodes(&[2, 3])), leader: Some(NodeId(2)), ..PartitionChange::default() };
    assert_eq!(moved, Some(expected));
    let removed = change(&foo(), &[3], 2, |b| b.target_replicas = nodes(&[2, 1, 4])).expect("a change");
    assert_eq!(removed.leader, Some(NodeId(1)), "a removed replica must not go on under the old epoch");
    let rearranged = change(&foo(), &[3], 2, |b| b.target_replicas = nodes(&[3, 2, 1])).expect("a change");
    assert_eq!((rearranged.leader, rearranged.replicas), (None, Some(nodes(&[3, 2, 1]))));
}

#[test]
fn reassignment_completes_reverts_and_removes() {
    // testIsrEnlargementCompletesReassignment
    let done = change(&bar(), &[3], 2, |b| b.target_isr = nodes(&[1, 2, 3, 4])).expect("a change");
    let expected = PartitionChange {
        isr: Some(nodes(&[2, 3, 4])),
        leader: Some(NodeId(2)),
        replicas: Some(nodes(&[2, 3, 4])),
        directories: Some(vec![DirectoryId::UNASSIGNED; 3]),
        removing_replicas: Some(Vec::new()),
        adding_replicas: Some(Vec::new()),
        ..PartitionChange::default()
    };
    assert_eq!(done, expected);
    // testRevertReassignment: the leader stays, but its epoch rises because 4 is removed.
    let reverted = change(&bar(), &[3], 2, |b| {
        b.target_replicas = nodes(&[1, 2, 3]);
        b.target_removing = Vec::new();
        b.target_adding = Vec::new();
    })
    .expect("a change");
    assert_eq!((reverted.leader, reverted.isr), (Some(NodeId(1)), None));
    // testRemovingReplicaReassignment: complete at once.
    let removed = change(&foo(), &[3], 2, |b| {
        b.target_replicas = nodes(&[1, 2, 3]);
        b.target_removing = nodes(&[3]);
    })
    .expect("a change");
    assert_eq!((removed.leader, removed.isr), (Some(NodeId(1)), Some(nodes(&[2, 1]))));
    assert_eq!((removed.replicas, removed.removing_replicas), (Some(nodes(&[1, 2])), None));
    // Not complete while a new replica is out of sync.
    let waiting = reassignment::complete(&nodes(&[1]), &nodes(&[4]), &nodes(&[1, 2, 3, 4]), &nodes(&[1, 2, 3]));
    assert_eq!(waiting, None);
}

#[test]
fn reassignment_the_leader_on_its_way_out_does_not_stay_although_nobody_can_follow() {
    // testStoppedLeaderIsDemotedAfterReassignmentCompletesEvenIfNoNewEligibleLeaders
    let moving = PartitionRegistration {
        removing_replicas: nodes(&[0, 1]),
        adding_replicas: nodes(&[2, 3]),
        ..partition(&[2, 3, 0, 1], &[0, 1], &[], &[], 0)
    };
    let done = change(&moving, &[0, 1, 2, 3], 2, |b| b.target_isr = nodes(&[0, 1, 2, 3])).expect("a change");
    assert_eq!((done.leader, done.isr, done.replicas), (Some(NodeId(-1)), Some(nodes(&[2, 3])), Some(nodes(&[2, 3]))));
}

#[test]
fn elr_holds_who_drops_out_below_min_isr_and_nobody_above_it() {
    // testEligibleLeaderReplicas_IsrShrinkBelowMinISR
    let full = partition(&[1, 2, 3, 4], &[1, 2, 3, 4], &[], &[], 1);
    let shrunk = change(&full, &[3], 3, |b| b.target_isr = nodes(&[1, 2])).expect("a change");
    assert_eq!((shrunk.isr, shrunk.elr, shrunk.leader), (Some(nodes(&[1, 2])), Some(nodes(&[3, 4])), None));
    // testEligibleLeaderReplicas_IsrExpandAboveMinISR
    let below = partition(&[1, 2, 3, 4], &[1, 2], &[3], &[], 1);
    let expanded = change(&below, &[], 3, |b| b.target_isr = nodes(&[1, 2, 3])).expect("a change");
    assert_eq!((expanded.isr, expanded.elr), (Some(nodes(&[1, 2, 3])), Some(Vec::new())));
    // testEligibleLeaderReplicas_IsrAddNewMemberNotInELR
    let one = partition(&[1, 2, 3, 4], &[1], &[3], &[], 1);
    let added = change(&one, &[], 3, |b| b.target_isr = nodes(&[1, 4])).expect("a change");
    assert_eq!((added.isr, added.elr), (Some(nodes(&[1, 4])), None));
    // testEligibleLeaderReplicas_RemoveUncleanShutdownReplicasFromElr
    let purged = change(&partition(&[1, 2, 3, 4], &[1], &[2, 3], &[], 1), &[], 3, |b| {
        b.unclean_shutdown_replicas = nodes(&[3]);
    })
    .expect("a change");
    assert_eq!((purged.isr, purged.elr, purged.leader), (None, Some(nodes(&[2])), None));
}

#[test]
fn elr_leads_when_the_isr_is_gone_and_the_last_leader_when_both_are() {
    // testEligibleLeaderReplicas_ElrCanBeElected
    let one = partition(&[1, 2, 3, 4], &[1], &[3], &[], 1);
    let elected = change(&one, &[1], 3, |b| b.target_isr = Vec::new()).expect("a change");
    assert_eq!((elected.leader, elected.isr, elected.elr), (Some(NodeId(3)), Some(nodes(&[3])), Some(nodes(&[1]))));
    assert_eq!(elected.leader_recovery_state, None, "a clean election");
    // testEligibleLeaderReplicas_IsrCanShrinkToZero
    let full = partition(&[1, 2, 3, 4], &[1, 2, 3, 4], &[], &[], 1);
    let dark = change(&full, &[1, 2, 3, 4], 3, |b| b.target_isr = Vec::new()).expect("a change");
    assert_eq!((dark.leader, dark.isr), (Some(NodeId(-1)), Some(Vec::new())));
    assert_eq!((dark.elr, dark.last_known_elr), (Some(nodes(&[1, 2, 3, 4])), Some(nodes(&[1]))));
    // testEligibleLeaderReplicas_ElectLastKnownLeader
    let lost = partition(&[1, 2, 3, 4], &[], &[], &[1], -1);
    for election in [Election::Preferred, Election::Online, Election::Unclean] {
        let back = change(&lost, &[], 3, |b| b.election = election).expect("a change");
        assert_eq!((back.leader, back.isr, back.elr), (Some(NodeId(1)), Some(nodes(&[1])), None));
        assert_eq!(back.leader_recovery_state, Some(LeaderRecoveryState::Recovering));
        assert_eq!(back.last_known_elr, Some(Vec::new()));
        // testEligibleLeaderReplicas_NotEligibleLastKnownLeader
        assert_eq!(change(&lost, &[1, 2, 3, 4], 3, |b| b.election = election), None);
    }
    // testEligibleLeaderReplicas_ElectLastKnownLeaderShouldFail: an eligible replica exists, it is only not here.
    assert_eq!(change(&partition(&[1, 2, 3, 4], &[], &[3], &[1], -1), &[3], 3, |_| {}), None);
}

#[test]
fn election_unclean_says_so_and_forgets_who_was_eligible() {
    // testUncleanLeaderElection, without and with what ELR knows
    let unclean = change(&foo(), &[3], 2, |b| {
        b.election = Election::Unclean;
        b.target_isr = nodes(&[3]);
    });
    let expected = PartitionChange {
        isr: Some(nodes(&[2])),
        leader: Some(NodeId(2)),
        leader_recovery_state: Some(LeaderRecoveryState::Recovering),
        ..PartitionChange::default()
    };
    assert_eq!(unclean, Some(expected.clone()));
    let offline = partition(&[2, 1, 3], &[], &[3], &[2], -1);
    let expected = PartitionChange {
        isr: Some(nodes(&[1])),
        leader: Some(NodeId(1)),
        elr: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..expected
    };
    assert_eq!(change(&offline, &[2, 3], 2, |b| b.election = Election::Unclean), Some(expected));
}
