//! Members of both protocols that do whatever comes to their minds: the shard stays sound, whoever reads its records knows
//! the same, and no partition has two owners. What must hold stands in the bench and in the shard's own invariants.
//!
//! Some members are static, two of each protocol share an instance id, and everybody commits; an administrator deletes what
//! may be deleted.

use proptest::prelude::*;

use super::stories::MigrationStage;
use crate::group::record::GroupRecord;
use crate::ids::{GroupId, TopicPartition};
use crate::tests::Stage;

/// Everybody is somebody whose assignment can be named. A and E, and C and F, take turns as one static member.
const FIRST: [&str; 4] = ["topics t1 4", "old A joins t1 as s1", "old B joins t1", "wait 6000"];

/// Nobody of the classic protocol: what members of KIP-848 commit, in a group that was never another one.
const FIRST_OF_NEW: [&str; 4] = ["topics t1 4", "new C joins t1 as s2", "new D joins t1", "new C acks"];

fn old_deeds() -> impl Strategy<Value = String> {
    let deeds = vec!["joins t1", "joins t1 anew", "syncs", "beats", "leaves", "commits t1:0 at 5", "commits t1:3 at 2"];
    (prop::sample::select(vec!["A", "B", "E"]), prop::sample::select(deeds)).prop_map(|(name, deed)| match deed {
        // Whoever leads shares fairly; from the others nobody takes it.
        "syncs" => format!("old {name} syncs A=t1:0,1 B=t1:2,3"),
        "joins t1" | "joins t1 anew" if name != "B" => format!("old {name} {deed} as s1"),
        deed => format!("old {name} {deed}"),
    })
}

fn new_deeds() -> impl Strategy<Value = String> {
    let deeds =
        vec!["joins t1", "beats", "acks", "leaves", "leaves for-a-while", "commits t1:1 at 7", "commits t1:0,3 at 1"];
    (prop::sample::select(vec!["C", "D", "F"]), prop::sample::select(deeds)).prop_map(|(name, deed)| match deed {
        "joins t1" if name != "D" => format!("new {name} {deed} as s2"),
        deed => format!("new {name} {deed}"),
    })
}

/// What nobody of the group does.
fn other_deeds() -> impl Strategy<Value = String> {
    let others = vec![
        "wait 1000",
        "wait 3000",
        "wait 30000",
        "wait 46000",
        "reload",
        "lose-write",
        "admin deletes",
        "admin forgets t1:0",
        "admin forgets t1:1,3",
    ];
    prop::sample::select(others).prop_map(str::to_owned)
}

fn deeds() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![5 => old_deeds(), 5 => new_deeds(), 4 => other_deeds()], 1..80)
}

fn perform<'a>(deeds: impl Iterator<Item = &'a str>) -> MigrationStage {
    performed(FIRST.into_iter().chain(deeds))
}

fn performed<'a>(deeds: impl Iterator<Item = &'a str>) -> MigrationStage {
    let mut stage = MigrationStage::default();
    for line in deeds {
        let words: Vec<&str> = line.split(' ').collect();
        // Who is not there yet does nothing.
        if matches!(words[0], "old" | "new") && words[2] != "joins" && !stage.knows(words[1]) {
            continue;
        }
        stage.command(&words);
    }
    stage
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_group_of_both_protocols_stays_sound_whatever_its_members_do(deeds in deeds()) {
        perform(deeds.iter().map(String::as_str));
    }

    #[test]
    fn a_group_of_the_new_protocol_stays_sound_whatever_its_members_do_and_commit(
        deeds in prop::collection::vec(prop_oneof![7 => new_deeds(), 4 => other_deeds()], 1..80)
    ) {
        performed(FIRST_OF_NEW.into_iter().chain(deeds.iter().map(String::as_str)));
    }
}

/// A walk that cannot fail proves nothing.
#[test]
#[should_panic(expected = "who reads the records knows the same")]
fn an_offset_that_is_forgotten_beside_the_records_is_seen() {
    let mut stage = perform(["old A syncs A=t1:0,1 B=t1:2,3", "old A commits t1:0 at 5"].into_iter());
    let (group, partition) = (GroupId::new("g"), TopicPartition::new("t1", 0));
    let forgotten = GroupRecord::OffsetCommit { group, partition, value: None };
    stage.bench.shard.replay(1_000, None, forgotten).expect("an offset is forgotten");
    stage.command(&["old", "B", "commits", "t1:2", "at", "1"]);
}

/// Nor does one in which nothing is committed.
#[test]
fn members_of_both_protocols_commit_and_an_administrator_forgets() {
    let mut stage = perform(["old A syncs A=t1:0,1 B=t1:2,3"].into_iter());
    for (line, heard) in [
        ("old A commits t1:0 at 5", "< A None"),
        ("admin forgets t1:0", "< admin GroupSubscribedToTopic"),
        ("admin deletes", "< admin NonEmptyGroup"),
        ("old A leaves", "< A None"),
        ("old B leaves", "< B None"),
        ("admin forgets t1:0", "< admin None"),
        ("new C joins t1 as s2", "< C epoch 1: t1:0,1,2,3"),
        ("new C commits t1:1 at 7", "< C None"),
        ("new C leaves", "< C epoch -1"),
        ("admin deletes", "< admin None"),
    ] {
        let said = stage.command(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(said.iter().find(|line| line.starts_with('<')).map(String::as_str), Some(heard), "{line}: {said:?}");
    }
}
