//! Shrinking without a cluster: what fails is a rule over the text, so that the smallest scenario is known beforehand.

use std::ops::ControlFlow;

use super::{Limits, Shrunk, shrink};
use crate::scenario::print::print;
use crate::scenario::{Scenario, Seed};

const LARGE: &str = r#"
format = 1
id = "large"
title = "Much happens, and little of it matters"
seed = 0x2a
until = "58s"
[cluster]
brokers = 5
controllers = 3
latency = { min = "200us", mean = "3ms" }
racks = ["a", "b"]
config = { "replica.lag.time.max.ms" = 12000, "broker.session.timeout.ms" = 6000 }
[[topic]]
name = "orders"
replicas = [[1, 2, 3], [2, 3, 4], [3, 4, 5]]
config = { "min.insync.replicas" = 2 }
[[topic]]
name = "payments"
partitions = 4
replication-factor = 3
[[client]]
name = "p1"
producer = { acks = "all", "linger.ms" = 5 }
[[client]]
name = "p2"
producer = { acks = "1" }
[[client]]
name = "r1"
consumer = { assign = ["orders-0", "orders-2", "payments-1"] }
[[step]]
at = "1.234567s"
produce = { client = "p1", topic = "orders", count = 37, every = "13ms", keys = ["a", "b"] }
[[step]]
at = "2.5s"
produce = { client = "p2", topic = "payments", count = 11 }
[[step]]
at = "4.000321s"
kill = { broker = 2 }
[[step]]
at = "6.1s"
partition = { groups = [["b1", "b2"], ["b3"]] }
[[step]]
at = "9.87654s"
heal = {}
[[step]]
at = "12.000077s"
start = { broker = 2 }
[[step]]
at = "13s"
power-cut = { broker = 1 }
[[step]]
at = "17.3s"
start = { broker = 1 }
[[step]]
at = "20s"
elect-leader = { partition = "orders-2" }
[[step]]
at = "30s"
pause = { controller = 103, length = "1.234s" }
"#;

const GROUPS: &str = r#"
format = 1
id = "groups"
title = "Two groups, and one of them matters"
seed = 0x2a
until = "20s"
[cluster]
combined = 3
config = { "offsets.topic.replication.factor" = 3 }
[[topic]]
name = "orders"
[[topic]]
name = "payments"
[[client]]
name = "m1"
consumer = { subscribe = ["orders"], "group.id" = "billing" }
[[client]]
name = "m2"
consumer = { subscribe = ["orders", "payments"], "group.id" = "billing" }
[[client]]
name = "m3"
consumer = { "group.id" = "shipping" }
[[client]]
name = "m4"
consumer = { subscribe = ["orders"], "group.id" = "shipping" }
[[step]]
at = "1s"
join = { client = "m3", topics = ["orders", "payments"] }
[[step]]
at = "2s"
kill = { coordinator = "group:billing" }
[[step]]
at = "3s"
leave = { client = "m1" }
[[step]]
at = "4s"
pause = { coordinator = "group:shipping", length = "1s" }
"#;

#[test]
fn a_step_that_is_needed_for_its_moment_alone_goes_with_another_seed() {
    // Without the power cut's step the kill finds its moment with the seed 3 only.
    let rule = |scenario: &Scenario| {
        let steps = &scenario.file.steps;
        let (kills, cuts) = (steps.iter().any(|it| it.kill.is_some()), steps.iter().any(|it| it.power_cut.is_some()));
        Some(kills && (cuts || scenario.file.seed == Some(Seed(3))))
    };
    let limits = Limits { runs: 2_000, jobs: std::num::NonZeroUsize::MIN };
    let shrunk = shrink(&parse(LARGE), limits, &rule, &mut |_| ControlFlow::Continue(()));
    assert!(shrunk.finished);
    assert_eq!((shrunk.scenario.file.steps.len(), shrunk.scenario.file.seed), (1, Some(Seed(3))));
}

#[test]
fn a_group_goes_with_its_members_and_all_that_is_done_to_it() {
    let start = parse(GROUPS);
    // Somebody joins for orders, and the coordinator of the same group stands still after that.
    let rule = |scenario: &Scenario| {
        let steps = &scenario.file.steps;
        let joins = steps.iter().position(|step| {
            step.join.as_ref().is_some_and(|join| join.topics.iter().any(|topic| topic.value == "orders"))
        });
        let pauses = steps.iter().position(|step| step.pause.is_some());
        Some(joins.zip(pauses).is_some_and(|(joins, pauses)| joins < pauses))
    };
    let limits = Limits { runs: 5_000, jobs: 1.try_into().expect("one job") };
    let file = shrink(&start, limits, &rule, &mut |_| ControlFlow::Continue(())).scenario.file;
    let clients: Vec<&str> = file.clients.iter().map(|client| client.name.value.as_str()).collect();
    assert_eq!(clients, ["m3"], "its section names the group that it joins later");
    let topics: Vec<&str> = file.topics.iter().map(|topic| topic.name.value.as_str()).collect();
    assert_eq!(topics, ["orders"], "it joins for one topic less");
    assert_eq!(file.steps.len(), 2);
    let factor = file.cluster.config.get("offsets.topic.replication.factor");
    assert!(factor.is_none_or(|factor| factor.0 == "1"), "the only broker holds the offsets topic");
}

