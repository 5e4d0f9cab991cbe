//! Every seed is a valid scenario, printed and read back equal; the same for ever.

use super::beside::Beside;
use super::*;
use crate::scenario::format::{File, Latency};

#[test]
fn every_seed_of_every_profile_is_a_valid_scenario_that_is_printed_and_read_back_equal() {
    for profile in Profile::ALL {
        for seed in 0..60 {
            let file = generate(*profile, Seed(seed), Drawing::default());
            let scenario = scenario_of(*profile, Seed(seed), Drawing::default(), &[]);
            assert_eq!(scenario.file, file, "{}", scenario.source);
        }
    }
}

#[test]
fn but_for_its_list_of_switches_the_scenario_of_a_seed_is_printed_the_same_with_a_switch_and_without() {
    for seed in 0..20 {
        let without = scenario_of(Profile::Everything, Seed(seed), Drawing::default(), &[]);
        let with = scenario_of(Profile::Everything, Seed(seed), Drawing::default(), &["vote-twice".to_owned()]);
        let mut bare = with.file.clone();
        bare.cluster.value.switches.clear();
        assert_eq!(print(&bare), without.source);
    }
}

#[test]
fn seeds_differ_and_every_kind_of_step_occurs_in_a_campaign() {
    let files: Vec<File> = (0..400).map(|seed| generate(Profile::Everything, Seed(seed), Drawing::default())).collect();
    let texts: BTreeSet<String> = files.iter().map(print).collect();
    assert_eq!(texts.len(), files.len());
    let seen: BTreeSet<&str> =
        files.iter().flat_map(|file| &file.steps).flat_map(|step| step.actions()).map(|action| action.name()).collect();
    for name in [
        "kill",
        "power-cut",
        "stop",
        "pause",
        "start",
        "restart",
        "replace",
        "skew",
        "partition",
        "heal",
        "clog",
        "unclog",
        "latency",
        "drop",
        "delay",
        "hold",
        "release",
        "slow",
        "stall",
        "fail",
        "produce",
        "crash",
        "create-topic",
        "delete-topic",
        "create-partitions",
        "alter-config",
        "elect-leader",
        "reassign",
        "align-timers",
    ] {
        assert!(seen.contains(name), "no seed has `{name}`");
    }
}

#[test]
fn groups_have_members_of_every_kind_that_do_everything() {
    let files: Vec<File> = (0..400).map(|seed| generate(Profile::Groups, Seed(seed), Drawing::default())).collect();
    let steps = files.iter().flat_map(|file| &file.steps);
    let seen: BTreeSet<&str> = steps.flat_map(|step| step.actions()).map(|action| action.name()).collect();
    for name in [
        "join",
        "leave",
        "commit-offsets",
        "work",
        "delete-records",
        "crash",
        "pause",
        "delete-group",
        "delete-offsets",
    ] {
        assert!(seen.contains(name), "no seed has `{name}`");
    }
    let texts: String = files.iter().map(print).collect();
    for said in [
        r#""group.protocol" = "consumer""#,
        r#""group.remote.assignor" = "uniform""#,
        r#""partition.assignment.strategy" = "sticky""#,
        r#""group.instance.id" = "s1""#,
        r#""enable.auto.commit" = false"#,
        "async = true",
        r#"coordinator = "group:g2""#,
        r#""cleanup.policy" = "compact""#,
    ] {
        assert!(texts.contains(said), "no seed says {said}");
    }
}

#[test]
fn some_seeds_of_other_profiles_have_groups_readers_near_to_replicas_and_records_that_are_given_up() {
    for profile in [Profile::Default, Profile::Everything] {
        let texts: Vec<String> =
            (0..400).map(|seed| print(&generate(profile, Seed(seed), Drawing::default()))).collect();
        for said in [r#""group.id" = "g1""#, r#""client.rack" = "r2""#, "RackAwareReplicaSelector", "delete-records"] {
            let count = texts.iter().filter(|text| text.contains(said)).count();
            assert!((1..texts.len() / 2).contains(&count), "{count} seeds of {profile} say {said}");
        }
    }
}

/// A mark that nobody asks for may stay at zero for ever, and nobody would hear of it.
#[test]
fn every_mark_is_asked_of_a_profile_or_stands_in_a_list_with_the_reason() {
    for mark in Mark::ALL {
        let asked_of: Vec<&Profile> = Profile::ALL.iter().filter(|it| it.must_reach().contains(mark)).collect();
        let is_listed = TOO_RARE.iter().any(|(rare, _)| rare == mark);
        assert!(asked_of.is_empty() == is_listed, "{mark}: asked of {asked_of:?}, in the list: {is_listed}");
    }
    for profile in Profile::ALL {
        let once: BTreeSet<&Mark> = profile.must_reach().iter().collect();
        assert_eq!(once.len(), profile.must_reach().len(), "{profile} names a mark twice");
    }
}

