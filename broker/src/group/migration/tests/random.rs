//! Members of both protocols that do whatever comes to their minds: the shard stays sound, whoever reads its records knows
//! the same, and no partition has two owners. What must hold stands in the bench and in the shard's own invariants.

use proptest::prelude::*;

use super::stories::MigrationStage;
use crate::tests::Stage;

fn deeds() -> impl Strategy<Value = Vec<String>> {
    let old = (
        prop::sample::select(vec!["A", "B"]),
        prop::sample::select(vec!["joins t1", "joins t1 anew", "syncs", "beats", "leaves"]),
    );
    let old = old.prop_map(|(name, deed)| match deed {
        // Whoever leads shares fairly; from the others nobody takes it.
        "syncs" => format!("old {name} syncs A=t1:0,1 B=t1:2,3"),
        deed => format!("old {name} {deed}"),
    });
    let new = (prop::sample::select(vec!["C", "D"]), prop::sample::select(vec!["joins t1", "beats", "acks", "leaves"]));
    let new = new.prop_map(|(name, deed)| format!("new {name} {deed}"));
    let other =
        prop::sample::select(vec!["wait 1000", "wait 3000", "wait 30000", "wait 46000", "reload", "lose-write"]);
    let deed = prop_oneof![5 => old, 5 => new, 3 => other.prop_map(str::to_owned)];
    prop::collection::vec(deed, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_group_of_both_protocols_stays_sound_whatever_its_members_do(deeds in deeds()) {
        let mut stage = MigrationStage::default();
        stage.command(&["topics", "t1", "4"]);
        // Everybody is somebody whose assignment can be named.
        for line in ["old A joins t1", "old B joins t1", "wait 6000"].iter().copied().chain(deeds.iter().map(String::as_str)) {
            let words: Vec<&str> = line.split(' ').collect();
            stage.command(&words);
        }
    }
}
