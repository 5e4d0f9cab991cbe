//! Histories of small runs, line by line.

use std::ops::ControlFlow;

use super::History;
use crate::scenario::Scenario;
use crate::scenario::run::{RunOptions, TraceKind, run_watched};

/// The history of a scenario, without what changes with every detail of the network: the times.
fn history_of(steps: &str) -> Vec<String> {
    let text = format!(
        "format = 1\nid = 'small'\ntitle = 'Small'\nseed = 1\n[cluster]\ncombined = 3\n[[topic]]\nname = 'orders'\n\
         replicas = [[1, 2, 3]]\n{steps}"
    );
    let scenario = Scenario::parse("small.toml", &text).unwrap_or_else(|invalid| panic!("{invalid}"));
    let mut history = History::default();
    let options = RunOptions { trace: TraceKind::None, ..RunOptions::default() };
    run_watched(&scenario, options, &mut |_| true, &mut |world, step| {
        if let Some(step) = step {
            history.observe(world, step);
        }
        ControlFlow::Continue(())
    });
    let without_time = |line: &str| {
        let (index, rest) = line.split_once(", :time ").expect("every operation has a time");
        let (_, rest) = rest.split_once(", ").expect("and more");
        format!("{}, {rest}", index.trim_start_matches('{'))
    };
    history.to_edn().lines().map(without_time).collect()
}

const CLIENTS: &str = "
[[client]]
name = 'p1'
producer = { acks = 'all' }
[[client]]
name = 'r1'
consumer = { assign = ['orders-0'] }
";

#[test]
fn a_loop_polls_again_when_a_poll_has_returned_something() {
    let steps = format!(
        "{CLIENTS}[[step]]\nat = '1s'\nproduce = {{ client = 'p1', topic = 'orders', values = ['A'] }}\n[[step]]\nat = '3s'\nexpect = {{ client = 'r1', consumed = 1 }}\n"
    );
    assert_eq!(
        history_of(&steps),
        [
            r#":index 0, :type :invoke, :process 0, :f :assign, :value ["orders-0"], :client "r1"}"#,
            r#":index 1, :type :ok, :process 0, :f :assign, :value ["orders-0"], :client "r1"}"#,
            r#":index 2, :type :invoke, :process 0, :f :poll, :value [[:poll]], :client "r1"}"#,
            r#":index 3, :type :invoke, :process 1, :f :send, :value [[:send "orders-0" 1]], :client "p1", :texts ["A"]}"#,
            r#":index 4, :type :ok, :process 0, :f :poll, :value [[:poll {"orders-0" [[0 1]]}]], :client "r1"}"#,
            r#":index 5, :type :invoke, :process 0, :f :poll, :value [[:poll]], :client "r1"}"#,
            r#":index 6, :type :ok, :process 1, :f :send, :value [[:send "orders-0" [0 1]]], :client "p1", :texts ["A"]}"#,
        ]
    );
}

#[test]
fn two_records_under_way_are_two_processes_and_equal_texts_are_two_records() {
    let steps = format!(
        "{CLIENTS}[[step]]\nat = '1s'\nproduce = {{ client = 'p1', topic = 'orders', values = ['A', 'A'] }}\n[[step]]\nat = '3s'\nexpect = {{ client = 'r1', consumed = 2 }}\n"
    );
    let history = history_of(&steps);
    let of = |number: usize| history.iter().filter(|line| line.contains(&format!(":process {number},"))).count();
    assert_eq!((of(1), of(2)), (2, 2), "{history:#?}");
    let polled: Vec<&String> = history.iter().filter(|line| line.contains(":poll {")).collect();
    assert!(polled.iter().any(|line| line.contains("[0 1]")), "{history:#?}");
    assert!(polled.iter().any(|line| line.contains("[1 2]")), "{history:#?}");
}

#[test]
fn a_producer_that_dies_knows_nothing_of_what_was_under_way() {
    let steps = format!(
        "{CLIENTS}[[step]]\nat = '1s'\nproduce = {{ client = 'p1', topic = 'orders', values = ['A'] }}\n[[step]]\ncrash = {{ client = 'p1' }}\n"
    );
    let history = history_of(&steps);
    let of_producer: Vec<&str> = history
        .iter()
        .filter(|line| line.contains("\"p1\""))
        .filter_map(|line| line.split_once(", "))
        .map(|(_, rest)| rest)
        .collect();
    assert_eq!(
        of_producer,
        [
            r#":type :invoke, :process 1, :f :send, :value [[:send "orders-0" 1]], :client "p1", :texts ["A"]}"#,
            r#":type :info, :process 1, :f :send, :value [[:send "orders-0" [nil 1]]], :client "p1", :texts ["A"]}"#,
            r#":type :invoke, :process 2, :f :crash, :value nil, :client "p1"}"#,
            r#":type :info, :process 2, :f :crash, :value nil, :client "p1"}"#,
        ]
    );
}

