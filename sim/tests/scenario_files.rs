//! Scenario files: what is checked in beside the types that read it, and what bad input is answered with.

use std::path::Path;

use trial_sim::internal::scenario::{Scenario, schema};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// Editors complete and check scenario files by the schema that lies beside them: it must say what the parser takes.
#[test]
fn schema_checked_in_is_the_one_that_the_types_give() {
    let path = root().join("scenarios/schema/scenario.json");
    let checked_in = std::fs::read_to_string(&path).expect("the schema is checked in");
    assert!(
        checked_in == schema(),
        "scenarios/schema/scenario.json is not what the types give: run `trial schema > scenarios/schema/scenario.json`"
    );
}

/// A scenario with every section. The bad ones below differ from it in one place each.
const GOOD: &str = r#"format = 1
id = "example"
title = "An example"
seed = 0x5

[cluster]
brokers = 3
controllers = 3
latency = "10ms"
config = { "replica.lag.time.max.ms" = 30000 }

[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
config = { "min.insync.replicas" = 2 }

[[client]]
name = "p1"
producer = { acks = "all", retries = 0, "linger.ms" = 0 }

[[client]]
name = "reader"
consumer = { assign = ["orders-0"] }

[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 10 }

[[step]]
at = "5s"
note = "b2 can no longer fetch"
clog = { from = "broker:2", api = "Fetch" }

[[step]]
after = "41.000123s"
kill = { leader = "orders-0" }

[[step]]
within = { min = "7s", max = "10.2s" }
expect-event = { event = "broker-fenced", broker = 1, reason = "session-expired" }

[[step]]
at = "60s"
expect = { partition = "orders-0", leo = 13, hw = { min = 10 }, isr = [2, 3] }

[[always]]
check = "acked-record-not-lost"

[allow]
liveness = "b1 stays dead"

[swarm]
kill = [0.0, 0.2]
"#;

#[test]
fn a_file_reads_back_as_it_was_written() {
    let scenario = Scenario::parse("good.toml", GOOD).expect("the example makes sense");
    let text = toml::to_string(&scenario.file).expect("a scenario can be written");
    let again = Scenario::parse("again.toml", &text).unwrap_or_else(|invalid| panic!("{invalid}\n{text}"));
    assert_eq!(scenario.file, again.file);
    assert_eq!(scenario.steps.len(), 5);
}

/// A default that does not go with what was said gives way, as in Kafka: nothing is to be complained about.
#[test]
fn defaults_give_way() {
    for said in ["\"linger.ms\" = 200000", "\"linger.ms\" = 0, idempotence = false"] {
        let source = GOOD.replacen("\"linger.ms\" = 0", said, 1);
        Scenario::parse("good.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
    }
}

/// What Trial says about the example with `from` replaced by `to`.
fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "the example does not contain {from:?}");
    let source = GOOD.replacen(from, to, 1);
    Scenario::parse("bad.toml", &source).expect_err("this must not be taken for a scenario").to_string()
}

/// One run of the command shows them all, and nothing that only follows from them.
#[test]
fn mistakes_of_form_are_told_together() {
    let source = GOOD
        .replacen("id = \"example\"", "id = 7", 1)
        .replacen("brokers = 3", "brokers = \"three\"", 1)
        .replacen("latency = \"10ms\"", "latnecy = \"10ms\"", 1)
        .replacen("count = 10", "count = \"ten\"", 1)
        .replacen("kill = { leader", "kil = { leader", 1)
        .replacen("leo = 13", "loe = 13", 1);
    let invalid = Scenario::parse("bad.toml", &source).expect_err("much is wrong");
    insta::assert_snapshot!("mistakes_of_form_are_told_together", invalid.to_string());
}

