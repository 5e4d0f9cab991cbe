//! The campaign of the test suite: what exploration must find, what it must reach, and what it must not depend on.
//!
//! ```text
//!   each profile: so many seeds ─▶ no failure · every mark that it must reach · second runs agree · few excused
//!   canary: one broken variant  ─▶ caught, and without the switch nothing to catch
//!   five bugs of the museum     ─▶ each found within a few dozen seeds
//! ```
//!
//! A campaign that never fails proves nothing by itself. So one deliberately broken variant
//! runs beside it and must be caught (the canary), and things that ought to come about must
//! have come about (the marks).
//!
//! `TRIAL_CAMPAIGN_SEEDS=50000 cargo test -p trial-tests --test exploration` runs more, shared out as here.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::Range;

use trial_sim::internal::explore::{Campaign, Drawing, Failure, Farm, Hunt, Profile, SUITE_SEEDS, Shard, explore};
use trial_sim::internal::scenario::{Scenario, Verdict};
use trial_tests::stories::in_folder;

/// How many of a hundred seeds a campaign may excuse. What the loss budget or the liveness oracle forgives was not judged to
/// its end; measured over hundreds of seeds of each profile it is about one in five where disks break, and less elsewhere. Where it
/// becomes more than one in four, the generator breaks more than Kafka promises to survive, or an excuse covers what it should not.
const MOST_EXCUSED: u64 = 25;

/// Bugs of the museum that five campaigns found within six seeds each. They are looked for among this many.
const CHEAP_PIECES: [&str; 5] = ["KR-10", "KR-03", "ISR-04", "DUR-05", "REP-01"];

/// After how many seeds a hunt of the suite gives up.
const HUNTED_SEEDS: u64 = 40;

/// Says how many seeds the whole campaign has, instead of [`SUITE_SEEDS`].
const VARIABLE: &str = "TRIAL_CAMPAIGN_SEEDS";

fn farm(profile: Profile, seeds: Range<u64>, jobs: usize) -> Farm {
    Farm {
        profile,
        drawing: Drawing::default(),
        switches: Vec::new(),
        seeds,
        shard: Shard::WHOLE,
        known: BTreeSet::new(),
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

/// Every failure of a campaign, with the line to paste that runs its fastest seed again.
fn found(campaign: &Campaign) -> String {
    let one = |failure: &Failure| {
        let fastest = &failure.fastest;
        let told = fastest.telling();
        format!(
            "{told}\n{} seeds; {}\nto shrink it: trial shrink {}\n",
            failure.seeds.len(),
            fastest.again(),
            fastest.drawn_from()
        )
    };
    campaign.failures.values().map(one).collect::<Vec<_>>().join("\n")
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

/// The seeds of one profile in this run of the suite.
fn seeds_of(profile: Profile) -> u64 {
    let all = match std::env::var(VARIABLE) {
        Ok(said) => said.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a number of seeds, not {said:?}")),
        Err(_) => SUITE_SEEDS,
    };
    (all * profile.share_of_suite()).div_ceil(100)
}

#[test]
fn every_profile_has_a_share_in_the_campaign() {
    for profile in Profile::ALL {
        assert!(profile.share_of_suite() > 0, "{profile} has no share");
    }
    assert_eq!(Profile::ALL.iter().map(|profile| profile.share_of_suite()).sum::<u64>(), 100);
}

/// No seed of the profile fails, the campaign reaches what it must, and the seeds that ran twice did the same.
fn profile_holds(profile: Profile) {
    let campaign = campaign(&farm(profile, 0..seeds_of(profile), cores()));
    assert_eq!(campaign.failed, 0, "\n{}", found(&campaign));
    let missed: Vec<_> = profile.must_reach().iter().filter(|mark| !campaign.marks.contains_key(mark)).collect();
    assert!(missed.is_empty(), "{} seeds of {profile} did not reach {missed:?}", campaign.seeds);
    // One in fifty, drawn from the seed's number: of a few dozen it may be none.
    assert!(campaign.twice > 0 || campaign.seeds < 150, "no seed ran twice");
    assert_eq!(campaign.verdict, Verdict::Pass);
    let (excused, seeds) = (campaign.excused.len() as u64, campaign.seeds);
    assert!(
        excused * 100 <= seeds * MOST_EXCUSED,
        "{profile} excused {excused} of {seeds} seeds: {:?}",
        campaign.excused
    );
}

#[test]
fn lite_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Lite);
}

#[test]
fn default_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Default);
}

#[test]
fn controllers_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Controllers);
}

#[test]
fn disk_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Disk);
}

#[test]
fn everything_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Everything);
}

#[test]
fn network_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Network);
}

#[test]
fn replication_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Replication);
}

/// The museum's table is measured by hand; this is the part of it that every run of the suite can afford.
#[test]
fn bugs_that_need_few_seeds_are_found_by_plain_exploration() {
    let jobs = NonZeroUsize::new(cores()).expect("at least one");
    let museum = in_folder("scenarios/museum");
    for number in CHEAP_PIECES {
        let is_it = |piece: &&Scenario| piece.file.museum.as_ref().is_some_and(|museum| museum.piece.value == number);
        let piece = museum.iter().find(is_it).unwrap_or_else(|| panic!("the museum has no piece {number}"));
        let hunt = Hunt::of(piece, HUNTED_SEEDS, jobs).unwrap_or_else(|| panic!("{number} is a piece with a bug"));
        let found = hunt.campaign(0, &|| false).found();
        assert!(
            found.is_some(),
            "{number} was not found in {HUNTED_SEEDS} seeds: trial museum {number} --seeds {HUNTED_SEEDS}"
        );
    }
}

#[test]
fn groups_finds_nothing_and_reaches_its_marks() {
    profile_holds(Profile::Groups);
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
