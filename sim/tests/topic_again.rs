//! A topic that is deleted and created again under its name is another topic (KIP-516): nothing that was promised of
//! the old one binds the new one, while some brokers may not have heard of it yet.

use trial_sim::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::scenario::{Invalid, Scenario, Seed, Verdict};

/// Three brokers; records flow into a topic of which a consumer asks for the end.
const HEAD: &str = r#"format = 1
id = "topic-again"
title = "A topic of the same name"
seed = 1
[cluster]
brokers = 3
controllers = 3
latency = "10ms"
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
[[client]]
name = "p1"
producer = { acks = "all", "linger.ms" = 0 }
[[client]]
name = "reader"
consumer = { assign = ["orders-0"], "auto.offset.reset" = "latest" }
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 40, every = "50ms", values = ["old"] }
"#;

/// What must hold when all have heard of the new topic.
const TAIL: &str = r#"
[[step]]
after = "1s"
produce = { client = "p1", topic = "orders", count = 10, every = "10ms", values = ["new"] }
[[step]]
within = "60s"
expect = { partition = "orders-0", isr-size = 3 }
[[step]]
after = "5s"
expect = { partition = "orders-0", hw = { min = 10, max = 40 } }
"#;

/// Plays the steps with several seeds: the machines meet the deletion and each other's messages in other orders.
fn assert_passes(steps: &str) {
    for seed in 1..=5 {
        let scenario = parse(&format!("{steps}{TAIL}")).unwrap_or_else(|invalid| panic!("{invalid}"));
        let options = RunOptions { seed: Some(Seed(seed)), trace: TraceKind::None, ..RunOptions::default() };
        let report = run(&scenario, options, &mut |_| true);
        assert_eq!(report.verdict, Verdict::Pass, "seed {seed}: {}", report.failures.join("\n"));
    }
}

fn parse(steps: &str) -> Result<Scenario, Invalid> {
    Scenario::parse("topic-again.toml", &format!("{HEAD}{steps}"))
}

#[test]
fn a_name_is_free_after_the_deletion_and_only_once() {
    let create = "[[step]]\ncreate-topic = { name = \"orders\", replicas = [[1, 2, 3]] }\n";
    let delete = "[[step]]\ndelete-topic = { name = \"orders\" }\n";
    for taken in [create.to_owned(), format!("{delete}{create}{create}")] {
        let refused = parse(&taken).expect_err("the name is taken");
        assert!(refused.to_string().contains("topic `orders` exists twice"), "{refused}");
    }
    assert!(parse(&format!("{delete}{create}{delete}{create}")).is_ok());
}

#[test]
fn the_same_replicas_begin_at_offset_0_and_epoch_0_again() {
    assert_passes(
        r#"
[[step]]
at = "2s"
delete-topic = { name = "orders" }
[[step]]
after = "300ms"
create-topic = { name = "orders", replicas = [[1, 2, 3]] }
"#,
    );
}

#[test]
fn another_broker_leads_the_new_topic_in_the_epoch_of_the_old_one() {
    assert_passes(
        r#"
[[step]]
at = "2s"
delete-topic = { name = "orders" }
[[step]]
after = "100ms"
create-topic = { name = "orders", replicas = [[2, 3, 1]] }
"#,
    );
}

#[test]
fn a_leader_that_does_not_hear_of_the_deletion_goes_on_with_the_old_topic() {
    assert_passes(
        r#"
[[step]]
at = "1.9s"
note = "b1 leads, and hears nothing of the controllers."
partition = { from = ["b1"], to = ["c1", "c2", "c3"] }
[[step]]
at = "2s"
delete-topic = { name = "orders" }
[[step]]
after = "100ms"
create-topic = { name = "orders", replicas = [[2, 3, 1]] }
[[step]]
after = "3s"
heal = {}
"#,
    );
}

#[test]
fn a_broker_that_was_down_meanwhile_finds_a_log_of_the_old_topic() {
    assert_passes(
        r#"
[[step]]
at = "1.9s"
kill = { broker = 3 }
[[step]]
at = "12s"
delete-topic = { name = "orders" }
[[step]]
after = "100ms"
create-topic = { name = "orders", replicas = [[1, 2, 3]] }
[[step]]
after = "2s"
start = { broker = 3 }
"#,
    );
}
