//! Every message that occurs in a lesson survives its own bytes: what machines hand over as
//! values is what a socket would have carried.

use std::collections::{BTreeMap, BTreeSet};

use trial_broker::api::{Body, Direction, Message};
use trial_broker::effects::Output;
use trial_sim::internal::scenario::Verdict;
use trial_sim::internal::scenario::run::RunOptions;
use trial_sim::internal::step::Telling;
use trial_tests::captured::Captured;
use trial_tests::{lessons, parallel};

/// An API at a version, as machines of Trial negotiate it, and whether it was asked or answered.
type Kind = (&'static str, i16, &'static str);

/// Sends a message through its bytes.
fn check(message: &Message) -> Kind {
    let (direction, word) = match message.body {
        Body::Request(_) => (Direction::Request, "request"),
        Body::Response(_) => (Direction::Response { api: message.api, version: message.version }, "response"),
    };
    let bytes = message.to_bytes();
    let again = Message::from_bytes(bytes.clone(), direction)
        .unwrap_or_else(|error| panic!("{} v{}: {error}", message.api.name(), message.version));
    assert_eq!(again, *message, "another message came out of the bytes");
    assert_eq!(again.to_bytes(), bytes, "the message has two encodings");
    (message.api.name(), message.version, word)
}

/// Runs a lesson and returns which messages occurred in it, how often.
fn messages_of(name: &str) -> BTreeMap<Kind, usize> {
    let run = Captured::run(&lessons::read(name), RunOptions::default());
    assert_eq!(run.report.verdict, Verdict::Pass, "{name}: {:?}", run.report.failures);
    let mut world = run.again();
    world.set_telling(Telling::Details);
    let mut seen = BTreeMap::new();
    for _ in 0..run.steps() {
        let step = world.step().expect("the run takes as many steps as before");
        for output in step.detail.iter().flat_map(|detail| &detail.outputs) {
            if let Output::Send { message, .. } = output {
                *seen.entry(check(message)).or_default() += 1;
            }
        }
    }
    assert_eq!(world.fingerprint(), run.report.fingerprint, "details change what happens");
    seen
}

/// What occurs in the lessons, all of them together, with the version that two machines of Trial agree upon. An API that
/// disappears from this list is no longer proved by any lesson, and one that is new in it has just been.
const OCCURRING: &[(&str, i16)] = &[
    ("AllocateProducerIds", 0),
    ("AlterPartition", 3),
    ("ApiVersions", 4),
    ("BeginQuorumEpoch", 1),
    ("BrokerHeartbeat", 1),
    ("BrokerRegistration", 4),
    ("ConsumerGroupHeartbeat", 1),
    ("ControllerRegistration", 0),
    ("CreatePartitions", 3),
    ("CreateTopics", 7),
    ("Fetch", 18),
    ("FindCoordinator", 6),
    ("Heartbeat", 4),
    ("InitProducerId", 5),
    ("JoinGroup", 9),
    ("LeaveGroup", 5),
    ("ListOffsets", 10),
    ("Metadata", 13),
    ("OffsetCommit", 9),
    ("OffsetFetch", 9),
    ("OffsetForLeaderEpoch", 4),
    ("Produce", 13),
    ("SyncGroup", 5),
    ("Vote", 2),
];

/// What no lesson can do without.
const IN_EVERY_LESSON: &[&str] = &["Fetch", "Metadata", "ApiVersions", "BrokerHeartbeat", "Vote"];

#[test]
fn every_message_of_every_lesson_is_its_bytes() {
    let names = lessons::names();
    let by_lesson = parallel::map(&names, |name| messages_of(name));
    let mut all: BTreeSet<Kind> = BTreeSet::new();
    for (name, seen) in names.iter().zip(&by_lesson) {
        for api in IN_EVERY_LESSON {
            assert!(seen.keys().any(|(known, ..)| known == api), "no {api} in {name}: {seen:?}");
        }
        all.extend(seen.keys());
    }
    let expected: BTreeSet<Kind> = OCCURRING
        .iter()
        .flat_map(|(api, version)| [(*api, *version, "request"), (*api, *version, "response")])
        .collect();
    assert_eq!(all, expected, "other messages occur than the list says");
}