/// Both would answer to it.
#[test]
fn client_must_not_be_called_as_a_machine_of_the_cluster_is() {
    let called = |name: &str| GOOD.replacen("name = \"reader\"", &format!("name = \"{name}\""), 1);
    for (name, whose) in [("c1", "controller 101 is called so"), ("b2", "broker 2 is called so")] {
        let complaint = Scenario::parse("bad.toml", &called(name)).expect_err("two machines of one name").to_string();
        assert!(complaint.contains("two machines of one name") && complaint.contains(whose), "{complaint}");
    }
    for free in ["c9", "b9", "r1", "c"] {
        Scenario::parse("good.toml", &called(free)).unwrap_or_else(|invalid| panic!("{invalid}"));
    }
}

/// Who joins or commits without a group would be told so at the end of a run only.
#[test]
fn member_must_have_a_group() {
    let join = "join = { client = \"reader\", topics = [\"orders\"] }";
    let complaint_of = |action: &str| complaint("kill = { leader = \"orders-0\" }", action);
    let told = complaint_of(join);
    assert!(told.contains("`reader` has no `group.id`"), "{told}");
    let told = complaint_of("commit-offsets = { client = \"reader\", offsets = { \"orders-0\" = -1 } }");
    assert!(told.contains("`reader` has no `group.id`") && told.contains("an offset is never negative"), "{told}");
    let told = complaint_of("join = { client = \"reader\", topics = [\"orders\"], pattern = \"o.*\" }");
    assert!(told.contains("a consumer subscribes to topics or to a pattern"), "{told}");
}

/// Kafka would refuse it when it is called, and who reads the file believes that somebody joins.
#[test]
fn consumer_is_not_asked_to_join_in_a_way_that_kafka_refuses() {
    let told_of = |settings: &str, join: &str| {
        let source = GOOD
            .replacen(
                "consumer = { assign = [\"orders-0\"]",
                &format!("consumer = {{ \"group.id\" = \"billing\"{settings}"),
                1,
            )
            .replacen("kill = { leader = \"orders-0\" }", &format!("join = {{ client = \"reader\", {join} }}"), 1);
        assert_ne!(source, GOOD);
        match Scenario::parse("joins.toml", &source) {
            Ok(_) => "nothing".to_owned(),
            Err(invalid) => invalid.to_string(),
        }
    };
    let assigned = ", assign = [\"orders-0\"]";
    let told = told_of(assigned, "topics = [\"orders\"]");
    assert!(told.contains("`reader` has chosen its partitions") && told.contains("declared with `assign`"), "{told}");
    assert_eq!(told_of("", "topics = [\"orders\"]"), "nothing");
    let told = told_of("", "pattern = \"(\"");
    assert!(told.contains("`(` is no regular expression") && told.contains("unclosed group"), "{told}");
    let told = told_of("", "server-pattern = \"o.*\"");
    assert!(told.contains("the coordinator matches no pattern for `reader`"), "{told}");
    let new_protocol = ", \"group.protocol\" = \"consumer\"";
    assert_eq!(told_of(new_protocol, "server-pattern = \"o.*\""), "nothing");
    assert_eq!(told_of(new_protocol, "server-pattern = \"(\""), "nothing", "the coordinator will say it");
}

/// A broker of Kafka's does not start with a session shorter than the shortest that it allows.
#[test]
fn bounds_of_a_groups_sessions_go_with_the_session() {
    let complaint_of = |settings: &str| complaint("\"replica.lag.time.max.ms\" = 30000", settings);
    let told = complaint_of("\"group.consumer.session.timeout.ms\" = 10000");
    assert!(told.contains("must be at least group.consumer.min.session.timeout.ms, 45000"), "{told}");
}