#[test]
fn a_seek_is_leaving_the_partition_and_coming_back() {
    let steps = format!(
        "{CLIENTS}[[step]]\nat = '1s'\nproduce = {{ client = 'p1', topic = 'orders', values = ['A'] }}\n[[step]]\nat = '3s'\nseek = {{ client = 'r1', partition = 'orders-0', offset = 0 }}\n[[step]]\nat = '5s'\nexpect = {{ client = 'r1', consumed = 2 }}\n"
    );
    let history = history_of(&steps);
    let of_reader: Vec<&str> = history
        .iter()
        .filter(|line| line.contains("\"r1\""))
        .filter_map(|line| line.split_once(":f :")?.1.split_once(", :client"))
        .map(|(what, _)| what)
        .collect();
    assert_eq!(
        of_reader[4..],
        [
            "poll, :value [[:poll]]",
            "poll, :value [[:poll {}]]",
            "assign, :value []",
            "assign, :value []",
            "assign, :value [\"orders-0\"]",
            "assign, :value [\"orders-0\"]",
            "poll, :value [[:poll]]",
            "poll, :value [[:poll {\"orders-0\" [[0 1]]}]]",
            "poll, :value [[:poll]]",
        ]
    );
}

/// What a client did and heard, without what is the same in every line of it.
fn of_client(history: &[String], client: &str) -> Vec<String> {
    let of_it = history.iter().filter_map(|line| {
        let (what, rest) = line.split_once(&format!(", :client \"{client}\""))?;
        let (_, what) = what.split_once(":type :")?;
        let (kind, what) = what.split_once(", :process ")?;
        let (_, what) = what.split_once(":f :")?;
        Some(format!("{kind} {}{}", what.replace(", :value", ""), rest.trim_end_matches('}')))
    });
    of_it.collect()
}

const MEMBER: &str = "
[[client]]
name = 'p1'
producer = { acks = 'all' }
[[client]]
name = 'g1'
consumer = { 'group.id' = 'billing', 'auto.offset.reset' = 'earliest' }
";

#[test]
fn a_subscription_that_is_refused_has_failed() {
    let steps = format!(
        "{MEMBER}[[step]]\nat = '1s'\njoin = {{ client = 'g1', topics = ['orders'] }}\n[[step]]\nat = '2s'\njoin = {{ client = 'g1', pattern = 'orders' }}\n[[step]]\nat = '3s'\nnote = 'The end.'\nexpect = {{ consumed = 0, client = 'g1' }}\n"
    );
    assert_eq!(
        of_client(&history_of(&steps), "g1"),
        [
            "invoke poll [[:poll]]",
            "ok poll [[:poll {}]]",
            "invoke subscribe [\"orders\"]",
            "ok subscribe [\"orders\"]",
            "invoke poll [[:poll]]",
            "ok poll [[:poll {}]]",
            "invoke subscribe [], :pattern \"orders\"",
            "fail subscribe [], :error \"INVALID_REQUEST\", :pattern \"orders\"",
            "invoke poll [[:poll]]",
        ]
    );
}

#[test]
fn a_subscription_by_a_pattern_names_the_pattern() {
    let steps = format!(
        "{MEMBER}[[step]]\nat = '1s'\njoin = {{ client = 'g1', pattern = 'ord.*' }}\n[[step]]\nat = '2s'\nexpect = {{ consumed = 0, client = 'g1' }}\n"
    );
    assert_eq!(
        of_client(&history_of(&steps), "g1")[2..],
        ["invoke subscribe [], :pattern \"ord.*\"", "ok subscribe [], :pattern \"ord.*\"", "invoke poll [[:poll]]"]
    );
}

#[test]
fn a_poll_that_throws_has_failed_and_is_the_last() {
    let steps = "
[[client]]
name = 'r1'
consumer = { assign = ['orders-0'], 'auto.offset.reset' = 'none' }
[[step]]
at = '1s'
seek = { client = 'r1', partition = 'orders-0', offset = 100 }
[[step]]
at = '3s'
expect = { client = 'r1', consumed = 0 }
";
    let history = of_client(&history_of(steps), "r1");
    assert_eq!(
        history.last().map(String::as_str),
        Some("fail poll [[:poll {}]], :error \"OFFSET_OUT_OF_RANGE\""),
        "{history:#?}"
    );
}

#[test]
fn a_member_that_seeks_leaves_one_partition_and_keeps_what_else_its_group_gave_it() {
    let steps = format!(
        "[[topic]]\nname = 'bills'\nreplicas = [[1, 2, 3]]\n{MEMBER}[[step]]\nat = '1s'\njoin = {{ client = 'g1', topics = ['bills', 'orders'] }}\n[[step]]\nat = '8s'\nproduce = {{ client = 'p1', topic = 'orders', values = ['A'] }}\n[[step]]\nat = '9s'\nseek = {{ client = 'g1', partition = 'orders-0', offset = 0 }}\n[[step]]\nat = '10s'\nexpect = {{ client = 'g1', consumed = 2 }}\n"
    );
    let history = of_client(&history_of(&steps), "g1");
    let assigned: Vec<&str> = history.iter().filter_map(|line| line.strip_prefix("ok assign ")).collect();
    assert_eq!(assigned, ["[\"bills-0\"]", "[\"bills-0\" \"orders-0\"]"], "{history:#?}");
}
