//! A campaign of the test suite: what exploration must find, what it must reach, and what it must not depend on.
//!
//! A campaign that never fails proves nothing by itself. So one deliberately broken variant
//! runs beside it and must be caught (the canary), and things that ought to come about must
//! have come about (the marks).

use std::num::NonZeroUsize;
use std::ops::Range;

use trial_sim::explore::{Campaign, Drawing, Farm, Profile, Shard, explore};
use trial_sim::scenario::Verdict;

fn farm(profile: Profile, seeds: Range<u64>, jobs: usize) -> Farm {
    Farm {
        profile,
        drawing: Drawing::default(),
        switches: Vec::new(),
        seeds,
        shard: Shard::WHOLE,
        jobs: NonZeroUsize::new(jobs).expect("at least one"),
        faithful_one_in: None,
    }
}

fn campaign(farm: &Farm) -> Campaign {
    let mut campaign = Campaign::default();
    explore(farm, &|| false, &|| false, &mut |result| campaign.add(&result));
    campaign
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn found(campaign: &Campaign) -> String {
    let failures = campaign.failures.iter();
    failures
        .map(|(signature, failure)| format!("{signature}, first seen with seed {}\n", failure.fastest.seed))
        .collect()
}

#[test]
fn fingerprint_of_a_campaign_depends_neither_on_jobs_nor_on_shards() {
    let alone = campaign(&farm(Profile::Lite, 0..24, 1));
    assert_eq!(campaign(&farm(Profile::Lite, 0..24, 3)), alone);
    let mut parts = Campaign::default();
    for index in [1, 0] {
        let part = Farm { shard: Shard { index, count: 2 }, ..farm(Profile::Lite, 0..24, 2) };
        explore(&part, &|| false, &|| false, &mut |result| parts.add(&result));
    }
    assert_eq!(parts, alone);
    assert_ne!(campaign(&farm(Profile::Lite, 1..25, 1)).fingerprint, alone.fingerprint);
}

/// Seeds of a small campaign; a larger one is run with the command.
const SEEDS: u64 = 100;

#[test]
fn campaign_reaches_the_marks_that_its_profile_must_reach_and_no_run_differs_from_its_second() {
    for profile in [Profile::Lite, Profile::Network] {
        let campaign = campaign(&farm(profile, 0..SEEDS, cores()));
        let missed: Vec<_> = profile.must_reach().iter().filter(|mark| !campaign.marks.contains_key(mark)).collect();
        assert!(missed.is_empty(), "{profile} did not reach {missed:?}");
        assert!(campaign.twice > 0, "no seed ran twice");
        assert_ne!(campaign.verdict, Verdict::Nondeterminism, "{}", found(&campaign));
    }
}

#[test]
fn canary_a_broken_variant_is_caught_by_a_property_in_a_small_campaign() {
    let broken = Farm { switches: vec!["ack-before-replication".to_owned()], ..farm(Profile::Lite, 0..40, cores()) };
    let with = campaign(&broken);
    let caught = with.failures.values().filter(|failure| failure.fastest.verdict == Verdict::Safety).count();
    assert!(caught > 0, "nobody noticed; found only {}", found(&with));
    let without = campaign(&Farm { switches: Vec::new(), ..broken });
    let safety = without.failures.values().filter(|failure| failure.fastest.verdict == Verdict::Safety).count();
    assert_eq!(safety, 0, "without the switch there is nothing to notice: {}", found(&without));
}
