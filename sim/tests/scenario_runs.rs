//! What a run says when a scenario is wrong about the world: each kind of expectation must be able to fail.

use trial_sim::internal::scenario::run::{RunOptions, TraceKind, run};
use trial_sim::internal::scenario::{Report, Scenario, Span, Verdict};

/// Three brokers, a producer that has ten records acknowledged at one second, and a consumer.
const HEAD: &str = r#"format = 1
id = "runs"
title = "Ten records"
seed = 0x5
[cluster]
brokers = 3
controllers = 1
latency = "10ms"
[[topic]]
name = "orders"
replicas = [[1, 2, 3]]
[[client]]
name = "p1"
producer = { acks = "all" }
[[client]]
name = "reader"
consumer = { assign = ["orders-0"] }
[[step]]
at = "1s"
produce = { client = "p1", topic = "orders", count = 10, values = ["a"] }
"#;

fn play(steps: &str, until: Option<Span>) -> Report {
    let source = format!("{HEAD}{steps}");
    let scenario = Scenario::parse("runs.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
    let options = RunOptions { seed: None, until, trace: TraceKind::None };
    run(&scenario, options, &mut |_| true)
}

/// The findings without the lines that say how to see them again.
fn findings(steps: &str) -> String {
    let report = play(steps, None);
    assert_eq!(report.verdict, Verdict::Expectation, "{:?}", report.failures);
    assert!(
        report.expectations_met < report.expectations || report.expectations == 0,
        "nothing is missing: {report:?}"
    );
    let text = report.findings();
    text.lines().filter(|line| !line.starts_with("again: ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_holds_passes_and_is_counted() {
    let report = play(
        r#"
[[step]]
at = "1.040001s"
expect = { client = "p1", acked = { min = 1 }, failed = 0 }
[[step]]
within = "1s"
expect = { partition = "orders-0", leo = 10, hw = 10, isr = [3, 2, 1], elr = [], leader = 1, leader-epoch = 0 }
[[step]]
expect = { partition = "orders-0", replica = 2, values = ["a", "a", "a", "a", "a", "a", "a", "a", "a", "a"] }
[[step]]
within = "1s"
expect = { client = "reader", consumed = 10, partition = "orders-0", position = 10 }
[[step]]
expect = { broker = 2, fenced = false, running = true }
[[step]]
expect = { active-controllers = [101] }
[[step]]
expect = { controller = "active", state = "leader" }
[[step]]
expect = { on = "b1", file = "data-0/orders-0/00000000000000000000.log", exists = true, bytes = { min = 100 } }
[[step]]
expect-event = { event = "batch-acked", on = "p1", acks = "all", since = "0s", count = { min = 1, max = 10 } }
"#,
        None,
    );
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
    assert_eq!((report.expectations_met, report.expectations), (9, 9));
}

#[test]
fn a_wrong_number_is_shown_beside_the_right_one() {
    insta::assert_snapshot!(findings("[[step]]\nat = \"2s\"\nexpect = { partition = \"orders-0\", leo = 11, hw = 10, isr = [1, 2] }\n"), @r#"
    error: step 2 (expect) at 2s
      --> runs.toml:23:61
       |
    23 | expect = { partition = "orders-0", leo = 11, hw = 10, isr = [1, 2] }
       |                                          --                 ^^^^^^ expected isr [1, 2], found [1, 2, 3]
       |                                          |
       |                                          expected leo 11, found 10
    "#);
}

#[test]
fn what_comes_too_early_is_as_wrong_as_what_comes_too_late() {
    let early = "[[step]]\nwithin = { min = \"5s\", max = \"9s\" }\nexpect = { client = \"p1\", acked = 10 }\n";
    let text = findings(early);
    assert!(text.contains("step 2 (expect) came too early"), "{text}");
    assert!(text.contains("expected 5s to 9s after the step before, found "), "{text}");
    let late = "[[step]]\nwithin = \"9ms\"\nexpect = { client = \"p1\", acked = 10 }\n";
    let text = findings(late);
    assert!(text.contains("expected acked 10, found 0"), "{text}");
    assert!(text.contains("step 2 (expect) at 1.009s"), "{text}");
}

#[test]
fn a_step_that_comes_too_late_names_the_one_that_took_its_time() {
    let steps = "[[step]]\nat = \"2s\"\nnote = \"here all is well\"\n\
                 [[step]]\nwithin = \"5s\"\nexpect = { client = \"p1\", acked = 11 }\n\
                 [[step]]\nnote = \"at once\"\n\
                 [[step]]\nat = \"4s\"\nkill = { broker = 3 }\n";
    insta::assert_snapshot!(findings(steps), @r#"
    error: step 3 (expect) at 7s
      --> runs.toml:26:35
       |
    26 | expect = { client = "p1", acked = 11 }
       |                                   ^^ expected acked 11, found 10
    error: step 5 (kill) comes too late
      --> runs.toml:31:8
       |
    25 | within = "5s"
       |          ---- step 3 (expect) was over at 7s
    ...
    31 | kill = { broker = 3 }
       |        ^^^^^^^^^^^^^^ its time was 4s; the steps before it ended at 7s
       |
       = help: step 3 (expect) at runs.toml:25 overran: shorten its `within`, or let step 5 come `after` it instead of `at` a time
    "#);
}

#[test]
fn what_never_holds_keeps_a_step_from_running_and_says_so() {
    let text = findings(
        "[[step]]\nwhen = { partition = \"orders-0\", isr-size = 1 }\nwithin = \"3s\"\nkill = { broker = 1 }\n\
         [[step]]\nexpect = { broker = 1, running = false }\n",
    );
    assert!(text.contains("step 2 (kill) never ran: what it waits for never held"), "{text}");
    assert!(text.contains("expected isr-size 1, found 3"), "{text}");
    assert!(text.contains("1 steps after it did not run"), "{text}");
}

#[test]
fn what_must_never_be_is_seen_when_it_is() {
    let text = findings(
        "[[step]]\nnever = { partition = \"orders-0\", hw = { min = 5 } }\n\
         [[step]]\nnever-event = { event = \"batch-acked\" }\n[[step]]\nat = \"2s\"\nnote = \"later\"\n",
    );
    assert!(text.contains("step 2 (never) at"), "{text}");
    assert!(text.contains("step 3 (never-event) at"), "{text}");
}

#[test]
fn an_event_elsewhere_or_at_another_time_is_not_the_one() {
    let wrong_time =
        "[[step]]\nat = \"2s\"\nexpect-event = { event = \"batch-acked\", on = \"p1\", time = { max = \"1.02s\" } }\n";
    let text = findings(wrong_time);
    assert!(text.contains("times: at 1.0"), "{text}");
    let wrong_field =
        "[[step]]\nat = \"2s\"\nexpect-event = { event = \"batch-acked\", acks = \"leader\", since = \"0s\" }\n";
    let text = findings(wrong_field);
    assert!(text.contains("with other fields or elsewhere"), "{text}");
}

#[test]
fn an_error_that_nobody_got_is_missed() {
    let text = findings("[[step]]\nat = \"2s\"\nexpect-error = { client = \"p1\", error = 19 }\n");
    assert!(text.contains("no call has failed since the step before"), "{text}");
}

#[test]
fn a_refusal_is_the_callers_error() {
    let report = play(
        "[[step]]\nat = \"2s\"\ncreate-topic = { name = \"orders2\", replicas = [[1, 2, 3]] }\n\
         [[step]]\nwithin = \"1s\"\nexpect = { partition = \"orders2-0\", isr-size = 3 }\n\
         [[step]]\ndelete-topic = { name = \"orders2\" }\n\
         [[step]]\nafter = \"1s\"\nproduce = { client = \"p1\", topic = \"orders\", partition = 0 }\n\
         [[step]]\nwithin = \"1s\"\nexpect = { client = \"p1\", acked = 11 }\n",
        None,
    );
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
}

/// Whoever asks for the beginning of a run does not ask for its end.
#[test]
fn until_leaves_later_steps_out_without_a_finding() {
    let steps = "[[step]]\nat = \"5s\"\nexpect = { partition = \"orders-0\", leo = 99 }\n";
    let report = play(steps, Some(Span::from_millis(3000)));
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
    assert_eq!((report.expectations_met, report.expectations), (0, 1));
    assert_eq!(report.virtual_micros, 3_000_000);
}

#[test]
fn a_symbolic_target_that_means_nobody_is_a_finding() {
    let text = findings(
        "[[step]]\nat = \"2s\"\nkill = { controller = \"active\" }\n[[step]]\nkill = { controller = \"active\" }\n\
         [[step]]\nexpect = { active-controllers = [101] }\n",
    );
    assert!(text.contains("step 3 (kill) could not run"), "{text}");
    assert!(text.contains("no controller is active now"), "{text}");
}

#[test]
fn records_that_are_given_to_a_dead_client_are_waited_for_by_nobody() {
    let head = HEAD.replace("seed = 0x5", "seed = 0x5\nliveness = true");
    let source = format!(
        r#"{head}
[[step]]
at = "2s"
crash = {{ client = "p1" }}
[[step]]
at = "3s"
produce = {{ client = "p1", topic = "orders", count = 5 }}
"#
    );
    let scenario = Scenario::parse("runs.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
    let report = run(&scenario, RunOptions { trace: TraceKind::None, ..RunOptions::default() }, &mut |_| true);
    assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.failures);
}

/// Two members that share four partitions, in a group that is coordinated by the only broker.
const GROUP: &str = r#"format = 1
id = "group"
title = "Two members"
seed = 0x5
[cluster]
brokers = 1
controllers = 1
latency = "10ms"
config = { "offsets.topic.num.partitions" = 1, "offsets.topic.replication.factor" = 1 }
[[topic]]
name = "orders"
replicas = [[1], [1], [1], [1]]
[[client]]
name = "g1"
consumer = { subscribe = ["orders"], "group.id" = "billing", "partition.assignment.strategy" = "range" }
[[client]]
name = "g2"
consumer = { "group.id" = "billing", "partition.assignment.strategy" = "range" }
"#;

fn play_group(steps: &str) -> Report {
    let source = format!("{GROUP}{steps}");
    let scenario = Scenario::parse("group.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
    run(&scenario, RunOptions { seed: None, until: None, trace: TraceKind::None }, &mut |_| true)
}

#[test]
fn of_a_group_can_be_asked_where_it_stands_who_coordinates_it_and_what_is_committed() {
    let report = play_group(
        r#"
[[step]]
at = "1s"
expect = { group = "billing", state = "Stable", group-type = "classic", members = 1, assignor = "range", coordinator = 1 }
[[step]]
join = { client = "g2", topics = ["orders"] }
[[step]]
within = "20s"
expect = { group = "billing", state = "Stable", members = 2, epoch = { min = 2 } }
[[step]]
within = "2s"
expect-event = { event = "partitions-assigned", on = "g2", owned = 2 }
[[step]]
commit-offsets = { client = "g2", offsets = { "orders-3" = 7 } }
[[step]]
within = "5s"
expect = { group = "billing", partition = "orders-3", committed = 7 }
[[step]]
never = { group = "billing", state = "Dead" }
"#,
    );
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
}

#[test]
fn what_a_group_is_not_is_shown_beside_what_it_is() {
    let report = play_group(
        r#"
[[step]]
at = "1s"
expect = { group = "billing", state = "Empty", group-type = "consumer", members = 2, coordinator = -1 }
[[step]]
expect = { group = "shipping", members = 0 }
[[step]]
expect = { group = "shipping", partition = "orders-3", committed = 7 }
"#,
    );
    assert_eq!(report.verdict, Verdict::Expectation);
    let text = report.findings();
    for said in [
        "expected state Empty, found Stable",
        "expected another group-type, found classic",
        "expected members 2, found 1",
        "expected coordinator -1, found 1",
        "there is no such group",
        "expected committed 7, found none",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn what_the_unseen_administrator_is_refused_can_be_expected_and_what_it_asks_last_is_answered() {
    let refused = r#"
[[step]]
at = "1s"
delete-group = { group = "billing" }
[[step]]
within = "5s"
expect-error = { error = "NON_EMPTY_GROUP" }
"#;
    let report = play_group(refused);
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());

    let last = "\n[[step]]\nat = \"1s\"\nlist-groups = {}\n";
    let scenario = Scenario::parse("group.toml", &format!("{GROUP}{last}")).expect("a scenario");
    let mut told = String::new();
    let options = RunOptions { seed: None, until: None, trace: TraceKind::Lanes };
    let report = run(&scenario, options, &mut |text| {
        told.push_str(text);
        true
    });
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.findings());
    assert!(told.lines().any(|line| line.contains("groups") && line.contains("billing")), "{told}");
}

/// A group whose coordinator does not run the assignor that its only member asks for; another broker would.
#[test]
fn member_that_its_coordinator_refuses_ends_the_boot_at_once() {
    let report_of = |assignor: &str| {
        let source = format!(
            r#"format = 1
id = "refused"
title = "A member that its coordinator refuses"
seed = 0x5
[cluster]
combined = 2
latency = "10ms"
config = {{ "offsets.topic.num.partitions" = 1, "offsets.topic.replication.factor" = 1 }}
[[node]]
id = 1
config = {{ "group.consumer.assignors" = "range" }}
[[node]]
id = 2
config = {{ "group.consumer.assignors" = "uniform" }}
[[topic]]
name = "orders"
replicas = [[1]]
[[client]]
name = "g1"
consumer = {{ subscribe = ["orders"], "group.id" = "billing", "group.protocol" = "consumer", "group.remote.assignor" = "{assignor}" }}
"#
        );
        let scenario = Scenario::parse("refused.toml", &source).unwrap_or_else(|invalid| panic!("{invalid}"));
        run(&scenario, RunOptions { trace: TraceKind::None, ..RunOptions::default() }, &mut |_| true)
    };
    let reports = ["range", "uniform"].map(report_of);
    let refused: Vec<&Report> = reports.iter().filter(|report| report.verdict != Verdict::Pass).collect();
    assert_eq!(refused.len(), 1, "one of the two brokers coordinates: {reports:?}");
    assert_eq!(refused[0].verdict, Verdict::Expectation);
    let found = refused[0].findings();
    assert!(
        found.contains(
            "group `billing` takes none of its members before time zero: g1's poll throws UNSUPPORTED_ASSIGNOR"
        ),
        "{found}"
    );
}