#[test]
fn a_broker_that_registers_can_be_answered_within_an_interval_of_its_heartbeats() {
    let mut tight = 0;
    for profile in Profile::ALL.iter().copied() {
        for seed in (0..100).chain([0x11200]) {
            let cluster = generate(profile, Seed(seed), Drawing::default()).cluster.value;
            let number = |name: &str| cluster.config.get(name).map(|value| value.0.parse::<i64>().expect("a number"));
            let Some(Latency::Constant(way)) = cluster.latency.as_ref().map(|latency| &latency.value) else { continue };
            let gathered = number("controller.quorum.append.linger.ms").unwrap_or(0);
            let interval = number("broker.heartbeat.interval.ms").expect("drawn for each seed");
            assert!(
                way.micros * 4 < (interval - gathered) * 1_000,
                "{profile} {seed:#x}: {interval} ms, {way:?} a way"
            );
            tight += i64::from(way.micros * 6 > (interval - gathered) * 1_000);
        }
    }
    assert!(tight > 0, "no seed is anywhere near");
}

#[test]
fn some_seeds_tell_of_a_generation_that_goes_by_and_have_what_it_needs() {
    let texts: Vec<String> =
        (0..300).map(|seed| print(&generate(Profile::Groups, Seed(seed), Drawing::default()))).collect();
    // A member does not hear of a generation; its group has partitions that move one by one.
    let needed = [
        r#"api = "JoinGroup", kind = "response", nth = 1"#,
        r#""partition.assignment.strategy" = "cooperative-sticky""#,
    ];
    let told = texts.iter().filter(|text| needed.iter().all(|it| text.contains(it))).count();
    assert!((15..90).contains(&told), "told by {told} of 300");
}

/// In how many of the first seeds of a profile all of this is said.
fn told(profile: Profile, seeds: u64, needed: &[&str]) -> usize {
    let texts = (0..seeds).map(|seed| print(&generate(profile, Seed(seed), Drawing::default())));
    texts.filter(|text| needed.iter().all(|it| text.contains(it))).count()
}

#[test]
fn some_seeds_cut_the_power_where_a_slow_cleaner_exchanges_segments_and_may_lose_what_is_not_synced() {
    let needed = [r#""cleanup.policy" = "compact""#, "slow = { broker", "sync-now = { broker", "power-cut = { broker"];
    let count = told(Profile::Disk, 200, &needed);
    assert!((8..40).contains(&count), "told by {count} of 200");
    for seed in (0..200).map(Seed).filter(|seed| Beside::SwapIsInterrupted.is_told(Profile::Disk, *seed)) {
        let file = generate(Profile::Disk, seed, Drawing::default());
        let cuts = file.steps.iter().filter_map(|step| step.power_cut.as_ref());
        assert!(
            cuts.into_iter().all(|cut| cut.value.lose.is_none()),
            "{seed}: what is lost is drawn, and within the budget"
        );
    }
}

#[test]
fn some_seeds_end_the_log_of_a_deleted_group_in_nothing_and_have_what_it_needs() {
    let needed =
        ["delete-group", r#"reassign = { partition = "__consumer_offsets-0""#, r#""offsets.topic.num.partitions" = 1"#];
    let count = told(Profile::Groups, 200, &needed);
    assert!((2..20).contains(&count), "told by {count} of 200");
}

#[test]
fn some_seeds_have_readers_that_stand_still_while_their_log_is_cut() {
    let needed = [r#""unclean.leader.election.enable" = true"#, r#"pause = { client = "r"#];
    let count = told(Profile::Replication, 200, &needed);
    assert!((4..30).contains(&count), "told by {count} of 200");
}

#[test]
fn some_groups_have_a_minute_in_which_nothing_is_asked_of_anybody() {
    let quiet = |file: &File| print(file).contains("offsets.retention.minutes");
    let files: Vec<File> = (0..100).map(|seed| generate(Profile::Groups, Seed(seed), Drawing::default())).collect();
    let quiet: Vec<&File> = files.iter().filter(|file| quiet(file)).collect();
    assert!((1..25).contains(&quiet.len()), "{} of 100", quiet.len());
    for file in quiet {
        let times: Vec<i64> = file.steps.iter().filter_map(|step| Some(step.at.as_ref()?.value.micros)).collect();
        let until = file.until.as_ref().expect("drawn").value.micros;
        let ends = times.iter().copied().chain([until]);
        let longest = [0].into_iter().chain(times.iter().copied()).zip(ends).map(|(from, to)| to - from).max();
        assert!(longest >= Some(60_000_000), "{}: {longest:?}", file.id.value);
    }
}

#[test]
fn within_the_budget_no_machine_loses_anything_where_nothing_may_be_lost() {
    use crate::scenario::format::action::Lose;
    let mut cuts = 0;
    for seed in 0..200 {
        let file = generate(Profile::Disk, Seed(seed), Drawing::default());
        let no_budget = file.cluster.elr == Some(false);
        for cut in file.steps.iter().filter_map(|step| step.power_cut.as_ref()).filter(|_| no_budget) {
            cuts += 1;
            assert_eq!(cut.lose.as_ref().map(|lose| lose.value), Some(Lose::None), "seed {seed}");
        }
    }
    assert!(cuts > 0, "no seed shows it");
}
