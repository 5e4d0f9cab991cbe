//! Recovery of a core: it is healed whatever was done to it, goals that it cannot reach are excused and named, and nobody
//! waits for an answer for ever.

use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::{Report, Scenario, Verdict, texts};

/// Three brokers and three controllers, partition `orders-0` led by broker 1, and what is done to them.
fn played(liveness: &str, topic: &str, steps: &str) -> Report {
    let source = format!(
        r#"
format = 1
id = "recovery"
title = "A core recovers"
seed = 1
liveness = {liveness}
[cluster]
brokers = 3
controllers = 3
latency = "10ms"
[[topic]]
name = "orders"
{topic}
[[client]]
name = "p1"
producer = {{ acks = "all" }}
[[client]]
name = "p2"
producer = {{ acks = "1" }}
{steps}
"#
    );
    let mut scenario = Scenario::parse("recovery.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    scenario.command = Some(format!("cargo test -p trial-tests --test recovery {test}"));
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run(&scenario, options, &mut |_| true)
}

fn assert_recovered(report: &Report) {
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
    assert!(report.recovery_micros.is_some(), "it had to recover");
}

#[test]
fn a_core_is_healed_of_everything_that_was_done_to_it() {
    let report = played(
        "{ core = [1, 2, 101, 102] }",
        "replicas = [[1, 2, 3]]\nconfig = { \"min.insync.replicas\" = 2 }",
        r#"
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 10, every = "200ms" }
[[step]]
partition = { groups = [["b1", "c1"], ["b2", "c2"]] }
[[step]]
clog = { from = "b2", to = "b3" }
[[step]]
stall = { broker = 1, length = "10m" }
[[step]]
pause = { controller = 101 }
[[step]]
after = "1s"
power-cut = { broker = 2, lose = "none" }
"#,
    );
    assert_recovered(&report);
    assert_eq!(report.excused, Vec::new());
}

#[test]
fn too_few_replicas_in_the_core_excuse_the_high_watermark_but_no_leader() {
    let report = played(
        "{ core = [1, 2, 101, 102], outside = \"cut-off\" }",
        "replicas = [[3, 1, 2]]\nconfig = { \"min.insync.replicas\" = 3 }",
        r#"
[[step]]
at = "1s"
kill = { broker = 3 }
[[step]]
within = "20s"
expect = { partition = "orders-0", isr = [1, 2] }
[[step]]
after = "1s"
produce = { client = "p2", topic = "orders", count = 3 }
"#,
    );
    assert_recovered(&report);
    assert_eq!(
        texts(&report.excused),
        ["liveness oracle: orders-0: high watermark: the core holds 2 of its replicas, min.insync.replicas is 3"]
    );
}

/// What was committed while there were enough replicas stays so, and nothing has to be forgiven.
#[test]
fn what_holds_is_not_excused() {
    let report = played(
        "{ core = [1, 2, 101, 102], outside = \"cut-off\" }",
        "replicas = [[3, 1, 2]]\nconfig = { \"min.insync.replicas\" = 3 }",
        "[[step]]\nat = \"1s\"\nproduce = { client = \"p1\", topic = \"orders\", count = 3 }",
    );
    assert_recovered(&report);
    assert_eq!(report.excused, Vec::new());
}

/// Two of the three replicas of `__consumer_offsets` are gone: what a coordinator decides is never committed, so nobody can
/// ask the group to come to rest.
#[test]
fn a_group_whose_coordinator_can_write_nothing_more_is_excused() {
    let report = played(
        "{ core = [3, 101, 102], outside = \"dead\" }",
        "replicas = [[3, 1, 2]]\nconfig = { \"min.insync.replicas\" = 1 }",
        r#"
[[client]]
name = "g1"
consumer = { subscribe = ["orders"], "group.id" = "readers" }
[[client]]
name = "g2"
consumer = { subscribe = ["orders"], "group.id" = "readers" }
[[step]]
at = "1s"
alter-config = { topic = "__consumer_offsets", set = { "min.insync.replicas" = 2 } }
[[step]]
after = "1s"
kill = { broker = 1 }
[[step]]
kill = { broker = 2 }
[[step]]
after = "20s"
crash = { client = "g2" }
"#,
    );
    assert_recovered(&report);
    let said = texts(&report.excused).join("\n");
    assert!(said.contains("stable group: __consumer_offsets-") && said.contains("keeps group readers"), "{said}");
}

#[test]
fn a_partition_without_an_eligible_replica_in_the_core_is_excused() {
    let report = played("{ core = [1, 2, 101, 102] }", "replicas = [[3]]", "");
    assert_recovered(&report);
    // Broker 3 was fenced meanwhile: out of the ISR, and eligible still (KIP-966).
    assert_eq!(
        texts(&report.excused),
        ["liveness oracle: orders-0: leader, ISR and high watermark: no member of ISR [] or ELR [3] is in the core"]
    );
}

/// Everybody comes back after an unclean shutdown, and who led last with an empty disk. As soon as the controllers know
/// its new directory it may lead again (`LeaderAcceptor`), whatever was lost with the old one.
#[test]
fn a_partition_whose_last_leader_lost_its_disk_gets_it_as_its_leader_again() {
    let report = played(
        "{ core = [1, 2, 3, 101, 102, 103] }",
        "replicas = [[2, 1, 3]]\nconfig = { \"min.insync.replicas\" = 2 }",
        r#"
[[step]]
at = "2s"
kill = { broker = 1 }
[[step]]
kill = { broker = 3 }
[[step]]
at = "6s"
note = "Its session outlives those of the others."
replace = { broker = 2 }
[[step]]
kill = { broker = 2 }
[[step]]
start = { broker = 1 }
[[step]]
start = { broker = 3 }
[[step]]
at = "20s"
start = { broker = 2 }
"#,
    );
    assert_recovered(&report);
    assert!(report.excused.is_empty(), "{:?}", report.excused);
}

/// A producer whose leader is gone, in a cluster that can elect none: its batch is ready, no connection comes up, and it
/// must still be given up when delivery.timeout.ms is over.
#[test]
fn a_producer_gives_up_what_nobody_will_ever_take() {
    let report = played(
        "{ core = [1, 103] }",
        "replicas = [[2, 1, 3]]",
        r#"
[[step]]
at = "1s"
kill = { controller = 101 }
[[step]]
kill = { controller = 102 }
[[step]]
power-cut = { broker = 2, lose = "none" }
[[step]]
produce = { client = "p2", topic = "orders", count = 5, every = "300ms" }
"#,
    );
    assert_recovered(&report);
    assert_eq!(
        texts(&report.excused),
        ["liveness oracle: every partition: whatever the controllers decide: 1 of 3 voters are in the core"]
    );
}