/// Its first poll would throw, and nobody would see time zero.
#[test]
fn member_that_no_broker_takes_is_told_with_its_setting() {
    let told_of = |settings: &str| {
        let member = format!("consumer = {{ subscribe = [\"orders\"], \"group.id\" = \"billing\", {settings} }}");
        complaint("consumer = { assign = [\"orders-0\"] }", &member)
    };
    let told = told_of("\"session.timeout.ms\" = 5000");
    assert!(told.contains("no broker takes a member with this `session.timeout.ms`"), "{told}");
    assert!(told.contains("`group.min.session.timeout.ms` is 6000"), "{told}");
    let told = told_of("\"group.protocol\" = \"consumer\", \"group.remote.assignor\" = \"nope\"");
    assert!(told.contains("`group.consumer.assignors` has uniform and range"), "{told}");
}

macro_rules! bad {
    ($($(#[$doc:meta])* $name:ident: $from:expr => $to:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), complaint($from, $to));
        }
    )*};
}

bad! {
    syntax_is_explained: "brokers = 3" => "brokers = ";
    museum_bug_without_a_check: "[cluster]\n" => "[museum]\npiece = \"REP-01\"\nsource = \"KIP-101\"\nswitches = [\"truncate-to-high-watermark\"]\n\n[cluster]\n";
    museum_switch_that_is_always_on: "[cluster]\n" => "[museum]\npiece = \"REP-01\"\nsource = \"KIP-101\"\n\n[cluster]\nswitches = [\"vote-twice\"]\n";
    unknown_action_names_the_nearest: "kill = { leader" => "kil = { leader";
    unknown_key_names_the_nearest: "latency = \"10ms\"" => "latnecy = \"10ms\"";
    unknown_fact_names_the_nearest: "leo = 13" => "loe = 13";
    missing_key_is_named: "title = \"An example\"\n" => "";
    wrong_type_says_what_was_expected: "count = 10" => "count = \"ten\"";
    time_without_unit: "after = \"41.000123s\"" => "after = \"41\"";
    time_finer_than_a_tick: "after = \"41.000123s\"" => "after = \"41.0001234s\"";
    missing_broker_points_at_the_cluster: "broker:2" => "broker:4";
    missing_machine_names_the_nearest: "\"broker:2\"" => "\"raeder\"";
    missing_client_names_the_nearest: "produce = { client = \"p1\"" => "produce = { client = \"p2\"";
    client_of_the_wrong_kind: "produce = { client = \"p1\"" => "produce = { client = \"reader\"";
    missing_topic_names_the_nearest: "topic = \"orders\"" => "topic = \"order\"";
    missing_partition_points_at_the_topic: "kill = { leader = \"orders-0\"" => "kill = { leader = \"orders-1\"";
    not_a_partition: "kill = { leader = \"orders-0\"" => "kill = { leader = \"orders\"";
    step_in_the_past: "at = \"60s\"" => "at = \"40s\"";
    step_before_time_zero: "at = \"1s\"" => "at = \"-1s\"";
    two_starts: "after = \"41.000123s\"" => "after = \"41s\"\nat = \"50s\"";
    two_actions: "kill = { leader = \"orders-0\" }" => "kill = { leader = \"orders-0\" }\nstart = { broker = 1 }";
    no_action: "kill = { leader = \"orders-0\" }" => "";
    target_named_twice: "kill = { leader = \"orders-0\" }" => "kill = { leader = \"orders-0\", broker = 1 }";
    target_not_named: "kill = { leader = \"orders-0\" }" => "kill = {}";
    replica_list_with_a_missing_broker: "replicas = [[1, 2, 3]]" => "replicas = [[1, 2, 5]]";
    replica_list_with_a_broker_twice: "replicas = [[1, 2, 3]]" => "replicas = [[1, 2, 1]]";
    replica_lists_of_two_lengths: "replicas = [[1, 2, 3]]" => "replicas = [[1, 2, 3], [1, 2]]";
    more_replicas_than_brokers: "replicas = [[1, 2, 3]]" => "partitions = 1\nreplication-factor = 4";
    unknown_setting_names_the_nearest: "\"min.insync.replicas\" = 2" => "\"min.insnyc.replicas\" = 2";
    setting_out_of_range: "\"min.insync.replicas\" = 2" => "\"min.insync.replicas\" = 0";
    setting_of_the_wrong_kind: "\"linger.ms\" = 0" => "\"linger.ms\" = \"soon\"";
    acks_that_do_not_exist: "acks = \"all\"" => "acks = \"al\"";
    idempotence_that_its_retries_deny: "retries = 0" => "retries = 0, idempotence = true";
    too_many_requests_in_flight_for_idempotence: "retries = 0" => "\"max.in.flight.requests.per.connection\" = 9";
    delivery_timeout_below_its_parts: "\"linger.ms\" = 0" => "\"linger.ms\" = 200000, \"delivery.timeout.ms\" = 120000";
    lag_below_the_fetch_wait: "\"replica.lag.time.max.ms\" = 30000" => "\"replica.lag.time.max.ms\" = 100";
    fetch_wait_above_the_socket_timeout: "\"replica.lag.time.max.ms\" = 30000" => "\"replica.lag.time.max.ms\" = 60000, \"replica.fetch.wait.max.ms\" = 40000";
    machine_that_disagrees_with_its_cluster: "[[topic]]" => "[[node]]\nid = 2\nconfig = { \"replica.fetch.wait.max.ms\" = 30001 }\n\n[[topic]]";
    retention_of_nothing_for_a_whole_broker: "\"replica.lag.time.max.ms\" = 30000" => "\"retention.ms\" = 0";
    unknown_api_names_the_nearest: "api = \"Fetch\"" => "api = \"Fecth\"";
    unknown_event_names_the_nearest: "event = \"broker-fenced\"" => "event = \"broker-fnced\"";
    unknown_event_field_names_the_nearest: "reason = \"session-expired\"" => "raeson = \"session-expired\"";
    origin_from_which_nothing_counts: "reason = \"session-expired\"" => "counted-from = \"activation\"";
    unknown_check_names_the_nearest: "check = \"acked-record-not-lost\"" => "check = \"acked-records-not-lost\"";
    unknown_random_fault: "kill = [0.0, 0.2]" => "kil = [0.0, 0.2]";
    empty_range: "hw = { min = 10 }" => "hw = { min = 10, max = 9 }";
    fact_without_its_subject: "expect = { partition = \"orders-0\", leo" => "expect = { leo";
    group_is_never_in_such_a_state: "{ partition = \"orders-0\", leo = 13, hw = { min = 10 }, isr = [2, 3] }" => "{ group = \"billing\", state = \"stable\" }";
    group_of_no_such_type: "{ partition = \"orders-0\", leo = 13, hw = { min = 10 }, isr = [2, 3] }" => "{ group = \"billing\", group-type = \"clasic\" }";
    group_that_is_not_named: "{ partition = \"orders-0\", leo = 13, hw = { min = 10 }, isr = [2, 3] }" => "{ members = 2 }";
    committed_in_no_partition: "{ partition = \"orders-0\", leo = 13, hw = { min = 10 }, isr = [2, 3] }" => "{ group = \"billing\", committed = 7 }";
    action_of_a_later_version: "kill = { leader = \"orders-0\" }" => "begin = { client = \"p1\" }";
    message_that_takes_no_time: "latency = \"10ms\"" => "latency = \"0ms\"";
    length_below_zero: "kill = { leader = \"orders-0\" }" => "stall = { broker = 1, length = \"-1s\" }";
    wait_below_zero: "within = { min = \"7s\", max = \"10.2s\" }" => "within = \"-1s\"";
    more_records_than_anybody_waits_for: "count = 10" => "count = 4294967295";
    unknown_format: "format = 1" => "format = 2";
    cluster_of_two_kinds: "controllers = 3" => "combined = 3";
    several_mistakes_are_shown_at_once: "[1, 2, 3]]\nconfig = { \"min.insync.replicas\" = 2 }" => "[1, 2, 7]]\nconfig = { \"min.insync.replica\" = 2 }";
}