fn parse(text: &str) -> Scenario {
    Scenario::parse("large.toml", text).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn shrink_by(rule: fn(&Scenario) -> bool, jobs: usize) -> Shrunk {
    let start = parse(LARGE);
    assert!(rule(&start), "the rule holds for the scenario to begin with");
    let limits = Limits { runs: 5_000, jobs: jobs.try_into().expect("at least one job") };
    shrink(&start, limits, &|candidate| Some(rule(candidate)), &mut |_| ControlFlow::Continue(()))
}

/// Fails if broker 2 dies at 4 s or later and broker 1 loses its power at least 8 s after that, with a record before.
fn two_deaths_after_a_record(scenario: &Scenario) -> bool {
    let steps = &scenario.file.steps;
    let at = |index: usize| steps[index].at.as_ref().map_or(0, |at| at.value.micros);
    let kill = steps.iter().position(|step| step.kill.is_some());
    let cut = steps.iter().position(|step| step.power_cut.is_some());
    let record = steps.iter().position(|step| step.produce.is_some());
    let (Some(kill), Some(cut), Some(record)) = (kill, cut, record) else { return false };
    record < kill && at(kill) >= 4_000_000 && at(cut) >= at(kill) + 8_000_000
}

#[test]
fn what_is_left_is_what_the_failure_needs() {
    let shrunk = shrink_by(two_deaths_after_a_record, 1);
    assert!(shrunk.finished);
    insta::assert_snapshot!(print(&shrunk.scenario.file));
}

#[test]
fn the_result_does_not_depend_on_how_many_candidates_run_at_once() {
    let alone = shrink_by(two_deaths_after_a_record, 1);
    for jobs in [2, 3, 4, 16] {
        let together = shrink_by(two_deaths_after_a_record, jobs);
        assert_eq!(print(&alone.scenario.file), print(&together.scenario.file), "{jobs} at once");
        assert_eq!(alone.runs, together.runs, "{jobs} at once");
    }
}

#[test]
fn what_comes_in_pairs_goes_in_pairs() {
    // Neither a start without its kill nor a kill without its start is like the first scenario.
    let balanced = |scenario: &Scenario| {
        let steps = &scenario.file.steps;
        let stops = steps.iter().filter(|step| step.kill.is_some() || step.power_cut.is_some()).count();
        let starts = steps.iter().filter(|step| step.start.is_some()).count();
        stops == starts && steps.iter().any(|step| step.heal.is_some())
    };
    let shrunk = shrink_by(balanced, 2);
    let actions: Vec<&str> = shrunk.scenario.steps.iter().map(|step| step.action.value.name()).collect();
    assert_eq!(actions, ["heal"]);
}

#[test]
fn what_was_done_besides_the_steps_goes_if_it_does_not_matter() {
    let interventions = r#"
[[intervention]]
at = "8s"
pause = { broker = 3, length = "1s" }
[[intervention]]
at = "14s"
power-cut = { broker = 2 }
[[intervention]]
at = "15s"
start = { broker = 2 }
"#;
    let is_cut = |scenario: &Scenario| scenario.file.interventions.iter().any(|step| step.power_cut.is_some());
    let limits = Limits { runs: 5_000, jobs: std::num::NonZeroUsize::MIN };
    let start = parse(&format!("{LARGE}{interventions}"));
    let shrunk = shrink(&start, limits, &|it| Some(is_cut(it)), &mut |_| ControlFlow::Continue(()));
    let file = shrunk.scenario.file;
    assert_eq!((file.steps.len(), file.interventions.len()), (0, 1), "{}", print(&file));
}

#[test]
fn a_listener_ends_the_search_and_keeps_the_best_so_far() {
    let start = parse(LARGE);
    let limits = Limits { runs: 5_000, jobs: 1.try_into().expect("one job") };
    let mut heard = 0;
    let shrunk = shrink(&start, limits, &|it| Some(two_deaths_after_a_record(it)), &mut |progress| {
        heard += usize::from(progress.smaller);
        if heard == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(!shrunk.finished);
    assert!(two_deaths_after_a_record(&shrunk.scenario));
    assert!(shrunk.scenario.steps.len() < start.steps.len());
}

#[test]
fn no_more_is_tried_than_is_allowed() {
    let start = parse(LARGE);
    let limits = Limits { runs: 7, jobs: 3.try_into().expect("three jobs") };
    let shrunk = shrink(&start, limits, &|it| Some(two_deaths_after_a_record(it)), &mut |_| ControlFlow::Continue(()));
    assert_eq!((shrunk.runs, shrunk.finished), (7, false));
}

#[test]
fn a_candidate_that_is_cut_off_ends_the_search_and_counts_for_nothing() {
    let runs = std::sync::atomic::AtomicUsize::new(0);
    let rule = |scenario: &Scenario| {
        let run = runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (run < 9).then(|| two_deaths_after_a_record(scenario))
    };
    let limits = Limits { runs: 5_000, jobs: std::num::NonZeroUsize::MIN };
    let shrunk = shrink(&parse(LARGE), limits, &rule, &mut |_| ControlFlow::Continue(()));
    assert_eq!((shrunk.runs, shrunk.finished), (9, false));
    assert!(two_deaths_after_a_record(&shrunk.scenario), "what was found by then fails");
}
