//! Every message that occurs in a lesson survives its own bytes: what machines hand over as
//! values is what a socket would have carried.

use std::collections::BTreeSet;

use trial_broker::api::{Body, Direction, Message};
use trial_broker::effects::Output;
use trial_sim::scenario::Verdict;
use trial_sim::scenario::run::RunOptions;
use trial_tests::captured::Captured;
use trial_tests::lessons;

/// Sends a message through its bytes.
fn check(message: &Message) {
    let direction = match message.body {
        Body::Request(_) => Direction::Request,
        Body::Response(_) => Direction::Response { api: message.api, version: message.version },
    };
    let bytes = message.to_bytes();
    let again = Message::from_bytes(bytes.clone(), direction)
        .unwrap_or_else(|error| panic!("{} v{}: {error}", message.api.name(), message.version));
    assert_eq!(again, *message, "another message came out of the bytes");
    assert_eq!(again.to_bytes(), bytes, "the message has two encodings");
}

/// Runs a lesson and returns which messages occurred in it.
fn messages_of(name: &str) -> BTreeSet<(&'static str, i16, bool)> {
    let run = Captured::run(&lessons::read(name), RunOptions::default());
    assert_eq!(run.report.verdict, Verdict::Pass, "{name}: {:?}", run.report.failures);
    let mut world = run.again();
    world.keep_detail(true);
    let mut seen = BTreeSet::new();
    for _ in 0..run.steps() {
        let step = world.step().expect("the run takes as many steps as before");
        for output in step.detail.iter().flat_map(|detail| &detail.outputs) {
            if let Output::Send { message, .. } = output {
                check(message);
                seen.insert((message.api.name(), message.version, matches!(message.body, Body::Request(_))));
            }
        }
    }
    assert_eq!(world.fingerprint(), run.report.fingerprint, "details change what happens");
    seen
}

fn check_lesson(name: &str) {
    let seen = messages_of(name);
    for api in ["Produce", "Fetch", "Metadata", "ApiVersions", "BrokerHeartbeat", "Vote"] {
        for is_request in [true, false] {
            assert!(
                seen.iter().any(|(seen, _, request)| *seen == api && *request == is_request),
                "no {api} in {name}, so nothing is proved of it: {seen:?}"
            );
        }
    }
}

#[test]
fn messages_of_lesson_2_replication() {
    check_lesson("02-log-end-and-high-watermark");
}

#[test]
fn messages_of_lesson_5_refusals_and_isr_changes() {
    check_lesson("05-below-the-line");
}

#[test]
fn messages_of_lesson_7_leader_loss() {
    check_lesson("07-leader-loss");
}
